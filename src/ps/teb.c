/* A program's thread has a TEB: memory of its process, made when somebody first asks for it. */
#include "ps/peb.h"
#include "ps/psp.h"

#include "verify/api.h"

static PTEB Make(PKTHREAD thread)
{
    PTEB teb, none = NULL;

    if (!NT_SUCCESS(PspAllocateIn(thread->home, sizeof *teb, (PVOID *)&teb)))
        return NULL;
    teb->Self = teb;
    teb->ClientId = (CLIENT_ID){.UniqueProcess = thread->home->id, .UniqueThread = thread->id};
    teb->ProcessEnvironmentBlock = PsGetProcessPeb(thread->home);
    if (__atomic_compare_exchange_n(&thread->teb, &none, teb, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return teb;
    PspFreeIn(thread->home, teb); /* somebody was faster */
    return none;
}

PVOID PsGetThreadTeb(PETHREAD Thread)
{
    PKTHREAD thread = (PKTHREAD)Thread;
    PTEB teb = __atomic_load_n(&thread->teb, __ATOMIC_ACQUIRE);

    if (teb || thread->system || thread->home->system || thread->terminating || KeGetCurrentIrql() > PASSIVE_LEVEL)
        return teb;
    return Make(thread);
}

PVOID PsGetCurrentThreadTeb(VOID)
{
    PKTHREAD thread = KiCurrentThread();
    return thread->attached && thread->attached != thread->home ? NULL : PsGetThreadTeb(thread);
}

void PspFreeTeb(PKTHREAD thread)
{
    PTEB teb = __atomic_exchange_n(&thread->teb, NULL, __ATOMIC_ACQ_REL);
    if (teb && !thread->home->exited)
        PspFreeIn(thread->home, teb);
}
