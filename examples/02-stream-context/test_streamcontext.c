/* Lesson 02's driver on a simulated machine. */
#include <fltKernel.h>
#include <fltsim/cmocka.h>

DRIVER_INITIALIZE DriverEntry;

extern struct {
    PFLT_FILTER Filter;
    volatile LONG LiveContexts;
    volatile LONG LastOpens;
    volatile LONG64 LastBytesWritten;
} Globals;

static struct fltsim_volume *volume;
static struct fltsim_driver *driver;

static void start_on(enum fltsim_volume_kind kind, enum fltsim_completion completion)
{
    Globals.LiveContexts = Globals.LastOpens = 0;
    Globals.LastBytesWritten = 0;
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.kind = kind, .completion = completion}, &volume),
                     STATUS_SUCCESS);
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.entry = DriverEntry, .inf = LESSON_INF}, &driver),
                     STATUS_SUCCESS);
}

static HANDLE open_file(const char *path)
{
    HANDLE handle;
    assert_int_equal(fltsim_open(path,
                                 &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE | DELETE,
                                                       .disposition = FILE_OPEN_IF},
                                 &handle),
                     STATUS_SUCCESS);
    return handle;
}

static void a_stream_has_one_context_however_often_it_is_opened(void)
{
    start_on(FLTSIM_NTFS, FLTSIM_COMPLETE_INLINE);
    HANDLE one = open_file("C:\\file"), two = open_file("C:\\file");
    assert_int_equal(Globals.LiveContexts, 1);
    fltsim_close(one);
    fltsim_close(two);
}

static void two_streams_of_a_file_have_two_contexts(void)
{
    start_on(FLTSIM_NTFS, FLTSIM_COMPLETE_INLINE);
    HANDLE one = open_file("C:\\file"), two = open_file("C:\\file:stream");
    assert_int_equal(Globals.LiveContexts, 2);
    fltsim_close(one);
    fltsim_close(two);
}

static void the_context_outlives_the_last_handle_and_a_reopen_finds_it(void)
{
    start_on(FLTSIM_NTFS, FLTSIM_COMPLETE_INLINE);
    fltsim_close(open_file("C:\\file"));
    assert_int_equal(Globals.LiveContexts, 1);
    fltsim_close(open_file("C:\\file"));
    fltsim_trim(volume);
    assert_int_equal(Globals.LiveContexts, 0);
    assert_int_equal(Globals.LastOpens, 2);
}

static void written_bytes_are_counted_where_completion_comes_at_dispatch_level(void)
{
    static char block[4096];

    start_on(FLTSIM_NTFS, FLTSIM_COMPLETE_DISPATCH);
    HANDLE handle;
    assert_int_equal(fltsim_open("C:\\file",
                                 &(struct fltsim_open){.access = GENERIC_WRITE,
                                                       .disposition = FILE_CREATE,
                                                       .options = FILE_NO_INTERMEDIATE_BUFFERING},
                                 &handle),
                     STATUS_SUCCESS);
    assert_int_equal(fltsim_write(handle, block, sizeof block, 0, NULL), STATUS_SUCCESS);
    fltsim_close(handle);
    fltsim_trim(volume);
    assert_int_equal(Globals.LastBytesWritten, sizeof block);
}

static void a_deleted_file_takes_its_context_along(void)
{
    start_on(FLTSIM_FAT, FLTSIM_COMPLETE_INLINE);
    HANDLE handle = open_file("C:\\file");
    assert_int_equal(fltsim_set_delete(handle, true), STATUS_SUCCESS);
    fltsim_close(handle);
    assert_int_equal(Globals.LiveContexts, 0);
}

static void unload_takes_every_context_along(void)
{
    start_on(FLTSIM_NTFS, FLTSIM_COMPLETE_INLINE);
    HANDLE handle = open_file("C:\\file");
    assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
    assert_int_equal(Globals.LiveContexts, 0);
    fltsim_close(handle);
}

static int open_and_close(void *path)
{
    for (int i = 0; i < 20; i++)
        fltsim_close(open_file(path));
    return 0;
}

static void racing_opens_end_up_with_one_context(void)
{
    struct fltsim_thread *threads[4];

    start_on(FLTSIM_NTFS, FLTSIM_COMPLETE_INLINE);
    for (int i = 0; i < 4; i++)
        threads[i] = fltsim_thread_create(NULL, open_and_close, "C:\\file");
    for (int i = 0; i < 4; i++)
        fltsim_thread_join(threads[i]);
    assert_int_equal(Globals.LiveContexts, 1);
    fltsim_trim(volume);
    assert_int_equal(Globals.LastOpens, 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_stream_has_one_context_however_often_it_is_opened),
        fltsim_unit_test(two_streams_of_a_file_have_two_contexts),
        fltsim_unit_test(the_context_outlives_the_last_handle_and_a_reopen_finds_it),
        fltsim_unit_test(written_bytes_are_counted_where_completion_comes_at_dispatch_level),
        fltsim_unit_test(a_deleted_file_takes_its_context_along),
        fltsim_unit_test(unload_takes_every_context_along),
        fltsim_unit_test(racing_opens_end_up_with_one_context),
    };
    return cmocka_run_group_tests_name("lesson 02", tests, NULL, NULL);
}
