/* The cache manager. */
#ifndef FLTSIM_NT_CC_H
#define FLTSIM_NT_CC_H

#include <nt/mm.h>

struct _VPB;

FLTSIM_WDK_BEGIN

#define VACB_MAPPING_GRANULARITY 0x40000
#define VACB_OFFSET_SHIFT 18

typedef struct _CC_FILE_SIZES {
    LARGE_INTEGER AllocationSize;
    LARGE_INTEGER FileSize;
    LARGE_INTEGER ValidDataLength;
} CC_FILE_SIZES, *PCC_FILE_SIZES;

typedef struct _CACHE_UNINITIALIZE_EVENT {
    struct _CACHE_UNINITIALIZE_EVENT *Next;
    KEVENT Event;
} CACHE_UNINITIALIZE_EVENT, *PCACHE_UNINITIALIZE_EVENT;

typedef BOOLEAN (*PACQUIRE_FOR_LAZY_WRITE)(PVOID Context, BOOLEAN Wait);
typedef VOID (*PRELEASE_FROM_LAZY_WRITE)(PVOID Context);
typedef BOOLEAN (*PACQUIRE_FOR_READ_AHEAD)(PVOID Context, BOOLEAN Wait);
typedef VOID (*PRELEASE_FROM_READ_AHEAD)(PVOID Context);
typedef struct _CACHE_MANAGER_CALLBACKS {
    PACQUIRE_FOR_LAZY_WRITE AcquireForLazyWrite;
    PRELEASE_FROM_LAZY_WRITE ReleaseFromLazyWrite;
    PACQUIRE_FOR_READ_AHEAD AcquireForReadAhead;
    PRELEASE_FROM_READ_AHEAD ReleaseFromReadAhead;
} CACHE_MANAGER_CALLBACKS, *PCACHE_MANAGER_CALLBACKS;
typedef VOID (*PCC_POST_DEFERRED_WRITE)(PVOID Context1, PVOID Context2);

/* A caching file object's stream: FileObject->SectionObjectPointer. Callbacks and everything below:
 * <= APC_LEVEL. Copies raise in-page errors as exceptions; FALSE only when Wait is FALSE. */
#define CcIsFileCached(FO)                                                                         \
    (((FO)->SectionObjectPointer != NULL) && ((FO)->SectionObjectPointer->SharedCacheMap != NULL))
VOID CcInitializeCacheMap(PFILE_OBJECT FileObject, PCC_FILE_SIZES FileSizes, BOOLEAN PinAccess,
                          PCACHE_MANAGER_CALLBACKS Callbacks, PVOID LazyWriteContext);
BOOLEAN CcUninitializeCacheMap(PFILE_OBJECT FileObject, PLARGE_INTEGER TruncateSize,
                               PCACHE_UNINITIALIZE_EVENT UninitializeCompleteEvent);
VOID CcSetFileSizes(PFILE_OBJECT FileObject, PCC_FILE_SIZES FileSizes);
NTSTATUS CcSetFileSizesEx(PFILE_OBJECT FileObject, PCC_FILE_SIZES FileSizes);
PLARGE_INTEGER CcGetFileSizePointer(PFILE_OBJECT FileObject);
VOID CcFlushCache(struct _SECTION_OBJECT_POINTERS *SectionObjectPointer, PLARGE_INTEGER FileOffset, ULONG Length,
                  PIO_STATUS_BLOCK IoStatus);
BOOLEAN CcPurgeCacheSection(struct _SECTION_OBJECT_POINTERS *SectionObjectPointer, PLARGE_INTEGER FileOffset,
                            ULONG Length, ULONG Flags);
#define UNINITIALIZE_CACHE_MAPS 0x1
#define DO_NOT_RETRY_PURGE 0x2
VOID CcCoherencyFlushAndPurgeCache(struct _SECTION_OBJECT_POINTERS *SectionObjectPointer,
                                   PLARGE_INTEGER FileOffset, ULONG Length, PIO_STATUS_BLOCK IoStatus,
                                   ULONG Flags);
#define CC_FLUSH_AND_PURGE_NO_PURGE 0x1
/* nf-ntifs-ccgetflushedvaliddata: APC_LEVEL. Where the first page that is not written yet begins; none: the valid data length;
 * not cached: MAXLONGLONG. BcbListHeld: FALSE. */
LARGE_INTEGER CcGetFlushedValidData(struct _SECTION_OBJECT_POINTERS *SectionObjectPointer,
                                    BOOLEAN BcbListHeld);
BOOLEAN CcZeroData(PFILE_OBJECT FileObject, PLARGE_INTEGER StartOffset, PLARGE_INTEGER EndOffset, BOOLEAN Wait);
BOOLEAN CcCopyRead(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, BOOLEAN Wait, PVOID Buffer,
                   PIO_STATUS_BLOCK IoStatus);
BOOLEAN CcCopyReadEx(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, BOOLEAN Wait, PVOID Buffer,
                     PIO_STATUS_BLOCK IoStatus, PETHREAD IoIssuerThread);
BOOLEAN CcCopyWriteEx(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, BOOLEAN Wait,
                      PVOID Buffer, PETHREAD IoIssuerThread);
VOID CcFastCopyRead(PFILE_OBJECT FileObject, ULONG FileOffset, ULONG Length, ULONG PageCount, PVOID Buffer,
                    PIO_STATUS_BLOCK IoStatus);
BOOLEAN CcCopyWrite(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, BOOLEAN Wait, PVOID Buffer);
VOID CcFastCopyWrite(PFILE_OBJECT FileObject, ULONG FileOffset, ULONG Length, PVOID Buffer);
/* nf-ntifs-cccaniwrite, -ccdeferwrite, -ccsetdirtypagethreshold: APC_LEVEL. A write has to wait while it would make more pages
 * dirty than the machine's threshold, or the file's, allows; a file without dirty pages always takes one. CcCanIWrite waits for
 * the lazy writer when asked to; CcDeferWrite calls PostRoutine at once when there is room, else on the lazy writer's thread, in
 * order (Retrying: before the others). DirtyPageThreshold 0: the file has none of its own. */
BOOLEAN CcCanIWrite(PFILE_OBJECT FileObject, ULONG BytesToWrite, BOOLEAN Wait, UCHAR Retrying);
VOID CcDeferWrite(PFILE_OBJECT FileObject, PCC_POST_DEFERRED_WRITE PostRoutine, PVOID Context1, PVOID Context2,
                  ULONG BytesToWrite, BOOLEAN Retrying);
VOID CcMdlRead(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, PMDL *MdlChain,
               PIO_STATUS_BLOCK IoStatus);
VOID CcMdlReadComplete(PFILE_OBJECT FileObject, PMDL MdlChain);
VOID CcPrepareMdlWrite(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, PMDL *MdlChain,
                       PIO_STATUS_BLOCK IoStatus);
VOID CcMdlWriteComplete(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, PMDL MdlChain);
VOID CcMdlWriteAbort(PFILE_OBJECT FileObject, PMDL MdlChain);
VOID CcScheduleReadAhead(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length);
VOID CcSetReadAheadGranularity(PFILE_OBJECT FileObject, ULONG Granularity);
VOID CcSetAdditionalCacheAttributes(PFILE_OBJECT FileObject, BOOLEAN DisableReadAhead, BOOLEAN DisableWriteBehind);
VOID CcSetDirtyPageThreshold(PFILE_OBJECT FileObject, ULONG DirtyPageThreshold);
NTSTATUS CcWaitForCurrentLazyWriterActivity(VOID);
PFILE_OBJECT CcGetFileObjectFromSectionPtrs(struct _SECTION_OBJECT_POINTERS *SectionObjectPointer);
PFILE_OBJECT CcGetFileObjectFromSectionPtrsRef(struct _SECTION_OBJECT_POINTERS *SectionObjectPointer);
BOOLEAN CcIsThereDirtyData(struct _VPB *Vpb);
BOOLEAN CcCopyWriteWontFlush(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length);

#define PIN_WAIT 1
#define PIN_EXCLUSIVE 2
#define PIN_NO_READ 4
#define PIN_IF_BCB 8
#define MAP_WAIT 1
#define MAP_NO_READ 16
/* nf-ntifs-ccmapdata, -ccpinread, -ccpinmappeddata, -ccpreparepinwrite: APC_LEVEL. FALSE: it would wait and may not (no PIN_WAIT,
 * MAP_WAIT), a page is not resident and may not be read (..._NO_READ), or nobody has pinned all of it (PIN_IF_BCB; CcPinRead
 * then stores NULL). Raises the status of a failed read; STATUS_ACCESS_VIOLATION where the section has no 256 KB view;
 * STATUS_INVALID_PARAMETER for a range across views that may wait. Pins of the same pages share a BCB and hold its lock, shared
 * or PIN_EXCLUSIVE, until each has been given to CcUnpinData; mappings share one, too, and hold nothing. CcPinMappedData
 * replaces a mapping's BCB, which is then gone, by that of a pin; a pinned one stays as it is.
 * CcSetDirtyPinnedData: see CcSetLogHandleForFile for Lsn. CcSetBcbOwnerPointer hands a pin to CcUnpinDataForThread with the same
 * pointer. CcRepinBcb keeps the BCB, not its lock, until CcUnpinRepinnedBcb, which takes the lock exclusively to write through. */
BOOLEAN CcMapData(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, ULONG Flags, PVOID *Bcb,
                  PVOID *Buffer);
BOOLEAN CcPinRead(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, ULONG Flags, PVOID *Bcb,
                  PVOID *Buffer);
BOOLEAN CcPinMappedData(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, ULONG Flags,
                        PVOID *Bcb);
BOOLEAN CcPreparePinWrite(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length, BOOLEAN Zero,
                          ULONG Flags, PVOID *Bcb, PVOID *Buffer);
VOID CcSetDirtyPinnedData(PVOID BcbVoid, PLARGE_INTEGER Lsn);
VOID CcUnpinData(PVOID Bcb);
VOID CcUnpinDataForThread(PVOID Bcb, ERESOURCE_THREAD ResourceThreadId);
VOID CcSetBcbOwnerPointer(PVOID Bcb, PVOID OwnerPointer);
PFILE_OBJECT CcGetFileObjectFromBcb(PVOID Bcb);
PVOID CcRemapBcb(PVOID Bcb);
VOID CcRepinBcb(PVOID Bcb);
VOID CcUnpinRepinnedBcb(PVOID Bcb, BOOLEAN WriteThrough, PIO_STATUS_BLOCK IoStatus);

extern ULONG CcFastMdlReadWait;

typedef VOID (*PFLUSH_TO_LSN)(PVOID LogHandle, LARGE_INTEGER Lsn);
typedef VOID (*PDIRTY_PAGE_ROUTINE)(PFILE_OBJECT FileObject, PLARGE_INTEGER FileOffset, ULONG Length,
                                    PLARGE_INTEGER OldestLsn, PLARGE_INTEGER NewestLsn, PVOID Context1,
                                    PVOID Context2);
/* nf-ntifs-ccsetloghandleforfile, -ccgetdirtypages: APC_LEVEL. Before pages that CcSetDirtyPinnedData gave an Lsn are written,
 * FlushToLsnRoutine is called with the newest Lsn among them. CcGetDirtyPages calls its routine for each such page that is not
 * written yet, of all files with the handle, and returns the oldest Lsn; 0: there are none. The routine may not write pages. */
VOID CcSetLogHandleForFile(PFILE_OBJECT FileObject, PVOID LogHandle, PFLUSH_TO_LSN FlushToLsnRoutine);
LARGE_INTEGER CcGetDirtyPages(PVOID LogHandle, PDIRTY_PAGE_ROUTINE DirtyPageRoutine, PVOID Context1,
                              PVOID Context2);

FLTSIM_WDK_END

#endif
