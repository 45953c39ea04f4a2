/* The host's header, kept apart from the macros of the WDK surface. */
#ifndef FLTSIM_HOST_STDINT
#include <nt/hosted.h>
#endif
#include <nt/std_begin.h>
#include_next <stdlib.h>
#include <nt/std_end.h>

/* Lengths of Microsoft's path routines, for buffers. */
#ifndef _MAX_PATH
#define _MAX_PATH 260
#define _MAX_DRIVE 3
#define _MAX_DIR 256
#define _MAX_FNAME 256
#define _MAX_EXT 256
#endif
