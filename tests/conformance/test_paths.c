/* Opening by odd names, on either kind of volume. What each answers was seen on Windows by published kernel test suites. */
#include "stage.h"

#define ABSENT ((NTSTATUS)0xFFFFFFFF) /* was not tried on that kind of volume */
#define ALL_SHARED (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

enum what { FILE_, FOLDER, DRIVE_FOLDER, DRIVE };

static const struct opening {
    const WCHAR *parent, *name; /* behind \??\ where there is no parent */
    enum what what;             /* names are looked at before the option, where FOLDER stands for a file */
    NTSTATUS ntfs, fat;
} openings[] = {
    {NULL, L"C:\\", DRIVE_FOLDER, STATUS_SUCCESS, STATUS_SUCCESS},
    {NULL, L"C:\\\\", DRIVE_FOLDER, STATUS_SUCCESS, STATUS_SUCCESS},
    {NULL, L"C:\\\\\\", DRIVE_FOLDER, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_INVALID},
    {NULL, L"C:\\dir", FOLDER, STATUS_SUCCESS, STATUS_SUCCESS},
    {NULL, L"C:\\dir\\", FOLDER, STATUS_SUCCESS, STATUS_SUCCESS},
    {NULL, L"C:\\dir\\\\", FOLDER, STATUS_OBJECT_NAME_INVALID, STATUS_SUCCESS},
    {NULL, L"C:\\dir\\\\\\", FOLDER, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_INVALID},
    {NULL, L"C:\\\\dir", FOLDER, STATUS_SUCCESS, STATUS_SUCCESS},
    {NULL, L"C:\\\\dir\\", FOLDER, STATUS_SUCCESS, STATUS_SUCCESS},
    {NULL, L"C:\\dir\\file.txt", FILE_, STATUS_SUCCESS, STATUS_SUCCESS},
    {NULL, L"C:\\dir\\\\file.txt", FILE_, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_INVALID},
    {NULL, L"C:\\dir\\file.txt\\", FILE_, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_INVALID},
    {NULL, L"C:\\dir\\file.txt\\x", FILE_, STATUS_OBJECT_PATH_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND},
    {NULL, L"C:\\dir\\file.txt\\\\", FILE_, ABSENT, STATUS_OBJECT_NAME_INVALID},
    {NULL, L"C:\\dir\\file.txt\\\\", FOLDER, STATUS_OBJECT_NAME_INVALID, ABSENT},
    {NULL, L"C:\\dir\\file.txt\\\\\\", FOLDER, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_INVALID},
    {L"C:\\", L"", FOLDER, STATUS_SUCCESS, STATUS_SUCCESS},
    {L"C:\\", L"\\", FOLDER, ABSENT, STATUS_OBJECT_NAME_INVALID},
    {L"C:\\", L"dir", FOLDER, STATUS_SUCCESS, STATUS_SUCCESS},
    {L"C:\\", L"\\dir", FOLDER, STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_INVALID},
    {L"C:\\", L"dir\\", FOLDER, STATUS_SUCCESS, STATUS_SUCCESS},
    {L"C:\\", L"\\dir\\", FOLDER, STATUS_INVALID_PARAMETER, STATUS_OBJECT_NAME_INVALID},
    {L"C:\\dir", L"", FOLDER, STATUS_SUCCESS, STATUS_SUCCESS},
    {L"C:\\dir", L"file.txt", FILE_, STATUS_SUCCESS, STATUS_SUCCESS},
    {L"C:\\dir\\file.txt", L"", FILE_, STATUS_SUCCESS, STATUS_SUCCESS},
    {L"C:\\dir\\file.txt", L"x", FILE_, STATUS_OBJECT_PATH_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND},
    {NULL, L"C:\\dir\\none", FILE_, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_NAME_NOT_FOUND},
    {NULL, L"C:\\dir\\none\\x", FILE_, STATUS_OBJECT_PATH_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND},
    {NULL, L"C:\\dir\\none\\x?", FILE_, STATUS_OBJECT_PATH_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND},
    {NULL, L"C:\\dir\\none\\x\\\\", FOLDER, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_PATH_NOT_FOUND},
    {NULL, L"C:\\dir\\none\\x\\\\\\", FOLDER, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_PATH_NOT_FOUND},
    {NULL, L"C:\\dir\\wild?", FILE_, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_INVALID},
    {NULL, L"C:\\dir\\.", FOLDER, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_NOT_FOUND},
    {NULL, L"C:\\dir\\..", FOLDER, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_NOT_FOUND},
    {NULL, L"C:\\dir\\...", FOLDER, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_NAME_NOT_FOUND},
    {NULL, L"C:\\dir\\.\\sub", FOLDER, STATUS_OBJECT_PATH_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND},
    {NULL, L"C:\\dir\\..\\dir", FOLDER, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_PATH_NOT_FOUND},
    {L"C:\\", L".", FOLDER, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_NOT_FOUND},
    {L"C:\\", L"..", FOLDER, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_NOT_FOUND},
    {L"C:\\", L"...", FOLDER, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_NAME_NOT_FOUND},
    {L"C:\\", L".\\dir", FOLDER, STATUS_OBJECT_PATH_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND},
    {L"C:\\", L"..\\dir", FOLDER, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_PATH_NOT_FOUND},
    {L"C:\\dir", L".", FOLDER, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_NOT_FOUND},
    {L"C:\\dir", L"..", FOLDER, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_NOT_FOUND},
    {L"C:\\dir", L"...", FOLDER, STATUS_OBJECT_NAME_NOT_FOUND, STATUS_OBJECT_NAME_NOT_FOUND},
    {L"C:\\dir", L".\\sub", FOLDER, STATUS_OBJECT_PATH_NOT_FOUND, STATUS_OBJECT_PATH_NOT_FOUND},
    {L"C:\\dir", L"..\\dir", FOLDER, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_PATH_NOT_FOUND},
    {NULL, L"C:", DRIVE, STATUS_SUCCESS, STATUS_SUCCESS},
    {L"C:", L"", DRIVE, STATUS_SUCCESS, STATUS_SUCCESS},
    {L"C:", L"\\", FOLDER, ABSENT, STATUS_OBJECT_PATH_NOT_FOUND},
    {L"C:", L"x", FOLDER, STATUS_INVALID_PARAMETER, STATUS_OBJECT_PATH_NOT_FOUND},
};

static HANDLE parent;
static enum fltsim_volume_kind kind;
static unsigned differences;

static NTSTATUS create(HANDLE root, const WCHAR *name, ACCESS_MASK access, ULONG disposition, ULONG options)
{
    WCHAR whole[64] = L"\\??\\";
    IO_STATUS_BLOCK iosb;
    OBJECT_ATTRIBUTES attributes;
    HANDLE handle;

    wcscpy(whole + (root ? 0 : 4), name);
    InitializeObjectAttributes(&attributes, text(whole), OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, root, NULL);
    NTSTATUS status = ZwCreateFile(&handle, access, &attributes, &iosb, NULL, FILE_ATTRIBUTE_NORMAL, ALL_SHARED,
                                   disposition, options, NULL, 0);
    if (NT_SUCCESS(status) && iosb.Information == FILE_CREATED) {
        FILE_DISPOSITION_INFORMATION remove = {.DeleteFile = TRUE};
        succeeds(ZwSetInformationFile(handle, &iosb, &remove, sizeof remove, FileDispositionInformation));
    }
    if (NT_SUCCESS(status))
        succeeds(ObCloseHandle(handle, KernelMode));
    return status;
}

static const char *narrow(const WCHAR *wide)
{
    static char texts[2][64];
    static unsigned next;
    char *text = texts[next++ % 2];
    size_t length = 0;
    for (; wide && wide[length]; length++)
        text[length] = (char)wide[length];
    text[length] = 0;
    return text;
}

static void compare(const struct opening *o, const char *how, NTSTATUS got, NTSTATUS wanted, NTSTATUS other)
{
    if (got == wanted || got == other)
        return;
    differences++;
    print_error("%s: %s + %s, %s: %s, not %s\n", kind == FLTSIM_NTFS ? "NTFS" : "FAT", narrow(o->parent), narrow(o->name),
                how, fltsim_status_name(got), fltsim_status_name(wanted));
}

static void try_to_open(const struct opening *o, NTSTATUS status)
{
    bool ntfs = kind == FLTSIM_NTFS, good = NT_SUCCESS(status);
    bool folder = o->what == FOLDER || o->what == DRIVE_FOLDER, drive = o->what == DRIVE || o->what == DRIVE_FOLDER;
    bool trailing = o->name[0] && o->name[wcslen(o->name) - 1] == L'\\';
    NTSTATUS wanted, other;

    compare(o, "as it is", create(parent, o->name, GENERIC_READ, FILE_OPEN, 0), status, status);

    wanted = folder || (!trailing && !good) ? status : STATUS_NOT_A_DIRECTORY;
    other = ntfs && wanted == STATUS_NOT_A_DIRECTORY ? STATUS_INVALID_PARAMETER : wanted;
    compare(o, "a folder", create(parent, o->name, GENERIC_READ, FILE_OPEN, FILE_DIRECTORY_FILE), wanted, other);

    wanted = folder && good ? STATUS_FILE_IS_A_DIRECTORY : status;
    compare(o, "no folder", create(parent, o->name, GENERIC_READ, FILE_OPEN, FILE_NON_DIRECTORY_FILE), wanted, wanted);

    compare(o, "a folder and none", create(parent, o->name, GENERIC_READ, FILE_OPEN, FILE_DIRECTORY_FILE | FILE_NON_DIRECTORY_FILE),
            STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER);

    wanted = other = status;
    if (status == STATUS_OBJECT_NAME_NOT_FOUND)
        wanted = other = STATUS_SUCCESS;
    else if (good && drive)
        wanted = other = STATUS_ACCESS_DENIED;
    else if (good)
        wanted = STATUS_OBJECT_NAME_COLLISION, other = STATUS_ACCESS_DENIED;
    compare(o, "created", create(parent, o->name, GENERIC_READ | DELETE, FILE_CREATE, 0), wanted, other);
}

static void names_answer_as_on(enum fltsim_volume_kind on)
{
    kind = on;
    differences = 0;
    stage_mount(kind);
    stage_load();
    succeeds(fltsim_make_directory("C:\\dir"));
    succeeds(fltsim_make_directory("C:\\dir\\sub"));
    succeeds(fltsim_close(stage_open("C:\\dir\\file.txt")));
    for (const struct opening *o = openings; o < openings + ARRAYSIZE(openings); o++) {
        NTSTATUS status = kind == FLTSIM_NTFS ? o->ntfs : o->fat;
        if (status == ABSENT)
            continue;
        parent = NULL;
        if (o->parent) {
            WCHAR whole[64] = L"\\??\\";
            IO_STATUS_BLOCK iosb;
            wcscpy(whole + 4, o->parent);
            succeeds(ZwOpenFile(&parent, GENERIC_READ, named(whole), &iosb, ALL_SHARED, 0));
        }
        try_to_open(o, status);
        if (parent)
            succeeds(ObCloseHandle(parent, KernelMode));
    }
    assert_int_equal(differences, 0);
}

static void names_answer_as_on_ntfs(void) { names_answer_as_on(FLTSIM_NTFS); }
static void names_answer_as_on_fat(void) { names_answer_as_on(FLTSIM_FAT); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(names_answer_as_on_ntfs),
        fltsim_unit_test(names_answer_as_on_fat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
