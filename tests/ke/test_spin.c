/* Threads that spin for what another thread does, without a call that would let it run. */
#include <fltsim/cmocka.h>

#include <fltKernel.h>

#pragma GCC diagnostic ignored "-Wunused-parameter"

enum { PAUSE = 500000, SPINNERS = 3, ROUNDS = 20 }; /* PAUSE: 50 ms */

static volatile LONG Lock, Flag;
static PVOID volatile Owner;
static LONG Count;

static VOID Pause(VOID)
{
    LARGE_INTEGER time = {.QuadPart = -PAUSE};
    KeDelayExecutionThread(KernelMode, FALSE, &time);
}

static VOID TakeByCompare(VOID)
{
    while (InterlockedCompareExchange(&Lock, 1, 0)) {
    }
}

static VOID TakeByExchange(VOID)
{
    while (InterlockedExchange(&Lock, 1)) {
    }
}

static VOID TakeByBit(VOID)
{
    while (InterlockedBitTestAndSet(&Lock, 0)) {
    }
}

static VOID TakeByOr(VOID)
{
    while (InterlockedOr(&Lock, 1) & 1) {
    }
}

static VOID TakeByPointer(VOID)
{
    while (InterlockedCompareExchangePointer(&Owner, (PVOID)&Lock, NULL)) {
    }
    Lock = 1;
}

static VOID TakeByCount(VOID)
{
    while (InterlockedIncrement(&Lock) != 1)
        InterlockedDecrement(&Lock);
}

static VOID LookAtFlag(VOID)
{
    while (!Flag) {
    }
    Lock = 1;
}

static VOID ReadFlag(VOID)
{
    while (!ReadAcquire(&Flag)) {
    }
    Lock = 1;
}

/* By decrement, too: whoever counts has a count of his own in it for moments. */
static VOID Give(VOID)
{
    InterlockedExchangePointer(&Owner, NULL);
    InterlockedDecrement(&Lock);
    InterlockedExchange(&Flag, 1);
}

static VOID Holder(PVOID Unused)
{
    Pause();
    Give();
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static HANDLE Start(PKSTART_ROUTINE Routine)
{
    HANDLE thread = NULL;
    PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, Routine, NULL);
    return thread;
}

static VOID Join(HANDLE Thread)
{
    ZwWaitForSingleObject(Thread, FALSE, NULL);
    ZwClose(Thread);
}

/* Interlocked exchanges that change nothing are calls of the library; all else is met by a signal, which the thread
 * sanitizer holds back, and which keeps off modules that hold a sanitizer themselves, as clang's programs do. */
#if defined(__SANITIZE_THREAD__)
enum { INTERRUPTS = 0 };
#elif defined(__has_feature)
enum { INTERRUPTS = !(__has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)) };
#else
enum { INTERRUPTS = 1 };
#endif

static const struct way {
    const char *name;
    VOID (*take)(VOID);
    KIRQL irql;
    BOOLEAN interrupted; /* nothing else stops it */
} ways[] = {
    {"compare and exchange", TakeByCompare, PASSIVE_LEVEL},
    {"exchange", TakeByExchange, PASSIVE_LEVEL},
    {"bit", TakeByBit, PASSIVE_LEVEL},
    {"or", TakeByOr, PASSIVE_LEVEL},
    {"pointer", TakeByPointer, PASSIVE_LEVEL},
    {"at DISPATCH_LEVEL", TakeByCompare, DISPATCH_LEVEL},
    {"count", TakeByCount, PASSIVE_LEVEL, TRUE},
    {"volatile", LookAtFlag, PASSIVE_LEVEL, TRUE},
    {"acquire", ReadFlag, PASSIVE_LEVEL, TRUE},
    {"volatile at DISPATCH_LEVEL", LookAtFlag, DISPATCH_LEVEL, TRUE},
};
static const struct way *Way;

static NTSTATUS SpinOnce(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    ULONGLONG before = KeQueryInterruptTime();
    KIRQL old;

    Lock = 1;
    Flag = 0;
    Owner = (PVOID)&Flag;
    HANDLE holder = Start(Holder);
    KeRaiseIrql(Way->irql, &old);
    Way->take();
    KeLowerIrql(old);
    BOOLEAN waited = KeQueryInterruptTime() - before >= PAUSE;
    BOOLEAN taken = Lock == 1;
    Join(holder);
    Give();
    return waited && taken ? STATUS_UNSUCCESSFUL : STATUS_INTERNAL_ERROR; /* nothing stays loaded */
}

static void a_thread_that_spins_gets_what_another_gives_after_a_while(void)
{
    for (size_t i = 0; i < ARRAYSIZE(ways); i++) {
        struct fltsim_driver *driver;
        Way = &ways[i];
        if (Way->interrupted && !INTERRUPTS)
            continue;
        if (fltsim_load(&(struct fltsim_driver_options){.name = "spinner", .entry = SpinOnce}, &driver) != STATUS_UNSUCCESSFUL)
            fail_msg("by %s", Way->name);
    }
}

static VOID CountUnderLock(PVOID Unused)
{
    for (ULONG i = 0; i < ROUNDS; i++) {
        TakeByCompare();
        LONG count = Count;
        Pause();
        Count = count + 1;
        InterlockedExchange(&Lock, 0);
    }
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static NTSTATUS SpinOften(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    HANDLE threads[SPINNERS];

    Lock = Count = 0;
    for (ULONG i = 0; i < SPINNERS; i++)
        threads[i] = Start(CountUnderLock);
    for (ULONG i = 0; i < SPINNERS; i++)
        Join(threads[i]);
    return STATUS_UNSUCCESSFUL;
}

static void holders_that_wait_while_several_threads_spin_exclude_each_other(void)
{
    struct fltsim_driver *driver;
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.name = "spinner", .entry = SpinOften}, &driver),
                     STATUS_UNSUCCESSFUL);
    assert_int_equal(Count, SPINNERS * ROUNDS);
}

static NTSTATUS Calculate(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    double value = 1, other = 0; /* lives in the registers that an interruption has to keep */
    ULONG64 before = KeQueryInterruptTime(), hash = 14695981039346656037u;

    for (ULONG i = 0; i < 300000000 && KeQueryInterruptTime() == before; i += 1000000)
        for (ULONG j = 0; j < 1000000; j++) {
            hash = (hash ^ (i + j)) * 1099511628211u;
            value += 0.5;
            other -= 0.25;
        }
    return value + 2 * other == 1 && hash ? STATUS_UNSUCCESSFUL : STATUS_INTERNAL_ERROR;
}

static void a_long_calculation_is_interrupted_and_none_the_worse_for_it(void)
{
    struct fltsim_driver *driver;
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.name = "calculator", .entry = Calculate}, &driver),
                     STATUS_UNSUCCESSFUL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_thread_that_spins_gets_what_another_gives_after_a_while),
        fltsim_unit_test(holders_that_wait_while_several_threads_spin_exclude_each_other),
        fltsim_unit_test(a_long_calculation_is_interrupted_and_none_the_worse_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
