/* Small services, requests on file objects, and the callbacks of file system filters. */
#include "unit.h"

#include <fltsim/fault.h>

#include "fsrtl/fsrtlp.h"

static struct fltsim_volume *volume;

static PFILE_OBJECT open_object(const char *path, const struct fltsim_open *how, HANDLE *handle)
{
    static const struct fltsim_open usual = {.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_OPEN_IF};
    PFILE_OBJECT file;
    assert_int_equal(fltsim_open(path, how ? how : &usual, handle), STATUS_SUCCESS);
    assert_int_equal(ObReferenceObjectByHandle(*handle, 0, *IoFileObjectType, KernelMode, (PVOID *)&file, NULL),
                     STATUS_SUCCESS);
    return file;
}

static void close_object(PFILE_OBJECT file, HANDLE handle)
{
    ObDereferenceObject(file);
    fltsim_close(handle);
}

static void mount(bool no_fast_io)
{
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C', .no_fast_io = no_fast_io}, &volume),
                     STATUS_SUCCESS);
}

static void statuses_are_sorted(void **state)
{
    assert_false(FsRtlIsNtstatusExpected(STATUS_ACCESS_VIOLATION));
    assert_false(FsRtlIsNtstatusExpected(STATUS_ILLEGAL_INSTRUCTION));
    assert_true(FsRtlIsNtstatusExpected(STATUS_DISK_FULL));
    assert_int_equal(FsRtlNormalizeNtstatus(STATUS_DISK_FULL, STATUS_UNSUCCESSFUL), STATUS_DISK_FULL);
    assert_int_equal(FsRtlNormalizeNtstatus(STATUS_ACCESS_VIOLATION, STATUS_UNSUCCESSFUL), STATUS_UNSUCCESSFUL);
    assert_false(FsRtlIsTotalDeviceFailure(STATUS_SUCCESS));
    assert_false(FsRtlIsTotalDeviceFailure(STATUS_CRC_ERROR));
    assert_true(FsRtlIsTotalDeviceFailure(STATUS_DEVICE_NOT_CONNECTED));
}

static void sizes_are_asked_for(void **state)
{
    for (int slow = 0; slow < 2; slow++) {
        HANDLE handle;
        LARGE_INTEGER size;
        if (slow)
            fltsim_dismount(volume);
        mount(slow);
        PFILE_OBJECT file = open_object("C:\\f", NULL, &handle);
        fltsim_write(handle, "12345", 5, 0, NULL);
        assert_int_equal(FsRtlGetFileSize(file, &size), STATUS_SUCCESS);
        assert_int_equal(size.QuadPart, 5);
        assert_false(FsRtlIsPagingFile(file));
        assert_false(FsRtlIsSystemPagingFile(file));
        if (slow) {
            fltsim_fail_allocation(1);
            assert_int_equal(FsRtlGetFileSize(file, &size), STATUS_INSUFFICIENT_RESOURCES);
        }
        close_object(file, handle);
        file = open_object("C:\\", &(struct fltsim_open){.options = FILE_DIRECTORY_FILE}, &handle);
        assert_int_equal(FsRtlGetFileSize(file, &size), STATUS_FILE_IS_A_DIRECTORY);
        close_object(file, handle);
    }
}

static void control_codes_are_sent(void **state)
{
    HANDLE handle;
    UCHAR buffer[64];
    ULONG length;
    mount(false);
    PFILE_OBJECT file = open_object("C:\\f", NULL, &handle);
    assert_int_equal(FsRtlKernelFsControlFile(file, FSCTL_GET_REPARSE_POINT, NULL, 0, buffer, sizeof buffer, &length),
                     STATUS_NOT_A_REPARSE_POINT);
    assert_int_equal(FsRtlKernelFsControlFile(file, FSCTL_GET_REPARSE_POINT | METHOD_NEITHER, NULL, 0, buffer,
                                              sizeof buffer, &length),
                     STATUS_INVALID_PARAMETER);
    close_object(file, handle);
}

static void reparse_buffers_are_validated(void **state)
{
    REPARSE_DATA_BUFFER buffer = {.ReparseTag = IO_REPARSE_TAG_MOUNT_POINT, .ReparseDataLength = 8};
    assert_int_equal(FsRtlValidateReparsePointBuffer(16, &buffer), STATUS_SUCCESS);
    assert_int_equal(FsRtlValidateReparsePointBuffer(15, &buffer), STATUS_IO_REPARSE_DATA_INVALID);
    assert_int_equal(FsRtlValidateReparsePointBuffer(4, &buffer), STATUS_IO_REPARSE_DATA_INVALID);
    buffer.MountPointReparseBuffer.SubstituteNameLength = 2;
    assert_int_equal(FsRtlValidateReparsePointBuffer(16, &buffer), STATUS_IO_REPARSE_DATA_INVALID);
}

static volatile LONG overflowed;

static VOID Overflow(PVOID context, PKEVENT event)
{
    overflowed = context == &overflowed;
    KeSetEvent(event, IO_NO_INCREMENT, FALSE);
}

static void stack_overflow_is_posted(void **state)
{
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    FsRtlPostStackOverflow((PVOID)&overflowed, &event, Overflow);
    assert_int_equal(FsRtlCancellableWaitForSingleObject(&event, NULL, NULL), STATUS_SUCCESS);
    assert_true(overflowed);
    PVOID block = FsRtlAllocatePoolWithTag(PagedPool, 8, 'tseT');
    assert_non_null(block);
    ExFreePoolWithTag(block, 'tseT');
}

/* ---- file system filter callbacks --------------------------------------------------------------------------------------- */

static PDRIVER_OBJECT legacy;
static PDEVICE_OBJECT legacyDevice;
static int pres, posts;
static NTSTATUS answer;

static NTSTATUS PreAcquire(PFS_FILTER_CALLBACK_DATA Data, PVOID *CompletionContext)
{
    pres++;
    assert_ptr_equal(Data->DeviceObject, legacyDevice);
    *CompletionContext = &pres;
    return answer;
}

static VOID PostAcquire(PFS_FILTER_CALLBACK_DATA Data, NTSTATUS OperationStatus, PVOID CompletionContext)
{
    posts++;
    assert_ptr_equal(CompletionContext, &pres);
    assert_int_equal(OperationStatus, STATUS_SUCCESS);
}

static NTSTATUS LegacyEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    PDEVICE_OBJECT below;
    legacy = driver;
    NTSTATUS status = IoCreateDevice(driver, 0, NULL, FILE_DEVICE_DISK_FILE_SYSTEM, 0, FALSE, &legacyDevice);
    if (NT_SUCCESS(status))
        status = IoAttachDeviceToDeviceStackSafe(legacyDevice, fltsim_volume_device(volume), &below);
    return status;
}

static void filters_are_asked_before_a_file_is_locked(void **state)
{
    FS_FILTER_CALLBACKS callbacks = {.SizeOfFsFilterCallbacks = sizeof callbacks,
                                     .PreAcquireForSectionSynchronization = PreAcquire,
                                     .PostAcquireForSectionSynchronization = PostAcquire};
    UNICODE_STRING name = Text("\\Driver\\legacy");
    HANDLE handle;
    mount(false);
    PFILE_OBJECT file = open_object("C:\\f", NULL, &handle);
    PDEVICE_OBJECT top = fltsim_volume_device(volume);
    assert_int_equal(IoCreateDriver(&name, LegacyEntry), STATUS_SUCCESS);
    assert_int_equal(FsRtlRegisterFileSystemFilterCallbacks(NULL, &callbacks), STATUS_INVALID_PARAMETER);
    assert_int_equal(FsRtlRegisterFileSystemFilterCallbacks(legacy, &callbacks), STATUS_SUCCESS);
    pres = posts = 0;
    answer = STATUS_SUCCESS;
    FsRtlAcquireFileExclusive(file);
    assert_true(KeAreApcsDisabled());
    FsRtlReleaseFile(file);
    assert_int_equal(pres, 1);
    assert_int_equal(posts, 1);
    assert_int_equal(FsRtlAcquireToCreateMappedSection(file, PAGE_READONLY), STATUS_SUCCESS);
    FsRtlReleaseFile(file);
    answer = STATUS_INSUFFICIENT_RESOURCES; /* creating a section may fail so */
    assert_int_equal(FsRtlAcquireToCreateMappedSection(file, PAGE_READONLY), STATUS_INSUFFICIENT_RESOURCES);
    assert_false(KeAreApcsDisabled());
    answer = STATUS_ACCESS_DENIED; /* and with nothing else */
    fltsim_expect("section-sync-status");
    assert_int_equal(FsRtlAcquireToCreateMappedSection(file, PAGE_READONLY), STATUS_ACCESS_DENIED);
    assert_int_equal(FsRtlAcquireFileForCcFlushEx(file), STATUS_SUCCESS);
    FsRtlReleaseFileForCcFlush(file);
    IoDetachDevice(top);
    IoDeleteDevice(legacyDevice);
    ObMakeTemporaryObject(legacy);
    ObDereferenceObject(legacy); /* what an unload would do */
    close_object(file, handle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        unit(statuses_are_sorted), unit(sizes_are_asked_for), unit(control_codes_are_sent),
        unit(reparse_buffers_are_validated), unit(stack_overflow_is_posted),
        unit(filters_are_asked_before_a_file_is_locked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
