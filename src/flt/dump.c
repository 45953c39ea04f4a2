/* fltsim_dump_...: the objects as !fltkd prints them. */
#include "core.h"
#include "context.h"

#include <fltsim/dump.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static FILE *Target;

FILE *fltsim_dump_to(FILE *out)
{
    FILE *before = Target ? Target : stderr;
    Target = out;
    return before;
}

static FILE *Out(void) { return Target ? Target : stderr; }

/* ---- lines ---- */

enum { NAME_WIDTH = 25 };

static void Line(int Depth, const char *Name, const char *Format, ...) __attribute__((format(printf, 3, 4)));
static void Line(int Depth, const char *Name, const char *Format, ...)
{
    va_list arguments;
    va_start(arguments, Format);
    fprintf(Out(), "%*s%-*s: ", 3 * Depth, "", NAME_WIDTH, Name);
    vfprintf(Out(), Format, arguments);
    fputc('\n', Out());
    va_end(arguments);
}

static uintptr_t Address(const void *Pointer) { return (uintptr_t)Pointer; }
#define PTR "%016" PRIxPTR

static void ShowRoutine(int Depth, const char *Name, const void *Code)
{
    char place[300];
    if (!Code) {
        Line(Depth, Name, PTR "  (null)", (uintptr_t)0);
        return;
    }
    verify_symbolize((const char *)Code + 1, place, sizeof place); /* as a return address in it */
    Line(Depth, Name, PTR "  %s", Address(Code), place);
}
#define ROUTINE(Depth, Name, Code) ShowRoutine(Depth, Name, (const void *)(uintptr_t)(Code))

/* ---- FLT_OBJECT ---- */

static void ShowRundown(int Depth, PFLT_OBJECT Object)
{
    ULONG_PTR value = __atomic_load_n(&Object->RundownRef.Count, __ATOMIC_ACQUIRE);
    LONG64 left = FltpRundownLeft(Object);
    const char *state = !(value & 1) ? "" : value == 1 ? " drained" : " draining";
    if (!(value & 1))
        value = (ULONG_PTR)left << 1; /* with a filter's contexts, which are counted apart */
    Line(Depth, "RundownRef", "0x%016" PRIxPTR " (%lld)%s", (uintptr_t)value, (long long)left, state);
}

static void ObjectHead(int Depth, PFLT_OBJECT Object)
{
    static const char *const kinds[] = {"", "Instance", "Filter", "", "Volume"};
    ULONG flags = Object->Flags;

    fprintf(Out(), "%*sFLT_OBJECT: " PTR "  [%08x] %s%s%s\n", 3 * Depth, "", Address(Object), flags,
            kinds[(flags >> 24) % RTL_NUMBER_OF(kinds)], flags & FLT_OBFL_DRAINING ? " DRAINING" : "",
            flags & FLT_OBFL_ZOMBIED ? " ZOMBIED" : "");
    ShowRundown(Depth + 1, Object);
    Line(Depth + 1, "PointerCount", "0x%08x ", (unsigned)(Object->PointerCount - Object->BuiltOn));
    Line(Depth + 1, "PrimaryLink", "[" PTR "-" PTR "] ", Address(Object->PrimaryLink.Flink),
         Address(Object->PrimaryLink.Blink));
}

/* Else a line says so: whoever sits at a debugger passes anything. */
static bool IsThere(const char *Kind, const char *What, PVOID Object, ULONG Type)
{
    bool there = FltpIsLive(Object, Type);
    if (!there)
        fprintf(Out(), "%s: " PTR "  is no %s%s\n", Kind, Address(Object), What, Object ? ", or none any more" : "");
    return there;
}

void fltsim_dump_object(PVOID object)
{
    if (IsThere("FLT_OBJECT", "filter, instance or volume", object, FLT_OBFL_TYPES))
        ObjectHead(0, object);
}

void FltpShowObject(struct verify_violation *v, PFLT_OBJECT Object)
{
    char *text = NULL, *line, *rest;
    size_t size;
    FILE *out = v ? open_memstream(&text, &size) : NULL;

    if (!out)
        return;
    FILE *before = fltsim_dump_to(out);
    ObjectHead(0, Object);
    fltsim_dump_to(before);
    fclose(out);
    for (line = strtok_r(text, "\n", &rest); line && !strstr(line, "PrimaryLink"); line = strtok_r(NULL, "\n", &rest))
        verify_history(v, "%s", line);
    free(text);
}

/* ---- pointers out of lists, to print without a lock ---- */

struct pointers {
    PFLT_OBJECT *Items;
    ULONG Count;
};

static void Add(struct pointers *Pointers, PFLT_OBJECT Object)
{
    FltpReferencePointer(Object);
    __atomic_add_fetch(&Object->BuiltOn, 1, __ATOMIC_RELAXED); /* so that ours does not show */
    Pointers->Items = sim_realloc(Pointers->Items, (Pointers->Count + 1) * sizeof *Pointers->Items);
    Pointers->Items[Pointers->Count++] = Object;
}

static struct pointers Collect(struct sched_lock *Lock, PLIST_ENTRY List, size_t Offset)
{
    struct pointers found = {NULL, 0};
    sched_lock(Lock);
    for (PLIST_ENTRY link = List->Flink; link != List; link = link->Flink)
        Add(&found, (PFLT_OBJECT)((char *)link - Offset));
    sched_unlock(Lock);
    return found;
}

static void Release(struct pointers *Pointers)
{
    for (ULONG i = 0; i < Pointers->Count; i++) {
        __atomic_sub_fetch(&Pointers->Items[i]->BuiltOn, 1, __ATOMIC_RELAXED);
        FltpDereferencePointer(Pointers->Items[i]);
    }
    sim_free(Pointers->Items);
}

/* ---- contexts ---- */

struct shown {
    PFLT_CONTEXT Pointer;
    FLTP_CONTEXT Header;
    PVOID Object;
};

struct contexts {
    struct shown *Items;
    ULONG Count;
    PFLTP_CONTEXT_NODE Node; /* only those on this one, */
    PVOID Key;               /* or with this one */
};

static void Append(struct contexts *Contexts, struct shown Shown)
{
    Contexts->Items = sim_realloc(Contexts->Items, (Contexts->Count + 1) * sizeof *Contexts->Items);
    Contexts->Items[Contexts->Count++] = Shown;
}

static void Take(struct contexts *Contexts, PFLTP_CONTEXT Context)
{
    PFLTP_CONTEXT_NODE node = Context->Node;
    Append(Contexts, (struct shown){FltpDriverPart(Context), *Context, node ? node->Object : NULL});
}

static void TakeLinked(PFLTP_CONTEXT Context, void *Argument)
{
    struct contexts *contexts = Argument;
    if (contexts->Node ? Context->Node == contexts->Node : Context->Key == contexts->Key)
        Take(contexts, Context);
}

static void TakeLive(PFLTP_CONTEXT Context, void *Argument)
{
    struct contexts *contexts = Argument;
    FLTP_CONTEXT header = *Context;
    header.Node = NULL; /* another lock's */
    Append(contexts, (struct shown){FltpDriverPart(Context), header, NULL});
}

static void ContextHead(int Depth, const struct shown *Shown)
{
    static const char *const states[] = {"", "", " (unlinked)"};
    const FLTP_CONTEXT *header = &Shown->Header;

    fprintf(Out(), "%*sCONTEXT_NODE: " PTR "  [%04x] %sContext %s  UseCount %d%s\n", 3 * Depth, "", Address(Shown->Pointer),
            header->Type, FltpContextTypeInRoutines(header->Type), FLTP_POOL_IS_PAGED(header->Pool) ? "PagedPool" : "NonPagedPool",
            (int)header->Count, header->State == FLTP_CONTEXT_UNLINKED ? " (never linked)" : states[header->State % 3]);
}

static void ShowContexts(int Depth, const char *Name, struct contexts *Contexts)
{
    Line(Depth, Name, "Count=%u ", (unsigned)Contexts->Count);
    for (ULONG i = 0; i < Contexts->Count; i++)
        ContextHead(Depth + 1, &Contexts->Items[i]);
    sim_free(Contexts->Items);
}

static void ContextsOfNode(int Depth, const char *Name, PFLTP_CONTEXT_NODE Node)
{
    struct contexts contexts = {.Node = Node};
    if (Node)
        FltpEachLinkedContext(TakeLinked, &contexts);
    ShowContexts(Depth, Name, &contexts);
}

void fltsim_dump_context(PFLT_CONTEXT context)
{
    char name[100], tag[8];
    PFLTP_CONTEXT header = FltpContextOf(context);
    PFLTP_CONTEXT_NODE node;
    struct contexts one = {.Count = 0};

    bool dead = context && machine->options.special_pool && FltpFindDeadContext(context);
    if (!context || dead || header->Magic != FLTP_CONTEXT_MAGIC) {
        bool freed = dead || (context && header->Magic == FLTP_CONTEXT_FREED_MAGIC);
        fprintf(Out(), "CONTEXT_NODE: " PTR "  is no context%s\n", Address(context), freed ? " any more: it is freed" : "");
        return;
    }
    node = FltpReferenceNodeOf(header);
    Take(&one, header);
    ContextHead(0, &one.Items[0]);
    sim_free(one.Items);
    Line(1, "Filter", PTR " \"%s\" ", Address(header->Filter), FltpText(&header->Filter->Name, name, sizeof name));
    if (node)
        Line(1, header->Type == FLT_VOLUME_CONTEXT ? "Key (filter)" : "Key (instance)", PTR, Address(header->Key));
    Line(1, "AttachedObject", PTR "%s", Address(node ? node->Object : NULL), node ? "" : "  (null)");
    Line(1, "UseCount", "%d ", (int)header->Count);
    Line(1, "Size", "%zu  '%s'", (size_t)header->Size, verify_tag(header->Registration->PoolTag, tag));
    ROUTINE(1, "CleanupCallback", header->Registration->ContextCleanupCallback);
    Line(1, "UserData", PTR, Address(context));
    Line(1, "References", "newest last");
    verify_ledger_dump(&header->Ledger, "      ", Out());
    if (node)
        FltpDereferenceNode(node);
    fflush(Out());
}

long fltsim_context_count(PFLT_CONTEXT context)
{
    if (!context || (machine->options.special_pool && FltpFindDeadContext(context)))
        return 0;
    PFLTP_CONTEXT header = FltpContextOf(context);
    return header->Magic == FLTP_CONTEXT_MAGIC ? __atomic_load_n(&header->Count, __ATOMIC_ACQUIRE) : 0;
}

void fltsim_dump_stream(PFILE_OBJECT file_object)
{
    char name[300];
    PFLTP_CONTEXT_NODE stream, file, handle;

    if (!file_object || file_object->Type != IO_TYPE_FILE) {
        fprintf(Out(), "FILE_OBJECT: " PTR "  is no file object\n", Address(file_object));
        return;
    }
    fprintf(Out(), "FILE_OBJECT: " PTR "  \"%s\"\n", Address(file_object), FltpText(&file_object->FileName, name, sizeof name));
    Line(1, "FsContext", PTR, Address(file_object->FsContext));
    Line(1, "FsContext2", PTR, Address(file_object->FsContext2));
    if (!NT_SUCCESS(FltpStreamNode(file_object, false, &stream))) {
        Line(1, "Contexts", "not supported here");
        return;
    }
    FltpFileNode(file_object, false, &file);
    FltpFileObjectNode(file_object, false, &handle);
    fprintf(Out(), "   STREAM_LIST_CTRL: " PTR "\n", Address(stream));
    ContextsOfNode(2, "StreamContexts", stream);
    if (file != stream)
        ContextsOfNode(2, "FileContexts", file);
    ContextsOfNode(2, "StreamHandleContexts", handle);
    fflush(Out());
}

/* ---- instances, filters, volumes ---- */

static void InstanceHead(int Depth, PFLT_INSTANCE Instance)
{
    char name[100], altitude[60], volume[100];
    fprintf(Out(), "%*sFLT_INSTANCE: " PTR " \"%s\" \"%s\" on \"%s\"\n", 3 * Depth, "", Address(Instance),
            FltpText(&Instance->Name, name, sizeof name), FltpText(&Instance->Altitude, altitude, sizeof altitude),
            FltpText(&Instance->Volume->Name, volume, sizeof volume));
}

static const char *FlagText(ULONG Value, const char *const *Names, char *Buffer, size_t Size)
{
    size_t used = (size_t)snprintf(Buffer, Size, "[%08x]", Value);
    for (ULONG bit = 0; Names[bit]; bit++)
        if (Value & 1u << bit && used < Size)
            used += (size_t)snprintf(Buffer + used, Size - used, " %s", Names[bit]);
    return Buffer;
}

void fltsim_dump_instance(PFLT_INSTANCE instance)
{
    static const char *const flags[] = {"SettingUp", "Active", "Detaching", "TornDown", NULL};
    struct contexts own = {.Key = instance};
    char text[200];
    LONG64 operations = 0;
    if (!IsThere("FLT_INSTANCE", "instance", instance, FLT_OBFL_TYPE_INSTANCE))
        return;
    ULONG shown = (ULONG)instance->Flags & 0xF;
    if (shown & FLTP_INSTANCE_ACTIVE)
        shown &= ~(ULONG)FLTP_INSTANCE_ATTACHING;

    InstanceHead(0, instance);
    ObjectHead(1, &instance->Base);
    for (ULONG i = 0; i < FLTP_SHARDS; i++)
        operations += instance->Operations[i].Value & 1 ? 0 : (LONG64)(instance->Operations[i].Value >> 1);
    Line(1, "OperationRundownRef", "(%lld)%s", (long long)operations,
         instance->Operations[0].Value & 1 ? " drained" : "");
    Line(1, "Flags", "%s", FlagText(shown, flags, text, sizeof text));
    Line(1, "Volume", PTR " \"%s\" ", Address(instance->Volume), FltpText(&instance->Volume->Name, text, sizeof text));
    Line(1, "Filter", PTR " \"%s\" ", Address(instance->Filter), FltpText(&instance->Filter->Name, text, sizeof text));
    FltpEachLinkedContext(TakeLinked, &own);
    ShowContexts(1, "Contexts", &own);
    fflush(Out());
}

static void ShowInstances(int Depth, struct pointers *Found)
{
    Line(Depth, "InstanceList", "Count=%u ", (unsigned)Found->Count);
    for (ULONG i = 0; i < Found->Count; i++)
        InstanceHead(Depth + 1, CONTAINING_RECORD(Found->Items[i], struct _FLT_INSTANCE, Base));
    Release(Found);
}

static void ShowCallbacks(PFLT_FILTER Filter)
{
    const FLT_REGISTRATION *r = &Filter->Registration;
    ROUTINE(1, "FilterUnload", r->FilterUnloadCallback);
    ROUTINE(1, "InstanceSetup", r->InstanceSetupCallback);
    ROUTINE(1, "InstanceQueryTeardown", r->InstanceQueryTeardownCallback);
    ROUTINE(1, "InstanceTeardownStart", r->InstanceTeardownStartCallback);
    ROUTINE(1, "InstanceTeardownComplete", r->InstanceTeardownCompleteCallback);
}

void fltsim_dump_filter(PFLT_FILTER filter)
{
    static const char *const flags[] = {"FilteringInitiated", "Unregistered", "MandatoryUnload", "Unloading", NULL};
    struct contexts live = {.Count = 0};
    char text[200], altitude[60];

    if (!IsThere("FLT_FILTER", "filter", filter, FLT_OBFL_TYPE_FILTER))
        return;
    fprintf(Out(), "FLT_FILTER: " PTR " \"%s\" \"%s\"\n", Address(filter), FltpText(&filter->Name, text, sizeof text),
            FltpText(&filter->DefaultAltitude, altitude, sizeof altitude));
    ObjectHead(1, &filter->Base);
    Line(1, "Frame", PTR " \"Frame %u\" ", Address(filter->Frame), (unsigned)filter->Frame->FrameId);
    Line(1, "Flags", "%s", FlagText(filter->Flags, flags, text, sizeof text));
    Line(1, "DriverObject", PTR, Address(filter->DriverObject));
    ShowCallbacks(filter);
    struct pointers instances =
        Collect(&filter->Lock, &filter->Instances, FIELD_OFFSET(struct _FLT_INSTANCE, FilterLink));
    ShowInstances(1, &instances);
    FltpEachLiveContext(filter, TakeLive, &live);
    ShowContexts(1, "Contexts", &live);
    fflush(Out());
}

static const char *FileSystemName(FLT_FILESYSTEM_TYPE Type)
{
    static const char *const names[] = {"UNKNOWN", "RAW", "NTFS", "FAT", "CDFS", "UDFS"};
    return (unsigned)Type < RTL_NUMBER_OF(names) ? names[Type] : "other";
}

static ULONG UnderWay(PFLT_VOLUME Volume)
{
    ULONG count = 0;
    for (ULONG i = 0; i < FLTP_SHARDS; i++) {
        sched_lock(&Volume->Shards[i].Lock);
        for (PLIST_ENTRY link = Volume->Shards[i].Owed.Flink; link != &Volume->Shards[i].Owed; link = link->Flink)
            count++;
        sched_unlock(&Volume->Shards[i].Lock);
    }
    return count;
}

void fltsim_dump_volume(PFLT_VOLUME volume)
{
    static const char *const flags[] = {"SetupNotifyCalled", "TornDown", "ControlDevice", NULL};
    char text[200];

    if (!IsThere("FLT_VOLUME", "volume", volume, FLT_OBFL_TYPE_VOLUME))
        return;
    fprintf(Out(), "FLT_VOLUME: " PTR " \"%s\"\n", Address(volume), FltpText(&volume->Name, text, sizeof text));
    ObjectHead(1, &volume->Base);
    Line(1, "Frame", PTR " \"Frame %u\" ", Address(volume->Frame), (unsigned)volume->Frame->FrameId);
    Line(1, "Flags", "%s", FlagText((ULONG)FltpVolumeFlags(volume), flags, text, sizeof text));
    Line(1, "FileSystemType", "[%08x] FLT_FSTYPE_%s", (unsigned)volume->FileSystemType,
         FileSystemName(volume->FileSystemType));
    Line(1, "DeviceObject", PTR, Address(volume->DeviceObject));
    Line(1, "DiskDeviceObject", PTR, Address(volume->DiskDevice));
    Line(1, "CDODriverName", "\"%s\" ", FltpText(&volume->FileSystemDriverName, text, sizeof text));
    Line(1, "Operations", "%u under way", (unsigned)UnderWay(volume));
    ContextsOfNode(1, "VolumeContexts", FltpObjectNode(&volume->VolumeContexts, volume, false));
    struct pointers instances =
        Collect(&volume->Lock, &volume->Instances, FIELD_OFFSET(struct _FLT_INSTANCE, Base.PrimaryLink));
    ShowInstances(1, &instances);
    fflush(Out());
}

void fltsim_dump_all(void)
{
    for (PLIST_ENTRY link = FltGlobals.Frames.Flink; link && link != &FltGlobals.Frames; link = link->Flink) {
        PFLTP_FRAME frame = CONTAINING_RECORD(link, FLTP_FRAME, Link);
        struct pointers filters = Collect(&FltGlobals.Lock, &frame->Filters, FIELD_OFFSET(FLT_OBJECT, PrimaryLink));
        struct pointers volumes = Collect(&FltGlobals.Lock, &frame->Volumes, FIELD_OFFSET(FLT_OBJECT, PrimaryLink));
        fprintf(Out(), "FLTP_FRAME: " PTR " \"Frame %u\"\n", Address(frame), (unsigned)frame->FrameId);
        for (ULONG i = 0; i < filters.Count; i++)
            fltsim_dump_filter(CONTAINING_RECORD(filters.Items[i], struct _FLT_FILTER, Base));
        for (ULONG i = 0; i < volumes.Count; i++)
            if (!(FltpVolumeFlags(CONTAINING_RECORD(volumes.Items[i], struct _FLT_VOLUME, Base)) & FLTP_VOLUME_CONTROL))
                fltsim_dump_volume(CONTAINING_RECORD(volumes.Items[i], struct _FLT_VOLUME, Base));
        Release(&filters);
        Release(&volumes);
    }
}

/* ---- from a test's own handles ---- */

PFLT_FILTER fltsim_driver_filter(struct fltsim_driver *driver)
{
    PDRIVER_OBJECT object = fltsim_driver_object(driver);
    return object ? FltpFilterFromDriver(object) : NULL;
}

PFLT_VOLUME fltsim_volume_object(struct fltsim_volume *volume) { return FltpVolumeFromDevice(fltsim_volume_device(volume)); }

PFLT_INSTANCE fltsim_driver_instance(struct fltsim_driver *driver, struct fltsim_volume *volume)
{
    PFLT_FILTER filter = fltsim_driver_filter(driver);
    PFLT_VOLUME object = fltsim_volume_object(volume);
    PFLT_INSTANCE instance = filter && object ? FltpFindInstance(object, filter, NULL) : NULL;
    if (instance)
        FltpDereferencePointer(&instance->Base);
    return instance;
}
