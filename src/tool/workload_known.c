/* Programs that do just what the driver is about: they use the names that stand in its module and its settings. What
 * they are answered is the driver's purpose, so nobody is told. */
#include "tool/workload.h"

#include <stdio.h>
#include <string.h>

static void make_folders(struct workload *w, const char *path)
{
    char folder[300];
    for (const char *at = strchr(path + 1, '\\'); at; at = strchr(at + 1, '\\')) {
        snprintf(folder, sizeof folder, "%s%.*s", w->root, (int)(at - path), path);
        fltsim_make_directory(folder);
    }
}

/* A file comes, is written, read, asked about, renamed away and back, linked, and goes. */
static void use_file(struct workload *w, const char *path)
{
    struct fltsim_open open = {.access = GENERIC_READ | GENERIC_WRITE | DELETE, .disposition = FILE_OPEN_IF};
    char full[300], text[64] = "some of the contents, to be found again", back[64];
    FILE_BASIC_INFORMATION basic;
    uint64_t size;
    HANDLE file;

    snprintf(full, sizeof full, "%s%s", w->root, path);
    make_folders(w, path);
    w->operations += 16;
    if (NT_SUCCESS(fltsim_open(full, &open, &file))) {
        fltsim_write(file, text, sizeof text, 0, NULL);
        fltsim_read(file, back, sizeof back, 0, NULL);
        fltsim_query(file, FileBasicInformation, &basic, sizeof basic);
        fltsim_get_size(file, &size);
        fltsim_flush(file);
        workload_control_file(w, file);
        fltsim_close(file);
    }
    open.access = GENERIC_READ;
    open.disposition = FILE_OPEN;
    if (NT_SUCCESS(fltsim_open(full, &open, &file))) {
        fltsim_read(file, back, sizeof back, 0, NULL);
        fltsim_close(file);
    }
    open.access = GENERIC_WRITE | DELETE;
    open.disposition = FILE_OVERWRITE_IF;
    if (NT_SUCCESS(fltsim_open(full, &open, &file))) {
        fltsim_write(file, text, 10, FLTSIM_APPEND, NULL);
        fltsim_link(file, "linked by programs", true);
        fltsim_rename(file, "renamed by programs", true);
        fltsim_rename(file, full, true);
        fltsim_close(file);
    }
    fltsim_delete(full);
}

static bool see_entry(const char *name, ULONG attributes, uint64_t size, void *context)
{
    return true;
}

static void use_folder(struct workload *w, const char *path)
{
    char full[300];
    HANDLE folder;

    snprintf(full, sizeof full, "%s\\inside", path);
    use_file(w, full);
    snprintf(full, sizeof full, "%s%s", w->root, path);
    w->operations += 4;
    fltsim_make_directory(full);
    if (NT_SUCCESS(fltsim_open(full, &(struct fltsim_open){.options = FILE_DIRECTORY_FILE}, &folder))) {
        fltsim_enumerate(folder, NULL, see_entry, NULL);
        fltsim_close(folder);
    }
}

static bool looks_like_a_file(const char *path)
{
    const char *name = strrchr(path, '\\');
    return strchr(name ? name : path, '.') != NULL;
}

static void use_extensions(struct workload *w, const char *folder)
{
    char path[300];
    for (size_t i = 0; i < w->known->extension_count; i++) {
        snprintf(path, sizeof path, "%s\\named.%s", folder, w->known->extensions[i]);
        use_file(w, path);
    }
}

static void use_all(struct workload *w)
{
    size_t folders = 0;

    use_extensions(w, "\\work");
    for (size_t i = 0; i < w->known->path_count; i++) {
        const char *path = w->known->paths[i];
        if (looks_like_a_file(path)) {
            use_file(w, path);
        } else {
            use_folder(w, path);
            if (folders++ < 4)
                use_extensions(w, path);
        }
    }
}

/* A name alone was put into \work. */
bool workload_is_full_folder(const char *path)
{
    return strncmp(path, "\\work\\", 6) != 0 && !looks_like_a_file(path);
}

/* The last ones first: settings were read after the module, where some texts are chance. */
static void use_full_folders(struct workload *w)
{
    size_t folders = 0;

    for (size_t i = w->known->path_count; i-- > 0 && folders < 4;)
        if (workload_is_full_folder(w->known->paths[i])) {
            workload_folder(w, w->known->paths[i]);
            folders++;
        }
}

void workload_make_known_folders(struct workload *w, bool themselves)
{
    char path[300];
    for (size_t i = 0; i < w->known->path_count; i++) {
        snprintf(path, sizeof path, "%s%s", w->known->paths[i], themselves ? "\\" : "");
        if (!looks_like_a_file(w->known->paths[i]))
            make_folders(w, path);
    }
}

/* The number of the volume that Windows is on differs from machine to machine: the driver's is another name for ours. */
static void name_known_volumes(const struct known *known)
{
    static const char first[] = "\\Device\\HarddiskVolume1";
    WCHAR texts[2][sizeof first];
    UNICODE_STRING names[2];

    for (unsigned n = 2; n < 10; n++) {
        if (!(known->volumes & 1u << n))
            continue;
        for (int i = 0; i < 2; i++) {
            for (size_t k = 0; k < sizeof first; k++)
                texts[i][k] = (WCHAR)first[k];
            RtlInitUnicodeString(&names[i], texts[i]);
        }
        texts[0][sizeof first - 2] = (WCHAR)('0' + n);
        IoCreateSymbolicLink(&names[0], &names[1]);
    }
}

void workload_make_known_files(struct workload *w)
{
    static const char text[] = "some text 1\r\n";
    struct fltsim_open open = {.access = GENERIC_WRITE, .disposition = FILE_CREATE};
    char full[300];
    HANDLE file;

    name_known_volumes(w->known);
    for (size_t i = 0; i < w->known->path_count; i++) {
        if (!looks_like_a_file(w->known->paths[i]))
            continue;
        snprintf(full, sizeof full, "%s%s", w->root, w->known->paths[i]);
        make_folders(w, w->known->paths[i]);
        if (NT_SUCCESS(fltsim_open(full, &open, &file))) {
            fltsim_write(file, text, sizeof text - 1, 0, NULL);
            fltsim_close(file);
        }
    }
}

void workload_known(struct workload *w)
{
    struct fltsim_process *before;
    char image[300];

    if (!w->known)
        return;
    use_all(w);
    use_full_folders(w);
    for (size_t i = 0; i < w->known->image_count; i++) {
        snprintf(image, sizeof image, "%s\\Windows\\System32\\%s", w->root, w->known->images[i]);
        struct fltsim_process *process = fltsim_process_create(image);
        if (!process)
            continue;
        before = fltsim_impersonate(process);
        if (i < 3)
            use_all(w);
        else
            use_file(w, "\\work\\by a known program.txt");
        fltsim_impersonate(before);
        fltsim_process_exit(process);
    }
}
