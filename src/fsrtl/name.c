/* Names and the wildcards that DOS left behind. */
#include "fsrtlp.h"

#include <string.h>

#define ANY_RUN u'*'      /* any characters, none included */
#define ANY_ONE u'?'      /* exactly one character */
#define DOS_ANY_RUN u'<'  /* any characters up to the last period of the name, or with it */
#define DOS_ANY_ONE u'>'  /* one character, or none before a period or at the end */
#define DOS_PERIOD u'"'   /* a period, or nothing at the end */

static WCHAR Upcase(WCHAR unit, PCWCH table)
{
    return table ? table[unit] : RtlUpcaseUnicodeChar(unit);
}

static bool IsWild(WCHAR unit)
{
    return unit == ANY_RUN || unit == ANY_ONE || unit == DOS_ANY_RUN || unit == DOS_ANY_ONE || unit == DOS_PERIOD;
}

BOOLEAN FsRtlDoesNameContainWildCards(PUNICODE_STRING Name)
{
    API_IRQL(FsRtlDoesNameContainWildCards);
    for (size_t i = Name->Length / sizeof(WCHAR); i-- > 0 && Name->Buffer[i] != u'\\';)
        if (IsWild(Name->Buffer[i]))
            return TRUE;
    return FALSE;
}

VOID FsRtlDissectName(UNICODE_STRING Path, PUNICODE_STRING FirstName, PUNICODE_STRING RemainingName)
{
    API_IRQL(FsRtlDissectName);
    USHORT units = Path.Length / sizeof(WCHAR);
    *FirstName = *RemainingName = (UNICODE_STRING){0};
    if (units == 0)
        return;
    USHORT start = Path.Buffer[0] == u'\\';
    USHORT end = start;
    while (end < units && Path.Buffer[end] != u'\\')
        end++;
    FirstName->Buffer = Path.Buffer + start;
    FirstName->Length = FirstName->MaximumLength = (USHORT)((end - start) * sizeof(WCHAR));
    if (end < units) {
        RemainingName->Buffer = Path.Buffer + end + 1;
        RemainingName->Length = RemainingName->MaximumLength = (USHORT)((units - end - 1) * sizeof(WCHAR));
    }
}

BOOLEAN FsRtlAreNamesEqual(PCUNICODE_STRING ConstantNameA, PCUNICODE_STRING ConstantNameB, BOOLEAN IgnoreCase,
                           PCWCH UpcaseTable)
{
    API_IRQL(FsRtlAreNamesEqual);
    if (ConstantNameA->Length != ConstantNameB->Length)
        return FALSE;
    for (size_t i = 0; i < ConstantNameA->Length / sizeof(WCHAR); i++) {
        WCHAR a = ConstantNameA->Buffer[i], b = ConstantNameB->Buffer[i];
        if (a != b && (!IgnoreCase || Upcase(a, UpcaseTable) != Upcase(b, UpcaseTable)))
            return FALSE;
    }
    return TRUE;
}

/* The expression as a machine whose states are the places in it; `active` holds the states reached so far. */
struct matcher {
    const WCHAR *expression;
    size_t length;
    unsigned char *active, *next;
};

/* Follows what may match nothing, before the character `unit` (or the end of the name). */
static void MatchNothing(struct matcher *m, WCHAR unit, bool end)
{
    for (size_t i = 0; i < m->length; i++) {
        if (!m->active[i])
            continue;
        WCHAR e = m->expression[i];
        if (e == ANY_RUN || e == DOS_ANY_RUN || (e == DOS_ANY_ONE && (end || unit == u'.')) || (e == DOS_PERIOD && end))
            m->active[i + 1] = 1;
    }
}

static void MatchUnit(struct matcher *m, WCHAR unit, bool periodFollows)
{
    memset(m->next, 0, m->length + 1);
    for (size_t i = 0; i < m->length; i++) {
        if (!m->active[i])
            continue;
        WCHAR e = m->expression[i];
        bool period = unit == u'.';
        if (e == ANY_RUN || (e == DOS_ANY_RUN && (!period || periodFollows)))
            m->next[i] = 1;
        else if (e == DOS_ANY_RUN) // the last period ends it, and may be the end of what it matches
            m->next[i + 1] = 1;
        else if (e == ANY_ONE || (e == DOS_ANY_ONE && !period) || (e == DOS_PERIOD ? period : e == unit))
            m->next[i + 1] = 1;
    }
    unsigned char *swap = m->active;
    m->active = m->next;
    m->next = swap;
}

static bool Matches(struct matcher *m, const WCHAR *name, size_t units, bool ignoreCase, PCWCH table)
{
    size_t lastPeriod = units;
    while (lastPeriod > 0 && name[lastPeriod - 1] != u'.')
        lastPeriod--;
    for (size_t i = 0; i < units; i++) {
        WCHAR unit = ignoreCase ? Upcase(name[i], table) : name[i];
        MatchNothing(m, unit, false);
        MatchUnit(m, unit, i + 1 < lastPeriod);
    }
    MatchNothing(m, 0, true);
    return m->active[m->length];
}

static BOOLEAN InExpression(PUNICODE_STRING expression, PUNICODE_STRING name, BOOLEAN ignoreCase, PCWCH table)
{
    if (expression->Length == 0 || name->Length == 0)
        return expression->Length == name->Length;
    size_t length = expression->Length / sizeof(WCHAR);
    if (length == 1 && expression->Buffer[0] == ANY_RUN)
        return TRUE;
    unsigned char small[2 * 128] = {0};
    unsigned char *states = length < 128 ? small : sim_alloc(2 * (length + 1));
    struct matcher m = {expression->Buffer, length, states, states + length + 1};
    m.active[0] = 1;
    bool matches = Matches(&m, name->Buffer, name->Length / sizeof(WCHAR), ignoreCase, table);
    if (states != small)
        sim_free(states);
    return matches;
}

BOOLEAN FsRtlIsNameInExpression(PUNICODE_STRING Expression, PUNICODE_STRING Name, BOOLEAN IgnoreCase,
                                PWCH UpcaseTable)
{
    API_IRQL(FsRtlIsNameInExpression);
    return InExpression(Expression, Name, IgnoreCase, UpcaseTable);
}

BOOLEAN FsRtlIsNameInUnUpcasedExpression(PUNICODE_STRING Expression, PUNICODE_STRING Name, BOOLEAN IgnoreCase,
                                         PWCH UpcaseTable)
{
    API_IRQL(FsRtlIsNameInUnUpcasedExpression);
    if (!IgnoreCase)
        return InExpression(Expression, Name, FALSE, UpcaseTable);
    UNICODE_STRING upcased = *Expression;
    upcased.Buffer = sim_alloc(Expression->Length + sizeof(WCHAR));
    for (size_t i = 0; i < Expression->Length / sizeof(WCHAR); i++)
        upcased.Buffer[i] = Upcase(Expression->Buffer[i], UpcaseTable);
    BOOLEAN matches = InExpression(&upcased, Name, TRUE, UpcaseTable);
    sim_free(upcased.Buffer);
    return matches;
}
