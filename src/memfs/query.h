/* One IRP_MJ_QUERY_INFORMATION: what fileinfo.c and filelist.c share. */
#ifndef FLTSIM_MEMFS_QUERY_H
#define FLTSIM_MEMFS_QUERY_H

#include "memfs/memfs.h"

struct memfs_query {
    PFILE_OBJECT file;
    struct memfs_scb *scb;
    struct memfs_ccb *ccb;
    UCHAR *buffer;
    ULONG room, used;
};

/* filelist.c: answers of any length. The status of a list that does not fit is STATUS_BUFFER_OVERFLOW. */
NTSTATUS MemfsQueryPath(struct memfs_query *query, ULONG offset, bool normalized);
NTSTATUS MemfsQueryAlternateName(struct memfs_query *query);
NTSTATUS MemfsQueryStreams(struct memfs_query *query);
NTSTATUS MemfsQueryLinks(struct memfs_query *query);
NTSTATUS MemfsQueryLinksFullId(struct memfs_query *query);

#endif
