/* Names of code addresses, as the host's loader and debug information know them. Slow: reports only. */
#ifndef FLTSIM_PLAT_SYMBOL_H
#define FLTSIM_PLAT_SYMBOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct plat_symbol {
    char module[512];   /* path of the executable or shared object that holds the address */
    uintptr_t base;     /* where it is loaded */
    uintptr_t offset;   /* the address as its debug information counts */
    char name[160];     /* nearest exported symbol, or "" */
    uintptr_t distance; /* of the address from that symbol */
};

/* False: no module holds the address. */
bool plat_symbol_find(const void *address, struct plat_symbol *symbol);

/* Where the module that holds the address is loaded; NULL: no module does. */
const void *plat_module_base(const void *address);

/* The first address behind the module that is loaded there; base itself when it cannot be told. */
const void *plat_module_end(const void *base);

/* Asks the debug information (addr2line or atos, run as a process) for `count` offsets of one module and calls
 * found(index, function, file, line) for each that it knows; once for each inlined function, innermost first. */
void plat_symbol_lines(const char *module, uintptr_t base, const uintptr_t *offsets, size_t count,
                       void (*found)(size_t index, const char *function, const char *file, unsigned line,
                                     void *context),
                       void *context);

#endif
