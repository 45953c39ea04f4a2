/* Networking that file system filters carry along: NDIS's buffers and the filter engine. The room's state, and the list of
 * what drivers opened, made and allocated. */
#ifndef FLTSIM_NETP_H
#define FLTSIM_NETP_H

#include <ntifs.h>
#include <fwpmk.h>
#include <fwpsk.h>
#include <ndis.h>

#include "net/net.h"
#include "sched/sched.h"
#include "sim/machine.h"
#include "verify/verify.h"

#include <stdbool.h>

enum net_kind {
    NET_GENERIC = 1,      // NdisAllocateGenericObject
    NET_LIST_POOL = 2,    // NdisAllocateNetBufferListPool
    NET_BUFFER_POOL = 4,  // NdisAllocateNetBufferPool
    NET_LIST = 8,         // a NET_BUFFER_LIST
    NET_BUFFER_ALONE = 16, // a NET_BUFFER without a list
    NET_SESSION = 32,      // FwpmEngineOpen0
    NET_SUBSCRIPTION = 64, // FwpmBfeStateSubscribeChanges0
    NET_INJECTION = 128,   // FwpsInjectionHandleCreate0
    NET_PENDING = 256,     // an authorization that may wait: the stack's own
};

/* Each begins a structure of its kind; `handle` is what the driver has of it. */
struct net_object {
    struct net_object *next; // net_state.buckets[]
    enum net_kind kind;
    const void *handle;
    const void *site; // who made it
    ULONG tag;
    struct net_object *pool; // it was allocated from; counts it among its children
    ULONG children;
};

enum { NET_BUCKETS = 64 };
struct net_state {
    struct sched_lock lock; // everything below
    struct net_object *buckets[NET_BUCKETS];
    struct wfp_state *wfp;
    LONG injecting; // injections that are not completed
    struct fltsim_connection *connections; // that the test has open
};

bool NetpStart(void);
void NetpStop(void);

/* Zeroed memory that begins with a net_object, on the list. NULL: the allocation fails. */
void *NetpCreate(size_t size, enum net_kind kind, size_t handle_offset, struct net_object *pool, const void *site);
/* What a handle stands for, if it is of one of these kinds; NULL. */
struct net_object *NetpFind(const void *handle, int kinds);
struct net_object *NetpFindLocked(const void *handle, int kinds); /* with the lock held */
/* Takes it off the list, for whoever frees it. NULL: there is none, or it has children, which is reported. */
struct net_object *NetpTake(const void *handle, int kinds, const char *routine, const void *site);
/* network-misuse: the routine was given something that it cannot be given. */
void NetpReportMisuse(const void *handle, int kinds, const char *routine, const void *site);
/* Whatever it is (NULL: nothing), taken off the list before, with what NDIS put in front of its data. */
void NetpFreeBuffers(struct net_object *object);
/* Takes one that code of the driver (NULL: anybody's) left, and that has no children, off the list. */
struct net_object *NetpTakeLeft(enum net_kind kind, const char *driver);
/* network-leak, for the kinds that are only memory. */
void NetpReportLeaks(const char *driver);

#endif
