/* What tools ask of a volume and its files: the change journal, where files lie, copies that the disk makes. */
#include "tool/workload.h"

static const struct fltsim_open read_write = {.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_OPEN_IF};

enum { PAGES = 4, BYTES = PAGES * 4096 };

static bool ask(struct workload *w, const char *what, HANDLE file, ULONG code, const void *in, ULONG in_length, void *out,
                ULONG out_length, NTSTATUS ntfs, NTSTATUS fat)
{
    return workload_expect(w, what, fltsim_fsctl(file, code, in, in_length, out, out_length, NULL), w->is_ntfs ? ntfs : fat);
}

static HANDLE file_of_pages(struct workload *w, const char *name)
{
    static char pages[BYTES];
    HANDLE file = workload_open(w, name, &read_write, STATUS_SUCCESS);
    if (file)
        workload_expect(w, "write some pages", fltsim_write(file, pages, sizeof pages, 0, NULL), STATUS_SUCCESS);
    return file;
}

/* ---- the change journal ---- */

static void read_journal(struct workload *w, HANDLE volume, ULONGLONG id)
{
    READ_USN_JOURNAL_DATA read = {.ReasonMask = MAXULONG, .UsnJournalID = id};
    MFT_ENUM_DATA files = {.HighUsn = MAXLONGLONG};
    READ_FILE_USN_DATA versions = {2, 3};
    _Alignas(8) char out[2048];
    HANDLE file = file_of_pages(w, "changed");
    if (!file)
        return;
    ask(w, "read a file's change record", file, FSCTL_READ_FILE_USN_DATA, &versions, sizeof versions, out, sizeof out,
        STATUS_SUCCESS, STATUS_INVALID_DEVICE_REQUEST);
    ask(w, "write a change record for a close", file, FSCTL_WRITE_USN_CLOSE_RECORD, NULL, 0, out, sizeof(USN), STATUS_SUCCESS,
        STATUS_INVALID_DEVICE_REQUEST);
    workload_close(w, file);
    ask(w, "read the change journal", volume, FSCTL_READ_USN_JOURNAL, &read, sizeof read, out, sizeof out, STATUS_SUCCESS, 0);
    ask(w, "list the files' change records", volume, FSCTL_ENUM_USN_DATA, &files, sizeof files, out, sizeof out, STATUS_SUCCESS,
        0);
}

static void keep_journal(struct workload *w, HANDLE volume)
{
    CREATE_USN_JOURNAL_DATA create = {.MaximumSize = 1 << 20, .AllocationDelta = 1 << 16};
    USN_JOURNAL_DATA journal = {0};
    if (!ask(w, "create a change journal", volume, FSCTL_CREATE_USN_JOURNAL, &create, sizeof create, NULL, 0, STATUS_SUCCESS,
             STATUS_INVALID_DEVICE_REQUEST))
        return;
    ask(w, "query the change journal", volume, FSCTL_QUERY_USN_JOURNAL, NULL, 0, &journal, sizeof journal, STATUS_SUCCESS, 0);
    read_journal(w, volume, journal.UsnJournalID);
    DELETE_USN_JOURNAL_DATA gone = {journal.UsnJournalID, USN_DELETE_FLAG_DELETE};
    ask(w, "delete the change journal", volume, FSCTL_DELETE_USN_JOURNAL, &gone, sizeof gone, NULL, 0, STATUS_SUCCESS, 0);
}

/* ---- clusters ---- */

/* As a defragmenter does: somewhere else, and it is there then. */
static void move_clusters(struct workload *w, HANDLE volume, HANDLE file)
{
    STARTING_VCN_INPUT_BUFFER start = {.StartingVcn.QuadPart = 0};
    MOVE_FILE_DATA move = {.FileHandle = file, .ClusterCount = 1};
    _Alignas(8) char pointers[512], bitmap[4096];
    ask(w, "ask where a file lies", file, FSCTL_GET_RETRIEVAL_POINTERS, &start, sizeof start, pointers, sizeof pointers,
        STATUS_SUCCESS, STATUS_SUCCESS);
    ask(w, "ask which clusters are free", volume, FSCTL_GET_VOLUME_BITMAP, &start, sizeof start, bitmap, sizeof bitmap,
        STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_OVERFLOW);
    const VOLUME_BITMAP_BUFFER *map = (const void *)bitmap;
    while (move.StartingLcn.QuadPart < 30000 && map->Buffer[move.StartingLcn.QuadPart / 8])
        move.StartingLcn.QuadPart += 8;
    ask(w, "move a cluster", volume, FSCTL_MOVE_FILE, &move, sizeof move, NULL, 0, STATUS_SUCCESS, STATUS_SUCCESS);
}

/* ---- copies ---- */

static void copy_by_token(struct workload *w, HANDLE from, HANDLE to)
{
    FSCTL_OFFLOAD_READ_INPUT read = {.Size = sizeof read, .CopyLength = BYTES};
    FSCTL_OFFLOAD_READ_OUTPUT token = {0};
    FSCTL_OFFLOAD_WRITE_INPUT write = {.Size = sizeof write, .CopyLength = BYTES};
    FSCTL_OFFLOAD_WRITE_OUTPUT written;
    /* A driver whose SupportedFeatures do not say that it understands tokens keeps them off its volumes. */
    NTSTATUS status = fltsim_fsctl(from, FSCTL_OFFLOAD_READ, &read, sizeof read, &token, sizeof token, NULL);
    if (status == STATUS_OFFLOAD_READ_FLT_NOT_SUPPORTED ||
        !workload_expect(w, "read by token", status, w->is_ntfs ? STATUS_SUCCESS : STATUS_INVALID_DEVICE_REQUEST))
        return;
    for (size_t i = 0; i < sizeof write.Token; i++)
        write.Token[i] = token.Token[i];
    status = fltsim_fsctl(to, FSCTL_OFFLOAD_WRITE, &write, sizeof write, &written, sizeof written, NULL);
    if (status != STATUS_OFFLOAD_WRITE_FLT_NOT_SUPPORTED)
        workload_expect(w, "write by token", status, STATUS_SUCCESS);
}

void workload_disk(struct workload *w)
{
    _Alignas(8) char out[2048];
    HANDLE volume, file = file_of_pages(w, "disk"), copy = file_of_pages(w, "copy");
    if (file && copy && workload_expect(w, "open the volume", fltsim_open(w->root, &(struct fltsim_open){.access = GENERIC_READ}, &volume),
                        STATUS_SUCCESS)) {
        keep_journal(w, volume);
        move_clusters(w, volume, file);
        copy_by_token(w, file, copy);
        ask(w, "ask what of a file is valid", file, FSCTL_QUERY_FILE_REGIONS, NULL, 0, out, sizeof out, STATUS_SUCCESS,
            STATUS_INVALID_DEVICE_REQUEST);
        workload_close(w, volume);
    }
    workload_close(w, file);
    workload_close(w, copy);
}
