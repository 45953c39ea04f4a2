/* Quotas of an NTFS-like volume: who uses what, limits that are kept. */
#include "unit.h"

struct answer {
    union {
        FILE_QUOTA_INFORMATION info;
        UCHAR bytes[512];
    };
};

static const UCHAR administrators[16] = {1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0};
static const UCHAR system_sid[12] = {1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0};

static NTSTATUS query(HANDLE handle, struct answer *answer, bool restart)
{
    IO_STATUS_BLOCK iosb;
    return ZwQueryQuotaInformationFile(handle, &iosb, answer, sizeof *answer, TRUE, NULL, 0, NULL, restart);
}

static NTSTATUS set(HANDLE handle, const void *sid, ULONG length, LONGLONG threshold, LONGLONG limit)
{
    struct answer quota = {.info = {.SidLength = length,
                                    .QuotaThreshold.QuadPart = threshold,
                                    .QuotaLimit.QuadPart = limit}};
    IO_STATUS_BLOCK iosb;
    memcpy(&quota.info.Sid, sid, length);
    return ZwSetQuotaInformationFile(handle, &iosb, &quota, FIELD_OFFSET(FILE_QUOTA_INFORMATION, Sid) + length);
}

static void owners_are_told_what_they_use(void **state)
{
    struct answer answer;
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "12345");
    HANDLE handle = open_for("\\", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, FILE_DIRECTORY_FILE);
    assert_int_equal(query(handle, &answer, true), STATUS_SUCCESS);
    assert_int_equal(answer.info.SidLength, sizeof administrators);
    assert_memory_equal(&answer.info.Sid, administrators, sizeof administrators);
    assert_int_equal(answer.info.QuotaUsed.QuadPart, 4096);
    assert_int_equal(answer.info.QuotaLimit.QuadPart, -1);
    assert_int_equal(query(handle, &answer, false), STATUS_NO_MORE_ENTRIES);
    close_it(handle);
    unit_stop();
}

static void limits_are_kept_and_removed(void **state)
{
    struct answer answer;
    unit_start(FLTSIM_NTFS);
    HANDLE handle = open_for("\\", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, FILE_DIRECTORY_FILE);
    assert_int_equal(set(handle, system_sid, sizeof system_sid, 1000, 2000), STATUS_SUCCESS);
    assert_int_equal(query(handle, &answer, true), STATUS_SUCCESS);
    assert_memory_equal(&answer.info.Sid, system_sid, sizeof system_sid);
    assert_int_equal(answer.info.QuotaThreshold.QuadPart, 1000);
    assert_int_equal(answer.info.QuotaLimit.QuadPart, 2000);
    assert_int_equal(set(handle, system_sid, sizeof system_sid, 0, -2), STATUS_SUCCESS);
    assert_int_equal(query(handle, &answer, true), STATUS_SUCCESS); /* the root's owner */
    assert_memory_equal(&answer.info.Sid, administrators, sizeof administrators);
    close_it(handle);
    unit_stop();
}

static void quotas_are_asked_by_owner(void **state)
{
    struct answer answer;
    IO_STATUS_BLOCK iosb;
    struct {
        FILE_GET_QUOTA_INFORMATION head;
        UCHAR more[16];
    } list = {.head.SidLength = sizeof system_sid};
    unit_start(FLTSIM_NTFS);
    memcpy(&list.head.Sid, system_sid, sizeof system_sid);
    HANDLE handle = open_for("\\", GENERIC_READ, FILE_OPEN, FILE_DIRECTORY_FILE);
    assert_int_equal(ZwQueryQuotaInformationFile(handle, &iosb, &answer, sizeof answer, FALSE, &list, sizeof list, NULL,
                                                 TRUE),
                     STATUS_SUCCESS);
    assert_int_equal(answer.info.QuotaUsed.QuadPart, 0);
    assert_int_equal(answer.info.QuotaLimit.QuadPart, -1);
    list.head.NextEntryOffset = 2;
    assert_int_equal(ZwQueryQuotaInformationFile(handle, &iosb, &answer, sizeof answer, FALSE, &list, sizeof list, NULL,
                                                 TRUE),
                     STATUS_QUOTA_LIST_INCONSISTENT);
    list.head.SidLength = 1000;
    assert_int_equal(ZwQueryQuotaInformationFile(handle, &iosb, &answer, sizeof answer, FALSE, &list, sizeof list, NULL,
                                                 TRUE),
                     STATUS_QUOTA_LIST_INCONSISTENT);
    close_it(handle);
    unit_stop();
}

static void wrong_quota_buffers_are_refused(void **state)
{
    struct answer answer;
    IO_STATUS_BLOCK iosb;
    UCHAR bad[16] = {9, 9};
    unit_start(FLTSIM_NTFS);
    HANDLE handle = open_for("\\", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, FILE_DIRECTORY_FILE);
    assert_int_equal(set(handle, bad, sizeof bad, 0, 0), STATUS_QUOTA_LIST_INCONSISTENT);
    assert_int_equal(set(handle, system_sid, 4, 0, 0), STATUS_QUOTA_LIST_INCONSISTENT);
    assert_int_equal(ZwQueryQuotaInformationFile(handle, &iosb, &answer, 20, TRUE, NULL, 0, NULL, TRUE),
                     STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(ZwQueryQuotaInformationFile(handle, &iosb, &answer, sizeof answer, TRUE, NULL, 0,
                                                 (PSID)system_sid, TRUE),
                     STATUS_INVALID_SID);
    close_it(handle);
    unit_stop();
    unit_start(FLTSIM_FAT);
    handle = open_for("\\", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, FILE_DIRECTORY_FILE);
    assert_int_equal(query(handle, &answer, true), STATUS_INVALID_DEVICE_REQUEST);
    assert_int_equal(set(handle, system_sid, sizeof system_sid, 0, 0), STATUS_INVALID_DEVICE_REQUEST);
    close_it(handle);
    unit_stop();
}

static void defaults_hold_for_who_has_no_limit(void **state)
{
    struct answer answer;
    FILE_FS_CONTROL_INFORMATION control = {.DefaultQuotaThreshold.QuadPart = 100, .DefaultQuotaLimit.QuadPart = 200};
    IO_STATUS_BLOCK iosb;
    unit_start(FLTSIM_NTFS);
    HANDLE handle = open_for("\\", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, FILE_DIRECTORY_FILE);
    control.FileSystemControlFlags = FILE_VC_QUOTA_TRACK;
    assert_int_equal(ZwSetVolumeInformationFile(handle, &iosb, &control, sizeof control, FileFsControlInformation),
                     STATUS_SUCCESS);
    assert_int_equal(query(handle, &answer, true), STATUS_SUCCESS);
    assert_int_equal(answer.info.QuotaLimit.QuadPart, 200);
    memset(&control, 0, sizeof control);
    assert_int_equal(fltsim_query_volume(handle, FileFsControlInformation, &control, sizeof control), STATUS_SUCCESS);
    assert_int_equal(control.FileSystemControlFlags, FILE_VC_QUOTA_TRACK);
    close_it(handle);
    unit_stop();
}

/* -- limits that hold -------------------------------------------------------------------------- */

static void set_control(HANDLE handle, ULONG flags, LONGLONG limit)
{
    FILE_FS_CONTROL_INFORMATION control = {.DefaultQuotaThreshold.QuadPart = -1, .DefaultQuotaLimit.QuadPart = limit,
                                           .FileSystemControlFlags = flags};
    IO_STATUS_BLOCK iosb;
    assert_int_equal(ZwSetVolumeInformationFile(handle, &iosb, &control, sizeof control, FileFsControlInformation),
                     STATUS_SUCCESS);
}

static void whoever_is_over_his_quota_finds_the_disk_full(void **state)
{
    FILE_FS_FULL_SIZE_INFORMATION size;
    unit_start(FLTSIM_NTFS);
    HANDLE root = open_for("\\", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, FILE_DIRECTORY_FILE),
           file = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_CREATE, 0);
    set_control(root, FILE_VC_QUOTA_TRACK, 8192);
    assert_int_equal(fltsim_set_size(file, 20000), STATUS_SUCCESS); /* told, not enforced */
    set_control(root, FILE_VC_QUOTA_TRACK | FILE_VC_QUOTA_ENFORCE, 8192);
    assert_int_equal(fltsim_set_size(file, 20001), STATUS_SUCCESS); /* no more clusters */
    assert_int_equal(fltsim_set_size(file, 20481), STATUS_DISK_FULL);
    assert_int_equal(fltsim_set_size(file, 4096), STATUS_SUCCESS);
    assert_int_equal(fltsim_write(file, "x", 1, 8191, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_write(file, "x", 1, 8192, NULL), STATUS_DISK_FULL);
    assert_int_equal(fltsim_query_volume(root, FileFsFullSizeInformation, &size, sizeof size), STATUS_SUCCESS);
    assert_int_equal(size.CallerAvailableAllocationUnits.QuadPart, 0);
    assert_true(size.ActualAvailableAllocationUnits.QuadPart > 0);
    assert_int_equal(set(root, administrators, sizeof administrators, -1, 16384), STATUS_SUCCESS);
    assert_int_equal(fltsim_query_volume(root, FileFsFullSizeInformation, &size, sizeof size), STATUS_SUCCESS);
    assert_int_equal(size.CallerAvailableAllocationUnits.QuadPart, 2);
    assert_int_equal(fltsim_write(file, "x", 1, 8192, NULL), STATUS_SUCCESS);
    size_t done;
    HANDLE sparse = open_for("\\s", GENERIC_READ | GENERIC_WRITE, FILE_CREATE, 0);
    assert_int_equal(fltsim_fsctl(sparse, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &done), STATUS_SUCCESS);
    assert_int_equal(fltsim_set_size(sparse, 4097), STATUS_DISK_FULL); /* holes count */
    assert_int_equal(fltsim_set_size(sparse, 4096), STATUS_SUCCESS);
    assert_int_equal(set(root, administrators, sizeof administrators, -1, -1), STATUS_SUCCESS);
    assert_int_equal(fltsim_set_size(sparse, 1 << 20), STATUS_SUCCESS);
    close_it(sparse);
    close_it(file);
    close_it(root);
    unit_stop();
}

static void unknown_quota_flags_are_refused(void **state)
{
    FILE_FS_CONTROL_INFORMATION control = {.FileSystemControlFlags = 0x400};
    IO_STATUS_BLOCK iosb;
    unit_start(FLTSIM_NTFS);
    HANDLE root = open_for("\\", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, FILE_DIRECTORY_FILE);
    assert_int_equal(ZwSetVolumeInformationFile(root, &iosb, &control, sizeof control, FileFsControlInformation),
                     STATUS_INVALID_PARAMETER);
    close_it(root);
    unit_stop();
}

/* -- by owner ---------------------------------------------------------------------------------- */

static void give_to(const char *path, const void *sid)
{
    SECURITY_DESCRIPTOR descriptor;
    HANDLE handle = open_for(path, WRITE_OWNER, FILE_OPEN, 0);
    RtlCreateSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION);
    RtlSetOwnerSecurityDescriptor(&descriptor, (PSID)sid, FALSE);
    assert_int_equal(ZwSetSecurityObject(handle, OWNER_SECURITY_INFORMATION, &descriptor), STATUS_SUCCESS);
    close_it(handle);
}

static void files_are_found_by_their_owner(void **state)
{
    struct {
        ULONG Restart;
        UCHAR Sid[sizeof system_sid];
    } ask = {.Restart = 1};
    union {
        FIND_BY_SID_OUTPUT info;
        UCHAR bytes[128];
    } out;
    size_t done;
    unit_start(FLTSIM_NTFS);
    memcpy(ask.Sid, system_sid, sizeof system_sid);
    make_folder("\\d");
    make_folder("\\d\\e");
    make_file("\\d\\e\\one", "x");
    make_file("\\d\\two", "x");
    make_file("\\three", "x");
    make_file("\\d\\four", "x");
    give_to("\\d\\e\\one", system_sid);
    give_to("\\d\\two", system_sid);
    give_to("\\three", system_sid);
    HANDLE folder = open_for("\\d", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, FILE_DIRECTORY_FILE);
    assert_int_equal(fltsim_fsctl(folder, FSCTL_FIND_FILES_BY_SID, &ask, sizeof ask, &out, sizeof out, &done),
                     STATUS_NO_QUOTAS_FOR_ACCOUNT);
    set_control(folder, FILE_VC_QUOTA_TRACK, -1);
    assert_int_equal(fltsim_fsctl(folder, FSCTL_FIND_FILES_BY_SID, &ask, sizeof ask, &out, sizeof out, &done), STATUS_SUCCESS);
    assert_int_equal(out.info.FileNameLength, 10);
    assert_memory_equal(out.info.FileName, u"e\\one", 10);
    PFIND_BY_SID_OUTPUT next = (PVOID)(out.bytes + out.info.NextEntryOffset);
    assert_int_equal(out.info.NextEntryOffset % 8, 0);
    assert_int_equal(next->NextEntryOffset, 0);
    assert_int_equal(next->FileNameLength, 6);
    assert_memory_equal(next->FileName, u"two", 6);
    ask.Restart = 0;
    assert_int_equal(fltsim_fsctl(folder, FSCTL_FIND_FILES_BY_SID, &ask, sizeof ask, &out, sizeof out, &done), STATUS_SUCCESS);
    assert_int_equal(done, 0);
    ask.Restart = 1;
    assert_int_equal(fltsim_fsctl(folder, FSCTL_FIND_FILES_BY_SID, &ask, sizeof ask, &out, 24, &done), STATUS_SUCCESS);
    assert_int_equal(done, 22);
    ask.Restart = 0;
    assert_int_equal(fltsim_fsctl(folder, FSCTL_FIND_FILES_BY_SID, &ask, sizeof ask, &out, 8, &done), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(fltsim_fsctl(folder, FSCTL_FIND_FILES_BY_SID, &ask, sizeof ask, &out, 24, &done), STATUS_SUCCESS);
    assert_memory_equal(out.info.FileName, u"two", 6);
    assert_int_equal(fltsim_fsctl(folder, FSCTL_FIND_FILES_BY_SID, &ask, sizeof ask, &out, 7, &done),
                     STATUS_INVALID_USER_BUFFER);
    assert_int_equal(fltsim_fsctl(folder, FSCTL_FIND_FILES_BY_SID, &ask, sizeof ask - 1, &out, sizeof out, &done),
                     STATUS_INVALID_USER_BUFFER);
    ask.Sid[0] = 9;
    assert_int_equal(fltsim_fsctl(folder, FSCTL_FIND_FILES_BY_SID, &ask, sizeof ask, &out, sizeof out, &done),
                     STATUS_INVALID_PARAMETER);
    close_it(folder);
    HANDLE file = open_for("\\three", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(fltsim_fsctl(file, FSCTL_FIND_FILES_BY_SID, &ask, sizeof ask, &out, sizeof out, &done),
                     STATUS_INVALID_PARAMETER);
    close_it(file);
    unit_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owners_are_told_what_they_use),   cmocka_unit_test(limits_are_kept_and_removed),
        cmocka_unit_test(quotas_are_asked_by_owner),       cmocka_unit_test(wrong_quota_buffers_are_refused),
        cmocka_unit_test(defaults_hold_for_who_has_no_limit),
        cmocka_unit_test(whoever_is_over_his_quota_finds_the_disk_full),
        cmocka_unit_test(unknown_quota_flags_are_refused),
        cmocka_unit_test(files_are_found_by_their_owner),
    };
    return cmocka_run_group_tests_name("memfs/quota", tests, NULL, NULL);
}
