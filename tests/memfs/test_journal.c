/* The change journal: records of each kind of change, reading them, waiting for more. */
#include "unit.h"

#include <stdlib.h>

static HANDLE volume;
static USN_JOURNAL_DATA_V1 journal;

static NTSTATUS control(HANDLE handle, ULONG code, const void *in, ULONG in_length, void *out, ULONG out_length)
{
    size_t done;
    return fltsim_fsctl(handle, code, in, in_length, out, out_length, &done);
}

static void query(void)
{
    assert_int_equal(control(volume, FSCTL_QUERY_USN_JOURNAL, NULL, 0, &journal, sizeof journal), STATUS_SUCCESS);
}

static void create(ULONGLONG most, ULONGLONG delta)
{
    CREATE_USN_JOURNAL_DATA data = {.MaximumSize = most, .AllocationDelta = delta};
    assert_int_equal(control(volume, FSCTL_CREATE_USN_JOURNAL, &data, sizeof data, NULL, 0), STATUS_SUCCESS);
    query();
}

static void start(void)
{
    unit_start(FLTSIM_NTFS);
    volume = open_for("", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
}

static void start_with_journal(void)
{
    start();
    create(0, 0);
}

static void stop(void)
{
    close_it(volume);
    unit_stop();
}

/* -- what was recorded since the last look ----------------------------------------------------- */

static union {
    USN next;
    UCHAR bytes[8192];
} records;
static size_t record_bytes, record_at;
static USN last_look;

static NTSTATUS read_from(USN usn, ULONG mask, bool closes, USHORT version)
{
    READ_USN_JOURNAL_DATA_V1 ask = {.StartUsn = usn, .ReasonMask = mask, .ReturnOnlyOnClose = closes,
                                    .UsnJournalID = journal.UsnJournalID, .MinMajorVersion = 2, .MaxMajorVersion = version};
    record_at = sizeof(USN);
    return fltsim_fsctl(volume, FSCTL_READ_USN_JOURNAL, &ask, sizeof ask, &records, sizeof records, &record_bytes);
}

static const USN_RECORD_V2 *next_record(void)
{
    const USN_RECORD_V2 *record = (void *)(records.bytes + record_at);
    if (record_at >= record_bytes)
        return NULL;
    record_at += record->RecordLength;
    return record;
}

static void look(void)
{
    query();
    last_look = journal.NextUsn;
}

/* Each that came since the last look: its name, its reasons. */
static void expect_records(size_t count, ...)
{
    va_list list;
    va_start(list, count);
    assert_int_equal(read_from(last_look, 0xFFFFFFFF, false, 2), STATUS_SUCCESS);
    for (size_t i = 0; i < count; i++) {
        const char *name = va_arg(list, const char *);
        ULONG reason = va_arg(list, ULONG);
        const USN_RECORD_V2 *record = next_record();
        assert_non_null(record);
        assert_int_equal(record->Reason, reason);
        assert_int_equal(record->FileNameLength, 2 * strlen(name));
        for (size_t k = 0; name[k]; k++)
            assert_int_equal(record->FileName[k], name[k]);
        assert_true(record->Usn >= last_look);
        assert_true(record->TimeStamp.QuadPart > 0);
    }
    assert_null(next_record());
    va_end(list);
    look();
}

#define R(reason) ((ULONG)USN_REASON_##reason)

/* -- reasons ----------------------------------------------------------------------------------- */

static void a_history_is_recorded_as_documented(void **state)
{
    FILE_BASIC_INFORMATION basic = {.LastWriteTime.QuadPart = 130000000000000000};
    IO_STATUS_BLOCK iosb;
    start();
    make_file("\\f", "some text");
    create(0, 0);
    look();
    HANDLE file = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(fltsim_write(file, "x", 1, 0, NULL), STATUS_SUCCESS);
    assert_int_equal(ZwSetInformationFile(file, &iosb, &basic, sizeof basic, FileBasicInformation), STATUS_SUCCESS);
    assert_int_equal(fltsim_write(file, "y", 1, 0, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_set_size(file, 3), STATUS_SUCCESS);
    assert_int_equal(fltsim_write(file, "z", 1, 1, NULL), STATUS_SUCCESS);
    close_it(file);
    ULONG first = R(DATA_OVERWRITE), second = first | R(BASIC_INFO_CHANGE), third = second | R(DATA_TRUNCATION);
    expect_records(4, "f", first, "f", second, "f", third, "f", third | R(CLOSE));
    file = open_for("\\f", GENERIC_READ, FILE_OPEN, 0); /* the next user begins anew, and changes nothing */
    close_it(file);
    expect_records(0);
    stop();
}

static void files_come_change_names_and_go(void **state)
{
    start_with_journal();
    look();
    make_file("\\new", "text");
    expect_records(3, "new", R(FILE_CREATE), "new", R(FILE_CREATE) | R(DATA_EXTEND),
                   "new", R(FILE_CREATE) | R(DATA_EXTEND) | R(CLOSE));
    HANDLE file = open_for("\\new", DELETE | GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(fltsim_rename(file, "other", false), STATUS_SUCCESS);
    expect_records(2, "new", R(RENAME_OLD_NAME), "other", R(RENAME_NEW_NAME));
    assert_int_equal(fltsim_link(file, at("\\second"), false), STATUS_SUCCESS);
    expect_records(1, "second", R(RENAME_NEW_NAME) | R(HARD_LINK_CHANGE));
    close_it(file);
    expect_records(1, "other", R(RENAME_NEW_NAME) | R(HARD_LINK_CHANGE) | R(CLOSE));
    assert_int_equal(fltsim_delete(at("\\second")), STATUS_SUCCESS);
    expect_records(2, "second", R(HARD_LINK_CHANGE), "other", R(HARD_LINK_CHANGE) | R(CLOSE));
    assert_int_equal(fltsim_delete(at("\\other")), STATUS_SUCCESS);
    expect_records(1, "other", R(FILE_DELETE) | R(CLOSE));
    make_folder("\\d");
    expect_records(2, "d", R(FILE_CREATE), "d", R(FILE_CREATE) | R(CLOSE));
    stop();
}

static void a_replaced_file_is_recorded_as_deleted(void **state)
{
    start_with_journal();
    make_file("\\old", "x");
    make_file("\\new", "y");
    look();
    HANDLE file = open_for("\\new", DELETE, FILE_OPEN, 0);
    assert_int_equal(fltsim_rename(file, "old", true), STATUS_SUCCESS);
    close_it(file);
    expect_records(4, "old", R(FILE_DELETE) | R(CLOSE), "new", R(RENAME_OLD_NAME), "old", R(RENAME_NEW_NAME),
                   "old", R(RENAME_NEW_NAME) | R(CLOSE));
    stop();
}

static void streams_have_reasons_of_their_own(void **state)
{
    start_with_journal();
    make_file("\\f", "x");
    look();
    HANDLE stream = open_for("\\f:s", GENERIC_READ | GENERIC_WRITE | DELETE, FILE_CREATE, 0);
    ULONG all = R(STREAM_CHANGE);
    assert_int_equal(fltsim_write(stream, "12", 2, 0, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_write(stream, "1", 1, 0, NULL), STATUS_SUCCESS);
    assert_int_equal(fltsim_set_size(stream, 0), STATUS_SUCCESS);
    expect_records(4, "f", all, "f", all | R(NAMED_DATA_EXTEND), "f", all | R(NAMED_DATA_EXTEND) | R(NAMED_DATA_OVERWRITE), "f",
                   all | R(NAMED_DATA_EXTEND) | R(NAMED_DATA_OVERWRITE) | R(NAMED_DATA_TRUNCATION));
    HANDLE file = open_for("\\f", GENERIC_READ, FILE_OPEN, 0);
    close_it(stream); /* the file is open still */
    expect_records(0);
    close_it(file);
    all |= R(NAMED_DATA_EXTEND) | R(NAMED_DATA_OVERWRITE) | R(NAMED_DATA_TRUNCATION) | R(CLOSE);
    expect_records(1, "f", all);
    assert_int_equal(fltsim_delete(at("\\f:s")), STATUS_SUCCESS);
    expect_records(2, "f", R(STREAM_CHANGE), "f", R(STREAM_CHANGE) | R(CLOSE));
    stop();
}

static void attributes_of_all_kinds_have_reasons(void **state)
{
    static const UCHAR point[] = {0x34, 0x12, 0, 0x80, 4, 0, 0, 0, 1, 2, 3, 4};
    FILE_OBJECTID_BUFFER id;
    IO_STATUS_BLOCK iosb;
    SECURITY_DESCRIPTOR descriptor;
    USHORT format = COMPRESSION_FORMAT_LZNT1;
    struct {
        FILE_FULL_EA_INFORMATION ea;
        UCHAR more[16];
    } ea = {.ea = {.EaNameLength = 1, .EaValueLength = 1, .EaName = "A"}};
    FILE_BASIC_INFORMATION basic = {.FileAttributes = FILE_ATTRIBUTE_NOT_CONTENT_INDEXED};
    start_with_journal();
    make_file("\\f", "x");
    look();
    HANDLE file = open_for("\\f", GENERIC_READ | GENERIC_WRITE | WRITE_DAC, FILE_OPEN, 0);
    ULONG all = R(OBJECT_ID_CHANGE);
    assert_int_equal(control(file, FSCTL_CREATE_OR_GET_OBJECT_ID, NULL, 0, &id, sizeof id), STATUS_SUCCESS);
    expect_records(1, "f", all);
    assert_int_equal(control(file, FSCTL_SET_COMPRESSION, &format, sizeof format, NULL, 0), STATUS_SUCCESS);
    expect_records(1, "f", all |= R(COMPRESSION_CHANGE));
    RtlCreateSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION);
    RtlSetDaclSecurityDescriptor(&descriptor, TRUE, NULL, FALSE);
    assert_int_equal(ZwSetSecurityObject(file, DACL_SECURITY_INFORMATION, &descriptor), STATUS_SUCCESS);
    expect_records(1, "f", all |= R(SECURITY_CHANGE));
    assert_int_equal(ZwSetInformationFile(file, &iosb, &basic, sizeof basic, FileBasicInformation), STATUS_SUCCESS);
    expect_records(1, "f", all |= R(BASIC_INFO_CHANGE) | R(INDEXABLE_CHANGE));
    struct {
        FILE_FULL_EA_INFORMATION ea;
        UCHAR more[16];
    } kernel_ea = {.ea = {.EaNameLength = 9, .EaValueLength = 1}};
    PFILE_OBJECT object;
    memcpy(kernel_ea.ea.EaName, "$KERNEL.A\0x", 11);
    assert_int_equal(ObReferenceObjectByHandle(file, 0, *IoFileObjectType, KernelMode, (PVOID *)&object, NULL), STATUS_SUCCESS);
    assert_int_equal(FsRtlSetKernelEaFile(object, &kernel_ea, sizeof kernel_ea), STATUS_SUCCESS);
    ObDereferenceObject(object);
    expect_records(0); /* the kernel's are no change */
    assert_int_equal(ZwSetEaFile(file, &iosb, &ea, sizeof ea), STATUS_SUCCESS);
    expect_records(1, "f", all |= R(EA_CHANGE));
    close_it(file);
    expect_records(1, "f", all | R(CLOSE));
    make_file("\\g", "");
    look();
    file = open_for("\\g", GENERIC_WRITE, FILE_OPEN, FILE_OPEN_REPARSE_POINT);
    REPARSE_GUID_DATA_BUFFER none = {.ReparseTag = 0};
    (void)none;
    UCHAR buffer[REPARSE_GUID_DATA_BUFFER_HEADER_SIZE + 4] = {0};
    memcpy(buffer, point, 8);
    buffer[3] = 0; /* somebody's tag, with a GUID */
    buffer[8] = 1;
    assert_int_equal(control(file, FSCTL_SET_REPARSE_POINT, buffer, sizeof buffer, NULL, 0), STATUS_SUCCESS);
    expect_records(1, "g", R(REPARSE_POINT_CHANGE));
    close_it(file);
    stop();
}

static void what_views_write_is_recorded_with_the_handle(void **state)
{
    struct fltsim_view view;
    start_with_journal();
    make_file("\\f", "some text");
    HANDLE file = open_for("\\f", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(fltsim_flush(file), STATUS_SUCCESS);
    assert_int_equal(fltsim_map(file, true, 0, &view), STATUS_SUCCESS);
    look();
    ((char *)view.base)[0] = 'S';
    assert_int_equal(fltsim_flush_view(&view), STATUS_SUCCESS);
    assert_int_equal(fltsim_flush(file), STATUS_SUCCESS);
    expect_records(1, "f", R(DATA_OVERWRITE));
    assert_int_equal(fltsim_unmap(&view), STATUS_SUCCESS);
    close_it(file);
    expect_records(1, "f", R(DATA_OVERWRITE) | R(CLOSE));
    stop();
}

static void sources_are_what_the_handle_says(void **state)
{
    start_with_journal();
    make_file("\\f", "x");
    look();
    HANDLE file = open_for("\\f", GENERIC_WRITE, FILE_OPEN, 0);
    MARK_HANDLE_INFO mark = {.UsnSourceInfo = USN_SOURCE_AUXILIARY_DATA};
    assert_int_equal(control(file, FSCTL_MARK_HANDLE, &mark, sizeof mark, NULL, 0), STATUS_ACCESS_DENIED);
    mark.VolumeHandle = file;
    assert_int_equal(control(file, FSCTL_MARK_HANDLE, &mark, sizeof mark, NULL, 0), STATUS_ACCESS_DENIED);
    mark.VolumeHandle = volume;
    assert_int_equal(control(file, FSCTL_MARK_HANDLE, &mark, sizeof mark, NULL, 0), STATUS_SUCCESS);
    assert_int_equal(control(file, FSCTL_MARK_HANDLE, &mark, sizeof mark - 1, NULL, 0), STATUS_INVALID_PARAMETER);
    assert_int_equal(control(volume, FSCTL_MARK_HANDLE, &mark, sizeof mark, NULL, 0), STATUS_INVALID_PARAMETER);
    mark = (MARK_HANDLE_INFO){.HandleInfo = 0x80000000};
    assert_int_equal(control(file, FSCTL_MARK_HANDLE, &mark, sizeof mark, NULL, 0), STATUS_INVALID_PARAMETER);
    assert_int_equal(fltsim_write(file, "y", 1, 0, NULL), STATUS_SUCCESS);
    assert_int_equal(read_from(last_look, 0xFFFFFFFF, false, 2), STATUS_SUCCESS);
    assert_int_equal(next_record()->SourceInfo, USN_SOURCE_AUXILIARY_DATA);
    mark = (MARK_HANDLE_INFO){.VolumeHandle = volume, .HandleInfo = MARK_HANDLE_PROTECT_CLUSTERS};
    MOVE_FILE_DATA move = {.FileHandle = file, .StartingLcn.QuadPart = 7, .ClusterCount = 1};
    assert_int_equal(control(file, FSCTL_MARK_HANDLE, &mark, sizeof mark, NULL, 0), STATUS_SUCCESS);
    assert_int_equal(control(volume, FSCTL_MOVE_FILE, &move, sizeof move, NULL, 0), STATUS_ACCESS_DENIED);
    close_it(file);
    move.FileHandle = file = open_for("\\f", GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(control(volume, FSCTL_MOVE_FILE, &move, sizeof move, NULL, 0), STATUS_SUCCESS);
    close_it(file);
    stop();
}

/* -- reading ----------------------------------------------------------------------------------- */

static void readers_choose_what_they_get(void **state)
{
    start_with_journal();
    make_file("\\f", "x");
    assert_int_equal(read_from(0, R(DATA_EXTEND), false, 2), STATUS_SUCCESS);
    assert_int_equal(next_record()->Reason, R(FILE_CREATE) | R(DATA_EXTEND));
    assert_int_equal(next_record()->Reason, R(FILE_CREATE) | R(DATA_EXTEND) | R(CLOSE));
    assert_null(next_record());
    query();
    assert_int_equal(records.next, journal.NextUsn);
    assert_int_equal(read_from(0, 0xFFFFFFFF, true, 2), STATUS_SUCCESS);
    assert_int_equal(next_record()->Reason, R(FILE_CREATE) | R(DATA_EXTEND) | R(CLOSE));
    assert_null(next_record());
    assert_int_equal(read_from(0, 0xFFFFFFFF, true, 3), STATUS_SUCCESS);
    const USN_RECORD_V3 *wide = (const void *)next_record();
    assert_int_equal(wide->MajorVersion, 3);
    assert_int_equal(wide->FileNameLength, 2);
    assert_int_equal(wide->FileName[0], 'f');
    FILE_INTERNAL_INFORMATION internal;
    HANDLE file = open_for("\\f", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(fltsim_query(file, FileInternalInformation, &internal, sizeof internal), STATUS_SUCCESS);
    assert_memory_equal(&wide->FileReferenceNumber, &internal, sizeof internal);
    close_it(file);
    stop();
}

static void a_small_buffer_reads_on_from_where_it_ended(void **state)
{
    union {
        USN next;
        UCHAR bytes[8 + 72];
    } small;
    size_t done;
    ULONG seen = 0;
    start_with_journal();
    make_file("\\f", "x");
    READ_USN_JOURNAL_DATA_V0 ask = {.ReasonMask = 0xFFFFFFFF, .UsnJournalID = journal.UsnJournalID};
    for (;;) {
        assert_int_equal(fltsim_fsctl(volume, FSCTL_READ_USN_JOURNAL, &ask, sizeof ask, &small, sizeof small, &done),
                         STATUS_SUCCESS);
        if (done == sizeof(USN))
            break;
        assert_int_equal(((PUSN_RECORD_V2)(void *)(small.bytes + 8))->RecordLength, 64);
        seen++;
        ask.StartUsn = small.next;
    }
    assert_int_equal(seen, 3);
    ask.StartUsn = 0;
    assert_int_equal(control(volume, FSCTL_READ_USN_JOURNAL, &ask, sizeof ask, &small, 8 + 63), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(control(volume, FSCTL_READ_USN_JOURNAL, &ask, sizeof ask, &small, 7), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(control(volume, FSCTL_READ_USN_JOURNAL, &ask, sizeof ask - 1, &small, sizeof small),
                     STATUS_INVALID_PARAMETER);
    assert_int_equal(read_from(8, 0xFFFFFFFF, false, 2), STATUS_INVALID_PARAMETER); /* within a record */
    assert_int_equal(read_from(1, 0xFFFFFFFF, false, 2), STATUS_INVALID_PARAMETER);
    assert_int_equal(read_from(-8, 0xFFFFFFFF, false, 2), STATUS_INVALID_PARAMETER);
    assert_int_equal(read_from(1 << 20, 0xFFFFFFFF, false, 2), STATUS_INVALID_PARAMETER);
    journal.UsnJournalID++;
    assert_int_equal(read_from(0, 0xFFFFFFFF, false, 2), STATUS_INVALID_PARAMETER);
    stop();
}

static void old_records_go(void **state)
{
    USN usn = 0, records_seen = 0;
    start();
    create(8192, 4096);
    make_file("\\f", "");
    for (int i = 0; i < 500; i++) {
        HANDLE file = open_for("\\f", GENERIC_WRITE, FILE_OPEN, 0);
        assert_int_equal(fltsim_write(file, "x", 1, 0, NULL), STATUS_SUCCESS);
        close_it(file);
    }
    query();
    assert_true(journal.FirstUsn > 0);
    assert_int_equal(journal.FirstUsn % 4096, 0);
    assert_true(journal.NextUsn - journal.FirstUsn <= 8192 + 4096 + 4096);
    assert_int_equal(read_from(8, 0xFFFFFFFF, false, 2), STATUS_JOURNAL_ENTRY_DELETED);
    for (usn = 0;; usn = records.next) {
        const USN_RECORD_V2 *record;
        assert_int_equal(read_from(usn, 0xFFFFFFFF, false, 2), STATUS_SUCCESS);
        if (record_bytes == sizeof(USN))
            break;
        while ((record = next_record())) {
            assert_true(record->Usn >= journal.FirstUsn);
            assert_int_equal(record->Usn / 4096, (record->Usn + record->RecordLength - 1) / 4096);
            records_seen++;
        }
    }
    assert_int_equal(usn, journal.NextUsn);
    assert_true(records_seen > 50);
    stop();
}

static void each_files_last_record_is_enumerated(void **state)
{
    union {
        ULONGLONG next;
        UCHAR bytes[512];
    } out;
    MFT_ENUM_DATA_V0 ask = {.HighUsn = MAXLONGLONG};
    size_t done, files = 0;
    ULONGLONG last = 0;
    start();
    make_file("\\before", "x");
    assert_int_equal(control(volume, FSCTL_ENUM_USN_DATA, &ask, sizeof ask, &out, sizeof out), STATUS_JOURNAL_NOT_ACTIVE);
    create(0, 0);
    make_file("\\one", "x");
    make_file("\\two", "x");
    while (fltsim_fsctl(volume, FSCTL_ENUM_USN_DATA, &ask, sizeof ask, &out, 100, &done) == STATUS_SUCCESS) {
        const USN_RECORD_V2 *record = (void *)(out.bytes + 8);
        assert_int_equal(done, 8 + record->RecordLength);
        assert_true(record->FileReferenceNumber > last || files == 0);
        assert_true(out.next > ask.StartFileReferenceNumber);
        last = record->FileReferenceNumber;
        ask.StartFileReferenceNumber = out.next;
        files++;
    }
    assert_int_equal(files, 4); /* and the root */
    assert_int_equal(control(volume, FSCTL_ENUM_USN_DATA, &ask, sizeof ask, &out, sizeof out), STATUS_END_OF_FILE);
    ask = (MFT_ENUM_DATA_V0){.LowUsn = 1, .HighUsn = MAXLONGLONG};
    assert_int_equal(fltsim_fsctl(volume, FSCTL_ENUM_USN_DATA, &ask, sizeof ask, &out, sizeof out, &done), STATUS_SUCCESS);
    assert_int_equal(done, 8 + 72 + 72); /* those that changed since there is a journal */
    assert_int_equal(control(volume, FSCTL_ENUM_USN_DATA, &ask, sizeof ask, &out, 9), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(control(volume, FSCTL_ENUM_USN_DATA, &ask, sizeof ask, &out, 7), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(control(volume, FSCTL_ENUM_USN_DATA, &ask, sizeof ask - 1, &out, sizeof out), STATUS_INVALID_PARAMETER);
    HANDLE file = open_for("\\one", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(control(file, FSCTL_ENUM_USN_DATA, &ask, sizeof ask, &out, sizeof out), STATUS_INVALID_PARAMETER);
    assert_int_equal(control(file, FSCTL_READ_FILE_USN_DATA, NULL, 0, &out, sizeof out), STATUS_SUCCESS);
    USN own = ((PUSN_RECORD_V2)(void *)&out)->Usn;
    assert_int_equal(read_from(own, 0xFFFFFFFF, false, 2), STATUS_SUCCESS);
    const USN_RECORD_V2 *record = next_record();
    assert_int_equal(record->Usn, own);
    assert_int_equal(record->Reason & R(CLOSE), R(CLOSE));
    close_it(file);
    stop();
}

static void a_close_is_recorded_by_hand(void **state)
{
    USN usn;
    start();
    make_file("\\f", "x");
    HANDLE file = open_for("\\f", GENERIC_WRITE, FILE_OPEN, 0);
    assert_int_equal(control(file, FSCTL_WRITE_USN_CLOSE_RECORD, NULL, 0, &usn, sizeof usn), STATUS_JOURNAL_NOT_ACTIVE);
    create(0, 0);
    look();
    assert_int_equal(control(file, FSCTL_WRITE_USN_CLOSE_RECORD, NULL, 0, &usn, sizeof usn - 1), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(control(volume, FSCTL_WRITE_USN_CLOSE_RECORD, NULL, 0, &usn, sizeof usn), STATUS_INVALID_PARAMETER);
    assert_int_equal(fltsim_write(file, "y", 1, 0, NULL), STATUS_SUCCESS);
    assert_int_equal(control(file, FSCTL_WRITE_USN_CLOSE_RECORD, NULL, 0, &usn, sizeof usn), STATUS_SUCCESS);
    assert_int_equal(fltsim_write(file, "z", 1, 0, NULL), STATUS_SUCCESS);
    expect_records(3, "f", R(DATA_OVERWRITE), "f", R(DATA_OVERWRITE) | R(CLOSE), "f", R(DATA_OVERWRITE));
    close_it(file);
    expect_records(1, "f", R(DATA_OVERWRITE) | R(CLOSE));
    stop();
}

/* -- the journal's life ------------------------------------------------------------------------ */

static void a_journal_is_created_changed_and_deleted(void **state)
{
    union {
        USN_RECORD_V2 record;
        UCHAR bytes[256];
    } out;
    USN_JOURNAL_DATA_V2 data;
    size_t done;
    start();
    make_file("\\f", "x");
    assert_int_equal(control(volume, FSCTL_QUERY_USN_JOURNAL, NULL, 0, &data, sizeof data), STATUS_JOURNAL_NOT_ACTIVE);
    create(1 << 20, 1 << 16);
    ULONGLONG id = journal.UsnJournalID;
    create(2 << 20, 1 << 16);
    assert_int_equal(journal.UsnJournalID, id);
    assert_int_equal(journal.MaximumSize, 2 << 20);
    assert_int_equal(journal.AllocationDelta, 1 << 16);
    assert_int_equal(fltsim_fsctl(volume, FSCTL_QUERY_USN_JOURNAL, NULL, 0, &data, sizeof data, &done), STATUS_SUCCESS);
    assert_int_equal(done, sizeof data);
    assert_int_equal(fltsim_fsctl(volume, FSCTL_QUERY_USN_JOURNAL, NULL, 0, &data, sizeof data - 1, &done), STATUS_SUCCESS);
    assert_int_equal(done, sizeof(USN_JOURNAL_DATA_V1));
    assert_int_equal(control(volume, FSCTL_QUERY_USN_JOURNAL, NULL, 0, &data, sizeof(USN_JOURNAL_DATA_V0) - 1),
                     STATUS_BUFFER_TOO_SMALL);
    make_file("\\f", "y");
    DELETE_USN_JOURNAL_DATA wipe = {.UsnJournalID = id + 1, .DeleteFlags = USN_DELETE_FLAG_DELETE};
    assert_int_equal(control(volume, FSCTL_DELETE_USN_JOURNAL, &wipe, sizeof wipe, NULL, 0), STATUS_INVALID_PARAMETER);
    wipe = (DELETE_USN_JOURNAL_DATA){.UsnJournalID = id};
    assert_int_equal(control(volume, FSCTL_DELETE_USN_JOURNAL, &wipe, sizeof wipe, NULL, 0), STATUS_INVALID_PARAMETER);
    wipe.DeleteFlags = USN_DELETE_FLAG_DELETE | USN_DELETE_FLAG_NOTIFY;
    assert_int_equal(control(volume, FSCTL_DELETE_USN_JOURNAL, &wipe, sizeof wipe, NULL, 0), STATUS_SUCCESS);
    assert_int_equal(control(volume, FSCTL_DELETE_USN_JOURNAL, &wipe, sizeof wipe, NULL, 0), STATUS_JOURNAL_NOT_ACTIVE);
    assert_int_equal(read_from(0, 0xFFFFFFFF, false, 2), STATUS_JOURNAL_NOT_ACTIVE);
    HANDLE file = open_for("\\f", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(control(file, FSCTL_READ_FILE_USN_DATA, NULL, 0, &out, sizeof out), STATUS_SUCCESS);
    assert_int_equal(out.record.Usn, 0);
    CREATE_USN_JOURNAL_DATA sizes = {0, 0};
    assert_int_equal(control(file, FSCTL_CREATE_USN_JOURNAL, &sizes, sizeof sizes, NULL, 0), STATUS_INVALID_PARAMETER);
    assert_int_equal(control(volume, FSCTL_CREATE_USN_JOURNAL, &sizes, sizeof sizes - 1, NULL, 0), STATUS_INVALID_PARAMETER);
    close_it(file);
    create(0, 0);
    assert_true(journal.UsnJournalID != id);
    assert_int_equal(journal.NextUsn, 0);
    stop();
}

static void a_journal_outlives_a_mount_and_none_is_made_on_what_is_read_only(void **state)
{
    CREATE_USN_JOURNAL_DATA sizes = {0, 0};
    start_with_journal();
    make_file("\\f", "x");
    query();
    USN next = journal.NextUsn;
    assert_int_equal(control(volume, FSCTL_DISMOUNT_VOLUME, NULL, 0, NULL, 0), STATUS_SUCCESS);
    close_it(volume);
    fltsim_sleep(10);
    volume = open_for("", GENERIC_READ | GENERIC_WRITE, FILE_OPEN, 0);
    query();
    assert_int_equal(journal.NextUsn, next);
    assert_int_equal(read_from(0, R(FILE_CREATE), true, 2), STATUS_SUCCESS);
    assert_non_null(next_record());
    stop();
    unit_start_with((struct fltsim_volume_options){.read_only = true});
    volume = open_for("", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(control(volume, FSCTL_CREATE_USN_JOURNAL, &sizes, sizeof sizes, NULL, 0), STATUS_MEDIA_WRITE_PROTECTED);
    stop();
    unit_start(FLTSIM_FAT);
    volume = open_for("", GENERIC_READ, FILE_OPEN, 0);
    assert_int_equal(control(volume, FSCTL_CREATE_USN_JOURNAL, &sizes, sizeof sizes, NULL, 0), STATUS_INVALID_DEVICE_REQUEST);
    stop();
}

/* -- waiting ----------------------------------------------------------------------------------- */

static struct {
    READ_USN_JOURNAL_DATA_V1 ask;
    union {
        USN next;
        UCHAR bytes[1024];
    } out;
    size_t done;
    NTSTATUS status;
    bool over;
} waiting;

static int wait_for_records(void *argument)
{
    HANDLE handle = argument;
    waiting.status = fltsim_fsctl(handle, FSCTL_READ_USN_JOURNAL, &waiting.ask, sizeof waiting.ask, &waiting.out,
                                  sizeof waiting.out, &waiting.done);
    __atomic_store_n(&waiting.over, true, __ATOMIC_RELEASE);
    return 0;
}

static bool is_over(void)
{
    fltsim_sleep(1);
    return __atomic_load_n(&waiting.over, __ATOMIC_ACQUIRE);
}

static struct fltsim_thread *wait_from(HANDLE handle, ULONG mask, ULONGLONG timeout, ULONGLONG bytes)
{
    query();
    memset(&waiting, 0, sizeof waiting);
    waiting.ask = (READ_USN_JOURNAL_DATA_V1){.StartUsn = journal.NextUsn, .ReasonMask = mask, .Timeout = timeout,
                                             .BytesToWaitFor = bytes, .UsnJournalID = journal.UsnJournalID,
                                             .MinMajorVersion = 2, .MaxMajorVersion = 2};
    struct fltsim_thread *thread = fltsim_thread_create(NULL, wait_for_records, handle);
    assert_false(is_over());
    return thread;
}

static HANDLE second_volume_handle(void)
{
    HANDLE handle;
    assert_int_equal(fltsim_open(unit.letter, &(struct fltsim_open){.access = GENERIC_READ, .asynchronous = true}, &handle),
                     STATUS_SUCCESS);
    return handle;
}

static void readers_wait_for_what_matches(void **state)
{
    start_with_journal();
    make_file("\\f", "x");
    HANDLE other = second_volume_handle();
    struct fltsim_thread *thread = wait_from(other, USN_REASON_FILE_DELETE, 0, 1);
    make_file("\\f", "y");
    assert_false(is_over());
    assert_int_equal(fltsim_delete(at("\\f")), STATUS_SUCCESS);
    assert_true(is_over());
    fltsim_thread_join(thread);
    assert_int_equal(waiting.status, STATUS_SUCCESS);
    assert_int_equal(waiting.done, 8 + 64);
    assert_int_equal(((PUSN_RECORD_V2)(void *)(waiting.out.bytes + 8))->Reason, R(FILE_DELETE) | R(CLOSE));
    query();
    assert_int_equal(waiting.out.next, journal.NextUsn);
    close_it(other);
    stop();
}

static void readers_wait_for_so_many_bytes_or_so_long(void **state)
{
    start_with_journal();
    HANDLE other = second_volume_handle();
    struct fltsim_thread *thread = wait_from(other, 0xFFFFFFFF, 0, 400);
    make_file("\\f", "x"); /* 3 records of 64 */
    assert_false(is_over());
    make_file("\\g", "x");
    assert_false(is_over());
    make_file("\\h", "x");
    fltsim_thread_join(thread);
    assert_int_equal(waiting.status, STATUS_SUCCESS);
    assert_true(waiting.done >= 8 + 7 * 64);
    thread = wait_from(other, 0xFFFFFFFF, 5, 4000);
    fltsim_sleep(4000);
    assert_false(is_over());
    fltsim_sleep(2000);
    assert_true(is_over());
    fltsim_thread_join(thread);
    assert_int_equal(waiting.status, STATUS_SUCCESS);
    assert_int_equal(waiting.done, sizeof(USN));
    assert_int_equal(waiting.out.next, waiting.ask.StartUsn);
    close_it(other);
    stop();
}

static void waiting_ends_with_the_journal_or_the_volume(void **state)
{
    start_with_journal();
    HANDLE other = second_volume_handle();
    struct fltsim_thread *thread = wait_from(other, 0xFFFFFFFF, 100, 1);
    DELETE_USN_JOURNAL_DATA wipe = {.UsnJournalID = journal.UsnJournalID, .DeleteFlags = USN_DELETE_FLAG_DELETE};
    assert_int_equal(control(volume, FSCTL_DELETE_USN_JOURNAL, &wipe, sizeof wipe, NULL, 0), STATUS_SUCCESS);
    fltsim_thread_join(thread);
    assert_int_equal(waiting.status, STATUS_JOURNAL_DELETE_IN_PROGRESS);
    create(0, 0);
    thread = wait_from(other, 0xFFFFFFFF, 100, 1);
    assert_int_equal(control(volume, FSCTL_DISMOUNT_VOLUME, NULL, 0, NULL, 0), STATUS_SUCCESS);
    fltsim_thread_join(thread);
    assert_int_equal(waiting.status, STATUS_VOLUME_DISMOUNTED);
    close_it(other);
    stop();
}

static NTSTATUS begin_wait(HANDLE handle, IO_STATUS_BLOCK *iosb)
{
    query();
    waiting.ask = (READ_USN_JOURNAL_DATA_V1){.StartUsn = journal.NextUsn, .ReasonMask = MAXULONG, .Timeout = 60,
                                             .BytesToWaitFor = 1, .UsnJournalID = journal.UsnJournalID,
                                             .MinMajorVersion = 2, .MaxMajorVersion = 2};
    *iosb = (IO_STATUS_BLOCK){.Status = STATUS_PENDING};
    return NtFsControlFile(handle, NULL, NULL, NULL, iosb, FSCTL_READ_USN_JOURNAL, &waiting.ask, sizeof waiting.ask,
                           &waiting.out, sizeof waiting.out);
}

static void a_wait_is_cancelled_or_ends_with_its_handle(void **state)
{
    IO_STATUS_BLOCK iosb, cancelled;
    start_with_journal();
    HANDLE other = second_volume_handle();
    assert_int_equal(begin_wait(other, &iosb), STATUS_PENDING);
    assert_int_equal(NtCancelIoFile(other, &cancelled), STATUS_SUCCESS);
    fltsim_sleep(1);
    assert_int_equal(iosb.Status, STATUS_CANCELLED);
    assert_int_equal(begin_wait(other, &iosb), STATUS_PENDING);
    make_file("\\f", "x");
    fltsim_sleep(1);
    assert_int_equal(iosb.Status, STATUS_SUCCESS);
    assert_true(iosb.Information > sizeof(USN));
    assert_int_equal(begin_wait(other, &iosb), STATUS_PENDING);
    close_it(other);
    fltsim_sleep(1);
    assert_int_equal(iosb.Status, STATUS_CANCELLED);
    stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_history_is_recorded_as_documented),
        cmocka_unit_test(files_come_change_names_and_go),
        cmocka_unit_test(a_replaced_file_is_recorded_as_deleted),
        cmocka_unit_test(streams_have_reasons_of_their_own),
        cmocka_unit_test(attributes_of_all_kinds_have_reasons),
        cmocka_unit_test(what_views_write_is_recorded_with_the_handle),
        cmocka_unit_test(sources_are_what_the_handle_says),
        cmocka_unit_test(readers_choose_what_they_get),
        cmocka_unit_test(a_small_buffer_reads_on_from_where_it_ended),
        cmocka_unit_test(old_records_go),
        cmocka_unit_test(each_files_last_record_is_enumerated),
        cmocka_unit_test(a_close_is_recorded_by_hand),
        cmocka_unit_test(a_journal_is_created_changed_and_deleted),
        cmocka_unit_test(a_journal_outlives_a_mount_and_none_is_made_on_what_is_read_only),
        cmocka_unit_test(readers_wait_for_what_matches),
        cmocka_unit_test(readers_wait_for_so_many_bytes_or_so_long),
        cmocka_unit_test(waiting_ends_with_the_journal_or_the_volume),
        cmocka_unit_test(a_wait_is_cancelled_or_ends_with_its_handle),
    };
    return cmocka_run_group_tests_name("memfs/journal", tests, NULL, NULL);
}
