/* Change records: what one says, and the one of a file. */
#include "memfs/journal.h"

#include <string.h>

ULONG MemfsUsnLength(const struct memfs_link *link, bool wide)
{
    ULONG head = wide ? FIELD_OFFSET(USN_RECORD_V3, FileName) : FIELD_OFFSET(USN_RECORD_V2, FileName);
    return (head + link->name_length + 7) & ~7u;
}

static void fill(PUSN_RECORD_V2 record, const struct memfs_link *link, USN usn)
{
    const struct memfs_node *node = link->node;
    memset(record, 0, MemfsUsnLength(link, false));
    record->RecordLength = MemfsUsnLength(link, false);
    record->MajorVersion = 2;
    record->FileReferenceNumber = (ULONGLONG)node->id;
    record->ParentFileReferenceNumber = (ULONGLONG)(link->parent ? link->parent->id : node->id);
    record->Usn = usn;
    record->FileAttributes = MemfsAttributes(node, NULL);
    record->FileNameLength = link->name_length;
    record->FileNameOffset = FIELD_OFFSET(USN_RECORD_V2, FileName);
    memcpy(record->FileName, link->name, link->name_length);
}

void MemfsWidenUsn(PUSN_RECORD_V3 wide, const USN_RECORD_V2 *record)
{
    const ULONG head = FIELD_OFFSET(USN_RECORD_V3, FileName);
    ULONG length = (head + record->FileNameLength + 7) & ~7u;
    memset(wide, 0, length);
    wide->RecordLength = length;
    wide->MajorVersion = 3;
    memcpy(&wide->FileReferenceNumber, &record->FileReferenceNumber, sizeof record->FileReferenceNumber);
    memcpy(&wide->ParentFileReferenceNumber, &record->ParentFileReferenceNumber, sizeof record->ParentFileReferenceNumber);
    wide->Usn = record->Usn;
    wide->TimeStamp = record->TimeStamp;
    wide->Reason = record->Reason;
    wide->SourceInfo = record->SourceInfo;
    wide->SecurityId = record->SecurityId;
    wide->FileAttributes = record->FileAttributes;
    wide->FileNameLength = record->FileNameLength;
    wide->FileNameOffset = (USHORT)head;
    memcpy(wide->FileName, (const UCHAR *)record + record->FileNameOffset, record->FileNameLength);
}

void MemfsPutUsn(PVOID record, const struct memfs_link *link, USN usn, bool wide)
{
    union {
        USN_RECORD_V2 record;
        UCHAR bytes[FIELD_OFFSET(USN_RECORD_V2, FileName) + MEMFS_MAX_NAME * sizeof(WCHAR) + 8];
    } narrow;
    fill(wide ? &narrow.record : record, link, usn);
    if (wide)
        MemfsWidenUsn(record, &narrow.record);
}

NTSTATUS MemfsUsnVersion(USHORT least, USHORT most, bool *wide)
{
    *wide = most >= 3;
    return least > most || least > 3 || most < 2 ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;
}

static USN usn_of(struct memfs_node *node)
{
    ExAcquireFastMutex(&node->store->journal_lock);
    USN usn = node->usn;
    ExReleaseFastMutex(&node->store->journal_lock);
    return usn;
}

/* Without an input the oldest version that we know. */
NTSTATUS MemfsReadFileUsn(struct memfs_fsctl *c)
{
    READ_FILE_USN_DATA versions = {2, 2};
    bool wide;
    if (!c->scb->node)
        return STATUS_INVALID_PARAMETER;
    if (c->in_length >= sizeof versions)
        versions = *(const READ_FILE_USN_DATA *)c->in;
    NTSTATUS status = MemfsUsnVersion(versions.MinMajorVersion, versions.MaxMajorVersion, &wide);
    if (!NT_SUCCESS(status))
        return status;
    ExAcquireResourceSharedLite(&c->volume->tree, TRUE);
    ULONG length = MemfsUsnLength(c->ccb->link, wide);
    if (length <= c->out_length) {
        MemfsPutUsn(c->out, c->ccb->link, usn_of(c->scb->node), wide);
        c->done = length;
    }
    ExReleaseResourceLite(&c->volume->tree);
    return c->done ? STATUS_SUCCESS : STATUS_BUFFER_TOO_SMALL;
}
