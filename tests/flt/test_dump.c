/* fltsim_dump_...: what is printed of filters, instances, volumes, streams and contexts. */
#include "../conformance/stage.h"

#include <fltsim/dump.h>

#include <stdlib.h>

static char *dumped;

static void into_text(void (*dump)(void *object), void *object)
{
    size_t size;
    free(dumped);
    FILE *out = open_memstream(&dumped, &size), *before = fltsim_dump_to(out);
    dump(object);
    assert_ptr_equal(fltsim_dump_to(before), out);
    fclose(out);
}

static void filter_dump(void *object) { fltsim_dump_filter(object); }
static void instance_dump(void *object) { fltsim_dump_instance(object); }
static void volume_dump(void *object) { fltsim_dump_volume(object); }
static void stream_dump(void *object) { fltsim_dump_stream(object); }
static void context_dump(void *object) { fltsim_dump_context(object); }
static void object_dump(void *object) { fltsim_dump_object(object); }
static void all_dump(void *object) { fltsim_dump_all(); }

static void shows(const char *what)
{
    if (!strstr(dumped, what))
        print_error("\"%s\" is not in:\n%s", what, dumped);
    assert_non_null(strstr(dumped, what));
}

static void shows_not(const char *what) { assert_null(strstr(dumped, what)); }

static PFLT_CONTEXT set_on(PFILE_OBJECT file)
{
    PFLT_CONTEXT context;
    succeeds(FltAllocateContext(stage.filter, FLT_STREAM_CONTEXT, 32, NonPagedPool, &context));
    succeeds(FltSetStreamContext(stage.instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL));
    return context;
}

static void a_filter_is_shown_with_its_counts_and_instances(void)
{
    stage_set();
    assert_ptr_equal(fltsim_driver_filter(stage.driver), stage.filter);
    into_text(filter_dump, stage.filter);
    shows("\"stage\" \"370000\"\n   FLT_OBJECT: ");
    shows("  [02000000] Filter\n");
    shows("      RundownRef               : 0x0000000000000002 (1)\n");
    shows("      PointerCount             : 0x00000001 \n");
    shows("Flags                    : [00000001] FilteringInitiated\n");
    shows("stage_unload (stage.h:");
    shows("InstanceList             : Count=1 \n      FLT_INSTANCE: ");
    shows("\"stage Instance\" \"370000\" on \"\\Device\\HarddiskVolume1\"\n");
    succeeds(FltObjectReference(stage.filter));
    into_text(object_dump, stage.filter);
    shows("   RundownRef               : 0x0000000000000004 (2)\n");
    shows("   PointerCount             : 0x00000001 \n"); /* the memory is another matter */
    FltObjectDereference(stage.filter);
}

/* Counted apart from Base.RundownRef, where threads would fight for it; shown together. */
static void a_context_holds_its_filter(void)
{
    PFLT_CONTEXT context;
    stage_set();
    succeeds(FltObjectReference(stage.filter));
    succeeds(FltAllocateContext(stage.filter, FLT_STREAM_CONTEXT, 32, NonPagedPool, &context));
    into_text(filter_dump, stage.filter);
    shows("      RundownRef               : 0x0000000000000006 (3)\n");
    FltReleaseContext(context);
    into_text(filter_dump, stage.filter);
    shows("      RundownRef               : 0x0000000000000004 (2)\n");
    FltObjectDereference(stage.filter);
}

static void look_after_unregistration(void)
{
    into_text(filter_dump, stage.filter);
    shows("  [02000003] Filter DRAINING ZOMBIED\n");
    shows("RundownRef               : 0x0000000000000001 (0) drained\n");
    shows("PointerCount             : 0x00000001 \n");
    shows("InstanceList             : Count=0 \n");
}

static void a_filter_that_unregistered_is_a_zombie_until_its_unload_routine_returns(void)
{
    stage_set();
    stage.unregistered = look_after_unregistration;
    succeeds(fltsim_unload(stage.driver));
}

static void instances_and_volumes_are_shown(void)
{
    stage_set();
    assert_ptr_equal(fltsim_driver_instance(stage.driver, stage.volume), stage.instance);
    assert_ptr_equal(fltsim_volume_object(stage.volume), stage.fltVolume);
    into_text(instance_dump, stage.instance);
    shows("  [01000000] Instance\n");
    shows("Flags                    : [00000002] Active\n");
    shows("OperationRundownRef      : (0)\n");
    into_text(volume_dump, stage.fltVolume);
    shows("FLT_VOLUME: ");
    shows("  [04000000] Volume\n");
    shows("FileSystemType           : [00000002] FLT_FSTYPE_NTFS\n");
    shows("Operations               : 0 under way\n");
    shows("FLT_INSTANCE: ");
    into_text(all_dump, NULL);
    shows("FLTP_FRAME: ");
    shows("FLT_FILTER: ");
    shows("FLT_VOLUME: ");
    shows("PointerCount             : 0x00000001 \n");
}

static void a_stream_is_shown_with_every_context_on_it(void)
{
    stage_set();
    HANDLE handle = stage_open("C:\\file");
    PFILE_OBJECT file = stage_file(handle);
    into_text(stream_dump, file);
    shows("\"\\file\"\n");
    shows("StreamContexts           : Count=0 \n");
    PFLT_CONTEXT context = set_on(file);
    into_text(stream_dump, file);
    shows("StreamContexts           : Count=1 \n         CONTEXT_NODE: ");
    shows("[0008] StreamContext NonPagedPool  UseCount 2\n");
    shows("StreamHandleContexts     : Count=0 \n");
    into_text(instance_dump, stage.instance);
    shows("Contexts                 : Count=1 \n");
    into_text(filter_dump, stage.filter);
    shows("Contexts                 : Count=1 \n");
    FltReleaseContext(context);
    fltsim_close(handle);
}

static void a_context_is_shown_with_who_holds_it(void)
{
    stage_set();
    HANDLE handle = stage_open("C:\\file");
    PFLT_CONTEXT context = set_on(stage_file(handle));
    assert_int_equal(fltsim_context_count(context), 2);
    into_text(context_dump, context);
    shows("[0008] StreamContext NonPagedPool  UseCount 2\n");
    shows("Size                     : 32  'Stag'\n");
    shows("[count 1, still out] allocated by set_on (test_dump.c:");
    shows("[count 2, still out] linked by set_on (test_dump.c:");
    FltDeleteContext(context);
    into_text(context_dump, context);
    shows("UseCount 1 (unlinked)\n");
    shows("AttachedObject           : 0000000000000000  (null)\n");
    shows("[count 1] unlinked by a_context_is_shown_with_who_holds_it (test_dump.c:");
    shows_not("still out] linked by");
    FltReleaseContext(context);
    assert_int_equal(fltsim_context_count(context), 0);
    into_text(context_dump, context);
    shows("is no context any more: it is freed\n");
    fltsim_close(handle);
}

static void where_no_contexts_are_supported_the_dump_says_so(void)
{
    HANDLE handle;
    stage_set();
    succeeds(fltsim_open("C:\\pagefile.sys", &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_OPEN_IF,
                                                                   .paging_file = true}, &handle));
    into_text(stream_dump, stage_file(handle));
    shows("not supported here\n");
    fltsim_close(handle);
}

static int forget(void **state)
{
    free(dumped);
    dumped = NULL;
    return 0;
}

static void what_is_no_object_is_said_to_be_none(void)
{
    static ULONG zeros[256];
    void (*const dumps[])(void *) = {filter_dump, instance_dump, volume_dump, stream_dump, context_dump, object_dump};
    stage_set();
    for (size_t i = 0; i < sizeof dumps / sizeof *dumps; i++) {
        into_text(dumps[i], NULL);
        shows("0000000000000000  is no ");
        into_text(dumps[i], zeros + 128);
        shows("  is no ");
    }
    into_text(volume_dump, stage.filter);
    shows("  is no volume, or none any more");
    assert_int_equal(fltsim_context_count(NULL), 0);
    PFLT_INSTANCE instance = stage.instance;
    succeeds(FltDetachVolume(stage.filter, stage.fltVolume, NULL));
    into_text(instance_dump, instance);
    shows("  is no instance, or none any more");
}

static void a_context_whose_pages_are_gone_is_freed(void)
{
    fltsim_abandon();
    assert_true(fltsim_start(&(struct fltsim_options){.special_pool = true}));
    stage_set();
    HANDLE handle = stage_open("C:\\file");
    PFLT_CONTEXT context = set_on(stage_file(handle));
    FltDeleteContext(context);
    FltReleaseContext(context);
    into_text(context_dump, context);
    shows("is no context any more: it is freed");
    assert_int_equal(fltsim_context_count(context), 0);
    succeeds(fltsim_close(handle));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_filter_is_shown_with_its_counts_and_instances),
        fltsim_unit_test(a_context_holds_its_filter),
        fltsim_unit_test(a_filter_that_unregistered_is_a_zombie_until_its_unload_routine_returns),
        fltsim_unit_test(instances_and_volumes_are_shown),
        fltsim_unit_test(a_stream_is_shown_with_every_context_on_it),
        fltsim_unit_test(a_context_is_shown_with_who_holds_it),
        fltsim_unit_test(where_no_contexts_are_supported_the_dump_says_so),
        fltsim_unit_test(what_is_no_object_is_said_to_be_none),
        fltsim_unit_test(a_context_whose_pages_are_gone_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, forget);
}
