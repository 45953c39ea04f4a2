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

/* ---- routines that break of themselves ----------------------------------------------------------------------------------- */

typedef NTSTATUS break_routine(PIRP irp, ULONG flags, POPLOCK_WAIT_COMPLETE_ROUTINE wait);

static NTSTATUS ToNone(PIRP irp, ULONG flags, POPLOCK_WAIT_COMPLETE_ROUTINE wait)
{
    return FsRtlOplockBreakToNone(&oplock, IoGetCurrentIrpStackLocation(irp), irp, NULL, wait, Posted);
}

static NTSTATUS ToNoneEx(PIRP irp, ULONG flags, POPLOCK_WAIT_COMPLETE_ROUTINE wait)
{
    return FsRtlOplockBreakToNoneEx(&oplock, irp, flags, NULL, wait, Posted);
}

static NTSTATUS Handles(PIRP irp, ULONG flags, POPLOCK_WAIT_COMPLETE_ROUTINE wait)
{
    return FsRtlOplockBreakH(&oplock, irp, flags, NULL, wait, Posted);
}

static NTSTATUS Ex(PIRP irp, ULONG flags, POPLOCK_WAIT_COMPLETE_ROUTINE wait)
{
    return FsRtlCheckOplockEx(&oplock, irp, flags, NULL, wait, Posted);
}

enum { READ = OPLOCK_LEVEL_CACHE_READ, HANDLES = OPLOCK_LEVEL_CACHE_HANDLE, WRITE = OPLOCK_LEVEL_CACHE_WRITE };
enum { KEPT = 99 }; /* no break */

/* What a read of `who` breaks of an oplock that caches `held`. */
static const struct {
    break_routine *routine;
    ULONG held, flags;
    bool own;
    NTSTATUS expected;
    ULONG left;
} breaks[] = {
    {ToNone, READ | WRITE | HANDLES, 0, false, STATUS_PENDING, 0},
    {ToNone, READ, 0, false, STATUS_SUCCESS, 0}, /* nobody has to answer for what is only read */
    {ToNoneEx, READ | WRITE, 0, false, STATUS_PENDING, 0},
    {ToNoneEx, READ | WRITE, OPLOCK_FLAG_COMPLETE_IF_OPLOCKED, false, STATUS_OPLOCK_BREAK_IN_PROGRESS, 0},
    {ToNoneEx, READ, 0, false, STATUS_SUCCESS, 0},
    {Handles, READ | HANDLES, 0, false, STATUS_PENDING, READ},
    {Handles, READ | WRITE | HANDLES, 0, false, STATUS_PENDING, READ | WRITE},
    {Handles, READ | HANDLES, OPLOCK_FLAG_COMPLETE_IF_OPLOCKED, false, STATUS_OPLOCK_BREAK_IN_PROGRESS, READ},
    {Handles, READ, 0, false, STATUS_SUCCESS, KEPT},
    {Handles, READ | HANDLES, 0, true, STATUS_SUCCESS, KEPT},
    {Ex, READ | WRITE | HANDLES, 0, false, STATUS_PENDING, READ | HANDLES},
    {Ex, READ | WRITE, OPLOCK_FLAG_COMPLETE_IF_OPLOCKED, false, STATUS_OPLOCK_BREAK_IN_PROGRESS, READ},
    {Ex, READ | WRITE, OPLOCK_FLAG_OPLOCK_KEY_CHECK_ONLY, false, STATUS_SUCCESS, KEPT},
    {Ex, READ | WRITE, 0, true, STATUS_SUCCESS, KEPT},
};

static void each_routine_breaks_what_it_says(void **state)
{
    for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
        struct request lock, read, cleanup;
        PREQUEST_OPLOCK_OUTPUT_BUFFER told = (PREQUEST_OPLOCK_OUTPUT_BUFFER)lock.buffer;
        assert_int_equal(caching(&lock, &owner, breaks[i].held, REQUEST_OPLOCK_INPUT_FLAG_REQUEST), STATUS_PENDING);
        resumed = posted = 0;
        begin_request(&read, IRP_MJ_READ, 0, breaks[i].own ? &owner : &other);
        assert_int_equal(breaks[i].routine(read.irp, breaks[i].flags, Resumed), breaks[i].expected);
        assert_int_equal(lock.done, breaks[i].left != KEPT);
        if (lock.done) {
            assert_int_equal(lock.status, STATUS_SUCCESS);
            assert_int_equal(told->OriginalOplockLevel, breaks[i].held);
            assert_int_equal(told->NewOplockLevel, breaks[i].left);
        }
        assert_int_equal(resumed, 0);
        if (breaks[i].expected == STATUS_PENDING)
            assert_int_equal(posted, 1);
        check(&cleanup, &owner, IRP_MJ_CLEANUP, 0, 0); /* answers what is to be answered */
        assert_int_equal(resumed, breaks[i].expected == STATUS_PENDING); /* check began to count anew */
        assert_false(FsRtlCurrentOplock(&oplock));
        end_request(&lock);
        end_request(&read);
        end_request(&cleanup);
    }
}

static struct request reading;
static break_routine *in_place;

static int wait_in_place(void *unused)
{
    return in_place(reading.irp, 0, NULL) == STATUS_CANCELLED ? 0 : 1;
}

static void a_break_that_is_waited_for_may_be_cancelled(void **state)
{
    static break_routine *const routines[] = {Ex, ToNone, ToNoneEx, Handles};
    enum { BEFORE, AFTER, IN_PLACE, WAYS };
    LARGE_INTEGER a_while = {.QuadPart = -10000};
    for (size_t i = 0; i < sizeof routines / sizeof *routines * WAYS; i++) {
        struct request lock, cleanup;
        int way = i % WAYS;
        in_place = routines[i / WAYS];
        caching(&lock, &owner, READ | WRITE | HANDLES, REQUEST_OPLOCK_INPUT_FLAG_REQUEST);
        resumed = posted = 0;
        begin_request(&reading, IRP_MJ_READ, 0, &other);
        if (way == BEFORE)
            IoCancelIrp(reading.irp);
        struct fltsim_thread *thread = way == IN_PLACE ? fltsim_thread_create(NULL, wait_in_place, NULL) : NULL;
        if (way != IN_PLACE)
            assert_int_equal(in_place(reading.irp, 0, Resumed), STATUS_PENDING);
        while (way == IN_PLACE && !__atomic_load_n(&reading.irp->CancelRoutine, __ATOMIC_ACQUIRE))
            KeDelayExecutionThread(KernelMode, FALSE, &a_while);
        if (way != BEFORE)
            IoCancelIrp(reading.irp);
        if (way == IN_PLACE)
            assert_int_equal(fltsim_thread_join(thread), 0);
        else
            assert_int_equal(resumed_status, STATUS_CANCELLED);
        assert_int_equal(resumed, way != IN_PLACE);
        assert_int_equal(posted, way != IN_PLACE);
        check(&cleanup, &owner, IRP_MJ_CLEANUP, 0, 0);
        end_request(&lock);
        end_request(&reading);
        end_request(&cleanup);
    }
}

static void a_create_that_requires_an_oplock_breaks_none(void **state)
{
    static break_routine *const routines[] = {Ex, ToNoneEx, Handles};
    for (size_t i = 0; i < sizeof routines / sizeof *routines; i++) {
        struct request lock, create, cleanup;
        caching(&lock, &owner, READ | WRITE | HANDLES, REQUEST_OPLOCK_INPUT_FLAG_REQUEST);
        begin_request(&create, IRP_MJ_CREATE, 0, &other);
        security.DesiredAccess = FILE_READ_DATA;
        create.stack->Parameters.Create.SecurityContext = &security;
        create.stack->Parameters.Create.Options = (ULONG)FILE_OPEN << 24 | FILE_OPEN_REQUIRING_OPLOCK;
        assert_int_equal(routines[i](create.irp, 0, Resumed), STATUS_CANNOT_BREAK_OPLOCK);
        assert_false(lock.done);
        check(&cleanup, &owner, IRP_MJ_CLEANUP, 0, 0);
        end_request(&lock);
        assert_int_equal(routines[i](create.irp, 0, Resumed), STATUS_SUCCESS); /* nobody has one now */
        end_request(&create);
        end_request(&cleanup);
    }
}

static const struct {
    ULONG code, level;
    bool shared;
} requests[] = {
    {FSCTL_REQUEST_OPLOCK_LEVEL_2, 0, true},         {FSCTL_REQUEST_OPLOCK_LEVEL_1, 0, false},
    {FSCTL_REQUEST_BATCH_OPLOCK, 0, false},          {FSCTL_REQUEST_FILTER_OPLOCK, 0, false},
    {FSCTL_REQUEST_OPLOCK, READ, true},              {FSCTL_REQUEST_OPLOCK, READ | HANDLES, true},
    {FSCTL_REQUEST_OPLOCK, READ | WRITE, false},     {FSCTL_REQUEST_OPLOCK, READ | WRITE | HANDLES, false},
    {FSCTL_OPLOCK_BREAK_NOTIFY, 0, false},           {FSCTL_SET_SPARSE, 0, false},
};

static void shared_requests_are_told_apart(void **state)
{
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct request r;
        begin_request(&r, IRP_MJ_FILE_SYSTEM_CONTROL, IRP_MN_USER_FS_REQUEST, &owner);
        r.stack->Parameters.FileSystemControl.FsControlCode = requests[i].code;
        r.stack->Parameters.FileSystemControl.InputBufferLength = sizeof(REQUEST_OPLOCK_INPUT_BUFFER);
        *(PREQUEST_OPLOCK_INPUT_BUFFER)r.buffer =
            (REQUEST_OPLOCK_INPUT_BUFFER){REQUEST_OPLOCK_CURRENT_VERSION, sizeof(REQUEST_OPLOCK_INPUT_BUFFER),
                                          requests[i].level, REQUEST_OPLOCK_INPUT_FLAG_REQUEST};
        assert_int_equal(FsRtlOplockIsSharedRequest(r.irp), requests[i].shared);
        end_request(&r);
    }
}

#define locked(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        locked(a_batch_oplock_breaks_to_level_2), locked(grants_are_limited), locked(caching_levels_break_piece_by_piece),
        locked(a_create_need_not_wait), locked(a_thread_waits_in_place),
        locked(each_routine_breaks_what_it_says), locked(a_break_that_is_waited_for_may_be_cancelled),
        locked(a_create_that_requires_an_oplock_breaks_none), locked(shared_requests_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
