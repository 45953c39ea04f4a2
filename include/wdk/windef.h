#ifndef FLTSIM_WDK_WINDEF_H
#define FLTSIM_WDK_WINDEF_H

#include <minwindef.h>

#endif
