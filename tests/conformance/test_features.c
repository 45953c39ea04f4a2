/* What minifilters say they support (SupportedFeatures), copies by token that depend on it, and bypass I/O: "BypassIO for filter
 * drivers", "Supporting BypassIO operations", FsRtlGetSupportedFeatures, "Offloaded Data Transfers". */
#include "files.h"

#include <fltUserStructures.h>

/* ---- the filter: its name decides what the registry says ---- */

static PFLT_FILTER filter;
static LONG reads;
static NTSTATUS veto;

static FLT_PREOP_CALLBACK_STATUS FLTAPI see_read(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    reads++;
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static FLT_PREOP_CALLBACK_STATUS FLTAPI see_control(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    if (data->Iopb->Parameters.FileSystemControl.Common.FsControlCode != FSCTL_MANAGE_BYPASS_IO || NT_SUCCESS(veto) ||
        !NT_SUCCESS(FltVetoBypassIo(data, objects, veto, text(L"because"))))
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    data->IoStatus.Status = STATUS_SUCCESS;
    return FLT_PREOP_COMPLETE;
}

static NTSTATUS FLTAPI unload(FLT_FILTER_UNLOAD_FLAGS flags)
{
    FltUnregisterFilter(filter);
    return STATUS_SUCCESS;
}

static ULONG features;  /* what the service's key says */
static bool beneath;    /* under Parameters */
static bool withReads;

static void say_features(PUNICODE_STRING path)
{
    HANDLE service, key;
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, path, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    succeeds(ZwOpenKey(&service, KEY_ALL_ACCESS, &attributes));
    InitializeObjectAttributes(&attributes, text(L"Parameters"), OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, service, NULL);
    succeeds(ZwCreateKey(&key, KEY_ALL_ACCESS, &attributes, 0, NULL, 0, NULL));
    succeeds(ZwSetValueKey(beneath ? key : service, text(L"SupportedFeatures"), 0, REG_DWORD, &features, sizeof features));
    succeeds(ZwClose(key));
    succeeds(ZwClose(service));
}

static NTSTATUS entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    static const FLT_OPERATION_REGISTRATION all[] = {
        {IRP_MJ_READ, 0, see_read, NULL, NULL}, {IRP_MJ_FILE_SYSTEM_CONTROL, 0, see_control, NULL, NULL}, {IRP_MJ_OPERATION_END}};
    const FLT_REGISTRATION registration = {.Size = sizeof registration,
                                           .Version = FLT_REGISTRATION_VERSION,
                                           .OperationRegistration = withReads ? all : all + 1,
                                           .FilterUnloadCallback = unload};
    say_features(path);
    NTSTATUS status = FltRegisterFilter(driver, &registration, &filter);
    return NT_SUCCESS(status) ? FltStartFiltering(filter) : status;
}

static struct fltsim_driver *load(ULONG supported, bool parameters, bool with_reads)
{
    struct fltsim_driver *driver;
    features = supported;
    beneath = parameters;
    withReads = with_reads;
    reads = 0;
    veto = STATUS_SUCCESS;
    succeeds(fltsim_load(&(struct fltsim_driver_options){.name = "mine", .entry = entry, .altitude = "370030"}, &driver));
    return driver;
}

static HANDLE file;
static PFILE_OBJECT object;

static void set(void)
{
    static UCHAR pages[2 * PAGE_SIZE];
    LARGE_INTEGER start = {.QuadPart = 0};
    struct fltsim_volume *volume;
    differences = 0;
    succeeds(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C'}, &volume));
    /* A program's handle: none of the driver's, which comes and goes. */
    succeeds(fltsim_open("C:\\f", &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_CREATE,
                                                        .options = FILE_NO_INTERMEDIATE_BUFFERING}, &file));
    succeeds(ZwWriteFile(file, NULL, NULL, NULL, &iosb, pages, sizeof pages, &start, NULL));
    succeeds(ObReferenceObjectByHandle(file, 0, *IoFileObjectType, KernelMode, (PVOID *)&object, NULL));
}

static void done(void)
{
    ObDereferenceObject(object);
    succeeds(fltsim_close(file));
    assert_int_equal(differences, 0);
}

static ULONG supported(void)
{
    ULONG all = 0;
    succeeds(FsRtlGetSupportedFeatures(IoGetRelatedDeviceObject(object), &all));
    return all;
}

/* ---- SupportedFeatures ---- */

static void a_volume_supports_what_all_its_filters_do(void)
{
    static const struct {
        const char *what;
        ULONG says;
        bool parameters, reads;
        ULONG supported;
    } rows[] = {
        {"all", 0xF, false, true, 0xF},
        {"all, under Parameters", 0xF, true, true, 0xF},
        {"tokens", 3, false, true, 3},
        {"nothing", 0, false, true, 0},
        {"nothing, and sees no reads", 0, false, false, SUPPORTED_FS_FEATURES_BYPASS_IO},
    };
    INSTANCE_AGGREGATE_STANDARD_INFORMATION *info;
    UCHAR buffer[512];
    ULONG length;
    set();
    differ_number(99, "no filter", supported(), 0xF);
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        struct fltsim_driver *driver = load(rows[i].says, rows[i].parameters, rows[i].reads);
        differ_number(i, rows[i].what, supported(), rows[i].supported);
        succeeds(FltEnumerateInstanceInformationByFilter(filter, 0, InstanceAggregateStandardInformation, buffer, sizeof buffer,
                                                         &length));
        info = (PVOID)buffer;
        differ_number(i, "the instance's", info->Type.MiniFilter.SupportedFeatures, rows[i].supported);
        succeeds(fltsim_unload(driver));
    }
    answers(STATUS_FLT_INTERNAL_ERROR, FsRtlGetSupportedFeatures(object->DeviceObject, &length));
    PDEVICE_OBJECT device;
    struct fltsim_driver *driver = load(0, false, true);
    succeeds(IoCreateDevice(fltsim_driver_object(driver), 0, NULL, FILE_DEVICE_DISK_FILE_SYSTEM, 0, FALSE, &device));
    answers(STATUS_FLT_VOLUME_NOT_FOUND, FsRtlGetSupportedFeatures(device, &length));
    IoDeleteDevice(device);
    succeeds(fltsim_unload(driver));
    done();
}

static void nobody_supports_anything_when_that_is_off(void)
{
    HANDLE key;
    ULONG mode = 1;
    OBJECT_ATTRIBUTES *attributes = named(L"\\Registry\\Machine\\System\\CurrentControlSet\\Control\\FileSystem");
    set();
    succeeds(ZwCreateKey(&key, KEY_ALL_ACCESS, attributes, 0, NULL, REG_OPTION_VOLATILE, NULL));
    succeeds(ZwSetValueKey(key, text(L"FilterSupportedFeaturesMode"), 0, REG_DWORD, &mode, sizeof mode));
    struct fltsim_driver *driver = load(3, false, true);
    differ_number(0, "tokens", supported(), 0);
    succeeds(ZwDeleteKey(key));
    succeeds(ZwClose(key));
    succeeds(fltsim_unload(driver));
    done();
}

static NTSTATUS copy_by_token(ULONG code)
{
    union {
        FSCTL_OFFLOAD_READ_INPUT read;
        FSCTL_OFFLOAD_WRITE_INPUT write;
    } in = {.read = {.Size = sizeof in.read, .CopyLength = PAGE_SIZE}};
    FSCTL_OFFLOAD_READ_OUTPUT out;
    return ZwFsControlFile(file, NULL, NULL, NULL, &iosb, code, &in, code == FSCTL_OFFLOAD_READ ? sizeof in.read : sizeof in.write,
                           &out, sizeof out);
}

static void tokens_are_for_those_that_understand_them(void)
{
    static const struct {
        ULONG says;
        NTSTATUS read, write; /* the write's own status: its size is wrong */
    } rows[] = {
        {SUPPORTED_FS_FEATURES_OFFLOAD_READ, STATUS_SUCCESS, STATUS_OFFLOAD_WRITE_FLT_NOT_SUPPORTED},
        {SUPPORTED_FS_FEATURES_OFFLOAD_WRITE, STATUS_OFFLOAD_READ_FLT_NOT_SUPPORTED, STATUS_INVALID_PARAMETER},
        {0, STATUS_OFFLOAD_READ_FLT_NOT_SUPPORTED, STATUS_OFFLOAD_WRITE_FLT_NOT_SUPPORTED},
    };
    set();
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        struct fltsim_driver *driver = load(rows[i].says, false, true);
        differ(i, "read", copy_by_token(FSCTL_OFFLOAD_READ), rows[i].read);
        differ(i, "write", copy_by_token(FSCTL_OFFLOAD_WRITE), rows[i].write);
        succeeds(fltsim_unload(driver));
    }
    done();
}

/* ---- bypass I/O ---- */

static FS_BPIO_OUTPUT out;

static NTSTATUS manage(HANDLE handle, FS_BPIO_OPERATIONS operation)
{
    FS_BPIO_INPUT in = {.Operation = operation};
    memset(&out, 0xCC, sizeof out);
    NTSTATUS status = ZwFsControlFile(handle, NULL, NULL, NULL, &iosb, FSCTL_MANAGE_BYPASS_IO, &in, sizeof in, &out, sizeof out);
    if (NT_SUCCESS(status)) {
        assert_int_equal(iosb.Information, sizeof out);
        assert_int_equal(out.Operation, operation);
    }
    return status;
}

/* The filter sees a noncached read of the file, or not. */
static bool read_is_seen(void)
{
    static UCHAR page[PAGE_SIZE];
    LARGE_INTEGER start = {.QuadPart = 0};
    LONG before = reads;
    succeeds(ZwReadFile(file, NULL, NULL, NULL, &iosb, page, sizeof page, &start, NULL));
    assert_int_equal(iosb.Information, sizeof page);
    return reads != before;
}

static void reads_go_past_filters_that_do_not_mind(void)
{
    set();
    struct fltsim_driver *driver = load(SUPPORTED_FS_FEATURES_BYPASS_IO, true, true);
    assert_true(read_is_seen());
    succeeds(manage(file, FS_BPIO_OP_QUERY));
    succeeds(out.Query.OpStatus);
    assert_int_equal(FsRtlGetBypassIoOpenCount(object), 0);
    assert_true(read_is_seen());
    for (int i = 0; i < 2; i++) {
        succeeds(manage(file, FS_BPIO_OP_ENABLE)); /* the second one changes nothing */
        succeeds(out.Enable.OpStatus);
        assert_int_equal(FsRtlGetBypassIoOpenCount(object), 1);
        assert_true(object->Flags & FO_BYPASS_IO_ENABLED);
        assert_false(read_is_seen());
    }
    succeeds(manage(file, FS_BPIO_OP_GET_INFO));
    assert_int_equal(out.GetInfo.ActiveBypassIoCount, 1);
    assert_int_equal(out.OutFlags, FSBPIO_OUTFL_None);
    succeeds(manage(file, FS_BPIO_OP_STREAM_PAUSE));
    assert_int_equal(out.OutFlags, FSBPIO_OUTFL_STREAM_BYPASS_PAUSED);
    assert_true(read_is_seen());
    veto = STATUS_NOT_SUPPORTED_WITH_ENCRYPTION; /* a filter still keeps it off */
    succeeds(manage(file, FS_BPIO_OP_STREAM_RESUME));
    answers(veto, out.StreamResume.OpStatus);
    assert_memory_equal(out.StreamResume.FailingDriverName, L"mine.sys", 8 * sizeof(WCHAR));
    assert_true(read_is_seen());
    veto = STATUS_SUCCESS;
    succeeds(manage(file, FS_BPIO_OP_STREAM_RESUME));
    succeeds(out.StreamResume.OpStatus);
    assert_false(read_is_seen());
    succeeds(manage(file, FS_BPIO_OP_VOLUME_STACK_PAUSE)); /* that is the disk's business */
    assert_int_equal(out.OutFlags, FSBPIO_OUTFL_VOLUME_STACK_BYPASS_PAUSED);
    assert_false(read_is_seen());
    succeeds(manage(file, FS_BPIO_OP_VOLUME_STACK_RESUME));
    assert_int_equal(out.OutFlags, FSBPIO_OUTFL_None);
    succeeds(manage(file, FS_BPIO_OP_DISABLE));
    assert_int_equal(FsRtlGetBypassIoOpenCount(object), 0);
    assert_true(read_is_seen());
    succeeds(manage(file, FS_BPIO_OP_DISABLE));
    succeeds(fltsim_unload(driver));
    done();
}

static void what_makes_reads_stale_leads_them_the_old_way(void)
{
    HANDLE cached;
    UCHAR byte;
    LARGE_INTEGER start = {.QuadPart = 0};
    USHORT format = COMPRESSION_FORMAT_DEFAULT;
    FILE_SET_SPARSE_BUFFER sparse = {TRUE};
    set();
    struct fltsim_driver *driver = load(SUPPORTED_FS_FEATURES_BYPASS_IO, false, true);
    succeeds(manage(file, FS_BPIO_OP_ENABLE));
    assert_false(read_is_seen());
    succeeds(create(FILE_ON_C("f"), GENERIC_READ, 0, ALL_SHARED, FILE_OPEN, 0, &cached));
    succeeds(ZwReadFile(cached, NULL, NULL, NULL, &iosb, &byte, 1, &start, NULL));
    assert_true(read_is_seen());
    succeeds(ZwClose(cached));
    answers(STATUS_NOT_SUPPORTED_WITH_BYPASSIO,
            ZwFsControlFile(file, NULL, NULL, NULL, &iosb, FSCTL_SET_COMPRESSION, &format, sizeof format, NULL, 0));
    succeeds(ZwFsControlFile(file, NULL, NULL, NULL, &iosb, FSCTL_SET_SPARSE, &sparse, sizeof sparse, NULL, 0));
    assert_true(read_is_seen());
    succeeds(fltsim_unload(driver));
    done();
}

static void a_filter_that_does_not_opt_in_keeps_it_off(void)
{
    set();
    succeeds(manage(file, FS_BPIO_OP_ENABLE));
    succeeds(out.Enable.OpStatus);
    struct fltsim_driver *driver = load(SUPPORTED_FS_FEATURES_OFFLOAD_READ, false, true);
    assert_true(read_is_seen()); /* from then on, although it is enabled */
    succeeds(manage(file, FS_BPIO_OP_GET_INFO));
    assert_int_equal(out.OutFlags, FSBPIO_OUTFL_FILTER_ATTACH_BLOCKED);
    for (int i = 0; i < 2; i++) {
        succeeds(manage(file, i ? FS_BPIO_OP_QUERY : FS_BPIO_OP_ENABLE));
        answers(STATUS_BYPASSIO_FLT_NOT_SUPPORTED, out.Query.OpStatus);
        assert_int_equal(out.Query.FailingDriverNameLen, 8);
        assert_memory_equal(out.Query.FailingDriverName, L"mine.sys", 8 * sizeof(WCHAR));
        assert_true(out.Query.FailureReasonLen > 0);
    }
    succeeds(fltsim_unload(driver));
    driver = load(0, false, false); /* who sees no reads does not mind */
    succeeds(manage(file, FS_BPIO_OP_QUERY));
    succeeds(out.Query.OpStatus);
    succeeds(fltsim_unload(driver));
    done();
}

static void some_files_are_refused(void)
{
    HANDLE folder, volume, compressed;
    USHORT format = COMPRESSION_FORMAT_DEFAULT;
    FS_BPIO_INPUT in = {.Operation = FS_BPIO_OP_QUERY};
    set();
    succeeds(create(L"\\??\\C:\\", GENERIC_READ, 0, ALL_SHARED, FILE_OPEN, FILE_DIRECTORY_FILE, &folder));
    succeeds(create(L"\\??\\C:", GENERIC_READ, 0, ALL_SHARED, FILE_OPEN, 0, &volume));
    compressed = make(FILE_ON_C("small"), 0, false);
    succeeds(ZwFsControlFile(compressed, NULL, NULL, NULL, &iosb, FSCTL_SET_COMPRESSION, &format, sizeof format, NULL, 0));
    const struct {
        HANDLE handle;
        NTSTATUS enable, query;
    } rows[] = {
        {folder, STATUS_FILE_NOT_SUPPORTED, STATUS_SUCCESS},
        {volume, STATUS_VOLUME_NOT_SUPPORTED, STATUS_SUCCESS},
        {compressed, STATUS_NOT_SUPPORTED_WITH_COMPRESSION, STATUS_NOT_SUPPORTED_WITH_COMPRESSION},
    };
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        succeeds(manage(rows[i].handle, FS_BPIO_OP_ENABLE));
        differ(i, "enable", out.Enable.OpStatus, rows[i].enable);
        assert_memory_equal(out.Enable.FailingDriverName, L"ntfs.sys", 8 * sizeof(WCHAR));
        succeeds(manage(rows[i].handle, FS_BPIO_OP_QUERY));
        differ(i, "query", out.Query.OpStatus, rows[i].query);
        succeeds(ZwClose(rows[i].handle));
    }
    answers(STATUS_INVALID_PARAMETER, manage(file, FS_BPIO_OP_MAX_OPERATION));
    answers(STATUS_INVALID_BUFFER_SIZE,
            ZwFsControlFile(file, NULL, NULL, NULL, &iosb, FSCTL_MANAGE_BYPASS_IO, &in, sizeof in - 1, &out, sizeof out));
    answers(STATUS_BUFFER_TOO_SMALL,
            ZwFsControlFile(file, NULL, NULL, NULL, &iosb, FSCTL_MANAGE_BYPASS_IO, &in, sizeof in, &out, sizeof out - 1));
    done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_volume_supports_what_all_its_filters_do),
        fltsim_unit_test(nobody_supports_anything_when_that_is_off),
        fltsim_unit_test(tokens_are_for_those_that_understand_them),
        fltsim_unit_test(reads_go_past_filters_that_do_not_mind),
        fltsim_unit_test(what_makes_reads_stale_leads_them_the_old_way),
        fltsim_unit_test(a_filter_that_does_not_opt_in_keeps_it_off),
        fltsim_unit_test(some_files_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
