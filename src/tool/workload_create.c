#include "tool/workload.h"

#include <stdio.h>

/* What each disposition answers for a file that is there and for one that is not. */
static const struct {
    ULONG disposition;
    NTSTATUS existing, fresh;
} dispositions[] = {
    {FLTSIM_SUPERSEDE, STATUS_SUCCESS, STATUS_SUCCESS},
    {FILE_OPEN, STATUS_SUCCESS, STATUS_OBJECT_NAME_NOT_FOUND},
    {FILE_CREATE, STATUS_OBJECT_NAME_COLLISION, STATUS_SUCCESS},
    {FILE_OPEN_IF, STATUS_SUCCESS, STATUS_SUCCESS},
    {FILE_OVERWRITE, STATUS_SUCCESS, STATUS_OBJECT_NAME_NOT_FOUND},
    {FILE_OVERWRITE_IF, STATUS_SUCCESS, STATUS_SUCCESS},
};

static void try_dispositions(struct workload *w, ULONG options)
{
    struct fltsim_open open = {.access = GENERIC_READ | GENERIC_WRITE | DELETE, .options = options};

    for (size_t i = 0; i < sizeof dispositions / sizeof *dispositions; i++) {
        open.disposition = FILE_OPEN_IF;
        workload_close(w, workload_open(w, "existing", &open, STATUS_SUCCESS));
        open.disposition = dispositions[i].disposition;
        workload_close(w, workload_open(w, "existing", &open, dispositions[i].existing));
        HANDLE fresh = workload_open(w, "fresh", &open, dispositions[i].fresh);
        if (fresh)
            workload_expect(w, "delete", fltsim_set_delete(fresh, true), STATUS_SUCCESS);
        workload_close(w, fresh);
    }
}

void workload_creates(struct workload *w)
{
    static const ULONG options[] = {
        0, FILE_NON_DIRECTORY_FILE, FILE_SEQUENTIAL_ONLY, FILE_RANDOM_ACCESS,
        FILE_WRITE_THROUGH, FILE_NO_INTERMEDIATE_BUFFERING, FILE_OPEN_REPARSE_POINT, FILE_OPEN_FOR_BACKUP_INTENT,
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        try_dispositions(w, options[i]);

    struct fltsim_open folder = {.disposition = FILE_CREATE, .options = FILE_DIRECTORY_FILE};
    workload_close(w, workload_open(w, "folder", &folder, STATUS_SUCCESS));
    workload_close(w, workload_open(w, "folder", &folder, STATUS_OBJECT_NAME_COLLISION));
    folder.disposition = FILE_OPEN_IF;
    workload_close(w, workload_open(w, "folder", &folder, STATUS_SUCCESS));
    workload_close(w, workload_open(w, "folder\\below", &folder, STATUS_SUCCESS));
    workload_close(w, workload_open(w, "\\", NULL, STATUS_SUCCESS));
    workload_close(w, workload_open(w, "", &(struct fltsim_open){.access = FILE_READ_ATTRIBUTES}, STATUS_SUCCESS));

    struct fltsim_open gone = {.access = GENERIC_WRITE | DELETE, .disposition = FILE_CREATE,
                               .options = FILE_DELETE_ON_CLOSE};
    workload_close(w, workload_open(w, "temporary", &gone, STATUS_SUCCESS));
    workload_close(w, workload_open(w, "temporary", NULL, STATUS_OBJECT_NAME_NOT_FOUND));
}

void workload_failing_opens(struct workload *w)
{
    static const struct {
        const char *name;
        struct fltsim_open open;
        NTSTATUS status;
    } cases[] = {
        {"no such file", {0}, STATUS_OBJECT_NAME_NOT_FOUND},
        {"no such folder\\file", {0}, STATUS_OBJECT_PATH_NOT_FOUND},
        {"\\Windows\\win.ini\\file", {0}, STATUS_OBJECT_PATH_NOT_FOUND},
        {"\\Windows\\win.ini", {.options = FILE_DIRECTORY_FILE}, STATUS_NOT_A_DIRECTORY},
        {"\\Windows", {.options = FILE_NON_DIRECTORY_FILE}, STATUS_FILE_IS_A_DIRECTORY},
        {"bad<name", {.disposition = FILE_CREATE}, STATUS_OBJECT_NAME_INVALID},
        {"bad*name", {.disposition = FILE_CREATE}, STATUS_OBJECT_NAME_INVALID},
        {"\\Users\\alice\\read only.txt", {.access = GENERIC_WRITE}, STATUS_ACCESS_DENIED},
        {"\\Users\\alice\\hidden.txt",
         {.access = GENERIC_WRITE, .disposition = FILE_OVERWRITE},
         STATUS_ACCESS_DENIED},
        {"\\Windows\\win.ini",
         {.options = FILE_DIRECTORY_FILE | FILE_NON_DIRECTORY_FILE},
         STATUS_INVALID_PARAMETER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        workload_close(w, workload_open(w, cases[i].name, &cases[i].open, cases[i].status));
}

void workload_relative_opens(struct workload *w)
{
    HANDLE file, folder = workload_open(w, "\\Users\\alice", &(struct fltsim_open){.options = FILE_DIRECTORY_FILE},
                                        STATUS_SUCCESS);
    if (!folder)
        return;
    struct fltsim_open relative = {.root = folder};
    if (workload_expect(w, "relative open", fltsim_open("letter.txt", &relative, &file), STATUS_SUCCESS))
        workload_close(w, file);
    if (workload_expect(w, "relative open of a missing file", fltsim_open("missing.txt", &relative, &file),
                        STATUS_OBJECT_NAME_NOT_FOUND))
        workload_close(w, file);
    if (w->is_ntfs) {
        HANDLE letter = workload_open(w, "\\Users\\alice\\letter.txt", NULL, STATUS_SUCCESS);
        FILE_INTERNAL_INFORMATION id;
        if (letter && workload_expect(w, "query the file ID",
                                      fltsim_query(letter, FileInternalInformation, &id, sizeof id), STATUS_SUCCESS)) {
            OBJECT_ATTRIBUTES attributes;
            IO_STATUS_BLOCK iosb;
            UNICODE_STRING name = {sizeof id.IndexNumber, sizeof id.IndexNumber, (PWCH)&id.IndexNumber};
            InitializeObjectAttributes(&attributes, &name, 0, letter, NULL);
            if (workload_expect(w, "open by file ID",
                                NtCreateFile(&file, FILE_READ_DATA | SYNCHRONIZE, &attributes, &iosb, NULL, 0,
                                             FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, FILE_OPEN,
                                             FILE_OPEN_BY_FILE_ID | FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0),
                                STATUS_SUCCESS))
                workload_close(w, file);
        }
        workload_close(w, letter);
    }
    workload_close(w, folder);
}
