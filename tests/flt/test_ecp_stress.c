/* Creates that carry parameters from a lookaside list, from several threads, while filters above and below come and go:
 * nothing is leaked, nothing is freed twice, and the list is deleted only when all of them are back. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#include <fltKernel.h>

#include <fltsim/cmocka.h>

#include <stdio.h>
#include <string.h>

enum { THREADS = 4, CREATES = 150, ROUNDS = 12, CARRIERS = 3 };

static const GUID type = {0xEC, 0x0B, 1, {7}};

/* One of three filters of the same code, at different altitudes. */
static struct carrier {
    PFLT_FILTER filter;
    struct fltsim_driver *driver;
    NPAGED_LOOKASIDE_LIST lookaside;
    GUID type;
    LONG attached, freed;
} carriers[CARRIERS];

static struct fltsim_volume *volume;

static LONG freed[CARRIERS];

static VOID cleanup(PVOID context, LPCGUID ofType)
{
    ULONG *which = context;
    InterlockedIncrement(&freed[*which]);
}

/* Finds or makes the list, adds a parameter of its own type from its lookaside list. */
static FLT_PREOP_CALLBACK_STATUS attach(struct carrier *carrier, PFLT_CALLBACK_DATA data)
{
    PECP_LIST list;
    ULONG *context;
    if (!NT_SUCCESS(FltGetEcpListFromCallbackData(carrier->filter, data, &list)))
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    if (!list && (!NT_SUCCESS(FltAllocateExtraCreateParameterList(carrier->filter, 0, &list)) ||
                  !NT_SUCCESS(FltSetEcpListIntoCallbackData(carrier->filter, data, list))))
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    if (!NT_SUCCESS(FltAllocateExtraCreateParameterFromLookasideList(carrier->filter, &carrier->type, sizeof *context, 0,
                                                                     cleanup, &carrier->lookaside, (PVOID *)&context)))
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    *context = (ULONG)(carrier - carriers);
    if (!NT_SUCCESS(FltInsertExtraCreateParameter(carrier->filter, list, context))) {
        FltFreeExtraCreateParameter(carrier->filter, context);
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    }
    InterlockedIncrement(&carrier->attached);
    return FLT_PREOP_SUCCESS_WITH_CALLBACK;
}

/* Takes its parameter off and frees it: then none is out once the filter has unregistered. */
static FLT_POSTOP_CALLBACK_STATUS take_off(struct carrier *carrier, PFLT_CALLBACK_DATA data)
{
    PECP_LIST list;
    PVOID context;
    if (NT_SUCCESS(FltGetEcpListFromCallbackData(carrier->filter, data, &list)) && list &&
        NT_SUCCESS(FltRemoveExtraCreateParameter(carrier->filter, list, &carrier->type, &context, NULL)))
        FltFreeExtraCreateParameter(carrier->filter, context);
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static NTSTATUS FLTAPI query_teardown(PCFLT_RELATED_OBJECTS objects, FLT_INSTANCE_QUERY_TEARDOWN_FLAGS flags)
{
    return STATUS_SUCCESS;
}

static NTSTATUS unload(struct carrier *carrier)
{
    FltUnregisterFilter(carrier->filter);
    FltDeleteExtraCreateParameterLookasideList(carrier->filter, &carrier->lookaside,
                                               FSRTL_ECP_LOOKASIDE_FLAG_NONPAGED_POOL);
    return STATUS_SUCCESS;
}

static NTSTATUS enter(PDRIVER_OBJECT driver, struct carrier *carrier, const FLT_OPERATION_REGISTRATION *operations,
                      PFLT_FILTER_UNLOAD_CALLBACK unloads)
{
    const FLT_REGISTRATION registration = {.Size = sizeof registration,
                                           .Version = FLT_REGISTRATION_VERSION,
                                           .OperationRegistration = operations,
                                           .FilterUnloadCallback = unloads,
                                           .InstanceQueryTeardownCallback = query_teardown};
    carrier->type = type;
    carrier->type.Data2 = (USHORT)(carrier - carriers);
    NTSTATUS status = FltRegisterFilter(driver, &registration, &carrier->filter);
    if (!NT_SUCCESS(status))
        return status;
    FltInitExtraCreateParameterLookasideList(carrier->filter, &carrier->lookaside, FSRTL_ECP_LOOKASIDE_FLAG_NONPAGED_POOL,
                                             sizeof(ULONG), 'rtSE');
    return FltStartFiltering(carrier->filter);
}

#define CARRIER(n)                                                                                                     \
    static FLT_PREOP_CALLBACK_STATUS FLTAPI pre_##n(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,            \
                                                    PVOID *completion)                                                 \
    {                                                                                                                  \
        return attach(&carriers[n], data);                                                                             \
    }                                                                                                                  \
    static FLT_POSTOP_CALLBACK_STATUS FLTAPI post_##n(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,          \
                                                      PVOID completion, FLT_POST_OPERATION_FLAGS flags)                \
    {                                                                                                                  \
        return take_off(&carriers[n], data);                                                                           \
    }                                                                                                                  \
    static NTSTATUS FLTAPI unload_##n(FLT_FILTER_UNLOAD_FLAGS flags) { return unload(&carriers[n]); }                  \
    static NTSTATUS enter_##n(PDRIVER_OBJECT driver, PUNICODE_STRING path)                                             \
    {                                                                                                                  \
        static const FLT_OPERATION_REGISTRATION operations[] = {{IRP_MJ_CREATE, 0, pre_##n, post_##n, NULL},           \
                                                                {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL}};          \
        return enter(driver, &carriers[n], operations, unload_##n);                                                    \
    }
CARRIER(0)
CARRIER(1)
CARRIER(2)

static void load(int which)
{
    static const PDRIVER_INITIALIZE entries[] = {enter_0, enter_1, enter_2};
    static const char *const altitudes[] = {"380000", "370000", "360000"}, *const names[] = {"high", "middle", "low"};
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.name = names[which], .entry = entries[which],
                                                                 .altitude = altitudes[which]}, &carriers[which].driver),
                     STATUS_SUCCESS);
}

static int create_files(void *argument)
{
    int thread = *(int *)argument, failed = 0;
    char path[32];
    for (int i = 0; i < CREATES; i++) {
        HANDLE handle;
        snprintf(path, sizeof path, "C:\\%d-%d", thread, i % 8);
        NTSTATUS status = fltsim_open(path, &(struct fltsim_open){.access = GENERIC_WRITE,
                                                                  .disposition = i % 3 ? FILE_OPEN_IF : FILE_OPEN}, &handle);
        if (NT_SUCCESS(status))
            fltsim_close(handle);
        else if (status != STATUS_OBJECT_NAME_NOT_FOUND)
            failed++;
    }
    return failed;
}

/* The middle filter stays; the others come, detach, attach and go. */
static void come_and_go(int round)
{
    int which = round % 2 ? 0 : 2;
    if (round % 3 == 2) {
        assert_int_equal(fltsim_detach(carriers[which].driver, volume, NULL), STATUS_SUCCESS);
        assert_int_equal(fltsim_attach(carriers[which].driver, volume, NULL, NULL), STATUS_SUCCESS);
    }
    assert_int_equal(fltsim_unload(carriers[which].driver), STATUS_SUCCESS);
    load(which);
}

static void nothing_is_leaked_or_freed_twice(void)
{
    struct fltsim_thread *threads[THREADS];
    int numbers[THREADS];
    memset(carriers, 0, sizeof carriers);
    memset(freed, 0, sizeof freed);
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C'}, &volume), STATUS_SUCCESS);
    for (int i = 0; i < CARRIERS; i++)
        load(i);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        threads[i] = fltsim_thread_create(NULL, create_files, &numbers[i]);
    }
    for (int round = 0; round < ROUNDS; round++) {
        come_and_go(round);
        fltsim_yield();
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(fltsim_thread_join(threads[i]), 0);
    for (int i = 0; i < CARRIERS; i++) {
        assert_int_equal(fltsim_unload(carriers[i].driver), STATUS_SUCCESS);
        assert_int_equal(carriers[i].attached, freed[i]);
    }
    assert_true(carriers[1].attached >= THREADS * CREATES);
}

/* On the cooperative backend: other schedules. */
static void nor_under_other_schedules(void **state)
{
    for (unsigned seed = 1; seed <= 5; seed++) {
        fltsim_abandon();
        assert_true(fltsim_start(&(struct fltsim_options){.seed = seed}));
        fltsim_try(fltsim_cmocka_body, (void *)(uintptr_t)nothing_is_leaked_or_freed_twice);
        assert_int_equal(fltsim_stop(NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {fltsim_unit_test(nothing_is_leaked_or_freed_twice),
                                       cmocka_unit_test(nor_under_other_schedules)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
