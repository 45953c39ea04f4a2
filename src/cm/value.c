#include "cm/cmp.h"

#include "cm/callback.h"
#include "cm/key_object.h"
#include "sim/machine.h"
#include "verify/api.h"

#include <string.h>

/* What was written of an information structure whose fixed part and variable part may not fit. */
static NTSTATUS fit(ULONG fixed, ULONG needed, ULONG length, PULONG resultLength)
{
    *resultLength = needed;
    if (length < fixed)
        return STATUS_BUFFER_TOO_SMALL;
    return length < needed ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static void put(void *buffer, ULONG length, ULONG offset, const void *data, ULONG size)
{
    if (offset < length)
        memcpy((UCHAR *)buffer + offset, data, CmpSmaller(size, length - offset));
}

static NTSTATUS put_basic(struct cm_value *v, PVOID buffer, ULONG length, PULONG resultLength)
{
    ULONG fixed = FIELD_OFFSET(KEY_VALUE_BASIC_INFORMATION, Name);
    NTSTATUS status = fit(fixed, fixed + v->name.Length, length, resultLength);
    if (status != STATUS_BUFFER_TOO_SMALL) {
        PKEY_VALUE_BASIC_INFORMATION info = buffer;
        info->TitleIndex = 0;
        info->Type = v->type;
        info->NameLength = v->name.Length;
        put(buffer, length, fixed, v->name.Buffer, v->name.Length);
    }
    return status;
}

static NTSTATUS put_full(struct cm_value *v, PVOID buffer, ULONG length, PULONG resultLength)
{
    ULONG fixed = FIELD_OFFSET(KEY_VALUE_FULL_INFORMATION, Name);
    ULONG data = ALIGN_UP_BY(fixed + v->name.Length, sizeof(ULONG));
    NTSTATUS status = fit(fixed, data + v->size, length, resultLength);
    if (status != STATUS_BUFFER_TOO_SMALL) {
        PKEY_VALUE_FULL_INFORMATION info = buffer;
        info->TitleIndex = 0;
        info->Type = v->type;
        info->NameLength = v->name.Length;
        info->DataOffset = data;
        info->DataLength = v->size;
        put(buffer, length, fixed, v->name.Buffer, v->name.Length);
        put(buffer, length, data, v->data, v->size);
    }
    return status;
}

static NTSTATUS put_partial(struct cm_value *v, PVOID buffer, ULONG length, PULONG resultLength)
{
    ULONG fixed = FIELD_OFFSET(KEY_VALUE_PARTIAL_INFORMATION, Data);
    NTSTATUS status = fit(fixed, fixed + v->size, length, resultLength);
    if (status != STATUS_BUFFER_TOO_SMALL) {
        PKEY_VALUE_PARTIAL_INFORMATION info = buffer;
        info->TitleIndex = 0;
        info->Type = v->type;
        info->DataLength = v->size;
        put(buffer, length, fixed, v->data, v->size);
    }
    return status;
}

static NTSTATUS put_partial_align64(struct cm_value *v, PVOID buffer, ULONG length, PULONG resultLength)
{
    ULONG fixed = FIELD_OFFSET(KEY_VALUE_PARTIAL_INFORMATION_ALIGN64, Data);
    NTSTATUS status = fit(fixed, fixed + v->size, length, resultLength);
    if (status != STATUS_BUFFER_TOO_SMALL) {
        PKEY_VALUE_PARTIAL_INFORMATION_ALIGN64 info = buffer;
        info->Type = v->type;
        info->DataLength = v->size;
        put(buffer, length, fixed, v->data, v->size);
    }
    return status;
}

static NTSTATUS put_value(struct cm_value *v, KEY_VALUE_INFORMATION_CLASS kind, PVOID buffer, ULONG length,
                          PULONG resultLength)
{
    switch ((int)kind) {
    case KeyValueBasicInformation: return put_basic(v, buffer, length, resultLength);
    case KeyValueFullInformation: return put_full(v, buffer, length, resultLength);
    case KeyValuePartialInformation: return put_partial(v, buffer, length, resultLength);
    case KeyValuePartialInformationAlign64: return put_partial_align64(v, buffer, length, resultLength);
    default: return STATUS_INVALID_PARAMETER;
    }
}

static NTSTATUS query_value(struct cm_key_object *object, PCUNICODE_STRING ValueName, KEY_VALUE_INFORMATION_CLASS kind,
                            PVOID KeyValueInformation, ULONG Length, PULONG ResultLength)
{
    NTSTATUS status;

    sched_lock(&machine->cm->lock);
    struct cm_value *value = CmpFindValue(object->key, ValueName);
    status = object->key->is_deleted ? STATUS_KEY_DELETED
             : !value                ? STATUS_OBJECT_NAME_NOT_FOUND
                                     : put_value(value, kind, KeyValueInformation, Length, ResultLength);
    sched_unlock(&machine->cm->lock);
    return status;
}

NTSTATUS ZwQueryValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName, KEY_VALUE_INFORMATION_CLASS kind,
                         PVOID KeyValueInformation, ULONG Length, PULONG ResultLength)
{
    API_IRQL(ZwQueryValueKey);
    struct cm_key_object *object;
    NTSTATUS status = CmpReferenceKey(KeyHandle, KEY_QUERY_VALUE, &object);
    if (!NT_SUCCESS(status))
        return status;

    REG_QUERY_VALUE_KEY_INFORMATION info = {.Object = object,
                                            .ValueName = ValueName,
                                            .KeyValueInformationClass = kind,
                                            .KeyValueInformation = KeyValueInformation,
                                            .Length = Length,
                                            .ResultLength = ResultLength};
    struct cm_operation operation = CM_OPERATION(QueryValueKey, object, info);
    if (CmpBegin(&operation, &status))
        status = query_value(object, ValueName, kind, KeyValueInformation, Length, ResultLength);
    status = CmpEnd(&operation, object, status);
    ObDereferenceObject(object);
    return status;
}

static NTSTATUS enumerate_value(struct cm_key_object *object, ULONG Index, KEY_VALUE_INFORMATION_CLASS kind,
                                PVOID KeyValueInformation, ULONG Length, PULONG ResultLength)
{
    NTSTATUS status;

    sched_lock(&machine->cm->lock);
    struct cm_value *value = object->key->values;
    while (value && Index--)
        value = value->next;
    status = object->key->is_deleted ? STATUS_KEY_DELETED
             : value                 ? put_value(value, kind, KeyValueInformation, Length, ResultLength)
                                     : STATUS_NO_MORE_ENTRIES;
    sched_unlock(&machine->cm->lock);
    return status;
}

NTSTATUS ZwEnumerateValueKey(HANDLE KeyHandle, ULONG Index, KEY_VALUE_INFORMATION_CLASS kind,
                             PVOID KeyValueInformation, ULONG Length, PULONG ResultLength)
{
    API_IRQL(ZwEnumerateValueKey);
    struct cm_key_object *object;
    NTSTATUS status = CmpReferenceKey(KeyHandle, KEY_QUERY_VALUE, &object);
    if (!NT_SUCCESS(status))
        return status;

    REG_ENUMERATE_VALUE_KEY_INFORMATION info = {.Object = object,
                                                .Index = Index,
                                                .KeyValueInformationClass = kind,
                                                .KeyValueInformation = KeyValueInformation,
                                                .Length = Length,
                                                .ResultLength = ResultLength};
    struct cm_operation operation = CM_OPERATION(EnumerateValueKey, object, info);
    if (CmpBegin(&operation, &status))
        status = enumerate_value(object, Index, kind, KeyValueInformation, Length, ResultLength);
    status = CmpEnd(&operation, object, status);
    ObDereferenceObject(object);
    return status;
}

static NTSTATUS set_value(struct cm_key_object *object, PCUNICODE_STRING ValueName, ULONG Type, PVOID Data,
                          ULONG DataSize)
{
    NTSTATUS status;

    sched_lock(&machine->cm->lock);
    status = object->key->is_deleted ? STATUS_KEY_DELETED
                                     : CmpSetValue(object->key, ValueName, Type, Data, DataSize);
    sched_unlock(&machine->cm->lock);
    return status;
}

NTSTATUS ZwSetValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName, ULONG TitleIndex, ULONG Type, PVOID Data,
                       ULONG DataSize)
{
    API_IRQL(ZwSetValueKey);
    struct cm_key_object *object;
    NTSTATUS status = CmpReferenceKey(KeyHandle, KEY_SET_VALUE, &object);
    if (!NT_SUCCESS(status))
        return status;

    REG_SET_VALUE_KEY_INFORMATION info = {.Object = object,
                                          .ValueName = ValueName,
                                          .TitleIndex = TitleIndex,
                                          .Type = Type,
                                          .Data = Data,
                                          .DataSize = DataSize};
    struct cm_operation operation = CM_OPERATION(SetValueKey, object, info);
    if (CmpBegin(&operation, &status))
        status = set_value(object, ValueName, Type, Data, DataSize);
    status = CmpEnd(&operation, object, status);
    ObDereferenceObject(object);
    return status;
}

static NTSTATUS delete_value(struct cm_key_object *object, PCUNICODE_STRING ValueName)
{
    NTSTATUS status = STATUS_SUCCESS;

    sched_lock(&machine->cm->lock);
    if (object->key->is_deleted)
        status = STATUS_KEY_DELETED;
    else if (!CmpDeleteValue(object->key, ValueName))
        status = STATUS_OBJECT_NAME_NOT_FOUND;
    sched_unlock(&machine->cm->lock);
    return status;
}

NTSTATUS ZwDeleteValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName)
{
    API_IRQL(ZwDeleteValueKey);
    struct cm_key_object *object;
    NTSTATUS status = CmpReferenceKey(KeyHandle, KEY_SET_VALUE, &object);
    if (!NT_SUCCESS(status))
        return status;

    REG_DELETE_VALUE_KEY_INFORMATION info = {.Object = object, .ValueName = ValueName};
    struct cm_operation operation = CM_OPERATION(DeleteValueKey, object, info);
    if (CmpBegin(&operation, &status))
        status = delete_value(object, ValueName);
    status = CmpEnd(&operation, object, status);
    ObDereferenceObject(object);
    return status;
}
