/* Lesson 09's driver on a simulated machine: alone, twice, and twice with tags instead of a target. */
#include <fltKernel.h>
#include <fltsim/cmocka.h>

#include <string.h>

static struct fltsim_volume *volume;
static struct fltsim_driver *vendors[2];

static void put(const char *path, const char *text)
{
    HANDLE handle;
    assert_int_equal(fltsim_open(path, &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_CREATE}, &handle),
                     STATUS_SUCCESS);
    assert_int_equal(fltsim_write(handle, text, strlen(text), 0, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

static void mount_files(void)
{
    assert_int_equal(fltsim_mount(NULL, &volume), STATUS_SUCCESS);
    put("C:\\good", "nothing to see");
    put("C:\\bad", "here it is: EICAR!");
}

/* Copies of one module, as two vendors would ship two products: names and altitudes of their own. */
static void load_two(const char *module)
{
    static const char *const names[] = {"upper", "lower"}, *const altitudes[] = {"320200", "320100"};
    for (int i = 0; i < 2; i++)
        assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.module = module, .name = names[i], .altitude = altitudes[i]},
                                     &vendors[i]),
                         STATUS_SUCCESS);
}

static NTSTATUS open_and_close(const char *path)
{
    HANDLE handle;
    NTSTATUS status = fltsim_open(path, NULL, &handle);
    if (NT_SUCCESS(status))
        fltsim_close(handle);
    return status;
}

/* ---- what the trace says: who was shown which create ---- */

static char traced[65536];

static void take_trace(void)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    fltsim_trace_print(file);
    rewind(file);
    traced[fread(traced, 1, sizeof traced - 1, file)] = 0;
    fclose(file);
}

static unsigned shown_to(const char *filter)
{
    char line[64];
    unsigned count = 0;
    snprintf(line, sizeof line, "pre  IRP_MJ_CREATE, filter %s,", filter);
    for (const char *at = traced; (at = strstr(at, line)); at++)
        count++;
    return count;
}

/* ---- aimed ---- */

static void a_scanner_opens_the_file_below_itself(void)
{
    struct fltsim_driver *driver;
    mount_files();
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.module = LESSON_AIMED, .inf = LESSON_INF}, &driver),
                     STATUS_SUCCESS);
    assert_int_equal(open_and_close("C:\\good"), STATUS_SUCCESS);
    assert_int_equal(open_and_close("C:\\bad"), STATUS_VIRUS_INFECTED);
    assert_int_equal(open_and_close("C:\\none"), STATUS_OBJECT_NAME_NOT_FOUND);
}

static void traced_open_below_two_aimed_scanners(void *unused)
{
    mount_files();
    load_two(LESSON_AIMED);
    assert_int_equal(open_and_close("C:\\good"), STATUS_SUCCESS);
    take_trace();
}

/* The program's create, and each scanner's own: three creates of one file. */
static void two_vendors_that_aim_each_see_what_comes_from_above_and_never_their_own(void **state)
{
    fltsim_abandon();
    assert_true(fltsim_start(&(struct fltsim_options){.trace = true, .trace_events = 65536}));
    assert_true(fltsim_try(traced_open_below_two_aimed_scanners, NULL));
    assert_int_equal(shown_to("upper"), 1); /* the program's */
    assert_int_equal(shown_to("lower"), 2); /* the program's, and the one of the scanner above */
    assert_int_equal(fltsim_stop(NULL), 0);
}

static void two_vendors_that_aim_both_do_their_work(void)
{
    mount_files();
    load_two(LESSON_AIMED);
    assert_int_equal(open_and_close("C:\\good"), STATUS_SUCCESS);
    assert_int_equal(open_and_close("C:\\bad"), STATUS_VIRUS_INFECTED);
}

/* ---- tagged ---- */

static void one_vendor_that_tags_gets_away_with_it(void)
{
    struct fltsim_driver *driver;
    mount_files();
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.module = LESSON_TAGGED, .inf = LESSON_INF}, &driver),
                     STATUS_SUCCESS);
    assert_int_equal(open_and_close("C:\\good"), STATUS_SUCCESS);
    assert_int_equal(open_and_close("C:\\bad"), STATUS_VIRUS_INFECTED);
}

/* Each takes the other's create for a program's, and loses the other's tag on its own: without an end. */
static void two_vendors_that_tag_open_for_each_other_and_the_loop_is_reported(void)
{
    mount_files();
    load_two(LESSON_TAGGED);
    fltsim_expect("create-recursion");
    assert_int_equal(open_and_close("C:\\good"), STATUS_SUCCESS);
}

static char chain[4096];

static void keep_chain(const struct fltsim_violation *violation, void *context)
{
    snprintf(chain, sizeof chain, "%s", violation->history);
}

static void traced_open_below_two_tagging_scanners(void *unused)
{
    mount_files();
    load_two(LESSON_TAGGED);
    open_and_close("C:\\good");
    take_trace();
}

static void the_report_names_both_vendors_and_every_create_of_the_loop(void **state)
{
    fltsim_abandon();
    assert_true(fltsim_start(
        &(struct fltsim_options){.quiet = true, .on_violation = keep_chain, .trace = true, .trace_events = 65536}));
    assert_true(fltsim_try(traced_open_below_two_tagging_scanners, NULL));
    assert_non_null(strstr(chain, "create of \"\\good\""));
    assert_non_null(strstr(chain, "issued by filter upper in its pre-create callback"));
    assert_non_null(strstr(chain, "issued by filter lower in its pre-create callback"));
    assert_in_range(shown_to("upper"), 8, 40); /* a loop, and one with an end */
    assert_int_equal(fltsim_stop(NULL), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_scanner_opens_the_file_below_itself),
        cmocka_unit_test(two_vendors_that_aim_each_see_what_comes_from_above_and_never_their_own),
        fltsim_unit_test(two_vendors_that_aim_both_do_their_work),
        fltsim_unit_test(one_vendor_that_tags_gets_away_with_it),
        fltsim_unit_test(two_vendors_that_tag_open_for_each_other_and_the_loop_is_reported),
        cmocka_unit_test(the_report_names_both_vendors_and_every_create_of_the_loop),
    };
    return cmocka_run_group_tests_name("lesson 09", tests, NULL, NULL);
}
