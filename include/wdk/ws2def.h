// Addresses and what belongs to them: nt/net.h says what there is.
#ifndef FLTSIM_WDK_WS2DEF_H
#define FLTSIM_WDK_WS2DEF_H

#include <nt/net.h>

#endif
