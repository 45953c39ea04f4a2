/* A filter that attaches a parameter to each create, asks for no callback, and may go while the create is under way. */
#include <fltKernel.h>

static const GUID type = {0x1eaf, 0xEC, 0x0B, {1}};
static PFLT_FILTER filter;
static volatile LONG cleaned;

DRIVER_INITIALIZE DriverEntry;

static VOID cleanup(PVOID context, LPCGUID of)
{
    (void)context;
    (void)of;
    InterlockedIncrement(&cleaned);
}

static FLT_PREOP_CALLBACK_STATUS FLTAPI pre(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *completion)
{
    PECP_LIST list;
    PVOID context;
    (void)objects;
    (void)completion;
    if (!NT_SUCCESS(FltGetEcpListFromCallbackData(filter, data, &list)) || list ||
        !NT_SUCCESS(FltAllocateExtraCreateParameterList(filter, 0, &list)))
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    if (NT_SUCCESS(FltAllocateExtraCreateParameter(filter, &type, 8, 0, cleanup, 'evaL', &context)))
        FltInsertExtraCreateParameter(filter, list, context);
    FltSetEcpListIntoCallbackData(filter, data, list);
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static NTSTATUS FLTAPI unload(FLT_FILTER_UNLOAD_FLAGS flags)
{
    (void)flags;
    FltUnregisterFilter(filter);
    return STATUS_SUCCESS;
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    static const FLT_OPERATION_REGISTRATION operations[] = {{IRP_MJ_CREATE, 0, pre, NULL, NULL},
                                                            {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL}};
    static const FLT_REGISTRATION registration = {.Size = sizeof registration,
                                                  .Version = FLT_REGISTRATION_VERSION,
                                                  .OperationRegistration = operations,
                                                  .FilterUnloadCallback = unload};
    (void)path;
    NTSTATUS status = FltRegisterFilter(driver, &registration, &filter);
    return NT_SUCCESS(status) ? FltStartFiltering(filter) : status;
}
