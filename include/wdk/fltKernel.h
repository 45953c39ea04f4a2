#ifndef FLTSIM_WDK_FLTKERNEL_H
#define FLTSIM_WDK_FLTKERNEL_H

#ifndef __FLTKERNEL__
#define __FLTKERNEL__
#endif
#include <ntifs.h>
#include <nt/flt.h>
#include <nt/quirks.h>

#endif
