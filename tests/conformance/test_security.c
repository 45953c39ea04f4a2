/* What a new object's security is made of. All of it was seen on Windows by a published kernel test suite. */
#include "stage.h"

NTSTATUS RtlAddAuditAccessAceEx(PACL Acl, ULONG AceRevision, ULONG AceFlags, ACCESS_MASK AccessMask, PSID Sid,
                                BOOLEAN AuditSuccess, BOOLEAN AuditFailure); /* in no published header */

/* What is not in the last counts for nothing. */
static GENERIC_MAPPING mapping = {
    STANDARD_RIGHTS_READ | 0x1001,
    STANDARD_RIGHTS_WRITE | 0x2002,
    STANDARD_RIGHTS_EXECUTE | 0x4004,
    STANDARD_RIGHTS_ALL | 0x800f,
};

struct entry {
    UCHAR flags;
    PSID sid;
    ACCESS_MASK mask;
};

static SECURITY_SUBJECT_CONTEXT subject;

static void as_the_system(void)
{
    memset(&subject, 0, sizeof subject);
    subject.PrimaryToken = PsReferencePrimaryToken(PsInitialSystemProcess);
}

static unsigned wrong;

static void differ(bool same, const char *what, unsigned row)
{
    if (!same && ++wrong < 20)
        print_error("%s differs in row 0x%x\n", what, row);
}

static void is_list(PACL list, const struct entry *entries, USHORT count, unsigned row)
{
    differ(list && list->AceCount == count, "count", row);
    if (!list || list->AceCount != count)
        return;
    for (USHORT i = 0; i < count; i++) {
        PACCESS_ALLOWED_ACE ace;
        succeeds(RtlGetAce(list, i, (PVOID *)&ace));
        differ(ace->Header.AceFlags == entries[i].flags, "flags", row);
        differ(RtlEqualSid((PSID)&ace->SidStart, entries[i].sid), "SID", row);
        differ(ace->Mask == entries[i].mask, "mask", row);
    }
}

/* Of what SeAssignSecurity makes: the lists, and that owner and group are the system's. */
static void assign(PSECURITY_DESCRIPTOR parent, PSECURITY_DESCRIPTOR given, bool folder, PSECURITY_DESCRIPTOR *made,
                   PACL *dacl, PACL *sacl, bool *has_sacl, unsigned row)
{
    BOOLEAN present, defaulted;
    PSID sid;
    succeeds(SeAssignSecurity(parent, given, made, (BOOLEAN)folder, &subject, &mapping, PagedPool));
    succeeds(RtlGetDaclSecurityDescriptor(*made, &present, dacl, &defaulted));
    differ(present && !defaulted, "list", row);
    succeeds(RtlGetSaclSecurityDescriptor(*made, &present, sacl, &defaulted));
    *has_sacl = present;
    if (!present)
        *sacl = NULL;
    succeeds(RtlGetOwnerSecurityDescriptor(*made, &sid, &defaulted));
    differ(!defaulted && RtlEqualSid(sid, SeExports->SeAliasAdminsSid), "owner", row);
    succeeds(RtlGetGroupSecurityDescriptor(*made, &sid, &defaulted));
    differ(!defaulted && RtlEqualSid(sid, SeExports->SeLocalSystemSid), "group", row);
}

static void is_default(PACL list, unsigned row)
{
    const struct entry entries[] = {
        {0, SeExports->SeLocalSystemSid, STANDARD_RIGHTS_ALL | 0x800f},
        {0, SeExports->SeAliasAdminsSid, STANDARD_RIGHTS_READ | 0x0005},
    };
    is_list(list, entries, 2, row);
}

static PACL list_of(PVOID memory, ULONG flags, ACCESS_MASK mask, PSID sid)
{
    succeeds(RtlCreateAcl(memory, 128, ACL_REVISION));
    succeeds(RtlAddAccessAllowedAceEx(memory, ACL_REVISION, flags, mask, sid));
    return memory;
}

static void what_nobody_gave_is_the_creators(void)
{
    SECURITY_DESCRIPTOR parent, given;
    PSECURITY_DESCRIPTOR made;
    PACL dacl, sacl;
    bool has_sacl;
    wrong = 0;
    as_the_system();
    succeeds(RtlCreateSecurityDescriptor(&parent, SECURITY_DESCRIPTOR_REVISION));
    succeeds(RtlCreateSecurityDescriptor(&given, SECURITY_DESCRIPTOR_REVISION));
    for (unsigned row = 0; row < 8; row++) {
        assign(row & 1 ? &parent : NULL, row & 2 ? &given : NULL, row & 4, &made, &dacl, &sacl, &has_sacl, row);
        is_default(dacl, row);
        differ(!has_sacl, "audit", row);
        succeeds(SeDeassignSecurity(&made));
        assert_null(made);
    }
    /* No list, or an empty one, is one. */
    ACL empty;
    succeeds(RtlCreateAcl(&empty, sizeof empty, ACL_REVISION));
    for (unsigned row = 0; row < 32; row++) {
        PACL list = row & 8 ? &empty : NULL;
        succeeds(RtlSetDaclSecurityDescriptor(&parent, TRUE, list, row & 16 ? TRUE : FALSE));
        succeeds(RtlSetDaclSecurityDescriptor(&given, TRUE, list, row & 16 ? TRUE : FALSE));
        assign(row & 1 ? &parent : NULL, row & 2 ? &given : NULL, row & 4, &made, &dacl, &sacl, &has_sacl, row);
        if (!(row & 2))
            is_default(dacl, row);
        else if (list)
            is_list(dacl, NULL, 0, row);
        else
            differ(!dacl, "none", row);
        succeeds(SeDeassignSecurity(&made));
    }
    made = &made;
    answers(STATUS_NO_TOKEN, SeAssignSecurity(NULL, NULL, &made, FALSE, NULL, &mapping, PagedPool));
    assert_null(made);
    SeReleaseSubjectContext(&subject);
    assert_int_equal(wrong, 0);
}

/* Every combination of flags of one entry of the parent's and one of those given, each a default or not. */
static void an_entry_is_inherited_as_its_flags_say(void)
{
    UCHAR parents[128] __attribute__((aligned(8))), givens[128] __attribute__((aligned(8)));
    SECURITY_DESCRIPTOR parent, given;
    PSECURITY_DESCRIPTOR made;
    PACL dacl, sacl;
    bool has_sacl;
    wrong = 0;
    as_the_system();
    succeeds(RtlCreateSecurityDescriptor(&parent, SECURITY_DESCRIPTOR_REVISION));
    succeeds(RtlCreateSecurityDescriptor(&given, SECURITY_DESCRIPTOR_REVISION));
    for (unsigned generic = 0; generic <= 1; generic++) {
        const PSID of_parent = generic ? SeExports->SeCreatorOwnerSid : SeExports->SeWorldSid,
                   instead = generic ? SeExports->SeAliasAdminsSid : SeExports->SeWorldSid,
                   of_given = generic ? SeExports->SeCreatorGroupSid : SeExports->SeLocalSystemSid;
        const ACCESS_MASK parent_mask = generic ? GENERIC_READ : READ_CONTROL,
                          mapped = generic ? STANDARD_RIGHTS_READ | 0x0001 : READ_CONTROL,
                          given_mask = generic ? GENERIC_EXECUTE : SYNCHRONIZE,
                          given_mapped = generic ? STANDARD_RIGHTS_EXECUTE | 0x0004 : SYNCHRONIZE;
        for (unsigned row = 0; row < 0x2000; row++) {
            UCHAR flags = row & 0xf, given_flags = row >> 4 & 0xf;
            bool with_parent = row & 0x100, with_given = row & 0x200, folder = row & 0x400;
            bool given_is_default = row & 0x1000;
            if (!(row & 0xff))
                RtlZeroMemory(parents, sizeof parents);
            succeeds(RtlSetDaclSecurityDescriptor(&parent, TRUE, list_of(parents, flags, parent_mask, of_parent),
                                                  row & 0x800 ? TRUE : FALSE));
            succeeds(RtlSetDaclSecurityDescriptor(&given, TRUE, list_of(givens, given_flags, given_mask, of_given),
                                                  given_is_default));
            assign(with_parent ? &parent : NULL, with_given ? &given : NULL, folder, &made, &dacl, &sacl, &has_sacl, row);
            bool to_folders = flags & CONTAINER_INHERIT_ACE, to_files = flags & OBJECT_INHERIT_ACE,
                 no_further = flags & NO_PROPAGATE_INHERIT_ACE;
            bool inherits = with_parent && (folder ? to_folders || (to_files && !no_further) : to_files);
            if (with_given && (!given_is_default || !inherits)) {
                const struct entry one = {given_flags, of_given, given_flags & INHERIT_ONLY_ACE ? given_mask : given_mapped};
                is_list(dacl, &one, 1, row);
            } else if (!inherits) {
                is_default(dacl, row);
            } else if (!folder || no_further) {
                const struct entry one = {0, instead, mapped};
                is_list(dacl, &one, 1, row);
            } else if (to_folders && generic) { /* for itself, and as it was for what is made in it */
                const struct entry two[] = {{0, instead, mapped},
                                            {INHERIT_ONLY_ACE | CONTAINER_INHERIT_ACE | (flags & OBJECT_INHERIT_ACE),
                                             of_parent, parent_mask}};
                is_list(dacl, two, 2, row);
            } else {
                const struct entry one = {(to_folders ? 0 : INHERIT_ONLY_ACE) |
                                              (flags & (CONTAINER_INHERIT_ACE | OBJECT_INHERIT_ACE)),
                                          of_parent, parent_mask};
                is_list(dacl, &one, 1, row);
            }
            succeeds(SeDeassignSecurity(&made));
        }
    }
    SeReleaseSubjectContext(&subject);
    assert_int_equal(wrong, 0);
}

static void audits_are_inherited_like_access(void)
{
    UCHAR memory[128] __attribute__((aligned(8)));
    SECURITY_DESCRIPTOR descriptor;
    PSECURITY_DESCRIPTOR made;
    PACL dacl, sacl, list = (PACL)memory;
    bool has_sacl;
    const ULONG both = SUCCESSFUL_ACCESS_ACE_FLAG | FAILED_ACCESS_ACE_FLAG;
    wrong = 0;
    as_the_system();
    succeeds(RtlCreateSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION));
    for (unsigned row = 0; row < 16; row++) {
        bool folder = row & 2, given = row & 1, inherits = row & 4;
        succeeds(RtlCreateAcl(list, sizeof memory, ACL_REVISION));
        succeeds(RtlAddAuditAccessAceEx(list, ACL_REVISION, inherits ? OBJECT_INHERIT_ACE : 0, READ_CONTROL,
                                        inherits ? SeExports->SeCreatorOwnerSid : SeExports->SeWorldSid, TRUE, TRUE));
        succeeds(RtlSetSaclSecurityDescriptor(&descriptor, TRUE, list, row & 8 ? TRUE : FALSE));
        assign(given ? NULL : &descriptor, given ? &descriptor : NULL, folder, &made, &dacl, &sacl, &has_sacl, row);
        is_default(dacl, row);
        if (given) {
            const struct entry one = {both | (inherits ? OBJECT_INHERIT_ACE : 0),
                                      inherits ? SeExports->SeCreatorOwnerSid : SeExports->SeWorldSid, READ_CONTROL};
            is_list(sacl, &one, 1, row);
        } else if (!inherits) {
            differ(!has_sacl, "audit", row);
        } else if (!folder) {
            const struct entry one = {both, SeExports->SeAliasAdminsSid, READ_CONTROL};
            is_list(sacl, &one, 1, row);
        }
        succeeds(SeDeassignSecurity(&made));
    }
    succeeds(RtlSetSaclSecurityDescriptor(&descriptor, TRUE, NULL, FALSE));
    assign(NULL, &descriptor, false, &made, &dacl, &sacl, &has_sacl, 99);
    assert_true(has_sacl);
    assert_null(sacl);
    succeeds(SeDeassignSecurity(&made));
    SeReleaseSubjectContext(&subject);
    assert_int_equal(wrong, 0);
}

static void a_restricted_sid_has_no_attributes(void)
{
    static const struct {
        ULONG attributes;
        NTSTATUS status;
    } rows[] = {{SE_GROUP_ENABLED, STATUS_INVALID_PARAMETER}, {0, STATUS_SUCCESS}};
    PACCESS_TOKEN less;
    as_the_system();
    PACCESS_TOKEN token = SeQuerySubjectContextToken(&subject);
    TOKEN_PRIVILEGES privileges = {1, {{SeExports->SeSystemEnvironmentPrivilege, 0}}};
    TOKEN_GROUPS disabled = {1, {{SeExports->SeWorldSid, 0}}};
    succeeds(SeFilterToken(token, 0, NULL, &privileges, NULL, &less));
    ObDereferenceObject(less);
    succeeds(SeFilterToken(token, DISABLE_MAX_PRIVILEGE, NULL, NULL, NULL, &less));
    ObDereferenceObject(less);
    succeeds(SeFilterToken(token, 0, &disabled, NULL, NULL, &less));
    ObDereferenceObject(less);
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        TOKEN_GROUPS restricted = {1, {{SeExports->SeDialupSid, rows[i].attributes}}};
        answers(rows[i].status, SeFilterToken(token, 0, NULL, NULL, &restricted, &less));
        if (NT_SUCCESS(rows[i].status))
            ObDereferenceObject(less);
    }
    SeReleaseSubjectContext(&subject);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(what_nobody_gave_is_the_creators),
        fltsim_unit_test(an_entry_is_inherited_as_its_flags_say),
        fltsim_unit_test(audits_are_inherited_like_access),
        fltsim_unit_test(a_restricted_sid_has_no_attributes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
