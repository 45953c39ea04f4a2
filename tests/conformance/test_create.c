/* The creates that a minifilter issues: each documented status, of each routine that gives it. */
#include "stage.h"

static IO_STATUS_BLOCK iosb;
static HANDLE handle;
static PFILE_OBJECT opened;

#define ARGUMENTS                                                                                                      \
    GENERIC_READ | SYNCHRONIZE, attributes, &iosb, NULL, FILE_ATTRIBUTE_NORMAL,                                        \
        FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, disposition, FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0, flags

static NTSTATUS create_file(PFLT_INSTANCE instance, POBJECT_ATTRIBUTES attributes, ULONG disposition, ULONG flags)
{
    return FltCreateFile(stage.filter, instance, &handle, ARGUMENTS);
}

static NTSTATUS create_file_ex(PFLT_INSTANCE instance, POBJECT_ATTRIBUTES attributes, ULONG disposition, ULONG flags)
{
    return FltCreateFileEx(stage.filter, instance, &handle, &opened, ARGUMENTS);
}

static NTSTATUS create_file_ex2(PFLT_INSTANCE instance, POBJECT_ATTRIBUTES attributes, ULONG disposition, ULONG flags)
{
    return FltCreateFileEx2(stage.filter, instance, &handle, &opened, ARGUMENTS, NULL);
}

static const struct routine {
    const char *name;
    NTSTATUS (*create)(PFLT_INSTANCE instance, POBJECT_ATTRIBUTES attributes, ULONG disposition, ULONG flags);
} routines[] = {
    {"FltCreateFile", create_file},
    {"FltCreateFileEx", create_file_ex},
    {"FltCreateFileEx2", create_file_ex2},
};

/* Each routine answers so, with nothing to close; the status block says the same. */
static void each_answers(NTSTATUS status, PFLT_INSTANCE instance, const WCHAR *name, ULONG disposition, ULONG flags)
{
    for (size_t i = 0; i < sizeof routines / sizeof *routines; i++) {
        iosb.Status = STATUS_PENDING;
        opened = NULL;
        NTSTATUS got = routines[i].create(instance, named(name), disposition, flags);
        if (got != status)
            print_error("%s answered %s, not %s\n", routines[i].name, fltsim_status_name(got), fltsim_status_name(status));
        assert_int_equal(got, status);
        if (!NT_SUCCESS(got)) {
            assert_null(handle);
            assert_null(opened);
            continue;
        }
        assert_int_equal(iosb.Status, status);
        if (opened)
            ObDereferenceObject(opened);
        succeeds(FltClose(handle));
    }
}

static void reparse_point(const char *path, ULONG tag, const WCHAR *target)
{
    union {
        REPARSE_DATA_BUFFER data;
        UCHAR bytes[256];
    } point;
    HANDLE directory;
    USHORT bytes = (USHORT)(wcslen(target) * sizeof(WCHAR));
    bool link = tag == IO_REPARSE_TAG_SYMLINK;
    PWCHAR text = link ? point.data.SymbolicLinkReparseBuffer.PathBuffer : point.data.MountPointReparseBuffer.PathBuffer;

    RtlZeroMemory(&point, sizeof point);
    point.data.ReparseTag = tag;
    point.data.ReparseDataLength = (USHORT)(bytes + 12);
    if (link)
        point.data.SymbolicLinkReparseBuffer.SubstituteNameLength = bytes;
    else
        point.data.MountPointReparseBuffer.SubstituteNameLength = bytes;
    RtlCopyMemory(text, target, bytes);
    succeeds(fltsim_open(path, &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_OPEN_IF,
                                                     .options = FILE_DIRECTORY_FILE}, &directory));
    succeeds(fltsim_fsctl(directory, FSCTL_SET_REPARSE_POINT, &point,
                          REPARSE_DATA_BUFFER_HEADER_SIZE + point.data.ReparseDataLength, NULL, 0, NULL));
    succeeds(fltsim_close(directory));
}

static void a_file_is_created_and_opened(void)
{
    stage_set();
    each_answers(STATUS_SUCCESS, stage.instance, L"\\??\\C:\\file", FILE_OPEN_IF, 0);
    each_answers(STATUS_SUCCESS, NULL, L"\\??\\C:\\file", FILE_OPEN, 0);
    each_answers(STATUS_OBJECT_NAME_NOT_FOUND, stage.instance, L"\\??\\C:\\none", FILE_OPEN, 0);
    each_answers(STATUS_OBJECT_NAME_COLLISION, stage.instance, L"\\??\\C:\\file", FILE_CREATE, 0);
}

static void a_name_without_a_path_is_bad_syntax(void)
{
    stage_set();
    each_answers(STATUS_OBJECT_PATH_SYNTAX_BAD, stage.instance, L"file", FILE_OPEN, 0);
    each_answers(STATUS_OBJECT_PATH_SYNTAX_BAD, stage.instance, L"", FILE_OPEN, 0);
}

static void the_instance_must_be_on_the_volume_of_the_name(void)
{
    struct fltsim_volume *other;
    stage_set();
    PFLT_INSTANCE instance = stage.instance;
    succeeds(fltsim_mount(&(struct fltsim_volume_options){.letter = 'D'}, &other));
    each_answers(STATUS_INVALID_DEVICE_OBJECT_PARAMETER, instance, L"\\??\\D:\\file", FILE_OPEN_IF, 0);
}

static void a_mount_point_to_another_volume_is_not_followed(void)
{
    struct fltsim_volume *other;
    stage_set();
    PFLT_INSTANCE instance = stage.instance;
    succeeds(fltsim_mount(&(struct fltsim_volume_options){.letter = 'D'}, &other));
    reparse_point("C:\\mount", IO_REPARSE_TAG_MOUNT_POINT, L"\\??\\D:");
    each_answers(STATUS_MOUNT_POINT_NOT_RESOLVED, instance, L"\\??\\C:\\mount\\file", FILE_OPEN_IF, 0);
    each_answers(STATUS_SUCCESS, NULL, L"\\??\\C:\\mount\\file", FILE_OPEN_IF, 0);
}

static void a_symbolic_link_stops_whoever_asks_to_be_stopped(void)
{
    stage_set();
    reparse_point("C:\\link", IO_REPARSE_TAG_SYMLINK, L"\\??\\C:");
    each_answers(STATUS_STOPPED_ON_SYMLINK, stage.instance, L"\\??\\C:\\link\\file", FILE_OPEN_IF, IO_STOP_ON_SYMLINK);
    each_answers(STATUS_SUCCESS, stage.instance, L"\\??\\C:\\link\\file", FILE_OPEN_IF, 0);
}

static void an_instance_that_is_going_opens_nothing(void)
{
    stage_set();
    PFLT_INSTANCE instance = stage.instance;
    succeeds(FltObjectReference(instance));
    succeeds(FltDetachVolume(stage.filter, stage.fltVolume, NULL));
    each_answers(STATUS_FLT_DELETING_OBJECT, instance, L"\\??\\C:\\file", FILE_OPEN_IF, 0);
    FltObjectDereference(instance);
}

static void memory_runs_out_for_the_target(void)
{
    stage_set();
    for (size_t i = 0; i < sizeof routines / sizeof *routines; i++)
        starves(STATUS_INSUFFICIENT_RESOURCES, routines[i].create(stage.instance, named(L"\\??\\C:\\file"), FILE_OPEN_IF, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_file_is_created_and_opened),
        fltsim_unit_test(a_name_without_a_path_is_bad_syntax),
        fltsim_unit_test(the_instance_must_be_on_the_volume_of_the_name),
        fltsim_unit_test(a_mount_point_to_another_volume_is_not_followed),
        fltsim_unit_test(a_symbolic_link_stops_whoever_asks_to_be_stopped),
        fltsim_unit_test(an_instance_that_is_going_opens_nothing),
        fltsim_unit_test(memory_runs_out_for_the_target),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
