/* The scanf family: text to numbers, words and characters, by Windows' rules. Floating point is not known, as in the kernel. */
#include "rtl/rtlp.h"

struct scan {
    const void *text;
    SIZE_T at;
    BOOLEAN wide; /* the text and its format */
    BOOLEAN secure; /* texts are followed by their size */
    va_list arguments;
};

struct conversion {
    BOOLEAN dropped, target_wide;
    SIZE_T width;
    unsigned size; /* of a number */
    WCHAR kind;
};

static WCHAR CharacterOf(const void *text, SIZE_T at, BOOLEAN wide)
{
    return wide ? ((PCWSTR)text)[at] : (UCHAR)((PCSTR)text)[at];
}

static WCHAR Next(const struct scan *s)
{
    return CharacterOf(s->text, s->at, s->wide);
}

static BOOLEAN IsBlank(WCHAR c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void SkipBlanks(struct scan *s)
{
    while (IsBlank(Next(s)))
        s->at++;
}

static unsigned DigitOf(WCHAR c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

/* An optional sign, a prefix where the base allows it, and digits; FALSE: there are none. */
static BOOLEAN ReadNumber(struct scan *s, SIZE_T width, unsigned base, ULONGLONG *value)
{
    SIZE_T end = s->at + (width ? width : (SIZE_T)-1 - s->at), digits = 0;
    BOOLEAN negative = Next(s) == '-';

    if (s->at < end && (Next(s) == '-' || Next(s) == '+'))
        s->at++;
    if (s->at + 1 < end && Next(s) == '0' && (base == 0 || base == 16) &&
        (CharacterOf(s->text, s->at + 1, s->wide) | 0x20) == 'x') {
        s->at += 2;
        base = 16;
        digits = 1;
    } else if (base == 0) {
        base = Next(s) == '0' ? 8 : 10;
    }
    for (*value = 0; s->at < end && DigitOf(Next(s)) < base; s->at++, digits++)
        *value = *value * base + DigitOf(Next(s));
    if (negative)
        *value = 0 - *value;
    return digits != 0;
}

static void StoreNumber(struct scan *s, const struct conversion *c, ULONGLONG value)
{
    void *to = va_arg(s->arguments, void *);
    if (c->size == 1)
        *(UCHAR *)to = (UCHAR)value;
    else if (c->size == 2)
        *(USHORT *)to = (USHORT)value;
    else if (c->size == 8)
        *(ULONGLONG *)to = value;
    else
        *(ULONG *)to = (ULONG)value;
}

/* Whether `c` stands in the set that begins at *format, behind its "[". */
static BOOLEAN IsInSet(const void *format, SIZE_T begin, SIZE_T end, BOOLEAN wide, WCHAR c)
{
    BOOLEAN inverted = CharacterOf(format, begin, wide) == '^', in = FALSE;
    for (SIZE_T i = begin + inverted; i < end; i++) {
        WCHAR low = CharacterOf(format, i, wide), high = low;
        if (i + 2 < end && CharacterOf(format, i + 1, wide) == '-') {
            high = CharacterOf(format, i + 2, wide);
            i += 2;
        }
        in |= c >= low && c <= high;
    }
    return in != inverted;
}

/* %s, %c and %[; FALSE: nothing matches, or it has no room. */
static BOOLEAN ReadText(struct scan *s, const struct conversion *c, const void *format, SIZE_T begin, SIZE_T end)
{
    void *to = c->dropped ? NULL : va_arg(s->arguments, void *);
    SIZE_T room = to && s->secure ? va_arg(s->arguments, unsigned) : (SIZE_T)-1, count = 0;
    SIZE_T most = c->width ? c->width : c->kind == 'c' ? 1 : (SIZE_T)-1;

    for (; count < most && Next(s); s->at++, count++) {
        if (c->kind == 's' ? IsBlank(Next(s)) : c->kind == '[' && !IsInSet(format, begin, end, s->wide, Next(s)))
            break;
        if (to && count + (c->kind != 'c') >= room) {
            if (room)
                memset(to, 0, c->target_wide ? sizeof(WCHAR) : 1);
            return FALSE;
        }
        if (to && c->target_wide)
            ((PWSTR)to)[count] = Next(s);
        else if (to)
            ((PSTR)to)[count] = (CHAR)Next(s);
    }
    if (to && c->kind != 'c' && room)
        memset((char *)to + count * (c->target_wide ? sizeof(WCHAR) : 1), 0, c->target_wide ? sizeof(WCHAR) : 1);
    return c->kind == 'c' ? count == most : count != 0;
}

/* What stands between "%" and the conversion's letter. */
static void ReadModifiers(const struct scan *s, const void *format, SIZE_T *at, struct conversion *c)
{
    *c = (struct conversion){.target_wide = s->wide, .size = 4};
    if (CharacterOf(format, *at, s->wide) == '*')
        c->dropped = ++*at != 0;
    for (; DigitOf(CharacterOf(format, *at, s->wide)) < 10; ++*at)
        c->width = c->width * 10 + DigitOf(CharacterOf(format, *at, s->wide));
    for (;; ++*at) {
        WCHAR m = CharacterOf(format, *at, s->wide);
        WCHAR second = m ? CharacterOf(format, *at + 1, s->wide) : 0;
        if (m == 'h') {
            c->size = c->size == 2 ? 1 : 2;
            c->target_wide = FALSE;
        } else if (m == 'I' && (second == '6' || second == '3')) {
            c->size = second == '6' ? 8 : 4;
            *at += 2;
        } else if (m == 'I' || m == 'j' || m == 'z' || m == 't') {
            c->size = 8;
        } else if (m == 'l' || m == 'w') {
            c->target_wide = TRUE;
            if (second == 'l') {
                c->size = 8;
                ++*at;
            }
        } else {
            break;
        }
    }
    c->kind = CharacterOf(format, *at, s->wide);
    if (c->kind == 'S' || c->kind == 'C') {
        c->target_wide = !s->wide;
        c->kind |= 0x20;
    }
}

/* -1 in *base: no number. */
static void BaseOf(WCHAR kind, int *base, unsigned *size)
{
    *base = kind == 'd' || kind == 'u' ? 10 : kind == 'x' || kind == 'X' || kind == 'p' ? 16 : kind == 'o' ? 8 : kind == 'i' ? 0 : -1;
    if (kind == 'p')
        *size = 8;
}

/* The closing bracket of a set; the first character in it may be one. */
static SIZE_T EndOfSet(const void *format, SIZE_T at, BOOLEAN wide)
{
    at += CharacterOf(format, at, wide) == '^';
    at += CharacterOf(format, at, wide) == ']';
    while (CharacterOf(format, at, wide) && CharacterOf(format, at, wide) != ']')
        at++;
    return at;
}

/* One conversion, *at behind its "%"; FALSE: the input does not match. */
static BOOLEAN Convert(struct scan *s, const void *format, SIZE_T *at, int *stored)
{
    struct conversion c;
    ULONGLONG value = s->at;
    int base;

    ReadModifiers(s, format, at, &c);
    BaseOf(c.kind, &base, &c.size);
    SIZE_T begin = *at + 1, end = c.kind == '[' ? EndOfSet(format, begin, s->wide) : begin;
    *at = c.kind == '[' ? end : *at;
    if (c.kind == '%') {
        SkipBlanks(s);
        return Next(s) == '%' && ++s->at;
    }
    if (c.kind != 'c' && c.kind != '[' && c.kind != 'n')
        SkipBlanks(s);
    if (c.kind != 'n' && !Next(s)) {
        *stored = *stored ? *stored : -1; /* the end, before anything was read */
        return FALSE;
    }
    if (base >= 0 ? !ReadNumber(s, c.width, (unsigned)base, &value)
                  : c.kind != 'n' && !((c.kind == 's' || c.kind == 'c' || c.kind == '[') && ReadText(s, &c, format, begin, end)))
        return FALSE;
    if (!c.dropped && (base >= 0 || c.kind == 'n'))
        StoreNumber(s, &c, value);
    *stored += !c.dropped && c.kind != 'n';
    return TRUE;
}

static int Scan(struct scan *s, const void *format)
{
    int stored = 0;

    for (SIZE_T at = 0; CharacterOf(format, at, s->wide); at++) {
        WCHAR c = CharacterOf(format, at, s->wide);
        if (IsBlank(c)) {
            SkipBlanks(s);
        } else if (c == '%') {
            at++;
            if (!Convert(s, format, &at, &stored))
                break;
        } else if (c != Next(s)) {
            break;
        } else {
            s->at++;
        }
    }
    return stored;
}

int fltsim_sscanf_s(PCSTR from, PCSTR format, ...)
{
    struct scan s = {.text = from, .secure = TRUE};
    va_start(s.arguments, format);
    int stored = Scan(&s, format);
    va_end(s.arguments);
    return stored;
}

int fltsim_swscanf_s(PCWSTR from, PCWSTR format, ...)
{
    struct scan s = {.text = from, .wide = TRUE, .secure = TRUE};
    va_start(s.arguments, format);
    int stored = Scan(&s, format);
    va_end(s.arguments);
    return stored;
}

int fltsim_swscanf(PCWSTR from, PCWSTR format, ...)
{
    struct scan s = {.text = from, .wide = TRUE};
    va_start(s.arguments, format);
    int stored = Scan(&s, format);
    va_end(s.arguments);
    return stored;
}
