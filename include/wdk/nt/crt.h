/* The C library that drivers are linked with: wide characters of 16 bits, Microsoft's own names, and
 * formatting by Windows' rules (%wZ %Z %ws %S %I64x %p; `l` means 32 bits).
 *
 * Driver code is compiled with a 16-bit wchar_t while the host's library has 32 bits, so that the
 * standard names must not reach it: they are macros for functions of ours. The library itself uses
 * those by their own names.
 */
#ifndef FLTSIM_NT_CRT_H
#define FLTSIM_NT_CRT_H

#include <nt/types.h>

FLTSIM_WDK_BEGIN

/* clang-format off */

size_t fltsim_wcslen(PCWSTR s);
size_t fltsim_wcsnlen(PCWSTR s, size_t count);
PWSTR fltsim_wcscpy(PWSTR to, PCWSTR from);
PWSTR fltsim_wcsncpy(PWSTR to, PCWSTR from, size_t count);
PWSTR fltsim_wcscat(PWSTR to, PCWSTR from);
PWSTR fltsim_wcsncat(PWSTR to, PCWSTR from, size_t count);
int fltsim_wcscmp(PCWSTR a, PCWSTR b);
int fltsim_wcsncmp(PCWSTR a, PCWSTR b, size_t count);
int fltsim_wcscoll(PCWSTR a, PCWSTR b);
PWSTR fltsim_wcschr(PCWSTR s, WCHAR c);
PWSTR fltsim_wcsrchr(PCWSTR s, WCHAR c);
PWSTR fltsim_wcsstr(PCWSTR s, PCWSTR what);
size_t fltsim_wcsspn(PCWSTR s, PCWSTR set);
size_t fltsim_wcscspn(PCWSTR s, PCWSTR set);
PWSTR fltsim_wcspbrk(PCWSTR s, PCWSTR set);
PWSTR fltsim_wcstok(PWSTR s, PCWSTR delimiters, PWSTR *context);
LONG fltsim_wcstol(PCWSTR s, PWSTR *end, int base);
ULONG fltsim_wcstoul(PCWSTR s, PWSTR *end, int base);
LONGLONG fltsim_wcstoll(PCWSTR s, PWSTR *end, int base);
ULONGLONG fltsim_wcstoull(PCWSTR s, PWSTR *end, int base);
PWSTR fltsim_wmemcpy(PWSTR to, PCWSTR from, size_t count);
PWSTR fltsim_wmemmove(PWSTR to, PCWSTR from, size_t count);
PWSTR fltsim_wmemset(PWSTR to, WCHAR c, size_t count);
int fltsim_wmemcmp(PCWSTR a, PCWSTR b, size_t count);
PWSTR fltsim_wmemchr(PCWSTR s, WCHAR c, size_t count);
size_t fltsim_mbstowcs(PWSTR to, PCSTR from, size_t count);
size_t fltsim_wcstombs(PSTR to, PCWSTR from, size_t count);
WCHAR fltsim_towupper(WCHAR c);
WCHAR fltsim_towlower(WCHAR c);
int fltsim_iswalpha(WCHAR c);
int fltsim_iswdigit(WCHAR c);
int fltsim_iswalnum(WCHAR c);
int fltsim_iswspace(WCHAR c);
int fltsim_iswupper(WCHAR c);
int fltsim_iswlower(WCHAR c);
int fltsim_iswxdigit(WCHAR c);
int fltsim_iswprint(WCHAR c);
int fltsim_sprintf(PSTR to, PCSTR format, ...);
int fltsim_snprintf(PSTR to, size_t count, PCSTR format, ...);
int fltsim_vsprintf(PSTR to, PCSTR format, va_list arguments);
int fltsim_vsnprintf(PSTR to, size_t count, PCSTR format, va_list arguments);
int fltsim_vswprintf(PWSTR to, size_t count, PCWSTR format, va_list arguments);
int fltsim_wcsicmp(PCWSTR a, PCWSTR b);
int fltsim_wcsnicmp(PCWSTR a, PCWSTR b, size_t count);
PWSTR fltsim_wcslwr(PWSTR s);
PWSTR fltsim_wcsupr(PWSTR s);
PWSTR fltsim_wcsrev(PWSTR s);
PWSTR fltsim_wcsnset(PWSTR s, WCHAR c, size_t count);
PWSTR fltsim_wcsset(PWSTR s, WCHAR c);
int fltsim_wtoi(PCWSTR s);
LONG fltsim_wtol(PCWSTR s);
LONGLONG fltsim_wtoi64(PCWSTR s);
LONGLONG fltsim_atoi64(PCSTR s);
LONGLONG fltsim_wcstoi64(PCWSTR s, PWSTR *end, int base);
ULONGLONG fltsim_wcstoui64(PCWSTR s, PWSTR *end, int base);
LONGLONG fltsim_strtoi64(PCSTR s, PSTR *end, int base);
ULONGLONG fltsim_strtoui64(PCSTR s, PSTR *end, int base);
PWSTR fltsim_itow(int value, PWSTR to, int base);
PWSTR fltsim_ltow(LONG value, PWSTR to, int base);
PWSTR fltsim_ultow(ULONG value, PWSTR to, int base);
PWSTR fltsim_i64tow(LONGLONG value, PWSTR to, int base);
PWSTR fltsim_ui64tow(ULONGLONG value, PWSTR to, int base);
PSTR fltsim_itoa(int value, PSTR to, int base);
PSTR fltsim_ltoa(LONG value, PSTR to, int base);
PSTR fltsim_ultoa(ULONG value, PSTR to, int base);
PSTR fltsim_i64toa(LONGLONG value, PSTR to, int base);
PSTR fltsim_ui64toa(ULONGLONG value, PSTR to, int base);
errno_t fltsim_itow_s(int value, PWSTR to, size_t count, int base);
errno_t fltsim_ltow_s(LONG value, PWSTR to, size_t count, int base);
errno_t fltsim_ultow_s(ULONG value, PWSTR to, size_t count, int base);
errno_t fltsim_i64tow_s(LONGLONG value, PWSTR to, size_t count, int base);
errno_t fltsim_ui64tow_s(ULONGLONG value, PWSTR to, size_t count, int base);
errno_t fltsim_itoa_s(int value, PSTR to, size_t count, int base);
errno_t fltsim_ultoa_s(ULONG value, PSTR to, size_t count, int base);
int fltsim_snwprintf(PWSTR to, size_t count, PCWSTR format, ...);
int fltsim_vsnwprintf(PWSTR to, size_t count, PCWSTR format, va_list arguments);
int fltsim_snprintf_ms(PSTR to, size_t count, PCSTR format, ...);
int fltsim_vsnprintf_ms(PSTR to, size_t count, PCSTR format, va_list arguments);
int fltsim_swprintf(PWSTR to, PCWSTR format, ...);
int fltsim_scprintf(PCSTR format, ...);
int fltsim_scwprintf(PCWSTR format, ...);
int fltsim_vscprintf(PCSTR format, va_list arguments);
int fltsim_vscwprintf(PCWSTR format, va_list arguments);
int fltsim_snprintf_s(PSTR to, size_t size, size_t count, PCSTR format, ...);
int fltsim_vsnprintf_s(PSTR to, size_t size, size_t count, PCSTR format, va_list arguments);
int fltsim_snwprintf_s(PWSTR to, size_t size, size_t count, PCWSTR format, ...);
int fltsim_vsnwprintf_s(PWSTR to, size_t size, size_t count, PCWSTR format, va_list arguments);
int fltsim_sprintf_s(PSTR to, size_t size, PCSTR format, ...);
int fltsim_vsprintf_s(PSTR to, size_t size, PCSTR format, va_list arguments);
int fltsim_swprintf_s(PWSTR to, size_t size, PCWSTR format, ...);
int fltsim_vswprintf_s(PWSTR to, size_t size, PCWSTR format, va_list arguments);
errno_t fltsim_strcpy_s(PSTR to, size_t size, PCSTR from);
errno_t fltsim_strncpy_s(PSTR to, size_t size, PCSTR from, size_t count);
errno_t fltsim_strcat_s(PSTR to, size_t size, PCSTR from);
errno_t fltsim_strncat_s(PSTR to, size_t size, PCSTR from, size_t count);
errno_t fltsim_wcscpy_s(PWSTR to, size_t size, PCWSTR from);
errno_t fltsim_wcsncpy_s(PWSTR to, size_t size, PCWSTR from, size_t count);
errno_t fltsim_wcscat_s(PWSTR to, size_t size, PCWSTR from);
errno_t fltsim_wcsncat_s(PWSTR to, size_t size, PCWSTR from, size_t count);
errno_t fltsim_wcslwr_s(PWSTR s, size_t size);
errno_t fltsim_wcsupr_s(PWSTR s, size_t size);
errno_t fltsim_strlwr_s(PSTR s, size_t size);
errno_t fltsim_strupr_s(PSTR s, size_t size);
errno_t fltsim_memcpy_s(void *to, size_t size, const void *from, size_t count);
errno_t fltsim_memmove_s(void *to, size_t size, const void *from, size_t count);
PSTR fltsim_strtok_s(PSTR s, PCSTR delimiters, PSTR *context);
PWSTR fltsim_wcstok_s(PWSTR s, PCWSTR delimiters, PWSTR *context);
size_t fltsim_strnlen_s(PCSTR s, size_t count);
size_t fltsim_wcsnlen_s(PCWSTR s, size_t count);
int fltsim_stricmp(PCSTR a, PCSTR b);
int fltsim_strnicmp(PCSTR a, PCSTR b, size_t count);
PSTR fltsim_strlwr(PSTR s);
PSTR fltsim_strupr(PSTR s);
PSTR fltsim_strrev(PSTR s);
PSTR fltsim_strset(PSTR s, int c);
void fltsim_qsort_s(void *base, size_t count, size_t width, int (*compare)(void *, const void *, const void *), void *context);
void *fltsim_bsearch_s(const void *key, const void *base, size_t count, size_t width, int (*compare)(void *, const void *, const void *), void *context);
int fltsim_sscanf_s(PCSTR from, PCSTR format, ...);
int fltsim_swscanf_s(PCWSTR from, PCWSTR format, ...);
int fltsim_swscanf(PCWSTR from, PCWSTR format, ...);
int fltsim_swprintf_n(PWSTR to, size_t count, PCWSTR format, ...);
int fltsim_rand(void);
void fltsim_srand(unsigned int seed);
/* clang-format on */

FLTSIM_WDK_END

#if !defined(FLTSIM_LIBRARY)

/* Microsoft's names. */
#include <nt/path_lengths.h>
#undef _wcsicmp
#define _wcsicmp fltsim_wcsicmp
#undef _wcsnicmp
#define _wcsnicmp fltsim_wcsnicmp
#undef _wcslwr
#define _wcslwr fltsim_wcslwr
#undef _wcsupr
#define _wcsupr fltsim_wcsupr
#undef _wcsrev
#define _wcsrev fltsim_wcsrev
#undef _wcsnset
#define _wcsnset fltsim_wcsnset
#undef _wcsset
#define _wcsset fltsim_wcsset
#undef _wtoi
#define _wtoi fltsim_wtoi
#undef _wtol
#define _wtol fltsim_wtol
#undef _wtoi64
#define _wtoi64 fltsim_wtoi64
#undef _atoi64
#define _atoi64 fltsim_atoi64
#undef _wcstoi64
#define _wcstoi64 fltsim_wcstoi64
#undef _wcstoui64
#define _wcstoui64 fltsim_wcstoui64
#undef _strtoi64
#define _strtoi64 fltsim_strtoi64
#undef _strtoui64
#define _strtoui64 fltsim_strtoui64
#undef _itow
#define _itow fltsim_itow
#undef _ltow
#define _ltow fltsim_ltow
#undef _ultow
#define _ultow fltsim_ultow
#undef _i64tow
#define _i64tow fltsim_i64tow
#undef _ui64tow
#define _ui64tow fltsim_ui64tow
#undef _itoa
#define _itoa fltsim_itoa
#undef _ltoa
#define _ltoa fltsim_ltoa
#undef _ultoa
#define _ultoa fltsim_ultoa
#undef _i64toa
#define _i64toa fltsim_i64toa
#undef _ui64toa
#define _ui64toa fltsim_ui64toa
#undef _itow_s
#define _itow_s fltsim_itow_s
#undef _ltow_s
#define _ltow_s fltsim_ltow_s
#undef _ultow_s
#define _ultow_s fltsim_ultow_s
#undef _i64tow_s
#define _i64tow_s fltsim_i64tow_s
#undef _ui64tow_s
#define _ui64tow_s fltsim_ui64tow_s
#undef _itoa_s
#define _itoa_s fltsim_itoa_s
#undef _ultoa_s
#define _ultoa_s fltsim_ultoa_s
#undef _snwprintf
#define _snwprintf fltsim_snwprintf
#undef _vsnwprintf
#define _vsnwprintf fltsim_vsnwprintf
#undef _snprintf
#define _snprintf fltsim_snprintf_ms
#undef _vsnprintf
#define _vsnprintf fltsim_vsnprintf_ms
#undef _swprintf
#define _swprintf fltsim_swprintf
#undef _scprintf
#define _scprintf fltsim_scprintf
#undef _scwprintf
#define _scwprintf fltsim_scwprintf
#undef _vscprintf
#define _vscprintf fltsim_vscprintf
#undef _vscwprintf
#define _vscwprintf fltsim_vscwprintf
#undef _snprintf_s
#define _snprintf_s fltsim_snprintf_s
#undef _vsnprintf_s
#define _vsnprintf_s fltsim_vsnprintf_s
#undef _snwprintf_s
#define _snwprintf_s fltsim_snwprintf_s
#undef _vsnwprintf_s
#define _vsnwprintf_s fltsim_vsnwprintf_s
#undef sprintf_s
#define sprintf_s fltsim_sprintf_s
#undef vsprintf_s
#define vsprintf_s fltsim_vsprintf_s
#undef swprintf_s
#define swprintf_s fltsim_swprintf_s
#undef vswprintf_s
#define vswprintf_s fltsim_vswprintf_s
#undef sscanf_s
#define sscanf_s fltsim_sscanf_s
#undef swscanf_s
#define swscanf_s fltsim_swscanf_s
#undef swscanf
#define swscanf fltsim_swscanf
#undef strcpy_s
#define strcpy_s fltsim_strcpy_s
#undef strncpy_s
#define strncpy_s fltsim_strncpy_s
#undef strcat_s
#define strcat_s fltsim_strcat_s
#undef strncat_s
#define strncat_s fltsim_strncat_s
#undef wcscpy_s
#define wcscpy_s fltsim_wcscpy_s
#undef wcsncpy_s
#define wcsncpy_s fltsim_wcsncpy_s
#undef wcscat_s
#define wcscat_s fltsim_wcscat_s
#undef wcsncat_s
#define wcsncat_s fltsim_wcsncat_s
#undef _wcslwr_s
#define _wcslwr_s fltsim_wcslwr_s
#undef _wcsupr_s
#define _wcsupr_s fltsim_wcsupr_s
#undef _strlwr_s
#define _strlwr_s fltsim_strlwr_s
#undef _strupr_s
#define _strupr_s fltsim_strupr_s
#undef memcpy_s
#define memcpy_s fltsim_memcpy_s
#undef memmove_s
#define memmove_s fltsim_memmove_s
#undef strtok_s
#define strtok_s fltsim_strtok_s
#undef wcstok_s
#define wcstok_s fltsim_wcstok_s
#undef strnlen_s
#define strnlen_s fltsim_strnlen_s
#undef wcsnlen_s
#define wcsnlen_s fltsim_wcsnlen_s
#undef _stricmp
#define _stricmp fltsim_stricmp
#undef _strnicmp
#define _strnicmp fltsim_strnicmp
#undef _strlwr
#define _strlwr fltsim_strlwr
#undef _strupr
#define _strupr fltsim_strupr
#undef _strrev
#define _strrev fltsim_strrev
#undef _strset
#define _strset fltsim_strset
#undef qsort_s
#define qsort_s fltsim_qsort_s
#undef bsearch_s
#define bsearch_s fltsim_bsearch_s
#undef wcsicmp
#define wcsicmp fltsim_wcsicmp
#undef wcsnicmp
#define wcsnicmp fltsim_wcsnicmp
#undef stricmp
#define stricmp fltsim_stricmp
#undef strnicmp
#define strnicmp fltsim_strnicmp
#undef _strcmpi
#define _strcmpi fltsim_stricmp
#undef strcmpi
#define strcmpi fltsim_stricmp
#undef wcslwr
#define wcslwr fltsim_wcslwr
#undef wcsupr
#define wcsupr fltsim_wcsupr
#undef wcswcs
#define wcswcs fltsim_wcsstr
#define _CRT_WIDE_(s) L##s
#define _CRT_WIDE(s) _CRT_WIDE_(s)
#define _TRUNCATE ((size_t)-1)
#define _malloca alloca

#if __SIZEOF_WCHAR_T__ == 2

/* The standard's names. */
#undef wcslen
#define wcslen fltsim_wcslen
#undef wcsnlen
#define wcsnlen fltsim_wcsnlen
#undef wcscpy
#define wcscpy fltsim_wcscpy
#undef wcsncpy
#define wcsncpy fltsim_wcsncpy
#undef wcscat
#define wcscat fltsim_wcscat
#undef wcsncat
#define wcsncat fltsim_wcsncat
#undef wcscmp
#define wcscmp fltsim_wcscmp
#undef wcsncmp
#define wcsncmp fltsim_wcsncmp
#undef wcscoll
#define wcscoll fltsim_wcscoll
#undef wcschr
#define wcschr fltsim_wcschr
#undef wcsrchr
#define wcsrchr fltsim_wcsrchr
#undef wcsstr
#define wcsstr fltsim_wcsstr
#undef wcsspn
#define wcsspn fltsim_wcsspn
#undef wcscspn
#define wcscspn fltsim_wcscspn
#undef wcspbrk
#define wcspbrk fltsim_wcspbrk
#undef wcstok
#define wcstok fltsim_wcstok
#undef wcstol
#define wcstol fltsim_wcstol
#undef wcstoul
#define wcstoul fltsim_wcstoul
#undef wcstoll
#define wcstoll fltsim_wcstoll
#undef wcstoull
#define wcstoull fltsim_wcstoull
#undef wmemcpy
#define wmemcpy fltsim_wmemcpy
#undef wmemmove
#define wmemmove fltsim_wmemmove
#undef wmemset
#define wmemset fltsim_wmemset
#undef wmemcmp
#define wmemcmp fltsim_wmemcmp
#undef wmemchr
#define wmemchr fltsim_wmemchr
#undef mbstowcs
#define mbstowcs fltsim_mbstowcs
#undef wcstombs
#define wcstombs fltsim_wcstombs
#undef towupper
#define towupper fltsim_towupper
#undef towlower
#define towlower fltsim_towlower
#undef iswalpha
#define iswalpha fltsim_iswalpha
#undef iswdigit
#define iswdigit fltsim_iswdigit
#undef iswalnum
#define iswalnum fltsim_iswalnum
#undef iswspace
#define iswspace fltsim_iswspace
#undef iswupper
#define iswupper fltsim_iswupper
#undef iswlower
#define iswlower fltsim_iswlower
#undef iswxdigit
#define iswxdigit fltsim_iswxdigit
#undef iswprint
#define iswprint fltsim_iswprint
#undef sprintf
#define sprintf fltsim_sprintf
#undef snprintf
#define snprintf fltsim_snprintf
#undef vsprintf
#define vsprintf fltsim_vsprintf
#undef vsnprintf
#define vsnprintf fltsim_vsnprintf
#undef vswprintf
#define vswprintf fltsim_vswprintf
#undef rand
#undef srand
#define rand fltsim_rand
#define srand fltsim_srand

/* Two routines of one name: (to, format, ...) and (to, count, format, ...). */
#undef swprintf
#ifdef __cplusplus
extern "C++" {
template <class... A> inline int fltsim_swprintf_any(PWSTR to, PCWSTR format, A... a)
{
    return fltsim_swprintf(to, format, a...);
}
template <class... A> inline int fltsim_swprintf_any(PWSTR to, size_t count, PCWSTR format, A... a)
{
    return fltsim_swprintf_n(to, count, format, a...);
}
/* Sizes of arrays are found out, as Microsoft's templates do. */
template <size_t N> inline errno_t fltsim_wcscpy_s(WCHAR (&to)[N], PCWSTR from)
{
    return fltsim_wcscpy_s(to, N, from);
}
template <size_t N> inline errno_t fltsim_wcscat_s(WCHAR (&to)[N], PCWSTR from)
{
    return fltsim_wcscat_s(to, N, from);
}
template <size_t N> inline errno_t fltsim_wcsncpy_s(WCHAR (&to)[N], PCWSTR from, size_t count)
{
    return fltsim_wcsncpy_s(to, N, from, count);
}
template <size_t N> inline errno_t fltsim_strcpy_s(char (&to)[N], PCSTR from)
{
    return fltsim_strcpy_s(to, N, from);
}
template <size_t N> inline errno_t fltsim_strcat_s(char (&to)[N], PCSTR from)
{
    return fltsim_strcat_s(to, N, from);
}
template <size_t N, class... A> inline int fltsim_swprintf_s(WCHAR (&to)[N], PCWSTR format, A... a)
{
    return fltsim_swprintf_s(to, N, format, a...);
}
template <size_t N, class... A> inline int fltsim_sprintf_s(char (&to)[N], PCSTR format, A... a)
{
    return fltsim_sprintf_s(to, N, format, a...);
}
}
#define swprintf fltsim_swprintf_any
namespace std
{
using ::fltsim_swprintf_any;

using ::fltsim_wcslen;
using ::fltsim_wcsnlen;
using ::fltsim_wcscpy;
using ::fltsim_wcsncpy;
using ::fltsim_wcscat;
using ::fltsim_wcsncat;
using ::fltsim_wcscmp;
using ::fltsim_wcsncmp;
using ::fltsim_wcscoll;
using ::fltsim_wcschr;
using ::fltsim_wcsrchr;
using ::fltsim_wcsstr;
using ::fltsim_wcsspn;
using ::fltsim_wcscspn;
using ::fltsim_wcspbrk;
using ::fltsim_wcstok;
using ::fltsim_wcstol;
using ::fltsim_wcstoul;
using ::fltsim_wcstoll;
using ::fltsim_wcstoull;
using ::fltsim_wmemcpy;
using ::fltsim_wmemmove;
using ::fltsim_wmemset;
using ::fltsim_wmemcmp;
using ::fltsim_wmemchr;
using ::fltsim_mbstowcs;
using ::fltsim_wcstombs;
using ::fltsim_towupper;
using ::fltsim_towlower;
using ::fltsim_iswalpha;
using ::fltsim_iswdigit;
using ::fltsim_iswalnum;
using ::fltsim_iswspace;
using ::fltsim_iswupper;
using ::fltsim_iswlower;
using ::fltsim_iswxdigit;
using ::fltsim_iswprint;
using ::fltsim_sprintf;
using ::fltsim_snprintf;
using ::fltsim_vsprintf;
using ::fltsim_vsnprintf;
using ::fltsim_vswprintf;
using ::fltsim_rand;
using ::fltsim_srand;
}
#else
#define swprintf(to, second, ...)                                                                  \
    _Generic((second) + 0, PWSTR : fltsim_swprintf, PCWSTR : fltsim_swprintf,                      \
             default : fltsim_swprintf_n)((to), (second), ##__VA_ARGS__)
#endif

#endif
#endif

#endif
