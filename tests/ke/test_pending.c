/* timer-or-dpc-left: armed timers and queued DPCs in memory that is freed, initialized anew, or a driver's that goes. */
#include "kernel.h"

#include "ke/thread.h"
#include "verify/verify.h"

static struct fltsim_report *report;
static KTIMER timer;
static KDPC dpc;
static atomic_int runs;

static void note(PKDPC unused, PVOID context, PVOID first, PVOID second) { atomic_fetch_add(&runs, 1); }

static void expect_one(const char *what, const char *const *history)
{
    assert_int_equal(fltsim_stop(&report), 1);
    const struct fltsim_violation *v = &report->violations[0];
    assert_string_equal(v->rule, "timer-or-dpc-left");
    if (!strstr(v->what, what))
        fail_msg("\"%s\" is not in: %s", what, v->what);
    for (; *history; history++)
        if (!strstr(v->history, *history))
            fail_msg("\"%s\" is not in:\n%s", *history, v->history);
    fltsim_report_free(report);
    start_machine(NULL);
}

static void an_armed_timer_in_memory_that_is_freed(void **state)
{
    PKTIMER own = ExAllocatePoolWithTag(NonPagedPool, sizeof *own, 'rmiT');
    KeInitializeTimer(own);
    KeInitializeDpc(&dpc, note, NULL);
    KeSetTimer(own, after_ms(10), &dpc);
    ExFreePoolWithTag(own, 'rmiT');
    fltsim_sleep(100);
    assert_int_equal(atomic_load(&runs), 0);
    expect_one("ExFreePoolWithTag was given 0x", (const char *const[]){"armed by an_armed_timer_in", "its DPC routine is note (",
                                                                      "called by an_armed_timer_in", NULL});
}

static void a_cancelled_timer_may_be_freed(void **state)
{
    PKTIMER own = ExAllocatePoolWithTag(NonPagedPool, sizeof *own, 'rmiT');
    KeInitializeTimer(own);
    KeInitializeTimer(&timer);
    KeSetTimer(&timer, after_ms(1000), NULL);
    KeSetTimer(own, after_ms(10), NULL);
    assert_true(KeCancelTimer(own));
    ExFreePoolWithTag(own, 'rmiT');
    own = ExAllocatePoolWithTag(NonPagedPool, sizeof *own, 'rmiT');
    KeInitializeTimer(own);
    KeSetTimer(own, after_ms(10), NULL);
    wait_for(own);
    ExFreePoolWithTag(own, 'rmiT');
    KeCancelTimer(&timer);
}

static void a_queued_dpc_in_memory_that_is_freed(void **state)
{
    if (!on_coop() || getenv("FLTSIM_SEED"))
        skip(); /* the DPC may run before the next line */
    PKDPC own = ExAllocatePoolWithTag(NonPagedPool, sizeof *own, 'cpD ');
    KeInitializeDpc(own, note, NULL);
    KeInitializeDpc(&dpc, note, NULL);
    KeInsertQueueDpc(&dpc, NULL, NULL);
    KeInsertQueueDpc(own, NULL, NULL);
    ExFreePoolWithTag(own, 'cpD ');
    atomic_store(&runs, 0);
    KeFlushQueuedDpcs();
    assert_int_equal(atomic_load(&runs), 1);
    expect_one("in which a DPC is queued", (const char *const[]){"its routine is note (", NULL});
}

static void a_timer_that_is_initialized_again_while_it_is_armed(void **state)
{
    KeInitializeTimer(&timer);
    KeSetTimer(&timer, after_ms(10), NULL);
    KeInitializeTimer(&timer);
    KeSetTimer(&timer, after_ms(20), NULL);
    wait_for(&timer);
    assert_int_equal(now_ms(), 20);
    expect_one("KeInitializeTimer was given 0x", (const char *const[]){"armed by a_timer_that", NULL});
}

static void a_timer_of_a_driver_that_goes(void **state)
{
    atomic_store(&runs, 0);
    KeInitializeTimer(&timer);
    KeInitializeDpc(&dpc, note, NULL);
    verify_register_driver("leaver", (const void *)note);
    KeSetTimerEx(&timer, after_ms(10), 10, &dpc);
    KiReportDriver("leaver");
    verify_unregister_driver("leaver");
    fltsim_sleep(100);
    assert_int_equal(atomic_load(&runs), 0);
    expect_one("still armed, due every 10 ms, when leaver has unloaded",
               (const char *const[]){"armed by a_timer_of", "its DPC routine is note (", NULL});
}

static void look_for_ever(PKDPC unused, PVOID context, PVOID first, PVOID second)
{
    for (;;)
        YieldProcessor();
}

static void unload_under_dpc(void *unused)
{
    KeInitializeDpc(&dpc, look_for_ever, NULL);
    KeInsertQueueDpc(&dpc, NULL, NULL);
    KiReportDriver("leaver");
}

static void a_dpc_of_a_driver_that_goes_still_runs(void **state)
{
    verify_register_driver("leaver", (const void *)note);
    assert_false(fltsim_try(unload_under_dpc, NULL));
    expect_one("A DPC of leaver still runs when leaver has unloaded", (const char *const[]){"look_for_ever (", NULL});
}

static void a_dpc_that_ends_in_time_is_none_of_that(void **state)
{
    KeInitializeDpc(&dpc, note, NULL);
    verify_register_driver("leaver", (const void *)note);
    atomic_store(&runs, 0);
    KeInsertQueueDpc(&dpc, NULL, NULL);
    KiReportDriver("leaver");
    verify_unregister_driver("leaver");
    assert_int_equal(atomic_load(&runs), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(an_armed_timer_in_memory_that_is_freed),
        kernel_test(a_cancelled_timer_may_be_freed),
        kernel_test(a_queued_dpc_in_memory_that_is_freed),
        kernel_test(a_timer_that_is_initialized_again_while_it_is_armed),
        kernel_test(a_timer_of_a_driver_that_goes),
        kernel_test(a_dpc_of_a_driver_that_goes_still_runs),
        kernel_test(a_dpc_that_ends_in_time_is_none_of_that),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
