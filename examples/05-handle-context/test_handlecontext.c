/* Lesson 05's driver on a simulated machine. */
#include <fltKernel.h>
#include <fltsim/cmocka.h>

#include <string.h>

DRIVER_INITIALIZE DriverEntry;

extern struct {
    PFLT_FILTER Filter;
    BOOLEAN ReleaseTwice;
    BOOLEAN DeleteAtCleanup;
    volatile LONG LiveContexts;
    volatile LONG Cleanups;
    volatile LONG Closes;
} Globals;

static struct fltsim_volume *volume;
static struct fltsim_driver *driver;

static void start(void)
{
    memset(&Globals, 0, sizeof Globals);
    assert_int_equal(fltsim_mount(NULL, &volume), STATUS_SUCCESS);
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.entry = DriverEntry, .inf = LESSON_INF}, &driver),
                     STATUS_SUCCESS);
}

static HANDLE open_file(void)
{
    HANDLE handle;
    assert_int_equal(fltsim_open("C:\\file",
                                 &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_OPEN_IF},
                                 &handle),
                     STATUS_SUCCESS);
    return handle;
}

static void each_open_has_a_context_of_its_own(void)
{
    start();
    HANDLE one = open_file(), two = open_file();
    assert_int_equal(Globals.LiveContexts, 2);
    fltsim_close(one);
    assert_int_equal(Globals.LiveContexts, 1);
    fltsim_close(two);
    assert_int_equal(Globals.LiveContexts, 0);
    assert_int_equal(Globals.Cleanups, 2);
    assert_int_equal(Globals.Closes, 2);
}

static void a_mapped_view_keeps_file_object_and_context_behind_the_cleanup(void)
{
    struct fltsim_view view;
    start();
    HANDLE handle = open_file();
    assert_int_equal(fltsim_write(handle, "text", 4, 0, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_map(handle, false, 0, &view), STATUS_SUCCESS);
    fltsim_close(handle);
    assert_int_equal(Globals.Cleanups, 1);
    assert_int_equal(Globals.Closes, 0);
    assert_int_equal(Globals.LiveContexts, 1);
    assert_int_equal(fltsim_unmap(&view), STATUS_SUCCESS);
    fltsim_trim(volume);
    assert_int_equal(Globals.Closes, 1);
    assert_int_equal(Globals.LiveContexts, 0);
}

static void deleting_it_at_cleanup_is_allowed_and_makes_it_go_early(void)
{
    struct fltsim_view view;
    start();
    Globals.DeleteAtCleanup = TRUE;
    HANDLE handle = open_file();
    assert_int_equal(fltsim_write(handle, "text", 4, 0, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_map(handle, false, 0, &view), STATUS_SUCCESS);
    fltsim_close(handle);
    assert_int_equal(Globals.LiveContexts, 0);
    assert_int_equal(Globals.Closes, 0);
    assert_int_equal(fltsim_unmap(&view), STATUS_SUCCESS);
}

static void unload_takes_the_contexts_of_open_files_along(void)
{
    start();
    HANDLE handle = open_file();
    assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
    assert_int_equal(Globals.LiveContexts, 0);
    fltsim_close(handle);
}

/* ---- the double release ---- */

static void close_with_a_double_release(void *unused)
{
    (void)unused;
    start();
    Globals.ReleaseTwice = TRUE;
    fltsim_close(open_file());
}

static void releasing_the_links_reference_is_a_bug_check(void **state)
{
    struct fltsim_report *report;

    fltsim_abandon();
    assert_true(fltsim_start(&(struct fltsim_options){.quiet = true}));
    assert_false(fltsim_try(close_with_a_double_release, NULL));
    assert_int_equal(fltsim_stop(&report), 1);
    const struct fltsim_violation *v = report->violations;
    assert_string_equal(v->rule, "context-over-release");
    assert_int_equal(v->bugcheck, 0xF5);
    assert_int_equal(v->parameters[0], 0x6D);
    assert_non_null(strstr(v->what, "only the link's reference is left"));
    assert_non_null(strstr(v->history, "linked by HcPostCreate"));
    assert_non_null(strstr(v->history, "released by HcPreCleanup"));
    fltsim_report_free(report);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(each_open_has_a_context_of_its_own),
        fltsim_unit_test(a_mapped_view_keeps_file_object_and_context_behind_the_cleanup),
        fltsim_unit_test(deleting_it_at_cleanup_is_allowed_and_makes_it_go_early),
        fltsim_unit_test(unload_takes_the_contexts_of_open_files_along),
        cmocka_unit_test(releasing_the_links_reference_is_a_bug_check),
    };
    return cmocka_run_group_tests_name("lesson 05", tests, NULL, NULL);
}
