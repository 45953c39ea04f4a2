#include "ob/callback.h"
#include "ob/lookup.h"

#include "ke/thread.h"

static NTSTATUS may_open(PVOID object, CCHAR mode, ACCESS_MASK granted)
{
    POBJECT_TYPE type = ObpTypeOf(object);
    return type->info.open ? type->info.open(object, mode, granted) : STATUS_SUCCESS;
}

static NTSTATUS open_handle(PVOID object, CCHAR mode, ACCESS_MASK access, ULONG attributes, const void *site,
                            PHANDLE handle)
{
    ACCESS_MASK granted = ObpMapAccess(ObpTypeOf(object), access);
    NTSTATUS status = may_open(object, mode, granted);
    if (NT_SUCCESS(status))
        status = ObpCreateWatchedHandle(object, OB_OPERATION_HANDLE_CREATE, granted, attributes, KiCurrentProcess(), site,
                                        handle);
    return status;
}

NTSTATUS ObpOpenByName(PCOBJECT_ATTRIBUTES attributes, POBJECT_TYPE type, CCHAR mode, ACCESS_MASK access, PVOID context,
                       const void *site, PHANDLE handle)
{
    PVOID object;
    NTSTATUS status = ObpLookup(attributes, type, mode, access, context, &object);
    if (!NT_SUCCESS(status))
        return status;
    status = open_handle(object, mode, access, attributes->Attributes, site, handle);
    ObpDereference(object);
    return status;
}

static NTSTATUS insert_named(PVOID object, PCOBJECT_ATTRIBUTES attributes, CCHAR mode)
{
    PVOID root = NULL;
    NTSTATUS status = STATUS_SUCCESS;

    if (!attributes || !attributes->ObjectName || !attributes->ObjectName->Length)
        return STATUS_SUCCESS;
    if (attributes->RootDirectory)
        status = ObpReferenceHandle(attributes->RootDirectory, 0, ObpDirectoryType, mode, &root, NULL);
    if (NT_SUCCESS(status))
        status = ObpInsertName(object, root, attributes->ObjectName, attributes->Attributes);
    if (root)
        ObpDereference(root);
    return status;
}

NTSTATUS ObpInsertObject(PVOID object, PCOBJECT_ATTRIBUTES attributes, CCHAR mode, ACCESS_MASK access, const void *site,
                         PHANDLE handle)
{
    ULONG flags = attributes ? attributes->Attributes : 0;
    NTSTATUS status = attributes ? ObpCheckAttributes(attributes) : STATUS_SUCCESS;

    if (NT_SUCCESS(status))
        status = insert_named(object, attributes, mode);

    if (status == STATUS_OBJECT_NAME_COLLISION && (flags & OBJ_OPENIF)) {
        status = ObpOpenByName(attributes, ObpTypeOf(object), mode, access, NULL, site, handle);
        ObpDereference(object);
        return status == STATUS_SUCCESS ? STATUS_OBJECT_NAME_EXISTS : status;
    }
    if (NT_SUCCESS(status)) {
        status = open_handle(object, mode, access, flags, site, handle);
        if (!NT_SUCCESS(status))
            ObpRemoveName(object);
    }
    ObpDereference(object);
    return status;
}
