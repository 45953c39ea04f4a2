/* Drivers that are wrong about their filter and its registration, each beside one that does the same right. */
#include "wrong.h"

static void start_with(PFLT_FILTER filter)
{
    stage_set();
    FltStartFiltering(filter);
}

static ULONG zeros[256];

static void start_no_filter(void) { start_with((PFLT_FILTER)zeros); }

static void unregister_null(void)
{
    stage_set();
    FltUnregisterFilter(NULL);
}

static void close_null_port(void)
{
    stage_set();
    FltCloseCommunicationPort(NULL);
}

static void query_null_instance(void)
{
    FILE_STANDARD_INFORMATION information;
    stage_set();
    FltQueryInformationFile(NULL, NULL, &information, sizeof information, FileStandardInformation, NULL);
}

static void start_again(void)
{
    stage_set();
    answers(STATUS_INVALID_PARAMETER, FltStartFiltering(stage.filter));
}

static NTSTATUS register_with(const FLT_CONTEXT_REGISTRATION *contexts)
{
    static const FLT_OPERATION_REGISTRATION none[] = {{IRP_MJ_OPERATION_END}};
    FLT_REGISTRATION registration = {sizeof registration, FLT_REGISTRATION_VERSION, 0, contexts, none};
    PFLT_FILTER filter;
    stage_set();
    NTSTATUS status = FltRegisterFilter(stage.driverObject, &registration, &filter);
    return status;
}

/* What happens to stand behind the array has no context's type. */
static void no_end_mark(void)
{
    static const FLT_CONTEXT_REGISTRATION contexts[] = {{FLT_STREAM_CONTEXT, 0, NULL, 16, STAGE_TAG}, {0x1234}};
    answers(STATUS_INVALID_PARAMETER, register_with(contexts));
}

static void end_mark(void)
{
    static const FLT_CONTEXT_REGISTRATION contexts[] = {{FLT_STREAM_CONTEXT, 0, NULL, 16, STAGE_TAG}, {FLT_CONTEXT_END}};
    answers(STATUS_INVALID_PARAMETER, register_with(contexts)); /* one filter a driver */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        twins_test(a_pointer_that_is_no_filter, "bad-flt-object", start_no_filter, start_again, 0x50, (uintptr_t)zeros,
                   {"FltStartFiltering was given", "which is no filter", "called by start_with"}),
        twins_test(a_filter_that_is_null, "bad-flt-object", unregister_null, start_again, 0x50, 0,
                   {"FltUnregisterFilter was given NULL"}),
        twins_test(a_communication_port_that_is_null, "bad-flt-object", close_null_port, start_again, 0x50, 0,
                   {"FltCloseCommunicationPort was given NULL", "called by close_null_port"}),
        twins_test(an_instance_that_is_null, "bad-flt-object", query_null_instance, start_again, 0x50, 0,
                   {"FltQueryInformationFile was given NULL", "called by query_null_instance"}),
        twins_test(contexts_without_an_end_mark, "bad-registration", no_end_mark, end_mark,
                   .says = {"Entry 1 of the context registration has the type 0x1234", "registered by register_with"}),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
