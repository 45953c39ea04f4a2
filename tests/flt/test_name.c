/* File names as filters ask for them, over a real volume. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#include <fltKernel.h>

#include <fltsim/cmocka.h>
#include <fltsim/fault.h>

#include <stdio.h>
#include <string.h>

static PFLT_FILTER filter;
static struct fltsim_driver *driver;
static struct fltsim_volume *volume;
static PFLT_INSTANCE instance;

/* What the test does in the callbacks: NULL, nothing. */
static void (*before)(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects);
static void (*after)(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects);
static UCHAR watched = IRP_MJ_CREATE;
static int calls;

static FLT_PREOP_CALLBACK_STATUS FLTAPI Pre(PFLT_CALLBACK_DATA Data, PCFLT_RELATED_OBJECTS FltObjects, PVOID *Context)
{
    if (before && Data->Iopb->MajorFunction == watched) {
        calls++;
        before(Data, FltObjects);
    }
    return Data->Iopb->MajorFunction == IRP_MJ_CLOSE ? FLT_PREOP_SUCCESS_NO_CALLBACK : FLT_PREOP_SYNCHRONIZE;
}

static FLT_POSTOP_CALLBACK_STATUS FLTAPI Post(PFLT_CALLBACK_DATA Data, PCFLT_RELATED_OBJECTS FltObjects, PVOID Context,
                                              FLT_POST_OPERATION_FLAGS Flags)
{
    if (after && Data->Iopb->MajorFunction == watched && !(Flags & FLTFL_POST_OPERATION_DRAINING)) {
        calls++;
        after(Data, FltObjects);
    }
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
    static const FLT_OPERATION_REGISTRATION operations[] = {
        {IRP_MJ_CREATE, 0, Pre, Post, NULL},          {IRP_MJ_SET_INFORMATION, 0, Pre, Post, NULL},
        {IRP_MJ_CLEANUP, 0, Pre, Post, NULL},         {IRP_MJ_CLOSE, 0, Pre, Post, NULL},
        {IRP_MJ_READ, 0, Pre, Post, NULL},            {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL},
    };
    FLT_REGISTRATION registration = {.Size = sizeof registration,
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
    watched = IRP_MJ_CREATE;
    calls = 0;
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C'}, &volume), STATUS_SUCCESS);
    assert_int_equal(
        fltsim_load(&(struct fltsim_driver_options){.name = "namer", .entry = Entry, .altitude = "370000"}, &driver),
        STATUS_SUCCESS);
}

static HANDLE open_file(const char *path, const struct fltsim_open *how)
{
    static const struct fltsim_open usual = {.access = GENERIC_READ | GENERIC_WRITE | DELETE,
                                             .disposition = FILE_OPEN_IF};
    HANDLE handle;
    assert_int_equal(fltsim_open(path, how ? how : &usual, &handle), STATUS_SUCCESS);
    return handle;
}

static const char *narrow(PCUNICODE_STRING text)
{
    static char buffers[4][512];
    static unsigned next;
    char *buffer = buffers[next++ % 4];
    size_t units = text->Length / sizeof(WCHAR);
    for (size_t i = 0; i < units; i++)
        buffer[i] = (char)text->Buffer[i];
    buffer[units] = 0;
    return buffer;
}

/* The name without its volume, of the last question. */
static char answer[512];
static NTSTATUS last;

static void ask(PFLT_CALLBACK_DATA data, FLT_FILE_NAME_OPTIONS options)
{
    PFLT_FILE_NAME_INFORMATION info;
    strcpy(answer, "");
    last = FltGetFileNameInformation(data, options, &info);
    if (!NT_SUCCESS(last)) {
        assert_null(info);
        return;
    }
    const char *name = narrow(&info->Name), *device = fltsim_volume_device_name(volume);
    strcpy(answer, strncmp(name, device, strlen(device)) == 0 ? name + strlen(device) : name);
    FltReleaseFileNameInformation(info);
}

static void ask_opened(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    ask(data, FLT_FILE_NAME_OPENED | FLT_FILE_NAME_QUERY_DEFAULT);
}

static void ask_normalized(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    ask(data, FLT_FILE_NAME_NORMALIZED | FLT_FILE_NAME_QUERY_DEFAULT);
}

static void ask_short(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    ask(data, FLT_FILE_NAME_SHORT | FLT_FILE_NAME_QUERY_DEFAULT);
}

/* Opens once for the pre- and once for the post-operation; both must say the same. */
static void assert_names(const char *path, void (*question)(PFLT_CALLBACK_DATA, PCFLT_RELATED_OBJECTS),
                         const char *expected_before, const char *expected_after, const struct fltsim_open *how)
{
    before = question;
    HANDLE handle = open_file(path, how);
    before = NULL;
    if (expected_before) {
        assert_int_equal(last, STATUS_SUCCESS);
        assert_string_equal(answer, expected_before);
    }
    fltsim_close(handle);
    after = question;
    handle = open_file(path, how);
    after = NULL;
    assert_int_equal(last, STATUS_SUCCESS);
    assert_string_equal(answer, expected_after);
    fltsim_close(handle);
}

static void opened_names_are_as_the_program_gave_them(void)
{
    load();
    fltsim_make_directory("C:\\Dir");
    assert_names("C:\\Dir\\File.txt", ask_opened, "\\Dir\\File.txt", "\\Dir\\File.txt", NULL);
    assert_names("C:\\Dir\\File.txt:str", ask_opened, "\\Dir\\File.txt:str", "\\Dir\\File.txt:str", NULL);
    assert_names("C:\\", ask_opened, "\\", "\\", &(struct fltsim_open){.options = FILE_DIRECTORY_FILE});
}

static void relative_opens_get_the_whole_name(void)
{
    load();
    fltsim_make_directory("C:\\Dir");
    HANDLE root = open_file("C:\\Dir", &(struct fltsim_open){.options = FILE_DIRECTORY_FILE});
    struct fltsim_open below = {.root = root, .access = GENERIC_WRITE, .disposition = FILE_OPEN_IF};
    assert_names("sub.txt", ask_opened, "\\Dir\\sub.txt", "\\Dir\\sub.txt", &below);
    assert_names("sub.txt", ask_normalized, "\\Dir\\sub.txt", "\\Dir\\sub.txt", &below);
    fltsim_close(root);
}

static void normalized_names_have_the_case_of_the_disk(void)
{
    load();
    fltsim_make_directory("C:\\Directory");
    fltsim_close(open_file("C:\\Directory\\File.txt", NULL));
    assert_names("C:\\DIRECTORY\\File.txt", ask_normalized, "\\Directory\\File.txt", "\\Directory\\File.txt", NULL);
    assert_names("C:\\Directory\\File.txt:s:$DATA", ask_normalized, "\\Directory\\File.txt:s",
                 "\\Directory\\File.txt:s", NULL);
    assert_names("C:\\Directory\\File.txt::$DATA", ask_normalized, "\\Directory\\File.txt", "\\Directory\\File.txt",
                 NULL);
}

static void normalized_names_are_long(void)
{
    load();
    fltsim_make_directory("C:\\A long directory");
    fltsim_close(open_file("C:\\A long directory\\A long file name.text", NULL));
    after = ask_short;
    fltsim_close(open_file("C:\\A long directory", &(struct fltsim_open){.options = FILE_DIRECTORY_FILE}));
    char directory[64], path[160];
    assert_int_equal(last, STATUS_SUCCESS);
    strcpy(directory, answer);
    fltsim_close(open_file("C:\\A long directory\\A long file name.text", NULL));
    after = NULL;
    snprintf(path, sizeof path, "C:\\%s\\%s", directory, answer);
    assert_names(path, ask_normalized, "\\A long directory\\A long file name.text",
                 "\\A long directory\\A long file name.text", NULL);
}

static void a_missing_file_has_a_name_and_a_missing_directory_none(void)
{
    HANDLE handle;
    load();
    before = ask_normalized;
    assert_int_equal(fltsim_open("C:\\missing.txt", NULL, &handle), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(last, STATUS_SUCCESS);
    assert_string_equal(answer, "\\missing.txt");
    assert_int_equal(fltsim_open("C:\\nowhere\\missing.txt", NULL, &handle), STATUS_OBJECT_PATH_NOT_FOUND);
    assert_int_equal(last, STATUS_OBJECT_PATH_NOT_FOUND);
    before = ask_opened;
    fltsim_open("C:\\nowhere\\missing.txt", NULL, &handle);
    assert_string_equal(answer, "\\nowhere\\missing.txt");
}

static void short_names_only_of_open_files(void)
{
    load();
    before = ask_short;
    fltsim_close(open_file("C:\\Rather long name.text", NULL));
    assert_int_equal(last, STATUS_FLT_INVALID_NAME_REQUEST);
    before = NULL;
    after = ask_short;
    fltsim_close(open_file("C:\\Rather long name.text", NULL));
    assert_int_equal(last, STATUS_SUCCESS);
    assert_non_null(strchr(answer, '~'));
    assert_null(strchr(answer, '\\'));
}

static void a_target_directory_is_named(void)
{
    load();
    fltsim_make_directory("C:\\Dir");
    before = ask_opened;
    HANDLE handle = open_file("C:\\Dir\\new.txt", &(struct fltsim_open){.target_directory = true});
    assert_string_equal(answer, "\\Dir");
    before = NULL;
    fltsim_close(handle);
}

static void parts(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_FILE_NAME_INFORMATION info;
    last = FltGetFileNameInformation(data, FLT_FILE_NAME_OPENED | FLT_FILE_NAME_QUERY_DEFAULT, &info);
    assert_int_equal(last, STATUS_SUCCESS);
    assert_int_equal(info->NamesParsed, 0);
    assert_int_equal(FltParseFileNameInformation(info), STATUS_SUCCESS);
    assert_int_equal(info->NamesParsed, 0xF);
    assert_string_equal(narrow(&info->Volume), fltsim_volume_device_name(volume));
    assert_string_equal(narrow(&info->ParentDir), "\\Dir\\Sub\\");
    assert_string_equal(narrow(&info->FinalComponent), "a.b.txt:stream");
    assert_string_equal(narrow(&info->Extension), "txt");
    assert_string_equal(narrow(&info->Stream), ":stream");
    assert_int_equal(info->Share.Length, 0);
    FltReferenceFileNameInformation(info);
    FltReleaseFileNameInformation(info);
    FltReleaseFileNameInformation(info);
}

static void names_are_parsed(void)
{
    UNICODE_STRING name, extension, stream, final;
    load();
    fltsim_make_directory("C:\\Dir");
    fltsim_make_directory("C:\\Dir\\Sub");
    before = parts;
    fltsim_close(open_file("C:\\Dir\\Sub\\a.b.txt:stream", NULL));
    assert_int_equal(calls, 1);
    RtlInitUnicodeString(&name, L"TestRe~1.txt");
    assert_int_equal(FltParseFileName(&name, &extension, &stream, &final), STATUS_SUCCESS);
    assert_string_equal(narrow(&extension), "txt");
    assert_null(stream.Buffer);
    assert_string_equal(narrow(&final), "TestRe~1.txt");
    RtlInitUnicodeString(&name, L"\\dir.x\\noext");
    FltParseFileName(&name, &extension, &stream, &final);
    assert_int_equal(extension.Length, 0);
    assert_string_equal(narrow(&final), "noext");
}

static void ask_cache(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    ask(data, FLT_FILE_NAME_OPENED | FLT_FILE_NAME_QUERY_CACHE_ONLY);
}

static void the_cache_answers_until_a_rename(void)
{
    char byte;
    load();
    HANDLE handle = open_file("C:\\one.txt", NULL), other = open_file("C:\\other.txt", NULL);
    fltsim_write(handle, "x", 1, 0, NULL);
    watched = IRP_MJ_READ;
    before = ask_cache;
    fltsim_read(handle, &byte, 1, 0, NULL);
    assert_int_equal(last, STATUS_FLT_NAME_CACHE_MISS);
    before = ask_opened;
    fltsim_read(handle, &byte, 1, 0, NULL);
    assert_string_equal(answer, "\\one.txt");
    before = ask_cache;
    fltsim_read(handle, &byte, 1, 0, NULL);
    assert_int_equal(last, STATUS_SUCCESS);
    assert_int_equal(fltsim_rename(other, "another.txt", false), STATUS_SUCCESS);
    fltsim_read(handle, &byte, 1, 0, NULL);
    assert_int_equal(last, STATUS_FLT_NAME_CACHE_MISS);
    assert_int_equal(fltsim_rename(handle, "two.txt", false), STATUS_SUCCESS);
    before = ask_opened;
    fltsim_read(handle, &byte, 1, 0, NULL);
    assert_string_equal(answer, "\\two.txt");
    before = ask_cache;
    FltPurgeFileNameInformationCache(instance, NULL);
    fltsim_read(handle, &byte, 1, 0, NULL);
    assert_int_equal(last, STATUS_FLT_NAME_CACHE_MISS);
    fltsim_close(handle);
    fltsim_close(other);
}

static void after_cleanup_nothing_is_asked(void)
{
    load();
    HANDLE handle = open_file("C:\\one.txt", NULL);
    watched = IRP_MJ_CLEANUP;
    after = ask_opened;
    fltsim_close(handle);
    assert_int_equal(calls, 1);
    assert_int_equal(last, STATUS_FLT_INVALID_NAME_REQUEST);
    handle = open_file("C:\\one.txt", NULL);
    after = NULL;
    before = ask_opened;
    fltsim_close(handle);
    assert_int_equal(last, STATUS_SUCCESS);
    assert_string_equal(answer, "\\one.txt");
}

static void ask_destination(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    if (data->Iopb->Parameters.SetFileInformation.FileInformationClass != FileRenameInformation &&
        data->Iopb->Parameters.SetFileInformation.FileInformationClass != FileRenameInformationEx)
        return;
    PFILE_RENAME_INFORMATION rename = data->Iopb->Parameters.SetFileInformation.InfoBuffer;
    PFLT_FILE_NAME_INFORMATION info;
    last = FltGetDestinationFileNameInformation(objects->Instance, objects->FileObject, rename->RootDirectory,
                                                rename->FileName, rename->FileNameLength,
                                                FLT_FILE_NAME_NORMALIZED | FLT_FILE_NAME_QUERY_DEFAULT, &info);
    if (!NT_SUCCESS(last))
        return;
    strcpy(answer, narrow(&info->Name) + strlen(fltsim_volume_device_name(volume)));
    FltReleaseFileNameInformation(info);
}

static void destinations_of_renames_have_names(void)
{
    load();
    fltsim_make_directory("C:\\Here");
    fltsim_make_directory("C:\\There");
    HANDLE handle = open_file("C:\\Here\\one.txt", NULL);
    watched = IRP_MJ_SET_INFORMATION;
    before = ask_destination;
    assert_int_equal(fltsim_rename(handle, "two.txt", false), STATUS_SUCCESS);
    assert_int_equal(last, STATUS_SUCCESS);
    assert_string_equal(answer, "\\Here\\two.txt");
    assert_int_equal(fltsim_rename(handle, "C:\\THERE\\three.txt", false), STATUS_SUCCESS);
    assert_int_equal(last, STATUS_SUCCESS);
    assert_string_equal(answer, "\\There\\three.txt");
    fltsim_close(handle);
}

static void ask_wrongly(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_FILE_NAME_INFORMATION info;
    assert_int_equal(FltGetFileNameInformation(NULL, FLT_FILE_NAME_OPENED | FLT_FILE_NAME_QUERY_DEFAULT, &info),
                     STATUS_INVALID_PARAMETER);
    assert_int_equal(FltGetFileNameInformation(data, FLT_FILE_NAME_OPENED | FLT_FILE_NAME_QUERY_DEFAULT, NULL),
                     STATUS_INVALID_PARAMETER);
    assert_int_equal(FltGetFileNameInformation(data, FLT_FILE_NAME_OPENED | 0x700, &info), STATUS_INVALID_PARAMETER);
    assert_int_equal(FltGetFileNameInformation(data, 9 | FLT_FILE_NAME_QUERY_DEFAULT, &info), STATUS_INVALID_PARAMETER);
    IoSetTopLevelIrp((PIRP)1);
    assert_int_equal(FltGetFileNameInformation(data, FLT_FILE_NAME_OPENED | FLT_FILE_NAME_QUERY_DEFAULT, &info),
                     STATUS_FLT_INVALID_NAME_REQUEST);
    assert_int_equal(FltGetFileNameInformation(
                         data, FLT_FILE_NAME_OPENED | FLT_FILE_NAME_QUERY_ALWAYS_ALLOW_CACHE_LOOKUP, &info),
                     STATUS_FLT_NAME_CACHE_MISS);
    IoSetTopLevelIrp(NULL);
    assert_int_equal(FltGetFileNameInformation(data, FLT_FILE_NAME_OPENED, &info), STATUS_SUCCESS); /* the default method */
    FltReleaseFileNameInformation(info);
}

static void wrong_questions_get_their_statuses(void)
{
    load();
    before = ask_wrongly;
    fltsim_close(open_file("C:\\one.txt", NULL));
    assert_int_equal(calls, 1);
}

static PFLT_FILE_NAME_INFORMATION kept;

static void keep(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    last = FltGetFileNameInformation(data, FLT_FILE_NAME_OPENED | FLT_FILE_NAME_QUERY_DEFAULT, &kept);
}

static void a_name_that_is_kept_is_a_leak(void)
{
    load();
    after = keep;
    fltsim_close(open_file("C:\\one.txt", NULL));
    fltsim_expect("name-info-leak");
    assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
}

static void a_name_that_is_released_later_is_no_leak(void)
{
    load();
    after = keep;
    fltsim_close(open_file("C:\\one.txt", NULL));
    FltReleaseFileNameInformation(kept);
    assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
}

static void a_name_released_twice_is_a_bug_check(void)
{
    load();
    after = keep;
    fltsim_close(open_file("C:\\one.txt", NULL));
    FltReleaseFileNameInformation(kept);
    fltsim_expect("name-info-over-release");
    FltReleaseFileNameInformation(kept);
    fail_msg("it came back");
}

static void outside_of_operations_a_file_object_is_asked(void)
{
    PFLT_FILE_NAME_INFORMATION info;
    PFILE_OBJECT file;
    load();
    HANDLE handle = open_file("C:\\one.txt", NULL);
    assert_int_equal(ObReferenceObjectByHandle(handle, 0, *IoFileObjectType, KernelMode, (PVOID *)&file, NULL),
                     STATUS_SUCCESS);
    assert_int_equal(FltGetFileNameInformationUnsafe(file, instance, FLT_FILE_NAME_NORMALIZED | FLT_FILE_NAME_QUERY_DEFAULT,
                                                     &info),
                     STATUS_SUCCESS);
    assert_string_equal(narrow(&info->Name) + strlen(fltsim_volume_device_name(volume)), "\\one.txt");
    FltReleaseFileNameInformation(info);
    assert_int_equal(FltGetFileNameInformationUnsafe(file, NULL, FLT_FILE_NAME_OPENED | FLT_FILE_NAME_QUERY_DEFAULT, &info),
                     STATUS_SUCCESS);
    FltReleaseFileNameInformation(info);
    ObDereferenceObject(file);
    fltsim_close(handle);
}

static void ask_without_memory(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_FILE_NAME_INFORMATION info;
    FLT_NAME_CONTROL control = {{0, 0, NULL}};
    fltsim_fail_allocation(1);
    assert_int_equal(FltGetFileNameInformation(data, FLT_FILE_NAME_OPENED | FLT_FILE_NAME_QUERY_DEFAULT, &info),
                     STATUS_INSUFFICIENT_RESOURCES);
    assert_null(info);
    fltsim_fail_allocation(1);
    assert_int_equal(FltGetDestinationFileNameInformation(objects->Instance, objects->FileObject, NULL, L"x", 2,
                                                          FLT_FILE_NAME_OPENED | FLT_FILE_NAME_QUERY_DEFAULT, &info),
                     STATUS_INSUFFICIENT_RESOURCES);
    fltsim_fail_allocation(1);
    assert_int_equal(FltCheckAndGrowNameControl(&control, 100), STATUS_INSUFFICIENT_RESOURCES);
    assert_int_equal(FltCheckAndGrowNameControl(&control, 0), STATUS_SUCCESS);
}

static void memory_can_run_out(void)
{
    load();
    after = ask_without_memory;
    fltsim_close(open_file("C:\\one.txt", NULL));
    assert_int_equal(calls, 1);
}

static void ask_for_destinations(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_FILE_NAME_INFORMATION info;
    static WCHAR elsewhere[] = L"\\??\\D:\\x", here[] = L"\\??\\C:\\x", plain[] = L"y", stream[] = L":z";
    FLT_FILE_NAME_OPTIONS opened = FLT_FILE_NAME_OPENED | FLT_FILE_NAME_QUERY_DEFAULT;
    assert_int_equal(FltGetDestinationFileNameInformation(objects->Instance, objects->FileObject, NULL, elsewhere,
                                                          sizeof elsewhere - 2, opened, &info),
                     STATUS_MOUNT_POINT_NOT_RESOLVED);
    assert_null(info);
    assert_int_equal(FltGetDestinationFileNameInformation(objects->Instance, objects->FileObject, NULL, here,
                                                          sizeof here - 2, opened, &info),
                     STATUS_SUCCESS);
    assert_string_equal(narrow(&info->Name) + strlen(fltsim_volume_device_name(volume)), "\\x");
    FltReleaseFileNameInformation(info);
    assert_int_equal(FltGetDestinationFileNameInformation(objects->Instance, objects->FileObject, NULL, stream,
                                                          sizeof stream - 2, opened, &info),
                     STATUS_SUCCESS);
    assert_string_equal(narrow(&info->Name) + strlen(fltsim_volume_device_name(volume)), "\\one.txt:z");
    FltReleaseFileNameInformation(info);
    assert_int_equal(FltGetDestinationFileNameInformation(objects->Instance, objects->FileObject, NULL, plain, 2,
                                                          FLT_FILE_NAME_SHORT | FLT_FILE_NAME_QUERY_DEFAULT, &info),
                     STATUS_FLT_INVALID_NAME_REQUEST);
    assert_int_equal(FltGetDestinationFileNameInformation(objects->Instance, objects->FileObject, NULL, plain, 2, 0x77,
                                                          &info),
                     STATUS_INVALID_PARAMETER);
}

static void destinations_stay_on_the_volume(void)
{
    struct fltsim_volume *second;
    load();
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'D'}, &second), STATUS_SUCCESS);
    after = ask_for_destinations;
    fltsim_close(open_file("C:\\one.txt", NULL));
    assert_int_equal(calls, 1);
}

/* "C:\\mount" leads to D: from here on. */
static void make_mount_point(void)
{
    struct {
        ULONG tag;
        USHORT length, reserved, offset, bytes, print_offset, print_bytes;
        WCHAR path[16];
    } point = {.tag = IO_REPARSE_TAG_MOUNT_POINT};
    static const WCHAR target[] = L"\\??\\D:\\";
    HANDLE handle = open_file("C:\\mount", &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE,
                                                                  .disposition = FILE_OPEN_IF,
                                                                  .options = FILE_DIRECTORY_FILE});
    point.bytes = sizeof target - sizeof(WCHAR);
    point.print_offset = sizeof target;
    memcpy(point.path, target, sizeof target);
    point.length = 8 + sizeof target + sizeof(WCHAR);
    assert_int_equal(fltsim_fsctl(handle, FSCTL_SET_REPARSE_POINT, &point, 8u + point.length, NULL, 0, NULL),
                     STATUS_SUCCESS);
    fltsim_close(handle);
}

static NTSTATUS first;

static void ask_first(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    ask_normalized(data, objects);
    if (calls == 1)
        first = last;
}

static void a_mount_point_leads_to_another_device(void)
{
    struct fltsim_volume *second;
    HANDLE handle;
    load();
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'D'}, &second), STATUS_SUCCESS);
    fltsim_make_directory("D:\\dir");
    make_mount_point();
    before = ask_first;
    assert_int_equal(fltsim_open("C:\\mount\\dir\\missing.txt", NULL, &handle), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(first, STATUS_NOT_SAME_DEVICE);
}

static void ask_tunneled(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_FILE_NAME_INFORMATION info, tunneled;
    last = FltGetFileNameInformation(data, FLT_FILE_NAME_NORMALIZED | FLT_FILE_NAME_QUERY_DEFAULT, &info);
    assert_int_equal(last, STATUS_SUCCESS);
    assert_int_equal(FltGetTunneledName(data, info, &tunneled), STATUS_SUCCESS);
    assert_null(tunneled);
    FltReleaseFileNameInformation(info);
}

static void a_name_that_did_not_tunnel_stays(void)
{
    load();
    after = ask_tunneled;
    fltsim_close(open_file("C:\\one.txt", NULL));
    assert_int_equal(calls, 1);
}

/* ---- a name provider below ------------------------------------------------------------------------------------------ */

static PFLT_FILTER provider;
static int generated, normalized, cleaned;
static bool provides_normalized, asks_below;

/* As file systems' own providers do: what is below itself has a name already. */
static NTSTATUS GenerateFromBelow(PFLT_INSTANCE instance, PFILE_OBJECT file, PFLT_CALLBACK_DATA data,
                                  FLT_FILE_NAME_OPTIONS options, PFLT_NAME_CONTROL name)
{
    PFLT_FILE_NAME_INFORMATION info;
    NTSTATUS status = data ? FltGetFileNameInformation(data, options, &info)
                           : FltGetFileNameInformationUnsafe(file, instance, options, &info);
    if (!NT_SUCCESS(status))
        return status;
    status = FltCheckAndGrowNameControl(name, info->Name.Length);
    if (NT_SUCCESS(status))
        RtlCopyUnicodeString(&name->Name, &info->Name);
    FltReleaseFileNameInformation(info);
    return status;
}

static NTSTATUS FLTAPI Generate(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PFLT_CALLBACK_DATA Data,
                                FLT_FILE_NAME_OPTIONS NameOptions, PBOOLEAN Cache, PFLT_NAME_CONTROL FileName)
{
    static const WCHAR tail[] = L"\\provi~1\\name";
    char device[64];
    generated++;
    if (asks_below)
        return GenerateFromBelow(Instance, FileObject, Data, NameOptions, FileName);
    if (FltGetFileNameFormat(NameOptions) == FLT_FILE_NAME_NORMALIZED && !provides_normalized)
        return STATUS_NOT_SUPPORTED;
    strcpy(device, fltsim_volume_device_name(volume));
    USHORT bytes = (USHORT)(strlen(device) * sizeof(WCHAR) + sizeof tail - sizeof(WCHAR));
    NTSTATUS status = FltCheckAndGrowNameControl(FileName, bytes);
    if (!NT_SUCCESS(status))
        return status;
    for (size_t i = 0; i < strlen(device); i++)
        FileName->Name.Buffer[i] = (WCHAR)device[i];
    memcpy(FileName->Name.Buffer + strlen(device), tail, sizeof tail - sizeof(WCHAR));
    FileName->Name.Length = bytes;
    *Cache = FALSE;
    return STATUS_SUCCESS;
}

static NTSTATUS FLTAPI Normalize(PFLT_INSTANCE Instance, PCUNICODE_STRING ParentDirectory, USHORT VolumeNameLength,
                                 PCUNICODE_STRING Component, PFILE_NAMES_INFORMATION Expand, ULONG Length,
                                 FLT_NORMALIZE_NAME_FLAGS Flags, PVOID *Context)
{
    static const WCHAR name[] = L"provided";
    normalized++;
    assert_string_equal(narrow(Component), "provi~1");
    assert_int_equal(ParentDirectory->Length, VolumeNameLength + sizeof(WCHAR));
    *Context = (PVOID)1;
    Expand->FileNameLength = sizeof name - sizeof(WCHAR);
    memcpy(Expand->FileName, name, Expand->FileNameLength);
    return STATUS_SUCCESS;
}

static VOID FLTAPI CleanNormalization(PVOID *Context)
{
    assert_ptr_equal(*Context, (PVOID)1);
    cleaned++;
}

static NTSTATUS FLTAPI UnloadProvider(FLT_FILTER_UNLOAD_FLAGS Flags)
{
    FltUnregisterFilter(provider);
    return STATUS_SUCCESS;
}

static NTSTATUS ProviderEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static const FLT_REGISTRATION registration = {.Size = sizeof registration,
                                                  .Version = FLT_REGISTRATION_VERSION,
                                                  .FilterUnloadCallback = UnloadProvider,
                                                  .GenerateFileNameCallback = Generate,
                                                  .NormalizeNameComponentCallback = Normalize,
                                                  .NormalizeContextCleanupCallback = CleanNormalization};
    NTSTATUS status = FltRegisterFilter(DriverObject, &registration, &provider);
    return NT_SUCCESS(status) ? FltStartFiltering(provider) : status;
}

static void load_provider(struct fltsim_driver **below)
{
    generated = normalized = cleaned = 0;
    provides_normalized = asks_below = false;
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.name = "provider",
                                                                 .entry = ProviderEntry,
                                                                 .altitude = "100000"},
                                 below),
                     STATUS_SUCCESS);
}

static void a_provider_asks_for_the_name_below_itself(void)
{
    struct fltsim_driver *below;
    load();
    load_provider(&below);
    asks_below = true;
    after = ask_opened;
    fltsim_close(open_file("C:\\real.txt", NULL));
    assert_string_equal(answer, "\\real.txt");
    assert_int_equal(generated, 1);
    after = ask_normalized;
    fltsim_close(open_file("C:\\real.txt", NULL));
    assert_string_equal(answer, "\\real.txt");
    assert_int_equal(generated, 2);
    assert_int_equal(normalized, 0);
}

static void names_come_from_the_provider_below(void)
{
    struct fltsim_driver *below;
    load();
    load_provider(&below);
    after = ask_opened;
    fltsim_close(open_file("C:\\real.txt", NULL));
    assert_string_equal(answer, "\\provi~1\\name");
    assert_int_equal(generated, 1);
    after = ask_normalized;
    fltsim_close(open_file("C:\\real.txt", NULL));
    assert_string_equal(answer, "\\provided\\name");
    assert_int_equal(generated, 3); /* normalized, refused; opened */
    assert_int_equal(normalized, 1);
    assert_int_equal(cleaned, 1);
    provides_normalized = true;
    fltsim_close(open_file("C:\\real.txt", NULL));
    assert_string_equal(answer, "\\provi~1\\name");
    assert_int_equal(normalized, 1);
    after = NULL;
    assert_int_equal(fltsim_unload(below), STATUS_SUCCESS);
    after = ask_opened;
    fltsim_close(open_file("C:\\real.txt", NULL));
    assert_string_equal(answer, "\\real.txt");
}

/* ---- a filter below that denies ------------------------------------------------------------------------------------- */

static FLT_PREOP_CALLBACK_STATUS FLTAPI Deny(PFLT_CALLBACK_DATA Data, PCFLT_RELATED_OBJECTS FltObjects, PVOID *Context)
{
    Data->IoStatus.Status = STATUS_ACCESS_DENIED;
    return FLT_PREOP_COMPLETE;
}

static NTSTATUS DenierEntry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static const FLT_OPERATION_REGISTRATION operations[] = {{IRP_MJ_QUERY_INFORMATION, 0, Deny, NULL, NULL},
                                                            {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL}};
    static const FLT_REGISTRATION registration = {.Size = sizeof registration,
                                                  .Version = FLT_REGISTRATION_VERSION,
                                                  .OperationRegistration = operations,
                                                  .FilterUnloadCallback = UnloadProvider};
    NTSTATUS status = FltRegisterFilter(DriverObject, &registration, &provider);
    return NT_SUCCESS(status) ? FltStartFiltering(provider) : status;
}

static void what_is_denied_below_is_denied(void)
{
    struct fltsim_driver *below;
    load();
    assert_int_equal(
        fltsim_load(&(struct fltsim_driver_options){.name = "denier", .entry = DenierEntry, .altitude = "100000"}, &below),
        STATUS_SUCCESS);
    after = ask_opened;
    fltsim_close(open_file("C:\\one.txt", NULL));
    assert_int_equal(last, STATUS_ACCESS_DENIED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(opened_names_are_as_the_program_gave_them),
        fltsim_unit_test(relative_opens_get_the_whole_name),
        fltsim_unit_test(normalized_names_have_the_case_of_the_disk),
        fltsim_unit_test(normalized_names_are_long),
        fltsim_unit_test(a_missing_file_has_a_name_and_a_missing_directory_none),
        fltsim_unit_test(short_names_only_of_open_files),
        fltsim_unit_test(a_target_directory_is_named),
        fltsim_unit_test(names_are_parsed),
        fltsim_unit_test(the_cache_answers_until_a_rename),
        fltsim_unit_test(after_cleanup_nothing_is_asked),
        fltsim_unit_test(destinations_of_renames_have_names),
        fltsim_unit_test(wrong_questions_get_their_statuses),
        fltsim_unit_test(a_name_that_is_kept_is_a_leak),
        fltsim_unit_test(a_name_that_is_released_later_is_no_leak),
        fltsim_unit_test(a_name_released_twice_is_a_bug_check),
        fltsim_unit_test(outside_of_operations_a_file_object_is_asked),
        fltsim_unit_test(memory_can_run_out),
        fltsim_unit_test(destinations_stay_on_the_volume),
        fltsim_unit_test(a_mount_point_leads_to_another_device),
        fltsim_unit_test(a_name_that_did_not_tunnel_stays),
        fltsim_unit_test(names_come_from_the_provider_below),
        fltsim_unit_test(a_provider_asks_for_the_name_below_itself),
        fltsim_unit_test(what_is_denied_below_is_denied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
