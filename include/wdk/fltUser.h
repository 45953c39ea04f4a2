#ifndef FLTSIM_WDK_FLTUSER_H
#define FLTSIM_WDK_FLTUSER_H

/* The types only: the calls of a minifilter's program are the test's own, in <fltsim/fltsim.h>. */
#include <fltUserStructures.h>

#endif
