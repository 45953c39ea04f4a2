/* The names of what a rename or a link is about to make, and of what tunneling made of a create. */
#include "name.h"

#include "fault/fault.h"

/* "\??\C:\dir\x" -> "\Device\HarddiskVolume1\dir\x": the drive letter's link is followed once. */
static NTSTATUS ResolveDrive(PCUNICODE_STRING full, PFLTP_TEXT resolved)
{
    size_t units = full->Length / sizeof(WCHAR), end = 4;
    while (end < units && full->Buffer[end] != u'\\')
        end++;
    UNICODE_STRING link = {.Buffer = full->Buffer,
                           .Length = (USHORT)(end * sizeof(WCHAR)),
                           .MaximumLength = (USHORT)(end * sizeof(WCHAR))};
    OBJECT_ATTRIBUTES attributes;
    HANDLE handle;
    WCHAR buffer[256];
    UNICODE_STRING target = {.Buffer = buffer, .MaximumLength = sizeof buffer};
    InitializeObjectAttributes(&attributes, &link, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    NTSTATUS status = ZwOpenSymbolicLinkObject(&handle, GENERIC_READ, &attributes);
    if (!NT_SUCCESS(status))
        return status;
    status = ZwQuerySymbolicLinkObject(handle, &target, NULL);
    ZwClose(handle);
    if (!NT_SUCCESS(status))
        return status;
    FltpAppendString(resolved, &target);
    FltpAppendUnits(resolved, full->Buffer + end, units - end);
    return STATUS_SUCCESS;
}

static bool HasPrefix(PCUNICODE_STRING name, const WCHAR *prefix, size_t units)
{
    if (name->Length / sizeof(WCHAR) < units)
        return false;
    for (size_t i = 0; i < units; i++)
        if (RtlUpcaseUnicodeChar(name->Buffer[i]) != RtlUpcaseUnicodeChar(prefix[i]))
            return false;
    return true;
}

static NTSTATUS FullPath(PFLTP_NAME_REQUEST request, PCUNICODE_STRING name, PFLTP_TEXT path)
{
    PCUNICODE_STRING volume = &request->Volume->Name;
    if (HasPrefix(name, u"\\??\\", 4)) {
        NTSTATUS status = ResolveDrive(name, path);
        if (!NT_SUCCESS(status))
            return status;
    } else if (HasPrefix(name, u"\\Device\\", 8)) {
        FltpAppendString(path, name);
    } else {
        FltpAppendString(path, volume);
        FltpAppendString(path, name);
    }
    UNICODE_STRING whole = FltpTextString(path, 0, path->Count);
    size_t units = volume->Length / sizeof(WCHAR);
    if (!HasPrefix(&whole, volume->Buffer, units) || (path->Count > units && path->Units[units] != u'\\'))
        return STATUS_MOUNT_POINT_NOT_RESOLVED;
    return STATUS_SUCCESS;
}

/* As the instance sees it: name providers have their say in it. */
static NTSTATUS OpenedName(PFLTP_NAME_REQUEST request, PFILE_OBJECT file, PFLTP_TEXT path)
{
    FLTP_NAME_REQUEST opened = *request;
    opened.File = file;
    opened.Format = FLT_FILE_NAME_OPENED;
    return FltpBuildName(&opened, path);
}

static NTSTATUS BelowDirectory(PFLTP_NAME_REQUEST request, HANDLE root, PCUNICODE_STRING name, PFLTP_TEXT path)
{
    PFILE_OBJECT directory;
    NTSTATUS status = ObReferenceObjectByHandle(root, 0, *IoFileObjectType, KernelMode, (PVOID *)&directory, NULL);
    if (!NT_SUCCESS(status))
        return status;
    status = OpenedName(request, directory, path);
    ObDereferenceObject(directory);
    if (NT_SUCCESS(status)) {
        if (path->Count && path->Units[path->Count - 1] != u'\\')
            FltpAppendUnits(path, u"\\", 1);
        FltpAppendString(path, name);
    }
    return status;
}

/* A name alone: in the file's own directory, or (":name") a stream of the file. */
static NTSTATUS BesideFile(PFLTP_NAME_REQUEST request, PCUNICODE_STRING name, PFLTP_TEXT path)
{
    NTSTATUS status = OpenedName(request, request->File, path);
    if (!NT_SUCCESS(status))
        return status;
    size_t final = path->Count, cut;
    while (final > 0 && path->Units[final - 1] != u'\\')
        final--;
    cut = final;
    if (name->Length && name->Buffer[0] == u':')
        while (cut < path->Count && path->Units[cut] != u':')
            cut++;
    path->Count = cut;
    FltpAppendString(path, name);
    return STATUS_SUCCESS;
}

NTSTATUS FltGetDestinationFileNameInformation(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, HANDLE RootDirectory,
                                              PWSTR FileName, ULONG FileNameLength, FLT_FILE_NAME_OPTIONS NameOptions,
                                              PFLT_FILE_NAME_INFORMATION *RetFileNameInformation)
{
    API_ENTER(FltGetDestinationFileNameInformation, FileObject, SCHED_READ);
    ULONG format = FltGetFileNameFormat(NameOptions);
    *RetFileNameInformation = NULL;
    if (format == FLT_FILE_NAME_SHORT || IoGetTopLevelIrp())
        return STATUS_FLT_INVALID_NAME_REQUEST;
    if ((format != FLT_FILE_NAME_OPENED && format != FLT_FILE_NAME_NORMALIZED) || FileNameLength > MAXUSHORT)
        return STATUS_INVALID_PARAMETER;
    FLTP_NAME_REQUEST request = {.Instance = Instance,
                                 .Volume = Instance->Volume,
                                 .File = FileObject,
                                 .Options = NameOptions,
                                 .Format = format,
                                 .Opened = true};
    UNICODE_STRING name = {.Buffer = FileName, .Length = (USHORT)FileNameLength, .MaximumLength = (USHORT)FileNameLength};
    FLTP_TEXT path = {0};
    NTSTATUS status;
    VERIFY_CALL_DOWN("FltGetDestinationFileNameInformation",
                     format == FLT_FILE_NAME_NORMALIZED ? VERIFY_CALL_CREATE : VERIFY_CALL_OTHER, NULL, VERIFY_CALLER);
    if (fault_allocation())
        status = STATUS_INSUFFICIENT_RESOURCES;
    else if (RootDirectory)
        status = BelowDirectory(&request, RootDirectory, &name, &path);
    else if (name.Length && name.Buffer[0] == u'\\')
        status = FullPath(&request, &name, &path);
    else
        status = BesideFile(&request, &name, &path);
    if (NT_SUCCESS(status) && format == FLT_FILE_NAME_NORMALIZED)
        status = FltpNormalizeName(&request, NULL, &path);
    if (NT_SUCCESS(status)) {
        PFLTP_NAME block = FltpCreateName(&request, &path, VERIFY_CALLER);
        FltpHoldName(block, "got by", VERIFY_CALLER);
        FltpDereferenceName(block);
        *RetFileNameInformation = &block->Info;
    }
    FltpFreeText(&path);
    return status;
}

static UNICODE_STRING FinalOf(PCUNICODE_STRING name)
{
    size_t end = name->Length / sizeof(WCHAR), from = end, stop;
    while (from > 0 && name->Buffer[from - 1] != u'\\')
        from--;
    for (stop = from; stop < end && name->Buffer[stop] != u':'; stop++)
        ;
    USHORT bytes = (USHORT)((stop - from) * sizeof(WCHAR));
    return (UNICODE_STRING){.Buffer = name->Buffer + from, .Length = bytes, .MaximumLength = bytes};
}

NTSTATUS FltGetTunneledName(PFLT_CALLBACK_DATA CallbackData, PFLT_FILE_NAME_INFORMATION FileNameInformation,
                            PFLT_FILE_NAME_INFORMATION *RetTunneledFileNameInformation)
{
    API_ENTER(FltGetTunneledName, CallbackData, SCHED_READ);
    *RetTunneledFileNameInformation = NULL;
    if (FltGetFileNameFormat(FileNameInformation->Format) != FLT_FILE_NAME_NORMALIZED)
        return STATUS_INVALID_PARAMETER;
    UNICODE_STRING asked = FinalOf(&FileNameInformation->Name);
    bool candidate = false;
    for (size_t i = 0; i < asked.Length / sizeof(WCHAR); i++)
        candidate = candidate || asked.Buffer[i] == u'~';
    if (!candidate)
        return STATUS_SUCCESS;
    PFLT_INSTANCE instance = CallbackData->Iopb->TargetInstance;
    PFILE_OBJECT file = CallbackData->Iopb->TargetFileObject;
    FLTP_NAME_REQUEST request = {.Instance = instance,
                                 .Volume = instance->Volume,
                                 .File = file,
                                 .Options = FLT_FILE_NAME_NORMALIZED | FLT_FILE_NAME_QUERY_FILESYSTEM_ONLY,
                                 .Format = FLT_FILE_NAME_NORMALIZED,
                                 .Opened = true};
    FLTP_TEXT actual = {0};
    VERIFY_CALL_DOWN("FltGetTunneledName", VERIFY_CALL_CREATE, NULL, VERIFY_CALLER);
    NTSTATUS status = FltpBuildName(&request, &actual);
    if (NT_SUCCESS(status)) {
        UNICODE_STRING whole = FltpTextString(&actual, 0, actual.Count), final = FinalOf(&whole);
        if (!RtlEqualUnicodeString(&final, &asked, TRUE)) {
            PFLTP_NAME block = FltpCreateName(&request, &actual, VERIFY_CALLER);
            FltpHoldName(block, "got by", VERIFY_CALLER);
            FltpDereferenceName(block);
            *RetTunneledFileNameInformation = &block->Info;
        }
    }
    FltpFreeText(&actual);
    return status;
}
