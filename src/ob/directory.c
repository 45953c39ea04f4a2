#include "ob/lookup.h"

#include "fault/fault.h"
#include "ke/thread.h"
#include "ob/exports.h"
#include "verify/api.h"

#include <string.h>

NTSTATUS ZwCreateDirectoryObject(PHANDLE DirectoryHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    PVOID directory;
    API_ENTER(ZwCreateDirectoryObject, ObjectAttributes, SCHED_WRITE);
    ObpCreateObject(ObpDirectoryType, sizeof(struct ob_directory), &directory);
    return ObpInsertObject(directory, ObjectAttributes, KernelMode, DesiredAccess, VERIFY_CALLER, DirectoryHandle);
}

NTSTATUS ZwOpenDirectoryObject(PHANDLE DirectoryHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    API_ENTER(ZwOpenDirectoryObject, ObjectAttributes, SCHED_READ);
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    return ObpOpenByName(ObjectAttributes, ObpDirectoryType, KernelMode, DesiredAccess, NULL, VERIFY_CALLER,
                         DirectoryHandle);
}

NTSTATUS ZwCreateSymbolicLinkObject(PHANDLE LinkHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                                    PUNICODE_STRING LinkTarget)
{
    PVOID link;
    API_ENTER(ZwCreateSymbolicLinkObject, ObjectAttributes, SCHED_WRITE);
    ObpCreateObject(ObpSymbolicLinkType, sizeof(struct ob_link), &link);
    ObpSetLinkTarget(link, LinkTarget);
    return ObpInsertObject(link, ObjectAttributes, KernelMode, DesiredAccess, VERIFY_CALLER, LinkHandle);
}

NTSTATUS ZwOpenSymbolicLinkObject(PHANDLE LinkHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes)
{
    API_ENTER(ZwOpenSymbolicLinkObject, ObjectAttributes, SCHED_READ);
    return ObpOpenByName(ObjectAttributes, ObpSymbolicLinkType, KernelMode, DesiredAccess, NULL, VERIFY_CALLER,
                         LinkHandle);
}

NTSTATUS ZwQuerySymbolicLinkObject(HANDLE LinkHandle, PUNICODE_STRING LinkTarget, PULONG ReturnedLength)
{
    PVOID object;
    API_ENTER(ZwQuerySymbolicLinkObject, LinkHandle, SCHED_READ);
    NTSTATUS status = ObpReferenceHandle(LinkHandle, SYMBOLIC_LINK_QUERY, ObpSymbolicLinkType, KernelMode, &object, NULL);
    if (!NT_SUCCESS(status))
        return status;
    UNICODE_STRING *target = &((struct ob_link *)object)->target;
    /* Who asks for the length asks for all that the link was made with, a terminator perhaps. */
    USHORT wanted = ReturnedLength ? target->MaximumLength : target->Length;
    if (ReturnedLength)
        *ReturnedLength = target->MaximumLength;
    if (LinkTarget->MaximumLength < wanted) {
        status = STATUS_BUFFER_TOO_SMALL;
    } else {
        memcpy(LinkTarget->Buffer, target->Buffer, wanted);
        LinkTarget->Length = target->Length;
    }
    ObpDereference(object);
    return status;
}

NTSTATUS ZwMakeTemporaryObject(HANDLE Handle)
{
    PVOID object;
    API_ENTER(ZwMakeTemporaryObject, Handle, SCHED_WRITE);
    NTSTATUS status = ObpReferenceHandle(Handle, DELETE, NULL, KernelMode, &object, NULL);
    if (!NT_SUCCESS(status))
        return status;
    ObMakeTemporaryObject(object);
    ObpDereference(object);
    return STATUS_SUCCESS;
}

/* ---- ZwQueryDirectoryObject ---- */

static struct ob_name *entry_number(struct ob_directory *directory, ULONG number)
{
    for (int i = 0; i < OB_BUCKETS; i++)
        for (struct ob_name *name = directory->buckets[i]; name; name = name->next)
            if (!number--)
                return name;
    return NULL;
}

static char *put_text(UNICODE_STRING *to, const UNICODE_STRING *from, char *at)
{
    memcpy(at, from->Buffer, from->Length);
    *(WCHAR *)(at + from->Length) = 0;
    *to = (UNICODE_STRING){from->Length, (USHORT)(from->Length + sizeof(WCHAR)), (PWCH)at};
    return at + from->Length + sizeof(WCHAR);
}

static size_t text_bytes(const struct ob_name *name)
{
    return name->text.Length + name->object->type->Name.Length + 2 * sizeof(WCHAR);
}

/* Fills entries from *context on: an array that ends in a zeroed one, the texts behind it. */
static NTSTATUS list(struct ob_directory *directory, POBJECT_DIRECTORY_INFORMATION info, ULONG length, bool single,
                     PULONG context, PULONG needed)
{
    ULONG count = 0;
    size_t used = sizeof *info;
    struct ob_name *name;
    NTSTATUS status = STATUS_SUCCESS;

    while ((name = entry_number(directory, *context + count))) {
        size_t more = sizeof *info + text_bytes(name);
        if (used + more > length) {
            status = count ? STATUS_MORE_ENTRIES : STATUS_BUFFER_TOO_SMALL;
            break;
        }
        used += more;
        count++;
        if (single)
            break;
    }
    *needed = (ULONG)(count || !name ? used : used + sizeof *info + text_bytes(name));
    if (!count)
        return status == STATUS_SUCCESS ? STATUS_NO_MORE_ENTRIES : status;
    char *texts = (char *)&info[count + 1];
    for (ULONG i = 0; i < count; i++) {
        name = entry_number(directory, *context + i);
        texts = put_text(&info[i].Name, &name->text, texts);
        texts = put_text(&info[i].TypeName, &name->object->type->Name, texts);
    }
    memset(&info[count], 0, sizeof *info);
    *context += count;
    return status;
}

NTSTATUS ZwQueryDirectoryObject(HANDLE DirectoryHandle, PVOID Buffer, ULONG Length, BOOLEAN ReturnSingleEntry,
                                BOOLEAN RestartScan, PULONG Context, PULONG ReturnLength)
{
    PVOID directory;
    ULONG needed;

    API_ENTER(ZwQueryDirectoryObject, DirectoryHandle, SCHED_READ);
    NTSTATUS status =
        ObpReferenceHandle(DirectoryHandle, DIRECTORY_QUERY, ObpDirectoryType, KernelMode, &directory, NULL);
    if (!NT_SUCCESS(status))
        return status;
    if (RestartScan)
        *Context = 0;
    unsigned lock = ObpLockNames();
    status = list(directory, Buffer, Length, ReturnSingleEntry, Context, &needed);
    ObpUnlockNames(lock);
    if (ReturnLength)
        *ReturnLength = needed;
    ObpDereference(directory);
    return status;
}

/* ---- ZwQueryObject ---- */

static NTSTATUS query_basic(PVOID object, ACCESS_MASK granted, HANDLE handle, PVOID buffer, ULONG length, PULONG needed)
{
    PPUBLIC_OBJECT_BASIC_INFORMATION info = buffer;
    *needed = sizeof *info;
    if (length != sizeof *info)
        return STATUS_INFO_LENGTH_MISMATCH;
    memset(info, 0, sizeof *info);
    ObpQueryHandle(handle, KernelMode, &info->Attributes, 0, 0);
    info->Attributes &= OBJ_INHERIT;
    info->GrantedAccess = granted;
    info->HandleCount = (ULONG)atomic_load(&ObpHeader(object)->handle_count);
    info->PointerCount = (ULONG)atomic_load(&ObpHeader(object)->pointer_count);
    return STATUS_SUCCESS;
}

static NTSTATUS query_type(PVOID object, PVOID buffer, ULONG length, PULONG needed)
{
    PPUBLIC_OBJECT_TYPE_INFORMATION info = buffer;
    const UNICODE_STRING *name = &ObpTypeOf(object)->Name;
    *needed = (ULONG)(sizeof *info + name->MaximumLength);
    if (length < *needed)
        return STATUS_INFO_LENGTH_MISMATCH;
    memset(info, 0, sizeof *info);
    put_text(&info->TypeName, name, (char *)(info + 1));
    return STATUS_SUCCESS;
}

NTSTATUS ZwQueryObject(HANDLE Handle, OBJECT_INFORMATION_CLASS ObjectInformationClass, PVOID ObjectInformation,
                       ULONG ObjectInformationLength, PULONG ReturnLength)
{
    PVOID object;
    ACCESS_MASK granted;
    ULONG needed = 0;

    API_ENTER(ZwQueryObject, Handle, SCHED_READ);
    NTSTATUS status = ObpReferenceHandle(Handle, 0, NULL, KernelMode, &object, &granted);
    if (!NT_SUCCESS(status))
        return status;
    if (ObjectInformationClass == ObjectBasicInformation)
        status = query_basic(object, granted, Handle, ObjectInformation, ObjectInformationLength, &needed);
    else if (ObjectInformationClass == ObjectTypeInformation)
        status = query_type(object, ObjectInformation, ObjectInformationLength, &needed);
    else if (ObjectInformationClass == ObjectNameInformation)
        status = ObQueryNameString(object, ObjectInformation, ObjectInformationLength, &needed);
    else
        status = STATUS_INVALID_INFO_CLASS;
    if (ReturnLength)
        *ReturnLength = needed;
    ObpDereference(object);
    return status;
}
