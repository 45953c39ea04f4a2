#include "ob/state.h"

#include "ex/work.h"
#include "trace/trace.h"

#include <string.h>

struct ob_state *ObpState(void)
{
    if (!machine->ob)
        machine->ob = sim_alloc(sizeof *machine->ob);
    return machine->ob;
}

/* ---- types ---- */

POBJECT_TYPE ObpCreateType(const struct ob_type_info *info)
{
    struct ob_state *state = ObpState();
    POBJECT_TYPE type = sim_alloc(sizeof *type);
    size_t length = strlen(info->name);
    WCHAR *name = sim_alloc((length + 1) * sizeof *name);

    type->info = *info;
    for (size_t i = 0; i < length; i++)
        name[i] = (unsigned char)info->name[i];
    type->Name.Buffer = name;
    type->Name.Length = (USHORT)(length * sizeof *name);
    type->Name.MaximumLength = (USHORT)((length + 1) * sizeof *name);
    unsigned index = atomic_fetch_add(&state->type_count, 1);
    if (index >= OB_MAX_TYPES)
        verify_bugcheck(VERIFY_BUGCHECK, 0x4B4B, index, 0, 0, 0, "More than %d object types.", OB_MAX_TYPES);
    state->types[index] = type;
    return type;
}

ACCESS_MASK ObpMapAccess(POBJECT_TYPE type, ACCESS_MASK access)
{
    const GENERIC_MAPPING *mapping = &type->info.mapping;
    if (access & GENERIC_READ)
        access |= mapping->GenericRead;
    if (access & GENERIC_WRITE)
        access |= mapping->GenericWrite;
    if (access & GENERIC_EXECUTE)
        access |= mapping->GenericExecute;
    if (access & (GENERIC_ALL | MAXIMUM_ALLOWED))
        access |= mapping->GenericAll;
    return access & ~(ACCESS_MASK)(GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL | MAXIMUM_ALLOWED);
}

/* ---- objects ---- */

static struct ob_shard *shard_of(const struct ob_header *header)
{
    uintptr_t address = (uintptr_t)header;
    return &ob()->shards[(address >> 6 ^ address >> 12) % OB_SHARDS];
}

NTSTATUS ObpCreateObject(POBJECT_TYPE type, size_t body, PVOID *object)
{
    struct ob_header *header = sim_alloc(sizeof *header + body);
    struct ob_shard *shard = shard_of(header);

    atomic_init(&header->pointer_count, 1);
    header->type = type;
    header->body_size = body;
    header->site = VERIFY_CALLER;
    sched_lock(&shard->lock);
    header->next = shard->objects;
    header->link = &shard->objects;
    if (header->next)
        header->next->link = &header->next;
    shard->objects = header;
    sched_unlock(&shard->lock);
    *object = header->body;
    return STATUS_SUCCESS;
}

static void free_header(struct ob_header *header)
{
    verify_ledger_free(&header->ledger);
    sim_free(header);
}

/* Unchains it; what falls out of the quarantine in its stead is freed. */
static void retire(struct ob_header *header)
{
    struct ob_shard *shard = shard_of(header);

    memset(header->body, 0xdf, header->body_size);
    sched_lock(&shard->lock);
    *header->link = header->next;
    if (header->next)
        header->next->link = header->link;
    unsigned slot = shard->next_gone++ % OB_QUARANTINE;
    struct ob_header *oldest = shard->gone[slot];
    shard->gone[slot] = header;
    sched_unlock(&shard->lock);
    if (oldest)
        free_header(oldest);
}

static void delete_object(struct ob_header *header)
{
    TRACE("ob", "%s %p is deleted", header->type->info.name, (void *)header->body);
    atomic_fetch_or(&header->flags, OB_DELETING);
    if (header->type->info.delete)
        header->type->info.delete(header->body);
    sim_free(header->security);
    header->security = NULL;
    retire(header);
}

void ObpDeleteDeferred(void *unused)
{
    struct ob_header *header;
    atomic_store(&ob()->defer_queued, false);
    header = atomic_exchange(&ob()->deferred, NULL);
    while (header) {
        struct ob_header *next = header->deferred;
        delete_object(header);
        header = next;
    }
}

static void defer(struct ob_header *header)
{
    header->deferred = atomic_load(&ob()->deferred);
    while (!atomic_compare_exchange_weak(&ob()->deferred, &header->deferred, header))
        ;
    /* While the machine stops there are no workers any more: PspStop and ObpStop see to it. */
    if (machine->ex && !atomic_exchange(&ob()->defer_queued, true))
        ExpQueueWork(ObpDeleteDeferred, NULL);
}

bool ObpReferenceSafe(PVOID object)
{
    struct ob_header *header = ObpHeader(object);
    long count = atomic_load_explicit(&header->pointer_count, memory_order_relaxed);
    while (count > 0)
        if (atomic_compare_exchange_weak_explicit(&header->pointer_count, &count, count + 1, memory_order_acquire,
                                                  memory_order_relaxed))
            return true;
    return false;
}

static _Noreturn void over_dereferenced(struct ob_header *header, long count, const void *site)
{
    struct verify_violation *v =
        verify_begin_fatal(VERIFY_OBJECT_OVER_DEREFERENCE,
                           "A pointer to the %s object %p was given back that nobody holds: its count would be %ld.",
                           header->type->info.name, (void *)header->body, count);
    verify_ledger_print(v, &header->ledger);
    verify_site(v, "and now dereferenced by", site);
    verify_end_bugcheck(v, 0x18, (uintptr_t)header->type, (uintptr_t)header->body, 2, (uint64_t)count);
}

/* The count it had before. */
static long drop(struct ob_header *header, const void *site)
{
    long before = atomic_fetch_sub_explicit(&header->pointer_count, 1, memory_order_acq_rel);
    if (before <= 0)
        over_dereferenced(header, before - 1, site);
    if (before == 1 && atomic_load(&header->handle_count) > 0)
        over_dereferenced(header, 0, site);
    return before;
}

/* Deletion waits for nobody's locks and may wait itself: not with APCs disabled. */
static bool may_delete_here(void) { return KeGetCurrentIrql() == PASSIVE_LEVEL && !KeAreAllApcsDisabled(); }

void ObpDereferenceFrom(PVOID object, bool deferred, const void *site)
{
    struct ob_header *header = ObpHeader(object);
    if (sched_is_dead()) /* what is left goes wholesale; counts may be anything */
        return;
    if (drop(header, site) != 1)
        return;
    if (!deferred && may_delete_here())
        delete_object(header);
    else
        defer(header);
}

void ObpDereference(PVOID object) { ObpDereferenceFrom(object, false, VERIFY_CALLER); }

/* ---- start and stop ---- */

bool ObpStart(void)
{
    ObpState();
    return ObpStartTypes() && ObpStartNames();
}

void ObpDescribe(const struct ob_header *header, char *text, size_t size)
{
    char name[200] = "";
    const UNICODE_STRING *path = header->name ? &header->name->text : NULL;

    if (!path && machine->ex && !strcmp(header->type->info.name, "File")) /* the name is in pool */
        path = &((PFILE_OBJECT)header->body)->FileName;
    if (path)
        trace_utf8(path->Buffer, path->Length, name, sizeof name);
    snprintf(text, size, "the %s object %p%s%s", header->type->info.name, (const void *)header->body, name[0] ? " " : "",
             name);
}

/* Calls visit for each object of the type that `mine` (NULL: every one) accepts. */
static void each_object(POBJECT_TYPE type, bool (*mine)(PVOID object), void (*visit)(struct ob_header *header, void *context),
                        void *context)
{
    for (size_t s = 0; s < OB_SHARDS; s++)
        for (struct ob_header *header = ob()->shards[s].objects; header; header = header->next)
            if (header->type == type && (!mine || mine(header->body)))
                visit(header, context);
}

static void add_leak(struct ob_header *header, void *context)
{
    char detail[400];
    ObpDescribe(header, detail, sizeof detail);
    size_t length = strlen(detail);
    snprintf(detail + length, sizeof detail - length, ": pointer count %ld, handle count %ld",
             atomic_load(&header->pointer_count), atomic_load(&header->handle_count));
    verify_leaks_add(context, 0, header->site, 0, header->body, detail, &header->ledger);
}

static void report_type(POBJECT_TYPE type, bool (*mine)(PVOID object))
{
    struct verify_leaks *leaks = verify_leaks_begin();
    char one[64], many[64];
    snprintf(one, sizeof one, "%s object", type->info.name);
    snprintf(many, sizeof many, "%s objects", type->info.name);
    each_object(type, mine, add_leak, leaks);
    verify_leaks_end(leaks, VERIFY_OBJECT_LEAK, one, many, "created by", "when the machine stopped");
}

static void report_leaks(void)
{
    for (unsigned i = 0; i < atomic_load(&ob()->type_count); i++) {
        POBJECT_TYPE type = ob()->types[i];
        if (!type->info.no_leak_check)
            report_type(type, NULL);
    }
}

static void take_first(struct ob_header *header, void *context)
{
    struct ob_header **first = context;
    if (!*first)
        *first = header;
}

void ObpDeleteLeaked(POBJECT_TYPE type, bool (*mine)(PVOID object))
{
    struct ob_header *header;
    report_type(type, mine);
    do {
        header = NULL;
        each_object(type, mine, take_first, &header);
        if (header) {
            atomic_store(&header->pointer_count, 1);
            ObpDereference(header->body);
        }
    } while (header);
}

static void free_all(void)
{
    for (size_t s = 0; s < OB_SHARDS; s++) {
        struct ob_shard *shard = &ob()->shards[s];
        while (shard->objects) {
            struct ob_header *header = shard->objects;
            shard->objects = header->next;
            sim_free(header->security);
            free_header(header);
        }
        for (size_t i = 0; i < OB_QUARANTINE; i++)
            if (shard->gone[i])
                free_header(shard->gone[i]);
    }
    for (unsigned i = 0; i < atomic_load(&ob()->type_count); i++) {
        sim_free(ob()->types[i]->Name.Buffer);
        sim_free(ob()->types[i]);
    }
}

void ObpStop(void)
{
    if (!sched_is_dead()) {
        ObpStopNames();
        ObpDeleteDeferred(NULL);
        report_leaks();
        ObpStopTables();
    }
    free_all();
    sim_free(machine->ob);
    machine->ob = NULL;
}
