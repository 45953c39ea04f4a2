/* Priority hints: of an operation, else of its file object, else of its thread. */
#include "../conformance/stage.h"

static IO_PRIORITY_HINT seen[4];
static int step;

static void look(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    IO_PRIORITY_INFO info;
    if (!FLT_IS_IRP_OPERATION(data))
        return;
    seen[0] = FltGetIoPriorityHint(data);
    succeeds(FltSetIoPriorityHintIntoFileObject(objects->FileObject, IoPriorityLow));
    seen[1] = FltGetIoPriorityHint(data);
    answers(STATUS_INVALID_PARAMETER, FltSetIoPriorityHintIntoCallbackData(data, MaxIoPriorityTypes));
    succeeds(FltSetIoPriorityHintIntoCallbackData(data, IoPriorityHigh));
    seen[2] = FltGetIoPriorityHint(data);
    seen[3] = FltGetIoPriorityHintFromCallbackData(data);
    IoInitializePriorityInfo(&info);
    FltRetrieveIoPriorityInfo(data, objects->FileObject, data->Thread, &info);
    assert_int_equal(info.IoPriority, IoPriorityHigh);
    assert_int_equal(info.ThreadPriority, KeQueryPriorityThread((PKTHREAD)data->Thread));
    FltRetrieveIoPriorityInfo(NULL, objects->FileObject, NULL, &info);
    assert_int_equal(info.IoPriority, IoPriorityLow);
    assert_int_equal(info.ThreadPriority, 0xffff);
    step++;
}

static void the_nearest_hint_counts(void)
{
    PETHREAD self = PsGetCurrentThread();
    stage_set();
    assert_int_equal(FltGetIoPriorityHintFromThread(self), IoPriorityNormal);
    succeeds(FltSetIoPriorityHintIntoThread(self, IoPriorityVeryLow));
    assert_int_equal(FltGetIoPriorityHintFromThread(self), IoPriorityVeryLow);
    HANDLE file = stage_open("C:\\f");
    assert_int_equal(FltGetIoPriorityHintFromFileObject(stage_file(file)), IoPriorityNormal);
    step = 0;
    stage_watch(IRP_MJ_FLUSH_BUFFERS, look, NULL);
    succeeds(fltsim_flush(file));
    stage_saw();
    assert_int_equal(step, 1);
    assert_int_equal(seen[0], IoPriorityVeryLow);
    assert_int_equal(seen[1], IoPriorityLow);
    assert_int_equal(seen[2], IoPriorityHigh);
    assert_int_equal(seen[3], IoPriorityHigh);
    assert_int_equal(FltGetIoPriorityHintFromFileObject(stage_file(file)), IoPriorityLow);
    answers(STATUS_INVALID_PARAMETER, FltSetIoPriorityHintIntoFileObject(stage_file(file), MaxIoPriorityTypes));
    answers(STATUS_INVALID_PARAMETER, FltSetIoPriorityHintIntoThread(self, MaxIoPriorityTypes));
    succeeds(fltsim_close(file));
}

static void a_worker_takes_a_priority_and_gives_it_back(void)
{
    PETHREAD self = PsGetCurrentThread();
    KPRIORITY before = KeQueryPriorityThread((PKTHREAD)self);
    IO_PRIORITY_INFO wanted, old;
    IoInitializePriorityInfo(&wanted);
    wanted.IoPriority = IoPriorityLow;
    wanted.ThreadPriority = 5;
    succeeds(FltApplyPriorityInfoThread(&wanted, &old, self));
    assert_int_equal(FltGetIoPriorityHintFromThread(self), IoPriorityLow);
    assert_int_equal(KeQueryPriorityThread((PKTHREAD)self), 5);
    assert_int_equal(old.IoPriority, IoPriorityNormal);
    assert_int_equal(old.ThreadPriority, before);
    succeeds(IoApplyPriorityInfoThread(&old, &old, self)); /* one structure may be both */
    assert_int_equal(old.ThreadPriority, 5);
    assert_int_equal(KeQueryPriorityThread((PKTHREAD)self), before);
    assert_int_equal(FltGetIoPriorityHintFromThread(self), IoPriorityNormal);
    wanted.IoPriority = MaxIoPriorityTypes;
    answers(STATUS_INVALID_PARAMETER_1, FltApplyPriorityInfoThread(&wanted, NULL, self));
    IoInitializePriorityInfo(&wanted);
    wanted.ThreadPriority = 99;
    answers(STATUS_INVALID_PARAMETER_1, IoApplyPriorityInfoThread(&wanted, NULL, self));
    IoRetrievePriorityInfo(NULL, NULL, self, &wanted);
    assert_int_equal(wanted.ThreadPriority, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(the_nearest_hint_counts),
        fltsim_unit_test(a_worker_takes_a_priority_and_gives_it_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
