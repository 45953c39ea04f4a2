#include "verify/held.h"

#include "verify/internal.h"

#include "sim/machine.h"

#include <stdlib.h>
#include <string.h>

/* A lock that a driver held across a call of its own. */
struct across {
    struct across *next; // table
    const void *lock;
    const char *what;
    bool exclusive;
    const void *taken, *called; /* sites */
    const char *routine;
    const void *stream; /* verify_call_down.stream */
    enum verify_call_kind kind;
    struct verify_operation operation; /* from whose callback it called; .major NULL: none */
    bool reported;
};

/* Given back by another thread than the one that holds it on record. */
struct elsewhere {
    const struct verify_held *holder;
    const void *lock;
};

enum { BUCKETS = 64, PAIRS = 64, ELSEWHERE = 64, MAX_RECORDS = 512 };

static struct sched_lock lock;
static struct across *table[BUCKETS];
static struct across *ended; /* their locks are no more; one of each kind is kept for the end */
static unsigned records;
static uint64_t pairs[PAIRS]; /* is_one_driver's answers */
static struct elsewhere elsewhere[ELSEWHERE];
static unsigned elsewhere_next;
static void (*describe_operation)(const void *, struct verify_operation *);

bool verify_watch_locks;

void verify_describe_operations(void (*describe)(const void *, struct verify_operation *)) { describe_operation = describe; }

static struct verify_operation describe(const void *operation)
{
    struct verify_operation result = {0};
    if (operation && describe_operation)
        describe_operation(operation, &result);
    return result;
}

static struct across **bucket_of(const void *address) { return &table[((uintptr_t)address >> 4) % BUCKETS]; }

/* Do two sites belong to one driver? Asked again and again for the same few: what was answered lately is kept as a mix of
 * both, whose lowest bit is the answer. */
static bool is_one_driver(const void *one, const void *other)
{
    uint64_t mix = ((uintptr_t)one * 0x9e3779b97f4a7c15u ^ (uintptr_t)other) * 0xff51afd7ed558ccdu;
    uint64_t *slot = &pairs[mix >> 58 & (PAIRS - 1)], known = __atomic_load_n(slot, __ATOMIC_RELAXED);
    if (!((known ^ mix) & ~(uint64_t)1))
        return known & 1;
    const char *driver = verify_driver_of(one);
    bool same = driver[0] && strcmp(driver, "fltsim") && driver == verify_driver_of(other);
    __atomic_store_n(slot, (mix & ~(uint64_t)1) | same, __ATOMIC_RELAXED);
    return same;
}

void verify_lock_given_elsewhere(const struct verify_held *holder, const void *address)
{
    sched_lock(&lock);
    elsewhere[elsewhere_next++ % ELSEWHERE] = (struct elsewhere){holder, address};
    sched_unlock(&lock);
}

static bool was_given_elsewhere(const struct verify_held *holder, const void *address)
{
    bool found = false;
    sched_lock(&lock);
    for (unsigned i = 0; i < ELSEWHERE && !found; i++)
        found = elsewhere[i].holder == holder && elsewhere[i].lock == address;
    sched_unlock(&lock);
    return found;
}

/* ---- held across a call ---- */

static bool is_known(const void *address, const struct verify_call_down *call)
{
    for (struct across *at = *bucket_of(address); at; at = at->next)
        if (at->lock == address && at->called == call->site && (at->stream == call->stream || at->reported))
            return true;
    return false;
}

static void note(const struct verify_held_lock *held, const void *address, const struct verify_call_down *call)
{
    sched_lock(&lock);
    bool known = is_known(address, call) || records >= MAX_RECORDS;
    sched_unlock(&lock);
    if (known)
        return;
    struct across *fresh = verify_zeroed(sizeof *fresh);
    *fresh = (struct across){.lock = address, .what = held->what, .exclusive = held->exclusive, .taken = held->site,
                             .called = call->site, .routine = call->routine, .stream = call->stream,
                             .kind = call->kind, .operation = describe(call->operation)};
    sched_lock(&lock);
    fresh->next = *bucket_of(address);
    *bucket_of(address) = fresh;
    records++;
    sched_unlock(&lock);
    __atomic_store_n(&verify_watch_locks, true, __ATOMIC_RELAXED);
}

/* Is there one of the caller's own among them? */
static bool note_locks(struct verify_held *held, const struct verify_call_down *call)
{
    bool own = false;
    if (!machine || !machine->verify || verify_get_policy(VERIFY_LOCK_ACROSS_CREATE) == VERIFY_OFF)
        return false;
    for (unsigned i = 0; i < held->count && i < VERIFY_HELD_LOCKS; i++) {
        const void *address = held->locks[i].lock;
        if (address && is_one_driver(held->locks[i].site, call->site) && !was_given_elsewhere(held, address)) {
            note(&held->locks[i], address, call);
            own = true;
        }
    }
    return own;
}

void verify_begin_call(struct verify_held *held, struct verify_call_down *call, const char *routine,
                       enum verify_call_kind kind, const void *stream, const void *site)
{
    *call = (struct verify_call_down){held->call, NULL, routine, site, held->operation, stream, held->count, kind};
    if (!note_locks(held, call))
        return;
    call->holder = held;
    held->call = call;
}

enum verify_call_kind verify_call_kind_of(unsigned char major, bool cached)
{
    switch (major) {
    case IRP_MJ_CREATE:
    case IRP_MJ_CREATE_NAMED_PIPE:
    case IRP_MJ_CREATE_MAILSLOT:
        return VERIFY_CALL_CREATE;
    case IRP_MJ_READ:
    case IRP_MJ_WRITE:
        return cached ? VERIFY_CALL_CACHED : VERIFY_CALL_OTHER;
    case IRP_MJ_FLUSH_BUFFERS:
        return VERIFY_CALL_CACHED;
    case IRP_MJ_SET_INFORMATION:
    case IRP_MJ_FILE_SYSTEM_CONTROL:
        return VERIFY_CALL_FILE | VERIFY_CALL_BREAK;
    case IRP_MJ_QUERY_INFORMATION:
    case IRP_MJ_QUERY_EA:
    case IRP_MJ_SET_EA:
    case IRP_MJ_QUERY_SECURITY:
    case IRP_MJ_SET_SECURITY:
    case IRP_MJ_DIRECTORY_CONTROL:
        return VERIFY_CALL_FILE;
    default:
        return VERIFY_CALL_OTHER;
    }
}

/* ---- taken where such a call gets to ---- */

/* The call across which this thread holds it and which came back to the callback that runs, or NULL. */
static const struct verify_call_down *came_back(const struct verify_held *held, const void *address)
{
    for (const struct verify_call_down *call = held->call; call; call = call->outer) {
        if (call->operation == held->operation)
            continue;
        for (unsigned i = 0; i < call->held && i < VERIFY_HELD_LOCKS; i++)
            if (held->locks[i].lock == address)
                return call;
    }
    return NULL;
}

static const char *how_it_waits(const struct across *across, const struct verify_operation *operation,
                                const struct verify_call_down *back)
{
    bool same = across->stream && across->stream == operation->stream;
    if (across->kind & VERIFY_CALL_CACHED && (operation->paging || operation->section) && same)
        return operation->back
                   ? "the call waits for the file's own locks; whoever writes its pages back has them and waits for the lock in "
                     "that callback"
                   : "the call waits for the page; whoever brings the page in waits for the lock in that callback";
    if (across->kind & VERIFY_CALL_FILE && operation->paging && same)
        return "the call waits for the file's own locks; whoever copies data through the cache, or flushes it, has them, and its "
               "paging I/O waits for the lock in that callback";
    if (across->kind & VERIFY_CALL_CREATE && operation->cleanup)
        return "the create waits until the owner of an oplock closes the file; the close waits for the lock in that callback";
    if (across->kind & VERIFY_CALL_BREAK && operation->cleanup && same)
        return "the call waits until the owner of an oplock on the file closes it; the close waits for the lock in that callback";
    if (back && back->site == across->called)
        return "the call came back to the driver while the lock was held: another thread that comes the same way waits for "
               "the lock, and the holder for it";
    return NULL;
}

static void print_operation(struct verify_violation *v, const char *label, const struct verify_operation *operation)
{
    if (operation->major)
        verify_history(v, "%s %s-operation callback of %s for %s%s", label, operation->post ? "post" : "pre",
                       operation->filter, operation->major, operation->paging ? " (paging I/O)" : "");
}

static struct verify_violation *begin(const struct across *across, const char *format)
{
    struct verify_violation *v = verify_begin(VERIFY_LOCK_ACROSS_CREATE, format, across->what, across->lock, across->routine);
    verify_history(v, "one order:");
    verify_site(v, across->exclusive ? "    the lock is taken exclusive by" : "    the lock is taken shared by", across->taken);
    print_operation(v, "    in the", &across->operation);
    verify_site(v, "    and held while the call is made by", across->called);
    return v;
}

static void report(const struct across *across, const struct verify_operation *operation, bool exclusive, const void *site,
                   const char *how)
{
    struct verify_violation *v = begin(across, "The %s %p is held across %s, and taken in a callback that the call can reach.");
    verify_history(v, "the other order:");
    print_operation(v, "    in the", operation);
    verify_site(v, exclusive ? "    the lock is taken exclusive by" : "    the lock is taken shared by", site);
    verify_history(v, "%s", how);
    verify_end(v);
}

void verify_lock_reached(struct verify_held *held, const void *address, bool exclusive, const void *site)
{
    struct across found;
    const char *how = NULL;
    if (!held->operation)
        return;
    struct verify_operation operation = describe(held->operation);
    const struct verify_call_down *back = came_back(held, address);
    if (back && was_given_elsewhere(held, address))
        back = NULL;
    sched_lock(&lock);
    for (struct across *at = *bucket_of(address); at && !how; at = at->next) {
        if (at->lock != address || at->reported || (!exclusive && !at->exclusive))
            continue;
        how = how_it_waits(at, &operation, back);
        at->reported = how != NULL;
        found = *at;
    }
    sched_unlock(&lock);
    if (how && is_one_driver(found.taken, site))
        report(&found, &operation, exclusive, site, how);
}

/* ---- the end ---- */

static bool has_ended(const struct across *record)
{
    for (struct across *at = ended; at; at = at->next)
        if (at->taken == record->taken && at->called == record->called) {
            at->reported |= record->reported;
            return true;
        }
    return false;
}

/* Takes it out of its bucket. With the lock held; answers what is to be freed. */
static struct across *end(struct across **link)
{
    struct across *gone = *link;
    *link = gone->next;
    records--;
    if (has_ended(gone))
        return gone;
    gone->next = ended;
    ended = gone;
    return NULL;
}

void verify_lock_forgotten(const void *address)
{
    struct across **link = bucket_of(address);
    sched_lock(&lock);
    while (*link) {
        if ((*link)->lock == address)
            free(end(link));
        else
            link = &(*link)->next;
    }
    sched_unlock(&lock);
}

void verify_stream_forgotten(const void *stream)
{
    sched_lock(&lock);
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct across **link = &table[i]; *link;) {
            if ((*link)->stream == stream)
                free(end(link));
            else
                link = &(*link)->next;
        }
    sched_unlock(&lock);
}

void verify_report_held(void)
{
    for (size_t i = 0; i < BUCKETS; i++)
        while (table[i])
            free(end(&table[i]));
    for (const struct across *at = ended; at; at = at->next)
        if (!at->reported)
            verify_end_warning(begin(at, "The %s %p is held across %s; no callback that the call can reach took it in this "
                                         "run."));
}

void verify_stop_held(void)
{
    for (size_t i = 0; i < BUCKETS; i++)
        while (table[i])
            free(end(&table[i]));
    while (ended) {
        struct across *next = ended->next;
        free(ended);
        ended = next;
    }
    records = 0;
    memset(pairs, 0, sizeof pairs);
    memset(elsewhere, 0, sizeof elsewhere);
    verify_watch_locks = false;
    lock = (struct sched_lock){0};
}
