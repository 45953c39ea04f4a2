#include <fltsim/fltsim.h>

#include "se/sep.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "ke/thread.h"

#include <cmocka.h>

static int Setup(void **state)
{
    if (machine)
        fltsim_stop(NULL);
    return fltsim_start(NULL) ? 0 : -1;
}

static int Teardown(void **state) { return (int)fltsim_stop(NULL); }

static void UserOfAProcess(void **state)
{
    PACCESS_TOKEN token = PsReferencePrimaryToken(PsGetCurrentProcess());
    PTOKEN_USER user;
    UNICODE_STRING text;
    assert_int_equal(SeQueryInformationToken(token, TokenUser, (PVOID *)&user), STATUS_SUCCESS);
    assert_true(RtlValidSid(user->User.Sid));
    assert_int_equal(RtlConvertSidToUnicodeString(&text, user->User.Sid, TRUE), STATUS_SUCCESS);
    assert_int_equal(text.Buffer[0], 'S');
    RtlFreeUnicodeString(&text);
    ExFreePool(user);
    assert_true(SeTokenIsAdmin(token));
    assert_false(SeTokenIsRestricted(token));
    assert_int_equal(SeTokenType(token), TokenPrimary);
    PsDereferencePrimaryToken(token);
}

static void SystemProcess(void **state)
{
    PACCESS_TOKEN token = PsReferencePrimaryToken(PsInitialSystemProcess);
    PTOKEN_USER user;
    LUID luid, system = SYSTEM_LUID;
    ULONG session = 7;
    assert_int_equal(SeQueryInformationToken(token, TokenUser, (PVOID *)&user), STATUS_SUCCESS);
    assert_true(RtlEqualSid(user->User.Sid, SeExports->SeLocalSystemSid));
    ExFreePool(user);
    assert_int_equal(SeQueryAuthenticationIdToken(token, &luid), STATUS_SUCCESS);
    assert_int_equal(luid.LowPart, system.LowPart);
    assert_int_equal(SeQuerySessionIdToken(token, &session), STATUS_SUCCESS);
    assert_int_equal(session, 0);
    PsDereferencePrimaryToken(token);
}

static void AProgramNeedsTheRightToOpenTokens(void **state)
{
    CLIENT_ID id = {PsGetCurrentProcessId(), NULL};
    OBJECT_ATTRIBUTES attributes;
    HANDLE process, token;
    InitializeObjectAttributes(&attributes, NULL, 0, NULL, NULL);
    assert_int_equal(ZwOpenProcess(&process, PROCESS_TERMINATE, &attributes, &id), STATUS_SUCCESS);
    KiCurrentThread()->previous_mode = UserMode;
    assert_int_equal(NtOpenProcessTokenEx(process, TOKEN_QUERY, 0, &token), STATUS_ACCESS_DENIED);
    assert_int_equal(NtOpenProcessToken(process, TOKEN_QUERY, &token), STATUS_ACCESS_DENIED);
    KiCurrentThread()->previous_mode = KernelMode;
    assert_int_equal(ZwOpenProcessTokenEx(process, TOKEN_QUERY, OBJ_KERNEL_HANDLE, &token), STATUS_SUCCESS);
    assert_int_equal(ZwClose(token), STATUS_SUCCESS);
    assert_int_equal(ZwClose(process), STATUS_SUCCESS);
}

static void InformationClasses(void **state)
{
    static const TOKEN_INFORMATION_CLASS kinds[] = {
        TokenUser,        TokenGroups,     TokenPrivileges, TokenOwner,          TokenPrimaryGroup, TokenSource,
        TokenType,        TokenElevation,  TokenStatistics, TokenElevationType,  TokenOrigin,       TokenIsAppContainer,
        TokenHasRestrictions,
    };
    HANDLE handle;
    ULONG needed;
    UCHAR buffer[1024];
    assert_int_equal(ZwOpenProcessTokenEx(NtCurrentProcess(), TOKEN_QUERY | TOKEN_QUERY_SOURCE, OBJ_KERNEL_HANDLE,
                                          &handle),
                     STATUS_SUCCESS);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        assert_int_equal(ZwQueryInformationToken(handle, kinds[i], NULL, 0, &needed), STATUS_BUFFER_TOO_SMALL);
        assert_int_equal(ZwQueryInformationToken(handle, kinds[i], buffer, needed - 1, &needed),
                         STATUS_BUFFER_TOO_SMALL);
        assert_int_equal(ZwQueryInformationToken(handle, kinds[i], buffer, needed, &needed), STATUS_SUCCESS);
    }
    assert_int_equal(ZwQueryInformationToken(handle, TokenIntegrityLevel, buffer, sizeof buffer, &needed), 0);
    PTOKEN_MANDATORY_LABEL label = (PVOID)buffer;
    assert_true(RtlEqualSid(label->Label.Sid, SeExports->SeHighMandatorySid));
    assert_int_equal(ZwQueryInformationToken(handle, 99, buffer, sizeof buffer, &needed), STATUS_INVALID_INFO_CLASS);
    assert_int_equal(ZwQueryInformationToken(NULL, TokenUser, buffer, sizeof buffer, &needed), STATUS_INVALID_HANDLE);
    ZwClose(handle);
}

static void SubjectContexts(void **state)
{
    SECURITY_SUBJECT_CONTEXT subject;
    SeCaptureSubjectContext(&subject);
    assert_null(subject.ClientToken);
    assert_ptr_equal(SeQuerySubjectContextToken(&subject), subject.PrimaryToken);
    SeLockSubjectContext(&subject);
    SeUnlockSubjectContext(&subject);
    SeReleaseSubjectContext(&subject);
    assert_null(subject.PrimaryToken);
}

static void Impersonates(void **state)
{
    SECURITY_QUALITY_OF_SERVICE qos = {sizeof qos, SecurityImpersonation, SECURITY_STATIC_TRACKING, FALSE};
    SECURITY_CLIENT_CONTEXT client;
    SECURITY_SUBJECT_CONTEXT subject;
    SE_IMPERSONATION_STATE saved;
    assert_int_equal(SeCreateClientSecurity(PsGetCurrentThread(), &qos, FALSE, &client), STATUS_SUCCESS);
    assert_int_equal(SeTokenType(client.ClientToken), TokenImpersonation);
    assert_int_equal(SeImpersonateClientEx(&client, NULL), STATUS_SUCCESS);
    SeCaptureSubjectContext(&subject);
    assert_ptr_equal(subject.ClientToken, client.ClientToken);
    assert_int_equal(subject.ImpersonationLevel, SecurityImpersonation);
    SeReleaseSubjectContext(&subject);
    assert_true(PsDisableImpersonation(PsGetCurrentThread(), &saved));
    SeCaptureSubjectContext(&subject);
    assert_null(subject.ClientToken);
    SeReleaseSubjectContext(&subject);
    PsRestoreImpersonation(PsGetCurrentThread(), &saved);
    HANDLE handle;
    assert_int_equal(ZwOpenThreadTokenEx(NtCurrentThread(), TOKEN_QUERY, TRUE, OBJ_KERNEL_HANDLE, &handle), 0);
    ZwClose(handle);
    PsRevertToSelf();
    assert_int_equal(ZwOpenThreadTokenEx(NtCurrentThread(), TOKEN_QUERY, TRUE, OBJ_KERNEL_HANDLE, &handle),
                     STATUS_NO_TOKEN);
    SeDeleteClientSecurity(&client);
}

static void Privileges(void **state)
{
    PRIVILEGE_SET set = {1, PRIVILEGE_SET_ALL_NECESSARY, {{{SE_CHANGE_NOTIFY_PRIVILEGE, 0}, 0}}};
    SECURITY_SUBJECT_CONTEXT subject;
    SeCaptureSubjectContext(&subject);
    assert_true(SePrivilegeCheck(&set, &subject, UserMode));
    set.Privilege[0].Luid.LowPart = SE_TCB_PRIVILEGE;
    assert_false(SePrivilegeCheck(&set, &subject, UserMode));
    assert_true(SePrivilegeCheck(&set, &subject, KernelMode));
    SeReleaseSubjectContext(&subject);
    assert_true(SeSinglePrivilegeCheck(SeExports->SeTcbPrivilege, KernelMode));
    assert_false(SeSinglePrivilegeCheck(SeExports->SeTcbPrivilege, UserMode));
}

/* ---- access ---- */

struct guarded {
    SECURITY_DESCRIPTOR descriptor;
    ULONG list[64];
};

static PSECURITY_DESCRIPTOR Guard(struct guarded *g, PSID owner, ACCESS_MASK allowed, PSID to, ACCESS_MASK denied,
                                  PSID from)
{
    PACL list = (PACL)g->list;
    RtlCreateSecurityDescriptor(&g->descriptor, SECURITY_DESCRIPTOR_REVISION);
    RtlCreateAcl(list, sizeof g->list, ACL_REVISION);
    if (from)
        RtlAddAccessDeniedAce(list, ACL_REVISION, denied, from);
    if (to)
        RtlAddAccessAllowedAce(list, ACL_REVISION, allowed, to);
    RtlSetDaclSecurityDescriptor(&g->descriptor, TRUE, list, FALSE);
    RtlSetOwnerSecurityDescriptor(&g->descriptor, owner, FALSE);
    return &g->descriptor;
}

static NTSTATUS Check(PSECURITY_DESCRIPTOR descriptor, ACCESS_MASK desired, KPROCESSOR_MODE mode, PACCESS_MASK granted)
{
    SECURITY_SUBJECT_CONTEXT subject;
    NTSTATUS status;
    SeCaptureSubjectContext(&subject);
    BOOLEAN allowed = SeAccessCheck(descriptor, &subject, FALSE, desired, 0, NULL, IoGetFileObjectGenericMapping(), mode,
                                    granted, &status);
    SeReleaseSubjectContext(&subject);
    assert_int_equal(allowed, NT_SUCCESS(status));
    return status;
}

static void AccessChecks(void **state)
{
    struct guarded g;
    ACCESS_MASK granted;
    PSID system = SeExports->SeLocalSystemSid, admins = SeExports->SeAliasAdminsSid, world = SeExports->SeWorldSid;
    PSECURITY_DESCRIPTOR d = Guard(&g, system, FILE_READ_DATA | FILE_WRITE_DATA, world, FILE_WRITE_DATA, admins);
    assert_int_equal(Check(d, FILE_READ_DATA, UserMode, &granted), STATUS_SUCCESS);
    assert_int_equal(granted, FILE_READ_DATA);
    assert_int_equal(Check(d, FILE_WRITE_DATA, UserMode, &granted), STATUS_ACCESS_DENIED);
    assert_int_equal(granted, 0);
    assert_int_equal(Check(d, FILE_EXECUTE, UserMode, &granted), STATUS_ACCESS_DENIED);
    assert_int_equal(Check(d, GENERIC_WRITE, KernelMode, &granted), STATUS_SUCCESS);
    assert_int_equal(granted, FILE_GENERIC_WRITE);
    assert_int_equal(Check(d, MAXIMUM_ALLOWED, UserMode, &granted), STATUS_SUCCESS);
    assert_int_equal(granted, FILE_READ_DATA);
    assert_int_equal(Check(d, ACCESS_SYSTEM_SECURITY, UserMode, &granted), STATUS_PRIVILEGE_NOT_HELD);
    /* The owner may always read and change the list. */
    d = Guard(&g, admins, 0, NULL, 0, NULL);
    assert_int_equal(Check(d, READ_CONTROL | WRITE_DAC, UserMode, &granted), STATUS_SUCCESS);
    assert_int_equal(Check(d, FILE_READ_DATA, UserMode, &granted), STATUS_ACCESS_DENIED);
    /* No list protects nothing. */
    RtlSetDaclSecurityDescriptor(&g.descriptor, FALSE, NULL, FALSE);
    assert_int_equal(Check(d, FILE_ALL_ACCESS, UserMode, &granted), STATUS_SUCCESS);
}

static NTSTATUS CheckAs(PACCESS_TOKEN token, PSECURITY_DESCRIPTOR descriptor, ACCESS_MASK desired, PPRIVILEGE_SET *privileges)
{
    SECURITY_SUBJECT_CONTEXT subject = {.PrimaryToken = token};
    ACCESS_MASK granted;
    NTSTATUS status;
    BOOLEAN allowed = SeAccessCheck(descriptor, &subject, FALSE, desired, 0, privileges, IoGetFileObjectGenericMapping(),
                                    UserMode, &granted, &status);
    assert_int_equal(allowed, NT_SUCCESS(status));
    return status;
}

static void PrivilegesThatGrantAreTold(void **state)
{
    struct guarded g;
    PPRIVILEGE_SET privileges;
    PACCESS_TOKEN token = PsReferencePrimaryToken(PsInitialSystemProcess);
    PSECURITY_DESCRIPTOR d = Guard(&g, SeExports->SeAliasAdminsSid, FILE_READ_DATA, SeExports->SeWorldSid, 0, NULL);
    assert_int_equal(CheckAs(token, d, ACCESS_SYSTEM_SECURITY | FILE_READ_DATA, &privileges), STATUS_SUCCESS);
    assert_non_null(privileges);
    assert_int_equal(privileges->PrivilegeCount, 1);
    assert_int_equal(privileges->Privilege[0].Luid.LowPart, SE_SECURITY_PRIVILEGE);
    assert_int_equal(privileges->Privilege[0].Attributes, SE_PRIVILEGE_USED_FOR_ACCESS);
    SeFreePrivileges(privileges);
    assert_int_equal(CheckAs(token, d, FILE_READ_DATA, &privileges), STATUS_SUCCESS);
    assert_null(privileges);
    PsDereferencePrimaryToken(token);
}

static void RestrictingSidsMustPassTheCheckToo(void **state)
{
    struct guarded g;
    PSID world = SeExports->SeWorldSid, users = SeExports->SeAliasUsersSid, admins = SeExports->SeAliasAdminsSid;
    struct {
        TOKEN_GROUPS groups;
    } by_users = {{1, {{users, 0}}}}, by_admins = {{1, {{admins, 0}}}};
    PACCESS_TOKEN token = PsReferencePrimaryToken(PsGetCurrentProcess()), less, writes, none;
    assert_int_equal(SeFilterToken(token, 0, NULL, NULL, &by_users.groups, &less), STATUS_SUCCESS);
    assert_int_equal(SeFilterToken(token, WRITE_RESTRICTED, NULL, NULL, &by_users.groups, &writes), STATUS_SUCCESS);
    assert_int_equal(SeFilterToken(less, 0, NULL, NULL, &by_admins.groups, &none), STATUS_SUCCESS);
    PSECURITY_DESCRIPTOR d = Guard(&g, admins, FILE_READ_DATA | FILE_WRITE_DATA, world, 0, NULL);
    assert_int_equal(CheckAs(token, d, FILE_WRITE_DATA, NULL), STATUS_SUCCESS);
    assert_int_equal(CheckAs(less, d, FILE_READ_DATA, NULL), STATUS_ACCESS_DENIED);
    assert_int_equal(CheckAs(writes, d, FILE_READ_DATA, NULL), STATUS_SUCCESS);
    assert_int_equal(CheckAs(writes, d, FILE_WRITE_DATA, NULL), STATUS_ACCESS_DENIED);
    d = Guard(&g, admins, FILE_READ_DATA | FILE_WRITE_DATA, users, 0, NULL);
    assert_int_equal(CheckAs(less, d, FILE_READ_DATA, NULL), STATUS_SUCCESS);
    assert_int_equal(CheckAs(writes, d, FILE_WRITE_DATA, NULL), STATUS_SUCCESS);
    assert_int_equal(CheckAs(none, d, FILE_READ_DATA, NULL), STATUS_ACCESS_DENIED);
    ObDereferenceObject(none);
    ObDereferenceObject(writes);
    ObDereferenceObject(less);
    PsDereferencePrimaryToken(token);
}

static ULONG CountOf(HANDLE token, TOKEN_INFORMATION_CLASS kind)
{
    union {
        TOKEN_PRIVILEGES privileges;
        TOKEN_GROUPS groups;
        UCHAR bytes[2048];
    } info;
    ULONG length;
    assert_int_equal(ZwQueryInformationToken(token, kind, &info, sizeof info, &length), STATUS_SUCCESS);
    const LUID_AND_ATTRIBUTES *each = info.privileges.Privileges; /* as many as counted, whatever its type says */
    for (ULONG i = 0; kind == TokenPrivileges && i < info.privileges.PrivilegeCount; i++)
        length += each[i].Attributes & SE_PRIVILEGE_ENABLED ? 0x10000 : 0;
    ULONG count = kind == TokenPrivileges ? info.privileges.PrivilegeCount : info.groups.GroupCount;
    return count | (length & 0xffff0000);
}

static void AnEffectiveCopyHasOnlyWhatIsEnabled(void **state)
{
    OBJECT_ATTRIBUTES attributes;
    HANDLE token, copy, effective;
    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    assert_int_equal(ZwOpenProcessTokenEx(NtCurrentProcess(), TOKEN_ALL_ACCESS, OBJ_KERNEL_HANDLE, &token), STATUS_SUCCESS);
    assert_int_equal(ZwDuplicateToken(token, 0, &attributes, FALSE, TokenPrimary, &copy), STATUS_SUCCESS);
    assert_int_equal(ZwDuplicateToken(token, 0, &attributes, TRUE, TokenPrimary, &effective), STATUS_SUCCESS);
    ULONG all = CountOf(token, TokenPrivileges), enabled = all >> 16;
    assert_true((all & 0xffff) > enabled);
    assert_int_equal(CountOf(copy, TokenPrivileges), all);
    assert_int_equal(CountOf(effective, TokenPrivileges), enabled | enabled << 16);
    assert_int_equal(CountOf(effective, TokenGroups), CountOf(token, TokenGroups)); /* all of them are on */
    ZwClose(effective);
    ZwClose(copy);
    ZwClose(token);
}

static void Descriptors(void **state)
{
    struct guarded g;
    UCHAR buffer[512];
    ULONG length = 0;
    SECURITY_INFORMATION want = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    PSECURITY_DESCRIPTOR d = Guard(&g, SeExports->SeWorldSid, FILE_READ_DATA, SeExports->SeWorldSid, 0, NULL), made;
    assert_int_equal(SeQuerySecurityDescriptorInfo(&want, buffer, &length, &d), STATUS_BUFFER_TOO_SMALL);
    assert_true(length <= sizeof buffer);
    assert_int_equal(SeQuerySecurityDescriptorInfo(&want, buffer, &length, &d), STATUS_SUCCESS);
    assert_true(RtlValidRelativeSecurityDescriptor(buffer, length, want));
    SECURITY_SUBJECT_CONTEXT subject;
    SeCaptureSubjectContext(&subject);
    assert_int_equal(SeAssignSecurity(NULL, NULL, &made, FALSE, &subject, IoGetFileObjectGenericMapping(), PagedPool),
                     STATUS_SUCCESS);
    assert_true(RtlValidSecurityDescriptor(made));
    assert_int_equal(SeDeassignSecurity(&made), STATUS_SUCCESS);
    assert_null(made);
    SeReleaseSubjectContext(&subject);
}

static void FilteredTokens(void **state)
{
    struct {
        TOKEN_GROUPS groups;
    } disable = {{1, {{SeExports->SeAliasAdminsSid, 0}}}};
    PACCESS_TOKEN token = PsReferencePrimaryToken(PsGetCurrentProcess()), less;
    assert_int_equal(SeFilterToken(token, DISABLE_MAX_PRIVILEGE, &disable.groups, NULL, NULL, &less), STATUS_SUCCESS);
    assert_false(SeTokenIsAdmin(less));
    assert_true(SeTokenIsAdmin(token));
    ObDereferenceObject(less);
    PsDereferencePrimaryToken(token);
}

static void RestrictingSidsHaveNoAttributes(void **state)
{
    struct {
        TOKEN_GROUPS groups;
    } restricting = {{1, {{SeExports->SeAliasAdminsSid, SE_GROUP_ENABLED}}}};
    PACCESS_TOKEN token = PsReferencePrimaryToken(PsGetCurrentProcess()), less = NULL;
    assert_int_equal(SeFilterToken(token, 0, NULL, NULL, &restricting.groups, &less), STATUS_INVALID_PARAMETER);
    restricting.groups.Groups[0].Attributes = 0;
    assert_int_equal(SeFilterToken(token, 0, NULL, NULL, &restricting.groups, &less), STATUS_SUCCESS);
    assert_true(SeTokenIsRestricted(less));
    assert_int_equal(ObReferenceObjectByPointer(less, 0, *SeTokenObjectType, KernelMode), STATUS_SUCCESS);
    assert_int_equal(ObReferenceObjectByPointer(less, 0, *IoFileObjectType, KernelMode), STATUS_OBJECT_TYPE_MISMATCH);
    ObDereferenceObject(less);
    ObDereferenceObject(less);
    PsDereferencePrimaryToken(token);
}

/* From a token of `level` (SecurityAnonymous: a primary one) a copy of `type` that asks for `wanted`; ASK_NOTHING: without. */
enum { PRIMARY = -1, ASK_NOTHING = -1 };

static void CopiesOfTokens(void **state)
{
    static const struct {
        int level;
        TOKEN_TYPE type;
        int wanted;
        NTSTATUS expected;
        int got;
    } cases[] = {
        {PRIMARY, TokenPrimary, ASK_NOTHING, STATUS_SUCCESS, PRIMARY},
        {PRIMARY, TokenImpersonation, ASK_NOTHING, STATUS_SUCCESS, SecurityImpersonation},
        {PRIMARY, TokenImpersonation, SecurityDelegation, STATUS_SUCCESS, SecurityDelegation},
        {PRIMARY, (TOKEN_TYPE)7, ASK_NOTHING, STATUS_INVALID_PARAMETER, 0},
        {PRIMARY, TokenImpersonation, 9, STATUS_INVALID_PARAMETER, 0},
        {SecurityIdentification, TokenImpersonation, ASK_NOTHING, STATUS_SUCCESS, SecurityIdentification},
        {SecurityIdentification, TokenImpersonation, SecurityAnonymous, STATUS_SUCCESS, SecurityAnonymous},
        {SecurityIdentification, TokenImpersonation, SecurityImpersonation, STATUS_BAD_IMPERSONATION_LEVEL, 0},
        {SecurityIdentification, TokenPrimary, ASK_NOTHING, STATUS_BAD_IMPERSONATION_LEVEL, 0},
        {SecurityImpersonation, TokenPrimary, ASK_NOTHING, STATUS_SUCCESS, PRIMARY},
    };
    HANDLE primary;
    assert_int_equal(ZwOpenProcessTokenEx(NtCurrentProcess(), TOKEN_ALL_ACCESS, OBJ_KERNEL_HANDLE, &primary),
                     STATUS_SUCCESS);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        SECURITY_QUALITY_OF_SERVICE qos = {sizeof qos, (SECURITY_IMPERSONATION_LEVEL)cases[i].level, 0, FALSE};
        OBJECT_ATTRIBUTES attributes;
        HANDLE source = primary, copy;
        ULONG length;
        InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
        attributes.SecurityQualityOfService = &qos;
        if (cases[i].level != PRIMARY)
            assert_int_equal(ZwDuplicateToken(primary, 0, &attributes, FALSE, TokenImpersonation, &source), STATUS_SUCCESS);
        qos.ImpersonationLevel = (SECURITY_IMPERSONATION_LEVEL)cases[i].wanted;
        attributes.SecurityQualityOfService = cases[i].wanted == ASK_NOTHING ? NULL : &qos;
        assert_int_equal(ZwDuplicateToken(source, 0, &attributes, FALSE, cases[i].type, &copy), cases[i].expected);
        if (NT_SUCCESS(cases[i].expected)) {
            TOKEN_TYPE type;
            SECURITY_IMPERSONATION_LEVEL level;
            assert_int_equal(NtQueryInformationToken(copy, TokenType, &type, sizeof type, &length), STATUS_SUCCESS);
            assert_int_equal(type, cases[i].type);
            if (cases[i].got != PRIMARY) {
                assert_int_equal(
                    NtQueryInformationToken(copy, TokenImpersonationLevel, &level, sizeof level, &length),
                    STATUS_SUCCESS);
                assert_int_equal(level, cases[i].got);
            }
            ZwClose(copy);
        }
        if (source != primary)
            ZwClose(source);
    }
    KiCurrentThread()->previous_mode = UserMode; /* a kernel handle */
    TOKEN_TYPE type;
    ULONG length;
    assert_int_equal(NtQueryInformationToken(primary, TokenType, &type, sizeof type, &length), STATUS_INVALID_HANDLE);
    assert_int_equal(NtOpenThreadTokenEx(NtCurrentThread(), TOKEN_QUERY, FALSE, 0, &primary), STATUS_NO_TOKEN);
    KiCurrentThread()->previous_mode = KernelMode;
    assert_int_equal(NtOpenThreadTokenEx(NtCurrentThread(), TOKEN_QUERY, FALSE, OBJ_KERNEL_HANDLE, &primary),
                     STATUS_NO_TOKEN);
    ZwClose(primary);
}

static void ImageNames(void **state)
{
    PUNICODE_STRING name;
    struct fltsim_volume *volume;
    static const WCHAR expected[] = u"\\Device\\HarddiskVolume1\\Windows\\notepad.exe";
    UNICODE_STRING wanted = {sizeof expected - 2, sizeof expected, (PWSTR)expected};
    fltsim_mount(NULL, &volume);
    struct fltsim_process *process = fltsim_process_create("C:\\Windows\\notepad.exe");
    fltsim_impersonate(process);
    assert_int_equal(SeLocateProcessImageName(PsGetCurrentProcess(), &name), STATUS_SUCCESS);
    assert_true(RtlEqualUnicodeString(name, &wanted, FALSE));
    ExFreePool(name);
    fltsim_impersonate(NULL);
    fltsim_process_exit(process);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, Setup, Teardown)
    const struct CMUnitTest tests[] = {
        CASE(UserOfAProcess), CASE(SystemProcess),  CASE(AProgramNeedsTheRightToOpenTokens), CASE(SubjectContexts),
        CASE(UserOfAProcess), CASE(SystemProcess),  CASE(InformationClasses), CASE(SubjectContexts),
        CASE(Impersonates),   CASE(Privileges),     CASE(AccessChecks),       CASE(Descriptors),
        CASE(PrivilegesThatGrantAreTold), CASE(RestrictingSidsMustPassTheCheckToo), CASE(AnEffectiveCopyHasOnlyWhatIsEnabled),
        CASE(FilteredTokens), CASE(RestrictingSidsHaveNoAttributes), CASE(CopiesOfTokens), CASE(ImageNames),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
