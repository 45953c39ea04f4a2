/* Creates aimed below an instance: in stacks of several frames with legacy filters between, above and below; through
 * reparse points; and who sees them, and what is done on the file that they open. */
#include "harness.h"

static struct fltsim_volume *volume;

/* ---- the stack: A | upper legacy filter | B C | lower legacy filter | file system ---- */

static void passed(UCHAR major, PFILE_OBJECT file, void *name)
{
    if (major == IRP_MJ_CREATE || major == IRP_MJ_READ || major == IRP_MJ_WRITE || major == IRP_MJ_CLEANUP)
        note("%s", (const char *)name);
}

static const struct fltsim_legacy below = {passed, "low"}, between = {passed, "mid"}, above = {passed, "top"};
static PDEVICE_OBJECT between_device;

static void load(struct probe *p)
{
    p->answer = FLT_PREOP_SUCCESS_WITH_CALLBACK;
    assert_int_equal(probe_load(p, NULL), STATUS_SUCCESS);
}

static void build(bool in_ea)
{
    assert_true(fltsim_start(&(struct fltsim_options){.target_in_ea = in_ea}));
    memset(probes, 0, sizeof probes);
    for (int i = 0; i < 3; i++)
        probes[i].letter = (char)('A' + i);
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C', .legacy = &below}, &volume), STATUS_SUCCESS);
    load(B);
    load(C);
    assert_int_equal(fltsim_attach_legacy(volume, &between, &between_device), STATUS_SUCCESS);
    load(A);
    assert_int_equal(fltsim_attach_legacy(volume, &above, NULL), STATUS_SUCCESS);
    noted();
}

static int start(void **state)
{
    build(false);
    return 0;
}

static int start_with_ea(void **state)
{
    build(true);
    return 0;
}

static int stop(void **state)
{
    for (int i = 0; i < 3; i++)
        if (probes[i].driver)
            assert_int_equal(probe_unload(&probes[i]), STATUS_SUCCESS);
    assert_int_equal(fltsim_stop(NULL), 0);
    noted();
    return 0;
}

/* ---- creating ---- */

static UNICODE_STRING wide(const char *text, WCHAR *buffer)
{
    USHORT length = 0;
    for (; text[length]; length++)
        buffer[length] = (WCHAR)text[length];
    return (UNICODE_STRING){.Buffer = buffer, .Length = (USHORT)(2 * length), .MaximumLength = (USHORT)(2 * length)};
}

enum way { FILE_PLAIN, FILE_EX, FILE_EX2 };

static NTSTATUS create(enum way way, struct probe *p, PFLT_INSTANCE instance, const char *path, ULONG disposition,
                       PIO_DRIVER_CREATE_CONTEXT context, PHANDLE handle, PFILE_OBJECT *file)
{
    WCHAR buffer[100];
    UNICODE_STRING name = wide(path, buffer);
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    ACCESS_MASK access = GENERIC_READ | GENERIC_WRITE | SYNCHRONIZE;
    ULONG share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    if (way == FILE_PLAIN)
        return FltCreateFile(p->filter, instance, handle, access, &attributes, &iosb, NULL, 0, share, disposition,
                             FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0, 0);
    if (way == FILE_EX)
        return FltCreateFileEx(p->filter, instance, handle, file, access, &attributes, &iosb, NULL, 0, share, disposition,
                               FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0, 0);
    return FltCreateFileEx2(p->filter, instance, handle, file, access, &attributes, &iosb, NULL, 0, share, disposition,
                            FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0, 0, context);
}

static void expect_seen(struct probe *p, PFLT_INSTANCE instance, const char *seen)
{
    for (enum way way = FILE_PLAIN; way <= FILE_EX2; way++) {
        HANDLE handle;
        assert_int_equal(create(way, p, instance, "\\??\\C:\\file", FILE_OPEN_IF, NULL, &handle, NULL), STATUS_SUCCESS);
        assert_string_equal(noted(), seen);
        assert_int_equal(FltClose(handle), STATUS_SUCCESS);
        noted();
    }
}

static void a_program_s_create_is_seen_by_everybody(void **state)
{
    HANDLE handle;
    assert_int_equal(fltsim_open("C:\\file", &(struct fltsim_open){.disposition = FILE_OPEN_IF}, &handle), STATUS_SUCCESS);
    assert_string_equal(noted(), "top A>create mid B>create C>create low C<create B<create A<create");
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    noted();
}

static void a_create_below_the_upper_frame_is_seen_by_all_that_is_below_it(void **state)
{
    expect_seen(A, A->instance, "mid B>create C>create low C<create B<create");
}

static void a_create_below_the_middle_is_seen_below_only(void **state)
{
    expect_seen(B, B->instance, "C>create low C<create");
}

static void a_create_below_the_lowest_is_seen_by_the_lower_legacy_filter(void **state)
{
    expect_seen(C, C->instance, "low");
}

static void an_unaimed_create_is_seen_by_everybody_its_issuer_too(void **state)
{
    expect_seen(C, NULL, "top A>create mid B>create C>create low C<create B<create A<create");
}

static void a_device_hint_aims_a_create_without_the_filter_manager(void **state)
{
    WCHAR buffer[100];
    UNICODE_STRING name = wide("\\??\\C:\\file", buffer);
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE handle;
    PDEVICE_OBJECT lower = IoGetLowerDeviceObject(between_device);
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    assert_int_equal(IoCreateFileSpecifyDeviceObjectHint(&handle, GENERIC_READ, &attributes, &iosb, NULL, 0, 7, FILE_OPEN_IF,
                                                         0, NULL, 0, CreateFileTypeNone, NULL, 0, lower),
                     STATUS_SUCCESS);
    assert_string_equal(noted(), "B>create C>create low C<create B<create");
    ObDereferenceObject(lower);
    assert_int_equal(ZwClose(handle), STATUS_SUCCESS);
    noted();
}

/* ---- pipes and mailslots ---- */

static FLT_PREOP_CALLBACK_STATUS see_pipe(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    for (int i = 0; i < 3; i++)
        if (probes[i].filter == objects->Filter)
            note("%c>%s", probes[i].letter, data->Iopb->MajorFunction == IRP_MJ_CREATE_NAMED_PIPE ? "pipe" : "slot");
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static const FLT_OPERATION_REGISTRATION pipe_operations[] = {
    {IRP_MJ_CREATE_NAMED_PIPE, 0, see_pipe, NULL, NULL},
    {IRP_MJ_CREATE_MAILSLOT, 0, see_pipe, NULL, NULL},
    {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL},
};

/* The file system has neither: what counts is who was asked on the way to it. */
static void expect_pipe(PFLT_INSTANCE instance, const char *pipe, const char *slot)
{
    WCHAR buffer[100];
    UNICODE_STRING name = wide("\\??\\C:\\pipe", buffer);
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE handle;
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, NULL, NULL);
    assert_int_equal(FltCreateNamedPipeFile(B->filter, instance, &handle, NULL, GENERIC_READ, &attributes, &iosb,
                                            FILE_SHARE_READ, FILE_OPEN_IF, 0, 0, 0, 0, 1, 0, 0, NULL, NULL),
                     STATUS_INVALID_DEVICE_REQUEST);
    assert_string_equal(noted(), pipe);
    assert_int_equal(FltCreateMailslotFile(B->filter, instance, &handle, NULL, GENERIC_READ, &attributes, &iosb, 0, 0, 0, NULL,
                                           NULL),
                     STATUS_INVALID_DEVICE_REQUEST);
    assert_string_equal(noted(), slot);
}

static void pipes_and_mailslots_are_aimed_as_files_are(void **state)
{
    for (int i = 0; i < 3; i++) {
        if (probes[i].driver)
            assert_int_equal(probe_unload(&probes[i]), STATUS_SUCCESS);
        probes[i].operations = pipe_operations;
    }
    load(B);
    load(C);
    load(A);
    noted();
    expect_pipe(NULL, "A>pipe B>pipe C>pipe", "A>slot B>slot C>slot");
    expect_pipe(A->instance, "B>pipe C>pipe", "B>slot C>slot");
    expect_pipe(B->instance, "C>pipe", "C>slot");
    expect_pipe(C->instance, "", "");
}

/* ---- what is done with the handle ---- */

static void io_by_handle_stays_below_like_the_create(void **state)
{
    HANDLE handle;
    IO_STATUS_BLOCK iosb;
    LARGE_INTEGER offset = {.QuadPart = 0};
    PFILE_OBJECT file;
    ULONG done;

    assert_int_equal(create(FILE_EX, A, A->instance, "\\??\\C:\\file", FILE_OPEN_IF, NULL, &handle, &file), STATUS_SUCCESS);
    noted();
    assert_int_equal(FltWriteFile(A->instance, file, &offset, 2, "hi", 0, &done, NULL, NULL), STATUS_SUCCESS);
    const char *seen = noted();
    assert_non_null(strstr(seen, "mid B>write C>write"));
    assert_null(strstr(seen, "A>"));
    assert_null(strstr(seen, "top"));
    char text[4];
    assert_int_equal(ZwReadFile(handle, NULL, NULL, NULL, &iosb, text, 2, &offset, NULL), STATUS_SUCCESS);
    seen = noted();
    assert_non_null(strstr(seen, "B>read"));
    assert_null(strstr(seen, "A>read"));
    ObDereferenceObject(file);
    assert_int_equal(FltClose(handle), STATUS_SUCCESS);
    seen = noted();
    assert_non_null(strstr(seen, "mid B>cleanup"));
    assert_null(strstr(seen, "A>"));
}

/* ---- reparse points ---- */

static void make_mount_point(const char *directory, const char *target)
{
    struct {
        REPARSE_DATA_BUFFER data;
        WCHAR more[64];
    } point = {0};
    HANDLE handle;
    USHORT units = 0;
    assert_int_equal(fltsim_open(directory, &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE,
                                                                  .disposition = FILE_OPEN_IF,
                                                                  .options = FILE_DIRECTORY_FILE}, &handle),
                     STATUS_SUCCESS);
    point.data.ReparseTag = IO_REPARSE_TAG_MOUNT_POINT;
    WCHAR *path = point.data.MountPointReparseBuffer.PathBuffer;
    for (; target[units]; units++)
        path[units] = (WCHAR)target[units];
    point.data.MountPointReparseBuffer.SubstituteNameLength = (USHORT)(2 * units);
    point.data.MountPointReparseBuffer.PrintNameOffset = (USHORT)(2 * units + 2);
    point.data.ReparseDataLength = (USHORT)(8 + 2 * units + 4);
    assert_int_equal(fltsim_fsctl(handle, FSCTL_SET_REPARSE_POINT, &point,
                                  REPARSE_DATA_BUFFER_HEADER_SIZE + point.data.ReparseDataLength, NULL, 0, NULL),
                     STATUS_SUCCESS);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    noted();
}

static void each_try_of_a_reparse_stays_aimed(void **state)
{
    HANDLE handle;
    assert_int_equal(fltsim_make_directory("C:\\real"), STATUS_SUCCESS);
    make_mount_point("C:\\link", "\\??\\C:\\real");
    assert_int_equal(create(FILE_EX, B, B->instance, "\\??\\C:\\link\\file", FILE_OPEN_IF, NULL, &handle, NULL), STATUS_SUCCESS);
    assert_string_equal(noted(), "C>create low C<create C>create low C<create");
    assert_int_equal(FltClose(handle), STATUS_SUCCESS);
    noted();
}

static void mount_second(void)
{
    struct fltsim_volume *second;
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'D'}, &second), STATUS_SUCCESS);
    assert_int_equal(fltsim_make_directory("D:\\real"), STATUS_SUCCESS); /* filters attach */
    make_mount_point("C:\\link", "\\??\\D:\\real");
}

static void a_create_that_leaves_the_volume_is_refused(void **state)
{
    HANDLE handle;
    PFLT_INSTANCE instance = B->instance;
    mount_second();
    assert_int_equal(create(FILE_EX, B, instance, "\\??\\C:\\link\\file", FILE_OPEN_IF, NULL, &handle, NULL),
                     STATUS_MOUNT_POINT_NOT_RESOLVED);
    assert_int_equal(create(FILE_EX, B, instance, "\\??\\D:\\file", FILE_OPEN_IF, NULL, &handle, NULL),
                     STATUS_INVALID_DEVICE_OBJECT_PARAMETER);
    noted();
}

/* ---- FLT_CREATEFILE_TARGET_ECP_CONTEXT ---- */

static const GUID target_type = {0x96e1dafb, 0x3162, 0x4bee, {0xa4, 0x49, 0x02, 0xf7, 0x04, 0x90, 0x03, 0x88}};

static PFLT_CREATEFILE_TARGET_ECP_CONTEXT wish(PIO_DRIVER_CREATE_CONTEXT context, USHORT flags)
{
    PFLT_CREATEFILE_TARGET_ECP_CONTEXT ecp;
    IoInitializeDriverCreateContext(context);
    assert_int_equal(FltAllocateExtraCreateParameterList(B->filter, 0, &context->ExtraCreateParameter), STATUS_SUCCESS);
    assert_int_equal(FltAllocateExtraCreateParameter(B->filter, &target_type, sizeof *ecp, 0, NULL, 'psiw', (PVOID *)&ecp),
                     STATUS_SUCCESS);
    ecp->Flags = flags;
    assert_int_equal(FltInsertExtraCreateParameter(B->filter, context->ExtraCreateParameter, ecp), STATUS_SUCCESS);
    return ecp;
}

static void expect_name(PFLT_FILE_NAME_INFORMATION info, const char *expected)
{
    char text[100];
    trace_utf8((const uint16_t *)info->Name.Buffer, info->Name.Length, text, sizeof text);
    assert_string_equal(text, expected);
}

static void a_target_ecp_is_told_where_the_name_leads(void **state)
{
    IO_DRIVER_CREATE_CONTEXT context;
    HANDLE handle;
    PFLT_INSTANCE instance = B->instance;
    mount_second();
    PFLT_CREATEFILE_TARGET_ECP_CONTEXT ecp = wish(&context, 0);
    assert_int_equal(create(FILE_EX2, B, instance, "\\??\\C:\\link\\file", FILE_OPEN_IF, &context, &handle, NULL),
                     STATUS_MOUNT_POINT_NOT_RESOLVED);
    assert_true(FltIsEcpAcknowledged(B->filter, ecp));
    expect_name(ecp->FileNameInformation, "\\Device\\HarddiskVolume2\\real\\file");
    assert_int_equal(FltParseFileNameInformation(ecp->FileNameInformation), STATUS_SUCCESS);
    assert_ptr_equal(ecp->Instance->Filter, B->filter);
    assert_ptr_equal(ecp->Instance->Volume, ecp->Volume);
    noted();
    WCHAR name[100];
    memcpy(name, ecp->FileNameInformation->Name.Buffer, ecp->FileNameInformation->Name.Length);
    FltReleaseFileNameInformation(ecp->FileNameInformation);
    assert_int_equal(create(FILE_EX2, B, ecp->Instance, "\\??\\D:\\real\\file", FILE_OPEN_IF, NULL, &handle, NULL), STATUS_SUCCESS);
    assert_string_equal(noted(), "C>create C<create");
    FltObjectDereference(ecp->Instance);
    FltObjectDereference(ecp->Volume);
    FltFreeExtraCreateParameterList(B->filter, context.ExtraCreateParameter);
    assert_int_equal(FltClose(handle), STATUS_SUCCESS);
    noted();
}

static void auto_reparse_goes_on_below_the_filter_s_instance_there(void **state)
{
    IO_DRIVER_CREATE_CONTEXT context;
    HANDLE handle;
    PFLT_INSTANCE instance = B->instance;
    mount_second();
    PFLT_CREATEFILE_TARGET_ECP_CONTEXT ecp = wish(&context, FLTTCFL_AUTO_REPARSE);
    assert_int_equal(create(FILE_EX2, B, instance, "\\??\\C:\\link\\file", FILE_OPEN_IF, &context, &handle, NULL),
                     STATUS_SUCCESS);
    assert_string_equal(noted(), "C>create low C<create C>create C<create");
    assert_false(FltIsEcpAcknowledged(B->filter, ecp));
    assert_null(ecp->Volume);
    FltFreeExtraCreateParameterList(B->filter, context.ExtraCreateParameter);
    assert_int_equal(FltClose(handle), STATUS_SUCCESS);
    noted();
}

static void auto_reparse_tells_the_volume_where_the_filter_has_no_instance(void **state)
{
    IO_DRIVER_CREATE_CONTEXT context;
    HANDLE handle;
    struct fltsim_volume *second;
    PFLT_INSTANCE instance = B->instance;
    B->setup_status = STATUS_FLT_DO_NOT_ATTACH;
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'D'}, &second), STATUS_SUCCESS);
    assert_int_equal(fltsim_make_directory("D:\\real"), STATUS_SUCCESS);
    make_mount_point("C:\\link", "\\??\\D:\\real");
    PFLT_CREATEFILE_TARGET_ECP_CONTEXT ecp = wish(&context, FLTTCFL_AUTO_REPARSE);
    assert_int_equal(create(FILE_EX2, B, instance, "\\??\\C:\\link", FILE_OPEN, &context, &handle, NULL),
                     STATUS_MOUNT_POINT_NOT_RESOLVED);
    assert_true(FltIsEcpAcknowledged(B->filter, ecp));
    assert_null(ecp->Instance);
    expect_name(ecp->FileNameInformation, "\\Device\\HarddiskVolume2\\real");
    FltReleaseFileNameInformation(ecp->FileNameInformation);
    FltObjectDereference(ecp->Volume);
    FltFreeExtraCreateParameterList(B->filter, context.ExtraCreateParameter);
    noted();
}

/* ---- a list that is passed on ---- */

static bool pass_on_aimed;

static FLT_PREOP_CALLBACK_STATUS pass_on(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    IO_DRIVER_CREATE_CONTEXT own;
    HANDLE handle;
    p->pre = NULL;
    IoInitializeDriverCreateContext(&own);
    assert_int_equal(FltGetEcpListFromCallbackData(p->filter, data, &own.ExtraCreateParameter), STATUS_SUCCESS);
    assert_int_equal(create(FILE_EX2, p, pass_on_aimed ? objects->Instance : NULL, "\\??\\C:\\other", FILE_OPEN_IF, &own, &handle,
                            NULL),
                     STATUS_SUCCESS);
    note("|");
    FltClose(handle);
    return FLT_PREOP_SUCCESS_WITH_CALLBACK;
}

static void a_list_of_an_aimed_create_can_be_passed_on_to_another(void **state)
{
    HANDLE handle;
    B->pre = pass_on;
    pass_on_aimed = true;
    assert_int_equal(create(FILE_EX, A, A->instance, "\\??\\C:\\file", FILE_OPEN_IF, NULL, &handle, NULL), STATUS_SUCCESS);
    assert_string_equal(noted(), "mid B>create C>create low C<create | C>cleanup low C>create low C<create B<create");
    assert_int_equal(FltClose(handle), STATUS_SUCCESS);
    noted();
}

static void an_unaimed_create_with_such_a_list_is_seen_by_everybody(void **state)
{
    HANDLE handle;
    B->pre = pass_on;
    pass_on_aimed = false;
    assert_int_equal(create(FILE_EX, A, A->instance, "\\??\\C:\\file", FILE_OPEN_IF, NULL, &handle, NULL), STATUS_SUCCESS);
    assert_non_null(strstr(noted(), "mid B>create top A>create mid B>create C>create low"));
    assert_int_equal(FltClose(handle), STATUS_SUCCESS);
    noted();
}

/* ---- as before Windows Vista ---- */

static void the_target_in_an_extended_attribute_is_hidden_from_those_below(void **state)
{
    HANDLE handle;
    PFILE_OBJECT file;
    UCHAR buffer[256];
    ULONG length;
    expect_seen(A, A->instance, "mid B>create C>create low C<create B<create");
    expect_seen(B, B->instance, "C>create low C<create");
    assert_int_equal(create(FILE_EX, A, A->instance, "\\??\\C:\\new", FILE_CREATE, NULL, &handle, &file), STATUS_SUCCESS);
    assert_int_equal(FltQueryEaFile(A->instance, file, buffer, sizeof buffer, FALSE, NULL, 0, NULL, TRUE, &length),
                     STATUS_NO_EAS_ON_FILE);
    ObDereferenceObject(file);
    assert_int_equal(FltClose(handle), STATUS_SUCCESS);
    noted();
}

static void the_caller_s_own_extended_attributes_arrive_all_the_same(void **state)
{
    struct {
        FILE_FULL_EA_INFORMATION header;
        CHAR more[16];
    } ea = {{.EaNameLength = 3, .EaValueLength = 2}, {0}};
    WCHAR text[40];
    UNICODE_STRING name = wide("\\??\\C:\\new", text);
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    HANDLE handle;
    PFILE_OBJECT file;
    UCHAR buffer[256];
    ULONG length;
    memcpy(ea.header.EaName, "OWN\0hi", 6);
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, NULL, NULL);
    assert_int_equal(FltCreateFileEx(B->filter, B->instance, &handle, &file, GENERIC_ALL, &attributes, &iosb, NULL, 0, 7,
                                     FILE_CREATE, 0, &ea, FIELD_OFFSET(FILE_FULL_EA_INFORMATION, EaName) + 6, 0),
                     STATUS_SUCCESS);
    assert_int_equal(FltQueryEaFile(B->instance, file, buffer, sizeof buffer, FALSE, NULL, 0, NULL, TRUE, &length),
                     STATUS_SUCCESS);
    PFILE_FULL_EA_INFORMATION got = (PFILE_FULL_EA_INFORMATION)buffer;
    assert_string_equal(got->EaName, "OWN");
    assert_int_equal(got->NextEntryOffset, 0);
    ObDereferenceObject(file);
    assert_int_equal(FltClose(handle), STATUS_SUCCESS);
    noted();
}

static void a_program_cannot_aim_by_an_extended_attribute(void **state)
{
    struct {
        FILE_FULL_EA_INFORMATION header;
        CHAR more[32];
    } ea = {{.EaNameLength = 13, .EaValueLength = 8}, {0}};
    HANDLE handle;
    memcpy(ea.header.EaName, "FltMgr.Target\0********", 22);
    assert_int_equal(fltsim_open("C:\\new", &(struct fltsim_open){.disposition = FILE_OPEN_IF, .ea = &ea, .ea_length = 32},
                                 &handle),
                     STATUS_SUCCESS);
    assert_string_equal(noted(), "top A>create mid B>create C>create low C<create B<create A<create");
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    noted();
}

/* ---- creates within creates ---- */

static unsigned depth, deepest;

static FLT_PREOP_CALLBACK_STATUS open_again(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    HANDLE handle;
    if (data->Iopb->MajorFunction != IRP_MJ_CREATE)
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    if (++depth > deepest)
        deepest = depth;
    if (NT_SUCCESS(create(FILE_EX, p, p->context ? objects->Instance : NULL, "\\??\\C:\\again", FILE_OPEN_IF, NULL, &handle, NULL)))
        FltClose(handle);
    depth--;
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static void unaimed_creates_of_two_filters_end_at_a_bounded_depth(void **state)
{
    HANDLE handle;
    depth = deepest = 0;
    A->quiet = B->quiet = C->quiet = true;
    A->pre = C->pre = open_again;
    fltsim_expect("create-recursion");
    assert_int_equal(fltsim_open("C:\\x", &(struct fltsim_open){.disposition = FILE_OPEN_IF}, &handle), STATUS_SUCCESS);
    A->pre = C->pre = NULL;
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    assert_in_range(deepest, 8, 24);
    noted();
}

static void aimed_creates_of_each_filter_meet_nobody(void **state)
{
    HANDLE handle;
    depth = deepest = 0;
    for (int i = 0; i < 3; i++) {
        probes[i].pre = open_again;
        probes[i].context = &probes[i];
    }
    assert_int_equal(fltsim_open("C:\\x", &(struct fltsim_open){.disposition = FILE_OPEN_IF}, &handle), STATUS_SUCCESS);
    assert_int_equal(deepest, 3);
    for (int i = 0; i < 3; i++)
        probes[i].pre = NULL;
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    noted();
}

static FLT_PREOP_CALLBACK_STATUS open_twice(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    if (data->Iopb->MajorFunction == IRP_MJ_CREATE && depth < 3)
        return open_again(p, data, objects, context);
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static void creates_that_meet_themselves_and_end_are_no_recursion(void **state)
{
    HANDLE handle;
    depth = deepest = 0;
    B->pre = open_twice;
    B->context = NULL;
    assert_int_equal(fltsim_open("C:\\x", &(struct fltsim_open){.disposition = FILE_OPEN_IF}, &handle), STATUS_SUCCESS);
    assert_int_equal(deepest, 3);
    B->pre = NULL;
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    noted();
}

/* ---- the top-level IRP ---- */

static void a_create_with_a_top_level_irp_set_is_reported(void **state)
{
    HANDLE handle;
    IoSetTopLevelIrp((PIRP)FSRTL_FSP_TOP_LEVEL_IRP);
    fltsim_expect("create-top-level-irp");
    assert_int_equal(create(FILE_EX, B, B->instance, "\\??\\C:\\x", FILE_OPEN_IF, NULL, &handle, NULL), STATUS_SUCCESS);
    IoSetTopLevelIrp(NULL);
    assert_int_equal(FltClose(handle), STATUS_SUCCESS);
    noted();
}

static void a_create_after_it_was_put_back_is_not(void **state)
{
    HANDLE handle;
    PIRP before = IoGetTopLevelIrp();
    IoSetTopLevelIrp((PIRP)FSRTL_FSP_TOP_LEVEL_IRP);
    IoSetTopLevelIrp(before);
    assert_int_equal(create(FILE_EX, B, B->instance, "\\??\\C:\\x", FILE_OPEN_IF, NULL, &handle, NULL), STATUS_SUCCESS);
    assert_int_equal(FltClose(handle), STATUS_SUCCESS);
    noted();
}

static FLT_PREOP_CALLBACK_STATUS leave_top_level(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                                 PVOID *context)
{
    IoSetTopLevelIrp(p->context);
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static void a_callback_that_leaves_a_top_level_irp_behind_is_reported(void **state)
{
    HANDLE handle;
    B->pre = leave_top_level;
    B->context = (PVOID)(ULONG_PTR)FSRTL_FSP_TOP_LEVEL_IRP;
    fltsim_expect("create-top-level-irp");
    assert_int_equal(fltsim_open("C:\\x", &(struct fltsim_open){.disposition = FILE_OPEN_IF}, &handle), STATUS_SUCCESS);
    B->pre = NULL;
    assert_null(IoGetTopLevelIrp());
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    noted();
}

/* ---- a file object that is not open yet ---- */

static FLT_PREOP_CALLBACK_STATUS ask_too_early(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                               PVOID *context)
{
    FILE_STANDARD_INFORMATION info;
    if (data->Iopb->MajorFunction == IRP_MJ_CREATE)
        assert_false(NT_SUCCESS(FltQueryInformationFile(objects->Instance, objects->FileObject, &info, sizeof info,
                                                        FileStandardInformation, NULL)));
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static FLT_PREOP_CALLBACK_STATUS read_too_early(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                                PVOID *context)
{
    LARGE_INTEGER offset = {.QuadPart = 0};
    char text[4];
    ULONG done;
    if (data->Iopb->MajorFunction == IRP_MJ_CREATE)
        assert_false(NT_SUCCESS(FltReadFile(objects->Instance, objects->FileObject, &offset, sizeof text, text, 0, &done, NULL,
                                            NULL)));
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static FLT_POSTOP_CALLBACK_STATUS ask_in_time(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                              PVOID context, FLT_POST_OPERATION_FLAGS flags)
{
    FILE_STANDARD_INFORMATION info;
    if (data->Iopb->MajorFunction == IRP_MJ_CREATE)
        assert_int_equal(FltQueryInformationFile(objects->Instance, objects->FileObject, &info, sizeof info,
                                                 FileStandardInformation, NULL),
                         STATUS_SUCCESS);
    return FLT_POSTOP_FINISHED_PROCESSING;
}

/* Another file, opened by the callback itself, is nothing early. */
static FLT_PREOP_CALLBACK_STATUS ask_another(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                             PVOID *context)
{
    FILE_STANDARD_INFORMATION info;
    PFILE_OBJECT file;
    HANDLE handle;
    if (data->Iopb->MajorFunction != IRP_MJ_CREATE)
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    assert_int_equal(create(FILE_EX, p, objects->Instance, "\\??\\C:\\x", FILE_OPEN_IF, NULL, &handle, &file), STATUS_SUCCESS);
    assert_int_equal(FltQueryInformationFile(objects->Instance, file, &info, sizeof info, FileStandardInformation, NULL),
                     STATUS_SUCCESS);
    ObDereferenceObject(file);
    FltClose(handle);
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static void open_once(void)
{
    HANDLE handle;
    assert_int_equal(fltsim_open("C:\\x", &(struct fltsim_open){.disposition = FILE_OPEN_IF}, &handle), STATUS_SUCCESS);
    B->pre = NULL;
    B->post = NULL;
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    noted();
}

static void asking_a_file_in_its_pre_create_is_reported(void **state)
{
    B->pre = ask_too_early;
    fltsim_expect("file-object-used-before-create");
    open_once();
}

static FLT_PREOP_CALLBACK_STATUS whether_directory_too_early(struct probe *p, PFLT_CALLBACK_DATA data,
                                                             PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    BOOLEAN directory;
    if (data->Iopb->MajorFunction == IRP_MJ_CREATE)
        FltIsDirectory(objects->FileObject, objects->Instance, &directory);
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static void asking_whether_it_is_a_directory_there_is_reported_once(void **state)
{
    B->pre = whether_directory_too_early;
    fltsim_expect("file-object-used-before-create");
    open_once();
}

static void reading_a_file_in_its_pre_create_is_reported(void **state)
{
    B->pre = read_too_early;
    fltsim_expect("file-object-used-before-create");
    open_once();
}

static void asking_it_in_post_create_is_not(void **state)
{
    B->post = ask_in_time;
    open_once();
}

static void asking_a_file_that_the_callback_opened_itself_is_not(void **state)
{
    B->pre = ask_another;
    open_once();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)
#define EA_CASE(name) cmocka_unit_test_setup_teardown(name, start_with_ea, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_program_s_create_is_seen_by_everybody),
        CASE(a_create_below_the_upper_frame_is_seen_by_all_that_is_below_it),
        CASE(a_create_below_the_middle_is_seen_below_only),
        CASE(a_create_below_the_lowest_is_seen_by_the_lower_legacy_filter),
        CASE(an_unaimed_create_is_seen_by_everybody_its_issuer_too),
        CASE(a_device_hint_aims_a_create_without_the_filter_manager),
        CASE(pipes_and_mailslots_are_aimed_as_files_are),
        CASE(io_by_handle_stays_below_like_the_create),
        CASE(each_try_of_a_reparse_stays_aimed),
        CASE(a_create_that_leaves_the_volume_is_refused),
        CASE(a_target_ecp_is_told_where_the_name_leads),
        CASE(auto_reparse_goes_on_below_the_filter_s_instance_there),
        CASE(auto_reparse_tells_the_volume_where_the_filter_has_no_instance),
        CASE(a_list_of_an_aimed_create_can_be_passed_on_to_another),
        CASE(an_unaimed_create_with_such_a_list_is_seen_by_everybody),
        EA_CASE(each_try_of_a_reparse_stays_aimed),
        EA_CASE(pipes_and_mailslots_are_aimed_as_files_are),
        EA_CASE(the_target_in_an_extended_attribute_is_hidden_from_those_below),
        EA_CASE(the_caller_s_own_extended_attributes_arrive_all_the_same),
        EA_CASE(a_program_cannot_aim_by_an_extended_attribute),
        CASE(unaimed_creates_of_two_filters_end_at_a_bounded_depth),
        CASE(aimed_creates_of_each_filter_meet_nobody),
        CASE(creates_that_meet_themselves_and_end_are_no_recursion),
        CASE(a_create_with_a_top_level_irp_set_is_reported),
        CASE(a_create_after_it_was_put_back_is_not),
        CASE(a_callback_that_leaves_a_top_level_irp_behind_is_reported),
        CASE(asking_a_file_in_its_pre_create_is_reported),
        CASE(asking_whether_it_is_a_directory_there_is_reported_once),
        CASE(reading_a_file_in_its_pre_create_is_reported),
        CASE(asking_it_in_post_create_is_not),
        CASE(asking_a_file_that_the_callback_opened_itself_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
