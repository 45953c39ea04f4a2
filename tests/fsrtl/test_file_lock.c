/* Byte-range locks, as fast I/O uses them. */
#include "unit.h"

static FILE_LOCK lock;
static FILE_OBJECT fileA, fileB;
static PEPROCESS process;

static int start(void **state)
{
    if (start_machine(state))
        return -1;
    process = PsGetCurrentProcess();
    FsRtlInitializeFileLock(&lock, NULL, NULL);
    return 0;
}

static int stop(void **state)
{
    FsRtlUninitializeFileLock(&lock);
    return stop_machine(state);
}

static NTSTATUS Lock(PFILE_OBJECT file, LONGLONG start, LONGLONG length, bool exclusive)
{
    LARGE_INTEGER from = {.QuadPart = start}, size = {.QuadPart = length};
    IO_STATUS_BLOCK result;
    assert_true(FsRtlFastLock(&lock, file, &from, &size, process, 0, TRUE, exclusive, &result, NULL, FALSE));
    return result.Status;
}

static NTSTATUS Unlock(PFILE_OBJECT file, LONGLONG start, LONGLONG length)
{
    LARGE_INTEGER from = {.QuadPart = start}, size = {.QuadPart = length};
    return FsRtlFastUnlockSingle(&lock, file, &from, &size, process, 0, NULL, FALSE);
}

static bool May(PFILE_OBJECT file, bool write, LONGLONG start, LONGLONG length)
{
    LARGE_INTEGER from = {.QuadPart = start}, size = {.QuadPart = length};
    return write ? FsRtlFastCheckLockForWrite(&lock, &from, &size, 0, file, process)
                 : FsRtlFastCheckLockForRead(&lock, &from, &size, 0, file, process);
}

static void exclusive_locks_keep_others_out(void **state)
{
    assert_int_equal(Lock(&fileA, 10, 10, true), STATUS_SUCCESS);
    assert_int_equal(Lock(&fileB, 15, 1, false), STATUS_LOCK_NOT_GRANTED);
    assert_int_equal(Lock(&fileA, 15, 1, true), STATUS_LOCK_NOT_GRANTED);
    assert_int_equal(Lock(&fileB, 20, 5, true), STATUS_SUCCESS);
    assert_true(May(&fileA, true, 10, 10));
    assert_false(May(&fileB, false, 19, 1));
    assert_true(May(&fileB, false, 0, 10));
    assert_int_equal(Unlock(&fileB, 10, 10), STATUS_RANGE_NOT_LOCKED);
    assert_int_equal(Unlock(&fileA, 10, 10), STATUS_SUCCESS);
    assert_true(May(&fileB, true, 10, 10));
}

static void shared_locks_stop_every_write(void **state)
{
    assert_int_equal(Lock(&fileA, 0, 100, false), STATUS_SUCCESS);
    assert_int_equal(Lock(&fileB, 50, 100, false), STATUS_SUCCESS);
    assert_int_equal(Lock(&fileB, 0, 1, true), STATUS_LOCK_NOT_GRANTED);
    assert_true(May(&fileB, false, 0, 100));
    assert_false(May(&fileA, true, 0, 1)); /* its own owner's too */
    assert_int_equal(FsRtlFastUnlockAll(&lock, &fileA, process, NULL), STATUS_SUCCESS);
    assert_int_equal(FsRtlFastUnlockAll(&lock, &fileA, process, NULL), STATUS_RANGE_NOT_LOCKED);
    assert_false(FsRtlAreThereWaitingFileLocks(&lock));
    assert_true(FsRtlAreThereCurrentFileLocks(&lock));
}

static void ranges_that_wrap_are_invalid(void **state)
{
    assert_int_equal(Lock(&fileA, -1, 2, true), STATUS_INVALID_LOCK_RANGE);
    assert_int_equal(Lock(&fileA, 0, 0, true), STATUS_SUCCESS);
    assert_int_equal(Lock(&fileB, 0, 10, true), STATUS_SUCCESS);
}

static void locks_are_enumerated(void **state)
{
    Lock(&fileA, 0, 1, true);
    Lock(&fileB, 5, 2, false);
    PFILE_LOCK_INFO info = FsRtlGetNextFileLock(&lock, TRUE);
    assert_non_null(info);
    assert_int_equal(info->StartingByte.QuadPart, 0);
    info = FsRtlGetNextFileLock(&lock, FALSE);
    assert_non_null(info);
    assert_int_equal(info->Length.QuadPart, 2);
    assert_ptr_equal(info->FileObject, &fileB);
    assert_null(FsRtlGetNextFileLock(&lock, FALSE));
}

#define locked(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        locked(exclusive_locks_keep_others_out),
        locked(shared_locks_stop_every_write),
        locked(ranges_that_wrap_are_invalid),
        locked(locks_are_enumerated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
