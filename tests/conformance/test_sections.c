/* Sections, views of them, and memory of programs. All of it was seen on Windows by published kernel test suites. */
#include "files.h"

/* No published header has them: drivers declare them themselves. */
NTSTATUS MmCreateSection(PVOID *SectionObject, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                         PLARGE_INTEGER MaximumSize, ULONG SectionPageProtection, ULONG AllocationAttributes,
                         HANDLE FileHandle, PFILE_OBJECT File);
NTSTATUS MmMapViewOfSection(PVOID SectionObject, PEPROCESS Process, PVOID *BaseAddress, ULONG_PTR ZeroBits,
                            SIZE_T CommitSize, PLARGE_INTEGER SectionOffset, PSIZE_T ViewSize,
                            SECTION_INHERIT InheritDisposition, ULONG AllocationType, ULONG Protect);

enum { SIZE = 200 }; /* of the file */

static HANDLE file_of_bytes(void)
{
    HANDLE handle;
    LARGE_INTEGER start = {.QuadPart = 0};
    UCHAR bytes[SIZE];
    memset(bytes, 'b', sizeof bytes);
    succeeds(create(FILE_ON_C(L"mapped"), FILE_READ_DATA | FILE_WRITE_DATA | FILE_EXECUTE, 0, ALL_SHARED, FILE_SUPERSEDE,
                    FILE_NON_DIRECTORY_FILE, &handle));
    succeeds(ZwWriteFile(handle, NULL, NULL, NULL, &iosb, bytes, SIZE, &start, NULL));
    return handle;
}

static NTSTATUS section_of(HANDLE file, LONGLONG size, ULONG protection, ULONG attributes, PHANDLE section)
{
    LARGE_INTEGER most = {.QuadPart = size};
    NTSTATUS status = ZwCreateSection(section, SECTION_ALL_ACCESS, NULL, &most, protection, attributes, file);
    assert_int_equal(most.QuadPart, size);
    return status;
}

static NTSTATUS view_of(HANDLE section, ULONG protection)
{
    PVOID base = NULL;
    SIZE_T size = 0;
    NTSTATUS status =
        ZwMapViewOfSection(section, ZwCurrentProcess(), &base, 0, 0, NULL, &size, ViewUnmap, 0, protection);
    if (NT_SUCCESS(status))
        succeeds(ZwUnmapViewOfSection(ZwCurrentProcess(), base));
    return status;
}

/* ---- making ---- */

static void a_section_needs_one_kind_and_a_size(void)
{
    volume_set();
    HANDLE file = file_of_bytes(), section;
    static const struct {
        bool file;
        LONGLONG size;
        ULONG protection, attributes;
        NTSTATUS status;
    } rows[] = {
        {false, SIZE, PAGE_READWRITE, SEC_COMMIT, STATUS_SUCCESS},
        {false, SIZE, PAGE_READWRITE, SEC_RESERVE, STATUS_SUCCESS},
        {false, SIZE, PAGE_READWRITE, SEC_COMMIT | SEC_NOCACHE, STATUS_SUCCESS},
        {false, SIZE, PAGE_READWRITE, SEC_RESERVE | SEC_NOCACHE, STATUS_SUCCESS},
        {false, SIZE, PAGE_READWRITE, 0, STATUS_INVALID_PARAMETER_6},
        {false, SIZE, PAGE_READWRITE, SEC_COMMIT | SEC_RESERVE, STATUS_INVALID_PARAMETER_6},
        {false, SIZE, PAGE_READWRITE, SEC_COMMIT | SEC_RESERVE | SEC_NOCACHE, STATUS_INVALID_PARAMETER_6},
        {false, SIZE, PAGE_READWRITE, SEC_COMMIT | SEC_IMAGE, STATUS_INVALID_PARAMETER_6},
        {false, SIZE, PAGE_READWRITE, SEC_NOCACHE, STATUS_INVALID_PARAMETER_6},
        {false, SIZE, PAGE_READWRITE, SEC_LARGE_PAGES, STATUS_INVALID_PARAMETER_6},
        {false, SIZE, PAGE_READWRITE, (ULONG)-1, STATUS_INVALID_PARAMETER_6},
        {false, SIZE, PAGE_READWRITE, SEC_LARGE_PAGES | SEC_COMMIT, STATUS_INVALID_PARAMETER_4},
        {false, 4 << 20, PAGE_READWRITE, SEC_LARGE_PAGES | SEC_COMMIT, STATUS_SUCCESS},
        {false, SIZE, PAGE_READWRITE, SEC_IMAGE, STATUS_INVALID_FILE_FOR_SECTION},
        {false, 0, PAGE_READWRITE, SEC_COMMIT, STATUS_INVALID_PARAMETER_4},
        {false, -1, PAGE_READWRITE, SEC_COMMIT, STATUS_SECTION_TOO_BIG},
        {false, SIZE, PAGE_EXECUTE_READ, SEC_COMMIT, STATUS_SUCCESS},
        {false, SIZE, PAGE_EXECUTE_READWRITE, SEC_COMMIT, STATUS_SUCCESS},
        {false, SIZE, PAGE_EXECUTE_WRITECOPY, SEC_COMMIT, STATUS_SUCCESS},
        {false, SIZE, PAGE_READONLY, SEC_COMMIT, STATUS_SUCCESS},
        {false, SIZE, PAGE_EXECUTE_READ | PAGE_READWRITE, SEC_COMMIT, STATUS_INVALID_PAGE_PROTECTION},
        {false, SIZE, PAGE_READONLY | PAGE_READWRITE, SEC_COMMIT, STATUS_INVALID_PAGE_PROTECTION},
        {false, SIZE, PAGE_READONLY | PAGE_WRITECOPY, SEC_COMMIT, STATUS_INVALID_PAGE_PROTECTION},
        {false, SIZE, 0, SEC_COMMIT, STATUS_INVALID_PAGE_PROTECTION},
        {false, SIZE, (ULONG)-1, SEC_COMMIT, STATUS_INVALID_PAGE_PROTECTION},
        {true, SIZE, PAGE_READONLY, SEC_COMMIT, STATUS_SUCCESS},
        {true, SIZE, PAGE_WRITECOPY, SEC_COMMIT, STATUS_SUCCESS},
        {true, SIZE, PAGE_EXECUTE, SEC_COMMIT, STATUS_SUCCESS},
        {true, SIZE - 100, PAGE_READONLY, SEC_COMMIT, STATUS_SUCCESS},
        {true, 0, PAGE_READONLY, SEC_COMMIT, STATUS_SUCCESS}, /* as large as the file */
        {true, SIZE + 1, PAGE_READONLY, SEC_COMMIT, STATUS_SECTION_TOO_BIG},
        {true, -1, PAGE_READONLY, SEC_COMMIT, STATUS_SECTION_TOO_BIG},
        {true, 0, PAGE_EXECUTE_READ, SEC_COMMIT, STATUS_SUCCESS},
        {true, 0, PAGE_EXECUTE_READWRITE, SEC_COMMIT, STATUS_SUCCESS},
        {true, 0, PAGE_EXECUTE_WRITECOPY, SEC_COMMIT, STATUS_SUCCESS},
        {true, 0, PAGE_EXECUTE_READ | PAGE_READWRITE, SEC_COMMIT, STATUS_INVALID_PAGE_PROTECTION},
        {true, 0, PAGE_READONLY | PAGE_WRITECOPY, SEC_COMMIT, STATUS_INVALID_PAGE_PROTECTION},
        {true, 0, 0, SEC_COMMIT, STATUS_INVALID_PAGE_PROTECTION},
        {true, 0, (ULONG)-1, SEC_COMMIT, STATUS_INVALID_PAGE_PROTECTION},
        {true, 0, PAGE_READWRITE, 0, STATUS_INVALID_PARAMETER_6},
        {true, 0, PAGE_READWRITE, SEC_COMMIT | SEC_RESERVE, STATUS_INVALID_PARAMETER_6},
        {true, 0, PAGE_READWRITE, SEC_COMMIT | SEC_IMAGE, STATUS_INVALID_PARAMETER_6},
        {true, 0, PAGE_READWRITE, SEC_LARGE_PAGES, STATUS_INVALID_PARAMETER_6},
        {true, 0, PAGE_READWRITE, SEC_LARGE_PAGES | SEC_COMMIT, STATUS_INVALID_PARAMETER_6},
        {true, 0, PAGE_READWRITE, SEC_NOCACHE, STATUS_INVALID_PARAMETER_6},
        {true, 0, PAGE_READWRITE, SEC_RESERVE, STATUS_SUCCESS},
        {true, 0, PAGE_READWRITE, SEC_COMMIT | SEC_NOCACHE, STATUS_SUCCESS},
        {true, 0, PAGE_READWRITE, SEC_IMAGE, STATUS_INVALID_IMAGE_NOT_MZ},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        NTSTATUS status =
            section_of(rows[i].file ? file : NULL, rows[i].size, rows[i].protection, rows[i].attributes, &section);
        differ(i, "create", status, rows[i].status);
        if (NT_SUCCESS(status))
            succeeds(ZwClose(section));
        if (rows[i].file)
            continue;
        PVOID object = &section;
        LARGE_INTEGER most = {.QuadPart = rows[i].size};
        status = MmCreateSection(&object, 0, NULL, &most, rows[i].protection, rows[i].attributes, NULL, NULL);
        differ(i, "Mm", status, rows[i].status);
        if (NT_SUCCESS(status))
            ObDereferenceObject(object);
        else
            assert_ptr_equal(object, &section);
    }
    assert_int_equal(differences, 0);

    LARGE_INTEGER most = {.QuadPart = SIZE};
    answers(STATUS_OBJECT_PATH_SYNTAX_BAD,
            ZwCreateSection(&section, SECTION_ALL_ACCESS, named(L"NO/PATH"), &most, PAGE_READWRITE, SEC_COMMIT, NULL));
    PFILE_OBJECT object;
    succeeds(ObReferenceObjectByHandle(file, 0, *IoFileObjectType, KernelMode, (PVOID *)&object, NULL));
    PSECTION_OBJECT_POINTERS pointers = object->SectionObjectPointer;
    object->SectionObjectPointer = NULL; /* a file system that knows no sections */
    answers(STATUS_INVALID_FILE_FOR_SECTION, section_of(file, SIZE, PAGE_READONLY, SEC_COMMIT, &section));
    object->SectionObjectPointer = pointers;
    ObDereferenceObject(object);
    succeeds(ZwClose(file));
}

static void an_image_is_as_large_as_its_headers_say(void)
{
    volume_set();
    HANDLE file = file_of_bytes(), section;
    LARGE_INTEGER start = {.QuadPart = 0};
    static const LONGLONG sizes[] = {SIZE, SIZE - 2, SIZE + 2, 0};
    succeeds(ZwWriteFile(file, NULL, NULL, NULL, &iosb, (PVOID) "MZ", 2, &start, NULL));
    for (size_t i = 0; i < ARRAYSIZE(sizes); i++) {
        succeeds(section_of(file, sizes[i], PAGE_EXECUTE_READ, SEC_IMAGE, &section));
        succeeds(ZwClose(section));
    }
    answers(STATUS_SECTION_TOO_BIG, section_of(file, -1, PAGE_EXECUTE_READ, SEC_IMAGE, &section));
    succeeds(ZwClose(file));
}

/* ---- views ---- */

static void a_view_asks_for_no_more_than_its_section_has(void)
{
    static const ULONG views[] = {PAGE_NOACCESS, PAGE_READONLY,     PAGE_READWRITE,         PAGE_WRITECOPY,
                                  PAGE_EXECUTE,  PAGE_EXECUTE_READ, PAGE_EXECUTE_WRITECOPY};
    static const struct {
        ULONG protection;
        const char *views; /* y: it maps, n: it does not, a blank: nobody looked */
    } rows[] = {
        {PAGE_READONLY, "yynynnn"},
        {PAGE_READWRITE, "yyy n n"},
        {PAGE_WRITECOPY, " yn n  "},
        {PAGE_EXECUTE, " nn y  "},
    };
    volume_set();
    HANDLE file = file_of_bytes(), section;
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        static const ACCESS_MASK accesses[] = {SECTION_MAP_READ, SECTION_MAP_WRITE, SECTION_MAP_EXECUTE};
        for (size_t a = 0; a < ARRAYSIZE(accesses); a++) { /* nothing to the kernel */
            LARGE_INTEGER most = {.QuadPart = SIZE};
            succeeds(ZwCreateSection(&section, accesses[a], NULL, &most, rows[i].protection, SEC_COMMIT, file));
            for (size_t v = 0; v < ARRAYSIZE(views); v++)
                if (rows[i].views[v] != ' ')
                    differ(i * 10 + v, "view", view_of(section, views[v]),
                           rows[i].views[v] == 'y' ? STATUS_SUCCESS : STATUS_SECTION_PROTECTION);
            differ(i, "two", view_of(section, PAGE_READWRITE | PAGE_READONLY), STATUS_INVALID_PAGE_PROTECTION);
            succeeds(ZwClose(section));
        }
    }
    assert_int_equal(differences, 0);
    succeeds(ZwClose(file));
}

static void a_view_lies_within_its_section_and_on_a_boundary(void)
{
    enum { GRANULE = 0x10000, BAD = -2 };
    enum { FILE_RW, FILE_RO, MEMORY };
    static const struct {
        int section;
        ULONG_PTR base, zero_bits;
        SIZE_T commit;
        LONGLONG offset;
        SIZE_T size;
        ULONG inherit, type, protection;
        NTSTATUS status;
    } rows[] = {
        {FILE_RW, 0, 0, 0, 0, 0, ViewUnmap, 0, PAGE_READWRITE, STATUS_SUCCESS},
        {FILE_RW, 0x567a20, 0, 0, 0, 0, ViewUnmap, 0, PAGE_READWRITE, STATUS_MAPPED_ALIGNMENT},
        {FILE_RW, (ULONG_PTR)BAD, 0, 0, 0, 0, ViewUnmap, 0, PAGE_READWRITE, STATUS_INVALID_PARAMETER_3},
        {FILE_RW, 0, 22, 0, 0, 0, ViewUnmap, 0, PAGE_READWRITE, STATUS_INVALID_PARAMETER_4},
        {MEMORY, 0, 0, 500, 0, 0, ViewUnmap, 0, PAGE_READWRITE, STATUS_SUCCESS},
        {MEMORY, 0, 0, (SIZE_T)-1, 0, 0, ViewUnmap, 0, PAGE_READWRITE, STATUS_INVALID_PARAMETER_5},
        {MEMORY, 0, 0, 0x10000000, 0, 0, ViewUnmap, 0, PAGE_READWRITE, STATUS_INVALID_PARAMETER_5},
        {FILE_RW, 0, 0, 500, 0, 0, ViewUnmap, 0, PAGE_READWRITE, STATUS_INVALID_PARAMETER_5},
        {FILE_RW, 0, 0, 500, 0, 0, ViewUnmap, MEM_RESERVE, PAGE_READWRITE, STATUS_SUCCESS},
        {MEMORY, 0, 0, 500, 0x40211, 0, ViewUnmap, 0, PAGE_READWRITE, STATUS_MAPPED_ALIGNMENT},
        {FILE_RW, 0, 0, 0, -1, 0, ViewUnmap, 0, PAGE_READWRITE, STATUS_MAPPED_ALIGNMENT},
        {MEMORY, 0, 0, 0, GRANULE, 0, ViewUnmap, 0, PAGE_READWRITE, STATUS_SUCCESS},
        {FILE_RW, 0, 0, 0, 0, (SIZE_T)-1, ViewUnmap, 0, PAGE_READWRITE, STATUS_INVALID_PARAMETER_3},
        {FILE_RW, 0, 0, 0, 0, SIZE + 1, ViewUnmap, 0, PAGE_READWRITE, STATUS_INVALID_VIEW_SIZE},
        {FILE_RW, 0, 0, 0, 0, SIZE + 1, ViewUnmap, MEM_RESERVE, PAGE_READWRITE, STATUS_SUCCESS},
        {FILE_RW, 0, 0, 0, 0, SIZE, ViewUnmap, 0, PAGE_READWRITE, STATUS_SUCCESS},
        {FILE_RW, 0, 0, 0, 0, SIZE - 1, ViewUnmap, 0, PAGE_READWRITE, STATUS_SUCCESS},
        {FILE_RW, 0, 0, 0, 0, 0, ViewUnmap, MEM_RESERVE, PAGE_READWRITE, STATUS_SUCCESS},
        {FILE_RW, 0, 0, 0, 0, 0, ViewUnmap, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE, STATUS_INVALID_PARAMETER_9},
        {MEMORY, 0, 0, 0, 0, 0, ViewUnmap, MEM_RESERVE, PAGE_READWRITE, STATUS_INVALID_PARAMETER_9},
        {MEMORY, 0, 0, PAGE_SIZE, 0, 2 * PAGE_SIZE, ViewShare, MEM_COMMIT, PAGE_READWRITE, STATUS_INVALID_PARAMETER_9},
        {MEMORY, 0, 0, 0, 0, PAGE_SIZE, ViewShare, 0, PAGE_EXECUTE_READWRITE, STATUS_SECTION_PROTECTION},
        {FILE_RO, 0, 0, 0, 0, 0, ViewUnmap, MEM_RESERVE, PAGE_READONLY, STATUS_SECTION_PROTECTION},
        {FILE_RO, 0, 0, 0, 0, 0, ViewUnmap, 0, PAGE_READONLY, STATUS_SUCCESS},
    };
    volume_set();
    HANDLE file = file_of_bytes(), sections[3], none = NULL;
    succeeds(section_of(file, SIZE, PAGE_READWRITE, SEC_COMMIT, &sections[FILE_RW]));
    succeeds(section_of(file, SIZE, PAGE_READONLY, SEC_COMMIT, &sections[FILE_RO]));
    succeeds(section_of(NULL, 5 * GRANULE, PAGE_READWRITE, SEC_COMMIT, &sections[MEMORY]));
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        PVOID base = (PVOID)rows[i].base;
        LARGE_INTEGER offset = {.QuadPart = rows[i].offset};
        SIZE_T size = rows[i].size;
        NTSTATUS status = ZwMapViewOfSection(sections[rows[i].section], ZwCurrentProcess(), &base, rows[i].zero_bits,
                                             rows[i].commit, &offset, &size, rows[i].inherit, rows[i].type,
                                             rows[i].protection);
        differ(i, "map", status, rows[i].status);
        if (NT_SUCCESS(status)) {
            assert_int_equal(offset.QuadPart, rows[i].offset);
            answers(STATUS_UNABLE_TO_DELETE_SECTION, ZwFreeVirtualMemory(ZwCurrentProcess(), &base, &size, MEM_RELEASE));
            succeeds(ZwUnmapViewOfSection(ZwCurrentProcess(), base));
        }
        base = (PVOID)0x567a20; /* what is no section is none, wherever it should go */
        size = 0;
        answers(STATUS_INVALID_HANDLE, ZwMapViewOfSection(none, ZwCurrentProcess(), &base, 0, 0, NULL, &size, ViewUnmap, 0,
                                                          PAGE_READWRITE));
        answers(STATUS_INVALID_HANDLE, ZwMapViewOfSection(sections[FILE_RW], none, &base, 0, 0, NULL, &size, ViewUnmap, 0,
                                                          PAGE_READWRITE));
        base = NULL;
        answers(STATUS_OBJECT_TYPE_MISMATCH, ZwMapViewOfSection(ZwCurrentProcess(), ZwCurrentProcess(), &base, 0, 0, NULL,
                                                                &size, ViewUnmap, 0, PAGE_READWRITE));
        none = (HANDLE)(ULONG_PTR)0xdeadbeefdeadbee8;
    }
    assert_int_equal(differences, 0);

    PVOID object, base = NULL;
    LARGE_INTEGER offset = {.QuadPart = SIZE};
    SIZE_T size = 1;
    succeeds(ObReferenceObjectByHandle(sections[FILE_RW], 0, NULL, KernelMode, &object, NULL));
    answers(STATUS_INVALID_VIEW_SIZE, MmMapViewOfSection(object, PsGetCurrentProcess(), &base, 0, SIZE, &offset, &size,
                                                         ViewUnmap, 0, PAGE_READWRITE));
    offset.QuadPart = 0;
    size = (SIZE_T)-1;
    answers(STATUS_INVALID_VIEW_SIZE, MmMapViewOfSection(object, PsGetCurrentProcess(), &base, 0, SIZE, &offset, &size,
                                                         ViewUnmap, MEM_RESERVE, PAGE_READWRITE));
    ObDereferenceObject(object);
    for (size_t i = 0; i < ARRAYSIZE(sections); i++)
        succeeds(ZwClose(sections[i]));
    succeeds(ZwClose(file));
}

static void a_view_is_the_file(void)
{
    volume_set();
    HANDLE file = file_of_bytes(), section;
    LARGE_INTEGER start = {.QuadPart = 0};
    UCHAR read[SIZE];
    PVOID base = NULL;
    SIZE_T size = 0;
    succeeds(section_of(file, 0, PAGE_READWRITE, SEC_COMMIT, &section));
    succeeds(ZwMapViewOfSection(section, ZwCurrentProcess(), &base, 0, 0, NULL, &size, ViewUnmap, 0, PAGE_READWRITE));
    assert_int_equal(size, PAGE_SIZE);
    assert_int_equal(*(PUCHAR)base, 'b');
    memcpy(base, "new", 3);
    succeeds(ZwReadFile(file, NULL, NULL, NULL, &iosb, read, SIZE, &start, NULL)); /* through the same cache */
    assert_memory_equal(read, "newb", 4);
    succeeds(ZwWriteFile(file, NULL, NULL, NULL, &iosb, (PVOID) "old", 3, &start, NULL));
    assert_memory_equal(base, "oldb", 4);
    succeeds(ZwUnmapViewOfSection(ZwCurrentProcess(), base));
    answers(STATUS_NOT_MAPPED_VIEW, ZwUnmapViewOfSection(ZwCurrentProcess(), base));
    succeeds(ZwClose(section));
    succeeds(ZwClose(file));
}

/* ---- memory of programs ---- */

static void memory_is_committed_or_reserved_and_rounded(void)
{
    static const struct {
        ULONG_PTR base, zero_bits;
        SIZE_T size;
        ULONG type, protection;
        NTSTATUS status, freed;
    } rows[] = {
        {0, 0, 200, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE, STATUS_SUCCESS, STATUS_SUCCESS},
        {0, 0, 200, MEM_COMMIT, PAGE_READWRITE, STATUS_SUCCESS, STATUS_SUCCESS},
        {0, 0, 200, MEM_RESERVE, PAGE_READWRITE, STATUS_SUCCESS, STATUS_SUCCESS},
        {0, 0, 200, MEM_COMMIT | MEM_TOP_DOWN, PAGE_READWRITE, STATUS_SUCCESS, STATUS_SUCCESS},
        {0, 0, 200, MEM_RESERVE | MEM_PHYSICAL, PAGE_READWRITE, STATUS_SUCCESS, STATUS_SUCCESS},
        {0, 0, 200, MEM_COMMIT | MEM_RESERVE, PAGE_READONLY | PAGE_WRITECOMBINE, STATUS_SUCCESS, STATUS_SUCCESS},
        {0xffff800000000200, 0, 200, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE, STATUS_INVALID_PARAMETER_2,
         STATUS_INVALID_PARAMETER_2},
        {0, 22, 200, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE, STATUS_INVALID_PARAMETER_3, STATUS_MEMORY_NOT_ALLOCATED},
        {0, 0, (SIZE_T)-1, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE, STATUS_INVALID_PARAMETER_4, STATUS_MEMORY_NOT_ALLOCATED},
        {0, 0, 0, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE, STATUS_INVALID_PARAMETER_4, STATUS_MEMORY_NOT_ALLOCATED},
        {0, 0, 200, MEM_PHYSICAL, PAGE_READWRITE, STATUS_INVALID_PARAMETER_5, STATUS_MEMORY_NOT_ALLOCATED},
        {0, 0, 200, MEM_PHYSICAL | MEM_COMMIT, PAGE_READWRITE, STATUS_INVALID_PARAMETER_5, STATUS_MEMORY_NOT_ALLOCATED},
        {0, 0, 200, MEM_COMMIT | MEM_RESET, PAGE_READWRITE, STATUS_INVALID_PARAMETER_5, STATUS_MEMORY_NOT_ALLOCATED},
        {0, 0, 200, MEM_COMMIT | MEM_RESERVE | MEM_RESET, PAGE_READWRITE, STATUS_INVALID_PARAMETER_5,
         STATUS_MEMORY_NOT_ALLOCATED},
        {0, 0, 200, 0, PAGE_READWRITE, STATUS_INVALID_PARAMETER_5, STATUS_MEMORY_NOT_ALLOCATED},
        {0, 0, 200, MEM_TOP_DOWN, PAGE_READWRITE, STATUS_INVALID_PARAMETER_5, STATUS_MEMORY_NOT_ALLOCATED},
        {0, 0, 200, MEM_TOP_DOWN | MEM_RESET, PAGE_READWRITE, STATUS_INVALID_PARAMETER_5, STATUS_MEMORY_NOT_ALLOCATED},
        {0, 0, 200, (ULONG)-1, PAGE_READWRITE, STATUS_INVALID_PARAMETER_5, STATUS_MEMORY_NOT_ALLOCATED},
        {0, 0, 200, MEM_RESERVE, PAGE_WRITECOPY, STATUS_INVALID_PAGE_PROTECTION, STATUS_MEMORY_NOT_ALLOCATED},
        {0, 0, 200, MEM_RESERVE, PAGE_EXECUTE_WRITECOPY, STATUS_INVALID_PAGE_PROTECTION, STATUS_MEMORY_NOT_ALLOCATED},
        {0, 0, 200, MEM_COMMIT | MEM_RESERVE, 0, STATUS_INVALID_PAGE_PROTECTION, STATUS_MEMORY_NOT_ALLOCATED},
        {0, 0, 200, MEM_COMMIT | MEM_RESERVE, (ULONG)-1, STATUS_INVALID_PAGE_PROTECTION, STATUS_MEMORY_NOT_ALLOCATED},
        {0, 0, 200, MEM_COMMIT | MEM_RESERVE, PAGE_NOACCESS | PAGE_GUARD, STATUS_INVALID_PAGE_PROTECTION,
         STATUS_MEMORY_NOT_ALLOCATED},
        {0, 0, 200, MEM_COMMIT | MEM_RESERVE, PAGE_NOACCESS | PAGE_WRITECOMBINE, STATUS_INVALID_PAGE_PROTECTION,
         STATUS_MEMORY_NOT_ALLOCATED},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        PVOID base = (PVOID)rows[i].base;
        SIZE_T size = rows[i].size;
        NTSTATUS status = ZwAllocateVirtualMemory(ZwCurrentProcess(), &base, rows[i].zero_bits, &size, rows[i].type,
                                                  rows[i].protection);
        differ(i, "allocate", status, rows[i].status);
        if (NT_SUCCESS(status))
            differ_number(i, "size", size, PAGE_SIZE);
        else
            differ_number(i, "base", (ULONG_PTR)base, rows[i].base);
        size = 0;
        differ(i, "free", ZwFreeVirtualMemory(ZwCurrentProcess(), &base, &size, MEM_RELEASE), rows[i].freed);
        if (NT_SUCCESS(rows[i].freed))
            differ_number(i, "freed", size, PAGE_SIZE);
        size = 200;
        base = NULL;
        answers(STATUS_INVALID_HANDLE,
                ZwAllocateVirtualMemory(NULL, &base, 0, &size, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE));
        answers(STATUS_INVALID_HANDLE, ZwFreeVirtualMemory(NULL, &base, &size, MEM_RELEASE));
    }
    assert_int_equal(differences, 0);
    PVOID base = NULL;
    SIZE_T size = 200;
    succeeds(ZwAllocateVirtualMemory(ZwCurrentProcess(), &base, 0, &size, MEM_RESERVE, PAGE_READWRITE));
    succeeds(ZwAllocateVirtualMemory(ZwCurrentProcess(), &base, 0, &size, MEM_COMMIT, PAGE_READWRITE));
    for (size_t i = 0; i < size; i++)
        assert_int_equal(((PUCHAR)base)[i], 0);
    memset(base, 1, size);
    size = 0;
    succeeds(ZwFreeVirtualMemory(ZwCurrentProcess(), &base, &size, MEM_RELEASE));
}

static void pages_are_freed_one_by_one_or_not_at_all(void)
{
    static const struct {
        ULONG pages; /* 0: of the row above */
        SIZE_T at, size;
        ULONG type;
        NTSTATUS status;
        SIZE_T from, freed;
    } rows[] = {
        {1, 0, PAGE_SIZE, MEM_DECOMMIT, STATUS_SUCCESS, 0, PAGE_SIZE},
        {0, 0, PAGE_SIZE + 1, MEM_DECOMMIT, STATUS_UNABLE_TO_FREE_VM, 0, 0},
        {0, 0, PAGE_SIZE + 1, MEM_RELEASE, STATUS_UNABLE_TO_FREE_VM, 0, 0},
        {0, 1, PAGE_SIZE, MEM_DECOMMIT, STATUS_UNABLE_TO_FREE_VM, 0, 0},
        {0, 1, PAGE_SIZE, MEM_RELEASE, STATUS_UNABLE_TO_FREE_VM, 0, 0},
        {0, 1, PAGE_SIZE - 1, MEM_DECOMMIT, STATUS_SUCCESS, 0, PAGE_SIZE},
        {0, 1, PAGE_SIZE - 1, MEM_RELEASE, STATUS_SUCCESS, 0, PAGE_SIZE},
        {2, 0, PAGE_SIZE, MEM_RELEASE, STATUS_SUCCESS, 0, PAGE_SIZE},
        {0, PAGE_SIZE, PAGE_SIZE, MEM_RELEASE, STATUS_SUCCESS, PAGE_SIZE, PAGE_SIZE},
        {2, PAGE_SIZE, PAGE_SIZE, MEM_RELEASE, STATUS_SUCCESS, PAGE_SIZE, PAGE_SIZE},
        {0, 0, PAGE_SIZE, MEM_RELEASE, STATUS_SUCCESS, 0, PAGE_SIZE},
        {2, 1, PAGE_SIZE, MEM_RELEASE, STATUS_SUCCESS, 0, 2 * PAGE_SIZE},
    };
    PVOID base = NULL;
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        SIZE_T size = rows[i].pages * PAGE_SIZE;
        if (rows[i].pages) {
            base = NULL;
            succeeds(ZwAllocateVirtualMemory(ZwCurrentProcess(), &base, 0, &size, MEM_RESERVE, PAGE_READWRITE));
            assert_int_equal(size, rows[i].pages * PAGE_SIZE);
        }
        PVOID part = (PUCHAR)base + rows[i].at;
        size = rows[i].size;
        differ(i, "free", ZwFreeVirtualMemory(ZwCurrentProcess(), &part, &size, rows[i].type), rows[i].status);
        if (!NT_SUCCESS(rows[i].status))
            continue;
        differ_number(i, "from", (ULONG_PTR)part - (ULONG_PTR)base, rows[i].from);
        differ_number(i, "freed", size, rows[i].freed);
    }
    assert_int_equal(differences, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_section_needs_one_kind_and_a_size),
        fltsim_unit_test(an_image_is_as_large_as_its_headers_say),
        fltsim_unit_test(a_view_asks_for_no_more_than_its_section_has),
        fltsim_unit_test(a_view_lies_within_its_section_and_on_a_boundary),
        fltsim_unit_test(a_view_is_the_file),
        fltsim_unit_test(memory_is_committed_or_reserved_and_rounded),
        fltsim_unit_test(pages_are_freed_one_by_one_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
