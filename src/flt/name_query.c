/* FltGetFileNameInformation: when a name may be asked for, from where, and what becomes of it. */
#include "name.h"

#include "fault/fault.h"

struct _FLTP_OP_NAMES {
    struct _FLTP_OP_NAMES *Next;
    PFLT_INSTANCE Instance;
    ULONG Format;
    PFLTP_NAME Name;
};

static bool IsPost(PFLT_CALLBACK_DATA data)
{
    return (data->Flags & FLTFL_CALLBACK_DATA_POST_OPERATION) != 0;
}

/* Would asking the file system recurse into it where it cannot take that? */
static bool IsSafe(PFLTP_NAME_REQUEST request)
{
    PFLT_CALLBACK_DATA data = request->Data;
    if (IoGetTopLevelIrp() || KeAreAllApcsDisabled() || (request->File->Flags & FO_CLEANUP_COMPLETE))
        return false;
    if ((data->Flags & FLTFL_CALLBACK_DATA_IRP_OPERATION) && (data->Iopb->IrpFlags & (IRP_PAGING_IO | IRP_SYNCHRONOUS_PAGING_IO)))
        return false;
    switch (data->Iopb->MajorFunction) {
    case IRP_MJ_ACQUIRE_FOR_CC_FLUSH:
    case IRP_MJ_ACQUIRE_FOR_MOD_WRITE:
    case IRP_MJ_RELEASE_FOR_CC_FLUSH:
    case IRP_MJ_RELEASE_FOR_MOD_WRITE:
    case IRP_MJ_RELEASE_FOR_SECTION_SYNCHRONIZATION:
        return false;
    case IRP_MJ_ACQUIRE_FOR_SECTION_SYNCHRONIZATION:
        return !IsPost(data);
    case IRP_MJ_CLEANUP:
        return !IsPost(data);
    case IRP_MJ_CLOSE:
        return false;
    default:
        return true;
    }
}

/* Does the file system know the file object? */
static bool IsOpened(PFLT_CALLBACK_DATA data, PFILE_OBJECT file)
{
    if (data && data->Iopb->MajorFunction == IRP_MJ_CREATE)
        return IsPost(data) && NT_SUCCESS(data->IoStatus.Status) && data->IoStatus.Status != STATUS_REPARSE;
    if (data && data->Iopb->MajorFunction == IRP_MJ_NETWORK_QUERY_OPEN)
        return false;
    return file->FsContext != NULL || (file->Flags & FO_VOLUME_OPEN);
}

/* ---- names remembered for the time of one create ------------------------------------------------------------------------ */

static PFLTP_NAME FindOpName(PFLTP_NAME_REQUEST request)
{
    PIRP_CTRL op = FltpOpFromData(request->Data);
    for (struct _FLTP_OP_NAMES *at = op->Names; at; at = at->Next) {
        if (at->Instance == request->Instance && at->Format == request->Format) {
            FltpReferenceName(at->Name);
            return at->Name;
        }
    }
    return NULL;
}

static void RememberOpName(PFLTP_NAME_REQUEST request, PFLTP_NAME name)
{
    PIRP_CTRL op = FltpOpFromData(request->Data);
    struct _FLTP_OP_NAMES *entry = sim_alloc(sizeof *entry);
    FltpReferenceName(name);
    *entry = (struct _FLTP_OP_NAMES){op->Names, request->Instance, request->Format, name};
    op->Names = entry;
}

void FltpForgetNames(PIRP_CTRL Op)
{
    while (Op->Names) {
        struct _FLTP_OP_NAMES *entry = Op->Names;
        Op->Names = entry->Next;
        FltpDereferenceName(entry->Name);
        sim_free(entry);
    }
}

static PFLTP_NAME FindName(PFLTP_NAME_REQUEST request)
{
    if (request->Opened || !request->Data)
        return FltpFindCachedName(request);
    return FindOpName(request);
}

static void KeepName(PFLTP_NAME_REQUEST request, PFLTP_NAME name)
{
    if (!request->Cacheable || (request->Options & FLT_FILE_NAME_DO_NOT_CACHE) || !request->Instance)
        return;
    if (request->Opened)
        FltpCacheName(request, name);
    else if (request->Data)
        RememberOpName(request, name);
}

/* ---- the query ------------------------------------------------------------------------------------------------------------ */

/* To normalize a name, folders are opened and listed. */
static enum verify_call_kind CallKind(const FLTP_NAME_REQUEST *request)
{
    if (request->Format == FLT_FILE_NAME_NORMALIZED)
        return VERIFY_CALL_CREATE | VERIFY_CALL_FILE;
    return request->Opened ? VERIFY_CALL_FILE : VERIFY_CALL_OTHER;
}

/* The documentation asks for a method; the many drivers that give none are answered all the same. */
static ULONG MethodOf(FLT_FILE_NAME_OPTIONS options)
{
    ULONG method = FltGetFileNameQueryMethod(options);
    return method ? method : FLT_FILE_NAME_QUERY_DEFAULT;
}

static NTSTATUS Query(PFLTP_NAME_REQUEST request, bool safe, PFLTP_NAME *name, const void *site)
{
    ULONG method = MethodOf(request->Options);
    bool lookup = method != FLT_FILE_NAME_QUERY_FILESYSTEM_ONLY && (safe || method != FLT_FILE_NAME_QUERY_DEFAULT);
    request->Generation = FltpNameGeneration(request->Volume);
    *name = lookup ? FindName(request) : NULL;
    if (*name)
        return STATUS_SUCCESS;
    if (method == FLT_FILE_NAME_QUERY_CACHE_ONLY)
        return STATUS_FLT_NAME_CACHE_MISS;
    if (!safe)
        return method == FLT_FILE_NAME_QUERY_ALWAYS_ALLOW_CACHE_LOOKUP ? STATUS_FLT_NAME_CACHE_MISS
                                                                       : STATUS_FLT_INVALID_NAME_REQUEST;
    FLTP_TEXT text = {0};
    VERIFY_CALL_DOWN("FltGetFileNameInformation", CallKind(request), request->Opened ? request->File->FsContext : NULL, site);
    NTSTATUS status = fault_allocation() ? STATUS_INSUFFICIENT_RESOURCES : FltpBuildName(request, &text);
    if (NT_SUCCESS(status) && text.Count * sizeof(WCHAR) > MAXUSHORT)
        status = STATUS_OBJECT_NAME_INVALID;
    if (NT_SUCCESS(status)) {
        *name = FltpCreateName(request, &text, site);
        KeepName(request, *name);
    }
    FltpFreeText(&text);
    return status;
}

static bool ValidOptions(FLT_FILE_NAME_OPTIONS options)
{
    ULONG format = FltGetFileNameFormat(options), method = MethodOf(options);
    ULONG known = FLT_FILE_NAME_REQUEST_FROM_CURRENT_PROVIDER | FLT_FILE_NAME_DO_NOT_CACHE |
                  FLT_FILE_NAME_ALLOW_QUERY_ON_REPARSE;
    return format >= FLT_FILE_NAME_NORMALIZED && format <= FLT_FILE_NAME_SHORT &&
           method >= FLT_FILE_NAME_QUERY_DEFAULT && method <= FLT_FILE_NAME_QUERY_ALWAYS_ALLOW_CACHE_LOOKUP &&
           !(FltGetFileNameFlags(options) & ~known);
}

static NTSTATUS Answer(PFLTP_NAME_REQUEST request, bool safe, PFLT_FILE_NAME_INFORMATION *information, const void *site)
{
    PFLTP_NAME name;
    NTSTATUS status = Query(request, safe, &name, site);
    if (!NT_SUCCESS(status))
        return status;
    name = FltpNameForDriver(name, site);
    FltpHoldName(name, "got by", site);
    FltpDereferenceName(name);
    *information = &name->Info;
    return STATUS_SUCCESS;
}

NTSTATUS FltGetFileNameInformation(PFLT_CALLBACK_DATA CallbackData, FLT_FILE_NAME_OPTIONS NameOptions,
                                   PFLT_FILE_NAME_INFORMATION *FileNameInformation)
{
    API_ENTER(FltGetFileNameInformation, CallbackData, SCHED_READ);
    if (!FileNameInformation || !CallbackData)
        return STATUS_INVALID_PARAMETER;
    *FileNameInformation = NULL;
    PFLT_INSTANCE instance = CallbackData->Iopb->TargetInstance;
    PFILE_OBJECT file = CallbackData->Iopb->TargetFileObject;
    if (!ValidOptions(NameOptions))
        return STATUS_INVALID_PARAMETER;
    if (!file || !instance)
        return STATUS_FLT_INVALID_NAME_REQUEST;
    bool create = CallbackData->Iopb->MajorFunction == IRP_MJ_CREATE;
    if (create && IsPost(CallbackData) && CallbackData->IoStatus.Status == STATUS_REPARSE &&
        !(NameOptions & FLT_FILE_NAME_ALLOW_QUERY_ON_REPARSE))
        return STATUS_FLT_INVALID_NAME_REQUEST;
    FLTP_NAME_REQUEST request = {.Instance = instance,
                                 .Volume = instance->Volume,
                                 .File = file,
                                 .Data = CallbackData,
                                 .Options = NameOptions,
                                 .Format = FltGetFileNameFormat(NameOptions),
                                 .Opened = IsOpened(CallbackData, file)};
    if (!request.Opened && request.Format == FLT_FILE_NAME_SHORT)
        return STATUS_FLT_INVALID_NAME_REQUEST;
    if (!request.Opened && !create && CallbackData->Iopb->MajorFunction != IRP_MJ_NETWORK_QUERY_OPEN)
        return STATUS_FLT_INVALID_NAME_REQUEST;
    return Answer(&request, IsSafe(&request), FileNameInformation, VERIFY_CALLER);
}

NTSTATUS FltGetFileNameInformationUnsafe(PFILE_OBJECT FileObject, PFLT_INSTANCE Instance,
                                         FLT_FILE_NAME_OPTIONS NameOptions,
                                         PFLT_FILE_NAME_INFORMATION *FileNameInformation)
{
    API_ENTER(FltGetFileNameInformationUnsafe, FileObject, SCHED_READ);
    if (!FileNameInformation || !FileObject)
        return STATUS_INVALID_PARAMETER;
    *FileNameInformation = NULL;
    if (!ValidOptions(NameOptions))
        return STATUS_INVALID_PARAMETER;
    PFLT_VOLUME volume = Instance ? Instance->Volume : FltpVolumeFromDevice(IoGetRelatedDeviceObject(FileObject));
    if (!volume || !IsOpened(NULL, FileObject))
        return STATUS_FLT_INVALID_NAME_REQUEST;
    FLTP_NAME_REQUEST request = {.Instance = Instance,
                                 .Volume = volume,
                                 .File = FileObject,
                                 .Options = NameOptions,
                                 .Format = FltGetFileNameFormat(NameOptions),
                                 .Opened = true};
    return Answer(&request, true, FileNameInformation, VERIFY_CALLER);
}
