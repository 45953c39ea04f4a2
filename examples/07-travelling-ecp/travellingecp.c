/*
 * Lesson 07: telling a filter below something about a create.
 *
 * An extra create parameter (ECP) is a small block of memory, named by a GUID, that travels with a create. This filter
 * has two instances on a volume. The first of them that sees a create writes a ticket and puts it on the create's list;
 * the one below finds the ticket and acknowledges it; on the way up the first one sees whether that happened.
 */
#include <fltKernel.h>

#define TE_TAG 'tEeT'

/* {5b3b9d6e-3f0a-4a51-8f52-07b1f2f5c707}: what the ticket is found by. */
static const GUID TeTicketType = {0x5b3b9d6e, 0x3f0a, 0x4a51, {0x8f, 0x52, 0x07, 0xb1, 0xf2, 0xf5, 0xc7, 0x07}};

typedef struct _TE_TICKET {
    LONG Number;
    PFLT_INSTANCE WrittenBy;
} TE_TICKET, *PTE_TICKET;

typedef struct _TE_GLOBALS {
    PFLT_FILTER Filter;
    volatile LONG Written;
    volatile LONG Found;
    volatile LONG Acknowledged;
    volatile LONG Gone;
    volatile LONG Refused; /* tickets that a program made up */
} TE_GLOBALS;

TE_GLOBALS Globals;

DRIVER_INITIALIZE DriverEntry;
NTSTATUS DriverEntry(_In_ PDRIVER_OBJECT DriverObject, _In_ PUNICODE_STRING RegistryPath);

static NTSTATUS TeUnload(_In_ FLT_FILTER_UNLOAD_FLAGS Flags);
static NTSTATUS TeQueryTeardown(_In_ PCFLT_RELATED_OBJECTS FltObjects, _In_ FLT_INSTANCE_QUERY_TEARDOWN_FLAGS Flags);
static FLT_PREOP_CALLBACK_STATUS TePreCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                             _Flt_CompletionContext_Outptr_ PVOID *CompletionContext);
static FLT_POSTOP_CALLBACK_STATUS TePostCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                               _In_opt_ PVOID CompletionContext, _In_ FLT_POST_OPERATION_FLAGS Flags);

#ifdef ALLOC_PRAGMA
#pragma alloc_text(INIT, DriverEntry)
#pragma alloc_text(PAGE, TeUnload)
#pragma alloc_text(PAGE, TeQueryTeardown)
#pragma alloc_text(PAGE, TePreCreate)
#pragma alloc_text(PAGE, TePostCreate)
#endif

static const FLT_OPERATION_REGISTRATION Callbacks[] = {{IRP_MJ_CREATE, 0, TePreCreate, TePostCreate}, {IRP_MJ_OPERATION_END}};

static const FLT_REGISTRATION FilterRegistration = {
    sizeof(FLT_REGISTRATION), FLT_REGISTRATION_VERSION, 0, NULL, Callbacks, TeUnload, NULL, TeQueryTeardown,
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
TeUnload(_In_ FLT_FILTER_UNLOAD_FLAGS Flags)
{
    UNREFERENCED_PARAMETER(Flags);
    PAGED_CODE();

    /* Creates that carry a ticket owe a post-operation callback: this waits for them, and so for TeTicketGone. */
    FltUnregisterFilter(Globals.Filter);
    return STATUS_SUCCESS;
}

static NTSTATUS
TeQueryTeardown(_In_ PCFLT_RELATED_OBJECTS FltObjects, _In_ FLT_INSTANCE_QUERY_TEARDOWN_FLAGS Flags)
{
    UNREFERENCED_PARAMETER(FltObjects);
    UNREFERENCED_PARAMETER(Flags);
    PAGED_CODE();

    return STATUS_SUCCESS;
}

/* Called once for each ticket, whoever frees it. The memory is still there; it goes after this. */
static VOID
TeTicketGone(_Inout_ PVOID EcpContext, _In_ LPCGUID EcpType)
{
    UNREFERENCED_PARAMETER(EcpContext);
    UNREFERENCED_PARAMETER(EcpType);

    InterlockedIncrement(&Globals.Gone);
}

/* The create's own list; or a new one, which is the create's from the moment it is set. */
static NTSTATUS
TeGetOrSetList(_In_ PFLT_CALLBACK_DATA Data, _Outptr_ PECP_LIST *List)
{
    NTSTATUS status;

    status = FltGetEcpListFromCallbackData(Globals.Filter, Data, List);
    if (!NT_SUCCESS(status) || *List != NULL) {
        return status;
    }
    status = FltAllocateExtraCreateParameterList(Globals.Filter, 0, List);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = FltSetEcpListIntoCallbackData(Globals.Filter, Data, *List);
    if (!NT_SUCCESS(status)) {
        FltFreeExtraCreateParameterList(Globals.Filter, *List); /* nobody took it: still ours */
    }
    return status;
}

static NTSTATUS
TeWriteTicket(_In_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects)
{
    PECP_LIST list;
    PTE_TICKET ticket;
    NTSTATUS status;

    status = TeGetOrSetList(Data, &list);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = FltAllocateExtraCreateParameter(Globals.Filter, &TeTicketType, sizeof(TE_TICKET), 0, TeTicketGone, TE_TAG,
                                             (PVOID *)&ticket);
    if (!NT_SUCCESS(status)) {
        return status; /* an empty list on the create hurts nobody */
    }
    ticket->Number = InterlockedIncrement(&Globals.Written);
    ticket->WrittenBy = FltObjects->Instance;
    status = FltInsertExtraCreateParameter(Globals.Filter, list, ticket);
    if (!NT_SUCCESS(status)) {
        FltFreeExtraCreateParameter(Globals.Filter, ticket); /* on no list: still ours */
    }
    return status;
}

static PTE_TICKET
TeFindTicket(_In_ PFLT_CALLBACK_DATA Data)
{
    PECP_LIST list;
    PTE_TICKET ticket;
    ULONG size;

    if (!NT_SUCCESS(FltGetEcpListFromCallbackData(Globals.Filter, Data, &list)) || list == NULL ||
        !NT_SUCCESS(FltFindExtraCreateParameter(Globals.Filter, list, &TeTicketType, (PVOID *)&ticket, &size))) {
        return NULL;
    }

    /* A program can send parameters, too: what it says is not to be trusted. */
    if (FltIsEcpFromUserMode(Globals.Filter, ticket) || size < sizeof(TE_TICKET)) {
        InterlockedIncrement(&Globals.Refused);
        return NULL;
    }
    return ticket;
}

static FLT_PREOP_CALLBACK_STATUS
TePreCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
            _Flt_CompletionContext_Outptr_ PVOID *CompletionContext)
{
    PTE_TICKET ticket;

    UNREFERENCED_PARAMETER(CompletionContext);
    PAGED_CODE();

    ticket = TeFindTicket(Data);
    if (ticket != NULL) {
        InterlockedIncrement(&Globals.Found);
        FltAcknowledgeEcp(Globals.Filter, ticket);
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    }
    return NT_SUCCESS(TeWriteTicket(Data, FltObjects)) ? FLT_PREOP_SYNCHRONIZE : FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static FLT_POSTOP_CALLBACK_STATUS
TePostCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects, _In_opt_ PVOID CompletionContext,
             _In_ FLT_POST_OPERATION_FLAGS Flags)
{
    PTE_TICKET ticket;

    UNREFERENCED_PARAMETER(CompletionContext);
    UNREFERENCED_PARAMETER(Flags);
    PAGED_CODE();

    /* It is valid until the create ends; a pointer kept longer points to freed memory. Nobody frees it here: the I/O
       manager does. */
    ticket = TeFindTicket(Data);
    if (ticket != NULL && ticket->WrittenBy == FltObjects->Instance && FltIsEcpAcknowledged(Globals.Filter, ticket)) {
        InterlockedIncrement(&Globals.Acknowledged);
    }
    return FLT_POSTOP_FINISHED_PROCESSING;
}
