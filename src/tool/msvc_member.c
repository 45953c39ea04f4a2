/* Members that are declared as long: 32 bits on Windows, 64 here. In a structure the size shows, to the program that a
 * message goes to and in the driver's own assertions. */
#include "tool/msvc_text.h"

#include <ctype.h>
#include <string.h>

enum { DEEPEST = 64 };

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

/* The word between `from` and `end`, comments left out, or NULL. */
static char *find_word(char *from, const char *end, const char *word)
{
    size_t length = strlen(word);
    for (char *p = from; p < end;) {
        char *after = msvc_skip_quoted(p);
        if (after) {
            p = after;
            continue;
        }
        char *begin = p;
        while (p < end && is_word(*p))
            p++;
        if ((size_t)(p - begin) == length && !strncmp(begin, word, length))
            return begin;
        p += p == begin;
    }
    return NULL;
}

static bool has_any(const char *from, const char *end, const char *characters)
{
    for (; from < end; from++)
        if (strchr(characters, *from))
            return true;
    return false;
}

static bool opens_structure(char *from, const char *brace)
{
    static const char *const words[] = {"struct", "union", "class"};
    bool is = false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        is |= find_word(from, brace, words[i]) != NULL;
    while (brace > from && isspace((unsigned char)brace[-1]))
        brace--;
    return is && brace > from && brace[-1] != ')' && brace[-1] != '=';
}

/* "unsigned long a, b : 3;" */
static bool fix_member(char *from, const char *end)
{
    char *type = find_word(from, end, "long");
    if (!type || find_word(type + 4, end, "long") || find_word(from, end, "double") || find_word(from, end, "__int64") ||
        has_any(from, end, "(*&<=~"))
        return false;
    char *spare = find_word(from, end, "int");
    memcpy(type, spare ? "    " : "int ", 4);
    return true;
}

bool msvc_members(char *text)
{
    bool in_structure[DEEPEST] = {false}, any = false;
    int depth = 0;
    char *begin = text;

    for (char *p = text; *p;) {
        char *after = msvc_skip_quoted(p);
        if (after) {
            p = after;
            continue;
        }
        if (*p == '#' && (p == text || p[-1] == '\n')) {
            while (*p && *p != '\n')
                p += p[0] == '\\' && p[1] == '\n' ? 2 : 1;
            begin = p;
            continue;
        }
        if (*p == '{' && depth < DEEPEST - 1)
            in_structure[++depth] = opens_structure(begin, p);
        else if (*p == '}' && depth)
            depth--;
        else if (*p == ';' && in_structure[depth])
            any |= fix_member(begin, p);
        if (strchr("{};", *p))
            begin = p + 1;
        p++;
    }
    return any;
}
