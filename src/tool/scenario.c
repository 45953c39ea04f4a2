#include "tool/scenario.h"
#include "tool/check.h"
#include "tool/scenario_run.h"

#include "plat/file.h"
#include "sim/encoding.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool wrong(const struct scenario *s, unsigned line, const char *format, const char *a, const char *b)
{
    char *message = tool_format(format, a, b);
    tool_error("%s:%u: %s", s->path, line, message);
    free(message);
    return false;
}

/* ---- words ---- */

static bool split(const struct scenario *s, struct scenario_line *line, char *text)
{
    while (*text) {
        while (isspace((unsigned char)*text))
            text++;
        if (!*text || *text == '#')
            return true;
        if (line->count == SCENARIO_WORDS)
            return wrong(s, line->number, "a command has at most twelve words%s%s", "", "");
        char *word = text, *out = text;
        bool quoted = false;
        while (*text && (quoted || !isspace((unsigned char)*text))) {
            if (*text == '"')
                quoted = !quoted;
            else
                *out++ = *text;
            text++;
        }
        if (quoted)
            return wrong(s, line->number, "the quotation mark is not closed%s%s", "", "");
        bool more = *text != 0;
        *out = 0;
        line->words[line->count++] = tool_strdup(word);
        text += more;
    }
    return true;
}

/* "... expect STATUS_X" or "... expect any". */
static bool take_expectation(const struct scenario *s, struct scenario_line *line)
{
    line->has_expectation = true;
    line->expected = STATUS_SUCCESS;
    if (line->count && !strcmp(line->words[line->count - 1], "expect"))
        return wrong(s, line->number, "expect takes the name of a status, such as STATUS_ACCESS_DENIED, or any%s%s", "", "");
    if (line->count < 2 || strcmp(line->words[line->count - 2], "expect"))
        return true;
    const char *name = line->words[line->count - 1];
    if (!strcmp(name, "any"))
        line->has_expectation = false;
    else if (!fltsim_status_value(name, &line->expected))
        return wrong(s, line->number, "expect takes the name of a status, such as STATUS_ACCESS_DENIED, or any, not \"%s\"%s",
                     name, "");
    free(line->words[--line->count]);
    free(line->words[--line->count]);
    line->words[line->count] = NULL;
    return true;
}

/* ---- what each command takes ---- */

static bool is_number(const char *text)
{
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    strtoull(text, &end, 0);
    return !*end && !errno;
}

static bool is_one_of(const char *word, const char *list)
{
    size_t length = strlen(word);
    for (const char *p = list; *p; p += strcspn(p, "|"), p += *p == '|')
        if (strcspn(p, "|") == length && !strncmp(p, word, length))
            return true;
    return false;
}

static bool check_word(const struct scenario *s, const struct scenario_line *line, const char *word, const char *kind,
                       size_t length)
{
    char *name = tool_format("%.*s", (int)length, kind);
    bool good = true;

    if (!strcmp(name, "LETTER"))
        good = (isalpha((unsigned char)word[0]) && (!word[1] || !strcmp(word + 1, ":"))) ||
               wrong(s, line->number, "\"%s\" is no drive letter; %s takes one, such as C:", word, line->words[0]);
    else if (!strcmp(name, "NUMBER"))
        good = is_number(word) || !strcmp(word, "end") || !strcmp(word, "current") ||
               wrong(s, line->number, "\"%s\" is no number; %s takes one, such as 4096 or 0x1000", word, line->words[0]);
    else if (!strcmp(name, "PATH"))
        good = strchr(word, '\\') || strchr(word, ':') ||
               wrong(s, line->number, "\"%s\" is no path; %s takes one, such as C:\\folder\\file.txt", word, line->words[0]);
    else if (strchr(name, '|') || islower((unsigned char)*name))
        good = is_one_of(word, name) ||
               wrong(s, line->number, "\"%s\" is none of %s", word, name);
    free(name);
    return good;
}

/* A pattern is words: KIND, [KIND] for one that may be left out, KIND... for any number at the end. */
static bool check_words(const struct scenario *s, const struct scenario_line *line)
{
    const char *p = line->command->takes;
    int i = 1;

    while (*p) {
        size_t length = strcspn(p, " ");
        bool optional = *p == '[', many = length > 3 && !strncmp(p + length - 3, "...", 3);
        const char *kind = p + optional;
        size_t size = length - 2 * optional - (many ? 3 : 0);
        if (i >= line->count && !optional && !many)
            return wrong(s, line->number, "%s takes: %s", line->words[0], line->command->takes);
        do {
            if (i < line->count && !check_word(s, line, line->words[i], kind, size))
                return false;
            i += i < line->count;
        } while (many && i < line->count);
        p += length;
        p += *p == ' ';
    }
    return i >= line->count ||
           wrong(s, line->number, *line->command->takes ? "%s takes no more than: %s" : "%s takes nothing more%s",
                 line->words[0], line->command->takes);
}

static bool read_command(const struct scenario *s, struct scenario_line *line)
{
    if (!take_expectation(s, line))
        return false;
    if (!line->count)
        return wrong(s, line->number, "expect stands behind a command%s%s", "", "");
    line->command = scenario_find_command(line->words[0]);
    if (!line->command)
        return wrong(s, line->number, "there is no command \"%s\"%s", line->words[0], "");
    return check_words(s, line);
}

/* ---- lines and blocks ---- */

static void free_lines(struct scenario_line *line)
{
    while (line) {
        struct scenario_line *next = line->next;
        free_lines(line->block);
        for (int i = 0; i < line->count; i++)
            free(line->words[i]);
        free(line);
        line = next;
    }
}

struct reader {
    struct scenario *scenario;
    char *text;
    unsigned number;
    unsigned errors;
    unsigned depth; /* of blocks within blocks */
};

enum { DEEPEST = 16, MOST_ERRORS = 20 };

/* Reads up to "end" (inside a block) or the end of the file. */
static void read_block(struct reader *r, struct scenario_line **last, unsigned opened)
{
    while (*r->text && r->errors < MOST_ERRORS) {
        char *text = r->text;
        size_t length = strcspn(text, "\n");
        r->text += length + (text[length] == '\n');
        text[length] = 0;
        struct scenario_line *line = tool_alloc(sizeof *line);
        line->number = ++r->number;
        if (!split(r->scenario, line, text)) {
            r->errors++;
        } else if (line->count && !strcmp(line->words[0], "end")) {
            free_lines(line);
            if (opened)
                return;
            r->errors += !wrong(r->scenario, r->number, "end without threads or repeat%s%s", "", "");
            continue;
        } else if (line->count) {
            r->errors += !read_command(r->scenario, line);
            if (line->command && line->command->has_block && r->depth < DEEPEST) {
                r->depth++;
                read_block(r, &line->block, line->number);
                r->depth--;
            } else if (line->command && line->command->has_block) {
                r->errors += !wrong(r->scenario, line->number, "blocks stand in blocks sixteen deep at most%s%s", "", "");
            }
            *last = line;
            last = &line->next;
            continue;
        }
        free_lines(line);
    }
    if (opened && r->errors < MOST_ERRORS)
        r->errors += !wrong(r->scenario, opened, "the block that begins here has no end%s%s", "", "");
}

struct scenario *scenario_parse(const char *path, char *text)
{
    struct scenario *scenario = tool_alloc(sizeof *scenario);
    scenario->path = tool_strdup(path);
    struct reader reader = {.scenario = scenario, .text = text};
    read_block(&reader, &scenario->lines, 0);
    if (!scenario->lines && !reader.errors)
        reader.errors += !wrong(scenario, 1, "the scenario is empty%s%s", "", "");
    if (!reader.errors)
        return scenario;
    tool_error("nothing of %s was run", path);
    scenario_free(scenario);
    return NULL;
}

struct scenario *scenario_read(const char *path)
{
    size_t size;
    char *bytes = plat_file_read(path, &size);
    if (!bytes) {
        tool_error("%s: the scenario cannot be read", path);
        return NULL;
    }
    char *text = sim_decode_text(bytes, size, NULL);
    free(bytes);
    struct scenario *scenario = scenario_parse(path, text);
    free(text);
    return scenario;
}

void scenario_free(struct scenario *scenario)
{
    if (!scenario)
        return;
    free_lines(scenario->lines);
    free(scenario->path);
    free(scenario);
}
