/* The security descriptor that communication ports are made with. */
#include "fltp.h"

#include "ex/pool.h"
#include "fault/fault.h"
#include "verify/api.h"

#define SECURITY_TAG 'sSlF'

static ULONG AceSize(PSID sid)
{
    return (ULONG)(sizeof(ACCESS_ALLOWED_ACE) - sizeof(ULONG)) + RtlLengthSid(sid);
}

/* Administrators and the system, and nobody else. */
NTSTATUS FltBuildDefaultSecurityDescriptor(PSECURITY_DESCRIPTOR *SecurityDescriptor, ACCESS_MASK DesiredAccess)
{
    API_IRQL(FltBuildDefaultSecurityDescriptor);
    *SecurityDescriptor = NULL;
    PSID admins = SeExports->SeAliasAdminsSid, system = SeExports->SeLocalSystemSid;
    ULONG aclSize = (ULONG)sizeof(ACL) + AceSize(admins) + AceSize(system);
    SECURITY_DESCRIPTOR *descriptor =
        fault_allocation() ? NULL : ExpAllocate(EXP_PAGED, sizeof *descriptor + aclSize, SECURITY_TAG, VERIFY_CALLER);
    if (!descriptor)
        return STATUS_INSUFFICIENT_RESOURCES;
    PACL acl = (PACL)(descriptor + 1);
    NTSTATUS status = RtlCreateSecurityDescriptor(descriptor, SECURITY_DESCRIPTOR_REVISION);
    if (NT_SUCCESS(status))
        status = RtlCreateAcl(acl, aclSize, ACL_REVISION);
    if (NT_SUCCESS(status))
        status = RtlAddAccessAllowedAce(acl, ACL_REVISION, DesiredAccess, admins);
    if (NT_SUCCESS(status))
        status = RtlAddAccessAllowedAce(acl, ACL_REVISION, DesiredAccess, system);
    if (NT_SUCCESS(status))
        status = RtlSetDaclSecurityDescriptor(descriptor, TRUE, acl, FALSE);
    if (!NT_SUCCESS(status)) {
        ExFreePoolWithTag(descriptor, SECURITY_TAG);
        return status;
    }
    *SecurityDescriptor = descriptor;
    return STATUS_SUCCESS;
}

VOID FltFreeSecurityDescriptor(PSECURITY_DESCRIPTOR SecurityDescriptor)
{
    API_IRQL(FltFreeSecurityDescriptor);
    ExFreePoolWithTag(SecurityDescriptor, SECURITY_TAG);
}
