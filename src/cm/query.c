#include "cm/key_object.h"

#include "cm/callback.h"
#include "sim/machine.h"
#include "verify/api.h"

#include <string.h>

/* One information structure: a fixed part, then a name of which as much is written as fits. */
static NTSTATUS put_with_name(PVOID buffer, ULONG length, PULONG resultLength, const void *fixed, ULONG size,
                              PCUNICODE_STRING name)
{
    *resultLength = size + name->Length;
    if (length < size)
        return STATUS_BUFFER_TOO_SMALL;
    memcpy(buffer, fixed, size);
    if (name->Length)
        memcpy((UCHAR *)buffer + size, name->Buffer, CmpSmaller(name->Length, length - size));
    return length < *resultLength ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

struct counts {
    ULONG sub_keys, max_name, values, max_value_name, max_data;
};

static struct counts count(struct cm_key *key)
{
    struct counts c = {0};
    for (struct cm_key *child = key->children; child; child = child->next) {
        c.sub_keys++;
        c.max_name = CmpLarger(c.max_name, child->name.Length);
    }
    for (struct cm_value *value = key->values; value; value = value->next) {
        c.values++;
        c.max_value_name = CmpLarger(c.max_value_name, value->name.Length);
        c.max_data = CmpLarger(c.max_data, value->size);
    }
    return c;
}

static NTSTATUS put_name(struct cm_key *key, PVOID buffer, ULONG length, PULONG resultLength)
{
    UNICODE_STRING path = CmpKeyPath(key);
    KEY_NAME_INFORMATION info = {.NameLength = path.Length};
    NTSTATUS status =
        put_with_name(buffer, length, resultLength, &info, FIELD_OFFSET(KEY_NAME_INFORMATION, Name), &path);
    sim_free(path.Buffer);
    return status;
}

static NTSTATUS put_key(struct cm_key *key, KEY_INFORMATION_CLASS kind, PVOID buffer, ULONG length,
                        PULONG resultLength)
{
    static const UNICODE_STRING no_class = {0, 0, NULL};
    struct counts c = count(key);

    switch ((int)kind) {
    case KeyBasicInformation: {
        KEY_BASIC_INFORMATION info = {.LastWriteTime = key->written, .NameLength = key->name.Length};
        return put_with_name(buffer, length, resultLength, &info, FIELD_OFFSET(KEY_BASIC_INFORMATION, Name),
                             &key->name);
    }
    case KeyNodeInformation: {
        KEY_NODE_INFORMATION info = {
            .LastWriteTime = key->written, .ClassOffset = MAXULONG, .NameLength = key->name.Length};
        return put_with_name(buffer, length, resultLength, &info, FIELD_OFFSET(KEY_NODE_INFORMATION, Name),
                             &key->name);
    }
    case KeyFullInformation: {
        KEY_FULL_INFORMATION info = {.LastWriteTime = key->written,
                                     .ClassOffset = MAXULONG,
                                     .SubKeys = c.sub_keys,
                                     .MaxNameLen = c.max_name,
                                     .Values = c.values,
                                     .MaxValueNameLen = c.max_value_name,
                                     .MaxValueDataLen = c.max_data};
        return put_with_name(buffer, length, resultLength, &info, FIELD_OFFSET(KEY_FULL_INFORMATION, Class),
                             &no_class);
    }
    case KeyNameInformation: return put_name(key, buffer, length, resultLength);
    default: return STATUS_INVALID_PARAMETER;
    }
}

static NTSTATUS query_key(struct cm_key_object *object, KEY_INFORMATION_CLASS kind, PVOID KeyInformation, ULONG Length,
                          PULONG ResultLength)
{
    NTSTATUS status;

    sched_lock(&machine->cm->lock);
    status = object->key->is_deleted ? STATUS_KEY_DELETED
                                     : put_key(object->key, kind, KeyInformation, Length, ResultLength);
    sched_unlock(&machine->cm->lock);
    return status;
}

NTSTATUS ZwQueryKey(HANDLE KeyHandle, KEY_INFORMATION_CLASS kind, PVOID KeyInformation, ULONG Length,
                    PULONG ResultLength)
{
    API_IRQL(ZwQueryKey);
    struct cm_key_object *object;
    NTSTATUS status = CmpReferenceKey(KeyHandle, kind == KeyNameInformation ? 0 : KEY_QUERY_VALUE, &object);
    if (!NT_SUCCESS(status))
        return status;

    REG_QUERY_KEY_INFORMATION info = {.Object = object,
                                      .KeyInformationClass = kind,
                                      .KeyInformation = KeyInformation,
                                      .Length = Length,
                                      .ResultLength = ResultLength};
    struct cm_operation operation = CM_OPERATION(QueryKey, object, info);
    if (CmpBegin(&operation, &status))
        status = query_key(object, kind, KeyInformation, Length, ResultLength);
    status = CmpEnd(&operation, object, status);
    ObDereferenceObject(object);
    return status;
}

static NTSTATUS enumerate_key(struct cm_key_object *object, ULONG Index, KEY_INFORMATION_CLASS kind,
                              PVOID KeyInformation, ULONG Length, PULONG ResultLength)
{
    NTSTATUS status;

    sched_lock(&machine->cm->lock);
    struct cm_key *child = object->key->children;
    while (child && Index--)
        child = child->next;
    status = object->key->is_deleted ? STATUS_KEY_DELETED
             : child                 ? put_key(child, kind, KeyInformation, Length, ResultLength)
                                     : STATUS_NO_MORE_ENTRIES;
    sched_unlock(&machine->cm->lock);
    return status;
}

NTSTATUS ZwEnumerateKey(HANDLE KeyHandle, ULONG Index, KEY_INFORMATION_CLASS kind, PVOID KeyInformation, ULONG Length,
                        PULONG ResultLength)
{
    API_IRQL(ZwEnumerateKey);
    struct cm_key_object *object;
    NTSTATUS status = CmpReferenceKey(KeyHandle, KEY_ENUMERATE_SUB_KEYS, &object);
    if (!NT_SUCCESS(status))
        return status;

    REG_ENUMERATE_KEY_INFORMATION info = {.Object = object,
                                          .Index = Index,
                                          .KeyInformationClass = kind,
                                          .KeyInformation = KeyInformation,
                                          .Length = Length,
                                          .ResultLength = ResultLength};
    struct cm_operation operation = CM_OPERATION(EnumerateKey, object, info);
    if (CmpBegin(&operation, &status))
        status = enumerate_key(object, Index, kind, KeyInformation, Length, ResultLength);
    status = CmpEnd(&operation, object, status);
    ObDereferenceObject(object);
    return status;
}
