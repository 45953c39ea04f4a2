/* Locks of every kind, a minifilter that takes one of them in its callbacks, and what the machine says of it. */
#ifndef TESTS_FLT_HELD_LOCKS_H
#define TESTS_FLT_HELD_LOCKS_H

#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-variable"

#include "harness.h"

#include "ex/lock.h"

static struct fltsim_volume *volume;

/* ---- locks of every kind ---- */

struct kind {
    const char *name;
    void (*initialize)(void);
    void (*take)(void);
    void (*give)(void);
    void (*finish)(void);
};

static ERESOURCE resource;
static FAST_MUTEX fast_mutex;
static KGUARDED_MUTEX guarded_mutex;
static EX_PUSH_LOCK push_lock;
static KMUTEX mutex;

static void init_resource(void) { ExInitializeResourceLite(&resource); }
static void take_resource(void) { FltAcquireResourceExclusive(&resource); }
static void give_resource(void) { FltReleaseResource(&resource); }
static void delete_resource(void) { ExDeleteResourceLite(&resource); }

static void share_resource(void) { FltAcquireResourceShared(&resource); }

static void init_push(void) { FltInitializePushLock(&push_lock); }
static void take_push(void) { FltAcquirePushLockExclusive(&push_lock); }
static void give_push(void) { FltReleasePushLock(&push_lock); }
static void delete_push(void) { FltDeletePushLock(&push_lock); }

static void init_fast(void) { ExInitializeFastMutex(&fast_mutex); }
static void take_fast(void)
{
    KeEnterCriticalRegion();
    ExAcquireFastMutexUnsafe(&fast_mutex);
}
static void give_fast(void)
{
    ExReleaseFastMutexUnsafe(&fast_mutex);
    KeLeaveCriticalRegion();
}

static void init_guarded(void) { KeInitializeGuardedMutex(&guarded_mutex); }
static void take_guarded(void)
{
    KeEnterCriticalRegion();
    KeAcquireGuardedMutexUnsafe(&guarded_mutex);
}
static void give_guarded(void)
{
    KeReleaseGuardedMutexUnsafe(&guarded_mutex);
    KeLeaveCriticalRegion();
}

static void init_mutex(void) { KeInitializeMutex(&mutex, 0); }
static void take_mutex(void) { KeWaitForSingleObject(&mutex, Executive, KernelMode, FALSE, NULL); }
static void give_mutex(void) { KeReleaseMutex(&mutex, FALSE); }
static void nothing(void) {}

static const struct kind kinds[] = {
    {"resource", init_resource, take_resource, give_resource, delete_resource},
    {"push lock", init_push, take_push, give_push, delete_push},
    {"fast mutex", init_fast, take_fast, give_fast, nothing},
    {"guarded mutex", init_guarded, take_guarded, give_guarded, nothing},
    {"mutex", init_mutex, take_mutex, give_mutex, nothing},
};
static const struct kind shared_resource = {"resource", init_resource, share_resource, give_resource, delete_resource};
static const struct kind *kind;

/* ---- the machine ---- */

static unsigned reports;
static char history[2000], what[300];

static void reported(const struct fltsim_violation *violation, void *context)
{
    if (!strcmp(violation->rule, "lock-held-across-create")) {
        reports++;
        snprintf(history, sizeof history, "%s", violation->history);
        snprintf(what, sizeof what, "%s", violation->what);
    }
}

static FLT_PREOP_CALLBACK_STATUS any(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    *context = NULL;
    return B->pre ? B->pre(B, data, objects, context) : FLT_PREOP_SUCCESS_NO_CALLBACK;
}

/* Everything that the calls below come back as. */
static const FLT_OPERATION_REGISTRATION everything[] = {
    {IRP_MJ_CREATE, 0, any, NULL, NULL},
    {IRP_MJ_READ, 0, any, NULL, NULL},
    {IRP_MJ_CLEANUP, 0, any, NULL, NULL},
    {IRP_MJ_FLUSH_BUFFERS, 0, any, NULL, NULL},
    {IRP_MJ_QUERY_INFORMATION, 0, any, NULL, NULL},
    {IRP_MJ_SET_INFORMATION, 0, any, NULL, NULL},
    {IRP_MJ_FILE_SYSTEM_CONTROL, 0, any, NULL, NULL},
    {IRP_MJ_DIRECTORY_CONTROL, 0, any, NULL, NULL},
    {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL},
};

static const FLT_OPERATION_REGISTRATION *operations;

static void start(const struct kind *which)
{
    fltsim_abandon(); /* what an assertion that failed before left */
    kind = which;
    reports = 0;
    assert_true(fltsim_start(&(struct fltsim_options){.quiet = true, .on_violation = reported}));
    memset(probes, 0, sizeof probes);
    B->letter = 'B';
    B->quiet = true;
    B->operations = operations;
    B->answer = FLT_PREOP_SUCCESS_WITH_CALLBACK;
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C'}, &volume), STATUS_SUCCESS);
    assert_int_equal(probe_load(B, NULL), STATUS_SUCCESS);
    kind->initialize();
}

static void stop(unsigned expected)
{
    kind->finish();
    B->pre = NULL;
    B->post = NULL;
    assert_int_equal(probe_unload(B), STATUS_SUCCESS);
    assert_int_equal(reports, expected);
    assert_int_equal(fltsim_stop(NULL), expected);
    noted();
}

static HANDLE open_name(const char *name)
{
    HANDLE handle;
    assert_int_equal(fltsim_open(name, &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_OPEN_IF},
                                 &handle),
                     STATUS_SUCCESS);
    return handle;
}

static HANDLE open_file(void) { return open_name("C:\\file"); }

/* ---- callbacks ---- */

static unsigned char taken_for;
static bool paging_only;

static FLT_PREOP_CALLBACK_STATUS lock_briefly(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                              PVOID *context)
{
    if (data->Iopb->MajorFunction == taken_for && (!paging_only || data->Iopb->IrpFlags & IRP_PAGING_IO)) {
        kind->take();
        kind->give();
    }
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

/* What the cache has of one is written while a driver that takes the lock for paging writes watches. */
static void write_back(HANDLE handle)
{
    B->pre = lock_briefly;
    taken_for = IRP_MJ_WRITE;
    paging_only = true;
    assert_int_equal(fltsim_write(handle, "text", 4, 0, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_flush(handle), STATUS_SUCCESS);
    B->pre = NULL;
    paging_only = false;
}

#endif
