/* The cache manager's routines one by one, on a cached file object. */
#include "tap.h"

static char page[4096];

static struct cached {
    HANDLE handle;
    PFILE_OBJECT file;
    PSECTION_OBJECT_POINTERS sections;
} cached;

static int start(void **state)
{
    tap_start(state);
    cached.handle = open_file("C:\\f", FILE_CREATE, 0);
    put(cached.handle, "0123456789", 10, 0);
    assert_int_equal(fltsim_flush(cached.handle), STATUS_SUCCESS);
    cached.file = file_of(cached.handle);
    cached.sections = cached.file->SectionObjectPointer;
    return 0;
}

static int stop(void **state)
{
    assert_int_equal(fltsim_close(cached.handle), STATUS_SUCCESS);
    return tap_stop(state);
}

static const LARGE_INTEGER beginning = {.QuadPart = 0};
#define BEGINNING ((PLARGE_INTEGER)&beginning)

static void copies_of_other_kinds(void **state)
{
    IO_STATUS_BLOCK iosb;
    char text[16];
    assert_true(CcCopyWrite(cached.file, BEGINNING, 2, TRUE, "ab"));
    assert_true(CcCopyWriteEx(cached.file, BEGINNING, 2, TRUE, "ab", PsGetCurrentThread()));
    assert_true(CcCopyReadEx(cached.file, BEGINNING, 2, TRUE, text, &iosb, PsGetCurrentThread()));
    CcFastCopyWrite(cached.file, 2, 2, "cd");
    CcFastCopyRead(cached.file, 0, 4, 1, text, &iosb);
    assert_int_equal(iosb.Information, 4);
    assert_memory_equal(text, "abcd", 4);
    assert_true(CcCopyWriteWontFlush(cached.file, BEGINNING, 4096));
    assert_true(CcCanIWrite(cached.file, 4096, TRUE, FALSE));
    LARGE_INTEGER end = {.QuadPart = 3};
    assert_true(CcZeroData(cached.file, BEGINNING, &end, TRUE));
    expect(cached.handle, "\0\0\0d456789", 10, 0);
}

static int deferred;
static VOID note_deferred(PVOID one, PVOID two)
{
    deferred = one == &deferred && !two;
}

static void writes_need_not_wait(void **state)
{
    CcDeferWrite(cached.file, note_deferred, &deferred, NULL, 100, FALSE);
    assert_true(deferred);
}

static int order[4], posted;
static VOID note_order(PVOID one, PVOID two) { order[posted++] = (int)(LONG_PTR)one; }

static void a_file_with_too_much_to_write_back_refuses_more(void **state)
{
    posted = 0;
    CcSetDirtyPageThreshold(cached.file, 2);
    assert_true(CcCanIWrite(cached.file, 64 * PAGE_SIZE, FALSE, FALSE)); /* nothing is dirty */
    put(cached.handle, "a", 1, 0);
    assert_true(CcCanIWrite(cached.file, PAGE_SIZE, FALSE, FALSE));
    assert_false(CcCanIWrite(cached.file, 2 * PAGE_SIZE, FALSE, FALSE));
    CcDeferWrite(cached.file, note_order, (PVOID)1, NULL, 2 * PAGE_SIZE, FALSE);
    CcDeferWrite(cached.file, note_order, (PVOID)2, NULL, 2 * PAGE_SIZE, FALSE);
    CcDeferWrite(cached.file, note_order, (PVOID)3, NULL, 2 * PAGE_SIZE, TRUE);
    assert_int_equal(posted, 0);
    assert_true(CcCanIWrite(cached.file, 2 * PAGE_SIZE, TRUE, FALSE)); /* waits for the lazy writer */
    fltsim_sleep(2000);
    assert_int_equal(posted, 3);
    assert_int_equal(order[0], 3);
    assert_int_equal(order[1], 1);
    assert_int_equal(order[2], 2);
    CcSetDirtyPageThreshold(cached.file, 0);
    put(cached.handle, "a", 1, 0);
    assert_true(CcCanIWrite(cached.file, 64 * PAGE_SIZE, FALSE, FALSE));
}

static void reads_and_writes_without_an_irp(void **state)
{
    PDEVICE_OBJECT device = IoGetRelatedDeviceObject(cached.file);
    LARGE_INTEGER end = {.QuadPart = 10}, late = {.QuadPart = 8};
    IO_STATUS_BLOCK iosb;
    char text[16];

    assert_true(FsRtlCopyRead(cached.file, BEGINNING, 4, TRUE, 0, text, &iosb, device));
    assert_int_equal(iosb.Information, 4);
    assert_memory_equal(text, "0123", 4);
    assert_int_equal(cached.file->CurrentByteOffset.QuadPart, 4);
    assert_true(FsRtlCopyRead(cached.file, &late, 10, TRUE, 0, text, &iosb, device));
    assert_int_equal(iosb.Status, STATUS_SUCCESS);
    assert_int_equal(iosb.Information, 2); /* to the end of the file */
    assert_true(FsRtlCopyRead(cached.file, &end, 1, TRUE, 0, text, &iosb, device));
    assert_int_equal(iosb.Status, STATUS_END_OF_FILE);
    assert_true(FsRtlCopyRead(cached.file, &end, 0, TRUE, 0, text, &iosb, device));
    assert_int_equal(iosb.Status, STATUS_SUCCESS);
    assert_int_equal(iosb.Information, 0);
    assert_false(FsRtlCopyRead(cached.file, BEGINNING, 4, FALSE, 0, text, &iosb, device)); /* may not wait */

    assert_true(FsRtlCopyWrite(cached.file, &late, 2, TRUE, 0, "XY", &iosb, device));
    assert_int_equal(iosb.Status, STATUS_SUCCESS);
    assert_int_equal(iosb.Information, 2);
    assert_true(cached.file->Flags & FO_FILE_MODIFIED);
    assert_int_equal(cached.file->CurrentByteOffset.QuadPart, 10);
    assert_false(FsRtlCopyWrite(cached.file, &late, 3, TRUE, 0, "XYZ", &iosb, device)); /* it would grow */
    assert_false(FsRtlCopyWrite(cached.file, &late, 2, FALSE, 0, "XY", &iosb, device));
    assert_true(FsRtlCopyWrite(cached.file, &late, 0, TRUE, 0, "XY", &iosb, device));
    expect(cached.handle, "01234567XY", 10, 0);
}

static void a_file_object_begins_to_cache_once(void **state)
{
    HANDLE handle = open_file("C:\\f", FILE_OPEN, 0);
    PFILE_OBJECT file = file_of(handle);
    CC_FILE_SIZES sizes = {{.QuadPart = 4096}, {.QuadPart = 10}, {.QuadPart = 10}};
    CACHE_MANAGER_CALLBACKS none = {NULL, NULL, NULL, NULL};
    IO_STATUS_BLOCK iosb;
    char text[10];

    assert_false(CcIsFileCached(file) && file->PrivateCacheMap);
    CcInitializeCacheMap(file, &sizes, FALSE, &none, NULL);
    PVOID map = file->PrivateCacheMap;
    assert_non_null(map);
    assert_true(CcIsFileCached(file));
    CcInitializeCacheMap(file, &sizes, FALSE, &none, NULL);
    assert_ptr_equal(file->PrivateCacheMap, map);
    assert_true(CcCopyRead(file, BEGINNING, 10, TRUE, text, &iosb));
    assert_memory_equal(text, "0123456789", 10);
    assert_int_equal(CcGetFileSizePointer(file)->QuadPart, 10);
    CcUninitializeCacheMap(file, NULL, NULL);
    assert_null(file->PrivateCacheMap);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

static void another_file_object_may_back_a_stream(void **state)
{
    HANDLE handle = open_file("C:\\f", FILE_OPEN, 0), elsewhere = open_file("C:\\g", FILE_CREATE, 0);
    PFILE_OBJECT other = file_of(handle), strange = file_of(elsewhere), old = CcGetFileObjectFromSectionPtrsRef(cached.sections);
    IO_STATUS_BLOCK iosb;

    assert_ptr_equal(old, cached.file);
    ObDereferenceObject(old);
    assert_int_equal(FsRtlChangeBackingFileObject(cached.file, strange, ChangeDataControlArea, 0), STATUS_INVALID_PARAMETER_2);
    assert_int_equal(FsRtlChangeBackingFileObject(cached.file, other, 9, 0), STATUS_INVALID_PARAMETER_3);
    assert_int_equal(FsRtlChangeBackingFileObject(cached.file, other, ChangeDataControlArea, 1), STATUS_INVALID_PARAMETER_4);
    assert_int_equal(FsRtlChangeBackingFileObject(other, other, ChangeDataControlArea, 0), STATUS_INVALID_PARAMETER_1);
    assert_int_equal(FsRtlChangeBackingFileObject(NULL, other, ChangeImageControlArea, 0), STATUS_SUCCESS);
    assert_int_equal(FsRtlChangeBackingFileObject(NULL, strange, ChangeSharedCacheMap, 0), STATUS_SUCCESS);
    put(cached.handle, "ab", 2, 0);
    assert_int_equal(FsRtlChangeBackingFileObject(cached.file, other, ChangeSharedCacheMap, 0), STATUS_SUCCESS);
    tap.last_file = NULL;
    CcFlushCache(cached.sections, NULL, 0, &iosb);
    assert_int_equal(iosb.Status, STATUS_SUCCESS);
    assert_ptr_equal(tap.last_file, other);
    assert_ptr_equal(CcGetFileObjectFromSectionPtrs(cached.sections), other);
    assert_int_equal(FsRtlChangeBackingFileObject(other, cached.file, ChangeDataControlArea, 0), STATUS_NOT_SUPPORTED);
    assert_int_equal(fltsim_close(elsewhere), STATUS_SUCCESS);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

static void flushes_and_purges(void **state)
{
    IO_STATUS_BLOCK iosb;
    assert_true(CcCopyWrite(cached.file, BEGINNING, 2, TRUE, "ab"));
    CcFlushCache(cached.sections, NULL, 0, &iosb);
    assert_int_equal(iosb.Status, STATUS_SUCCESS);
    assert_int_equal(iosb.Information, 4096);
    assert_true(CcCopyWrite(cached.file, BEGINNING, 2, TRUE, "AB"));
    CcCoherencyFlushAndPurgeCache(cached.sections, NULL, 0, &iosb, 0);
    assert_int_equal(iosb.Status, STATUS_SUCCESS);
    assert_false(CcCopyRead(cached.file, BEGINNING, 2, FALSE, page, &iosb));
    expect(cached.handle, "AB23456789", 10, 0);
    assert_true(CcCopyWrite(cached.file, BEGINNING, 2, TRUE, "xx"));
    assert_true(CcPurgeCacheSection(cached.sections, NULL, 0, UNINITIALIZE_CACHE_MAPS));
    assert_null(cached.file->PrivateCacheMap);
    expect(cached.handle, "AB23456789", 10, 0); /* what was dirty is gone */
}

static void maps_and_pins(void **state)
{
    IO_STATUS_BLOCK iosb;
    PVOID bcb, again, buffer;
    assert_true(CcMapData(cached.file, BEGINNING, 10, MAP_WAIT, &bcb, &buffer));
    assert_memory_equal(buffer, "0123456789", 10);
    assert_ptr_equal(CcGetFileObjectFromBcb(bcb), cached.file);
    assert_ptr_equal(CcRemapBcb(bcb), bcb);
    CcSetBcbOwnerPointer(bcb, &tap);
    CcUnpinDataForThread(bcb, ExGetCurrentResourceThread());
    assert_true(CcPinMappedData(cached.file, BEGINNING, 10, PIN_WAIT, &bcb));
    CcRepinBcb(bcb);
    again = bcb;
    CcUnpinData(bcb);
    memcpy(buffer, "rep", 3);
    CcSetDirtyPinnedData(again, NULL);
    CcUnpinRepinnedBcb(again, TRUE, &iosb);
    assert_int_equal(iosb.Status, STATUS_SUCCESS);
    assert_int_equal(tap.paging_writes, 2);
    assert_true(CcPreparePinWrite(cached.file, BEGINNING, 5, TRUE, PIN_WAIT, &bcb, &buffer));
    memcpy(buffer, "new", 3);
    CcUnpinData(bcb);
    expect(cached.handle, "new\0\00056789", 10, 0);
}

static void an_mdl_is_taken_back(void **state)
{
    IO_STATUS_BLOCK iosb;
    PMDL mdl = NULL;
    CcPrepareMdlWrite(cached.file, BEGINNING, 4, &mdl, &iosb);
    CcMdlWriteAbort(cached.file, mdl);
    assert_false(CcIsThereDirtyData(cached.file->Vpb));
    expect(cached.handle, "0123456789", 10, 0);
}

static void sizes_are_told(void **state)
{
    CC_FILE_SIZES sizes = {
        .AllocationSize.QuadPart = 8192, .FileSize.QuadPart = 5000, .ValidDataLength.QuadPart = 10};
    CcSetFileSizes(cached.file, &sizes);
    assert_int_equal(CcGetFileSizePointer(cached.file)->QuadPart, 5000);
    sizes.FileSize.QuadPart = 4;
    assert_int_equal(CcSetFileSizesEx(cached.file, &sizes), STATUS_SUCCESS);
    IO_STATUS_BLOCK iosb;
    assert_true(CcCopyRead(cached.file, BEGINNING, 10, TRUE, page, &iosb));
    assert_memory_equal(page, "0123\0\0\0\0\0\0", 10); /* the rest of the page is zeroed */
    sizes.FileSize.QuadPart = (LONGLONG)1 << 40;
    assert_int_equal(CcSetFileSizesEx(cached.file, &sizes), STATUS_INSUFFICIENT_RESOURCES);
}

static void attributes_are_taken(void **state)
{
    CcSetReadAheadGranularity(cached.file, 65536);
    CcSetAdditionalCacheAttributes(cached.file, TRUE, TRUE);
    put(cached.handle, "dirty", 5, 0);
    fltsim_sleep(5000);
    assert_int_equal(tap.paging_writes, 1); /* the first flush: write-behind is off */
    CcSetAdditionalCacheAttributes(cached.file, FALSE, FALSE);
    fltsim_sleep(5000);
    assert_int_equal(tap.paging_writes, 2);
    assert_int_equal(CcWaitForCurrentLazyWriterActivity(), STATUS_SUCCESS);
}

static void the_file_object_is_found(void **state)
{
    PFILE_OBJECT file = CcGetFileObjectFromSectionPtrsRef(cached.sections);
    assert_ptr_equal(file, cached.file);
    ObDereferenceObject(file);
    assert_true(CcIsFileCached(cached.file));
}

static void the_end_of_caching_is_signalled(void **state)
{
    CACHE_UNINITIALIZE_EVENT event;
    LARGE_INTEGER soon = {.QuadPart = -10 * 1000 * 1000 * 5};
    KeInitializeEvent(&event.Event, NotificationEvent, FALSE);
    put(cached.handle, "dirty", 5, 0);
    assert_true(CcUninitializeCacheMap(cached.file, NULL, &event));
    assert_null(cached.file->PrivateCacheMap);
    assert_int_equal(KeReadStateEvent(&event.Event), 0);
    assert_int_equal(KeWaitForSingleObject(&event.Event, Executive, KernelMode, FALSE, &soon),
                     STATUS_SUCCESS);
    assert_false(CcUninitializeCacheMap(cached.file, NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(copies_of_other_kinds, start, stop),
        cmocka_unit_test_setup_teardown(writes_need_not_wait, start, stop),
        cmocka_unit_test_setup_teardown(a_file_with_too_much_to_write_back_refuses_more, start, stop),
        cmocka_unit_test_setup_teardown(reads_and_writes_without_an_irp, start, stop),
        cmocka_unit_test_setup_teardown(a_file_object_begins_to_cache_once, start, stop),
        cmocka_unit_test_setup_teardown(another_file_object_may_back_a_stream, start, stop),
        cmocka_unit_test_setup_teardown(flushes_and_purges, start, stop),
        cmocka_unit_test_setup_teardown(maps_and_pins, start, stop),
        cmocka_unit_test_setup_teardown(an_mdl_is_taken_back, start, stop),
        cmocka_unit_test_setup_teardown(sizes_are_told, start, stop),
        cmocka_unit_test_setup_teardown(attributes_are_taken, start, stop),
        cmocka_unit_test_setup_teardown(the_file_object_is_found, start, stop),
        cmocka_unit_test_setup_teardown(the_end_of_caching_is_signalled, start, stop),
    };
    return cmocka_run_group_tests_name("cc/routines", tests, NULL, NULL);
}
