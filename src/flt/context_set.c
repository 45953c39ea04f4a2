/* The documented set, get and delete routines: each finds its object's node. */
#include "context.h"
#include "ktm.h"
#include "name.h"

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
    Clear(OldContext);
    PFLT_FILTER filter = FltpCheckContext(NewContext, "FltSetVolumeContext", VERIFY_CALLER)->Filter;
    return FltpSetOnNode(FltpObjectNode(&Volume->VolumeContexts, Volume, true), FLT_VOLUME_CONTEXT, filter, NULL,
                         Operation, NewContext, OldContext, VERIFY_CALLER);
}

NTSTATUS FltGetVolumeContext(PFLT_FILTER Filter, PFLT_VOLUME Volume, PFLT_CONTEXT *Context)
{
    API_ENTER(FltGetVolumeContext, Volume, SCHED_READ);
    return FltpGetFromNode(FltpObjectNode(&Volume->VolumeContexts, Volume, false), FLT_VOLUME_CONTEXT, Filter, Context,
                           VERIFY_CALLER);
}

NTSTATUS FltDeleteVolumeContext(PFLT_FILTER Filter, PFLT_VOLUME Volume, PFLT_CONTEXT *OldContext)
{
    API_ENTER(FltDeleteVolumeContext, Volume, SCHED_WRITE);
    NTSTATUS status = FltpDeleteFromNode(FltpObjectNode(&Volume->VolumeContexts, Volume, false), FLT_VOLUME_CONTEXT,
                                         Filter, OldContext, VERIFY_CALLER);
    return status == STATUS_NOT_FOUND && Volume->Base.Flags & FLT_OBFL_DRAINING ? STATUS_FLT_DELETING_OBJECT : status;
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
    return FltpSetOnNode(FltpObjectNode(&Instance->Contexts, Instance, true), FLT_INSTANCE_CONTEXT, Instance, Instance,
                         Operation, NewContext, OldContext, VERIFY_CALLER);
}

NTSTATUS FltGetInstanceContext(PFLT_INSTANCE Instance, PFLT_CONTEXT *Context)
{
    API_ENTER(FltGetInstanceContext, Instance, SCHED_READ);
    return FltpGetFromNode(FltpObjectNode(&Instance->Contexts, Instance, false), FLT_INSTANCE_CONTEXT, Instance,
                           Context, VERIFY_CALLER);
}

NTSTATUS FltDeleteInstanceContext(PFLT_INSTANCE Instance, PFLT_CONTEXT *OldContext)
{
    API_ENTER(FltDeleteInstanceContext, Instance, SCHED_WRITE);
    return FltpDeleteFromNode(FltpObjectNode(&Instance->Contexts, Instance, false), FLT_INSTANCE_CONTEXT, Instance,
                              OldContext, VERIFY_CALLER);
}

void FltpCloseInstanceContexts(PFLT_INSTANCE Instance)
{
    PFLTP_CONTEXT_NODE own = FltpObjectNode(&Instance->Contexts, Instance, true);
    __atomic_store_n(&own->Dead, true, __ATOMIC_RELEASE);
    FltpForgetEnlistments(Instance);
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
    FltpCheckVolume(instance, file, "Set", type, site);
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
    FltpCheckVolume(instance, file, "Get", type, site);
    NTSTATUS status = find(file, false, &node);
    return NT_SUCCESS(status) ? FltpGetFromNode(node, type, instance, context, site) : status;
}

static NTSTATUS DeleteFromFile(FIND_NODE *find, FLT_CONTEXT_TYPE type, PFLT_INSTANCE instance, PFILE_OBJECT file,
                               PFLT_CONTEXT *old, const void *site)
{
    PFLTP_CONTEXT_NODE node;
    Clear(old);
    FltpCheckVolume(instance, file, "Delete", type, site);
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

NTSTATUS FltSetStreamContext(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, FLT_SET_CONTEXT_OPERATION Operation,
                             PFLT_CONTEXT NewContext, PFLT_CONTEXT *OldContext)
{
    API_ENTER(FltSetStreamContext, FileObject, SCHED_WRITE);
    return SetOnFile(FltpStreamNode, FLT_STREAM_CONTEXT, Instance, FileObject, Operation, NewContext, OldContext,
                     VERIFY_CALLER);
}

NTSTATUS FltGetStreamContext(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, PFLT_CONTEXT *Context)
{
    API_ENTER(FltGetStreamContext, FileObject, SCHED_READ);
    return GetFromFile(FltpStreamNode, FLT_STREAM_CONTEXT, Instance, FileObject, Context, VERIFY_CALLER);
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

NTSTATUS FltGetContextsEx(PCFLT_RELATED_OBJECTS FltObjects, FLT_CONTEXT_TYPE DesiredContexts, SIZE_T ContextsSize,
                          PFLT_RELATED_CONTEXTS_EX Contexts)
{
    API_ENTER(FltGetContextsEx, FltObjects->Instance, SCHED_READ);
    if (ContextsSize < sizeof(FLT_RELATED_CONTEXTS_EX) || (DesiredContexts & ~FLT_ALL_CONTEXTS))
        return STATUS_INVALID_PARAMETER;
    PFLT_INSTANCE instance = FltObjects->Instance;
    PFILE_OBJECT file = FltObjects->FileObject;
    *Contexts = (FLT_RELATED_CONTEXTS_EX){0};
    if ((DesiredContexts & FLT_VOLUME_CONTEXT) && FltObjects->Volume)
        FltGetVolumeContext(FltObjects->Filter, FltObjects->Volume, &Contexts->VolumeContext);
    if (!instance)
        return STATUS_SUCCESS;
    if (DesiredContexts & FLT_INSTANCE_CONTEXT)
        FltGetInstanceContext(instance, &Contexts->InstanceContext);
    if ((DesiredContexts & FLT_FILE_CONTEXT) && file)
        FltGetFileContext(instance, file, &Contexts->FileContext);
    if ((DesiredContexts & FLT_STREAM_CONTEXT) && file)
        FltGetStreamContext(instance, file, &Contexts->StreamContext);
    if ((DesiredContexts & FLT_STREAMHANDLE_CONTEXT) && file)
        FltGetStreamHandleContext(instance, file, &Contexts->StreamHandleContext);
    if ((DesiredContexts & FLT_TRANSACTION_CONTEXT) && FltObjects->Transaction)
        FltGetTransactionContext(instance, FltObjects->Transaction, &Contexts->TransactionContext);
    if ((DesiredContexts & FLT_SECTION_CONTEXT) && file)
        FltGetSectionContext(instance, file, &Contexts->SectionContext);
    return STATUS_SUCCESS;
}

VOID FltGetContexts(PCFLT_RELATED_OBJECTS FltObjects, FLT_CONTEXT_TYPE DesiredContexts, PFLT_RELATED_CONTEXTS Contexts)
{
    FLT_RELATED_CONTEXTS_EX all;
    API_ENTER(FltGetContexts, FltObjects->Instance, SCHED_READ);
    FltGetContextsEx(FltObjects, DesiredContexts & FLT_ALL_CONTEXTS & ~FLT_SECTION_CONTEXT, sizeof all, &all);
    *Contexts = (FLT_RELATED_CONTEXTS){all.VolumeContext, all.InstanceContext,     all.FileContext,
                                       all.StreamContext, all.StreamHandleContext, all.TransactionContext};
}

static void ReleaseEach(PFLT_CONTEXT *contexts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (contexts[i])
            FltReleaseContext(contexts[i]);
        contexts[i] = NULL_CONTEXT;
    }
}

VOID FltReleaseContexts(PFLT_RELATED_CONTEXTS Contexts)
{
    API_IRQL(FltReleaseContexts);
    ReleaseEach((PFLT_CONTEXT *)Contexts, sizeof *Contexts / sizeof(PFLT_CONTEXT));
}

VOID FltReleaseContextsEx(SIZE_T ContextsSize, PFLT_RELATED_CONTEXTS_EX Contexts)
{
    API_IRQL(FltReleaseContextsEx);
    size_t count = ContextsSize / sizeof(PFLT_CONTEXT), most = sizeof *Contexts / sizeof(PFLT_CONTEXT);
    ReleaseEach((PFLT_CONTEXT *)Contexts, count < most ? count : most);
}
