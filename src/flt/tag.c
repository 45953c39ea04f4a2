/* Reparse points that filters set and take away. */
#include "flt/core.h"

#include "verify/api.h"

enum { GUID_HEADER = FIELD_OFFSET(REPARSE_GUID_DATA_BUFFER, GenericReparseBuffer.DataBuffer),
       TAG_HEADER = FIELD_OFFSET(REPARSE_DATA_BUFFER, GenericReparseBuffer.DataBuffer) };

/* Microsoft's tags have no GUID; all others need one. */
static NTSTATUS HeaderOf(ULONG Tag, const GUID *Guid, ULONG *Header)
{
    if (!IsReparseTagMicrosoft(Tag) && !Guid)
        return STATUS_INVALID_PARAMETER;
    *Header = IsReparseTagMicrosoft(Tag) ? TAG_HEADER : GUID_HEADER;
    return STATUS_SUCCESS;
}

static NTSTATUS SendReparse(PFLT_INSTANCE Instance, PFILE_OBJECT FileObject, ULONG Code, ULONG Tag, const GUID *Guid,
                            const void *Data, USHORT Length)
{
    ULONG header;
    NTSTATUS status = HeaderOf(Tag, Guid, &header);
    if (!NT_SUCCESS(status))
        return status;
    if (header + Length > MAXIMUM_REPARSE_DATA_BUFFER_SIZE)
        return STATUS_IO_REPARSE_DATA_INVALID;
    PREPARSE_GUID_DATA_BUFFER buffer = ExAllocatePoolWithTag(PagedPool, header + Length, 'pRlF');
    if (!buffer)
        return STATUS_INSUFFICIENT_RESOURCES;
    RtlZeroMemory(buffer, header);
    buffer->ReparseTag = Tag;
    buffer->ReparseDataLength = Length;
    if (header == GUID_HEADER)
        buffer->ReparseGuid = *Guid;
    if (Length)
        RtlCopyMemory((UCHAR *)buffer + header, Data, Length);
    status = FltFsControlFile(Instance, FileObject, Code, buffer, header + Length, NULL, 0, NULL);
    ExFreePoolWithTag(buffer, 'pRlF');
    return status;
}

NTSTATUS FltTagFile(PFLT_INSTANCE InitiatingInstance, PFILE_OBJECT FileObject, ULONG FileTag, GUID *Guid, PVOID DataBuffer,
                    USHORT DataBufferLength)
{
    API_ENTER(FltTagFile, FileObject, SCHED_WRITE);
    CALL_DOWN(FltTagFile, IRP_MJ_FILE_SYSTEM_CONTROL, FileObject);
    return SendReparse(InitiatingInstance, FileObject, FSCTL_SET_REPARSE_POINT, FileTag, Guid, DataBuffer,
                       DataBufferLength);
}

NTSTATUS FltUntagFile(PFLT_INSTANCE InitiatingInstance, PFILE_OBJECT FileObject, ULONG FileTag, GUID *Guid)
{
    API_ENTER(FltUntagFile, FileObject, SCHED_WRITE);
    CALL_DOWN(FltUntagFile, IRP_MJ_FILE_SYSTEM_CONTROL, FileObject);
    return SendReparse(InitiatingInstance, FileObject, FSCTL_DELETE_REPARSE_POINT, FileTag, Guid, NULL, 0);
}
