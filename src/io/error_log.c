/* The error log: entries become trace lines. */
#include "iop.h"

#include <string.h>

PVOID IoAllocateErrorLogEntry(PVOID IoObject, UCHAR EntrySize)
{
    API_IRQL(IoAllocateErrorLogEntry);
    if (EntrySize < sizeof(IO_ERROR_LOG_PACKET) || EntrySize > ERROR_LOG_MAXIMUM_SIZE)
        return NULL;
    PVOID entry = ExAllocatePoolWithTag(NonPagedPool, EntrySize, IOP_TAG);
    if (entry)
        memset(entry, 0, EntrySize);
    return entry;
}

VOID IoFreeErrorLogEntry(PVOID ElEntry) { ExFreePoolWithTag(ElEntry, IOP_TAG); }

VOID IoWriteErrorLogEntry(PVOID ElEntry)
{
    API_IRQL(IoWriteErrorLogEntry);
    const IO_ERROR_LOG_PACKET *packet = ElEntry;
    TRACE("io", "error log: %s, final status %s", trace_status(packet->ErrorCode), trace_status(packet->FinalStatus));
    ExFreePoolWithTag(ElEntry, IOP_TAG);
}
