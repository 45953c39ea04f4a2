/* Lesson 04's driver on a simulated machine: two threads, and a schedule that is forced on them. */
#include <fltKernel.h>
#include <fltsim/cmocka.h>

DRIVER_INITIALIZE DriverEntry;

extern struct {
    PFLT_FILTER Filter;
    BOOLEAN FromZero;
    volatile LONG OpenHandles;
    volatile NTSTATUS WorstUse;
} Globals;
extern VOID (*ZcPreempted)(VOID);

static struct fltsim_volume *volume;
static struct fltsim_driver *driver;

static void start(bool from_zero)
{
    ZcPreempted = NULL;
    Globals.FromZero = from_zero;
    Globals.OpenHandles = 0;
    Globals.WorstUse = STATUS_SUCCESS;
    assert_int_equal(fltsim_mount(NULL, &volume), STATUS_SUCCESS);
    HANDLE file;
    assert_int_equal(fltsim_open("C:\\file", &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_CREATE},
                                 &file),
                     STATUS_SUCCESS);
    assert_int_equal(fltsim_write(file, "12345678", 8, 0, NULL), STATUS_SUCCESS);
    fltsim_close(file);
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.entry = DriverEntry, .inf = LESSON_INF}, &driver),
                     STATUS_SUCCESS);
}

static int read_the_file(void *unused)
{
    (void)unused;
    char bytes[8];
    HANDLE file;
    if (!NT_SUCCESS(fltsim_open("C:\\file", NULL, &file)))
        return 1;
    NTSTATUS status = fltsim_read(file, bytes, sizeof bytes, 0, NULL);
    fltsim_close(file);
    return !NT_SUCCESS(status);
}

/* The first thread has linked its new context and loses the processor; the second one reads the file, all of it. */
static VOID the_other_thread_reads(VOID)
{
    ZcPreempted = NULL;
    assert_int_equal(fltsim_thread_join(fltsim_thread_create(NULL, read_the_file, NULL)), 0);
}

static void a_count_that_starts_with_its_maker_keeps_the_handle_open(void)
{
    start(false);
    ZcPreempted = the_other_thread_reads;
    assert_int_equal(read_the_file(NULL), 0);
    assert_int_equal(Globals.WorstUse, STATUS_SUCCESS);
    assert_int_equal(Globals.OpenHandles, 0);
}

static void a_count_that_starts_at_zero_closes_it_under_its_makers_feet(void)
{
    start(true);
    ZcPreempted = the_other_thread_reads;
    fltsim_expect("invalid-handle-closed"); /* the maker closes it a second time */
    read_the_file(NULL);
    assert_int_equal(Globals.WorstUse, STATUS_INVALID_HANDLE);
    assert_int_equal(Globals.OpenHandles, -1);
}

/* Which is why it is seldom seen. */
static void without_the_other_thread_both_work(void)
{
    start(true);
    assert_int_equal(read_the_file(NULL), 0);
    assert_int_equal(Globals.WorstUse, STATUS_SUCCESS);
    assert_int_equal(Globals.OpenHandles, 0);
}

static int read_often(void *unused)
{
    int failures = 0;
    (void)unused;
    for (int i = 0; i < 20; i++)
        failures += read_the_file(NULL);
    return failures;
}

static void many_threads_share_one_handle_at_a_time(void)
{
    struct fltsim_thread *threads[4];
    start(false);
    for (int i = 0; i < 4; i++)
        threads[i] = fltsim_thread_create(NULL, read_often, NULL);
    for (int i = 0; i < 4; i++)
        assert_int_equal(fltsim_thread_join(threads[i]), 0);
    assert_int_equal(Globals.WorstUse, STATUS_SUCCESS);
    assert_int_equal(Globals.OpenHandles, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_count_that_starts_with_its_maker_keeps_the_handle_open),
        fltsim_unit_test(a_count_that_starts_at_zero_closes_it_under_its_makers_feet),
        fltsim_unit_test(without_the_other_thread_both_work),
        fltsim_unit_test(many_threads_share_one_handle_at_a_time),
    };
    return cmocka_run_group_tests_name("lesson 04", tests, NULL, NULL);
}
