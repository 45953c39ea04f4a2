#include "ke/kep.h"

#include "verify/verify.h"

#include <stdio.h>

void *(*KiCaptureOrigin)(void);
void (*KiDropOrigin)(void *origin);

void KiInitializeThread(PKTHREAD thread, const char *name)
{
    KiInitializeHeader(&thread->Header, ThreadObject, 0);
    InitializeListHead(&thread->mutants);
    InitializeListHead(&thread->apcs[0]);
    InitializeListHead(&thread->apcs[1]);
    InitializeListHead(&thread->irps);
    InitializeListHead(&thread->process_link);
    InitializeListHead(&thread->all_link);
    thread->priority = 8;
    thread->exit_status = STATUS_PENDING;
    thread->wait.blocks = thread->wait.own;
    snprintf(thread->name, sizeof thread->name, "%s", name);
    KiKnowThread(thread);
}

static void CheckNothingHeld(PKTHREAD thread)
{
    struct verify_violation *v = NULL;

    if (thread->irql != PASSIVE_LEVEL)
        v = verify_begin(VERIFY_THREAD_ENDS_HOLDING, "Thread \"%s\" ended at IRQL %u.", thread->name,
                         (unsigned)thread->irql);
    else if (thread->spin_locks)
        v = verify_begin(VERIFY_THREAD_ENDS_HOLDING, "Thread \"%s\" ended with %u spin locks held.",
                         thread->name, thread->spin_locks);
    else if (thread->kernel_apc_disable || thread->special_apc_disable)
        v = verify_begin(VERIFY_THREAD_ENDS_HOLDING,
                         "Thread \"%s\" ended with kernel APCs disabled: %d critical regions (or mutexes), "
                         "%d guarded regions.",
                         thread->name, thread->kernel_apc_disable, thread->special_apc_disable);
    if (!v)
        return;
    verify_site(v, "thread routine", (const char *)(uintptr_t)thread->start_routine + 1);
    verify_end(v);
    thread->irql = PASSIVE_LEVEL;
    KiIrqlFell(thread);
    thread->spin_locks = 0;
    thread->kernel_apc_disable = thread->special_apc_disable = 0;
}

void KiTerminateThread(PKTHREAD thread)
{
    thread->terminating = true;
    CheckNothingHeld(thread);
    KiAbandonMutants(thread);
    thread->kernel_apc_disable = 0;
    thread->terminated = true;
    KiSignalForGood(&thread->Header);
}

PKTHREAD KeGetCurrentThread(VOID) { return KiCurrentThread(); }

KPROCESSOR_MODE KeGetPreviousMode(VOID) { return KiCurrentThread()->previous_mode; }

KPRIORITY KeQueryPriorityThread(PKTHREAD Thread) { return Thread->priority; }

KPRIORITY KeSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority)
{
    KPRIORITY before = Thread->priority;
    Thread->priority = Priority;
    return before;
}

LONG KeSetBasePriorityThread(PKTHREAD Thread, LONG Increment)
{
    LONG before = Thread->priority - 8;
    Thread->priority = 8 + Increment;
    return before;
}

CCHAR KeSetIdealProcessorThread(PKTHREAD Thread, CCHAR Processor)
{
    CCHAR before = (CCHAR)Thread->processor;
    Thread->processor = (UCHAR)Processor;
    return before;
}
