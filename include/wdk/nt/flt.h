// The Filter Manager. Above each routine stands its contract: what it does, who owns what
// afterwards, the IRQL, the statuses that its documentation gives (the DDI page of its own name).
// Where that leaves things open, ours are settled: every object that is handed out is
// referenced for the caller.
#ifndef FLTSIM_WDK_NT_FLT_H
#define FLTSIM_WDK_NT_FLT_H

#include "flt/callback_data.h"
#include "flt/context.h"
#include "flt/create.h"
#include "flt/ecp.h"
#include "flt/file_io.h"
#include "flt/lock.h"
#include "flt/misc.h"
#include "flt/name.h"
#include "flt/object.h"
#include "flt/parameters.h"
#include "flt/pend.h"
#include "flt/port.h"
#include "flt/registration.h"
#include "flt/section.h"
#include "flt/types.h"
#include "flt/user_structures.h"
#include "flt/volume.h"
#include "flt/work_item.h"

#endif
