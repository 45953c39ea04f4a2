/* Operations on a volume and on its reference model: every answer must be the same. */
#include "model.h"
#include "passive.h"
#include "steps.h"
#include "unit.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

enum { BUFFER = 12000 };

struct run {
    struct model *model;
    HANDLE handles[MODEL_HANDLES];
};

static struct model *model_of(struct steps *steps) { return ((struct run *)steps->own)->model; }
static HANDLE *handles_of(struct steps *steps) { return ((struct run *)steps->own)->handles; }

/* ---- names ------------------------------------------------------------------------------------- */

/* In upper or lower case, in a buffer of its own turn. */
static const char *pick_name(struct steps *steps)
{
    static const char *const names[] = {"a",     "b",       "dir one",          "d2",
                                        "f.txt", "long file name.text", "x.y.z", "\xC3\xA4.\xC3\xB6"};
    static char texts[16][MODEL_NAME];
    static unsigned turn;
    char *text = texts[turn++ % 16];
    bool upper = steps_chance(steps, 30);
    snprintf(text, MODEL_NAME, "%s", names[steps_below(steps, sizeof names / sizeof *names)]);
    for (char *c = text; upper && *c; c++)
        *c = (char)((unsigned char)*c < 0x80 ? toupper((unsigned char)*c) : *c);
    return text;
}

static struct model_path pick_path(struct steps *steps)
{
    struct model_path path = {.depth = 1 + steps_below(steps, 3)};
    if (steps_chance(steps, 2))
        path.depth = 0;
    for (unsigned i = 0; i < path.depth; i++)
        path.names[i] = pick_name(steps);
    /* folders come from few names, so that there is something in them */
    for (unsigned i = 0; i + 1 < path.depth; i++)
        path.names[i] = steps_chance(steps, 50) ? "d2" : "dir one";
    return path;
}

static const char *path_text(struct steps *steps, const struct model_path *path)
{
    static char texts[4][256];
    static unsigned turn;
    char *text = texts[turn++ % 4];
    int length = snprintf(text, 256, "C:");
    for (unsigned i = 0; i < path->depth; i++)
        length += snprintf(text + length, 256 - (size_t)length, "\\%s", path->names[i]);
    if (!path->depth)
        length += snprintf(text + length, 256 - (size_t)length, "\\");
    if (path->stream)
        snprintf(text + length, 256 - (size_t)length, ":%s", path->stream);
    return text;
}

/* ---- handles ------------------------------------------------------------------------------------ */

static bool pick_handle(struct steps *steps, unsigned *handle)
{
    unsigned start = steps_below(steps, MODEL_HANDLES);
    for (unsigned i = 0; i < MODEL_HANDLES; i++) {
        *handle = (start + i) % MODEL_HANDLES;
        if (model_of(steps)->handles[*handle].used)
            return true;
    }
    return false;
}

static bool free_handle(struct steps *steps, unsigned *handle)
{
    for (*handle = 0; *handle < MODEL_HANDLES; ++*handle)
        if (!model_of(steps)->handles[*handle].used)
            return true;
    return false;
}

static bool close_one(struct steps *steps, unsigned handle)
{
    NTSTATUS status = fltsim_close(handles_of(steps)[handle]);
    model_close(model_of(steps), handle);
    return steps_same_status(steps, status, STATUS_SUCCESS);
}

static bool op_close(struct steps *steps)
{
    unsigned handle;
    if (!pick_handle(steps, &handle))
        return true;
    steps_tell(steps, "close #%u", handle);
    return close_one(steps, handle);
}

static ACCESS_MASK pick_access(struct steps *steps)
{
    static const ACCESS_MASK kinds[] = {FILE_READ_ATTRIBUTES,
                                        FILE_GENERIC_READ,
                                        FILE_GENERIC_WRITE,
                                        FILE_GENERIC_READ | FILE_GENERIC_WRITE,
                                        FILE_GENERIC_READ | FILE_GENERIC_WRITE | DELETE,
                                        FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | DELETE};
    return kinds[steps_below(steps, 6)] | SYNCHRONIZE;
}

static ULONG pick_share(struct steps *steps)
{
    return steps_chance(steps, 80) ? FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE : steps_below(steps, 8);
}

static NTSTATUS really_open(struct steps *steps, const struct model_open *open, HANDLE *handle,
                            ULONG_PTR *information)
{
    return fltsim_open(path_text(steps, &open->path),
                       &(struct fltsim_open){.access = open->access,
                                             .share = open->share ? open->share : FLTSIM_SHARE_NONE,
                                             .disposition =
                                                 open->disposition ? open->disposition : FLTSIM_SUPERSEDE,
                                             .options = open->options,
                                             .attributes = open->attributes,
                                             .information = information},
                       handle);
}

static bool open_both(struct steps *steps, const struct model_open *open, unsigned handle)
{
    ULONG_PTR got = 0, expected = 0;
    NTSTATUS status = really_open(steps, open, &handles_of(steps)[handle], &got);
    NTSTATUS wanted = model_open(model_of(steps), open, handle, &expected);
    return steps_same_status(steps, status, wanted) &&
           (!NT_SUCCESS(status) || steps_same_number(steps, "information", got, expected));
}

static bool op_open(struct steps *steps)
{
    unsigned handle;
    if (!free_handle(steps, &handle))
        return op_close(steps);
    struct model_open open = {.path = pick_path(steps),
                              .disposition = steps_chance(steps, 60) ? FILE_OPEN_IF : steps_below(steps, 6),
                              .share = pick_share(steps),
                              .access = pick_access(steps)};
    open.options = steps_chance(steps, 20) ? FILE_DIRECTORY_FILE : steps_chance(steps, 40) ? FILE_NON_DIRECTORY_FILE : 0;
    if (steps_chance(steps, 15))
        open.path.stream = steps_chance(steps, 50) ? "s1" : "Two";
    if (steps_chance(steps, 8)) {
        open.options |= FILE_DELETE_ON_CLOSE;
        open.access |= DELETE;
    }
    if (steps_chance(steps, 8))
        open.attributes = steps_chance(steps, 50) ? FILE_ATTRIBUTE_READONLY : FILE_ATTRIBUTE_HIDDEN;
    steps_tell(steps, "open #%u %s disposition %u options 0x%x access 0x%x share %u attributes 0x%x", handle,
         path_text(steps, &open.path), open.disposition, open.options, open.access, open.share, open.attributes);
    return open_both(steps, &open, handle);
}

/* ---- data ------------------------------------------------------------------------------------------ */

static int64_t pick_offset(struct steps *steps)
{
    return steps_chance(steps, 30) ? steps_below(steps, 200) : steps_below(steps, 5) * 4096 + steps_below(steps, 5000);
}

static size_t pick_length(struct steps *steps)
{
    return steps_chance(steps, 50) ? steps_below(steps, 100) : steps_below(steps, BUFFER);
}

static bool op_write(struct steps *steps)
{
    static uint8_t data[BUFFER];
    unsigned handle;
    if (!pick_handle(steps, &handle))
        return true;
    int64_t offset = steps_chance(steps, 15) ? FLTSIM_APPEND : pick_offset(steps);
    size_t length = pick_length(steps), done;
    if (model_of(steps)->handles[handle].stream && model_of(steps)->handles[handle].stream->size > 200000)
        offset = 0;
    uint64_t value = steps_next(steps);
    for (size_t i = 0; i < length; i++)
        data[i] = (uint8_t)(value >> (i % 8 * 8)) + (uint8_t)i;
    steps_tell(steps, "write #%u %zu bytes at %lld", handle, length, (long long)offset);
    NTSTATUS status = fltsim_write(handles_of(steps)[handle], data, length, offset, &done);
    NTSTATUS wanted = model_write(model_of(steps), handle, data, length, offset);
    return steps_same_status(steps, status, wanted) && steps_same_number(steps, "bytes", done, NT_SUCCESS(wanted) ? length : 0);
}

static bool read_both(struct steps *steps, unsigned handle, size_t length, int64_t offset)
{
    static uint8_t got[262144], expected[262144];
    size_t done, wanted_done;
    NTSTATUS status = fltsim_read(handles_of(steps)[handle], got, length, offset, &done);
    NTSTATUS wanted = model_read(model_of(steps), handle, expected, length, offset, &wanted_done);
    if (!steps_same_status(steps, status, wanted) || !steps_same_number(steps, "bytes", done, wanted_done))
        return false;
    for (size_t i = 0; i < done; i++)
        if (got[i] != expected[i])
            return steps_differ(steps, "byte %llu of the file: memfs has 0x%02x, the model 0x%02x",
                          (unsigned long long)((uint64_t)offset + i), got[i], expected[i]);
    return true;
}

static bool op_read(struct steps *steps)
{
    unsigned handle;
    if (!pick_handle(steps, &handle))
        return true;
    int64_t offset = pick_offset(steps);
    size_t length = pick_length(steps);
    steps_tell(steps, "read #%u %zu bytes at %lld", handle, length, (long long)offset);
    return read_both(steps, handle, length, offset);
}

static bool op_size(struct steps *steps)
{
    unsigned handle;
    if (!pick_handle(steps, &handle))
        return true;
    LONGLONG size = pick_offset(steps);
    bool allocation = steps_chance(steps, 30);
    steps_tell(steps, "set #%u %s %lld", handle, allocation ? "allocation" : "size", (long long)size);
    NTSTATUS status = fltsim_set(handles_of(steps)[handle],
                                 allocation ? FileAllocationInformation : FileEndOfFileInformation, &size, sizeof size);
    return steps_same_status(steps, status,
                       allocation ? model_set_allocation(model_of(steps), handle, (uint64_t)size)
                                  : model_set_size(model_of(steps), handle, (uint64_t)size));
}

static bool op_flush(struct steps *steps)
{
    unsigned handle;
    if (!pick_handle(steps, &handle))
        return true;
    struct model_handle *open = &model_of(steps)->handles[handle];
    bool allowed = open->access & (FILE_WRITE_DATA | FILE_APPEND_DATA);
    steps_tell(steps, "flush #%u", handle);
    return steps_same_status(steps, fltsim_flush(handles_of(steps)[handle]),
                       !allowed     ? STATUS_ACCESS_DENIED
                       : open->dead ? STATUS_VOLUME_DISMOUNTED
                                    : STATUS_SUCCESS);
}

/* ---- information ------------------------------------------------------------------------------------ */

static bool op_delete(struct steps *steps)
{
    unsigned handle;
    if (!pick_handle(steps, &handle))
        return true;
    bool remove = steps_chance(steps, 75), extended = steps_chance(steps, 25);
    FILE_DISPOSITION_INFORMATION plain = {remove};
    FILE_DISPOSITION_INFORMATION_EX posix = {remove ? FILE_DISPOSITION_DELETE | FILE_DISPOSITION_POSIX_SEMANTICS : 0};
    steps_tell(steps, "%s #%u%s", remove ? "delete" : "undelete", handle, extended ? " (POSIX)" : "");
    NTSTATUS status =
        extended ? fltsim_set(handles_of(steps)[handle], FileDispositionInformationEx, &posix, sizeof posix)
                 : fltsim_set(handles_of(steps)[handle], FileDispositionInformation, &plain, sizeof plain);
    return steps_same_status(steps, status, model_set_delete(model_of(steps), handle, remove, extended));
}

static bool op_attributes(struct steps *steps)
{
    static const ULONG kinds[] = {FILE_ATTRIBUTE_NORMAL, FILE_ATTRIBUTE_NORMAL, FILE_ATTRIBUTE_READONLY,
                                  FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_ARCHIVE};
    unsigned handle;
    if (!pick_handle(steps, &handle))
        return true;
    ULONG attributes = kinds[steps_below(steps, 4)];
    FILE_BASIC_INFORMATION basic = {.FileAttributes = attributes};
    steps_tell(steps, "set attributes of #%u to 0x%x", handle, attributes);
    NTSTATUS status = fltsim_set(handles_of(steps)[handle], FileBasicInformation, &basic, sizeof basic);
    return steps_same_status(steps, status, model_set_attributes(model_of(steps), handle, attributes));
}

static bool query_both(struct steps *steps, unsigned handle)
{
    FILE_STANDARD_INFORMATION got, expected;
    NTSTATUS status = fltsim_query(handles_of(steps)[handle], FileStandardInformation, &got, sizeof got);
    NTSTATUS wanted = model_query(model_of(steps), handle, &expected);
    if (!steps_same_status(steps, status, wanted) || !NT_SUCCESS(status))
        return status == wanted;
    return steps_same_number(steps, "links", got.NumberOfLinks, expected.NumberOfLinks) &&
           steps_same_number(steps, "delete pending", got.DeletePending, expected.DeletePending) &&
           steps_same_number(steps, "directory", got.Directory, expected.Directory) &&
           steps_same_number(steps, "size", (uint64_t)got.EndOfFile.QuadPart, (uint64_t)expected.EndOfFile.QuadPart) &&
           steps_same_number(steps, "allocation", (uint64_t)got.AllocationSize.QuadPart,
                       (uint64_t)expected.AllocationSize.QuadPart);
}

static bool op_query(struct steps *steps)
{
    unsigned handle;
    if (!pick_handle(steps, &handle))
        return true;
    steps_tell(steps, "query #%u", handle);
    return query_both(steps, handle);
}

/* ---- names --------------------------------------------------------------------------------------------- */

static NTSTATUS posix_rename(HANDLE handle, const char *target)
{
    union {
        FILE_RENAME_INFORMATION info;
        UCHAR bytes[600];
    } rename = {.info.Flags = FILE_RENAME_REPLACE_IF_EXISTS | FILE_RENAME_POSIX_SEMANTICS};
    UNICODE_STRING to = {0, 512, rename.info.FileName};
    char full[300];
    UTF8_STRING from;
    snprintf(full, sizeof full, strchr(target, '\\') ? "\\??\\%s" : "%s", target);
    RtlInitUTF8String(&from, full);
    RtlUTF8StringToUnicodeString(&to, &from, FALSE);
    rename.info.FileNameLength = to.Length;
    return fltsim_set(handle, FileRenameInformationEx, &rename, sizeof rename);
}

static bool op_name(struct steps *steps)
{
    unsigned handle;
    if (!pick_handle(steps, &handle) || model_of(steps)->handles[handle].dead)
        return true;
    struct model_name name = {.replace = steps_chance(steps, 60), .same_folder = steps_chance(steps, 50), .path = pick_path(steps)};
    bool hard_link = steps_chance(steps, 35);
    if (!name.path.depth)
        return true;
    name.posix = !hard_link && name.replace && steps_chance(steps, 25) && model_of(steps)->handles[handle].stream;
    const char *target =
        name.same_folder ? name.path.names[name.path.depth - 1] : path_text(steps, &name.path);
    steps_tell(steps, "%s #%u to %s%s%s", hard_link ? "link" : "rename", handle, target, name.replace ? ", replacing" : "",
         name.posix ? " (POSIX)" : "");
    NTSTATUS status = hard_link    ? fltsim_link(handles_of(steps)[handle], target, name.replace)
                      : name.posix ? posix_rename(handles_of(steps)[handle], target)
                                   : fltsim_rename(handles_of(steps)[handle], target, name.replace);
    return steps_same_status(steps, status,
                       hard_link ? model_link(model_of(steps), handle, &name) : model_rename(model_of(steps), handle, &name));
}

static bool op_rename_stream(struct steps *steps)
{
    unsigned handle;
    if (!pick_handle(steps, &handle) || model_of(steps)->handles[handle].dead)
        return true;
    bool replace = steps_chance(steps, 50), first = steps_chance(steps, 50);
    steps_tell(steps, "rename stream of #%u to %s%s", handle, first ? ":s1" : ":two", replace ? ", replacing" : "");
    return steps_same_status(steps, fltsim_rename(handles_of(steps)[handle], first ? ":s1" : ":two", replace),
                       model_rename_stream(model_of(steps), handle, first ? "s1" : "two", replace));
}

/* ---- what is there --------------------------------------------------------------------------------------- */

struct listing {
    struct steps *steps;
    const struct model_node *folder;
    unsigned count;
};

static bool list_entry(const char *name, ULONG attributes, uint64_t size, void *context)
{
    struct listing *listing = context;
    struct steps *steps = listing->steps;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return true;
    const struct model_entry *entry = listing->folder->children;
    while (entry && strcmp(entry->name, name) != 0)
        entry = entry->next;
    listing->count++;
    if (!entry)
        return steps_differ(steps, "memfs lists \"%s\", which the model does not have", name);
    const struct model_node *node = entry->node;
    ULONG expected = node->attributes | (node->directory ? FILE_ATTRIBUTE_DIRECTORY : 0);
    if (!steps_same_number(steps, name, attributes, expected ? expected : FILE_ATTRIBUTE_NORMAL))
        return false;
    return node->directory || steps_same_number(steps, name, size, node->streams->size);
}

static bool list_both(struct steps *steps, unsigned handle)
{
    struct listing listing = {steps, model_of(steps)->handles[handle].entry->node, 0};
    unsigned count = 0;
    NTSTATUS status = fltsim_enumerate(handles_of(steps)[handle], NULL, list_entry, &listing);
    /* The root has no "." and ".." to list. */
    bool nothing = listing.folder == model_of(steps)->root->node && !listing.folder->children;
    if (*steps->difference || !steps_same_status(steps, status, nothing ? STATUS_NO_SUCH_FILE : STATUS_SUCCESS))
        return false;
    for (const struct model_entry *entry = listing.folder->children; entry; entry = entry->next)
        count++;
    return steps_same_number(steps, "entries", listing.count, count);
}

static bool op_list(struct steps *steps)
{
    unsigned handle;
    if (!free_handle(steps, &handle))
        return true;
    struct model_open open = {.path = pick_path(steps),
                              .disposition = FILE_OPEN,
                              .options = FILE_DIRECTORY_FILE,
                              .share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                              .access = FILE_LIST_DIRECTORY | SYNCHRONIZE};
    steps_tell(steps, "list %s", path_text(steps, &open.path));
    if (!open_both(steps, &open, handle))
        return false;
    if (!model_of(steps)->handles[handle].used)
        return true;
    return list_both(steps, handle) && close_one(steps, handle);
}

static bool same_streams(struct steps *steps, const struct model_node *node, const UCHAR *buffer, size_t length)
{
    unsigned count = 0, expected = 0;
    for (const FILE_STREAM_INFORMATION *info = (const void *)buffer; length;
         info = (const void *)((const UCHAR *)info + info->NextEntryOffset)) {
        char name[MODEL_NAME] = "";
        for (unsigned i = 1; i < MODEL_NAME && info->StreamName[i] != ':'; i++)
            name[i - 1] = (char)info->StreamName[i];
        const struct model_stream *stream = node->streams;
        while (stream && strcmp(stream->name, name) != 0)
            stream = stream->next;
        if (!stream)
            return steps_differ(steps, "memfs lists the stream \"%s\", which the model does not have", name);
        if (!steps_same_number(steps, name, (uint64_t)info->StreamSize.QuadPart, stream->size))
            return false;
        count++;
        if (!info->NextEntryOffset)
            break;
    }
    for (const struct model_stream *stream = node->streams; stream; stream = stream->next)
        expected++;
    return steps_same_number(steps, "streams", count, expected);
}

static bool op_streams(struct steps *steps)
{
    UCHAR buffer[1024];
    unsigned handle;
    IO_STATUS_BLOCK iosb = {0};
    if (!pick_handle(steps, &handle))
        return true;
    steps_tell(steps, "streams of #%u", handle);
    NTSTATUS status =
        ZwQueryInformationFile(handles_of(steps)[handle], &iosb, buffer, sizeof buffer, FileStreamInformation);
    struct model_handle *open = &model_of(steps)->handles[handle];
    NTSTATUS wanted = open->dead    ? STATUS_VOLUME_DISMOUNTED
                      : steps->ntfs ? STATUS_SUCCESS
                                    : STATUS_INVALID_PARAMETER;
    return steps_same_status(steps, status, wanted) &&
           (!NT_SUCCESS(status) || same_streams(steps, open->entry->node, buffer, iosb.Information));
}

/* ---- the volume --------------------------------------------------------------------------------------------- */

static bool close_all(struct steps *steps)
{
    for (unsigned i = 0; i < MODEL_HANDLES; i++)
        if (model_of(steps)->handles[i].used && !close_one(steps, i))
            return false;
    return true;
}

static bool same_stream(struct steps *steps, struct model_path *path, const struct model_stream *stream)
{
    struct model_open open = {.path = *path,
                              .disposition = FILE_OPEN,
                              .share = FILE_SHARE_READ,
                              .access = FILE_READ_DATA | SYNCHRONIZE};
    open.path.stream = stream->name[0] ? stream->name : NULL;
    steps_tell(steps, "compare %s", path_text(steps, &open.path));
    return open_both(steps, &open, 0) && query_both(steps, 0) && read_both(steps, 0, 262144, 0) && close_one(steps, 0);
}

static bool same_tree(struct steps *steps, struct model_path *path, const struct model_node *folder)
{
    struct model_open open = {.path = *path,
                              .disposition = FILE_OPEN,
                              .options = FILE_DIRECTORY_FILE,
                              .share = FILE_SHARE_READ,
                              .access = FILE_LIST_DIRECTORY | SYNCHRONIZE};
    steps_tell(steps, "compare %s", path_text(steps, path));
    if (!open_both(steps, &open, 0) || !query_both(steps, 0) || !list_both(steps, 0) || !close_one(steps, 0))
        return false;
    for (const struct model_entry *entry = folder->children; entry; entry = entry->next) {
        if (path->depth == MODEL_DEPTH)
            continue; /* moved further down than paths are long */
        path->names[path->depth++] = entry->name;
        for (const struct model_stream *stream = entry->node->streams; stream; stream = stream->next)
            if (!same_stream(steps, path, stream))
                return false;
        if (entry->node->directory && !same_tree(steps, path, entry->node))
            return false;
        path->depth--;
    }
    return true;
}

static bool same_space(struct steps *steps)
{
    FILE_FS_SIZE_INFORMATION size;
    HANDLE handle;
    NTSTATUS status = fltsim_open("C:\\", &(struct fltsim_open){.access = FILE_READ_ATTRIBUTES}, &handle);
    if (NT_SUCCESS(status)) {
        status = fltsim_query_volume(handle, FileFsSizeInformation, &size, sizeof size);
        fltsim_close(handle);
    }
    steps_tell(steps, "free space");
    return steps_same_status(steps, status, STATUS_SUCCESS) &&
           steps_same_number(steps, "bytes in clusters",
                       (uint64_t)(size.TotalAllocationUnits.QuadPart - size.AvailableAllocationUnits.QuadPart) * 4096,
                       model_allocated(model_of(steps)));
}

static bool compare(struct steps *steps)
{
    struct model_path root = {0};
    return close_all(steps) && same_tree(steps, &root, model_of(steps)->root->node) && same_space(steps);
}

static bool op_compare(struct steps *steps)
{
    steps_tell(steps, "close all");
    return steps_chance(steps, 20) ? compare(steps) : close_all(steps);
}

/* Now and then with files open, whose handles are then good for closing only. */
static bool op_dismount(struct steps *steps)
{
    bool forced = steps_chance(steps, 50);
    steps_tell(steps, forced ? "dismount" : "close all and dismount");
    if (!forced && !close_all(steps))
        return false;
    NTSTATUS status = steps_dismount();
    model_dismount(model_of(steps));
    return steps_same_status(steps, status, STATUS_SUCCESS);
}

static bool op_trim(struct steps *steps)
{
    steps_tell(steps, "trim");
    fltsim_trim(steps->volume);
    return true;
}

/* ---- one ------------------------------------------------------------------------------------------------------ */

static bool operate(struct steps *steps)
{
    static const struct {
        unsigned weight; /* of 1000 */
        bool (*act)(struct steps *steps);
    } kinds[] = {{280, op_open},   {160, op_close}, {140, op_write},        {100, op_read},   {50, op_size},
                 {50, op_delete},  {30, op_attributes}, {60, op_query},     {60, op_name},    {10, op_rename_stream},
                 {25, op_list},    {10, op_streams}, {10, op_flush},        {5, op_trim},     {6, op_compare},
                 {4, op_dismount}};
    unsigned at = steps_below(steps, 1000), i = 0;
    while (at >= kinds[i].weight)
        at -= kinds[i++].weight;
    return kinds[i].act(steps);
}

/* ---- the tests ------------------------------------------------------------------------------------------------ */

static void begin(struct steps *steps)
{
    struct run *run = steps->own = calloc(1, sizeof *run);
    run->model = model_create(steps->ntfs);
}

static void end(struct steps *steps)
{
    model_destroy(model_of(steps));
    free(steps->own);
}

static const struct steps_test plan = {begin, operate, compare, end, 3000};

static void ntfs_like_volume_agrees_with_the_model(void **state) { steps_run(&plan, FLTSIM_NTFS, 0); }
static void fat_like_volume_agrees_with_the_model(void **state) { steps_run(&plan, FLTSIM_FAT, 0); }
static void ntfs_like_volume_agrees_below_filters(void **state) { steps_run(&plan, FLTSIM_NTFS, PASSIVE_FILTERS); }
static void fat_like_volume_agrees_below_filters(void **state) { steps_run(&plan, FLTSIM_FAT, PASSIVE_FILTERS); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ntfs_like_volume_agrees_with_the_model),
        cmocka_unit_test(fat_like_volume_agrees_with_the_model),
        cmocka_unit_test(ntfs_like_volume_agrees_below_filters),
        cmocka_unit_test(fat_like_volume_agrees_below_filters),
    };
    return cmocka_run_group_tests_name("memfs/random", tests, NULL, NULL);
}
