// Callouts.
#ifndef FLTSIM_WDK_FWPSK_H
#define FLTSIM_WDK_FWPSK_H

#include <fwpvi.h>
#include <nt/net/fields_ale.h>
#include <nt/net/fields_other.h>
#include <nt/net/fields_packet.h>
#include <nt/net/wfp_callout.h>

#endif
