/* A wrong driver and its right twin: the one breaks a rule, the other breaks none. */
#ifndef TESTS_FLT_WRONG_H
#define TESTS_FLT_WRONG_H

#include "../conformance/stage.h"

#include <stdlib.h>

struct twins {
    const char *rule;
    void (*wrong)(void), (*right)(void);
    uint32_t code;      /* of the bug check that ends the wrong one's run; 0: none */
    uint64_t parameter; /* its first */
    const char *says[4]; /* what stands in the report: in what happened, or in the history */
    bool fatal; /* it ends the run, bug check or not */
    bool special_pool;
    const char *driver; /* whom it is laid to; NULL: "stage" */
};

static struct fltsim_report *run_twin(const struct twins *twins, void (*body)(void))
{
    struct fltsim_report *report;
    fltsim_abandon();
    assert_true(fltsim_start(&(struct fltsim_options){.quiet = true, .special_pool = twins->special_pool}));
    fltsim_try(fltsim_cmocka_body, (void *)(uintptr_t)body);
    fltsim_stop(&report);
    return report;
}

/* A line of the history that only the ledger knows; they may be switched off. */
static bool is_of_ledger(const char *text)
{
    static const char *const events[] = {"allocated by", "referenced by", "linked by", "released by", "unlinked by",
                                         "unlinked: ", "for set_"};
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (strstr(text, events[i]))
            return true;
    return false;
}

static bool ledgers_are_off(void)
{
    const char *ledgers = getenv("FLTSIM_LEDGERS");
    return ledgers && *ledgers == '0';
}

static void assert_says(const struct fltsim_violation *v, const char *text)
{
    if (strstr(v->what, text) || strstr(v->history, text) || (ledgers_are_off() && is_of_ledger(text)))
        return;
    print_error("\"%s\" is not in:\n%s\n%s\n", text, v->what, v->history);
    fail();
}

/* The state is the twins. */
static void only_the_wrong_one_is_reported(void **state)
{
    const struct twins *twins = *state;
    struct fltsim_report *report = run_twin(twins, twins->wrong);
    const struct fltsim_violation *v = report->violations;

    if (report->count != 1 || strcmp(v->rule, twins->rule))
        fltsim_report_print(report, stderr);
    assert_int_equal(report->count, 1);
    assert_string_equal(v->rule, twins->rule);
    assert_int_equal(v->fatal, twins->fatal || twins->code);
    if (twins->code) {
        assert_int_equal(v->bugcheck, twins->code);
        assert_int_equal(v->parameters[0], twins->parameter);
    }
    assert_string_equal(v->driver, twins->driver ? twins->driver : "stage");
    for (size_t i = 0; i < 4 && twins->says[i]; i++)
        assert_says(v, twins->says[i]);
    fltsim_report_free(report);

    report = run_twin(twins, twins->right);
    if (report->count)
        fltsim_report_print(report, stderr);
    assert_int_equal(report->count, 0);
    fltsim_report_free(report);
}

#define twins_test(name, ...)                                                                                          \
    {#name, only_the_wrong_one_is_reported, NULL, NULL, &(struct twins){__VA_ARGS__}}

#endif
