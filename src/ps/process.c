#include "ps/psp.h"

#include "ex/lock.h"
#include "ke/kep.h"
#include "mm/mmp.h"
#include "ob/object.h"
#include "ps/quota.h"
#include "verify/verify.h"


/* ---- creation and exit ------------------------------------------------------------------------------------------------- */

static NTSTATUS AskNotifyRoutines(PEPROCESS process, PEPROCESS parent)
{
    PFILE_OBJECT file = PspReferenceImage(process);
    PS_CREATE_NOTIFY_INFO info = {
        .Size = sizeof info,
        .ParentProcessId = parent->id,
        .CreatingThreadId = {.UniqueProcess = KiCurrentThread()->process->id, .UniqueThread = KiCurrentThread()->id},
        .FileObject = file,
        .ImageFileName = &process->open_name,
        .CommandLine = &process->command_line,
        .CreationStatus = STATUS_SUCCESS,
    };

    info.FileOpenNameAvailable = 1;
    process->announced = true;
    PspNotifyProcess(process, &info);
    if (file)
        ObpDereference(file);
    return info.CreationStatus;
}

static NTSTATUS MakeProcess(const struct psp_new_process *options, PEPROCESS *created)
{
    PEPROCESS process;
    NTSTATUS status = ObpCreateObject(PspProcessType, sizeof *process, (PVOID *)&process);

    if (!NT_SUCCESS(status))
        return status;
    KiInitializeHeader(&process->Header, ProcessObject, 0);
    InitializeListHead(&process->threads);
    InitializeListHead(&process->link);
    process->id = PspNextId();
    process->parent_id = options->parent ? options->parent->id : NULL;
    process->system = options->system;
    process->session_id = options->system ? 0 : 1;
    process->exit_status = STATUS_PENDING;
    process->create_time = KI_BOOT_TIME + sched_now();
    process->quota = PspMakeQuota();
    PspNameImage(process, options);
    process->ObjectTable = ObpCreateHandleTable(process);
    *created = process;
    return STATUS_SUCCESS;
}

/* Others find it from now on: its names change no more. */
static void List(PEPROCESS process)
{
    sched_lock(&psp->lock);
    InsertTailList(&psp->processes, &process->link);
    sched_unlock(&psp->lock);
}

/* The file's handle is open until the notify routines have run. */
static NTSTATUS Begin(PEPROCESS process, const struct psp_new_process *options)
{
    struct psp_image image = {0};
    NTSTATUS status = PspOpenImage(&process->open_name, options->wow64, &image);

    if (NT_SUCCESS(status))
        status = PspTakeImage(process, &image);
    if (NT_SUCCESS(status)) {
        List(process);
        status = AskNotifyRoutines(process, options->parent);
    }
    if (NT_SUCCESS(status))
        PspNotifyMainImage(process);
    PspCloseImage(&image);
    return status;
}

NTSTATUS PspCreateProcess(const struct psp_new_process *options, PEPROCESS *created)
{
    bool boots = options->system || !psp->test;
    NTSTATUS status = MakeProcess(options, created);

    if (!NT_SUCCESS(status))
        return status;
    if (boots) {
        List(*created);
        return status;
    }
    status = Begin(*created, options);
    if (NT_SUCCESS(status))
        return STATUS_SUCCESS;
    PspExitProcess(*created, status);
    ObpDereference(*created);
    *created = NULL;
    return status;
}

static bool IsProgram(PEPROCESS process) { return process != psp->system && process != psp->test; }

void PspExitProcess(PEPROCESS process, NTSTATUS status)
{
    KAPC_STATE state;

    if (__atomic_exchange_n(&process->completing, true, __ATOMIC_ACQ_REL))
        return;
    if (process->critical && IsProgram(process))
        KeBugCheckEx(CRITICAL_PROCESS_DIED, (ULONG_PTR)process, 0, 0, 0);
    process->exiting = true;
    if (IsProgram(process)) {
        KeStackAttachProcess(process, &state);
        if (process->announced)
            PspNotifyProcess(process, NULL);
        ExpWaitForRundown(&process->exit_rundown, VERIFY_CALLER);
        __atomic_store_n(&process->wow64, NULL, __ATOMIC_RELEASE);
        MiUnmapProcess(process);
        ObpCloseHandleTable(process->ObjectTable);
        process->ObjectTable = NULL;
        KeUnstackDetachProcess(&state);
    }
    PspReleaseImage(process);
    if (!process->terminated)
        process->exit_status = status;
    process->exit_time = KI_BOOT_TIME + sched_now();
    process->exited = true;
    sched_lock(&psp->lock);
    RemoveEntryList(&process->link);
    InitializeListHead(&process->link);
    sched_unlock(&psp->lock);
    KiSignalForGood(&process->Header);
}

PEPROCESS PspEnterSystem(void)
{
    PKTHREAD thread = KiCurrentThread();
    PEPROCESS before = thread->process;

    thread->process = psp->system;
    return before;
}

void PspLeaveSystem(PEPROCESS before) { KiCurrentThread()->process = before; }

void PspDeleteProcess(PVOID object)
{
    PEPROCESS process = object;
    if (PspProcessGone)
        PspProcessGone(process);
    PspDropQuota(process->quota);
    sim_free(process->image_path.Buffer);
    sim_free(process->open_name.Buffer);
    sim_free(process->command_line.Buffer);
}
