/* The C library's conversions between numbers and text, narrow and wide. */
#include "rtl/rtlp.h"

#define ERROR_INVALID 22
#define ERROR_RANGE 34

/* -- numbers to text ------------------------------------------------------------------------------ */

/* Digits of `value` in `base`, with a sign in base 10; the length, or 0 when `room` (with the
 * terminator) does not do. */
static size_t WriteDigits(CHAR *to, size_t room, ULONGLONG value, BOOLEAN negative, int base)
{
    CHAR digits[66];
    size_t count = 0;

    if (base < 2 || base > 36)
        return 0;
    do {
        digits[count++] = "0123456789abcdefghijklmnopqrstuvwxyz"[value % (unsigned)base];
        value /= (unsigned)base;
    } while (value != 0);
    if (negative)
        digits[count++] = '-';
    if (count >= room)
        return 0;
    for (size_t i = 0; i < count; i++)
        to[i] = digits[count - 1 - i];
    to[count] = 0;
    return count;
}

static PSTR ToNarrow(PSTR to, ULONGLONG value, BOOLEAN negative, int base)
{
    WriteDigits(to, 66, value, negative, base);
    return to;
}

static PWSTR ToWide(PWSTR to, ULONGLONG value, BOOLEAN negative, int base)
{
    CHAR text[66];
    size_t length = WriteDigits(text, sizeof text, value, negative, base);

    for (size_t i = 0; i < length; i++)
        to[i] = (WCHAR)text[i];
    to[length] = 0;
    return to;
}

static errno_t ToNarrowS(PSTR to, size_t room, ULONGLONG value, BOOLEAN negative, int base)
{
    if (to == NULL || room == 0)
        return ERROR_INVALID;
    *to = 0;
    if (base < 2 || base > 36)
        return ERROR_INVALID;
    return WriteDigits(to, room, value, negative, base) != 0 ? 0 : ERROR_RANGE;
}

static errno_t ToWideS(PWSTR to, size_t room, ULONGLONG value, BOOLEAN negative, int base)
{
    CHAR text[66];

    if (to == NULL || room == 0)
        return ERROR_INVALID;
    *to = 0;
    errno_t error = ToNarrowS(text, room < sizeof text ? room : sizeof text, value, negative, base);
    if (error == 0)
        ToWide(to, value, negative, base);
    return error;
}

/* Only base 10 has a sign; other bases show the bits. */
#define MAGNITUDE(value) ((value) < 0 && base == 10 ? 0 - (ULONGLONG)(value) : (ULONGLONG)(value))
#define MAGNITUDE32(value) ((value) < 0 && base == 10 ? 0 - (ULONGLONG)(value) : (ULONG)(value))
#define IS_NEGATIVE(value) ((BOOLEAN)((value) < 0 && base == 10))

PSTR fltsim_itoa(int value, PSTR to, int base)
{
    return ToNarrow(to, MAGNITUDE32(value), IS_NEGATIVE(value), base);
}

PWSTR fltsim_itow(int value, PWSTR to, int base)
{
    return ToWide(to, MAGNITUDE32(value), IS_NEGATIVE(value), base);
}

PSTR fltsim_ltoa(LONG value, PSTR to, int base)
{
    return ToNarrow(to, MAGNITUDE32(value), IS_NEGATIVE(value), base);
}

PWSTR fltsim_ltow(LONG value, PWSTR to, int base)
{
    return ToWide(to, MAGNITUDE32(value), IS_NEGATIVE(value), base);
}

PSTR fltsim_ultoa(ULONG value, PSTR to, int base)
{
    return ToNarrow(to, value, FALSE, base);
}

PWSTR fltsim_ultow(ULONG value, PWSTR to, int base)
{
    return ToWide(to, value, FALSE, base);
}

PSTR fltsim_i64toa(LONGLONG value, PSTR to, int base)
{
    return ToNarrow(to, MAGNITUDE(value), IS_NEGATIVE(value), base);
}

PWSTR fltsim_i64tow(LONGLONG value, PWSTR to, int base)
{
    return ToWide(to, MAGNITUDE(value), IS_NEGATIVE(value), base);
}

PSTR fltsim_ui64toa(ULONGLONG value, PSTR to, int base)
{
    return ToNarrow(to, value, FALSE, base);
}

PWSTR fltsim_ui64tow(ULONGLONG value, PWSTR to, int base)
{
    return ToWide(to, value, FALSE, base);
}

errno_t fltsim_itoa_s(int value, PSTR to, size_t count, int base)
{
    return ToNarrowS(to, count, MAGNITUDE32(value), IS_NEGATIVE(value), base);
}

errno_t fltsim_itow_s(int value, PWSTR to, size_t count, int base)
{
    return ToWideS(to, count, MAGNITUDE32(value), IS_NEGATIVE(value), base);
}

errno_t fltsim_ltow_s(LONG value, PWSTR to, size_t count, int base)
{
    return ToWideS(to, count, MAGNITUDE32(value), IS_NEGATIVE(value), base);
}

errno_t fltsim_ultoa_s(ULONG value, PSTR to, size_t count, int base)
{
    return ToNarrowS(to, count, value, FALSE, base);
}

errno_t fltsim_ultow_s(ULONG value, PWSTR to, size_t count, int base)
{
    return ToWideS(to, count, value, FALSE, base);
}

errno_t fltsim_i64tow_s(LONGLONG value, PWSTR to, size_t count, int base)
{
    return ToWideS(to, count, MAGNITUDE(value), IS_NEGATIVE(value), base);
}

errno_t fltsim_ui64tow_s(ULONGLONG value, PWSTR to, size_t count, int base)
{
    return ToWideS(to, count, value, FALSE, base);
}

/* -- text to numbers ------------------------------------------------------------------------------ */

static int DigitOf(WCHAR c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'Z')
        return c - 'A' + 10;
    return 99;
}

struct parsed {
    ULONGLONG value; /* the magnitude */
    BOOLEAN negative, overflow;
    size_t end; /* 0 when there was no number */
};

/* Characters of either width: `wide` or `narrow` is the text. */
static struct parsed Parse(PCWSTR wide, PCSTR narrow, int base)
{
#define AT(i) (wide != NULL ? wide[i] : (WCHAR)(UCHAR)narrow[i])
    struct parsed result = {0};
    size_t i = 0;

    while (AT(i) == ' ' || (AT(i) >= 9 && AT(i) <= 13))
        i++;
    if (AT(i) == '-' || AT(i) == '+')
        result.negative = AT(i++) == '-';
    BOOLEAN hex = AT(i) == '0' && (AT(i + 1) | 32) == 'x' && DigitOf(AT(i + 2)) < 16;
    if ((base == 0 || base == 16) && hex) {
        i += 2;
        base = 16;
    } else if (base == 0) {
        base = AT(i) == '0' ? 8 : 10;
    }
    for (; DigitOf(AT(i)) < base; i++) {
        if (__builtin_mul_overflow(result.value, (ULONGLONG)base, &result.value) ||
            __builtin_add_overflow(result.value, (ULONGLONG)DigitOf(AT(i)), &result.value))
            result.overflow = TRUE;
        result.end = i + 1;
    }
    return result;
#undef AT
}

static LONGLONG Signed(const struct parsed *p, ULONGLONG most)
{
    if (p->overflow || p->value > most + p->negative)
        return p->negative ? (LONGLONG)(0 - most - 1) : (LONGLONG)most;
    return (LONGLONG)(p->negative ? 0 - p->value : p->value);
}

static ULONGLONG Unsigned(const struct parsed *p, ULONGLONG most)
{
    if (p->overflow || p->value > most)
        return most;
    return p->negative ? 0 - p->value : p->value;
}

static struct parsed ParseWide(PCWSTR s, PWSTR *end, int base)
{
    struct parsed p = Parse(s, NULL, base);
    if (end != NULL)
        *end = (PWSTR)s + p.end;
    return p;
}

static struct parsed ParseNarrow(PCSTR s, PSTR *end, int base)
{
    struct parsed p = Parse(NULL, s, base);
    if (end != NULL)
        *end = (PSTR)s + p.end;
    return p;
}

LONG fltsim_wcstol(PCWSTR s, PWSTR *end, int base)
{
    struct parsed p = ParseWide(s, end, base);
    return (LONG)Signed(&p, MAXLONG);
}

ULONG fltsim_wcstoul(PCWSTR s, PWSTR *end, int base)
{
    struct parsed p = ParseWide(s, end, base);
    return (ULONG)Unsigned(&p, MAXULONG);
}

LONGLONG fltsim_wcstoll(PCWSTR s, PWSTR *end, int base)
{
    struct parsed p = ParseWide(s, end, base);
    return Signed(&p, MAXLONGLONG);
}

LONGLONG fltsim_wcstoi64(PCWSTR s, PWSTR *end, int base)
{
    struct parsed p = ParseWide(s, end, base);
    return Signed(&p, MAXLONGLONG);
}

ULONGLONG fltsim_wcstoull(PCWSTR s, PWSTR *end, int base)
{
    struct parsed p = ParseWide(s, end, base);
    return Unsigned(&p, MAXULONGLONG);
}

ULONGLONG fltsim_wcstoui64(PCWSTR s, PWSTR *end, int base)
{
    struct parsed p = ParseWide(s, end, base);
    return Unsigned(&p, MAXULONGLONG);
}

LONGLONG fltsim_strtoi64(PCSTR s, PSTR *end, int base)
{
    struct parsed p = ParseNarrow(s, end, base);
    return Signed(&p, MAXLONGLONG);
}

ULONGLONG fltsim_strtoui64(PCSTR s, PSTR *end, int base)
{
    struct parsed p = ParseNarrow(s, end, base);
    return Unsigned(&p, MAXULONGLONG);
}

int fltsim_wtoi(PCWSTR s)
{
    struct parsed p = Parse(s, NULL, 10);
    return (int)Signed(&p, MAXLONG);
}

LONG fltsim_wtol(PCWSTR s)
{
    struct parsed p = Parse(s, NULL, 10);
    return (LONG)Signed(&p, MAXLONG);
}

LONGLONG fltsim_wtoi64(PCWSTR s)
{
    struct parsed p = Parse(s, NULL, 10);
    return Signed(&p, MAXLONGLONG);
}

LONGLONG fltsim_atoi64(PCSTR s)
{
    struct parsed p = Parse(NULL, s, 10);
    return Signed(&p, MAXLONGLONG);
}
