#include "fault/fault.h"
#include "ob/callback.h"
#include "ob/state.h"

#include "ke/thread.h"
#include "ob/exports.h"
#include "verify/api.h"

#include <string.h>

/* ---- references ---- */

static LONG_PTR take(PVOID object, const void *site)
{
    struct ob_header *header = ObpHeader(object);
    long count = atomic_fetch_add_explicit(&header->pointer_count, 1, memory_order_relaxed) + 1;
    if (count <= 1) {
        struct verify_violation *v =
            verify_begin_fatal(VERIFY_OBJECT_OVER_DEREFERENCE,
                               "The %s object %p was referenced after it was deleted: somebody gave back one reference too many.",
                               header->type->info.name, object);
        verify_ledger_print(v, &header->ledger);
        verify_site(v, "and now referenced by", site);
        verify_end_bugcheck(v, 0x18, (uintptr_t)header->type, (uintptr_t)object, 1, (uint64_t)count);
    }
    verify_ledger_add(&header->ledger, "referenced by", count, site);
    return count;
}

static LONG_PTR give(PVOID object, bool deferred, const void *site)
{
    struct ob_header *header = ObpHeader(object);
    long after = atomic_load_explicit(&header->pointer_count, memory_order_relaxed) - 1;
    verify_ledger_drop(&header->ledger, "dereferenced by", after, site);
    ObpDereferenceFrom(object, deferred, site);
    return after;
}

LONG_PTR ObReferenceObject(PVOID Object)
{
    API_ENTER(ObReferenceObject, Object, SCHED_ADD);
    return take(Object, VERIFY_CALLER);
}

LONG_PTR ObfReferenceObject(PVOID Object)
{
    API_ENTER(ObReferenceObject, Object, SCHED_ADD);
    return take(Object, VERIFY_CALLER);
}

LONG_PTR ObfReferenceObjectWithTag(PVOID Object, ULONG Tag)
{
    API_ENTER(ObReferenceObjectWithTag, Object, SCHED_ADD);
    return take(Object, VERIFY_CALLER);
}

BOOLEAN ObReferenceObjectSafe(PVOID Object)
{
    API_ENTER(ObReferenceObjectSafe, Object, SCHED_ADD);
    if (!ObpReferenceSafe(Object))
        return FALSE;
    verify_ledger_add(&ObpHeader(Object)->ledger, "referenced by", atomic_load(&ObpHeader(Object)->pointer_count),
                      VERIFY_CALLER);
    return TRUE;
}

LONG_PTR ObDereferenceObject(PVOID Object)
{
    API_ENTER(ObDereferenceObject, Object, SCHED_ADD);
    return give(Object, false, VERIFY_CALLER);
}

LONG_PTR ObfDereferenceObject(PVOID Object)
{
    API_ENTER(ObDereferenceObject, Object, SCHED_ADD);
    return give(Object, false, VERIFY_CALLER);
}

LONG_PTR ObfDereferenceObjectWithTag(PVOID Object, ULONG Tag)
{
    API_ENTER(ObDereferenceObjectWithTag, Object, SCHED_ADD);
    return give(Object, false, VERIFY_CALLER);
}

VOID ObDereferenceObjectDeferDelete(PVOID Object)
{
    API_ENTER(ObDereferenceObjectDeferDelete, Object, SCHED_ADD);
    give(Object, true, VERIFY_CALLER);
}

VOID ObDereferenceObjectDeferDeleteWithTag(PVOID Object, ULONG Tag)
{
    API_ENTER(ObDereferenceObjectDeferDeleteWithTag, Object, SCHED_ADD);
    give(Object, true, VERIFY_CALLER);
}

static NTSTATUS by_pointer(PVOID object, POBJECT_TYPE type, KPROCESSOR_MODE mode, const void *site)
{
    if (type && ObpTypeOf(object) != type)
        return STATUS_OBJECT_TYPE_MISMATCH;
    if (!type && mode != KernelMode)
        return STATUS_OBJECT_TYPE_MISMATCH;
    take(object, site);
    return STATUS_SUCCESS;
}

NTSTATUS ObReferenceObjectByPointer(PVOID Object, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                    KPROCESSOR_MODE AccessMode)
{
    API_ENTER(ObReferenceObjectByPointer, Object, SCHED_ADD);
    return by_pointer(Object, ObjectType, AccessMode, VERIFY_CALLER);
}

NTSTATUS ObReferenceObjectByPointerWithTag(PVOID Object, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                           KPROCESSOR_MODE AccessMode, ULONG Tag)
{
    API_ENTER(ObReferenceObjectByPointerWithTag, Object, SCHED_ADD);
    return by_pointer(Object, ObjectType, AccessMode, VERIFY_CALLER);
}

static NTSTATUS by_handle(HANDLE handle, ACCESS_MASK desired, POBJECT_TYPE type, KPROCESSOR_MODE mode, PVOID *object,
                          POBJECT_HANDLE_INFORMATION information, const void *site)
{
    ACCESS_MASK granted = 0;
    NTSTATUS status = ObpReferenceHandle(handle, desired, type, mode, object, &granted);

    if (!NT_SUCCESS(status))
        return status;
    struct ob_header *header = ObpHeader(*object);
    verify_ledger_add(&header->ledger, "referenced by handle by", atomic_load(&header->pointer_count), site);
    if (information) {
        information->GrantedAccess = granted;
        information->HandleAttributes = 0;
        ObpQueryHandle(handle, mode, &information->HandleAttributes, 0, 0);
        information->HandleAttributes &= OBJ_INHERIT;
    }
    return STATUS_SUCCESS;
}

NTSTATUS ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                   KPROCESSOR_MODE AccessMode, PVOID *Object,
                                   POBJECT_HANDLE_INFORMATION HandleInformation)
{
    API_ENTER(ObReferenceObjectByHandle, Handle, SCHED_READ);
    return by_handle(Handle, DesiredAccess, ObjectType, AccessMode, Object, HandleInformation, VERIFY_CALLER);
}

NTSTATUS ObReferenceObjectByHandleWithTag(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                          KPROCESSOR_MODE AccessMode, ULONG Tag, PVOID *Object,
                                          POBJECT_HANDLE_INFORMATION HandleInformation)
{
    API_ENTER(ObReferenceObjectByHandleWithTag, Handle, SCHED_READ);
    return by_handle(Handle, DesiredAccess, ObjectType, AccessMode, Object, HandleInformation, VERIFY_CALLER);
}

NTSTATUS ObReferenceObjectByName(PUNICODE_STRING ObjectName, ULONG Attributes, PACCESS_STATE AccessState,
                                 ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                                 PVOID ParseContext, PVOID *Object)
{
    OBJECT_ATTRIBUTES attributes;
    API_ENTER(ObReferenceObjectByName, ObjectName, SCHED_READ);
    InitializeObjectAttributes(&attributes, ObjectName, Attributes, NULL, NULL);
    NTSTATUS status = ObpLookup(&attributes, ObjectType, AccessMode, DesiredAccess, ParseContext, Object);
    if (NT_SUCCESS(status))
        verify_ledger_add(&ObpHeader(*Object)->ledger, "referenced by name by",
                          atomic_load(&ObpHeader(*Object)->pointer_count), VERIFY_CALLER);
    return status;
}

POBJECT_TYPE ObGetObjectType(PVOID Object)
{
    API_IRQL(ObGetObjectType);
    return ObpTypeOf(Object);
}

/* ---- handles ---- */

static NTSTATUS open_by_pointer(PVOID object, ULONG attributes, ACCESS_MASK access, POBJECT_TYPE wanted,
                                KPROCESSOR_MODE mode, const void *site, PHANDLE handle)
{
    POBJECT_TYPE type = ObpTypeOf(object);

    *handle = NULL;
    if (wanted && wanted != type)
        return STATUS_OBJECT_TYPE_MISMATCH;
    if (attributes & ~(ULONG)OBJ_VALID_ATTRIBUTES)
        return STATUS_INVALID_PARAMETER;
    if (access & ACCESS_SYSTEM_SECURITY && mode != KernelMode &&
        !SeSinglePrivilegeCheck(SeExports->SeSecurityPrivilege, mode))
        return STATUS_PRIVILEGE_NOT_HELD;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    ACCESS_MASK granted = ObpMapAccess(type, access);
    NTSTATUS status = type->info.open ? type->info.open(object, mode, granted) : STATUS_SUCCESS;
    return NT_SUCCESS(status) ? ObpCreateWatchedHandle(object, OB_OPERATION_HANDLE_CREATE, granted, attributes,
                                                       KiCurrentProcess(), site, handle)
                              : status;
}

NTSTATUS ObOpenObjectByPointer(PVOID Object, ULONG HandleAttributes, PACCESS_STATE PassedAccessState,
                               ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                               PHANDLE Handle)
{
    API_ENTER(ObOpenObjectByPointer, Object, SCHED_WRITE);
    return open_by_pointer(Object, HandleAttributes, DesiredAccess, ObjectType, AccessMode, VERIFY_CALLER, Handle);
}

NTSTATUS ObOpenObjectByPointerWithTag(PVOID Object, ULONG HandleAttributes, PACCESS_STATE PassedAccessState,
                                      ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                                      ULONG Tag, PHANDLE Handle)
{
    API_ENTER(ObOpenObjectByPointerWithTag, Object, SCHED_WRITE);
    return open_by_pointer(Object, HandleAttributes, DesiredAccess, ObjectType, AccessMode, VERIFY_CALLER, Handle);
}

NTSTATUS ObOpenObjectByName(POBJECT_ATTRIBUTES ObjectAttributes, POBJECT_TYPE ObjectType, KPROCESSOR_MODE AccessMode,
                            PACCESS_STATE AccessState, ACCESS_MASK DesiredAccess, PVOID ParseContext, PHANDLE Handle)
{
    API_ENTER(ObOpenObjectByName, ObjectAttributes, SCHED_WRITE);
    return ObpOpenByName(ObjectAttributes, ObjectType, AccessMode, DesiredAccess, ParseContext, VERIFY_CALLER, Handle);
}

NTSTATUS ObCloseHandle(HANDLE Handle, KPROCESSOR_MODE PreviousMode)
{
    API_ENTER(ObCloseHandle, Handle, SCHED_WRITE);
    return ObpCloseHandle(Handle, PreviousMode, VERIFY_CALLER);
}

NTSTATUS NtClose(HANDLE Handle)
{
    API_ENTER(NtClose, Handle, SCHED_WRITE);
    return ObpCloseHandle(Handle, KeGetPreviousMode(), VERIFY_CALLER);
}

NTSTATUS ZwClose(HANDLE Handle)
{
    API_ENTER(ZwClose, Handle, SCHED_WRITE);
    VERIFY_CALL_DOWN("ZwClose", VERIFY_CALL_OTHER, NULL, VERIFY_CALLER);
    return ObpCloseHandle(Handle, KernelMode, VERIFY_CALLER);
}

BOOLEAN ObIsKernelHandle(HANDLE Handle)
{
    return ((ULONG_PTR)Handle & 0xffffffff80000000ULL) == 0xffffffff80000000ULL && Handle != (HANDLE)(LONG_PTR)-1 &&
           Handle != (HANDLE)(LONG_PTR)-2;
}

NTSTATUS ObSetHandleAttributes(HANDLE Handle, PVOID HandleFlags, KPROCESSOR_MODE PreviousMode)
{
    struct {
        BOOLEAN Inherit, ProtectFromClose;
    } *flags = HandleFlags;
    ULONG now;
    ULONG set = (flags->Inherit ? OBJ_INHERIT : 0) | (flags->ProtectFromClose ? OB_HANDLE_PROTECTED : 0);
    API_IRQL(ObSetHandleAttributes);
    return ObpQueryHandle(Handle, PreviousMode, &now, set, OBJ_INHERIT | OB_HANDLE_PROTECTED);
}

/* ---- duplicates ---- */

static NTSTATUS duplicate(PEPROCESS from, HANDLE source, PEPROCESS to, PHANDLE target, ACCESS_MASK access,
                          ULONG attributes, ULONG options, KPROCESSOR_MODE mode, const void *site)
{
    KAPC_STATE state;
    PVOID object;
    ACCESS_MASK granted;
    ULONG old = 0;

    KeStackAttachProcess(from, &state);
    NTSTATUS status = ObpReferenceHandle(source, 0, NULL, mode, &object, &granted);
    if (NT_SUCCESS(status))
        ObpQueryHandle(source, mode, &old, 0, 0);
    if (NT_SUCCESS(status) && (options & DUPLICATE_CLOSE_SOURCE))
        ObpCloseHandle(source, mode, site);
    KeUnstackDetachProcess(&state);
    if (!NT_SUCCESS(status))
        return status;
    if (!(options & DUPLICATE_SAME_ACCESS))
        granted = ObpMapAccess(ObpTypeOf(object), access);
    if (options & DUPLICATE_SAME_ATTRIBUTES)
        attributes = old & OBJ_INHERIT;
    if (target) {
        KeStackAttachProcess(to, &state);
        status = ObpCreateWatchedHandle(object, OB_OPERATION_HANDLE_DUPLICATE, granted, attributes, from, site, target);
        KeUnstackDetachProcess(&state);
    }
    ObpDereference(object);
    return status;
}

NTSTATUS ObDuplicateObject(PEPROCESS SourceProcess, HANDLE SourceHandle, PEPROCESS TargetProcess, PHANDLE TargetHandle,
                           ACCESS_MASK DesiredAccess, ULONG HandleAttributes, ULONG Options,
                           KPROCESSOR_MODE PreviousMode)
{
    API_ENTER(ObDuplicateObject, SourceHandle, SCHED_WRITE);
    return duplicate(SourceProcess, SourceHandle, TargetProcess, TargetHandle, DesiredAccess, HandleAttributes, Options,
                     PreviousMode, VERIFY_CALLER);
}

static NTSTATUS duplicate_by_handles(HANDLE from_handle, HANDLE source, HANDLE to_handle, PHANDLE target,
                                     ACCESS_MASK access, ULONG attributes, ULONG options, KPROCESSOR_MODE mode,
                                     const void *site)
{
    PVOID from, to = NULL;
    NTSTATUS status = ObpReferenceHandle(from_handle, 0, *PsProcessType, mode, &from, NULL);
    if (!NT_SUCCESS(status))
        return status;
    if (to_handle)
        status = ObpReferenceHandle(to_handle, 0, *PsProcessType, mode, &to, NULL);
    if (NT_SUCCESS(status))
        status = duplicate(from, source, to, to ? target : NULL, access, attributes, options, mode, site);
    if (to)
        ObpDereference(to);
    ObpDereference(from);
    return status;
}

NTSTATUS ZwDuplicateObject(HANDLE SourceProcessHandle, HANDLE SourceHandle, HANDLE TargetProcessHandle,
                           PHANDLE TargetHandle, ACCESS_MASK DesiredAccess, ULONG HandleAttributes, ULONG Options)
{
    API_ENTER(ZwDuplicateObject, SourceHandle, SCHED_WRITE);
    return duplicate_by_handles(SourceProcessHandle, SourceHandle, TargetProcessHandle, TargetHandle, DesiredAccess,
                                HandleAttributes, Options, KernelMode, VERIFY_CALLER);
}

/* ---- names ---- */

/* The path of a named object, backwards from its name to the root. */
static size_t path_length(const struct ob_header *header)
{
    size_t length = 0;
    for (const struct ob_name *name = header->name; name; name = name->directory->name)
        length += name->text.Length + sizeof(WCHAR);
    if (!length && header->body == (const unsigned char *)ob()->root)
        length = sizeof(WCHAR);
    return length;
}

static void write_path(const struct ob_header *header, char *end, size_t length)
{
    static const WCHAR slash = '\\';
    if (!header->name && length)
        memcpy(end - sizeof slash, &slash, sizeof slash);
    for (const struct ob_name *name = header->name; name; name = name->directory->name) {
        end -= name->text.Length;
        memcpy(end, name->text.Buffer, name->text.Length);
        end -= sizeof slash;
        memcpy(end, &slash, sizeof slash);
    }
}

NTSTATUS ObpQueryPath(PVOID object, POBJECT_NAME_INFORMATION info, ULONG length, PULONG return_length)
{
    struct ob_header *header = ObpHeader(object);
    NTSTATUS status = STATUS_SUCCESS;
    unsigned lock = ObpLockNames();
    size_t path = path_length(header);
    size_t needed = sizeof *info + (path ? path + sizeof(WCHAR) : 0);

    if (return_length)
        *return_length = (ULONG)needed;
    if (length < needed) {
        status = STATUS_INFO_LENGTH_MISMATCH;
    } else if (!path) {
        memset(info, 0, sizeof *info);
    } else {
        info->Name.Buffer = (PWCH)(info + 1);
        info->Name.Length = (USHORT)path;
        info->Name.MaximumLength = (USHORT)(path + sizeof(WCHAR));
        write_path(header, (char *)info->Name.Buffer + path, path);
        info->Name.Buffer[path / sizeof(WCHAR)] = 0;
    }
    ObpUnlockNames(lock);
    return status;
}

NTSTATUS ObQueryNameString(PVOID Object, POBJECT_NAME_INFORMATION ObjectNameInfo, ULONG Length, PULONG ReturnLength)
{
    API_ENTER(ObQueryNameString, Object, SCHED_READ);
    POBJECT_TYPE type = ObpTypeOf(Object);
    if (type->info.query_name)
        return type->info.query_name(Object, ObjectNameInfo, Length, ReturnLength);
    return ObpQueryPath(Object, ObjectNameInfo, Length, ReturnLength);
}

VOID ObMakeTemporaryObject(PVOID Object)
{
    API_ENTER(ObMakeTemporaryObject, Object, SCHED_WRITE);
    atomic_fetch_and(&ObpHeader(Object)->flags, ~(unsigned)OB_PERMANENT);
    if (!atomic_load(&ObpHeader(Object)->handle_count))
        ObpDropTemporaryName(ObpHeader(Object));
}
