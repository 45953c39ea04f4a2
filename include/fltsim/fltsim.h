/* fltsim: the machine, its drivers and volumes, and the calls of programs on it.
 *
 * One machine at a time in a process. A test starts one, loads drivers, mounts volumes, acts as programs do, and
 * stops it:
 *
 *     fltsim_start(NULL);
 *     fltsim_mount(&(struct fltsim_volume_options){ .letter = 'C' }, &volume);
 *     fltsim_load(&(struct fltsim_driver_options){ .name = "nullFilter", .altitude = "370020",
 *                                                  .entry = DriverEntry }, &driver);
 *     status = fltsim_open("C:\\file.txt", &(struct fltsim_open){ .access = GENERIC_WRITE,
 *                                                               .disposition = FILE_OPEN_IF }, &handle);
 *     ...
 *     assert_int_equal(fltsim_stop(NULL), 0);
 *
 * Texts are UTF-8; a byte that is none becomes U+FFFD. Every options structure may be NULL or zero: the zero value is the
 * documented default. Every NTSTATUS is what the simulated kernel answered. Calls are made on a simulated thread, at
 * PASSIVE_LEVEL, while a machine runs: the thread that started the machine is the first one; it belongs to the process
 * "test.exe". With FLTSIM_NATIVE any OS thread may call.
 *
 * Other pointers are not NULL unless their comment says that they may be. A call against this contract - NULL, a structure
 * that is gone, a thread that was joined before - is a mistake of the test: it ends the run by the violation `test-error`,
 * which says what was wrong and where. Where no machine runs, and where the wrong thread starts or stops one, the process
 * ends, with the same words on stderr.
 *
 * What programs leave behind - handles, views, processes, threads that have come to their end - goes with the machine and is
 * no violation; what drivers leave is one. */
#ifndef FLTSIM_H
#define FLTSIM_H

#include <ntifs.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

FLTSIM_WDK_BEGIN

/* ---- the machine ---------------------------------------------------------------------------------------------- */

enum fltsim_backend {
    FLTSIM_BACKEND_DEFAULT, /* the environment's FLTSIM_BACKEND (coop, native), else coop */
    FLTSIM_COOP,            /* coroutines on the calling OS thread: deterministic */
    FLTSIM_NATIVE,          /* one OS thread each: real parallelism */
};

struct fltsim_violation;

struct fltsim_options {
    enum fltsim_backend backend;
    uint64_t seed;       /* coop: preempt at scheduling points by this seed. 0: FLTSIM_SEED, else no preemption. native:
                            nothing */
    const char *choices; /* coop: replay this choice string (fltsim_choices) instead; NULL: none */
    bool special_pool;   /* each pool allocation on pages of its own: use after free and overruns fault at once */
    bool no_ledgers;     /* do not keep reference histories; nor with FLTSIM_LEDGERS=0 in the environment */
    bool trace;          /* record the event trace (fltsim_trace_print) */
    size_t trace_events; /* how many of the last events are kept; 0: 8192 */
    bool debug_print;    /* print DbgPrint output to stderr */
    bool count_operations; /* count callbacks per major function (fltsim_each_operation) */
    bool target_in_ea;   /* FltCreateFile carries its target in an extended attribute, as before Windows Vista */
    bool quiet;          /* do not print violations to stderr as they happen */
    /* Called for each violation as it is recorded, on the thread that broke the rule. Calls nothing of this library. */
    void (*on_violation)(const struct fltsim_violation *violation, void *context);
    void *context;
};

/* False, with the reason on stderr: a machine is running already, or the options (FLTSIM_BACKEND, FLTSIM_SEED and
 * FLTSIM_LEDGERS in the environment among them) cannot be, or contradict each other. options: copied; choices lives as long
 * as the machine. */
bool fltsim_start(const struct fltsim_options *options);

/* One broken rule. Texts live as long as the report (or machine) that shows them. */
struct fltsim_violation {
    const char *rule;        /* "context-leak" */
    const char *what;        /* what happened, one sentence */
    const char *history;     /* the object's history, a line an event, newest last; "" where there is none */
    const char *why;         /* why it is a bug */
    const char *windows;     /* what Windows would do */
    const char *driver;      /* the driver it is laid to, or "" */
    uint32_t bugcheck;       /* bug check code, or 0 */
    uint64_t parameters[4];  /* of the bug check */
    bool fatal;              /* it ended the run */
};

struct fltsim_report {
    size_t count; /* violations, in the order they happened */
    const struct fltsim_violation *violations;
};

/* Ends what programs left, unloads drivers and dismounts volumes that are left, ends the machine, and counts the violations
 * (leaks included; those that fltsim_expect took are not counted). Drivers, volumes, threads and processes of the machine
 * are gone. With report NULL nothing more is kept; else *report is the caller's, freed by fltsim_report_free. First thread;
 * not in the body of fltsim_try. */
size_t fltsim_stop(struct fltsim_report **report);
/* Drops a machine in the middle of things, as a failed assertion leaves one: nothing is unloaded, nothing reported.
 * First thread. Nothing happens when no machine runs. */
void fltsim_abandon(void);
/* Both take NULL, and need no machine. */
void fltsim_report_free(struct fltsim_report *report);
void fltsim_report_print(const struct fltsim_report *report, FILE *out);

/* A bug check, a deadlock, a crash of a driver end the run: they do not return to who caused them. fltsim_try runs
 * body and answers false when that happened; the machine is then dead, and only fltsim_stop may follow. Outside of
 * fltsim_try they print the violation and abort the process. First thread only; does not nest (the body of a test of
 * fltsim_unit_test is in one). */
bool fltsim_try(void (*body)(void *argument), void *argument);

/* Violations so far; the last one's rule name or "". Without a machine: 0, "". */
size_t fltsim_violations(void);
const char *fltsim_last_rule(void);
/* Expect one: the next violation of that rule is not counted, nor printed; a fatal one ends the run all the same, and is
 * no failure of a test of fltsim_unit_test. fltsim_stop reports one that never came as `expected-violation-missing`. A rule
 * that there is not ends the process (fltsim_rule, `fltsim rules` list them). */
void fltsim_expect(const char *rule);

/* The schedule of this run as a string for fltsim_options.choices; "" where there was nothing to choose, and on the native
 * backend. Valid until the machine goes on. */
const char *fltsim_choices(void);
/* coop, when the machine was started without a seed and without choices: preempts by this seed from here on; 0: no longer.
 * Elsewhere nothing. For the part of a test where threads race. */
void fltsim_shuffle(uint64_t seed);
/* The last events, oldest first; says so where fltsim_options.trace did not ask for them. */
void fltsim_trace_print(FILE *out);
/* Virtual time: everything due within `milliseconds` happens. No real time passes. */
void fltsim_sleep(unsigned milliseconds);

/* From now on, `seconds` of processor time without another call of this end the run as `endless-loop`, with the stack
 * of the thread that ran; the process aborts. And where the first thread waits while others only sleep and look again,
 * a hundred thousand times, that is a `deadlock`. 0: no limit. Counts on until it is called with 0, whatever machine runs. */
void fltsim_watchdog(unsigned seconds);
/* Records a violation of a rule of the table by name, as the library's own checks do. */
void fltsim_violate(const char *rule, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* What stands in a driver's module for a routine that the library lacks (fltsim build --trap-missing): ends the run as
 * `missing-routine`. */
__attribute__((noreturn)) void fltsim_missing_routine(const char *name, const void *caller);
/* Likewise where the host's C library has the routine and no kernel does (abort, fork, malloc): host-routine. */
__attribute__((noreturn)) void fltsim_host_routine(const char *name, const void *caller);
/* For driver code that was built so that its calls go through this: notes a status that says failure, with its caller, and
 * gives it back. The other shows the last of them, oldest first: "FltRegisterFilter answered STATUS_... in DriverEntry
 * (foo.c:12)". */
NTSTATUS fltsim_noted_status(const char *routine, NTSTATUS status);
void fltsim_each_noted_status(void (*line)(const char *text, void *context), void *context);
/* "STATUS_ACCESS_DENIED" (or "0xC0000123" for one without a name), and back from either: false when there is no such name.
 * The text is good until the thread's next few calls. Needs no machine. */
const char *fltsim_status_name(NTSTATUS status);
bool fltsim_status_value(const char *name, NTSTATUS *status);
/* ---- drivers --------------------------------------------------------------------------------------------------- */

struct fltsim_driver;

/* Exactly one of entry and module. */
struct fltsim_driver_options {
    const char *name;         /* service name, 1 to 240 bytes, no backslash; NULL: the INF's, else "driver" */
    PDRIVER_INITIALIZE entry; /* a DriverEntry linked into the program */
    const char *module;       /* or the path of a shared object that defines DriverEntry (`fltsim build`, or compiled with
                                 the package fltsim-driver); each load has fresh globals */
    const char *inf;          /* path of its INF: service name, instances, altitudes, flags; NULL: none */
    const char *altitude;     /* one instance at this altitude, attached automatically, where FltRegisterFilter finds no
                                 Instances key: no INF, or one without instances, and the driver wrote none; NULL: none,
                                 and FltRegisterFilter fails there, as on Windows */
    const char *instance;     /* that instance's name; NULL: "<name> Instance". Only with an altitude */
    bool no_start;            /* install the service, do not load it: FltLoadFilter, ZwLoadDriver can */
    const char *group;        /* LoadOrderGroup of the service's key; NULL: the INF's */
};

/* Installs the service in the registry and loads the driver, in the system process. options: copied. driver may be NULL
 * where nobody asks for it again; the structure is good until the driver is unloaded or the machine stops. On failure
 * *driver is NULL and nothing stays installed. The status is DriverEntry's own, or, with the reason on stderr:
 * STATUS_OBJECT_NAME_NOT_FOUND: there is no such file, or FltRegisterFilter found no Instances key;
 * STATUS_INVALID_IMAGE_FORMAT: the module cannot be loaded here, or defines no DriverEntry;
 * STATUS_INVALID_PARAMETER: the options contradict each other, or the INF is wrong (file, line and rule are named);
 * STATUS_OBJECT_NAME_COLLISION: a service of that name is installed. */
NTSTATUS fltsim_load(const struct fltsim_driver_options *options, struct fltsim_driver **driver);
/* What `fltmc unload` does (FilterUnload): STATUS_FLT_DO_NOT_DETACH and the like when the driver refuses. The
 * structure is gone on success. What the driver left - contexts, pool, handles, timers ... - is reported by each kind's own
 * rule (pool-leak, context-leak, handle-leak ...). One that never started, or that another driver unloaded, is only
 * uninstalled. STATUS_DEVICE_BUSY: files are open on the driver's devices; as on Windows, where the call succeeds, the driver
 * goes when the last one is closed, and nothing new is opened meanwhile. Ask again then. */
NTSTATUS fltsim_unload(struct fltsim_driver *driver);
/* What `sc stop` does: a mandatory unload, the callback cannot refuse. */
NTSTATUS fltsim_unload_mandatory(struct fltsim_driver *driver);
/* NULL: it was only installed, and nobody has started it. Not referenced. */
PDRIVER_OBJECT fltsim_driver_object(struct fltsim_driver *driver);
/* The service's name; as long as the driver. */
const char *fltsim_driver_name(const struct fltsim_driver *driver);
/* Whether the driver's own Instances key stands in for the altitude and instance of its options. */
bool fltsim_wrote_instances(const struct fltsim_driver *driver);
/* Whether they were taken: neither its INF nor the driver itself had given any. */
bool fltsim_given_instances(const struct fltsim_driver *driver);
/* What the driver registered with the Filter Manager, a line at a time. Each text is good during the call. */
void fltsim_describe(struct fltsim_driver *driver, void (*line)(const char *text, void *context), void *context);
/* How often its pre- and post-operation callbacks ran, per major function that it registered: "IRP_MJ_CREATE". All 0
 * without fltsim_options.count_operations. */
void fltsim_each_operation(struct fltsim_driver *driver,
                           void (*visit)(const char *major, unsigned long pre, unsigned long post, void *context),
                           void *context);

/* ---- volumes --------------------------------------------------------------------------------------------------- */

struct fltsim_volume;

/* CSVFS: a cluster shared volume as one of its nodes sees it: NTFS-like, and its files have revisions
 * (GUID_ECP_CSV_QUERY_FILE_REVISION, FSCTL_CSV_CONTROL). What CSVFS opens on the NTFS volume beneath is not there; a test
 * plays it with a clustered NTFS volume and GUID_ECP_CSV_DOWN_LEVEL_OPEN. */
enum fltsim_volume_kind { FLTSIM_NTFS, FLTSIM_FAT, FLTSIM_CSVFS };
enum fltsim_completion {
    FLTSIM_COMPLETE_INLINE,   /* before the dispatch routine returns */
    FLTSIM_COMPLETE_LATER,    /* pended, completed by another thread at PASSIVE_LEVEL */
    FLTSIM_COMPLETE_DISPATCH, /* pended, completed at DISPATCH_LEVEL, as a disk's DPC does */
    FLTSIM_COMPLETE_CHOICE,   /* asks the choice source each time */
};

/* A file system filter driver from before the Filter Manager. It attaches to the top of the volume's stack as that is
 * now, passes every request on, and stays until the volume goes. A minifilter that is loaded later, at a higher altitude
 * than those below, gets a frame of its own above it: frames and legacy filters in any order are built from the bottom
 * up. */
struct fltsim_legacy {
    void (*seen)(UCHAR major, PFILE_OBJECT file, void *context); /* each IRP, before it goes on; NULL: nobody asks */
    void *context;
};

struct fltsim_volume_options {
    enum fltsim_volume_kind kind;
    char letter;            /* drive letter, A to Z; 0: the first free one from C */
    const char *label;      /* up to 32 characters (FAT: 11); NULL: none */
    uint64_t size;          /* bytes; 0: 1 GiB. No memory is taken until it is written */
    uint32_t serial;        /* 0: chosen by the machine, the same in each run */
    enum fltsim_completion completion; /* of reads and writes that reach the disk */
    bool read_only;
    bool removable;
    bool no_fast_io;        /* the file system refuses fast I/O */
    bool not_mounted;       /* leave the mount to the first open */
    bool clustered;         /* the disk is a cluster's: the NTFS volume on it is the hidden one beneath a CSVFS volume */
    const struct fltsim_legacy *legacy; /* below the Filter Manager, right above the file system; NULL: none. Lives as
                                           long as the volume */
};

/* A new, empty volume. options: copied. volume may be NULL where nobody asks for it again; the structure is good until
 * the dismount or until the machine stops. On failure *volume is NULL: STATUS_INVALID_PARAMETER, an option cannot be (which:
 * on stderr); STATUS_OBJECT_NAME_COLLISION, the letter, or each letter, is taken. */
NTSTATUS fltsim_mount(const struct fltsim_volume_options *options, struct fltsim_volume **volume);
/* What ejecting does: the volume goes although files may be open; their handles answer
 * STATUS_VOLUME_DISMOUNTED, and are still the caller's to close. The structure is gone. */
NTSTATUS fltsim_dismount(struct fltsim_volume *volume);
/* A CSVFS-like volume: the node that keeps the files' revisions is another one from now on, and starts anew; the first and
 * second number of each revision change. */
void fltsim_fail_over(struct fltsim_volume *volume);
/* Drops every cached stream control block that nobody has open, as memory pressure does. */
void fltsim_trim(struct fltsim_volume *volume);
/* "\\Device\\HarddiskVolume1" and "C:"; as long as the volume. */
const char *fltsim_volume_device_name(const struct fltsim_volume *volume);
const char *fltsim_volume_dos_name(const struct fltsim_volume *volume);
/* The top of the volume's device stack, or the disk while nothing is mounted. Not referenced. */
PDEVICE_OBJECT fltsim_volume_device(const struct fltsim_volume *volume);

/* legacy: copied; NULL: one that only passes everything on. *device (may be NULL): its device, which IoGetLowerDeviceObject
 * and device object hints take. STATUS_VOLUME_DISMOUNTED: the volume is not mounted. */
NTSTATUS fltsim_attach_legacy(struct fltsim_volume *volume, const struct fltsim_legacy *legacy, PDEVICE_OBJECT *device);

/* How many instances the driver has on the volume. */
size_t fltsim_instances(struct fltsim_driver *driver, struct fltsim_volume *volume);
/* What `fltmc attach/detach` do. altitude, instance: NULL for the INF's default instance. STATUS_FLT_FILTER_NOT_FOUND,
 * STATUS_FLT_VOLUME_NOT_FOUND: the driver has registered no filter, the volume is not mounted; STATUS_FLT_DO_NOT_ATTACH,
 * STATUS_FLT_DO_NOT_DETACH: the driver's own answer; the rest as FltAttachVolume, FltDetachVolume. */
NTSTATUS fltsim_attach(struct fltsim_driver *driver, struct fltsim_volume *volume, const char *instance,
                       const char *altitude);
NTSTATUS fltsim_detach(struct fltsim_driver *driver, struct fltsim_volume *volume, const char *instance);

/* ---- programs: processes and threads ---------------------------------------------------------------------------- */

struct fltsim_process;
struct fltsim_thread;

/* A program to start. Its image is opened as NtCreateUserProcess opens one, in the calling thread: a create in kernel mode
 * with the access check forced (FILE_EXECUTE | FILE_READ_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE, sharing read and delete,
 * FILE_SYNCHRONOUS_IO_NONALERT | FILE_NON_DIRECTORY_FILE), an image section over it, and, once process notify routines have
 * run, the handle's cleanup. The process keeps the file object and a view of the image until it exits.
 *
 * The file need not exist: on a volume that is mounted it is made beneath all filters, with its folders, as a program that
 * does nothing; no filter sees that, only the one open. A file that does exist must begin with "MZ". A program on no mounted
 * volume starts without a file: notify routines get a FileObject of NULL and no IMAGE_INFO_EX, which on Windows only
 * processes of other subsystems do. Neither have test.exe and programs that were started before their volume was mounted a
 * file of their own, until PsReferenceProcessFilePointer or ZwQueryInformationProcess asks for one at PASSIVE_LEVEL: then it
 * is opened beneath the filters, as if it had been open before they came. */
struct fltsim_program {
    const char *image;        /* "C:\\Windows\\notepad.exe", or "\\Device\\HarddiskVolume1\\..." */
    const char *command_line; /* NULL: the image in quotation marks */
    bool wow64;               /* an image that is missing is made as a 32-bit one. Images for the I386, made or not, start
                                 32-bit programs: PsGetProcessWow64Process, IoIs32bitProcess */
};
/* The status: of the open, as filters and the file system answered it; of the section (STATUS_INVALID_IMAGE_NOT_MZ); or what a
 * notify routine refused the process with. *process is NULL then. */
NTSTATUS fltsim_process_start(const struct fltsim_program *program, struct fltsim_process **process);
/* The same for an image alone; NULL: it could not be started, and its exit is nothing. */
struct fltsim_process *fltsim_process_create(const char *image);
/* Closes its handles, unmaps its views, and tells the notify routines. The calling thread, where it acts for the process,
 * acts for test.exe again. NULL: nothing. The structure is gone. */
void fltsim_process_exit(struct fltsim_process *process);
/* How many bytes of pool may be charged to the process (NULL: test.exe) from here on; 0: as many as there are. What it
 * has already counts, and stays. Every process has a quota of its own; the System process has none. */
void fltsim_limit_quota(struct fltsim_process *process, size_t paged, size_t nonpaged);
/* A thread of that process (NULL: test.exe) runs body; join waits for its end, gives its result and frees it. NULL: the
 * process is ending. Assertions are not made in body: it answers, and whoever joins asserts. One that still runs when the
 * machine stops is `thread-left-running`. */
struct fltsim_thread *fltsim_thread_create(struct fltsim_process *process, int (*body)(void *), void *argument);
int fltsim_thread_join(struct fltsim_thread *thread);
/* The calling thread acts for another process from here on; returns the one before (NULL: test.exe). */
struct fltsim_process *fltsim_impersonate(struct fltsim_process *process);
/* The mode that NtXxx services called by this thread find as the previous one, for those that have no fltsim_ call of
 * their own: UserMode as from a program. KernelMode in a new thread. Returns the one before. */
KPROCESSOR_MODE fltsim_previous_mode(KPROCESSOR_MODE mode);
/* Lets other threads run. One that only yields lets virtual time pass, too, after a while. */
void fltsim_yield(void);

/* ---- programs: files ---------------------------------------------------------------------------------------------- */

/* An extra create parameter that travels with an open. A test that attaches one of the system's types to an open plays
 * the component that owns it: the SMB server with GUID_ECP_SRV_OPEN, the prefetcher with GUID_ECP_PREFETCH_OPEN, CSVFS
 * with GUID_ECP_CSV_DOWN_LEVEL_OPEN ... (wdk/nt/fsrtl/system_ecp.h); with a driver's own type, that driver. */
struct fltsim_ecp {
    const GUID *type;
    void *data;        /* copied into the parameter before the open, and back after it; NULL: zeros, nothing back */
    ULONG size;
    bool user_mode;    /* what FltIsEcpFromUserMode says of it */
    bool acknowledged; /* out: somebody on the way called FltAcknowledgeEcp */
    bool removed;      /* out: somebody took it off the list */
};

/* What CreateFile takes. Paths: "C:\\dir\\file:stream", "\\\\.\\MyDevice", "\\Device\\HarddiskVolume1\\...",
 * "\\??\\C:\\...", with backslashes: no service below Win32 takes "/" for one. */
struct fltsim_open {
    ACCESS_MASK access;   /* 0: GENERIC_READ; SYNCHRONIZE is added unless asynchronous, DELETE with
                             FILE_DELETE_ON_CLOSE */
    ULONG share;          /* FILE_SHARE_*; 0: all three. Exclusive: FLTSIM_SHARE_NONE */
    ULONG disposition;    /* FILE_SUPERSEDE.. ; 0 is FILE_SUPERSEDE in NT, so: 0 means FILE_OPEN, and to supersede
                             say FLTSIM_SUPERSEDE */
    ULONG options;        /* FILE_DIRECTORY_FILE, FILE_DELETE_ON_CLOSE ... */
    ULONG attributes;     /* FILE_ATTRIBUTE_* of a new file; 0: normal */
    uint64_t allocation;  /* initial allocation size */
    const void *ea;       /* FILE_FULL_EA_INFORMATION list */
    ULONG ea_length;
    HANDLE root;          /* path is relative to this open directory */
    bool asynchronous;    /* no FILE_SYNCHRONOUS_IO_NONALERT */
    bool case_sensitive;
    bool paging_file;     /* as NtCreatePagingFile opens it */
    bool target_directory; /* SL_OPEN_TARGET_DIRECTORY */
    struct fltsim_ecp *ecps; /* ecp_count extra create parameters, of different types; NULL: none */
    size_t ecp_count;
    ULONG_PTR *information; /* out: FILE_OPENED, FILE_CREATED ...; NULL: not wanted */
};
#define FLTSIM_SHARE_NONE 0x80000000u
#define FLTSIM_SUPERSEDE 0x80000000u
#define FLTSIM_APPEND (-1LL)  /* offset: the end of the file */
#define FLTSIM_CURRENT (-2LL) /* offset: the handle's position */

/* The calls below act as a program does: in user mode, as the calling thread's process. What a program can do wrong - a
 * handle that was closed, a NULL buffer, a length that no request has room for - is answered as the kernel answers it:
 * STATUS_INVALID_HANDLE, STATUS_ACCESS_VIOLATION, STATUS_INVALID_PARAMETER. */

/* On failure *handle is NULL. It is the caller's, closed by fltsim_close. */
NTSTATUS fltsim_open(const char *path, const struct fltsim_open *open, HANDLE *handle);
/* Of anything that a program has a handle of: files, ports, sections. */
NTSTATUS fltsim_close(HANDLE handle);
/* offset: a byte, FLTSIM_CURRENT (synchronous handles), or, to write, FLTSIM_APPEND. done: bytes transferred, 0 on failure;
 * NULL: not wanted. Asynchronous handles are waited for. */
NTSTATUS fltsim_read(HANDLE handle, void *buffer, size_t length, int64_t offset, size_t *done);
NTSTATUS fltsim_write(HANDLE handle, const void *buffer, size_t length, int64_t offset, size_t *done);
NTSTATUS fltsim_flush(HANDLE handle);
NTSTATUS fltsim_set_size(HANDLE handle, uint64_t size);
NTSTATUS fltsim_get_size(HANDLE handle, uint64_t *size); /* 0 on failure */
/* A byte-range lock. wait: until it can be had; else STATUS_LOCK_NOT_GRANTED. */
NTSTATUS fltsim_lock(HANDLE handle, uint64_t offset, uint64_t length, bool exclusive, bool wait);
NTSTATUS fltsim_unlock(HANDLE handle, uint64_t offset, uint64_t length);
/* Sets or clears the delete disposition (DeleteFile = open + this + close). */
NTSTATUS fltsim_set_delete(HANDLE handle, bool remove);
/* Open + fltsim_set_delete + close, of a file, an empty folder, a stream, a reparse point itself. */
NTSTATUS fltsim_delete(const char *path);
/* target: a full path, or a name without a backslash for the same folder. */
NTSTATUS fltsim_rename(HANDLE handle, const char *target, bool replace);
NTSTATUS fltsim_link(HANDLE handle, const char *target, bool replace);
NTSTATUS fltsim_make_directory(const char *path);
/* Calls entry for each (name, attributes, size) in the order the file system gives; pattern NULL: all. Stops when
 * entry answers false. */
NTSTATUS fltsim_enumerate(HANDLE directory, const char *pattern,
                          bool (*entry)(const char *name, ULONG attributes, uint64_t size, void *context),
                          void *context);
/* NtQueryInformationFile, NtSetInformationFile, NtQueryVolumeInformationFile, NtFsControlFile, NtDeviceIoControlFile. */
NTSTATUS fltsim_query(HANDLE handle, FILE_INFORMATION_CLASS kind, void *buffer, ULONG length);
NTSTATUS fltsim_set(HANDLE handle, FILE_INFORMATION_CLASS kind, void *buffer, ULONG length);
NTSTATUS fltsim_query_volume(HANDLE handle, FS_INFORMATION_CLASS kind, void *buffer, ULONG length);
NTSTATUS fltsim_fsctl(HANDLE handle, ULONG code, const void *in, ULONG in_length, void *out, ULONG out_length,
                      size_t *done);
NTSTATUS fltsim_ioctl(HANDLE handle, ULONG code, const void *in, ULONG in_length, void *out, ULONG out_length,
                      size_t *done);

/* A mapped view, as MapViewOfFile gives one. Writes through `base` reach the file as paging writes when the view is
 * flushed or unmapped, or later. size 0: the file's. *view is filled by fltsim_map, zeros on failure, and zeroed by
 * fltsim_unmap; the file's handle may be closed meanwhile. */
struct fltsim_view {
    void *base;
    size_t size;
    HANDLE section;
};
NTSTATUS fltsim_map(HANDLE handle, bool writable, size_t size, struct fltsim_view *view);
NTSTATUS fltsim_flush_view(struct fltsim_view *view);
NTSTATUS fltsim_unmap(struct fltsim_view *view);

/* ---- programs: communication ports (what fltlib.dll gives) -------------------------------------------------------- */

#define FLTSIM_PORT_NAME 128
/* The name of the index-th port that the driver has open to programs ("\\MyPort"); false behind the last one. */
bool fltsim_port_name(struct fltsim_driver *driver, unsigned index, char name[FLTSIM_PORT_NAME]);
/* FilterConnectCommunicationPort: context is what the driver's connect callback gets (NULL with 0: nothing). *handle is the
 * caller's, closed by fltsim_close, and NULL on failure: the callback's own status, STATUS_OBJECT_NAME_NOT_FOUND,
 * STATUS_CONNECTION_COUNT_LIMIT ... */
NTSTATUS fltsim_connect(const char *port, const void *context, size_t context_length, HANDLE *handle);
/* FilterSendMessage: the driver's message callback runs in this thread, with these very buffers, which it has to probe.
 * done: how much the callback put into out; NULL: not wanted. */
NTSTATUS fltsim_send(HANDLE port, const void *in, size_t in_length, void *out, size_t out_length, size_t *done);
/* FilterGetMessage. message: FILTER_MESSAGE_HEADER (<fltUserStructures.h>) and what follows. timeout in milliseconds of
 * virtual time; -1: none; STATUS_TIMEOUT. */
NTSTATUS fltsim_get_message(HANDLE port, void *message, size_t length, int timeout, size_t *done);
/* FilterReplyMessage. reply: FILTER_REPLY_HEADER, with the message's MessageId, and what follows. */
NTSTATUS fltsim_reply(HANDLE port, const void *reply, size_t length);

FLTSIM_WDK_END

#endif
