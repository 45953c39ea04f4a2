/* What every test of this room begins with: a machine around each test, which must end with nothing to report. */
#ifndef FLTSIM_TEST_FSRTL_UNIT_H
#define FLTSIM_TEST_FSRTL_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <fltsim/fltsim.h>

static inline int start_machine(void **state)
{
    return fltsim_start(NULL) ? 0 : -1;
}

static inline int stop_machine(void **state)
{
    size_t violations = fltsim_stop(NULL);
    if (violations)
        print_error("%zu violations\n", violations);
    return violations ? -1 : 0;
}

#define unit(test) cmocka_unit_test_setup_teardown(test, start_machine, stop_machine)

/* A text as UTF-16, in one of a few static buffers. */
static inline UNICODE_STRING Text(const char *text)
{
    static WCHAR buffers[8][512];
    static unsigned next;
    WCHAR *buffer = buffers[next++ % 8];
    size_t length = strlen(text);
    for (size_t i = 0; i <= length; i++)
        buffer[i] = (unsigned char)text[i];
    USHORT bytes = (USHORT)(length * sizeof(WCHAR));
    return (UNICODE_STRING){.Buffer = buffer, .Length = bytes, .MaximumLength = bytes};
}

static inline void assert_text(const UNICODE_STRING *actual, const char *expected)
{
    char text[512];
    size_t units = actual->Length / sizeof(WCHAR);
    assert_true(units < sizeof text);
    for (size_t i = 0; i < units; i++)
        text[i] = (char)actual->Buffer[i];
    text[units] = 0;
    assert_string_equal(text, expected);
}

#endif
