/* Extra create parameters in the hands of filters. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#include <fltKernel.h>

#include <fltsim/cmocka.h>
#include <fltsim/fault.h>

#include <string.h>

static const GUID typeA = {0xA, 1, 2, {3}}, typeB = {0xB, 1, 2, {3}};
static PFLT_FILTER filter;
static PFLT_INSTANCE instance;
static struct fltsim_driver *driver;
static struct fltsim_volume *volume;
static void (*before)(PFLT_CALLBACK_DATA data), (*after)(PFLT_CALLBACK_DATA data);
static int cleaned, calls;

static VOID Cleanup(PVOID context, LPCGUID type)
{
    cleaned++;
}

static FLT_PREOP_CALLBACK_STATUS FLTAPI Pre(PFLT_CALLBACK_DATA Data, PCFLT_RELATED_OBJECTS FltObjects, PVOID *Context)
{
    if (before)
        before(Data);
    return Data->Iopb->MajorFunction == IRP_MJ_CREATE ? FLT_PREOP_SUCCESS_WITH_CALLBACK : FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static FLT_POSTOP_CALLBACK_STATUS FLTAPI Post(PFLT_CALLBACK_DATA Data, PCFLT_RELATED_OBJECTS FltObjects, PVOID Context,
                                              FLT_POST_OPERATION_FLAGS Flags)
{
    if (after)
        after(Data);
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static NTSTATUS FLTAPI Setup(PCFLT_RELATED_OBJECTS FltObjects, FLT_INSTANCE_SETUP_FLAGS Flags, DEVICE_TYPE Type,
                             FLT_FILESYSTEM_TYPE FileSystem)
{
    instance = FltObjects->Instance;
    return STATUS_SUCCESS;
}

static NTSTATUS FLTAPI Unload(FLT_FILTER_UNLOAD_FLAGS Flags)
{
    FltUnregisterFilter(filter);
    return STATUS_SUCCESS;
}

static NTSTATUS Entry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static const FLT_OPERATION_REGISTRATION operations[] = {{IRP_MJ_CREATE, 0, Pre, Post, NULL},
                                                            {IRP_MJ_READ, 0, Pre, NULL, NULL},
                                                            {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL}};
    static const FLT_REGISTRATION registration = {.Size = sizeof registration,
                                                  .Version = FLT_REGISTRATION_VERSION,
                                                  .OperationRegistration = operations,
                                                  .FilterUnloadCallback = Unload,
                                                  .InstanceSetupCallback = Setup};
    NTSTATUS status = FltRegisterFilter(DriverObject, &registration, &filter);
    return NT_SUCCESS(status) ? FltStartFiltering(filter) : status;
}

static void load(void)
{
    before = after = NULL;
    cleaned = calls = 0;
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C'}, &volume), STATUS_SUCCESS);
    assert_int_equal(
        fltsim_load(&(struct fltsim_driver_options){.name = "ecps", .entry = Entry, .altitude = "370000"}, &driver),
        STATUS_SUCCESS);
}

static HANDLE open_file(void)
{
    HANDLE handle;
    assert_int_equal(fltsim_open("C:\\f", &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE,
                                                               .disposition = FILE_OPEN_IF},
                                 &handle),
                     STATUS_SUCCESS);
    return handle;
}

static PVOID allocate(const GUID *type, ULONG size)
{
    PVOID context;
    assert_int_equal(FltAllocateExtraCreateParameter(filter, type, size, 0, Cleanup, 'tseT', &context), STATUS_SUCCESS);
    return context;
}

static void a_list_holds_one_of_each_type(void)
{
    PECP_LIST list;
    PVOID found;
    ULONG size;
    GUID type;
    load();
    assert_int_equal(FltAllocateExtraCreateParameterList(filter, 0, &list), STATUS_SUCCESS);
    PVOID a = allocate(&typeA, 12), b = allocate(&typeB, 8), twice = allocate(&typeA, 4);
    assert_int_equal(FltGetNextExtraCreateParameter(filter, NULL, NULL, &type, &found, &size), STATUS_INVALID_PARAMETER);
    assert_int_equal(FltGetNextExtraCreateParameter(filter, list, NULL, &type, &found, &size), STATUS_NOT_FOUND);
    assert_int_equal(FltInsertExtraCreateParameter(filter, list, a), STATUS_SUCCESS);
    assert_int_equal(FltInsertExtraCreateParameter(filter, list, b), STATUS_SUCCESS);
    assert_int_equal(FltInsertExtraCreateParameter(filter, list, twice), STATUS_INVALID_PARAMETER);
    assert_int_equal(FltFindExtraCreateParameter(filter, list, &typeA, &found, &size), STATUS_SUCCESS);
    assert_ptr_equal(found, a);
    assert_int_equal(size, 12);
    assert_int_equal(FltGetNextExtraCreateParameter(filter, list, a, &type, &found, &size), STATUS_SUCCESS);
    assert_ptr_equal(found, b);
    assert_int_equal(FltRemoveExtraCreateParameter(filter, list, &typeA, &found, &size), STATUS_SUCCESS);
    assert_int_equal(FltRemoveExtraCreateParameter(filter, list, &typeA, &found, &size), STATUS_NOT_FOUND);
    assert_int_equal(FltFindExtraCreateParameter(filter, list, &typeA, &found, &size), STATUS_NOT_FOUND);
    assert_null(found);
    assert_false(FltIsEcpAcknowledged(filter, a));
    FltAcknowledgeEcp(filter, a);
    assert_true(FltIsEcpAcknowledged(filter, a));
    FltPrepareToReuseEcp(filter, a);
    assert_false(FltIsEcpAcknowledged(filter, a));
    assert_false(FltIsEcpFromUserMode(filter, a));
    FltFreeExtraCreateParameter(filter, a);
    FltFreeExtraCreateParameter(filter, twice);
    FltFreeExtraCreateParameterList(filter, list);
    assert_int_equal(cleaned, 3);
}

static void memory_can_run_out(void)
{
    PECP_LIST list;
    PVOID context;
    PAGED_LOOKASIDE_LIST lookaside;
    load();
    fltsim_fail_allocation(1);
    assert_int_equal(FltAllocateExtraCreateParameterList(filter, 0, &list), STATUS_INSUFFICIENT_RESOURCES);
    assert_null(list);
    fltsim_fail_allocation(1);
    assert_int_equal(FltAllocateExtraCreateParameter(filter, &typeA, 4, 0, NULL, 'x', &context),
                     STATUS_INSUFFICIENT_RESOURCES);
    FltInitExtraCreateParameterLookasideList(filter, &lookaside, 0, 16, 'kooL');
    fltsim_fail_allocation(1);
    assert_int_equal(FltAllocateExtraCreateParameterFromLookasideList(filter, &typeA, 4, 0, NULL, &lookaside, &context),
                     STATUS_INSUFFICIENT_RESOURCES);
    assert_int_equal(FltAllocateExtraCreateParameterFromLookasideList(filter, &typeA, 4, 0, Cleanup, &lookaside, &context),
                     STATUS_SUCCESS);
    FltFreeExtraCreateParameter(filter, context);
    FltDeleteExtraCreateParameterLookasideList(filter, &lookaside, 0);
    assert_int_equal(cleaned, 1);
}

/* A filter sets a list into the create; it travels with it, and goes with it. */
static void set_list(PFLT_CALLBACK_DATA data)
{
    PECP_LIST list, other;
    if (data->Iopb->MajorFunction != IRP_MJ_CREATE) {
        assert_int_equal(FltGetEcpListFromCallbackData(filter, data, &list), STATUS_INVALID_PARAMETER);
        assert_int_equal(FltSetEcpListIntoCallbackData(filter, data, (PECP_LIST)1), STATUS_INVALID_PARAMETER_2);
        calls++;
        return;
    }
    assert_int_equal(FltGetEcpListFromCallbackData(filter, data, &list), STATUS_SUCCESS);
    assert_null(list);
    assert_int_equal(FltAllocateExtraCreateParameterList(filter, 0, &list), STATUS_SUCCESS);
    assert_int_equal(FltInsertExtraCreateParameter(filter, list, allocate(&typeA, 4)), STATUS_SUCCESS);
    assert_int_equal(FltSetEcpListIntoCallbackData(filter, data, list), STATUS_SUCCESS);
    assert_int_equal(FltAllocateExtraCreateParameterList(filter, 0, &other), STATUS_SUCCESS);
    fltsim_expect("ecp-list-set-over-existing");
    assert_int_equal(FltSetEcpListIntoCallbackData(filter, data, other), STATUS_INVALID_PARAMETER_3);
    FltFreeExtraCreateParameterList(filter, other);
}

static void find_in_list(PFLT_CALLBACK_DATA data)
{
    PECP_LIST list;
    PVOID found;
    assert_int_equal(FltGetEcpListFromCallbackData(filter, data, &list), STATUS_SUCCESS);
    assert_non_null(list);
    assert_int_equal(FltFindExtraCreateParameter(filter, list, &typeA, &found, NULL), STATUS_SUCCESS);
    assert_int_equal(cleaned, 0);
    calls++;
}

static void what_a_filter_sets_goes_with_the_create(void)
{
    char byte;
    load();
    before = set_list;
    after = find_in_list;
    HANDLE handle = open_file();
    assert_int_equal(calls, 1);
    assert_int_equal(cleaned, 1);
    fltsim_write(handle, "x", 1, 0, NULL);
    fltsim_read(handle, &byte, 1, 0, NULL);
    assert_int_equal(calls, 2);
    fltsim_close(handle);
}

/* A filter adds to the list that the opener passed: that goes, the opener's stays. */
static void add_to_list(PFLT_CALLBACK_DATA data)
{
    PECP_LIST list;
    assert_int_equal(FltGetEcpListFromCallbackData(filter, data, &list), STATUS_SUCCESS);
    if (!list)
        return;
    assert_int_equal(FltInsertExtraCreateParameter(filter, list, allocate(&typeB, 4)), STATUS_SUCCESS);
    calls++;
}

static void the_callers_list_comes_back(void)
{
    IO_DRIVER_CREATE_CONTEXT context;
    OBJECT_ATTRIBUTES attributes;
    UNICODE_STRING name;
    IO_STATUS_BLOCK result;
    PECP_LIST list;
    PVOID found;
    HANDLE handle;
    load();
    fltsim_close(open_file());
    before = add_to_list;
    FltAllocateExtraCreateParameterList(filter, 0, &list);
    FltInsertExtraCreateParameter(filter, list, allocate(&typeA, 4));
    RtlInitUnicodeString(&name, L"\\??\\C:\\f");
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, NULL, NULL);
    IoInitializeDriverCreateContext(&context);
    context.ExtraCreateParameter = list;
    for (int i = 1; i <= 2; i++) {
        assert_int_equal(IoCreateFileEx(&handle, GENERIC_READ | SYNCHRONIZE, &attributes, &result, NULL, 0,
                                        FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT, NULL,
                                        0, CreateFileTypeNone, NULL, 0, &context),
                         STATUS_SUCCESS);
        ZwClose(handle);
        assert_int_equal(calls, i);
        assert_int_equal(cleaned, i); /* the filter's only */
        assert_int_equal(FltFindExtraCreateParameter(filter, list, &typeA, &found, NULL), STATUS_SUCCESS);
        assert_int_equal(FltFindExtraCreateParameter(filter, list, &typeB, &found, NULL), STATUS_NOT_FOUND);
    }
    FltFreeExtraCreateParameterList(filter, list);
    assert_int_equal(cleaned, 3);
}

/* ---- a legacy filter above, which works on IRPs ---- */

static PDEVICE_OBJECT legacy, below;

static NTSTATUS pass(PDEVICE_OBJECT device, PIRP irp)
{
    IoSkipCurrentIrpStackLocation(irp);
    return IoCallDriver(below, irp);
}

static NTSTATUS legacy_create(PDEVICE_OBJECT device, PIRP irp)
{
    PECP_LIST list;
    PVOID context;
    assert_int_equal(FsRtlGetEcpListFromIrp(irp, &list), STATUS_SUCCESS);
    if (!list) {
        assert_int_equal(FsRtlAllocateExtraCreateParameterList(0, &list), STATUS_SUCCESS);
        assert_int_equal(FsRtlSetEcpListIntoIrp(irp, list), STATUS_SUCCESS);
    }
    assert_int_equal(FsRtlAllocateExtraCreateParameter(&typeA, 4, 0, Cleanup, 'tseT', &context), STATUS_SUCCESS);
    assert_int_equal(FsRtlInsertExtraCreateParameter(list, context), STATUS_SUCCESS);
    return pass(device, irp);
}

static VOID legacy_unload(PDRIVER_OBJECT object)
{
    IoDetachDevice(below);
    IoDeleteDevice(legacy);
}

static NTSTATUS legacy_entry(PDRIVER_OBJECT object, PUNICODE_STRING path)
{
    PDEVICE_OBJECT top = fltsim_volume_device(volume);
    for (int i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        object->MajorFunction[i] = pass;
    object->MajorFunction[IRP_MJ_CREATE] = legacy_create;
    object->DriverUnload = legacy_unload;
    NTSTATUS status = IoCreateDevice(object, 0, NULL, FILE_DEVICE_DISK_FILE_SYSTEM, 0, FALSE, &legacy);
    if (!NT_SUCCESS(status))
        return status;
    legacy->Flags |= top->Flags & (DO_BUFFERED_IO | DO_DIRECT_IO);
    below = IoAttachDeviceToDeviceStack(legacy, top);
    legacy->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

static void what_a_legacy_filter_sets_travels_and_goes(void)
{
    ULONG number = 7;
    struct fltsim_ecp ecp = {.type = &typeB, .data = &number, .size = sizeof number};
    struct fltsim_driver *other;
    HANDLE handle;
    load();
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.name = "legacy", .entry = legacy_entry}, &other),
                     STATUS_SUCCESS);
    after = find_in_list;
    fltsim_close(open_file());
    assert_int_equal(calls, 1);
    assert_int_equal(cleaned, 1);
    cleaned = 0;
    assert_int_equal(fltsim_open("C:\\f", &(struct fltsim_open){.ecps = &ecp, .ecp_count = 1}, &handle), STATUS_SUCCESS);
    fltsim_close(handle); /* on the opener's list */
    assert_int_equal(calls, 2);
    assert_int_equal(cleaned, 1);
    assert_false(ecp.removed);
    assert_int_equal(fltsim_unload(other), STATUS_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_list_holds_one_of_each_type),
        fltsim_unit_test(memory_can_run_out),
        fltsim_unit_test(what_a_filter_sets_goes_with_the_create),
        fltsim_unit_test(the_callers_list_comes_back),
        fltsim_unit_test(what_a_legacy_filter_sets_travels_and_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
