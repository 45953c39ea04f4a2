#ifndef FLTSIM_WDK_FLTUSERSTRUCTURES_H
#define FLTSIM_WDK_FLTUSERSTRUCTURES_H

#ifndef __FLT_USER_STRUCTURES_H__
#define __FLT_USER_STRUCTURES_H__
#endif
#include <nt/types.h>
#include <nt/flt/user_structures.h>

#endif
