/* Names of statuses, operations and flags; UTF-8; the event ring. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fltsim/fltsim.h>

#include "trace/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_statuses(void **state)
{
    assert_string_equal(trace_status(STATUS_SUCCESS), "STATUS_SUCCESS");
    assert_string_equal(trace_status(STATUS_OBJECT_NAME_NOT_FOUND), "STATUS_OBJECT_NAME_NOT_FOUND");
    assert_string_equal(trace_status(STATUS_FLT_DELETING_OBJECT), "STATUS_FLT_DELETING_OBJECT");
    assert_string_equal(trace_status((int32_t)0xE1234567), "0xe1234567");
}

static void test_operations(void **state)
{
    assert_string_equal(trace_major(IRP_MJ_CREATE), "IRP_MJ_CREATE");
    assert_string_equal(trace_major(IRP_MJ_PNP), "IRP_MJ_PNP");
    assert_string_equal(trace_major((unsigned char)-3), "IRP_MJ_ACQUIRE_FOR_MOD_WRITE");
    assert_string_equal(trace_major(0x60), "0x00000060");
    assert_string_equal(trace_minor(IRP_MJ_FILE_SYSTEM_CONTROL, IRP_MN_MOUNT_VOLUME), "IRP_MN_MOUNT_VOLUME");
    assert_string_equal(trace_minor(IRP_MJ_CREATE, 0), "");
}

static void test_flags(void **state)
{
    char text[200], tiny[12];
    assert_string_equal(trace_flags("irp", IRP_NOCACHE | IRP_PAGING_IO, text, sizeof text), "IRP_NOCACHE|IRP_PAGING_IO");
    assert_string_equal(trace_flags("irp", 0, text, sizeof text), "0");
    assert_string_equal(trace_flags("irp", IRP_NOCACHE | 0x40000000, text, sizeof text), "IRP_NOCACHE|0x40000000");
    trace_flags("irp", IRP_NOCACHE | IRP_PAGING_IO, tiny, sizeof tiny);
    assert_true(strlen(tiny) < sizeof tiny);
}

static void test_utf8(void **state)
{
    char text[40], tiny[7];
    const uint16_t units[] = {'a', 0xe4, 0x20ac, 0xd83d, 0xde00, 0xd800};
    assert_string_equal(trace_utf8(units, sizeof units, text, sizeof text),
                        "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbd");
    assert_string_equal(trace_utf8(NULL, 10, text, sizeof text), "");
    trace_utf8(units, sizeof units, tiny, sizeof tiny);
    assert_true(strlen(tiny) < sizeof tiny);
}

static char *printed(void)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    fltsim_trace_print(out);
    fclose(out);
    return text;
}

static void test_ring(void **state)
{
    assert_true(fltsim_start(&(struct fltsim_options){.trace = true}));
    TRACE("test", "the first of %d", 9001);
    char *text = printed();
    assert_non_null(strstr(text, "the first of 9001\n"));
    free(text);
    for (int i = 0; i < 9000; i++)
        TRACE("test", "event %d", i);
    text = printed();
    assert_null(strstr(text, "the first of"));
    assert_non_null(strstr(text, "earlier events are not kept"));
    assert_non_null(strstr(text, "event 8999\n"));
    free(text);
    assert_int_equal(fltsim_stop(NULL), 0);
}

static void test_off(void **state)
{
    if (getenv("FLTSIM_TRACE"))
        skip();
    assert_true(fltsim_start(NULL));
    assert_false(trace_on);
    char *text = printed();
    assert_non_null(strstr(text, "no trace was recorded"));
    free(text);
    assert_int_equal(fltsim_stop(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statuses), cmocka_unit_test(test_operations), cmocka_unit_test(test_flags),
        cmocka_unit_test(test_utf8),     cmocka_unit_test(test_ring),       cmocka_unit_test(test_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
