#include "trace/trace.h"

#include <fltKernel.h>

#include <stdio.h>
#include <string.h>

#include "statuses.inc"

static const struct {
    unsigned char value;
    const char *name;
} majors[] = {
#define MAJOR(name) {(unsigned char)name, #name},
#define MINOR(major, name)
#define FLAG(list, name)
#include "trace/names.inc"
#undef MAJOR
#undef MINOR
};

static const struct {
    unsigned char major, value;
    const char *name;
} minors[] = {
#define MAJOR(name)
#define MINOR(major, name) {major, name, #name},
#include "trace/names.inc"
#undef MINOR
#undef FLAG
};

static const struct {
    const char *list;
    uint32_t value;
    const char *name;
} flags_by_list[] = {
#define MINOR(major, name)
#define FLAG(list, name) {#list, (uint32_t)(name), #name},
#include "trace/names.inc"
#undef MAJOR
#undef MINOR
#undef FLAG
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* Unknown values, each thread its own text: a message rarely shows more than a few. */
static const char *as_number(uint32_t value)
{
    static _Thread_local char texts[8][16];
    static _Thread_local unsigned next;
    char *text = texts[next++ % 8];
    snprintf(text, sizeof texts[0], "0x%08x", value);
    return text;
}

const char *trace_status(int32_t status)
{
    uint32_t value = (uint32_t)status;
    size_t low = 0, high = COUNT(statuses);

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (statuses[middle].value < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low < COUNT(statuses) && statuses[low].value == value ? statuses[low].name : as_number(value);
}

bool trace_status_value(const char *name, int32_t *status)
{
    for (size_t i = 0; i < COUNT(statuses); i++) {
        if (strcmp(statuses[i].name, name))
            continue;
        *status = (int32_t)statuses[i].value;
        return true;
    }
    return false;
}

const char *trace_major(unsigned char major)
{
    for (size_t i = 0; i < COUNT(majors); i++)
        if (majors[i].value == major)
            return majors[i].name;
    return as_number(major);
}

const char *trace_minor(unsigned char major, unsigned char minor)
{
    for (size_t i = 0; i < COUNT(minors); i++)
        if (minors[i].major == major && minors[i].value == minor)
            return minors[i].name;
    return minor ? as_number(minor) : "";
}

static size_t append(char *text, size_t size, size_t at, const char *name)
{
    if (at + 1 >= size)
        return at;
    int length = snprintf(text + at, size - at, "%s%s", at ? "|" : "", name);
    return at + (size_t)length < size ? at + (size_t)length : size - 1;
}

const char *trace_flags(const char *list, uint32_t flags, char *text, size_t size)
{
    size_t at = 0;
    char rest[16];

    snprintf(text, size, "%s", flags ? "" : "0");
    for (size_t i = 0; i < COUNT(flags_by_list); i++) {
        uint32_t value = flags_by_list[i].value;
        if (strcmp(flags_by_list[i].list, list) || (flags & value) != value)
            continue;
        at = append(text, size, at, flags_by_list[i].name);
        flags &= ~value;
    }
    if (flags) {
        snprintf(rest, sizeof rest, "0x%x", flags);
        append(text, size, at, rest);
    }
    return text;
}

static size_t encode(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

const char *trace_utf8(const uint16_t *units, size_t bytes, char *text, size_t size)
{
    size_t count = units ? bytes / sizeof *units : 0, at = 0;

    for (size_t i = 0; i < count && at + 5 <= size; i++) {
        uint32_t code = units[i];
        if (code >= 0xd800 && code < 0xdc00 && i + 1 < count && units[i + 1] >= 0xdc00 && units[i + 1] < 0xe000)
            code = 0x10000 + ((code - 0xd800) << 10) + (units[++i] - 0xdc00u);
        else if (code >= 0xd800 && code < 0xe000)
            code = 0xfffd;
        at += encode(code, text + at);
    }
    text[at] = 0;
    return text;
}
