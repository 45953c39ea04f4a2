#ifndef FLTSIM_WDK_TDI_H
#define FLTSIM_WDK_TDI_H

#include <nt/net/tdi.h>

#endif
