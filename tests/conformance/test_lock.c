/* Byte-range locks that a minifilter keeps itself, and the same package in a file system's hands. */
#include "stage.h"

static PFILE_LOCK lock;
static HANDLE one, two;
static LONG completed;
static char byte;

static NTSTATUS FLTAPI complete_lock(PVOID context, PFLT_CALLBACK_DATA data)
{
    completed++;
    return data->IoStatus.Status;
}

static FLT_PREOP_CALLBACK_STATUS FLTAPI pre(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    switch (data->Iopb->MajorFunction) {
    case IRP_MJ_LOCK_CONTROL:
        return FLT_IS_IRP_OPERATION(data) ? FltProcessFileLock(lock, data, NULL) : FLT_PREOP_DISALLOW_FASTIO;
    case IRP_MJ_READ:
        if (!FLT_IS_IRP_OPERATION(data))
            return FLT_PREOP_DISALLOW_FASTIO;
        if (FltCheckLockForReadAccess(lock, data))
            return FLT_PREOP_SUCCESS_NO_CALLBACK;
        break;
    case IRP_MJ_WRITE:
        if (!FLT_IS_IRP_OPERATION(data))
            return FLT_PREOP_DISALLOW_FASTIO;
        if (FltCheckLockForWriteAccess(lock, data))
            return FLT_PREOP_SUCCESS_NO_CALLBACK;
        break;
    }
    data->IoStatus.Status = STATUS_FILE_LOCK_CONFLICT;
    data->IoStatus.Information = 0;
    return FLT_PREOP_COMPLETE;
}

static NTSTATUS entry(PDRIVER_OBJECT driverObject, PUNICODE_STRING path)
{
    static const FLT_OPERATION_REGISTRATION operations[] = {{IRP_MJ_LOCK_CONTROL, 0, pre, NULL, NULL},
                                                            {IRP_MJ_READ, 0, pre, NULL, NULL},
                                                            {IRP_MJ_WRITE, 0, pre, NULL, NULL},
                                                            {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL}};
    FLT_REGISTRATION registration = stage_registration();
    registration.OperationRegistration = operations;
    NTSTATUS status = FltRegisterFilter(driverObject, &registration, &stage.filter);
    return NT_SUCCESS(status) ? FltStartFiltering(stage.filter) : status;
}

static void start(void)
{
    stage_mount(FLTSIM_NTFS);
    one = stage_open("C:\\file");
    succeeds(fltsim_write(one, "0123456789", 10, 0, NULL));
    two = stage_open("C:\\file");
    completed = 0;
    lock = FltAllocateFileLock(complete_lock, NULL);
    assert_non_null(lock);
    succeeds(fltsim_load(&(struct fltsim_driver_options){.name = "stage", .entry = entry, .altitude = "370000"},
                         &stage.driver));
}

static void end(void)
{
    succeeds(fltsim_close(one));
    succeeds(fltsim_close(two));
    succeeds(fltsim_unload(stage.driver));
    FltFreeFileLock(lock);
}

static void a_range_is_locked_against_the_others(void)
{
    start();
    succeeds(fltsim_lock(one, 2, 4, true, false));
    assert_int_equal(completed, 1);
    succeeds(fltsim_read(one, &byte, 1, 2, NULL));
    answers(STATUS_FILE_LOCK_CONFLICT, fltsim_read(two, &byte, 1, 2, NULL));
    answers(STATUS_FILE_LOCK_CONFLICT, fltsim_write(two, "x", 1, 5, NULL));
    succeeds(fltsim_read(two, &byte, 1, 6, NULL));
    answers(STATUS_LOCK_NOT_GRANTED, fltsim_lock(two, 0, 10, false, false));
    succeeds(fltsim_unlock(one, 2, 4));
    answers(STATUS_RANGE_NOT_LOCKED, fltsim_unlock(one, 2, 4));
    succeeds(fltsim_lock(two, 0, 10, false, false));
    succeeds(fltsim_read(one, &byte, 1, 2, NULL));
    answers(STATUS_FILE_LOCK_CONFLICT, fltsim_write(one, "x", 1, 2, NULL));
    succeeds(fltsim_unlock(two, 0, 10));
    end();
}

static int wait_for_lock(void *argument) { return fltsim_lock(two, 0, 10, true, true); }

static void a_lock_that_must_wait_is_pended(void)
{
    start();
    succeeds(fltsim_lock(one, 2, 4, true, false));
    struct fltsim_thread *thread = fltsim_thread_create(NULL, wait_for_lock, NULL);
    fltsim_sleep(1);
    succeeds(fltsim_unlock(one, 2, 4));
    assert_int_equal(fltsim_thread_join(thread), STATUS_SUCCESS);
    answers(STATUS_FILE_LOCK_CONFLICT, fltsim_read(one, &byte, 1, 2, NULL));
    succeeds(fltsim_unlock(two, 0, 10));
    end();
}

static void a_lock_structure_is_made_in_place_or_allocated(void)
{
    FILE_LOCK here;
    stage_mount(FLTSIM_NTFS);
    FltInitializeFileLock(&here);
    assert_null(FsRtlGetNextFileLock(&here, TRUE));
    FltUninitializeFileLock(&here);
    fltsim_fail_allocation(1);
    assert_null(FltAllocateFileLock(NULL, NULL));
    fltsim_fail_allocation(1);
    assert_null(FsRtlAllocateFileLock(NULL, NULL));
    lock = FsRtlAllocateFileLock(NULL, NULL);
    assert_non_null(lock);
    FsRtlFreeFileLock(lock);
    lock = FltAllocateFileLock(NULL, NULL);
    FltFreeFileLock(lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_range_is_locked_against_the_others),
        fltsim_unit_test(a_lock_that_must_wait_is_pended),
        fltsim_unit_test(a_lock_structure_is_made_in_place_or_allocated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
