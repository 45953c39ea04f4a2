/* Lengths of Microsoft's path routines, for buffers: CRT reference, "Path Field Limits". */
#ifndef FLTSIM_WDK_NT_PATH_LENGTHS_H
#define FLTSIM_WDK_NT_PATH_LENGTHS_H

#ifndef _MAX_PATH
#define _MAX_PATH 260
#define _MAX_DRIVE 3
#define _MAX_DIR 256
#define _MAX_FNAME 256
#define _MAX_EXT 256
#endif

#endif
