/* What a create brings back (FltRequestFileInfoOnCreateCompletion), and the oplock keys that it leaves on its file
 * object: each status that the pages give. */
#include <initguid.h>

#include "stage.h"

#define ALL (QoCFileStatInformation | QoCFileLxInformation | QoCFileEaInformation)

static ULONG wanted;
static NTSTATUS requested;
static struct retrieved {
    NTSTATUS status;
    ULONG size;
    PVOID buffer; /* what the routine without a status answers */
    union {
        QUERY_ON_CREATE_FILE_STAT_INFORMATION stat;
        QUERY_ON_CREATE_FILE_LX_INFORMATION lx;
        QUERY_ON_CREATE_EA_INFORMATION ea;
    };
    UCHAR eas[256];
} got[4]; /* by the class's bit */

static void request(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    requested = wanted ? FltRequestFileInfoOnCreateCompletion(stage.filter, data, wanted) : STATUS_SUCCESS;
}

static void retrieve(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    for (int bit = 0; bit < 4; bit++) {
        struct retrieved *r = &got[bit];
        PVOID buffer = r;
        ULONG size = 1;
        memset(r, 0, sizeof *r);
        r->status = FltRetrieveFileInfoOnCreateCompletionEx(stage.filter, data, 1u << bit, &r->size, &buffer);
        r->buffer = FltRetrieveFileInfoOnCreateCompletion(stage.filter, data, 1u << bit, &size);
        assert_int_equal(size, r->size);
        assert_ptr_equal(buffer, r->buffer);
        assert_int_equal(buffer != NULL, NT_SUCCESS(r->status));
        if (buffer)
            memcpy(&r->stat, buffer, r->size);
        if (buffer && bit == 2) {
            assert_true(r->ea.EaBufferSize <= sizeof r->eas);
            memcpy(r->eas, r->ea.EaBuffer, r->ea.EaBufferSize);
        }
    }
}

static struct retrieved *stat_of(void) { return &got[0]; }
static struct retrieved *lx_of(void) { return &got[1]; }
static struct retrieved *ea_of(void) { return &got[2]; }

static void open_watched(const char *path, const struct fltsim_open *how)
{
    HANDLE handle;
    stage_watch(IRP_MJ_CREATE, request, retrieve);
    succeeds(fltsim_open(path, how, &handle));
    stage_saw();
    succeeds(fltsim_close(handle));
}

/* ---- what comes back ---- */

static void the_file_s_stat_is_what_a_query_says(void)
{
    FILE_STANDARD_INFORMATION standard;
    FILE_BASIC_INFORMATION basic;
    FILE_INTERNAL_INFORMATION internal;
    HANDLE handle;
    stage_set();
    handle = stage_open("C:\\f");
    succeeds(fltsim_write(handle, "12345", 5, 0, NULL));
    succeeds(fltsim_link(handle, "C:\\g", false));
    wanted = QoCFileStatInformation;
    open_watched("C:\\g", NULL);
    succeeds(requested);
    succeeds(stat_of()->status);
    assert_int_equal(stat_of()->size, sizeof stat_of()->stat);
    succeeds(fltsim_query(handle, FileStandardInformation, &standard, sizeof standard));
    succeeds(fltsim_query(handle, FileBasicInformation, &basic, sizeof basic));
    succeeds(fltsim_query(handle, FileInternalInformation, &internal, sizeof internal));
    assert_int_equal(stat_of()->stat.EndOfFile.QuadPart, 5);
    assert_int_equal(stat_of()->stat.AllocationSize.QuadPart, standard.AllocationSize.QuadPart);
    assert_int_equal(stat_of()->stat.NumberOfLinks, 2);
    assert_int_equal(stat_of()->stat.FileId.QuadPart, internal.IndexNumber.QuadPart);
    assert_int_equal(stat_of()->stat.CreationTime.QuadPart, basic.CreationTime.QuadPart);
    assert_int_equal(stat_of()->stat.LastWriteTime.QuadPart, basic.LastWriteTime.QuadPart);
    assert_int_equal(stat_of()->stat.ChangeTime.QuadPart, basic.ChangeTime.QuadPart);
    assert_int_equal(stat_of()->stat.FileAttributes, basic.FileAttributes);
    assert_int_equal(stat_of()->stat.ReparseTag, 0);
    fltsim_close(handle);
    answers(STATUS_NOT_SUPPORTED, lx_of()->status); /* nobody asked for that */
    answers(STATUS_NOT_SUPPORTED, ea_of()->status);
}

static void a_file_that_the_create_makes_has_a_stat_too(void)
{
    stage_set();
    wanted = QoCFileStatInformation;
    open_watched("C:\\new", &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_CREATE});
    succeeds(stat_of()->status);
    assert_int_equal(stat_of()->stat.NumberOfLinks, 1);
    assert_int_equal(stat_of()->stat.EndOfFile.QuadPart, 0);
    open_watched("C:\\", &(struct fltsim_open){.options = FILE_DIRECTORY_FILE});
    assert_true(stat_of()->stat.FileAttributes & FILE_ATTRIBUTE_DIRECTORY);
}

struct one_ea {
    FILE_FULL_EA_INFORMATION head;
    CHAR rest[32];
};

static void make_ea(struct one_ea *ea, const char *name, const void *value, USHORT length)
{
    memset(ea, 0, sizeof *ea);
    ea->head.EaNameLength = (UCHAR)strlen(name);
    ea->head.EaValueLength = length;
    memcpy(ea->head.EaName, name, strlen(name) + 1);
    memcpy(ea->head.EaName + strlen(name) + 1, value, length);
}

static void create_with_ea(const char *path, const char *name, const void *value, USHORT length)
{
    struct one_ea ea;
    HANDLE handle;
    make_ea(&ea, name, value, length);
    succeeds(fltsim_open(path, &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_CREATE, .ea = &ea,
                                                     .ea_length = sizeof ea}, &handle));
    fltsim_close(handle);
}

static void extended_attributes_come_as_a_list(void)
{
    stage_set();
    create_with_ea("C:\\f", "COLOR", "red", 3);
    wanted = QoCFileEaInformation;
    open_watched("C:\\f", NULL);
    succeeds(ea_of()->status);
    const FILE_FULL_EA_INFORMATION *ea = (PVOID)ea_of()->eas;
    assert_int_equal(ea->NextEntryOffset, 0);
    assert_string_equal(ea->EaName, "COLOR");
    assert_memory_equal(ea->EaName + 6, "red", 3);
}

static void linux_metadata_comes_from_its_extended_attributes(void)
{
    static const ULONG uid = 1000;
    stage_set();
    create_with_ea("C:\\f", "$LXUID", &uid, sizeof uid);
    wanted = QoCFileLxInformation;
    open_watched("C:\\f", &(struct fltsim_open){.access = FILE_READ_DATA});
    succeeds(lx_of()->status);
    assert_int_equal(lx_of()->lx.LxFlags, LX_FILE_METADATA_HAS_UID);
    assert_int_equal(lx_of()->lx.LxUid, uid);
    assert_true(lx_of()->lx.EffectiveAccess & FILE_READ_DATA);
}

static void what_the_file_has_not_is_not_found(void)
{
    stage_set();
    fltsim_close(stage_open("C:\\f"));
    wanted = ALL | 0x8;
    open_watched("C:\\f", NULL);
    succeeds(stat_of()->status);
    answers(STATUS_NOT_FOUND, lx_of()->status);
    answers(STATUS_NOT_FOUND, ea_of()->status);
    answers(STATUS_NOT_FOUND, got[3].status); /* a class that the file system does not know */
}

static void who_did_not_ask_is_not_answered(void)
{
    stage_set();
    fltsim_close(stage_open("C:\\f"));
    wanted = 0;
    open_watched("C:\\f", NULL);
    answers(STATUS_NOT_SUPPORTED, stat_of()->status);
}

static void fat_does_not_know_the_parameter(void)
{
    stage_mount(FLTSIM_FAT);
    stage_load();
    fltsim_close(stage_open("C:\\f"));
    wanted = ALL;
    open_watched("C:\\f", NULL);
    succeeds(requested);
    answers(STATUS_NOT_SUPPORTED, stat_of()->status);
    answers(STATUS_NOT_SUPPORTED, lx_of()->status);
    answers(STATUS_NOT_SUPPORTED, ea_of()->status);
}

static void starve_the_file_system(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    request(data, objects);
    fltsim_fail_allocation(1);
}

static void retrieve_starved(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    assert_true(fltsim_allocation_failed());
    fltsim_fail_allocation(0);
    retrieve(data, objects);
}

static void a_file_system_that_fails_to_find_out_says_so(void)
{
    HANDLE handle;
    stage_set();
    create_with_ea("C:\\f", "COLOR", "red", 3);
    wanted = QoCFileEaInformation;
    stage_watch(IRP_MJ_CREATE, starve_the_file_system, retrieve_starved);
    succeeds(fltsim_open("C:\\f", NULL, &handle));
    stage_saw();
    fltsim_close(handle);
    answers(STATUS_UNSUCCESSFUL, ea_of()->status);
}

/* ---- asking ---- */

static void request_starving(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    for (int n = 1; n <= 2; n++) { /* the list, the parameter */
        fltsim_fail_allocation(n);
        answers(STATUS_INSUFFICIENT_RESOURCES, FltRequestFileInfoOnCreateCompletion(stage.filter, data, ALL));
        fltsim_fail_allocation(0);
    }
    succeeds(FltRequestFileInfoOnCreateCompletion(stage.filter, data, QoCFileStatInformation));
}

static void asking_needs_memory(void)
{
    HANDLE handle;
    stage_set();
    fltsim_close(stage_open("C:\\f"));
    stage_watch(IRP_MJ_CREATE, request_starving, retrieve);
    succeeds(fltsim_open("C:\\f", NULL, &handle));
    stage_saw();
    succeeds(stat_of()->status);
    fltsim_close(handle);
}

static void ask_elsewhere(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PVOID buffer;
    ULONG size;
    answers(STATUS_INVALID_PARAMETER_2, FltRequestFileInfoOnCreateCompletion(stage.filter, data, ALL));
    answers(STATUS_NOT_SUPPORTED,
            FltRetrieveFileInfoOnCreateCompletionEx(stage.filter, data, QoCFileStatInformation, &size, &buffer));
    assert_null(buffer);
}

static void only_creates_can_be_asked(void)
{
    stage_set();
    HANDLE handle = stage_open("C:\\f");
    stage_watch(IRP_MJ_WRITE, ask_elsewhere, NULL);
    succeeds(fltsim_write(handle, "x", 1, 0, NULL));
    stage_saw();
    fltsim_close(handle);
}

static void request_twice(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    succeeds(FltRequestFileInfoOnCreateCompletion(stage.filter, data, QoCFileStatInformation));
    succeeds(FltRequestFileInfoOnCreateCompletion(stage.filter, data, QoCFileEaInformation));
}

static void what_several_ask_for_adds_up(void)
{
    HANDLE handle;
    stage_set();
    create_with_ea("C:\\f", "COLOR", "red", 3);
    stage_watch(IRP_MJ_CREATE, request_twice, retrieve);
    succeeds(fltsim_open("C:\\f", NULL, &handle));
    stage_saw();
    fltsim_close(handle);
    succeeds(stat_of()->status);
    succeeds(ea_of()->status);
}

static void write_into_it(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PQUERY_ON_CREATE_FILE_STAT_INFORMATION stat;
    ULONG size;
    succeeds(FltRetrieveFileInfoOnCreateCompletionEx(stage.filter, data, QoCFileStatInformation, &size, (PVOID *)&stat));
    stat->EndOfFile.QuadPart = 77;
    retrieve(data, objects);
}

static void who_looks_later_sees_what_was_written_into_it(void)
{
    HANDLE handle;
    stage_set();
    fltsim_close(stage_open("C:\\f"));
    wanted = QoCFileStatInformation;
    stage_watch(IRP_MJ_CREATE, request, write_into_it);
    succeeds(fltsim_open("C:\\f", NULL, &handle));
    stage_saw();
    fltsim_close(handle);
    assert_int_equal(stat_of()->stat.EndOfFile.QuadPart, 77);
}

static void retrieve_failed(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PVOID buffer;
    ULONG size;
    answers(STATUS_NOT_SUPPORTED,
            FltRetrieveFileInfoOnCreateCompletionEx(stage.filter, data, QoCFileStatInformation, &size, &buffer));
}

static void a_create_that_fails_brings_nothing(void)
{
    HANDLE handle;
    stage_set();
    wanted = ALL;
    stage_watch(IRP_MJ_CREATE, request, retrieve_failed);
    answers(STATUS_OBJECT_NAME_NOT_FOUND, fltsim_open("C:\\none", NULL, &handle));
    stage_saw();
}

/* ---- oplock keys ---- */

static const GUID key = {1, 2, 3, {4}}, otherKey = {9, 2, 3, {4}}, parentKey = {5, 6, 7, {8}};

static HANDLE open_with(const GUID *type, void *parameter, ULONG size)
{
    struct fltsim_ecp ecp = {.type = type, .data = parameter, .size = size};
    HANDLE handle;
    succeeds(fltsim_open("C:\\f", &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_OPEN_IF,
                                                        .asynchronous = true, .ecps = &ecp, .ecp_count = type ? 1 : 0},
                         &handle));
    return handle;
}

static HANDLE open_with_key(const GUID *target)
{
    DUAL_OPLOCK_KEY_ECP_CONTEXT keys = {.TargetOplockKey = *target, .TargetOplockKeySet = TRUE};
    return open_with(&GUID_ECP_DUAL_OPLOCK_KEY, &keys, sizeof keys);
}

static void a_file_object_has_the_keys_that_its_create_brought(void)
{
    DUAL_OPLOCK_KEY_ECP_CONTEXT keys = {parentKey, key, TRUE, TRUE};
    stage_set();
    HANDLE handle = open_with(&GUID_ECP_DUAL_OPLOCK_KEY, &keys, sizeof keys);
    POPLOCK_KEY_CONTEXT context = IoGetOplockKeyContextEx(stage_file(handle));
    assert_int_equal(context->Version, OPLOCK_KEY_VERSION_WIN8);
    assert_int_equal(context->Flags, OPLOCK_KEY_FLAG_PARENT_KEY | OPLOCK_KEY_FLAG_TARGET_KEY);
    assert_memory_equal(&context->ParentOplockKey, &parentKey, sizeof key);
    assert_memory_equal(&context->TargetOplockKey, &key, sizeof key);
    assert_memory_equal(&IoGetOplockKeyContext(stage_file(handle))->OplockKey, &key, sizeof key);
    fltsim_close(handle);
}

static void a_windows_7_key_is_a_target_key(void)
{
    OPLOCK_KEY_ECP_CONTEXT old = {.OplockKey = key};
    stage_set();
    HANDLE handle = open_with(&GUID_ECP_OPLOCK_KEY, &old, sizeof old);
    POPLOCK_KEY_CONTEXT context = IoGetOplockKeyContextEx(stage_file(handle));
    assert_int_equal(context->Version, OPLOCK_KEY_VERSION_WIN7);
    assert_int_equal(context->Flags, OPLOCK_KEY_FLAG_TARGET_KEY);
    assert_memory_equal(&context->TargetOplockKey, &key, sizeof key);
    fltsim_close(handle);
}

static void a_parent_key_alone_is_no_target_key(void)
{
    DUAL_OPLOCK_KEY_ECP_CONTEXT keys = {.ParentOplockKey = parentKey, .ParentOplockKeySet = TRUE};
    stage_set();
    HANDLE handle = open_with(&GUID_ECP_DUAL_OPLOCK_KEY, &keys, sizeof keys);
    assert_int_equal(IoGetOplockKeyContextEx(stage_file(handle))->Flags, OPLOCK_KEY_FLAG_PARENT_KEY);
    assert_null(IoGetOplockKeyContext(stage_file(handle)));
    fltsim_close(handle);
}

static void a_create_without_keys_leaves_none(void)
{
    stage_set();
    HANDLE handle = open_with(NULL, NULL, 0);
    assert_null(IoGetOplockKeyContextEx(stage_file(handle)));
    assert_null(IoGetOplockKeyContext(stage_file(handle)));
    fltsim_close(handle);
}

static void file_objects_are_one_owner_by_their_keys(void)
{
    stage_set();
    HANDLE a = open_with_key(&key), b = open_with_key(&key), c = open_with_key(&otherKey), d = stage_open("C:\\f");
    const struct {
        HANDLE one, other;
        bool equal;
    } pairs[] = {{a, a, true}, {a, b, true}, {b, a, true}, {a, c, false}, {a, d, false}, {d, a, false}, {d, d, true}};
    for (size_t i = 0; i < RTL_NUMBER_OF(pairs); i++) {
        assert_int_equal(FltOplockKeysEqual(stage_file(pairs[i].one), stage_file(pairs[i].other)), pairs[i].equal);
        assert_int_equal(FsRtlOplockKeysEqual(stage_file(pairs[i].one), stage_file(pairs[i].other)), pairs[i].equal);
    }
    assert_false(FltOplockKeysEqual(NULL, stage_file(a)));
    assert_false(FltOplockKeysEqual(stage_file(a), NULL));
    assert_false(FsRtlOplockKeysEqual(NULL, NULL));
    fltsim_close(a);
    fltsim_close(b);
    fltsim_close(c);
    fltsim_close(d);
}

static void ask_for_oplock(HANDLE handle, PIO_STATUS_BLOCK iosb)
{
    static REQUEST_OPLOCK_INPUT_BUFFER in;
    static REQUEST_OPLOCK_OUTPUT_BUFFER out;
    in = (REQUEST_OPLOCK_INPUT_BUFFER){.StructureVersion = REQUEST_OPLOCK_CURRENT_VERSION,
                                       .StructureLength = sizeof in,
                                       .RequestedOplockLevel = OPLOCK_LEVEL_CACHE_READ | OPLOCK_LEVEL_CACHE_HANDLE,
                                       .Flags = REQUEST_OPLOCK_INPUT_FLAG_REQUEST};
    iosb->Status = STATUS_PENDING;
    answers(STATUS_PENDING, NtFsControlFile(handle, NULL, NULL, NULL, iosb, FSCTL_REQUEST_OPLOCK, &in, sizeof in, &out,
                                            sizeof out));
}

static void a_write_breaks_the_oplock_of_others_but_not_of_its_own_key(void)
{
    IO_STATUS_BLOCK oplock;
    stage_set();
    HANDLE owner = open_with_key(&key), same = open_with_key(&key), other = open_with_key(&otherKey);
    ask_for_oplock(owner, &oplock);
    succeeds(fltsim_write(same, "x", 1, 0, NULL));
    assert_int_equal(oplock.Status, STATUS_PENDING);
    succeeds(fltsim_write(other, "x", 1, 0, NULL));
    assert_int_equal(oplock.Status, STATUS_SUCCESS);
    fltsim_close(owner);
    fltsim_close(same);
    fltsim_close(other);
}

static void another_handle_of_the_key_takes_the_oplock_over(void)
{
    IO_STATUS_BLOCK first, second;
    stage_set();
    HANDLE owner = open_with_key(&key), same = open_with_key(&key);
    ask_for_oplock(owner, &first);
    ask_for_oplock(same, &second);
    answers(STATUS_OPLOCK_SWITCHED_TO_NEW_HANDLE, first.Status);
    fltsim_close(owner);
    assert_int_equal(second.Status, STATUS_PENDING);
    fltsim_close(same);
    answers(STATUS_OPLOCK_HANDLE_CLOSED, second.Status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(the_file_s_stat_is_what_a_query_says),
        fltsim_unit_test(a_file_that_the_create_makes_has_a_stat_too),
        fltsim_unit_test(extended_attributes_come_as_a_list),
        fltsim_unit_test(linux_metadata_comes_from_its_extended_attributes),
        fltsim_unit_test(what_the_file_has_not_is_not_found),
        fltsim_unit_test(who_did_not_ask_is_not_answered),
        fltsim_unit_test(fat_does_not_know_the_parameter),
        fltsim_unit_test(a_file_system_that_fails_to_find_out_says_so),
        fltsim_unit_test(asking_needs_memory),
        fltsim_unit_test(only_creates_can_be_asked),
        fltsim_unit_test(what_several_ask_for_adds_up),
        fltsim_unit_test(who_looks_later_sees_what_was_written_into_it),
        fltsim_unit_test(a_create_that_fails_brings_nothing),
        fltsim_unit_test(a_file_object_has_the_keys_that_its_create_brought),
        fltsim_unit_test(a_windows_7_key_is_a_target_key),
        fltsim_unit_test(a_parent_key_alone_is_no_target_key),
        fltsim_unit_test(a_create_without_keys_leaves_none),
        fltsim_unit_test(file_objects_are_one_owner_by_their_keys),
        fltsim_unit_test(a_write_breaks_the_oplock_of_others_but_not_of_its_own_key),
        fltsim_unit_test(another_handle_of_the_key_takes_the_oplock_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
