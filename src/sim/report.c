#include "sim/machine.h"
#include "sim/misuse.h"

#include "trace/trace.h"
#include "verify/verify.h"

#include <fltsim/fltsim.h>
#include <fltsim/verify.h>

#include <stdlib.h>
#include <string.h>

struct fltsim_report *sim_take_report(void) { return verify_take_report(); }

void fltsim_report_free(struct fltsim_report *report) { verify_report_free(report); }

void fltsim_report_print(const struct fltsim_report *report, FILE *out)
{
    if (!report)
        return;
    for (size_t i = 0; i < report->count; i++)
        verify_print(&report->violations[i], out);
    if (report->count)
        fprintf(out, "fltsim: %zu violation%s\n", report->count, report->count == 1 ? "" : "s");
}

size_t fltsim_violations(void) { return verify_count(); }

const char *fltsim_last_rule(void) { return verify_last_rule(); }

static enum verify_rule rule_or_abort(const char *who, const char *name)
{
    enum verify_rule rule = name ? verify_rule_named(name) : VERIFY_RULE_COUNT;
    if (rule == VERIFY_RULE_COUNT) {
        fprintf(stderr, "%s: there is no rule `%s` (`fltsim rules` lists them)\n", who, name ? name : "NULL");
        abort();
    }
    return rule;
}

void fltsim_expect(const char *name)
{
    SIM_NEED_MACHINE();
    verify_expect(rule_or_abort("fltsim_expect", name));
}

void fltsim_set_policy(const char *name, enum fltsim_policy policy)
{
    SIM_NEED_MACHINE();
    SIM_NEED((unsigned)policy <= FLTSIM_GO_ON, "the policy is none of enum fltsim_policy");
    verify_set_policy(rule_or_abort("fltsim_set_policy", name), (enum verify_policy)policy);
}

const char *fltsim_rule(size_t index, const char **why, const char **windows)
{
    return verify_rule_text(index, why, windows);
}

void sim_debug_print(const char *text)
{
    size_t length = strlen(text);
    while (length && (text[length - 1] == '\n' || text[length - 1] == '\r'))
        length--;
    TRACE("debug", "%.*s", (int)length, text);
    if (machine && machine->options.debug_print)
        fputs(text, stderr);
}
