/* The seam between the simulated machine and the bottom of a volume's stack: the disk and what it
 * holds. */
#ifndef FLTSIM_MEMFS_DISK_H
#define FLTSIM_MEMFS_DISK_H

#include <fltsim/fltsim.h>

/* A disk device "\Device\HarddiskVolume<N>" with an empty file system of that kind on it; nothing
 * is mounted yet. The options are copied. N counts from 1 in each machine. The caller's device
 * lives until MemfsDeleteDisk. */
NTSTATUS MemfsCreateDisk(const struct fltsim_volume_options *options, PDEVICE_OBJECT *disk);
/* After the volume on it was dismounted: deletes the device and frees what it held (when the last
 * file object of a forced dismount is gone, at the latest). */
void MemfsDeleteDisk(PDEVICE_OBJECT disk);

/* What ejecting does: flushes nothing, forgets every file that nobody has open, and fails every
 * later request on files that are open with STATUS_VOLUME_DISMOUNTED; their clean-ups and closes
 * still succeed. The volume's device goes with the last of them. `device`: the disk, or any device
 * of the volume's stack. Nothing mounted: does nothing. */
void MemfsEject(PDEVICE_OBJECT device);
/* An orderly dismount, as at shutdown: writes cached data back first, then as MemfsEject. */
void MemfsDismount(PDEVICE_OBJECT device);

/* Waits until the devices of dismounted volumes are gone whose last file was closed a moment ago.
 */
void MemfsDrain(void);
/* Volumes are there, or dismounted and held by somebody's files. */
bool MemfsHasVolumes(void);
/* Was the file object opened on a disk of ours? */
bool MemfsIsOurs(PVOID file);

/* Drops the stream control blocks and cached data that nobody has open, as memory pressure does. */
void MemfsTrim(PDEVICE_OBJECT device);

/* A CSVFS-like volume: what the cluster knew of the revisions of its files is lost. */
void MemfsClusterForgets(PDEVICE_OBJECT disk);

/* What to put before a file's path for programs: the drive letter and label that the options asked
 * for. */
const struct fltsim_volume_options *MemfsDiskOptions(PDEVICE_OBJECT disk);

#endif
