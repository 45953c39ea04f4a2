#ifndef FLTSIM_WDK_NTDEF_H
#define FLTSIM_WDK_NTDEF_H

#include <nt/types.h>
#include <nt/rtl.h>

#endif
