/* A driver that keeps a reference on an event when it goes. */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;
DRIVER_UNLOAD Unload;

__attribute__((noinline)) NTSTATUS KeepReference(HANDLE Event, PVOID *Object);
NTSTATUS KeepReference(HANDLE Event, PVOID *Object)
{
    NTSTATUS status = ObReferenceObjectByHandle(Event, 0, *ExEventObjectType, KernelMode, Object, NULL);
    return NT_SUCCESS(status) ? status : STATUS_UNSUCCESSFUL;
}

VOID Unload(PDRIVER_OBJECT DriverObject)
{
    (void)DriverObject;
}

NTSTATUS DriverEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    OBJECT_ATTRIBUTES attributes;
    HANDLE event;
    PVOID object;

    (void)RegistryPath;
    DriverObject->DriverUnload = Unload;
    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    NTSTATUS status = ZwCreateEvent(&event, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE);
    if (NT_SUCCESS(status)) {
        status = KeepReference(event, &object);
        ZwClose(event);
    }
    return status;
}
