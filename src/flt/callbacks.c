/* Callback tables: which instances see which operation of a volume. A table never changes; attaching and detaching
 * publish another one, and the old one is freed when no operation on its way down reads it any more. */
#include "flt/core.h"

PFLTP_CALLBACK_TABLE FltpEmptyTable(void) { return sim_alloc(sizeof(FLTP_CALLBACK_TABLE)); }

static ULONG CountOperations(PFLT_FILTER Filter)
{
    ULONG count = 0;
    for (const FLT_OPERATION_REGISTRATION *op = Filter->Operations; op && op->MajorFunction != IRP_MJ_OPERATION_END; op++)
        count += op->PreOperation || op->PostOperation;
    return count;
}

static void AddSlot(PFLTP_CALLBACK_TABLE Table, CALLBACK_NODE **Next, PFLT_INSTANCE Instance,
                    const FLT_OPERATION_REGISTRATION *Operation)
{
    UCHAR slot = FLTP_SLOT(Operation->MajorFunction);
    *(*Next)++ = (CALLBACK_NODE){
        .Instance = Instance,
        .PreOperation = Operation->PreOperation,
        .PostOperation = Operation->PostOperation,
        .Flags = Operation->Flags,
    };
    Table->Slots[slot].Count++;
}

/* Fills one slot: the nodes of all instances for one operation stand side by side. */
static void FillSlot(PFLTP_CALLBACK_TABLE Table, UCHAR Slot, PFLT_INSTANCE *Instances, ULONG Count, CALLBACK_NODE **Next)
{
    Table->Slots[Slot].Nodes = *Next;
    for (ULONG i = 0; i < Count; i++) {
        const FLT_OPERATION_REGISTRATION *op = Instances[i]->Filter->Operations;
        for (; op && op->MajorFunction != IRP_MJ_OPERATION_END; op++)
            if (FLTP_SLOT(op->MajorFunction) == Slot && (op->PreOperation || op->PostOperation)) {
                AddSlot(Table, Next, Instances[i], op);
                break;
            }
    }
}

/* Volume->Lock is held. */
static PFLTP_CALLBACK_TABLE BuildTable(PFLT_VOLUME Volume)
{
    PFLT_INSTANCE instances[64];
    ULONG count = 0, operations = 0;

    for (PLIST_ENTRY link = Volume->Instances.Flink; link != &Volume->Instances; link = link->Flink) {
        PFLT_INSTANCE instance = CONTAINING_RECORD(link, struct _FLT_INSTANCE, Base.PrimaryLink);
        if (!FltpInstanceIs(instance, FLTP_INSTANCE_ACTIVE) || FltpInstanceIs(instance, FLTP_INSTANCE_DETACHING))
            continue;
        if (count == RTL_NUMBER_OF(instances))
            break;
        instances[count++] = instance;
        operations += CountOperations(instance->Filter);
    }
    PFLTP_CALLBACK_TABLE table = sim_alloc(sizeof *table + operations * sizeof(CALLBACK_NODE));
    CALLBACK_NODE *next = table->Storage;
    for (ULONG slot = 0; slot < FLTP_SLOTS; slot++)
        FillSlot(table, (UCHAR)slot, instances, count, &next);
    return table;
}

static bool HasReader(PFLT_VOLUME Volume, PFLTP_CALLBACK_TABLE Table)
{
    bool found = false;
    for (ULONG i = 0; i < FLTP_SHARDS && !found; i++) {
        FLTP_VOLUME_SHARD *shard = &Volume->Shards[i];
        sched_lock(&shard->Lock);
        for (PLIST_ENTRY link = shard->Owed.Flink; link != &shard->Owed && !found; link = link->Flink) {
            PIRP_CTRL op = CONTAINING_RECORD(link, IRP_CTRL, OwedLink);
            found = __atomic_load_n(&op->Table, __ATOMIC_ACQUIRE) == Table;
        }
        sched_unlock(&shard->Lock);
    }
    return found;
}

static void FreeRetired(PFLT_VOLUME Volume, PFLTP_CALLBACK_TABLE Retired)
{
    while (Retired) {
        PFLTP_CALLBACK_TABLE table = Retired;
        Retired = table->NextRetired;
        if (!HasReader(Volume, table)) {
            sim_free(table);
            continue;
        }
        sched_lock(&Volume->Lock);
        table->NextRetired = Volume->Retired;
        Volume->Retired = table;
        sched_unlock(&Volume->Lock);
    }
}

/* An operation may still be on its way through a table that names an instance which is gone: it finds the instance's
 * rundown closed, and so that word must be there as long as the table is. */
static void FreeDeadInstances(PFLT_INSTANCE Dead)
{
    while (Dead) {
        PFLT_INSTANCE instance = Dead;
        Dead = instance->NextDead;
        FltpFreeLater(instance->Memory);
    }
}

static void Collect(PFLT_VOLUME Volume)
{
    PFLT_INSTANCE dead = NULL;

    sched_lock(&Volume->Lock);
    PFLTP_CALLBACK_TABLE retired = Volume->Retired;
    Volume->Retired = NULL;
    Volume->Collecting++;
    sched_unlock(&Volume->Lock);
    FreeRetired(Volume, retired);
    sched_lock(&Volume->Lock);
    Volume->Collecting--;
    if (!Volume->Retired && !Volume->Collecting) {
        dead = Volume->DeadInstances;
        Volume->DeadInstances = NULL;
    }
    sched_unlock(&Volume->Lock);
    FreeDeadInstances(dead);
}

void FltpPublishCallbacks(PFLT_VOLUME Volume)
{
    sched_lock(&Volume->Lock);
    PFLTP_CALLBACK_TABLE old = Volume->Callbacks;
    PFLTP_CALLBACK_TABLE table = BuildTable(Volume);
    for (ULONG slot = 0; slot < FLTP_SLOTS; slot++)
        __atomic_store_n(&Volume->Seen[slot], table->Slots[slot].Count != 0, __ATOMIC_RELAXED);
    __atomic_store_n(&Volume->Callbacks, table, __ATOMIC_RELEASE);
    old->NextRetired = Volume->Retired;
    Volume->Retired = old;
    sched_unlock(&Volume->Lock);
    Collect(Volume);
}

void FltpFreeInstanceMemory(PFLT_VOLUME Volume, PFLT_INSTANCE Instance)
{
    sched_lock(&Volume->Lock);
    Instance->NextDead = Volume->DeadInstances;
    Volume->DeadInstances = Instance;
    sched_unlock(&Volume->Lock);
    Collect(Volume);
}

void FltpFreeTables(PFLT_VOLUME Volume)
{
    while (Volume->Retired) {
        PFLTP_CALLBACK_TABLE table = Volume->Retired;
        Volume->Retired = table->NextRetired;
        sim_free(table);
    }
    sim_free(Volume->Callbacks);
    Volume->Callbacks = NULL;
    FreeDeadInstances(Volume->DeadInstances);
    Volume->DeadInstances = NULL;
}
