/* Byte-range locks, as fast I/O uses them. */
#include "irp.h"

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

/* ---- with an IRP, without one, and what an oplock asks ---- */

static NTSTATUS Private(struct request *r, PFILE_OBJECT file, LONGLONG start, bool now, BOOLEAN *answered)
{
    LARGE_INTEGER from = {.QuadPart = start}, size = {.QuadPart = 10};
    IO_STATUS_BLOCK result = {.Information = 7};
    if (r)
        begin_request(r, IRP_MJ_LOCK_CONTROL, IRP_MN_LOCK, file);
    *answered = FsRtlPrivateLock(&lock, file, &from, &size, process, 0, now, TRUE, &result, r ? r->irp : NULL, NULL, FALSE);
    assert_int_equal(result.Information, 0);
    return result.Status;
}

static void private_locks_are_granted_refused_or_waited_for(void **state)
{
    static const struct {
        LONGLONG start;
        bool irp, now;
        NTSTATUS expected;
        bool answered;
    } cases[] = {
        {100, false, false, STATUS_SUCCESS, true},       {200, true, false, STATUS_SUCCESS, true},
        {5, false, true, STATUS_LOCK_NOT_GRANTED, true}, {5, false, false, STATUS_LOCK_NOT_GRANTED, false},
        {5, true, true, STATUS_LOCK_NOT_GRANTED, true},  {-5, true, false, STATUS_INVALID_LOCK_RANGE, true},
    };
    BOOLEAN answered;
    assert_int_equal(Private(NULL, &fileA, 0, true, &answered), STATUS_SUCCESS);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct request r;
        assert_int_equal(Private(cases[i].irp ? &r : NULL, &fileB, cases[i].start, cases[i].now, &answered),
                         cases[i].expected);
        assert_int_equal(answered, cases[i].answered);
        if (!cases[i].irp)
            continue;
        assert_true(r.done); /* the package completes it */
        assert_int_equal(r.status, cases[i].expected);
        end_request(&r);
    }
    struct request waits, cancelled;
    assert_int_equal(Private(&waits, &fileB, 5, false, &answered), STATUS_PENDING);
    assert_int_equal(Private(&cancelled, &fileB, 9, false, &answered), STATUS_PENDING);
    IoCancelIrp(cancelled.irp);
    assert_int_equal(cancelled.status, STATUS_CANCELLED);
    assert_false(waits.done);
    assert_int_equal(Unlock(&fileA, 0, 10), STATUS_SUCCESS);
    assert_true(waits.done);
    assert_int_equal(waits.status, STATUS_SUCCESS);
    end_request(&waits);
    end_request(&cancelled);
}

static void locks_within_the_allocation_forbid_an_oplock(void **state)
{
    LARGE_INTEGER none = {.QuadPart = 0}, small = {.QuadPart = 50}, large = {.QuadPart = 4096};
    struct request waits;
    BOOLEAN answered;
    assert_true(FsRtlCheckLockForOplockRequest(&lock, &large));
    assert_false(FsRtlAreThereCurrentOrInProgressFileLocks(&lock));
    Lock(&fileA, 100, 10, false);
    assert_true(FsRtlAreThereCurrentOrInProgressFileLocks(&lock));
    assert_true(FsRtlCheckLockForOplockRequest(&lock, &none));
    assert_true(FsRtlCheckLockForOplockRequest(&lock, &small));
    assert_false(FsRtlCheckLockForOplockRequest(&lock, &large));
    assert_int_equal(Private(&waits, &fileB, 105, false, &answered), STATUS_PENDING);
    assert_false(FsRtlCheckLockForOplockRequest(&lock, &small)); /* somebody waits */
    assert_true(FsRtlCheckLockForOplockRequest(&lock, &none));
    Unlock(&fileA, 100, 10);
    Unlock(&fileB, 105, 10);
    assert_true(FsRtlCheckLockForOplockRequest(&lock, &large));
    assert_false(FsRtlAreThereCurrentOrInProgressFileLocks(&lock));
    FsRtlIncrementLockRequestsInProgress(&lock);
    assert_true(FsRtlAreThereCurrentOrInProgressFileLocks(&lock));
    assert_false(FsRtlCheckLockForOplockRequest(&lock, &large));
    FsRtlDecrementLockRequestsInProgress(&lock);
    assert_true(FsRtlCheckLockForOplockRequest(&lock, &large));
    end_request(&waits);
}

#define locked(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        locked(exclusive_locks_keep_others_out),
        locked(shared_locks_stop_every_write),
        locked(ranges_that_wrap_are_invalid),
        locked(locks_are_enumerated),
        locked(private_locks_are_granted_refused_or_waited_for),
        locked(locks_within_the_allocation_forbid_an_oplock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
