/* What fltsim's own routines do with calls that their contract forbids, and with what a test leaves. */
#include <fltKernel.h>
#include <fltsim/cmocka.h>
#include <fltsim/etw.h>
#include <fltsim/net.h>
#include <fltsim/verify.h>

#include <stdlib.h>
#include <string.h>

static struct fltsim_volume *volume;
static struct fltsim_driver *driver;
static HANDLE file;

static void start(void)
{
    assert_int_equal(fltsim_mount(NULL, &volume), STATUS_SUCCESS);
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.module = COUNTING_DRIVER, .altitude = "370000"}, &driver),
                     STATUS_SUCCESS);
    assert_int_equal(fltsim_open("C:\\file",
                                 &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_CREATE},
                                 &file),
                     STATUS_SUCCESS);
}

/* ---- calls that end the test, and say why ---- */

static int body(void *context) { return 7; }
static void nothing(void *context) {}

static void unload_nothing(void) { fltsim_unload(NULL); }
static void unload_twice(void) { fltsim_unload(driver), fltsim_unload(driver); }
static void ask_what_is_unloaded(void) { fltsim_unload(driver), fltsim_instances(driver, volume); }
static void describe_nothing(void) { fltsim_describe(NULL, NULL, NULL); }
static void dismount_nothing(void) { fltsim_dismount(NULL); }
static void dismount_twice(void) { fltsim_dismount(volume), fltsim_dismount(volume); }
static void trim_what_is_gone(void) { fltsim_dismount(volume), fltsim_trim(volume); }
static void attach_to_nothing(void) { fltsim_attach(driver, NULL, NULL, NULL); }
static void open_nothing(void) { fltsim_open(NULL, NULL, &file); }
static void open_into_nothing(void) { fltsim_open("C:\\", NULL, NULL); }
static void open_with_an_ecp_of_no_type(void)
{
    struct fltsim_ecp ecp = {.size = 4};
    fltsim_open("C:\\", &(struct fltsim_open){.ecps = &ecp, .ecp_count = 1}, &file);
}
static void open_with_ecps_that_are_not_there(void) { fltsim_open("C:\\", &(struct fltsim_open){.ecp_count = 1}, &file); }
static void ask_for_no_size(void) { fltsim_get_size(file, NULL); }
static void rename_to_nothing(void) { fltsim_rename(file, NULL, false); }
static void enumerate_for_nobody(void) { fltsim_enumerate(file, NULL, NULL, NULL); }
static void map_into_nothing(void) { fltsim_map(file, false, 0, NULL); }
static void connect_to_nothing(void) { fltsim_connect(NULL, NULL, 0, &file); }
static void start_no_image(void)
{
    struct fltsim_process *process;
    fltsim_process_start(&(struct fltsim_program){.image = NULL}, &process);
}
static void exit_twice(void)
{
    struct fltsim_process *process = fltsim_process_create("C:\\a.exe");
    fltsim_process_exit(process), fltsim_process_exit(process);
}
static void act_as_who_is_gone(void)
{
    struct fltsim_process *process = fltsim_process_create("C:\\a.exe");
    fltsim_process_exit(process);
    fltsim_impersonate(process);
}
static void start_a_thread_of_who_is_gone(void)
{
    struct fltsim_process *process = fltsim_process_create("C:\\a.exe");
    fltsim_process_exit(process);
    fltsim_thread_create(process, body, NULL);
}
static void start_a_thread_without_a_body(void) { fltsim_thread_create(NULL, NULL, NULL); }
static void join_nothing(void) { fltsim_thread_join(NULL); }
static void join_twice(void)
{
    struct fltsim_thread *thread = fltsim_thread_create(NULL, body, NULL);
    fltsim_thread_join(thread), fltsim_thread_join(thread);
}
static void act_in_no_mode(void) { fltsim_previous_mode(7); }
static void have_no_policy(void) { fltsim_set_policy("context-leak", (enum fltsim_policy)9); }
static void try_within_try(void) { fltsim_try(nothing, NULL); }
static void stop_within_try(void) { fltsim_stop(NULL); }
static void enable_no_provider(void) { fltsim_enable_provider(NULL, 1, 1, 1); }
static void send_nothing(void)
{
    struct fltsim_connection *connection;
    assert_int_equal(fltsim_net_connect(NULL, &connection), STATUS_SUCCESS);
    fltsim_net_send(connection, NULL, 4);
}
static void close_a_connection_twice(void)
{
    struct fltsim_connection *connection;
    assert_int_equal(fltsim_net_connect(NULL, &connection), STATUS_SUCCESS);
    fltsim_net_close(connection), fltsim_net_close(connection);
}

static const struct {
    void (*call)(void);
    const char *what, *by;
} wrong[] = {
#define WRONG(call, what) {call, what, #call}
    WRONG(unload_nothing, "fltsim_unload: the driver is NULL: did fltsim_load fail?"),
    WRONG(unload_twice, "fltsim_unload: the driver is gone"),
    WRONG(ask_what_is_unloaded, "fltsim_instances: the driver is gone"),
    WRONG(describe_nothing, "fltsim_describe: the driver is NULL"),
    WRONG(dismount_nothing, "fltsim_dismount: the volume is NULL: did fltsim_mount fail?"),
    WRONG(dismount_twice, "fltsim_dismount: the volume is gone"),
    WRONG(trim_what_is_gone, "fltsim_trim: the volume is gone"),
    WRONG(attach_to_nothing, "fltsim_attach: the volume is NULL"),
    WRONG(open_nothing, "fltsim_open: path is NULL."),
    WRONG(open_into_nothing, "fltsim_open: handle is NULL."),
    WRONG(open_with_an_ecp_of_no_type, "fltsim_open: ecps[0] has no type."),
    WRONG(open_with_ecps_that_are_not_there, "fltsim_open: ecp_count is 1, and ecps is NULL."),
    WRONG(ask_for_no_size, "fltsim_get_size: size is NULL."),
    WRONG(rename_to_nothing, "fltsim_rename: target is NULL."),
    WRONG(enumerate_for_nobody, "fltsim_enumerate: entry is NULL."),
    WRONG(map_into_nothing, "fltsim_map: view is NULL."),
    WRONG(connect_to_nothing, "fltsim_connect: port is NULL."),
    WRONG(start_no_image, "fltsim_process_start: the program, or its image, is NULL."),
    WRONG(exit_twice, "fltsim_process_exit: the process has exited already"),
    WRONG(act_as_who_is_gone, "fltsim_impersonate: the process has exited"),
    WRONG(start_a_thread_of_who_is_gone, "fltsim_thread_create: the process has exited"),
    WRONG(start_a_thread_without_a_body, "fltsim_thread_create: body is NULL."),
    WRONG(join_nothing, "fltsim_thread_join: the thread is NULL"),
    WRONG(join_twice, "fltsim_thread_join: the thread was joined before"),
    WRONG(act_in_no_mode, "fltsim_previous_mode: a mode is KernelMode or UserMode, not 7."),
    WRONG(have_no_policy, "fltsim_set_policy: the policy is none of enum fltsim_policy."),
    WRONG(try_within_try, "fltsim_try: called in the body of another fltsim_try"),
    WRONG(stop_within_try, "fltsim_stop: called in the body of fltsim_try"),
    WRONG(enable_no_provider, "fltsim_enable_provider: provider is NULL."),
    WRONG(send_nothing, "fltsim_net_send: data is NULL."),
    WRONG(close_a_connection_twice, "fltsim_net_close: the connection was closed before"),
};

static void call_wrongly(void *context)
{
    start();
    wrong[*(size_t *)context].call();
}

static void a_call_against_the_contract_is_a_test_error_and_names_routine_caller_and_rule(void **state)
{
    struct fltsim_report *report;

    fltsim_abandon();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_true(fltsim_start(&(struct fltsim_options){.quiet = true}));
        assert_false(fltsim_try(call_wrongly, &i));
        assert_int_equal(fltsim_stop(&report), 1);
        const struct fltsim_violation *v = report->violations;
        assert_string_equal(v->rule, "test-error");
        assert_string_equal(v->driver, "");
        if (strncmp(v->what, wrong[i].what, strlen(wrong[i].what)))
            assert_string_equal(v->what, wrong[i].what);
        if (!strstr(v->history, wrong[i].by))
            assert_string_equal(v->history, wrong[i].by);
        fltsim_report_free(report);
    }
    (void)state;
}

/* ---- options ---- */

static void options_that_cannot_be_start_no_machine(void **state)
{
    static const struct fltsim_options none[] = {
        {.backend = 7},
        {.backend = FLTSIM_COOP, .choices = "a", .seed = 3},
        {.backend = FLTSIM_NATIVE, .choices = "a"},
        {.backend = FLTSIM_COOP, .choices = "3a{27}b world"},
        {.backend = FLTSIM_COOP, .choices = "{0}"},
        {.backend = FLTSIM_COOP, .choices = "12"},
    };
    static const char *const seeds[] = {"-1", "seven", "99999999999999999999", "1 "};

    fltsim_abandon();
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(fltsim_start(&none[i]));
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        setenv("FLTSIM_SEED", seeds[i], 1);
        assert_false(fltsim_start(NULL));
    }
    unsetenv("FLTSIM_SEED");
    (void)state;
}

static void options_that_cannot_be_mount_no_volume(void)
{
    static const struct {
        struct fltsim_volume_options options;
        NTSTATUS status;
    } cases[] = {
        {{.kind = 9}, STATUS_INVALID_PARAMETER},
        {{.completion = 9}, STATUS_INVALID_PARAMETER},
        {{.letter = '1'}, STATUS_INVALID_PARAMETER},
        {{.size = UINT64_MAX}, STATUS_INVALID_PARAMETER},
        {{.kind = FLTSIM_FAT, .clustered = true}, STATUS_INVALID_PARAMETER},
        {{.label = "123456789012345678901234567890123"}, STATUS_INVALID_PARAMETER},
        {{.kind = FLTSIM_FAT, .label = "123456789012"}, STATUS_INVALID_PARAMETER},
        {{.letter = 'd'}, STATUS_OBJECT_NAME_COLLISION},
    };
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'D'}, NULL), STATUS_SUCCESS);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(fltsim_mount(&cases[i].options, &volume), cases[i].status);
        assert_null(volume);
    }
}

static void labels_are_utf8(void)
{
    union {
        FILE_FS_VOLUME_INFORMATION info;
        UCHAR bytes[128];
    } buffer;
    HANDLE root;
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.label = "D\u00e4t\u00e4"}, &volume), STATUS_SUCCESS);
    assert_int_equal(fltsim_open("C:\\", NULL, &root), STATUS_SUCCESS);
    assert_int_equal(fltsim_query_volume(root, FileFsVolumeInformation, &buffer, sizeof buffer), STATUS_SUCCESS);
    assert_int_equal(buffer.info.VolumeLabelLength, 8);
    assert_memory_equal(buffer.info.VolumeLabel, u"D\u00e4t\u00e4", 8);
    fltsim_close(root);
}

static char seen[64];

static bool keep_name(const char *name, ULONG attributes, uint64_t size, void *context)
{
    strcpy(seen, name);
    return false;
}

static void what_is_no_utf8_in_a_name_becomes_the_replacement_character(void)
{
    static const struct {
        const char *given, *shown;
    } names[] = {
        {"a\xff", "a\uFFFD"},
        {"\xc0\xaf", "\uFFFD\uFFFD"},
        {"\xe2\x82", "\uFFFD\uFFFD"},
        {"\xe2\x82\xac", "\u20ac"},
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
    };
    HANDLE root, one;
    char path[32];

    assert_int_equal(fltsim_mount(NULL, &volume), STATUS_SUCCESS);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "C:\\%s", names[i].given);
        assert_int_equal(fltsim_open(path, &(struct fltsim_open){.disposition = FILE_CREATE, .options = FILE_DELETE_ON_CLOSE}, &one),
                         STATUS_SUCCESS);
        assert_int_equal(fltsim_open("C:\\", NULL, &root), STATUS_SUCCESS);
        assert_int_equal(fltsim_enumerate(root, NULL, keep_name, NULL), STATUS_SUCCESS);
        assert_string_equal(seen, names[i].shown);
        fltsim_close(root);
        fltsim_close(one);
    }
}

/* ---- programs' own mistakes: the kernel answers them ---- */

static void a_bad_buffer_or_length_of_a_program_is_answered(void)
{
    char buffer[16];
    size_t done = 1;
    HANDLE port = NULL;

    start();
    assert_int_equal(fltsim_read(file, NULL, 4, 0, &done), STATUS_ACCESS_VIOLATION);
    assert_int_equal(done, 0);
    assert_int_equal(fltsim_write(file, NULL, 4, 0, NULL), STATUS_ACCESS_VIOLATION);
    assert_int_equal(fltsim_write(file, buffer, ((uint64_t)1 << 32) + 1, 0, NULL), STATUS_INVALID_PARAMETER);
    assert_int_equal(fltsim_read(file, buffer, ((uint64_t)1 << 32) + 1, 0, NULL), STATUS_INVALID_PARAMETER);
    assert_int_equal(fltsim_query(file, FileBasicInformation, NULL, sizeof(FILE_BASIC_INFORMATION)), STATUS_ACCESS_VIOLATION);
    assert_int_equal(fltsim_set(file, FileBasicInformation, NULL, sizeof(FILE_BASIC_INFORMATION)), STATUS_ACCESS_VIOLATION);
    assert_int_equal(fltsim_query_volume(file, FileFsSizeInformation, NULL, 24), STATUS_ACCESS_VIOLATION);
    assert_int_equal(fltsim_connect("\\none", NULL, 4, &port), STATUS_ACCESS_VIOLATION);
    assert_int_equal(fltsim_get_message(port, NULL, 64, 0, NULL), STATUS_ACCESS_VIOLATION);
    assert_int_equal(fltsim_reply(port, NULL, 64), STATUS_ACCESS_VIOLATION);
    fltsim_close(file);
}

static void a_status_without_a_name_is_read_back_as_it_is_shown(void)
{
    NTSTATUS status = 0;
    assert_true(fltsim_status_value(fltsim_status_name((NTSTATUS)0xC0FFEE00), &status));
    assert_int_equal(status, (NTSTATUS)0xC0FFEE00);
    assert_true(fltsim_status_value("STATUS_ACCESS_DENIED", &status));
    assert_int_equal(status, STATUS_ACCESS_DENIED);
    assert_false(fltsim_status_value("0x", &status));
    assert_false(fltsim_status_value("0x123456789", &status));
    assert_false(fltsim_status_value("STATUS_", &status));
    assert_false(fltsim_status_value(NULL, &status));
}

/* The sanitizers follow no jump from one stack to another. */
#if defined(__has_feature)
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

static jmp_buf home;

static int jump_home(void *context) { longjmp(home, 1); }

static void start_a_jumper(void)
{
    assert_true(fltsim_start(&(struct fltsim_options){.backend = FLTSIM_COOP}));
    start();
    if (!setjmp(home))
        fltsim_thread_join(fltsim_thread_create(NULL, jump_home, NULL));
}

/* As an assertion that fails on another thread of the cooperative backend does. */
static void a_machine_that_was_left_from_another_threads_stack_can_be_abandoned(void **state)
{
    if (SANITIZED)
        skip();
    fltsim_abandon();
    start_a_jumper();
    fltsim_abandon();
    start_a_jumper();
    fltsim_abandon();
    (void)state;
}

/* ---- what a test leaves ---- */

static void what_programs_leave_goes_with_the_machine(void)
{
    struct fltsim_connection *connection;
    struct fltsim_view view;
    struct fltsim_process *process;

    start();
    assert_int_equal(fltsim_write(file, "text", 4, 0, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_map(file, true, 0, &view), STATUS_SUCCESS);
    assert_int_equal(fltsim_process_start(&(struct fltsim_program){.image = "C:\\a.exe"}, &process), STATUS_SUCCESS);
    assert_non_null(fltsim_thread_create(process, body, NULL));
    assert_non_null(fltsim_thread_create(NULL, body, NULL));
    assert_int_equal(fltsim_net_connect(NULL, &connection), STATUS_SUCCESS);
}

static void sleep_on(void *context)
{
    start();
    assert_non_null(fltsim_thread_create(NULL, context, NULL));
}

static int sleep_long(void *context)
{
    fltsim_sleep(1000000);
    return 0;
}

static void a_thread_that_still_runs_when_the_machine_stops_is_reported(void **state)
{
    struct fltsim_report *report;
    bool told = false;

    fltsim_abandon();
    assert_true(fltsim_start(&(struct fltsim_options){.quiet = true}));
    assert_true(fltsim_try(sleep_on, (void *)(uintptr_t)sleep_long));
    assert_true(fltsim_stop(&report) > 0);
    for (size_t i = 0; i < report->count; i++)
        told |= !strcmp(report->violations[i].rule, "thread-left-running");
    assert_true(told);
    fltsim_report_free(report);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_against_the_contract_is_a_test_error_and_names_routine_caller_and_rule),
        cmocka_unit_test(options_that_cannot_be_start_no_machine),
        fltsim_unit_test(options_that_cannot_be_mount_no_volume),
        fltsim_unit_test(labels_are_utf8),
        fltsim_unit_test(what_is_no_utf8_in_a_name_becomes_the_replacement_character),
        fltsim_unit_test(a_bad_buffer_or_length_of_a_program_is_answered),
        fltsim_unit_test(a_status_without_a_name_is_read_back_as_it_is_shown),
        fltsim_unit_test(what_programs_leave_goes_with_the_machine),
        cmocka_unit_test(a_machine_that_was_left_from_another_threads_stack_can_be_abandoned),
        cmocka_unit_test(a_thread_that_still_runs_when_the_machine_stops_is_reported),
    };
    return cmocka_run_group_tests_name("sim/contract", tests, NULL, NULL);
}
