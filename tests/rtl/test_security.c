/* SIDs, access control lists, security descriptors. */
#include "rtl_test.h"

/* As a driver does: no published header has it. */
NTSTATUS RtlAddAuditAccessAceEx(PACL Acl, ULONG AceRevision, ULONG AceFlags, ACCESS_MASK AccessMask, PSID Sid,
                                BOOLEAN AuditSuccess, BOOLEAN AuditFailure);
NTSTATUS RtlAddMandatoryAce(PACL Acl, ULONG AceRevision, ULONG AceFlags, PSID Sid, UCHAR AceType, ACCESS_MASK AccessMask);

struct small_sid {
    SID sid;
    ULONG more[3];
};

static PSID make_sid(struct small_sid *s, UCHAR authority, int count, ULONG a, ULONG b)
{
    SID_IDENTIFIER_AUTHORITY who = {{0, 0, 0, 0, 0, authority}};
    assert_int_equal(RtlInitializeSid(s, &who, (UCHAR)count), STATUS_SUCCESS);
    *RtlSubAuthoritySid(s, 0) = a;
    if (count > 1)
        *RtlSubAuthoritySid(s, 1) = b;
    return s;
}

static void a_sid_is_printed(void **state)
{
    struct small_sid s;
    UNICODE_STRING text;
    make_sid(&s, 5, 2, SECURITY_BUILTIN_DOMAIN_RID, DOMAIN_ALIAS_RID_ADMINS);
    assert_int_equal(RtlConvertSidToUnicodeString(&text, &s, TRUE), STATUS_SUCCESS);
    assert_wide(&text, u"S-1-5-32-544");
    RtlFreeUnicodeString(&text);
    UNICODE_STRING small = ROOM(4);
    assert_int_equal(RtlConvertSidToUnicodeString(&small, &s, FALSE), STATUS_BUFFER_OVERFLOW);
}

static void sids_are_compared_and_copied(void **state)
{
    struct small_sid a, b, c;
    make_sid(&a, 5, 2, 32, 544);
    make_sid(&b, 5, 2, 32, 545);
    assert_false(RtlEqualSid(&a, &b));
    assert_true(RtlEqualPrefixSid(&a, &b));
    assert_int_equal(RtlLengthSid(&a), 16);
    assert_int_equal(RtlLengthRequiredSid(2), 16);
    assert_int_equal(RtlCopySid(15, &c, &a), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(RtlCopySid(16, &c, &a), STATUS_SUCCESS);
    assert_true(RtlEqualSid(&a, &c));
    a.sid.Revision = 2;
    assert_false(RtlValidSid(&a));
}

static void entries_are_added_until_the_list_is_full(void **state)
{
    ULONG memory[16];
    PACL acl = (PACL)memory;
    struct small_sid s;
    ACCESS_ALLOWED_ACE *ace;
    make_sid(&s, 5, 2, 32, 544);
    assert_int_equal(RtlCreateAcl(acl, 4, ACL_REVISION), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(RtlCreateAcl(acl, sizeof(ACL) + 24, 9), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlCreateAcl(acl, sizeof(ACL) + 24, ACL_REVISION), STATUS_SUCCESS);
    assert_int_equal(RtlAddAccessAllowedAce(acl, ACL_REVISION, GENERIC_ALL, &s), STATUS_SUCCESS);
    assert_int_equal(RtlAddAccessAllowedAce(acl, ACL_REVISION, GENERIC_ALL, &s), STATUS_ALLOTTED_SPACE_EXCEEDED);
    assert_int_equal(RtlGetAce(acl, 0, (PVOID *)&ace), STATUS_SUCCESS);
    assert_int_equal(ace->Mask, GENERIC_ALL);
    assert_true(RtlEqualSid(&ace->SidStart, &s));
    assert_int_equal(RtlGetAce(acl, 1, (PVOID *)&ace), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlDeleteAce(acl, 0), STATUS_SUCCESS);
    assert_int_equal(acl->AceCount, 0);
}

static void a_descriptor_goes_to_the_self_relative_form_and_back(void **state)
{
    SECURITY_DESCRIPTOR sd, again;
    struct small_sid owner, owner_copy, group_copy;
    ULONG acl_memory[16], acl_copy[16], relative[32];
    BOOLEAN present, defaulted;
    PACL dacl;
    PSID found;
    make_sid(&owner, 5, 1, 18, 0);
    RtlCreateAcl((PACL)acl_memory, sizeof acl_memory, ACL_REVISION);
    RtlAddAccessAllowedAce((PACL)acl_memory, ACL_REVISION, GENERIC_READ, &owner);
    assert_int_equal(RtlCreateSecurityDescriptor(&sd, 2), STATUS_UNKNOWN_REVISION);
    assert_int_equal(RtlCreateSecurityDescriptor(&sd, SECURITY_DESCRIPTOR_REVISION), STATUS_SUCCESS);
    assert_int_equal(RtlSetDaclSecurityDescriptor(&sd, TRUE, (PACL)acl_memory, FALSE), STATUS_SUCCESS);
    assert_int_equal(RtlSetOwnerSecurityDescriptor(&sd, &owner, FALSE), STATUS_SUCCESS);
    assert_true(RtlValidSecurityDescriptor(&sd));

    ULONG length = 4;
    assert_int_equal(RtlAbsoluteToSelfRelativeSD(&sd, relative, &length), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(length, sizeof(SECURITY_DESCRIPTOR_RELATIVE) + 64 + 12);
    assert_int_equal(RtlAbsoluteToSelfRelativeSD(&sd, relative, &length), STATUS_SUCCESS);
    assert_int_equal(RtlLengthSecurityDescriptor(relative), length);
    assert_true(RtlValidRelativeSecurityDescriptor(relative, length, OWNER_SECURITY_INFORMATION));
    assert_false(RtlValidRelativeSecurityDescriptor(relative, length, GROUP_SECURITY_INFORMATION));
    assert_int_equal(RtlGetDaclSecurityDescriptor(relative, &present, &dacl, &defaulted), STATUS_SUCCESS);
    assert_true(present);
    assert_memory_equal(dacl, acl_memory, 64);

    ULONG sizes[] = {sizeof again, sizeof acl_copy, 0, sizeof owner_copy, sizeof group_copy};
    assert_int_equal(RtlSelfRelativeToAbsoluteSD(relative, &again, &sizes[0], (PACL)acl_copy, &sizes[1], NULL,
                                                 &sizes[2], &owner_copy, &sizes[3], &group_copy, &sizes[4]),
                     STATUS_SUCCESS);
    assert_int_equal(RtlGetOwnerSecurityDescriptor(&again, &found, &defaulted), STATUS_SUCCESS);
    assert_true(RtlEqualSid(found, &owner));
}

static void generic_rights_become_specific_ones(void **state)
{
    const GENERIC_MAPPING mapping = {1, 2, 4, 8};
    ACCESS_MASK mask = GENERIC_READ | GENERIC_ALL | 0x100;
    RtlMapGenericMask(&mask, &mapping);
    assert_int_equal(mask, 0x109);
}

static void entries_of_each_kind_are_added(void **state)
{
    ULONG memory[64], list[16];
    PACL acl = (PACL)memory, other = (PACL)list;
    struct small_sid s;
    ACE_HEADER *ace;
    make_sid(&s, 5, 2, 32, 544);
    RtlCreateAcl(acl, sizeof memory, ACL_REVISION);
    assert_int_equal(RtlAddAccessAllowedAceEx(acl, ACL_REVISION, CONTAINER_INHERIT_ACE, 1, &s), STATUS_SUCCESS);
    assert_int_equal(RtlAddAccessDeniedAce(acl, ACL_REVISION, 2, &s), STATUS_SUCCESS);
    assert_int_equal(RtlAddAuditAccessAceEx(acl, ACL_REVISION, 0, 4, &s, TRUE, FALSE), STATUS_SUCCESS);
    assert_int_equal(RtlAddMandatoryAce(acl, ACL_REVISION, 0, &s, SYSTEM_MANDATORY_LABEL_ACE_TYPE, 1), STATUS_SUCCESS);
    assert_int_equal(RtlAddMandatoryAce(acl, ACL_REVISION, 0, &s, 0, 1), STATUS_INVALID_PARAMETER);
    static const UCHAR types[] = {ACCESS_ALLOWED_ACE_TYPE, ACCESS_DENIED_ACE_TYPE, SYSTEM_AUDIT_ACE_TYPE,
                                  SYSTEM_MANDATORY_LABEL_ACE_TYPE};
    for (ULONG i = 0; i < 4; i++) {
        assert_int_equal(RtlGetAce(acl, i, (PVOID *)&ace), STATUS_SUCCESS);
        assert_int_equal(ace->AceType, types[i]);
    }
    RtlCreateAcl(other, sizeof list, ACL_REVISION);
    RtlGetAce(acl, 1, (PVOID *)&ace);
    assert_int_equal(RtlAddAce(other, ACL_REVISION, 0, ace, ace->AceSize), STATUS_SUCCESS);
    assert_int_equal(RtlAddAce(other, ACL_REVISION, MAXULONG, ace, ace->AceSize), STATUS_SUCCESS);
    assert_int_equal(RtlAddAce(other, ACL_REVISION, 0, ace, ace->AceSize), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(RtlAddAce(other, ACL_REVISION, 0, ace, 3), STATUS_INVALID_PARAMETER);
    assert_int_equal(other->AceCount, 2);
    assert_true(RtlValidAcl(other));
}

static void bad_lists_and_sids_are_refused(void **state)
{
    ULONG memory[16];
    PACL acl = (PACL)memory;
    struct small_sid s, bad;
    make_sid(&s, 5, 1, 18, 0);
    make_sid(&bad, 5, 1, 18, 0);
    bad.sid.Revision = 7;
    RtlCreateAcl(acl, sizeof memory, ACL_REVISION);
    assert_int_equal(RtlAddAccessAllowedAce(acl, ACL_REVISION, 1, &bad), STATUS_INVALID_SID);
    assert_int_equal(RtlAddAccessAllowedAce(acl, 99, 1, &s), STATUS_REVISION_MISMATCH);
    assert_int_equal(RtlAddAccessAllowedAceEx(acl, ACL_REVISION, 0x20, 1, &s), STATUS_INVALID_PARAMETER);
    RtlAddAccessAllowedAce(acl, ACL_REVISION, 1, &s);
    ((ACE_HEADER *)(acl + 1))->AceSize = 1000;
    assert_int_equal(RtlAddAccessAllowedAce(acl, ACL_REVISION, 1, &s), STATUS_INVALID_ACL);
    assert_false(RtlValidAcl(acl));
    UNICODE_STRING text;
    assert_int_equal(RtlConvertSidToUnicodeString(&text, &bad, TRUE), STATUS_INVALID_SID);
}

static void a_sid_is_allocated_and_freed(void **state)
{
    SID_IDENTIFIER_AUTHORITY nt = {SECURITY_NT_AUTHORITY};
    PSID sid;
    assert_int_equal(RtlAllocateAndInitializeSid(&nt, 2, 32, 544, 0, 0, 0, 0, 0, 0, &sid), STATUS_SUCCESS);
    assert_int_equal(*RtlSubAuthorityCountSid(sid), 2);
    assert_memory_equal(RtlIdentifierAuthoritySid(sid), &nt, sizeof nt);
    assert_null(RtlFreeSid(sid));
    assert_int_equal(RtlAllocateAndInitializeSid(&nt, 9, 0, 0, 0, 0, 0, 0, 0, 0, &sid), STATUS_INVALID_SID);
}

static void parts_of_a_descriptor_are_set_and_got(void **state)
{
    SECURITY_DESCRIPTOR sd;
    ULONG memory[16], relative[32], length = sizeof relative, revision;
    struct small_sid group;
    BOOLEAN present, defaulted;
    SECURITY_DESCRIPTOR_CONTROL control;
    PACL acl;
    PSID found;
    make_sid(&group, 5, 1, 18, 0);
    RtlCreateAcl((PACL)memory, sizeof memory, ACL_REVISION);
    RtlCreateSecurityDescriptor(&sd, SECURITY_DESCRIPTOR_REVISION);
    assert_int_equal(RtlSetSaclSecurityDescriptor(&sd, TRUE, (PACL)memory, TRUE), STATUS_SUCCESS);
    assert_int_equal(RtlGetSaclSecurityDescriptor(&sd, &present, &acl, &defaulted), STATUS_SUCCESS);
    assert_true(present && defaulted && acl == (PACL)memory);
    assert_int_equal(RtlSetGroupSecurityDescriptor(&sd, &group, TRUE), STATUS_SUCCESS);
    assert_int_equal(RtlGetGroupSecurityDescriptor(&sd, &found, &defaulted), STATUS_SUCCESS);
    assert_true(found == &group && defaulted);
    assert_int_equal(RtlGetControlSecurityDescriptor(&sd, &control, &revision), STATUS_SUCCESS);
    assert_int_equal(control, SE_SACL_PRESENT | SE_SACL_DEFAULTED | SE_GROUP_DEFAULTED);
    assert_int_equal(RtlAbsoluteToSelfRelativeSD(&sd, relative, &length), STATUS_SUCCESS);
    assert_int_equal(RtlAbsoluteToSelfRelativeSD(relative, &sd, &length), STATUS_BAD_DESCRIPTOR_FORMAT);
    assert_int_equal(RtlSetDaclSecurityDescriptor(relative, TRUE, acl, FALSE), STATUS_INVALID_SECURITY_DESCR);
    assert_int_equal(RtlSetOwnerSecurityDescriptor(relative, &group, FALSE), STATUS_INVALID_SECURITY_DESCR);
    sd.Revision = 9;
    assert_int_equal(RtlSetDaclSecurityDescriptor(&sd, TRUE, acl, FALSE), STATUS_UNKNOWN_REVISION);
    assert_int_equal(RtlSetOwnerSecurityDescriptor(&sd, &group, FALSE), STATUS_UNKNOWN_REVISION);
    assert_int_equal(RtlGetOwnerSecurityDescriptor(&sd, &found, &defaulted), STATUS_UNKNOWN_REVISION);
    assert_int_equal(RtlGetDaclSecurityDescriptor(&sd, &present, &acl, &defaulted), STATUS_UNKNOWN_REVISION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sid_is_printed),
        TEST(sids_are_compared_and_copied),
        TEST(entries_are_added_until_the_list_is_full),
        TEST(a_descriptor_goes_to_the_self_relative_form_and_back),
        TEST(generic_rights_become_specific_ones),
        TEST(entries_of_each_kind_are_added),
        TEST(bad_lists_and_sids_are_refused),
        TEST(a_sid_is_allocated_and_freed),
        TEST(parts_of_a_descriptor_are_set_and_got),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
