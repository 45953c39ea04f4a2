/* Private to ps/, and what sim/process.c and the daemons need of it. */
#ifndef FLTSIM_PS_PSP_H
#define FLTSIM_PS_PSP_H

#include "ps/process.h"
#include "sim/machine.h"

#include <ntifs.h>

#include <stdatomic.h>

enum psp_notify_kind { PSP_PROCESS, PSP_PROCESS_EX, PSP_THREAD, PSP_IMAGE };
enum { PSP_NOTIFY_LIMIT = 64 };

struct psp_notify {
    PVOID routine; /* NULL: free */
    enum psp_notify_kind kind;
    unsigned running;
    bool removed;
    const void *site;
};

struct ps_state {
    struct sched_lock lock;  /* the lists, the notify routines */
    LIST_ENTRY processes;    /* KPROCESS.link: that have not exited */
    LIST_ENTRY threads;      /* KTHREAD.all_link: that have not ended */
    PEPROCESS system, test;
    atomic_uint next_id;     /* processes and threads share numbers */
    atomic_uint living;      /* threads whose body has not come to its very end */
    atomic_uint ending;      /* those of them that are in their last steps */
    unsigned ticket;         /* of anonymous threads' names */
    struct psp_notify notify[PSP_NOTIFY_LIMIT];
    KEVENT notify_left;      /* synchronization: a notify routine came back */
    KEVENT image_gate;       /* synchronization: who has it makes image files that are missing */
};
#define psp (machine->ps)

extern POBJECT_TYPE PspProcessType, PspThreadType;
HANDLE PspNextId(void);

/* process.c. STATUS of the file system, a filter or a notify routine that refused. */
struct psp_new_process {
    const char *image;        /* a path as a program gives it, UTF-8 */
    const char *command_line; /* NULL: the image in quotation marks */
    PEPROCESS parent;
    bool system;
    bool wow64;               /* an image that is missing is made as a 32-bit one */
};
NTSTATUS PspCreateProcess(const struct psp_new_process *options, PEPROCESS *process);
void PspExitProcess(PEPROCESS process, NTSTATUS status);
void PspDeleteProcess(PVOID object);

/* image.c: a program's image, open and mapped. All zero: it is on no volume. */
struct psp_image {
    HANDLE handle;
    PFILE_OBJECT file;
    struct mi_section *section;
};
void PspNameImage(PEPROCESS process, const struct psp_new_process *options);
NTSTATUS PspOpenImage(PCUNICODE_STRING open_name, bool wow64, struct psp_image *image);
/* The process holds the file and a view of it from now on. */
NTSTATUS PspTakeImage(PEPROCESS process, struct psp_image *image);
/* What PspOpenImage gave and nobody took. */
void PspCloseImage(struct psp_image *image);
void PspNotifyMainImage(PEPROCESS process);
/* The file, referenced; NULL: there is none. */
PFILE_OBJECT PspReferenceImage(PEPROCESS process);
/* "C:\\dir\\a.exe": the image as the program's own side knows it. */
UNICODE_STRING PspWin32Name(PEPROCESS process);
void PspReleaseImage(PEPROCESS process);

/* image_file.c: a program that does nothing: as a file, and as it lies in memory. */
enum { PSP_IMAGE_SIZE = 0x2000 };
void PspFillImage(UCHAR bytes[PSP_IMAGE_SIZE], bool wow64);

/* wow64.c: after the image is mapped. teb.c: the thread is at its end. */
NTSTATUS PspPrepareWow64(PEPROCESS process);
void PspFreeTeb(PKTHREAD thread);

/* terminate.c. The current thread is at its end: it may have been the last of a process that was terminated. */
void PspThreadLeavesProcess(PKTHREAD thread);
/* Ends a terminated process that no thread is of, plays, or is attached to any more. */
void PspFinishTermination(PEPROCESS process);

/* create_thread.c. The thread object comes referenced for the caller; `start` may run before this returns. */
struct psp_new_thread {
    PEPROCESS process;
    const char *name; /* NULL: made up */
    bool system, daemon;
    bool inherits; /* what the creating thread is in the middle of (KiCaptureOrigin) */
    PKSTART_ROUTINE start;
    PVOID context;
};
NTSTATUS PspCreateThread(const struct psp_new_thread *options, PKTHREAD *thread);
/* memory.c: committed, zeroed, to be read and written; it goes with the process. */
NTSTATUS PspAllocateIn(PEPROCESS process, SIZE_T size, PVOID *base);
void PspFreeIn(PEPROCESS process, PVOID base);
PKTHREAD PspMakeThreadObject(PEPROCESS process, const char *name);
void PspUnlistThread(PKTHREAD thread);
void PspDeleteThread(PVOID object);
void PspStopThreads(void);
bool PspReportThreads(const char *driver); /* true: one is left */
/* adopt.c: what the machine knows of an OS thread of the program's own. */
void PspForgetAdopted(PKTHREAD thread);

/* notify.c */
void PspNotifyProcess(PEPROCESS process, PPS_CREATE_NOTIFY_INFO info);
void PspNotifyThread(PKTHREAD thread, bool create);
void PspNotifyImage(PUNICODE_STRING name, HANDLE process, PIMAGE_INFO info);
/* callback-left-registered and thread-left-running for what a driver did not take with it; called when it is gone.
 * NULL: at the machine's end. True: a thread is left in its code. */
bool PspReportDriver(const char *driver);

bool PspStart(void);
void PspStop(void);

#endif
