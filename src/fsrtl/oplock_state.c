/* The opportunistic lock package: who holds what, who waits for which break. */
#include "oplock.h"

struct holder {
    LIST_ENTRY link; // state.holders
    enum oplock_kind kind;
    ULONG level; // OPLOCK_LEVEL_CACHE_*
    PFILE_OBJECT file;
    const struct oplock_operations *operations;
    PVOID operation; // the request that stands for it; NULL while a break is being answered
    bool breaking;   // broken, and the owner has not answered yet
    ULONG next;      // breaking: the level that is left
};

struct waiting {
    LIST_ENTRY link; // state.waiting
    struct oplock_waiter who;
    KEVENT event; // for a caller that waits itself
    bool woken;
};

struct state {
    struct sched_lock lock;
    LIST_ENTRY holders; // holder.link
    LIST_ENTRY waiting; // waiting.link
};

#define R OPLOCK_LEVEL_CACHE_READ
#define H OPLOCK_LEVEL_CACHE_HANDLE
#define W OPLOCK_LEVEL_CACHE_WRITE

static struct state *State(POPLOCK oplock, bool create)
{
    struct state *state = __atomic_load_n((struct state **)oplock, __ATOMIC_ACQUIRE);
    if (state || !create)
        return state;
    struct state *fresh = sim_alloc(sizeof *fresh);
    InitializeListHead(&fresh->holders);
    InitializeListHead(&fresh->waiting);
    if (__atomic_compare_exchange_n((struct state **)oplock, &state, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return fresh;
    sim_free(fresh);
    return state;
}

static struct holder *HolderAt(PLIST_ENTRY link)
{
    return CONTAINING_RECORD(link, struct holder, link);
}

static ULONG LevelOf(enum oplock_kind kind, ULONG level)
{
    switch (kind) {
    case OPLOCK_LEVEL_1:
        return R | W;
    case OPLOCK_LEVEL_2:
        return R;
    case OPLOCK_BATCH:
    case OPLOCK_FILTER:
        return R | W | H;
    default:
        return level;
    }
}

void FsRtlpOplockInitialize(POPLOCK oplock)
{
    *oplock = NULL;
}

/* ---- the end of requests and of waits ---------------------------------------------------------------------------------- */

struct ending {
    const struct oplock_operations *operations;
    PVOID operation;
    NTSTATUS status;
    ULONG_PTR information;
    REQUEST_OPLOCK_OUTPUT_BUFFER answer;
    bool caching;
};

/* Lock held: the holder's request is ours to complete; what its owner is told goes into `ending`. */
static void TakeRequest(struct holder *holder, NTSTATUS status, ULONG next, bool acknowledge, struct ending *ending)
{
    *ending = (struct ending){.operations = holder->operations, .status = status, .caching = holder->kind == OPLOCK_CACHING};
    if (holder->operation && holder->operations->disarm(holder->operation))
        ending->operation = holder->operation;
    holder->operation = NULL;
    ending->information = next ? FILE_OPLOCK_BROKEN_TO_LEVEL_2 : FILE_OPLOCK_BROKEN_TO_NONE;
    if (!ending->caching)
        return;
    ending->answer.StructureVersion = REQUEST_OPLOCK_CURRENT_VERSION;
    ending->answer.StructureLength = sizeof ending->answer;
    ending->answer.OriginalOplockLevel = holder->level;
    ending->answer.NewOplockLevel = next;
    ending->answer.Flags = acknowledge ? REQUEST_OPLOCK_OUTPUT_FLAG_ACK_REQUIRED : 0;
}

static void End(const struct ending *ending)
{
    if (ending->operation)
        ending->operations->complete(ending->operation, ending->status, ending->information,
                                     ending->caching ? &ending->answer : NULL);
}

static bool BreakUnderWay(struct state *state)
{
    for (PLIST_ENTRY link = state->holders.Flink; link != &state->holders; link = link->Flink)
        if (HolderAt(link)->breaking)
            return true;
    return false;
}

/* With no break under way everybody who waited goes on. */
static void Wake(struct state *state)
{
    for (;;) {
        struct waiting *found = NULL;
        sched_lock(&state->lock);
        bool wait = BreakUnderWay(state);
        for (PLIST_ENTRY link = state->waiting.Flink; link != &state->waiting && !found && !wait; link = link->Flink) {
            struct waiting *at = CONTAINING_RECORD(link, struct waiting, link);
            if (!at->who.operations || at->who.operations->disarm(at->who.operation))
                found = at;
        }
        if (found)
            RemoveEntryList(&found->link);
        sched_unlock(&state->lock);
        if (!found)
            return;
        if (!found->who.operations) {
            KeSetEvent(&found->event, IO_NO_INCREMENT, FALSE);
            continue;
        }
        struct oplock_waiter who = found->who;
        sim_free(found);
        who.operations->resume(who.operation, STATUS_SUCCESS, who.routine, who.context);
    }
}

static NTSTATUS WaitForBreak(POPLOCK oplock, struct state *state, const struct oplock_waiter *waiter)
{
    struct waiting *waiting = sim_alloc(sizeof *waiting);
    waiting->who = *waiter;
    KeInitializeEvent(&waiting->event, NotificationEvent, FALSE);
    sched_lock(&state->lock);
    bool wait = BreakUnderWay(state), prepared = wait && waiter->post;
    sched_unlock(&state->lock);
    if (prepared)
        waiter->operations->pend(waiter->operation, waiter->post, waiter->context);
    sched_lock(&state->lock);
    wait = wait && (prepared || BreakUnderWay(state)); /* what is prepared is pended, and Wake lets it go on */
    if (wait) {
        InsertTailList(&state->waiting, &waiting->link);
        if (waiter->operations)
            waiter->operations->mark(waiter->operation);
    }
    sched_unlock(&state->lock);
    if (!wait) {
        sim_free(waiting);
        return STATUS_SUCCESS;
    }
    if (!waiter->operations) {
        KeWaitForSingleObject(&waiting->event, Executive, KernelMode, FALSE, NULL);
        sim_free(waiting);
        return STATUS_SUCCESS;
    }
    if (!waiter->operations->arm(oplock, waiter->operation, true)) {
        FsRtlpOplockCancel(oplock, waiter->operation);
        return STATUS_PENDING;
    }
    Wake(state); // the break may have ended before it could be disarmed
    return STATUS_PENDING;
}

/* ---- requests ------------------------------------------------------------------------------------------------------------ */

static bool ValidLevel(ULONG level)
{
    return level == R || level == (R | H) || level == (R | W) || level == (R | W | H);
}

/* Lock held. A lock that the same owner holds and that the new one replaces goes into `replaced`. */
static bool MayGrant(struct state *state, enum oplock_kind kind, ULONG level, PFILE_OBJECT file, ULONG count, bool keys,
                     struct holder **replaced)
{
    bool exclusive = (level & W) != 0;
    *replaced = NULL;
    if (kind == OPLOCK_LEVEL_2 ? count != 0 : exclusive && count > 1 && !keys)
        return false;
    for (PLIST_ENTRY link = state->holders.Flink; link != &state->holders; link = link->Flink) {
        struct holder *held = HolderAt(link);
        bool own = FsRtlpIsOneOwner(held->file, file);
        if (held->breaking || ((held->level & W) && !own) || (exclusive && !own))
            return false;
        if (own)
            *replaced = held;
    }
    return !*replaced || ((*replaced)->kind == OPLOCK_CACHING) == (kind == OPLOCK_CACHING) ||
           (*replaced)->kind == OPLOCK_LEVEL_2;
}

NTSTATUS FsRtlpOplockRequest(POPLOCK oplock, enum oplock_kind kind, ULONG level, PFILE_OBJECT file, ULONG count,
                             bool keys_match, const struct oplock_operations *operations, PVOID operation)
{
    struct state *state = State(oplock, true);
    struct ending ending = {0};
    struct holder *replaced, *fresh;
    level = LevelOf(kind, level);
    if (!ValidLevel(level))
        return STATUS_INVALID_PARAMETER;
    if (file->Flags & FO_SYNCHRONOUS_IO)
        return STATUS_OPLOCK_NOT_GRANTED;
    fresh = sim_alloc(sizeof *fresh);
    *fresh = (struct holder){.kind = kind, .level = level, .file = file, .operations = operations, .operation = operation};
    if (!operations->arm(oplock, operation, false)) {
        sim_free(fresh);
        return STATUS_CANCELLED;
    }
    sched_lock(&state->lock);
    bool granted = MayGrant(state, kind, level, file, count, keys_match, &replaced);
    if (granted && replaced) {
        RemoveEntryList(&replaced->link);
        TakeRequest(replaced, kind == OPLOCK_CACHING ? STATUS_OPLOCK_SWITCHED_TO_NEW_HANDLE : STATUS_SUCCESS, 0, false,
                    &ending);
    }
    bool mine = granted || operations->disarm(operation);
    if (granted)
        InsertTailList(&state->holders, &fresh->link);
    if (granted || !mine)
        operations->mark(operation);
    sched_unlock(&state->lock);
    End(&ending);
    if (granted) {
        sim_free(replaced);
        return STATUS_PENDING;
    }
    sim_free(fresh);
    return mine ? STATUS_OPLOCK_NOT_GRANTED : STATUS_PENDING; // cancelling completes it
}

NTSTATUS FsRtlpOplockAcknowledge(POPLOCK oplock, PFILE_OBJECT file, ULONG level, bool close_pending,
                                 const struct oplock_operations *operations, PVOID operation)
{
    struct state *state = State(oplock, false);
    struct holder *found = NULL;
    if (!state)
        return STATUS_INVALID_OPLOCK_PROTOCOL;
    bool armed = level && operations->arm(oplock, operation, false);
    sched_lock(&state->lock);
    for (PLIST_ENTRY link = state->holders.Flink; link != &state->holders && !found; link = link->Flink)
        if (HolderAt(link)->file == file && HolderAt(link)->breaking)
            found = HolderAt(link);
    bool keeps = found && armed && (found->next & level) == level;
    if (found && !close_pending) {
        found->breaking = false;
        if (keeps) {
            found->level = level;
            found->kind = found->kind == OPLOCK_CACHING ? OPLOCK_CACHING : OPLOCK_LEVEL_2;
            found->operation = operation;
            found->operations = operations;
        } else {
            RemoveEntryList(&found->link);
        }
    }
    bool mine = keeps || !armed || operations->disarm(operation);
    if (keeps || !mine)
        operations->mark(operation);
    sched_unlock(&state->lock);
    if (found && !keeps && !close_pending)
        sim_free(found);
    if (!close_pending)
        Wake(state);
    if (keeps || !mine)
        return STATUS_PENDING;
    return found ? STATUS_SUCCESS : STATUS_INVALID_OPLOCK_PROTOCOL;
}

/* ---- breaks ----------------------------------------------------------------------------------------------------------------- */

static bool OnlyAttributes(ACCESS_MASK access)
{
    return !(access & ~(ACCESS_MASK)(FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | SYNCHRONIZE));
}

static bool OnlyReads(ACCESS_MASK access)
{
    return !(access & ~(ACCESS_MASK)(FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | FILE_READ_DATA | FILE_READ_EA |
                                     FILE_EXECUTE | SYNCHRONIZE | READ_CONTROL));
}

static ULONG AfterCreate(const struct holder *held, const struct oplock_check *check)
{
    bool overwrites = check->disposition == FILE_SUPERSEDE || check->disposition == FILE_OVERWRITE ||
                      check->disposition == FILE_OVERWRITE_IF;
    if (overwrites)
        return 0;
    if (OnlyAttributes(check->access))
        return held->level;
    if (held->kind == OPLOCK_FILTER)
        return OnlyReads(check->access) ? held->level : 0;
    if (!(held->level & W))
        return held->level;
    return held->kind == OPLOCK_CACHING ? held->level & ~(ULONG)W : R;
}

static bool ChangesData(const struct oplock_check *check)
{
    switch (check->major) {
    case IRP_MJ_WRITE:
    case IRP_MJ_LOCK_CONTROL:
        return true;
    case IRP_MJ_SET_INFORMATION:
        return check->information == FileEndOfFileInformation || check->information == FileAllocationInformation ||
               check->information == FileValidDataLengthInformation;
    case IRP_MJ_FILE_SYSTEM_CONTROL:
        return check->control == FSCTL_SET_ZERO_DATA || check->control == FSCTL_OFFLOAD_WRITE ||
               check->control == FSCTL_FILE_LEVEL_TRIM;
    default:
        return false;
    }
}

static bool RemovesName(const struct oplock_check *check)
{
    if (check->major != IRP_MJ_SET_INFORMATION)
        return false;
    switch (check->information) {
    case FileRenameInformation:
    case FileRenameInformationEx:
    case FileRenameInformationBypassAccessCheck:
    case FileRenameInformationExBypassAccessCheck:
    case FileLinkInformation:
    case FileLinkInformationEx:
    case FileLinkInformationBypassAccessCheck:
    case FileLinkInformationExBypassAccessCheck:
    case FileShortNameInformation:
    case FileDispositionInformation:
    case FileDispositionInformationEx:
        return true;
    default:
        return false;
    }
}

static bool IsOwn(const struct holder *held, const struct oplock_check *check)
{
    return check->ignore_keys ? held->file == check->file : FsRtlpIsOneOwner(held->file, check->file);
}

/* What the operation leaves of the lock. */
static ULONG LevelAfter(const struct holder *held, const struct oplock_check *check)
{
    bool own = IsOwn(held, check);
    if (check->break_all)
        return 0;
    if (check->break_handle)
        return own ? held->level : held->level & ~(ULONG)H;
    if (ChangesData(check))
        return own && held->kind != OPLOCK_LEVEL_2 ? held->level : 0;
    if (own)
        return held->level;
    if (check->major == IRP_MJ_CREATE)
        return AfterCreate(held, check);
    if (check->major == IRP_MJ_READ && (held->level & W) && held->kind != OPLOCK_FILTER)
        return held->kind == OPLOCK_CACHING ? held->level & ~(ULONG)W : R;
    if (RemovesName(check) && (held->level & H))
        return held->kind == OPLOCK_CACHING ? held->level & ~(ULONG)H : 0;
    return held->level;
}

/* Is the owner asked before the operation goes on? */
static bool NeedsAnswer(const struct holder *held, const struct oplock_check *check)
{
    return (held->level & W) || (check->break_handle && (held->level & H)) || (RemovesName(check) && (held->level & H));
}

/* Breaks one holder that the operation touches; false: there is none (left). */
static bool BreakOne(struct state *state, const struct oplock_check *check)
{
    struct ending ending;
    struct holder *gone = NULL;
    bool found = false;
    sched_lock(&state->lock);
    for (PLIST_ENTRY link = state->holders.Flink; link != &state->holders && !found; link = link->Flink) {
        struct holder *held = HolderAt(link);
        ULONG next = held->breaking ? held->level : LevelAfter(held, check);
        if (next == held->level)
            continue;
        found = true;
        held->breaking = NeedsAnswer(held, check);
        held->next = next;
        TakeRequest(held, STATUS_SUCCESS, next, held->breaking, &ending);
        if (!held->breaking) {
            RemoveEntryList(&held->link);
            gone = held;
        }
    }
    sched_unlock(&state->lock);
    sim_free(gone);
    if (found)
        End(&ending);
    return found;
}

/* The owner's last handle goes: so do its locks, answered or not. */
static void Release(struct state *state, PFILE_OBJECT file)
{
    struct ending ending;
    struct holder *found;
    do {
        found = NULL;
        sched_lock(&state->lock);
        for (PLIST_ENTRY link = state->holders.Flink; link != &state->holders && !found; link = link->Flink)
            if (HolderAt(link)->file == file)
                found = HolderAt(link);
        if (found) {
            RemoveEntryList(&found->link);
            TakeRequest(found, found->kind == OPLOCK_CACHING ? STATUS_OPLOCK_HANDLE_CLOSED : STATUS_SUCCESS, 0, false, &ending);
        }
        sched_unlock(&state->lock);
        if (found)
            End(&ending);
        sim_free(found);
    } while (found);
    Wake(state);
}

/* A create that is to get an oplock of its own breaks nobody's for it. */
static bool CannotBreak(struct state *state, const struct oplock_check *check)
{
    bool found = false;
    if (check->major != IRP_MJ_CREATE || !(check->options & FILE_OPEN_REQUIRING_OPLOCK))
        return false;
    sched_lock(&state->lock);
    for (PLIST_ENTRY link = state->holders.Flink; link != &state->holders && !found; link = link->Flink)
        found = HolderAt(link)->breaking || LevelAfter(HolderAt(link), check) != HolderAt(link)->level;
    sched_unlock(&state->lock);
    return found;
}

static NTSTATUS CheckAgainst(struct state *state, POPLOCK oplock, const struct oplock_check *check, ULONG flags,
                             const struct oplock_waiter *waiter)
{
    if (check->major == IRP_MJ_CLEANUP && !check->break_all && !check->break_handle) {
        Release(state, check->file);
        return STATUS_SUCCESS;
    }
    if (CannotBreak(state, check))
        return STATUS_CANNOT_BREAK_OPLOCK;
    while (BreakOne(state, check))
        ;
    sched_lock(&state->lock);
    bool wait = BreakUnderWay(state);
    for (PLIST_ENTRY link = state->holders.Flink; link != &state->holders && wait; link = link->Flink)
        if (HolderAt(link)->breaking && IsOwn(HolderAt(link), check))
            wait = false; // the owner works towards its answer
    sched_unlock(&state->lock);
    if (!wait || (check->major == IRP_MJ_CREATE && OnlyAttributes(check->access) && !check->break_all))
        return STATUS_SUCCESS;
    if ((flags & OPLOCK_FLAG_COMPLETE_IF_OPLOCKED) ||
        (check->major == IRP_MJ_CREATE && (check->options & FILE_COMPLETE_IF_OPLOCKED)))
        return STATUS_OPLOCK_BREAK_IN_PROGRESS;
    return WaitForBreak(oplock, state, waiter);
}

NTSTATUS FsRtlpOplockCheck(POPLOCK oplock, const struct oplock_check *check, ULONG flags,
                           const struct oplock_waiter *waiter)
{
    struct oplock_check with_flags = *check;
    if (check->major == IRP_MJ_CREATE)
        FsRtlpAttachOplockKeys(check->ecps, check->file);
    struct state *state = flags & OPLOCK_FLAG_OPLOCK_KEY_CHECK_ONLY ? NULL : State(oplock, false);
    with_flags.ignore_keys = (flags & OPLOCK_FLAG_IGNORE_OPLOCK_KEYS) != 0;
    return state ? CheckAgainst(state, oplock, &with_flags, flags, waiter) : STATUS_SUCCESS;
}

NTSTATUS FsRtlpOplockNotify(POPLOCK oplock, const struct oplock_waiter *waiter)
{
    struct state *state = State(oplock, false);
    return state ? WaitForBreak(oplock, state, waiter) : STATUS_SUCCESS;
}

void FsRtlpOplockCancel(POPLOCK oplock, PVOID operation)
{
    struct state *state = State(oplock, false);
    struct waiting *waiting = NULL;
    struct holder *holder = NULL;
    if (!state)
        return;
    sched_lock(&state->lock);
    for (PLIST_ENTRY link = state->waiting.Flink; link != &state->waiting && !waiting; link = link->Flink)
        if (CONTAINING_RECORD(link, struct waiting, link)->who.operation == operation)
            waiting = CONTAINING_RECORD(link, struct waiting, link);
    for (PLIST_ENTRY link = state->holders.Flink; link != &state->holders && !holder; link = link->Flink)
        if (HolderAt(link)->operation == operation)
            holder = HolderAt(link);
    if (waiting)
        RemoveEntryList(&waiting->link);
    if (holder)
        RemoveEntryList(&holder->link);
    sched_unlock(&state->lock);
    if (waiting)
        waiting->who.operations->resume(operation, STATUS_CANCELLED, waiting->who.routine, waiting->who.context);
    if (holder)
        holder->operations->complete(operation, STATUS_CANCELLED, 0, NULL);
    sim_free(waiting);
    sim_free(holder);
    Wake(state);
}

void FsRtlpOplockUninitialize(POPLOCK oplock)
{
    struct state *state = State(oplock, false);
    if (!state)
        return;
    while (!IsListEmpty(&state->holders)) {
        struct ending ending;
        struct holder *holder = HolderAt(RemoveHeadList(&state->holders));
        TakeRequest(holder, STATUS_SUCCESS, 0, false, &ending);
        End(&ending);
        sim_free(holder);
    }
    Wake(state);
    *oplock = NULL;
    sim_free(state);
}

/* ---- questions ---------------------------------------------------------------------------------------------------------------- */

bool FsRtlpOplockHas(POPLOCK oplock, bool batch, bool handle)
{
    struct state *state = State(oplock, false);
    bool has = false;
    if (!state)
        return false;
    sched_lock(&state->lock);
    for (PLIST_ENTRY link = state->holders.Flink; link != &state->holders; link = link->Flink) {
        struct holder *held = HolderAt(link);
        bool filter = held->kind == OPLOCK_BATCH || held->kind == OPLOCK_FILTER;
        has = has || (batch ? filter || (held->kind == OPLOCK_CACHING && (held->level & H))
                            : !handle || (held->kind == OPLOCK_CACHING && (held->level & H)));
    }
    sched_unlock(&state->lock);
    return has;
}

bool FsRtlpOplockFastIo(POPLOCK oplock)
{
    struct state *state = State(oplock, false);
    bool possible = true;
    if (!state)
        return true;
    sched_lock(&state->lock);
    for (PLIST_ENTRY link = state->holders.Flink; link != &state->holders; link = link->Flink)
        possible = possible && !HolderAt(link)->breaking && !(HolderAt(link)->level & W);
    sched_unlock(&state->lock);
    return possible;
}
