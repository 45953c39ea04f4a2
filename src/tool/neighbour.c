#include "tool/neighbour.h"

#include <fltKernel.h>
#include <string.h>

enum { TAG = 'bhgN' };

static struct neighbour {
    const char *name, *altitude;
    PFLT_FILTER filter;
    struct fltsim_driver *driver;
} above = {.name = "NeighbourAbove", .altitude = "429999.99"}, below = {.name = "NeighbourBelow", .altitude = "20000.01"};

static volatile LONG habit, turns;

static bool is(enum neighbour_habit one) { return ReadAcquire(&habit) == (LONG)one; }
static bool is_turn(LONG one_in) { return InterlockedIncrement(&turns) % one_in == 0; }

static bool is_draining(FLT_POST_OPERATION_FLAGS flags) { return FlagOn(flags, FLTFL_POST_OPERATION_DRAINING); }

/* ---- above: asks for names ---- */

static void ask(PFLT_CALLBACK_DATA data, FLT_FILE_NAME_OPTIONS format)
{
    PFLT_FILE_NAME_INFORMATION name;
    if (!NT_SUCCESS(FltGetFileNameInformation(data, format | FLT_FILE_NAME_QUERY_DEFAULT, &name)))
        return;
    FltParseFileNameInformation(name);
    FltReleaseFileNameInformation(name);
}

static void ask_for_target(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    FILE_INFORMATION_CLASS class = data->Iopb->Parameters.SetFileInformation.FileInformationClass;
    PFILE_RENAME_INFORMATION info = data->Iopb->Parameters.SetFileInformation.InfoBuffer;
    PFLT_FILE_NAME_INFORMATION name;
    if (class != FileRenameInformation && class != FileLinkInformation && class != FileRenameInformationEx)
        return;
    if (NT_SUCCESS(FltGetDestinationFileNameInformation(objects->Instance, objects->FileObject, info->RootDirectory,
                                                        info->FileName, info->FileNameLength,
                                                        FLT_FILE_NAME_NORMALIZED | FLT_FILE_NAME_QUERY_DEFAULT, &name)))
        FltReleaseFileNameInformation(name);
}

static void ask_before(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    if (data->Iopb->MajorFunction == IRP_MJ_SET_INFORMATION)
        ask_for_target(data, objects);
    ask(data, FLT_FILE_NAME_OPENED);
    ask(data, FLT_FILE_NAME_NORMALIZED);
}

static void ask_after(PFLT_CALLBACK_DATA data)
{
    ask(data, FLT_FILE_NAME_NORMALIZED);
    ask(data, FLT_FILE_NAME_SHORT);
}

/* ---- above: posts ---- */

static bool has_user_buffer(PFLT_CALLBACK_DATA data)
{
    PMDL *mdl;
    PVOID *buffer;
    PULONG length;
    return NT_SUCCESS(FltDecodeParameters(data, &mdl, &buffer, &length, NULL)) && mdl && *buffer && *length && !*mdl &&
           !FlagOn(data->Flags, FLTFL_CALLBACK_DATA_SYSTEM_BUFFER);
}

/* What a worker thread cannot do for the requestor: probe his pointers. */
static bool may_be_posted(PFLT_CALLBACK_DATA data)
{
    UCHAR major = data->Iopb->MajorFunction;
    if (!FLT_IS_IRP_OPERATION(data) || FlagOn(data->Iopb->IrpFlags, IRP_PAGING_IO) || major == IRP_MJ_CLEANUP ||
        major == IRP_MJ_CLOSE)
        return false;
    if (major == IRP_MJ_FILE_SYSTEM_CONTROL &&
        (data->Iopb->MinorFunction != IRP_MN_USER_FS_REQUEST ||
         METHOD_FROM_CTL_CODE(data->Iopb->Parameters.FileSystemControl.Common.FsControlCode) != METHOD_BUFFERED))
        return false;
    return !has_user_buffer(data) || NT_SUCCESS(FltLockUserBuffer(data));
}

static VOID go_on(PFLT_DEFERRED_IO_WORKITEM item, PFLT_CALLBACK_DATA data, PVOID context)
{
    UNREFERENCED_PARAMETER(context);
    FltFreeDeferredIoWorkItem(item);
    FltCompletePendedPreOperation(data, FLT_PREOP_SUCCESS_NO_CALLBACK, NULL);
}

static FLT_PREOP_CALLBACK_STATUS post(PFLT_CALLBACK_DATA data)
{
    PFLT_DEFERRED_IO_WORKITEM item;
    if (FLT_IS_FASTIO_OPERATION(data))
        return FLT_PREOP_DISALLOW_FASTIO;
    if (!may_be_posted(data) || !(item = FltAllocateDeferredIoWorkItem()))
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    if (NT_SUCCESS(FltQueueDeferredIoWorkItem(item, data, go_on, DelayedWorkQueue, NULL)))
        return FLT_PREOP_PENDING;
    FltFreeDeferredIoWorkItem(item);
    return FLT_PREOP_SUCCESS_NO_CALLBACK;
}

/* ---- above: opens beside ---- */

static void list_or_read(PFLT_INSTANCE instance, PFILE_OBJECT file)
{
    BOOLEAN is_folder = FALSE;
    FILE_STANDARD_INFORMATION standard;
    ULONG done;
    PVOID buffer = ExAllocatePoolWithTag(NonPagedPoolNx, PAGE_SIZE, TAG);
    if (!buffer)
        return;
    FltIsDirectory(file, instance, &is_folder);
    FltQueryInformationFile(instance, file, &standard, sizeof standard, FileStandardInformation, NULL);
    if (is_folder) {
        FltQueryDirectoryFile(instance, file, buffer, PAGE_SIZE, FileBothDirectoryInformation, FALSE, NULL, TRUE, &done);
    } else {
        FltReadFile(instance, file, &(LARGE_INTEGER){0}, 512, buffer, FLTFL_IO_OPERATION_DO_NOT_UPDATE_BYTE_OFFSET, &done, NULL,
                    NULL);
        FltReadFile(instance, file, &(LARGE_INTEGER){0}, PAGE_SIZE, buffer,
                    FLTFL_IO_OPERATION_NON_CACHED | FLTFL_IO_OPERATION_DO_NOT_UPDATE_BYTE_OFFSET, &done, NULL, NULL);
    }
    ExFreePoolWithTag(buffer, TAG);
}

static void open_beside(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    PFLT_FILE_NAME_INFORMATION name;
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    PFILE_OBJECT file;
    HANDLE handle;
    if (FlagOn(objects->FileObject->Flags, FO_VOLUME_OPEN) || FlagOn(data->Iopb->OperationFlags, SL_OPEN_PAGING_FILE) ||
        !NT_SUCCESS(FltGetFileNameInformation(data, FLT_FILE_NAME_OPENED | FLT_FILE_NAME_QUERY_DEFAULT, &name)))
        return;
    InitializeObjectAttributes(&attributes, &name->Name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    if (NT_SUCCESS(FltCreateFileEx(above.filter, objects->Instance, &handle, &file, FILE_GENERIC_READ, &attributes, &iosb, NULL,
                                   FILE_ATTRIBUTE_NORMAL, FILE_SHARE_VALID_FLAGS, FILE_OPEN,
                                   FILE_SYNCHRONOUS_IO_NONALERT | FILE_COMPLETE_IF_OPLOCKED, NULL, 0,
                                   IO_IGNORE_SHARE_ACCESS_CHECK))) {
        if (iosb.Status == STATUS_SUCCESS)
            list_or_read(objects->Instance, file);
        FltClose(handle);
        ObDereferenceObject(file);
    }
    FltReleaseFileNameInformation(name);
}

/* ---- above: swaps buffers ---- */

struct swapped {
    PVOID buffer, original;
    PMDL original_mdl;
};

static void free_swapped(struct swapped *swapped)
{
    ExFreePoolWithTag(swapped->buffer, TAG);
    ExFreePoolWithTag(swapped, TAG);
}

static bool may_be_swapped(PFLT_CALLBACK_DATA data)
{
    UCHAR major = data->Iopb->MajorFunction, minor = data->Iopb->MinorFunction;
    return FLT_IS_IRP_OPERATION(data) && (major == IRP_MJ_READ ? !FlagOn(minor, IRP_MN_MDL) : minor == IRP_MN_QUERY_DIRECTORY);
}

static FLT_PREOP_CALLBACK_STATUS swap(PFLT_CALLBACK_DATA data, PVOID *context)
{
    PMDL *mdl, fresh;
    PVOID *buffer;
    PULONG length;
    if (FLT_IS_FASTIO_OPERATION(data))
        return FLT_PREOP_DISALLOW_FASTIO;
    if (!may_be_swapped(data) || !NT_SUCCESS(FltDecodeParameters(data, &mdl, &buffer, &length, NULL)) || !*length ||
        (!*buffer && !*mdl))
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    struct swapped *swapped = ExAllocatePoolWithTag(NonPagedPoolNx, sizeof *swapped, TAG);
    if (!swapped)
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    *swapped = (struct swapped){ExAllocatePoolWithTag(NonPagedPoolNx, *length, TAG), *buffer, *mdl};
    if (!swapped->buffer || !(fresh = IoAllocateMdl(swapped->buffer, *length, FALSE, FALSE, NULL))) {
        if (swapped->buffer)
            ExFreePoolWithTag(swapped->buffer, TAG);
        ExFreePoolWithTag(swapped, TAG);
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    }
    MmBuildMdlForNonPagedPool(fresh);
    memset(swapped->buffer, 0, *length);
    *buffer = swapped->buffer;
    *mdl = fresh; /* the Filter Manager frees it */
    FltSetCallbackDataDirty(data);
    *context = swapped;
    return FLT_PREOP_SUCCESS_WITH_CALLBACK;
}

static void copy_back(PFLT_CALLBACK_DATA data, struct swapped *swapped, PVOID to)
{
    if (to)
        memcpy(to, swapped->buffer, data->IoStatus.Information);
    free_swapped(swapped);
}

static FLT_POSTOP_CALLBACK_STATUS copy_when_safe(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID context,
                                                 FLT_POST_OPERATION_FLAGS flags)
{
    PMDL *mdl;
    PVOID to = NULL;
    UNREFERENCED_PARAMETER(objects);
    UNREFERENCED_PARAMETER(flags);
    data->IoStatus.Status = FltLockUserBuffer(data);
    if (NT_SUCCESS(data->IoStatus.Status) && NT_SUCCESS(FltDecodeParameters(data, &mdl, NULL, NULL, NULL)))
        to = MmGetSystemAddressForMdlSafe(*mdl, NormalPagePriority);
    else
        data->IoStatus.Information = 0;
    copy_back(data, context, to);
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static FLT_POSTOP_CALLBACK_STATUS swap_back(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, struct swapped *swapped,
                                            FLT_POST_OPERATION_FLAGS flags)
{
    FLT_POSTOP_CALLBACK_STATUS answer = FLT_POSTOP_FINISHED_PROCESSING;
    bool fills = data->IoStatus.Information && !NT_ERROR(data->IoStatus.Status) && !is_draining(flags);
    if (!fills) {
        free_swapped(swapped);
    } else if (swapped->original_mdl) {
        copy_back(data, swapped, MmGetSystemAddressForMdlSafe(swapped->original_mdl, NormalPagePriority));
    } else if (FlagOn(data->Flags, FLTFL_CALLBACK_DATA_SYSTEM_BUFFER)) {
        copy_back(data, swapped, swapped->original);
    } else if (!FltDoCompletionProcessingWhenSafe(data, objects, swapped, flags, copy_when_safe, &answer)) {
        data->IoStatus.Status = STATUS_UNSUCCESSFUL;
        data->IoStatus.Information = 0;
        free_swapped(swapped);
    }
    return answer;
}

/* ---- above: cancels opens ---- */

static void cancel_open(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    if (data->IoStatus.Information != FILE_OPENED || FlagOn(objects->FileObject->Flags, FO_VOLUME_OPEN) || !is_turn(2))
        return;
    FltCancelFileOpen(objects->Instance, objects->FileObject);
    data->IoStatus.Status = STATUS_ACCESS_DENIED;
    data->IoStatus.Information = 0;
}

/* ---- what the one above does ---- */

static FLT_PREOP_CALLBACK_STATUS before_above(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    UCHAR major = data->Iopb->MajorFunction;
    bool creates = major == IRP_MJ_CREATE;
    if (is(NEIGHBOUR_ASKS_NAMES)) {
        if (FLT_IS_IRP_OPERATION(data) && !FlagOn(data->Iopb->IrpFlags, IRP_PAGING_IO))
            ask_before(data, objects);
        return creates || major == IRP_MJ_SET_INFORMATION ? FLT_PREOP_SYNCHRONIZE : FLT_PREOP_SUCCESS_NO_CALLBACK;
    }
    if (is(NEIGHBOUR_POSTS))
        return post(data);
    if (is(NEIGHBOUR_SWAPS) && (major == IRP_MJ_READ || major == IRP_MJ_DIRECTORY_CONTROL))
        return swap(data, context);
    return creates && (is(NEIGHBOUR_OPENS_BESIDE) || is(NEIGHBOUR_CANCELS_OPENS)) ? FLT_PREOP_SUCCESS_WITH_CALLBACK
                                                                                  : FLT_PREOP_SUCCESS_NO_CALLBACK;
}

static FLT_POSTOP_CALLBACK_STATUS after_above(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID context,
                                              FLT_POST_OPERATION_FLAGS flags)
{
    if (context)
        return swap_back(data, objects, context, flags);
    if (is_draining(flags) || !NT_SUCCESS(data->IoStatus.Status) || data->IoStatus.Status == STATUS_REPARSE)
        return FLT_POSTOP_FINISHED_PROCESSING;
    if (is(NEIGHBOUR_ASKS_NAMES))
        ask_after(data);
    else if (is(NEIGHBOUR_OPENS_BESIDE))
        open_beside(data, objects);
    else if (is(NEIGHBOUR_CANCELS_OPENS))
        cancel_open(data, objects);
    return FLT_POSTOP_FINISHED_PROCESSING;
}

/* ---- below: answers STATUS_REPARSE ---- */

/* The name in capitals, when it is not yet: the same file, and at the next open it goes by. */
static bool capitals(PCUNICODE_STRING name, PUNICODE_STRING other)
{
    if (!name->Length || !NT_SUCCESS(RtlUpcaseUnicodeString(other, name, TRUE)))
        return false;
    if (!RtlEqualUnicodeString(name, other, FALSE))
        return true;
    RtlFreeUnicodeString(other);
    return false;
}

static bool rename_file_object(PCFLT_RELATED_OBJECTS objects)
{
    WCHAR text[600];
    UNICODE_STRING whole = {0, sizeof text, text}, other;
    bool done = false;
    if (!capitals(&objects->FileObject->FileName, &other))
        return false;
    if (NT_SUCCESS(FltGetVolumeName(objects->Volume, &whole, NULL)) &&
        NT_SUCCESS(RtlAppendUnicodeStringToString(&whole, &other)))
        done = NT_SUCCESS(IoReplaceFileObjectName(objects->FileObject, whole.Buffer, whole.Length));
    RtlFreeUnicodeString(&other);
    return done;
}

static FLT_PREOP_CALLBACK_STATUS reparse(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects)
{
    ULONG options = data->Iopb->Parameters.Create.Options;
    if (objects->FileObject->RelatedFileObject || FlagOn(options, FILE_OPEN_BY_FILE_ID) ||
        data->Iopb->OperationFlags & (SL_OPEN_TARGET_DIRECTORY | SL_OPEN_PAGING_FILE) || !rename_file_object(objects))
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    data->IoStatus.Status = STATUS_REPARSE;
    data->IoStatus.Information = IO_REPARSE;
    return FLT_PREOP_COMPLETE;
}

/* ---- below: refuses ---- */

static FLT_PREOP_CALLBACK_STATUS refuse(PFLT_CALLBACK_DATA data)
{
    static const NTSTATUS opens[] = {STATUS_ACCESS_DENIED, STATUS_SHARING_VIOLATION, STATUS_VIRUS_INFECTED,
                                     STATUS_INSUFFICIENT_RESOURCES},
                          others[] = {STATUS_ACCESS_DENIED, STATUS_IO_DEVICE_ERROR, STATUS_INSUFFICIENT_RESOURCES,
                                      STATUS_DEVICE_DATA_ERROR};
    UCHAR major = data->Iopb->MajorFunction;
    if (!FLT_IS_IRP_OPERATION(data) || FlagOn(data->Iopb->IrpFlags, IRP_PAGING_IO) || major == IRP_MJ_CLEANUP ||
        major == IRP_MJ_CLOSE || !is_turn(4))
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    ULONG which = (ULONG)InterlockedIncrement(&turns) / 4 % RTL_NUMBER_OF(opens);
    data->IoStatus.Status = major == IRP_MJ_CREATE ? opens[which] : others[which];
    data->IoStatus.Information = 0;
    return FLT_PREOP_COMPLETE;
}

static FLT_PREOP_CALLBACK_STATUS before_below(PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    UNREFERENCED_PARAMETER(context);
    if (is(NEIGHBOUR_REPARSES) && data->Iopb->MajorFunction == IRP_MJ_CREATE)
        return reparse(data, objects);
    return is(NEIGHBOUR_REFUSES) ? refuse(data) : FLT_PREOP_SUCCESS_NO_CALLBACK;
}

/* ---- the two drivers ---- */

static NTSTATUS unload_above(FLT_FILTER_UNLOAD_FLAGS flags)
{
    UNREFERENCED_PARAMETER(flags);
    FltUnregisterFilter(above.filter);
    return STATUS_SUCCESS;
}

static NTSTATUS unload_below(FLT_FILTER_UNLOAD_FLAGS flags)
{
    UNREFERENCED_PARAMETER(flags);
    FltUnregisterFilter(below.filter);
    return STATUS_SUCCESS;
}

static const FLT_OPERATION_REGISTRATION operations_above[] = {
    {.MajorFunction = IRP_MJ_CREATE, .PreOperation = before_above, .PostOperation = after_above},
    {.MajorFunction = IRP_MJ_READ, .PreOperation = before_above, .PostOperation = after_above},
    {.MajorFunction = IRP_MJ_WRITE, .PreOperation = before_above},
    {.MajorFunction = IRP_MJ_QUERY_INFORMATION, .PreOperation = before_above},
    {.MajorFunction = IRP_MJ_SET_INFORMATION, .PreOperation = before_above, .PostOperation = after_above},
    {.MajorFunction = IRP_MJ_DIRECTORY_CONTROL, .PreOperation = before_above, .PostOperation = after_above},
    {.MajorFunction = IRP_MJ_FILE_SYSTEM_CONTROL, .PreOperation = before_above},
    {.MajorFunction = IRP_MJ_CLEANUP, .PreOperation = before_above},
    {.MajorFunction = IRP_MJ_OPERATION_END}};

static const FLT_OPERATION_REGISTRATION operations_below[] = {
    {.MajorFunction = IRP_MJ_CREATE, .PreOperation = before_below},
    {.MajorFunction = IRP_MJ_READ, .PreOperation = before_below},
    {.MajorFunction = IRP_MJ_WRITE, .PreOperation = before_below},
    {.MajorFunction = IRP_MJ_QUERY_INFORMATION, .PreOperation = before_below},
    {.MajorFunction = IRP_MJ_SET_INFORMATION, .PreOperation = before_below},
    {.MajorFunction = IRP_MJ_QUERY_EA, .PreOperation = before_below},
    {.MajorFunction = IRP_MJ_FLUSH_BUFFERS, .PreOperation = before_below},
    {.MajorFunction = IRP_MJ_QUERY_VOLUME_INFORMATION, .PreOperation = before_below},
    {.MajorFunction = IRP_MJ_DIRECTORY_CONTROL, .PreOperation = before_below},
    {.MajorFunction = IRP_MJ_FILE_SYSTEM_CONTROL, .PreOperation = before_below},
    {.MajorFunction = IRP_MJ_QUERY_SECURITY, .PreOperation = before_below},
    {.MajorFunction = IRP_MJ_OPERATION_END}};

static NTSTATUS enter(PDRIVER_OBJECT object, struct neighbour *neighbour, const FLT_OPERATION_REGISTRATION *operations,
                      PFLT_FILTER_UNLOAD_CALLBACK unload)
{
    const FLT_REGISTRATION registration = {.Size = sizeof registration,
                                           .Version = FLT_REGISTRATION_VERSION,
                                           .OperationRegistration = operations,
                                           .FilterUnloadCallback = unload};
    NTSTATUS status = FltRegisterFilter(object, &registration, &neighbour->filter);
    if (NT_SUCCESS(status) && !NT_SUCCESS(status = FltStartFiltering(neighbour->filter)))
        FltUnregisterFilter(neighbour->filter);
    return status;
}

static NTSTATUS enter_above(PDRIVER_OBJECT object, PUNICODE_STRING path)
{
    UNREFERENCED_PARAMETER(path);
    return enter(object, &above, operations_above, unload_above);
}

static NTSTATUS enter_below(PDRIVER_OBJECT object, PUNICODE_STRING path)
{
    UNREFERENCED_PARAMETER(path);
    return enter(object, &below, operations_below, unload_below);
}

static bool come(struct neighbour *neighbour, PDRIVER_INITIALIZE entry)
{
    return NT_SUCCESS(fltsim_load(&(struct fltsim_driver_options){.name = neighbour->name,
                                                                  .entry = entry,
                                                                  .altitude = neighbour->altitude},
                                  &neighbour->driver));
}

bool neighbours_come(void)
{
    neighbours_do(NEIGHBOURS_REST);
    if (!come(&above, enter_above))
        return false;
    if (come(&below, enter_below))
        return true;
    fltsim_unload(above.driver);
    return false;
}

void neighbours_do(enum neighbour_habit one)
{
    WriteRelease(&turns, 0);
    WriteRelease(&habit, (LONG)one);
}

void neighbours_go(void)
{
    neighbours_do(NEIGHBOURS_REST);
    fltsim_unload(below.driver);
    fltsim_unload(above.driver);
}
