/* A program that does nothing and returns 0, laid out in its file as in memory. */
#include "ps/psp.h"

#include <ntimage.h>

#include <string.h>

enum { AT_HEADERS = 0x80, ALIGNMENT = 0x1000 };

/* The fields that headers of both sizes have. */
#define FILL_OPTIONAL(header, magic, base)                                                                             \
    do {                                                                                                               \
        (header)->Magic = (magic);                                                                                     \
        (header)->SizeOfCode = ALIGNMENT;                                                                              \
        (header)->AddressOfEntryPoint = (header)->BaseOfCode = ALIGNMENT;                                              \
        (header)->ImageBase = (base);                                                                                  \
        (header)->SectionAlignment = (header)->FileAlignment = ALIGNMENT;                                              \
        (header)->MajorOperatingSystemVersion = (header)->MajorSubsystemVersion = 6;                                   \
        (header)->SizeOfImage = PSP_IMAGE_SIZE;                                                                        \
        (header)->SizeOfHeaders = ALIGNMENT;                                                                           \
        (header)->Subsystem = IMAGE_SUBSYSTEM_WINDOWS_GUI;                                                             \
        (header)->SizeOfStackReserve = (header)->SizeOfHeapReserve = 0x100000;                                         \
        (header)->SizeOfStackCommit = (header)->SizeOfHeapCommit = 0x1000;                                             \
        (header)->NumberOfRvaAndSizes = IMAGE_NUMBEROF_DIRECTORY_ENTRIES;                                              \
    } while (0)

static void FillHeaders(PIMAGE_NT_HEADERS64 headers)
{
    headers->FileHeader.Machine = IMAGE_FILE_MACHINE_AMD64;
    headers->FileHeader.SizeOfOptionalHeader = sizeof headers->OptionalHeader;
    headers->FileHeader.Characteristics = IMAGE_FILE_EXECUTABLE_IMAGE | IMAGE_FILE_LARGE_ADDRESS_AWARE | IMAGE_FILE_RELOCS_STRIPPED;
    FILL_OPTIONAL(&headers->OptionalHeader, IMAGE_NT_OPTIONAL_HDR64_MAGIC, 0x140000000);
}

static void FillHeaders32(PIMAGE_NT_HEADERS32 headers)
{
    headers->FileHeader.Machine = IMAGE_FILE_MACHINE_I386;
    headers->FileHeader.SizeOfOptionalHeader = sizeof headers->OptionalHeader;
    headers->FileHeader.Characteristics = IMAGE_FILE_EXECUTABLE_IMAGE | IMAGE_FILE_32BIT_MACHINE | IMAGE_FILE_RELOCS_STRIPPED;
    FILL_OPTIONAL(&headers->OptionalHeader, IMAGE_NT_OPTIONAL_HDR32_MAGIC, 0x400000);
}

void PspFillImage(UCHAR bytes[PSP_IMAGE_SIZE], bool wow64)
{
    static const UCHAR code[] = {0x31, 0xC0, 0xC3}; /* xor eax, eax; ret */
    PIMAGE_DOS_HEADER dos = (PVOID)bytes;
    PIMAGE_NT_HEADERS64 headers = (PVOID)(bytes + AT_HEADERS);

    memset(bytes, 0, PSP_IMAGE_SIZE);
    dos->e_magic = IMAGE_DOS_SIGNATURE;
    dos->e_lfanew = AT_HEADERS;
    headers->Signature = IMAGE_NT_SIGNATURE;
    headers->FileHeader.NumberOfSections = 1;
    if (wow64)
        FillHeaders32((PVOID)headers);
    else
        FillHeaders(headers);
    PIMAGE_SECTION_HEADER text = IMAGE_FIRST_SECTION(headers);
    memcpy(text->Name, ".text", 5);
    text->Misc.VirtualSize = sizeof code;
    text->VirtualAddress = text->PointerToRawData = text->SizeOfRawData = ALIGNMENT;
    text->Characteristics = IMAGE_SCN_CNT_CODE | IMAGE_SCN_MEM_EXECUTE | IMAGE_SCN_MEM_READ;
    memcpy(bytes + ALIGNMENT, code, sizeof code);
}
