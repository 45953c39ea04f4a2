/* The C library's printf family, by Windows' rules.
 *
 * Microsoft's _snprintf and its kind answer -1 when the text does not fit and then do not terminate it;
 * the standard's snprintf answers the length that the text would have had. */
#include "rtl/rtlp.h"

#define TRUNCATE ((size_t)-1)
#define UNLIMITED 0x7FFFFFFF

static size_t FormatNarrow(PSTR to, size_t room, PCSTR format, va_list arguments)
{
    struct rtlp_output out = {.narrow = to, .room = to != NULL ? room : 0};
    RtlpFormatA(&out, format, arguments);
    return out.length;
}

static size_t FormatWide(PWSTR to, size_t room, PCWSTR format, va_list arguments)
{
    struct rtlp_output out = {.wide = to, .room = to != NULL ? room : 0};
    RtlpFormatW(&out, format, arguments);
    return out.length;
}

int fltsim_vsnprintf(PSTR to, size_t count, PCSTR format, va_list arguments)
{
    size_t length = FormatNarrow(to, count, format, arguments);

    if (count != 0)
        to[length < count ? length : count - 1] = 0;
    return (int)length;
}

int fltsim_vsnprintf_ms(PSTR to, size_t count, PCSTR format, va_list arguments)
{
    size_t length = FormatNarrow(to, count, format, arguments);

    if (length < count)
        to[length] = 0;
    return length <= count ? (int)length : -1;
}

int fltsim_vsnwprintf(PWSTR to, size_t count, PCWSTR format, va_list arguments)
{
    size_t length = FormatWide(to, count, format, arguments);

    if (length < count)
        to[length] = 0;
    return length <= count ? (int)length : -1;
}

int fltsim_vsprintf(PSTR to, PCSTR format, va_list arguments)
{
    return fltsim_vsnprintf_ms(to, UNLIMITED, format, arguments);
}

int fltsim_vswprintf(PWSTR to, size_t count, PCWSTR format, va_list arguments)
{
    size_t length = FormatWide(to, count, format, arguments);

    if (count != 0)
        to[length < count ? length : count - 1] = 0;
    return length < count ? (int)length : -1;
}

/* The _s kind: `count` characters at most, TRUNCATE cuts off; else overrunning `size` empties the text. */
int fltsim_vsnprintf_s(PSTR to, size_t size, size_t count, PCSTR format, va_list arguments)
{
    if (to == NULL || size == 0)
        return -1;
    size_t limit = count < size - 1 ? count : size - 1;
    size_t length = FormatNarrow(to, limit, format, arguments);
    if (length > limit && count != TRUNCATE && count >= size) {
        to[0] = 0;
        return -1;
    }
    to[length < limit ? length : limit] = 0;
    return length <= limit ? (int)length : -1;
}

int fltsim_vsnwprintf_s(PWSTR to, size_t size, size_t count, PCWSTR format, va_list arguments)
{
    if (to == NULL || size == 0)
        return -1;
    size_t limit = count < size - 1 ? count : size - 1;
    size_t length = FormatWide(to, limit, format, arguments);
    if (length > limit && count != TRUNCATE && count >= size) {
        to[0] = 0;
        return -1;
    }
    to[length < limit ? length : limit] = 0;
    return length <= limit ? (int)length : -1;
}

int fltsim_vsprintf_s(PSTR to, size_t size, PCSTR format, va_list arguments)
{
    return fltsim_vsnprintf_s(to, size, TRUNCATE - 1, format, arguments);
}

int fltsim_vswprintf_s(PWSTR to, size_t size, PCWSTR format, va_list arguments)
{
    return fltsim_vsnwprintf_s(to, size, TRUNCATE - 1, format, arguments);
}

int fltsim_vscprintf(PCSTR format, va_list arguments)
{
    return (int)FormatNarrow(NULL, 0, format, arguments);
}

int fltsim_vscwprintf(PCWSTR format, va_list arguments)
{
    return (int)FormatWide(NULL, 0, format, arguments);
}

/* The same with the arguments written out. */
#define FORWARD(call)                                                                              \
    do {                                                                                           \
        va_list arguments;                                                                         \
        va_start(arguments, format);                                                               \
        int result = call;                                                                         \
        va_end(arguments);                                                                         \
        return result;                                                                             \
    } while (0)

int fltsim_sprintf(PSTR to, PCSTR format, ...)
{
    FORWARD(fltsim_vsprintf(to, format, arguments));
}

int fltsim_snprintf(PSTR to, size_t count, PCSTR format, ...)
{
    FORWARD(fltsim_vsnprintf(to, count, format, arguments));
}

int fltsim_snprintf_ms(PSTR to, size_t count, PCSTR format, ...)
{
    FORWARD(fltsim_vsnprintf_ms(to, count, format, arguments));
}

int fltsim_snwprintf(PWSTR to, size_t count, PCWSTR format, ...)
{
    FORWARD(fltsim_vsnwprintf(to, count, format, arguments));
}

int fltsim_swprintf(PWSTR to, PCWSTR format, ...)
{
    FORWARD(fltsim_vsnwprintf(to, UNLIMITED, format, arguments));
}

int fltsim_swprintf_n(PWSTR to, size_t count, PCWSTR format, ...)
{
    FORWARD(fltsim_vswprintf(to, count, format, arguments));
}

int fltsim_scprintf(PCSTR format, ...)
{
    FORWARD(fltsim_vscprintf(format, arguments));
}

int fltsim_scwprintf(PCWSTR format, ...)
{
    FORWARD(fltsim_vscwprintf(format, arguments));
}

int fltsim_snprintf_s(PSTR to, size_t size, size_t count, PCSTR format, ...)
{
    FORWARD(fltsim_vsnprintf_s(to, size, count, format, arguments));
}

int fltsim_snwprintf_s(PWSTR to, size_t size, size_t count, PCWSTR format, ...)
{
    FORWARD(fltsim_vsnwprintf_s(to, size, count, format, arguments));
}

int fltsim_sprintf_s(PSTR to, size_t size, PCSTR format, ...)
{
    FORWARD(fltsim_vsprintf_s(to, size, format, arguments));
}

int fltsim_swprintf_s(PWSTR to, size_t size, PCWSTR format, ...)
{
    FORWARD(fltsim_vswprintf_s(to, size, format, arguments));
}
