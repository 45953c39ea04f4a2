/* SeLocateProcessImageName. */
#include "sep.h"

#include "ex/pool.h"
#include "fault/fault.h"
#include "ps/process.h"

#include <string.h>

struct drive {
    WCHAR letter;
    WCHAR target[128];
    USHORT length;
};

static bool FindDrive(PCUNICODE_STRING name, PCUNICODE_STRING target, void *context)
{
    struct drive *drive = context;
    if (name->Length != 2 * sizeof(WCHAR) || name->Buffer[1] != ':' || (name->Buffer[0] | 32) != (drive->letter | 32) ||
        target->Length > sizeof drive->target)
        return true;
    memcpy(drive->target, target->Buffer, target->Length);
    drive->length = target->Length;
    return false;
}

/* "\Device\HarddiskVolume1\Windows\notepad.exe"; the string and its buffer are one block of pool. */
NTSTATUS SeLocateProcessImageName(PEPROCESS Process, PUNICODE_STRING *pImageFileName)
{
    API_IRQL(SeLocateProcessImageName);
    UNICODE_STRING path = ((struct _KPROCESS *)Process)->image_path;
    struct drive drive = {0};
    if (path.Length >= 2 * sizeof(WCHAR) && path.Buffer[1] == ':') {
        drive.letter = path.Buffer[0];
        ObpEachDosLink(FindDrive, &drive);
        if (drive.length) {
            path.Buffer += 2;
            path.Length = (USHORT)(path.Length - 2 * sizeof(WCHAR));
        }
    }
    USHORT length = (USHORT)(drive.length + path.Length);
    PUNICODE_STRING name =
        fault_allocation() ? NULL : ExpAllocate(EXP_PAGED, sizeof *name + length + sizeof(WCHAR), SEP_TAG, VERIFY_CALLER);
    if (!name)
        return STATUS_INSUFFICIENT_RESOURCES;
    PWCHAR buffer = (PWCHAR)(name + 1);
    *name = (UNICODE_STRING){length, (USHORT)(length + sizeof(WCHAR)), buffer};
    memcpy(buffer, drive.target, drive.length);
    if (path.Length)
        memcpy((PCHAR)buffer + drive.length, path.Buffer, path.Length);
    buffer[length / sizeof(WCHAR)] = 0;
    *pImageFileName = name;
    return STATUS_SUCCESS;
}
