// The change journal.
#ifndef FLTSIM_WDK_NT_IO_USN_H
#define FLTSIM_WDK_NT_IO_USN_H

#include "../begin.h"
#include "../types.h"
#include "file_info.h"
#include "types.h"

FLTSIM_WDK_BEGIN

typedef LONGLONG USN;

typedef struct _CREATE_USN_JOURNAL_DATA {
    ULONGLONG MaximumSize;
    ULONGLONG AllocationDelta;
} CREATE_USN_JOURNAL_DATA, *PCREATE_USN_JOURNAL_DATA;

#define USN_DELETE_FLAG_DELETE 0x00000001
#define USN_DELETE_FLAG_NOTIFY 0x00000002
#define USN_DELETE_VALID_FLAGS 0x00000003

typedef struct _DELETE_USN_JOURNAL_DATA {
    ULONGLONG UsnJournalID;
    ULONG DeleteFlags;
} DELETE_USN_JOURNAL_DATA, *PDELETE_USN_JOURNAL_DATA;

typedef struct _READ_USN_JOURNAL_DATA_V0 {
    USN StartUsn;
    ULONG ReasonMask;
    ULONG ReturnOnlyOnClose;
    ULONGLONG Timeout;
    ULONGLONG BytesToWaitFor;
    ULONGLONG UsnJournalID;
} READ_USN_JOURNAL_DATA_V0, *PREAD_USN_JOURNAL_DATA_V0;

typedef struct _READ_USN_JOURNAL_DATA_V1 {
    USN StartUsn;
    ULONG ReasonMask;
    ULONG ReturnOnlyOnClose;
    ULONGLONG Timeout;
    ULONGLONG BytesToWaitFor;
    ULONGLONG UsnJournalID;
    USHORT MinMajorVersion;
    USHORT MaxMajorVersion;
} READ_USN_JOURNAL_DATA_V1, *PREAD_USN_JOURNAL_DATA_V1;
typedef READ_USN_JOURNAL_DATA_V0 READ_USN_JOURNAL_DATA, *PREAD_USN_JOURNAL_DATA;

typedef struct _READ_FILE_USN_DATA {
    USHORT MinMajorVersion;
    USHORT MaxMajorVersion;
} READ_FILE_USN_DATA, *PREAD_FILE_USN_DATA;

typedef struct _MFT_ENUM_DATA_V0 {
    ULONGLONG StartFileReferenceNumber;
    USN LowUsn;
    USN HighUsn;
} MFT_ENUM_DATA_V0, *PMFT_ENUM_DATA_V0;

typedef struct _MFT_ENUM_DATA_V1 {
    ULONGLONG StartFileReferenceNumber;
    USN LowUsn;
    USN HighUsn;
    USHORT MinMajorVersion;
    USHORT MaxMajorVersion;
} MFT_ENUM_DATA_V1, *PMFT_ENUM_DATA_V1;
typedef MFT_ENUM_DATA_V0 MFT_ENUM_DATA, *PMFT_ENUM_DATA;

typedef struct _USN_JOURNAL_DATA_V0 {
    ULONGLONG UsnJournalID;
    USN FirstUsn;
    USN NextUsn;
    USN LowestValidUsn;
    USN MaxUsn;
    ULONGLONG MaximumSize;
    ULONGLONG AllocationDelta;
} USN_JOURNAL_DATA_V0, *PUSN_JOURNAL_DATA_V0;

typedef struct _USN_JOURNAL_DATA_V1 {
    ULONGLONG UsnJournalID;
    USN FirstUsn;
    USN NextUsn;
    USN LowestValidUsn;
    USN MaxUsn;
    ULONGLONG MaximumSize;
    ULONGLONG AllocationDelta;
    USHORT MinSupportedMajorVersion;
    USHORT MaxSupportedMajorVersion;
} USN_JOURNAL_DATA_V1, *PUSN_JOURNAL_DATA_V1;

typedef struct _USN_JOURNAL_DATA_V2 {
    ULONGLONG UsnJournalID;
    USN FirstUsn;
    USN NextUsn;
    USN LowestValidUsn;
    USN MaxUsn;
    ULONGLONG MaximumSize;
    ULONGLONG AllocationDelta;
    USHORT MinSupportedMajorVersion;
    USHORT MaxSupportedMajorVersion;
    ULONG Flags;
    ULONGLONG RangeTrackChunkSize;
    LONGLONG RangeTrackFileSizeThreshold;
} USN_JOURNAL_DATA_V2, *PUSN_JOURNAL_DATA_V2;
typedef USN_JOURNAL_DATA_V0 USN_JOURNAL_DATA, *PUSN_JOURNAL_DATA;

typedef struct _USN_RECORD_COMMON_HEADER {
    ULONG RecordLength;
    USHORT MajorVersion;
    USHORT MinorVersion;
} USN_RECORD_COMMON_HEADER, *PUSN_RECORD_COMMON_HEADER;

typedef struct _USN_RECORD_V2 {
    ULONG RecordLength;
    USHORT MajorVersion;
    USHORT MinorVersion;
    ULONGLONG FileReferenceNumber;
    ULONGLONG ParentFileReferenceNumber;
    USN Usn;
    LARGE_INTEGER TimeStamp;
    ULONG Reason;
    ULONG SourceInfo;
    ULONG SecurityId;
    ULONG FileAttributes;
    USHORT FileNameLength;
    USHORT FileNameOffset;
    WCHAR FileName[1];
} USN_RECORD_V2, *PUSN_RECORD_V2;
typedef USN_RECORD_V2 USN_RECORD, *PUSN_RECORD;

typedef struct _USN_RECORD_V3 {
    ULONG RecordLength;
    USHORT MajorVersion;
    USHORT MinorVersion;
    FILE_ID_128 FileReferenceNumber;
    FILE_ID_128 ParentFileReferenceNumber;
    USN Usn;
    LARGE_INTEGER TimeStamp;
    ULONG Reason;
    ULONG SourceInfo;
    ULONG SecurityId;
    ULONG FileAttributes;
    USHORT FileNameLength;
    USHORT FileNameOffset;
    WCHAR FileName[1];
} USN_RECORD_V3, *PUSN_RECORD_V3;

#define USN_REASON_DATA_OVERWRITE 0x00000001
#define USN_REASON_DATA_EXTEND 0x00000002
#define USN_REASON_DATA_TRUNCATION 0x00000004
#define USN_REASON_NAMED_DATA_OVERWRITE 0x00000010
#define USN_REASON_NAMED_DATA_EXTEND 0x00000020
#define USN_REASON_NAMED_DATA_TRUNCATION 0x00000040
#define USN_REASON_FILE_CREATE 0x00000100
#define USN_REASON_FILE_DELETE 0x00000200
#define USN_REASON_EA_CHANGE 0x00000400
#define USN_REASON_SECURITY_CHANGE 0x00000800
#define USN_REASON_RENAME_OLD_NAME 0x00001000
#define USN_REASON_RENAME_NEW_NAME 0x00002000
#define USN_REASON_INDEXABLE_CHANGE 0x00004000
#define USN_REASON_BASIC_INFO_CHANGE 0x00008000
#define USN_REASON_HARD_LINK_CHANGE 0x00010000
#define USN_REASON_COMPRESSION_CHANGE 0x00020000
#define USN_REASON_ENCRYPTION_CHANGE 0x00040000
#define USN_REASON_OBJECT_ID_CHANGE 0x00080000
#define USN_REASON_REPARSE_POINT_CHANGE 0x00100000
#define USN_REASON_STREAM_CHANGE 0x00200000
#define USN_REASON_TRANSACTED_CHANGE 0x00400000
#define USN_REASON_INTEGRITY_CHANGE 0x00800000
#define USN_REASON_CLOSE 0x80000000

#define USN_SOURCE_DATA_MANAGEMENT 0x00000001
#define USN_SOURCE_AUXILIARY_DATA 0x00000002
#define USN_SOURCE_REPLICATION_MANAGEMENT 0x00000004
#define USN_SOURCE_CLIENT_REPLICATION_MANAGEMENT 0x00000008

FLTSIM_WDK_END

#endif
