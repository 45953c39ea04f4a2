/* What a callback asks about its operation, and does with it. */
#include "stage.h"

static char buffer[4096];
static HANDLE file;

static void start(UCHAR major, void (*before)(PFLT_CALLBACK_DATA, PCFLT_RELATED_OBJECTS),
                  void (*after)(PFLT_CALLBACK_DATA, PCFLT_RELATED_OBJECTS))
{
    stage_set();
    file = stage_open("C:\\file.txt");
    succeeds(fltsim_write(file, "0123456789", 10, 0, NULL));
    stage_watch(major, before, after);
}

static void end(void)
{
    stage_saw();
    succeeds(fltsim_close(file));
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

static void an_operation_has_a_name(void)
{
    static const struct {
        UCHAR major;
        const char *name;
    } rows[] = {
        {IRP_MJ_CREATE, "IRP_MJ_CREATE"},
        {IRP_MJ_CLOSE, "IRP_MJ_CLOSE"},
        {IRP_MJ_SET_INFORMATION, "IRP_MJ_SET_INFORMATION"},
        {IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION, "IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION"},
        {IRP_MJ_FAST_IO_CHECK_IF_POSSIBLE, "IRP_MJ_FAST_IO_CHECK_IF_POSSIBLE"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(FltGetIrpName(rows[i].major), rows[i].name);
}

static void a_routine_is_found_by_name(void)
{
    NTSTATUS (*read)(void) = NULL;
    assert_ptr_equal(FltGetRoutineAddress("FltReadFile"), (PVOID)FltReadFile);
    assert_null(FltGetRoutineAddress("FltNoSuchRoutine"));
    assert_null(FltGetRoutineAddress("ExAllocatePoolWithTag"));
}

/* ---- who ------------------------------------------------------------------------------------------------------- */

static PEPROCESS seenProcess;
static ULONG seenId;
static HANDLE seenIdEx;
static BOOLEAN seen32;
static NTSTATUS seenStatus;
static ULONG seenSession;

static void ask_who(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    seenProcess = FltGetRequestorProcess(data);
    seenId = FltGetRequestorProcessId(data);
    seenIdEx = FltGetRequestorProcessIdEx(data);
    seen32 = FltIs32bitProcess(data);
    seenStatus = FltGetRequestorSessionId(data, &seenSession);
}

static int read_once(void *argument)
{
    return fltsim_read(file, buffer, 10, 0, NULL);
}

static void the_requestor_is_the_process_of_the_thread_that_asked(void)
{
    start(IRP_MJ_READ, ask_who, NULL);
    read_once(NULL);
    assert_ptr_equal(seenProcess, PsGetCurrentProcess());
    assert_int_equal(seenId, HandleToULong(PsGetCurrentProcessId()));
    assert_ptr_equal(seenIdEx, PsGetCurrentProcessId());
    assert_false(seen32);
    end();
}

static void a_session_id_needs_an_irp(void)
{
    ULONG session;
    PFLT_CALLBACK_DATA data;
    stage.before = NULL;
    start(IRP_MJ_CREATE, ask_who, NULL);
    HANDLE other = stage_open("C:\\other");
    succeeds(seenStatus);
    assert_int_equal(seenSession, 1); /* the first one that programs are in */
    fltsim_close(other);
    succeeds(FltAllocateCallbackData(stage.instance, stage_file(file), &data));
    answers(STATUS_UNSUCCESSFUL, FltGetRequestorSessionId(data, &session));
    FltFreeCallbackData(data);
    end();
}

/* ---- what ------------------------------------------------------------------------------------------------------ */

static void look_at_read(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PMDL *mdl;
    PVOID *address;
    PULONG length;
    LOCK_OPERATION access;
    if (!FLT_IS_IRP_OPERATION(data))
        return;
    assert_true(FltIsOperationSynchronous(data));
    succeeds(FltDecodeParameters(data, &mdl, &address, &length, &access));
    assert_ptr_equal(address, &data->Iopb->Parameters.Read.ReadBuffer);
    assert_ptr_equal(mdl, &data->Iopb->Parameters.Read.MdlAddress);
    assert_int_equal(*length, 10);
    assert_int_equal(access, IoWriteAccess);
    assert_false(FltIsCallbackDataDirty(data));
    FltSetCallbackDataDirty(data);
    assert_true(FltIsCallbackDataDirty(data));
    FltClearCallbackDataDirty(data);
    assert_false(FltIsCallbackDataDirty(data));
    assert_int_equal(FltGetIoPriorityHint(data), IoPriorityNormal);
    assert_int_equal(FltGetIoPriorityHintFromCallbackData(data), IoPriorityNormal);
}

static void look_at_create(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PMDL *mdl;
    PVOID *address;
    PULONG length;
    LOCK_OPERATION access;
    succeeds(FltDecodeParameters(data, &mdl, &address, &length, &access));
    assert_null(mdl);
    assert_ptr_equal(address, &data->Iopb->Parameters.Create.EaBuffer);
    assert_ptr_equal(length, &data->Iopb->Parameters.Create.EaLength);
    assert_int_equal(access, IoReadAccess);
}

static void look_at_cleanup(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PMDL *mdl;
    PVOID *address;
    PULONG length;
    answers(STATUS_INVALID_PARAMETER, FltDecodeParameters(data, &mdl, &address, &length, NULL));
    answers(STATUS_INVALID_PARAMETER, FltLockUserBuffer(data));
    assert_true(FltIsOperationSynchronous(data));
}

static void an_operation_shows_its_buffer(void)
{
    start(IRP_MJ_READ, look_at_read, NULL);
    read_once(NULL);
    end();
}

static void a_create_shows_its_extended_attributes(void)
{
    stage.before = NULL;
    start(IRP_MJ_CREATE, look_at_create, NULL);
    fltsim_close(stage_open("C:\\other"));
    end();
}

static void an_operation_without_a_buffer_has_nothing_to_decode_or_lock(void)
{
    start(IRP_MJ_CLEANUP, look_at_cleanup, NULL);
    succeeds(fltsim_close(file));
    stage_saw();
}

static void read_is_not_synchronous(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    if (FLT_IS_IRP_OPERATION(data))
        assert_false(FltIsOperationSynchronous(data));
}

static void a_read_of_an_asynchronous_handle_is_not_synchronous(void)
{
    stage_set();
    HANDLE handle;
    fltsim_close(stage_open("C:\\file.txt"));
    succeeds(fltsim_open("C:\\file.txt", &(struct fltsim_open){.asynchronous = true}, &handle));
    stage_watch(IRP_MJ_READ, read_is_not_synchronous, NULL);
    fltsim_read(handle, buffer, 10, 0, NULL);
    stage_saw();
    fltsim_close(handle);
}

/* ---- buffers ---------------------------------------------------------------------------------------------------- */

static void lock_directory_buffer(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    if (data->Iopb->Parameters.DirectoryControl.QueryDirectory.MdlAddress)
        return;
    if (!FlagOn(data->Flags, FLTFL_CALLBACK_DATA_SYSTEM_BUFFER)) {
        starves(STATUS_INSUFFICIENT_RESOURCES, FltLockUserBuffer(data));
        succeeds(FltLockUserBuffer(data));
        assert_non_null(data->Iopb->Parameters.DirectoryControl.QueryDirectory.MdlAddress);
    }
    seenId++;
}

static bool any(const char *name, ULONG attributes, uint64_t size, void *context) { return true; }

static void a_user_buffer_is_locked_once(void)
{
    HANDLE root;
    start(IRP_MJ_DIRECTORY_CONTROL, lock_directory_buffer, NULL);
    seenId = 0;
    succeeds(fltsim_open("C:\\", &(struct fltsim_open){.access = FILE_LIST_DIRECTORY, .options = FILE_DIRECTORY_FILE}, &root));
    succeeds(fltsim_enumerate(root, NULL, any, NULL));
    fltsim_close(root);
    assert_true(seenId > 0);
    end();
}

static void aligned_pool_fits_unbuffered_transfers(void)
{
    stage_set();
    for (SIZE_T size = 1; size <= 8192; size *= 2) {
        PVOID pool = FltAllocatePoolAlignedWithTag(stage.instance, NonPagedPool, size, STAGE_TAG);
        FLT_VOLUME_PROPERTIES properties;
        ULONG length;
        assert_non_null(pool);
        answers(STATUS_BUFFER_OVERFLOW,
                FltGetVolumeProperties(stage.fltVolume, &properties, sizeof properties, &length));
        assert_int_equal((ULONG_PTR)pool & properties.AlignmentRequirement, 0);
        memset(pool, 1, size);
        FltFreePoolAlignedWithTag(stage.instance, pool, STAGE_TAG);
    }
    fltsim_fail_allocation(1);
    assert_null(FltAllocatePoolAlignedWithTag(stage.instance, NonPagedPool, 512, STAGE_TAG));
}

/* ---- the status below ------------------------------------------------------------------------------------------- */

static LONG told;
static NTSTATUS toldStatus;
static VOID FLTAPI told_status(PCFLT_RELATED_OBJECTS objects, PFLT_IO_PARAMETER_BLOCK snapshot, NTSTATUS status, PVOID context)
{
    told++;
    toldStatus = status;
    assert_int_equal(snapshot->MajorFunction, IRP_MJ_CREATE);
    assert_ptr_equal(context, &told);
}

static void request_status(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    starves(STATUS_INSUFFICIENT_RESOURCES, FltRequestOperationStatusCallback(data, told_status, &told));
    succeeds(FltRequestOperationStatusCallback(data, told_status, &told));
}

static void request_status_too_late(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    answers(STATUS_INVALID_PARAMETER, FltRequestOperationStatusCallback(data, told_status, &told));
}

static void the_status_of_the_device_below_is_told_when_asked_for_in_time(void)
{
    told = 0;
    start(IRP_MJ_CREATE, request_status, NULL);
    fltsim_close(stage_open("C:\\other"));
    assert_int_equal(told, 1);
    answers(STATUS_SUCCESS, toldStatus);
    stage_watch(IRP_MJ_CREATE, NULL, request_status_too_late);
    fltsim_close(stage_open("C:\\other"));
    stage_saw();
    stage_watch(IRP_MJ_CLOSE, request_status_too_late, NULL);
    fltsim_close(stage_open("C:\\other"));
    fltsim_trim(stage.volume);
    assert_int_equal(told, 1);
    end();
}

/* ---- pended operations ------------------------------------------------------------------------------------------ */

static PFLT_CALLBACK_DATA pended;
static LONG cancelled;

static VOID FLTAPI complete_cancelled(PFLT_CALLBACK_DATA data)
{
    cancelled++;
    data->IoStatus.Status = STATUS_CANCELLED;
    data->IoStatus.Information = 0;
    FltCompletePendedPreOperation(data, FLT_PREOP_COMPLETE, NULL);
}

static void set_cancel(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    pended = data;
    assert_false(FltIsIoCanceled(data));
    succeeds(FltSetCancelCompletion(data, complete_cancelled));
}

static int flush_once(void *argument)
{
    return fltsim_flush(file);
}

static void a_pended_operation_is_cancelled_once(void)
{
    cancelled = 0;
    start(IRP_MJ_FLUSH_BUFFERS, set_cancel, NULL);
    stage.answer = FLT_PREOP_PENDING;
    struct fltsim_thread *thread = fltsim_thread_create(NULL, flush_once, NULL);
    fltsim_sleep(1);
    assert_true(FltCancelIo(pended));
    assert_int_equal(fltsim_thread_join(thread), STATUS_CANCELLED);
    assert_int_equal(cancelled, 1);
    end();
}

static void a_cancel_routine_that_is_cleared_in_time_does_not_run(void)
{
    cancelled = 0;
    start(IRP_MJ_FLUSH_BUFFERS, set_cancel, NULL);
    stage.answer = FLT_PREOP_PENDING;
    struct fltsim_thread *thread = fltsim_thread_create(NULL, flush_once, NULL);
    fltsim_sleep(1);
    succeeds(FltClearCancelCompletion(pended));
    answers(STATUS_CANCELLED, FltClearCancelCompletion(pended));
    FltCancelIo(pended);
    assert_true(FltIsIoCanceled(pended));
    assert_int_equal(cancelled, 0);
    FltCompletePendedPreOperation(pended, FLT_PREOP_SUCCESS_NO_CALLBACK, NULL);
    fltsim_thread_join(thread);
    end();
}

static FLT_CALLBACK_DATA_QUEUE queue;
static KSPIN_LOCK queueLock;
static PFLT_CALLBACK_DATA queued;
static IO_CSQ_IRP_CONTEXT queueContext;

static NTSTATUS FLTAPI queue_insert(PFLT_CALLBACK_DATA_QUEUE q, PFLT_CALLBACK_DATA data, PVOID context)
{
    queued = data;
    return STATUS_PENDING;
}
static VOID FLTAPI queue_remove(PFLT_CALLBACK_DATA_QUEUE q, PFLT_CALLBACK_DATA data) { queued = NULL; }
static PFLT_CALLBACK_DATA FLTAPI queue_peek(PFLT_CALLBACK_DATA_QUEUE q, PFLT_CALLBACK_DATA data, PVOID context)
{
    return data ? NULL : queued;
}
static VOID FLTAPI queue_acquire(PFLT_CALLBACK_DATA_QUEUE q, PKIRQL irql) { KeAcquireSpinLock(&queueLock, irql); }
static VOID FLTAPI queue_release(PFLT_CALLBACK_DATA_QUEUE q, KIRQL irql) { KeReleaseSpinLock(&queueLock, irql); }
static VOID FLTAPI queue_cancelled(PFLT_CALLBACK_DATA_QUEUE q, PFLT_CALLBACK_DATA data) { complete_cancelled(data); }

static void put_into_queue(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    FltCbdqDisable(&queue);
    answers(STATUS_FLT_CBDQ_DISABLED, FltCbdqInsertIo(&queue, data, &queueContext, NULL));
    FltCbdqEnable(&queue);
    answers(STATUS_PENDING, FltCbdqInsertIo(&queue, data, &queueContext, NULL));
}

static void a_queue_gives_an_operation_back_or_cancels_it(void)
{
    start(IRP_MJ_FLUSH_BUFFERS, put_into_queue, NULL);
    stage.answer = FLT_PREOP_PENDING;
    KeInitializeSpinLock(&queueLock);
    succeeds(FltCbdqInitialize(stage.instance, &queue, queue_insert, queue_remove, queue_peek, queue_acquire, queue_release,
                               queue_cancelled));
    cancelled = 0;
    struct fltsim_thread *thread = fltsim_thread_create(NULL, flush_once, NULL);
    fltsim_sleep(1);
    pended = FltCbdqRemoveIo(&queue, &queueContext);
    assert_non_null(pended);
    assert_null(FltCbdqRemoveIo(&queue, &queueContext));
    assert_null(FltCbdqRemoveNextIo(&queue, NULL));
    FltCompletePendedPreOperation(pended, FLT_PREOP_SUCCESS_NO_CALLBACK, NULL);
    assert_int_equal(fltsim_thread_join(thread), STATUS_SUCCESS);
    thread = fltsim_thread_create(NULL, flush_once, NULL);
    fltsim_sleep(1);
    assert_true(FltCancelIo(queued));
    assert_int_equal(fltsim_thread_join(thread), STATUS_CANCELLED);
    assert_int_equal(cancelled, 1);
    assert_null(FltCbdqRemoveIo(&queue, &queueContext));
    end();
}

/* ---- detached --------------------------------------------------------------------------------------------------- */

static NTSTATUS whileLeaving[2];
static PFLT_DEFERRED_IO_WORKITEM deferred;
static VOID FLTAPI later(PFLT_DEFERRED_IO_WORKITEM item, PFLT_CALLBACK_DATA data, PVOID context) {}

static void use_while_leaving(PCFLT_RELATED_OBJECTS objects)
{
    whileLeaving[0] = FltRequestOperationStatusCallback(pended, told_status, &told);
    whileLeaving[1] = FltQueueDeferredIoWorkItem(deferred, pended, later, DelayedWorkQueue, NULL);
    FltCompletePendedPreOperation(pended, FLT_PREOP_SUCCESS_NO_CALLBACK, NULL);
}

static void just_pend(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects) { pended = data; }

static void an_operation_of_an_instance_that_is_going_is_not_posted(void)
{
    start(IRP_MJ_FLUSH_BUFFERS, just_pend, NULL);
    stage.answer = FLT_PREOP_PENDING;
    deferred = FltAllocateDeferredIoWorkItem();
    struct fltsim_thread *thread = fltsim_thread_create(NULL, flush_once, NULL);
    fltsim_sleep(1);
    stage.leaving = use_while_leaving;
    succeeds(FltDetachVolume(stage.filter, stage.fltVolume, NULL));
    assert_int_equal(fltsim_thread_join(thread), STATUS_SUCCESS);
    answers(STATUS_FLT_DELETING_OBJECT, whileLeaving[0]);
    answers(STATUS_FLT_DELETING_OBJECT, whileLeaving[1]);
    FltFreeDeferredIoWorkItem(deferred);
    end();
}

/* ---- operations of one's own ------------------------------------------------------------------------------------ */

static LONG performed;
static KEVENT performedEvent;
static VOID FLTAPI performed_one(PFLT_CALLBACK_DATA data, PVOID context)
{
    performed++;
    KeSetEvent(&performedEvent, IO_NO_INCREMENT, FALSE);
}

static void an_asynchronous_operation_ends_in_its_callback(void)
{
    PFLT_CALLBACK_DATA data;
    stage_mount(FLTSIM_NTFS);
    succeeds(fltsim_dismount(stage.volume));
    succeeds(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C', .completion = FLTSIM_COMPLETE_LATER}, &stage.volume));
    stage_load();
    file = stage_open("C:\\file.txt");
    succeeds(fltsim_write(file, buffer, sizeof buffer, 0, NULL));
    performed = 0;
    KeInitializeEvent(&performedEvent, NotificationEvent, FALSE);
    starves(STATUS_INSUFFICIENT_RESOURCES, FltAllocateCallbackData(stage.instance, stage_file(file), &data));
    starves(STATUS_INSUFFICIENT_RESOURCES, FltAllocateCallbackDataEx(stage.instance, stage_file(file), 0, &data));
    succeeds(FltAllocateCallbackDataEx(stage.instance, stage_file(file), 0, &data));
    FltFreeCallbackData(data);
    succeeds(FltAllocateCallbackData(stage.instance, stage_file(file), &data));
    data->Iopb->MajorFunction = IRP_MJ_CREATE;
    answers(STATUS_FLT_INVALID_ASYNCHRONOUS_REQUEST, FltPerformAsynchronousIo(data, performed_one, NULL));
    FltReuseCallbackData(data);
    performed = 0;
    KeClearEvent(&performedEvent);
    PVOID pool = FltAllocatePoolAlignedWithTag(stage.instance, NonPagedPool, 4096, STAGE_TAG);
    data->Iopb->MajorFunction = IRP_MJ_READ;
    data->Iopb->IrpFlags = IRP_NOCACHE;
    data->Iopb->Parameters.Read.Length = 4096;
    data->Iopb->Parameters.Read.ReadBuffer = pool;
    answers(STATUS_PENDING, FltPerformAsynchronousIo(data, performed_one, NULL));
    succeeds(KeWaitForSingleObject(&performedEvent, Executive, KernelMode, FALSE, NULL));
    assert_int_equal(performed, 1);
    answers(STATUS_SUCCESS, data->IoStatus.Status);
    FltFreePoolAlignedWithTag(stage.instance, pool, STAGE_TAG);
    FltFreeCallbackData(data);
    succeeds(fltsim_close(file));
}

static void complete_it(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    data->IoStatus.Status = STATUS_SUCCESS;
    data->IoStatus.Information = 0;
}

static void an_operation_that_a_lower_filter_completes_never_goes_down(void)
{
    PFLT_INSTANCE upper;
    PFLT_CALLBACK_DATA data;
    start(IRP_MJ_FLUSH_BUFFERS, complete_it, NULL);
    stage.answer = FLT_PREOP_COMPLETE;
    succeeds(FltAttachVolumeAtAltitude(stage.filter, stage.fltVolume, text(L"380000"), text(L"upper"), &upper));
    succeeds(FltAllocateCallbackData(upper, stage_file(file), &data));
    data->Iopb->MajorFunction = IRP_MJ_FLUSH_BUFFERS;
    performed = 0;
    answers(STATUS_FLT_IO_COMPLETE, FltPerformAsynchronousIo(data, performed_one, NULL));
    assert_int_equal(performed, 1);
    FltFreeCallbackData(data);
    FltObjectDereference(upper);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(an_operation_has_a_name),
        fltsim_unit_test(a_routine_is_found_by_name),
        fltsim_unit_test(the_requestor_is_the_process_of_the_thread_that_asked),
        fltsim_unit_test(a_session_id_needs_an_irp),
        fltsim_unit_test(an_operation_shows_its_buffer),
        fltsim_unit_test(a_create_shows_its_extended_attributes),
        fltsim_unit_test(an_operation_without_a_buffer_has_nothing_to_decode_or_lock),
        fltsim_unit_test(a_read_of_an_asynchronous_handle_is_not_synchronous),
        fltsim_unit_test(a_user_buffer_is_locked_once),
        fltsim_unit_test(aligned_pool_fits_unbuffered_transfers),
        fltsim_unit_test(the_status_of_the_device_below_is_told_when_asked_for_in_time),
        fltsim_unit_test(a_pended_operation_is_cancelled_once),
        fltsim_unit_test(a_cancel_routine_that_is_cleared_in_time_does_not_run),
        fltsim_unit_test(a_queue_gives_an_operation_back_or_cancels_it),
        fltsim_unit_test(an_operation_of_an_instance_that_is_going_is_not_posted),
        fltsim_unit_test(an_asynchronous_operation_ends_in_its_callback),
        fltsim_unit_test(an_operation_that_a_lower_filter_completes_never_goes_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
