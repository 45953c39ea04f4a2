#include "ps/system_information.h"

#include "ps/psp.h"

#include "ob/object.h"
#include "ob/state.h"

#include <string.h>

enum { PSP_NAME = 32 }; /* bytes: 15 characters and their end */

static ULONG Threads(PEPROCESS process)
{
    ULONG count = 0;
    for (PLIST_ENTRY link = process->threads.Flink; link != &process->threads; link = link->Flink)
        count++;
    return count;
}

static ULONG SizeOf(PEPROCESS process)
{
    return (ULONG)sizeof(struct psp_process_information) +
           Threads(process) * (ULONG)sizeof(struct psp_thread_information) + PSP_NAME;
}

/* The Idle process stands first, and has no name. */
static ULONG SizeOfAll(void)
{
    ULONG size = sizeof(struct psp_process_information);
    for (PLIST_ENTRY link = psp->processes.Flink; link != &psp->processes; link = link->Flink)
        size += SizeOf(CONTAINING_RECORD(link, struct _KPROCESS, link));
    return size;
}

static void DescribeThread(PKTHREAD thread, PEPROCESS process, struct psp_thread_information *info)
{
    enum { RUNNING = 2, WAITING = 5 };
    bool waits = thread->wait.count != 0;
    *info = (struct psp_thread_information){
        .CreateTime.QuadPart = thread->create_time,
        .StartAddress = (PVOID)(ULONG_PTR)thread->start_routine,
        .ClientId = {process->id, thread->id},
        .Priority = thread->priority,
        .BasePriority = thread->priority,
        .ThreadState = waits ? WAITING : RUNNING,
        .WaitReason = waits ? (ULONG)thread->wait.reason : 0,
    };
}

static void Name(PEPROCESS process, struct psp_process_information *info, WCHAR *name)
{
    const char *image = process->system ? "System" : process->image_name;
    for (USHORT i = 0; image[i]; i++) {
        name[i] = (UCHAR)image[i];
        info->ImageName.Length = (USHORT)((i + 1) * sizeof(WCHAR));
    }
    info->ImageName.MaximumLength = (USHORT)(info->ImageName.Length + sizeof(WCHAR));
    info->ImageName.Buffer = name;
}

static void DescribeProcess(PEPROCESS process, struct psp_process_information *info)
{
    info->CreateTime.QuadPart = process->create_time;
    info->BasePriority = 8;
    info->UniqueProcessId = process->id;
    info->InheritedFromUniqueProcessId = process->parent_id;
    info->SessionId = process->session_id;
    info->UniqueProcessKey = (ULONG_PTR)process;
    for (PLIST_ENTRY link = process->threads.Flink; link != &process->threads; link = link->Flink)
        DescribeThread(CONTAINING_RECORD(link, struct _KTHREAD, process_link), process,
                       &info->Threads[info->NumberOfThreads++]);
    info->NumberOfThreadsHighWatermark = info->NumberOfThreads;
    Name(process, info, (WCHAR *)&info->Threads[info->NumberOfThreads]);
}

static void Fill(UCHAR *bytes)
{
    struct psp_process_information *info = (void *)bytes;
    ULONG size = sizeof *info;

    for (PLIST_ENTRY link = psp->processes.Flink; link != &psp->processes; link = link->Flink) {
        PEPROCESS process = CONTAINING_RECORD(link, struct _KPROCESS, link);
        info->NextEntryOffset = size;
        info = (void *)((UCHAR *)info + size);
        size = SizeOf(process);
        DescribeProcess(process, info);
    }
}

UCHAR *PspDescribeProcesses(ULONG *size)
{
    UCHAR *bytes = NULL;
    ULONG needed = 0;
    bool filled = false;

    while (!filled) {
        sched_lock(&psp->lock);
        *size = SizeOfAll();
        filled = bytes && *size <= needed;
        if (filled)
            Fill(bytes);
        sched_unlock(&psp->lock);
        if (!filled) {
            sim_free(bytes);
            bytes = sim_alloc(needed = *size);
        }
    }
    return bytes;
}

void PspRebaseProcesses(UCHAR *bytes, const UCHAR *there)
{
    struct psp_process_information *info = (void *)bytes;
    for (;; info = (void *)((UCHAR *)info + info->NextEntryOffset)) {
        if (info->ImageName.Buffer)
            info->ImageName.Buffer = (PWCH)(there + ((UCHAR *)info->ImageName.Buffer - bytes));
        if (!info->NextEntryOffset)
            break;
    }
}
