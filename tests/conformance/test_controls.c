/* Control codes of a file system, as a minifilter sends them below itself: the statuses and answers that their pages give.
 * FSCTL_GET_RETRIEVAL_POINTERS, FSCTL_GET_RETRIEVAL_POINTER_BASE, FSCTL_OFFLOAD_READ, FSCTL_FILE_LEVEL_TRIM,
 * FSCTL_FIND_FILES_BY_SID, Change Journal Records, Kernel Extended Attributes. */
#include "files.h"

static ULONG returned;
static union {
    UCHAR bytes[4096];
    RETRIEVAL_POINTERS_BUFFER pointers;
    FSCTL_OFFLOAD_READ_OUTPUT token;
    FILE_LEVEL_TRIM_OUTPUT trimmed;
    USN_JOURNAL_DATA_V0 journal;
    USN_RECORD_V2 record;
    LARGE_INTEGER number;
} out;

static PFILE_OBJECT object_of(HANDLE handle)
{
    PFILE_OBJECT object;
    succeeds(ObReferenceObjectByHandle(handle, 0, *IoFileObjectType, KernelMode, (PVOID *)&object, NULL));
    ObDereferenceObject(object);
    return object;
}

static NTSTATUS control(HANDLE handle, ULONG code, const void *in, ULONG in_length, ULONG out_length)
{
    return FltFsControlFile(stage.instance, object_of(handle), code, (PVOID)in, in_length, out_length ? &out : NULL, out_length,
                            &returned);
}

static HANDLE file_with(const WCHAR *name, ULONG bytes)
{
    static UCHAR data[3 * PAGE_SIZE];
    forget(name);
    HANDLE handle = make(name, 0, false);
    LARGE_INTEGER start = {.QuadPart = 0};
    if (bytes)
        succeeds(ZwWriteFile(handle, NULL, NULL, NULL, &iosb, data, bytes, &start, NULL));
    return handle;
}

static HANDLE volume_handle(void)
{
    HANDLE handle;
    succeeds(ZwCreateFile(&handle, GENERIC_READ | SYNCHRONIZE, named(L"\\??\\C:"), &iosb, NULL, 0, ALL_SHARED, FILE_OPEN,
                          FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0));
    return handle;
}

static void where_a_file_lies_is_told_as_far_as_there_is_room(void)
{
    STARTING_VCN_INPUT_BUFFER vcn = {.StartingVcn.QuadPart = 0};
    volume_set();
    HANDLE file = file_with(FILE_ON_C("f"), 3 * PAGE_SIZE), volume = volume_handle();
    succeeds(control(file, FSCTL_GET_RETRIEVAL_POINTERS, &vcn, sizeof vcn, sizeof out));
    assert_true(out.pointers.ExtentCount >= 1);
    assert_int_equal(out.pointers.StartingVcn.QuadPart, 0);
    ULONG last = out.pointers.ExtentCount - 1;
    vcn.StartingVcn = (&out.pointers.Extents[0])[last].NextVcn;
    answers(STATUS_END_OF_FILE, control(file, FSCTL_GET_RETRIEVAL_POINTERS, &vcn, sizeof vcn, sizeof out));
    succeeds(control(volume, FSCTL_GET_RETRIEVAL_POINTER_BASE, NULL, 0, sizeof out.number));
    assert_int_equal(returned, sizeof out.number);
    answers(STATUS_BUFFER_TOO_SMALL, control(volume, FSCTL_GET_RETRIEVAL_POINTER_BASE, NULL, 0, sizeof out.number - 1));
    answers(STATUS_INVALID_PARAMETER, control(file, FSCTL_GET_RETRIEVAL_POINTER_BASE, NULL, 0, sizeof out.number));
    succeeds(ZwClose(volume));
    succeeds(ZwClose(file));
}

static void an_offloaded_read_says_what_is_wrong(void)
{
    static const struct {
        const char *what;
        ULONG size, room;
        ULONGLONG offset, length;
        NTSTATUS status;
    } rows[] = {
        {"a page", sizeof(FSCTL_OFFLOAD_READ_INPUT), sizeof out.token, 0, PAGE_SIZE, STATUS_SUCCESS},
        {"Size", sizeof(FSCTL_OFFLOAD_READ_INPUT) - 1, sizeof out.token, 0, PAGE_SIZE, STATUS_INVALID_PARAMETER},
        {"the output", sizeof(FSCTL_OFFLOAD_READ_INPUT), sizeof out.token - 1, 0, PAGE_SIZE, STATUS_BUFFER_TOO_SMALL},
        {"FileOffset", sizeof(FSCTL_OFFLOAD_READ_INPUT), sizeof out.token, 100, PAGE_SIZE, STATUS_INVALID_PARAMETER},
        {"CopyLength", sizeof(FSCTL_OFFLOAD_READ_INPUT), sizeof out.token, 0, 100, STATUS_INVALID_PARAMETER},
        {"both", sizeof(FSCTL_OFFLOAD_READ_INPUT), sizeof out.token, MAXULONGLONG - 511, 512, STATUS_INVALID_PARAMETER},
        {"the end", sizeof(FSCTL_OFFLOAD_READ_INPUT), sizeof out.token, 3 * PAGE_SIZE, PAGE_SIZE, STATUS_END_OF_FILE},
    };
    volume_set();
    HANDLE file = file_with(FILE_ON_C("f"), 3 * PAGE_SIZE), small = file_with(FILE_ON_C("small"), 512);
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        FSCTL_OFFLOAD_READ_INPUT in = {.Size = rows[i].size, .FileOffset = rows[i].offset, .CopyLength = rows[i].length};
        differ(i, rows[i].what, control(file, FSCTL_OFFLOAD_READ, &in, sizeof in, rows[i].room), rows[i].status);
    }
    FSCTL_OFFLOAD_READ_INPUT in = {.Size = sizeof in, .CopyLength = 512};
    differ(99, "less than a page", control(small, FSCTL_OFFLOAD_READ, &in, sizeof in, sizeof out), STATUS_INVALID_PARAMETER);
    succeeds(control(file, FSCTL_SET_SPARSE, NULL, 0, 0));
    differ(99, "sparse", control(file, FSCTL_OFFLOAD_READ, &in, sizeof in, sizeof out), STATUS_OFFLOAD_READ_FILE_NOT_SUPPORTED);
    succeeds(ZwClose(small));
    succeeds(ZwClose(file));
    assert_int_equal(differences, 0);
}

static void trims_are_of_whole_pages_and_counted(void)
{
    FILE_LEVEL_TRIM trim = {.NumRanges = 1, .Ranges = {{.Offset = 1, .Length = PAGE_SIZE}}};
    volume_set();
    HANDLE file = file_with(FILE_ON_C("f"), 3 * PAGE_SIZE);
    succeeds(control(file, FSCTL_FILE_LEVEL_TRIM, &trim, sizeof trim, sizeof out.trimmed));
    assert_int_equal(out.trimmed.NumRangesProcessed, 1);
    answers(STATUS_INVALID_PARAMETER, control(file, FSCTL_FILE_LEVEL_TRIM, &trim, sizeof trim - 1, sizeof out.trimmed));
    trim.NumRanges = 0;
    answers(STATUS_INVALID_PARAMETER, control(file, FSCTL_FILE_LEVEL_TRIM, &trim, sizeof trim, sizeof out.trimmed));
    succeeds(ZwClose(file));
}

static void nobodys_files_are_found_without_quotas(void)
{
    struct {
        ULONG Restart;
        UCHAR Sid[12];
    } in = {1, {1, 1, 0, 0, 0, 0, 0, 5, 18}};
    volume_set();
    HANDLE root;
    succeeds(create(L"\\??\\C:\\", GENERIC_READ, 0, ALL_SHARED, FILE_OPEN, FILE_DIRECTORY_FILE, &root));
    answers(STATUS_NO_QUOTAS_FOR_ACCOUNT, control(root, FSCTL_FIND_FILES_BY_SID, &in, sizeof in, sizeof out));
    assert_int_equal(returned, 0);
    succeeds(ZwClose(root));
}

/* ---- the journal ------------------------------------------------------------------------------- */

static USN next_usn(HANDLE volume, ULONGLONG *id)
{
    succeeds(control(volume, FSCTL_QUERY_USN_JOURNAL, NULL, 0, sizeof out.journal));
    *id = out.journal.UsnJournalID;
    return out.journal.NextUsn;
}

/* The table of "Change Journal Records". */
static void a_file_has_the_documented_history(void)
{
    static const ULONG wanted[] = {
        USN_REASON_DATA_OVERWRITE,
        USN_REASON_DATA_OVERWRITE | USN_REASON_BASIC_INFO_CHANGE,
        USN_REASON_DATA_OVERWRITE | USN_REASON_BASIC_INFO_CHANGE | USN_REASON_DATA_TRUNCATION,
        USN_REASON_DATA_OVERWRITE | USN_REASON_BASIC_INFO_CHANGE | USN_REASON_DATA_TRUNCATION | USN_REASON_CLOSE,
    };
    CREATE_USN_JOURNAL_DATA sizes = {.MaximumSize = 1 << 20, .AllocationDelta = 1 << 16};
    FILE_BASIC_INFORMATION times = {.LastWriteTime.QuadPart = 130000000000000000};
    FILE_END_OF_FILE_INFORMATION end = {.EndOfFile.QuadPart = 100};
    LARGE_INTEGER start = {.QuadPart = 0};
    READ_USN_JOURNAL_DATA_V0 ask = {.ReasonMask = MAXULONG};
    volume_set();
    HANDLE volume = volume_handle();
    answers(STATUS_JOURNAL_NOT_ACTIVE, control(volume, FSCTL_QUERY_USN_JOURNAL, NULL, 0, sizeof out.journal));
    succeeds(control(volume, FSCTL_CREATE_USN_JOURNAL, &sizes, sizeof sizes, 0));
    succeeds(ZwClose(file_with(FILE_ON_C("f"), 512)));
    ask.StartUsn = next_usn(volume, &ask.UsnJournalID);
    HANDLE file;
    succeeds(create(FILE_ON_C("f"), GENERIC_WRITE, 0, ALL_SHARED, FILE_OPEN, 0, &file));
    succeeds(ZwWriteFile(file, NULL, NULL, NULL, &iosb, "1", 1, &start, NULL));
    succeeds(ZwSetInformationFile(file, &iosb, &times, sizeof times, FileBasicInformation));
    succeeds(ZwWriteFile(file, NULL, NULL, NULL, &iosb, "2", 1, &start, NULL));
    succeeds(ZwSetInformationFile(file, &iosb, &end, sizeof end, FileEndOfFileInformation));
    succeeds(ZwWriteFile(file, NULL, NULL, NULL, &iosb, "3", 1, &start, NULL));
    succeeds(ZwClose(file));
    succeeds(control(volume, FSCTL_READ_USN_JOURNAL, &ask, sizeof ask, sizeof out));
    ULONG at = sizeof(USN);
    for (size_t i = 0; i < ARRAYSIZE(wanted); i++) {
        const USN_RECORD_V2 *record = (const VOID *)(out.bytes + at);
        assert_true(at < returned);
        differ_number(i, "reason", record->Reason, wanted[i]);
        at += record->RecordLength;
    }
    assert_int_equal(at, returned);
    assert_int_equal(differences, 0);
    ask.StartUsn = next_usn(volume, &ask.UsnJournalID) + 4096;
    answers(STATUS_INVALID_PARAMETER, control(volume, FSCTL_READ_USN_JOURNAL, &ask, sizeof ask, sizeof out));
    succeeds(ZwClose(volume));
}

/* "When the USN journal is deleted, FileUSN is reset to zero." */
static void a_files_usn_goes_with_the_journal(void)
{
    CREATE_USN_JOURNAL_DATA sizes = {0, 0};
    volume_set();
    HANDLE volume = volume_handle();
    succeeds(control(volume, FSCTL_CREATE_USN_JOURNAL, &sizes, sizeof sizes, 0));
    succeeds(ZwClose(file_with(FILE_ON_C("first"), 1)));
    HANDLE file = file_with(FILE_ON_C("f"), 1);
    succeeds(control(file, FSCTL_READ_FILE_USN_DATA, NULL, 0, sizeof out));
    assert_true(out.record.Usn > 0);
    DELETE_USN_JOURNAL_DATA gone = {.DeleteFlags = USN_DELETE_FLAG_DELETE};
    next_usn(volume, &gone.UsnJournalID);
    succeeds(control(volume, FSCTL_DELETE_USN_JOURNAL, &gone, sizeof gone, 0));
    succeeds(control(file, FSCTL_READ_FILE_USN_DATA, NULL, 0, sizeof out));
    assert_int_equal(out.record.Usn, 0);
    succeeds(ZwClose(file));
    succeeds(ZwClose(volume));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(where_a_file_lies_is_told_as_far_as_there_is_room),
        fltsim_unit_test(an_offloaded_read_says_what_is_wrong),
        fltsim_unit_test(trims_are_of_whole_pages_and_counted),
        fltsim_unit_test(nobodys_files_are_found_without_quotas),
        fltsim_unit_test(a_file_has_the_documented_history),
        fltsim_unit_test(a_files_usn_goes_with_the_journal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
