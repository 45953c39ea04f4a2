/* Control codes and information buffers of any content and length, on files, folders and volumes of both kinds. */
#include "fuzz.h"

#include <ntifs.h>

#include <fltsim/fltsim.h>

#include <stdlib.h>
#include <string.h>

enum { MOST = 700, HANDLES = 5, STEPS = 60 };

static struct fuzz_input input;
static HANDLE handles[HANDLES];
static bool asynchronous[HANDLES];

/* A control code on an asynchronous handle: an oplock keeps it until somebody breaks it, which is then acknowledged. */
struct request {
    HANDLE handle;
    ULONG code;
    void *in, *out;
    ULONG in_length, out_length;
    struct fltsim_thread *thread;
};
static struct request requests[STEPS];
static unsigned request_count;

/* Of exactly that length, so that a byte too many is noticed; NULL: empty. The alignment is the allocator's. */
static void *buffer(size_t length, bool filled)
{
    void *bytes = length ? malloc(length) : NULL;
    if (bytes && filled)
        fuzz_fill(&input, bytes, length);
    else if (bytes)
        memset(bytes, 0xEE, length);
    return bytes;
}

static void open_one(unsigned at)
{
    static const char *const paths[] = {"C:\\f",   "C:\\d",  "C:\\d\\g", "C:\\f:s", "C:",  "C:\\",
                                        "D:\\f",   "D:\\d",  "D:",       "C:\\h",   "D:\\", "C:\\long name.text",
                                        "C:\\d:s", "C:\\ro", "D:\\d\\g", "C:\\f"};
    uint8_t path = fuzz_byte(&input), how = fuzz_byte(&input);
    static const ULONG options[] = {0, FILE_OPEN_REPARSE_POINT, FILE_DELETE_ON_CLOSE, FILE_NO_INTERMEDIATE_BUFFERING};
    asynchronous[at] = how & 1;
    NTSTATUS status = fltsim_open(paths[path % 16],
                                  &(struct fltsim_open){.access = how & 2 ? FILE_READ_DATA | FILE_WRITE_DATA | DELETE |
                                                                                FILE_READ_EA | FILE_WRITE_EA |
                                                                                FILE_READ_ATTRIBUTES |
                                                                                FILE_WRITE_ATTRIBUTES
                                                                          : MAXIMUM_ALLOWED,
                                                        .disposition = how & 4 ? FILE_OPEN_IF : FILE_OPEN,
                                                        .options = options[how >> 4 & 3] | FILE_COMPLETE_IF_OPLOCKED,
                                                        .asynchronous = how & 1},
                                  &handles[at]);
    if (!NT_SUCCESS(status))
        handles[at] = NULL;
}

static ULONG pick_code(void)
{
    static const ULONG codes[] = {FSCTL_SET_REPARSE_POINT,
                                  FSCTL_SET_REPARSE_POINT_EX,
                                  FSCTL_GET_REPARSE_POINT,
                                  FSCTL_DELETE_REPARSE_POINT,
                                  FSCTL_SET_OBJECT_ID,
                                  FSCTL_SET_OBJECT_ID_EXTENDED,
                                  FSCTL_GET_OBJECT_ID,
                                  FSCTL_CREATE_OR_GET_OBJECT_ID,
                                  FSCTL_DELETE_OBJECT_ID,
                                  FSCTL_SET_SPARSE,
                                  FSCTL_SET_ZERO_DATA,
                                  FSCTL_QUERY_ALLOCATED_RANGES,
                                  FSCTL_GET_COMPRESSION,
                                  FSCTL_SET_COMPRESSION,
                                  FSCTL_LOCK_VOLUME,
                                  FSCTL_UNLOCK_VOLUME,
                                  FSCTL_DISMOUNT_VOLUME,
                                  FSCTL_IS_VOLUME_MOUNTED,
                                  FSCTL_IS_PATHNAME_VALID,
                                  FSCTL_IS_VOLUME_DIRTY,
                                  FSCTL_MARK_VOLUME_DIRTY,
                                  FSCTL_GET_NTFS_VOLUME_DATA,
                                  FSCTL_ALLOW_EXTENDED_DASD_IO,
                                  FSCTL_READ_FILE_USN_DATA,
                                  FSCTL_WRITE_USN_CLOSE_RECORD,
                                  FSCTL_REQUEST_OPLOCK,
                                  FSCTL_REQUEST_OPLOCK_LEVEL_1,
                                  FSCTL_REQUEST_OPLOCK_LEVEL_2,
                                  FSCTL_REQUEST_BATCH_OPLOCK,
                                  FSCTL_REQUEST_FILTER_OPLOCK,
                                  FSCTL_OPLOCK_BREAK_ACKNOWLEDGE,
                                  FSCTL_OPLOCK_BREAK_ACK_NO_2,
                                  FSCTL_OPBATCH_ACK_CLOSE_PENDING,
                                  FSCTL_GET_RETRIEVAL_POINTERS,
                                  FSCTL_FIND_FILES_BY_SID,
                                  FSCTL_GET_RETRIEVAL_POINTER_COUNT,
                                  FSCTL_GET_RETRIEVAL_POINTER_BASE,
                                  FSCTL_GET_VOLUME_BITMAP,
                                  FSCTL_LOOKUP_STREAM_FROM_CLUSTER,
                                  FSCTL_MARK_HANDLE,
                                  FSCTL_OFFLOAD_READ,
                                  FSCTL_OFFLOAD_WRITE,
                                  FSCTL_QUERY_FILE_REGIONS,
                                  FSCTL_FILE_LEVEL_TRIM,
                                  FSCTL_FILESYSTEM_GET_STATISTICS,
                                  FSCTL_GET_NTFS_FILE_RECORD,
                                  FSCTL_QUERY_USN_JOURNAL,
                                  FSCTL_ENUM_USN_DATA,
                                  FSCTL_QUERY_PERSISTENT_VOLUME_STATE,
                                  FSCTL_SET_PERSISTENT_VOLUME_STATE,
                                  FSCTL_GET_BOOT_AREA_INFO,
                                  FSCTL_QUERY_FAT_BPB};
    uint8_t which = fuzz_byte(&input);
    return which < 245 ? codes[which % (sizeof codes / sizeof *codes)] : fuzz_number(&input);
}

static int send(void *argument)
{
    const struct request *r = argument;
    fltsim_fsctl(r->handle, r->code, r->in, r->in_length, r->out, r->out_length, NULL);
    fltsim_fsctl(r->handle, FSCTL_OPLOCK_BREAK_ACK_NO_2, NULL, 0, NULL, 0, NULL);
    return 0;
}

/* A journal on C:, small enough to wrap; or the end of it. */
static void journal(uint8_t what)
{
    CREATE_USN_JOURNAL_DATA create = {(what & 7) * 4096u, 4096};
    USN_JOURNAL_DATA_V0 data = {0};
    HANDLE volume;
    if (!NT_SUCCESS(fltsim_open("C:", &(struct fltsim_open){.access = FILE_READ_DATA}, &volume)))
        return;
    if (what & 8)
        fltsim_fsctl(volume, FSCTL_CREATE_USN_JOURNAL, &create, sizeof create, NULL, 0, NULL);
    fltsim_fsctl(volume, FSCTL_QUERY_USN_JOURNAL, NULL, 0, &data, sizeof data, NULL);
    DELETE_USN_JOURNAL_DATA gone = {data.UsnJournalID, USN_DELETE_FLAG_DELETE};
    if (!(what & 8))
        fltsim_fsctl(volume, FSCTL_DELETE_USN_JOURNAL, &gone, sizeof gone, NULL, 0, NULL);
    fltsim_close(volume);
}

/* What no chance would find: the journal's number, a handle. */
static void read_journal(unsigned at)
{
    READ_USN_JOURNAL_DATA_V1 ask;
    USN_JOURNAL_DATA_V0 data = {0};
    uint8_t flags = fuzz_byte(&input);
    size_t room = fuzz_length(&input, MOST);
    fuzz_fill(&input, &ask, sizeof ask);
    ask.BytesToWaitFor = 0; /* nobody would write on */
    if (NT_SUCCESS(fltsim_fsctl(handles[at], FSCTL_QUERY_USN_JOURNAL, NULL, 0, &data, sizeof data, NULL)))
        ask.UsnJournalID = data.UsnJournalID;
    if (flags & 1)
        ask.StartUsn = flags & 2 ? data.FirstUsn : 0;
    ask.MinMajorVersion = 2;
    ask.MaxMajorVersion = flags & 4 ? 3 : 2;
    void *bytes = buffer(room, false);
    fltsim_fsctl(handles[at], FSCTL_READ_USN_JOURNAL, &ask, sizeof ask, bytes, (ULONG)room, NULL);
    free(bytes);
}

static void move(unsigned at)
{
    MOVE_FILE_DATA data = {.FileHandle = handles[fuzz_byte(&input) % HANDLES],
                           .StartingVcn.QuadPart = fuzz_byte(&input) % 4,
                           .StartingLcn.QuadPart = fuzz_number(&input),
                           .ClusterCount = fuzz_byte(&input)};
    fltsim_fsctl(handles[at], FSCTL_MOVE_FILE, &data, sizeof data, NULL, 0, NULL);
}

static void copy_by_token(unsigned at)
{
    FSCTL_OFFLOAD_READ_INPUT in = {.Size = sizeof in};
    FSCTL_OFFLOAD_READ_OUTPUT out = {0};
    FSCTL_OFFLOAD_WRITE_INPUT write = {.Size = sizeof write};
    FSCTL_OFFLOAD_WRITE_OUTPUT written;
    unsigned to = fuzz_byte(&input) % HANDLES;
    in.FileOffset = fuzz_byte(&input) * 512u;
    in.CopyLength = fuzz_number(&input);
    fltsim_fsctl(handles[at], FSCTL_OFFLOAD_READ, &in, sizeof in, &out, sizeof out, NULL);
    memcpy(write.Token, out.Token, sizeof write.Token);
    write.FileOffset = fuzz_byte(&input) * 512u;
    write.CopyLength = fuzz_number(&input);
    write.TransferOffset = fuzz_byte(&input) * 512u;
    if (handles[to])
        fltsim_fsctl(handles[to], FSCTL_OFFLOAD_WRITE, &write, sizeof write, &written, sizeof written, NULL);
}

static void about_the_disk(unsigned at, uint8_t what)
{
    switch (what & 3) {
    case 0:
        journal(fuzz_byte(&input));
        break;
    case 1:
        if (!asynchronous[at])
            read_journal(at);
        break;
    case 2:
        move(at);
        break;
    default:
        copy_by_token(at);
        break;
    }
}

static void control(unsigned at)
{
    struct request *r = &requests[request_count++];
    *r = (struct request){.handle = handles[at], .code = pick_code()};
    r->in_length = (ULONG)fuzz_length(&input, MOST);
    r->out_length = (ULONG)fuzz_length(&input, MOST);
    r->in = buffer(r->in_length, true);
    r->out = buffer(r->out_length, false);
    if (asynchronous[at])
        r->thread = fltsim_thread_create(NULL, send, r);
    else
        fltsim_fsctl(r->handle, r->code, r->in, r->in_length, r->out, r->out_length, NULL);
    if (asynchronous[at])
        fltsim_sleep(1);
}

static void finish_requests(void)
{
    for (unsigned i = 0; i < request_count; i++) {
        if (requests[i].thread)
            fltsim_thread_join(requests[i].thread);
        free(requests[i].in);
        free(requests[i].out);
    }
    request_count = 0;
}

static void information(unsigned at, uint8_t what)
{
    FILE_INFORMATION_CLASS kind = fuzz_byte(&input) % (FileMaximumInformation + 1);
    size_t length = fuzz_length(&input, MOST);
    bool set = what & 1;
    void *bytes = buffer(length, set);
    if (set)
        fltsim_set(handles[at], kind, bytes, (ULONG)length);
    else
        fltsim_query(handles[at], kind, bytes, (ULONG)length);
    free(bytes);
}

/* A driver's request, which nobody checks before the file system. */
static void direct_information(unsigned at, uint8_t what)
{
    FILE_INFORMATION_CLASS kind = fuzz_byte(&input) % (FileMaximumInformation + 1);
    size_t length = 8 + fuzz_length(&input, MOST);
    void *bytes = buffer(length, true);
    PFILE_OBJECT file;
    ULONG done;
    if (NT_SUCCESS(ObReferenceObjectByHandle(handles[at], 0, *IoFileObjectType, KernelMode, (PVOID *)&file, NULL))) {
        if (what & 1)
            IoSetInformation(file, kind, (ULONG)length, bytes);
        else
            IoQueryFileInformation(file, kind, (ULONG)length, bytes, &done);
        ObDereferenceObject(file);
    }
    free(bytes);
}

static void volume_information(unsigned at, uint8_t what)
{
    FS_INFORMATION_CLASS kind = fuzz_byte(&input) % (FileFsMaximumInformation + 1);
    size_t length = fuzz_length(&input, MOST);
    IO_STATUS_BLOCK iosb;
    void *bytes = buffer(length, what & 1);
    if (what & 1)
        ZwSetVolumeInformationFile(handles[at], &iosb, bytes, (ULONG)length, kind);
    else
        fltsim_query_volume(handles[at], kind, bytes, (ULONG)length);
    free(bytes);
}

static void directory(unsigned at)
{
    FILE_INFORMATION_CLASS kind = fuzz_byte(&input) % (FileMaximumInformation + 1);
    uint8_t flags = fuzz_byte(&input);
    size_t length = fuzz_length(&input, MOST), name_length = flags & 4 ? fuzz_length(&input, 40) & ~1u : 0;
    WCHAR *name = buffer(name_length, true);
    UNICODE_STRING pattern = {(USHORT)name_length, (USHORT)name_length, name};
    IO_STATUS_BLOCK iosb;
    void *bytes = buffer(length, false);
    ZwQueryDirectoryFile(handles[at], NULL, NULL, NULL, &iosb, bytes, (ULONG)length, kind, flags & 1,
                         name_length ? &pattern : NULL, flags >> 1 & 1);
    free(bytes);
    free(name);
}

static void attributes(unsigned at, uint8_t what)
{
    size_t length = fuzz_length(&input, MOST), list_length = fuzz_length(&input, 100);
    uint8_t flags = fuzz_byte(&input);
    ULONG index = fuzz_byte(&input);
    IO_STATUS_BLOCK iosb;
    void *bytes = buffer(length, what & 1), *list = buffer(list_length, true);
    if (what & 1)
        ZwSetEaFile(handles[at], &iosb, bytes, (ULONG)length);
    else
        ZwQueryEaFile(handles[at], &iosb, bytes, (ULONG)length, flags & 1, list, (ULONG)list_length,
                      flags & 2 ? &index : NULL, flags >> 2 & 1);
    free(bytes);
    free(list);
}

static void quota(unsigned at, uint8_t what)
{
    size_t length = fuzz_length(&input, MOST), list_length = fuzz_length(&input, 100);
    uint8_t flags = fuzz_byte(&input);
    IO_STATUS_BLOCK iosb;
    void *bytes = buffer(length, what & 1), *list = buffer(list_length, true);
    if (what & 1)
        ZwSetQuotaInformationFile(handles[at], &iosb, bytes, (ULONG)length);
    else
        ZwQueryQuotaInformationFile(handles[at], &iosb, bytes, (ULONG)length, flags & 1, list, (ULONG)list_length, NULL,
                                    flags >> 2 & 1);
    free(bytes);
    free(list);
}

/* Offsets of any size; lengths are those of real buffers. */
static void transfer(unsigned at, uint8_t what)
{
    size_t length = fuzz_length(&input, MOST);
    LARGE_INTEGER offset = {.QuadPart = (LONGLONG)((uint64_t)fuzz_number(&input) << (fuzz_byte(&input) % 40))};
    IO_STATUS_BLOCK iosb;
    void *bytes;
    if (asynchronous[at])
        return;
    bytes = buffer(length, what & 1);
    if (what & 1)
        ZwWriteFile(handles[at], NULL, NULL, NULL, &iosb, bytes, (ULONG)length, &offset, NULL);
    else
        ZwReadFile(handles[at], NULL, NULL, NULL, &iosb, bytes, (ULONG)length, &offset, NULL);
    free(bytes);
}

static void lock(unsigned at, uint8_t what)
{
    uint64_t offset = (uint64_t)fuzz_number(&input) << (fuzz_byte(&input) % 40), length = fuzz_number(&input);
    if (asynchronous[at])
        return;
    if (what & 1)
        fltsim_lock(handles[at], offset, length, what & 2, false);
    else
        fltsim_unlock(handles[at], offset, length);
}

static void act(unsigned at)
{
    uint8_t what = fuzz_byte(&input);
    switch (what >> 4) {
    case 0:
        fltsim_close(handles[at]);
        handles[at] = NULL;
        return;
    case 1:
    case 2:
        information(at, what);
        return;
    case 3:
    case 4:
        direct_information(at, what);
        return;
    case 5:
        volume_information(at, what);
        return;
    case 6:
        directory(at);
        return;
    case 7:
        attributes(at, what);
        return;
    case 8:
        quota(at, what);
        return;
    case 9:
        transfer(at, what);
        return;
    case 10:
        lock(at, what);
        return;
    case 11:
        about_the_disk(at, what);
        return;
    default:
        control(at);
        return;
    }
}

static void make(const char *path, ULONG options, ULONG attributes)
{
    HANDLE handle;
    if (!NT_SUCCESS(fltsim_open(path,
                                &(struct fltsim_open){.access = FILE_WRITE_DATA,
                                                      .disposition = FILE_CREATE,
                                                      .options = options,
                                                      .attributes = attributes},
                                &handle)))
        abort();
    if (!(options & FILE_DIRECTORY_FILE))
        fltsim_write(handle, "some text", 9, 0, NULL);
    fltsim_close(handle);
}

static void body(void *unused)
{
    struct fltsim_volume *volumes[2];
    for (unsigned i = 0; i < 2; i++)
        if (!NT_SUCCESS(fltsim_mount(
                &(struct fltsim_volume_options){.kind = i ? FLTSIM_FAT : FLTSIM_NTFS, .letter = i ? 'D' : 'C'},
                &volumes[i])))
            abort();
    make("C:\\f", 0, 0);
    make("C:\\f:s", 0, 0);
    make("C:\\ro", 0, FILE_ATTRIBUTE_READONLY);
    make("C:\\long name.text", 0, 0);
    make("C:\\d", FILE_DIRECTORY_FILE, 0);
    make("C:\\d\\g", 0, 0);
    make("D:\\f", 0, 0);
    make("D:\\d", FILE_DIRECTORY_FILE, 0);
    make("D:\\d\\g", 0, 0);
    for (unsigned step = 0; input.size && step < STEPS; step++) {
        unsigned at = fuzz_byte(&input) % HANDLES;
        if (handles[at])
            act(at);
        else
            open_one(at);
    }
    for (unsigned i = 0; i < HANDLES; i++)
        if (handles[i])
            fltsim_close(handles[i]);
    finish_requests();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = (struct fuzz_input){data, size};
    memset(handles, 0, sizeof handles);
    request_count = 0;
    fuzz_on_machine(body, NULL);
    return 0;
}
