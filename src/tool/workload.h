/* The built-in workload: what programs do to files, on one volume, in steps. */
#ifndef FLTSIM_TOOL_WORKLOAD_H
#define FLTSIM_TOOL_WORKLOAD_H

#include "tool/known.h"

#include <fltsim/fltsim.h>

#include <stdbool.h>
#include <stddef.h>

/* Where the steps of one volume keep what they share. */
struct workload {
    const char *root; /* "C:" */
    bool is_ntfs, is_csvfs; /* a cluster's is like NTFS */
    struct fltsim_volume *volume;
    struct fltsim_driver *driver;
    const struct known *known;
    struct fltsim_process *other; /* a second program */
    struct workload_clients *clients; /* that are connected to the driver's ports, or NULL */
    bool scarce;                  /* allocations fail: do nothing that raises then */
    unsigned long operations;     /* calls made */
    unsigned long unexpected;     /* that answered otherwise than a volume without the driver does */
    void (*note)(const char *text, void *context); /* told of each of those; NULL: nobody */
    void *context;
};

struct workload_step {
    const char *name; /* "rename and link" */
    void (*run)(struct workload *w);
};
extern const struct workload_step workload_steps[]; /* ends with name NULL */

/* The tree that every step finds: folders, small and large files, streams, read-only and hidden ones. */
void workload_populate(struct workload *w);

/* ---- for the steps ---- */

/* Counts the call and notes when its status is not the expected one. Returns NT_SUCCESS. */
bool workload_expect(struct workload *w, const char *what, NTSTATUS status, NTSTATUS expected);
/* "C:\work\name" for the names of the steps' own folder; the text lives until the fourth call from here. */
const char *workload_path(struct workload *w, const char *name);
/* Opens with workload_expect. NULL handle on failure. */
HANDLE workload_open(struct workload *w, const char *name, const struct fltsim_open *open, NTSTATUS expected);
void workload_close(struct workload *w, HANDLE handle);

/* "\??\C:\work\name" */
UNICODE_STRING workload_nt_path(struct workload *w, const char *name, WCHAR text[300]);

void workload_creates(struct workload *w);       /* dispositions and options; workload_create.c */
void workload_failing_opens(struct workload *w);
void workload_relative_opens(struct workload *w);
void workload_cluster(struct workload *w);       /* a file that other nodes of the cluster change; workload_ecp.c */
void workload_system_opens(struct workload *w);  /* with extra create parameters; workload_ecp.c */
void workload_cached(struct workload *w);        /* reads and writes of every kind; workload_io.c */
void workload_uncached(struct workload *w);
void workload_mapped(struct workload *w);
void workload_sizes(struct workload *w);
void workload_locks(struct workload *w);
void workload_paging_file(struct workload *w);
void workload_renames(struct workload *w);       /* names; workload_name.c */
void workload_links(struct workload *w);
void workload_deletes(struct workload *w);
void workload_streams(struct workload *w);
void workload_directories(struct workload *w);   /* workload_info.c */
void workload_attributes(struct workload *w);
void workload_volume(struct workload *w);
void workload_sharing(struct workload *w);       /* two processes, several threads; workload_many.c */
void workload_processes(struct workload *w);
void workload_threads(struct workload *w);
void workload_races(struct workload *w);         /* preempted wherever they can be; workload_race.c */
void workload_controls(struct workload *w);      /* beside the contents; workload_control.c */
/* Control codes for a file's records in the journal and the lists of owners and clusters. Nobody is told the answers. */
void workload_ask_records(struct workload *w, HANDLE file);
void workload_control_file(struct workload *w, HANDLE file); /* those, and copies that others make */
void workload_disk(struct workload *w);          /* what tools ask of volumes; workload_disk.c */
void workload_oplocks(struct workload *w);
void workload_changes(struct workload *w);
void workload_eas(struct workload *w);
void workload_security(struct workload *w);
void workload_connections(struct workload *w);   /* workload_net.c */
void workload_queries_by_name(struct workload *w);
void workload_programs(struct workload *w);      /* the system around them; workload_system.c */
void workload_kernel(struct workload *w);
void workload_transactions(struct workload *w);
void workload_transact(struct workload *w);      /* once: a write and a delete */
HANDLE workload_begin_transaction(struct workload *w); /* NULL: it could not be made */
void workload_write_in(struct workload *w, HANDLE transaction, const char *name); /* nobody is told the answers */
struct workload_pending *workload_begin_pending(struct workload *w); /* what is under way meanwhile; workload_pending.c */
void workload_end_pending(struct workload *w, struct workload_pending *pending);
void workload_follow(struct workload *w);        /* writers, before filters hear of the commit */
void workload_neighbours(struct workload *w);    /* filters of others; workload_neighbour.c */
void workload_registry(struct workload *w);
void workload_devices(struct workload *w);
void workload_trim(struct workload *w);
void workload_known(struct workload *w);         /* names that the driver knows; workload_known.c */
/* \name, of which the driver knows, and the folder above it; workload_folder.c */
void workload_folder(struct workload *w, const char *name);
void workload_control_devices(struct workload *w); /* the driver's own programs; workload_port.c */
void workload_each_allocation(struct workload *w); /* fails once, in a few small things; workload_short.c */

/* A folder's path that the driver knows in full. */
bool workload_is_full_folder(const char *path);
/* The folders above those names (with themselves: those that are folders, too), for a driver that wants them when it
 * attaches. */
/* Files by the names that the driver knows, with a line of text in each. */
void workload_make_known_files(struct workload *w);
void workload_make_known_folders(struct workload *w, bool themselves);
/* A client of each of the driver's ports, which takes and answers messages until it is disconnected. */
struct workload_clients *workload_connect(struct workload *w);
bool workload_has_clients(const struct workload_clients *clients);
void workload_commands(struct workload *w, struct workload_clients *clients);
void workload_poll(struct workload *w);
void workload_disconnect(struct workload_clients *clients);

#endif
