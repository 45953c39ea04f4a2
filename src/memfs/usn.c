/* The change journal: none is kept. A file's own record is there to read all the same, as on a volume whose journal was
 * never turned on. */
#include "memfs/fsctl.h"

#include <string.h>

static void fill(PUSN_RECORD_V2 record, const struct memfs_link *link, ULONG length)
{
    const struct memfs_node *node = link->node;
    memset(record, 0, length);
    record->RecordLength = length;
    record->MajorVersion = 2;
    record->FileReferenceNumber = (ULONGLONG)node->id;
    record->ParentFileReferenceNumber = (ULONGLONG)(link->parent ? link->parent->id : node->id);
    record->FileAttributes = MemfsAttributes(node, NULL);
    record->FileNameLength = link->name_length;
    record->FileNameOffset = FIELD_OFFSET(USN_RECORD_V2, FileName);
    memcpy(record->FileName, link->name, link->name_length);
}

static void fill_wide(PUSN_RECORD_V3 record, const struct memfs_link *link, ULONG length)
{
    const struct memfs_node *node = link->node;
    LONGLONG parent = link->parent ? link->parent->id : node->id;
    memset(record, 0, length);
    record->RecordLength = length;
    record->MajorVersion = 3;
    memcpy(&record->FileReferenceNumber, &node->id, sizeof node->id);
    memcpy(&record->ParentFileReferenceNumber, &parent, sizeof parent);
    record->FileAttributes = MemfsAttributes(node, NULL);
    record->FileNameLength = link->name_length;
    record->FileNameOffset = FIELD_OFFSET(USN_RECORD_V3, FileName);
    memcpy(record->FileName, link->name, link->name_length);
}

static NTSTATUS put(struct memfs_fsctl *c, bool wide)
{
    const struct memfs_link *link = c->ccb->link;
    ULONG head = wide ? FIELD_OFFSET(USN_RECORD_V3, FileName) : FIELD_OFFSET(USN_RECORD_V2, FileName),
          length = (head + link->name_length + 7) & ~7u;
    if (c->out_length < length)
        return STATUS_BUFFER_TOO_SMALL;
    if (wide)
        fill_wide(c->out, link, length);
    else
        fill(c->out, link, length);
    c->done = length;
    return STATUS_SUCCESS;
}

/* Without an input the oldest version that we know. */
NTSTATUS MemfsReadFileUsn(struct memfs_fsctl *c)
{
    READ_FILE_USN_DATA versions = {2, 2};
    if (!c->scb->node)
        return STATUS_INVALID_PARAMETER;
    if (c->in_length >= sizeof versions)
        versions = *(const READ_FILE_USN_DATA *)c->in;
    if (versions.MinMajorVersion > versions.MaxMajorVersion || versions.MinMajorVersion > 3 ||
        versions.MaxMajorVersion < 2)
        return STATUS_INVALID_PARAMETER;
    ExAcquireResourceSharedLite(&c->volume->tree, TRUE);
    NTSTATUS status = put(c, versions.MaxMajorVersion >= 3);
    ExReleaseResourceLite(&c->volume->tree);
    return status;
}

NTSTATUS MemfsNoJournal(struct memfs_fsctl *c)
{
    return STATUS_JOURNAL_NOT_ACTIVE;
}
