/* The lists of a new object: what was given for it, what it inherits, what its creator's token says. */
#include "sep.h"

#include <string.h>

enum { PASSED_ON = CONTAINER_INHERIT_ACE | OBJECT_INHERIT_ACE, KEPT = ~(VALID_INHERIT_FLAGS) & 0xff };

static const ACE_HEADER *FirstOf(PACL list) { return (const ACE_HEADER *)(list + 1); }
static const ACE_HEADER *After(const ACE_HEADER *ace) { return (const ACE_HEADER *)((const UCHAR *)ace + ace->AceSize); }

/* Entries that are a mask and a SID. */
static bool IsPlain(const ACE_HEADER *ace)
{
    return ace->AceType <= SYSTEM_AUDIT_ACE_TYPE || ace->AceType == SYSTEM_MANDATORY_LABEL_ACE_TYPE;
}

static PSID SidOf(const ACE_HEADER *ace) { return (PSID) & ((const ACCESS_ALLOWED_ACE *)ace)->SidStart; }

static PSID Creator(const struct sep_creator *creator, const ACE_HEADER *ace)
{
    if (IsPlain(ace) && RtlEqualSid(SidOf(ace), SeExports->SeCreatorOwnerSid))
        return creator->owner;
    if (IsPlain(ace) && RtlEqualSid(SidOf(ace), SeExports->SeCreatorGroupSid))
        return creator->group;
    return NULL;
}

/* Appends the entry; `sid` NULL: with its own. */
static ACE_HEADER *Put(PACL list, const ACE_HEADER *ace, UCHAR flags, PSID sid)
{
    ACE_HEADER *put = (ACE_HEADER *)((UCHAR *)list + list->AclSize);
    USHORT size = sid ? (USHORT)(FIELD_OFFSET(ACCESS_ALLOWED_ACE, SidStart) + RtlLengthSid(sid)) : ace->AceSize;
    memcpy(put, ace, sid ? FIELD_OFFSET(ACCESS_ALLOWED_ACE, SidStart) : size);
    if (sid)
        memcpy(SidOf(put), sid, RtlLengthSid(sid));
    put->AceFlags = (UCHAR)((ace->AceFlags & KEPT) | flags);
    put->AceSize = size;
    list->AceCount++;
    list->AclSize = (USHORT)(list->AclSize + size);
    return put;
}

static bool Map(ACE_HEADER *ace, const struct sep_creator *creator)
{
    PACCESS_MASK mask = &((PACCESS_ALLOWED_ACE)ace)->Mask;
    ACCESS_MASK before = *mask;
    if (ace->AceType == SYSTEM_MANDATORY_LABEL_ACE_TYPE)
        return false;
    RtlMapGenericMask(mask, creator->mapping);
    *mask &= creator->mapping->GenericAll | ACCESS_SYSTEM_SECURITY;
    return *mask != before;
}

/* What one entry of the parent's list gives a container or an object in it. */
static void Inherit(PACL list, const ACE_HEADER *ace, const struct sep_creator *creator)
{
    bool contains = ace->AceFlags & CONTAINER_INHERIT_ACE, objects = ace->AceFlags & OBJECT_INHERIT_ACE,
         stops = ace->AceFlags & NO_PROPAGATE_INHERIT_ACE;
    if (creator->container ? contains : objects) {
        PSID sid = Creator(creator, ace);
        ACE_HEADER *put = Put(list, ace, 0, sid);
        bool changed = Map(put, creator) || sid;
        if (!creator->container || stops)
            return;
        if (changed)
            Put(list, ace, INHERIT_ONLY_ACE | (ace->AceFlags & PASSED_ON), NULL);
        else
            put->AceFlags |= ace->AceFlags & PASSED_ON;
    } else if (creator->container && objects && !stops) {
        Put(list, ace, INHERIT_ONLY_ACE | OBJECT_INHERIT_ACE, NULL);
    }
}

PACL SepMakeList(PACL from, bool inherit, const struct sep_creator *creator)
{
    ULONG room = sizeof *from;
    const ACE_HEADER *ace = FirstOf(from);
    for (USHORT i = 0; i < from->AceCount; i++, ace = After(ace))
        room += 2 * (ace->AceSize + (ULONG)SECURITY_MAX_SID_SIZE);
    PACL list = sim_alloc(room);
    list->AclRevision = from->AclRevision;
    list->AclSize = sizeof *list;
    ace = FirstOf(from);
    for (USHORT i = 0; i < from->AceCount; i++, ace = After(ace)) {
        if (inherit) {
            Inherit(list, ace, creator);
        } else {
            ACE_HEADER *put = Put(list, ace, ace->AceFlags, NULL);
            if (!(ace->AceFlags & INHERIT_ONLY_ACE))
                Map(put, creator);
        }
    }
    return list;
}
