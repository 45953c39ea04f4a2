/* One IRP_MJ_CREATE: what its steps share. */
#ifndef FLTSIM_MEMFS_OPEN_H
#define FLTSIM_MEMFS_OPEN_H

#include "memfs/memfs.h"

struct memfs_open {
    PIRP irp;
    PFILE_OBJECT file;
    struct memfs_volume *volume;
    PIO_SECURITY_CONTEXT security;
    ACCESS_MASK access; /* desired; MAXIMUM_ALLOWED resolved */
    ULONG disposition, options;
    USHORT share;
    ULONG attributes;
    bool case_sensitive, target_directory, paging_file, ignore_read_only;
    bool want_directory; /* FILE_DIRECTORY_FILE, or a name that ends with a backslash */
    bool trailing_slash;
    ULONG ccb_flags;
    struct memfs_node *parent; /* referenced: the folder of the last component */
    struct memfs_link *link;   /* referenced: what the last component names; NULL: nothing yet */
    struct memfs_name last;    /* the last component, split */
    UNICODE_STRING component;  /* the last component, whole */
    USHORT unparsed;           /* bytes of the file's name after what was looked up */
    struct memfs_scb *scb;     /* referenced until it is the file object's */
    ULONG_PTR information;
};

/* path.c. Finds parent, link, last. STATUS_REPARSE after setting the IRP's reparse buffer. */
NTSTATUS MemfsWalk(struct memfs_open *open);
NTSTATUS MemfsStopAtReparse(struct memfs_open *open, struct memfs_node *node, USHORT unparsed);
/* open_reparse.c. The create says to open the point, or to walk through its folder. */
bool MemfsOpensPoint(struct memfs_open *open, struct memfs_node *node, bool last, USHORT unparsed);

/* open.c */
NTSTATUS MemfsOpenExisting(struct memfs_open *open);
NTSTATUS MemfsOpenNew(struct memfs_open *open);
NTSTATUS MemfsOpenTarget(struct memfs_open *open);
NTSTATUS MemfsOpenSelf(struct memfs_open *open);
/* open->scb's main resource is exclusive and sharing settled: makes the file object an open one. */
void MemfsFinishOpen(struct memfs_open *open, struct memfs_link *link);

/* create_info.c: answers what the create was asked to bring back. It succeeded. */
void MemfsTellAboutOpen(struct memfs_open *open);
/* csv.c: likewise, the file's revision. */
void MemfsTellRevision(struct memfs_open *open, PECP_LIST ecps);

/* oplock.c: `share` is what sharing says of the open. STATUS_OPLOCK_BREAK_IN_PROGRESS: it did not want to wait. */
NTSTATUS MemfsBreakForOpen(struct memfs_open *open, NTSTATUS share);

/* Whoever locks the volume looks for users after he said so; an open looks at that when it is counted as one. */
static inline NTSTATUS MemfsMayOpen(struct memfs_volume *volume)
{
    if (MemfsIs(&volume->dismounted))
        return STATUS_VOLUME_DISMOUNTED;
    return __atomic_load_n(&volume->locked_by, __ATOMIC_SEQ_CST) ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

static inline bool MemfsWrites(ACCESS_MASK access)
{
    return (access & (FILE_WRITE_DATA | FILE_APPEND_DATA)) != 0;
}

#endif
