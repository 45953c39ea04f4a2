/* Control blocks that stay, trims, dismounts, locks of volumes; reparse points and other file
 * system controls. */
#include "unit.h"

#include "memfs/memfs.h"

#include <fltsim/fault.h>
#include <ntddstor.h>
#include <ntddvol.h>

/* -- control blocks ---------------------------------------------------------------------------- */

static PFILE_OBJECT file_of(HANDLE handle)
{
    PFILE_OBJECT file;
    assert_int_equal(
        ObReferenceObjectByHandle(handle, 0, *IoFileObjectType, KernelMode, (PVOID *)&file, NULL),
        STATUS_SUCCESS);
    ObDereferenceObject(file);
    return file;
}

static int freed;
static VOID free_context(PVOID context)
{
    freed++;
}

static void hang_contexts(HANDLE handle, FSRTL_PER_STREAM_CONTEXT *stream,
                          FSRTL_PER_FILE_CONTEXT *file)
{
    PFILE_OBJECT object = file_of(handle);
    FsRtlInitPerStreamContext(stream, &freed, NULL, free_context);
    assert_int_equal(FsRtlInsertPerStreamContext(FsRtlGetPerStreamContextPointer(object), stream),
                     STATUS_SUCCESS);
    if (!file)
        return;
    FsRtlInitPerFileContext(file, &freed, NULL, free_context);
    assert_int_equal(FsRtlInsertPerFileContext(FsRtlGetPerFileContextPointer(object), file),
                     STATUS_SUCCESS);
}

static void a_control_block_stays_after_the_last_close(void **state)
{
    FSRTL_PER_STREAM_CONTEXT stream;
    FSRTL_PER_FILE_CONTEXT file;
    unit_start(FLTSIM_NTFS);
    freed = 0;
    make_file("\\f", "x");
    HANDLE handle = open_for("\\f", GENERIC_READ, FILE_OPEN, 0);
    PVOID block = file_of(handle)->FsContext;
    hang_contexts(handle, &stream, &file);
    close_it(handle);
    fltsim_sleep(5000);
    assert_int_equal(freed, 0);
    handle = open_for("\\f", GENERIC_READ, FILE_OPEN, 0);
    assert_ptr_equal(file_of(handle)->FsContext, block);
    assert_ptr_equal(
        FsRtlLookupPerStreamContext(FsRtlGetPerStreamContextPointer(file_of(handle)), &freed, NULL),
        &stream);
    fltsim_trim(unit.volume); /* it is open: stays */
    assert_int_equal(freed, 0);
    close_it(handle);
    fltsim_trim(unit.volume);
    assert_int_equal(freed, 2);
    unit_stop();
}

static void a_deleted_file_takes_its_control_block(void **state)
{
    FSRTL_PER_STREAM_CONTEXT stream;
    unit_start(FLTSIM_NTFS);
    freed = 0;
    make_file("\\f", "x");
    HANDLE handle = open_for("\\f", GENERIC_READ | DELETE, FILE_OPEN, 0);
    hang_contexts(handle, &stream, NULL);
    assert_int_equal(fltsim_set_delete(handle, true), STATUS_SUCCESS);
    assert_int_equal(freed, 0);
    close_it(handle);
    assert_int_equal(freed, 1);
    unit_stop();
}

static void replaced_files_take_their_control_blocks(void **state)
{
    FSRTL_PER_STREAM_CONTEXT stream;
    unit_start(FLTSIM_NTFS);
    freed = 0;
    make_file("\\old", "x");
    make_file("\\new", "y");
    HANDLE handle = open_for("\\old", GENERIC_READ, FILE_OPEN, 0);
    hang_contexts(handle, &stream, NULL);
    close_it(handle);
    handle = open_for("\\new", DELETE, FILE_OPEN, 0);
    assert_int_equal(fltsim_rename(handle, "old", true), STATUS_SUCCESS);
    assert_int_equal(freed, 1);
    close_it(handle);
    unit_stop();
}

static void two_kinds_of_header(void **state)
{
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "x");
    make_file("\\f:s", "y");
    HANDLE main = open_for("\\f", GENERIC_READ, FILE_OPEN, 0),
           stream = open_for("\\f:s", GENERIC_READ, FILE_OPEN, 0);
    assert_ptr_not_equal(file_of(main)->FsContext, file_of(stream)->FsContext);
    assert_true(FsRtlSupportsPerFileContexts(file_of(main)));
    assert_ptr_equal(FsRtlGetPerFileContextPointer(file_of(main)),
                     FsRtlGetPerFileContextPointer(file_of(stream)));
    close_it(main);
    close_it(stream);
    unit_stop();
    unit_start(FLTSIM_FAT);
    make_file("\\f", "x");
    main = open_for("\\f", GENERIC_READ, FILE_OPEN, 0);
    assert_true(FsRtlSupportsPerStreamContexts(file_of(main)));
    assert_false(FsRtlSupportsPerFileContexts(file_of(main)));
    close_it(main);
    unit_stop();
}

/* -- dismounts --------------------------------------------------------------------------------- */

static void ejecting_a_volume_in_use(void **state)
{
    char text[4];
    size_t done;
    HANDLE other;
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "data");
    HANDLE handle = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(fltsim_write(handle, "DATA", 4, 0, &done), STATUS_SUCCESS);
    const char *path = at("\\f");
    assert_int_equal(fltsim_dismount(unit.volume), STATUS_SUCCESS);
    assert_int_equal(fltsim_read(handle, text, 4, 0, &done), STATUS_VOLUME_DISMOUNTED);
    assert_int_equal(fltsim_write(handle, text, 4, 0, &done), STATUS_VOLUME_DISMOUNTED);
    assert_int_equal(fltsim_flush(handle), STATUS_VOLUME_DISMOUNTED);
    assert_false(
        NT_SUCCESS(fltsim_open(path, &(struct fltsim_open){.access = GENERIC_READ}, &other)));
    close_it(handle);
    fltsim_sleep(10);
    unit_stop();
}

static void ejecting_and_stopping_at_once(void **state)
{
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "data");
    HANDLE handle = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(fltsim_dismount(unit.volume), STATUS_SUCCESS);
    close_it(handle);
    unit_stop();
}

/* A driver that keeps a file object: the volume cannot go, the machine ends all the same. */
static void a_kept_file_object_is_reported(void **state)
{
    struct fltsim_report *report;
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "data");
    HANDLE handle = open_for("\\f", GENERIC_READ, FILE_OPEN, 0);
    ObReferenceObject(file_of(handle));
    close_it(handle);
    assert_int_equal(fltsim_stop(&report), 1);
    assert_string_equal(report->violations[0].rule, "object-leak");
    fltsim_report_free(report);
}

static void programs_dismount_and_the_next_open_mounts(void **state)
{
    size_t done;
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "kept");
    HANDLE volume = open_for("", GENERIC_READ, FILE_OPEN, 0);
    PDEVICE_OBJECT before = fltsim_volume_device(unit.volume);
    assert_int_equal(fltsim_fsctl(volume, FSCTL_LOCK_VOLUME, NULL, 0, NULL, 0, &done),
                     STATUS_SUCCESS);
    HANDLE handle;
    assert_int_equal(try_open("\\f", GENERIC_READ, FILE_OPEN, 0, &handle), STATUS_ACCESS_DENIED);
    assert_int_equal(fltsim_fsctl(volume, FSCTL_DISMOUNT_VOLUME, NULL, 0, NULL, 0, &done),
                     STATUS_SUCCESS);
    close_it(volume);
    fltsim_sleep(10);
    expect_text("\\f", "kept");
    assert_ptr_not_equal(fltsim_volume_device(unit.volume), NULL);
    (void)before;
    unit_stop();
}

/* As programs do; each allocation meanwhile fails if `starved`. */
static void dismount_by_program(bool starved)
{
    size_t done;
    HANDLE volume = open_for("", GENERIC_READ, FILE_OPEN, 0);
    fltsim_fail_some_allocations(starved ? 1 : 0, 1);
    NTSTATUS status = fltsim_fsctl(volume, FSCTL_DISMOUNT_VOLUME, NULL, 0, NULL, 0, &done);
    fltsim_fail_some_allocations(0, 1);
    assert_int_equal(status, STATUS_SUCCESS);
    close_it(volume);
    fltsim_sleep(10);
}

/* The mount may fail for want of memory, and the one that the next open tries then succeeds. */
static void a_mount_fails_for_want_of_memory(void **state)
{
    bool failed;
    unsigned n = 1, refused = 0;
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "kept");
    do {
        HANDLE handle;
        dismount_by_program(false);
        fltsim_fail_allocation(n++);
        NTSTATUS status = try_open("\\f", GENERIC_READ, FILE_OPEN, 0, &handle);
        failed = fltsim_allocation_failed();
        fltsim_fail_allocation(0);
        if (NT_SUCCESS(status)) {
            close_it(handle); /* what failed was not needed: the filter manager attaches or not */
        } else {
            assert_true(failed);
            assert_int_equal(status, STATUS_INSUFFICIENT_RESOURCES);
            refused++;
        }
        expect_text("\\f", "kept");
    } while (failed);
    assert_true(refused >= 2); /* the device, the disk's next VPB */
    unit_stop();
}

/* A dismount gets by without memory. */
static void no_dismount_fails_for_want_of_memory(void **state)
{
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "kept");
    dismount_by_program(true);
    expect_text("\\f", "kept");
    fltsim_fail_some_allocations(1, 1);
    NTSTATUS status = fltsim_dismount(unit.volume);
    fltsim_fail_some_allocations(0, 1);
    assert_int_equal(status, STATUS_SUCCESS);
    unit_stop();
}

/* What is on a disk stays there; whoever had it open before does not count any more. */
static void the_next_mount_does_not_know_who_had_files_open(void **state)
{
    for (int kind = FLTSIM_NTFS; kind <= FLTSIM_FAT; kind++) {
        char text[8];
        HANDLE handle;
        unit_start(kind);
        make_folder("\\d");
        make_file("\\d\\f", "kept");
        assert_int_equal(fltsim_open(at("\\d\\f"),
                                     &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE | DELETE,
                                                           .share = FLTSIM_SHARE_NONE},
                                     &handle),
                         STATUS_SUCCESS);
        assert_int_equal(fltsim_write(handle, "KEPT", 4, 0, NULL), STATUS_SUCCESS);
        assert_int_equal(fltsim_set_delete(handle, true), STATUS_SUCCESS);
        HANDLE volume = open_for("", GENERIC_READ, FILE_OPEN, 0);
        assert_int_equal(fltsim_fsctl(volume, FSCTL_DISMOUNT_VOLUME, NULL, 0, NULL, 0, NULL), STATUS_SUCCESS);
        close_it(volume);
        expect_text("\\d\\f", "KEPT");
        assert_int_equal(fltsim_read(handle, text, 4, 0, NULL), STATUS_VOLUME_DISMOUNTED);
        close_it(handle);
        expect_text("\\d\\f", "KEPT");
        assert_int_equal(fltsim_delete(at("\\d\\f")), STATUS_SUCCESS);
        assert_int_equal(status_of_open("\\d\\f"), STATUS_OBJECT_NAME_NOT_FOUND);
        unit_stop();
    }
}

static void a_volume_in_use_is_not_locked(void **state)
{
    size_t done;
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "x");
    HANDLE file = open_for("\\f", GENERIC_READ, FILE_OPEN, 0),
           volume = open_for("", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(fltsim_fsctl(volume, FSCTL_LOCK_VOLUME, NULL, 0, NULL, 0, &done),
                     STATUS_ACCESS_DENIED);
    assert_int_equal(fltsim_fsctl(volume, FSCTL_UNLOCK_VOLUME, NULL, 0, NULL, 0, &done),
                     STATUS_NOT_LOCKED);
    close_it(file);
    assert_int_equal(fltsim_fsctl(volume, FSCTL_LOCK_VOLUME, NULL, 0, NULL, 0, &done),
                     STATUS_SUCCESS);
    assert_int_equal(fltsim_fsctl(volume, FSCTL_UNLOCK_VOLUME, NULL, 0, NULL, 0, &done),
                     STATUS_SUCCESS);
    expect_text("\\f", "x");
    close_it(volume);
    unit_stop();
}

/* -- reparse points ---------------------------------------------------------------------------- */

static ULONG make_link_buffer(UCHAR *buffer, const WCHAR *target, ULONG tag, ULONG flags)
{
    REPARSE_DATA_BUFFER *data = (void *)buffer;
    USHORT bytes = 0;
    while (target[bytes / 2])
        bytes += 2;
    data->ReparseTag = tag;
    data->Reserved = 0;
    PWCHAR path;
    ULONG head;
    if (tag == IO_REPARSE_TAG_SYMLINK) {
        path = data->SymbolicLinkReparseBuffer.PathBuffer;
        head = 12;
        data->SymbolicLinkReparseBuffer.Flags = flags;
    } else {
        path = data->MountPointReparseBuffer.PathBuffer;
        head = 8;
    }
    data->SymbolicLinkReparseBuffer.SubstituteNameOffset = 0;
    data->SymbolicLinkReparseBuffer.SubstituteNameLength = bytes;
    data->SymbolicLinkReparseBuffer.PrintNameOffset = (USHORT)(bytes + 2);
    data->SymbolicLinkReparseBuffer.PrintNameLength = 0;
    memcpy(path, target, bytes + 2u);
    path[bytes / 2 + 1] = 0;
    data->ReparseDataLength = (USHORT)(head + bytes + 4);
    return REPARSE_DATA_BUFFER_HEADER_SIZE + data->ReparseDataLength;
}

static void reparse_points_lead_elsewhere(void **state)
{
    UCHAR buffer[512], back[512];
    size_t done;
    unit_start(FLTSIM_NTFS);
    make_folder("\\real");
    make_file("\\real\\f", "there");
    make_folder("\\junction");
    make_file("\\link", "");
    HANDLE handle = open_for("\\junction", GENERIC_WRITE, FILE_OPEN, FILE_DIRECTORY_FILE);
    ULONG length = make_link_buffer(buffer, u"\\??\\C:\\real", IO_REPARSE_TAG_MOUNT_POINT, 0);
    assert_int_equal(fltsim_fsctl(handle, FSCTL_SET_REPARSE_POINT, buffer, length, NULL, 0, &done),
                     STATUS_SUCCESS);
    close_it(handle);
    expect_text("\\junction\\f", "there");
    handle = open_for("\\link", GENERIC_WRITE, FILE_OPEN, 0);
    length = make_link_buffer(buffer, u"real\\f", IO_REPARSE_TAG_SYMLINK, SYMLINK_FLAG_RELATIVE);
    assert_int_equal(fltsim_fsctl(handle, FSCTL_SET_REPARSE_POINT, buffer, length, NULL, 0, &done),
                     STATUS_SUCCESS);
    close_it(handle);
    expect_text("\\link", "there");
    handle = open_for("\\link", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, FILE_OPEN_REPARSE_POINT);
    FILE_ATTRIBUTE_TAG_INFORMATION tag;
    assert_int_equal(fltsim_query(handle, FileAttributeTagInformation, &tag, sizeof tag),
                     STATUS_SUCCESS);
    assert_int_equal(tag.ReparseTag, IO_REPARSE_TAG_SYMLINK);
    assert_true(tag.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT);
    assert_int_equal(
        fltsim_fsctl(handle, FSCTL_GET_REPARSE_POINT, NULL, 0, back, sizeof back, &done),
        STATUS_SUCCESS);
    assert_int_equal(done, length);
    assert_memory_equal(buffer, back, length);
    REPARSE_DATA_BUFFER remove = {.ReparseTag = IO_REPARSE_TAG_MOUNT_POINT};
    assert_int_equal(fltsim_fsctl(handle, FSCTL_DELETE_REPARSE_POINT, &remove,
                                  REPARSE_DATA_BUFFER_HEADER_SIZE, NULL, 0, &done),
                     STATUS_IO_REPARSE_TAG_MISMATCH);
    remove.ReparseTag = IO_REPARSE_TAG_SYMLINK;
    assert_int_equal(fltsim_fsctl(handle, FSCTL_DELETE_REPARSE_POINT, &remove,
                                  REPARSE_DATA_BUFFER_HEADER_SIZE, NULL, 0, &done),
                     STATUS_SUCCESS);
    assert_int_equal(
        fltsim_fsctl(handle, FSCTL_GET_REPARSE_POINT, NULL, 0, back, sizeof back, &done),
        STATUS_NOT_A_REPARSE_POINT);
    close_it(handle);
    expect_text("\\link", "");
    unit_stop();
    unit_start(FLTSIM_FAT);
    make_file("\\f", "x");
    handle = open_for("\\f", GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(fltsim_fsctl(handle, FSCTL_SET_REPARSE_POINT, buffer, length, NULL, 0, &done),
                     STATUS_INVALID_DEVICE_REQUEST);
    close_it(handle);
    unit_stop();
}

/* -- object ids, sparse files ------------------------------------------------------------------ */

static void object_ids(void **state)
{
    FILE_OBJECTID_BUFFER id, again;
    size_t done;
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "x");
    HANDLE handle = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(fltsim_fsctl(handle, FSCTL_GET_OBJECT_ID, NULL, 0, &id, sizeof id, &done),
                     STATUS_OBJECTID_NOT_FOUND);
    assert_int_equal(
        fltsim_fsctl(handle, FSCTL_CREATE_OR_GET_OBJECT_ID, NULL, 0, &id, sizeof id, &done),
        STATUS_SUCCESS);
    assert_int_equal(
        fltsim_fsctl(handle, FSCTL_GET_OBJECT_ID, NULL, 0, &again, sizeof again, &done),
        STATUS_SUCCESS);
    assert_memory_equal(&id, &again, sizeof id);
    assert_int_equal(fltsim_fsctl(handle, FSCTL_DELETE_OBJECT_ID, NULL, 0, NULL, 0, &done),
                     STATUS_SUCCESS);
    assert_int_equal(fltsim_fsctl(handle, FSCTL_GET_OBJECT_ID, NULL, 0, &id, sizeof id, &done),
                     STATUS_OBJECTID_NOT_FOUND);
    close_it(handle);
    unit_stop();
}

/* -- disks ------------------------------------------------------------------------------------- */

static NTSTATUS ask_disk(ULONG code, const void *in, size_t in_length, void *out, size_t length, size_t *done)
{
    HANDLE volume;
    assert_int_equal(fltsim_open("C:", &(struct fltsim_open){.access = GENERIC_READ}, &volume), STATUS_SUCCESS);
    NTSTATUS status = fltsim_ioctl(volume, code, in, (ULONG)in_length, out, (ULONG)length, done);
    fltsim_close(volume);
    return status;
}

static void a_disk_tells_its_number_and_bus(bool removable)
{
    VOLUME_DISK_EXTENTS extents;
    STORAGE_DEVICE_NUMBER number;
    STORAGE_PROPERTY_QUERY query = {.PropertyId = StorageDeviceProperty, .QueryType = PropertyStandardQuery};
    _Alignas(8) char buffer[256];
    PSTORAGE_DEVICE_DESCRIPTOR device = (PSTORAGE_DEVICE_DESCRIPTOR)buffer;
    size_t done;
    unit_start_with((struct fltsim_volume_options){.removable = removable, .size = 64 << 20});
    assert_int_equal(ask_disk(IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS, NULL, 0, &extents, sizeof extents - 1, &done),
                     STATUS_INVALID_PARAMETER);
    assert_int_equal(ask_disk(IOCTL_VOLUME_GET_VOLUME_DISK_EXTENTS, NULL, 0, &extents, sizeof extents, &done), STATUS_SUCCESS);
    assert_int_equal(done, sizeof extents);
    assert_int_equal(extents.NumberOfDiskExtents, 1);
    assert_int_equal(extents.Extents[0].ExtentLength.QuadPart, 64 << 20);
    assert_int_equal(ask_disk(IOCTL_STORAGE_GET_DEVICE_NUMBER, NULL, 0, &number, 1, &done), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(ask_disk(IOCTL_STORAGE_GET_DEVICE_NUMBER, NULL, 0, &number, sizeof number, &done), STATUS_SUCCESS);
    assert_int_equal(number.DeviceType, FILE_DEVICE_DISK);
    assert_int_equal(number.DeviceNumber, extents.Extents[0].DiskNumber);
    assert_int_equal(ask_disk(IOCTL_STORAGE_QUERY_PROPERTY, &query, 4, buffer, sizeof buffer, &done), STATUS_INVALID_PARAMETER);
    assert_int_equal(ask_disk(IOCTL_STORAGE_QUERY_PROPERTY, &query, sizeof query, buffer, 8, &done), STATUS_SUCCESS);
    assert_true(done == 8 && device->Size > sizeof *device && device->Size < sizeof buffer);
    assert_int_equal(ask_disk(IOCTL_STORAGE_QUERY_PROPERTY, &query, sizeof query, buffer, sizeof buffer, &done), STATUS_SUCCESS);
    assert_int_equal(done, device->Size);
    assert_int_equal(device->BusType, removable ? BusTypeUsb : BusTypeSata);
    assert_int_equal(device->RemovableMedia, removable);
    assert_string_equal(buffer + device->ProductIdOffset, "disk");
    query.PropertyId = StorageAdapterProperty;
    assert_int_equal(ask_disk(IOCTL_STORAGE_QUERY_PROPERTY, &query, sizeof query, buffer, sizeof buffer, &done), STATUS_SUCCESS);
    assert_int_equal(((PSTORAGE_ADAPTER_DESCRIPTOR)buffer)->BusType, removable ? BusTypeUsb : BusTypeSata);
    query.PropertyId = StorageMiniportProperty;
    assert_int_equal(ask_disk(IOCTL_STORAGE_QUERY_PROPERTY, &query, sizeof query, buffer, sizeof buffer, &done),
                     STATUS_NOT_SUPPORTED);
    unit_stop();
}

static void disks_tell_their_numbers_and_buses(void **state)
{
    a_disk_tells_its_number_and_bus(false);
    a_disk_tells_its_number_and_bus(true);
}

static void sparse_files_have_holes(void **state)
{
    size_t done;
    char text[16];
    unit_start_with((struct fltsim_volume_options){.size = 1 << 20});
    HANDLE handle = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_CREATE, 0);
    assert_int_equal(fltsim_fsctl(handle, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &done),
                     STATUS_SUCCESS);
    assert_int_equal(fltsim_set_size(handle, 100 << 20), STATUS_SUCCESS);
    assert_int_equal(fltsim_write(handle, "far away", 8, 50 << 20, &done), STATUS_SUCCESS);
    FILE_ALLOCATED_RANGE_BUFFER ask = {.Length.QuadPart = 100 << 20}, ranges[4];
    assert_int_equal(fltsim_fsctl(handle, FSCTL_QUERY_ALLOCATED_RANGES, &ask, sizeof ask, ranges,
                                  sizeof ranges, &done),
                     STATUS_SUCCESS);
    assert_int_equal(done, sizeof *ranges);
    assert_int_equal(ranges[0].FileOffset.QuadPart, 50 << 20);
    FILE_ZERO_DATA_INFORMATION zero = {.FileOffset.QuadPart = (50 << 20) + 4,
                                       .BeyondFinalZero.QuadPart = 60 << 20};
    assert_int_equal(fltsim_fsctl(handle, FSCTL_SET_ZERO_DATA, &zero, sizeof zero, NULL, 0, &done),
                     STATUS_SUCCESS);
    assert_int_equal(fltsim_read(handle, text, 8, 50 << 20, &done), STATUS_SUCCESS);
    assert_memory_equal(text, "far \0\0\0\0", 8);
    close_it(handle);
    unit_stop();
}

static void security_is_kept(void **state)
{
    UCHAR buffer[256];
    ULONG length;
    SECURITY_DESCRIPTOR absolute;
    unit_start(FLTSIM_NTFS);
    make_file("\\f", "x");
    HANDLE handle = open_for("\\f", READ_CONTROL | WRITE_DAC, FILE_OPEN, 0);
    assert_int_equal(
        ZwQuerySecurityObject(handle, OWNER_SECURITY_INFORMATION, buffer, sizeof buffer, &length),
        STATUS_SUCCESS);
    assert_true(length > 20);
    RtlCreateSecurityDescriptor(&absolute, SECURITY_DESCRIPTOR_REVISION);
    RtlSetDaclSecurityDescriptor(&absolute, TRUE, NULL, FALSE);
    assert_int_equal(ZwSetSecurityObject(handle, DACL_SECURITY_INFORMATION, &absolute),
                     STATUS_SUCCESS);
    assert_int_equal(
        ZwQuerySecurityObject(handle, DACL_SECURITY_INFORMATION, buffer, sizeof buffer, &length),
        STATUS_SUCCESS);
    BOOLEAN present, defaulted;
    PACL dacl;
    assert_int_equal(RtlGetDaclSecurityDescriptor(buffer, &present, &dacl, &defaulted),
                     STATUS_SUCCESS);
    assert_true(present);
    close_it(handle);
    unit_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_control_block_stays_after_the_last_close),
        cmocka_unit_test(a_deleted_file_takes_its_control_block),
        cmocka_unit_test(replaced_files_take_their_control_blocks),
        cmocka_unit_test(two_kinds_of_header),
        cmocka_unit_test(ejecting_a_volume_in_use),
        cmocka_unit_test(ejecting_and_stopping_at_once),
        cmocka_unit_test(a_kept_file_object_is_reported),
        cmocka_unit_test(programs_dismount_and_the_next_open_mounts),
        cmocka_unit_test(a_mount_fails_for_want_of_memory),
        cmocka_unit_test(no_dismount_fails_for_want_of_memory),
        cmocka_unit_test(the_next_mount_does_not_know_who_had_files_open),
        cmocka_unit_test(a_volume_in_use_is_not_locked),
        cmocka_unit_test(reparse_points_lead_elsewhere),
        cmocka_unit_test(object_ids),
        cmocka_unit_test(disks_tell_their_numbers_and_buses),
        cmocka_unit_test(sparse_files_have_holes),
        cmocka_unit_test(security_is_kept),
    };
    return cmocka_run_group_tests_name("memfs/volume", tests, NULL, NULL);
}
