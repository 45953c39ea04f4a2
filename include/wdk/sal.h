#ifndef FLTSIM_WDK_SAL_H
#define FLTSIM_WDK_SAL_H
#include <nt/sal.h>
#endif
