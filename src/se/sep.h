/* Private to the security room, and what io uses of it: access states, tokens. */
#ifndef FLTSIM_SE_SEP_H
#define FLTSIM_SE_SEP_H

#include <ntifs.h>

#include "ke/thread.h"
#include "ob/object.h"
#include "sched/sched.h"
#include "sim/machine.h"
#include "trace/trace.h"
#include "verify/api.h"
#include "verify/verify.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEP_TAG 'oTeS'
#define SEP_MAX_GROUPS 12

struct sep_sid {
    UCHAR Revision, SubAuthorityCount;
    SID_IDENTIFIER_AUTHORITY IdentifierAuthority;
    ULONG SubAuthority[5];
};

/* A default list of a token; never changes. A token keeps those that it had, for whoever reads them. */
struct sep_list {
    struct sep_list *older;
    bool null; /* no list: everybody may do everything */
    ULONG list[];
};
#define SEP_LIST(l) ((PACL)(l)->list)

/* The body of a token object. Immutable once it is made, but for its privileges' enabled bits and for what
 * ZwSetInformationToken sets: `modified`, `owner`, `group` and `defaults`, each of which is read and written atomically.
 * `lock` is for drivers: SeLockSubjectContext has it shared, ZwSetInformationToken exclusively. */
struct sep_token {
    ERESOURCE lock;
    LONG owner, group; /* of objects that its holder makes: one of `groups`; -1: `user` */
    struct sep_list *defaults;
    LUID modified;
    TOKEN_TYPE type;
    SECURITY_IMPERSONATION_LEVEL level;
    LUID id, authentication;
    ULONG session;
    struct sep_sid user;
    ULONG group_count;
    struct sep_sid groups[SEP_MAX_GROUPS];
    ULONG group_attributes[SEP_MAX_GROUPS];
    ULONG restricting_count;
    struct sep_sid restricting[SEP_MAX_GROUPS]; /* an access check must pass with these alone, too */
    uint64_t privileges, enabled; /* bit SE_xxx_PRIVILEGE */
    ULONG integrity;              /* SECURITY_MANDATORY_xxx_RID */
    bool restricted, elevated;
    bool write_restricted;        /* restricting sids are asked about write access only */
    CHAR source[TOKEN_SOURCE_LENGTH];
};

/* A thread's impersonation (KTHREAD.se), NULL when there is none. */
struct sep_impersonation {
    struct sep_token *token;
    SECURITY_IMPERSONATION_LEVEL level;
    BOOLEAN copy_on_open, effective_only;
    BOOLEAN disabled;
};

struct se_state {
    POBJECT_TYPE token_type;
    struct sep_token *system; /* NT AUTHORITY\SYSTEM */
    struct sep_token *user;   /* an administrator, elevated: what programs run as unless told otherwise */
    LONGLONG next_id;
};

static inline struct se_state *se(void) { return machine->se; }

/* The primary token of a process: its own, or the system's or the user's by what it is. Not referenced. */
struct sep_token *SepPrimaryToken(PEPROCESS process);
/* The token that counts for a thread. Not referenced. */
struct sep_token *SepEffectiveToken(PKTHREAD thread);
/* Gives the token another default list, a copy of `list` (NULL: none). False: an allocation was made to fail. */
bool SepSetDefaultList(struct sep_token *token, PACL list);
struct sep_token *SepCreateToken(TOKEN_TYPE type, const struct sep_token *like);
bool SepHasPrivilege(const struct sep_token *token, ULONG privilege);
bool SepTokenHasSid(const struct sep_token *token, const void *sid, bool deny);
bool SepIsRestrictedBy(const struct sep_token *token, const void *sid);
NTSTATUS SepQueryToken(const struct sep_token *token, TOKEN_INFORMATION_CLASS kind, PVOID buffer, ULONG length,
                       PULONG needed);
LUID SepNewLuid(void);
void SepForgetThread(PKTHREAD thread);
void SepForgetProcess(PEPROCESS process);

/* What stands behind ACCESS_STATE.AuxData. */
struct sep_access_data {
    PPRIVILEGE_SET privileges;
    GENERIC_MAPPING mapping;
};

/* For the length of a create on the current thread: tokens are borrowed, not referenced. `access` is mapped. */
void SepInitializeAccessState(PACCESS_STATE state, struct sep_access_data *data, ACCESS_MASK access,
                              KPROCESSOR_MODE mode);
static inline void SepFinishAccessState(PACCESS_STATE state) {}

bool SepStart(void);
void SepStop(void);

/* Who makes an object, and what. */
struct sep_creator {
    PSID owner, group;
    const GENERIC_MAPPING *mapping;
    bool container;
};

/* A list that was given for the object, or what it inherits of its parent's, which may be nothing. sim_free it. */
PACL SepMakeList(PACL from, bool inherit, const struct sep_creator *creator);

static inline void SepTouch(struct sep_token *token, LUID modified)
{
    __atomic_store(&token->modified, &modified, __ATOMIC_RELAXED);
}
static inline bool SepIsSystem(const struct sep_token *token)
{
    return RtlEqualSid((PSID)&token->user, SeExports->SeLocalSystemSid);
}
/* What the objects that the token's holder makes belong to. */
static inline const struct sep_sid *SepOwner(const struct sep_token *token)
{
    LONG owner = __atomic_load_n(&token->owner, __ATOMIC_RELAXED);
    return owner < 0 ? &token->user : &token->groups[owner];
}
static inline const struct sep_sid *SepGroup(const struct sep_token *token)
{
    LONG group = __atomic_load_n(&token->group, __ATOMIC_RELAXED);
    return group < 0 ? &token->user : &token->groups[group];
}

/* Can this be set on an object? What capturing it says: STATUS_ACCESS_VIOLATION (NULL), _UNKNOWN_REVISION, _INVALID_SID,
 * _INVALID_ACL, _INVALID_SECURITY_DESCR, _INSUFFICIENT_RESOURCES. */
NTSTATUS SepCheckDescriptor(PSECURITY_DESCRIPTOR descriptor);

#endif
