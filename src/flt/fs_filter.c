/* File system filter callbacks: what the memory and cache managers ask the stack before they lock a file's stream. */
#include "flt/core.h"

#include "ke/thread.h"

static void FillParameters(PIRP_CTRL Op, const FS_FILTER_CALLBACK_DATA *Data)
{
    FLT_PARAMETERS *p = &Op->Iopb.Parameters;

    switch ((UCHAR)Data->Operation) {
    case IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION:
        p->AcquireForSectionSynchronization.SyncType = Data->Parameters.AcquireForSectionSynchronization.SyncType;
        p->AcquireForSectionSynchronization.PageProtection = Data->Parameters.AcquireForSectionSynchronization.PageProtection;
        p->AcquireForSectionSynchronization.OutputInformation =
            Data->Parameters.AcquireForSectionSynchronization.OutputInformation;
        p->AcquireForSectionSynchronization.Flags = Data->Parameters.AcquireForSectionSynchronization.Flags;
        p->AcquireForSectionSynchronization.AllocationAttributes =
            Data->Parameters.AcquireForSectionSynchronization.AllocationAttributes;
        return;
    case IRP_MJ_ACQUIRE_FOR_MOD_WRITE:
        p->AcquireForModifiedPageWriter.EndingOffset = Data->Parameters.AcquireForModifiedPageWriter.EndingOffset;
        p->AcquireForModifiedPageWriter.ResourceToRelease = Data->Parameters.AcquireForModifiedPageWriter.ResourceToRelease;
        return;
    case IRP_MJ_RELEASE_FOR_MOD_WRITE:
        p->ReleaseForModifiedPageWriter.ResourceToRelease = Data->Parameters.ReleaseForModifiedPageWriter.ResourceToRelease;
        return;
    case IRP_MJ_QUERY_OPEN:
        p->QueryOpen.Irp = Data->Parameters.QueryOpen.Irp;
        p->QueryOpen.FileInformation = Data->Parameters.QueryOpen.FileInformation;
        p->QueryOpen.Length = Data->Parameters.QueryOpen.Length;
        p->QueryOpen.FileInformationClass = (FILE_INFORMATION_CLASS)Data->Parameters.QueryOpen.FileInformationClass;
        return;
    default:
        return;
    }
}

static bool IsQueryOpen(const FS_FILTER_CALLBACK_DATA *Data) { return (UCHAR)Data->Operation == IRP_MJ_QUERY_OPEN; }

static PFLT_INSTANCE TargetOf(PFLT_VOLUME Volume, const FS_FILTER_CALLBACK_DATA *Data)
{
    if (IsQueryOpen(Data))
        return FltpTargetOfCreate(Volume, Data->Parameters.QueryOpen.Irp);
    return Data->FileObject ? FltpTargetOfFileObject(Data->FileObject) : NULL;
}

static bool Sees(PFLT_VOLUME Volume, UCHAR Major)
{
    return __atomic_load_n(&Volume->Seen[FLTP_SLOT(Major)], __ATOMIC_RELAXED);
}

static NTSTATUS Completed(PFS_FILTER_CALLBACK_DATA Data, NTSTATUS Status)
{
    if (!IsQueryOpen(Data))
        return Status == STATUS_SUCCESS ? STATUS_FSFILTER_OP_COMPLETED_SUCCESSFULLY : Status;
    Data->Parameters.QueryOpen.CompletionStatus = Status;
    return Status == STATUS_FLT_DISALLOW_FSFILTER_IO ? Status : STATUS_FSFILTER_OP_COMPLETED_SUCCESSFULLY;
}

/* STATUS_SUCCESS: the next lower filter, then the file system. Anything else: an instance completed it. */
static NTSTATUS Pre(PFS_FILTER_CALLBACK_DATA Data, PVOID *CompletionContext)
{
    PFLT_VOLUME volume = FltpVolumeOf(Data->DeviceObject);

    *CompletionContext = NULL;
    if (!volume)
        return STATUS_SUCCESS;
    if (IsQueryOpen(Data) && !(FltpVolumeFlags(volume) & FLTP_VOLUME_SETUP_DONE))
        FltpSetupVolume(volume);
    if (!Sees(volume, (UCHAR)Data->Operation)) /* who filters creates must see the open */
        return IsQueryOpen(Data) && Sees(volume, IRP_MJ_CREATE) ? STATUS_FLT_DISALLOW_FSFILTER_IO : STATUS_SUCCESS;
    PIRP_CTRL op = FltpBeginOperation(volume, (UCHAR)Data->Operation, TargetOf(volume, Data));
    op->Thread = op->Data.Thread = (PETHREAD)KiCurrentThread();
    op->Kind = FLTFL_CALLBACK_DATA_FS_FILTER_OPERATION;
    op->Data.Flags = op->Kind;
    op->Iopb.MajorFunction = (UCHAR)Data->Operation;
    op->Iopb.TargetFileObject = Data->FileObject;
    op->FsFilterData = Data;
    FillParameters(op, Data);
    if (FltpDescend(op) == FLTP_REACHED_BOTTOM) {
        *CompletionContext = op;
        return STATUS_SUCCESS;
    }
    FltpAscend(op, true);
    NTSTATUS status = op->Data.IoStatus.Status;
    FltpEndOperation(op);
    return Completed(Data, status);
}

static VOID Post(PFS_FILTER_CALLBACK_DATA Data, NTSTATUS OperationStatus, PVOID CompletionContext)
{
    PIRP_CTRL op = CompletionContext;
    if (!op)
        return;
    op->Data.IoStatus = (IO_STATUS_BLOCK){.Status = OperationStatus};
    FltpAscend(op, true);
    if (IsQueryOpen(Data))
        Data->Parameters.QueryOpen.CompletionStatus = op->Data.IoStatus.Status;
    FltpEndOperation(op);
}

static FS_FILTER_CALLBACKS Callbacks = {
    .SizeOfFsFilterCallbacks = sizeof(FS_FILTER_CALLBACKS),
    .PreAcquireForSectionSynchronization = Pre,
    .PostAcquireForSectionSynchronization = Post,
    .PreReleaseForSectionSynchronization = Pre,
    .PostReleaseForSectionSynchronization = Post,
    .PreAcquireForCcFlush = Pre,
    .PostAcquireForCcFlush = Post,
    .PreReleaseForCcFlush = Pre,
    .PostReleaseForCcFlush = Post,
    .PreAcquireForModifiedPageWriter = Pre,
    .PostAcquireForModifiedPageWriter = Post,
    .PreReleaseForModifiedPageWriter = Pre,
    .PostReleaseForModifiedPageWriter = Post,
    .PreQueryOpen = Pre,
    .PostQueryOpen = Post,
};

void FltpRegisterFsFilter(PDRIVER_OBJECT DriverObject) { FsRtlRegisterFileSystemFilterCallbacks(DriverObject, &Callbacks); }
