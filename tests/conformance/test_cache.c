/* A file system of its own and what it sees of the cache manager: mapped, pinned, copied, sized and flushed data.
 * All of it was seen on Windows by published kernel test suites, or stands on the routines' pages. */
#include "stage.h"

enum { SMALL = 0x4000, VIEW = VACB_MAPPING_GRANULARITY, MARKED = 0x3000, MARK = 0xDEADBABE, TAG = 'hcaC' };

static struct little {
    PDEVICE_OBJECT device;
    PFILE_OBJECT file;
    struct {
        FSRTL_ADVANCED_FCB_HEADER header;
        SECTION_OBJECT_POINTERS sections;
        FAST_MUTEX mutex;
    } *fcb;
    unsigned reads, writes;
    LONGLONG read_at, written_at[4];
    ULONG read_length, written_length[4];
    bool wrong; /* a paging request was not as Windows sends it */
    LONGLONG logged[4];
    unsigned logs, logged_before;
} little;

/* ---- the file system ---- */

static void look_at(PIRP irp, bool read)
{
    PMDL mdl = irp->MdlAddress;
    ULONG paging = IRP_PAGING_IO | IRP_NOCACHE;
    bool right = (irp->Flags & paging) == paging && !irp->AssociatedIrp.SystemBuffer && mdl &&
                 mdl->MdlFlags & MDL_PAGES_LOCKED && !(mdl->MdlFlags & MDL_SOURCE_IS_NONPAGED_POOL) &&
                 !!(mdl->MdlFlags & MDL_IO_PAGE_READ) == read && KeGetCurrentIrql() == (read ? APC_LEVEL : PASSIVE_LEVEL);
    if (!right)
        little.wrong = true;
}

static NTSTATUS finish(PIRP irp, NTSTATUS status, ULONG_PTR information)
{
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = information;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

static NTSTATUS little_read(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    ULONG length = stack->Parameters.Read.Length;
    LONGLONG offset = stack->Parameters.Read.ByteOffset.QuadPart;
    PUCHAR bytes = MmGetSystemAddressForMdlSafe(irp->MdlAddress, NormalPagePriority);

    look_at(irp, true);
    little.reads++;
    little.read_at = offset;
    little.read_length = length;
    if (offset % PAGE_SIZE || length % PAGE_SIZE || stack->FileObject != little.file)
        little.wrong = true;
    RtlFillMemory(bytes, length, 0xBA);
    if (offset <= MARKED && offset + length > MARKED)
        *(PULONG)(bytes + (MARKED - offset)) = MARK;
    return finish(irp, STATUS_SUCCESS, length);
}

static NTSTATUS little_write(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);

    look_at(irp, false);
    if (little.writes < 4) {
        little.written_at[little.writes] = stack->Parameters.Write.ByteOffset.QuadPart;
        little.written_length[little.writes] = stack->Parameters.Write.Length;
    }
    little.writes++;
    return finish(irp, STATUS_SUCCESS, stack->Parameters.Write.Length);
}

static NTSTATUS little_else(PDEVICE_OBJECT device, PIRP irp) { return finish(irp, STATUS_SUCCESS, 0); }

static VOID little_unload(PDRIVER_OBJECT driver) { IoDeleteDevice(little.device); }

static NTSTATUS little_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    for (unsigned i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        driver->MajorFunction[i] = little_else;
    driver->MajorFunction[IRP_MJ_READ] = little_read;
    driver->MajorFunction[IRP_MJ_WRITE] = little_write;
    driver->DriverUnload = little_unload;
    succeeds(IoCreateDevice(driver, 0, NULL, FILE_DEVICE_DISK_FILE_SYSTEM, 0, FALSE, &little.device));
    little.device->Flags &= ~DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

static BOOLEAN acquire(PVOID context, BOOLEAN wait) { return TRUE; }
static VOID release(PVOID context) {}
static CACHE_MANAGER_CALLBACKS callbacks = {acquire, release, acquire, release};

static void loaded(void)
{
    struct fltsim_driver *driver;

    memset(&little, 0, sizeof little);
    succeeds(fltsim_load(&(struct fltsim_driver_options){.name = "little", .entry = little_entry}, &driver));
}

static void cache(LONGLONG allocation, LONGLONG size)
{
    little.reads = little.writes = 0;
    little.fcb = ExAllocatePoolWithTag(NonPagedPool, sizeof *little.fcb, TAG);
    assert_non_null(little.fcb);
    RtlZeroMemory(little.fcb, sizeof *little.fcb);
    ExInitializeFastMutex(&little.fcb->mutex);
    FsRtlSetupAdvancedHeader(&little.fcb->header, &little.fcb->mutex);
    little.fcb->header.AllocationSize.QuadPart = allocation;
    little.fcb->header.FileSize.QuadPart = size;
    little.fcb->header.ValidDataLength.QuadPart = size;
    little.file = IoCreateStreamFileObject(NULL, little.device);
    assert_non_null(little.file);
    little.file->FsContext = little.fcb;
    little.file->SectionObjectPointer = &little.fcb->sections;
    FsRtlEnterFileSystem();
    CcInitializeCacheMap(little.file, (PCC_FILE_SIZES)&little.fcb->header.AllocationSize, TRUE, &callbacks, NULL);
    assert_true(CcIsFileCached(little.file));
}

static void caching(LONGLONG allocation, LONGLONG size)
{
    loaded();
    cache(allocation, size);
}

static void resize(LONGLONG size)
{
    little.fcb->header.AllocationSize.QuadPart = little.fcb->header.FileSize.QuadPart = size;
    little.fcb->header.ValidDataLength.QuadPart = size;
    CcSetFileSizes(little.file, (PCC_FILE_SIZES)&little.fcb->header.AllocationSize);
}

static void uncache(void)
{
    CACHE_UNINITIALIZE_EVENT event;
    LARGE_INTEGER zero = {.QuadPart = 0};

    KeInitializeEvent(&event.Event, NotificationEvent, FALSE);
    CcUninitializeCacheMap(little.file, &zero, &event);
    KeWaitForSingleObject(&event.Event, Executive, KernelMode, FALSE, NULL);
    FsRtlExitFileSystem();
    little.file->FsContext = NULL;
    little.file->SectionObjectPointer = NULL;
    ObDereferenceObject(little.file);
    ExFreePoolWithTag(little.fcb, TAG);
    assert_false(little.wrong);
}

static PLARGE_INTEGER at(LONGLONG offset)
{
    static LARGE_INTEGER places[4];
    static unsigned next;
    PLARGE_INTEGER place = &places[next++ % 4];
    place->QuadPart = offset;
    return place;
}

/* The status that the call raises. */
#define RAISED(call)                                                                                                   \
    ({                                                                                                                 \
        NTSTATUS raised_ = STATUS_SUCCESS;                                                                             \
        __try {                                                                                                        \
            call;                                                                                                      \
        }                                                                                                              \
        __except (EXCEPTION_EXECUTE_HANDLER) {                                                                         \
            raised_ = GetExceptionCode();                                                                              \
        }                                                                                                              \
        raised_;                                                                                                       \
    })

static ULONG at_of(PVOID buffer, ULONG offset) { return *(PULONG)((PUCHAR)buffer + offset); }

/* Does it on a thread of its own, to its end. */
static VOID on_thread(PVOID context)
{
    FsRtlEnterFileSystem();
    ((void (*)(void))context)();
    FsRtlExitFileSystem();
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void elsewhere(void (*what)(void))
{
    HANDLE handle;
    succeeds(PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, on_thread, (PVOID)what));
    succeeds(ZwWaitForSingleObject(handle, FALSE, NULL));
    succeeds(ZwClose(handle));
}

/* ---- mapped and pinned data ---- */

static void mapped_and_pinned_data_is_read_by_pages_at_apc_level(void)
{
    loaded();
    for (LONGLONG offset = 0; offset < MARKED; offset += PAGE_SIZE)
        for (unsigned pinned = 0; pinned < 2; pinned++) {
            PVOID bcb = NULL, buffer = NULL;
            cache(SMALL, SMALL);
            assert_true((pinned ? CcPinRead : CcMapData)(little.file, at(offset), (ULONG)(SMALL - offset), PIN_WAIT, &bcb,
                                                         &buffer));
            assert_int_equal(at_of(buffer, (ULONG)(MARKED - offset)), MARK);
            assert_int_equal(at_of(buffer, 0), 0xBABABABA);
            if (pinned)
                assert_int_equal(*(PUSHORT)bcb, 0x2FD);
            CcUnpinData(bcb);
            assert_true(little.reads > 0);
            uncache();
        }
}

static PVOID shared_bcb, shared_buffer;
static ULONG shared_length;

static void map_again(void)
{
    PVOID bcb, buffer;
    assert_true(CcMapData(little.file, at(0x1000), shared_length, MAP_WAIT, &bcb, &buffer));
    assert_ptr_equal(bcb, shared_bcb);
    assert_ptr_equal(buffer, shared_buffer);
    CcUnpinData(bcb);
    bcb = &bcb;
    assert_false(CcPinRead(little.file, at(0x1000), shared_length, PIN_IF_BCB, &bcb, &buffer));
    assert_null(bcb);
    assert_true(CcPinRead(little.file, at(0x1000), shared_length, 0, &bcb, &buffer));
    assert_ptr_not_equal(bcb, shared_bcb);
    assert_ptr_equal(buffer, shared_buffer);
    CcUnpinData(bcb);
    assert_true(CcPinRead(little.file, at(0x1000), shared_length, PIN_EXCLUSIVE, &bcb, &buffer));
    assert_ptr_not_equal(bcb, shared_bcb);
    CcUnpinData(bcb);
    assert_true(CcMapData(little.file, at(0x1500), shared_length - 0x500, MAP_WAIT, &bcb, &buffer));
    assert_ptr_equal(bcb, shared_bcb);
    assert_ptr_equal(buffer, (PUCHAR)shared_buffer + 0x500);
    CcUnpinData(bcb);
}

static void mappings_of_a_view_share_a_bcb(void)
{
    caching(SMALL, SMALL);
    assert_true(CcMapData(little.file, at(0x1000), SMALL - 0x1000, MAP_WAIT, &shared_bcb, &shared_buffer));
    shared_length = SMALL - 0x1000;
    elsewhere(map_again);
    shared_length = SMALL - 0x2000;
    elsewhere(map_again);
    CcUnpinData(shared_bcb);
    uncache();
}

static void pin_again(void)
{
    static const struct {
        LONGLONG offset;
        ULONG flags;
    } rows[] = {{0x1000, PIN_WAIT}, {0x1000, PIN_WAIT | PIN_IF_BCB}, {0x1500, PIN_WAIT}, {0x1500, PIN_WAIT | PIN_IF_BCB}};
    PVOID bcb, buffer;
    for (unsigned i = 0; i < ARRAYSIZE(rows); i++) {
        ULONG skipped = (ULONG)(rows[i].offset - 0x1000);
        assert_true(CcPinRead(little.file, at(rows[i].offset), shared_length - skipped, rows[i].flags, &bcb, &buffer));
        assert_ptr_equal(bcb, shared_bcb);
        assert_ptr_equal(buffer, (PUCHAR)shared_buffer + skipped);
        CcUnpinData(bcb);
    }
    assert_false(CcPinRead(little.file, at(0x1000), shared_length, PIN_EXCLUSIVE, &bcb, &buffer)); /* others hold it */
    assert_true(CcMapData(little.file, at(0x1000), shared_length, MAP_WAIT, &bcb, &buffer));
    assert_ptr_not_equal(bcb, shared_bcb);
    assert_ptr_equal(buffer, shared_buffer);
    CcUnpinData(bcb);
}

static void pins_of_the_same_pages_share_a_bcb(void)
{
    PVOID bcb, buffer;
    caching(SMALL, SMALL);
    assert_false(
        CcPinRead(little.file, at(0x1000), SMALL - 0x1000, PIN_WAIT | PIN_IF_BCB, &bcb, &buffer)); /* there is none yet */
    assert_true(CcPinRead(little.file, at(0x1000), SMALL - 0x1000, PIN_WAIT, &shared_bcb, &shared_buffer));
    shared_length = SMALL - 0x1000;
    elsewhere(pin_again);
    shared_length = SMALL - 0x2000;
    elsewhere(pin_again);
    CcUnpinData(shared_bcb);
    uncache();
}

static void cannot_pin(void)
{
    static const struct {
        LONGLONG offset;
        ULONG flags;
    } rows[] = {{0x1000, PIN_EXCLUSIVE}, {0x1000, 0}, {0x1500, PIN_IF_BCB}, {0x1500, 0}};
    PVOID bcb, buffer, mapping;
    for (unsigned i = 0; i < ARRAYSIZE(rows); i++) {
        ULONG skipped = (ULONG)(rows[i].offset - 0x1000);
        assert_false(CcPinRead(little.file, at(rows[i].offset), shared_length - skipped, rows[i].flags, &bcb, &buffer));
        assert_true(CcMapData(little.file, at(rows[i].offset), shared_length - skipped, 0, &bcb, &buffer));
        assert_ptr_not_equal(bcb, shared_bcb);
        assert_ptr_equal(buffer, (PUCHAR)shared_buffer + skipped);
        mapping = bcb;
        assert_false(CcPinMappedData(little.file, at(rows[i].offset), shared_length - skipped, rows[i].flags, &bcb));
        assert_ptr_equal(bcb, mapping);
        CcUnpinData(bcb);
    }
}

static void an_exclusive_pin_keeps_pins_out_but_not_mappings(void)
{
    PVOID bcb, buffer;
    caching(SMALL, SMALL);
    assert_true(CcPinRead(little.file, at(0x1000), SMALL - 0x1000, PIN_WAIT | PIN_EXCLUSIVE, &shared_bcb, &shared_buffer));
    shared_length = SMALL - 0x1000;
    elsewhere(cannot_pin);
    assert_true(CcPinRead(little.file, at(0x1000), SMALL - 0x1000, PIN_WAIT, &bcb, &buffer)); /* its holder may */
    CcUnpinData(bcb);
    elsewhere(cannot_pin);
    CcUnpinData(shared_bcb);
    uncache();
}

static KEVENT pinned;

static void pin_and_wait(void)
{
    PVOID bcb, buffer;
    assert_true(CcPinRead(little.file, at(0), SMALL, PIN_WAIT | PIN_EXCLUSIVE, &bcb, &buffer));
    KeSetEvent(&pinned, 0, FALSE);
    CcUnpinData(bcb);
}

static VOID pin_and_wait_on_thread(PVOID context) { on_thread((PVOID)pin_and_wait); }

static void a_pin_that_may_wait_gets_its_bcb_when_the_holder_unpins(void)
{
    PVOID bcb, buffer;
    LARGE_INTEGER soon = {.QuadPart = -100000};
    HANDLE handle;

    KeInitializeEvent(&pinned, NotificationEvent, FALSE);
    caching(SMALL, SMALL);
    assert_true(CcPinRead(little.file, at(0x1000), 1, PIN_WAIT, &bcb, &buffer)); /* a part of what it wants */
    succeeds(PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, pin_and_wait_on_thread, NULL));
    answers(STATUS_TIMEOUT, KeWaitForSingleObject(&pinned, Executive, KernelMode, FALSE, &soon));
    CcUnpinData(bcb);
    succeeds(KeWaitForSingleObject(&pinned, Executive, KernelMode, FALSE, NULL));
    succeeds(ZwWaitForSingleObject(handle, FALSE, NULL));
    succeeds(ZwClose(handle));
    uncache();
}

static void pinning_a_mapping_replaces_its_bcb(void)
{
    PVOID pin, mapping, bcb, buffer;
    caching(SMALL, SMALL);
    assert_true(CcMapData(little.file, at(0), SMALL, MAP_WAIT, &mapping, &buffer));
    bcb = mapping;
    assert_false(CcPinMappedData(little.file, at(0), SMALL, PIN_IF_BCB, &bcb));
    assert_ptr_equal(bcb, mapping);
    assert_true(CcPinMappedData(little.file, at(0), SMALL, PIN_WAIT, &bcb));
    assert_ptr_not_equal(bcb, mapping);
    assert_int_equal(*(PUSHORT)bcb, 0x2FD);
    pin = bcb;
    assert_true(CcPinMappedData(little.file, at(0), SMALL, PIN_WAIT, &bcb));
    assert_ptr_equal(bcb, pin);
    assert_true(CcMapData(little.file, at(0), SMALL, MAP_WAIT, &mapping, &buffer));
    assert_true(CcPinMappedData(little.file, at(0), SMALL, PIN_WAIT, &mapping));
    assert_ptr_equal(mapping, pin); /* the pin that was there */
    CcUnpinData(mapping);
    CcUnpinData(pin);
    uncache();
}

static void a_pin_of_several_pins_pages_holds_each(void)
{
    PVOID second, fourth, all, bcb, buffer;
    caching(VIEW, VIEW);
    assert_true(CcPinRead(little.file, at(0x1000), 0x1000, PIN_WAIT, &second, &buffer));
    assert_true(CcPinRead(little.file, at(0x3000), 0x1000, PIN_WAIT, &fourth, &buffer));
    assert_ptr_not_equal(second, fourth);
    assert_true(CcPinRead(little.file, at(0), 0x5000, PIN_WAIT, &all, &buffer));
    assert_int_equal(at_of(buffer, MARKED), MARK);
    CcUnpinData(second);
    CcUnpinData(fourth);
    assert_false(CcPinRead(little.file, at(0x1000), 1, PIN_EXCLUSIVE, &bcb, &buffer));
    assert_false(CcPinRead(little.file, at(0x4000), 1, PIN_EXCLUSIVE, &bcb, &buffer));
    CcUnpinData(all);
    assert_true(CcPinRead(little.file, at(0x1000), 1, PIN_EXCLUSIVE, &bcb, &buffer));
    CcUnpinData(bcb);
    uncache();
}

static void a_pin_may_be_handed_to_another_thread(void)
{
    PVOID buffer;
    static ULONG_PTR owner[2];
    caching(SMALL, SMALL);
    assert_true(CcPinRead(little.file, at(0), SMALL, PIN_WAIT | PIN_EXCLUSIVE, &shared_bcb, &shared_buffer));
    CcSetBcbOwnerPointer(shared_bcb, (PVOID)((ULONG_PTR)owner | 3));
    assert_false(CcPinRead(little.file, at(0), SMALL, 0, &buffer, &buffer));
    CcUnpinDataForThread(shared_bcb, (ERESOURCE_THREAD)owner | 3);
    assert_true(CcPinRead(little.file, at(0), SMALL, 0, &shared_bcb, &buffer));
    CcUnpinData(shared_bcb);
    uncache();
}

static void only_resident_pages_are_lent_without_reading(void)
{
    PVOID bcb, buffer;
    caching(SMALL, SMALL);
    assert_false(CcMapData(little.file, at(0), SMALL, MAP_WAIT | MAP_NO_READ, &bcb, &buffer));
    assert_false(CcPinRead(little.file, at(0), SMALL, PIN_WAIT | PIN_NO_READ, &bcb, &buffer));
    assert_false(CcMapData(little.file, at(0), SMALL, 0, &bcb, &buffer));
    assert_int_equal(little.reads, 0);
    assert_true(CcMapData(little.file, at(0), SMALL, MAP_WAIT, &bcb, &buffer));
    CcUnpinData(bcb);
    assert_true(CcPinRead(little.file, at(0), SMALL, PIN_WAIT | PIN_NO_READ, &bcb, &buffer));
    CcUnpinData(bcb);
    uncache();
}

static void data_is_lent_within_a_view(void)
{
    BOOLEAN (*const routines[])(PFILE_OBJECT, PLARGE_INTEGER, ULONG, ULONG, PVOID *, PVOID *) = {CcMapData, CcPinRead};
    caching(SMALL, SMALL);
    for (unsigned i = 0; i < ARRAYSIZE(routines); i++) {
        PVOID bcb, buffer;
        BOOLEAN lent = FALSE;
        assert_true(routines[i](little.file, at(SMALL + 0x1000), 0x1000, PIN_WAIT, &bcb, &buffer)); /* behind the end */
        CcUnpinData(bcb);
        answers(STATUS_ACCESS_VIOLATION,
                RAISED(lent = routines[i](little.file, at(SMALL + 0x1000 + VIEW), 0x1000, 0, &bcb, &buffer)));
        answers(STATUS_SUCCESS, RAISED(lent = routines[i](little.file, at(0), 0x1000 + VIEW, 0, &bcb, &buffer)));
        assert_false(lent);
    }
    uncache();
}

/* ---- copies ---- */

static void a_copy_reads_the_pages_that_it_needs(void)
{
    static const struct {
        LONGLONG size, offset;
        ULONG length;
    } rows[] = {{1004, 3, 3}, {1004, 514, 514 - 24}, {1000000, 3, 3}, {1000000, 300000, 10}, {1000000, 999990, 10}, {62, 1, 61}};
    loaded();
    for (unsigned i = 0; i < ARRAYSIZE(rows); i++) {
        UCHAR bytes[1024];
        IO_STATUS_BLOCK iosb;
        cache(rows[i].size, rows[i].size);
        assert_true(CcCopyRead(little.file, at(rows[i].offset), rows[i].length, TRUE, bytes, &iosb));
        succeeds(iosb.Status);
        assert_int_equal(iosb.Information, rows[i].length);
        assert_int_equal(bytes[0], 0xBA);
        assert_int_equal(bytes[rows[i].length - 1], 0xBA);
        assert_true(little.reads > 0);
        little.reads = 0;
        assert_true(CcCopyRead(little.file, at(rows[i].offset), rows[i].length, FALSE, bytes, &iosb));
        assert_int_equal(little.reads, 0); /* it is resident */
        uncache();
    }
}

static void a_copy_to_a_part_of_a_page_reads_it_first(void)
{
    UCHAR bytes[10] = {0};
    BOOLEAN written = 'x';
    IO_STATUS_BLOCK iosb;

    caching(1000000, 1000000);
    answers(STATUS_ACCESS_VIOLATION, RAISED(written = CcCopyWrite(little.file, NULL, 0, FALSE, NULL)));
    answers(STATUS_ACCESS_VIOLATION, RAISED(written = CcCopyWrite(NULL, at(0), 10, FALSE, bytes)));
    assert_int_equal(written, 'x');
    assert_true(CcCopyWrite(little.file, at(0), 0, TRUE, NULL)); /* nothing to write: nothing to read */
    assert_int_equal(little.reads, 0);
    written = 'x';
    answers(STATUS_INVALID_USER_BUFFER, RAISED(written = CcCopyWrite(little.file, at(0), 10, TRUE, NULL)));
    assert_int_equal(written, 'x');
    assert_int_equal(little.reads, 1); /* it found out late */
    assert_int_equal(little.read_at, 0);
    assert_int_equal(little.read_length, PAGE_SIZE);
    assert_true(CcCopyWrite(little.file, at(0), 10, FALSE, bytes)); /* now it is resident */
    assert_int_equal(little.reads, 1);
    assert_false(CcCopyWrite(little.file, at(PAGE_SIZE), 10, FALSE, bytes));
    little.reads = 0;
    assert_true(CcCopyWrite(little.file, at(2 * PAGE_SIZE), 10, TRUE, bytes));
    assert_int_equal(little.reads, 1);
    assert_int_equal(little.read_at, 2 * PAGE_SIZE);
    assert_int_equal(little.read_length, PAGE_SIZE);
    assert_int_equal(little.writes, 0);
    CcFlushCache(&little.fcb->sections, NULL, 0, &iosb);
    succeeds(iosb.Status);
    assert_int_equal(little.writes, 2);
    assert_int_equal(little.written_at[0], 0);
    assert_int_equal(little.written_at[1], 2 * PAGE_SIZE);
    assert_int_equal(little.written_length[0], PAGE_SIZE);
    assert_int_equal(little.written_length[1], PAGE_SIZE);
    uncache();
}

/* ---- sizes ---- */

static void a_grown_file_is_read_on(void)
{
    loaded();
    for (unsigned copied = 0; copied < 2; copied++) {
        PVOID bcb, buffer;
        IO_STATUS_BLOCK iosb;
        UCHAR bytes[PAGE_SIZE];
        cache(VIEW - PAGE_SIZE, VIEW - PAGE_SIZE);
        assert_true(CcMapData(little.file, at(0), VIEW - PAGE_SIZE, MAP_WAIT, &bcb, &buffer));
        assert_int_equal(at_of(buffer, VIEW - PAGE_SIZE - 4), 0xBABABABA);
        if (!copied)
            CcUnpinData(bcb);
        resize(VIEW);
        if (copied) { /* a mapping may stand meanwhile */
            assert_true(CcCopyRead(little.file, at(VIEW - PAGE_SIZE), PAGE_SIZE, TRUE, bytes, &iosb));
            assert_int_equal(at_of(bytes, PAGE_SIZE - 4), 0xBABABABA);
        } else {
            assert_true(CcMapData(little.file, at(0), VIEW, MAP_WAIT, &bcb, &buffer));
            assert_int_equal(at_of(buffer, VIEW - 4), 0xBABABABA);
        }
        CcUnpinData(bcb);
        uncache();
    }
}

static void pinned_data_stays_unwritten_until_it_is_flushed(void)
{
    PVOID bcb, buffer;
    IO_STATUS_BLOCK iosb;
    caching(VIEW - PAGE_SIZE, VIEW - PAGE_SIZE);
    CcSetAdditionalCacheAttributes(little.file, FALSE, TRUE);
    assert_true(CcPinRead(little.file, at(0), VIEW - PAGE_SIZE, PIN_WAIT, &bcb, &buffer));
    *(PULONG)((PUCHAR)buffer + VIEW - PAGE_SIZE - 4) = 0xDADADADA;
    CcSetDirtyPinnedData(bcb, NULL);
    resize(VIEW);
    assert_int_equal(CcGetFlushedValidData(&little.fcb->sections, FALSE).QuadPart, 0);
    CcUnpinData(bcb);
    assert_true(CcMapData(little.file, at(0), VIEW, MAP_WAIT, &bcb, &buffer));
    assert_int_equal(at_of(buffer, VIEW - PAGE_SIZE - 4), 0xDADADADA);
    assert_int_equal(at_of(buffer, VIEW - 4), 0xBABABABA);
    CcUnpinData(bcb);
    assert_int_equal(little.writes, 0);
    CcFlushCache(&little.fcb->sections, NULL, 0, &iosb);
    assert_true(little.writes > 0);
    uncache();
}

static void the_flushed_length_ends_at_the_first_dirty_page(void)
{
    static const SECTION_OBJECT_POINTERS none = {NULL, NULL, NULL};
    PVOID bcb, buffer;
    IO_STATUS_BLOCK iosb;
    caching(2 * VIEW, 2 * VIEW);
    CcSetAdditionalCacheAttributes(little.file, FALSE, TRUE);
    assert_int_equal(CcGetFlushedValidData((PSECTION_OBJECT_POINTERS)&none, FALSE).QuadPart, MAXLONGLONG);
    assert_int_equal(CcGetFlushedValidData(&little.fcb->sections, FALSE).QuadPart, 2 * VIEW);
    for (LONGLONG offset = VIEW; offset >= 0; offset -= VIEW) {
        assert_true(CcPinRead(little.file, at(offset), PAGE_SIZE, PIN_WAIT, &bcb, &buffer));
        CcSetDirtyPinnedData(bcb, NULL);
        CcUnpinData(bcb);
        assert_int_equal(CcGetFlushedValidData(&little.fcb->sections, FALSE).QuadPart, offset);
    }
    CcFlushCache(&little.fcb->sections, NULL, 0, &iosb);
    assert_int_equal(CcGetFlushedValidData(&little.fcb->sections, FALSE).QuadPart, 2 * VIEW);
    uncache();
}

/* ---- the log ---- */

static VOID write_log(PVOID handle, LARGE_INTEGER lsn)
{
    if (handle == &little && little.logs < 4)
        little.logged[little.logs++] = lsn.QuadPart;
    little.logged_before = little.writes;
}

static struct {
    unsigned pages;
    LONGLONG offsets, oldest, newest;
} dirty;

static VOID note_dirty(PFILE_OBJECT file, PLARGE_INTEGER offset, ULONG length, PLARGE_INTEGER oldest, PLARGE_INTEGER newest,
                       PVOID one, PVOID two)
{
    assert_ptr_equal(file, little.file);
    assert_int_equal(length, PAGE_SIZE);
    assert_ptr_equal(one, &dirty);
    assert_ptr_equal(two, NULL);
    dirty.pages++;
    dirty.offsets += offset->QuadPart;
    dirty.oldest = oldest->QuadPart;
    dirty.newest = newest->QuadPart;
}

static void make_dirty(LONGLONG offset, LONGLONG lsn)
{
    PVOID bcb, buffer;
    assert_true(CcPinRead(little.file, at(offset), 100, PIN_WAIT, &bcb, &buffer));
    CcSetDirtyPinnedData(bcb, at(lsn));
    CcUnpinData(bcb);
}

static LONGLONG dirty_pages(void)
{
    memset(&dirty, 0, sizeof dirty);
    return CcGetDirtyPages(&little, note_dirty, &dirty, NULL).QuadPart;
}

static void the_log_is_written_before_its_pages(void)
{
    IO_STATUS_BLOCK iosb;
    caching(SMALL, SMALL);
    CcSetAdditionalCacheAttributes(little.file, FALSE, TRUE);
    CcSetLogHandleForFile(little.file, &little, write_log);
    assert_int_equal(dirty_pages(), 0);
    assert_int_equal(dirty.pages, 0);
    make_dirty(0x1000, 7);
    make_dirty(0x1000, 9);
    make_dirty(0x1000, 8);
    assert_int_equal(dirty_pages(), 7);
    assert_int_equal(dirty.pages, 1);
    assert_int_equal(dirty.offsets, 0x1000);
    assert_int_equal(dirty.oldest, 7);
    assert_int_equal(dirty.newest, 9);
    make_dirty(0x3000, 20);
    assert_int_equal(dirty_pages(), 7);
    assert_int_equal(dirty.pages, 2);
    assert_int_equal(dirty.offsets, 0x4000);
    assert_int_equal(CcGetDirtyPages(&dirty, note_dirty, NULL, NULL).QuadPart, 0); /* nobody's handle */
    CcFlushCache(&little.fcb->sections, at(0x1000), 0x1000, &iosb);
    assert_int_equal(little.logs, 1);
    assert_int_equal(little.logged[0], 9);
    assert_int_equal(little.logged_before, 0);
    assert_int_equal(little.writes, 1);
    assert_int_equal(dirty_pages(), 20);
    CcFlushCache(&little.fcb->sections, NULL, 0, &iosb);
    assert_int_equal(little.logged[1], 20);
    assert_int_equal(dirty_pages(), 0);
    make_dirty(0, 30);
    CcPurgeCacheSection(&little.fcb->sections, NULL, 0, FALSE);
    assert_int_equal(dirty_pages(), 0);
    uncache();
    assert_int_equal(little.logs, 2);
}

/* ---- purging what a program maps ---- */

static void a_purge_fails_while_a_view_shows_the_pages(void)
{
    enum { SIZE = 3 << 20, HIGH = 2 << 20 };
    HANDLE handle, section;
    PVOID base = NULL;
    SIZE_T length = 0x10000;
    LARGE_INTEGER high = {.QuadPart = HIGH};
    IO_STATUS_BLOCK iosb;
    FILE_END_OF_FILE_INFORMATION end = {.EndOfFile.QuadPart = SIZE};

    stage_set();
    handle = stage_open("C:\\mapped");
    succeeds(ZwSetInformationFile(handle, &iosb, &end, sizeof end, FileEndOfFileInformation));
    succeeds(ZwCreateSection(&section, SECTION_ALL_ACCESS, NULL, NULL, PAGE_READWRITE, SEC_COMMIT, handle));
    PFILE_OBJECT file = stage_file(handle);
    assert_null(file->SectionObjectPointer->SharedCacheMap);
    succeeds(ZwMapViewOfSection(section, ZwCurrentProcess(), &base, 0, 0, &high, &length, ViewUnmap, 0, PAGE_READWRITE));
    *(volatile UCHAR *)base = 'X';
    FsRtlAcquireFileExclusive(file);
    assert_false(CcPurgeCacheSection(file->SectionObjectPointer, NULL, 0, FALSE));
    FsRtlReleaseFile(file);
    succeeds(ZwUnmapViewOfSection(ZwCurrentProcess(), base));
    FsRtlAcquireFileExclusive(file);
    assert_true(CcPurgeCacheSection(file->SectionObjectPointer, NULL, 0, FALSE));
    FsRtlReleaseFile(file);
    succeeds(ZwClose(section));
    succeeds(ZwClose(handle));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(mapped_and_pinned_data_is_read_by_pages_at_apc_level),
        fltsim_unit_test(mappings_of_a_view_share_a_bcb),
        fltsim_unit_test(pins_of_the_same_pages_share_a_bcb),
        fltsim_unit_test(an_exclusive_pin_keeps_pins_out_but_not_mappings),
        fltsim_unit_test(a_pin_that_may_wait_gets_its_bcb_when_the_holder_unpins),
        fltsim_unit_test(pinning_a_mapping_replaces_its_bcb),
        fltsim_unit_test(a_pin_of_several_pins_pages_holds_each),
        fltsim_unit_test(a_pin_may_be_handed_to_another_thread),
        fltsim_unit_test(only_resident_pages_are_lent_without_reading),
        fltsim_unit_test(data_is_lent_within_a_view),
        fltsim_unit_test(a_copy_reads_the_pages_that_it_needs),
        fltsim_unit_test(a_copy_to_a_part_of_a_page_reads_it_first),
        fltsim_unit_test(a_grown_file_is_read_on),
        fltsim_unit_test(pinned_data_stays_unwritten_until_it_is_flushed),
        fltsim_unit_test(the_flushed_length_ends_at_the_first_dirty_page),
        fltsim_unit_test(the_log_is_written_before_its_pages),
        fltsim_unit_test(a_purge_fails_while_a_view_shows_the_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
