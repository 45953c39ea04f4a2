/* What programs pass by pointer: no value of theirs brings a service down, and no request is sent for memory that is none. */
#include "stub.h"

#include <string.h>

static IO_STATUS_BLOCK iosb;
static ULONG aligned[512];
static LARGE_INTEGER number;
static UNICODE_STRING pattern;
static OBJECT_ATTRIBUTES attributes;

/* One page that nobody may touch, another that may be read only. */
static struct {
    PVOID none, constant;
} pages;

static PVOID page_of(ULONG protection)
{
    PVOID page = NULL;
    SIZE_T size = 4096;
    assert_int_equal(ZwAllocateVirtualMemory(NtCurrentProcess(), &page, 0, &size, MEM_RESERVE | MEM_COMMIT, protection),
                     STATUS_SUCCESS);
    return page;
}

static void give_back(PVOID page)
{
    SIZE_T size = 0;
    assert_int_equal(ZwFreeVirtualMemory(NtCurrentProcess(), &page, &size, MEM_RELEASE), STATUS_SUCCESS);
}

enum { CODE = CTL_CODE(FILE_DEVICE_FILE_SYSTEM, 2100, METHOD_BUFFERED, FILE_ANY_ACCESS) };

typedef NTSTATUS call(HANDLE file, PVOID wrong);
static NTSTATUS read_into(HANDLE file, PVOID wrong) { return NtReadFile(file, NULL, NULL, NULL, &iosb, wrong, 8, &number, NULL); }
static NTSTATUS write_from(HANDLE file, PVOID wrong) { return NtWriteFile(file, NULL, NULL, NULL, &iosb, wrong, 8, &number, NULL); }
static NTSTATUS query(HANDLE file, PVOID wrong) { return NtQueryInformationFile(file, &iosb, wrong, 256, FileStandardInformation); }
static NTSTATUS query_here(HANDLE file, PVOID wrong) { return NtQueryInformationFile(file, &iosb, wrong, 256, FileModeInformation); }
static NTSTATUS set(HANDLE file, PVOID wrong) { return NtSetInformationFile(file, &iosb, wrong, 8, FileEndOfFileInformation); }
static NTSTATUS set_here(HANDLE file, PVOID wrong) { return NtSetInformationFile(file, &iosb, wrong, 8, FilePositionInformation); }
static NTSTATUS query_volume(HANDLE file, PVOID wrong) { return NtQueryVolumeInformationFile(file, &iosb, wrong, 64, FileFsSizeInformation); }
static NTSTATUS set_volume(HANDLE file, PVOID wrong) { return NtSetVolumeInformationFile(file, &iosb, wrong, 64, FileFsLabelInformation); }
static NTSTATUS list(HANDLE file, PVOID wrong)
{
    return NtQueryDirectoryFile(file, NULL, NULL, NULL, &iosb, wrong, 512, FileBothDirectoryInformation, FALSE, NULL, TRUE);
}
static NTSTATUS list_names(HANDLE file, PVOID wrong)
{
    pattern.Length = pattern.MaximumLength = 8;
    pattern.Buffer = wrong;
    return NtQueryDirectoryFile(file, NULL, NULL, NULL, &iosb, aligned, 512, FileBothDirectoryInformation, FALSE, &pattern, TRUE);
}
static NTSTATUS list_pattern(HANDLE file, PVOID wrong)
{
    return NtQueryDirectoryFile(file, NULL, NULL, NULL, &iosb, aligned, 512, FileBothDirectoryInformation, FALSE, wrong, TRUE);
}
static NTSTATUS watch(HANDLE file, PVOID wrong)
{
    return NtNotifyChangeDirectoryFile(file, NULL, NULL, NULL, &iosb, wrong, 64, FILE_NOTIFY_CHANGE_SIZE, FALSE);
}
static NTSTATUS control_in(HANDLE file, PVOID wrong) { return NtFsControlFile(file, NULL, NULL, NULL, &iosb, CODE, wrong, 8, NULL, 0); }
static NTSTATUS control_out(HANDLE file, PVOID wrong) { return NtFsControlFile(file, NULL, NULL, NULL, &iosb, CODE, NULL, 0, wrong, 8); }
static NTSTATUS device_direct(HANDLE file, PVOID wrong)
{
    const ULONG code = CTL_CODE(FILE_DEVICE_FILE_SYSTEM, 2100, METHOD_OUT_DIRECT, FILE_ANY_ACCESS);
    return NtDeviceIoControlFile(file, NULL, NULL, NULL, &iosb, code, aligned, 8, wrong, 8);
}
static NTSTATUS query_ea(HANDLE file, PVOID wrong) { return NtQueryEaFile(file, &iosb, wrong, 64, FALSE, NULL, 0, NULL, TRUE); }
static NTSTATUS query_ea_list(HANDLE file, PVOID wrong) { return NtQueryEaFile(file, &iosb, aligned, 64, FALSE, wrong, 16, NULL, TRUE); }
static NTSTATUS set_ea(HANDLE file, PVOID wrong) { return NtSetEaFile(file, &iosb, wrong, 64); }
static NTSTATUS lock(HANDLE file, PVOID wrong) { return NtLockFile(file, NULL, NULL, NULL, &iosb, &number, wrong, 0, TRUE, FALSE); }
static NTSTATUS unlock(HANDLE file, PVOID wrong) { return NtUnlockFile(file, &iosb, wrong, &number, 0); }
static NTSTATUS query_security(HANDLE file, PVOID wrong)
{
    return NtQuerySecurityObject(file, DACL_SECURITY_INFORMATION, wrong, 64, aligned);
}
static NTSTATUS set_security(HANDLE file, PVOID wrong) { return NtSetSecurityObject(file, DACL_SECURITY_INFORMATION, wrong); }
static NTSTATUS query_quota(HANDLE file, PVOID wrong)
{
    return NtQueryQuotaInformationFile(file, &iosb, wrong, 64, FALSE, NULL, 0, NULL, TRUE);
}
static NTSTATUS into_status(HANDLE file, PVOID wrong) { return NtQueryInformationFile(file, wrong, aligned, 256, FileStandardInformation); }
static NTSTATUS from_offset(HANDLE file, PVOID wrong) { return NtReadFile(file, NULL, NULL, NULL, &iosb, aligned, 8, wrong, NULL); }
static NTSTATUS open_named(HANDLE file, PVOID wrong)
{
    HANDLE handle;
    InitializeObjectAttributes(&attributes, &pattern, 0, file, NULL);
    pattern.Length = pattern.MaximumLength = 8;
    pattern.Buffer = wrong;
    return NtOpenFile(&handle, GENERIC_READ, &attributes, &iosb, 7, 0);
}
static NTSTATUS open_as(HANDLE file, PVOID wrong)
{
    HANDLE handle;
    return NtOpenFile(&handle, GENERIC_READ, wrong, &iosb, 7, 0);
}
static NTSTATUS open_into(HANDLE file, PVOID wrong)
{
    InitializeObjectAttributes(&attributes, U(u"\\??\\S:\\file"), 0, NULL, NULL);
    return NtOpenFile(wrong, GENERIC_READ, &attributes, &iosb, 7, 0);
}

enum wrongs { EMPTY = 16, /* NULL is no buffer at all */ SMALL = 1, ODD = 2, UNTOUCHABLE = 4, READ_ONLY = 8 };
static const struct {
    const char *what;
    call *call;
    unsigned wrongs; /* and NULL, but for controls */
} calls[] = {
    {"read", read_into, SMALL},
    {"write", write_from, SMALL},
    {"query", query, SMALL | ODD | UNTOUCHABLE | READ_ONLY},
    {"query mode", query_here, SMALL | ODD | UNTOUCHABLE | READ_ONLY},
    {"set", set, SMALL | ODD | UNTOUCHABLE},
    {"set position", set_here, SMALL | ODD | UNTOUCHABLE},
    {"query volume", query_volume, SMALL | ODD | UNTOUCHABLE | READ_ONLY},
    {"set volume", set_volume, SMALL | ODD | UNTOUCHABLE},
    {"list", list, SMALL | ODD | UNTOUCHABLE | READ_ONLY},
    {"list names", list_names, SMALL | ODD | UNTOUCHABLE},
    {"watch", watch, SMALL | ODD | UNTOUCHABLE | READ_ONLY},
    {"control in", control_in, EMPTY | SMALL | UNTOUCHABLE},
    {"control out", control_out, EMPTY | SMALL | UNTOUCHABLE | READ_ONLY},
    {"control direct", device_direct, EMPTY | SMALL | UNTOUCHABLE | READ_ONLY},
    {"query EAs", query_ea, SMALL | ODD | UNTOUCHABLE | READ_ONLY},
    {"set EAs", set_ea, SMALL | ODD | UNTOUCHABLE},
    {"lock", lock, SMALL | ODD | UNTOUCHABLE},
    {"unlock", unlock, SMALL | ODD | UNTOUCHABLE},
    {"query security", query_security, SMALL | ODD | UNTOUCHABLE | READ_ONLY},
    {"set security", set_security, SMALL | ODD | UNTOUCHABLE},
    {"query quotas", query_quota, SMALL | ODD | UNTOUCHABLE | READ_ONLY},
    {"status block", into_status, SMALL | ODD},
    {"open by name", open_named, SMALL | ODD | UNTOUCHABLE},
    {"open", open_as, SMALL | ODD | UNTOUCHABLE},
    {"open into", open_into, SMALL | ODD | UNTOUCHABLE | READ_ONLY},
};

static unsigned differences;

static void expect(const char *what, const char *wrong, NTSTATUS status, NTSTATUS wanted)
{
    if (status == wanted)
        return;
    print_error("%s, %s: %s\n", what, wrong, fltsim_status_name(status));
    differences++;
}

static unsigned requests(void)
{
    unsigned sum = 0;
    for (unsigned i = IRP_MJ_READ; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        sum += stub.count[i];
    return sum;
}

static void NoPointerIsBelieved(void **state)
{
    differences = 0;
    pages.none = page_of(PAGE_NOACCESS);
    pages.constant = page_of(PAGE_READONLY);
    HANDLE file = stub_open("S:\\file", &(struct fltsim_open){.access = FILE_ALL_ACCESS});
    KPROCESSOR_MODE before = fltsim_previous_mode(UserMode);
    for (size_t i = 0; i < RTL_NUMBER_OF(calls); i++) {
        unsigned sent = requests();
        if (!(calls[i].wrongs & EMPTY))
            expect(calls[i].what, "NULL", calls[i].call(file, NULL), STATUS_ACCESS_VIOLATION);
        if (calls[i].wrongs & SMALL)
            expect(calls[i].what, "a small number", calls[i].call(file, (PVOID)(ULONG_PTR)0x100), STATUS_ACCESS_VIOLATION);
        if (calls[i].wrongs & ODD)
            expect(calls[i].what, "odd", calls[i].call(file, (PCHAR)aligned + 1), STATUS_DATATYPE_MISALIGNMENT);
        if (calls[i].wrongs & UNTOUCHABLE)
            expect(calls[i].what, "untouchable", calls[i].call(file, pages.none), STATUS_ACCESS_VIOLATION);
        if (calls[i].wrongs & READ_ONLY)
            expect(calls[i].what, "read-only", calls[i].call(file, pages.constant), STATUS_ACCESS_VIOLATION);
        if (requests() != sent)
            expect(calls[i].what, "something was sent", STATUS_SUCCESS, STATUS_ACCESS_VIOLATION);
    }
    expect("list, no pattern", "small", list_pattern(file, (PVOID)(ULONG_PTR)0x100), STATUS_ACCESS_VIOLATION);
    expect("EA list", "small", query_ea_list(file, (PVOID)(ULONG_PTR)0x100), STATUS_ACCESS_VIOLATION);
    expect("offset", "small", from_offset(file, (PVOID)(ULONG_PTR)0x100), STATUS_ACCESS_VIOLATION);
    fltsim_previous_mode(before);
    fltsim_close(file);
    give_back(pages.none);
    give_back(pages.constant);
    assert_int_equal(differences, 0);
}

static void ANullBufferOfAProgramsControlIsEmpty(void **state)
{
    HANDLE file = stub_open("S:\\file", NULL);
    for (KPROCESSOR_MODE mode = KernelMode; mode <= UserMode; mode++) {
        KPROCESSOR_MODE before = fltsim_previous_mode(mode);
        assert_int_equal(control_in(file, NULL), STATUS_SUCCESS);
        const IO_STACK_LOCATION *seen = &stub.last[IRP_MJ_FILE_SYSTEM_CONTROL];
        assert_int_equal(seen->Parameters.FileSystemControl.InputBufferLength, mode == UserMode ? 0 : 8);
        if (mode == UserMode) {
            assert_int_equal(control_out(file, NULL), STATUS_SUCCESS);
            assert_int_equal(seen->Parameters.FileSystemControl.OutputBufferLength, 0);
        }
        fltsim_previous_mode(before);
    }
    fltsim_close(file);
}

/* ---- more than fits ---- */

static ULONG_PTR claimed;
static NTSTATUS claimedStatus;

static bool Claim(PDEVICE_OBJECT device, PIRP irp, NTSTATUS *status)
{
    UCHAR major = IoGetCurrentIrpStackLocation(irp)->MajorFunction;
    if (major != IRP_MJ_DEVICE_CONTROL && major != IRP_MJ_QUERY_INFORMATION)
        return false;
    irp->IoStatus.Information = claimed;
    *status = irp->IoStatus.Status = claimedStatus;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return true;
}

static void WhatDoesNotFitIsNotCopiedButReported(void **state)
{
    static const struct {
        ULONG in, out;
        ULONG_PTR claimed;
        NTSTATUS status;
        bool wrong;
    } rows[] = {
        {8, 16, 16, STATUS_SUCCESS, false},
        {8, 16, 17, STATUS_SUCCESS, true},
        {32, 16, 32, STATUS_SUCCESS, true}, /* the system buffer holds them, the program's does not */
        {8, 16, 4096, STATUS_BUFFER_OVERFLOW, true},
        {8, 16, 4096, STATUS_BUFFER_TOO_SMALL, false}, /* nothing is copied */
        {8, 0, 8, STATUS_SUCCESS, false},
    };
    HANDLE file = stub_open("S:\\file", NULL);
    stub.hook = Claim;
    for (size_t i = 0; i < RTL_NUMBER_OF(rows); i++) {
        UCHAR in[32] = {0}, out[64];
        memset(out, 0xCC, sizeof out);
        claimed = rows[i].claimed;
        claimedStatus = rows[i].status;
        size_t before = fltsim_violations();
        if (rows[i].wrong)
            fltsim_expect("irp-information-too-large");
        assert_int_equal(NtDeviceIoControlFile(file, NULL, NULL, NULL, &iosb, CODE, in, rows[i].in, rows[i].out ? out : NULL,
                                               rows[i].out),
                         rows[i].status);
        assert_int_equal(fltsim_violations(), before);
        assert_int_equal(out[16], 0xCC);
    }
    FILE_STANDARD_INFORMATION standard;
    claimed = sizeof standard + 8;
    claimedStatus = STATUS_SUCCESS;
    fltsim_expect("irp-information-too-large");
    assert_int_equal(NtQueryInformationFile(file, &iosb, &standard, sizeof standard, FileStandardInformation), STATUS_SUCCESS);
    stub.hook = NULL;
    fltsim_close(file);
}

static void ProgramsNameDevicesTheirWay(void **state)
{
    fltsim_close(stub_open("\\\\.\\S:\\file", NULL));
    fltsim_close(stub_open("\\\\?\\S:\\file", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(NoPointerIsBelieved, stub_setup, stub_teardown),
        cmocka_unit_test_setup_teardown(ANullBufferOfAProgramsControlIsEmpty, stub_setup, stub_teardown),
        cmocka_unit_test_setup_teardown(WhatDoesNotFitIsNotCopiedButReported, stub_setup, stub_teardown),
        cmocka_unit_test_setup_teardown(ProgramsNameDevicesTheirWay, stub_setup, stub_teardown),
    };
    return cmocka_run_group_tests_name("io/memory", tests, NULL, NULL);
}
