/* Contexts: allocation, the compare-and-swap of a set, links and their ends. */
#include "context_unit.h"

#include <fltsim/fault.h>

static NTSTATUS try_allocate(FLT_CONTEXT_TYPE type, SIZE_T size, POOL_TYPE pool)
{
    PFLT_CONTEXT context;
    NTSTATUS status = FltAllocateContext(&u->filter, type, size, pool, &context);
    if (NT_SUCCESS(status)) {
        assert_non_null(context);
        FltReleaseContext(context);
    } else {
        assert_null(context);
    }
    return status;
}

static void sizes_are_matched_against_registration(void **state)
{
    assert_int_equal(try_allocate(FLT_STREAM_CONTEXT, 64, PagedPool), STATUS_SUCCESS);
    assert_int_equal(try_allocate(FLT_STREAM_CONTEXT, 63, PagedPool), STATUS_SUCCESS); /* the larger, inexact one */
    assert_int_equal(try_allocate(FLT_STREAM_CONTEXT, 129, PagedPool), STATUS_FLT_CONTEXT_ALLOCATION_NOT_FOUND);
    assert_int_equal(try_allocate(FLT_INSTANCE_CONTEXT, 31, PagedPool), STATUS_FLT_CONTEXT_ALLOCATION_NOT_FOUND);
    assert_int_equal(try_allocate(FLT_TRANSACTION_CONTEXT, 8, PagedPool), STATUS_FLT_CONTEXT_ALLOCATION_NOT_FOUND);
    assert_int_equal(try_allocate(FLT_STREAMHANDLE_CONTEXT, 1, PagedPool), STATUS_SUCCESS);
    assert_int_equal(try_allocate(FLT_STREAMHANDLE_CONTEXT, 0, PagedPool), STATUS_INVALID_PARAMETER);
    assert_int_equal(try_allocate(FLT_STREAMHANDLE_CONTEXT, 0x10000, PagedPool), STATUS_INVALID_BUFFER_SIZE);
    assert_int_equal(try_allocate(0x8000, 8, PagedPool), STATUS_INVALID_PARAMETER);
    assert_int_equal(try_allocate(FLT_VOLUME_CONTEXT, 32, PagedPool), STATUS_INVALID_PARAMETER);
    assert_int_equal(try_allocate(FLT_VOLUME_CONTEXT, 32, NonPagedPool), STATUS_SUCCESS);
    assert_int_equal(try_allocate(FLT_FILE_CONTEXT, 40, PagedPool), STATUS_SUCCESS); /* the driver's own allocator */
    assert_int_equal(u->allocations, 1);
    assert_int_equal(u->frees, 1);
}

static void memory_can_run_out(void **state)
{
    PFLT_CONTEXT context;
    fltsim_fail_allocation(1);
    assert_int_equal(FltAllocateContext(&u->filter, FLT_STREAM_CONTEXT, 64, PagedPool, &context),
                     STATUS_INSUFFICIENT_RESOURCES);
    assert_null(context);
    fltsim_fail_allocation(1); /* by way of the driver's own allocator */
    assert_int_equal(FltAllocateContext(&u->filter, FLT_FILE_CONTEXT, 8, PagedPool, &context),
                     STATUS_INSUFFICIENT_RESOURCES);
    assert_int_equal(u->frees, 0);
}

static void a_filter_that_goes_allocates_nothing(void **state)
{
    PFLT_CONTEXT context;
    u->filter.Base.RundownRef.Count |= 1;
    assert_int_equal(FltAllocateContext(&u->filter, FLT_STREAM_CONTEXT, 64, PagedPool, &context),
                     STATUS_FLT_DELETING_OBJECT);
    u->filter.Base.RundownRef.Count &= ~(ULONG_PTR)1;
    context = allocate(FLT_VOLUME_CONTEXT, 32);
    u->filter.Base.Flags |= FLT_OBFL_DRAINING;
    assert_int_equal(FltSetVolumeContext(&u->volume, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL),
                     STATUS_FLT_DELETING_OBJECT);
    u->filter.Base.Flags &= ~(ULONG)FLT_OBFL_DRAINING;
    FltReleaseContext(context);
}

static void what_is_not_there_is_not_found(void **state)
{
    PFILE_OBJECT file = &u->files[1].object;
    FILE_OBJECT unopened = {0};
    PFLT_CONTEXT got = (PFLT_CONTEXT)1, made;
    assert_int_equal(FltGetInstanceContext(&u->instance, &got), STATUS_NOT_FOUND);
    assert_null(got);
    assert_int_equal(FltGetVolumeContext(&u->filter, &u->volume, &got), STATUS_NOT_FOUND);
    assert_int_equal(FltGetStreamHandleContext(&u->instance, file, &got), STATUS_NOT_FOUND);
    assert_int_equal(FltGetSectionContext(&u->instance, file, &got), STATUS_NOT_FOUND);
    assert_int_equal(FltGetSectionContext(&u->instance, &unopened, &got), STATUS_NOT_SUPPORTED);
    assert_int_equal(FltDeleteInstanceContext(&u->instance, &got), STATUS_NOT_FOUND);
    assert_int_equal(FltDeleteFileContext(&u->instance, file, &got), STATUS_NOT_FOUND);
    assert_int_equal(FltDeleteFileContext(&u->instance, &unopened, &got), STATUS_NOT_SUPPORTED);
    assert_int_equal(FltDeleteStreamHandleContext(&u->instance, file, &got), STATUS_NOT_FOUND);
    assert_int_equal(FltDeleteStreamHandleContext(&u->instance, &unopened, &got), STATUS_NOT_SUPPORTED);
    made = allocate(FLT_INSTANCE_CONTEXT, 32);
    assert_int_equal(FltSetInstanceContext(&u->instance, FLT_SET_CONTEXT_KEEP_IF_EXISTS, made, NULL), STATUS_SUCCESS);
    FltReleaseContext(made);
    assert_int_equal(FltGetInstanceContext(&u->instance, &got), STATUS_SUCCESS);
    assert_ptr_equal(got, made);
    FltReleaseContext(got);
    assert_int_equal(FltDeleteInstanceContext(&u->instance, NULL), STATUS_SUCCESS);
    assert_int_equal(u->cleanups, 1);
    FltDeleteFileContext(&u->instance, file, NULL);
}

static void all_contexts_are_got_and_released(void **state)
{
    FLT_RELATED_OBJECTS objects = {sizeof objects, 0, &u->filter, &u->volume, &u->instance, &u->files[1].object, NULL};
    FLT_RELATED_CONTEXTS_EX all;
    PFLT_CONTEXT a = allocate(FLT_STREAM_CONTEXT, 64);
    assert_int_equal(FltSetStreamContext(&u->instance, objects.FileObject, FLT_SET_CONTEXT_KEEP_IF_EXISTS, a, NULL),
                     STATUS_SUCCESS);
    assert_int_equal(FltGetContextsEx(&objects, FLT_ALL_CONTEXTS, sizeof all - 1, &all), STATUS_INVALID_PARAMETER);
    assert_int_equal(FltGetContextsEx(&objects, 0x8000, sizeof all, &all), STATUS_INVALID_PARAMETER);
    assert_int_equal(FltGetContextsEx(&objects, FLT_ALL_CONTEXTS, sizeof all, &all), STATUS_SUCCESS);
    assert_ptr_equal(all.StreamContext, a);
    assert_null(all.SectionContext);
    FltReleaseContextsEx(sizeof all, &all);
    assert_null(all.StreamContext);
    assert_int_equal(count_of(a), 2);
    FltReleaseContext(a);
}

static void variable_sized_memory_is_zero_and_fixed_is_not(void **state)
{
    unsigned char *fixed = allocate(FLT_STREAM_CONTEXT, 64), *variable = allocate(FLT_STREAMHANDLE_CONTEXT, 64);
    for (int i = 0; i < 64; i++)
        assert_int_equal(variable[i], 0);
    assert_int_not_equal(fixed[0], 0);
    FltReleaseContext(fixed);
    FltReleaseContext(variable);
}

static void freed_memory_of_a_fixed_size_is_used_again(void **state)
{
    enum { MANY = 64 };
    unsigned char *seen[MANY];
    int again = 0;
    for (int i = 0; i < MANY; i++) {
        seen[i] = allocate(FLT_STREAM_CONTEXT, 64);
        assert_int_not_equal(seen[i][0], 0);
        assert_int_not_equal(seen[i][63], 0);
        memset(seen[i], 0, 64);
        for (int j = 0; j < i; j++)
            again += seen[j] == seen[i];
        FltReleaseContext(seen[i]);
    }
    assert_true(again > 0);
    assert_int_equal(u->cleanups, MANY);
}

static void paged_and_nonpaged_memory_are_kept_apart(void **state)
{
    enum { MANY = 64 };
    PFLT_CONTEXT paged[MANY], fresh;
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(FltAllocateContext(&u->filter, FLT_STREAM_CONTEXT, 64, PagedPool, &paged[i]), STATUS_SUCCESS);
        FltReleaseContext(paged[i]);
    }
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(FltAllocateContext(&u->filter, FLT_STREAM_CONTEXT, 64, NonPagedPool, &fresh), STATUS_SUCCESS);
        for (int j = 0; j < MANY; j++)
            assert_ptr_not_equal(fresh, paged[j]);
        FltReleaseContext(fresh);
    }
}

static void what_is_registered_twice_counts_once(void **state)
{
    static const FLT_CONTEXT_REGISTRATION repeated[] = {
        {FLT_STREAM_CONTEXT, 0, NULL, 1, 'a', NULL, NULL, NULL}, {FLT_STREAM_CONTEXT, 0, NULL, 1, 'a', NULL, NULL, NULL},
        {FLT_STREAM_CONTEXT, 0, NULL, 2, 'a', NULL, NULL, NULL}, {FLT_STREAM_CONTEXT, 0, NULL, 3, 'a', NULL, NULL, NULL},
        {FLT_STREAM_CONTEXT, 0, NULL, FLT_VARIABLE_SIZED_CONTEXTS, 'a', NULL, NULL, NULL},
        {FLT_STREAM_CONTEXT, 0, NULL, FLT_VARIABLE_SIZED_CONTEXTS, 'a', NULL, NULL, NULL},
        {FLT_FILE_CONTEXT, 0, NULL, 0, 0, OwnAllocate, OwnFree, NULL},
        {FLT_FILE_CONTEXT, 0, NULL, 0, 0, OwnAllocate, OwnFree, NULL},
        {FLT_INSTANCE_CONTEXT, 0, NULL, 0, 'a', NULL, NULL, NULL}, /* zero is a valid size */
        {.ContextType = FLT_CONTEXT_END},
    };
    struct _FLT_FILTER other = {.Base.Flags = FLT_OBFL_TYPE_FILTER};
    assert_int_equal(FltpRegisterContexts(&other, repeated), STATUS_SUCCESS);
    FltpUnregisterContexts(&other);
}

static void registrations_are_validated(void **state)
{
    static const FLT_CONTEXT_REGISTRATION four[] = {
        {FLT_STREAM_CONTEXT, 0, NULL, 1, 'a', NULL, NULL, NULL}, {FLT_STREAM_CONTEXT, 0, NULL, 2, 'a', NULL, NULL, NULL},
        {FLT_STREAM_CONTEXT, 0, NULL, 3, 'a', NULL, NULL, NULL}, {FLT_STREAM_CONTEXT, 0, NULL, 4, 'a', NULL, NULL, NULL},
        {.ContextType = FLT_CONTEXT_END},
    };
    static const FLT_CONTEXT_REGISTRATION twice[] = {
        {FLT_STREAM_CONTEXT, 0, NULL, FLT_VARIABLE_SIZED_CONTEXTS, 'a', NULL, NULL, NULL},
        {FLT_STREAM_CONTEXT, 0, NULL, FLT_VARIABLE_SIZED_CONTEXTS, 'b', NULL, NULL, NULL},
        {.ContextType = FLT_CONTEXT_END},
    };
    static const FLT_CONTEXT_REGISTRATION untagged[] = {{FLT_STREAM_CONTEXT, 0, NULL, 1, 0, NULL, NULL, NULL},
                                                        {.ContextType = FLT_CONTEXT_END}};
    static const FLT_CONTEXT_REGISTRATION half[] = {{FLT_STREAM_CONTEXT, 0, NULL, 1, 'a', OwnAllocate, NULL, NULL},
                                                    {.ContextType = FLT_CONTEXT_END}};
    static const FLT_CONTEXT_REGISTRATION endless[] = {{FLT_STREAM_CONTEXT, 0, NULL, 1, 'a', NULL, NULL, NULL}, {0}};
    struct _FLT_FILTER other = {0};
    assert_int_equal(FltpRegisterContexts(&other, endless), STATUS_INVALID_PARAMETER);
    assert_int_equal(FltpRegisterContexts(&other, four), STATUS_INVALID_PARAMETER);
    assert_int_equal(FltpRegisterContexts(&other, twice), STATUS_INVALID_PARAMETER);
    assert_int_equal(FltpRegisterContexts(&other, untagged), STATUS_INVALID_PARAMETER);
    assert_int_equal(FltpRegisterContexts(&other, half), STATUS_INVALID_PARAMETER);
}

static void counts_follow_the_documentation(void **state)
{
    PFILE_OBJECT file = &u->files[0].object;
    PFLT_CONTEXT a = allocate(FLT_STREAM_CONTEXT, 64), got;
    assert_int_equal(count_of(a), 1);
    assert_int_equal(FltSetStreamContext(&u->instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, a, NULL), STATUS_SUCCESS);
    assert_int_equal(count_of(a), 2);
    assert_int_equal(FltGetStreamContext(&u->instance, file, &got), STATUS_SUCCESS);
    assert_ptr_equal(got, a);
    assert_int_equal(count_of(a), 3);
    FltReleaseContext(got);
    FltReferenceContext(a);
    FltReleaseContext(a);
    FltReleaseContext(a); /* the allocation's: what is left is the link's */
    assert_int_equal(count_of(a), 1);
    assert_int_equal(u->cleanups, 0);
    FsRtlTeardownPerStreamContexts(&u->files[0].header);
    assert_int_equal(u->cleanups, 1);
}

static void the_loser_gets_the_winner(void **state)
{
    PFILE_OBJECT file = &u->files[0].object;
    PFLT_CONTEXT a = allocate(FLT_STREAM_CONTEXT, 64), b = allocate(FLT_STREAM_CONTEXT, 64), old = (PFLT_CONTEXT)1;
    assert_int_equal(FltSetStreamContext(&u->instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, a, &old), STATUS_SUCCESS);
    assert_null(old);
    assert_int_equal(FltSetStreamContext(&u->instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, b, &old),
                     STATUS_FLT_CONTEXT_ALREADY_DEFINED);
    assert_ptr_equal(old, a);
    assert_int_equal(count_of(a), 3);
    assert_int_equal(count_of(b), 1);
    FltReleaseContext(old);
    assert_int_equal(FltSetStreamContext(&u->instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, b, NULL),
                     STATUS_FLT_CONTEXT_ALREADY_DEFINED);
    fltsim_expect("context-double-set");
    assert_int_equal(FltSetStreamContext(&u->instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, a, &old),
                     STATUS_FLT_CONTEXT_ALREADY_LINKED);
    assert_null(old);
    FltReleaseContext(a);
    FltReleaseContext(b);
    assert_int_equal(u->cleanups, 1);
}

static void replacing_hands_the_links_reference_over(void **state)
{
    PFILE_OBJECT file = &u->files[0].object;
    PFLT_CONTEXT a = allocate(FLT_STREAM_CONTEXT, 64), b = allocate(FLT_STREAM_CONTEXT, 64),
                 c = allocate(FLT_STREAM_CONTEXT, 64), old;
    FltSetStreamContext(&u->instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, a, NULL);
    FltReleaseContext(a);
    assert_int_equal(FltSetStreamContext(&u->instance, file, FLT_SET_CONTEXT_REPLACE_IF_EXISTS, b, &old),
                     STATUS_SUCCESS);
    assert_ptr_equal(old, a);
    assert_int_equal(count_of(a), 1);
    FltReleaseContext(old);
    assert_int_equal(u->cleanups, 1);
    FltReleaseContext(b);
    assert_int_equal(FltSetStreamContext(&u->instance, file, FLT_SET_CONTEXT_REPLACE_IF_EXISTS, c, NULL),
                     STATUS_SUCCESS);
    assert_int_equal(u->cleanups, 2); /* nobody wanted b: released */
    FltReleaseContext(c);
}

static void deleting_unlinks_and_takes_nothing_else(void **state)
{
    PFILE_OBJECT file = &u->files[0].object;
    PFLT_CONTEXT a = allocate(FLT_STREAM_CONTEXT, 64), b = allocate(FLT_STREAM_CONTEXT, 64), got;
    FltSetStreamContext(&u->instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, a, NULL);
    FltDeleteContext(a);
    assert_int_equal(count_of(a), 1);
    assert_int_equal(FltGetStreamContext(&u->instance, file, &got), STATUS_NOT_FOUND);
    assert_null(got);
    FltReleaseContext(a);
    assert_int_equal(u->cleanups, 1);
    assert_int_equal(FltDeleteStreamContext(&u->instance, file, NULL), STATUS_NOT_FOUND);
    FltSetStreamContext(&u->instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, b, NULL);
    FltReleaseContext(b);
    assert_int_equal(FltDeleteStreamContext(&u->instance, file, &got), STATUS_SUCCESS);
    assert_ptr_equal(got, b);
    assert_int_equal(count_of(b), 1);
    FltReleaseContext(got);
    assert_int_equal(u->cleanups, 2);
}

static void a_deleted_context_cannot_be_set_again(void **state)
{
    PFILE_OBJECT file = &u->files[0].object;
    PFLT_CONTEXT a = allocate(FLT_STREAM_CONTEXT, 64);
    FltSetStreamContext(&u->instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, a, NULL);
    FltDeleteContext(a);
    fltsim_expect("context-set-after-delete");
    assert_int_equal(FltSetStreamContext(&u->instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, a, NULL),
                     STATUS_INVALID_PARAMETER);
    FltReleaseContext(a);
}

static void each_kind_hangs_on_its_object(void **state)
{
    PFLT_CONTEXT instance = allocate(FLT_INSTANCE_CONTEXT, 32), volume = allocate(FLT_VOLUME_CONTEXT, 32),
                 handle = allocate(FLT_STREAMHANDLE_CONTEXT, 8), file = allocate(FLT_FILE_CONTEXT, 8), got;
    PFILE_OBJECT fat = &u->files[0].object, ntfs = &u->files[1].object;
    assert_int_equal(FltSetInstanceContext(&u->instance, FLT_SET_CONTEXT_KEEP_IF_EXISTS, instance, NULL), STATUS_SUCCESS);
    assert_int_equal(FltSetVolumeContext(&u->volume, FLT_SET_CONTEXT_KEEP_IF_EXISTS, volume, NULL), STATUS_SUCCESS);
    assert_int_equal(FltSetStreamHandleContext(&u->instance, ntfs, FLT_SET_CONTEXT_KEEP_IF_EXISTS, handle, NULL),
                     STATUS_SUCCESS);
    assert_int_equal(FltSetFileContext(&u->instance, ntfs, FLT_SET_CONTEXT_KEEP_IF_EXISTS, file, NULL), STATUS_SUCCESS);
    fltsim_expect("context-wrong-type");
    assert_int_equal(FltSetStreamContext(&u->instance, ntfs, FLT_SET_CONTEXT_KEEP_IF_EXISTS, file, NULL),
                     STATUS_INVALID_PARAMETER);
    FLT_RELATED_OBJECTS objects = {sizeof objects, 0, &u->filter, &u->volume, &u->instance, ntfs, NULL};
    FLT_RELATED_CONTEXTS all;
    FltGetContexts(&objects, FLT_ALL_CONTEXTS, &all);
    assert_ptr_equal(all.InstanceContext, instance);
    assert_ptr_equal(all.VolumeContext, volume);
    assert_ptr_equal(all.StreamHandleContext, handle);
    assert_ptr_equal(all.FileContext, file);
    assert_null(all.StreamContext);
    FltReleaseContexts(&all);
    assert_null(all.FileContext);
    assert_int_equal(FltGetFileContext(&u->instance, fat, &got), STATUS_NOT_FOUND);
    assert_false(FltSupportsFileContexts(fat));
    assert_true(FltSupportsFileContextsEx(fat, &u->instance));
    assert_true(FltSupportsFileContexts(ntfs));
    FltReleaseContext(instance);
    FltReleaseContext(volume);
    FltReleaseContext(handle);
    FltReleaseContext(file);
    assert_int_equal(u->cleanups, 0);
    FltpFileObjectClosed(&u->volume, ntfs);
    assert_int_equal(u->cleanups, 1);
    assert_int_equal(FltDeleteVolumeContext(&u->filter, &u->volume, NULL), STATUS_SUCCESS);
    assert_int_equal(u->cleanups, 2);
}

static void unopened_files_support_nothing(void **state)
{
    FILE_OBJECT file = {0};
    PFLT_CONTEXT got, a = allocate(FLT_STREAM_CONTEXT, 64);
    assert_false(FltSupportsStreamContexts(&file));
    assert_false(FltSupportsStreamHandleContexts(&file));
    assert_int_equal(FltGetStreamContext(&u->instance, &file, &got), STATUS_NOT_SUPPORTED);
    assert_int_equal(FltSetStreamContext(&u->instance, &file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, a, NULL),
                     STATUS_NOT_SUPPORTED);
    assert_int_equal(FltGetStreamHandleContext(&u->instance, &file, &got), STATUS_NOT_SUPPORTED);
    u->files[2].header.Flags2 |= FSRTL_FLAG2_IS_PAGING_FILE;
    assert_false(FltSupportsStreamContexts(&u->files[2].object));
    u->files[2].header.Flags2 &= (UCHAR)~FSRTL_FLAG2_IS_PAGING_FILE;
    FltReleaseContext(a);
}

static void an_instance_that_goes_takes_its_contexts(void **state)
{
    PFLT_CONTEXT a;
    for (int i = 0; i < FILES; i++) {
        a = allocate(FLT_STREAM_CONTEXT, 64);
        FltSetStreamContext(&u->instance, &u->files[i].object, FLT_SET_CONTEXT_KEEP_IF_EXISTS, a, NULL);
        FltReleaseContext(a);
    }
    FltpDeleteInstanceContexts(&u->instance);
    assert_int_equal(u->cleanups, FILES);
    a = allocate(FLT_STREAM_CONTEXT, 64);
    assert_int_equal(
        FltSetStreamContext(&u->instance, &u->files[0].object, FLT_SET_CONTEXT_KEEP_IF_EXISTS, a, NULL),
        STATUS_FLT_DELETING_OBJECT);
    FltReleaseContext(a);
}

static void the_last_release_at_dispatch_level_is_put_off(void **state)
{
    PFLT_CONTEXT a = allocate(FLT_STREAM_CONTEXT, 64);
    KIRQL old;
    KeRaiseIrql(DISPATCH_LEVEL, &old);
    FltReleaseContext(a);
    bool late = __atomic_load_n(&u->cleanups, __ATOMIC_ACQUIRE) == 0;
    KeLowerIrql(old);
    if (sched_backend() == SCHED_COOP)
        assert_true(late);
    LARGE_INTEGER while_ = {.QuadPart = -10000};
    KeDelayExecutionThread(KernelMode, FALSE, &while_);
    assert_int_equal(__atomic_load_n(&u->cleanups, __ATOMIC_ACQUIRE), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit_test_of(sizes_are_matched_against_registration),
        unit_test_of(variable_sized_memory_is_zero_and_fixed_is_not),
        unit_test_of(freed_memory_of_a_fixed_size_is_used_again),
        unit_test_of(paged_and_nonpaged_memory_are_kept_apart),
        unit_test_of(what_is_registered_twice_counts_once),
        unit_test_of(memory_can_run_out),
        unit_test_of(a_filter_that_goes_allocates_nothing),
        unit_test_of(what_is_not_there_is_not_found),
        unit_test_of(all_contexts_are_got_and_released),
        unit_test_of(registrations_are_validated),
        unit_test_of(counts_follow_the_documentation),
        unit_test_of(the_loser_gets_the_winner),
        unit_test_of(replacing_hands_the_links_reference_over),
        unit_test_of(deleting_unlinks_and_takes_nothing_else),
        unit_test_of(a_deleted_context_cannot_be_set_again),
        unit_test_of(each_kind_hangs_on_its_object),
        unit_test_of(unopened_files_support_nothing),
        unit_test_of(an_instance_that_goes_takes_its_contexts),
        unit_test_of(the_last_release_at_dispatch_level_is_put_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
