#ifndef FLTSIM_WDK_SUPPRESS_H
#define FLTSIM_WDK_SUPPRESS_H

/* Analysis suppressions: nothing to suppress here. */
#include <nt/compiler.h>

#endif
