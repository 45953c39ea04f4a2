#include "../ke/kernel.h"

static int created, ended, refused, threads, images;
static char image[200];
static NTSTATUS answer;

static void narrow(PCUNICODE_STRING name, char *text, size_t size)
{
    size_t i;
    for (i = 0; i < name->Length / sizeof(WCHAR) && i + 1 < size; i++)
        text[i] = (char)name->Buffer[i];
    text[i] = 0;
}

static void on_process(HANDLE parent, HANDLE process, BOOLEAN create)
{
    *(create ? &created : &ended) += 1;
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    assert_true(KeAreApcsDisabled());
}

static void on_process_ex(PEPROCESS process, HANDLE id, PPS_CREATE_NOTIFY_INFO info)
{
    if (!info) {
        ended++;
        return;
    }
    created++;
    assert_ptr_equal(PsGetProcessId(process), id);
    assert_ptr_equal(info->ParentProcessId, PsGetCurrentProcessId());
    narrow(info->ImageFileName, image, sizeof image);
    info->CreationStatus = answer;
}

static void on_thread(HANDLE process, HANDLE thread, BOOLEAN create) { threads += create ? 1 : 100; }

static void on_image(PUNICODE_STRING name, HANDLE process, PIMAGE_INFO info)
{
    images++;
    narrow(name, image, sizeof image);
}

static int reset(void **state)
{
    created = ended = refused = threads = images = 0;
    answer = STATUS_SUCCESS;
    image[0] = 0;
    return start_machine(state);
}

static void process_routines_see_birth_and_death(void **state)
{
    assert_int_equal(PsSetCreateProcessNotifyRoutine(on_process, FALSE), STATUS_SUCCESS);
    assert_int_equal(PsSetCreateProcessNotifyRoutine(on_process, FALSE), STATUS_INVALID_PARAMETER);
    struct fltsim_process *process = fltsim_process_create("C:\\a.exe");
    assert_int_equal(created, 1);
    fltsim_process_exit(process);
    assert_int_equal(ended, 1);
    assert_int_equal(PsSetCreateProcessNotifyRoutine(on_process, TRUE), STATUS_SUCCESS);
    assert_int_equal(PsSetCreateProcessNotifyRoutine(on_process, TRUE), STATUS_PROCEDURE_NOT_FOUND);
    fltsim_process_exit(fltsim_process_create("C:\\b.exe"));
    assert_int_equal(created + ended, 2);
}

static void the_ex_routine_can_refuse(void **state)
{
    assert_int_equal(PsSetCreateProcessNotifyRoutineEx(on_process_ex, FALSE), STATUS_SUCCESS);
    struct fltsim_process *process = fltsim_process_create("C:\\Windows\\a.exe");
    assert_string_equal(image, "\\??\\C:\\Windows\\a.exe");
    fltsim_process_exit(process);
    answer = STATUS_ACCESS_DENIED;
    assert_null(fltsim_process_create("C:\\b.exe"));
    assert_int_equal(created, 2);
    assert_int_equal(ended, 2);
    assert_int_equal(PsSetCreateProcessNotifyRoutineEx(on_process_ex, TRUE), STATUS_SUCCESS);
}

static int nothing(void *argument) { return 0; }

static void thread_routines_see_birth_and_death(void **state)
{
    assert_int_equal(PsRemoveCreateThreadNotifyRoutine(on_thread), STATUS_PROCEDURE_NOT_FOUND);
    assert_int_equal(PsSetCreateThreadNotifyRoutine(on_thread), STATUS_SUCCESS);
    fltsim_thread_join(run(nothing, NULL));
    assert_int_equal(threads, 101);
    assert_int_equal(PsRemoveCreateThreadNotifyRoutine(on_thread), STATUS_SUCCESS);
}

static void image_routines_see_the_program(void **state)
{
    assert_int_equal(PsSetLoadImageNotifyRoutineEx(on_image, 0x80), STATUS_INVALID_PARAMETER_2);
    assert_int_equal(PsSetLoadImageNotifyRoutine(on_image), STATUS_SUCCESS);
    fltsim_process_exit(fltsim_process_create("C:\\dir\\a.exe"));
    assert_int_equal(images, 1);
    assert_string_equal(image, "\\Device\\HarddiskVolume1\\dir\\a.exe");
    assert_int_equal(PsRemoveLoadImageNotifyRoutine(on_image), STATUS_SUCCESS);
    assert_int_equal(PsRemoveLoadImageNotifyRoutine(on_image), STATUS_PROCEDURE_NOT_FOUND);
}

static void the_newer_registrations_do_the_same(void **state)
{
    assert_int_equal(PsSetCreateProcessNotifyRoutineEx2(7, (PVOID)on_process_ex, FALSE), STATUS_INVALID_PARAMETER);
    assert_int_equal(PsSetCreateProcessNotifyRoutineEx2(PsCreateProcessNotifySubsystems, (PVOID)on_process_ex, FALSE),
                     STATUS_SUCCESS);
    assert_int_equal(PsSetCreateThreadNotifyRoutineEx(PsCreateThreadNotifyNonSystem, (PVOID)on_thread), STATUS_SUCCESS);
    assert_int_equal(PsSetLoadImageNotifyRoutineEx(on_image, PS_IMAGE_NOTIFY_CONFLICTING_ARCHITECTURE), STATUS_SUCCESS);
    struct fltsim_process *process = fltsim_process_create("C:\\a.exe");
    fltsim_thread_join(fltsim_thread_create(process, nothing, NULL));
    fltsim_process_exit(process);
    assert_int_equal(created + ended, 2);
    assert_int_equal(threads, 101);
    assert_int_equal(images, 1);
    assert_int_equal(PsSetCreateProcessNotifyRoutineEx2(PsCreateProcessNotifySubsystems, (PVOID)on_process_ex, TRUE),
                     STATUS_SUCCESS);
    PsRemoveCreateThreadNotifyRoutine(on_thread);
    PsRemoveLoadImageNotifyRoutine(on_image);
}

static void there_are_64_places(void **state)
{
    for (int i = 0; i < 64; i++)
        assert_int_equal(PsSetCreateThreadNotifyRoutine(on_thread), STATUS_SUCCESS);
    assert_int_equal(PsSetCreateThreadNotifyRoutine(on_thread), STATUS_INSUFFICIENT_RESOURCES);
    assert_int_equal(PsSetLoadImageNotifyRoutine(on_image), STATUS_INSUFFICIENT_RESOURCES);
    assert_int_equal(PsSetLoadImageNotifyRoutineEx(on_image, 0), STATUS_INSUFFICIENT_RESOURCES);
    for (int i = 0; i < 64; i++)
        assert_int_equal(PsRemoveCreateThreadNotifyRoutine(on_thread), STATUS_SUCCESS);
}

static void a_routine_left_registered_is_reported(void **state)
{
    struct fltsim_report *report;
    PsSetCreateThreadNotifyRoutine(on_thread);
    assert_int_equal(fltsim_stop(&report), 1);
    assert_string_equal(report->violations[0].rule, "callback-left-registered");
    fltsim_report_free(report);
}

#define notify_test(name) cmocka_unit_test_setup_teardown(name, reset, stop_machine)

int main(void)
{
    const struct CMUnitTest tests[] = {
        notify_test(process_routines_see_birth_and_death),
        notify_test(the_ex_routine_can_refuse),
        notify_test(thread_routines_see_birth_and_death),
        notify_test(image_routines_see_the_program),
        notify_test(the_newer_registrations_do_the_same),
        notify_test(there_are_64_places),
        cmocka_unit_test_setup(a_routine_left_registered_is_reported, reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
