/* A program's thread has a TEB: memory of its process, made when somebody first asks for it. */
#include "ps/peb.h"
#include "ps/psp.h"

#include "mm/mmp.h"
#include "verify/api.h"

static PVOID Allocate(PEPROCESS process, SIZE_T size)
{
    PVOID base = NULL;
    KAPC_STATE state;

    KeStackAttachProcess(process, &state);
    NTSTATUS status = ZwAllocateVirtualMemory(NtCurrentProcess(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    KeUnstackDetachProcess(&state);
    return NT_SUCCESS(status) ? base : NULL;
}

static void Free(PEPROCESS process, PVOID base)
{
    SIZE_T size = 0;
    KAPC_STATE state;

    KeStackAttachProcess(process, &state);
    ZwFreeVirtualMemory(NtCurrentProcess(), &base, &size, MEM_RELEASE);
    KeUnstackDetachProcess(&state);
}

static PTEB Make(PKTHREAD thread)
{
    PTEB teb = Allocate(thread->home, sizeof *teb), none = NULL;

    if (!teb)
        return NULL;
    teb->Self = teb;
    teb->ClientId = (CLIENT_ID){.UniqueProcess = thread->home->id, .UniqueThread = thread->id};
    teb->ProcessEnvironmentBlock = PsGetProcessPeb(thread->home);
    if (__atomic_compare_exchange_n(&thread->teb, &none, teb, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return teb;
    Free(thread->home, teb); /* somebody was faster */
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
        Free(thread->home, teb);
}
