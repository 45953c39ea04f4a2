#ifndef FLTSIM_WDK_SPECSTRINGS_H
#define FLTSIM_WDK_SPECSTRINGS_H
#include <nt/sal.h>
#endif
