/* Times, versions, statuses as Win32 errors, random numbers, checksums. */
#include "rtl_test.h"

NTSTATUS RtlSystemTimeToLocalTime(PLARGE_INTEGER SystemTime, PLARGE_INTEGER LocalTime); /* in no published header */

static void known_dates_have_their_fields(void **state)
{
    LARGE_INTEGER time = {.QuadPart = 0};
    TIME_FIELDS f;
    RtlTimeToTimeFields(&time, &f);
    assert_true(f.Year == 1601 && f.Month == 1 && f.Day == 1 && f.Weekday == 1);
    time.QuadPart = 125911584000000000LL; /* 1 January 2000, a Saturday */
    RtlTimeToTimeFields(&time, &f);
    assert_true(f.Year == 2000 && f.Month == 1 && f.Day == 1 && f.Weekday == 6 && f.Hour == 0);
    time.QuadPart += 10000LL * 123 + 10000000LL * (86400LL * 59 + 3723);
    RtlTimeToTimeFields(&time, &f);
    assert_true(f.Month == 2 && f.Day == 29 && f.Hour == 1 && f.Minute == 2 && f.Second == 3);
    assert_int_equal(f.Milliseconds, 123);
}

static void local_time_is_that_of_utc(void **state)
{
    LARGE_INTEGER system = {.QuadPart = 125911584000000000LL}, local, other;
    assert_int_equal(RtlSystemTimeToLocalTime(&system, &local), STATUS_SUCCESS);
    ExSystemTimeToLocalTime(&system, &other);
    assert_true(local.QuadPart == other.QuadPart);
}

static void fields_and_times_agree_through_four_centuries(void **state)
{
    LARGE_INTEGER time = {.QuadPart = 0}, back;
    TIME_FIELDS f;
    for (int day = 0; day < 160000; day += 13) {
        time.QuadPart = day * 864000000000LL;
        RtlTimeToTimeFields(&time, &f);
        assert_true(RtlTimeFieldsToTime(&f, &back));
        assert_true(back.QuadPart == time.QuadPart);
    }
}

static void impossible_dates_are_refused(void **state)
{
    TIME_FIELDS f = {2023, 2, 29, 0, 0, 0, 0, 0};
    LARGE_INTEGER time;
    assert_false(RtlTimeFieldsToTime(&f, &time));
    f.Day = 28;
    f.Hour = 24;
    assert_false(RtlTimeFieldsToTime(&f, &time));
}

static void seconds_since_1970_wrap_is_refused(void **state)
{
    LARGE_INTEGER time;
    ULONG seconds;
    RtlSecondsSince1970ToTime(946684800, &time);
    assert_true(time.QuadPart == 125911584000000000LL);
    assert_true(RtlTimeToSecondsSince1970(&time, &seconds));
    assert_int_equal(seconds, 946684800);
    time.QuadPart = 1;
    assert_false(RtlTimeToSecondsSince1970(&time, &seconds));
}

static void the_version_is_windows_10(void **state)
{
    RTL_OSVERSIONINFOEXW v = {.dwOSVersionInfoSize = sizeof v, .wProductType = 99};
    assert_int_equal(RtlGetVersion((PRTL_OSVERSIONINFOW)&v), STATUS_SUCCESS);
    assert_int_equal(v.dwMajorVersion, 10);
    assert_int_equal(v.dwMinorVersion, 0);
    assert_int_equal(v.wProductType, VER_NT_WORKSTATION);
}

static NTSTATUS at_least(ULONG major, ULONG minor)
{
    RTL_OSVERSIONINFOEXW v = {.dwOSVersionInfoSize = sizeof v, .dwMajorVersion = major, .dwMinorVersion = minor};
    ULONGLONG mask = 0;
    VER_SET_CONDITION(mask, VER_MAJORVERSION, VER_GREATER_EQUAL);
    VER_SET_CONDITION(mask, VER_MINORVERSION, VER_GREATER_EQUAL);
    return RtlVerifyVersionInfo(&v, VER_MAJORVERSION | VER_MINORVERSION, mask);
}

static void versions_are_compared_field_by_field(void **state)
{
    assert_int_equal(at_least(6, 3), STATUS_SUCCESS);
    assert_int_equal(at_least(10, 0), STATUS_SUCCESS);
    assert_int_equal(at_least(10, 1), STATUS_REVISION_MISMATCH);
    assert_int_equal(at_least(11, 0), STATUS_REVISION_MISMATCH);
}

static void statuses_become_win32_errors(void **state)
{
    assert_int_equal(RtlNtStatusToDosError(STATUS_ACCESS_DENIED), 5);
    assert_int_equal(RtlNtStatusToDosError(STATUS_OBJECT_NAME_NOT_FOUND), 2);
    assert_int_equal(RtlNtStatusToDosError(NTSTATUS_FROM_WIN32(1234)), 1234);
    assert_int_equal(RtlNtStatusToDosError((NTSTATUS)0xC0FFFFFF), 317);
}

static void random_numbers_follow_from_the_seed(void **state)
{
    ULONG a = 1, b = 1;
    for (int i = 0; i < 10; i++)
        assert_int_equal(RtlRandomEx(&a), RtlRandomEx(&b));
    assert_int_equal(a, b);
}

static void checksums_have_their_check_values(void **state)
{
    assert_int_equal(RtlCrc32("123456789", 9, 0), 0xCBF43926);
    assert_int_equal(RtlCompareMemory("abcd", "abXd", 4), 2);
}

static void the_other_epoch_and_random_numbers(void **state)
{
    LARGE_INTEGER time;
    ULONG seconds, seed = 5, same = 5;
    RtlSecondsSince1980ToTime(0, &time);
    assert_true(RtlTimeToSecondsSince1980(&time, &seconds));
    assert_int_equal(seconds, 0);
    assert_true(RtlTimeToSecondsSince1970(&time, &seconds));
    assert_int_equal(seconds, 315532800);
    assert_int_equal(RtlUniform(&seed), (0x7FFFFFEDULL * 5 + 0x7FFFFFC3ULL) % MAXLONG);
    assert_true(RtlRandom(&seed) <= MAXLONG);
    assert_true(RtlUniform(&same) < MAXLONG);
}

static void version_conditions_are_checked(void **state)
{
    RTL_OSVERSIONINFOEXW v = {.dwOSVersionInfoSize = sizeof v, .dwMajorVersion = 10, .dwBuildNumber = 19045};
    ULONGLONG mask = VerSetConditionMask(0, VER_BUILDNUMBER, VER_LESS);
    assert_int_equal(RtlVerifyVersionInfo(&v, 0, mask), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlVerifyVersionInfo(&v, VER_BUILDNUMBER, 0), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlVerifyVersionInfo(&v, VER_BUILDNUMBER, mask), STATUS_REVISION_MISMATCH);
    mask = VerSetConditionMask(0, VER_MAJORVERSION, VER_GREATER);
    assert_int_equal(RtlVerifyVersionInfo(&v, VER_MAJORVERSION, mask), STATUS_REVISION_MISMATCH);
    mask = VerSetConditionMask(0, VER_MAJORVERSION, VER_EQUAL);
    assert_int_equal(RtlVerifyVersionInfo(&v, VER_MAJORVERSION, mask), STATUS_SUCCESS);
    assert_true(RtlIsNtDdiVersionAvailable(NTDDI_WIN7));
    assert_int_equal(RtlNtStatusToDosErrorNoTeb(STATUS_SUCCESS), 0);
    assert_true(RtlCrc64("123456789", 9, 0) != RtlCrc64("123456788", 9, 0));
}

static void the_shared_user_data_is_kept_up_to_date(void **state)
{
    LARGE_INTEGER now;
    KeQuerySystemTime(&now);
    assert_int_equal(SharedUserData->NtMajorVersion, 10);
    assert_int_equal(SharedUserData->SystemTime.LowPart, now.LowPart);
    assert_int_equal(SharedUserData->SystemTime.High1Time, now.HighPart);
    fltsim_sleep(1000);
    assert_int_not_equal(SharedUserData->SystemTime.LowPart, now.LowPart);
    assert_true(SharedUserData->ActiveProcessorCount >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(known_dates_have_their_fields),
        TEST(local_time_is_that_of_utc),
        TEST(fields_and_times_agree_through_four_centuries),
        TEST(impossible_dates_are_refused),
        TEST(seconds_since_1970_wrap_is_refused),
        TEST(the_version_is_windows_10),
        TEST(versions_are_compared_field_by_field),
        TEST(statuses_become_win32_errors),
        TEST(random_numbers_follow_from_the_seed),
        TEST(checksums_have_their_check_values),
        TEST(the_other_epoch_and_random_numbers),
        TEST(version_conditions_are_checked),
        TEST(the_shared_user_data_is_kept_up_to_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
