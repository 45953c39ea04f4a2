/* Opening files: NtCreateFile, IoCreateFile and their kin. */
#include "iop.h"
#include "fsrtl/fsrtlp.h"

#include "se/sep.h"

#include <string.h>

/* -- parameters ------------------------------------------------------------------------------------------- */

#define SYNCHRONOUS (FILE_SYNCHRONOUS_IO_ALERT | FILE_SYNCHRONOUS_IO_NONALERT)
#define DIRECTORY_OPTIONS                                                                                              \
    (FILE_DIRECTORY_FILE | SYNCHRONOUS | FILE_WRITE_THROUGH | FILE_COMPLETE_IF_OPLOCKED | FILE_OPEN_FOR_BACKUP_INTENT | \
     FILE_DELETE_ON_CLOSE | FILE_OPEN_FOR_FREE_SPACE_QUERY | FILE_OPEN_BY_FILE_ID | FILE_OPEN_REPARSE_POINT |          \
     FILE_OPEN_NO_RECALL | FILE_OPEN_REQUIRING_OPLOCK | FILE_DISALLOW_EXCLUSIVE | FILE_NO_COMPRESSION |                \
     FILE_OPEN_REMOTE_INSTANCE | FILE_SESSION_AWARE | FILE_RESERVE_OPFILTER)

static bool ValidOptions(ULONG options, ULONG disposition, ACCESS_MASK access)
{
    if (options & ~FILE_VALID_OPTION_FLAGS)
        return false;
    if ((options & SYNCHRONOUS) && !(access & SYNCHRONIZE))
        return false;
    if ((options & SYNCHRONOUS) == SYNCHRONOUS)
        return false;
    if ((options & FILE_DELETE_ON_CLOSE) && !(access & DELETE))
        return false;
    if ((options & FILE_DIRECTORY_FILE) && (options & FILE_NON_DIRECTORY_FILE))
        return false;
    if (options & FILE_DIRECTORY_FILE) {
        if (options & ~(ULONG)DIRECTORY_OPTIONS)
            return false;
        if (disposition != FILE_CREATE && disposition != FILE_OPEN && disposition != FILE_OPEN_IF)
            return false;
    }
    if ((options & FILE_COMPLETE_IF_OPLOCKED) && (options & FILE_RESERVE_OPFILTER))
        return false;
    return !((options & FILE_NO_INTERMEDIATE_BUFFERING) && (access & FILE_APPEND_DATA));
}

static NTSTATUS CheckParameters(const struct iop_open *open)
{
    ACCESS_MASK access = open->access;
    if ((open->attributes & ~(ULONG)FILE_ATTRIBUTE_VALID_FLAGS) || (open->share & ~(ULONG)FILE_SHARE_VALID_FLAGS) ||
        open->disposition > FILE_MAXIMUM_DISPOSITION || open->allocation.QuadPart < 0)
        return STATUS_INVALID_PARAMETER;
    if (access & (GENERIC_ALL | MAXIMUM_ALLOWED))
        access |= SYNCHRONIZE | DELETE;
    if (access & (GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE))
        access |= SYNCHRONIZE;
    /* GENERIC_WRITE implies FILE_APPEND_DATA, which only an explicit wish makes an error. */
    return ValidOptions(open->options, open->disposition, access) ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

NTSTATUS IoCheckEaBufferValidity(PFILE_FULL_EA_INFORMATION EaBuffer, ULONG EaLength, PULONG ErrorOffset)
{
    ULONG offset = 0;
    for (;;) {
        const FILE_FULL_EA_INFORMATION *ea = (const void *)((PCHAR)EaBuffer + offset);
        ULONG left = EaLength - offset;
        if (left < FIELD_OFFSET(FILE_FULL_EA_INFORMATION, EaName))
            break;
        ULONG size = FIELD_OFFSET(FILE_FULL_EA_INFORMATION, EaName) + ea->EaNameLength + 1u + ea->EaValueLength;
        if (size > left || ea->EaName[ea->EaNameLength] != 0)
            break;
        if (!ea->NextEntryOffset)
            return STATUS_SUCCESS;
        if (ea->NextEntryOffset < ((size + 3) & ~3u) || (ea->NextEntryOffset & 3) || ea->NextEntryOffset > left)
            break;
        offset += ea->NextEntryOffset;
    }
    *ErrorOffset = offset;
    return STATUS_EA_LIST_INCONSISTENT;
}

/* -- the open ------------------------------------------------------------------------------------------------ */

/* Opens (or asks, or deletes) without a handle: *file is referenced. */
static NTSTATUS OpenFile(struct iop_open *open, POBJECT_ATTRIBUTES attributes, PACCESS_STATE state,
                         struct sep_access_data *data, PFILE_OBJECT *file)
{
    RtlMapGenericMask(&open->access, IoGetFileObjectGenericMapping());
    SepInitializeAccessState(state, data, open->access, open->mode);
    open->type = IO_TYPE_OPEN_PACKET;
    open->access_state = state;
    if (open->ecps)
        FsRtlpBeginCreate(open->ecps, attributes->ObjectName);
    NTSTATUS status = ObpLookup(attributes, io->file_type, open->mode, open->access, open, (PVOID *)file);
    if (open->ecps)
        FsRtlpEndCreate(open->ecps);
    SepFinishAccessState(state);
    return status;
}

static NTSTATUS MakeHandle(struct iop_open *open, PFILE_OBJECT file, PACCESS_STATE state, ULONG attributes,
                           PHANDLE handle)
{
    ACCESS_MASK granted = state->PreviouslyGrantedAccess | state->RemainingDesiredAccess;
    if (granted & MAXIMUM_ALLOWED)
        granted = FILE_ALL_ACCESS | (granted & ACCESS_SYSTEM_SECURITY);
    const void *site = open->mode == UserMode ? NULL : open->site; /* a program's handles are its own affair */
    NTSTATUS status = ObpCreateHandle(file, granted, attributes, site, handle);
    if (NT_SUCCESS(status))
        __atomic_or_fetch(&file->Flags, FO_HANDLE_CREATED, __ATOMIC_RELAXED);
    return status;
}

NTSTATUS IopCreateFile(struct iop_open *open, POBJECT_ATTRIBUTES attributes, PHANDLE handle)
{
    ACCESS_STATE state;
    struct sep_access_data data;
    PFILE_OBJECT file = NULL;
    PKTHREAD thread = KiCurrentThread();
    if (__builtin_expect(thread->special_apc_disable || thread->irql >= APC_LEVEL, 0))
        IopReportApcs("A create", open->site);
    NTSTATUS status = OpenFile(open, attributes, &state, &data, &file);
    if (!NT_SUCCESS(status))
        return status;
    NTSTATUS created = MakeHandle(open, file, &state, attributes->Attributes, handle);
    ObpDereference(file);
    return NT_SUCCESS(created) ? status : created;
}

NTSTATUS IopOpenForQuery(struct iop_open *open, POBJECT_ATTRIBUTES attributes, PFILE_OBJECT *file)
{
    ACCESS_STATE state;
    struct sep_access_data data;
    return OpenFile(open, attributes, &state, &data, file);
}

/* FILE_CONTAINS_EXTENDED_CREATE_INFORMATION: the extended attributes come wrapped. */
static NTSTATUS Unwrap(struct iop_open *open)
{
    const EXTENDED_CREATE_INFORMATION *extended = open->ea;
    if (!(open->options & FILE_CONTAINS_EXTENDED_CREATE_INFORMATION) || open->kind != CreateFileTypeNone)
        return STATUS_SUCCESS;
    if (!extended || open->ea_length < sizeof *extended ||
        extended->ExtendedCreateFlags & ~(LONGLONG)EX_CREATE_FLAG_FILE_COPY)
        return STATUS_INVALID_PARAMETER;
    open->options &= ~(ULONG)FILE_CONTAINS_EXTENDED_CREATE_INFORMATION;
    open->copy_flags = (UCHAR)extended->ExtendedCreateFlags;
    open->ea = extended->EaBuffer;
    open->ea_length = extended->EaLength;
    return STATUS_SUCCESS;
}

NTSTATUS IopCheckedCreateFile(struct iop_open *open, POBJECT_ATTRIBUTES attributes, PHANDLE handle)
{
    NTSTATUS status = Unwrap(open);
    ULONG bad;
    if (!NT_SUCCESS(status))
        return status;
    if (!(open->flags & IO_NO_PARAMETER_CHECKING) || (open->flags & IO_CHECK_CREATE_PARAMETERS))
        status = CheckParameters(open);
    if (NT_SUCCESS(status) && open->ea_length) {
        status = IoCheckEaBufferValidity(open->ea, open->ea_length, &bad);
        if (!NT_SUCCESS(status))
            open->information = bad;
    }
    return NT_SUCCESS(status) ? IopCreateFile(open, attributes, handle) : status;
}

static void LookAtName(const OBJECT_ATTRIBUTES *attributes)
{
    IopProbeForRead(attributes, sizeof *attributes, sizeof(ULONG));
    PUNICODE_STRING name = attributes->ObjectName;
    if (!name)
        return;
    IopProbeForRead(name, sizeof *name, sizeof(ULONG));
    IopProbeForRead(name->Buffer, name->Length, sizeof(WCHAR));
}

/* A program's memory. */
static NTSTATUS CheckMemory(const struct iop_open *open, PHANDLE handle, const OBJECT_ATTRIBUTES *attributes,
                            PIO_STATUS_BLOCK iosb, const LARGE_INTEGER *allocation)
{
    volatile NTSTATUS status = STATUS_SUCCESS;
    __try {
        ProbeForWrite(handle, sizeof *handle, sizeof(ULONG));
        ProbeForWrite(iosb, sizeof *iosb, sizeof(ULONG));
        LookAtName(attributes);
        IopProbeForRead(allocation, allocation ? sizeof *allocation : 0, sizeof(ULONG));
        IopProbeForRead(open->ea, open->ea_length, sizeof(ULONG));
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    return status;
}

/* Everything that the interface has in common; `context` and `hint` may be NULL. */
static NTSTATUS Create(PHANDLE handle, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes, PIO_STATUS_BLOCK iosb,
                       PLARGE_INTEGER allocation, ULONG file_attributes, ULONG share, ULONG disposition, ULONG options,
                       PVOID ea, ULONG ea_length, CREATE_FILE_TYPE kind, PVOID parameters, ULONG flags,
                       const IO_DRIVER_CREATE_CONTEXT *context, KPROCESSOR_MODE mode, const void *site)
{
    struct iop_open open = {
        .mode = flags & IO_NO_PARAMETER_CHECKING ? KernelMode : mode,
        .options = options,
        .attributes = file_attributes,
        .share = share,
        .disposition = disposition,
        .ea = ea,
        .ea_length = ea ? ea_length : 0,
        .flags = flags,
        .access = access,
        .kind = kind,
        .parameters = parameters,
        .site = site,
    };
    if (open.mode != KernelMode) {
        NTSTATUS checked = CheckMemory(&open, handle, attributes, iosb, allocation);
        if (!NT_SUCCESS(checked))
            return checked;
    }
    if (allocation)
        open.allocation = *allocation;
    if (context) {
        open.hint = context->DeviceObjectHint;
        open.ecps = context->ExtraCreateParameter;
        open.txn = context->TxnParameters;
    }
    VERIFY_CALL_DOWN("a create", VERIFY_CALL_CREATE, NULL, site);
    NTSTATUS status = IopCheckedCreateFile(&open, attributes, handle);
    iosb->Information = open.information;
    iosb->Status = status;
    return status;
}

/* -- the interface -------------------------------------------------------------------------------------------- */

NTSTATUS NtCreateFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                      PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER AllocationSize, ULONG FileAttributes,
                      ULONG ShareAccess, ULONG CreateDisposition, ULONG CreateOptions, PVOID EaBuffer, ULONG EaLength)
{
    return Create(FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock, AllocationSize, FileAttributes,
                  ShareAccess, CreateDisposition, CreateOptions, EaBuffer, EaLength, CreateFileTypeNone, NULL, 0, NULL,
                  KiCurrentThread()->previous_mode, VERIFY_CALLER);
}

NTSTATUS ZwCreateFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                      PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER AllocationSize, ULONG FileAttributes,
                      ULONG ShareAccess, ULONG CreateDisposition, ULONG CreateOptions, PVOID EaBuffer, ULONG EaLength)
{
    API_ENTER(ZwCreateFile, ObjectAttributes, SCHED_WRITE);
    const void *site = VERIFY_CALLER;
    IOP_ZW(Create(FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock, AllocationSize, FileAttributes,
                  ShareAccess, CreateDisposition, CreateOptions, EaBuffer, EaLength, CreateFileTypeNone, NULL, 0, NULL,
                  KernelMode, site));
}

NTSTATUS NtOpenFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                    PIO_STATUS_BLOCK IoStatusBlock, ULONG ShareAccess, ULONG OpenOptions)
{
    return Create(FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock, NULL, 0, ShareAccess, FILE_OPEN,
                  OpenOptions, NULL, 0, CreateFileTypeNone, NULL, 0, NULL, KiCurrentThread()->previous_mode,
                  VERIFY_CALLER);
}

NTSTATUS ZwOpenFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                    PIO_STATUS_BLOCK IoStatusBlock, ULONG ShareAccess, ULONG OpenOptions)
{
    API_ENTER(ZwOpenFile, ObjectAttributes, SCHED_WRITE);
    const void *site = VERIFY_CALLER;
    IOP_ZW(Create(FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock, NULL, 0, ShareAccess, FILE_OPEN,
                  OpenOptions, NULL, 0, CreateFileTypeNone, NULL, 0, NULL, KernelMode, site));
}

NTSTATUS IoCreateFile(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                      PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER AllocationSize, ULONG FileAttributes,
                      ULONG ShareAccess, ULONG Disposition, ULONG CreateOptions, PVOID EaBuffer, ULONG EaLength,
                      CREATE_FILE_TYPE CreateFileType, PVOID InternalParameters, ULONG Options)
{
    API_ENTER(IoCreateFile, ObjectAttributes, SCHED_WRITE);
    return Create(FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock, AllocationSize, FileAttributes,
                  ShareAccess, Disposition, CreateOptions, EaBuffer, EaLength, CreateFileType, InternalParameters,
                  Options, NULL, KiCurrentThread()->previous_mode, VERIFY_CALLER);
}

NTSTATUS IoCreateFileEx(PHANDLE FileHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                        PIO_STATUS_BLOCK IoStatusBlock, PLARGE_INTEGER AllocationSize, ULONG FileAttributes,
                        ULONG ShareAccess, ULONG Disposition, ULONG CreateOptions, PVOID EaBuffer, ULONG EaLength,
                        CREATE_FILE_TYPE CreateFileType, PVOID InternalParameters, ULONG Options,
                        PIO_DRIVER_CREATE_CONTEXT DriverContext)
{
    API_ENTER(IoCreateFile, ObjectAttributes, SCHED_WRITE);
    if (DriverContext && DriverContext->Size != sizeof *DriverContext)
        return STATUS_INVALID_PARAMETER;
    return Create(FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock, AllocationSize, FileAttributes,
                  ShareAccess, Disposition, CreateOptions, EaBuffer, EaLength, CreateFileType, InternalParameters,
                  Options | IO_NO_PARAMETER_CHECKING, DriverContext, KernelMode, VERIFY_CALLER);
}

NTSTATUS IoCreateFileSpecifyDeviceObjectHint(PHANDLE FileHandle, ACCESS_MASK DesiredAccess,
                                             POBJECT_ATTRIBUTES ObjectAttributes, PIO_STATUS_BLOCK IoStatusBlock,
                                             PLARGE_INTEGER AllocationSize, ULONG FileAttributes, ULONG ShareAccess,
                                             ULONG Disposition, ULONG CreateOptions, PVOID EaBuffer, ULONG EaLength,
                                             CREATE_FILE_TYPE CreateFileType, PVOID InternalParameters, ULONG Options,
                                             PVOID DeviceObject)
{
    API_ENTER(IoCreateFileSpecifyDeviceObjectHint, ObjectAttributes, SCHED_WRITE);
    IO_DRIVER_CREATE_CONTEXT context = {.Size = sizeof context, .DeviceObjectHint = DeviceObject};
    return Create(FileHandle, DesiredAccess, ObjectAttributes, IoStatusBlock, AllocationSize, FileAttributes,
                  ShareAccess, Disposition, CreateOptions, EaBuffer, EaLength, CreateFileType, InternalParameters,
                  Options | IO_NO_PARAMETER_CHECKING, &context, KernelMode, VERIFY_CALLER);
}
