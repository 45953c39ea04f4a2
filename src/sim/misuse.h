/* Calls of fltsim's own routines against their contract: the test is wrong, not the driver. */
#ifndef FLTSIM_SIM_MISUSE_H
#define FLTSIM_SIM_MISUSE_H

#include "sim/machine.h"
#include "verify/verify.h"

#pragma GCC visibility push(hidden) /* as in sched.h */

/* Ends the run by the violation `test-error`, which names the routine that was called, and from where; where no machine
 * can be told (none runs, or it is dead), the process, with the same words. */
__attribute__((noreturn, format(printf, 3, 4))) void sim_misuse(const char *routine, const void *site, const char *format,
                                                                ...);
_Noreturn void sim_no_machine(const char *routine);

/* The first line of each routine that needs a machine, or an argument. */
#define SIM_NEED_MACHINE()                                                                                             \
    do {                                                                                                               \
        if (__builtin_expect(!machine, 0))                                                                             \
            sim_no_machine(__func__);                                                                                  \
    } while (0)
#define SIM_NEED(condition, ...)                                                                                       \
    do {                                                                                                               \
        if (__builtin_expect(!(condition), 0))                                                                         \
            sim_misuse(__func__, VERIFY_CALLER, __VA_ARGS__);                                                          \
    } while (0)

/* One that this machine made and that has not gone (driver.c, volume.c). */
bool sim_is_driver(const struct fltsim_driver *driver);
bool sim_is_volume(const struct fltsim_volume *volume);
#define SIM_NEED_DRIVER(driver)                                                                                        \
    do {                                                                                                               \
        SIM_NEED_MACHINE();                                                                                            \
        SIM_NEED(driver, "the driver is NULL: did fltsim_load fail?");                                                 \
        SIM_NEED(sim_is_driver(driver), "the driver is gone, or of an earlier machine: fltsim_unload and fltsim_stop "  \
                                        "take the structure away");                                                    \
    } while (0)
#define SIM_NEED_VOLUME(volume)                                                                                        \
    do {                                                                                                               \
        SIM_NEED_MACHINE();                                                                                            \
        SIM_NEED(volume, "the volume is NULL: did fltsim_mount fail?");                                                \
        SIM_NEED(sim_is_volume(volume), "the volume is gone, or of an earlier machine: fltsim_dismount and fltsim_stop " \
                                        "take the structure away");                                                    \
    } while (0)

#pragma GCC visibility pop

#endif
