/* FSCTL_GET_NTFS_FILE_RECORD: what the file table of an NTFS disk says of a file, made when it is asked for. An attribute
 * that the record has no room for is left out. */
#include "memfs/clusters.h"
#include "memfs/fsctl.h"

#include <string.h>

enum { RECORD = 1024, FIXUPS = 0x30, FIRST_ATTRIBUTE = 0x38, END_MARK = 8, NUMBER_BITS = 48 };
enum { STANDARD_INFORMATION = 0x10, FILE_NAME = 0x30, OBJECT_ID = 0x40, DATA = 0x80, INDEX_ROOT = 0x90, REPARSE_POINT = 0xC0 };
enum { IN_USE = 1, IS_FOLDER = 2 };
enum { IS_COMPRESSED = 0x0001, IS_SPARSE = 0x8000 };

struct record {
    UCHAR *bytes;
    ULONG used;
    USHORT next_id;
};

static void put(UCHAR *at, ULONGLONG value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        at[i] = (UCHAR)(value >> (8 * i));
}

static ULONG round8(ULONG size)
{
    return (size + 7) & ~7u;
}

static ULONGLONG number_of(const struct memfs_node *node)
{
    return (ULONGLONG)node->id & ((1ULL << NUMBER_BITS) - 1);
}

/* -- attributes -------------------------------------------------------------------------------- */

/* The head of an attribute of that length, zeros behind it; NULL: there is no room. */
static UCHAR *add(struct record *record, ULONG type, ULONG head, const WCHAR *name, USHORT name_length, ULONG length)
{
    length = round8(length);
    if (length > RECORD - END_MARK - record->used)
        return NULL;
    UCHAR *at = record->bytes + record->used;
    put(at, type, 4);
    put(at + 4, length, 4);
    at[8] = head > 0x18;
    at[9] = (UCHAR)(name_length / sizeof(WCHAR));
    put(at + 10, head, 2);
    put(at + 14, record->next_id++, 2);
    if (name_length)
        memcpy(at + head, name, name_length);
    record->used += length;
    return at;
}

/* Its value follows in the record. */
static UCHAR *add_resident(struct record *record, ULONG type, const WCHAR *name, USHORT name_length, ULONG length)
{
    ULONG at = round8(0x18 + name_length);
    UCHAR *attribute = add(record, type, 0x18, name, name_length, at + length);
    if (!attribute)
        return NULL;
    put(attribute + 16, length, 4);
    put(attribute + 20, at, 2);
    return attribute + at;
}

static void put_times(UCHAR *at, const struct memfs_node *node)
{
    put(at, (ULONGLONG)MemfsTime(&node->created), 8);
    put(at + 8, (ULONGLONG)MemfsTime(&node->written), 8);
    put(at + 16, (ULONGLONG)MemfsTime(&node->changed), 8);
    put(at + 24, (ULONGLONG)MemfsTime(&node->accessed), 8);
}

static void add_standard(struct record *record, struct memfs_node *node)
{
    UCHAR *value = add_resident(record, STANDARD_INFORMATION, NULL, 0, 0x48);
    put_times(value, node);
    put(value + 0x20, MemfsAttributes(node, NULL), 4);
    ExAcquireFastMutex(&node->store->journal_lock);
    put(value + 0x40, (ULONGLONG)node->usn, 8);
    ExReleaseFastMutex(&node->store->journal_lock);
}

static void add_name(struct record *record, const struct memfs_link *link, const WCHAR *name, USHORT length, UCHAR kind)
{
    const struct memfs_node *node = link->node;
    const struct memfs_stream *data = node->streams;
    UCHAR *value = add_resident(record, FILE_NAME, NULL, 0, 0x42u + length);
    if (!value)
        return;
    put(value, (ULONGLONG)(link->parent ? link->parent->id : node->id), 8);
    put_times(value + 8, node);
    if (data && !data->name_length) {
        put(value + 0x28, (ULONGLONG)MemfsTime(&data->allocated), 8);
        put(value + 0x30, (ULONGLONG)MemfsTime(&data->size), 8);
    }
    put(value + 0x38, MemfsAttributes(node, NULL) | (MemfsIsDirectory(node) ? 0x10000000 : 0), 4);
    value[0x40] = (UCHAR)(length / sizeof(WCHAR));
    value[0x41] = kind;
    memcpy(value + 0x42, name, length);
}

static void add_names(struct record *record, const struct memfs_node *node)
{
    enum { WIN32 = 1, DOS = 2, BOTH = 3 };
    static const WCHAR root[] = {'.'};
    for (const struct memfs_link *link = node->links; link; link = link->next) {
        if (!link->parent) {
            add_name(record, link, root, sizeof root, BOTH);
            continue;
        }
        if (link->short_length)
            add_name(record, link, link->short_name, link->short_length, DOS);
        add_name(record, link, link->name, link->name_length, link->short_length ? WIN32 : BOTH);
    }
}

/* -- data -------------------------------------------------------------------------------------- */

/* Bytes that it takes to say a signed number. */
static unsigned width_of(LONGLONG value)
{
    unsigned width = 1;
    while (width < 8 && (value < -(1LL << (8 * width - 1)) || value >= 1LL << (8 * width - 1)))
        width++;
    return width;
}

static ULONG put_runs(UCHAR *at, ULONG room, const struct memfs_extent *extents, ULONG count)
{
    ULONG used = 0;
    LONGLONG before = 0;
    for (ULONG i = 0; i < count; i++) {
        unsigned length = width_of(extents[i].count), place = extents[i].lcn < 0 ? 0 : width_of(extents[i].lcn - before);
        if (used + 1 + length + place >= room)
            return 0;
        at[used] = (UCHAR)(length | place << 4);
        put(at + used + 1, (ULONGLONG)extents[i].count, length);
        put(at + used + 1 + length, (ULONGLONG)(extents[i].lcn - before), place);
        used += 1 + length + place;
        if (place)
            before = extents[i].lcn;
    }
    at[used++] = 0;
    return used;
}

static LONGLONG size_of(const struct memfs_stream *stream, bool valid)
{
    const struct memfs_scb *scb = stream->scb;
    if (scb)
        return MemfsLoad(valid ? &scb->header.ValidDataLength : &scb->header.FileSize);
    return MemfsTime(valid ? &stream->valid : &stream->size);
}

static void add_data(struct record *record, const struct memfs_stream *stream)
{
    struct memfs_extent *extents;
    UCHAR runs[RECORD];
    bool sparse = MemfsIs(&stream->sparse), compressed = MemfsIs(&stream->compressed);
    ULONG head = sparse || compressed ? 0x48 : 0x40, count = MemfsExtents(stream, &extents),
          length = put_runs(runs, sizeof runs, extents, count), at = round8(head + stream->name_length);
    sim_free(extents);
    UCHAR *attribute = length ? add(record, DATA, head, stream->name, stream->name_length, at + length) : NULL;
    if (!attribute)
        return;
    put(attribute + 12, (sparse ? IS_SPARSE : 0) | (compressed ? IS_COMPRESSED : 0), 2);
    put(attribute + 0x18, (ULONGLONG)(MemfsClusters(stream) - 1), 8);
    put(attribute + 0x20, at, 2);
    put(attribute + 0x28, (ULONGLONG)MemfsClusters(stream) * MEMFS_CLUSTER, 8);
    put(attribute + 0x30, (ULONGLONG)size_of(stream, false), 8);
    put(attribute + 0x38, (ULONGLONG)size_of(stream, true), 8);
    if (head == 0x48)
        put(attribute + 0x40, (ULONGLONG)MemfsTime(&stream->charged), 8);
    memcpy(attribute + at, runs, length);
}

/* No entry but the last: what a folder holds is said to be elsewhere. */
static void add_index(struct record *record, const struct memfs_node *node)
{
    static const WCHAR name[] = {'$', 'I', '3', '0'};
    UCHAR *value = add_resident(record, INDEX_ROOT, name, sizeof name, 0x30);
    if (!value)
        return;
    put(value, FILE_NAME, 4);
    put(value + 4, 1, 4);
    put(value + 8, MEMFS_CLUSTER, 4);
    value[12] = 1;
    put(value + 0x10, 0x10, 4);
    put(value + 0x14, 0x20, 4);
    put(value + 0x18, 0x20, 4);
    value[0x1C] = node->child_count > 0;
    put(value + 0x28, 0x10, 2);
    put(value + 0x2C, 2, 2);
}

static void add_rest(struct record *record, struct memfs_node *node)
{
    UCHAR *value;
    ExAcquireFastMutex(&node->store->ids_lock);
    bool has_id = node->has_object_id;
    FILE_OBJECTID_BUFFER id = node->object_id;
    ExReleaseFastMutex(&node->store->ids_lock);
    if (has_id && (value = add_resident(record, OBJECT_ID, NULL, 0, sizeof id)))
        memcpy(value, &id, sizeof id);
    for (const struct memfs_stream *stream = node->streams; stream; stream = stream->next)
        if (!MemfsIs(&stream->removed))
            add_data(record, stream);
    if (MemfsIsDirectory(node))
        add_index(record, node);
    if (node->reparse && (value = add_resident(record, REPARSE_POINT, NULL, 0, node->reparse_length)))
        memcpy(value, node->reparse, node->reparse_length);
}

/* -- the record -------------------------------------------------------------------------------- */

static void put_head(struct record *record, const struct memfs_node *node)
{
    UCHAR *bytes = record->bytes;
    memcpy(bytes, "FILE", 4);
    put(bytes + 4, FIXUPS, 2);
    put(bytes + 6, 1 + RECORD / MEMFS_SECTOR, 2);
    put(bytes + 0x10, (ULONGLONG)node->id >> NUMBER_BITS, 2);
    put(bytes + 0x12, (ULONGLONG)MemfsCount(&node->link_count), 2);
    put(bytes + 0x14, FIRST_ATTRIBUTE, 2);
    put(bytes + 0x16, IN_USE | (MemfsIsDirectory(node) ? IS_FOLDER : 0), 2);
    put(bytes + 0x18, record->used + END_MARK, 4);
    put(bytes + 0x1C, RECORD, 4);
    put(bytes + 0x28, record->next_id, 2);
    put(bytes + 0x2C, number_of(node), 4);
    put(bytes + record->used, 0xFFFFFFFF, 4);
    /* What belongs at the ends of the sectors is there; whoever puts it there again changes nothing. */
    put(bytes + FIXUPS, 1, 2);
    memcpy(bytes + FIXUPS + 2, bytes + MEMFS_SECTOR - 2, 2);
    memcpy(bytes + FIXUPS + 4, bytes + RECORD - 2, 2);
}

static struct memfs_node *find(const struct memfs_map *map, ULONGLONG number)
{
    struct memfs_node *best = NULL;
    for (ULONG i = 0; i < map->node_count; i++)
        if (number_of(map->nodes[i]) <= number && MemfsCount(&map->nodes[i]->link_count) > 0 &&
            (!best || number_of(map->nodes[i]) > number_of(best)))
            best = map->nodes[i];
    return best;
}

static NTSTATUS make(UCHAR *bytes, struct memfs_volume *volume, ULONGLONG number, ULONGLONG *found)
{
    struct memfs_map map;
    struct record record = {.bytes = bytes, .used = FIRST_ATTRIBUTE};
    MemfsOpenMap(&map, volume->store);
    struct memfs_node *node = find(&map, number);
    if (node) {
        MemfsShareNode(node);
        add_standard(&record, node);
        add_names(&record, node);
        add_rest(&record, node);
        put_head(&record, node);
        MemfsUnshareNode(node);
        *found = number_of(node);
    }
    MemfsCloseMap(&map);
    return node ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

NTSTATUS MemfsFileRecord(struct memfs_fsctl *c)
{
    const ULONG head = FIELD_OFFSET(NTFS_FILE_RECORD_OUTPUT_BUFFER, FileRecordBuffer);
    UCHAR record[RECORD] = {0};
    ULONGLONG found = 0;
    if (c->scb->node || c->in_length < sizeof(NTFS_FILE_RECORD_INPUT_BUFFER))
        return STATUS_INVALID_PARAMETER;
    if (c->out_length < head + RECORD)
        return STATUS_BUFFER_TOO_SMALL;
    ULONGLONG number = (ULONGLONG)((const NTFS_FILE_RECORD_INPUT_BUFFER *)c->in)->FileReferenceNumber.QuadPart &
                       ((1ULL << NUMBER_BITS) - 1);
    if (number > (ULONGLONG)__atomic_load_n(&c->volume->store->next_id, __ATOMIC_RELAXED))
        return STATUS_INVALID_PARAMETER;
    ExAcquireResourceSharedLite(&c->volume->tree, TRUE);
    NTSTATUS status = make(record, c->volume, number, &found);
    ExReleaseResourceLite(&c->volume->tree);
    if (!NT_SUCCESS(status))
        return status;
    PNTFS_FILE_RECORD_OUTPUT_BUFFER out = c->out;
    out->FileReferenceNumber.QuadPart = (LONGLONG)found;
    out->FileRecordLength = RECORD;
    memcpy(out->FileRecordBuffer, record, RECORD);
    c->done = head + RECORD;
    return STATUS_SUCCESS;
}
