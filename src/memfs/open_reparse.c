/* Reparse points that the create says to open, not to follow (ECP_TYPE_OPEN_REPARSE_GUID). */
#include "memfs/open.h"

#include <string.h>

/* {323eb6a8-affd-4d95-8230-863bce09d37a} */
static const GUID open_reparse = {
    0x323eb6a8, 0xaffd, 0x4d95, {0x82, 0x30, 0x86, 0x3b, 0xce, 0x09, 0xd3, 0x7a}};

static POPEN_REPARSE_LIST list_of(struct memfs_open *open)
{
    PECP_LIST ecps;
    PVOID list;
    if (!NT_SUCCESS(FsRtlGetEcpListFromIrp(open->irp, &ecps)) || !ecps ||
        !NT_SUCCESS(FsRtlFindExtraCreateParameter(ecps, &open_reparse, &list, NULL)))
        return NULL;
    FsRtlAcknowledgeEcp(list);
    return list;
}

static bool matches(const OPEN_REPARSE_LIST_ENTRY *entry, struct memfs_node *node)
{
    MemfsLockNode(node);
    const REPARSE_GUID_DATA_BUFFER *point = (const void *)node->reparse;
    bool same = point && point->ReparseTag == entry->ReparseTag &&
                (IsReparseTagMicrosoft(entry->ReparseTag) ||
                 !memcmp(&point->ReparseGuid, &entry->ReparseGuid, sizeof(GUID)));
    MemfsUnlockNode(node);
    return same;
}

static POPEN_REPARSE_LIST_ENTRY find_entry(struct memfs_open *open, struct memfs_node *node)
{
    POPEN_REPARSE_LIST list = list_of(open);
    for (PLIST_ENTRY link = list ? list->OpenReparseList.Flink : NULL;
         link && link != &list->OpenReparseList; link = link->Flink) {
        POPEN_REPARSE_LIST_ENTRY entry =
            CONTAINING_RECORD(link, OPEN_REPARSE_LIST_ENTRY, OpenReparseListEntry);
        if (matches(entry, node))
            return entry;
    }
    return NULL;
}

/* Is what the name goes on with, "\\child\\rest" in the last `unparsed` bytes, in the folder? */
static bool child_exists(struct memfs_open *open, struct memfs_node *folder, USHORT unparsed)
{
    const UNICODE_STRING *name = &open->file->FileName;
    PWCHAR at = name->Buffer + (name->Length - unparsed) / sizeof(WCHAR) + 1,
           end = name->Buffer + name->Length / sizeof(WCHAR);
    UNICODE_STRING child = {.Buffer = at};
    bool by_short;
    while (at < end && *at != '\\' && *at != ':')
        at++;
    child.Length = child.MaximumLength = (USHORT)((PCHAR)at - (PCHAR)child.Buffer);
    if (!MemfsIsDirectory(folder))
        return false;
    MemfsShareNode(folder);
    bool exists = MemfsLookup(folder, &child, open->case_sensitive, &by_short) != NULL;
    MemfsUnshareNode(folder);
    return exists;
}

static ULONG final_flag(struct memfs_node *node)
{
    return MemfsIsDirectory(node) ? OPEN_REPARSE_POINT_REPARSE_IF_DIRECTORY_FINAL_COMPONENT
                                  : OPEN_REPARSE_POINT_REPARSE_IF_NON_DIRECTORY_FINAL_COMPONENT;
}

static ULONG inner_flag(struct memfs_open *open, struct memfs_node *node, USHORT unparsed)
{
    if (!MemfsIsDirectory(node))
        return OPEN_REPARSE_POINT_REPARSE_IF_NON_DIRECTORY_NON_FINAL_COMPONENT;
    return child_exists(open, node, unparsed) ? OPEN_REPARSE_POINT_REPARSE_IF_CHILD_EXISTS
                                              : OPEN_REPARSE_POINT_REPARSE_IF_CHILD_NOT_EXISTS;
}

bool MemfsOpensPoint(struct memfs_open *open, struct memfs_node *node, bool last, USHORT unparsed)
{
    POPEN_REPARSE_LIST_ENTRY entry = find_entry(open, node);
    if (!entry)
        return false;
    entry->Flags |= OPEN_REPARSE_POINT_TAG_ENCOUNTERED;
    if (!(entry->Flags & (last ? final_flag(node) : inner_flag(open, node, unparsed))))
        return true;
    if (!last)
        entry->RemainingLength = unparsed;
    return false;
}
