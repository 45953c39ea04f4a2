/* Lesson 06's driver on a simulated machine. */
#include <fltKernel.h>
#include <fltsim/cmocka.h>
#include <fltsim/dump.h>

#include <stdlib.h>
#include <string.h>

DRIVER_INITIALIZE DriverEntry;

enum mistake { NONE, KEEP_CONTEXT, KEEP_FILTER, KEEP_INSTANCE, UNLOAD_IN_WORKER };
extern struct {
    PFLT_FILTER Filter;
    enum mistake Mistake;
    volatile LONG WorkersDone;
    volatile LONG LiveContexts;
    LONG WorkersDoneAtUnload;
} Globals;
extern VOID (*UlBeforeUnregister)(VOID), (*UlAfterUnregister)(VOID);

static struct fltsim_volume *volume;
static struct fltsim_driver *driver;

static void start(enum mistake mistake)
{
    HANDLE handle;

    memset(&Globals, 0, sizeof Globals);
    Globals.Mistake = mistake;
    UlBeforeUnregister = UlAfterUnregister = NULL;
    assert_int_equal(fltsim_mount(NULL, &volume), STATUS_SUCCESS);
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.entry = DriverEntry, .inf = LESSON_INF}, &driver),
                     STATUS_SUCCESS);
    assert_int_equal(fltsim_open("C:\\file", &(struct fltsim_open){.disposition = FILE_OPEN_IF}, &handle), STATUS_SUCCESS);
    fltsim_close(handle);
}

static void unload_waits_for_a_work_item(void)
{
    start(NONE);
    assert_int_equal(Globals.WorkersDone, 0);
    assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
    assert_int_equal(Globals.WorkersDoneAtUnload, 1);
    assert_int_equal(Globals.LiveContexts, 0);
}

static void unload_fails_on(enum mistake mistake, const char *rule)
{
    start(mistake);
    fltsim_sleep(2000);
    fltsim_expect(rule);
    fltsim_unload(driver);
}

static void a_context_that_is_kept(void) { unload_fails_on(KEEP_CONTEXT, "context-leak"); }
static void a_filter_that_is_kept(void) { unload_fails_on(KEEP_FILTER, "filter-reference-leak"); }
static void an_instance_that_is_kept(void) { unload_fails_on(KEEP_INSTANCE, "instance-reference-leak"); }

static void unregistering_in_a_work_item_waits_for_itself(void)
{
    KEVENT never;
    KeInitializeEvent(&never, NotificationEvent, FALSE);
    fltsim_expect("unload-deadlock");
    start(UNLOAD_IN_WORKER);
    KeWaitForSingleObject(&never, Executive, KernelMode, FALSE, NULL); /* nobody ever comes back */
    fail();
}

/* ---- what a debugger shows of the filter ---- */

static char *text;

static VOID look(VOID)
{
    size_t size;
    FILE *out = open_memstream(&text, &size), *before = fltsim_dump_to(out);
    fltsim_dump_filter(Globals.Filter);
    fltsim_dump_to(before);
    fclose(out);
    fputs(text, stdout);
}

static void assert_shown(const char *what)
{
    if (!strstr(text, what))
        print_error("\"%s\" is not in:\n%s", what, text);
    assert_non_null(strstr(text, what));
}

static VOID before_unregister(VOID)
{
    fltsim_sleep(2000); /* the work item's reference is back */
    look();
    assert_shown("[02000000] Filter\n");
    assert_shown("RundownRef               : 0x0000000000000004 (2)\n"); /* and the context's */
    assert_shown("PointerCount             : 0x00000002 ");
    assert_shown("InstanceList             : Count=1 ");
    free(text);
}

static VOID after_unregister(VOID)
{
    look();
    assert_shown("[02000003] Filter DRAINING ZOMBIED\n");
    assert_shown("RundownRef               : 0x0000000000000001 (0) drained\n");
    assert_shown("PointerCount             : 0x00000001 ");
    assert_shown("InstanceList             : Count=0 ");
    free(text);
}

static void the_filter_pointer_is_good_until_the_callback_returns(void)
{
    start(NONE);
    UlBeforeUnregister = before_unregister;
    UlAfterUnregister = after_unregister;
    assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(unload_waits_for_a_work_item),
        fltsim_unit_test(a_context_that_is_kept),
        fltsim_unit_test(a_filter_that_is_kept),
        fltsim_unit_test(an_instance_that_is_kept),
        fltsim_unit_test(unregistering_in_a_work_item_waits_for_itself),
        fltsim_unit_test(the_filter_pointer_is_good_until_the_callback_returns),
    };
    return cmocka_run_group_tests_name("lesson 06", tests, NULL, NULL);
}
