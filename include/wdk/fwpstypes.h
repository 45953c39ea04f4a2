#ifndef FLTSIM_WDK_FWPSTYPES_H
#define FLTSIM_WDK_FWPSTYPES_H

#include <nt/net/wfp_classify.h>

#endif
