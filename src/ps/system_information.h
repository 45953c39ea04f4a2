/* Processes and their threads in one buffer, as NtQuerySystemInformation (SystemProcessInformation) lays them out. */
#ifndef FLTSIM_PS_SYSTEM_INFORMATION_H
#define FLTSIM_PS_SYSTEM_INFORMATION_H

#include <ntifs.h>

struct psp_thread_information {
    LARGE_INTEGER KernelTime;
    LARGE_INTEGER UserTime;
    LARGE_INTEGER CreateTime;
    ULONG WaitTime;
    PVOID StartAddress;
    CLIENT_ID ClientId;
    KPRIORITY Priority;
    LONG BasePriority;
    ULONG ContextSwitches;
    ULONG ThreadState;
    ULONG WaitReason;
};
C_ASSERT(sizeof(struct psp_thread_information) == 80);

struct psp_process_information {
    ULONG NextEntryOffset; /* 0: the last one */
    ULONG NumberOfThreads;
    LARGE_INTEGER WorkingSetPrivateSize;
    ULONG HardFaultCount;
    ULONG NumberOfThreadsHighWatermark;
    ULONGLONG CycleTime;
    LARGE_INTEGER CreateTime;
    LARGE_INTEGER UserTime;
    LARGE_INTEGER KernelTime;
    UNICODE_STRING ImageName;
    KPRIORITY BasePriority;
    HANDLE UniqueProcessId;
    HANDLE InheritedFromUniqueProcessId;
    ULONG HandleCount;
    ULONG SessionId;
    ULONG_PTR UniqueProcessKey;
    SIZE_T Memory[6];
    SIZE_T Quota[6];
    LARGE_INTEGER Io[6];
    struct psp_thread_information Threads[];
};
C_ASSERT(FIELD_OFFSET(struct psp_process_information, Threads) == 256);

/* An array of sim_alloc; names point into it. */
UCHAR *PspDescribeProcesses(ULONG *size);
/* Makes the names point to where the bytes will be copied. */
void PspRebaseProcesses(UCHAR *bytes, const UCHAR *there);

#endif
