/* The bytes of an INF as lines of UTF-8 fields: encoding, comments, continuation, quotes, %strings%. */
#ifndef FLTSIM_SIM_INF_TEXT_H
#define FLTSIM_SIM_INF_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* One logical line of a section: "key = field, field" (key NULL without '='). */
struct inf_line {
    struct inf_line *next; /* inf_section.lines */
    unsigned number;       /* where it starts in the file */
    char *key;
    char **fields;
    size_t count;
};

struct inf_section {
    struct inf_section *next; /* inf_text.sections */
    char *name;
    unsigned number;
    struct inf_line *lines;
};

struct inf_text {
    const char *path;
    struct inf_section *sections;
    char *error; /* "path:line: ..." of the first thing that is wrong; malloc */
    char *remarks; /* likewise what was read otherwise than written, a line each; malloc, or NULL */
};

/* False: text->error says where and why. */
bool inf_text_parse(struct inf_text *text, const char *path, const void *bytes, size_t size);
void inf_text_free(struct inf_text *text);

/* Names compare without regard to case. Several sections of one name are one section: *from is where to go on. */
struct inf_section *inf_text_section(struct inf_section *from, const char *name);
/* The text with every %token% replaced from [Strings]; NULL with text->error set when one is not defined. malloc. */
char *inf_text_expand(struct inf_text *text, const char *field, unsigned line);

/* Records the first error; always false. */
bool inf_text_fail(struct inf_text *text, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void inf_text_remark(struct inf_text *text, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

int inf_compare(const char *a, const char *b);
int inf_compare_prefix(const char *text, const char *prefix);

#endif
