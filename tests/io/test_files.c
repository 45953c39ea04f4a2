/* Programs' calls over the in-memory file system. */
#include <fltsim/fltsim.h>

#include "io/iop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct fltsim_volume *volume;

static int Setup(void **state)
{
    if (machine)
        fltsim_stop(NULL);
    return fltsim_start(NULL) && NT_SUCCESS(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C'}, &volume)) ? 0
                                                                                                              : -1;
}

static int Teardown(void **state) { return (int)fltsim_stop(NULL); }

static HANDLE Open(const char *path, ULONG disposition, ACCESS_MASK access)
{
    HANDLE handle;
    assert_int_equal(
        fltsim_open(path, &(struct fltsim_open){.access = access, .disposition = disposition}, &handle),
        STATUS_SUCCESS);
    return handle;
}

static void Make(const char *path, const char *text)
{
    HANDLE handle = Open(path, FILE_CREATE, GENERIC_WRITE);
    assert_int_equal(fltsim_write(handle, text, strlen(text), 0, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

static void WritesAndReads(void **state)
{
    char text[32];
    size_t done;
    uint64_t size;
    ULONG_PTR information;
    HANDLE handle;
    assert_int_equal(fltsim_open("C:\\file.txt",
                                 &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE,
                                                       .disposition = FILE_OPEN_IF,
                                                       .information = &information},
                                 &handle),
                     STATUS_SUCCESS);
    assert_int_equal(information, FILE_CREATED);
    assert_int_equal(fltsim_write(handle, "hello, world", 12, 0, &done), STATUS_SUCCESS);
    assert_int_equal(done, 12);
    assert_int_equal(fltsim_read(handle, text, 5, 7, &done), STATUS_SUCCESS);
    assert_memory_equal(text, "world", 5);
    assert_int_equal(fltsim_read(handle, text, 5, FLTSIM_CURRENT, &done), STATUS_END_OF_FILE);
    assert_int_equal(fltsim_write(handle, "!", 1, FLTSIM_APPEND, &done), STATUS_SUCCESS);
    assert_int_equal(fltsim_get_size(handle, &size), STATUS_SUCCESS);
    assert_int_equal(size, 13);
    assert_int_equal(fltsim_set_size(handle, 5), STATUS_SUCCESS);
    assert_int_equal(fltsim_flush(handle), STATUS_SUCCESS);
    assert_int_equal(fltsim_read(handle, text, sizeof text, 0, &done), STATUS_SUCCESS);
    assert_int_equal(done, 5);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    assert_int_equal(fltsim_open("C:\\none.txt", NULL, &handle), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(fltsim_open("C:\\none\\none.txt", NULL, &handle), STATUS_OBJECT_PATH_NOT_FOUND);
    assert_int_equal(fltsim_open("C:\\FILE.TXT", &(struct fltsim_open){.disposition = FILE_CREATE}, &handle),
                     STATUS_OBJECT_NAME_COLLISION);
}

static void Deletes(void **state)
{
    HANDLE handle;
    Make("C:\\a.txt", "a");
    handle = Open("C:\\a.txt", FILE_OPEN, DELETE);
    assert_int_equal(fltsim_set_delete(handle, true), STATUS_SUCCESS);
    assert_int_equal(fltsim_set_delete(handle, false), STATUS_SUCCESS);
    fltsim_close(handle);
    assert_int_equal(fltsim_delete("C:\\a.txt"), STATUS_SUCCESS);
    assert_int_equal(fltsim_delete("C:\\a.txt"), STATUS_OBJECT_NAME_NOT_FOUND);
    Make("C:\\b.txt", "b");
    assert_int_equal(fltsim_open("C:\\b.txt", &(struct fltsim_open){.options = FILE_DELETE_ON_CLOSE}, &handle),
                     STATUS_SUCCESS);
    fltsim_close(handle);
    assert_int_equal(fltsim_open("C:\\b.txt", NULL, &handle), STATUS_OBJECT_NAME_NOT_FOUND);
}

static void RenamesAndLinks(void **state)
{
    HANDLE handle;
    assert_int_equal(fltsim_make_directory("C:\\dir"), STATUS_SUCCESS);
    assert_int_equal(fltsim_make_directory("C:\\dir"), STATUS_OBJECT_NAME_COLLISION);
    Make("C:\\a.txt", "a");
    Make("C:\\dir\\old.txt", "old");
    handle = Open("C:\\a.txt", FILE_OPEN, DELETE);
    assert_int_equal(fltsim_rename(handle, "b.txt", false), STATUS_SUCCESS);
    assert_int_equal(fltsim_rename(handle, "C:\\dir\\old.txt", false), STATUS_OBJECT_NAME_COLLISION);
    assert_int_equal(fltsim_rename(handle, "C:\\dir\\old.txt", true), STATUS_SUCCESS);
    fltsim_close(handle);
    assert_int_equal(fltsim_open("C:\\a.txt", NULL, &handle), STATUS_OBJECT_NAME_NOT_FOUND);
    handle = Open("C:\\dir\\old.txt", FILE_OPEN, GENERIC_READ);
    char text[4];
    size_t done;
    assert_int_equal(fltsim_read(handle, text, 4, 0, &done), STATUS_SUCCESS);
    assert_int_equal(done, 1);
    assert_int_equal(fltsim_link(handle, "C:\\link.txt", false), STATUS_SUCCESS);
    fltsim_close(handle);
    fltsim_close(Open("C:\\link.txt", FILE_OPEN, GENERIC_READ));
}

static bool Count(const char *name, ULONG attributes, uint64_t size, void *context)
{
    unsigned *counts = context;
    counts[0]++;
    if (!strcmp(name, "a.txt") && size == 3)
        counts[1]++;
    return true;
}

static void Enumerates(void **state)
{
    unsigned counts[2] = {0};
    fltsim_make_directory("C:\\dir");
    Make("C:\\dir\\a.txt", "abc");
    Make("C:\\dir\\b.log", "");
    HANDLE handle;
    assert_int_equal(fltsim_open("C:\\dir", &(struct fltsim_open){.options = FILE_DIRECTORY_FILE}, &handle), 0);
    assert_int_equal(fltsim_enumerate(handle, NULL, Count, counts), STATUS_SUCCESS);
    assert_int_equal(counts[0], 4); /* "." and ".." too */
    assert_int_equal(counts[1], 1);
    fltsim_close(handle);
    memset(counts, 0, sizeof counts);
    assert_int_equal(fltsim_open("C:\\dir", &(struct fltsim_open){.options = FILE_DIRECTORY_FILE}, &handle), 0);
    assert_int_equal(fltsim_enumerate(handle, "*.txt", Count, counts), STATUS_SUCCESS);
    assert_int_equal(counts[0], 1);
    fltsim_close(handle);
}

static void Shares(void **state)
{
    HANDLE second;
    Make("C:\\a.txt", "a");
    HANDLE first = Open("C:\\a.txt", FILE_OPEN, GENERIC_READ);
    assert_int_equal(fltsim_open("C:\\a.txt", &(struct fltsim_open){.share = FLTSIM_SHARE_NONE}, &second),
                     STATUS_SHARING_VIOLATION);
    fltsim_close(first);
}

static void LocksRanges(void **state)
{
    HANDLE first = Open("C:\\a.txt", FILE_OPEN_IF, GENERIC_READ | GENERIC_WRITE);
    HANDLE second = Open("C:\\a.txt", FILE_OPEN, GENERIC_READ | GENERIC_WRITE);
    char text[4];
    assert_int_equal(fltsim_write(first, "abcdef", 6, 0, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_lock(first, 0, 4, true, false), STATUS_SUCCESS);
    assert_int_equal(fltsim_lock(second, 2, 4, true, false), STATUS_LOCK_NOT_GRANTED);
    assert_int_equal(fltsim_read(second, text, 2, 0, NULL), STATUS_FILE_LOCK_CONFLICT);
    assert_int_equal(fltsim_unlock(first, 0, 4), STATUS_SUCCESS);
    assert_int_equal(fltsim_unlock(first, 0, 4), STATUS_RANGE_NOT_LOCKED);
    assert_int_equal(fltsim_read(second, text, 2, 0, NULL), STATUS_SUCCESS);
    fltsim_close(second);
    fltsim_close(first);
}

static void MapsViews(void **state)
{
    struct fltsim_view view;
    char text[8];
    HANDLE handle = Open("C:\\a.bin", FILE_OPEN_IF, GENERIC_READ | GENERIC_WRITE);
    assert_int_equal(fltsim_set_size(handle, 8192), STATUS_SUCCESS);
    assert_int_equal(fltsim_write(handle, "view", 4, 4096, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_map(handle, true, 0, &view), STATUS_SUCCESS);
    assert_int_equal(view.size, 8192);
    assert_memory_equal((char *)view.base + 4096, "view", 4);
    memcpy(view.base, "mapped", 6);
    assert_int_equal(fltsim_flush_view(&view), STATUS_SUCCESS);
    assert_int_equal(fltsim_unmap(&view), STATUS_SUCCESS);
    assert_int_equal(fltsim_read(handle, text, 6, 0, NULL), STATUS_SUCCESS);
    assert_memory_equal(text, "mapped", 6);
    fltsim_close(handle);
}

static void VolumesAreQueried(void **state)
{
    FILE_FS_SIZE_INFORMATION size;
    FILE_FS_DEVICE_INFORMATION device;
    HANDLE handle = Open("C:\\", FILE_OPEN, GENERIC_READ);
    assert_int_equal(fltsim_query_volume(handle, FileFsSizeInformation, &size, sizeof size), STATUS_SUCCESS);
    assert_true(size.TotalAllocationUnits.QuadPart > 0);
    assert_int_equal(fltsim_query_volume(handle, FileFsDeviceInformation, &device, sizeof device), STATUS_SUCCESS);
    assert_int_equal(device.DeviceType, FILE_DEVICE_DISK);
    assert_true(device.Characteristics & FILE_DEVICE_IS_MOUNTED);
    fltsim_close(handle);
    assert_string_equal(fltsim_volume_dos_name(volume), "C:");
    assert_string_equal(fltsim_volume_device_name(volume), "\\Device\\HarddiskVolume1");
}

static void SeveralVolumes(void **state)
{
    struct fltsim_volume *second, *third;
    HANDLE handle;
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'C'}, &second),
                     STATUS_OBJECT_NAME_COLLISION);
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.kind = FLTSIM_FAT, .not_mounted = true}, &second),
                     STATUS_SUCCESS);
    assert_string_equal(fltsim_volume_dos_name(second), "D:");
    assert_int_equal(fltsim_mount(NULL, &third), STATUS_SUCCESS);
    Make("D:\\a.txt", "on d");
    Make("E:\\a.txt", "on e");
    handle = Open("D:\\a.txt", FILE_OPEN, DELETE);
    assert_int_equal(fltsim_rename(handle, "E:\\b.txt", false), STATUS_NOT_SAME_DEVICE);
    assert_int_equal(fltsim_dismount(second), STATUS_SUCCESS);
    char text[4];
    assert_int_equal(fltsim_read(handle, text, 1, 0, NULL), STATUS_ACCESS_DENIED);
    assert_int_equal(fltsim_set_delete(handle, true), STATUS_VOLUME_DISMOUNTED);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
    assert_int_equal(fltsim_open("D:\\a.txt", NULL, &handle), STATUS_OBJECT_PATH_NOT_FOUND);
    assert_int_equal(fltsim_dismount(third), STATUS_SUCCESS);
}

static void CompletionKinds(void **state)
{
    for (enum fltsim_completion kind = FLTSIM_COMPLETE_INLINE; kind <= FLTSIM_COMPLETE_DISPATCH; kind++) {
        struct fltsim_volume *other;
        char text[8];
        HANDLE handle;
        assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'Q', .completion = kind}, &other), 0);
        Make("Q:\\a.txt", "text");
        assert_int_equal(fltsim_open("Q:\\a.txt",
                                     &(struct fltsim_open){.options = FILE_NO_INTERMEDIATE_BUFFERING,
                                                           .access = GENERIC_READ},
                                     &handle),
                         STATUS_SUCCESS);
        char sector[512];
        size_t done;
        assert_int_equal(fltsim_read(handle, sector, 512, 0, &done), STATUS_SUCCESS);
        assert_int_equal(done, 4);
        fltsim_close(handle);
        handle = Open("Q:\\a.txt", FILE_OPEN, GENERIC_READ);
        assert_int_equal(fltsim_read(handle, text, 4, 0, &done), STATUS_SUCCESS);
        assert_memory_equal(text, "text", 4);
        fltsim_close(handle);
        assert_int_equal(fltsim_dismount(other), STATUS_SUCCESS);
    }
}

static int Hammer(void *argument)
{
    char path[32], buffer[64] = {0};
    HANDLE handle;
    snprintf(path, sizeof path, "C:\\%d.txt", (int)(intptr_t)argument);
    for (int i = 0; i < 200; i++) {
        if (!NT_SUCCESS(fltsim_open(path,
                                    &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE,
                                                          .disposition = FILE_OPEN_IF},
                                    &handle)))
            return 1;
        if (!NT_SUCCESS(fltsim_write(handle, buffer, sizeof buffer, 0, NULL)) ||
            !NT_SUCCESS(fltsim_read(handle, buffer, sizeof buffer, 0, NULL)))
            return 2;
        fltsim_close(handle);
    }
    return 0;
}

static void ManyThreads(void **state)
{
    struct fltsim_thread *threads[4];
    for (intptr_t i = 0; i < 4; i++)
        threads[i] = fltsim_thread_create(NULL, Hammer, (void *)(i / 2));
    for (int i = 0; i < 4; i++)
        assert_int_equal(fltsim_thread_join(threads[i]), 0);
}

static void LongPaths(void **state)
{
    char path[1024] = "C:\\";
    HANDLE handle;
    memset(path + 3, 'x', 700);
    strcpy(path + 703, "\\y");
    assert_int_equal(fltsim_open(path, NULL, &handle), STATUS_OBJECT_NAME_INVALID);
    assert_int_equal(fltsim_open("C:\\\xC3\xA4\xE2\x82\xAC.txt", &(struct fltsim_open){.disposition = FILE_CREATE}, &handle),
                     STATUS_SUCCESS);
    fltsim_close(handle);
    fltsim_close(Open("C:\\\xC3\x84\xE2\x82\xAC.TXT", FILE_OPEN, GENERIC_READ));
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, Setup, Teardown)
    const struct CMUnitTest tests[] = {
        CASE(WritesAndReads),
        CASE(Deletes),
        CASE(RenamesAndLinks),
        CASE(Enumerates),
        CASE(Shares),
        CASE(LocksRanges),
        CASE(MapsViews),
        CASE(VolumesAreQueried),
        CASE(SeveralVolumes),
        CASE(CompletionKinds),
        CASE(ManyThreads),
        CASE(LongPaths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
