#ifndef FLTSIM_WDK_EVNTPROV_H
#define FLTSIM_WDK_EVNTPROV_H

#include <nt/etw.h>

#endif
