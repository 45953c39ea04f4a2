/* What verify's files share. */
#ifndef FLTSIM_VERIFY_INTERNAL_H
#define FLTSIM_VERIFY_INTERNAL_H

#include "sched/sched.h"
#include "verify/site.h"
#include "verify/verify.h"

#include <fltsim/fltsim.h>

struct verify_line {
    char *text;        // or, with a site, the label before it
    struct site *site; // NULL: text alone
};

/* Allocated with malloc: a report outlives the machine. The public part points into this. */
struct verify_violation {
    struct fltsim_violation shown;
    enum verify_rule rule;
    char *what;
    char *history; // made of lines when somebody looks
    struct verify_line *lines;
    size_t line_count, line_room;
};

struct verify_call {
    struct verify_call *next; // verify_state.calls[]
    const void *caller;
    const char *routine;
};

enum { VERIFY_CALL_BUCKETS = 64 };

struct verify_state {
    struct sched_lock lock;
    struct verify_violation **recorded;
    size_t count, room;
    unsigned expected[VERIFY_RULE_COUNT];
    unsigned char policy[VERIFY_RULE_COUNT];
    const char *last_rule;
    struct verify_call *calls[VERIFY_CALL_BUCKETS]; // irql.c: reported already
};

void *verify_zeroed(size_t size);
char *verify_format(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

#endif
