/* Memory that the system keeps in a process: PEBs, TEBs, images. */
#include "ps/psp.h"

#include "mm/mmp.h"

NTSTATUS PspAllocateIn(PEPROCESS process, SIZE_T size, PVOID *base)
{
    KAPC_STATE state;

    *base = NULL;
    KeStackAttachProcess(process, &state);
    NTSTATUS status = ZwAllocateVirtualMemory(NtCurrentProcess(), base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    KeUnstackDetachProcess(&state);
    return status;
}

void PspFreeIn(PEPROCESS process, PVOID base)
{
    SIZE_T size = 0;
    KAPC_STATE state;

    KeStackAttachProcess(process, &state);
    ZwFreeVirtualMemory(NtCurrentProcess(), &base, &size, MEM_RELEASE);
    KeUnstackDetachProcess(&state);
}
