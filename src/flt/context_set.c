/* The documented set, get and delete routines: each finds its object's node. */
#include "context.h"
#include "ktm.h"
#include "name.h"
#include "scan.h"

/* OldContext is never left as the driver had it. */
static void Clear(PFLT_CONTEXT *pointer)
{
    if (pointer)
        *pointer = NULL_CONTEXT;
}

/* ---- volumes -------------------------------------------------------------------------------------------------------- */

NTSTATUS FltSetVolumeContext(PFLT_VOLUME Volume, FLT_SET_CONTEXT_OPERATION Operation, PFLT_CONTEXT NewContext,
                             PFLT_CONTEXT *OldContext)
{
    API_ENTER(FltSetVolumeContext, Volume, SCHED_WRITE);
    FltpCheckVolume(Volume, "FltSetVolumeContext", VERIFY_CALLER);
    Clear(OldContext);
    PFLT_FILTER filter = FltpCheckContext(NewContext, "FltSetVolumeContext", VERIFY_CALLER)->Filter;
    FltpCheckContextCaller(FltpContextOf(NewContext), "FltSetVolumeContext", VERIFY_CALLER);
    return FltpSetOnNode(FltpObjectNode(&Volume->VolumeContexts, Volume, true), FLT_VOLUME_CONTEXT, filter, NULL,
                         Operation, NewContext, OldContext, VERIFY_CALLER);
}

static NTSTATUS GetFromVolume(PFLT_FILTER filter, PFLT_VOLUME volume, PFLT_CONTEXT *context, const void *site)
{
    sched_point("FltGetVolumeContext", volume, SCHED_READ);
    FltpCheckFilterCaller(filter, "FltGetVolumeContext", site);
    FltpCheckVolume(volume, "FltGetVolumeContext", site);
    return FltpGetFromNode(FltpObjectNode(&volume->VolumeContexts, volume, false), FLT_VOLUME_CONTEXT, filter, context, site);
}

NTSTATUS FltGetVolumeContext(PFLT_FILTER Filter, PFLT_VOLUME Volume, PFLT_CONTEXT *Context)
{
    API_IRQL(FltGetVolumeContext);
    return GetFromVolume(Filter, Volume, Context, VERIFY_CALLER);
}

NTSTATUS FltDeleteVolumeContext(PFLT_FILTER Filter, PFLT_VOLUME Volume, PFLT_CONTEXT *OldContext)
{
    API_ENTER(FltDeleteVolumeContext, Volume, SCHED_WRITE);
    FltpCheckFilterCaller(Filter, "FltDeleteVolumeContext", VERIFY_CALLER);
    FltpCheckVolume(Volume, "FltDeleteVolumeContext", VERIFY_CALLER);
    NTSTATUS status = FltpDeleteFromNode(FltpObjectNode(&Volume->VolumeContexts, Volume, false), FLT_VOLUME_CONTEXT,
                                         Filter, OldContext, VERIFY_CALLER);
    return status == STATUS_NOT_FOUND && FltpIsDraining(&Volume->Base) ? STATUS_FLT_DELETING_OBJECT : status;
}

void FltpDeleteVolumeContexts(PFLT_VOLUME Volume, PFLT_FILTER Filter)
{
    PFLTP_CONTEXT_NODE node = FltpObjectNode(&Volume->VolumeContexts, Volume, Filter == NULL);
    if (node)
        FltpUnlinkAll(node, Filter, Filter ? "unlinked: the filter unregisters" : "unlinked: the volume goes");
}

/* ---- instances ------------------------------------------------------------------------------------------------------ */

NTSTATUS FltSetInstanceContext(PFLT_INSTANCE Instance, FLT_SET_CONTEXT_OPERATION Operation, PFLT_CONTEXT NewContext,
                               PFLT_CONTEXT *OldContext)
{
    API_ENTER(FltSetInstanceContext, Instance, SCHED_WRITE);
    Clear(OldContext);
    FltpCheckInstanceCaller(Instance, "FltSetInstanceContext", VERIFY_CALLER);
    return FltpSetOnNode(FltpObjectNode(&Instance->Contexts, Instance, true), FLT_INSTANCE_CONTEXT, Instance, Instance,
                         Operation, NewContext, OldContext, VERIFY_CALLER);
}

static NTSTATUS GetFromInstance(PFLT_INSTANCE instance, PFLT_CONTEXT *context, const void *site)
{
    sched_point("FltGetInstanceContext", instance, SCHED_READ);
    FltpCheckInstanceCaller(instance, "FltGetInstanceContext", site);
    return FltpGetFromNode(FltpObjectNode(&instance->Contexts, instance, false), FLT_INSTANCE_CONTEXT, instance, context,
                           site);
}

NTSTATUS FltGetInstanceContext(PFLT_INSTANCE Instance, PFLT_CONTEXT *Context)
{
    API_IRQL(FltGetInstanceContext);
    return GetFromInstance(Instance, Context, VERIFY_CALLER);
}

NTSTATUS FltDeleteInstanceContext(PFLT_INSTANCE Instance, PFLT_CONTEXT *OldContext)
{
    API_ENTER(FltDeleteInstanceContext, Instance, SCHED_WRITE);
    FltpCheckInstanceCaller(Instance, "FltDeleteInstanceContext", VERIFY_CALLER);
    return FltpDeleteFromNode(FltpObjectNode(&Instance->Contexts, Instance, false), FLT_INSTANCE_CONTEXT, Instance,
                              OldContext, VERIFY_CALLER);
}

void FltpCloseInstanceContexts(PFLT_INSTANCE Instance)
{
    PFLTP_CONTEXT_NODE own = FltpObjectNode(&Instance->Contexts, Instance, true);
    __atomic_store_n(&own->Dead, true, __ATOMIC_RELEASE);
    FltpForgetEnlistments(Instance);
    FltpEndScans(Instance);
}

void FltpDeleteInstanceContexts(PFLT_INSTANCE Instance)
{
    FltpCloseInstanceContexts(Instance);
    FltpUnlinkEverywhere(Instance, "unlinked: the instance was torn down");
    FltpForgetFileNames(Instance->Volume, NULL, Instance);
}

void FltpFreeObjectContexts(struct _FLTP_CONTEXT_LIST **Contexts)
{
    PFLTP_CONTEXT_NODE node = *Contexts;
    *Contexts = NULL;
    if (node)
        FltpDestroyNode(node, "unlinked: its object was freed");
}

/* ---- streams, files, file objects ---------------------------------------------------------------------------------- */

typedef NTSTATUS FIND_NODE(PFILE_OBJECT FileObject, bool Create, PFLTP_CONTEXT_NODE *Node);

static NTSTATUS SetOnFile(FIND_NODE *find, FLT_CONTEXT_TYPE type, PFLT_INSTANCE instance, PFILE_OBJECT file,
                          FLT_SET_CONTEXT_OPERATION operation, PFLT_CONTEXT fresh, PFLT_CONTEXT *old, const void *site)
{
    PFLTP_CONTEXT_NODE node;
    Clear(old);
    FltpCheckInstance(instance, file, "Set", type, site);
    NTSTATUS status = find(file, true, &node);
    if (status == STATUS_NOT_SUPPORTED)
        FltpCheckPreCreate(file, "Set", type, site);
    return NT_SUCCESS(status) ? FltpSetOnNode(node, type, instance, instance, operation, fresh, old, site) : status;
}

static NTSTATUS GetFromFile(FIND_NODE *find, FLT_CONTEXT_TYPE type, PFLT_INSTANCE instance, PFILE_OBJECT file,
                            PFLT_CONTEXT *context, const void *site)
{
    PFLTP_CONTEXT_NODE node;
    *context = NULL_CONTEXT;
    FltpCheckInstance(instance, file, "Get", type, site);
    NTSTATUS status = find(file, false, &node);
    return NT_SUCCESS(status) ? FltpGetFromNode(node, type, instance, context, site) : status;
}

static NTSTATUS DeleteFromFile(FIND_NODE *find, FLT_CONTEXT_TYPE type, PFLT_INSTANCE instance, PFILE_OBJECT file,
                               PFLT_CONTEXT *old, const void *site)
{
    PFLTP_CONTEXT_NODE node;
    Clear(old);
    FltpCheckInstance(instance, file, "Delete", type, site);
    NTSTATUS status = find(file, false, &node);
    return NT_SUCCESS(status) ? FltpDeleteFromNode(node, type, instance, old, site) : status;
}

NTSTATUS FltSetFileContext(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, FLT_SET_CONTEXT_OPERATION Operation,
                           PFLT_CONTEXT NewContext, PFLT_CONTEXT *OldContext)
{
    API_ENTER(FltSetFileContext, FileObject, SCHED_WRITE);
    return SetOnFile(FltpFileNode, FLT_FILE_CONTEXT, Instance, FileObject, Operation, NewContext, OldContext,
                     VERIFY_CALLER);
}

NTSTATUS FltGetFileContext(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PFLT_CONTEXT *Context)
{
    API_ENTER(FltGetFileContext, FileObject, SCHED_READ);
    return GetFromFile(FltpFileNode, FLT_FILE_CONTEXT, Instance, FileObject, Context, VERIFY_CALLER);
}

NTSTATUS FltDeleteFileContext(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PFLT_CONTEXT *OldContext)
{
    API_ENTER(FltDeleteFileContext, FileObject, SCHED_WRITE);
    return DeleteFromFile(FltpFileNode, FLT_FILE_CONTEXT, Instance, FileObject, OldContext, VERIFY_CALLER);
}

NTSTATUS FltpSetStreamWithCare(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, FLT_SET_CONTEXT_OPERATION Operation,
                               PFLT_CONTEXT NewContext, PFLT_CONTEXT *OldContext, const void *Site)
{
    API_ENTER_AT(FltSetStreamContext, FileObject, SCHED_WRITE, Site);
    return SetOnFile(FltpStreamNode, FLT_STREAM_CONTEXT, Instance, FileObject, Operation, NewContext, OldContext, Site);
}

NTSTATUS FltpGetStreamWithCare(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PFLT_CONTEXT *Context, const void *Site)
{
    API_ENTER_AT(FltGetStreamContext, FileObject, SCHED_READ, Site);
    return GetFromFile(FltpStreamNode, FLT_STREAM_CONTEXT, Instance, FileObject, Context, Site);
}

NTSTATUS FltDeleteStreamContext(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PFLT_CONTEXT *OldContext)
{
    API_ENTER(FltDeleteStreamContext, FileObject, SCHED_WRITE);
    return DeleteFromFile(FltpStreamNode, FLT_STREAM_CONTEXT, Instance, FileObject, OldContext, VERIFY_CALLER);
}

NTSTATUS FltSetStreamHandleContext(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject,
                                   FLT_SET_CONTEXT_OPERATION Operation, PFLT_CONTEXT NewContext,
                                   PFLT_CONTEXT *OldContext)
{
    API_ENTER(FltSetStreamHandleContext, FileObject, SCHED_WRITE);
    return SetOnFile(FltpFileObjectNode, FLT_STREAMHANDLE_CONTEXT, Instance, FileObject, Operation, NewContext,
                     OldContext, VERIFY_CALLER);
}

NTSTATUS FltGetStreamHandleContext(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PFLT_CONTEXT *Context)
{
    API_ENTER(FltGetStreamHandleContext, FileObject, SCHED_READ);
    return GetFromFile(FltpFileObjectNode, FLT_STREAMHANDLE_CONTEXT, Instance, FileObject, Context, VERIFY_CALLER);
}

NTSTATUS FltDeleteStreamHandleContext(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PFLT_CONTEXT *OldContext)
{
    API_ENTER(FltDeleteStreamHandleContext, FileObject, SCHED_WRITE);
    return DeleteFromFile(FltpFileObjectNode, FLT_STREAMHANDLE_CONTEXT, Instance, FileObject, OldContext,
                          VERIFY_CALLER);
}

/* ---- all at once ----------------------------------------------------------------------------------------------------- */

static void GetOne(FIND_NODE *find, FLT_CONTEXT_TYPE type, PCFLT_RELATED_OBJECTS objects, PFLT_CONTEXT *context,
                   const void *site)
{
    if (!objects->FileObject)
        return;
    sched_point("FltGetContexts", objects->FileObject, SCHED_READ);
    GetFromFile(find, type, objects->Instance, objects->FileObject, context, site);
}

static void GetAll(PCFLT_RELATED_OBJECTS objects, FLT_CONTEXT_TYPE desired, PFLT_RELATED_CONTEXTS_EX contexts,
                   const void *site)
{
    *contexts = (FLT_RELATED_CONTEXTS_EX){0};
    if ((desired & FLT_VOLUME_CONTEXT) && objects->Volume)
        GetFromVolume(objects->Filter, objects->Volume, &contexts->VolumeContext, site);
    if (!objects->Instance)
        return;
    if (desired & FLT_INSTANCE_CONTEXT)
        GetFromInstance(objects->Instance, &contexts->InstanceContext, site);
    if (desired & FLT_FILE_CONTEXT)
        GetOne(FltpFileNode, FLT_FILE_CONTEXT, objects, &contexts->FileContext, site);
    if (desired & FLT_STREAM_CONTEXT)
        GetOne(FltpStreamNode, FLT_STREAM_CONTEXT, objects, &contexts->StreamContext, site);
    if (desired & FLT_STREAMHANDLE_CONTEXT)
        GetOne(FltpFileObjectNode, FLT_STREAMHANDLE_CONTEXT, objects, &contexts->StreamHandleContext, site);
    if ((desired & FLT_TRANSACTION_CONTEXT) && objects->Transaction)
        FltpGetTransactionContext(objects->Instance, objects->Transaction, &contexts->TransactionContext, site);
    if (desired & FLT_SECTION_CONTEXT)
        GetOne(FltpStreamNode, FLT_SECTION_CONTEXT, objects, &contexts->SectionContext, site);
}

NTSTATUS FltGetContextsEx(PCFLT_RELATED_OBJECTS FltObjects, FLT_CONTEXT_TYPE DesiredContexts, SIZE_T ContextsSize,
                          PFLT_RELATED_CONTEXTS_EX Contexts)
{
    API_IRQL(FltGetContextsEx);
    if (ContextsSize < sizeof(FLT_RELATED_CONTEXTS_EX) || (DesiredContexts & ~FLT_ALL_CONTEXTS))
        return STATUS_INVALID_PARAMETER;
    GetAll(FltObjects, DesiredContexts, Contexts, VERIFY_CALLER);
    return STATUS_SUCCESS;
}

VOID FltGetContexts(PCFLT_RELATED_OBJECTS FltObjects, FLT_CONTEXT_TYPE DesiredContexts, PFLT_RELATED_CONTEXTS Contexts)
{
    FLT_RELATED_CONTEXTS_EX all;
    API_IRQL(FltGetContexts);
    GetAll(FltObjects, DesiredContexts & FLT_ALL_CONTEXTS & ~FLT_SECTION_CONTEXT, &all, VERIFY_CALLER);
    *Contexts = (FLT_RELATED_CONTEXTS){all.VolumeContext, all.InstanceContext,     all.FileContext,
                                       all.StreamContext, all.StreamHandleContext, all.TransactionContext};
}
