#include "tool/workload.h"

#include <string.h>

static HANDLE make(struct workload *w, const char *name)
{
    struct fltsim_open open = {.access = GENERIC_READ | GENERIC_WRITE | DELETE, .disposition = FILE_OPEN_IF};
    HANDLE file = workload_open(w, name, &open, STATUS_SUCCESS);
    if (file)
        workload_expect(w, "write", fltsim_write(file, name, strlen(name), 0, NULL), STATUS_SUCCESS);
    return file;
}

static void check_exists(struct workload *w, const char *name, bool exists)
{
    workload_close(w, workload_open(w, name, &(struct fltsim_open){.access = FILE_READ_ATTRIBUTES},
                                    exists ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND));
}

void workload_renames(struct workload *w)
{
    HANDLE file = make(w, "rename me");
    HANDLE target = make(w, "rename target");

    workload_close(w, target);
    if (file) {
        workload_expect(w, "rename in the folder", fltsim_rename(file, "renamed", false), STATUS_SUCCESS);
        workload_expect(w, "rename onto an existing name", fltsim_rename(file, "rename target", false),
                        STATUS_OBJECT_NAME_COLLISION);
        workload_expect(w, "rename over", fltsim_rename(file, "rename target", true), STATUS_SUCCESS);
        workload_expect(w, "rename into another folder",
                        fltsim_rename(file, workload_path(w, "\\Users\\alice\\moved"), false), STATUS_SUCCESS);
        workload_expect(w, "rename into a missing folder",
                        fltsim_rename(file, workload_path(w, "\\nowhere\\moved"), false), STATUS_OBJECT_PATH_NOT_FOUND);
        workload_expect(w, "change the case", fltsim_rename(file, "MOVED", true), STATUS_SUCCESS);
        workload_expect(w, "rename back", fltsim_rename(file, workload_path(w, "renamed"), false), STATUS_SUCCESS);
    }
    workload_close(w, file);
    check_exists(w, "rename me", false);
    check_exists(w, "rename target", false);
    check_exists(w, "renamed", true);

    HANDLE folder = workload_open(w, "old folder",
                                  &(struct fltsim_open){.access = DELETE | GENERIC_READ,
                                                        .disposition = FILE_CREATE,
                                                        .options = FILE_DIRECTORY_FILE},
                                  STATUS_SUCCESS);
    if (folder)
        workload_expect(w, "rename a folder", fltsim_rename(folder, "new folder", false), STATUS_SUCCESS);
    workload_close(w, folder);
    workload_close(w, make(w, "new folder\\inside"));
}

void workload_links(struct workload *w)
{
    HANDLE file = make(w, "linked");

    if (file) {
        workload_expect(w, "make a hard link", fltsim_link(file, "other name", false),
                        w->is_ntfs ? STATUS_SUCCESS : STATUS_INVALID_DEVICE_REQUEST);
        if (w->is_ntfs)
            workload_expect(w, "link onto an existing name", fltsim_link(file, "renamed", false),
                            STATUS_OBJECT_NAME_COLLISION);
    }
    workload_close(w, file);
    if (!w->is_ntfs)
        return;
    check_exists(w, "other name", true);
    workload_expect(w, "delete the first name", fltsim_delete(workload_path(w, "linked")), STATUS_SUCCESS);
    check_exists(w, "other name", true);
}

static void delete_on_close(struct workload *w)
{
    struct fltsim_open open = {.access = GENERIC_WRITE | DELETE,
                               .disposition = FILE_CREATE,
                               .options = FILE_DELETE_ON_CLOSE};
    HANDLE first = workload_open(w, "on close", &open, STATUS_SUCCESS);
    HANDLE second = workload_open(w, "on close", &(struct fltsim_open){0}, STATUS_SUCCESS);

    workload_close(w, first);
    workload_close(w, workload_open(w, "on close", &(struct fltsim_open){0}, STATUS_DELETE_PENDING));
    workload_close(w, second);
    check_exists(w, "on close", false);
}

/* By one who comes while another thinks about it, and thinks better of it. */
static void delete_on_close_after_a_disposition(struct workload *w)
{
    struct fltsim_open open = {.access = GENERIC_WRITE | DELETE, .options = FILE_DELETE_ON_CLOSE};
    HANDLE first = make(w, "on second thoughts"), second;

    if (!first)
        return;
    workload_expect(w, "set delete", fltsim_set_delete(first, true), STATUS_SUCCESS);
    workload_expect(w, "undo delete", fltsim_set_delete(first, false), STATUS_SUCCESS);
    second = workload_open(w, "on second thoughts", &open, STATUS_SUCCESS);
    workload_close(w, second);
    workload_close(w, first);
    check_exists(w, "on second thoughts", false);
}

static void delete_disposition(struct workload *w)
{
    HANDLE file = make(w, "disposition");

    if (file) {
        workload_expect(w, "set delete", fltsim_set_delete(file, true), STATUS_SUCCESS);
        workload_close(w, workload_open(w, "disposition", NULL, STATUS_DELETE_PENDING));
        workload_expect(w, "undo delete", fltsim_set_delete(file, false), STATUS_SUCCESS);
        workload_close(w, file);
        check_exists(w, "disposition", true);
    }
    workload_expect(w, "delete", fltsim_delete(workload_path(w, "disposition")), STATUS_SUCCESS);
    check_exists(w, "disposition", false);
    workload_expect(w, "delete a missing file", fltsim_delete(workload_path(w, "disposition")),
                    STATUS_OBJECT_NAME_NOT_FOUND);
}

static void delete_posix(struct workload *w)
{
    FILE_DISPOSITION_INFORMATION_EX posix = {FILE_DISPOSITION_DELETE | FILE_DISPOSITION_POSIX_SEMANTICS};
    HANDLE file = make(w, "posix"), other;

    if (!file)
        return;
    other = workload_open(w, "posix", &(struct fltsim_open){0}, STATUS_SUCCESS);
    workload_expect(w, "delete with POSIX semantics",
                    fltsim_set(file, FileDispositionInformationEx, &posix, sizeof posix), STATUS_SUCCESS);
    workload_close(w, file);
    check_exists(w, "posix", false);
    workload_close(w, other);
}

void workload_deletes(struct workload *w)
{
    delete_on_close(w);
    delete_on_close_after_a_disposition(w);
    delete_disposition(w);
    if (w->is_ntfs)
        delete_posix(w);

    workload_expect(w, "make a directory", fltsim_make_directory(workload_path(w, "full")), STATUS_SUCCESS);
    workload_close(w, make(w, "full\\file"));
    workload_expect(w, "delete a folder that is not empty", fltsim_delete(workload_path(w, "full")),
                    STATUS_DIRECTORY_NOT_EMPTY);
    workload_expect(w, "delete", fltsim_delete(workload_path(w, "full\\file")), STATUS_SUCCESS);
    workload_expect(w, "delete an empty folder", fltsim_delete(workload_path(w, "full")), STATUS_SUCCESS);
    workload_expect(w, "delete a read-only file", fltsim_delete(workload_path(w, "\\Users\\alice\\read only.txt")),
                    STATUS_CANNOT_DELETE);
}

void workload_streams(struct workload *w)
{
    HANDLE file;

    if (!w->is_ntfs) {
        workload_close(w, workload_open(w, "fat:stream", &(struct fltsim_open){.disposition = FILE_OPEN_IF},
                      STATUS_OBJECT_NAME_INVALID));
        return;
    }
    workload_close(w, make(w, "streams"));
    workload_close(w, make(w, "streams:one"));
    workload_close(w, make(w, "streams:two:$DATA"));
    workload_close(w, make(w, "streams::$DATA"));
    workload_close(w, workload_open(w, "streams:none", &(struct fltsim_open){0}, STATUS_OBJECT_NAME_NOT_FOUND));
    file = workload_open(w, "streams", &(struct fltsim_open){0}, STATUS_SUCCESS);
    if (file) {
        _Alignas(8) char buffer[1024];
        workload_expect(w, "list the streams", fltsim_query(file, FileStreamInformation, buffer, sizeof buffer),
                        STATUS_SUCCESS);
    }
    workload_close(w, file);
    workload_expect(w, "delete a stream", fltsim_delete(workload_path(w, "streams:one")), STATUS_SUCCESS);
    workload_expect(w, "delete the file of a stream", fltsim_delete(workload_path(w, "streams")), STATUS_SUCCESS);
    workload_close(w, workload_open(w, "streams:two", &(struct fltsim_open){0}, STATUS_OBJECT_NAME_NOT_FOUND));
}
