/* Aimed creates whose name leads to another volume. The I/O manager refuses to leave the stack that it was given; what
 * it was led to it tells in an extra create parameter, and from there it goes on below an instance of the same filter,
 * or the caller is told. */
#include "flt/core.h"
#include "flt/name.h"

#include "io/iop.h"

enum { MAX_TRIES = 32 };

/* GUID_ECP_FLT_CREATEFILE_TARGET */
static const GUID WishType = {0x96e1dafb, 0x3162, 0x4bee, {0xa4, 0x49, 0x02, 0xf7, 0x04, 0x90, 0x03, 0x88}};

static PFLT_CREATEFILE_TARGET_ECP_CONTEXT WishOf(const IO_DRIVER_CREATE_CONTEXT *Context)
{
    PVOID wish;
    ULONG size;
    if (!Context || !Context->ExtraCreateParameter)
        return NULL;
    if (!NT_SUCCESS(FsRtlFindExtraCreateParameter(Context->ExtraCreateParameter, &WishType, &wish, &size)))
        return NULL;
    return size >= sizeof(FLT_CREATEFILE_TARGET_ECP_CONTEXT) ? wish : NULL;
}

bool FltpWantsCrossing(const IO_DRIVER_CREATE_CONTEXT *Context) { return WishOf(Context) != NULL; }

static void ForgetHint(PIO_DEVICE_HINT_ECP_CONTEXT Hint)
{
    if (Hint->TargetDevice)
        ObDereferenceObject(Hint->TargetDevice);
    if (Hint->RemainingName.Buffer)
        ExFreePool(Hint->RemainingName.Buffer);
    *Hint = (IO_DEVICE_HINT_ECP_CONTEXT){0};
}

static VOID HintCleanup(PVOID EcpContext, LPCGUID EcpType) { ForgetHint(EcpContext); }

NTSTATUS FltpBeginCrossing(struct flt_crossing *Crossing, PFLT_FILTER Filter, PIO_DRIVER_CREATE_CONTEXT Context,
                           const void *Site)
{
    PIO_DEVICE_HINT_ECP_CONTEXT hint;

    *Crossing = (struct flt_crossing){
        .Filter = Filter, .Wish = WishOf(Context), .List = Context->ExtraCreateParameter, .Site = Site};
    NTSTATUS status = FsRtlAllocateExtraCreateParameter(&IopDeviceHintEcp, sizeof *hint, 0, HintCleanup, 'HtlF',
                                                        (PVOID *)&hint);
    if (!NT_SUCCESS(status))
        return status;
    status = FsRtlInsertExtraCreateParameter(Crossing->List, hint);
    if (NT_SUCCESS(status))
        Crossing->Hint = hint;
    else
        FsRtlFreeExtraCreateParameter(hint);
    return status;
}

static PFLT_INSTANCE InstanceOn(PFLT_FILTER Filter, PFLT_VOLUME Volume)
{
    PFLT_INSTANCE *instances, found = NULL;
    ULONG count = FltpSnapshotInstances(Volume, Filter, &instances);
    if (count && NT_SUCCESS(FltObjectReference(instances[0])))
        found = instances[0];
    FltpFreeObjects(instances, count);
    return found;
}

static void ForgetTry(struct flt_crossing *Crossing)
{
    FltpFreeString(&Crossing->Name);
    if (Crossing->Instance)
        FltObjectDereference(Crossing->Instance);
    Crossing->Instance = NULL;
}

static UNICODE_STRING FullName(PFLT_VOLUME Volume, PCUNICODE_STRING Rest)
{
    UNICODE_STRING name = {.MaximumLength = (USHORT)(Volume->Name.Length + Rest->Length)};
    name.Buffer = sim_alloc(name.MaximumLength + sizeof(WCHAR));
    RtlAppendUnicodeStringToString(&name, &Volume->Name);
    RtlAppendUnicodeStringToString(&name, Rest);
    return name;
}

static PFLT_FILE_NAME_INFORMATION NameInformation(struct flt_crossing *Crossing, PFLT_VOLUME Volume)
{
    FLTP_NAME_REQUEST request = {.Volume = Volume, .Format = FLT_FILE_NAME_OPENED};
    FLTP_TEXT text = {0};

    FltpAppendString(&text, &Crossing->Name);
    PFLTP_NAME name = FltpCreateName(&request, &text, Crossing->Site);
    name->Filter = Crossing->Filter;
    FltpFreeText(&text);
    FltpHoldName(name, "got by", Crossing->Site);
    FltpDereferenceName(name);
    return &name->Info;
}

/* The references go to the caller. */
static void Tell(struct flt_crossing *Crossing, PFLT_VOLUME Volume)
{
    PFLT_CREATEFILE_TARGET_ECP_CONTEXT wish = Crossing->Wish;

    wish->Volume = Volume;
    wish->Instance = Crossing->Instance;
    wish->FileNameInformation = NameInformation(Crossing, Volume);
    Crossing->Instance = NULL;
    FsRtlAcknowledgeEcp(wish);
}

static bool LeftTheVolume(const struct flt_crossing *Crossing, NTSTATUS Status)
{
    return (Status == STATUS_MOUNT_POINT_NOT_RESOLVED || Status == STATUS_INVALID_DEVICE_OBJECT_PARAMETER) &&
           Crossing->Hint->TargetDevice;
}

bool FltpCross(struct flt_crossing *Crossing, NTSTATUS Status)
{
    PFLT_VOLUME volume;

    ForgetTry(Crossing);
    if (!LeftTheVolume(Crossing, Status) ||
        !NT_SUCCESS(FltGetVolumeFromDeviceObject(Crossing->Filter, Crossing->Hint->TargetDevice, &volume)))
        return false;
    Crossing->Name = FullName(volume, &Crossing->Hint->RemainingName);
    Crossing->Instance = InstanceOn(Crossing->Filter, volume);
    ForgetHint(Crossing->Hint);
    if (Crossing->Instance && Crossing->Wish->Flags & FLTTCFL_AUTO_REPARSE && ++Crossing->Tries < MAX_TRIES) {
        FltObjectDereference(volume);
        return true;
    }
    Tell(Crossing, volume);
    return false;
}

void FltpEndCrossing(struct flt_crossing *Crossing)
{
    PVOID removed;
    ForgetTry(Crossing);
    FsRtlRemoveExtraCreateParameter(Crossing->List, &IopDeviceHintEcp, &removed, NULL);
    FsRtlFreeExtraCreateParameter(Crossing->Hint);
}
