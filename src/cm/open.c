#include "cm/open.h"

#include "sim/machine.h"
#include "verify/api.h"

#include <string.h>

static const UNICODE_STRING places[RTL_REGISTRY_MAXIMUM] = {
    [RTL_REGISTRY_ABSOLUTE] = {0, 0, NULL},
    [RTL_REGISTRY_SERVICES] = RTL_CONSTANT_STRING(u"\\Registry\\Machine\\System\\CurrentControlSet\\Services"),
    [RTL_REGISTRY_CONTROL] = RTL_CONSTANT_STRING(u"\\Registry\\Machine\\System\\CurrentControlSet\\Control"),
    [RTL_REGISTRY_WINDOWS_NT] =
        RTL_CONSTANT_STRING(u"\\Registry\\Machine\\Software\\Microsoft\\Windows NT\\CurrentVersion"),
    [RTL_REGISTRY_DEVICEMAP] = RTL_CONSTANT_STRING(u"\\Registry\\Machine\\Hardware\\DeviceMap"),
    [RTL_REGISTRY_USER] = RTL_CONSTANT_STRING(u"\\Registry\\User\\.Default"),
};

static NTSTATUS open_one(HANDLE root, PCUNICODE_STRING name, bool create, PHANDLE key)
{
    OBJECT_ATTRIBUTES attributes;

    InitializeObjectAttributes(&attributes, (PUNICODE_STRING)name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, root, NULL);
    return create ? ZwCreateKey(key, KEY_ALL_ACCESS, &attributes, 0, NULL, 0, NULL)
                  : ZwOpenKey(key, KEY_ALL_ACCESS, &attributes);
}

/* Keys are created one below the other: what exists is opened on the way. */
NTSTATUS CmpOpenPath(HANDLE root, PCUNICODE_STRING path, bool create, PHANDLE key)
{
    NTSTATUS status = open_one(root, path, create, key);
    if (status != STATUS_OBJECT_NAME_NOT_FOUND || !create)
        return status;

    UNICODE_STRING parent = *path;
    while (parent.Length && parent.Buffer[parent.Length / sizeof(WCHAR) - 1] != '\\')
        parent.Length -= sizeof(WCHAR);
    if (parent.Length <= sizeof(WCHAR))
        return status;
    UNICODE_STRING name = {path->Length - parent.Length, path->Length - parent.Length,
                           parent.Buffer + parent.Length / sizeof(WCHAR)};
    parent.Length -= sizeof(WCHAR);
    HANDLE above;
    status = CmpOpenPath(root, &parent, true, &above);
    if (!NT_SUCCESS(status))
        return status;
    status = open_one(above, &name, true, key);
    ZwClose(above);
    return status;
}

static NTSTATUS open_below(PCUNICODE_STRING place, PCWSTR path, bool create, PHANDLE key)
{
    UNICODE_STRING tail = {0, 0, NULL}, whole;

    if (path)
        RtlInitUnicodeString(&tail, path);
    if (!place->Length)
        return CmpOpenPath(NULL, &tail, create, key);
    whole = (UNICODE_STRING){0, place->Length + sizeof(WCHAR) + tail.Length, NULL};
    whole.Buffer = sim_alloc(whole.MaximumLength);
    RtlCopyUnicodeString(&whole, place);
    if (tail.Length) {
        whole.Buffer[whole.Length / sizeof(WCHAR)] = '\\';
        memcpy(whole.Buffer + whole.Length / sizeof(WCHAR) + 1, tail.Buffer, tail.Length);
        whole.Length += sizeof(WCHAR) + tail.Length;
    }
    NTSTATUS status = CmpOpenPath(NULL, &whole, create, key);
    sim_free(whole.Buffer);
    return status;
}

NTSTATUS CmpOpenRelative(ULONG RelativeTo, PCWSTR Path, bool create, PHANDLE key)
{
    if (RelativeTo & RTL_REGISTRY_HANDLE) {
        *key = (HANDLE)Path;
        return STATUS_SUCCESS;
    }
    ULONG place = RelativeTo & ~RTL_REGISTRY_OPTIONAL;
    if (place >= RTL_REGISTRY_MAXIMUM)
        return STATUS_INVALID_PARAMETER;
    return open_below(&places[place], Path, create, key);
}

void CmpCloseRelative(ULONG RelativeTo, HANDLE key)
{
    if (!(RelativeTo & RTL_REGISTRY_HANDLE))
        ZwClose(key);
}

NTSTATUS IoOpenDriverRegistryKey(PDRIVER_OBJECT DriverObject, DRIVER_REGKEY_TYPE RegKeyType, ACCESS_MASK DesiredAccess,
                                 ULONG Flags, PHANDLE DriverRegKey)
{
    static const UNICODE_STRING parameters = RTL_CONSTANT_STRING(u"Parameters");
    HANDLE service;

    API_IRQL(IoOpenDriverRegistryKey);
    if (Flags || (RegKeyType != DriverRegKeyParameters && RegKeyType != DriverRegKeyPersistentState))
        return STATUS_INVALID_PARAMETER;
    UNICODE_STRING name = {0, sizeof(WCHAR) * 256, NULL};
    name.Buffer = sim_alloc(name.MaximumLength);
    RtlCopyUnicodeString(&name, &places[RTL_REGISTRY_SERVICES]);
    RtlAppendUnicodeToString(&name, u"\\");
    RtlAppendUnicodeStringToString(&name, &DriverObject->DriverExtension->ServiceKeyName);
    NTSTATUS status = open_one(NULL, &name, false, &service);
    sim_free(name.Buffer);
    if (!NT_SUCCESS(status))
        return status;

    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, (PUNICODE_STRING)&parameters, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE,
                               service, NULL);
    status = ZwCreateKey(DriverRegKey, DesiredAccess, &attributes, 0, NULL, 0, NULL);
    ZwClose(service);
    return status;
}
