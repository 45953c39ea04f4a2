/* Fast I/O: the same callbacks, around a call of the device below's own fast I/O routine. */
#include "flt/core.h"

#include "ke/thread.h"
#include "verify/api.h"

/* ---- the operation ---- */

static PIRP_CTRL BeginBelow(PFLT_VOLUME Volume, UCHAR Major, PFILE_OBJECT FileObject, PFLT_INSTANCE Below)
{
    PIRP_CTRL op = FltpBeginOperation(Volume, Major, Below);
    op->Thread = op->Data.Thread = (PETHREAD)KiCurrentThread();
    op->RequestorMode = op->Data.RequestorMode = ExGetPreviousMode();
    op->Kind = FLTFL_CALLBACK_DATA_FAST_IO_OPERATION;
    op->Data.Flags = op->Kind;
    op->Iopb.MajorFunction = Major;
    op->Iopb.TargetFileObject = FileObject;
    return op;
}

static PIRP_CTRL Begin(PFLT_VOLUME Volume, UCHAR Major, PFILE_OBJECT FileObject)
{
    return BeginBelow(Volume, Major, FileObject, FileObject ? FltpTargetOfFileObject(FileObject) : NULL);
}

/* True: the file system is to be asked. */
static bool Down(PIRP_CTRL Op)
{
    if (FltpDescend(Op) != FLTP_REACHED_BOTTOM)
        return false;
    if (!Op->Redirect)
        return true;
    FltpDereferencePointer(&Op->Redirect->Base); /* the IRP that follows will go to the other volume */
    Op->Redirect = NULL;
    Op->Data.IoStatus = (IO_STATUS_BLOCK){.Status = STATUS_FLT_DISALLOW_FAST_IO};
    return false;
}

/* After the file system's answer, or the callback's that completed it. */
static BOOLEAN Up(PIRP_CTRL Op, PIO_STATUS_BLOCK IoStatus)
{
    FltpAscend(Op, true);
    NTSTATUS status = Op->Data.IoStatus.Status;
    if (IoStatus)
        *IoStatus = Op->Data.IoStatus;
    FltpEndOperation(Op);
    return status != STATUS_FLT_DISALLOW_FAST_IO;
}

static void Answer(PIRP_CTRL Op, BOOLEAN Done, const IO_STATUS_BLOCK *IoStatus)
{
    if (Done)
        Op->Data.IoStatus = *IoStatus;
    else
        Op->Data.IoStatus = (IO_STATUS_BLOCK){.Status = STATUS_FLT_DISALLOW_FAST_IO};
}

static bool Unseen(PFLT_VOLUME Volume, UCHAR Major)
{
    return !__atomic_load_n(&Volume->Seen[FLTP_SLOT(Major)], __ATOMIC_RELAXED);
}

/* The routine of the device below, or NULL. */
#define BELOW(member)                                                                                                  \
    (fast && fast->SizeOfFastIoDispatch >= FIELD_OFFSET(FAST_IO_DISPATCH, member) + sizeof(void *) ? fast->member : NULL)

#define PROLOGUE                                                                                                       \
    PFLT_VOLUME volume = FltpVolumeOf(DeviceObject);                                                                   \
    if (!volume)                                                                                                       \
        return FALSE;                                                                                                  \
    PDEVICE_OBJECT below = volume->AttachedToDevice;                                                                   \
    const FAST_IO_DISPATCH *fast = below->DriverObject->FastIoDispatch

/* ---- read and write ---- */

static BOOLEAN FastIoTransfer(UCHAR Major, PFAST_IO_READ Routine, PFLT_VOLUME Volume, PFILE_OBJECT FileObject,
                              PLARGE_INTEGER FileOffset, ULONG Length, BOOLEAN Wait, ULONG LockKey, PVOID Buffer,
                              PIO_STATUS_BLOCK IoStatus)
{
    PDEVICE_OBJECT below = Volume->AttachedToDevice;
    PIRP_CTRL op = Begin(Volume, Major, FileObject);
    IO_STATUS_BLOCK result = {0};

    op->Iopb.Parameters.Read.Length = Length;
    op->Iopb.Parameters.Read.Key = LockKey;
    op->Iopb.Parameters.Read.ByteOffset = *FileOffset;
    op->Iopb.Parameters.Read.ReadBuffer = Buffer;
    if (Down(op)) {
        FLT_PARAMETERS *p = &op->Iopb.Parameters;
        BOOLEAN done = Routine && Routine(op->Iopb.TargetFileObject, &p->Read.ByteOffset, p->Read.Length, Wait, p->Read.Key,
                                          p->Read.ReadBuffer, &result, below);
        Answer(op, done, &result);
    }
    return Up(op, IoStatus);
}

static BOOLEAN FastIoRead(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, BOOLEAN Wait, ULONG LockKey,
                          PVOID Buffer, PIO_STATUS_BLOCK IoStatus, PDEVICE_OBJECT DeviceObject)
{
    PROLOGUE;
    PFAST_IO_READ routine = BELOW(FastIoRead);
    if (Unseen(volume, IRP_MJ_READ))
        return routine && routine(FileObject, FileOffset, Length, Wait, LockKey, Buffer, IoStatus, below);
    return FastIoTransfer(IRP_MJ_READ, routine, volume, FileObject, FileOffset, Length, Wait, LockKey, Buffer, IoStatus);
}

static BOOLEAN FastIoWrite(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, BOOLEAN Wait, ULONG LockKey,
                           PVOID Buffer, PIO_STATUS_BLOCK IoStatus, PDEVICE_OBJECT DeviceObject)
{
    PROLOGUE;
    PFAST_IO_WRITE routine = BELOW(FastIoWrite);
    if (Unseen(volume, IRP_MJ_WRITE))
        return routine && routine(FileObject, FileOffset, Length, Wait, LockKey, Buffer, IoStatus, below);
    return FastIoTransfer(IRP_MJ_WRITE, routine, volume, FileObject, FileOffset, Length, Wait, LockKey, Buffer, IoStatus);
}

static BOOLEAN FastIoCheckIfPossible(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, BOOLEAN Wait,
                                     ULONG LockKey, BOOLEAN CheckForReadOperation, PIO_STATUS_BLOCK IoStatus,
                                     PDEVICE_OBJECT DeviceObject)
{
    PROLOGUE;
    PFAST_IO_CHECK_IF_POSSIBLE routine = BELOW(FastIoCheckIfPossible);
    IO_STATUS_BLOCK result = {0};

    if (Unseen(volume, IRP_MJ_FAST_IO_CHECK_IF_POSSIBLE))
        return routine && routine(FileObject, FileOffset, Length, Wait, LockKey, CheckForReadOperation, IoStatus, below);
    PIRP_CTRL op = Begin(volume, IRP_MJ_FAST_IO_CHECK_IF_POSSIBLE, FileObject);
    op->Iopb.Parameters.FastIoCheckIfPossible.FileOffset = *FileOffset;
    op->Iopb.Parameters.FastIoCheckIfPossible.Length = Length;
    op->Iopb.Parameters.FastIoCheckIfPossible.LockKey = LockKey;
    op->Iopb.Parameters.FastIoCheckIfPossible.CheckForReadOperation = CheckForReadOperation;
    if (Down(op))
        Answer(op, routine && routine(FileObject, FileOffset, Length, Wait, LockKey, CheckForReadOperation, &result, below),
               &result);
    return Up(op, IoStatus);
}

/* ---- information ---- */

static PIRP_CTRL BeginQuery(PFLT_VOLUME Volume, PFILE_OBJECT FileObject, FILE_INFORMATION_CLASS Class, PVOID Buffer,
                            ULONG Length)
{
    PIRP_CTRL op = Begin(Volume, IRP_MJ_QUERY_INFORMATION, FileObject);
    op->Iopb.Parameters.QueryFileInformation.Length = Length;
    op->Iopb.Parameters.QueryFileInformation.FileInformationClass = Class;
    op->Iopb.Parameters.QueryFileInformation.InfoBuffer = Buffer;
    return op;
}

#define QUERY(Member, Class, Type)                                                                                     \
    static BOOLEAN Member(PFILE_OBJECT FileObject, BOOLEAN Wait, Type *Buffer, PIO_STATUS_BLOCK IoStatus,              \
                          PDEVICE_OBJECT DeviceObject)                                                                 \
    {                                                                                                                  \
        PROLOGUE;                                                                                                      \
        IO_STATUS_BLOCK result = {0};                                                                                  \
        if (Unseen(volume, IRP_MJ_QUERY_INFORMATION))                                                                  \
            return BELOW(Member) && fast->Member(FileObject, Wait, Buffer, IoStatus, below);                           \
        PIRP_CTRL op = BeginQuery(volume, FileObject, Class, Buffer, sizeof *Buffer);                                  \
        if (Down(op))                                                                                                  \
            Answer(op, BELOW(Member) && fast->Member(FileObject, Wait, Buffer, &result, below), &result);              \
        return Up(op, IoStatus);                                                                                       \
    }
QUERY(FastIoQueryBasicInfo, FileBasicInformation, FILE_BASIC_INFORMATION)
QUERY(FastIoQueryStandardInfo, FileStandardInformation, FILE_STANDARD_INFORMATION)
QUERY(FastIoQueryNetworkOpenInfo, FileNetworkOpenInformation, FILE_NETWORK_OPEN_INFORMATION)
#undef QUERY

/* A create and a query in one. The IRP is the I/O manager's own; it is nowhere sent. */
static BOOLEAN FastIoQueryOpen(PIRP Irp, PFILE_NETWORK_OPEN_INFORMATION NetworkInformation, PDEVICE_OBJECT DeviceObject)
{
    PROLOGUE;
    PFAST_IO_QUERY_OPEN routine = BELOW(FastIoQueryOpen);
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(Irp);

    if (!(FltpVolumeFlags(volume) & FLTP_VOLUME_SETUP_DONE))
        FltpSetupVolume(volume);
    bool unseen = Unseen(volume, IRP_MJ_NETWORK_QUERY_OPEN);
    if (unseen && !Unseen(volume, IRP_MJ_CREATE))
        return FALSE; /* who filters creates must see this one */
    PIRP_CTRL op = Begin(volume, IRP_MJ_NETWORK_QUERY_OPEN, stack->FileObject);
    op->Iopb.Parameters.NetworkQueryOpen.Irp = Irp;
    op->Iopb.Parameters.NetworkQueryOpen.NetworkInformation = NetworkInformation;
    if (Down(op)) {
        stack->DeviceObject = below;
        BOOLEAN done = routine && routine(Irp, NetworkInformation, below);
        stack->DeviceObject = DeviceObject;
        Answer(op, done, &Irp->IoStatus);
    }
    NTSTATUS status = op->Data.IoStatus.Status;
    BOOLEAN answered = Up(op, &Irp->IoStatus);
    if (!answered)
        Irp->IoStatus.Status = status == STATUS_FLT_DISALLOW_FAST_IO ? STATUS_SUCCESS : status;
    return answered;
}

/* ---- byte-range locks ---- */

static PIRP_CTRL BeginLock(PFLT_VOLUME Volume, PFILE_OBJECT FileObject, UCHAR Minor, PLARGE_INTEGER Offset,
                           PLARGE_INTEGER Length, PEPROCESS Process, ULONG Key)
{
    PIRP_CTRL op = Begin(Volume, IRP_MJ_LOCK_CONTROL, FileObject);
    op->Iopb.MinorFunction = Minor;
    op->Iopb.Parameters.LockControl.Length = Length;
    op->Iopb.Parameters.LockControl.Key = Key;
    if (Offset)
        op->Iopb.Parameters.LockControl.ByteOffset = *Offset;
    op->Iopb.Parameters.LockControl.ProcessId = Process;
    return op;
}

static BOOLEAN FastIoLock(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, PLARGE_INTEGER Length, PEPROCESS ProcessId,
                          ULONG Key, BOOLEAN FailImmediately, BOOLEAN ExclusiveLock, PIO_STATUS_BLOCK IoStatus,
                          PDEVICE_OBJECT DeviceObject)
{
    PROLOGUE;
    PFAST_IO_LOCK routine = BELOW(FastIoLock);
    IO_STATUS_BLOCK result = {0};

    if (Unseen(volume, IRP_MJ_LOCK_CONTROL))
        return routine && routine(FileObject, FileOffset, Length, ProcessId, Key, FailImmediately, ExclusiveLock, IoStatus,
                                  below);
    PIRP_CTRL op = BeginLock(volume, FileObject, IRP_MN_LOCK, FileOffset, Length, ProcessId, Key);
    op->Iopb.Parameters.LockControl.FailImmediately = FailImmediately;
    op->Iopb.Parameters.LockControl.ExclusiveLock = ExclusiveLock;
    if (Down(op))
        Answer(op, routine && routine(FileObject, FileOffset, Length, ProcessId, Key, FailImmediately, ExclusiveLock,
                                      &result, below),
               &result);
    return Up(op, IoStatus);
}

static BOOLEAN FastIoUnlockSingle(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, PLARGE_INTEGER Length,
                                  PEPROCESS ProcessId, ULONG Key, PIO_STATUS_BLOCK IoStatus, PDEVICE_OBJECT DeviceObject)
{
    PROLOGUE;
    PFAST_IO_UNLOCK_SINGLE routine = BELOW(FastIoUnlockSingle);
    IO_STATUS_BLOCK result = {0};

    if (Unseen(volume, IRP_MJ_LOCK_CONTROL))
        return routine && routine(FileObject, FileOffset, Length, ProcessId, Key, IoStatus, below);
    PIRP_CTRL op = BeginLock(volume, FileObject, IRP_MN_UNLOCK_SINGLE, FileOffset, Length, ProcessId, Key);
    if (Down(op))
        Answer(op, routine && routine(FileObject, FileOffset, Length, ProcessId, Key, &result, below), &result);
    return Up(op, IoStatus);
}

static BOOLEAN FastIoUnlockAll(PFILE_OBJECT FileObject, PEPROCESS ProcessId, PIO_STATUS_BLOCK IoStatus,
                               PDEVICE_OBJECT DeviceObject)
{
    PROLOGUE;
    PFAST_IO_UNLOCK_ALL routine = BELOW(FastIoUnlockAll);
    IO_STATUS_BLOCK result = {0};

    if (Unseen(volume, IRP_MJ_LOCK_CONTROL))
        return routine && routine(FileObject, ProcessId, IoStatus, below);
    PIRP_CTRL op = BeginLock(volume, FileObject, IRP_MN_UNLOCK_ALL, NULL, NULL, ProcessId, 0);
    if (Down(op))
        Answer(op, routine && routine(FileObject, ProcessId, &result, below), &result);
    return Up(op, IoStatus);
}

static BOOLEAN FastIoUnlockAllByKey(PFILE_OBJECT FileObject, PVOID ProcessId, ULONG Key, PIO_STATUS_BLOCK IoStatus,
                                    PDEVICE_OBJECT DeviceObject)
{
    PROLOGUE;
    PFAST_IO_UNLOCK_ALL_BY_KEY routine = BELOW(FastIoUnlockAllByKey);
    IO_STATUS_BLOCK result = {0};

    if (Unseen(volume, IRP_MJ_LOCK_CONTROL))
        return routine && routine(FileObject, ProcessId, Key, IoStatus, below);
    PIRP_CTRL op = BeginLock(volume, FileObject, IRP_MN_UNLOCK_ALL_BY_KEY, NULL, NULL, ProcessId, Key);
    if (Down(op))
        Answer(op, routine && routine(FileObject, ProcessId, Key, &result, below), &result);
    return Up(op, IoStatus);
}

/* ---- control ---- */

static BOOLEAN FastIoDeviceControl(PFILE_OBJECT FileObject, BOOLEAN Wait, PVOID InputBuffer, ULONG InputBufferLength,
                                   PVOID OutputBuffer, ULONG OutputBufferLength, ULONG IoControlCode,
                                   PIO_STATUS_BLOCK IoStatus, PDEVICE_OBJECT DeviceObject)
{
    PROLOGUE;
    PFAST_IO_DEVICE_CONTROL routine = BELOW(FastIoDeviceControl);
    IO_STATUS_BLOCK result = {0};

    if (Unseen(volume, IRP_MJ_DEVICE_CONTROL))
        return routine && routine(FileObject, Wait, InputBuffer, InputBufferLength, OutputBuffer, OutputBufferLength,
                                  IoControlCode, IoStatus, below);
    PIRP_CTRL op = Begin(volume, IRP_MJ_DEVICE_CONTROL, FileObject);
    op->Iopb.Parameters.DeviceIoControl.FastIo.OutputBufferLength = OutputBufferLength;
    op->Iopb.Parameters.DeviceIoControl.FastIo.InputBufferLength = InputBufferLength;
    op->Iopb.Parameters.DeviceIoControl.FastIo.IoControlCode = IoControlCode;
    op->Iopb.Parameters.DeviceIoControl.FastIo.InputBuffer = InputBuffer;
    op->Iopb.Parameters.DeviceIoControl.FastIo.OutputBuffer = OutputBuffer;
    if (Down(op))
        Answer(op, routine && routine(FileObject, Wait, InputBuffer, InputBufferLength, OutputBuffer, OutputBufferLength,
                                      IoControlCode, &result, below),
               &result);
    return Up(op, IoStatus);
}

/* ---- MDLs ---- */

/* What one request for MDLs, or their return, is asked. Initiator: who issues it, a filter that calls below itself. */
struct mdl_request {
    PFLT_VOLUME Volume;
    PFLT_INSTANCE Initiator;
    PFILE_OBJECT FileObject;
    PLARGE_INTEGER FileOffset;
    ULONG Length, LockKey;
};

static PIRP_CTRL BeginMdl(const struct mdl_request *R, UCHAR Major)
{
    return R->Initiator ? BeginBelow(R->Volume, Major, R->FileObject, R->Initiator) : Begin(R->Volume, Major, R->FileObject);
}

static BOOLEAN MdlTransfer(const struct mdl_request *R, UCHAR Major, PFAST_IO_MDL_READ Routine, PMDL *MdlChain,
                           PIO_STATUS_BLOCK IoStatus)
{
    PDEVICE_OBJECT below = R->Volume->AttachedToDevice;
    IO_STATUS_BLOCK result = {0};

    if (Unseen(R->Volume, Major))
        return Routine && Routine(R->FileObject, R->FileOffset, R->Length, R->LockKey, MdlChain, IoStatus, below);
    PIRP_CTRL op = BeginMdl(R, Major);
    op->Iopb.Parameters.MdlRead.FileOffset = *R->FileOffset;
    op->Iopb.Parameters.MdlRead.Length = R->Length;
    op->Iopb.Parameters.MdlRead.Key = R->LockKey;
    op->Iopb.Parameters.MdlRead.MdlChain = MdlChain;
    if (Down(op))
        Answer(op, Routine && Routine(R->FileObject, R->FileOffset, R->Length, R->LockKey, MdlChain, &result, below),
               &result);
    return Up(op, IoStatus);
}

static const IO_STATUS_BLOCK AllRight = {.Status = STATUS_SUCCESS};

static BOOLEAN ReadComplete(const struct mdl_request *R, PFAST_IO_MDL_READ_COMPLETE Routine, PMDL MdlChain)
{
    PDEVICE_OBJECT below = R->Volume->AttachedToDevice;
    if (Unseen(R->Volume, IRP_MJ_MDL_READ_COMPLETE))
        return Routine && Routine(R->FileObject, MdlChain, below);
    PIRP_CTRL op = BeginMdl(R, IRP_MJ_MDL_READ_COMPLETE);
    op->Iopb.Parameters.MdlReadComplete.MdlChain = MdlChain;
    if (Down(op))
        Answer(op, Routine && Routine(R->FileObject, MdlChain, below), &AllRight);
    return Up(op, NULL);
}

static BOOLEAN WriteComplete(const struct mdl_request *R, PFAST_IO_MDL_WRITE_COMPLETE Routine, PMDL MdlChain)
{
    PDEVICE_OBJECT below = R->Volume->AttachedToDevice;
    if (Unseen(R->Volume, IRP_MJ_MDL_WRITE_COMPLETE))
        return Routine && Routine(R->FileObject, R->FileOffset, MdlChain, below);
    PIRP_CTRL op = BeginMdl(R, IRP_MJ_MDL_WRITE_COMPLETE);
    op->Iopb.Parameters.MdlWriteComplete.FileOffset = *R->FileOffset;
    op->Iopb.Parameters.MdlWriteComplete.MdlChain = MdlChain;
    if (Down(op))
        Answer(op, Routine && Routine(R->FileObject, R->FileOffset, MdlChain, below), &AllRight);
    return Up(op, NULL);
}

static BOOLEAN MdlRead(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, ULONG LockKey, PMDL *MdlChain,
                       PIO_STATUS_BLOCK IoStatus, PDEVICE_OBJECT DeviceObject)
{
    PROLOGUE;
    const struct mdl_request r = {volume, NULL, FileObject, FileOffset, Length, LockKey};
    return MdlTransfer(&r, IRP_MJ_MDL_READ, BELOW(MdlRead), MdlChain, IoStatus);
}

static BOOLEAN PrepareMdlWrite(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, ULONG LockKey,
                               PMDL *MdlChain, PIO_STATUS_BLOCK IoStatus, PDEVICE_OBJECT DeviceObject)
{
    PROLOGUE;
    const struct mdl_request r = {volume, NULL, FileObject, FileOffset, Length, LockKey};
    return MdlTransfer(&r, IRP_MJ_PREPARE_MDL_WRITE, BELOW(PrepareMdlWrite), MdlChain, IoStatus);
}

static BOOLEAN MdlReadComplete(PFILE_OBJECT FileObject, PMDL MdlChain, PDEVICE_OBJECT DeviceObject)
{
    PROLOGUE;
    const struct mdl_request r = {.Volume = volume, .FileObject = FileObject};
    return ReadComplete(&r, BELOW(MdlReadComplete), MdlChain);
}

static BOOLEAN MdlWriteComplete(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, PMDL MdlChain,
                                PDEVICE_OBJECT DeviceObject)
{
    PROLOGUE;
    const struct mdl_request r = {.Volume = volume, .FileObject = FileObject, .FileOffset = FileOffset};
    return WriteComplete(&r, BELOW(MdlWriteComplete), MdlChain);
}

/* ---- the same, issued by a filter ---- */

#define ISSUED(routine)                                                                                                \
    API_ENTER(routine, FileObject, SCHED_WRITE);                                                                       \
    FltpCheckTarget(InitiatingInstance, FileObject, #routine, VERIFY_CALLER);                                          \
    PFLT_VOLUME volume = InitiatingInstance->Volume;                                                                   \
    const FAST_IO_DISPATCH *fast = volume->AttachedToDevice->DriverObject->FastIoDispatch

BOOLEAN FltFastIoMdlRead(PFLT_INSTANCE InitiatingInstance, PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length,
                         ULONG LockKey, PMDL *MdlChain, PIO_STATUS_BLOCK IoStatus)
{
    ISSUED(FltFastIoMdlRead);
    const struct mdl_request r = {volume, InitiatingInstance, FileObject, FileOffset, Length, LockKey};
    CALL_DOWN(FltFastIoMdlRead, IRP_MJ_READ, FileObject);
    return MdlTransfer(&r, IRP_MJ_MDL_READ, BELOW(MdlRead), MdlChain, IoStatus);
}

BOOLEAN FltFastIoMdlReadComplete(PFLT_INSTANCE InitiatingInstance, PFILE_OBJECT FileObject, PMDL MdlChain)
{
    ISSUED(FltFastIoMdlReadComplete);
    const struct mdl_request r = {.Volume = volume, .Initiator = InitiatingInstance, .FileObject = FileObject};
    return ReadComplete(&r, BELOW(MdlReadComplete), MdlChain);
}

BOOLEAN FltFastIoPrepareMdlWrite(PFLT_INSTANCE InitiatingInstance, PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset,
                                 ULONG Length, ULONG LockKey, PMDL *MdlChain, PIO_STATUS_BLOCK IoStatus)
{
    ISSUED(FltFastIoPrepareMdlWrite);
    const struct mdl_request r = {volume, InitiatingInstance, FileObject, FileOffset, Length, LockKey};
    CALL_DOWN(FltFastIoPrepareMdlWrite, IRP_MJ_WRITE, FileObject);
    return MdlTransfer(&r, IRP_MJ_PREPARE_MDL_WRITE, BELOW(PrepareMdlWrite), MdlChain, IoStatus);
}

BOOLEAN FltFastIoMdlWriteComplete(PFLT_INSTANCE InitiatingInstance, PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset,
                                  PMDL MdlChain)
{
    ISSUED(FltFastIoMdlWriteComplete);
    const struct mdl_request r = {.Volume = volume, .Initiator = InitiatingInstance, .FileObject = FileObject,
                                  .FileOffset = FileOffset};
    CALL_DOWN(FltFastIoMdlWriteComplete, IRP_MJ_WRITE, FileObject);
    return WriteComplete(&r, BELOW(MdlWriteComplete), MdlChain);
}

/* ---- the stack goes ---- */

static VOID FastIoDetachDevice(PDEVICE_OBJECT SourceDevice, PDEVICE_OBJECT TargetDevice)
{
    PFLT_VOLUME volume = FltpVolumeOf(SourceDevice);
    if (volume)
        FltpTeardownVolume(volume);
}

FAST_IO_DISPATCH FltpFastIo = {
    .SizeOfFastIoDispatch = sizeof(FAST_IO_DISPATCH),
    .FastIoCheckIfPossible = FastIoCheckIfPossible,
    .FastIoRead = FastIoRead,
    .FastIoWrite = FastIoWrite,
    .FastIoQueryBasicInfo = FastIoQueryBasicInfo,
    .FastIoQueryStandardInfo = FastIoQueryStandardInfo,
    .FastIoLock = FastIoLock,
    .FastIoUnlockSingle = FastIoUnlockSingle,
    .FastIoUnlockAll = FastIoUnlockAll,
    .FastIoUnlockAllByKey = FastIoUnlockAllByKey,
    .FastIoDeviceControl = FastIoDeviceControl,
    .FastIoDetachDevice = FastIoDetachDevice,
    .FastIoQueryNetworkOpenInfo = FastIoQueryNetworkOpenInfo,
    .MdlRead = MdlRead,
    .MdlReadComplete = MdlReadComplete,
    .PrepareMdlWrite = PrepareMdlWrite,
    .MdlWriteComplete = MdlWriteComplete,
    .FastIoQueryOpen = FastIoQueryOpen,
};
