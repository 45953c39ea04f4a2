/* Instances: a filter on a volume. Attaching, detaching, and the order of their callbacks. */
#include "flt/core.h"

#include "ke/thread.h"
#include "fault/fault.h"
#include "verify/api.h"

void FltpFillObjects(FLT_RELATED_OBJECTS *Objects, PFLT_INSTANCE Instance)
{
    *Objects = (FLT_RELATED_OBJECTS){
        .Size = sizeof *Objects,
        .Filter = Instance->Filter,
        .Volume = Instance->Volume,
        .Instance = Instance,
    };
}

static struct _FLT_FILTER Nobody;

void FltpFreeInstance(PFLT_INSTANCE Instance)
{
    FltpFreeObjectContexts(&Instance->Contexts);
    FltpFreeString(&Instance->Altitude);
    FltpFreeString(&Instance->Name);
    sim_free(Instance->Rundown);
    PFLT_VOLUME volume = Instance->Volume;
    PFLT_FILTER filter = Instance->Filter;
    Instance->Filter = &Nobody; /* who still uses the pointer is no code of that filter's, and looked at closer */
    FltpFreeInstanceMemory(volume, Instance);
    __atomic_sub_fetch(&volume->Base.BuiltOn, 1, __ATOMIC_RELAXED);
    FltpDereferencePointer(&volume->Base);
    FltpLetFilterGo(filter);
}

/* ---- attaching ---- */

static void BuildOn(PFLT_OBJECT Object)
{
    FltpReferencePointer(Object);
    __atomic_add_fetch(&Object->BuiltOn, 1, __ATOMIC_RELAXED);
}

static PFLT_INSTANCE NewInstance(PFLT_FILTER Filter, PFLT_VOLUME Volume, PCUNICODE_STRING Altitude,
                                 PCUNICODE_STRING Name, const void *Site)
{
    void *memory = sim_alloc(sizeof(struct _FLT_INSTANCE) + 64);
    PFLT_INSTANCE instance = FltpAlign(memory);
    instance->Memory = memory;
    FltpInitializeObject(&instance->Base, FLT_OBFL_TYPE_INSTANCE);
    instance->Filter = Filter;
    instance->Volume = Volume;
    FltpHoldFilter(Filter);
    BuildOn(&Volume->Base);
    instance->Altitude = FltpCopyString(Altitude);
    instance->Name = FltpCopyString(Name);
    instance->Flags = FLTP_INSTANCE_ATTACHING;
    instance->AttachedBy = Site;
    KeInitializeEvent(&instance->Ready, NotificationEvent, FALSE);
    KeInitializeEvent(&instance->Torn, NotificationEvent, FALSE);
    InitializeListHead(&instance->FilterLink);
    return instance;
}

/* Volume->Lock is held. */
static NTSTATUS InsertByAltitude(PFLT_VOLUME Volume, PFLT_INSTANCE Instance)
{
    PLIST_ENTRY place = &Volume->Instances;

    for (PLIST_ENTRY link = Volume->Instances.Flink; link != &Volume->Instances; link = link->Flink) {
        PFLT_INSTANCE other = CONTAINING_RECORD(link, struct _FLT_INSTANCE, Base.PrimaryLink);
        int order = FltpCompareAltitudes(&other->Altitude, &Instance->Altitude);
        if (FltpSameString(&other->Name, &Instance->Name))
            return STATUS_FLT_INSTANCE_NAME_COLLISION;
        if (order == 0)
            return STATUS_FLT_INSTANCE_ALTITUDE_COLLISION;
        if (order < 0 && place == &Volume->Instances)
            place = link;
    }
    InsertTailList(place, &Instance->Base.PrimaryLink);
    return STATUS_SUCCESS;
}

static NTSTATUS LinkInstance(PFLT_INSTANCE Instance)
{
    PFLT_VOLUME volume = Instance->Volume;
    PFLT_FILTER filter = Instance->Filter;

    sched_lock(&volume->Lock);
    NTSTATUS status = FltpVolumeFlags(volume) & FLTP_VOLUME_TEARDOWN ? STATUS_FLT_DELETING_OBJECT : InsertByAltitude(volume, Instance);
    sched_unlock(&volume->Lock);
    if (!NT_SUCCESS(status))
        return status;
    sched_lock(&filter->Lock);
    if (filter->Flags & FLTP_FILTER_UNREGISTERED)
        status = STATUS_FLT_DELETING_OBJECT;
    else
        InsertTailList(&filter->Instances, &Instance->FilterLink);
    sched_unlock(&filter->Lock);
    if (NT_SUCCESS(status)) {
        __atomic_add_fetch(&filter->InstanceCount, 1, __ATOMIC_RELAXED);
        return status;
    }
    sched_lock(&volume->Lock);
    RemoveEntryList(&Instance->Base.PrimaryLink);
    sched_unlock(&volume->Lock);
    return status;
}

static void UnlinkInstance(PFLT_INSTANCE Instance)
{
    PFLT_VOLUME volume = Instance->Volume;
    PFLT_FILTER filter = Instance->Filter;

    sched_lock(&volume->Lock);
    RemoveEntryList(&Instance->Base.PrimaryLink);
    sched_unlock(&volume->Lock);
    sched_lock(&filter->Lock);
    RemoveEntryList(&Instance->FilterLink);
    InsertTailList(&filter->Zombies, &Instance->FilterLink);
    sched_unlock(&filter->Lock);
    __atomic_sub_fetch(&filter->InstanceCount, 1, __ATOMIC_RELAXED);
}

static NTSTATUS CallSetup(PFLT_INSTANCE Instance, FLT_INSTANCE_SETUP_FLAGS Flags)
{
    FLT_RELATED_OBJECTS objects;
    struct flt_running running;
    PFLT_INSTANCE_SETUP_CALLBACK setup = Instance->Filter->Registration.InstanceSetupCallback;

    if (!setup)
        return STATUS_SUCCESS;
    FltpFillObjects(&objects, Instance);
    FltpEnter(&running, FLTP_RUNS_SETUP, &Instance->Base, (const void *)(uintptr_t)setup);
    NTSTATUS status = setup(&objects, Flags, Instance->Volume->DeviceObject->DeviceType, Instance->Volume->FileSystemType);
    FltpLeave(&running);
    return status;
}

/* The last reference of one that is not in the volume's list any more: its contexts go, and then itself. */
static void Bury(PFLT_INSTANCE Instance)
{
    PFLT_FILTER filter = Instance->Filter;
    sched_lock(&filter->Lock);
    bool last = !IsListEmpty(&Instance->FilterLink);
    RemoveEntryList(&Instance->FilterLink);
    InitializeListHead(&Instance->FilterLink);
    sched_unlock(&filter->Lock);
    if (!last)
        return;
    FltpDeleteInstanceContexts(Instance);
    FltpDereferencePointer(&Instance->Base);
}

/* Waits for who still references an instance that was torn down. */
void FltpBuryInstance(PFLT_INSTANCE Instance)
{
    FltpEndRundown(Instance->Rundown, "the references on an instance", FltpReportLeakedReferences, &Instance->Base,
                   Instance->Filter->UnregisteredBy);
    Bury(Instance);
}

static VOID BuryLater(PVOID Instance)
{
    PFLT_INSTANCE instance = Instance;
    Bury(instance);
    FltpDereferencePointer(&instance->Base);
}

void FltpLastReferenceGone(PFLT_INSTANCE Instance)
{
    __atomic_store_n(&Instance->Base.RundownRef.Count, 1, __ATOMIC_RELEASE);
    if (KeGetCurrentIrql() <= APC_LEVEL) {
        Bury(Instance);
        return;
    }
    FltpReferencePointer(&Instance->Base);
    ExInitializeWorkItem(&Instance->Burial, BuryLater, Instance);
    ExQueueWorkItem(&Instance->Burial, DelayedWorkQueue);
}

static void BeginBaseRundown(PFLT_INSTANCE Instance)
{
    __atomic_or_fetch(&Instance->Base.Flags, FLT_OBFL_DRAINING, __ATOMIC_ACQ_REL);
    FltpStartRundown(Instance->Rundown);
    __atomic_or_fetch(&Instance->Base.Flags, FLT_OBFL_ZOMBIED, __ATOMIC_ACQ_REL);
}

/* Whoever detached it waits no longer than for the operations; whoever references it keeps it, with its contexts. */
static void RetireInstance(PFLT_INSTANCE Instance, bool Wait)
{
    FltpCloseInstanceContexts(Instance);
    /* Among the zombies, the thread that unregisters the filter finds it and waits. */
    Instance->Rundown = sim_alloc(sizeof *Instance->Rundown);
    FltpPrepareRundown(Instance->Rundown, &Instance->Base.RundownRef.Count, 1, 0);
    UnlinkInstance(Instance);
    BeginBaseRundown(Instance);
    __atomic_or_fetch(&Instance->Flags, FLTP_INSTANCE_GONE, __ATOMIC_ACQ_REL);
    KeSetEvent(&Instance->Torn, IO_NO_INCREMENT, FALSE);
    if (Wait || FltpRundownLeft(&Instance->Base) == 0)
        FltpBuryInstance(Instance);
}

NTSTATUS FltpAttachInstance(PFLT_FILTER Filter, PFLT_VOLUME Volume, PCUNICODE_STRING Altitude, PCUNICODE_STRING Name,
                            FLT_INSTANCE_SETUP_FLAGS Flags, PFLT_INSTANCE *Instance, const void *Site)
{
    if (Instance)
        *Instance = NULL;
    if (!(Filter->Flags & FLTP_FILTER_STARTED))
        return STATUS_FLT_FILTER_NOT_READY;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    PFLT_INSTANCE instance = NewInstance(Filter, Volume, Altitude, Name, Site);
    NTSTATUS status = LinkInstance(instance);
    if (!NT_SUCCESS(status)) {
        FltpDereferencePointer(&instance->Base);
        return status;
    }
    FltpReferencePointer(&instance->Base);
    status = CallSetup(instance, Flags);
    TRACE("flt", "setup of instance %p: %s", (void *)instance, trace_status(status));
    if (NT_SUCCESS(status)) {
        __atomic_or_fetch(&instance->Flags, FLTP_INSTANCE_ACTIVE, __ATOMIC_ACQ_REL);
        FltpPublishCallbacks(Volume);
        if (Instance) {
            *Instance = instance;
            status = FltpReferenceObject(&instance->Base, "FltAttachVolume", Site);
        }
    } else if (__atomic_fetch_or(&instance->Flags, FLTP_INSTANCE_DETACHING, __ATOMIC_ACQ_REL) & FLTP_INSTANCE_DETACHING) {
        /* somebody tears it down already and waits for Ready */
    } else {
        FltpWaitRundown(&instance->Operations[0].Value, FLTP_SHARDS, sizeof(FLTP_SHARD_COUNT), NULL, &instance->Base);
        RetireInstance(instance, false);
    }
    KeSetEvent(&instance->Ready, IO_NO_INCREMENT, FALSE);
    FltpDereferencePointer(&instance->Base);
    return status;
}

void FltpAttachAutomatically(PFLT_FILTER Filter, PFLT_VOLUME Volume, FLT_INSTANCE_SETUP_FLAGS Flags)
{
    for (ULONG i = 0; i < Filter->DefinitionCount; i++) {
        const struct flt_instance_definition *definition = &Filter->Definitions[i];
        if (!(definition->Flags & FLTP_INSTANCE_NO_AUTOMATIC) && FltpAltitudeIsValid(&definition->Altitude))
            FltpAttachInstance(Filter, Volume, &definition->Altitude, &definition->Name, Flags, NULL, NULL);
    }
}

/* ---- detaching ---- */

static bool InstanceStuck(PFLT_OBJECT Object)
{
    PFLT_INSTANCE instance = CONTAINING_RECORD(Object, struct _FLT_INSTANCE, Base);
    if (FltpCancelOperations(instance))
        return true;
    FltpReportOperations(instance);
    return false;
}

static void CallTeardown(PFLT_INSTANCE Instance, PFLT_INSTANCE_TEARDOWN_CALLBACK Callback,
                         FLT_INSTANCE_TEARDOWN_FLAGS Reason)
{
    FLT_RELATED_OBJECTS objects;
    struct flt_running running;

    FltpFillObjects(&objects, Instance);
    if (!Callback)
        return;
    FltpEnter(&running, FLTP_RUNS_TEARDOWN, &Instance->Base, (const void *)(uintptr_t)Callback);
    Callback(&objects, Reason);
    FltpLeave(&running);
}

static void NameCallbacks(const void *Object, void (*Add)(PKTHREAD Owner, void *Context), void *Context)
{
    FltpIsRunBy((PFLT_OBJECT)(uintptr_t)Object, Add, Context);
}

bool FltpTeardownInstance(PFLT_INSTANCE Instance, FLT_INSTANCE_TEARDOWN_FLAGS Reason, const void *Site)
{
    const FLT_REGISTRATION *registration = &Instance->Filter->Registration;
    const struct ki_wait_hint ready = {"an instance's setup", Instance, NameCallbacks, VERIFY_UNLOAD_DEADLOCK};
    const struct ki_wait_hint torn = {"an instance's teardown", Instance, NameCallbacks, VERIFY_UNLOAD_DEADLOCK};
    struct flt_rundown_wait wait;

    if (__atomic_fetch_or(&Instance->Flags, FLTP_INSTANCE_DETACHING, __ATOMIC_ACQ_REL) & FLTP_INSTANCE_DETACHING) {
        KiWaitFor(&Instance->Torn, NULL, &torn, Site);
        return false;
    }
    KiWaitFor(&Instance->Ready, NULL, &ready, Site);
    Instance->TeardownReason = Reason;
    TRACE("flt", "teardown of instance %p", (void *)Instance);
    bool active = FltpInstanceIs(Instance, FLTP_INSTANCE_ACTIVE);
    FltpPublishCallbacks(Instance->Volume);
    FltpBeginRundown(&wait, &Instance->Operations[0].Value, FLTP_SHARDS, sizeof(FLTP_SHARD_COUNT));
    FltpDrainInstance(Instance);
    if (active)
        CallTeardown(Instance, registration->InstanceTeardownStartCallback, Reason);
    FltpDrainInstance(Instance);
    FltpEndRundown(&wait, "operations of an instance", InstanceStuck, &Instance->Base, Site);
    if (active)
        CallTeardown(Instance, registration->InstanceTeardownCompleteCallback, Reason);
    RetireInstance(Instance, !(Reason & FLTFL_INSTANCE_TEARDOWN_MANUAL));
    return true;
}

/* ---- finding ---- */

PFLT_INSTANCE FltpFindInstance(PFLT_VOLUME Volume, PFLT_FILTER Filter, PCUNICODE_STRING Name)
{
    PFLT_INSTANCE found = NULL;

    sched_lock(&Volume->Lock);
    for (PLIST_ENTRY link = Volume->Instances.Flink; link != &Volume->Instances && !found; link = link->Flink) {
        PFLT_INSTANCE instance = CONTAINING_RECORD(link, struct _FLT_INSTANCE, Base.PrimaryLink);
        if ((!Filter || instance->Filter == Filter) && (!Name || FltpSameString(&instance->Name, Name)))
            found = instance;
    }
    if (found)
        FltpReferencePointer(&found->Base);
    sched_unlock(&Volume->Lock);
    return found;
}

static void AddInstances(PLIST_ENTRY List, size_t Offset, PFLT_FILTER Filter, PFLT_INSTANCE **Instances, ULONG *Count)
{
    for (PLIST_ENTRY link = List->Flink; link != List; link = link->Flink) {
        PFLT_INSTANCE instance = (PFLT_INSTANCE)((UCHAR *)link - Offset);
        if ((Filter && instance->Filter != Filter) || !FltpInstanceIs(instance, FLTP_INSTANCE_ACTIVE))
            continue;
        if (!NT_SUCCESS(FltpReferenceObject(&instance->Base, NULL, NULL)))
            continue;
        *Instances = sim_realloc(*Instances, (*Count + 1) * sizeof **Instances);
        (*Instances)[(*Count)++] = instance;
    }
}

ULONG FltpSnapshotInstances(PFLT_VOLUME Volume, PFLT_FILTER Filter, PFLT_INSTANCE **Instances)
{
    ULONG count = 0;
    PFLT_VOLUME *volumes;

    *Instances = NULL;
    if (Volume) {
        sched_lock(&Volume->Lock);
        AddInstances(&Volume->Instances, FIELD_OFFSET(struct _FLT_INSTANCE, Base.PrimaryLink), Filter, Instances, &count);
        sched_unlock(&Volume->Lock);
    } else if (Filter) {
        sched_lock(&Filter->Lock);
        AddInstances(&Filter->Instances, FIELD_OFFSET(struct _FLT_INSTANCE, FilterLink), NULL, Instances, &count);
        sched_unlock(&Filter->Lock);
    } else {
        ULONG total = FltpSnapshotVolumes(&volumes);
        for (ULONG i = 0; i < total; i++) {
            sched_lock(&volumes[i]->Lock);
            AddInstances(&volumes[i]->Instances, FIELD_OFFSET(struct _FLT_INSTANCE, Base.PrimaryLink), NULL, Instances,
                         &count);
            sched_unlock(&volumes[i]->Lock);
        }
        FltpFreeObjects(volumes, total);
    }
    return count;
}

/* ---- attaching and detaching by hand ---- */

static const struct flt_instance_definition *FindDefinition(PFLT_FILTER Filter, PCUNICODE_STRING Name)
{
    if (!Name || !Name->Length)
        return &Filter->Definitions[Filter->DefaultDefinition];
    for (ULONG i = 0; i < Filter->DefinitionCount; i++)
        if (FltpSameString(&Filter->Definitions[i].Name, Name))
            return &Filter->Definitions[i];
    return NULL;
}

static NTSTATUS AttachDefined(PFLT_FILTER Filter, PFLT_VOLUME Volume, PCUNICODE_STRING Name, PFLT_INSTANCE *Instance,
                              const void *Site)
{
    const struct flt_instance_definition *definition = FindDefinition(Filter, Name);
    if (!definition)
        return STATUS_FLT_INSTANCE_NOT_FOUND;
    if (definition->Flags & FLTP_INSTANCE_NO_MANUAL)
        return STATUS_FLT_DO_NOT_ATTACH;
    return FltpAttachInstance(Filter, Volume, &definition->Altitude, &definition->Name,
                              FLTFL_INSTANCE_SETUP_MANUAL_ATTACHMENT, Instance, Site);
}

static NTSTATUS AttachAt(PFLT_FILTER Filter, PFLT_VOLUME Volume, PCUNICODE_STRING Altitude, PCUNICODE_STRING Name,
                         PFLT_INSTANCE *Instance, const void *Site)
{
    WCHAR buffer[200];
    UNICODE_STRING made = {.Buffer = buffer, .MaximumLength = sizeof buffer};
    static const char16_t at[] = u"_";

    if (!FltpAltitudeIsValid(Altitude))
        return STATUS_INVALID_PARAMETER;
    if (!Name || !Name->Length) { /* the filter's name and the altitude */
        UNICODE_STRING separator = {.Buffer = (PWSTR)at, .Length = sizeof(WCHAR), .MaximumLength = sizeof(WCHAR)};
        RtlAppendUnicodeStringToString(&made, &Filter->Name);
        RtlAppendUnicodeStringToString(&made, &separator);
        RtlAppendUnicodeStringToString(&made, Altitude);
        Name = &made;
    }
    return FltpAttachInstance(Filter, Volume, Altitude, Name, FLTFL_INSTANCE_SETUP_MANUAL_ATTACHMENT, Instance, Site);
}

NTSTATUS FltAttachVolume(PFLT_FILTER Filter, PFLT_VOLUME Volume, PCUNICODE_STRING InstanceName,
                         PFLT_INSTANCE *RetInstance)
{
    API_ENTER(FltAttachVolume, Volume, SCHED_WRITE);
    FltpCheckFilter(Filter, "FltAttachVolume", VERIFY_CALLER);
    FltpCheckVolume(Volume, "FltAttachVolume", VERIFY_CALLER);
    NTSTATUS status = AttachDefined(Filter, Volume, InstanceName, RetInstance, VERIFY_CALLER);
    return status == STATUS_FLT_INSTANCE_ALTITUDE_COLLISION ? STATUS_OBJECT_NAME_COLLISION : status;
}

NTSTATUS FltAttachVolumeAtAltitude(PFLT_FILTER Filter, PFLT_VOLUME Volume, PCUNICODE_STRING Altitude,
                                   PCUNICODE_STRING InstanceName, PFLT_INSTANCE *RetInstance)
{
    API_ENTER(FltAttachVolumeAtAltitude, Volume, SCHED_WRITE);
    FltpCheckFilter(Filter, "FltAttachVolumeAtAltitude", VERIFY_CALLER);
    FltpCheckVolume(Volume, "FltAttachVolumeAtAltitude", VERIFY_CALLER);
    return AttachAt(Filter, Volume, Altitude, InstanceName, RetInstance, VERIFY_CALLER);
}

static NTSTATUS QueryTeardown(PFLT_INSTANCE Instance)
{
    FLT_RELATED_OBJECTS objects;
    PFLT_INSTANCE_QUERY_TEARDOWN_CALLBACK query = Instance->Filter->Registration.InstanceQueryTeardownCallback;
    if (!query)
        return STATUS_FLT_DO_NOT_DETACH;
    FltpFillObjects(&objects, Instance);
    return query(&objects, 0);
}

static NTSTATUS Detach(PFLT_FILTER Filter, PFLT_VOLUME Volume, PCUNICODE_STRING Name, const void *Site)
{
    PFLT_INSTANCE instance = FltpFindInstance(Volume, Filter, Name && Name->Length ? Name : NULL);
    if (!instance)
        return STATUS_FLT_INSTANCE_NOT_FOUND;
    bool going = FltpInstanceIs(instance, FLTP_INSTANCE_DETACHING);
    NTSTATUS status = going ? STATUS_FLT_DELETING_OBJECT : QueryTeardown(instance);
    if (NT_SUCCESS(status))
        status = FltpTeardownInstance(instance, FLTFL_INSTANCE_TEARDOWN_MANUAL, Site) ? STATUS_SUCCESS : STATUS_FLT_DELETING_OBJECT;
    FltpDereferencePointer(&instance->Base);
    return status;
}

NTSTATUS FltDetachVolume(PFLT_FILTER Filter, PFLT_VOLUME Volume, PCUNICODE_STRING InstanceName)
{
    API_ENTER(FltDetachVolume, Volume, SCHED_WRITE);
    FltpCheckFilter(Filter, "FltDetachVolume", VERIFY_CALLER);
    FltpCheckVolume(Volume, "FltDetachVolume", VERIFY_CALLER);
    return Detach(Filter, Volume, InstanceName, VERIFY_CALLER);
}

/* The user names a volume; the filter's own frame has its device there. */
static PFLT_VOLUME InFrame(PFLT_FILTER Filter, PFLT_VOLUME Volume)
{
    PFLT_VOLUME found = Volume;
    if (Volume->Frame == Filter->Frame)
        return Volume;
    sched_lock(&FltGlobals.Lock);
    PLIST_ENTRY list = &Filter->Frame->Volumes;
    for (PLIST_ENTRY link = list->Flink; link != list; link = link->Flink)
        if (CONTAINING_RECORD(link, struct _FLT_VOLUME, Base.PrimaryLink)->FileSystemDevice == Volume->FileSystemDevice)
            found = CONTAINING_RECORD(link, struct _FLT_VOLUME, Base.PrimaryLink);
    sched_unlock(&FltGlobals.Lock);
    return found;
}

NTSTATUS FltpManualAttach(PFLT_FILTER Filter, PFLT_VOLUME Volume, PCUNICODE_STRING Altitude, PCUNICODE_STRING InstanceName)
{
    Volume = InFrame(Filter, Volume);
    if (Altitude && Altitude->Length)
        return AttachAt(Filter, Volume, Altitude, InstanceName, NULL, VERIFY_CALLER);
    return AttachDefined(Filter, Volume, InstanceName, NULL, VERIFY_CALLER);
}

NTSTATUS FltpManualDetach(PFLT_FILTER Filter, PFLT_VOLUME Volume, PCUNICODE_STRING InstanceName)
{
    return Detach(Filter, InFrame(Filter, Volume), InstanceName, VERIFY_CALLER);
}
