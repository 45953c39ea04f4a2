#ifndef FLTSIM_WDK_NTIFS_H
#define FLTSIM_WDK_NTIFS_H

#ifndef _NTIFS_
#define _NTIFS_
#endif
#include <ntddk.h>
#include <nt/cc.h>
#include <nt/fsrtl.h>
#include <nt/tm.h>

#define MAX_UNICODE_STACK_BUFFER_LENGTH 256

/* Of <ntimage.h>. */
typedef struct _IMAGE_NT_HEADERS *PIMAGE_NT_HEADERS32;
typedef struct _IMAGE_NT_HEADERS64 *PIMAGE_NT_HEADERS64;
typedef PIMAGE_NT_HEADERS64 PIMAGE_NT_HEADERS;

/* nf-ntifs-rtlsetprocessplaceholdercompatibilitymode: how placeholders of cloud files look to a program. */
#define PHCM_APPLICATION_DEFAULT ((CHAR)0)
#define PHCM_DISGUISE_PLACEHOLDER ((CHAR)1)
#define PHCM_EXPOSE_PLACEHOLDERS ((CHAR)2)
#define PHCM_MAX ((CHAR)2)
#define PHCM_ERROR_INVALID_PARAMETER ((CHAR)-1)
#define PHCM_ERROR_NO_TEB ((CHAR)-2)

#endif
