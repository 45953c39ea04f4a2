/* Everything at once, under many schedules. */
#include "kernel.h"

enum { THREADS = 6, ROUNDS = 60, SEEDS = 25 };

static KMUTEX mutex;
static KSEMAPHORE slots;
static KEVENT go;
static KSPIN_LOCK lock;
static int under_mutex, under_lock;
static atomic_int inside;

static int work(void *argument)
{
    PVOID both[] = {&mutex, &slots};
    wait_for(&go);
    for (int i = 0; i < ROUNDS; i++) {
        KIRQL old;
        assert_int_equal(KeWaitForMultipleObjects(2, both, WaitAll, Executive, KernelMode, FALSE, NULL, NULL), 0);
        assert_int_equal(atomic_fetch_add(&inside, 1), 0);
        under_mutex++;
        assert_int_equal(atomic_fetch_sub(&inside, 1), 1);
        KeReleaseMutex(&mutex, FALSE);
        if (i % 8 == 0)
            wait_ms(&go, 1);
        KeReleaseSemaphore(&slots, 0, 1, FALSE);
        KeAcquireSpinLock(&lock, &old);
        under_lock++;
        KeReleaseSpinLock(&lock, old);
    }
    return 0;
}

static void run_workers(void)
{
    struct fltsim_thread *threads[THREADS];
    KeInitializeMutex(&mutex, 0);
    KeInitializeSemaphore(&slots, 2, 2);
    KeInitializeEvent(&go, NotificationEvent, FALSE);
    KeInitializeSpinLock(&lock);
    under_mutex = under_lock = 0;
    for (int i = 0; i < THREADS; i++)
        threads[i] = run(work, NULL);
    KeSetEvent(&go, 0, FALSE);
    for (int i = 0; i < THREADS; i++)
        fltsim_thread_join(threads[i]);
    assert_int_equal(under_mutex, THREADS * ROUNDS);
    assert_int_equal(under_lock, THREADS * ROUNDS);
    assert_int_equal(KeReadStateSemaphore(&slots), 2);
}

static void every_schedule_gives_the_same_sums(void **state)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        const struct fltsim_options options = {.seed = seed};
        assert_true(fltsim_start(&options));
        run_workers();
        assert_int_equal(fltsim_stop(NULL), 0);
    }
}

static int order[THREADS * 4];
static atomic_int turns;

static int take_turns(void *argument)
{
    for (int i = 0; i < 4; i++) {
        wait_for(&mutex);
        order[atomic_fetch_add(&turns, 1)] = (int)(intptr_t)argument;
        KeReleaseMutex(&mutex, FALSE);
    }
    return 0;
}

static char *run_order(uint64_t seed, const char *choices, int *result)
{
    const struct fltsim_options options = {.seed = seed, .choices = choices};
    struct fltsim_thread *threads[THREADS];
    assert_true(fltsim_start(&options));
    KeInitializeMutex(&mutex, 0);
    atomic_store(&turns, 0);
    for (int i = 0; i < THREADS; i++)
        threads[i] = run(take_turns, (void *)(intptr_t)i);
    for (int i = 0; i < THREADS; i++)
        fltsim_thread_join(threads[i]);
    memcpy(result, order, sizeof order);
    char *string = strdup(fltsim_choices());
    assert_int_equal(fltsim_stop(NULL), 0);
    return string;
}

static void a_seed_and_its_choices_replay(void **state)
{
    int first[THREADS * 4], second[THREADS * 4], third[THREADS * 4];
    if (!on_coop())
        skip();
    for (uint64_t seed = 1; seed <= 10; seed++) {
        char *choices = run_order(seed, NULL, first);
        free(run_order(seed, NULL, second));
        free(run_order(0, choices, third));
        assert_memory_equal(first, second, sizeof first);
        assert_memory_equal(first, third, sizeof first);
        free(choices);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_schedule_gives_the_same_sums),
        cmocka_unit_test(a_seed_and_its_choices_replay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
