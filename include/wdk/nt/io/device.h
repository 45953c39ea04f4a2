// DEVICE_OBJECT, DRIVER_OBJECT and VPB, and the routines that make, attach and find devices.
#ifndef FLTSIM_WDK_NT_IO_DEVICE_H
#define FLTSIM_WDK_NT_IO_DEVICE_H

#include "../begin.h"
#include "../ke.h"
#include "../ob.h"
#include "../se.h"
#include "../types.h"
#include "create.h"
#include "types.h"

FLTSIM_WDK_BEGIN

#define IO_TYPE_ADAPTER 0x00000001
#define IO_TYPE_CONTROLLER 0x00000002
#define IO_TYPE_DEVICE 0x00000003
#define IO_TYPE_DRIVER 0x00000004
#define IO_TYPE_FILE 0x00000005
#define IO_TYPE_IRP 0x00000006
#define IO_TYPE_MASTER_ADAPTER 0x00000007
#define IO_TYPE_OPEN_PACKET 0x00000008
#define IO_TYPE_TIMER 0x00000009
#define IO_TYPE_VPB 0x0000000a
#define IO_TYPE_ERROR_LOG 0x0000000b
#define IO_TYPE_ERROR_MESSAGE 0x0000000c
#define IO_TYPE_DEVICE_OBJECT_EXTENSION 0x0000000d

#define DO_VERIFY_VOLUME 0x00000002
#define DO_BUFFERED_IO 0x00000004
#define DO_EXCLUSIVE 0x00000008
#define DO_DIRECT_IO 0x00000010
#define DO_MAP_IO_BUFFER 0x00000020
#define DO_DEVICE_HAS_NAME 0x00000040
#define DO_DEVICE_INITIALIZING 0x00000080
#define DO_SYSTEM_BOOT_PARTITION 0x00000100
#define DO_LONG_TERM_REQUESTS 0x00000200
#define DO_NEVER_LAST_DEVICE 0x00000400
#define DO_SHUTDOWN_REGISTERED 0x00000800
#define DO_BUS_ENUMERATED_DEVICE 0x00001000
#define DO_POWER_PAGABLE 0x00002000
#define DO_POWER_INRUSH 0x00004000
#define DO_LOW_PRIORITY_FILESYSTEM 0x00010000
#define DO_SUPPORTS_PERSISTENT_ACLS 0x00020000
#define DO_SUPPORTS_TRANSACTIONS 0x00040000
#define DO_FORCE_NEITHER_IO 0x00080000
#define DO_VOLUME_DEVICE_OBJECT 0x00100000
#define DO_SYSTEM_SYSTEM_PARTITION 0x00200000
#define DO_SYSTEM_CRITICAL_PARTITION 0x00400000
#define DO_DISALLOW_EXECUTE 0x00800000
#define DO_DEVICE_TO_BE_RESET 0x04000000
#define DO_DEVICE_IRP_REQUIRES_EXTENSION 0x08000000
#define DO_DAX_VOLUME 0x10000000

#define DRVO_UNLOAD_INVOKED 0x00000001
#define DRVO_LEGACY_DRIVER 0x00000002
#define DRVO_BUILTIN_DRIVER 0x00000004
#define DRVO_REINIT_REGISTERED 0x00000008
#define DRVO_INITIALIZED 0x00000010
#define DRVO_BOOTREINIT_REGISTERED 0x00000020
#define DRVO_LEGACY_RESOURCES 0x00000040

#define VPB_MOUNTED 0x0001
#define VPB_LOCKED 0x0002
#define VPB_PERSISTENT 0x0004
#define VPB_REMOVE_PENDING 0x0008
#define VPB_RAW_MOUNT 0x0010
#define VPB_DIRECT_WRITES_ALLOWED 0x0020

#define MAXIMUM_FILENAME_LENGTH 256
#define MAXIMUM_VOLUME_LABEL_LENGTH (32 * sizeof(WCHAR))

struct _VPB {
    CSHORT Type;
    CSHORT Size;
    USHORT Flags;
    USHORT VolumeLabelLength;
    struct _DEVICE_OBJECT *DeviceObject;
    struct _DEVICE_OBJECT *RealDevice;
    ULONG SerialNumber;
    ULONG ReferenceCount;
    WCHAR VolumeLabel[MAXIMUM_VOLUME_LABEL_LENGTH / sizeof(WCHAR)];
};

typedef enum _IO_ALLOCATION_ACTION {
    KeepObject = 1,
    DeallocateObject,
    DeallocateObjectKeepRegisters
} IO_ALLOCATION_ACTION,
    *PIO_ALLOCATION_ACTION;

typedef IO_ALLOCATION_ACTION DRIVER_CONTROL(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp,
                                            PVOID MapRegisterBase, PVOID Context);
typedef DRIVER_CONTROL *PDRIVER_CONTROL;

typedef struct _WAIT_CONTEXT_BLOCK {
    union {
        KDEVICE_QUEUE_ENTRY WaitQueueEntry;
        struct {
            LIST_ENTRY DmaWaitEntry;
            ULONG NumberOfChannels;
            ULONG SyncCallback : 1;
            ULONG DmaContext : 1;
            ULONG ZeroMapRegisters : 1;
            ULONG Reserved : 9;
            ULONG NumberOfRemapPages : 20;
        };
    };
    PDRIVER_CONTROL DeviceRoutine;
    PVOID DeviceContext;
    ULONG NumberOfMapRegisters;
    PVOID DeviceObject;
    PVOID CurrentIrp;
    PKDPC BufferChainingDpc;
} WAIT_CONTEXT_BLOCK, *PWAIT_CONTEXT_BLOCK;

struct _DEVICE_OBJECT {
    CSHORT Type;
    USHORT Size;
    LONG ReferenceCount;
    struct _DRIVER_OBJECT *DriverObject;
    struct _DEVICE_OBJECT *NextDevice;
    struct _DEVICE_OBJECT *AttachedDevice;
    struct _IRP *CurrentIrp;
    PIO_TIMER Timer;
    ULONG Flags;
    ULONG Characteristics;
    volatile PVPB Vpb;
    PVOID DeviceExtension;
    DEVICE_TYPE DeviceType;
    CCHAR StackSize;
    union {
        LIST_ENTRY ListEntry;
        WAIT_CONTEXT_BLOCK Wcb;
    } Queue;
    ULONG AlignmentRequirement;
    KDEVICE_QUEUE DeviceQueue;
    KDPC Dpc;
    ULONG ActiveThreadCount;
    PSECURITY_DESCRIPTOR SecurityDescriptor;
    KEVENT DeviceLock;
    USHORT SectorSize;
    USHORT Spare1;
    struct _DEVOBJ_EXTENSION *DeviceObjectExtension; // opaque
    PVOID Reserved;
} __attribute__((aligned(16)));

#define IRP_MJ_CREATE 0x00
#define IRP_MJ_CREATE_NAMED_PIPE 0x01
#define IRP_MJ_CLOSE 0x02
#define IRP_MJ_READ 0x03
#define IRP_MJ_WRITE 0x04
#define IRP_MJ_QUERY_INFORMATION 0x05
#define IRP_MJ_SET_INFORMATION 0x06
#define IRP_MJ_QUERY_EA 0x07
#define IRP_MJ_SET_EA 0x08
#define IRP_MJ_FLUSH_BUFFERS 0x09
#define IRP_MJ_QUERY_VOLUME_INFORMATION 0x0a
#define IRP_MJ_SET_VOLUME_INFORMATION 0x0b
#define IRP_MJ_DIRECTORY_CONTROL 0x0c
#define IRP_MJ_FILE_SYSTEM_CONTROL 0x0d
#define IRP_MJ_DEVICE_CONTROL 0x0e
#define IRP_MJ_INTERNAL_DEVICE_CONTROL 0x0f
#define IRP_MJ_SHUTDOWN 0x10
#define IRP_MJ_LOCK_CONTROL 0x11
#define IRP_MJ_CLEANUP 0x12
#define IRP_MJ_CREATE_MAILSLOT 0x13
#define IRP_MJ_QUERY_SECURITY 0x14
#define IRP_MJ_SET_SECURITY 0x15
#define IRP_MJ_POWER 0x16
#define IRP_MJ_SYSTEM_CONTROL 0x17
#define IRP_MJ_DEVICE_CHANGE 0x18
#define IRP_MJ_QUERY_QUOTA 0x19
#define IRP_MJ_SET_QUOTA 0x1a
#define IRP_MJ_PNP 0x1b
#define IRP_MJ_PNP_POWER IRP_MJ_PNP
#define IRP_MJ_MAXIMUM_FUNCTION 0x1b
#define IRP_MJ_SCSI IRP_MJ_INTERNAL_DEVICE_CONTROL

typedef NTSTATUS DRIVER_INITIALIZE(struct _DRIVER_OBJECT *DriverObject,
                                   PUNICODE_STRING RegistryPath);
typedef DRIVER_INITIALIZE *PDRIVER_INITIALIZE;
typedef VOID DRIVER_UNLOAD(struct _DRIVER_OBJECT *DriverObject);
typedef DRIVER_UNLOAD *PDRIVER_UNLOAD;
typedef NTSTATUS DRIVER_ADD_DEVICE(struct _DRIVER_OBJECT *DriverObject,
                                   struct _DEVICE_OBJECT *PhysicalDeviceObject);
typedef DRIVER_ADD_DEVICE *PDRIVER_ADD_DEVICE;
typedef NTSTATUS DRIVER_DISPATCH(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp);
typedef DRIVER_DISPATCH *PDRIVER_DISPATCH;
typedef DRIVER_DISPATCH DRIVER_DISPATCH_RAISED, DRIVER_DISPATCH_PAGED;
typedef VOID DRIVER_STARTIO(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp);
typedef DRIVER_STARTIO *PDRIVER_STARTIO;
typedef VOID DRIVER_CANCEL(struct _DEVICE_OBJECT *DeviceObject, struct _IRP *Irp);
typedef DRIVER_CANCEL *PDRIVER_CANCEL;
typedef VOID DRIVER_REINITIALIZE(struct _DRIVER_OBJECT *DriverObject, PVOID Context, ULONG Count);
typedef DRIVER_REINITIALIZE *PDRIVER_REINITIALIZE;
typedef VOID DRIVER_FS_NOTIFICATION(struct _DEVICE_OBJECT *DeviceObject, BOOLEAN FsActive);
typedef DRIVER_FS_NOTIFICATION *PDRIVER_FS_NOTIFICATION;

typedef struct _DRIVER_EXTENSION {
    struct _DRIVER_OBJECT *DriverObject;
    PDRIVER_ADD_DEVICE AddDevice;
    ULONG Count;
    UNICODE_STRING ServiceKeyName;
} DRIVER_EXTENSION, *PDRIVER_EXTENSION;

struct _DRIVER_OBJECT {
    CSHORT Type;
    CSHORT Size;
    PDEVICE_OBJECT DeviceObject;
    ULONG Flags;
    PVOID DriverStart;
    ULONG DriverSize;
    PVOID DriverSection;
    PDRIVER_EXTENSION DriverExtension;
    UNICODE_STRING DriverName;
    PUNICODE_STRING HardwareDatabase;
    PFAST_IO_DISPATCH FastIoDispatch;
    PDRIVER_INITIALIZE DriverInit;
    PDRIVER_STARTIO DriverStartIo;
    PDRIVER_UNLOAD DriverUnload;
    PDRIVER_DISPATCH MajorFunction[IRP_MJ_MAXIMUM_FUNCTION + 1];
};

extern POBJECT_TYPE *IoFileObjectType;
extern POBJECT_TYPE *IoDeviceObjectType;
extern POBJECT_TYPE *IoDriverObjectType;

NTSTATUS IoCreateDevice(_In_ PDRIVER_OBJECT DriverObject, _In_ ULONG DeviceExtensionSize,
                        _In_opt_ PUNICODE_STRING DeviceName, _In_ DEVICE_TYPE DeviceType,
                        _In_ ULONG DeviceCharacteristics, _In_ BOOLEAN Exclusive,
                        _Outptr_ PDEVICE_OBJECT *DeviceObject);
NTSTATUS IoCreateDeviceSecure(_In_ PDRIVER_OBJECT DriverObject, _In_ ULONG DeviceExtensionSize,
                              _In_opt_ PUNICODE_STRING DeviceName, _In_ DEVICE_TYPE DeviceType,
                              _In_ ULONG DeviceCharacteristics, _In_ BOOLEAN Exclusive,
                              _In_ PCUNICODE_STRING DefaultSDDLString,
                              _In_opt_ LPCGUID DeviceClassGuid,
                              _Outptr_ PDEVICE_OBJECT *DeviceObject);
/* What the WDK's wdmsec.h makes of IoCreateDeviceSecure; drivers that do without its macro call it so. */
NTSTATUS WdmlibIoCreateDeviceSecure(_In_ PDRIVER_OBJECT DriverObject, _In_ ULONG DeviceExtensionSize,
                                    _In_opt_ PUNICODE_STRING DeviceName, _In_ DEVICE_TYPE DeviceType,
                                    _In_ ULONG DeviceCharacteristics, _In_ BOOLEAN Exclusive,
                                    _In_ PCUNICODE_STRING DefaultSDDLString,
                                    _In_opt_ LPCGUID DeviceClassGuid,
                                    _Outptr_ PDEVICE_OBJECT *DeviceObject);
VOID IoDeleteDevice(_In_ PDEVICE_OBJECT DeviceObject);
NTSTATUS IoAttachDevice(_In_ PDEVICE_OBJECT SourceDevice, _In_ PUNICODE_STRING TargetDevice,
                        _Out_ PDEVICE_OBJECT *AttachedDevice);
PDEVICE_OBJECT IoAttachDeviceToDeviceStack(_In_ PDEVICE_OBJECT SourceDevice,
                                           _In_ PDEVICE_OBJECT TargetDevice);
NTSTATUS IoAttachDeviceToDeviceStackSafe(_In_ PDEVICE_OBJECT SourceDevice,
                                         _In_ PDEVICE_OBJECT TargetDevice,
                                         _Outptr_ PDEVICE_OBJECT *AttachedToDeviceObject);
VOID IoDetachDevice(_Inout_ PDEVICE_OBJECT TargetDevice);
PDEVICE_OBJECT IoGetAttachedDevice(_In_ PDEVICE_OBJECT DeviceObject);
PDEVICE_OBJECT IoGetAttachedDeviceReference(_In_ PDEVICE_OBJECT DeviceObject);
PDEVICE_OBJECT IoGetLowerDeviceObject(_In_ PDEVICE_OBJECT DeviceObject);
PDEVICE_OBJECT IoGetDeviceAttachmentBaseRef(_In_ PDEVICE_OBJECT DeviceObject);
NTSTATUS IoGetDiskDeviceObject(_In_ PDEVICE_OBJECT FileSystemDeviceObject,
                               _Out_ PDEVICE_OBJECT *DiskDeviceObject);
PDEVICE_OBJECT IoGetBaseFileSystemDeviceObject(_In_ PFILE_OBJECT FileObject);
PDEVICE_OBJECT IoGetRelatedDeviceObject(_In_ PFILE_OBJECT FileObject);
NTSTATUS IoGetDeviceObjectPointer(_In_ PUNICODE_STRING ObjectName, _In_ ACCESS_MASK DesiredAccess,
                                  _Out_ PFILE_OBJECT *FileObject,
                                  _Out_ PDEVICE_OBJECT *DeviceObject);
NTSTATUS IoEnumerateDeviceObjectList(_In_ PDRIVER_OBJECT DriverObject,
                                     _Out_opt_ PDEVICE_OBJECT *DeviceObjectList,
                                     _In_ ULONG DeviceObjectListSize,
                                     _Out_ PULONG ActualNumberDeviceObjects);
NTSTATUS IoCreateSymbolicLink(_In_ PUNICODE_STRING SymbolicLinkName,
                              _In_ PUNICODE_STRING DeviceName);
NTSTATUS IoCreateUnprotectedSymbolicLink(_In_ PUNICODE_STRING SymbolicLinkName,
                                         _In_ PUNICODE_STRING DeviceName);
NTSTATUS IoDeleteSymbolicLink(_In_ PUNICODE_STRING SymbolicLinkName);
NTSTATUS IoRegisterFsRegistrationChange(_In_ PDRIVER_OBJECT DriverObject,
                                        _In_ PDRIVER_FS_NOTIFICATION DriverNotificationRoutine);
VOID IoUnregisterFsRegistrationChange(_In_ PDRIVER_OBJECT DriverObject,
                                      _In_ PDRIVER_FS_NOTIFICATION DriverNotificationRoutine);
NTSTATUS
IoRegisterFsRegistrationChangeMountAware(_In_ PDRIVER_OBJECT DriverObject,
                                         _In_ PDRIVER_FS_NOTIFICATION DriverNotificationRoutine,
                                         _In_ BOOLEAN SynchronizeWithMounts);
VOID IoRegisterFileSystem(_Inout_ PDEVICE_OBJECT DeviceObject);
VOID IoUnregisterFileSystem(_Inout_ PDEVICE_OBJECT DeviceObject);
VOID IoAcquireVpbSpinLock(_Out_ PKIRQL Irql);
VOID IoReleaseVpbSpinLock(_In_ KIRQL Irql);
NTSTATUS IoVerifyVolume(_In_ PDEVICE_OBJECT DeviceObject, _In_ BOOLEAN AllowRawMount);
NTSTATUS IoVolumeDeviceToDosName(_In_ PVOID VolumeDeviceObject, _Out_ PUNICODE_STRING DosName);
NTSTATUS IoVolumeDeviceToGuidPath(_In_ PDEVICE_OBJECT VolumeDeviceObject,
                                  _Out_ PUNICODE_STRING GuidPath);
NTSTATUS IoVolumeDeviceToGuid(_In_ PDEVICE_OBJECT VolumeDeviceObject, _Out_ GUID *Guid);
PDEVICE_OBJECT IoGetDeviceToVerify(_In_ PETHREAD Thread);
VOID IoSetDeviceToVerify(_In_ PETHREAD Thread, _In_opt_ PDEVICE_OBJECT DeviceObject);
VOID IoSetHardErrorOrVerifyDevice(_In_ PIRP Irp, _In_ PDEVICE_OBJECT DeviceObject);
NTSTATUS IoAllocateDriverObjectExtension(_In_ PDRIVER_OBJECT DriverObject,
                                         _In_ PVOID ClientIdentificationAddress,
                                         _In_ ULONG DriverObjectExtensionSize,
                                         _Outptr_ PVOID *DriverObjectExtension);
/* nf-ntddk-ioqueryfulldriverpath: PASSIVE_LEVEL. FullPath->Buffer is paged pool, the caller's to free (ExFreePool).
 * STATUS_NOT_FOUND: a driver that no service was loaded for; STATUS_INSUFFICIENT_RESOURCES. */
NTSTATUS IoQueryFullDriverPath(_In_ PDRIVER_OBJECT DriverObject, _Out_ PUNICODE_STRING FullPath);
PVOID IoGetDriverObjectExtension(_In_ PDRIVER_OBJECT DriverObject,
                                 _In_ PVOID ClientIdentificationAddress);
VOID IoRegisterBootDriverReinitialization(_In_ PDRIVER_OBJECT DriverObject,
                                          _In_ PDRIVER_REINITIALIZE DriverReinitializationRoutine,
                                          _In_opt_ PVOID Context);
VOID IoRegisterDriverReinitialization(_In_ PDRIVER_OBJECT DriverObject,
                                      _In_ PDRIVER_REINITIALIZE DriverReinitializationRoutine,
                                      _In_opt_ PVOID Context);
NTSTATUS IoRegisterShutdownNotification(_In_ PDEVICE_OBJECT DeviceObject);
NTSTATUS IoRegisterLastChanceShutdownNotification(_In_ PDEVICE_OBJECT DeviceObject);
VOID IoUnregisterShutdownNotification(_In_ PDEVICE_OBJECT DeviceObject);
NTSTATUS IoCreateDriver(_In_opt_ PUNICODE_STRING DriverName,
                        _In_ PDRIVER_INITIALIZE InitializationFunction);

#define IoInitializeDpcRequest(DeviceObject, DpcRoutine)                                           \
    KeInitializeDpc(&(DeviceObject)->Dpc, (PKDEFERRED_ROUTINE)(DpcRoutine), (DeviceObject))
#define IoRequestDpc(DeviceObject, Irp, Context)                                                   \
    KeInsertQueueDpc(&(DeviceObject)->Dpc, (Irp), (Context))

typedef enum _DRIVER_DIRECTORY_TYPE {
    DriverDirectoryImage,
    DriverDirectoryData,
    DriverDirectorySharedData
} DRIVER_DIRECTORY_TYPE,
    *PDRIVER_DIRECTORY_TYPE;

typedef enum _DRIVER_REGKEY_TYPE {
    DriverRegKeyParameters,
    DriverRegKeyPersistentState,
    DriverRegKeySharedPersistentState
} DRIVER_REGKEY_TYPE,
    *PDRIVER_REGKEY_TYPE;

NTSTATUS IoOpenDriverRegistryKey(_In_ PDRIVER_OBJECT DriverObject,
                                 _In_ DRIVER_REGKEY_TYPE RegKeyType, _In_ ACCESS_MASK DesiredAccess,
                                 _In_ ULONG Flags, _Out_ PHANDLE DriverRegKey);
NTSTATUS IoGetDriverDirectory(_In_ PDRIVER_OBJECT DriverObject,
                              _In_ DRIVER_DIRECTORY_TYPE DirectoryType, _In_ ULONG Flags,
                              _Out_ PHANDLE DriverDirectoryHandle);

FLTSIM_WDK_END

#endif
