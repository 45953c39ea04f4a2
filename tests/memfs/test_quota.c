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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(owners_are_told_what_they_use),   cmocka_unit_test(limits_are_kept_and_removed),
        cmocka_unit_test(quotas_are_asked_by_owner),       cmocka_unit_test(wrong_quota_buffers_are_refused),
        cmocka_unit_test(defaults_hold_for_who_has_no_limit),
    };
    return cmocka_run_group_tests_name("memfs/quota", tests, NULL, NULL);
}
