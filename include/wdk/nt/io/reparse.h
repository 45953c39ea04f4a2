// Reparse points: their tags and buffers.
#ifndef FLTSIM_WDK_NT_IO_REPARSE_H
#define FLTSIM_WDK_NT_IO_REPARSE_H

#include "../begin.h"
#include "../types.h"
#include "types.h"

FLTSIM_WDK_BEGIN

#define MAXIMUM_REPARSE_DATA_BUFFER_SIZE (16 * 1024)

typedef struct _REPARSE_DATA_BUFFER {
    ULONG ReparseTag;
    USHORT ReparseDataLength;
    USHORT Reserved;
    __extension__ union {
        struct {
            USHORT SubstituteNameOffset;
            USHORT SubstituteNameLength;
            USHORT PrintNameOffset;
            USHORT PrintNameLength;
            ULONG Flags;
            WCHAR PathBuffer[1];
        } SymbolicLinkReparseBuffer;
        struct {
            USHORT SubstituteNameOffset;
            USHORT SubstituteNameLength;
            USHORT PrintNameOffset;
            USHORT PrintNameLength;
            WCHAR PathBuffer[1];
        } MountPointReparseBuffer;
        struct {
            UCHAR DataBuffer[1];
        } GenericReparseBuffer;
    };
} REPARSE_DATA_BUFFER, *PREPARSE_DATA_BUFFER;

#define REPARSE_DATA_BUFFER_HEADER_SIZE FIELD_OFFSET(REPARSE_DATA_BUFFER, GenericReparseBuffer)

typedef struct _REPARSE_GUID_DATA_BUFFER {
    ULONG ReparseTag;
    USHORT ReparseDataLength;
    USHORT Reserved;
    GUID ReparseGuid;
    struct {
        UCHAR DataBuffer[1];
    } GenericReparseBuffer;
} REPARSE_GUID_DATA_BUFFER, *PREPARSE_GUID_DATA_BUFFER;

#define REPARSE_GUID_DATA_BUFFER_HEADER_SIZE                                                       \
    FIELD_OFFSET(REPARSE_GUID_DATA_BUFFER, GenericReparseBuffer)

#define REPARSE_DATA_EX_FLAG_GIVEN_TAG_OR_NONE 0x00000001

typedef struct _REPARSE_DATA_BUFFER_EX {
    ULONG Flags;
    ULONG ExistingReparseTag;
    GUID ExistingReparseGuid;
    ULONGLONG Reserved;
    __extension__ union {
        REPARSE_DATA_BUFFER ReparseDataBuffer;
        REPARSE_GUID_DATA_BUFFER ReparseGuidDataBuffer;
    };
} REPARSE_DATA_BUFFER_EX, *PREPARSE_DATA_BUFFER_EX;

#define SYMLINK_FLAG_RELATIVE 0x00000001
#define SYMLINK_DIRECTORY 0x80000000
#define SYMLINK_FILE 0x40000000

#define IO_REPARSE_TAG_RESERVED_ZERO (0)
#define IO_REPARSE_TAG_RESERVED_ONE (1)
#define IO_REPARSE_TAG_RESERVED_TWO (2)
#define IO_REPARSE_TAG_RESERVED_RANGE IO_REPARSE_TAG_RESERVED_TWO
#define IO_REPARSE_TAG_VALID_VALUES 0xF000FFFFU
#define IO_REPARSE_TAG_MOUNT_POINT 0xA0000003U
#define IO_REPARSE_TAG_HSM 0xC0000004U
#define IO_REPARSE_TAG_DRIVE_EXTENDER 0x80000005U
#define IO_REPARSE_TAG_HSM2 0x80000006U
#define IO_REPARSE_TAG_SIS 0x80000007U
#define IO_REPARSE_TAG_WIM 0x80000008U
#define IO_REPARSE_TAG_CSV 0x80000009U
#define IO_REPARSE_TAG_DFS 0x8000000AU
#define IO_REPARSE_TAG_FILTER_MANAGER 0x8000000BU
#define IO_REPARSE_TAG_SYMLINK 0xA000000CU
#define IO_REPARSE_TAG_IIS_CACHE 0xA0000010U
#define IO_REPARSE_TAG_DFSR 0x80000012U
#define IO_REPARSE_TAG_DEDUP 0x80000013U
#define IO_REPARSE_TAG_NFS 0x80000014U
#define IO_REPARSE_TAG_FILE_PLACEHOLDER 0x80000015U
#define IO_REPARSE_TAG_WOF 0x80000017U
#define IO_REPARSE_TAG_WCI 0x80000018U
#define IO_REPARSE_TAG_WCI_1 0x90001018U
#define IO_REPARSE_TAG_GLOBAL_REPARSE 0xA0000019U
#define IO_REPARSE_TAG_CLOUD 0x9000001AU
#define IO_REPARSE_TAG_CLOUD_MASK 0x0000F000U
#define IO_REPARSE_TAG_APPEXECLINK 0x8000001BU
#define IO_REPARSE_TAG_PROJFS 0x9000001CU
#define IO_REPARSE_TAG_LX_SYMLINK 0xA000001DU
#define IO_REPARSE_TAG_STORAGE_SYNC 0x8000001EU
#define IO_REPARSE_TAG_WCI_TOMBSTONE 0xA000001FU
#define IO_REPARSE_TAG_UNHANDLED 0x80000020U
#define IO_REPARSE_TAG_ONEDRIVE 0x80000021U
#define IO_REPARSE_TAG_PROJFS_TOMBSTONE 0xA0000022U
#define IO_REPARSE_TAG_AF_UNIX 0x80000023U
#define IsReparseTagMicrosoft(_tag) (((_tag)&0x80000000))
#define IsReparseTagNameSurrogate(_tag) (((_tag)&0x20000000))
#define IsReparseTagDirectory(_tag) (((_tag)&0x10000000))

FLTSIM_WDK_END

#endif
