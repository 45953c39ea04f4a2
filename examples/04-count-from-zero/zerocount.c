/*
 * Lesson 04: the count that starts at zero.
 *
 * While somebody uses a file, this filter keeps a handle of its own to it: the stream's context counts the users, and
 * the last one closes the handle. The count of a new context must take into account who is making it. Both ways stand
 * here, the right one and the wrong one; Globals.FromZero, which the test sets, chooses.
 */
#include <fltKernel.h>

#define ZC_TAG 'cZmS'

typedef struct _ZC_STREAM_CONTEXT {
    volatile LONG Users;
    HANDLE Handle; /* of the filter's own */
} ZC_STREAM_CONTEXT, *PZC_STREAM_CONTEXT;

typedef struct _ZC_GLOBALS {
    PFLT_FILTER Filter;
    BOOLEAN FromZero; /* the mistake */
    volatile LONG OpenHandles;
    volatile NTSTATUS WorstUse; /* what using the handle answered, when it failed */
} ZC_GLOBALS;

ZC_GLOBALS Globals;

/* The thread may lose the processor anywhere. A test makes it so here, where the context is linked and not yet used. */
VOID (*ZcPreempted)(VOID);

DRIVER_INITIALIZE DriverEntry;
NTSTATUS DriverEntry(_In_ PDRIVER_OBJECT DriverObject, _In_ PUNICODE_STRING RegistryPath);

static NTSTATUS ZcUnload(_In_ FLT_FILTER_UNLOAD_FLAGS Flags);
static VOID ZcContextCleanup(_In_ PFLT_CONTEXT Context, _In_ FLT_CONTEXT_TYPE ContextType);
static FLT_PREOP_CALLBACK_STATUS ZcPreRead(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                           _Flt_CompletionContext_Outptr_ PVOID *CompletionContext);

#ifdef ALLOC_PRAGMA
#pragma alloc_text(INIT, DriverEntry)
#pragma alloc_text(PAGE, ZcUnload)
#endif

static const FLT_CONTEXT_REGISTRATION ContextRegistration[] = {
    {FLT_STREAM_CONTEXT, 0, ZcContextCleanup, sizeof(ZC_STREAM_CONTEXT), ZC_TAG},
    {FLT_CONTEXT_END}};

static const FLT_OPERATION_REGISTRATION Callbacks[] = {
    {IRP_MJ_READ, FLTFL_OPERATION_REGISTRATION_SKIP_PAGING_IO, ZcPreRead, NULL},
    {IRP_MJ_OPERATION_END}};

static const FLT_REGISTRATION FilterRegistration = {
    sizeof(FLT_REGISTRATION),
    FLT_REGISTRATION_VERSION,
    0,
    ContextRegistration,
    Callbacks,
    ZcUnload,
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
ZcUnload(_In_ FLT_FILTER_UNLOAD_FLAGS Flags)
{
    UNREFERENCED_PARAMETER(Flags);
    PAGED_CODE();

    FltUnregisterFilter(Globals.Filter);
    return STATUS_SUCCESS;
}

/* ---- the handle ---- */

static NTSTATUS
ZcOpen(_In_ PCFLT_RELATED_OBJECTS FltObjects, _Inout_ PZC_STREAM_CONTEXT Context)
{
    PFLT_FILE_NAME_INFORMATION name;
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    NTSTATUS status;

    status = FltGetFileNameInformationUnsafe(FltObjects->FileObject, FltObjects->Instance,
                                             FLT_FILE_NAME_OPENED | FLT_FILE_NAME_QUERY_DEFAULT, &name);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    InitializeObjectAttributes(&attributes, &name->Name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    status = FltCreateFile(Globals.Filter, FltObjects->Instance, &Context->Handle, FILE_READ_ATTRIBUTES | SYNCHRONIZE,
                           &attributes, &iosb, NULL, FILE_ATTRIBUTE_NORMAL,
                           FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, FILE_OPEN,
                           FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0, IO_IGNORE_SHARE_ACCESS_CHECK);
    FltReleaseFileNameInformation(name);
    if (NT_SUCCESS(status)) {
        InterlockedIncrement(&Globals.OpenHandles);
    }
    return status;
}

static VOID
ZcClose(_Inout_ PZC_STREAM_CONTEXT Context)
{
    FltClose(Context->Handle);
    InterlockedDecrement(&Globals.OpenHandles);
}

/* The link is gone and so is every pointer. Users left: this context never was the stream's. */
static VOID
ZcContextCleanup(_In_ PFLT_CONTEXT Context, _In_ FLT_CONTEXT_TYPE ContextType)
{
    PZC_STREAM_CONTEXT stream = Context;

    UNREFERENCED_PARAMETER(ContextType);

    if (stream->Users > 0 && stream->Handle != NULL) {
        ZcClose(stream);
    }
}

/* ---- using it ---- */

static NTSTATUS
ZcCreateContext(_In_ PCFLT_RELATED_OBJECTS FltObjects, _In_ LONG Users, _Outptr_ PZC_STREAM_CONTEXT *Context,
                _Outptr_result_maybenull_ PZC_STREAM_CONTEXT *Existing)
{
    NTSTATUS status;

    *Existing = NULL;
    status = FltAllocateContext(Globals.Filter, FLT_STREAM_CONTEXT, sizeof(ZC_STREAM_CONTEXT), NonPagedPool,
                                (PFLT_CONTEXT *)Context);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    (*Context)->Users = Users;
    (*Context)->Handle = NULL;
    status = ZcOpen(FltObjects, *Context);
    if (NT_SUCCESS(status)) {
        status = FltSetStreamContext(FltObjects->Instance, FltObjects->FileObject, FLT_SET_CONTEXT_KEEP_IF_EXISTS, *Context,
                                     (PFLT_CONTEXT *)Existing);
    }
    if (!NT_SUCCESS(status)) {
        (*Context)->Users = 1; /* the cleanup callback closes the handle */
        FltReleaseContext(*Context);
        *Context = NULL;
    }
    return status;
}

/* WRONG. The new context is linked with a count of zero: whoever finds it before its maker counts itself is, when it
   leaves, the last user, and closes the handle under the maker's feet. */
static NTSTATUS
ZcAcquireFromZero(_In_ PCFLT_RELATED_OBJECTS FltObjects, _Outptr_ PZC_STREAM_CONTEXT *Context)
{
    PZC_STREAM_CONTEXT existing;
    NTSTATUS status;

    status = FltGetStreamContext(FltObjects->Instance, FltObjects->FileObject, (PFLT_CONTEXT *)Context);
    if (status == STATUS_NOT_FOUND) {
        status = ZcCreateContext(FltObjects, 0, Context, &existing);
        if (status == STATUS_FLT_CONTEXT_ALREADY_DEFINED) {
            *Context = existing;
            status = STATUS_SUCCESS;
        } else if (NT_SUCCESS(status) && ZcPreempted != NULL) {
            ZcPreempted();
        }
    }
    if (NT_SUCCESS(status)) {
        InterlockedIncrement(&(*Context)->Users);
    }
    return status;
}

/* One more user, unless the last one has left: a count that was zero never rises again. */
static BOOLEAN
ZcEnter(_Inout_ PZC_STREAM_CONTEXT Context)
{
    LONG users = ReadNoFence(&Context->Users);
    LONG before;

    while (users != 0) {
        before = InterlockedCompareExchange(&Context->Users, users + 1, users);
        if (before == users) {
            return TRUE;
        }
        users = before;
    }
    return FALSE;
}

/* RIGHT. The new context's count is one when others first see it: its maker's. A context whose last user has left is
   unlinked, and whoever still finds it makes another one. */
static NTSTATUS
ZcAcquire(_In_ PCFLT_RELATED_OBJECTS FltObjects, _Outptr_ PZC_STREAM_CONTEXT *Context)
{
    PZC_STREAM_CONTEXT existing;
    NTSTATUS status;

    for (;;) {
        status = FltGetStreamContext(FltObjects->Instance, FltObjects->FileObject, (PFLT_CONTEXT *)Context);
        if (status == STATUS_NOT_FOUND) {
            status = ZcCreateContext(FltObjects, 1, Context, &existing);
            if (NT_SUCCESS(status) && ZcPreempted != NULL) {
                ZcPreempted();
            }
            if (status != STATUS_FLT_CONTEXT_ALREADY_DEFINED) {
                return status;
            }
            *Context = existing;
        } else if (!NT_SUCCESS(status)) {
            return status;
        }
        if (ZcEnter(*Context)) {
            return STATUS_SUCCESS;
        }
        FltDeleteContext(*Context); /* its last user is about to */
        FltReleaseContext(*Context);
    }
}

static VOID
ZcLeave(_In_ PZC_STREAM_CONTEXT Context)
{
    if (InterlockedDecrement(&Context->Users) == 0) {
        FltDeleteContext(Context);
        ZcClose(Context);
    }
    FltReleaseContext(Context);
}

static FLT_PREOP_CALLBACK_STATUS
ZcPreRead(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
           _Flt_CompletionContext_Outptr_ PVOID *CompletionContext)
{
    FILE_STANDARD_INFORMATION standard;
    IO_STATUS_BLOCK iosb;
    PZC_STREAM_CONTEXT context;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(Data);
    UNREFERENCED_PARAMETER(CompletionContext);

    status = Globals.FromZero ? ZcAcquireFromZero(FltObjects, &context) : ZcAcquire(FltObjects, &context);
    if (NT_SUCCESS(status)) {
        status = ZwQueryInformationFile(context->Handle, &iosb, &standard, sizeof(standard), FileStandardInformation);
        if (!NT_SUCCESS(status)) {
            Globals.WorstUse = status;
        }
        ZcLeave(context);
    }
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}
