/* The Filter Manager's own structures and the routines its files share.
 *
 * Lifetimes:
 * 1. Every FLT_OBJECT has a pointer count (the memory) and a rundown reference (the use). Each of the three lists
 *    that show an object to others holds one pointer; the memory goes with the last pointer.
 * 2. A FLT_INSTANCE is shown to operations only through callback tables. A table never changes: attaching and
 *    detaching publish another one. An operation reads its volume's table once, under its shard's lock, and shows it
 *    in IRP_CTRL.Table while it descends; a replaced table is freed when no operation shows it any more.
 * 3. An instance's callback runs only under the instance's operation rundown. An instance from which an operation
 *    still owes a post-operation callback keeps that hold until the callback ran, or was drained.
 * 4. Locks here are leaves (sched_lock): none is held across a callback, a wait or IoCallDriver. */
#ifndef FLTSIM_FLTP_H
#define FLTSIM_FLTP_H

#include <fltKernel.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sched/sched.h"
#include "sim/machine.h"
#include "verify/verify.h"

#pragma GCC visibility push(hidden) /* as in sched.h */

struct _FLTP_FRAME;
struct _FLTP_CALLBACK_TABLE;
struct _FLTP_OP;
typedef struct _FLTP_FRAME FLTP_FRAME, *PFLTP_FRAME;
typedef struct _FLTP_CALLBACK_TABLE FLTP_CALLBACK_TABLE, *PFLTP_CALLBACK_TABLE;
typedef struct _FLTP_OP IRP_CTRL, *PIRP_CTRL;

/* ---- FLT_OBJECT: what filters, volumes and instances begin with ------------------------------------------------ */

enum {
    FLT_OBFL_DRAINING = 0x00000001,
    FLT_OBFL_ZOMBIED = 0x00000002,
    FLT_OBFL_TYPE_INSTANCE = 0x01000000,
    FLT_OBFL_TYPE_FILTER = 0x02000000,
    FLT_OBFL_TYPE_VOLUME = 0x04000000,
    FLT_OBFL_TYPES = FLT_OBFL_TYPE_INSTANCE | FLT_OBFL_TYPE_FILTER | FLT_OBFL_TYPE_VOLUME,
};

typedef struct _FLT_OBJECT {
    volatile ULONG Flags; /* FLT_OBFL_ */
    volatile LONG PointerCount;
    EX_RUNDOWN_REF RundownRef; /* count * 2; bit 0: running down (0x1: drained) */
    LIST_ENTRY PrimaryLink;    /* filter: frame.Filters; volume: frame.Volumes; instance: volume.Instances */
    GUID UniqueIdentifier;
    struct verify_ledger Ledger; /* FltObjectReference and what gives references out */
    volatile LONG BuiltOn;       /* of PointerCount: a volume's instances, and who prints; debuggers show none of them */
    volatile LONG64 Forgiven;    /* references that were reported as leaks and dropped; they may come back */
    volatile LONG Given;         /* references of FltpReferenceObject: nobody gives back more than these */
} FLT_OBJECT, *PFLT_OBJECT;

/* bad-flt-object: NULL, something else, or an object that was freed. Type: what the routine takes, of FLT_OBFL_TYPES. */
_Noreturn void FltpReportBadObject(PFLT_OBJECT Object, ULONG Type, const char *Routine, const void *Caller);
static inline bool FltpIsLive(PFLT_OBJECT Object, ULONG Type)
{
    return __builtin_expect(Object && __atomic_load_n(&Object->Flags, __ATOMIC_RELAXED) & Type &&
                                __atomic_load_n(&Object->PointerCount, __ATOMIC_RELAXED) > 0, 1);
}
static inline void FltpCheckObject(PFLT_OBJECT Object, ULONG Type, const char *Routine, const void *Caller)
{
    if (!FltpIsLive(Object, Type))
        FltpReportBadObject(Object, Type, Routine, Caller);
}
#define FltpCheckVolume(Volume, Routine, Caller) FltpCheckObject((PFLT_OBJECT)(Volume), FLT_OBFL_TYPE_VOLUME, Routine, Caller)
#define FltpCheckLive(Instance, Routine, Caller) FltpCheckObject((PFLT_OBJECT)(Instance), FLT_OBFL_TYPE_INSTANCE, Routine, Caller)

void FltpInitializeObject(PFLT_OBJECT Object, ULONG Type);
/* The memory of one that is gone is kept for a while. */
void FltpFreeLater(void *Memory);
void FltpForgetGone(void);
/* The memory. The last dereference frees a filter, instance or volume. */
void FltpReferencePointer(PFLT_OBJECT Object);
void FltpDereferencePointer(PFLT_OBJECT Object);
/* The use: STATUS_FLT_DELETING_OBJECT once rundown began. `site` is what the ledger shows; with Event NULL nothing. */
NTSTATUS FltpReferenceObject(PFLT_OBJECT Object, const char *Event, const void *Site);
void FltpDereferenceObject(PFLT_OBJECT Object, const char *Event, const void *Site);
/* Begins the rundown and waits for its end. When nothing can end it, calls Stuck (which reports), and goes on
 * waiting when that answers false. */
void FltpRundownObject(PFLT_OBJECT Object, bool (*Stuck)(PFLT_OBJECT Object), const void *Site);

/* ---- rundown in shards ------------------------------------------------------------------------------------------- */

enum { FLTP_SHARDS = 8 };

typedef struct _FLTP_SHARD_COUNT {
    volatile ULONG_PTR Value; /* as EX_RUNDOWN_REF */
    ULONG_PTR Padding[7];
} FLTP_SHARD_COUNT;

extern _Thread_local unsigned FltpThreadShard __attribute__((tls_model("initial-exec"))); /* index + 1; 0: none yet */
unsigned FltpAssignShard(void);
static inline unsigned FltpShard(void)
{
    return __builtin_expect(FltpThreadShard != 0, 1) ? FltpThreadShard - 1 : FltpAssignShard();
}
extern bool FltpParallel; /* false: threads change places at scheduling points only, and plain loads and stores do */
static inline bool FltpAcquireRundown(volatile ULONG_PTR *Value)
{
    if (!FltpParallel) {
        if (*Value & 1)
            return false;
        *Value += 2;
        return true;
    }
    ULONG_PTR old = __atomic_load_n(Value, __ATOMIC_RELAXED);
    do {
        if (old & 1)
            return false;
    } while (!__atomic_compare_exchange_n(Value, &old, old + 2, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
    return true;
}
bool FltpReleaseRundownSlow(ULONG_PTR Value);
/* True: that was the last one that a rundown waited for. */
static inline bool FltpReleaseRundown(volatile ULONG_PTR *Value)
{
    if (!FltpParallel && !(*Value & 1)) {
        *Value -= 2;
        return false;
    }
    ULONG_PTR old = __atomic_load_n(Value, __ATOMIC_RELAXED);
    do {
        if (__builtin_expect(old & 1, 0)) {
            return FltpReleaseRundownSlow(__atomic_load_n(Value, __ATOMIC_ACQUIRE));
        }
    } while (!__atomic_compare_exchange_n(Value, &old, old - 2, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
    return false;
}
/* Runs down `count` words `stride` bytes apart and waits until what they count is given back. */
void FltpWaitRundown(volatile ULONG_PTR *First, size_t Count, size_t Stride, bool (*Stuck)(PFLT_OBJECT), PFLT_OBJECT Object);

/* Where an operation stands in a table: the pseudo majors, which are negative, first. */
enum { FLTP_SLOTS = 50 };
#define FLTP_SLOT(MajorFunction) ((UCHAR)((MajorFunction) + 22))

/* ---- contexts in shards: each thread makes and ends them in its own ------------------------------------------------ */

struct _FLTP_CONTEXT;
enum { FLTP_QUARANTINE = 16 };

typedef struct _FLTP_CONTEXT_SHARD {
    struct sched_lock Lock;  /* leaf */
    ULONG_PTR Rundown;       /* as EX_RUNDOWN_REF, of Live; where one thread runs at a time Base.RundownRef counts them */
    LIST_ENTRY Live;         /* FLTP_CONTEXT.Live */
    struct _FLTP_CONTEXT_LOOKASIDE *Lookaside;          /* two for each fixed size: nonpaged, paged */
    struct _FLTP_CONTEXT *Kept;                         /* by .NextFree: somebody still uses what is in it */
    struct _FLTP_CONTEXT *Freed[FLTP_QUARANTINE];       /* the last ones; still their own memory */
    unsigned NextFreed;
    UCHAR Apart[76]; /* no two shards on one cache line, wherever the filter is */
} FLTP_CONTEXT_SHARD;
_Static_assert(sizeof(FLTP_CONTEXT_SHARD) == 256, "whole cache lines");

/* ---- frame, filter, volume, instance ------------------------------------------------------------------------------- */

struct _FLTP_FRAME {
    LIST_ENTRY Link;    /* FltGlobals.Frames, topmost first */
    ULONG FrameId;      /* 0: the lowest */
    LIST_ENTRY Filters; /* FLT_FILTER.Base.PrimaryLink, in the order of their altitudes, highest first */
    LIST_ENTRY Volumes; /* FLT_VOLUME.Base.PrimaryLink */
    bool Frozen;        /* a legacy filter attached above: altitudes above High go to another frame */
    UNICODE_STRING High;
};

enum {
    FLTP_FILTER_STARTED = 0x1,        /* FltStartFiltering */
    FLTP_FILTER_UNREGISTERED = 0x2,   /* FltUnregisterFilter began */
    FLTP_FILTER_MANDATORY = 0x4,      /* the unload under way is mandatory */
    FLTP_FILTER_UNLOADING = 0x8,      /* the unload callback runs, or ran */
    FLTP_FILTER_HELPED = 0x10,        /* unregistered for a driver whose callback did not */
};

/* How often a filter's callbacks ran, per operation; kept when the machine's options ask for it. */
typedef struct _FLTP_OPERATION_COUNT {
    volatile ULONG64 Pre, Post;
} FLTP_OPERATION_COUNT;

struct _FLT_FILTER {
    FLT_OBJECT Base;
    PFLTP_FRAME Frame;
    UNICODE_STRING Name;            /* the service's */
    UNICODE_STRING DefaultAltitude; /* of the default instance; empty: the filter has no instances in the registry */
    volatile ULONG Flags;           /* FLTP_FILTER_ */
    struct flt_instance_definition *Definitions; /* what the registry said at registration */
    ULONG DefinitionCount, DefaultDefinition;
    PDRIVER_OBJECT DriverObject;
    PDRIVER_UNLOAD OldDriverUnload;
    FLT_REGISTRATION Registration;  /* its own copy; the two arrays below are copies, too */
    FLT_OPERATION_REGISTRATION *Operations;
    struct sched_lock Lock;         /* leaf: Instances, Ports, Connections */
    LIST_ENTRY Instances;           /* FLT_INSTANCE.FilterLink, in attach order */
    LIST_ENTRY Zombies;             /* FLT_INSTANCE.FilterLink: torn down, and still referenced */
    volatile LONG InstanceCount;
    struct _FLTP_FILTER_CONTEXTS *Contexts; /* context_memory.c: registered types */
    LIST_ENTRY Ports;               /* port.c */
    LIST_ENTRY Connections;         /* port.c */
    ULONG SupportedFeatures;        /* SUPPORTED_FS_FEATURES_ */
    volatile LONG GeneratedIo;      /* callback data allocated and not freed */
    const void *RegisteredAt;       /* call site of FltRegisterFilter */
    struct verify_code Code;        /* of the module that registered it */
    const void *UnregisteredBy;     /* call site of FltUnregisterFilter */
    volatile LONG Holds;            /* the memory: FltpHoldFilter */
    LIST_ENTRY LeavingLink;         /* FltGlobals.Leaving */
    FLTP_OPERATION_COUNT Counts[FLTP_SLOTS]; /* by FLTP_SLOT */
    FLTP_CONTEXT_SHARD ContextShards[FLTP_SHARDS];
};

/* FltUnregisterFilter, a detach or a dismount is under way; others may be setting it meanwhile. */
static inline bool FltpIsDraining(PFLT_OBJECT Object)
{
    return __atomic_load_n(&Object->Flags, __ATOMIC_RELAXED) & FLT_OBFL_DRAINING;
}

/* bad-flt-object unless it is a filter: every routine that a driver calls with the filter it registered. */
static inline bool FltpIsFilter(PFLT_FILTER Filter)
{
    return __builtin_expect(Filter && (__atomic_load_n(&Filter->Base.Flags, __ATOMIC_RELAXED) & FLT_OBFL_TYPES) ==
                                          FLT_OBFL_TYPE_FILTER, 1);
}
static inline void FltpCheckFilter(PFLT_FILTER Filter, const char *Routine, const void *Caller)
{
    if (!FltpIsFilter(Filter))
        FltpReportBadObject((PFLT_OBJECT)Filter, FLT_OBFL_TYPE_FILTER, Routine, Caller);
}

enum {
    FLTP_VOLUME_SETUP_DONE = 0x1,  /* automatic attachments were made */
    FLTP_VOLUME_TEARDOWN = 0x2,    /* dismounting: no more attachments */
    FLTP_VOLUME_CONTROL = 0x4,     /* a file system's control device; no instances */
};

typedef struct _FLTP_VOLUME_SHARD {
    struct sched_lock Lock;    /* leaf */
    PIRP_CTRL Free;            /* by .NextFree */
    LIST_ENTRY Owed;           /* IRP_CTRL.OwedLink: every operation under way */
    ULONG FreeCount;
} __attribute__((aligned(64))) FLTP_VOLUME_SHARD;

struct _FLT_VOLUME {
    FLT_OBJECT Base;
    PFLTP_FRAME Frame;
    volatile LONG Flags;             /* FLTP_VOLUME_ */
    PDEVICE_OBJECT DeviceObject;     /* the Filter Manager's, in the volume's stack */
    PDEVICE_OBJECT AttachedToDevice; /* the next lower one */
    PDEVICE_OBJECT FileSystemDevice; /* the file system's volume device */
    PDEVICE_OBJECT DiskDevice;       /* VPB's real device; NULL: network, control device */
    PDEVICE_OBJECT FrameZeroDevice;
    FLT_FILESYSTEM_TYPE FileSystemType;
    UNICODE_STRING Name;             /* "\Device\HarddiskVolume1" */
    UNICODE_STRING FileSystemDriverName;
    void *Memory;                    /* the block that this structure is aligned in */
    struct sched_lock Lock;          /* leaf: Instances, Callbacks, Retired */
    LIST_ENTRY Instances;            /* FLT_INSTANCE.Base.PrimaryLink, highest altitude first */
    FLTP_CALLBACK_TABLE *volatile Callbacks; /* never NULL */
    volatile bool Seen[FLTP_SLOTS];  /* some instance wants to see this operation: readable without any hold */
    FLTP_CALLBACK_TABLE *Retired;    /* by .NextRetired */
    ULONG Collecting;                /* how many look through retired tables just now */
    PFLT_INSTANCE DeadInstances;     /* by .NextDead: named by a retired table, perhaps */
    KEVENT SetupLock;                /* a lock: one automatic setup at a time */
    PKTHREAD SetupThread;            /* who holds it */
    struct _FLTP_CONTEXT_LIST *VolumeContexts; /* context.c */
    LIST_ENTRY Scans;                /* scan_conflict.c; Lock */
    volatile LONG ScanCount, ScansEnded;
    struct _FLTP_NAME_CACHE *Names;  /* name_cache.c */
    FLTP_VOLUME_SHARD Shards[FLTP_SHARDS];
};

static inline LONG FltpVolumeFlags(const struct _FLT_VOLUME *Volume)
{
    return __atomic_load_n(&Volume->Flags, __ATOMIC_ACQUIRE);
}

enum {
    FLTP_INSTANCE_ATTACHING = 0x1,  /* its setup callback runs */
    FLTP_INSTANCE_ACTIVE = 0x2,     /* operations are shown to it */
    FLTP_INSTANCE_DETACHING = 0x4,  /* somebody tears it down; claimed once */
    FLTP_INSTANCE_GONE = 0x8,       /* teardown is complete */
};

struct _FLT_INSTANCE {
    FLT_OBJECT Base;
    PFLT_VOLUME Volume;
    PFLT_FILTER Filter;
    volatile LONG Flags;        /* FLTP_INSTANCE_ */
    UNICODE_STRING Altitude;
    UNICODE_STRING Name;
    LIST_ENTRY FilterLink;      /* FLT_FILTER.Instances */
    PFLT_CONTEXT Context;       /* context.c: the instance context */
    struct _FLTP_CONTEXT_LIST *Contexts; /* context.c: every linked context of this instance */
    FLT_INSTANCE_TEARDOWN_FLAGS TeardownReason;
    KEVENT Ready;               /* set when its setup callback is through */
    KEVENT Torn;                /* set when teardown is complete */
    struct flt_rundown_wait *Rundown; /* of Base, once torn down */
    WORK_QUEUE_ITEM Burial;     /* its last reference went at DISPATCH_LEVEL */
    PFLT_INSTANCE NextDead;     /* FLT_VOLUME.DeadInstances */
    const void *AttachedBy;     /* call site */
    void *Memory;               /* the block that this structure is aligned in */
    FLTP_SHARD_COUNT Operations[FLTP_SHARDS] __attribute__((aligned(64)));
};

static inline bool FltpInstanceIs(PFLT_INSTANCE Instance, LONG Flag)
{
    return (__atomic_load_n(&Instance->Flags, __ATOMIC_ACQUIRE) & Flag) != 0;
}

/* ---- callback tables --------------------------------------------------------------------------------------------------- */

typedef struct _CALLBACK_NODE {
    PFLT_INSTANCE Instance;
    PFLT_PRE_OPERATION_CALLBACK PreOperation;
    PFLT_POST_OPERATION_CALLBACK PostOperation;
    FLT_OPERATION_REGISTRATION_FLAGS Flags;
} CALLBACK_NODE, *PCALLBACK_NODE;

struct _FLTP_CALLBACK_TABLE {
    PFLTP_CALLBACK_TABLE NextRetired;
    struct {
        const CALLBACK_NODE *Nodes; /* highest altitude first */
        ULONG Count;
    } Slots[FLTP_SLOTS];
    CALLBACK_NODE Storage[];
};

/* ---- one operation -------------------------------------------------------------------------------------------------------- */

enum { FLTP_INLINE_NODES = 8 };

/* One owed post-operation callback. */
typedef struct _COMPLETION_NODE {
    PFLT_INSTANCE Instance;
    PFLT_POST_OPERATION_CALLBACK PostOperation; /* NULL: only restores Saved and frees SwappedMdl */
    PVOID Context;                /* the pre-operation's CompletionContext */
    volatile LONG State;          /* FLTP_NODE_ */
    UCHAR Shard;                  /* of the instance's Operations that is held */
    bool Synchronized;            /* FLT_PREOP_SYNCHRONIZE, and creates: in the requestor's thread */
    bool Swapped;                 /* it put another buffer in: cannot be drained */
    FLT_IO_PARAMETER_BLOCK Saved; /* the parameters as its pre-operation was shown them */
    PMDL SwappedMdl;              /* of the buffer it put in place of another */
} COMPLETION_NODE, *PCOMPLETION_NODE;
enum { FLTP_NODE_OWED, FLTP_NODE_TAKEN };

enum {
    FLTP_OP_GENERATED = 0x1,     /* FltAllocateCallbackData */
    FLTP_OP_ALLOCATED = 0x2,     /* its memory is the filter's until FltFreeCallbackData */
    FLTP_OP_TRACKED = 0x8,       /* linked in Volume->Shards[Shard].Owed */
    FLTP_OP_PENDED = 0x10,       /* the IRP was marked pending: the dispatch routine answers STATUS_PENDING */
    FLTP_OP_IN_POST = 0x20,      /* ascending */
    FLTP_OP_DIRTY_BELOW = 0x40,  /* some instance changed parameters: the next stack location is written anew */
    FLTP_OP_IN_FLIGHT = 0x80,    /* generated: sent and not complete */
    FLTP_OP_WATCHED = 0x200,     /* its end matters, whether or not an instance wants to see it */
    FLTP_OP_SENT = 0x100,        /* the IRP's buffers are what the last instance left */
};

struct _FLTP_OP {
    FLT_CALLBACK_DATA Data;
    FLT_IO_PARAMETER_BLOCK Iopb;
    FLT_RELATED_OBJECTS Objects;
    ULONG Flags;                 /* FLTP_OP_ */
    UCHAR Shard;
    UCHAR Capacity;
    PFLT_VOLUME Volume;
    PIRP Irp;                    /* NULL: fast I/O, file system filter callback */
    PFLTP_CALLBACK_TABLE Table;  /* what Next and End point into; NULL: through with it */
    const CALLBACK_NODE *Next;   /* the next pre-operation callback */
    const CALLBACK_NODE *End;
    PFLT_INSTANCE Initiator;     /* generated or targeted: only instances below it see the operation */
    PFLT_INSTANCE Redirect;      /* Iopb.TargetInstance was changed to this one, on another volume; referenced */
    PFLT_INSTANCE Current;       /* the instance whose callback runs; for reports, and for routines given Data */
    volatile LONG PendState;     /* FLTP_PEND_: a callback that pends against the completion of what it pended */
    KEVENT *Resume;              /* the requestor's thread waits for that completion; NULL: the completer goes on */
    KEVENT *Below;               /* the requestor's thread waits for the device below */
    bool OwnThread;              /* some owed post-operation is Synchronized */
    PCOMPLETION_NODE CurrentNode; /* whose post-operation callback runs */
    LONG PendResult;             /* FLT_PREOP_ that FltCompletePendedPreOperation was given */
    PVOID PendContext;
    struct _FLTP_DESCENT *Descent; /* the dispatch routine's frame, while it is below IoCallDriver */
    LIST_ENTRY OwedLink;         /* FLTP_VOLUME_SHARD.Owed */
    PIRP_CTRL NextFree;          /* FLTP_VOLUME_SHARD.Free */
    PETHREAD Thread;             /* the requestor, and its mode; fixed from the beginning, as Kind is */
    KPROCESSOR_MODE RequestorMode;
    FLT_CALLBACK_DATA_FLAGS Kind;
    struct _FLTP_OP **Shown;     /* set to NULL as the operation ends */
    PFLT_COMPLETE_CANCELED_CALLBACK CancelRoutine;
    struct flt_status_request *StatusRequests; /* FltRequestOperationStatusCallback */
    PVOID Ecps;                  /* PECP_LIST: of a generated create, while it has no IRP */
    struct fltsim_irp_extension Extension; /* generated: of the IRP that it is sent in, and after that went */
    bool FreeAtEnd;              /* FltReadFile with a callback: nobody else frees it */
    PFLT_COMPLETED_ASYNC_IO_CALLBACK AsyncCallback;
    PVOID AsyncContext;
    KEVENT *Finished;            /* whoever waits for the operation */
    struct _FLTP_OP_NAMES *Names; /* name.c: names queried during this operation; freed by FltpForgetNames */
    PVOID FsFilterData;          /* FS_FILTER_CALLBACK_DATA */
    PMDL OriginalMdl;            /* of the IRP, as it arrived */
    PVOID OriginalUserBuffer;
    PVOID OriginalSystemBuffer;
    ULONG OriginalIrpFlags;
    PMDL SentMdl;                /* of the IRP, as it went on down */
    PMDL LockedMdl;              /* FltLockUserBuffer's, of a buffer that is not the IRP's; or NULL */
    volatile ULONG NodeCount;    /* owed, in the order of their pre-operations */
    PCOMPLETION_NODE Nodes;      /* Inline, or one block for more */
    COMPLETION_NODE Inline[FLTP_INLINE_NODES];
};

static inline void FltpCountCall(volatile ULONG64 *Count)
{
    if (__builtin_expect(machine->options.count_operations, 0))
        __atomic_fetch_add(Count, 1, __ATOMIC_RELAXED);
}

static inline PIRP_CTRL FltpOpFromData(PFLT_CALLBACK_DATA Data) { return CONTAINING_RECORD(Data, IRP_CTRL, Data); }

/* ---- the room's state -------------------------------------------------------------------------------------------------------- */

struct flt_state {
    PDRIVER_OBJECT DriverObject;  /* \FileSystem\FltMgr */
    PDEVICE_OBJECT ControlDevice; /* \FileSystem\Filters\FltMgr */
    struct sched_lock Lock;       /* leaf: Frames and each frame's lists */
    LIST_ENTRY Frames;            /* FLTP_FRAME.Link, topmost first */
    LIST_ENTRY Leaving;           /* FLT_FILTER.LeavingLink: FltUnregisterFilter is under way */
    FLTP_FRAME FrameZero;
    ULONG NextObjectId;
    LIST_ENTRY DeadVolumes;       /* FLT_VOLUME.Base.PrimaryLink: operations may still be under way in them */
    struct flt_port_state *Ports; /* port.c */
    struct flt_name_state *Names; /* name.c */
    PVOID Gone[64];               /* memory of filters, instances and volumes: a driver that still uses one is told so */
    ULONG NextGone;
};
extern struct flt_state FltGlobals;

bool FltpStart(void);
void FltpStop(void);

/* ---- for src/sim ----------------------------------------------------------------------------------------------------------------- */

/* The filter that this driver registered, or NULL. No reference is taken. */
PFLT_FILTER FltpFilterFromDriver(PDRIVER_OBJECT DriverObject);
/* Runs the filter's unload callback. Not mandatory and refused: its status. After success the driver may be unmapped. */
NTSTATUS FltpUnloadFilter(PDRIVER_OBJECT DriverObject, bool Mandatory);
/* A service whose DriverEntry failed: what it left registered is reported and unregistered, while its code is there. */
void FltpDriverFailed(PCUNICODE_STRING Service);
/* The volume (of the lowest frame) whose stack this device is in; no reference is taken. NULL: none. */
PFLT_VOLUME FltpVolumeFromDevice(PDEVICE_OBJECT Device);
/* What fltmc attach and detach do. Altitude, InstanceName: NULL for the registry's. */
NTSTATUS FltpManualAttach(PFLT_FILTER Filter, PFLT_VOLUME Volume, PCUNICODE_STRING Altitude, PCUNICODE_STRING InstanceName);
NTSTATUS FltpManualDetach(PFLT_FILTER Filter, PFLT_VOLUME Volume, PCUNICODE_STRING InstanceName);
/* A volume goes: detaches every instance, then the Filter Manager's device. */
void FltpTeardownVolume(PFLT_VOLUME Volume);

/* ---- altitude.c -------------------------------------------------------------------------------------------------------------------- */

/* Decimal numbers of any length with an optional fraction: < 0, 0, > 0. */
int FltpCompareAltitudes(PCUNICODE_STRING Left, PCUNICODE_STRING Right);
bool FltpAltitudeIsValid(PCUNICODE_STRING Altitude);

/* ---- flt2's files: what the core calls ------------------------------------------------------------------------------------------------- */

/* context.c. Registration: copies and validates; the filter's contexts are gone when Unregister returns (leaked ones
 * are reported by ReportLeakedContexts, which then drops them and their rundown references). */
NTSTATUS FltpRegisterContexts(PFLT_FILTER Filter, const FLT_CONTEXT_REGISTRATION *Registration);
void FltpUnregisterContexts(PFLT_FILTER Filter);
bool FltpReportLeakedContexts(PFLT_FILTER Filter); /* true: there were some */
/* An instance goes: nothing is set for it any more, and it hears of no transaction. */
void FltpCloseInstanceContexts(PFLT_INSTANCE Instance);
/* Unlinks every context of the instance: files, streams, stream handles, transactions, then the instance's own. */
void FltpDeleteInstanceContexts(PFLT_INSTANCE Instance);
/* The memory of an instance or a volume goes: &Instance->Contexts, &Volume->VolumeContexts. */
void FltpFreeObjectContexts(struct _FLTP_CONTEXT_LIST **Contexts);
/* Unlinks the volume contexts of one filter, or (NULL) of all. */
void FltpDeleteVolumeContexts(PFLT_VOLUME Volume, PFLT_FILTER Filter);
/* In FILE_OBJECT.Flags, from the completion of IRP_MJ_CLOSE below: what the file system had for it may be gone. */
#define FLTP_FO_CLOSED 0x80000000u
/* After IRP_MJ_CLOSE was completed below: nothing that hangs on the file object alone may survive it. */
void FltpFileObjectClosed(PFLT_VOLUME Volume, PFILE_OBJECT FileObject);
/* context-wrong-instance */
void FltpReportOtherVolume(PFLT_INSTANCE Instance, PFILE_OBJECT File, const char *Routine, const void *Site);
static inline bool FltpIsOnOtherVolume(PFLT_INSTANCE Instance, PFILE_OBJECT File)
{
    PVPB vpb = File ? File->Vpb : NULL;
    PDEVICE_OBJECT device = vpb ? __atomic_load_n(&vpb->DeviceObject, __ATOMIC_RELAXED) : NULL;
    PDEVICE_OBJECT own = Instance->Volume->FileSystemDevice;
    if (__builtin_expect(device == own, 1))
        return false;
    return device && own;
}

/* name.c. */
bool FltpStartNames(void);
void FltpStopNames(void);
void FltpForgetNames(PIRP_CTRL Op); /* the operation ends; Op->Names is not NULL */
bool FltpSetChangesNames(FILE_INFORMATION_CLASS Class);
bool FltpControlChangesNames(ULONG ControlCode);
void FltpNamesChanged(PIRP_CTRL Op); /* after such an operation succeeded: what the cache must drop */
void FltpForgetVolumeNames(PFLT_VOLUME Volume);
bool FltpReportLeakedNames(PFLT_FILTER Filter);

/* port.c. */
bool FltpStartPorts(void);
void FltpStopPorts(void);
void FltpCloseFilterPorts(PFLT_FILTER Filter); /* FltUnregisterFilter: disconnects clients, closes what is left */

/* ---- lookups and iteration, for enumerate.c and others --------------------------------------------------------------------------------------- */

/* Referenced (pointer and rundown) arrays in documented order, freed by FltpFreeObjects. */
ULONG FltpSnapshotFilters(PFLT_FILTER **Filters);
ULONG FltpSnapshotVolumes(PFLT_VOLUME **Volumes);
/* Either may be NULL. Instances of a volume come highest altitude first. */
ULONG FltpSnapshotInstances(PFLT_VOLUME Volume, PFLT_FILTER Filter, PFLT_INSTANCE **Instances);
void FltpFreeObjects(void *Objects, ULONG Count); /* drops the references; array NULL is fine */

/* ---- targeting ----------------------------------------------------------------------------------------------------------------------------------- */

/* A create below an instance: FltCreateFile's. The ECP is in the list until the create completes. */
extern const GUID FltpTargetEcp;
typedef struct _FLTP_TARGET {
    PFLT_INSTANCE Instance; /* NULL: everybody sees it after all */
} FLTP_TARGET, *PFLTP_TARGET;
/* The instance below which operations on this file object are shown only, or NULL. */
PFLT_INSTANCE FltpTargetOfFileObject(PFILE_OBJECT FileObject);

#pragma GCC visibility pop

#endif
