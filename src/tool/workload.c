#include "tool/workload.h"

#include <stdio.h>
#include <string.h>

const struct workload_step workload_steps[] = {
    {"create dispositions and options", workload_creates},
    {"opens that must fail", workload_failing_opens},
    {"relative opens", workload_relative_opens},
    {"opens by parts of the system", workload_system_opens},
    {"a cluster's other nodes", workload_cluster},
    {"cached reads and writes", workload_cached},
    {"non-cached reads and writes", workload_uncached},
    {"mapped views", workload_mapped},
    {"truncate, extend, append", workload_sizes},
    {"byte-range locks", workload_locks},
    {"paging file", workload_paging_file},
    {"renames", workload_renames},
    {"hard links", workload_links},
    {"deletes of every kind", workload_deletes},
    {"named streams", workload_streams},
    {"directories and enumeration", workload_directories},
    {"attributes, times, names", workload_attributes},
    {"volume queries", workload_volume},
    {"sharing conflicts", workload_sharing},
    {"two processes", workload_processes},
    {"several threads on one file", workload_threads},
    {"threads that race", workload_races},
    {"control codes, reparse points", workload_controls},
    {"journal, clusters, copies by token", workload_disk},
    {"oplocks", workload_oplocks},
    {"changes of directories", workload_changes},
    {"extended attributes", workload_eas},
    {"security", workload_security},
    {"queries by name", workload_queries_by_name},
    {"programs that start and end", workload_programs},
    {"components of the kernel", workload_kernel},
    {"connections", workload_connections},
    {"transactions", workload_transactions},
    {"other filters above and below", workload_neighbours},
    {"the registry", workload_registry},
    {"devices that may be removed", workload_devices},
    {"memory gets short", workload_trim},
    {"names that the driver knows", workload_known},
    {"control devices of the driver", workload_control_devices},
    {NULL, NULL},
};

bool workload_expect(struct workload *w, const char *what, NTSTATUS status, NTSTATUS expected)
{
    char text[400], got[80];

    w->operations++;
    if (status != expected) {
        w->unexpected++;
        if (w->note) {
            snprintf(got, sizeof got, "%s", fltsim_status_name(status));
            snprintf(text, sizeof text, "%.200s on %s %s; without the driver %s", what, w->root, got,
                     fltsim_status_name(expected));
            w->note(text, w->context);
        }
    }
    return NT_SUCCESS(status);
}

const char *workload_path(struct workload *w, const char *name)
{
    static _Thread_local char texts[4][300];
    static _Thread_local unsigned next;
    char *text = texts[next++ % 4];

    if (*name == '\\' || !*name)
        snprintf(text, sizeof texts[0], "%s%s", w->root, name);
    else
        snprintf(text, sizeof texts[0], "%s\\work\\%s", w->root, name);
    return text;
}

HANDLE workload_open(struct workload *w, const char *name, const struct fltsim_open *open, NTSTATUS expected)
{
    HANDLE handle = NULL;
    char what[200];

    snprintf(what, sizeof what, "open %s", name);
    if (!workload_expect(w, what, fltsim_open(workload_path(w, name), open, &handle), expected))
        handle = NULL;
    return handle;
}

void workload_close(struct workload *w, HANDLE handle)
{
    if (handle)
        workload_expect(w, "close", fltsim_close(handle), STATUS_SUCCESS);
}

static void make_folder(struct workload *w, const char *name)
{
    workload_expect(w, "make a directory", fltsim_make_directory(workload_path(w, name)), STATUS_SUCCESS);
}

static void make_file(struct workload *w, const char *name, size_t size, ULONG attributes)
{
    static const char line[] = "The quick brown fox jumps over the lazy dog.\r\n";
    char block[4096];
    HANDLE file = workload_open(w, name,
                                &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE,
                                                      .disposition = FILE_OVERWRITE_IF,
                                                      .attributes = attributes},
                                STATUS_SUCCESS);

    for (size_t i = 0; i < sizeof block; i++)
        block[i] = line[i % (sizeof line - 1)];
    for (size_t at = 0; file && at < size; at += sizeof block) {
        size_t part = size - at < sizeof block ? size - at : sizeof block;
        workload_expect(w, "write", fltsim_write(file, block, part, (int64_t)at, NULL), STATUS_SUCCESS);
    }
    if (file && strstr(name, ".exe")) /* what a program's image must begin with */
        workload_expect(w, "write", fltsim_write(file, (char[64]){"MZ"}, 64, 0, NULL), STATUS_SUCCESS);
    workload_close(w, file);
}

void workload_populate(struct workload *w)
{
    static const struct {
        const char *name;
        size_t size; /* SIZE_MAX: a folder */
        ULONG attributes;
    } tree[] = {
        {"\\work", SIZE_MAX, 0},
        {"\\Windows", SIZE_MAX, 0},
        {"\\Windows\\System32", SIZE_MAX, 0},
        {"\\Windows\\System32\\notepad.exe", 9000, 0},
        {"\\Windows\\win.ini", 100, 0},
        {"\\Users", SIZE_MAX, 0},
        {"\\Users\\alice", SIZE_MAX, 0},
        {"\\Users\\alice\\letter.txt", 1500, 0},
        {"\\Users\\alice\\A long name with spaces.document", 70000, 0},
        {"\\Users\\alice\\empty.dat", 0, 0},
        {"\\Users\\alice\\read only.txt", 300, FILE_ATTRIBUTE_READONLY},
        {"\\Users\\alice\\hidden.txt", 300, FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM},
    };

    for (size_t i = 0; i < sizeof tree / sizeof *tree; i++) {
        if (tree[i].size == SIZE_MAX)
            make_folder(w, tree[i].name);
        else
            make_file(w, tree[i].name, tree[i].size, tree[i].attributes);
    }
    if (w->is_ntfs)
        make_file(w, "\\Users\\alice\\letter.txt:note", 64, 0);
}
