#ifndef FLTSIM_WDK_WINNT_H
#define FLTSIM_WDK_WINNT_H

#include <nt/types.h>

#endif
