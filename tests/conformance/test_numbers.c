/* The numbers that do not fit: conversions and sums of ntintsafe.h, as published kernel test suites saw them on Windows. */
#include "stage.h"

#include <ntintsafe.h>

#define OVERFLOWS STATUS_INTEGER_OVERFLOW
#define FITS STATUS_SUCCESS
#define UNTOUCHED_VALUE ((LONGLONG)0xfedcba9876543210)

#define CONVERTS(Source, Target, ToType, value, status)                                                                \
    do {                                                                                                               \
        ToType result_ = (ToType)UNTOUCHED_VALUE;                                                                      \
        answers(status, Rtl##Source##To##Target(value, &result_));                                                     \
        assert_true(result_ == ((status) == FITS ? (ToType)(value) : (ToType)-1));                                     \
    } while (0)

static void unsigned_numbers_convert_or_overflow(void)
{
    CONVERTS(UInt8, Int8, INT8, 0, FITS);
    CONVERTS(UInt8, Int8, INT8, 5, FITS);
    CONVERTS(UInt8, Int8, INT8, INT8_MAX, FITS);
    CONVERTS(UInt8, Int8, INT8, INT8_MAX + 1, OVERFLOWS);
    CONVERTS(UInt8, Int8, INT8, (UINT8)-1, OVERFLOWS);
    CONVERTS(ULong, UShort, USHORT, 5, FITS);
    CONVERTS(ULong, UShort, USHORT, USHORT_MAX, FITS);
    CONVERTS(ULong, UShort, USHORT, USHORT_MAX + 1, OVERFLOWS);
    CONVERTS(ULong, UShort, USHORT, (ULONG)-1, OVERFLOWS);
    CONVERTS(ULong, Int, INT, INT_MAX, FITS);
    CONVERTS(ULong, Int, INT, (ULONG)INT_MAX + 1, OVERFLOWS);
    CONVERTS(ULong, Int, INT, (ULONG)-1, OVERFLOWS);
    CONVERTS(ULong, UInt, UINT, UINT_MAX, FITS);
    CONVERTS(ULong, UInt, UINT, (ULONG)-1, FITS);
}

static void signed_numbers_convert_or_overflow(void)
{
    CONVERTS(Int8, UInt8, UINT8, INT8_MAX, FITS);
    CONVERTS(Int8, UInt8, UINT8, -1, OVERFLOWS);
    CONVERTS(Int8, UInt8, UINT8, INT8_MIN, OVERFLOWS);
    CONVERTS(Int8, UShort, USHORT, INT8_MAX, FITS);
    CONVERTS(Int8, UShort, USHORT, -1, OVERFLOWS);
    CONVERTS(Int8, UShort, USHORT, INT8_MIN, OVERFLOWS);
    CONVERTS(Long, UShort, USHORT, USHORT_MAX, FITS);
    CONVERTS(Long, UShort, USHORT, USHORT_MAX + 1, OVERFLOWS);
    CONVERTS(Long, UShort, USHORT, LONG_MAX, OVERFLOWS);
    CONVERTS(Long, UShort, USHORT, -1, OVERFLOWS);
    CONVERTS(Long, UShort, USHORT, LONG_MIN, OVERFLOWS);
    CONVERTS(Long, UInt, UINT, LONG_MAX, FITS);
    CONVERTS(Long, UInt, UINT, -1, OVERFLOWS);
    CONVERTS(Long, UInt, UINT, LONG_MIN, OVERFLOWS);
    CONVERTS(Int, Int8, INT8, INT8_MAX, FITS);
    CONVERTS(Int, Int8, INT8, INT8_MAX + 1, OVERFLOWS);
    CONVERTS(Int, Int8, INT8, INT_MAX, OVERFLOWS);
    CONVERTS(Int, Int8, INT8, INT8_MIN, FITS);
    CONVERTS(Int, Int8, INT8, INT8_MIN - 1, OVERFLOWS);
    CONVERTS(Int, Int8, INT8, INT_MIN, OVERFLOWS);
    CONVERTS(Int, Short, SHORT, SHORT_MAX, FITS);
    CONVERTS(Int, Short, SHORT, SHORT_MAX + 1, OVERFLOWS);
    CONVERTS(Int, Short, SHORT, SHORT_MIN, FITS);
    CONVERTS(Int, Short, SHORT, SHORT_MIN - 1, OVERFLOWS);
    CONVERTS(Int, Short, SHORT, INT_MIN, OVERFLOWS);
}

static void a_sum_fits_or_overflows(void)
{
    static const struct {
        UINT8 one, other, sum;
        NTSTATUS status;
    } rows[] = {
        {0, 0, 0, FITS},
        {5, 5, 10, FITS},
        {0, UINT8_MAX, UINT8_MAX, FITS},
        {UINT8_MAX, 0, UINT8_MAX, FITS},
        {UINT8_MAX - 1, 1, UINT8_MAX, FITS},
        {UINT8_MAX, 1, (UINT8)-1, OVERFLOWS},
        {UINT8_MAX, UINT8_MAX, (UINT8)-1, OVERFLOWS},
    };
    for (unsigned i = 0; i < ARRAYSIZE(rows); i++) {
        UINT8 sum = (UINT8)UNTOUCHED_VALUE;
        answers(rows[i].status, RtlUInt8Add(rows[i].one, rows[i].other, &sum));
        assert_int_equal(sum, rows[i].sum);
    }
}

static void the_ends_of_the_types_have_names(void)
{
    assert_true(SHORT_MIN == (SHORT)0x8000 && SHORT_MAX == 0x7fff && WORD_MAX == (WORD)-1 && BYTE_MAX == (BYTE)-1);
    assert_true(DWORD_MAX == (DWORD)-1 && LONGLONG_MAX == MAXLONGLONG && LONG64_MIN == MINLONGLONG);
    assert_true(ULONGLONG_MAX == (ULONGLONG)-1 && SIZE_T_MAX == (SIZE_T)-1 && SSIZE_T_MAX == MAXLONGLONG);
    assert_true(ULONG_PTR_MAX == (ULONG_PTR)-1 && INT_PTR_MAX == MAXLONGLONG && PTRDIFF_T_MAX == LONG_PTR_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(unsigned_numbers_convert_or_overflow),
        fltsim_unit_test(signed_numbers_convert_or_overflow),
        fltsim_unit_test(a_sum_fits_or_overflows),
        fltsim_unit_test(the_ends_of_the_types_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
