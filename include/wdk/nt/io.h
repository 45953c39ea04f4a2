// The I/O manager.
#ifndef FLTSIM_WDK_NT_IO_H
#define FLTSIM_WDK_NT_IO_H

#include "io/create.h"
#include "io/device.h"
#include "io/dir_info.h"
#include "io/fast_io.h"
#include "io/file_info.h"
#include "io/file_object.h"
#include "io/fs_info.h"
#include "io/fsctl.h"
#include "io/fsctl_data.h"
#include "io/irp.h"
#include "io/pnp.h"
#include "io/query.h"
#include "io/types.h"
#include "io/work_item.h"

#endif
