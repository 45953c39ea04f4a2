/* The rules about extra create parameters: a wrong driver that breaks each, and a right twin that does not. */
#include "../conformance/stage.h"

#include <fltsim/verify.h>

#include <stdio.h>

static const GUID typeA = {0xA, 1, 2, {3}}, typeB = {0xB, 1, 2, {3}};
static PAGED_LOOKASIDE_LIST lookaside;
static PVOID keptEcp;
static PECP_LIST keptList;
static bool wrong;

static PECP_LIST new_list(void)
{
    PECP_LIST list;
    succeeds(FltAllocateExtraCreateParameterList(stage.filter, 0, &list));
    return list;
}

static PVOID new_ecp(const GUID *type, PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK cleanup)
{
    PVOID context;
    succeeds(FltAllocateExtraCreateParameter(stage.filter, type, 24, 0, cleanup, STAGE_TAG, &context));
    return context;
}

static PVOID new_from_lookaside(void)
{
    PVOID context;
    succeeds(FltAllocateExtraCreateParameterFromLookasideList(stage.filter, &typeA, 24, 0, NULL, &lookaside, &context));
    return context;
}

static void init_lookaside(void) { FltInitExtraCreateParameterLookasideList(stage.filter, &lookaside, 0, 32, STAGE_TAG); }
static void delete_lookaside(void) { FltDeleteExtraCreateParameterLookasideList(stage.filter, &lookaside, 0); }
static void free_ecp(PVOID context) { FltFreeExtraCreateParameter(stage.filter, context); }
static void free_list(PECP_LIST list) { FltFreeExtraCreateParameterList(stage.filter, list); }
static void insert(PECP_LIST list, PVOID context) { succeeds(FltInsertExtraCreateParameter(stage.filter, list, context)); }

/* A program opens C:\f; the filter does this in its pre-operation callback. */
static void while_created(void (*before)(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects))
{
    HANDLE handle;
    stage_watch(IRP_MJ_CREATE, before, NULL);
    succeeds(fltsim_open("C:\\f", &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_OPEN_IF}, &handle));
    stage_saw();
    fltsim_close(handle);
}

/* ---- ecp-leak ------------------------------------------------------------------------------------------------------ */

static void allocate_only(void)
{
    PVOID context = new_ecp(&typeA, NULL);
    if (!wrong)
        free_ecp(context);
}

static void remove_only(void)
{
    PECP_LIST list = new_list();
    PVOID context;
    insert(list, new_ecp(&typeA, NULL));
    succeeds(FltRemoveExtraCreateParameter(stage.filter, list, &typeA, &context, NULL));
    free_list(list);
    if (!wrong)
        free_ecp(context);
}

static void insert_refused(void)
{
    PECP_LIST list = new_list();
    PVOID second = new_ecp(&typeA, NULL);
    insert(list, new_ecp(&typeA, NULL));
    answers(STATUS_INVALID_PARAMETER, FltInsertExtraCreateParameter(stage.filter, list, second));
    free_list(list);
    if (!wrong)
        free_ecp(second); /* a refused one stays the driver's */
}

/* ---- ecp-list-leak -------------------------------------------------------------------------------------------------- */

static void open_with_list(void)
{
    IO_DRIVER_CREATE_CONTEXT context;
    IO_STATUS_BLOCK iosb;
    HANDLE handle;
    IoInitializeDriverCreateContext(&context);
    context.ExtraCreateParameter = new_list();
    insert(context.ExtraCreateParameter, new_ecp(&typeA, NULL));
    succeeds(FltCreateFileEx2(stage.filter, stage.instance, &handle, NULL, GENERIC_WRITE | SYNCHRONIZE, named(L"\\??\\C:\\f"),
                              &iosb, NULL, 0, FILE_SHARE_VALID_FLAGS, FILE_OPEN_IF, FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0, 0,
                              &context));
    FltClose(handle);
    if (!wrong)
        free_list(context.ExtraCreateParameter);
}

static void set_into_read(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PECP_LIST list = new_list();
    answers(STATUS_INVALID_PARAMETER_2, FltSetEcpListIntoCallbackData(stage.filter, data, list));
    if (!wrong)
        free_list(list);
}

static void set_refused(void)
{
    char byte;
    HANDLE handle = stage_open("C:\\f");
    stage_watch(IRP_MJ_READ, set_into_read, NULL);
    fltsim_read(handle, &byte, 1, 0, NULL);
    stage_saw();
    fltsim_close(handle);
}

/* ---- ecp-double-free ------------------------------------------------------------------------------------------------ */

static void free_twice(void)
{
    PVOID context = new_ecp(&typeA, NULL);
    free_ecp(context);
    if (wrong)
        free_ecp(context);
}

static void free_twice_to_lookaside(void)
{
    init_lookaside();
    PVOID context = new_from_lookaside();
    free_ecp(context);
    if (wrong)
        free_ecp(context);
    delete_lookaside();
}

static void free_list_twice(void)
{
    PECP_LIST list = new_list();
    free_list(list);
    if (wrong)
        free_list(list);
}

static void free_with_list_and_alone(void)
{
    PECP_LIST list = new_list();
    PVOID context = new_ecp(&typeA, NULL), removed;
    insert(list, context);
    if (!wrong)
        succeeds(FltRemoveExtraCreateParameter(stage.filter, list, &typeA, &removed, NULL));
    free_list(list);
    free_ecp(context);
}

static VOID free_itself(PVOID context, LPCGUID type)
{
    if (wrong)
        free_ecp(context);
}

static void free_in_cleanup(void) { free_ecp(new_ecp(&typeA, free_itself)); }

static void set_list(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    keptList = new_list();
    keptEcp = new_ecp(&typeA, NULL);
    insert(keptList, keptEcp);
    succeeds(FltSetEcpListIntoCallbackData(stage.filter, data, keptList));
}

static void free_after_create(void)
{
    while_created(set_list);
    if (wrong)
        free_ecp(keptEcp);
}

static void free_list_after_create(void)
{
    while_created(set_list);
    if (wrong)
        free_list(keptList);
}

/* ---- ecp-freed-while-attached --------------------------------------------------------------------------------------- */

static void free_on_list(void)
{
    PECP_LIST list = new_list();
    PVOID context = new_ecp(&typeA, NULL), removed;
    insert(list, context);
    if (!wrong)
        succeeds(FltRemoveExtraCreateParameter(stage.filter, list, &typeA, &removed, NULL));
    free_ecp(context);
    free_list(list);
}

static void set_and_free(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    set_list(data, objects);
    if (wrong)
        free_list(keptList);
}

static void free_what_was_set(void) { while_created(set_and_free); }

static void free_found(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PECP_LIST list;
    succeeds(FltGetEcpListFromCallbackData(stage.filter, data, &list));
    assert_non_null(list);
    if (wrong)
        free_list(list); /* the caller's */
}

static void free_callers_list(void)
{
    ULONG_PTR data = 5;
    struct fltsim_ecp ecp = {.type = &typeB, .data = &data, .size = sizeof data};
    HANDLE handle;
    stage_watch(IRP_MJ_CREATE, free_found, NULL);
    succeeds(fltsim_open("C:\\f", &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_OPEN_IF, .ecps = &ecp,
                                                        .ecp_count = 1}, &handle));
    stage_saw();
    fltsim_close(handle);
}

/* ---- ecp-use-after-create ------------------------------------------------------------------------------------------- */

static void find_after_create(void)
{
    PVOID found;
    while_created(set_list);
    if (wrong)
        answers(STATUS_NOT_FOUND, FltFindExtraCreateParameter(stage.filter, keptList, &typeA, &found, NULL));
}

static void acknowledge_after_create(void)
{
    while_created(set_list);
    if (wrong)
        FltAcknowledgeEcp(stage.filter, keptEcp);
}

static void set_lookaside_list(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    keptList = new_list();
    keptEcp = new_from_lookaside();
    insert(keptList, keptEcp);
    succeeds(FltSetEcpListIntoCallbackData(stage.filter, data, keptList));
}

static void write_after_create(void)
{
    init_lookaside();
    while_created(set_lookaside_list);
    if (wrong)
        *(volatile ULONG *)keptEcp = 1;
    free_ecp(new_from_lookaside()); /* the same memory again */
    delete_lookaside();
}

static void insert_after_create(void)
{
    PECP_LIST list = new_list();
    while_created(set_list);
    if (wrong)
        answers(STATUS_INVALID_PARAMETER, FltInsertExtraCreateParameter(stage.filter, list, keptEcp));
    free_list(list);
}

/* ---- ecp-lookaside-in-use and ecp-lookaside-deleted ------------------------------------------------------------------- */

static void delete_with_one_out(void)
{
    init_lookaside();
    PVOID context = new_from_lookaside();
    if (!wrong)
        free_ecp(context);
    delete_lookaside();
    if (wrong)
        free_ecp(context);
}

static void delete_in_create(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    set_lookaside_list(data, objects);
    if (wrong)
        delete_lookaside();
}

static void delete_with_one_on_a_create(void)
{
    init_lookaside();
    while_created(delete_in_create);
    if (!wrong)
        delete_lookaside();
}

static void delete_twice(void)
{
    init_lookaside();
    delete_lookaside();
    if (wrong)
        delete_lookaside();
}

static void allocate_from_deleted(void)
{
    PVOID context;
    init_lookaside();
    if (!wrong)
        free_ecp(new_from_lookaside());
    delete_lookaside();
    if (wrong)
        answers(STATUS_INSUFFICIENT_RESOURCES, FltAllocateExtraCreateParameterFromLookasideList(
                                                   stage.filter, &typeA, 8, 0, NULL, &lookaside, &context));
}

/* ---- ecp-wrong-pool-list-flags -------------------------------------------------------------------------------------- */

static void delete_with_other_flags(void)
{
    init_lookaside();
    FltDeleteExtraCreateParameterLookasideList(stage.filter, &lookaside, wrong ? FSRTL_ECP_LOOKASIDE_FLAG_NONPAGED_POOL : 0);
}

static void want_nonpaged_from_paged(void)
{
    PVOID context;
    init_lookaside();
    succeeds(FltAllocateExtraCreateParameterFromLookasideList(stage.filter, &typeA, 8,
                                                              wrong ? FSRTL_ALLOCATE_ECP_FLAG_NONPAGED_POOL : 0, NULL,
                                                              &lookaside, &context));
    free_ecp(context);
    delete_lookaside();
}

static void want_a_nonpaged_list(void)
{
    PECP_LIST list;
    succeeds(FltAllocateExtraCreateParameterList(stage.filter, wrong ? FSRTL_ALLOCATE_ECP_FLAG_NONPAGED_POOL : 0, &list));
    free_list(list);
}

static void keep_the_head_in_paged_pool(void)
{
    struct extension {
        LONG other;
        PAGED_LOOKASIDE_LIST head;
    } *extension = ExAllocatePoolWithTag(wrong ? PagedPool : NonPagedPoolNx, sizeof *extension, STAGE_TAG);
    FltInitExtraCreateParameterLookasideList(stage.filter, &extension->head, 0, 32, STAGE_TAG);
    FltDeleteExtraCreateParameterLookasideList(stage.filter, &extension->head, 0);
    ExFreePoolWithTag(extension, STAGE_TAG);
}

/* ---- ecp-inserted-twice and ecp-list-set-over-existing ---------------------------------------------------------------- */

static void insert_into_two_lists(void)
{
    PECP_LIST first = new_list(), second = new_list();
    PVOID context = new_ecp(&typeA, NULL);
    insert(first, context);
    if (wrong)
        answers(STATUS_INVALID_PARAMETER, FltInsertExtraCreateParameter(stage.filter, second, context));
    else
        insert(second, new_ecp(&typeA, NULL));
    free_list(first);
    free_list(second);
}

static void insert_again(void)
{
    PECP_LIST list = new_list();
    PVOID context = new_ecp(&typeA, NULL), removed;
    insert(list, context);
    if (wrong)
        answers(STATUS_INVALID_PARAMETER, FltInsertExtraCreateParameter(stage.filter, list, context));
    succeeds(FltRemoveExtraCreateParameter(stage.filter, list, &typeA, &removed, NULL));
    insert(list, context);
    free_list(list);
}

static void add_to_callers_list(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PECP_LIST list;
    if (wrong) { /* does not ask */
        list = new_list();
        answers(STATUS_INVALID_PARAMETER_3, FltSetEcpListIntoCallbackData(stage.filter, data, list));
        free_list(list);
        return;
    }
    succeeds(FltGetEcpListFromCallbackData(stage.filter, data, &list));
    insert(list, new_ecp(&typeA, NULL));
}

static void set_over_the_callers(void)
{
    struct fltsim_ecp ecp = {.type = &typeB, .size = 8};
    HANDLE handle;
    stage_watch(IRP_MJ_CREATE, add_to_callers_list, NULL);
    succeeds(fltsim_open("C:\\f", &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_OPEN_IF, .ecps = &ecp,
                                                        .ecp_count = 1}, &handle));
    stage_saw();
    fltsim_close(handle);
}

/* ---- not-deleted ------------------------------------------------------------------------------------------------------ */

static void leave_lookaside(void)
{
    init_lookaside();
    if (!wrong)
        delete_lookaside();
}

/* ---- the table -------------------------------------------------------------------------------------------------------- */

static const struct rule {
    const char *rule, *name;
    void (*body)(void);
    const char *also; /* what the wrong one breaks besides */
} rules[] = {
    {"ecp-leak", "allocated", allocate_only, NULL},
    {"ecp-leak", "taken off its list", remove_only, NULL},
    {"ecp-leak", "refused by a list", insert_refused, NULL},
    {"ecp-list-leak", "passed to FltCreateFileEx2", open_with_list, NULL},
    {"ecp-list-leak", "refused by an operation", set_refused, NULL},
    {"ecp-double-free", "one from pool", free_twice, NULL},
    {"ecp-double-free", "one from a lookaside list", free_twice_to_lookaside, NULL},
    {"ecp-double-free", "a list", free_list_twice, NULL},
    {"ecp-double-free", "with its list and alone", free_with_list_and_alone, NULL},
    {"ecp-double-free", "in its cleanup callback", free_in_cleanup, NULL},
    {"ecp-double-free", "with its create and alone", free_after_create, NULL},
    {"ecp-double-free", "a list with its create and alone", free_list_after_create, NULL},
    {"ecp-freed-while-attached", "on a list", free_on_list, NULL},
    {"ecp-freed-while-attached", "a list that was set into a create", free_what_was_set, NULL},
    {"ecp-freed-while-attached", "the list of a create's caller", free_callers_list, NULL},
    {"ecp-use-after-create", "a list", find_after_create, NULL},
    {"ecp-use-after-create", "a parameter", acknowledge_after_create, NULL},
    {"ecp-use-after-create", "a parameter's memory", write_after_create, NULL},
    {"ecp-use-after-create", "inserted", insert_after_create, NULL},
    {"ecp-lookaside-in-use", "nowhere", delete_with_one_out, "ecp-lookaside-deleted"},
    {"ecp-lookaside-in-use", "on a create", delete_with_one_on_a_create, "ecp-lookaside-deleted"},
    {"ecp-lookaside-deleted", "deleted again", delete_twice, NULL},
    {"ecp-lookaside-deleted", "allocated from", allocate_from_deleted, NULL},
    {"ecp-wrong-pool-list-flags", "deleted with other flags", delete_with_other_flags, NULL},
    {"ecp-wrong-pool-list-flags", "nonpaged from a paged list", want_nonpaged_from_paged, NULL},
    {"ecp-wrong-pool-list-flags", "a nonpaged list of parameters", want_a_nonpaged_list, NULL},
    {"ecp-wrong-pool-list-flags", "a list head in paged pool", keep_the_head_in_paged_pool, NULL},
    {"ecp-inserted-twice", "into two lists", insert_into_two_lists, NULL},
    {"ecp-inserted-twice", "into one list", insert_again, NULL},
    {"ecp-list-set-over-existing", "over the caller's", set_over_the_callers, NULL},
    {"not-deleted", "a lookaside list", leave_lookaside, NULL},
};
enum { COUNT = sizeof rules / sizeof *rules };

static const struct rule *rule;

static void play(void *argument)
{
    keptEcp = NULL;
    keptList = NULL;
    stage_set();
    rule->body();
    succeeds(fltsim_unload(stage.driver));
}

static struct fltsim_report *run(const struct rule *one, bool is_wrong)
{
    struct fltsim_report *report;
    rule = one;
    wrong = is_wrong;
    fltsim_abandon();
    assert_true(fltsim_start(&(struct fltsim_options){.quiet = true}));
    assert_true(fltsim_try(play, NULL));
    fltsim_stop(&report);
    return report;
}

static const struct fltsim_violation *find(const struct fltsim_report *report, const char *name)
{
    for (size_t i = 0; i < report->count; i++)
        if (!strcmp(report->violations[i].rule, name))
            return &report->violations[i];
    fltsim_report_print(report, stderr);
    fail_msg("%s was not reported", name);
    return NULL;
}

static void a_wrong_driver_is_told(void **state)
{
    const struct rule *one = *state;
    struct fltsim_report *report = run(one, true);
    const struct fltsim_violation *violation = find(report, one->rule);
    assert_int_equal(report->count, one->also ? 2 : 1);
    if (one->also)
        find(report, one->also);
    assert_string_equal(violation->driver, "stage");
    assert_non_null(strstr(violation->history, "test_ecp_rules.c"));
    if (one->body == delete_with_one_on_a_create) /* the report names the create that carries it */
        assert_non_null(strstr(violation->history, "carried by the create of \"\\f\""));
    fltsim_report_free(report);
}

static void its_right_twin_is_not(void **state)
{
    struct fltsim_report *report = run(*state, false);
    if (report->count)
        fltsim_report_print(report, stderr);
    assert_int_equal(report->count, 0);
    fltsim_report_free(report);
}

int main(void)
{
    static struct CMUnitTest tests[2 * COUNT];
    static char names[2 * COUNT][96];
    for (size_t i = 0; i < 2 * COUNT; i++) {
        const struct rule *one = &rules[i / 2];
        snprintf(names[i], sizeof names[i], "%s: %s, %s", one->rule, one->name, i % 2 ? "right" : "wrong");
        tests[i] = (struct CMUnitTest){names[i], i % 2 ? its_right_twin_is_not : a_wrong_driver_is_told, NULL, NULL,
                                       (void *)(uintptr_t)one};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
