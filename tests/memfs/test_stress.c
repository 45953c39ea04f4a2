/* Many threads on one folder: opens, reads, writes, renames, deletions, listings, trims. */
#include "unit.h"

enum { THREADS = 4, ROUNDS = 60, FILES = 5 };

static bool dismounts; /* now and then somebody dismounts, or locks, the volume */
static bool observed;  /* somebody asks about clusters and changes meanwhile */

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

/* -- who watches ------------------------------------------------------------------------------- */

static void read_journal(HANDLE volume)
{
    static _Thread_local UCHAR out[8192];
    USN_JOURNAL_DATA_V0 journal;
    MFT_ENUM_DATA_V0 files = {.HighUsn = MAXLONGLONG};
    CREATE_USN_JOURNAL_DATA create = {.MaximumSize = 16384, .AllocationDelta = 4096};
    if (!NT_SUCCESS(fltsim_fsctl(volume, FSCTL_QUERY_USN_JOURNAL, NULL, 0, &journal, sizeof journal, NULL))) {
        fltsim_fsctl(volume, FSCTL_CREATE_USN_JOURNAL, &create, sizeof create, NULL, 0, NULL);
        return;
    }
    READ_USN_JOURNAL_DATA_V0 ask = {.ReasonMask = MAXULONG, .UsnJournalID = journal.UsnJournalID};
    fltsim_fsctl(volume, FSCTL_READ_USN_JOURNAL, &ask, sizeof ask, out, sizeof out, NULL);
    fltsim_fsctl(volume, FSCTL_ENUM_USN_DATA, &files, sizeof files, out, sizeof out, NULL);
    if (journal.NextUsn > 60000) {
        DELETE_USN_JOURNAL_DATA gone = {journal.UsnJournalID, USN_DELETE_FLAG_DELETE};
        fltsim_fsctl(volume, FSCTL_DELETE_USN_JOURNAL, &gone, sizeof gone, NULL, 0, NULL);
    }
}

/* Whatever moves meanwhile: no cluster is had twice. */
static void look_at_clusters(HANDLE volume, unsigned *seed)
{
    static _Thread_local UCHAR bitmap[64 * 1024], record[2048];
    STARTING_LCN_INPUT_BUFFER lcn = {.StartingLcn.QuadPart = 0};
    NTFS_FILE_RECORD_INPUT_BUFFER number = {.FileReferenceNumber.QuadPart = 16 + next_random(seed) % 16};
    HANDLE handle;
    char path[32];
    fltsim_fsctl(volume, FSCTL_GET_VOLUME_BITMAP, &lcn, sizeof lcn, bitmap, sizeof bitmap, NULL);
    fltsim_fsctl(volume, FSCTL_GET_NTFS_FILE_RECORD, &number, sizeof number, record, sizeof record, NULL);
    snprintf(path, sizeof path, "C:\\d\\f%u", next_random(seed) % FILES);
    if (!NT_SUCCESS(fltsim_open(path, &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE}, &handle)))
        return;
    MOVE_FILE_DATA data = {.FileHandle = handle, .StartingLcn.QuadPart = next_random(seed) % 1000, .ClusterCount = 1};
    fltsim_fsctl(volume, FSCTL_MOVE_FILE, &data, sizeof data, NULL, 0, NULL);
    if (next_random(seed) % 4 == 0)
        fltsim_fsctl(handle, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, NULL);
    fltsim_fsctl(handle, FSCTL_GET_RETRIEVAL_POINTERS, &lcn, sizeof lcn, bitmap, sizeof bitmap, NULL);
    fltsim_close(handle);
}

static int watch(void *argument)
{
    unsigned seed = (unsigned)(uintptr_t)argument;
    for (int i = 0; i < ROUNDS; i++) {
        HANDLE volume;
        if (!NT_SUCCESS(fltsim_open("C:", &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE}, &volume)))
            continue;
        read_journal(volume);
        look_at_clusters(volume, &seed);
        fltsim_close(volume);
    }
    return 0;
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
    struct fltsim_thread *watcher = observed ? fltsim_thread_create(NULL, watch, (void *)(uintptr_t)seed) : NULL;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(fltsim_thread_join(threads[i]), 0);
    if (watcher)
        assert_int_equal(fltsim_thread_join(watcher), 0);
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

static void somebody_watches_meanwhile(void **state)
{
    observed = true;
    for (uint64_t seed = 21; seed <= 24; seed++) {
        dismounts = seed == 24;
        run_with(seed, seed % 4 ? FLTSIM_NTFS : FLTSIM_FAT, (enum fltsim_completion)(seed % 4));
    }
    observed = dismounts = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_a_volume_that_is_dismounted),
        cmocka_unit_test(threads_share_a_folder),
        cmocka_unit_test(somebody_watches_meanwhile),
    };
    return cmocka_run_group_tests_name("memfs/stress", tests, NULL, NULL);
}
