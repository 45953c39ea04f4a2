/* The registry in memory: keys, their values, and the key objects that handles stand for. */
#ifndef FLTSIM_CMP_H
#define FLTSIM_CMP_H

#include <ntifs.h>

#include "sched/sched.h"

static inline ULONG CmpSmaller(ULONG a, ULONG b) { return a < b ? a : b; }
static inline ULONG CmpLarger(ULONG a, ULONG b) { return a < b ? b : a; }

struct cm_value {
    struct cm_value *next; // cm_key.values, in the order they were set
    UNICODE_STRING name;
    ULONG type;
    ULONG size;
    UCHAR *data;
};

struct cm_key {
    struct cm_key *next;   // cm_key.children, sorted by name
    struct cm_key *parent; // NULL once deleted
    struct cm_key *children;
    struct cm_value *values;
    UNICODE_STRING name;
    LARGE_INTEGER written;
    ULONG opens; // key objects that stand for it
    BOOLEAN is_deleted;
    BOOLEAN is_volatile;
    UNICODE_STRING last_path; // once deleted: where it was
};

/* The body of a key object. */
struct cm_key_object {
    struct cm_key *key;
    PUNICODE_STRING name; // that CmCallbackGetKeyObjectID handed out
};

struct cm_state {
    struct sched_lock lock; // everything below, and every key
    struct cm_key *root;    // "\REGISTRY"
    struct cm_key_object *root_object; // its place in the namespace
    struct cm_callback *callbacks;     // callback.c: highest altitude first
    ULONG callback_count;              // atomic: read without the lock
    struct cm_context *contexts;       // callback_object.c
    LONGLONG last_cookie;
};

bool CmpStart(void);
void CmpStop(void);

/* The tree (key.c). Called with the lock held. Names compare without regard to case. */
struct cm_key *CmpFindChild(struct cm_key *parent, PCUNICODE_STRING name);
/* Walks `path` ("A\B\C") down from `from`. Missing: NULL, *left is what was not found. */
struct cm_key *CmpWalk(struct cm_key *from, UNICODE_STRING path, UNICODE_STRING *left);
struct cm_key *CmpAddChild(struct cm_key *parent, PCUNICODE_STRING name);
void CmpUnlinkKey(struct cm_key *key);
void CmpFreeKey(struct cm_key *key);
struct cm_value *CmpFindValue(struct cm_key *key, PCUNICODE_STRING name);
NTSTATUS CmpSetValue(struct cm_key *key, PCUNICODE_STRING name, ULONG type, const void *data, ULONG size);
BOOLEAN CmpDeleteValue(struct cm_key *key, PCUNICODE_STRING name);
/* "\REGISTRY\MACHINE\..." into a buffer of sim_alloc; of a deleted key, what it was. */
UNICODE_STRING CmpKeyPath(struct cm_key *key);

#endif
