/* File records of the file table, read as disk tools read them. */
#include "unit.h"

enum { RECORD = 1024, CLUSTER = 4096 };

static struct {
    LARGE_INTEGER number;
    ULONG length;
    UCHAR bytes[RECORD];
} __attribute__((packed)) answer;

static ULONGLONG number_at(const UCHAR *at, unsigned bytes)
{
    ULONGLONG value = 0;
    while (bytes--)
        value = value << 8 | at[bytes];
    return value;
}

static NTSTATUS ask(HANDLE volume, LONGLONG number)
{
    NTFS_FILE_RECORD_INPUT_BUFFER in = {.FileReferenceNumber.QuadPart = number};
    size_t done;
    return fltsim_fsctl(volume, FSCTL_GET_NTFS_FILE_RECORD, &in, sizeof in, &answer, sizeof answer, &done);
}

static LONGLONG id_of(HANDLE handle)
{
    FILE_INTERNAL_INFORMATION info;
    assert_int_equal(fltsim_query(handle, FileInternalInformation, &info, sizeof info), STATUS_SUCCESS);
    return info.IndexNumber.QuadPart;
}

/* The n-th attribute of that type; NULL: there is none. */
static const UCHAR *attribute(ULONG type, unsigned n)
{
    ULONG at = (ULONG)number_at(answer.bytes + 0x14, 2), used = (ULONG)number_at(answer.bytes + 0x18, 4);
    assert_true(used <= RECORD);
    while (at < used && number_at(answer.bytes + at, 4) != 0xFFFFFFFF) {
        if (number_at(answer.bytes + at, 4) == type && n-- == 0)
            return answer.bytes + at;
        ULONG length = (ULONG)number_at(answer.bytes + at + 4, 4);
        assert_true(length >= 0x18 && length % 8 == 0);
        at += length;
    }
    assert_int_equal(number_at(answer.bytes + at, 4), 0xFFFFFFFF);
    return NULL;
}

static const UCHAR *value_of(const UCHAR *attribute)
{
    assert_non_null(attribute);
    assert_int_equal(attribute[8], 0);
    return attribute + number_at(attribute + 20, 2);
}

static LONGLONG signed_at(const UCHAR *at, unsigned bytes)
{
    LONGLONG value = (LONGLONG)number_at(at, bytes);
    return bytes < 8 && at[bytes - 1] & 0x80 ? value - (1LL << (8 * bytes)) : value;
}

static HANDLE sized(const char *path, LONGLONG size)
{
    HANDLE handle = open_for(path, GENERIC_READ | GENERIC_WRITE, FILE_OPEN_IF, 0);
    assert_int_equal(fltsim_set_size(handle, (ULONGLONG)size), STATUS_SUCCESS);
    return handle;
}

static void a_record_tells_names_and_runs(void **state)
{
    union {
        RETRIEVAL_POINTERS_BUFFER info;
        UCHAR bytes[256];
    } pointers;
    STARTING_VCN_INPUT_BUFFER vcn = {.StartingVcn.QuadPart = 0};
    size_t done;
    unit_start(FLTSIM_NTFS);
    HANDLE volume = open_for("", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0), file = sized("\\A long name.text", 10 * CLUSTER),
           stream = sized("\\A long name.text:s", 1);
    MOVE_FILE_DATA move = {.FileHandle = file, .StartingVcn.QuadPart = 3, .StartingLcn.QuadPart = 5, .ClusterCount = 2};
    assert_int_equal(fltsim_fsctl(volume, FSCTL_MOVE_FILE, &move, sizeof move, NULL, 0, &done), STATUS_SUCCESS);
    assert_int_equal(fltsim_write(file, "text", 4, 0, NULL), STATUS_SUCCESS);
    assert_int_equal(ask(volume, id_of(file)), STATUS_SUCCESS);
    assert_int_equal(answer.number.QuadPart, id_of(file) & 0xFFFFFFFFFFFF);
    assert_int_equal(answer.length, RECORD);
    assert_memory_equal(answer.bytes, "FILE", 4);
    assert_int_equal(number_at(answer.bytes + 0x16, 2), 1);
    assert_int_equal(number_at(answer.bytes + 0x2C, 4), answer.number.LowPart);
    assert_int_equal(number_at(value_of(attribute(0x10, 0)) + 0x20, 4), FILE_ATTRIBUTE_ARCHIVE);
    assert_int_equal(value_of(attribute(0x30, 0))[0x41], 2); /* for DOS */
    assert_memory_equal(value_of(attribute(0x30, 0)) + 0x42, u"ALONGN~1.TEX", 24);
    assert_int_equal(value_of(attribute(0x30, 1))[0x41], 1);
    assert_int_equal(value_of(attribute(0x30, 1))[0x40], 16);
    assert_memory_equal(value_of(attribute(0x30, 1)) + 0x42, u"A long name.text", 32);
    const UCHAR *data = attribute(0x80, 0);
    assert_int_equal(data[8], 1);
    assert_int_equal(data[9], 0);
    assert_int_equal(number_at(data + 0x28, 8), 10 * CLUSTER);
    assert_int_equal(number_at(data + 0x30, 8), 10 * CLUSTER);
    assert_int_equal(number_at(data + 0x38, 8), 4);
    assert_int_equal(fltsim_fsctl(file, FSCTL_GET_RETRIEVAL_POINTERS, &vcn, sizeof vcn, &pointers, sizeof pointers, &done),
                     STATUS_SUCCESS);
    const UCHAR *run = data + number_at(data + 0x20, 2);
    LONGLONG lcn = 0, at = 0;
    for (ULONG i = 0; i < pointers.info.ExtentCount; i++) {
        unsigned length = *run & 15, place = *run >> 4;
        at += signed_at(run + 1, length);
        lcn += signed_at(run + 1 + length, place);
        assert_int_equal(at, (&pointers.info.Extents[0])[i].NextVcn.QuadPart);
        assert_int_equal(lcn, (&pointers.info.Extents[0])[i].Lcn.QuadPart);
        run += 1 + length + place;
    }
    assert_int_equal(*run, 0);
    assert_int_equal(pointers.info.ExtentCount, 3);
    assert_int_equal(attribute(0x80, 1)[9], 1);
    assert_null(attribute(0x80, 2));
    close_it(stream);
    close_it(file);
    close_it(volume);
    unit_stop();
}

static void holes_have_runs_without_a_place(void **state)
{
    size_t done;
    unit_start(FLTSIM_NTFS);
    HANDLE volume = open_for("", GENERIC_READ, FILE_OPEN, 0), file = sized("\\f", 0);
    assert_int_equal(fltsim_fsctl(file, FSCTL_SET_SPARSE, NULL, 0, NULL, 0, &done), STATUS_SUCCESS);
    assert_int_equal(fltsim_set_size(file, 300 * CLUSTER), STATUS_SUCCESS);
    assert_int_equal(ask(volume, id_of(file)), STATUS_SUCCESS);
    const UCHAR *data = attribute(0x80, 0), *run = data + number_at(data + 0x20, 2);
    assert_int_equal(number_at(data + 12, 2), 0x8000);
    assert_int_equal(number_at(data + 0x40, 8), 0);
    assert_int_equal(run[0], 2); /* two bytes of length */
    assert_int_equal(number_at(run + 1, 2), 300);
    assert_int_equal(run[3], 0);
    close_it(file);
    close_it(volume);
    unit_stop();
}

static void a_free_number_gives_the_record_before(void **state)
{
    unit_start(FLTSIM_NTFS);
    make_folder("\\d");
    make_file("\\gone", "x");
    HANDLE volume = open_for("", GENERIC_READ, FILE_OPEN, 0), folder = open_for("\\d", GENERIC_READ, FILE_OPEN, 0),
           file = open_for("\\gone", GENERIC_READ, FILE_OPEN, 0);
    LONGLONG there = id_of(folder) & 0xFFFFFFFFFFFF, gone = id_of(file) & 0xFFFFFFFFFFFF;
    close_it(file);
    assert_int_equal(fltsim_delete(at("\\gone")), STATUS_SUCCESS);
    fltsim_trim(unit.volume);
    assert_int_equal(ask(volume, gone), STATUS_SUCCESS);
    assert_int_equal(answer.number.QuadPart, there);
    assert_int_equal(number_at(answer.bytes + 0x16, 2), 3); /* a folder */
    assert_non_null(attribute(0x90, 0));
    assert_int_equal(ask(volume, 5), STATUS_SUCCESS); /* the root */
    assert_int_equal(ask(volume, 4), STATUS_INVALID_PARAMETER);
    assert_int_equal(ask(volume, 1 << 30), STATUS_INVALID_PARAMETER);
    assert_int_equal(ask(folder, there), STATUS_INVALID_PARAMETER);
    NTFS_FILE_RECORD_INPUT_BUFFER in = {.FileReferenceNumber.QuadPart = there};
    assert_int_equal(fltsim_fsctl(volume, FSCTL_GET_NTFS_FILE_RECORD, &in, sizeof in, &answer, sizeof answer - 1, NULL),
                     STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(fltsim_fsctl(volume, FSCTL_GET_NTFS_FILE_RECORD, &in, sizeof in - 1, &answer, sizeof answer, NULL),
                     STATUS_INVALID_PARAMETER);
    close_it(folder);
    close_it(volume);
    unit_stop();
}

static void a_record_holds_no_more_than_it_has_room_for(void **state)
{
    unit_start(FLTSIM_NTFS);
    HANDLE volume = open_for("", GENERIC_READ, FILE_OPEN, 0), file = sized("\\f", 1);
    for (char name[] = "\\f:stream a"; name[10] < 'z'; name[10]++)
        close_it(sized(name, 1));
    assert_int_equal(ask(volume, id_of(file)), STATUS_SUCCESS);
    assert_non_null(attribute(0x80, 5));
    assert_null(attribute(0x80, 20));
    close_it(file);
    close_it(volume);
    unit_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_tells_names_and_runs),
        cmocka_unit_test(holes_have_runs_without_a_place),
        cmocka_unit_test(a_free_number_gives_the_record_before),
        cmocka_unit_test(a_record_holds_no_more_than_it_has_room_for),
    };
    return cmocka_run_group_tests_name("memfs/record", tests, NULL, NULL);
}
