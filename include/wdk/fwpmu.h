// The same functions as a program has them; a driver's give an NTSTATUS.
#ifndef FLTSIM_WDK_FWPMU_H
#define FLTSIM_WDK_FWPMU_H

#include <fwpmk.h>

#endif
