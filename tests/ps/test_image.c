/* The image of a program: what filters and notify routines see of it. */
#include <fltKernel.h>
#include <ntimage.h>

#include <fltsim/cmocka.h>
#include <fltsim/fault.h>

#include <string.h>

NTSTATUS ZwQueryInformationProcess(HANDLE, PROCESSINFOCLASS, PVOID, ULONG, PULONG);
NTSTATUS PsReferenceProcessFilePointer(PEPROCESS Process, PVOID *FileObject);
PVOID PsGetProcessSectionBaseAddress(PEPROCESS Process);
PVOID RtlImageNtHeader(PVOID BaseOfImage);

#define PROGRAM "C:\\Programs\\deep\\a.exe"

static PFLT_FILTER filter;
static struct fltsim_volume *volume;
static NTSTATUS veto;        /* of creates */
static const WCHAR *led_to;  /* creates of files called "link.exe" are */
static char seen[200];       /* what the filter saw of files called "*.exe", and the notify routine */
static FLT_PARAMETERS create;
static ACCESS_MASK create_access;
static KPROCESSOR_MODE create_mode;
static UCHAR create_flags;
static PETHREAD create_thread;

static bool ends_with(PCUNICODE_STRING name, const WCHAR *text, size_t length)
{
    return name->Length >= 2 * length && !memcmp(name->Buffer + name->Length / 2 - length, text, 2 * length);
}

/* Reads in a row are one. */
static void see(const char *what)
{
    size_t length = strlen(seen), again = strlen("read ");
    if (!strcmp(what, "read") && length >= again && !strcmp(seen + length - again, "read "))
        return;
    strncat(seen, what, sizeof seen - 1 - strlen(seen));
    strncat(seen, " ", sizeof seen - 1 - strlen(seen));
}

static const char *name_of(UCHAR major)
{
    switch (major) {
    case IRP_MJ_CREATE:
        return "create";
    case IRP_MJ_CLEANUP:
        return "cleanup";
    case IRP_MJ_CLOSE:
        return "close";
    case IRP_MJ_READ:
        return "read";
    default:
        return "section";
    }
}

static FLT_PREOP_CALLBACK_STATUS lead(PFLT_CALLBACK_DATA data, PFILE_OBJECT file)
{
    WCHAR path[64] = u"\\Device\\HarddiskVolume1\\";
    USHORT length = 0, target = 0;

    while (path[length])
        length++;
    while (led_to[target])
        path[length++] = led_to[target++];
    IoReplaceFileObjectName(file, path, (USHORT)(length * sizeof(WCHAR)));
    data->IoStatus.Status = STATUS_REPARSE;
    data->IoStatus.Information = IO_REPARSE;
    return FLT_PREOP_COMPLETE;
}

static FLT_PREOP_CALLBACK_STATUS FLTAPI pre(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    PFILE_OBJECT file = objects->FileObject;

    if (!ends_with(&file->FileName, u".exe", 4))
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    see(name_of(data->Iopb->MajorFunction));
    if (data->Iopb->MajorFunction == IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION) {
        assert_int_equal(data->Iopb->Parameters.AcquireForSectionSynchronization.SyncType, SyncTypeCreateSection);
        assert_int_equal(data->Iopb->Parameters.AcquireForSectionSynchronization.PageProtection, PAGE_EXECUTE);
    }
    if (data->Iopb->MajorFunction != IRP_MJ_CREATE)
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    create = data->Iopb->Parameters;
    create_access = create.Create.SecurityContext->DesiredAccess;
    create_mode = data->RequestorMode;
    create_flags = data->Iopb->OperationFlags;
    create_thread = data->Thread;
    if (led_to && ends_with(&file->FileName, u"link.exe", 8))
        return lead(data, file);
    if (NT_SUCCESS(veto))
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    data->IoStatus.Status = veto;
    return FLT_PREOP_COMPLETE;
}

static NTSTATUS FLTAPI unload(FLT_FILTER_UNLOAD_FLAGS flags)
{
    FltUnregisterFilter(filter);
    return STATUS_SUCCESS;
}

static NTSTATUS entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    static const FLT_OPERATION_REGISTRATION operations[] = {{IRP_MJ_CREATE, 0, pre, NULL, NULL},
                                                            {IRP_MJ_CLEANUP, 0, pre, NULL, NULL},
                                                            {IRP_MJ_CLOSE, 0, pre, NULL, NULL},
                                                            {IRP_MJ_READ, 0, pre, NULL, NULL},
                                                            {IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION, 0, pre, NULL, NULL},
                                                            {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL}};
    static const FLT_REGISTRATION registration = {.Size = sizeof registration,
                                                  .Version = FLT_REGISTRATION_VERSION,
                                                  .OperationRegistration = operations,
                                                  .FilterUnloadCallback = unload};
    NTSTATUS status = FltRegisterFilter(driver, &registration, &filter);
    return NT_SUCCESS(status) ? FltStartFiltering(filter) : status;
}

static void begin(enum fltsim_volume_kind kind)
{
    struct fltsim_driver *driver;

    seen[0] = 0;
    veto = STATUS_SUCCESS;
    led_to = NULL;
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.kind = kind}, &volume), STATUS_SUCCESS);
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.entry = entry, .name = "watch", .altitude = "300000"}, &driver),
                     STATUS_SUCCESS);
}

static struct fltsim_process *start(const char *image)
{
    struct fltsim_process *process;
    assert_int_equal(fltsim_process_start(&(struct fltsim_program){.image = image}, &process), STATUS_SUCCESS);
    return process;
}

static void assert_text(PCUNICODE_STRING text, const WCHAR *expected, size_t bytes)
{
    assert_int_equal(text->Length, bytes - sizeof(WCHAR));
    assert_memory_equal(text->Buffer, expected, text->Length);
}
#define assert_is(text, expected) assert_text(text, u##expected, sizeof(u##expected))

/* ---- what filters see -------------------------------------------------------------------------------------------------- */

static void filters_see_the_open_the_section_and_the_end_of_the_handle(void)
{
    begin(FLTSIM_NTFS);
    struct fltsim_process *process = start(PROGRAM);
    assert_string_equal(seen, "create section read cleanup ");
    assert_int_equal(create_access, FILE_EXECUTE | FILE_READ_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE);
    assert_int_equal(create.Create.Options, FILE_OPEN << 24 | FILE_NON_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT);
    assert_int_equal(create.Create.ShareAccess, FILE_SHARE_READ | FILE_SHARE_DELETE);
    assert_int_equal(create_mode, KernelMode);
    assert_true(create_flags & SL_FORCE_ACCESS_CHECK);
    assert_ptr_equal(create_thread, PsGetCurrentThread());
    seen[0] = 0;
    fltsim_process_exit(process);
    assert_int_equal(fltsim_delete(PROGRAM), STATUS_SUCCESS);
    assert_non_null(strstr(seen, "close"));
}

static void the_second_process_of_an_image_opens_it_anew(void)
{
    begin(FLTSIM_NTFS);
    struct fltsim_process *process = start(PROGRAM), *again;
    seen[0] = 0;
    again = start(PROGRAM);
    assert_string_equal(seen, "create section cleanup ");
    assert_ptr_equal(PsGetProcessSectionBaseAddress((PEPROCESS)again), PsGetProcessSectionBaseAddress((PEPROCESS)process));
    fltsim_process_exit(again);
    fltsim_process_exit(process);
}

static int notified;
static void count(PEPROCESS process, HANDLE id, PPS_CREATE_NOTIFY_INFO info) { notified++; }

static void a_filter_that_fails_the_open_fails_the_process(void)
{
    struct fltsim_process *process;

    begin(FLTSIM_NTFS);
    veto = STATUS_VIRUS_INFECTED;
    notified = 0;
    assert_int_equal(PsSetCreateProcessNotifyRoutineEx(count, FALSE), STATUS_SUCCESS);
    assert_int_equal(fltsim_process_start(&(struct fltsim_program){.image = PROGRAM}, &process), STATUS_VIRUS_INFECTED);
    assert_null(process);
    assert_null(fltsim_process_create(PROGRAM));
    assert_int_equal(notified, 0);
    assert_int_equal(PsSetCreateProcessNotifyRoutineEx(count, TRUE), STATUS_SUCCESS);
}

/* ---- what is no program ------------------------------------------------------------------------------------------------ */

static void write_file(const char *path, const char *text)
{
    HANDLE file;
    assert_int_equal(fltsim_open(path, &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_CREATE}, &file), 0);
    assert_int_equal(fltsim_write(file, text, strlen(text), 0, NULL), STATUS_SUCCESS);
    fltsim_close(file);
}

static void only_an_image_can_be_started(void)
{
    struct fltsim_process *process;

    begin(FLTSIM_NTFS);
    write_file("C:\\text.txt", "some text");
    write_file("C:\\short.com", "MZ");
    assert_int_equal(fltsim_make_directory("C:\\folder"), STATUS_SUCCESS);
    assert_int_equal(fltsim_process_start(&(struct fltsim_program){.image = "C:\\text.txt"}, &process),
                     STATUS_INVALID_IMAGE_NOT_MZ);
    assert_int_equal(fltsim_process_start(&(struct fltsim_program){.image = "C:\\folder"}, &process),
                     STATUS_FILE_IS_A_DIRECTORY);
    fltsim_process_exit(start("C:\\short.com"));
}

static void a_program_on_no_volume_has_no_file(void)
{
    PVOID file;
    struct fltsim_process *process = start("Z:\\a.exe");
    assert_int_equal(PsReferenceProcessFilePointer((PEPROCESS)process, &file), STATUS_UNSUCCESSFUL);
    assert_int_equal(*(USHORT *)PsGetProcessSectionBaseAddress((PEPROCESS)process), IMAGE_DOS_SIGNATURE);
    fltsim_process_exit(process);
}

static void a_read_only_volume_has_no_programs_but_its_own(void)
{
    struct fltsim_process *process;
    fltsim_mount(&(struct fltsim_volume_options){.read_only = true}, &volume);
    assert_int_equal(fltsim_process_start(&(struct fltsim_program){.image = PROGRAM}, &process), STATUS_MEDIA_WRITE_PROTECTED);
}

/* ---- what notify routines are given ------------------------------------------------------------------------------------ */

static PFILE_OBJECT image_file;
static NTSTATUS creation;

static void look(PEPROCESS process, HANDLE id, PPS_CREATE_NOTIFY_INFO info)
{
    PFLT_FILE_NAME_INFORMATION name;
    POBJECT_NAME_INFORMATION dos;
    PFLT_VOLUME its_volume;
    PVOID again;

    if (!info)
        return;
    see("notify");
    image_file = info->FileObject;
    assert_non_null(image_file->FsContext);
    assert_non_null(image_file->SectionObjectPointer->ImageSectionObject);
    assert_is(&image_file->FileName, "\\Programs\\deep\\a.exe");
    assert_int_equal(FltGetFileNameInformationUnsafe(image_file, NULL, FLT_FILE_NAME_NORMALIZED | FLT_FILE_NAME_QUERY_DEFAULT,
                                                     &name),
                     STATUS_SUCCESS);
    assert_is(&name->Name, "\\Device\\HarddiskVolume1\\Programs\\deep\\a.exe");
    FltReleaseFileNameInformation(name);
    assert_int_equal(IoQueryFileDosDeviceName(image_file, &dos), STATUS_SUCCESS);
    assert_is(&dos->Name, "C:\\Programs\\deep\\a.exe");
    ExFreePool(dos);
    assert_int_equal(FltGetVolumeFromFileObject(filter, image_file, &its_volume), STATUS_SUCCESS);
    FltObjectDereference(its_volume);
    assert_int_equal(PsReferenceProcessFilePointer(process, &again), STATUS_SUCCESS);
    assert_ptr_equal(again, image_file);
    ObDereferenceObject(again);
    assert_true(info->FileOpenNameAvailable);
    assert_false(info->IsSubsystemProcess);
    assert_is(info->ImageFileName, "\\??\\C:\\Programs\\deep\\a.exe");
    assert_is(info->CommandLine, "a -x");
    assert_ptr_equal(info->ParentProcessId, PsGetCurrentProcessId());
    assert_ptr_equal(info->CreatingThreadId.UniqueProcess, PsGetCurrentProcessId());
    assert_ptr_equal(info->CreatingThreadId.UniqueThread, PsGetCurrentThreadId());
    info->CreationStatus = creation;
}

static void start_on(enum fltsim_volume_kind kind)
{
    struct fltsim_process *process;

    begin(kind);
    creation = STATUS_SUCCESS;
    assert_int_equal(PsSetCreateProcessNotifyRoutineEx(look, FALSE), STATUS_SUCCESS);
    assert_int_equal(fltsim_process_start(&(struct fltsim_program){.image = PROGRAM, .command_line = "a -x"}, &process),
                     STATUS_SUCCESS);
    assert_string_equal(seen, "create section read notify cleanup ");
    assert_int_equal(PsSetCreateProcessNotifyRoutineEx(look, TRUE), STATUS_SUCCESS);
    fltsim_process_exit(process);
}

static void a_notify_routine_is_given_the_open_file_on_ntfs(void) { start_on(FLTSIM_NTFS); }
static void a_notify_routine_is_given_the_open_file_on_fat(void) { start_on(FLTSIM_FAT); }
static void a_notify_routine_is_given_the_open_file_on_csvfs(void) { start_on(FLTSIM_CSVFS); }

static void a_refused_process_lets_its_image_go(void)
{
    struct fltsim_process *process;

    begin(FLTSIM_NTFS);
    creation = STATUS_ACCESS_DENIED;
    assert_int_equal(PsSetCreateProcessNotifyRoutineEx(look, FALSE), STATUS_SUCCESS);
    assert_int_equal(fltsim_process_start(&(struct fltsim_program){.image = PROGRAM, .command_line = "a -x"}, &process),
                     STATUS_ACCESS_DENIED);
    assert_string_equal(seen, "create section read notify cleanup ");
    assert_int_equal(PsSetCreateProcessNotifyRoutineEx(look, TRUE), STATUS_SUCCESS);
    assert_int_equal(fltsim_delete(PROGRAM), STATUS_SUCCESS);
}

static void on_image(PUNICODE_STRING name, HANDLE id, PIMAGE_INFO info)
{
    PIMAGE_NT_HEADERS headers = RtlImageNtHeader(info->ImageBase);
    PIMAGE_INFO_EX extended = CONTAINING_RECORD(info, IMAGE_INFO_EX, ImageInfo);
    PVOID file;

    see("image");
    assert_is(name, "\\Device\\HarddiskVolume1\\Programs\\deep\\a.exe");
    assert_ptr_equal(PsGetCurrentProcessId(), id);
    assert_int_equal(info->ImageAddressingMode, IMAGE_ADDRESSING_MODE_32BIT);
    assert_false(info->SystemModeImage);
    assert_true(info->ExtendedInfoPresent);
    assert_int_equal(extended->Size, sizeof *extended);
    assert_int_equal(PsReferenceProcessFilePointer(PsGetCurrentProcess(), &file), STATUS_SUCCESS);
    assert_ptr_equal(extended->FileObject, file);
    ObDereferenceObject(file);
    assert_ptr_equal(PsGetProcessSectionBaseAddress(PsGetCurrentProcess()), info->ImageBase);
    assert_non_null(headers);
    assert_int_equal(headers->OptionalHeader.SizeOfImage, info->ImageSize);
    assert_memory_equal(IMAGE_FIRST_SECTION(headers)->Name, ".text", 6);
}

static void the_image_is_announced_in_its_process_where_it_lies(void)
{
    begin(FLTSIM_NTFS);
    assert_int_equal(PsSetLoadImageNotifyRoutine(on_image), STATUS_SUCCESS);
    struct fltsim_process *process = start(PROGRAM);
    assert_string_equal(seen, "create section read image cleanup ");
    assert_int_equal(PsRemoveLoadImageNotifyRoutine(on_image), STATUS_SUCCESS);
    fltsim_process_exit(process);
}

/* ---- while it runs ----------------------------------------------------------------------------------------------------- */

static void the_file_of_a_running_program_is_in_use(void)
{
    HANDLE file;
    PVOID object;

    begin(FLTSIM_NTFS);
    struct fltsim_process *process = start(PROGRAM);
    PEPROCESS running = (PEPROCESS)process;
    ObReferenceObject(running);
    assert_int_equal(PsReferenceProcessFilePointer(running, &object), STATUS_SUCCESS);
    ObDereferenceObject(object);
    assert_int_equal(fltsim_delete(PROGRAM), STATUS_CANNOT_DELETE);
    assert_int_equal(fltsim_open(PROGRAM, &(struct fltsim_open){.access = GENERIC_WRITE}, &file), STATUS_SHARING_VIOLATION);
    fltsim_process_exit(process);
    assert_int_equal(PsReferenceProcessFilePointer(running, &object), STATUS_UNSUCCESSFUL);
    assert_int_equal(fltsim_open(PROGRAM, &(struct fltsim_open){.access = GENERIC_WRITE}, &file), STATUS_SUCCESS);
    fltsim_close(file);
    assert_int_equal(fltsim_delete(PROGRAM), STATUS_SUCCESS);
    ObDereferenceObject(running);
}

static void assert_process_name(HANDLE handle, PROCESSINFOCLASS what, const WCHAR *expected, size_t bytes)
{
    _Alignas(UNICODE_STRING) char buffer[256];
    assert_int_equal(ZwQueryInformationProcess(handle, what, buffer, sizeof buffer, NULL), STATUS_SUCCESS);
    assert_text((PUNICODE_STRING)buffer, expected, bytes);
}

static void a_program_is_called_what_its_open_was_led_to(void)
{
    static const WCHAR path[] = u"\\Device\\HarddiskVolume1\\real.exe", dos[] = u"C:\\real.exe";
    PUNICODE_STRING name;
    HANDLE handle;

    begin(FLTSIM_NTFS);
    fltsim_process_exit(start("C:\\real.exe"));
    led_to = u"real.exe";
    struct fltsim_process *process = start("C:\\link.exe");
    assert_int_equal(SeLocateProcessImageName((PEPROCESS)process, &name), STATUS_SUCCESS);
    assert_text(name, path, sizeof path);
    ExFreePool(name);
    assert_int_equal(ObOpenObjectByPointer(process, OBJ_KERNEL_HANDLE, NULL, PROCESS_ALL_ACCESS, *PsProcessType, KernelMode,
                                           &handle),
                     STATUS_SUCCESS);
    assert_process_name(handle, ProcessImageFileName, path, sizeof path);
    assert_process_name(handle, ProcessImageFileNameWin32, dos, sizeof dos);
    ZwClose(handle);
    fltsim_process_exit(process);
}

static void a_volume_can_go_under_a_running_program(void)
{
    begin(FLTSIM_NTFS);
    struct fltsim_process *process = start(PROGRAM);
    assert_int_equal(fltsim_dismount(volume), STATUS_SUCCESS);
    fltsim_process_exit(process);
}

/* ---- those that were there before -------------------------------------------------------------------------------------- */

static void the_file_of_the_test_itself_was_open_before_the_filters_came(void)
{
    PVOID file, again;

    begin(FLTSIM_NTFS);
    assert_int_equal(PsReferenceProcessFilePointer(PsGetCurrentProcess(), &file), STATUS_SUCCESS);
    assert_is(&((PFILE_OBJECT)file)->FileName, "\\test.exe");
    assert_non_null(((PFILE_OBJECT)file)->FsContext);
    assert_string_equal(seen, "");
    assert_int_equal(PsReferenceProcessFilePointer(PsGetCurrentProcess(), &again), STATUS_SUCCESS);
    assert_ptr_equal(again, file);
    ObDereferenceObject(again);
    ObDereferenceObject(file);
}

static void the_system_process_has_no_file(void)
{
    PVOID file;
    begin(FLTSIM_NTFS);
    assert_int_equal(PsReferenceProcessFilePointer(PsInitialSystemProcess, &file), STATUS_UNSUCCESSFUL);
    assert_null(PsGetProcessSectionBaseAddress(PsInitialSystemProcess));
}

/* ---- when memory is short, and when many start at once ----------------------------------------------------------------- */

static void each_allocation_may_fail(void)
{
    struct fltsim_process *process = NULL;

    begin(FLTSIM_NTFS);
    for (unsigned n = 1; !process; n++) {
        fltsim_fail_allocation(n);
        fltsim_process_start(&(struct fltsim_program){.image = PROGRAM}, &process);
        bool failed = fltsim_allocation_failed();
        fltsim_fail_allocation(0);
        if (process && failed) { /* it did without */
            fltsim_process_exit(process);
            process = NULL;
        }
        assert_true(n < 500);
    }
    fltsim_process_exit(process);
}

static int start_many(void *argument)
{
    int started = 0;
    for (int i = 0; i < 20; i++) {
        struct fltsim_process *process = fltsim_process_create(i % 2 ? PROGRAM : "C:\\Programs\\other.exe");
        started += process != NULL;
        fltsim_process_exit(process);
    }
    return started;
}

static void one_image_can_be_started_by_many_at_once(void)
{
    struct fltsim_thread *threads[4];

    assert_int_equal(fltsim_mount(NULL, &volume), STATUS_SUCCESS);
    for (int i = 0; i < 4; i++)
        threads[i] = fltsim_thread_create(NULL, start_many, NULL);
    for (int i = 0; i < 4; i++)
        assert_int_equal(fltsim_thread_join(threads[i]), 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(filters_see_the_open_the_section_and_the_end_of_the_handle),
        fltsim_unit_test(the_second_process_of_an_image_opens_it_anew),
        fltsim_unit_test(a_filter_that_fails_the_open_fails_the_process),
        fltsim_unit_test(only_an_image_can_be_started),
        fltsim_unit_test(a_program_on_no_volume_has_no_file),
        fltsim_unit_test(a_read_only_volume_has_no_programs_but_its_own),
        fltsim_unit_test(a_notify_routine_is_given_the_open_file_on_ntfs),
        fltsim_unit_test(a_notify_routine_is_given_the_open_file_on_fat),
        fltsim_unit_test(a_notify_routine_is_given_the_open_file_on_csvfs),
        fltsim_unit_test(a_refused_process_lets_its_image_go),
        fltsim_unit_test(the_image_is_announced_in_its_process_where_it_lies),
        fltsim_unit_test(the_file_of_a_running_program_is_in_use),
        fltsim_unit_test(a_program_is_called_what_its_open_was_led_to),
        fltsim_unit_test(a_volume_can_go_under_a_running_program),
        fltsim_unit_test(the_file_of_the_test_itself_was_open_before_the_filters_came),
        fltsim_unit_test(the_system_process_has_no_file),
        fltsim_unit_test(each_allocation_may_fail),
        fltsim_unit_test(one_image_can_be_started_by_many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
