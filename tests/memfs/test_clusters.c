/* Where files lie on their disk: retrieval pointers, the bitmap, moving, and who has a cluster. */
#include "unit.h"

#include <stdlib.h>

enum { CLUSTER = 4096, DISK = 1 << 20, CLUSTERS = DISK / CLUSTER, MOST = 32 };

static union {
    RETRIEVAL_POINTERS_BUFFER info;
    UCHAR bytes[FIELD_OFFSET(RETRIEVAL_POINTERS_BUFFER, Extents) + MOST * 16];
} pointers;
/* As many as counted, whatever the type says. */
#define EXTENTS ((const RETRIEVAL_POINTERS_BUFFER *)(const void *)&pointers)->Extents

static union {
    VOLUME_BITMAP_BUFFER info;
    UCHAR bytes[FIELD_OFFSET(VOLUME_BITMAP_BUFFER, Buffer) + CLUSTERS / 8];
} bitmap;

static void start(enum fltsim_volume_kind kind)
{
    unit_start_with((struct fltsim_volume_options){.kind = kind, .size = DISK});
}

static NTSTATUS control(HANDLE handle, ULONG code, const void *in, ULONG in_length, void *out, ULONG out_length)
{
    size_t done;
    return fltsim_fsctl(handle, code, in, in_length, out, out_length, &done);
}

static NTSTATUS get_pointers(HANDLE handle, LONGLONG vcn)
{
    STARTING_VCN_INPUT_BUFFER in = {.StartingVcn.QuadPart = vcn};
    return control(handle, FSCTL_GET_RETRIEVAL_POINTERS, &in, sizeof in, &pointers, sizeof pointers);
}

static NTSTATUS get_bitmap(HANDLE volume, LONGLONG lcn)
{
    STARTING_LCN_INPUT_BUFFER in = {.StartingLcn.QuadPart = lcn};
    return control(volume, FSCTL_GET_VOLUME_BITMAP, &in, sizeof in, &bitmap, sizeof bitmap);
}

static bool is_used(HANDLE volume, LONGLONG lcn)
{
    assert_int_equal(get_bitmap(volume, 0), STATUS_SUCCESS);
    const UCHAR *bits = bitmap.info.Buffer;
    return bits[lcn / 8] >> (lcn % 8) & 1;
}

static LONGLONG used_clusters(HANDLE volume)
{
    LONGLONG count = 0;
    assert_int_equal(get_bitmap(volume, 0), STATUS_SUCCESS);
    assert_int_equal(bitmap.info.BitmapSize.QuadPart, CLUSTERS);
    const UCHAR *bits = bitmap.info.Buffer;
    for (int i = 0; i < CLUSTERS; i++)
        count += bits[i / 8] >> (i % 8) & 1;
    return count;
}

/* By FileFsSizeInformation. */
static LONGLONG taken_clusters(HANDLE handle)
{
    FILE_FS_SIZE_INFORMATION size;
    assert_int_equal(fltsim_query_volume(handle, FileFsSizeInformation, &size, sizeof size), STATUS_SUCCESS);
    return size.TotalAllocationUnits.QuadPart - size.AvailableAllocationUnits.QuadPart;
}

static LONGLONG allocation_of(HANDLE handle)
{
    FILE_STANDARD_INFORMATION info;
    assert_int_equal(fltsim_query(handle, FileStandardInformation, &info, sizeof info), STATUS_SUCCESS);
    return info.AllocationSize.QuadPart;
}

static LONGLONG clusters_of(HANDLE handle)
{
    LONGLONG count = 0, vcn = 0;
    NTSTATUS status = get_pointers(handle, 0);
    if (status == STATUS_END_OF_FILE)
        return 0;
    assert_int_equal(status, STATUS_SUCCESS);
    assert_int_equal(pointers.info.StartingVcn.QuadPart, 0);
    for (ULONG i = 0; i < pointers.info.ExtentCount; i++) {
        assert_true(EXTENTS[i].NextVcn.QuadPart > vcn);
        if (EXTENTS[i].Lcn.QuadPart != -1)
            count += EXTENTS[i].NextVcn.QuadPart - vcn;
        vcn = EXTENTS[i].NextVcn.QuadPart;
    }
    return count;
}

static HANDLE sized_file(const char *path, LONGLONG size)
{
    HANDLE handle = open_for(path, GENERIC_READ | GENERIC_WRITE | DELETE, FILE_OPEN_IF, FILE_NON_DIRECTORY_FILE);
    assert_int_equal(fltsim_set_size(handle, (ULONGLONG)size), STATUS_SUCCESS);
    return handle;
}

static HANDLE open_volume(void)
{
    return open_for("", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
}

/* -- agreement --------------------------------------------------------------------------------- */

static void pointers_bitmap_and_sizes_agree(void **state)
{
    static const LONGLONG sizes[] = {0, 1, 5 * CLUSTER, 40 * CLUSTER + 3, 2 * CLUSTER};
    for (int kind = FLTSIM_NTFS; kind <= FLTSIM_FAT; kind++) {
        HANDLE files[5];
        LONGLONG sum = 0;
        char name[8] = "\\f0";
        start(kind);
        HANDLE volume = open_volume();
        assert_int_equal(used_clusters(volume), 0);
        for (int round = 0; round < 5; round++) {
            for (int i = 0; i < 5; i++) {
                name[2] = (char)('0' + i);
                files[i] = sized_file(name, sizes[(i + round) % 5]);
                assert_int_equal(clusters_of(files[i]) * CLUSTER, allocation_of(files[i]));
                for (ULONG e = 0; clusters_of(files[i]) && e < pointers.info.ExtentCount; e++)
                    assert_true(is_used(volume, EXTENTS[e].Lcn.QuadPart));
            }
            sum = 0;
            for (int i = 0; i < 5; i++) {
                sum += clusters_of(files[i]);
                close_it(files[i]);
            }
            assert_int_equal(sum, used_clusters(volume));
            assert_int_equal(sum, taken_clusters(volume));
        }
        assert_int_equal(fltsim_delete(at("\\f2")), STATUS_SUCCESS);
        assert_int_equal(used_clusters(volume), taken_clusters(volume));
        assert_true(used_clusters(volume) < sum);
        close_it(volume);
        unit_stop();
    }
}

static void a_file_stays_where_it_lies(void **state)
{
    start(FLTSIM_NTFS);
    HANDLE first = sized_file("\\first", 3 * CLUSTER);
    assert_int_equal(get_pointers(first, 0), STATUS_SUCCESS);
    LONGLONG lcn = EXTENTS[0].Lcn.QuadPart;
    HANDLE second = sized_file("\\second", CLUSTER);
    assert_int_equal(clusters_of(second), 1);
    assert_int_equal(EXTENTS[0].Lcn.QuadPart, lcn + 3);
    assert_int_equal(fltsim_set_size(first, 5 * CLUSTER), STATUS_SUCCESS); /* what follows is taken */
    assert_int_equal(clusters_of(first), 5);
    assert_int_equal(pointers.info.ExtentCount, 2);
    assert_int_equal(EXTENTS[0].Lcn.QuadPart, lcn);
    assert_int_equal(EXTENTS[0].NextVcn.QuadPart, 3);
    assert_int_equal(EXTENTS[1].Lcn.QuadPart, lcn + 4);
    assert_int_equal(EXTENTS[1].NextVcn.QuadPart, 5);
    assert_int_equal(get_pointers(first, 4), STATUS_SUCCESS); /* from the extent's begin on */
    assert_int_equal(pointers.info.StartingVcn.QuadPart, 3);
    assert_int_equal(pointers.info.ExtentCount, 1);
    close_it(first);
    close_it(second);
    unit_stop();
}

static void a_full_disk_has_a_full_bitmap(void **state)
{
    start(FLTSIM_FAT);
    HANDLE volume = open_volume(), one = sized_file("\\one", 10 * CLUSTER), big = sized_file("\\big", 40 * CLUSTER);
    assert_int_equal(used_clusters(volume), 50);
    assert_int_equal(fltsim_set_size(one, 0), STATUS_SUCCESS);
    assert_int_equal(fltsim_set_size(big, DISK), STATUS_SUCCESS);
    assert_int_equal(used_clusters(volume), CLUSTERS);
    assert_int_equal(clusters_of(big), CLUSTERS);
    assert_int_equal(fltsim_set_size(one, 1), STATUS_DISK_FULL);
    close_it(one);
    close_it(big);
    close_it(volume);
    unit_stop();
}

static void holes_of_sparse_files_have_no_clusters(void **state)
{
    start(FLTSIM_NTFS);
    HANDLE volume = open_volume(), file = sized_file("\\f", 0);
    assert_int_equal(control(file, FSCTL_SET_SPARSE, NULL, 0, NULL, 0), STATUS_SUCCESS);
    assert_int_equal(fltsim_set_size(file, 100 * CLUSTER), STATUS_SUCCESS);
    assert_int_equal(fltsim_write(file, "text", 4, 50 * CLUSTER + 7, NULL), STATUS_SUCCESS);
    assert_int_equal(allocation_of(file), CLUSTER);
    assert_int_equal(get_pointers(file, 0), STATUS_SUCCESS);
    assert_int_equal(pointers.info.ExtentCount, 3);
    assert_int_equal(EXTENTS[0].Lcn.QuadPart, -1);
    assert_int_equal(EXTENTS[0].NextVcn.QuadPart, 50);
    assert_true(EXTENTS[1].Lcn.QuadPart >= 0);
    assert_int_equal(EXTENTS[1].NextVcn.QuadPart, 51);
    assert_int_equal(EXTENTS[2].Lcn.QuadPart, -1);
    assert_int_equal(EXTENTS[2].NextVcn.QuadPart, 100);
    assert_int_equal(used_clusters(volume), 1);
    assert_int_equal(taken_clusters(volume), 1);
    FILE_ZERO_DATA_INFORMATION zero = {.BeyondFinalZero.QuadPart = 100 * CLUSTER};
    assert_int_equal(control(file, FSCTL_SET_ZERO_DATA, &zero, sizeof zero, NULL, 0), STATUS_SUCCESS);
    assert_int_equal(used_clusters(volume), 0);
    assert_int_equal(taken_clusters(volume), 0);
    FILE_SET_SPARSE_BUFFER dense = {FALSE};
    assert_int_equal(control(file, FSCTL_SET_SPARSE, &dense, sizeof dense, NULL, 0), STATUS_SUCCESS);
    assert_int_equal(used_clusters(volume), 100);
    assert_int_equal(taken_clusters(volume), 100);
    close_it(file);
    close_it(volume);
    unit_stop();
}

static void a_sparse_file_fills_the_disk_when_it_is_written(void **state)
{
    static UCHAR data[16 * CLUSTER];
    start(FLTSIM_NTFS);
    HANDLE file = sized_file("\\f", 0), other = sized_file("\\other", (CLUSTERS - 8) * CLUSTER);
    assert_int_equal(control(file, FSCTL_SET_SPARSE, NULL, 0, NULL, 0), STATUS_SUCCESS);
    assert_int_equal(fltsim_set_size(file, 4 * DISK), STATUS_SUCCESS);
    assert_int_equal(fltsim_write(file, data, 8 * CLUSTER, 0, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_write(file, data, CLUSTER, 20 * CLUSTER, NULL), STATUS_DISK_FULL);
    assert_int_equal(fltsim_write(file, data, CLUSTER, 4 * CLUSTER, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_write(file, data, CLUSTER, 4 * DISK, NULL), STATUS_DISK_FULL);
    FILE_STANDARD_INFORMATION info;
    assert_int_equal(fltsim_query(file, FileStandardInformation, &info, sizeof info), STATUS_SUCCESS);
    assert_int_equal(info.EndOfFile.QuadPart, 4 * DISK);
    close_it(file);
    close_it(other);
    unit_stop();
}

/* -- moving ------------------------------------------------------------------------------------ */

static NTSTATUS move(HANDLE volume, HANDLE file, LONGLONG vcn, LONGLONG lcn, ULONG count)
{
    MOVE_FILE_DATA data = {.FileHandle = file, .StartingVcn.QuadPart = vcn, .StartingLcn.QuadPart = lcn, .ClusterCount = count};
    return control(volume, FSCTL_MOVE_FILE, &data, sizeof data, NULL, 0);
}

static void clusters_are_moved(void **state)
{
    for (int kind = FLTSIM_NTFS; kind <= FLTSIM_FAT; kind++) {
        start(kind);
        make_file("\\f", "what it holds");
        HANDLE volume = open_volume(), file = sized_file("\\f", 10 * CLUSTER);
        assert_int_equal(get_pointers(file, 0), STATUS_SUCCESS);
        LONGLONG lcn = EXTENTS[0].Lcn.QuadPart;
        assert_int_equal(move(volume, file, 2, 200, 3), STATUS_SUCCESS);
        assert_int_equal(get_pointers(file, 0), STATUS_SUCCESS);
        assert_int_equal(pointers.info.ExtentCount, 3);
        assert_int_equal(EXTENTS[0].NextVcn.QuadPart, 2);
        assert_int_equal(EXTENTS[0].Lcn.QuadPart, lcn);
        assert_int_equal(EXTENTS[1].NextVcn.QuadPart, 5);
        assert_int_equal(EXTENTS[1].Lcn.QuadPart, 200);
        assert_int_equal(EXTENTS[2].Lcn.QuadPart, lcn + 5);
        assert_true(is_used(volume, 202));
        assert_false(is_used(volume, lcn + 2));
        assert_int_equal(used_clusters(volume), 10);
        assert_int_equal(move(volume, file, 0, lcn + 2, 2), STATUS_SUCCESS);
        assert_int_equal(move(volume, file, 0, 201, 1), STATUS_ALREADY_COMMITTED);
        char text[13];
        assert_int_equal(fltsim_read(file, text, sizeof text, 0, NULL), STATUS_SUCCESS);
        assert_memory_equal(text, "what it holds", sizeof text);
        close_it(file);
        close_it(volume);
        unit_stop();
    }
}

static void what_cannot_move_is_refused(void **state)
{
    static const struct {
        LONGLONG vcn, lcn;
        ULONG count;
    } wrong[] = {{-1, 200, 1}, {0, -1, 1}, {0, 200, 0}, {10, 200, 1}, {5, 200, 6}, {0, CLUSTERS, 1}, {0, CLUSTERS - 1, 2},
                 {0, MAXLONGLONG, 1}, {MAXLONGLONG, 0, 1}};
    start(FLTSIM_NTFS);
    HANDLE volume = open_volume(), file = sized_file("\\f", 10 * CLUSTER);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(move(volume, file, wrong[i].vcn, wrong[i].lcn, wrong[i].count), STATUS_INVALID_PARAMETER);
    assert_int_equal(move(file, file, 0, 200, 1), STATUS_INVALID_PARAMETER);   /* not the volume's handle */
    assert_int_equal(move(volume, volume, 0, 200, 1), STATUS_INVALID_PARAMETER); /* no file to move */
    assert_int_equal(move(volume, NULL, 0, 200, 1), STATUS_INVALID_HANDLE);
    make_folder("\\d");
    HANDLE folder = open_for("\\d", GENERIC_READ, FILE_OPEN, FILE_DIRECTORY_FILE);
    assert_int_equal(move(volume, folder, 0, 200, 1), STATUS_INVALID_PARAMETER);
    struct fltsim_volume *other;
    HANDLE elsewhere;
    assert_int_equal(fltsim_mount(&(struct fltsim_volume_options){.letter = 'X'}, &other), STATUS_SUCCESS);
    assert_int_equal(fltsim_open("X:\\f", &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_CREATE}, &elsewhere),
                     STATUS_SUCCESS);
    assert_int_equal(move(volume, elsewhere, 0, 200, 1), STATUS_INVALID_PARAMETER);
    close_it(elsewhere);
    close_it(folder);
    close_it(file);
    close_it(volume);
    unit_stop();
    unit_start_with((struct fltsim_volume_options){.read_only = true});
    volume = open_for("", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(move(volume, volume, 0, 0, 1), STATUS_MEDIA_WRITE_PROTECTED);
    close_it(volume);
    unit_stop();
}

/* -- whose is it? ------------------------------------------------------------------------------ */

static void clusters_are_traced_to_streams(void **state)
{
    struct {
        ULONG Flags, NumberOfClusters;
        LARGE_INTEGER Cluster[3];
    } ask = {.NumberOfClusters = 3};
    union {
        LOOKUP_STREAM_FROM_CLUSTER_OUTPUT head;
        UCHAR bytes[512];
    } out;
    start(FLTSIM_NTFS);
    make_folder("\\d");
    HANDLE volume = open_volume(), file = sized_file("\\d\\f", CLUSTER), stream = sized_file("\\d\\f:s", 2 * CLUSTER);
    assert_int_equal(get_pointers(file, 0), STATUS_SUCCESS);
    ask.Cluster[0] = EXTENTS[0].Lcn;
    assert_int_equal(get_pointers(stream, 0), STATUS_SUCCESS);
    ask.Cluster[1].QuadPart = EXTENTS[0].Lcn.QuadPart + 1;
    ask.Cluster[2].QuadPart = 3; /* nobody's */
    assert_int_equal(control(volume, FSCTL_LOOKUP_STREAM_FROM_CLUSTER, &ask, sizeof ask, &out, sizeof out), STATUS_SUCCESS);
    assert_int_equal(out.head.NumberOfMatches, 2);
    PLOOKUP_STREAM_FROM_CLUSTER_ENTRY entry = (PVOID)(out.bytes + out.head.Offset);
    assert_int_equal(entry->Cluster.QuadPart, ask.Cluster[0].QuadPart);
    assert_memory_equal(entry->FileName, u"\\d\\f::$DATA", sizeof u"\\d\\f::$DATA");
    assert_int_equal(entry->Flags & LOOKUP_STREAM_FROM_CLUSTER_ENTRY_ATTRIBUTE_MASK,
                     LOOKUP_STREAM_FROM_CLUSTER_ENTRY_ATTRIBUTE_DATA);
    entry = (PVOID)((UCHAR *)entry + entry->OffsetToNext);
    assert_memory_equal(entry->FileName, u"\\d\\f:s:$DATA", sizeof u"\\d\\f:s:$DATA");
    assert_int_equal(entry->OffsetToNext, 0);
    ULONG all = out.head.BufferSizeRequired;
    assert_int_equal(control(volume, FSCTL_LOOKUP_STREAM_FROM_CLUSTER, &ask, sizeof ask, &out, all - 1),
                     STATUS_BUFFER_OVERFLOW);
    assert_int_equal(out.head.NumberOfMatches, 1);
    assert_int_equal(out.head.BufferSizeRequired, all);
    assert_int_equal(control(volume, FSCTL_LOOKUP_STREAM_FROM_CLUSTER, &ask, sizeof ask, &out, sizeof out.head - 1),
                     STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(control(volume, FSCTL_LOOKUP_STREAM_FROM_CLUSTER, &ask, sizeof ask - 1, &out, sizeof out),
                     STATUS_INVALID_PARAMETER);
    close_it(file);
    close_it(stream);
    close_it(volume);
    unit_stop();
}

/* -- buffers and handles ----------------------------------------------------------------------- */

static void wrong_questions_about_clusters_are_refused(void **state)
{
    STARTING_VCN_INPUT_BUFFER vcn = {.StartingVcn.QuadPart = 0};
    for (int kind = FLTSIM_NTFS; kind <= FLTSIM_FAT; kind++) {
        start(kind);
        make_folder("\\d");
        HANDLE volume = open_volume(), file = sized_file("\\f", 2 * CLUSTER),
               folder = open_for("\\d", GENERIC_READ, FILE_OPEN, FILE_DIRECTORY_FILE);
        assert_int_equal(control(file, FSCTL_GET_RETRIEVAL_POINTERS, &vcn, 7, &pointers, sizeof pointers),
                         STATUS_INVALID_PARAMETER);
        assert_int_equal(control(file, FSCTL_GET_RETRIEVAL_POINTERS, &vcn, sizeof vcn, &pointers, sizeof pointers.info - 1),
                         STATUS_BUFFER_TOO_SMALL);
        assert_int_equal(get_pointers(file, -1), STATUS_INVALID_PARAMETER);
        assert_int_equal(get_pointers(file, 2), STATUS_END_OF_FILE);
        assert_int_equal(get_pointers(folder, 0), STATUS_END_OF_FILE);
        assert_int_equal(get_bitmap(file, 0), STATUS_INVALID_PARAMETER);
        assert_int_equal(get_bitmap(volume, -1), STATUS_INVALID_PARAMETER);
        assert_int_equal(get_bitmap(volume, CLUSTERS), STATUS_INVALID_PARAMETER);
        assert_int_equal(get_bitmap(volume, 13), STATUS_SUCCESS);
        assert_int_equal(bitmap.info.StartingLcn.QuadPart, 8);
        assert_int_equal(bitmap.info.BitmapSize.QuadPart, CLUSTERS - 8);
        assert_int_equal(control(volume, FSCTL_GET_VOLUME_BITMAP, &vcn, sizeof vcn, &bitmap, sizeof bitmap.info - 1),
                         STATUS_BUFFER_TOO_SMALL);
        assert_int_equal(control(volume, FSCTL_GET_VOLUME_BITMAP, &vcn, sizeof vcn, &bitmap, sizeof bitmap.info),
                         STATUS_BUFFER_OVERFLOW);
        assert_int_equal(bitmap.info.BitmapSize.QuadPart, CLUSTERS);
        LARGE_INTEGER base = {.QuadPart = 9};
        assert_int_equal(control(volume, FSCTL_GET_RETRIEVAL_POINTER_BASE, NULL, 0, &base, sizeof base), STATUS_SUCCESS);
        assert_int_equal(base.QuadPart, 0);
        assert_int_equal(control(volume, FSCTL_GET_RETRIEVAL_POINTER_BASE, NULL, 0, &base, 4), STATUS_BUFFER_TOO_SMALL);
        assert_int_equal(control(file, FSCTL_GET_RETRIEVAL_POINTER_BASE, NULL, 0, &base, sizeof base),
                         STATUS_INVALID_PARAMETER);
        assert_int_equal(control(file, FSCTL_QUERY_RETRIEVAL_POINTERS, &vcn, sizeof vcn, &pointers, sizeof pointers),
                         STATUS_INVALID_PARAMETER);
        assert_int_equal(get_pointers(volume, 0), kind == FLTSIM_NTFS ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER);
        close_it(folder);
        close_it(file);
        close_it(volume);
        unit_stop();
    }
}

/* As whoever pages asks: pairs of a length and a place, in bytes, ended by zeros. */
static void the_kernel_asks_where_a_paging_file_lies(void **state)
{
    LARGE_INTEGER map = {.QuadPart = 5 * CLUSTER}, pairs[8];
    IO_STATUS_BLOCK iosb;
    HANDLE file;
    start(FLTSIM_NTFS);
    assert_int_equal(fltsim_open(at("\\pagefile.sys"), &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE,
                                                                           .disposition = FILE_CREATE,
                                                                           .options = FILE_NO_INTERMEDIATE_BUFFERING,
                                                                           .paging_file = true}, &file),
                     STATUS_SUCCESS);
    assert_int_equal(fltsim_set_size(file, 8 * CLUSTER), STATUS_SUCCESS);
    assert_int_equal(get_pointers(file, 0), STATUS_SUCCESS);
    assert_int_equal(ZwFsControlFile(file, NULL, NULL, NULL, &iosb, FSCTL_QUERY_RETRIEVAL_POINTERS, &map, sizeof map, pairs,
                                     sizeof pairs),
                     STATUS_SUCCESS);
    assert_int_equal(pairs[0].QuadPart, 5 * CLUSTER);
    assert_int_equal(pairs[1].QuadPart, EXTENTS[0].Lcn.QuadPart * CLUSTER);
    assert_int_equal(pairs[2].QuadPart, 0);
    assert_int_equal(ZwFsControlFile(file, NULL, NULL, NULL, &iosb, FSCTL_QUERY_RETRIEVAL_POINTERS, &map, sizeof map, pairs,
                                     3 * sizeof *pairs),
                     STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(control(file, FSCTL_QUERY_RETRIEVAL_POINTERS, &map, sizeof map, pairs, sizeof pairs),
                     STATUS_INVALID_PARAMETER); /* a program */
    close_it(file);
    unit_stop();
}

static void extents_that_do_not_fit_are_asked_for_again(void **state)
{
    STARTING_VCN_INPUT_BUFFER vcn = {.StartingVcn.QuadPart = 0};
    RETRIEVAL_POINTER_COUNT count;
    start(FLTSIM_NTFS);
    HANDLE volume = open_volume(), file = sized_file("\\f", 6 * CLUSTER);
    assert_int_equal(move(volume, file, 2, 100, 1), STATUS_SUCCESS);
    assert_int_equal(move(volume, file, 4, 110, 1), STATUS_SUCCESS);
    assert_int_equal(control(file, FSCTL_GET_RETRIEVAL_POINTER_COUNT, &vcn, sizeof vcn, &count, sizeof count), STATUS_SUCCESS);
    assert_int_equal(count.ExtentCount, 5);
    for (ULONG i = 0; i < 5; i++) {
        NTSTATUS status = control(file, FSCTL_GET_RETRIEVAL_POINTERS, &vcn, sizeof vcn, &pointers, sizeof pointers.info);
        assert_int_equal(status, i < 4 ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS);
        assert_int_equal(pointers.info.ExtentCount, 1);
        assert_int_equal(pointers.info.StartingVcn.QuadPart, vcn.StartingVcn.QuadPart);
        vcn.StartingVcn = EXTENTS[0].NextVcn;
    }
    assert_int_equal(vcn.StartingVcn.QuadPart, 6);
    assert_int_equal(control(file, FSCTL_GET_RETRIEVAL_POINTER_COUNT, &vcn, sizeof vcn, &count, sizeof count),
                     STATUS_END_OF_FILE);
    close_it(file);
    close_it(volume);
    unit_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pointers_bitmap_and_sizes_agree),
        cmocka_unit_test(a_file_stays_where_it_lies),
        cmocka_unit_test(a_full_disk_has_a_full_bitmap),
        cmocka_unit_test(holes_of_sparse_files_have_no_clusters),
        cmocka_unit_test(a_sparse_file_fills_the_disk_when_it_is_written),
        cmocka_unit_test(clusters_are_moved),
        cmocka_unit_test(what_cannot_move_is_refused),
        cmocka_unit_test(clusters_are_traced_to_streams),
        cmocka_unit_test(wrong_questions_about_clusters_are_refused),
        cmocka_unit_test(the_kernel_asks_where_a_paging_file_lies),
        cmocka_unit_test(extents_that_do_not_fit_are_asked_for_again),
    };
    return cmocka_run_group_tests_name("memfs/clusters", tests, NULL, NULL);
}
