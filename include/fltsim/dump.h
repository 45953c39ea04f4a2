/* fltsim: the Filter Manager's objects, printed as the debugger's fltkd extension prints them.
 *
 * Callable from a test, and from a debugger that has stopped in a driver:
 *
 *     (gdb) call fltsim_dump_filter(Globals.Filter)
 *     (gdb) call fltsim_dump_context(context)
 *
 * Nothing is referenced, changed or waited for. A pointer that is NULL, of something else, or of an object that went lately,
 * is said to be so. The routines hold internal locks for instants: in a machine of the native backend whose threads a
 * debugger has stopped inside the library, `finish` first. */
#ifndef FLTSIM_DUMP_H
#define FLTSIM_DUMP_H

#include <fltKernel.h>

#include <fltsim/fltsim.h>

FLTSIM_WDK_BEGIN

/* Where the dumps go from here on; returns where they went. Until the first call, and after one with NULL: stderr. */
FILE *fltsim_dump_to(FILE *out);

/* !fltkd.filter: flags, rundown and pointer count, callbacks, instances, and the contexts that are alive. */
void fltsim_dump_filter(PFLT_FILTER filter);
/* !fltkd.instance */
void fltsim_dump_instance(PFLT_INSTANCE instance);
/* !fltkd.volume */
void fltsim_dump_volume(PFLT_VOLUME volume);
/* !fltkd.stream: the contexts of all filters on this open file's stream, on its file, and on the handle. */
void fltsim_dump_stream(PFILE_OBJECT file_object);
/* !fltkd.ctx: the reference count, what it is linked to, and the history of its references. */
void fltsim_dump_context(PFLT_CONTEXT context);
/* Its reference count alone; 0: it is freed. */
long fltsim_context_count(PFLT_CONTEXT context);
/* !fltkd.fltobj: only the head that filters, instances and volumes begin with. */
void fltsim_dump_object(PVOID object);
/* Every frame with its filters and volumes. */
void fltsim_dump_all(void);

/* The objects behind what a test holds; no reference is taken. NULL: there is none (a driver that registered no filter,
 * a volume that is not mounted, a filter without an instance there). */
PFLT_FILTER fltsim_driver_filter(struct fltsim_driver *driver);
PFLT_VOLUME fltsim_volume_object(struct fltsim_volume *volume);
PFLT_INSTANCE fltsim_driver_instance(struct fltsim_driver *driver, struct fltsim_volume *volume);

FLTSIM_WDK_END

#endif
