/* Where streams lie on the disk. Nobody keeps account of that while nobody asks: a map, when it is opened, brings the
 * extents of every stream up to what it has allocated meanwhile, takes free clusters for what has none yet, and knows then
 * which clusters are free. What lies where is kept with the streams: the next map finds it there. */
#ifndef FLTSIM_MEMFS_CLUSTERS_H
#define FLTSIM_MEMFS_CLUSTERS_H

#include "memfs/memfs.h"

struct memfs_extent {
    LONGLONG vcn, lcn, count;
};

struct memfs_map {
    struct memfs_store *store;
    LONGLONG total;
    UCHAR *bitmap; /* a bit a cluster: in use */
    LONGLONG next; /* where to look for free ones */
    struct memfs_node **nodes; /* referenced */
    ULONG node_count;
};

/* No lock below memfs_volume.tree is held. Until it is closed, the map alone changes extents. */
void MemfsOpenMap(struct memfs_map *map, struct memfs_store *store);
void MemfsCloseMap(struct memfs_map *map);
bool MemfsIsFree(const struct memfs_map *map, LONGLONG lcn, LONGLONG count);
/* The stream from its first cluster to its last, holes with lcn -1: an array (sim_free). How many. */
ULONG MemfsExtents(const struct memfs_stream *stream, struct memfs_extent **extents);
/* The free clusters from lcn on take the place of those at vcn. Holes stay. */
void MemfsMoveExtents(struct memfs_map *map, struct memfs_stream *stream, LONGLONG vcn, LONGLONG lcn, LONGLONG count);

static inline LONGLONG MemfsClusters(const struct memfs_stream *stream)
{
    return __atomic_load_n(&stream->allocated, __ATOMIC_RELAXED) / MEMFS_CLUSTER;
}

#endif
