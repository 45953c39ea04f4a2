/* What a create that succeeded brings back with it (GUID_ECP_QUERY_ON_CREATE). */
#include "memfs/open.h"

#include <string.h>

static const GUID query_on_create = {
    0x1aca62e9, 0xabb4, 0x4ff2, {0xbb, 0x5c, 0x1c, 0x79, 0x02, 0x5e, 0x41, 0x7f}};

static PQUERY_ON_CREATE_ECP_CONTEXT asked_for(PECP_LIST ecps)
{
    PVOID query;
    ULONG size;
    if (!NT_SUCCESS(FsRtlFindExtraCreateParameter(ecps, &query_on_create, &query, &size)))
        return NULL;
    return size >= sizeof(QUERY_ON_CREATE_ECP_CONTEXT) ? query : NULL;
}

static void tell_stat(PQUERY_ON_CREATE_ECP_CONTEXT query, struct memfs_scb *scb, PFILE_OBJECT file)
{
    FILE_NETWORK_OPEN_INFORMATION network;
    FILE_STANDARD_INFORMATION standard;
    MemfsFillNetwork(scb, &network);
    MemfsFillStandard(scb, file, &standard);
    query->StatInformation = (QUERY_ON_CREATE_FILE_STAT_INFORMATION){
        .FileId.QuadPart = scb->node->id,
        .CreationTime = network.CreationTime,
        .LastAccessTime = network.LastAccessTime,
        .LastWriteTime = network.LastWriteTime,
        .ChangeTime = network.ChangeTime,
        .AllocationSize = standard.AllocationSize,
        .EndOfFile = standard.EndOfFile,
        .FileAttributes = network.FileAttributes,
        .ReparseTag = MemfsReparseTag(scb->node),
        .NumberOfLinks = standard.NumberOfLinks,
    };
}

/* Linux metadata is kept in extended attributes of these names. */
static bool tell_lx(PQUERY_ON_CREATE_ECP_CONTEXT query, struct memfs_node *node, ACCESS_MASK access)
{
    QUERY_ON_CREATE_FILE_LX_INFORMATION lx = {.EffectiveAccess = access};
    ULONG device[2];
    lx.LxFlags |= MemfsReadEa(node, "$LXUID", &lx.LxUid, sizeof lx.LxUid) ? LX_FILE_METADATA_HAS_UID : 0;
    lx.LxFlags |= MemfsReadEa(node, "$LXGID", &lx.LxGid, sizeof lx.LxGid) ? LX_FILE_METADATA_HAS_GID : 0;
    lx.LxFlags |= MemfsReadEa(node, "$LXMOD", &lx.LxMode, sizeof lx.LxMode) ? LX_FILE_METADATA_HAS_MODE : 0;
    if (MemfsReadEa(node, "$LXDEV", device, sizeof device)) {
        lx.LxFlags |= LX_FILE_METADATA_HAS_DEVICE_ID;
        lx.LxDeviceIdMajor = device[0];
        lx.LxDeviceIdMinor = device[1];
    }
    query->LxInformation = lx;
    return lx.LxFlags != 0;
}

/* STATUS_NOT_FOUND: there are none. */
static NTSTATUS tell_eas(PQUERY_ON_CREATE_ECP_CONTEXT query, struct memfs_node *node)
{
    ULONG length = 0;
    if (query->EaInformation.EaBuffer) /* of a try that was reparsed */
        ExFreePool(query->EaInformation.EaBuffer);
    query->EaInformation = (QUERY_ON_CREATE_EA_INFORMATION){0};
    NTSTATUS status = MemfsCopyEas(node, &query->EaInformation.EaBuffer, &length);
    query->EaInformation.EaBufferSize = length;
    return status;
}

static void note(PQUERY_ON_CREATE_ECP_CONTEXT query, ULONG kind, NTSTATUS status)
{
    query->ClassesProcessed |= kind;
    if (status == STATUS_NOT_FOUND)
        query->ClassesWithNoData |= kind;
    else if (!NT_SUCCESS(status))
        query->ClassesWithErrors |= kind;
}

static void tell(PQUERY_ON_CREATE_ECP_CONTEXT query, struct memfs_open *open)
{
    struct memfs_scb *scb = MemfsScbOf(open->file);
    FsRtlAcknowledgeEcp(query);
    query->ClassesProcessed = query->ClassesWithErrors = query->ClassesWithNoData = 0;
    ULONG wanted = query->RequestedClasses;
    if (wanted & QoCFileStatInformation) {
        tell_stat(query, scb, open->file);
        note(query, QoCFileStatInformation, STATUS_SUCCESS);
    }
    if (wanted & QoCFileLxInformation)
        note(query, QoCFileLxInformation,
             tell_lx(query, scb->node, open->access) ? STATUS_SUCCESS : STATUS_NOT_FOUND);
    if (wanted & QoCFileEaInformation)
        note(query, QoCFileEaInformation, tell_eas(query, scb->node));
}

void MemfsTellAboutOpen(struct memfs_open *open)
{
    struct memfs_scb *scb = MemfsScbOf(open->file);
    PECP_LIST ecps = NULL;
    if (!scb->node || !scb->volume->store->ntfs || !NT_SUCCESS(FsRtlGetEcpListFromIrp(open->irp, &ecps)) || !ecps)
        return;
    PQUERY_ON_CREATE_ECP_CONTEXT query = asked_for(ecps);
    if (query)
        tell(query, open);
    if (scb->volume->store->options.kind == FLTSIM_CSVFS)
        MemfsTellRevision(open, ecps);
}
