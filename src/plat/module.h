/* Shared objects. What an address belongs to: plat/symbol.h. */
#ifndef FLTSIM_PLAT_MODULE_H
#define FLTSIM_PLAT_MODULE_H

#include <stdbool.h>
#include <stddef.h>

struct plat_module;

/* Loads a private copy of the file, so that two loads of one file have separate globals and each load has fresh ones.
 * On failure NULL, and the reason in `error`. */
struct plat_module *plat_module_open(const char *path, char *error, size_t error_size);
void plat_module_close(struct plat_module *module);
void *plat_module_symbol(struct plat_module *module, const char *name);
bool plat_module_contains(const struct plat_module *module, const void *address);
const char *plat_module_path(const struct plat_module *module);

/* A symbol that this library exports, whatever else has one of the name; NULL: there is none. */
void *plat_module_export(const char *name);
/* The file that the private copy holding `address` was made of; NULL: no such module. */
const char *plat_module_original(const void *address);

#endif
