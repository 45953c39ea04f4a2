/* Loading drivers: modules with globals of their own, and what is said of bad requests. */
#include <fltKernel.h>
#include <fltsim/cmocka.h>

static NTSTATUS load(const char *name, const char *altitude, struct fltsim_driver **driver)
{
    return fltsim_load(&(struct fltsim_driver_options){.name = name, .module = COUNTING_DRIVER, .altitude = altitude},
                       driver);
}

static ULONG loads_of(const WCHAR *service)
{
    ULONG loads = 0;
    RTL_QUERY_REGISTRY_TABLE table[] = {
        {NULL, RTL_QUERY_REGISTRY_DIRECT, (PWSTR)u"Loads", &loads, REG_NONE, NULL, 0}, {0}};
    assert_int_equal(RtlQueryRegistryValues(RTL_REGISTRY_SERVICES, (PCWSTR)service, table, NULL, NULL), STATUS_SUCCESS);
    return loads;
}

static void each_load_of_a_module_has_fresh_globals(void)
{
    struct fltsim_driver *driver;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(load("counting", "370000", &driver), STATUS_SUCCESS);
        assert_int_equal(loads_of((const WCHAR *)u"counting"), 1);
        assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
    }
}

static void two_copies_of_one_driver_run_side_by_side(void)
{
    struct fltsim_volume *volume;
    struct fltsim_driver *one, *two;
    assert_int_equal(fltsim_mount(NULL, &volume), STATUS_SUCCESS);
    assert_int_equal(load("one", "370001", &one), STATUS_SUCCESS);
    assert_int_equal(load("two", "370002", &two), STATUS_SUCCESS);
    assert_int_equal(loads_of((const WCHAR *)u"one"), 1);
    assert_int_equal(loads_of((const WCHAR *)u"two"), 1);
    assert_int_equal(fltsim_instances(one, volume), 1);
    assert_int_equal(fltsim_instances(two, volume), 1);
    assert_int_equal(fltsim_unload(one), STATUS_SUCCESS);
    assert_int_equal(fltsim_instances(two, volume), 1);
}

static PFLT_FILTER filter;
static const WCHAR *own_instance; /* what Entry writes as its DefaultInstance; NULL: an empty Instances key */

static NTSTATUS Unload(FLT_FILTER_UNLOAD_FLAGS Flags)
{
    FltUnregisterFilter(filter);
    return STATUS_SUCCESS;
}

static NTSTATUS Entry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static const FLT_REGISTRATION registration = {
        .Size = sizeof registration, .Version = FLT_REGISTRATION_VERSION, .FilterUnloadCallback = Unload};
    static WCHAR services[] = u"writer\\Instances", mine[] = u"writer\\Instances\\Mine";

    RtlCreateRegistryKey(RTL_REGISTRY_SERVICES, services);
    if (own_instance) {
        RtlWriteRegistryValue(RTL_REGISTRY_SERVICES, services, (PCWSTR)u"DefaultInstance", REG_SZ, (PVOID)own_instance,
                              5 * sizeof(WCHAR));
        RtlCreateRegistryKey(RTL_REGISTRY_SERVICES, mine);
        RtlWriteRegistryValue(RTL_REGISTRY_SERVICES, mine, (PCWSTR)u"Altitude", REG_SZ, (PVOID)u"415342",
                              7 * sizeof(WCHAR));
    }
    NTSTATUS status = FltRegisterFilter(DriverObject, &registration, &filter);
    if (NT_SUCCESS(status))
        status = FltStartFiltering(filter);
    return status;
}

static void keep_instance(const char *line, void *context)
{
    if (strstr(line, "instance: "))
        snprintf(context, 100, "%s", line);
}

static void options_give_the_instance_that_the_driver_does_not_write_itself(void)
{
    static const struct {
        const WCHAR *own;
        const char *expected;
    } cases[] = {{(const WCHAR *)u"Mine", "instance: Mine at 415342 on"}, {NULL, "instance: writer Instance at 370000 on"}};
    const struct fltsim_driver_options options = {.name = "writer", .entry = Entry, .altitude = "370000"};

    struct fltsim_volume *volume;
    assert_int_equal(fltsim_mount(NULL, &volume), STATUS_SUCCESS);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char line[100] = "";
        struct fltsim_driver *driver;
        own_instance = cases[i].own;
        assert_int_equal(fltsim_load(&options, &driver), STATUS_SUCCESS);
        assert_int_equal(fltsim_wrote_instances(driver), cases[i].own != NULL);
        fltsim_describe(driver, keep_instance, line);
        assert_non_null(strstr(line, cases[i].expected));
        assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
    }
}

static PFLT_FILTER system_filter;
static unsigned system_calls;

static void note_process(void)
{
    if (PsGetCurrentProcess() == PsInitialSystemProcess && PsGetCurrentProcessId() == PsGetProcessId(PsInitialSystemProcess))
        system_calls++;
}

static NTSTATUS unload_in_system(FLT_FILTER_UNLOAD_FLAGS flags)
{
    note_process();
    FltUnregisterFilter(system_filter);
    return STATUS_SUCCESS;
}

static NTSTATUS enter_in_system(PDRIVER_OBJECT object, PUNICODE_STRING path)
{
    static const FLT_OPERATION_REGISTRATION none[] = {{.MajorFunction = IRP_MJ_OPERATION_END}};
    static const FLT_REGISTRATION registration = {.Size = sizeof registration,
                                                  .Version = FLT_REGISTRATION_VERSION,
                                                  .OperationRegistration = none,
                                                  .FilterUnloadCallback = unload_in_system};
    note_process();
    return FltRegisterFilter(object, &registration, &system_filter);
}

static void entry_and_unload_are_called_in_the_system_process(void)
{
    struct fltsim_driver *driver;
    system_calls = 0;
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.entry = enter_in_system, .altitude = "1"}, &driver), 0);
    assert_int_equal(system_calls, 1);
    assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
    assert_int_equal(system_calls, 2);
    assert_ptr_not_equal(PsGetCurrentProcess(), PsInitialSystemProcess);
}

static void the_system_root_is_the_windows_folder_of_c(void)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(u"\\SystemRoot\\log.txt");
    OBJECT_ATTRIBUTES attributes = RTL_INIT_OBJECT_ATTRIBUTES(&name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE);
    IO_STATUS_BLOCK iosb;
    HANDLE file;
    for (int mounted = 0; mounted < 2; mounted++) {
        NTSTATUS status = ZwCreateFile(&file, GENERIC_WRITE | SYNCHRONIZE, &attributes, &iosb, NULL, 0, 0, FILE_OPEN_IF,
                                       FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0);
        assert_int_equal(status, mounted ? STATUS_SUCCESS : STATUS_OBJECT_PATH_NOT_FOUND);
        if (mounted)
            break;
        struct fltsim_volume *volume;
        assert_int_equal(fltsim_mount(NULL, &volume), STATUS_SUCCESS);
        assert_int_equal(fltsim_make_directory("C:\\Windows"), STATUS_SUCCESS);
    }
    ZwClose(file);
    assert_int_equal(fltsim_open("C:\\Windows\\log.txt", &(struct fltsim_open){.disposition = FILE_OPEN}, &file), 0);
    fltsim_close(file);
}

static void a_service_of_that_name_can_be_installed_once(void)
{
    struct fltsim_driver *one, *two;
    assert_int_equal(load("counting", "370000", &one), STATUS_SUCCESS);
    assert_int_equal(load("Counting", "370001", &two), STATUS_OBJECT_NAME_COLLISION);
    assert_null(two);
}

static void a_service_that_is_only_installed_can_be_started_and_is_unloaded_like_any_other(void)
{
    UNICODE_STRING key = RTL_CONSTANT_STRING(u"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\late");
    struct fltsim_driver *late;
    struct fltsim_volume *volume;

    assert_int_equal(fltsim_mount(NULL, &volume), STATUS_SUCCESS);
    for (int started = 0; started < 2; started++) {
        assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.name = "late",
                                                                     .module = COUNTING_DRIVER,
                                                                     .altitude = "370000",
                                                                     .group = "FSFilter Top",
                                                                     .no_start = true},
                                     &late),
                         STATUS_SUCCESS);
        assert_null(fltsim_driver_object(late));
        assert_int_equal(fltsim_instances(late, volume), 0);
        if (started) {
            assert_int_equal(ZwLoadDriver(&key), STATUS_SUCCESS);
            assert_non_null(fltsim_driver_object(late));
            assert_int_equal(fltsim_instances(late, volume), 1);
        }
        assert_int_equal(fltsim_unload(late), STATUS_SUCCESS);
    }
}

static void a_bad_request_installs_nothing(void)
{
    static const struct {
        struct fltsim_driver_options options;
        NTSTATUS status;
    } cases[] = {
        {{.name = "bad"}, STATUS_INVALID_PARAMETER},
        {{.name = "bad", .module = "/no/such/file.so", .altitude = "1"}, STATUS_OBJECT_NAME_NOT_FOUND},
        {{.name = "bad", .module = COUNTING_DRIVER, .altitude = "high"}, STATUS_INVALID_PARAMETER},
        {{.name = "bad", .module = COUNTING_DRIVER, .inf = "/no/such/file.inf"}, STATUS_OBJECT_NAME_NOT_FOUND},
        {{.name = "bad", .module = COUNTING_DRIVER, .inf = "/"}, STATUS_INVALID_PARAMETER},
        {{.name = "bad", .module = COUNTING_DRIVER, .inf = "/dev/zero"}, STATUS_INVALID_PARAMETER},
        {{.name = "bad", .module = "/", .altitude = "1"}, STATUS_INVALID_IMAGE_FORMAT},
        {{.name = "bad", .module = COUNTING_DRIVER, .instance = "without altitude"}, STATUS_INVALID_PARAMETER},
        {{.name = "", .module = COUNTING_DRIVER, .altitude = "1"}, STATUS_INVALID_PARAMETER},
        {{.name = "bad\\key", .module = COUNTING_DRIVER, .altitude = "1"}, STATUS_INVALID_PARAMETER},
        {{.name = "bad", .module = COUNTING_DRIVER}, STATUS_OBJECT_NAME_NOT_FOUND},
    };
    struct fltsim_driver *driver;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(fltsim_load(&cases[i].options, &driver), cases[i].status);
        assert_null(driver);
        assert_int_equal(RtlCheckRegistryKey(RTL_REGISTRY_SERVICES, (PWSTR)u"bad"), STATUS_OBJECT_NAME_NOT_FOUND);
    }
}

static void drivers_and_volumes_that_a_test_leaves_are_taken_down_with_the_machine(void)
{
    struct fltsim_volume *volume;
    struct fltsim_driver *driver;
    assert_int_equal(fltsim_mount(NULL, &volume), STATUS_SUCCESS);
    assert_int_equal(load("counting", "370000", &driver), STATUS_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(each_load_of_a_module_has_fresh_globals),
        fltsim_unit_test(two_copies_of_one_driver_run_side_by_side),
        fltsim_unit_test(options_give_the_instance_that_the_driver_does_not_write_itself),
        fltsim_unit_test(entry_and_unload_are_called_in_the_system_process),
        fltsim_unit_test(the_system_root_is_the_windows_folder_of_c),
        fltsim_unit_test(a_service_of_that_name_can_be_installed_once),
        fltsim_unit_test(a_service_that_is_only_installed_can_be_started_and_is_unloaded_like_any_other),
        fltsim_unit_test(a_bad_request_installs_nothing),
        fltsim_unit_test(drivers_and_volumes_that_a_test_leaves_are_taken_down_with_the_machine),
    };
    return cmocka_run_group_tests_name("sim/driver", tests, NULL, NULL);
}
