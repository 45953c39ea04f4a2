/* Pointers that are none, or none any more, given to routines that take a context, instance, volume, filter or transaction,
 * and references counted wrong; each beside one that does the same right. */
#include "wrong.h"

#define KEEP FLT_SET_CONTEXT_KEEP_IF_EXISTS

static PFLT_CONTEXT made(FLT_CONTEXT_TYPE type)
{
    PFLT_CONTEXT context;
    succeeds(FltAllocateContext(stage.filter, type, 32, NonPagedPool, &context));
    return context;
}

static void set_only(void) { stage_set(); }

/* ---- NULL ---- */

static void release_null(void)
{
    stage_set();
    FltReleaseContext(NULL);
}

static void reference_null(void)
{
    stage_set();
    FltReferenceContext(NULL);
}

static void delete_null(void)
{
    stage_set();
    FltDeleteContext(NULL);
}

static void set_null(void)
{
    stage_set();
    FltSetStreamContext(stage.instance, stage_file(stage_open("C:\\file")), KEEP, NULL, NULL);
}

static void set_null_on_a_volume(void)
{
    stage_set();
    FltSetVolumeContext(stage.fltVolume, KEEP, NULL, NULL);
}

static void get_with_null(void)
{
    PFLT_CONTEXT context;
    stage_set();
    FltGetStreamContext(NULL, stage_file(stage_open("C:\\file")), &context);
}

static void set_with_null(void)
{
    stage_set();
    FltSetInstanceContext(NULL, KEEP, made(FLT_INSTANCE_CONTEXT), NULL);
}

static void get_of_no_volume(void)
{
    PFLT_CONTEXT context;
    stage_set();
    FltGetVolumeContext(stage.filter, NULL, &context);
}

static void get_of_no_filter(void)
{
    PFLT_CONTEXT context;
    stage_set();
    FltGetVolumeContext(NULL, stage.fltVolume, &context);
}

static void get_of_no_transaction(void)
{
    PFLT_CONTEXT context;
    stage_set();
    FltGetTransactionContext(stage.instance, NULL, &context);
}

static void reference_no_object(void)
{
    stage_set();
    FltObjectReference(NULL);
}

/* ---- others' ---- */

static void reference_a_file(void)
{
    stage_set();
    FltObjectReference(stage_file(stage_open("C:\\file")));
}

static void dereference_a_file(void)
{
    stage_set();
    FltObjectDereference(stage_file(stage_open("C:\\file")));
}

static void detach_a_filter(void)
{
    stage_set();
    FltDetachVolume(stage.filter, (PFLT_VOLUME)stage.filter, NULL);
}

/* ---- gone ---- */

static PFLT_INSTANCE detached(bool referenced)
{
    PFLT_INSTANCE instance;
    stage_set();
    instance = stage.instance;
    if (referenced)
        succeeds(FltObjectReference(instance));
    succeeds(FltDetachVolume(stage.filter, stage.fltVolume, NULL));
    return instance;
}

static void set_on(PFLT_INSTANCE instance, NTSTATUS answer)
{
    PFLT_CONTEXT context = made(FLT_INSTANCE_CONTEXT);
    answers(answer, FltSetInstanceContext(instance, KEEP, context, NULL));
    FltReleaseContext(context);
}

static void set_on_a_gone_instance(void) { set_on(detached(false), STATUS_SUCCESS); }

static void set_on_a_referenced_instance(void)
{
    PFLT_INSTANCE instance = detached(true);
    set_on(instance, STATUS_FLT_DELETING_OBJECT);
    FltObjectDereference(instance);
}

static void get_with_a_gone_instance(void)
{
    PFLT_CONTEXT context;
    PFLT_INSTANCE instance = detached(false);
    FltGetStreamContext(instance, stage_file(stage_open("C:\\file")), &context);
}

static void reference_a_gone_instance(void) { FltObjectReference(detached(false)); }

static void read_with_a_gone_instance(void)
{
    char byte;
    ULONG done;
    LARGE_INTEGER start = {.QuadPart = 0};
    PFLT_INSTANCE instance = detached(false);
    FltReadFile(instance, stage_file(stage_open("C:\\file")), &start, 1, &byte, 0, &done, NULL, NULL);
}

static void volume_of_a_gone_instance(void)
{
    PFLT_VOLUME volume;
    FltGetVolumeFromInstance(detached(false), &volume);
}

static void context_of_a_gone_volume(void)
{
    PFLT_CONTEXT context;
    stage_set();
    succeeds(fltsim_dismount(stage.volume));
    FltGetVolumeContext(stage.filter, stage.fltVolume, &context);
}

/* ---- counted wrong ---- */

/* While a context lives, which holds the filter as well. */
static void give_back(int taken, int given)
{
    stage_set();
    PFLT_CONTEXT context = made(FLT_STREAM_CONTEXT);
    while (taken--)
        succeeds(FltObjectReference(stage.filter));
    while (given--)
        FltObjectDereference(stage.filter);
    FltReleaseContext(context);
}

static void give_back_too_much(void) { give_back(1, 2); }
static void give_back_all(void) { give_back(2, 2); }

static void keep_the_top(void)
{
    PFLT_INSTANCE instance;
    stage_set();
    succeeds(FltGetTopInstance(stage.fltVolume, &instance));
}

static void give_the_top_back(void)
{
    PFLT_INSTANCE instance;
    stage_set();
    succeeds(FltGetTopInstance(stage.fltVolume, &instance));
    FltObjectDereference(instance);
}

/* The structure that the release cleared is no harm to release again; a copy of it is. */
static void release_all(bool twice)
{
    FLT_RELATED_CONTEXTS contexts = {0}, copy;
    stage_set();
    FLT_RELATED_OBJECTS objects = {.Size = sizeof objects, .Filter = stage.filter, .Instance = stage.instance};
    PFLT_CONTEXT context = made(FLT_INSTANCE_CONTEXT);
    succeeds(FltSetInstanceContext(stage.instance, KEEP, context, NULL));
    FltReleaseContext(context);
    FltGetContexts(&objects, FLT_INSTANCE_CONTEXT, &contexts);
    copy = contexts;
    FltReleaseContexts(&contexts);
    FltReleaseContexts(twice ? &copy : &contexts);
}

static void release_all_twice(void) { release_all(true); }
static void release_all_once(void) { release_all(false); }

/* ---- contexts where they do not belong ---- */

static void enlist(FLT_CONTEXT_TYPE type, NTSTATUS answer)
{
    HANDLE handle;
    PKTRANSACTION transaction;
    stage_set();
    PFLT_CONTEXT context = made(type);
    succeeds(ZwCreateTransaction(&handle, TRANSACTION_ALL_ACCESS, NULL, NULL, NULL, 0, 0, 0, NULL, NULL));
    succeeds(ObReferenceObjectByHandle(handle, 0, *TmTransactionObjectType, KernelMode, (PVOID *)&transaction, NULL));
    answers(answer, FltEnlistInTransaction(stage.instance, transaction, context, TRANSACTION_NOTIFY_COMMIT));
    FltReleaseContext(context);
    ObDereferenceObject(transaction);
    succeeds(ZwClose(handle));
}

static void enlist_a_stream_context(void) { enlist(FLT_STREAM_CONTEXT, STATUS_INVALID_PARAMETER); }
static void enlist_a_transaction_context(void) { enlist(FLT_TRANSACTION_CONTEXT, STATUS_SUCCESS); }

static void scan_with(FLT_CONTEXT_TYPE type, NTSTATUS answer)
{
    HANDLE section;
    PVOID object;
    OBJECT_ATTRIBUTES kernel;
    stage_set();
    PFLT_CONTEXT context = made(type);
    HANDLE handle = stage_open("C:\\file");
    InitializeObjectAttributes(&kernel, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
    succeeds(FltRegisterForDataScan(stage.instance));
    answers(answer, FltCreateSectionForDataScan(stage.instance, stage_file(handle), context, SECTION_MAP_READ, &kernel, NULL,
                                                PAGE_READONLY, SEC_COMMIT, 0, &section, &object, NULL));
    FltReleaseContext(context);
    succeeds(fltsim_close(handle));
}

static void scan_with_a_stream_context(void) { scan_with(FLT_STREAM_CONTEXT, STATUS_INVALID_PARAMETER); }
static void scan_with_a_section_context(void) { scan_with(FLT_SECTION_CONTEXT, STATUS_END_OF_FILE); }

static void allocate_at(KIRQL irql)
{
    KIRQL before;
    PFLT_CONTEXT context;
    stage_set();
    KeRaiseIrql(irql, &before);
    succeeds(FltAllocateContext(stage.filter, FLT_STREAM_CONTEXT, 32, PagedPool, &context));
    KeLowerIrql(before);
    FltReleaseContext(context);
}

static void allocate_at_dispatch(void) { allocate_at(DISPATCH_LEVEL); }
static void allocate_at_apc(void) { allocate_at(APC_LEVEL); }

#define NO_POINTER(name, wrong, ...)                                                                                   \
    twins_test(name, "bad-flt-object", wrong, set_only, .code = 0x50, .says = {__VA_ARGS__, "called by " #wrong})
/* The pointer is the bug check's first parameter, and differs from run to run. */
#define BAD_POINTER(name, wrong, right, ...) twins_test(name, "bad-flt-object", wrong, right, .fatal = true, .says = {__VA_ARGS__})

int main(void)
{
    const struct CMUnitTest tests[] = {
        NO_POINTER(a_context_that_is_null_is_released, release_null, "FltReleaseContext was given NULL instead of a context"),
        NO_POINTER(a_context_that_is_null_is_referenced, reference_null, "FltReferenceContext was given NULL"),
        NO_POINTER(a_context_that_is_null_is_deleted, delete_null, "FltDeleteContext was given NULL"),
        NO_POINTER(a_context_that_is_null_is_set, set_null, "FltSetStreamContext was given NULL instead of a context"),
        NO_POINTER(a_context_that_is_null_is_set_on_a_volume, set_null_on_a_volume, "FltSetVolumeContext was given NULL"),
        NO_POINTER(a_context_is_got_with_no_instance, get_with_null, "FltGetStreamContext was given NULL instead of an instance"),
        NO_POINTER(a_context_is_set_on_no_instance, set_with_null, "FltSetInstanceContext was given NULL instead of an instance"),
        NO_POINTER(a_context_is_got_of_no_volume, get_of_no_volume, "FltGetVolumeContext was given NULL instead of a volume"),
        NO_POINTER(a_context_is_got_for_no_filter, get_of_no_filter, "FltGetVolumeContext was given NULL instead of a filter"),
        NO_POINTER(a_context_is_got_of_no_transaction, get_of_no_transaction,
                   "FltGetTransactionContext was given NULL instead of a transaction"),
        NO_POINTER(nothing_is_referenced, reference_no_object, "FltObjectReference was given NULL"),
        BAD_POINTER(a_file_object_is_referenced, reference_a_file, set_only, "FltObjectReference was given",
                    "which is no filter, instance or volume"),
        BAD_POINTER(a_file_object_is_dereferenced, dereference_a_file, set_only, "FltObjectDereference was given",
                    "which is no filter, instance or volume"),
        BAD_POINTER(a_filter_where_a_volume_is_taken, detach_a_filter, set_only, "FltDetachVolume was given", "which is no volume"),
        BAD_POINTER(a_context_on_an_instance_that_is_gone, set_on_a_gone_instance, set_on_a_referenced_instance,
                    "FltSetInstanceContext was given instance", "which is gone", "called by set_on"),
        BAD_POINTER(a_context_got_with_an_instance_that_is_gone, get_with_a_gone_instance, set_on_a_referenced_instance,
                    "FltGetStreamContext was given instance", "which is gone"),
        BAD_POINTER(an_instance_that_is_gone_is_referenced, reference_a_gone_instance, set_on_a_referenced_instance,
                    "FltObjectReference was given instance", "which is gone"),
        BAD_POINTER(a_file_is_read_with_an_instance_that_is_gone, read_with_a_gone_instance, set_on_a_referenced_instance,
                    "FltReadFile was given instance", "which is gone"),
        BAD_POINTER(the_volume_of_an_instance_that_is_gone, volume_of_a_gone_instance, set_on_a_referenced_instance,
                    "FltGetVolumeFromInstance was given instance", "which is gone"),
        BAD_POINTER(a_volume_that_is_gone, context_of_a_gone_volume, set_only, "FltGetVolumeContext was given volume",
                    "which is gone"),
        twins_test(a_filter_given_back_too_often, "flt-object-over-release", give_back_too_much, give_back_all,
                   .says = {"FltObjectDereference of filter", "released by give_back"}),
        twins_test(a_top_instance_that_is_kept, "instance-reference-leak", keep_the_top, give_the_top_back,
                   .says = {"1 reference on instance", "still out] given to keep_the_top"}),
        twins_test(contexts_released_together_twice, "context-over-release", release_all_twice, release_all_once, .code = 0xF5,
                   .parameter = 0x6D, .says = {"FltReleaseContexts of an instance context", "this call release_all"}),
        twins_test(a_stream_context_that_is_enlisted, "context-wrong-type", enlist_a_stream_context, enlist_a_transaction_context,
                   .says = {"stream context", "was given to FltEnlistInTransaction"}),
        twins_test(a_stream_context_for_a_section, "context-wrong-type", scan_with_a_stream_context, scan_with_a_section_context,
                   .says = {"stream context", "was given to FltCreateSectionForDataScan"}),
        twins_test(a_paged_context_allocated_at_dispatch_level, "irql-too-high", allocate_at_dispatch, allocate_at_apc,
                   .says = {"FltAllocateContext was called at DISPATCH_LEVEL", "called by allocate_at"}),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
