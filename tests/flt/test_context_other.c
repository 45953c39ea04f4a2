/* Contexts and instances of one filter in the hands of another driver. */
#include "wrong.h"

#include <stdio.h>

static char module[512]; /* stranger.c: what it does is in the name of the file that is opened */
static const char *act;

static void open_beside_the_stranger(const char *whose, PFLT_CONTEXT context)
{
    char path[80];
    struct fltsim_driver *driver;
    succeeds(fltsim_load(&(struct fltsim_driver_options){.name = "stranger", .module = module, .altitude = "380000"}, &driver));
    snprintf(path, sizeof path, "C:\\%s%s", whose, act);
    if (context)
        snprintf(path + strlen(path), sizeof path - strlen(path), "-%llx", (unsigned long long)(ULONG_PTR)context);
    fltsim_close(stage_open(path));
    succeeds(fltsim_unload(driver));
}

static void of_the_others_instance(void)
{
    stage_set();
    open_beside_the_stranger("", NULL);
}

static void of_its_own_instance(void)
{
    stage_set();
    open_beside_the_stranger("own", NULL);
}

static void of_the_others_context(void)
{
    PFLT_CONTEXT context;
    stage_set();
    succeeds(FltAllocateContext(stage.filter, FLT_STREAM_CONTEXT, 32, NonPagedPool, &context));
    if (!strcmp(act, "release"))
        FltReferenceContext(context);
    open_beside_the_stranger("", context);
    if (!strcmp(act, "reference"))
        FltReleaseContext(context);
    FltReleaseContext(context);
}

#define INSTANCE_TWINS(name, verb)                                                                                     \
    static void name##_wrong(void) { act = verb; of_the_others_instance(); }                                           \
    static void name##_right(void) { act = verb; of_its_own_instance(); }
#define CONTEXT_TWIN(name, verb)                                                                                       \
    static void name##_wrong(void) { act = verb; of_the_others_context(); }
INSTANCE_TWINS(get, "get")
INSTANCE_TWINS(several, "several")
INSTANCE_TWINS(instance, "instance")
INSTANCE_TWINS(volume, "volume")
INSTANCE_TWINS(drop, "drop")
INSTANCE_TWINS(scan, "scan")
INSTANCE_TWINS(allocate, "allocate")
CONTEXT_TWIN(reference, "reference")
CONTEXT_TWIN(release, "release")
CONTEXT_TWIN(delete, "delete")

#define BY "by another driver, \"stranger\""
#define test_of(name, verb, right, ...)                                                                                \
    twins_test(name, "context-from-other-filter", verb##_wrong, right, .driver = "stranger", .says = {__VA_ARGS__})

int main(int count, char **arguments)
{
    const char *slash = strrchr(arguments[0], '/');
    snprintf(module, sizeof module, "%.*sflt/stranger.so", slash ? (int)(slash + 1 - arguments[0]) : 0, arguments[0]);
    const struct CMUnitTest tests[] = {
        test_of(a_get_with_the_others_instance, get, get_right,
                "FltGetStreamContext was given instance \"stage Instance\" of filter stage", BY, "this call get (stranger.c:"),
        test_of(a_get_of_several_with_the_others_instance, several, several_right, "FltGetStreamContext", BY,
                "this call get_several (stranger.c:"),
        test_of(a_get_from_the_others_instance, instance, instance_right, "FltGetInstanceContext", BY),
        test_of(a_get_from_a_volume_for_the_other_filter, volume, volume_right,
                "FltGetVolumeContext was given filter stage", BY),
        test_of(a_delete_with_the_others_instance, drop, drop_right, "FltDeleteStreamHandleContext", BY),
        test_of(a_scan_with_the_others_instance, scan, scan_right, "FltRegisterForDataScan", BY),
        test_of(an_allocation_for_the_other_filter, allocate, allocate_right, "FltAllocateContext was given filter stage", BY),
        test_of(a_reference_to_the_others_context, reference, get_right, "was given to FltReferenceContext " BY,
                "allocated by of_the_others_context"),
        test_of(a_release_of_the_others_context, release, get_right, "was given to FltReleaseContext " BY,
                "referenced by of_the_others_context"),
        test_of(a_delete_of_the_others_context, delete, get_right, "was given to FltDeleteContext " BY),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
