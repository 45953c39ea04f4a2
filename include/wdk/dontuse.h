#ifndef FLTSIM_WDK_DONTUSE_H
#define FLTSIM_WDK_DONTUSE_H

/* Poisons unsafe string functions where the WDK builds; nothing here. */
#include <nt/compiler.h>

#endif
