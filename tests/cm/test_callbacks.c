/* Registry callbacks, as filters of the registry use them. */
#include <ntifs.h>
#include <fltsim/cmocka.h>
#include <fltsim/fault.h>

#include <string.h>

#define SERVICES u"\\Registry\\Machine\\System\\CurrentControlSet\\Services"

/* One registered callback: what it was told, and what it does about it. */
struct filter {
    char letter;
    REG_NOTIFY_CLASS act_on; // MaxRegNtNotifyClass: on nothing
    NTSTATUS answer;
    NTSTATUS return_status;
    void (*inspect)(struct filter *, REG_NOTIFY_CLASS, PVOID);
    LARGE_INTEGER cookie;
    PVOID object;
    unsigned seen, cleanups;
};

static char order[256];
static int driver_object; // stands for a DRIVER_OBJECT

static UNICODE_STRING text(const WCHAR *units)
{
    UNICODE_STRING string;
    RtlInitUnicodeString(&string, (PCWSTR)units);
    return string;
}

static bool is_post(REG_NOTIFY_CLASS class)
{
    switch ((int)class) {
    case RegNtPostDeleteKey:
    case RegNtPostSetValueKey:
    case RegNtPostDeleteValueKey:
    case RegNtPostEnumerateKey:
    case RegNtPostEnumerateValueKey:
    case RegNtPostQueryKey:
    case RegNtPostQueryValueKey:
    case RegNtPostKeyHandleClose:
    case RegNtPostCreateKeyEx:
    case RegNtPostOpenKeyEx:
    case RegNtPostFlushKey: return true;
    default: return false;
    }
}

static NTSTATUS notified(PVOID context, PVOID argument1, PVOID argument2)
{
    struct filter *filter = context;
    REG_NOTIFY_CLASS class = (REG_NOTIFY_CLASS)(ULONG_PTR)argument1;
    size_t end = strlen(order);

    filter->seen++;
    if (class == RegNtCallbackObjectContextCleanup) {
        PREG_CALLBACK_CONTEXT_CLEANUP_INFORMATION info = argument2;
        assert_ptr_equal(info->ObjectContext, filter);
        filter->cleanups++;
        return STATUS_SUCCESS;
    }
    if (end + 1 < sizeof order) {
        order[end] = is_post(class) ? (char)(filter->letter - 'a' + 'A') : filter->letter;
        order[end + 1] = 0;
    }
    if (filter->inspect)
        filter->inspect(filter, class, argument2);
    if (class != filter->act_on)
        return STATUS_SUCCESS;
    if (is_post(class))
        ((PREG_POST_OPERATION_INFORMATION)argument2)->ReturnStatus = filter->return_status;
    return filter->answer;
}

static void add_at(struct filter *filter, const WCHAR *altitude)
{
    UNICODE_STRING name = text(altitude);
    assert_int_equal(CmRegisterCallbackEx(notified, &name, &driver_object, filter, &filter->cookie, NULL),
                     STATUS_SUCCESS);
    order[0] = 0;
}

static void drop(struct filter *filter)
{
    assert_int_equal(CmUnRegisterCallback(filter->cookie), STATUS_SUCCESS);
}

static NTSTATUS open_key(HANDLE root, const WCHAR *path, bool create, PHANDLE key)
{
    UNICODE_STRING name = text(path);
    OBJECT_ATTRIBUTES attributes;
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, root, NULL);
    return create ? ZwCreateKey(key, KEY_ALL_ACCESS, &attributes, 0, NULL, REG_OPTION_VOLATILE, NULL)
                  : ZwOpenKey(key, KEY_ALL_ACCESS, &attributes);
}

static HANDLE new_key(void)
{
    HANDLE key;
    assert_int_equal(open_key(NULL, SERVICES u"\\Foo", true, &key), STATUS_SUCCESS);
    return key;
}

static NTSTATUS set(HANDLE key, const WCHAR *name, ULONG number)
{
    UNICODE_STRING value = text(name);
    return ZwSetValueKey(key, &value, 0, REG_DWORD, &number, sizeof number);
}

static NTSTATUS query(HANDLE key, const WCHAR *name)
{
    UNICODE_STRING value = text(name);
    UCHAR buffer[64];
    ULONG length;
    return ZwQueryValueKey(key, &value, KeyValuePartialInformation, buffer, sizeof buffer, &length);
}

/* ---- order, failure, bypass ---- */

static void the_highest_altitude_is_told_first_and_hears_of_the_end_last(void)
{
    struct filter low = {.letter = 'l', .act_on = MaxRegNtNotifyClass}, high = low, middle = low;
    UNICODE_STRING taken = text(u"360000");
    HANDLE key = new_key();

    high.letter = 'h';
    middle.letter = 'm';
    add_at(&low, u"99");
    add_at(&high, u"360000.5");
    add_at(&middle, u"360000");
    assert_int_equal(CmRegisterCallbackEx(notified, &taken, &driver_object, &low, &(LARGE_INTEGER){0}, NULL),
                     STATUS_FLT_INSTANCE_ALTITUDE_COLLISION);
    assert_int_equal(set(key, u"A", 1), STATUS_SUCCESS);
    assert_string_equal(order, "hmlLMH");
    drop(&low);
    drop(&high);
    drop(&middle);
    assert_int_equal(CmUnRegisterCallback(low.cookie), STATUS_INVALID_PARAMETER);
    order[0] = 0;
    ZwClose(key);
    assert_string_equal(order, "");
}

static void callbacks_without_an_altitude_stand_side_by_side(void)
{
    struct filter one = {.letter = 'a', .act_on = MaxRegNtNotifyClass}, two = one;
    HANDLE key = new_key();

    two.letter = 'b';
    assert_int_equal(CmRegisterCallback(notified, &one, &one.cookie), STATUS_SUCCESS);
    assert_int_equal(CmRegisterCallback(notified, &two, &two.cookie), STATUS_SUCCESS);
    assert_true(one.cookie.QuadPart != two.cookie.QuadPart);
    order[0] = 0;
    ZwFlushKey(key);
    assert_string_equal(order, "abBA");
    drop(&one);
    drop(&two);
    ZwClose(key);
}

static void a_pre_callback_refuses_and_only_those_above_hear_of_it(void)
{
    struct filter high = {.letter = 'h', .act_on = MaxRegNtNotifyClass}, low = high;
    struct filter middle = {.letter = 'm', .act_on = RegNtPreSetValueKey, .answer = STATUS_ACCESS_DENIED};
    HANDLE key = new_key();

    low.letter = 'l';
    add_at(&high, u"300");
    add_at(&middle, u"200");
    add_at(&low, u"100");
    assert_int_equal(set(key, u"A", 1), STATUS_ACCESS_DENIED);
    assert_string_equal(order, "hmH");
    assert_int_equal(query(key, u"A"), STATUS_OBJECT_NAME_NOT_FOUND);
    drop(&high);
    drop(&middle);
    drop(&low);
    ZwClose(key);
}

static void a_bypass_succeeds_without_the_operation(void)
{
    struct filter filter = {.letter = 'f', .act_on = RegNtPreDeleteKey, .answer = STATUS_CALLBACK_BYPASS};
    HANDLE key = new_key();

    add_at(&filter, u"100");
    assert_int_equal(ZwDeleteKey(key), STATUS_SUCCESS);
    filter.act_on = MaxRegNtNotifyClass;
    assert_int_equal(set(key, u"A", 1), STATUS_SUCCESS);
    assert_int_equal(ZwDeleteKey(key), STATUS_SUCCESS);
    assert_int_equal(set(key, u"A", 1), STATUS_KEY_DELETED);
    drop(&filter);
    ZwClose(key);
}

static void a_post_callback_changes_the_status(void)
{
    struct filter filter = {.letter = 'f',
                            .act_on = RegNtPostQueryValueKey,
                            .answer = STATUS_CALLBACK_BYPASS,
                            .return_status = STATUS_OBJECT_NAME_NOT_FOUND};
    HANDLE key = new_key();

    set(key, u"A", 1);
    add_at(&filter, u"100");
    assert_int_equal(query(key, u"A"), STATUS_OBJECT_NAME_NOT_FOUND);
    filter.answer = STATUS_SUCCESS; // ReturnStatus alone does not count
    assert_int_equal(query(key, u"A"), STATUS_SUCCESS);
    filter = (struct filter){.letter = 'f', .act_on = RegNtPostOpenKeyEx, .answer = STATUS_CALLBACK_BYPASS,
                             .return_status = STATUS_ACCESS_DENIED, .cookie = filter.cookie};
    HANDLE other;
    assert_int_equal(open_key(NULL, SERVICES, false, &other), STATUS_ACCESS_DENIED);
    drop(&filter);
    ZwClose(key);
}

/* ---- what the structures say ---- */

static void inspect_create(struct filter *filter, REG_NOTIFY_CLASS class, PVOID argument)
{
    static const UNICODE_STRING root = RTL_CONSTANT_STRING(u"\\REGISTRY");
    static const UNICODE_STRING path = RTL_CONSTANT_STRING(SERVICES u"\\Foo");
    PCUNICODE_STRING name;

    if (class == RegNtPreCreateKeyEx) {
        PREG_CREATE_KEY_INFORMATION_V1 info = argument;
        assert_true(RtlEqualUnicodeString(info->CompleteName, &path, TRUE));
        assert_int_equal(info->Version, 1);
        assert_int_equal(info->Options, REG_OPTION_VOLATILE);
        assert_int_equal(info->DesiredAccess, KEY_ALL_ACCESS);
        assert_int_equal(CmCallbackGetKeyObjectID(&filter->cookie, info->RootObject, NULL, &name), STATUS_SUCCESS);
        assert_true(RtlEqualUnicodeString(name, &root, TRUE));
        info->CallContext = &order;
    } else if (class == RegNtPostCreateKeyEx) {
        PREG_POST_OPERATION_INFORMATION info = argument;
        PREG_CREATE_KEY_INFORMATION_V1 pre = info->PreInformation;
        assert_int_equal(info->Status, STATUS_SUCCESS);
        assert_ptr_equal(info->CallContext, &order);
        assert_ptr_equal(info->Object, *pre->ResultObject);
        assert_int_equal(*pre->Disposition, REG_CREATED_NEW_KEY);
        filter->object = info->Object;
    } else if (class == RegNtPreOpenKeyEx) {
        PREG_OPEN_KEY_INFORMATION_V1 info = argument;
        assert_ptr_equal(info->RootObject, filter->object);
        assert_int_equal(info->CompleteName->Buffer[0], 'B');
    } else if (class == RegNtPostOpenKeyEx) {
        PREG_POST_OPERATION_INFORMATION info = argument;
        assert_int_equal(info->Status, STATUS_OBJECT_NAME_NOT_FOUND);
        assert_null(info->Object);
    }
}

static void create_and_open_are_told_by_name_and_root(void)
{
    struct filter filter = {.letter = 'f', .act_on = MaxRegNtNotifyClass, .inspect = inspect_create};
    HANDLE other;

    add_at(&filter, u"100");
    HANDLE key = new_key();
    assert_int_equal(open_key(key, u"Bar", false, &other), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_string_equal(order, "fFfF");
    ZwClose(key);
    assert_string_equal(order, "fFfFfF");
    drop(&filter);
}

static void inspect_value(struct filter *filter, REG_NOTIFY_CLASS class, PVOID argument)
{
    static const UNICODE_STRING name = RTL_CONSTANT_STRING(u"A");

    if (class == RegNtPreSetValueKey) {
        PREG_SET_VALUE_KEY_INFORMATION info = argument;
        assert_true(RtlEqualUnicodeString(info->ValueName, &name, FALSE));
        assert_int_equal(info->Type, REG_DWORD);
        assert_int_equal(info->DataSize, sizeof(ULONG));
        assert_int_equal(*(PULONG)info->Data, 7);
    } else if (class == RegNtPreQueryValueKey) {
        PREG_QUERY_VALUE_KEY_INFORMATION info = argument;
        assert_int_equal(info->KeyValueInformationClass, KeyValuePartialInformation);
    } else if (class == RegNtPostQueryValueKey) {
        PREG_POST_OPERATION_INFORMATION info = argument;
        PREG_QUERY_VALUE_KEY_INFORMATION pre = info->PreInformation;
        *(PULONG)((PKEY_VALUE_PARTIAL_INFORMATION)pre->KeyValueInformation)->Data = 9;
    } else if (class == RegNtPreDeleteValueKey) {
        assert_true(RtlEqualUnicodeString(((PREG_DELETE_VALUE_KEY_INFORMATION)argument)->ValueName, &name, FALSE));
    }
}

static void values_are_told_with_their_data(void)
{
    struct filter filter = {.letter = 'f', .act_on = MaxRegNtNotifyClass, .inspect = inspect_value};
    UNICODE_STRING name = text(u"A");
    HANDLE key = new_key();
    ULONG length, buffer[16];

    add_at(&filter, u"100");
    set(key, u"A", 7);
    assert_int_equal(ZwQueryValueKey(key, &name, KeyValuePartialInformation, buffer, sizeof buffer, &length),
                     STATUS_SUCCESS);
    assert_int_equal(*(PULONG)((PKEY_VALUE_PARTIAL_INFORMATION)buffer)->Data, 9);
    assert_int_equal(ZwEnumerateValueKey(key, 0, KeyValueBasicInformation, buffer, sizeof buffer, &length),
                     STATUS_SUCCESS);
    assert_int_equal(ZwQueryKey(key, KeyFullInformation, buffer, sizeof buffer, &length), STATUS_SUCCESS);
    assert_int_equal(ZwEnumerateKey(key, 0, KeyBasicInformation, buffer, sizeof buffer, &length),
                     STATUS_NO_MORE_ENTRIES);
    assert_int_equal(ZwDeleteValueKey(key, &name), STATUS_SUCCESS);
    assert_string_equal(order, "fFfFfFfFfFfF");
    drop(&filter);
    ZwClose(key);
}

/* ---- contexts and names ---- */

static void inspect_context(struct filter *filter, REG_NOTIFY_CLASS class, PVOID argument)
{
    PVOID old = filter;

    if (class == RegNtPostCreateKeyEx) {
        filter->object = ((PREG_POST_OPERATION_INFORMATION)argument)->Object;
        assert_int_equal(CmSetCallbackObjectContext(filter->object, &filter->cookie, filter, &old), STATUS_SUCCESS);
        assert_null(old);
    } else if (class == RegNtPreSetValueKey) {
        assert_ptr_equal(((PREG_SET_VALUE_KEY_INFORMATION)argument)->ObjectContext, filter);
    } else if (class == RegNtPostSetValueKey) {
        assert_ptr_equal(((PREG_POST_OPERATION_INFORMATION)argument)->ObjectContext, filter);
    }
}

static void a_context_is_handed_back_until_the_key_or_the_callback_goes(void)
{
    struct filter filter = {.letter = 'f', .act_on = MaxRegNtNotifyClass, .inspect = inspect_context};

    add_at(&filter, u"100");
    HANDLE key = new_key();
    set(key, u"A", 1);
    assert_int_equal(filter.cleanups, 0);
    ZwClose(key);
    assert_int_equal(filter.cleanups, 1);
    key = new_key();
    drop(&filter);
    assert_int_equal(filter.cleanups, 2);
    assert_int_equal(CmSetCallbackObjectContext(filter.object, &filter.cookie, &filter, NULL), STATUS_INVALID_PARAMETER);
    ZwClose(key);
    assert_int_equal(filter.cleanups, 2);
}

static void inspect_name(struct filter *filter, REG_NOTIFY_CLASS class, PVOID argument)
{
    static const UNICODE_STRING path = RTL_CONSTANT_STRING(SERVICES u"\\Foo");
    PCUNICODE_STRING name;
    ULONG_PTR id, same;

    if (class != RegNtPostDeleteKey)
        return;
    PVOID object = ((PREG_POST_OPERATION_INFORMATION)argument)->Object;
    assert_int_equal(CmCallbackGetKeyObjectIDEx(&filter->cookie, object, &id, &name, 0), STATUS_SUCCESS);
    assert_true(RtlEqualUnicodeString(name, &path, TRUE));
    CmCallbackReleaseKeyObjectIDEx(name);
    assert_int_equal(CmCallbackGetKeyObjectID(&filter->cookie, object, &same, &name), STATUS_SUCCESS);
    assert_int_equal(id, same);
    assert_int_equal(CmCallbackGetKeyObjectIDEx(&filter->cookie, object, NULL, NULL, 1), STATUS_INVALID_PARAMETER);
    assert_int_equal(CmCallbackGetKeyObjectIDEx(&filter->cookie, NULL, NULL, NULL, 0), STATUS_INVALID_PARAMETER);
    assert_int_equal(CmCallbackGetKeyObjectID(&(LARGE_INTEGER){.QuadPart = 12345}, object, NULL, NULL),
                     STATUS_INVALID_PARAMETER);
    assert_null(CmGetBoundTransaction(&filter->cookie, object));
    filter->object = object;
}

static void a_deleted_key_still_has_its_name_for_callbacks(void)
{
    struct filter filter = {.letter = 'f', .act_on = MaxRegNtNotifyClass, .inspect = inspect_name};
    ULONG major, minor;
    HANDLE key = new_key();

    CmGetCallbackVersion(&major, &minor);
    assert_int_equal(major * 10 + minor, 11);
    add_at(&filter, u"100");
    assert_int_equal(ZwDeleteKey(key), STATUS_SUCCESS);
    assert_non_null(filter.object);
    drop(&filter);
    ZwClose(key);
}

/* ---- unregistering while it runs ---- */

static KEVENT entered, leave;
static bool unregistered;

static void inspect_wait(struct filter *filter, REG_NOTIFY_CLASS class, PVOID argument)
{
    if (class != RegNtPreSetValueKey)
        return;
    KeSetEvent(&entered, 0, FALSE);
    KeWaitForSingleObject(&leave, Executive, KernelMode, FALSE, NULL);
    assert_false(unregistered);
}

static VOID setter(PVOID context)
{
    HANDLE key = new_key();
    set(key, u"A", 1);
    ZwClose(key);
}

static VOID unregisterer(PVOID context)
{
    drop(context);
    unregistered = true;
}

static PVOID start(PKSTART_ROUTINE routine, PVOID context)
{
    HANDLE handle;
    PVOID thread;
    assert_int_equal(PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, routine, context), STATUS_SUCCESS);
    ObReferenceObjectByHandle(handle, THREAD_ALL_ACCESS, *PsThreadType, KernelMode, &thread, NULL);
    ZwClose(handle);
    return thread;
}

static void join(PVOID thread)
{
    KeWaitForSingleObject(thread, Executive, KernelMode, FALSE, NULL);
    ObDereferenceObject(thread);
}

static void unregistering_waits_for_a_callback_that_runs(void)
{
    struct filter filter = {.letter = 'f', .act_on = MaxRegNtNotifyClass, .inspect = inspect_wait};
    LARGE_INTEGER soon = {.QuadPart = -10 * 1000 * 20};

    KeInitializeEvent(&entered, NotificationEvent, FALSE);
    KeInitializeEvent(&leave, NotificationEvent, FALSE);
    unregistered = false;
    add_at(&filter, u"100");
    PVOID sets = start(setter, NULL);
    KeWaitForSingleObject(&entered, Executive, KernelMode, FALSE, NULL);
    PVOID ends = start(unregisterer, &filter);
    KeDelayExecutionThread(KernelMode, FALSE, &soon);
    assert_false(unregistered);
    KeSetEvent(&leave, 0, FALSE);
    join(sets);
    join(ends);
    assert_true(unregistered);
}

/* ---- mistakes, and no memory ---- */

static void a_callback_left_registered_is_reported(void)
{
    static struct filter filter = {.letter = 'f', .act_on = MaxRegNtNotifyClass};
    add_at(&filter, u"100");
    fltsim_expect("callback-left-registered");
}

static void registering_may_find_no_memory(void)
{
    struct filter filter = {.letter = 'f', .act_on = MaxRegNtNotifyClass};
    UNICODE_STRING altitude = text(u"100");

    fltsim_fail_allocation(1);
    assert_int_equal(CmRegisterCallback(notified, &filter, &filter.cookie), STATUS_INSUFFICIENT_RESOURCES);
    fltsim_fail_allocation(1);
    assert_int_equal(CmRegisterCallbackEx(notified, &altitude, &driver_object, &filter, &filter.cookie, NULL),
                     STATUS_INSUFFICIENT_RESOURCES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(the_highest_altitude_is_told_first_and_hears_of_the_end_last),
        fltsim_unit_test(callbacks_without_an_altitude_stand_side_by_side),
        fltsim_unit_test(a_pre_callback_refuses_and_only_those_above_hear_of_it),
        fltsim_unit_test(a_bypass_succeeds_without_the_operation),
        fltsim_unit_test(a_post_callback_changes_the_status),
        fltsim_unit_test(create_and_open_are_told_by_name_and_root),
        fltsim_unit_test(values_are_told_with_their_data),
        fltsim_unit_test(a_context_is_handed_back_until_the_key_or_the_callback_goes),
        fltsim_unit_test(a_deleted_key_still_has_its_name_for_callbacks),
        fltsim_unit_test(unregistering_waits_for_a_callback_that_runs),
        fltsim_unit_test(a_callback_left_registered_is_reported),
        fltsim_unit_test(registering_may_find_no_memory),
    };
    return cmocka_run_group_tests_name("cm/callbacks", tests, NULL, NULL);
}
