/* What a PKTHREAD / PETHREAD points at, and the current one. Drivers never look inside. */
#ifndef FLTSIM_KE_THREAD_H
#define FLTSIM_KE_THREAD_H

#include "sched/sched.h"
#include "verify/held.h"

#include <nt/ke.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* ---- structured exceptions (seh.c): the frames of one thread ------------------------------------------------------- */

#define KI_SEH_SITES 16
struct ki_seh_block;
struct ki_seh {
    struct fltsim_seh_frame *free, *top, *pending; /* pending: whose finally is being entered */
    struct ki_seh_block *blocks;                   /* where the frames' memory is */
    int depth;
    EXCEPTION_RECORD record;
    EXCEPTION_POINTERS pointers;
    void *sites[KI_SEH_SITES]; /* the raiser's call stack, nearest first */
    unsigned site_count;
    bool fault;          /* the record describes a hardware fault */
    void *fault_address; /* and this was touched */
};

/* seh.c: an exception that is raised now meets an __except first or last. */
bool KiHasHandler(void);
/* Paging I/O: an exception in there is nobody's outside to handle, who would leave pages in transit and the IRQL raised. */
struct fltsim_seh_frame *KiHideHandlers(void);
void KiShowHandlers(struct fltsim_seh_frame *Hidden);

/* ---- waits (dispatcher.c) ------------------------------------------------------------------------------------------ */

/* Tells a deadlock report what a wait really is for, when the dispatcher object is only a part of it: an ERESOURCE, a
 * push lock, a rundown reference. `object` is printed and given to `owners`, which names each thread that holds it. */
struct ki_wait_hint {
    const char *what; /* "ERESOURCE" */
    const void *object;
    void (*owners)(const void *object, void (*add)(struct _KTHREAD *owner, void *context), void *context);
    unsigned rule; /* VERIFY_: what a deadlock is called when this waits for an owner that cannot go on; 0: deadlock */
};

struct ki_spin;

struct ki_wait {
    atomic_uint unparking; /* signallers that are about to unpark the thread */
    atomic_int state;      /* KI_WAIT_* or the index that satisfied it */
    bool alertable;
    KPROCESSOR_MODE mode;
    WAIT_TYPE type;
    ULONG count;           /* of blocks; 0: not waiting on objects */
    KWAIT_BLOCK *blocks;   /* own, or sim_alloc'd when there are more */
    KWAIT_BLOCK own[THREAD_WAIT_OBJECTS + 1];
    int64_t since, deadline; /* virtual time */
    const void *site;      /* who called the waiting routine */
    KWAIT_REASON reason;
    const struct ki_wait_hint *hint;
    const atomic_bool *broken; /* once true the wait ends with STATUS_CANCELLED; NULL: nothing breaks it */
    const struct ki_spin *spin; /* waiting for a spin lock instead, */
    const void *spin_lock;      /* this one */
};

/* A thread that looks again and again: where, and what for if that is known. */
struct ki_poll {
    const void *site;
    const char *what;   /* "reader-writer spin lock"; NULL: the driver's own business */
    const void *object;
    unsigned exchanges; /* fltsim_unchanged, in a row */
};

enum { KI_SPIN_HELD = 4 };

/* ---- the thread ---------------------------------------------------------------------------------------------------- */

struct _KTHREAD {
    DISPATCHER_HEADER Header; /* signalled for good when the thread has ended */
    _Atomic(struct sched_thread *) sched; /* NULL until it runs */
    KIRQL irql;
    KPROCESSOR_MODE previous_mode;
    UCHAR processor;
    bool system;     /* made by PsCreateSystemThread, or the machine's own */
    bool daemon;             /* of the machine's own: its waits end with STATUS_THREAD_IS_TERMINATING at the stop */
    atomic_bool started, terminating, terminated;
    bool adopted;            /* an OS thread of the program's own */
    bool reported;           /* as thread-left-running */
    bool left;               /* it could not be made to end when the machine stopped */
    atomic_bool alerted[2]; /* by mode */
    int kernel_apc_disable;  /* depth of critical regions and owned mutexes: normal kernel APCs are off */
    int special_apc_disable; /* depth of guarded regions: all APCs are off */
    PVOID top_level_irp;     /* IoGetTopLevelIrp */
    PVOID origin;            /* KiCaptureOrigin, of what set going the work that it does; NULL: nothing to tell */
    KPRIORITY priority;
    KAFFINITY affinity;      /* ThreadAffinityMask; 0: all processors */
    UCHAR page_priority;     /* ThreadPagePriority, one more than the value; 0: normal */
    bool hidden;             /* ThreadHideFromDebugger */
    bool hard_errors_disabled; /* IoSetThreadHardErrorMode */
    UCHAR io_priority;       /* io: its IO_PRIORITY_HINT, one more than the value; 0: none was set */
    LPCGUID activity;        /* io: IoSetActivityIdThread; NULL: none. The GUID is whose pointer it is */
    GUID own_activity;       /* etw: of EtwActivityIdControl, for `activity` to point at */
    LIST_ENTRY mutants;      /* KMUTANT.MutantListEntry: owned ones */
    LIST_ENTRY apcs[2];      /* KAPC.ApcListEntry: queued kernel, user APCs */
    volatile LONG apc_count[2]; /* in each: looked at without the lock */
    struct sched_lock apc_lock;
    struct ki_wait wait;
    struct ki_poll poll;
    struct ki_seh seh;
    unsigned spin_locks;     /* held */
    struct ki_spin_held {
        const void *lock; /* NULL: free */
        const void *site;
    } spin_held[KI_SPIN_HELD]; /* which, as far as there is room */
    bool in_dpc;             /* runs a DPC routine, not a threaded one */
    bool dpcs_held;          /* it queued DPCs that wait for its IRQL to fall */
    struct verify_held held; /* other locks, and the callback that runs */

    /* ps */
    struct _KPROCESS *home;     /* it was made in this one, and holds a reference on it */
    struct _KPROCESS *process;  /* it belongs to this one now (fltsim_impersonate) */
    struct _KPROCESS *attached; /* KeStackAttachProcess; NULL: not attached */
    LIST_ENTRY process_link;    /* KPROCESS.threads */
    LIST_ENTRY all_link;        /* ps_state.threads */
    LIST_ENTRY known_link;      /* ke_state.known */
    HANDLE id;
    struct _TEB *teb;           /* teb.c: NULL until somebody asks for it */
    PKSTART_ROUTINE start_routine;
    PVOID start_context;
    NTSTATUS exit_status;
    LONGLONG create_time;
    void *exit_jump;            /* where PsTerminateSystemThread goes */
    char name[48];

    /* Of other rooms, each its own; NULL in a new thread. */
    PVOID io, se, mm, cc, ex, fsrtl, flt, flt_running, memfs, sim;
    LIST_ENTRY irps;            /* io: IRP.ThreadListEntry */
    struct sched_lock irp_lock;
};

/* Makes a zeroed thread ready: lists, dispatcher header, modes. */
void KiInitializeThread(struct _KTHREAD *thread, const char *name);
/* Returns when no signaller has to touch the thread any more; before its memory goes. */
void KiAwaitUnparkers(struct _KTHREAD *thread);
/* Takes a thread that will never run again out of the wait lists it is in. */
void KiForgetWait(struct _KTHREAD *thread);
/* What a thread holds that nobody gives back for it (exception frames). */
void KiDeleteThread(struct _KTHREAD *thread);
/* The end of a thread, on it: abandons its mutexes, checks what it must not hold, signals it. */
void KiTerminateThread(struct _KTHREAD *thread);
/* How many timers are armed and DPCs queued. */
extern atomic_int KiPending;
/* timer-or-dpc-left for those in memory that is freed or initialized anew, and takes them out; for those of a driver whose
 * code goes. */
void KiLookForPending(const void *memory, size_t size, const char *routine, const void *site);
static inline void KiTellGone(const void *memory, size_t size, const char *routine, const void *site)
{
    if (__builtin_expect(atomic_load_explicit(&KiPending, memory_order_relaxed) != 0, 0))
        KiLookForPending(memory, size, routine, site);
}
void KiReportDriver(const char *driver);
/* Lets others run before the thread looks again; for `what`, at `object`, as the caller at `site` wants it. */
void KiPoll(const char *what, const void *object, const void *site);
/* A KTHREAD for an OS thread that calls in on its own (native backend). */
struct _KTHREAD *KiAdoptThread(void);

/* flt's: what the work that this thread queues, or the thread that it starts, is to be known as a part of; NULL: nothing.
 * KiDropOrigin when that work is done. NULL without an flt. */
extern void *(*KiCaptureOrigin)(void);
extern void (*KiDropOrigin)(void *origin);

static inline struct _KTHREAD *KiCurrentThread(void)
{
    struct sched_thread *self = sched_current;
    struct _KTHREAD *thread = __builtin_expect(self != NULL, 1) ? sched_owner(self) : NULL;
    return __builtin_expect(thread != NULL, 1) ? thread : KiAdoptThread();
}

static inline void KiUnpark(struct _KTHREAD *thread)
{
    struct sched_thread *sched = atomic_load_explicit(&thread->sched, memory_order_acquire);
    if (sched)
        sched_unpark(sched);
}

static inline KIRQL KiCurrentIrql(void) { return KiCurrentThread()->irql; }

static inline struct _KPROCESS *KiCurrentProcess(void)
{
    struct _KTHREAD *thread = KiCurrentThread();
    return thread->attached ? thread->attached : thread->process;
}

/* Critical regions without the checks and the call: for the library's own code. */
static inline void KiEnterCritical(void) { KiCurrentThread()->kernel_apc_disable++; }
void KiLeaveCritical(void);

/* ---- waiting, for other rooms -------------------------------------------------------------------------------------- */

/* KeWaitForSingleObject (Executive, KernelMode, not alertable) for the library's own use: no IRQL check, and a deadlock
 * report says what `hint` does and blames `site`. hint NULL: the object itself. */
NTSTATUS KiWaitFor(PVOID object, const LARGE_INTEGER *timeout, const struct ki_wait_hint *hint, const void *site);
/* KeSetEvent without a scheduling point. */
/* KeInitializeEvent for an event in a larger object that was looked at as a whole. */
void KiInitializeEvent(PRKEVENT event, EVENT_TYPE type, bool state);
LONG KiSetEvent(PRKEVENT event);
/* Virtual time of a timeout as the WDK gives it: negative is relative, NULL is SCHED_FOREVER. */
int64_t KiDeadline(const LARGE_INTEGER *timeout);
/* System time (100 ns since 1601) at virtual time 0. */
#define KI_BOOT_TIME 133485408000000000LL /* 2024-01-01 00:00:00 UTC */
/* Wakes an alertable wait of the thread (KeAlertThread, user APCs, thread termination). */
void KiAlertThread(struct _KTHREAD *thread, KPROCESSOR_MODE mode);
/* KeWaitForMultipleObjects in UserMode, not alertable, that ends with STATUS_CANCELLED when somebody calls KiBreakWait with
 * `broken`, before it or while it lasts. */
NTSTATUS KiWaitUnlessBroken(const atomic_bool *broken, ULONG count, PVOID *objects, WAIT_TYPE type, PLARGE_INTEGER timeout,
                            PKWAIT_BLOCK blocks, const void *site);
void KiBreakWait(struct _KTHREAD *thread, atomic_bool *broken);
/* A thread of the machine's own in the System process, for a room's queues. It counts as no work when it waits. When the
 * machine stops, its wait answers STATUS_THREAD_IS_TERMINATING and body must return. */
struct _KTHREAD *KiCreateDaemon(const char *name, KSTART_ROUTINE *body, void *argument);
/* Before a deadlock is reported, `explain` records what the room knows of its cause: a request that a driver kept. */
void KiExplainDeadlocks(void (*explain)(void));
/* Signals a header that is never reset: a thread or a process that ended. */
void KiSignalForGood(PDISPATCHER_HEADER header);

/* A spin lock of one word that somebody holds: parks (native: spins first) until KiWakeSpinners of the same word, or at
 * once when `held` (asked again before parking) says no. `owners` may be NULL. The lock's owner must call KiWakeSpinners after each release
 * that may let somebody in, if KiHasSpinners(word). */
struct ki_spin {
    const char *what; /* "spin lock" */
    bool (*held)(const volatile void *word);
    void (*owners)(const void *word, void (*add)(struct _KTHREAD *owner, void *context), void *context);
};
void KiSpin(const volatile void *word, const struct ki_spin *kind, const void *site);
void KiWakeSpinners(const volatile void *word);
extern atomic_uint KiSpinners; /* threads that spin on anything */
static inline bool KiHasSpinners(void) { return atomic_load(&KiSpinners) != 0; }

/* Makes sure that faults come to us: a test harness puts its own signal handlers over ours between its fixtures and its
 * tests. Costs a system call; done where programs enter the simulated system. */
void KiWatchFaults(void);
void KiStartPreemption(void);
void KiStopPreemption(void);

/* Asked when driver code faults, in this order; NULL in a new machine. resolve: makes the page accessible and answers
 * true: the instruction is tried again. explain: reports what the address was (ends the run), or returns. */
extern bool (*KiResolveFault)(void *address, bool write);
extern void (*KiExplainFault)(const void *address, bool write, const void *pc);

/* The machine's deadlock callback: reports every wait, ends the run. */
void KiReportDeadlock(void);

bool KepStart(void);
void KepStop(void);

/* Takes an APC out of its thread's queue. False: it is in none. */
bool KiRemoveApc(PRKAPC apc);

#endif
