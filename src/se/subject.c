/* Subject contexts, privileges, impersonating clients. */
#include "sep.h"

VOID SeCaptureSubjectContextEx(PETHREAD Thread, PEPROCESS Process, PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    API_IRQL(SeCaptureSubjectContextEx);
    BOOLEAN copy, effective;
    SubjectContext->ProcessAuditId = PsGetProcessId(Process);
    SubjectContext->ClientToken =
        Thread ? PsReferenceImpersonationToken(Thread, &copy, &effective, &SubjectContext->ImpersonationLevel) : NULL;
    if (!SubjectContext->ClientToken)
        SubjectContext->ImpersonationLevel = SecurityAnonymous;
    SubjectContext->PrimaryToken = PsReferencePrimaryToken(Process);
}

VOID SeCaptureSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    API_IRQL(SeCaptureSubjectContext);
    SeCaptureSubjectContextEx(PsGetCurrentThread(), PsGetCurrentProcess(), SubjectContext);
}

VOID SeReleaseSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    API_IRQL(SeReleaseSubjectContext);
    PsDereferenceImpersonationToken(SubjectContext->ClientToken);
    SubjectContext->ClientToken = NULL;
    if (SubjectContext->PrimaryToken)
        PsDereferencePrimaryToken(SubjectContext->PrimaryToken);
    SubjectContext->PrimaryToken = NULL;
}

VOID SeLockSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    API_ENTER(SeLockSubjectContext, SubjectContext, SCHED_READ);
    struct sep_token *primary = SubjectContext->PrimaryToken, *client = SubjectContext->ClientToken;
    KeEnterCriticalRegion();
    ExAcquireResourceSharedLite(&primary->lock, TRUE);
    if (client)
        ExAcquireResourceSharedLite(&client->lock, TRUE);
}

VOID SeUnlockSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext)
{
    API_ENTER(SeUnlockSubjectContext, SubjectContext, SCHED_WRITE);
    struct sep_token *primary = SubjectContext->PrimaryToken, *client = SubjectContext->ClientToken;
    if (client)
        ExReleaseResourceLite(&client->lock);
    ExReleaseResourceLite(&primary->lock);
    KeLeaveCriticalRegion();
}

/* -- privileges -------------------------------------------------------------------------------------------------- */

static BOOLEAN Check(const struct sep_token *token, PPRIVILEGE_SET set)
{
    ULONG held = 0;
    for (ULONG i = 0; i < set->PrivilegeCount; i++) {
        LUID_AND_ATTRIBUTES *wanted = &set->Privilege[i];
        if (wanted->Luid.HighPart == 0 && SepHasPrivilege(token, wanted->Luid.LowPart)) {
            wanted->Attributes |= SE_PRIVILEGE_USED_FOR_ACCESS;
            held++;
        }
    }
    return set->Control & PRIVILEGE_SET_ALL_NECESSARY ? held == set->PrivilegeCount : held > 0;
}

BOOLEAN SePrivilegeCheck(PPRIVILEGE_SET RequiredPrivileges, PSECURITY_SUBJECT_CONTEXT SubjectSecurityContext,
                         KPROCESSOR_MODE AccessMode)
{
    API_IRQL(SePrivilegeCheck);
    if (AccessMode == KernelMode)
        return TRUE;
    if (SubjectSecurityContext->ClientToken && SubjectSecurityContext->ImpersonationLevel < SecurityImpersonation)
        return FALSE;
    return Check(SeQuerySubjectContextToken(SubjectSecurityContext), RequiredPrivileges);
}

BOOLEAN SeSinglePrivilegeCheck(LUID PrivilegeValue, KPROCESSOR_MODE PreviousMode)
{
    API_IRQL(SeSinglePrivilegeCheck);
    if (PreviousMode == KernelMode)
        return TRUE;
    return PrivilegeValue.HighPart == 0 && SepHasPrivilege(SepEffectiveToken(KiCurrentThread()), PrivilegeValue.LowPart);
}

VOID SeFreePrivileges(PPRIVILEGE_SET Privileges)
{
    if (Privileges)
        ExFreePoolWithTag(Privileges, SEP_TAG);
}

/* -- clients ------------------------------------------------------------------------------------------------------- */

static NTSTATUS CreateClient(PSECURITY_SUBJECT_CONTEXT subject, const SECURITY_QUALITY_OF_SERVICE *qos, BOOLEAN remote,
                             PSECURITY_CLIENT_CONTEXT client)
{
    *client = (SECURITY_CLIENT_CONTEXT){.SecurityQos = *qos, .ServerIsRemote = remote};
    if (subject->ClientToken && subject->ImpersonationLevel < SecurityIdentification)
        return STATUS_BAD_IMPERSONATION_LEVEL;
    if (subject->ClientToken && qos->ImpersonationLevel > subject->ImpersonationLevel)
        return STATUS_BAD_IMPERSONATION_LEVEL;
    const struct sep_token *source = SeQuerySubjectContextToken(subject);
    if (qos->ContextTrackingMode == SECURITY_DYNAMIC_TRACKING) {
        client->DirectlyAccessClientToken = TRUE;
        client->ClientToken = (PACCESS_TOKEN)source;
        ObReferenceObject(client->ClientToken);
        return STATUS_SUCCESS;
    }
    struct sep_token *copy = SepCreateToken(TokenImpersonation, source);
    copy->level = qos->ImpersonationLevel;
    client->ClientToken = copy;
    return STATUS_SUCCESS;
}

NTSTATUS SeCreateClientSecurity(PETHREAD ClientThread, PSECURITY_QUALITY_OF_SERVICE ClientSecurityQos,
                                BOOLEAN RemoteSession, PSECURITY_CLIENT_CONTEXT ClientContext)
{
    API_IRQL(SeCreateClientSecurity);
    SECURITY_SUBJECT_CONTEXT subject;
    SeCaptureSubjectContextEx(ClientThread, IoThreadToProcess(ClientThread), &subject);
    NTSTATUS status = CreateClient(&subject, ClientSecurityQos, RemoteSession, ClientContext);
    SeReleaseSubjectContext(&subject);
    return status;
}

NTSTATUS SeCreateClientSecurityFromSubjectContext(PSECURITY_SUBJECT_CONTEXT SubjectContext,
                                                  PSECURITY_QUALITY_OF_SERVICE ClientSecurityQos,
                                                  BOOLEAN ServerIsRemote, PSECURITY_CLIENT_CONTEXT ClientContext)
{
    return CreateClient(SubjectContext, ClientSecurityQos, ServerIsRemote, ClientContext);
}

NTSTATUS SeImpersonateClientEx(PSECURITY_CLIENT_CONTEXT ClientContext, PETHREAD ServerThread)
{
    API_IRQL(SeImpersonateClientEx);
    PETHREAD thread = ServerThread ? ServerThread : PsGetCurrentThread();
    return PsImpersonateClient(thread, ClientContext->ClientToken, TRUE, ClientContext->SecurityQos.EffectiveOnly,
                               ClientContext->SecurityQos.ImpersonationLevel);
}

VOID SeImpersonateClient(PSECURITY_CLIENT_CONTEXT ClientContext, PETHREAD ServerThread)
{
    SeImpersonateClientEx(ClientContext, ServerThread);
}
