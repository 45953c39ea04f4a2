/*
 * Lesson 03: reference counts, step by step.
 *
 * Every way in which a stream context's reference count changes, in one small filter: allocated, set, set where one is
 * already, got, referenced for a work item, deleted, released. RsObserver sees the context behind each step.
 */
#include <fltKernel.h>

#define RS_TAG 'sRmS'

typedef struct _RS_STREAM_CONTEXT {
    volatile LONG Opens;
} RS_STREAM_CONTEXT, *PRS_STREAM_CONTEXT;

typedef struct _RS_GLOBALS {
    PFLT_FILTER Filter;
    volatile LONG LiveContexts;
} RS_GLOBALS;

RS_GLOBALS Globals;

/* For demonstrations: called behind each step, with a context that may be gone by then - to look up, not to touch. */
VOID (*RsObserver)(PCSTR Step, PVOID Context);

#define RS_STEP(Step, Context)                                                                                         \
    if (RsObserver != NULL) {                                                                                          \
        RsObserver(Step, Context);                                                                                     \
    }

DRIVER_INITIALIZE DriverEntry;
NTSTATUS DriverEntry(_In_ PDRIVER_OBJECT DriverObject, _In_ PUNICODE_STRING RegistryPath);

static NTSTATUS RsUnload(_In_ FLT_FILTER_UNLOAD_FLAGS Flags);
static VOID RsContextCleanup(_In_ PFLT_CONTEXT Context, _In_ FLT_CONTEXT_TYPE ContextType);
static FLT_POSTOP_CALLBACK_STATUS RsPostCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                               _In_opt_ PVOID CompletionContext, _In_ FLT_POST_OPERATION_FLAGS Flags);
static FLT_PREOP_CALLBACK_STATUS RsPreCleanup(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                              _Flt_CompletionContext_Outptr_ PVOID *CompletionContext);
static FLT_PREOP_CALLBACK_STATUS RsPreFlush(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                            _Flt_CompletionContext_Outptr_ PVOID *CompletionContext);

#ifdef ALLOC_PRAGMA
#pragma alloc_text(INIT, DriverEntry)
#pragma alloc_text(PAGE, RsUnload)
#endif

static const FLT_CONTEXT_REGISTRATION ContextRegistration[] = {
    {FLT_STREAM_CONTEXT, 0, RsContextCleanup, sizeof(RS_STREAM_CONTEXT), RS_TAG},
    {FLT_CONTEXT_END}};

static const FLT_OPERATION_REGISTRATION Callbacks[] = {
    {IRP_MJ_CREATE, 0, NULL, RsPostCreate},
    {IRP_MJ_CLEANUP, 0, RsPreCleanup, NULL},
    {IRP_MJ_FLUSH_BUFFERS, 0, RsPreFlush, NULL},
    {IRP_MJ_OPERATION_END}};

static const FLT_REGISTRATION FilterRegistration = {
    sizeof(FLT_REGISTRATION),
    FLT_REGISTRATION_VERSION,
    0,
    ContextRegistration,
    Callbacks,
    RsUnload,
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
RsUnload(_In_ FLT_FILTER_UNLOAD_FLAGS Flags)
{
    UNREFERENCED_PARAMETER(Flags);
    PAGED_CODE();

    FltUnregisterFilter(Globals.Filter);
    return STATUS_SUCCESS;
}

static VOID
RsContextCleanup(_In_ PFLT_CONTEXT Context, _In_ FLT_CONTEXT_TYPE ContextType)
{
    UNREFERENCED_PARAMETER(ContextType);

    RS_STEP("the cleanup callback runs", Context);
    InterlockedDecrement(&Globals.LiveContexts);
}

/* Brings a context to each open. Only the first one of a stream is linked; the others find that one. */
static FLT_POSTOP_CALLBACK_STATUS
RsPostCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects, _In_opt_ PVOID CompletionContext,
             _In_ FLT_POST_OPERATION_FLAGS Flags)
{
    PRS_STREAM_CONTEXT fresh;
    PRS_STREAM_CONTEXT existing;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(CompletionContext);

    if (FlagOn(Flags, FLTFL_POST_OPERATION_DRAINING) || !NT_SUCCESS(Data->IoStatus.Status) ||
        Data->IoStatus.Status == STATUS_REPARSE) {
        return FLT_POSTOP_FINISHED_PROCESSING;
    }

    status = FltAllocateContext(Globals.Filter, FLT_STREAM_CONTEXT, sizeof(RS_STREAM_CONTEXT), NonPagedPool,
                                (PFLT_CONTEXT *)&fresh);
    if (!NT_SUCCESS(status)) {
        return FLT_POSTOP_FINISHED_PROCESSING;
    }
    fresh->Opens = 1; /* this one: see lesson 04 */
    InterlockedIncrement(&Globals.LiveContexts);
    RS_STEP("FltAllocateContext: the caller's", fresh);

    status = FltSetStreamContext(FltObjects->Instance, FltObjects->FileObject, FLT_SET_CONTEXT_KEEP_IF_EXISTS, fresh,
                                 (PFLT_CONTEXT *)&existing);
    if (NT_SUCCESS(status)) {
        RS_STEP("FltSetStreamContext succeeds: the link's, too", fresh);
    } else if (status == STATUS_FLT_CONTEXT_ALREADY_DEFINED) {
        RS_STEP("FltSetStreamContext finds one: ours is as it was", fresh);
        RS_STEP("the one it found: its link's, and now the caller's", existing);
        InterlockedIncrement(&existing->Opens);
        FltReleaseContext(existing);
        RS_STEP("FltReleaseContext of the one it found", existing);
    }

    FltReleaseContext(fresh);
    RS_STEP("FltReleaseContext of ours", fresh);
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static VOID
RsWorker(_In_ PFLT_GENERIC_WORKITEM WorkItem, _In_ PVOID FltObject, _In_opt_ PVOID Context)
{
    UNREFERENCED_PARAMETER(FltObject);

    FltFreeGenericWorkItem(WorkItem);
    RS_STEP("the work item runs, and holds it", Context);
    FltReleaseContext(Context);
}

/* Hands the context to a work item, which needs a reference of its own: it may run when this callback is long through. */
static FLT_PREOP_CALLBACK_STATUS
RsPreCleanup(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
             _Flt_CompletionContext_Outptr_ PVOID *CompletionContext)
{
    PRS_STREAM_CONTEXT context;
    PFLT_GENERIC_WORKITEM workItem;

    UNREFERENCED_PARAMETER(Data);
    UNREFERENCED_PARAMETER(CompletionContext);

    if (!NT_SUCCESS(FltGetStreamContext(FltObjects->Instance, FltObjects->FileObject, (PFLT_CONTEXT *)&context))) {
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    }
    RS_STEP("FltGetStreamContext: the caller's", context);

    workItem = FltAllocateGenericWorkItem();
    if (workItem != NULL) {
        FltReferenceContext(context);
        RS_STEP("FltReferenceContext: the work item's", context);
        if (!NT_SUCCESS(FltQueueGenericWorkItem(workItem, Globals.Filter, RsWorker, DelayedWorkQueue, context))) {
            FltFreeGenericWorkItem(workItem);
            FltReleaseContext(context); /* nobody else will */
        }
    }
    FltReleaseContext(context);
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

/* A flush makes this filter forget what it knows of the stream. */
static FLT_PREOP_CALLBACK_STATUS
RsPreFlush(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
           _Flt_CompletionContext_Outptr_ PVOID *CompletionContext)
{
    PRS_STREAM_CONTEXT context;

    UNREFERENCED_PARAMETER(Data);
    UNREFERENCED_PARAMETER(CompletionContext);

    if (NT_SUCCESS(FltGetStreamContext(FltObjects->Instance, FltObjects->FileObject, (PFLT_CONTEXT *)&context))) {
        RS_STEP("FltGetStreamContext: the caller's", context);
        FltDeleteContext(context);
        RS_STEP("FltDeleteContext: the link's is gone, the caller's stays", context);
        FltReleaseContext(context);
        RS_STEP("FltReleaseContext of the last one", context);
    }
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}
