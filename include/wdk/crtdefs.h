/* What the C library's headers have in common: all of it is there unasked. */
#ifndef FLTSIM_WDK_CRTDEFS_H
#define FLTSIM_WDK_CRTDEFS_H

#include <stddef.h>

#include <nt/types.h>

#endif
