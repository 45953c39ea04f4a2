// What tells one storage device from another: IDs of the device, and the signature of its partition table.
#ifndef FLTSIM_WDK_STORDUID_H
#define FLTSIM_WDK_STORDUID_H

#include <nt/types.h>

#define DUID_VERSION_1 1
#define DUID_HARDWARE_IDS_ONLY 0
#define DUID_INCLUDE_SOFTWARE_IDS 1

// Offsets count from the structure; 0: not there. STORAGE_DEVICE_LAYOUT_SIGNATURE stands at DriveLayoutSignatureOffset.
typedef struct _STORAGE_DEVICE_UNIQUE_IDENTIFIER {
    ULONG Version, Size;
    ULONG StorageDeviceIdOffset, StorageDeviceOffset, DriveLayoutSignatureOffset;
} STORAGE_DEVICE_UNIQUE_IDENTIFIER, *PSTORAGE_DEVICE_UNIQUE_IDENTIFIER;
typedef struct _STORAGE_DEVICE_LAYOUT_SIGNATURE {
    ULONG Version, Size;
    BOOLEAN Mbr; // else by GUID
    union {
        ULONG MbrSignature;
        GUID GptDiskId;
    } DeviceSpecific;
} STORAGE_DEVICE_LAYOUT_SIGNATURE, *PSTORAGE_DEVICE_LAYOUT_SIGNATURE;
// What CompareStorageDuids, an inline function of the WDK's header that is not here, answers.
typedef enum _DUID_MATCH_STATUS {
    DuidExactMatch = 0,
    DuidSubIdMatch,
    DuidNoMatch,
    DuidErrorGeneral = 100,
    DuidErrorMissingDuid,
    DuidErrorVersionMismatch,
    DuidErrorInvalidDuid,
    DuidErrorInvalidDeviceIdDescSize,
    DuidErrorInvalidDeviceDescSize,
    DuidErrorInvalidLayoutSigSize,
    DuidErrorInvalidLayoutSigVersion,
    DuidErrorMaximum
} DUID_MATCH_STATUS;

#endif
