#include "bench.h"

PFLT_FILTER BenchFilter;

static FLT_PREOP_CALLBACK_STATUS pre(PFLT_CALLBACK_DATA Data, PCFLT_RELATED_OBJECTS FltObjects, PVOID *Context)
{
    return FLT_PREOP_SUCCESS_WITH_CALLBACK;
}

static FLT_POSTOP_CALLBACK_STATUS post(PFLT_CALLBACK_DATA Data, PCFLT_RELATED_OBJECTS FltObjects, PVOID Context,
                                       FLT_POST_OPERATION_FLAGS Flags)
{
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static NTSTATUS unload(FLT_FILTER_UNLOAD_FLAGS Flags)
{
    FltUnregisterFilter(BenchFilter);
    return STATUS_SUCCESS;
}

NTSTATUS BenchDriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static const FLT_OPERATION_REGISTRATION operations[] = {
        {.MajorFunction = IRP_MJ_CREATE, .PreOperation = pre, .PostOperation = post},
        {.MajorFunction = IRP_MJ_READ, .PreOperation = pre, .PostOperation = post},
        {.MajorFunction = IRP_MJ_CLEANUP, .PreOperation = pre, .PostOperation = post},
        {.MajorFunction = IRP_MJ_CLOSE, .PreOperation = pre, .PostOperation = post},
        {.MajorFunction = IRP_MJ_OPERATION_END},
    };
    static const FLT_REGISTRATION registration = {
        .Size = sizeof registration,
        .Version = FLT_REGISTRATION_VERSION,
        .OperationRegistration = operations,
        .FilterUnloadCallback = unload,
    };
    NTSTATUS status = FltRegisterFilter(DriverObject, &registration, &BenchFilter);
    return NT_SUCCESS(status) ? FltStartFiltering(BenchFilter) : status;
}
