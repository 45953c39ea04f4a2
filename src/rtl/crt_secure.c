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

#define CHARACTER CHAR
#define NAME(name) name##Narrow
#define ROUTINE(name) fltsim_str##name
#define LENGTH_OF fltsim_strnlen_s
#include "rtl/crt_secure_text.inc"
#undef CHARACTER
#undef NAME
#undef ROUTINE
#undef LENGTH_OF

#define CHARACTER WCHAR
#define NAME(name) name##Wide
#define ROUTINE(name) fltsim_wcs##name
#define LENGTH_OF fltsim_wcsnlen
#include "rtl/crt_secure_text.inc"
