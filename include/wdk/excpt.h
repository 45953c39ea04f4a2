#ifndef FLTSIM_WDK_EXCPT_H
#define FLTSIM_WDK_EXCPT_H

#include <nt/seh.h>

#endif
