/* Lesson 08's driver on a simulated machine, right and wrong, with a slow filter below it. */
#include <fltKernel.h>
#include <fltsim/cmocka.h>

#include <string.h>

DRIVER_INITIALIZE DriverEntry, WrongDriverEntry;

typedef struct {
    PFLT_FILTER Filter;
    PAGED_LOOKASIDE_LIST Notes;
    volatile LONG Out;
} EL_GLOBALS;

extern EL_GLOBALS Globals, WrongGlobals;

static struct fltsim_volume *volume;
static struct fltsim_driver *driver;

static void start(DRIVER_INITIALIZE *entry)
{
    memset(&Globals, 0, sizeof Globals);
    memset(&WrongGlobals, 0, sizeof WrongGlobals);
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C'}, &volume), STATUS_SUCCESS);
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.entry = entry, .inf = LESSON_INF}, &driver),
                     STATUS_SUCCESS);
}

static int open_file(void *unused)
{
    UNREFERENCED_PARAMETER(unused);
    HANDLE handle;
    NTSTATUS status = fltsim_open("C:\\file", &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_OPEN_IF},
                                  &handle);
    if (NT_SUCCESS(status))
        fltsim_close(handle);
    return status;
}

/* ---- a filter below that keeps a create until it is told to let it go ---------------------------------------------- */

static PFLT_FILTER slowFilter;
static PFLT_CALLBACK_DATA held;
static KEVENT isHeld;

static FLT_PREOP_CALLBACK_STATUS FLTAPI hold(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    UNREFERENCED_PARAMETER(objects);
    UNREFERENCED_PARAMETER(context);
    if (held != NULL)
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    held = data;
    KeSetEvent(&isHeld, IO_NO_INCREMENT, FALSE);
    return FLT_PREOP_PENDING;
}

static NTSTATUS FLTAPI unload_slow(FLT_FILTER_UNLOAD_FLAGS flags)
{
    UNREFERENCED_PARAMETER(flags);
    FltUnregisterFilter(slowFilter);
    return STATUS_SUCCESS;
}

static NTSTATUS enter_slow(PDRIVER_OBJECT object, PUNICODE_STRING path)
{
    static const FLT_OPERATION_REGISTRATION operations[] = {{IRP_MJ_CREATE, 0, hold, NULL, NULL},
                                                            {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL}};
    static const FLT_REGISTRATION registration = {.Size = sizeof registration,
                                                  .Version = FLT_REGISTRATION_VERSION,
                                                  .OperationRegistration = operations,
                                                  .FilterUnloadCallback = unload_slow};
    UNREFERENCED_PARAMETER(path);
    NTSTATUS status = FltRegisterFilter(object, &registration, &slowFilter);
    return NT_SUCCESS(status) ? FltStartFiltering(slowFilter) : status;
}

static struct fltsim_thread *open_slowly(void)
{
    struct fltsim_driver *slow;
    held = NULL;
    KeInitializeEvent(&isHeld, NotificationEvent, FALSE);
    assert_int_equal(fltsim_load(&(struct fltsim_driver_options){.name = "slow", .entry = enter_slow, .altitude = "320000"},
                                 &slow),
                     STATUS_SUCCESS);
    struct fltsim_thread *thread = fltsim_thread_create(NULL, open_file, NULL);
    KeWaitForSingleObject(&isHeld, Executive, KernelMode, FALSE, NULL);
    return thread;
}

static void let_go(void) { FltCompletePendedPreOperation(held, FLT_PREOP_SUCCESS_NO_CALLBACK, NULL); }

static LONG unloaded;

static int unload(void *unused)
{
    UNREFERENCED_PARAMETER(unused);
    NTSTATUS status = fltsim_unload(driver);
    InterlockedExchange(&unloaded, 1);
    return status;
}

/* ---- the tests -------------------------------------------------------------------------------------------------------- */

static void a_note_is_back_when_its_create_ends(void)
{
    start(DriverEntry);
    assert_int_equal(open_file(NULL), STATUS_SUCCESS);
    assert_int_equal(Globals.Out, 0);
    assert_int_equal(Globals.Notes.L.TotalAllocates, Globals.Notes.L.TotalFrees);
}

static void notes_are_used_again(void)
{
    start(DriverEntry);
    for (int i = 0; i < 100; i++)
        open_file(NULL);
    assert_int_equal(Globals.Notes.L.TotalAllocates, 100);
    assert_int_equal(Globals.Notes.L.AllocateMisses, 1); /* the first one came from pool */
}

/* The create is under way, with a note on it: the unload waits until it ends. */
static void the_unload_waits_for_creates_that_carry_a_note(void)
{
    start(DriverEntry);
    struct fltsim_thread *opening = open_slowly();
    unloaded = 0;
    struct fltsim_thread *unloading = fltsim_thread_create(NULL, unload, NULL);
    fltsim_sleep(1000);
    assert_int_equal(InterlockedExchangeAdd(&unloaded, 0), 0);
    assert_int_equal(Globals.Out, 1);
    let_go();
    assert_int_equal(fltsim_thread_join(opening), STATUS_SUCCESS);
    assert_int_equal(fltsim_thread_join(unloading), STATUS_SUCCESS);
    assert_int_equal(Globals.Out, 0);
}

/* The wrong driver deletes the list while a create carries a note of it, and unloads; then the create ends. */
static void the_wrong_driver_deletes_the_list_under_them(void)
{
    start(WrongDriverEntry);
    struct fltsim_thread *opening = open_slowly();
    fltsim_expect("ecp-lookaside-in-use"); /* at once, with the name of the create */
    assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
    fltsim_expect("ecp-lookaside-deleted"); /* what Windows would crash by, later */
    let_go();
    assert_int_equal(fltsim_thread_join(opening), STATUS_SUCCESS);
}

static void the_wrong_driver_gets_away_with_it_when_nothing_is_under_way(void)
{
    start(WrongDriverEntry);
    assert_int_equal(open_file(NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_note_is_back_when_its_create_ends),
        fltsim_unit_test(notes_are_used_again),
        fltsim_unit_test(the_unload_waits_for_creates_that_carry_a_note),
        fltsim_unit_test(the_wrong_driver_deletes_the_list_under_them),
        fltsim_unit_test(the_wrong_driver_gets_away_with_it_when_nothing_is_under_way),
    };
    return cmocka_run_group_tests_name("lesson 08", tests, NULL, NULL);
}
