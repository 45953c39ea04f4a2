#ifndef FLTSIM_WDK_WDM_H
#define FLTSIM_WDK_WDM_H

#include <nt/types.h>
#include <nt/rtl.h>
#include <nt/ke.h>
#include <nt/ex.h>
#include <nt/mm.h>
#include <nt/se.h>
#include <nt/ob.h>
#include <nt/ps.h>
#include <nt/cm.h>
#include <nt/io.h>
#include <nt/zw.h>
#include <nt/bugcodes.h>
#include <nt/etw.h>

#endif
