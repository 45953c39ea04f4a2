// FCB headers, and the contexts that filters hang on streams, files and file objects.
#ifndef FLTSIM_WDK_NT_FSRTL_FCB_H
#define FLTSIM_WDK_NT_FSRTL_FCB_H

#include "../begin.h"
#include "../ex.h"
#include "../io/file_object.h"
#include "../io/types.h"
#include "../types.h"
#include "oplock.h"

FLTSIM_WDK_BEGIN

typedef enum _FAST_IO_POSSIBLE {
    FastIoIsNotPossible = 0,
    FastIoIsPossible,
    FastIoIsQuestionable
} FAST_IO_POSSIBLE;

#define FSRTL_COMMON_FCB_HEADER_LAYOUT                                                             \
    CSHORT NodeTypeCode;                                                                           \
    CSHORT NodeByteSize;                                                                           \
    UCHAR Flags;                                                                                   \
    UCHAR IsFastIoPossible;                                                                        \
    UCHAR Flags2;                                                                                  \
    UCHAR Reserved : 4;                                                                            \
    UCHAR Version : 4;                                                                             \
    PERESOURCE Resource;                                                                           \
    PERESOURCE PagingIoResource;                                                                   \
    LARGE_INTEGER AllocationSize;                                                                  \
    LARGE_INTEGER FileSize;                                                                        \
    LARGE_INTEGER ValidDataLength;

typedef struct _FSRTL_COMMON_FCB_HEADER {
    FSRTL_COMMON_FCB_HEADER_LAYOUT
} FSRTL_COMMON_FCB_HEADER, *PFSRTL_COMMON_FCB_HEADER;

#ifdef __cplusplus
typedef struct _FSRTL_ADVANCED_FCB_HEADER : FSRTL_COMMON_FCB_HEADER {
#else
typedef struct _FSRTL_ADVANCED_FCB_HEADER {
    FSRTL_COMMON_FCB_HEADER_LAYOUT
#endif
    PFAST_MUTEX FastMutex;
    LIST_ENTRY FilterContexts;
    EX_PUSH_LOCK PushLock;            // from V1
    PVOID *FileContextSupportPointer; // from V1
    __extension__ union {
        OPLOCK Oplock; // from V2
        PVOID ReservedForRemote;
    };
    PVOID ReservedContext;   // from V3
    PVOID AePushLock;        // from V4
    ULONG BypassIoOpenCount; // from V4
    PVOID ReservedForV4;
} FSRTL_ADVANCED_FCB_HEADER, *PFSRTL_ADVANCED_FCB_HEADER;

#define FSRTL_FCB_HEADER_V0 (0x00)
#define FSRTL_FCB_HEADER_V1 (0x01)
#define FSRTL_FCB_HEADER_V2 (0x02)
#define FSRTL_FCB_HEADER_V3 (0x03)
#define FSRTL_FCB_HEADER_V4 (0x04)

#define FSRTL_FLAG_FILE_MODIFIED (0x01)
#define FSRTL_FLAG_FILE_LENGTH_CHANGED (0x02)
#define FSRTL_FLAG_LIMIT_MODIFIED_PAGES (0x04)
#define FSRTL_FLAG_ACQUIRE_MAIN_RSRC_EX (0x08)
#define FSRTL_FLAG_ACQUIRE_MAIN_RSRC_SH (0x10)
#define FSRTL_FLAG_USER_MAPPED_FILE (0x20)
#define FSRTL_FLAG_ADVANCED_HEADER (0x40)
#define FSRTL_FLAG_EOF_ADVANCE_ACTIVE (0x80)
#define FSRTL_FLAG2_DO_MODIFIED_WRITE (0x01)
#define FSRTL_FLAG2_SUPPORTS_FILTER_CONTEXTS (0x02)
#define FSRTL_FLAG2_PURGE_WHEN_MAPPED (0x04)
#define FSRTL_FLAG2_IS_PAGING_FILE (0x08)
#define FSRTL_FLAG2_WRITABLE_USER_MAPPED_FILE (0x20)

#define FSRTL_FSP_TOP_LEVEL_IRP ((LONG_PTR)0x01)
#define FSRTL_CACHE_TOP_LEVEL_IRP ((LONG_PTR)0x02)
#define FSRTL_MOD_WRITE_TOP_LEVEL_IRP ((LONG_PTR)0x03)
#define FSRTL_FAST_IO_TOP_LEVEL_IRP ((LONG_PTR)0x04)
#define FSRTL_NETWORK1_TOP_LEVEL_IRP ((LONG_PTR)0x05)
#define FSRTL_NETWORK2_TOP_LEVEL_IRP ((LONG_PTR)0x06)
#define FSRTL_MAX_TOP_LEVEL_IRP_FLAG ((LONG_PTR)0xFFFF)

typedef struct _EOF_WAIT_BLOCK {
    LIST_ENTRY EofWaitLinks;
    KEVENT Event;
} EOF_WAIT_BLOCK, *PEOF_WAIT_BLOCK;

typedef struct _FSRTL_PER_STREAM_CONTEXT {
    LIST_ENTRY Links;
    PVOID OwnerId;
    PVOID InstanceId;
    VOID (*FreeCallback)(PVOID Buffer);
} FSRTL_PER_STREAM_CONTEXT, *PFSRTL_PER_STREAM_CONTEXT;

typedef struct _FSRTL_PER_FILE_CONTEXT {
    LIST_ENTRY Links;
    PVOID OwnerId;
    PVOID InstanceId;
    VOID (*FreeCallback)(PVOID Buffer);
} FSRTL_PER_FILE_CONTEXT, *PFSRTL_PER_FILE_CONTEXT;

typedef struct _FSRTL_PER_FILEOBJECT_CONTEXT {
    LIST_ENTRY Links;
    PVOID OwnerId;
    PVOID InstanceId;
} FSRTL_PER_FILEOBJECT_CONTEXT, *PFSRTL_PER_FILEOBJECT_CONTEXT;

#define FsRtlInitPerStreamContext(_fsc, _owner, _inst, _cb)                                        \
    ((_fsc)->OwnerId = (_owner), (_fsc)->InstanceId = (_inst), (_fsc)->FreeCallback = (_cb))
#define FsRtlInitPerFileContext(_fc, _owner, _inst, _cb)                                           \
    ((_fc)->OwnerId = (_owner), (_fc)->InstanceId = (_inst), (_fc)->FreeCallback = (_cb))
#define FsRtlInitPerFileObjectContext(_fc, _owner, _inst)                                          \
    ((_fc)->OwnerId = (_owner), (_fc)->InstanceId = (_inst))

#define FsRtlGetPerStreamContextPointer(_fo) ((PFSRTL_ADVANCED_FCB_HEADER)((_fo)->FsContext))
#define FsRtlSupportsPerStreamContexts(_fo)                                                        \
    ((BOOLEAN)((NULL != FsRtlGetPerStreamContextPointer(_fo)) &&                                   \
               FlagOn(FsRtlGetPerStreamContextPointer(_fo)->Flags2,                                \
                      FSRTL_FLAG2_SUPPORTS_FILTER_CONTEXTS)))
#define FsRtlGetPerFileContextPointer(_fo)                                                         \
    (FsRtlSupportsPerFileContexts(_fo)                                                             \
         ? FsRtlGetPerStreamContextPointer(_fo)->FileContextSupportPointer                         \
         : NULL)
#define FsRtlSupportsPerFileContexts(_fo)                                                          \
    ((FsRtlGetPerStreamContextPointer(_fo) != NULL) &&                                             \
     (FsRtlGetPerStreamContextPointer(_fo)->Version >= FSRTL_FCB_HEADER_V1) &&                     \
     (FsRtlGetPerStreamContextPointer(_fo)->FileContextSupportPointer != NULL))

#define FsRtlSetupAdvancedHeader(_advhdr, _fmutx) FsRtlSetupAdvancedHeaderEx(_advhdr, _fmutx, NULL)
#define FsRtlSetupAdvancedHeaderEx(_advhdr, _fmutx, _fctxptr)                                      \
    do {                                                                                           \
        SetFlag((_advhdr)->Flags, FSRTL_FLAG_ADVANCED_HEADER);                                     \
        SetFlag((_advhdr)->Flags2, FSRTL_FLAG2_SUPPORTS_FILTER_CONTEXTS);                          \
        (_advhdr)->Version = FSRTL_FCB_HEADER_V2;                                                  \
        InitializeListHead(&(_advhdr)->FilterContexts);                                            \
        if ((_fmutx) != NULL) {                                                                    \
            (_advhdr)->FastMutex = (_fmutx);                                                       \
        }                                                                                          \
        (_advhdr)->PushLock = 0;                                                                   \
        (_advhdr)->Oplock = NULL;                                                                  \
        (_advhdr)->FileContextSupportPointer = (PVOID *)(_fctxptr);                                \
    } while (0)

NTSTATUS FsRtlInsertPerStreamContext(_In_ PFSRTL_ADVANCED_FCB_HEADER PerStreamContext,
                                     _In_ PFSRTL_PER_STREAM_CONTEXT Ptr);
PFSRTL_PER_STREAM_CONTEXT
FsRtlLookupPerStreamContextInternal(_In_ PFSRTL_ADVANCED_FCB_HEADER StreamContext,
                                    _In_opt_ PVOID OwnerId, _In_opt_ PVOID InstanceId);
#define FsRtlLookupPerStreamContext(_sc, _oid, _iid)                                               \
    (((NULL != (_sc)) && FlagOn((_sc)->Flags2, FSRTL_FLAG2_SUPPORTS_FILTER_CONTEXTS) &&            \
      !IsListEmpty(&(_sc)->FilterContexts))                                                        \
         ? FsRtlLookupPerStreamContextInternal((_sc), (_oid), (_iid))                              \
         : NULL)
PFSRTL_PER_STREAM_CONTEXT FsRtlRemovePerStreamContext(_In_ PFSRTL_ADVANCED_FCB_HEADER StreamContext,
                                                      _In_opt_ PVOID OwnerId,
                                                      _In_opt_ PVOID InstanceId);
VOID FsRtlTeardownPerStreamContexts(_In_ PFSRTL_ADVANCED_FCB_HEADER AdvancedHeader);
NTSTATUS FsRtlInsertPerFileContext(_In_ PVOID *PerFileContextPointer,
                                   _In_ PFSRTL_PER_FILE_CONTEXT Ptr);
PFSRTL_PER_FILE_CONTEXT FsRtlLookupPerFileContext(_In_ PVOID *PerFileContextPointer,
                                                  _In_opt_ PVOID OwnerId,
                                                  _In_opt_ PVOID InstanceId);
PFSRTL_PER_FILE_CONTEXT FsRtlRemovePerFileContext(_In_ PVOID *PerFileContextPointer,
                                                  _In_opt_ PVOID OwnerId,
                                                  _In_opt_ PVOID InstanceId);
VOID FsRtlTeardownPerFileContexts(_In_ PVOID *PerFileContextPointer);
NTSTATUS FsRtlInsertPerFileObjectContext(_In_ PFILE_OBJECT FileObject,
                                         _In_ PFSRTL_PER_FILEOBJECT_CONTEXT Ptr);
PFSRTL_PER_FILEOBJECT_CONTEXT FsRtlLookupPerFileObjectContext(_In_ PFILE_OBJECT FileObject,
                                                              _In_opt_ PVOID OwnerId,
                                                              _In_opt_ PVOID InstanceId);
PFSRTL_PER_FILEOBJECT_CONTEXT FsRtlRemovePerFileObjectContext(_In_ PFILE_OBJECT FileObject,
                                                              _In_opt_ PVOID OwnerId,
                                                              _In_opt_ PVOID InstanceId);

FLTSIM_WDK_END

#endif
