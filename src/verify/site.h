/* Code addresses as reports show them. Private to verify. */
#ifndef FLTSIM_VERIFY_SITE_H
#define FLTSIM_VERIFY_SITE_H

#include <stdbool.h>
#include <stddef.h>

/* A place in some module: stays nameable after the module is gone. Interned, never freed. */
struct site;

struct plat_symbol;
/* driver.c's: an address in a module that went with its driver. No symbol's name; false: of no such module. */
bool site_find_gone(const void *code_address, struct plat_symbol *symbol);

struct site *site_of(const void *code_address);
/* Asks the debug information for all sites at once that were not asked for yet: one process a module. */
void site_resolve(struct site *const *sites, size_t count);
/* "DriverEntry (null.c:34)"; resolves when nobody did. */
const char *site_text(struct site *site);
/* The source file, or "". */
const char *site_file(struct site *site);

#endif
