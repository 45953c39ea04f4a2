/* Waits that a cancelled operation or a thread's end breaks off. */
#include "stage.h"

static HANDLE file;
static PFLT_CALLBACK_DATA pended;
static KEVENT event;
static NTSTATUS single, several;
static LARGE_INTEGER soon = {.QuadPart = -10000};

static void just_pend(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects) { pended = data; }
static int flush_once(void *argument) { return fltsim_flush(file); }

static int wait_single(void *argument) { return FltCancellableWaitForSingleObject(&event, argument, pended); }
static int wait_several(void *argument)
{
    PVOID objects[] = {&event, PsGetCurrentThread()};
    return FltCancellableWaitForMultipleObjects(2, objects, WaitAny, argument, NULL, pended);
}

static int wait_all(void *argument)
{
    PVOID objects[] = {&event, PsGetCurrentThread()};
    return FltCancellableWaitForMultipleObjects(2, objects, WaitAll, argument, NULL, pended);
}
static void a_wait_ends_with_its_object_or_its_time(void)
{
    KEVENT second;
    PVOID objects[] = {&event, &second};
    stage_mount(FLTSIM_NTFS);
    KeInitializeEvent(&event, SynchronizationEvent, TRUE);
    KeInitializeEvent(&second, NotificationEvent, TRUE);
    succeeds(FltCancellableWaitForSingleObject(&event, NULL, NULL));
    answers(STATUS_TIMEOUT, FltCancellableWaitForSingleObject(&event, &soon, NULL));
    answers(STATUS_TIMEOUT, FltCancellableWaitForMultipleObjects(2, objects, WaitAll, &soon, NULL, NULL));
    answers(STATUS_WAIT_1, FltCancellableWaitForMultipleObjects(2, objects, WaitAny, NULL, NULL, NULL));
    KeSetEvent(&event, IO_NO_INCREMENT, FALSE);
    answers(STATUS_WAIT_0, FltCancellableWaitForMultipleObjects(2, objects, WaitAny, NULL, NULL, NULL));
    KeSetEvent(&event, IO_NO_INCREMENT, FALSE);
    succeeds(FltCancellableWaitForMultipleObjects(2, objects, WaitAll, NULL, NULL, NULL));
}

static void the_index_of_the_object_is_in_the_status(void)
{
    KEVENT events[MAXIMUM_WAIT_OBJECTS];
    KWAIT_BLOCK blocks[MAXIMUM_WAIT_OBJECTS];
    PVOID objects[MAXIMUM_WAIT_OBJECTS];
    stage_mount(FLTSIM_NTFS);
    for (int i = 0; i < MAXIMUM_WAIT_OBJECTS; i++) {
        KeInitializeEvent(&events[i], SynchronizationEvent, FALSE);
        objects[i] = &events[i];
    }
    KeSetEvent(&events[63], IO_NO_INCREMENT, FALSE);
    answers(STATUS_WAIT_63, FltCancellableWaitForMultipleObjects(64, objects, WaitAny, NULL, blocks, NULL));
    KeSetEvent(&events[0], IO_NO_INCREMENT, FALSE);
    answers(STATUS_WAIT_0, FltCancellableWaitForMultipleObjects(64, objects, WaitAny, NULL, blocks, NULL));
}

static KMUTANT mutant;
static int abandon(void *argument) { return KeWaitForSingleObject(&mutant, Executive, KernelMode, FALSE, NULL); }

static void an_abandoned_mutant_shows_in_the_status(void)
{
    KEVENT events[MAXIMUM_WAIT_OBJECTS];
    KWAIT_BLOCK blocks[MAXIMUM_WAIT_OBJECTS];
    PVOID objects[MAXIMUM_WAIT_OBJECTS];
    stage_mount(FLTSIM_NTFS);
    KeInitializeMutant(&mutant, FALSE);
    fltsim_thread_join(fltsim_thread_create(NULL, abandon, NULL));
    answers(STATUS_ABANDONED_WAIT_0, FltCancellableWaitForSingleObject(&mutant, NULL, NULL));
    KeReleaseMutex(&mutant, FALSE);
    for (int i = 0; i < MAXIMUM_WAIT_OBJECTS; i++) {
        KeInitializeEvent(&events[i], SynchronizationEvent, FALSE);
        objects[i] = &events[i];
    }
    objects[0] = &mutant;
    fltsim_thread_join(fltsim_thread_create(NULL, abandon, NULL));
    answers(STATUS_ABANDONED_WAIT_0, FltCancellableWaitForMultipleObjects(64, objects, WaitAny, NULL, blocks, NULL));
    KeReleaseMutex(&mutant, FALSE);
    objects[0] = &events[0];
    objects[63] = &mutant;
    fltsim_thread_join(fltsim_thread_create(NULL, abandon, NULL));
    answers(STATUS_ABANDONED_WAIT_63, FltCancellableWaitForMultipleObjects(64, objects, WaitAny, NULL, blocks, NULL));
    KeReleaseMutex(&mutant, FALSE);
}

static void a_cancelled_operation_ends_its_wait(void)
{
    int (*const waits[])(void *) = {wait_single, wait_several, wait_all};
    stage_set();
    file = stage_open("C:\\file");
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    for (int i = 0; i < 3; i++) {
        stage_watch(IRP_MJ_FLUSH_BUFFERS, just_pend, NULL);
        stage.answer = FLT_PREOP_PENDING;
        struct fltsim_thread *flusher = fltsim_thread_create(NULL, flush_once, NULL);
        fltsim_sleep(1);
        assert_int_equal(waits[i](&soon), STATUS_TIMEOUT);
        struct fltsim_thread *waiter = fltsim_thread_create(NULL, waits[i], NULL);
        fltsim_sleep(1);
        FltCancelIo(pended);
        assert_int_equal(fltsim_thread_join(waiter), STATUS_CANCELLED);
        assert_int_equal(waits[i](NULL), STATUS_CANCELLED);
        FltCompletePendedPreOperation(pended, FLT_PREOP_SUCCESS_NO_CALLBACK, NULL);
        fltsim_thread_join(flusher);
    }
    pended = NULL;
    succeeds(fltsim_close(file));
}

/* ---- the end of a thread ---------------------------------------------------------------------------------------- */

static NTSTATUS atEnd[3];
static PFLT_PORT server, client;

static VOID thread_notify(HANDLE process, HANDLE thread, BOOLEAN create)
{
    PVOID objects[] = {&event};
    if (create || thread != PsGetCurrentThreadId())
        return;
    atEnd[0] = FltCancellableWaitForSingleObject(&event, NULL, NULL);
    atEnd[1] = FltCancellableWaitForMultipleObjects(1, objects, WaitAny, NULL, NULL, NULL);
    if (client)
        atEnd[2] = FltSendMessage(stage.filter, &client, "x", 2, NULL, NULL, NULL);
}

static NTSTATUS FLTAPI connect(PFLT_PORT port, PVOID cookie, PVOID context, ULONG size, PVOID *connection)
{
    client = port;
    return STATUS_SUCCESS;
}
static VOID FLTAPI disconnect(PVOID cookie) { FltCloseClientPort(stage.filter, &client); }
static int nothing(void *argument) { return 0; }

static void a_thread_that_ends_waits_for_nothing(void)
{
    PSECURITY_DESCRIPTOR descriptor;
    OBJECT_ATTRIBUTES attributes;
    HANDLE port;
    stage_set();
    client = NULL;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    succeeds(FltBuildDefaultSecurityDescriptor(&descriptor, FLT_PORT_ALL_ACCESS));
    InitializeObjectAttributes(&attributes, text(L"\\port"), OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, descriptor);
    succeeds(FltCreateCommunicationPort(stage.filter, &server, &attributes, NULL, connect, disconnect, NULL, 1));
    FltFreeSecurityDescriptor(descriptor);
    succeeds(fltsim_connect("\\port", NULL, 0, &port));
    succeeds(PsSetCreateThreadNotifyRoutine(thread_notify));
    fltsim_thread_join(fltsim_thread_create(NULL, nothing, NULL));
    succeeds(PsRemoveCreateThreadNotifyRoutine(thread_notify));
    for (int i = 0; i < 3; i++)
        answers(STATUS_THREAD_IS_TERMINATING, atEnd[i]);
    succeeds(fltsim_close(port));
    FltCloseCommunicationPort(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_wait_ends_with_its_object_or_its_time),
        fltsim_unit_test(the_index_of_the_object_is_in_the_status),
        fltsim_unit_test(an_abandoned_mutant_shows_in_the_status),
        fltsim_unit_test(a_cancelled_operation_ends_its_wait),
        fltsim_unit_test(a_thread_that_ends_waits_for_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
