/* Normalizing: short components become long ones, directories get the case that the disk has, stream types and
 * closing backslashes go. */
#include "name.h"

#include <string.h>

static bool IsShortCandidate(PCUNICODE_STRING component)
{
    for (size_t i = 0; i < component->Length / sizeof(WCHAR); i++)
        if (component->Buffer[i] == u'~')
            return true;
    return false;
}

/* One of `PFLT_NORMALIZE_NAME_COMPONENT`, or what the file system's directory says. */
static NTSTATUS Expand(PFLTP_NAME_REQUEST request, PFLT_INSTANCE provider, PFLTP_TEXT path, PUNICODE_STRING component,
                       PVOID *context, PFLTP_TEXT expanded)
{
    UNICODE_STRING parent = FltpTextString(path, 0, path->Count);
    if (provider) {
        const FLT_REGISTRATION *r = &provider->Filter->Registration;
        USHORT volume = request->Volume->Name.Length;
        ULONG length = sizeof(FILE_NAMES_INFORMATION) + 256 * sizeof(WCHAR);
        PFILE_NAMES_INFORMATION info = sim_alloc(length);
        NTSTATUS status = STATUS_NOT_SUPPORTED;
        if (r->NormalizeNameComponentExCallback)
            status = r->NormalizeNameComponentExCallback(provider, request->File, &parent, volume, component, info,
                                                         length, 0, context);
        else if (r->NormalizeNameComponentCallback)
            status = r->NormalizeNameComponentCallback(provider, &parent, volume, component, info, length, 0, context);
        if (NT_SUCCESS(status))
            FltpAppendUnits(expanded, info->FileName, info->FileNameLength / sizeof(WCHAR));
        sim_free(info);
        return status;
    }
    HANDLE handle;
    PFILE_OBJECT directory;
    NTSTATUS status = FltpOpenBelow(request, &parent, NULL, FILE_DIRECTORY_FILE, &handle, &directory);
    if (NT_SUCCESS(status))
        status = FltpFindInDirectory(request, directory, component, expanded);
    if (directory)
        ObDereferenceObject(directory);
    if (handle)
        FltClose(handle);
    return status;
}

/* Appends a component to the path, expanded where it may be short. A last one that does not exist stays as it is. */
static NTSTATUS AppendComponent(PFLTP_NAME_REQUEST request, PFLT_INSTANCE provider, PFLTP_TEXT path,
                                PUNICODE_STRING component, bool last, PVOID *context)
{
    FLTP_TEXT expanded = {0};
    NTSTATUS status = STATUS_NOT_FOUND;
    if (IsShortCandidate(component) && path->Count > request->Volume->Name.Length / sizeof(WCHAR))
        status = Expand(request, provider, path, component, context, &expanded);
    if (NT_SUCCESS(status))
        FltpAppendUnits(path, expanded.Units, expanded.Count);
    else
        FltpAppendString(path, component);
    FltpFreeText(&expanded);
    bool missing = status == STATUS_NOT_FOUND || status == STATUS_NO_SUCH_FILE || status == STATUS_NO_MORE_FILES ||
                   status == STATUS_NOT_SUPPORTED;
    return NT_SUCCESS(status) || missing || last ? STATUS_SUCCESS : status;
}

/* The directory part as the file system itself normalizes it. */
static NTSTATUS NormalizeParent(PFLTP_NAME_REQUEST request, PUNICODE_STRING parent, PFLTP_TEXT path)
{
    HANDLE handle;
    PFILE_OBJECT directory;
    UNICODE_STRING name = *parent;
    size_t prefix = path->Count;
    NTSTATUS status = FltpOpenBelow(request, &name, NULL, FILE_DIRECTORY_FILE, &handle, &directory);
    if (NT_SUCCESS(status)) {
        status = FltpQueryNameBelow(request, directory, FileNormalizedNameInformation, path);
        if (!NT_SUCCESS(status)) {
            path->Count = prefix;
            status = STATUS_NOT_SUPPORTED;
        }
    }
    if (directory)
        ObDereferenceObject(directory);
    if (handle)
        FltClose(handle);
    if (status == STATUS_MOUNT_POINT_NOT_RESOLVED)
        return STATUS_NOT_SAME_DEVICE;
    return status == STATUS_OBJECT_NAME_NOT_FOUND ? STATUS_OBJECT_PATH_NOT_FOUND : status;
}

static void DropStreamType(PFLTP_TEXT name, size_t from)
{
    static const WCHAR type[] = {u':', u'$', u'D', u'A', u'T', u'A'};
    enum { UNITS = sizeof type / sizeof *type };
    if (name->Count < from + UNITS)
        return;
    const WCHAR *tail = name->Units + name->Count - UNITS;
    for (size_t i = 0; i < UNITS; i++)
        if (RtlUpcaseUnicodeChar(tail[i]) != type[i])
            return;
    bool second = false; /* ":stream:$DATA" or "::$DATA", not a stream of that name */
    for (size_t i = from; i + UNITS < name->Count; i++)
        second = second || name->Units[i] == u':';
    if (!second)
        return;
    name->Count -= UNITS;
    if (name->Count > from && name->Units[name->Count - 1] == u':')
        name->Count--;
}

static size_t FinalComponent(const FLTP_TEXT *name, size_t volume)
{
    size_t final = name->Count;
    while (final > volume && name->Units[final - 1] != u'\\')
        final--;
    return final;
}

static NTSTATUS Components(PFLTP_NAME_REQUEST request, PFLT_INSTANCE provider, const FLTP_TEXT *name, size_t from,
                           PFLTP_TEXT path)
{
    PVOID context = NULL;
    NTSTATUS status = STATUS_SUCCESS;
    while (from < name->Count && NT_SUCCESS(status)) {
        size_t end = from;
        while (end < name->Count && name->Units[end] != u'\\')
            end++;
        UNICODE_STRING component = FltpTextString(name, from, end);
        status = AppendComponent(request, provider, path, &component, end == name->Count, &context);
        if (end < name->Count)
            FltpAppendUnits(path, u"\\", 1);
        from = end + 1;
    }
    if (context && provider && provider->Filter->Registration.NormalizeContextCleanupCallback)
        provider->Filter->Registration.NormalizeContextCleanupCallback(&context);
    return status;
}

NTSTATUS FltpNormalizeName(PFLTP_NAME_REQUEST Request, PFLT_INSTANCE Provider, PFLTP_TEXT Name)
{
    size_t volume = Request->Volume->Name.Length / sizeof(WCHAR);
    if (Name->Count <= volume + 1)
        return STATUS_SUCCESS; /* the volume, or its root */
    while (Name->Count > volume + 1 && Name->Units[Name->Count - 1] == u'\\')
        Name->Count--;
    size_t final = FinalComponent(Name, volume);
    DropStreamType(Name, final);
    FLTP_TEXT path = {0};
    FltpAppendString(&path, &Request->Volume->Name);
    UNICODE_STRING parent = FltpTextString(Name, 0, final > volume + 1 ? final - 1 : final);
    NTSTATUS status = STATUS_NOT_SUPPORTED;
    size_t from = volume + 1;
    if (!Provider && final > volume + 1)
        status = NormalizeParent(Request, &parent, &path);
    if (NT_SUCCESS(status)) {
        from = final;
        if (path.Units[path.Count - 1] != u'\\')
            FltpAppendUnits(&path, u"\\", 1);
    } else if (status == STATUS_NOT_SUPPORTED) {
        path.Count = volume;
        FltpAppendUnits(&path, u"\\", 1);
        status = STATUS_SUCCESS;
    }
    if (NT_SUCCESS(status))
        status = Components(Request, Provider, Name, from, &path);
    if (NT_SUCCESS(status)) {
        FltpFreeText(Name);
        *Name = path;
    } else {
        FltpFreeText(&path);
    }
    return status;
}
