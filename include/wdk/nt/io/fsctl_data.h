// What the rarer file system control codes take and give: marks on handles, regions, offloaded copies, file records, trims,
// statistics of NTFS.
#ifndef FLTSIM_WDK_NT_IO_FSCTL_DATA_H
#define FLTSIM_WDK_NT_IO_FSCTL_DATA_H

#include "../begin.h"
#include "../types.h"
#include "types.h"

FLTSIM_WDK_BEGIN

// FSCTL_MARK_HANDLE. Of the flags, PROTECT_CLUSTERS is obeyed and a source is put into change records.
#define MARK_HANDLE_PROTECT_CLUSTERS 0x00000001
#define MARK_HANDLE_TXF_SYSTEM_LOG 0x00000004
#define MARK_HANDLE_NOT_TXF_SYSTEM_LOG 0x00000008
#define MARK_HANDLE_REALTIME 0x00000020
#define MARK_HANDLE_NOT_REALTIME 0x00000040
#define MARK_HANDLE_CLOUD_SYNC 0x00000800

typedef struct _MARK_HANDLE_INFO {
    __extension__ union {
        ULONG UsnSourceInfo;
        ULONG CopyNumber;
    };
    HANDLE VolumeHandle;
    ULONG HandleInfo;
} MARK_HANDLE_INFO, *PMARK_HANDLE_INFO;

// FSCTL_QUERY_FILE_REGIONS.
#define FILE_REGION_USAGE_VALID_CACHED_DATA 0x00000001
#define FILE_REGION_USAGE_VALID_NONCACHED_DATA 0x00000002

typedef struct _FILE_REGION_INPUT {
    LONGLONG FileOffset;
    LONGLONG Length;
    ULONG DesiredUsage;
} FILE_REGION_INPUT, *PFILE_REGION_INPUT;

typedef struct _FILE_REGION_INFO {
    LONGLONG FileOffset;
    LONGLONG Length;
    ULONG Usage;
    ULONG Reserved;
} FILE_REGION_INFO, *PFILE_REGION_INFO;

typedef struct _FILE_REGION_OUTPUT {
    ULONG Flags;
    ULONG TotalRegionEntryCount;
    ULONG RegionEntryCount;
    ULONG Reserved;
    FILE_REGION_INFO Region[1];
} FILE_REGION_OUTPUT, *PFILE_REGION_OUTPUT;

// FSCTL_OFFLOAD_READ, FSCTL_OFFLOAD_WRITE. A token is a STORAGE_OFFLOAD_TOKEN.
#define OFFLOAD_READ_FLAG_ALL_ZERO_BEYOND_CURRENT_RANGE 0x00000001

typedef struct _FSCTL_OFFLOAD_READ_INPUT {
    ULONG Size;
    ULONG Flags;
    ULONG TokenTimeToLive;
    ULONG Reserved;
    ULONGLONG FileOffset;
    ULONGLONG CopyLength;
} FSCTL_OFFLOAD_READ_INPUT, *PFSCTL_OFFLOAD_READ_INPUT;

typedef struct _FSCTL_OFFLOAD_READ_OUTPUT {
    ULONG Size;
    ULONG Flags;
    ULONGLONG TransferLength;
    UCHAR Token[512];
} FSCTL_OFFLOAD_READ_OUTPUT, *PFSCTL_OFFLOAD_READ_OUTPUT;

typedef struct _FSCTL_OFFLOAD_WRITE_INPUT {
    ULONG Size;
    ULONG Flags;
    ULONGLONG FileOffset;
    ULONGLONG CopyLength;
    ULONGLONG TransferOffset;
    UCHAR Token[512];
} FSCTL_OFFLOAD_WRITE_INPUT, *PFSCTL_OFFLOAD_WRITE_INPUT;

typedef struct _FSCTL_OFFLOAD_WRITE_OUTPUT {
    ULONG Size;
    ULONG Flags;
    ULONGLONG LengthWritten;
} FSCTL_OFFLOAD_WRITE_OUTPUT, *PFSCTL_OFFLOAD_WRITE_OUTPUT;

// FSCTL_GET_NTFS_FILE_RECORD.
typedef struct _NTFS_FILE_RECORD_INPUT_BUFFER {
    LARGE_INTEGER FileReferenceNumber;
} NTFS_FILE_RECORD_INPUT_BUFFER, *PNTFS_FILE_RECORD_INPUT_BUFFER;

typedef struct _NTFS_FILE_RECORD_OUTPUT_BUFFER {
    LARGE_INTEGER FileReferenceNumber;
    ULONG FileRecordLength;
    UCHAR FileRecordBuffer[1];
} NTFS_FILE_RECORD_OUTPUT_BUFFER, *PNTFS_FILE_RECORD_OUTPUT_BUFFER;

// FSCTL_FILE_LEVEL_TRIM.
typedef struct _FILE_LEVEL_TRIM_RANGE {
    ULONGLONG Offset;
    ULONGLONG Length;
} FILE_LEVEL_TRIM_RANGE, *PFILE_LEVEL_TRIM_RANGE;

typedef struct _FILE_LEVEL_TRIM {
    ULONG Key;
    ULONG NumRanges;
    FILE_LEVEL_TRIM_RANGE Ranges[1];
} FILE_LEVEL_TRIM, *PFILE_LEVEL_TRIM;

typedef struct _FILE_LEVEL_TRIM_OUTPUT {
    ULONG NumRangesProcessed;
} FILE_LEVEL_TRIM_OUTPUT, *PFILE_LEVEL_TRIM_OUTPUT;

// FSCTL_SET_PURGE_FAILURE_MODE: while a data scan's section is open, a create that would destroy data fails with
// STATUS_USER_MAPPED_FILE, an unbuffered write and a change of the size with STATUS_PURGE_FAILED; the Filter Manager tries
// again when the section is closed. Filters never issue it.
#define SET_PURGE_FAILURE_MODE_ENABLED 0x00000001
#define SET_PURGE_FAILURE_MODE_DISABLED 0x00000002
typedef struct _SET_PURGE_FAILURE_MODE_INPUT {
    ULONG Flags;
} SET_PURGE_FAILURE_MODE_INPUT, *PSET_PURGE_FAILURE_MODE_INPUT;

// FSCTL_DUPLICATE_EXTENTS_TO_FILE, which ReFS knows.
typedef struct _DUPLICATE_EXTENTS_DATA {
    HANDLE FileHandle;
    LARGE_INTEGER SourceFileOffset;
    LARGE_INTEGER TargetFileOffset;
    LARGE_INTEGER ByteCount;
} DUPLICATE_EXTENTS_DATA, *PDUPLICATE_EXTENTS_DATA;

// FSCTL_QUERY_PERSISTENT_VOLUME_STATE, FSCTL_SET_PERSISTENT_VOLUME_STATE. Version is 1.
#define PERSISTENT_VOLUME_STATE_SHORT_NAME_CREATION_DISABLED 0x00000001
#define PERSISTENT_VOLUME_STATE_VOLUME_SCRUB_DISABLED 0x00000002
#define PERSISTENT_VOLUME_STATE_GLOBAL_METADATA_NO_SEEK_PENALTY 0x00000004
#define PERSISTENT_VOLUME_STATE_LOCAL_METADATA_NO_SEEK_PENALTY 0x00000008
#define PERSISTENT_VOLUME_STATE_NO_HEAT_GATHERING 0x00000010
#define PERSISTENT_VOLUME_STATE_CONTAINS_BACKING_WIM 0x00000020
#define PERSISTENT_VOLUME_STATE_BACKED_BY_WIM 0x00000040
#define PERSISTENT_VOLUME_STATE_DEV_VOLUME 0x00002000
#define PERSISTENT_VOLUME_STATE_TRUSTED_VOLUME 0x00004000

typedef struct _FILE_FS_PERSISTENT_VOLUME_INFORMATION {
    ULONG VolumeFlags;
    ULONG FlagMask;
    ULONG Version;
    ULONG Reserved;
} FILE_FS_PERSISTENT_VOLUME_INFORMATION, *PFILE_FS_PERSISTENT_VOLUME_INFORMATION;

// FSCTL_GET_BOOT_AREA_INFO.
typedef struct _BOOT_AREA_INFO {
    ULONG BootSectorCount;
    struct {
        LARGE_INTEGER Offset;
    } BootSectors[2];
} BOOT_AREA_INFO, *PBOOT_AREA_INFO;

// FSCTL_QUERY_FAT_BPB.
typedef struct _FSCTL_QUERY_FAT_BPB_BUFFER {
    UCHAR First0x24BytesOfBootSector[0x24];
} FSCTL_QUERY_FAT_BPB_BUFFER, *PFSCTL_QUERY_FAT_BPB_BUFFER;

// FSCTL_FILESYSTEM_GET_STATISTICS: behind each processor's FILESYSTEM_STATISTICS of NTFS.
typedef struct _NTFS_STATISTICS {
    ULONG LogFileFullExceptions, OtherExceptions;
    ULONG MftReads, MftReadBytes, MftWrites, MftWriteBytes;
    struct {
        USHORT Write, Create, SetInfo, Flush;
    } MftWritesUserLevel;
    USHORT MftWritesFlushForLogFileFull, MftWritesLazyWriter, MftWritesUserRequest;
    ULONG Mft2Writes, Mft2WriteBytes;
    struct {
        USHORT Write, Create, SetInfo, Flush;
    } Mft2WritesUserLevel;
    USHORT Mft2WritesFlushForLogFileFull, Mft2WritesLazyWriter, Mft2WritesUserRequest;
    ULONG RootIndexReads, RootIndexReadBytes, RootIndexWrites, RootIndexWriteBytes;
    ULONG BitmapReads, BitmapReadBytes, BitmapWrites, BitmapWriteBytes;
    USHORT BitmapWritesFlushForLogFileFull, BitmapWritesLazyWriter, BitmapWritesUserRequest;
    struct {
        USHORT Write, Create, SetInfo;
    } BitmapWritesUserLevel;
    ULONG MftBitmapReads, MftBitmapReadBytes, MftBitmapWrites, MftBitmapWriteBytes;
    USHORT MftBitmapWritesFlushForLogFileFull, MftBitmapWritesLazyWriter, MftBitmapWritesUserRequest;
    struct {
        USHORT Write, Create, SetInfo, Flush;
    } MftBitmapWritesUserLevel;
    ULONG UserIndexReads, UserIndexReadBytes, UserIndexWrites, UserIndexWriteBytes;
    ULONG LogFileReads, LogFileReadBytes, LogFileWrites, LogFileWriteBytes;
    struct {
        ULONG Calls, Clusters, Hints, RunsReturned, HintsHonored, HintsClusters;
        ULONG Cache, CacheClusters, CacheMiss, CacheMissClusters;
    } Allocate;
} NTFS_STATISTICS, *PNTFS_STATISTICS;

// FSCTL_SET_EXTERNAL_BACKING and its kin: files whose data stand compressed in another stream.
#define WOF_CURRENT_VERSION 1
#define WOF_PROVIDER_WIM 1
#define WOF_PROVIDER_FILE 2
typedef struct _WOF_EXTERNAL_INFO {
    ULONG Version;
    ULONG Provider;
} WOF_EXTERNAL_INFO, *PWOF_EXTERNAL_INFO;
typedef struct _WOF_VERSION_INFO {
    ULONG WofVersion;
} WOF_VERSION_INFO, *PWOF_VERSION_INFO;
#define FILE_PROVIDER_CURRENT_VERSION 1
#define FILE_PROVIDER_COMPRESSION_XPRESS4K 0
#define FILE_PROVIDER_COMPRESSION_LZX 1
#define FILE_PROVIDER_COMPRESSION_XPRESS8K 2
#define FILE_PROVIDER_COMPRESSION_XPRESS16K 3
typedef struct _FILE_PROVIDER_EXTERNAL_INFO_V0 {
    ULONG Version;
    ULONG Algorithm;
} FILE_PROVIDER_EXTERNAL_INFO_V0, *PFILE_PROVIDER_EXTERNAL_INFO_V0;
typedef struct _FILE_PROVIDER_EXTERNAL_INFO_V1 {
    ULONG Version;
    ULONG Algorithm;
    ULONG Flags;
} FILE_PROVIDER_EXTERNAL_INFO_V1, *PFILE_PROVIDER_EXTERNAL_INFO_V1;
typedef FILE_PROVIDER_EXTERNAL_INFO_V1 FILE_PROVIDER_EXTERNAL_INFO, *PFILE_PROVIDER_EXTERNAL_INFO;

// FSCTL_MARK_HANDLE of a 32-bit program, FSCTL_SHUFFLE_FILE, FSCTL_REARRANGE_FILE.
typedef struct _MARK_HANDLE_INFO32 {
    union {
        ULONG UsnSourceInfo;
        ULONG CopyNumber;
    };
    UINT32 VolumeHandle;
    ULONG HandleInfo;
} MARK_HANDLE_INFO32, *PMARK_HANDLE_INFO32;
#define SHUFFLE_FILE_FLAG_SKIP_INITIALIZING_NEW_CLUSTERS 0x00000001
typedef struct _SHUFFLE_FILE_DATA {
    LONGLONG StartingOffset;
    LONGLONG Length;
    ULONG Flags;
} SHUFFLE_FILE_DATA, *PSHUFFLE_FILE_DATA;
typedef struct _REARRANGE_FILE_DATA {
    ULONGLONG SourceStartingOffset;
    ULONGLONG TargetOffset;
    HANDLE SourceFileHandle;
    ULONG Length;
    ULONG Flags;
} REARRANGE_FILE_DATA, *PREARRANGE_FILE_DATA;

// IOCTL_REDIR_QUERY_PATH and _EX, that MUP sends to redirectors.
struct _IO_SECURITY_CONTEXT;
typedef struct _QUERY_PATH_REQUEST {
    ULONG PathNameLength;
    struct _IO_SECURITY_CONTEXT *SecurityContext;
    WCHAR FilePathName[1];
} QUERY_PATH_REQUEST, *PQUERY_PATH_REQUEST;
struct _ECP_LIST;
typedef struct _QUERY_PATH_REQUEST_EX {
    struct _IO_SECURITY_CONTEXT *pSecurityContext;
    ULONG EaLength;
    PVOID pEaBuffer;
    UNICODE_STRING PathName;
    UNICODE_STRING DomainServiceName;
    struct _ECP_LIST *EcpList;
    PVOID Silo;
    ULONG_PTR Reserved;
} QUERY_PATH_REQUEST_EX, *PQUERY_PATH_REQUEST_EX;
typedef struct _QUERY_PATH_RESPONSE {
    ULONG LengthAccepted;
} QUERY_PATH_RESPONSE, *PQUERY_PATH_RESPONSE;

typedef enum _LINK_TRACKING_INFORMATION_TYPE {
    NtfsLinkTrackingInformation,
    DfsLinkTrackingInformation
} LINK_TRACKING_INFORMATION_TYPE, *PLINK_TRACKING_INFORMATION_TYPE;
typedef struct _LINK_TRACKING_INFORMATION {
    LINK_TRACKING_INFORMATION_TYPE Type;
    UCHAR VolumeId[16];
} LINK_TRACKING_INFORMATION, *PLINK_TRACKING_INFORMATION;

FLTSIM_WDK_END

#endif
