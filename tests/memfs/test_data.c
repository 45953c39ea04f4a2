/* Reads and writes of every kind, and what they leave. */
#include "unit.h"

static char big[70000], back[70000];

static void fill(char *buffer, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        buffer[i] = (char)(i * 31 + i / 251 + seed);
}

static void round_trip(struct fltsim_volume_options options, ULONG flags, size_t size)
{
    size_t done;
    unit_start_with(options);
    fill(big, size, 7);
    HANDLE handle = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_CREATE, flags);
    assert_int_equal(fltsim_write(handle, big, size, 0, &done), STATUS_SUCCESS);
    assert_int_equal(done, size);
    memset(back, 0, size);
    assert_int_equal(fltsim_read(handle, back, size, 0, &done), STATUS_SUCCESS);
    assert_int_equal(done, size);
    assert_memory_equal(big, back, size);
    close_it(handle);
    fltsim_trim(unit.volume); /* nothing stays in memory: from the disk now */
    handle = open_for("\\f", GENERIC_READ, FILE_OPEN, 0);
    memset(back, 0, size);
    assert_int_equal(fltsim_read(handle, back, size, 0, &done), STATUS_SUCCESS);
    assert_int_equal(done, size);
    assert_memory_equal(big, back, size);
    close_it(handle);
    unit_stop();
}

static void what_is_written_is_read(void **state)
{
    static const enum fltsim_completion completions[] = {
        FLTSIM_COMPLETE_INLINE, FLTSIM_COMPLETE_LATER, FLTSIM_COMPLETE_DISPATCH,
        FLTSIM_COMPLETE_CHOICE};
    static const ULONG flags[] = {0, FILE_NO_INTERMEDIATE_BUFFERING, FILE_WRITE_THROUGH};
    for (unsigned c = 0; c < 4; c++)
        for (unsigned f = 0; f < 3; f++)
            for (int kind = FLTSIM_NTFS; kind <= FLTSIM_FAT; kind++)
                round_trip(
                    (struct fltsim_volume_options){.kind = kind, .completion = completions[c]},
                    flags[f], f == 1 ? 69632 : sizeof big);
}

static void without_fast_io_all_is_irps(void **state)
{
    round_trip((struct fltsim_volume_options){.no_fast_io = true}, 0, 5000);
}

static void small_pieces_make_a_file(void **state)
{
    size_t done;
    unit_start(FLTSIM_NTFS);
    HANDLE handle = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_CREATE, 0);
    for (int i = 0; i < 3000; i++) {
        char piece[4] = {(char)('a' + i % 26), 'x', 'y', 'z'};
        assert_int_equal(fltsim_write(handle, piece, sizeof piece, FLTSIM_CURRENT, &done),
                         STATUS_SUCCESS);
    }
    uint64_t size;
    assert_int_equal(fltsim_get_size(handle, &size), STATUS_SUCCESS);
    assert_int_equal(size, 12000);
    assert_int_equal(fltsim_read(handle, back, sizeof back, 0, &done), STATUS_SUCCESS);
    assert_int_equal(done, 12000);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(back[4 * i], 'a' + i % 26);
    close_it(handle);
    unit_stop();
}

static void appending_goes_to_the_end(void **state)
{
    size_t done;
    unit_start(FLTSIM_NTFS);
    make_file("\\log", "one ");
    HANDLE handle = open_for("\\log", GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(fltsim_write(handle, "two ", 4, FLTSIM_APPEND, &done), STATUS_SUCCESS);
    close_it(handle);
    handle = open_for("\\log", FILE_APPEND_DATA, FILE_OPEN, 0);
    assert_int_equal(fltsim_write(handle, "three", 5, 0, &done),
                     STATUS_SUCCESS); /* no right to write elsewhere */
    close_it(handle);
    expect_text("\\log", "one two three");
    unit_stop();
}

static void reading_ends_at_the_end(void **state)
{
    size_t done = 9;
    char text[16];
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "12345");
    HANDLE handle = open_for("\\f", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(fltsim_read(handle, text, 16, 3, &done), STATUS_SUCCESS);
    assert_int_equal(done, 2);
    assert_int_equal(fltsim_read(handle, text, 16, 5, &done), STATUS_END_OF_FILE);
    assert_int_equal(done, 0);
    assert_int_equal(fltsim_read(handle, text, 16, 5000, &done), STATUS_END_OF_FILE);
    close_it(handle);
    unit_stop();
}

static void a_gap_reads_as_zeros(void **state)
{
    size_t done;
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "begin");
    HANDLE handle = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(fltsim_write(handle, "end", 3, 20000, &done), STATUS_SUCCESS);
    assert_int_equal(fltsim_read(handle, back, sizeof back, 0, &done), STATUS_SUCCESS);
    assert_int_equal(done, 20003);
    assert_memory_equal(back, "begin", 5);
    for (size_t i = 5; i < 20000; i++)
        assert_int_equal(back[i], 0);
    assert_memory_equal(back + 20000, "end", 3);
    assert_int_equal(fltsim_write(handle, "far", 3, 5000000, &done), STATUS_SUCCESS);
    assert_int_equal(fltsim_read(handle, back, 100, 4999990, &done), STATUS_SUCCESS);
    assert_int_equal(done, 13);
    assert_int_equal(back[0], 0);
    assert_memory_equal(back + 10, "far", 3);
    close_it(handle);
    unit_stop();
}

static void sizes_grow_and_shrink(void **state)
{
    size_t done;
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "0123456789");
    HANDLE handle = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(fltsim_read(handle, back, 10, 0, &done), STATUS_SUCCESS);
    assert_int_equal(fltsim_set_size(handle, 4), STATUS_SUCCESS);
    assert_int_equal(fltsim_read(handle, back, 100, 0, &done), STATUS_SUCCESS);
    assert_int_equal(done, 4);
    assert_int_equal(fltsim_set_size(handle, 8000), STATUS_SUCCESS);
    assert_int_equal(fltsim_read(handle, back, sizeof back, 0, &done), STATUS_SUCCESS);
    assert_int_equal(done, 8000);
    assert_memory_equal(back, "0123\0\0\0\0\0\0\0", 11);
    close_it(handle);
    fltsim_trim(unit.volume);
    handle = open_for("\\f", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(fltsim_read(handle, back, sizeof back, 0, &done), STATUS_SUCCESS);
    assert_int_equal(done, 8000);
    assert_memory_equal(back, "0123\0\0\0\0\0\0\0", 11);
    close_it(handle);
    unit_stop();
}

static void cached_and_uncached_see_the_same(void **state)
{
    size_t done;
    unit_start(FLTSIM_NTFS);
    fill(big, 8192, 1);
    HANDLE cached = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_CREATE, 0);
    HANDLE direct =
        open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, FILE_NO_INTERMEDIATE_BUFFERING);
    assert_int_equal(fltsim_write(cached, big, 8192, 0, &done), STATUS_SUCCESS);
    assert_int_equal(fltsim_read(direct, back, 8192, 0, &done), STATUS_SUCCESS);
    assert_memory_equal(big, back, 8192);
    fill(big, 4096, 2);
    assert_int_equal(fltsim_write(direct, big, 4096, 4096, &done), STATUS_SUCCESS);
    assert_int_equal(fltsim_read(cached, back, 4096, 4096, &done), STATUS_SUCCESS);
    assert_memory_equal(big, back, 4096);
    assert_int_equal(fltsim_read(direct, back, 100, 0, &done), STATUS_INVALID_PARAMETER);
    assert_int_equal(fltsim_read(direct, back, 512, 7, &done), STATUS_INVALID_PARAMETER);
    close_it(direct);
    close_it(cached);
    unit_stop();
}

static void a_full_disk_says_so(void **state)
{
    size_t done;
    unit_start_with((struct fltsim_volume_options){.size = 64 * 1024});
    HANDLE handle = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_CREATE, 0);
    assert_int_equal(fltsim_write(handle, big, 60000, 0, &done), STATUS_SUCCESS);
    assert_int_equal(fltsim_write(handle, big, 60000, 60000, &done), STATUS_DISK_FULL);
    uint64_t size;
    assert_int_equal(fltsim_get_size(handle, &size), STATUS_SUCCESS);
    assert_int_equal(size, 60000);
    assert_int_equal(fltsim_set_size(handle, 0), STATUS_SUCCESS);
    assert_int_equal(fltsim_set_size(handle, 65536), STATUS_SUCCESS);
    close_it(handle);
    unit_stop();
}

static void locks_stop_others(void **state)
{
    size_t done;
    char text[8];
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "12345678");
    HANDLE a = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
    HANDLE b = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(fltsim_lock(a, 2, 2, true, false), STATUS_SUCCESS);
    assert_int_equal(fltsim_lock(b, 3, 5, true, false), STATUS_LOCK_NOT_GRANTED);
    assert_int_equal(fltsim_read(b, text, 8, 0, &done), STATUS_FILE_LOCK_CONFLICT);
    assert_int_equal(fltsim_read(b, text, 2, 0, &done), STATUS_SUCCESS);
    assert_int_equal(fltsim_write(b, "x", 1, 3, &done), STATUS_FILE_LOCK_CONFLICT);
    assert_int_equal(fltsim_read(a, text, 8, 0, &done), STATUS_SUCCESS);
    assert_int_equal(fltsim_unlock(a, 2, 2), STATUS_SUCCESS);
    assert_int_equal(fltsim_unlock(a, 2, 2), STATUS_RANGE_NOT_LOCKED);
    assert_int_equal(fltsim_read(b, text, 8, 0, &done), STATUS_SUCCESS);
    assert_int_equal(fltsim_lock(a, 0, 8, true, false), STATUS_SUCCESS);
    close_it(a); /* and its locks go */
    assert_int_equal(fltsim_read(b, text, 8, 0, &done), STATUS_SUCCESS);
    close_it(b);
    unit_stop();
}

/* -- what changes data takes marks of the kernel's with it ------------------------------------------ */

static ULONG ea_size(HANDLE handle)
{
    FILE_EA_INFORMATION info;
    assert_int_equal(fltsim_query(handle, FileEaInformation, &info, sizeof info), STATUS_SUCCESS);
    return info.EaSize;
}

static void mark_file(HANDLE handle)
{
    struct {
        FILE_FULL_EA_INFORMATION ea;
        UCHAR more[32];
    } ea = {.ea = {.EaNameLength = 15, .EaValueLength = 1}};
    PFILE_OBJECT file;
    memcpy(ea.ea.EaName, "$KERNEL.PURGE.A\0x", 17);
    assert_int_equal(ObReferenceObjectByHandle(handle, 0, *IoFileObjectType, KernelMode, (PVOID *)&file, NULL),
                     STATUS_SUCCESS);
    assert_int_equal(FsRtlSetKernelEaFile(file, &ea, sizeof ea), STATUS_SUCCESS);
    ObDereferenceObject(file);
    assert_true(ea_size(handle) > 0);
}

static void what_a_view_writes_takes_the_marks_of_the_data(void **state)
{
    struct fltsim_view view;
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "some text");
    HANDLE handle = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(fltsim_flush(handle), STATUS_SUCCESS);
    assert_int_equal(fltsim_map(handle, true, 0, &view), STATUS_SUCCESS);
    mark_file(handle);
    assert_int_equal(fltsim_flush_view(&view), STATUS_SUCCESS);
    assert_true(ea_size(handle) > 0); /* nothing was written */
    ((char *)view.base)[0] = 'S';
    assert_int_equal(fltsim_flush_view(&view), STATUS_SUCCESS);
    assert_int_equal(ea_size(handle), 0);
    mark_file(handle);
    ((char *)view.base)[1] = 'O';
    assert_int_equal(fltsim_unmap(&view), STATUS_SUCCESS);
    assert_int_equal(fltsim_flush(handle), STATUS_SUCCESS);
    fltsim_sleep(5000);
    assert_int_equal(ea_size(handle), 0);
    assert_int_equal(fltsim_write(handle, "x", 1, 2, NULL), STATUS_SUCCESS);
    mark_file(handle); /* for what was written, though not to the disk yet */
    assert_int_equal(fltsim_flush(handle), STATUS_SUCCESS);
    fltsim_sleep(5000);
    assert_true(ea_size(handle) > 0);
    close_it(handle);
    unit_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(without_fast_io_all_is_irps),
        cmocka_unit_test(small_pieces_make_a_file),
        cmocka_unit_test(appending_goes_to_the_end),
        cmocka_unit_test(reading_ends_at_the_end),
        cmocka_unit_test(a_gap_reads_as_zeros),
        cmocka_unit_test(sizes_grow_and_shrink),
        cmocka_unit_test(cached_and_uncached_see_the_same),
        cmocka_unit_test(a_full_disk_says_so),
        cmocka_unit_test(locks_stop_others),
        cmocka_unit_test(what_a_view_writes_takes_the_marks_of_the_data),
    };
    return cmocka_run_group_tests_name("memfs/data", tests, NULL, NULL);
}
