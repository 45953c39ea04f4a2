#ifndef FLTSIM_WDK_NTIFS_H
#define FLTSIM_WDK_NTIFS_H

#ifndef _NTIFS_
#define _NTIFS_
#endif
#include <ntddk.h>
#include <nt/cc.h>
#include <nt/fsrtl.h>
#include <nt/tm.h>

#endif
