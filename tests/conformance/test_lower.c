/* What a filter asks of those below it, with a second filter there to see: questions by name, MDLs of cached data; and a
 * filter that owns a directory's notifications. */
#include "stage.h"

#include <fltsim/fault.h>

/* ---- a second filter, below the stage's ---- */

static struct {
    PFLT_FILTER filter;
    LONG opens, creates, mdls;
    FLT_PREOP_CALLBACK_STATUS answer; /* to IRP_MJ_QUERY_OPEN */
    FLT_POSTOP_CALLBACK_STATUS late;
    FILE_INFORMATION_CLASS class;
} below;

static FLT_PREOP_CALLBACK_STATUS FLTAPI below_pre(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    switch (data->Iopb->MajorFunction) {
    case IRP_MJ_QUERY_OPEN:
        below.opens++;
        below.class = data->Iopb->Parameters.QueryOpen.FileInformationClass;
        if (below.answer == FLT_PREOP_COMPLETE)
            data->IoStatus.Status = STATUS_OBJECT_NAME_NOT_FOUND;
        return below.answer;
    case IRP_MJ_CREATE:
        below.creates++;
        break;
    default:
        below.mdls++;
    }
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static FLT_POSTOP_CALLBACK_STATUS FLTAPI below_post(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID context,
                                                    FLT_POST_OPERATION_FLAGS flags)
{
    return below.late;
}

static NTSTATUS FLTAPI below_unload(FLT_FILTER_UNLOAD_FLAGS flags)
{
    FltUnregisterFilter(below.filter);
    return STATUS_SUCCESS;
}

static NTSTATUS below_entry(PDRIVER_OBJECT driverObject, PUNICODE_STRING path)
{
    static const FLT_OPERATION_REGISTRATION operations[] = {
        {IRP_MJ_QUERY_OPEN, 0, below_pre, below_post, NULL},
        {IRP_MJ_CREATE, 0, below_pre, NULL, NULL},
        {IRP_MJ_MDL_READ, 0, below_pre, NULL, NULL},
        {IRP_MJ_MDL_READ_COMPLETE, 0, below_pre, NULL, NULL},
        {IRP_MJ_PREPARE_MDL_WRITE, 0, below_pre, NULL, NULL},
        {IRP_MJ_MDL_WRITE_COMPLETE, 0, below_pre, NULL, NULL},
        {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL},
    };
    FLT_REGISTRATION registration = {.Size = sizeof registration,
                                     .Version = FLT_REGISTRATION_VERSION,
                                     .OperationRegistration = operations,
                                     .FilterUnloadCallback = below_unload};
    NTSTATUS status = FltRegisterFilter(driverObject, &registration, &below.filter);
    return NT_SUCCESS(status) ? FltStartFiltering(below.filter) : status;
}

static void start(enum fltsim_volume_kind kind)
{
    struct fltsim_driver *driver;
    memset(&below, 0, sizeof below);
    below.answer = FLT_PREOP_SUCCESS_NO_CALLBACK;
    stage_mount(kind);
    stage_load();
    succeeds(fltsim_load(&(struct fltsim_driver_options){.name = "below", .entry = below_entry, .altitude = "100000"},
                         &driver));
    assert_non_null(stage.instance);
    HANDLE file = stage_open("C:\\file.txt");
    succeeds(fltsim_write(file, "0123456789", 10, 0, NULL));
    succeeds(fltsim_close(file));
    below.creates = 0;
}

/* ---- questions by name ---- */

static IO_STATUS_BLOCK iosb;
static FILE_STAT_INFORMATION stat;

static NTSTATUS ask(PFLT_INSTANCE instance, const WCHAR *name)
{
    return FltQueryInformationByName(stage.filter, instance, named(name), &iosb, &stat, sizeof stat, FileStatInformation,
                                     NULL);
}

static void a_question_by_name_is_one_operation(void)
{
    start(FLTSIM_NTFS);
    succeeds(ask(stage.instance, L"\\??\\C:\\file.txt"));
    assert_int_equal(below.opens, 1);
    assert_int_equal(below.creates, 0);
    assert_int_equal(below.class, FileStatInformation);
    assert_int_equal(iosb.Information, sizeof stat);
    assert_int_equal(stat.EndOfFile.QuadPart, 10);
    memset(&stat, 0, sizeof stat);
    succeeds(ask(NULL, L"\\??\\C:\\file.txt"));
    assert_int_equal(stat.EndOfFile.QuadPart, 10);
    answers(STATUS_OBJECT_NAME_NOT_FOUND, ask(stage.instance, L"\\??\\C:\\none"));
}

static void a_filter_wants_to_see_the_open_instead(void)
{
    start(FLTSIM_NTFS);
    below.answer = FLT_PREOP_DISALLOW_FSFILTER_IO;
    succeeds(ask(stage.instance, L"\\??\\C:\\file.txt"));
    assert_int_equal(below.opens, 1);
    assert_int_equal(below.creates, 1);
    assert_int_equal(stat.EndOfFile.QuadPart, 10);
    below.answer = FLT_PREOP_SUCCESS_WITH_CALLBACK;
    below.late = FLT_POSTOP_DISALLOW_FSFILTER_IO;
    succeeds(ask(stage.instance, L"\\??\\C:\\file.txt"));
    assert_int_equal(below.creates, 2);
    below.answer = FLT_PREOP_COMPLETE;
    answers(STATUS_OBJECT_NAME_NOT_FOUND, ask(stage.instance, L"\\??\\C:\\file.txt"));
    assert_int_equal(below.creates, 2);
}

static void only_some_classes_are_asked_for_by_name(void)
{
    static const struct {
        FILE_INFORMATION_CLASS class;
        ULONG length;
        NTSTATUS status;
    } rows[] = {
        {FileStatInformation, sizeof(FILE_STAT_INFORMATION), STATUS_SUCCESS},
        {FileStatInformation, sizeof(FILE_STAT_INFORMATION) - 1, STATUS_INFO_LENGTH_MISMATCH},
        {FileStatLxInformation, sizeof(FILE_STAT_LX_INFORMATION), STATUS_SUCCESS},
        {FileStatBasicInformation, sizeof(FILE_STAT_BASIC_INFORMATION), STATUS_SUCCESS},
        {FileCaseSensitiveInformation, sizeof(FILE_CASE_SENSITIVE_INFORMATION), STATUS_SUCCESS},
        {FileCaseSensitiveInformation, 1, STATUS_INFO_LENGTH_MISMATCH},
        {FileBasicInformation, sizeof(FILE_BASIC_INFORMATION), STATUS_INVALID_PARAMETER},
    };
    UCHAR buffer[256];
    start(FLTSIM_NTFS);
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        answers(rows[i].status, FltQueryInformationByName(stage.filter, NULL, named(L"\\??\\C:\\file.txt"), &iosb, buffer,
                                                          rows[i].length, rows[i].class, NULL));
        answers(rows[i].status, ZwQueryInformationByName(named(L"\\??\\C:\\file.txt"), &iosb, buffer, rows[i].length,
                                                         rows[i].class));
        answers(rows[i].status, NtQueryInformationByName(named(L"\\??\\C:\\file.txt"), &iosb, buffer, rows[i].length,
                                                         rows[i].class));
    }
    succeeds(FltQueryInformationByName(stage.filter, NULL, named(L"\\??\\C:\\file.txt"), &iosb, buffer, 4,
                                       FileCaseSensitiveInformationForceAccessCheck, NULL));
}

static void a_file_system_that_cannot_answer_is_opened(void)
{
    start(FLTSIM_FAT);
    answers(STATUS_INVALID_PARAMETER, ask(stage.instance, L"\\??\\C:\\file.txt")); /* FAT has no such class */
    assert_int_equal(below.opens, 1);
    assert_int_equal(below.creates, 1);
}

/* ---- MDLs of cached data ---- */

static HANDLE cached;

static PFILE_OBJECT cache(ULONG options)
{
    char text[10];
    succeeds(fltsim_open("C:\\file.txt", &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE,
                                                               .disposition = FILE_OPEN,
                                                               .options = FILE_SYNCHRONOUS_IO_NONALERT | options}, &cached));
    succeeds(fltsim_read(cached, text, 10, 0, NULL));
    return stage_file(cached);
}

static void cached_data_are_lent_to_a_filter(void)
{
    LARGE_INTEGER two = {.QuadPart = 2}, end = {.QuadPart = 10};
    PMDL mdl = NULL;
    char text[10];
    start(FLTSIM_NTFS);
    PFILE_OBJECT file = cache(0);
    assert_true(FltFastIoMdlRead(stage.instance, file, &two, 100, 0, &mdl, &iosb));
    succeeds(iosb.Status);
    assert_int_equal(iosb.Information, 8);
    assert_memory_equal(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), "23456789", 8);
    assert_true(FltFastIoMdlReadComplete(stage.instance, file, mdl));
    assert_int_equal(below.mdls, 2);
    mdl = NULL;
    assert_true(FsRtlMdlRead(file, &two, 100, 0, &mdl, &iosb)); /* from the top */
    assert_int_equal(iosb.Information, 8);
    assert_true(FsRtlMdlReadComplete(file, mdl));
    mdl = NULL;
    assert_true(FsRtlPrepareMdlWrite(file, &two, 1, 0, &mdl, &iosb));
    assert_true(FsRtlMdlWriteComplete(file, &two, mdl));
    mdl = NULL;
    assert_true(FsRtlPrepareMdlWriteDev(file, &two, 1, 0, &mdl, &iosb, file->DeviceObject));
    assert_true(FsRtlMdlWriteCompleteDev(file, &two, mdl, file->DeviceObject));
    mdl = NULL;
    assert_true(FltFastIoMdlRead(stage.instance, file, &end, 1, 0, &mdl, &iosb));
    answers(STATUS_END_OF_FILE, iosb.Status);
    assert_null(mdl);
    below.mdls = 0;
    assert_true(FltFastIoPrepareMdlWrite(stage.instance, file, &two, 3, 0, &mdl, &iosb));
    succeeds(iosb.Status);
    assert_int_equal(iosb.Information, 3);
    memcpy(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), "abc", 3);
    assert_true(FltFastIoMdlWriteComplete(stage.instance, file, &two, mdl));
    assert_int_equal(below.mdls, 2);
    succeeds(fltsim_read(cached, text, 10, 0, NULL));
    assert_memory_equal(text, "01abc56789", 10);
    mdl = NULL;
    assert_false(FltFastIoPrepareMdlWrite(stage.instance, file, &end, 1, 0, &mdl, &iosb)); /* the file would grow */
    assert_null(mdl);
    succeeds(fltsim_close(cached));
}

static void a_file_written_through_is_not_lent(void)
{
    LARGE_INTEGER two = {.QuadPart = 2};
    PMDL mdl = NULL;
    start(FLTSIM_NTFS);
    PFILE_OBJECT file = cache(FILE_WRITE_THROUGH);
    assert_false(FltFastIoPrepareMdlWrite(stage.instance, file, &two, 3, 0, &mdl, &iosb));
    assert_false(FsRtlMdlWriteCompleteDev(file, &two, NULL, file->DeviceObject));
    succeeds(fltsim_close(cached));
    HANDLE handle = stage_open("C:\\fresh"); /* nothing cached yet */
    assert_false(FltFastIoMdlRead(stage.instance, stage_file(handle), &two, 3, 0, &mdl, &iosb));
    succeeds(fltsim_close(handle));
}

static void mdls_come_by_an_irp_where_fast_io_cannot(void)
{
    LARGE_INTEGER two = {.QuadPart = 2};
    PMDL mdl = NULL;
    start(FLTSIM_NTFS);
    PFILE_OBJECT file = cache(0);
    for (int i = 0; i < 2; i++) {
        mdl = NULL;
        succeeds(FsRtlMdlReadEx(file, &two, 3, 0, &mdl, &iosb));
        assert_memory_equal(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), "234", 3);
        CcMdlReadComplete(file, mdl);
        succeeds(fltsim_close(cached));
        succeeds(fltsim_open("C:\\file.txt", &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE,
                                                                   .disposition = FILE_OPEN}, &cached));
        file = stage_file(cached); /* not cached by this one */
    }
    starves(STATUS_INSUFFICIENT_RESOURCES, FsRtlMdlReadEx(file, &two, 3, 0, &mdl, &iosb));
    starves(STATUS_INSUFFICIENT_RESOURCES, FsRtlPrepareMdlWriteEx(file, &two, 3, 0, &mdl, &iosb));
    mdl = NULL;
    succeeds(FsRtlPrepareMdlWriteEx(file, &two, 3, 0, &mdl, &iosb));
    memcpy(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), "xyz", 3);
    CcMdlWriteComplete(file, &two, mdl);
    char text[3];
    succeeds(fltsim_read(cached, text, 3, 2, NULL));
    assert_memory_equal(text, "xyz", 3);
    succeeds(fltsim_close(cached));
}

/* ---- reparse points ---- */

static void a_tag_takes_the_place_of_another(void)
{
    static GUID ours = {0x8e2a3c10, 0x1111, 0x2222, {1, 2, 3, 4, 5, 6, 7, 8}};
    static GUID theirs = {0x11111111, 0x1111, 0x2222, {1, 2, 3, 4, 5, 6, 7, 8}};
    enum { TAG = 0x00000ABC };
    start(FLTSIM_NTFS);
    HANDLE file = stage_open("C:\\tagged");
    PFILE_OBJECT object = stage_file(file);
    starves(STATUS_INSUFFICIENT_RESOURCES, FltTagFileEx(stage.instance, object, TAG, &ours, "data", 4, 0, NULL, 0));
    answers(STATUS_INVALID_PARAMETER, FltTagFileEx(stage.instance, object, TAG, NULL, "data", 4, 0, NULL, 0));
    succeeds(FltTagFileEx(stage.instance, object, TAG, &ours, "data", 4, 0, NULL, REPARSE_DATA_EX_FLAG_GIVEN_TAG_OR_NONE));
    answers(STATUS_IO_REPARSE_TAG_MISMATCH,
            FltTagFileEx(stage.instance, object, TAG + 1, &ours, "data", 4, TAG + 1, &ours, 0));
    answers(STATUS_REPARSE_ATTRIBUTE_CONFLICT,
            FltTagFileEx(stage.instance, object, TAG, &ours, "more", 4, TAG, &theirs, 0));
    answers(STATUS_INVALID_PARAMETER, FltTagFileEx(stage.instance, object, TAG, &ours, "more", 4, TAG, NULL, 0));
    succeeds(FltTagFileEx(stage.instance, object, TAG + 1, &theirs, "more", 4, TAG, &ours, 0));
    succeeds(FltUntagFile(stage.instance, object, TAG + 1, &theirs));
    succeeds(fltsim_close(file));
}

/* ---- notifications of a directory that a filter owns ---- */

static PNOTIFY_SYNC notifySync;
static LIST_ENTRY notifyList;
static STRING directory;

static void own_notification(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    if (data->Iopb->MinorFunction != IRP_MN_NOTIFY_CHANGE_DIRECTORY) {
        stage.answer = FLT_PREOP_SUCCESS_NO_CALLBACK;
        return;
    }
    stage.answer = FLT_PREOP_PENDING;
    FltNotifyFilterChangeDirectory(notifySync, &notifyList, objects->FileObject->FsContext2, &directory, FALSE, FALSE,
                                   data->Iopb->Parameters.DirectoryControl.NotifyDirectory.CompletionFilter, data, NULL,
                                   NULL, NULL);
}

static void report(const WCHAR *path)
{
    UNICODE_STRING name = *text(path);
    FsRtlNotifyFilterReportChange(notifySync, &notifyList, (PSTRING)&name, 3 * sizeof(WCHAR), NULL, NULL,
                                  FILE_NOTIFY_CHANGE_FILE_NAME, FILE_ACTION_ADDED, NULL, NULL);
}

static NTSTATUS watch(HANDLE folder, PIO_STATUS_BLOCK status, void *buffer, ULONG length)
{
    return ZwNotifyChangeDirectoryFile(folder, NULL, NULL, NULL, status, buffer, length, FILE_NOTIFY_CHANGE_FILE_NAME,
                                       FALSE);
}

static void a_filter_answers_notifications(void)
{
    static const WCHAR root[] = L"\\d";
    union {
        FILE_NOTIFY_INFORMATION info;
        UCHAR bytes[128];
    } changes;
    IO_STATUS_BLOCK first = {0}, second = {0}, third = {0};
    HANDLE folder;
    start(FLTSIM_NTFS);
    succeeds(fltsim_make_directory("C:\\d"));
    succeeds(ZwCreateFile(&folder, FILE_LIST_DIRECTORY, named(L"\\??\\C:\\d"), &iosb, NULL, 0, FILE_SHARE_READ, FILE_OPEN,
                          FILE_DIRECTORY_FILE, NULL, 0));
    PFILE_OBJECT object = stage_file(folder);
    FsRtlNotifyInitializeSync(&notifySync);
    InitializeListHead(&notifyList);
    directory = (STRING){.Buffer = (PCHAR)root, .Length = 2 * sizeof(WCHAR), .MaximumLength = 2 * sizeof(WCHAR)};
    stage_watch(IRP_MJ_DIRECTORY_CONTROL, own_notification, NULL);
    answers(STATUS_PENDING, watch(folder, &first, &changes, sizeof changes));
    answers(STATUS_PENDING, watch(folder, &second, &changes, sizeof changes));
    report(L"\\d\\new");
    succeeds(first.Status);
    assert_int_equal(first.Information, FIELD_OFFSET(FILE_NOTIFY_INFORMATION, FileName) + 3 * sizeof(WCHAR));
    assert_int_equal(changes.info.Action, FILE_ACTION_ADDED);
    assert_memory_equal(changes.info.FileName, L"new", 3 * sizeof(WCHAR));
    succeeds(ZwCancelIoFile(folder, &third));
    answers(STATUS_CANCELLED, second.Status);
    report(L"\\d\\other"); /* kept until somebody asks */
    memset(&changes, 0, sizeof changes);
    NTSTATUS status = watch(folder, &third, &changes, sizeof changes);
    assert_true(NT_SUCCESS(status));
    assert_memory_equal(changes.info.FileName, L"other", 5 * sizeof(WCHAR));
    answers(STATUS_PENDING, watch(folder, &first, &changes, sizeof changes));
    FsRtlNotifyCleanup(notifySync, &notifyList, object->FsContext2);
    answers(STATUS_NOTIFY_CLEANUP, first.Status);
    stage_saw();
    succeeds(ZwClose(folder));
    FsRtlNotifyUninitializeSync(&notifySync);
}

/* ---- a file system that allocates the system buffer ---- */

static PDRIVER_DISPATCH queryDirectory;
static PVOID newBuffer;
static int asked;
static WCHAR foundName[16];

static NTSTATUS query_buffered(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    if (stack->MinorFunction == IRP_MN_QUERY_DIRECTORY) {
        assert_null(irp->AssociatedIrp.SystemBuffer);
        newBuffer = ExAllocatePoolWithTag(NonPagedPool, stack->Parameters.QueryDirectory.Length, STAGE_TAG);
        irp->AssociatedIrp.SystemBuffer = newBuffer;
        irp->Flags |= IRP_BUFFERED_IO | IRP_INPUT_OPERATION | IRP_DEALLOCATE_BUFFER;
    }
    return queryDirectory(device, irp);
}

static void not_before(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    assert_false(data->Flags & FLTFL_CALLBACK_DATA_NEW_SYSTEM_BUFFER);
    assert_null(FltGetNewSystemBufferAddress(data));
}

static void look_at_new_buffer(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    assert_int_equal((data->Flags & FLTFL_CALLBACK_DATA_NEW_SYSTEM_BUFFER) != 0, newBuffer != NULL);
    assert_ptr_equal(FltGetNewSystemBufferAddress(data), newBuffer);
    asked++;
    if (!newBuffer || !NT_SUCCESS(data->IoStatus.Status))
        return;
    PFILE_NAMES_INFORMATION names = newBuffer;
    if (names->FileNameLength <= sizeof foundName)
        memcpy(foundName, names->FileName, names->FileNameLength);
}

static void a_filter_finds_the_buffer_that_the_file_system_made(void)
{
    union {
        FILE_NAMES_INFORMATION names;
        UCHAR bytes[256];
    } answer;
    HANDLE root;
    start(FLTSIM_NTFS);
    succeeds(fltsim_open("C:\\", &(struct fltsim_open){.access = FILE_LIST_DIRECTORY | SYNCHRONIZE, .disposition = FILE_OPEN,
                                                       .options = FILE_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT}, &root));
    PDRIVER_OBJECT fileSystem = IoGetBaseFileSystemDeviceObject(stage_file(root))->DriverObject;
    queryDirectory = fileSystem->MajorFunction[IRP_MJ_DIRECTORY_CONTROL];
    for (int i = 0; i < 2; i++) {
        newBuffer = NULL;
        asked = 0;
        memset(&answer, 0, sizeof answer);
        fileSystem->MajorFunction[IRP_MJ_DIRECTORY_CONTROL] = i ? query_buffered : queryDirectory;
        stage_watch(IRP_MJ_DIRECTORY_CONTROL, not_before, look_at_new_buffer);
        succeeds(ZwQueryDirectoryFile(root, NULL, NULL, NULL, &iosb, &answer, sizeof answer, FileNamesInformation, TRUE,
                                      text(L"file.txt"), TRUE));
        stage.before = stage.after = NULL;
        assert_int_equal(asked, 1);
        assert_memory_equal(answer.names.FileName, L"file.txt", 8 * sizeof(WCHAR)); /* copied, and freed */
    }
    assert_memory_equal(foundName, L"file.txt", 8 * sizeof(WCHAR));
    fileSystem->MajorFunction[IRP_MJ_DIRECTORY_CONTROL] = queryDirectory;
    succeeds(fltsim_close(root));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_question_by_name_is_one_operation),
        fltsim_unit_test(a_filter_wants_to_see_the_open_instead),
        fltsim_unit_test(only_some_classes_are_asked_for_by_name),
        fltsim_unit_test(a_file_system_that_cannot_answer_is_opened),
        fltsim_unit_test(cached_data_are_lent_to_a_filter),
        fltsim_unit_test(a_file_written_through_is_not_lent),
        fltsim_unit_test(mdls_come_by_an_irp_where_fast_io_cannot),
        fltsim_unit_test(a_tag_takes_the_place_of_another),
        fltsim_unit_test(a_filter_answers_notifications),
        fltsim_unit_test(a_filter_finds_the_buffer_that_the_file_system_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
