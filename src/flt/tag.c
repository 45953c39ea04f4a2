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

struct tag_request {
    PFLT_INSTANCE Instance;
    PFILE_OBJECT FileObject;
    ULONG Code, Tag;
    const GUID *Guid;
    const void *Data;
    USHORT Length;
    const REPARSE_DATA_BUFFER_EX *Existing; /* FSCTL_SET_REPARSE_POINT_EX: what stands before the point itself; else NULL */
};

static NTSTATUS SendReparse(const struct tag_request *R)
{
    ULONG header, lead = R->Existing ? FIELD_OFFSET(REPARSE_DATA_BUFFER_EX, ReparseDataBuffer) : 0;
    NTSTATUS status = HeaderOf(R->Tag, R->Guid, &header);
    if (!NT_SUCCESS(status))
        return status;
    if (header + R->Length > MAXIMUM_REPARSE_DATA_BUFFER_SIZE)
        return STATUS_IO_REPARSE_DATA_INVALID;
    UCHAR *buffer = ExAllocatePoolWithTag(PagedPool, lead + header + R->Length, 'pRlF');
    if (!buffer)
        return STATUS_INSUFFICIENT_RESOURCES;
    PREPARSE_GUID_DATA_BUFFER point = (PREPARSE_GUID_DATA_BUFFER)(buffer + lead);
    RtlZeroMemory(buffer, lead + header);
    if (lead)
        RtlCopyMemory(buffer, R->Existing, lead);
    point->ReparseTag = R->Tag;
    point->ReparseDataLength = R->Length;
    if (header == GUID_HEADER)
        point->ReparseGuid = *R->Guid;
    if (R->Length)
        RtlCopyMemory((UCHAR *)point + header, R->Data, R->Length);
    status = FltFsControlFile(R->Instance, R->FileObject, R->Code, buffer, lead + header + R->Length, NULL, 0, NULL);
    ExFreePoolWithTag(buffer, 'pRlF');
    return status;
}

NTSTATUS FltTagFile(PFLT_INSTANCE InitiatingInstance, PFILE_OBJECT FileObject, ULONG FileTag, GUID *Guid, PVOID DataBuffer,
                    USHORT DataBufferLength)
{
    API_ENTER(FltTagFile, FileObject, SCHED_WRITE);
    CALL_DOWN(FltTagFile, IRP_MJ_FILE_SYSTEM_CONTROL, FileObject);
    return SendReparse(&(struct tag_request){InitiatingInstance, FileObject, FSCTL_SET_REPARSE_POINT, FileTag, Guid,
                                             DataBuffer, DataBufferLength, NULL});
}

NTSTATUS FltTagFileEx(PFLT_INSTANCE InitiatingInstance, PFILE_OBJECT FileObject, ULONG FileTag, GUID *Guid, PVOID DataBuffer,
                      USHORT DataBufferLength, ULONG ExistingFileTag, GUID *ExistingGuid, ULONG Flags)
{
    API_ENTER(FltTagFileEx, FileObject, SCHED_WRITE);
    CALL_DOWN(FltTagFileEx, IRP_MJ_FILE_SYSTEM_CONTROL, FileObject);
    REPARSE_DATA_BUFFER_EX existing = {.Flags = Flags, .ExistingReparseTag = ExistingFileTag};
    if (ExistingFileTag && !IsReparseTagMicrosoft(ExistingFileTag) && !ExistingGuid)
        return STATUS_INVALID_PARAMETER;
    if (ExistingGuid)
        existing.ExistingReparseGuid = *ExistingGuid;
    return SendReparse(&(struct tag_request){InitiatingInstance, FileObject, FSCTL_SET_REPARSE_POINT_EX, FileTag, Guid,
                                             DataBuffer, DataBufferLength, &existing});
}

NTSTATUS FltUntagFile(PFLT_INSTANCE InitiatingInstance, PFILE_OBJECT FileObject, ULONG FileTag, GUID *Guid)
{
    API_ENTER(FltUntagFile, FileObject, SCHED_WRITE);
    CALL_DOWN(FltUntagFile, IRP_MJ_FILE_SYSTEM_CONTROL, FileObject);
    return SendReparse(&(struct tag_request){InitiatingInstance, FileObject, FSCTL_DELETE_REPARSE_POINT, FileTag, Guid, NULL,
                                             0, NULL});
}
