/* Private to the memory manager and the cache manager: control areas and their pages.
 *
 * One control area for each stream that is cached or mapped as data (and one more for an image). It
 * hangs in the file system's SECTION_OBJECT_POINTERS, keeps a reference on the first file object it
 * was made for (through which all of its paging I/O goes), and owns the stream's pages: one range
 * of memory that never moves, so that cached copies, pinned data, MDLs and mapped views are the
 * same bytes.
 *     1. Its place in SECTION_OBJECT_POINTERS is one reference; so is each open cache map, section
 * and view.
 *     2. With only the first one left it is idle; the lazy writer, MmForceSectionClosed and the
 * like then retire it.
 *     3. Retiring drops the file object, whose IRP_MJ_CLOSE may come from there, long after its
 * IRP_MJ_CLEANUP. */
#ifndef FLTSIM_MM_MMP_H
#define FLTSIM_MM_MMP_H

#include <ntifs.h>

#include "sched/sched.h"
#include "sim/machine.h"
#include "verify/api.h"

#include <stdatomic.h>
#include <stdbool.h>

enum {
    MI_VALID = 1,     /* holds the stream's bytes */
    MI_DIRTY = 2,     /* they differ from the file system's */
    MI_READING = 4,   /* somebody fills it: others wait */
    MI_WRITING = 8,   /* a paging write of it is under way */
    MI_SHADOWED = 16, /* the shadow holds its clean copy */
};

/* In a count of references: somebody looked in vain whether the area is idle. Whoever leaves it idle has it looked at again. */
#define MI_WANTED ((long)1 << 30)

enum { MI_PAGE = 4096, MI_CLUSTER = 16, MI_LOCKS = 64 };

struct mi_waiter;

struct mi_control_area {
    PSECTION_OBJECT_POINTERS pointers; /* where it hangs; kept after retirement only as a number */
    PFILE_OBJECT file;                 /* referenced; NULL: memory without a file; changes under `lock` */
    bool lent;                         /* somebody has it without a reference: it changes no more */
    bool image;
    bool retired;
    atomic_long references; /* and MI_WANTED */
    atomic_long dirty; /* pages */
    atomic_long maps;  /* cache maps that are open (cc: at most one, counted by its opens) */
    atomic_long sections, user_views, user_writable; /* of views and sections that programs hold */
    atomic_long writable_views;
    atomic_long pins;       /* BCBs and MDLs that lend pages out */
    struct sched_lock lock; /* leaf: page states that change together, waiters */
    struct mi_waiter *waiters;
    UCHAR *base;
    size_t pages;        /* capacity */
    atomic_size_t top;   /* no page at or above was ever touched */
    atomic_uchar *state; /* one a page */
    UCHAR *shadow;       /* clean copies while writable views exist, or NULL */
    struct mi_reservation *memory, *shadow_memory;
    PVOID cache;                  /* cc: struct cc_map, or NULL */
    bool queued;                  /* mm_state.work */
    struct mi_control_area *next; /* mm_state.work */
};

struct mi_view {
    LIST_ENTRY link; /* mm_state.views */
    PEPROCESS process;
    PVOID base;
    size_t size;
    struct mi_section *section; /* referenced */
    bool writable;
    bool system;
};

struct mi_section {
    struct mi_control_area *area; /* referenced, or NULL */
    PFILE_OBJECT opener;          /* only while it is created */
    UCHAR *memory;                /* without a file */
    LONGLONG size;
    ULONG protection, attributes;
    bool user;
};

struct mm_state {
    struct sched_lock locks[MI_LOCKS]; /* by SECTION_OBJECT_POINTERS: what hangs there */
    struct sched_lock work_lock;       /* work, timer_armed */
    atomic_long dirty;                 /* pages, of all areas */
    struct mi_control_area *work;      /* dirty or idle: the lazy writer's list */
    struct sched_lock view_lock;
    LIST_ENTRY views;
    LIST_ENTRY regions; /* struct mi_region.link */
    LIST_ENTRY secured; /* struct mi_secured.link */
    POBJECT_TYPE section_type;
    /* cc: a control area goes for good; work appeared on an empty list. */
    void (*forget_cache)(struct mi_control_area *area);
    void (*work_appeared)(void);
    /* cc: pages are about to be written; pages are dirty no more. Only for areas with a cache map. */
    void (*before_write)(struct mi_control_area *area, size_t first, size_t end);
    void (*clean)(struct mi_control_area *area, size_t first, size_t end);
};
extern struct mm_state *mm;

/* -- control.c --------------------------------------------------------------------------------- */

/* The stream's control area, referenced; made when there is none. NULL: no memory for `size` bytes.
 */
struct mi_control_area *MiGetControlArea(PFILE_OBJECT file, bool image, LONGLONG size);
/* The one that hangs there, referenced, or NULL. */
struct mi_control_area *MiFindControlArea(PSECTION_OBJECT_POINTERS pointers, bool image);
void MiReference(struct mi_control_area *area);
void MiDereference(struct mi_control_area *area);
/* Puts it on the lazy writer's list, where it looks for dirty pages and idle areas. */
void MiQueueWork(struct mi_control_area *area);
struct mi_control_area *MiTakeWork(void); /* referenced; NULL: none left */
/* Takes an idle area (`held` references are the caller's) out of SECTION_OBJECT_POINTERS. False: it
 * is in use. */
bool MiRetire(struct mi_control_area *area, long held);
/* The file object that the area's paging I/O goes through, as it is now: referenced; or, from then on for good. */
PFILE_OBJECT MiReferenceFile(struct mi_control_area *area);
PFILE_OBJECT MiLendFile(struct mi_control_area *area);
/* Another one of the same stream; `old` NULL: whatever it was. */
NTSTATUS MiChangeFile(struct mi_control_area *area, PFILE_OBJECT old, PFILE_OBJECT fresh);
/* Memory for clean copies (area->shadow). False: none. */
bool MiCreateShadow(struct mi_control_area *area);

/* -- mdl.c ------------------------------------------------------------------------------------- */

/* Writes the frame numbers of the MDL's memory behind it. */
void MiFillFrames(PMDL mdl);

/* -- paging.c ---------------------------------------------------------------------------------- */

static inline size_t MiPageOf(LONGLONG offset)
{
    return (size_t)((ULONGLONG)offset / MI_PAGE);
}
static inline size_t MiPageAfter(LONGLONG end)
{
    return (size_t)(((ULONGLONG)end + MI_PAGE - 1) / MI_PAGE);
}
static inline bool MiIsValid(struct mi_control_area *area, size_t page)
{
    return atomic_load_explicit(&area->state[page], memory_order_acquire) & MI_VALID;
}
/* Waits until a transfer ends or MiWake is called. Entered with area->lock held; it is free on return. */
void MiWait(struct mi_control_area *area);
void MiWake(struct mi_control_area *area);
/* Makes pages [first, end) valid by paging reads. */
NTSTATUS MiFault(struct mi_control_area *area, size_t first, size_t end);
/* Claims a page that is not valid, to fill it without reading: MiFilled must follow. False: it is
 * valid. */
bool MiClaim(struct mi_control_area *area, size_t page);
void MiFilled(struct mi_control_area *area, size_t page);
void MiMarkDirty(struct mi_control_area *area, size_t first, size_t end);
/* Waits for the reads and writes under way. */
void MiAwaitTransfers(struct mi_control_area *area);
/* Writes the dirty ones of pages [first, end) back. */
NTSTATUS MiFlush(struct mi_control_area *area, size_t first, size_t end, ULONG_PTR *written);
/* Forgets pages [first, end), dirty or not, after the reads and writes under way on them. False:
 * some are lent out. */
bool MiPurge(struct mi_control_area *area, size_t first, size_t end);
/* Finds what was written through views: marks those pages dirty. */
void MiCollectViews(struct mi_control_area *area);
bool MiStartShadow(struct mi_control_area *area, size_t first, size_t end);
/* A clean file ends at `size`: zeroes the rest of the last page, forgets the pages after it. */
void MiTruncate(struct mi_control_area *area, LONGLONG size);

/* -- section.c, view.c ------------------------------------------------------------------------- */

/* FsRtlCreateSectionForDataScan; site: whose handle and reference they are. */
NTSTATUS MiCreateSectionForDataScan(PHANDLE SectionHandle, PVOID *SectionObject,
                                    PLARGE_INTEGER SectionFileSize, PFILE_OBJECT FileObject,
                                    ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                                    PLARGE_INTEGER MaximumSize, ULONG SectionPageProtection,
                                    ULONG AllocationAttributes, ULONG Flags, const void *site);
NTSTATUS MiCreateSection(PFILE_OBJECT file, KPROCESSOR_MODE mode, PLARGE_INTEGER size,
                         ULONG protection, ULONG attributes, struct mi_section **section);
NTSTATUS MiMapView(struct mi_section *section, PEPROCESS process, PVOID *base, LONGLONG offset,
                   SIZE_T *size, ULONG type, ULONG protection, bool system);
NTSTATUS MiUnmapView(PEPROCESS process, PVOID address, bool system);
/* A process ends: its views go. */
void MiUnmapProcess(PEPROCESS process);
void MiDeleteSection(PVOID object);
/* Writes back what was changed in the pages of a view. */
NTSTATUS MiFlushView(PEPROCESS process, PVOID *base, SIZE_T *size, PIO_STATUS_BLOCK iosb);

/* -- virtual.c, virtual_query.c: memory of programs --------------------------------------------- */

struct mi_region {
    LIST_ENTRY link; /* mm_state.regions */
    PEPROCESS process;
    UCHAR *base;
    size_t pages;
    ULONG first_protection; /* that it was reserved with */
    ULONG *protection;      /* one a page; 0: reserved, not committed */
};

/* What MmSecureVirtualMemory keeps from being freed, unmapped, or protected otherwise. */
struct mi_secured {
    LIST_ENTRY link; /* mm_state.secured */
    PEPROCESS process;
    UCHAR *base;
    size_t size;
};

/* With mm_state.view_lock held. */
struct mi_region *MiFindRegion(PEPROCESS process, const void *address);
struct mi_view *MiFindView(PEPROCESS process, const UCHAR *address);
bool MiIsSecured(PEPROCESS process, const void *base, size_t size);
/* May all of the range be written? */
bool MiIsWritable(PEPROCESS process, const void *address, size_t size);
/* The process of a handle, or the current one; referenced. */
NTSTATUS MiReferenceProcess(HANDLE handle, KPROCESSOR_MODE mode, PEPROCESS *process);
/* The end of the machine, or of a process (NULL: of all). */
void MiFreeRegions(PEPROCESS process);

bool MmpStart(void);
void MmpStop(void);

#endif
