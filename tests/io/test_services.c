/* Services and routines that the other files do not call by name. */
#include "stub.h"

#include <string.h>
#include <wdmsec.h>

static OBJECT_ATTRIBUTES attributes;
static IO_STATUS_BLOCK iosb;

static HANDLE OpenByName(void)
{
    HANDLE handle;
    stub_name(&attributes, U(u"\\??\\S:\\file"));
    assert_int_equal(ZwOpenFile(&handle, GENERIC_READ | GENERIC_WRITE | DELETE | WRITE_DAC | SYNCHRONIZE, &attributes,
                                &iosb, FILE_SHARE_VALID_FLAGS, FILE_SYNCHRONOUS_IO_NONALERT),
                     STATUS_SUCCESS);
    assert_int_equal(iosb.Information, FILE_OPENED);
    return handle;
}

static void KernelServices(void **state)
{
    LARGE_INTEGER offset = {.QuadPart = 0};
    FILE_STANDARD_INFORMATION standard;
    FILE_FS_SIZE_INFORMATION size;
    FILE_END_OF_FILE_INFORMATION end = {{.QuadPart = 3}};
    FILE_FS_LABEL_INFORMATION label = {2, {'x'}};
    char text[16], in[2] = {1, 2};
    HANDLE handle = OpenByName();
    assert_int_equal(ZwWriteFile(handle, NULL, NULL, NULL, &iosb, "abc", 3, &offset, NULL), STATUS_SUCCESS);
    assert_int_equal(ZwReadFile(handle, NULL, NULL, NULL, &iosb, text, 3, &offset, NULL), STATUS_SUCCESS);
    assert_memory_equal(text, "abc", 3);
    assert_int_equal(NtReadFile(handle, NULL, NULL, NULL, &iosb, text, 3, &offset, NULL), STATUS_SUCCESS);
    assert_int_equal(NtWriteFile(handle, NULL, NULL, NULL, &iosb, text, 3, &offset, NULL), STATUS_SUCCESS);
    assert_int_equal(ZwFlushBuffersFile(handle, &iosb), STATUS_SUCCESS);
    assert_int_equal(ZwFlushBuffersFileEx(handle, 1, NULL, 0, &iosb), STATUS_SUCCESS);
    assert_int_equal(stub.last[IRP_MJ_FLUSH_BUFFERS].MinorFunction, IRP_MN_FLUSH_DATA_ONLY);
    assert_int_equal(ZwFlushBuffersFileEx(handle, 9, NULL, 0, &iosb), STATUS_INVALID_PARAMETER);
    assert_int_equal(ZwQueryInformationFile(handle, &iosb, &standard, sizeof standard, FileStandardInformation), 0);
    assert_int_equal(NtQueryInformationFile(handle, &iosb, &standard, sizeof standard, FileStandardInformation), 0);
    assert_int_equal(iosb.Information, sizeof standard);
    assert_int_equal(ZwSetInformationFile(handle, &iosb, &end, sizeof end, FileEndOfFileInformation), STATUS_SUCCESS);
    assert_int_equal(stub.last[IRP_MJ_SET_INFORMATION].Parameters.SetFile.FileInformationClass,
                     FileEndOfFileInformation);
    assert_int_equal(ZwQueryVolumeInformationFile(handle, &iosb, &size, sizeof size, FileFsSizeInformation), 0);
    assert_int_equal(ZwQueryVolumeInformationFile(handle, &iosb, &size, 1, FileFsSizeInformation),
                     STATUS_INFO_LENGTH_MISMATCH);
    assert_int_equal(ZwQueryVolumeInformationFile(handle, &iosb, &size, 1, FileFsLabelInformation),
                     STATUS_INVALID_INFO_CLASS);
    assert_int_equal(ZwSetVolumeInformationFile(handle, &iosb, &label, sizeof label, FileFsLabelInformation), 0);
    ULONG code = CTL_CODE(FILE_DEVICE_FILE_SYSTEM, 2100, METHOD_BUFFERED, FILE_ANY_ACCESS);
    assert_int_equal(ZwFsControlFile(handle, NULL, NULL, NULL, &iosb, code, in, 2, text, 2), STATUS_SUCCESS);
    assert_memory_equal(text, "\2\3", 2);
    assert_int_equal(ZwDeviceIoControlFile(handle, NULL, NULL, NULL, &iosb, code, in, 2, text, 2), STATUS_SUCCESS);
    assert_int_equal(NtDeviceIoControlFile(handle, NULL, NULL, NULL, &iosb, code, in, 2, text, 2), STATUS_SUCCESS);
    ZwClose(handle);
}

static void DeletesByName(void **state)
{
    stub_name(&attributes, U(u"\\??\\S:\\file"));
    assert_int_equal(ZwDeleteFile(&attributes), STATUS_SUCCESS);
    assert_true(stub.last[IRP_MJ_CREATE].Parameters.Create.Options & FILE_DELETE_ON_CLOSE);
    assert_int_equal(stub.count[IRP_MJ_CLEANUP], 1);
    assert_int_equal(stub.count[IRP_MJ_CLOSE], 1);
    stub_name(&attributes, U(u"\\??\\S:\\missing"));
    assert_int_equal(ZwDeleteFile(&attributes), STATUS_OBJECT_NAME_NOT_FOUND);
}

static void AttributesByName(void **state)
{
    FILE_NETWORK_OPEN_INFORMATION info;
    stub_name(&attributes, U(u"\\??\\S:\\file"));
    assert_true(IoFastQueryNetworkAttributes(&attributes, FILE_READ_ATTRIBUTES, 0, &iosb, &info));
    assert_int_equal(iosb.Status, STATUS_SUCCESS);
}

static void ExtendedAttributesAndQuotas(void **state)
{
    struct {
        FILE_FULL_EA_INFORMATION ea;
        char rest[8];
    } list = {{0, 0, 3, 2, "E"}, "Ayz"};
    UCHAR buffer[64];
    ULONG bad = 7;
    HANDLE handle = OpenByName();
    memcpy(list.ea.EaName, "EAS\0yz", 6);
    assert_int_equal(IoCheckEaBufferValidity(&list.ea, 14, &bad), STATUS_SUCCESS);
    assert_int_equal(IoCheckEaBufferValidity(&list.ea, 10, &bad), STATUS_EA_LIST_INCONSISTENT);
    assert_int_equal(bad, 0);
    assert_int_equal(ZwSetEaFile(handle, &iosb, &list, 14), STATUS_SUCCESS);
    assert_int_equal(ZwSetEaFile(handle, &iosb, &list, 9), STATUS_EA_LIST_INCONSISTENT);
    assert_int_equal(ZwQueryEaFile(handle, &iosb, buffer, sizeof buffer, TRUE, NULL, 0, NULL, TRUE), STATUS_SUCCESS);
    assert_int_equal(stub.last[IRP_MJ_QUERY_EA].Flags, SL_RESTART_SCAN | SL_RETURN_SINGLE_ENTRY);
    assert_int_equal(ZwQueryQuotaInformationFile(handle, &iosb, buffer, sizeof buffer, TRUE, NULL, 0, NULL, FALSE), 0);
    assert_int_equal(ZwSetQuotaInformationFile(handle, &iosb, buffer, sizeof buffer), STATUS_SUCCESS);
    assert_int_equal(stub.count[IRP_MJ_SET_QUOTA], 1);
    ZwClose(handle);
}

static void Security(void **state)
{
    SECURITY_DESCRIPTOR descriptor;
    ULONG needed;
    HANDLE handle = OpenByName();
    RtlCreateSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION);
    assert_int_equal(ZwSetSecurityObject(handle, DACL_SECURITY_INFORMATION, &descriptor), STATUS_SUCCESS);
    assert_ptr_equal(stub.last[IRP_MJ_SET_SECURITY].Parameters.SetSecurity.SecurityDescriptor, &descriptor);
    assert_int_equal(ZwQuerySecurityObject(handle, DACL_SECURITY_INFORMATION, NULL, 0, &needed), STATUS_SUCCESS);
    stub.answer[IRP_MJ_QUERY_SECURITY] = STATUS_BUFFER_OVERFLOW;
    assert_int_equal(ZwQuerySecurityObject(handle, DACL_SECURITY_INFORMATION, NULL, 0, &needed),
                     STATUS_BUFFER_TOO_SMALL);
    ZwClose(handle);
    assert_int_equal(ZwQuerySecurityObject(NULL, DACL_SECURITY_INFORMATION, NULL, 0, &needed), STATUS_INVALID_HANDLE);
    assert_int_equal(ZwSetSecurityObject(NULL, DACL_SECURITY_INFORMATION, &descriptor), STATUS_INVALID_HANDLE);
}

static void LocksByIrp(void **state)
{
    LARGE_INTEGER offset = {.QuadPart = 0}, length = {.QuadPart = 4};
    for (enum stub_mode mode = STUB_INLINE; mode <= STUB_DISPATCH; mode++) {
        stub.mode = mode;
        HANDLE handle = OpenByName();
        assert_int_equal(ZwLockFile(handle, NULL, NULL, NULL, &iosb, &offset, &length, 5, TRUE, TRUE), STATUS_SUCCESS);
        assert_int_equal(stub.last[IRP_MJ_LOCK_CONTROL].MinorFunction, IRP_MN_LOCK);
        assert_int_equal(stub.last[IRP_MJ_LOCK_CONTROL].Parameters.LockControl.Key, 5);
        assert_int_equal(ZwUnlockFile(handle, &iosb, &offset, &length, 5), STATUS_SUCCESS);
        assert_int_equal(stub.last[IRP_MJ_LOCK_CONTROL].MinorFunction, IRP_MN_UNLOCK_SINGLE);
        ZwClose(handle);
    }
}

/* ---- by file object ---- */

static void QueriesByFile(void **state)
{
    FILE_STANDARD_INFORMATION standard;
    FILE_FS_SIZE_INFORMATION size;
    FILE_BASIC_INFORMATION basic = {.FileAttributes = FILE_ATTRIBUTE_NORMAL};
    ULONG length;
    HANDLE handle = OpenByName();
    PFILE_OBJECT file = stub.last[IRP_MJ_CREATE].FileObject;
    assert_int_equal(IoQueryFileInformation(file, FileStandardInformation, sizeof standard, &standard, &length), 0);
    assert_int_equal(length, sizeof standard);
    assert_int_equal(IoQueryVolumeInformation(file, FileFsSizeInformation, sizeof size, &size, &length), 0);
    assert_int_equal(IoSetInformation(file, FileBasicInformation, sizeof basic, &basic), STATUS_SUCCESS);
    assert_int_equal(IoCheckQuerySetFileInformation(FileBasicInformation, 4, TRUE), STATUS_INFO_LENGTH_MISMATCH);
    assert_int_equal(IoCheckQuerySetFileInformation(FileBasicInformation, sizeof basic, TRUE), STATUS_SUCCESS);
    assert_int_equal(IoCheckQuerySetFileInformation(FileNamesInformation, 99, TRUE), STATUS_INVALID_INFO_CLASS);
    assert_int_equal(IoCheckQuerySetVolumeInformation(FileFsSizeInformation, sizeof size, FALSE), STATUS_SUCCESS);
    assert_ptr_equal(IoGetBaseFileSystemDeviceObject(file), stub.volume);
    assert_null(IoGetTransactionParameterBlock(file));
    assert_false(IoIsFileOriginRemote(file));
    assert_int_equal(IoSetFileOrigin(file, TRUE), STATUS_SUCCESS);
    assert_true(IoIsFileOriginRemote(file));
    assert_int_equal(IoSetFileOrigin(file, TRUE), STATUS_INVALID_PARAMETER_MIX);
    assert_int_equal(IoReplaceFileObjectName(file, (PWSTR)(ULONG_PTR)u"\\a\\much\\longer\\name\\than\\before\\was",
                                             70),
                     STATUS_SUCCESS);
    assert_int_equal(file->FileName.Length, 70);
    ZwClose(handle);
}

static void ShareAccess(void **state)
{
    SHARE_ACCESS share;
    HANDLE handle = OpenByName();
    PFILE_OBJECT file = stub.last[IRP_MJ_CREATE].FileObject;
    SHARE_ACCESS kept = stub.share;
    IoSetShareAccess(FILE_READ_DATA, FILE_SHARE_READ, file, &share);
    assert_int_equal(share.Readers, 1);
    assert_int_equal(share.SharedRead, 1);
    assert_int_equal(share.SharedWrite, 0);
    IoUpdateShareAccess(file, &share);
    assert_int_equal(share.OpenCount, 2);
    assert_int_equal(IoCheckShareAccess(FILE_WRITE_DATA, FILE_SHARE_VALID_FLAGS, file, &share, FALSE),
                     STATUS_SHARING_VIOLATION);
    assert_int_equal(IoCheckShareAccess(FILE_READ_DATA, FILE_SHARE_VALID_FLAGS, file, &share, TRUE), STATUS_SUCCESS);
    IoRemoveShareAccess(file, &share);
    assert_int_equal(share.OpenCount, 2);
    LINK_SHARE_ACCESS link = {0};
    IoSetLinkShareAccess(DELETE, FILE_SHARE_READ, file, &share, &link, 0);
    assert_int_equal(link.Deleters, 1);
    assert_int_equal(IoCheckLinkShareAccess(DELETE, FILE_SHARE_DELETE, file, NULL, &link, 0), STATUS_SHARING_VIOLATION);
    IoRemoveLinkShareAccess(file, &share, &link);
    assert_int_equal(share.OpenCount, 0);
    IoCheckShareAccess(GENERIC_READ, FILE_SHARE_VALID_FLAGS, file, &share, FALSE);
    stub.share = (SHARE_ACCESS){0};
    ZwClose(handle);
    assert_int_equal(kept.OpenCount, 1);
}

static bool CancelOpen(PDEVICE_OBJECT device, PIRP irp, NTSTATUS *status)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    if (device != stub.volume || stack->MajorFunction != IRP_MJ_CREATE)
        return false;
    stub.hook = NULL;
    IoCancelFileOpen(stub.volume, stack->FileObject);
    irp->IoStatus.Status = *status = STATUS_ACCESS_DENIED;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return true;
}

static void CancelsAnOpen(void **state)
{
    HANDLE handle;
    fltsim_close(stub_open("S:\\file", NULL));
    stub.hook = CancelOpen;
    stub.opens++;
    assert_int_equal(fltsim_open("S:\\file", NULL, &handle), STATUS_ACCESS_DENIED);
    assert_int_equal(stub.count[IRP_MJ_CLEANUP], 2);
    assert_int_equal(stub.count[IRP_MJ_CLOSE], 2);
    stub.opens = 0;
}

/* As a filter that scans files when they are cleaned up. */
static bool ReferenceAtCleanup(PDEVICE_OBJECT device, PIRP irp, NTSTATUS *status)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    if (stack->MajorFunction == IRP_MJ_CLEANUP) {
        ObReferenceObject(stack->FileObject);
        ObDereferenceObject(stack->FileObject);
        ObReferenceObject(stack->FileObject);
        ObDereferenceObject(stack->FileObject);
    }
    return false;
}

static void MayReferenceAFileAskedAboutAtCleanup(void **state)
{
    FILE_NETWORK_OPEN_INFORMATION info;
    stub.hook = ReferenceAtCleanup;
    stub_name(&attributes, U(u"\\??\\S:\\file"));
    assert_int_equal(ZwQueryFullAttributesFile(&attributes, &info), STATUS_SUCCESS);
    assert_int_equal(stub.count[IRP_MJ_CLEANUP], 1);
    assert_int_equal(stub.count[IRP_MJ_CLOSE], 1);
    stub.hook = NULL;
}

static void CancelTooLate(void *file) { IoCancelFileOpen(stub.volume, file); }

static void CancelsAnOpenTooLate(void **state)
{
    stub_open("S:\\file", NULL);
    assert_false(fltsim_try(CancelTooLate, stub.last[IRP_MJ_CREATE].FileObject));
    assert_string_equal(fltsim_last_rule(), "file-object-misuse");
}

static void PagingIo(void **state)
{
    for (enum stub_mode mode = STUB_INLINE; mode <= STUB_DISPATCH; mode++) {
        KEVENT event;
        char text[8] = "PAGED!!";
        LARGE_INTEGER offset = {.QuadPart = 0};
        HANDLE handle = OpenByName();
        PFILE_OBJECT file = stub.last[IRP_MJ_CREATE].FileObject;
        PMDL mdl = IoAllocateMdl(text, 8, FALSE, FALSE, NULL);
        MmProbeAndLockPages(mdl, KernelMode, IoModifyAccess);
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        stub.mode = mode;
        IoSynchronousPageWrite(file, mdl, &offset, &event, &iosb);
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
        assert_int_equal(iosb.Status, STATUS_SUCCESS);
        assert_int_equal(stub.last_flags[IRP_MJ_WRITE] & (IRP_PAGING_IO | IRP_NOCACHE), IRP_PAGING_IO | IRP_NOCACHE);
        KeClearEvent(&event);
        memset(text, 0, sizeof text);
        IoPageRead(file, mdl, &offset, &event, &iosb);
        KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
        assert_memory_equal(text, "PAGED!!", 8);
        MmUnlockPages(mdl);
        IoFreeMdl(mdl);
        ZwClose(handle);
    }
}

/* ---- odds and ends ---- */

static void SpinLocks(void **state)
{
    KIRQL irql;
    IoAcquireCancelSpinLock(&irql);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    IoReleaseCancelSpinLock(irql);
    IoAcquireVpbSpinLock(&irql);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    IoReleaseVpbSpinLock(irql);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

static void VerifiesAVolume(void **state)
{
    fltsim_close(stub_open("S:\\file", NULL));
    assert_int_equal(IoVerifyVolume(stub.disk, FALSE), STATUS_SUCCESS);
    assert_int_equal(stub.last[IRP_MJ_FILE_SYSTEM_CONTROL].MinorFunction, IRP_MN_VERIFY_VOLUME);
    assert_null(IoGetDeviceToVerify(PsGetCurrentThread()));
    IoSetDeviceToVerify(PsGetCurrentThread(), stub.disk);
    assert_ptr_equal(IoGetDeviceToVerify(PsGetCurrentThread()), stub.disk);
    IoSetDeviceToVerify(PsGetCurrentThread(), NULL);
}

static void NamedEvents(void **state)
{
    HANDLE first, second, third;
    PKEVENT event = IoCreateNotificationEvent(U(u"\\BaseNamedObjects\\e"), &first);
    assert_non_null(event);
    assert_int_equal(KeReadStateEvent(event), 1);
    assert_ptr_equal(IoCreateNotificationEvent(U(u"\\BaseNamedObjects\\e"), &second), event);
    assert_non_null(IoCreateSynchronizationEvent(U(u"\\BaseNamedObjects\\f"), &third));
    ZwClose(first);
    ZwClose(second);
    ZwClose(third);
}

static void ErrorLog(void **state)
{
    PIO_ERROR_LOG_PACKET packet = IoAllocateErrorLogEntry(stub.driver, sizeof *packet);
    assert_non_null(packet);
    packet->ErrorCode = STATUS_UNSUCCESSFUL;
    IoWriteErrorLogEntry(packet);
    packet = IoAllocateErrorLogEntry(stub.driver, ERROR_LOG_MAXIMUM_SIZE);
    IoFreeErrorLogEntry(packet);
    assert_null(IoAllocateErrorLogEntry(stub.driver, 1));
    assert_true(IoRaiseInformationalHardError(STATUS_UNSUCCESSFUL, NULL, NULL));
    assert_true(IoSetThreadHardErrorMode(FALSE));
    IoSetThreadHardErrorMode(TRUE);
}

static void Requestors(void **state)
{
    PIRP irp = IoAllocateIrp(1, FALSE);
    ULONG session;
    assert_null(IoGetRequestorProcess(irp));
    assert_int_equal(IoGetRequestorProcessId(irp), 0);
    irp->Tail.Overlay.Thread = PsGetCurrentThread();
    assert_ptr_equal(IoGetRequestorProcess(irp), PsGetCurrentProcess());
    assert_int_equal(IoGetRequestorProcessId(irp), HandleToULong(PsGetCurrentProcessId()));
    assert_int_equal(IoGetRequestorSessionId(irp, &session), STATUS_SUCCESS);
    assert_false(IoIs32bitProcess(irp));
    assert_int_equal(IoGetIoPriorityHint(irp), IoPriorityNormal);
    assert_int_equal(IoSetIoPriorityHint(irp, IoPriorityLow), STATUS_SUCCESS);
    assert_int_equal(IoGetIoPriorityHint(irp), IoPriorityLow);
    assert_int_equal(IoSetIoPriorityHint(irp, MaxIoPriorityTypes), STATUS_INVALID_PARAMETER);
    IoSetNextIrpStackLocation(irp);
    assert_false(IoIsOperationSynchronous(irp));
    irp->Flags = IRP_SYNCHRONOUS_API;
    assert_true(IoIsOperationSynchronous(irp));
    irp->Flags = IRP_PAGING_IO;
    assert_false(IoIsOperationSynchronous(irp));
    irp->Flags = IRP_PAGING_IO | IRP_SYNCHRONOUS_PAGING_IO;
    assert_true(IoIsOperationSynchronous(irp));
    IoFreeIrp(irp);
}

static void StackLimits(void **state)
{
    ULONG_PTR low, high, here = (ULONG_PTR)__builtin_frame_address(0);
    IoGetStackLimits(&low, &high);
    assert_true(low < here && here < high);
    assert_true(IoGetRemainingStackSize() < high - low);
    assert_int_equal((ULONG_PTR)IoGetInitialStack(), high);
    assert_true(IoWithinStackLimits(here, 16));
    assert_false(IoWithinStackLimits(high, 16));
}

static unsigned wrapped;
static NTSTATUS Wrapped(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    wrapped++;
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void CompletionRoutineEx(void **state)
{
    PIRP irp = IoAllocateIrp(stub.disk->StackSize, FALSE);
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_FLUSH_BUFFERS;
    wrapped = 0;
    assert_int_equal(IoSetCompletionRoutineEx(stub.disk, irp, Wrapped, NULL, TRUE, TRUE, TRUE), STATUS_SUCCESS);
    assert_int_equal(IoCallDriver(stub.disk, irp), STATUS_SUCCESS);
    assert_int_equal(wrapped, 1);
    IoFreeIrp(irp);
}

static void VolumeGuids(void **state)
{
    UNICODE_STRING path, dos;
    GUID guid;
    struct fltsim_volume *volume;
    assert_int_equal(fltsim_mount(NULL, &volume), STATUS_SUCCESS);
    PDEVICE_OBJECT device = fltsim_volume_device(volume);
    assert_int_equal(IoVolumeDeviceToGuidPath(device, &path), STATUS_SUCCESS);
    assert_memory_equal(path.Buffer, u"\\??\\Volume{", 22);
    ExFreePool(path.Buffer);
    assert_int_equal(IoVolumeDeviceToGuid(device, &guid), STATUS_SUCCESS);
    assert_int_equal(guid.Data1, 0x5e3f7a10);
    assert_int_equal(IoVolumeDeviceToGuid(stub.disk, &guid), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(IoVolumeDeviceToDosName(device, &dos), STATUS_SUCCESS);
    ExFreePool(dos.Buffer);
    /* A volume without a drive letter. */
    IoDeleteSymbolicLink(U(u"\\??\\S:"));
    assert_int_equal(IoVolumeDeviceToDosName(stub.disk, &dos), STATUS_OBJECT_NAME_NOT_FOUND);
    IoCreateSymbolicLink(U(u"\\??\\S:"), U(u"\\Device\\StubDisk"));
}

static void DeviceProperties(void **state)
{
    WCHAR name[64];
    ULONG length;
    assert_int_equal(IoGetDeviceProperty(stub.disk, DevicePropertyPhysicalDeviceObjectName, 2, name, &length),
                     STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(IoGetDeviceProperty(stub.disk, DevicePropertyPhysicalDeviceObjectName, sizeof name, name,
                                         &length),
                     STATUS_SUCCESS);
    assert_memory_equal(name, u"\\Device\\StubDisk", length);
    assert_int_equal(IoGetDeviceProperty(stub.control, DevicePropertyPhysicalDeviceObjectName, 0, NULL, &length),
                     STATUS_INVALID_DEVICE_REQUEST);
    assert_int_equal(IoGetDeviceProperty(stub.disk, DevicePropertyEnumeratorName, sizeof name, name, &length),
                     STATUS_SUCCESS);
    assert_memory_equal(name, u"STORAGE", length);
    assert_int_equal(IoGetDeviceProperty(stub.disk, DevicePropertyHardwareID, 0, NULL, &length),
                     STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(length, 16 * sizeof(WCHAR)); /* two zeros end it */
    assert_int_equal(IoGetDeviceProperty(stub.disk, DevicePropertyBusNumber, sizeof name, name, &length),
                     STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(IoGetDeviceProperty(stub.disk, (DEVICE_REGISTRY_PROPERTY)99, sizeof name, name, &length),
                     STATUS_INVALID_PARAMETER_2);
    ULONG removal = 0;
    assert_int_equal(IoGetDeviceProperty(stub.disk, DevicePropertyRemovalPolicy, sizeof removal, &removal, &length),
                     STATUS_SUCCESS);
    assert_int_equal(removal, RemovalPolicyExpectNoRemoval);
}

static void Mapping(void **state)
{
    PGENERIC_MAPPING mapping = IoGetFileObjectGenericMapping();
    ACCESS_MASK access = GENERIC_READ;
    assert_int_equal(mapping->GenericAll, FILE_ALL_ACCESS);
    assert_int_equal(IoCheckDesiredAccess(&access, FILE_ALL_ACCESS), STATUS_SUCCESS);
    assert_int_equal(access, FILE_GENERIC_READ);
    assert_int_equal(IoCheckDesiredAccess(&access, FILE_READ_DATA), STATUS_ACCESS_DENIED);
}

static void SecureDevice(void **state)
{
    PDEVICE_OBJECT device;
    assert_int_equal(IoCreateDeviceSecure(stub.driver, 0, U(u"\\Device\\Guarded"), FILE_DEVICE_UNKNOWN, 0, FALSE,
                                          U(u"D:P(A;;GA;;;SY)"), NULL, &device),
                     STATUS_SUCCESS);
    IoDeleteDevice(device);
    assert_int_equal(WdmlibIoCreateDeviceSecure(stub.driver, 0, U(u"\\Device\\Guarded"), FILE_DEVICE_UNKNOWN, 0, FALSE,
                                                &SDDL_DEVOBJ_KERNEL_ONLY, NULL, &device),
                     STATUS_SUCCESS);
    IoDeleteDevice(device);
}

static void SecurityOfDevices(void **state)
{
    static const struct {
        const UNICODE_STRING *sddl;
        const uint16_t *text;
    } rows[] = {
        {&SDDL_DEVOBJ_KERNEL_ONLY, u"D:P"},
        {&SDDL_DEVOBJ_SYS_ALL, u"D:P(A;;GA;;;SY)"},
        {&SDDL_DEVOBJ_SYS_ALL_ADM_ALL, u"D:P(A;;GA;;;SY)(A;;GA;;;BA)"},
        {&SDDL_DEVOBJ_SYS_ALL_ADM_RX, u"D:P(A;;GA;;;SY)(A;;GRGX;;;BA)"},
        {&SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_R, u"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GR;;;WD)"},
        {&SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_R_RES_R, u"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GR;;;WD)(A;;GR;;;RC)"},
        {&SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_RW_RES_R, u"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GRGW;;;WD)(A;;GR;;;RC)"},
        {&SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_RWX_RES_RWX,
         u"D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GRGWGX;;;WD)(A;;GRGWGX;;;RC)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        UNICODE_STRING text;
        RtlInitUnicodeString(&text, (PCWSTR)rows[i].text);
        assert_true(RtlEqualUnicodeString(rows[i].sddl, &text, FALSE));
    }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, stub_setup, stub_teardown)
#define DIES(test) cmocka_unit_test_setup_teardown(test, stub_setup, stub_teardown_dead)
    const struct CMUnitTest tests[] = {
        CASE(KernelServices),
        CASE(DeletesByName),
        CASE(AttributesByName),
        CASE(ExtendedAttributesAndQuotas),
        CASE(Security),
        CASE(LocksByIrp),
        CASE(QueriesByFile),
        CASE(ShareAccess),
        CASE(MayReferenceAFileAskedAboutAtCleanup),
        CASE(CancelsAnOpen),
        DIES(CancelsAnOpenTooLate),
        CASE(PagingIo),
        CASE(SpinLocks),
        CASE(VerifiesAVolume),
        CASE(NamedEvents),
        CASE(ErrorLog),
        CASE(Requestors),
        CASE(StackLimits),
        CASE(CompletionRoutineEx),
        CASE(VolumeGuids),
        CASE(DeviceProperties),
        CASE(Mapping),
        CASE(SecureDevice),
        CASE(SecurityOfDevices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
