/* Programs' file calls: NtXxx services with UserMode as the previous mode. */
#include <fltsim/fltsim.h>

#include "fsrtl/fsrtlp.h"
#include "io/iop.h"
#include "sim/machine.h"
#include "sim/misuse.h"
#include "sim/service.h"

#include <string.h>

static KPROCESSOR_MODE enter(void)
{
    PKTHREAD thread = KiCurrentThread();
    KPROCESSOR_MODE previous = thread->previous_mode;
    thread->previous_mode = UserMode;
    return previous;
}

static NTSTATUS leave(KPROCESSOR_MODE previous, NTSTATUS status)
{
    KiCurrentThread()->previous_mode = previous;
    return status;
}

KPROCESSOR_MODE fltsim_previous_mode(KPROCESSOR_MODE mode)
{
    SIM_NEED_MACHINE();
    SIM_NEED(mode == KernelMode || mode == UserMode, "a mode is KernelMode or UserMode, not %d", mode);
    KPROCESSOR_MODE before = KiCurrentThread()->previous_mode;
    KiCurrentThread()->previous_mode = mode;
    return before;
}

#define AS_USER(call)                                                                                                  \
    SIM_NEED_MACHINE();                                                                                                \
    KPROCESSOR_MODE previous = enter();                                                                                \
    return leave(previous, call)

/* ---- paths ---- */

struct path {
    UNICODE_STRING name;
    WCHAR inlined[320];
};

static const WCHAR prefix[] = {'\\', '?', '?', '\\'};

/* How programs name devices: "\\.\Name"; and paths that are to be left as they are: "\\?\C:\x". */
static bool is_win32_name(const char *text)
{
    return text[0] == '\\' && text[1] == '\\' && (text[2] == '.' || text[2] == '?') && text[3] == '\\';
}

/* "C:\x" becomes "\??\C:\x"; what else begins with a backslash, and what is relative, stays. */
static bool make_path(struct path *path, const char *text)
{
    size_t length = strlen(text);
    path->name.Buffer = path->inlined;
    if (length > UNICODE_STRING_MAX_BYTES / sizeof(WCHAR) - 8)
        return false;
    if (length + 8 > sizeof path->inlined / sizeof(WCHAR))
        path->name.Buffer = sim_alloc((length + 8) * sizeof(WCHAR));
    WCHAR *out = path->name.Buffer;
    if (length >= 2 && text[1] == ':' && ((text[0] | 32) >= 'a' && (text[0] | 32) <= 'z')) {
        memcpy(out, prefix, sizeof prefix);
        out += 4;
    } else if (is_win32_name(text)) {
        memcpy(out, prefix, sizeof prefix);
        out += 4;
        text += 4;
    }
    out += sim_utf16(text, out);
    path->name.Length = (USHORT)((size_t)(out - path->name.Buffer) * sizeof(WCHAR));
    path->name.MaximumLength = path->name.Length;
    return true;
}

static void free_path(struct path *path)
{
    if (path->name.Buffer != path->inlined)
        sim_free(path->name.Buffer);
}

/* ---- open and close ---- */

static ACCESS_MASK access_of(const struct fltsim_open *open)
{
    ACCESS_MASK access = open->access ? open->access : GENERIC_READ;
    if (!open->asynchronous)
        access |= SYNCHRONIZE;
    if (open->options & FILE_DELETE_ON_CLOSE)
        access |= DELETE;
    return access | FILE_READ_ATTRIBUTES;
}

static ULONG disposition_of(ULONG disposition)
{
    if (disposition == FLTSIM_SUPERSEDE)
        return FILE_SUPERSEDE;
    return disposition ? disposition : FILE_OPEN;
}

#define ECP_TAG 'cEmS'

static NTSTATUS attach_ecps(const struct fltsim_open *open, PECP_LIST *list, struct fsrtl_who who)
{
    NTSTATUS status = open->ecp_count ? FsRtlpAllocateEcpList(0, list, who) : STATUS_SUCCESS;
    for (size_t i = 0; i < open->ecp_count && NT_SUCCESS(status); i++) {
        const struct fltsim_ecp *ecp = &open->ecps[i];
        PVOID context;
        status = FsRtlpAllocateEcp(ecp->type, ecp->size, 0, NULL, ECP_TAG, &context, who);
        if (!NT_SUCCESS(status))
            break;
        if (ecp->data)
            memcpy(context, ecp->data, ecp->size);
        FsRtlpSetEcpFromUserMode(context, ecp->user_mode);
        status = FsRtlpInsertEcp(*list, context, who);
        if (!NT_SUCCESS(status))
            FsRtlpFreeEcp(context, who);
    }
    return status;
}

static void detach_ecps(const struct fltsim_open *open, PECP_LIST list, struct fsrtl_who who)
{
    for (size_t i = 0; list && i < open->ecp_count; i++) {
        struct fltsim_ecp *ecp = &open->ecps[i];
        PVOID context;
        ecp->removed = !NT_SUCCESS(FsRtlpFindEcp(list, ecp->type, &context, NULL, who));
        ecp->acknowledged = !ecp->removed && FsRtlpIsEcpAcknowledged(context, who);
        if (!ecp->removed && ecp->data)
            memcpy(ecp->data, context, ecp->size);
    }
    FsRtlpFreeEcpList(list, who);
}

static NTSTATUS open_path(const struct path *path, const struct fltsim_open *open, HANDLE *handle, const void *site)
{
    OBJECT_ATTRIBUTES attributes;
    struct iop_open request = {
        .mode = UserMode,
        .options = open->options | (open->asynchronous ? 0 : FILE_SYNCHRONOUS_IO_NONALERT),
        .attributes = open->attributes ? open->attributes : FILE_ATTRIBUTE_NORMAL,
        .share = open->share == FLTSIM_SHARE_NONE ? 0 : open->share ? open->share : FILE_SHARE_VALID_FLAGS,
        .disposition = disposition_of(open->disposition),
        .ea = (PVOID)(ULONG_PTR)open->ea,
        .ea_length = open->ea_length,
        .access = access_of(open),
        .flags = (open->paging_file ? IO_OPEN_PAGING_FILE : 0) | (open->target_directory ? IO_OPEN_TARGET_DIRECTORY : 0),
        .site = site,
    };
    request.allocation.QuadPart = (LONGLONG)open->allocation;
    InitializeObjectAttributes(&attributes, (PUNICODE_STRING)(ULONG_PTR)&path->name,
                               open->case_sensitive ? 0 : OBJ_CASE_INSENSITIVE, open->root, NULL);
    const struct fsrtl_who who = {"fltsim_open", site};
    NTSTATUS status = attach_ecps(open, &request.ecps, who);
    if (NT_SUCCESS(status))
        status = IopCheckedCreateFile(&request, &attributes, handle);
    detach_ecps(open, request.ecps, who);
    if (open->information)
        *open->information = request.information;
    return status;
}

/* A test runner puts its own fault handlers in place before each test. Taking the faults back costs system calls, so
 * that is done at the first opens after the machine started, then now and then. */
static void watch_faults(void)
{
    static _Thread_local unsigned generation, opens;
    if (generation != io->generation) {
        generation = io->generation;
        opens = 0;
    }
    if (opens < 32 || !(opens & 255))
        KiWatchFaults();
    opens++;
}

NTSTATUS fltsim_open(const char *path, const struct fltsim_open *open, HANDLE *handle)
{
    static const struct fltsim_open plain;
    struct path full;
    SIM_NEED_MACHINE();
    SIM_NEED(path && handle, "%s is NULL", path ? "handle" : "path");
    if (!open)
        open = &plain;
    SIM_NEED(open->ecps || !open->ecp_count, "ecp_count is %zu, and ecps is NULL", open->ecp_count);
    for (size_t i = 0; i < open->ecp_count; i++)
        SIM_NEED(open->ecps[i].type, "ecps[%zu] has no type", i);
    *handle = NULL;
    watch_faults();
    if (!make_path(&full, path))
        return STATUS_NAME_TOO_LONG;
    KPROCESSOR_MODE previous = enter();
    NTSTATUS status = open_path(&full, open, handle, VERIFY_CALLER);
    free_path(&full);
    return leave(previous, status);
}

NTSTATUS fltsim_close(HANDLE handle)
{
    SIM_NEED_MACHINE();
    KPROCESSOR_MODE previous = enter();
    return leave(previous, ObpCloseHandle(handle, UserMode, VERIFY_CALLER));
}

/* ---- buffers ---- */

/* What probing and copying find out of a program's buffer. */
static NTSTATUS look_at_buffer(const void *buffer, size_t length)
{
    if (length > MAXULONG)
        return STATUS_INVALID_PARAMETER; /* no request has room for it */
    return length && !buffer ? STATUS_ACCESS_VIOLATION : STATUS_SUCCESS;
}

/* ---- requests that may pend: asynchronous handles are waited for ---- */

static NTSTATUS await(HANDLE handle, IO_STATUS_BLOCK *iosb)
{
    LARGE_INTEGER pause = {.QuadPart = -10000};
    NtWaitForSingleObject(handle, FALSE, NULL);
    /* Another request on the same handle may have set the file's event. */
    while (__atomic_load_n(&iosb->Status, __ATOMIC_ACQUIRE) == STATUS_PENDING)
        KeDelayExecutionThread(UserMode, FALSE, &pause);
    return iosb->Status;
}

static NTSTATUS finish(HANDLE handle, IO_STATUS_BLOCK *iosb, NTSTATUS status, size_t *done)
{
    if (__builtin_expect(status == STATUS_PENDING, 0))
        status = await(handle, iosb);
    if (done)
        *done = NT_ERROR(status) ? 0 : iosb->Information;
    return status;
}

static LARGE_INTEGER *offset_of(int64_t offset, LARGE_INTEGER *place)
{
    if (offset == FLTSIM_CURRENT)
        return NULL;
    place->QuadPart = offset; /* FLTSIM_APPEND is FILE_WRITE_TO_END_OF_FILE with a high part of -1 */
    return place;
}

NTSTATUS fltsim_read(HANDLE handle, void *buffer, size_t length, int64_t offset, size_t *done)
{
    IO_STATUS_BLOCK iosb = {.Status = STATUS_PENDING};
    LARGE_INTEGER at;
    SIM_NEED_MACHINE();
    KPROCESSOR_MODE previous = enter();
    NTSTATUS status = look_at_buffer(buffer, length);
    if (NT_SUCCESS(status))
        status = NtReadFile(handle, NULL, NULL, NULL, &iosb, buffer, (ULONG)length, offset_of(offset, &at), NULL);
    return leave(previous, finish(handle, &iosb, status, done));
}

NTSTATUS fltsim_write(HANDLE handle, const void *buffer, size_t length, int64_t offset, size_t *done)
{
    IO_STATUS_BLOCK iosb = {.Status = STATUS_PENDING};
    LARGE_INTEGER at;
    SIM_NEED_MACHINE();
    KPROCESSOR_MODE previous = enter();
    NTSTATUS status = look_at_buffer(buffer, length);
    if (NT_SUCCESS(status))
        status = NtWriteFile(handle, NULL, NULL, NULL, &iosb, (PVOID)(ULONG_PTR)buffer, (ULONG)length,
                             offset_of(offset, &at), NULL);
    return leave(previous, finish(handle, &iosb, status, done));
}

NTSTATUS fltsim_flush(HANDLE handle)
{
    IO_STATUS_BLOCK iosb;
    AS_USER(NtFlushBuffersFile(handle, &iosb));
}

NTSTATUS fltsim_lock(HANDLE handle, uint64_t offset, uint64_t length, bool exclusive, bool wait)
{
    IO_STATUS_BLOCK iosb = {.Status = STATUS_PENDING};
    LARGE_INTEGER at = {.QuadPart = (LONGLONG)offset}, size = {.QuadPart = (LONGLONG)length};
    SIM_NEED_MACHINE();
    KPROCESSOR_MODE previous = enter();
    NTSTATUS status = NtLockFile(handle, NULL, NULL, NULL, &iosb, &at, &size, 0, !wait, exclusive);
    return leave(previous, finish(handle, &iosb, status, NULL));
}

NTSTATUS fltsim_unlock(HANDLE handle, uint64_t offset, uint64_t length)
{
    IO_STATUS_BLOCK iosb;
    LARGE_INTEGER at = {.QuadPart = (LONGLONG)offset}, size = {.QuadPart = (LONGLONG)length};
    AS_USER(NtUnlockFile(handle, &iosb, &at, &size, 0));
}

NTSTATUS fltsim_fsctl(HANDLE handle, ULONG code, const void *in, ULONG in_length, void *out, ULONG out_length,
                      size_t *done)
{
    IO_STATUS_BLOCK iosb = {.Status = STATUS_PENDING};
    SIM_NEED_MACHINE();
    KPROCESSOR_MODE previous = enter();
    NTSTATUS status = NtFsControlFile(handle, NULL, NULL, NULL, &iosb, code, (PVOID)(ULONG_PTR)in, in_length, out,
                                      out_length);
    return leave(previous, finish(handle, &iosb, status, done));
}

NTSTATUS fltsim_ioctl(HANDLE handle, ULONG code, const void *in, ULONG in_length, void *out, ULONG out_length,
                      size_t *done)
{
    IO_STATUS_BLOCK iosb = {.Status = STATUS_PENDING};
    SIM_NEED_MACHINE();
    KPROCESSOR_MODE previous = enter();
    NTSTATUS status = NtDeviceIoControlFile(handle, NULL, NULL, NULL, &iosb, code, (PVOID)(ULONG_PTR)in, in_length,
                                            out, out_length);
    return leave(previous, finish(handle, &iosb, status, done));
}

/* ---- what is known of a file ---- */

NTSTATUS fltsim_query(HANDLE handle, FILE_INFORMATION_CLASS kind, void *buffer, ULONG length)
{
    IO_STATUS_BLOCK iosb;
    NTSTATUS status = look_at_buffer(buffer, length);
    AS_USER(NT_SUCCESS(status) ? NtQueryInformationFile(handle, &iosb, buffer, length, kind) : status);
}

NTSTATUS fltsim_set(HANDLE handle, FILE_INFORMATION_CLASS kind, void *buffer, ULONG length)
{
    IO_STATUS_BLOCK iosb;
    NTSTATUS status = look_at_buffer(buffer, length);
    AS_USER(NT_SUCCESS(status) ? NtSetInformationFile(handle, &iosb, buffer, length, kind) : status);
}

NTSTATUS fltsim_query_volume(HANDLE handle, FS_INFORMATION_CLASS kind, void *buffer, ULONG length)
{
    IO_STATUS_BLOCK iosb;
    NTSTATUS status = look_at_buffer(buffer, length);
    AS_USER(NT_SUCCESS(status) ? NtQueryVolumeInformationFile(handle, &iosb, buffer, length, kind) : status);
}

NTSTATUS fltsim_set_size(HANDLE handle, uint64_t size)
{
    FILE_END_OF_FILE_INFORMATION info = {.EndOfFile = {.QuadPart = (LONGLONG)size}};
    return fltsim_set(handle, FileEndOfFileInformation, &info, sizeof info);
}

NTSTATUS fltsim_get_size(HANDLE handle, uint64_t *size)
{
    FILE_STANDARD_INFORMATION info;
    SIM_NEED(size, "size is NULL");
    NTSTATUS status = fltsim_query(handle, FileStandardInformation, &info, sizeof info);
    *size = NT_SUCCESS(status) ? (uint64_t)info.EndOfFile.QuadPart : 0;
    return status;
}

NTSTATUS fltsim_set_delete(HANDLE handle, bool remove)
{
    FILE_DISPOSITION_INFORMATION info = {.DeleteFile = remove};
    return fltsim_set(handle, FileDispositionInformation, &info, sizeof info);
}

NTSTATUS fltsim_delete(const char *path)
{
    HANDLE handle;
    NTSTATUS status = fltsim_open(
        path, &(struct fltsim_open){.access = DELETE, .options = FILE_OPEN_REPARSE_POINT | FILE_OPEN_FOR_BACKUP_INTENT},
        &handle);
    if (!NT_SUCCESS(status))
        return status;
    status = fltsim_set_delete(handle, true);
    NTSTATUS closed = fltsim_close(handle);
    return NT_SUCCESS(status) ? closed : status;
}

/* Renames and links have one layout. */
static NTSTATUS set_name(HANDLE handle, FILE_INFORMATION_CLASS kind, const char *target, bool replace)
{
    struct path path;
    if (!make_path(&path, target))
        return STATUS_NAME_TOO_LONG;
    ULONG size = (ULONG)(FIELD_OFFSET(FILE_RENAME_INFORMATION, FileName) + path.name.Length + sizeof(WCHAR));
    if (size < sizeof(FILE_RENAME_INFORMATION))
        size = sizeof(FILE_RENAME_INFORMATION);
    FILE_RENAME_INFORMATION *info = sim_alloc(size);
    info->ReplaceIfExists = replace;
    info->FileNameLength = path.name.Length;
    memcpy(info->FileName, path.name.Buffer, path.name.Length);
    NTSTATUS status = fltsim_set(handle, kind, info, size);
    sim_free(info);
    free_path(&path);
    return status;
}

NTSTATUS fltsim_rename(HANDLE handle, const char *target, bool replace)
{
    SIM_NEED_MACHINE();
    SIM_NEED(target, "target is NULL");
    return set_name(handle, FileRenameInformation, target, replace);
}

NTSTATUS fltsim_link(HANDLE handle, const char *target, bool replace)
{
    SIM_NEED_MACHINE();
    SIM_NEED(target, "target is NULL");
    return set_name(handle, FileLinkInformation, target, replace);
}

NTSTATUS fltsim_make_directory(const char *path)
{
    HANDLE handle;
    NTSTATUS status = fltsim_open(path,
                                  &(struct fltsim_open){.access = FILE_LIST_DIRECTORY,
                                                        .disposition = FILE_CREATE,
                                                        .options = FILE_DIRECTORY_FILE},
                                  &handle);
    return NT_SUCCESS(status) ? fltsim_close(handle) : status;
}

/* ---- folders ---- */

struct enumeration {
    bool (*entry)(const char *name, ULONG attributes, uint64_t size, void *context);
    void *context;
};

static bool visit(const struct enumeration *e, const FILE_BOTH_DIR_INFORMATION *info)
{
    char name[1024];
    trace_utf8((const uint16_t *)info->FileName, info->FileNameLength, name, sizeof name);
    return e->entry(name, info->FileAttributes, (uint64_t)info->EndOfFile.QuadPart, e->context);
}

/* False: the visitor has enough. */
static bool visit_all(const struct enumeration *e, const char *buffer)
{
    for (;;) {
        const FILE_BOTH_DIR_INFORMATION *info = (const void *)buffer;
        if (!visit(e, info))
            return false;
        if (!info->NextEntryOffset)
            return true;
        buffer += info->NextEntryOffset;
    }
}

static NTSTATUS next_entries(HANDLE directory, void *buffer, ULONG length, UNICODE_STRING *pattern, bool restart)
{
    IO_STATUS_BLOCK iosb = {.Status = STATUS_PENDING};
    KPROCESSOR_MODE previous = enter();
    NTSTATUS status = NtQueryDirectoryFile(directory, NULL, NULL, NULL, &iosb, buffer, length, FileBothDirectoryInformation,
                                           FALSE, pattern, restart);
    return leave(previous, finish(directory, &iosb, status, NULL));
}

NTSTATUS fltsim_enumerate(HANDLE directory, const char *pattern,
                          bool (*entry)(const char *name, ULONG attributes, uint64_t size, void *context),
                          void *context)
{
    enum { SIZE = 8192 };
    const struct enumeration e = {entry, context};
    struct path name = {0};
    SIM_NEED_MACHINE();
    SIM_NEED(entry, "entry is NULL");
    if (pattern && !make_path(&name, pattern))
        return STATUS_NAME_TOO_LONG;
    char *buffer = sim_alloc(SIZE);
    NTSTATUS status = next_entries(directory, buffer, SIZE, pattern ? &name.name : NULL, true);
    bool more = true;
    while (NT_SUCCESS(status) && more) {
        more = visit_all(&e, buffer);
        if (more)
            status = next_entries(directory, buffer, SIZE, NULL, false);
    }
    sim_free(buffer);
    if (pattern)
        free_path(&name);
    return status == STATUS_NO_MORE_FILES ? STATUS_SUCCESS : status;
}

/* ---- mapped views ---- */

static NTSTATUS map(HANDLE handle, bool writable, size_t size, struct fltsim_view *view)
{
    LARGE_INTEGER maximum = {.QuadPart = (LONGLONG)size};
    ULONG protect = writable ? PAGE_READWRITE : PAGE_READONLY;
    SIZE_T view_size = size;
    NTSTATUS status = NtCreateSection(&view->section, SECTION_ALL_ACCESS, NULL, size ? &maximum : NULL, protect,
                                      SEC_COMMIT, handle);
    if (!NT_SUCCESS(status))
        return status;
    status = NtMapViewOfSection(view->section, NtCurrentProcess(), &view->base, 0, 0, NULL, &view_size, ViewUnmap, 0,
                                protect);
    view->size = view_size;
    if (!NT_SUCCESS(status))
        NtClose(view->section);
    return status;
}

NTSTATUS fltsim_map(HANDLE handle, bool writable, size_t size, struct fltsim_view *view)
{
    SIM_NEED(view, "view is NULL");
    *view = (struct fltsim_view){0};
    AS_USER(map(handle, writable, size, view));
}

NTSTATUS fltsim_flush_view(struct fltsim_view *view)
{
    IO_STATUS_BLOCK iosb;
    SIM_NEED(view, "view is NULL");
    PVOID base = view->base;
    SIZE_T size = view->size;
    AS_USER(NtFlushVirtualMemory(NtCurrentProcess(), &base, &size, &iosb));
}

NTSTATUS fltsim_unmap(struct fltsim_view *view)
{
    SIM_NEED_MACHINE();
    SIM_NEED(view, "view is NULL");
    KPROCESSOR_MODE previous = enter();
    NTSTATUS status = NtUnmapViewOfSection(NtCurrentProcess(), view->base);
    NTSTATUS closed = NtClose(view->section);
    *view = (struct fltsim_view){0};
    return leave(previous, NT_SUCCESS(status) ? closed : status);
}
