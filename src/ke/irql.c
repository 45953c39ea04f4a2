#include "ke/kep.h"

#include "verify/verify.h"

#include <stdio.h>

static const char *IrqlName(KIRQL irql, char *text, size_t size)
{
    static const char *const names[] = {"PASSIVE_LEVEL", "APC_LEVEL", "DISPATCH_LEVEL"};
    if (irql < sizeof names / sizeof *names)
        return names[irql];
    snprintf(text, size, "IRQL %u", (unsigned)irql);
    return text;
}

static void WrongWay(const char *what, KIRQL from, KIRQL to, const void *site)
{
    char a[16], b[16];
    struct verify_violation *v =
        verify_begin(VERIFY_IRQL_WRONG_WAY, "%s from %s to %s.", what, IrqlName(from, a, sizeof a),
                     IrqlName(to, b, sizeof b));
    verify_site(v, "called by", site);
    verify_end(v);
}

static KIRQL Raise(KIRQL level, const void *site)
{
    PKTHREAD thread = KiCurrentThread();
    KIRQL before = thread->irql;
    if (__builtin_expect(level < before || level > HIGH_LEVEL, 0))
        WrongWay("KeRaiseIrql was asked to lower the IRQL:", before, level, site);
    thread->irql = level;
    return before;
}

static void Lower(KIRQL level, const void *site)
{
    PKTHREAD thread = KiCurrentThread();
    if (__builtin_expect(level > thread->irql, 0))
        WrongWay("KeLowerIrql was asked to raise the IRQL:", thread->irql, level, site);
    else if (__builtin_expect(thread->spin_locks && level < DISPATCH_LEVEL, 0))
        WrongWay("The IRQL was lowered with a spin lock held:", thread->irql, level, site);
    thread->irql = level;
    KiIrqlFell(thread);
}

KIRQL KeGetCurrentIrql(VOID) { return KiCurrentIrql(); }

VOID KeRaiseIrql(KIRQL NewIrql, PKIRQL OldIrql) { *OldIrql = Raise(NewIrql, VERIFY_CALLER); }

KIRQL KfRaiseIrql(KIRQL NewIrql) { return Raise(NewIrql, VERIFY_CALLER); }

KIRQL KeRaiseIrqlToDpcLevel(VOID) { return Raise(DISPATCH_LEVEL, VERIFY_CALLER); }

VOID KeLowerIrql(KIRQL NewIrql) { Lower(NewIrql, VERIFY_CALLER); }

VOID KfLowerIrql(KIRQL NewIrql) { Lower(NewIrql, VERIFY_CALLER); }
