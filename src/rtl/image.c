/* The headers of Windows images, wherever such an image lies in memory. */
#include "rtl/rtlp.h"

#include <ntimage.h>

#define NO_RANGE_CHECK 1u
#define FURTHEST_HEADER (256u * 1024 * 1024)

NTSTATUS RtlImageNtHeaderEx(ULONG Flags, PVOID BaseOfImage, ULONGLONG Size, PVOID *OutHeaders)
{
    const IMAGE_DOS_HEADER *dos = BaseOfImage;
    bool ranged = !(Flags & NO_RANGE_CHECK);

    if (!OutHeaders)
        return STATUS_INVALID_PARAMETER;
    *OutHeaders = NULL;
    if ((Flags & ~NO_RANGE_CHECK) || !BaseOfImage || BaseOfImage == (PVOID)(LONG_PTR)-1)
        return STATUS_INVALID_PARAMETER;
    if ((ranged && Size < sizeof *dos) || dos->e_magic != IMAGE_DOS_SIGNATURE)
        return STATUS_INVALID_IMAGE_FORMAT;
    ULONG at = (ULONG)dos->e_lfanew;
    if (at >= FURTHEST_HEADER || (ranged && Size < at + sizeof(ULONG) + sizeof(IMAGE_FILE_HEADER)))
        return STATUS_INVALID_IMAGE_FORMAT;
    PIMAGE_NT_HEADERS headers = (PVOID)((PUCHAR)BaseOfImage + at);
    if (headers->Signature != IMAGE_NT_SIGNATURE)
        return STATUS_INVALID_IMAGE_FORMAT;
    *OutHeaders = headers;
    return STATUS_SUCCESS;
}

PVOID RtlImageNtHeader(PVOID BaseOfImage)
{
    PVOID headers;
    return NT_SUCCESS(RtlImageNtHeaderEx(NO_RANGE_CHECK, BaseOfImage, 0, &headers)) ? headers : NULL;
}

/* In a file as it lies on the disk. */
static PVOID InSection(PUCHAR base, PIMAGE_NT_HEADERS headers, ULONG address)
{
    PIMAGE_SECTION_HEADER section = IMAGE_FIRST_SECTION(headers);
    for (USHORT i = 0; i < headers->FileHeader.NumberOfSections; i++, section++)
        if (address >= section->VirtualAddress && address - section->VirtualAddress < section->SizeOfRawData)
            return base + section->PointerToRawData + (address - section->VirtualAddress);
    return NULL;
}

PVOID RtlImageDirectoryEntryToData(PVOID BaseOfImage, BOOLEAN MappedAsImage, USHORT DirectoryEntry, PULONG Size)
{
    PUCHAR base = (PUCHAR)((ULONG_PTR)BaseOfImage & ~(ULONG_PTR)1);
    bool mapped = MappedAsImage && base == BaseOfImage; /* the lowest bit: a loaded data file */
    const IMAGE_DATA_DIRECTORY *directory;
    ULONG count, headers_size;

    *Size = 0;
    PIMAGE_NT_HEADERS headers = RtlImageNtHeader(base);
    if (!headers)
        return NULL;
    if (headers->OptionalHeader.Magic == IMAGE_NT_OPTIONAL_HDR64_MAGIC) {
        directory = headers->OptionalHeader.DataDirectory;
        count = headers->OptionalHeader.NumberOfRvaAndSizes;
        headers_size = headers->OptionalHeader.SizeOfHeaders;
    } else if (headers->OptionalHeader.Magic == IMAGE_NT_OPTIONAL_HDR32_MAGIC) {
        const IMAGE_NT_HEADERS32 *narrow = (PVOID)headers;
        directory = narrow->OptionalHeader.DataDirectory;
        count = narrow->OptionalHeader.NumberOfRvaAndSizes;
        headers_size = narrow->OptionalHeader.SizeOfHeaders;
    } else {
        return NULL;
    }
    if (DirectoryEntry >= count || !directory[DirectoryEntry].VirtualAddress)
        return NULL;
    ULONG address = directory[DirectoryEntry].VirtualAddress;
    PVOID found = mapped || address < headers_size ? base + address : InSection(base, headers, address);
    if (found)
        *Size = directory[DirectoryEntry].Size;
    return found;
}
