/* OS threads of the program's own that call kernel routines: native backend only. */
#include "../ke/kernel.h"

#include <pthread.h>

static KEVENT ping, pong;
static KMUTEX mutex;
static int counter;
static atomic_bool go, ended;

static void *answer(void *argument)
{
    assert_string_equal((char *)argument, "x");
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    wait_for(&ping);
    KeSetEvent(&pong, 0, FALSE);
    return PsGetCurrentThreadId();
}

static void an_os_thread_becomes_a_thread_of_the_test(void **state)
{
    pthread_t thread;
    void *id;
    if (on_coop())
        skip();
    KeInitializeEvent(&ping, SynchronizationEvent, FALSE);
    KeInitializeEvent(&pong, SynchronizationEvent, FALSE);
    pthread_create(&thread, NULL, answer, (void *)"x");
    KeSetEvent(&ping, 0, FALSE);
    assert_int_equal(wait_for(&pong), STATUS_SUCCESS);
    pthread_join(thread, &id);
    assert_non_null(id);
    assert_true(id != PsGetCurrentThreadId());
}

static void *add(void *argument)
{
    for (int i = 0; i < 500; i++) {
        wait_for(&mutex);
        counter++;
        KeReleaseMutex(&mutex, FALSE);
    }
    return NULL;
}

static void os_threads_contend_like_others(void **state)
{
    pthread_t threads[4];
    if (on_coop())
        skip();
    KeInitializeMutex(&mutex, 0);
    counter = 0;
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, add, NULL);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(counter, 2000);
}

static void *call_twice(void *argument)
{
    KeEnterCriticalRegion();
    KeLeaveCriticalRegion();
    atomic_store(&ended, true);
    while (!atomic_load(&go))
        ;
    KeEnterCriticalRegion();
    KeLeaveCriticalRegion();
    return NULL;
}

static void an_os_thread_may_outlive_a_machine(void **state)
{
    pthread_t thread;
    if (on_coop())
        skip();
    atomic_store(&go, false);
    atomic_store(&ended, false);
    start_machine(NULL);
    pthread_create(&thread, NULL, call_twice, NULL);
    while (!atomic_load(&ended))
        ;
    assert_int_equal(fltsim_stop(NULL), 0);
    start_machine(NULL);
    atomic_store(&go, true);
    pthread_join(thread, NULL);
    assert_int_equal(fltsim_stop(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kernel_test(an_os_thread_becomes_a_thread_of_the_test),
        kernel_test(os_threads_contend_like_others),
        cmocka_unit_test(an_os_thread_may_outlive_a_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
