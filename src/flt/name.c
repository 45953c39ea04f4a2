/* File name information as drivers hold it: made, referenced, released, found leaked. */
#include "context.h"
#include "ktm.h"
#include "name.h"

#include <string.h>

#include "ex/pool.h"
#include "trace/trace.h"

enum { QUARANTINE = 32, NAME_TAG = 'nFMF' };

typedef struct _NAME_SHARD {
    struct sched_lock Lock;
    LIST_ENTRY Live; /* FLTP_NAME.Live */
    PFLTP_NAME Freed[QUARANTINE];
    unsigned NextFreed;
} NAME_SHARD;

struct flt_name_state {
    NAME_SHARD Shards[FLTP_SHARDS];
};

/* ---- texts ---------------------------------------------------------------------------------------------------------- */

void FltpAppendUnits(PFLTP_TEXT Text, const WCHAR *Units, size_t Count)
{
    if (Text->Count + Count > Text->Capacity) {
        Text->Capacity = Text->Capacity ? Text->Capacity * 2 : 128;
        if (Text->Capacity < Text->Count + Count)
            Text->Capacity = Text->Count + Count;
        Text->Units = sim_realloc(Text->Units, Text->Capacity * sizeof(WCHAR));
    }
    if (Count)
        memcpy(Text->Units + Text->Count, Units, Count * sizeof(WCHAR));
    Text->Count += Count;
}

void FltpFreeText(PFLTP_TEXT Text)
{
    sim_free(Text->Units);
    *Text = (FLTP_TEXT){0};
}

UNICODE_STRING FltpTextString(const FLTP_TEXT *Text, size_t From, size_t To)
{
    USHORT bytes = (USHORT)((To - From) * sizeof(WCHAR));
    return (UNICODE_STRING){.Buffer = Text->Units + From, .Length = bytes, .MaximumLength = bytes};
}

/* ---- the room's state ----------------------------------------------------------------------------------------------- */

bool FltpStartNames(void)
{
    FltpStartContexts();
    FltpStartTransactions();
    FltGlobals.Names = sim_alloc(sizeof *FltGlobals.Names);
    for (unsigned i = 0; i < FLTP_SHARDS; i++)
        InitializeListHead(&FltGlobals.Names->Shards[i].Live);
    return true;
}

static void FreeName(PFLTP_NAME name)
{
    verify_ledger_free(&name->Ledger);
    sim_free(name);
}

static void ReportLeak(PFLTP_NAME name)
{
    char text[512], filter[64] = "";
    PFLT_FILTER owner = name->Filter;
    if (owner)
        trace_utf8((const uint16_t *)owner->Name.Buffer, owner->Name.Length, filter, sizeof filter);
    struct verify_violation *v =
        verify_begin(VERIFY_NAME_INFO_LEAK, "Filter \"%s\" never released file name information %p (\"%s\"): %d %s left.",
                     filter, (void *)&name->Info,
                     trace_utf8((const uint16_t *)name->Info.Name.Buffer, name->Info.Name.Length, text, sizeof text),
                     (int)name->Held, name->Held == 1 ? "reference is" : "references are");
    verify_site(v, "got by", name->Site);
    verify_ledger_print(v, &name->Ledger);
    verify_end(v);
}

/* A name that drivers hold and that is this filter's (any: whosever it is); referenced. */
static PFLTP_NAME FindHeld(PFLT_FILTER filter, bool any)
{
    for (unsigned i = 0; i < FLTP_SHARDS; i++) {
        NAME_SHARD *shard = &FltGlobals.Names->Shards[i];
        PFLTP_NAME found = NULL;
        sched_lock(&shard->Lock);
        for (PLIST_ENTRY link = shard->Live.Flink; link != &shard->Live && !found; link = link->Flink) {
            PFLTP_NAME name = CONTAINING_RECORD(link, FLTP_NAME, Live);
            if (name->Held > 0 && (any || name->Filter == filter))
                found = name;
        }
        if (found)
            FltpReferenceName(found);
        sched_unlock(&shard->Lock);
        if (found)
            return found;
    }
    return NULL;
}

static bool ReportHeld(PFLT_FILTER filter, bool any)
{
    bool some = false;
    PFLTP_NAME name;
    while ((name = FindHeld(filter, any))) {
        some = true;
        ReportLeak(name);
        LONG held = __atomic_exchange_n(&name->Held, 0, __ATOMIC_ACQ_REL);
        while (held-- > 0)
            FltpDereferenceName(name);
        FltpDereferenceName(name);
    }
    return some;
}

bool FltpReportLeakedNames(PFLT_FILTER Filter)
{
    if (!FltGlobals.Names)
        return false;
    bool some = ReportHeld(Filter, false);
    for (unsigned i = 0; i < FLTP_SHARDS; i++) { /* freed ones print their filter no more */
        NAME_SHARD *shard = &FltGlobals.Names->Shards[i];
        sched_lock(&shard->Lock);
        for (PLIST_ENTRY link = shard->Live.Flink; link != &shard->Live; link = link->Flink) {
            PFLTP_NAME name = CONTAINING_RECORD(link, FLTP_NAME, Live);
            if (name->Filter == Filter)
                name->Filter = NULL;
        }
        sched_unlock(&shard->Lock);
    }
    return some;
}

void FltpStopNames(void)
{
    FltpStopContexts();
    struct flt_name_state *names = FltGlobals.Names;
    if (!names || sched_is_dead()) {
        FltGlobals.Names = NULL;
        return;
    }
    ReportHeld(NULL, true);
    for (unsigned i = 0; i < FLTP_SHARDS; i++)
        for (unsigned j = 0; j < QUARANTINE; j++)
            if (names->Shards[i].Freed[j])
                FreeName(names->Shards[i].Freed[j]);
    FltGlobals.Names = NULL;
    sim_free(names);
}

/* ---- blocks ----------------------------------------------------------------------------------------------------------- */

static void ListName(PFLTP_NAME name)
{
    NAME_SHARD *shard = &FltGlobals.Names->Shards[name->Shard = (UCHAR)FltpShard()];
    sched_lock(&shard->Lock);
    InsertTailList(&shard->Live, &name->Live);
    sched_unlock(&shard->Lock);
}

PFLTP_NAME FltpCreateName(PFLTP_NAME_REQUEST Request, const FLTP_TEXT *Text, const void *Site)
{
    size_t bytes = Text->Count * sizeof(WCHAR);
    PFLTP_NAME name = sim_alloc(sizeof *name + bytes + sizeof(WCHAR));
    memcpy(name->Text, Text->Units, bytes);
    name->Magic = FLTP_NAME_MAGIC;
    name->Total = 1;
    name->Filter = Request->Instance ? Request->Instance->Filter : NULL;
    name->Site = Site;
    name->Info.Size = sizeof name->Info;
    name->Info.Format = Request->Format;
    name->Info.Name.Buffer = name->Text;
    name->Info.Name.Length = (USHORT)bytes;
    name->Info.Name.MaximumLength = (USHORT)bytes;
    if (Request->Format != FLT_FILE_NAME_SHORT && Request->Volume && Request->Volume->Name.Length <= bytes)
        name->VolumeLength = Request->Volume->Name.Length;
    ListName(name);
    return name;
}

PFLTP_NAME FltpNameForDriver(PFLTP_NAME Name, const void *Site)
{
    USHORT bytes = Name->Info.Name.Length;
    if (!machine->options.special_pool)
        return Name;
    PFLTP_NAME own = sim_alloc(sizeof *own);
    own->Magic = FLTP_NAME_MAGIC;
    own->Total = 1;
    own->Filter = Name->Filter;
    own->Site = Site;
    own->VolumeLength = Name->VolumeLength;
    own->Info = (FLT_FILE_NAME_INFORMATION){.Size = sizeof own->Info, .Format = Name->Info.Format};
    own->Own = ExpAllocate(0, bytes + sizeof(WCHAR), NAME_TAG, Site);
    memcpy(own->Own, Name->Info.Name.Buffer, bytes);
    own->Own[bytes / sizeof(WCHAR)] = 0;
    own->Info.Name = (UNICODE_STRING){.Length = bytes, .MaximumLength = bytes, .Buffer = own->Own};
    ListName(own);
    FltpDereferenceName(Name);
    return own;
}

void FltpReferenceName(PFLTP_NAME Name)
{
    __atomic_add_fetch(&Name->Total, 1, __ATOMIC_RELAXED);
}

void FltpDereferenceName(PFLTP_NAME Name)
{
    if (__atomic_sub_fetch(&Name->Total, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    NAME_SHARD *shard = &FltGlobals.Names->Shards[Name->Shard];
    Name->Magic = FLTP_NAME_FREED_MAGIC;
    if (Name->Own)
        ExpFree(Name->Own, NAME_TAG, "FltReleaseFileNameInformation", Name->ReleaseSite);
    sched_lock(&shard->Lock);
    RemoveEntryList(&Name->Live);
    PFLTP_NAME evicted = shard->Freed[shard->NextFreed];
    shard->Freed[shard->NextFreed] = Name;
    shard->NextFreed = (shard->NextFreed + 1) % QUARANTINE;
    sched_unlock(&shard->Lock);
    if (evicted)
        FreeName(evicted);
}

void FltpHoldName(PFLTP_NAME Name, const char *Event, const void *Site)
{
    FltpReferenceName(Name);
    LONG held = __atomic_add_fetch(&Name->Held, 1, __ATOMIC_RELAXED);
    verify_ledger_add(&Name->Ledger, Event, held, Site);
}

static PFLTP_NAME CheckName(PFLT_FILE_NAME_INFORMATION info, const char *routine, const void *site)
{
    PFLTP_NAME name = CONTAINING_RECORD(info, FLTP_NAME, Info);
    if (name->Magic == FLTP_NAME_MAGIC && name->Held > 0)
        return name;
    struct verify_violation *v =
        verify_begin_fatal(VERIFY_NAME_INFO_OVER_RELEASE, "%s of file name information %p that nobody holds any more.",
                           routine, (void *)info);
    if (name->Magic == FLTP_NAME_MAGIC || name->Magic == FLTP_NAME_FREED_MAGIC)
        verify_ledger_print(v, &name->Ledger);
    verify_site(v, "this call", site);
    verify_end_bugcheck(v, 0xF5, 0x6E, (uint64_t)(uintptr_t)info, 0, 0);
}

VOID FltReferenceFileNameInformation(PFLT_FILE_NAME_INFORMATION FileNameInformation)
{
    API_ENTER(FltReferenceFileNameInformation, FileNameInformation, SCHED_ADD);
    FltpHoldName(CheckName(FileNameInformation, "FltReferenceFileNameInformation", VERIFY_CALLER), "referenced by",
                 VERIFY_CALLER);
}

VOID FltReleaseFileNameInformation(PFLT_FILE_NAME_INFORMATION FileNameInformation)
{
    API_ENTER(FltReleaseFileNameInformation, FileNameInformation, SCHED_ADD);
    PFLTP_NAME name = CheckName(FileNameInformation, "FltReleaseFileNameInformation", VERIFY_CALLER);
    verify_ledger_drop(&name->Ledger, "released by", name->Held - 1, VERIFY_CALLER);
    __atomic_store_n(&name->ReleaseSite, VERIFY_CALLER, __ATOMIC_RELAXED);
    __atomic_sub_fetch(&name->Held, 1, __ATOMIC_RELAXED);
    FltpDereferenceName(name);
}
