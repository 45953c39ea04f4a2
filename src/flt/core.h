/* What the files of the core share among themselves: how filters, volumes and instances come and go, and the steps of
 * one operation. Other rooms and the rest of this one use fltp.h. */
#ifndef FLTSIM_FLT_CORE_H
#define FLTSIM_FLT_CORE_H

#include "flt/fltp.h"

#include "ke/thread.h"
#include "trace/trace.h"

#include <uchar.h>

#ifndef STATUS_FLT_DISALLOW_FSFILTER_IO
#define STATUS_FLT_DISALLOW_FSFILTER_IO STATUS_FLT_DISALLOW_FAST_IO
#endif

/* ---- object.c ---- */

/* One rundown that is being waited for; lives until FltpEndRundown returned. */
struct flt_rundown_wait {
    KEVENT Event;
    volatile LONG64 Left;
    volatile ULONG_PTR *First;
    size_t Count, Stride;
};
/* Prepared, it may be waited for by others than the one that begins it. Begin prepares what is not; Start does not. */
void FltpPrepareRundown(struct flt_rundown_wait *Wait, volatile ULONG_PTR *First, size_t Count, size_t Stride);
void FltpStartRundown(struct flt_rundown_wait *Wait);
void FltpBeginRundown(struct flt_rundown_wait *Wait, volatile ULONG_PTR *First, size_t Count, size_t Stride);
void FltpEndRundown(struct flt_rundown_wait *Wait, const char *What, bool (*Stuck)(PFLT_OBJECT), PFLT_OBJECT Object,
                    const void *Site);
LONG64 FltpRundownLeft(PFLT_OBJECT Object);
/* context_memory.c: what a filter's contexts hold of it, beside Base.RundownRef. Close: they are counted by Wait from here
 * on; answers how many there are. */
LONG64 FltpCountContexts(PFLT_FILTER Filter);
LONG64 FltpCloseContexts(PFLT_FILTER Filter, struct flt_rundown_wait *Wait);
/* Reports the references of an object whose rundown nobody can end, and drops them. True: there were some. */
bool FltpReportLeakedReferences(PFLT_OBJECT Object);
/* Into a report: flags, rundown and pointer count, as the debugger shows them (dump.c). */
void FltpShowObject(struct verify_violation *v, PFLT_OBJECT Object);
const char *FltpObjectKind(PFLT_OBJECT Object);
/* Others may be setting FLT_OBFL_DRAINING meanwhile. */
static inline bool FltpIsOfType(PFLT_OBJECT Object, ULONG Type)
{
    return __atomic_load_n(&Object->Flags, __ATOMIC_RELAXED) & Type;
}
static inline bool FltpIsOneType(PFLT_OBJECT Object)
{
    ULONG types = __atomic_load_n(&Object->Flags, __ATOMIC_RELAXED) & FLT_OBFL_TYPES;
    return types && !(types & (types - 1));
}
/* "filter nullFilter", "instance X of filter Y on \Device\HarddiskVolume1". Returns text. */
const char *FltpDescribe(PFLT_OBJECT Object, char *Text, size_t Size);

/* ---- running.c: driver code that the Filter Manager called, other than for operations; by thread, innermost first ---- */

enum flt_runs { FLTP_RUNS_CLEANUP, FLTP_RUNS_WORK_ITEM, FLTP_RUNS_SETUP, FLTP_RUNS_TEARDOWN, FLTP_RUNS_UNLOAD };
struct flt_running {
    struct flt_running *Outer; /* _KTHREAD.flt_running */
    enum flt_runs What;
    PFLT_OBJECT Object;        /* whose end waits for the return: cleanup: the filter; else what it was called for */
    const void *Routine;
    LONG Held;                 /* unload: references that the thread took on the filter and its instances since */
};
static inline void FltpEnter(struct flt_running *Running, enum flt_runs What, PFLT_OBJECT Object, const void *Routine)
{
    PKTHREAD thread = KiCurrentThread();
    *Running = (struct flt_running){.Outer = thread->flt_running, .What = What, .Object = Object, .Routine = Routine};
    thread->flt_running = Running;
}
static inline void FltpLeave(struct flt_running *Running) { KiCurrentThread()->flt_running = Running->Outer; }
bool FltpRunsNow(enum flt_runs What);
void FltpCountHeld(PFLT_OBJECT Object, LONG Change);
/* The threads whose return the object's end waits for; Add may be NULL. Only when nothing goes on. */
bool FltpIsRunBy(PFLT_OBJECT Object, void (*Add)(PKTHREAD Thread, void *Context), void *Context);
/* unload-deadlock, when what is waited for is held by the unload callback that waits. */
void FltpCheckOwnReferences(PFLT_OBJECT Object);
/* Threads in a callback of the instance for an operation. Only when nothing goes on. */
void FltpEachCallbackThread(PFLT_INSTANCE Instance, void (*Add)(PKTHREAD Thread, void *Context), void *Context);

/* Shards stand on cache lines of their own: in a block 64 bytes larger. */
static inline void *FltpAlign(void *Memory) { return (void *)(((uintptr_t)Memory + 63) & ~(uintptr_t)63); }

/* ---- strings (registration.c) ---- */

UNICODE_STRING FltpCopyString(PCUNICODE_STRING Source); /* sim_alloc; Length 0 when Source is NULL */
static inline void FltpFreeString(PUNICODE_STRING String)
{
    sim_free(String->Buffer);
    *String = (UNICODE_STRING){0};
}
bool FltpSameString(PCUNICODE_STRING Left, PCUNICODE_STRING Right); /* without regard to case */
const char *FltpText(PCUNICODE_STRING String, char *Text, size_t Size);
/* STATUS_BUFFER_TOO_SMALL unless Target has room; *Needed in any case. */
NTSTATUS FltpReturnString(PCUNICODE_STRING Source, PUNICODE_STRING Target, PULONG Needed);

/* ---- registration.c: what a service's registry key says, and what FltRegisterFilter is told ---- */

struct flt_instance_definition {
    UNICODE_STRING Name;
    UNICODE_STRING Altitude;
    ULONG Flags;
};
enum { FLTP_INSTANCE_NO_AUTOMATIC = 1, FLTP_INSTANCE_NO_MANUAL = 2 };
/* The service's Instances key; freed by FltpFreeDefinitions. STATUS_OBJECT_NAME_NOT_FOUND: there is none. */
ULONG FltpReadFeatures(PDRIVER_OBJECT DriverObject);
NTSTATUS FltpReadDefinitions(PDRIVER_OBJECT DriverObject, struct flt_instance_definition **Definitions, ULONG *Count,
                             ULONG *Default);
void FltpFreeDefinitions(struct flt_instance_definition *Definitions, ULONG Count);
NTSTATUS FltpValidateRegistration(const FLT_REGISTRATION *Registration);
FLT_OPERATION_REGISTRATION *FltpCopyOperations(const FLT_OPERATION_REGISTRATION *Operations);

/* ---- filter.c ---- */

/* The memory: one hold for its pointer count, one for each instance. An instance does not count in PointerCount. */
static inline void FltpHoldFilter(PFLT_FILTER Filter) { __atomic_add_fetch(&Filter->Holds, 1, __ATOMIC_RELAXED); }
void FltpLetFilterGo(PFLT_FILTER Filter);
void FltpForgetFilter(PFLT_FILTER Filter); /* its last pointer is gone */
void FltpAbandonFilters(void); /* the machine ends with filters that cannot be unloaded */
PFLT_FILTER FltpFindFilter(PCUNICODE_STRING Name); /* pointer referenced, or NULL */
bool FltpIsLeaving(PCUNICODE_STRING Name); /* a filter of that name is being unregistered */

/* ---- instance.c ---- */

void FltpFreeInstance(PFLT_INSTANCE Instance);
/* One attachment: the instance, its setup callback, its place in the tables. *Instance, if wanted, is referenced. */
NTSTATUS FltpAttachInstance(PFLT_FILTER Filter, PFLT_VOLUME Volume, PCUNICODE_STRING Altitude, PCUNICODE_STRING Name,
                            FLT_INSTANCE_SETUP_FLAGS Flags, PFLT_INSTANCE *Instance, const void *Site);
/* Every instance that the registry gives this filter, on this volume. */
void FltpAttachAutomatically(PFLT_FILTER Filter, PFLT_VOLUME Volume, FLT_INSTANCE_SETUP_FLAGS Flags);
/* Tears an instance down and waits for the end. False: somebody else does (their end was waited for). */
bool FltpTeardownInstance(PFLT_INSTANCE Instance, FLT_INSTANCE_TEARDOWN_FLAGS Reason, const void *Site);
/* The end of one that was torn down: waits for who still references it. */
void FltpBuryInstance(PFLT_INSTANCE Instance);
/* Somebody gave back the last reference that its rundown waits for. */
void FltpLastReferenceGone(PFLT_INSTANCE Instance);
PFLT_INSTANCE FltpFindInstance(PFLT_VOLUME Volume, PFLT_FILTER Filter, PCUNICODE_STRING Name); /* pointer referenced */
void FltpFillObjects(FLT_RELATED_OBJECTS *Objects, PFLT_INSTANCE Instance);

/* ---- callbacks.c ---- */

PFLTP_CALLBACK_TABLE FltpEmptyTable(void);
/* With the instances that are in Volume->Instances and active. */
void FltpPublishCallbacks(PFLT_VOLUME Volume);
void FltpFreeTables(PFLT_VOLUME Volume);
/* The last of an instance: freed once no table that an operation still shows names it. */
void FltpFreeInstanceMemory(PFLT_VOLUME Volume, PFLT_INSTANCE Instance);

/* ---- volume.c, frame.c ---- */

PFLTP_FRAME FltpFrameFor(PCUNICODE_STRING Altitude);
void FltpFreeFrames(void);

struct flt_device_extension {
    PFLT_VOLUME Volume; /* NULL: the Filter Manager's own control device */
};
static inline PFLT_VOLUME FltpVolumeOf(PDEVICE_OBJECT Device)
{
    return ((struct flt_device_extension *)Device->DeviceExtension)->Volume;
}
NTSTATUS FltpCreateVolume(PFLTP_FRAME Frame, PDEVICE_OBJECT FileSystemDevice, PDEVICE_OBJECT DiskDevice, bool Control,
                          PFLT_VOLUME *Volume);
void FltpFreeVolume(PFLT_VOLUME Volume);
void FltpFreeDeadVolumes(bool All);
/* The automatic attachments of a volume that has none yet. */
void FltpSetupVolume(PFLT_VOLUME Volume);
void FltpFsNotification(PDEVICE_OBJECT Device, BOOLEAN Active);
NTSTATUS FltpMountVolume(PFLT_VOLUME Control, PIRP Irp);

/* ---- one operation ---- */

enum flt_descent { FLTP_REACHED_BOTTOM, FLTP_COMPLETED, FLTP_PENDED };
enum flt_ascent { FLTP_ASCENDED, FLTP_ASCENT_PENDED, FLTP_NEEDS_THREAD };
enum { FLTP_PEND_NONE, FLTP_PEND_RETURNED, FLTP_PEND_COMPLETED };

/* The dispatch routine's own frame: what a completion inside of its IoCallDriver tells it. */
typedef struct _FLTP_DESCENT {
    NTSTATUS Status;
    bool Completed; /* the IRP went on up; Status is its own */
    bool Pended;    /* a post-operation callback keeps the IRP */
} FLTP_DESCENT;

/* operation.c: begins with the volume's current table; NULL: no instance wants to see it. */
PIRP_CTRL FltpBeginOperation(PFLT_VOLUME Volume, UCHAR MajorFunction, PFLT_INSTANCE Below);
PIRP_CTRL FltpAllocateOperation(PFLT_VOLUME Volume);
bool FltpEnterOperation(PIRP_CTRL Op, UCHAR MajorFunction, PFLT_INSTANCE Below);
void FltpLeaveOperation(PIRP_CTRL Op); /* no longer tracked; Op stays */
void FltpEndOperation(PIRP_CTRL Op);
PCOMPLETION_NODE FltpNextNode(PIRP_CTRL Op);
/* Runs the post-operation callbacks that the instance is owed, as draining. Those in the requestor's own thread, and
 * those of swapped buffers, cannot be drained. */
void FltpDrainInstance(PFLT_INSTANCE Instance);
/* What keeps the instance from going, for a report. */
void FltpReportOperations(PFLT_INSTANCE Instance);
/* The operations that a callback pended, for a deadlock's report. */
void FltpExplainDeadlock(void);
/* Cancels what the instance still waits for. True: there was something. Only when nothing else goes on. */
bool FltpCancelOperations(PFLT_INSTANCE Instance);

/* dispatch.c */
enum flt_descent FltpDescend(PIRP_CTRL Op);
NTSTATUS FltpDispatch(PDEVICE_OBJECT DeviceObject, PIRP Irp);
NTSTATUS FltpPassThrough(PDEVICE_OBJECT DeviceObject, PIRP Irp);
/* The same for a file object or a create that only instances below one may see. OwnThread: the post-operation
 * callbacks run in this thread, and the IRP is complete on return. */
NTSTATUS FltpDispatchTo(PFLT_VOLUME Volume, PIRP Irp, PFLT_INSTANCE Below, bool OwnThread, PIRP_CTRL *Shown);
NTSTATUS FltpControlDispatch(PDEVICE_OBJECT DeviceObject, PIRP Irp); /* control.c: the Filter Manager's own device */
void FltpFinishPendedIrp(PIRP_CTRL Op);
/* An operation goes on after its pre-operation callback pended it. */
void FltpResume(PIRP_CTRL Op);
/* completion.c */
void FltpIrqlChanged(const char *Phase, const void *Code, KIRQL Before);
void FltpTopLevelChanged(const char *Phase, const void *Code, PVOID Before);
enum flt_ascent FltpAscend(PIRP_CTRL Op, bool OwnThread);
/* The IRP is complete below. */
void FltpTakeResult(PIRP_CTRL Op);
NTSTATUS FltpCompletion(PDEVICE_OBJECT DeviceObject, PIRP Irp, PVOID Context);
void FltpFinishIrp(PIRP_CTRL Op); /* after the last post: the IRP gets its own buffers and the status */
void FltpResumeAscent(PIRP_CTRL Op);
/* True: a close ends at DISPATCH_LEVEL; a work item finishes it. */
bool FltpPutsOffClose(PIRP_CTRL Op);
/* pend.c: the callback said it pended. True: it is completed by now (Wait: this thread waited), go on; false: Op is
 * somebody else's now. */
bool FltpPendedNow(PIRP_CTRL Op, bool Wait);

/* parameters.c */
void FltpParametersFromIrp(PIRP_CTRL Op, PIRP Irp, const IO_STACK_LOCATION *Stack);
void FltpParametersToIrp(PIRP_CTRL Op, PIRP Irp, PIO_STACK_LOCATION Stack);
/* Where the operation keeps its buffer, its MDL and its length; NULL where it has none. */
struct flt_buffer {
    PVOID *Buffer;
    PMDL *Mdl;
    PULONG Length;
    LOCK_OPERATION Access;
};
bool FltpBufferOf(PFLT_IO_PARAMETER_BLOCK Iopb, struct flt_buffer *Buffer);
void FltpFreeLockedMdl(PIRP_CTRL Op);

/* targeted_io.c: generated operations go their own way below the last instance. */
NTSTATUS FltpRunGenerated(PIRP_CTRL Op, enum flt_descent Descent);
void FltpFinishGenerated(PIRP_CTRL Op);
/* The routine's caller calls down from here to the end of the block (lock-held-across-create). */
#define CALL_DOWN(routine, major, file)                                                                                \
    VERIFY_CALL_DOWN(#routine, verify_call_kind_of(major, false), (file)->FsContext, VERIFY_CALLER)
/* Callback data for an operation that `Instance` sends; NULL: it is going. Freed by FltpFreeGenerated, which leaves
 * the MDL to its owner. */
PIRP_CTRL FltpNewGenerated(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, UCHAR MajorFunction);
void FltpFreeGenerated(PIRP_CTRL Op);
/* Sends and waits; the status is in Data.IoStatus, and returned. */
NTSTATUS FltpPerform(PIRP_CTRL Op);

NTSTATUS FltpPerformAsynchronously(PIRP_CTRL Op, PFLT_COMPLETED_ASYNC_IO_CALLBACK Callback, PVOID Context);
/* The IRP that a generated operation will be sent in; NULL: no memory. */
PIRP FltpGeneratedIrp(PIRP_CTRL Op);
/* Where the operation keeps the ECP list of its create. */
static inline PVOID *FltpEcpSlot(PIRP_CTRL Op)
{
    if (Op->Irp)
        return &Op->Irp->FltsimPrivate[0];
    return Op->Flags & FLTP_OP_GENERATED ? &Op->Ecps : NULL;
}
/* Activity, priority and so on of an IRP operation; NULL: it is none, or is shown to be drained only. */
static inline struct fltsim_irp_extension *FltpExtensionOf(PIRP_CTRL Op)
{
    if (!(Op->Kind & FLTFL_CALLBACK_DATA_IRP_OPERATION))
        return NULL;
    if (Op->Flags & FLTP_OP_GENERATED)
        return &Op->Extension;
    return Op->Irp ? &Op->Irp->FltsimExtension : NULL;
}
/* Of callback data. NULL: no create, or one that is shown to be drained only. ecp.c */
PVOID *FltpCreateSlot(PFLT_CALLBACK_DATA Data);
struct fsrtl_who;
/* A list for a create that has none. */
NTSTATUS FltpMakeEcpList(PFLT_CALLBACK_DATA Data, PVOID *Slot, struct fsrtl_who Who);
extern const GUID FltpOpenReparseEcp;

/* status.c: who asked what the device below returned is told. Requests were taken out of the operation, which may be
 * gone. */
struct flt_status_request;
void FltpTellStatus(struct flt_status_request *Requests, NTSTATUS Status);
static inline struct flt_status_request *FltpTakeStatusRequests(PIRP_CTRL Op)
{
    struct flt_status_request *requests = Op->StatusRequests;
    Op->StatusRequests = NULL;
    return requests;
}
/* cancel.c: the IRP of a generated operation is through. False: somebody is cancelling it, and will free it. */
bool FltpForgetIrp(PIRP_CTRL Op);
/* FltSetCancelCompletion and FltClearCancelCompletion for who holds an internal lock. False: it is cancelled (or no memory
 * for an IRP). */
bool FltpArmCancel(PIRP_CTRL Op, PFLT_COMPLETE_CANCELED_CALLBACK Callback);
bool FltpDisarmCancel(PIRP_CTRL Op);
/* redirect.c: a callback sent the operation on below an instance of its own on another volume. */
void FltpSetRedirect(PIRP_CTRL Op, const CALLBACK_NODE *Node);
void FltpRunRedirected(PIRP_CTRL Op);
/* apc-disabled: a synchronous wait of that routine could never end. */
void FltpCheckApcs(const char *Routine, const void *Site);

/* target.c: how a create is aimed. */
struct flt_aim {
    PFLT_INSTANCE Instance; /* NULL: at everybody */
    IO_DRIVER_CREATE_CONTEXT Context; /* for IoCreateFileEx, as are the extended attributes */
    PVOID Ea;
    ULONG EaLength;
    PECP_LIST OwnList;
    PVOID OwnEa;
    PFLTP_TARGET Target; /* on the list; NULL: none */
    FLTP_TARGET Before;  /* what was there: the list is that of another create, aimed as well */
    bool Borrowed;
    FLTP_TARGET InEa;
    UCHAR Shard;
};
/* STATUS_FLT_DELETING_OBJECT, STATUS_INSUFFICIENT_RESOURCES; FltpEndAim follows in any case. */
NTSTATUS FltpBeginAim(struct flt_aim *Aim, PFLT_FILTER Filter, PFLT_INSTANCE Instance,
                      PIO_DRIVER_CREATE_CONTEXT Context, CREATE_FILE_TYPE Type, PVOID Ea, ULONG EaLength);
void FltpEndAim(struct flt_aim *Aim);
/* The instance of this volume below which the create is aimed, or NULL. */
PFLT_INSTANCE FltpTargetOfCreate(PFLT_VOLUME Volume, PIRP Irp);

/* cross_volume.c: an aimed create whose name leads to another volume (FLT_CREATEFILE_TARGET_ECP_CONTEXT). */
struct flt_crossing {
    PFLT_FILTER Filter;
    PFLT_CREATEFILE_TARGET_ECP_CONTEXT Wish; /* the caller's */
    PECP_LIST List;
    PIO_DEVICE_HINT_ECP_CONTEXT Hint; /* what the I/O manager says of the target */
    const void *Site;
    PFLT_INSTANCE Instance;           /* the next try's; referenced */
    UNICODE_STRING Name;
    ULONG Tries;
};
bool FltpWantsCrossing(const IO_DRIVER_CREATE_CONTEXT *Context);
NTSTATUS FltpBeginCrossing(struct flt_crossing *Crossing, PFLT_FILTER Filter, PIO_DRIVER_CREATE_CONTEXT Context,
                           const void *Site);
/* After a try: true when there is another one to make, below .Instance with .Name; else the caller's ECP is filled. */
bool FltpCross(struct flt_crossing *Crossing, NTSTATUS Status);
void FltpEndCrossing(struct flt_crossing *Crossing);

/* create.c */
NTSTATUS FltpDispatchCreate(PFLT_VOLUME Volume, PIRP Irp);
/* This thread is in a pre-operation callback for the create of that file object. */
bool FltpIsBeingCreated(PFILE_OBJECT FileObject);
/* file-object-used-before-create: a request about a file that no file system knows yet. */
void FltpUsedBeforeCreate(const char *Routine, const void *Site);
/* The file is open, and on the instance's volume. */
static inline void FltpCheckTarget(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, const char *Routine, const void *Site)
{
    FltpCheckLive(Instance, Routine, Site);
    if (__builtin_expect(FileObject && !FileObject->FsContext, 0) && FltpIsBeingCreated(FileObject))
        FltpUsedBeforeCreate(Routine, Site);
    if (__builtin_expect(FltpIsOnOtherVolume(Instance, FileObject), 0))
        FltpReportOtherVolume(Instance, FileObject, Routine, Site);
}
NTSTATUS FltpDispatchClose(PDEVICE_OBJECT DeviceObject, PIRP Irp);
/* What the file object has of the filters' goes. IRQL <= APC_LEVEL. */
void FltpCloseIsComplete(PFLT_VOLUME Volume, PFILE_OBJECT FileObject);

/* fast_io.c, fs_filter.c */
extern FAST_IO_DISPATCH FltpFastIo;
void FltpRegisterFsFilter(PDRIVER_OBJECT DriverObject);

/* FLT_RELATED_OBJECTS.Transaction: what the file was opened in. */
static inline PKTRANSACTION FltpTransactionOf(PFILE_OBJECT File)
{
    PTXN_PARAMETER_BLOCK block = File ? IoGetTransactionParameterBlock(File) : NULL;
    return __builtin_expect(block != NULL, 0) ? (PKTRANSACTION)block->TransactionObject : NULL;
}

/* ---- features.c, bypass_io.c ---- */

NTSTATUS FltpGetSupportedFeatures(PDEVICE_OBJECT DeviceObject, PULONG SupportedFeatures);
/* The topmost instance's filter that does not support the feature, its rundown reference the caller's; or NULL. */
PFLT_FILTER FltpUnsupporting(PFLT_VOLUME Volume, ULONG Feature);
/* True: a filter of the volume keeps bypass I/O off, which the IRP was completed with; *Status is the dispatch's answer. */
bool FltpRefusesBypassIo(PFLT_VOLUME Volume, PIRP Irp, NTSTATUS *Status);

#endif
