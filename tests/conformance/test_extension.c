/* What an operation carries beside its parameters: activity identifiers, what is copied, why bypass I/O is refused. */
#include "stage.h"

#include <fltUserStructures.h>

static HANDLE file;
static int seen;
static const GUID activity = {0x11223344, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};
static const GUID other = {0x55667788, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};

static NTSTATUS opted_in(PDRIVER_OBJECT driverObject, PUNICODE_STRING path)
{
    ULONG features = SUPPORTED_FS_FEATURES_BYPASS_IO;
    succeeds(RtlWriteRegistryValue(RTL_REGISTRY_ABSOLUTE, path->Buffer, L"SupportedFeatures", REG_DWORD, &features,
                                   sizeof features));
    return stage_entry(driverObject, path);
}

static PDRIVER_INITIALIZE loaded_as = stage_entry;

static void start(UCHAR major, void (*before)(PFLT_CALLBACK_DATA, PCFLT_RELATED_OBJECTS),
                  void (*after)(PFLT_CALLBACK_DATA, PCFLT_RELATED_OBJECTS))
{
    stage_mount(FLTSIM_NTFS);
    succeeds(fltsim_load(&(struct fltsim_driver_options){.name = "stage", .entry = loaded_as, .altitude = "370000"},
                         &stage.driver));
    file = stage_open("C:\\file.txt");
    succeeds(fltsim_write(file, "0123456789", 10, 0, NULL));
    seen = 0;
    stage_watch(major, before, after);
}

static void end(void)
{
    assert_int_equal(seen, 1);
    stage_saw();
    succeeds(fltsim_close(file));
}

/* ---- activity identifiers ---- */

static void give_activity(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    GUID id, propagated;
    LPCGUID original;
    answers(STATUS_NOT_FOUND, FltGetActivityIdCallbackData(data, &id));
    answers(STATUS_NOT_FOUND, FltPropagateActivityIdToThread(data, &propagated, &original));
    assert_null(IoGetActivityIdThread());
    answers(STATUS_NOT_SUPPORTED, FltSetActivityIdCallbackData(data, NULL)); /* the thread has none */
    starves(STATUS_INSUFFICIENT_RESOURCES, FltSetActivityIdCallbackData(data, &activity));
    succeeds(FltSetActivityIdCallbackData(data, &activity));
    succeeds(FltGetActivityIdCallbackData(data, &id));
    assert_memory_equal(&id, &activity, sizeof id);
    succeeds(FltPropagateActivityIdToThread(data, &propagated, &original));
    assert_ptr_equal(IoGetActivityIdThread(), &propagated);
    assert_memory_equal(&propagated, &activity, sizeof id);
    assert_null(original);
    IoClearActivityIdThread(original);
    assert_null(IoGetActivityIdThread());
}

static void find_activity(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    GUID id;
    succeeds(FltGetActivityIdCallbackData(data, &id));
    assert_memory_equal(&id, &activity, sizeof id);
    seen++;
}

static void an_activity_goes_with_the_irp(void)
{
    start(IRP_MJ_FLUSH_BUFFERS, give_activity, find_activity);
    succeeds(fltsim_flush(file));
    end();
}

static void take_threads_activity(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    GUID id;
    succeeds(FltSetActivityIdCallbackData(data, NULL));
    succeeds(FltGetActivityIdCallbackData(data, &id));
    assert_memory_equal(&id, &other, sizeof id);
    seen++;
}

static void an_irp_takes_the_activity_of_the_thread_that_issued_it(void)
{
    start(IRP_MJ_FLUSH_BUFFERS, take_threads_activity, NULL);
    LPCGUID before = IoSetActivityIdThread(&other);
    succeeds(fltsim_flush(file));
    IoClearActivityIdThread(before);
    IoTransferActivityId(&activity, &other);
    end();
}

static void have_no_irp(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    GUID id;
    LPCGUID original;
    COPY_INFORMATION copy;
    PFLT_CALLBACK_DATA own;
    if (!FLT_IS_FASTIO_OPERATION(data))
        return;
    answers(STATUS_NOT_SUPPORTED, FltGetActivityIdCallbackData(data, &id));
    answers(STATUS_NOT_SUPPORTED, FltSetActivityIdCallbackData(data, &activity));
    answers(STATUS_NOT_SUPPORTED, FltPropagateActivityIdToThread(data, &id, &original));
    answers(STATUS_INVALID_PARAMETER, FltGetCopyInformationFromCallbackData(data, &copy));
    succeeds(FltAllocateCallbackData(objects->Instance, objects->FileObject, &own));
    answers(STATUS_INVALID_PARAMETER, FltPropagateIrpExtension(data, own, 0));
    answers(STATUS_INVALID_PARAMETER, FltPropagateIrpExtension(own, data, 0));
    FltFreeCallbackData(own);
    seen++;
}

static void fast_io_carries_nothing(void)
{
    char text[10];
    HANDLE cached;
    stage_set();
    succeeds(fltsim_open("C:\\f", &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE,
                                                        .disposition = FILE_CREATE,
                                                        .options = FILE_SYNCHRONOUS_IO_NONALERT}, &cached));
    succeeds(fltsim_write(cached, "0123456789", 10, 0, NULL));
    succeeds(fltsim_read(cached, text, 10, 0, NULL));
    seen = 0;
    stage_watch(IRP_MJ_READ, have_no_irp, NULL);
    succeeds(fltsim_read(cached, text, 10, 0, NULL));
    stage_saw();
    assert_int_equal(seen, 1);
    succeeds(fltsim_close(cached));
}

static void propagate(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_CALLBACK_DATA own;
    GUID id;
    succeeds(FltAllocateCallbackData(objects->Instance, objects->FileObject, &own));
    succeeds(FltPropagateIrpExtension(data, own, 0)); /* there is nothing yet */
    answers(STATUS_NOT_FOUND, FltGetActivityIdCallbackData(own, &id));
    succeeds(FltSetActivityIdCallbackData(data, &activity));
    succeeds(FltSetIoPriorityHintIntoCallbackData(data, IoPriorityLow));
    answers(STATUS_INVALID_PARAMETER, FltPropagateIrpExtension(data, own, 1));
    starves(STATUS_INSUFFICIENT_RESOURCES, FltPropagateIrpExtension(data, own, 0));
    succeeds(FltPropagateIrpExtension(data, own, 0));
    succeeds(FltGetActivityIdCallbackData(own, &id));
    assert_memory_equal(&id, &activity, sizeof id);
    assert_int_equal(FltGetIoPriorityHintFromCallbackData(own), IoPriorityLow);
    own->Iopb->MajorFunction = IRP_MJ_FLUSH_BUFFERS;
    FltPerformSynchronousIo(own);
    succeeds(own->IoStatus.Status);
    succeeds(FltGetActivityIdCallbackData(own, &id)); /* still what it was sent with */
    FltReuseCallbackData(own);
    answers(STATUS_NOT_FOUND, FltGetActivityIdCallbackData(own, &id));
    FltFreeCallbackData(own);
    seen++;
}

static void an_extension_is_copied_to_an_operation_of_ones_own(void)
{
    start(IRP_MJ_FLUSH_BUFFERS, propagate, NULL);
    succeeds(fltsim_flush(file));
    end();
}

static void irps_of_drivers_have_activities(void)
{
    GUID id, propagated;
    LPCGUID original;
    PIRP irp = IoAllocateIrp(1, FALSE);
    answers(STATUS_NOT_FOUND, IoGetActivityIdIrp(irp, &id));
    answers(STATUS_NOT_FOUND, IoPropagateActivityIdToThread(irp, &propagated, &original));
    answers(STATUS_NOT_SUPPORTED, IoSetActivityIdIrp(irp, NULL));
    succeeds(IoSetActivityIdIrp(irp, &activity));
    succeeds(IoGetActivityIdIrp(irp, &id));
    assert_memory_equal(&id, &activity, sizeof id);
    assert_null(IoSetActivityIdThread(&other));
    succeeds(IoPropagateActivityIdToThread(irp, &propagated, &original));
    assert_ptr_equal(original, &other);
    IoClearActivityIdThread(original);
    assert_ptr_equal(IoGetActivityIdThread(), &other);
    IoClearActivityIdThread(NULL);
    IoFreeIrp(irp);
}

/* ---- copies ---- */

static PFILE_OBJECT source;
static LONGLONG sourceOffset;

static void is_copied(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    COPY_INFORMATION copy;
    if (!FLT_IS_IRP_OPERATION(data) || data->Iopb->IrpFlags & IRP_PAGING_IO)
        return;
    assert_int_equal(data->RequestorMode, KernelMode);
    succeeds(FltGetCopyInformationFromCallbackData(data, &copy));
    assert_ptr_equal(copy.SourceFileObject, source);
    assert_int_equal(copy.SourceFileOffset, sourceOffset);
    seen++;
}

static void is_no_copy(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    COPY_INFORMATION copy;
    answers(STATUS_NOT_FOUND, FltGetCopyInformationFromCallbackData(data, &copy));
    seen++;
}

NTSTATUS ZwCopyFileChunk(HANDLE, HANDLE, HANDLE, PIO_STATUS_BLOCK, ULONG, PLARGE_INTEGER, PLARGE_INTEGER, PULONG, PULONG,
                         ULONG); /* in no header of the WDK */

static void a_copy_says_where_it_comes_from(void)
{
    static const UCHAR majors[] = {IRP_MJ_READ, IRP_MJ_WRITE};
    LARGE_INTEGER from = {.QuadPart = 2}, to = {.QuadPart = 100}, far = {.QuadPart = 10}, bad = {.QuadPart = -1};
    IO_STATUS_BLOCK iosb;
    HANDLE target, event;
    char text[8];
    start(IRP_MJ_FLUSH_BUFFERS, is_no_copy, NULL);
    succeeds(fltsim_flush(file));
    target = stage_open("C:\\target");
    source = stage_file(file);
    sourceOffset = 2;
    succeeds(ZwCreateEvent(&event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE));
    for (int i = 0; i < 2; i++) {
        seen = 0;
        stage_watch(majors[i], is_copied, NULL);
        succeeds((i ? NtCopyFileChunk : ZwCopyFileChunk)(file, target, event, &iosb, 100, &from, &to, NULL, NULL, 0));
        assert_int_equal(seen, 1);
        assert_int_equal(iosb.Information, 8); /* the source ends there */
        succeeds(ZwWaitForSingleObject(event, FALSE, (PLARGE_INTEGER)&noTime));
    }
    stage_watch(IRP_MJ_CLEANUP, NULL, NULL);
    succeeds(fltsim_read(target, text, 8, 100, NULL));
    assert_memory_equal(text, "23456789", 8);
    answers(STATUS_END_OF_FILE, NtCopyFileChunk(file, target, NULL, &iosb, 1, &far, &to, NULL, NULL, 0));
    answers(STATUS_INVALID_PARAMETER, NtCopyFileChunk(file, target, NULL, &iosb, 1, &from, &to, NULL, NULL, 1));
    answers(STATUS_INVALID_PARAMETER, NtCopyFileChunk(file, target, NULL, &iosb, 1, &bad, &to, NULL, NULL, 0));
    answers(STATUS_INVALID_HANDLE, NtCopyFileChunk(file, NULL, NULL, &iosb, 1, &from, &to, NULL, NULL, 0));
    answers(STATUS_INVALID_HANDLE, NtCopyFileChunk(NULL, target, NULL, &iosb, 1, &from, &to, NULL, NULL, 0));
    starves(STATUS_INSUFFICIENT_RESOURCES, NtCopyFileChunk(file, target, NULL, &iosb, 1, &from, &to, NULL, NULL, 0));
    succeeds(ZwClose(event));
    succeeds(fltsim_close(target));
    succeeds(fltsim_close(file));
}

static NTSTATUS open_for_copy(LONGLONG flags, ULONG length, PHANDLE handle)
{
    EXTENDED_CREATE_INFORMATION extended = {.ExtendedCreateFlags = flags};
    IO_STATUS_BLOCK iosb;
    return ZwCreateFile(handle, GENERIC_READ | SYNCHRONIZE, named(L"\\??\\C:\\f"), &iosb, NULL, 0, FILE_SHARE_READ,
                        FILE_OPEN_IF, FILE_SYNCHRONOUS_IO_NONALERT | FILE_CONTAINS_EXTENDED_CREATE_INFORMATION, &extended,
                        length);
}

static void a_file_is_opened_to_be_copied(void)
{
    static const struct {
        LONGLONG flags;
        BOOLEAN isSource, isTarget;
    } rows[] = {{0, FALSE, FALSE},
                {EX_CREATE_FLAG_FILE_SOURCE_OPEN_FOR_COPY, TRUE, FALSE},
                {EX_CREATE_FLAG_FILE_DEST_OPEN_FOR_COPY, FALSE, TRUE}};
    HANDLE handle;
    stage_set();
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        succeeds(open_for_copy(rows[i].flags, sizeof(EXTENDED_CREATE_INFORMATION), &handle));
        assert_int_equal(IoCheckFileObjectOpenedAsCopySource(stage_file(handle)), rows[i].isSource);
        assert_int_equal(IoCheckFileObjectOpenedAsCopyDestination(stage_file(handle)), rows[i].isTarget);
        succeeds(ZwClose(handle));
    }
    answers(STATUS_INVALID_PARAMETER, open_for_copy(0, 8, &handle));
}

/* ---- bypass I/O ---- */

static NTSTATUS vetoWith = STATUS_ACCESS_DENIED, vetoed, vetoedLate;
static const WCHAR *reason = L"Encrypted";

static void veto(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    vetoed = FltVetoBypassIo(data, objects, vetoWith, reason ? text(reason) : NULL);
    data->IoStatus.Status = vetoed;
    seen++;
}

static void veto_late(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    vetoedLate = FltVetoBypassIo(data, objects, vetoWith, text(L"late"));
}

static NTSTATUS ask(FS_BPIO_OPERATIONS operation, ULONG inLength, ULONG outLength, FS_BPIO_OUTPUT *output)
{
    FS_BPIO_INPUT input = {.Operation = operation};
    size_t done = 0;
    seen = 0;
    memset(output, 0, sizeof *output);
    fltsim_fsctl(file, FSCTL_MANAGE_BYPASS_IO, &input, inLength, output, outLength, &done);
    assert_int_equal(seen, 1);
    if (NT_SUCCESS(vetoed))
        assert_int_equal(done, sizeof *output);
    return vetoed;
}

static void a_veto_says_who_and_why(void)
{
    FS_BPIO_OUTPUT out;
    loaded_as = opted_in; /* others are not even asked */
    start(IRP_MJ_FILE_SYSTEM_CONTROL, veto, NULL);
    stage.answer = FLT_PREOP_COMPLETE;
    succeeds(ask(FS_BPIO_OP_ENABLE, sizeof(FS_BPIO_INPUT), sizeof out, &out));
    assert_int_equal(out.Operation, FS_BPIO_OP_ENABLE);
    assert_int_equal(out.Enable.OpStatus, STATUS_ACCESS_DENIED);
    assert_int_equal(out.Enable.FailingDriverNameLen, 9);
    assert_memory_equal(out.Enable.FailingDriverName, L"stage.sys", 9 * sizeof(WCHAR));
    assert_int_equal(out.Enable.FailureReasonLen, 9);
    assert_memory_equal(out.Enable.FailureReason, L"Encrypted", 9 * sizeof(WCHAR));
    succeeds(ask(FS_BPIO_OP_QUERY, sizeof(FS_BPIO_INPUT), sizeof out, &out));
    answers(STATUS_NOT_SUPPORTED, ask(FS_BPIO_OP_DISABLE, sizeof(FS_BPIO_INPUT), sizeof out, &out));
    answers(STATUS_INVALID_BUFFER_SIZE, ask(FS_BPIO_OP_ENABLE, 4, sizeof out, &out));
    answers(STATUS_BUFFER_TOO_SMALL, ask(FS_BPIO_OP_ENABLE, sizeof(FS_BPIO_INPUT), 24, &out));
    vetoWith = STATUS_SUCCESS;
    answers(STATUS_INVALID_PARAMETER_3, ask(FS_BPIO_OP_ENABLE, sizeof(FS_BPIO_INPUT), sizeof out, &out));
    vetoWith = STATUS_ACCESS_DENIED;
    reason = NULL;
    answers(STATUS_INVALID_PARAMETER_4, ask(FS_BPIO_OP_ENABLE, sizeof(FS_BPIO_INPUT), sizeof out, &out));
    reason = L"Encrypted";
    seen = 0;
    fltsim_fsctl(file, FSCTL_IS_VOLUME_MOUNTED, NULL, 0, NULL, 0, NULL);
    answers(STATUS_NOT_SUPPORTED, vetoed);
    stage_watch(IRP_MJ_FILE_SYSTEM_CONTROL, NULL, veto_late);
    seen = 1;
    fltsim_fsctl(file, FSCTL_MANAGE_BYPASS_IO, &(FS_BPIO_INPUT){.Operation = FS_BPIO_OP_ENABLE}, sizeof(FS_BPIO_INPUT), &out,
                 sizeof out, NULL);
    answers(STATUS_NOT_SUPPORTED, vetoedLate);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(an_activity_goes_with_the_irp),
        fltsim_unit_test(an_irp_takes_the_activity_of_the_thread_that_issued_it),
        fltsim_unit_test(fast_io_carries_nothing),
        fltsim_unit_test(an_extension_is_copied_to_an_operation_of_ones_own),
        fltsim_unit_test(irps_of_drivers_have_activities),
        fltsim_unit_test(a_copy_says_where_it_comes_from),
        fltsim_unit_test(a_file_is_opened_to_be_copied),
        fltsim_unit_test(a_veto_says_who_and_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
