/* Filters: registration, start, unregistration, unload. */
#include "flt/core.h"

#include "fault/fault.h"
#include "flt/context.h"
#include "ps/process.h"
#include "verify/api.h"

/* ---- the list ---- */

static void LinkFilter(PFLT_FILTER Filter)
{
    sched_lock(&FltGlobals.Lock);
    PLIST_ENTRY list = &Filter->Frame->Filters, at = list->Flink;
    while (at != list && FltpCompareAltitudes(&CONTAINING_RECORD(at, struct _FLT_FILTER, Base.PrimaryLink)->DefaultAltitude,
                                              &Filter->DefaultAltitude) >= 0)
        at = at->Flink;
    InsertTailList(at, &Filter->Base.PrimaryLink);
    sched_unlock(&FltGlobals.Lock);
}

static void UnlinkFilter(PFLT_FILTER Filter)
{
    sched_lock(&FltGlobals.Lock);
    RemoveEntryList(&Filter->Base.PrimaryLink); /* its own pointers stay: the debugger shows them until the end */
    InsertTailList(&FltGlobals.Leaving, &Filter->LeavingLink);
    sched_unlock(&FltGlobals.Lock);
}

static void HasLeft(PFLT_FILTER Filter)
{
    sched_lock(&FltGlobals.Lock);
    RemoveEntryList(&Filter->LeavingLink);
    sched_unlock(&FltGlobals.Lock);
}

bool FltpIsLeaving(PCUNICODE_STRING Name)
{
    bool found = false;
    sched_lock(&FltGlobals.Lock);
    for (PLIST_ENTRY link = FltGlobals.Leaving.Flink; link != &FltGlobals.Leaving && !found; link = link->Flink)
        found = FltpSameString(&CONTAINING_RECORD(link, struct _FLT_FILTER, LeavingLink)->Name, Name);
    sched_unlock(&FltGlobals.Lock);
    return found;
}

static PFLT_FILTER NextFilter(PLIST_ENTRY *Frame, PLIST_ENTRY *At)
{
    while (*Frame != &FltGlobals.Frames) {
        PFLTP_FRAME frame = CONTAINING_RECORD(*Frame, FLTP_FRAME, Link);
        *At = *At ? (*At)->Flink : frame->Filters.Flink;
        if (*At != &frame->Filters)
            return CONTAINING_RECORD(*At, struct _FLT_FILTER, Base.PrimaryLink);
        *Frame = (*Frame)->Flink;
        *At = NULL;
    }
    return NULL;
}

PFLT_FILTER FltpFindFilter(PCUNICODE_STRING Name)
{
    PFLT_FILTER filter;
    sched_lock(&FltGlobals.Lock);
    PLIST_ENTRY frame = FltGlobals.Frames.Flink, at = NULL;
    while ((filter = NextFilter(&frame, &at)) && !FltpSameString(&filter->Name, Name))
        ;
    if (filter)
        FltpReferencePointer(&filter->Base);
    sched_unlock(&FltGlobals.Lock);
    return filter;
}

/* The driver object remembers its filter until it goes itself. */
static PFLT_FILTER *DriverSlot(PDRIVER_OBJECT DriverObject)
{
    return IoGetDriverObjectExtension(DriverObject, &FltGlobals);
}

PFLT_FILTER FltpFilterFromDriver(PDRIVER_OBJECT DriverObject)
{
    PFLT_FILTER *slot = DriverSlot(DriverObject);
    return slot ? *slot : NULL;
}

ULONG FltpSnapshotFilters(PFLT_FILTER **Filters)
{
    PFLT_FILTER filter;
    ULONG count = 0;

    sched_lock(&FltGlobals.Lock);
    for (PLIST_ENTRY frame = FltGlobals.Frames.Flink, at = NULL; NextFilter(&frame, &at);)
        count++;
    *Filters = sim_alloc((count + 1) * sizeof **Filters);
    count = 0;
    for (PLIST_ENTRY frame = FltGlobals.Frames.Flink, at = NULL; (filter = NextFilter(&frame, &at));)
        if (NT_SUCCESS(FltpReferenceObject(&filter->Base, NULL, NULL)))
            (*Filters)[count++] = filter;
    sched_unlock(&FltGlobals.Lock);
    return count;
}

void FltpFreeObjects(void *Objects, ULONG Count)
{
    PFLT_OBJECT *objects = Objects;
    for (ULONG i = 0; i < Count; i++)
        FltpDereferenceObject(objects[i], NULL, NULL);
    sim_free(objects);
}

/* ---- registration ---- */

static DRIVER_UNLOAD UnloadDriver;

static UNICODE_STRING ServiceName(PDRIVER_OBJECT DriverObject)
{
    UNICODE_STRING name = DriverObject->DriverExtension->ServiceKeyName;
    size_t start = name.Length / sizeof(WCHAR);
    while (start && name.Buffer[start - 1] != '\\')
        start--;
    name.Buffer += start;
    name.Length -= (USHORT)(start * sizeof(WCHAR));
    return FltpCopyString(&name);
}

static NTSTATUS RememberFilter(PFLT_FILTER Filter)
{
    PFLT_FILTER *slot = DriverSlot(Filter->DriverObject);
    if (!slot) {
        NTSTATUS status = IoAllocateDriverObjectExtension(Filter->DriverObject, &FltGlobals, sizeof *slot, (PVOID *)&slot);
        if (!NT_SUCCESS(status))
            return status;
    } else if (*slot) {
        return STATUS_INVALID_PARAMETER; /* one filter a driver */
    }
    *slot = Filter;
    return STATUS_SUCCESS;
}

/* A driver's own array may be on its stack. Without an end mark the first entry of no known type is the last: registering
 * it fails. */
static const FLT_CONTEXT_REGISTRATION *CopyContexts(const FLT_CONTEXT_REGISTRATION *Contexts)
{
    SIZE_T count = 1;

    if (!Contexts)
        return NULL;
    while (FltpContextTypeIndex(Contexts[count - 1].ContextType) >= 0)
        count++;
    FLT_CONTEXT_REGISTRATION *copy = sim_alloc(count * sizeof *copy);
    RtlCopyMemory(copy, Contexts, (count - 1) * sizeof *copy);
    copy[count - 1].ContextType = Contexts[count - 1].ContextType; /* all that a driver need write of the last */
    return copy;
}

static void CheckContexts(const FLT_CONTEXT_REGISTRATION *Contexts, const void *Caller)
{
    ULONG count = 0;
    while (Contexts && FltpContextTypeIndex(Contexts[count].ContextType) >= 0)
        count++;
    if (!Contexts || Contexts[count].ContextType == FLT_CONTEXT_END)
        return;
    struct verify_violation *v = verify_begin(VERIFY_BAD_REGISTRATION, "Entry %u of the context registration has the type "
                                              "0x%X: the array has no FLT_CONTEXT_END.", count,
                                              (unsigned)Contexts[count].ContextType);
    verify_site(v, "registered by", Caller);
    verify_end(v);
}

static PFLT_FILTER NewFilter(PDRIVER_OBJECT Driver, const FLT_REGISTRATION *Registration, const void *Site)
{
    PFLT_FILTER filter = sim_alloc(sizeof *filter);
    FltpInitializeObject(&filter->Base, FLT_OBFL_TYPE_FILTER);
    filter->Holds = 1;
    FltpAcquireRundown(&filter->Base.RundownRef.Count);
    filter->Frame = &FltGlobals.FrameZero;
    filter->DriverObject = Driver;
    filter->Name = ServiceName(Driver);
    RtlCopyMemory(&filter->Registration, Registration, Registration->Size);
    filter->Operations = FltpCopyOperations(Registration->OperationRegistration);
    filter->Registration.OperationRegistration = filter->Operations;
    filter->Registration.ContextRegistration = CopyContexts(Registration->ContextRegistration);
    InitializeListHead(&filter->Instances);
    InitializeListHead(&filter->Zombies);
    InitializeListHead(&filter->Ports);
    InitializeListHead(&filter->Connections);
    filter->RegisteredAt = Site;
    filter->Code = verify_code_of(Site);
    return filter;
}

/* The driver object may go before the last reference to the filter does. */
static void Disown(PFLT_FILTER Filter)
{
    PFLT_FILTER *slot = Filter->DriverObject ? DriverSlot(Filter->DriverObject) : NULL;
    if (slot && *slot == Filter)
        *slot = NULL;
    Filter->DriverObject = NULL;
}

void FltpForgetFilter(PFLT_FILTER Filter)
{
    Disown(Filter);
    FltpLetFilterGo(Filter);
}

void FltpLetFilterGo(PFLT_FILTER Filter)
{
    if (__atomic_sub_fetch(&Filter->Holds, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    FltpFreeDefinitions(Filter->Definitions, Filter->DefinitionCount);
    FltpFreeString(&Filter->Name);
    FltpFreeString(&Filter->DefaultAltitude);
    sim_free(Filter->Operations);
    sim_free((PVOID)Filter->Registration.ContextRegistration);
    FltpFreeLater(Filter);
}

/* Bypass I/O is reads (and one day writes) that are not shown: who asks for neither has nothing to understand of it. */
static ULONG FeaturesOf(PFLT_FILTER Filter, PDRIVER_OBJECT Driver)
{
    ULONG features = FltpReadFeatures(Driver);
    for (const FLT_OPERATION_REGISTRATION *op = Filter->Operations; op && op->MajorFunction != IRP_MJ_OPERATION_END; op++)
        if (op->MajorFunction == IRP_MJ_READ || op->MajorFunction == IRP_MJ_WRITE)
            return features;
    return features | SUPPORTED_FS_FEATURES_BYPASS_IO;
}

NTSTATUS FltRegisterFilter(PDRIVER_OBJECT Driver, const FLT_REGISTRATION *Registration, PFLT_FILTER *RetFilter)
{
    API_ENTER(FltRegisterFilter, Driver, SCHED_WRITE);
    if (!FltGlobals.DriverObject)
        return STATUS_FLT_NOT_INITIALIZED;
    NTSTATUS status = FltpValidateRegistration(Registration);
    if (!NT_SUCCESS(status))
        return status;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    PFLT_FILTER filter = NewFilter(Driver, Registration, VERIFY_CALLER);
    status = FltpReadDefinitions(Driver, &filter->Definitions, &filter->DefinitionCount, &filter->DefaultDefinition);
    if (!NT_SUCCESS(status))
        goto free;
    filter->DefaultAltitude = FltpCopyString(&filter->Definitions[filter->DefaultDefinition].Altitude);
    filter->Frame = FltpFrameFor(&filter->DefaultAltitude);
    filter->SupportedFeatures = FeaturesOf(filter, Driver);
    CheckContexts(filter->Registration.ContextRegistration, VERIFY_CALLER);
    status = FltpRegisterContexts(filter, filter->Registration.ContextRegistration);
    if (!NT_SUCCESS(status))
        goto free;
    status = RememberFilter(filter);
    if (!NT_SUCCESS(status)) {
        FltpUnregisterContexts(filter);
        goto free;
    }
    filter->OldDriverUnload = Driver->DriverUnload;
    if (Registration->FilterUnloadCallback)
        Driver->DriverUnload = UnloadDriver;
    LinkFilter(filter);
    *RetFilter = filter;
    return STATUS_SUCCESS;

free:
    filter->Base.RundownRef.Count = 0;
    FltpDereferencePointer(&filter->Base);
    return status;
}

NTSTATUS FltStartFiltering(PFLT_FILTER Filter)
{
    API_ENTER(FltStartFiltering, Filter, SCHED_WRITE);
    PFLT_VOLUME *volumes;
    FltpCheckFilter(Filter, "FltStartFiltering", VERIFY_CALLER);

    if (__atomic_fetch_or(&Filter->Flags, FLTP_FILTER_STARTED, __ATOMIC_ACQ_REL) & FLTP_FILTER_STARTED)
        return STATUS_INVALID_PARAMETER;
    if (Filter->Flags & FLTP_FILTER_UNREGISTERED)
        return STATUS_FLT_DELETING_OBJECT;
    ULONG count = FltpSnapshotVolumes(&volumes);
    for (ULONG i = 0; i < count; i++) {
        if (volumes[i]->Frame != Filter->Frame)
            continue;
        if (FltpVolumeFlags(volumes[i]) & FLTP_VOLUME_SETUP_DONE)
            FltpAttachAutomatically(Filter, volumes[i], FLTFL_INSTANCE_SETUP_AUTOMATIC_ATTACHMENT);
        else
            FltpSetupVolume(volumes[i]);
    }
    FltpFreeObjects(volumes, count);
    return STATUS_SUCCESS;
}

/* ---- unregistration ---- */

static PFLT_INSTANCE FirstInstance(PFLT_FILTER Filter, PLIST_ENTRY List)
{
    PFLT_INSTANCE instance = NULL;
    sched_lock(&Filter->Lock);
    if (!IsListEmpty(List)) {
        instance = CONTAINING_RECORD(List->Flink, struct _FLT_INSTANCE, FilterLink);
        FltpReferencePointer(&instance->Base);
    }
    sched_unlock(&Filter->Lock);
    return instance;
}

static void TeardownInstances(PFLT_FILTER Filter)
{
    FLT_INSTANCE_TEARDOWN_FLAGS reason = Filter->Flags & FLTP_FILTER_MANDATORY
                                             ? FLTFL_INSTANCE_TEARDOWN_MANDATORY_FILTER_UNLOAD
                                             : FLTFL_INSTANCE_TEARDOWN_FILTER_UNLOAD;
    PFLT_INSTANCE instance;

    while ((instance = FirstInstance(Filter, &Filter->Instances))) {
        FltpTeardownInstance(instance, reason, Filter->UnregisteredBy);
        FltpDereferencePointer(&instance->Base);
    }
    while ((instance = FirstInstance(Filter, &Filter->Zombies))) {
        FltpBuryInstance(instance);
        FltpDereferencePointer(&instance->Base);
    }
}

/* Nothing can end the wait for the filter's references any more. */
static bool FilterStuck(PFLT_OBJECT Object)
{
    PFLT_FILTER filter = CONTAINING_RECORD(Object, struct _FLT_FILTER, Base);
    bool any = FltpReportLeakedContexts(filter);
    any |= FltpReportLeakedNames(filter);
    return any | FltpReportLeakedReferences(Object);
}

static void DeleteVolumeContexts(PFLT_FILTER Filter)
{
    PFLT_VOLUME *volumes;
    ULONG count = FltpSnapshotVolumes(&volumes);
    for (ULONG i = 0; i < count; i++)
        FltpDeleteVolumeContexts(volumes[i], Filter);
    FltpFreeObjects(volumes, count);
}

static void Unregister(PFLT_FILTER Filter)
{
    UnlinkFilter(Filter);
    FltpCloseFilterPorts(Filter); /* a callback may be waiting for an answer */
    TeardownInstances(Filter);
    DeleteVolumeContexts(Filter);
    FltpReleaseRundown(&Filter->Base.RundownRef.Count);
    FltpRundownObject(&Filter->Base, FilterStuck, Filter->UnregisteredBy);
    FltpUnregisterContexts(Filter);
    HasLeft(Filter);
    if (Filter->GeneratedIo)
        verify_violate(VERIFY_CALLBACK_DATA_LEAK, "%d callback data structure%s from FltAllocateCallbackData %s never freed.",
                       Filter->GeneratedIo, Filter->GeneratedIo == 1 ? "" : "s", Filter->GeneratedIo == 1 ? "was" : "were");
}

static void ReportTwice(PFLT_FILTER Filter, const void *Caller)
{
    struct verify_violation *v = verify_begin(VERIFY_OBJECT_OVER_RELEASE,
                                              "FltUnregisterFilter was called twice for filter %p.", (void *)Filter);
    verify_site(v, "registered by", Filter->RegisteredAt);
    verify_site(v, "and now unregistered again by", Caller);
    verify_end(v);
}

VOID FltUnregisterFilter(PFLT_FILTER Filter)
{
    API_ENTER(FltUnregisterFilter, Filter, SCHED_WRITE);
    FltpCheckFilter(Filter, "FltUnregisterFilter", VERIFY_CALLER);

    sched_lock(&Filter->Lock);
    ULONG before = __atomic_fetch_or(&Filter->Flags, FLTP_FILTER_UNREGISTERED, __ATOMIC_ACQ_REL);
    sched_unlock(&Filter->Lock);
    if (before & FLTP_FILTER_UNREGISTERED) {
        if (!(before & FLTP_FILTER_HELPED))
            ReportTwice(Filter, VERIFY_CALLER);
        return;
    }
    Filter->UnregisteredBy = VERIFY_CALLER;
    Unregister(Filter);
    if (Filter->DriverObject && !(Filter->Flags & FLTP_FILTER_UNLOADING)) {
        if (Filter->DriverObject->DriverUnload == UnloadDriver)
            Filter->DriverObject->DriverUnload = Filter->OldDriverUnload;
        Disown(Filter);
    }
    FltpDereferencePointer(&Filter->Base); /* during an unload one is left until its callback returns */
}

/* ---- unload ---- */

static NTSTATUS CallUnload(PFLT_FILTER Filter, bool Mandatory)
{
    ULONG flags = FLTP_FILTER_UNLOADING | (Mandatory ? FLTP_FILTER_MANDATORY : 0);

    if (__atomic_fetch_or(&Filter->Flags, flags, __ATOMIC_ACQ_REL) & FLTP_FILTER_UNLOADING)
        return STATUS_FLT_DELETING_OBJECT;
    PFLT_FILTER_UNLOAD_CALLBACK unload = Filter->Registration.FilterUnloadCallback;
    struct flt_running running;
    FltpEnter(&running, FLTP_RUNS_UNLOAD, &Filter->Base, (const void *)(uintptr_t)unload);
    PEPROCESS before = PspEnterSystem();
    NTSTATUS status = unload(Mandatory ? FLTFL_FILTER_UNLOAD_MANDATORY : 0);
    PspLeaveSystem(before);
    FltpLeave(&running);
    bool unregistered = Filter->Flags & FLTP_FILTER_UNREGISTERED;
    if (!NT_SUCCESS(status) && !Mandatory && !unregistered) {
        __atomic_and_fetch(&Filter->Flags, ~flags, __ATOMIC_ACQ_REL);
        return status;
    }
    if (!unregistered) {
        struct verify_violation *v = verify_begin(VERIFY_FILTER_NOT_UNREGISTERED, "The unload callback returned %s without "
                                                  "having called FltUnregisterFilter.", trace_status(status));
        verify_routine(v, "unload callback", (const void *)(uintptr_t)Filter->Registration.FilterUnloadCallback);
        verify_end(v);
        FltUnregisterFilter(Filter);
        __atomic_or_fetch(&Filter->Flags, FLTP_FILTER_HELPED, __ATOMIC_ACQ_REL);
    }
    Disown(Filter);
    return STATUS_SUCCESS;
}

/* What a minifilter's DRIVER_OBJECT.DriverUnload is: the end of FltpUnloadFilter, or all of a service stop. */
static void UnloadDriver(PDRIVER_OBJECT DriverObject)
{
    PFLT_FILTER *slot = DriverSlot(DriverObject), filter = slot ? *slot : NULL;
    PDRIVER_UNLOAD old = filter ? filter->OldDriverUnload : NULL;

    if (filter && !(filter->Flags & FLTP_FILTER_UNLOADING)) {
        FltpReferencePointer(&filter->Base);
        CallUnload(filter, true);
        FltpDereferencePointer(&filter->Base);
    }
    if (old)
        old(DriverObject);
}

static NTSTATUS UnloadImage(PDRIVER_OBJECT DriverObject)
{
    static const char16_t services[] = u"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\";
    UNICODE_STRING name = ServiceName(DriverObject), path;
    path.MaximumLength = (USHORT)(sizeof services + name.Length);
    path.Buffer = sim_alloc(path.MaximumLength);
    path.Length = sizeof services - sizeof(WCHAR);
    RtlCopyMemory(path.Buffer, services, path.Length);
    RtlAppendUnicodeStringToString(&path, &name);
    NTSTATUS status = ZwUnloadDriver(&path);
    FltpFreeString(&path);
    FltpFreeString(&name);
    return status;
}

NTSTATUS FltpUnloadFilter(PDRIVER_OBJECT DriverObject, bool Mandatory)
{
    PFLT_FILTER filter = FltpFilterFromDriver(DriverObject);

    if (!filter)
        return STATUS_FLT_FILTER_NOT_FOUND;
    if (!filter->Registration.FilterUnloadCallback)
        return STATUS_FLT_DO_NOT_DETACH;
    if (Mandatory && filter->Registration.Flags & FLTFL_REGISTRATION_DO_NOT_SUPPORT_SERVICE_STOP)
        return STATUS_INVALID_DEVICE_REQUEST;
    FltpReferencePointer(&filter->Base);
    NTSTATUS status = CallUnload(filter, Mandatory);
    if (NT_SUCCESS(status)) {
        PDRIVER_UNLOAD old = filter->OldDriverUnload, now = DriverObject->DriverUnload;
        FltpDereferencePointer(&filter->Base);
        if (!now || now == UnloadDriver) /* else the driver set its own after it registered */
            DriverObject->DriverUnload = old ? old : UnloadDriver;
        return UnloadImage(DriverObject);
    }
    FltpDereferencePointer(&filter->Base);
    return status;
}

void FltpDriverFailed(PCUNICODE_STRING Service)
{
    PFLT_FILTER filter = FltpFindFilter(Service);

    if (!filter)
        return;
    struct verify_violation *v = verify_begin(VERIFY_FILTER_NOT_UNREGISTERED, "DriverEntry failed and left its filter "
                                              "registered.");
    verify_site(v, "registered by", filter->RegisteredAt);
    verify_end(v);
    filter->DriverObject = NULL; /* gone already */
    FltUnregisterFilter(filter);
    FltpDereferencePointer(&filter->Base);
}

static NTSTATUS ServicePath(PCUNICODE_STRING Name, PUNICODE_STRING Path)
{
    static const char16_t services[] = u"\\Registry\\Machine\\System\\CurrentControlSet\\Services\\";
    if (!Name || !Name->Length)
        return STATUS_INVALID_PARAMETER;
    Path->MaximumLength = (USHORT)(sizeof services + Name->Length);
    Path->Buffer = sim_alloc(Path->MaximumLength);
    Path->Length = sizeof services - sizeof(WCHAR);
    RtlCopyMemory(Path->Buffer, services, Path->Length);
    return RtlAppendUnicodeStringToString(Path, Name);
}

NTSTATUS FltLoadFilter(PCUNICODE_STRING FilterName)
{
    API_ENTER(FltLoadFilter, FilterName, SCHED_WRITE);
    UNICODE_STRING path;
    NTSTATUS status = ServicePath(FilterName, &path);
    if (!NT_SUCCESS(status))
        return status;
    status = ZwLoadDriver(&path);
    FltpFreeString(&path);
    bool entered = !NT_SUCCESS(status) && status != STATUS_IMAGE_ALREADY_LOADED && sim_find_image(FilterName);
    return entered ? STATUS_FAILED_DRIVER_ENTRY : status;
}

NTSTATUS FltUnloadFilter(PCUNICODE_STRING FilterName)
{
    API_ENTER(FltUnloadFilter, FilterName, SCHED_WRITE);
    PFLT_FILTER filter = FltpFindFilter(FilterName);
    if (!filter)
        return STATUS_FLT_FILTER_NOT_FOUND;
    PDRIVER_OBJECT driver = filter->DriverObject;
    FltpDereferencePointer(&filter->Base);
    return FltpUnloadFilter(driver, false);
}

/* ---- the machine ends ---- */

/* Filters that nobody can unload: a driver without an unload callback, or a machine that died. */
void FltpAbandonFilters(void)
{
    PFLT_FILTER filter;
    for (;;) {
        PLIST_ENTRY frame = FltGlobals.Frames.Flink, at = NULL;
        if (!(filter = NextFilter(&frame, &at)))
            return;
        filter->Flags |= FLTP_FILTER_UNREGISTERED | FLTP_FILTER_MANDATORY;
        Unregister(filter);
        filter->DriverObject = NULL;
        FltpDereferencePointer(&filter->Base);
    }
}
