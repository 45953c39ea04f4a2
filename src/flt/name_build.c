/* Putting a name together: from a create's parameters, from the file system, or from a name provider below. */
#include "name.h"

#include <string.h>

static bool ByFileId(PFLT_CALLBACK_DATA data)
{
    return data && data->Iopb->MajorFunction == IRP_MJ_CREATE &&
           (data->Iopb->Parameters.Create.Options & FILE_OPEN_BY_FILE_ID);
}

static void TrimFinalComponent(PFLTP_TEXT name, size_t volume)
{
    while (name->Count > volume + 1 && name->Units[name->Count - 1] == u'\\')
        name->Count--;
    while (name->Count > volume && name->Units[name->Count - 1] != u'\\')
        name->Count--;
    if (name->Count > volume + 1)
        name->Count--; /* the separator; the root keeps it */
}

NTSTATUS FltpQueryOpenedName(PFLTP_NAME_REQUEST Request, PFILE_OBJECT File, PFLTP_TEXT Name)
{
    FltpAppendString(Name, &Request->Volume->Name);
    if (File->Flags & FO_VOLUME_OPEN)
        return STATUS_SUCCESS;
    return FltpQueryNameBelow(Request, File, FileNameInformation, Name);
}

/* A create by file ID says nothing of the name: the file is opened below to ask for it. */
static NTSTATUS NameOfId(PFLTP_NAME_REQUEST request, PFLTP_TEXT name, bool normalized)
{
    HANDLE root = NULL, handle = NULL;
    PFILE_OBJECT file = NULL;
    UNICODE_STRING id = request->File->FileName;
    NTSTATUS status = STATUS_FLT_INVALID_NAME_REQUEST;
    if (request->File->RelatedFileObject)
        status = ObOpenObjectByPointer(request->File->RelatedFileObject, OBJ_KERNEL_HANDLE, NULL, 0, *IoFileObjectType,
                                       KernelMode, &root);
    if (NT_SUCCESS(status))
        status = FltpOpenBelow(request, &id, root, FILE_OPEN_BY_FILE_ID | FILE_OPEN_REPARSE_POINT, &handle, &file);
    if (NT_SUCCESS(status)) {
        FltpAppendString(name, &request->Volume->Name);
        status = STATUS_NOT_SUPPORTED;
        if (normalized)
            status = FltpQueryNameBelow(request, file, FileNormalizedNameInformation, name);
        if (!NT_SUCCESS(status))
            status = FltpQueryNameBelow(request, file, FileNameInformation, name);
    }
    if (file)
        ObDereferenceObject(file);
    if (handle)
        FltClose(handle);
    if (root)
        ZwClose(root);
    return status;
}

/* The name as a create asks for it: nothing is open yet. */
static NTSTATUS NameOfCreate(PFLTP_NAME_REQUEST request, PFLTP_TEXT name)
{
    PFILE_OBJECT file = request->File, related = file->RelatedFileObject;
    size_t volume = request->Volume->Name.Length / sizeof(WCHAR);
    if (ByFileId(request->Data))
        return NameOfId(request, name, false);
    if (related && !(file->FileName.Length && file->FileName.Buffer[0] == u'\\')) {
        NTSTATUS status = FltpQueryOpenedName(request, related, name);
        if (!NT_SUCCESS(status))
            return status;
        bool stream = file->FileName.Length && file->FileName.Buffer[0] == u':';
        bool closed = name->Count && name->Units[name->Count - 1] == u'\\';
        if (file->FileName.Length && !stream && !closed)
            FltpAppendUnits(name, u"\\", 1);
    } else {
        FltpAppendString(name, &request->Volume->Name);
    }
    FltpAppendString(name, &file->FileName);
    bool target = request->Data && request->Data->Iopb->MajorFunction == IRP_MJ_CREATE &&
                  (request->Data->Iopb->OperationFlags & SL_OPEN_TARGET_DIRECTORY);
    if (target && name->Count > volume)
        TrimFinalComponent(name, volume);
    return STATUS_SUCCESS;
}

static NTSTATUS ShortName(PFLTP_NAME_REQUEST request, PFLTP_TEXT name)
{
    if (!request->Opened)
        return STATUS_FLT_INVALID_NAME_REQUEST;
    return FltpQueryNameBelow(request, request->File, FileAlternateNameInformation, name);
}

static NTSTATUS Normalized(PFLTP_NAME_REQUEST request, PFLTP_TEXT name)
{
    if (request->Opened && !(request->File->Flags & FO_VOLUME_OPEN)) {
        FltpAppendString(name, &request->Volume->Name);
        size_t prefix = name->Count;
        NTSTATUS status = FltpQueryNameBelow(request, request->File, FileNormalizedNameInformation, name);
        if (NT_SUCCESS(status))
            return status;
        name->Count = prefix;
        status = FltpQueryNameBelow(request, request->File, FileNameInformation, name);
        return NT_SUCCESS(status) ? FltpNormalizeName(request, NULL, name) : status;
    }
    if (ByFileId(request->Data))
        return NameOfId(request, name, true);
    NTSTATUS status = request->Opened ? FltpQueryOpenedName(request, request->File, name) : NameOfCreate(request, name);
    return NT_SUCCESS(status) ? FltpNormalizeName(request, NULL, name) : status;
}

/* ---- name providers --------------------------------------------------------------------------------------------------- */

/* The next instance below (or, where the provider asks for its own names, from itself) that provides names. */
static PFLT_INSTANCE FindProvider(PFLTP_NAME_REQUEST request)
{
    PFLT_INSTANCE asker = request->Instance;
    PFLT_VOLUME volume = request->Volume;
    bool own = asker && (request->Options & FLT_FILE_NAME_REQUEST_FROM_CURRENT_PROVIDER);
    PFLT_INSTANCE found = NULL;
    sched_lock(&volume->Lock);
    bool below = asker == NULL;
    for (PLIST_ENTRY link = volume->Instances.Flink; link != &volume->Instances && !found; link = link->Flink) {
        PFLT_INSTANCE instance = CONTAINING_RECORD(link, struct _FLT_INSTANCE, Base.PrimaryLink);
        bool candidate = below || (own && instance == asker);
        below = below || instance == asker;
        if (candidate && instance->Filter->Registration.GenerateFileNameCallback &&
            NT_SUCCESS(FltpReferenceObject(&instance->Base, "referenced for a name query", NULL)))
            found = instance;
    }
    sched_unlock(&volume->Lock);
    return found;
}

/* Asked with the operation's callback data, the provider asks with it in turn: for what is below itself. */
static PFLT_INSTANCE ShowAs(PFLT_CALLBACK_DATA data, PFLT_INSTANCE instance)
{
    PFLT_INSTANCE before = data ? data->Iopb->TargetInstance : NULL;
    if (data)
        data->Iopb->TargetInstance = instance;
    return before;
}

static NTSTATUS Generate(PFLTP_NAME_REQUEST request, PFLT_INSTANCE provider, ULONG format, PFLTP_TEXT name)
{
    FLT_NAME_CONTROL control = {.Name = {.MaximumLength = 256 * sizeof(WCHAR)}};
    control.Name.Buffer = sim_alloc(control.Name.MaximumLength);
    FLT_FILE_NAME_OPTIONS options =
        (request->Options & ~(FLT_VALID_FILE_NAME_FORMATS | FLT_FILE_NAME_REQUEST_FROM_CURRENT_PROVIDER)) | format;
    BOOLEAN cache = TRUE;
    PFLT_INSTANCE asker = ShowAs(request->Data, provider);
    NTSTATUS status = provider->Filter->Registration.GenerateFileNameCallback(
        provider, request->File, request->Data, options, &cache, &control);
    ShowAs(request->Data, asker);
    if (NT_SUCCESS(status))
        FltpAppendString(name, &control.Name);
    if (!cache)
        request->Cacheable = false;
    sim_free(control.Name.Buffer);
    return status;
}

static NTSTATUS FromProvider(PFLTP_NAME_REQUEST request, PFLT_INSTANCE provider, PFLTP_TEXT name)
{
    NTSTATUS status = Generate(request, provider, request->Format, name);
    if (NT_SUCCESS(status) || request->Format != FLT_FILE_NAME_NORMALIZED)
        return status;
    name->Count = 0;
    status = Generate(request, provider, FLT_FILE_NAME_OPENED, name);
    return NT_SUCCESS(status) ? FltpNormalizeName(request, provider, name) : status;
}

NTSTATUS FltpBuildName(PFLTP_NAME_REQUEST Request, PFLTP_TEXT Name)
{
    NTSTATUS status;
    Request->Cacheable = true;
    PFLT_INSTANCE provider = FindProvider(Request);
    if (provider) {
        status = FromProvider(Request, provider, Name);
        FltpDereferenceObject(&provider->Base, "released after a name query", NULL);
        return status;
    }
    switch (Request->Format) {
    case FLT_FILE_NAME_SHORT:
        return ShortName(Request, Name);
    case FLT_FILE_NAME_OPENED:
        return Request->Opened ? FltpQueryOpenedName(Request, Request->File, Name) : NameOfCreate(Request, Name);
    default:
        return Normalized(Request, Name);
    }
}
