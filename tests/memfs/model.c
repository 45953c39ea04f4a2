#include "model.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CLUSTER = 4096 };
#define READS (FILE_READ_DATA | FILE_EXECUTE)
#define WRITES (FILE_WRITE_DATA | FILE_APPEND_DATA)

static uint64_t in_clusters(uint64_t size)
{
    return (size + CLUSTER - 1) / CLUSTER * CLUSTER;
}

/* ---- files and names --------------------------------------------------------------------------- */

static void release_stream(struct model_stream *stream)
{
    if (--stream->references)
        return;
    free(stream->data);
    free(stream);
}

static struct model_stream *add_stream(struct model_node *node, const char *name)
{
    struct model_stream *stream = calloc(1, sizeof *stream), **end = &node->streams;
    strncpy(stream->name, name, MODEL_NAME - 1);
    stream->references = 1;
    while (*end)
        end = &(*end)->next;
    *end = stream;
    return stream;
}

static struct model_stream *find_stream(struct model_node *node, const char *name)
{
    for (struct model_stream *at = node->streams; at; at = at->next)
        if (strcasecmp(at->name, name) == 0)
            return at;
    return NULL;
}

static void remove_stream(struct model_node *node, struct model_stream *stream)
{
    for (struct model_stream **at = &node->streams; *at; at = &(*at)->next)
        if (*at == stream) {
            *at = stream->next;
            stream->removed = true;
            release_stream(stream);
            return;
        }
}

static void release_node(struct model_node *node)
{
    if (--node->references)
        return;
    while (node->streams)
        remove_stream(node, node->streams);
    free(node);
}

static void release_entry(struct model_entry *entry)
{
    if (--entry->references)
        return;
    release_node(entry->node);
    if (entry->parent)
        release_node(entry->parent);
    free(entry);
}

static struct model_entry *add_entry(struct model_node *parent, struct model_node *node, const char *name)
{
    struct model_entry *entry = calloc(1, sizeof *entry), **end = parent ? &parent->children : NULL;
    strncpy(entry->name, name, MODEL_NAME - 1);
    entry->references = 1;
    entry->parent = parent;
    entry->node = node;
    node->references++;
    node->links++;
    if (node->directory)
        node->own = entry;
    if (!parent)
        return entry;
    parent->references++;
    while (*end)
        end = &(*end)->next;
    *end = entry;
    return entry;
}

static struct model_entry *find_entry(struct model_node *folder, const char *name)
{
    for (struct model_entry *at = folder->children; at; at = at->next)
        if (strcasecmp(at->name, name) == 0)
            return at;
    return NULL;
}

static void take_out(struct model_entry *entry)
{
    struct model_entry **at = &entry->parent->children;
    while (*at != entry)
        at = &(*at)->next;
    *at = entry->next;
    entry->next = NULL;
}

static void remove_entry(struct model_entry *entry)
{
    take_out(entry);
    entry->removed = true;
    entry->node->links--;
    release_entry(entry);
}

static struct model_node *make_node(bool directory, ULONG attributes)
{
    struct model_node *node = calloc(1, sizeof *node);
    node->directory = directory;
    node->attributes = attributes;
    node->references = 1;
    if (!directory)
        add_stream(node, "");
    return node;
}

struct model *model_create(bool ntfs)
{
    struct model *model = calloc(1, sizeof *model);
    struct model_node *node = make_node(true, FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM);
    model->ntfs = ntfs;
    model->root = add_entry(NULL, node, "");
    release_node(node);
    return model;
}

static void empty(struct model_node *folder)
{
    while (folder->children) {
        if (folder->children->node->directory)
            empty(folder->children->node);
        remove_entry(folder->children);
    }
}

void model_destroy(struct model *model)
{
    for (unsigned i = 0; i < MODEL_HANDLES; i++)
        if (model->handles[i].used)
            model_close(model, i);
    empty(model->root->node);
    release_entry(model->root);
    free(model);
}

/* ---- open ---------------------------------------------------------------------------------------- */

/* The folder that the last name is in. */
static NTSTATUS walk(struct model *model, const struct model_path *path, struct model_node **folder)
{
    *folder = model->root->node;
    for (unsigned i = 0; i + 1 < path->depth; i++) {
        struct model_entry *entry = find_entry(*folder, path->names[i]);
        if (!entry)
            return STATUS_OBJECT_PATH_NOT_FOUND;
        if (entry->pending)
            return STATUS_DELETE_PENDING;
        if (!entry->node->directory)
            return STATUS_OBJECT_PATH_NOT_FOUND;
        *folder = entry->node;
    }
    return STATUS_SUCCESS;
}

static bool replaces(ULONG disposition)
{
    return disposition == FILE_SUPERSEDE || disposition == FILE_OVERWRITE || disposition == FILE_OVERWRITE_IF;
}

static bool conflicts(ACCESS_MASK access, ULONG share, ACCESS_MASK other, ULONG other_share)
{
    const ACCESS_MASK kinds[] = {READS, WRITES, DELETE};
    const ULONG shares[] = {FILE_SHARE_READ, FILE_SHARE_WRITE, FILE_SHARE_DELETE};
    const ACCESS_MASK counted = READS | WRITES | DELETE;
    if (!(access & counted) || !(other & counted))
        return false;
    for (unsigned i = 0; i < 3; i++)
        if ((access & kinds[i] && !(other_share & shares[i])) || (other & kinds[i] && !(share & shares[i])))
            return true;
    return false;
}

static NTSTATUS check_share(struct model *model, struct model_node *node, struct model_stream *stream,
                            ACCESS_MASK access, ULONG share)
{
    for (unsigned i = 0; i < MODEL_HANDLES; i++) {
        struct model_handle *other = &model->handles[i];
        if (other->used && !other->dead && other->stream == stream && other->entry->node == node &&
            conflicts(access, share, other->access, other->share))
            return STATUS_SHARING_VIOLATION;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS check_kind(const struct model_open *open, const struct model_node *node)
{
    bool directory = node->directory && !open->path.stream;
    bool opens = open->disposition == FILE_OPEN || open->disposition == FILE_OPEN_IF;
    if (directory && !open->path.depth && !opens)
        return STATUS_ACCESS_DENIED;
    if (open->disposition == FILE_CREATE && !open->path.stream)
        return STATUS_OBJECT_NAME_COLLISION;
    if (directory && open->options & FILE_NON_DIRECTORY_FILE)
        return STATUS_FILE_IS_A_DIRECTORY;
    if (!directory && open->options & FILE_DIRECTORY_FILE)
        return STATUS_NOT_A_DIRECTORY;
    if (directory && !opens)
        return STATUS_OBJECT_NAME_COLLISION;
    return STATUS_SUCCESS;
}

static NTSTATUS check_stream(const struct model_open *open, const struct model_node *node,
                             const struct model_stream *stream)
{
    if (stream && stream->pending)
        return STATUS_DELETE_PENDING;
    if (stream && open->disposition == FILE_CREATE)
        return STATUS_OBJECT_NAME_COLLISION;
    if (stream || (node->directory && !open->path.stream))
        return STATUS_SUCCESS;
    if (open->disposition == FILE_OPEN || open->disposition == FILE_OVERWRITE)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    return node->attributes & FILE_ATTRIBUTE_READONLY ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

static ACCESS_MASK added_access(ULONG disposition)
{
    return disposition == FILE_SUPERSEDE ? DELETE : replaces(disposition) ? FILE_WRITE_DATA : 0;
}

static NTSTATUS check_attributes(struct model *model, const struct model_open *open, const struct model_node *node)
{
    bool read_only = node->attributes & FILE_ATTRIBUTE_READONLY;
    const ULONG guarded = FILE_ATTRIBUTE_HIDDEN | FILE_ATTRIBUTE_SYSTEM;
    if (read_only && !node->directory && (open->access | added_access(open->disposition)) & WRITES)
        return STATUS_ACCESS_DENIED;
    if (open->options & FILE_DELETE_ON_CLOSE && (read_only || (node == model->root->node && !open->path.stream)))
        return STATUS_CANNOT_DELETE;
    if (replaces(open->disposition) && !open->path.stream && node->attributes & guarded & ~open->attributes)
        return STATUS_ACCESS_DENIED;
    return STATUS_SUCCESS;
}

static void replace(const struct model_open *open, struct model_node *node, struct model_stream *stream)
{
    stream->size = 0;
    stream->allocated = 0;
    if (open->path.stream)
        return;
    for (struct model_stream *at = node->streams, *next; at; at = next) {
        next = at->next;
        if (at->name[0])
            remove_stream(node, at);
    }
    if (open->disposition == FILE_SUPERSEDE)
        node->attributes = 0;
    node->attributes |= open->attributes | FILE_ATTRIBUTE_ARCHIVE;
}

static void finish(struct model *model, const struct model_open *open, unsigned handle, struct model_entry *entry,
                   struct model_stream *stream)
{
    struct model_handle *fresh = &model->handles[handle];
    *fresh = (struct model_handle){.used = true,
                                   .entry = entry,
                                   .stream = stream,
                                   .access = open->access,
                                   .share = open->share,
                                   .delete_on_close = open->options & FILE_DELETE_ON_CLOSE};
    entry->handles++;
    entry->references++;
    if (stream) {
        stream->handles++;
        stream->references++;
    }
}

static NTSTATUS open_existing(struct model *model, const struct model_open *open, unsigned handle,
                              struct model_entry *entry, ULONG_PTR *information)
{
    struct model_node *node = entry->node;
    struct model_stream *stream = find_stream(node, open->path.stream ? open->path.stream : "");
    NTSTATUS status = entry->pending ? STATUS_DELETE_PENDING : check_kind(open, node);
    if (NT_SUCCESS(status))
        status = check_stream(open, node, stream);
    if (NT_SUCCESS(status))
        status = check_attributes(model, open, node);
    if (NT_SUCCESS(status) && (stream || !open->path.stream))
        status = check_share(model, node, stream, open->access | added_access(open->disposition), open->share);
    if (!NT_SUCCESS(status))
        return status;
    *information = FILE_OPENED;
    if (!stream && open->path.stream) {
        stream = add_stream(node, open->path.stream);
        *information = FILE_CREATED;
    } else if (stream && replaces(open->disposition)) {
        replace(open, node, stream);
        *information = open->disposition == FILE_SUPERSEDE ? FILE_SUPERSEDED : FILE_OVERWRITTEN;
    }
    finish(model, open, handle, entry, stream);
    return STATUS_SUCCESS;
}

static NTSTATUS open_new(struct model *model, const struct model_open *open, unsigned handle,
                         struct model_node *folder, ULONG_PTR *information)
{
    bool directory = open->options & FILE_DIRECTORY_FILE;
    if (open->disposition == FILE_OPEN || open->disposition == FILE_OVERWRITE)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    if (directory && open->path.stream)
        return STATUS_NOT_A_DIRECTORY;
    if (open->options & FILE_DELETE_ON_CLOSE && open->attributes & FILE_ATTRIBUTE_READONLY)
        return STATUS_CANNOT_DELETE;
    struct model_node *node = make_node(directory, open->attributes | (directory ? 0 : FILE_ATTRIBUTE_ARCHIVE));
    struct model_entry *entry = add_entry(folder, node, open->path.names[open->path.depth - 1]);
    release_node(node);
    struct model_stream *stream = open->path.stream ? add_stream(node, open->path.stream) : node->streams;
    *information = FILE_CREATED;
    finish(model, open, handle, entry, stream);
    return STATUS_SUCCESS;
}

NTSTATUS model_open(struct model *model, const struct model_open *open, unsigned handle, ULONG_PTR *information)
{
    struct model_node *folder;
    if (open->options & FILE_DIRECTORY_FILE && replaces(open->disposition))
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = walk(model, &open->path, &folder);
    if (NT_SUCCESS(status) && open->path.stream && !model->ntfs)
        status = STATUS_OBJECT_NAME_INVALID;
    if (!NT_SUCCESS(status))
        return status;
    struct model_entry *entry =
        open->path.depth ? find_entry(folder, open->path.names[open->path.depth - 1]) : model->root;
    return entry ? open_existing(model, open, handle, entry, information)
                 : open_new(model, open, handle, folder, information);
}

/* ---- close ---------------------------------------------------------------------------------------- */

static bool is_named(const struct model_handle *handle)
{
    return handle->stream && handle->stream->name[0];
}

static void end_deletes(struct model_handle *handle)
{
    struct model_entry *entry = handle->entry;
    struct model_stream *stream = handle->stream;
    if (handle->modified)
        entry->node->attributes |= FILE_ATTRIBUTE_ARCHIVE;
    if (handle->delete_on_close && is_named(handle))
        stream->pending = true;
    else if (handle->delete_on_close && !entry->node->children)
        entry->pending = true;
    entry->handles--;
    if (stream)
        stream->handles--;
    if (is_named(handle) && stream->pending && !stream->handles && !stream->removed)
        remove_stream(entry->node, stream);
    if (entry->pending && !entry->removed && (!entry->handles || handle->posix))
        remove_entry(entry);
}

void model_close(struct model *model, unsigned index)
{
    struct model_handle *handle = &model->handles[index];
    if (!handle->dead)
        end_deletes(handle);
    if (handle->stream)
        release_stream(handle->stream);
    release_entry(handle->entry);
    handle->used = false;
}

void model_dismount(struct model *model)
{
    for (unsigned i = 0; i < MODEL_HANDLES; i++) {
        struct model_handle *handle = &model->handles[i];
        if (!handle->used || handle->dead)
            continue;
        handle->dead = true;
        handle->entry->handles = 0;
        handle->entry->pending = false;
        if (handle->stream) {
            handle->stream->handles = 0;
            handle->stream->pending = false;
        }
    }
}

/* ---- data ------------------------------------------------------------------------------------------ */

static NTSTATUS check_data(const struct model_handle *handle, ACCESS_MASK access)
{
    if (!(handle->access & access))
        return STATUS_ACCESS_DENIED;
    if (!handle->stream)
        return STATUS_INVALID_DEVICE_REQUEST;
    return handle->dead ? STATUS_VOLUME_DISMOUNTED : STATUS_SUCCESS;
}

NTSTATUS model_read(struct model *model, unsigned index, void *buffer, size_t length, int64_t offset, size_t *done)
{
    struct model_handle *handle = &model->handles[index];
    NTSTATUS status = check_data(handle, FILE_READ_DATA);
    *done = 0;
    if (!NT_SUCCESS(status) || !length)
        return status;
    size_t size = handle->stream->size;
    if ((uint64_t)offset >= size)
        return STATUS_END_OF_FILE;
    *done = length < size - (size_t)offset ? length : size - (size_t)offset;
    memcpy(buffer, handle->stream->data + offset, *done);
    return STATUS_SUCCESS;
}

static void resize(struct model_stream *stream, size_t size)
{
    if (size > stream->room) {
        stream->data = realloc(stream->data, size * 2);
        stream->room = size * 2;
    }
    if (size > stream->size)
        memset(stream->data + stream->size, 0, size - stream->size);
    stream->size = size;
    if (in_clusters(size) > stream->allocated)
        stream->allocated = in_clusters(size);
}

NTSTATUS model_write(struct model *model, unsigned index, const void *data, size_t length, int64_t offset)
{
    struct model_handle *handle = &model->handles[index];
    NTSTATUS status = check_data(handle, WRITES);
    if (!NT_SUCCESS(status) || !length)
        return status;
    struct model_stream *stream = handle->stream;
    size_t from = offset < 0 ? stream->size : (size_t)offset;
    if (from + length > stream->size)
        resize(stream, from + length);
    memcpy(stream->data + from, data, length);
    handle->modified = true;
    return STATUS_SUCCESS;
}

static NTSTATUS check_resize(const struct model_handle *handle)
{
    if (!(handle->access & FILE_WRITE_DATA))
        return STATUS_ACCESS_DENIED;
    if (handle->dead)
        return STATUS_VOLUME_DISMOUNTED;
    if (!handle->stream)
        return STATUS_INVALID_PARAMETER;
    return handle->stream->removed || !handle->entry->node->links ? STATUS_FILE_DELETED : STATUS_SUCCESS;
}

NTSTATUS model_set_size(struct model *model, unsigned index, uint64_t size)
{
    struct model_handle *handle = &model->handles[index];
    NTSTATUS status = check_resize(handle);
    if (!NT_SUCCESS(status))
        return status;
    bool shrinks = size < handle->stream->size;
    resize(handle->stream, (size_t)size);
    if (shrinks)
        handle->stream->allocated = in_clusters(size);
    handle->modified = true;
    return STATUS_SUCCESS;
}

NTSTATUS model_set_allocation(struct model *model, unsigned index, uint64_t size)
{
    struct model_handle *handle = &model->handles[index];
    NTSTATUS status = check_resize(handle);
    if (!NT_SUCCESS(status))
        return status;
    if (size < handle->stream->size)
        return model_set_size(model, index, size);
    handle->stream->allocated = in_clusters(size);
    return STATUS_SUCCESS;
}

/* A file with several names counts once. */
static uint64_t allocated_by(struct model_node *node, unsigned round)
{
    uint64_t sum = 0;
    if (node->counted == round)
        return 0;
    node->counted = round;
    for (const struct model_stream *stream = node->streams; stream; stream = stream->next)
        sum += stream->allocated;
    for (const struct model_entry *entry = node->children; entry; entry = entry->next)
        sum += allocated_by(entry->node, round);
    return sum;
}

uint64_t model_allocated(const struct model *model)
{
    static unsigned round;
    return allocated_by(model->root->node, ++round);
}

/* ---- information ------------------------------------------------------------------------------------- */

NTSTATUS model_set_delete(struct model *model, unsigned index, bool remove, bool extended)
{
    struct model_handle *handle = &model->handles[index];
    struct model_entry *entry = handle->entry;
    if (!(handle->access & DELETE))
        return STATUS_ACCESS_DENIED;
    if (handle->dead)
        return STATUS_VOLUME_DISMOUNTED;
    if (extended && !model->ntfs)
        return STATUS_INVALID_PARAMETER;
    if (remove && ((entry == model->root && !is_named(handle)) || entry->node->attributes & FILE_ATTRIBUTE_READONLY))
        return STATUS_CANNOT_DELETE;
    if (remove && entry->removed)
        return STATUS_FILE_DELETED;
    if (remove && !is_named(handle) && entry->node->children)
        return STATUS_DIRECTORY_NOT_EMPTY;
    if (is_named(handle)) {
        handle->stream->pending = remove;
        return STATUS_SUCCESS;
    }
    if (entry->removed)
        return STATUS_SUCCESS;
    entry->pending = remove;
    handle->posix = remove && extended;
    return STATUS_SUCCESS;
}

NTSTATUS model_set_attributes(struct model *model, unsigned index, ULONG attributes)
{
    struct model_handle *handle = &model->handles[index];
    if (!(handle->access & FILE_WRITE_ATTRIBUTES))
        return STATUS_ACCESS_DENIED;
    if (handle->dead)
        return STATUS_VOLUME_DISMOUNTED;
    handle->entry->node->attributes = attributes & ~(ULONG)FILE_ATTRIBUTE_NORMAL;
    return STATUS_SUCCESS;
}

NTSTATUS model_query(struct model *model, unsigned index, FILE_STANDARD_INFORMATION *info)
{
    struct model_handle *handle = &model->handles[index];
    struct model_entry *entry = handle->entry;
    if (handle->dead)
        return STATUS_VOLUME_DISMOUNTED;
    info->Directory = !handle->stream;
    info->EndOfFile.QuadPart = handle->stream ? (LONGLONG)handle->stream->size : 0;
    info->AllocationSize.QuadPart = handle->stream ? (LONGLONG)handle->stream->allocated : 0;
    info->DeletePending = is_named(handle) ? handle->stream->pending : entry->pending || entry->removed;
    info->NumberOfLinks = entry->node->links - (info->DeletePending && entry->pending && !entry->removed ? 1 : 0);
    return STATUS_SUCCESS;
}

/* ---- names ---------------------------------------------------------------------------------------------- */

static NTSTATUS find_target(struct model *model, const struct model_handle *handle, const struct model_name *name,
                            struct model_node **folder)
{
    *folder = handle->entry->parent;
    if (name->same_folder)
        return STATUS_SUCCESS;
    NTSTATUS status = walk(model, &name->path, folder);
    if (!NT_SUCCESS(status))
        return status;
    return check_share(model, *folder, NULL, FILE_WRITE_DATA, FILE_SHARE_READ | FILE_SHARE_WRITE);
}

static bool is_below(const struct model_node *node, const struct model_node *folder)
{
    while (node && node != folder)
        node = node->own ? node->own->parent : NULL;
    return node == folder;
}

static bool has_open_below(struct model *model, const struct model_node *folder)
{
    for (unsigned i = 0; i < MODEL_HANDLES; i++) {
        struct model_handle *other = &model->handles[i];
        if (other->used && !other->dead && !other->entry->removed && other->entry->parent &&
            other->entry->node != folder && is_below(other->entry->parent, folder))
            return true;
    }
    return false;
}

static bool is_open(struct model *model, const struct model_node *node)
{
    for (unsigned i = 0; i < MODEL_HANDLES; i++) {
        struct model_handle *other = &model->handles[i];
        if (other->used && !other->dead && other->entry->node == node && !(other->stream && other->stream->removed))
            return true;
    }
    return false;
}

static NTSTATUS check_source(struct model *model, const struct model_handle *handle, struct model_node *folder,
                             bool hard_link)
{
    struct model_entry *entry = handle->entry;
    if (entry->removed)
        return STATUS_FILE_DELETED;
    if (entry->pending)
        return STATUS_ACCESS_DENIED;
    if (!entry->node->directory)
        return STATUS_SUCCESS;
    if (hard_link)
        return STATUS_FILE_IS_A_DIRECTORY;
    if (is_below(folder, entry->node))
        return STATUS_INVALID_PARAMETER;
    return has_open_below(model, entry->node) ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

static NTSTATUS check_victim(struct model *model, const struct model_entry *victim, const struct model_name *name)
{
    if (!name->replace)
        return STATUS_OBJECT_NAME_COLLISION;
    if (victim->node->directory)
        return STATUS_ACCESS_DENIED;
    if (victim->node->attributes & FILE_ATTRIBUTE_READONLY)
        return STATUS_ACCESS_DENIED;
    return is_open(model, victim->node) && !name->posix ? STATUS_ACCESS_DENIED : STATUS_SUCCESS;
}

static NTSTATUS set_name(struct model *model, unsigned index, const struct model_name *name, bool hard_link)
{
    struct model_handle *handle = &model->handles[index];
    struct model_entry *entry = handle->entry;
    struct model_node *folder;
    NTSTATUS status = find_target(model, handle, name, &folder);
    if (!NT_SUCCESS(status))
        return status;
    if ((hard_link || name->posix) && !model->ntfs)
        return hard_link ? STATUS_INVALID_DEVICE_REQUEST : STATUS_INVALID_PARAMETER;
    if (is_named(handle) || entry == model->root)
        return STATUS_INVALID_PARAMETER;
    status = check_source(model, handle, folder, hard_link);
    if (!NT_SUCCESS(status))
        return status;
    const char *last = name->path.names[name->path.depth - 1];
    struct model_entry *victim = find_entry(folder, last);
    if (victim == entry && hard_link)
        return name->replace ? STATUS_SUCCESS : STATUS_OBJECT_NAME_COLLISION;
    if (victim && victim != entry) {
        status = check_victim(model, victim, name);
        if (!NT_SUCCESS(status))
            return status;
        remove_entry(victim);
    }
    if (hard_link) {
        add_entry(folder, entry->node, last);
        return STATUS_SUCCESS;
    }
    struct model_node *old = entry->parent;
    if (old != folder) {
        take_out(entry);
        struct model_entry **end = &folder->children;
        while (*end)
            end = &(*end)->next;
        *end = entry;
        entry->parent = folder;
        folder->references++;
        release_node(old);
    }
    memset(entry->name, 0, MODEL_NAME);
    strncpy(entry->name, last, MODEL_NAME - 1);
    return STATUS_SUCCESS;
}

NTSTATUS model_rename(struct model *model, unsigned index, const struct model_name *name)
{
    return model->handles[index].access & DELETE ? set_name(model, index, name, false) : STATUS_ACCESS_DENIED;
}

NTSTATUS model_link(struct model *model, unsigned index, const struct model_name *name)
{
    return set_name(model, index, name, true);
}

NTSTATUS model_rename_stream(struct model *model, unsigned index, const char *name, bool replace)
{
    struct model_handle *handle = &model->handles[index];
    struct model_node *node = handle->entry->node;
    if (!(handle->access & DELETE))
        return STATUS_ACCESS_DENIED;
    if (!model->ntfs)
        return STATUS_OBJECT_NAME_INVALID;
    if (!handle->stream)
        return STATUS_INVALID_PARAMETER;
    if (!is_named(handle))
        return STATUS_NOT_SUPPORTED;
    if (handle->stream->removed)
        return STATUS_FILE_DELETED;
    struct model_stream *there = find_stream(node, name);
    if (there && there != handle->stream) {
        if (!replace)
            return STATUS_OBJECT_NAME_COLLISION;
        if (there->handles)
            return STATUS_ACCESS_DENIED;
        remove_stream(node, there);
    }
    memset(handle->stream->name, 0, MODEL_NAME);
    strncpy(handle->stream->name, name, MODEL_NAME - 1);
    return STATUS_SUCCESS;
}
