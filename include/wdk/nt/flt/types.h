// The Filter Manager's opaque objects and what every header of it needs.
#ifndef FLTSIM_WDK_NT_FLT_TYPES_H
#define FLTSIM_WDK_NT_FLT_TYPES_H

#include "../begin.h"
#include "../io/types.h"
#include "../status.h"
#include "../types.h"

FLTSIM_WDK_BEGIN

#ifndef FLTAPI
#define FLTAPI NTAPI
#endif

#define FLT_MGR_BASELINE 1
#define FLT_MGR_AFTER_XPSP2 1
#define FLT_MGR_LONGHORN 1
#define FLT_MGR_WIN7 1
#define FLT_MGR_WIN8 1

typedef struct _FLT_FILTER *PFLT_FILTER;     // opaque: a registered minifilter
typedef struct _FLT_INSTANCE *PFLT_INSTANCE; // opaque: a filter attached to a volume
typedef struct _FLT_VOLUME *PFLT_VOLUME;     // opaque: a volume
typedef struct _FLT_PORT *PFLT_PORT;         // opaque: one end of a communication port
typedef struct _FLT_GENERIC_WORKITEM *PFLT_GENERIC_WORKITEM;         // opaque
typedef struct _FLT_DEFERRED_IO_WORKITEM *PFLT_DEFERRED_IO_WORKITEM; // opaque
typedef PVOID PFLT_CONTEXT; // the driver's part of a context

typedef struct _FLT_CALLBACK_DATA FLT_CALLBACK_DATA, *PFLT_CALLBACK_DATA;
typedef struct _FLT_IO_PARAMETER_BLOCK FLT_IO_PARAMETER_BLOCK, *PFLT_IO_PARAMETER_BLOCK;
typedef union _FLT_PARAMETERS FLT_PARAMETERS, *PFLT_PARAMETERS;
typedef struct _FLT_TAG_DATA_BUFFER FLT_TAG_DATA_BUFFER, *PFLT_TAG_DATA_BUFFER;
typedef struct _FLT_RELATED_OBJECTS FLT_RELATED_OBJECTS, *PFLT_RELATED_OBJECTS;
typedef const struct _FLT_RELATED_OBJECTS *PCFLT_RELATED_OBJECTS;
typedef struct _FLT_FILE_NAME_INFORMATION FLT_FILE_NAME_INFORMATION, *PFLT_FILE_NAME_INFORMATION;
typedef struct _FLT_NAME_CONTROL FLT_NAME_CONTROL, *PFLT_NAME_CONTROL;

#ifndef NULL_CONTEXT
#define NULL_CONTEXT ((PFLT_CONTEXT)NULL)
#endif

// Members that a driver may only read and the library fills.
#ifdef FLTSIM_LIBRARY
#define FLTSIM_READONLY
#else
#define FLTSIM_READONLY const
#endif

#if defined(DBG) && DBG
#define FLT_ASSERT(_e) NT_ASSERT(_e)
#define FLT_ASSERTMSG(_m, _e) NT_ASSERTMSG(_m, _e)
#else
#define FLT_ASSERT(_e) ((void)0)
#define FLT_ASSERTMSG(_m, _e) ((void)0)
#endif

#define PtrOffset(B, O) ((ULONG)((ULONG_PTR)(O) - (ULONG_PTR)(B)))

#ifndef FlagOn
#define FlagOn(_F, _SF) ((_F) & (_SF))
#endif
#ifndef BooleanFlagOn
#define BooleanFlagOn(F, SF) ((BOOLEAN)(((F) & (SF)) != 0))
#endif
#ifndef SetFlag
#define SetFlag(_F, _SF) ((_F) |= (_SF))
#endif
#ifndef ClearFlag
#define ClearFlag(_F, _SF) ((_F) &= ~(_SF))
#endif
#ifndef ROUND_TO_SIZE
#define ROUND_TO_SIZE(_length, _alignment)                                                         \
    ((((ULONG_PTR)(_length)) + ((_alignment)-1)) & ~(ULONG_PTR)((_alignment)-1))
#endif
#ifndef IS_ALIGNED
#define IS_ALIGNED(_pointer, _alignment) ((((ULONG_PTR)(_pointer)) & ((_alignment)-1)) == 0)
#endif

FLTSIM_WDK_END

#endif
