/* What the tests of rtl share: a machine for each test that ends clean, and wide text at hand. */
#ifndef TESTS_RTL_RTL_TEST_H
#define TESTS_RTL_RTL_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <fltsim/fltsim.h>

static inline int start_machine(void **state)
{
    return fltsim_start(NULL) ? 0 : -1;
}

static inline int start_quiet_machine(void **state)
{
    return fltsim_start(&(struct fltsim_options){.quiet = true}) ? 0 : -1;
}

static inline int stop_clean(void **state)
{
    return fltsim_stop(NULL) == 0 ? 0 : -1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_machine, stop_clean)
#define QUIET(name) cmocka_unit_test_setup_teardown(name, start_quiet_machine, stop_clean)

/* A UNICODE_STRING over a u"" literal. */
#define U(literal) (&(UNICODE_STRING){sizeof(literal) - 2, sizeof(literal), (PWCH)(literal)})
#define A(literal) (&(ANSI_STRING){sizeof(literal) - 1, sizeof(literal), (PCHAR)(literal)})

/* An empty UNICODE_STRING with room for `chars`. */
#define ROOM(chars) {0, (chars) * sizeof(WCHAR), (WCHAR[chars]){0}}

static inline const char *narrow(PCWSTR wide, size_t chars)
{
    static char text[4][256];
    static int turn;
    char *to = text[turn++ % 4];
    size_t i = 0;
    for (; i < chars && i < 255; i++)
        to[i] = wide[i] < 0x80 ? (char)wide[i] : '#';
    to[i] = 0;
    return to;
}

#define assert_wide(string, literal)                                                               \
    do {                                                                                           \
        PCUNICODE_STRING actual_ = (string), expected_ = U(literal);                               \
        assert_string_equal(narrow(actual_->Buffer, actual_->Length / 2),                          \
                            narrow(expected_->Buffer, expected_->Length / 2));                     \
        assert_int_equal(actual_->Length, expected_->Length);                                      \
        assert_memory_equal(actual_->Buffer, expected_->Buffer, actual_->Length);                  \
    } while (0)

#endif
