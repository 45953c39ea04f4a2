#include "plat.h"

#include "plat/clock.h"
#include "plat/file.h"
#include "plat/process.h"

static int say_and_exit(void *argument)
{
    printf("said %s\n", (char *)argument);
    return 7;
}

static void a_forked_child_gives_result_and_output(void **state)
{
    struct plat_exit result;
    char *output;
    assert_true(plat_process_fork(say_and_exit, (void *)"this", 10000, &result, &output));
    assert_int_equal(result.code, 7);
    assert_int_equal(result.signal, 0);
    assert_non_null(strstr(output, "said this\n"));
    free(output);
}

static int sleep_long(void *argument)
{
    plat_clock_sleep(60000);
    return 0;
}

static void a_child_that_takes_too_long_is_killed(void **state)
{
    struct plat_exit result;
    uint64_t before = plat_clock_ns();
    assert_true(plat_process_fork(sleep_long, NULL, 50, &result, NULL));
    assert_true(result.timed_out);
    assert_true(result.signal != 0);
    assert_true(plat_clock_ns() - before < 20000000000u);
}

static void children_run_at_the_same_time_and_one_can_be_dropped(void **state)
{
    struct plat_child first, second, third;
    struct plat_exit result;
    uint64_t before = plat_clock_ns();
    char *output;
    assert_true(plat_process_start(say_and_exit, (void *)"one", true, &first));
    assert_true(plat_process_start(sleep_long, NULL, true, &second));
    assert_true(plat_process_start(say_and_exit, (void *)"three", true, &third));
    plat_process_finish(&first, 10000, &result, &output);
    assert_int_equal(result.code, 7);
    assert_string_equal(output, "said one\n");
    free(output);
    plat_process_drop(&second);
    plat_process_finish(&third, 10000, &result, &output);
    assert_string_equal(output, "said three\n");
    free(output);
    assert_true(plat_clock_ns() - before < 20000000000u);
}

static void a_program_runs(void **state)
{
    const char *const command[] = {"sh", "-c", "echo out; echo err >&2; exit 3", NULL};
    const char *const missing[] = {"no-such-program-anywhere", NULL};
    struct plat_exit result;
    char *output;
    assert_true(plat_process_run(command, 10000, &result, &output));
    assert_int_equal(result.code, 3);
    assert_string_equal(output, "out\nerr\n");
    free(output);
    assert_true(plat_process_run(missing, 10000, &result, &output));
    assert_int_equal(result.code, 127);
    free(output);
}

static bool collect(const char *name, bool is_directory, uint64_t size, void *context)
{
    strcat(context, name);
    strcat(context, is_directory ? "/ " : " ");
    return true;
}

static void a_folder_is_walked_in_order(void **state)
{
    char folder[] = "/tmp/fltsim-walk-XXXXXX", path[128], seen[256] = "";
    const char *const make[] = {"mkdir", "-p", path, NULL};
    const char *const remove[] = {"rm", "-rf", folder, NULL};
    struct plat_exit result;
    size_t size;
    snprintf(folder, sizeof folder, "/tmp/fltsim-walk-%06u", (unsigned)(plat_clock_ns() % 1000000));
    snprintf(path, sizeof path, "%s/b/c", folder);
    plat_process_run(make, 10000, &result, NULL);
    snprintf(path, sizeof path, "%s/b/c/two", folder);
    assert_true(plat_file_write(path, "22", 2));
    char *text = plat_file_read(path, &size);
    assert_int_equal(size, 2);
    assert_string_equal(text, "22");
    free(text);
    snprintf(path, sizeof path, "%s/a", folder);
    assert_true(plat_file_write(path, "", 0));
    assert_true(plat_file_walk(folder, collect, seen));
    assert_string_equal(seen, "a b/ b/c/ b/c/two ");
    assert_false(plat_file_walk("/no/such/folder", collect, seen));
    assert_null(plat_file_read("/no/such/file", &size));
    assert_null(plat_file_read(folder, &size));
    plat_process_run(remove, 10000, &result, NULL);
    assert_false(plat_file_exists(folder));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_forked_child_gives_result_and_output),
        cmocka_unit_test(a_child_that_takes_too_long_is_killed),
        cmocka_unit_test(children_run_at_the_same_time_and_one_can_be_dropped),
        cmocka_unit_test(a_program_runs),
        cmocka_unit_test(a_folder_is_walked_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
