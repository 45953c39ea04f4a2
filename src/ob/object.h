/* The object manager's seam: what rooms that make objects (io, ps, se, cm, mm, flt) use. Drivers see only the
 * documented routines of wdk/nt/ob.h.
 *
 * An object is a header and, behind it, the body that everybody else points at. It lives while its pointer count is
 * above zero; each handle holds one pointer count, and so does its place in the namespace.
 *     1. The last handle of the system closes: info.close(..., system_handles 1) (a file's IRP_MJ_CLEANUP); an object
 *        that is not permanent then loses its name.
 *     2. The last pointer goes: info.delete (a file's IRP_MJ_CLOSE), and the memory is freed.
 * close and delete run at PASSIVE_LEVEL on the thread that gave up the last one; a last dereference at a higher IRQL,
 * or by ObDereferenceObjectDeferDelete, is handed to a worker thread. */
#ifndef FLTSIM_OB_OBJECT_H
#define FLTSIM_OB_OBJECT_H

#include "sched/sched.h"
#include "verify/verify.h"

#include <ntifs.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct ob_parse;
struct ob_handle_table;

struct ob_type_info {
    const char *name; /* "File": what !object prints */
    /* A handle goes. process_handles, system_handles: how many there were, this one included. NULL: nothing to do. */
    void (*close)(PEPROCESS process, PVOID object, ACCESS_MASK granted, ULONG process_handles, ULONG system_handles);
    void (*delete)(PVOID object); /* the body goes; NULL: nothing to do */
    /* A lookup met the object with a name left (parse->remaining, maybe empty). Answers the object found, referenced,
     * or STATUS_REPARSE after ObpReparse. NULL: a name cannot go on here. */
    NTSTATUS (*parse)(PVOID object, struct ob_parse *parse, PVOID *found);
    /* ObQueryNameString of the object. NULL: its path in the namespace. */
    NTSTATUS (*query_name)(PVOID object, POBJECT_NAME_INFORMATION info, ULONG length, PULONG return_length);
    /* May this handle open (duplicate: access mask already mapped)? NULL: yes. */
    NTSTATUS (*open)(PVOID object, CCHAR mode, ACCESS_MASK granted);
    GENERIC_MAPPING mapping;
    ACCESS_MASK valid_access;
    /* Offset in the body of the dispatcher object that a wait on a handle waits for; OB_NO_WAIT: cannot be waited on.
     * OB_WAIT_POINTER added: there stands a pointer to it. */
    long wait;
    bool no_leak_check; /* objects of this type that outlive the machine are its own affair */
};
#define OB_NO_WAIT (-1L)
#define OB_WAIT_POINTER 0x10000L

struct _OBJECT_TYPE {
    struct ob_type_info info;
    UNICODE_STRING Name; /* no counts here: every thread reads this structure, and would wait for whoever counts */
};

enum ob_flags {
    OB_PERMANENT = 1,
    OB_EXCLUSIVE = 2,
    OB_KERNEL = 4,   /* created by kernel code, not reachable from user handles unless opened there */
    OB_DELETING = 8, /* the last pointer went */
};

struct ob_header {
    atomic_long pointer_count;
    atomic_long handle_count;
    POBJECT_TYPE type;
    atomic_uint flags;
    struct ob_name *name;           /* its place in the namespace, or NULL */
    PVOID security;                 /* security descriptor (sim_alloc), freed with the object; NULL: the type's default */
    PVOID owner;                    /* free for the room that owns the type */
    const void *site;               /* who made it */
    size_t body_size;
    struct verify_ledger ledger;    /* references taken and given back through documented routines */
    struct ob_header *next, **link; /* ob_state.shards[].objects */
    struct ob_header *deferred;     /* ob_state.deferred */
    _Alignas(16) unsigned char body[];
};

static inline struct ob_header *ObpHeader(const void *object)
{
    return (struct ob_header *)((unsigned char *)object - offsetof(struct ob_header, body));
}
static inline POBJECT_TYPE ObpTypeOf(const void *object) { return ObpHeader(object)->type; }

/* ---- types and objects ------------------------------------------------------------------------------------------- */

/* `info` is copied. The type lives as long as the machine. Rooms make theirs in <Prefix>pStart (Ob starts before Ps,
 * Se, Cm, Mm, Io; what must start before calls ObpCreateType all the same: it needs nothing of ObpStart). */
POBJECT_TYPE ObpCreateType(const struct ob_type_info *info);

/* A zeroed body with one pointer, the caller's. Never fails for want of memory. */
NTSTATUS ObpCreateObject(POBJECT_TYPE type, size_t body, PVOID *object);
/* Puts it into the namespace under `name` (absolute, or relative to `root`, a directory object or NULL): one pointer
 * is the namespace's. STATUS_OBJECT_NAME_COLLISION, _NAME_INVALID, _PATH_NOT_FOUND, _PATH_SYNTAX_BAD. */
NTSTATUS ObpInsertName(PVOID object, PVOID root, PCUNICODE_STRING name, ULONG attributes);
/* Takes it out again, at once, whatever the handle count. Nothing happens when it has no name. */
void ObpRemoveName(PVOID object);

/* Pointers without a ledger line, for the system's own structures; lock-free, any IRQL. */
static inline void ObpReference(PVOID object)
{
    atomic_fetch_add_explicit(&ObpHeader(object)->pointer_count, 1, memory_order_relaxed);
}
/* False: the count was zero already (the object is being deleted). */
bool ObpReferenceSafe(PVOID object);
void ObpDereference(PVOID object);
/* deferred: the deletion, if it comes to that, is left to a worker thread. site: whom an extra one is laid to. */
void ObpDereferenceFrom(PVOID object, bool deferred, const void *site);

/* ---- handles ------------------------------------------------------------------------------------------------------- */

/* The table of a process: `struct _KPROCESS` has `struct ob_handle_table *ObjectTable`. The System process's is the
 * kernel's (OBJ_KERNEL_HANDLE). */
struct ob_handle_table *ObpCreateHandleTable(PEPROCESS process);
/* Closes every handle (process exit), and frees the table. */
void ObpCloseHandleTable(struct ob_handle_table *table);
void ObpFreeHandleTable(struct ob_handle_table *table);

/* A handle on the object in the current process, or in the kernel's table with OBJ_KERNEL_HANDLE. `granted` is final.
 * The caller's own pointer stays the caller's. `site`: who opened, for handle-leak. */
NTSTATUS ObpCreateHandle(PVOID object, ACCESS_MASK granted, ULONG attributes, const void *site, PHANDLE handle);
/* What ZwClose does. */
NTSTATUS ObpCloseHandle(HANDLE handle, CCHAR mode, const void *site);
/* ObReferenceObjectByHandle without a ledger line: for the system's own routines (NtReadFile). granted may be NULL. */
NTSTATUS ObpReferenceHandle(HANDLE handle, ACCESS_MASK desired, POBJECT_TYPE type, CCHAR mode, PVOID *object,
                            PACCESS_MASK granted);
/* Handles in `process`'s table on that object (NULL: in all tables). */
ULONG ObpCountHandles(PVOID object, PEPROCESS process);

/* ---- names --------------------------------------------------------------------------------------------------------- */

/* One lookup, as the parse procedures see it. */
struct ob_parse {
    POBJECT_TYPE type;        /* wanted; NULL: any */
    CCHAR mode;               /* KernelMode, UserMode */
    ACCESS_MASK access;       /* desired; generic bits unmapped */
    ULONG attributes;         /* OBJ_* */
    PVOID context;            /* of who asked: io's open packet, only for a parse procedure of the same room */
    PCOBJECT_ATTRIBUTES object_attributes;
    UNICODE_STRING complete;  /* the absolute name so far (links replaced) */
    UNICODE_STRING remaining; /* what is left of it; "" or begins with a backslash, as for a device */
    bool relative;            /* remaining is relative to the root handle's object, without a first backslash */
    int reparses;
};
/* Restart at `name` (absolute). Returns STATUS_REPARSE, or the reason why not. */
NTSTATUS ObpReparse(struct ob_parse *parse, PCUNICODE_STRING name);

/* Looks a name up, through links and parse procedures; *object is referenced. STATUS_OBJECT_NAME_INVALID,
 * _OBJECT_PATH_SYNTAX_BAD, _OBJECT_NAME_NOT_FOUND, _OBJECT_PATH_NOT_FOUND, _OBJECT_TYPE_MISMATCH, or the parse
 * procedure's own. context as in struct ob_parse. */
NTSTATUS ObpLookup(PCOBJECT_ATTRIBUTES attributes, POBJECT_TYPE type, CCHAR mode, ACCESS_MASK access, PVOID context,
                   PVOID *object);
/* ObpLookup, then a handle with `access` (generic bits mapped). */
NTSTATUS ObpOpenByName(PCOBJECT_ATTRIBUTES attributes, POBJECT_TYPE type, CCHAR mode, ACCESS_MASK access, PVOID context,
                       const void *site, PHANDLE handle);
/* Creates or (OBJ_OPENIF) opens a named or unnamed object and opens a handle; takes over the caller's pointer in every
 * case. STATUS_OBJECT_NAME_EXISTS (a success) when an existing one was opened. */
NTSTATUS ObpInsertObject(PVOID object, PCOBJECT_ATTRIBUTES attributes, CCHAR mode, ACCESS_MASK access,
                         const void *site, PHANDLE handle);

/* event.c: the event of that name for the kernel, made signaled where there is none; `site` opened the handle. */
NTSTATUS ObpOpenNamedEvent(PHANDLE handle, PUNICODE_STRING name, EVENT_TYPE type, const void *site);

/* Symbolic links, for IoCreateSymbolicLink and drive letters: `\??\C:` -> `\Device\HarddiskVolume1`. Permanent. */
NTSTATUS ObpCreateLink(PCUNICODE_STRING name, PCUNICODE_STRING target);
NTSTATUS ObpDeleteLink(PCUNICODE_STRING name);
/* Visits (name, target) of each link in \GLOBAL?? until visit answers false. */
void ObpEachDosLink(bool (*visit)(PCUNICODE_STRING name, PCUNICODE_STRING target, void *context), void *context);

extern POBJECT_TYPE ObpDirectoryType, ObpSymbolicLinkType;

/* What ObQueryNameString answers for an object whose type has no query_name: its path. */
NTSTATUS ObpQueryPath(PVOID object, POBJECT_NAME_INFORMATION info, ULONG length, PULONG return_length);

/* Altitudes of callbacks, decimal numbers with or without a fraction: below 0, 0, above 0. Lengths in characters. */
int ObpCompareAltitudes(const WCHAR *a, size_t a_length, const WCHAR *b, size_t b_length);

/* ---- reports ------------------------------------------------------------------------------------------------------- */

/* handle-leak for each handle that code of the driver opened and left open; closes them. Called after its unload
 * routine returned, before verify_unregister_driver. NULL: whoever opened it (the machine's end). */
void ObpReportDriver(const char *driver);
/* What the exit of all programs does: closes the handles that they opened themselves (site NULL). First step of a
 * machine's stop. */
void ObpCloseUserHandles(void);

/* The machine stops: reports the objects of that type which `mine` accepts as object-leak, and deletes them, so that what
 * they hold can go. */
void ObpDeleteLeaked(POBJECT_TYPE type, bool (*mine)(PVOID object));

bool ObpStart(void);
/* Objects whose last reference went at DISPATCH_LEVEL, where they cannot be deleted. */
void ObpDeleteDeferred(void *unused);
void ObpStop(void);

#endif
