/* What a driver that traces by WPP finds in the header that stands for the generated one. */
#include <ntddk.h>

#define WPP_CONTROL_GUIDS                                                                                               \
    WPP_DEFINE_CONTROL_GUID(Driver, (5e3f7a10, 0b1c, 4d2e, 9f40, 123456789abc),                                         \
                            WPP_DEFINE_BIT(TRACE_CREATE) WPP_DEFINE_BIT(TRACE_READ))                                    \
    WPP_DEFINE_CONTROL_GUID(Other, (5e3f7a11, 0b1c, 4d2e, 9f40, 123456789abc), WPP_DEFINE_BIT(TRACE_OTHER))
#define WPP_LEVEL_FLAGS_LOGGER(lvl, flags) WPP_LEVEL_LOGGER(flags)
#define WPP_LEVEL_FLAGS_ENABLED(lvl, flags) (WPP_LEVEL_ENABLED(flags) && WPP_CONTROL(WPP_BIT_##flags).Level >= lvl)

#include <nt/wpp.h>

#include <fltsim/cmocka.h>

static ULONG64 first_of(ULONG64 logger, int more) { return logger + (ULONG64)more; }

static void a_flag_has_a_number_and_is_not_enabled(void)
{
    assert_int_equal(WPP_BIT_TRACE_CREATE, 0);
    assert_int_equal(WPP_BIT_TRACE_READ, 1);
    assert_int_equal(WPP_BIT_TRACE_OTHER, 2);
    assert_false(WPP_LEVEL_FLAGS_ENABLED(1, TRACE_READ));
    assert_int_equal(WPP_CONTROL(WPP_BIT_TRACE_READ).Level, 0);
}

static void tracing_begins_and_ends_and_logs_nowhere(void)
{
    WPP_INIT_TRACING(NULL, NULL);
    assert_int_equal(first_of(WPP_LEVEL_FLAGS_LOGGER(1, TRACE_CREATE) 0), 0);
    WPP_CLEANUP(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_flag_has_a_number_and_is_not_enabled),
        fltsim_unit_test(tracing_begins_and_ends_and_logs_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
