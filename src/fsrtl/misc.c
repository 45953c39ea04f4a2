/* Small services for file systems and filters. */
#include "fsrtlp.h"

#include <stdatomic.h>
#include <string.h>

BOOLEAN FsRtlIsNtstatusExpected(NTSTATUS Exception)
{
    API_IRQL(FsRtlIsNtstatusExpected);
    switch (Exception) {
    case STATUS_DATATYPE_MISALIGNMENT:
    case STATUS_ACCESS_VIOLATION:
    case STATUS_ILLEGAL_INSTRUCTION:
    case STATUS_INSTRUCTION_MISALIGNMENT:
        return FALSE;
    default:
        return TRUE;
    }
}

NTSTATUS FsRtlNormalizeNtstatus(NTSTATUS Exception, NTSTATUS GenericException)
{
    API_IRQL(FsRtlNormalizeNtstatus);
    return FsRtlIsNtstatusExpected(Exception) ? Exception : GenericException;
}

BOOLEAN FsRtlIsTotalDeviceFailure(NTSTATUS Status)
{
    API_IRQL(FsRtlIsTotalDeviceFailure);
    if (NT_SUCCESS(Status))
        return FALSE;
    switch (Status) {
    case STATUS_CRC_ERROR:
    case STATUS_DEVICE_DATA_ERROR:
        return FALSE;
    default:
        return TRUE;
    }
}

BOOLEAN FsRtlIsPagingFile(PFILE_OBJECT FileObject)
{
    API_IRQL(FsRtlIsPagingFile);
    PFSRTL_COMMON_FCB_HEADER header = FileObject ? FileObject->FsContext : NULL;
    return header && (header->Flags2 & FSRTL_FLAG2_IS_PAGING_FILE);
}

BOOLEAN FsRtlIsSystemPagingFile(PFILE_OBJECT FileObject)
{
    API_IRQL(FsRtlIsSystemPagingFile);
    return FsRtlIsPagingFile(FileObject);
}

FSRTLP_FEATURES FsRtlpFeatures;

NTSTATUS FsRtlGetSupportedFeatures(PDEVICE_OBJECT DeviceObject, PULONG SupportedFeatures)
{
    API_IRQL(FsRtlGetSupportedFeatures);
    *SupportedFeatures = 0;
    return FsRtlpFeatures ? FsRtlpFeatures(DeviceObject, SupportedFeatures) : STATUS_FLT_VOLUME_NOT_FOUND;
}

PVOID FsRtlAllocatePoolWithTag(POOL_TYPE PoolType, ULONG NumberOfBytes, ULONG Tag)
{
    API_IRQL(FsRtlAllocatePoolWithTag);
    PVOID block = ExAllocatePoolWithTag(PoolType, NumberOfBytes, Tag);
    if (!block)
        ExRaiseStatus(STATUS_INSUFFICIENT_RESOURCES);
    return block;
}

PVOID FsRtlAllocatePoolWithQuotaTag(POOL_TYPE PoolType, ULONG NumberOfBytes, ULONG Tag)
{
    API_IRQL(FsRtlAllocatePoolWithQuotaTag);
    return ExAllocatePoolWithQuotaTag(PoolType, NumberOfBytes, Tag);
}

/* ---- reparse points and paths -------------------------------------------------------------------------------------- */

NTSTATUS FsRtlValidateReparsePointBuffer(ULONG BufferLength, PREPARSE_DATA_BUFFER ReparseBuffer)
{
    API_IRQL(FsRtlValidateReparsePointBuffer);
    if (BufferLength < REPARSE_DATA_BUFFER_HEADER_SIZE || BufferLength > MAXIMUM_REPARSE_DATA_BUFFER_SIZE)
        return STATUS_IO_REPARSE_DATA_INVALID;
    ULONG data = ReparseBuffer->ReparseDataLength;
    ULONG tag = ReparseBuffer->ReparseTag;
    bool plain = BufferLength == REPARSE_DATA_BUFFER_HEADER_SIZE + data;
    bool guided = !IsReparseTagMicrosoft(tag) && BufferLength == REPARSE_GUID_DATA_BUFFER_HEADER_SIZE + data;
    if (!plain && !guided)
        return STATUS_IO_REPARSE_DATA_INVALID;
    if (!IsReparseTagMicrosoft(tag) && !guided)
        return STATUS_IO_REPARSE_DATA_INVALID;
    if (tag == IO_REPARSE_TAG_RESERVED_ZERO || tag == IO_REPARSE_TAG_RESERVED_ONE)
        return STATUS_IO_REPARSE_TAG_INVALID;
    if (tag != IO_REPARSE_TAG_MOUNT_POINT && tag != IO_REPARSE_TAG_SYMLINK)
        return STATUS_SUCCESS;
    bool link = tag == IO_REPARSE_TAG_SYMLINK;
    ULONG fixed = link ? FIELD_OFFSET(REPARSE_DATA_BUFFER, SymbolicLinkReparseBuffer.PathBuffer)
                       : FIELD_OFFSET(REPARSE_DATA_BUFFER, MountPointReparseBuffer.PathBuffer);
    if (BufferLength < fixed)
        return STATUS_IO_REPARSE_DATA_INVALID;
    ULONG room = BufferLength - fixed;
    ULONG end = (ULONG)ReparseBuffer->MountPointReparseBuffer.SubstituteNameOffset +
                ReparseBuffer->MountPointReparseBuffer.SubstituteNameLength;
    ULONG printEnd = (ULONG)ReparseBuffer->MountPointReparseBuffer.PrintNameOffset +
                     ReparseBuffer->MountPointReparseBuffer.PrintNameLength;
    return end > room || printEnd > room ? STATUS_IO_REPARSE_DATA_INVALID : STATUS_SUCCESS;
}

NTSTATUS FsRtlRemoveDotsFromPath(PWSTR OriginalString, USHORT PathLength, USHORT *NewLength)
{
    API_IRQL(FsRtlRemoveDotsFromPath);
    USHORT units = PathLength / sizeof(WCHAR), from = 0, to = 0;
    while (from < units) {
        USHORT end = from;
        while (end < units && OriginalString[end] != u'\\')
            end++;
        USHORT length = end - from;
        if (length == 2 && OriginalString[from] == u'.' && OriginalString[from + 1] == u'.') {
            if (to <= 1)
                return STATUS_IO_REPARSE_DATA_INVALID;
            to--; // the separator
            while (to > 0 && OriginalString[to - 1] != u'\\')
                to--;
        } else if (!(length == 1 && OriginalString[from] == u'.')) {
            memmove(OriginalString + to, OriginalString + from, length * sizeof(WCHAR));
            to += length;
            if (end < units)
                OriginalString[to++] = u'\\';
        }
        from = end + 1;
    }
    if (to > 1 && OriginalString[to - 1] == u'\\' && units && OriginalString[units - 1] != u'\\')
        to--;
    *NewLength = to * sizeof(WCHAR);
    return STATUS_SUCCESS;
}

/* ---- waiting and overflow ------------------------------------------------------------------------------------------- */

struct cancellable {
    PKTHREAD thread;
    atomic_bool cancelled;
    KEVENT over; /* the cancel routine needs this structure no more */
};

static VOID BreakOff(PDEVICE_OBJECT device, PIRP irp)
{
    struct cancellable *wait = irp->Tail.Overlay.DriverContext[3];
    IoReleaseCancelSpinLock(irp->CancelIrql);
    KiBreakWait(wait->thread, &wait->cancelled);
    KeSetEvent(&wait->over, IO_NO_INCREMENT, FALSE);
}

static NTSTATUS WaitOrCancelled(ULONG count, PVOID *objects, WAIT_TYPE type, PLARGE_INTEGER timeout, PKWAIT_BLOCK blocks,
                                PIRP irp, const void *site)
{
    struct cancellable wait = {.thread = KiCurrentThread()};
    KeInitializeEvent(&wait.over, NotificationEvent, FALSE);
    PVOID before = irp->Tail.Overlay.DriverContext[3];
    irp->Tail.Overlay.DriverContext[3] = &wait;
    IoSetCancelRoutine(irp, BreakOff);
    NTSTATUS status = STATUS_CANCELLED;
    if (!__atomic_load_n(&irp->Cancel, __ATOMIC_SEQ_CST))
        status = KiWaitUnlessBroken(&wait.cancelled, count, objects, type, timeout, blocks, site);
    if (!IoSetCancelRoutine(irp, NULL)) /* it runs, or has run */
        KeWaitForSingleObject(&wait.over, Executive, KernelMode, FALSE, NULL);
    irp->Tail.Overlay.DriverContext[3] = before;
    return status;
}

NTSTATUS FsRtlCancellableWaitForMultipleObjects(ULONG Count, PVOID ObjectArray[], WAIT_TYPE WaitType,
                                                PLARGE_INTEGER Timeout, PKWAIT_BLOCK WaitBlockArray, PIRP Irp)
{
    API_IRQL(FsRtlCancellableWaitForMultipleObjects);
    NTSTATUS status;
    if (PsIsThreadTerminating(PsGetCurrentThread()))
        return STATUS_THREAD_IS_TERMINATING;
    if (Irp && __atomic_load_n(&Irp->Cancel, __ATOMIC_SEQ_CST))
        return STATUS_CANCELLED;
    if (Irp)
        status = WaitOrCancelled(Count, ObjectArray, WaitType, Timeout, WaitBlockArray, Irp, VERIFY_CALLER);
    else
        status = KeWaitForMultipleObjects(Count, ObjectArray, WaitType, Executive, UserMode, FALSE, Timeout,
                                          WaitBlockArray);
    return status == STATUS_USER_APC ? STATUS_THREAD_IS_TERMINATING : status;
}

NTSTATUS FsRtlCancellableWaitForSingleObject(PVOID Object, PLARGE_INTEGER Timeout, PIRP Irp)
{
    API_IRQL(FsRtlCancellableWaitForSingleObject);
    return FsRtlCancellableWaitForMultipleObjects(1, &Object, WaitAny, Timeout, NULL, Irp);
}

struct overflow_work {
    WORK_QUEUE_ITEM item;
    PVOID context;
    PKEVENT event;
    PFSRTL_STACK_OVERFLOW_ROUTINE routine;
};

static VOID RunOverflow(PVOID parameter)
{
    struct overflow_work *work = parameter;
    work->routine(work->context, work->event);
    sim_free(work);
}

VOID FsRtlPostStackOverflow(PVOID Context, PKEVENT Event, PFSRTL_STACK_OVERFLOW_ROUTINE StackOverflowRoutine)
{
    API_IRQL(FsRtlPostStackOverflow);
    struct overflow_work *work = sim_alloc(sizeof *work);
    work->context = Context;
    work->event = Event;
    work->routine = StackOverflowRoutine;
    ExInitializeWorkItem(&work->item, RunOverflow, work);
    ExQueueWorkItem(&work->item, CriticalWorkQueue);
}

VOID FsRtlPostPagingFileStackOverflow(PVOID Context, PKEVENT Event, PFSRTL_STACK_OVERFLOW_ROUTINE StackOverflowRoutine)
{
    FsRtlPostStackOverflow(Context, Event, StackOverflowRoutine);
}
