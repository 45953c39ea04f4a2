/* Violations, bug checks and the rules table. Called by every room; calls back none. */
#ifndef FLTSIM_VERIFY_H
#define FLTSIM_VERIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* RULE(id, "name", bug check code or 0, "why it is a bug", "what Windows would do") */
enum verify_rule {
#define RULE(id, name, bugcheck, why, windows) VERIFY_##id,
#include "rules.inc"
#undef RULE
    VERIFY_RULE_COUNT
};

bool verify_start(void);
void verify_stop(void);

/* A violation is built in steps and recorded by verify_end:
 *     struct verify_violation *v = verify_begin(VERIFY_POOL_LEAK, "%zu bytes ...", n);
 *     verify_site(v, "allocated by", return_address);
 *     verify_end(v);
 * verify_begin returns NULL when the rule's policy is off; the other calls take NULL. Printf formats are the
 * host's own; never called with an internal lock held. */
struct verify_violation;
struct verify_violation *verify_begin(enum verify_rule rule, const char *format, ...) __attribute__((format(printf, 2, 3)));
void verify_history(struct verify_violation *v, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A history line "<label> <function> (file:line)"; code address of a call in a driver or a test. */
void verify_site(struct verify_violation *v, const char *label, const void *code_address);
void verify_end(struct verify_violation *v);

/* One step: no history. */
void verify_violate(enum verify_rule rule, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* KeBugCheckEx in our own words: records the violation (never policy-suppressed) and ends the run (sched_fatal). */
_Noreturn void verify_bugcheck(enum verify_rule rule, uint32_t code, uint64_t p1, uint64_t p2, uint64_t p3, uint64_t p4,
                               const char *format, ...) __attribute__((format(printf, 7, 8)));
/* The same for a violation built in steps, so that it can carry a history. */
_Noreturn void verify_end_bugcheck(struct verify_violation *v, uint32_t code, uint64_t p1, uint64_t p2, uint64_t p3,
                                   uint64_t p4);

/* "name+0x12 (file.c:34)" of a code address; static buffer-free: writes into `text`. Slow: reports only. */
void verify_symbolize(const void *code_address, char *text, size_t size);

/* A ledger: who took and who gave back references of one object, newest last, bounded (the oldest are dropped and
 * counted). Embedded in the object; lock-free to append; costs one branch when ledgers are switched off. */
struct verify_ledger { struct verify_ledger_entries *entries; };
void verify_ledger_add(struct verify_ledger *ledger, const char *event, long long count_after, const void *code_address);
void verify_ledger_print(struct verify_violation *v, const struct verify_ledger *ledger);
void verify_ledger_free(struct verify_ledger *ledger);

/* The address to blame: the caller of the WDK routine (use in the exported function itself). */
#define VERIFY_CALLER __builtin_extract_return_addr(__builtin_return_address(0))

#endif
