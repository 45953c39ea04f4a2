#ifndef FLTSIM_WDK_NTSTATUS_H
#define FLTSIM_WDK_NTSTATUS_H
#include <nt/types.h>
#endif
