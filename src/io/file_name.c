/* ObQueryNameString of a file object: its device's name, then what the file system says its path is. */
#include "iop.h"

#include <string.h>

static NTSTATUS AskFileSystem(PFILE_OBJECT file, PFILE_NAME_INFORMATION *result)
{
    ULONG size = 512, returned;
    for (;;) {
        PFILE_NAME_INFORMATION info = sim_alloc(size);
        NTSTATUS status = IoQueryFileInformation(file, FileNameInformation, size, info, &returned);
        if (NT_SUCCESS(status)) {
            *result = info;
            return status;
        }
        ULONG needed = info->FileNameLength + (ULONG)sizeof *info;
        sim_free(info);
        if (status != STATUS_BUFFER_OVERFLOW || needed <= size)
            return status;
        size = needed;
    }
}

NTSTATUS IopQueryFileName(PVOID object, POBJECT_NAME_INFORMATION info, ULONG length, PULONG return_length)
{
    PFILE_OBJECT file = object;
    PFILE_NAME_INFORMATION path;
    NTSTATUS status = ObQueryNameString(file->DeviceObject, info, length, return_length);
    if (!NT_SUCCESS(status) && status != STATUS_INFO_LENGTH_MISMATCH)
        return status;
    ULONG device_size = *return_length;
    NTSTATUS cut = length < sizeof *info ? STATUS_INFO_LENGTH_MISMATCH : STATUS_BUFFER_OVERFLOW;
    if (!NT_SUCCESS(AskFileSystem(file, &path)))
        return NT_SUCCESS(status) ? status : cut;
    ULONG needed = device_size + path->FileNameLength;
    *return_length = needed;
    if (!NT_SUCCESS(status) || length < needed) {
        sim_free(path);
        return cut;
    }
    memcpy((PCHAR)info->Name.Buffer + info->Name.Length, path->FileName, path->FileNameLength);
    info->Name.Length = (USHORT)(info->Name.Length + path->FileNameLength);
    info->Name.MaximumLength = (USHORT)(info->Name.Length + sizeof(WCHAR));
    info->Name.Buffer[info->Name.Length / sizeof(WCHAR)] = 0;
    sim_free(path);
    return STATUS_SUCCESS;
}
