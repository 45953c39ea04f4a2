/* Byte-range and opportunistic locks of a minifilter that owns files: callback data in the place of IRPs. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#include <fltKernel.h>

#include <fltsim/cmocka.h>

#include <string.h>

static PFLT_FILTER filter;
static struct fltsim_driver *driver;
static struct fltsim_volume *volume;
static FILE_LOCK lock;
static OPLOCK oplock;
static int locked, unlocked, resumed;
static bool check_oplock;

static VOID FLTAPI Go(PFLT_CALLBACK_DATA CallbackData, PVOID Context)
{
    resumed++;
    FltCompletePendedPreOperation(CallbackData, FLT_PREOP_SUCCESS_NO_CALLBACK, NULL);
}

static VOID Unlocked(PVOID context, PFILE_LOCK_INFO info)
{
    unlocked++;
}

static NTSTATUS FLTAPI Locked(PVOID Context, PFLT_CALLBACK_DATA CallbackData)
{
    locked++;
    return CallbackData->IoStatus.Status;
}

static PFILE_LOCK owned;

static FLT_PREOP_CALLBACK_STATUS FLTAPI Pre(PFLT_CALLBACK_DATA Data, PCFLT_RELATED_OBJECTS FltObjects, PVOID *Context)
{
    FLT_PREOP_CALLBACK_STATUS status;
    switch (Data->Iopb->MajorFunction) {
    case IRP_MJ_LOCK_CONTROL:
        if (!FLT_IS_IRP_OPERATION(Data))
            return FLT_PREOP_DISALLOW_FASTIO;
        return FltProcessFileLock(owned, Data, NULL);
    case IRP_MJ_READ:
        if (!FLT_IS_IRP_OPERATION(Data))
            return FLT_PREOP_DISALLOW_FASTIO;
        if (FltCheckLockForReadAccess(owned, Data))
            return FLT_PREOP_SUCCESS_NO_CALLBACK;
        Data->IoStatus.Status = STATUS_FILE_LOCK_CONFLICT;
        return FLT_PREOP_COMPLETE;
    case IRP_MJ_WRITE:
        if (!FLT_IS_IRP_OPERATION(Data))
            return FLT_PREOP_DISALLOW_FASTIO;
        if (!FltCheckLockForWriteAccess(owned, Data)) {
            Data->IoStatus.Status = STATUS_FILE_LOCK_CONFLICT;
            return FLT_PREOP_COMPLETE;
        }
        if (!check_oplock || !FLT_IS_IRP_OPERATION(Data))
            return FLT_PREOP_SUCCESS_NO_CALLBACK;
        status = FltCheckOplock(&oplock, Data, NULL, Go, NULL);
        return status == FLT_PREOP_SUCCESS_WITH_CALLBACK ? FLT_PREOP_SUCCESS_NO_CALLBACK : status;
    default:
        return FltOplockFsctrl(&oplock, Data, 1);
    }
}

static NTSTATUS FLTAPI Unload(FLT_FILTER_UNLOAD_FLAGS Flags)
{
    FltUnregisterFilter(filter);
    FltUninitializeOplock(&oplock);
    FltFreeFileLock(owned);
    return STATUS_SUCCESS;
}

static NTSTATUS Entry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static const FLT_OPERATION_REGISTRATION operations[] = {{IRP_MJ_LOCK_CONTROL, 0, Pre, NULL, NULL},
                                                            {IRP_MJ_READ, 0, Pre, NULL, NULL},
                                                            {IRP_MJ_WRITE, 0, Pre, NULL, NULL},
                                                            {IRP_MJ_FILE_SYSTEM_CONTROL, 0, Pre, NULL, NULL},
                                                            {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL}};
    static const FLT_REGISTRATION registration = {.Size = sizeof registration,
                                                  .Version = FLT_REGISTRATION_VERSION,
                                                  .OperationRegistration = operations,
                                                  .FilterUnloadCallback = Unload};
    FltInitializeFileLock(&lock);
    FltUninitializeFileLock(&lock);
    owned = FltAllocateFileLock(Locked, Unlocked);
    FltInitializeOplock(&oplock);
    NTSTATUS status = FltRegisterFilter(DriverObject, &registration, &filter);
    return NT_SUCCESS(status) ? FltStartFiltering(filter) : status;
}

static void load(void)
{
    locked = unlocked = resumed = 0;
    check_oplock = false;
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C'}, &volume), STATUS_SUCCESS);
    assert_int_equal(
        fltsim_load(&(struct fltsim_driver_options){.name = "owner", .entry = Entry, .altitude = "200000"}, &driver),
        STATUS_SUCCESS);
}

static HANDLE open_file(void)
{
    HANDLE handle;
    assert_int_equal(fltsim_open("C:\\f", &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE,
                                                               .disposition = FILE_OPEN_IF},
                                 &handle),
                     STATUS_SUCCESS);
    return handle;
}

static HANDLE waiting;

static int wait_for_lock(void *unused)
{
    return fltsim_lock(waiting, 5, 10, true, true);
}

static void ranges_are_locked_and_waited_for(void)
{
    char byte;
    LARGE_INTEGER a_while;
    a_while.QuadPart = -10000;
    load();
    HANDLE first = open_file();
    waiting = open_file();
    assert_int_equal(fltsim_write(first, "0123456789", 10, 0, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_lock(first, 0, 10, true, false), STATUS_SUCCESS);
    assert_int_equal(locked, 1);
    assert_int_equal(fltsim_lock(waiting, 5, 10, true, false), STATUS_LOCK_NOT_GRANTED);
    assert_int_equal(fltsim_read(waiting, &byte, 1, 3, NULL), STATUS_FILE_LOCK_CONFLICT);
    assert_int_equal(fltsim_write(waiting, "x", 1, 3, NULL), STATUS_FILE_LOCK_CONFLICT);
    assert_int_equal(fltsim_read(first, &byte, 1, 3, NULL), STATUS_SUCCESS);
    struct fltsim_thread *thread = fltsim_thread_create(NULL, wait_for_lock, NULL);
    KeDelayExecutionThread(KernelMode, FALSE, &a_while);
    assert_int_equal(fltsim_unlock(first, 0, 10), STATUS_SUCCESS);
    assert_int_equal(fltsim_thread_join(thread), STATUS_SUCCESS);
    assert_int_equal(unlocked, 1);
    assert_int_equal(fltsim_unlock(first, 0, 10), STATUS_RANGE_NOT_LOCKED);
    assert_int_equal(fltsim_unlock(waiting, 5, 10), STATUS_SUCCESS);
    fltsim_close(first);
    fltsim_close(waiting);
}

static void oplocks_are_not_granted_to_synchronous_handles(void)
{
    load();
    HANDLE handle = open_file();
    check_oplock = true;
    assert_int_equal(fltsim_fsctl(handle, FSCTL_REQUEST_OPLOCK_LEVEL_1, NULL, 0, NULL, 0, NULL), STATUS_OPLOCK_NOT_GRANTED);
    assert_int_equal(fltsim_fsctl(handle, FSCTL_OPLOCK_BREAK_ACKNOWLEDGE, NULL, 0, NULL, 0, NULL),
                     STATUS_INVALID_OPLOCK_PROTOCOL);
    assert_true(FltOplockIsFastIoPossible(&oplock));
    assert_false(FltCurrentBatchOplock(&oplock));
    assert_false(FltCurrentOplock(&oplock));
    assert_int_equal(fltsim_write(handle, "x", 1, 0, NULL), STATUS_SUCCESS);
    fltsim_close(handle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(ranges_are_locked_and_waited_for),
        fltsim_unit_test(oplocks_are_not_granted_to_synchronous_handles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
