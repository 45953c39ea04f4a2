/* Reparse points that a filter has a create open, or walk through, instead of following them. */
#include "../conformance/stage.h"

static OPEN_REPARSE_LIST_ENTRY entry;
static ULONG addTag, addFlags;
static bool added, copied;
static ULONG openedTag;

static void make_point(const char *path, ULONG options, ULONG tag, const WCHAR *target)
{
    union {
        REPARSE_DATA_BUFFER data;
        UCHAR bytes[128];
    } buffer = {.data = {.ReparseTag = tag}};
    bool link = tag == IO_REPARSE_TAG_SYMLINK;
    WCHAR *path_buffer = link ? buffer.data.SymbolicLinkReparseBuffer.PathBuffer
                              : buffer.data.MountPointReparseBuffer.PathBuffer;
    USHORT bytes = 0;
    HANDLE handle;
    for (; target[bytes / sizeof(WCHAR)]; bytes += sizeof(WCHAR))
        path_buffer[bytes / sizeof(WCHAR)] = target[bytes / sizeof(WCHAR)];
    buffer.data.SymbolicLinkReparseBuffer.SubstituteNameLength = bytes;
    buffer.data.SymbolicLinkReparseBuffer.PrintNameOffset = (USHORT)(bytes + sizeof(WCHAR));
    buffer.data.ReparseDataLength = (USHORT)((link ? 12 : 8) + bytes + 2 * sizeof(WCHAR));
    succeeds(fltsim_open(path, &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_OPEN_IF, .options = options},
                         &handle));
    succeeds(fltsim_fsctl(handle, FSCTL_SET_REPARSE_POINT, &buffer,
                          REPARSE_DATA_BUFFER_HEADER_SIZE + buffer.data.ReparseDataLength, NULL, 0, NULL));
    fltsim_close(handle);
}

/* "link" leads to the file "real\file"; "junction", with a "child" of its own below it, to the folder "real". */
static void make_points(void)
{
    stage_set();
    succeeds(fltsim_make_directory("C:\\real"));
    fltsim_close(stage_open("C:\\real\\file"));
    fltsim_close(stage_open("C:\\real\\child"));
    make_point("C:\\link", 0, IO_REPARSE_TAG_SYMLINK, L"\\??\\C:\\real\\file");
    succeeds(fltsim_make_directory("C:\\junction"));
    make_point("C:\\junction", FILE_DIRECTORY_FILE, IO_REPARSE_TAG_MOUNT_POINT, L"\\??\\C:\\real");
}

static void add(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    entry = (OPEN_REPARSE_LIST_ENTRY){.ReparseTag = addTag, .Flags = addFlags, .Size = sizeof entry};
    succeeds(FltAddOpenReparseEntry(stage.filter, data, &entry));
    added = true;
}

static void remove_again(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    if (added)
        FltRemoveOpenReparseEntry(stage.filter, data, &entry);
    added = false;
}

static NTSTATUS open_point(const char *path)
{
    FILE_ATTRIBUTE_TAG_INFORMATION tag = {0};
    HANDLE handle;
    stage_watch(IRP_MJ_CREATE, add, remove_again);
    NTSTATUS status = fltsim_open(path, &(struct fltsim_open){.access = FILE_READ_ATTRIBUTES}, &handle);
    stage_saw();
    openedTag = 0;
    if (!NT_SUCCESS(status))
        return status;
    fltsim_query(handle, FileAttributeTagInformation, &tag, sizeof tag);
    openedTag = tag.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT ? tag.ReparseTag : 0;
    fltsim_close(handle);
    return status;
}

static const struct point {
    const char *name;
    const char *path;
    ULONG tag, flags;
    ULONG opened;       /* tag of what was opened; 0: the point was followed */
} points[] = {
    {"a link of the tag is opened", "C:\\link", IO_REPARSE_TAG_SYMLINK, 0, IO_REPARSE_TAG_SYMLINK},
    {"a link of another tag is followed", "C:\\link", IO_REPARSE_TAG_MOUNT_POINT, 0, 0},
    {"a file is followed where it is the last component", "C:\\link", IO_REPARSE_TAG_SYMLINK,
     OPEN_REPARSE_POINT_REPARSE_IF_NON_DIRECTORY_FINAL_COMPONENT, 0},
    {"a folder's flag does not concern a file", "C:\\link", IO_REPARSE_TAG_SYMLINK,
     OPEN_REPARSE_POINT_REPARSE_IF_DIRECTORY_FINAL_COMPONENT, IO_REPARSE_TAG_SYMLINK},
    {"a folder of the tag is opened", "C:\\junction", IO_REPARSE_TAG_MOUNT_POINT, 0, IO_REPARSE_TAG_MOUNT_POINT},
    {"a folder is followed where it is the last component", "C:\\junction", IO_REPARSE_TAG_MOUNT_POINT,
     OPEN_REPARSE_POINT_REPARSE_IF_DIRECTORY_FINAL_COMPONENT, 0},
    {"a folder is followed where what is wanted is not in it", "C:\\junction\\file", IO_REPARSE_TAG_MOUNT_POINT,
     OPEN_REPARSE_POINT_REPARSE_IF_CHILD_NOT_EXISTS, 0},
};
enum { POINTS = sizeof points / sizeof *points };

static const struct point *point;

static void look_at_point(void)
{
    make_points();
    addTag = point->tag;
    addFlags = point->flags;
    succeeds(open_point(point->path));
    assert_int_equal(openedTag, point->opened);
}

static void run_point(void **state)
{
    point = *state;
    fltsim_abandon();
    assert_true(fltsim_start(NULL));
    fltsim_try(fltsim_cmocka_body, (void *)(uintptr_t)look_at_point);
    assert_int_equal(fltsim_stop(NULL), 0);
}

static void a_folder_is_walked_through(void)
{
    make_points();
    addTag = IO_REPARSE_TAG_MOUNT_POINT;
    addFlags = 0;
    answers(STATUS_OBJECT_NAME_NOT_FOUND, open_point("C:\\junction\\file")); /* it is not below the junction itself */
    assert_true(entry.Flags & OPEN_REPARSE_POINT_TAG_ENCOUNTERED);
}

/* In the create of the link, the filter opens the link itself, below, by a copy of the list. */
static void open_by_copy(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    IO_DRIVER_CREATE_CONTEXT context;
    FILE_ATTRIBUTE_TAG_INFORMATION tag = {0};
    IO_STATUS_BLOCK iosb;
    PECP_LIST list;
    HANDLE handle;
    if (copied)
        return;
    copied = true;
    add(data, objects);
    succeeds(FltAllocateExtraCreateParameterList(stage.filter, 0, &list));
    succeeds(FltCopyOpenReparseList(stage.filter, data, list));
    IoInitializeDriverCreateContext(&context);
    context.ExtraCreateParameter = list;
    succeeds(FltCreateFileEx2(stage.filter, objects->Instance, &handle, NULL, FILE_READ_ATTRIBUTES | SYNCHRONIZE,
                              named(L"\\??\\C:\\link"), &iosb, NULL, 0, FILE_SHARE_VALID_FLAGS, FILE_OPEN,
                              FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0, 0, &context));
    succeeds(ZwQueryInformationFile(handle, &iosb, &tag, sizeof tag, FileAttributeTagInformation));
    assert_int_equal(tag.ReparseTag, IO_REPARSE_TAG_SYMLINK);
    FltClose(handle);
    FltFreeOpenReparseList(stage.filter, list);
    FltFreeOpenReparseList(stage.filter, list); /* nothing is left of it */
    FltFreeExtraCreateParameterList(stage.filter, list);
}

static void a_second_create_can_be_told_the_same(void)
{
    HANDLE handle;
    make_points();
    addTag = IO_REPARSE_TAG_SYMLINK;
    addFlags = 0;
    copied = false;
    stage_watch(IRP_MJ_CREATE, open_by_copy, remove_again);
    succeeds(fltsim_open("C:\\link", &(struct fltsim_open){.access = FILE_READ_ATTRIBUTES}, &handle));
    stage_saw();
    fltsim_close(handle);
}

static void copy_nothing(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PECP_LIST list;
    succeeds(FltAllocateExtraCreateParameterList(stage.filter, 0, &list));
    succeeds(FltCopyOpenReparseList(stage.filter, data, list));
    FltFreeOpenReparseList(stage.filter, list);
    FltFreeExtraCreateParameterList(stage.filter, list);
}

static void a_create_without_entries_has_none_to_copy(void)
{
    make_points();
    stage_watch(IRP_MJ_CREATE, copy_nothing, NULL);
    fltsim_close(stage_open("C:\\real\\file"));
    stage_saw();
}

static void ask_of_a_read(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PECP_LIST list;
    answers(STATUS_INVALID_PARAMETER_2, FltAddOpenReparseEntry(stage.filter, data, &entry));
    succeeds(FltAllocateExtraCreateParameterList(stage.filter, 0, &list));
    answers(STATUS_INVALID_PARAMETER_2, FltCopyOpenReparseList(stage.filter, data, list));
    FltFreeExtraCreateParameterList(stage.filter, list);
}

static void other_operations_have_no_entries(void)
{
    char byte;
    make_points();
    HANDLE file = stage_open("C:\\real\\file");
    stage_watch(IRP_MJ_READ, ask_of_a_read, NULL);
    fltsim_read(file, &byte, 1, 0, NULL);
    stage_saw();
    fltsim_close(file);
}

int main(void)
{
    static struct CMUnitTest tests[POINTS + 4] = {
        fltsim_unit_test(a_folder_is_walked_through),
        fltsim_unit_test(a_second_create_can_be_told_the_same),
        fltsim_unit_test(a_create_without_entries_has_none_to_copy),
        fltsim_unit_test(other_operations_have_no_entries),
    };
    for (size_t i = 0; i < POINTS; i++)
        tests[4 + i] = (struct CMUnitTest){points[i].name, run_point, NULL, NULL, (void *)(uintptr_t)&points[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
