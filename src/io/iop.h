/* Private to the I/O manager: its state, the block around an IRP, and what its files call in each other. */
#ifndef FLTSIM_IO_IOP_H
#define FLTSIM_IO_IOP_H

#include <ntifs.h>

#include "fsrtl/fsrtlp.h"
#include "ke/thread.h"
#include "ob/object.h"
#include "sched/sched.h"
#include "sim/machine.h"
#include "trace/trace.h"
#include "verify/api.h"
#include "verify/verify.h"

#define IOP_TAG 'pooI'      /* pool of the I/O manager's own */
#define IOP_NAME_TAG 'mNoI' /* FILE_OBJECT.FileName.Buffer, which drivers may replace */
#define IOP_PATH_TAG 'hPoI' /* the RegistryPath that a DriverEntry is given */

enum iop_fs_kind { IOP_FS_DISK, IOP_FS_CDROM, IOP_FS_TAPE, IOP_FS_NETWORK, IOP_FS_KINDS };

struct iop_cache;

struct io_state {
    struct sched_lock lock;      /* leaf: the lists below and device attachments */
    struct sched_lock cache_lock;
    struct iop_cache *caches;    /* every thread's IRP cache */
    struct iop_block *shared;    /* free IRP blocks that overflowed from a cache */
    unsigned generation;
    LIST_ENTRY drivers;          /* struct iop_driver.link */
    LIST_ENTRY file_systems[IOP_FS_KINDS]; /* DEVICE_OBJECT.Queue.ListEntry of control devices */
    LIST_ENTRY fs_listeners;     /* struct iop_fs_listener.link */
    LIST_ENTRY reinitialize;     /* struct iop_reinit.link: IoRegisterDriverReinitialization */
    LIST_ENTRY shutdown;         /* struct iop_shutdown.link */
    ERESOURCE database;          /* shared: a mount looks through the file systems; exclusive: they change */
    KSPIN_LOCK cancel_lock;
    PKTHREAD cancel_owner;
    KSPIN_LOCK vpb_lock;
    POBJECT_TYPE file_type;
    POBJECT_TYPE device_type;
    POBJECT_TYPE driver_type;
    bool aux_klib;               /* AuxKlibInitialize was called */
    unsigned long device_number; /* of automatically named devices */
};

extern struct io_state *io;

/* -- devices and drivers ------------------------------------------------------------------------ */

struct _DEVOBJ_EXTENSION {
    CSHORT Type;
    USHORT Size;
    PDEVICE_OBJECT DeviceObject;
    PDEVICE_OBJECT AttachedTo; /* the device below */
    PVPB Vpb;                  /* of a volume device: the mount that made it */
    bool delete_pending;
    bool named;
    bool registered_file_system;
    bool gone;                 /* the medium is: nothing is mounted on it any more */
    bool freed;                /* left its driver's list; the memory waits for the last reference */
    const void *creator;
};

struct iop_driver {
    DRIVER_OBJECT object;
    DRIVER_EXTENSION extension;
    LIST_ENTRY link;           /* io_state.drivers */
    LIST_ENTRY clients;        /* struct iop_client.link: IoAllocateDriverObjectExtension */
    UNICODE_STRING service_key;
    bool unloading;
    bool waits; /* to be unloaded when nothing has a device of it open any more; under io_state.lock */
    bool named;
};

static inline struct iop_driver *IopDriver(PDRIVER_OBJECT driver)
{
    return CONTAINING_RECORD(driver, struct iop_driver, object);
}

/* Creates the DRIVER_OBJECT of a service and calls its DriverEntry. `service` is the registry path of its key. */
NTSTATUS IopLoadDriver(PUNICODE_STRING service, PDRIVER_INITIALIZE entry, PDRIVER_OBJECT *driver);
/* Calls DriverUnload in a system worker thread and takes the driver object away; with files open on its devices, when the
 * last of them is closed (STATUS_SUCCESS, too; nothing new is opened meanwhile).
 * STATUS_INVALID_DEVICE_REQUEST: the driver has no unload routine, or is being unloaded. */
NTSTATUS IopUnloadDriver(PDRIVER_OBJECT driver);
/* Waits: for files on its devices to be closed. Leaves: DriverUnload runs, or is about to. */
enum iop_driver_state { IOP_DRIVER_GONE, IOP_DRIVER_HERE, IOP_DRIVER_WAITS, IOP_DRIVER_LEAVES };
enum iop_driver_state IopDriverState(PDRIVER_OBJECT driver);
/* The machine stops: one that waits is unloaded all the same. */
void IopUnloadThoughOpen(PDRIVER_OBJECT driver);
/* The last file on the device was closed. The driver that waited for it alone, referenced, for IopUnloadLater. */
PDRIVER_OBJECT IopEndUse(PDEVICE_OBJECT device);
void IopUnloadLater(PDRIVER_OBJECT driver);
/* A driver from IoCreateDriver, which has no service that could be unloaded. */
void IopRemoveDriver(PDRIVER_OBJECT driver);
/* NULL: no such driver. Referenced. `service`: the last component of its key. */
PDRIVER_OBJECT IopFindDriver(PCUNICODE_STRING service);
NTSTATUS IopCreateDriverObject(PCUNICODE_STRING name, PCUNICODE_STRING service, PDRIVER_INITIALIZE entry,
                               PDRIVER_OBJECT *driver);
void IopDeleteDriver(PVOID object);
void IopDeleteDevice(PVOID object);
/* One reference on a device by an open file or a mount; the last one off lets a pending deletion go on. */
void IopReferenceDevice(PDEVICE_OBJECT device);
void IopDereferenceDevice(PDEVICE_OBJECT device);
PVPB IopCreateVpb(PDEVICE_OBJECT device);

static inline PDEVICE_OBJECT IopAttached(PDEVICE_OBJECT device)
{
    PDEVICE_OBJECT above;
    while ((above = __atomic_load_n(&device->AttachedDevice, __ATOMIC_ACQUIRE)))
        device = above;
    return device;
}
bool IopIsOnStack(PDEVICE_OBJECT device, PDEVICE_OBJECT base);
/* IO_DEVICE_HINT_ECP_CONTEXT: where a create was led that its DeviceObjectHint keeps from going there. Whoever attached
 * it frees what it got: a reference on the device, the name's pool. */
extern const GUID IopDeviceHintEcp;

/* The volume that `device` carries, mounted if it was not. STATUS_SUCCESS: *vpb has one more reference. */
NTSTATUS IopMountVolume(PDEVICE_OBJECT device, PVPB *vpb);
/* No mount on `device` is in progress any more, and none begins: the medium is being taken out. */
void IopForbidMount(PDEVICE_OBJECT device);
bool IopReferenceMountedVpb(PDEVICE_OBJECT device, PVPB *vpb);
void IopDereferenceVpb(PVPB vpb);

/* -- file objects --------------------------------------------------------------------------------- */

struct iop_file {
    FILE_OBJECT object;
    PDEVICE_OBJECT hint;             /* IO_DRIVER_CREATE_CONTEXT.DeviceObjectHint of its create */
    PTXN_PARAMETER_BLOCK txn;
    PVOID cleanup_context;
    bool cleaned_up;
    KPROCESSOR_MODE mode;
    bool ignore_sharing;
    bool remote;
    bool has_vpb_reference;
    bool has_device_reference;
    PVOID filter_target; /* flt: the instance below which alone its operations are shown */
    bool lock_waited;
    UCHAR io_priority; /* as KTHREAD.io_priority */
    UCHAR copy_flags;  /* EX_CREATE_FLAG_FILE_*_OPEN_FOR_COPY of its create */
};

/* Activity identifiers of an IRP's extension, or of one that is still to be sent. */
NTSTATUS IopSetActivityId(struct fltsim_irp_extension *extension, PETHREAD issuer, const GUID *id);
NTSTATUS IopPropagateActivityId(const struct fltsim_irp_extension *extension, LPGUID propagated, LPCGUID *original);

/* Priority hints as IRPs, files and threads keep them. */
IO_PRIORITY_HINT IopPriorityOf(const UCHAR *stored);
NTSTATUS IopSetPriority(UCHAR *stored, IO_PRIORITY_HINT hint);

static inline struct iop_file *IopFile(PFILE_OBJECT file) { return CONTAINING_RECORD(file, struct iop_file, object); }

NTSTATUS IopCreateFileObject(PDEVICE_OBJECT device, PFILE_OBJECT *file);
void IopDeleteFile(PVOID object);
/* The end of a file that was opened to be asked about, without a handle: IRP_MJ_CLEANUP while the caller's reference
 * still holds it, so that filters may reference it then, and IRP_MJ_CLOSE. */
void IopEndQueriedFile(PFILE_OBJECT file);
void IopCloseFile(PEPROCESS process, PVOID object, ACCESS_MASK access, ULONG process_handles, ULONG system_handles);
NTSTATUS IopQueryFileName(PVOID object, POBJECT_NAME_INFORMATION info, ULONG length, PULONG return_length);
/* Gives a file object that never got opened back: no IRP_MJ_CLOSE. */
void IopAbandonFile(PFILE_OBJECT file);
PDEVICE_OBJECT IopRelatedDevice(PFILE_OBJECT file);

/* FO_SYNCHRONOUS_IO: one request at a time. */
void IopAcquireFileLockSlow(PFILE_OBJECT file);
void IopReleaseFileLockSlow(PFILE_OBJECT file);
static inline void IopAcquireFileLock(PFILE_OBJECT file)
{
    if (__atomic_exchange_n(&file->Busy, 1, __ATOMIC_ACQUIRE))
        IopAcquireFileLockSlow(file);
}
static inline void IopReleaseFileLock(PFILE_OBJECT file)
{
    __atomic_store_n(&file->Busy, 0, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&file->Waiters, __ATOMIC_SEQ_CST))
        IopReleaseFileLockSlow(file);
}

/* -- IRPs ------------------------------------------------------------------------------------------- */

enum iop_block_state { IOP_BLOCK_FREE, IOP_BLOCK_OUT };
enum iop_owner {
    IOP_OWNER_DRIVER,   /* IoAllocateIrp: may never reach the I/O manager's end of completion */
    IOP_OWNER_SERVICE,  /* made by the I/O manager for a caller that waits on its own stack */
    IOP_OWNER_THREAD,   /* queued to a thread: IOSB, event and memory are the I/O manager's business */
};

struct iop_block {
    struct iop_block *next; /* iop_cache.free or io_state.shared */
    struct iop_block *all;  /* iop_cache.all */
    const void *caller;
    unsigned char state;
    unsigned char owner;
    unsigned char capacity;
    bool queued;            /* Irp.ThreadListEntry is in a thread's list; this and the next two under its lock */
    bool cancelling;        /* IoCancelIrp is looking at it: it must not be freed */
    bool free_later;        /* ... and was to be freed meanwhile */
    bool holds_thread;      /* its thread ended without it: one pointer on the thread is the IRP's */
    unsigned short charge;  /* bytes of `charged` */
    ULONG room;             /* of the caller's buffer that the system buffer is copied to */
    PVOID room_of;          /* that system buffer: a file system may put its own there */
    const void *overfilled; /* who completed it with more than that */
    struct ps_quota *charged; /* the process that pays for it, or NULL */
    IRP irp;                /* followed by `capacity` stack locations */
};

#define IOP_ALLOCATED IRP_ALLOCATED_FIXED_SIZE /* IRP.AllocationFlags: a block of ours surrounds it */

static inline struct iop_block *IopBlock(PIRP irp)
{
    return irp->AllocationFlags & IOP_ALLOCATED ? CONTAINING_RECORD(irp, struct iop_block, irp) : NULL;
}

/* The machine stops: reports IRPs that are out, frees all. */
void IopStopIrps(bool dead);
PIRP IopAllocateIrp(CCHAR stack_size, enum iop_owner owner, const void *caller);
void IopFreeIrp(PIRP irp);

/* What a waiting service keeps on its stack for one IRP (Irp.FltsimPrivate[1]). */
struct iop_wait {
    KEVENT event;
    IO_STATUS_BLOCK result;
    PKTHREAD thread;
    const void *site; /* whom a deadlock report blames */
    UCHAR major;
    bool completed;
    bool signalled; /* the event is set, or will be: the completion may have happened on another thread */
};

static inline void IopInitializeWait(struct iop_wait *wait, const void *site)
{
    KeInitializeEvent(&wait->event, SynchronizationEvent, FALSE);
    wait->result.Status = STATUS_PENDING;
    wait->result.Information = 0;
    wait->thread = KiCurrentThread();
    wait->site = site;
    wait->completed = false;
    wait->signalled = false;
}

/* Waits for what `wait` describes; for the reports, `device` is where the IRP went. */
void IopAwait(struct iop_wait *wait, PDEVICE_OBJECT device);
/* Sends an IRP whose FltsimPrivate[1] is `wait`, waits, and gives its final status. The IRP is gone after. */
NTSTATUS IopCallAndWait(PDEVICE_OBJECT device, PIRP irp, struct iop_wait *wait);
void IopFinishIrp(PIRP irp);
void IopQueueThreadIrp(PIRP irp);
/* False: the block is being cancelled; whoever does that frees it. */
bool IopDequeueThreadIrp(PIRP irp);
void IopFreeMdls(PIRP irp);
/* Cancels what the current thread has in flight and waits for it. Called at thread end (ps). */
void IopCancelThreadIo(PKTHREAD thread);

/* -- services ---------------------------------------------------------------------------------------- */

/* One NtXxxFile call: what its steps share. */
struct iop_service {
    PFILE_OBJECT file;
    PDEVICE_OBJECT device;
    KPROCESSOR_MODE mode;
    ACCESS_MASK granted;
    bool synchronous; /* FO_SYNCHRONOUS_IO: the file lock is held */
    PKEVENT event;
    PIO_APC_ROUTINE apc;
    PVOID apc_context;
    PIO_STATUS_BLOCK iosb;
    struct iop_wait wait;
};

/* References the file of `handle`, checks `access` (0: none) and finds the device. The file lock is not taken yet. */
NTSTATUS IopBeginService(struct iop_service *s, HANDLE handle, ACCESS_MASK access, PIO_STATUS_BLOCK iosb);
/* The caller's event, reset (h may be NULL). */
NTSTATUS IopServiceEvent(struct iop_service *s, HANDLE event, PIO_APC_ROUTINE apc, PVOID context);
void IopLockService(struct iop_service *s);
PIRP IopServiceIrp(struct iop_service *s, UCHAR major, UCHAR minor);
/* Sends the IRP; waits when the file is synchronous or `must_wait`. Ends the service. */
NTSTATUS IopRunService(struct iop_service *s, PIRP irp, bool must_wait);
/* Ends a service that never sent an IRP, or whose fast I/O path did all: `status` goes through. */
NTSTATUS IopEndService(struct iop_service *s, NTSTATUS status);
/* As IopEndService, having stored the result: events and so on as after an IRP that completed. */
NTSTATUS IopEndFastIo(struct iop_service *s, const IO_STATUS_BLOCK *result);
/* The IRP's system buffer of `length` bytes; copied from `in` when given. False: no memory. */
bool IopSystemBuffer(PIRP irp, const void *in, ULONG in_length, ULONG length);
/* METHOD_BUFFERED: the one buffer that both share. */
bool IopControlBuffer(PIRP irp, const void *in, ULONG in_length, ULONG out_length);
/* An MDL over the caller's buffer as IRP.MdlAddress, locked. */
bool IopLockBuffer(PIRP irp, PVOID buffer, ULONG length, LOCK_OPERATION operation);

/* Programs poll the status without a lock: it is written last, and whole. */
static inline void IopPublishStatus(PIO_STATUS_BLOCK iosb, const IO_STATUS_BLOCK *result)
{
    iosb->Information = result->Information;
    __atomic_store_n(&iosb->Status, result->Status, __ATOMIC_RELEASE);
}

/* What a program passes must be memory: STATUS_ACCESS_VIOLATION, STATUS_DATATYPE_MISALIGNMENT. Range: what can be said
 * without looking; for transfers, whose file systems look as they copy. */
NTSTATUS IopProbeRange(const volatile VOID *address, SIZE_T length, ULONG alignment);
/* Raises, as ProbeForRead does, and looks at each page. */
void IopProbeForRead(const volatile VOID *address, SIZE_T length, ULONG alignment);
NTSTATUS IopProbeMemory(const volatile VOID *address, SIZE_T length, ULONG alignment, bool write);
static inline NTSTATUS IopProbe(KPROCESSOR_MODE mode, const volatile VOID *address, SIZE_T length, ULONG alignment, bool write)
{
    return mode == KernelMode || !length ? STATUS_SUCCESS : IopProbeMemory(address, length, alignment, write);
}

KPROCESSOR_MODE IopEnterKernelMode(void);
void IopLeaveKernelMode(KPROCESSOR_MODE previous);
/* Zw twins: run the Nt service with KernelMode as the previous mode. */
#define IOP_ZW(call)                                                                                                   \
    KPROCESSOR_MODE previous = IopEnterKernelMode();                                                                   \
    NTSTATUS status = call;                                                                                            \
    IopLeaveKernelMode(previous);                                                                                      \
    return status

/* -- creates -------------------------------------------------------------------------------------------- */

/* What IopCreateFile hands through the object manager to IopParseDevice. */
struct iop_open {
    CSHORT type; /* IO_TYPE_OPEN_PACKET */
    KPROCESSOR_MODE mode;
    NTSTATUS status;
    ULONG_PTR information;
    bool parsed;           /* the parse procedure ran to an end of its own */
    PFILE_OBJECT file;     /* the result */
    PFILE_OBJECT related;  /* OBJECT_ATTRIBUTES.RootDirectory, when it is a file */
    LARGE_INTEGER allocation;
    ULONG options;         /* FILE_* create options */
    ULONG attributes;
    ULONG share;
    ULONG disposition;
    PVOID ea;
    ULONG ea_length;
    ULONG flags;           /* IO_* */
    ACCESS_MASK access;
    CREATE_FILE_TYPE kind;
    PVOID parameters;      /* of named pipes and mailslots */
    PDEVICE_OBJECT hint;
    PECP_LIST ecps;
    PTXN_PARAMETER_BLOCK txn;
    UCHAR copy_flags;      /* EXTENDED_CREATE_INFORMATION.ExtendedCreateFlags */
    unsigned reparses;     /* STATUS_REPARSE so far */
    bool crossed;          /* a mount point was crossed */
    bool query;            /* NtQueryAttributesFile and its kin: fast query first */
    bool answered;         /* ... and that was all: the file object never opened */
    FILE_NETWORK_OPEN_INFORMATION *network;       /* what is asked: this, or */
    FILE_INFORMATION_CLASS query_class;           /* this */
    PVOID query_buffer;
    ULONG query_length;                           /* of the buffer, and of the answer */
    PACCESS_STATE access_state;
    const void *site;      /* who opens */
};

/* Parse procedures of the object types. */
NTSTATUS IopParseDevice(PVOID object, struct ob_parse *parse, PVOID *found);
NTSTATUS IopParseFile(PVOID object, struct ob_parse *parse, PVOID *found);
NTSTATUS IopCreateFile(struct iop_open *open, POBJECT_ATTRIBUTES attributes, PHANDLE handle);
/* The same after a check of the parameters, as documented for NtCreateFile. */
NTSTATUS IopCheckedCreateFile(struct iop_open *open, POBJECT_ATTRIBUTES attributes, PHANDLE handle);
/* The same without a handle; *file is referenced. */
NTSTATUS IopOpenForQuery(struct iop_open *open, POBJECT_ATTRIBUTES attributes, PFILE_OBJECT *file);
/* NtQueryInformationByName; .query_* filled in by the caller, who has checked them. */
NTSTATUS IopQueryByName(struct iop_open *open, POBJECT_ATTRIBUTES attributes);
NTSTATUS IopCheckQueryByName(FILE_INFORMATION_CLASS kind, ULONG length);
/* After a create IRP ended in STATUS_REPARSE: the name to go on with (next->Buffer: sim_free), or the status that the
 * create ends with. */
NTSTATUS IopPrepareReparse(struct iop_open *open, PFILE_OBJECT file, ULONG_PTR tag, PVOID buffer, PUNICODE_STRING next);
void IopReportApcs(const char *routine, const void *caller);

/* -- tables ----------------------------------------------------------------------------------------------- */

/* 0: no such class, or not for this call. */
ULONG IopQueryLength(FILE_INFORMATION_CLASS kind);
/* How a program's buffer must lie that is at least so long: some are a BOOLEAN. */
static inline ULONG IopAlignmentOf(ULONG least) { return least < sizeof(ULONG) ? 1 : sizeof(ULONG); }
ACCESS_MASK IopQueryAccess(FILE_INFORMATION_CLASS kind);
ULONG IopSetLength(FILE_INFORMATION_CLASS kind);
ACCESS_MASK IopSetAccess(FILE_INFORMATION_CLASS kind);
ULONG IopVolumeQueryLength(FS_INFORMATION_CLASS kind);
ACCESS_MASK IopVolumeQueryAccess(FS_INFORMATION_CLASS kind);
ULONG IopVolumeSetLength(FS_INFORMATION_CLASS kind);

/* IRP_MJ_SHUTDOWN to every device that registered for it. */
void IopShutdown(void);
bool IopStart(void);
void IopStop(void);

#endif
