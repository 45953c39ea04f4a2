#ifndef FLTSIM_WDK_WARNING_H
#define FLTSIM_WDK_WARNING_H

#include <nt/seh.h>

#endif
