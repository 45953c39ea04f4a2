/* Microsoft's additions to the C library for narrow text, and searching with a context. */
#include "rtl/rtlp.h"

#include <ctype.h>

int fltsim_stricmp(PCSTR a, PCSTR b)
{
    return fltsim_strnicmp(a, b, (size_t)-1);
}

int fltsim_strnicmp(PCSTR a, PCSTR b, size_t count)
{
    for (; count-- != 0; a++, b++) {
        int x = tolower((UCHAR)*a), y = tolower((UCHAR)*b);
        if (x != y)
            return x < y ? -1 : 1;
        if (x == 0)
            break;
    }
    return 0;
}

PSTR fltsim_strlwr(PSTR s)
{
    for (PSTR c = s; *c != 0; c++)
        *c = (CHAR)tolower((UCHAR)*c);
    return s;
}

PSTR fltsim_strupr(PSTR s)
{
    for (PSTR c = s; *c != 0; c++)
        *c = (CHAR)toupper((UCHAR)*c);
    return s;
}

PSTR fltsim_strrev(PSTR s)
{
    size_t length = strlen(s);

    for (size_t i = 0; i < length / 2; i++) {
        CHAR c = s[i];
        s[i] = s[length - 1 - i];
        s[length - 1 - i] = c;
    }
    return s;
}

PSTR fltsim_strset(PSTR s, int c)
{
    return memset(s, c, strlen(s));
}

size_t fltsim_strnlen_s(PCSTR s, size_t count)
{
    size_t length = 0;

    while (s != NULL && length < count && s[length] != 0)
        length++;
    return length;
}

PSTR fltsim_strtok_s(PSTR s, PCSTR delimiters, PSTR *context)
{
    PSTR token = s != NULL ? s : *context;

    if (token == NULL)
        return NULL;
    token += strspn(token, delimiters);
    if (*token == 0) {
        *context = NULL;
        return NULL;
    }
    PSTR end = token + strcspn(token, delimiters);
    *context = *end != 0 ? end + 1 : NULL;
    *end = 0;
    return token;
}

/* A generator of our own: the same numbers on every host. */
static unsigned int random_state = 1;

void fltsim_srand(unsigned int seed)
{
    random_state = seed;
}

int fltsim_rand(void)
{
    random_state = random_state * 214013 + 2531011;
    return (int)(random_state >> 16 & 0x7FFF);
}

/* -- sorting and searching ------------------------------------------------------------------------ */

typedef int (*compare_t)(void *, const void *, const void *);

static void Swap(UCHAR *a, UCHAR *b, size_t width)
{
    for (; width-- != 0; a++, b++) {
        UCHAR c = *a;
        *a = *b;
        *b = c;
    }
}

static void SiftDown(UCHAR *base, size_t at, size_t count, size_t width, compare_t compare, void *context)
{
    for (size_t child; (child = at * 2 + 1) < count; at = child) {
        if (child + 1 < count && compare(context, base + child * width, base + (child + 1) * width) < 0)
            child++;
        if (compare(context, base + at * width, base + child * width) >= 0)
            return;
        Swap(base + at * width, base + child * width, width);
    }
}

/* Heap sort: no recursion and no allocation, as on a kernel stack. */
void fltsim_qsort_s(void *base, size_t count, size_t width, compare_t compare, void *context)
{
    for (size_t i = count / 2; i-- != 0;)
        SiftDown(base, i, count, width, compare, context);
    for (size_t end = count; end > 1;) {
        end--;
        Swap(base, (UCHAR *)base + end * width, width);
        SiftDown(base, 0, end, width, compare, context);
    }
}

void *fltsim_bsearch_s(const void *key, const void *base, size_t count, size_t width, compare_t compare,
                       void *context)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const UCHAR *element = (const UCHAR *)base + middle * width;
        int order = compare(context, key, element);
        if (order == 0)
            return (void *)element;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
