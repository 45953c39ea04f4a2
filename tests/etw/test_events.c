/* A driver's event providers, and who listens. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#include <fltKernel.h>
#include <evntprov.h>
#include <evntrace.h>

#include <fltsim/cmocka.h>
#include <fltsim/etw.h>
#include <fltsim/fault.h>

#include <string.h>

static const GUID id = {0x12345678, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};
static const GUID another = {0x87654321, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};
static const GUID none;
static REGHANDLE handle;

static struct {
    int calls;
    ULONG code;
    UCHAR level;
    ULONGLONG any, all;
} told;

static VOID enabled(LPCGUID source, ULONG code, UCHAR level, ULONGLONG any, ULONGLONG all, PEVENT_FILTER_DESCRIPTOR filter,
                    PVOID context)
{
    assert_ptr_equal(context, &told);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    told.calls++;
    told.code = code;
    told.level = level;
    told.any = any;
    told.all = all;
}

static void begin(void)
{
    memset(&told, 0, sizeof told);
    assert_int_equal(EtwRegister(&id, enabled, &told, &handle), STATUS_SUCCESS);
}

static void end(void)
{
    assert_int_equal(EtwUnregister(handle), STATUS_SUCCESS);
}

static void a_provider_hears_when_it_is_enabled(void)
{
    begin();
    assert_int_equal(told.calls, 0);
    fltsim_enable_provider(&another, 5, 0, 0);
    assert_int_equal(told.calls, 0);
    fltsim_enable_provider(&id, TRACE_LEVEL_WARNING, 0x10, 0x20);
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.code, EVENT_CONTROL_CODE_ENABLE_PROVIDER);
    assert_int_equal(told.level, TRACE_LEVEL_WARNING);
    assert_int_equal(told.any, 0x10);
    assert_int_equal(told.all, 0x20);
    fltsim_capture_provider_state(&id);
    assert_int_equal(told.code, EVENT_CONTROL_CODE_CAPTURE_STATE);
    end();
    begin(); /* the session is still there */
    assert_int_equal(told.calls, 1);
    assert_int_equal(told.code, EVENT_CONTROL_CODE_ENABLE_PROVIDER);
    fltsim_disable_provider(&id);
    assert_int_equal(told.calls, 2);
    assert_int_equal(told.code, EVENT_CONTROL_CODE_DISABLE_PROVIDER);
    assert_false(EtwProviderEnabled(handle, 0, 0));
    end();
}

static void levels_and_keywords_say_what_is_written(void)
{
    static const struct {
        UCHAR level;
        ULONGLONG any, all;
        UCHAR eventLevel;
        ULONGLONG keyword;
        BOOLEAN enabled;
    } rows[] = {
        {3, 0, 0, 3, 0, TRUE},          {3, 0, 0, 4, 0, FALSE},          {0, 0, 0, 200, 0, TRUE},
        {3, 0x6, 0, 3, 0x4, TRUE},      {3, 0x6, 0, 3, 0x8, FALSE},      {3, 0x6, 0x3, 3, 0x4, FALSE},
        {3, 0x6, 0x3, 3, 0x7, TRUE},    {3, 0x6, 0x3, 3, 0, TRUE},       {3, 0, 0x3, 3, 0x1, FALSE},
        {3, 0, 0, 0, 0x1, TRUE},
    };
    begin();
    assert_false(EtwProviderEnabled(handle, 0, 0));
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        EVENT_DESCRIPTOR event = {.Id = 1, .Level = rows[i].eventLevel, .Keyword = rows[i].keyword};
        fltsim_enable_provider(&id, rows[i].level, rows[i].any, rows[i].all);
        assert_int_equal(EtwProviderEnabled(handle, rows[i].eventLevel, rows[i].keyword), rows[i].enabled);
        assert_int_equal(EtwEventEnabled(handle, &event), rows[i].enabled);
        assert_true(EtwProviderEnabled(handle, 0, 0));
        assert_int_equal(EtwWrite(handle, &event, NULL, 0, NULL), STATUS_SUCCESS);
        assert_int_equal(fltsim_events(NULL, NULL), rows[i].enabled);
        fltsim_forget_events();
    }
    end();
}

static struct fltsim_event seen;
static char seenData[64];

static void look(const struct fltsim_event *event, void *context)
{
    seen = *event;
    memcpy(seenData, event->data, event->length);
}

static void an_event_is_seen_as_it_was_written(void)
{
    static const EVENT_DESCRIPTOR event = {.Id = 7, .Version = 1, .Channel = 2, .Level = 4, .Opcode = 5, .Task = 6,
                                           .Keyword = 0x80};
    EVENT_DATA_DESCRIPTOR data[2];
    GUID activity = {1, 2, 3, {4}}, related = {5, 6, 7, {8}};
    EventDataDescCreate(&data[0], "abc", 3);
    EventDataDescCreate(&data[1], "de", 2);
    begin();
    fltsim_enable_provider(&id, 5, 0, 0);
    assert_int_equal(EtwWrite(handle, &event, &activity, 2, data), STATUS_SUCCESS);
    assert_int_equal(fltsim_events(look, NULL), 1);
    assert_memory_equal(&seen.provider, &id, sizeof id);
    assert_memory_equal(&seen.descriptor, &event, sizeof event);
    assert_memory_equal(&seen.activity, &activity, sizeof activity);
    assert_memory_equal(&seen.related, &none, sizeof none);
    assert_int_equal(seen.length, 5);
    assert_memory_equal(seenData, "abcde", 5);
    assert_null(seen.name);
    assert_int_equal(EtwWriteTransfer(handle, &event, NULL, &related, 0, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_events(look, NULL), 2);
    assert_memory_equal(&seen.activity, &none, sizeof none);
    assert_memory_equal(&seen.related, &related, sizeof related);
    assert_int_equal(EtwWriteEx(handle, &event, 0, 0, &activity, &related, 1, data), STATUS_SUCCESS);
    assert_int_equal(fltsim_events(look, NULL), 3);
    assert_int_equal(seen.length, 3);
    assert_int_equal(EtwWriteString(handle, 2, 0x1, NULL, L"hello"), STATUS_SUCCESS);
    assert_int_equal(fltsim_events(look, NULL), 4);
    assert_true(seen.is_string);
    assert_int_equal(seen.descriptor.Level, 2);
    assert_int_equal(seen.descriptor.Keyword, 1);
    assert_memory_equal(seenData, L"hello", 6 * sizeof(WCHAR));
    end();
}

static void events_are_written_at_any_irql(void)
{
    static const EVENT_DESCRIPTOR event = {.Id = 7};
    KIRQL before;
    begin();
    fltsim_enable_provider(&id, 5, 0, 0);
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    assert_int_equal(EtwWrite(handle, &event, NULL, 0, NULL), STATUS_SUCCESS);
    KeLowerIrql(before);
    assert_int_equal(fltsim_events(NULL, NULL), 1);
    end();
}

static void wrong_calls_are_refused(void)
{
    static const EVENT_DESCRIPTOR event = {.Id = 7};
    static EVENT_DATA_DESCRIPTOR many[129];
    assert_int_equal(EtwRegister(NULL, NULL, NULL, &handle), STATUS_INVALID_PARAMETER);
    fltsim_fail_allocation(1);
    assert_int_equal(EtwRegister(&id, NULL, NULL, &handle), STATUS_NO_MEMORY);
    fltsim_fail_allocation(0);
    begin();
    fltsim_enable_provider(&id, 5, 0, 0);
    assert_int_equal(EtwWrite(handle, &event, NULL, 128, many), STATUS_SUCCESS);
    assert_int_equal(EtwWrite(handle, &event, NULL, 129, many), STATUS_INVALID_PARAMETER);
    assert_int_equal(EtwWriteTransfer(handle, &event, NULL, NULL, 129, many), STATUS_INVALID_PARAMETER);
    assert_int_equal(EtwWriteEx(handle, &event, 0, 1, NULL, NULL, 0, NULL), STATUS_INVALID_PARAMETER);
    fltsim_fail_allocation(1);
    assert_int_equal(EtwWrite(handle, &event, &id, 0, NULL), STATUS_NO_MEMORY);
    fltsim_fail_allocation(0);
    end();
    assert_int_equal(EtwWrite(handle, &event, NULL, 0, NULL), STATUS_INVALID_HANDLE);
    assert_int_equal(EtwWriteString(handle, 0, 0, NULL, L""), STATUS_INVALID_HANDLE);
    assert_int_equal(EtwSetInformation(handle, EventProviderBinaryTrackInfo, NULL, 0), STATUS_INVALID_HANDLE);
    assert_int_equal(EtwUnregister(handle), STATUS_INVALID_HANDLE);
    assert_false(EtwProviderEnabled(handle, 0, 0));
}

static void a_provider_gives_its_name(void)
{
    static const EVENT_DESCRIPTOR event = {.Id = 7};
    UCHAR traits[] = {9, 0, 'D', 'r', 'i', 'v', 'e', 'r', 0};
    BOOLEAN yes = TRUE;
    begin();
    fltsim_enable_provider(&id, 5, 0, 0);
    assert_int_equal(EtwSetInformation(handle, EventProviderSetTraits, traits, sizeof traits), STATUS_SUCCESS);
    assert_int_equal(EtwSetInformation(handle, EventProviderSetTraits, traits, sizeof traits - 1), STATUS_INVALID_PARAMETER);
    assert_int_equal(EtwSetInformation(handle, EventProviderUseDescriptorType, &yes, sizeof yes), STATUS_SUCCESS);
    assert_int_equal(EtwSetInformation(handle, MaxEventInfo, NULL, 0), STATUS_INVALID_DEVICE_REQUEST);
    assert_int_equal(EtwWrite(handle, &event, NULL, 0, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_events(look, NULL), 1);
    assert_string_equal(seen.name, "Driver");
    end();
}

static void a_thread_has_an_activity(void)
{
    static const EVENT_DESCRIPTOR event = {.Id = 7};
    GUID first, second, now;
    assert_int_equal(EtwActivityIdControl(EVENT_ACTIVITY_CTRL_GET_ID, &now), STATUS_SUCCESS);
    assert_memory_equal(&now, &none, sizeof none);
    assert_int_equal(EtwActivityIdControl(EVENT_ACTIVITY_CTRL_CREATE_ID, &first), STATUS_SUCCESS);
    assert_int_equal(EtwActivityIdControl(EVENT_ACTIVITY_CTRL_CREATE_ID, &second), STATUS_SUCCESS);
    assert_memory_not_equal(&first, &second, sizeof first);
    now = first;
    assert_int_equal(EtwActivityIdControl(EVENT_ACTIVITY_CTRL_SET_ID, &now), STATUS_SUCCESS);
    assert_memory_equal(IoGetActivityIdThread(), &first, sizeof first);
    now = second;
    assert_int_equal(EtwActivityIdControl(EVENT_ACTIVITY_CTRL_GET_SET_ID, &now), STATUS_SUCCESS);
    assert_memory_equal(&now, &first, sizeof first);
    begin();
    fltsim_enable_provider(&id, 5, 0, 0);
    assert_int_equal(EtwWrite(handle, &event, NULL, 0, NULL), STATUS_SUCCESS);
    fltsim_events(look, NULL);
    assert_memory_equal(&seen.activity, &second, sizeof second);
    end();
    assert_int_equal(EtwActivityIdControl(EVENT_ACTIVITY_CTRL_CREATE_SET_ID, &now), STATUS_SUCCESS);
    assert_memory_equal(&now, &second, sizeof second);
    assert_int_equal(EtwActivityIdControl(EVENT_ACTIVITY_CTRL_GET_ID, &now), STATUS_SUCCESS);
    assert_memory_not_equal(&now, &second, sizeof second);
    assert_int_equal(EtwActivityIdControl(99, &now), STATUS_INVALID_PARAMETER);
    IoClearActivityIdThread(NULL);
}

static void a_provider_that_stays_is_reported(void)
{
    begin();
    fltsim_expect("etw-provider-left");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_provider_hears_when_it_is_enabled),
        fltsim_unit_test(levels_and_keywords_say_what_is_written),
        fltsim_unit_test(an_event_is_seen_as_it_was_written),
        fltsim_unit_test(events_are_written_at_any_irql),
        fltsim_unit_test(wrong_calls_are_refused),
        fltsim_unit_test(a_provider_gives_its_name),
        fltsim_unit_test(a_thread_has_an_activity),
        fltsim_unit_test(a_provider_that_stays_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
