/* What each information class asks of a call: the least length of its buffer, and the access of the handle. */
#include "iop.h"

struct row {
    UCHAR query, set;          /* least length; 0: the class is not for this call */
    ACCESS_MASK query_access, set_access;
};

static const struct row files[FileMaximumInformation] = {
    [FileBasicInformation] = {sizeof(FILE_BASIC_INFORMATION), sizeof(FILE_BASIC_INFORMATION), FILE_READ_ATTRIBUTES,
                              FILE_WRITE_ATTRIBUTES},
    [FileStandardInformation] = {sizeof(FILE_STANDARD_INFORMATION), 0, 0, 0},
    [FileInternalInformation] = {sizeof(FILE_INTERNAL_INFORMATION), 0, 0, 0},
    [FileEaInformation] = {sizeof(FILE_EA_INFORMATION), 0, 0, 0},
    [FileAccessInformation] = {sizeof(FILE_ACCESS_INFORMATION), 0, 0, 0},
    [FileNameInformation] = {sizeof(FILE_NAME_INFORMATION), 0, 0, 0},
    [FileRenameInformation] = {0, sizeof(FILE_RENAME_INFORMATION), 0, DELETE},
    [FileRenameInformationEx] = {0, sizeof(FILE_RENAME_INFORMATION), 0, DELETE},
    [FileLinkInformation] = {0, sizeof(FILE_LINK_INFORMATION), 0, 0},
    [FileLinkInformationEx] = {0, sizeof(FILE_LINK_INFORMATION), 0, 0},
    [FileRenameInformationBypassAccessCheck] = {0, sizeof(FILE_RENAME_INFORMATION), 0, DELETE},
    [FileRenameInformationExBypassAccessCheck] = {0, sizeof(FILE_RENAME_INFORMATION), 0, DELETE},
    [FileLinkInformationBypassAccessCheck] = {0, sizeof(FILE_LINK_INFORMATION), 0, 0},
    [FileLinkInformationExBypassAccessCheck] = {0, sizeof(FILE_LINK_INFORMATION), 0, 0},
    [FileDispositionInformation] = {0, sizeof(FILE_DISPOSITION_INFORMATION), 0, DELETE},
    [FileDispositionInformationEx] = {0, sizeof(FILE_DISPOSITION_INFORMATION_EX), 0, DELETE},
    [FilePositionInformation] = {sizeof(FILE_POSITION_INFORMATION), sizeof(FILE_POSITION_INFORMATION), 0, 0},
    [FileModeInformation] = {sizeof(FILE_MODE_INFORMATION), sizeof(FILE_MODE_INFORMATION), 0, 0},
    [FileAlignmentInformation] = {sizeof(FILE_ALIGNMENT_INFORMATION), 0, 0, 0},
    [FileAllInformation] = {sizeof(FILE_ALL_INFORMATION), 0, FILE_READ_ATTRIBUTES, 0},
    [FileAllocationInformation] = {0, sizeof(FILE_ALLOCATION_INFORMATION), 0, FILE_WRITE_DATA},
    [FileEndOfFileInformation] = {0, sizeof(FILE_END_OF_FILE_INFORMATION), 0, FILE_WRITE_DATA},
    [FileAlternateNameInformation] = {sizeof(FILE_NAME_INFORMATION), 0, 0, 0},
    [FileStreamInformation] = {sizeof(FILE_STREAM_INFORMATION), 0, 0, 0},
    [FilePipeInformation] = {sizeof(FILE_PIPE_INFORMATION), sizeof(FILE_PIPE_INFORMATION), FILE_READ_ATTRIBUTES,
                             FILE_WRITE_ATTRIBUTES},
    [FilePipeLocalInformation] = {sizeof(FILE_PIPE_LOCAL_INFORMATION), 0, FILE_READ_ATTRIBUTES, 0},
    [FilePipeRemoteInformation] = {sizeof(FILE_PIPE_REMOTE_INFORMATION), sizeof(FILE_PIPE_REMOTE_INFORMATION),
                                   FILE_READ_ATTRIBUTES, FILE_WRITE_ATTRIBUTES},
    [FileMailslotQueryInformation] = {sizeof(FILE_MAILSLOT_QUERY_INFORMATION), 0, 0, 0},
    [FileMailslotSetInformation] = {0, sizeof(FILE_MAILSLOT_SET_INFORMATION), 0, 0},
    [FileCompressionInformation] = {sizeof(FILE_COMPRESSION_INFORMATION), 0, 0, 0},
    [FileMoveClusterInformation] = {0, sizeof(FILE_MOVE_CLUSTER_INFORMATION), 0, FILE_WRITE_DATA},
    [FileReparsePointInformation] = {sizeof(FILE_REPARSE_POINT_INFORMATION), 0, FILE_READ_ATTRIBUTES, 0},
    [FileNetworkOpenInformation] = {sizeof(FILE_NETWORK_OPEN_INFORMATION), 0, FILE_READ_ATTRIBUTES, 0},
    [FileAttributeTagInformation] = {sizeof(FILE_ATTRIBUTE_TAG_INFORMATION), 0, FILE_READ_ATTRIBUTES, 0},
    [FileTrackingInformation] = {0, sizeof(FILE_TRACKING_INFORMATION), 0, FILE_WRITE_DATA},
    [FileValidDataLengthInformation] = {0, sizeof(FILE_VALID_DATA_LENGTH_INFORMATION), 0, FILE_WRITE_DATA},
    [FileShortNameInformation] = {0, sizeof(FILE_NAME_INFORMATION), 0, DELETE},
    [FileIoPriorityHintInformation] = {sizeof(FILE_IO_PRIORITY_HINT_INFORMATION),
                                       sizeof(FILE_IO_PRIORITY_HINT_INFORMATION), FILE_READ_DATA, SYNCHRONIZE},
    [FileHardLinkInformation] = {sizeof(FILE_LINKS_INFORMATION), 0, FILE_READ_ATTRIBUTES, 0},
    [FileProcessIdsUsingFileInformation] = {sizeof(FILE_PROCESS_IDS_USING_FILE_INFORMATION), 0, FILE_READ_ATTRIBUTES,
                                            0},
    [FileNormalizedNameInformation] = {sizeof(FILE_NAME_INFORMATION), 0, 0, 0},
    [FileNetworkPhysicalNameInformation] = {sizeof(FILE_NETWORK_PHYSICAL_NAME_INFORMATION), 0, 0, 0},
    [FileIsRemoteDeviceInformation] = {sizeof(FILE_IS_REMOTE_DEVICE_INFORMATION), 0, 0, 0},
    [FileStandardLinkInformation] = {sizeof(FILE_STANDARD_LINK_INFORMATION), 0, FILE_READ_ATTRIBUTES, 0},
    [FileRemoteProtocolInformation] = {sizeof(FILE_REMOTE_PROTOCOL_INFORMATION), 0, FILE_READ_ATTRIBUTES, 0},
    [FileVolumeNameInformation] = {sizeof(FILE_VOLUME_NAME_INFORMATION), 0, 0, 0},
    [FileIdInformation] = {sizeof(FILE_ID_INFORMATION), 0, FILE_READ_ATTRIBUTES, 0},
    [FileHardLinkFullIdInformation] = {sizeof(FILE_LINKS_FULL_ID_INFORMATION), 0, FILE_READ_ATTRIBUTES, 0},
    [FileStatInformation] = {sizeof(FILE_STAT_INFORMATION), 0, FILE_READ_ATTRIBUTES, 0},
    [FileStatLxInformation] = {sizeof(FILE_STAT_LX_INFORMATION), 0, FILE_READ_ATTRIBUTES | FILE_READ_EA, 0},
    [FileStatBasicInformation] = {sizeof(FILE_STAT_BASIC_INFORMATION), 0, FILE_READ_ATTRIBUTES, 0},
    [FileCaseSensitiveInformation] = {sizeof(FILE_CASE_SENSITIVE_INFORMATION), sizeof(FILE_CASE_SENSITIVE_INFORMATION),
                                      FILE_READ_ATTRIBUTES, FILE_WRITE_ATTRIBUTES},
    [FileCaseSensitiveInformationForceAccessCheck] = {0, sizeof(FILE_CASE_SENSITIVE_INFORMATION), 0,
                                                      FILE_WRITE_ATTRIBUTES},
};

static const struct row *File(FILE_INFORMATION_CLASS kind)
{
    static const struct row none;
    return (unsigned)kind < FileMaximumInformation ? &files[kind] : &none;
}

ULONG IopQueryLength(FILE_INFORMATION_CLASS kind) { return File(kind)->query; }
ACCESS_MASK IopQueryAccess(FILE_INFORMATION_CLASS kind) { return File(kind)->query_access; }
ULONG IopSetLength(FILE_INFORMATION_CLASS kind) { return File(kind)->set; }
ACCESS_MASK IopSetAccess(FILE_INFORMATION_CLASS kind) { return File(kind)->set_access; }

static const struct row volumes[FileFsMaximumInformation] = {
    [FileFsVolumeInformation] = {sizeof(FILE_FS_VOLUME_INFORMATION), 0, 0, 0},
    [FileFsLabelInformation] = {0, sizeof(FILE_FS_LABEL_INFORMATION), 0, FILE_WRITE_DATA},
    [FileFsSizeInformation] = {sizeof(FILE_FS_SIZE_INFORMATION), 0, 0, 0},
    [FileFsDeviceInformation] = {sizeof(FILE_FS_DEVICE_INFORMATION), 0, 0, 0},
    [FileFsAttributeInformation] = {sizeof(FILE_FS_ATTRIBUTE_INFORMATION), 0, 0, 0},
    [FileFsControlInformation] = {sizeof(FILE_FS_CONTROL_INFORMATION), sizeof(FILE_FS_CONTROL_INFORMATION),
                                  FILE_READ_DATA, FILE_WRITE_DATA},
    [FileFsFullSizeInformation] = {sizeof(FILE_FS_FULL_SIZE_INFORMATION), 0, 0, 0},
    [FileFsObjectIdInformation] = {sizeof(FILE_FS_OBJECTID_INFORMATION), sizeof(FILE_FS_OBJECTID_INFORMATION), 0,
                                   FILE_WRITE_DATA},
    [FileFsDriverPathInformation] = {sizeof(FILE_FS_DRIVER_PATH_INFORMATION), 0, 0, 0},
    [FileFsVolumeFlagsInformation] = {sizeof(FILE_FS_VOLUME_FLAGS_INFORMATION),
                                      sizeof(FILE_FS_VOLUME_FLAGS_INFORMATION), 0, FILE_WRITE_DATA},
    [FileFsFullSizeInformationEx] = {sizeof(FILE_FS_FULL_SIZE_INFORMATION_EX), 0, 0, 0},
    [FileFsSectorSizeInformation] = {sizeof(FILE_FS_SECTOR_SIZE_INFORMATION), 0, 0, 0},
};

static const struct row *Volume(FS_INFORMATION_CLASS kind)
{
    static const struct row none;
    return (unsigned)kind < FileFsMaximumInformation ? &volumes[kind] : &none;
}

ULONG IopVolumeQueryLength(FS_INFORMATION_CLASS kind) { return Volume(kind)->query; }
ACCESS_MASK IopVolumeQueryAccess(FS_INFORMATION_CLASS kind) { return Volume(kind)->query_access; }
ULONG IopVolumeSetLength(FS_INFORMATION_CLASS kind) { return Volume(kind)->set; }

/* nf-ntifs-iocheckqueryset*: for drivers that pass such requests on. */
NTSTATUS IoCheckQuerySetFileInformation(FILE_INFORMATION_CLASS FileInformationClass, ULONG Length,
                                        BOOLEAN SetOperation)
{
    ULONG least = SetOperation ? IopSetLength(FileInformationClass) : IopQueryLength(FileInformationClass);
    if (!least)
        return STATUS_INVALID_INFO_CLASS;
    return Length < least ? STATUS_INFO_LENGTH_MISMATCH : STATUS_SUCCESS;
}

NTSTATUS IoCheckQuerySetVolumeInformation(FS_INFORMATION_CLASS FsInformationClass, ULONG Length, BOOLEAN SetOperation)
{
    ULONG least = SetOperation ? IopVolumeSetLength(FsInformationClass) : IopVolumeQueryLength(FsInformationClass);
    if (!least)
        return STATUS_INVALID_INFO_CLASS;
    return Length < least ? STATUS_INFO_LENGTH_MISMATCH : STATUS_SUCCESS;
}
