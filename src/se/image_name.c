/* SeLocateProcessImageName. */
#include "sep.h"

#include "ex/pool.h"
#include "fault/fault.h"
#include "ps/process.h"

#include <string.h>

/* "\Device\HarddiskVolume1\Windows\notepad.exe"; the string and its buffer are one block of pool. */
NTSTATUS SeLocateProcessImageName(PEPROCESS Process, PUNICODE_STRING *pImageFileName)
{
    API_IRQL(SeLocateProcessImageName);
    const UNICODE_STRING *path = &((struct _KPROCESS *)Process)->image_path;
    SIZE_T size = sizeof(UNICODE_STRING) + path->Length + sizeof(WCHAR);
    PUNICODE_STRING name = fault_allocation() ? NULL : ExpAllocate(EXP_PAGED, size, SEP_TAG, VERIFY_CALLER);
    if (!name)
        return STATUS_INSUFFICIENT_RESOURCES;
    *name = (UNICODE_STRING){path->Length, (USHORT)(path->Length + sizeof(WCHAR)), (PWCH)(name + 1)};
    memcpy(name->Buffer, path->Buffer, path->Length);
    name->Buffer[path->Length / sizeof(WCHAR)] = 0;
    *pImageFileName = name;
    return STATUS_SUCCESS;
}
