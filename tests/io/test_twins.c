/* Each Nt routine and its Zw twin: the same request, asked for by who is known as the caller. */
#include "stub.h"

#include <string.h>

/* In no published header: programs that use it declare it. */
NTSTATUS NtQueryAttributesFile(POBJECT_ATTRIBUTES ObjectAttributes, PFILE_BASIC_INFORMATION FileInformation);
NTSTATUS ZwQueryAttributesFile(POBJECT_ATTRIBUTES ObjectAttributes, PFILE_BASIC_INFORMATION FileInformation);

static IO_STATUS_BLOCK iosb;
static UCHAR buffer[512] __attribute__((aligned(8)));
static LARGE_INTEGER offset, length = {.QuadPart = 4};
static SECURITY_DESCRIPTOR descriptor;
static ULONG needed;
static FILE_END_OF_FILE_INFORMATION end_of_file = {{.QuadPart = 3}};
static FILE_FS_LABEL_INFORMATION label = {2, {'x'}};
static struct {
    FILE_FULL_EA_INFORMATION ea;
    char rest[8];
} attribute;

typedef NTSTATUS call(HANDLE file);

#define TWINS(zw, nt, ...)                                                                                             \
    static NTSTATUS Call##zw(HANDLE file) { return zw(__VA_ARGS__); }                                                  \
    static NTSTATUS Call##nt(HANDLE file) { return nt(__VA_ARGS__); }

TWINS(ZwFlushBuffersFile, NtFlushBuffersFile, file, &iosb)
TWINS(ZwFlushBuffersFileEx, NtFlushBuffersFileEx, file, 1, NULL, 0, &iosb)
TWINS(ZwLockFile, NtLockFile, file, NULL, NULL, NULL, &iosb, &offset, &length, 5, TRUE, TRUE)
TWINS(ZwUnlockFile, NtUnlockFile, file, &iosb, &offset, &length, 5)
TWINS(ZwNotifyChangeDirectoryFile, NtNotifyChangeDirectoryFile, file, NULL, NULL, NULL, &iosb, buffer, sizeof buffer,
      FILE_NOTIFY_CHANGE_SIZE, FALSE)
TWINS(ZwQueryDirectoryFileEx, NtQueryDirectoryFileEx, file, NULL, NULL, NULL, &iosb, buffer, sizeof buffer,
      FileBothDirectoryInformation, SL_RESTART_SCAN, NULL)
TWINS(ZwQueryEaFile, NtQueryEaFile, file, &iosb, buffer, sizeof buffer, TRUE, NULL, 0, NULL, TRUE)
TWINS(ZwSetEaFile, NtSetEaFile, file, &iosb, &attribute.ea, 14)
TWINS(ZwQueryQuotaInformationFile, NtQueryQuotaInformationFile, file, &iosb, buffer, sizeof buffer, TRUE, NULL, 0, NULL,
      FALSE)
TWINS(ZwSetQuotaInformationFile, NtSetQuotaInformationFile, file, &iosb, buffer, sizeof buffer)
TWINS(ZwQuerySecurityObject, NtQuerySecurityObject, file, DACL_SECURITY_INFORMATION, NULL, 0, &needed)
TWINS(ZwSetSecurityObject, NtSetSecurityObject, file, DACL_SECURITY_INFORMATION, &descriptor)
TWINS(ZwQueryVolumeInformationFile, NtQueryVolumeInformationFile, file, &iosb, buffer, sizeof(FILE_FS_SIZE_INFORMATION),
      FileFsSizeInformation)
TWINS(ZwSetVolumeInformationFile, NtSetVolumeInformationFile, file, &iosb, &label, sizeof label, FileFsLabelInformation)
TWINS(ZwSetInformationFile, NtSetInformationFile, file, &iosb, &end_of_file, sizeof end_of_file,
      FileEndOfFileInformation)

/* `granted`: a right that is not enough, for a handle of its own; 0: any handle will do. */
static const struct {
    const char *name;
    call *zw, *nt;
    UCHAR major, minor;
    ACCESS_MASK granted;
} twins[] = {
#define ROW(service, major, minor, granted) {#service, CallZw##service, CallNt##service, major, minor, granted}
    ROW(FlushBuffersFile, IRP_MJ_FLUSH_BUFFERS, 0, FILE_READ_DATA),
    ROW(FlushBuffersFileEx, IRP_MJ_FLUSH_BUFFERS, IRP_MN_FLUSH_DATA_ONLY, FILE_READ_DATA),
    ROW(LockFile, IRP_MJ_LOCK_CONTROL, IRP_MN_LOCK, FILE_READ_ATTRIBUTES),
    ROW(UnlockFile, IRP_MJ_LOCK_CONTROL, IRP_MN_UNLOCK_SINGLE, FILE_READ_ATTRIBUTES),
    ROW(NotifyChangeDirectoryFile, IRP_MJ_DIRECTORY_CONTROL, IRP_MN_NOTIFY_CHANGE_DIRECTORY, FILE_READ_ATTRIBUTES),
    ROW(QueryDirectoryFileEx, IRP_MJ_DIRECTORY_CONTROL, IRP_MN_QUERY_DIRECTORY, FILE_READ_ATTRIBUTES),
    ROW(QueryEaFile, IRP_MJ_QUERY_EA, 0, FILE_READ_DATA),
    ROW(SetEaFile, IRP_MJ_SET_EA, 0, FILE_READ_DATA),
    ROW(QueryQuotaInformationFile, IRP_MJ_QUERY_QUOTA, 0, 0),
    ROW(SetQuotaInformationFile, IRP_MJ_SET_QUOTA, 0, FILE_READ_ATTRIBUTES),
    ROW(QuerySecurityObject, IRP_MJ_QUERY_SECURITY, 0, FILE_READ_DATA),
    ROW(SetSecurityObject, IRP_MJ_SET_SECURITY, 0, FILE_READ_DATA),
    ROW(QueryVolumeInformationFile, IRP_MJ_QUERY_VOLUME_INFORMATION, 0, 0),
    ROW(SetVolumeInformationFile, IRP_MJ_SET_VOLUME_INFORMATION, 0, FILE_READ_ATTRIBUTES),
    ROW(SetInformationFile, IRP_MJ_SET_INFORMATION, 0, FILE_READ_DATA),
};

static HANDLE OpenWith(ULONG kernel, ACCESS_MASK access, ULONG options)
{
    static OBJECT_ATTRIBUTES attributes;
    HANDLE handle;
    stub_name(&attributes, U(u"\\??\\S:\\file"));
    attributes.Attributes = OBJ_CASE_INSENSITIVE | kernel;
    assert_int_equal(ZwOpenFile(&handle, access | SYNCHRONIZE, &attributes, &iosb, FILE_SHARE_VALID_FLAGS, options),
                     STATUS_SUCCESS);
    return handle;
}

static HANDLE Open(ULONG kernel, ACCESS_MASK access) { return OpenWith(kernel, access, FILE_SYNCHRONOUS_IO_NONALERT); }

static NTSTATUS AsProgram(call *service, HANDLE handle)
{
    KPROCESSOR_MODE before = fltsim_previous_mode(UserMode);
    NTSTATUS status = service(handle);
    fltsim_previous_mode(before);
    return status;
}

static int setup(void **state)
{
    memset(&attribute, 0, sizeof attribute);
    attribute.ea.EaNameLength = 3;
    attribute.ea.EaValueLength = 2;
    memcpy(attribute.ea.EaName, "EAS\0yz", 6);
    if (stub_setup(state))
        return -1;
    RtlCreateSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION);
    return 0;
}

static void AssertSent(size_t i, unsigned times, KPROCESSOR_MODE mode)
{
    UCHAR major = twins[i].major;
    if (stub.count[major] != times || stub.last[major].MinorFunction != twins[i].minor || stub.last_mode[major] != mode)
        fail_msg("%s: %u requests, the last of minor function %u and mode %d", twins[i].name, stub.count[major],
                 stub.last[major].MinorFunction, stub.last_mode[major]);
}

static void TheRequestSaysWhoAsked(void **state)
{
    HANDLE handle = Open(0, GENERIC_READ | GENERIC_WRITE | DELETE | READ_CONTROL | WRITE_DAC);
    for (size_t i = 0; i < sizeof twins / sizeof *twins; i++) {
        stub.count[twins[i].major] = 0;
        assert_int_equal(twins[i].zw(handle), STATUS_SUCCESS);
        AssertSent(i, 1, KernelMode);
        assert_int_equal(twins[i].nt(handle), STATUS_SUCCESS); /* a driver's thread is the kernel's */
        AssertSent(i, 2, KernelMode);
        assert_int_equal(AsProgram(twins[i].nt, handle), STATUS_SUCCESS);
        AssertSent(i, 3, UserMode);
        assert_int_equal(AsProgram(twins[i].zw, handle), STATUS_SUCCESS); /* Zw: the kernel asks, whoever called */
        AssertSent(i, 4, KernelMode);
    }
    ZwClose(handle);
}

static void AProgramNeedsTheRight(void **state)
{
    for (size_t i = 0; i < sizeof twins / sizeof *twins; i++) {
        if (!twins[i].granted)
            continue;
        HANDLE handle = Open(0, twins[i].granted);
        stub.count[twins[i].major] = 0;
        NTSTATUS status = AsProgram(twins[i].nt, handle);
        if (status != STATUS_ACCESS_DENIED || stub.count[twins[i].major])
            fail_msg("Nt%s: %#x", twins[i].name, status);
        assert_int_equal(twins[i].nt(handle), STATUS_SUCCESS);
        assert_int_equal(AsProgram(twins[i].zw, handle), STATUS_SUCCESS);
        AssertSent(i, 2, KernelMode);
        ZwClose(handle);
    }
}

static void AHandleOfTheKernelIsNoPrograms(void **state)
{
    HANDLE handle = Open(OBJ_KERNEL_HANDLE, GENERIC_READ | GENERIC_WRITE | DELETE | READ_CONTROL | WRITE_DAC);
    for (size_t i = 0; i < sizeof twins / sizeof *twins; i++) {
        stub.count[twins[i].major] = 0;
        NTSTATUS status = AsProgram(twins[i].nt, handle);
        if (status != STATUS_INVALID_HANDLE || stub.count[twins[i].major])
            fail_msg("Nt%s: %#x", twins[i].name, status);
        assert_int_equal(twins[i].zw(handle), STATUS_SUCCESS);
        assert_int_equal(twins[i].nt(NULL), STATUS_INVALID_HANDLE);
        assert_int_equal(twins[i].zw(NULL), STATUS_INVALID_HANDLE);
    }
    ZwClose(handle);
}

/* ---- by name ---- */

typedef NTSTATUS by_name(POBJECT_ATTRIBUTES attributes, PVOID info);
static NTSTATUS ZwBasic(POBJECT_ATTRIBUTES a, PVOID info) { return ZwQueryAttributesFile(a, info); }
static NTSTATUS NtBasic(POBJECT_ATTRIBUTES a, PVOID info) { return NtQueryAttributesFile(a, info); }
static NTSTATUS ZwFull(POBJECT_ATTRIBUTES a, PVOID info) { return ZwQueryFullAttributesFile(a, info); }
static NTSTATUS NtFull(POBJECT_ATTRIBUTES a, PVOID info) { return NtQueryFullAttributesFile(a, info); }

static void AttributesAreAskedForByName(void **state)
{
    static by_name *const services[] = {ZwBasic, NtBasic, ZwFull, NtFull};
    for (size_t i = 0; i < sizeof services / sizeof *services; i++) {
        for (int program = 0; program < 2; program++) {
            OBJECT_ATTRIBUTES attributes;
            KPROCESSOR_MODE before = fltsim_previous_mode(program ? UserMode : KernelMode);
            stub_name(&attributes, U(u"\\??\\S:\\missing"));
            if (program)
                attributes.Attributes &= ~(ULONG)OBJ_KERNEL_HANDLE;
            assert_int_equal(services[i](&attributes, buffer), STATUS_OBJECT_NAME_NOT_FOUND);
            attributes.ObjectName = U(u"\\??\\S:\\file");
            memset(buffer, 0, sizeof buffer);
            assert_int_equal(services[i](&attributes, buffer), STATUS_SUCCESS);
            fltsim_previous_mode(before);
            assert_int_equal(i < 2 ? ((PFILE_BASIC_INFORMATION)buffer)->FileAttributes
                                   : ((PFILE_NETWORK_OPEN_INFORMATION)buffer)->FileAttributes,
                             FILE_ATTRIBUTE_ARCHIVE);
        }
    }
}

/* ---- cancelling ---- */

static VOID CancelHeld(PDEVICE_OBJECT device, PIRP irp)
{
    IoReleaseCancelSpinLock(irp->CancelIrql);
    stub.held = NULL;
    irp->IoStatus.Status = STATUS_CANCELLED;
    irp->IoStatus.Information = 0;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
}

static bool HoldReads(PDEVICE_OBJECT device, PIRP irp, NTSTATUS *status)
{
    if (IoGetCurrentIrpStackLocation(irp)->MajorFunction != IRP_MJ_READ)
        return false;
    IoMarkIrpPending(irp);
    stub.held = irp;
    IoSetCancelRoutine(irp, CancelHeld);
    *status = STATUS_PENDING;
    return true;
}

static IO_STATUS_BLOCK read_result, other_block;

static NTSTATUS ZwAll(HANDLE file) { return ZwCancelIoFile(file, &iosb); }
static NTSTATUS NtAll(HANDLE file) { return NtCancelIoFile(file, &iosb); }
static NTSTATUS ZwOne(HANDLE file) { return ZwCancelIoFileEx(file, &read_result, &iosb); }
static NTSTATUS NtOne(HANDLE file) { return NtCancelIoFileEx(file, &read_result, &iosb); }
static NTSTATUS NtAny(HANDLE file) { return NtCancelIoFileEx(file, NULL, &iosb); }
static NTSTATUS NtOther(HANDLE file) { return NtCancelIoFileEx(file, &other_block, &iosb); }

static void RequestsOfAFileAreCancelled(void **state)
{
    static const struct {
        call *cancel;
        NTSTATUS expected, without; /* with a request under way, and without */
    } cases[] = {
        {ZwAll, STATUS_SUCCESS, STATUS_SUCCESS},   {NtAll, STATUS_SUCCESS, STATUS_SUCCESS},
        {ZwOne, STATUS_SUCCESS, STATUS_NOT_FOUND}, {NtOne, STATUS_SUCCESS, STATUS_NOT_FOUND},
        {NtAny, STATUS_SUCCESS, STATUS_NOT_FOUND}, {NtOther, STATUS_NOT_FOUND, STATUS_NOT_FOUND},
    };
    HANDLE file = OpenWith(0, FILE_READ_DATA, 0); /* asynchronous */
    stub.hook = HoldReads;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(ZwReadFile(file, NULL, NULL, NULL, &read_result, buffer, 4, &offset, NULL), STATUS_PENDING);
        assert_int_equal(cases[i].cancel(file), cases[i].expected);
        if (NT_SUCCESS(cases[i].expected)) {
            assert_null(stub.held);
            assert_int_equal(read_result.Status, STATUS_CANCELLED);
        } else {
            assert_non_null(stub.held);
            assert_int_equal(NtAll(file), STATUS_SUCCESS);
        }
        assert_int_equal(cases[i].cancel(file), cases[i].without);
        assert_int_equal(cases[i].cancel(NULL), STATUS_INVALID_HANDLE);
    }
    stub.hook = NULL;
    ZwClose(file);
}

#define stubbed(test) cmocka_unit_test_setup_teardown(test, setup, stub_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        stubbed(TheRequestSaysWhoAsked),      stubbed(AProgramNeedsTheRight),
        stubbed(AHandleOfTheKernelIsNoPrograms), stubbed(AttributesAreAskedForByName),
        stubbed(RequestsOfAFileAreCancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
