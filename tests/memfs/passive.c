#include "passive.h"

#include <fltKernel.h>
#include <fltsim/fltsim.h>

#include <stdio.h>
#include <stdlib.h>

static PFLT_FILTER filters[PASSIVE_FILTERS];

static FLT_PREOP_CALLBACK_STATUS pre(PFLT_CALLBACK_DATA Data, PCFLT_RELATED_OBJECTS FltObjects, PVOID *Context)
{
    return FLT_PREOP_SUCCESS_WITH_CALLBACK;
}

static FLT_POSTOP_CALLBACK_STATUS post(PFLT_CALLBACK_DATA Data, PCFLT_RELATED_OBJECTS FltObjects, PVOID Context,
                                       FLT_POST_OPERATION_FLAGS Flags)
{
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static NTSTATUS register_filter(PDRIVER_OBJECT driver, unsigned number, PFLT_FILTER_UNLOAD_CALLBACK unload)
{
    static const UCHAR majors[] = {
        IRP_MJ_CREATE,          IRP_MJ_CLOSE,           IRP_MJ_READ,
        IRP_MJ_WRITE,           IRP_MJ_CLEANUP,         IRP_MJ_QUERY_INFORMATION,
        IRP_MJ_SET_INFORMATION, IRP_MJ_FLUSH_BUFFERS,   IRP_MJ_DIRECTORY_CONTROL,
        IRP_MJ_QUERY_EA,        IRP_MJ_SET_EA,          IRP_MJ_QUERY_VOLUME_INFORMATION,
        IRP_MJ_LOCK_CONTROL,    IRP_MJ_FILE_SYSTEM_CONTROL,
    };
    static FLT_OPERATION_REGISTRATION operations[sizeof majors + 1];
    for (size_t i = 0; i < sizeof majors; i++)
        operations[i] =
            (FLT_OPERATION_REGISTRATION){.MajorFunction = majors[i], .PreOperation = pre, .PostOperation = post};
    operations[sizeof majors].MajorFunction = IRP_MJ_OPERATION_END;
    const FLT_REGISTRATION registration = {
        .Size = sizeof registration,
        .Version = FLT_REGISTRATION_VERSION,
        .OperationRegistration = operations,
        .FilterUnloadCallback = unload,
    };
    NTSTATUS status = FltRegisterFilter(driver, &registration, &filters[number]);
    return NT_SUCCESS(status) ? FltStartFiltering(filters[number]) : status;
}

#define FILTER(number)                                                            \
    static NTSTATUS unload_##number(FLT_FILTER_UNLOAD_FLAGS Flags)                \
    {                                                                             \
        FltUnregisterFilter(filters[number]);                                     \
        return STATUS_SUCCESS;                                                    \
    }                                                                             \
    static NTSTATUS entry_##number(PDRIVER_OBJECT driver, PUNICODE_STRING path)   \
    {                                                                             \
        return register_filter(driver, number, unload_##number);                  \
    }
FILTER(0)
FILTER(1)
FILTER(2)

void passive_load(unsigned count)
{
    static const PDRIVER_INITIALIZE entries[PASSIVE_FILTERS] = {entry_0, entry_1, entry_2};
    static const char *const altitudes[PASSIVE_FILTERS] = {"100100", "200200", "370030"};
    static const char *const names[PASSIVE_FILTERS] = {"passive0", "passive1", "passive2"};
    struct fltsim_driver *driver;
    for (unsigned i = 0; i < count; i++)
        if (!NT_SUCCESS(fltsim_load(
                &(struct fltsim_driver_options){.name = names[i], .entry = entries[i], .altitude = altitudes[i]},
                &driver))) {
            fprintf(stderr, "passive filter %u does not load\n", i);
            abort();
        }
}
