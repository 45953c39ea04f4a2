/* Authorizations that a callout may let wait. */
#ifndef FLTSIM_NET_PEND_H
#define FLTSIM_NET_PEND_H

#include "net/netp.h"

/* Its handle is the completion handle, and the completion context, too. */
struct net_pending {
    struct net_object object;
    bool reauthorizes; // cannot be pended
    bool pended;
    KEVENT completed;
};

/* NULL: no memory; the authorization cannot wait. */
struct net_pending *NetpOfferPending(bool reauthorizes);
/* After the classification: waits until it is completed, if it was pended, which is the answer. Frees it. */
bool NetpAwaitPending(struct net_pending *pending);

#endif
