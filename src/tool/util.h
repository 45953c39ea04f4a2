/* Small things of the command: texts, lists, paths. Memory: malloc; the process ends when there is none. */
#ifndef FLTSIM_TOOL_UTIL_H
#define FLTSIM_TOOL_UTIL_H

#include <stdbool.h>
#include <stddef.h>

void *tool_alloc(size_t size); /* zeroed */
char *tool_strdup(const char *text);
char *tool_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A list of texts it owns. */
struct tool_list {
    char **items; /* NULL-terminated once something was added */
    size_t count;
};
void tool_list_add(struct tool_list *list, const char *text);
void tool_list_take(struct tool_list *list, char *text); /* takes over the text */
bool tool_list_has(const struct tool_list *list, const char *text);
void tool_list_free(struct tool_list *list);

/* Paths use '/'. */
char *tool_join(const char *folder, const char *name); /* malloc; "" and "." vanish */
char *tool_folder(const char *path);                   /* "a/b" of "a/b/c.c"; "" of "c.c" */
const char *tool_name(const char *path);               /* "c.c" */
char *tool_stem(const char *path);                     /* "c" */
/* "a/../b/./c" -> "b/c", in place; leading ".." stay. */
char *tool_normalize(char *path);
bool tool_ends_with(const char *text, const char *tail); /* without regard to case */
int tool_compare(const char *a, const char *b);          /* without regard to case */

/* Messages on stderr: "fltsim: ...". */
void tool_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *tool_errors(void); /* all of them so far, a line each */

#endif
