/* What ob's files share. */
#ifndef FLTSIM_OB_STATE_H
#define FLTSIM_OB_STATE_H

#include "ob/object.h"
#include "sim/machine.h"

enum { OB_SHARDS = 16, OB_QUARANTINE = 16, OB_BUCKETS = 37, OB_NAME_LOCKS = 8, OB_MAX_TYPES = 64 };

/* A name in a directory. */
struct ob_name {
    struct ob_name *next; // ob_directory.buckets[]
    struct ob_header *object;
    struct ob_header *directory;
    unsigned hash;
    UNICODE_STRING text; // the buffer stands behind the structure
};

/* The bodies of directories and symbolic links. */
struct ob_directory {
    struct ob_name *buckets[OB_BUCKETS];
};

struct ob_link {
    UNICODE_STRING target;
    LARGE_INTEGER created;
};

/* Objects are chained for the leak report; those that went stay nameable for a while, so that one dereference too
 * many is a report and not a crash. */
struct ob_shard {
    struct sched_lock lock;
    struct ob_header *objects;
    struct ob_header *gone[OB_QUARANTINE];
    unsigned next_gone;
    char padding[32];
};

struct ob_name_lock {
    struct sched_lock lock;
    char padding[56];
};

struct ob_state {
    struct ob_shard shards[OB_SHARDS];
    POBJECT_TYPE types[OB_MAX_TYPES];
    atomic_uint type_count;
    PVOID root, dos_devices;
    /* Readers take one of these, by thread; who changes the namespace takes all. */
    struct ob_name_lock name_locks[OB_NAME_LOCKS];
    struct sched_lock table_lock;
    struct ob_handle_table *tables;
    struct sched_lock watch_lock;
    struct ob_watch *watches;
    bool watched; // there are some
    _Atomic(struct ob_header *) deferred;
    atomic_bool defer_queued;
};

static inline struct ob_state *ob(void) { return machine->ob; }
struct ob_state *ObpState(void);

unsigned ObpLockNames(void);
void ObpUnlockNames(unsigned which);
void ObpLockNamesExclusive(void);
void ObpUnlockNamesExclusive(void);

/* The last handle of an object went: a name that is not permanent goes, too. */
void ObpDropTemporaryName(struct ob_header *header);
void ObpDeleteDirectory(PVOID object);
void ObpDeleteLinkObject(PVOID object);
bool ObpStartNames(void);
void ObpStopNames(void);
bool ObpStartTypes(void);
void ObpStopTables(void);
/* Reads and changes a handle's attributes (OBJ_INHERIT, OB_HANDLE_PROTECTED). */
NTSTATUS ObpQueryHandle(HANDLE handle, CCHAR mode, PULONG attributes, ULONG set, ULONG clear);
#define OB_HANDLE_PROTECTED 0x80000000u // ob_handle.attributes: ZwClose refuses
/* "the File object 0x... \\dir\\file". */
void ObpDescribe(const struct ob_header *header, char *text, size_t size);
ACCESS_MASK ObpMapAccess(POBJECT_TYPE type, ACCESS_MASK access);

/* Open handles of a process; NULL: it has no table any more. */
ULONG ObpTableCount(const struct ob_handle_table *table);

#endif
