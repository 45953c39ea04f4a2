#include "ps/psp.h"

#include "ob/object.h"
#include "verify/api.h"

/* Under the lists' lock; the reference is the caller's at `site`. */
static bool Reference(PVOID object, const void *site)
{
    if (!ObpReferenceSafe(object))
        return false;
    verify_ledger_add(&ObpHeader(object)->ledger, "looked up by", atomic_load(&ObpHeader(object)->pointer_count), site);
    return true;
}

NTSTATUS PsLookupProcessByProcessId(HANDLE ProcessId, PEPROCESS *Process)
{
    NTSTATUS status = ProcessId ? STATUS_INVALID_PARAMETER : STATUS_INVALID_CID;

    API_ENTER(PsLookupProcessByProcessId, NULL, SCHED_READ);
    sched_lock(&psp->lock);
    for (PLIST_ENTRY entry = psp->processes.Flink; entry != &psp->processes; entry = entry->Flink) {
        PEPROCESS process = CONTAINING_RECORD(entry, struct _KPROCESS, link);
        if (process->id == ProcessId && !process->exited && Reference(process, VERIFY_CALLER)) {
            *Process = process;
            status = STATUS_SUCCESS;
            break;
        }
    }
    sched_unlock(&psp->lock);
    return status;
}

static PKTHREAD FindAfter(PEPROCESS process, HANDLE after)
{
    PKTHREAD found = NULL;
    for (PLIST_ENTRY entry = process->threads.Flink; entry != &process->threads; entry = entry->Flink) {
        PKTHREAD thread = CONTAINING_RECORD(entry, struct _KTHREAD, process_link);
        if ((ULONG_PTR)thread->id > (ULONG_PTR)after && (!found || (ULONG_PTR)thread->id < (ULONG_PTR)found->id))
            found = thread;
    }
    return found;
}

PKTHREAD PspNextThread(PEPROCESS process, HANDLE after)
{
    PKTHREAD found;
    sched_lock(&psp->lock);
    while ((found = FindAfter(process, after)) && !ObpReferenceSafe(found))
        after = found->id;
    sched_unlock(&psp->lock);
    return found;
}

NTSTATUS PsLookupThreadByThreadId(HANDLE ThreadId, PETHREAD *Thread)
{
    NTSTATUS status = STATUS_INVALID_PARAMETER;

    API_ENTER(PsLookupThreadByThreadId, NULL, SCHED_READ);
    sched_lock(&psp->lock);
    for (PLIST_ENTRY entry = psp->threads.Flink; entry != &psp->threads; entry = entry->Flink) {
        PKTHREAD thread = CONTAINING_RECORD(entry, struct _KTHREAD, all_link);
        if (thread->id == ThreadId && !thread->terminated && Reference(thread, VERIFY_CALLER)) {
            *Thread = thread;
            status = STATUS_SUCCESS;
            break;
        }
    }
    sched_unlock(&psp->lock);
    return status;
}

NTSTATUS PsLookupProcessThreadByCid(PCLIENT_ID ClientId, PEPROCESS *Process, PETHREAD *Thread)
{
    NTSTATUS status = PsLookupThreadByThreadId(ClientId->UniqueThread, Thread);
    if (!NT_SUCCESS(status))
        return STATUS_INVALID_CID;
    if ((*Thread)->process->id != ClientId->UniqueProcess) {
        ObfDereferenceObject(*Thread);
        *Thread = NULL;
        return STATUS_INVALID_CID;
    }
    if (Process) {
        *Process = (*Thread)->process;
        ObfReferenceObject(*Process);
    }
    return STATUS_SUCCESS;
}
