/* The C library's functions for 16-bit wide text, which a driver's names are mapped to. */
#include "rtl/rtlp.h"

size_t fltsim_wcslen(PCWSTR s)
{
    size_t length = 0;

    while (s[length] != 0)
        length++;
    return length;
}

size_t fltsim_wcsnlen(PCWSTR s, size_t count)
{
    size_t length = 0;

    while (length < count && s[length] != 0)
        length++;
    return length;
}

size_t fltsim_wcsnlen_s(PCWSTR s, size_t count)
{
    return s == NULL ? 0 : fltsim_wcsnlen(s, count);
}

PWSTR fltsim_wcscpy(PWSTR to, PCWSTR from)
{
    memcpy(to, from, (fltsim_wcslen(from) + 1) * sizeof(WCHAR));
    return to;
}

PWSTR fltsim_wcsncpy(PWSTR to, PCWSTR from, size_t count)
{
    size_t length = fltsim_wcsnlen(from, count);

    memcpy(to, from, length * sizeof(WCHAR));
    memset(to + length, 0, (count - length) * sizeof(WCHAR));
    return to;
}

PWSTR fltsim_wcscat(PWSTR to, PCWSTR from)
{
    fltsim_wcscpy(to + fltsim_wcslen(to), from);
    return to;
}

PWSTR fltsim_wcsncat(PWSTR to, PCWSTR from, size_t count)
{
    PWSTR end = to + fltsim_wcslen(to);
    size_t length = fltsim_wcsnlen(from, count);

    memcpy(end, from, length * sizeof(WCHAR));
    end[length] = 0;
    return to;
}

static WCHAR Same(WCHAR c)
{
    return c;
}

static int Compare(PCWSTR a, PCWSTR b, size_t count, WCHAR (*map)(WCHAR))
{
    for (; count-- != 0; a++, b++) {
        WCHAR x = map(*a), y = map(*b);
        if (x != y)
            return x < y ? -1 : 1;
        if (x == 0)
            break;
    }
    return 0;
}

int fltsim_wcscmp(PCWSTR a, PCWSTR b)
{
    return Compare(a, b, (size_t)-1, Same);
}

int fltsim_wcscoll(PCWSTR a, PCWSTR b)
{
    return Compare(a, b, (size_t)-1, Same);
}

int fltsim_wcsncmp(PCWSTR a, PCWSTR b, size_t count)
{
    return Compare(a, b, count, Same);
}

int fltsim_wcsicmp(PCWSTR a, PCWSTR b)
{
    return Compare(a, b, (size_t)-1, RtlpDowncase);
}

int fltsim_wcsnicmp(PCWSTR a, PCWSTR b, size_t count)
{
    return Compare(a, b, count, RtlpDowncase);
}

PWSTR fltsim_wcschr(PCWSTR s, WCHAR c)
{
    for (; *s != c; s++)
        if (*s == 0)
            return NULL;
    return (PWSTR)s;
}

PWSTR fltsim_wcsrchr(PCWSTR s, WCHAR c)
{
    for (size_t i = fltsim_wcslen(s) + 1; i-- != 0;)
        if (s[i] == c)
            return (PWSTR)s + i;
    return NULL;
}

PWSTR fltsim_wcsstr(PCWSTR s, PCWSTR what)
{
    size_t length = fltsim_wcslen(what);

    for (;; s++) {
        if (fltsim_wcsncmp(s, what, length) == 0)
            return (PWSTR)s;
        if (*s == 0)
            return NULL;
    }
}

size_t fltsim_wcsspn(PCWSTR s, PCWSTR set)
{
    size_t i = 0;

    while (s[i] != 0 && fltsim_wcschr(set, s[i]) != NULL)
        i++;
    return i;
}

size_t fltsim_wcscspn(PCWSTR s, PCWSTR set)
{
    size_t i = 0;

    while (s[i] != 0 && fltsim_wcschr(set, s[i]) == NULL)
        i++;
    return i;
}

PWSTR fltsim_wcspbrk(PCWSTR s, PCWSTR set)
{
    s += fltsim_wcscspn(s, set);
    return *s != 0 ? (PWSTR)s : NULL;
}

PWSTR fltsim_wcstok(PWSTR s, PCWSTR delimiters, PWSTR *context)
{
    PWSTR token = s != NULL ? s : *context;

    if (token == NULL)
        return NULL;
    token += fltsim_wcsspn(token, delimiters);
    if (*token == 0) {
        *context = NULL;
        return NULL;
    }
    PWSTR end = token + fltsim_wcscspn(token, delimiters);
    *context = *end != 0 ? end + 1 : NULL;
    *end = 0;
    return token;
}

PWSTR fltsim_wcstok_s(PWSTR s, PCWSTR delimiters, PWSTR *context)
{
    return fltsim_wcstok(s, delimiters, context);
}

PWSTR fltsim_wmemcpy(PWSTR to, PCWSTR from, size_t count)
{
    return memcpy(to, from, count * sizeof(WCHAR));
}

PWSTR fltsim_wmemmove(PWSTR to, PCWSTR from, size_t count)
{
    return memmove(to, from, count * sizeof(WCHAR));
}

PWSTR fltsim_wmemset(PWSTR to, WCHAR c, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] = c;
    return to;
}

int fltsim_wmemcmp(PCWSTR a, PCWSTR b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

PWSTR fltsim_wmemchr(PCWSTR s, WCHAR c, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (s[i] == c)
            return (PWSTR)s + i;
    return NULL;
}

/* -- one character -------------------------------------------------------------------------------- */

WCHAR fltsim_towupper(WCHAR c)
{
    return RtlpUpcase(c);
}

WCHAR fltsim_towlower(WCHAR c)
{
    return RtlpDowncase(c);
}

int fltsim_iswupper(WCHAR c)
{
    return RtlpDowncase(c) != c;
}

int fltsim_iswlower(WCHAR c)
{
    return RtlpUpcase(c) != c;
}

/* Beyond the letters that have a case, what the Latin blocks hold. */
int fltsim_iswalpha(WCHAR c)
{
    return fltsim_iswupper(c) || fltsim_iswlower(c) || c == 0xAA || c == 0xB5 || c == 0xBA || c == 0xDF;
}

int fltsim_iswdigit(WCHAR c)
{
    return c >= '0' && c <= '9';
}

int fltsim_iswalnum(WCHAR c)
{
    return fltsim_iswalpha(c) || fltsim_iswdigit(c);
}

int fltsim_iswxdigit(WCHAR c)
{
    return fltsim_iswdigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

int fltsim_iswspace(WCHAR c)
{
    return c == ' ' || (c >= 9 && c <= 13) || c == 0xA0 || c == 0x3000;
}

int fltsim_iswprint(WCHAR c)
{
    return c >= ' ' && c != 0x7F && !(c >= 0x80 && c < 0xA0);
}

/* -- in place ------------------------------------------------------------------------------------- */

PWSTR fltsim_wcslwr(PWSTR s)
{
    for (PWSTR c = s; *c != 0; c++)
        *c = RtlpDowncase(*c);
    return s;
}

PWSTR fltsim_wcsupr(PWSTR s)
{
    for (PWSTR c = s; *c != 0; c++)
        *c = RtlpUpcase(*c);
    return s;
}

PWSTR fltsim_wcsrev(PWSTR s)
{
    size_t length = fltsim_wcslen(s);

    for (size_t i = 0; i < length / 2; i++) {
        WCHAR c = s[i];
        s[i] = s[length - 1 - i];
        s[length - 1 - i] = c;
    }
    return s;
}

PWSTR fltsim_wcsset(PWSTR s, WCHAR c)
{
    return fltsim_wmemset(s, c, fltsim_wcslen(s));
}

PWSTR fltsim_wcsnset(PWSTR s, WCHAR c, size_t count)
{
    return fltsim_wmemset(s, c, fltsim_wcsnlen(s, count));
}

/* -- to and from the ANSI code page --------------------------------------------------------------- */

size_t fltsim_mbstowcs(PWSTR to, PCSTR from, size_t count)
{
    size_t i = 0;

    if (to == NULL)
        return strlen(from);
    for (; i < count; i++) {
        to[i] = RtlpByteToWide(RTLP_ANSI, (UCHAR)from[i]);
        if (from[i] == 0)
            break;
    }
    return i;
}

size_t fltsim_wcstombs(PSTR to, PCWSTR from, size_t count)
{
    size_t i = 0;

    if (to == NULL)
        return fltsim_wcslen(from);
    for (; i < count; i++) {
        to[i] = (CHAR)RtlpWideToByte(RTLP_ANSI, from[i]);
        if (from[i] == 0)
            break;
    }
    return i;
}
