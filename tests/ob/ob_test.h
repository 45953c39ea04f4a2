/* What the object manager's tests share: a type of object of their own. */
#ifndef FLTSIM_OB_TEST_H
#define FLTSIM_OB_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fltsim/fltsim.h>

#include "ob/exports.h"
#include "ob/object.h"

#include <string.h>

struct thing {
    int *deleted;
    KEVENT event;
    NTSTATUS parse_status;
    ULONG last_process, last_system;
    char seen[64];
};

static POBJECT_TYPE thing_type;

static inline void delete_thing(PVOID object)
{
    struct thing *thing = object;
    if (thing->deleted)
        ++*thing->deleted;
}

static inline void close_thing(PEPROCESS process, PVOID object, ACCESS_MASK granted, ULONG in_process, ULONG in_system)
{
    struct thing *thing = object;
    __atomic_store_n(&thing->last_process, in_process, __ATOMIC_RELAXED);
    __atomic_store_n(&thing->last_system, in_system, __ATOMIC_RELAXED);
}

static inline NTSTATUS parse_thing(PVOID object, struct ob_parse *parse, PVOID *found)
{
    struct thing *thing = object;
    size_t units = parse->remaining.Length / sizeof(WCHAR);
    for (size_t i = 0; i <= units && i < sizeof thing->seen; i++)
        thing->seen[i] = i < units ? (char)parse->remaining.Buffer[i] : 0;
    if (thing->parse_status == STATUS_REPARSE) {
        UNICODE_STRING target = RTL_CONSTANT_STRING(u"\\Device\\Target\\there");
        return ObpReparse(parse, &target);
    }
    if (thing->parse_status == STATUS_SUCCESS) {
        ObpReference(object);
        *found = object;
    }
    return thing->parse_status;
}

static inline struct thing *make_thing(int *deleted)
{
    PVOID object;
    assert_int_equal(ObpCreateObject(thing_type, sizeof(struct thing), &object), STATUS_SUCCESS);
    ((struct thing *)object)->deleted = deleted;
    KeInitializeEvent(&((struct thing *)object)->event, NotificationEvent, FALSE);
    return object;
}

static inline void make_type(void)
{
    thing_type = ObpCreateType(&(struct ob_type_info){
        .name = "Thing",
        .close = close_thing,
        .delete = delete_thing,
        .parse = parse_thing,
        .mapping = {0x1, 0x2, 0x4, 0x1F0007},
        .valid_access = 0x1F0007,
        .wait = offsetof(struct thing, event)});
}

static inline int start_machine(void **state)
{
    assert_true(fltsim_start(NULL));
    make_type();
    return 0;
}

static inline int start_quiet_machine(void **state)
{
    assert_true(fltsim_start(&(struct fltsim_options){.quiet = true}));
    make_type();
    return 0;
}

static inline int stop_clean(void **state)
{
    assert_int_equal(fltsim_stop(NULL), 0);
    return 0;
}

static inline void expect_report(const char *rule, const char *what, const char *history)
{
    struct fltsim_report *report;
    fltsim_stop(&report);
    if (report->count != 1 || !strstr(report->violations[0].what, what) ||
        !strstr(report->violations[0].history, history))
        fltsim_report_print(report, stderr);
    assert_int_equal(report->count, 1);
    assert_string_equal(report->violations[0].rule, rule);
    assert_non_null(strstr(report->violations[0].what, what));
    assert_non_null(strstr(report->violations[0].history, history));
    fltsim_report_free(report);
}

static inline UNICODE_STRING text(const WCHAR *from)
{
    size_t length = 0;
    while (from[length])
        length++;
    return (UNICODE_STRING){(USHORT)(length * sizeof(WCHAR)), (USHORT)((length + 1) * sizeof(WCHAR)), (PWCH)from};
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_machine, stop_clean)
#define WRONG(name) cmocka_unit_test_setup_teardown(name, start_quiet_machine, NULL)

#endif
