/* Drivers that cannot be unloaded, each beside one that does the same right. */
#include "wrong.h"

static void gone(void) { succeeds(fltsim_unload(stage.driver)); }

/* ---- references that nobody gives back ------------------------------------------------------------------------------ */

static void keep_filter(void) { succeeds(FltObjectReference(stage.filter)); }

static void with_filter(bool right)
{
    stage_set();
    keep_filter();
    if (right)
        FltObjectDereference(stage.filter);
    gone();
}

static void leak_filter(void) { with_filter(false); }
static void keep_no_filter(void) { with_filter(true); }

static void with_instance(bool right)
{
    PFLT_INSTANCE instance;
    stage_set();
    succeeds(FltGetVolumeInstanceFromName(stage.filter, stage.fltVolume, NULL, &instance));
    if (right)
        FltObjectDereference(instance);
    gone();
}

static void leak_instance(void) { with_instance(false); }
static void keep_no_instance(void) { with_instance(true); }

static void with_volume(bool right)
{
    PFLT_VOLUME volume;
    stage_set();
    succeeds(FltGetVolumeFromName(stage.filter, text(L"C:"), &volume));
    if (right)
        FltObjectDereference(volume);
    succeeds(fltsim_dismount(stage.volume));
}

static void leak_volume(void) { with_volume(false); }
static void keep_no_volume(void) { with_volume(true); }

/* ---- unloads that wait for themselves ---------------------------------------------------------------------------------- */

static PFLT_FILTER own;

static NTSTATUS unload_and_return(FLT_FILTER_UNLOAD_FLAGS flags)
{
    succeeds(FltObjectReference(own));
    FltUnregisterFilter(own);
    FltObjectDereference(own);
    return STATUS_SUCCESS;
}

static NTSTATUS return_and_unload(FLT_FILTER_UNLOAD_FLAGS flags)
{
    succeeds(FltObjectReference(own));
    FltObjectDereference(own);
    FltUnregisterFilter(own);
    return STATUS_SUCCESS;
}

static PFLT_FILTER_UNLOAD_CALLBACK unload;

static NTSTATUS enter(PDRIVER_OBJECT driverObject, PUNICODE_STRING path)
{
    FLT_REGISTRATION registration = {
        .Size = sizeof registration, .Version = FLT_REGISTRATION_VERSION, .FilterUnloadCallback = unload};
    NTSTATUS status = FltRegisterFilter(driverObject, &registration, &own);
    return NT_SUCCESS(status) ? FltStartFiltering(own) : status;
}

static void with_unload(PFLT_FILTER_UNLOAD_CALLBACK callback)
{
    unload = callback;
    stage_mount(FLTSIM_NTFS);
    succeeds(fltsim_load(&(struct fltsim_driver_options){.name = "stage", .entry = enter, .altitude = "370000"},
                         &stage.driver));
    gone();
}

static void hold_while_unregistering(void) { with_unload(unload_and_return); }
static void give_back_before(void) { with_unload(return_and_unload); }

static void unregister_here(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects) { FltUnregisterFilter(stage.filter); }

static void unregister_in_callback(void)
{
    stage_set();
    stage_watch(IRP_MJ_CREATE, NULL, unregister_here);
    fltsim_close(stage_open("C:\\file"));
}

static VOID detach_itself(PFLT_GENERIC_WORKITEM item, PVOID object, PVOID context)
{
    FltFreeGenericWorkItem(item);
    FltDetachVolume(stage.filter, stage.fltVolume, NULL);
    KeSetEvent(context, IO_NO_INCREMENT, FALSE);
}

static void detach_later(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    KEVENT done;
    KeInitializeEvent(&done, NotificationEvent, FALSE);
    succeeds(FltQueueGenericWorkItem(FltAllocateGenericWorkItem(), stage.filter, detach_itself, DelayedWorkQueue, &done));
    KeWaitForSingleObject(&done, Executive, KernelMode, FALSE, NULL);
}

/* The work item detaches, which waits for the callback, which waits for the work item. */
static void wait_for_the_detach(void)
{
    stage_set();
    stage_watch(IRP_MJ_CREATE, NULL, detach_later);
    fltsim_close(stage_open("C:\\file"));
}

static void detach_outside(void)
{
    KEVENT done;
    stage_set();
    KeInitializeEvent(&done, NotificationEvent, FALSE);
    succeeds(FltQueueGenericWorkItem(FltAllocateGenericWorkItem(), stage.filter, detach_itself, DelayedWorkQueue, &done));
    KeWaitForSingleObject(&done, Executive, KernelMode, FALSE, NULL);
}

static VOID unregister_itself(PFLT_GENERIC_WORKITEM item, PVOID object, PVOID context)
{
    FltFreeGenericWorkItem(item);
    FltUnregisterFilter(stage.filter); /* which waits for the work item that holds the filter */
    KeSetEvent(context, IO_NO_INCREMENT, FALSE);
}

static void unregister_in_work_item(void)
{
    KEVENT done;
    stage_set();
    KeInitializeEvent(&done, NotificationEvent, FALSE);
    succeeds(FltQueueGenericWorkItem(FltAllocateGenericWorkItem(), stage.filter, unregister_itself, DelayedWorkQueue, &done));
    KeWaitForSingleObject(&done, Executive, KernelMode, FALSE, NULL);
}

/* ---- a lock ---- */

static FAST_MUTEX mutex;
static KEVENT inside;
static bool wrong;

static void needs_the_lock(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    KeSetEvent(&inside, IO_NO_INCREMENT, FALSE);
    fltsim_yield();
    ExAcquireFastMutex(&mutex);
    ExReleaseFastMutex(&mutex);
}

static int open_a_file(void *unused)
{
    HANDLE handle;
    if (NT_SUCCESS(fltsim_open("C:\\file", &(struct fltsim_open){.disposition = FILE_OPEN_IF}, &handle)))
        fltsim_close(handle);
    return 0;
}

static void detach_with_the_lock(void)
{
    stage_set();
    ExInitializeFastMutex(&mutex);
    KeInitializeEvent(&inside, NotificationEvent, FALSE);
    stage_watch(IRP_MJ_CREATE, needs_the_lock, NULL);
    if (wrong)
        ExAcquireFastMutex(&mutex);
    struct fltsim_thread *thread = fltsim_thread_create(NULL, open_a_file, NULL);
    KeWaitForSingleObject(&inside, Executive, KernelMode, FALSE, NULL);
    FltDetachVolume(stage.filter, stage.fltVolume, NULL);
    if (wrong)
        ExReleaseFastMutex(&mutex);
    fltsim_thread_join(thread);
}

static void hold_the_lock(void)
{
    wrong = true;
    detach_with_the_lock();
}

static void hold_no_lock(void)
{
    wrong = false;
    detach_with_the_lock();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        twins_test(a_filter_that_is_kept, "filter-reference-leak", leak_filter, keep_no_filter,
                   .says = {"1 reference on filter stage was never given back",
                            "[count 2, still out] FltObjectReference keep_filter (test_unload_wrong.c:",
                            "[02000001] Filter DRAINING", "RundownRef"}),
        twins_test(an_instance_that_is_kept, "instance-reference-leak", leak_instance, keep_no_instance,
                   .says = {"1 reference on instance \"stage Instance\" of filter stage on \\Device\\HarddiskVolume1",
                            "still out] given to with_instance", "Instance DRAINING", "(1) draining"}),
        twins_test(a_volume_that_is_kept, "volume-reference-leak", leak_volume, keep_no_volume,
                   .says = {"1 reference on volume \\Device\\HarddiskVolume1", "still out] given to with_volume"}),
        twins_test(an_unload_that_holds_its_own_filter, "unload-deadlock", hold_while_unregistering, give_back_before,
                   .says = {"the unload callback itself holds 1 reference", "unregistered by unload_and_return",
                            "in the unload callback unload_and_return", "Filter DRAINING"}, .fatal = true),
        twins_test(an_unregistration_in_a_callback, "unload-deadlock", unregister_in_callback, keep_no_filter,
                   .says = {"waits for the end of operations of an instance, which cannot come before its own caller has",
                            "in unregister_here (test_unload_wrong.c:"}, .fatal = true),
        twins_test(a_callback_that_waits_for_its_own_detach, "unload-deadlock", wait_for_the_detach, detach_outside,
                   .says = {"operations of an instance", "in detach_itself"}, .fatal = true),
        twins_test(an_unregistration_in_a_work_item, "unload-deadlock", unregister_in_work_item, detach_outside,
                   .says = {"the references on the filter", "in unregister_itself"}, .fatal = true),
        twins_test(a_detach_with_a_lock_that_callbacks_need, "unload-deadlock", hold_the_lock, hold_no_lock,
                   .says = {"The threads wait for each other", "operations of an instance", "in needs_the_lock"},
                   .fatal = true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
