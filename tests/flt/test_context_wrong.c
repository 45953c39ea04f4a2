/* Drivers that get contexts wrong, each beside one that does the same right. */
#include "wrong.h"

static PFLT_CONTEXT kept; /* what a driver's global would be */

static PFLT_CONTEXT made(FLT_CONTEXT_TYPE type)
{
    PFLT_CONTEXT context;
    succeeds(FltAllocateContext(stage.filter, type, 32, NonPagedPool, &context));
    return context;
}

static void open_once(const char *path) { fltsim_close(stage_open(path)); }

/* Loads the filter, which does `after` in its post-create, and opens a file. */
static void in_post_create(void (*after)(PFLT_CALLBACK_DATA, PCFLT_RELATED_OBJECTS))
{
    kept = NULL;
    stage_set();
    stage_watch(IRP_MJ_CREATE, NULL, after);
    open_once("C:\\file");
    stage_saw();
}

static NTSTATUS set_stream(PCFLT_RELATED_OBJECTS objects, PFLT_CONTEXT context)
{
    return FltSetStreamContext(objects->Instance, objects->FileObject, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL);
}

/* ---- counting ---- */

static void set_and_keep(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    succeeds(set_stream(objects, made(FLT_STREAM_CONTEXT)));
}

static void set_and_release(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_CONTEXT context = made(FLT_STREAM_CONTEXT);
    succeeds(set_stream(objects, context));
    FltReleaseContext(context);
}

static void set_and_release_twice(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_CONTEXT context = made(FLT_STREAM_CONTEXT);
    succeeds(set_stream(objects, context));
    FltReleaseContext(context);
    FltReleaseContext(context);
}

static void fill_too_much(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_CONTEXT context = made(FLT_STREAM_CONTEXT);
    memset(context, 1, 40);
    FltReleaseContext(context);
}

static void fill_it(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_CONTEXT context = made(FLT_STREAM_CONTEXT);
    memset(context, 1, 32);
    FltReleaseContext(context);
}

static void overrun(void) { in_post_create(fill_too_much); }
static void no_overrun(void) { in_post_create(fill_it); }

static void leak(void) { in_post_create(set_and_keep); }
static void no_leak(void) { in_post_create(set_and_release); }
static void over_release(void) { in_post_create(set_and_release_twice); }

static void reference_late(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_CONTEXT context = made(FLT_STREAM_CONTEXT);
    FltReleaseContext(context);
    FltReferenceContext(context);
}

static void reference_in_time(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_CONTEXT context = made(FLT_STREAM_CONTEXT);
    FltReferenceContext(context);
    FltReleaseContext(context);
    FltReleaseContext(context);
}

static void use_after_free(void) { in_post_create(reference_late); }
static void use_in_time(void) { in_post_create(reference_in_time); }

static void write_late(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    volatile char *context = made(FLT_STREAM_CONTEXT);
    FltReleaseContext((PFLT_CONTEXT)context);
    context[5] = 1;
}

static void write_in_time(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    volatile char *context = made(FLT_STREAM_CONTEXT);
    context[5] = 1;
    FltReleaseContext((PFLT_CONTEXT)context);
}

static void write_after_free(void) { in_post_create(write_late); }
static void write_before_free(void) { in_post_create(write_in_time); }

/* ---- setting ---- */

static void set_the_same(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    if (!kept)
        kept = made(FLT_STREAM_CONTEXT);
    set_stream(objects, kept);
}

static void one_for_all_files(void)
{
    in_post_create(set_the_same);
    stage.after = set_the_same;
    open_once("C:\\other");
    FltReleaseContext(kept);
}

static void one_for_each_file(void)
{
    in_post_create(set_and_release);
    stage.after = set_and_release;
    open_once("C:\\other");
}

static void revive(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_CONTEXT context = made(FLT_STREAM_CONTEXT);
    succeeds(set_stream(objects, context));
    FltDeleteContext(context);
    set_stream(objects, context);
    FltReleaseContext(context);
}

static void replace(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_CONTEXT context = made(FLT_STREAM_CONTEXT);
    succeeds(set_stream(objects, context));
    FltDeleteContext(context);
    FltReleaseContext(context);
    set_and_release(data, objects);
}

static void set_after_delete(void) { in_post_create(revive); }
static void new_after_delete(void) { in_post_create(replace); }

static void set_other_type(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_CONTEXT context = made(FLT_STREAMHANDLE_CONTEXT);
    answers(STATUS_INVALID_PARAMETER, set_stream(objects, context));
    FltReleaseContext(context);
}

static void wrong_type(void) { in_post_create(set_other_type); }

static void delete_section_context(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_CONTEXT context = made(FLT_SECTION_CONTEXT);
    FltDeleteContext(context);
    FltReleaseContext(context);
}

static void release_section_context(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    FltReleaseContext(made(FLT_SECTION_CONTEXT));
}

/* Scans the file through a section, and ends that. */
static void scan(PCFLT_RELATED_OBJECTS objects, void (*end)(PFLT_CONTEXT context))
{
    PFLT_CONTEXT context = made(FLT_SECTION_CONTEXT);
    LARGE_INTEGER size = {.QuadPart = 4};
    HANDLE section;
    PVOID object;
    succeeds(FltRegisterForDataScan(objects->Instance));
    succeeds(FltCreateSectionForDataScan(objects->Instance, objects->FileObject, context, SECTION_MAP_READ, NULL, &size,
                                         PAGE_READONLY, SEC_COMMIT, 0, &section, &object, NULL));
    ObDereferenceObject(object);
    succeeds(ZwClose(section));
    end(context);
    FltReleaseContext(context);
}

static void close_section(PFLT_CONTEXT context) { succeeds(FltCloseSectionForDataScan(context)); }
static void scan_and_delete(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects) { scan(objects, FltDeleteContext); }
static void scan_and_close(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects) { scan(objects, close_section); }

static void with_data_in_it(void (*after)(PFLT_CALLBACK_DATA, PCFLT_RELATED_OBJECTS))
{
    HANDLE handle;
    stage_set();
    handle = stage_open("C:\\file");
    succeeds(fltsim_write(handle, "data", 4, 0, NULL));
    fltsim_close(handle);
    stage_watch(IRP_MJ_CREATE, NULL, after);
    open_once("C:\\file");
    stage_saw();
}

static void deleted_unused(void) { in_post_create(delete_section_context); }
static void released_unused(void) { in_post_create(release_section_context); }
static void deleted_scan(void) { with_data_in_it(scan_and_delete); }
static void closed_scan(void) { with_data_in_it(scan_and_close); }

/* ---- whose ---- */

static void with_the_first_instance(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_CONTEXT context = made(FLT_STREAM_CONTEXT);
    FltSetStreamContext(stage.instance, objects->FileObject, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL);
    FltReleaseContext(context);
}

static void on_two_volumes(void (*after)(PFLT_CALLBACK_DATA, PCFLT_RELATED_OBJECTS))
{
    struct fltsim_volume *second;
    in_post_create(after);
    succeeds(fltsim_mount(&(struct fltsim_volume_options){.letter = 'D'}, &second));
    stage.after = after;
    open_once("D:\\file");
}

static void read_through(PFLT_INSTANCE instance, PCFLT_RELATED_OBJECTS objects)
{
    LARGE_INTEGER start = {.QuadPart = 0};
    char byte;
    FltReadFile(instance, objects->FileObject, &start, 1, &byte, 0, NULL, NULL, NULL);
}

static void read_through_the_first(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    read_through(stage.instance, objects);
}

static void read_through_its_own(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    read_through(objects->Instance, objects);
}

static void read_of_another_volume(void) { on_two_volumes(read_through_the_first); }
static void read_of_its_volume(void) { on_two_volumes(read_through_its_own); }
static void a_global_instance(void) { on_two_volumes(with_the_first_instance); }
static void the_callbacks_instance(void) { on_two_volumes(set_and_release); }

static PFLT_FILTER other;

static NTSTATUS unload_other(FLT_FILTER_UNLOAD_FLAGS flags)
{
    FltUnregisterFilter(other);
    return STATUS_SUCCESS;
}

static NTSTATUS enter_other(PDRIVER_OBJECT driverObject, PUNICODE_STRING path)
{
    FLT_REGISTRATION registration = {.Size = sizeof registration,
                                     .Version = FLT_REGISTRATION_VERSION,
                                     .ContextRegistration = stage_contexts,
                                     .FilterUnloadCallback = unload_other};
    NTSTATUS status = FltRegisterFilter(driverObject, &registration, &other);
    return NT_SUCCESS(status) ? FltStartFiltering(other) : status;
}

static void with_another_filter(void (*after)(PFLT_CALLBACK_DATA, PCFLT_RELATED_OBJECTS))
{
    struct fltsim_driver *driver;
    stage_set();
    succeeds(fltsim_load(&(struct fltsim_driver_options){.name = "other", .entry = enter_other, .altitude = "100000"},
                         &driver));
    stage_watch(IRP_MJ_CREATE, NULL, after);
    open_once("C:\\file");
    stage_saw();
}

static void set_the_others(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_CONTEXT context;
    succeeds(FltAllocateContext(other, FLT_STREAM_CONTEXT, 32, NonPagedPool, &context));
    answers(STATUS_INVALID_PARAMETER, set_stream(objects, context));
    FltReleaseContext(context);
}

static void from_the_other(void) { with_another_filter(set_the_others); }
static void from_its_own(void) { with_another_filter(set_and_release); }

/* ---- where and when ---- */

static void release_at_dispatch(POOL_TYPE pool)
{
    PFLT_CONTEXT context;
    KIRQL irql;
    succeeds(FltAllocateContext(stage.filter, FLT_STREAM_CONTEXT, 32, pool, &context));
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    FltReleaseContext(context);
    KeLowerIrql(irql);
}

static void release_paged(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects) { release_at_dispatch(PagedPool); }
static void release_nonpaged(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects) { release_at_dispatch(NonPagedPool); }
static void paged_at_dispatch(void) { in_post_create(release_paged); }
static void nonpaged_at_dispatch(void) { in_post_create(release_nonpaged); }

static void in_pre_create(void (*before)(PFLT_CALLBACK_DATA, PCFLT_RELATED_OBJECTS))
{
    stage_set();
    stage_watch(IRP_MJ_CREATE, before, NULL);
    open_once("C:\\file");
    stage_saw();
}

static void set_too_early(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_CONTEXT context = made(FLT_STREAMHANDLE_CONTEXT);
    answers(STATUS_NOT_SUPPORTED, FltSetStreamHandleContext(objects->Instance, objects->FileObject,
                                                            FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL));
    FltReleaseContext(context);
}

/* Asking is harmless: a pre-operation callback may serve several operations. */
static void ask_early(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_CONTEXT context;
    answers(STATUS_NOT_SUPPORTED, FltGetStreamHandleContext(objects->Instance, objects->FileObject, &context));
}

static void set_in_pre_create(void) { in_pre_create(set_too_early); }
static void get_in_pre_create(void) { in_pre_create(ask_early); }

/* ---- locks ----
 * A stream context with a lock that goes with the last cleanup, as if the stream went with it; and one whose lock goes
 * in the context's cleanup callback. */

struct shared {
    LONG opens;
    ERESOURCE resource; /* in it */
    PERESOURCE pointed; /* or allocated */
    PFAST_MUTEX mutex;
    EX_PUSH_LOCK push;
};

static enum lock_kind { IN_CONTEXT, POINTED, MUTEX, PUSH } lock_kind;
static bool lock_early;

static void make_lock(struct shared *shared)
{
    memset(shared, 0, sizeof *shared);
    FltInitializePushLock(&shared->push);
    if (lock_kind == IN_CONTEXT)
        ExInitializeResourceLite(&shared->resource);
    if (lock_kind == POINTED)
        ExInitializeResourceLite(shared->pointed = ExAllocatePoolWithTag(NonPagedPool, sizeof(ERESOURCE), STAGE_TAG));
    if (lock_kind == MUTEX)
        ExInitializeFastMutex(shared->mutex = ExAllocatePoolWithTag(NonPagedPool, sizeof(FAST_MUTEX), STAGE_TAG));
}

static void end_lock(struct shared *shared)
{
    if (lock_kind == IN_CONTEXT)
        ExDeleteResourceLite(&shared->resource);
    if (lock_kind == POINTED) {
        ExDeleteResourceLite(shared->pointed);
        ExFreePoolWithTag(shared->pointed, STAGE_TAG);
    }
    if (lock_kind == MUTEX)
        ExFreePoolWithTag(shared->mutex, STAGE_TAG);
    if (lock_kind == PUSH)
        FltDeletePushLock(&shared->push);
}

static VOID FLTAPI cleanup_shared(PFLT_CONTEXT context, FLT_CONTEXT_TYPE type)
{
    if (!lock_early)
        end_lock(context);
}

static void count_open(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    struct shared *shared, *winner;
    if (!NT_SUCCESS(FltGetStreamContext(objects->Instance, objects->FileObject, (PFLT_CONTEXT *)&shared))) {
        succeeds(FltAllocateContext(stage.filter, FLT_STREAM_CONTEXT, sizeof *shared, NonPagedPool, (PFLT_CONTEXT *)&shared));
        make_lock(shared);
        succeeds(FltSetStreamContext(objects->Instance, objects->FileObject, FLT_SET_CONTEXT_KEEP_IF_EXISTS, shared,
                                     (PFLT_CONTEXT *)&winner));
    }
    shared->opens++;
    FltReleaseContext(shared);
}

static void count_cleanup(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    struct shared *shared;
    succeeds(FltGetStreamContext(objects->Instance, objects->FileObject, (PFLT_CONTEXT *)&shared));
    if (--shared->opens == 0 && lock_early)
        end_lock(shared);
    FltReleaseContext(shared);
}

static void reopen(enum lock_kind kind, bool early)
{
    static const FLT_CONTEXT_REGISTRATION contexts[] = {
        {FLT_STREAM_CONTEXT, 0, cleanup_shared, sizeof(struct shared), STAGE_TAG, NULL, NULL, NULL},
        {FLT_CONTEXT_END, 0, NULL, 0, 0, NULL, NULL, NULL},
    };
    lock_kind = kind;
    lock_early = early;
    stage_mount(FLTSIM_NTFS);
    stage.contexts = contexts;
    stage_load();
    stage_watch(IRP_MJ_CREATE, NULL, count_open);
    HANDLE handle = stage_open("C:\\file");
    stage_watch(IRP_MJ_CLEANUP, count_cleanup, NULL);
    fltsim_close(handle);
    stage_watch(IRP_MJ_CREATE, NULL, count_open);
    handle = stage_open("C:\\file");
    stage_saw();
    fltsim_close(handle);
}

#define LOCK_TWINS(name, kind)                                                                                         \
    static void name##_early(void) { reopen(kind, true); }                                                             \
    static void name##_late(void) { reopen(kind, false); }
LOCK_TWINS(inside, IN_CONTEXT)
LOCK_TWINS(pointed, POINTED)
LOCK_TWINS(mutex, MUTEX)
LOCK_TWINS(push, PUSH)

/* ---- contexts that go before what is in them ----
 * The last reference goes while a lock in the context is held, or the other way round. */

struct locked {
    ULONG first;
    KSPIN_LOCK spin;
    FAST_MUTEX fast;
    KGUARDED_MUTEX guarded;
    EX_PUSH_LOCK push;
    ERESOURCE resource;
    KMUTEX mutex;
    KEVENT event;
};

struct lock_use {
    void (*take)(struct locked *locked), (*give)(struct locked *locked);
};

static KIRQL spinLevel;
static void take_spin(struct locked *l) { KeAcquireSpinLock(&l->spin, &spinLevel); }
static void give_spin(struct locked *l) { KeReleaseSpinLock(&l->spin, spinLevel); }
static void take_fast(struct locked *l) { ExAcquireFastMutex(&l->fast); }
static void give_fast(struct locked *l) { ExReleaseFastMutex(&l->fast); }
static void take_guarded(struct locked *l) { KeAcquireGuardedMutex(&l->guarded); }
static void give_guarded(struct locked *l) { KeReleaseGuardedMutex(&l->guarded); }
static void take_push(struct locked *l) { FltAcquirePushLockShared(&l->push); }
static void give_push(struct locked *l) { FltReleasePushLock(&l->push); }
static void take_resource(struct locked *l) { FltAcquireResourceExclusive(&l->resource); }
static void give_resource(struct locked *l) { FltReleaseResource(&l->resource); }
static void take_mutex(struct locked *l) { KeWaitForSingleObject(&l->mutex, Executive, KernelMode, FALSE, NULL); }
static void give_mutex(struct locked *l) { KeReleaseMutex(&l->mutex, FALSE); }

static bool deleteResource;

static VOID FLTAPI cleanup_locked(PFLT_CONTEXT context, FLT_CONTEXT_TYPE type)
{
    if (deleteResource)
        ExDeleteResourceLite(&((struct locked *)context)->resource);
}

static const FLT_CONTEXT_REGISTRATION lockedContexts[] = {
    {FLT_STREAM_CONTEXT, 0, cleanup_locked, sizeof(struct locked), STAGE_TAG, NULL, NULL, NULL},
    {FLT_CONTEXT_END, 0, NULL, 0, 0, NULL, NULL, NULL},
};

static struct locked *with_locks(void)
{
    struct locked *locked;
    stage_mount(FLTSIM_NTFS);
    stage.contexts = lockedContexts;
    stage_load();
    succeeds(FltAllocateContext(stage.filter, FLT_STREAM_CONTEXT, sizeof *locked, NonPagedPool, (PFLT_CONTEXT *)&locked));
    KeInitializeSpinLock(&locked->spin);
    ExInitializeFastMutex(&locked->fast);
    KeInitializeGuardedMutex(&locked->guarded);
    FltInitializePushLock(&locked->push);
    KeInitializeMutex(&locked->mutex, 0);
    KeInitializeEvent(&locked->event, NotificationEvent, FALSE);
    deleteResource = false;
    return locked;
}

static void release_within(void (*take)(struct locked *), void (*give)(struct locked *))
{
    struct locked *locked = with_locks();
    take(locked);
    FltReleaseContext(locked);
    give(locked);
}

static void release_after(void (*take)(struct locked *), void (*give)(struct locked *))
{
    struct locked *locked = with_locks();
    take(locked);
    give(locked);
    FltReleaseContext(locked);
}

#define HELD_TWINS(name)                                                                                               \
    static void name##_held(void) { release_within(take_##name, give_##name); }                                        \
    static void name##_free(void) { release_after(take_##name, give_##name); }
HELD_TWINS(spin)
HELD_TWINS(fast)
HELD_TWINS(guarded)
HELD_TWINS(push)
HELD_TWINS(mutex)

static void resource_with(bool delete)
{
    struct locked *locked = with_locks();
    ExInitializeResourceLite(&locked->resource);
    deleteResource = delete;
    take_resource(locked);
    give_resource(locked);
    FltReleaseContext(locked);
}

static void resource_left(void) { resource_with(false); }
static void resource_deleted(void) { resource_with(true); }

/* Another thread waits, or holds a lock, with a reference or without one. */
static bool hasReference;

static int wait_for_event(void *context)
{
    struct locked *locked = context;
    KeWaitForSingleObject(&locked->event, Executive, KernelMode, FALSE, NULL);
    if (hasReference)
        FltReleaseContext(locked);
    return 0;
}

static KEVENT taken, mayGive;

static int hold_mutex(void *context)
{
    struct locked *locked = context;
    take_mutex(locked);
    KeSetEvent(&taken, IO_NO_INCREMENT, FALSE);
    KeWaitForSingleObject(&mayGive, Executive, KernelMode, FALSE, NULL);
    give_mutex(locked);
    if (hasReference)
        FltReleaseContext(locked);
    return 0;
}

static void beside_a_waiter(bool reference)
{
    struct locked *locked = with_locks();
    hasReference = reference;
    if (reference)
        FltReferenceContext(locked);
    struct fltsim_thread *thread = fltsim_thread_create(NULL, wait_for_event, locked);
    fltsim_sleep(10); /* virtual: it waits by then */
    FltReleaseContext(locked);
    KeSetEvent(&locked->event, IO_NO_INCREMENT, FALSE);
    fltsim_thread_join(thread);
}

static void beside_a_holder(bool reference)
{
    struct locked *locked = with_locks();
    KeInitializeEvent(&taken, NotificationEvent, FALSE);
    KeInitializeEvent(&mayGive, NotificationEvent, FALSE);
    hasReference = reference;
    if (reference)
        FltReferenceContext(locked);
    struct fltsim_thread *thread = fltsim_thread_create(NULL, hold_mutex, locked);
    KeWaitForSingleObject(&taken, Executive, KernelMode, FALSE, NULL);
    FltReleaseContext(locked);
    KeSetEvent(&mayGive, IO_NO_INCREMENT, FALSE);
    fltsim_thread_join(thread);
}

static void waited_for(void) { beside_a_waiter(false); }
static void waited_for_with_a_reference(void) { beside_a_waiter(true); }
static void held_elsewhere(void) { beside_a_holder(false); }
static void held_elsewhere_with_a_reference(void) { beside_a_holder(true); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        twins_test(a_reference_that_is_never_released, "context-leak", leak, no_leak,
                   .says = {"still has 1 reference", "[count 1, still out] allocated by made (test_context_wrong.c:",
                            "for set_and_keep (test_context_wrong.c:", "unlinked: the instance was torn down"}),
        twins_test(a_release_too_many, "context-over-release", over_release, no_leak, 0xF5, 0x6D,
                   {"only the link's reference is left", "released by set_and_release_twice (test_context_wrong.c:"}),
        twins_test(a_reference_to_what_is_freed, "context-use-after-free", use_after_free, use_in_time, 0xF5, 0x6E,
                   {"FltReferenceContext of a stream context", "this call reference_late (test_context_wrong.c:"}),
        twins_test(a_write_to_what_is_freed, "context-use-after-free", write_after_free, write_before_free,
                   .says = {"was written to after it was freed", "changed at offset 5"}),
        twins_test(a_write_behind_a_context, "pool-corruption", overrun, no_overrun,
                   .says = {"stream context", "(32 bytes) of filter \"stage\" was written to behind its end",
                            "allocated by made (test_context_wrong.c:"}),
        twins_test(a_context_for_two_objects, "context-double-set", one_for_all_files, one_for_each_file,
                   .says = {"was given to FltSetStreamContext while it is linked already", "linked by set_stream"}),
        twins_test(a_deleted_context_that_is_set, "context-set-after-delete", set_after_delete, new_after_delete,
                   .says = {"was given to FltSetStreamContext after it was unlinked", "unlinked by revive"}),
        twins_test(a_context_of_another_type, "context-wrong-type", wrong_type, no_leak,
                   .says = {"stream handle context", "was given to FltSetStreamContext"}),
        twins_test(a_section_context_that_is_deleted, "context-wrong-type", deleted_scan, closed_scan,
                   .says = {"section context", "was given to FltDeleteContext: FltCloseSectionForDataScan closes",
                            "linked by scan (test_context_wrong.c:", "this call scan (test_context_wrong.c:"}),
        twins_test(a_section_context_deleted_before_it_has_a_section, "context-wrong-type", deleted_unused, released_unused,
                   .says = {"FltReleaseContext is all it takes", "this call delete_section_context"}),
        twins_test(a_read_with_an_instance_of_another_volume, "context-wrong-instance", read_of_another_volume,
                   read_of_its_volume, .says = {"FltReadFile was given instance", "this call read_through"}),
        twins_test(an_instance_of_another_volume, "context-wrong-instance", a_global_instance, the_callbacks_instance,
                   .says = {"FltSetStreamContext was given instance \"stage Instance\" of filter stage on "
                            "\\Device\\HarddiskVolume1 and a file on \\Device\\HarddiskVolume2",
                            "this call with_the_first_instance"}),
        twins_test(a_context_of_another_filter, "context-from-other-filter", from_the_other, from_its_own,
                   .says = {"of filter \"other\" was given to FltSetStreamContext with an instance of filter \"stage\""},
                   .driver = "other or stage"),
        twins_test(a_paged_context_at_dispatch_level, "context-paged-at-dispatch", paged_at_dispatch, nonpaged_at_dispatch,
                   .says = {"is in paged pool, and FltReleaseContext was called at DISPATCH_LEVEL", "release_at_dispatch"}),
        twins_test(a_resource_in_a_context, "context-lock-freed-early", inside_early, inside_late,
                   .says = {"was found again, and the resource that lies in it at offset 8 is gone",
                            "the resource was given to ExDeleteResourceLite, while the context was linked, by end_lock",
                            "and the context was found by count_open"}),
        twins_test(a_resource_that_a_context_points_to, "context-lock-freed-early", pointed_early, pointed_late,
                   .says = {"the resource that it points to at offset", "by end_lock"}),
        twins_test(a_fast_mutex_that_a_context_points_to, "context-lock-freed-early", mutex_early, mutex_late,
                   .says = {"the fast mutex that it points to at offset", "ExFreePoolWithTag, while the context was linked"}),
        twins_test(a_push_lock_in_a_context, "context-lock-freed-early", push_early, push_late,
                   .says = {"the push lock that lies in it at offset"}),
        twins_test(a_context_that_goes_with_its_spin_lock_held, "context-lock-freed-early", spin_held, spin_free,
                   .says = {"goes with its last reference, and thread \"main\" still holds the spin lock at offset 8 of it",
                            "released by release_within (test_context_wrong.c:", "acquired by take_spin"}),
        twins_test(a_context_that_goes_with_its_fast_mutex_held, "context-lock-freed-early", fast_held, fast_free,
                   .says = {"still holds the fast mutex", "acquired by take_fast"}),
        twins_test(a_context_that_goes_with_its_guarded_mutex_held, "context-lock-freed-early", guarded_held, guarded_free,
                   .says = {"still holds the guarded mutex", "acquired by take_guarded"}),
        twins_test(a_context_that_goes_with_its_push_lock_held, "context-lock-freed-early", push_held, push_free,
                   .says = {"still holds the push lock", "acquired by take_push"}),
        twins_test(a_context_that_goes_with_its_mutex_held, "context-lock-freed-early", mutex_held, mutex_free,
                   .says = {"still holds the mutex", "acquired by take_mutex"}),
        twins_test(a_context_that_goes_with_a_resource_undeleted, "not-deleted", resource_left, resource_deleted,
                   .says = {"was freed with the resource at offset", "initialized by resource_with"}),
        twins_test(a_context_that_goes_while_another_thread_waits_in_it, "context-lock-freed-early", waited_for,
                   waited_for_with_a_reference,
                   .says = {" waits for the notification event at offset", "waited for by wait_for_event"}),
        twins_test(a_context_that_goes_while_another_thread_holds_its_mutex, "context-lock-freed-early", held_elsewhere,
                   held_elsewhere_with_a_reference,
                   .says = {" still holds the mutex at offset", "acquired by take_mutex"}),
        twins_test(a_context_set_before_the_file_is_open, "context-in-pre-create", set_in_pre_create, get_in_pre_create,
                   .says = {"FltSetStreamHandleContext was called before the file was opened", "set_too_early"}),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
