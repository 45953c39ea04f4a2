/* Attaching, detaching, unloading: callbacks, their order and flags, draining, and doing it under load. */
#include "harness.h"

#include "io/iop.h"
#include "ke/thread.h"

static int start(void **state)
{
    tiny_start();
    return 0;
}

static int stop(void **state)
{
    tiny_stop();
    return 0;
}

static void load(struct probe *p, FLT_PREOP_CALLBACK_STATUS answer)
{
    p->answer = answer;
    assert_int_equal(probe_load(p, NULL), STATUS_SUCCESS);
}

static UNICODE_STRING ascii(const char *text, WCHAR *buffer)
{
    USHORT length = 0;
    for (; text[length]; length++)
        buffer[length] = (WCHAR)text[length];
    return (UNICODE_STRING){.Buffer = buffer, .Length = (USHORT)(2 * length), .MaximumLength = (USHORT)(2 * length)};
}

/* ---- altitudes ---- */

static void altitudes_compare_as_numbers(void **state)
{
    static const struct {
        const char *left, *right;
        int order;
    } cases[] = {
        {"100", "100", 0},     {"99", "100", -1},        {"100.5", "100", 1},   {"100.50", "100.5", 0},
        {"0100", "100", 0},    {"100.05", "100.5", -1},  {"1.9", "1.10", 1},    {"123456789012345678901234567890", "9", 1},
        {"100.", "100", 0},    {"0.1", "0.01", 1},       {"370020", "370020.00001", -1},
    };
    WCHAR l[64], r[64];
    for (size_t i = 0; i < RTL_NUMBER_OF(cases); i++) {
        UNICODE_STRING left = ascii(cases[i].left, l), right = ascii(cases[i].right, r);
        assert_int_equal(FltpCompareAltitudes(&left, &right), cases[i].order);
        assert_int_equal(FltpCompareAltitudes(&right, &left), -cases[i].order);
    }
    static const char *const invalid[] = {"", ".", "12a", "1.2.3", "-1", " 1"};
    for (size_t i = 0; i < RTL_NUMBER_OF(invalid); i++) {
        UNICODE_STRING bad = ascii(invalid[i], l);
        assert_false(FltpAltitudeIsValid(&bad));
    }
}

/* ---- attaching ---- */

static void attach_at_load_and_at_mount(void **state)
{
    tiny_attach(); /* a volume that nobody filters is up */
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    assert_int_equal(A->setup_flags, FLTFL_INSTANCE_SETUP_AUTOMATIC_ATTACHMENT);
    assert_string_equal(noted(), "A+");
}

static void attach_on_the_first_create(void **state)
{
    FltpTeardownVolume(tiny.volume);
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    assert_string_equal(noted(), "");
    assert_int_equal(FltpCreateVolume(&FltGlobals.FrameZero, tiny.device, NULL, false, &tiny.volume), STATUS_SUCCESS);
    assert_string_equal(noted(), "");
    tiny_major(IRP_MJ_CREATE);
    assert_int_equal(A->setup_flags,
                     FLTFL_INSTANCE_SETUP_AUTOMATIC_ATTACHMENT | FLTFL_INSTANCE_SETUP_NEWLY_MOUNTED_VOLUME);
    assert_string_equal(noted(), "A+ A>create fs");
}

static void refused_attachment(void **state)
{
    A->setup_status = STATUS_FLT_DO_NOT_ATTACH;
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    tiny_major(IRP_MJ_READ);
    assert_string_equal(noted(), "A+ fs");
    PFLT_INSTANCE instance;
    assert_int_equal(FltAttachVolume(A->filter, tiny.volume, NULL, &instance), STATUS_FLT_DO_NOT_ATTACH);
    assert_null(instance);
    A->setup_status = STATUS_SUCCESS;
    assert_int_equal(FltAttachVolume(A->filter, tiny.volume, NULL, &instance), STATUS_SUCCESS);
    assert_int_equal(A->setup_flags, FLTFL_INSTANCE_SETUP_MANUAL_ATTACHMENT);
    FltObjectDereference(instance);
    noted();
}

static void collisions(void **state)
{
    WCHAR a[32], n[32];
    PFLT_INSTANCE instance;
    UNICODE_STRING altitude = ascii("300000.0", a), name = ascii("other", n);

    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    assert_int_equal(FltAttachVolume(A->filter, tiny.volume, NULL, NULL), STATUS_FLT_INSTANCE_NAME_COLLISION);
    assert_int_equal(FltAttachVolumeAtAltitude(A->filter, tiny.volume, &altitude, &name, NULL),
                     STATUS_FLT_INSTANCE_ALTITUDE_COLLISION);
    altitude = ascii("300000.1", a);
    assert_int_equal(FltAttachVolumeAtAltitude(A->filter, tiny.volume, &altitude, &name, &instance), STATUS_SUCCESS);
    FltObjectDereference(instance);
    altitude = ascii("x", a);
    assert_int_equal(FltAttachVolumeAtAltitude(A->filter, tiny.volume, &altitude, NULL, NULL), STATUS_INVALID_PARAMETER);
    name = ascii("nowhere", n);
    assert_int_equal(FltAttachVolume(A->filter, tiny.volume, &name, NULL), STATUS_FLT_INSTANCE_NOT_FOUND);
    noted();
}

/* ---- detaching ---- */

static void detach(void **state)
{
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    noted();
    A->query_status = STATUS_FLT_DO_NOT_DETACH;
    assert_int_equal(FltDetachVolume(A->filter, tiny.volume, NULL), STATUS_FLT_DO_NOT_DETACH);
    A->query_status = STATUS_SUCCESS;
    assert_int_equal(FltDetachVolume(A->filter, tiny.volume, NULL), STATUS_SUCCESS);
    assert_int_equal(A->reason, FLTFL_INSTANCE_TEARDOWN_MANUAL);
    assert_string_equal(noted(), "A? A? A- A--");
    assert_int_equal(FltDetachVolume(A->filter, tiny.volume, NULL), STATUS_FLT_INSTANCE_NOT_FOUND);
    tiny_major(IRP_MJ_READ);
    assert_string_equal(noted(), "fs");
}

static void detach_without_query(void **state)
{
    A->no_query = true;
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    assert_int_equal(FltDetachVolume(A->filter, tiny.volume, NULL), STATUS_FLT_DO_NOT_DETACH);
    noted();
}

static void dismount_tears_down(void **state)
{
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    load(B, FLT_PREOP_SUCCESS_NO_CALLBACK);
    noted();
    FltpTeardownVolume(tiny.volume);
    tiny.volume = NULL;
    assert_string_equal(noted(), "A- A-- B- B--");
    assert_int_equal(A->reason, FLTFL_INSTANCE_TEARDOWN_VOLUME_DISMOUNT);
    tiny_major(IRP_MJ_READ);
    assert_string_equal(noted(), "fs");
}

/* ---- unloading ---- */

static NTSTATUS inspect_unload(struct probe *p, FLT_FILTER_UNLOAD_FLAGS flags)
{
    const struct _FLT_FILTER *filter = p->filter;
    note("unload:%u", flags);
    assert_int_equal(filter->Base.PointerCount, 2);
    LIST_ENTRY neighbours = filter->Base.PrimaryLink;
    assert_int_equal(filter->Base.RundownRef.Count, 2);
    assert_int_equal(filter->Base.Flags, 0x02000000);
    FltUnregisterFilter(p->filter);
    /* what the debugger shows of it until the callback returns */
    assert_int_equal(filter->Base.Flags, 0x02000003);
    assert_int_equal(filter->Base.RundownRef.Count, 1);
    assert_int_equal(filter->Base.PointerCount, 1);
    assert_memory_equal(&filter->Base.PrimaryLink, &neighbours, sizeof neighbours);
    assert_int_equal(FltObjectReference(p->filter), STATUS_FLT_DELETING_OBJECT);
    return STATUS_SUCCESS;
}

static void unload_order(void **state)
{
    A->unload = inspect_unload;
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    noted();
    assert_int_equal(probe_unload(A), STATUS_SUCCESS);
    assert_int_equal(A->reason, FLTFL_INSTANCE_TEARDOWN_FILTER_UNLOAD);
    assert_string_equal(noted(), "unload:0 A- A--");
}

static void mandatory_unload(void **state)
{
    A->unload = inspect_unload;
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    noted();
    assert_int_equal(fltsim_unload_mandatory(A->driver), STATUS_SUCCESS);
    A->driver = NULL;
    assert_int_equal(A->reason, FLTFL_INSTANCE_TEARDOWN_MANDATORY_FILTER_UNLOAD);
    assert_string_equal(noted(), "unload:1 A- A--");
}

static NTSTATUS refuse(struct probe *p, FLT_FILTER_UNLOAD_FLAGS flags)
{
    note("refuse");
    return STATUS_FLT_DO_NOT_DETACH;
}

static void refused_unload(void **state)
{
    A->unload = refuse;
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    noted();
    assert_int_equal(fltsim_unload(A->driver), STATUS_FLT_DO_NOT_DETACH);
    tiny_major(IRP_MJ_READ);
    assert_string_equal(noted(), "refuse A>read fs");
    A->unload = NULL;
}

static NTSTATUS forget(struct probe *p, FLT_FILTER_UNLOAD_FLAGS flags) { return STATUS_SUCCESS; }

static void unload_without_unregister(void **state)
{
    A->unload = forget;
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    fltsim_expect("filter-not-unregistered");
    assert_int_equal(probe_unload(A), STATUS_SUCCESS);
    noted();
}

static const FLT_OPERATION_REGISTRATION nothing[] = {{IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL}};

static NTSTATUS register_and_fail(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    FLT_REGISTRATION registration = {.Size = sizeof registration, .Version = FLT_REGISTRATION_VERSION,
                                     .OperationRegistration = nothing};
    PFLT_FILTER filter;
    assert_int_equal(FltRegisterFilter(driver, &registration, &filter), STATUS_SUCCESS);
    assert_int_equal(FltStartFiltering(filter), STATUS_SUCCESS);
    assert_int_equal(FltStartFiltering(filter), STATUS_INVALID_PARAMETER);
    return STATUS_UNSUCCESSFUL;
}

static void driver_entry_fails(void **state)
{
    struct fltsim_driver *driver;
    fltsim_expect("filter-not-unregistered");
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.name = "bad", .entry = register_and_fail, .altitude = "5"},
                                 &driver),
                     STATUS_UNSUCCESSFUL);
    tiny_major(IRP_MJ_CREATE);
    noted();
}

static void registration_is_validated(void **state)
{
    static const FLT_OPERATION_REGISTRATION power[] = {{IRP_MJ_POWER, 0, NULL, NULL, NULL}, {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL}};
    FLT_REGISTRATION good = {.Size = sizeof good, .Version = FLT_REGISTRATION_VERSION, .OperationRegistration = nothing};
    FLT_REGISTRATION bad = good;
    assert_int_equal(FltpValidateRegistration(&good), STATUS_SUCCESS);
    bad.Version = 0x0100;
    assert_int_equal(FltpValidateRegistration(&bad), STATUS_INVALID_PARAMETER);
    bad = good;
    bad.OperationRegistration = power;
    assert_int_equal(FltpValidateRegistration(&bad), STATUS_INVALID_PARAMETER);
    bad = good;
    bad.Size = 8;
    assert_int_equal(FltpValidateRegistration(&bad), STATUS_INVALID_PARAMETER);
}

static void leaked_reference(void **state)
{
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    assert_int_equal(FltObjectReference(A->filter), STATUS_SUCCESS);
    fltsim_expect("filter-reference-leak");
    assert_int_equal(probe_unload(A), STATUS_SUCCESS);
    noted();
}

static void over_dereference(void **state)
{
    load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
    fltsim_expect("flt-object-over-release");
    FltObjectDereference(A->instance);
    noted();
}

/* ---- frames ---- */

static PDEVICE_OBJECT legacy_below;

static NTSTATUS legacy_dispatch(PDEVICE_OBJECT device, PIRP irp)
{
    note("L");
    IoSkipCurrentIrpStackLocation(irp);
    return IoCallDriver(legacy_below, irp);
}

static PDRIVER_OBJECT legacy;

static NTSTATUS legacy_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    for (int i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        driver->MajorFunction[i] = legacy_dispatch;
    legacy = driver;
    return STATUS_SUCCESS;
}

static void legacy_filter_between_frames(void **state)
{
    WCHAR buffer[32];
    UNICODE_STRING name = ascii("\\FileSystem\\legacy", buffer);
    PDEVICE_OBJECT device;

    load(B, FLT_PREOP_SUCCESS_WITH_CALLBACK);
    assert_int_equal(IoCreateDriver(&name, legacy_entry), STATUS_SUCCESS);
    assert_int_equal(IoCreateDevice(legacy, 0, NULL, FILE_DEVICE_DISK_FILE_SYSTEM, 0, FALSE, &device), STATUS_SUCCESS);
    assert_int_equal(IoAttachDeviceToDeviceStackSafe(device, tiny.device, &legacy_below), STATUS_SUCCESS);
    device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    load(A, FLT_PREOP_SUCCESS_WITH_CALLBACK); /* above all that was there: a frame of its own, above the legacy filter */
    load(C, FLT_PREOP_SUCCESS_WITH_CALLBACK);
    assert_string_equal(noted(), "B+ A+ C+");
    assert_int_equal(B->filter->Frame->FrameId, 0);
    assert_int_equal(A->filter->Frame->FrameId, 1);
    assert_int_equal(C->filter->Frame->FrameId, 0);
    assert_int_equal(tiny_major(IRP_MJ_READ), STATUS_SUCCESS);
    assert_string_equal(noted(), "A>read L B>read C>read fs C<read B<read A<read");
    PFLT_VOLUME upper = A->instance->Volume;
    assert_int_equal(probe_unload(A), STATUS_SUCCESS);
    FltpTeardownVolume(upper);
    IoDetachDevice(legacy_below);
    IoDeleteDevice(device);
    IopRemoveDriver(legacy);
    noted();
}

/* ---- draining ---- */

static void draining(void **state)
{
    struct tiny_io io = {.major = IRP_MJ_READ, .keep = true};
    load(A, FLT_PREOP_SUCCESS_WITH_CALLBACK);
    load(B, FLT_PREOP_SUCCESS_WITH_CALLBACK);
    noted();
    tiny.mode = TINY_HOLD;
    assert_int_equal(tiny_send(&io), STATUS_PENDING);
    assert_int_equal(probe_unload(A), STATUS_SUCCESS);
    assert_string_equal(noted(), "A>read B>read fs A<read(draining) A- A--");
    tiny_release(STATUS_SUCCESS);
    assert_int_equal(tiny_wait(&io), STATUS_SUCCESS);
    assert_string_equal(noted(), "B<read");
}

static char other[16];

static FLT_PREOP_CALLBACK_STATUS swap(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    data->Iopb->Parameters.Read.ReadBuffer = other;
    FltSetCallbackDataDirty(data);
    return FLT_PREOP_SUCCESS_WITH_CALLBACK;
}

static void swapped_buffers_are_cancelled(void **state)
{
    struct tiny_io io = {.major = IRP_MJ_READ, .length = 16, .keep = true};
    load(A, FLT_PREOP_SUCCESS_WITH_CALLBACK);
    A->pre = swap;
    noted();
    tiny.mode = TINY_HOLD;
    assert_int_equal(tiny_send(&io), STATUS_PENDING);
    assert_int_equal(probe_unload(A), STATUS_SUCCESS);
    assert_int_equal(tiny_wait(&io), STATUS_CANCELLED);
    assert_string_equal(noted(), "A>read fs A- A<read A--");
}

/* ---- under load ---- */

enum { WORKERS = 3, ROUNDS = 200 };
static volatile LONG inside, done;

static FLT_PREOP_CALLBACK_STATUS busy(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    __atomic_add_fetch(&inside, 1, __ATOMIC_RELAXED);
    *context = p;
    return FLT_PREOP_SUCCESS_WITH_CALLBACK;
}

static FLT_POSTOP_CALLBACK_STATUS busy_post(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                            PVOID context, FLT_POST_OPERATION_FLAGS flags)
{
    assert_ptr_equal(context, p);
    __atomic_sub_fetch(&inside, 1, __ATOMIC_RELAXED);
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static int work(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct tiny_io io = {.major = i % 3 ? IRP_MJ_READ : IRP_MJ_CREATE};
        tiny_send(&io);
        if (i % 8 == 0)
            fltsim_yield();
    }
    __atomic_add_fetch(&done, 1, __ATOMIC_RELEASE);
    return 0;
}

static void detach_under_load(void **state)
{
    static const enum tiny_mode modes[] = {TINY_INLINE, TINY_LATER};
    for (int m = 0; m < 2; m++) {
        struct fltsim_thread *threads[WORKERS];
        tiny.mode = modes[m];
        A->quiet = B->quiet = true;
        A->pre = B->pre = busy;
        A->post = B->post = busy_post;
        inside = done = 0;
        tiny.busy = true;
        if (!A->driver)
            load(A, FLT_PREOP_SUCCESS_WITH_CALLBACK);
        for (int i = 0; i < WORKERS; i++)
            threads[i] = fltsim_thread_create(NULL, work, NULL);
        for (int i = 0; __atomic_load_n(&done, __ATOMIC_ACQUIRE) < WORKERS && i < 100; i++) {
            load(B, FLT_PREOP_SUCCESS_WITH_CALLBACK);
            fltsim_yield();
            assert_int_equal(FltDetachVolume(A->filter, tiny.volume, NULL), STATUS_SUCCESS);
            fltsim_yield();
            assert_int_equal(probe_unload(B), STATUS_SUCCESS);
            assert_int_equal(FltAttachVolume(A->filter, tiny.volume, NULL, NULL), STATUS_SUCCESS);
            noted();
        }
        for (int i = 0; i < WORKERS; i++)
            fltsim_thread_join(threads[i]);
        assert_int_equal(inside, 0); /* each pre had its post */
        noted();
    }
}

static int detach_it(void *filter)
{
    FltDetachVolume(filter, tiny.volume, NULL);
    FltObjectDereference(filter);
    return 0;
}

/* The unload may meet an instance at any step of another thread's detach. */
static void unload_while_detaching(void **state)
{
    A->quiet = true;
    for (int i = 0; i < 50; i++) {
        load(A, FLT_PREOP_SUCCESS_NO_CALLBACK);
        assert_int_equal(FltObjectReference(A->filter), STATUS_SUCCESS);
        struct fltsim_thread *thread = fltsim_thread_create(NULL, detach_it, A->filter);
        for (int k = 0; k < i % 3; k++)
            fltsim_yield();
        assert_int_equal(probe_unload(A), STATUS_SUCCESS);
        fltsim_thread_join(thread);
        noted();
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(altitudes_compare_as_numbers),
        CASE(attach_at_load_and_at_mount),
        CASE(attach_on_the_first_create),
        CASE(refused_attachment),
        CASE(collisions),
        CASE(detach),
        CASE(detach_without_query),
        CASE(dismount_tears_down),
        CASE(unload_order),
        CASE(mandatory_unload),
        CASE(refused_unload),
        CASE(unload_without_unregister),
        CASE(driver_entry_fails),
        CASE(registration_is_validated),
        CASE(leaked_reference),
        CASE(over_dereference),
        CASE(legacy_filter_between_frames),
        CASE(draining),
        CASE(swapped_buffers_are_cancelled),
        CASE(detach_under_load),
        CASE(unload_while_detaching),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
