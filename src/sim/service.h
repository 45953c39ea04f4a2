/* A driver's service in the registry: HKLM\SYSTEM\CurrentControlSet\Services\<name>, as its INF describes it. */
#ifndef FLTSIM_SIM_SERVICE_H
#define FLTSIM_SIM_SERVICE_H

#include "sim/inf.h"

#include <ntifs.h>

/* False when a service of that name is installed already. */
bool sim_service_install(const char *name, const struct sim_inf *inf);
void sim_service_remove(const char *name);
/* For a driver without an INF: its Instances key, of one instance that is attached automatically. `instance` NULL:
 * "<name> Instance". */
void sim_service_give_instances(const char *name, const char *instance, const char *altitude);
/* "\Registry\Machine\System\CurrentControlSet\Services\<name>", of sim_alloc. */
UNICODE_STRING sim_service_path(const char *name);
/* The same of any text: UTF-8 to a UNICODE_STRING of sim_alloc. */
UNICODE_STRING sim_unicode(const char *text);

#endif
