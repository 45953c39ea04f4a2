/*
 * Lesson 02: remembering something about a file.
 *
 * A stream context is memory of the filter's own that hangs on a stream of a file. This filter counts, for each stream,
 * how often it was opened and how much was written to it, and tells what it knows when the stream goes.
 */
#include <fltKernel.h>

#define SC_TAG 'cSmS'

typedef struct _SC_STREAM_CONTEXT {
    volatile LONG Opens;
    volatile LONG64 BytesWritten;
} SC_STREAM_CONTEXT, *PSC_STREAM_CONTEXT;

typedef struct _SC_GLOBALS {
    PFLT_FILTER Filter;
    volatile LONG LiveContexts;
    volatile LONG LastOpens;         /* of the stream that went last */
    volatile LONG64 LastBytesWritten;
} SC_GLOBALS;

SC_GLOBALS Globals;

DRIVER_INITIALIZE DriverEntry;
NTSTATUS DriverEntry(_In_ PDRIVER_OBJECT DriverObject, _In_ PUNICODE_STRING RegistryPath);

static NTSTATUS ScUnload(_In_ FLT_FILTER_UNLOAD_FLAGS Flags);
static VOID ScContextCleanup(_In_ PFLT_CONTEXT Context, _In_ FLT_CONTEXT_TYPE ContextType);
static FLT_PREOP_CALLBACK_STATUS ScPreCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                             _Flt_CompletionContext_Outptr_ PVOID *CompletionContext);
static FLT_POSTOP_CALLBACK_STATUS ScPostCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                               _In_opt_ PVOID CompletionContext, _In_ FLT_POST_OPERATION_FLAGS Flags);
static FLT_PREOP_CALLBACK_STATUS ScPreWrite(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                            _Flt_CompletionContext_Outptr_ PVOID *CompletionContext);
static FLT_POSTOP_CALLBACK_STATUS ScPostWrite(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                              _In_opt_ PVOID CompletionContext, _In_ FLT_POST_OPERATION_FLAGS Flags);

#ifdef ALLOC_PRAGMA
#pragma alloc_text(INIT, DriverEntry)
#pragma alloc_text(PAGE, ScUnload)
#pragma alloc_text(PAGE, ScPostCreate)
#endif

static const FLT_CONTEXT_REGISTRATION ContextRegistration[] = {
    {FLT_STREAM_CONTEXT, 0, ScContextCleanup, sizeof(SC_STREAM_CONTEXT), SC_TAG},
    {FLT_CONTEXT_END}};

static const FLT_OPERATION_REGISTRATION Callbacks[] = {
    {IRP_MJ_CREATE, 0, ScPreCreate, ScPostCreate},
    {IRP_MJ_WRITE, FLTFL_OPERATION_REGISTRATION_SKIP_PAGING_IO, ScPreWrite, ScPostWrite},
    {IRP_MJ_OPERATION_END}};

static const FLT_REGISTRATION FilterRegistration = {
    sizeof(FLT_REGISTRATION),
    FLT_REGISTRATION_VERSION,
    0,
    ContextRegistration,
    Callbacks,
    ScUnload,
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
ScUnload(_In_ FLT_FILTER_UNLOAD_FLAGS Flags)
{
    UNREFERENCED_PARAMETER(Flags);
    PAGED_CODE();

    /* Tears down the instances and with them every context; waits for references that are still out. */
    FltUnregisterFilter(Globals.Filter);
    return STATUS_SUCCESS;
}

/* Finds the stream's context, or makes one. On success the caller owns one reference. */
static NTSTATUS
ScFindOrCreateContext(_In_ PCFLT_RELATED_OBJECTS FltObjects, _Outptr_ PSC_STREAM_CONTEXT *Context)
{
    PSC_STREAM_CONTEXT fresh;
    PSC_STREAM_CONTEXT existing;
    NTSTATUS status;

    status = FltGetStreamContext(FltObjects->Instance, FltObjects->FileObject, (PFLT_CONTEXT *)Context);
    if (status != STATUS_NOT_FOUND) {
        return status;
    }

    status = FltAllocateContext(Globals.Filter, FLT_STREAM_CONTEXT, sizeof(SC_STREAM_CONTEXT), NonPagedPool,
                                (PFLT_CONTEXT *)&fresh);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    RtlZeroMemory(fresh, sizeof(*fresh));
    InterlockedIncrement(&Globals.LiveContexts);

    /* Another thread may be here at the same time: exactly one of them wins, and the others get the winner's. */
    status = FltSetStreamContext(FltObjects->Instance, FltObjects->FileObject, FLT_SET_CONTEXT_KEEP_IF_EXISTS, fresh,
                                 (PFLT_CONTEXT *)&existing);
    if (NT_SUCCESS(status)) {
        *Context = fresh;
        return STATUS_SUCCESS;
    }

    /* Ours was not linked: its only reference goes, and the context with it. */
    FltReleaseContext(fresh);
    if (status == STATUS_FLT_CONTEXT_ALREADY_DEFINED) {
        *Context = existing;
        return STATUS_SUCCESS;
    }
    return status;
}

static VOID
ScContextCleanup(_In_ PFLT_CONTEXT Context, _In_ FLT_CONTEXT_TYPE ContextType)
{
    PSC_STREAM_CONTEXT stream = Context;

    UNREFERENCED_PARAMETER(ContextType);

    Globals.LastOpens = stream->Opens;
    Globals.LastBytesWritten = stream->BytesWritten;
    InterlockedDecrement(&Globals.LiveContexts);
}

static FLT_PREOP_CALLBACK_STATUS
ScPreCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
            _Flt_CompletionContext_Outptr_ PVOID *CompletionContext)
{
    UNREFERENCED_PARAMETER(Data);
    UNREFERENCED_PARAMETER(FltObjects);

    /* There is no stream yet, and so nothing that a context could hang on: that is for the post-operation. */
    *CompletionContext = NULL;
    return FLT_PREOP_SUCCESS_WITH_CALLBACK;
}

static FLT_POSTOP_CALLBACK_STATUS
ScPostCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects, _In_opt_ PVOID CompletionContext,
             _In_ FLT_POST_OPERATION_FLAGS Flags)
{
    PSC_STREAM_CONTEXT context;

    UNREFERENCED_PARAMETER(CompletionContext);
    PAGED_CODE();

    if (FlagOn(Flags, FLTFL_POST_OPERATION_DRAINING) || !NT_SUCCESS(Data->IoStatus.Status) ||
        Data->IoStatus.Status == STATUS_REPARSE) {
        return FLT_POSTOP_FINISHED_PROCESSING;
    }

    /* Volume opens and the like support no stream contexts: nothing to remember there. */
    if (NT_SUCCESS(ScFindOrCreateContext(FltObjects, &context))) {
        InterlockedIncrement(&context->Opens);
        FltReleaseContext(context);
    }
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static FLT_PREOP_CALLBACK_STATUS
ScPreWrite(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
           _Flt_CompletionContext_Outptr_ PVOID *CompletionContext)
{
    PSC_STREAM_CONTEXT context;

    UNREFERENCED_PARAMETER(Data);

    /* The post-operation of a write may run at DISPATCH_LEVEL, where FltGetStreamContext is not allowed: the context is
       got here, and its reference travels along. */
    if (!NT_SUCCESS(FltGetStreamContext(FltObjects->Instance, FltObjects->FileObject, (PFLT_CONTEXT *)&context))) {
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    }
    *CompletionContext = context;
    return FLT_PREOP_SUCCESS_WITH_CALLBACK;
}

static FLT_POSTOP_CALLBACK_STATUS
ScPostWrite(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects, _In_opt_ PVOID CompletionContext,
            _In_ FLT_POST_OPERATION_FLAGS Flags)
{
    PSC_STREAM_CONTEXT context = CompletionContext;

    UNREFERENCED_PARAMETER(FltObjects);

    if (!FlagOn(Flags, FLTFL_POST_OPERATION_DRAINING) && NT_SUCCESS(Data->IoStatus.Status)) {
        InterlockedExchangeAdd64(&context->BytesWritten, (LONG64)Data->IoStatus.Information);
    }

    /* Draining or not, the reference that came along is given back. */
    FltReleaseContext(context);
    return FLT_POSTOP_FINISHED_PROCESSING;
}
