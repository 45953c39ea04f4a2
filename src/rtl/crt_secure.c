/* The _s functions: sizes in characters with the terminator, errors instead of overruns.
 *
 * What does not fit leaves an empty destination and ERANGE; a missing pointer is EINVAL. The
 * Microsoft library would call the invalid-parameter handler, which in the kernel does nothing. */
#include "rtl/rtlp.h"

#define ERROR_INVALID 22
#define ERROR_RANGE 34
#define ERROR_TRUNCATED 80
#define TRUNCATE ((size_t)-1)

errno_t fltsim_memcpy_s(void *to, size_t size, const void *from, size_t count)
{
    if (count == 0)
        return 0;
    if (to == NULL)
        return ERROR_INVALID;
    if (from == NULL || size < count) {
        memset(to, 0, size);
        return from == NULL ? ERROR_INVALID : ERROR_RANGE;
    }
    memcpy(to, from, count);
    return 0;
}

errno_t fltsim_memmove_s(void *to, size_t size, const void *from, size_t count)
{
    if (count == 0)
        return 0;
    if (to == NULL || from == NULL)
        return ERROR_INVALID;
    if (size < count)
        return ERROR_RANGE;
    memmove(to, from, count);
    return 0;
}

/* Copies at most `count` characters to to[at...]; TRUNCATE as `count` cuts off what does not fit. */
static errno_t AppendNarrow(PSTR to, size_t at, size_t size, PCSTR from, size_t count)
{
    size_t length = fltsim_strnlen_s(from, count), room = size - at - 1;
    errno_t error = 0;

    if (length > room) {
        if (count != TRUNCATE) {
            to[0] = 0;
            return ERROR_RANGE;
        }
        length = room;
        error = ERROR_TRUNCATED;
    }
    memcpy(to + at, from, length * sizeof(CHAR));
    to[at + length] = 0;
    return error;
}

static errno_t StartNarrow(PSTR to, size_t size, PCSTR from)
{
    if (to == NULL || size == 0)
        return ERROR_INVALID;
    if (from == NULL) {
        to[0] = 0;
        return ERROR_INVALID;
    }
    return 0;
}

errno_t fltsim_strncpy_s(PSTR to, size_t size, PCSTR from, size_t count)
{
    errno_t error = StartNarrow(to, size, from);
    return error != 0 ? error : AppendNarrow(to, 0, size, from, count);
}

errno_t fltsim_strncat_s(PSTR to, size_t size, PCSTR from, size_t count)
{
    if (to == NULL || size == 0 || from == NULL)
        return ERROR_INVALID;
    size_t at = fltsim_strnlen_s(to, size);
    if (at == size) {
        to[0] = 0;
        return ERROR_INVALID;
    }
    return AppendNarrow(to, at, size, from, count);
}

errno_t fltsim_strcpy_s(PSTR to, size_t size, PCSTR from)
{
    return fltsim_strncpy_s(to, size, from, TRUNCATE - 1);
}

errno_t fltsim_strcat_s(PSTR to, size_t size, PCSTR from)
{
    return fltsim_strncat_s(to, size, from, TRUNCATE - 1);
}

errno_t fltsim_strlwr_s(PSTR s, size_t size)
{
    if (s == NULL || fltsim_strnlen_s(s, size) == size)
        return ERROR_INVALID;
    fltsim_strlwr(s);
    return 0;
}

errno_t fltsim_strupr_s(PSTR s, size_t size)
{
    if (s == NULL || fltsim_strnlen_s(s, size) == size)
        return ERROR_INVALID;
    fltsim_strupr(s);
    return 0;
}

/* Copies at most `count` characters to to[at...]; TRUNCATE as `count` cuts off what does not fit. */
static errno_t AppendWide(PWSTR to, size_t at, size_t size, PCWSTR from, size_t count)
{
    size_t length = fltsim_wcsnlen(from, count), room = size - at - 1;
    errno_t error = 0;

    if (length > room) {
        if (count != TRUNCATE) {
            to[0] = 0;
            return ERROR_RANGE;
        }
        length = room;
        error = ERROR_TRUNCATED;
    }
    memcpy(to + at, from, length * sizeof(WCHAR));
    to[at + length] = 0;
    return error;
}

static errno_t StartWide(PWSTR to, size_t size, PCWSTR from)
{
    if (to == NULL || size == 0)
        return ERROR_INVALID;
    if (from == NULL) {
        to[0] = 0;
        return ERROR_INVALID;
    }
    return 0;
}

errno_t fltsim_wcsncpy_s(PWSTR to, size_t size, PCWSTR from, size_t count)
{
    errno_t error = StartWide(to, size, from);
    return error != 0 ? error : AppendWide(to, 0, size, from, count);
}

errno_t fltsim_wcsncat_s(PWSTR to, size_t size, PCWSTR from, size_t count)
{
    if (to == NULL || size == 0 || from == NULL)
        return ERROR_INVALID;
    size_t at = fltsim_wcsnlen(to, size);
    if (at == size) {
        to[0] = 0;
        return ERROR_INVALID;
    }
    return AppendWide(to, at, size, from, count);
}

errno_t fltsim_wcscpy_s(PWSTR to, size_t size, PCWSTR from)
{
    return fltsim_wcsncpy_s(to, size, from, TRUNCATE - 1);
}

errno_t fltsim_wcscat_s(PWSTR to, size_t size, PCWSTR from)
{
    return fltsim_wcsncat_s(to, size, from, TRUNCATE - 1);
}

errno_t fltsim_wcslwr_s(PWSTR s, size_t size)
{
    if (s == NULL || fltsim_wcsnlen(s, size) == size)
        return ERROR_INVALID;
    fltsim_wcslwr(s);
    return 0;
}

errno_t fltsim_wcsupr_s(PWSTR s, size_t size)
{
    if (s == NULL || fltsim_wcsnlen(s, size) == size)
        return ERROR_INVALID;
    fltsim_wcsupr(s);
    return 0;
}
