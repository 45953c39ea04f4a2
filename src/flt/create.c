/* Creates on their way down: the dispatch of IRP_MJ_CREATE and IRP_MJ_CLOSE, and creates that are issued from within
 * creates. */
#include "flt/core.h"

#include "io/iop.h"
#include "ke/thread.h"
#include "verify/api.h"

/* How often one instance may be on the way to a create as the one that issued it. Whoever aims is there once. */
enum { FLTP_MAX_MEETINGS = 8, FLTP_MAX_CREATE_DEPTH = 64 };

/* The creates that this thread is in the middle of: each was issued by a callback of the one before. */
struct create_frame {
    struct create_frame *Outer; /* struct _KTHREAD.flt */
    PIRP Irp;
    PIRP_CTRL Op;
    PFLT_INSTANCE Issuer; /* whose callback for the create outside issued this one; NULL: nobody's */
    PFLT_INSTANCE Target;
    unsigned Depth;
    struct create_frame *Outermost;
    bool Endless; /* the outermost one's: recursion was found, and no more creates are taken within it */
};

/* ---- recursion ---- */

static const char *Path(PIRP Irp, char *Text, size_t Size)
{
    return FltpText(&IoGetCurrentIrpStackLocation(Irp)->FileObject->FileName, Text, Size);
}

/* Innermost first: each create, and the filter whose callback for the one behind it issued it. */
static void DescribeChain(struct verify_violation *V, const struct create_frame *Frame)
{
    char path[200], filter[100];
    for (; Frame; Frame = Frame->Outer) {
        verify_history(V, "%2u. create of \"%s\"%s", Frame->Depth, Path(Frame->Irp, path, sizeof path),
                       Frame->Target ? ", aimed" : "");
        if (Frame->Issuer)
            verify_history(V, "    issued by filter %s in its %s-create callback for the next one",
                           FltpText(&Frame->Issuer->Filter->Name, filter, sizeof filter),
                           Frame->Outer->Op && Frame->Outer->Op->Flags & FLTP_OP_IN_POST ? "post" : "pre");
        else if (Frame->Outer)
            verify_history(V, "    issued by a driver below, for the next one");
    }
}

static void ReportRecursion(const struct create_frame *Frame, unsigned Meetings)
{
    char filter[100];
    struct verify_violation *v =
        Meetings ? verify_begin(VERIFY_CREATE_RECURSION,
                                "Filter %s issued a create from within its own create %u times over: the creates are %u deep.",
                                FltpText(&Frame->Issuer->Filter->Name, filter, sizeof filter), Meetings, Frame->Depth)
                 : verify_begin(VERIFY_CREATE_RECURSION, "Creates were issued from within creates, %u deep.", Frame->Depth);
    DescribeChain(v, Frame);
    if (Frame->Issuer)
        verify_blame(v, verify_driver_of(Frame->Issuer->Filter->RegisteredAt));
    verify_end(v);
}

bool FltpIsBeingCreated(PFILE_OBJECT FileObject)
{
    for (const struct create_frame *at = KiCurrentThread()->flt; at; at = at->Outer)
        if (at->Op && at->Op->Iopb.TargetFileObject == FileObject)
            return !(at->Op->Flags & (FLTP_OP_IN_POST | FLTP_OP_SENT));
    return false;
}

void FltpUsedBeforeCreate(const char *Routine, const void *Site)
{
    if (!verify_first_time("file-object-used-before-create", Site))
        return;
    struct verify_violation *v =
        verify_begin(VERIFY_FILE_BEFORE_CREATE, "%s was called for a file whose create is still on its way down.", Routine);
    verify_site(v, "called by", Site);
    verify_end(v);
}

static unsigned CountMeetings(const struct create_frame *Frame)
{
    unsigned count = 0;
    for (const struct create_frame *at = Frame; at; at = at->Outer)
        count += at->Issuer == Frame->Issuer;
    return Frame->Issuer ? count : 0;
}

/* A create that has an end meets nobody that often. */
static bool IsEndless(const struct create_frame *Frame)
{
    if (Frame->Outermost->Endless)
        return true;
    unsigned meetings = CountMeetings(Frame);
    if (meetings <= FLTP_MAX_MEETINGS && Frame->Depth <= FLTP_MAX_CREATE_DEPTH)
        return false;
    Frame->Outermost->Endless = true;
    if (verify_first_time("create-recursion", Frame->Issuer))
        ReportRecursion(Frame, meetings > FLTP_MAX_MEETINGS ? meetings : 0);
    return true;
}

/* ---- targets ---- */

PFLT_INSTANCE FltpTargetOfFileObject(PFILE_OBJECT FileObject) { return IopFile(FileObject)->filter_target; }

static void SetTarget(PFILE_OBJECT FileObject, PFLT_INSTANCE Instance)
{
    PFLT_INSTANCE old = IopFile(FileObject)->filter_target;
    if (Instance)
        FltpReferencePointer(&Instance->Base);
    IopFile(FileObject)->filter_target = Instance;
    if (old)
        FltpDereferencePointer(&old->Base);
}

/* ---- dispatch ---- */

/* The same create in another frame is no other create. */
static struct create_frame *OuterOf(PIRP Irp)
{
    struct create_frame *outer = KiCurrentThread()->flt;
    while (outer && outer->Irp == Irp)
        outer = outer->Outer;
    return outer;
}

static NTSTATUS RunCreate(PFLT_VOLUME Volume, PIRP Irp, PFLT_INSTANCE Target)
{
    PKTHREAD thread = KiCurrentThread();
    struct create_frame *before = thread->flt, frame = {.Outer = OuterOf(Irp), .Irp = Irp, .Target = Target, .Depth = 1};

    frame.Outermost = frame.Outer ? frame.Outer->Outermost : &frame;
    if (frame.Outer) {
        frame.Depth = frame.Outer->Depth + 1;
        frame.Issuer = frame.Outer->Op ? frame.Outer->Op->Current : NULL;
        if (__builtin_expect(IsEndless(&frame), 0)) {
            Irp->IoStatus = (IO_STATUS_BLOCK){.Status = STATUS_INSUFFICIENT_RESOURCES};
            IoCompleteRequest(Irp, IO_NO_INCREMENT);
            return STATUS_INSUFFICIENT_RESOURCES;
        }
    }
    thread->flt = &frame;
    NTSTATUS status = FltpDispatchTo(Volume, Irp, Target, true, &frame.Op);
    thread->flt = before;
    return status;
}

NTSTATUS FltpDispatchCreate(PFLT_VOLUME Volume, PIRP Irp)
{
    const IO_STACK_LOCATION *stack = IoGetCurrentIrpStackLocation(Irp);
    PFILE_OBJECT file = stack->FileObject;

    if (__builtin_expect(!(FltpVolumeFlags(Volume) & FLTP_VOLUME_SETUP_DONE), 0))
        FltpSetupVolume(Volume);
    PFLT_INSTANCE target = FltpTargetOfCreate(Volume, Irp);
    if (!target && !__atomic_load_n(&Volume->Seen[FLTP_SLOT(stack->MajorFunction)], __ATOMIC_RELAXED))
        return FltpPassThrough(Volume->DeviceObject, Irp);
    if (target)
        SetTarget(file, target);
    NTSTATUS status = RunCreate(Volume, Irp, target);
    if (target && (!NT_SUCCESS(status) || status == STATUS_REPARSE))
        SetTarget(file, NULL);
    return status;
}

static bool HoldsSomething(PFLT_VOLUME volume, PFILE_OBJECT file)
{
    return file->FileObjectExtension || IopFile(file)->filter_target || __atomic_load_n(&volume->Names, __ATOMIC_ACQUIRE);
}

NTSTATUS FltpDispatchClose(PDEVICE_OBJECT DeviceObject, PIRP Irp)
{
    PFLT_VOLUME volume = FltpVolumeOf(DeviceObject);
    PFILE_OBJECT file = IoGetCurrentIrpStackLocation(Irp)->FileObject;

    if (!volume || !file)
        return FltpDispatch(DeviceObject, Irp);
    if (!__atomic_load_n(&volume->Seen[FLTP_SLOT(IRP_MJ_CLOSE)], __ATOMIC_RELAXED) && !HoldsSomething(volume, file))
        return FltpPassThrough(DeviceObject, Irp);
    return FltpDispatchTo(volume, Irp, FltpTargetOfFileObject(file), false, NULL);
}

void FltpCloseIsComplete(PFLT_VOLUME Volume, PFILE_OBJECT FileObject)
{
    FltpFileObjectClosed(Volume, FileObject);
    if (IopFile(FileObject)->filter_target)
        SetTarget(FileObject, NULL);
}
