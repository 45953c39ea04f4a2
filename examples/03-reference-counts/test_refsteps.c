/* Lesson 03's driver on a simulated machine: the count behind each step, printed and compared. */
#include <fltKernel.h>
#include <fltsim/cmocka.h>
#include <fltsim/dump.h>

#include <string.h>

DRIVER_INITIALIZE DriverEntry;

extern struct {
    PFLT_FILTER Filter;
    volatile LONG LiveContexts;
} Globals;
extern VOID (*RsObserver)(PCSTR Step, PVOID Context);

static struct fltsim_volume *volume;
static struct fltsim_driver *driver;

static struct step {
    const char *what;
    long count;
} seen[40];
static LONG seen_count;

static VOID observe(PCSTR step, PVOID context)
{
    LONG at = InterlockedIncrement(&seen_count) - 1;
    seen[at] = (struct step){step, fltsim_context_count(context)};
    print_message("    %ld  %s\n", seen[at].count, step);
}

static void start(void)
{
    seen_count = 0;
    Globals.LiveContexts = 0;
    RsObserver = observe;
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

/* What was seen since the last call. */
static void assert_steps(const struct step *expected, LONG count)
{
    assert_int_equal(seen_count, count);
    for (LONG i = 0; i < count; i++) {
        assert_string_equal(seen[i].what, expected[i].what);
        assert_int_equal(seen[i].count, expected[i].count);
    }
    seen_count = 0;
}
#define STEPS(...) assert_steps((const struct step[]){__VA_ARGS__}, sizeof((struct step[]){__VA_ARGS__}) / sizeof(struct step))

static void the_first_open_leaves_the_links_reference(void)
{
    start();
    HANDLE handle = open_file();
    STEPS({"FltAllocateContext: the caller's", 1}, {"FltSetStreamContext succeeds: the link's, too", 2},
          {"FltReleaseContext of ours", 1});
    fltsim_close(handle);
}

static void the_loser_of_a_set_gives_both_back(void)
{
    start();
    HANDLE one = open_file();
    seen_count = 0;
    HANDLE two = open_file();
    STEPS({"FltAllocateContext: the caller's", 1}, {"FltSetStreamContext finds one: ours is as it was", 1},
          {"the one it found: its link's, and now the caller's", 2}, {"FltReleaseContext of the one it found", 1},
          {"the cleanup callback runs", 0}, {"FltReleaseContext of ours", 0});
    assert_int_equal(Globals.LiveContexts, 1);
    fltsim_close(one);
    fltsim_close(two);
}

static void a_work_item_has_a_reference_of_its_own(void)
{
    start();
    HANDLE handle = open_file();
    seen_count = 0;
    fltsim_close(handle);
    fltsim_sleep(1); /* the work item has run */
    assert_int_equal(seen_count, 3);
    assert_int_equal(seen[0].count, 2); /* the link's, the callback's */
    assert_int_equal(seen[1].count, 3); /* and the work item's */
    assert_int_equal(Globals.LiveContexts, 1);
    assert_true(seen[2].count == 2 || seen[2].count == 3); /* was the callback through by then? */
}

static void a_deleted_context_goes_with_the_last_release(void)
{
    start();
    HANDLE handle = open_file();
    seen_count = 0;
    assert_int_equal(fltsim_flush(handle), STATUS_SUCCESS);
    STEPS({"FltGetStreamContext: the caller's", 2}, {"FltDeleteContext: the link's is gone, the caller's stays", 1},
          {"the cleanup callback runs", 0}, {"FltReleaseContext of the last one", 0});
    assert_int_equal(Globals.LiveContexts, 0);
    fltsim_close(handle);
}

static void the_stream_takes_the_links_reference_along(void)
{
    start();
    fltsim_close(open_file());
    fltsim_sleep(1);
    seen_count = 0;
    fltsim_trim(volume);
    STEPS({"the cleanup callback runs", 0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(the_first_open_leaves_the_links_reference),
        fltsim_unit_test(the_loser_of_a_set_gives_both_back),
        fltsim_unit_test(a_work_item_has_a_reference_of_its_own),
        fltsim_unit_test(a_deleted_context_goes_with_the_last_release),
        fltsim_unit_test(the_stream_takes_the_links_reference_along),
    };
    return cmocka_run_group_tests_name("lesson 03", tests, NULL, NULL);
}
