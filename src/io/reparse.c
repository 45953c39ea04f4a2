/* What a create goes on with after STATUS_REPARSE. The status' Information says what kind it is:
 *     IO_REPARSE            FILE_OBJECT.FileName is the new name (IoReplaceFileObjectName)
 *     IO_REPARSE_TAG_...    a reparse point; the IRP's auxiliary buffer is its REPARSE_DATA_BUFFER, whose Reserved
 *                           member counts the bytes of the name that come after it. */
#include "iop.h"

#include <string.h>

static NTSTATUS Join(PUNICODE_STRING out, PCUNICODE_STRING a, PCUNICODE_STRING b)
{
    size_t bytes = (size_t)a->Length + b->Length;
    if (bytes > UNICODE_STRING_MAX_BYTES)
        return STATUS_NAME_TOO_LONG;
    out->Buffer = sim_alloc(bytes + sizeof(WCHAR));
    out->Length = (USHORT)bytes;
    out->MaximumLength = (USHORT)bytes;
    if (a->Length)
        memcpy(out->Buffer, a->Buffer, a->Length);
    if (b->Length)
        memcpy((PCHAR)out->Buffer + a->Length, b->Buffer, b->Length);
    return STATUS_SUCCESS;
}

static UNICODE_STRING Slice(PCUNICODE_STRING from, USHORT offset, USHORT length)
{
    return (UNICODE_STRING){length, length, (PWCHAR)((PCHAR)from->Buffer + offset)};
}

/* The name of the file's device and its path so far, the opened name's own prefix included. */
static NTSTATUS FullName(struct iop_open *open, PFILE_OBJECT file, PUNICODE_STRING full)
{
    static const WCHAR separator[] = u"\\";
    const UNICODE_STRING slash = {sizeof(WCHAR), sizeof(WCHAR), (PWSTR)separator};
    union {
        OBJECT_NAME_INFORMATION info;
        UCHAR bytes[1024];
    } device;
    ULONG length;
    NTSTATUS status = ObQueryNameString(file->DeviceObject, &device.info, sizeof device, &length);
    if (!NT_SUCCESS(status))
        return status;
    if (!open->related)
        return Join(full, &device.info.Name, &file->FileName);
    UNICODE_STRING folder, with_slash;
    status = Join(&folder, &device.info.Name, &open->related->FileName);
    if (!NT_SUCCESS(status))
        return status;
    bool ends = folder.Length && folder.Buffer[folder.Length / sizeof(WCHAR) - 1] == '\\';
    status = Join(&with_slash, &folder, ends ? &(UNICODE_STRING){0} : &slash);
    sim_free(folder.Buffer);
    if (!NT_SUCCESS(status))
        return status;
    status = Join(full, &with_slash, &file->FileName);
    sim_free(with_slash.Buffer);
    return status;
}

/* Takes "." and ".." out of an absolute name, in place. */
static void Collapse(PUNICODE_STRING name)
{
    PWCHAR b = name->Buffer;
    size_t units = name->Length / sizeof(WCHAR), out = 0, in = 0;
    while (in < units) {
        size_t start = in++;
        while (in < units && b[in] != '\\')
            in++;
        size_t length = in - start;
        if (length == 2 && b[start + 1] == '.')
            continue;
        if (length == 3 && b[start + 1] == '.' && b[start + 2] == '.') {
            while (out && b[--out] != '\\')
                ;
            continue;
        }
        memmove(b + out, b + start, length * sizeof(WCHAR));
        out += length;
    }
    name->Length = (USHORT)(out * sizeof(WCHAR));
}

/* "dir\link" + rest, where the link says "..\other": the link's folder, the target, the rest. */
static NTSTATUS RelativeLink(struct iop_open *open, PFILE_OBJECT file, PCUNICODE_STRING target, USHORT rest_length,
                             PUNICODE_STRING next)
{
    UNICODE_STRING full, half;
    NTSTATUS status = FullName(open, file, &full);
    if (!NT_SUCCESS(status))
        return status;
    USHORT link_end = (USHORT)(full.Length - rest_length), at = link_end / sizeof(WCHAR);
    while (at && full.Buffer[at - 1] != '\\')
        at--;
    UNICODE_STRING folder = Slice(&full, 0, (USHORT)(at * sizeof(WCHAR)));
    UNICODE_STRING rest = Slice(&full, link_end, rest_length);
    status = Join(&half, &folder, target);
    if (NT_SUCCESS(status)) {
        status = Join(next, &half, &rest);
        sim_free(half.Buffer);
    }
    sim_free(full.Buffer);
    if (NT_SUCCESS(status))
        Collapse(next);
    return status;
}

static NTSTATUS FollowPoint(struct iop_open *open, PFILE_OBJECT file, PREPARSE_DATA_BUFFER data, PUNICODE_STRING next)
{
    UNICODE_STRING target;
    USHORT rest_length = data->Reserved;
    bool link = data->ReparseTag == IO_REPARSE_TAG_SYMLINK;
    PWCHAR path;
    if (rest_length > file->FileName.Length)
        return STATUS_IO_REPARSE_DATA_INVALID;
    if (link) {
        path = data->SymbolicLinkReparseBuffer.PathBuffer;
        target.Length = data->SymbolicLinkReparseBuffer.SubstituteNameLength;
        target.Buffer = path + data->SymbolicLinkReparseBuffer.SubstituteNameOffset / sizeof(WCHAR);
    } else {
        path = data->MountPointReparseBuffer.PathBuffer;
        target.Length = data->MountPointReparseBuffer.SubstituteNameLength;
        target.Buffer = path + data->MountPointReparseBuffer.SubstituteNameOffset / sizeof(WCHAR);
    }
    target.MaximumLength = target.Length;
    if (link && (data->SymbolicLinkReparseBuffer.Flags & SYMLINK_FLAG_RELATIVE))
        return RelativeLink(open, file, &target, rest_length, next);
    UNICODE_STRING rest = Slice(&file->FileName, (USHORT)(file->FileName.Length - rest_length), rest_length);
    /* "\??\C:\" and "\rest" meet in one backslash. */
    if (rest.Length && rest.Buffer[0] == '\\' && target.Length &&
        target.Buffer[target.Length / sizeof(WCHAR) - 1] == '\\')
        target.Length = (USHORT)(target.Length - sizeof(WCHAR));
    return Join(next, &target, &rest);
}

NTSTATUS IopPrepareReparse(struct iop_open *open, PFILE_OBJECT file, ULONG_PTR tag, PVOID buffer, PUNICODE_STRING next)
{
    switch (tag) {
    case IO_REPARSE:
    case IO_REPARSE_GLOBAL:
        return Join(next, &file->FileName, &(UNICODE_STRING){0});
    case IO_REPARSE_TAG_SYMLINK:
        if (open->flags & IO_STOP_ON_SYMLINK)
            return STATUS_STOPPED_ON_SYMLINK;
        break;
    case IO_REPARSE_TAG_MOUNT_POINT:
        open->crossed = true;
        break;
    default:
        return STATUS_IO_REPARSE_TAG_NOT_HANDLED;
    }
    PREPARSE_DATA_BUFFER data = buffer;
    if (!data || data->ReparseTag != tag)
        return STATUS_IO_REPARSE_DATA_INVALID;
    return FollowPoint(open, file, data, next);
}
