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

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_process_has_a_token),
        fltsim_unit_test(a_token_is_duplicated),
        fltsim_unit_test(a_thread_has_a_token_while_it_impersonates),
        fltsim_unit_test(an_anonymous_client_cannot_be_looked_at_or_passed_on),
        fltsim_unit_test(a_transaction_tells_its_outcome),
        fltsim_unit_test(a_program_needs_the_right_to_ask_of_a_transaction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
