/* Opportunistic locks of a minifilter that owns files: who is told, who waits, and what can be asked. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#include <fltKernel.h>

#include <fltsim/cmocka.h>

#include <string.h>

typedef FLT_PREOP_CALLBACK_STATUS check_routine(PFLT_CALLBACK_DATA data);

static PFLT_FILTER filter;
static struct fltsim_driver *driver;
static struct fltsim_volume *volume;
static OPLOCK oplock;
static check_routine *check;
static int resumed, posted;
static bool shared;
static NTSTATUS checked;

static VOID FLTAPI Resume(PFLT_CALLBACK_DATA data, PVOID context)
{
    assert_ptr_equal(context, &resumed);
    resumed++;
    checked = data->IoStatus.Status;
    FltCompletePendedPreOperation(data, FLT_PREOP_SUCCESS_NO_CALLBACK, NULL);
}

static VOID FLTAPI Post(PFLT_CALLBACK_DATA data, PVOID context) { posted++; }

static FLT_PREOP_CALLBACK_STATUS Plain(PFLT_CALLBACK_DATA data) { return FltCheckOplock(&oplock, data, &resumed, Resume, Post); }
static FLT_PREOP_CALLBACK_STATUS Ex(PFLT_CALLBACK_DATA data)
{
    return FltCheckOplockEx(&oplock, data, 0, &resumed, Resume, Post);
}
static FLT_PREOP_CALLBACK_STATUS ToNone(PFLT_CALLBACK_DATA data)
{
    return FltOplockBreakToNone(&oplock, data, &resumed, Resume, Post);
}
static FLT_PREOP_CALLBACK_STATUS ToNoneEx(PFLT_CALLBACK_DATA data)
{
    return FltOplockBreakToNoneEx(&oplock, data, 0, &resumed, Resume, Post);
}
static FLT_PREOP_CALLBACK_STATUS Handles(PFLT_CALLBACK_DATA data)
{
    return FltOplockBreakH(&oplock, data, 0, &resumed, Resume, Post);
}
static FLT_PREOP_CALLBACK_STATUS ExNow(PFLT_CALLBACK_DATA data)
{
    return FltCheckOplockEx(&oplock, data, OPLOCK_FLAG_COMPLETE_IF_OPLOCKED, &resumed, Resume, Post);
}
static FLT_PREOP_CALLBACK_STATUS ToNoneNow(PFLT_CALLBACK_DATA data)
{
    return FltOplockBreakToNoneEx(&oplock, data, OPLOCK_FLAG_COMPLETE_IF_OPLOCKED, &resumed, Resume, Post);
}
static FLT_PREOP_CALLBACK_STATUS HandlesNow(PFLT_CALLBACK_DATA data)
{
    return FltOplockBreakH(&oplock, data, OPLOCK_FLAG_COMPLETE_IF_OPLOCKED, &resumed, Resume, Post);
}

static FLT_PREOP_CALLBACK_STATUS FLTAPI Pre(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    FLT_PREOP_CALLBACK_STATUS status;
    if (!FLT_IS_IRP_OPERATION(data))
        return FLT_PREOP_DISALLOW_FASTIO;
    if (data->Iopb->MajorFunction == IRP_MJ_FILE_SYSTEM_CONTROL) {
        shared = FltOplockIsSharedRequest(data);
        return FltOplockFsctrlEx(&oplock, data, shared ? 0 : 1, 0); /* for a shared one: whether there are byte-range locks */
    }
    if (data->Iopb->MajorFunction == IRP_MJ_CLEANUP) {
        FltCheckOplock(&oplock, data, NULL, NULL, NULL);
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    }
    if (!check)
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    status = check(data);
    if (status == FLT_PREOP_SUCCESS_WITH_CALLBACK)
        checked = data->IoStatus.Status;
    return status == FLT_PREOP_SUCCESS_WITH_CALLBACK ? FLT_PREOP_SUCCESS_NO_CALLBACK : status;
}

static NTSTATUS FLTAPI Unload(FLT_FILTER_UNLOAD_FLAGS flags)
{
    FltUnregisterFilter(filter);
    FltUninitializeOplock(&oplock);
    return STATUS_SUCCESS;
}

static NTSTATUS Entry(PDRIVER_OBJECT driverObject, PUNICODE_STRING path)
{
    static const FLT_OPERATION_REGISTRATION operations[] = {{IRP_MJ_WRITE, 0, Pre, NULL, NULL},
                                                            {IRP_MJ_CLEANUP, 0, Pre, NULL, NULL},
                                                            {IRP_MJ_FILE_SYSTEM_CONTROL, 0, Pre, NULL, NULL},
                                                            {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL}};
    static const FLT_REGISTRATION registration = {.Size = sizeof registration,
                                                  .Version = FLT_REGISTRATION_VERSION,
                                                  .OperationRegistration = operations,
                                                  .FilterUnloadCallback = Unload};
    FltInitializeOplock(&oplock);
    NTSTATUS status = FltRegisterFilter(driverObject, &registration, &filter);
    return NT_SUCCESS(status) ? FltStartFiltering(filter) : status;
}

/* ---- the stage: an owner with an asynchronous handle, and somebody who writes ---- */

static HANDLE owner, writer, told;
static IO_STATUS_BLOCK granted, acknowledged;
static REQUEST_OPLOCK_INPUT_BUFFER wanted;
static REQUEST_OPLOCK_OUTPUT_BUFFER answer;

static HANDLE open_with(ULONG options)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(L"\\??\\C:\\f");
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE handle = NULL;
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    assert_int_equal(ZwCreateFile(&handle, GENERIC_READ | GENERIC_WRITE | SYNCHRONIZE, &attributes, &iosb, NULL, 0,
                                  FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, FILE_OPEN_IF, options, NULL, 0),
                     STATUS_SUCCESS);
    return handle;
}

static void begin(void)
{
    resumed = posted = 0;
    check = NULL;
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C'}, &volume), STATUS_SUCCESS);
    assert_int_equal(
        fltsim_load(&(struct fltsim_driver_options){.name = "owner", .entry = Entry, .altitude = "200000"}, &driver),
        STATUS_SUCCESS);
    owner = open_with(0);
    writer = open_with(FILE_SYNCHRONOUS_IO_NONALERT);
    assert_int_equal(ZwCreateEvent(&told, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE), STATUS_SUCCESS);
}

static void end(void)
{
    assert_int_equal(ZwClose(writer), STATUS_SUCCESS);
    assert_int_equal(ZwClose(owner), STATUS_SUCCESS);
    assert_int_equal(ZwClose(told), STATUS_SUCCESS);
}

/* level 0: the control code says it all. */
static NTSTATUS ask(ULONG code, ULONG level, PIO_STATUS_BLOCK iosb)
{
    wanted = (REQUEST_OPLOCK_INPUT_BUFFER){REQUEST_OPLOCK_CURRENT_VERSION, sizeof wanted, level,
                                           REQUEST_OPLOCK_INPUT_FLAG_REQUEST};
    return ZwFsControlFile(owner, told, NULL, NULL, iosb, code, level ? &wanted : NULL, level ? sizeof wanted : 0,
                           level ? &answer : NULL, level ? sizeof answer : 0);
}

static int write_a_byte(void *unused)
{
    IO_STATUS_BLOCK iosb;
    LARGE_INTEGER start = {.QuadPart = 0};
    return ZwWriteFile(writer, NULL, NULL, NULL, &iosb, (PVOID) "x", 1, &start, NULL);
}

static NTSTATUS write_by(check_routine *routine)
{
    check = routine;
    NTSTATUS status = write_a_byte(NULL);
    check = NULL;
    return status;
}

/* ---- */

static void a_writer_waits_until_the_owner_has_acknowledged(void)
{
    static check_routine *const routines[] = {Plain, Ex, ToNone, ToNoneEx};
    begin();
    for (ULONG i = 0; i < ARRAYSIZE(routines); i++) {
        resumed = posted = 0;
        assert_int_equal(ask(FSCTL_REQUEST_OPLOCK_LEVEL_1, 0, &granted), STATUS_PENDING);
        assert_false(shared);
        assert_true(FltCurrentOplock(&oplock));
        assert_false(FltCurrentOplockH(&oplock));
        assert_false(FltOplockIsFastIoPossible(&oplock));
        check = routines[i];
        struct fltsim_thread *thread = fltsim_thread_create(NULL, write_a_byte, NULL);
        assert_int_equal(ZwWaitForSingleObject(told, FALSE, NULL), STATUS_SUCCESS);
        assert_int_equal(granted.Status, STATUS_SUCCESS);
        fltsim_sleep(1);
        assert_int_equal(resumed, 0);
        assert_int_equal(posted, 1);
        assert_int_equal(ask(FSCTL_OPLOCK_BREAK_ACK_NO_2, 0, &acknowledged), STATUS_SUCCESS);
        assert_int_equal(fltsim_thread_join(thread), STATUS_SUCCESS);
        assert_int_equal(resumed, 1);
        assert_int_equal(checked, STATUS_SUCCESS);
        check = NULL;
        assert_false(FltCurrentOplock(&oplock));
    }
    end();
}

static void who_does_not_wait_is_told_of_the_break(void)
{
    static check_routine *const routines[] = {ExNow, ToNoneNow};
    begin();
    for (ULONG i = 0; i < ARRAYSIZE(routines); i++) {
        checked = STATUS_UNSUCCESSFUL;
        assert_int_equal(ask(FSCTL_REQUEST_OPLOCK_LEVEL_1, 0, &granted), STATUS_PENDING);
        assert_int_equal(write_by(routines[i]), STATUS_SUCCESS);
        assert_int_equal(checked, STATUS_OPLOCK_BREAK_IN_PROGRESS);
        assert_int_equal(resumed, 0);
        assert_int_equal(ask(FSCTL_OPLOCK_BREAK_ACK_NO_2, 0, &acknowledged), STATUS_SUCCESS);
    }
    end();
}

static void caching_of_handles_is_broken_by_itself(void)
{
    const ULONG all = OPLOCK_LEVEL_CACHE_READ | OPLOCK_LEVEL_CACHE_WRITE | OPLOCK_LEVEL_CACHE_HANDLE;
    begin();
    assert_int_equal(ask(FSCTL_REQUEST_OPLOCK, all, &granted), STATUS_PENDING);
    assert_false(shared);
    assert_true(FltCurrentOplockH(&oplock));
    checked = STATUS_UNSUCCESSFUL;
    assert_int_equal(write_by(HandlesNow), STATUS_SUCCESS);
    assert_int_equal(checked, STATUS_OPLOCK_BREAK_IN_PROGRESS);
    assert_int_equal(ZwWaitForSingleObject(told, FALSE, NULL), STATUS_SUCCESS);
    assert_int_equal(answer.OriginalOplockLevel, all);
    assert_int_equal(answer.NewOplockLevel, OPLOCK_LEVEL_CACHE_READ | OPLOCK_LEVEL_CACHE_WRITE);
    check = Handles;
    struct fltsim_thread *thread = fltsim_thread_create(NULL, write_a_byte, NULL);
    fltsim_sleep(1);
    assert_int_equal(resumed, 0);
    assert_int_equal(ask(FSCTL_OPLOCK_BREAK_ACK_NO_2, 0, &acknowledged), STATUS_SUCCESS);
    assert_int_equal(fltsim_thread_join(thread), STATUS_SUCCESS);
    assert_int_equal(resumed, 1);
    check = NULL;
    assert_int_equal(write_by(Handles), STATUS_SUCCESS); /* nothing to break */
    assert_int_equal(resumed, 1);
    end();
}

static void a_request_for_reading_only_is_a_shared_one(void)
{
    begin();
    assert_int_equal(ask(FSCTL_REQUEST_OPLOCK_LEVEL_2, 0, &granted), STATUS_PENDING);
    assert_true(shared);
    assert_int_equal(write_by(Ex), STATUS_SUCCESS); /* a level 2 oplock is broken without an answer */
    assert_int_equal(ZwWaitForSingleObject(told, FALSE, NULL), STATUS_SUCCESS);
    assert_int_equal(ask(FSCTL_REQUEST_OPLOCK, OPLOCK_LEVEL_CACHE_READ, &granted), STATUS_PENDING);
    assert_true(shared);
    assert_int_equal(ask(FSCTL_OPLOCK_BREAK_NOTIFY, 0, &acknowledged), STATUS_SUCCESS);
    assert_false(shared);
    end();
}

static void a_file_object_has_its_own_key_and_no_other(void)
{
    PFILE_OBJECT first, second;
    begin();
    assert_int_equal(ObReferenceObjectByHandle(owner, 0, *IoFileObjectType, KernelMode, (PVOID *)&first, NULL), STATUS_SUCCESS);
    assert_int_equal(ObReferenceObjectByHandle(writer, 0, *IoFileObjectType, KernelMode, (PVOID *)&second, NULL),
                     STATUS_SUCCESS);
    assert_true(FltOplockKeysEqual(first, first));
    assert_false(FltOplockKeysEqual(first, second));
    ObDereferenceObject(first);
    ObDereferenceObject(second);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_writer_waits_until_the_owner_has_acknowledged),
        fltsim_unit_test(who_does_not_wait_is_told_of_the_break),
        fltsim_unit_test(caching_of_handles_is_broken_by_itself),
        fltsim_unit_test(a_request_for_reading_only_is_a_shared_one),
        fltsim_unit_test(a_file_object_has_its_own_key_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
