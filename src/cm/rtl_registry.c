#include "cm/open.h"

#include "sim/machine.h"
#include "verify/api.h"

#include <string.h>

enum { STRING_TAG = 'grtS' };

/* ---- one value ---- */

static NTSTATUS read_value(HANDLE key, PCWSTR name, KEY_VALUE_PARTIAL_INFORMATION **value)
{
    UNICODE_STRING text;
    ULONG needed = 0;

    RtlInitUnicodeString(&text, name);
    *value = NULL;
    NTSTATUS status = ZwQueryValueKey(key, &text, KeyValuePartialInformation, NULL, 0, &needed);
    if (status != STATUS_BUFFER_TOO_SMALL)
        return status;
    *value = sim_alloc(needed + sizeof(WCHAR));
    return ZwQueryValueKey(key, &text, KeyValuePartialInformation, *value, needed, &needed);
}

static BOOLEAN is_string(ULONG type) { return type == REG_SZ || type == REG_EXPAND_SZ || type == REG_MULTI_SZ; }

static NTSTATUS store_string(PUNICODE_STRING target, const void *data, ULONG size)
{
    if (size > MAXUSHORT)
        return STATUS_BUFFER_TOO_SMALL;
    if (!target->Buffer) {
        target->Buffer = ExAllocatePoolWithTag(PagedPool, size ? size : 1, STRING_TAG);
        if (!target->Buffer)
            return STATUS_NO_MEMORY;
        target->MaximumLength = (USHORT)size;
    } else if (target->MaximumLength < size) {
        return STATUS_BUFFER_TOO_SMALL;
    }
    memcpy(target->Buffer, data, size);
    target->Length = (USHORT)(size >= sizeof(WCHAR) ? size - sizeof(WCHAR) : 0); /* without the closing zero */
    return STATUS_SUCCESS;
}

/* A buffer larger than a ULONG says its size in its first LONG. */
static NTSTATUS store_large(PVOID target, ULONG type, const void *data, ULONG size)
{
    LONG room = *(LONG *)target;
    ULONG *words = target;

    if (room < 0) {
        if (size > (ULONG)-room)
            return STATUS_BUFFER_TOO_SMALL;
        memcpy(target, data, size);
        return STATUS_SUCCESS;
    }
    if (size + 2 * sizeof(ULONG) > (ULONG)room)
        return STATUS_BUFFER_TOO_SMALL;
    words[0] = size;
    words[1] = type;
    memcpy(words + 2, data, size);
    return STATUS_SUCCESS;
}

static NTSTATUS store(PVOID target, ULONG type, const void *data, ULONG size)
{
    if (is_string(type))
        return store_string(target, data, size);
    if (size > sizeof(ULONG))
        return store_large(target, type, data, size);
    memcpy(target, data, size);
    return STATUS_SUCCESS;
}

/* ---- one entry of the table ---- */

static NTSTATUS each_string(const RTL_QUERY_REGISTRY_TABLE *entry, PVOID context, const WCHAR *data, ULONG size)
{
    const WCHAR *end = data + size / sizeof(WCHAR);
    NTSTATUS status = STATUS_SUCCESS;

    while (NT_SUCCESS(status) && data + 1 < end) { /* the last zero ends the list, or the last string */
        ULONG length = 0;
        while (data + length < end && data[length])
            length++;
        status = entry->QueryRoutine(entry->Name, REG_SZ, (PVOID)data, (length + 1) * sizeof(WCHAR), context,
                                     entry->EntryContext);
        data += length + 1;
    }
    return status;
}

static NTSTATUS hand_over(const RTL_QUERY_REGISTRY_TABLE *entry, PVOID context, ULONG type, const void *data,
                          ULONG size)
{
    if (entry->Flags & RTL_QUERY_REGISTRY_DIRECT) {
        ULONG wanted = entry->DefaultType >> RTL_QUERY_REGISTRY_TYPECHECK_SHIFT;
        if (entry->Flags & RTL_QUERY_REGISTRY_TYPECHECK && wanted != type)
            return STATUS_OBJECT_TYPE_MISMATCH;
        return store(entry->EntryContext, type, data, size);
    }
    if (type == REG_MULTI_SZ && !(entry->Flags & RTL_QUERY_REGISTRY_NOEXPAND))
        return each_string(entry, context, data, size);
    return entry->QueryRoutine(entry->Name, type, (PVOID)data, size, context, entry->EntryContext);
}

static ULONG measure(const WCHAR *text, bool list)
{
    ULONG units = 0;

    do {
        while (text[units])
            units++;
        units++;
    } while (list && units > 1 && text[units]);
    return (units + (list && units > 1)) * sizeof(WCHAR);
}

static NTSTATUS use_default(const RTL_QUERY_REGISTRY_TABLE *entry, PVOID context)
{
    ULONG type = entry->DefaultType & ~RTL_QUERY_REGISTRY_TYPECHECK_MASK, size = entry->DefaultLength;

    if (entry->Flags & RTL_QUERY_REGISTRY_REQUIRED)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    if (type == REG_NONE)
        return STATUS_SUCCESS;
    const WCHAR *text = entry->DefaultData;
    if (!size && is_string(type) && text)
        size = measure(text, type == REG_MULTI_SZ);
    if (type == REG_MULTI_SZ && size && !*text)
        return STATUS_SUCCESS;
    RTL_QUERY_REGISTRY_TABLE plain = *entry;
    plain.Flags &= ~RTL_QUERY_REGISTRY_TYPECHECK;
    return hand_over(&plain, context, type, entry->DefaultData, size);
}

static NTSTATUS query_named(HANDLE key, const RTL_QUERY_REGISTRY_TABLE *entry, PVOID context)
{
    KEY_VALUE_PARTIAL_INFORMATION *value;
    NTSTATUS status = read_value(key, entry->Name, &value);

    if (status == STATUS_OBJECT_NAME_NOT_FOUND) {
        status = use_default(entry, context);
    } else if (NT_SUCCESS(status)) {
        status = hand_over(entry, context, value->Type, value->Data, value->DataLength);
        if (NT_SUCCESS(status) && entry->Flags & RTL_QUERY_REGISTRY_DELETE) {
            UNICODE_STRING name;
            RtlInitUnicodeString(&name, entry->Name);
            ZwDeleteValueKey(key, &name);
        }
    }
    sim_free(value);
    return status;
}

/* Without a name: every value of the key. */
static NTSTATUS query_all(HANDLE key, const RTL_QUERY_REGISTRY_TABLE *entry, PVOID context)
{
    NTSTATUS status = STATUS_SUCCESS;

    for (ULONG i = 0; NT_SUCCESS(status); i++) {
        ULONG needed = 0;
        if (ZwEnumerateValueKey(key, i, KeyValueFullInformation, NULL, 0, &needed) == STATUS_NO_MORE_ENTRIES)
            return STATUS_SUCCESS;
        KEY_VALUE_FULL_INFORMATION *value = sim_alloc(needed);
        WCHAR *name = NULL;
        status = ZwEnumerateValueKey(key, i, KeyValueFullInformation, value, needed, &needed);
        if (NT_SUCCESS(status)) {
            name = sim_alloc(value->NameLength + sizeof(WCHAR));
            memcpy(name, value->Name, value->NameLength);
            RTL_QUERY_REGISTRY_TABLE named = *entry;
            named.Name = name;
            status = hand_over(&named, context, value->Type, (UCHAR *)value + value->DataOffset, value->DataLength);
        }
        sim_free(name);
        sim_free(value);
    }
    return status;
}

/* A value that is stored directly has a name and no routine; a subkey has a name. */
static bool is_entry_valid(const RTL_QUERY_REGISTRY_TABLE *entry)
{
    if (entry->Flags & RTL_QUERY_REGISTRY_DIRECT)
        return entry->Name && !entry->QueryRoutine && !(entry->Flags & RTL_QUERY_REGISTRY_SUBKEY);
    return entry->Name || !(entry->Flags & RTL_QUERY_REGISTRY_SUBKEY);
}

static NTSTATUS query_entry(HANDLE key, const RTL_QUERY_REGISTRY_TABLE *entry, PVOID context)
{
    if (entry->Flags & RTL_QUERY_REGISTRY_NOVALUE)
        return entry->QueryRoutine(NULL, REG_NONE, NULL, 0, context, entry->EntryContext);
    return entry->Name ? query_named(key, entry, context) : query_all(key, entry, context);
}

NTSTATUS RtlQueryRegistryValues(ULONG RelativeTo, PCWSTR Path, PRTL_QUERY_REGISTRY_TABLE QueryTable, PVOID Context,
                                PVOID Environment)
{
    HANDLE top, sub = NULL;

    API_IRQL(RtlQueryRegistryValues);
    if (!QueryTable)
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = CmpOpenRelative(RelativeTo, Path, false, &top);
    if (!NT_SUCCESS(status))
        return status;
    for (PRTL_QUERY_REGISTRY_TABLE entry = QueryTable; NT_SUCCESS(status); entry++) {
        if (!entry->QueryRoutine && !(entry->Flags & (RTL_QUERY_REGISTRY_SUBKEY | RTL_QUERY_REGISTRY_DIRECT)))
            break;
        if (!is_entry_valid(entry)) {
            status = STATUS_INVALID_PARAMETER;
            break;
        }
        if (entry->Flags & (RTL_QUERY_REGISTRY_SUBKEY | RTL_QUERY_REGISTRY_TOPKEY)) {
            if (sub)
                ZwClose(sub);
            sub = NULL;
        }
        if (entry->Flags & RTL_QUERY_REGISTRY_SUBKEY) {
            UNICODE_STRING name;
            RtlInitUnicodeString(&name, entry->Name);
            status = CmpOpenPath(top, &name, false, &sub);
            if (NT_SUCCESS(status) && entry->QueryRoutine && !(entry->Flags & RTL_QUERY_REGISTRY_DIRECT)) {
                RTL_QUERY_REGISTRY_TABLE all = *entry;
                all.Name = NULL;
                status = query_entry(sub, &all, Context);
            }
            continue;
        }
        status = query_entry(sub ? sub : top, entry, Context);
    }
    if (sub)
        ZwClose(sub);
    CmpCloseRelative(RelativeTo, top);
    return status;
}

/* ---- the short ways ---- */

NTSTATUS RtlWriteRegistryValue(ULONG RelativeTo, PCWSTR Path, PCWSTR ValueName, ULONG ValueType, PVOID ValueData,
                               ULONG ValueLength)
{
    UNICODE_STRING name;
    HANDLE key;

    API_IRQL(RtlWriteRegistryValue);
    NTSTATUS status = CmpOpenRelative(RelativeTo, Path, true, &key);
    if (!NT_SUCCESS(status))
        return status;
    RtlInitUnicodeString(&name, ValueName);
    status = ZwSetValueKey(key, &name, 0, ValueType, ValueData, ValueLength);
    CmpCloseRelative(RelativeTo, key);
    return status;
}

NTSTATUS RtlDeleteRegistryValue(ULONG RelativeTo, PCWSTR Path, PCWSTR ValueName)
{
    UNICODE_STRING name;
    HANDLE key;

    API_IRQL(RtlDeleteRegistryValue);
    NTSTATUS status = CmpOpenRelative(RelativeTo, Path, false, &key);
    if (!NT_SUCCESS(status))
        return status;
    RtlInitUnicodeString(&name, ValueName);
    status = ZwDeleteValueKey(key, &name);
    CmpCloseRelative(RelativeTo, key);
    return status;
}

NTSTATUS RtlCreateRegistryKey(ULONG RelativeTo, PWSTR Path)
{
    HANDLE key;

    API_IRQL(RtlCreateRegistryKey);
    NTSTATUS status = CmpOpenRelative(RelativeTo, Path, true, &key);
    if (NT_SUCCESS(status))
        CmpCloseRelative(RelativeTo, key);
    return status;
}

NTSTATUS RtlCheckRegistryKey(ULONG RelativeTo, PWSTR Path)
{
    HANDLE key;

    API_IRQL(RtlCheckRegistryKey);
    NTSTATUS status = CmpOpenRelative(RelativeTo, Path, false, &key);
    if (NT_SUCCESS(status))
        CmpCloseRelative(RelativeTo, key);
    return status;
}
