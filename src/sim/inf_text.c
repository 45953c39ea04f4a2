#include "sim/inf_text.h"
#include "sim/encoding.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *need(void *block)
{
    if (!block)
        abort();
    return block;
}

int inf_compare(const char *a, const char *b)
{
    while (*a && tolower((unsigned char)*a) == tolower((unsigned char)*b))
        a++, b++;
    return tolower((unsigned char)*a) - tolower((unsigned char)*b);
}

int inf_compare_prefix(const char *text, const char *prefix)
{
    for (; *prefix; text++, prefix++)
        if (tolower((unsigned char)*text) != tolower((unsigned char)*prefix))
            return 1;
    return 0;
}

static char *message(const struct inf_text *text, unsigned line, const char *format, va_list arguments)
{
    char what[512];

    vsnprintf(what, sizeof what, format, arguments);
    size_t size = strlen(text->path) + strlen(what) + 32;
    char *all = need(malloc(size));
    if (line)
        snprintf(all, size, "%s:%u: %s", text->path, line, what);
    else
        snprintf(all, size, "%s: %s", text->path, what);
    return all;
}

bool inf_text_fail(struct inf_text *text, unsigned line, const char *format, ...)
{
    va_list arguments;

    if (text->error)
        return false;
    va_start(arguments, format);
    text->error = message(text, line, format, arguments);
    va_end(arguments);
    return false;
}

void inf_text_remark(struct inf_text *text, unsigned line, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    char *more = message(text, line, format, arguments);
    va_end(arguments);
    size_t length = text->remarks ? strlen(text->remarks) : 0;
    text->remarks = need(realloc(text->remarks, length + strlen(more) + 2));
    sprintf(text->remarks + length, "%s%s", length ? "\n" : "", more);
    free(more);
}

/* ---- lines ---- */

static void *append(void *list, size_t count, size_t element)
{
    return (count & (count - 1)) == 0 ? need(realloc(list, (count ? count * 2 : 1) * element)) : list;
}

struct cursor {
    struct inf_text *text;
    const char *at;
    unsigned line;
};

/* Where the next line begins if a backslash joins it to this one, with or without a comment in between; else NULL. */
static const char *continuation(const char *p)
{
    if (*p++ != '\\')
        return NULL;
    p += strspn(p, " \t\r");
    if (*p == ';')
        p += strcspn(p, "\n");
    return *p == '\n' ? p + 1 : NULL;
}

static void skip_blanks(struct cursor *c)
{
    for (;;) {
        c->at += strspn(c->at, " \t\r");
        const char *next = continuation(c->at);
        if (!next)
            return;
        c->at = next;
        c->line++;
    }
}

static bool ends_line(char c) { return c == 0 || c == '\n' || c == ';'; }

static void trim(char *text)
{
    size_t length = strlen(text);
    while (length && isspace((unsigned char)text[length - 1]))
        text[--length] = 0;
}

/* A field up to ',' (or '=' for a key): quoted parts verbatim with "" for a quote. NULL: an error was recorded. */
static char *read_field(struct cursor *c, bool stop_at_equals)
{
    char *out = need(malloc(strlen(c->at) + 1));
    size_t used = 0, quoted = 0; /* quoted: where the last quoted part ends; blanks up to there are meant */
    skip_blanks(c);
    while (!ends_line(*c->at) && *c->at != ',' && !(stop_at_equals && *c->at == '=')) {
        if (continuation(c->at)) {
            skip_blanks(c);
            continue;
        }
        if (*c->at != '"') {
            out[used++] = *c->at++;
            continue;
        }
        unsigned opened = c->line;
        for (c->at++;; c->at++) {
            if (*c->at == 0 || *c->at == '\n') {
                inf_text_fail(c->text, opened, "the quotation mark is not closed on its line");
                free(out);
                return NULL;
            }
            if (*c->at == '"') {
                if (c->at[1] != '"')
                    break;
                c->at++;
            }
            out[used++] = *c->at;
        }
        c->at++;
        quoted = used;
    }
    while (used > quoted && isspace((unsigned char)out[used - 1]))
        used--;
    out[used] = 0;
    return out;
}

static void skip_line(struct cursor *c)
{
    while (*c->at && *c->at != '\n')
        c->at++;
    if (*c->at)
        c->at++, c->line++;
}

static void free_line(struct inf_line *line)
{
    for (size_t i = 0; i < line->count; i++)
        free(line->fields[i]);
    free(line->fields);
    free(line->key);
    free(line);
}

static bool read_line(struct cursor *c, struct inf_line **result)
{
    struct inf_line *line = need(calloc(1, sizeof *line));
    line->number = c->line;
    char *first = read_field(c, true);
    if (!first)
        goto failed;
    if (*c->at == '=') {
        line->key = first;
        c->at++;
        first = read_field(c, false);
        if (!first)
            goto failed;
    }
    for (;;) {
        line->fields = append(line->fields, line->count, sizeof *line->fields);
        line->fields[line->count++] = first;
        if (*c->at != ',')
            break;
        c->at++;
        first = read_field(c, false);
        if (!first)
            goto failed;
    }
    *result = line;
    return true;
failed:
    free_line(line);
    return false;
}

static bool read_section(struct cursor *c, struct inf_section ***last)
{
    const char *end = c->at;
    while (*end && *end != '\n' && *end != ']')
        end++;
    if (*end != ']')
        return inf_text_fail(c->text, c->line, "a section line needs its closing ]");
    if (end == c->at + 1)
        return inf_text_fail(c->text, c->line, "a section needs a name between [ and ]");
    struct inf_section *section = need(calloc(1, sizeof *section));
    section->number = c->line;
    section->name = need(calloc(1, (size_t)(end - c->at)));
    memcpy(section->name, c->at + 1, (size_t)(end - c->at - 1));
    trim(section->name);
    **last = section;
    *last = &section->next;
    c->at = end + 1;
    skip_line(c);
    return true;
}

static bool parse(struct cursor *c)
{
    struct inf_section **last = &c->text->sections, *section = NULL;
    struct inf_line **last_line = NULL;

    while (*c->at) {
        skip_blanks(c);
        if (ends_line(*c->at)) {
            skip_line(c);
            continue;
        }
        if (*c->at == '[') {
            struct inf_section **slot = last;
            if (!read_section(c, &last))
                return false;
            section = *slot;
            last_line = &section->lines;
            continue;
        }
        if (!section)
            return inf_text_fail(c->text, c->line, "an INF starts with a section: [Version]");
        if (!read_line(c, last_line))
            return false;
        last_line = &(*last_line)->next;
        skip_line(c);
    }
    if (!section)
        return inf_text_fail(c->text, 0, "there is no section in it: this is not an INF");
    return true;
}

bool inf_text_parse(struct inf_text *text, const char *path, const void *bytes, size_t size)
{
    *text = (struct inf_text){.path = path};
    char *utf8 = sim_decode_text(bytes, size, NULL);
    bool parsed = parse(&(struct cursor){text, utf8, 1});
    free(utf8);
    return parsed;
}

void inf_text_free(struct inf_text *text)
{
    while (text->sections) {
        struct inf_section *section = text->sections;
        text->sections = section->next;
        while (section->lines) {
            struct inf_line *line = section->lines;
            section->lines = line->next;
            free_line(line);
        }
        free(section->name);
        free(section);
    }
    free(text->error);
    free(text->remarks);
    text->error = text->remarks = NULL;
}

struct inf_section *inf_text_section(struct inf_section *from, const char *name)
{
    while (from && inf_compare(from->name, name))
        from = from->next;
    return from;
}

/* ---- %strings% ---- */

static const char *find_string(struct inf_text *text, const char *token, size_t length)
{
    const char *other_language = NULL;
    for (struct inf_section *s = text->sections; s; s = s->next) {
        bool neutral = !inf_compare(s->name, "Strings");
        if (!neutral && inf_compare_prefix(s->name, "Strings."))
            continue;
        for (struct inf_line *line = s->lines; line; line = line->next) {
            if (!line->key || strlen(line->key) != length || inf_compare_prefix(token, line->key))
                continue;
            if (neutral)
                return line->fields[0];
            other_language = line->fields[0];
        }
    }
    return other_language;
}

char *inf_text_expand(struct inf_text *text, const char *field, unsigned line)
{
    char *out = need(malloc(1));
    size_t used = 0;
    while (*field) {
        const char *put = field;
        size_t length = 1;
        const char *close = *field == '%' ? strchr(field + 1, '%') : NULL;
        if (close == field + 1) {
            field += 2;
        } else if (close) {
            size_t token = (size_t)(close - field - 1);
            /* %13% is a folder by its number: it stays. */
            bool is_folder = strspn(field + 1, "0123456789") == token;
            put = is_folder ? field : find_string(text, field + 1, token);
            if (!put) {
                inf_text_fail(text, line, "%.*s is not defined in [Strings]", (int)(close - field + 1), field);
                free(out);
                return NULL;
            }
            length = is_folder ? token + 2 : strlen(put);
            field = close + 1;
        } else {
            field++;
        }
        out = need(realloc(out, used + length + 1));
        memcpy(out + used, put, length);
        used += length;
    }
    out[used] = 0;
    return out;
}
