/* The tree: nodes, their names, directories sorted by name. */
#include "memfs/memfs.h"

#include <string.h>

WCHAR MemfsUpcaseSlow(WCHAR unit)
{
    return RtlUpcaseUnicodeChar(unit);
}

WCHAR *MemfsCopyText(const WCHAR *text, USHORT bytes)
{
    WCHAR *copy = sim_alloc(bytes + sizeof(WCHAR));
    memcpy(copy, text, bytes);
    return copy;
}

/* -- nodes ------------------------------------------------------------------------------------- */

struct memfs_node *MemfsCreateNode(struct memfs_store *store, ULONG attributes)
{
    struct memfs_node *node = sim_alloc(sizeof *node);
    node->references = 1;
    node->store = store;
    node->attributes = attributes;
    node->created = node->accessed = node->written = node->changed = MemfsNow();
    ExInitializePushLock(&node->lock);
    LONGLONG index = InterlockedIncrement64(&store->next_id);
    node->id = store->ntfs ? index | (LONGLONG)1 << 48 : index << 5;
    return node;
}

void MemfsPublishNode(struct memfs_node *node)
{
    struct memfs_store *store = node->store;
    ExAcquireFastMutex(&store->ids_lock);
    HASH_ADD(by_id, store->ids, id, sizeof node->id, node);
    node->published = true;
    ExReleaseFastMutex(&store->ids_lock);
}

void MemfsReferenceNode(struct memfs_node *node)
{
    InterlockedIncrement(&node->references);
}

static void free_node(struct memfs_node *node)
{
    for (struct memfs_stream *stream = node->streams, *next; stream; stream = next) {
        next = stream->next;
        MemfsFreeStream(stream);
    }
    sim_free(node->children);
    sim_free(node->shorts);
    sim_free(node->reparse);
    sim_free(node->ea);
    sim_free(node->security);
    sim_free(node);
}

void MemfsReleaseNode(struct memfs_node *node)
{
    struct memfs_store *store = node->store;
    /* Whoever finds a node by its id does so under ids_lock: the last reference goes under it, too.
     */
    LONG now = MemfsCount(&node->references);
    while (now > 1) {
        LONG seen = InterlockedCompareExchange(&node->references, now - 1, now);
        if (seen == now)
            return;
        now = seen;
    }
    ExAcquireFastMutex(&store->ids_lock);
    bool last = InterlockedDecrement(&node->references) == 0;
    if (last && node->published)
        HASH_DELETE(by_id, store->ids, node);
    ExReleaseFastMutex(&store->ids_lock);
    if (last)
        free_node(node);
}

struct memfs_node *MemfsFindId(struct memfs_store *store, LONGLONG id)
{
    ExAcquireFastMutex(&store->ids_lock);
    struct memfs_node *node;
    HASH_FIND(by_id, store->ids, &id, sizeof id, node);
    if (node && MemfsCount(&node->link_count) > 0)
        MemfsReferenceNode(node);
    else
        node = NULL;
    ExReleaseFastMutex(&store->ids_lock);
    return node;
}

struct memfs_node *MemfsFindObjectId(struct memfs_store *store, const GUID *id)
{
    struct memfs_node *found = NULL;
    ExAcquireFastMutex(&store->ids_lock);
    for (struct memfs_node *node = store->ids; node && !found; node = node->by_id.next)
        if (node->has_object_id && memcmp(node->object_id.ObjectId, id, sizeof *id) == 0)
            found = node;
    if (found)
        MemfsReferenceNode(found);
    ExReleaseFastMutex(&store->ids_lock);
    return found;
}

ULONG MemfsAllNodes(struct memfs_store *store, struct memfs_node ***nodes)
{
    ULONG count = 0, room = 0;
    *nodes = NULL;
    ExAcquireFastMutex(&store->ids_lock);
    for (struct memfs_node *node = store->ids; node; node = node->by_id.next) {
        if (count == room)
            *nodes = sim_realloc(*nodes, (room = room ? room * 2 : 64) * sizeof **nodes);
        MemfsReferenceNode(node);
        (*nodes)[count++] = node;
    }
    ExReleaseFastMutex(&store->ids_lock);
    return count;
}

/* -- names in a directory ---------------------------------------------------------------------- */

void MemfsReferenceLink(struct memfs_link *link)
{
    InterlockedIncrement(&link->references);
}

void MemfsReleaseLink(struct memfs_link *link)
{
    if (InterlockedDecrement(&link->references) > 0)
        return;
    if (link->parent)
        MemfsReleaseNode(link->parent);
    MemfsReleaseNode(link->node);
    sim_free(link->name);
    sim_free(link->upcased);
    sim_free(link);
}

struct memfs_link *MemfsFirstLink(struct memfs_node *node)
{
    MemfsShareNode(node);
    struct memfs_link *link = node->links;
    if (link)
        MemfsReferenceLink(link);
    MemfsUnshareNode(node);
    return link;
}

int MemfsCompareText(const WCHAR *a, USHORT a_bytes, const WCHAR *b, USHORT b_bytes)
{
    USHORT units = (a_bytes < b_bytes ? a_bytes : b_bytes) / sizeof(WCHAR);
    for (USHORT i = 0; i < units; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return a_bytes == b_bytes ? 0 : a_bytes < b_bytes ? -1 : 1;
}

/* First child that is not below the upcased name. */
static ULONG lower_bound(struct memfs_node *directory, const WCHAR *upcased, USHORT bytes)
{
    ULONG low = 0, high = directory->child_count;
    while (low < high) {
        ULONG middle = (low + high) / 2;
        struct memfs_link *link = directory->children[middle];
        if (MemfsCompareText(link->upcased, link->name_length, upcased, bytes) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

ULONG MemfsChildAfter(struct memfs_node *directory, const WCHAR *upcased, USHORT bytes,
                      const WCHAR *exact)
{
    ULONG index = lower_bound(directory, upcased, bytes);
    while (index < directory->child_count) {
        struct memfs_link *link = directory->children[index];
        int order = MemfsCompareText(link->upcased, link->name_length, upcased, bytes);
        if (order > 0 ||
            (order == 0 && MemfsCompareText(link->name, link->name_length, exact, bytes) > 0))
            break;
        index++;
    }
    return index;
}

static void upcase(WCHAR *to, const UNICODE_STRING *name)
{
    for (USHORT i = 0; i < name->Length / sizeof(WCHAR); i++)
        to[i] = MemfsUpcase(name->Buffer[i]);
}

struct memfs_link *MemfsLookup(struct memfs_node *directory, const UNICODE_STRING *name,
                               bool case_sensitive, bool *by_short)
{
    WCHAR upcased[MEMFS_MAX_NAME];
    struct memfs_link *found = NULL;
    *by_short = false;
    if (name->Length > sizeof upcased)
        return NULL;
    upcase(upcased, name);
    for (ULONG i = lower_bound(directory, upcased, name->Length); i < directory->child_count; i++) {
        struct memfs_link *link = directory->children[i];
        if (link->name_length != name->Length || memcmp(link->upcased, upcased, name->Length) != 0)
            break;
        if (memcmp(link->name, name->Buffer, name->Length) == 0)
            return link;
        if (!found && !case_sensitive)
            found = link;
    }
    if (!found && name->Length <= MEMFS_SHORT * sizeof(WCHAR)) {
        found = MemfsFindShort(directory, upcased, name->Length);
        *by_short = found != NULL;
    }
    return found;
}

/* -- adding, removing, moving ------------------------------------------------------------------ */

static void put_child(struct memfs_node *directory, struct memfs_link *link)
{
    if (directory->child_count == directory->child_capacity) {
        directory->child_capacity = directory->child_capacity ? directory->child_capacity * 2 : 8;
        directory->children = sim_realloc(directory->children,
                                          directory->child_capacity * sizeof *directory->children);
    }
    ULONG index = MemfsChildAfter(directory, link->upcased, link->name_length, link->name);
    memmove(directory->children + index + 1, directory->children + index,
            (directory->child_count - index) * sizeof *directory->children);
    directory->children[index] = link;
    directory->child_count++;
    MemfsPutShort(directory, link);
}

static void take_child(struct memfs_link *link)
{
    struct memfs_node *directory = link->parent;
    ULONG index = lower_bound(directory, link->upcased, link->name_length);
    MemfsTakeShort(directory, link);
    while (index < directory->child_count && directory->children[index] != link)
        index++;
    directory->child_count--;
    memmove(directory->children + index, directory->children + index + 1,
            (directory->child_count - index) * sizeof *directory->children);
}

static void set_name(struct memfs_link *link, const UNICODE_STRING *name)
{
    link->name_length = name->Length;
    link->name = MemfsCopyText(name->Buffer, name->Length);
    link->upcased = sim_alloc(name->Length + sizeof(WCHAR));
    upcase(link->upcased, name);
    link->short_length = 0;
}

static void touch(struct memfs_node *directory)
{
    LONGLONG now = MemfsNow();
    MemfsSetTime(&directory->written, now);
    MemfsSetTime(&directory->changed, now);
}

NTSTATUS MemfsInsertLink(struct memfs_node *directory, struct memfs_node *node,
                         const UNICODE_STRING *name, struct memfs_link **result)
{
    bool by_short;
    if (MemfsLookup(directory, name, false, &by_short))
        return STATUS_OBJECT_NAME_COLLISION;
    struct memfs_link *link = sim_alloc(sizeof *link);
    link->references = 1;
    link->parent = directory;
    link->node = node;
    link->sequence = (ULONG)InterlockedIncrement(&node->store->next_sequence);
    set_name(link, name);
    if (!MemfsIs8Dot3(name))
        MemfsMakeShortName(directory, link);
    MemfsReferenceNode(directory);
    MemfsReferenceNode(node);
    put_child(directory, link);
    touch(directory);
    link->next = node->links;
    node->links = link;
    InterlockedIncrement(&node->link_count);
    *result = link;
    return STATUS_SUCCESS;
}

void MemfsRemoveLink(struct memfs_link *link)
{
    struct memfs_node *node = link->node;
    if (MemfsIs(&link->removed))
        return;
    MemfsSetIs(&link->removed, true);
    take_child(link);
    touch(link->parent);
    for (struct memfs_link **at = &node->links; *at; at = &(*at)->next)
        if (*at == link) {
            *at = link->next;
            break;
        }
    MemfsSetTime(&node->changed, MemfsNow());
    InterlockedDecrement(&node->link_count);
    MemfsReleaseLink(link);
}

NTSTATUS MemfsMoveLink(struct memfs_link *link, struct memfs_node *target,
                       const UNICODE_STRING *name)
{
    struct memfs_node *from = link->parent;
    struct memfs_node *first = from < target ? from : target,
                      *second = from < target ? target : from;
    WCHAR *old_name = link->name, *old_upcased = link->upcased;
    MemfsLockNode(first);
    if (second != first)
        MemfsLockNode(second);
    take_child(link);
    set_name(link, name);
    if (from != target) {
        MemfsReferenceNode(target);
        link->parent = target;
        link->sequence = (ULONG)InterlockedIncrement(&link->node->store->next_sequence);
        touch(from);
    }
    if (!MemfsIs8Dot3(name))
        MemfsMakeShortName(target, link);
    put_child(target, link);
    touch(target);
    if (second != first)
        MemfsUnlockNode(second);
    MemfsUnlockNode(first);
    if (from != target)
        MemfsReleaseNode(from);
    MemfsSetTime(&link->node->changed, MemfsNow());
    sim_free(old_name);
    sim_free(old_upcased);
    return STATUS_SUCCESS;
}

/* -- paths ------------------------------------------------------------------------------------- */

static USHORT put_back(WCHAR *buffer, ULONG *at, const WCHAR *text, USHORT bytes)
{
    *at -= bytes;
    memcpy((UCHAR *)buffer + *at, text, bytes);
    return bytes;
}

NTSTATUS MemfsPathOf(struct memfs_link *link, const struct memfs_stream *stream, bool last_short,
                     PUNICODE_STRING path)
{
    static const WCHAR slash = '\\', colon = ':';
    ULONG total = 0;
    ULONG suffix = stream && stream->name_length ? stream->name_length + (ULONG)sizeof(WCHAR) : 0;
    for (struct memfs_link *at = link; at && at->parent; at = at->parent->links)
        total +=
            (ULONG)sizeof(WCHAR) + (last_short && at == link ? at->short_length : at->name_length);
    if (total == 0)
        total = sizeof(WCHAR);
    total += suffix;
    if (total > UNICODE_STRING_MAX_BYTES)
        return STATUS_NAME_TOO_LONG;
    path->Buffer = ExAllocatePoolWithTag(PagedPool, total, MEMFS_TAG);
    if (!path->Buffer)
        return STATUS_INSUFFICIENT_RESOURCES;
    path->Length = path->MaximumLength = (USHORT)total;
    if (suffix) {
        put_back(path->Buffer, &total, stream->name, stream->name_length);
        put_back(path->Buffer, &total, &colon, sizeof colon);
    }
    for (struct memfs_link *at = link; at && at->parent; at = at->parent->links) {
        if (last_short && at == link)
            put_back(path->Buffer, &total, at->short_name, at->short_length);
        else
            put_back(path->Buffer, &total, at->name, at->name_length);
        put_back(path->Buffer, &total, &slash, sizeof slash);
    }
    if (total)
        put_back(path->Buffer, &total, &slash, sizeof slash);
    return STATUS_SUCCESS;
}

bool MemfsIsLegalName(const UNICODE_STRING *name, bool ntfs, bool wild)
{
    USHORT units = name->Length / sizeof(WCHAR);
    if (units == 0 || units > MEMFS_MAX_NAME || name->Length % sizeof(WCHAR))
        return false;
    if (ntfs && units <= 2 && name->Buffer[0] == '.' && name->Buffer[units - 1] == '.')
        return false;
    for (USHORT i = 0; i < units; i++) {
        WCHAR c = name->Buffer[i];
        bool is_wild = c == '*' || c == '?' || c == '"' || c == '<' || c == '>';
        if (c < 0x20 || c == '/' || c == '\\' || c == '|' || c == ':' || (is_wild && !wild))
            return false;
    }
    return true;
}
