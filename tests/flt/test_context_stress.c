/* Ten threads find or create the context of one stream, as a filter's callbacks do, while others delete it, trim the
 * file system's cache, detach and attach the instance, unload and load the driver. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

#include <fltKernel.h>

#include <fltsim/cmocka.h>

#include <string.h>

enum { READERS = 10, WRITERS = 2, ROUNDS = 12, ALIVE = 0x414c4956, GONE = 0x474f4e45 };

struct context {
    volatile LONG state;
    volatile LONG users;
};

static struct fltsim_volume *volume;
static struct fltsim_driver *driver;
static PFLT_FILTER filter;
static volatile LONG made, cleaned, wrong, progress, wanted, stop, turn;
static KEVENT passed; /* progress reached what was wanted */

static void check(bool good)
{
    if (!good)
        __atomic_add_fetch(&wrong, 1, __ATOMIC_RELAXED);
}

static VOID FLTAPI clean_up(PFLT_CONTEXT context, FLT_CONTEXT_TYPE type)
{
    struct context *c = context;
    check(KeGetCurrentIrql() <= APC_LEVEL);
    check(__atomic_exchange_n(&c->state, GONE, __ATOMIC_ACQ_REL) == ALIVE);
    check(__atomic_load_n(&c->users, __ATOMIC_ACQUIRE) == 0);
    __atomic_add_fetch(&cleaned, 1, __ATOMIC_RELAXED);
}

static struct context *create(PFLT_FILTER owner, FLT_CONTEXT_TYPE type)
{
    PFLT_CONTEXT context;
    if (!NT_SUCCESS(FltAllocateContext(owner, type, sizeof(struct context), PagedPool, &context)))
        return NULL;
    struct context *c = context;
    c->users = 0;
    c->state = ALIVE;
    __atomic_add_fetch(&made, 1, __ATOMIC_RELAXED);
    return c;
}

static struct context *find_or_create(PCFLT_RELATED_OBJECTS objects)
{
    PFLT_CONTEXT found, old;
    NTSTATUS status = FltGetStreamContext(objects->Instance, objects->FileObject, &found);
    if (NT_SUCCESS(status))
        return found;
    check(status == STATUS_NOT_FOUND && !found);
    struct context *fresh = create(objects->Filter, FLT_STREAM_CONTEXT);
    if (!fresh)
        return NULL;
    status = FltSetStreamContext(objects->Instance, objects->FileObject, FLT_SET_CONTEXT_KEEP_IF_EXISTS, fresh, &old);
    if (NT_SUCCESS(status)) {
        check(!old);
        return fresh;
    }
    FltReleaseContext(fresh);
    check(status == STATUS_FLT_CONTEXT_ALREADY_DEFINED ? old != NULL && old != fresh
                                                       : status == STATUS_FLT_DELETING_OBJECT && !old);
    return old;
}

/* Not a yield: a thread that only yields is taken to wait for time to pass, which passes when all of them wait. */
static void let_others(void) { fltsim_sleep(1); }

static void use(struct context *c)
{
    __atomic_add_fetch(&c->users, 1, __ATOMIC_ACQ_REL);
    check(__atomic_load_n(&c->state, __ATOMIC_ACQUIRE) == ALIVE);
    if (__atomic_load_n(&turn, __ATOMIC_RELAXED) % 4 == 0)
        let_others();
    check(__atomic_load_n(&c->state, __ATOMIC_ACQUIRE) == ALIVE);
    __atomic_sub_fetch(&c->users, 1, __ATOMIC_ACQ_REL);
}

static void hang_on_handle(PCFLT_RELATED_OBJECTS objects)
{
    struct context *fresh = create(objects->Filter, FLT_STREAMHANDLE_CONTEXT);
    if (!fresh)
        return;
    FltSetStreamHandleContext(objects->Instance, objects->FileObject, FLT_SET_CONTEXT_REPLACE_IF_EXISTS, fresh, NULL);
    FltReleaseContext(fresh);
}

static FLT_PREOP_CALLBACK_STATUS FLTAPI before_read(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    struct context *c = find_or_create(objects);
    if (__atomic_add_fetch(&progress, 1, __ATOMIC_RELAXED) == __atomic_load_n(&wanted, __ATOMIC_ACQUIRE))
        KeSetEvent(&passed, IO_NO_INCREMENT, FALSE);
    if (!c)
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    use(c);
    LONG now = __atomic_add_fetch(&turn, 1, __ATOMIC_RELAXED);
    if (now % 8 == 0)
        hang_on_handle(objects);
    if (now % 2) {
        FltReleaseContext(c);
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    }
    *context = c;
    return FLT_PREOP_SUCCESS_WITH_CALLBACK;
}

static FLT_POSTOP_CALLBACK_STATUS FLTAPI after_read(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID context,
                                                    FLT_POST_OPERATION_FLAGS flags)
{
    use(context);
    FltReleaseContext(context);
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static FLT_PREOP_CALLBACK_STATUS FLTAPI before_write(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *unused)
{
    PFLT_CONTEXT c;
    switch (__atomic_add_fetch(&turn, 1, __ATOMIC_RELAXED) % 3) {
    case 0:
        FltDeleteStreamContext(objects->Instance, objects->FileObject, NULL);
        break;
    case 1:
        if (NT_SUCCESS(FltDeleteStreamContext(objects->Instance, objects->FileObject, &c))) {
            use(c);
            FltReleaseContext(c);
        }
        break;
    default:
        if (NT_SUCCESS(FltGetStreamContext(objects->Instance, objects->FileObject, &c))) {
            FltDeleteContext(c);
            use(c);
            FltReleaseContext(c);
        }
    }
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static NTSTATUS FLTAPI unload(FLT_FILTER_UNLOAD_FLAGS flags)
{
    FltUnregisterFilter(filter);
    check(__atomic_load_n(&made, __ATOMIC_ACQUIRE) == __atomic_load_n(&cleaned, __ATOMIC_ACQUIRE)); /* it waited for all */
    return STATUS_SUCCESS;
}

static NTSTATUS FLTAPI may_detach(PCFLT_RELATED_OBJECTS objects, FLT_INSTANCE_QUERY_TEARDOWN_FLAGS flags)
{
    return STATUS_SUCCESS;
}

static NTSTATUS entry(PDRIVER_OBJECT driverObject, PUNICODE_STRING path)
{
    static const FLT_OPERATION_REGISTRATION operations[] = {{IRP_MJ_READ, 0, before_read, after_read, NULL},
                                                            {IRP_MJ_WRITE, 0, before_write, NULL, NULL},
                                                            {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL}};
    static const FLT_CONTEXT_REGISTRATION contexts[] = {
        {FLT_STREAM_CONTEXT, 0, clean_up, sizeof(struct context), 'sstS', NULL, NULL, NULL},
        {FLT_STREAMHANDLE_CONTEXT, 0, clean_up, sizeof(struct context), 'hstS', NULL, NULL, NULL},
        {FLT_CONTEXT_END, 0, NULL, 0, 0, NULL, NULL, NULL}};
    FLT_REGISTRATION registration = {.Size = sizeof registration,
                                     .Version = FLT_REGISTRATION_VERSION,
                                     .ContextRegistration = contexts,
                                     .OperationRegistration = operations,
                                     .FilterUnloadCallback = unload,
                                     .InstanceQueryTeardownCallback = may_detach};
    NTSTATUS status = FltRegisterFilter(driverObject, &registration, &filter);
    return NT_SUCCESS(status) ? FltStartFiltering(filter) : status;
}

static void load(void)
{
    assert_int_equal(
        fltsim_load(&(struct fltsim_driver_options){.name = "stress", .entry = entry, .altitude = "370000"}, &driver),
        STATUS_SUCCESS);
}

static HANDLE open_file(const char *path)
{
    HANDLE handle;
    NTSTATUS status = fltsim_open(path, &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE, .share = 7,
                                                              .disposition = FILE_OPEN_IF}, &handle);
    check(NT_SUCCESS(status));
    return handle;
}

static int read_on(void *argument)
{
    char byte;
    HANDLE handle = open_file("C:\\file");
    for (int i = 1; !__atomic_load_n(&stop, __ATOMIC_ACQUIRE); i++) {
        fltsim_read(handle, &byte, 1, 0, NULL);
        let_others();
        if (i % 16)
            continue;
        fltsim_close(handle);
        handle = open_file("C:\\file");
    }
    fltsim_close(handle);
    return 0;
}

static int write_on(void *argument)
{
    HANDLE handle = open_file("C:\\file");
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        fltsim_write(handle, "x", 1, 0, NULL);
        let_others();
    }
    fltsim_close(handle);
    return 0;
}

static int trim_on(void *argument)
{
    char byte;
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
        HANDLE handle = open_file("C:\\other");
        fltsim_write(handle, "y", 1, 0, NULL);
        fltsim_read(handle, &byte, 1, 0, NULL);
        fltsim_close(handle);
        fltsim_trim(volume);
        let_others();
    }
    return 0;
}

/* The instance is attached: reads come by, and nobody else sets `wanted`. */
static void let_some_pass(LONG count)
{
    KeClearEvent(&passed);
    __atomic_store_n(&progress, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&wanted, count, __ATOMIC_RELEASE);
    KeWaitForSingleObject(&passed, Executive, KernelMode, FALSE, NULL);
}

static void contexts_survive_whatever_happens_at_once(void)
{
    struct fltsim_thread *threads[READERS + WRITERS + 1];
    int count = 0;
    made = cleaned = wrong = progress = wanted = stop = turn = 0;
    KeInitializeEvent(&passed, NotificationEvent, FALSE);
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C'}, &volume), STATUS_SUCCESS);
    load();
    fltsim_close(open_file("C:\\file"));
    while (count < READERS)
        threads[count++] = fltsim_thread_create(NULL, read_on, NULL);
    while (count < READERS + WRITERS)
        threads[count++] = fltsim_thread_create(NULL, write_on, NULL);
    threads[count++] = fltsim_thread_create(NULL, trim_on, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        let_some_pass(40);
        if (round % 3 == 2) {
            assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
            let_others();
            load();
        } else {
            assert_int_equal(fltsim_detach(driver, volume, NULL), STATUS_SUCCESS);
            let_others();
            assert_int_equal(fltsim_attach(driver, volume, NULL, NULL), STATUS_SUCCESS);
        }
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < count; i++)
        assert_int_equal(fltsim_thread_join(threads[i]), 0);
    assert_int_equal(fltsim_unload(driver), STATUS_SUCCESS);
    assert_int_equal(wrong, 0);
    assert_int_equal(made, cleaned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(contexts_survive_whatever_happens_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
