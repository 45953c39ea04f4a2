/* The way of one operation: order, what each answer of a pre-operation callback does, parameters, status. */
#include "harness.h"

#include "ke/thread.h"

static int start(void **state)
{
    tiny_start();
    return 0;
}

static int stop(void **state)
{
    tiny_stop();
    return 0;
}

static void load(struct probe *p, FLT_PREOP_CALLBACK_STATUS answer)
{
    p->answer = answer;
    p->context = p;
    assert_int_equal(probe_load(p, NULL), STATUS_SUCCESS);
}

static void load_all(FLT_PREOP_CALLBACK_STATUS answer)
{
    load(B, answer);
    load(A, answer);
    load(C, answer);
    noted();
}

static void nobody_filters(void **state)
{
    assert_int_equal(tiny_major(IRP_MJ_READ), STATUS_SUCCESS);
    assert_string_equal(noted(), "fs");
}

static void callbacks_run_by_altitude(void **state)
{
    load_all(FLT_PREOP_SUCCESS_WITH_CALLBACK);
    assert_int_equal(tiny_major(IRP_MJ_READ), STATUS_SUCCESS);
    assert_string_equal(noted(), "A>read B>read C>read fs C<read B<read A<read");
}

static void no_callback_means_no_post(void **state)
{
    load_all(FLT_PREOP_SUCCESS_WITH_CALLBACK);
    B->answer = FLT_PREOP_SUCCESS_NO_CALLBACK;
    assert_int_equal(tiny_major(IRP_MJ_WRITE), STATUS_SUCCESS);
    assert_string_equal(noted(), "A>write B>write C>write fs C<write A<write");
}

static void unregistered_operation_passes(void **state)
{
    load_all(FLT_PREOP_SUCCESS_WITH_CALLBACK);
    assert_int_equal(tiny_major(IRP_MJ_SET_EA), STATUS_SUCCESS);
    assert_string_equal(noted(), "fs");
}

static void post_without_pre(void **state)
{
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    A->context = NULL;
    noted();
    assert_int_equal(tiny_major(IRP_MJ_FLUSH_BUFFERS), STATUS_SUCCESS);
    assert_string_equal(noted(), "fs A<IRP_MJ_FLUSH_BUFFERS");
}

static FLT_PREOP_CALLBACK_STATUS deny(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    data->IoStatus.Status = STATUS_ACCESS_DENIED;
    data->IoStatus.Information = 0;
    return FLT_PREOP_COMPLETE;
}

static void complete_ends_the_descent(void **state)
{
    load_all(FLT_PREOP_SUCCESS_WITH_CALLBACK);
    B->pre = deny;
    assert_int_equal(tiny_major(IRP_MJ_CREATE), STATUS_ACCESS_DENIED);
    assert_string_equal(noted(), "A>create B>create A<create");
    assert_int_equal(tiny_major(IRP_MJ_READ), STATUS_ACCESS_DENIED);
    assert_string_equal(noted(), "A>read B>read A<read");
}

static FLT_POSTOP_CALLBACK_STATUS fail_post(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID context,
                                            FLT_POST_OPERATION_FLAGS flags)
{
    assert_int_equal(data->IoStatus.Status, STATUS_SUCCESS);
    data->IoStatus.Status = STATUS_DISK_FULL;
    data->IoStatus.Information = 0;
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static void post_changes_the_status(void **state)
{
    static const enum tiny_mode modes[] = {TINY_INLINE, TINY_LATER, TINY_DISPATCH};
    load_all(FLT_PREOP_SUCCESS_WITH_CALLBACK);
    B->post = fail_post;
    for (int i = 0; i < 3; i++) {
        tiny.mode = modes[i];
        assert_int_equal(tiny_major(IRP_MJ_WRITE), STATUS_DISK_FULL);
        assert_string_equal(noted(), "A>write B>write C>write fs C<write B<write A<write");
    }
}

/* ---- parameters ---- */

static FLT_PREOP_CALLBACK_STATUS change(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    assert_int_equal(data->Iopb->Parameters.Write.Length, 100);
    data->Iopb->Parameters.Write.Length = 50;
    data->Iopb->Parameters.Write.ByteOffset.QuadPart += 7;
    FltSetCallbackDataDirty(data);
    assert_true(FltIsCallbackDataDirty(data));
    *context = NULL;
    return p->answer;
}

static FLT_PREOP_CALLBACK_STATUS expect_changed(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                                PVOID *context)
{
    assert_int_equal(data->Iopb->Parameters.Write.Length, 50);
    assert_false(FltIsCallbackDataDirty(data));
    return p->answer;
}

static FLT_POSTOP_CALLBACK_STATUS post_length(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                              PVOID context, FLT_POST_OPERATION_FLAGS flags)
{
    note("%u", data->Iopb->Parameters.Write.Length);
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static void changes_are_seen_below_only(void **state)
{
    load_all(FLT_PREOP_SUCCESS_WITH_CALLBACK);
    B->pre = change;
    C->pre = expect_changed;
    for (int i = 0; i < 3; i++)
        probes[i].post = post_length;
    struct tiny_io io = {.major = IRP_MJ_WRITE, .length = 100, .offset = 1000};
    assert_int_equal(tiny_send(&io), STATUS_SUCCESS);
    assert_int_equal(tiny.seen.Parameters.Write.Length, 50);
    assert_int_equal(tiny.seen.Parameters.Write.ByteOffset.QuadPart, 1007);
    assert_string_equal(noted(), "A>write B>write C>write fs C<write 50 B<write 100 A<write 100");
}

static void changes_without_a_post(void **state)
{
    load_all(FLT_PREOP_SUCCESS_WITH_CALLBACK);
    B->pre = change;
    B->answer = FLT_PREOP_SUCCESS_NO_CALLBACK;
    C->pre = expect_changed;
    C->answer = FLT_PREOP_SUCCESS_NO_CALLBACK;
    A->post = post_length;
    struct tiny_io io = {.major = IRP_MJ_WRITE, .length = 100};
    assert_int_equal(tiny_send(&io), STATUS_SUCCESS);
    assert_int_equal(tiny.seen.Parameters.Write.Length, 50);
    assert_string_equal(noted(), "A>write B>write C>write fs A<write 100");
}

static FLT_PREOP_CALLBACK_STATUS forget_dirty(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                              PVOID *context)
{
    data->Iopb->Parameters.Write.Length = 1;
    return p->answer;
}

static void changes_need_dirty(void **state)
{
    load_all(FLT_PREOP_SUCCESS_NO_CALLBACK);
    B->pre = forget_dirty;
    fltsim_expect("callback-data-not-dirty");
    struct tiny_io io = {.major = IRP_MJ_WRITE, .length = 100};
    assert_int_equal(tiny_send(&io), STATUS_SUCCESS);
    assert_int_equal(tiny.seen.Parameters.Write.Length, 100);
}

/* ---- swapped buffers ---- */

static char swapped[64];

static FLT_PREOP_CALLBACK_STATUS swap(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    PMDL mdl = IoAllocateMdl(swapped, sizeof swapped, FALSE, FALSE, NULL);
    MmBuildMdlForNonPagedPool(mdl);
    data->Iopb->Parameters.Read.ReadBuffer = swapped;
    data->Iopb->Parameters.Read.MdlAddress = mdl;
    FltSetCallbackDataDirty(data);
    *context = mdl;
    return FLT_PREOP_SUCCESS_WITH_CALLBACK;
}

static FLT_POSTOP_CALLBACK_STATUS unswap(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID context,
                                         FLT_POST_OPERATION_FLAGS flags)
{
    assert_ptr_equal(FltGetSwappedBufferMdlAddress(data), context);
    assert_ptr_not_equal(data->Iopb->Parameters.Read.ReadBuffer, swapped);
    if (p->setup_flags & 0x100) {
        FltRetainSwappedBufferMdlAddress(data);
        IoFreeMdl(context);
    }
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static void swapping_buffers(void **state)
{
    char mine[64];
    load_all(FLT_PREOP_SUCCESS_WITH_CALLBACK);
    B->pre = swap;
    B->post = unswap;
    for (int i = 0; i < 2; i++) {
        struct tiny_io io = {.major = IRP_MJ_READ, .length = sizeof mine, .buffer = mine};
        io.keep = true;
        assert_int_equal(tiny_send(&io), STATUS_SUCCESS);
        assert_ptr_equal(tiny.user_buffer, swapped);
        assert_non_null(tiny.mdl);
        assert_ptr_equal(io.irp->UserBuffer, mine);
        assert_null(io.irp->MdlAddress);
        assert_int_equal(tiny_wait(&io), STATUS_SUCCESS);
        B->setup_flags |= 0x100; /* the second time it keeps the MDL */
    }
    noted();
}

/* ---- flags of the registration ---- */

static void skipping_paging_and_cached(void **state)
{
    struct tiny_io io = {.major = IRP_MJ_READ};
    A->operation_flags = FLTFL_OPERATION_REGISTRATION_SKIP_PAGING_IO;
    B->operation_flags = FLTFL_OPERATION_REGISTRATION_SKIP_CACHED_IO;
    C->operation_flags = FLTFL_OPERATION_REGISTRATION_SKIP_NON_CACHED_NON_PAGING_IO;
    load_all(FLT_PREOP_SUCCESS_NO_CALLBACK);
    io.irp_flags = IRP_PAGING_IO | IRP_NOCACHE;
    tiny_send(&io);
    assert_string_equal(noted(), "B>read C>read fs");
    io.irp_flags = IRP_NOCACHE;
    tiny_send(&io);
    assert_string_equal(noted(), "A>read B>read fs");
    io.irp_flags = 0;
    tiny_send(&io);
    assert_string_equal(noted(), "A>read C>read fs");
}

static void skipping_non_dasd(void **state)
{
    A->operation_flags = FLTFL_OPERATION_REGISTRATION_SKIP_NON_DASD_IO;
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    noted();
    tiny_major(IRP_MJ_READ);
    assert_string_equal(noted(), "fs");
    tiny_file()->Flags |= FO_VOLUME_OPEN;
    tiny_major(IRP_MJ_READ);
    assert_string_equal(noted(), "A>read fs");
}

/* ---- wrong answers ---- */

static void wrong_status(void **state)
{
    load_all(FLT_PREOP_SUCCESS_NO_CALLBACK);
    B->answer = FLT_PREOP_DISALLOW_FASTIO; /* of an IRP */
    fltsim_expect("bad-callback-status");
    assert_int_equal(tiny_major(IRP_MJ_READ), STATUS_SUCCESS);
    assert_string_equal(noted(), "A>read B>read C>read fs");
}

static FLT_PREOP_CALLBACK_STATUS complete_pending(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                                  PVOID *context)
{
    data->IoStatus.Status = STATUS_PENDING;
    return FLT_PREOP_COMPLETE;
}

static void completing_with_pending(void **state)
{
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    A->pre = complete_pending;
    fltsim_expect("bad-callback-status");
    assert_int_equal(tiny_major(IRP_MJ_READ), STATUS_SUCCESS);
    noted();
}

static void failing_a_cleanup(void **state)
{
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    A->pre = deny;
    fltsim_expect("bad-callback-status");
    assert_int_equal(tiny_major(IRP_MJ_CLEANUP), STATUS_SUCCESS);
    noted();
}

static FLT_PREOP_CALLBACK_STATUS leave_context(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                               PVOID *context)
{
    *context = p;
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static void context_without_callback(void **state)
{
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    A->pre = leave_context;
    fltsim_expect("completion-context-ignored");
    tiny_major(IRP_MJ_READ);
    noted();
}

static FLT_PREOP_CALLBACK_STATUS raise_irql(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                            PVOID *context)
{
    KIRQL old;
    KeRaiseIrql(APC_LEVEL, &old);
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static void irql_left_raised(void **state)
{
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    A->pre = raise_irql;
    fltsim_expect("irql-not-restored");
    assert_int_equal(tiny_major(IRP_MJ_READ), STATUS_SUCCESS);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    noted();
}

/* The rest of what it does to a real file system is in no test: the file stays open for good. */
static void failing_a_create_without_cancel(void **state)
{
    load(A, FLT_PREOP_SUCCESS_WITH_CALLBACK);
    A->post = fail_post;
    fltsim_expect("failed-create-left-open");
    assert_int_equal(tiny_major(IRP_MJ_CREATE), STATUS_DISK_FULL);
    tiny_file()->Flags |= FO_FILE_OPEN_CANCELLED;
    assert_int_equal(tiny_major(IRP_MJ_CREATE), STATUS_DISK_FULL);
    noted();
}

static FLT_PREOP_CALLBACK_STATUS want_post(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                           PVOID *context)
{
    return FLT_PREOP_SUCCESS_WITH_CALLBACK;
}

static void read_once(void *argument) { tiny_major(IRP_MJ_CLEANUP); }

static void missing_post(void **state)
{
    struct fltsim_report *report;
    tiny_start();
    load(A, FLT_PREOP_SUCCESS_WITH_CALLBACK);
    A->pre = want_post; /* for cleanup no post is registered */
    fltsim_expect("missing-post-callback");
    assert_false(fltsim_try(read_once, NULL));
    assert_int_equal(fltsim_stop(&report), 0);
    fltsim_report_free(report);
    noted();
}

/* ---- many instances ---- */

static void more_than_the_inline_nodes(void **state)
{
    UNICODE_STRING altitude, name;
    WCHAR text[] = {'1', '0', '.', 'a', 0}, instance[] = {'i', 'x', 0};

    load(A, FLT_PREOP_SUCCESS_WITH_CALLBACK);
    for (int i = 0; i < 20; i++) {
        PFLT_INSTANCE made;
        text[3] = (WCHAR)('0' + i % 10);
        text[1] = (WCHAR)('0' + i / 10);
        instance[1] = (WCHAR)('a' + i);
        altitude = (UNICODE_STRING){.Buffer = text, .Length = 8, .MaximumLength = 8};
        name = (UNICODE_STRING){.Buffer = instance, .Length = 4, .MaximumLength = 4};
        assert_int_equal(FltAttachVolumeAtAltitude(A->filter, tiny.volume, &altitude, &name, &made),
                         i == 0 || i == 10 ? STATUS_SUCCESS : STATUS_SUCCESS);
        FltObjectDereference(made);
    }
    A->quiet = true;
    noted();
    assert_int_equal(tiny_major(IRP_MJ_READ), STATUS_SUCCESS);
    assert_string_equal(noted(), "fs");
    A->quiet = false;
    assert_int_equal(tiny_major(IRP_MJ_READ), STATUS_SUCCESS);
    const char *text_noted = noted();
    assert_int_equal(strlen(text_noted), 2 + 21 * 2 * strlen(" A>read"));
}

/* ---- fast I/O ---- */

static BOOLEAN fast_read(IO_STATUS_BLOCK *iosb)
{
    PDEVICE_OBJECT top = IoGetAttachedDevice(tiny.device);
    LARGE_INTEGER offset = {.QuadPart = 0};
    char buffer[8];
    return top->DriverObject->FastIoDispatch->FastIoRead(tiny_file(), &offset, sizeof buffer, TRUE, 0, buffer, iosb, top);
}

static FLT_POSTOP_CALLBACK_STATUS post_status(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                              PVOID context, FLT_POST_OPERATION_FLAGS flags)
{
    assert_true(FLT_IS_FASTIO_OPERATION(data));
    note("%s", data->IoStatus.Status == STATUS_FLT_DISALLOW_FAST_IO ? "disallowed" : "ok");
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static void fast_io_passes(void **state)
{
    IO_STATUS_BLOCK iosb;
    tiny.fast_io = true;
    assert_true(fast_read(&iosb));
    assert_string_equal(noted(), "fast");
    load_all(FLT_PREOP_SUCCESS_WITH_CALLBACK);
    A->post = B->post = C->post = post_status;
    assert_true(fast_read(&iosb));
    assert_int_equal(iosb.Information, 8);
    assert_string_equal(noted(), "A>read B>read C>read fast C<read ok B<read ok A<read ok");
    tiny.fast_io = false;
    assert_false(fast_read(&iosb));
    assert_string_equal(noted(),
                        "A>read B>read C>read fast C<read disallowed B<read disallowed A<read disallowed");
}

static void fast_io_disallowed(void **state)
{
    IO_STATUS_BLOCK iosb;
    tiny.fast_io = true;
    load_all(FLT_PREOP_SUCCESS_WITH_CALLBACK);
    A->post = post_status;
    B->answer = FLT_PREOP_DISALLOW_FASTIO;
    assert_false(fast_read(&iosb));
    assert_string_equal(noted(), "A>read B>read A<read disallowed");
}

static void fast_io_completed(void **state)
{
    IO_STATUS_BLOCK iosb;
    load_all(FLT_PREOP_SUCCESS_WITH_CALLBACK);
    A->post = post_status;
    B->pre = deny;
    assert_true(fast_read(&iosb));
    assert_int_equal(iosb.Status, STATUS_ACCESS_DENIED);
    assert_string_equal(noted(), "A>read B>read A<read ok");
}

static void fast_io_is_not_pended(void **state)
{
    IO_STATUS_BLOCK iosb;
    tiny.fast_io = true;
    load(A, FLT_PREOP_PENDING);
    noted();
    fltsim_expect("bad-callback-status");
    assert_true(fast_read(&iosb));
    assert_string_equal(noted(), "A>read fast");
}

static void synchronize_of_fast_io(void **state)
{
    IO_STATUS_BLOCK iosb;
    tiny.fast_io = true;
    load(A, FLT_PREOP_SYNCHRONIZE);
    noted();
    assert_true(fast_read(&iosb));
    assert_string_equal(noted(), "A>read fast A<read");
}

/* ---- file system filter callbacks ---- */

static FLT_PREOP_CALLBACK_STATUS acquire(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                         PVOID *context)
{
    assert_true(FLT_IS_FS_FILTER_OPERATION(data));
    assert_int_equal(data->Iopb->Parameters.AcquireForSectionSynchronization.SyncType, SyncTypeCreateSection);
    data->IoStatus.Status = p->setup_status;
    return p->answer;
}

static void section_synchronization(void **state)
{
    load_all(FLT_PREOP_SUCCESS_WITH_CALLBACK);
    FS_FILTER_CALLBACK_DATA data = {.SizeOfFsFilterCallbackData = sizeof data,
                                    .Operation = FS_FILTER_ACQUIRE_FOR_SECTION_SYNCHRONIZATION,
                                    .DeviceObject = IoGetAttachedDevice(tiny.device),
                                    .FileObject = tiny_file()};
    data.Parameters.AcquireForSectionSynchronization.SyncType = SyncTypeCreateSection;
    extern const FS_FILTER_CALLBACKS *FsRtlpFilterCallbacks(PDRIVER_OBJECT driver);
    const FS_FILTER_CALLBACKS *callbacks = FsRtlpFilterCallbacks(FltGlobals.DriverObject);
    PVOID context;

    assert_int_equal(callbacks->PreAcquireForSectionSynchronization(&data, &context), STATUS_SUCCESS);
    callbacks->PostAcquireForSectionSynchronization(&data, STATUS_SUCCESS, context);
    assert_string_equal(noted(), "A>IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION B>IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION "
                                 "C>IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION C<IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION "
                                 "B<IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION A<IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION");
    B->pre = acquire;
    B->answer = FLT_PREOP_COMPLETE;
    B->setup_status = STATUS_FILE_LOCKED_WITH_ONLY_READERS;
    assert_int_equal(callbacks->PreAcquireForSectionSynchronization(&data, &context), STATUS_FILE_LOCKED_WITH_ONLY_READERS);
    assert_null(context);
    assert_string_equal(noted(), "A>IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION B>IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION "
                                 "A<IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(nobody_filters),
        CASE(callbacks_run_by_altitude),
        CASE(no_callback_means_no_post),
        CASE(unregistered_operation_passes),
        CASE(post_without_pre),
        CASE(complete_ends_the_descent),
        CASE(post_changes_the_status),
        CASE(changes_are_seen_below_only),
        CASE(changes_without_a_post),
        CASE(changes_need_dirty),
        CASE(swapping_buffers),
        CASE(skipping_paging_and_cached),
        CASE(skipping_non_dasd),
        CASE(wrong_status),
        CASE(completing_with_pending),
        CASE(failing_a_cleanup),
        CASE(context_without_callback),
        CASE(failing_a_create_without_cancel),
        CASE(irql_left_raised),
        cmocka_unit_test(missing_post),
        CASE(more_than_the_inline_nodes),
        CASE(fast_io_passes),
        CASE(fast_io_disallowed),
        CASE(fast_io_completed),
        CASE(fast_io_is_not_pended),
        CASE(synchronize_of_fast_io),
        CASE(section_synchronization),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
