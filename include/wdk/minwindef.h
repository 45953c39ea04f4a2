#ifndef FLTSIM_WDK_MINWINDEF_H
#define FLTSIM_WDK_MINWINDEF_H

#include <nt/types.h>

#endif
