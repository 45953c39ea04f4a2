#include "steps.h"

#include "passive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TRIALS = 400 };

struct plan {
    const struct steps_test *test;
    enum fltsim_volume_kind kind;
    unsigned filters;
    uint64_t seed;
};

/* ---- random numbers ------------------------------------------------------------------------------ */

uint64_t steps_next(struct steps *steps)
{
    uint64_t x = steps->state += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

unsigned steps_below(struct steps *steps, unsigned limit)
{
    return (unsigned)(steps_next(steps) % limit);
}

bool steps_chance(struct steps *steps, unsigned percent)
{
    return steps_below(steps, 100) < percent;
}

/* ---- differences --------------------------------------------------------------------------------- */

void steps_tell(struct steps *steps, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(steps->what, sizeof steps->what, format, arguments);
    va_end(arguments);
}

bool steps_differ(struct steps *steps, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(steps->difference, sizeof steps->difference, format, arguments);
    va_end(arguments);
    return false;
}

bool steps_same_status(struct steps *steps, NTSTATUS got, NTSTATUS expected)
{
    char first[64];
    if (got == expected)
        return true;
    snprintf(first, sizeof first, "%s", fltsim_status_name(got));
    return steps_differ(steps, "memfs answers %s, expected is %s", first, fltsim_status_name(expected));
}

bool steps_same_number(struct steps *steps, const char *what, uint64_t got, uint64_t expected)
{
    return got == expected || steps_differ(steps, "%s: memfs has %llu, expected is %llu", what,
                                           (unsigned long long)got, (unsigned long long)expected);
}

NTSTATUS steps_dismount(void)
{
    HANDLE handle;
    NTSTATUS status = fltsim_open(
        "C:", &(struct fltsim_open){.access = FILE_READ_DATA | FILE_WRITE_DATA | SYNCHRONIZE}, &handle);
    if (!NT_SUCCESS(status))
        return status;
    status = fltsim_fsctl(handle, FSCTL_DISMOUNT_VOLUME, NULL, 0, NULL, 0, NULL);
    fltsim_close(handle);
    return status;
}

/* ---- running --------------------------------------------------------------------------------------- */

static bool operate(const struct plan *plan, struct steps *steps, uint64_t number)
{
    steps->state = plan->seed * 0xD1B54A32D192ED03u ^ number * 0x8CB92BA72F3D8DD7u;
    return plan->test->operate(steps);
}

/* Runs the operations of these numbers (NULL: 0, 1, ...). The place of the first difference in them, or `count`. */
static size_t run_some(const struct plan *plan, const uint32_t *numbers, size_t count, struct steps *steps, bool tell)
{
    size_t at = 0;
    *steps = (struct steps){.seed = plan->seed, .ntfs = plan->kind == FLTSIM_NTFS};
    assert_true(fltsim_start(&(struct fltsim_options){.no_ledgers = true}));
    passive_load(plan->filters);
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.kind = plan->kind, .letter = 'C'}, &steps->volume),
                     STATUS_SUCCESS);
    plan->test->begin(steps);
    while (at < count && operate(plan, steps, numbers ? numbers[at] : at)) {
        if (tell)
            print_message("  %u: %s\n", numbers ? numbers[at] : (unsigned)at, steps->what);
        at++;
    }
    if (at < count || !plan->test->compare(steps)) {
        fltsim_abandon();
        return at < count ? at : count - 1;
    }
    plan->test->end(steps);
    assert_int_equal(fltsim_stop(NULL), 0);
    return count;
}

/* Leaves out ever smaller parts that the difference does not need. */
static size_t shrink(const struct plan *plan, uint32_t *numbers, size_t count)
{
    struct steps steps;
    unsigned trials = 0;
    uint32_t *trial = calloc(count, sizeof *trial);
    for (size_t part = count / 2; part && trials < TRIALS; part /= 2) {
        for (size_t from = 0; from < count && trials < TRIALS;) {
            size_t gone = part < count - from ? part : count - from, left = count - gone;
            memcpy(trial, numbers, from * sizeof *trial);
            memcpy(trial + from, numbers + from + gone, (left - from) * sizeof *trial);
            trials++;
            size_t at = left ? run_some(plan, trial, left, &steps, false) : left;
            if (at < left) {
                count = at + 1;
                memcpy(numbers, trial, count * sizeof *trial);
            } else {
                from += gone;
            }
        }
    }
    free(trial);
    return count;
}

static void report(const struct plan *plan, size_t at)
{
    struct steps steps;
    size_t count = at + 1;
    uint32_t *numbers = calloc(count, sizeof *numbers);
    for (size_t i = 0; i < count; i++)
        numbers[i] = (uint32_t)i;
    count = shrink(plan, numbers, count);
    print_message("%zu operations show it:\n", count);
    if (run_some(plan, numbers, count, &steps, true) < count)
        print_message("  %u: %s\n    %s\n", numbers[count - 1], steps.what, steps.difference);
    free(numbers);
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

void steps_run(const struct steps_test *test, enum fltsim_volume_kind kind, unsigned filters)
{
    struct plan plan = {test, kind, filters, number_from("FLTSIM_RANDOM_SEED", 1)};
    size_t count = (size_t)number_from("FLTSIM_RANDOM_COUNT", test->count);
    struct steps steps;
    size_t at = run_some(&plan, NULL, count, &steps, false);
    if (at == count)
        return;
    print_message("seed %llu, operation %zu, %s: %s\n    %s\n", (unsigned long long)plan.seed, at,
                  kind == FLTSIM_NTFS ? "NTFS-like" : "FAT-like", steps.what, steps.difference);
    report(&plan, at);
    fail();
}
