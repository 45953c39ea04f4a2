// Addresses and what belongs to them: nt/net.h says what there is.
#ifndef FLTSIM_WDK_IP2STRING_H
#define FLTSIM_WDK_IP2STRING_H

#include <nt/net.h>

#endif
