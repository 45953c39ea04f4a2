/* Casts that are assigned to or have an address, as MSVC's C has them: (T)x = y, ((T)x)++ and &(T)x become *(T *)&x = y,
 * (*(T *)&x)++ and &*(T *)&x. None can mean anything else. */
#include "tool/msvc_text.h"

#include "tool/util.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_'; }

static const char *skip_blanks(const char *p) { return p + strspn(p, " \t"); }

static const char *skip_words(const char *p)
{
    while (is_word(*p) || *p == ' ')
        p++;
    return p;
}

/* Behind "(struct X **)", or NULL. */
static const char *skip_cast(const char *p)
{
    if (*p++ != '(' || !(isalpha((unsigned char)*skip_blanks(p)) || *skip_blanks(p) == '_'))
        return NULL;
    p = skip_words(p);
    p += strspn(p, "* \t");
    return *p == ')' ? p + 1 : NULL;
}

static const char *skip_brackets(const char *p)
{
    int depth = 0;
    do {
        depth += (*p == '[') - (*p == ']');
    } while (*p++ && depth);
    return p;
}

/* Behind "a->b.c[d]", or NULL. */
static const char *skip_variable(const char *p)
{
    if (!isalpha((unsigned char)*p) && *p != '_')
        return NULL;
    for (;;) {
        while (is_word(*p))
            p++;
        if (*p == '[')
            p = skip_brackets(p);
        else if (*p == '.')
            p++;
        else if (p[0] == '-' && p[1] == '>')
            p += 2;
        else
            return p;
    }
}

static bool is_assignment(const char *p)
{
    p = skip_blanks(p);
    if (strchr("+-*/%&|^", *p) && *p)
        p++;
    else if ((p[0] == '<' && p[1] == '<') || (p[0] == '>' && p[1] == '>'))
        p += 2;
    return *p == '=' && p[1] != '=';
}

static bool is_step(const char *p)
{
    p = skip_blanks(p);
    return (p[0] == '+' && p[1] == '+') || (p[0] == '-' && p[1] == '-');
}

/* Whether a statement or an expression may begin here. */
static bool is_begin(const char *text, const char *p)
{
    while (p > text && isspace((unsigned char)p[-1]))
        p--;
    bool behind_else = p - text >= 4 && !strncmp(p - 4, "else", 4) && (p - text == 4 || !is_word(p[-5]));
    return p > text && (strchr(";{}),:", p[-1]) || behind_else);
}

/* Whether the & before p takes an address. */
static bool has_address_taken(const char *text, const char *p)
{
    while (p > text && isspace((unsigned char)p[-1]))
        p--;
    if (p == text || p[-1] != '&')
        return false;
    p--;
    while (p > text && isspace((unsigned char)p[-1]))
        p--;
    return p > text && strchr("(,=?:;{", p[-1]);
}

struct cast {
    const char *begin, *variable, *end; /* of "(T)", of "x", behind it */
};

static bool read_cast(const char *text, const char *p, struct cast *cast)
{
    bool inner = p[0] == '(' && p[1] == '(';
    cast->begin = p + inner;
    cast->variable = skip_cast(cast->begin);
    cast->variable = cast->variable ? skip_blanks(cast->variable) : NULL;
    cast->end = cast->variable ? skip_variable(cast->variable) : NULL;
    if (!cast->end)
        return false;
    if (inner)
        return *cast->end == ')' && (is_step(cast->end + 1) || is_assignment(cast->end + 1)) &&
               (p == text || !is_word(p[-1]));
    return (is_assignment(cast->end) && is_begin(text, p)) || has_address_taken(text, p);
}

char *msvc_casts(char *text, bool *changed)
{
    struct cast cast;
    size_t count = 0;

    for (const char *p = strchr(text, '('); p; p = strchr(p + 1, '('))
        count += read_cast(text, p, &cast);
    if (!count)
        return text;
    char *fixed = tool_alloc(strlen(text) + 4 * count + 1), *to = fixed;
    const char *from = text;
    for (const char *p = strchr(text, '('); p; p = strchr(p + 1, '(')) {
        if (!read_cast(text, p, &cast) || cast.begin < from)
            continue;
        const char *close = cast.variable;
        while (*close != ')')
            close--;
        to += sprintf(to, "%.*s*%.*s *)&", (int)(cast.begin - from), from, (int)(close - cast.begin), cast.begin);
        from = cast.variable;
    }
    strcpy(to, from);
    free(text);
    *changed = true;
    return fixed;
}
