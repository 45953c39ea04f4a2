/* The list of what drivers made. */
#include "net/netp.h"

#include "fault/fault.h"

#include <stdio.h>

static struct net_object **bucket_of(const void *handle)
{
    uintptr_t address = (uintptr_t)handle;
    return &machine->net->buckets[(address >> 4 ^ address >> 10) % NET_BUCKETS];
}

/* With the lock held. */
static struct net_object **link_of(const void *handle, int kinds)
{
    struct net_object **link = bucket_of(handle);
    while (*link && (*link)->handle != handle)
        link = &(*link)->next;
    return *link && ((*link)->kind & kinds) ? link : NULL;
}

static const char *noun(enum net_kind kind, bool many)
{
    switch (kind) {
    case NET_GENERIC: return many ? "generic objects (NdisFreeGenericObject)" : "generic object (NdisFreeGenericObject)";
    case NET_LIST_POOL:
        return many ? "NET_BUFFER_LIST pools (NdisFreeNetBufferListPool)"
                    : "NET_BUFFER_LIST pool (NdisFreeNetBufferListPool)";
    case NET_BUFFER_POOL:
        return many ? "NET_BUFFER pools (NdisFreeNetBufferPool)" : "NET_BUFFER pool (NdisFreeNetBufferPool)";
    case NET_LIST: return many ? "NET_BUFFER_LISTs" : "NET_BUFFER_LIST";
    case NET_BUFFER_ALONE: return many ? "NET_BUFFERs" : "NET_BUFFER";
    case NET_SESSION: return many ? "sessions (FwpmEngineClose0)" : "session (FwpmEngineClose0)";
    case NET_INJECTION:
        return many ? "injection handles (FwpsInjectionHandleDestroy0)" : "injection handle (FwpsInjectionHandleDestroy0)";
    case NET_PENDING: return "context of an operation that waits";
    case NET_SUBSCRIPTION: return "subscription (FwpmBfeStateUnsubscribeChanges0)";
    }
    return "";
}

void *NetpCreate(size_t size, enum net_kind kind, size_t handle_offset, struct net_object *pool, const void *site)
{
    if (fault_allocation())
        return NULL;
    struct net_object *object = sim_alloc(size);
    object->kind = kind;
    object->handle = (char *)object + handle_offset;
    object->site = site;
    object->pool = pool;
    object->tag = pool ? pool->tag : 0;
    sched_lock(&machine->net->lock);
    struct net_object **bucket = bucket_of(object->handle);
    object->next = *bucket;
    *bucket = object;
    if (pool)
        pool->children++;
    sched_unlock(&machine->net->lock);
    return object;
}

struct net_object *NetpFindLocked(const void *handle, int kinds)
{
    struct net_object **link = link_of(handle, kinds);
    return link ? *link : NULL;
}

struct net_object *NetpFind(const void *handle, int kinds)
{
    sched_lock(&machine->net->lock);
    struct net_object *object = NetpFindLocked(handle, kinds);
    sched_unlock(&machine->net->lock);
    return object;
}

void NetpReportMisuse(const void *handle, int kinds, const char *routine, const void *site)
{
    struct verify_violation *v = verify_begin(VERIFY_NETWORK_MISUSE, "%s was given %p, which is no %s, or is one no longer.",
                                              routine, handle, noun((enum net_kind)(kinds & -kinds), false));
    verify_site(v, "called by", site);
    verify_end(v);
}

static void report_children(const struct net_object *object, ULONG children, const char *routine, const void *site)
{
    struct verify_violation *v =
        verify_begin(VERIFY_NETWORK_MISUSE, "%s was given the pool %p while %u of what was allocated from it %s still out.",
                     routine, object->handle, children, children == 1 ? "is" : "are");
    verify_site(v, "called by", site);
    verify_site(v, "made by", object->site);
    verify_end(v);
}

struct net_object *NetpTake(const void *handle, int kinds, const char *routine, const void *site)
{
    sched_lock(&machine->net->lock);
    struct net_object **link = link_of(handle, kinds), *object = link ? *link : NULL;
    ULONG children = object ? object->children : 0;
    if (object && !children) {
        *link = object->next;
        if (object->pool)
            object->pool->children--;
    }
    sched_unlock(&machine->net->lock);
    if (!object)
        NetpReportMisuse(handle, kinds, routine, site);
    else if (children)
        report_children(object, children, routine, site);
    return children ? NULL : object;
}

/* ---- what is left ---- */

struct net_object *NetpTakeLeft(enum net_kind kind, const char *driver)
{
    struct net_object *found = NULL;

    sched_lock(&machine->net->lock);
    for (size_t i = 0; i < NET_BUCKETS && !found; i++)
        for (struct net_object **link = &machine->net->buckets[i]; *link && !found; link = &(*link)->next)
            if ((*link)->kind == kind && !(*link)->children && verify_is_driver_code((*link)->site, driver)) {
                found = *link;
                *link = found->next;
                if (found->pool)
                    found->pool->children--;
                break;
            }
    sched_unlock(&machine->net->lock);
    return found;
}

/* Buffers before the pools that they are of. */
void NetpReportLeaks(const char *driver)
{
    static const enum net_kind kinds[] = {NET_INJECTION, NET_LIST, NET_BUFFER_ALONE, NET_LIST_POOL, NET_BUFFER_POOL, NET_GENERIC};
    struct net_object *left;
    char when[160];

    snprintf(when, sizeof when, "left when %s%s", driver ? driver : "the machine stopped", driver ? " unloaded" : "");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct verify_leaks *leaks = verify_leaks_begin();
        while ((left = NetpTakeLeft(kinds[i], driver)) != NULL) {
            verify_leaks_add(leaks, left->tag, left->site, 0, left->handle, NULL, NULL);
            NetpFreeBuffers(left);
        }
        verify_leaks_end(leaks, VERIFY_NETWORK_LEAK, noun(kinds[i], false), noun(kinds[i], true), "made by", when);
    }
}
