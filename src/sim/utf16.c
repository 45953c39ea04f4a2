#include "sim/service.h"

static bool is_more(unsigned char byte) { return (byte & 0xC0) == 0x80; }

/* How many bytes the character that begins there has; 0: none does. */
static unsigned length_at(const unsigned char *at)
{
    unsigned length = *at < 0x80 ? 1 : *at < 0xC2 ? 0 : *at < 0xE0 ? 2 : *at < 0xF0 ? 3 : *at < 0xF5 ? 4 : 0;
    for (unsigned i = 1; i < length; i++)
        if (!is_more(at[i]))
            return 0;
    if ((*at == 0xE0 && at[1] < 0xA0) || (*at == 0xF0 && at[1] < 0x90) || (*at == 0xF4 && at[1] > 0x8F))
        return 0; /* longer than need be, or behind the last character */
    return length;
}

static unsigned next(const unsigned char **at)
{
    unsigned length = length_at(*at);
    unsigned c = length < 2 ? **at : **at & (0x7Fu >> length);
    for (unsigned i = 1; i < length; i++)
        c = c << 6 | ((*at)[i] & 0x3F);
    *at += length ? length : 1;
    return length ? c : 0xFFFD;
}

size_t sim_utf16(const char *text, WCHAR *out)
{
    const unsigned char *at = (const unsigned char *)text;
    WCHAR *begin = out;
    while (*at) {
        unsigned c = next(&at);
        if (c >= 0x10000) {
            *out++ = (WCHAR)(0xD800 + ((c - 0x10000) >> 10));
            c = 0xDC00 + (c & 0x3FF);
        }
        *out++ = (WCHAR)c;
    }
    return (size_t)(out - begin);
}
