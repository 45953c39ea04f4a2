/* Many threads at once on one lock, one rundown reference, the pool, a lookaside list; for the thread sanitizer and,
 * on the cooperative backend, with preemption by seed. */
#include "ex_test.h"

#include <fltKernel.h>

enum { THREADS = 4, ROUNDS = 2000 };

static int start_seeded(void **state)
{
    const char *backend = getenv("FLTSIM_BACKEND");
    bool native = backend && !strcmp(backend, "native");
    assert_true(fltsim_start(&(struct fltsim_options){.seed = native ? 0 : 20261120}));
    return 0;
}

static void on_threads(KSTART_ROUTINE *body, void *context)
{
    HANDLE threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = run_thread(body, context);
    for (int i = 0; i < THREADS; i++)
        join_thread(threads[i]);
}

/* Guarded by whatever the test is about; never two in it at once. */
static int plain, inside;

static void visit(void)
{
    assert_int_equal(__atomic_fetch_add(&inside, 1, __ATOMIC_RELAXED), 0);
    plain++;
    __atomic_fetch_sub(&inside, 1, __ATOMIC_RELAXED);
}

static VOID push_locks(PVOID lock)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 4 == 0) {
            FltAcquirePushLockExclusive(lock);
            visit();
        } else {
            FltAcquirePushLockShared(lock);
        }
        FltReleasePushLock(lock);
    }
}

static void test_push_lock(void **state)
{
    EX_PUSH_LOCK lock;
    FltInitializePushLock(&lock);
    plain = 0;
    on_threads(push_locks, &lock);
    assert_int_equal(plain, THREADS * ROUNDS / 4);
    assert_int_equal(lock, 0);
}

static VOID resources(PVOID resource)
{
    for (int i = 0; i < ROUNDS; i++) {
        KeEnterCriticalRegion();
        if (i % 4 == 0) {
            ExAcquireResourceExclusiveLite(resource, TRUE);
            visit();
            if (i % 8 == 0)
                ExConvertExclusiveToSharedLite(resource);
        } else if (i % 4 == 1) {
            ExAcquireSharedStarveExclusive(resource, TRUE);
        } else {
            ExAcquireResourceSharedLite(resource, TRUE);
            if (ExAcquireResourceSharedLite(resource, FALSE))
                ExReleaseResourceLite(resource);
        }
        ExReleaseResourceLite(resource);
        KeLeaveCriticalRegion();
    }
}

static void test_resource(void **state)
{
    ERESOURCE resource;
    ExInitializeResourceLite(&resource);
    plain = 0;
    on_threads(resources, &resource);
    assert_int_equal(plain, THREADS * ROUNDS / 4);
    ExDeleteResourceLite(&resource);
}

static VOID fast_mutexes(PVOID mutex)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 3 || !ExTryToAcquireFastMutex(mutex))
            ExAcquireFastMutex(mutex);
        visit();
        ExReleaseFastMutex(mutex);
    }
}

static void test_fast_mutex(void **state)
{
    FAST_MUTEX mutex;
    ExInitializeFastMutex(&mutex);
    plain = 0;
    on_threads(fast_mutexes, &mutex);
    assert_int_equal(plain, THREADS * ROUNDS);
}

struct guarded {
    EX_RUNDOWN_REF ref;
    int *memory;
};

static VOID rundowns(PVOID context)
{
    struct guarded *guarded = context;
    while (ExAcquireRundownProtection(&guarded->ref)) {
        assert_int_equal(__atomic_load_n(guarded->memory, __ATOMIC_RELAXED), 42);
        ExReleaseRundownProtection(&guarded->ref);
        fltsim_yield();
    }
}

static void test_rundown(void **state)
{
    for (int round = 0; round < 20; round++) {
        struct guarded guarded;
        HANDLE threads[THREADS];
        int memory = 42;
        guarded.memory = &memory;
        ExInitializeRundownProtection(&guarded.ref);
        for (int i = 0; i < THREADS; i++)
            threads[i] = run_thread(rundowns, &guarded);
        for (int i = 0; i < round; i++)
            fltsim_yield();
        ExWaitForRundownProtectionRelease(&guarded.ref);
        memory = 0;
        for (int i = 0; i < THREADS; i++)
            join_thread(threads[i]);
    }
}

static VOID pool(PVOID list)
{
    unsigned char *bodies[16] = {0};
    unsigned random = (unsigned)(uintptr_t)bodies;
    for (int i = 0; i < ROUNDS; i++) {
        random = random * 1664525 + 1013904223;
        unsigned slot = random >> 28, size = random >> 16 & 0x1ff;
        if (bodies[slot])
            ExFreePoolWithTag(bodies[slot], 'sert');
        bodies[slot] = ExAllocatePoolWithTag(NonPagedPoolNx, size + 1, 'sert');
        bodies[slot][size] = 1;
        void *entry = ExAllocateFromNPagedLookasideList(list);
        memset(entry, 7, 64);
        ExFreeToNPagedLookasideList(list, entry);
    }
    for (int i = 0; i < 16; i++)
        if (bodies[i])
            ExFreePool(bodies[i]);
}

static void test_pool_and_lookaside(void **state)
{
    NPAGED_LOOKASIDE_LIST list;
    ExInitializeNPagedLookasideList(&list, NULL, NULL, 0, 64, 'sert', 0);
    on_threads(pool, &list);
    ExDeleteNPagedLookasideList(&list);
}

/* Blocks freed by another thread than allocated them. */
static VOID pass_on(PVOID head)
{
    for (int i = 0; i < ROUNDS; i++) {
        SLIST_ENTRY *fresh = ExAllocatePoolWithTag(NonPagedPoolNx, 100, 'ssap');
        InterlockedPushEntrySList(head, fresh);
        SLIST_ENTRY *old = InterlockedPopEntrySList(head);
        if (old)
            ExFreePool(old);
    }
}

static void test_blocks_change_hands(void **state)
{
    SLIST_HEADER head;
    InitializeSListHead(&head);
    on_threads(pass_on, &head);
    assert_null(InterlockedPopEntrySList(&head));
}

int main(void)
{
#define STRESS(name) cmocka_unit_test_setup_teardown(name, start_seeded, stop_clean)
    const struct CMUnitTest tests[] = {
        STRESS(test_push_lock), STRESS(test_resource),           STRESS(test_fast_mutex),
        STRESS(test_rundown),   STRESS(test_pool_and_lookaside), STRESS(test_blocks_change_hands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
