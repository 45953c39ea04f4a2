/* What programs ask of files beside their contents: control codes, oplocks, changes, EAs, security. */
#include "tool/workload.h"

#include <stdatomic.h>

static const struct fltsim_open read_write = {.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_OPEN_IF};

/* ---- waiting for requests that are pending ---- */

static HANDLE make_event(void)
{
    HANDLE event = NULL;
    ZwCreateEvent(&event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE);
    return event;
}

/* What a request came to. One that nothing ends is cancelled, as CancelIo does. */
static NTSTATUS finish(HANDLE file, HANDLE event, NTSTATUS status, IO_STATUS_BLOCK *iosb)
{
    LARGE_INTEGER second = {.QuadPart = -10000000LL};
    IO_STATUS_BLOCK cancelled;

    if (status != STATUS_PENDING)
        return status;
    if (ZwWaitForSingleObject(event, FALSE, &second) == STATUS_TIMEOUT) {
        NtCancelIoFile(file, &cancelled);
        ZwWaitForSingleObject(event, FALSE, NULL);
    }
    return iosb->Status;
}

/* ---- control codes ---- */

static void control(struct workload *w, const char *what, HANDLE file, ULONG code, const void *in, ULONG length,
                    NTSTATUS ntfs, NTSTATUS fat)
{
    _Alignas(8) char out[1024];
    workload_expect(w, what, fltsim_fsctl(file, code, in, length, out, sizeof out, NULL), w->is_ntfs ? ntfs : fat);
}

static void reparse_points(struct workload *w, HANDLE file)
{
    struct {
        REPARSE_GUID_DATA_BUFFER head;
        char data[8];
    } point = {.head = {.ReparseTag = 0x00000021, .ReparseDataLength = 8, .ReparseGuid = {1, 2, 3, {4}}}};
    ULONG length = REPARSE_GUID_DATA_BUFFER_HEADER_SIZE + 8;

    control(w, "get a reparse point where none is", file, FSCTL_GET_REPARSE_POINT, NULL, 0, STATUS_NOT_A_REPARSE_POINT,
            STATUS_INVALID_DEVICE_REQUEST);
    control(w, "set a reparse point", file, FSCTL_SET_REPARSE_POINT, &point, length, STATUS_SUCCESS,
            STATUS_INVALID_DEVICE_REQUEST);
    if (!w->is_ntfs)
        return;
    workload_close(w, workload_open(w, "control", &read_write, STATUS_IO_REPARSE_TAG_NOT_HANDLED));
    struct fltsim_open itself = read_write;
    itself.options = FILE_OPEN_REPARSE_POINT;
    workload_close(w, workload_open(w, "control", &itself, STATUS_SUCCESS));
    control(w, "get a reparse point", file, FSCTL_GET_REPARSE_POINT, NULL, 0, STATUS_SUCCESS, 0);
    point.head.ReparseDataLength = 0;
    control(w, "delete a reparse point", file, FSCTL_DELETE_REPARSE_POINT, &point, REPARSE_GUID_DATA_BUFFER_HEADER_SIZE,
            STATUS_SUCCESS, 0);
}

/* Everyone: S-1-1-0 */
#define EVERYONE {.Revision = 1, .SubAuthorityCount = 1, .IdentifierAuthority = {{0, 0, 0, 0, 0, 1}}}

void workload_ask_records(struct workload *w, HANDLE file)
{
    static const MFT_ENUM_DATA all = {.HighUsn = MAXLONGLONG};
    static const READ_USN_JOURNAL_DATA changes = {.ReasonMask = MAXULONG};
    static const READ_FILE_USN_DATA versions = {2, 3};
    static const FIND_BY_SID_DATA owner = {.Restart = TRUE, .Sid = EVERYONE};
    static const LOOKUP_STREAM_FROM_CLUSTER_INPUT cluster = {.NumberOfClusters = 1};
    static const struct {
        ULONG code;
        const void *in;
        ULONG length;
    } questions[] = {
        {FSCTL_QUERY_USN_JOURNAL, NULL, 0},
        {FSCTL_READ_FILE_USN_DATA, NULL, 0},
        {FSCTL_READ_FILE_USN_DATA, &versions, sizeof versions},
        {FSCTL_ENUM_USN_DATA, &all, sizeof all},
        {FSCTL_READ_USN_JOURNAL, &changes, sizeof changes},
        {FSCTL_FIND_FILES_BY_SID, &owner, sizeof owner},
        {FSCTL_LOOKUP_STREAM_FROM_CLUSTER, &cluster, sizeof cluster},
        {FSCTL_GET_NTFS_FILE_RECORD, &all, sizeof(LONGLONG)},
        {FSCTL_TXFS_LIST_TRANSACTIONS, NULL, 0},
    };
    _Alignas(8) char out[512];

    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        fltsim_fsctl(file, questions[i].code, questions[i].in, questions[i].length, out, sizeof out, NULL);
    w->operations += sizeof questions / sizeof *questions;
}

/* As a copy does that leaves the copying to the disk, or to the file system. */
static void offload(struct workload *w, HANDLE file)
{
    static const ULONG codes[] = {FSCTL_OFFLOAD_READ, FSCTL_OFFLOAD_WRITE, FSCTL_DUPLICATE_EXTENTS_TO_FILE,
                                  FSCTL_FILE_LEVEL_TRIM};
    _Alignas(8) char in[1024] = {0}, out[1024];

    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        fltsim_fsctl(file, codes[i], in, sizeof in, out, sizeof out, NULL);
    w->operations += sizeof codes / sizeof *codes;
}

void workload_control_file(struct workload *w, HANDLE file)
{
    workload_ask_records(w, file);
    offload(w, file);
}

/* As the volume shadow service does: writes are held for a moment. */
static void snapshot(struct workload *w, HANDLE volume)
{
    w->operations += 2;
    fltsim_ioctl(volume, IOCTL_VOLSNAP_FLUSH_AND_HOLD_WRITES, NULL, 0, NULL, 0, NULL);
    fltsim_ioctl(volume, IOCTL_VOLSNAP_FLUSH_AND_HOLD_WRITES, NULL, 0, NULL, 0, NULL);
}

void workload_controls(struct workload *w)
{
    FILE_ZERO_DATA_INFORMATION zero = {.BeyondFinalZero.QuadPart = 100};
    FILE_ALLOCATED_RANGE_BUFFER range = {.Length.QuadPart = 1 << 20};
    HANDLE file = workload_open(w, "control", &read_write, STATUS_SUCCESS);

    if (!file)
        return;
    reparse_points(w, file);
    control(w, "make an object ID", file, FSCTL_CREATE_OR_GET_OBJECT_ID, NULL, 0, STATUS_SUCCESS,
            STATUS_INVALID_DEVICE_REQUEST);
    control(w, "get the object ID", file, FSCTL_GET_OBJECT_ID, NULL, 0, STATUS_SUCCESS, STATUS_INVALID_DEVICE_REQUEST);
    control(w, "make a file sparse", file, FSCTL_SET_SPARSE, NULL, 0, STATUS_SUCCESS, STATUS_INVALID_DEVICE_REQUEST);
    control(w, "zero a range", file, FSCTL_SET_ZERO_DATA, &zero, sizeof zero, STATUS_SUCCESS,
            STATUS_INVALID_DEVICE_REQUEST);
    control(w, "query the allocated ranges", file, FSCTL_QUERY_ALLOCATED_RANGES, &range, sizeof range, STATUS_SUCCESS,
            STATUS_INVALID_DEVICE_REQUEST);
    control(w, "query the compression", file, FSCTL_GET_COMPRESSION, NULL, 0, STATUS_SUCCESS, STATUS_SUCCESS);
    control(w, "a control code that nobody knows", file, CTL_CODE(FILE_DEVICE_FILE_SYSTEM, 0xFF0, METHOD_BUFFERED, 0),
            NULL, 0, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_REQUEST);
    control(w, "one with METHOD_NEITHER", file, CTL_CODE(FILE_DEVICE_FILE_SYSTEM, 0xFF1, METHOD_NEITHER, 0), NULL, 0,
            STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_REQUEST);
    workload_expect(w, "a control code of disks on a file",
                    fltsim_ioctl(file, CTL_CODE(FILE_DEVICE_DISK, 0, METHOD_BUFFERED, 0), NULL, 0, NULL, 0, NULL),
                    STATUS_INVALID_PARAMETER);
    workload_control_file(w, file);
    workload_close(w, file);
    file = workload_open(w, "", &read_write, STATUS_SUCCESS);
    if (file) {
        workload_ask_records(w, file);
        snapshot(w, file);
        char geometry[64];
        fltsim_ioctl(file, CTL_CODE(FILE_DEVICE_DISK, 0, METHOD_BUFFERED, 0), NULL, 0, geometry, sizeof geometry, NULL);
        fltsim_read(file, geometry, 0, 0, NULL);
    }
    workload_close(w, file);
}

/* ---- oplocks ---- */

struct oplock_holder {
    HANDLE file, event;
    atomic_bool done;
};

/* Gives the oplock up when it is broken, or when nobody will break it: closing the file acknowledges. */
static int acknowledge(void *argument)
{
    struct oplock_holder *holder = argument;
    LARGE_INTEGER a_while = {.QuadPart = -10 * 1000 * 10};

    while (ZwWaitForSingleObject(holder->event, FALSE, &a_while) == STATUS_TIMEOUT && !atomic_load(&holder->done))
        ;
    return fltsim_close(holder->file);
}

/* One handle has an oplock, a second one breaks it: by an open that waits for the holder, or by one that does not. */
static void break_oplock(struct workload *w, ULONG code, ULONG options)
{
    struct fltsim_open first = read_write, other = read_write;
    struct oplock_holder holder = {.event = make_event()};
    IO_STATUS_BLOCK iosb = {.Status = STATUS_PENDING};
    HANDLE second = NULL;

    first.asynchronous = true;
    holder.file = workload_open(w, "oplock", &first, STATUS_SUCCESS);
    if (holder.file) {
        fltsim_previous_mode(UserMode);
        NTSTATUS status = NtFsControlFile(holder.file, holder.event, NULL, NULL, &iosb, code, NULL, 0, NULL, 0);
        fltsim_previous_mode(KernelMode);
        struct fltsim_thread *thread = fltsim_thread_create(NULL, acknowledge, &holder);
        w->operations += 2;
        other.options = options;
        if (!NT_SUCCESS(fltsim_open(workload_path(w, "oplock"), &other, &second)))
            second = NULL;
        if (second && !options)
            fltsim_write(second, "after", 5, 0, NULL);
        atomic_store(&holder.done, true);
        fltsim_thread_join(thread);
        finish(NULL, holder.event, status, &iosb);
        workload_close(w, second);
    }
    ZwClose(holder.event);
}

void workload_oplocks(struct workload *w)
{
    static const ULONG codes[] = {FSCTL_REQUEST_OPLOCK_LEVEL_2, FSCTL_REQUEST_OPLOCK_LEVEL_1, FSCTL_REQUEST_BATCH_OPLOCK,
                                  FSCTL_REQUEST_FILTER_OPLOCK};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        break_oplock(w, codes[i], 0);
        break_oplock(w, codes[i], FILE_COMPLETE_IF_OPLOCKED);
    }
}

/* ---- changes of directories ---- */

void workload_changes(struct workload *w)
{
    struct fltsim_open watched = {.access = FILE_LIST_DIRECTORY, .options = FILE_DIRECTORY_FILE, .asynchronous = true};
    _Alignas(8) char buffer[512];
    HANDLE event = make_event(), folder = workload_open(w, "\\work", &watched, STATUS_SUCCESS);

    for (int round = 0; folder && round < 3; round++) {
        IO_STATUS_BLOCK iosb = {.Status = STATUS_PENDING};
        fltsim_previous_mode(UserMode);
        NTSTATUS status = NtNotifyChangeDirectoryFile(folder, event, NULL, NULL, &iosb, buffer, sizeof buffer,
                                                      FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_SIZE, TRUE);
        fltsim_previous_mode(KernelMode);
        if (round < 2)
            workload_expect(w, "wait for a change", status, STATUS_PENDING);
        if (round == 0) {
            IO_STATUS_BLOCK cancelled;
            workload_expect(w, "cancel", NtCancelIoFile(folder, &cancelled), STATUS_SUCCESS);
        } else if (round == 1) {
            workload_close(w, workload_open(w, "changed", &read_write, STATUS_SUCCESS));
            workload_expect(w, "delete", fltsim_delete(workload_path(w, "changed")), STATUS_SUCCESS);
        } else {
            workload_close(w, folder); /* the cleanup ends it */
            folder = NULL;
        }
        NTSTATUS end = finish(folder, event, status, &iosb);
        if (round < 2)
            workload_expect(w, "the end of a wait for a change", end, round == 0 ? STATUS_CANCELLED : STATUS_SUCCESS);
        ZwClearEvent(event);
    }
    workload_close(w, folder);
    ZwClose(event);
}

/* ---- EAs and security ---- */

void workload_eas(struct workload *w)
{
    _Alignas(8) char buffer[512], ea[20] = "\0\0\0\0\0\x04\x05\0NAME\0value";
    IO_STATUS_BLOCK iosb;
    HANDLE file = workload_open(w, "eas", &read_write, STATUS_SUCCESS);
    NTSTATUS supported = w->is_ntfs ? STATUS_SUCCESS : STATUS_EAS_NOT_SUPPORTED;

    if (!file)
        return;
    workload_expect(w, "set an EA", NtSetEaFile(file, &iosb, ea, sizeof ea), supported);
    workload_expect(w, "query EAs", NtQueryEaFile(file, &iosb, buffer, sizeof buffer, FALSE, NULL, 0, NULL, TRUE),
                    supported);
    workload_close(w, file);
    struct fltsim_open with = read_write;
    with.ea = ea;
    with.ea_length = sizeof ea;
    workload_close(w, workload_open(w, "with an EA", &with, supported));
}

void workload_security(struct workload *w)
{
    struct fltsim_open open = {.access = READ_CONTROL | WRITE_DAC, .disposition = FILE_OPEN_IF};
    _Alignas(8) char descriptor[1024];
    ULONG length;
    HANDLE file = workload_open(w, "secured", &open, STATUS_SUCCESS);

    if (!file)
        return;
    NTSTATUS status = NtQuerySecurityObject(file, DACL_SECURITY_INFORMATION, descriptor, sizeof descriptor, &length);
    if (workload_expect(w, "query the security", status,
                        w->is_ntfs ? STATUS_SUCCESS : STATUS_INVALID_DEVICE_REQUEST))
        workload_expect(w, "set the security", NtSetSecurityObject(file, DACL_SECURITY_INFORMATION, descriptor),
                        STATUS_SUCCESS);
    workload_close(w, file);
}

/* ---- files that are only asked about ---- */

void workload_queries_by_name(struct workload *w)
{
    static const char *const names[] = {"\\Windows\\win.ini", "\\Windows", "no such file"};
    static const NTSTATUS answers[] = {STATUS_SUCCESS, STATUS_SUCCESS, STATUS_OBJECT_NAME_NOT_FOUND};

    for (int i = 0; i < 3; i++) {
        FILE_NETWORK_OPEN_INFORMATION network;
        FILE_BASIC_INFORMATION basic;
        WCHAR path[300];
        UNICODE_STRING name = workload_nt_path(w, names[i], path);
        OBJECT_ATTRIBUTES attributes;
        InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
        fltsim_previous_mode(UserMode);
        NTSTATUS full = NtQueryFullAttributesFile(&attributes, &network);
        NTSTATUS few = NtQueryAttributesFile(&attributes, &basic);
        fltsim_previous_mode(KernelMode);
        workload_expect(w, "query all attributes by name", full, answers[i]);
        workload_expect(w, "query attributes by name", few, answers[i]);
    }
}
