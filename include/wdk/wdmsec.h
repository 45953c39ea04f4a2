#ifndef FLTSIM_WDK_WDMSEC_H
#define FLTSIM_WDK_WDMSEC_H

#include <wdm.h>

#endif
