#ifndef FLTSIM_WDK_FLTUSERSTRUCTURES_H
#define FLTSIM_WDK_FLTUSERSTRUCTURES_H

#include <nt/types.h>
#include <nt/flt/user_structures.h>

#endif
