/* One simulated machine: everything hangs off this struct. At most one exists in a process. */
#ifndef FLTSIM_SIM_MACHINE_H
#define FLTSIM_SIM_MACHINE_H

#include <fltsim/fltsim.h>

#include <stdbool.h>
#include <stddef.h>

#pragma GCC visibility push(hidden) /* as in sched.h */

/* Each room keeps its own state behind its own pointer; only the room looks inside. */
struct machine {
    struct fltsim_options options;
    struct verify_state *verify;
    struct trace_state *trace;
    struct fault_state *fault;
    struct ke_state *ke;
    struct ex_state *ex;
    struct bcrypt_state *bcrypt; /* NULL in a build without libcrypto */
    struct ob_state *ob;
    struct ps_state *ps;
    struct se_state *se;
    struct cm_state *cm;
    struct mm_state *mm;
    struct cc_state *cc;
    struct io_state *io;
    struct fsrtl_state *fsrtl;
    struct net_state *net;
    struct memfs_state *memfs;
    struct flt_state *flt;
    struct sim_state *sim; /* drivers and volumes that the test made */
};

extern struct machine *machine; /* NULL: no machine is running */

/* Memory of the machine's own structures (not driver pool). Zeroed; never NULL (the process ends, loudly, when the
 * host has none). What is out at a clean stop is an internal leak and is reported; what is out after a fatal end is
 * freed wholesale. Thread safe. */
void *sim_alloc(size_t size);
void *sim_realloc(void *block, size_t size);
char *sim_strdup(const char *text);
void sim_free(void *block);

/* What verify recorded, as a report of its own (malloc: it outlives the machine). Never NULL (report.c). */
struct fltsim_report *sim_take_report(void);

/* Unloads every driver and dismounts every volume that the test left (driver.c, volume.c). */
bool sim_unload_drivers(void);
void sim_dismount_volumes(void);
/* What the test's programs left: processes exit, threads that have ended are forgotten (process.c). */
void sim_end_programs(void);
void sim_forget_programs(void);
/* A file system has mounted the disk, and nobody has attached to the device yet (volume.c). */
void sim_volume_mounted(PDEVICE_OBJECT device, PDEVICE_OBJECT disk);
NTSTATUS sim_attach_legacy(PDEVICE_OBJECT top, const struct fltsim_legacy *options, PDEVICE_OBJECT *device);
/* The driver of the legacy filters; after the volumes (legacy.c). */
void sim_remove_legacy(void);
void sim_forget_legacy(void);
/* After a fatal end: only lets go of what the host gave (modules). */
void sim_forget_drivers(void);
void sim_forget_volumes(void);
/* The DriverEntry behind an installed service, by service name (UTF-16, as the registry key's last component); NULL:
 * no such image. `driver_base` identifies the module for reports. */
PDRIVER_INITIALIZE sim_find_image(PCUNICODE_STRING service);
/* A program's file, beneath all filters (image.c). False in *on_a_volume: the name, "\??\C:\dir\a.exe" or by device,
 * is on none that is mounted. A file that is missing is made, with its folders: a program that does nothing, a 32-bit one where
 * that is asked for. One thread at a time. */
NTSTATUS sim_place_image(PCUNICODE_STRING name, bool wow64, bool *on_a_volume);
/* The same, and opens it there: referenced; NULL: it could not be. */
PFILE_OBJECT sim_open_image(PCUNICODE_STRING name);
/* The disk of the volume that the name leads to, referenced, and what follows; NULL: none (volume.c). */
PDEVICE_OBJECT sim_find_disk(PCUNICODE_STRING name, PUNICODE_STRING rest);
/* Writes the Instances key of a driver that has neither an INF nor a key of its own; false: it has nothing coming. */
bool sim_give_instances(PCUNICODE_STRING service);

/* The debugger's output (DbgPrint, KdPrint): kept in the trace and, where options ask for it, printed. */
void sim_debug_print(const char *text);

#pragma GCC visibility pop

#endif
