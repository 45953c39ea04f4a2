/* The stage of a conformance test: the volume C:, and a minifilter on it whose callbacks a test fills in. */
#ifndef TESTS_CONFORMANCE_STAGE_H
#define TESTS_CONFORMANCE_STAGE_H

#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-variable"

#include <fltKernel.h>

#include <fltsim/cmocka.h>
#include <fltsim/fault.h>

#include <string.h>

#define STAGE_TAG 'gatS'

static struct stage {
    struct fltsim_volume *volume;
    struct fltsim_driver *driver;
    PDRIVER_OBJECT driverObject;
    PFLT_FILTER filter;
    PFLT_INSTANCE instance;
    PFLT_VOLUME fltVolume;
    /* What a test does in the callbacks of one operation; NULL: nothing. */
    UCHAR watched;
    FLT_PREOP_CALLBACK_STATUS answer;
    void (*before)(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects);
    void (*after)(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects);
    LONG calls;
    NTSTATUS setupStatus;
    void (*leaving)(PCFLT_RELATED_OBJECTS objects); /* InstanceTeardownStart */
    void (*left)(PCFLT_RELATED_OBJECTS objects);    /* InstanceTeardownComplete */
    void (*unregistered)(void);                     /* behind FltUnregisterFilter */
    NTSTATUS (*notified)(PCFLT_RELATED_OBJECTS objects, PFLT_CONTEXT context, ULONG mask);
    LONG cleanups; /* of contexts */
    void (*cleaned)(PFLT_CONTEXT context, FLT_CONTEXT_TYPE type);
    bool notStarted;
    const FLT_CONTEXT_REGISTRATION *contexts; /* instead of the usual ones */
} stage;

static NTSTATUS stage_same(NTSTATUS got, NTSTATUS wanted, const char *call, const char *file, int line)
{
    if (got != wanted) {
        print_error("%s\n    answered %s, not %s\n", call, fltsim_status_name(got), fltsim_status_name(wanted));
        _fail(file, line);
    }
    return got;
}
/* The call answers this status. */
#define answers(status, call) stage_same((call), (status), #call, __FILE__, __LINE__)
#define succeeds(call) answers(STATUS_SUCCESS, call)

/* The call answers this status when its first allocation fails. */
#define starves(status, call)                                                                                          \
    (fltsim_fail_allocation(1), answers(status, call), assert_true(fltsim_allocation_failed()), fltsim_fail_allocation(0))

static inline PUNICODE_STRING text(const WCHAR *characters)
{
    static UNICODE_STRING strings[8];
    static unsigned next;
    PUNICODE_STRING string = &strings[next++ % 8];
    RtlInitUnicodeString(string, characters);
    return string;
}

static bool same_text(PCUNICODE_STRING left, const WCHAR *right) { return RtlEqualUnicodeString(left, text(right), TRUE); }

static POBJECT_ATTRIBUTES named(const WCHAR *name)
{
    static OBJECT_ATTRIBUTES attributes[4];
    static unsigned next;
    POBJECT_ATTRIBUTES a = &attributes[next++ % 4];
    InitializeObjectAttributes(a, text(name), OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    return a;
}

static const LARGE_INTEGER noTime = {.QuadPart = 0};

/* ---- the minifilter --------------------------------------------------------------------------------------------- */

static FLT_PREOP_CALLBACK_STATUS FLTAPI stage_pre(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    if (data->Iopb->MajorFunction == stage.watched && stage.before) {
        stage.calls++;
        stage.before(data, objects);
        if (stage.answer != FLT_PREOP_SUCCESS_WITH_CALLBACK)
            return stage.answer;
    }
    if (data->Iopb->MajorFunction == stage.watched && stage.after)
        return data->Iopb->MajorFunction == IRP_MJ_CLOSE ? FLT_PREOP_SUCCESS_WITH_CALLBACK : FLT_PREOP_SYNCHRONIZE;
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static FLT_POSTOP_CALLBACK_STATUS FLTAPI stage_post(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID context,
                                                    FLT_POST_OPERATION_FLAGS flags)
{
    if (!(flags & FLTFL_POST_OPERATION_DRAINING) && data->Iopb->MajorFunction == stage.watched && stage.after) {
        stage.calls++;
        stage.after(data, objects);
    }
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static NTSTATUS FLTAPI stage_setup(PCFLT_RELATED_OBJECTS objects, FLT_INSTANCE_SETUP_FLAGS flags, DEVICE_TYPE type,
                                   FLT_FILESYSTEM_TYPE fileSystem)
{
    if (NT_SUCCESS(stage.setupStatus) && !stage.instance) {
        stage.instance = objects->Instance;
        stage.fltVolume = objects->Volume;
    }
    return stage.setupStatus;
}

static NTSTATUS FLTAPI stage_query(PCFLT_RELATED_OBJECTS objects, FLT_INSTANCE_QUERY_TEARDOWN_FLAGS flags)
{
    return STATUS_SUCCESS;
}

static VOID FLTAPI stage_leaving(PCFLT_RELATED_OBJECTS objects, FLT_INSTANCE_TEARDOWN_FLAGS reason)
{
    if (stage.leaving)
        stage.leaving(objects);
}

static VOID FLTAPI stage_left(PCFLT_RELATED_OBJECTS objects, FLT_INSTANCE_TEARDOWN_FLAGS reason)
{
    if (stage.left)
        stage.left(objects);
}

static NTSTATUS FLTAPI stage_notified(PCFLT_RELATED_OBJECTS objects, PFLT_CONTEXT context, ULONG mask)
{
    return stage.notified ? stage.notified(objects, context, mask) : STATUS_SUCCESS;
}

static NTSTATUS FLTAPI stage_unload(FLT_FILTER_UNLOAD_FLAGS flags)
{
    FltUnregisterFilter(stage.filter);
    if (stage.unregistered)
        stage.unregistered();
    return STATUS_SUCCESS;
}

#define STAGE_SEEN(major) {major, 0, stage_pre, stage_post, NULL}
static const FLT_OPERATION_REGISTRATION stage_operations[] = {
    STAGE_SEEN(IRP_MJ_CREATE),
    STAGE_SEEN(IRP_MJ_CLOSE),
    STAGE_SEEN(IRP_MJ_READ),
    STAGE_SEEN(IRP_MJ_WRITE),
    STAGE_SEEN(IRP_MJ_QUERY_INFORMATION),
    STAGE_SEEN(IRP_MJ_SET_INFORMATION),
    STAGE_SEEN(IRP_MJ_FLUSH_BUFFERS),
    STAGE_SEEN(IRP_MJ_DIRECTORY_CONTROL),
    STAGE_SEEN(IRP_MJ_FILE_SYSTEM_CONTROL),
    STAGE_SEEN(IRP_MJ_LOCK_CONTROL),
    STAGE_SEEN(IRP_MJ_CLEANUP),
    {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL},
};

static VOID FLTAPI stage_cleanup(PFLT_CONTEXT context, FLT_CONTEXT_TYPE type)
{
    __atomic_add_fetch(&stage.cleanups, 1, __ATOMIC_RELAXED);
    if (stage.cleaned)
        stage.cleaned(context, type);
}

static const FLT_CONTEXT_REGISTRATION stage_contexts[] = {
    {FLT_INSTANCE_CONTEXT, 0, stage_cleanup, 32, STAGE_TAG, NULL, NULL, NULL},
    {FLT_VOLUME_CONTEXT, 0, stage_cleanup, 32, STAGE_TAG, NULL, NULL, NULL},
    {FLT_FILE_CONTEXT, 0, stage_cleanup, 32, STAGE_TAG, NULL, NULL, NULL},
    {FLT_STREAM_CONTEXT, 0, stage_cleanup, 32, STAGE_TAG, NULL, NULL, NULL},
    {FLT_STREAMHANDLE_CONTEXT, 0, stage_cleanup, 32, STAGE_TAG, NULL, NULL, NULL},
    {FLT_TRANSACTION_CONTEXT, 0, stage_cleanup, 32, STAGE_TAG, NULL, NULL, NULL},
    {FLT_SECTION_CONTEXT, 0, stage_cleanup, 32, STAGE_TAG, NULL, NULL, NULL},
    {FLT_CONTEXT_END, 0, NULL, 0, 0, NULL, NULL, NULL},
};

static FLT_REGISTRATION stage_registration(void)
{
    return (FLT_REGISTRATION){.Size = sizeof(FLT_REGISTRATION),
                              .Version = FLT_REGISTRATION_VERSION,
                              .ContextRegistration = stage.contexts ? stage.contexts : stage_contexts,
                              .OperationRegistration = stage_operations,
                              .FilterUnloadCallback = stage_unload,
                              .InstanceSetupCallback = stage_setup,
                              .InstanceQueryTeardownCallback = stage_query,
                              .InstanceTeardownStartCallback = stage_leaving,
                              .InstanceTeardownCompleteCallback = stage_left,
                              .TransactionNotificationCallback = stage_notified};
}

static NTSTATUS stage_entry(PDRIVER_OBJECT driverObject, PUNICODE_STRING path)
{
    FLT_REGISTRATION registration = stage_registration();
    NTSTATUS status = FltRegisterFilter(driverObject, &registration, &stage.filter);
    stage.driverObject = driverObject;
    return NT_SUCCESS(status) && !stage.notStarted ? FltStartFiltering(stage.filter) : status;
}

static void stage_mount(enum fltsim_volume_kind kind)
{
    memset(&stage, 0, sizeof stage);
    succeeds(fltsim_mount(&(struct fltsim_volume_options){.kind = kind, .letter = 'C'}, &stage.volume));
}

static void stage_load(void)
{
    succeeds(fltsim_load(
        &(struct fltsim_driver_options){.name = "stage", .entry = stage_entry, .altitude = "370000"}, &stage.driver));
}

/* The usual: an NTFS volume and the filter on it. */
static void stage_set(void)
{
    stage_mount(FLTSIM_NTFS);
    stage_load();
    assert_non_null(stage.instance);
}

static HANDLE stage_open(const char *path)
{
    HANDLE handle;
    succeeds(fltsim_open(path, &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE | DELETE,
                                                     .disposition = FILE_OPEN_IF}, &handle));
    return handle;
}

static PFILE_OBJECT stage_file(HANDLE handle)
{
    PFILE_OBJECT file;
    succeeds(ObReferenceObjectByHandle(handle, 0, *IoFileObjectType, KernelMode, (PVOID *)&file, NULL));
    ObDereferenceObject(file); /* the handle keeps it */
    return file;
}

/* A context's references stand 8 bytes before it, and those of a filter, volume or instance where the debugger finds them:
 * FLT_OBJECT is Flags, PointerCount at 4, RundownRef (twice the count) at 8. */
static LONG stage_count(PFLT_CONTEXT context) { return *(volatile LONG *)((PCHAR)context - 8); }
static ULONG stage_flags(PVOID object) { return *(volatile ULONG *)object; }
static LONG stage_pointers(PVOID object) { return *(volatile LONG *)((PCHAR)object + 4); }
static ULONG_PTR stage_rundown(PVOID object) { return *(volatile ULONG_PTR *)((PCHAR)object + 8); }

/* Does in the pre- or post-operation callback of `major`, as a program does something that causes it. */
static void stage_watch(UCHAR major, void (*before)(PFLT_CALLBACK_DATA, PCFLT_RELATED_OBJECTS),
                        void (*after)(PFLT_CALLBACK_DATA, PCFLT_RELATED_OBJECTS))
{
    stage.watched = major;
    stage.before = before;
    stage.after = after;
    stage.answer = FLT_PREOP_SUCCESS_WITH_CALLBACK;
    stage.calls = 0;
}

static void stage_saw(void)
{
    assert_true(stage.calls > 0);
    stage.before = stage.after = NULL;
}

#endif
