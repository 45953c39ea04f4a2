/* ZwSaveKey. */
#include "cm/hive.h"

#include "cm/callback.h"
#include "cm/key_object.h"
#include "fault/fault.h"
#include "sim/machine.h"
#include "verify/api.h"

static NTSTATUS make(struct cm_key_object *object, UCHAR **hive, ULONG *size)
{
    NTSTATUS status = STATUS_KEY_DELETED;

    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    sched_lock(&machine->cm->lock);
    if (!object->key->is_deleted) {
        *hive = CmpMakeHive(object->key, size);
        status = STATUS_SUCCESS;
    }
    sched_unlock(&machine->cm->lock);
    return status;
}

static NTSTATUS save(struct cm_key_object *object, HANDLE file)
{
    LARGE_INTEGER start = {.QuadPart = 0};
    IO_STATUS_BLOCK iosb;
    UCHAR *hive = NULL;
    ULONG size = 0;
    NTSTATUS status = make(object, &hive, &size);

    if (NT_SUCCESS(status))
        status = ZwWriteFile(file, NULL, NULL, NULL, &iosb, hive, size, &start, NULL);
    if (status == STATUS_PENDING) {
        ZwWaitForSingleObject(file, FALSE, NULL);
        status = iosb.Status;
    }
    sim_free(hive);
    return status;
}

NTSTATUS ZwSaveKey(HANDLE KeyHandle, HANDLE FileHandle)
{
    API_ENTER(ZwSaveKey, KeyHandle, SCHED_READ);
    struct cm_key_object *object;
    NTSTATUS status = CmpReferenceKey(KeyHandle, 0, &object);
    if (!NT_SUCCESS(status))
        return status;

    REG_SAVE_KEY_INFORMATION info = {.Object = object, .FileHandle = FileHandle, .Format = REG_STANDARD_FORMAT};
    struct cm_operation operation = CM_OPERATION(SaveKey, object, info);
    if (CmpBegin(&operation, &status))
        status = save(object, FileHandle);
    status = CmpEnd(&operation, object, status);
    ObDereferenceObject(object);
    return status;
}
