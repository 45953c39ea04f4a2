/* SIDs, access control lists, security descriptors. */
#include "rtl_test.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_sid_is_printed),
        TEST(sids_are_compared_and_copied),
        TEST(entries_are_added_until_the_list_is_full),
        TEST(a_descriptor_goes_to_the_self_relative_form_and_back),
        TEST(generic_rights_become_specific_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
