#ifndef FLTSIM_WDK_FWPMTYPES_H
#define FLTSIM_WDK_FWPMTYPES_H

#include <nt/net/wfp_objects.h>

#endif
