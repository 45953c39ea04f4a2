/*
 * Lesson 06: unload, and what holds it up.
 *
 * FltUnregisterFilter returns when nothing of the Filter Manager's points to the filter any more: it waits for callbacks,
 * for work items, for references and for contexts. This filter has all of these, and four ways to make the wait endless:
 * Globals.Mistake, which the test sets, chooses.
 */
#include <fltKernel.h>

#define UL_TAG 'lUmS'

typedef enum _UL_MISTAKE {
    UlNone,
    UlKeepContext,   /* a reference on a context is not released */
    UlKeepFilter,    /* a reference on the filter is not given back */
    UlKeepInstance,  /* nor one on an instance */
    UlUnloadInWorker /* FltUnregisterFilter in a work item, for which it waits */
} UL_MISTAKE;

typedef struct _UL_STREAM_CONTEXT {
    volatile LONG Closes;
} UL_STREAM_CONTEXT, *PUL_STREAM_CONTEXT;

typedef struct _UL_GLOBALS {
    PFLT_FILTER Filter;
    UL_MISTAKE Mistake;
    volatile LONG WorkersDone;
    volatile LONG LiveContexts;
    LONG WorkersDoneAtUnload; /* how many when FltUnregisterFilter had returned */
} UL_GLOBALS;

UL_GLOBALS Globals;

/* For the test, which looks at the filter then. */
VOID (*UlBeforeUnregister)(VOID);
VOID (*UlAfterUnregister)(VOID);

DRIVER_INITIALIZE DriverEntry;
NTSTATUS DriverEntry(_In_ PDRIVER_OBJECT DriverObject, _In_ PUNICODE_STRING RegistryPath);

static NTSTATUS UlUnload(_In_ FLT_FILTER_UNLOAD_FLAGS Flags);
static NTSTATUS UlQueryTeardown(_In_ PCFLT_RELATED_OBJECTS FltObjects, _In_ FLT_INSTANCE_QUERY_TEARDOWN_FLAGS Flags);
static VOID UlContextCleanup(_In_ PFLT_CONTEXT Context, _In_ FLT_CONTEXT_TYPE ContextType);
static FLT_PREOP_CALLBACK_STATUS UlPreCleanup(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                              _Flt_CompletionContext_Outptr_ PVOID *CompletionContext);

#ifdef ALLOC_PRAGMA
#pragma alloc_text(INIT, DriverEntry)
#pragma alloc_text(PAGE, UlUnload)
#pragma alloc_text(PAGE, UlQueryTeardown)
#endif

static const FLT_CONTEXT_REGISTRATION ContextRegistration[] = {
    {FLT_STREAM_CONTEXT, 0, UlContextCleanup, sizeof(UL_STREAM_CONTEXT), UL_TAG},
    {FLT_CONTEXT_END}};

static const FLT_OPERATION_REGISTRATION Callbacks[] = {
    {IRP_MJ_CLEANUP, 0, UlPreCleanup, NULL},
    {IRP_MJ_OPERATION_END}};

static const FLT_REGISTRATION FilterRegistration = {
    sizeof(FLT_REGISTRATION),
    FLT_REGISTRATION_VERSION,
    0,
    ContextRegistration,
    Callbacks,
    UlUnload,
    NULL, /* InstanceSetup: every volume */
    UlQueryTeardown,
};

NTSTATUS
DriverEntry(_In_ PDRIVER_OBJECT DriverObject, _In_ PUNICODE_STRING RegistryPath)
{
    NTSTATUS status;

    UNREFERENCED_PARAMETER(RegistryPath);

    status = FltRegisterFilter(DriverObject, &FilterRegistration, &Globals.Filter);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = FltStartFiltering(Globals.Filter);
    if (!NT_SUCCESS(status)) {
        FltUnregisterFilter(Globals.Filter);
    }
    return status;
}

static NTSTATUS
UlQueryTeardown(_In_ PCFLT_RELATED_OBJECTS FltObjects, _In_ FLT_INSTANCE_QUERY_TEARDOWN_FLAGS Flags)
{
    UNREFERENCED_PARAMETER(FltObjects);
    UNREFERENCED_PARAMETER(Flags);
    PAGED_CODE();

    return STATUS_SUCCESS;
}

static NTSTATUS
UlUnload(_In_ FLT_FILTER_UNLOAD_FLAGS Flags)
{
    UNREFERENCED_PARAMETER(Flags);
    PAGED_CODE();

    if (UlBeforeUnregister != NULL) {
        UlBeforeUnregister();
    }

    FltUnregisterFilter(Globals.Filter);

    /* No callback, no work item, no context of ours is left. Only the filter pointer itself is good until we return. */
    Globals.WorkersDoneAtUnload = Globals.WorkersDone;
    if (UlAfterUnregister != NULL) {
        UlAfterUnregister();
    }
    return STATUS_SUCCESS;
}

static VOID
UlContextCleanup(_In_ PFLT_CONTEXT Context, _In_ FLT_CONTEXT_TYPE ContextType)
{
    UNREFERENCED_PARAMETER(Context);
    UNREFERENCED_PARAMETER(ContextType);

    InterlockedDecrement(&Globals.LiveContexts);
}

static NTSTATUS
UlFindOrCreateContext(_In_ PCFLT_RELATED_OBJECTS FltObjects, _Outptr_ PUL_STREAM_CONTEXT *Context)
{
    PUL_STREAM_CONTEXT existing;
    NTSTATUS status;

    status = FltGetStreamContext(FltObjects->Instance, FltObjects->FileObject, (PFLT_CONTEXT *)Context);
    if (status != STATUS_NOT_FOUND) {
        return status;
    }
    status = FltAllocateContext(Globals.Filter, FLT_STREAM_CONTEXT, sizeof(UL_STREAM_CONTEXT), NonPagedPool,
                                (PFLT_CONTEXT *)Context);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    (*Context)->Closes = 0;
    InterlockedIncrement(&Globals.LiveContexts);
    status = FltSetStreamContext(FltObjects->Instance, FltObjects->FileObject, FLT_SET_CONTEXT_KEEP_IF_EXISTS, *Context,
                                 (PFLT_CONTEXT *)&existing);
    if (!NT_SUCCESS(status)) {
        FltReleaseContext(*Context);
        *Context = existing;
    }
    return status == STATUS_FLT_CONTEXT_ALREADY_DEFINED ? STATUS_SUCCESS : status;
}

/* Takes its time. The Filter Manager holds the filter for as long as it runs, and so the driver's code stays, too. */
static VOID
UlWorker(_In_ PFLT_GENERIC_WORKITEM WorkItem, _In_ PVOID FltObject, _In_opt_ PVOID Context)
{
    LARGE_INTEGER second;

    UNREFERENCED_PARAMETER(FltObject);

    second.QuadPart = -10 * 1000 * 1000;
    KeDelayExecutionThread(KernelMode, FALSE, &second);
    FltFreeGenericWorkItem(WorkItem);
    if (Globals.Mistake != UlKeepContext) {
        FltReleaseContext(Context);
    }
    if (Globals.Mistake == UlUnloadInWorker) {
        FltUnregisterFilter(Globals.Filter);
    }
    InterlockedIncrement(&Globals.WorkersDone);
}

static VOID
UlMakeMistake(_In_ PCFLT_RELATED_OBJECTS FltObjects)
{
    PFLT_INSTANCE instance;

    if (Globals.Mistake == UlKeepFilter) {
        FltObjectReference(Globals.Filter);
    }
    if (Globals.Mistake == UlKeepInstance) {
        FltGetVolumeInstanceFromName(Globals.Filter, FltObjects->Volume, NULL, &instance);
    }
}

static FLT_PREOP_CALLBACK_STATUS
UlPreCleanup(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
             _Flt_CompletionContext_Outptr_ PVOID *CompletionContext)
{
    PUL_STREAM_CONTEXT context;
    PFLT_GENERIC_WORKITEM workItem;

    UNREFERENCED_PARAMETER(Data);
    UNREFERENCED_PARAMETER(CompletionContext);

    UlMakeMistake(FltObjects);
    if (!NT_SUCCESS(UlFindOrCreateContext(FltObjects, &context))) {
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    }
    InterlockedIncrement(&context->Closes);

    /* The reference goes along with the work item, or is given back here. */
    workItem = FltAllocateGenericWorkItem();
    if (workItem == NULL) {
        FltReleaseContext(context);
    } else if (!NT_SUCCESS(FltQueueGenericWorkItem(workItem, Globals.Filter, UlWorker, DelayedWorkQueue, context))) {
        FltFreeGenericWorkItem(workItem);
        FltReleaseContext(context);
    }
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}
