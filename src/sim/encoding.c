#include "sim/encoding.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *need(void *block)
{
    if (!block)
        abort();
    return block;
}

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

static char *from_utf16(const unsigned char *bytes, size_t size, bool big)
{
    char *out = need(malloc(size / 2 * 3 + 1));
    size_t used = 0;
    for (size_t i = 0; i + 1 < size; i += 2) {
        uint32_t c = big ? (uint32_t)bytes[i] << 8 | bytes[i + 1] : bytes[i] | (uint32_t)bytes[i + 1] << 8;
        if (c >= 0xD800 && c < 0xDC00 && i + 3 < size) {
            uint32_t low = big ? (uint32_t)bytes[i + 2] << 8 | bytes[i + 3]
                               : bytes[i + 2] | (uint32_t)bytes[i + 3] << 8;
            if (low >= 0xDC00 && low < 0xE000) {
                c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
                i += 2;
            }
        }
        if (c)
            used += put_utf8(out + used, c);
    }
    out[used] = 0;
    return out;
}

static bool is_utf8(const unsigned char *s, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        unsigned more = s[i] < 0x80 ? 0 : s[i] >= 0xF0 && s[i] < 0xF5 ? 3 : s[i] >= 0xE0 ? 2 : s[i] >= 0xC2 ? 1 : 9;
        if (s[i] >= 0xF5 || more == 9)
            return false;
        while (more--)
            if (++i >= size || (s[i] & 0xC0) != 0x80)
                return false;
    }
    return true;
}

static char *from_ansi(const unsigned char *bytes, size_t size)
{
    /* Code page 1252 differs from Latin-1 in 0x80..0x9F only. */
    static const uint16_t high[32] = {0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021,
                                      0x02C6, 0x2030, 0x0160, 0x2039, 0x0152, 0x8D,   0x017D, 0x8F,
                                      0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014,
                                      0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};
    char *out = need(malloc(size * 3 + 1));
    size_t used = 0;
    for (size_t i = 0; i < size; i++)
        used += put_utf8(out + used, bytes[i] >= 0x80 && bytes[i] < 0xA0 ? high[bytes[i] - 0x80] : bytes[i]);
    out[used] = 0;
    return out;
}

char *sim_decode_text(const void *given, size_t size, bool *changed)
{
    const unsigned char *bytes = given;
    bool ignored;

    if (!changed)
        changed = &ignored;
    *changed = true;
    if (size >= 2 && bytes[0] == 0xFF && bytes[1] == 0xFE)
        return from_utf16(bytes + 2, size - 2, false);
    if (size >= 2 && bytes[0] == 0xFE && bytes[1] == 0xFF)
        return from_utf16(bytes + 2, size - 2, true);
    if (size >= 3 && !memcmp(bytes, "\xEF\xBB\xBF", 3))
        bytes += 3, size -= 3;
    else
        *changed = false;
    if (!is_utf8(bytes, size)) {
        *changed = true;
        return from_ansi(bytes, size);
    }
    char *out = need(malloc(size + 1));
    memcpy(out, bytes, size);
    out[size] = 0;
    return out;
}
