/*
 * Lesson 10: a lock, and a call into the file system.
 *
 * After each successful open this filter reads the first byte of the file and counts, by what it is; a resource guards the
 * counters. It also counts what is paged in. The read is made before the lock is taken.
 *
 * Compiled with HOLD_ACROSS_CALL it holds the lock across the read: "it is only a read". But the file system may have to
 * bring the page in first, and paging I/O comes in at the top of the stack, where this filter takes the same lock.
 */
#include <fltKernel.h>

#define COUNT_TAG 'nuoC'

typedef struct _COUNT_GLOBALS {
    PFLT_FILTER Filter;
    ERESOURCE Lock;
    ULONG Empty;
    ULONG FirstBytes[256];
    ULONG PagingReads;
} COUNT_GLOBALS;

static COUNT_GLOBALS Globals;

DRIVER_INITIALIZE DriverEntry;
NTSTATUS DriverEntry(_In_ PDRIVER_OBJECT DriverObject, _In_ PUNICODE_STRING RegistryPath);

static NTSTATUS CountUnload(_In_ FLT_FILTER_UNLOAD_FLAGS Flags);
static FLT_POSTOP_CALLBACK_STATUS CountPostCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                                  _In_opt_ PVOID CompletionContext, _In_ FLT_POST_OPERATION_FLAGS Flags);
static FLT_PREOP_CALLBACK_STATUS CountPreCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                                _Flt_CompletionContext_Outptr_ PVOID *CompletionContext);
static FLT_PREOP_CALLBACK_STATUS CountPreRead(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                              _Flt_CompletionContext_Outptr_ PVOID *CompletionContext);

#ifdef ALLOC_PRAGMA
#pragma alloc_text(INIT, DriverEntry)
#pragma alloc_text(PAGE, CountUnload)
#pragma alloc_text(PAGE, CountPostCreate)
#endif

static const FLT_OPERATION_REGISTRATION Callbacks[] = {
    {IRP_MJ_CREATE, 0, CountPreCreate, CountPostCreate},
    {IRP_MJ_READ, 0, CountPreRead, NULL},
    {IRP_MJ_OPERATION_END}};

static const FLT_REGISTRATION FilterRegistration = {
    sizeof(FLT_REGISTRATION),
    FLT_REGISTRATION_VERSION,
    0,
    NULL,
    Callbacks,
    CountUnload,
};

NTSTATUS
DriverEntry(_In_ PDRIVER_OBJECT DriverObject, _In_ PUNICODE_STRING RegistryPath)
{
    NTSTATUS status;

    UNREFERENCED_PARAMETER(RegistryPath);

    status = ExInitializeResourceLite(&Globals.Lock);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = FltRegisterFilter(DriverObject, &FilterRegistration, &Globals.Filter);
    if (NT_SUCCESS(status)) {
        status = FltStartFiltering(Globals.Filter);
        if (!NT_SUCCESS(status)) {
            FltUnregisterFilter(Globals.Filter);
        }
    }
    if (!NT_SUCCESS(status)) {
        ExDeleteResourceLite(&Globals.Lock);
    }
    return status;
}

static NTSTATUS
CountUnload(_In_ FLT_FILTER_UNLOAD_FLAGS Flags)
{
    UNREFERENCED_PARAMETER(Flags);
    PAGED_CODE();

    FltUnregisterFilter(Globals.Filter);
    ExDeleteResourceLite(&Globals.Lock);
    return STATUS_SUCCESS;
}

static FLT_PREOP_CALLBACK_STATUS
CountPreCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
               _Flt_CompletionContext_Outptr_ PVOID *CompletionContext)
{
    UNREFERENCED_PARAMETER(FltObjects);
    UNREFERENCED_PARAMETER(CompletionContext);

    if (FlagOn(Data->Iopb->Parameters.Create.Options, FILE_DIRECTORY_FILE)) {
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    }
    return FLT_PREOP_SUCCESS_WITH_CALLBACK;
}

/* What the file begins with; -1 for an empty file, a folder, a volume. */
static LONG
CountReadFirst(_In_ PCFLT_RELATED_OBJECTS FltObjects)
{
    LARGE_INTEGER offset;
    ULONG read = 0;
    LONG first = -1;
    PUCHAR buffer = FltAllocatePoolAlignedWithTag(FltObjects->Instance, NonPagedPoolNx, 1, COUNT_TAG);

    if (buffer == NULL) {
        return first;
    }
    offset.QuadPart = 0;
    if (NT_SUCCESS(FltReadFile(FltObjects->Instance, FltObjects->FileObject, &offset, 1, buffer,
                               FLTFL_IO_OPERATION_DO_NOT_UPDATE_BYTE_OFFSET, &read, NULL, NULL)) &&
        read == 1) {
        first = *buffer;
    }
    FltFreePoolAlignedWithTag(FltObjects->Instance, buffer, COUNT_TAG);
    return first;
}

static VOID
CountFirst(_In_ LONG First)
{
    if (First < 0) {
        Globals.Empty++;
    } else {
        Globals.FirstBytes[First]++;
    }
}

static FLT_POSTOP_CALLBACK_STATUS
CountPostCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects, _In_opt_ PVOID CompletionContext,
                _In_ FLT_POST_OPERATION_FLAGS Flags)
{
#ifndef HOLD_ACROSS_CALL
    LONG first;
#endif

    UNREFERENCED_PARAMETER(CompletionContext);
    PAGED_CODE();

    if (FlagOn(Flags, FLTFL_POST_OPERATION_DRAINING) || Data->IoStatus.Status != STATUS_SUCCESS ||
        FlagOn(FltObjects->FileObject->Flags, FO_VOLUME_OPEN)) {
        return FLT_POSTOP_FINISHED_PROCESSING;
    }

#ifdef HOLD_ACROSS_CALL
    FltAcquireResourceExclusive(&Globals.Lock);
    CountFirst(CountReadFirst(FltObjects));
    FltReleaseResource(&Globals.Lock);
#else
    first = CountReadFirst(FltObjects);
    FltAcquireResourceExclusive(&Globals.Lock);
    CountFirst(first);
    FltReleaseResource(&Globals.Lock);
#endif
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static FLT_PREOP_CALLBACK_STATUS
CountPreRead(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
             _Flt_CompletionContext_Outptr_ PVOID *CompletionContext)
{
    UNREFERENCED_PARAMETER(FltObjects);
    UNREFERENCED_PARAMETER(CompletionContext);

    if (FlagOn(Data->Iopb->IrpFlags, IRP_PAGING_IO)) {
        FltAcquireResourceExclusive(&Globals.Lock);
        Globals.PagingReads++;
        FltReleaseResource(&Globals.Lock);
    }
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}
