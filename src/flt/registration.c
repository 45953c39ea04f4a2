/* What a service's registry key says about a filter, and what FltRegisterFilter is told. */
#include "flt/core.h"

/* ---- strings ---- */

UNICODE_STRING FltpCopyString(PCUNICODE_STRING Source)
{
    UNICODE_STRING copy = {0};
    if (!Source || !Source->Length)
        return copy;
    copy.Buffer = sim_alloc(Source->Length + sizeof(WCHAR));
    copy.Length = Source->Length;
    copy.MaximumLength = (USHORT)(Source->Length + sizeof(WCHAR));
    RtlCopyMemory(copy.Buffer, Source->Buffer, Source->Length);
    return copy;
}

bool FltpSameString(PCUNICODE_STRING Left, PCUNICODE_STRING Right)
{
    return Left->Length == Right->Length && RtlEqualUnicodeString(Left, Right, TRUE);
}

const char *FltpText(PCUNICODE_STRING String, char *Text, size_t Size)
{
    return trace_utf8((const uint16_t *)String->Buffer, String->Length, Text, Size);
}

NTSTATUS FltpReturnString(PCUNICODE_STRING Source, PUNICODE_STRING Target, PULONG Needed)
{
    if (Needed)
        *Needed = Source->Length;
    if (!Target)
        return Needed ? STATUS_BUFFER_TOO_SMALL : STATUS_INVALID_PARAMETER;
    Target->Length = 0;
    if (Target->MaximumLength < Source->Length)
        return STATUS_BUFFER_TOO_SMALL;
    RtlCopyMemory(Target->Buffer, Source->Buffer, Source->Length);
    Target->Length = Source->Length;
    return STATUS_SUCCESS;
}

const char *FltpDescribe(PFLT_OBJECT Object, char *Text, size_t Size)
{
    char one[96], two[96], three[96];

    if (FltpIsOfType(Object, FLT_OBFL_TYPE_FILTER)) {
        PFLT_FILTER filter = CONTAINING_RECORD(Object, struct _FLT_FILTER, Base);
        snprintf(Text, Size, "filter %s", FltpText(&filter->Name, one, sizeof one));
    } else if (FltpIsOfType(Object, FLT_OBFL_TYPE_VOLUME)) {
        PFLT_VOLUME volume = CONTAINING_RECORD(Object, struct _FLT_VOLUME, Base);
        snprintf(Text, Size, "volume %s", FltpText(&volume->Name, one, sizeof one));
    } else {
        PFLT_INSTANCE instance = CONTAINING_RECORD(Object, struct _FLT_INSTANCE, Base);
        snprintf(Text, Size, "instance \"%s\" of filter %s on %s", FltpText(&instance->Name, one, sizeof one),
                 FltpText(&instance->Filter->Name, two, sizeof two),
                 FltpText(&instance->Volume->Name, three, sizeof three));
    }
    return Text;
}

/* ---- the registry ---- */

static NTSTATUS OpenKey(HANDLE Root, const WCHAR *Name, size_t Length, PHANDLE Key)
{
    UNICODE_STRING name = {.Buffer = (PWSTR)Name, .Length = (USHORT)Length, .MaximumLength = (USHORT)Length};
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, Root, NULL);
    return ZwOpenKey(Key, KEY_READ, &attributes);
}

static NTSTATUS QueryValue(HANDLE Key, const WCHAR *Name, size_t NameBytes, ULONG Type, PVOID Data, ULONG Size,
                           PULONG Length)
{
    union {
        KEY_VALUE_PARTIAL_INFORMATION Info;
        UCHAR Bytes[1024];
    } value;
    UNICODE_STRING name = {.Buffer = (PWSTR)Name, .Length = (USHORT)NameBytes, .MaximumLength = (USHORT)NameBytes};
    ULONG length;

    NTSTATUS status = ZwQueryValueKey(Key, &name, KeyValuePartialInformation, &value, sizeof value, &length);
    if (!NT_SUCCESS(status))
        return status;
    if (value.Info.Type != Type || value.Info.DataLength > Size)
        return STATUS_OBJECT_TYPE_MISMATCH;
    RtlCopyMemory(Data, value.Info.Data, value.Info.DataLength);
    *Length = value.Info.DataLength;
    return STATUS_SUCCESS;
}

#define NAME(text) (const WCHAR *)u##text, sizeof(u##text) - sizeof(WCHAR)

static NTSTATUS QueryText(HANDLE Key, const WCHAR *Name, size_t NameBytes, PUNICODE_STRING Text)
{
    WCHAR buffer[400];
    ULONG length;
    NTSTATUS status = QueryValue(Key, Name, NameBytes, REG_SZ, buffer, sizeof buffer, &length);
    if (!NT_SUCCESS(status))
        return status;
    while (length >= sizeof(WCHAR) && buffer[length / sizeof(WCHAR) - 1] == 0)
        length -= sizeof(WCHAR);
    UNICODE_STRING text = {.Buffer = buffer, .Length = (USHORT)length, .MaximumLength = (USHORT)length};
    *Text = FltpCopyString(&text);
    return STATUS_SUCCESS;
}

static UNICODE_STRING ServiceName(PDRIVER_OBJECT DriverObject)
{
    UNICODE_STRING path = DriverObject->DriverExtension->ServiceKeyName;
    size_t end = path.Length / sizeof(WCHAR), start = end;

    while (start && path.Buffer[start - 1] != '\\')
        start--;
    USHORT length = (USHORT)((end - start) * sizeof(WCHAR));
    return (UNICODE_STRING){.Buffer = path.Buffer + start, .Length = length, .MaximumLength = length};
}

/* "\Registry\Machine\System\CurrentControlSet\Services\<name>" */
static NTSTATUS OpenService(PCUNICODE_STRING Service, PHANDLE Key)
{
    static const char16_t services[] = u"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\";
    WCHAR path[512];
    size_t length = sizeof services - sizeof(WCHAR);

    if (!Service->Length || Service->Length + length > sizeof path)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    RtlCopyMemory(path, services, length);
    RtlCopyMemory((UCHAR *)path + length, Service->Buffer, Service->Length);
    return OpenKey(NULL, path, length + Service->Length, Key);
}

/* Its "Parameters\Instances", or without Parameters. */
static NTSTATUS OpenInstances(PCUNICODE_STRING Service, PHANDLE Key)
{
    HANDLE service;
    NTSTATUS status = OpenService(Service, &service);
    if (!NT_SUCCESS(status))
        return status;
    status = OpenKey(service, NAME("Parameters\\Instances"), Key);
    if (!NT_SUCCESS(status))
        status = OpenKey(service, NAME("Instances"), Key);
    ZwClose(service);
    return status;
}

/* System\CurrentControlSet\Control\FileSystem, FilterSupportedFeaturesMode 1: nobody supports anything. */
static bool FeaturesAreOff(void)
{
    HANDLE key;
    ULONG mode = 0, length;
    if (!NT_SUCCESS(OpenKey(NULL, NAME("\\Registry\\Machine\\System\\CurrentControlSet\\Control\\FileSystem"), &key)))
        return false;
    QueryValue(key, NAME("FilterSupportedFeaturesMode"), REG_DWORD, &mode, sizeof mode, &length);
    ZwClose(key);
    return mode == 1;
}

ULONG FltpReadFeatures(PDRIVER_OBJECT DriverObject)
{
    UNICODE_STRING service = ServiceName(DriverObject);
    ULONG features = 0, length;
    HANDLE key, parameters;
    if (FeaturesAreOff() || !NT_SUCCESS(OpenService(&service, &key)))
        return 0;
    NTSTATUS status = OpenKey(key, NAME("Parameters"), &parameters);
    if (NT_SUCCESS(status)) {
        status = QueryValue(parameters, NAME("SupportedFeatures"), REG_DWORD, &features, sizeof features, &length);
        ZwClose(parameters);
    }
    if (!NT_SUCCESS(status))
        QueryValue(key, NAME("SupportedFeatures"), REG_DWORD, &features, sizeof features, &length);
    ZwClose(key);
    return features;
}

static NTSTATUS OpenDefault(PCUNICODE_STRING Service, PHANDLE Key, PUNICODE_STRING Default)
{
    NTSTATUS status = OpenInstances(Service, Key);
    if (!NT_SUCCESS(status))
        return status;
    status = QueryText(*Key, NAME("DefaultInstance"), Default);
    if (!NT_SUCCESS(status))
        ZwClose(*Key);
    return status;
}

static NTSTATUS ReadDefinition(HANDLE Instances, PCUNICODE_STRING Name, struct flt_instance_definition *Definition)
{
    HANDLE key;
    ULONG length;

    NTSTATUS status = OpenKey(Instances, Name->Buffer, Name->Length, &key);
    if (!NT_SUCCESS(status))
        return status;
    status = QueryText(key, NAME("Altitude"), &Definition->Altitude);
    if (NT_SUCCESS(status)) {
        Definition->Name = FltpCopyString(Name);
        if (!NT_SUCCESS(QueryValue(key, NAME("Flags"), REG_DWORD, &Definition->Flags, sizeof(ULONG), &length)))
            Definition->Flags = 0;
    }
    ZwClose(key);
    return status;
}

static NTSTATUS EnumerateDefinitions(HANDLE Instances, struct flt_instance_definition **Definitions, ULONG *Count)
{
    union {
        KEY_BASIC_INFORMATION Info;
        UCHAR Bytes[1024];
    } key;
    ULONG length;

    for (ULONG i = 0; NT_SUCCESS(ZwEnumerateKey(Instances, i, KeyBasicInformation, &key, sizeof key, &length)); i++) {
        UNICODE_STRING name = {.Buffer = key.Info.Name,
                               .Length = (USHORT)key.Info.NameLength,
                               .MaximumLength = (USHORT)key.Info.NameLength};
        struct flt_instance_definition definition = {0};
        if (!NT_SUCCESS(ReadDefinition(Instances, &name, &definition)))
            continue;
        *Definitions = sim_realloc(*Definitions, (*Count + 1) * sizeof definition);
        (*Definitions)[(*Count)++] = definition;
    }
    return *Count ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND;
}

NTSTATUS FltpReadDefinitions(PDRIVER_OBJECT DriverObject, struct flt_instance_definition **Definitions, ULONG *Count,
                             ULONG *Default)
{
    UNICODE_STRING name = {0}, service = ServiceName(DriverObject);
    HANDLE key;

    *Definitions = NULL;
    *Count = 0;
    NTSTATUS status = OpenDefault(&service, &key, &name);
    if (status == STATUS_OBJECT_NAME_NOT_FOUND && sim_give_instances(&service))
        status = OpenDefault(&service, &key, &name);
    if (!NT_SUCCESS(status))
        return status;
    status = EnumerateDefinitions(key, Definitions, Count);
    ZwClose(key);
    for (*Default = 0; NT_SUCCESS(status) && *Default < *Count; ++*Default)
        if (FltpSameString(&(*Definitions)[*Default].Name, &name))
            break;
    if (NT_SUCCESS(status) && *Default == *Count)
        status = STATUS_OBJECT_NAME_NOT_FOUND;
    if (NT_SUCCESS(status) && !FltpAltitudeIsValid(&(*Definitions)[*Default].Altitude))
        status = STATUS_INVALID_PARAMETER;
    FltpFreeString(&name);
    if (!NT_SUCCESS(status)) {
        FltpFreeDefinitions(*Definitions, *Count);
        *Definitions = NULL;
        *Count = 0;
    }
    return status;
}

void FltpFreeDefinitions(struct flt_instance_definition *Definitions, ULONG Count)
{
    for (ULONG i = 0; i < Count; i++) {
        FltpFreeString(&Definitions[i].Name);
        FltpFreeString(&Definitions[i].Altitude);
    }
    sim_free(Definitions);
}

/* ---- FLT_REGISTRATION ---- */

enum { FLTP_OPERATION_FLAGS = 0xF, FLTP_REGISTRATION_FLAGS = 0x7, FLTP_MAX_OPERATIONS = 4 * FLTP_SLOTS };

static bool OperationIsKnown(UCHAR Major)
{
    if (Major == IRP_MJ_POWER || Major == IRP_MJ_DEVICE_CHANGE)
        return false;
    if (Major <= IRP_MJ_MAXIMUM_FUNCTION || Major >= IRP_MJ_QUERY_OPEN)
        return true;
    return Major >= IRP_MJ_VOLUME_DISMOUNT && Major <= IRP_MJ_FAST_IO_CHECK_IF_POSSIBLE;
}

static NTSTATUS ValidateOperations(const FLT_OPERATION_REGISTRATION *Operations)
{
    ULONG count = 0;
    for (const FLT_OPERATION_REGISTRATION *op = Operations; op && op->MajorFunction != IRP_MJ_OPERATION_END; op++) {
        if (++count > FLTP_MAX_OPERATIONS || !OperationIsKnown(op->MajorFunction))
            return STATUS_INVALID_PARAMETER;
        if (op->MajorFunction == IRP_MJ_SHUTDOWN && op->PostOperation)
            return STATUS_INVALID_PARAMETER;
    }
    return STATUS_SUCCESS;
}

/* Revisions 0x200 (Windows Server 2003 layout), 0x201, 0x202 and 0x203 differ in what stands at the end. */
NTSTATUS FltpValidateRegistration(const FLT_REGISTRATION *Registration)
{
    if ((Registration->Version & 0xFF00) != (FLT_REGISTRATION_VERSION & 0xFF00) ||
        Registration->Version > FLT_REGISTRATION_VERSION)
        return STATUS_INVALID_PARAMETER;
    if (Registration->Size > sizeof(FLT_REGISTRATION) ||
        Registration->Size < FIELD_OFFSET(FLT_REGISTRATION, TransactionNotificationCallback))
        return STATUS_INVALID_PARAMETER;
    /* A name provider generates names; normalizing alone makes no sense. */
    if (!Registration->GenerateFileNameCallback && Registration->NormalizeNameComponentCallback)
        return STATUS_INVALID_PARAMETER;
    return ValidateOperations(Registration->OperationRegistration);
}

FLT_OPERATION_REGISTRATION *FltpCopyOperations(const FLT_OPERATION_REGISTRATION *Operations)
{
    size_t count = 1;
    if (!Operations)
        return NULL;
    while (Operations[count - 1].MajorFunction != IRP_MJ_OPERATION_END)
        count++;
    FLT_OPERATION_REGISTRATION *copy = sim_alloc(count * sizeof *copy);
    RtlCopyMemory(copy, Operations, count * sizeof *copy);
    return copy;
}
