#include "cm/key_object.h"

#include "cm/callback.h"
#include "sim/machine.h"
#include "verify/api.h"

POBJECT_TYPE CmpKeyType;

/* How the parse procedure is told to create what is missing (ob_parse.context). */
struct cm_create {
    ULONG options;
    ULONG disposition;
    PUNICODE_STRING class;
};

static void close_key_object(PEPROCESS process, PVOID object, ACCESS_MASK granted, ULONG process_handles,
                             ULONG system_handles)
{
    REG_KEY_HANDLE_CLOSE_INFORMATION info = {.Object = object};
    struct cm_operation operation = CM_OPERATION(KeyHandleClose, object, info);
    NTSTATUS status = STATUS_SUCCESS;

    if (system_handles > 1)
        return;
    CmpBegin(&operation, &status);
    CmpEnd(&operation, object, STATUS_SUCCESS);
}

static void delete_key_object(PVOID object)
{
    struct cm_key_object *gone = object;
    struct cm_key *key = gone->key;

    sched_lock(&machine->cm->lock);
    bool contexts = machine->cm->contexts != NULL;
    sched_unlock(&machine->cm->lock);
    if (contexts)
        CmpForgetObject(object);
    if (gone->name) {
        sim_free(gone->name->Buffer);
        sim_free(gone->name);
    }
    sched_lock(&machine->cm->lock);
    bool last = --key->opens == 0 && key->is_deleted;
    sched_unlock(&machine->cm->lock);
    if (last)
        CmpFreeKey(key);
}

NTSTATUS CmpCreateKeyObject(struct cm_key *key, struct cm_key_object **object)
{
    NTSTATUS status = ObpCreateObject(CmpKeyType, sizeof **object, (PVOID *)object);
    if (NT_SUCCESS(status))
        (*object)->key = key;
    return status;
}

/* Registry rule: one component at a time may be created, its parent must exist. */
static NTSTATUS create_missing(struct cm_key **key, UNICODE_STRING left, struct cm_create *create)
{
    while (left.Length && left.Buffer[left.Length / sizeof(WCHAR) - 1] == '\\')
        left.Length -= sizeof(WCHAR);
    for (USHORT i = 0; i < left.Length / sizeof(WCHAR); i++)
        if (left.Buffer[i] == '\\')
            return STATUS_OBJECT_NAME_NOT_FOUND;
    *key = CmpAddChild(*key, &left);
    (*key)->is_volatile = (create->options & REG_OPTION_VOLATILE) != 0;
    create->disposition = REG_CREATED_NEW_KEY;
    return STATUS_SUCCESS;
}

static NTSTATUS find_key(PVOID object, struct ob_parse *parse, struct cm_create *create,
                         struct cm_key_object **result)
{
    UNICODE_STRING left;
    NTSTATUS status = STATUS_SUCCESS;

    sched_lock(&machine->cm->lock);
    struct cm_key *key = ((struct cm_key_object *)object)->key;
    if (key->is_deleted)
        status = STATUS_KEY_DELETED;
    else
        key = CmpWalk(key, parse->remaining, &left);
    if (NT_SUCCESS(status) && left.Length)
        status = create ? create_missing(&key, left, create) : STATUS_OBJECT_NAME_NOT_FOUND;
    if (NT_SUCCESS(status))
        key->opens++;
    sched_unlock(&machine->cm->lock);

    return NT_SUCCESS(status) ? CmpCreateKeyObject(key, result) : status;
}

static NTSTATUS parse_key(PVOID object, struct ob_parse *parse, PVOID *found)
{
    struct cm_create *create = parse->context, ignored = {0};
    struct cm_key_object *result = NULL;
    PCOBJECT_ATTRIBUTES attributes = parse->object_attributes;
    NTSTATUS status;
    UNICODE_STRING below = parse->remaining;
    if (below.Length && below.Buffer[0] == '\\')
        below = (UNICODE_STRING){below.Length - sizeof(WCHAR), below.Length - sizeof(WCHAR), below.Buffer + 1};
    REG_CREATE_KEY_INFORMATION_V1 info = {
        .CompleteName = parse->relative ? &parse->remaining : &parse->complete,
        .RootObject = object,
        .ObjectType = CmpKeyType,
        .Options = create ? create->options : 0,
        .Class = create ? create->class : NULL,
        .SecurityDescriptor = attributes ? attributes->SecurityDescriptor : NULL,
        .SecurityQualityOfService = attributes ? attributes->SecurityQualityOfService : NULL,
        .DesiredAccess = parse->access,
        .Disposition = create ? &create->disposition : &ignored.disposition,
        .ResultObject = (PVOID *)&result,
        .Version = 1,
        .RemainingName = &below,
        .Wow64Flags = parse->access & KEY_WOW64_RES,
        .Attributes = parse->attributes,
        .CheckAccessMode = parse->mode,
    };
    struct cm_operation open = CM_OPERATION_AT(OpenKeyEx, object, info, RootObjectContext);
    if (create) {
        open.pre = RegNtPreCreateKeyEx;
        open.post = RegNtPostCreateKeyEx;
    }
    if (CmpBegin(&open, &status)) {
        status = find_key(object, parse, create, &result);
        info.GrantedAccess = NT_SUCCESS(status) ? parse->access : 0;
    }
    status = CmpEnd(&open, NT_SUCCESS(status) ? result : NULL, status);
    if (NT_SUCCESS(status) && !result)
        status = STATUS_OBJECT_NAME_NOT_FOUND; // a callback that took the key over, and has none
    if (!NT_SUCCESS(status) && result) {
        ObpDereference(result);
        result = NULL;
    }
    *found = result;
    return status;
}

static NTSTATUS query_key_name(PVOID object, POBJECT_NAME_INFORMATION info, ULONG length, PULONG return_length)
{
    struct cm_key *key = ((struct cm_key_object *)object)->key;
    UNICODE_STRING path = {0, 0, NULL};
    sched_lock(&machine->cm->lock);
    bool deleted = key->is_deleted;
    if (!deleted)
        path = CmpKeyPath(key);
    sched_unlock(&machine->cm->lock);
    if (deleted)
        return STATUS_KEY_DELETED;

    NTSTATUS status = STATUS_INFO_LENGTH_MISMATCH;
    *return_length = sizeof *info + path.MaximumLength;
    if (length >= *return_length) {
        info->Name = (UNICODE_STRING){path.Length, path.MaximumLength, (PWCH)(info + 1)};
        RtlCopyMemory(info->Name.Buffer, path.Buffer, path.Length);
        info->Name.Buffer[path.Length / sizeof(WCHAR)] = 0;
        status = STATUS_SUCCESS;
    }
    sim_free(path.Buffer);
    return status;
}

POBJECT_TYPE *CmKeyObjectType = &CmpKeyType;

bool CmpCreateKeyType(void)
{
    CmpKeyType = ObpCreateType(&(struct ob_type_info){
        .name = "Key",
        .close = close_key_object,
        .delete = delete_key_object,
        .parse = parse_key,
        .query_name = query_key_name,
        .mapping = {KEY_READ, KEY_WRITE, KEY_EXECUTE, KEY_ALL_ACCESS},
        .valid_access = KEY_ALL_ACCESS,
        .wait = OB_NO_WAIT,
    });
    return CmpKeyType != NULL;
}

NTSTATUS CmpReferenceKey(HANDLE handle, ACCESS_MASK access, struct cm_key_object **object)
{
    return ObpReferenceHandle(handle, access, CmpKeyType, KernelMode, (PVOID *)object, NULL);
}

static NTSTATUS open_key(PHANDLE handle, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes, struct cm_create *create,
                         const void *site)
{
    return ObpOpenByName(attributes, CmpKeyType, KernelMode, access, create, site, handle);
}

NTSTATUS ZwOpenKey(PHANDLE KeyHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    API_IRQL(ZwOpenKey);
    return open_key(KeyHandle, DesiredAccess, ObjectAttributes, NULL, VERIFY_CALLER);
}

NTSTATUS ZwOpenKeyEx(PHANDLE KeyHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                     ULONG OpenOptions)
{
    API_IRQL(ZwOpenKeyEx);
    if (OpenOptions & ~(ULONG)(REG_OPTION_OPEN_LINK | REG_OPTION_BACKUP_RESTORE))
        return STATUS_INVALID_PARAMETER_4;
    return open_key(KeyHandle, DesiredAccess, ObjectAttributes, NULL, VERIFY_CALLER);
}

NTSTATUS ZwCreateKey(PHANDLE KeyHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                     ULONG TitleIndex, PUNICODE_STRING Class, ULONG CreateOptions, PULONG Disposition)
{
    API_IRQL(ZwCreateKey);
    struct cm_create create = {CreateOptions, REG_OPENED_EXISTING_KEY, Class};
    NTSTATUS status = open_key(KeyHandle, DesiredAccess, ObjectAttributes, &create, VERIFY_CALLER);
    if (NT_SUCCESS(status) && Disposition)
        *Disposition = create.disposition;
    return status;
}

static NTSTATUS delete_key(struct cm_key_object *object)
{
    NTSTATUS status = STATUS_SUCCESS;

    sched_lock(&machine->cm->lock);
    if (!object->key->is_deleted && (object->key->children || !object->key->parent))
        status = STATUS_CANNOT_DELETE;
    else if (!object->key->is_deleted)
        CmpUnlinkKey(object->key);
    sched_unlock(&machine->cm->lock);
    return status;
}

NTSTATUS ZwDeleteKey(HANDLE KeyHandle)
{
    API_IRQL(ZwDeleteKey);
    struct cm_key_object *object;
    NTSTATUS status = CmpReferenceKey(KeyHandle, DELETE, &object);
    if (!NT_SUCCESS(status))
        return status;

    REG_DELETE_KEY_INFORMATION info = {.Object = object};
    struct cm_operation operation = CM_OPERATION(DeleteKey, object, info);
    if (CmpBegin(&operation, &status))
        status = delete_key(object);
    status = CmpEnd(&operation, object, status);
    ObDereferenceObject(object);
    return status;
}

NTSTATUS ZwFlushKey(HANDLE KeyHandle)
{
    API_IRQL(ZwFlushKey);
    struct cm_key_object *object;
    NTSTATUS status = CmpReferenceKey(KeyHandle, 0, &object);
    if (!NT_SUCCESS(status))
        return status;

    REG_FLUSH_KEY_INFORMATION info = {.Object = object};
    struct cm_operation operation = CM_OPERATION(FlushKey, object, info);
    CmpBegin(&operation, &status);
    status = CmpEnd(&operation, object, status);
    ObDereferenceObject(object);
    return status;
}
