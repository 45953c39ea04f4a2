/* The filter engine: what is managed (Fwpm...) and what runs (Fwps...).
 *
 * One writer at a time changes the lists, inside a transaction: what it adds is WFP_ADDED, what it deletes WFP_DELETED until
 * it commits. The writer sees everything but the deleted, a classification everything but the added. */
#ifndef FLTSIM_NET_WFP_H
#define FLTSIM_NET_WFP_H

#include "net/netp.h"

#include <string.h>

enum wfp_kind { WFP_PROVIDER, WFP_SUBLAYER, WFP_CALLOUT, WFP_FILTER, WFP_KINDS };
enum wfp_change { WFP_COMMITTED, WFP_ADDED, WFP_DELETED };
enum wfp_transaction { WFP_NONE, WFP_READING, WFP_WRITING };

struct net_session {
    struct net_object object;
    bool dynamic;
    UINT32 timeout; // milliseconds to wait for other writers
    enum wfp_transaction transaction;
};

/* One object that was added to the engine. */
struct wfp_entry {
    struct wfp_entry *next; // wfp_state.entries[kind], newest first
    enum wfp_kind kind;
    enum wfp_change change;
    bool builtin;
    bool unseen; // deleted by the transaction that added it
    LONG uses; // the list's, and each classification's that is at it
    GUID key;
    UINT64 id;                    // callouts, filters
    const struct net_session *of; // the dynamic session that it goes with
    struct wfp_entry *refers[3];  // to its provider, sublayer, callout
    UINT16 weight;                // a sublayer's
    const struct net_layer *layer; // a callout's, a filter's
};

struct wfp_filter {
    struct wfp_entry entry;
    UINT32 flags; // FWPM_FILTER_FLAG_...
    UINT64 weight;
    FWPS_FILTER3 fwps; // what callouts see; all versions are laid out alike
    bool told;         // its callout's notifyFn knows of it
};

/* A callout's code. */
struct net_callout {
    struct net_callout *next; // wfp_state.callouts
    GUID key;
    UINT32 id;
    UINT32 flags;
    int version; // of the structure that it was registered with
    FWPS_CALLOUT_CLASSIFY_FN3 classify;
    FWPS_CALLOUT_CLASSIFY_FN0 classify0;
    FWPS_CALLOUT_NOTIFY_FN3 notify;
    FWPS_CALLOUT_FLOW_DELETE_NOTIFY_FN0 flow_delete;
    EX_RUNDOWN_REF running;
    bool leaving;
    ULONG contexts; // of flows
    const void *site;
};

/* Run-time identifiers of callouts, by key; they stay. */
struct wfp_id {
    struct wfp_id *next; // wfp_state.ids
    GUID key;
    UINT32 id;
};

struct wfp_state {
    struct wfp_entry *entries[WFP_KINDS]; // under net_state.lock, as all that follows
    struct net_callout *callouts;
    struct wfp_id *ids;
    UINT32 last_callout;
    UINT64 last_filter;
    UINT64 last_key;
    UINT64 last_flow;
    struct net_flow *flows;
    KEVENT writer; // signalled: nobody writes
    struct net_subscription *subscriptions;
    FWPM_SERVICE_STATE state;
};
#define WFP (machine->net->wfp)

static inline bool NetpIsKey(const GUID *a, const GUID *b) { return !memcmp(a, b, sizeof *a); }
static inline bool NetpIsZero(const GUID *key) { return NetpIsKey(key, &(GUID){0}); }

void NetpStartEngine(void);
void NetpStopEngine(void);
void NetpForgetSession(struct net_session *session);

/* ---- sessions and transactions (session.c) ---- */

/* Every changing routine's frame: STATUS_INVALID_HANDLE, STATUS_FWP_INCOMPATIBLE_TXN, STATUS_FWP_TIMEOUT, or the session, whose
 * transaction the change belongs to. NetpEndChange commits it when it was one by itself. */
struct wfp_changing {
    struct net_session *session;
    bool own; // no transaction was under way
};
NTSTATUS NetpBeginChange(HANDLE engine, struct wfp_changing *changing);
NTSTATUS NetpEndChange(struct wfp_changing *changing, NTSTATUS status);

/* ---- entries (entry.c) ---- */

void *NetpNewEntry(size_t size, enum wfp_kind kind);
/* With the lock held: what a writer sees. */
struct wfp_entry *NetpFindEntry(enum wfp_kind kind, const GUID *key);
struct wfp_entry *NetpFindEntryById(enum wfp_kind kind, UINT64 id);
/* Puts the entry on its list, unless something stands against it: STATUS_FWP_ALREADY_EXISTS, STATUS_FWP_LIFETIME_MISMATCH. A
 * zero key becomes one. With the lock held. */
NTSTATUS NetpInsertEntry(struct wfp_entry *entry, const struct net_session *session);
/* STATUS_FWP_IN_USE, STATUS_FWP_WRONG_SESSION, STATUS_FWP_BUILTIN_OBJECT. With the lock held. */
NTSTATUS NetpDeleteEntry(struct wfp_entry *entry, const struct net_session *session);
/* An entry of that key or, without a key, of that id. */
NTSTATUS NetpDelete(HANDLE engine, enum wfp_kind kind, const GUID *key, UINT64 id);
void NetpDropEntry(struct wfp_entry *entry); /* a use less, without the lock */
void NetpCommit(void);
void NetpAbort(void);
void NetpDeleteOfSession(const struct net_session *session);
void NetpFreeEntries(void);

/* ---- filters (filter.c) ---- */

/* Tells the filter's callout, if it is registered and wants to know. */
NTSTATUS NetpNotify(struct wfp_filter *filter, FWPS_CALLOUT_NOTIFY_TYPE type);
void NetpFreeFilter(struct wfp_filter *filter);
bool NetpIsDisplayed(const FWPM_DISPLAY_DATA0 *data);

/* ---- callouts (callout.c) ---- */

/* With the lock held. */
UINT32 NetpCalloutId(const GUID *key);
struct net_callout *NetpFindCallout(UINT64 id);
/* The callout, kept from leaving until ExReleaseRundownProtection(&->running). Takes the lock. NULL: it is not registered. */
struct net_callout *NetpHoldCallout(UINT64 id);
/* network-leak for sessions; they are closed. */
void NetpReportSessions(const char *driver);
void NetpReportCallouts(const char *driver);
void NetpReportSubscriptions(const char *driver);

#endif
