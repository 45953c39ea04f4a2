#include "ob/callback.h"
#include "ob/state.h"

#include "ke/thread.h"
#include "ps/process.h"
#include "trace/trace.h"

#include <string.h>

/* An entry is locked by the low bit of its object while somebody looks: long enough to take a reference. Padded, so
 * that threads on different handles do not share a line. */
struct ob_handle {
    atomic_uintptr_t object;  // struct ob_header *, | LOCKED; 0: free
    atomic_uintptr_t site;    // who opened it in kernel mode; 0: the program itself
    ACCESS_MASK granted;
    ULONG attributes;
    uint32_t next_free;
    const void *closed_by;    // of the handle that had this number before
    unsigned char padding[24];
};

enum { FIRST_CHUNK = 64, CHUNKS = 18, LOCKED = 1 };

/* Free entries, by threads that gave them: threads that open and close at the same time rarely meet here. */
enum { FREE_LISTS = 4 };
struct free_list {
    _Alignas(64) struct sched_lock lock;
    uint32_t first; // ob_handle.next_free; 0: none
    long used;      // taken through this list less given back; only the sum over the lists says something
};

struct ob_handle_table {
    struct ob_handle_table *next; // ob_state.tables
    PEPROCESS process;
    struct sched_lock lock; // growing
    uint32_t limit;
    _Atomic(struct ob_handle *) chunks[CHUNKS];
    struct free_list free[FREE_LISTS];
};

#define KERNEL_HANDLE_BITS 0xffffffff80000000ULL
#define CURRENT_PROCESS ((HANDLE)(LONG_PTR)-1)
#define CURRENT_THREAD ((HANDLE)(LONG_PTR)-2)

/* ---- tables ---- */

struct ob_handle_table *ObpCreateHandleTable(PEPROCESS process)
{
    struct ob_handle_table *table = sim_alloc(sizeof *table);
    struct ob_state *state = ObpState();

    table->process = process;
    table->limit = 1; /* handle 0 is none */
    sched_lock(&state->table_lock);
    table->next = state->tables;
    state->tables = table;
    sched_unlock(&state->table_lock);
    return table;
}

void ObpFreeHandleTable(struct ob_handle_table *table)
{
    sched_lock(&ob()->table_lock);
    struct ob_handle_table **link = &ob()->tables;
    while (*link && *link != table)
        link = &(*link)->next;
    if (*link)
        *link = table->next;
    sched_unlock(&ob()->table_lock);
    for (int i = 0; i < CHUNKS; i++)
        sim_free(table->chunks[i]);
    sim_free(table);
}

static struct ob_handle *entry_at(struct ob_handle_table *table, uint32_t index)
{
    uint32_t scaled = index / FIRST_CHUNK + 1;
    int chunk = 31 - __builtin_clz(scaled);
    uint32_t start = ((1u << chunk) - 1) * FIRST_CHUNK;
    if (chunk >= CHUNKS)
        return NULL;
    struct ob_handle *entries = atomic_load_explicit(&table->chunks[chunk], memory_order_acquire);
    return entries ? &entries[index - start] : NULL;
}

static uint32_t grow(struct ob_handle_table *table)
{
    sched_lock(&table->lock);
    uint32_t index = table->limit;
    int chunk = 31 - __builtin_clz(index / FIRST_CHUNK + 1);
    if (chunk < CHUNKS && !atomic_load(&table->chunks[chunk]))
        atomic_store(&table->chunks[chunk], sim_alloc(sizeof(struct ob_handle) * ((size_t)FIRST_CHUNK << chunk)));
    if (chunk < CHUNKS)
        __atomic_store_n(&table->limit, index + 1, __ATOMIC_RELEASE); /* readers without the lock find the chunk */
    sched_unlock(&table->lock);
    return chunk < CHUNKS ? index : 0;
}

static struct free_list *own_list(struct ob_handle_table *table)
{
    return &table->free[HandleToULong(KiCurrentThread()->id) / 4 % FREE_LISTS];
}

/* A free index, 0 when the table is full; the entry is its owner's until it stores the object. */
static uint32_t take_index(struct ob_handle_table *table)
{
    struct free_list *list = own_list(table);
    sched_lock(&list->lock);
    uint32_t index = list->first;
    if (index)
        list->first = entry_at(table, index)->next_free;
    sched_unlock(&list->lock);
    if (!index)
        index = grow(table);
    if (index)
        __atomic_add_fetch(&list->used, 1, __ATOMIC_RELAXED);
    return index;
}

static void give_index(struct ob_handle_table *table, uint32_t index)
{
    struct free_list *list = own_list(table);
    sched_lock(&list->lock);
    entry_at(table, index)->next_free = list->first;
    list->first = index;
    sched_unlock(&list->lock);
    __atomic_sub_fetch(&list->used, 1, __ATOMIC_RELAXED);
}

ULONG ObpTableCount(const struct ob_handle_table *table)
{
    long count = 0;
    for (int i = 0; table && i < FREE_LISTS; i++)
        count += __atomic_load_n(&table->free[i].used, __ATOMIC_RELAXED);
    return (ULONG)count;
}

static struct ob_handle_table *kernel_table(void) { return PsInitialSystemProcess->ObjectTable; }

static bool is_kernel_handle(HANDLE handle)
{
    return ((ULONG_PTR)handle & KERNEL_HANDLE_BITS) == KERNEL_HANDLE_BITS;
}

/* Which table a handle value speaks of, and where in it. */
static struct ob_handle_table *table_of(HANDLE handle, CCHAR mode, uint32_t *index)
{
    ULONG_PTR value = (ULONG_PTR)handle;
    struct ob_handle_table *table = KiCurrentProcess()->ObjectTable;

    if (is_kernel_handle(handle) && mode == KernelMode) {
        table = kernel_table();
        value &= ~KERNEL_HANDLE_BITS;
    }
    *index = (uint32_t)(value >> 2);
    return value >> 2 <= UINT32_MAX / 4 && value >> 2 ? table : NULL;
}

static HANDLE handle_value(const struct ob_handle_table *table, uint32_t index)
{
    ULONG_PTR value = (ULONG_PTR)index << 2;
    return (HANDLE)(table == kernel_table() ? value | KERNEL_HANDLE_BITS : value);
}

/* ---- entries ---- */

static struct ob_header *lock_entry(struct ob_handle *entry)
{
    uintptr_t value = atomic_load_explicit(&entry->object, memory_order_relaxed);
    for (;;) {
        if (!value)
            return NULL;
        if (value & LOCKED)
            value = (sched_yield_now(), atomic_load_explicit(&entry->object, memory_order_relaxed));
        else if (atomic_compare_exchange_weak_explicit(&entry->object, &value, value | LOCKED, memory_order_acquire,
                                                       memory_order_relaxed))
            return (struct ob_header *)value;
    }
}

static void unlock_entry(struct ob_handle *entry, struct ob_header *header)
{
    atomic_store_explicit(&entry->object, (uintptr_t)header, memory_order_release);
}

NTSTATUS ObpCreateHandle(PVOID object, ACCESS_MASK granted, ULONG attributes, const void *site, PHANDLE handle)
{
    struct ob_header *header = ObpHeader(object);
    struct ob_handle_table *table =
        attributes & OBJ_KERNEL_HANDLE ? kernel_table() : KiCurrentProcess()->ObjectTable;
    uint32_t index = take_index(table);

    if (!index)
        return STATUS_INSUFFICIENT_RESOURCES;
    struct ob_handle *entry = entry_at(table, index);
    ObpReference(object);
    atomic_fetch_add(&header->handle_count, 1);
    entry->granted = granted;
    entry->attributes = attributes;
    atomic_store_explicit(&entry->site, (uintptr_t)site, memory_order_relaxed);
    unlock_entry(entry, header);
    *handle = handle_value(table, index);
    TRACE("ob", "handle %p on %s %p opened", *handle, header->type->info.name, object);
    return STATUS_SUCCESS;
}

static NTSTATUS reference_pseudo(HANDLE handle, POBJECT_TYPE type, PVOID *object, PACCESS_MASK granted)
{
    PVOID target = handle == CURRENT_PROCESS ? (PVOID)KiCurrentProcess() : (PVOID)KiCurrentThread();
    if (type && ObpTypeOf(target) != type)
        return STATUS_OBJECT_TYPE_MISMATCH;
    ObpReference(target);
    *object = target;
    if (granted)
        *granted = ObpTypeOf(target)->info.valid_access;
    return STATUS_SUCCESS;
}

NTSTATUS ObpReferenceHandle(HANDLE handle, ACCESS_MASK desired, POBJECT_TYPE type, CCHAR mode, PVOID *object,
                            PACCESS_MASK granted)
{
    uint32_t index;
    struct ob_handle *entry;
    struct ob_header *header;
    NTSTATUS status = STATUS_SUCCESS;

    *object = NULL;
    if (handle == CURRENT_PROCESS || handle == CURRENT_THREAD)
        return reference_pseudo(handle, type, object, granted);
    struct ob_handle_table *table = table_of(handle, mode, &index);
    entry = table ? entry_at(table, index) : NULL;
    header = entry ? lock_entry(entry) : NULL;
    if (!header)
        return STATUS_INVALID_HANDLE;
    if (type && header->type != type)
        status = STATUS_OBJECT_TYPE_MISMATCH;
    else if (mode != KernelMode && (ObpMapAccess(header->type, desired) & ~entry->granted))
        status = STATUS_ACCESS_DENIED;
    else
        ObpReference(header->body);
    if (granted)
        *granted = entry->granted;
    unlock_entry(entry, header);
    if (NT_SUCCESS(status))
        *object = header->body;
    return status;
}

NTSTATUS ObpQueryHandle(HANDLE handle, CCHAR mode, PULONG attributes, ULONG set, ULONG clear)
{
    uint32_t index;
    struct ob_handle_table *table = table_of(handle, mode, &index);
    struct ob_handle *entry = table ? entry_at(table, index) : NULL;
    struct ob_header *header = entry ? lock_entry(entry) : NULL;
    if (!header)
        return STATUS_INVALID_HANDLE;
    entry->attributes = (entry->attributes & ~clear) | set;
    *attributes = entry->attributes;
    unlock_entry(entry, header);
    return STATUS_SUCCESS;
}

/* ---- closing ---- */

static ULONG count_in(struct ob_handle_table *table, const struct ob_header *header)
{
    ULONG count = 0;
    uint32_t limit = __atomic_load_n(&table->limit, __ATOMIC_ACQUIRE);
    for (uint32_t index = 1; index < limit; index++)
        count += (atomic_load(&entry_at(table, index)->object) & ~(uintptr_t)LOCKED) == (uintptr_t)header;
    return count;
}

ULONG ObpCountHandles(PVOID object, PEPROCESS process)
{
    struct ob_header *header = ObpHeader(object);
    return process ? count_in(process->ObjectTable, header) : (ULONG)atomic_load(&header->handle_count);
}

/* The entry is locked and holds `header`. */
static void close_entry(struct ob_handle_table *table, uint32_t index, struct ob_header *header, const void *site)
{
    struct ob_handle *entry = entry_at(table, index);
    ACCESS_MASK granted = entry->granted;
    ULONG in_process = 1;

    TRACE("ob", "handle %p on %s %p closes", handle_value(table, index), header->type->info.name, (void *)header->body);
    entry->closed_by = site;
    if (atomic_load(&header->handle_count) > 1)
        in_process = count_in(table, header);
    atomic_store_explicit(&entry->object, 0, memory_order_release);
    give_index(table, index);
    ULONG in_system = (ULONG)atomic_fetch_sub(&header->handle_count, 1);
    if (header->type->info.close)
        header->type->info.close(table->process, header->body, granted, in_process, in_system);
    if (in_system == 1)
        ObpDropTemporaryName(header);
    ObpDereference(header->body);
}

static NTSTATUS close_invalid(HANDLE handle, struct ob_handle *entry, const void *site)
{
    struct verify_violation *v = verify_begin(
        VERIFY_INVALID_HANDLE_CLOSED, "ZwClose was given 0x%llx, which is no open handle of %s.",
        (unsigned long long)(ULONG_PTR)handle, is_kernel_handle(handle) ? "the system process" : "this process");
    if (entry && entry->closed_by)
        verify_site(v, "the last handle of this number was closed by", entry->closed_by);
    verify_site(v, "and now closed by", site);
    verify_end(v);
    return STATUS_INVALID_HANDLE;
}

NTSTATUS ObpCloseHandle(HANDLE handle, CCHAR mode, const void *site)
{
    uint32_t index;
    struct ob_handle_table *table = table_of(handle, mode, &index);
    struct ob_handle *entry = table ? entry_at(table, index) : NULL;
    struct ob_header *header = entry ? lock_entry(entry) : NULL;

    if (!header) {
        bool harmless = !handle || handle == CURRENT_PROCESS || handle == CURRENT_THREAD;
        return mode != KernelMode || harmless ? STATUS_INVALID_HANDLE : close_invalid(handle, entry, site);
    }
    if (entry->attributes & OB_HANDLE_PROTECTED) {
        unlock_entry(entry, header);
        return STATUS_HANDLE_NOT_CLOSABLE;
    }
    close_entry(table, index, header, site);
    return STATUS_SUCCESS;
}

/* Calls visit for each handle in the table that `wanted` accepts, its entry locked; closes those it accepts. */
static void close_matching(struct ob_handle_table *table, bool (*wanted)(struct ob_handle *, struct ob_header *, void *),
                           void *context)
{
    for (uint32_t index = 1; index < __atomic_load_n(&table->limit, __ATOMIC_ACQUIRE); index++) {
        struct ob_handle *entry = entry_at(table, index);
        struct ob_header *header = lock_entry(entry);
        if (!header)
            continue;
        if (wanted(entry, header, context))
            close_entry(table, index, header, NULL);
        else
            unlock_entry(entry, header);
    }
}

static bool every(struct ob_handle *entry, struct ob_header *header, void *context) { return true; }

void ObpCloseHandleTable(struct ob_handle_table *table)
{
    close_matching(table, every, NULL);
    ObpFreeHandleTable(table);
}

static bool by_program(struct ob_handle *entry, struct ob_header *header, void *context)
{
    return !atomic_load(&entry->site);
}

static void in_all_tables(bool (*wanted)(struct ob_handle *, struct ob_header *, void *), void *context)
{
    for (struct ob_handle_table *table = ob()->tables; table; table = table->next) {
        bool attach = table->process != KiCurrentProcess();
        KAPC_STATE state;
        if (attach)
            KeStackAttachProcess(table->process, &state);
        close_matching(table, wanted, context);
        if (attach)
            KeUnstackDetachProcess(&state);
    }
}

void ObpCloseUserHandles(void) { in_all_tables(by_program, NULL); }

/* ---- handle-leak ---- */

struct leak_search {
    const char *driver;
    struct verify_leaks *leaks;
};

static bool by_driver(struct ob_handle *entry, struct ob_header *header, void *context)
{
    struct leak_search *search = context;
    const void *site = (const void *)atomic_load(&entry->site);
    char text[300];

    if (!site || !verify_is_driver_code(site, search->driver))
        return false;
    memcpy(text, "on ", 4);
    ObpDescribe(header, text + 3, sizeof text - 3);
    verify_leaks_add(search->leaks, 0, site, 0, header->body, text, NULL);
    return true;
}

void ObpReportDriver(const char *driver)
{
    char when[160];
    struct leak_search search = {driver, verify_leaks_begin()};

    ObpReportCallbacks(driver);
    in_all_tables(by_driver, &search);
    snprintf(when, sizeof when, "open when %s%s", driver ? driver : "the machine stopped", driver ? " unloaded" : "");
    verify_leaks_end(search.leaks, VERIFY_HANDLE_LEAK, "handle", "handles", "opened by", when);
}

void ObpStopTables(void)
{
    while (ob()->tables)
        ObpFreeHandleTable(ob()->tables);
}
