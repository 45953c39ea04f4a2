/* Opportunistic locks: granted, broken, acknowledged, waited for. */
#include "irp.h"

static OPLOCK oplock;
static FILE_OBJECT owner, other;
static IO_SECURITY_CONTEXT security;

static int start(void **state)
{
    memset(&owner, 0, sizeof owner);
    memset(&other, 0, sizeof other);
    if (start_machine(state))
        return -1;
    FsRtlInitializeOplock(&oplock);
    return 0;
}

static int stop(void **state)
{
    FsRtlUninitializeOplock(&oplock);
    return stop_machine(state);
}

static NTSTATUS control(struct request *r, PFILE_OBJECT file, ULONG code, ULONG count)
{
    begin_request(r, IRP_MJ_FILE_SYSTEM_CONTROL, IRP_MN_USER_FS_REQUEST, file);
    r->stack->Parameters.FileSystemControl.FsControlCode = code;
    return FsRtlOplockFsctrl(&oplock, r->irp, count);
}

static NTSTATUS caching(struct request *r, PFILE_OBJECT file, ULONG level, ULONG flags)
{
    begin_request(r, IRP_MJ_FILE_SYSTEM_CONTROL, IRP_MN_USER_FS_REQUEST, file);
    r->stack->Parameters.FileSystemControl.FsControlCode = FSCTL_REQUEST_OPLOCK;
    r->stack->Parameters.FileSystemControl.InputBufferLength = sizeof(REQUEST_OPLOCK_INPUT_BUFFER);
    r->stack->Parameters.FileSystemControl.OutputBufferLength = sizeof(REQUEST_OPLOCK_OUTPUT_BUFFER);
    *(PREQUEST_OPLOCK_INPUT_BUFFER)r->buffer = (REQUEST_OPLOCK_INPUT_BUFFER){
        REQUEST_OPLOCK_CURRENT_VERSION, sizeof(REQUEST_OPLOCK_INPUT_BUFFER), level, flags};
    return FsRtlOplockFsctrlEx(&oplock, r->irp, 1, 0);
}

static volatile LONG resumed, posted;
static NTSTATUS resumed_status;

static VOID Resumed(PVOID context, PIRP irp)
{
    resumed_status = irp->IoStatus.Status;
    resumed++;
}

static VOID Posted(PVOID context, PIRP irp)
{
    posted++;
}

static NTSTATUS check(struct request *r, PFILE_OBJECT file, UCHAR major, ULONG disposition, ACCESS_MASK access)
{
    resumed = posted = 0;
    begin_request(r, major, 0, file);
    security.DesiredAccess = access;
    if (major == IRP_MJ_CREATE) {
        r->stack->Parameters.Create.SecurityContext = &security;
        r->stack->Parameters.Create.Options = disposition << 24;
    }
    return FsRtlCheckOplock(&oplock, r->irp, NULL, Resumed, Posted);
}

static void a_batch_oplock_breaks_to_level_2(void **state)
{
    struct request batch, create, acknowledge, write;
    assert_true(FsRtlOplockIsFastIoPossible(&oplock));
    assert_int_equal(control(&batch, &owner, FSCTL_REQUEST_BATCH_OPLOCK, 1), STATUS_PENDING);
    assert_true(FsRtlCurrentBatchOplock(&oplock));
    assert_false(FsRtlOplockIsFastIoPossible(&oplock));
    assert_int_equal(check(&create, &other, IRP_MJ_CREATE, FILE_OPEN, FILE_READ_ATTRIBUTES), STATUS_SUCCESS);
    end_request(&create);
    assert_false(batch.done);
    assert_int_equal(check(&create, &other, IRP_MJ_CREATE, FILE_OPEN, FILE_READ_DATA), STATUS_PENDING);
    assert_int_equal(posted, 1);
    assert_true(batch.done);
    assert_int_equal(batch.status, STATUS_SUCCESS);
    assert_int_equal(batch.information, FILE_OPLOCK_BROKEN_TO_LEVEL_2);
    assert_int_equal(resumed, 0);
    assert_int_equal(control(&acknowledge, &owner, FSCTL_OPLOCK_BREAK_ACKNOWLEDGE, 0), STATUS_PENDING);
    assert_int_equal(resumed, 1);
    assert_int_equal(resumed_status, STATUS_SUCCESS);
    assert_true(FsRtlCurrentOplock(&oplock)); /* level 2 now */
    assert_false(FsRtlCurrentBatchOplock(&oplock));
    assert_int_equal(check(&write, &other, IRP_MJ_WRITE, 0, 0), STATUS_SUCCESS); /* level 2 is not waited for */
    assert_true(acknowledge.done);
    assert_int_equal(acknowledge.information, FILE_OPLOCK_BROKEN_TO_NONE);
    assert_false(FsRtlCurrentOplock(&oplock));
    end_request(&batch);
    end_request(&create);
    end_request(&acknowledge);
    end_request(&write);
}

static void grants_are_limited(void **state)
{
    struct request a, b, c;
    assert_int_equal(control(&a, &owner, FSCTL_REQUEST_OPLOCK_LEVEL_1, 2), STATUS_OPLOCK_NOT_GRANTED);
    assert_true(a.done);
    end_request(&a);
    owner.Flags = FO_SYNCHRONOUS_IO;
    assert_int_equal(control(&a, &owner, FSCTL_REQUEST_OPLOCK_LEVEL_1, 1), STATUS_OPLOCK_NOT_GRANTED);
    end_request(&a);
    owner.Flags = 0;
    assert_int_equal(control(&a, &owner, FSCTL_REQUEST_OPLOCK_LEVEL_2, 0), STATUS_PENDING);
    assert_int_equal(control(&b, &other, FSCTL_REQUEST_OPLOCK_LEVEL_2, 0), STATUS_PENDING);
    assert_int_equal(control(&c, &other, FSCTL_REQUEST_OPLOCK_LEVEL_1, 1), STATUS_OPLOCK_NOT_GRANTED);
    end_request(&c);
    assert_int_equal(control(&c, &other, FSCTL_OPLOCK_BREAK_ACK_NO_2, 0), STATUS_INVALID_OPLOCK_PROTOCOL);
    end_request(&c);
    assert_int_equal(control(&c, &other, FSCTL_SET_SPARSE, 0), STATUS_INVALID_PARAMETER);
    end_request(&c);
    assert_int_equal(caching(&c, &other, OPLOCK_LEVEL_CACHE_WRITE, REQUEST_OPLOCK_INPUT_FLAG_REQUEST),
                     STATUS_INVALID_PARAMETER);
    end_request(&c);
    IoCancelIrp(a.irp);
    assert_true(a.done);
    assert_int_equal(a.status, STATUS_CANCELLED);
    check(&c, &other, IRP_MJ_CLEANUP, 0, 0);
    assert_true(b.done);
    assert_false(FsRtlCurrentOplock(&oplock));
    end_request(&a);
    end_request(&b);
    end_request(&c);
}

static void caching_levels_break_piece_by_piece(void **state)
{
    struct request lock, create, answer, rename;
    PREQUEST_OPLOCK_OUTPUT_BUFFER told = (PREQUEST_OPLOCK_OUTPUT_BUFFER)lock.buffer;
    ULONG all = OPLOCK_LEVEL_CACHE_READ | OPLOCK_LEVEL_CACHE_WRITE | OPLOCK_LEVEL_CACHE_HANDLE;
    assert_int_equal(caching(&lock, &owner, all, REQUEST_OPLOCK_INPUT_FLAG_REQUEST), STATUS_PENDING);
    assert_true(FsRtlCurrentOplockH(&oplock));
    assert_int_equal(check(&create, &other, IRP_MJ_CREATE, FILE_OPEN, FILE_READ_DATA), STATUS_PENDING);
    assert_true(lock.done);
    assert_int_equal(told->OriginalOplockLevel, all);
    assert_int_equal(told->NewOplockLevel, OPLOCK_LEVEL_CACHE_READ | OPLOCK_LEVEL_CACHE_HANDLE);
    assert_int_equal(told->Flags, REQUEST_OPLOCK_OUTPUT_FLAG_ACK_REQUIRED);
    assert_int_equal(caching(&answer, &owner, OPLOCK_LEVEL_CACHE_READ | OPLOCK_LEVEL_CACHE_HANDLE,
                             REQUEST_OPLOCK_INPUT_FLAG_ACK),
                     STATUS_PENDING);
    assert_int_equal(resumed, 1);
    begin_request(&rename, IRP_MJ_SET_INFORMATION, 0, &other);
    rename.stack->Parameters.SetFile.FileInformationClass = FileRenameInformation;
    assert_int_equal(FsRtlCheckOplock(&oplock, rename.irp, NULL, Resumed, Posted), STATUS_PENDING);
    assert_true(answer.done);
    IoCancelIrp(rename.irp);
    assert_int_equal(resumed, 2);
    assert_int_equal(resumed_status, STATUS_CANCELLED);
    end_request(&lock);
    end_request(&create);
    end_request(&answer);
    end_request(&rename);
}

static void a_create_need_not_wait(void **state)
{
    struct request lock, create;
    assert_int_equal(control(&lock, &owner, FSCTL_REQUEST_OPLOCK_LEVEL_1, 1), STATUS_PENDING);
    begin_request(&create, IRP_MJ_CREATE, 0, &other);
    security.DesiredAccess = FILE_WRITE_DATA;
    create.stack->Parameters.Create.SecurityContext = &security;
    create.stack->Parameters.Create.Options = (ULONG)FILE_OPEN << 24 | FILE_COMPLETE_IF_OPLOCKED;
    assert_int_equal(FsRtlCheckOplock(&oplock, create.irp, NULL, Resumed, Posted), STATUS_OPLOCK_BREAK_IN_PROGRESS);
    assert_true(lock.done);
    end_request(&lock);
    end_request(&create);
}

static int break_it(void *unused)
{
    struct request create;
    begin_request(&create, IRP_MJ_CREATE, 0, &other);
    security.DesiredAccess = FILE_WRITE_DATA;
    create.stack->Parameters.Create.SecurityContext = &security;
    create.stack->Parameters.Create.Options = (ULONG)FILE_OVERWRITE << 24;
    NTSTATUS status = FsRtlCheckOplock(&oplock, create.irp, NULL, NULL, NULL); /* waits in place */
    end_request(&create);
    return status == STATUS_SUCCESS && !FsRtlCurrentOplock(&oplock) ? 0 : 1;
}

static void a_thread_waits_in_place(void **state)
{
    struct request lock, answer;
    LARGE_INTEGER a_while = {.QuadPart = -10000};
    assert_int_equal(control(&lock, &owner, FSCTL_REQUEST_FILTER_OPLOCK, 1), STATUS_PENDING);
    struct fltsim_thread *thread = fltsim_thread_create(NULL, break_it, NULL);
    while (!__atomic_load_n(&lock.done, __ATOMIC_ACQUIRE))
        KeDelayExecutionThread(KernelMode, FALSE, &a_while);
    assert_int_equal(lock.information, FILE_OPLOCK_BROKEN_TO_NONE);
    assert_int_equal(control(&answer, &owner, FSCTL_OPLOCK_BREAK_ACK_NO_2, 0), STATUS_SUCCESS);
    assert_int_equal(fltsim_thread_join(thread), 0);
    end_request(&lock);
    end_request(&answer);
}

#define locked(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        locked(a_batch_oplock_breaks_to_level_2), locked(grants_are_limited), locked(caching_levels_break_piece_by_piece),
        locked(a_create_need_not_wait), locked(a_thread_waits_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
