/* Private to ke/: the room's state and the dispatcher's inside. */
#ifndef FLTSIM_KE_KEP_H
#define FLTSIM_KE_KEP_H

#include "ke/thread.h"
#include "sim/machine.h"

#define KI_SHARDS 64
enum { KI_THREAD_BITS = 1 << 15 };

struct ki_shard {
    struct sched_lock lock;
    char padding[56]; /* a cache line each */
};

struct ke_state {
    struct _KTHREAD boot;     /* current while there is no proper thread: at the start, and after a thread's last step */
    struct ki_shard shards[KI_SHARDS]; /* dispatcher objects, by address */
    struct sched_lock spin_registry;
    struct ki_spin_waiter *spin_waiters;
    struct sched_lock dpc_lock;
    SINGLE_LIST_ENTRY *dpc_last; /* KDPC.DpcListEntry, a ring; NULL: none */
    bool dpc_started;         /* its thread was made */
    KDPC *dpc_running;
    PKDEFERRED_ROUTINE dpc_routine; /* of that */
    KEVENT dpc_work;          /* synchronization */
    KEVENT dpc_idle;          /* notification: nothing queued or running */
    struct sched_lock bugcheck_lock;
    LIST_ENTRY bugcheck_callbacks;
    void (*explain[4])(void); /* KiExplainDeadlocks */
    struct sched_lock known_lock;
    LIST_ENTRY known;         /* KTHREAD.known_link: every thread there is */
    atomic_uint_least64_t thread_bits[KI_THREAD_BITS / 64]; /* in_use.c */
};
#define ki (machine->ke)

/* The results of a wait that are not an index. */
enum { KI_WAITING = -1, KI_WAIT_TIMEOUT = -2, KI_WAIT_ALERTED = -3, KI_WAIT_USER_APC = -4, KI_WAIT_ENDED = -5,
       KI_WAIT_KERNEL_APC = -6, KI_WAIT_BROKEN = -7 };
#define KI_ABANDONED 0x80

static inline PDISPATCHER_HEADER KiHeader(PVOID object) { return object; }

/* dispatcher.c: an object's own lock; objects that share a lock are harmless. */
void KiLockObject(const void *object);
void KiUnlockObject(const void *object);
/* The lock for a change that can satisfy waits: all locks when somebody waits for several objects at once. */
bool KiBeginSignal(PDISPATCHER_HEADER header);
/* Hands the object out to whom it satisfies now, and unlocks. `all` is what KiBeginSignal answered. */
void KiEndSignal(PDISPATCHER_HEADER header, bool all);
/* The same, and `state` is the object's signal state once it was handed out (KePulseEvent). */
void KiEndPulse(PDISPATCHER_HEADER header, bool all, LONG state);
/* Raises STATUS_MUTANT_LIMIT_EXCEEDED where its owner may not take it once more. */
void KiCheckMutantLimit(const KMUTANT *mutant);
void KiInitializeHeader(PDISPATCHER_HEADER header, UCHAR type, LONG state);
const char *KiTypeName(const DISPATCHER_HEADER *header);

/* in_use.c: a thread comes and goes. */
void KiKnowThread(PKTHREAD thread);
void KiForgetThread(PKTHREAD thread);

/* wait.c */
struct ki_wait_options {
    WAIT_TYPE type;
    KWAIT_REASON reason;
    KPROCESSOR_MODE mode;
    bool alertable;
    int64_t deadline;
    const struct ki_wait_hint *hint;
    const void *site;
    const atomic_bool *broken; /* KiBreakWait; may be NULL */
};
NTSTATUS KiWait(ULONG count, PVOID *objects, const struct ki_wait_options *options);
/* The thread waits on no object (a delay): begins, parks until something ends it, and says what did (KI_WAIT_*). */
void KiBeginWait(PKTHREAD thread, const struct ki_wait_options *options);
int KiPark(PKTHREAD thread);

/* deadlock.c: the thread's name, or what can be said of one that has ended (its KTHREAD may be gone). */
const char *KiNameOf(PKTHREAD thread);

/* apc.c: runs the thread's own queued APCs that may run now; is there a kernel one? */
static inline bool KiHasApc(const struct _KTHREAD *thread, KPROCESSOR_MODE mode)
{
    return __atomic_load_n(&thread->apc_count[(int)mode], __ATOMIC_SEQ_CST) > 0;
}
bool KiApcIsDue(PKTHREAD thread);
void KiDeliverApcs(PKTHREAD thread, KPROCESSOR_MODE mode);

/* mutex.c */
bool KiCanTakeMutant(const KMUTANT *mutant, PKTHREAD thread);
int KiTakeMutant(KMUTANT *mutant, PKTHREAD thread); /* KI_ABANDONED or 0 */
void KiAbandonMutants(PKTHREAD thread);

/* dpc.c: makes the thread that runs DPCs; queues a timer's (where nothing may block or switch). */
void KiStartDpcs(void);
void KiQueueDpc(PKDPC dpc);
void KiReleaseDpcs(PKTHREAD thread);

/* After each fall of a thread's IRQL: the DPCs it queued above may run now. */
static inline void KiIrqlFell(PKTHREAD thread)
{
    if (__builtin_expect(thread->dpcs_held && thread->irql < DISPATCH_LEVEL, 0))
        KiReleaseDpcs(thread);
}

/* Waits until no DPC is queued or runs, or for that long; the routine of the one that runs; takes one whose object is
 * there out of the queue. */
void KiFlushDpcs(const LARGE_INTEGER *timeout);
PKDEFERRED_ROUTINE KiRunningDpc(void);
PKDPC KiTakeDpcIn(const char *low, const char *high);

/* timer.c: those that are armed now, as far as there is room; takes one out of the clock. KTIMER.Private has behind the
 * clock's entry who armed it. */
#define KI_TIMER_SITE 7
size_t KiArmedTimers(PKTIMER *timers, size_t room);
bool KiDisarm(PKTIMER timer);

/* seh.c, fault.c */
_Noreturn void KiRaise(NTSTATUS code, ULONG count, const ULONG_PTR *information, void *address);
_Noreturn void KiUnhandledException(PKTHREAD thread);
_Noreturn void KiUnhandledFault(PKTHREAD thread, NTSTATUS code, void *pc);
void KiRememberStack(struct ki_seh *seh, void *address);
void KiStartExceptions(void);
void KiStopExceptions(void);

#endif
