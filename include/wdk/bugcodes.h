#ifndef FLTSIM_WDK_BUGCODES_H
#define FLTSIM_WDK_BUGCODES_H

#include <nt/bugcodes.h>

#endif
