/* ObRegisterCallbacks: order by altitude, rights taken away, registration errors, what is left behind. */
#include "ob_test.h"

#include "verify/verify.h"

static char seen[64];

static void note(char c)
{
    size_t length = strlen(seen);
    seen[length] = c;
    seen[length + 1] = 0;
}

static OB_PREOP_CALLBACK_STATUS before(PVOID context, POB_PRE_OPERATION_INFORMATION information)
{
    note(*(char *)context);
    information->CallContext = context;
    assert_ptr_equal(information->ObjectType, *PsProcessType);
    if (*(char *)context == 'h')
        information->Parameters->CreateHandleInformation.DesiredAccess &= ~(ACCESS_MASK)0x1;
    information->Parameters->CreateHandleInformation.DesiredAccess |= 0x800000; /* not given */
    return OB_PREOP_SUCCESS;
}

static VOID after(PVOID context, POB_POST_OPERATION_INFORMATION information)
{
    assert_ptr_equal(information->CallContext, context);
    assert_int_equal(information->ReturnStatus, STATUS_SUCCESS);
    assert_int_equal(information->Parameters->CreateHandleInformation.GrantedAccess & 0x800001, 0);
    note((char)(*(char *)context - 'a' + 'A'));
}

static NTSTATUS watch(const WCHAR *altitude, char *name, PVOID *registration)
{
    OB_OPERATION_REGISTRATION operation = {.ObjectType = PsProcessType,
                                           .Operations = OB_OPERATION_HANDLE_CREATE | OB_OPERATION_HANDLE_DUPLICATE,
                                           .PreOperation = before,
                                           .PostOperation = after};
    OB_CALLBACK_REGISTRATION callbacks = {.Version = OB_FLT_REGISTRATION_VERSION,
                                          .OperationRegistrationCount = 1,
                                          .Altitude = text(altitude),
                                          .RegistrationContext = name,
                                          .OperationRegistration = &operation};
    return ObRegisterCallbacks(&callbacks, registration);
}

static void test_order_and_rights(void **state)
{
    static char low = 'l', high = 'h', middle = 'm';
    PVOID registrations[3], object;
    HANDLE handle, copy;
    OBJECT_HANDLE_INFORMATION information;
    assert_int_equal(watch(u"99", &low, &registrations[0]), STATUS_SUCCESS);
    assert_int_equal(watch(u"360000.5", &high, &registrations[1]), STATUS_SUCCESS);
    assert_int_equal(watch(u"360000", &middle, &registrations[2]), STATUS_SUCCESS);
    assert_int_equal(watch(u"360000", &middle, &(PVOID){0}), STATUS_FLT_INSTANCE_ALTITUDE_COLLISION);
    seen[0] = 0;
    assert_int_equal(ObOpenObjectByPointer(PsGetCurrentProcess(), 0, NULL, 0x3, *PsProcessType, KernelMode, &handle),
                     STATUS_SUCCESS);
    assert_string_equal(seen, "hmlLMH");
    assert_int_equal(ObReferenceObjectByHandle(handle, 0, NULL, KernelMode, &object, &information), STATUS_SUCCESS);
    assert_int_equal(information.GrantedAccess, 0x2);
    ObDereferenceObject(object);
    seen[0] = 0;
    assert_int_equal(ZwDuplicateObject(NtCurrentProcess(), handle, NtCurrentProcess(), &copy, 0, 0,
                                       DUPLICATE_SAME_ACCESS),
                     STATUS_SUCCESS);
    assert_string_equal(seen, "hmlLMH");
    for (int i = 0; i < 3; i++)
        ObUnRegisterCallbacks(registrations[i]);
    seen[0] = 0;
    ZwClose(copy);
    ZwClose(handle);
    struct thing *thing = make_thing(NULL);
    ObOpenObjectByPointer(thing, 0, NULL, 0, NULL, KernelMode, &handle);
    ZwClose(handle);
    ObDereferenceObject(thing);
    assert_string_equal(seen, "");
}

static void test_errors(void **state)
{
    OB_OPERATION_REGISTRATION operation = {PsProcessType, OB_OPERATION_HANDLE_CREATE, before, NULL};
    OB_CALLBACK_REGISTRATION good = {OB_FLT_REGISTRATION_VERSION, 1, text(u"1"), NULL, &operation}, bad = good;
    PVOID registration;
    bad.Version = 0x0200;
    assert_int_equal(ObRegisterCallbacks(&bad, &registration), STATUS_INVALID_PARAMETER);
    bad = good;
    bad.OperationRegistrationCount = 0;
    assert_int_equal(ObRegisterCallbacks(&bad, &registration), STATUS_INVALID_PARAMETER);
    operation.ObjectType = ExEventObjectType;
    assert_int_equal(ObRegisterCallbacks(&good, &registration), STATUS_INVALID_PARAMETER);
    operation.ObjectType = PsThreadType;
    operation.Operations = 8;
    assert_int_equal(ObRegisterCallbacks(&good, &registration), STATUS_INVALID_PARAMETER);
    operation.Operations = OB_OPERATION_HANDLE_DUPLICATE;
    operation.PreOperation = NULL;
    assert_int_equal(ObRegisterCallbacks(&good, &registration), STATUS_INVALID_PARAMETER);
    assert_null(registration);
    operation.PreOperation = before;
    good.Altitude = (UNICODE_STRING){0}; /* no documentation asks for one */
    assert_int_equal(ObRegisterCallbacks(&good, &registration), STATUS_SUCCESS);
    assert_int_equal(ObRegisterCallbacks(&good, &(PVOID){0}), STATUS_FLT_INSTANCE_ALTITUDE_COLLISION);
    ObUnRegisterCallbacks(registration);
    assert_int_equal(ObGetFilterVersion(), OB_FLT_REGISTRATION_VERSION);
}

static void test_left_registered(void **state)
{
    PVOID registration;
    verify_register_driver("leaky", (const void *)note);
    assert_int_equal(watch(u"1", "x", &registration), STATUS_SUCCESS);
    ObpReportDriver("leaky");
    verify_unregister_driver("leaky");
    expect_report("callback-left-registered", "ObRegisterCallbacks", "registered by watch");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_order_and_rights),
        TEST(test_errors),
        WRONG(test_left_registered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
