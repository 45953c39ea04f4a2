/* 32-bit programs: those whose image is for the I386 have a second PEB, of 32-bit fields. Of pointers only those that fit
 * are in it: none, as in a program that its loader has not prepared yet. */
#include "ps/peb.h"
#include "ps/psp.h"


#include <ntimage.h>

static bool Is32Bit(PEPROCESS process)
{
    PVOID headers;
    NTSTATUS status = RtlImageNtHeaderEx(0, process->image_base, process->image_size, &headers);
    return NT_SUCCESS(status) && ((PIMAGE_NT_HEADERS)headers)->FileHeader.Machine == IMAGE_FILE_MACHINE_I386;
}

NTSTATUS PspPrepareWow64(PEPROCESS process)
{
    struct psp_peb32 *peb;

    if (!Is32Bit(process))
        return STATUS_SUCCESS;
    NTSTATUS status = PspAllocateIn(process, sizeof *peb, (PVOID *)&peb);
    if (!NT_SUCCESS(status))
        return status;
    PsGetVersion(&peb->OSMajorVersion, &peb->OSMinorVersion, NULL, NULL);
    peb->OSBuildNumber = 19045;
    peb->SessionId = process->session_id;
    process->wow64 = peb;
    return STATUS_SUCCESS;
}

PVOID PsGetProcessWow64Process(PEPROCESS Process) { return __atomic_load_n(&Process->wow64, __ATOMIC_ACQUIRE); }
