/* What a driver left is laid to it by routine even when its module is closed by the time it is found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <fltsim/fltsim.h>

#include "plat/file.h"

static char path[512];

/* The build puts it beside this program. */
static int find_module(void **state)
{
    snprintf(path, sizeof path, "%s", plat_file_program());
    char *slash = strrchr(path, '/');
    snprintf(slash + 1, sizeof path - (size_t)(slash + 1 - path), "verify/leaver.so");
    if (!plat_file_exists(path))
        snprintf(slash + 1, sizeof path - (size_t)(slash + 1 - path), "leaver.so");
    return 0;
}

static void an_object_is_laid_to_a_driver_that_is_gone(void **state)
{
    struct fltsim_driver *driver;
    struct fltsim_report *report;

    assert_true(fltsim_start(&(struct fltsim_options){.quiet = true}));
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.name = "leaver", .module = path}, &driver), 0);
    assert_int_equal(fltsim_unload(driver), 0);
    assert_int_equal(fltsim_stop(&report), 1);
    const struct fltsim_violation *v = &report->violations[0];
    assert_string_equal(v->rule, "object-leak");
    assert_string_equal(v->driver, "leaver");
    assert_non_null(strstr(v->history, "referenced by handle by KeepReference (leaver"));
    fltsim_report_free(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_object_is_laid_to_a_driver_that_is_gone)};
    return cmocka_run_group_tests(tests, find_module, NULL);
}
