#include "stub.h"

#include <string.h>

static const struct fltsim_open both = {.access = GENERIC_READ | GENERIC_WRITE};

static void Reads(void **state)
{
    for (enum stub_mode mode = STUB_INLINE; mode <= STUB_DISPATCH; mode++) {
        stub.mode = mode;
        char text[16] = "";
        size_t done;
        HANDLE handle = stub_open("S:\\file", NULL);
        assert_int_equal(fltsim_read(handle, text, 5, 0, &done), STATUS_SUCCESS);
        assert_int_equal(done, 5);
        assert_memory_equal(text, "hello", 5);
        assert_int_equal(fltsim_read(handle, text, 16, FLTSIM_CURRENT, &done), STATUS_SUCCESS);
        assert_int_equal(done, 7);
        assert_memory_equal(text, ", world", 7);
        assert_int_equal(fltsim_read(handle, text, 16, FLTSIM_CURRENT, &done), STATUS_END_OF_FILE);
        fltsim_close(handle);
    }
}

/* The three ways a device wants its buffers. */
static void BuffersByDeviceFlags(void **state)
{
    static const ULONG flags[] = {0, DO_BUFFERED_IO, DO_DIRECT_IO};
    HANDLE handle = stub_open("S:\\file", &both);
    for (size_t i = 0; i < 3; i++) {
        char text[16] = "";
        size_t done;
        IopAttached(stub.volume)->Flags |= flags[i];
        assert_int_equal(fltsim_write(handle, "HELLO", 5, 0, &done), STATUS_SUCCESS);
        assert_int_equal(fltsim_read(handle, text, sizeof text, 0, &done), STATUS_SUCCESS);
        assert_memory_equal(text, "HELLO, world", 12);
        IopAttached(stub.volume)->Flags &= ~flags[i];
    }
    fltsim_close(handle);
}

static void Appends(void **state)
{
    size_t done;
    HANDLE handle = stub_open("S:\\file", &both);
    assert_int_equal(fltsim_write(handle, "!", 1, FLTSIM_APPEND, &done), STATUS_SUCCESS);
    assert_int_equal(stub.size, 13);
    fltsim_close(handle);
    /* A handle that may only append writes at the end, wherever it is told to. */
    handle = stub_open("S:\\file", &(struct fltsim_open){.access = FILE_APPEND_DATA});
    assert_int_equal(fltsim_write(handle, "?", 1, 0, &done), STATUS_SUCCESS);
    assert_memory_equal(stub.data, "hello, world!?", 14);
    fltsim_close(handle);
}

static void ChecksTheRequest(void **state)
{
    char buffer[1024];
    HANDLE handle = stub_open("S:\\file", &(struct fltsim_open){.access = FILE_READ_DATA});
    assert_int_equal(fltsim_write(handle, "x", 1, 0, NULL), STATUS_ACCESS_DENIED);
    assert_int_equal(fltsim_read(handle, buffer, 1, -5, NULL), STATUS_INVALID_PARAMETER);
    fltsim_close(handle);
    assert_int_equal(fltsim_read(handle, buffer, 1, 0, NULL), STATUS_INVALID_HANDLE);
    handle = stub_open("S:\\file", &(struct fltsim_open){.options = FILE_NO_INTERMEDIATE_BUFFERING});
    assert_int_equal(fltsim_read(handle, buffer, 100, 0, NULL), STATUS_INVALID_PARAMETER);
    assert_int_equal(fltsim_read(handle, buffer, 512, 100, NULL), STATUS_INVALID_PARAMETER);
    assert_int_equal(fltsim_read(handle, buffer, 512, 0, NULL), STATUS_SUCCESS);
    assert_true(stub.last_flags[IRP_MJ_READ] & IRP_NOCACHE);
    fltsim_close(handle);
    handle = stub_open("S:\\file", &(struct fltsim_open){.asynchronous = true});
    assert_int_equal(fltsim_read(handle, buffer, 1, FLTSIM_CURRENT, NULL), STATUS_INVALID_PARAMETER);
    fltsim_close(handle);
}

static void Asynchronous(void **state)
{
    for (enum stub_mode mode = STUB_INLINE; mode <= STUB_DISPATCH; mode++) {
        char text[16] = "";
        size_t done = 0;
        HANDLE handle = stub_open("S:\\file", &(struct fltsim_open){.asynchronous = true});
        stub.mode = mode;
        assert_int_equal(fltsim_read(handle, text, 5, 0, &done), STATUS_SUCCESS);
        assert_int_equal(done, 5);
        assert_memory_equal(text, "hello", 5);
        fltsim_close(handle);
    }
}

static void EventAndStatusBlock(void **state)
{
    HANDLE event, handle = stub_open("S:\\file", &(struct fltsim_open){.asynchronous = true});
    IO_STATUS_BLOCK iosb = {.Status = STATUS_PENDING};
    LARGE_INTEGER offset = {.QuadPart = 0};
    char text[8];
    assert_int_equal(ZwCreateEvent(&event, EVENT_ALL_ACCESS, NULL, NotificationEvent, TRUE), STATUS_SUCCESS);
    stub.mode = STUB_HOLD;
    stub.hold_major = IRP_MJ_READ;
    assert_int_equal(ZwReadFile(handle, event, NULL, NULL, &iosb, text, 5, &offset, NULL), STATUS_PENDING);
    LARGE_INTEGER now = {.QuadPart = 0};
    assert_int_equal(ZwWaitForSingleObject(event, FALSE, &now), STATUS_TIMEOUT);
    assert_int_equal(iosb.Status, STATUS_PENDING);
    stub_release(STATUS_SUCCESS);
    assert_int_equal(ZwWaitForSingleObject(event, FALSE, &now), STATUS_SUCCESS);
    assert_int_equal(iosb.Status, STATUS_SUCCESS);
    assert_int_equal(iosb.Information, 5);
    ZwClose(event);
    fltsim_close(handle);
}

static unsigned apcs;
static VOID Apc(PVOID context, PIO_STATUS_BLOCK iosb, ULONG reserved)
{
    assert_ptr_equal(context, &apcs);
    assert_int_equal(iosb->Information, 5);
    apcs++;
}

static void ApcRoutine(void **state)
{
    HANDLE handle = stub_open("S:\\file", &(struct fltsim_open){.asynchronous = true});
    IO_STATUS_BLOCK iosb = {.Status = STATUS_PENDING};
    LARGE_INTEGER offset = {.QuadPart = 0};
    char text[8];
    apcs = 0;
    stub.mode = STUB_PEND;
    assert_int_equal(ZwReadFile(handle, NULL, Apc, &apcs, &iosb, text, 5, &offset, NULL), STATUS_PENDING);
    assert_int_equal(ZwWaitForSingleObject(handle, FALSE, NULL), STATUS_SUCCESS);
    while (!apcs)
        fltsim_sleep(1);
    assert_int_equal(apcs, 1);
    fltsim_close(handle);
}

static void FastIo(void **state)
{
    char text[16];
    size_t done;
    uint64_t size;
    stub.fast_io = true;
    HANDLE handle = stub_open("S:\\file", NULL);
    assert_int_equal(fltsim_read(handle, text, 5, 0, &done), STATUS_SUCCESS);
    assert_int_equal(done, 5);
    assert_int_equal(stub.fast_reads, 1);
    assert_int_equal(stub.count[IRP_MJ_READ], 0);
    assert_int_equal(fltsim_read(handle, text, 7, FLTSIM_CURRENT, &done), STATUS_SUCCESS);
    assert_memory_equal(text, ", world", 7);
    /* The driver refuses: an IRP instead. */
    assert_int_equal(fltsim_read(handle, text, 16, 0, &done), STATUS_SUCCESS);
    assert_int_equal(stub.count[IRP_MJ_READ], 1);
    assert_int_equal(fltsim_get_size(handle, &size), STATUS_SUCCESS);
    assert_int_equal(size, 12);
    assert_int_equal(stub.fast_queries, 1);
    assert_int_equal(stub.count[IRP_MJ_QUERY_INFORMATION], 0);
    fltsim_close(handle);
}

static void InformationClasses(void **state)
{
    FILE_POSITION_INFORMATION position = {.CurrentByteOffset = {.QuadPart = 3}};
    FILE_ACCESS_INFORMATION access;
    FILE_MODE_INFORMATION mode;
    FILE_STANDARD_INFORMATION standard;
    char text[4];
    HANDLE handle = stub_open("S:\\file", &(struct fltsim_open){.access = FILE_READ_DATA});
    assert_int_equal(fltsim_set(handle, FilePositionInformation, &position, sizeof position), STATUS_SUCCESS);
    assert_int_equal(fltsim_read(handle, text, 2, FLTSIM_CURRENT, NULL), STATUS_SUCCESS);
    assert_memory_equal(text, "lo", 2);
    assert_int_equal(fltsim_query(handle, FilePositionInformation, &position, sizeof position), STATUS_SUCCESS);
    assert_int_equal(position.CurrentByteOffset.QuadPart, 5);
    assert_int_equal(fltsim_query(handle, FileAccessInformation, &access, sizeof access), STATUS_SUCCESS);
    assert_int_equal(access.AccessFlags, FILE_READ_DATA | SYNCHRONIZE | FILE_READ_ATTRIBUTES);
    assert_int_equal(fltsim_query(handle, FileModeInformation, &mode, sizeof mode), STATUS_SUCCESS);
    assert_int_equal(mode.Mode, FILE_SYNCHRONOUS_IO_NONALERT);
    assert_int_equal(fltsim_query(handle, FileStandardInformation, &standard, sizeof standard), STATUS_SUCCESS);
    assert_int_equal(fltsim_query(handle, FileStandardInformation, &standard, 4), STATUS_INFO_LENGTH_MISMATCH);
    assert_int_equal(fltsim_query(handle, FileRenameInformation, &standard, 64), STATUS_INVALID_INFO_CLASS);
    assert_int_equal(fltsim_query(handle, 4711, &standard, 64), STATUS_INVALID_INFO_CLASS);
    assert_int_equal(fltsim_set_size(handle, 3), STATUS_ACCESS_DENIED);
    assert_int_equal(fltsim_set_delete(handle, true), STATUS_ACCESS_DENIED);
    fltsim_close(handle);
}

static void RenameOpensTheTarget(void **state)
{
    HANDLE handle = stub_open("S:\\file", &(struct fltsim_open){.access = DELETE});
    PFILE_OBJECT file = stub.last[IRP_MJ_CREATE].FileObject;
    assert_int_equal(fltsim_rename(handle, "plain", false), STATUS_SUCCESS);
    assert_null(stub.last[IRP_MJ_SET_INFORMATION].Parameters.SetFile.FileObject);
    assert_int_equal(fltsim_rename(handle, "S:\\dir\\other", true), STATUS_SUCCESS);
    const IO_STACK_LOCATION *set = &stub.last[IRP_MJ_SET_INFORMATION];
    assert_non_null(set->Parameters.SetFile.FileObject);
    assert_ptr_not_equal(set->Parameters.SetFile.FileObject, file);
    assert_true(set->Parameters.SetFile.ReplaceIfExists);
    assert_true(stub.last[IRP_MJ_CREATE].Flags & SL_OPEN_TARGET_DIRECTORY);
    assert_int_equal(stub.count[IRP_MJ_CLOSE], 1);
    assert_int_equal(fltsim_rename(handle, "S:\\missing", true), STATUS_OBJECT_NAME_NOT_FOUND);
    fltsim_close(handle);
}

static void ControlMethods(void **state)
{
    char in[4] = {1, 2, 3, 4}, out[4];
    size_t done;
    HANDLE handle = stub_open("S:\\file", &both);
    ULONG buffered = CTL_CODE(FILE_DEVICE_FILE_SYSTEM, 2100, METHOD_BUFFERED, FILE_ANY_ACCESS);
    ULONG direct = CTL_CODE(FILE_DEVICE_FILE_SYSTEM, 2101, METHOD_OUT_DIRECT, FILE_ANY_ACCESS);
    ULONG neither = CTL_CODE(FILE_DEVICE_FILE_SYSTEM, 2102, METHOD_NEITHER, FILE_ANY_ACCESS);
    assert_int_equal(fltsim_fsctl(handle, buffered, in, 4, out, 4, &done), STATUS_SUCCESS);
    assert_int_equal(done, 4);
    assert_memory_equal(out, "\2\3\4\5", 4);
    assert_int_equal(fltsim_fsctl(handle, direct, in, 4, out, 4, &done), STATUS_SUCCESS);
    assert_memory_equal(out, "\1\1\1\1", 4);
    assert_int_equal(fltsim_ioctl(handle, neither, in + 2, 1, out, 4, &done), STATUS_SUCCESS);
    assert_memory_equal(out, "\3\3\3\3", 4);
    fltsim_close(handle);
    handle = stub_open("S:\\file", &(struct fltsim_open){.access = FILE_READ_DATA});
    ULONG writes = CTL_CODE(FILE_DEVICE_FILE_SYSTEM, 2103, METHOD_BUFFERED, FILE_WRITE_ACCESS);
    assert_int_equal(fltsim_fsctl(handle, writes, in, 4, out, 4, NULL), STATUS_ACCESS_DENIED);
    fltsim_close(handle);
}

static bool OneEntry(const char *name, ULONG attributes, uint64_t size, void *context)
{
    assert_string_equal(name, "a");
    assert_int_equal(size, 7);
    ++*(int *)context;
    return true;
}

static void Enumerates(void **state)
{
    int entries = 0;
    HANDLE handle = stub_open("S:\\dir", &(struct fltsim_open){.access = FILE_LIST_DIRECTORY});
    assert_int_equal(fltsim_enumerate(handle, NULL, OneEntry, &entries), STATUS_SUCCESS);
    assert_int_equal(fltsim_enumerate(handle, "*.txt", OneEntry, &entries), STATUS_SUCCESS);
    assert_int_equal(entries, 2);
    fltsim_close(handle);
}

static int ReadInThread(void *argument)
{
    char text[8];
    return fltsim_read(argument, text, 1, 0, NULL);
}

/* A synchronous file takes one request at a time. */
static void OneAtATime(void **state)
{
    HANDLE handle = stub_open("S:\\file", NULL);
    stub.mode = STUB_HOLD;
    stub.hold_major = IRP_MJ_READ;
    struct fltsim_thread *first = fltsim_thread_create(NULL, ReadInThread, handle);
    struct fltsim_thread *second = fltsim_thread_create(NULL, ReadInThread, handle);
    fltsim_sleep(10);
    assert_int_equal(stub.count[IRP_MJ_READ], 1);
    stub_release(STATUS_SUCCESS);
    fltsim_sleep(10);
    assert_int_equal(stub.count[IRP_MJ_READ], 2);
    stub_release(STATUS_SUCCESS);
    assert_int_equal(fltsim_thread_join(first), STATUS_SUCCESS);
    assert_int_equal(fltsim_thread_join(second), STATUS_SUCCESS);
    fltsim_close(handle);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, stub_setup, stub_teardown)
    const struct CMUnitTest tests[] = {
        CASE(Reads),
        CASE(BuffersByDeviceFlags),
        CASE(Appends),
        CASE(ChecksTheRequest),
        CASE(Asynchronous),
        CASE(EventAndStatusBlock),
        CASE(ApcRoutine),
        CASE(FastIo),
        CASE(InformationClasses),
        CASE(RenameOpensTheTarget),
        CASE(ControlMethods),
        CASE(Enumerates),
        CASE(OneAtATime),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
