#ifndef FLTSIM_WDK_DPFILTER_H
#define FLTSIM_WDK_DPFILTER_H

#include <nt/rtl.h>

#endif
