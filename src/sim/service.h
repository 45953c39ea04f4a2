/* A driver's service in the registry: HKLM\SYSTEM\CurrentControlSet\Services\<name>, as its INF describes it. */
#ifndef FLTSIM_SIM_SERVICE_H
#define FLTSIM_SIM_SERVICE_H

#include "sim/inf.h"

#include <ntifs.h>

/* False when a service of that name is installed already. */
bool sim_service_install(const char *name, const struct sim_inf *inf);
void sim_service_remove(const char *name);
/* By its INF or by the driver itself. */
bool sim_service_has_instances(const char *name);
/* For a driver without an INF: its Instances key, of one instance that is attached automatically. `instance` NULL:
 * "<name> Instance". */
void sim_service_give_instances(const char *name, const char *instance, const char *altitude);
/* "\Registry\Machine\System\CurrentControlSet\Services\<name>", of sim_alloc. */
UNICODE_STRING sim_service_path(const char *name);
/* Any text: UTF-8 to a UNICODE_STRING of sim_alloc, of at most 32766 characters. */
UNICODE_STRING sim_unicode(const char *text);
/* The same into a buffer with a place for each byte of the text; how many characters. A byte that is no UTF-8 becomes
 * U+FFFD; half a surrogate pair, as a name on a disk may hold, is taken as it is (utf16.c). */
size_t sim_utf16(const char *text, WCHAR *out);

#endif
