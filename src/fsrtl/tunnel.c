/* Tunnel caches: what was known of names that went away, for those that come back. TUNNEL.TimerQueue holds the entries, oldest
 * first; there are never many. */
#include "fsrtlp.h"

#include "rtl/rtlp.h"

#include <string.h>

#define TUNNEL_TAG 'nnuT'
enum { MOST_ENTRIES = 256 };
#define MOST_AGE (15 * 10000000LL)

struct entry {
    LIST_ENTRY link; // TUNNEL.TimerQueue
    LONGLONG added;
    ULONGLONG directory;
    ULONG flags; // FSRTL_ADD_TC_*
    UNICODE_STRING names[2]; // short, long; behind the structure
    ULONG length;
    UCHAR *data;
};
enum { BY_SHORT, BY_LONG };

static LONGLONG Now(void) { return (LONGLONG)KeQueryInterruptTime(); }

static PUNICODE_STRING KeyOf(struct entry *e)
{
    return &e->names[e->flags & FSRTL_ADD_TC_KEY_BY_SHORT_NAME ? BY_SHORT : BY_LONG];
}

static void Free(PTUNNEL cache, struct entry *e)
{
    RemoveEntryList(&e->link);
    cache->NumEntries--;
    ExFreePoolWithTag(e, TUNNEL_TAG);
}

static struct entry *OldestOf(PTUNNEL cache)
{
    return IsListEmpty(&cache->TimerQueue) ? NULL : CONTAINING_RECORD(cache->TimerQueue.Flink, struct entry, link);
}

static void Expire(PTUNNEL cache)
{
    struct entry *e;
    while ((e = OldestOf(cache)) && (Now() - e->added > MOST_AGE || cache->NumEntries > MOST_ENTRIES))
        Free(cache, e);
}

/* Under the cache's mutex: not what RtlEqualUnicodeString may be called at. */
static bool Same(PCUNICODE_STRING a, PCUNICODE_STRING b, bool ignoreCase)
{
    if (a->Length != b->Length)
        return false;
    for (USHORT i = 0; i < a->Length / sizeof(WCHAR); i++)
        if (a->Buffer[i] != b->Buffer[i] && !(ignoreCase && RtlpUpcase(a->Buffer[i]) == RtlpUpcase(b->Buffer[i])))
            return false;
    return true;
}

static struct entry *Find(PTUNNEL cache, ULONGLONG directory, PUNICODE_STRING name, BOOLEAN ignoreCase)
{
    for (PLIST_ENTRY link = cache->TimerQueue.Blink; link != &cache->TimerQueue; link = link->Blink) {
        struct entry *e = CONTAINING_RECORD(link, struct entry, link);
        if (e->directory == directory && Same(KeyOf(e), name, ignoreCase))
            return e;
    }
    return NULL;
}

VOID FsRtlInitializeTunnelCache(PTUNNEL Cache)
{
    API_IRQL(FsRtlInitializeTunnelCache);
    ExInitializeFastMutex(&Cache->Mutex);
    Cache->Cache = NULL;
    InitializeListHead(&Cache->TimerQueue);
    Cache->NumEntries = 0;
}

static void FreeMatching(PTUNNEL cache, const ULONGLONG *directory)
{
    ExAcquireFastMutex(&cache->Mutex);
    for (PLIST_ENTRY link = cache->TimerQueue.Flink; link != &cache->TimerQueue;) {
        struct entry *e = CONTAINING_RECORD(link, struct entry, link);
        link = link->Flink;
        if (!directory || e->directory == *directory)
            Free(cache, e);
    }
    ExReleaseFastMutex(&cache->Mutex);
}

VOID FsRtlDeleteTunnelCache(PTUNNEL Cache)
{
    API_ENTER(FsRtlDeleteTunnelCache, Cache, SCHED_WRITE);
    FreeMatching(Cache, NULL);
}

VOID FsRtlDeleteKeyFromTunnelCache(PTUNNEL Cache, ULONGLONG DirectoryKey)
{
    API_ENTER(FsRtlDeleteKeyFromTunnelCache, Cache, SCHED_WRITE);
    FreeMatching(Cache, &DirectoryKey);
}

static UCHAR *CopyName(PUNICODE_STRING to, PCUNICODE_STRING from, UCHAR *at)
{
    to->Length = to->MaximumLength = from ? from->Length : 0;
    to->Buffer = (PWCH)at;
    if (to->Length)
        memcpy(at, from->Buffer, to->Length);
    return at + to->Length;
}

VOID FsRtlAddToTunnelCacheEx(PTUNNEL Cache, ULONGLONG DirectoryKey, PUNICODE_STRING ShortName, PUNICODE_STRING LongName,
                             ULONG Flags, ULONG DataLength, PVOID Data)
{
    API_ENTER(FsRtlAddToTunnelCacheEx, Cache, SCHED_WRITE);
    ULONG names = (ShortName ? ShortName->Length : 0u) + (LongName ? LongName->Length : 0u);
    struct entry *fresh = ExAllocatePoolWithTag(PagedPool, sizeof *fresh + names + DataLength, TUNNEL_TAG);
    if (!fresh)
        return;
    fresh->added = Now();
    fresh->directory = DirectoryKey;
    fresh->flags = Flags;
    fresh->length = DataLength;
    UCHAR *at = CopyName(&fresh->names[BY_SHORT], ShortName, (UCHAR *)(fresh + 1));
    fresh->data = CopyName(&fresh->names[BY_LONG], LongName, at);
    if (DataLength)
        memcpy(fresh->data, Data, DataLength);
    ExAcquireFastMutex(&Cache->Mutex);
    struct entry *before = Find(Cache, DirectoryKey, KeyOf(fresh), !(Flags & FSRTL_ADD_TC_CASE_SENSITIVE));
    if (before)
        Free(Cache, before);
    InsertTailList(&Cache->TimerQueue, &fresh->link);
    Cache->NumEntries++;
    Expire(Cache);
    ExReleaseFastMutex(&Cache->Mutex);
}

VOID FsRtlAddToTunnelCache(PTUNNEL Cache, ULONGLONG DirectoryKey, PUNICODE_STRING ShortName, PUNICODE_STRING LongName,
                           BOOLEAN KeyByShortName, ULONG DataLength, PVOID Data)
{
    FsRtlAddToTunnelCacheEx(Cache, DirectoryKey, ShortName, LongName, KeyByShortName ? FSRTL_ADD_TC_KEY_BY_SHORT_NAME : 0,
                            DataLength, Data);
}

/* False: it does not fit, and there is no memory. */
static bool Return(PUNICODE_STRING to, const UNICODE_STRING *from, bool grows)
{
    if (to->MaximumLength < from->Length) {
        PWCH larger = grows ? ExAllocatePoolWithTag(PagedPool, from->Length, TUNNEL_TAG) : NULL;
        if (!larger)
            return false;
        to->Buffer = larger;
        to->MaximumLength = from->Length;
    }
    to->Length = from->Length;
    if (from->Length)
        memcpy(to->Buffer, from->Buffer, from->Length);
    return true;
}

BOOLEAN FsRtlFindInTunnelCacheEx(PTUNNEL Cache, ULONGLONG DirectoryKey, PUNICODE_STRING Name, PUNICODE_STRING ShortName,
                                 PUNICODE_STRING LongName, ULONG Flags, PULONG DataLength, PVOID Data)
{
    API_ENTER(FsRtlFindInTunnelCacheEx, Cache, SCHED_READ);
    ExAcquireFastMutex(&Cache->Mutex);
    Expire(Cache);
    struct entry *e = Find(Cache, DirectoryKey, Name, !(Flags & FSRTL_FIND_TC_CASE_SENSITIVE));
    BOOLEAN found = e && Return(ShortName, &e->names[BY_SHORT], false) && Return(LongName, &e->names[BY_LONG], true);
    if (found) {
        if (e->length)
            memcpy(Data, e->data, e->length);
        *DataLength = e->length;
    }
    ExReleaseFastMutex(&Cache->Mutex);
    return found;
}

BOOLEAN FsRtlFindInTunnelCache(PTUNNEL Cache, ULONGLONG DirectoryKey, PUNICODE_STRING Name, PUNICODE_STRING ShortName,
                               PUNICODE_STRING LongName, PULONG DataLength, PVOID Data)
{
    return FsRtlFindInTunnelCacheEx(Cache, DirectoryKey, Name, ShortName, LongName, 0, DataLength, Data);
}
