/* Extra create parameters: their structures, and what the files of this room ask of each other. Private to fsrtl.
 *
 * Who owns what:
 *   a list     the driver that allocated it, until a filter sets it into a create: then it is that create's, and is
 * freed with it. A list that a caller passes to a create stays the caller's. a header   whoever allocated it, until it
 * is inserted: then it is the list's. All lists, all parameters from pool and all lookaside lists are on the books
 * (struct ecp_books), under one lock; parameters from a lookaside list are on the books of that list. */
#ifndef FLTSIM_FSRTL_ECP_H
#define FLTSIM_FSRTL_ECP_H

#include "fsrtlp.h"

#include <string.h>

enum {
    ECP_ACKNOWLEDGED = 1,
    ECP_FROM_USER = 2,
    ECP_CALLERS = 4, /* was on the caller's list as the create began */
};

/* Distinct words, so that a pointer to something else is told from a freed one. */
enum ecp_state {
    ECP_LIVE = 0x4c504345,    /* "ECPL" */
    ECP_FREEING = 0x46504345, /* its cleanup callback runs */
    ECP_GONE = 0x47504345,    /* in a free list */
};

enum { ECP_NAME = 48 };

struct _ECP_LIST {
    ULONG state;
    ULONG flags;
    LIST_ENTRY parameters; // _ECP_HEADER.link, in the order of insertion
    LIST_ENTRY all;        // ecp_books.lists
    PECP_LIST next_free;   // ecp_books.free_lists
    struct ps_quota *quota; // that it is charged to; NULL: none
    const void *site;      // who allocated it
    const void *free_site;
    bool freed_by_create;
    bool set;           // a filter set it into a create, whose it is
    USHORT name_length; // of the file whose create carries it
    LONG creates;       // calls of IoCreateFileEx and its kin that it is under way in
    WCHAR name[ECP_NAME];
};

struct ecp_lookaside;

/* Stands before the context; its size keeps the context aligned as pool is. */
struct _ECP_HEADER {
    ULONG state;
    ULONG flags;
    LIST_ENTRY link; // _ECP_LIST.parameters
    PECP_LIST list;
    PECP_LIST origin;                // the caller's list that it was on as a create began
    struct ecp_lookaside *lookaside; // NULL: from pool
    PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK cleanup;
    GUID type;
    ULONG size;
    ULONG tag;
    LIST_ENTRY all;        // ecp_books.pool, ecp_lookaside.entries
    PECP_HEADER next_free; // ecp_lookaside.free
    const void *site;      // who allocated it
    const void *free_site;
    bool freed_by_create;
} __attribute__((aligned(16)));

/* What was freed to pool lately, so that who uses it again can be told. */
struct ecp_freed {
    const void *context;
    const void *site, *free_site;
    GUID type;
    bool by_create;
};

enum { ECP_FREED = 256, ECP_FREE_LISTS = 16 };

struct ecp_books {
    struct sched_lock lock;
    bool special;                          // pool is special: what was freed cannot be read
    LIST_ENTRY lists;                      // _ECP_LIST.all
    LIST_ENTRY pool;                       // _ECP_HEADER.all
    LIST_ENTRY lookasides;                 // ecp_lookaside.all
    PECP_LIST free_lists, *last_free_list; // the oldest first
    ULONG free_list_count;
    struct ecp_freed freed[ECP_FREED];
};

extern struct ecp_books ecps;

static inline PECP_HEADER FsRtlpHeaderOf(PVOID context)
{
    return (PECP_HEADER)context - 1;
}

static inline PVOID FsRtlpContextOf(PECP_HEADER header)
{
    return header + 1;
}

static inline PECP_LIST FsRtlpListOf(PECP_HEADER header)
{
    return __atomic_load_n(&header->list, __ATOMIC_ACQUIRE);
}

/* Its contents are the caller's to zero. */
static inline void FsRtlpInitializeEcp(PECP_HEADER header, LPCGUID type, ULONG size,
                                       PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK cleanup, ULONG tag,
                                       const void *site)
{
    header->flags = 0;
    header->list = header->origin = NULL;
    header->cleanup = cleanup;
    header->type = *type;
    header->size = size;
    header->tag = tag;
    header->site = site;
    header->free_site = NULL;
    header->freed_by_create = false;
    __atomic_store_n(&header->state, ECP_LIVE, __ATOMIC_RELEASE);
}

/* Who looks at all of them looks at this first. */
static inline bool FsRtlpIsLive(PECP_HEADER header)
{
    return __atomic_load_n(&header->state, __ATOMIC_ACQUIRE) == ECP_LIVE;
}

/* Nothing to report about using it. */
static inline bool FsRtlpIsPlainlyLive(PVOID context)
{
    return __builtin_expect(
        context && !((uintptr_t)context % 16) && !ecps.special && FsRtlpIsLive(FsRtlpHeaderOf(context)), 1);
}

/* ecp.c */
void FsRtlpDetachEcp(PECP_HEADER header);
/* With its cleanup callback; it is on no list any more. by_create: its create has ended. */
void FsRtlpDropEcp(PECP_HEADER header, bool by_create, const void *site);
/* Likewise, off its list. */
void FsRtlpDropEcpOfList(PECP_HEADER header, bool by_create, const void *site);
/* With what is on it. */
void FsRtlpDropEcpList(PECP_LIST list, bool by_create, const void *site);

/* ecp_lookaside.c */
void FsRtlpGiveToLookaside(PECP_HEADER header);
void FsRtlpEachLookasideEcp(void (*visit)(PECP_HEADER header, void *context), void *context);
/* Its list was deleted under it, which was reported. */
bool FsRtlpIsLookasideDeleted(PECP_HEADER header);
void FsRtlpReportLookasides(const char *driver);
void FsRtlpForgetLookasides(void);

/* ecp_report.c: NULL, or false, when it was reported that the driver may not do that. */
PECP_HEADER FsRtlpLiveEcp(PVOID context, struct fsrtl_who who);
PECP_HEADER FsRtlpEcpToFree(PVOID context, struct fsrtl_who who);
bool FsRtlpIsLiveList(PECP_LIST list, struct fsrtl_who who);
bool FsRtlpMayFreeList(PECP_LIST list, struct fsrtl_who who);
void FsRtlpRememberFreed(PECP_HEADER header);
void FsRtlpForgetFreed(PECP_HEADER header);
void FsRtlpCheckEcpFlags(ULONG flags, ULONG known, struct fsrtl_who who);
/* "\docs\a.txt" of the create that carries the list; "" when none does. The list may be gone. */
const char *FsRtlpCreateOf(PECP_LIST list, char *text, size_t size);

#endif
