/* A stream-handle context goes when the close of its file object is complete, whoever pends the close. */
#include "harness.h"

#include "fsrtl/fsrtlp.h"

static struct tiny_io io;
static PFLT_CALLBACK_DATA pended;

static VOID FLTAPI cleanup(PFLT_CONTEXT context, FLT_CONTEXT_TYPE type)
{
    assert_true(KeGetCurrentIrql() <= APC_LEVEL);
    assert_false(KeReadStateEvent(&io.event)); /* whoever sent the close still waits */
    note("gone");
}

static const FLT_CONTEXT_REGISTRATION contexts[] = {
    {FLT_STREAMHANDLE_CONTEXT, 0, cleanup, 32, 'esoC', NULL, NULL, NULL},
    {FLT_CONTEXT_END, 0, NULL, 0, 0, NULL, NULL, NULL},
};

static int stop(void **state)
{
    FsRtlpDeleteFileObjectContexts(tiny_file());
    tiny_stop();
    return 0;
}

static void load(bool seesClose)
{
    A->contexts = contexts;
    A->answer = FLT_PREOP_SUCCESS_WITH_CALLBACK;
    A->sees_close = seesClose;
    assert_int_equal(probe_load(A, NULL), STATUS_SUCCESS);
    noted();
}

static int start(void **state)
{
    tiny_start();
    load(true);
    return 0;
}

static int start_blind(void **state)
{
    tiny_start();
    load(false);
    return 0;
}

/* A context is hung on the file object, and that is closed. What happened, in order. */
static const char *closed(void)
{
    PFLT_CONTEXT context;
    tiny_file()->Flags &= ~FLTP_FO_CLOSED;
    assert_int_equal(FltAllocateContext(A->filter, FLT_STREAMHANDLE_CONTEXT, 32, NonPagedPool, &context), STATUS_SUCCESS);
    assert_int_equal(FltSetStreamHandleContext(A->instance, tiny_file(), FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL),
                     STATUS_SUCCESS);
    FltReleaseContext(context);
    io = (struct tiny_io){.major = IRP_MJ_CLOSE};
    assert_int_equal(tiny_send(&io), STATUS_SUCCESS);
    return noted();
}

static const enum tiny_mode modes[] = {TINY_INLINE, TINY_LATER, TINY_DISPATCH};
enum { MODES = sizeof modes / sizeof *modes };

static void a_close_that_the_file_system_pends_keeps_the_context(void **state)
{
    for (int i = 0; i < MODES; i++) {
        tiny.mode = modes[i];
        assert_string_equal(closed(), "A>close fs A<close gone");
    }
}

static void so_does_one_that_no_filter_watches(void **state)
{
    for (int i = 0; i < MODES; i++) {
        tiny.mode = modes[i];
        assert_string_equal(closed(), "fs gone");
    }
}

/* ---- filters that pend ---- */

static KIRQL level; /* at which the filter completes */

static void complete(void (*completion)(void))
{
    KIRQL old;
    note("on");
    KeRaiseIrql(level, &old);
    completion();
    KeLowerIrql(old);
}

static void complete_pre(void) { FltCompletePendedPreOperation(pended, FLT_PREOP_SUCCESS_WITH_CALLBACK, NULL); }
static void complete_here(void) { FltCompletePendedPreOperation(pended, FLT_PREOP_COMPLETE, NULL); }
static void complete_post(void) { FltCompletePendedPostOperation(pended); }

static VOID later(PVOID completion) { complete((void (*)(void))(uintptr_t)completion); }

static void by_a_thread(PFLT_CALLBACK_DATA data, void (*completion)(void))
{
    HANDLE thread;
    pended = data;
    note("pended");
    assert_int_equal(PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, later, (PVOID)(uintptr_t)completion),
                     STATUS_SUCCESS);
    ZwClose(thread);
}

static FLT_PREOP_CALLBACK_STATUS pend(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    by_a_thread(data, complete_pre);
    return FLT_PREOP_PENDING;
}

static FLT_PREOP_CALLBACK_STATUS pend_and_end(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                              PVOID *context)
{
    by_a_thread(data, complete_here);
    return FLT_PREOP_PENDING;
}

static FLT_POSTOP_CALLBACK_STATUS pend_post(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                            PVOID context, FLT_POST_OPERATION_FLAGS flags)
{
    by_a_thread(data, complete_post);
    return FLT_POSTOP_MORE_PROCESSING_REQUIRED;
}

static void a_close_that_a_filter_pends_keeps_the_context(void **state)
{
    A->pre = pend;
    for (int i = 0; i < MODES; i++) {
        tiny.mode = modes[i];
        assert_string_equal(closed(), "A>close pended on fs A<close gone");
    }
    A->pre = NULL;
    A->post = pend_post;
    for (level = PASSIVE_LEVEL; level <= DISPATCH_LEVEL; level++) {
        tiny.mode = TINY_INLINE;
        assert_string_equal(closed(), "A>close fs A<close pended on gone");
    }
}

static void a_pended_close_that_is_completed_at_dispatch_level_ends_below_it(void **state)
{
    A->pre = pend_and_end;
    for (level = PASSIVE_LEVEL; level <= DISPATCH_LEVEL; level++)
        assert_string_equal(closed(), "A>close pended on gone");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_close_that_the_file_system_pends_keeps_the_context, start, stop),
        cmocka_unit_test_setup_teardown(so_does_one_that_no_filter_watches, start_blind, stop),
        cmocka_unit_test_setup_teardown(a_close_that_a_filter_pends_keeps_the_context, start, stop),
        cmocka_unit_test_setup_teardown(a_pended_close_that_is_completed_at_dispatch_level_ends_below_it, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
