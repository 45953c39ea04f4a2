/* Opportunistic locks on files of a volume: who is granted one, what breaks it, who waits for whom. */
#include "unit.h"

/* A thread that holds an oplock: it asks, and is told of the break by the end of its request. */
struct owner {
    HANDLE handle;
    ULONG code;
    ULONG level;           /* of FSCTL_REQUEST_OPLOCK */
    ULONG answer;          /* what it says to the break; 0: nothing; MAXULONG: it closes its handle */
    NTSTATUS status;       /* of the request */
    ULONG_PTR information; /* FILE_OPLOCK_BROKEN_TO_... */
    REQUEST_OPLOCK_OUTPUT_BUFFER out;
    volatile bool broken, answered;
    struct fltsim_thread *thread;
};

static int own(void *argument)
{
    struct owner *owner = argument;
    size_t done = 0;
    REQUEST_OPLOCK_INPUT_BUFFER in = {.StructureVersion = REQUEST_OPLOCK_CURRENT_VERSION,
                                      .StructureLength = sizeof in,
                                      .RequestedOplockLevel = owner->level,
                                      .Flags = REQUEST_OPLOCK_INPUT_FLAG_REQUEST};
    bool extended = owner->code == FSCTL_REQUEST_OPLOCK;
    owner->status = fltsim_fsctl(owner->handle, owner->code, extended ? &in : NULL, extended ? sizeof in : 0,
                                 extended ? &owner->out : NULL, extended ? sizeof owner->out : 0, &done);
    owner->information = done;
    owner->broken = true;
    fltsim_sleep(5); /* whoever broke it waits meanwhile */
    owner->answered = true;
    if (owner->answer == MAXULONG)
        fltsim_close(owner->handle);
    else if (owner->answer)
        fltsim_fsctl(owner->handle, owner->answer, NULL, 0, NULL, 0, NULL);
    return 0;
}

static HANDLE open_asynchronous(const char *path, ACCESS_MASK access, ULONG share, ULONG options)
{
    HANDLE handle = NULL;
    assert_int_equal(fltsim_open(at(path),
                                 &(struct fltsim_open){.access = access,
                                                       .share = share,
                                                       .disposition = FILE_OPEN,
                                                       .options = options,
                                                       .asynchronous = true},
                                 &handle),
                     STATUS_SUCCESS);
    return handle;
}

static void hold(struct owner *owner)
{
    if (!owner->handle)
        owner->handle = open_asynchronous("\\f", GENERIC_READ | GENERIC_WRITE, 0, 0);
    owner->thread = fltsim_thread_create(NULL, own, owner);
    fltsim_sleep(1);
}

static void let_go(struct owner *owner)
{
    if (owner->answer != MAXULONG)
        close_it(owner->handle);
    assert_int_equal(fltsim_thread_join(owner->thread), 0);
}

static NTSTATUS ask(HANDLE handle, ULONG code)
{
    return fltsim_fsctl(handle, code, NULL, 0, NULL, 0, NULL);
}

/* ---- granting -------------------------------------------------------------------------------------- */

static void exclusive_oplock_needs_the_only_handle(void **state)
{
    static const ULONG codes[] = {FSCTL_REQUEST_OPLOCK_LEVEL_1, FSCTL_REQUEST_BATCH_OPLOCK,
                                  FSCTL_REQUEST_FILTER_OPLOCK};
    for (int kind = FLTSIM_NTFS; kind <= FLTSIM_FAT; kind++) {
        unit_start(kind);
        make_file("\\f", "text");
        HANDLE first = open_asynchronous("\\f", GENERIC_READ, 0, 0);
        HANDLE second = open_asynchronous("\\f", GENERIC_READ, 0, 0);
        for (unsigned i = 0; i < 3; i++)
            assert_int_equal(ask(first, codes[i]), STATUS_OPLOCK_NOT_GRANTED);
        close_it(second);
        close_it(first);
        unit_stop();
    }
}

/* As the server opens files for its clients: one key, one owner. */
static HANDLE open_with_key(ULONG key)
{
    static const GUID type = {0x48850596, 0x3050, 0x4be7, {0x98, 0x63, 0xfe, 0xc3, 0x50, 0xce, 0x8d, 0x7f}};
    static WCHAR path[] = u"\\??\\C:\\f";
    UNICODE_STRING name = {sizeof path - sizeof(WCHAR), sizeof path, path};
    OBJECT_ATTRIBUTES attributes;
    IO_DRIVER_CREATE_CONTEXT driver;
    IO_STATUS_BLOCK iosb;
    POPLOCK_KEY_ECP_CONTEXT context;
    HANDLE handle;
    IoInitializeDriverCreateContext(&driver);
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE, NULL, NULL);
    assert_int_equal(FsRtlAllocateExtraCreateParameterList(0, &driver.ExtraCreateParameter), STATUS_SUCCESS);
    assert_int_equal(FsRtlAllocateExtraCreateParameter(&type, sizeof *context, 0, NULL, 'yeko', (PVOID *)&context),
                     STATUS_SUCCESS);
    memset(context, 0, sizeof *context);
    context->OplockKey.Data1 = key;
    assert_int_equal(FsRtlInsertExtraCreateParameter(driver.ExtraCreateParameter, context), STATUS_SUCCESS);
    assert_int_equal(IoCreateFileEx(&handle, GENERIC_READ | GENERIC_WRITE, &attributes, &iosb, NULL, 0,
                                    FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, FILE_OPEN, 0, NULL, 0,
                                    CreateFileTypeNone, NULL, 0, &driver),
                     STATUS_SUCCESS);
    FsRtlFreeExtraCreateParameterList(driver.ExtraCreateParameter);
    return handle;
}

static void handles_of_one_key_are_one_owner(void **state)
{
    REQUEST_OPLOCK_INPUT_BUFFER in = {.StructureVersion = REQUEST_OPLOCK_CURRENT_VERSION,
                                      .StructureLength = sizeof in,
                                      .RequestedOplockLevel = OPLOCK_LEVEL_CACHE_READ | OPLOCK_LEVEL_CACHE_WRITE,
                                      .Flags = REQUEST_OPLOCK_INPUT_FLAG_REQUEST};
    REQUEST_OPLOCK_OUTPUT_BUFFER out;
    unit_start_with((struct fltsim_volume_options){.letter = 'C'});
    make_file("\\f", "text");
    HANDLE first = open_with_key(1), second = open_with_key(1), third = open_with_key(2);
    assert_int_equal(fltsim_fsctl(first, FSCTL_REQUEST_OPLOCK, &in, sizeof in, &out, sizeof out, NULL),
                     STATUS_OPLOCK_NOT_GRANTED);
    close_it(third);
    struct owner owner = {.handle = first, .code = FSCTL_REQUEST_OPLOCK, .answer = MAXULONG,
                          .level = OPLOCK_LEVEL_CACHE_READ | OPLOCK_LEVEL_CACHE_WRITE};
    hold(&owner);
    assert_false(owner.broken);
    assert_int_equal(fltsim_write(second, "x", 1, 0, NULL), STATUS_SUCCESS); /* his own */
    assert_false(owner.broken);
    third = open_with_key(2);
    assert_true(owner.answered);
    close_it(third);
    close_it(second);
    let_go(&owner);
    unit_stop();
}

static void synchronous_handle_is_granted_none(void **state)
{
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "text");
    HANDLE handle = open_for("\\f", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(ask(handle, FSCTL_REQUEST_OPLOCK_LEVEL_1), STATUS_OPLOCK_NOT_GRANTED);
    close_it(handle);
    unit_stop();
}

static void nobody_acknowledges_what_nobody_broke(void **state)
{
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "text");
    make_folder("\\d");
    HANDLE handle = open_asynchronous("\\f", GENERIC_READ, 0, 0);
    assert_int_equal(ask(handle, FSCTL_OPLOCK_BREAK_ACKNOWLEDGE), STATUS_INVALID_OPLOCK_PROTOCOL);
    assert_int_equal(ask(handle, FSCTL_OPLOCK_BREAK_ACK_NO_2), STATUS_INVALID_OPLOCK_PROTOCOL);
    assert_int_equal(ask(handle, FSCTL_OPBATCH_ACK_CLOSE_PENDING), STATUS_INVALID_OPLOCK_PROTOCOL);
    assert_int_equal(ask(handle, FSCTL_OPLOCK_BREAK_NOTIFY), STATUS_SUCCESS);
    assert_int_equal(ask(handle, FSCTL_REQUEST_OPLOCK), STATUS_BUFFER_TOO_SMALL);
    char out;
    assert_int_equal(fltsim_fsctl(handle, FSCTL_REQUEST_OPLOCK_LEVEL_1, NULL, 0, &out, 1, NULL),
                     STATUS_INVALID_PARAMETER);
    close_it(handle);
    handle = open_asynchronous("\\d", GENERIC_READ, 0, FILE_DIRECTORY_FILE);
    assert_int_equal(ask(handle, FSCTL_REQUEST_BATCH_OPLOCK), STATUS_INVALID_PARAMETER);
    close_it(handle);
    unit_stop();
}

/* ---- breaking -------------------------------------------------------------------------------------- */

static void opener_waits_for_the_answer(void **state)
{
    for (int kind = FLTSIM_NTFS; kind <= FLTSIM_FAT; kind++) {
        struct owner owner = {.code = FSCTL_REQUEST_BATCH_OPLOCK, .answer = FSCTL_OPLOCK_BREAK_ACK_NO_2};
        unit_start(kind);
        make_file("\\f", "text");
        hold(&owner);
        assert_false(owner.broken);
        HANDLE second = open_for("\\f", GENERIC_READ, FILE_OPEN, 0);
        assert_true(owner.broken);
        assert_true(owner.answered);
        assert_int_equal(owner.status, STATUS_SUCCESS);
        assert_int_equal(owner.information, FILE_OPLOCK_BROKEN_TO_LEVEL_2);
        close_it(second);
        let_go(&owner);
        unit_stop();
    }
}

static void opener_that_looks_at_attributes_breaks_nothing(void **state)
{
    struct owner owner = {.code = FSCTL_REQUEST_OPLOCK_LEVEL_1};
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "text");
    hold(&owner);
    close_it(open_for("\\f", FILE_READ_ATTRIBUTES, FILE_OPEN, 0));
    assert_false(owner.broken);
    let_go(&owner);
    unit_stop();
}

static void opener_may_go_on_without_the_answer(void **state)
{
    struct owner owner = {.code = FSCTL_REQUEST_OPLOCK_LEVEL_1, .answer = FSCTL_OPLOCK_BREAK_ACK_NO_2};
    HANDLE second;
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "text");
    hold(&owner);
    assert_int_equal(try_open("\\f", GENERIC_READ, FILE_OPEN, FILE_COMPLETE_IF_OPLOCKED, &second),
                     STATUS_OPLOCK_BREAK_IN_PROGRESS);
    assert_false(owner.answered);
    close_it(second);
    fltsim_sleep(10);
    let_go(&owner);
    unit_stop();
}

static void refused_opener_succeeds_when_the_owner_closes(void **state)
{
    struct owner owner = {.code = FSCTL_REQUEST_OPLOCK,
                          .level = OPLOCK_LEVEL_CACHE_READ | OPLOCK_LEVEL_CACHE_HANDLE | OPLOCK_LEVEL_CACHE_WRITE,
                          .answer = MAXULONG};
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "text");
    owner.handle = open_asynchronous("\\f", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, 0);
    hold(&owner);
    HANDLE second = open_for("\\f", GENERIC_WRITE, FILE_OPEN, 0);
    assert_true(owner.answered);
    assert_int_equal(owner.out.OriginalOplockLevel, owner.level);
    close_it(second);
    let_go(&owner);
    unit_stop();
}

static void refused_opener_leaves_what_its_owner_cannot_close(void **state)
{
    struct owner owner = {.code = FSCTL_REQUEST_OPLOCK_LEVEL_1};
    HANDLE second;
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "text");
    owner.handle = open_asynchronous("\\f", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ, 0);
    hold(&owner);
    assert_int_equal(try_open("\\f", GENERIC_WRITE, FILE_OPEN, 0, &second), STATUS_SHARING_VIOLATION);
    assert_false(owner.broken);
    let_go(&owner);
    unit_stop();
}

static void write_breaks_shared_oplocks_at_once(void **state)
{
    for (int kind = FLTSIM_NTFS; kind <= FLTSIM_FAT; kind++) {
        struct owner owner = {.code = FSCTL_REQUEST_OPLOCK_LEVEL_2};
        unit_start(kind);
        make_file("\\f", "text");
        HANDLE writer = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
        hold(&owner);
        char text[4];
        assert_int_equal(fltsim_read(writer, text, 4, 0, NULL), STATUS_SUCCESS);
        assert_false(owner.broken);
        assert_int_equal(fltsim_write(writer, "more", 4, 0, NULL), STATUS_SUCCESS);
        fltsim_sleep(1);
        assert_true(owner.broken);
        assert_int_equal(owner.information, FILE_OPLOCK_BROKEN_TO_NONE);
        close_it(writer);
        let_go(&owner);
        unit_stop();
    }
}

/* The second handle is older than the oplock could be: it saw attributes only, then reads by duplicated rights. */
static void read_waits_for_an_exclusive_owner(void **state)
{
    struct owner owner = {.code = FSCTL_REQUEST_OPLOCK_LEVEL_1, .answer = FSCTL_OPLOCK_BREAK_ACK_NO_2};
    char text[4];
    size_t done;
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "text");
    hold(&owner);
    HANDLE second = NULL;
    assert_int_equal(try_open("\\f", GENERIC_READ, FILE_OPEN, FILE_COMPLETE_IF_OPLOCKED, &second),
                     STATUS_OPLOCK_BREAK_IN_PROGRESS);
    assert_false(owner.answered);
    assert_int_equal(fltsim_read(second, text, 4, 0, &done), STATUS_SUCCESS);
    assert_true(owner.answered);
    assert_int_equal(done, 4);
    assert_memory_equal(text, "text", 4);
    close_it(second);
    let_go(&owner);
    unit_stop();
}

static void deletion_asks_who_caches_the_handle(void **state)
{
    struct owner owner = {.code = FSCTL_REQUEST_OPLOCK,
                          .level = OPLOCK_LEVEL_CACHE_READ | OPLOCK_LEVEL_CACHE_HANDLE,
                          .answer = MAXULONG};
    FILE_DISPOSITION_INFORMATION_EX remove = {FILE_DISPOSITION_DELETE};
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "text");
    HANDLE remover = open_for("\\f", DELETE, FILE_OPEN, 0);
    hold(&owner);
    assert_int_equal(fltsim_set(remover, FileDispositionInformationEx, &remove, sizeof remove), STATUS_SUCCESS);
    assert_true(owner.answered);
    close_it(remover);
    let_go(&owner);
    assert_int_equal(status_of_open("\\f"), STATUS_OBJECT_NAME_NOT_FOUND);
    unit_stop();
}

static void byte_locks_and_shared_oplocks_exclude_each_other(void **state)
{
    struct owner owner = {.code = FSCTL_REQUEST_OPLOCK_LEVEL_2};
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "text");
    HANDLE locker = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
    hold(&owner);
    assert_int_equal(fltsim_lock(locker, 0, 10, true, false), STATUS_SUCCESS);
    fltsim_sleep(1);
    assert_true(owner.broken);
    assert_int_equal(ask(owner.handle, FSCTL_REQUEST_OPLOCK_LEVEL_2), STATUS_OPLOCK_NOT_GRANTED);
    close_it(locker);
    let_go(&owner);
    unit_stop();
}

static void cleanup_ends_the_request(void **state)
{
    struct owner owner = {.code = FSCTL_REQUEST_FILTER_OPLOCK};
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "text");
    hold(&owner);
    let_go(&owner);
    assert_int_equal(owner.status, STATUS_SUCCESS);
    HANDLE second = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(fltsim_write(second, "more", 4, 0, NULL), STATUS_SUCCESS);
    close_it(second);
    unit_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exclusive_oplock_needs_the_only_handle),
        cmocka_unit_test(handles_of_one_key_are_one_owner),
        cmocka_unit_test(synchronous_handle_is_granted_none),
        cmocka_unit_test(nobody_acknowledges_what_nobody_broke),
        cmocka_unit_test(opener_waits_for_the_answer),
        cmocka_unit_test(opener_that_looks_at_attributes_breaks_nothing),
        cmocka_unit_test(opener_may_go_on_without_the_answer),
        cmocka_unit_test(refused_opener_succeeds_when_the_owner_closes),
        cmocka_unit_test(refused_opener_leaves_what_its_owner_cannot_close),
        cmocka_unit_test(write_breaks_shared_oplocks_at_once),
        cmocka_unit_test(read_waits_for_an_exclusive_owner),
        cmocka_unit_test(deletion_asks_who_caches_the_handle),
        cmocka_unit_test(byte_locks_and_shared_oplocks_exclude_each_other),
        cmocka_unit_test(cleanup_ends_the_request),
    };
    return cmocka_run_group_tests_name("memfs/oplock", tests, NULL, NULL);
}
