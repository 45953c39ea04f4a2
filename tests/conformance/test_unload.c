/* What may refuse an unload or a detach, what is asked first, and what is waited for: the order of the pages "When the
 * FilterUnloadCallback Routine Is Called", "Unregistering the Minifilter", "Loading and unloading a minifilter" and of the
 * teardown callbacks' own. */
#include "stage.h"

#include <stdio.h>

static char events[400];
static NTSTATUS unloadStatus, queryStatus;
static FLT_REGISTRATION_FLAGS flags;
static bool noUnload, noQuery, keepRegistered;
static HANDLE file, other;

static void event(const char *format, unsigned value)
{
    char word[40];
    snprintf(word, sizeof word, format, value);
    if (events[0])
        strcat(events, " ");
    strcat(events, word);
}

static const char *seen(void)
{
    static char copy[sizeof events];
    memcpy(copy, events, sizeof copy);
    memset(events, 0, sizeof events);
    return copy;
}

static void same_objects(PCFLT_RELATED_OBJECTS objects)
{
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    assert_ptr_equal(objects->Filter, stage.filter);
    assert_non_null(objects->Volume);
    assert_non_null(objects->Instance);
}

static NTSTATUS FLTAPI unload(FLT_FILTER_UNLOAD_FLAGS how)
{
    event("unload:%u", how);
    if (!NT_SUCCESS(unloadStatus) && keepRegistered)
        return unloadStatus;
    FltUnregisterFilter(stage.filter);
    event("unregistered", 0);
    return unloadStatus;
}

static NTSTATUS FLTAPI query(PCFLT_RELATED_OBJECTS objects, FLT_INSTANCE_QUERY_TEARDOWN_FLAGS none)
{
    same_objects(objects);
    assert_int_equal(none, 0);
    event("query", 0);
    return queryStatus;
}

static VOID FLTAPI start(PCFLT_RELATED_OBJECTS objects, FLT_INSTANCE_TEARDOWN_FLAGS reason)
{
    same_objects(objects);
    event("start:%u", reason);
    if (stage.leaving)
        stage.leaving(objects);
}

static VOID FLTAPI complete(PCFLT_RELATED_OBJECTS objects, FLT_INSTANCE_TEARDOWN_FLAGS reason)
{
    same_objects(objects);
    event("complete:%u", reason);
}

static void cleaned(PFLT_CONTEXT context, FLT_CONTEXT_TYPE type) { event("gone:%u", type); }

static VOID driver_unload(PDRIVER_OBJECT driver) {}

static NTSTATUS entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    driver->DriverUnload = driver_unload; /* the last resort of one whose filter is gone */
    FLT_REGISTRATION registration = stage_registration();
    registration.Flags = flags;
    registration.FilterUnloadCallback = noUnload ? NULL : unload;
    registration.InstanceQueryTeardownCallback = noQuery ? NULL : query;
    registration.InstanceTeardownStartCallback = start;
    registration.InstanceTeardownCompleteCallback = complete;
    NTSTATUS status = FltRegisterFilter(driver, &registration, &stage.filter);
    return NT_SUCCESS(status) ? FltStartFiltering(stage.filter) : status;
}

static void load(void)
{
    stage_mount(FLTSIM_NTFS);
    stage.cleaned = cleaned;
    succeeds(fltsim_load(&(struct fltsim_driver_options){.name = "stage", .entry = entry, .altitude = "370000"}, &stage.driver));
    memset(events, 0, sizeof events);
}

static void usual(void)
{
    unloadStatus = queryStatus = STATUS_SUCCESS;
    flags = 0;
    noUnload = noQuery = keepRegistered = false;
    load();
}

/* ---- who may refuse ---------------------------------------------------------------------------------------------- */

static const NTSTATUS refusals[] = {STATUS_FLT_DO_NOT_DETACH, STATUS_UNSUCCESSFUL, STATUS_BUFFER_OVERFLOW /* a warning */};
enum { REFUSALS = sizeof refusals / sizeof *refusals };

static void any_error_or_warning_refuses_an_unload_that_is_not_mandatory(void)
{
    usual();
    keepRegistered = true;
    for (int i = 0; i < REFUSALS; i++) {
        unloadStatus = refusals[i];
        answers(refusals[i], FltUnloadFilter(text(L"stage")));
        assert_string_equal(seen(), "unload:0");
        answers(refusals[i], fltsim_unload(stage.driver));
        assert_string_equal(seen(), "unload:0");
        succeeds(FltObjectReference(stage.filter)); /* it works on as if nobody had asked */
        FltObjectDereference(stage.filter);
        assert_int_equal(fltsim_instances(stage.driver, stage.volume), 1);
    }
    unloadStatus = STATUS_SUCCESS;
    succeeds(fltsim_unload(stage.driver));
    assert_string_equal(seen(), "unload:0 start:2 complete:2 unregistered");
}

static void an_informational_status_refuses_nothing(void)
{
    usual();
    unloadStatus = STATUS_OBJECT_NAME_EXISTS;
    succeeds(fltsim_unload(stage.driver));
    assert_string_equal(seen(), "unload:0 start:2 complete:2 unregistered");
}

static void a_mandatory_unload_is_not_refused(void)
{
    for (int i = 0; i < REFUSALS; i++) {
        if (i == 0)
            usual();
        else
            succeeds(fltsim_load(&(struct fltsim_driver_options){.name = "stage", .entry = entry, .altitude = "370000"},
                                 &stage.driver));
        memset(events, 0, sizeof events);
        unloadStatus = refusals[i];
        succeeds(fltsim_unload_mandatory(stage.driver));
        assert_string_equal(seen(), "unload:1 start:4 complete:4 unregistered");
    }
}

static void a_filter_that_does_not_support_a_service_stop_is_not_even_asked(void)
{
    usual();
    succeeds(fltsim_unload(stage.driver));
    flags = FLTFL_REGISTRATION_DO_NOT_SUPPORT_SERVICE_STOP;
    succeeds(fltsim_load(&(struct fltsim_driver_options){.name = "stage", .entry = entry, .altitude = "370000"}, &stage.driver));
    seen();
    assert_false(NT_SUCCESS(fltsim_unload_mandatory(stage.driver)));
    assert_string_equal(seen(), "");
    succeeds(FltUnloadFilter(text(L"stage"))); /* what is not mandatory goes as always */
    assert_string_equal(seen(), "unload:0 start:2 complete:2 unregistered");
}

static void a_filter_without_an_unload_routine_stays(void)
{
    unloadStatus = queryStatus = STATUS_SUCCESS;
    flags = 0;
    noQuery = keepRegistered = false;
    noUnload = true;
    load();
    assert_false(NT_SUCCESS(FltUnloadFilter(text(L"stage"))));
    assert_false(NT_SUCCESS(fltsim_unload(stage.driver)));
    assert_false(NT_SUCCESS(fltsim_unload_mandatory(stage.driver)));
    assert_int_equal(fltsim_instances(stage.driver, stage.volume), 1);
    assert_string_equal(seen(), "");
    FltUnregisterFilter(stage.filter);
    assert_string_equal(seen(), "start:2 complete:2");
    succeeds(fltsim_unload(stage.driver));
}

static NTSTATUS failing_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    succeeds(entry(driver, path));
    seen();
    FltUnregisterFilter(stage.filter);
    assert_string_equal(seen(), "start:2 complete:2");
    return STATUS_UNSUCCESSFUL;
}

static void a_driver_that_fails_to_load_is_not_asked_to_unload(void)
{
    usual();
    succeeds(fltsim_unload(stage.driver));
    seen();
    answers(STATUS_UNSUCCESSFUL, fltsim_load(&(struct fltsim_driver_options){.name = "other", .entry = failing_entry,
                                                                            .altitude = "370001"}, &stage.driver));
    assert_string_equal(seen(), "");
}

/* ---- who is asked ------------------------------------------------------------------------------------------------- */

static void only_a_detach_by_hand_is_asked_about(void)
{
    usual();
    for (int i = 0; i < REFUSALS; i++) {
        queryStatus = refusals[i];
        answers(refusals[i], fltsim_detach(stage.driver, stage.volume, NULL));
        assert_string_equal(seen(), "query");
        assert_int_equal(fltsim_instances(stage.driver, stage.volume), 1);
    }
    queryStatus = STATUS_SUCCESS;
    succeeds(fltsim_detach(stage.driver, stage.volume, NULL));
    assert_string_equal(seen(), "query start:1 complete:1");
    succeeds(fltsim_attach(stage.driver, stage.volume, NULL, NULL));
    queryStatus = STATUS_FLT_DO_NOT_DETACH; /* nobody asks where it must go */
    succeeds(fltsim_dismount(stage.volume));
    assert_string_equal(seen(), "start:8 complete:8");
    succeeds(fltsim_unload(stage.driver));
    assert_string_equal(seen(), "unload:0 unregistered");
}

static void without_a_query_routine_no_instance_is_detached_by_hand(void)
{
    unloadStatus = queryStatus = STATUS_SUCCESS;
    flags = 0;
    noUnload = keepRegistered = false;
    noQuery = true;
    load();
    answers(STATUS_FLT_DO_NOT_DETACH, fltsim_detach(stage.driver, stage.volume, NULL));
    assert_string_equal(seen(), "");
    succeeds(fltsim_unload(stage.driver));
    assert_string_equal(seen(), "unload:0 start:2 complete:2 unregistered");
}

static PFLT_INSTANCE attach_at(const WCHAR *altitude, const WCHAR *name)
{
    PFLT_INSTANCE instance;
    succeeds(FltAttachVolumeAtAltitude(stage.filter, stage.fltVolume, text(altitude), text(name), &instance));
    FltObjectDereference(instance);
    return instance;
}

static PFLT_INSTANCE gone[3];
static int goneCount;
static void note_instance(PCFLT_RELATED_OBJECTS objects) { gone[goneCount++] = objects->Instance; }

static void without_a_name_the_highest_instance_is_detached_first(void)
{
    usual();
    PFLT_INSTANCE low = attach_at(L"360000", L"low"), high = attach_at(L"380000", L"high"), usualOne = stage.instance;
    goneCount = 0;
    stage.leaving = note_instance;
    for (int i = 0; i < 3; i++)
        succeeds(FltDetachVolume(stage.filter, stage.fltVolume, NULL));
    assert_ptr_equal(gone[0], high);
    assert_ptr_equal(gone[1], usualOne);
    assert_ptr_equal(gone[2], low);
    answers(STATUS_FLT_INSTANCE_NOT_FOUND, FltDetachVolume(stage.filter, stage.fltVolume, NULL));
}

/* ---- what goes when ----------------------------------------------------------------------------------------------- */

static void hang(FLT_CONTEXT_TYPE type, PFILE_OBJECT at)
{
    PFLT_CONTEXT context;
    succeeds(FltAllocateContext(stage.filter, type, 32, type == FLT_VOLUME_CONTEXT ? NonPagedPool : PagedPool, &context));
    NTSTATUS status =
        type == FLT_VOLUME_CONTEXT     ? FltSetVolumeContext(stage.fltVolume, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL)
        : type == FLT_INSTANCE_CONTEXT ? FltSetInstanceContext(stage.instance, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL)
        : type == FLT_FILE_CONTEXT ? FltSetFileContext(stage.instance, at, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL)
        : type == FLT_STREAM_CONTEXT
            ? FltSetStreamContext(stage.instance, at, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL)
            : FltSetStreamHandleContext(stage.instance, at, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL);
    succeeds(status);
    FltReleaseContext(context);
}

/* All are cleaned up behind the last teardown callback and before FltUnregisterFilter returns. */
static void contexts_of_every_kind_go_between_the_teardown_and_the_end_of_unregistering(void)
{
    static const FLT_CONTEXT_TYPE kinds[] = {FLT_VOLUME_CONTEXT, FLT_INSTANCE_CONTEXT, FLT_FILE_CONTEXT, FLT_STREAM_CONTEXT,
                                             FLT_STREAMHANDLE_CONTEXT};
    usual();
    HANDLE handle = stage_open("C:\\file");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        hang(kinds[i], stage_file(handle));
    seen();
    succeeds(fltsim_unload(stage.driver));
    const char *all = seen(), *complete = strstr(all, "complete:2"), *end = strstr(all, "unregistered");
    assert_true(strncmp(all, "unload:0 start:2 complete:2 ", 28) == 0);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char word[20];
        snprintf(word, sizeof word, "gone:%u ", (unsigned)kinds[i]);
        const char *at = strstr(all, word);
        assert_non_null(at);
        assert_true(complete < at && at < end);
    }
    succeeds(fltsim_close(handle));
}

/* Start, then complete, of each instance: the one that is torn down has both behind it before the unload goes on. */
static void each_instance_is_torn_down_before_unregistering_ends(void)
{
    usual();
    attach_at(L"360000", L"low");
    attach_at(L"380000", L"high");
    succeeds(fltsim_unload(stage.driver));
    assert_string_equal(seen(), "unload:0 start:2 complete:2 start:2 complete:2 start:2 complete:2 unregistered");
}

/* ---- what is waited for ------------------------------------------------------------------------------------------- */

static PFLT_CALLBACK_DATA held;
static KEVENT isHeld;

static void hold(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    held = data;
    event("held", 0);
    KeSetEvent(&isHeld, IO_NO_INCREMENT, FALSE);
}

static int write_once(void *unused)
{
    return fltsim_write(file, "x", 1, 0, NULL);
}

/* In the start of the teardown pended operations go on; those that come from here on pass by. */
static void let_held_go(PCFLT_RELATED_OBJECTS objects)
{
    succeeds(fltsim_write(other, "y", 1, 0, NULL));
    event("passed", 0);
    event("goes", 0);
    FltCompletePendedPreOperation(held, FLT_PREOP_SUCCESS_NO_CALLBACK, NULL);
}

static void new_operations_pass_and_pended_ones_are_waited_for(void)
{
    usual();
    KeInitializeEvent(&isHeld, NotificationEvent, FALSE);
    file = stage_open("C:\\file");
    other = stage_open("C:\\other");
    stage.watched = IRP_MJ_WRITE;
    stage.answer = FLT_PREOP_PENDING;
    stage.before = hold;
    stage.leaving = let_held_go;
    seen();
    struct fltsim_thread *thread = fltsim_thread_create(NULL, write_once, NULL);
    KeWaitForSingleObject(&isHeld, Executive, KernelMode, FALSE, NULL);
    stage.watched = 0xFF;
    succeeds(FltDetachVolume(stage.filter, stage.fltVolume, NULL));
    succeeds(fltsim_thread_join(thread));
    assert_string_equal(seen(), "held query start:1 passed goes complete:1");
    succeeds(fltsim_close(file));
    succeeds(fltsim_close(other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(any_error_or_warning_refuses_an_unload_that_is_not_mandatory),
        fltsim_unit_test(an_informational_status_refuses_nothing),
        fltsim_unit_test(a_mandatory_unload_is_not_refused),
        fltsim_unit_test(a_filter_that_does_not_support_a_service_stop_is_not_even_asked),
        fltsim_unit_test(a_filter_without_an_unload_routine_stays),
        fltsim_unit_test(a_driver_that_fails_to_load_is_not_asked_to_unload),
        fltsim_unit_test(only_a_detach_by_hand_is_asked_about),
        fltsim_unit_test(without_a_query_routine_no_instance_is_detached_by_hand),
        fltsim_unit_test(without_a_name_the_highest_instance_is_detached_first),
        fltsim_unit_test(contexts_of_every_kind_go_between_the_teardown_and_the_end_of_unregistering),
        fltsim_unit_test(each_instance_is_torn_down_before_unregistering_ends),
        fltsim_unit_test(new_operations_pass_and_pended_ones_are_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
