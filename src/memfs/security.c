/* IRP_MJ_QUERY_SECURITY and IRP_MJ_SET_SECURITY: descriptors are kept and given back, not enforced.
 */
#include "memfs/memfs.h"

#include <string.h>

/* Everybody may do everything, until a descriptor is set: self-relative, owner and group
 * Administrators, no DACL. */
static const UCHAR default_descriptor[] = {
    1, 0, 0x00, 0x80, 20, 0, 0, 0, 36, 0, 0, 0, 0,    0, 0, 0,
    0, 0, 0,    0,                                             /* SE_SELF_RELATIVE; owner, group */
    1, 2, 0,    0,    0,  0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0, /* S-1-5-32-544 */
    1, 2, 0,    0,    0,  0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0};

ULONG MemfsCopyOwner(struct memfs_node *node, PVOID sid, ULONG room)
{
    PSID owner = NULL;
    BOOLEAN defaulted;
    ULONG length = 0;
    MemfsShareNode(node);
    PSECURITY_DESCRIPTOR descriptor = node->security ? node->security : (PVOID)default_descriptor;
    if (NT_SUCCESS(RtlGetOwnerSecurityDescriptor(descriptor, &owner, &defaulted)) && owner)
        length = RtlLengthSid(owner);
    if (length > room)
        length = 0;
    if (length)
        memcpy(sid, owner, length);
    MemfsUnshareNode(node);
    return length;
}

ULONG MemfsOwnerOf(PACCESS_TOKEN token, PVOID sid, ULONG room)
{
    PTOKEN_USER user;
    const VOID *owner = default_descriptor + 20;
    if (token && !SeTokenIsAdmin(token) && NT_SUCCESS(SeQueryInformationToken(token, TokenUser, (PVOID *)&user)))
        owner = user->User.Sid;
    else
        user = NULL;
    ULONG length = RtlLengthSid((PSID)owner);
    if (length > room)
        length = 0;
    memcpy(sid, owner, length);
    if (user)
        ExFreePool(user);
    return length;
}

void MemfsSetOwner(struct memfs_node *node, PACCESS_TOKEN token)
{
    UCHAR sid[SECURITY_MAX_SID_SIZE];
    SECURITY_DESCRIPTOR absolute;
    if (!token || SeTokenIsAdmin(token) || !MemfsOwnerOf(token, sid, sizeof sid))
        return;
    ULONG length = 0;
    RtlCreateSecurityDescriptor(&absolute, SECURITY_DESCRIPTOR_REVISION);
    RtlSetOwnerSecurityDescriptor(&absolute, sid, FALSE);
    RtlSetGroupSecurityDescriptor(&absolute, (PSID)(default_descriptor + 36), FALSE);
    RtlAbsoluteToSelfRelativeSD(&absolute, NULL, &length);
    PVOID descriptor = sim_alloc(length);
    RtlAbsoluteToSelfRelativeSD(&absolute, descriptor, &length);
    MemfsLockNode(node);
    node->security = descriptor;
    node->security_length = length;
    MemfsUnlockNode(node);
}

static NTSTATUS check(PIRP irp, struct memfs_scb **scb)
{
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(irp)->FileObject;
    *scb = file ? MemfsScbOf(file) : NULL;
    if (!*scb || !file->FsContext2)
        return STATUS_INVALID_PARAMETER;
    if (!(*scb)->node || !(*scb)->volume->store->ntfs)
        return STATUS_INVALID_DEVICE_REQUEST;
    return MemfsCheckVolume((*scb)->volume);
}

NTSTATUS MemfsQuerySecurity(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    struct memfs_scb *scb;
    NTSTATUS status = check(irp, &scb);
    if (!NT_SUCCESS(status))
        return MemfsComplete(irp, status, 0);
    PVOID buffer = MemfsBuffer(irp);
    ULONG room = stack->Parameters.QuerySecurity.Length;
    FsRtlEnterFileSystem();
    ExAcquireResourceSharedLite(&scb->main, TRUE);
    PSECURITY_DESCRIPTOR descriptor =
        scb->node->security ? scb->node->security : (PVOID)default_descriptor;
    status = SeQuerySecurityDescriptorInfo(&stack->Parameters.QuerySecurity.SecurityInformation,
                                           buffer, &room, &descriptor);
    ExReleaseResourceLite(&scb->main);
    FsRtlExitFileSystem();
    if (status == STATUS_BUFFER_TOO_SMALL)
        status = STATUS_BUFFER_OVERFLOW;
    return MemfsComplete(irp, status, room);
}

/* What is set comes from the new descriptor, the rest stays. A self-relative descriptor
 * (sim_alloc). */
static NTSTATUS merge(SECURITY_INFORMATION what, PSECURITY_DESCRIPTOR fresh,
                      PSECURITY_DESCRIPTOR old, PVOID *result, ULONG *length)
{
    SECURITY_DESCRIPTOR absolute;
    PSID owner, group;
    PACL dacl, sacl;
    BOOLEAN present, defaulted;
    RtlCreateSecurityDescriptor(&absolute, SECURITY_DESCRIPTOR_REVISION);
    NTSTATUS status = RtlGetOwnerSecurityDescriptor(what & OWNER_SECURITY_INFORMATION ? fresh : old,
                                                    &owner, &defaulted);
    if (NT_SUCCESS(status))
        status = RtlSetOwnerSecurityDescriptor(&absolute, owner, defaulted);
    if (NT_SUCCESS(status))
        status = RtlGetGroupSecurityDescriptor(what & GROUP_SECURITY_INFORMATION ? fresh : old,
                                               &group, &defaulted);
    if (NT_SUCCESS(status))
        status = RtlSetGroupSecurityDescriptor(&absolute, group, defaulted);
    if (NT_SUCCESS(status))
        status = RtlGetDaclSecurityDescriptor(what & DACL_SECURITY_INFORMATION ? fresh : old,
                                              &present, &dacl, &defaulted);
    if (NT_SUCCESS(status))
        status = RtlSetDaclSecurityDescriptor(&absolute, present, present ? dacl : NULL, FALSE);
    if (NT_SUCCESS(status))
        status = RtlGetSaclSecurityDescriptor(what & SACL_SECURITY_INFORMATION ? fresh : old,
                                              &present, &sacl, &defaulted);
    if (NT_SUCCESS(status) && present)
        status = RtlSetSaclSecurityDescriptor(&absolute, present, sacl, FALSE);
    if (!NT_SUCCESS(status))
        return status;
    *length = 0;
    status = RtlAbsoluteToSelfRelativeSD(&absolute, NULL, length);
    if (status != STATUS_BUFFER_TOO_SMALL)
        return STATUS_INVALID_SECURITY_DESCR;
    *result = sim_alloc(*length);
    status = RtlAbsoluteToSelfRelativeSD(&absolute, *result, length);
    if (!NT_SUCCESS(status))
        sim_free(*result);
    return status;
}

NTSTATUS MemfsSetSecurity(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    struct memfs_scb *scb;
    PVOID merged = NULL;
    ULONG length;
    NTSTATUS status = check(irp, &scb);
    if (NT_SUCCESS(status) && MemfsIsReadOnly(scb->volume))
        status = STATUS_MEDIA_WRITE_PROTECTED;
    if (!NT_SUCCESS(status))
        return MemfsComplete(irp, status, 0);
    struct memfs_node *node = scb->node;
    FsRtlEnterFileSystem();
    ExAcquireResourceExclusiveLite(&scb->main, TRUE);
    status = merge(stack->Parameters.SetSecurity.SecurityInformation,
                   stack->Parameters.SetSecurity.SecurityDescriptor,
                   node->security ? node->security : (PVOID)default_descriptor, &merged, &length);
    if (NT_SUCCESS(status)) {
        MemfsLockNode(node);
        sim_free(node->security);
        node->security = merged;
        node->security_length = length;
        MemfsSetTime(&node->changed, MemfsNow());
        MemfsUnlockNode(node);
    }
    ExReleaseResourceLite(&scb->main);
    struct memfs_ccb *ccb = MemfsCcbOf(stack->FileObject);
    if (NT_SUCCESS(status)) {
        MemfsNotify(scb->volume, ccb->link, NULL, FILE_NOTIFY_CHANGE_SECURITY, FILE_ACTION_MODIFIED);
        MemfsChanged(scb->volume, ccb->link, USN_REASON_SECURITY_CHANGE, ccb);
    }
    FsRtlExitFileSystem();
    return MemfsComplete(irp, status, 0);
}
