#ifndef FLTSIM_WDK_TDIKRNL_H
#define FLTSIM_WDK_TDIKRNL_H

#include <nt/net/tdi.h>

#endif
