/* Lesson 10's driver on a simulated machine: with the read before the lock, and with the lock across the read. */
#include <fltKernel.h>
#include <fltsim/cmocka.h>

#include <string.h>

static struct fltsim_volume *volume;

static void start(const char *module)
{
    struct fltsim_driver *driver;
    HANDLE handle;
    assert_int_equal(fltsim_mount(NULL, &volume), STATUS_SUCCESS);
    assert_int_equal(fltsim_open("C:\\file", &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_CREATE}, &handle),
                     STATUS_SUCCESS);
    assert_int_equal(fltsim_write(handle, "text", 4, 0, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    fltsim_trim(volume); /* the page has to be brought in again */
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.module = module, .inf = LESSON_INF}, &driver), STATUS_SUCCESS);
}

static void read_a_file(void)
{
    HANDLE handle;
    char text[5] = {0};
    assert_int_equal(fltsim_open("C:\\file", NULL, &handle), STATUS_SUCCESS);
    assert_int_equal(fltsim_read(handle, text, 4, 0, NULL), STATUS_SUCCESS);
    assert_string_equal(text, "text");
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

static void the_read_before_the_lock_is_fine(void)
{
    start(LESSON_RIGHT);
    read_a_file();
}

static void the_lock_across_the_read_is_reported(void)
{
    start(LESSON_WRONG);
    fltsim_expect("lock-held-across-create");
    read_a_file();
}

static char history[4096];

static void keep_history(const struct fltsim_violation *violation, void *context)
{
    snprintf(history, sizeof history, "%s", violation->history);
}

static void read_wrongly(void *unused)
{
    start(LESSON_WRONG);
    read_a_file();
}

static void the_report_shows_both_orders(void **state)
{
    fltsim_abandon();
    assert_true(fltsim_start(&(struct fltsim_options){.quiet = true, .on_violation = keep_history}));
    assert_true(fltsim_try(read_wrongly, NULL));
    assert_non_null(strstr(history, "CountPostCreate"));
    assert_non_null(strstr(history, "CountReadFirst"));
    assert_non_null(strstr(history, "CountPreRead"));
    assert_int_equal(fltsim_stop(NULL), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(the_read_before_the_lock_is_fine),
        fltsim_unit_test(the_lock_across_the_read_is_reported),
        cmocka_unit_test(the_report_shows_both_orders),
    };
    return cmocka_run_group_tests_name("lesson 10", tests, NULL, NULL);
}
