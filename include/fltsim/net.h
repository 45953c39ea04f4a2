/* Networking, for tests of drivers that filter it along with files: the filter engine's state. */
#ifndef FLTSIM_NET_H
#define FLTSIM_NET_H

#include <fwpsk.h>
#include <fwpmk.h>

#include <fltsim/fltsim.h>

FLTSIM_WDK_BEGIN

/* The Base Filtering Engine changes state: whoever subscribed hears of it before this returns. PASSIVE_LEVEL. Only the state
 * changes: in FWPM_SERVICE_RUNNING sessions can be opened; objects stay. */
void fltsim_net_engine_state(FWPM_SERVICE_STATE state);

FLTSIM_WDK_END

#endif
