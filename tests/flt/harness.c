#include "harness.h"

#include "io/iop.h"
#include "ke/thread.h"

struct tiny tiny;
struct probe probes[3];

/* ---- notes ---- */

static char notes[4096];
static size_t noted_length;
static struct sched_lock notes_lock;

void note(const char *format, ...)
{
    va_list list;
    char text[200];
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    sched_lock(&notes_lock);
    noted_length += (size_t)snprintf(notes + noted_length, sizeof notes - noted_length, "%s%s", noted_length ? " " : "", text);
    sched_unlock(&notes_lock);
}

const char *noted(void)
{
    static char result[4096];
    sched_lock(&notes_lock);
    memcpy(result, notes, sizeof result);
    notes[0] = 0;
    noted_length = 0;
    sched_unlock(&notes_lock);
    return result;
}

/* ---- the file system ---- */

static FSRTL_ADVANCED_FCB_HEADER header;
static FAST_MUTEX header_mutex;
static struct iop_file file;

static NTSTATUS finish(PIRP irp, NTSTATUS status)
{
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = NT_SUCCESS(status) ? tiny.information : 0;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

static VOID later(PVOID context)
{
    KIRQL old = PASSIVE_LEVEL;
    bool dispatch = tiny.mode == TINY_DISPATCH;
    if (dispatch)
        KeRaiseIrql(DISPATCH_LEVEL, &old);
    finish(context, tiny.status);
    if (dispatch)
        KeLowerIrql(old);
}

static void cancel(PDEVICE_OBJECT device, PIRP irp)
{
    IoReleaseCancelSpinLock(irp->CancelIrql);
    if (__atomic_exchange_n(&tiny.held, NULL, __ATOMIC_ACQ_REL) == irp)
        finish(irp, STATUS_CANCELLED);
}

static void start_thread(PIRP irp)
{
    HANDLE thread;
    PsCreateSystemThread(&thread, THREAD_ALL_ACCESS, NULL, NULL, NULL, later, irp);
    ZwClose(thread);
}

static NTSTATUS dispatch(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);

    if (!tiny.busy) {
        tiny.seen = *stack;
        tiny.user_buffer = irp->UserBuffer;
        tiny.system_buffer = irp->AssociatedIrp.SystemBuffer;
        tiny.mdl = irp->MdlAddress;
    }
    __atomic_add_fetch(&tiny.calls, 1, __ATOMIC_RELAXED);
    note("fs");
    switch (tiny.mode) {
    case TINY_INLINE:
        return finish(irp, tiny.status);
    case TINY_HOLD:
        IoMarkIrpPending(irp);
        tiny.held = irp;
        IoSetCancelRoutine(irp, cancel);
        return STATUS_PENDING;
    default:
        IoMarkIrpPending(irp);
        start_thread(irp);
        return STATUS_PENDING;
    }
}

static BOOLEAN fast_read(PFILE_OBJECT object, PLARGE_INTEGER offset, ULONG length, BOOLEAN wait, ULONG key, PVOID buffer,
                         PIO_STATUS_BLOCK iosb, PDEVICE_OBJECT device)
{
    note("fast");
    if (!tiny.fast_io)
        return FALSE;
    *iosb = (IO_STATUS_BLOCK){.Status = STATUS_SUCCESS, .Information = length};
    return TRUE;
}

static FAST_IO_DISPATCH fast = {.SizeOfFastIoDispatch = sizeof fast, .FastIoRead = fast_read, .FastIoWrite = fast_read};

static NTSTATUS tiny_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    for (int i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        driver->MajorFunction[i] = dispatch;
    driver->FastIoDispatch = &fast;
    tiny.driver = driver;
    return STATUS_SUCCESS;
}

#define NAME(text) {.Buffer = (PWSTR)u##text, .Length = sizeof(u##text) - 2, .MaximumLength = sizeof(u##text)}

void tiny_start(void)
{
    UNICODE_STRING driver = NAME("\\FileSystem\\tiny"), device = NAME("\\Device\\Tiny");

    assert_true(fltsim_start(NULL));
    noted();
    memset(&tiny, 0, sizeof tiny);
    memset(probes, 0, sizeof probes);
    for (int i = 0; i < 3; i++)
        probes[i].letter = (char)('A' + i);
    assert_int_equal(IoCreateDriver(&driver, tiny_entry), STATUS_SUCCESS);
    assert_int_equal(IoCreateDevice(tiny.driver, 0, &device, FILE_DEVICE_DISK_FILE_SYSTEM, 0, FALSE, &tiny.device),
                     STATUS_SUCCESS);
    tiny.device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    ExInitializeFastMutex(&header_mutex);
    memset(&header, 0, sizeof header);
    FsRtlSetupAdvancedHeader(&header, &header_mutex);
    memset(&file, 0, sizeof file);
    file.object.Type = IO_TYPE_FILE;
    file.object.Flags = FO_SYNCHRONOUS_IO;
    file.object.FsContext = &header;
    assert_int_equal(FltpCreateVolume(&FltGlobals.FrameZero, tiny.device, NULL, false, &tiny.volume), STATUS_SUCCESS);
    file.object.DeviceObject = tiny.device;
}

PFILE_OBJECT tiny_file(void) { return &file.object; }
void tiny_attach(void) { FltpSetupVolume(tiny.volume); }

void tiny_release(NTSTATUS status)
{
    PIRP irp = __atomic_exchange_n(&tiny.held, NULL, __ATOMIC_ACQ_REL);
    assert_non_null(irp);
    IoSetCancelRoutine(irp, NULL);
    finish(irp, status);
}

void tiny_stop(void)
{
    for (int i = 0; i < 3; i++)
        if (probes[i].driver)
            assert_int_equal(probe_unload(&probes[i]), STATUS_SUCCESS);
    if (tiny.volume)
        FltpTeardownVolume(tiny.volume);
    FsRtlTeardownPerStreamContexts(&header);
    IoDeleteDevice(tiny.device);
    IopRemoveDriver(tiny.driver);
    assert_int_equal(fltsim_stop(NULL), 0);
}

static NTSTATUS sent(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    struct tiny_io *io = context;
    io->iosb = irp->IoStatus;
    if (irp->PendingReturned)
        io->pended = true;
    KeSetEvent(&io->event, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

NTSTATUS tiny_send(struct tiny_io *io)
{
    PDEVICE_OBJECT top = IoGetAttachedDevice(tiny.device);
    PIRP irp = io->irp = IoAllocateIrp((CCHAR)(top->StackSize + 1), FALSE);
    PIO_STACK_LOCATION stack;

    IoSetNextIrpStackLocation(irp);
    stack = IoGetNextIrpStackLocation(irp);
    stack->MajorFunction = io->major;
    stack->MinorFunction = io->minor;
    stack->Flags = io->flags;
    stack->FileObject = &file.object;
    stack->Parameters.Read.Length = io->length;
    stack->Parameters.Read.ByteOffset.QuadPart = io->offset;
    irp->Tail.Overlay.Thread = PsGetCurrentThread();
    irp->Tail.Overlay.OriginalFileObject = &file.object;
    irp->Flags = io->irp_flags;
    irp->UserBuffer = io->buffer;
    irp->MdlAddress = io->mdl;
    KeInitializeEvent(&io->event, NotificationEvent, FALSE);
    io->pended = false;
    IoSetCompletionRoutine(irp, sent, io, TRUE, TRUE, TRUE);
    NTSTATUS status = IoCallDriver(top, irp);
    if (io->keep)
        return status;
    NTSTATUS final = tiny_wait(io);
    if (status != STATUS_PENDING)
        assert_int_equal(status, final);
    else
        assert_true(io->pended);
    return final;
}

NTSTATUS tiny_wait(struct tiny_io *io)
{
    KeWaitForSingleObject(&io->event, Executive, KernelMode, FALSE, NULL);
    IoFreeIrp(io->irp);
    return io->iosb.Status;
}

NTSTATUS tiny_major(UCHAR major)
{
    struct tiny_io io = {.major = major};
    return tiny_send(&io);
}

/* ---- minifilters ---- */

const char *probe_operation(UCHAR major)
{
    switch (major) {
    case IRP_MJ_CREATE:
        return "create";
    case IRP_MJ_READ:
        return "read";
    case IRP_MJ_WRITE:
        return "write";
    case IRP_MJ_CLEANUP:
        return "cleanup";
    case IRP_MJ_CLOSE:
        return "close";
    default:
        return trace_major(major);
    }
}

static FLT_PREOP_CALLBACK_STATUS pre(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    if (!p->quiet)
        note("%c>%s", p->letter, probe_operation(data->Iopb->MajorFunction));
    assert_ptr_equal(objects->Filter, p->filter);
    assert_ptr_equal(objects->Instance, data->Iopb->TargetInstance);
    if (p->pre)
        return p->pre(p, data, objects, context);
    if (data->Iopb->MajorFunction == IRP_MJ_CLEANUP) /* registered without a post-operation callback */
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    *context = p->answer == FLT_PREOP_SUCCESS_WITH_CALLBACK || p->answer == FLT_PREOP_SYNCHRONIZE ? p->context : NULL;
    return p->answer;
}

static FLT_POSTOP_CALLBACK_STATUS post(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID context,
                                       FLT_POST_OPERATION_FLAGS flags)
{
    if (!p->quiet)
        note("%c<%s%s", p->letter, probe_operation(data->Iopb->MajorFunction),
             flags & FLTFL_POST_OPERATION_DRAINING ? "(draining)" : "");
    assert_ptr_equal(objects->Filter, p->filter);
    if (p->post)
        return p->post(p, data, objects, context, flags);
    assert_ptr_equal(context, p->context);
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static NTSTATUS setup(struct probe *p, PCFLT_RELATED_OBJECTS objects, FLT_INSTANCE_SETUP_FLAGS flags)
{
    note("%c+", p->letter);
    p->setup_flags = flags;
    if (NT_SUCCESS(p->setup_status))
        p->instance = objects->Instance;
    return p->setup_status;
}

static NTSTATUS query(struct probe *p)
{
    note("%c?", p->letter);
    return p->query_status;
}

static void teardown_start(struct probe *p, FLT_INSTANCE_TEARDOWN_FLAGS reason)
{
    note("%c-", p->letter);
    p->reason = reason;
    if (p->teardown_start)
        p->teardown_start(p);
}

static void teardown_complete(struct probe *p)
{
    note("%c--", p->letter);
    p->instance = NULL;
}

static NTSTATUS unload(struct probe *p, FLT_FILTER_UNLOAD_FLAGS flags)
{
    if (p->unload)
        return p->unload(p, flags);
    FltUnregisterFilter(p->filter);
    return STATUS_SUCCESS;
}

static NTSTATUS enter(struct probe *p, PDRIVER_OBJECT driver, const FLT_REGISTRATION *registration)
{
    NTSTATUS status = FltRegisterFilter(driver, registration, &p->filter);
    if (!NT_SUCCESS(status))
        return status;
    status = FltStartFiltering(p->filter);
    if (!NT_SUCCESS(status))
        FltUnregisterFilter(p->filter);
    return status;
}

/* Callbacks have no place for a context of the filter's own: each probe has its set of them. */
#define PROBE(i)                                                                                                        \
    static FLT_PREOP_CALLBACK_STATUS pre##i(PFLT_CALLBACK_DATA d, PCFLT_RELATED_OBJECTS o, PVOID *c)                     \
    {                                                                                                                   \
        return pre(&probes[i], d, o, c);                                                                                \
    }                                                                                                                   \
    static FLT_POSTOP_CALLBACK_STATUS post##i(PFLT_CALLBACK_DATA d, PCFLT_RELATED_OBJECTS o, PVOID c,                    \
                                              FLT_POST_OPERATION_FLAGS f)                                               \
    {                                                                                                                   \
        return post(&probes[i], d, o, c, f);                                                                            \
    }                                                                                                                   \
    static NTSTATUS setup##i(PCFLT_RELATED_OBJECTS o, FLT_INSTANCE_SETUP_FLAGS f, DEVICE_TYPE t, FLT_FILESYSTEM_TYPE k) \
    {                                                                                                                   \
        return setup(&probes[i], o, f);                                                                                 \
    }                                                                                                                   \
    static NTSTATUS query##i(PCFLT_RELATED_OBJECTS o, FLT_INSTANCE_QUERY_TEARDOWN_FLAGS f) { return query(&probes[i]); } \
    static VOID start##i(PCFLT_RELATED_OBJECTS o, FLT_INSTANCE_TEARDOWN_FLAGS r) { teardown_start(&probes[i], r); }      \
    static VOID complete##i(PCFLT_RELATED_OBJECTS o, FLT_INSTANCE_TEARDOWN_FLAGS r) { teardown_complete(&probes[i]); }   \
    static NTSTATUS unload##i(FLT_FILTER_UNLOAD_FLAGS f) { return unload(&probes[i], f); }                              \
    static NTSTATUS entry##i(PDRIVER_OBJECT driver, PUNICODE_STRING path)                                               \
    {                                                                                                                   \
        FLT_OPERATION_REGISTRATION operations[] = {                                                                     \
            {IRP_MJ_CREATE, probes[i].operation_flags, pre##i, post##i, NULL},                                          \
            {IRP_MJ_READ, probes[i].operation_flags, pre##i, post##i, NULL},                                            \
            {IRP_MJ_WRITE, probes[i].operation_flags, pre##i, post##i, NULL},                                           \
            {IRP_MJ_CLEANUP, 0, pre##i, NULL, NULL},                                                                    \
            {IRP_MJ_FLUSH_BUFFERS, 0, NULL, post##i, NULL},                                                             \
            {IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION, 0, pre##i, post##i, NULL},                                     \
            {probes[i].sees_close ? IRP_MJ_CLOSE : IRP_MJ_OPERATION_END, 0, pre##i, post##i, NULL},                     \
            {IRP_MJ_OPERATION_END, 0, NULL, NULL, NULL},                                                                \
        };                                                                                                              \
        FLT_REGISTRATION registration = {                                                                               \
            .Size = sizeof registration,                                                                                \
            .Version = FLT_REGISTRATION_VERSION,                                                                        \
            .ContextRegistration = probes[i].contexts,                                                                  \
            .OperationRegistration = probes[i].operations ? probes[i].operations : operations,                          \
            .FilterUnloadCallback = unload##i,                                                                          \
            .InstanceSetupCallback = setup##i,                                                                          \
            .InstanceQueryTeardownCallback = probes[i].no_query ? NULL : query##i,                                      \
            .InstanceTeardownStartCallback = start##i,                                                                  \
            .InstanceTeardownCompleteCallback = complete##i,                                                            \
        };                                                                                                              \
        return enter(&probes[i], driver, &registration);                                                                \
    }
PROBE(0)
PROBE(1)
PROBE(2)

NTSTATUS probe_load(struct probe *p, const char *altitude)
{
    static PDRIVER_INITIALIZE const entries[] = {entry0, entry1, entry2};
    static const char *const altitudes[] = {"300000", "200000", "100000"};
    size_t i = (size_t)(p - probes);
    char name[] = {'p', 'r', 'o', 'b', 'e', p->letter, 0};
    return fltsim_load(&(struct fltsim_driver_options){.name = name,
                                                       .entry = entries[i],
                                                       .altitude = altitude ? altitude : altitudes[i]},
                       &p->driver);
}

NTSTATUS probe_unload(struct probe *p)
{
    NTSTATUS status = fltsim_unload(p->driver);
    if (NT_SUCCESS(status))
        p->driver = NULL;
    return status;
}
