/* One file, read and written at random through the cache, past it and through views, cut and extended: its content is
 * always that of a plain buffer. */
#include "passive.h"
#include "steps.h"
#include "unit.h"

#include <stdlib.h>

enum { LIMIT = 96 * 1024, SECTOR = 512, CLUSTER = 4096 };

struct file {
    HANDLE cached, uncached;
    bool mapped, writable;
    struct fltsim_view view;
    uint8_t *bytes; /* what the file holds */
    size_t size;
    uint8_t *buffer;
};

static struct file *file_of(struct steps *steps)
{
    return steps->own;
}

static void fill(struct steps *steps, uint8_t *to, size_t length)
{
    uint64_t value = steps_next(steps);
    for (size_t i = 0; i < length; i++)
        to[i] = (uint8_t)(value >> (i % 8 * 8)) + (uint8_t)i;
}

static bool same_bytes(struct steps *steps, const uint8_t *got, size_t from, size_t length)
{
    const uint8_t *expected = file_of(steps)->bytes + from;
    for (size_t i = 0; i < length; i++)
        if (got[i] != expected[i])
            return steps_differ(steps, "byte %zu of %zu: read 0x%02x, expected is 0x%02x", from + i,
                                file_of(steps)->size, got[i], expected[i]);
    return true;
}

static bool open_handles(struct steps *steps)
{
    struct file *file = file_of(steps);
    struct fltsim_open open = {.access = FILE_READ_DATA | FILE_WRITE_DATA | SYNCHRONIZE,
                               .disposition = FILE_OPEN_IF};
    NTSTATUS status = fltsim_open("C:\\file", &open, &file->cached);
    open.options = FILE_NO_INTERMEDIATE_BUFFERING;
    if (NT_SUCCESS(status))
        status = fltsim_open("C:\\file", &open, &file->uncached);
    return steps_same_status(steps, status, STATUS_SUCCESS);
}

static void unmap(struct file *file)
{
    if (file->mapped)
        fltsim_unmap(&file->view);
    file->mapped = false;
}

static void close_handles(struct file *file)
{
    unmap(file);
    fltsim_close(file->cached);
    fltsim_close(file->uncached);
}

static bool op_reopen(struct steps *steps)
{
    steps_tell(steps, "close and open");
    close_handles(file_of(steps));
    return open_handles(steps);
}

static bool op_dismount(struct steps *steps)
{
    steps_tell(steps, "close, dismount and open");
    close_handles(file_of(steps));
    return steps_same_status(steps, steps_dismount(), STATUS_SUCCESS) && open_handles(steps);
}

static bool op_trim(struct steps *steps)
{
    steps_tell(steps, "trim");
    fltsim_trim(steps->volume);
    return true;
}

/* ---- reading and writing ----------------------------------------------------------------------- */

/* The buffer's bytes are the file's up to its size, and zeros beyond. */
static void put(struct file *file, size_t from, const uint8_t *data, size_t length)
{
    memcpy(file->bytes + from, data, length);
    if (from + length > file->size)
        file->size = from + length;
}

static bool read_through(struct steps *steps, HANDLE handle, size_t from, size_t length)
{
    struct file *file = file_of(steps);
    size_t done = 0, inside = from < file->size ? file->size - from : 0;
    if (inside > length)
        inside = length;
    memset(file->buffer, 0xEE, length);
    NTSTATUS status = fltsim_read(handle, file->buffer, length, (int64_t)from, &done);
    return steps_same_status(steps, status, inside || !length ? STATUS_SUCCESS : STATUS_END_OF_FILE) &&
           steps_same_number(steps, "bytes", done, inside) && same_bytes(steps, file->buffer, from, inside);
}

static bool write_through(struct steps *steps, HANDLE handle, size_t from, size_t length)
{
    struct file *file = file_of(steps);
    size_t done = 0;
    fill(steps, file->buffer, length);
    NTSTATUS status = fltsim_write(handle, file->buffer, length, (int64_t)from, &done);
    if (length)
        put(file, from, file->buffer, length);
    return steps_same_status(steps, status, STATUS_SUCCESS) && steps_same_number(steps, "bytes", done, length);
}

static size_t pick_place(struct steps *steps, size_t *length)
{
    size_t from = steps_below(steps, LIMIT);
    *length = steps_below(steps, steps_chance(steps, 50) ? 300 : 16384);
    if (*length > LIMIT - from)
        *length = LIMIT - from;
    return from;
}

static bool op_read(struct steps *steps)
{
    size_t length, from = pick_place(steps, &length);
    steps_tell(steps, "read %zu bytes at %zu", length, from);
    return read_through(steps, file_of(steps)->cached, from, length);
}

static bool op_write(struct steps *steps)
{
    size_t length, from = pick_place(steps, &length);
    steps_tell(steps, "write %zu bytes at %zu", length, from);
    return write_through(steps, file_of(steps)->cached, from, length);
}

static bool op_read_uncached(struct steps *steps)
{
    size_t length, from = pick_place(steps, &length) / SECTOR * SECTOR;
    length = length / SECTOR * SECTOR;
    steps_tell(steps, "read %zu bytes at %zu uncached", length, from);
    return read_through(steps, file_of(steps)->uncached, from, length);
}

/* Not below a view: what is mapped stays as it is then, on Windows, too. */
static bool op_write_uncached(struct steps *steps)
{
    size_t length, from = pick_place(steps, &length) / SECTOR * SECTOR;
    length = length / SECTOR * SECTOR;
    unmap(file_of(steps));
    steps_tell(steps, "unmap, write %zu bytes at %zu uncached", length, from);
    return write_through(steps, file_of(steps)->uncached, from, length);
}

/* ---- views ---------------------------------------------------------------------------------------- */

static bool op_map(struct steps *steps)
{
    struct file *file = file_of(steps);
    bool writable = steps_chance(steps, 70);
    unmap(file);
    steps_tell(steps, "map %s", writable ? "for writing" : "for reading");
    if (!file->size)
        return true;
    NTSTATUS status = fltsim_map(file->cached, writable, 0, &file->view);
    file->mapped = NT_SUCCESS(status);
    file->writable = writable;
    return steps_same_status(steps, status, STATUS_SUCCESS);
}

static bool op_unmap(struct steps *steps)
{
    steps_tell(steps, "unmap");
    unmap(file_of(steps));
    return true;
}

/* How much of the file the view shows. */
static size_t shown(const struct file *file)
{
    return !file->mapped ? 0 : file->view.size < file->size ? file->view.size : file->size;
}

static bool op_look(struct steps *steps)
{
    struct file *file = file_of(steps);
    size_t length, from = pick_place(steps, &length), end = shown(file);
    steps_tell(steps, "look at %zu bytes at %zu", length, from);
    if (from >= end)
        return true;
    return same_bytes(steps, (uint8_t *)file->view.base + from, from, length < end - from ? length : end - from);
}

static bool op_poke(struct steps *steps)
{
    struct file *file = file_of(steps);
    size_t length, from = pick_place(steps, &length), end = shown(file);
    if (from >= end || !file->writable)
        return op_look(steps);
    if (length > end - from)
        length = end - from;
    steps_tell(steps, "poke %zu bytes at %zu", length, from);
    fill(steps, file->buffer, length);
    memcpy((uint8_t *)file->view.base + from, file->buffer, length);
    put(file, from, file->buffer, length);
    return true;
}

static bool op_flush(struct steps *steps)
{
    struct file *file = file_of(steps);
    bool view = file->mapped && steps_chance(steps, 50);
    steps_tell(steps, view ? "flush the view" : "flush");
    return steps_same_status(steps, view ? fltsim_flush_view(&file->view) : fltsim_flush(file->cached),
                             STATUS_SUCCESS);
}

/* ---- sizes ------------------------------------------------------------------------------------------ */

static bool op_size(struct steps *steps)
{
    struct file *file = file_of(steps);
    size_t size = steps_below(steps, steps_chance(steps, 30) ? 5000 : LIMIT);
    steps_tell(steps, "set size %zu", size);
    /* A view keeps the file from being cut inside of what it shows; from more, if the file was larger than that. */
    size_t kept = (size + CLUSTER - 1) / CLUSTER * CLUSTER;
    NTSTATUS status = fltsim_set_size(file->cached, size);
    if (file->mapped && size < file->size &&
        (kept < file->view.size || status == STATUS_USER_MAPPED_FILE))
        return steps_same_status(steps, status, STATUS_USER_MAPPED_FILE);
    if (size < file->size)
        memset(file->bytes + size, 0, file->size - size);
    file->size = size;
    return steps_same_status(steps, status, STATUS_SUCCESS);
}

static bool op_zero(struct steps *steps)
{
    struct file *file = file_of(steps);
    size_t length, from = pick_place(steps, &length);
    FILE_ZERO_DATA_INFORMATION zero = {.FileOffset.QuadPart = (LONGLONG)from,
                                       .BeyondFinalZero.QuadPart = (LONGLONG)(from + length)};
    steps_tell(steps, "zero %zu bytes at %zu", length, from);
    NTSTATUS status = fltsim_fsctl(file->cached, FSCTL_SET_ZERO_DATA, &zero, sizeof zero, NULL, 0, NULL);
    if (steps->ntfs)
        memset(file->bytes + from, 0, length);
    return steps_same_status(steps, status, steps->ntfs ? STATUS_SUCCESS : STATUS_INVALID_DEVICE_REQUEST);
}

static bool op_sparse(struct steps *steps)
{
    FILE_SET_SPARSE_BUFFER sparse = {steps_chance(steps, 50)};
    steps_tell(steps, "set sparse %u", sparse.SetSparse);
    NTSTATUS status = fltsim_fsctl(file_of(steps)->cached, FSCTL_SET_SPARSE, &sparse, sizeof sparse, NULL, 0, NULL);
    return steps_same_status(steps, status, steps->ntfs ? STATUS_SUCCESS : STATUS_INVALID_DEVICE_REQUEST);
}

/* ---- the tests ---------------------------------------------------------------------------------------- */

static bool operate(struct steps *steps)
{
    static const struct {
        unsigned weight; /* of 1000 */
        bool (*act)(struct steps *steps);
    } kinds[] = {{190, op_read}, {190, op_write}, {100, op_read_uncached}, {70, op_write_uncached},
                 {60, op_map},   {30, op_unmap},  {110, op_look},          {100, op_poke},
                 {40, op_flush}, {50, op_size},   {25, op_zero},           {5, op_sparse},
                 {15, op_trim},  {10, op_reopen}, {5, op_dismount}};
    unsigned at = steps_below(steps, 1000), i = 0;
    while (at >= kinds[i].weight)
        at -= kinds[i++].weight;
    return kinds[i].act(steps);
}

static bool compare(struct steps *steps)
{
    steps_tell(steps, "compare");
    return op_reopen(steps) && read_through(steps, file_of(steps)->cached, 0, LIMIT) &&
           read_through(steps, file_of(steps)->uncached, 0, LIMIT);
}

static void begin(struct steps *steps)
{
    struct file *file = steps->own = calloc(1, sizeof *file);
    file->bytes = calloc(1, LIMIT);
    file->buffer = calloc(1, LIMIT);
    assert_true(open_handles(steps));
}

static void end(struct steps *steps)
{
    struct file *file = file_of(steps);
    close_handles(file);
    free(file->bytes);
    free(file->buffer);
    free(file);
}

static const struct steps_test plan = {begin, operate, compare, end, 2000};

static void ntfs_like_file_holds_what_was_written(void **state) { steps_run(&plan, FLTSIM_NTFS, 0); }
static void fat_like_file_holds_what_was_written(void **state) { steps_run(&plan, FLTSIM_FAT, 0); }
static void ntfs_like_file_holds_it_below_filters(void **state) { steps_run(&plan, FLTSIM_NTFS, PASSIVE_FILTERS); }
static void fat_like_file_holds_it_below_filters(void **state) { steps_run(&plan, FLTSIM_FAT, PASSIVE_FILTERS); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ntfs_like_file_holds_what_was_written),
        cmocka_unit_test(fat_like_file_holds_what_was_written),
        cmocka_unit_test(ntfs_like_file_holds_it_below_filters),
        cmocka_unit_test(fat_like_file_holds_it_below_filters),
    };
    return cmocka_run_group_tests_name("memfs/fsx", tests, NULL, NULL);
}
