/* Files as a minifilter opens, reads, asks and changes them from its own place in the stack. */
#include "stage.h"

static HANDLE file;
static PFILE_OBJECT object;
static IO_STATUS_BLOCK iosb;
static UCHAR buffer[4096];

static void start(void)
{
    stage_set();
    file = stage_open("C:\\file.txt");
    object = stage_file(file);
    succeeds(fltsim_write(file, "0123456789", 10, 0, NULL));
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static void what_is_opened_is_closed(void)
{
    HANDLE handle;
    PFILE_OBJECT opened;
    start();
    succeeds(FltCreateFile(stage.filter, stage.instance, &handle, FILE_READ_DATA | SYNCHRONIZE, named(L"\\??\\C:\\new"),
                           &iosb, NULL, FILE_ATTRIBUTE_NORMAL, 0, FILE_CREATE, FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0, 0));
    assert_int_equal(iosb.Information, FILE_CREATED);
    succeeds(FltClose(handle));
    succeeds(FltCreateFileEx(stage.filter, stage.instance, &handle, &opened, FILE_READ_DATA | SYNCHRONIZE,
                             named(L"\\??\\C:\\new"), &iosb, NULL, FILE_ATTRIBUTE_NORMAL, 0, FILE_OPEN,
                             FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0, 0));
    assert_int_equal(iosb.Information, FILE_OPENED);
    ObDereferenceObject(opened);
    succeeds(FltClose(handle));
    succeeds(FltCreateFileEx2(stage.filter, stage.instance, &handle, &opened, FILE_READ_DATA | SYNCHRONIZE,
                              named(L"\\??\\C:\\new"), &iosb, NULL, FILE_ATTRIBUTE_NORMAL, 0, FILE_OPEN,
                              FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0, 0, NULL));
    ObDereferenceObject(opened);
    succeeds(FltClose(handle));
    succeeds(fltsim_close(file));
}

static void close_twice(void *handle)
{
    succeeds(FltClose(handle));
    fltsim_expect("invalid-handle-closed");
    answers(STATUS_INVALID_HANDLE, FltClose(handle));
}

static void a_handle_that_is_closed_cannot_be_closed(void)
{
    HANDLE event;
    stage_set();
    succeeds(ZwCreateEvent(&event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE));
    close_twice(event);
}

static PFLT_INSTANCE dead_instance(void)
{
    succeeds(FltObjectReference(stage.instance));
    succeeds(FltDetachVolume(stage.filter, stage.fltVolume, NULL));
    return stage.instance;
}

static void pipes_and_mailslots_have_devices_of_their_own(void)
{
    HANDLE handle;
    PFILE_OBJECT opened;
    LARGE_INTEGER time = {.QuadPart = -10000};
    start();
    answers(STATUS_OBJECT_PATH_SYNTAX_BAD,
            FltCreateNamedPipeFile(stage.filter, stage.instance, &handle, &opened, GENERIC_READ, named(L"pipe"), &iosb,
                                   FILE_SHARE_READ, FILE_CREATE, 0, FILE_PIPE_BYTE_STREAM_TYPE, FILE_PIPE_BYTE_STREAM_MODE,
                                   FILE_PIPE_QUEUE_OPERATION, 1, 4096, 4096, &time, NULL));
    answers(STATUS_OBJECT_PATH_SYNTAX_BAD,
            FltCreateMailslotFile(stage.filter, stage.instance, &handle, &opened, GENERIC_READ, named(L""), &iosb, 0, 4096,
                                  0, &time, NULL));
    PFLT_INSTANCE dead = dead_instance();
    answers(STATUS_FLT_DELETING_OBJECT,
            FltCreateNamedPipeFile(stage.filter, dead, &handle, &opened, GENERIC_READ, named(L"\\Device\\NamedPipe\\a"),
                                   &iosb, FILE_SHARE_READ, FILE_CREATE, 0, FILE_PIPE_BYTE_STREAM_TYPE,
                                   FILE_PIPE_BYTE_STREAM_MODE, FILE_PIPE_QUEUE_OPERATION, 1, 4096, 4096, &time, NULL));
    answers(STATUS_FLT_DELETING_OBJECT,
            FltCreateMailslotFile(stage.filter, dead, &handle, &opened, GENERIC_READ, named(L"\\Device\\Mailslot\\a"), &iosb,
                                  0, 4096, 0, &time, NULL));
    answers(STATUS_FLT_DELETING_OBJECT, FltOpenVolume(dead, &handle, &opened));
    FltObjectDereference(dead);
    succeeds(fltsim_close(file));
}

static void a_volume_is_opened_by_its_instance(void)
{
    HANDLE handle;
    PFILE_OBJECT opened;
    start();
    succeeds(FltOpenVolume(stage.instance, &handle, &opened));
    assert_int_equal(opened->FileName.Length, 0);
    ObDereferenceObject(opened);
    succeeds(FltClose(handle));
    succeeds(fltsim_close(file));
}

static void the_system_folder_is_made_once(void)
{
    HANDLE handle;
    stage_set();
    starves(STATUS_INSUFFICIENT_RESOURCES, FltCreateSystemVolumeInformationFolder(stage.instance));
    succeeds(FltCreateSystemVolumeInformationFolder(stage.instance));
    succeeds(FltCreateSystemVolumeInformationFolder(stage.instance));
    succeeds(fltsim_open("C:\\System Volume Information", &(struct fltsim_open){.access = FILE_READ_ATTRIBUTES}, &handle));
    FILE_BASIC_INFORMATION basic;
    succeeds(fltsim_query(handle, FileBasicInformation, &basic, sizeof basic));
    assert_true(FlagOn(basic.FileAttributes, FILE_ATTRIBUTE_HIDDEN) && FlagOn(basic.FileAttributes, FILE_ATTRIBUTE_SYSTEM));
    succeeds(fltsim_close(handle));
}

/* ---- information ------------------------------------------------------------------------------------------------ */

static void a_file_tells_and_takes_information(void)
{
    FILE_STANDARD_INFORMATION standard;
    FILE_END_OF_FILE_INFORMATION end = {.EndOfFile.QuadPart = 4};
    BOOLEAN directory = TRUE;
    ULONG length;
    start();
    succeeds(FltQueryInformationFile(stage.instance, object, &standard, sizeof standard, FileStandardInformation, &length));
    assert_int_equal(length, sizeof standard);
    assert_int_equal(standard.EndOfFile.QuadPart, 10);
    succeeds(FltSetInformationFile(stage.instance, object, &end, sizeof end, FileEndOfFileInformation));
    succeeds(FltQueryInformationFile(stage.instance, object, &standard, sizeof standard, FileStandardInformation, NULL));
    assert_int_equal(standard.EndOfFile.QuadPart, 4);
    succeeds(FltIsDirectory(object, stage.instance, &directory));
    assert_false(directory);
    succeeds(fltsim_close(file));
}

static void nothing_is_asked_of_a_volume_that_is_gone(void)
{
    FILE_STANDARD_INFORMATION standard;
    FILE_FS_SIZE_INFORMATION size;
    start();
    fltsim_flush(file);
    succeeds(fltsim_dismount(stage.volume));
    answers(STATUS_VOLUME_DISMOUNTED,
            FltQueryInformationFile(stage.instance, object, &standard, sizeof standard, FileStandardInformation, NULL));
    answers(STATUS_VOLUME_DISMOUNTED,
            FltQueryVolumeInformationFile(stage.instance, object, &size, sizeof size, FileFsSizeInformation, NULL));
    answers(STATUS_VOLUME_DISMOUNTED, FltFlushBuffers(stage.instance, object));
    answers(STATUS_VOLUME_DISMOUNTED, FltFlushBuffers2(stage.instance, object, 0, NULL));
    answers(STATUS_VOLUME_DISMOUNTED, ZwFlushBuffersFile(file, &iosb));
    fltsim_close(file);
}

static void nothing_is_flushed_to_a_volume_that_is_write_protected(void)
{
    HANDLE root;
    memset(&stage, 0, sizeof stage);
    succeeds(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C', .read_only = true}, &stage.volume));
    stage_load();
    succeeds(fltsim_open("C:\\", &(struct fltsim_open){.access = FILE_LIST_DIRECTORY, .options = FILE_DIRECTORY_FILE}, &root));
    answers(STATUS_MEDIA_WRITE_PROTECTED, FltFlushBuffers(stage.instance, stage_file(root)));
    answers(STATUS_MEDIA_WRITE_PROTECTED, ZwFlushBuffersFile(root, &iosb));
    answers(STATUS_MEDIA_WRITE_PROTECTED, FltFlushBuffers2(stage.instance, stage_file(root), 0, NULL));
    succeeds(fltsim_close(root));
}

static void a_file_is_flushed_as_far_as_is_asked(void)
{
    static const ULONG types[] = {0, FLT_FLUSH_TYPE_FLUSH_AND_PURGE, FLT_FLUSH_TYPE_FILE_DATA_ONLY, FLT_FLUSH_TYPE_NO_SYNC,
                                  FLT_FLUSH_TYPE_DATA_SYNC_ONLY};
    start();
    succeeds(FltFlushBuffers(stage.instance, object));
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        succeeds(FltFlushBuffers2(stage.instance, object, types[i], NULL));
    succeeds(fltsim_close(file));
}

static void a_volume_tells_and_takes_information(void)
{
    FILE_FS_SIZE_INFORMATION size;
    struct {
        FILE_FS_LABEL_INFORMATION label;
        WCHAR rest[8];
    } label = {.label.VolumeLabelLength = 6};
    struct {
        FILE_FS_VOLUME_INFORMATION volume;
        WCHAR rest[32];
    } volume;
    ULONG length;
    start();
    succeeds(FltQueryVolumeInformation(stage.instance, &iosb, &size, sizeof size, FileFsSizeInformation));
    assert_int_equal(iosb.Information, sizeof size);
    succeeds(FltQueryVolumeInformationFile(stage.instance, object, &size, sizeof size, FileFsSizeInformation, &length));
    assert_int_equal(length, sizeof size);
    answers(STATUS_INVALID_INFO_CLASS, FltQueryVolumeInformation(stage.instance, &iosb, &size, sizeof size, 99));
    starves(STATUS_INSUFFICIENT_RESOURCES,
            FltQueryVolumeInformation(stage.instance, &iosb, &size, sizeof size, FileFsSizeInformation));
    memcpy(label.label.VolumeLabel, L"new", 6);
    succeeds(FltSetVolumeInformation(stage.instance, &iosb, &label, sizeof label, FileFsLabelInformation));
    succeeds(FltQueryVolumeInformation(stage.instance, &iosb, &volume, sizeof volume, FileFsVolumeInformation));
    assert_int_equal(volume.volume.VolumeLabelLength, 6);
    answers(STATUS_INVALID_INFO_CLASS, FltSetVolumeInformation(stage.instance, &iosb, &label, sizeof label, 99));
    answers(STATUS_INFO_LENGTH_MISMATCH,
            FltSetVolumeInformation(stage.instance, &iosb, &label, 2, FileFsLabelInformation));
    starves(STATUS_INSUFFICIENT_RESOURCES,
            FltSetVolumeInformation(stage.instance, &iosb, &label, sizeof label, FileFsLabelInformation));
    succeeds(fltsim_close(file));
}

/* ---- directories ------------------------------------------------------------------------------------------------ */

static void a_directory_is_listed(void)
{
    HANDLE root;
    ULONG length;
    BOOLEAN directory = FALSE;
    start();
    succeeds(fltsim_open("C:\\", &(struct fltsim_open){.access = FILE_LIST_DIRECTORY, .options = FILE_DIRECTORY_FILE}, &root));
    succeeds(FltIsDirectory(stage_file(root), stage.instance, &directory));
    assert_true(directory);
    succeeds(FltQueryDirectoryFile(stage.instance, stage_file(root), buffer, sizeof buffer, FileDirectoryInformation, TRUE,
                                   text(L"file.txt"), TRUE, &length));
    assert_int_equal(((FILE_DIRECTORY_INFORMATION *)buffer)->FileNameLength, 16);
    answers(STATUS_NO_MORE_FILES, FltQueryDirectoryFile(stage.instance, stage_file(root), buffer, sizeof buffer,
                                                        FileDirectoryInformation, TRUE, NULL, FALSE, &length));
    succeeds(FltQueryDirectoryFileEx(stage.instance, stage_file(root), buffer, sizeof buffer, FileDirectoryInformation,
                                     SL_RESTART_SCAN | SL_RETURN_SINGLE_ENTRY, NULL, &length));
    succeeds(fltsim_close(root));
    succeeds(fltsim_close(file));
}

/* ---- extended attributes, quotas, security ---------------------------------------------------------------------- */

static struct {
    FILE_FULL_EA_INFORMATION ea;
    char rest[16];
} attribute;

static ULONG make_attribute(void)
{
    memset(&attribute, 0, sizeof attribute);
    attribute.ea.EaNameLength = 4;
    attribute.ea.EaValueLength = 5;
    memcpy(attribute.ea.EaName, "NAME\0value", 10);
    return FIELD_OFFSET(FILE_FULL_EA_INFORMATION, EaName) + 10;
}

static void extended_attributes_are_kept_by_file_systems_that_can(void)
{
    ULONG length = make_attribute(), returned;
    start();
    succeeds(FltSetEaFile(stage.instance, object, &attribute, length));
    succeeds(FltQueryEaFile(stage.instance, object, buffer, sizeof buffer, TRUE, NULL, 0, NULL, TRUE, &returned));
    assert_memory_equal(((FILE_FULL_EA_INFORMATION *)buffer)->EaName, "NAME\0value", 10);
    starves(STATUS_INSUFFICIENT_RESOURCES,
            FltQueryEaFile(stage.instance, object, buffer, sizeof buffer, TRUE, NULL, 0, NULL, TRUE, &returned));
    PFLT_INSTANCE dead = dead_instance();
    answers(STATUS_FLT_DELETING_OBJECT,
            FltQueryEaFile(dead, object, buffer, sizeof buffer, TRUE, NULL, 0, NULL, TRUE, &returned));
    answers(STATUS_FLT_DELETING_OBJECT, FltSetEaFile(dead, object, &attribute, length));
    answers(STATUS_FLT_DELETING_OBJECT, FltQueryQuotaInformationFile(dead, object, &iosb, buffer, sizeof buffer, TRUE, NULL, 0,
                                                                     NULL, TRUE, &returned));
    answers(STATUS_FLT_DELETING_OBJECT, FltSetQuotaInformationFile(dead, object, buffer, 64));
    FltObjectDereference(dead);
    succeeds(fltsim_close(file));
}

static void extended_attributes_are_refused_by_file_systems_that_cannot(void)
{
    ULONG returned;
    stage_mount(FLTSIM_FAT);
    stage_load();
    file = stage_open("C:\\file.txt");
    answers(STATUS_EAS_NOT_SUPPORTED, FltQueryEaFile(stage.instance, stage_file(file), buffer, sizeof buffer, TRUE, NULL, 0,
                                                     NULL, TRUE, &returned));
    succeeds(fltsim_close(file));
}

static void a_security_descriptor_is_given_when_the_buffer_holds_it(void)
{
    ULONG needed, length;
    start();
    answers(STATUS_BUFFER_TOO_SMALL,
            FltQuerySecurityObject(stage.instance, object, DACL_SECURITY_INFORMATION, NULL, 0, &needed));
    assert_true(needed > 0);
    succeeds(FltQuerySecurityObject(stage.instance, object, DACL_SECURITY_INFORMATION, buffer, sizeof buffer, &length));
    assert_int_equal(length, needed);
    succeeds(FltSetSecurityObject(stage.instance, object, DACL_SECURITY_INFORMATION, buffer));
    succeeds(fltsim_close(file));
}

/* The same is asked of a minifilter's call and of a service's. */
static void a_security_descriptor_is_looked_at_before_it_is_set(void)
{
    static SECURITY_DESCRIPTOR good, old, badSid, badAcl;
    static SECURITY_DESCRIPTOR_RELATIVE badPlace = {.Revision = SECURITY_DESCRIPTOR_REVISION, .Control = SE_SELF_RELATIVE,
                                                    .Owner = 4};
    static SID sid = {.Revision = 9};
    static ACL acl = {.AclRevision = 77, .AclSize = sizeof acl};
    static const struct {
        PVOID descriptor;
        NTSTATUS status;
    } rows[] = {{NULL, STATUS_ACCESS_VIOLATION},
                {&old, STATUS_UNKNOWN_REVISION},
                {&badSid, STATUS_INVALID_SID},
                {&badAcl, STATUS_INVALID_ACL},
                {&badPlace, STATUS_INVALID_SECURITY_DESCR},
                {&good, STATUS_SUCCESS}};
    HANDLE event;
    start();
    for (ULONG i = 0; i < 4; i++)
        succeeds(RtlCreateSecurityDescriptor(((PSECURITY_DESCRIPTOR[]){&good, &old, &badSid, &badAcl})[i],
                                             SECURITY_DESCRIPTOR_REVISION));
    old.Revision = 2;
    badSid.Owner = &sid;
    badAcl.Control |= SE_DACL_PRESENT;
    badAcl.Dacl = &acl;
    for (ULONG i = 0; i < ARRAYSIZE(rows); i++) {
        answers(rows[i].status,
                FltSetSecurityObject(stage.instance, object, DACL_SECURITY_INFORMATION, rows[i].descriptor));
        answers(rows[i].status, ZwSetSecurityObject(file, DACL_SECURITY_INFORMATION, rows[i].descriptor));
    }
    starves(STATUS_INSUFFICIENT_RESOURCES,
            FltSetSecurityObject(stage.instance, object, DACL_SECURITY_INFORMATION, &good));
    starves(STATUS_INSUFFICIENT_RESOURCES, ZwSetSecurityObject(file, DACL_SECURITY_INFORMATION, &good));
    succeeds(ZwCreateEvent(&event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE));
    answers(STATUS_OBJECT_TYPE_MISMATCH, ZwSetSecurityObject(event, DACL_SECURITY_INFORMATION, &good));
    ULONG needed;
    answers(STATUS_OBJECT_TYPE_MISMATCH, ZwQuerySecurityObject(event, DACL_SECURITY_INFORMATION, NULL, 0, &needed));
    succeeds(ZwClose(event));
    succeeds(fltsim_close(file));
}

static void a_file_is_tagged_by_whoever_owns_the_tag(void)
{
    GUID ours = {0x8e2a3c10, 0x1111, 0x2222, {1, 2, 3, 4, 5, 6, 7, 8}};
    enum { TAG = 0x00000ABC };
    start();
    starves(STATUS_INSUFFICIENT_RESOURCES, FltTagFile(stage.instance, object, TAG, &ours, "data", 4));
    answers(STATUS_INVALID_PARAMETER, FltTagFile(stage.instance, object, TAG, NULL, "data", 4));
    succeeds(FltTagFile(stage.instance, object, TAG, &ours, "data", 4));
    answers(STATUS_IO_REPARSE_TAG_MISMATCH, FltTagFile(stage.instance, object, TAG + 1, &ours, "data", 4));
    answers(STATUS_IO_REPARSE_TAG_MISMATCH, FltUntagFile(stage.instance, object, TAG + 1, &ours));
    ours.Data1++;
    answers(STATUS_REPARSE_ATTRIBUTE_CONFLICT, FltTagFile(stage.instance, object, TAG, &ours, "data", 4));
    ours.Data1--;
    succeeds(FltUntagFile(stage.instance, object, TAG, &ours));
    succeeds(fltsim_close(file));
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

static void a_name_is_asked_for_outside_of_an_operation(void)
{
    PFLT_FILE_NAME_INFORMATION name;
    start();
    succeeds(FltGetFileNameInformationUnsafe(object, stage.instance, FLT_FILE_NAME_NORMALIZED | FLT_FILE_NAME_QUERY_DEFAULT,
                                             &name));
    assert_true(same_text(&name->Name, L"\\Device\\HarddiskVolume1\\file.txt"));
    FltReleaseFileNameInformation(name);
    answers(STATUS_INVALID_PARAMETER, FltGetFileNameInformationUnsafe(object, stage.instance, 0, &name));
    PFILE_OBJECT unopened = IoCreateStreamFileObjectLite(NULL, object->DeviceObject);
    answers(STATUS_FLT_INVALID_NAME_REQUEST,
            FltGetFileNameInformationUnsafe(unopened, stage.instance,
                                            FLT_FILE_NAME_OPENED | FLT_FILE_NAME_QUERY_DEFAULT, &name));
    ObDereferenceObject(unopened);
    succeeds(fltsim_close(file));
}

/* ---- redirection ------------------------------------------------------------------------------------------------ */

static PFLT_INSTANCE other;
static BOOLEAN thisOne, everyOne;
static void ask_redirection(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    succeeds(FltIsIoRedirectionAllowedForOperation(data, other, &thisOne, &everyOne));
}

static void an_operation_may_go_to_the_same_filter_at_the_same_altitude(void)
{
    struct fltsim_volume *volume;
    PFLT_VOLUME flt;
    BOOLEAN allowed = FALSE, modified = TRUE;
    start();
    succeeds(fltsim_mount(&(struct fltsim_volume_options){.letter = 'D'}, &volume));
    succeeds(fltsim_close(stage_open("D:\\a")));
    succeeds(FltGetVolumeFromName(stage.filter, text(L"D:"), &flt));
    succeeds(FltGetVolumeInstanceFromName(stage.filter, flt, NULL, &other));
    succeeds(FltIsIoRedirectionAllowed(stage.instance, other, &allowed));
    assert_true(allowed);
    succeeds(FltAdjustDeviceStackSizeForIoRedirection(stage.instance, other, &modified));
    assert_false(modified);
    answers(STATUS_INVALID_PARAMETER, FltAdjustDeviceStackSizeForIoRedirection(stage.instance, NULL, &modified));
    stage_watch(IRP_MJ_FLUSH_BUFFERS, ask_redirection, NULL);
    succeeds(fltsim_flush(file));
    stage_saw();
    assert_true(thisOne);
    FltObjectDereference(other);
    FltObjectDereference(flt);
    succeeds(fltsim_close(file));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(what_is_opened_is_closed),
        fltsim_unit_test(a_handle_that_is_closed_cannot_be_closed),
        fltsim_unit_test(pipes_and_mailslots_have_devices_of_their_own),
        fltsim_unit_test(a_volume_is_opened_by_its_instance),
        fltsim_unit_test(the_system_folder_is_made_once),
        fltsim_unit_test(a_file_tells_and_takes_information),
        fltsim_unit_test(nothing_is_asked_of_a_volume_that_is_gone),
        fltsim_unit_test(nothing_is_flushed_to_a_volume_that_is_write_protected),
        fltsim_unit_test(a_file_is_flushed_as_far_as_is_asked),
        fltsim_unit_test(a_volume_tells_and_takes_information),
        fltsim_unit_test(a_directory_is_listed),
        fltsim_unit_test(extended_attributes_are_kept_by_file_systems_that_can),
        fltsim_unit_test(extended_attributes_are_refused_by_file_systems_that_cannot),
        fltsim_unit_test(a_security_descriptor_is_given_when_the_buffer_holds_it),
        fltsim_unit_test(a_security_descriptor_is_looked_at_before_it_is_set),
        fltsim_unit_test(a_file_is_tagged_by_whoever_owns_the_tag),
        fltsim_unit_test(a_name_is_asked_for_outside_of_an_operation),
        fltsim_unit_test(an_operation_may_go_to_the_same_filter_at_the_same_altitude),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
