/* Cluster shared volumes. A CSVFS-like volume is an NTFS-like one that counts what becomes of its files, for whoever cannot
 * see what the cluster's other nodes do to them. */
#include "memfs/fsctl.h"
#include "memfs/open.h"

#include <ntdddisk.h>

#include <string.h>

static const GUID query_revision = {0x44aec90b, 0xde65, 0x4d46, {0x8f, 0xbf, 0x76, 0x3f, 0x9d, 0x97, 0x0b, 0x1d}},
                  query_revision_128 = {0x7a3a4aa1, 0xaa74, 0x4bc6, {0xb0, 0x70, 0xab, 0x56, 0xa3, 0x8c, 0x1f, 0xed}};

enum { THIS_NODE = 1 };

static void fill(struct memfs_node *node, LONGLONG revision[3])
{
    revision[0] = __atomic_load_n(&node->store->cluster_state, __ATOMIC_RELAXED);
    revision[1] = __atomic_load_n(&node->store->cluster_state, __ATOMIC_RELAXED);
    revision[2] = __atomic_load_n(&node->revision, __ATOMIC_RELAXED) + 1;
}

/* -- with a create ----------------------------------------------------------------------------- */

static PVOID find(PECP_LIST ecps, const GUID *type, ULONG size)
{
    PVOID found;
    ULONG length;
    return NT_SUCCESS(FsRtlFindExtraCreateParameter(ecps, type, &found, &length)) && length >= size ? found : NULL;
}

void MemfsTellRevision(struct memfs_open *open, PECP_LIST ecps)
{
    struct memfs_node *node = MemfsScbOf(open->file)->node;
    PCSV_QUERY_FILE_REVISION_ECP_CONTEXT query = find(ecps, &query_revision, sizeof *query);
    PCSV_QUERY_FILE_REVISION_ECP_CONTEXT_FILE_ID_128 wide = find(ecps, &query_revision_128, sizeof *wide);
    if (query) {
        query->FileId = node->id;
        fill(node, query->FileRevision);
        FsRtlAcknowledgeEcp(query);
    }
    if (wide) {
        memset(&wide->FileId, 0, sizeof wide->FileId);
        memcpy(&wide->FileId, &node->id, sizeof node->id);
        fill(node, wide->FileRevision);
        FsRtlAcknowledgeEcp(wide);
    }
}

/* -- control codes ----------------------------------------------------------------------------- */

static NTSTATUS put(struct memfs_fsctl *c, const VOID *answer, ULONG size)
{
    if (c->out_length < size)
        return STATUS_BUFFER_TOO_SMALL;
    memcpy(c->out, answer, size);
    c->done = size;
    return STATUS_SUCCESS;
}

static NTSTATUS revision_of(struct memfs_fsctl *c)
{
    CSV_QUERY_FILE_REVISION answer = {.FileId = c->scb->node->id};
    fill(c->scb->node, answer.FileRevision);
    return put(c, &answer, sizeof answer);
}

static NTSTATUS wide_revision_of(struct memfs_fsctl *c)
{
    CSV_QUERY_FILE_REVISION_FILE_ID_128 answer = {{{0}}, {0}};
    memcpy(&answer.FileId, &c->scb->node->id, sizeof c->scb->node->id);
    fill(c->scb->node, answer.FileRevision);
    return put(c, &answer, sizeof answer);
}

/* Every node reaches the disk itself. */
static NTSTATUS redirect_state(struct memfs_fsctl *c)
{
    CSV_QUERY_REDIRECT_STATE answer = {.MdsNodeId = THIS_NODE, .DsNodeId = THIS_NODE, .FileRedirected = FALSE};
    return put(c, &answer, sizeof answer);
}

NTSTATUS MemfsCsvControl(struct memfs_fsctl *c)
{
    if (c->in_length < sizeof(CSV_CONTROL_PARAM) || !c->scb->node)
        return STATUS_INVALID_PARAMETER;
    switch ((int)((PCSV_CONTROL_PARAM)c->in)->Operation) {
    case CsvControlQueryFileRevision:
        return revision_of(c);
    case CsvControlQueryFileRevisionFileId128:
        return wide_revision_of(c);
    case CsvControlQueryRedirectState:
        return redirect_state(c);
    default:
        return STATUS_NOT_SUPPORTED;
    }
}

NTSTATUS MemfsIsOnCsv(struct memfs_fsctl *c)
{
    return STATUS_SUCCESS;
}

/* -- the disk ---------------------------------------------------------------------------------- */

NTSTATUS MemfsClusterInfo(const struct memfs_store *store, PVOID buffer, ULONG room, ULONG_PTR *done)
{
    DISK_CLUSTER_INFO info = {.Version = sizeof info, .Flags = DISK_CLUSTER_FLAG_ENABLED | DISK_CLUSTER_FLAG_CSV};
    if (!store || !(store->options.clustered || store->options.kind == FLTSIM_CSVFS))
        return STATUS_INVALID_DEVICE_REQUEST;
    if (room < sizeof info)
        return STATUS_BUFFER_TOO_SMALL;
    memcpy(buffer, &info, sizeof info);
    *done = sizeof info;
    return STATUS_SUCCESS;
}
