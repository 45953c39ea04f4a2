#include "plat.h"

#include "plat/file.h"
#include "plat/module.h"

static char path[512];

/* The build puts it beside this program. */
static int find_module(void **state)
{
    snprintf(path, sizeof path, "%s", plat_file_program());
    char *slash = strrchr(path, '/');
    snprintf(slash + 1, sizeof path - (size_t)(slash + 1 - path), "plat/counter.so");
    if (!plat_file_exists(path))
        snprintf(slash + 1, sizeof path - (size_t)(slash + 1 - path), "counter.so");
    return 0;
}

static int count_up(struct plat_module *module)
{
    int (*routine)(void) = (int (*)(void))plat_module_symbol(module, "count_up");
    assert_non_null(routine);
    return routine();
}

static void each_load_has_fresh_globals(void **state)
{
    char error[256] = "";
    struct plat_module *first = plat_module_open(path, error, sizeof error);
    if (!first)
        fail_msg("%s", error);
    struct plat_module *second = plat_module_open(path, error, sizeof error);
    assert_non_null(second);
    assert_int_equal(count_up(first), 11);
    assert_int_equal(count_up(first), 12);
    assert_int_equal(count_up(second), 11);
    plat_module_close(first);
    first = plat_module_open(path, error, sizeof error);
    assert_int_equal(count_up(first), 11);
    plat_module_close(first);
    plat_module_close(second);
}

static void a_module_knows_its_file(void **state)
{
    char error[256];
    struct plat_module *module = plat_module_open(path, error, sizeof error);
    void *inside = plat_module_symbol(module, "count_up");
    assert_true(plat_module_contains(module, inside));
    assert_false(plat_module_contains(module, (void *)(uintptr_t)find_module));
    assert_string_equal(plat_module_original(inside), path);
    assert_null(plat_module_original((void *)(uintptr_t)find_module));
    assert_null(plat_module_symbol(module, "no_such_symbol"));
    plat_module_close(module);
}

static void failures_say_why(void **state)
{
    char error[256] = "";
    assert_null(plat_module_open("/no/such/file.so", error, sizeof error));
    assert_non_null(strstr(error, "/no/such/file.so"));
    assert_null(plat_module_open(plat_file_program(), error, sizeof error));
    assert_true(error[0] != 0);
}

static void exports_are_found(void **state)
{
    assert_ptr_equal(plat_module_export("KeSetEvent") != NULL, 1);
    assert_null(plat_module_export("KeNoSuchRoutine"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_load_has_fresh_globals),
        cmocka_unit_test(a_module_knows_its_file),
        cmocka_unit_test(failures_say_why),
        cmocka_unit_test(exports_are_found),
    };
    return cmocka_run_group_tests(tests, find_module, NULL);
}
