/* What drivers do most with contexts: a fixed size, no cleanup callback, streams. The same holds with ledgers and without,
 * where the quick way goes (FLTSIM_LEDGERS=0); what the quick way leaves alone is told as ever. */
#include "../conformance/stage.h"

enum { SIZE = 64, QUARANTINE = 16, THREADS = 6, ROUNDS = 2000, FRESH = 0xA5, FREED = 0xDF };

static const FLT_CONTEXT_REGISTRATION plain[] = {
    {FLT_STREAM_CONTEXT, 0, NULL, SIZE, STAGE_TAG, NULL, NULL, NULL},
    {FLT_STREAM_CONTEXT, 0, NULL, 40, STAGE_TAG, NULL, NULL, NULL},
    {FLT_STREAM_CONTEXT, 0, NULL, FLT_VARIABLE_SIZED_CONTEXTS, STAGE_TAG, NULL, NULL, NULL},
    {FLT_STREAMHANDLE_CONTEXT, 0, stage_cleanup, SIZE, STAGE_TAG, NULL, NULL, NULL},
    {FLT_CONTEXT_END, 0, NULL, 0, 0, NULL, NULL, NULL},
};

static void set_plain(void)
{
    stage_mount(FLTSIM_NTFS);
    stage.contexts = plain;
    stage_load();
}

static PFLT_CONTEXT made(SIZE_T size)
{
    PFLT_CONTEXT context;
    succeeds(FltAllocateContext(stage.filter, FLT_STREAM_CONTEXT, size, PagedPool, &context));
    return context;
}

static bool all(PFLT_CONTEXT context, UCHAR byte)
{
    const UCHAR *bytes = context;
    for (int i = 0; i < SIZE; i++)
        if (bytes[i] != byte)
            return false;
    return true;
}

/* Until blocks come back from the ring. */
static void warm_up(void)
{
    for (int i = 0; i < 3 * QUARANTINE; i++)
        FltReleaseContext(made(SIZE));
}

static void the_count_follows_each_call(void)
{
    set_plain();
    warm_up();
    HANDLE handle = stage_open("C:\\file");
    PFILE_OBJECT file = stage_file(handle);
    for (int round = 0; round < 3; round++) {
        PFLT_CONTEXT context = made(SIZE), got, old = (PFLT_CONTEXT)1;
        assert_int_equal(stage_count(context), 1);
        answers(STATUS_NOT_FOUND, FltGetStreamContext(stage.instance, file, &got));
        assert_null(got);
        succeeds(FltSetStreamContext(stage.instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, &old));
        assert_null(old);
        assert_int_equal(stage_count(context), 2);
        succeeds(FltGetStreamContext(stage.instance, file, &got));
        assert_ptr_equal(got, context);
        assert_int_equal(stage_count(context), 3);
        FltReleaseContext(got);
        assert_int_equal(stage_count(context), 2);
        FltDeleteContext(context);
        assert_int_equal(stage_count(context), 1);
        FltDeleteContext(context); /* it is not linked any more */
        assert_int_equal(stage_count(context), 1);
        answers(STATUS_NOT_FOUND, FltGetStreamContext(stage.instance, file, &got));
        FltReleaseContext(context);
    }
    fltsim_close(handle);
}

static void the_loser_of_a_set_gets_the_winner(void)
{
    PFLT_CONTEXT old;
    set_plain();
    warm_up();
    HANDLE handle = stage_open("C:\\file");
    PFILE_OBJECT file = stage_file(handle);
    PFLT_CONTEXT first = made(SIZE), second = made(SIZE);
    succeeds(FltSetStreamContext(stage.instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, first, NULL));
    answers(STATUS_FLT_CONTEXT_ALREADY_DEFINED,
            FltSetStreamContext(stage.instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, second, &old));
    assert_ptr_equal(old, first);
    assert_int_equal(stage_count(first), 3);
    FltReleaseContext(old);
    succeeds(FltSetStreamContext(stage.instance, file, FLT_SET_CONTEXT_REPLACE_IF_EXISTS, second, &old));
    assert_ptr_equal(old, first);
    assert_int_equal(stage_count(first), 2); /* the link's is ours now */
    FltReleaseContext(old);
    FltReleaseContext(first);
    FltReleaseContext(second);
    fltsim_close(handle);
}

static void memory_is_filled_as_it_comes_and_as_it_goes(void)
{
    set_plain();
    for (int i = 0; i < 4 * QUARANTINE; i++) {
        PFLT_CONTEXT context = made(SIZE);
        assert_true(all(context, FRESH));
        memset(context, i, SIZE);
        FltReleaseContext(context);
        assert_true(all(context, FREED));
    }
}

static void what_is_freed_is_not_used_again_at_once(void)
{
    set_plain();
    warm_up();
    PFLT_CONTEXT gone = made(SIZE);
    FltReleaseContext(gone);
    for (int i = 0; i < QUARANTINE; i++) {
        PFLT_CONTEXT context = made(SIZE);
        assert_ptr_not_equal(context, gone);
        FltReleaseContext(context);
    }
}

static void a_write_to_what_is_freed_is_found_as_it_is_used_again(void)
{
    static const int offsets[] = {0, 15, 16, 37, SIZE - 1};
    set_plain();
    warm_up();
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        UCHAR *gone = made(SIZE);
        FltReleaseContext(gone);
        gone[offsets[i]] = 1;
        fltsim_expect("context-use-after-free");
        for (int k = 0; k < 2 * QUARANTINE; k++) {
            PFLT_CONTEXT context = made(SIZE);
            assert_true(all(context, FRESH));
            FltReleaseContext(context);
        }
    }
}

static void memory_can_run_out(void)
{
    PFLT_CONTEXT context;
    set_plain();
    warm_up();
    for (int i = 0; i < 2; i++)
        starves(STATUS_INSUFFICIENT_RESOURCES, FltAllocateContext(stage.filter, FLT_STREAM_CONTEXT, SIZE, PagedPool, &context));
    FltReleaseContext(made(SIZE));
}

static void sizes_are_matched(void)
{
    PFLT_CONTEXT contexts[3];
    static const SIZE_T sizes[] = {SIZE, 40, 500};
    set_plain();
    warm_up();
    for (int i = 0; i < 3; i++)
        contexts[i] = made(sizes[i]);
    assert_true(all(contexts[0], FRESH));
    assert_int_equal(((UCHAR *)contexts[1])[39], FRESH);
    assert_int_equal(((UCHAR *)contexts[2])[499], 0);
    for (int i = 0; i < 3; i++)
        FltReleaseContext(contexts[i]);
    answers(STATUS_INVALID_PARAMETER, FltAllocateContext(stage.filter, FLT_STREAM_CONTEXT, 0, PagedPool, contexts));
    answers(STATUS_INVALID_PARAMETER, FltAllocateContext(stage.filter, 3, SIZE, PagedPool, contexts));
    answers(STATUS_FLT_CONTEXT_ALLOCATION_NOT_FOUND,
            FltAllocateContext(stage.filter, FLT_FILE_CONTEXT, SIZE, PagedPool, contexts));
}

static void the_last_reference_may_go_at_dispatch_level(void)
{
    KIRQL before;
    PFLT_CONTEXT context;
    set_plain();
    succeeds(FltAllocateContext(stage.filter, FLT_STREAM_CONTEXT, SIZE, NonPagedPool, &context));
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    FltReleaseContext(context);
    KeLowerIrql(before);
}

/* ---- threads ------------------------------------------------------------------------------------------------------- */

static HANDLE shared[2];

static PFLT_CONTEXT find_or_make(PFILE_OBJECT file)
{
    PFLT_CONTEXT context, old = NULL;
    if (NT_SUCCESS(FltGetStreamContext(stage.instance, file, &context)))
        return context;
    context = made(SIZE);
    NTSTATUS status = FltSetStreamContext(stage.instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, &old);
    if (NT_SUCCESS(status))
        return context;
    FltReleaseContext(context);
    return status == STATUS_FLT_CONTEXT_ALREADY_DEFINED ? old : NULL;
}

static int churn(void *argument)
{
    unsigned seed = (unsigned)(intptr_t)argument;
    PFLT_CONTEXT kept = NULL;
    char path[32] = "C:\\own0";
    path[6] = (char)('0' + seed);
    HANDLE own = stage_open(path);
    for (int i = 0; i < ROUNDS; i++) {
        seed = seed * 1103515245u + 12345u;
        PFILE_OBJECT file = stage_file(seed >> 20 & 1 ? own : shared[seed >> 21 & 1]);
        PFLT_CONTEXT context = find_or_make(file);
        if (!context)
            return 1;
        if (seed >> 22 & 1)
            FltReferenceContext(context), FltReleaseContext(context);
        if (seed >> 23 & 1)
            FltDeleteContext(context);
        if (kept)
            FltReleaseContext(kept); /* it ends in another thread's shard, perhaps */
        kept = context;
    }
    if (kept)
        FltReleaseContext(kept);
    fltsim_close(own);
    return 0;
}

static void threads_make_and_end_contexts_at_once(void)
{
    struct fltsim_thread *threads[THREADS];
    set_plain();
    shared[0] = stage_open("C:\\one");
    shared[1] = stage_open("C:\\two");
    for (intptr_t i = 0; i < THREADS; i++)
        threads[i] = fltsim_thread_create(NULL, churn, (void *)(i + 1));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(fltsim_thread_join(threads[i]), 0);
    fltsim_close(shared[0]);
    fltsim_close(shared[1]);
    succeeds(fltsim_unload(stage.driver)); /* none is left that would hold the filter */
}

static int hold_for_a_while(void *context)
{
    LARGE_INTEGER second = {.QuadPart = -10000000};
    KeDelayExecutionThread(KernelMode, FALSE, &second);
    FltReleaseContext(context);
    return 0;
}

static void an_unload_waits_for_contexts(void)
{
    struct fltsim_thread *threads[2];
    set_plain();
    for (int i = 0; i < 2; i++)
        threads[i] = fltsim_thread_create(NULL, hold_for_a_while, made(SIZE));
    succeeds(fltsim_unload(stage.driver));
    for (int i = 0; i < 2; i++)
        assert_int_equal(fltsim_thread_join(threads[i]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(the_count_follows_each_call),
        fltsim_unit_test(the_loser_of_a_set_gets_the_winner),
        fltsim_unit_test(memory_is_filled_as_it_comes_and_as_it_goes),
        fltsim_unit_test(what_is_freed_is_not_used_again_at_once),
        fltsim_unit_test(a_write_to_what_is_freed_is_found_as_it_is_used_again),
        fltsim_unit_test(memory_can_run_out),
        fltsim_unit_test(sizes_are_matched),
        fltsim_unit_test(the_last_reference_may_go_at_dispatch_level),
        fltsim_unit_test(threads_make_and_end_contexts_at_once),
        fltsim_unit_test(an_unload_waits_for_contexts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
