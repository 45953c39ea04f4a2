/* Tokens, impersonation and transactions by handle, asked for each status that their pages give. */
#include "stage.h"

static HANDLE event, token;
static UCHAR info[1024];
static ULONG length;

static void start(void)
{
    memset(&stage, 0, sizeof stage);
    succeeds(ZwCreateEvent(&event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE));
}
static void end(void) { succeeds(ZwClose(event)); }

static void a_process_has_a_token(void)
{
    start();
    succeeds(ZwOpenProcessTokenEx(ZwCurrentProcess(), TOKEN_QUERY, OBJ_KERNEL_HANDLE, &token));
    succeeds(ZwQueryInformationToken(token, TokenUser, info, sizeof info, &length));
    answers(STATUS_BUFFER_TOO_SMALL, ZwQueryInformationToken(token, TokenUser, info, 0, &length));
    answers(STATUS_INVALID_INFO_CLASS, ZwQueryInformationToken(token, 999, info, sizeof info, &length));
    answers(STATUS_OBJECT_TYPE_MISMATCH, ZwQueryInformationToken(event, TokenUser, info, sizeof info, &length));
    answers(STATUS_INVALID_HANDLE, ZwQueryInformationToken((HANDLE)0x7FF4, TokenUser, info, sizeof info, &length));
    succeeds(ZwClose(token));
    answers(STATUS_OBJECT_TYPE_MISMATCH, ZwOpenProcessTokenEx(event, TOKEN_QUERY, OBJ_KERNEL_HANDLE, &token));
    answers(STATUS_INVALID_HANDLE, ZwOpenProcessTokenEx((HANDLE)0x7FF4, TOKEN_QUERY, OBJ_KERNEL_HANDLE, &token));
    starves(STATUS_INSUFFICIENT_RESOURCES,
            ZwOpenProcessTokenEx(ZwCurrentProcess(), TOKEN_QUERY, OBJ_KERNEL_HANDLE, &token));
    end();
}

static void a_token_is_duplicated(void)
{
    HANDLE copy;
    start();
    succeeds(ZwOpenProcessToken(ZwCurrentProcess(), TOKEN_ALL_ACCESS, &token));
    succeeds(ZwDuplicateToken(token, TOKEN_QUERY, NULL, FALSE, TokenImpersonation, &copy));
    TOKEN_TYPE type;
    succeeds(ZwQueryInformationToken(copy, TokenType, &type, sizeof type, &length));
    assert_int_equal(type, TokenImpersonation);
    succeeds(ZwClose(copy));
    succeeds(ZwClose(token));
    end();
}

static void impersonate(SECURITY_IMPERSONATION_LEVEL level, PSECURITY_CLIENT_CONTEXT client)
{
    SECURITY_QUALITY_OF_SERVICE qos = {sizeof qos, level, SECURITY_STATIC_TRACKING, FALSE};
    succeeds(SeCreateClientSecurity(PsGetCurrentThread(), &qos, FALSE, client));
    succeeds(SeImpersonateClientEx(client, NULL));
}

static void a_thread_has_a_token_while_it_impersonates(void)
{
    SECURITY_CLIENT_CONTEXT client;
    BOOLEAN copy, effective;
    SECURITY_IMPERSONATION_LEVEL level;
    start();
    answers(STATUS_NO_TOKEN, ZwOpenThreadTokenEx(ZwCurrentThread(), TOKEN_QUERY, TRUE, OBJ_KERNEL_HANDLE, &token));
    assert_null(PsReferenceImpersonationToken(PsGetCurrentThread(), &copy, &effective, &level));
    impersonate(SecurityImpersonation, &client);
    assert_true(PsIsThreadImpersonating(PsGetCurrentThread()));
    succeeds(ZwOpenThreadTokenEx(ZwCurrentThread(), TOKEN_QUERY, TRUE, OBJ_KERNEL_HANDLE, &token));
    succeeds(ZwClose(token));
    succeeds(ZwOpenThreadToken(ZwCurrentThread(), TOKEN_QUERY, TRUE, &token));
    succeeds(ZwClose(token));
    PACCESS_TOKEN found = PsReferenceImpersonationToken(PsGetCurrentThread(), &copy, &effective, &level);
    assert_ptr_equal(found, client.ClientToken);
    assert_int_equal(level, SecurityImpersonation);
    assert_int_equal(SeTokenImpersonationLevel(found), SecurityImpersonation);
    PsDereferenceImpersonationToken(found);
    PsRevertToSelf();
    assert_false(PsIsThreadImpersonating(PsGetCurrentThread()));
    SeImpersonateClient(&client, NULL);
    assert_true(PsIsThreadImpersonating(PsGetCurrentThread()));
    succeeds(PsImpersonateClient(PsGetCurrentThread(), NULL, FALSE, FALSE, SecurityAnonymous));
    assert_false(PsIsThreadImpersonating(PsGetCurrentThread()));
    SeDeleteClientSecurity(&client);
    answers(STATUS_OBJECT_TYPE_MISMATCH, ZwOpenThreadTokenEx(event, TOKEN_QUERY, TRUE, OBJ_KERNEL_HANDLE, &token));
    answers(STATUS_INVALID_HANDLE, ZwOpenThreadTokenEx((HANDLE)0x7FF4, TOKEN_QUERY, TRUE, OBJ_KERNEL_HANDLE, &token));
    end();
}

static void an_anonymous_client_cannot_be_looked_at_or_passed_on(void)
{
    SECURITY_QUALITY_OF_SERVICE qos = {sizeof qos, SecurityImpersonation, SECURITY_STATIC_TRACKING, FALSE};
    SECURITY_CLIENT_CONTEXT client, second;
    SECURITY_SUBJECT_CONTEXT subject;
    start();
    impersonate(SecurityAnonymous, &client);
    answers(STATUS_CANT_OPEN_ANONYMOUS,
            ZwOpenThreadTokenEx(ZwCurrentThread(), TOKEN_QUERY, TRUE, OBJ_KERNEL_HANDLE, &token));
    answers(STATUS_BAD_IMPERSONATION_LEVEL, SeCreateClientSecurity(PsGetCurrentThread(), &qos, FALSE, &second));
    SeCaptureSubjectContextEx(PsGetCurrentThread(), PsGetCurrentProcess(), &subject);
    assert_ptr_equal(subject.ClientToken, client.ClientToken);
    answers(STATUS_BAD_IMPERSONATION_LEVEL, SeCreateClientSecurityFromSubjectContext(&subject, &qos, FALSE, &second));
    SeReleaseSubjectContext(&subject);
    PsRevertToSelf();
    SeDeleteClientSecurity(&client);
    end();
}

/* What published kernel test suites saw on Windows. */
static void a_token_answers_some_classes_by_pointer_and_others_only_by_handle(void)
{
    static const TOKEN_INFORMATION_CLASS answered[] = {TokenOwner,      TokenDefaultDacl, TokenGroups, TokenStatistics,
                                                       TokenType,       TokenUser,        TokenPrivileges},
                                         refused[] = {TokenImpersonationLevel, TokenOrigin, TokenGroupsAndPrivileges,
                                                      TokenRestrictedSids, TokenSandBoxInert};
    SECURITY_SUBJECT_CONTEXT subject;
    PVOID buffer;

    SeCaptureSubjectContext(&subject);
    SeLockSubjectContext(&subject);
    PACCESS_TOKEN mine = SeQuerySubjectContextToken(&subject);
    for (unsigned i = 0; i < ARRAYSIZE(answered); i++) {
        buffer = NULL;
        succeeds(SeQueryInformationToken(mine, answered[i], &buffer));
        assert_non_null(buffer);
        if (answered[i] == TokenOwner)
            assert_true(RtlValidSid(((PTOKEN_OWNER)buffer)->Owner));
        if (answered[i] == TokenUser)
            assert_true(RtlValidSid(((PTOKEN_USER)buffer)->User.Sid));
        if (answered[i] == TokenDefaultDacl)
            assert_true(RtlValidAcl(((PTOKEN_DEFAULT_DACL)buffer)->DefaultDacl));
        if (answered[i] == TokenType)
            assert_int_equal(*(PTOKEN_TYPE)buffer, TokenPrimary);
        PTOKEN_GROUPS groups = buffer;
        for (ULONG g = 0; answered[i] == TokenGroups && g < groups->GroupCount; g++)
            assert_true(RtlValidSid(groups->Groups[g].Sid));
        ExFreePool(buffer);
    }
    for (unsigned i = 0; i < ARRAYSIZE(refused); i++) {
        buffer = NULL;
        answers(STATUS_INVALID_INFO_CLASS, SeQueryInformationToken(mine, refused[i], &buffer));
        assert_null(buffer);
    }
    SeUnlockSubjectContext(&subject);
    SeReleaseSubjectContext(&subject);
}

static PSID sid_of(PUCHAR buffer, TOKEN_INFORMATION_CLASS kind)
{
    succeeds(ZwQueryInformationToken(token, kind, buffer, 512, &length));
    return *(PSID *)buffer; /* TOKEN_OWNER and TOKEN_PRIMARY_GROUP are a pointer each */
}

static void the_defaults_of_a_token_are_set(void)
{
    UCHAR was[512], is[512], bad[8] = {0};
    ULONG words[32];
    PACL list = (PACL)words;
    TOKEN_OWNER owner;
    TOKEN_PRIMARY_GROUP group;
    TOKEN_DEFAULT_DACL defaults = {list};
    PTOKEN_USER user = (PTOKEN_USER)info;
    HANDLE original;

    start();
    succeeds(ZwOpenProcessToken(ZwCurrentProcess(), TOKEN_ALL_ACCESS, &original));
    succeeds(ZwDuplicateToken(original, TOKEN_ALL_ACCESS, NULL, FALSE, TokenPrimary, &token));
    succeeds(ZwQueryInformationToken(token, TokenUser, info, sizeof info, &length));

    owner.Owner = user->User.Sid;
    succeeds(ZwSetInformationToken(token, TokenOwner, &owner, sizeof owner));
    assert_true(RtlEqualSid(sid_of(is, TokenOwner), user->User.Sid));
    owner.Owner = SeExports->SeAliasAdminsSid; /* its group that may own */
    succeeds(ZwSetInformationToken(token, TokenOwner, &owner, sizeof owner));
    assert_true(RtlEqualSid(sid_of(is, TokenOwner), SeExports->SeAliasAdminsSid));
    owner.Owner = SeExports->SeWorldSid; /* its group that may not */
    answers(STATUS_INVALID_OWNER, ZwSetInformationToken(token, TokenOwner, &owner, sizeof owner));
    owner.Owner = bad;
    answers(STATUS_INVALID_SID, ZwSetInformationToken(token, TokenOwner, &owner, sizeof owner));

    group.PrimaryGroup = SeExports->SeWorldSid;
    succeeds(ZwSetInformationToken(token, TokenPrimaryGroup, &group, sizeof group));
    assert_true(RtlEqualSid(sid_of(is, TokenPrimaryGroup), SeExports->SeWorldSid));
    group.PrimaryGroup = SeExports->SeDialupSid;
    answers(STATUS_INVALID_PRIMARY_GROUP, ZwSetInformationToken(token, TokenPrimaryGroup, &group, sizeof group));

    succeeds(RtlCreateAcl(list, sizeof words, ACL_REVISION));
    succeeds(RtlAddAccessAllowedAce(list, ACL_REVISION, GENERIC_READ, SeExports->SeWorldSid));
    succeeds(ZwSetInformationToken(token, TokenDefaultDacl, &defaults, sizeof defaults));
    succeeds(ZwQueryInformationToken(token, TokenDefaultDacl, is, sizeof is, &length));
    assert_int_equal(length, sizeof defaults + list->AclSize);
    assert_memory_equal(((PTOKEN_DEFAULT_DACL)is)->DefaultDacl, list, list->AclSize);
    starves(STATUS_INSUFFICIENT_RESOURCES, ZwSetInformationToken(token, TokenDefaultDacl, &defaults, sizeof defaults));
    defaults.DefaultDacl = NULL;
    succeeds(ZwSetInformationToken(token, TokenDefaultDacl, &defaults, sizeof defaults));
    succeeds(ZwQueryInformationToken(token, TokenDefaultDacl, is, sizeof is, &length));
    assert_null(((PTOKEN_DEFAULT_DACL)is)->DefaultDacl);

    answers(STATUS_INFO_LENGTH_MISMATCH, ZwSetInformationToken(token, TokenOwner, &owner, sizeof owner - 1));
    answers(STATUS_INVALID_INFO_CLASS, ZwSetInformationToken(token, TokenUser, was, sizeof was));
    answers(STATUS_INVALID_INFO_CLASS, ZwSetInformationToken(token, 999, was, sizeof was));
    answers(STATUS_OBJECT_TYPE_MISMATCH, ZwSetInformationToken(event, TokenOwner, &owner, sizeof owner));
    answers(STATUS_INVALID_HANDLE, ZwSetInformationToken((HANDLE)0x7FF4, TokenOwner, &owner, sizeof owner));
    succeeds(ZwClose(token));
    succeeds(ZwClose(original));
    end();
}

static void what_a_token_says_of_new_objects_is_theirs(void)
{
    TOKEN_OWNER owner = {SeExports->SeAliasAdminsSid};
    ULONG words[32];
    PACL list = (PACL)words, got;
    TOKEN_DEFAULT_DACL defaults = {list};
    SECURITY_SUBJECT_CONTEXT subject;
    PSECURITY_DESCRIPTOR made;
    BOOLEAN present, defaulted;
    PSID sid;
    GENERIC_MAPPING mapping = {FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE, FILE_ALL_ACCESS};

    start();
    succeeds(ZwOpenProcessToken(ZwCurrentProcess(), TOKEN_ALL_ACCESS, &token));
    succeeds(RtlCreateAcl(list, sizeof words, ACL_REVISION));
    succeeds(RtlAddAccessAllowedAce(list, ACL_REVISION, FILE_READ_DATA, SeExports->SeWorldSid));
    succeeds(ZwSetInformationToken(token, TokenOwner, &owner, sizeof owner));
    succeeds(ZwSetInformationToken(token, TokenDefaultDacl, &defaults, sizeof defaults));
    SeCaptureSubjectContext(&subject);
    succeeds(SeAssignSecurity(NULL, NULL, &made, FALSE, &subject, &mapping, PagedPool));
    succeeds(RtlGetOwnerSecurityDescriptor(made, &sid, &defaulted));
    assert_true(RtlEqualSid(sid, SeExports->SeAliasAdminsSid));
    succeeds(RtlGetDaclSecurityDescriptor(made, &present, &got, &defaulted));
    assert_true(present);
    assert_int_equal(got->AceCount, 1);
    succeeds(SeDeassignSecurity(&made));
    SeReleaseSubjectContext(&subject);
    succeeds(ZwClose(token));
    end();
}

static LONG locked, set;

static VOID set_on_thread(PVOID context)
{
    TOKEN_OWNER owner = {SeExports->SeAliasAdminsSid};
    succeeds(ZwSetInformationToken(token, TokenOwner, &owner, sizeof owner));
    InterlockedExchange(&set, TRUE);
    assert_int_equal(InterlockedCompareExchange(&locked, 0, 0), 0);
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void a_locked_subject_context_stays_as_it_is(void)
{
    SECURITY_SUBJECT_CONTEXT subject;
    LARGE_INTEGER soon = {.QuadPart = -100000};
    HANDLE thread;

    start();
    InterlockedExchange(&set, FALSE);
    succeeds(ZwOpenProcessTokenEx(ZwCurrentProcess(), TOKEN_ALL_ACCESS, OBJ_KERNEL_HANDLE, &token));
    SeCaptureSubjectContext(&subject);
    SeLockSubjectContext(&subject);
    SeLockSubjectContext(&subject); /* as often as one likes */
    InterlockedExchange(&locked, TRUE);
    succeeds(PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, set_on_thread, NULL));
    answers(STATUS_TIMEOUT, ZwWaitForSingleObject(thread, FALSE, &soon));
    assert_int_equal(InterlockedCompareExchange(&set, 0, 0), FALSE);
    SeUnlockSubjectContext(&subject);
    InterlockedExchange(&locked, FALSE);
    SeUnlockSubjectContext(&subject);
    succeeds(ZwWaitForSingleObject(thread, FALSE, NULL));
    assert_int_equal(InterlockedCompareExchange(&set, 0, 0), TRUE);
    SeReleaseSubjectContext(&subject);
    succeeds(ZwClose(thread));
    succeeds(ZwClose(token));
    end();
}

static void a_transaction_tells_its_outcome(void)
{
    TRANSACTION_BASIC_INFORMATION basic;
    HANDLE transaction;
    start();
    succeeds(ZwCreateTransaction(&transaction, TRANSACTION_ALL_ACCESS, NULL, NULL, NULL, 0, 0, 0, NULL, NULL));
    succeeds(ZwQueryInformationTransaction(transaction, TransactionBasicInformation, &basic, sizeof basic, &length));
    assert_int_equal(length, sizeof basic);
    assert_int_equal(basic.Outcome, TransactionOutcomeUndetermined);
    answers(STATUS_INVALID_INFO_CLASS, ZwQueryInformationTransaction(transaction, 99, &basic, sizeof basic, &length));
    answers(STATUS_INFO_LENGTH_MISMATCH,
            ZwQueryInformationTransaction(transaction, TransactionBasicInformation, &basic, 4, &length));
    answers(STATUS_OBJECT_TYPE_MISMATCH,
            ZwQueryInformationTransaction(event, TransactionBasicInformation, &basic, sizeof basic, &length));
    answers(STATUS_INVALID_HANDLE,
            ZwQueryInformationTransaction((HANDLE)0x7FF4, TransactionBasicInformation, &basic, sizeof basic, &length));
    succeeds(ZwClose(transaction));
    end();
}

static HANDLE enlistOnly;
static NTSTATUS asked;

static void ask(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    TRANSACTION_BASIC_INFORMATION basic;
    assert_int_equal(ExGetPreviousMode(), UserMode);
    asked = NtQueryInformationTransaction(enlistOnly, TransactionBasicInformation, &basic, sizeof basic, NULL);
}

static void a_program_needs_the_right_to_ask_of_a_transaction(void)
{
    TRANSACTION_BASIC_INFORMATION basic;
    stage_set();
    succeeds(ZwCreateTransaction(&enlistOnly, TRANSACTION_ENLIST, NULL, NULL, NULL, 0, 0, 0, NULL, NULL));
    stage_watch(IRP_MJ_CREATE, ask, NULL);
    succeeds(fltsim_close(stage_open("C:\\f")));
    stage_saw();
    assert_int_equal(asked, STATUS_ACCESS_DENIED);
    succeeds(ZwQueryInformationTransaction(enlistOnly, TransactionBasicInformation, &basic, sizeof basic, NULL));
    succeeds(ZwClose(enlistOnly));
}

static void set_owner(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    TOKEN_OWNER owner = {SeExports->SeAliasAdminsSid};
    assert_int_equal(ExGetPreviousMode(), UserMode);
    asked = NtSetInformationToken(token, TokenOwner, &owner, sizeof owner);
}

static void a_program_needs_the_right_to_change_a_token(void)
{
    static const struct {
        ACCESS_MASK access;
        NTSTATUS status;
    } rows[] = {{TOKEN_QUERY, STATUS_ACCESS_DENIED}, {TOKEN_ADJUST_DEFAULT, STATUS_SUCCESS}};
    stage_set();
    for (unsigned i = 0; i < ARRAYSIZE(rows); i++) {
        succeeds(ZwOpenProcessToken(ZwCurrentProcess(), rows[i].access, &token));
        stage_watch(IRP_MJ_CREATE, set_owner, NULL);
        succeeds(fltsim_close(stage_open("C:\\f")));
        stage_saw();
        answers(rows[i].status, asked);
        succeeds(ZwClose(token));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_process_has_a_token),
        fltsim_unit_test(a_token_is_duplicated),
        fltsim_unit_test(a_thread_has_a_token_while_it_impersonates),
        fltsim_unit_test(an_anonymous_client_cannot_be_looked_at_or_passed_on),
        fltsim_unit_test(a_token_answers_some_classes_by_pointer_and_others_only_by_handle),
        fltsim_unit_test(the_defaults_of_a_token_are_set),
        fltsim_unit_test(what_a_token_says_of_new_objects_is_theirs),
        fltsim_unit_test(a_locked_subject_context_stays_as_it_is),
        fltsim_unit_test(a_transaction_tells_its_outcome),
        fltsim_unit_test(a_program_needs_the_right_to_ask_of_a_transaction),
        fltsim_unit_test(a_program_needs_the_right_to_change_a_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
