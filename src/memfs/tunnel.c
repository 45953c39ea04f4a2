/* Tunnelling: a file that takes the name of one that went, or was renamed, moments ago, in the same folder, gets that one's
 * time of creation and its short name. */
#include "memfs/memfs.h"

#include <string.h>

struct tunnelled {
    LONGLONG created;
};

/* The name goes: the link is still there, its parent's lock held or nobody else's hand on it. */
void MemfsRememberName(struct memfs_volume *volume, const struct memfs_link *link)
{
    if (MemfsIsDirectory(link->node)) {
        FsRtlDeleteKeyFromTunnelCache(&volume->tunnel, (ULONGLONG)link->node->id);
        return;
    }
    struct tunnelled data = {.created = MemfsTime(&link->node->created)};
    UNICODE_STRING name = {link->name_length, link->name_length, link->name},
                   alias = {link->short_length, link->short_length, (PWCH)link->short_name};
    FsRtlAddToTunnelCache(&volume->tunnel, (ULONGLONG)link->parent->id, &alias, &name, FALSE, sizeof data, &data);
}

static void take_short_name(struct memfs_link *link, const UNICODE_STRING *name)
{
    if (!name->Length || !link->short_length || MemfsFindShort(link->parent, name->Buffer, name->Length))
        return;
    MemfsTakeShort(link->parent, link);
    memcpy(link->short_name, name->Buffer, name->Length);
    link->short_length = name->Length;
    MemfsPutShort(link->parent, link);
}

/* The name is there: its parent's lock held. */
void MemfsRecallName(struct memfs_volume *volume, struct memfs_link *link)
{
    WCHAR units[MEMFS_SHORT], *room = NULL;
    UNICODE_STRING name = {link->name_length, link->name_length, link->name},
                   alias = {0, sizeof units, units}, full = {0, 0, room};
    struct tunnelled data;
    ULONG length = sizeof data;
    if (MemfsIsDirectory(link->node) || !FsRtlFindInTunnelCache(&volume->tunnel, (ULONGLONG)link->parent->id, &name, &alias,
                                                                &full, &length, &data))
        return;
    MemfsSetTime(&link->node->created, data.created);
    take_short_name(link, &alias);
    if (full.Buffer)
        ExFreePool(full.Buffer);
}
