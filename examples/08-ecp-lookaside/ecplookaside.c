/*
 * Lesson 08: extra create parameters from a lookaside list, and an unload that waits for them.
 *
 * This filter notes on every create when it saw it. So that this costs little, the notes come from a lookaside list:
 * memory that was a note before is one again. The list must be deleted when the driver unloads, and by then every note
 * must be back in it, although creates may be under way that carry one.
 *
 * Compiled with LESSON_WRONG, it is the driver that does not think of them.
 */
#include <fltKernel.h>

#define EL_TAG 'lEcE'

/* {5b3b9d6e-3f0a-4a51-8f52-07b1f2f5c708} */
static const GUID ElNoteType = {0x5b3b9d6e, 0x3f0a, 0x4a51, {0x8f, 0x52, 0x07, 0xb1, 0xf2, 0xf5, 0xc7, 0x08}};

typedef struct _EL_NOTE {
    LARGE_INTEGER SeenAt;
} EL_NOTE, *PEL_NOTE;

typedef struct _EL_GLOBALS {
    PFLT_FILTER Filter;
    PAGED_LOOKASIDE_LIST Notes; /* its head is in nonpaged memory, although the notes are paged */
    volatile LONG Out;
} EL_GLOBALS;

EL_GLOBALS Globals;

DRIVER_INITIALIZE DriverEntry;
NTSTATUS DriverEntry(_In_ PDRIVER_OBJECT DriverObject, _In_ PUNICODE_STRING RegistryPath);

static NTSTATUS ElUnload(_In_ FLT_FILTER_UNLOAD_FLAGS Flags);
static FLT_PREOP_CALLBACK_STATUS ElPreCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                             _Flt_CompletionContext_Outptr_ PVOID *CompletionContext);
static FLT_POSTOP_CALLBACK_STATUS ElPostCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                               _In_opt_ PVOID CompletionContext, _In_ FLT_POST_OPERATION_FLAGS Flags);

#ifdef ALLOC_PRAGMA
#pragma alloc_text(INIT, DriverEntry)
#pragma alloc_text(PAGE, ElUnload)
#pragma alloc_text(PAGE, ElPreCreate)
#pragma alloc_text(PAGE, ElPostCreate)
#endif

static const FLT_OPERATION_REGISTRATION Callbacks[] = {{IRP_MJ_CREATE, 0, ElPreCreate, ElPostCreate}, {IRP_MJ_OPERATION_END}};

static const FLT_REGISTRATION FilterRegistration = {
    sizeof(FLT_REGISTRATION), FLT_REGISTRATION_VERSION, 0, NULL, Callbacks, ElUnload,
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
    FltInitExtraCreateParameterLookasideList(Globals.Filter, &Globals.Notes, 0, sizeof(EL_NOTE), EL_TAG);
    status = FltStartFiltering(Globals.Filter);
    if (!NT_SUCCESS(status)) {
        FltUnregisterFilter(Globals.Filter);
        FltDeleteExtraCreateParameterLookasideList(Globals.Filter, &Globals.Notes, 0);
    }
    return status;
}

static NTSTATUS
ElUnload(_In_ FLT_FILTER_UNLOAD_FLAGS Flags)
{
    UNREFERENCED_PARAMETER(Flags);
    PAGED_CODE();

    /* Waits for every create whose post-operation callback is still to come: each of them takes its note off. A create
       for which the filter asked for no such callback is not waited for; nobody knows of it. */
    FltUnregisterFilter(Globals.Filter);

    /* The filter is gone from everywhere, but its pointer is good until this routine returns. */
    FltDeleteExtraCreateParameterLookasideList(Globals.Filter, &Globals.Notes, 0);
    return STATUS_SUCCESS;
}

static VOID
ElNoteGone(_Inout_ PVOID EcpContext, _In_ LPCGUID EcpType)
{
    UNREFERENCED_PARAMETER(EcpContext);
    UNREFERENCED_PARAMETER(EcpType);

    InterlockedDecrement(&Globals.Out);
}

static NTSTATUS
ElAttachNote(_In_ PFLT_CALLBACK_DATA Data)
{
    PECP_LIST list;
    PEL_NOTE note;
    NTSTATUS status;

    status = FltGetEcpListFromCallbackData(Globals.Filter, Data, &list);
    if (NT_SUCCESS(status) && list == NULL) {
        status = FltAllocateExtraCreateParameterList(Globals.Filter, 0, &list);
        if (NT_SUCCESS(status)) {
            status = FltSetEcpListIntoCallbackData(Globals.Filter, Data, list);
            if (!NT_SUCCESS(status)) {
                FltFreeExtraCreateParameterList(Globals.Filter, list);
            }
        }
    }
    if (!NT_SUCCESS(status)) {
        return status;
    }

    status = FltAllocateExtraCreateParameterFromLookasideList(Globals.Filter, &ElNoteType, sizeof(EL_NOTE), 0, ElNoteGone,
                                                              &Globals.Notes, (PVOID *)&note);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    InterlockedIncrement(&Globals.Out);
    KeQuerySystemTime(&note->SeenAt);
    status = FltInsertExtraCreateParameter(Globals.Filter, list, note);
    if (!NT_SUCCESS(status)) {
        FltFreeExtraCreateParameter(Globals.Filter, note);
    }
    return status;
}

static FLT_PREOP_CALLBACK_STATUS
ElPreCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
            _Flt_CompletionContext_Outptr_ PVOID *CompletionContext)
{
    UNREFERENCED_PARAMETER(FltObjects);
    UNREFERENCED_PARAMETER(CompletionContext);
    PAGED_CODE();

    if (!NT_SUCCESS(ElAttachNote(Data))) {
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    }
#ifdef LESSON_WRONG
    /* "The I/O manager frees what is on the list." It does - whenever the create ends, which may be after the unload. */
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
#else
    /* SYNCHRONIZE: the callback comes when the create is done, and is not called early when the instance goes. */
    return FLT_PREOP_SYNCHRONIZE;
#endif
}

static FLT_POSTOP_CALLBACK_STATUS
ElPostCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects, _In_opt_ PVOID CompletionContext,
             _In_ FLT_POST_OPERATION_FLAGS Flags)
{
    PECP_LIST list;
    PVOID note;

    UNREFERENCED_PARAMETER(FltObjects);
    UNREFERENCED_PARAMETER(CompletionContext);
    UNREFERENCED_PARAMETER(Flags);
    PAGED_CODE();

    if (NT_SUCCESS(FltGetEcpListFromCallbackData(Globals.Filter, Data, &list)) && list != NULL &&
        NT_SUCCESS(FltRemoveExtraCreateParameter(Globals.Filter, list, &ElNoteType, &note, NULL))) {
        FltFreeExtraCreateParameter(Globals.Filter, note); /* back into its lookaside list, before the create ends */
    }
    return FLT_POSTOP_FINISHED_PROCESSING;
}
