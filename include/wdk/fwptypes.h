#ifndef FLTSIM_WDK_FWPTYPES_H
#define FLTSIM_WDK_FWPTYPES_H

#include <nt/net/wfp_types.h>

#endif
