/* Violations, bug checks and the rules table. Called by every room; calls back none. */
#ifndef FLTSIM_VERIFY_H
#define FLTSIM_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct fltsim_violation;
struct fltsim_report;

/* RULE(id, "name", bug check code or 0, "why it is a bug", "what Windows would do") */
enum verify_rule {
#define RULE(id, name, bugcheck, why, windows) VERIFY_##id,
#include "rules.inc"
#undef RULE
    VERIFY_RULE_COUNT
};

#pragma GCC visibility push(hidden) /* as in sched.h */

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
/* A history line "<label> <function> (file:line)"; code address of a call in a driver or a test. The first site in a
 * registered driver's module is who the violation is laid to. */
void verify_site(struct verify_violation *v, const char *label, const void *code_address);
/* The same for a routine's own address: a callback, a thread's start routine. */
static inline void verify_routine(struct verify_violation *v, const char *label, const void *routine)
{
    verify_site(v, label, routine ? (const char *)routine + 1 : NULL);
}
/* A call stack, nearest frame first, from the routine that the driver called out to the one that called the driver; all
 * of it where no driver is in it. */
void verify_stack(struct verify_violation *v, void *const *frames, size_t count);
/* Of some driver, and not of this library. */
bool verify_is_of_driver(const void *code_address);
/* In a signal handler: can code there be interrupted as if it had called the library? In a driver's module it can. */
bool verify_is_interruptible(const void *code_address);
/* Lays the violation to a driver by name, whatever its sites say. */
void verify_blame(struct verify_violation *v, const char *driver);
void verify_end(struct verify_violation *v);
/* What the bug check would be, of a violation that the run survives. */
void verify_parameters(struct verify_violation *v, uint32_t code, uint64_t p1, uint64_t p2, uint64_t p3, uint64_t p4);
/* Only shown, whatever the policy: not counted, not handed to on_violation. */
void verify_end_warning(struct verify_violation *v);

/* One step: no history. */
void verify_violate(enum verify_rule rule, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* KeBugCheckEx in our own words: records the violation (never policy-suppressed) and ends the run (sched_fatal). */
_Noreturn void verify_bugcheck(enum verify_rule rule, uint32_t code, uint64_t p1, uint64_t p2, uint64_t p3, uint64_t p4,
                               const char *format, ...) __attribute__((format(printf, 7, 8)));
/* The same for a violation built in steps, so that it can carry a history. NULL (policy off) only ends the run. */
_Noreturn void verify_end_bugcheck(struct verify_violation *v, uint32_t code, uint64_t p1, uint64_t p2, uint64_t p3,
                                   uint64_t p4);
/* The same unless the rule's policy lets the run go on; then the caller makes the wrong call right or leaves it out. */
void verify_end_or_go_on(struct verify_violation *v, uint32_t code, uint64_t p1, uint64_t p2, uint64_t p3, uint64_t p4);
/* As verify_begin, for a violation that verify_end_bugcheck will end: never NULL. */
struct verify_violation *verify_begin_fatal(enum verify_rule rule, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "name+0x12 (file.c:34)" of a code address; static buffer-free: writes into `text`. Slow: reports only. */
void verify_symbolize(const void *code_address, char *text, size_t size);

/* A ledger: who took and who gave back references of one object, newest last, bounded: old references that were given
 * back go first, and are counted. Embedded in the object; costs one branch when ledgers are switched off. `event` is a
 * literal that a code address may follow: "referenced by". NULL as the address: somebody of ours. A reference taken is paired with the one given back by what
 * nests: the newest of the same thread first; events that begin with "linked" with those that begin with "unlinked". */
struct verify_ledger { struct verify_ledger_entries *entries; };
extern bool verify_ledgers_on;
void verify_ledger_empty(struct verify_ledger *ledger);
void verify_ledger_append(struct verify_ledger *ledger, const char *event, int change, long long count_after,
                          const void *code_address);
static inline void verify_ledger_add(struct verify_ledger *ledger, const char *event, long long count_after,
                                     const void *code_address)
{
    if (verify_ledgers_on)
        verify_ledger_append(ledger, event, 1, count_after, code_address);
}
static inline void verify_ledger_drop(struct verify_ledger *ledger, const char *event, long long count_after,
                                      const void *code_address)
{
    if (verify_ledgers_on)
        verify_ledger_append(ledger, event, -1, count_after, code_address);
}
/* What nobody gave back is marked "still out". */
void verify_ledger_print(struct verify_violation *v, const struct verify_ledger *ledger);
void verify_ledger_dump(const struct verify_ledger *ledger, const char *indent, FILE *out);
/* The driver that took more references than it gave back, as far as the ledger tells; "": none did. */
const char *verify_ledger_holder(const struct verify_ledger *ledger);
void verify_ledger_forget(struct verify_ledger *ledger);
static inline void verify_ledger_free(struct verify_ledger *ledger)
{
    if (ledger->entries)
        verify_ledger_forget(ledger);
}
/* The same, but its memory stays for what comes next at its place. */
static inline void verify_ledger_begin(struct verify_ledger *ledger)
{
    if (ledger->entries)
        verify_ledger_empty(ledger);
}

/* True the first time that this machine meets `what` (a literal) from that caller. */
bool verify_first_time(const char *what, const void *caller);

/* The address to blame: the caller of the WDK routine (use in the exported function itself). */
#define VERIFY_CALLER __builtin_extract_return_addr(__builtin_return_address(0))

/* ---- drivers ----------------------------------------------------------------------------------------------------- */

/* From here on code of the module that holds `entry` (a DriverEntry) belongs to the driver `name`. Several drivers may
 * be linked into one module; then a violation is laid to all of them together. */
void verify_register_driver(const char *name, const void *entry);
void verify_unregister_driver(const char *name);
/* The machine has ended: unloaded drivers, too, are named no more. */
void verify_forget_drivers(void);
/* The driver or drivers that the code belongs to: "nullFilter"; "fltsim" for the library's own code (its file system
 * is a driver, too); "" for nobody's. Static or interned text. */
const char *verify_driver_of(const void *code_address);
/* Cheap: false also where the library and a driver are linked into one module. */
bool verify_is_library_code(const void *code_address);
/* Does the code belong to the driver `name`, and to no other that is still loaded? What leak checks at a driver's
 * unload ask; what they leave is asked again when the next driver of that module, or the machine, goes.
 * name NULL: true for every address (the machine's end). */
bool verify_is_driver_code(const void *code_address, const char *name);
/* Where the module of some code lies: a quick look whose code an address is. Size 0: nobody knows. */
struct verify_code { uintptr_t base; size_t size; };
struct verify_code verify_code_of(const void *code_address);
static inline bool verify_is_in(const struct verify_code *code, const void *code_address)
{
    return (uintptr_t)code_address - code->base < code->size;
}
/* The driver that the code belongs to, when it is one, and none of those linked into its module is `name`; "" else. */
const char *verify_other_driver(const void *code_address, const char *name);

/* ---- leaks: many blocks, few lines ----------------------------------------------------------------------------------- */

/* Collects what was left, by tag and site; one violation for each group, the biggest first. */
struct verify_leaks;
struct verify_leaks *verify_leaks_begin(void);
/* tag: pool tag, or 0. detail (copied; may be NULL) and ledger are shown for the first of each group. */
void verify_leaks_add(struct verify_leaks *leaks, uint32_t tag, const void *site, size_t bytes, const void *address,
                      const char *detail, const struct verify_ledger *ledger);
/* "3 blocks of paged pool" ...: `one`, `many` are the nouns; `label` the site's ("allocated by"); `when` ends the
 * sentence ("when nullFilter unloaded"). Frees `leaks`. Returns how many groups there were. */
size_t verify_leaks_end(struct verify_leaks *leaks, enum verify_rule rule, const char *one, const char *many,
                        const char *label, const char *when);
/* "abcd" of a pool tag, unprintable characters as dots. */
const char *verify_tag(uint32_t tag, char text[8]);

/* ---- for sim ------------------------------------------------------------------------------------------------------- */

size_t verify_count(void);
const char *verify_last_rule(void);
/* A rule by name, VERIFY_RULE_COUNT when there is none; and the other way. */
enum verify_rule verify_rule_named(const char *name);
const char *verify_rule_name(enum verify_rule rule);
/* The index-th rule of the table, NULL behind the last. */
const char *verify_rule_text(size_t index, const char **why, const char **windows);
void verify_expect(enum verify_rule rule);
enum verify_policy { VERIFY_FAIL, VERIFY_WARN, VERIFY_OFF, VERIFY_GO_ON };
void verify_set_policy(enum verify_rule rule, enum verify_policy policy);
enum verify_policy verify_get_policy(enum verify_rule rule);
/* Reports expectations that never came, and hands over all violations: the caller frees them (verify_report_free). */
struct fltsim_report *verify_take_report(void);
void verify_report_free(struct fltsim_report *report);
void verify_print(const struct fltsim_violation *violation, FILE *out);

#pragma GCC visibility pop

#endif
