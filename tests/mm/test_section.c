/* Sections, views and what they write; what file systems ask about them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <fltsim/fltsim.h>

#include <cmocka.h>

#include "mm/mmp.h"

static struct fltsim_volume *volume;

static int start(void **state)
{
    assert_true(fltsim_start(NULL));
    assert_int_equal(fltsim_mount(NULL, &volume), STATUS_SUCCESS);
    return 0;
}

static int stop(void **state)
{
    assert_int_equal(fltsim_stop(NULL), 0);
    return 0;
}

static HANDLE open_file(const char *path, ULONG disposition)
{
    HANDLE handle = NULL;
    struct fltsim_open open = {.access = GENERIC_READ | GENERIC_WRITE | DELETE,
                               .disposition = disposition};
    assert_int_equal(fltsim_open(path, &open, &handle), STATUS_SUCCESS);
    return handle;
}

static HANDLE make_file(const char *path, const char *text)
{
    size_t done;
    HANDLE handle = open_file(path, FILE_CREATE);
    assert_int_equal(fltsim_write(handle, text, strlen(text), 0, &done), STATUS_SUCCESS);
    return handle;
}

static PFILE_OBJECT file_of(HANDLE handle)
{
    PFILE_OBJECT file;
    assert_int_equal(
        ObReferenceObjectByHandle(handle, 0, *IoFileObjectType, KernelMode, (PVOID *)&file, NULL),
        STATUS_SUCCESS);
    ObDereferenceObject(file);
    return file;
}

static void views_and_the_cache_are_one(void **state)
{
    struct fltsim_view view;
    size_t done;
    char text[16] = {0};
    HANDLE handle = make_file("C:\\f", "hello world");
    assert_int_equal(fltsim_map(handle, true, 0, &view), STATUS_SUCCESS);
    assert_memory_equal(view.base, "hello world", 11);
    memcpy(view.base, "HELLO", 5);
    assert_int_equal(fltsim_read(handle, text, 11, 0, &done), STATUS_SUCCESS);
    assert_string_equal(text, "HELLO world");
    assert_int_equal(fltsim_write(handle, "WORLD", 5, 6, &done), STATUS_SUCCESS);
    assert_memory_equal(view.base, "HELLO WORLD", 11);
    assert_int_equal(fltsim_unmap(&view), STATUS_SUCCESS);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    fltsim_trim(volume);
    handle = open_file("C:\\f", FILE_OPEN);
    assert_int_equal(fltsim_read(handle, text, 11, 0, &done), STATUS_SUCCESS);
    assert_string_equal(text, "HELLO WORLD");
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

static void a_view_outlives_its_handles(void **state)
{
    struct fltsim_view view;
    size_t done;
    char text[8] = {0};
    HANDLE handle = make_file("C:\\f", "12345678");
    assert_int_equal(fltsim_map(handle, true, 0, &view), STATUS_SUCCESS);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    fltsim_sleep(5000);
    memcpy(view.base, "abcd", 4);
    assert_int_equal(fltsim_flush_view(&view), STATUS_SUCCESS);
    handle = open_file("C:\\f", FILE_OPEN);
    HANDLE direct;
    struct fltsim_open open = {.access = GENERIC_READ, .options = FILE_NO_INTERMEDIATE_BUFFERING};
    assert_int_equal(fltsim_open("C:\\f", &open, &direct), STATUS_SUCCESS);
    char sector[512];
    assert_int_equal(fltsim_read(direct, sector, sizeof sector, 0, &done), STATUS_SUCCESS);
    assert_memory_equal(sector, "abcd5678", 8);
    assert_int_equal(fltsim_close(direct), STATUS_SUCCESS);
    memcpy(view.base, "wxyz", 4);
    assert_int_equal(fltsim_unmap(&view), STATUS_SUCCESS);
    fltsim_sleep(5000); /* the modified page writer */
    assert_int_equal(fltsim_read(handle, text, 8, 0, &done), STATUS_SUCCESS);
    assert_memory_equal(text, "wxyz5678", 8);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

static void a_stream_that_was_in_use_when_the_lazy_writer_came_goes_all_the_same(void **state)
{
    HANDLE handle = make_file("C:\\f", "12345678");
    PSECTION_OBJECT_POINTERS pointers = file_of(handle)->SectionObjectPointer;
    struct mi_control_area *area = MiFindControlArea(pointers, false);
    assert_non_null(area);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    fltsim_sleep(5000);
    assert_ptr_equal(pointers->DataSectionObject, area);
    MiDereference(area);
    fltsim_sleep(5000);
    assert_null(pointers->DataSectionObject);
}

static void what_is_mapped_is_kept(void **state)
{
    struct fltsim_view view;
    HANDLE other;
    LARGE_INTEGER zero = {.QuadPart = 0};
    HANDLE handle = make_file("C:\\f", "12345678");
    PSECTION_OBJECT_POINTERS sections = file_of(handle)->SectionObjectPointer;
    assert_int_equal(fltsim_map(handle, true, 0, &view), STATUS_SUCCESS);
    assert_int_equal(MmDoesFileHaveUserWritableReferences(sections), 1);
    assert_false(MmCanFileBeTruncated(sections, &zero));
    assert_false(MmForceSectionClosed(sections, FALSE));
    assert_false(MmFlushImageSection(sections, MmFlushForDelete));
    assert_true(MmFlushImageSection(sections, MmFlushForWrite));
    assert_int_equal(fltsim_set_size(handle, 0), STATUS_USER_MAPPED_FILE);
    assert_int_equal(fltsim_set_delete(handle, true), STATUS_CANNOT_DELETE);
    struct fltsim_open open = {.access = GENERIC_WRITE, .disposition = FILE_OVERWRITE};
    assert_int_equal(fltsim_open("C:\\f", &open, &other), STATUS_USER_MAPPED_FILE);
    assert_int_equal(fltsim_unmap(&view), STATUS_SUCCESS);
    assert_int_equal(MmDoesFileHaveUserWritableReferences(sections), 0);
    assert_true(MmCanFileBeTruncated(sections, &zero));
    assert_false(MmForceSectionClosedEx(sections, 0)); /* the handle caches */
    assert_int_equal(fltsim_set_size(handle, 0), STATUS_SUCCESS);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

static NTSTATUS section_of(HANDLE file, LONGLONG size, ULONG protection, ULONG attributes,
                           HANDLE *section)
{
    LARGE_INTEGER wanted = {.QuadPart = size};
    return ZwCreateSection(section, SECTION_ALL_ACCESS, NULL, size ? &wanted : NULL, protection,
                           attributes, file);
}

static void sections_are_checked(void **state)
{
    HANDLE section, empty = open_file("C:\\empty", FILE_CREATE),
                    file = make_file("C:\\f", "12345678"), folder;
    assert_int_equal(section_of(empty, 0, PAGE_READONLY, SEC_COMMIT, &section),
                     STATUS_MAPPED_FILE_SIZE_ZERO);
    assert_int_equal(section_of(file, 0, 0x1234, SEC_COMMIT, &section),
                     STATUS_INVALID_PAGE_PROTECTION);
    assert_int_equal(section_of(file, 0, PAGE_READONLY, 0, &section), STATUS_INVALID_PARAMETER_6);
    assert_int_equal(section_of(file, 100000, PAGE_READONLY, SEC_COMMIT, &section),
                     STATUS_SECTION_TOO_BIG);
    assert_int_equal(section_of(file, 0, PAGE_READONLY, SEC_IMAGE, &section),
                     STATUS_INVALID_IMAGE_NOT_MZ);
    assert_int_equal(section_of(NULL, 0, PAGE_READWRITE, SEC_COMMIT, &section),
                     STATUS_INVALID_PARAMETER_4);
    assert_int_equal(fltsim_make_directory("C:\\d"), STATUS_SUCCESS);
    assert_int_equal(
        fltsim_open("C:\\d", &(struct fltsim_open){.options = FILE_DIRECTORY_FILE}, &folder),
        STATUS_SUCCESS);
    assert_int_equal(section_of(folder, 0, PAGE_READONLY, SEC_COMMIT, &section),
                     STATUS_INVALID_FILE_FOR_SECTION);
    assert_int_equal(section_of(file, 100000, PAGE_READWRITE, SEC_COMMIT, &section),
                     STATUS_SUCCESS);
    uint64_t size;
    assert_int_equal(fltsim_get_size(file, &size), STATUS_SUCCESS);
    assert_int_equal(size, 100000);
    ZwClose(section);
    fltsim_close(folder);
    fltsim_close(empty);
    fltsim_close(file);
}

static void views_are_checked(void **state)
{
    HANDLE section, file = make_file("C:\\f", "12345678");
    PVOID base = NULL;
    SIZE_T size = 0;
    LARGE_INTEGER offset = {.QuadPart = 4096};
    assert_int_equal(section_of(file, 0, PAGE_READONLY, SEC_COMMIT, &section), STATUS_SUCCESS);
    assert_int_equal(ZwMapViewOfSection(section, NtCurrentProcess(), &base, 0, 0, &offset, &size,
                                        ViewUnmap, 0, PAGE_READONLY),
                     STATUS_MAPPED_ALIGNMENT);
    size = 1 << 20;
    assert_int_equal(ZwMapViewOfSection(section, NtCurrentProcess(), &base, 0, 0, NULL, &size,
                                        ViewUnmap, 0, PAGE_READONLY),
                     STATUS_INVALID_VIEW_SIZE);
    size = 0;
    assert_int_equal(ZwMapViewOfSection(section, NtCurrentProcess(), &base, 0, 0, NULL, &size,
                                        ViewUnmap, 0, PAGE_READWRITE),
                     STATUS_SECTION_PROTECTION);
    assert_int_equal(ZwMapViewOfSection(section, NtCurrentProcess(), &base, 0, 0, NULL, &size,
                                        ViewUnmap, 0, PAGE_READONLY),
                     STATUS_SUCCESS);
    assert_int_equal(size, 4096);
    assert_memory_equal(base, "12345678", 8);
    assert_int_equal(((char *)base)[8], 0);
    assert_int_equal(ZwUnmapViewOfSection(NtCurrentProcess(), base), STATUS_SUCCESS);
    assert_int_equal(ZwUnmapViewOfSection(NtCurrentProcess(), base), STATUS_NOT_MAPPED_VIEW);
    ZwClose(section);
    fltsim_close(file);
}

static void images_cannot_be_written(void **state)
{
    HANDLE section, other;
    HANDLE file = make_file("C:\\a.exe", "MZ and more");
    assert_int_equal(section_of(file, 0, PAGE_EXECUTE_READ, SEC_IMAGE, &section), STATUS_SUCCESS);
    fltsim_close(file);
    struct fltsim_open open = {.access = GENERIC_WRITE};
    assert_int_equal(fltsim_open("C:\\a.exe", &open, &other), STATUS_SHARING_VIOLATION);
    assert_int_equal(fltsim_delete("C:\\a.exe"), STATUS_CANNOT_DELETE);
    ZwClose(section);
    assert_int_equal(fltsim_open("C:\\a.exe", &open, &other), STATUS_SUCCESS);
    fltsim_close(other);
    assert_int_equal(fltsim_delete("C:\\a.exe"), STATUS_SUCCESS);
}

static void memory_without_a_file(void **state)
{
    HANDLE section;
    PVOID one = NULL, two = NULL;
    SIZE_T size = 0;
    assert_int_equal(section_of(NULL, 10000, PAGE_READWRITE, SEC_COMMIT, &section), STATUS_SUCCESS);
    assert_int_equal(ZwMapViewOfSection(section, NtCurrentProcess(), &one, 0, 0, NULL, &size,
                                        ViewUnmap, 0, PAGE_READWRITE),
                     STATUS_SUCCESS);
    assert_int_equal(size, 12288);
    assert_int_equal(ZwMapViewOfSection(section, NtCurrentProcess(), &two, 0, 0, NULL, &size,
                                        ViewUnmap, 0, PAGE_READWRITE),
                     STATUS_SUCCESS);
    memcpy(one, "shared", 6);
    assert_memory_equal(two, "shared", 6);
    ZwClose(section);
    assert_int_equal(ZwUnmapViewOfSection(NtCurrentProcess(), one), STATUS_SUCCESS);
    assert_int_equal(ZwUnmapViewOfSection(NtCurrentProcess(), two), STATUS_SUCCESS);
}

static void drivers_scan_data(void **state)
{
    HANDLE handle;
    PVOID section, base = NULL;
    SIZE_T size = 0;
    LARGE_INTEGER length;
    HANDLE file = make_file("C:\\f", "scan me");
    assert_int_equal(FsRtlCreateSectionForDataScan(&handle, &section, &length, file_of(file),
                                                   SECTION_MAP_READ, NULL, NULL, PAGE_READONLY,
                                                   SEC_COMMIT, 0),
                     STATUS_SUCCESS);
    assert_int_equal(length.QuadPart, 7);
    assert_int_equal(ZwMapViewOfSection(handle, NtCurrentProcess(), &base, 0, 0, NULL, &size,
                                        ViewUnmap, 0, PAGE_READONLY),
                     STATUS_SUCCESS);
    assert_memory_equal(base, "scan me", 7);
    assert_int_equal(ZwUnmapViewOfSection(NtCurrentProcess(), base), STATUS_SUCCESS);
    ZwClose(handle);
    ObDereferenceObject(section);
    assert_int_equal(fltsim_close(file), STATUS_SUCCESS);
}

static int map_and_end(void *argument)
{
    struct fltsim_view view;
    HANDLE handle = make_file("C:\\f", "12345678");
    assert_int_equal(fltsim_map(handle, true, 0, &view), STATUS_SUCCESS);
    memcpy(view.base, "abcd", 4);
    return 0;
}

static void a_process_takes_its_views_along(void **state)
{
    size_t done;
    char text[8];
    struct fltsim_process *process = fltsim_process_create("C:\\map.exe");
    assert_int_equal(fltsim_thread_join(fltsim_thread_create(process, map_and_end, NULL)), 0);
    fltsim_process_exit(process);
    HANDLE handle = open_file("C:\\f", FILE_OPEN);
    assert_int_equal(MmDoesFileHaveUserWritableReferences(file_of(handle)->SectionObjectPointer),
                     0);
    assert_int_equal(fltsim_read(handle, text, 8, 0, &done), STATUS_SUCCESS);
    assert_memory_equal(text, "abcd5678", 8);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

static void the_machine_ends_with_a_view(void **state)
{
    struct fltsim_view view;
    HANDLE handle = make_file("C:\\f", "12345678");
    assert_int_equal(fltsim_map(handle, true, 0, &view), STATUS_SUCCESS);
    assert_int_equal(fltsim_close(view.section), STATUS_SUCCESS);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(views_and_the_cache_are_one, start, stop),
        cmocka_unit_test_setup_teardown(a_view_outlives_its_handles, start, stop),
        cmocka_unit_test_setup_teardown(a_stream_that_was_in_use_when_the_lazy_writer_came_goes_all_the_same, start, stop),
        cmocka_unit_test_setup_teardown(what_is_mapped_is_kept, start, stop),
        cmocka_unit_test_setup_teardown(sections_are_checked, start, stop),
        cmocka_unit_test_setup_teardown(views_are_checked, start, stop),
        cmocka_unit_test_setup_teardown(images_cannot_be_written, start, stop),
        cmocka_unit_test_setup_teardown(memory_without_a_file, start, stop),
        cmocka_unit_test_setup_teardown(drivers_scan_data, start, stop),
        cmocka_unit_test_setup_teardown(a_process_takes_its_views_along, start, stop),
        cmocka_unit_test_setup_teardown(the_machine_ends_with_a_view, start, stop),
    };
    return cmocka_run_group_tests_name("mm/section", tests, NULL, NULL);
}
