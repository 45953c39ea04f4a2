/* Information that the I/O manager answers itself, or hands on in another form: file systems and filters never see it.
 * FILE_INFORMATION_CLASS, FILE_FS_DRIVER_PATH_INFORMATION, FILE_IO_PRIORITY_HINT_INFORMATION, and what a create asks of
 * extended attributes (NtCreateFile). */
#include "files.h"

static union {
    UCHAR bytes[512];
    FILE_FS_DRIVER_PATH_INFORMATION path;
    FILE_FS_FULL_SIZE_INFORMATION_EX sizes;
    FILE_VOLUME_NAME_INFORMATION volume;
    FILE_IO_PRIORITY_HINT_INFORMATION hint;
    FILE_RENAME_INFORMATION rename;
    FILE_CASE_SENSITIVE_INFORMATION letters;
    FILE_FULL_EA_INFORMATION ea;
} buffer;

static LONG seen;
static FILE_INFORMATION_CLASS seenClass;
static BOOLEAN seenReplace;

static void note(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects) { seen++; }

static void note_class(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    seen++;
    seenClass = data->Iopb->Parameters.SetFileInformation.FileInformationClass;
    seenReplace = data->Iopb->Parameters.SetFileInformation.ReplaceIfExists;
}

static void watch(UCHAR major, void (*before)(PFLT_CALLBACK_DATA, PCFLT_RELATED_OBJECTS))
{
    seen = 0;
    stage.watched = major;
    stage.answer = FLT_PREOP_SUCCESS_NO_CALLBACK;
    stage.before = before;
}

static NTSTATUS driver_in_path(HANDLE handle, const WCHAR *name)
{
    USHORT bytes = text(name)->Length;
    buffer.path.DriverInPath = 2;
    buffer.path.DriverNameLength = bytes;
    memcpy(buffer.path.DriverName, name, bytes);
    return ZwQueryVolumeInformationFile(handle, &iosb, &buffer, sizeof buffer, FileFsDriverPathInformation);
}

static void a_driver_is_in_the_path_of_a_volume_or_not(void)
{
    volume_set();
    HANDLE handle = make(FILE_ON_C("f"), 0, false);
    UNICODE_STRING name = stage.fltVolume ? stage.driverObject->DriverName : (UNICODE_STRING){0};
    watch(IRP_MJ_QUERY_VOLUME_INFORMATION, note);
    succeeds(driver_in_path(handle, L"\\FileSystem\\FltMgr"));
    assert_true(buffer.path.DriverInPath);
    succeeds(driver_in_path(handle, L"\\FileSystem\\Ntfs"));
    assert_true(buffer.path.DriverInPath);
    succeeds(driver_in_path(handle, L"\\FileSystem\\fastfat"));
    assert_false(buffer.path.DriverInPath);
    answers(STATUS_OBJECT_NAME_NOT_FOUND, driver_in_path(handle, L"\\FileSystem\\NoDriver"));
    buffer.path.DriverNameLength = sizeof buffer;
    answers(STATUS_INVALID_PARAMETER,
            ZwQueryVolumeInformationFile(handle, &iosb, &buffer, sizeof buffer, FileFsDriverPathInformation));
    answers(STATUS_INFO_LENGTH_MISMATCH,
            ZwQueryVolumeInformationFile(handle, &iosb, &buffer, sizeof buffer.path - 1, FileFsDriverPathInformation));
    /* A minifilter has no device: only the Filter Manager is in the path. */
    buffer.path.DriverNameLength = name.Length;
    memcpy(buffer.path.DriverName, name.Buffer, name.Length);
    succeeds(ZwQueryVolumeInformationFile(handle, &iosb, &buffer, sizeof buffer, FileFsDriverPathInformation));
    assert_false(buffer.path.DriverInPath);
    assert_int_equal(seen, 0);
    succeeds(ZwClose(handle));
}

static void the_name_of_the_volume_is_its_device(void)
{
    static const WCHAR is[] = L"\\Device\\HarddiskVolume1";
    enum { NAME = sizeof is - sizeof(WCHAR), HEAD = FIELD_OFFSET(FILE_VOLUME_NAME_INFORMATION, DeviceName) };
    volume_set();
    HANDLE handle = make(FILE_ON_C("f"), 0, false);
    watch(IRP_MJ_QUERY_INFORMATION, note);
    succeeds(ZwQueryInformationFile(handle, &iosb, &buffer, HEAD + NAME, FileVolumeNameInformation));
    assert_int_equal(iosb.Information, HEAD + NAME);
    assert_int_equal(buffer.volume.DeviceNameLength, NAME);
    assert_memory_equal(buffer.volume.DeviceName, is, NAME);
    answers(STATUS_BUFFER_OVERFLOW, ZwQueryInformationFile(handle, &iosb, &buffer, HEAD + 8, FileVolumeNameInformation));
    assert_int_equal(iosb.Information, HEAD + 8);
    assert_int_equal(buffer.volume.DeviceNameLength, NAME);
    assert_int_equal(seen, 0);
    succeeds(ZwClose(handle));
}

static void the_hint_of_a_file_is_asked_and_set(void)
{
    volume_set();
    HANDLE handle = make(FILE_ON_C("f"), 0, false);
    PFILE_OBJECT file;
    succeeds(ObReferenceObjectByHandle(handle, 0, *IoFileObjectType, KernelMode, (PVOID *)&file, NULL));
    watch(IRP_MJ_SET_INFORMATION, note);
    succeeds(ZwQueryInformationFile(handle, &iosb, &buffer, sizeof buffer.hint, FileIoPriorityHintInformation));
    assert_int_equal(buffer.hint.PriorityHint, IoPriorityNormal);
    buffer.hint.PriorityHint = IoPriorityVeryLow;
    succeeds(ZwSetInformationFile(handle, &iosb, &buffer, sizeof buffer.hint, FileIoPriorityHintInformation));
    assert_int_equal(FltGetIoPriorityHintFromFileObject(file), IoPriorityVeryLow);
    succeeds(ZwQueryInformationFile(handle, &iosb, &buffer, sizeof buffer.hint, FileIoPriorityHintInformation));
    assert_int_equal(buffer.hint.PriorityHint, IoPriorityVeryLow);
    buffer.hint.PriorityHint = MaxIoPriorityTypes;
    answers(STATUS_INVALID_PARAMETER,
            ZwSetInformationFile(handle, &iosb, &buffer, sizeof buffer.hint, FileIoPriorityHintInformation));
    assert_int_equal(seen, 0);
    ObDereferenceObject(file);
    succeeds(ZwClose(handle));
}

static void the_wider_sizes_of_a_volume_are_told(void)
{
    FILE_FS_FULL_SIZE_INFORMATION plain;
    volume_set();
    HANDLE handle = make(FILE_ON_C("f"), 0, false);
    succeeds(ZwQueryVolumeInformationFile(handle, &iosb, &plain, sizeof plain, FileFsFullSizeInformation));
    succeeds(ZwQueryVolumeInformationFile(handle, &iosb, &buffer, sizeof buffer.sizes, FileFsFullSizeInformationEx));
    assert_int_equal(buffer.sizes.ActualTotalAllocationUnits, plain.TotalAllocationUnits.QuadPart);
    assert_int_equal(buffer.sizes.ActualAvailableAllocationUnits, plain.ActualAvailableAllocationUnits.QuadPart);
    answers(STATUS_INFO_LENGTH_MISMATCH,
            ZwQueryVolumeInformationFile(handle, &iosb, &buffer, sizeof buffer.sizes - 1, FileFsFullSizeInformationEx));
    succeeds(ZwClose(handle));
}

/* ---- forms for drivers ---- */

static NTSTATUS set_name(HANDLE handle, const WCHAR *name, ULONG flags, FILE_INFORMATION_CLASS kind)
{
    memset(&buffer, 0, sizeof buffer);
    buffer.rename.Flags = flags;
    buffer.rename.FileNameLength = text(name)->Length;
    memcpy(buffer.rename.FileName, name, text(name)->Length);
    return NtSetInformationFile(handle, &iosb, &buffer, sizeof buffer, kind);
}

static void names_are_set_past_access_checks_by_drivers_alone(void)
{
    static const struct {
        FILE_INFORMATION_CLASS given, seen;
        ULONG flags;
        BOOLEAN replaces;
    } rows[] = {
        {FileRenameInformationBypassAccessCheck, FileRenameInformation, 1, TRUE},
        {FileRenameInformationExBypassAccessCheck, FileRenameInformationEx, FILE_RENAME_POSIX_SEMANTICS, FALSE},
        {FileRenameInformationEx, FileRenameInformationEx, FILE_RENAME_REPLACE_IF_EXISTS | FILE_RENAME_POSIX_SEMANTICS, TRUE},
        {FileLinkInformationBypassAccessCheck, FileLinkInformation, 1, TRUE},
        {FileLinkInformationExBypassAccessCheck, FileLinkInformationEx, FILE_LINK_POSIX_SEMANTICS, FALSE},
    };
    volume_set();
    HANDLE handle = make(FILE_ON_C("f"), 0, false);
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        const WCHAR name[] = {'n', (WCHAR)('0' + i), 0};
        watch(IRP_MJ_SET_INFORMATION, note_class);
        if (rows[i].given != rows[i].seen) {
            KPROCESSOR_MODE mode = fltsim_previous_mode(UserMode);
            differ(i, "a program", set_name(handle, name, rows[i].flags, rows[i].given), STATUS_INVALID_INFO_CLASS);
            fltsim_previous_mode(mode);
            differ_number(i, "a program's", (ULONG64)seen, 0);
        }
        differ(i, "a driver", set_name(handle, name, rows[i].flags, rows[i].given), STATUS_SUCCESS);
        differ_number(i, "the class that a filter sees", seenClass, rows[i].seen);
        differ_number(i, "ReplaceIfExists", seenReplace, rows[i].replaces);
    }
    succeeds(ZwClose(handle));
    assert_int_equal(differences, 0);
}

static void a_driver_may_have_its_access_checked(void)
{
    HANDLE handle, weak;
    volume_set();
    succeeds(create(FILE_ON_C("d"), FILE_WRITE_ATTRIBUTES, 0, ALL_SHARED, FILE_CREATE, FILE_DIRECTORY_FILE, &handle));
    succeeds(create(FILE_ON_C("d"), FILE_READ_ATTRIBUTES, 0, ALL_SHARED, FILE_OPEN, FILE_DIRECTORY_FILE, &weak));
    buffer.letters.Flags = 0;
    watch(IRP_MJ_SET_INFORMATION, note_class);
    answers(STATUS_ACCESS_DENIED,
            ZwSetInformationFile(weak, &iosb, &buffer, sizeof buffer.letters, FileCaseSensitiveInformationForceAccessCheck));
    assert_int_equal(seen, 0);
    ZwSetInformationFile(handle, &iosb, &buffer, sizeof buffer.letters, FileCaseSensitiveInformationForceAccessCheck);
    assert_int_equal(seen, 1);
    assert_int_equal(seenClass, FileCaseSensitiveInformation);
    succeeds(ZwClose(handle));
    succeeds(ZwClose(weak));
}

/* ---- extended attributes ---- */

static NTSTATUS set_ea(HANDLE handle, UCHAR flags)
{
    memset(&buffer, 0, sizeof buffer);
    buffer.ea.Flags = flags;
    buffer.ea.EaNameLength = 3;
    buffer.ea.EaValueLength = 1;
    memcpy(buffer.ea.EaName, "KEY\0v", 5);
    return ZwSetEaFile(handle, &iosb, &buffer, FIELD_OFFSET(FILE_FULL_EA_INFORMATION, EaName) + 5);
}

static NTSTATUS open_without_knowledge(ULONG disposition)
{
    HANDLE handle;
    NTSTATUS status = create(FILE_ON_C("f"), GENERIC_READ, 0, ALL_SHARED, disposition, FILE_NO_EA_KNOWLEDGE, &handle);
    if (NT_SUCCESS(status))
        succeeds(ZwClose(handle));
    return status;
}

static void who_does_not_know_attributes_does_not_open_what_needs_them(void)
{
    volume_set();
    HANDLE handle = make(FILE_ON_C("f"), 0, false);
    succeeds(set_ea(handle, 0));
    succeeds(open_without_knowledge(FILE_OPEN));
    succeeds(set_ea(handle, FILE_NEED_EA));
    answers(STATUS_ACCESS_DENIED, open_without_knowledge(FILE_OPEN));
    answers(STATUS_ACCESS_DENIED, open_without_knowledge(FILE_OPEN_IF));
    succeeds(open_without_knowledge(FILE_OVERWRITE)); /* they go */
    succeeds(open_without_knowledge(FILE_OPEN));
    answers(STATUS_INVALID_EA_NAME, set_ea(handle, 0x40));
    succeeds(ZwClose(handle));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_driver_is_in_the_path_of_a_volume_or_not),
        fltsim_unit_test(the_name_of_the_volume_is_its_device),
        fltsim_unit_test(the_hint_of_a_file_is_asked_and_set),
        fltsim_unit_test(the_wider_sizes_of_a_volume_are_told),
        fltsim_unit_test(names_are_set_past_access_checks_by_drivers_alone),
        fltsim_unit_test(a_driver_may_have_its_access_checked),
        fltsim_unit_test(who_does_not_know_attributes_does_not_open_what_needs_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
