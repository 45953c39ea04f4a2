#include "sim/machine.h"
#include "sim/misuse.h"

#include "plat/fault.h"
#include "plat/watchdog.h"
#include "sched/sched.h"
#include "trace/trace.h"
#include "verify/verify.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Runs in the signal handler, on the thread that burns the time. The run is over either way, so what a handler may not
 * do (allocate, print) is risked for the sake of the stack. */
static void expired(void)
{
    void *frames[32];
    size_t count = plat_backtrace(frames, 32);
    long long minutes = sched_now() / (10000000LL * 60);
    struct verify_violation *v = minutes ? verify_begin_fatal(VERIFY_ENDLESS_LOOP,
                                                              "The run got nowhere for a long time: a thread looks again and "
                                                              "again, for %lld minutes by now, for what does not come.", minutes)
                                         : verify_begin_fatal(VERIFY_ENDLESS_LOOP, "The run got nowhere for a long time: "
                                                                                   "a thread runs in a loop.");

    verify_stack(v, frames, count);
    verify_end(v);
    abort();
}

enum { PATIENCE = 100000 };

void fltsim_watchdog(unsigned seconds)
{
    plat_watchdog(seconds, seconds ? expired : NULL);
    sched_set_patience(seconds ? PATIENCE : 0);
    if (machine && sched_self())
        sched_gets_on();
}

void fltsim_violate(const char *rule, const char *format, ...)
{
    char what[1024];
    va_list arguments;

    SIM_NEED_MACHINE();
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    enum verify_rule id = verify_rule_named(rule);
    if (id == VERIFY_RULE_COUNT) {
        fprintf(stderr, "fltsim_violate: there is no rule `%s`\n", rule);
        abort();
    }
    verify_violate(id, "%s", what);
}

void fltsim_missing_routine(const char *name, const void *caller)
{
    struct verify_violation *v = verify_begin_fatal(VERIFY_MISSING_ROUTINE, "%s was called, which the library lacks.", name);
    verify_site(v, "called by", caller);
    verify_end_bugcheck(v, 0, 0, 0, 0, 0);
}

void fltsim_host_routine(const char *name, const void *caller)
{
    struct verify_violation *v = verify_begin_fatal(VERIFY_HOST_ROUTINE, "%s was called, which the kernel has not.", name);
    verify_site(v, "called by", caller);
    verify_end_bugcheck(v, 0, 0, 0, 0, 0);
}

const char *fltsim_status_name(NTSTATUS status) { return trace_status(status); }

static bool is_hexadecimal(const char *text)
{
    return text[0] == '0' && (text[1] | 32) == 'x' && text[2] && strlen(text) <= 10 &&
           !text[2 + strspn(text + 2, "0123456789abcdefABCDEF")];
}

bool fltsim_status_value(const char *name, NTSTATUS *status)
{
    if (name && is_hexadecimal(name)) {
        *status = (NTSTATUS)strtoul(name, NULL, 16);
        return true;
    }
    return name && trace_status_value(name, status);
}
