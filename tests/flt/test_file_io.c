/* FltReadFile's kin over the in-memory file system, and what a callback may do with its buffers. */
#include "harness.h"

#include "ke/thread.h"

static struct fltsim_volume *volume;
static HANDLE handle;
static PFILE_OBJECT file;

static UNICODE_STRING wide(const char *text, WCHAR *buffer)
{
    USHORT length = 0;
    for (; text[length]; length++)
        buffer[length] = (WCHAR)text[length];
    return (UNICODE_STRING){.Buffer = buffer, .Length = (USHORT)(2 * length), .MaximumLength = (USHORT)(2 * length)};
}

static NTSTATUS open_below(const char *path, ULONG options, PHANDLE h, PFILE_OBJECT *f)
{
    WCHAR buffer[100];
    UNICODE_STRING name = wide(path, buffer);
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
    return FltCreateFileEx2(A->filter, A->instance, h, f, GENERIC_READ | GENERIC_WRITE | DELETE | SYNCHRONIZE | WRITE_DAC | READ_CONTROL,
                            &attributes, &iosb, NULL, FILE_ATTRIBUTE_NORMAL, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                            options & FILE_DIRECTORY_FILE ? FILE_OPEN : FILE_OPEN_IF,
                            FILE_SYNCHRONOUS_IO_NONALERT | options, NULL, 0, 0, NULL);
}

static int start(void **state)
{
    assert_true(fltsim_start(NULL));
    memset(probes, 0, sizeof probes);
    for (int i = 0; i < 3; i++)
        probes[i].letter = (char)('A' + i);
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C'}, &volume), STATUS_SUCCESS);
    A->answer = B->answer = FLT_PREOP_SUCCESS_WITH_CALLBACK;
    assert_int_equal(probe_load(A, NULL), STATUS_SUCCESS);
    assert_int_equal(probe_load(B, NULL), STATUS_SUCCESS);
    assert_int_equal(open_below("\\??\\C:\\file", 0, &handle, &file), STATUS_SUCCESS);
    noted();
    return 0;
}

static int stop(void **state)
{
    ObDereferenceObject(file);
    FltClose(handle);
    for (int i = 0; i < 3; i++)
        if (probes[i].driver)
            assert_int_equal(probe_unload(&probes[i]), STATUS_SUCCESS);
    assert_int_equal(fltsim_stop(NULL), 0);
    noted();
    return 0;
}

static void put(const char *text)
{
    LARGE_INTEGER offset = {.QuadPart = 0};
    assert_int_equal(FltWriteFile(A->instance, file, &offset, (ULONG)strlen(text), (PVOID)text, 0, NULL, NULL, NULL),
                     STATUS_SUCCESS);
}

/* ---- reading and writing ---- */

static void offsets(void **state)
{
    char text[4] = {0};
    LARGE_INTEGER current = {.LowPart = FILE_USE_FILE_POINTER_POSITION, .HighPart = -1};
    ULONG done;

    put("abcdef");
    file->CurrentByteOffset.QuadPart = 2;
    assert_int_equal(FltReadFile(A->instance, file, NULL, 2, text, 0, &done, NULL, NULL), STATUS_SUCCESS);
    assert_string_equal(text, "cd");
    assert_int_equal(FltReadFile(A->instance, file, &current, 2, text, 0, &done, NULL, NULL), STATUS_SUCCESS);
    assert_string_equal(text, "ef");
    assert_int_equal(FltReadFile(A->instance, file, &current, 2, text, 0, &done, NULL, NULL), STATUS_END_OF_FILE);
    assert_int_equal(done, 0);
    file->Flags &= ~(ULONG)FO_SYNCHRONOUS_IO;
    assert_int_equal(FltReadFile(A->instance, file, NULL, 2, text, 0, &done, NULL, NULL), STATUS_INVALID_PARAMETER);
    file->Flags |= FO_SYNCHRONOUS_IO;
}

static void with_an_mdl(void **state)
{
    static char text[512];
    LARGE_INTEGER offset = {.QuadPart = 0};
    ULONG done, key = 7;
    put("mdl");
    PMDL mdl = IoAllocateMdl(text, sizeof text, FALSE, FALSE, NULL);
    MmBuildMdlForNonPagedPool(mdl);
    assert_int_equal(FltReadFileEx(A->instance, file, &offset, sizeof text, NULL, 0, &done, NULL, NULL, NULL, NULL),
                     STATUS_INVALID_PARAMETER);
    assert_int_equal(FltReadFileEx(A->instance, file, &offset, sizeof text, text, 0, &done, NULL, NULL, &key, mdl),
                     STATUS_SUCCESS);
    assert_int_equal(done, 3);
    assert_string_equal(text, "mdl");
    memcpy(text, "MDL", 3);
    assert_int_equal(FltWriteFileEx(A->instance, file, &offset, 3, text, 0, &done, NULL, NULL, NULL, NULL), STATUS_SUCCESS);
    assert_int_equal(done, 3);
    IoFreeMdl(mdl);
}

static void non_cached(void **state)
{
    PVOID sector = FltAllocatePoolAlignedWithTag(A->instance, NonPagedPoolNx, 512, 'tset');
    LARGE_INTEGER offset = {.QuadPart = 0};
    ULONG done;
    memset(sector, 'x', 512);
    assert_int_equal(FltWriteFile(A->instance, file, &offset, 512, sector, FLTFL_IO_OPERATION_NON_CACHED, &done, NULL, NULL),
                     STATUS_SUCCESS);
    memset(sector, 0, 512);
    assert_int_equal(FltReadFile(A->instance, file, &offset, 512, sector, FLTFL_IO_OPERATION_NON_CACHED, &done, NULL, NULL),
                     STATUS_SUCCESS);
    assert_int_equal(done, 512);
    assert_int_equal(*(char *)sector, 'x');
    FltFreePoolAlignedWithTag(A->instance, sector, 'tset');
}

static void apcs_disabled(void **state)
{
    char text[4];
    LARGE_INTEGER offset = {.QuadPart = 0};
    put("abc");
    KeEnterGuardedRegion();
    fltsim_expect("apc-disabled");
    FltReadFile(A->instance, file, &offset, 3, text, 0, NULL, NULL, NULL);
    KeLeaveGuardedRegion();
}

/* ---- information ---- */

static void information(void **state)
{
    FILE_STANDARD_INFORMATION standard;
    FILE_END_OF_FILE_INFORMATION end = {.EndOfFile.QuadPart = 10};
    ULONG length;

    assert_int_equal(FltSetInformationFile(A->instance, file, &end, sizeof end, FileEndOfFileInformation), STATUS_SUCCESS);
    assert_int_equal(FltQueryInformationFile(A->instance, file, &standard, sizeof standard, FileStandardInformation, &length),
                     STATUS_SUCCESS);
    assert_int_equal(length, sizeof standard);
    assert_int_equal(standard.EndOfFile.QuadPart, 10);
    assert_int_equal(FltQueryInformationFile(A->instance, file, &standard, 1, FileStandardInformation, &length),
                     STATUS_INFO_LENGTH_MISMATCH);
    FILE_FS_ATTRIBUTE_INFORMATION fs;
    assert_int_equal(FltQueryVolumeInformationFile(A->instance, file, &fs, sizeof fs, FileFsAttributeInformation, &length),
                     STATUS_BUFFER_OVERFLOW);
}

static void renaming(void **state)
{
    union {
        FILE_RENAME_INFORMATION info;
        UCHAR bytes[200];
    } r = {0};
    static const char *const targets[] = {"renamed", "\\??\\C:\\full"};
    HANDLE other;

    for (int i = 0; i < 2; i++) {
        UNICODE_STRING name = wide(targets[i], r.info.FileName);
        r.info.FileNameLength = name.Length;
        assert_int_equal(FltSetInformationFile(A->instance, file, &r, sizeof r, FileRenameInformation), STATUS_SUCCESS);
    }
    assert_int_equal(fltsim_open("C:\\full", NULL, &other), STATUS_SUCCESS);
    assert_int_equal(fltsim_close(other), STATUS_SUCCESS);
    r.info.FileNameLength = 4000;
    assert_int_equal(FltSetInformationFile(A->instance, file, &r, sizeof r, FileRenameInformation),
                     STATUS_INFO_LENGTH_MISMATCH);
}

static void directories(void **state)
{
    union {
        FILE_NAMES_INFORMATION info;
        UCHAR bytes[512];
    } names;
    HANDLE h;
    PFILE_OBJECT directory;
    ULONG length;
    WCHAR buffer[8];
    UNICODE_STRING pattern = wide("fil*", buffer);
    BOOLEAN is;

    assert_int_equal(open_below("\\??\\C:\\", FILE_DIRECTORY_FILE, &h, &directory), STATUS_SUCCESS);
    assert_int_equal(FltQueryDirectoryFile(A->instance, directory, &names, sizeof names, FileNamesInformation, TRUE, &pattern,
                                           TRUE, &length),
                     STATUS_SUCCESS);
    assert_int_equal(names.info.FileNameLength, 8);
    assert_int_equal(FltQueryDirectoryFileEx(A->instance, directory, &names, sizeof names, FileNamesInformation, 0, NULL,
                                             &length),
                     STATUS_NO_MORE_FILES);
    assert_int_equal(FltQueryDirectoryFileEx(A->instance, directory, &names, sizeof names, FileNamesInformation, 0x8000,
                                             NULL, &length),
                     STATUS_INVALID_PARAMETER);
    assert_int_equal(FltIsDirectory(directory, A->instance, &is), STATUS_SUCCESS);
    assert_true(is);
    ObDereferenceObject(directory);
    FltClose(h);
}

/* ---- extended attributes, security, flush, control ---- */

static void extended_attributes(void **state)
{
    union {
        FILE_FULL_EA_INFORMATION ea;
        UCHAR bytes[128];
    } e = {.ea = {.EaNameLength = 3, .EaValueLength = 2}};
    ULONG length;
    memcpy(e.ea.EaName, "KEY\0v1", 6);
    assert_int_equal(FltSetEaFile(A->instance, file, &e, FIELD_OFFSET(FILE_FULL_EA_INFORMATION, EaName) + 6), STATUS_SUCCESS);
    memset(&e, 0, sizeof e);
    assert_int_equal(FltQueryEaFile(A->instance, file, &e, sizeof e, TRUE, NULL, 0, NULL, TRUE, &length), STATUS_SUCCESS);
    assert_memory_equal(e.ea.EaName, "KEY\0v1", 6);
}

static void security(void **state)
{
    UCHAR descriptor[1024];
    ULONG needed = 0;
    assert_int_equal(FltQuerySecurityObject(A->instance, file, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, NULL, 0,
                                            &needed),
                     STATUS_BUFFER_TOO_SMALL);
    assert_true(needed > 0 && needed <= sizeof descriptor);
    assert_int_equal(FltQuerySecurityObject(A->instance, file, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                                            descriptor, needed, &needed),
                     STATUS_SUCCESS);
    assert_int_equal(FltSetSecurityObject(A->instance, file, DACL_SECURITY_INFORMATION, descriptor), STATUS_SUCCESS);
}

static void flushing(void **state)
{
    put("dirty");
    assert_int_equal(FltFlushBuffers(A->instance, file), STATUS_SUCCESS);
    assert_non_null(strstr(noted(), "B<IRP_MJ_FLUSH_BUFFERS"));
    assert_int_equal(FltFlushBuffers2(A->instance, file, FLT_FLUSH_TYPE_FILE_DATA_ONLY, NULL), STATUS_SUCCESS);
    assert_int_equal(FltFlushBuffers2(A->instance, file, 0x100, NULL), STATUS_INVALID_PARAMETER);
}

static void control_codes(void **state)
{
    UCHAR output[64];
    ULONG returned = 1;
    HANDLE h;
    PFILE_OBJECT volume_file;

    assert_int_equal(FltFsControlFile(A->instance, file, FSCTL_GET_COMPRESSION, NULL, 0, output, 2, &returned),
                     STATUS_SUCCESS);
    assert_int_equal(returned, 2);
    assert_int_equal(FltFsControlFile(A->instance, file, CTL_CODE(FILE_DEVICE_FILE_SYSTEM, 0xfff, METHOD_OUT_DIRECT, 0), NULL, 0,
                                      (PVOID)8, 100, NULL),
                     STATUS_ACCESS_VIOLATION); /* nothing is left of it */
    assert_int_equal(FltFsControlFile(A->instance, file, CTL_CODE(FILE_DEVICE_FILE_SYSTEM, 0xfff, METHOD_NEITHER, 0), NULL, 0,
                                      NULL, 0, &returned),
                     STATUS_INVALID_DEVICE_REQUEST);
    assert_int_equal(returned, 0);
    assert_int_equal(FltOpenVolume(A->instance, &h, &volume_file), STATUS_SUCCESS);
    assert_int_not_equal(FltDeviceIoControlFile(A->instance, volume_file, CTL_CODE(FILE_DEVICE_DISK, 0xfff, METHOD_OUT_DIRECT, 0),
                                                NULL, 0, output, sizeof output, &returned),
                         STATUS_SUCCESS);
    ObDereferenceObject(volume_file);
    FltClose(h);
    assert_int_equal(FltCreateSystemVolumeInformationFolder(A->instance), STATUS_SUCCESS);
    assert_int_equal(FltCreateSystemVolumeInformationFolder(A->instance), STATUS_SUCCESS);
}

/* ---- buffers in a callback ---- */

static FLT_PREOP_CALLBACK_STATUS lock(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    PMDL *mdl;
    PVOID *buffer;
    PULONG length;
    LOCK_OPERATION access;

    if (data->Iopb->MajorFunction != IRP_MJ_READ || !FLT_IS_IRP_OPERATION(data))
        return FLT_IS_FASTIO_OPERATION(data) ? FLT_PREOP_DISALLOW_FASTIO : FLT_PREOP_SUCCESS_NO_CALLBACK;
    assert_int_equal(FltDecodeParameters(data, &mdl, &buffer, &length, &access), STATUS_SUCCESS);
    assert_ptr_equal(mdl, &data->Iopb->Parameters.Read.MdlAddress);
    assert_ptr_equal(buffer, &data->Iopb->Parameters.Read.ReadBuffer);
    assert_int_equal(*length, data->Iopb->Parameters.Read.Length);
    assert_int_equal(access, IoWriteAccess);
    assert_int_equal(FltLockUserBuffer(data), STATUS_SUCCESS);
    assert_non_null(data->Iopb->Parameters.Read.MdlAddress);
    *context = data->Iopb->Parameters.Read.MdlAddress;
    note("locked");
    return FLT_PREOP_SUCCESS_WITH_CALLBACK;
}

static FLT_POSTOP_CALLBACK_STATUS locked(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID context,
                                         FLT_POST_OPERATION_FLAGS flags)
{
    assert_ptr_equal(data->Iopb->Parameters.Read.MdlAddress, context);
    assert_memory_equal(MmGetSystemAddressForMdlSafe(context, NormalPagePriority), "lockme", 6);
    assert_null(FltGetSwappedBufferMdlAddress(data));
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static void locking_the_buffer(void **state)
{
    HANDLE user;
    char text[8];
    put("lockme");
    assert_int_equal(fltsim_open("C:\\file", NULL, &user), STATUS_SUCCESS);
    B->pre = lock;
    B->post = locked;
    noted();
    assert_int_equal(fltsim_read(user, text, sizeof text, 0, NULL), STATUS_SUCCESS);
    assert_memory_equal(text, "lockme", 6);
    assert_non_null(strstr(noted(), "locked"));
    B->pre = NULL;
    B->post = NULL;
    assert_int_equal(fltsim_close(user), STATUS_SUCCESS);
}

static FLT_POSTOP_CALLBACK_STATUS lock_now(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                           PVOID context, FLT_POST_OPERATION_FLAGS flags)
{
    if (data->Iopb->MajorFunction != IRP_MJ_READ)
        return FLT_POSTOP_FINISHED_PROCESSING;
    assert_int_equal(FltLockUserBuffer(data), STATUS_SUCCESS);
    assert_memory_equal(MmGetSystemAddressForMdlSafe(data->Iopb->Parameters.Read.MdlAddress, NormalPagePriority), "lockme", 6);
    note("locked");
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static void a_buffer_of_a_read_that_a_filter_made_is_locked_until_that_is_through(void **state)
{
    char text[8];
    LARGE_INTEGER offset = {.QuadPart = 0};
    put("lockme");
    B->post = lock_now;
    noted();
    assert_int_equal(FltReadFile(A->instance, file, &offset, 6, text, FLTFL_IO_OPERATION_DO_NOT_UPDATE_BYTE_OFFSET, NULL, NULL,
                                 NULL),
                     STATUS_SUCCESS);
    assert_memory_equal(text, "lockme", 6);
    assert_non_null(strstr(noted(), "locked"));
    B->post = NULL;
}

static FLT_PREOP_CALLBACK_STATUS swap(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects, PVOID *context)
{
    if (data->Iopb->MajorFunction != IRP_MJ_READ || !FLT_IS_IRP_OPERATION(data))
        return FLT_IS_FASTIO_OPERATION(data) ? FLT_PREOP_DISALLOW_FASTIO : FLT_PREOP_SUCCESS_NO_CALLBACK;
    *context = ExAllocatePoolWithTag(NonPagedPool, data->Iopb->Parameters.Read.Length, 'paws');
    data->Iopb->Parameters.Read.ReadBuffer = *context;
    data->Iopb->Parameters.Read.MdlAddress = NULL;
    FltSetCallbackDataDirty(data);
    return FLT_PREOP_SUCCESS_WITH_CALLBACK;
}

static FLT_POSTOP_CALLBACK_STATUS swap_back(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                            PVOID context, FLT_POST_OPERATION_FLAGS flags)
{
    assert_null(data->Iopb->Parameters.Read.MdlAddress); /* the lock below was that of another buffer */
    memcpy(data->Iopb->Parameters.Read.ReadBuffer, context, data->IoStatus.Information);
    ExFreePoolWithTag(context, 'paws');
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static void a_buffer_that_a_filter_above_put_there_is_locked_until_it_takes_it_back(void **state)
{
    HANDLE user;
    char text[8];
    put("lockme");
    assert_int_equal(fltsim_open("C:\\file", NULL, &user), STATUS_SUCCESS);
    A->pre = swap;
    A->post = swap_back;
    B->pre = lock;
    B->post = locked;
    noted();
    assert_int_equal(fltsim_read(user, text, sizeof text, 0, NULL), STATUS_SUCCESS);
    assert_memory_equal(text, "lockme", 6);
    assert_non_null(strstr(noted(), "locked"));
    A->pre = B->pre = NULL;
    A->post = B->post = NULL;
    assert_int_equal(fltsim_close(user), STATUS_SUCCESS);
}

/* ---- cancelling ---- */

static VOID finished(PFLT_CALLBACK_DATA data, PFLT_CONTEXT context)
{
    note("%s", trace_status(data->IoStatus.Status));
    KeSetEvent(context, IO_NO_INCREMENT, FALSE);
}

static VOID cancelled(PFLT_CALLBACK_DATA data)
{
    assert_true(FltIsIoCanceled(data));
    data->IoStatus.Status = STATUS_CANCELLED;
    FltCompletePendedPreOperation(data, FLT_PREOP_COMPLETE, NULL);
}

static FLT_PREOP_CALLBACK_STATUS cancellable(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                             PVOID *context)
{
    if (data->Iopb->MajorFunction != IRP_MJ_READ)
        return FLT_PREOP_SUCCESS_NO_CALLBACK;
    assert_false(FltIsIoCanceled(data));
    assert_int_equal(FltClearCancelCompletion(data), STATUS_CANCELLED);
    assert_int_equal(FltSetCancelCompletion(data, cancelled), STATUS_SUCCESS);
    assert_int_equal(FltClearCancelCompletion(data), STATUS_SUCCESS);
    assert_int_equal(FltSetCancelCompletion(data, cancelled), STATUS_SUCCESS);
    return FLT_PREOP_PENDING;
}

static void cancelling_ones_own(void **state)
{
    PFLT_CALLBACK_DATA data;
    KEVENT event;
    char text[4];

    B->pre = cancellable;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    assert_int_equal(FltAllocateCallbackDataEx(A->instance, file, FLT_ALLOCATE_CALLBACK_DATA_PREALLOCATE_ALL_MEMORY, &data),
                     STATUS_SUCCESS);
    assert_false(FltCancelIo(data)); /* not sent */
    data->Iopb->MajorFunction = IRP_MJ_READ;
    data->Iopb->Parameters.Read.Length = sizeof text;
    data->Iopb->Parameters.Read.ReadBuffer = text;
    assert_int_equal(FltPerformAsynchronousIo(data, finished, &event), STATUS_PENDING);
    assert_true(FltCancelIo(data));
    KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL);
    assert_non_null(strstr(noted(), "STATUS_CANCELLED"));
    FltFreeCallbackData(data);
    assert_int_equal(FltAllocateCallbackData(A->instance, file, &data), STATUS_SUCCESS);
    data->Iopb->MajorFunction = IRP_MJ_CREATE;
    assert_int_equal(FltPerformAsynchronousIo(data, finished, &event), STATUS_FLT_INVALID_ASYNCHRONOUS_REQUEST);
    FltFreeCallbackData(data);
    noted();
    B->pre = NULL;
}

/* ---- reparse points of the filter's own ---- */

enum { OUR_TAG = 0x00001234 };
static GUID ours = {0x11111111, 0x2222, 0x3333, {1, 2, 3, 4, 5, 6, 7, 8}}, theirs = {0x99999999, 0, 0, {0}};

static FLT_POSTOP_CALLBACK_STATUS open_tagged(struct probe *p, PFLT_CALLBACK_DATA data, PCFLT_RELATED_OBJECTS objects,
                                              PVOID context, FLT_POST_OPERATION_FLAGS flags)
{
    if (data->Iopb->MajorFunction != IRP_MJ_CREATE || data->IoStatus.Status != STATUS_REPARSE)
        return FLT_POSTOP_FINISHED_PROCESSING;
    assert_int_equal(data->IoStatus.Information, OUR_TAG);
    assert_non_null(data->TagData);
    assert_int_equal(data->TagData->FileTag, OUR_TAG);
    assert_int_equal(data->TagData->TagDataLength, 5);
    assert_memory_equal(data->TagData->GenericGUIDReparseBuffer.DataBuffer, "hello", 5);
    note("reparse");
    data->Iopb->Parameters.Create.Options |= FILE_OPEN_REPARSE_POINT;
    FltSetCallbackDataDirty(data);
    FltReissueSynchronousIo(objects->Instance, data);
    assert_null(data->TagData);
    return FLT_POSTOP_FINISHED_PROCESSING;
}

static void tagging(void **state)
{
    HANDLE user, fat_handle;
    struct fltsim_volume *fat;

    assert_int_equal(FltTagFile(A->instance, file, OUR_TAG, NULL, "hello", 5), STATUS_INVALID_PARAMETER);
    assert_int_equal(FltTagFile(A->instance, file, OUR_TAG, &ours, "hello", 5), STATUS_SUCCESS);
    assert_int_equal(FltTagFile(A->instance, file, OUR_TAG + 1, &ours, "hello", 5), STATUS_IO_REPARSE_TAG_MISMATCH);
    assert_int_equal(FltUntagFile(A->instance, file, OUR_TAG + 1, &ours), STATUS_IO_REPARSE_TAG_MISMATCH);
    assert_int_equal(FltUntagFile(A->instance, file, OUR_TAG, &theirs), STATUS_REPARSE_ATTRIBUTE_CONFLICT);
    assert_int_equal(fltsim_open("C:\\file", NULL, &user), STATUS_IO_REPARSE_TAG_NOT_HANDLED);
    noted();
    B->post = open_tagged;
    assert_int_equal(fltsim_open("C:\\file", NULL, &user), STATUS_SUCCESS);
    assert_string_equal(noted(), "A>create B>create B<create reparse A<create");
    assert_int_equal(fltsim_close(user), STATUS_SUCCESS);
    B->post = NULL;
    assert_int_equal(FltUntagFile(A->instance, file, OUR_TAG, &ours), STATUS_SUCCESS);
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'F', .kind = FLTSIM_FAT}, &fat), STATUS_SUCCESS);
    PFILE_OBJECT fat_file;
    PFLT_INSTANCE on_c = A->instance, on_f;
    assert_int_equal(fltsim_open("F:\\x", &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_CREATE}, &fat_handle),
                     STATUS_SUCCESS);
    assert_int_equal(FltGetVolumeInstanceFromName(A->filter, FltpVolumeFromDevice(fltsim_volume_device(fat)), NULL, &on_f),
                     STATUS_SUCCESS);
    assert_int_equal(ObReferenceObjectByHandle(fat_handle, 0, *IoFileObjectType, KernelMode, (PVOID *)&fat_file, NULL),
                     STATUS_SUCCESS);
    assert_int_equal(FltTagFile(on_f, fat_file, OUR_TAG, &ours, "x", 1), STATUS_INVALID_DEVICE_REQUEST);
    ObDereferenceObject(fat_file);
    FltObjectDereference(on_f);
    A->instance = on_c;
    assert_int_equal(fltsim_close(fat_handle), STATUS_SUCCESS);
    noted();
}

static void names_and_references(void **state)
{
    PFLT_FILTER filter;
    assert_string_equal(FltGetIrpName(IRP_MJ_CREATE), "IRP_MJ_CREATE");
    assert_string_equal(FltGetIrpName(IRP_MJ_ACQUIRE_FOR_CC_FLUSH), "IRP_MJ_ACQUIRE_FOR_CC_FLUSH");
    assert_int_equal(FltGetFilterFromInstance(A->instance, &filter), STATUS_SUCCESS);
    assert_ptr_equal(filter, A->filter);
    FltObjectDereference(filter);
    assert_null(FltGetRoutineAddress("FltNoSuchRoutine"));
    assert_null(FltGetRoutineAddress("ZwClose"));
    assert_ptr_equal(FltGetRoutineAddress("FltClose"), (PVOID)(uintptr_t)FltClose);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(offsets),     CASE(with_an_mdl),         CASE(non_cached), CASE(apcs_disabled),      CASE(information),
        CASE(renaming),    CASE(directories),         CASE(security),   CASE(extended_attributes), CASE(flushing),
        CASE(control_codes), CASE(locking_the_buffer), CASE(cancelling_ones_own), CASE(names_and_references),
        CASE(tagging),
        CASE(a_buffer_of_a_read_that_a_filter_made_is_locked_until_that_is_through),
        CASE(a_buffer_that_a_filter_above_put_there_is_locked_until_it_takes_it_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
