/* A driver that counts its own loads in a global, and tells by its service key. */
#include <fltKernel.h>

static PFLT_FILTER Filter;
static ULONG Loads;

static NTSTATUS Unload(FLT_FILTER_UNLOAD_FLAGS Flags)
{
    UNREFERENCED_PARAMETER(Flags);
    FltUnregisterFilter(Filter);
    return STATUS_SUCCESS;
}

static const FLT_OPERATION_REGISTRATION Operations[] = {{IRP_MJ_OPERATION_END}};
static const FLT_REGISTRATION Registration = {
    sizeof(FLT_REGISTRATION), FLT_REGISTRATION_VERSION, 0, NULL, Operations, Unload};

NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    NTSTATUS status;

    Loads++;
    RtlWriteRegistryValue(RTL_REGISTRY_ABSOLUTE, RegistryPath->Buffer, L"Loads", REG_DWORD, &Loads, sizeof(Loads));
    status = FltRegisterFilter(DriverObject, &Registration, &Filter);
    return NT_SUCCESS(status) ? FltStartFiltering(Filter) : status;
}
