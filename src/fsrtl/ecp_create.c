/* A list of extra create parameters through the tries of one create. */
#include "ecp.h"

#include <string.h>

static void Name(PECP_LIST list, PCUNICODE_STRING name)
{
    USHORT length = name ? name->Length / sizeof(WCHAR) : 0;
    list->name_length = length < ECP_NAME ? length : ECP_NAME;
    if (list->name_length) /* the end tells more than the beginning */
        memcpy(list->name, name->Buffer + (length - list->name_length), list->name_length * sizeof(WCHAR));
}

const char *FsRtlpCreateOf(PECP_LIST list, char *text, size_t size)
{
    size_t out = 0;
    sched_lock(&ecps.lock);
    for (PLIST_ENTRY link = ecps.lists.Flink; link != &ecps.lists; link = link->Flink) {
        if (CONTAINING_RECORD(link, struct _ECP_LIST, all) != list || (!list->set && !list->creates))
            continue;
        for (size_t i = 0; i < list->name_length && out + 1 < size; i++)
            text[out++] = list->name[i] < 127 ? (char)list->name[i] : '?';
        if (!out)
            text[out++] = '?';
    }
    sched_unlock(&ecps.lock);
    text[out] = 0;
    return text;
}

/* ---- the caller's list ---- */

static void MarkCallers(PECP_LIST list)
{
    for (PLIST_ENTRY link = list->parameters.Flink; link != &list->parameters; link = link->Flink) {
        PECP_HEADER header = CONTAINING_RECORD(link, struct _ECP_HEADER, link);
        __atomic_or_fetch(&header->flags, ECP_CALLERS, __ATOMIC_RELAXED);
        header->origin = list;
    }
}

void FsRtlpBeginCreate(PECP_LIST callers, PCUNICODE_STRING name)
{
    MarkCallers(callers);
    sched_lock(&ecps.lock);
    if (!callers->creates++)
        Name(callers, name);
    sched_unlock(&ecps.lock);
}

static void DropFilters(PECP_LIST callers)
{
    for (PLIST_ENTRY link = callers->parameters.Flink; link != &callers->parameters;) {
        PECP_HEADER header = CONTAINING_RECORD(link, struct _ECP_HEADER, link);
        link = link->Flink;
        if (!(__atomic_load_n(&header->flags, __ATOMIC_RELAXED) & ECP_CALLERS))
            FsRtlpDropEcpOfList(header, true, NULL);
    }
}

void FsRtlpEndCreate(PECP_LIST callers)
{
    DropFilters(callers);
    sched_lock(&ecps.lock);
    callers->creates--;
    sched_unlock(&ecps.lock);
}

/* ---- a filter's list ---- */

void FsRtlpEndCreateTry(PVOID *slot, PECP_LIST callers)
{
    PECP_LIST list = *slot;
    *slot = NULL;
    if (list && list != callers)
        FsRtlpDropEcpList(list, true, NULL);
}

static bool IsFree(PECP_LIST list, PECP_LIST existing, struct fsrtl_who who)
{
    if (!existing)
        return true;
    struct verify_violation *v =
        verify_begin(VERIFY_ECP_LIST_SET_OVER, "%s was given list %p for a create that %s.", who.routine, (void *)list,
                     existing == list ? "has that list already" : "has a list already");
    verify_site(v, "the create's list was allocated by", existing->site);
    verify_site(v, "the new one by", list->site);
    verify_site(v, "and now set by", who.site);
    verify_end(v);
    return false;
}

NTSTATUS FsRtlpSetEcpList(PVOID *slot, PFILE_OBJECT file, PECP_LIST list, struct fsrtl_who who)
{
    if (!list)
        return *slot ? STATUS_INVALID_PARAMETER_3 : STATUS_SUCCESS;
    if (!FsRtlpIsLiveList(list, who) || !IsFree(list, *slot, who))
        return STATUS_INVALID_PARAMETER_3;
    sched_lock(&ecps.lock);
    bool carried = list->set || list->creates;
    if (!carried) {
        list->set = true;
        Name(list, file ? &file->FileName : NULL);
    }
    sched_unlock(&ecps.lock);
    if (carried) {
        struct verify_violation *v =
            verify_begin(VERIFY_ECP_INSERTED_TWICE, "%s was given list %p, which a create carries already.",
                         who.routine, (void *)list);
        verify_site(v, "allocated by", list->site);
        verify_site(v, "and now set by", who.site);
        verify_end(v);
        return STATUS_INVALID_PARAMETER_3;
    }
    *slot = list;
    return STATUS_SUCCESS;
}
