/* A driver with routines of its own under names that the kernel has, or lacks. */
#include <fltKernel.h>

#include <fltsim/cmocka.h>

static ULONG calls;

BOOLEAN PsIsProcessTerminatingOrGone(PEPROCESS Process);
BOOLEAN PsIsProcessTerminatingOrGone(PEPROCESS Process) { return Process && ++calls; }
VOID FltReleaseFileNameInformation(PFLT_FILE_NAME_INFORMATION FileNameInformation) { calls += !!FileNameInformation; }

static PVOID kernel_routine(PCWSTR name)
{
    UNICODE_STRING wide;
    RtlInitUnicodeString(&wide, name);
    return MmGetSystemRoutineAddress(&wide);
}

static void the_system_answers_with_its_own(void)
{
    assert_non_null(FltGetRoutineAddress("FltReleaseFileNameInformation"));
    assert_ptr_not_equal(FltGetRoutineAddress("FltReleaseFileNameInformation"), FltReleaseFileNameInformation);
    assert_null(kernel_routine(L"PsIsProcessTerminatingOrGone"));
    PsIsProcessTerminatingOrGone(PsGetCurrentProcess());
    assert_int_equal(calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fltsim_unit_test(the_system_answers_with_its_own)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
