#ifndef FLTSIM_WDK_NTIFS_H
#define FLTSIM_WDK_NTIFS_H

#ifndef _NTIFS_
#define _NTIFS_
#endif
#include <ntddk.h>
#include <nt/cc.h>
#include <nt/fsrtl.h>
#include <nt/tm.h>

/* Of <ntimage.h>. */
typedef struct _IMAGE_NT_HEADERS *PIMAGE_NT_HEADERS32;
typedef struct _IMAGE_NT_HEADERS64 *PIMAGE_NT_HEADERS64;
typedef PIMAGE_NT_HEADERS64 PIMAGE_NT_HEADERS;

#endif
