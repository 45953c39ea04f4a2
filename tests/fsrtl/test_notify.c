/* Directory change notification, and byte-range locks that are waited for. */
#include "irp.h"

static PNOTIFY_SYNC sync;
static LIST_ENTRY list;
static FILE_OBJECT directory;

static int start(void **state)
{
    memset(&directory, 0, sizeof directory);
    if (start_machine(state))
        return -1;
    FsRtlNotifyInitializeSync(&sync);
    InitializeListHead(&list);
    return 0;
}

static int stop(void **state)
{
    FsRtlNotifyCleanupAll(sync, &list);
    FsRtlNotifyUninitializeSync(&sync);
    assert_null(sync);
    return stop_machine(state);
}

static STRING AsString(const char *text)
{
    UNICODE_STRING wide = Text(text);
    return (STRING){.Buffer = (PCHAR)wide.Buffer, .Length = wide.Length, .MaximumLength = wide.Length};
}

static void watch(struct request *r, const char *path, bool tree, ULONG length)
{
    STRING name = AsString(path);
    begin_request(r, IRP_MJ_DIRECTORY_CONTROL, IRP_MN_NOTIFY_CHANGE_DIRECTORY, &directory);
    r->stack->Parameters.NotifyDirectory.Length = length;
    FsRtlNotifyFullChangeDirectory(sync, &list, &directory, &name, tree, FALSE, FILE_NOTIFY_CHANGE_FILE_NAME, r->irp,
                                   NULL, NULL);
}

static void change(const char *path, ULONG filter, ULONG action)
{
    STRING name = AsString(path);
    USHORT offset = (USHORT)((strrchr(path, '\\') - path + 1) * sizeof(WCHAR));
    FsRtlNotifyFullReportChange(sync, &list, &name, offset, NULL, NULL, filter, action, NULL);
}

static void assert_entry(const struct request *r, const char *name, ULONG action)
{
    const FILE_NOTIFY_INFORMATION *entry = (const FILE_NOTIFY_INFORMATION *)r->buffer;
    UNICODE_STRING text = {.Buffer = (PWCH)entry->FileName, .Length = (USHORT)entry->FileNameLength};
    assert_true(r->done);
    assert_int_equal(r->status, STATUS_SUCCESS);
    assert_int_equal(entry->Action, action);
    assert_text(&text, name);
}

static void a_watcher_hears_of_its_directory(void **state)
{
    struct request r;
    watch(&r, "\\dir", false, 200);
    change("\\other\\file", FILE_NOTIFY_CHANGE_FILE_NAME, FILE_ACTION_ADDED);
    change("\\dir\\sub\\file", FILE_NOTIFY_CHANGE_FILE_NAME, FILE_ACTION_ADDED);
    change("\\directory", FILE_NOTIFY_CHANGE_FILE_NAME, FILE_ACTION_ADDED);
    change("\\dir\\file", FILE_NOTIFY_CHANGE_SIZE, FILE_ACTION_MODIFIED);
    assert_false(r.done);
    change("\\dir\\file", FILE_NOTIFY_CHANGE_FILE_NAME, FILE_ACTION_ADDED);
    assert_entry(&r, "file", FILE_ACTION_ADDED);
    end_request(&r);
}

static void a_tree_is_heard_and_changes_are_kept(void **state)
{
    struct request r;
    watch(&r, "\\", true, 200);
    change("\\dir\\file", FILE_NOTIFY_CHANGE_FILE_NAME, FILE_ACTION_REMOVED);
    assert_entry(&r, "dir\\file", FILE_ACTION_REMOVED);
    end_request(&r);
    change("\\one", FILE_NOTIFY_CHANGE_FILE_NAME, FILE_ACTION_ADDED); /* nobody waits */
    change("\\two", FILE_NOTIFY_CHANGE_FILE_NAME, FILE_ACTION_ADDED);
    watch(&r, "\\", true, 200);
    assert_entry(&r, "one", FILE_ACTION_ADDED);
    assert_int_not_equal(((PFILE_NOTIFY_INFORMATION)r.buffer)->NextEntryOffset, 0);
    end_request(&r);
}

static void too_much_is_to_be_enumerated(void **state)
{
    struct request r;
    watch(&r, "\\", true, 24);
    change("\\a name that does not fit", FILE_NOTIFY_CHANGE_FILE_NAME, FILE_ACTION_ADDED);
    assert_int_equal(r.status, STATUS_NOTIFY_ENUM_DIR);
    end_request(&r);
}

static void watching_ends(void **state)
{
    struct request r;
    watch(&r, "\\dir", false, 200);
    FsRtlNotifyCleanup(sync, &list, &directory);
    assert_int_equal(r.status, STATUS_NOTIFY_CLEANUP);
    end_request(&r);
    watch(&r, "\\dir", false, 200);
    IoCancelIrp(r.irp);
    assert_int_equal(r.status, STATUS_CANCELLED);
    end_request(&r);
    watch(&r, "\\dir", false, 200);
    FsRtlNotifyFullChangeDirectory(sync, &list, &directory, NULL, FALSE, FALSE, 0, NULL, NULL, NULL);
    assert_int_equal(r.status, STATUS_DELETE_PENDING);
    end_request(&r);
    directory.Flags |= FO_CLEANUP_COMPLETE;
    watch(&r, "\\dir", false, 200);
    assert_int_equal(r.status, STATUS_NOTIFY_CLEANUP);
    end_request(&r);
}

/* ---- watchers that are asked ---- */

static PVOID asked_of, asked_about;
static BOOLEAN reported;

static BOOLEAN Report(PVOID watcher, PVOID about)
{
    asked_of = watcher;
    asked_about = about;
    return reported;
}

static BOOLEAN MayTraverse(PVOID watcher, PVOID target, PSECURITY_SUBJECT_CONTEXT subject)
{
    asked_of = watcher;
    asked_about = target;
    assert_non_null(subject->PrimaryToken);
    return reported;
}

static PSECURITY_SUBJECT_CONTEXT Subject(void)
{
    PSECURITY_SUBJECT_CONTEXT subject = ExAllocatePoolWithTag(PagedPool, sizeof *subject, 'tseT');
    SeCaptureSubjectContext(subject);
    return subject;
}

static void a_callback_keeps_changes_from_a_watcher(void **state)
{
    struct request r;
    STRING name = AsString("\\dir"), target = AsString("\\dir\\file"), stream = AsString("s");
    int about;
    begin_request(&r, IRP_MJ_DIRECTORY_CONTROL, IRP_MN_NOTIFY_CHANGE_DIRECTORY, &directory);
    r.stack->Parameters.NotifyDirectory.Length = 200;
    FsRtlNotifyFilterChangeDirectory(sync, &list, &directory, &name, FALSE, FALSE, FILE_NOTIFY_CHANGE_SIZE, r.irp, NULL,
                                     NULL, Report);
    reported = FALSE;
    FsRtlNotifyFilterReportChange(sync, &list, &target, 10, NULL, NULL, FILE_NOTIFY_CHANGE_SIZE, FILE_ACTION_MODIFIED,
                                  NULL, &about);
    assert_ptr_equal(asked_of, &directory);
    assert_ptr_equal(asked_about, &about);
    assert_false(r.done);
    asked_of = NULL;
    reported = TRUE;
    FsRtlNotifyFilterReportChange(sync, &list, &target, 10, NULL, NULL, FILE_NOTIFY_CHANGE_EA, FILE_ACTION_MODIFIED, NULL,
                                  &about);
    assert_null(asked_of); /* nobody asked for such changes */
    FsRtlNotifyFilterReportChange(sync, &list, &target, 10, &stream, NULL, FILE_NOTIFY_CHANGE_SIZE, FILE_ACTION_MODIFIED,
                                  NULL, &about);
    assert_entry(&r, "file:s", FILE_ACTION_MODIFIED);
    end_request(&r);
}

/* The contexts, from pool, are the package's: the leak test says whether it gave them back. */
static void changes_below_need_traverse_access(void **state)
{
    struct request r, again;
    STRING name = AsString("\\"), target = AsString("\\dir\\file"), direct = AsString("\\file");
    int about;
    begin_request(&r, IRP_MJ_DIRECTORY_CONTROL, IRP_MN_NOTIFY_CHANGE_DIRECTORY, &directory);
    r.stack->Parameters.NotifyDirectory.Length = 200;
    FsRtlNotifyFilterChangeDirectory(sync, &list, &directory, &name, TRUE, FALSE, FILE_NOTIFY_CHANGE_SIZE, r.irp,
                                     MayTraverse, Subject(), NULL);
    reported = FALSE;
    FsRtlNotifyFilterReportChange(sync, &list, &target, 10, NULL, NULL, FILE_NOTIFY_CHANGE_SIZE, FILE_ACTION_MODIFIED,
                                  &about, NULL);
    assert_ptr_equal(asked_about, &about);
    assert_false(r.done);
    FsRtlNotifyFilterReportChange(sync, &list, &direct, 2, NULL, NULL, FILE_NOTIFY_CHANGE_SIZE, FILE_ACTION_MODIFIED,
                                  &about, NULL);
    assert_entry(&r, "file", FILE_ACTION_MODIFIED); /* in the directory itself: nothing to traverse */
    begin_request(&again, IRP_MJ_DIRECTORY_CONTROL, IRP_MN_NOTIFY_CHANGE_DIRECTORY, &directory);
    FsRtlNotifyFilterChangeDirectory(sync, &list, &directory, &name, TRUE, FALSE, FILE_NOTIFY_CHANGE_SIZE, again.irp,
                                     MayTraverse, Subject(), NULL);
    FsRtlNotifyFilterChangeDirectory(sync, &list, &directory, NULL, FALSE, FALSE, 0, NULL, NULL, NULL, NULL);
    assert_int_equal(again.status, STATUS_DELETE_PENDING);
    end_request(&r);
    end_request(&again);
    directory.Flags |= FO_CLEANUP_COMPLETE;
    begin_request(&r, IRP_MJ_DIRECTORY_CONTROL, IRP_MN_NOTIFY_CHANGE_DIRECTORY, &directory);
    FsRtlNotifyFilterChangeDirectory(sync, &list, &directory, &name, TRUE, FALSE, FILE_NOTIFY_CHANGE_SIZE, r.irp,
                                     MayTraverse, Subject(), NULL);
    assert_int_equal(r.status, STATUS_NOTIFY_CLEANUP);
    end_request(&r);
}

/* ---- locks ------------------------------------------------------------------------------------------------------------- */

static FILE_LOCK lock;
static int unlocks;

static VOID Unlocked(PVOID context, PFILE_LOCK_INFO info)
{
    unlocks++;
}

static NTSTATUS send_lock(struct request *r, UCHAR minor, PFILE_OBJECT file, LONGLONG start, LARGE_INTEGER *length,
                          UCHAR flags)
{
    begin_request(r, IRP_MJ_LOCK_CONTROL, minor, file);
    r->stack->Parameters.LockControl.ByteOffset.QuadPart = start;
    r->stack->Parameters.LockControl.Length = length;
    r->stack->Flags = flags;
    return FsRtlProcessFileLock(&lock, r->irp, NULL);
}

static void a_lock_is_waited_for(void **state)
{
    FILE_OBJECT a = {0}, b = {0};
    LARGE_INTEGER ten = {.QuadPart = 10};
    struct request first, second, third, unlock;
    unlocks = 0;
    FsRtlInitializeFileLock(&lock, NULL, Unlocked);
    assert_int_equal(send_lock(&first, IRP_MN_LOCK, &a, 0, &ten, SL_EXCLUSIVE_LOCK), STATUS_SUCCESS);
    assert_true(first.done);
    assert_int_equal(send_lock(&second, IRP_MN_LOCK, &b, 5, &ten, SL_EXCLUSIVE_LOCK | SL_FAIL_IMMEDIATELY),
                     STATUS_LOCK_NOT_GRANTED);
    end_request(&second);
    assert_int_equal(send_lock(&second, IRP_MN_LOCK, &b, 5, &ten, SL_EXCLUSIVE_LOCK), STATUS_PENDING);
    assert_int_equal(send_lock(&third, IRP_MN_LOCK, &b, 0, &ten, 0), STATUS_PENDING);
    assert_true(FsRtlAreThereWaitingFileLocks(&lock));
    IoCancelIrp(third.irp);
    assert_int_equal(third.status, STATUS_CANCELLED);
    assert_int_equal(send_lock(&unlock, IRP_MN_UNLOCK_SINGLE, &a, 0, &ten, 0), STATUS_SUCCESS);
    assert_int_equal(unlocks, 1);
    assert_true(second.done);
    assert_int_equal(second.status, STATUS_SUCCESS);
    end_request(&unlock);
    begin_request(&unlock, IRP_MJ_READ, 0, &a);
    unlock.stack->Parameters.Read.Length = 10;
    assert_false(FsRtlCheckLockForReadAccess(&lock, unlock.irp));
    unlock.stack->FileObject = &b;
    assert_true(FsRtlCheckLockForReadAccess(&lock, unlock.irp));
    assert_true(FsRtlCheckLockForWriteAccess(&lock, unlock.irp));
    end_request(&unlock);
    assert_int_equal(send_lock(&unlock, IRP_MN_UNLOCK_ALL_BY_KEY, &b, 0, &ten, 0), STATUS_SUCCESS);
    end_request(&unlock);
    assert_int_equal(send_lock(&unlock, IRP_MN_UNLOCK_ALL, &b, 0, &ten, 0), STATUS_RANGE_NOT_LOCKED);
    end_request(&unlock);
    assert_int_equal(send_lock(&unlock, 99, &b, 0, &ten, 0), STATUS_INVALID_DEVICE_REQUEST);
    end_request(&unlock);
    assert_int_equal(FsRtlFastUnlockAllByKey(&lock, &b, PsGetCurrentProcess(), 0, NULL), STATUS_RANGE_NOT_LOCKED);
    end_request(&first);
    end_request(&second);
    end_request(&third);
    FsRtlUninitializeFileLock(&lock);
    PFILE_LOCK own = FsRtlAllocateFileLock(NULL, NULL);
    assert_non_null(own);
    assert_false(FsRtlAreThereCurrentFileLocks(own));
    FsRtlFreeFileLock(own);
}

#define watched(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        watched(a_watcher_hears_of_its_directory), watched(a_tree_is_heard_and_changes_are_kept),
        watched(too_much_is_to_be_enumerated),     watched(watching_ends),
        watched(a_callback_keeps_changes_from_a_watcher), watched(changes_below_need_traverse_access),
        watched(a_lock_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
