/* A file system device of a few lines, and minifilters whose callbacks a test fills in. */
#ifndef TESTS_FLT_HARNESS_H
#define TESTS_FLT_HARNESS_H

#include "flt/core.h"

#include <fltsim/fltsim.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- what happened, in order: "A>create B>create fs B<create A<create" ---- */

void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *noted(void); /* and forgets it */

/* ---- the file system ---- */

enum tiny_mode {
    TINY_INLINE,
    TINY_LATER,    /* pended, completed by a thread of its own */
    TINY_DISPATCH, /* pended, completed at DISPATCH_LEVEL */
    TINY_HOLD,     /* pended until tiny_release, or cancelled */
};
extern struct tiny {
    PDRIVER_OBJECT driver;
    PDEVICE_OBJECT device;
    PFLT_VOLUME volume;
    enum tiny_mode mode;
    NTSTATUS status;
    ULONG_PTR information;
    PIRP held;
    IO_STACK_LOCATION seen; /* of the last IRP */
    PVOID user_buffer, system_buffer;
    PMDL mdl;
    bool fast_io;
    bool busy; /* many threads: record nothing */
    LONG calls;
} tiny;

void tiny_start(void); /* with the machine */
void tiny_stop(void);  /* tears the volume down and stops the machine; fails when something leaked */
void tiny_attach(void); /* the volume comes: filters that are started attach */
void tiny_release(NTSTATUS status);
PFILE_OBJECT tiny_file(void);

/* One IRP from the top of the stack; waits for it. */
struct tiny_io {
    UCHAR major, minor, flags;
    ULONG irp_flags;
    PVOID buffer;
    ULONG length;
    LONGLONG offset;
    PMDL mdl;
    IO_STATUS_BLOCK iosb; /* out */
    bool pended;          /* out */
    bool keep;            /* do not wait: tiny_wait does */
    PIRP irp;
    KEVENT event;
};
NTSTATUS tiny_send(struct tiny_io *io);
NTSTATUS tiny_wait(struct tiny_io *io);
NTSTATUS tiny_major(UCHAR major); /* with nothing else */

/* ---- minifilters ---- */

struct probe {
    char letter;
    PFLT_FILTER filter;
    PFLT_INSTANCE instance;
    struct fltsim_driver *driver;
    FLT_PREOP_CALLBACK_STATUS answer; /* when pre is NULL */
    PVOID context;
    FLT_PREOP_CALLBACK_STATUS (*pre)(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context);
    FLT_POSTOP_CALLBACK_STATUS (*post)(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID context,
                                       FLT_POST_OPERATION_FLAGS flags);
    NTSTATUS (*unload)(struct probe *p, FLT_FILTER_UNLOAD_FLAGS flags);
    NTSTATUS setup_status, query_status;
    bool no_query, quiet;
    bool sees_close;
    FLT_INSTANCE_SETUP_FLAGS setup_flags;
    FLT_INSTANCE_TEARDOWN_FLAGS reason;
    void (*teardown_start)(struct probe *p);
    FLT_OPERATION_REGISTRATION_FLAGS operation_flags;
    const FLT_OPERATION_REGISTRATION *operations; /* instead of the usual ones */
    const FLT_CONTEXT_REGISTRATION *contexts;
};
extern struct probe probes[3];
#define A (&probes[0])
#define B (&probes[1])
#define C (&probes[2])

/* Loads the probe's driver; altitudes 300000, 200000, 100000 for A, B, C unless given. */
NTSTATUS probe_load(struct probe *p, const char *altitude);
NTSTATUS probe_unload(struct probe *p);
const char *probe_operation(UCHAR major);

#endif
