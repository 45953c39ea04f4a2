// Extra create parameters: the list a create carries, and the system's own ECPs.
#ifndef FLTSIM_WDK_NT_FSRTL_ECP_H
#define FLTSIM_WDK_NT_FSRTL_ECP_H

#include "../begin.h"
#include "../io/create.h"
#include "../io/file_info.h"
#include "../io/types.h"
#include "../types.h"

FLTSIM_WDK_BEGIN

typedef struct _ECP_HEADER ECP_HEADER, *PECP_HEADER; // opaque

typedef VOID (*PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK)(_Inout_ PVOID EcpContext,
                                                               _In_ LPCGUID EcpType);

typedef ULONG FSRTL_ALLOCATE_ECPLIST_FLAGS;
typedef ULONG FSRTL_ALLOCATE_ECP_FLAGS;
typedef ULONG FSRTL_ECP_LOOKASIDE_FLAGS;
#define FSRTL_ALLOCATE_ECPLIST_FLAG_CHARGE_QUOTA 0x00000001
#define FSRTL_ALLOCATE_ECP_FLAG_CHARGE_QUOTA 0x00000001
#define FSRTL_ALLOCATE_ECP_FLAG_NONPAGED_POOL 0x00000002
#define FSRTL_ECP_LOOKASIDE_FLAG_NONPAGED_POOL 0x00000002

NTSTATUS FsRtlAllocateExtraCreateParameterList(_In_ FSRTL_ALLOCATE_ECPLIST_FLAGS Flags,
                                               _Outptr_ PECP_LIST *EcpList);
VOID FsRtlFreeExtraCreateParameterList(_In_ PECP_LIST EcpList);
NTSTATUS FsRtlAllocateExtraCreateParameter(
    _In_ LPCGUID EcpType, _In_ ULONG SizeOfContext, _In_ FSRTL_ALLOCATE_ECP_FLAGS Flags,
    _In_opt_ PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK CleanupCallback, _In_ ULONG PoolTag,
    _Outptr_ PVOID *EcpContext);
NTSTATUS FsRtlAllocateExtraCreateParameterFromLookasideList(
    _In_ LPCGUID EcpType, _In_ ULONG SizeOfContext, _In_ FSRTL_ALLOCATE_ECP_FLAGS Flags,
    _In_opt_ PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK CleanupCallback,
    _Inout_ PVOID LookasideList, _Outptr_ PVOID *EcpContext);
VOID FsRtlFreeExtraCreateParameter(_In_ PVOID EcpContext);
VOID FsRtlInitExtraCreateParameterLookasideList(_Inout_ PVOID Lookaside,
                                                _In_ FSRTL_ECP_LOOKASIDE_FLAGS Flags,
                                                _In_ SIZE_T Size, _In_ ULONG Tag);
VOID FsRtlDeleteExtraCreateParameterLookasideList(_Inout_ PVOID Lookaside,
                                                  _In_ FSRTL_ECP_LOOKASIDE_FLAGS Flags);
NTSTATUS FsRtlInsertExtraCreateParameter(_Inout_ PECP_LIST EcpList, _Inout_ PVOID EcpContext);
NTSTATUS FsRtlFindExtraCreateParameter(_In_ PECP_LIST EcpList, _In_ LPCGUID EcpType,
                                       _Outptr_opt_ PVOID *EcpContext,
                                       _Out_opt_ ULONG *EcpContextSize);
NTSTATUS FsRtlRemoveExtraCreateParameter(_Inout_ PECP_LIST EcpList, _In_ LPCGUID EcpType,
                                         _Outptr_ PVOID *EcpContext,
                                         _Out_opt_ ULONG *EcpContextSize);
NTSTATUS FsRtlGetNextExtraCreateParameter(_In_ PECP_LIST EcpList, _In_opt_ PVOID CurrentEcpContext,
                                          _Out_opt_ LPGUID NextEcpType,
                                          _Outptr_opt_ PVOID *NextEcpContext,
                                          _Out_opt_ ULONG *NextEcpContextSize);
NTSTATUS FsRtlGetEcpListFromIrp(_In_ PIRP Irp, _Outptr_result_maybenull_ PECP_LIST *EcpList);
NTSTATUS FsRtlSetEcpListIntoIrp(_Inout_ PIRP Irp, _In_ PECP_LIST EcpList);
VOID FsRtlAcknowledgeEcp(_In_ PVOID EcpContext);
BOOLEAN FsRtlIsEcpAcknowledged(_In_ PVOID EcpContext);
BOOLEAN FsRtlIsEcpFromUserMode(_In_ PVOID EcpContext);
VOID FsRtlPrepareToReuseEcp(_In_ PVOID EcpContext);

// Reparse points a create may open through.
typedef struct OPEN_REPARSE_LIST_ENTRY {
    LIST_ENTRY OpenReparseListEntry;
    ULONG ReparseTag;
    ULONG Flags;
    GUID ReparseGuid;
    USHORT Size;
    USHORT RemainingLength;
} OPEN_REPARSE_LIST_ENTRY, *POPEN_REPARSE_LIST_ENTRY;

typedef struct _OPEN_REPARSE_LIST {
    LIST_ENTRY OpenReparseList;
} OPEN_REPARSE_LIST, *POPEN_REPARSE_LIST;

#define OPEN_REPARSE_POINT_TAG_ENCOUNTERED 0x1
#define OPEN_REPARSE_POINT_REPARSE_IF_CHILD_EXISTS 0x2
#define OPEN_REPARSE_POINT_REPARSE_IF_CHILD_NOT_EXISTS 0x4
#define OPEN_REPARSE_POINT_REPARSE_IF_DIRECTORY_FINAL_COMPONENT 0x8
#define OPEN_REPARSE_POINT_REPARSE_IF_NON_DIRECTORY_FINAL_COMPONENT 0x10
#define OPEN_REPARSE_POINT_REPARSE_IF_FINAL_COMPONENT                                              \
    (OPEN_REPARSE_POINT_REPARSE_IF_NON_DIRECTORY_FINAL_COMPONENT |                                 \
     OPEN_REPARSE_POINT_REPARSE_IF_DIRECTORY_FINAL_COMPONENT)
#define OPEN_REPARSE_POINT_REPARSE_IF_DIRECTORY_FINAL_COMPONENT_ALWAYS 0x48
#define OPEN_REPARSE_POINT_REPARSE_IF_NON_DIRECTORY_FINAL_COMPONENT_ALWAYS 0x50

// What a create can bring back with it.
#define QoCFileStatInformation 0x00000001
#define QoCFileLxInformation 0x00000002
#define QoCFileEaInformation 0x00000004
#define QoCFileSdInformation 0x00000008

typedef struct _QUERY_ON_CREATE_EA_INFORMATION {
    ULONG EaBufferSize;
    PVOID EaBuffer;
} QUERY_ON_CREATE_EA_INFORMATION, *PQUERY_ON_CREATE_EA_INFORMATION;

// System-defined ECPs.
DEFINE_GUID(GUID_ECP_NETWORK_OPEN_CONTEXT, 0xc584edbf, 0x00df, 0x4d28, 0xb8, 0x84, 0x35, 0xba, 0xca,
            0x89, 0x11, 0xe8);
DEFINE_GUID(GUID_ECP_PREFETCH_OPEN, 0xe1777b21, 0x847e, 0x4837, 0xaa, 0x45, 0x64, 0x16, 0x1d, 0x28,
            0x06, 0x55);
DEFINE_GUID(GUID_ECP_NFS_OPEN, 0xf326d30c, 0xe5f8, 0x4fe7, 0xab, 0x74, 0xf5, 0xa3, 0x19, 0x6d, 0x92,
            0xdb);
DEFINE_GUID(GUID_ECP_SRV_OPEN, 0xbebfaebc, 0xaabf, 0x489d, 0x9d, 0x2c, 0xe9, 0xe3, 0x61, 0x10, 0x28,
            0x53);
DEFINE_GUID(ECP_TYPE_CLFS_CREATE_CONTAINER, 0x9650b0a1, 0xd8ec, 0x4a4b, 0x8e, 0x69, 0x39, 0xfb,
            0x7d, 0x3c, 0xb1, 0x4c);
DEFINE_GUID(GUID_ECP_DUAL_OPLOCK_KEY, 0x41621a14, 0xb08b, 0x4df1, 0xb6, 0x76, 0xa0, 0x5f, 0xfd,
            0xf0, 0x1b, 0xea);
DEFINE_GUID(GUID_ECP_IO_DEVICE_HINT, 0xf315b732, 0xac6b, 0x4d4d, 0xbe, 0x0c, 0xb3, 0x12, 0x64, 0x90,
            0xe1, 0xa3);
DEFINE_GUID(GUID_ECP_FLT_CREATEFILE_TARGET, 0x96e1dafb, 0x3162, 0x4bee, 0xa4, 0x49, 0x02, 0xf7,
            0x04, 0x90, 0x03, 0x88);
DEFINE_GUID(GUID_ECP_CSV_DOWN_LEVEL_OPEN, 0x4248be44, 0x647f, 0x488f, 0x8b, 0xe5, 0xa0, 0x8a, 0xaf,
            0x70, 0xf0, 0x28);
DEFINE_GUID(GUID_ECP_CSV_SET_HANDLE_PROPERTIES, 0x7a79f8c8, 0xe5e7, 0x4a0e, 0xae, 0x9b, 0x7e, 0x2a,
            0x33, 0x2f, 0x68, 0x8a);
DEFINE_GUID(GUID_ECP_CSV_QUERY_FILE_REVISION, 0x44aec90b, 0xde65, 0x4d46, 0x8f, 0xbf, 0x76, 0x3f,
            0x9d, 0x97, 0x0b, 0x1d);
DEFINE_GUID(GUID_ECP_CREATE_REDIRECTION, 0x188d6bd6, 0xa126, 0x4fa8, 0xbd, 0xf2, 0x1c, 0xcd, 0xf8,
            0x96, 0xf3, 0xe0);
DEFINE_GUID(GUID_ECP_OPEN_REPARSE, 0x323eb6a8, 0xaffd, 0x4d95, 0x82, 0x30, 0x86, 0x3b, 0xce, 0x09,
            0xd3, 0x7a);

typedef struct _PREFETCH_OPEN_ECP_CONTEXT {
    PVOID Context;
} PREFETCH_OPEN_ECP_CONTEXT, *PPREFETCH_OPEN_ECP_CONTEXT;

typedef enum NETWORK_OPEN_LOCATION_QUALIFIER {
    NetworkOpenLocationAny,
    NetworkOpenLocationRemote,
    NetworkOpenLocationLoopback
} NETWORK_OPEN_LOCATION_QUALIFIER;

typedef enum NETWORK_OPEN_INTEGRITY_QUALIFIER {
    NetworkOpenIntegrityAny,
    NetworkOpenIntegrityNone,
    NetworkOpenIntegritySigned,
    NetworkOpenIntegrityEncrypted,
    NetworkOpenIntegrityMaximum
} NETWORK_OPEN_INTEGRITY_QUALIFIER;

typedef struct _NETWORK_OPEN_ECP_CONTEXT {
    USHORT Size;
    USHORT Reserved;
    __extension__ struct {
        struct {
            NETWORK_OPEN_LOCATION_QUALIFIER Location;
            NETWORK_OPEN_INTEGRITY_QUALIFIER Integrity;
            ULONG Flags;
        } in;
        struct {
            NETWORK_OPEN_LOCATION_QUALIFIER Location;
            NETWORK_OPEN_INTEGRITY_QUALIFIER Integrity;
            ULONG Flags;
        } out;
    };
} NETWORK_OPEN_ECP_CONTEXT, *PNETWORK_OPEN_ECP_CONTEXT;

typedef struct _SRV_OPEN_ECP_CONTEXT {
    PUNICODE_STRING ShareName;
    struct sockaddr_storage *SocketAddress;
    BOOLEAN OplockBlockState;
    BOOLEAN OplockAppState;
    BOOLEAN OplockFinalState;
    USHORT Version;
    UCHAR InstanceType;
} SRV_OPEN_ECP_CONTEXT, *PSRV_OPEN_ECP_CONTEXT;

typedef struct _NFS_OPEN_ECP_CONTEXT {
    PUNICODE_STRING ExportAlias;
    struct sockaddr_storage *ClientSocketAddress;
} NFS_OPEN_ECP_CONTEXT, *PNFS_OPEN_ECP_CONTEXT, **PPNFS_OPEN_ECP_CONTEXT;

typedef struct _CSV_DOWN_LEVEL_OPEN_ECP_CONTEXT {
    ULONG Version;
    BOOLEAN IsResume;
    ULONG DownlevelFileObjectType; // CSV_DOWN_LEVEL_FILE_TYPE
    ULONG SourceNodeId;
    ULONG DestinationNodeId;
} CSV_DOWN_LEVEL_OPEN_ECP_CONTEXT, *PCSV_DOWN_LEVEL_OPEN_ECP_CONTEXT;

#define CSV_DOWN_LEVEL_OPEN_ECP_CONTEXT_VERSION 1

typedef enum _CSV_DOWN_LEVEL_FILE_TYPE {
    CsvDownLevelRedirectedFileObject = 1,
    CsvDownLevelDirectFileObject
} CSV_DOWN_LEVEL_FILE_TYPE,
    *PCSV_DOWN_LEVEL_FILE_TYPE;

typedef struct _CSV_QUERY_FILE_REVISION_ECP_CONTEXT {
    LONGLONG FileId;
    LONGLONG FileRevision[3];
} CSV_QUERY_FILE_REVISION_ECP_CONTEXT, *PCSV_QUERY_FILE_REVISION_ECP_CONTEXT;

typedef struct _CREATE_REDIRECTION_ECP_CONTEXT {
    USHORT Size;
    USHORT Flags;
    FILE_ID_128 FileId;
    GUID VolumeGuid;
} CREATE_REDIRECTION_ECP_CONTEXT, *PCREATE_REDIRECTION_ECP_CONTEXT;

FLTSIM_WDK_END

#endif
