#include "stub.h"

#include <string.h>

static void Opens(void **state)
{
    ULONG_PTR information = 77;
    HANDLE handle = stub_open("S:\\file", &(struct fltsim_open){.access = FILE_READ_DATA, .information = &information});
    const IO_STACK_LOCATION *last = &stub.last[IRP_MJ_CREATE];
    assert_int_equal(stub.mounts, 1);
    assert_int_equal(stub.count[IRP_MJ_CREATE], 1);
    assert_int_equal(information, FILE_OPENED);
    assert_int_equal(last->Parameters.Create.Options >> 24, FILE_OPEN);
    assert_int_equal(stub.last_mode[IRP_MJ_CREATE], UserMode);
    assert_true(stub.last_flags[IRP_MJ_CREATE] & IRP_CREATE_OPERATION);
    PFILE_OBJECT file = last->FileObject;
    assert_ptr_equal(file->DeviceObject, stub.disk);
    assert_ptr_equal(file->Vpb, stub.disk->Vpb);
    assert_ptr_equal(IoGetRelatedDeviceObject(file), IopAttached(stub.volume));
    assert_true(file->Flags & FO_SYNCHRONOUS_IO);
    assert_true(file->Flags & FO_HANDLE_CREATED);
    assert_true(file->ReadAccess);
    assert_int_equal(stub.disk->Vpb->ReferenceCount, 1);
    assert_int_equal(stub.count[IRP_MJ_CLEANUP], 0);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    assert_int_equal(stub.count[IRP_MJ_CLEANUP], 1);
    assert_int_equal(stub.count[IRP_MJ_CLOSE], 1);
    assert_int_equal(stub.opens, 0);
    assert_int_equal(stub.disk->Vpb->ReferenceCount, 0);
}

static void CleanupAndCloseApart(void **state)
{
    HANDLE handle = stub_open("S:\\file", NULL);
    PFILE_OBJECT file;
    assert_int_equal(ObReferenceObjectByHandle(handle, 0, *IoFileObjectType, KernelMode, (PVOID *)&file, NULL), 0);
    fltsim_close(handle);
    assert_int_equal(stub.count[IRP_MJ_CLEANUP], 1);
    assert_int_equal(stub.count[IRP_MJ_CLOSE], 0);
    ObDereferenceObject(file);
    assert_int_equal(stub.count[IRP_MJ_CLOSE], 1);
}

static void PendedCreate(void **state)
{
    for (enum stub_mode mode = STUB_PEND; mode <= STUB_DISPATCH; mode++) {
        stub.mode = mode;
        HANDLE handle = stub_open("S:\\file", NULL);
        assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    }
    assert_int_equal(stub.count[IRP_MJ_CLOSE], 2);
}

static void FailedCreateHasNoClose(void **state)
{
    HANDLE handle = (HANDLE)1;
    assert_int_equal(fltsim_open("S:\\missing", NULL, &handle), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(stub.count[IRP_MJ_CLEANUP], 0);
    assert_int_equal(stub.count[IRP_MJ_CLOSE], 0);
    assert_int_equal(stub.disk->Vpb->ReferenceCount, 0);
    assert_int_equal(fltsim_open("Q:\\missing", NULL, &handle), STATUS_OBJECT_PATH_NOT_FOUND);
    assert_int_equal(fltsim_open("\\Device\\Nobody", NULL, &handle), STATUS_OBJECT_NAME_NOT_FOUND);
}

static void Parameters(void **state)
{
    static const struct {
        ACCESS_MASK access;
        ULONG attributes, share, disposition, options;
        NTSTATUS status;
    } cases[] = {
        {GENERIC_READ | SYNCHRONIZE, 0, 7, FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT, STATUS_SUCCESS},
        {FILE_READ_DATA, 0, 7, FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT, STATUS_INVALID_PARAMETER},
        {FILE_READ_DATA | SYNCHRONIZE, 0, 7, FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT | FILE_SYNCHRONOUS_IO_ALERT,
         STATUS_INVALID_PARAMETER},
        {FILE_READ_DATA, 0, 7, FILE_OPEN, FILE_DELETE_ON_CLOSE, STATUS_INVALID_PARAMETER},
        {DELETE, 0, 7, FILE_OPEN, FILE_DELETE_ON_CLOSE, STATUS_SUCCESS},
        {FILE_READ_DATA, 0, 8, FILE_OPEN, 0, STATUS_INVALID_PARAMETER},
        {FILE_READ_DATA, 0, 7, 6, 0, STATUS_INVALID_PARAMETER},
        {FILE_READ_DATA, 0x80000000, 7, FILE_OPEN, 0, STATUS_INVALID_PARAMETER},
        {FILE_READ_DATA, 0, 7, FILE_OPEN, 0x01000000, STATUS_INVALID_PARAMETER},
        {FILE_READ_DATA, 0, 7, FILE_OPEN, FILE_DIRECTORY_FILE | FILE_NON_DIRECTORY_FILE, STATUS_INVALID_PARAMETER},
        {FILE_READ_DATA, 0, 7, FILE_OVERWRITE, FILE_DIRECTORY_FILE, STATUS_INVALID_PARAMETER},
        {FILE_READ_DATA, 0, 7, FILE_OPEN, FILE_DIRECTORY_FILE | FILE_NO_INTERMEDIATE_BUFFERING,
         STATUS_INVALID_PARAMETER},
        {FILE_APPEND_DATA, 0, 7, FILE_OPEN, FILE_NO_INTERMEDIATE_BUFFERING, STATUS_INVALID_PARAMETER},
        {FILE_READ_DATA, 0, 7, FILE_OPEN, FILE_COMPLETE_IF_OPLOCKED | FILE_RESERVE_OPFILTER, STATUS_INVALID_PARAMETER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        OBJECT_ATTRIBUTES attributes;
        IO_STATUS_BLOCK iosb;
        HANDLE handle;
        stub_name(&attributes, U(u"\\??\\S:\\file"));
        NTSTATUS status =
            ZwCreateFile(&handle, cases[i].access, &attributes, &iosb, NULL, cases[i].attributes, cases[i].share,
                         cases[i].disposition, cases[i].options, NULL, 0);
        if (status != cases[i].status)
            print_error("case %zu\n", i);
        assert_int_equal(status, cases[i].status);
        if (NT_SUCCESS(status))
            ZwClose(handle);
    }
}

static void SharingViolation(void **state)
{
    HANDLE handle = stub_open("S:\\file", &(struct fltsim_open){.share = FLTSIM_SHARE_NONE}), second;
    assert_int_equal(fltsim_open("S:\\file", NULL, &second), STATUS_SHARING_VIOLATION);
    /* Attributes alone share with everybody. */
    HANDLE third = stub_open("S:\\file", &(struct fltsim_open){.access = FILE_READ_ATTRIBUTES});
    fltsim_close(third);
    fltsim_close(handle);
}

static void IgnoresSharing(void **state)
{
    HANDLE handle = stub_open("S:\\file", &(struct fltsim_open){.share = FLTSIM_SHARE_NONE}), second;
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    stub_name(&attributes, U(u"\\??\\S:\\file"));
    assert_int_equal(IoCreateFile(&second, FILE_READ_DATA, &attributes, &iosb, NULL, 0, 7, FILE_OPEN, 0, NULL, 0,
                                  CreateFileTypeNone, NULL, IO_IGNORE_SHARE_ACCESS_CHECK),
                     STATUS_SUCCESS);
    assert_true(IoIsFileObjectIgnoringSharing(stub.last[IRP_MJ_CREATE].FileObject));
    ZwClose(second);
    fltsim_close(handle);
    assert_int_equal(stub.share.OpenCount, 0);
}

static void RelativeOpen(void **state)
{
    HANDLE folder = stub_open("S:\\dir", &(struct fltsim_open){.options = FILE_DIRECTORY_FILE});
    PFILE_OBJECT related = stub.last[IRP_MJ_CREATE].FileObject;
    stub.hook = NULL;
    HANDLE file = stub_open("inner", &(struct fltsim_open){.root = folder});
    PFILE_OBJECT object = stub.last[IRP_MJ_CREATE].FileObject;
    assert_int_equal(object->FileName.Length, 10);
    assert_null(object->RelatedFileObject);
    assert_ptr_not_equal(object, related);
    fltsim_close(file);
    fltsim_close(folder);
}

static PFILE_OBJECT seen_related;
static bool SeeRelated(PDEVICE_OBJECT device, PIRP irp, NTSTATUS *status)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    if (stack->MajorFunction == IRP_MJ_CREATE)
        seen_related = stack->FileObject->RelatedFileObject;
    return false;
}

static void RelatedDuringCreate(void **state)
{
    HANDLE folder = stub_open("S:\\dir", &(struct fltsim_open){.options = FILE_DIRECTORY_FILE});
    PFILE_OBJECT related = stub.last[IRP_MJ_CREATE].FileObject;
    stub.hook = SeeRelated;
    HANDLE file = stub_open("inner", &(struct fltsim_open){.root = folder});
    assert_ptr_equal(seen_related, related);
    fltsim_close(file);
    fltsim_close(folder);
}

static bool SeeVolumeOpen(PDEVICE_OBJECT device, PIRP irp, NTSTATUS *status)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    if (stack->MajorFunction == IRP_MJ_CREATE)
        seen_related = stack->FileObject->Flags & FO_VOLUME_OPEN ? stack->FileObject : NULL;
    return false;
}

static void VolumeOpen(void **state)
{
    stub.hook = SeeVolumeOpen;
    HANDLE file = stub_open("S:\\file", &(struct fltsim_open){.access = FILE_READ_DATA});
    assert_null(seen_related);
    fltsim_close(file);
    HANDLE handle = stub_open("S:", &(struct fltsim_open){.access = FILE_READ_DATA});
    assert_ptr_equal(seen_related, stub.last[IRP_MJ_CREATE].FileObject);
    assert_true(stub.last[IRP_MJ_CREATE].FileObject->Flags & FO_VOLUME_OPEN);
    assert_int_equal(stub.mounts, 1);
    fltsim_close(handle);
}

static void DirectOpenDoesNotMount(void **state)
{
    HANDLE handle = stub_open("\\Device\\StubDisk", &(struct fltsim_open){.access = FILE_READ_ATTRIBUTES});
    assert_int_equal(stub.mounts, 0);
    assert_true(stub.last[IRP_MJ_CREATE].FileObject->Flags & FO_DIRECT_DEVICE_OPEN);
    assert_int_equal(stub.disk->ReferenceCount, 1);
    fltsim_close(handle);
    assert_int_equal(stub.disk->ReferenceCount, 0);
}

static void MountPoint(void **state)
{
    HANDLE handle = stub_open("S:\\junction\\file", NULL);
    assert_int_equal(stub.count[IRP_MJ_CREATE], 2);
    assert_int_equal(stub.last[IRP_MJ_CREATE].FileObject->FileName.Length, 10);
    fltsim_close(handle);
    assert_int_equal(stub.count[IRP_MJ_CLOSE], 1);
}

static void RelativeSymbolicLink(void **state)
{
    HANDLE handle = stub_open("S:\\dir\\link", NULL);
    assert_memory_equal(stub.last[IRP_MJ_CREATE].FileObject->FileName.Buffer, u"\\file", 10);
    fltsim_close(handle);
}

static void StopsOnSymbolicLink(void **state)
{
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE handle;
    stub_name(&attributes, U(u"\\??\\S:\\dir\\link"));
    assert_int_equal(IoCreateFile(&handle, FILE_READ_DATA, &attributes, &iosb, NULL, 0, 7, FILE_OPEN, 0, NULL, 0,
                                  CreateFileTypeNone, NULL, IO_STOP_ON_SYMLINK),
                     STATUS_STOPPED_ON_SYMLINK);
}

static void ReparseEnds(void **state)
{
    HANDLE handle;
    assert_int_equal(fltsim_open("S:\\loop", NULL, &handle), STATUS_REPARSE_POINT_NOT_RESOLVED);
    assert_int_equal(fltsim_open("S:\\strange", NULL, &handle), STATUS_IO_REPARSE_TAG_NOT_HANDLED);
    assert_int_equal(fltsim_open("S:\\away\\file", NULL, &handle), STATUS_OBJECT_PATH_NOT_FOUND);
}

static void Hints(void **state)
{
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE handle;
    fltsim_close(stub_open("S:\\file", NULL));
    stub_name(&attributes, U(u"\\??\\S:\\file"));
    assert_int_equal(IoCreateFileSpecifyDeviceObjectHint(&handle, FILE_READ_DATA | SYNCHRONIZE, &attributes, &iosb,
                                                         NULL, 0, 7, FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0,
                                                         CreateFileTypeNone, NULL, 0, stub.volume),
                     STATUS_SUCCESS);
    assert_ptr_equal(IoGetRelatedDeviceObject(stub.last[IRP_MJ_CREATE].FileObject), stub.volume);
    ZwClose(handle);
    assert_int_equal(IoCreateFileSpecifyDeviceObjectHint(&handle, FILE_READ_DATA, &attributes, &iosb, NULL, 0, 7,
                                                         FILE_OPEN, 0, NULL, 0, CreateFileTypeNone, NULL, 0,
                                                         stub.control),
                     STATUS_INVALID_DEVICE_OBJECT_PARAMETER);
}

/* A second disk, which the stub's file system does not know. */
static void HintAcrossVolumes(void **state)
{
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE handle;
    PDEVICE_OBJECT other;
    fltsim_close(stub_open("S:\\file", NULL));
    IoCreateDevice(stub.driver, 0, U(u"\\Device\\Other"), FILE_DEVICE_UNKNOWN, 0, FALSE, &other);
    other->Flags &= ~DO_DEVICE_INITIALIZING;
    IoCreateSymbolicLink(U(u"\\??\\X:"), U(u"\\Device\\Other"));
    stub_name(&attributes, U(u"\\??\\S:\\away\\file"));
    assert_int_equal(IoCreateFileSpecifyDeviceObjectHint(&handle, FILE_READ_DATA, &attributes, &iosb, NULL, 0, 7,
                                                         FILE_OPEN, 0, NULL, 0, CreateFileTypeNone, NULL, 0,
                                                         stub.volume),
                     STATUS_MOUNT_POINT_NOT_RESOLVED);
    IoDeleteSymbolicLink(U(u"\\??\\X:"));
    IoDeleteDevice(other);
}

static void EcpListOfTheCaller(void **state)
{
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE handle;
    IO_DRIVER_CREATE_CONTEXT context;
    PECP_LIST list;
    IoInitializeDriverCreateContext(&context);
    assert_int_equal(FsRtlAllocateExtraCreateParameterList(0, &list), STATUS_SUCCESS);
    context.ExtraCreateParameter = list;
    stub_name(&attributes, U(u"\\??\\S:\\junction\\file"));
    assert_int_equal(IoCreateFileEx(&handle, FILE_READ_DATA, &attributes, &iosb, NULL, 0, 7, FILE_OPEN, 0, NULL, 0,
                                    CreateFileTypeNone, NULL, 0, &context),
                     STATUS_SUCCESS);
    /* The same list on the try after STATUS_REPARSE. */
    assert_ptr_equal(stub.seen_ecps, list);
    FsRtlFreeExtraCreateParameterList(list);
    ZwClose(handle);
    context.Size = 3;
    assert_int_equal(IoCreateFileEx(&handle, FILE_READ_DATA, &attributes, &iosb, NULL, 0, 7, FILE_OPEN, 0, NULL, 0,
                                    CreateFileTypeNone, NULL, 0, &context),
                     STATUS_INVALID_PARAMETER);
}

static void StreamFileObjects(void **state)
{
    fltsim_close(stub_open("S:\\file", NULL));
    unsigned cleanups = stub.count[IRP_MJ_CLEANUP], closes = stub.count[IRP_MJ_CLOSE];
    PFILE_OBJECT lite = IoCreateStreamFileObjectLite(NULL, stub.disk);
    assert_int_equal(stub.count[IRP_MJ_CLEANUP], cleanups);
    ObDereferenceObject(lite);
    assert_int_equal(stub.count[IRP_MJ_CLEANUP], cleanups);
    assert_int_equal(stub.count[IRP_MJ_CLOSE], closes + 1);
    PFILE_OBJECT full = IoCreateStreamFileObject(NULL, stub.disk);
    assert_int_equal(stub.count[IRP_MJ_CLEANUP], cleanups + 1);
    ObDereferenceObject(full);
    assert_int_equal(stub.count[IRP_MJ_CLOSE], closes + 2);
}

/* As drivers declare it: no published header does. */
NTSTATUS ZwQueryAttributesFile(POBJECT_ATTRIBUTES ObjectAttributes, PFILE_BASIC_INFORMATION FileInformation);

static void QueryAttributes(void **state)
{
    OBJECT_ATTRIBUTES attributes;
    FILE_NETWORK_OPEN_INFORMATION info;
    FILE_BASIC_INFORMATION basic;
    stub_name(&attributes, U(u"\\??\\S:\\file"));
    assert_int_equal(ZwQueryFullAttributesFile(&attributes, &info), STATUS_SUCCESS);
    assert_int_equal(info.FileAttributes, FILE_ATTRIBUTE_ARCHIVE);
    assert_int_equal(stub.count[IRP_MJ_CLEANUP], 1);
    assert_int_equal(stub.count[IRP_MJ_CLOSE], 1);
    stub.fast_io = true;
    assert_int_equal(ZwQueryAttributesFile(&attributes, &basic), STATUS_SUCCESS);
    assert_int_equal(basic.FileAttributes, FILE_ATTRIBUTE_READONLY);
    assert_int_equal(stub.fast_opens, 1);
    assert_int_equal(stub.count[IRP_MJ_CREATE], 1);
    assert_int_equal(stub.count[IRP_MJ_CLOSE], 1);
}

static void NamesAFile(void **state)
{
    union {
        OBJECT_NAME_INFORMATION info;
        UCHAR bytes[256];
    } name;
    ULONG length;
    POBJECT_NAME_INFORMATION dos;
    HANDLE handle = stub_open("S:\\file", NULL);
    PFILE_OBJECT file = stub.last[IRP_MJ_CREATE].FileObject;
    assert_int_equal(ObQueryNameString(file, &name.info, sizeof name, &length), STATUS_SUCCESS);
    assert_true(RtlEqualUnicodeString(&name.info.Name, U(u"\\Device\\StubDisk\\file"), FALSE));
    assert_int_equal(IoQueryFileDosDeviceName(file, &dos), STATUS_SUCCESS);
    assert_true(RtlEqualUnicodeString(&dos->Name, U(u"S:\\file"), FALSE));
    ExFreePool(dos);
    fltsim_close(handle);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, stub_setup, stub_teardown)
    const struct CMUnitTest tests[] = {
        CASE(Opens),
        CASE(CleanupAndCloseApart),
        CASE(PendedCreate),
        CASE(FailedCreateHasNoClose),
        CASE(Parameters),
        CASE(SharingViolation),
        CASE(IgnoresSharing),
        CASE(RelativeOpen),
        CASE(RelatedDuringCreate),
        CASE(VolumeOpen),
        CASE(DirectOpenDoesNotMount),
        CASE(MountPoint),
        CASE(RelativeSymbolicLink),
        CASE(StopsOnSymbolicLink),
        CASE(ReparseEnds),
        CASE(Hints),
        CASE(HintAcrossVolumes),
        CASE(EcpListOfTheCaller),
        CASE(StreamFileObjects),
        CASE(QueryAttributes),
        CASE(NamesAFile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
