/* Contexts on every kind of object, asked for each status that their pages give. */
#include "stage.h"

static HANDLE handle, transactionHandle;
static PFILE_OBJECT file;
static PKTRANSACTION transaction;
static PFLT_INSTANCE instance;

/* ---- the kinds, by one signature --------------------------------------------------------------------------------- */

#define OF_FILE(kind)                                                                                                  \
    static NTSTATUS set_##kind(FLT_SET_CONTEXT_OPERATION how, PFLT_CONTEXT fresh, PFLT_CONTEXT *old)                  \
    {                                                                                                                  \
        return FltSet##kind##Context(instance, file, how, fresh, old);                                                 \
    }                                                                                                                  \
    static NTSTATUS get_##kind(PFLT_CONTEXT *context) { return FltGet##kind##Context(instance, file, context); }       \
    static NTSTATUS delete_##kind(PFLT_CONTEXT *old) { return FltDelete##kind##Context(instance, file, old); }
OF_FILE(File)
OF_FILE(Stream)
OF_FILE(StreamHandle)

static NTSTATUS set_Instance(FLT_SET_CONTEXT_OPERATION how, PFLT_CONTEXT fresh, PFLT_CONTEXT *old)
{
    return FltSetInstanceContext(instance, how, fresh, old);
}
static NTSTATUS get_Instance(PFLT_CONTEXT *context) { return FltGetInstanceContext(instance, context); }
static NTSTATUS delete_Instance(PFLT_CONTEXT *old) { return FltDeleteInstanceContext(instance, old); }

static NTSTATUS set_Volume(FLT_SET_CONTEXT_OPERATION how, PFLT_CONTEXT fresh, PFLT_CONTEXT *old)
{
    return FltSetVolumeContext(stage.fltVolume, how, fresh, old);
}
static NTSTATUS get_Volume(PFLT_CONTEXT *context) { return FltGetVolumeContext(stage.filter, stage.fltVolume, context); }
static NTSTATUS delete_Volume(PFLT_CONTEXT *old) { return FltDeleteVolumeContext(stage.filter, stage.fltVolume, old); }

static NTSTATUS set_Transaction(FLT_SET_CONTEXT_OPERATION how, PFLT_CONTEXT fresh, PFLT_CONTEXT *old)
{
    return FltSetTransactionContext(instance, transaction, how, fresh, old);
}
static NTSTATUS get_Transaction(PFLT_CONTEXT *context) { return FltGetTransactionContext(instance, transaction, context); }
static NTSTATUS delete_Transaction(PFLT_CONTEXT *old) { return FltDeleteTransactionContext(instance, transaction, old); }

#define KIND(kind, type) {type, set_##kind, get_##kind, delete_##kind}
static const struct kind {
    FLT_CONTEXT_TYPE type;
    NTSTATUS (*set)(FLT_SET_CONTEXT_OPERATION how, PFLT_CONTEXT fresh, PFLT_CONTEXT *old);
    NTSTATUS (*get)(PFLT_CONTEXT *context);
    NTSTATUS (*delete)(PFLT_CONTEXT *old);
} kinds[] = {
    KIND(Volume, FLT_VOLUME_CONTEXT),     KIND(Instance, FLT_INSTANCE_CONTEXT),
    KIND(File, FLT_FILE_CONTEXT),         KIND(Stream, FLT_STREAM_CONTEXT),
    KIND(StreamHandle, FLT_STREAMHANDLE_CONTEXT), KIND(Transaction, FLT_TRANSACTION_CONTEXT),
};
#define KINDS (sizeof kinds / sizeof *kinds)

static void start(void)
{
    stage_set();
    instance = stage.instance;
    handle = stage_open("C:\\file");
    file = stage_file(handle);
    succeeds(ZwCreateTransaction(&transactionHandle, TRANSACTION_ALL_ACCESS, NULL, NULL, NULL, 0, 0, 0, NULL, NULL));
    succeeds(ObReferenceObjectByHandle(transactionHandle, 0, *TmTransactionObjectType, KernelMode, (PVOID *)&transaction,
                                       NULL));
}

static void end(void)
{
    ObDereferenceObject(transaction);
    succeeds(ZwClose(transactionHandle));
    succeeds(fltsim_close(handle));
}

static PFLT_CONTEXT made(FLT_CONTEXT_TYPE type)
{
    PFLT_CONTEXT context;
    succeeds(FltAllocateContext(stage.filter, type, 32, NonPagedPool, &context));
    return context;
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void a_context_is_allocated_as_it_was_registered(void)
{
    PFLT_CONTEXT context;
    start();
    succeeds(FltAllocateContext(stage.filter, FLT_STREAM_CONTEXT, 32, PagedPool, &context));
    FltReferenceContext(context);
    FltReleaseContext(context);
    FltReleaseContext(context);
    answers(STATUS_FLT_CONTEXT_ALLOCATION_NOT_FOUND,
            FltAllocateContext(stage.filter, FLT_STREAM_CONTEXT, 33, PagedPool, &context));
    answers(STATUS_INVALID_PARAMETER, FltAllocateContext(stage.filter, 0x4000, 32, PagedPool, &context));
    answers(STATUS_INVALID_PARAMETER, FltAllocateContext(stage.filter, FLT_STREAM_CONTEXT, 0, PagedPool, &context));
    answers(STATUS_INVALID_PARAMETER, FltAllocateContext(stage.filter, FLT_VOLUME_CONTEXT, 32, PagedPool, &context));
    answers(STATUS_INVALID_BUFFER_SIZE,
            FltAllocateContext(stage.filter, FLT_STREAM_CONTEXT, MAXUSHORT + 1, PagedPool, &context));
    starves(STATUS_INSUFFICIENT_RESOURCES, FltAllocateContext(stage.filter, FLT_STREAM_CONTEXT, 32, PagedPool, &context));
    end();
}

static void what_is_set_once_is_found_until_it_is_deleted(void)
{
    start();
    for (size_t i = 0; i < KINDS; i++) {
        const struct kind *k = &kinds[i];
        PFLT_CONTEXT one = made(k->type), two = made(k->type), found = one;
        answers(STATUS_NOT_FOUND, k->get(&found));
        assert_null(found);
        answers(STATUS_NOT_FOUND, k->delete(NULL));
        succeeds(k->set(FLT_SET_CONTEXT_KEEP_IF_EXISTS, one, NULL));
        succeeds(k->get(&found));
        assert_ptr_equal(found, one);
        FltReleaseContext(found);
        answers(STATUS_FLT_CONTEXT_ALREADY_DEFINED, k->set(FLT_SET_CONTEXT_KEEP_IF_EXISTS, two, &found));
        assert_ptr_equal(found, one);
        FltReleaseContext(found);
        fltsim_expect("context-double-set");
        answers(STATUS_FLT_CONTEXT_ALREADY_LINKED, k->set(FLT_SET_CONTEXT_REPLACE_IF_EXISTS, one, NULL));
        answers(STATUS_INVALID_PARAMETER, k->set((FLT_SET_CONTEXT_OPERATION)99, two, NULL));
        succeeds(k->set(FLT_SET_CONTEXT_REPLACE_IF_EXISTS, two, &found));
        assert_ptr_equal(found, one);
        FltReleaseContext(found);
        succeeds(k->delete(&found));
        assert_ptr_equal(found, two);
        FltReleaseContext(found);
        FltReleaseContext(one);
        FltReleaseContext(two);
    }
    end();
}

/* Each step of what the page on referencing contexts and the well-known essay on contexts walk through. */
static void every_step_moves_the_count_as_documented(void)
{
    start();
    for (size_t i = 0; i < KINDS; i++) {
        const struct kind *k = &kinds[i];
        PFLT_CONTEXT one = made(k->type), two = made(k->type), three = made(k->type), old = two;
        stage.cleanups = 0;
        assert_int_equal(stage_count(one), 1);
        succeeds(k->set(FLT_SET_CONTEXT_KEEP_IF_EXISTS, one, &old));
        assert_null(old);
        assert_int_equal(stage_count(one), 2); /* the link's */
        answers(STATUS_FLT_CONTEXT_ALREADY_DEFINED, k->set(FLT_SET_CONTEXT_KEEP_IF_EXISTS, two, NULL));
        assert_int_equal(stage_count(one), 2);
        assert_int_equal(stage_count(two), 1);
        answers(STATUS_FLT_CONTEXT_ALREADY_DEFINED, k->set(FLT_SET_CONTEXT_KEEP_IF_EXISTS, two, &old));
        assert_ptr_equal(old, one);
        assert_int_equal(stage_count(one), 3); /* the loser's */
        assert_int_equal(stage_count(two), 1);
        FltReleaseContext(old);
        old = two;
        fltsim_expect("context-double-set");
        answers(STATUS_FLT_CONTEXT_ALREADY_LINKED, k->set(FLT_SET_CONTEXT_KEEP_IF_EXISTS, one, &old));
        assert_null(old);
        assert_int_equal(stage_count(one), 2);
        FltReleaseContext(one);
        assert_int_equal(stage_count(one), 1); /* only the link is left */
        succeeds(k->get(&old));
        assert_int_equal(stage_count(one), 2);
        FltReferenceContext(one);
        assert_int_equal(stage_count(one), 3);
        FltReleaseContext(one);
        FltReleaseContext(old);
        assert_int_equal(stage_count(one), 1);
        succeeds(k->set(FLT_SET_CONTEXT_REPLACE_IF_EXISTS, two, &old));
        assert_ptr_equal(old, one);
        assert_int_equal(stage_count(one), 1); /* was the link's, and is the caller's */
        assert_int_equal(stage_count(two), 2);
        assert_int_equal(stage.cleanups, 0);
        FltReleaseContext(old);
        assert_int_equal(stage.cleanups, 1);
        succeeds(k->set(FLT_SET_CONTEXT_REPLACE_IF_EXISTS, three, NULL));
        assert_int_equal(stage_count(two), 1); /* nobody wanted the link's: released */
        assert_int_equal(stage_count(three), 2);
        FltReleaseContext(two);
        assert_int_equal(stage.cleanups, 2);
        succeeds(k->delete(&old));
        assert_ptr_equal(old, three);
        assert_int_equal(stage_count(three), 2);
        answers(STATUS_NOT_FOUND, k->get(&old));
        assert_null(old);
        FltReleaseContext(three);
        FltReleaseContext(three);
        assert_int_equal(stage.cleanups, 3);
    }
    end();
}

/* Of volumes and instances the Filter Manager has the place already. */
static void the_first_context_of_an_object_needs_memory(void)
{
    start();
    for (size_t i = 2; i < KINDS; i++) {
        const struct kind *k = &kinds[i];
        PFLT_CONTEXT context = made(k->type), found = context;
        starves(STATUS_INSUFFICIENT_RESOURCES, k->set(FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, &found));
        assert_null(found);
        assert_int_equal(stage_count(context), 1);
        answers(STATUS_NOT_FOUND, k->get(&found));
        succeeds(k->set(FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL));
        succeeds(k->delete(NULL));
        FltReleaseContext(context);
    }
    end();
}

static void deleting_takes_the_links_reference_and_no_other(void)
{
    start();
    for (size_t i = 0; i < KINDS; i++) {
        PFLT_CONTEXT one = made(kinds[i].type), two = made(kinds[i].type), found;
        stage.cleanups = 0;
        succeeds(kinds[i].set(FLT_SET_CONTEXT_KEEP_IF_EXISTS, one, NULL));
        FltDeleteContext(one);
        assert_int_equal(stage_count(one), 1);
        answers(STATUS_NOT_FOUND, kinds[i].get(&found));
        FltReleaseContext(one);
        assert_int_equal(stage.cleanups, 1);
        succeeds(kinds[i].set(FLT_SET_CONTEXT_KEEP_IF_EXISTS, two, NULL));
        succeeds(kinds[i].delete(NULL));
        assert_int_equal(stage_count(two), 1);
        FltReleaseContext(two);
        assert_int_equal(stage.cleanups, 2);
    }
    end();
}

static void a_context_of_another_kind_is_not_set(void)
{
    start();
    for (size_t i = 0; i < KINDS; i++) {
        PFLT_CONTEXT other = made(kinds[(i + 1) % KINDS].type);
        fltsim_expect("context-wrong-type");
        answers(STATUS_INVALID_PARAMETER, kinds[i].set(FLT_SET_CONTEXT_KEEP_IF_EXISTS, other, NULL));
        FltReleaseContext(other);
    }
    end();
}

static void an_instance_that_is_gone_takes_no_contexts(void)
{
    start();
    PFLT_CONTEXT contexts[KINDS];
    for (size_t i = 1; i < KINDS; i++)
        contexts[i] = made(kinds[i].type);
    succeeds(FltObjectReference(instance));
    succeeds(FltDetachVolume(stage.filter, stage.fltVolume, NULL));
    answers(STATUS_FLT_DELETING_OBJECT, FltEnlistInTransaction(instance, transaction, contexts[5], TRANSACTION_NOTIFY_COMMIT));
    for (size_t i = 1; i < KINDS; i++) {
        answers(STATUS_FLT_DELETING_OBJECT, kinds[i].set(FLT_SET_CONTEXT_KEEP_IF_EXISTS, contexts[i], NULL));
        answers(STATUS_FLT_DELETING_OBJECT, kinds[i].delete(NULL));
        FltReleaseContext(contexts[i]);
    }
    FltObjectDereference(instance);
    end();
}

static void a_paging_file_has_no_contexts(void)
{
    PFLT_CONTEXT found;
    PFILE_OBJECT plain;
    HANDLE paging;
    start();
    succeeds(fltsim_open("C:\\pagefile.sys", &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE,
                                                                   .disposition = FILE_OPEN_IF, .paging_file = true},
                         &paging));
    plain = file;
    file = stage_file(paging);
    for (size_t i = 2; i < 5; i++) {
        PFLT_CONTEXT context = made(kinds[i].type);
        answers(STATUS_NOT_SUPPORTED, kinds[i].set(FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL));
        answers(STATUS_NOT_SUPPORTED, kinds[i].get(&found));
        answers(STATUS_NOT_SUPPORTED, kinds[i].delete(NULL));
        FltReleaseContext(context);
    }
    file = plain;
    succeeds(fltsim_close(paging));
    end();
}

static void several_contexts_are_had_at_once(void)
{
    FLT_RELATED_CONTEXTS_EX all;
    FLT_RELATED_CONTEXTS six;
    start();
    FLT_RELATED_OBJECTS objects = {.Size = sizeof objects, .Filter = stage.filter, .Volume = stage.fltVolume,
                                   .Instance = instance, .FileObject = file, .Transaction = transaction};
    for (size_t i = 0; i < KINDS; i++) {
        PFLT_CONTEXT context = made(kinds[i].type);
        succeeds(kinds[i].set(FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL));
        FltReleaseContext(context);
    }
    succeeds(FltGetContextsEx(&objects, FLT_ALL_CONTEXTS, sizeof all, &all));
    assert_true(all.VolumeContext && all.InstanceContext && all.FileContext && all.StreamContext &&
                all.StreamHandleContext && all.TransactionContext);
    assert_null(all.SectionContext);
    FltReleaseContextsEx(sizeof all, &all);
    assert_null(all.StreamContext);
    answers(STATUS_INVALID_PARAMETER, FltGetContextsEx(&objects, FLT_ALL_CONTEXTS, 8, &all));
    answers(STATUS_INVALID_PARAMETER, FltGetContextsEx(&objects, 0x0100, sizeof all, &all));
    FltGetContexts(&objects, FLT_STREAM_CONTEXT | FLT_VOLUME_CONTEXT, &six);
    assert_true(six.VolumeContext && six.StreamContext && !six.FileContext);
    FltReleaseContexts(&six);
    for (size_t i = 0; i < KINDS; i++)
        succeeds(kinds[i].delete(NULL));
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_context_is_allocated_as_it_was_registered),
        fltsim_unit_test(what_is_set_once_is_found_until_it_is_deleted),
        fltsim_unit_test(every_step_moves_the_count_as_documented),
        fltsim_unit_test(the_first_context_of_an_object_needs_memory),
        fltsim_unit_test(deleting_takes_the_links_reference_and_no_other),
        fltsim_unit_test(a_context_of_another_kind_is_not_set),
        fltsim_unit_test(an_instance_that_is_gone_takes_no_contexts),
        fltsim_unit_test(a_paging_file_has_no_contexts),
        fltsim_unit_test(several_contexts_are_had_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
