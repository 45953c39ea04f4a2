#include "verify/internal.h"

#include "sim/machine.h"

#include <stdlib.h>
#include <string.h>

void verify_irql_too_high(const char *routine, int limit, const void *caller);

static const char *level_name(int level)
{
    static const char *const names[] = {"PASSIVE_LEVEL", "APC_LEVEL", "DISPATCH_LEVEL"};
    return level < 3 ? names[level] : level == HIGH_LEVEL ? "HIGH_LEVEL" : "a device IRQL";
}

/* A loop is one mistake. */
bool verify_first_time(const char *routine, const void *caller)
{
    struct verify_state *state = machine->verify;
    struct verify_call *fresh = verify_zeroed(sizeof *fresh);
    struct verify_call **bucket = &state->calls[((uintptr_t)caller >> 2) % VERIFY_CALL_BUCKETS];
    struct verify_call *call;

    *fresh = (struct verify_call){.caller = caller, .routine = routine};
    sched_lock(&state->lock);
    for (call = *bucket; call && (call->caller != caller || strcmp(call->routine, routine)); call = call->next)
        ;
    if (!call) {
        fresh->next = *bucket;
        *bucket = fresh;
    }
    sched_unlock(&state->lock);
    if (call)
        free(fresh);
    return !call;
}

void verify_irql_too_high(const char *routine, int limit, const void *caller)
{
    if (!machine || !machine->verify || sched_is_dead() || !verify_first_time(routine, caller))
        return;
    int level = KeGetCurrentIrql();
    struct verify_violation *v =
        verify_begin(VERIFY_IRQL_TOO_HIGH, "%s was called at %s (%d); its documentation allows %s%s (%d).", routine,
                     level_name(level), level, limit ? "at most " : "only ", level_name(limit), limit);
    verify_site(v, "called by", caller);
    if (level == DISPATCH_LEVEL && v)
        verify_history(v, "DISPATCH_LEVEL comes from a spin lock that is held, a DPC, or a completion routine");
    if (level == APC_LEVEL && v)
        verify_history(v, "APC_LEVEL comes from a fast mutex that is held, KeRaiseIrql, or paging I/O");
    verify_end(v);
}
