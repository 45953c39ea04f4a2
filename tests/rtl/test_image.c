/* The headers of an image, 64 and 32 bits, mapped and as a file. */
#include "rtl_test.h"

#include <ntimage.h>

/* In no published header: drivers that use them declare them. */
PVOID RtlImageNtHeader(PVOID BaseOfImage);
NTSTATUS RtlImageNtHeaderEx(ULONG Flags, PVOID BaseOfImage, ULONGLONG Size, PVOID *OutHeaders);
PVOID RtlImageDirectoryEntryToData(PVOID BaseOfImage, BOOLEAN MappedAsImage, USHORT DirectoryEntry, PULONG Size);

enum { AT = 0x80, SECTION = 0x2000, RAW = 0x400, RAW_SIZE = 0x200, ENTRY = 0x2010 };

static UCHAR image[0x3000] __attribute__((aligned(16)));

static void Make(bool wide)
{
    PIMAGE_DOS_HEADER dos = (PVOID)image;
    PIMAGE_NT_HEADERS headers = (PVOID)(image + AT);
    memset(image, 0, sizeof image);
    dos->e_magic = IMAGE_DOS_SIGNATURE;
    dos->e_lfanew = AT;
    headers->Signature = IMAGE_NT_SIGNATURE;
    headers->FileHeader.NumberOfSections = 1;
    IMAGE_DATA_DIRECTORY *directory;
    if (wide) {
        headers->FileHeader.SizeOfOptionalHeader = sizeof headers->OptionalHeader;
        headers->OptionalHeader.Magic = IMAGE_NT_OPTIONAL_HDR64_MAGIC;
        headers->OptionalHeader.SizeOfHeaders = RAW;
        headers->OptionalHeader.NumberOfRvaAndSizes = 4;
        directory = headers->OptionalHeader.DataDirectory;
    } else {
        PIMAGE_NT_HEADERS32 narrow = (PVOID)headers;
        narrow->FileHeader.SizeOfOptionalHeader = sizeof narrow->OptionalHeader;
        narrow->OptionalHeader.Magic = IMAGE_NT_OPTIONAL_HDR32_MAGIC;
        narrow->OptionalHeader.SizeOfHeaders = RAW;
        narrow->OptionalHeader.NumberOfRvaAndSizes = 4;
        directory = narrow->OptionalHeader.DataDirectory;
    }
    directory[0] = (IMAGE_DATA_DIRECTORY){ENTRY, 40};
    directory[1] = (IMAGE_DATA_DIRECTORY){0x300, 8};              /* in the headers */
    directory[3] = (IMAGE_DATA_DIRECTORY){SECTION + RAW_SIZE, 8}; /* in no section */
    directory[4] = (IMAGE_DATA_DIRECTORY){ENTRY, 8};              /* beyond the count */
    PIMAGE_SECTION_HEADER section = IMAGE_FIRST_SECTION(headers);
    section->VirtualAddress = SECTION;
    section->SizeOfRawData = RAW_SIZE;
    section->PointerToRawData = RAW;
}

static void headers_are_found_where_they_are(void **state)
{
    static const struct {
        ULONG flags;
        ULONGLONG size;
        USHORT magic;
        LONG at;
        ULONG signature;
        NTSTATUS expected;
    } cases[] = {
        {1, 0, IMAGE_DOS_SIGNATURE, AT, IMAGE_NT_SIGNATURE, STATUS_SUCCESS},
        {0, sizeof image, IMAGE_DOS_SIGNATURE, AT, IMAGE_NT_SIGNATURE, STATUS_SUCCESS},
        {0, AT + 8, IMAGE_DOS_SIGNATURE, AT, IMAGE_NT_SIGNATURE, STATUS_INVALID_IMAGE_FORMAT},
        {0, 10, IMAGE_DOS_SIGNATURE, AT, IMAGE_NT_SIGNATURE, STATUS_INVALID_IMAGE_FORMAT},
        {1, 0, 0x4142, AT, IMAGE_NT_SIGNATURE, STATUS_INVALID_IMAGE_FORMAT},
        {1, 0, IMAGE_DOS_SIGNATURE, -8, IMAGE_NT_SIGNATURE, STATUS_INVALID_IMAGE_FORMAT},
        {1, 0, IMAGE_DOS_SIGNATURE, AT, 0x4142, STATUS_INVALID_IMAGE_FORMAT},
        {2, sizeof image, IMAGE_DOS_SIGNATURE, AT, IMAGE_NT_SIGNATURE, STATUS_INVALID_PARAMETER},
    };
    PVOID headers;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Make(true);
        ((PIMAGE_DOS_HEADER)image)->e_magic = cases[i].magic;
        ((PIMAGE_DOS_HEADER)image)->e_lfanew = cases[i].at;
        ((PIMAGE_NT_HEADERS)(image + AT))->Signature = cases[i].signature;
        headers = image;
        assert_int_equal(RtlImageNtHeaderEx(cases[i].flags, image, cases[i].size, &headers), cases[i].expected);
        assert_ptr_equal(headers, NT_SUCCESS(cases[i].expected) ? image + AT : NULL);
        if (cases[i].flags == 1)
            assert_ptr_equal(RtlImageNtHeader(image), headers);
    }
    assert_int_equal(RtlImageNtHeaderEx(1, NULL, 0, &headers), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlImageNtHeaderEx(1, image, 0, NULL), STATUS_INVALID_PARAMETER);
    assert_null(RtlImageNtHeader(NULL));
}

static void directories_are_found_mapped_and_in_files(void **state)
{
    static const struct {
        USHORT entry;
        LONG mapped, file; /* -1: not there */
        ULONG size;
    } cases[] = {
        {0, ENTRY, RAW + ENTRY - SECTION, 40}, {1, 0x300, 0x300, 8}, {2, -1, -1, 0}, {3, SECTION + RAW_SIZE, -1, 8}, {4, -1, -1, 0},
    };
    for (int wide = 0; wide < 2; wide++) {
        Make(wide != 0);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            for (int way = 0; way < 3; way++) { /* mapped, a file, a file as its marked handle says */
                LONG at = way ? cases[i].file : cases[i].mapped;
                ULONG size = 77;
                PVOID found = RtlImageDirectoryEntryToData(image + (way == 2), way != 1, cases[i].entry, &size);
                assert_ptr_equal(found, at < 0 ? NULL : image + at);
                assert_int_equal(size, at < 0 ? 0 : cases[i].size);
            }
        }
        ULONG size;
        ((PIMAGE_NT_HEADERS)(image + AT))->OptionalHeader.Magic = 0x107;
        assert_null(RtlImageDirectoryEntryToData(image, TRUE, 0, &size));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(headers_are_found_where_they_are), TEST(directories_are_found_mapped_and_in_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
