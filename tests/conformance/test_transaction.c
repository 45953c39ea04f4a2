/* Transactions, as instances meet them. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#include <fltKernel.h>

#include <fltsim/cmocka.h>
#include <fltsim/fault.h>

#include <string.h>

static PFLT_FILTER filter;
static PFLT_INSTANCE instance;
static struct fltsim_driver *driver;
static struct fltsim_volume *volume;
static int cleanups;
static ULONG heard[16], heard_count;
static bool pend, roll_back, unheard;
static PKTRANSACTION transaction;

static VOID FLTAPI Cleanup(PFLT_CONTEXT Context, FLT_CONTEXT_TYPE ContextType)
{
    cleanups++;
}

struct answer {
    ULONG notification;
    PFLT_CONTEXT context;
};

static int answer_later(void *argument)
{
    struct answer *answer = argument;
    LARGE_INTEGER a_while;
    a_while.QuadPart = -10000;
    KeDelayExecutionThread(KernelMode, FALSE, &a_while);
    switch (answer->notification) {
    case TRANSACTION_NOTIFY_PREPREPARE:
        return FltPrePrepareComplete(instance, transaction, answer->context);
    case TRANSACTION_NOTIFY_PREPARE:
        return FltPrepareComplete(instance, transaction, answer->context);
    case TRANSACTION_NOTIFY_COMMIT:
        return FltCommitComplete(instance, transaction, answer->context);
    case TRANSACTION_NOTIFY_COMMIT_FINALIZE:
        return FltCommitFinalizeComplete(instance, transaction, answer->context);
    default:
        return FltRollbackComplete(instance, transaction, answer->context);
    }
}

static struct answer answers[16];
static struct fltsim_thread *threads[16];

static NTSTATUS FLTAPI Notify(PCFLT_RELATED_OBJECTS FltObjects, PFLT_CONTEXT TransactionContext, ULONG NotificationMask)
{
    assert_ptr_equal(FltObjects->Transaction, transaction);
    assert_ptr_equal(FltObjects->Instance, instance);
    heard[heard_count++] = NotificationMask;
    if (roll_back && NotificationMask == TRANSACTION_NOTIFY_PREPARE)
        assert_int_equal(FltRollbackEnlistment(instance, transaction, TransactionContext), STATUS_SUCCESS);
    if (NotificationMask == TRANSACTION_NOTIFY_COMMIT)
        assert_int_equal(FltRollbackEnlistment(instance, transaction, TransactionContext),
                         STATUS_TRANSACTION_REQUEST_NOT_VALID);
    if (!pend)
        return STATUS_SUCCESS;
    ULONG i = heard_count - 1;
    answers[i].notification = NotificationMask;
    answers[i].context = TransactionContext;
    threads[i] = fltsim_thread_create(NULL, answer_later, &answers[i]);
    return STATUS_PENDING;
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

static PKTRANSACTION seen;

static FLT_PREOP_CALLBACK_STATUS FLTAPI PreWrite(PFLT_CALLBACK_DATA Data, PCFLT_RELATED_OBJECTS FltObjects,
                                                 PVOID *CompletionContext)
{
    seen = FltObjects->Transaction;
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static NTSTATUS FLTAPI MayGo(PCFLT_RELATED_OBJECTS FltObjects, FLT_INSTANCE_QUERY_TEARDOWN_FLAGS Flags)
{
    return STATUS_SUCCESS;
}

static NTSTATUS Entry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static const FLT_CONTEXT_REGISTRATION contexts[] = {
        {FLT_TRANSACTION_CONTEXT, 0, Cleanup, 16, 'tnrT', NULL, NULL, NULL},
        {FLT_CONTEXT_END, 0, NULL, 0, 0, NULL, NULL, NULL}};
    static const FLT_OPERATION_REGISTRATION operations[] = {{IRP_MJ_WRITE, 0, PreWrite, NULL, NULL},
                                                            {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL}};
    FLT_REGISTRATION registration = {.Size = sizeof registration,
                                     .Version = FLT_REGISTRATION_VERSION,
                                     .ContextRegistration = contexts,
                                     .OperationRegistration = operations,
                                     .FilterUnloadCallback = Unload,
                                     .InstanceSetupCallback = Setup,
                                     .InstanceQueryTeardownCallback = MayGo,
                                     .TransactionNotificationCallback = unheard ? NULL : Notify};
    NTSTATUS status = FltRegisterFilter(DriverObject, &registration, &filter);
    return NT_SUCCESS(status) ? FltStartFiltering(filter) : status;
}

static void load(void)
{
    cleanups = 0;
    heard_count = 0;
    pend = roll_back = false;
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C'}, &volume), STATUS_SUCCESS);
    assert_int_equal(
        fltsim_load(&(struct fltsim_driver_options){.name = "transacted", .entry = Entry, .altitude = "370000"}, &driver),
        STATUS_SUCCESS);
}

static HANDLE begin(void)
{
    HANDLE handle;
    assert_int_equal(ZwCreateTransaction(&handle, TRANSACTION_ALL_ACCESS, NULL, NULL, NULL, 0, 0, 0, NULL, NULL),
                     STATUS_SUCCESS);
    assert_int_equal(ObReferenceObjectByHandle(handle, 0, *TmTransactionObjectType, KernelMode, (PVOID *)&transaction, NULL),
                     STATUS_SUCCESS);
    return handle;
}

static PFLT_CONTEXT make(FLT_CONTEXT_TYPE type)
{
    PFLT_CONTEXT context;
    assert_int_equal(FltAllocateContext(filter, type, 16, PagedPool, &context), STATUS_SUCCESS);
    return context;
}

#define EVERYTHING FLT_MAX_TRANSACTION_NOTIFICATIONS

static void enlist(ULONG mask)
{
    PFLT_CONTEXT context = make(FLT_TRANSACTION_CONTEXT);
    assert_int_equal(FltSetTransactionContext(instance, transaction, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL),
                     STATUS_SUCCESS);
    assert_int_equal(FltEnlistInTransaction(instance, transaction, context, mask), STATUS_SUCCESS);
    assert_int_equal(FltEnlistInTransaction(instance, transaction, context, mask), STATUS_FLT_ALREADY_ENLISTED);
    FltReleaseContext(context);
}

static ULONG outcome(HANDLE handle)
{
    TRANSACTION_BASIC_INFORMATION basic;
    ULONG length;
    assert_int_equal(ZwQueryInformationTransaction(handle, TransactionBasicInformation, &basic, sizeof basic, &length),
                     STATUS_SUCCESS);
    return basic.Outcome;
}

static void a_transaction_tells_its_properties_and_enlistments(void)
{
    union {
        TRANSACTION_PROPERTIES_INFORMATION properties;
        TRANSACTION_ENLISTMENTS_INFORMATION enlistments;
        UCHAR bytes[256];
    } info;
    UNICODE_STRING words = RTL_CONSTANT_STRING(L"a description");
    LARGE_INTEGER timeout = {.QuadPart = 50000};
    ULONG length = 0, whole;
    HANDLE handle;
    load();
    assert_int_equal(ZwCreateTransaction(&handle, TRANSACTION_ALL_ACCESS, NULL, NULL, NULL, 0, 3, 5, &timeout, &words),
                     STATUS_SUCCESS);
    assert_int_equal(ObReferenceObjectByHandle(handle, 0, *TmTransactionObjectType, KernelMode, (PVOID *)&transaction, NULL),
                     STATUS_SUCCESS);
    assert_int_equal(ZwQueryInformationTransaction(handle, TransactionPropertiesInformation, &info, sizeof info, &whole),
                     STATUS_SUCCESS);
    assert_int_equal(whole, FIELD_OFFSET(TRANSACTION_PROPERTIES_INFORMATION, Description) + words.Length);
    assert_int_equal(info.properties.IsolationLevel, 3);
    assert_int_equal(info.properties.IsolationFlags, 5);
    assert_int_equal(info.properties.Timeout.QuadPart, 50000);
    assert_int_equal(info.properties.Outcome, TransactionOutcomeUndetermined);
    assert_int_equal(info.properties.DescriptionLength, words.Length);
    assert_memory_equal(info.properties.Description, words.Buffer, words.Length);
    assert_int_equal(ZwQueryInformationTransaction(handle, TransactionPropertiesInformation, &info, whole - 2, &length),
                     STATUS_BUFFER_OVERFLOW);
    assert_int_equal(length, whole);
    assert_int_equal(ZwQueryInformationTransaction(handle, TransactionPropertiesInformation, &info, 8, &length),
                     STATUS_INFO_LENGTH_MISMATCH);

    assert_int_equal(ZwQueryInformationTransaction(handle, TransactionEnlistmentInformation, &info, sizeof info, &length),
                     STATUS_SUCCESS);
    assert_int_equal(info.enlistments.NumberOfEnlistments, 0);
    enlist(EVERYTHING);
    assert_int_equal(ZwQueryInformationTransaction(handle, TransactionEnlistmentInformation, &info,
                                                   FIELD_OFFSET(TRANSACTION_ENLISTMENTS_INFORMATION, EnlistmentPair), &length),
                     STATUS_BUFFER_OVERFLOW);
    assert_int_equal(info.enlistments.NumberOfEnlistments, 1);
    assert_int_equal(ZwQueryInformationTransaction(handle, TransactionEnlistmentInformation, &info, length, NULL),
                     STATUS_SUCCESS);
    assert_int_equal(ZwQueryInformationTransaction(handle, TransactionEnlistmentInformation, &info, 1, NULL),
                     STATUS_INFO_LENGTH_MISMATCH);
    assert_int_equal(ZwQueryInformationTransaction(handle, TransactionSuperiorEnlistmentInformation, &info, sizeof info, NULL),
                     STATUS_INVALID_INFO_CLASS);
    ObDereferenceObject(transaction);
    assert_int_equal(ZwClose(handle), STATUS_SUCCESS);
}

static void a_commit_is_told_phase_by_phase(void)
{
    static const ULONG phases[] = {TRANSACTION_NOTIFY_PREPREPARE, TRANSACTION_NOTIFY_PREPARE, TRANSACTION_NOTIFY_COMMIT,
                                   TRANSACTION_NOTIFY_COMMIT_FINALIZE};
    for (int later = 0; later < 2; later++) {
        if (!later)
            load();
        pend = later;
        heard_count = 0;
        HANDLE handle = begin();
        assert_true(TmIsTransactionActive(transaction));
        enlist(EVERYTHING);
        assert_int_equal(outcome(handle), TransactionOutcomeUndetermined);
        assert_int_equal(ZwCommitTransaction(handle, TRUE), STATUS_SUCCESS);
        assert_int_equal(heard_count, 4);
        assert_memory_equal(heard, phases, sizeof phases);
        for (int i = 0; later && i < 4; i++)
            assert_int_equal(fltsim_thread_join(threads[i]), STATUS_SUCCESS);
        assert_int_equal(outcome(handle), TransactionOutcomeCommitted);
        assert_int_equal(cleanups, later + 1); /* its context went with it */
        assert_int_equal(ZwCommitTransaction(handle, TRUE), STATUS_TRANSACTION_NOT_ACTIVE);
        assert_int_equal(FltPrePrepareComplete(instance, transaction, NULL), STATUS_NOT_FOUND);
        assert_int_equal(FltPrepareComplete(instance, transaction, NULL), STATUS_NOT_FOUND);
        assert_int_equal(FltCommitComplete(instance, transaction, NULL), STATUS_NOT_FOUND);
        assert_int_equal(FltCommitFinalizeComplete(instance, transaction, NULL), STATUS_NOT_FOUND);
        assert_int_equal(FltRollbackComplete(instance, transaction, NULL), STATUS_NOT_FOUND);
        assert_int_equal(FltRollbackEnlistment(instance, transaction, NULL), STATUS_NOT_FOUND);
        ObDereferenceObject(transaction);
        ZwClose(handle);
    }
}

static void an_operation_names_the_transaction_of_its_file(void)
{
    UNICODE_STRING name = RTL_CONSTANT_STRING(u"\\??\\C:\\file");
    TXN_PARAMETER_BLOCK parameters = {.Length = sizeof parameters, .TxFsContext = TXF_MINIVERSION_DEFAULT_VIEW};
    OBJECT_ATTRIBUTES attributes;
    IO_DRIVER_CREATE_CONTEXT context;
    IO_STATUS_BLOCK iosb;
    HANDLE file;
    load();
    HANDLE handle = begin();
    IoInitializeDriverCreateContext(&context);
    parameters.TransactionObject = transaction;
    context.TxnParameters = &parameters;
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, NULL, NULL);
    assert_int_equal(IoCreateFileEx(&file, GENERIC_WRITE | SYNCHRONIZE, &attributes, &iosb, NULL, 0, 0, FILE_OPEN_IF,
                                    FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0, CreateFileTypeNone, NULL, 0, &context),
                     STATUS_SUCCESS);
    ZwClose(handle);
    ObDereferenceObject(transaction); /* the file keeps it */
    assert_int_equal(ZwWriteFile(file, NULL, NULL, NULL, &iosb, "x", 1, NULL, NULL), STATUS_SUCCESS);
    assert_ptr_equal(seen, transaction);
    ZwClose(file);
    assert_int_equal(fltsim_open("C:\\file", &(struct fltsim_open){.access = GENERIC_WRITE}, &file), STATUS_SUCCESS);
    assert_int_equal(fltsim_write(file, "x", 1, 0, NULL), STATUS_SUCCESS);
    assert_null(seen);
    fltsim_close(file);
}

static void a_rollback_is_told(void)
{
    load();
    HANDLE handle = begin();
    GUID id;
    TmGetTransactionId(transaction, &id);
    enlist(TRANSACTION_NOTIFY_ROLLBACK);
    assert_int_equal(ZwRollbackTransaction(handle, TRUE), STATUS_SUCCESS);
    assert_int_equal(heard_count, 1);
    assert_int_equal(heard[0], TRANSACTION_NOTIFY_ROLLBACK);
    assert_int_equal(outcome(handle), TransactionOutcomeAborted);
    assert_false(TmIsTransactionActive(transaction));
    assert_int_equal(ZwRollbackTransaction(handle, TRUE), STATUS_TRANSACTION_NOT_ACTIVE);
    ObDereferenceObject(transaction);
    ZwClose(handle);
    handle = begin(); /* the last handle rolls back, too */
    enlist(TRANSACTION_NOTIFY_ROLLBACK);
    ZwClose(handle);
    assert_int_equal(heard_count, 2);
    ObDereferenceObject(transaction);
}

static void a_rollback_waits_for_who_answers_later(void)
{
    load();
    pend = true;
    HANDLE handle = begin();
    enlist(TRANSACTION_NOTIFY_ROLLBACK);
    assert_int_equal(ZwRollbackTransaction(handle, TRUE), STATUS_SUCCESS);
    assert_int_equal(heard_count, 1);
    assert_int_equal(fltsim_thread_join(threads[0]), STATUS_SUCCESS); /* what FltRollbackComplete answered */
    assert_int_equal(cleanups, 1);
    ObDereferenceObject(transaction);
    ZwClose(handle);
}

static void an_enlistment_rolls_back(void)
{
    load();
    roll_back = true;
    HANDLE handle = begin();
    enlist(TRANSACTION_NOTIFY_PREPARE | TRANSACTION_NOTIFY_COMMIT | TRANSACTION_NOTIFY_ROLLBACK);
    assert_int_equal(ZwCommitTransaction(handle, TRUE), STATUS_TRANSACTION_ABORTED);
    assert_int_equal(heard_count, 2);
    assert_int_equal(heard[1], TRANSACTION_NOTIFY_ROLLBACK);
    assert_int_equal(cleanups, 1);
    ObDereferenceObject(transaction);
    ZwClose(handle);
}

static void wrong_enlistments_are_refused(void)
{
    load();
    HANDLE handle = begin();
    PFLT_CONTEXT context = make(FLT_TRANSACTION_CONTEXT), other = make(FLT_TRANSACTION_CONTEXT), got;
    assert_int_equal(FltEnlistInTransaction(instance, transaction, context, 0), STATUS_INVALID_PARAMETER_4);
    assert_int_equal(FltEnlistInTransaction(instance, transaction, context, TRANSACTION_NOTIFY_INDOUBT),
                     STATUS_INVALID_PARAMETER_4);
    fltsim_fail_allocation(1);
    assert_int_equal(FltEnlistInTransaction(instance, transaction, context, EVERYTHING), STATUS_INSUFFICIENT_RESOURCES);
    assert_int_equal(FltGetTransactionContext(instance, transaction, &got), STATUS_NOT_FOUND);
    fltsim_fail_allocation(1);
    assert_int_equal(FltSetTransactionContext(instance, transaction, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL),
                     STATUS_INSUFFICIENT_RESOURCES);
    fltsim_fail_allocation(0);
    assert_int_equal(FltDeleteTransactionContext(instance, transaction, &got), STATUS_NOT_FOUND);
    assert_int_equal(FltSetTransactionContext(instance, transaction, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL),
                     STATUS_SUCCESS);
    fltsim_expect("context-double-set");
    assert_int_equal(FltSetTransactionContext(instance, transaction, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, &got),
                     STATUS_FLT_CONTEXT_ALREADY_LINKED);
    assert_int_equal(FltSetTransactionContext(instance, transaction, FLT_SET_CONTEXT_KEEP_IF_EXISTS, other, &got),
                     STATUS_FLT_CONTEXT_ALREADY_DEFINED);
    assert_ptr_equal(got, context);
    FltReleaseContext(got);
    assert_int_equal(FltSetTransactionContext(instance, transaction, (FLT_SET_CONTEXT_OPERATION)7, other, &got),
                     STATUS_INVALID_PARAMETER);
    assert_int_equal(FltGetTransactionContext(instance, transaction, &got), STATUS_SUCCESS);
    FltReleaseContext(got);
    assert_int_equal(FltDeleteTransactionContext(instance, transaction, NULL), STATUS_SUCCESS);
    FltReleaseContext(context);
    FltReleaseContext(other);
    assert_int_equal(cleanups, 2);
    ObDereferenceObject(transaction);
    ZwClose(handle);
}

static void without_a_callback_nobody_enlists(void)
{
    unheard = true;
    load();
    unheard = false;
    HANDLE handle = begin();
    PFLT_CONTEXT context = make(FLT_TRANSACTION_CONTEXT);
    assert_int_equal(FltEnlistInTransaction(instance, transaction, context, EVERYTHING), STATUS_INVALID_PARAMETER);
    FltReleaseContext(context);
    ObDereferenceObject(transaction);
    ZwClose(handle);
}

/* Who commits does not wait for the last notification, which comes when everybody has committed. */
static void the_end_of_a_commit_may_be_told_later(void)
{
    load();
    bool later = false;
    for (unsigned seed = 1; seed <= 16 && !later; seed++) {
        heard_count = 0;
        HANDLE handle = begin();
        enlist(EVERYTHING);
        fltsim_shuffle(seed);
        assert_int_equal(ZwCommitTransaction(handle, TRUE), STATUS_SUCCESS);
        fltsim_shuffle(0);
        later = heard_count == 3;
        assert_int_equal(outcome(handle), TransactionOutcomeCommitted);
        fltsim_sleep(1);
        assert_int_equal(heard_count, 4);
        assert_int_equal(heard[3], TRANSACTION_NOTIFY_COMMIT_FINALIZE);
        ObDereferenceObject(transaction);
        ZwClose(handle);
    }
    assert_int_equal(cleanups > 0, true);
}

static void what_an_enlistment_holds_is_not_the_drivers_to_release(void)
{
    load();
    begin();
    PFLT_CONTEXT context = make(FLT_TRANSACTION_CONTEXT);
    FltSetTransactionContext(instance, transaction, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL);
    assert_int_equal(FltEnlistInTransaction(instance, transaction, context, EVERYTHING), STATUS_SUCCESS);
    FltReleaseContext(context);
    fltsim_expect("context-over-release");
    FltReleaseContext(context);
    fail();
}

static void an_instance_that_goes_leaves_its_transaction(void)
{
    load();
    HANDLE handle = begin();
    enlist(EVERYTHING);
    assert_int_equal(fltsim_detach(driver, volume, NULL), STATUS_SUCCESS);
    assert_int_equal(cleanups, 1);
    assert_int_equal(ZwCommitTransaction(handle, TRUE), STATUS_SUCCESS);
    assert_int_equal(heard_count, 0);
    ObDereferenceObject(transaction);
    ZwClose(handle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_transaction_tells_its_properties_and_enlistments),
        fltsim_unit_test(a_commit_is_told_phase_by_phase),
        fltsim_unit_test(an_operation_names_the_transaction_of_its_file),
        fltsim_unit_test(a_rollback_is_told),
        fltsim_unit_test(a_rollback_waits_for_who_answers_later),
        fltsim_unit_test(an_enlistment_rolls_back),
        fltsim_unit_test(wrong_enlistments_are_refused),
        fltsim_unit_test(without_a_callback_nobody_enlists),
        fltsim_unit_test(the_end_of_a_commit_may_be_told_later),
        fltsim_unit_test(what_an_enlistment_holds_is_not_the_drivers_to_release),
        fltsim_unit_test(an_instance_that_goes_leaves_its_transaction),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
