#ifndef FLTSIM_WDK_INTRIN_H
#define FLTSIM_WDK_INTRIN_H

#include <nt/intrinsics.h>

#endif
