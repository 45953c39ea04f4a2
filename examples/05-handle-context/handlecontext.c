/*
 * Lesson 05: cleanup, close, and when a handle context goes.
 *
 * A stream handle context hangs on an open file, a FILE_OBJECT. This filter keeps a copy of the name there, in memory of
 * its own, and looks at it when the program closes its handle.
 */
#include <fltKernel.h>

#define HC_TAG 'cHmS'

typedef struct _HC_HANDLE_CONTEXT {
    UNICODE_STRING Name; /* its buffer is the context's: freed by the cleanup callback */
} HC_HANDLE_CONTEXT, *PHC_HANDLE_CONTEXT;

typedef struct _HC_GLOBALS {
    PFLT_FILTER Filter;
    BOOLEAN ReleaseTwice; /* the mistake */
    BOOLEAN DeleteAtCleanup;
    volatile LONG LiveContexts;
    volatile LONG Cleanups;
    volatile LONG Closes;
} HC_GLOBALS;

HC_GLOBALS Globals;

DRIVER_INITIALIZE DriverEntry;
NTSTATUS DriverEntry(_In_ PDRIVER_OBJECT DriverObject, _In_ PUNICODE_STRING RegistryPath);

static NTSTATUS HcUnload(_In_ FLT_FILTER_UNLOAD_FLAGS Flags);
static VOID HcContextCleanup(_In_ PFLT_CONTEXT Context, _In_ FLT_CONTEXT_TYPE ContextType);
static FLT_POSTOP_CALLBACK_STATUS HcPostCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                               _In_opt_ PVOID CompletionContext, _In_ FLT_POST_OPERATION_FLAGS Flags);
static FLT_PREOP_CALLBACK_STATUS HcPreCleanup(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                              _Flt_CompletionContext_Outptr_ PVOID *CompletionContext);
static FLT_PREOP_CALLBACK_STATUS HcPreClose(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                            _Flt_CompletionContext_Outptr_ PVOID *CompletionContext);

#ifdef ALLOC_PRAGMA
#pragma alloc_text(INIT, DriverEntry)
#pragma alloc_text(PAGE, HcUnload)
#endif

static const FLT_CONTEXT_REGISTRATION ContextRegistration[] = {
    {FLT_STREAMHANDLE_CONTEXT, 0, HcContextCleanup, sizeof(HC_HANDLE_CONTEXT), HC_TAG},
    {FLT_CONTEXT_END}};

static const FLT_OPERATION_REGISTRATION Callbacks[] = {
    {IRP_MJ_CREATE, 0, NULL, HcPostCreate},
    {IRP_MJ_CLEANUP, 0, HcPreCleanup, NULL},
    {IRP_MJ_CLOSE, 0, HcPreClose, NULL},
    {IRP_MJ_OPERATION_END}};

static const FLT_REGISTRATION FilterRegistration = {
    sizeof(FLT_REGISTRATION),
    FLT_REGISTRATION_VERSION,
    0,
    ContextRegistration,
    Callbacks,
    HcUnload,
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
HcUnload(_In_ FLT_FILTER_UNLOAD_FLAGS Flags)
{
    UNREFERENCED_PARAMETER(Flags);
    PAGED_CODE();

    FltUnregisterFilter(Globals.Filter);
    return STATUS_SUCCESS;
}

/* The only place that frees what a context points to: here nobody can find it any more, whatever brought it here. */
static VOID
HcContextCleanup(_In_ PFLT_CONTEXT Context, _In_ FLT_CONTEXT_TYPE ContextType)
{
    PHC_HANDLE_CONTEXT handle = Context;

    UNREFERENCED_PARAMETER(ContextType);

    if (handle->Name.Buffer != NULL) {
        ExFreePoolWithTag(handle->Name.Buffer, HC_TAG);
    }
    InterlockedDecrement(&Globals.LiveContexts);
}

static NTSTATUS
HcCopyName(_In_ PCFLT_RELATED_OBJECTS FltObjects, _Inout_ PHC_HANDLE_CONTEXT Context)
{
    PUNICODE_STRING name = &FltObjects->FileObject->FileName;

    if (name->Length == 0) {
        return STATUS_SUCCESS;
    }
    Context->Name.Buffer = ExAllocatePoolWithTag(PagedPool, name->Length, HC_TAG);
    if (Context->Name.Buffer == NULL) {
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    Context->Name.MaximumLength = name->Length;
    RtlCopyUnicodeString(&Context->Name, name);
    return STATUS_SUCCESS;
}

static FLT_POSTOP_CALLBACK_STATUS
HcPostCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects, _In_opt_ PVOID CompletionContext,
             _In_ FLT_POST_OPERATION_FLAGS Flags)
{
    PHC_HANDLE_CONTEXT context;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(CompletionContext);

    if (FlagOn(Flags, FLTFL_POST_OPERATION_DRAINING) || !NT_SUCCESS(Data->IoStatus.Status) ||
        Data->IoStatus.Status == STATUS_REPARSE) {
        return FLT_POSTOP_FINISHED_PROCESSING;
    }

    status = FltAllocateContext(Globals.Filter, FLT_STREAMHANDLE_CONTEXT, sizeof(HC_HANDLE_CONTEXT), PagedPool,
                                (PFLT_CONTEXT *)&context);
    if (!NT_SUCCESS(status)) {
        return FLT_POSTOP_FINISHED_PROCESSING;
    }
    RtlZeroMemory(context, sizeof(*context));
    InterlockedIncrement(&Globals.LiveContexts);

    status = HcCopyName(FltObjects, context);
    if (NT_SUCCESS(status)) {
        FltSetStreamHandleContext(FltObjects->Instance, FltObjects->FileObject, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context,
                                  NULL);
    }

    /* Set or not: our own reference goes. If nothing else holds the context, it goes, too. */
    FltReleaseContext(context);
    return FLT_POSTOP_FINISHED_PROCESSING;
}

/* The last handle is closed. The file object lives on: for a mapped view, for the cache, for whoever references it. */
static FLT_PREOP_CALLBACK_STATUS
HcPreCleanup(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
             _Flt_CompletionContext_Outptr_ PVOID *CompletionContext)
{
    PHC_HANDLE_CONTEXT context;

    UNREFERENCED_PARAMETER(Data);
    UNREFERENCED_PARAMETER(CompletionContext);

    InterlockedIncrement(&Globals.Cleanups);
    if (!NT_SUCCESS(FltGetStreamHandleContext(FltObjects->Instance, FltObjects->FileObject, (PFLT_CONTEXT *)&context))) {
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    }
    DbgPrint("closed: %wZ\n", &context->Name);

    if (Globals.DeleteAtCleanup) {
        FltDeleteContext(context); /* nobody finds it any more; what goes with it is the link's reference, not ours */
    }
    FltReleaseContext(context); /* what FltGetStreamHandleContext gave */

    if (Globals.ReleaseTwice) {
        FltReleaseContext(context); /* WRONG: "to bring the count to zero". That one is the link's. */
    }
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static FLT_PREOP_CALLBACK_STATUS
HcPreClose(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
           _Flt_CompletionContext_Outptr_ PVOID *CompletionContext)
{
    UNREFERENCED_PARAMETER(Data);
    UNREFERENCED_PARAMETER(FltObjects);
    UNREFERENCED_PARAMETER(CompletionContext);

    InterlockedIncrement(&Globals.Closes); /* the last request of this file object; behind it the context goes */
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}
