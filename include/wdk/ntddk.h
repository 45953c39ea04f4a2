#ifndef FLTSIM_WDK_NTDDK_H
#define FLTSIM_WDK_NTDDK_H

#ifndef _NTDDK_
#define _NTDDK_
#endif
#include <wdm.h>

#endif
