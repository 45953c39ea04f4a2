/* How long contexts, instances and filters live: with what they hang on, and as long as somebody holds them. */
#include "stage.h"

static PFLT_CONTEXT made(FLT_CONTEXT_TYPE type)
{
    PFLT_CONTEXT context;
    succeeds(FltAllocateContext(stage.filter, type, 32, NonPagedPool, &context));
    return context;
}

/* Hung on a file, by its link only. */
static PFLT_CONTEXT hung_on(FLT_CONTEXT_TYPE type, HANDLE handle)
{
    PFLT_CONTEXT context = made(type);
    PFILE_OBJECT file = stage_file(handle);
    succeeds(type == FLT_FILE_CONTEXT
                 ? FltSetFileContext(stage.instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL)
             : type == FLT_STREAM_CONTEXT
                 ? FltSetStreamContext(stage.instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL)
                 : FltSetStreamHandleContext(stage.instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL));
    FltReleaseContext(context);
    assert_int_equal(stage_count(context), 1);
    return context;
}

static PFLT_CONTEXT found_on(FLT_CONTEXT_TYPE type, HANDLE handle)
{
    PFLT_CONTEXT context;
    PFILE_OBJECT file = stage_file(handle);
    NTSTATUS status = type == FLT_FILE_CONTEXT     ? FltGetFileContext(stage.instance, file, &context)
                      : type == FLT_STREAM_CONTEXT ? FltGetStreamContext(stage.instance, file, &context)
                                                   : FltGetStreamHandleContext(stage.instance, file, &context);
    if (!NT_SUCCESS(status)) {
        answers(STATUS_NOT_FOUND, status);
        return NULL;
    }
    FltReleaseContext(context);
    return context;
}

static HANDLE open_again(const char *path)
{
    HANDLE handle;
    succeeds(fltsim_open(path, &(struct fltsim_open){.access = GENERIC_READ, .share = 7, .disposition = FILE_OPEN}, &handle));
    return handle;
}

/* ---- the table of the page on referencing contexts --------------------------------------------------------------- */

static LONG counts[16];
static int steps;

static void step(PFLT_CONTEXT context) { counts[steps++] = stage_count(context); }

static FLT_PREOP_CALLBACK_STATUS FLTAPI track_pre_create(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    *context = made(FLT_STREAM_CONTEXT);
    step(*context);
    return FLT_PREOP_SUCCESS_WITH_CALLBACK;
}

static FLT_POSTOP_CALLBACK_STATUS FLTAPI track_post_create(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                                           PVOID context, FLT_POST_OPERATION_FLAGS flags)
{
    succeeds(FltSetStreamContext(objects->Instance, objects->FileObject, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL));
    step(context);
    FltReleaseContext(context);
    step(context);
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static FLT_PREOP_CALLBACK_STATUS FLTAPI track_use(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *unused)
{
    PFLT_CONTEXT context;
    succeeds(FltGetStreamContext(objects->Instance, objects->FileObject, &context));
    step(context);
    FltReleaseContext(context);
    step(context);
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static void track_end(PFLT_CONTEXT context, FLT_CONTEXT_TYPE type) { step(context); }

static const FLT_OPERATION_REGISTRATION track_operations[] = {
    {IRP_MJ_CREATE, 0, track_pre_create, track_post_create, NULL},
    {IRP_MJ_READ, 0, track_use, NULL, NULL},
    {IRP_MJ_CLEANUP, 0, track_use, NULL, NULL},
    {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL},
};

static NTSTATUS track_entry(PDRIVER_OBJECT driverObject, PUNICODE_STRING path)
{
    FLT_REGISTRATION registration = stage_registration();
    registration.OperationRegistration = track_operations;
    NTSTATUS status = FltRegisterFilter(driverObject, &registration, &stage.filter);
    return NT_SUCCESS(status) ? FltStartFiltering(stage.filter) : status;
}

static void the_pages_own_example_counts_as_its_table_says(void)
{
    static const LONG table[] = {1, 2, 1, 2, 1, 2, 1, 0};
    char byte;
    stage_mount(FLTSIM_NTFS);
    succeeds(fltsim_load(&(struct fltsim_driver_options){.name = "track", .entry = track_entry, .altitude = "370000"},
                         &stage.driver));
    stage.cleaned = track_end;
    steps = 0;
    HANDLE handle = stage_open("C:\\file");
    fltsim_read(handle, &byte, 1, 0, NULL);
    succeeds(fltsim_close(handle));
    fltsim_trim(stage.volume);
    assert_int_equal(steps, 8);
    assert_memory_equal(counts, table, sizeof table);
}

/* ---- streams and files ------------------------------------------------------------------------------------------- */

static void a_stream_context_outlives_the_last_close_and_is_found_by_a_reopen(void)
{
    stage_set();
    HANDLE handle = stage_open("C:\\file");
    PFLT_CONTEXT context = hung_on(FLT_STREAM_CONTEXT, handle);
    succeeds(fltsim_close(handle));
    assert_int_equal(stage.cleanups, 0);
    handle = open_again("C:\\file");
    assert_ptr_equal(found_on(FLT_STREAM_CONTEXT, handle), context);
    fltsim_trim(stage.volume); /* not one that is open */
    assert_ptr_equal(found_on(FLT_STREAM_CONTEXT, handle), context);
    succeeds(fltsim_close(handle));
    assert_int_equal(stage.cleanups, 0);
    fltsim_trim(stage.volume);
    assert_int_equal(stage.cleanups, 1);
    handle = open_again("C:\\file");
    assert_null(found_on(FLT_STREAM_CONTEXT, handle));
    succeeds(fltsim_close(handle));
}

static void a_stream_context_goes_with_a_deleted_file(void)
{
    stage_set();
    HANDLE handle = stage_open("C:\\file");
    hung_on(FLT_STREAM_CONTEXT, handle);
    hung_on(FLT_FILE_CONTEXT, handle);
    succeeds(fltsim_set_delete(handle, true));
    assert_int_equal(stage.cleanups, 0);
    succeeds(fltsim_close(handle));
    assert_int_equal(stage.cleanups, 2);
}

static void contexts_go_with_the_volume(void)
{
    stage_set();
    HANDLE handle = stage_open("C:\\file");
    PFLT_CONTEXT volume = made(FLT_VOLUME_CONTEXT), instance = made(FLT_INSTANCE_CONTEXT);
    hung_on(FLT_STREAM_CONTEXT, handle);
    hung_on(FLT_FILE_CONTEXT, handle);
    succeeds(FltSetVolumeContext(stage.fltVolume, FLT_SET_CONTEXT_KEEP_IF_EXISTS, volume, NULL));
    succeeds(FltSetInstanceContext(stage.instance, FLT_SET_CONTEXT_KEEP_IF_EXISTS, instance, NULL));
    FltReleaseContext(volume);
    FltReleaseContext(instance);
    succeeds(fltsim_close(handle));
    assert_int_equal(stage.cleanups, 0);
    succeeds(fltsim_dismount(stage.volume));
    assert_int_equal(stage.cleanups, 4);
}

static void streams_of_a_file_have_contexts_of_their_own_and_share_the_files(void)
{
    stage_set();
    HANDLE plain = stage_open("C:\\file"), named = stage_open("C:\\file:stream");
    PFLT_CONTEXT first = hung_on(FLT_STREAM_CONTEXT, plain), second = hung_on(FLT_STREAM_CONTEXT, named);
    PFLT_CONTEXT file = hung_on(FLT_FILE_CONTEXT, plain);
    assert_true(FltSupportsFileContexts(stage_file(plain)));
    assert_true(FltSupportsFileContextsEx(stage_file(plain), stage.instance));
    assert_ptr_not_equal(first, second);
    assert_ptr_equal(found_on(FLT_STREAM_CONTEXT, plain), first);
    assert_ptr_equal(found_on(FLT_STREAM_CONTEXT, named), second);
    assert_ptr_equal(found_on(FLT_FILE_CONTEXT, named), file);
    succeeds(fltsim_close(plain));
    fltsim_trim(stage.volume);
    assert_int_equal(stage.cleanups, 1); /* the plain stream's: the file lives with the other one */
    assert_ptr_equal(found_on(FLT_FILE_CONTEXT, named), file);
    succeeds(fltsim_close(named));
    fltsim_trim(stage.volume);
    assert_int_equal(stage.cleanups, 3);
}

static void links_of_a_file_share_its_contexts(void)
{
    stage_set();
    HANDLE one = stage_open("C:\\one");
    succeeds(fltsim_link(one, "C:\\two", false));
    PFLT_CONTEXT stream = hung_on(FLT_STREAM_CONTEXT, one), file = hung_on(FLT_FILE_CONTEXT, one);
    succeeds(fltsim_close(one));
    HANDLE two = open_again("C:\\two");
    assert_ptr_equal(found_on(FLT_STREAM_CONTEXT, two), stream);
    assert_ptr_equal(found_on(FLT_FILE_CONTEXT, two), file);
    succeeds(fltsim_close(two));
}

static void a_renamed_file_keeps_its_contexts(void)
{
    stage_set();
    HANDLE handle = stage_open("C:\\old");
    PFLT_CONTEXT stream = hung_on(FLT_STREAM_CONTEXT, handle);
    succeeds(fltsim_rename(handle, "C:\\new", false));
    assert_ptr_equal(found_on(FLT_STREAM_CONTEXT, handle), stream);
    succeeds(fltsim_close(handle));
    handle = open_again("C:\\new");
    assert_ptr_equal(found_on(FLT_STREAM_CONTEXT, handle), stream);
    succeeds(fltsim_close(handle));
}

static void on_fat_the_file_is_the_stream(void)
{
    stage_mount(FLTSIM_FAT);
    stage_load();
    HANDLE handle = stage_open("C:\\FILE");
    PFILE_OBJECT file = stage_file(handle);
    assert_false(FltSupportsFileContexts(file));
    assert_false(FltSupportsFileContextsEx(file, NULL));
    assert_true(FltSupportsFileContextsEx(file, stage.instance));
    PFLT_CONTEXT stream = hung_on(FLT_STREAM_CONTEXT, handle), own = hung_on(FLT_FILE_CONTEXT, handle);
    assert_ptr_equal(found_on(FLT_STREAM_CONTEXT, handle), stream);
    assert_ptr_equal(found_on(FLT_FILE_CONTEXT, handle), own);
    succeeds(fltsim_close(handle));
    fltsim_trim(stage.volume);
    assert_int_equal(stage.cleanups, 2);
}

/* ---- file objects ------------------------------------------------------------------------------------------------ */

static void each_handle_has_a_context_that_goes_with_its_close(void)
{
    stage_set();
    HANDLE one = stage_open("C:\\file"), two = open_again("C:\\file");
    PFLT_CONTEXT first = hung_on(FLT_STREAMHANDLE_CONTEXT, one), second = hung_on(FLT_STREAMHANDLE_CONTEXT, two);
    assert_ptr_equal(found_on(FLT_STREAMHANDLE_CONTEXT, one), first);
    assert_ptr_equal(found_on(FLT_STREAMHANDLE_CONTEXT, two), second);
    succeeds(fltsim_close(one));
    assert_int_equal(stage.cleanups, 1);
    assert_ptr_equal(found_on(FLT_STREAMHANDLE_CONTEXT, two), second);
    succeeds(fltsim_close(two));
    assert_int_equal(stage.cleanups, 2);
}

static int ended; /* IRP_MJ_CLEANUP went by */
static void note_end(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects) { ended++; }

static void a_mapped_file_keeps_the_context_of_its_handle(void)
{
    struct fltsim_view view;
    stage_set();
    HANDLE handle = stage_open("C:\\file");
    succeeds(fltsim_write(handle, "data", 4, 0, NULL));
    hung_on(FLT_STREAMHANDLE_CONTEXT, handle);
    succeeds(fltsim_map(handle, false, 0, &view));
    ended = 0;
    stage_watch(IRP_MJ_CLEANUP, note_end, NULL);
    succeeds(fltsim_close(handle));
    assert_int_equal(ended, 1);
    assert_int_equal(stage.cleanups, 0); /* the section still has the file object */
    succeeds(fltsim_unmap(&view));
    fltsim_trim(stage.volume);
    assert_int_equal(stage.cleanups, 1);
    stage.before = NULL;
}

static void whoever_holds_a_file_object_keeps_the_context_of_its_handle(void)
{
    stage_set();
    HANDLE handle = stage_open("C:\\file");
    PFLT_CONTEXT context = hung_on(FLT_STREAMHANDLE_CONTEXT, handle), got;
    PFILE_OBJECT file = stage_file(handle);
    ObReferenceObject(file);
    ended = 0;
    stage_watch(IRP_MJ_CLEANUP, note_end, NULL);
    succeeds(fltsim_close(handle));
    assert_int_equal(ended, 1);
    stage.before = NULL;
    succeeds(FltGetStreamHandleContext(stage.instance, file, &got));
    assert_ptr_equal(got, context);
    ObDereferenceObject(file); /* IRP_MJ_CLOSE: the link goes, and this reference is the last */
    assert_int_equal(stage.cleanups, 0);
    assert_int_equal(stage_count(context), 1);
    FltReleaseContext(got);
    assert_int_equal(stage.cleanups, 1);
}

/* ---- where there are none ---------------------------------------------------------------------------------------- */

static void has_none(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFILE_OBJECT file = data->Iopb->TargetFileObject;
    PFLT_CONTEXT context = made(FLT_STREAM_CONTEXT), handle = made(FLT_STREAMHANDLE_CONTEXT), own = made(FLT_FILE_CONTEXT), got;
    assert_false(FltSupportsStreamContexts(file));
    assert_false(FltSupportsStreamHandleContexts(file));
    assert_false(FltSupportsFileContexts(file));
    assert_false(FltSupportsFileContextsEx(file, objects->Instance));
    answers(STATUS_NOT_SUPPORTED,
            FltSetStreamContext(objects->Instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL));
    answers(STATUS_NOT_SUPPORTED,
            FltSetStreamHandleContext(objects->Instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, handle, NULL));
    answers(STATUS_NOT_SUPPORTED, FltSetFileContext(objects->Instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, own, NULL));
    answers(STATUS_NOT_SUPPORTED, FltGetStreamContext(objects->Instance, file, &got));
    answers(STATUS_NOT_SUPPORTED, FltGetStreamHandleContext(objects->Instance, file, &got));
    answers(STATUS_NOT_SUPPORTED, FltGetFileContext(objects->Instance, file, &got));
    answers(STATUS_NOT_SUPPORTED, FltGetSectionContext(objects->Instance, file, &got));
    answers(STATUS_NOT_SUPPORTED, FltDeleteStreamContext(objects->Instance, file, NULL));
    answers(STATUS_NOT_SUPPORTED, FltDeleteStreamHandleContext(objects->Instance, file, NULL));
    answers(STATUS_NOT_SUPPORTED, FltDeleteFileContext(objects->Instance, file, NULL));
    FltReleaseContext(context);
    FltReleaseContext(handle);
    FltReleaseContext(own);
}

static void before_its_create_a_file_has_no_contexts(void)
{
    stage_set();
    stage_watch(IRP_MJ_CREATE, has_none, NULL);
    stage.answer = FLT_PREOP_SUCCESS_NO_CALLBACK;
    for (int i = 0; i < 3; i++)
        fltsim_expect("context-in-pre-create");
    HANDLE handle = stage_open("C:\\file");
    stage_saw();
    succeeds(fltsim_close(handle));
}

static void after_its_close_a_file_has_no_contexts(void)
{
    stage_set();
    HANDLE handle = stage_open("C:\\file");
    hung_on(FLT_STREAM_CONTEXT, handle);
    hung_on(FLT_STREAMHANDLE_CONTEXT, handle);
    stage_watch(IRP_MJ_CLOSE, NULL, has_none);
    succeeds(fltsim_close(handle));
    stage_saw();
    assert_int_equal(stage.cleanups, 4); /* the handle's, and the three that nobody took */
}

static FLT_PREOP_CALLBACK_STATUS FLTAPI query_pre(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    has_none(data, objects);
    ended++;
    return FLT_PREOP_SUCCESS_WITH_CALLBACK;
}

static FLT_POSTOP_CALLBACK_STATUS FLTAPI query_post(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID context,
                                                    FLT_POST_OPERATION_FLAGS flags)
{
    has_none(data, objects);
    ended++;
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static NTSTATUS query_entry(PDRIVER_OBJECT driverObject, PUNICODE_STRING path)
{
    static const FLT_OPERATION_REGISTRATION operations[] = {
        {IRP_MJ_NETWORK_QUERY_OPEN, 0, query_pre, query_post, NULL}, {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL}};
    FLT_REGISTRATION registration = stage_registration();
    registration.OperationRegistration = operations;
    NTSTATUS status = FltRegisterFilter(driverObject, &registration, &stage.filter);
    return NT_SUCCESS(status) ? FltStartFiltering(stage.filter) : status;
}

static void a_file_that_is_only_queried_has_no_contexts(void)
{
    FILE_NETWORK_OPEN_INFORMATION information;
    stage_mount(FLTSIM_NTFS);
    succeeds(fltsim_load(&(struct fltsim_driver_options){.name = "query", .entry = query_entry, .altitude = "370000"},
                         &stage.driver));
    succeeds(fltsim_close(stage_open("C:\\file")));
    ended = 0;
    succeeds(ZwQueryFullAttributesFile(named(L"\\??\\C:\\file"), &information));
    assert_int_equal(ended, 2);
}

/* ---- the cleanup callback ---------------------------------------------------------------------------------------- */

static KIRQL cleanedAt;
static void note_irql(PFLT_CONTEXT context, FLT_CONTEXT_TYPE type) { __atomic_store_n(&cleanedAt, KeGetCurrentIrql(), __ATOMIC_RELEASE); }

static void a_context_is_cleaned_up_at_once_at_apc_level_and_later_from_dispatch_level(void)
{
    KIRQL old;
    stage_set();
    stage.cleaned = note_irql;
    PFLT_CONTEXT one = made(FLT_STREAM_CONTEXT), two = made(FLT_STREAM_CONTEXT);
    KeRaiseIrql(APC_LEVEL, &old);
    FltReleaseContext(one);
    assert_int_equal(stage.cleanups, 1);
    KeLowerIrql(old);
    assert_int_equal(__atomic_load_n(&cleanedAt, __ATOMIC_ACQUIRE), APC_LEVEL);
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    FltReleaseContext(two);
    KeLowerIrql(old);
    while (__atomic_load_n(&cleanedAt, __ATOMIC_ACQUIRE) != PASSIVE_LEVEL)
        fltsim_sleep(1);
    assert_int_equal(__atomic_load_n(&stage.cleanups, __ATOMIC_ACQUIRE), 2);
}

/* ---- instances --------------------------------------------------------------------------------------------------- */

static char events[16];
static void event(char what) { events[strlen(events)] = what; }
static void on_start(PCFLT_RELATED_OBJECTS objects) { event('s'); }
static void on_complete(PCFLT_RELATED_OBJECTS objects) { event('c'); }
static void on_cleanup(PFLT_CONTEXT context, FLT_CONTEXT_TYPE type) { event(type == FLT_INSTANCE_CONTEXT ? 'i' : 'x'); }
static void on_unregistered(void) { event('u'); }

static void watch_events(void)
{
    memset(events, 0, sizeof events);
    stage.leaving = on_start;
    stage.left = on_complete;
    stage.cleaned = on_cleanup;
    stage.unregistered = on_unregistered;
}

static void hang_on_instance(void)
{
    PFLT_CONTEXT context = made(FLT_INSTANCE_CONTEXT);
    succeeds(FltSetInstanceContext(stage.instance, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL));
    FltReleaseContext(context);
}

static void contexts_are_deleted_after_the_instance_is_torn_down(void)
{
    stage_set();
    HANDLE handle = stage_open("C:\\file");
    hung_on(FLT_STREAM_CONTEXT, handle);
    watch_events();
    succeeds(fltsim_unload(stage.driver));
    assert_string_equal(events, "scxu");
    succeeds(fltsim_close(handle));
}

static void a_referenced_instance_keeps_its_contexts(void)
{
    PFLT_CONTEXT got;
    stage_set();
    hang_on_instance();
    watch_events();
    succeeds(FltObjectReference(stage.instance));
    succeeds(FltDetachVolume(stage.filter, stage.fltVolume, NULL));
    assert_string_equal(events, "sc");
    succeeds(FltGetInstanceContext(stage.instance, &got));
    FltReleaseContext(got);
    answers(STATUS_FLT_DELETING_OBJECT, FltObjectReference(stage.instance));
    FltObjectDereference(stage.instance);
    assert_string_equal(events, "sci");
}

static void the_last_reference_to_an_instance_may_go_at_dispatch_level(void)
{
    KIRQL old;
    stage_set();
    hang_on_instance();
    succeeds(FltObjectReference(stage.instance));
    succeeds(FltDetachVolume(stage.filter, stage.fltVolume, NULL));
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    FltObjectDereference(stage.instance);
    KeLowerIrql(old);
    while (__atomic_load_n(&stage.cleanups, __ATOMIC_ACQUIRE) < 1)
        fltsim_sleep(1);
}

static void detach_again(PCFLT_RELATED_OBJECTS objects)
{
    answers(STATUS_FLT_DELETING_OBJECT, FltDetachVolume(objects->Filter, objects->Volume, NULL));
    event('d');
}

static void an_instance_that_is_going_is_not_detached_again(void)
{
    stage_set();
    watch_events();
    stage.leaving = detach_again;
    succeeds(FltDetachVolume(stage.filter, stage.fltVolume, NULL));
    assert_string_equal(events, "dc");
    answers(STATUS_FLT_INSTANCE_NOT_FOUND, FltDetachVolume(stage.filter, stage.fltVolume, NULL));
}

/* ---- filters ----------------------------------------------------------------------------------------------------- */

static KEVENT mayLetGo;

static int let_go(void *context)
{
    KeWaitForSingleObject(&mayLetGo, Executive, KernelMode, FALSE, NULL);
    fltsim_sleep(20);
    event('r');
    FltReleaseContext(context);
    return 0;
}

static void let_them_go(PCFLT_RELATED_OBJECTS objects)
{
    event('c');
    KeSetEvent(&mayLetGo, IO_NO_INCREMENT, FALSE);
}

static void an_unload_waits_for_contexts_that_are_still_held(void)
{
    stage_set();
    watch_events();
    KeInitializeEvent(&mayLetGo, NotificationEvent, FALSE);
    stage.left = let_them_go;
    struct fltsim_thread *thread = fltsim_thread_create(NULL, let_go, made(FLT_STREAM_CONTEXT));
    succeeds(fltsim_unload(stage.driver));
    assert_int_equal(fltsim_thread_join(thread), 0);
    assert_string_equal(events, "scrxu");
}

static int dereference_filter(void *filter)
{
    KeWaitForSingleObject(&mayLetGo, Executive, KernelMode, FALSE, NULL);
    fltsim_sleep(20);
    event('r');
    FltObjectDereference(filter);
    return 0;
}

static void an_unload_waits_for_references_to_the_filter(void)
{
    stage_set();
    watch_events();
    KeInitializeEvent(&mayLetGo, NotificationEvent, FALSE);
    stage.left = let_them_go;
    succeeds(FltObjectReference(stage.filter));
    struct fltsim_thread *thread = fltsim_thread_create(NULL, dereference_filter, stage.filter);
    succeeds(fltsim_unload(stage.driver));
    assert_int_equal(fltsim_thread_join(thread), 0);
    assert_string_equal(events, "scru");
}

static VOID slow_work(PFLT_GENERIC_WORKITEM item, PVOID object, PVOID context)
{
    KeWaitForSingleObject(&mayLetGo, Executive, KernelMode, FALSE, NULL);
    fltsim_sleep(20);
    event('w');
    FltFreeGenericWorkItem(item);
}

static void an_unload_waits_for_work_items(void)
{
    stage_set();
    watch_events();
    KeInitializeEvent(&mayLetGo, NotificationEvent, FALSE);
    stage.left = let_them_go;
    PFLT_GENERIC_WORKITEM item = FltAllocateGenericWorkItem();
    succeeds(FltQueueGenericWorkItem(item, stage.filter, slow_work, DelayedWorkQueue, NULL));
    succeeds(fltsim_unload(stage.driver));
    assert_string_equal(events, "scwu");
}

static void see_as_the_debugger_does(void)
{
    assert_int_equal(stage_flags(stage.filter), 0x02000003); /* DRAINING ZOMBIED */
    assert_int_equal(stage_rundown(stage.filter), 1);        /* drained */
    assert_int_equal(stage_pointers(stage.filter), 1);
    event('u');
}

static NTSTATUS FLTAPI inspected_unload(FLT_FILTER_UNLOAD_FLAGS flags)
{
    assert_int_equal(stage_flags(stage.filter), 0x02000000);
    assert_int_equal(stage_rundown(stage.filter), 2);
    assert_int_equal(stage_pointers(stage.filter), 2);
    return stage_unload(flags);
}

static NTSTATUS inspected_entry(PDRIVER_OBJECT driverObject, PUNICODE_STRING path)
{
    FLT_REGISTRATION registration = stage_registration();
    registration.FilterUnloadCallback = inspected_unload;
    NTSTATUS status = FltRegisterFilter(driverObject, &registration, &stage.filter);
    return NT_SUCCESS(status) ? FltStartFiltering(stage.filter) : status;
}

static void a_filter_pointer_is_good_until_the_unload_routine_returns(void)
{
    stage_mount(FLTSIM_NTFS);
    succeeds(fltsim_load(&(struct fltsim_driver_options){.name = "stage", .entry = inspected_entry, .altitude = "370000"},
                         &stage.driver));
    watch_events();
    stage.unregistered = see_as_the_debugger_does;
    succeeds(fltsim_unload(stage.driver));
    assert_string_equal(events, "scu");
}

/* ---- what a reference adds --------------------------------------------------------------------------------------- */

static LONG references(PVOID object) { return (LONG)(stage_rundown(object) / 2); }

/* The call gave the object with one rundown reference more, and no pointer. */
#define gives(object, found, call)                                                                                     \
    do {                                                                                                               \
        LONG before = references(object), pointers = stage_pointers(object);                                           \
        succeeds(call);                                                                                                \
        assert_ptr_equal(found, object);                                                                               \
        assert_int_equal(references(object), before + 1);                                                              \
        assert_int_equal(stage_pointers(object), pointers);                                                            \
        FltObjectDereference(found);                                                                                   \
        assert_int_equal(references(object), before);                                                                  \
    } while (0)

static void whatever_is_looked_up_comes_with_a_rundown_reference(void)
{
    PFLT_FILTER filter;
    PFLT_VOLUME volume;
    PFLT_INSTANCE instance;
    PDEVICE_OBJECT device;
    ULONG count;
    stage_set();
    HANDLE handle = stage_open("C:\\file");
    succeeds(FltGetDeviceObject(stage.fltVolume, &device));
    gives(stage.filter, filter, FltGetFilterFromName(text(L"stage"), &filter));
    gives(stage.filter, filter, FltGetFilterFromInstance(stage.instance, &filter));
    gives(stage.filter, filter, FltEnumerateFilters(&filter, 1, &count));
    gives(stage.filter, filter, FltObjectReference(filter = stage.filter));
    gives(stage.fltVolume, volume, FltGetVolumeFromName(stage.filter, text(L"C:"), &volume));
    gives(stage.fltVolume, volume, FltGetVolumeFromInstance(stage.instance, &volume));
    gives(stage.fltVolume, volume, FltGetVolumeFromFileObject(stage.filter, stage_file(handle), &volume));
    gives(stage.fltVolume, volume, FltGetVolumeFromDeviceObject(stage.filter, device, &volume));
    gives(stage.fltVolume, volume, FltEnumerateVolumes(stage.filter, &volume, 1, &count));
    gives(stage.fltVolume, volume, FltObjectReference(volume = stage.fltVolume));
    gives(stage.instance, instance, FltGetVolumeInstanceFromName(stage.filter, stage.fltVolume, NULL, &instance));
    gives(stage.instance, instance, FltGetTopInstance(stage.fltVolume, &instance));
    gives(stage.instance, instance, FltGetBottomInstance(stage.fltVolume, &instance));
    gives(stage.instance, instance, FltEnumerateInstances(stage.fltVolume, NULL, &instance, 1, &count));
    gives(stage.instance, instance, FltObjectReference(instance = stage.instance));
    PFLT_INSTANCE high;
    succeeds(FltAttachVolumeAtAltitude(stage.filter, stage.fltVolume, text(L"380000"), text(L"high"), &high));
    assert_int_equal(references(high), 1); /* what attached gives one, too */
    gives(stage.instance, instance, FltGetLowerInstance(high, &instance));
    gives(high, instance, FltGetUpperInstance(stage.instance, &instance));
    FltObjectDereference(high);
    ObDereferenceObject(device);
    succeeds(fltsim_close(handle));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(the_pages_own_example_counts_as_its_table_says),
        fltsim_unit_test(a_stream_context_outlives_the_last_close_and_is_found_by_a_reopen),
        fltsim_unit_test(a_stream_context_goes_with_a_deleted_file),
        fltsim_unit_test(contexts_go_with_the_volume),
        fltsim_unit_test(streams_of_a_file_have_contexts_of_their_own_and_share_the_files),
        fltsim_unit_test(links_of_a_file_share_its_contexts),
        fltsim_unit_test(a_renamed_file_keeps_its_contexts),
        fltsim_unit_test(on_fat_the_file_is_the_stream),
        fltsim_unit_test(each_handle_has_a_context_that_goes_with_its_close),
        fltsim_unit_test(a_mapped_file_keeps_the_context_of_its_handle),
        fltsim_unit_test(whoever_holds_a_file_object_keeps_the_context_of_its_handle),
        fltsim_unit_test(before_its_create_a_file_has_no_contexts),
        fltsim_unit_test(after_its_close_a_file_has_no_contexts),
        fltsim_unit_test(a_file_that_is_only_queried_has_no_contexts),
        fltsim_unit_test(a_context_is_cleaned_up_at_once_at_apc_level_and_later_from_dispatch_level),
        fltsim_unit_test(contexts_are_deleted_after_the_instance_is_torn_down),
        fltsim_unit_test(a_referenced_instance_keeps_its_contexts),
        fltsim_unit_test(the_last_reference_to_an_instance_may_go_at_dispatch_level),
        fltsim_unit_test(an_instance_that_is_going_is_not_detached_again),
        fltsim_unit_test(an_unload_waits_for_contexts_that_are_still_held),
        fltsim_unit_test(an_unload_waits_for_references_to_the_filter),
        fltsim_unit_test(an_unload_waits_for_work_items),
        fltsim_unit_test(a_filter_pointer_is_good_until_the_unload_routine_returns),
        fltsim_unit_test(whatever_is_looked_up_comes_with_a_rundown_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
