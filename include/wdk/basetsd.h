#ifndef FLTSIM_WDK_BASETSD_H
#define FLTSIM_WDK_BASETSD_H

#include <nt/types.h>

#endif
