/*
 * Lesson 09: opening a file from a create callback, below oneself.
 *
 * Before anybody opens a file, this filter opens it on its own, reads the beginning, and refuses the open when a
 * signature is in there. FltCreateFileEx2 is given the filter's instance: the create goes through the whole I/O manager,
 * and is shown only to those below.
 *
 * Compiled with TAG_INSTEAD_OF_AIM it does what seems to do as well: it opens the file from the top of the stack, tags the
 * create with an extra create parameter, and lets what carries its own tag pass. That works until there are two of its kind.
 */
#include <initguid.h>
#include <fltKernel.h>

#define SCAN_TAG 'nacS'
#define SCAN_SIZE 512

/* {8f7c0a52-6d1b-4a39-9a52-0c3a4f9d2b61} */
DEFINE_GUID(GUID_ECP_SCAN, 0x8f7c0a52, 0x6d1b, 0x4a39, 0x9a, 0x52, 0x0c, 0x3a, 0x4f, 0x9d, 0x2b, 0x61);

typedef struct _SCAN_ECP {
    PFLT_FILTER Filter; /* whose create it is: each vendor knows only its own */
} SCAN_ECP, *PSCAN_ECP;

static PFLT_FILTER Filter;
static const CHAR Signature[] = "EICAR";

DRIVER_INITIALIZE DriverEntry;
NTSTATUS DriverEntry(_In_ PDRIVER_OBJECT DriverObject, _In_ PUNICODE_STRING RegistryPath);

static NTSTATUS ScanUnload(_In_ FLT_FILTER_UNLOAD_FLAGS Flags);
static FLT_PREOP_CALLBACK_STATUS ScanPreCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
                                               _Flt_CompletionContext_Outptr_ PVOID *CompletionContext);

#ifdef ALLOC_PRAGMA
#pragma alloc_text(INIT, DriverEntry)
#pragma alloc_text(PAGE, ScanUnload)
#pragma alloc_text(PAGE, ScanPreCreate)
#endif

static const FLT_OPERATION_REGISTRATION Callbacks[] = {
    {IRP_MJ_CREATE, 0, ScanPreCreate, NULL},
    {IRP_MJ_OPERATION_END}};

static const FLT_REGISTRATION FilterRegistration = {
    sizeof(FLT_REGISTRATION),
    FLT_REGISTRATION_VERSION,
    0,
    NULL,
    Callbacks,
    ScanUnload,
};

NTSTATUS
DriverEntry(_In_ PDRIVER_OBJECT DriverObject, _In_ PUNICODE_STRING RegistryPath)
{
    NTSTATUS status;

    UNREFERENCED_PARAMETER(RegistryPath);

    status = FltRegisterFilter(DriverObject, &FilterRegistration, &Filter);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = FltStartFiltering(Filter);
    if (!NT_SUCCESS(status)) {
        FltUnregisterFilter(Filter);
    }
    return status;
}

static NTSTATUS
ScanUnload(_In_ FLT_FILTER_UNLOAD_FLAGS Flags)
{
    UNREFERENCED_PARAMETER(Flags);
    PAGED_CODE();

    FltUnregisterFilter(Filter);
    return STATUS_SUCCESS;
}

static NTSTATUS
ScanCreateFile(_In_opt_ PFLT_INSTANCE Instance, _In_ PUNICODE_STRING Name, _In_opt_ PIO_DRIVER_CREATE_CONTEXT Context,
               _Out_ PHANDLE Handle, _Outptr_ PFILE_OBJECT *FileObject)
{
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK ioStatus;

    InitializeObjectAttributes(&attributes, Name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    return FltCreateFileEx2(Filter, Instance, Handle, FileObject, FILE_READ_DATA | SYNCHRONIZE, &attributes, &ioStatus, NULL,
                            FILE_ATTRIBUTE_NORMAL, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, FILE_OPEN,
                            FILE_NON_DIRECTORY_FILE | FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0, IO_IGNORE_SHARE_ACCESS_CHECK,
                            Context);
}

#ifndef TAG_INSTEAD_OF_AIM

static BOOLEAN
ScanIsOurs(_In_ PFLT_CALLBACK_DATA Data)
{
    UNREFERENCED_PARAMETER(Data);
    return FALSE; /* ours never come here */
}

static NTSTATUS
ScanOpen(_In_ PCFLT_RELATED_OBJECTS FltObjects, _In_ PUNICODE_STRING Name, _Out_ PHANDLE Handle,
         _Outptr_ PFILE_OBJECT *FileObject)
{
    return ScanCreateFile(FltObjects->Instance, Name, NULL, Handle, FileObject);
}

#else

static BOOLEAN
ScanIsOurs(_In_ PFLT_CALLBACK_DATA Data)
{
    PECP_LIST list;
    PSCAN_ECP tag;

    return NT_SUCCESS(FltGetEcpListFromCallbackData(Filter, Data, &list)) && list != NULL &&
           NT_SUCCESS(FltFindExtraCreateParameter(Filter, list, &GUID_ECP_SCAN, (PVOID *)&tag, NULL)) &&
           tag->Filter == Filter;
}

static NTSTATUS
ScanOpen(_In_ PCFLT_RELATED_OBJECTS FltObjects, _In_ PUNICODE_STRING Name, _Out_ PHANDLE Handle,
         _Outptr_ PFILE_OBJECT *FileObject)
{
    IO_DRIVER_CREATE_CONTEXT context;
    PSCAN_ECP tag;
    NTSTATUS status;

    UNREFERENCED_PARAMETER(FltObjects);

    IoInitializeDriverCreateContext(&context);
    status = FltAllocateExtraCreateParameterList(Filter, 0, &context.ExtraCreateParameter);
    if (!NT_SUCCESS(status)) {
        return status;
    }
    status = FltAllocateExtraCreateParameter(Filter, &GUID_ECP_SCAN, sizeof(*tag), 0, NULL, SCAN_TAG, (PVOID *)&tag);
    if (NT_SUCCESS(status)) {
        tag->Filter = Filter;
        status = FltInsertExtraCreateParameter(Filter, context.ExtraCreateParameter, tag);
        if (!NT_SUCCESS(status)) {
            FltFreeExtraCreateParameter(Filter, tag);
        }
    }
    if (NT_SUCCESS(status)) {
        status = ScanCreateFile(NULL, Name, &context, Handle, FileObject);
    }
    FltFreeExtraCreateParameterList(Filter, context.ExtraCreateParameter);
    return status;
}

#endif

static BOOLEAN
ScanHasSignature(_In_reads_(Length) const CHAR *Buffer, _In_ ULONG Length)
{
    const ULONG size = sizeof(Signature) - 1;
    ULONG i;

    for (i = 0; i + size <= Length; i++) {
        if (RtlCompareMemory(Buffer + i, Signature, size) == size) {
            return TRUE;
        }
    }
    return FALSE;
}

/* The file object is open, and known to those below: what is read through it stays below, too. */
static BOOLEAN
ScanFile(_In_ PCFLT_RELATED_OBJECTS FltObjects, _In_ PFILE_OBJECT FileObject)
{
    LARGE_INTEGER offset;
    ULONG read;
    BOOLEAN bad = FALSE;
    PCHAR buffer = FltAllocatePoolAlignedWithTag(FltObjects->Instance, NonPagedPoolNx, SCAN_SIZE, SCAN_TAG);

    if (buffer == NULL) {
        return FALSE;
    }
    offset.QuadPart = 0;
    if (NT_SUCCESS(FltReadFile(FltObjects->Instance, FileObject, &offset, SCAN_SIZE, buffer,
                               FLTFL_IO_OPERATION_DO_NOT_UPDATE_BYTE_OFFSET, &read, NULL, NULL))) {
        bad = ScanHasSignature(buffer, read);
    }
    FltFreePoolAlignedWithTag(FltObjects->Instance, buffer, SCAN_TAG);
    return bad;
}

static BOOLEAN
ScanName(_In_ PCFLT_RELATED_OBJECTS FltObjects, _In_ PUNICODE_STRING Name)
{
    HANDLE handle;
    PFILE_OBJECT fileObject;
    BOOLEAN bad;

    /* A file that cannot be opened, a folder, a file that does not exist yet: nothing to scan. */
    if (!NT_SUCCESS(ScanOpen(FltObjects, Name, &handle, &fileObject))) {
        return FALSE;
    }
    bad = ScanFile(FltObjects, fileObject);
    ObDereferenceObject(fileObject);
    FltClose(handle);
    return bad;
}

static FLT_PREOP_CALLBACK_STATUS
ScanPreCreate(_Inout_ PFLT_CALLBACK_DATA Data, _In_ PCFLT_RELATED_OBJECTS FltObjects,
              _Flt_CompletionContext_Outptr_ PVOID *CompletionContext)
{
    PFLT_FILE_NAME_INFORMATION name;
    BOOLEAN bad;

    UNREFERENCED_PARAMETER(CompletionContext);
    PAGED_CODE();

    if (FlagOn(FltObjects->FileObject->Flags, FO_VOLUME_OPEN) ||
        FlagOn(Data->Iopb->OperationFlags, SL_OPEN_PAGING_FILE | SL_OPEN_TARGET_DIRECTORY) || ScanIsOurs(Data)) {
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    }
    if (!NT_SUCCESS(FltGetFileNameInformation(Data, FLT_FILE_NAME_OPENED | FLT_FILE_NAME_QUERY_DEFAULT, &name))) {
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    }
    bad = ScanName(FltObjects, &name->Name);
    FltReleaseFileNameInformation(name);
    if (bad) {
        Data->IoStatus.Status = STATUS_VIRUS_INFECTED;
        Data->IoStatus.Information = 0;
        return FLT_PREOP_COMPLETE;
    }
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}
