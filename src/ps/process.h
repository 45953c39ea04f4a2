/* What a PKPROCESS / PEPROCESS points at. Drivers never look inside. */
#ifndef FLTSIM_PS_PROCESS_H
#define FLTSIM_PS_PROCESS_H

#include "ke/thread.h"

#include <ntifs.h>

struct ob_handle_table;

struct _KPROCESS {
    DISPATCHER_HEADER Header; /* signalled for good when the process has ended */
    struct ob_handle_table *ObjectTable;
    HANDLE id;
    HANDLE parent_id;
    bool system;             /* the System process */
    bool announced;          /* notify routines were told of it */
    bool exiting, exited;
    bool completing;         /* somebody runs its exit */
    bool terminated;         /* ZwTerminateProcess: it exits with its last thread */
    unsigned ending;         /* threads at their end that are listed yet; guarded by ps_state.lock */
    NTSTATUS exit_status;
    LONGLONG create_time, exit_time;
    UNICODE_STRING image_path; /* "\Device\HarddiskVolume1\Windows\notepad.exe", or as the test gave it */
    UNICODE_STRING open_name;  /* "\??\C:\Windows\notepad.exe": what the image was, or would be, opened by */
    UNICODE_STRING command_line;
    struct _FILE_OBJECT *image_file; /* referenced; guarded by ps_state.lock; NULL: none yet (image.c) */
    PVOID wow64;               /* wow64.c: the 32-bit PEB; NULL: a 64-bit program */
    bool had_thread;           /* its token is for good */
    bool critical;             /* ProcessBreakOnTermination */
    EX_RUNDOWN_REF exit_rundown; /* PsAcquireProcessExitSynchronization */
    PVOID image_base;          /* its view, or a copy that was asked for; 0 bytes long: not the file's */
    SIZE_T image_size;
    char image_name[16];     /* PsGetProcessImageFileName: last component, at most 15 characters */
    LIST_ENTRY threads;      /* KTHREAD.process_link; guarded by ps_state.lock */
    LIST_ENTRY link;         /* ps_state.processes */
    ULONG session_id;
    struct _PEB *peb;        /* peb.c: NULL until somebody asks for it */
    struct ps_quota *quota;  /* quota.h */
    PVOID token;             /* se: primary token */
    PVOID se, io, mm, sim;   /* of other rooms, each its own */
};

/* se's: called when the object goes, to drop what it holds there. NULL in a new machine. */
extern void (*PspProcessGone)(struct _KPROCESS *process);
extern void (*PspThreadGone)(struct _KTHREAD *thread);
/* io's: called on a thread as it ends, to cancel its requests and wait for them. */
extern void (*PspThreadEnds)(struct _KTHREAD *thread);

/* process.c: the current thread belongs to System until it leaves again: DriverEntry and the unload callback are called in
 * the context of a system thread. */
PEPROCESS PspEnterSystem(void);
void PspLeaveSystem(PEPROCESS before);
/* lookup.c: the process's threads by their numbers, from the one after, referenced; NULL: there are no more. */
struct _KTHREAD *PspNextThread(PEPROCESS process, HANDLE after);
/* image.c: the machine stops; no process keeps its file any more. */
void PspReleaseImages(void);
void PspAwaitEnding(void); /* threads in their last steps */

/* The process whose address space and handles are current: the attached one, if any. */
static inline struct _KPROCESS *PspCurrentProcess(void) { return KiCurrentProcess(); }

#endif
