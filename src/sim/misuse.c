#include "sim/misuse.h"

#include "sched/sched.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void sim_no_machine(const char *routine)
{
    fprintf(stderr, "%s: no machine is running; fltsim_start starts one\n", routine);
    abort();
}

void sim_misuse(const char *routine, const void *site, const char *format, ...)
{
    char why[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    if (!machine || sched_is_dead()) {
        fprintf(stderr, "%s: %s\n", routine, why);
        abort();
    }
    const char *stop = why[strlen(why) - 1] == '?' ? "" : ".";
    struct verify_violation *v = verify_begin_fatal(VERIFY_TEST_ERROR, "%s: %s%s", routine, why, stop);
    verify_site(v, "called by", site);
    verify_blame(v, "");
    verify_end_bugcheck(v, 0, 0, 0, 0, 0);
}
