// Security of devices that a driver creates without an INF's help. IoCreateDeviceSecure stands in nt/io/device.h.
#ifndef FLTSIM_WDK_WDMSEC_H
#define FLTSIM_WDK_WDMSEC_H

#include <nt/begin.h>
#include <nt/types.h>
#include <wdm.h>

FLTSIM_WDK_BEGIN

// What IoCreateDeviceSecure takes as its DefaultSDDLString (page "SDDL for Device Objects"): who but the kernel may open
// the device, and for what. RWX are generic read, write, execute; RES is restricted code.
extern const UNICODE_STRING SDDL_DEVOBJ_KERNEL_ONLY;
extern const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL;
extern const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL_ADM_ALL;
extern const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL_ADM_RX;
extern const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_R;
extern const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_R_RES_R;
extern const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_RW_RES_R;
extern const UNICODE_STRING SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_RWX_RES_RWX;
#define SDDL_DEVOBJ_INF_SUPPLIED SDDL_DEVOBJ_KERNEL_ONLY

FLTSIM_WDK_END

#endif
