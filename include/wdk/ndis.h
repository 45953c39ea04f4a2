// What drivers that are no network drivers use of NDIS: nt/net/ndis.h says what there is. The rest is absent.
#ifndef FLTSIM_WDK_NDIS_H
#define FLTSIM_WDK_NDIS_H

#include <ntddk.h>
#include <ntddndis.h>

#include <nt/net/nbl.h>
#include <nt/net/ndis.h>

#endif
