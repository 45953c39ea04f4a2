/* Cluster shared volumes as a minifilter sees them: which file system that is, the revisions of files, the volume beneath. */
#include <initguid.h>

#include "stage.h"

#include <ntdddisk.h>

static FLT_FILESYSTEM_TYPE type_of_stage(void)
{
    FLT_FILESYSTEM_TYPE type = FLT_FSTYPE_UNKNOWN;
    succeeds(FltGetFileSystemType(stage.fltVolume, &type));
    return type;
}

static void set_stage(enum fltsim_volume_kind kind)
{
    stage_mount(kind);
    stage_load();
    assert_non_null(stage.instance);
}

static void the_file_system_has_a_type_and_a_name_of_its_own(void)
{
    union {
        FILE_FS_ATTRIBUTE_INFORMATION info;
        UCHAR bytes[128];
    } name;
    FILE_FS_DEVICE_INFORMATION device;
    set_stage(FLTSIM_CSVFS);
    assert_int_equal(type_of_stage(), FLT_FSTYPE_CSVFS);
    HANDLE handle = stage_open("C:\\f");
    succeeds(fltsim_query_volume(handle, FileFsAttributeInformation, &name, sizeof name));
    assert_int_equal(name.info.FileSystemNameLength, 10);
    assert_memory_equal(name.info.FileSystemName, L"CSVFS", 10);
    assert_true(name.info.FileSystemAttributes & FILE_NAMED_STREAMS);
    succeeds(fltsim_query_volume(handle, FileFsDeviceInformation, &device, sizeof device));
    assert_true(device.Characteristics & FILE_CHARACTERISTIC_CSV);
    succeeds(fltsim_fsctl(handle, FSCTL_IS_FILE_ON_CSV_VOLUME, NULL, 0, NULL, 0, NULL));
    fltsim_close(handle);
}

static void other_file_systems_know_nothing_of_clusters(void)
{
    CSV_CONTROL_PARAM ask = {.Operation = CsvControlQueryFileRevision};
    CSV_QUERY_FILE_REVISION revision;
    FILE_FS_DEVICE_INFORMATION device;
    set_stage(FLTSIM_NTFS);
    assert_int_equal(type_of_stage(), FLT_FSTYPE_NTFS);
    HANDLE handle = stage_open("C:\\f");
    answers(STATUS_INVALID_DEVICE_REQUEST,
            fltsim_fsctl(handle, FSCTL_CSV_CONTROL, &ask, sizeof ask, &revision, sizeof revision, NULL));
    answers(STATUS_INVALID_DEVICE_REQUEST, fltsim_fsctl(handle, FSCTL_IS_FILE_ON_CSV_VOLUME, NULL, 0, NULL, 0, NULL));
    succeeds(fltsim_query_volume(handle, FileFsDeviceInformation, &device, sizeof device));
    assert_false(device.Characteristics & FILE_CHARACTERISTIC_CSV);
    fltsim_close(handle);
}

/* ---- revisions ---- */

static CSV_QUERY_FILE_REVISION revision_by_code(HANDLE handle)
{
    CSV_CONTROL_PARAM ask = {.Operation = CsvControlQueryFileRevision};
    CSV_QUERY_FILE_REVISION revision;
    ULONG done;
    succeeds(FltFsControlFile(stage.instance, stage_file(handle), FSCTL_CSV_CONTROL, &ask, sizeof ask, &revision,
                              sizeof revision, &done));
    assert_int_equal(done, sizeof revision);
    return revision;
}

static void a_revision_grows_as_the_file_changes(void)
{
    static char block[8192];
    set_stage(FLTSIM_CSVFS);
    HANDLE handle = stage_open("C:\\f"), other = stage_open("C:\\g");
    CSV_QUERY_FILE_REVISION first = revision_by_code(handle), others = revision_by_code(other), next;
    assert_true(first.FileRevision[0] > 0 && first.FileRevision[1] > 0 && first.FileRevision[2] > 0);
    next = revision_by_code(handle);
    assert_memory_equal(&next, &first, sizeof next);
    succeeds(fltsim_write(handle, "x", 1, 0, NULL));
    next = revision_by_code(handle);
    assert_true(next.FileRevision[2] > first.FileRevision[2]);
    first = next;
    succeeds(fltsim_set_size(handle, 5000));
    next = revision_by_code(handle);
    assert_true(next.FileRevision[2] > first.FileRevision[2]);
    assert_int_equal(next.FileRevision[0], first.FileRevision[0]);
    first = next;
    succeeds(fltsim_read(handle, block, 100, 0, NULL));
    next = revision_by_code(handle);
    assert_memory_equal(&next, &first, sizeof next);
    next = revision_by_code(other);
    assert_memory_equal(&next, &others, sizeof next);
    fltsim_close(handle);
    fltsim_close(other);
}

static void a_node_that_takes_over_starts_anew(void)
{
    set_stage(FLTSIM_CSVFS);
    HANDLE handle = stage_open("C:\\f");
    CSV_QUERY_FILE_REVISION before = revision_by_code(handle);
    fltsim_fail_over(stage.volume);
    CSV_QUERY_FILE_REVISION after = revision_by_code(handle);
    assert_true(after.FileRevision[0] != before.FileRevision[0]);
    assert_true(after.FileRevision[1] != before.FileRevision[1]);
    assert_int_equal(after.FileRevision[2], before.FileRevision[2]);
    fltsim_close(handle);
}

static CSV_QUERY_FILE_REVISION_ECP_CONTEXT brought;
static bool acknowledged;

static void ask_with_the_create(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PECP_LIST list;
    PVOID context;
    succeeds(FltAllocateExtraCreateParameterList(stage.filter, 0, &list));
    succeeds(FltAllocateExtraCreateParameter(stage.filter, &GUID_ECP_CSV_QUERY_FILE_REVISION, sizeof brought, 0, NULL,
                                             STAGE_TAG, &context));
    succeeds(FltInsertExtraCreateParameter(stage.filter, list, context));
    succeeds(FltSetEcpListIntoCallbackData(stage.filter, data, list));
}

static void take_the_answer(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PECP_LIST list;
    PVOID context;
    succeeds(FltGetEcpListFromCallbackData(stage.filter, data, &list));
    succeeds(FltFindExtraCreateParameter(stage.filter, list, &GUID_ECP_CSV_QUERY_FILE_REVISION, &context, NULL));
    acknowledged = FltIsEcpAcknowledged(stage.filter, context);
    brought = *(PCSV_QUERY_FILE_REVISION_ECP_CONTEXT)context;
}

static void a_create_brings_the_revision_back(void)
{
    static const struct {
        enum fltsim_volume_kind kind;
        bool answered;
    } kinds[] = {{FLTSIM_CSVFS, true}, {FLTSIM_NTFS, false}, {FLTSIM_FAT, false}};
    for (size_t i = 0; i < RTL_NUMBER_OF(kinds); i++) {
        HANDLE handle;
        if (i) {
            fltsim_unload(stage.driver);
            fltsim_dismount(stage.volume);
        }
        set_stage(kinds[i].kind);
        fltsim_close(stage_open("C:\\f"));
        stage_watch(IRP_MJ_CREATE, ask_with_the_create, take_the_answer);
        succeeds(fltsim_open("C:\\f", NULL, &handle));
        stage_saw();
        assert_int_equal(acknowledged, kinds[i].answered);
        if (acknowledged) {
            CSV_QUERY_FILE_REVISION now = revision_by_code(handle);
            assert_int_equal(brought.FileId, now.FileId);
            assert_memory_equal(brought.FileRevision, now.FileRevision, sizeof now.FileRevision);
        }
        fltsim_close(handle);
    }
}

static void a_question_may_use_a_long_id(void)
{
    CSV_CONTROL_PARAM ask = {.Operation = CsvControlQueryFileRevisionFileId128};
    CSV_QUERY_FILE_REVISION_FILE_ID_128 wide;
    CSV_QUERY_FILE_REVISION_ECP_CONTEXT_FILE_ID_128 parameter = {{{0}}, {0}};
    struct fltsim_ecp ecp = {.type = &GUID_ECP_CSV_QUERY_FILE_REVISION_FILE_ID_128, .data = &parameter, .size = sizeof parameter};
    HANDLE handle;
    set_stage(FLTSIM_CSVFS);
    succeeds(fltsim_open("C:\\f", &(struct fltsim_open){.disposition = FILE_OPEN_IF, .ecps = &ecp, .ecp_count = 1}, &handle));
    assert_true(ecp.acknowledged);
    succeeds(fltsim_fsctl(handle, FSCTL_CSV_CONTROL, &ask, sizeof ask, &wide, sizeof wide, NULL));
    assert_memory_equal(&wide, &parameter, sizeof wide);
    assert_memory_equal(&wide.FileId, &(LONGLONG){revision_by_code(handle).FileId}, sizeof(LONGLONG));
    fltsim_close(handle);
}

static void a_question_is_checked(void)
{
    CSV_CONTROL_PARAM ask = {.Operation = CsvControlQueryFileRevision};
    CSV_QUERY_REDIRECT_STATE redirect;
    UCHAR small[8];
    set_stage(FLTSIM_CSVFS);
    HANDLE handle = stage_open("C:\\f");
    answers(STATUS_INVALID_PARAMETER, fltsim_fsctl(handle, FSCTL_CSV_CONTROL, &ask, 2, small, sizeof small, NULL));
    answers(STATUS_BUFFER_TOO_SMALL, fltsim_fsctl(handle, FSCTL_CSV_CONTROL, &ask, sizeof ask, small, sizeof small, NULL));
    ask.Operation = CsvControlQueryRedirectState;
    succeeds(fltsim_fsctl(handle, FSCTL_CSV_CONTROL, &ask, sizeof ask, &redirect, sizeof redirect, NULL));
    assert_false(redirect.FileRedirected);
    ask.Operation = CsvControlSetVolumeId;
    answers(STATUS_NOT_SUPPORTED, fltsim_fsctl(handle, FSCTL_CSV_CONTROL, &ask, sizeof ask, small, sizeof small, NULL));
    fltsim_close(handle);
}

/* ---- the volume beneath ---- */

static NTSTATUS cluster_info(DISK_CLUSTER_INFO *info, ULONG room)
{
    PDEVICE_OBJECT disk;
    IO_STATUS_BLOCK iosb;
    KEVENT event;
    succeeds(FltGetDiskDeviceObject(stage.fltVolume, &disk));
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    PIRP irp = IoBuildDeviceIoControlRequest(IOCTL_DISK_GET_CLUSTER_INFO, disk, NULL, 0, info, room, FALSE, &event, &iosb);
    NTSTATUS status = IoCallDriver(disk, irp);
    if (status == STATUS_PENDING) {
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
        status = iosb.Status;
    }
    ObDereferenceObject(disk);
    return status;
}

static void the_disk_of_a_clustered_volume_says_so(void)
{
    DISK_CLUSTER_INFO info = {0};
    memset(&stage, 0, sizeof stage);
    succeeds(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C', .clustered = true}, &stage.volume));
    stage_load();
    assert_int_equal(type_of_stage(), FLT_FSTYPE_NTFS);
    succeeds(cluster_info(&info, sizeof info));
    assert_true(info.Flags & DISK_CLUSTER_FLAG_CSV);
    answers(STATUS_BUFFER_TOO_SMALL, cluster_info(&info, 4));
}

static void the_disk_of_another_volume_does_not(void)
{
    DISK_CLUSTER_INFO info = {0};
    set_stage(FLTSIM_NTFS);
    answers(STATUS_INVALID_DEVICE_REQUEST, cluster_info(&info, sizeof info));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(the_file_system_has_a_type_and_a_name_of_its_own),
        fltsim_unit_test(other_file_systems_know_nothing_of_clusters),
        fltsim_unit_test(a_revision_grows_as_the_file_changes),
        fltsim_unit_test(a_node_that_takes_over_starts_anew),
        fltsim_unit_test(a_create_brings_the_revision_back),
        fltsim_unit_test(a_question_may_use_a_long_id),
        fltsim_unit_test(a_question_is_checked),
        fltsim_unit_test(the_disk_of_a_clustered_volume_says_so),
        fltsim_unit_test(the_disk_of_another_volume_does_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
