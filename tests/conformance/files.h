/* What tests of files share: the status block, tables whose rows each tell how they differ, files made and forgotten. */
#ifndef TESTS_CONFORMANCE_FILES_H
#define TESTS_CONFORMANCE_FILES_H

#include "stage.h"

#define ALL_SHARED (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
#define FILE_ON_C(name) L"\\??\\C:\\" name
#define UNTOUCHED 0x5555

static IO_STATUS_BLOCK iosb;
static unsigned differences;

static void volume_set(void)
{
    differences = 0;
    stage_set();
}

static void differ(size_t row, const char *what, NTSTATUS got, NTSTATUS wanted)
{
    if (got == wanted)
        return;
    differences++;
    print_error("row %zu, %s: %s, not %s\n", row, what, fltsim_status_name(got), fltsim_status_name(wanted));
}

static void differ_number(size_t row, const char *what, ULONG64 got, ULONG64 wanted)
{
    if (got == wanted)
        return;
    differences++;
    print_error("row %zu, %s: 0x%llx, not 0x%llx\n", row, what, (unsigned long long)got, (unsigned long long)wanted);
}

static NTSTATUS create(const WCHAR *name, ACCESS_MASK access, ULONG attributes, ULONG share, ULONG disposition, ULONG options,
                       PHANDLE handle)
{
    return ZwCreateFile(handle, access | SYNCHRONIZE, named(name), &iosb, NULL, attributes, share, disposition,
                        options | FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0);
}

static HANDLE make(const WCHAR *name, ULONG attributes, bool folder)
{
    HANDLE handle;
    succeeds(create(name, GENERIC_READ | (folder ? 0 : GENERIC_WRITE) | DELETE, attributes, ALL_SHARED, FILE_CREATE,
                    folder ? FILE_DIRECTORY_FILE : FILE_NON_DIRECTORY_FILE, &handle));
    return handle;
}

static ULONG attributes_of(const WCHAR *name)
{
    FILE_NETWORK_OPEN_INFORMATION info;
    return NT_SUCCESS(ZwQueryFullAttributesFile(named(name), &info)) ? info.FileAttributes : 0;
}

static bool exists(const WCHAR *name) { return attributes_of(name) != 0; }

static void forget(const WCHAR *name)
{
    HANDLE handle;
    FILE_BASIC_INFORMATION basic = {.FileAttributes = FILE_ATTRIBUTE_NORMAL};
    if (!exists(name))
        return;
    succeeds(create(name, FILE_WRITE_ATTRIBUTES | DELETE, 0, ALL_SHARED, FILE_OPEN, 0, &handle));
    if (!(attributes_of(name) & FILE_ATTRIBUTE_DIRECTORY))
        succeeds(ZwSetInformationFile(handle, &iosb, &basic, sizeof basic, FileBasicInformation));
    FILE_DISPOSITION_INFORMATION gone = {TRUE};
    succeeds(ZwSetInformationFile(handle, &iosb, &gone, sizeof gone, FileDispositionInformation));
    succeeds(ZwClose(handle));
}

#endif
