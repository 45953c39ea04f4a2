/* What programs do with a folder beside making files in it: they list it in every form, watch it while something changes
 * below it, ask for its names and its records, and try to give it other names. Nobody is told what they are answered. */
#include "tool/workload.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { LISTINGS = 8 }; /* calls, at most, that list one folder in one form */

static HANDLE open_folder(struct workload *w, const char *path, ACCESS_MASK access, bool asynchronous)
{
    struct fltsim_open open = {.access = access, .options = FILE_DIRECTORY_FILE, .asynchronous = asynchronous};
    HANDLE folder;
    w->operations++;
    return NT_SUCCESS(fltsim_open(path, &open, &folder)) ? folder : NULL;
}

/* ---- lists ---- */

static void list(struct workload *w, HANDLE folder, FILE_INFORMATION_CLASS kind, PUNICODE_STRING pattern, bool single)
{
    _Alignas(8) char buffer[256];
    IO_STATUS_BLOCK iosb;

    for (int i = 0; i < LISTINGS; i++) {
        w->operations++;
        if (!NT_SUCCESS(NtQueryDirectoryFile(folder, NULL, NULL, NULL, &iosb, buffer, sizeof buffer, kind, single,
                                             i ? NULL : pattern, i == 0)))
            return;
    }
}

static void list_all(struct workload *w, const char *path)
{
    static const FILE_INFORMATION_CLASS kinds[] = {FileDirectoryInformation, FileFullDirectoryInformation,
                                                   FileBothDirectoryInformation, FileNamesInformation,
                                                   FileIdBothDirectoryInformation, FileIdFullDirectoryInformation};
    UNICODE_STRING some = RTL_CONSTANT_STRING(u"*n*");

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        HANDLE folder = open_folder(w, path, GENERIC_READ, false);
        if (!folder)
            return;
        list(w, folder, kinds[i], i % 2 ? &some : NULL, i == 3);
        list(w, folder, kinds[i], NULL, false);
        fltsim_close(folder);
    }
}

/* ---- watches ---- */

struct watch {
    HANDLE folder, event;
    IO_STATUS_BLOCK iosb;
    NTSTATUS status;
    _Alignas(8) char buffer[512];
};

static void begin(struct workload *w, struct watch *watch, bool tree)
{
    watch->iosb.Status = STATUS_PENDING;
    w->operations++;
    fltsim_previous_mode(UserMode);
    watch->status = NtNotifyChangeDirectoryFile(watch->folder, watch->event, NULL, NULL, &watch->iosb, watch->buffer,
                                                sizeof watch->buffer,
                                                FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_DIR_NAME |
                                                    FILE_NOTIFY_CHANGE_SIZE | FILE_NOTIFY_CHANGE_LAST_WRITE,
                                                tree);
    fltsim_previous_mode(KernelMode);
}

/* A request that nothing ended is cancelled, as CancelIo does. */
static void end(struct watch *watch)
{
    LARGE_INTEGER a_while = {.QuadPart = -10 * 1000 * 10};
    IO_STATUS_BLOCK cancelled;

    if (watch->status == STATUS_PENDING && ZwWaitForSingleObject(watch->event, FALSE, &a_while) == STATUS_TIMEOUT) {
        if (watch->folder)
            NtCancelIoFile(watch->folder, &cancelled);
        ZwWaitForSingleObject(watch->event, FALSE, NULL);
    }
    ZwClearEvent(watch->event);
}

static void change(struct workload *w, const char *inside)
{
    struct fltsim_open open = {.access = GENERIC_WRITE | DELETE, .disposition = FILE_OPEN_IF};
    HANDLE file;

    w->operations += 4;
    if (!NT_SUCCESS(fltsim_open(inside, &open, &file)))
        return;
    fltsim_write(file, "changed", 7, 0, NULL);
    fltsim_rename(file, "watched otherwise", true);
    fltsim_set_delete(file, true);
    fltsim_close(file);
}

/* Cancelled at once; then again and again while things change; the last one is ended by the close. */
static void watch(struct workload *w, const char *path, const char *inside, bool tree)
{
    struct watch watch = {.folder = open_folder(w, path, FILE_LIST_DIRECTORY, true)};
    IO_STATUS_BLOCK cancelled;

    if (!watch.folder)
        return;
    ZwCreateEvent(&watch.event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE);
    begin(w, &watch, tree);
    if (watch.status == STATUS_PENDING)
        NtCancelIoFile(watch.folder, &cancelled);
    end(&watch);
    for (int round = 0; round < 3; round++) {
        begin(w, &watch, tree);
        change(w, inside);
        end(&watch);
    }
    begin(w, &watch, tree);
    fltsim_close(watch.folder);
    watch.folder = NULL;
    end(&watch);
    ZwClose(watch.event);
}

/* ---- names and records ---- */

static void ask(struct workload *w, const char *path)
{
    static const FILE_INFORMATION_CLASS kinds[] = {FileNameInformation, FileNormalizedNameInformation, FileAllInformation,
                                                   FileAlternateNameInformation, FileHardLinkInformation,
                                                   FileNetworkOpenInformation, FileStandardInformation};
    _Alignas(8) char buffer[1024];
    HANDLE folder = open_folder(w, path, GENERIC_READ, false);

    if (!folder)
        return;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        fltsim_query(folder, kinds[i], buffer, sizeof buffer);
    fltsim_query(folder, FileNameInformation, buffer, 8);
    w->operations += sizeof kinds / sizeof *kinds + 1;
    workload_ask_records(w, folder);
    fltsim_close(folder);
}

/* Whether it can have them or not, it has its own name in the end. */
static void name_otherwise(struct workload *w, const char *path)
{
    struct {
        FILE_NAME_INFORMATION head;
        WCHAR rest[8];
    } name = {.head = {.FileNameLength = 10}};
    FILE_DISPOSITION_INFORMATION keep = {FALSE};
    HANDLE folder = open_folder(w, path, GENERIC_READ | GENERIC_WRITE | DELETE, false);

    if (!folder)
        return;
    memcpy(name.head.FileName, u"SHORT", 10);
    w->operations += 5;
    fltsim_set(folder, FileShortNameInformation, &name, sizeof name);
    fltsim_link(folder, "linked by programs", true);
    if (NT_SUCCESS(fltsim_rename(folder, "renamed by programs", false)))
        fltsim_rename(folder, path, false);
    fltsim_set(folder, FileDispositionInformation, &keep, sizeof keep);
    fltsim_set_delete(folder, true);
    fltsim_set_delete(folder, false);
    fltsim_close(folder);
}

static void ask_by_name(struct workload *w, const char *path)
{
    FILE_NETWORK_OPEN_INFORMATION network;
    FILE_BASIC_INFORMATION basic;
    OBJECT_ATTRIBUTES attributes;
    WCHAR text[300];
    UNICODE_STRING name = workload_nt_path(w, path + strlen(w->root), text);

    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    w->operations += 2;
    fltsim_previous_mode(UserMode);
    NtQueryFullAttributesFile(&attributes, &network);
    NtQueryAttributesFile(&attributes, &basic);
    fltsim_previous_mode(KernelMode);
}

/* The folder and the one above it; what changes, changes in the folder. */
void workload_folder(struct workload *w, const char *name)
{
    char path[300], above[300], inside[300];

    snprintf(path, sizeof path, "%s%s", w->root, name);
    snprintf(inside, sizeof inside, "%.280s\\watched", path);
    int length = (int)(strrchr(path, '\\') - path), root = (int)strlen(w->root);
    snprintf(above, sizeof above, "%.*s", length > root ? length : root + 1, path); /* "C:\" is a folder, "C:" is none */
    for (const char *at = path;; at = above) {
        list_all(w, at);
        ask(w, at);
        ask_by_name(w, at);
        watch(w, at, inside, false);
        watch(w, at, inside, true);
        name_otherwise(w, at);
        if (at == above)
            return;
    }
}
