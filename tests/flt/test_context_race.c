/* Threads that set, get, delete and tear down the same contexts at the same time. */
#include "context_unit.h"

enum { THREADS = 10, ROUNDS = 300 };

static volatile LONG winners, losers;
static PFLT_CONTEXT handed[THREADS];

/* One round of the race: everybody brings a context, one wins, the others are handed the winner. */
static int set_once(void *argument)
{
    int me = (int)(intptr_t)argument;
    PFILE_OBJECT file = &u->files[0].object;
    PFLT_CONTEXT mine = allocate(FLT_STREAM_CONTEXT, 64), old;
    NTSTATUS status = FltSetStreamContext(&u->instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, mine, &old);
    if (status == STATUS_SUCCESS) {
        __atomic_add_fetch(&winners, 1, __ATOMIC_RELAXED);
        handed[me] = mine;
        return 0;
    }
    FltReleaseContext(mine);
    if (status != STATUS_FLT_CONTEXT_ALREADY_DEFINED || !old)
        return 1;
    __atomic_add_fetch(&losers, 1, __ATOMIC_RELAXED);
    handed[me] = old;
    return 0;
}

static void run(int (*body)(void *))
{
    struct fltsim_thread *threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++)
        threads[i] = fltsim_thread_create(NULL, body, (void *)i);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(fltsim_thread_join(threads[i]), 0);
}

static void one_of_many_setters_wins(void **state)
{
    for (int round = 0; round < 40; round++) {
        winners = losers = 0;
        run(set_once);
        assert_int_equal(winners, 1);
        assert_int_equal(losers, THREADS - 1);
        for (int i = 0; i < THREADS; i++) {
            assert_ptr_equal(handed[i], handed[0]);
            FltReleaseContext(handed[i]);
        }
        assert_int_equal(FltDeleteStreamContext(&u->instance, &u->files[0].object, NULL), STATUS_SUCCESS);
    }
    assert_int_equal(u->cleanups, 40 * THREADS);
}

static int churn(void *argument)
{
    unsigned seed = (unsigned)(intptr_t)argument * 7919u + 1;
    for (int i = 0; i < ROUNDS; i++) {
        seed = seed * 1103515245u + 12345u;
        PFILE_OBJECT file = &u->files[(seed >> 8) % 2].object;
        PFLT_CONTEXT got, old = NULL;
        switch ((seed >> 16) % 5) {
        case 0:
        case 1: {
            PFLT_CONTEXT fresh = allocate(FLT_STREAM_CONTEXT, 64);
            FLT_SET_CONTEXT_OPERATION how =
                (seed >> 20) % 2 ? FLT_SET_CONTEXT_KEEP_IF_EXISTS : FLT_SET_CONTEXT_REPLACE_IF_EXISTS;
            FltSetStreamContext(&u->instance, file, how, fresh, (seed >> 21) % 2 ? &old : NULL);
            FltReleaseContext(fresh);
            if (old)
                FltReleaseContext(old);
            break;
        }
        case 2:
            if (NT_SUCCESS(FltGetStreamContext(&u->instance, file, &got)))
                FltReleaseContext(got);
            break;
        case 3:
            if (NT_SUCCESS(FltGetStreamContext(&u->instance, file, &got))) {
                FltDeleteContext(got);
                FltReleaseContext(got);
            }
            break;
        default:
            if (NT_SUCCESS(FltDeleteStreamContext(&u->instance, file, &old)))
                FltReleaseContext(old);
        }
    }
    return 0;
}

static void churning_loses_and_leaks_nothing(void **state)
{
    run(churn);
}

static int set_until_deleted(void *argument)
{
    for (int i = 0; argument || i < ROUNDS; i++) {
        PFILE_OBJECT file = &u->files[i % FILES].object;
        fltsim_yield();
        PFLT_CONTEXT fresh = allocate(FLT_STREAM_CONTEXT, 64);
        NTSTATUS status = FltSetStreamContext(&u->instance, file, FLT_SET_CONTEXT_REPLACE_IF_EXISTS, fresh, NULL);
        FltReleaseContext(fresh);
        if (status == STATUS_FLT_DELETING_OBJECT)
            return 0;
        if (i == ROUNDS / 4 && argument == 0)
            FltpDeleteInstanceContexts(&u->instance);
    }
    return 1;
}

static void no_link_outlives_the_instance(void **state)
{
    run(set_until_deleted);
    for (int i = 0; i < FILES; i++) {
        PFLT_CONTEXT got;
        assert_int_equal(FltGetStreamContext(&u->instance, &u->files[i].object, &got), STATUS_NOT_FOUND);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_test_of(one_of_many_setters_wins),
        unit_test_of(churning_loses_and_leaks_nothing),
        unit_test_of(no_link_outlives_the_instance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
