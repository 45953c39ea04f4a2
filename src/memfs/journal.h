/* The change journal of an NTFS-like disk: a stream of records that lives as long as nobody deletes it. */
#ifndef FLTSIM_MEMFS_JOURNAL_H
#define FLTSIM_MEMFS_JOURNAL_H

#include "memfs/fsctl.h"

enum { MEMFS_USN_PAGE = 4096 }; /* no record crosses one */

struct memfs_journal { /* under memfs_store.journal_lock, as node.usn and node.usn_reasons are */
    ULONGLONG id, most, delta;
    USN first, next; /* what is kept */
    UCHAR *bytes;    /* of [first, next): records of version 2, and gaps of zeros */
    size_t room;
};

/* usn.c. The length of such a record, and the record. */
ULONG MemfsUsnLength(const struct memfs_link *link, bool wide);
void MemfsPutUsn(PVOID record, const struct memfs_link *link, USN usn, bool wide);
/* From one of version 2. */
void MemfsWidenUsn(PUSN_RECORD_V3 wide, const USN_RECORD_V2 *record);
/* Both versions that are asked for; what we know of them. STATUS_INVALID_PARAMETER: none. */
NTSTATUS MemfsUsnVersion(USHORT least, USHORT most, bool *wide);

/* journal.c. The record at `at` or after it; NULL: there is none. journal_lock held. */
const USN_RECORD_V2 *MemfsNextUsn(const struct memfs_journal *journal, USN *at);
/* The store goes. */
void MemfsFreeJournal(struct memfs_store *store);

/* journal_wait.c. STATUS_PENDING: somebody asks for records that are not there yet. */
NTSTATUS MemfsWaitForUsn(struct memfs_fsctl *c, const READ_USN_JOURNAL_DATA_V1 *ask);
NTSTATUS MemfsReadUsns(struct memfs_store *store, const READ_USN_JOURNAL_DATA_V1 *ask, PVOID out, ULONG room, ULONG_PTR *done);
/* The journal reached `next`: whoever waited for that goes on. No lock below memfs_volume.tree is held. */
void MemfsWakeReaders(struct memfs_store *store, USN next);
/* Those who wait through the file (NULL: any, on that volume; both NULL: everybody) are told `status`. */
void MemfsEndReaders(struct memfs_store *store, PFILE_OBJECT file, struct memfs_volume *volume, NTSTATUS status);

#endif
