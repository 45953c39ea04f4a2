/* One IRP_MJ_FILE_SYSTEM_CONTROL of a program or a driver: what its handlers share. */
#ifndef FLTSIM_MEMFS_FSCTL_H
#define FLTSIM_MEMFS_FSCTL_H

#include "memfs/memfs.h"

/* in and out are in the kernel and aligned, whichever way the buffers came; they may be the same: read first. */
struct memfs_fsctl {
    PIRP irp;
    PFILE_OBJECT file;
    struct memfs_volume *volume;
    struct memfs_scb *scb; /* node NULL: the volume */
    struct memfs_ccb *ccb;
    PVOID in, out;
    ULONG in_length, out_length;
    ULONG_PTR done; /* bytes of out */
};

/* reparse.c */
NTSTATUS MemfsSetReparse(struct memfs_fsctl *c);
NTSTATUS MemfsSetReparseEx(struct memfs_fsctl *c);
NTSTATUS MemfsGetReparse(struct memfs_fsctl *c);
NTSTATUS MemfsDeleteReparse(struct memfs_fsctl *c);

/* objectid.c */
NTSTATUS MemfsSetObjectId(struct memfs_fsctl *c);
NTSTATUS MemfsSetObjectIdExtended(struct memfs_fsctl *c);
NTSTATUS MemfsGetObjectId(struct memfs_fsctl *c);
NTSTATUS MemfsCreateOrGetObjectId(struct memfs_fsctl *c);
NTSTATUS MemfsDeleteObjectId(struct memfs_fsctl *c);

/* ranges.c */
NTSTATUS MemfsSetSparse(struct memfs_fsctl *c);
NTSTATUS MemfsSetZeroData(struct memfs_fsctl *c);
NTSTATUS MemfsQueryRanges(struct memfs_fsctl *c);
NTSTATUS MemfsGetCompression(struct memfs_fsctl *c);
NTSTATUS MemfsSetCompression(struct memfs_fsctl *c);

/* extents.c */
NTSTATUS MemfsGetPointers(struct memfs_fsctl *c);
NTSTATUS MemfsCountPointers(struct memfs_fsctl *c);
NTSTATUS MemfsQueryPointers(struct memfs_fsctl *c);
NTSTATUS MemfsGetBitmap(struct memfs_fsctl *c);
NTSTATUS MemfsPointerBase(struct memfs_fsctl *c);
NTSTATUS MemfsMoveFile(struct memfs_fsctl *c);
NTSTATUS MemfsLookupCluster(struct memfs_fsctl *c);

/* volctl.c */
NTSTATUS MemfsLockVolume(struct memfs_fsctl *c);
NTSTATUS MemfsUnlockVolume(struct memfs_fsctl *c);
NTSTATUS MemfsDismountControl(struct memfs_fsctl *c);
NTSTATUS MemfsIsMounted(struct memfs_fsctl *c);
NTSTATUS MemfsIsPathnameValid(struct memfs_fsctl *c);
NTSTATUS MemfsVolumeData(struct memfs_fsctl *c);
NTSTATUS MemfsAllowDirect(struct memfs_fsctl *c);
NTSTATUS MemfsIsDirty(struct memfs_fsctl *c);
NTSTATUS MemfsMarkDirty(struct memfs_fsctl *c);

/* volstate.c */
NTSTATUS MemfsQueryState(struct memfs_fsctl *c);
NTSTATUS MemfsSetState(struct memfs_fsctl *c);
NTSTATUS MemfsBootArea(struct memfs_fsctl *c);
NTSTATUS MemfsFatBpb(struct memfs_fsctl *c);
NTSTATUS MemfsZeroOnDeallocation(struct memfs_fsctl *c);
NTSTATUS MemfsMarkHive(struct memfs_fsctl *c);

/* csv.c */
NTSTATUS MemfsCsvControl(struct memfs_fsctl *c);
NTSTATUS MemfsIsOnCsv(struct memfs_fsctl *c);

/* usn.c */
NTSTATUS MemfsReadFileUsn(struct memfs_fsctl *c);

/* journal.c, journal_read.c */
NTSTATUS MemfsCreateJournal(struct memfs_fsctl *c);
NTSTATUS MemfsQueryJournal(struct memfs_fsctl *c);
NTSTATUS MemfsDeleteJournal(struct memfs_fsctl *c);
NTSTATUS MemfsWriteUsnClose(struct memfs_fsctl *c);
NTSTATUS MemfsReadJournal(struct memfs_fsctl *c);
NTSTATUS MemfsEnumUsn(struct memfs_fsctl *c);

/* offload.c */
NTSTATUS MemfsOffloadRead(struct memfs_fsctl *c);
NTSTATUS MemfsOffloadWrite(struct memfs_fsctl *c);

/* find_by_sid.c, regions.c, statistics.c */
NTSTATUS MemfsFindBySid(struct memfs_fsctl *c);
NTSTATUS MemfsQueryRegions(struct memfs_fsctl *c);
NTSTATUS MemfsFileLevelTrim(struct memfs_fsctl *c);
NTSTATUS MemfsStatistics(struct memfs_fsctl *c);

/* bypass.c */
NTSTATUS MemfsManageBypass(struct memfs_fsctl *c);

/* record.c */
NTSTATUS MemfsFileRecord(struct memfs_fsctl *c);

/* mark.c */
NTSTATUS MemfsMarkHandle(struct memfs_fsctl *c);

/* scanned.c */
NTSTATUS MemfsPurgeFailureMode(struct memfs_fsctl *c);

#endif
