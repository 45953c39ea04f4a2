/* The cache as filters see it: which paging I/O it makes, and when the file object it keeps is
 * closed. */
#include "tap.h"

static char data[16384];

static void data_outlives_the_handle(void **state)
{
    HANDLE handle = open_file("C:\\f", FILE_CREATE, 0);
    put(handle, "kept in the cache", 17, 0);
    assert_int_equal(tap.paging_writes, 0);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    assert_int_equal(tap.cleanups, 1);
    assert_int_equal(tap.closes, 0); /* the cache keeps the file object */
    handle = open_file("C:\\f", FILE_OPEN, 0);
    expect(handle, "kept in the cache", 17, 0);
    assert_int_equal(tap.paging_reads, 0);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    assert_int_equal(tap.closes, 1); /* the second one was not needed */
    fltsim_sleep(3000);
    assert_int_equal(tap.paging_writes, 1); /* the lazy writer */
    assert_int_equal(tap.last_length, 4096);
    assert_int_equal(tap.closes, 2);
    handle = open_file("C:\\f", FILE_OPEN, 0);
    expect(handle, "kept in the cache", 17, 0);
    assert_int_equal(tap.paging_reads, 1);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

static void a_flush_writes_what_is_dirty(void **state)
{
    HANDLE handle = open_file("C:\\f", FILE_CREATE, 0);
    put(handle, data, sizeof data, 0);
    assert_int_equal(fltsim_flush(handle), STATUS_SUCCESS);
    assert_int_equal(tap.paging_writes, 1);
    assert_int_equal(tap.last_length, sizeof data);
    assert_int_equal(fltsim_flush(handle), STATUS_SUCCESS);
    assert_int_equal(tap.paging_writes, 1);
    put(handle, "x", 1, 9000);
    assert_int_equal(fltsim_flush(handle), STATUS_SUCCESS);
    assert_int_equal(tap.paging_writes, 2);
    assert_int_equal(tap.last_offset, 8192);
    assert_int_equal(tap.last_length, 4096);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

static void write_through_writes_at_once(void **state)
{
    HANDLE handle = open_file("C:\\f", FILE_CREATE, FILE_WRITE_THROUGH);
    put(handle, "now", 3, 0);
    assert_int_equal(tap.paging_writes, 1);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

static void a_failing_flush_keeps_the_data(void **state)
{
    HANDLE handle = open_file("C:\\f", FILE_CREATE, 0);
    put(handle, "data", 4, 0);
    tap.fail_writes = STATUS_IO_DEVICE_ERROR;
    assert_int_equal(fltsim_flush(handle), STATUS_IO_DEVICE_ERROR);
    tap.fail_writes = 0;
    expect(handle, "data", 4, 0);
    assert_int_equal(fltsim_flush(handle), STATUS_SUCCESS);
    assert_int_equal(tap.paging_writes, 2);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

static void a_write_that_never_succeeds_is_lost(void **state)
{
    HANDLE handle = open_file("C:\\f", FILE_CREATE, 0);
    put(handle, "data", 4, 0);
    tap.fail_writes = STATUS_IO_DEVICE_ERROR;
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    fltsim_sleep(20000);
    assert_int_equal(tap.paging_writes, 3);
    assert_int_equal(tap.closes, 1);
    tap.fail_writes = 0;
}

static void deleted_data_is_not_written(void **state)
{
    HANDLE handle = open_file("C:\\f", FILE_CREATE, 0);
    put(handle, "data", 4, 0);
    assert_int_equal(fltsim_set_delete(handle, true), STATUS_SUCCESS);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    assert_int_equal(tap.closes, 1); /* and its file object goes at once */
    fltsim_sleep(3000);
    assert_int_equal(tap.paging_writes, 0);
}

static void pages_are_read_in_clusters(void **state)
{
    HANDLE handle = open_file("C:\\f", FILE_CREATE, 0);
    put(handle, data, sizeof data, 0);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    fltsim_trim(tap.volume);
    handle = open_file("C:\\f", FILE_OPEN, 0);
    expect(handle, data, 100, 5000);
    assert_int_equal(tap.paging_reads, 1);
    assert_int_equal(tap.last_offset, 4096);
    expect(handle, data, sizeof data, 0);
    assert_int_equal(tap.paging_reads, 3); /* what is before, and what is after */
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

/* -- the routines themselves ------------------------------------------------------------------- */

static void pages_are_lent_as_an_mdl(void **state)
{
    IO_STATUS_BLOCK iosb;
    LARGE_INTEGER offset = {.QuadPart = 2};
    PMDL mdl = NULL;
    HANDLE handle = open_file("C:\\f", FILE_CREATE, 0);
    put(handle, "0123456789", 10, 0);
    PFILE_OBJECT file = file_of(handle);
    CcMdlRead(file, &offset, 4, &mdl, &iosb);
    assert_int_equal(iosb.Status, STATUS_SUCCESS);
    assert_int_equal(iosb.Information, 4);
    assert_memory_equal(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), "2345", 4);
    assert_false(CcPurgeCacheSection(file->SectionObjectPointer, NULL, 0, 0));
    CcMdlReadComplete(file, mdl);
    mdl = NULL;
    CcPrepareMdlWrite(file, &offset, 4, &mdl, &iosb);
    memcpy(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), "abcd", 4);
    CcMdlWriteComplete(file, &offset, mdl);
    expect(handle, "01abcd6789", 10, 0);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

static void pages_are_pinned(void **state)
{
    LARGE_INTEGER offset = {.QuadPart = 0};
    PVOID bcb, buffer;
    HANDLE handle = open_file("C:\\f", FILE_CREATE, 0);
    put(handle, "0123456789", 10, 0);
    assert_int_equal(fltsim_flush(handle), STATUS_SUCCESS);
    PFILE_OBJECT file = file_of(handle);
    assert_true(CcPinRead(file, &offset, 10, PIN_WAIT, &bcb, &buffer));
    memcpy(buffer, "PIN", 3);
    CcSetDirtyPinnedData(bcb, NULL);
    CcUnpinData(bcb);
    assert_true(CcIsThereDirtyData(file->Vpb));
    assert_int_equal(fltsim_flush(handle), STATUS_SUCCESS);
    assert_int_equal(tap.paging_writes, 2);
    assert_false(CcIsThereDirtyData(file->Vpb));
    expect(handle, "PIN3456789", 10, 0);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

static void a_copy_that_may_not_wait(void **state)
{
    IO_STATUS_BLOCK iosb;
    char buffer[16];
    LARGE_INTEGER offset = {.QuadPart = 0};
    HANDLE handle = open_file("C:\\f", FILE_CREATE, 0);
    put(handle, "0123456789", 10, 0);
    assert_int_equal(fltsim_flush(handle), STATUS_SUCCESS);
    PFILE_OBJECT file = file_of(handle);
    assert_true(CcCopyRead(file, &offset, 10, FALSE, buffer, &iosb));
    assert_true(CcPurgeCacheSection(file->SectionObjectPointer, NULL, 0, 0));
    assert_false(CcCopyRead(file, &offset, 10, FALSE, buffer, &iosb));
    assert_true(CcCopyRead(file, &offset, 10, TRUE, buffer, &iosb));
    assert_memory_equal(buffer, "0123456789", 10);
    assert_ptr_equal(CcGetFileObjectFromSectionPtrs(file->SectionObjectPointer), file);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(data_outlives_the_handle, tap_start, tap_stop),
        cmocka_unit_test_setup_teardown(a_flush_writes_what_is_dirty, tap_start, tap_stop),
        cmocka_unit_test_setup_teardown(write_through_writes_at_once, tap_start, tap_stop),
        cmocka_unit_test_setup_teardown(a_failing_flush_keeps_the_data, tap_start, tap_stop),
        cmocka_unit_test_setup_teardown(a_write_that_never_succeeds_is_lost, tap_start, tap_stop),
        cmocka_unit_test_setup_teardown(deleted_data_is_not_written, tap_start, tap_stop),
        cmocka_unit_test_setup_teardown(pages_are_read_in_clusters, tap_start, tap_stop),
        cmocka_unit_test_setup_teardown(pages_are_lent_as_an_mdl, tap_start, tap_stop),
        cmocka_unit_test_setup_teardown(pages_are_pinned, tap_start, tap_stop),
        cmocka_unit_test_setup_teardown(a_copy_that_may_not_wait, tap_start, tap_stop),
    };
    return cmocka_run_group_tests_name("cc/cache", tests, NULL, NULL);
}
