// Managing the filter engine from the kernel.
#ifndef FLTSIM_WDK_FWPMK_H
#define FLTSIM_WDK_FWPMK_H

#include <fwpvi.h>
#include <nt/net/wfp_manage.h>

#endif
