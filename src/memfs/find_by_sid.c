/* FSCTL_FIND_FILES_BY_SID: what below a folder somebody owns, as long as quotas are tracked. */
#include "memfs/fsctl.h"

#include <stdlib.h>
#include <string.h>

struct search {
    struct memfs_fsctl *c;
    PSID sid;
    ULONG sid_length, prefix; /* bytes of the folder's path, and the backslash behind it */
    ULONG last;               /* offset of the entry before; MAXULONG: none */
};

static int by_id(const void *a, const void *b)
{
    LONGLONG x = (*(struct memfs_node *const *)a)->id, y = (*(struct memfs_node *const *)b)->id;
    return x < y ? -1 : x > y;
}

static bool is_below(const struct memfs_link *link, const struct memfs_node *folder)
{
    for (; link && link->parent; link = link->parent->links)
        if (link->parent == folder)
            return true;
    return false;
}

static bool is_owned(const struct search *search, struct memfs_node *node)
{
    UCHAR sid[SECURITY_MAX_SID_SIZE];
    ULONG length = MemfsCopyOwner(node, sid, sizeof sid);
    return length == search->sid_length && memcmp(sid, search->sid, length) == 0;
}

static NTSTATUS put(struct search *search, ULONG index, const UNICODE_STRING *path)
{
    const ULONG head = FIELD_OFFSET(FIND_BY_SID_OUTPUT, FileName);
    struct memfs_fsctl *c = search->c;
    ULONG at = ((ULONG)c->done + 7) & ~7u, length = path->Length - search->prefix;
    if (at > c->out_length || head + length > c->out_length - at)
        return c->done ? STATUS_BUFFER_OVERFLOW : STATUS_BUFFER_TOO_SMALL;
    PFIND_BY_SID_OUTPUT out = (PVOID)((UCHAR *)c->out + at);
    memset((UCHAR *)c->out + c->done, 0, at - c->done);
    out->NextEntryOffset = 0;
    out->FileIndex = index;
    out->FileNameLength = length;
    memcpy(out->FileName, (const UCHAR *)path->Buffer + search->prefix, length);
    if (search->last != MAXULONG)
        *(ULONG *)(PVOID)((UCHAR *)c->out + search->last) = at - search->last;
    search->last = at;
    c->done = at + head + length;
    return STATUS_SUCCESS;
}

/* volume.tree held. */
static NTSTATUS look_at(struct search *search, struct memfs_node *node)
{
    UNICODE_STRING path;
    struct memfs_link *link = is_owned(search, node) ? MemfsFirstLink(node) : NULL;
    NTSTATUS status = STATUS_SUCCESS;
    if (!link)
        return status;
    if (is_below(link, search->c->scb->node)) {
        status = MemfsPathOf(link, NULL, false, &path);
        if (NT_SUCCESS(status)) {
            status = put(search, (ULONG)node->id, &path);
            ExFreePoolWithTag(path.Buffer, MEMFS_TAG);
        }
    }
    MemfsReleaseLink(link);
    return status;
}

static NTSTATUS look_everywhere(struct search *search)
{
    struct memfs_node **nodes;
    struct memfs_ccb *ccb = search->c->ccb;
    ULONG count = MemfsAllNodes(search->c->volume->store, &nodes);
    NTSTATUS status = STATUS_SUCCESS;
    qsort(nodes, count, sizeof *nodes, by_id);
    for (ULONG i = 0; i < count; i++) {
        if (status == STATUS_SUCCESS && nodes[i]->id > ccb->sid_index) {
            status = look_at(search, nodes[i]);
            if (status == STATUS_SUCCESS)
                ccb->sid_index = nodes[i]->id;
        }
        MemfsReleaseNode(nodes[i]);
    }
    sim_free(nodes);
    return status == STATUS_BUFFER_OVERFLOW ? STATUS_SUCCESS : status;
}

static NTSTATUS find(struct search *search)
{
    UNICODE_STRING path;
    NTSTATUS status = MemfsPathOf(search->c->ccb->link, NULL, false, &path);
    if (!NT_SUCCESS(status))
        return status;
    search->prefix = path.Length == sizeof(WCHAR) ? path.Length : path.Length + (ULONG)sizeof(WCHAR);
    ExFreePoolWithTag(path.Buffer, MEMFS_TAG);
    return look_everywhere(search);
}

NTSTATUS MemfsFindBySid(struct memfs_fsctl *c)
{
    const ULONG head = FIELD_OFFSET(FIND_BY_SID_DATA, Sid);
    struct search search = {.c = c, .last = MAXULONG};
    const FIND_BY_SID_DATA *in = c->in;
    if (!c->scb->node || c->scb->stream)
        return STATUS_INVALID_PARAMETER;
    if (!MemfsTracksQuotas(c->volume->store))
        return STATUS_NO_QUOTAS_FOR_ACCOUNT;
    if (c->in_length < head + FIELD_OFFSET(SID, SubAuthority) || c->out_length < 8)
        return STATUS_INVALID_USER_BUFFER;
    search.sid = (PSID)&in->Sid;
    if (in->Sid.SubAuthorityCount > SID_MAX_SUB_AUTHORITIES ||
        RtlLengthRequiredSid(in->Sid.SubAuthorityCount) > c->in_length - head)
        return STATUS_INVALID_USER_BUFFER;
    if (!RtlValidSid(search.sid))
        return STATUS_INVALID_PARAMETER;
    search.sid_length = RtlLengthSid(search.sid);
    ExAcquireResourceExclusiveLite(&c->scb->main, TRUE);
    ExAcquireResourceSharedLite(&c->volume->tree, TRUE);
    if (in->Restart)
        c->ccb->sid_index = 0;
    NTSTATUS status = find(&search);
    ExReleaseResourceLite(&c->volume->tree);
    ExReleaseResourceLite(&c->scb->main);
    return status;
}
