#include "tool/msvc_text.h"

#include "tool/util.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

static char *skip_blanks(char *p) { return p + strspn(p, " \t"); }

/* Behind the word, or NULL where another one stands. */
static char *take_word(char *p, const char *word)
{
    size_t length = strlen(word);
    p = skip_blanks(p);
    return strncmp(p, word, length) || (is_word(*word) && is_word(p[length])) ? NULL : p + length;
}

static char *next_word(char *from, const char *word)
{
    for (char *p = strstr(from, word); p; p = strstr(p + 1, word))
        if ((p == from || !is_word(p[-1])) && !is_word(p[strlen(word)]))
            return p;
    return NULL;
}

/* "unsigned long long size_t;", "unsigned __int64 size_t;" or, signed, ptrdiff_t, behind a typedef: its end. */
static char *size_type(char *p)
{
    char *sign = take_word(p, "unsigned"), *end;
    p = sign ? sign : p;
    if ((end = take_word(p, "__int64")) != NULL)
        p = end;
    else if ((p = take_word(p, "long")) != NULL)
        p = take_word(p, "long");
    p = p ? take_word(p, sign ? "size_t" : "ptrdiff_t") : NULL;
    return p ? take_word(p, ";") : NULL;
}

/* The `long` of "long X" or "unsigned long *X" behind a typedef: one name, its stars, and no other type word. */
static char *long_type(char *p)
{
    char *sign = take_word(p, "unsigned"), *end;
    if (!sign)
        sign = take_word(p, "signed");
    p = skip_blanks(sign ? sign : p);
    end = take_word(p, "long");
    if (!end || take_word(end, "long") || take_word(end, "double") || take_word(end, "int"))
        return NULL;
    end += strspn(end, " \t*");
    return isalpha((unsigned char)*end) || *end == '_' ? p : NULL;
}

static bool fix_typedefs(char *text)
{
    bool any = false;
    for (char *p = next_word(text, "typedef"); p; p = next_word(p + 7, "typedef")) {
        char *end = size_type(p + 7), *type = end ? NULL : long_type(p + 7);
        if (end)
            memset(p, ' ', (size_t)(end - p));
        else if (type)
            memcpy(type, "int ", 4);
        any |= end || type;
    }
    return any;
}

/* The parameters of "operator new(" or "operator delete[](", or NULL. */
static char *operator_parameters(char *p)
{
    char *name = take_word(p, "new"), *at = name ? name : take_word(p, "delete");
    if (!at)
        return NULL;
    at = skip_blanks(at);
    at += strspn(at, "[]");
    at = skip_blanks(at);
    return *at == '(' ? at : NULL;
}

static bool fix_operators(char *text)
{
    static const char *const sizes[] = {"unsigned __int64", "unsigned long long"};
    static const char type[] = "__SIZE_TYPE__";
    bool any = false;

    for (char *p = next_word(text, "operator"); p; p = next_word(p + 8, "operator")) {
        char *list = operator_parameters(p + 8), *end = list ? strchr(list, ')') : NULL;
        for (int i = 0; i < 2 && end; i++) {
            char *size = strstr(list, sizes[i]);
            if (!size || size > end)
                continue;
            memset(size, ' ', strlen(sizes[i]));
            memcpy(size, type, sizeof type - 1);
            any = true;
        }
    }
    return any;
}

static bool fix_linkage(char *text)
{
    static const char *const words[] = {"EXTERN_C", "extern \"C\""};
    bool any = false;

    for (int i = 0; i < 2; i++)
        for (char *p = strstr(text, words[i]); p; p = strstr(p + 1, words[i])) {
            size_t length = strlen(words[i]);
            char *after = p + length + strspn(p + length, " \t\r\n");
            if ((p > text && is_word(p[-1])) || strncmp(after, "static", 6) || is_word(after[6]))
                continue;
            memset(p, ' ', length);
            any = true;
        }
    return any;
}

/* "__declspec(selectany) ... ;" without an initializer. */
static bool is_selectany_alone(char *p)
{
    char *end = take_word(p, "DECLSPEC_SELECTANY");
    if (!end) {
        static const char *const words[] = {"__declspec", "(", "selectany", ")"};
        end = p;
        for (int i = 0; i < 4 && end; i++)
            end = take_word(end, words[i]);
    }
    return end && (end = strpbrk(end, ";={}#")) && *end == ';';
}

/* EXTERN_C __declspec(selectany) ULONG x[1]; as the message compiler writes it: MSVC defines x. */
static bool fix_selectany(char *text)
{
    static const char *const words[] = {"EXTERN_C", "extern"};
    bool any = false;
    for (int i = 0; i < 2; i++)
        for (char *p = next_word(text, words[i]); p; p = next_word(p + 1, words[i])) {
            if (!is_selectany_alone(p + strlen(words[i])))
                continue;
            memset(p, ' ', strlen(words[i]));
            any = true;
        }
    return any;
}

/* The comma that stands before __VA_ARGS__, or NULL. */
static bool follows_comma(const char *text, const char *p)
{
    while (p > text && (p[-1] == ' ' || p[-1] == '\t' || p[-1] == '\\' || p[-1] == '\n' || p[-1] == '\r'))
        p--;
    return p > text && p[-1] == ',';
}

static char *fix_commas(char *text, bool *changed)
{
    static const char name[] = "__VA_ARGS__";
    size_t count = 0;

    for (char *p = next_word(text, name); p; p = next_word(p + 1, name))
        count += follows_comma(text, p);
    if (!count)
        return text;
    char *fixed = tool_alloc(strlen(text) + 2 * count + 1), *to = fixed, *from = text;
    for (char *p = next_word(text, name); p; p = next_word(p + 1, name)) {
        if (!follows_comma(text, p))
            continue;
        memcpy(to, from, (size_t)(p - from));
        to += p - from;
        *to++ = '#';
        *to++ = '#';
        from = p;
    }
    strcpy(to, from);
    free(text);
    *changed = true;
    return fixed;
}

/* "text" ## x: MSVC leaves the two beside each other. */
static bool fix_pastes(char *text)
{
    bool any = false;
    for (char *p = strstr(text, "##"); p; p = strstr(p + 2, "##")) {
        const char *before = p;
        while (before > text && strchr(" \t", before[-1]))
            before--;
        if (before == text || before[-1] != '"')
            continue;
        p[0] = p[1] = ' ';
        any = true;
    }
    return any;
}

/* Behind what stands between < and >, or NULL. */
static char *skip_angles(char *p)
{
    int depth = 0;
    for (; *p && !strchr(";{}", *p); p++) {
        depth += (*p == '<') - (*p == '>');
        if (*p == '>' && !depth)
            return p + 1;
    }
    return NULL;
}

/* typename X<Y> without X<Y>::Z: nothing there depends on what X is. */
static bool fix_typenames(char *text)
{
    bool any = false;
    for (char *p = next_word(text, "typename"); p; p = next_word(p + 8, "typename")) {
        char *name = skip_blanks(p + 8), *open = name;
        while (is_word(*open) || *open == ':')
            open++;
        open = skip_blanks(open);
        char *after = *open == '<' && open > name ? skip_angles(open) : NULL;
        if (!after || !strncmp(skip_blanks(after), "::", 2))
            continue;
        memset(p, ' ', 8);
        any = true;
    }
    return any;
}

char *msvc_skip_quoted(char *p)
{
    if (p[0] == '/' && p[1] == '/')
        return p + strcspn(p, "\n");
    if (p[0] == '/' && p[1] == '*') {
        char *end = strstr(p + 2, "*/");
        return end ? end + 2 : p + strlen(p);
    }
    if (*p != '"' && *p != '\'')
        return NULL;
    char quote = *p++;
    while (*p && *p != quote && *p != '\n')
        p += *p == '\\' && p[1] ? 2 : 1;
    return *p == quote ? p + 1 : p;
}

/* 5i64 and 0xFFui64. */
static bool fix_number(char *digits, char *end)
{
    static const struct {
        const char *theirs, *ours;
    } suffixes[] = {{"ui64", "ULL "}, {"ui32", "U   "}, {"ui16", "U   "}, {"ui8", "U  "},
                    {"i64", "LL "},   {"i32", "   "},   {"i16", "   "},   {"i8", "  "}};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t length = strlen(suffixes[i].theirs);
        if ((size_t)(end - digits) <= length)
            continue;
        size_t same = 0;
        while (same < length && tolower((unsigned char)end[(long)same - (long)length]) == suffixes[i].theirs[same])
            same++;
        if (same == length) {
            memcpy(end - length, suffixes[i].ours, length);
            return true;
        }
    }
    return false;
}

static bool fix_numbers(char *text)
{
    bool any = false;
    for (char *p = text; *p;) {
        char *after = msvc_skip_quoted(p);
        if (after) {
            p = after;
        } else if (is_word(*p)) {
            char *begin = p;
            while (is_word(*p))
                p++;
            any |= isdigit((unsigned char)*begin) && fix_number(begin, p);
        } else {
            p++;
        }
    }
    return any;
}

/* const enum class X {...};: nothing there is constant. */
static bool fix_const_types(char *text)
{
    bool any = false;
    for (char *p = next_word(text, "const"); p; p = next_word(p + 5, "const")) {
        char *after = take_word(p + 5, "enum"), *open = after ? strpbrk(after, "{;=()") : NULL;
        char *close = open && *open == '{' ? strchr(open, '}') : NULL;
        if (!close || *(close + 1 + strspn(close + 1, " \t\r\n")) != ';')
            continue;
        memset(p, ' ', 5);
        any = true;
    }
    return any;
}

char *msvc_text(char *text, bool *changed)
{
    *changed |= fix_pastes(text);
    *changed |= fix_const_types(text);
    *changed |= fix_typenames(text);
    *changed |= fix_numbers(text);
    text = msvc_casts(text, changed);
    *changed |= fix_typedefs(text);
    *changed |= msvc_members(text);
    *changed |= fix_operators(text);
    *changed |= fix_linkage(text);
    *changed |= fix_selectany(text);
    return fix_commas(text, changed);
}
