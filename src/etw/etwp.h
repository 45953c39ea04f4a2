/* Event tracing: registered providers, what a test enabled, what was written. */
#ifndef FLTSIM_ETWP_H
#define FLTSIM_ETWP_H

#include <ntifs.h>
#include <evntprov.h>
#include <evntrace.h>

#include <fltsim/etw.h>

#include "sched/sched.h"

struct etw_match {
    bool on;
    UCHAR level;
    ULONGLONG any, all;
};

struct etw_provider {
    LIST_ENTRY link;         // etw_state.providers
    GUID id;
    PETWENABLECALLBACK callback;
    PVOID context;
    ULONG uses;              // of the handle, and calls of the callback
    KEVENT *unused;          // who unregisters it waits for their end
    bool gone;               // left the list
    struct etw_match match;
    char *name;              // by EtwSetInformation
    const void *site;        // who registered it
};

struct etw_event {
    struct etw_event *next;
    struct fltsim_event event; // .data behind it
    UCHAR data[];
};

struct etw_state {
    struct sched_lock lock; // leaf: all of it
    LIST_ENTRY providers;   // etw_provider.link
    LIST_ENTRY sessions;    // etw_session.link
    struct etw_event *first, **last;
    size_t count;
    ULONG activities;       // identifiers made
};
extern struct etw_state etw;

bool EtwpStart(void);
void EtwpStop(void);
/* etw-provider-left, for what code of the driver (NULL: anybody's) registered and left. */
void EtwpReportDriver(const char *driver);

/* The provider of a handle, held; EtwpRelease. NULL: there is none. */
struct etw_provider *EtwpHold(REGHANDLE handle);
void EtwpRelease(struct etw_provider *provider);
/* What sessions want of a provider that registers. */
struct etw_match EtwpWanted(const GUID *id);
void EtwpCallBack(struct etw_provider *provider, ULONG code);

#endif
