/* Operations that filters issue, over the in-memory file system: who sees them, and what they do. */
#include "harness.h"

#include "ke/thread.h"

static struct fltsim_volume *volume;

static int start(void **state)
{
    assert_true(fltsim_start(NULL));
    memset(probes, 0, sizeof probes);
    for (int i = 0; i < 3; i++)
        probes[i].letter = (char)('A' + i);
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C'}, &volume), STATUS_SUCCESS);
    noted();
    return 0;
}

static int stop(void **state)
{
    for (int i = 0; i < 3; i++)
        if (probes[i].driver)
            assert_int_equal(probe_unload(&probes[i]), STATUS_SUCCESS);
    assert_int_equal(fltsim_stop(NULL), 0);
    noted();
    return 0;
}

static void load(struct probe *p)
{
    p->answer = FLT_PREOP_SUCCESS_WITH_CALLBACK;
    assert_int_equal(probe_load(p, NULL), STATUS_SUCCESS);
}

static void load_all(void)
{
    load(A);
    load(B);
    load(C);
    noted();
}

static HANDLE open_file(const char *path)
{
    HANDLE handle;
    assert_int_equal(fltsim_open(path, &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_OPEN_IF},
                                 &handle),
                     STATUS_SUCCESS);
    return handle;
}

static void one_file(void **state)
{
    size_t length;
    char text[8] = {0};
    load_all();
    HANDLE file = open_file("C:\\one");
    assert_string_equal(noted(), "A>create B>create C>create C<create B<create A<create");
    assert_int_equal(fltsim_write(file, "hello", 5, 0, &length), STATUS_SUCCESS);
    assert_int_equal(length, 5);
    noted();
    assert_int_equal(fltsim_read(file, text, sizeof text, 0, &length), STATUS_SUCCESS);
    assert_int_equal(length, 5);
    assert_string_equal(text, "hello");
    assert_non_null(strstr(noted(), "A>read B>read C>read C<read B<read A<read"));
    assert_int_equal(fltsim_close(file), STATUS_SUCCESS);
    assert_non_null(strstr(noted(), "A>cleanup B>cleanup C>cleanup"));
}

static void filters_attach_to_a_new_volume(void **state)
{
    struct fltsim_volume *second;
    load(A);
    noted();
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'D', .kind = FLTSIM_FAT}, &second), STATUS_SUCCESS);
    HANDLE file = open_file("D:\\x");
    assert_int_equal(A->setup_flags,
                     FLTFL_INSTANCE_SETUP_AUTOMATIC_ATTACHMENT | FLTFL_INSTANCE_SETUP_NEWLY_MOUNTED_VOLUME);
    PFLT_INSTANCE on_d = A->instance;
    FLT_FILESYSTEM_TYPE type;
    assert_int_equal(FltGetFileSystemType(on_d, &type), STATUS_SUCCESS);
    assert_int_equal(type, FLT_FSTYPE_FAT);
    assert_int_equal(fltsim_close(file), STATUS_SUCCESS);
    noted();
    assert_int_equal(fltsim_dismount(second), STATUS_SUCCESS);
    assert_non_null(strstr(noted(), "A- A--"));
    assert_int_equal(A->reason, FLTFL_INSTANCE_TEARDOWN_VOLUME_DISMOUNT);
}

/* ---- FltCreateFile ---- */

static UNICODE_STRING wide(const char *text, WCHAR *buffer)
{
    USHORT length = 0;
    for (; text[length]; length++)
        buffer[length] = (WCHAR)text[length];
    return (UNICODE_STRING){.Buffer = buffer, .Length = (USHORT)(2 * length), .MaximumLength = (USHORT)(2 * length)};
}

static NTSTATUS create_from(struct probe *p, PFLT_INSTANCE instance, const char *path, PHANDLE handle, PFILE_OBJECT *file)
{
    WCHAR buffer[100];
    UNICODE_STRING name = wide(path, buffer);
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    return FltCreateFileEx(p->filter, instance, handle, file, GENERIC_READ | GENERIC_WRITE | SYNCHRONIZE, &attributes, &iosb,
                           NULL, FILE_ATTRIBUTE_NORMAL, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, FILE_OPEN_IF,
                           FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0, 0);
}

static void targeted_create(void **state)
{
    HANDLE handle;
    PFILE_OBJECT file;
    LARGE_INTEGER offset = {.QuadPart = 0};
    char text[16] = "from B";
    ULONG done;

    load_all();
    assert_int_equal(create_from(B, B->instance, "\\Device\\HarddiskVolume1\\t", &handle, &file), STATUS_SUCCESS);
    assert_string_equal(noted(), "C>create C<create");
    assert_int_equal(FltWriteFile(B->instance, file, &offset, 6, text, 0, &done, NULL, NULL), STATUS_SUCCESS);
    assert_int_equal(done, 6);
    assert_non_null(strstr(noted(), "C>write"));
    memset(text, 0, sizeof text);
    assert_int_equal(FltReadFile(B->instance, file, &offset, sizeof text, text, 0, &done, NULL, NULL), STATUS_SUCCESS);
    assert_int_equal(done, 6);
    assert_string_equal(text, "from B");
    assert_int_equal(file->CurrentByteOffset.QuadPart, 6);
    assert_int_equal(FltReadFile(B->instance, file, &offset, sizeof text, text, FLTFL_IO_OPERATION_DO_NOT_UPDATE_BYTE_OFFSET,
                                 &done, NULL, NULL),
                     STATUS_SUCCESS);
    assert_int_equal(file->CurrentByteOffset.QuadPart, 6);
    noted();
    ObDereferenceObject(file);
    assert_int_equal(FltClose(handle), STATUS_SUCCESS);
    const char *closing = noted(); /* nor does anybody above see the end of what they did not see opened */
    assert_non_null(strstr(closing, "C>cleanup"));
    assert_null(strstr(closing, "A>"));
    assert_null(strstr(closing, "B>"));
}

static void create_for_everybody(void **state)
{
    HANDLE handle;
    load_all();
    assert_int_equal(create_from(B, NULL, "\\??\\C:\\all", &handle, NULL), STATUS_SUCCESS);
    assert_string_equal(noted(), "A>create B>create C>create C<create B<create A<create");
    assert_int_equal(FltClose(handle), STATUS_SUCCESS);
}

static FLT_PREOP_CALLBACK_STATUS open_again(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                            PVOID *context)
{
    HANDLE handle;
    if (data->Iopb->MajorFunction == IRP_MJ_CREATE &&
        NT_SUCCESS(create_from(p, p->setup_status ? objects->Instance : NULL, "\\??\\C:\\again", &handle, NULL)))
        FltClose(handle);
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static void endless_creates(void **state)
{
    HANDLE file;
    load(A);
    A->pre = open_again;
    fltsim_expect("create-recursion");
    assert_int_equal(fltsim_open("C:\\x", NULL, &file), STATUS_OBJECT_NAME_NOT_FOUND);
}

/* ---- a callback that reads the file it is asked about ---- */

static char scanned[32];

static FLT_POSTOP_CALLBACK_STATUS scan(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                       PVOID context, FLT_POST_OPERATION_FLAGS flags)
{
    LARGE_INTEGER offset = {.QuadPart = 0};
    ULONG done;
    if (data->Iopb->MajorFunction != IRP_MJ_CREATE || !NT_SUCCESS(data->IoStatus.Status))
        return FLT_POSTOP_FINISHED_PROCESSING;
    memset(scanned, 0, sizeof scanned);
    if (!NT_SUCCESS(FltReadFile(objects->Instance, objects->FileObject, &offset, sizeof scanned - 1, scanned,
                                FLTFL_IO_OPERATION_DO_NOT_UPDATE_BYTE_OFFSET, &done, NULL, NULL)))
        return FLT_POSTOP_FINISHED_PROCESSING;
    if (strstr(scanned, "virus")) {
        FltCancelFileOpen(objects->Instance, objects->FileObject);
        data->IoStatus.Status = STATUS_VIRUS_INFECTED;
        data->IoStatus.Information = 0;
    }
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static void put(const char *path, const char *text)
{
    HANDLE file = open_file(path);
    assert_int_equal(fltsim_write(file, text, strlen(text), 0, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_close(file), STATUS_SUCCESS);
}

static void scanner(void **state)
{
    HANDLE file;
    put("C:\\good", "fine");
    put("C:\\bad", "a virus");
    load_all();
    B->post = scan;
    assert_int_equal(fltsim_open("C:\\good", NULL, &file), STATUS_SUCCESS);
    assert_string_equal(scanned, "fine");
    assert_int_equal(fltsim_close(file), STATUS_SUCCESS);
    noted();
    assert_int_equal(fltsim_open("C:\\bad", NULL, &file), STATUS_VIRUS_INFECTED);
    assert_string_equal(noted(), "A>create B>create C>create C<create B<create C>read C<read C>cleanup A<create");
    B->post = NULL;
    assert_int_equal(fltsim_delete("C:\\bad"), STATUS_SUCCESS); /* nobody has it open */
}

static FLT_POSTOP_CALLBACK_STATUS write_and_cancel(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                                   PVOID context, FLT_POST_OPERATION_FLAGS flags)
{
    LARGE_INTEGER offset = {.QuadPart = 0};
    if (data->Iopb->MajorFunction != IRP_MJ_CREATE || !NT_SUCCESS(data->IoStatus.Status))
        return FLT_POSTOP_FINISHED_PROCESSING;
    assert_int_equal(FltWriteFile(objects->Instance, objects->FileObject, &offset, 4, "mark",
                                  FLTFL_IO_OPERATION_DO_NOT_UPDATE_BYTE_OFFSET, NULL, NULL, NULL),
                     STATUS_SUCCESS);
    FltCancelFileOpen(objects->Instance, objects->FileObject);
    data->IoStatus.Status = STATUS_ACCESS_DENIED;
    data->IoStatus.Information = 0;
    return FLT_POSTOP_FINISHED_PROCESSING;
}

/* The lazy writer comes later, when the file object of the open is no file's any more. Others: they have it open, or not. */
static void write_through_a_cancelled_open(bool others)
{
    struct fltsim_open all = {.access = GENERIC_READ | GENERIC_WRITE};
    HANDLE file, other = NULL;
    char text[8] = {0};
    put("C:\\marked", "some text");
    load_all();
    if (others) {
        assert_int_equal(fltsim_open("C:\\marked", &all, &other), STATUS_SUCCESS);
        assert_int_equal(fltsim_read(other, text, 4, 0, NULL), STATUS_SUCCESS);
    }
    B->post = write_and_cancel;
    assert_int_equal(fltsim_open("C:\\marked", &all, &file), STATUS_ACCESS_DENIED);
    B->post = NULL;
    fltsim_sleep(5000);
    if (!others)
        assert_int_equal(fltsim_open("C:\\marked", &all, &other), STATUS_SUCCESS);
    assert_int_equal(fltsim_read(other, text, 4, 0, NULL), STATUS_SUCCESS);
    assert_string_equal(text, "mark");
    assert_int_equal(fltsim_close(other), STATUS_SUCCESS);
}

static void what_a_cancelled_open_wrote_stays_written(void **state) { write_through_a_cancelled_open(false); }
static void what_a_cancelled_open_wrote_stays_written_where_others_read(void **state) { write_through_a_cancelled_open(true); }

/* ---- reissuing ---- */

static FLT_POSTOP_CALLBACK_STATUS retry(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                        PVOID context, FLT_POST_OPERATION_FLAGS flags)
{
    if (data->Iopb->MajorFunction == IRP_MJ_CREATE && data->IoStatus.Status == STATUS_OBJECT_NAME_NOT_FOUND) {
        data->Iopb->Parameters.Create.Options =
            (data->Iopb->Parameters.Create.Options & 0x00ffffff) | ((ULONG)FILE_OPEN_IF << 24);
        FltSetCallbackDataDirty(data);
        FltReissueSynchronousIo(objects->Instance, data);
    }
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static void reissued_create(void **state)
{
    HANDLE file;
    load_all();
    B->post = retry;
    assert_int_equal(fltsim_open("C:\\missing", NULL, &file), STATUS_SUCCESS);
    assert_string_equal(noted(), "A>create B>create C>create C<create B<create C>create C<create A<create");
    assert_int_equal(fltsim_close(file), STATUS_SUCCESS);
}

/* ---- callback data of one's own ---- */

static void performing(void **state)
{
    HANDLE handle;
    PFILE_OBJECT file;
    PFLT_CALLBACK_DATA data;
    FILE_STANDARD_INFORMATION info;

    load_all();
    assert_int_equal(create_from(A, A->instance, "\\??\\C:\\own", &handle, &file), STATUS_SUCCESS);
    assert_int_equal(FltAllocateCallbackData(B->instance, file, &data), STATUS_SUCCESS);
    assert_true(FLT_IS_IRP_OPERATION(data));
    assert_int_equal(data->Flags & FLTFL_CALLBACK_DATA_GENERATED_IO, FLTFL_CALLBACK_DATA_GENERATED_IO);
    for (int i = 0; i < 2; i++) {
        data->Iopb->MajorFunction = IRP_MJ_QUERY_INFORMATION;
        data->Iopb->IrpFlags = IRP_BUFFERED_IO | IRP_SYNCHRONOUS_API;
        data->Iopb->Parameters.QueryFileInformation.Length = sizeof info;
        data->Iopb->Parameters.QueryFileInformation.FileInformationClass = FileStandardInformation;
        data->Iopb->Parameters.QueryFileInformation.InfoBuffer = &info;
        FltPerformSynchronousIo(data);
        assert_int_equal(data->IoStatus.Status, STATUS_SUCCESS);
        assert_int_equal(data->IoStatus.Information, sizeof info);
        assert_false(info.Directory);
        FltReuseCallbackData(data);
    }
    FltFreeCallbackData(data);
    BOOLEAN directory;
    assert_int_equal(FltIsDirectory(file, B->instance, &directory), STATUS_SUCCESS);
    assert_false(directory);
    ObDereferenceObject(file);
    FltClose(handle);
}

static volatile LONG called;

static VOID completed(PFLT_CALLBACK_DATA data, PFLT_CONTEXT context)
{
    assert_int_equal(data->IoStatus.Status, STATUS_SUCCESS);
    assert_int_equal(data->IoStatus.Information, 5);
    called++;
    KeSetEvent(context, IO_NO_INCREMENT, FALSE);
}

static VOID completed_and_freed(PFLT_CALLBACK_DATA data, PFLT_CONTEXT context)
{
    completed(data, context);
    FltFreeCallbackData(data);
}

static void asynchronous(void **state)
{
    HANDLE handle;
    PFILE_OBJECT file;
    PFLT_CALLBACK_DATA data;
    KEVENT event;
    LARGE_INTEGER offset = {.QuadPart = 0};
    char text[8];

    put("C:\\async", "hello");
    load_all();
    called = 0;
    KeInitializeEvent(&event, SynchronizationEvent, FALSE);
    assert_int_equal(create_from(A, A->instance, "\\??\\C:\\async", &handle, &file), STATUS_SUCCESS);
    NTSTATUS status = FltReadFile(B->instance, file, &offset, sizeof text, text, 0, NULL, completed, &event);
    assert_true(status == STATUS_SUCCESS || status == STATUS_PENDING);
    KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    assert_int_equal(FltAllocateCallbackData(B->instance, file, &data), STATUS_SUCCESS);
    data->Iopb->MajorFunction = IRP_MJ_READ;
    data->Iopb->Parameters.Read.Length = sizeof text;
    data->Iopb->Parameters.Read.ReadBuffer = text;
    status = FltPerformAsynchronousIo(data, completed_and_freed, &event);
    assert_true(status == STATUS_SUCCESS || status == STATUS_PENDING);
    KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    assert_int_equal(called, 2);
    assert_int_equal(FltAllocateCallbackData(B->instance, file, &data), STATUS_SUCCESS);
    data->Iopb->MajorFunction = IRP_MJ_CREATE;
    data->IoStatus.Information = 5;
    FltFreeCallbackData(data);
    ObDereferenceObject(file);
    FltClose(handle);
}

static void leaked_callback_data(void **state)
{
    PFLT_CALLBACK_DATA data;
    load(A);
    assert_int_equal(FltAllocateCallbackData(A->instance, NULL, &data), STATUS_SUCCESS);
    PFLT_INSTANCE instance = A->instance;
    FltObjectReference(instance);
    fltsim_expect("callback-data-leak");
    fltsim_expect("instance-reference-leak");
    assert_int_equal(probe_unload(A), STATUS_SUCCESS);
    FltpOpFromData(data)->Flags &= ~(ULONG)FLTP_OP_ALLOCATED;
    FltpFreeGenerated(FltpOpFromData(data));
}

/* ---- another volume ---- */

static PFLT_INSTANCE here, there;
static PFILE_OBJECT there_file;

static FLT_PREOP_CALLBACK_STATUS redirect(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                          PVOID *context)
{
    if (data->Iopb->MajorFunction != IRP_MJ_READ || objects->Instance != here)
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    data->Iopb->TargetInstance = there;
    data->Iopb->TargetFileObject = there_file;
    FltSetCallbackDataDirty(data);
    return FLT_PREOP_SUCCESS_WITH_CALLBACK;
}

static FLT_POSTOP_CALLBACK_STATUS redirected(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                             PVOID context, FLT_POST_OPERATION_FLAGS flags)
{
    assert_ptr_equal(objects->Instance, here);
    assert_ptr_not_equal(objects->FileObject, there_file);
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static void redirection(void **state)
{
    struct fltsim_volume *second;
    HANDLE handle;
    char text[8] = {0};
    BOOLEAN allowed;

    put("C:\\x", "here");
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'D'}, &second), STATUS_SUCCESS);
    put("D:\\y", "there");
    load(A);
    load(B);
    PFLT_VOLUME on_c = FltpVolumeFromDevice(fltsim_volume_device(volume));
    PFLT_VOLUME on_d = FltpVolumeFromDevice(fltsim_volume_device(second));
    assert_int_equal(FltGetVolumeInstanceFromName(A->filter, on_c, NULL, &here), STATUS_SUCCESS);
    assert_int_equal(FltGetVolumeInstanceFromName(A->filter, on_d, NULL, &there), STATUS_SUCCESS);
    assert_int_equal(FltIsIoRedirectionAllowed(here, there, &allowed), STATUS_SUCCESS);
    assert_true(allowed);
    assert_int_equal(FltIsIoRedirectionAllowed(here, B->instance, &allowed), STATUS_SUCCESS);
    assert_false(allowed);
    assert_int_equal(create_from(A, there, "\\??\\D:\\y", &handle, &there_file), STATUS_SUCCESS);
    A->pre = redirect;
    A->post = redirected;
    HANDLE file = open_file("C:\\x");
    noted();
    assert_int_equal(fltsim_read(file, text, sizeof text, 0, NULL), STATUS_SUCCESS);
    assert_string_equal(text, "there");
    const char *seen = noted();
    assert_non_null(strstr(seen, "B>read B<read A<read"));
    A->pre = NULL;
    A->post = NULL;
    assert_int_equal(fltsim_close(file), STATUS_SUCCESS);
    ObDereferenceObject(there_file);
    FltClose(handle);
    FltObjectDereference(here);
    FltObjectDereference(there);
    noted();
}

/* ---- the volume ---- */

static void volume_properties(void **state)
{
    union {
        FLT_VOLUME_PROPERTIES properties;
        UCHAR bytes[512];
    } v;
    ULONG length;
    WCHAR buffer[64];
    UNICODE_STRING name = {.Buffer = buffer, .MaximumLength = sizeof buffer};
    IO_STATUS_BLOCK iosb;
    FILE_FS_SIZE_INFORMATION size;
    BOOLEAN writable;
    PDEVICE_OBJECT disk;

    load(A);
    PFLT_VOLUME on = A->instance->Volume;
    assert_int_equal(FltGetVolumeProperties(on, NULL, 0, &length), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(FltGetVolumeProperties(on, &v.properties, sizeof v, &length), STATUS_SUCCESS);
    assert_int_equal(v.properties.DeviceType, FILE_DEVICE_DISK_FILE_SYSTEM);
    assert_true(v.properties.SectorSize >= 512);
    assert_int_equal(FltGetVolumeProperties(on, &v.properties, sizeof v.properties, &length), STATUS_BUFFER_OVERFLOW);
    assert_int_equal(FltGetVolumeName(on, NULL, &length), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(FltGetVolumeName(on, &name, NULL), STATUS_SUCCESS);
    assert_int_equal(name.Length, 2 * strlen("\\Device\\HarddiskVolume1"));
    assert_int_equal(FltQueryVolumeInformation(A->instance, &iosb, &size, sizeof size, FileFsSizeInformation), STATUS_SUCCESS);
    assert_true(size.BytesPerSector >= 512);
    assert_int_equal(FltIsVolumeWritable(on, &writable), STATUS_SUCCESS);
    assert_true(writable);
    assert_int_equal(FltGetDiskDeviceObject(on, &disk), STATUS_SUCCESS);
    ObDereferenceObject(disk);
    noted();
}

/* ---- mapping ---- */

static void mapped_file(void **state)
{
    struct fltsim_view view;
    put("C:\\map", "mapped text");
    load_all();
    HANDLE file = open_file("C:\\map");
    noted();
    assert_int_equal(fltsim_map(file, false, 0, &view), STATUS_SUCCESS);
    assert_non_null(strstr(noted(), "A>IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION B>IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION "
                                    "C>IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION"));
    assert_memory_equal(view.base, "mapped text", 11);
    assert_int_equal(fltsim_unmap(&view), STATUS_SUCCESS);
    assert_int_equal(fltsim_close(file), STATUS_SUCCESS);
    noted();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_file),        CASE(filters_attach_to_a_new_volume),
        CASE(targeted_create), CASE(create_for_everybody),
        CASE(endless_creates), CASE(scanner),
        CASE(reissued_create),
        CASE(performing),      CASE(asynchronous),
        CASE(leaked_callback_data), CASE(volume_properties), CASE(redirection),
        CASE(mapped_file),
        CASE(what_a_cancelled_open_wrote_stays_written),
        CASE(what_a_cancelled_open_wrote_stays_written_where_others_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
