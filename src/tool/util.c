#include "tool/util.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *tool_alloc(size_t size)
{
    void *block = calloc(1, size ? size : 1);
    if (!block) {
        fprintf(stderr, "fltsim: out of memory\n");
        exit(2);
    }
    return block;
}

char *tool_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(tool_alloc(size), text, size);
}

static char *format_list(const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *text = tool_alloc((size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

char *tool_format(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = format_list(format, arguments);
    va_end(arguments);
    return text;
}

void tool_list_take(struct tool_list *list, char *text)
{
    if ((list->count & (list->count + 1)) == 0) {
        char **items = tool_alloc((list->count * 2 + 2) * sizeof *items);
        if (list->items)
            memcpy(items, list->items, list->count * sizeof *items);
        free(list->items);
        list->items = items;
    }
    list->items[list->count++] = text;
    list->items[list->count] = NULL;
}

void tool_list_add(struct tool_list *list, const char *text) { tool_list_take(list, tool_strdup(text)); }

bool tool_list_has(const struct tool_list *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (!strcmp(list->items[i], text))
            return true;
    return false;
}

void tool_list_free(struct tool_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct tool_list){0};
}

char *tool_join(const char *folder, const char *name)
{
    if (!*folder || !strcmp(folder, ".") || *name == '/')
        return tool_strdup(name);
    if (!*name || !strcmp(name, "."))
        return tool_strdup(folder);
    return tool_format("%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", name);
}

char *tool_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder = tool_strdup(path);
    folder[slash ? slash - path : 0] = 0;
    return folder;
}

char *tool_stem(const char *path)
{
    const char *name = tool_name(path);
    const char *dot = strrchr(name, '.');
    return tool_format("%.*s", (int)(dot ? dot - name : (long)strlen(name)), name);
}

const char *tool_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *tool_normalize(char *path)
{
    bool absolute = *path == '/';
    struct tool_list parts = {0};

    char *copy = tool_strdup(path), *rest = NULL;
    for (char *part = strtok_r(copy, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
        if (!strcmp(part, "."))
            continue;
        if (!strcmp(part, "..") && parts.count && strcmp(parts.items[parts.count - 1], "..")) {
            free(parts.items[--parts.count]);
            parts.items[parts.count] = NULL;
            continue;
        }
        if (strcmp(part, "..") || !absolute)
            tool_list_add(&parts, part);
    }
    char *out = path;
    if (absolute)
        *out++ = '/';
    for (size_t i = 0; i < parts.count; i++) {
        if (i)
            *out++ = '/';
        size_t length = strlen(parts.items[i]);
        memmove(out, parts.items[i], length);
        out += length;
    }
    *out = 0;
    free(copy);
    tool_list_free(&parts);
    return path;
}

int tool_compare(const char *a, const char *b)
{
    while (*a && tolower((unsigned char)*a) == tolower((unsigned char)*b))
        a++, b++;
    return tolower((unsigned char)*a) - tolower((unsigned char)*b);
}

bool tool_ends_with(const char *text, const char *tail)
{
    size_t length = strlen(text), size = strlen(tail);
    return length >= size && !tool_compare(text + length - size, tail);
}

static char *errors;

const char *tool_errors(void) { return errors ? errors : ""; }

void tool_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    char *line = format_list(format, arguments);
    va_end(arguments);
    fprintf(stderr, "fltsim: %s\n", line);
    char *all = tool_format("%s%s%s", tool_errors(), errors ? "\n" : "", line);
    free(errors);
    free(line);
    errors = all;
}
