/* The data of streams: pages in a tree of branches, which is as high as the last page needs. What was never written
 * has no page and reads as zeros. */
#include "memfs/memfs.h"

#include <string.h>

enum { BRANCH_BITS = 6, BRANCHES = 1 << BRANCH_BITS };

struct branch {
    PVOID slots[BRANCHES]; /* branches; at the lowest level pages */
};

static unsigned index_at(ULONGLONG page, unsigned level)
{
    return (unsigned)(page >> (level * BRANCH_BITS)) % BRANCHES;
}

/* Is the page within what a tree of that height holds? */
static bool reaches(unsigned height, ULONGLONG page)
{
    return page >> (height * BRANCH_BITS) == 0;
}

static UCHAR **find(const struct memfs_stream *stream, ULONGLONG page)
{
    struct branch *at = stream->pages;
    if (!at || !reaches(stream->height, page))
        return NULL;
    for (unsigned level = stream->height - 1u; at && level > 0; level--)
        at = at->slots[index_at(page, level)];
    return at ? (UCHAR **)&at->slots[index_at(page, 0)] : NULL;
}

static void grow(struct memfs_stream *stream, ULONGLONG page)
{
    while (!stream->pages || !reaches(stream->height, page)) {
        struct branch *top = sim_alloc(sizeof *top);
        top->slots[0] = stream->pages;
        stream->pages = top;
        stream->height++;
    }
}

/* NULL: the disk is full. */
static UCHAR *page_for_write(struct memfs_stream *stream, ULONGLONG page)
{
    grow(stream, page);
    struct branch *at = stream->pages;
    for (unsigned level = stream->height - 1u; level > 0; level--) {
        PVOID *slot = &at->slots[index_at(page, level)];
        if (!*slot)
            *slot = sim_alloc(sizeof(struct branch));
        at = *slot;
    }
    PVOID *slot = &at->slots[index_at(page, 0)];
    if (!*slot && MemfsChargePages(stream, 1))
        *slot = sim_alloc(MEMFS_PAGE);
    return *slot;
}

/* -- whole trees ------------------------------------------------------------------------------- */

static void free_branch(struct branch *branch, unsigned level)
{
    for (unsigned i = 0; i < BRANCHES; i++)
        if (branch->slots[i] && level > 0)
            free_branch(branch->slots[i], level - 1);
        else
            sim_free(branch->slots[i]);
    sim_free(branch);
}

void MemfsFreeData(struct memfs_stream *stream)
{
    if (stream->pages)
        free_branch(stream->pages, stream->height - 1u);
    stream->pages = NULL;
    stream->height = 0;
}

/* The first page that is there, at `page` or after it; MAXULONGLONG: none. */
static ULONGLONG next_in(const struct branch *branch, unsigned level, ULONGLONG base, ULONGLONG page)
{
    unsigned shift = level * BRANCH_BITS;
    for (unsigned i = page > base ? (unsigned)((page - base) >> shift) : 0; i < BRANCHES; i++) {
        ULONGLONG from = base + ((ULONGLONG)i << shift);
        if (!branch->slots[i])
            continue;
        if (level == 0)
            return from;
        ULONGLONG found = next_in(branch->slots[i], level - 1, from, page);
        if (found != MAXULONGLONG)
            return found;
    }
    return MAXULONGLONG;
}

static ULONGLONG next_page(const struct memfs_stream *stream, ULONGLONG page)
{
    if (!stream->pages || !reaches(stream->height, page))
        return MAXULONGLONG;
    return next_in(stream->pages, stream->height - 1u, 0, page);
}

LONGLONG MemfsCountBytes(const struct memfs_stream *stream)
{
    LONGLONG bytes = 0;
    for (ULONGLONG page = next_page(stream, 0); page != MAXULONGLONG; page = next_page(stream, page + 1))
        bytes += MEMFS_PAGE;
    return bytes;
}

LONGLONG MemfsDataBytes(struct memfs_stream *stream)
{
    ExAcquireFastMutex(&stream->lock);
    LONGLONG bytes = MemfsCountBytes(stream);
    ExReleaseFastMutex(&stream->lock);
    return bytes;
}

LONGLONG MemfsNextData(struct memfs_stream *stream, LONGLONG offset, LONGLONG *end)
{
    ExAcquireFastMutex(&stream->lock);
    ULONGLONG first = next_page(stream, (ULONGLONG)offset / MEMFS_PAGE), last = first;
    while (first != MAXULONGLONG && next_page(stream, last + 1) == last + 1)
        last++;
    ExReleaseFastMutex(&stream->lock);
    if (first == MAXULONGLONG)
        return -1;
    *end = (LONGLONG)(last + 1) * MEMFS_PAGE;
    return (LONGLONG)first * MEMFS_PAGE;
}

/* -- bytes ------------------------------------------------------------------------------------- */

static ULONG part_of_page(LONGLONG offset, ULONG length)
{
    ULONG room = MEMFS_PAGE - (ULONG)(offset % MEMFS_PAGE);
    return length < room ? length : room;
}

NTSTATUS MemfsReadData(struct memfs_stream *stream, LONGLONG offset, PVOID buffer, ULONG length)
{
    UCHAR *to = buffer;
    ExAcquireFastMutex(&stream->lock);
    while (length) {
        ULONG count = part_of_page(offset, length);
        UCHAR **page = find(stream, (ULONGLONG)offset / MEMFS_PAGE);
        if (page && *page)
            memcpy(to, *page + offset % MEMFS_PAGE, count);
        else
            memset(to, 0, count);
        to += count;
        offset += count;
        length -= count;
    }
    ExReleaseFastMutex(&stream->lock);
    return STATUS_SUCCESS;
}

NTSTATUS MemfsWriteData(struct memfs_stream *stream, LONGLONG offset, const VOID *buffer, ULONG length)
{
    const UCHAR *from = buffer;
    ExAcquireFastMutex(&stream->lock);
    while (length) {
        ULONG count = part_of_page(offset, length);
        UCHAR *page = page_for_write(stream, (ULONGLONG)offset / MEMFS_PAGE);
        if (!page)
            break;
        memcpy(page + offset % MEMFS_PAGE, from, count);
        from += count;
        offset += count;
        length -= count;
    }
    ExReleaseFastMutex(&stream->lock);
    return length ? STATUS_DISK_FULL : STATUS_SUCCESS;
}

NTSTATUS MemfsFillHoles(struct memfs_stream *stream, LONGLONG offset, LONGLONG end)
{
    ULONGLONG page = (ULONGLONG)offset / MEMFS_PAGE, last = (ULONGLONG)(end + MEMFS_PAGE - 1) / MEMFS_PAGE;
    ExAcquireFastMutex(&stream->lock);
    while (page < last && page_for_write(stream, page))
        page++;
    ExReleaseFastMutex(&stream->lock);
    return page < last ? STATUS_DISK_FULL : STATUS_SUCCESS;
}

/* Whole pages go. */
static void zero_page(struct memfs_stream *stream, ULONGLONG page, LONGLONG offset, LONGLONG end)
{
    LONGLONG start = (LONGLONG)page * MEMFS_PAGE;
    LONGLONG from = offset > start ? offset - start : 0, to = end - start < MEMFS_PAGE ? end - start : MEMFS_PAGE;
    UCHAR **slot = find(stream, page);
    if (to - from < MEMFS_PAGE) {
        memset(*slot + from, 0, (size_t)(to - from));
        return;
    }
    sim_free(*slot);
    *slot = NULL;
    MemfsChargePages(stream, -1);
}

void MemfsZeroRange(struct memfs_stream *stream, LONGLONG offset, LONGLONG end)
{
    ExAcquireFastMutex(&stream->lock);
    ULONGLONG page = next_page(stream, (ULONGLONG)offset / MEMFS_PAGE);
    while (page != MAXULONGLONG && (LONGLONG)page * MEMFS_PAGE < end) {
        zero_page(stream, page, offset, end);
        page = next_page(stream, page + 1);
    }
    ExReleaseFastMutex(&stream->lock);
}
