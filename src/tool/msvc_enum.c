/* Enumerations that are named and not defined: an int for MSVC, an incomplete type here. In structures that were taken from
 * a debugger they are defined nowhere; headers that go before the definition say "typedef enum _X X;". */
#include "tool/build.h"
#include "tool/msvc_text.h"

#include "plat/file.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

static const char *next_enum(const char *from)
{
    for (const char *p = strstr(from, "enum"); p; p = strstr(p + 1, "enum"))
        if ((p == from || !is_word(p[-1])) && (p[4] == ' ' || p[4] == '\t'))
            return p;
    return NULL;
}

static size_t word_length(const char *p)
{
    size_t length = 0;
    while (is_word(p[length]))
        length++;
    return length;
}

/* The tag behind "enum" or "enum class", or NULL; *after is what follows. */
static char *read_tag(const char *p, const char **after)
{
    p += 4 + strspn(p + 4, " \t");
    size_t length = word_length(p);
    if ((length == 5 && !strncmp(p, "class", 5)) || (length == 6 && !strncmp(p, "struct", 6))) {
        p += length + strspn(p + length, " \t");
        length = word_length(p);
    }
    *after = p + length + strspn(p + length, " \t\r\n");
    return length && !isdigit((unsigned char)*p) ? tool_format("%.*s", (int)length, p) : NULL;
}

static void add_defined(struct tool_list *defined, const char *text)
{
    const char *after;
    for (const char *p = next_enum(text); p; p = next_enum(p + 4)) {
        char *tag = read_tag(p, &after);
        if (tag && (*after == '{' || *after == ':') && !tool_list_has(defined, tag))
            tool_list_add(defined, tag);
        free(tag);
    }
}

struct headers {
    const char *folder;
    struct tool_list *defined;
};

static bool add_header(const char *name, bool is_directory, uint64_t size, void *context)
{
    struct headers *headers = context;
    if (is_directory || !tool_ends_with(name, ".h"))
        return true;
    char *path = tool_join(headers->folder, name), *text = plat_file_read(path, &(size_t){0});
    if (text)
        add_defined(headers->defined, text);
    free(text);
    free(path);
    return true;
}

static void add_wdk(struct tool_list *defined)
{
    struct tool_list folders = {0};
    compile_wdk_folders(&folders);
    plat_file_walk(folders.items[0], add_header, &(struct headers){folders.items[0], defined});
    tool_list_free(&folders);
}

static void put_int(char *from, const char *to)
{
    memset(from, ' ', (size_t)(to - from));
    memcpy(from, "int", 3);
}

/* Whether the file has an enumeration that is not among the defined ones; `replace`: makes each an int. */
static bool has_undefined(struct tree_file *file, const struct tool_list *defined, bool replace)
{
    bool any = false;
    const char *after;
    for (const char *p = next_enum(file->text); p; p = next_enum(p + 4)) {
        char *tag = read_tag(p, &after);
        if (tag && (isalpha((unsigned char)*after) || *after == '_') && !tool_list_has(defined, tag)) {
            any = true;
            if (replace)
                put_int(file->text + (p - file->text), strstr(p + 4, tag) + strlen(tag));
        }
        free(tag);
    }
    return any;
}

/* ---- typedef enum _X X; before the definition ---- */

static bool is_behind_typedef(const char *text, const char *at)
{
    while (at > text && isspace((unsigned char)at[-1]))
        at--;
    return at - text >= 7 && !strncmp(at - 7, "typedef", 7) && (at - text == 7 || !is_word(at[-8]));
}

/* The tags that the file types and does not define. */
static void add_typed(struct tool_list *typed, const char *text)
{
    struct tool_list own = {0};
    const char *after;

    add_defined(&own, text);
    for (const char *p = next_enum(text); p; p = next_enum(p + 4)) {
        char *tag = read_tag(p, &after);
        if (tag && is_behind_typedef(text, p) && is_word(*after) && after[word_length(after)] == ';' &&
            !tool_list_has(&own, tag) && !tool_list_has(typed, tag))
            tool_list_add(typed, tag);
        free(tag);
    }
    tool_list_free(&own);
}

/* The type becomes an int, here and where the enumeration is defined: typedef enum _X {...} X; is then two declarations. */
static char *type_as_int(char *text, const struct tool_list *typed, bool *changed)
{
    const char *after;
    for (const char *p = next_enum(text); p; p = next_enum(p + 4)) {
        char *tag = read_tag(p, &after);
        bool is = tag && is_behind_typedef(text, p) && tool_list_has(typed, tag);
        if (is && is_word(*after)) {
            put_int(text + (p - text), after);
            *changed = true;
        } else if (is && *after == '{' && strchr(after, '}')) {
            size_t at = (size_t)(p - text), end = (size_t)(strchr(after, '}') - text);
            char *word = text + at;
            while (strncmp(word, "typedef", 7))
                word--;
            memset(word, ' ', 7);
            char *more = tool_format("%.*s}; typedef int %s", (int)end, text, text + end + 1);
            free(text);
            text = more;
            p = text + at;
            *changed = true;
        }
        free(tag);
    }
    return text;
}

static void type_ahead(struct tree *tree)
{
    struct tool_list typed = {0};
    for (size_t i = 0; i < tree->count; i++)
        if (tree->files[i]->visited)
            add_typed(&typed, tree->files[i]->text);
    for (size_t i = 0; i < tree->count && typed.count; i++)
        if (tree->files[i]->visited)
            tree->files[i]->text = type_as_int(tree->files[i]->text, &typed, &tree->files[i]->converted);
    tool_list_free(&typed);
}

/* ---- all ---- */

void msvc_enums(struct tree *tree)
{
    struct tool_list defined = {0};
    bool any = false;

    for (size_t i = 0; i < tree->count; i++)
        if (tree->files[i]->visited)
            add_defined(&defined, tree->files[i]->text);
    for (size_t i = 0; i < tree->count && !any; i++)
        any = tree->files[i]->visited && has_undefined(tree->files[i], &defined, false);
    if (any)
        add_wdk(&defined);
    for (size_t i = 0; i < tree->count && any; i++)
        if (tree->files[i]->visited && has_undefined(tree->files[i], &defined, true))
            tree->files[i]->converted = true;
    tool_list_free(&defined);
    type_ahead(tree);
}
