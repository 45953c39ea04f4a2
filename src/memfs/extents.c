/* Control codes about clusters: where a stream lies, which are free, whose one is, moving them. */
#include "memfs/clusters.h"
#include "memfs/fsctl.h"

#include <string.h>

/* -- of one stream ----------------------------------------------------------------------------- */

/* The bad clusters of an NTFS-like volume: a file as long as the disk, with none. */
static ULONG bad_clusters(const struct memfs_store *store, struct memfs_extent **extents)
{
    *extents = sim_alloc(sizeof **extents);
    **extents = (struct memfs_extent){0, -1, store->size / MEMFS_CLUSTER};
    return 1;
}

static ULONG list(struct memfs_fsctl *c, struct memfs_extent **extents)
{
    struct memfs_map map;
    *extents = NULL;
    if (!c->scb->node)
        return bad_clusters(c->volume->store, extents);
    if (!c->scb->stream)
        return 0; /* folders are in the file table */
    ExAcquireResourceSharedLite(&c->scb->main, TRUE);
    MemfsOpenMap(&map, c->volume->store);
    ULONG count = MemfsExtents(c->scb->stream, extents);
    MemfsCloseMap(&map);
    ExReleaseResourceLite(&c->scb->main);
    return count;
}

static NTSTATUS check_start(const struct memfs_fsctl *c, ULONG least)
{
    if (!c->scb->node && !c->volume->store->ntfs)
        return STATUS_INVALID_PARAMETER;
    if (c->in_length < sizeof(STARTING_VCN_INPUT_BUFFER))
        return STATUS_INVALID_PARAMETER;
    if (c->out_length < least)
        return STATUS_BUFFER_TOO_SMALL;
    return ((const STARTING_VCN_INPUT_BUFFER *)c->in)->StartingVcn.QuadPart < 0 ? STATUS_INVALID_PARAMETER
                                                                                 : STATUS_SUCCESS;
}

/* The first of the extents that ends after vcn; count: there is none. */
static ULONG find(const struct memfs_extent *extents, ULONG count, LONGLONG vcn)
{
    ULONG i = 0;
    while (i < count && extents[i].vcn + extents[i].count <= vcn)
        i++;
    return i;
}

NTSTATUS MemfsGetPointers(struct memfs_fsctl *c)
{
    PRETRIEVAL_POINTERS_BUFFER out = c->out;
    struct memfs_extent *extents;
    NTSTATUS status = check_start(c, sizeof *out);
    if (!NT_SUCCESS(status))
        return status;
    ULONG count = list(c, &extents),
          first = find(extents, count, ((const STARTING_VCN_INPUT_BUFFER *)c->in)->StartingVcn.QuadPart),
          room = (c->out_length - FIELD_OFFSET(RETRIEVAL_POINTERS_BUFFER, Extents)) / sizeof out->Extents[0],
          put = count - first < room ? count - first : room;
    if (first == count) {
        sim_free(extents);
        return STATUS_END_OF_FILE;
    }
    out->ExtentCount = put;
    out->StartingVcn.QuadPart = extents[first].vcn;
    for (ULONG i = 0; i < put; i++) {
        out->Extents[i].NextVcn.QuadPart = extents[first + i].vcn + extents[first + i].count;
        out->Extents[i].Lcn.QuadPart = extents[first + i].lcn;
    }
    c->done = FIELD_OFFSET(RETRIEVAL_POINTERS_BUFFER, Extents) + put * sizeof out->Extents[0];
    sim_free(extents);
    return put < count - first ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

NTSTATUS MemfsCountPointers(struct memfs_fsctl *c)
{
    PRETRIEVAL_POINTER_COUNT out = c->out;
    struct memfs_extent *extents;
    NTSTATUS status = check_start(c, sizeof *out);
    if (!NT_SUCCESS(status))
        return status;
    ULONG count = list(c, &extents),
          first = find(extents, count, ((const STARTING_VCN_INPUT_BUFFER *)c->in)->StartingVcn.QuadPart);
    sim_free(extents);
    if (first == count)
        return STATUS_END_OF_FILE;
    out->ExtentCount = count - first;
    c->done = sizeof *out;
    return STATUS_SUCCESS;
}

/* Of a paging file, for the kernel: pairs of a length and a place in bytes, ended by zeros. */
NTSTATUS MemfsQueryPointers(struct memfs_fsctl *c)
{
    struct memfs_extent *extents;
    LARGE_INTEGER *out = c->out;
    if (c->irp->RequestorMode != KernelMode || !c->scb->stream || !c->scb->paging_file ||
        c->in_length < sizeof(LARGE_INTEGER))
        return STATUS_INVALID_PARAMETER;
    LONGLONG left = ((const LARGE_INTEGER *)c->in)->QuadPart;
    ULONG count = list(c, &extents), put = 0, room = c->out_length / (2 * sizeof *out);
    for (; put < count && put + 1 < room && left > 0; put++) {
        LONGLONG length = extents[put].count * MEMFS_CLUSTER < left ? extents[put].count * MEMFS_CLUSTER : left;
        out[2 * put].QuadPart = length;
        out[2 * put + 1].QuadPart = extents[put].lcn * MEMFS_CLUSTER;
        left -= length;
    }
    sim_free(extents);
    if (put + 1 > room || (put < count && left > 0))
        return STATUS_BUFFER_TOO_SMALL;
    out[2 * put].QuadPart = out[2 * put + 1].QuadPart = 0;
    c->done = (put + 1ull) * 2 * sizeof *out;
    return STATUS_SUCCESS;
}

/* -- of the volume ----------------------------------------------------------------------------- */

NTSTATUS MemfsGetBitmap(struct memfs_fsctl *c)
{
    const ULONG head = FIELD_OFFSET(VOLUME_BITMAP_BUFFER, Buffer);
    PVOLUME_BITMAP_BUFFER out = c->out;
    struct memfs_map map;
    LONGLONG total = c->volume->store->size / MEMFS_CLUSTER;
    if (c->scb->node || c->in_length < sizeof(STARTING_LCN_INPUT_BUFFER))
        return STATUS_INVALID_PARAMETER;
    LONGLONG start = ((const STARTING_LCN_INPUT_BUFFER *)c->in)->StartingLcn.QuadPart;
    if (c->out_length < sizeof *out)
        return STATUS_BUFFER_TOO_SMALL;
    if (start < 0 || start >= total)
        return STATUS_INVALID_PARAMETER;
    start &= ~7LL;
    LONGLONG bytes = (total - start + 7) / 8, room = c->out_length - head;
    MemfsOpenMap(&map, c->volume->store);
    memcpy(out->Buffer, map.bitmap + start / 8, (size_t)(bytes < room ? bytes : room));
    MemfsCloseMap(&map);
    out->StartingLcn.QuadPart = start;
    out->BitmapSize.QuadPart = total - start;
    c->done = head + (ULONG_PTR)(bytes < room ? bytes : room);
    return bytes > room ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

/* Clusters are counted from the first sector on. */
NTSTATUS MemfsPointerBase(struct memfs_fsctl *c)
{
    if (c->scb->node)
        return STATUS_INVALID_PARAMETER;
    if (c->out_length < sizeof(LARGE_INTEGER))
        return STATUS_BUFFER_TOO_SMALL;
    ((LARGE_INTEGER *)c->out)->QuadPart = 0;
    c->done = sizeof(LARGE_INTEGER);
    return STATUS_SUCCESS;
}

/* -- moving ------------------------------------------------------------------------------------ */

static NTSTATUS move_locked(struct memfs_scb *scb, const MOVE_FILE_DATA *move)
{
    struct memfs_map map;
    LONGLONG vcn = move->StartingVcn.QuadPart, lcn = move->StartingLcn.QuadPart, count = move->ClusterCount,
             total = scb->volume->store->size / MEMFS_CLUSTER, have = MemfsClusters(scb->stream);
    if (vcn < 0 || lcn < 0 || !count || vcn >= have || count > have - vcn || lcn >= total || count > total - lcn)
        return STATUS_INVALID_PARAMETER;
    MemfsOpenMap(&map, scb->volume->store);
    NTSTATUS status = MemfsIsFree(&map, lcn, count) ? STATUS_SUCCESS : STATUS_ALREADY_COMMITTED;
    if (NT_SUCCESS(status))
        MemfsMoveExtents(&map, scb->stream, vcn, lcn, count);
    MemfsCloseMap(&map);
    return status;
}

static NTSTATUS move_file(const struct memfs_fsctl *c, PFILE_OBJECT file, const MOVE_FILE_DATA *move)
{
    struct memfs_scb *scb = file->DeviceObject == c->file->DeviceObject && file->FsContext2 ? MemfsScbOf(file) : NULL;
    if (!scb || scb->volume != c->volume || !scb->stream || scb->paging_file)
        return STATUS_INVALID_PARAMETER;
    if (MemfsCount(&scb->guarded) > 0)
        return STATUS_ACCESS_DENIED;
    ExAcquireResourceExclusiveLite(&scb->main, TRUE);
    NTSTATUS status = move_locked(scb, move);
    ExReleaseResourceLite(&scb->main);
    return status;
}

NTSTATUS MemfsMoveFile(struct memfs_fsctl *c)
{
    PFILE_OBJECT file;
    if (c->scb->node || c->in_length < sizeof(MOVE_FILE_DATA))
        return STATUS_INVALID_PARAMETER;
    if (MemfsIsReadOnly(c->volume))
        return STATUS_MEDIA_WRITE_PROTECTED;
    MOVE_FILE_DATA move = *(const MOVE_FILE_DATA *)c->in;
    NTSTATUS status = ObReferenceObjectByHandle(move.FileHandle, 0, *IoFileObjectType, c->irp->RequestorMode,
                                                (PVOID *)&file, NULL);
    if (!NT_SUCCESS(status))
        return status;
    status = move_file(c, file, &move);
    ObDereferenceObject(file);
    return status;
}

/* -- whose is it? ------------------------------------------------------------------------------ */

struct lookup {
    const LOOKUP_STREAM_FROM_CLUSTER_INPUT *in;
    UCHAR *out;
    ULONG room, used, last, matches, put;
};

static bool has(const struct memfs_stream *stream, LONGLONG lcn)
{
    for (ULONG i = 0; i < stream->extent_count; i++)
        if (lcn >= stream->extents[i].lcn && lcn - stream->extents[i].lcn < stream->extents[i].count)
            return true;
    return false;
}

/* Counted in any case; put while there is room. */
static void put_entry(struct lookup *lookup, const struct memfs_stream *stream, LONGLONG lcn, const UNICODE_STRING *path)
{
    static const WCHAR suffix[] = {':', '$', 'D', 'A', 'T', 'A', 0};
    const ULONG head = FIELD_OFFSET(LOOKUP_STREAM_FROM_CLUSTER_ENTRY, FileName);
    ULONG colon = stream->name_length ? 0 : sizeof(WCHAR), at = (lookup->used + 7) & ~7u,
          size = head + path->Length + colon + (ULONG)sizeof suffix;
    lookup->used = at + size;
    lookup->matches++;
    if (lookup->used > lookup->room)
        return;
    PLOOKUP_STREAM_FROM_CLUSTER_ENTRY entry = (PVOID)(lookup->out + at);
    memset(entry, 0, head);
    entry->Flags = LOOKUP_STREAM_FROM_CLUSTER_ENTRY_ATTRIBUTE_DATA |
                   (stream->scb && stream->scb->paging_file ? LOOKUP_STREAM_FROM_CLUSTER_ENTRY_FLAG_PAGE_FILE : 0);
    entry->Cluster.QuadPart = lcn;
    UCHAR *name = (UCHAR *)entry + head;
    memcpy(name, path->Buffer, path->Length);
    memcpy(name + path->Length, suffix, colon);
    memcpy(name + path->Length + colon, suffix, sizeof suffix);
    if (lookup->last)
        ((PLOOKUP_STREAM_FROM_CLUSTER_ENTRY)(PVOID)(lookup->out + lookup->last))->OffsetToNext = at - lookup->last;
    lookup->last = at;
    lookup->put++;
}

static NTSTATUS look_at(struct lookup *lookup, const struct memfs_stream *stream)
{
    UNICODE_STRING path = {0, 0, NULL};
    NTSTATUS status = STATUS_SUCCESS;
    for (ULONG i = 0; i < lookup->in->NumberOfClusters && NT_SUCCESS(status); i++) {
        if (!has(stream, lookup->in->Cluster[i].QuadPart))
            continue;
        if (!path.Buffer)
            status = MemfsPathOf(stream->node->links, stream, false, &path);
        if (NT_SUCCESS(status))
            put_entry(lookup, stream, lookup->in->Cluster[i].QuadPart, &path);
    }
    if (path.Buffer)
        ExFreePoolWithTag(path.Buffer, MEMFS_TAG);
    return status;
}

static NTSTATUS look_everywhere(struct lookup *lookup, const struct memfs_map *map)
{
    NTSTATUS status = STATUS_SUCCESS;
    for (ULONG i = 0; i < map->node_count && NT_SUCCESS(status); i++) {
        MemfsShareNode(map->nodes[i]);
        for (struct memfs_stream *stream = map->nodes[i]->links ? map->nodes[i]->streams : NULL; stream && NT_SUCCESS(status);
             stream = stream->next)
            status = look_at(lookup, stream);
        MemfsUnshareNode(map->nodes[i]);
    }
    return status;
}

NTSTATUS MemfsLookupCluster(struct memfs_fsctl *c)
{
    const ULONG head = FIELD_OFFSET(LOOKUP_STREAM_FROM_CLUSTER_INPUT, Cluster);
    struct lookup lookup = {.room = c->out_length, .used = sizeof(LOOKUP_STREAM_FROM_CLUSTER_OUTPUT)};
    struct memfs_map map;
    const LOOKUP_STREAM_FROM_CLUSTER_INPUT *in = c->in;
    if (c->in_length < head || !in->NumberOfClusters ||
        in->NumberOfClusters > (c->in_length - head) / sizeof in->Cluster[0])
        return STATUS_INVALID_PARAMETER;
    if (c->out_length < sizeof(LOOKUP_STREAM_FROM_CLUSTER_OUTPUT))
        return STATUS_BUFFER_TOO_SMALL;
    PVOID copy = ExAllocatePoolWithTag(PagedPool, c->in_length, MEMFS_TAG); /* out may be where in is */
    if (!copy)
        return STATUS_INSUFFICIENT_RESOURCES;
    memcpy(copy, c->in, c->in_length);
    lookup.in = copy;
    lookup.out = c->out;
    ExAcquireResourceSharedLite(&c->volume->tree, TRUE);
    MemfsOpenMap(&map, c->volume->store);
    NTSTATUS status = look_everywhere(&lookup, &map);
    MemfsCloseMap(&map);
    ExReleaseResourceLite(&c->volume->tree);
    ExFreePoolWithTag(copy, MEMFS_TAG);
    if (!NT_SUCCESS(status))
        return status;
    const ULONG first = (sizeof(LOOKUP_STREAM_FROM_CLUSTER_OUTPUT) + 7) & ~7u;
    *(PLOOKUP_STREAM_FROM_CLUSTER_OUTPUT)c->out = (LOOKUP_STREAM_FROM_CLUSTER_OUTPUT){
        .Offset = lookup.put ? first : 0, .NumberOfMatches = lookup.put, .BufferSizeRequired = lookup.used};
    c->done = lookup.used <= c->out_length ? lookup.used : c->out_length;
    return lookup.put < lookup.matches ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}
