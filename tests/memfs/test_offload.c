/* Control codes about the data of files: copies that the disk makes, regions, trims, statistics. */
#include "unit.h"

#include "memfs/memfs.h"

#include <ntddstor.h>

enum { PAGE = 4096, SIZE = 3 * PAGE };

static FSCTL_OFFLOAD_READ_OUTPUT token;
static FSCTL_OFFLOAD_WRITE_OUTPUT written;

static NTSTATUS control(HANDLE handle, ULONG code, const void *in, ULONG in_length, void *out, ULONG out_length)
{
    size_t done;
    return fltsim_fsctl(handle, code, in, in_length, out, out_length, &done);
}

static NTSTATUS offload_read(HANDLE handle, ULONGLONG offset, ULONGLONG length, ULONG life)
{
    FSCTL_OFFLOAD_READ_INPUT in = {.Size = sizeof in, .TokenTimeToLive = life, .FileOffset = offset, .CopyLength = length};
    return control(handle, FSCTL_OFFLOAD_READ, &in, sizeof in, &token, sizeof token);
}

static NTSTATUS offload_write(HANDLE handle, ULONGLONG offset, ULONGLONG length, ULONGLONG from)
{
    FSCTL_OFFLOAD_WRITE_INPUT in = {.Size = sizeof in, .FileOffset = offset, .CopyLength = length, .TransferOffset = from};
    memcpy(in.Token, token.Token, sizeof in.Token);
    return control(handle, FSCTL_OFFLOAD_WRITE, &in, sizeof in, &written, sizeof written);
}

static HANDLE make(const char *path, UCHAR first, size_t size)
{
    static UCHAR data[4 * PAGE];
    HANDLE handle = open_for(path, GENERIC_READ | GENERIC_WRITE, FILE_OPEN_IF, 0);
    for (size_t i = 0; i < size; i++)
        data[i] = (UCHAR)(first + i / PAGE);
    assert_int_equal(fltsim_write(handle, data, size, 0, NULL), STATUS_SUCCESS);
    return handle;
}

static UCHAR byte_at(HANDLE handle, ULONGLONG offset)
{
    UCHAR byte;
    assert_int_equal(fltsim_read(handle, &byte, 1, offset, NULL), STATUS_SUCCESS);
    return byte;
}

static void a_token_stands_for_what_was_read(void **state)
{
    unit_start(FLTSIM_NTFS);
    HANDLE from = make("\\from", 1, SIZE), to = make("\\to", 100, SIZE);
    assert_int_equal(offload_read(from, PAGE, 2 * PAGE, 0), STATUS_SUCCESS);
    assert_int_equal(token.Size, sizeof token);
    assert_int_equal(token.TransferLength, 2 * PAGE);
    assert_int_equal(((PSTORAGE_OFFLOAD_TOKEN)token.Token)->TokenIdLength[0], 0x01);
    assert_int_equal(((PSTORAGE_OFFLOAD_TOKEN)token.Token)->TokenIdLength[1], 0xF8);
    assert_int_equal(fltsim_write(from, "new", 3, PAGE, NULL), STATUS_SUCCESS); /* later than the token */
    assert_int_equal(offload_write(to, 0, PAGE, PAGE), STATUS_SUCCESS);
    assert_int_equal(written.LengthWritten, PAGE);
    assert_int_equal(byte_at(to, 0), 3);
    assert_int_equal(byte_at(to, PAGE), 101);
    assert_int_equal(offload_write(to, PAGE, 8 * PAGE, 0), STATUS_SUCCESS); /* up to its end */
    assert_int_equal(written.LengthWritten, 2 * PAGE);
    assert_int_equal(byte_at(to, PAGE), 2);
    assert_int_equal(byte_at(to, 2 * PAGE), 3);
    assert_int_equal(offload_write(to, 0, PAGE, 2 * PAGE), STATUS_INVALID_PARAMETER); /* beyond the token's */
    token.Token[200] = 0;
    token.Token[8] ^= 1;
    assert_int_equal(offload_write(to, 0, PAGE, 0), STATUS_INVALID_TOKEN);
    close_it(from);
    close_it(to);
    unit_stop();
}

static void tokens_live_as_long_as_was_asked(void **state)
{
    unit_start(FLTSIM_NTFS);
    HANDLE file = make("\\f", 1, SIZE);
    assert_int_equal(offload_read(file, 0, PAGE, 500), STATUS_SUCCESS);
    fltsim_sleep(400);
    assert_int_equal(offload_write(file, PAGE, PAGE, 0), STATUS_SUCCESS);
    assert_int_equal(byte_at(file, PAGE), 1);
    fltsim_sleep(200);
    assert_int_equal(offload_write(file, PAGE, PAGE, 0), STATUS_INVALID_TOKEN);
    close_it(file);
    unit_stop();
}

static void zeros_have_a_token_that_everybody_knows(void **state)
{
    unit_start(FLTSIM_NTFS);
    HANDLE from = make("\\from", 1, PAGE), to = make("\\to", 100, SIZE);
    assert_int_equal(fltsim_set_size(from, SIZE), STATUS_SUCCESS);
    assert_int_equal(offload_read(from, PAGE, 2 * PAGE, 0), STATUS_SUCCESS);
    assert_int_equal(token.Flags, OFFLOAD_READ_FLAG_ALL_ZERO_BEYOND_CURRENT_RANGE);
    assert_int_equal(token.TransferLength, 2 * PAGE);
    static const UCHAR zeros[] = {0xFF, 0xFF, 0x00, 0x01};
    assert_memory_equal(token.Token, zeros, sizeof zeros);
    assert_int_equal(offload_write(to, PAGE, PAGE, 0), STATUS_SUCCESS);
    assert_int_equal(byte_at(to, PAGE), 0);
    assert_int_equal(byte_at(to, 2 * PAGE), 102);
    assert_int_equal(offload_read(from, 0, SIZE, 0), STATUS_SUCCESS); /* as far as it is valid */
    assert_int_equal(token.TransferLength, PAGE);
    assert_int_equal(token.Flags, OFFLOAD_READ_FLAG_ALL_ZERO_BEYOND_CURRENT_RANGE);
    assert_int_equal(offload_write(from, 2 * PAGE, PAGE, 0), STATUS_INVALID_PARAMETER); /* beyond what is valid */
    close_it(from);
    close_it(to);
    unit_stop();
}

static void wrong_offloads_are_refused(void **state)
{
    FSCTL_OFFLOAD_READ_INPUT in = {.Size = sizeof in};
    FSCTL_OFFLOAD_WRITE_INPUT write = {.Size = sizeof write};
    unit_start(FLTSIM_NTFS);
    make_folder("\\d");
    HANDLE file = make("\\f", 1, SIZE), small = make("\\small", 1, 100), folder = open_for("\\d", GENERIC_READ, FILE_OPEN, 0),
           volume = open_for("", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(offload_read(folder, 0, PAGE, 0), STATUS_INVALID_DEVICE_REQUEST);
    assert_int_equal(offload_read(volume, 0, PAGE, 0), STATUS_INVALID_DEVICE_REQUEST);
    assert_int_equal(offload_read(small, 0, 100, 0), STATUS_INVALID_PARAMETER);
    assert_int_equal(offload_read(file, 1, PAGE, 0), STATUS_INVALID_PARAMETER);
    assert_int_equal(offload_read(file, 0, PAGE + 1, 0), STATUS_INVALID_PARAMETER);
    assert_int_equal(offload_read(file, MAXULONGLONG - 511, PAGE, 0), STATUS_INVALID_PARAMETER);
    assert_int_equal(offload_read(file, SIZE, PAGE, 0), STATUS_END_OF_FILE);
    assert_int_equal(offload_read(file, 0, 0, 0), STATUS_SUCCESS);
    assert_int_equal(token.TransferLength, 0);
    assert_int_equal(control(file, FSCTL_OFFLOAD_READ, &in, sizeof in - 1, &token, sizeof token), STATUS_INVALID_PARAMETER);
    assert_int_equal(control(file, FSCTL_OFFLOAD_READ, &in, sizeof in, &token, sizeof token - 1), STATUS_BUFFER_TOO_SMALL);
    in.Size--;
    assert_int_equal(control(file, FSCTL_OFFLOAD_READ, &in, sizeof in, &token, sizeof token), STATUS_INVALID_PARAMETER);
    assert_int_equal(control(file, FSCTL_OFFLOAD_WRITE, &write, sizeof write - 1, &written, sizeof written),
                     STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(control(file, FSCTL_OFFLOAD_WRITE, &write, sizeof write, &written, sizeof written - 1),
                     STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(offload_read(file, 0, PAGE, 0), STATUS_SUCCESS);
    assert_int_equal(offload_write(file, 0, PAGE, 1), STATUS_INVALID_PARAMETER);
    HANDLE other = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(fltsim_lock(other, 0, PAGE, true, true), STATUS_SUCCESS);
    assert_int_equal(offload_read(file, 0, PAGE, 0), STATUS_FILE_LOCK_CONFLICT);
    assert_int_equal(offload_write(file, 0, PAGE, 0), STATUS_FILE_LOCK_CONFLICT);
    close_it(other);
    HANDLE reader = open_for("\\f", GENERIC_READ, FILE_OPEN, 0);
    FSCTL_OFFLOAD_WRITE_INPUT ask = {.Size = sizeof ask};
    assert_int_equal(fltsim_fsctl(reader, FSCTL_OFFLOAD_WRITE, &ask, sizeof ask, &written, sizeof written, NULL),
                     STATUS_ACCESS_DENIED);
    close_it(reader);
    assert_int_equal(control(file, FSCTL_SET_SPARSE, NULL, 0, NULL, 0), STATUS_SUCCESS);
    assert_int_equal(offload_read(file, 0, PAGE, 0), STATUS_OFFLOAD_READ_FILE_NOT_SUPPORTED);
    assert_int_equal(offload_write(file, 0, PAGE, 0), STATUS_OFFLOAD_WRITE_FILE_NOT_SUPPORTED);
    close_it(file);
    close_it(small);
    close_it(folder);
    close_it(volume);
    unit_stop();
    unit_start(FLTSIM_FAT);
    file = make("\\f", 1, SIZE);
    assert_int_equal(offload_read(file, 0, PAGE, 0), STATUS_INVALID_DEVICE_REQUEST);
    close_it(file);
    unit_stop();
}

/* -- regions, trims ---------------------------------------------------------------------------- */

static void regions_say_what_is_valid(void **state)
{
    union {
        FILE_REGION_OUTPUT info;
        UCHAR bytes[FIELD_OFFSET(FILE_REGION_OUTPUT, Region) + 2 * sizeof(FILE_REGION_INFO)];
    } out;
    FILE_REGION_INPUT in = {.FileOffset = 100, .Length = 2 * PAGE, .DesiredUsage = FILE_REGION_USAGE_VALID_CACHED_DATA};
    unit_start(FLTSIM_NTFS);
    make_folder("\\d");
    HANDLE file = make("\\f", 1, PAGE), folder = open_for("\\d", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(fltsim_set_size(file, SIZE), STATUS_SUCCESS);
    assert_int_equal(control(file, FSCTL_QUERY_FILE_REGIONS, NULL, 0, &out, sizeof out), STATUS_SUCCESS);
    assert_int_equal(out.info.TotalRegionEntryCount, 2);
    assert_int_equal(out.info.RegionEntryCount, 2);
    assert_int_equal(out.info.Region[0].FileOffset, 0);
    assert_int_equal(out.info.Region[0].Length, PAGE);
    assert_int_equal(out.info.Region[0].Usage, FILE_REGION_USAGE_VALID_CACHED_DATA);
    assert_int_equal((&out.info.Region[0])[1].Length, 2 * PAGE);
    assert_int_equal((&out.info.Region[0])[1].Usage, 0);
    assert_int_equal(control(file, FSCTL_QUERY_FILE_REGIONS, &in, sizeof in, &out, sizeof out.info), STATUS_BUFFER_OVERFLOW);
    assert_int_equal(out.info.TotalRegionEntryCount, 2);
    assert_int_equal(out.info.RegionEntryCount, 1);
    assert_int_equal(out.info.Region[0].FileOffset, 100);
    assert_int_equal(out.info.Region[0].Length, PAGE - 100);
    assert_int_equal(control(file, FSCTL_QUERY_FILE_REGIONS, &in, sizeof in - 1, &out, sizeof out), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(control(file, FSCTL_QUERY_FILE_REGIONS, &in, sizeof in, &out, sizeof out.info - 1),
                     STATUS_BUFFER_TOO_SMALL);
    in.DesiredUsage = 8;
    assert_int_equal(control(file, FSCTL_QUERY_FILE_REGIONS, &in, sizeof in, &out, sizeof out), STATUS_INVALID_PARAMETER);
    in = (FILE_REGION_INPUT){.FileOffset = MAXLONGLONG, .Length = 1, .DesiredUsage = 1};
    assert_int_equal(control(file, FSCTL_QUERY_FILE_REGIONS, &in, sizeof in, &out, sizeof out), STATUS_INVALID_PARAMETER);
    assert_int_equal(control(folder, FSCTL_QUERY_FILE_REGIONS, NULL, 0, &out, sizeof out), STATUS_INVALID_PARAMETER);
    close_it(file);
    close_it(folder);
    unit_stop();
}

static void trimmed_pages_are_given_up(void **state)
{
    FILE_LEVEL_TRIM trim = {.NumRanges = 1, .Ranges = {{.Offset = 100, .Length = 2 * PAGE}}};
    FILE_LEVEL_TRIM_OUTPUT out;
    unit_start(FLTSIM_NTFS);
    HANDLE file = make("\\f", 1, SIZE);
    assert_int_equal(control(file, FSCTL_FILE_LEVEL_TRIM, &trim, sizeof trim, &out, sizeof out), STATUS_SUCCESS);
    assert_int_equal(out.NumRangesProcessed, 1);
    assert_int_equal(byte_at(file, PAGE - 1), 1);
    assert_int_equal(byte_at(file, PAGE), 0); /* the one whole page of the range */
    assert_int_equal(byte_at(file, 2 * PAGE), 3);
    trim.Ranges[0] = (FILE_LEVEL_TRIM_RANGE){MAXULONGLONG, MAXULONGLONG};
    assert_int_equal(control(file, FSCTL_FILE_LEVEL_TRIM, &trim, sizeof trim, NULL, 0), STATUS_SUCCESS);
    trim.NumRanges = 2;
    assert_int_equal(control(file, FSCTL_FILE_LEVEL_TRIM, &trim, sizeof trim, NULL, 0), STATUS_INVALID_PARAMETER);
    trim.NumRanges = 0;
    assert_int_equal(control(file, FSCTL_FILE_LEVEL_TRIM, &trim, sizeof trim, NULL, 0), STATUS_INVALID_PARAMETER);
    trim.NumRanges = 1;
    assert_int_equal(control(file, FSCTL_FILE_LEVEL_TRIM, &trim, sizeof trim, &out, 1), STATUS_INVALID_PARAMETER);
    trim.Ranges[0] = (FILE_LEVEL_TRIM_RANGE){2 * PAGE, PAGE};
    HANDLE other = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(fltsim_lock(other, 0, SIZE, true, true), STATUS_SUCCESS);
    assert_int_equal(control(file, FSCTL_FILE_LEVEL_TRIM, &trim, sizeof trim, &out, sizeof out), STATUS_FILE_LOCK_CONFLICT);
    close_it(other);
    close_it(file);
    unit_stop();
}

/* -- statistics -------------------------------------------------------------------------------- */

static void what_reaches_the_disk_is_counted(void **state)
{
    static UCHAR data[PAGE];
    union {
        FILESYSTEM_STATISTICS common;
        UCHAR bytes[64 * 1024];
    } *out = test_malloc(sizeof *out);
    for (int kind = FLTSIM_NTFS; kind <= FLTSIM_FAT; kind++) {
        size_t done;
        unit_start(kind);
        HANDLE file = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_CREATE, FILE_NO_INTERMEDIATE_BUFFERING);
        assert_int_equal(fltsim_write(file, data, PAGE, 0, NULL), STATUS_SUCCESS);
        assert_int_equal(fltsim_read(file, data, PAGE / 2, 0, NULL), STATUS_SUCCESS);
        assert_int_equal(fltsim_fsctl(file, FSCTL_FILESYSTEM_GET_STATISTICS, NULL, 0, out, sizeof *out, &done), STATUS_SUCCESS);
        assert_int_equal(out->common.FileSystemType,
                         kind == FLTSIM_NTFS ? FILESYSTEM_STATISTICS_TYPE_NTFS : FILESYSTEM_STATISTICS_TYPE_FAT);
        assert_int_equal(out->common.SizeOfCompleteStructure % 64, 0);
        assert_int_equal(done, out->common.SizeOfCompleteStructure * KeQueryActiveProcessorCount(NULL));
        assert_int_equal(out->common.UserFileWrites, 1);
        assert_int_equal(out->common.UserFileWriteBytes, PAGE);
        assert_int_equal(out->common.UserDiskReads, 1);
        assert_int_equal(out->common.UserFileReadBytes, PAGE / 2);
        assert_int_equal(control(file, FSCTL_FILESYSTEM_GET_STATISTICS, NULL, 0, out, sizeof out->common - 1),
                         STATUS_BUFFER_TOO_SMALL);
        assert_int_equal(control(file, FSCTL_FILESYSTEM_GET_STATISTICS, NULL, 0, out, sizeof out->common),
                         STATUS_BUFFER_OVERFLOW);
        close_it(file);
        unit_stop();
    }
    test_free(out);
}

/* -- what only other file systems know --------------------------------------------------------- */

static void codes_of_other_file_systems_are_refused(void **state)
{
    static const ULONG codes[] = {FSCTL_DUPLICATE_EXTENTS_TO_FILE, FSCTL_GET_INTEGRITY_INFORMATION,
                                  FSCTL_SET_INTEGRITY_INFORMATION, FSCTL_READ_RAW_ENCRYPTED,
                                  FSCTL_WRITE_RAW_ENCRYPTED,       FSCTL_TXFS_SAVEPOINT_INFORMATION,
                                  FSCTL_CSV_CONTROL,               FSCTL_SET_ENCRYPTION};
    UCHAR buffer[64] = {0};
    unit_start(FLTSIM_NTFS);
    HANDLE file = make("\\f", 1, SIZE);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        assert_int_equal(control(file, codes[i], buffer, sizeof buffer, buffer, sizeof buffer), STATUS_INVALID_DEVICE_REQUEST);
    close_it(file);
    unit_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_stands_for_what_was_read),
        cmocka_unit_test(tokens_live_as_long_as_was_asked),
        cmocka_unit_test(zeros_have_a_token_that_everybody_knows),
        cmocka_unit_test(wrong_offloads_are_refused),
        cmocka_unit_test(regions_say_what_is_valid),
        cmocka_unit_test(trimmed_pages_are_given_up),
        cmocka_unit_test(what_reaches_the_disk_is_counted),
        cmocka_unit_test(codes_of_other_file_systems_are_refused),
    };
    return cmocka_run_group_tests_name("memfs/offload", tests, NULL, NULL);
}
