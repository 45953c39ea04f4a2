/* Reading and writing cached files without an IRP: what file systems put into their fast I/O tables. */
#include "fsrtlp.h"

#include <string.h>

bool FsRtlpFastIoAllowed(PFSRTL_COMMON_FCB_HEADER header, PFILE_OBJECT file, PLARGE_INTEGER offset, ULONG length,
                         ULONG key, bool read)
{
    if (!file->PrivateCacheMap || header->IsFastIoPossible == FastIoIsNotPossible)
        return false;
    if (header->IsFastIoPossible != FastIoIsQuestionable)
        return true;
    IO_STATUS_BLOCK result;
    PDEVICE_OBJECT device = IoGetRelatedDeviceObject(file);
    PFAST_IO_DISPATCH fast = device->DriverObject->FastIoDispatch;
    return fast && fast->FastIoCheckIfPossible &&
           fast->FastIoCheckIfPossible(file, offset, length, TRUE, key, read, &result, device);
}

BOOLEAN FsRtlCopyRead(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, BOOLEAN Wait, ULONG LockKey,
                      PVOID Buffer, PIO_STATUS_BLOCK IoStatus, PDEVICE_OBJECT DeviceObject)
{
    API_IRQL(FsRtlCopyRead);
    PFSRTL_COMMON_FCB_HEADER header = FileObject->FsContext;
    if (Length == 0) {
        *IoStatus = (IO_STATUS_BLOCK){.Status = STATUS_SUCCESS};
        return TRUE;
    }
    if (!Wait || FileOffset->QuadPart + Length < FileOffset->QuadPart)
        return FALSE;
    FsRtlEnterFileSystem();
    ExAcquireResourceSharedLite(header->Resource, TRUE);
    BOOLEAN done = FsRtlpFastIoAllowed(header, FileObject, FileOffset, Length, LockKey, true);
    if (done && FileOffset->QuadPart >= header->FileSize.QuadPart) {
        *IoStatus = (IO_STATUS_BLOCK){.Status = STATUS_END_OF_FILE};
    } else if (done) {
        LONGLONG left = header->FileSize.QuadPart - FileOffset->QuadPart;
        ULONG length = left < Length ? (ULONG)left : Length;
        PVOID topLevel = IoGetTopLevelIrp();
        IoSetTopLevelIrp((PIRP)FSRTL_FAST_IO_TOP_LEVEL_IRP);
        done = CcCopyRead(FileObject, FileOffset, length, TRUE, Buffer, IoStatus);
        IoSetTopLevelIrp(topLevel);
        if (done) {
            FileObject->Flags |= FO_FILE_FAST_IO_READ;
            FileObject->CurrentByteOffset.QuadPart = FileOffset->QuadPart + (LONGLONG)IoStatus->Information;
        }
    }
    ExReleaseResourceLite(header->Resource);
    FsRtlExitFileSystem();
    return done;
}

BOOLEAN FsRtlCopyWrite(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, BOOLEAN Wait, ULONG LockKey,
                       PVOID Buffer, PIO_STATUS_BLOCK IoStatus, PDEVICE_OBJECT DeviceObject)
{
    API_IRQL(FsRtlCopyWrite);
    PFSRTL_COMMON_FCB_HEADER header = FileObject->FsContext;
    bool append = FileOffset->LowPart == FILE_WRITE_TO_END_OF_FILE && FileOffset->HighPart == -1;
    if (!Wait || (FileObject->Flags & FO_WRITE_THROUGH) || !CcCanIWrite(FileObject, Length, TRUE, FALSE))
        return FALSE;
    if (Length == 0) {
        *IoStatus = (IO_STATUS_BLOCK){.Status = STATUS_SUCCESS};
        return TRUE;
    }
    FsRtlEnterFileSystem();
    ExAcquireResourceSharedLite(header->Resource, TRUE);
    LARGE_INTEGER offset = *FileOffset;
    /* What grows the file or its valid data is left to the file system. */
    BOOLEAN done = !append && offset.QuadPart >= 0 && offset.QuadPart + Length <= header->ValidDataLength.QuadPart &&
                   FsRtlpFastIoAllowed(header, FileObject, &offset, Length, LockKey, false);
    if (done) {
        PVOID topLevel = IoGetTopLevelIrp();
        IoSetTopLevelIrp((PIRP)FSRTL_FAST_IO_TOP_LEVEL_IRP);
        done = CcCopyWrite(FileObject, &offset, Length, TRUE, Buffer);
        IoSetTopLevelIrp(topLevel);
    }
    if (done) {
        *IoStatus = (IO_STATUS_BLOCK){.Status = STATUS_SUCCESS, .Information = Length};
        FileObject->Flags |= FO_FILE_MODIFIED;
        FileObject->CurrentByteOffset.QuadPart = offset.QuadPart + Length;
    }
    ExReleaseResourceLite(header->Resource);
    FsRtlExitFileSystem();
    return done;
}
