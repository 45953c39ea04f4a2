/* The clusters of a disk: which stream has which. */
#include "memfs/clusters.h"

#include <string.h>

enum { ZONE = 8 }; /* an eighth of the disk is left for last, as NTFS leaves it to its file table */

static LONGLONG least(LONGLONG a, LONGLONG b)
{
    return a < b ? a : b;
}

/* -- the bitmap -------------------------------------------------------------------------------- */

static bool is_used(const struct memfs_map *map, LONGLONG lcn)
{
    return map->bitmap[lcn / 8] >> (lcn % 8) & 1;
}

static void mark(struct memfs_map *map, LONGLONG lcn, LONGLONG count, bool used)
{
    for (LONGLONG end = lcn + count; lcn < end; lcn++)
        if (used)
            map->bitmap[lcn / 8] |= (UCHAR)(1u << (lcn % 8));
        else
            map->bitmap[lcn / 8] &= (UCHAR) ~(1u << (lcn % 8));
}

/* Free clusters from lcn on, no more than `most` or up to `end`. */
static LONGLONG free_at(const struct memfs_map *map, LONGLONG lcn, LONGLONG end, LONGLONG most)
{
    LONGLONG count = 0;
    while (count < most && lcn + count < end && !is_used(map, lcn + count))
        count++;
    return count;
}

bool MemfsIsFree(const struct memfs_map *map, LONGLONG lcn, LONGLONG count)
{
    return free_at(map, lcn, map->total, count) == count;
}

/* The first run of `most` free clusters, else the longest there is; its length. */
static LONGLONG search(const struct memfs_map *map, LONGLONG from, LONGLONG end, LONGLONG most, LONGLONG *lcn)
{
    LONGLONG best = 0;
    for (LONGLONG at = from; at < end && best < most;) {
        LONGLONG count = free_at(map, at, end, most);
        if (count > best) {
            best = count;
            *lcn = at;
        }
        at += count ? count : 1;
    }
    return best;
}

static LONGLONG take(struct memfs_map *map, LONGLONG hint, LONGLONG most, LONGLONG *lcn)
{
    LONGLONG count = hint >= 0 ? free_at(map, hint, map->total, most) : 0, low, best;
    *lcn = hint;
    if (!count) {
        count = search(map, map->next, map->total, most, lcn);
        best = count < most ? search(map, 0, map->next, most, &low) : 0;
        if (best > count) {
            count = best;
            *lcn = low;
        }
    }
    mark(map, *lcn, count, true);
    if (count)
        map->next = *lcn + count < map->total ? *lcn + count : 0;
    return count;
}

/* -- the extents of a stream ------------------------------------------------------------------- */

struct runs {
    struct memfs_extent *list;
    ULONG count, room;
};

static void put(struct runs *runs, LONGLONG vcn, LONGLONG lcn, LONGLONG count)
{
    struct memfs_extent *last = runs->count ? &runs->list[runs->count - 1] : NULL;
    if (count <= 0)
        return;
    if (last && last->vcn + last->count == vcn && (lcn < 0 ? last->lcn < 0 : last->lcn >= 0 && last->lcn + last->count == lcn)) {
        last->count += count;
        return;
    }
    if (runs->count == runs->room) {
        runs->room = runs->room ? runs->room * 2 : 2;
        runs->list = sim_realloc(runs->list, runs->room * sizeof *runs->list);
    }
    runs->list[runs->count++] = (struct memfs_extent){vcn, lcn, count};
}

static void keep(struct memfs_stream *stream, struct runs *runs)
{
    sim_free(stream->extents);
    stream->extents = runs->list;
    stream->extent_count = runs->count;
}

/* The next clusters, at `at` or after it, that the stream has: from..end. False: none. */
static bool next_wanted(struct memfs_stream *stream, LONGLONG at, LONGLONG *from, LONGLONG *end)
{
    if (!MemfsIs(&stream->sparse)) {
        *from = at;
        *end = MemfsClusters(stream);
        return at < *end;
    }
    LONGLONG stop, data = MemfsNextData(stream, at * MEMFS_CLUSTER, &stop);
    if (data < 0)
        return false;
    *from = data / MEMFS_CLUSTER;
    *end = stop / MEMFS_CLUSTER;
    return true;
}

/* What it has given back is free; what it keeps is in use. */
static void trim(struct memfs_map *map, struct memfs_stream *stream)
{
    struct runs kept = {0};
    for (ULONG i = 0; i < stream->extent_count; i++) {
        struct memfs_extent e = stream->extents[i];
        LONGLONG at = e.vcn, stop = e.vcn + e.count, from, end;
        while (at < stop && next_wanted(stream, at, &from, &end) && from < stop) {
            at = least(end, stop);
            put(&kept, from, e.lcn + (from - e.vcn), at - from);
            mark(map, e.lcn + (from - e.vcn), at - from, true);
        }
    }
    keep(stream, &kept);
}

/* from..end: what has no cluster there yet gets one, behind those before it where there is room. */
static void fill_range(struct memfs_map *map, const struct memfs_stream *stream, struct runs *runs, LONGLONG from,
                       LONGLONG end, ULONG *i)
{
    while (from < end) {
        while (*i < stream->extent_count && stream->extents[*i].vcn + stream->extents[*i].count <= from)
            ++*i;
        const struct memfs_extent *e = *i < stream->extent_count ? &stream->extents[*i] : NULL;
        LONGLONG lcn, count;
        if (e && e->vcn <= from) {
            count = least(end, e->vcn + e->count) - from;
            lcn = e->lcn + (from - e->vcn);
        } else {
            const struct memfs_extent *last = runs->count ? &runs->list[runs->count - 1] : NULL;
            count = take(map, last ? last->lcn + last->count : -1, (e ? least(end, e->vcn) : end) - from, &lcn);
            if (!count)
                return; /* the sizes moved while we looked: the next map finds room */
        }
        put(runs, from, lcn, count);
        from += count;
    }
}

static void fill(struct memfs_map *map, struct memfs_stream *stream)
{
    struct runs runs = {0};
    LONGLONG at = 0, from, end;
    ULONG i = 0;
    while (next_wanted(stream, at, &from, &end)) {
        fill_range(map, stream, &runs, from, end, &i);
        at = end;
    }
    keep(stream, &runs);
}

static void each_stream(struct memfs_map *map, void (*visit)(struct memfs_map *map, struct memfs_stream *stream))
{
    for (ULONG i = 0; i < map->node_count; i++) {
        MemfsShareNode(map->nodes[i]);
        for (struct memfs_stream *stream = map->nodes[i]->streams; stream; stream = stream->next)
            visit(map, stream);
        MemfsUnshareNode(map->nodes[i]);
    }
}

/* -- the map ----------------------------------------------------------------------------------- */

void MemfsOpenMap(struct memfs_map *map, struct memfs_store *store)
{
    map->store = store;
    map->total = store->size / MEMFS_CLUSTER;
    map->next = map->total / ZONE;
    map->bitmap = sim_alloc((size_t)map->total / 8 + 1);
    map->node_count = MemfsAllNodes(store, &map->nodes);
    ExAcquirePushLockExclusive(&store->clusters_lock);
    each_stream(map, trim);
    each_stream(map, fill);
}

void MemfsCloseMap(struct memfs_map *map)
{
    ExReleasePushLockExclusive(&map->store->clusters_lock);
    for (ULONG i = 0; i < map->node_count; i++)
        MemfsReleaseNode(map->nodes[i]);
    sim_free(map->nodes);
    sim_free(map->bitmap);
}

ULONG MemfsExtents(const struct memfs_stream *stream, struct memfs_extent **extents)
{
    struct runs runs = {0};
    LONGLONG at = 0, end = MemfsClusters(stream);
    for (ULONG i = 0; i < stream->extent_count; i++) {
        const struct memfs_extent *e = &stream->extents[i];
        put(&runs, at, -1, e->vcn - at);
        put(&runs, e->vcn, e->lcn, e->count);
        at = e->vcn + e->count;
    }
    put(&runs, at, -1, end - at);
    *extents = runs.list;
    return runs.count;
}

void MemfsMoveExtents(struct memfs_map *map, struct memfs_stream *stream, LONGLONG vcn, LONGLONG lcn, LONGLONG count)
{
    struct runs runs = {0};
    LONGLONG end = vcn + count;
    for (ULONG i = 0; i < stream->extent_count; i++) {
        struct memfs_extent e = stream->extents[i];
        LONGLONG from = e.vcn > vcn ? e.vcn : vcn, to = least(e.vcn + e.count, end);
        if (from >= to) {
            put(&runs, e.vcn, e.lcn, e.count);
            continue;
        }
        put(&runs, e.vcn, e.lcn, from - e.vcn);
        put(&runs, from, lcn + (from - vcn), to - from);
        put(&runs, to, e.lcn + (to - e.vcn), e.vcn + e.count - to);
        mark(map, e.lcn + (from - e.vcn), to - from, false);
        mark(map, lcn + (from - vcn), to - from, true);
    }
    keep(stream, &runs);
}
