#ifndef FLTSIM_WDK_DRIVERSPECS_H
#define FLTSIM_WDK_DRIVERSPECS_H
#include <nt/sal.h>
#endif
