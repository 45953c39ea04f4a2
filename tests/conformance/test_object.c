/* Objects and handles, files by name and by pointer, as any driver uses them. */
#include "stage.h"

static HANDLE file;
static PFILE_OBJECT object;
static IO_STATUS_BLOCK iosb;

static void start(void)
{
    stage_mount(FLTSIM_NTFS);
    file = stage_open("C:\\file.txt");
    object = stage_file(file);
    succeeds(fltsim_write(file, "0123456789", 10, 0, NULL));
}

/* ---- handles ---------------------------------------------------------------------------------------------------- */

static void an_object_is_opened_by_its_address(void)
{
    HANDLE handle;
    start();
    succeeds(ObOpenObjectByPointer(PsGetCurrentProcess(), OBJ_KERNEL_HANDLE, NULL, PROCESS_ALL_ACCESS, *PsProcessType,
                                   KernelMode, &handle));
    succeeds(ZwClose(handle));
    answers(STATUS_OBJECT_TYPE_MISMATCH, ObOpenObjectByPointer(PsGetCurrentProcess(), OBJ_KERNEL_HANDLE, NULL, 0,
                                                               *PsThreadType, KernelMode, &handle));
    answers(STATUS_INVALID_PARAMETER, ObOpenObjectByPointer(PsGetCurrentProcess(), 0x10000000, NULL, 0, *PsProcessType,
                                                            KernelMode, &handle));
    starves(STATUS_INSUFFICIENT_RESOURCES, ObOpenObjectByPointer(PsGetCurrentProcess(), OBJ_KERNEL_HANDLE, NULL, 0,
                                                                 *PsProcessType, KernelMode, &handle));
    answers(STATUS_PRIVILEGE_NOT_HELD, ObOpenObjectByPointer(PsGetCurrentProcess(), 0, NULL, ACCESS_SYSTEM_SECURITY,
                                                             *PsProcessType, UserMode, &handle));
    succeeds(fltsim_close(file));
}

static OB_PREOP_CALLBACK_STATUS watch_open(PVOID context, POB_PRE_OPERATION_INFORMATION operation)
{
    return OB_PREOP_SUCCESS;
}

static void handles_are_watched_from_different_altitudes(void)
{
    OB_OPERATION_REGISTRATION operation = {.ObjectType = PsProcessType, .Operations = OB_OPERATION_HANDLE_CREATE,
                                           .PreOperation = watch_open};
    OB_CALLBACK_REGISTRATION registration = {.Version = OB_FLT_REGISTRATION_VERSION, .OperationRegistrationCount = 1,
                                             .OperationRegistration = &operation};
    PVOID cookie, second;
    start();
    RtlInitUnicodeString(&registration.Altitude, L"370000");
    starves(STATUS_INSUFFICIENT_RESOURCES, ObRegisterCallbacks(&registration, &cookie));
    succeeds(ObRegisterCallbacks(&registration, &cookie));
    answers(STATUS_FLT_INSTANCE_ALTITUDE_COLLISION, ObRegisterCallbacks(&registration, &second));
    registration.Version = 7;
    answers(STATUS_INVALID_PARAMETER, ObRegisterCallbacks(&registration, &second));
    ObUnRegisterCallbacks(cookie);
    succeeds(fltsim_close(file));
}

static VOID thread_notify(HANDLE process, HANDLE thread, BOOLEAN create) {}

static void notify_routines_are_limited(void)
{
    NTSTATUS status = STATUS_SUCCESS;
    LONG count = 0;
    start();
    while (NT_SUCCESS(status) && count < 1000) {
        status = PsSetCreateThreadNotifyRoutineEx(PsCreateThreadNotifyNonSystem, (PVOID)thread_notify);
        count += NT_SUCCESS(status);
    }
    answers(STATUS_INSUFFICIENT_RESOURCES, status);
    while (count--)
        succeeds(PsRemoveCreateThreadNotifyRoutine(thread_notify));
    succeeds(fltsim_close(file));
}

static void an_event_is_made_with_care(void)
{
    HANDLE event;
    start();
    succeeds(ZwCreateEvent(&event, EVENT_ALL_ACCESS, NULL, SynchronizationEvent, TRUE));
    succeeds(ZwWaitForSingleObject(event, FALSE, NULL));
    succeeds(ZwClose(event));
    starves(STATUS_INSUFFICIENT_RESOURCES, ZwCreateEvent(&event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE));
    answers(STATUS_INVALID_PARAMETER, ZwCreateEvent(&event, EVENT_ALL_ACCESS, NULL, (EVENT_TYPE)9, FALSE));
    OBJECT_ATTRIBUTES attributes = *named(L"\\BaseNamedObjects\\event");
    attributes.Length = 3;
    answers(STATUS_INVALID_PARAMETER, ZwCreateEvent(&event, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE));
    answers(STATUS_INVALID_PARAMETER, ZwDeleteFile(&attributes));
    succeeds(fltsim_close(file));
}

static void a_program_has_memory_of_its_own(void)
{
    PVOID base = NULL;
    SIZE_T size = 4096;
    HANDLE event;
    start();
    succeeds(ZwCreateEvent(&event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE));
    succeeds(ZwAllocateVirtualMemory(ZwCurrentProcess(), &base, 0, &size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
    answers(STATUS_INVALID_HANDLE, ZwFreeVirtualMemory((HANDLE)0x7FF4, &base, &size, MEM_RELEASE));
    answers(STATUS_OBJECT_TYPE_MISMATCH, ZwFreeVirtualMemory(event, &base, &size, MEM_RELEASE));
    succeeds(ZwFreeVirtualMemory(ZwCurrentProcess(), &base, &size, MEM_RELEASE));
    succeeds(ZwClose(event));
    succeeds(fltsim_close(file));
}

static void a_directory_of_objects_is_opened(void)
{
    HANDLE directory;
    start();
    succeeds(ZwOpenDirectoryObject(&directory, DIRECTORY_QUERY, named(L"\\Device")));
    succeeds(ZwClose(directory));
    starves(STATUS_INSUFFICIENT_RESOURCES, ZwOpenDirectoryObject(&directory, DIRECTORY_QUERY, named(L"\\Device")));
    answers(STATUS_OBJECT_TYPE_MISMATCH, ZwOpenDirectoryObject(&directory, DIRECTORY_QUERY, named(L"\\DosDevices\\C:")));
    succeeds(fltsim_close(file));
}

static VOID fs_change(PDEVICE_OBJECT device, BOOLEAN active) {}

static void file_systems_are_watched_once(void)
{
    start();
    stage_load();
    starves(STATUS_INSUFFICIENT_RESOURCES, IoRegisterFsRegistrationChange(stage.driverObject, fs_change));
    succeeds(IoRegisterFsRegistrationChange(stage.driverObject, fs_change));
    answers(STATUS_DEVICE_ALREADY_ATTACHED, IoRegisterFsRegistrationChange(stage.driverObject, fs_change));
    IoUnregisterFsRegistrationChange(stage.driverObject, fs_change);
    succeeds(fltsim_close(file));
}

static void a_device_is_made_once_by_its_name(void)
{
    PDEVICE_OBJECT device, second;
    start();
    stage_load();
    starves(STATUS_INSUFFICIENT_RESOURCES,
            IoCreateDevice(stage.driverObject, 0, text(L"\\Device\\Mine"), FILE_DEVICE_UNKNOWN, 0, FALSE, &device));
    succeeds(IoCreateDevice(stage.driverObject, 0, text(L"\\Device\\Mine"), FILE_DEVICE_UNKNOWN, 0, FALSE, &device));
    answers(STATUS_OBJECT_NAME_COLLISION,
            IoCreateDevice(stage.driverObject, 0, text(L"\\Device\\Mine"), FILE_DEVICE_UNKNOWN, 0, FALSE, &second));
    IoDeleteDevice(device);
    succeeds(fltsim_close(file));
}

static void a_token_tells_what_it_knows(void)
{
    PVOID found;
    start();
    PACCESS_TOKEN token = PsReferencePrimaryToken(PsGetCurrentProcess());
    succeeds(SeQueryInformationToken(token, TokenUser, &found));
    ExFreePool(found);
    answers(STATUS_INVALID_INFO_CLASS, SeQueryInformationToken(token, (TOKEN_INFORMATION_CLASS)999, &found));
    PsDereferencePrimaryToken(token);
    succeeds(fltsim_close(file));
}

/* ---- devices and files by name ---------------------------------------------------------------------------------- */

static void a_device_is_found_by_its_name(void)
{
    PFILE_OBJECT found;
    PDEVICE_OBJECT device;
    HANDLE event;
    start();
    succeeds(IoGetDeviceObjectPointer(text(L"\\Device\\HarddiskVolume1"), FILE_READ_ATTRIBUTES, &found, &device));
    ObDereferenceObject(found);
    answers(STATUS_OBJECT_NAME_NOT_FOUND,
            IoGetDeviceObjectPointer(text(L"\\Device\\Nothing"), FILE_READ_ATTRIBUTES, &found, &device));
    OBJECT_ATTRIBUTES attributes = *named(L"\\BaseNamedObjects\\event");
    succeeds(ZwCreateEvent(&event, EVENT_ALL_ACCESS, &attributes, NotificationEvent, FALSE));
    answers(STATUS_OBJECT_TYPE_MISMATCH,
            IoGetDeviceObjectPointer(text(L"\\BaseNamedObjects\\event"), FILE_READ_ATTRIBUTES, &found, &device));
    answers(STATUS_OBJECT_NAME_INVALID,
            IoGetDeviceObjectPointer(text(L"\\Device\\\\Nothing"), FILE_READ_ATTRIBUTES, &found, &device));
    succeeds(ZwClose(event));
    starves(STATUS_INSUFFICIENT_RESOURCES,
            IoGetDeviceObjectPointer(text(L"\\Device\\HarddiskVolume1"), FILE_READ_ATTRIBUTES, &found, &device));
    succeeds(fltsim_close(file));
}

static void a_file_is_deleted_by_its_name(void)
{
    start();
    succeeds(fltsim_close(file));
    answers(STATUS_OBJECT_NAME_NOT_FOUND, ZwDeleteFile(named(L"\\??\\C:\\nothing")));
    answers(STATUS_OBJECT_PATH_NOT_FOUND, ZwDeleteFile(named(L"\\??\\C:\\nowhere\\nothing")));
    answers(STATUS_OBJECT_PATH_SYNTAX_BAD, ZwDeleteFile(named(L"file.txt")));
    succeeds(fltsim_make_directory("C:\\folder"));
    answers(STATUS_OBJECT_NAME_INVALID, ZwDeleteFile(named(L"\\??\\C:\\folder\\\\file.txt")));
    starves(STATUS_INSUFFICIENT_RESOURCES, ZwDeleteFile(named(L"\\??\\C:\\file.txt")));
    succeeds(ZwDeleteFile(named(L"\\??\\C:\\file.txt")));
    answers(STATUS_OBJECT_NAME_NOT_FOUND, ZwDeleteFile(named(L"\\??\\C:\\file.txt")));
}

static void a_file_object_has_a_dos_name(void)
{
    POBJECT_NAME_INFORMATION name;
    start();
    succeeds(IoQueryFileDosDeviceName(object, &name));
    assert_true(same_text(&name->Name, L"C:\\file.txt"));
    ExFreePool(name);
    starves(STATUS_INSUFFICIENT_RESOURCES, IoQueryFileDosDeviceName(object, &name));
    succeeds(fltsim_close(file));
}

static void a_volume_has_a_dos_name(void)
{
    UNICODE_STRING dos;
    start();
    PDEVICE_OBJECT device = fltsim_volume_device(stage.volume);
    succeeds(IoVolumeDeviceToDosName(device, &dos));
    assert_true(same_text(&dos, L"C:"));
    ExFreePool(dos.Buffer);
    starves(STATUS_INSUFFICIENT_RESOURCES, IoVolumeDeviceToDosName(device, &dos));
    answers(STATUS_INVALID_PARAMETER, IoVolumeDeviceToDosName(NULL, &dos));
    succeeds(fltsim_close(file));
}

static void a_process_is_opened_by_its_id(void)
{
    OBJECT_ATTRIBUTES attributes;
    CLIENT_ID client = {.UniqueProcess = PsGetCurrentProcessId()};
    HANDLE handle;
    start();
    InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    succeeds(ZwOpenProcess(&handle, PROCESS_ALL_ACCESS, &attributes, &client));
    succeeds(ZwClose(handle));
    answers(STATUS_INVALID_PARAMETER, ZwOpenProcess(&handle, 0x08000000, &attributes, &client));
    answers(STATUS_INVALID_PARAMETER_MIX, ZwOpenProcess(&handle, PROCESS_ALL_ACCESS, &attributes, NULL));
    succeeds(fltsim_close(file));
}

/* As drivers declare it: no published header does. */
NTSTATUS ObSetHandleAttributes(HANDLE Handle, PVOID HandleFlags, KPROCESSOR_MODE PreviousMode);

static void a_protected_handle_stays_open(void)
{
    struct {
        BOOLEAN inherit, protect;
    } flags = {FALSE, TRUE};
    HANDLE event;
    start();
    succeeds(ZwCreateEvent(&event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE));
    succeeds(ObSetHandleAttributes(event, &flags, KernelMode));
    answers(STATUS_HANDLE_NOT_CLOSABLE, ObCloseHandle(event, UserMode));
    answers(STATUS_HANDLE_NOT_CLOSABLE, NtClose(event));
    flags.protect = FALSE;
    succeeds(ObSetHandleAttributes(event, &flags, KernelMode));
    succeeds(NtClose(event));
    fltsim_expect("invalid-handle-closed");
    answers(STATUS_INVALID_HANDLE, NtClose(event));
    succeeds(fltsim_close(file));
}

static void a_file_is_opened_below_a_device(void)
{
    HANDLE handle;
    start();
    answers(STATUS_OBJECT_PATH_SYNTAX_BAD,
            IoCreateFileSpecifyDeviceObjectHint(&handle, FILE_READ_DATA | SYNCHRONIZE, named(L"file.txt"), &iosb, NULL, 0, 7,
                                                FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0, CreateFileTypeNone, NULL, 0,
                                                fltsim_volume_device(stage.volume)));
    succeeds(IoCreateFileSpecifyDeviceObjectHint(&handle, FILE_READ_DATA | SYNCHRONIZE, named(L"\\??\\C:\\file.txt"), &iosb,
                                                 NULL, 0, 7, FILE_OPEN, FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0,
                                                 CreateFileTypeNone, NULL, 0, fltsim_volume_device(stage.volume)));
    succeeds(ZwClose(handle));
    HANDLE volume;
    succeeds(fltsim_open("C:", &(struct fltsim_open){.access = FILE_READ_ATTRIBUTES}, &volume));
    answers(STATUS_INVALID_PARAMETER, IoReplaceFileObjectName(stage_file(volume), L"\\new", 8));
    succeeds(fltsim_close(volume));
    static WCHAR name[200] = L"\\something else";
    starves(STATUS_INSUFFICIENT_RESOURCES, IoReplaceFileObjectName(object, name, sizeof name));
    succeeds(IoReplaceFileObjectName(object, name, 30));
    assert_true(same_text(&object->FileName, L"\\something else"));
    succeeds(fltsim_close(file));
}

/* ---- what the file system run-time library says of files --------------------------------------------------------- */

static void files_are_measured_and_told_from_paging_files(void)
{
    LARGE_INTEGER size;
    HANDLE root, paging;
    start();
    succeeds(FsRtlGetFileSize(object, &size));
    assert_int_equal(size.QuadPart, 10);
    succeeds(fltsim_open("C:\\", &(struct fltsim_open){.access = FILE_LIST_DIRECTORY, .options = FILE_DIRECTORY_FILE}, &root));
    answers(STATUS_FILE_IS_A_DIRECTORY, FsRtlGetFileSize(stage_file(root), &size));
    assert_false(FsRtlIsPagingFile(object));
    assert_false(FsRtlIsSystemPagingFile(object));
    assert_false(FsRtlIsPagingFile(NULL));
    succeeds(fltsim_open("C:\\pagefile.sys", &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE,
                                                                   .disposition = FILE_OPEN_IF, .paging_file = true},
                         &paging));
    assert_true(FsRtlIsPagingFile(stage_file(paging)));
    assert_true(FsRtlIsSystemPagingFile(stage_file(paging)));
    succeeds(fltsim_close(paging));
    succeeds(fltsim_close(root));
    succeeds(fltsim_close(file));
}

static void exceptions_that_no_file_system_expects_are_the_drivers_fault(void)
{
    static const NTSTATUS unexpected[] = {STATUS_ACCESS_VIOLATION, STATUS_DATATYPE_MISALIGNMENT, STATUS_ILLEGAL_INSTRUCTION,
                                          STATUS_INSTRUCTION_MISALIGNMENT};
    for (int i = 0; i < 4; i++)
        assert_false(FsRtlIsNtstatusExpected(unexpected[i]));
    assert_true(FsRtlIsNtstatusExpected(STATUS_DISK_FULL));
    answers(STATUS_DISK_FULL, FsRtlNormalizeNtstatus(STATUS_DISK_FULL, STATUS_UNEXPECTED_IO_ERROR));
    answers(STATUS_UNEXPECTED_IO_ERROR, FsRtlNormalizeNtstatus(STATUS_ACCESS_VIOLATION, STATUS_UNEXPECTED_IO_ERROR));
    PVOID pool = FsRtlAllocatePoolWithTag(NonPagedPool, 16, STAGE_TAG);
    assert_non_null(pool);
    ExFreePoolWithTag(pool, STAGE_TAG);
}

static KEVENT overflowDone;
static VOID NTAPI overflow(PVOID context, PKEVENT event)
{
    *(LONG *)context = 1;
    KeSetEvent(event, IO_NO_INCREMENT, FALSE);
}

static void an_overflowing_stack_goes_on_in_a_thread_of_its_own(void)
{
    LONG ran = 0;
    stage_mount(FLTSIM_NTFS);
    KeInitializeEvent(&overflowDone, NotificationEvent, FALSE);
    FsRtlPostStackOverflow(&ran, &overflowDone, overflow);
    succeeds(KeWaitForSingleObject(&overflowDone, Executive, KernelMode, FALSE, NULL));
    assert_int_equal(ran, 1);
}

static void waits_are_numbered_by_their_object(void)
{
    KEVENT events[2];
    PVOID objects[] = {&events[0], &events[1]};
    stage_mount(FLTSIM_NTFS);
    KeInitializeEvent(&events[0], SynchronizationEvent, TRUE);
    KeInitializeEvent(&events[1], SynchronizationEvent, TRUE);
    answers(STATUS_WAIT_0, KeWaitForMultipleObjects(2, objects, WaitAny, Executive, KernelMode, FALSE, NULL, NULL));
    answers(STATUS_WAIT_1, KeWaitForMultipleObjects(2, objects, WaitAny, Executive, KernelMode, FALSE, NULL, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(an_object_is_opened_by_its_address),
        fltsim_unit_test(handles_are_watched_from_different_altitudes),
        fltsim_unit_test(notify_routines_are_limited),
        fltsim_unit_test(an_event_is_made_with_care),
        fltsim_unit_test(a_program_has_memory_of_its_own),
        fltsim_unit_test(a_directory_of_objects_is_opened),
        fltsim_unit_test(file_systems_are_watched_once),
        fltsim_unit_test(a_device_is_made_once_by_its_name),
        fltsim_unit_test(a_token_tells_what_it_knows),
        fltsim_unit_test(a_device_is_found_by_its_name),
        fltsim_unit_test(a_file_is_deleted_by_its_name),
        fltsim_unit_test(a_file_object_has_a_dos_name),
        fltsim_unit_test(a_volume_has_a_dos_name),
        fltsim_unit_test(a_process_is_opened_by_its_id),
        fltsim_unit_test(a_protected_handle_stays_open),
        fltsim_unit_test(a_file_is_opened_below_a_device),
        fltsim_unit_test(files_are_measured_and_told_from_paging_files),
        fltsim_unit_test(exceptions_that_no_file_system_expects_are_the_drivers_fault),
        fltsim_unit_test(an_overflowing_stack_goes_on_in_a_thread_of_its_own),
        fltsim_unit_test(waits_are_numbered_by_their_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
