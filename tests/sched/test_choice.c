#include "scheduler.h"

#include <stdio.h>

static void without_a_seed_the_answer_is_plain(void **state)
{
    start_scheduler(0, NULL);
    for (int i = 0; i < 100; i++)
        assert_int_equal(sched_choose("any", 10), 0);
    assert_string_equal(sched_choices(), "");
    assert_false(sched_listening);
    sched_stop();
}

static void a_seed_answers_in_range_and_repeatably(void **state)
{
    unsigned first[200];
    unsigned other = 0;
    for (int round = 0; round < 3; round++) {
        start_scheduler(round < 2 ? 42 : 43, NULL);
        for (unsigned i = 0; i < 200; i++) {
            unsigned answer = sched_choose("any", i % 40 + 1);
            assert_true(answer < i % 40 + 1);
            if (round == 0)
                first[i] = answer;
            else if (round == 1)
                assert_int_equal(answer, first[i]);
            else
                other += answer != first[i];
        }
        sched_stop();
    }
    assert_true(other > 20);
}

static void a_recorded_string_replays(void **state)
{
    unsigned answers[300];
    if (chosen_backend() != SCHED_COOP)
        skip();
    start_scheduler(7, NULL);
    for (unsigned i = 0; i < 300; i++)
        answers[i] = sched_choose("any", i % 60 + 1);
    char *string = strdup(sched_choices());
    sched_stop();

    start_scheduler(0, string);
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(sched_choose("any", i % 60 + 1), answers[i]);
    assert_int_equal(sched_choose("any", 5), 0);
    assert_string_equal(sched_choices(), string);
    sched_stop();
    free(string);
}

/* Three threads that append their letter at scheduling points: the text is the schedule. */
static char schedule[128];
static struct countdown done;

static void append(void *letter)
{
    for (int i = 0; i < 10; i++) {
        sched_point("append", schedule, SCHED_WRITE);
        size_t length = strlen(schedule);
        schedule[length] = *(char *)letter;
        schedule[length + 1] = 0;
    }
    countdown_hit(&done);
}

static char *run_schedule(uint64_t seed, const char *choices, char *text)
{
    start_scheduler(seed, choices);
    schedule[0] = 0;
    countdown_init(&done, 3);
    for (int i = 0; i < 3; i++)
        sched_spawn("writer", false, NULL, append, &"abc"[i]);
    countdown_wait(&done);
    strcpy(text, schedule);
    char *string = strdup(sched_choices());
    sched_stop();
    return string;
}

static void a_seed_is_a_schedule(void **state)
{
    char plain[128], first[128], second[128], replayed[128];
    int different = 0;
    if (chosen_backend() != SCHED_COOP)
        skip();
    free(run_schedule(0, NULL, plain));
    assert_string_equal(plain, "aaaaaaaaaabbbbbbbbbbcccccccccc");
    for (uint64_t seed = 1; seed <= 50; seed++) {
        char *choices = run_schedule(seed, NULL, first);
        free(run_schedule(seed, NULL, second));
        free(run_schedule(0, choices, replayed));
        assert_string_equal(first, second);
        assert_string_equal(first, replayed);
        different += strcmp(first, plain) != 0;
        free(choices);
    }
    assert_true(different > 40);
}

static char *run_shuffled(uint64_t seed, const char *choices, char *text)
{
    start_scheduler(0, choices);
    schedule[0] = 0;
    for (int part = 0; part < 3; part++) {
        sched_shuffle(part == 1 ? seed : 0);
        countdown_init(&done, 3);
        for (int i = 0; i < 3; i++)
            sched_spawn("writer", false, NULL, append, &"abc"[i]);
        countdown_wait(&done);
    }
    strcpy(text, schedule);
    char *string = strdup(sched_choices());
    sched_stop();
    return string;
}

static void a_part_can_be_shuffled_and_replays(void **state)
{
    static const char plain[] = "aaaaaaaaaabbbbbbbbbbcccccccccc";
    char first[128], second[128], replayed[128];
    if (chosen_backend() != SCHED_COOP)
        skip();
    char *choices = run_shuffled(3, NULL, first);
    free(run_shuffled(3, NULL, second));
    assert_string_equal(first, second);
    assert_memory_equal(first, plain, 30);
    assert_memory_equal(first + 60, plain, 30);
    assert_memory_not_equal(first + 30, plain, 30);
    free(run_shuffled(9, choices, replayed));
    assert_string_equal(first, replayed);
    free(choices);
}

static void a_seeded_run_goes_on_by_its_seed(void **state)
{
    unsigned first[50];
    for (int round = 0; round < 2; round++) {
        start_scheduler(5, NULL);
        for (unsigned i = 0; i < 50; i++) {
            if (round && i == 10)
                sched_shuffle(77);
            if (round && i == 20)
                sched_shuffle(0);
            unsigned answer = sched_choose("any", 30);
            if (!round)
                first[i] = answer;
            else
                assert_int_equal(answer, first[i]);
        }
        sched_stop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_seed_the_answer_is_plain),
        cmocka_unit_test(a_seed_answers_in_range_and_repeatably),
        cmocka_unit_test(a_recorded_string_replays),
        cmocka_unit_test(a_part_can_be_shuffled_and_replays),
        cmocka_unit_test(a_seeded_run_goes_on_by_its_seed),
        cmocka_unit_test(a_seed_is_a_schedule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
