/* Many threads on one folder: opens, reads, writes, renames, deletions, listings, trims. */
#include "unit.h"

enum { THREADS = 4, ROUNDS = 60, FILES = 5 };

static bool dismounts; /* now and then somebody dismounts, or locks, the volume */

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return *seed >> 16;
}

static bool count_entry(const char *name, ULONG attributes, uint64_t size, void *context)
{
    ++*(unsigned *)context;
    return true;
}

static void write_and_read(const char *path, unsigned value)
{
    char text[64], back[64];
    size_t done;
    HANDLE handle;
    struct fltsim_open open = {.access = GENERIC_READ | GENERIC_WRITE, .disposition = FILE_OPEN_IF};
    if (!NT_SUCCESS(fltsim_open(path, &open, &handle)))
        return;
    int length = snprintf(text, sizeof text, "%u", value);
    if (NT_SUCCESS(fltsim_write(handle, text, (size_t)length, (int64_t)(value % 3) * 5000, &done)))
        fltsim_read(handle, back, sizeof back, 0, &done);
    fltsim_close(handle);
}

static void move(const char *path, const char *to)
{
    HANDLE handle;
    struct fltsim_open open = {.access = DELETE};
    if (!NT_SUCCESS(fltsim_open(path, &open, &handle)))
        return;
    fltsim_rename(handle, to, true);
    fltsim_close(handle);
}

static void list(void)
{
    HANDLE folder;
    unsigned count = 0;
    struct fltsim_open open = {.access = FILE_LIST_DIRECTORY, .options = FILE_DIRECTORY_FILE};
    if (!NT_SUCCESS(fltsim_open("C:\\d", &open, &folder)))
        return;
    fltsim_enumerate(folder, NULL, count_entry, &count);
    fltsim_close(folder);
}

/* The next open of anybody mounts anew. */
static void dismount(void)
{
    HANDLE volume;
    struct fltsim_open open = {.access = GENERIC_READ | GENERIC_WRITE};
    if (!NT_SUCCESS(fltsim_open("C:", &open, &volume)))
        return;
    fltsim_fsctl(volume, FSCTL_DISMOUNT_VOLUME, NULL, 0, NULL, 0, NULL);
    fltsim_close(volume);
}

static void lock_volume(void)
{
    HANDLE volume;
    struct fltsim_open open = {.access = GENERIC_READ | GENERIC_WRITE};
    if (!NT_SUCCESS(fltsim_open("C:", &open, &volume)))
        return;
    if (NT_SUCCESS(fltsim_fsctl(volume, FSCTL_LOCK_VOLUME, NULL, 0, NULL, 0, NULL)))
        fltsim_fsctl(volume, FSCTL_UNLOCK_VOLUME, NULL, 0, NULL, 0, NULL);
    fltsim_close(volume);
}

static void rest(unsigned seed)
{
    if (!dismounts)
        fltsim_trim(unit.volume);
    else if (seed % 4 == 0)
        dismount();
    else if (seed % 4 == 1)
        lock_volume();
    else
        fltsim_trim(unit.volume);
}

static int work(void *argument)
{
    unsigned seed = (unsigned)(uintptr_t)argument;
    for (int i = 0; i < ROUNDS; i++) {
        char path[32], to[32];
        snprintf(path, sizeof path, "C:\\d\\f%u", next_random(&seed) % FILES);
        snprintf(to, sizeof to, "f%u", next_random(&seed) % FILES);
        switch (next_random(&seed) % 8) {
        case 0:
            fltsim_delete(path);
            break;
        case 1:
            move(path, to);
            break;
        case 2:
            list();
            break;
        case 3:
            rest(next_random(&seed));
            break;
        default:
            write_and_read(path, next_random(&seed));
            break;
        }
    }
    return 0;
}

static void run_with(uint64_t seed, enum fltsim_volume_kind kind, enum fltsim_completion completion)
{
    struct fltsim_thread *threads[THREADS];
    assert_true(fltsim_start(&(struct fltsim_options){.seed = seed}));
    assert_int_equal(
        fltsim_mount(&(struct fltsim_volume_options){.kind = kind, .completion = completion},
                     &unit.volume),
        STATUS_SUCCESS);
    unit.letter = "C:";
    make_folder("\\d");
    for (unsigned i = 0; i < THREADS; i++)
        threads[i] = fltsim_thread_create(NULL, work, (void *)(uintptr_t)(seed * 16 + i + 1));
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(fltsim_thread_join(threads[i]), 0);
    unit_stop();
}

static void threads_share_a_folder(void **state)
{
    for (uint64_t seed = 1; seed <= 6; seed++)
        run_with(seed, seed % 2 ? FLTSIM_NTFS : FLTSIM_FAT, (enum fltsim_completion)(seed % 4));
}

static void threads_share_a_volume_that_is_dismounted(void **state)
{
    dismounts = true;
    for (uint64_t seed = 11; seed <= 14; seed++)
        run_with(seed, seed % 2 ? FLTSIM_NTFS : FLTSIM_FAT, (enum fltsim_completion)(seed % 4));
    dismounts = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_a_volume_that_is_dismounted),
        cmocka_unit_test(threads_share_a_folder),
    };
    return cmocka_run_group_tests_name("memfs/stress", tests, NULL, NULL);
}
