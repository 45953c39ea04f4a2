/* Names of objects: where they begin, how long they may be, what they may be relative to. All of it was seen on Windows by
 * a published test suite. */
#include "stage.h"

/* In no published header: drivers declare it themselves. */
NTSTATUS ZwCreateSymbolicLinkObject(PHANDLE LinkHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                                    PUNICODE_STRING LinkTarget);

enum kind { EVENT, DIRECTORY, LINK, SECTION, KINDS };
enum place { NOWHERE, BASE, NO_HANDLE, A_LINK, AN_EVENT };

static HANDLE places[AN_EVENT + 1];
static unsigned differences;

static void differ(size_t row, enum kind kind, const char *what, NTSTATUS got, NTSTATUS wanted)
{
    if (got == wanted)
        return;
    differences++;
    print_error("row %zu, kind %d, %s: %s, not %s\n", row, (int)kind, what, fltsim_status_name(got), fltsim_status_name(wanted));
}

static NTSTATUS make(enum kind kind, POBJECT_ATTRIBUTES attributes, PHANDLE handle)
{
    LARGE_INTEGER size = {.QuadPart = 4096};
    switch (kind) {
    case EVENT:
        return ZwCreateEvent(handle, EVENT_ALL_ACCESS, attributes, SynchronizationEvent, FALSE);
    case DIRECTORY:
        return ZwCreateDirectoryObject(handle, DIRECTORY_QUERY, attributes);
    case LINK:
        return ZwCreateSymbolicLinkObject(handle, SYMBOLIC_LINK_QUERY, attributes, text(L"\\DosDevices"));
    default:
        return ZwCreateSection(handle, SECTION_MAP_WRITE, attributes, &size, PAGE_READWRITE, SEC_COMMIT, NULL);
    }
}

static NTSTATUS find(enum kind kind, POBJECT_ATTRIBUTES attributes, PHANDLE handle)
{
    switch (kind) {
    case EVENT:
        return ZwOpenEvent(handle, EVENT_ALL_ACCESS, attributes);
    case DIRECTORY:
        return ZwOpenDirectoryObject(handle, DIRECTORY_QUERY, attributes);
    case LINK:
        return ZwOpenSymbolicLinkObject(handle, SYMBOLIC_LINK_QUERY, attributes);
    default:
        return ZwOpenSection(handle, SECTION_MAP_WRITE, attributes);
    }
}

static void both(size_t row, enum kind kind, POBJECT_ATTRIBUTES attributes, NTSTATUS made, NTSTATUS found)
{
    HANDLE handle, again;
    NTSTATUS status = make(kind, attributes, &handle), second = find(kind, attributes, &again);
    differ(row, kind, "create", status, made);
    differ(row, kind, "open", second, found);
    if (NT_SUCCESS(second))
        succeeds(ZwClose(again));
    if (NT_SUCCESS(status))
        succeeds(ZwClose(handle));
}

static void set_up(void)
{
    OBJECT_ATTRIBUTES attributes;
    differences = 0;
    InitializeObjectAttributes(&attributes, text(L"\\BaseNamedObjects"), OBJ_KERNEL_HANDLE, NULL, NULL);
    succeeds(find(DIRECTORY, &attributes, &places[BASE]));
    attributes.ObjectName = text(L"\\BaseNamedObjects\\a link");
    succeeds(make(LINK, &attributes, &places[A_LINK]));
    attributes.ObjectName = NULL;
    succeeds(make(EVENT, &attributes, &places[AN_EVENT]));
    places[NO_HANDLE] = (HANDLE)(ULONG_PTR)0xdeadbee0;
}

static void tear_down(void)
{
    succeeds(ZwClose(places[BASE]));
    succeeds(ZwClose(places[A_LINK]));
    succeeds(ZwClose(places[AN_EVENT]));
    assert_int_equal(differences, 0);
}

static void a_name_is_whole_and_not_too_long(void)
{
    static const struct {
        enum place place;
        ULONG length; /* in bytes */
        NTSTATUS made, found;
    } rows[] = {
        {NO_HANDLE, 67, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_INVALID}, /* before anybody looks at the handle */
        {BASE, 65532, STATUS_SUCCESS, STATUS_SUCCESS},
        {BASE, 65534, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_INVALID},
        {A_LINK, 20, STATUS_OBJECT_TYPE_MISMATCH, STATUS_OBJECT_TYPE_MISMATCH},
    };
    PWCH letters = ExAllocatePoolWithTag(PagedPool, 65536, 'emaN');
    for (size_t i = 0; i < 32768; i++)
        letters[i] = L'a';
    set_up();
    for (enum kind kind = EVENT; kind < KINDS; kind++) {
        UNICODE_STRING name = {0, 65534, letters};
        OBJECT_ATTRIBUTES attributes;
        for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
            name.Length = (USHORT)rows[i].length;
            InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, places[rows[i].place], NULL);
            both(i, kind, &attributes, rows[i].made, rows[i].found);
        }
        name.Length = 128;
        InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, places[BASE], NULL);
        for (attributes.Length = 0; attributes.Length <= 2 * sizeof attributes; attributes.Length++) {
            NTSTATUS wanted = attributes.Length == sizeof attributes ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
            both(100 + attributes.Length, kind, &attributes, wanted, wanted);
        }
    }
    tear_down();
    ExFreePoolWithTag(letters, 'emaN');
}

static void what_has_no_name_is_made_but_not_found(void)
{
    HANDLE handle, again;
    set_up();
    for (enum kind kind = EVENT; kind < KINDS; kind++) {
        UNICODE_STRING empty = {0, 0, NULL};
        OBJECT_ATTRIBUTES attributes;
        InitializeObjectAttributes(&attributes, NULL, OBJ_KERNEL_HANDLE, NULL, NULL);
        both(0, kind, &attributes, STATUS_SUCCESS, STATUS_OBJECT_PATH_SYNTAX_BAD);
        attributes.RootDirectory = places[NO_HANDLE];
        both(1, kind, &attributes, STATUS_OBJECT_NAME_INVALID, STATUS_OBJECT_NAME_INVALID);
        attributes.ObjectName = &empty;
        differ(2, kind, "create", make(kind, &attributes, &handle), STATUS_SUCCESS);
        attributes.RootDirectory = places[BASE]; /* its own name */
        NTSTATUS status = find(kind, &attributes, &again);
        differ(3, kind, "open", status, kind == DIRECTORY ? STATUS_SUCCESS : STATUS_OBJECT_TYPE_MISMATCH);
        if (NT_SUCCESS(status))
            succeeds(ZwClose(again));
        attributes.RootDirectory = handle;
        status = find(kind, &attributes, &again);
        differ(4, kind, "open", status, kind == DIRECTORY || kind == LINK ? STATUS_SUCCESS : STATUS_OBJECT_TYPE_MISMATCH);
        if (NT_SUCCESS(status))
            succeeds(ZwClose(again));
        succeeds(ZwClose(handle));
        differ(5, kind, "open", find(kind, NULL, &again), STATUS_INVALID_PARAMETER);
    }
    tear_down();
}

static void a_directory_is_named_without_a_backslash_too_many(void)
{
    static const struct {
        enum place place;
        const WCHAR *name;
        NTSTATUS status;
    } rows[] = {
        {NOWHERE, L"BaseNamedObjects", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {NOWHERE, L"\\BaseNamedObjects\\", STATUS_OBJECT_NAME_INVALID},
        {NOWHERE, L"\\\\BaseNamedObjects", STATUS_OBJECT_NAME_INVALID},
        {NOWHERE, L"\\BaseNamedObjects\\\\one", STATUS_OBJECT_NAME_INVALID},
        {NOWHERE, L"\\BaseNamedObjects\\one\\", STATUS_OBJECT_PATH_NOT_FOUND},
        {NOWHERE, L"\\BaseNamedObjects\\one", STATUS_SUCCESS},
        {BASE, L"", STATUS_SUCCESS},
        {BASE, L"\\", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {BASE, L"\\one", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {BASE, L"\\one\\", STATUS_OBJECT_PATH_SYNTAX_BAD},
        {BASE, L"one\\", STATUS_OBJECT_PATH_NOT_FOUND},
        {BASE, L"one", STATUS_SUCCESS},
        {A_LINK, L"one", STATUS_OBJECT_TYPE_MISMATCH},
        {AN_EVENT, L"one", STATUS_OBJECT_TYPE_MISMATCH},
    };
    set_up();
    for (size_t i = 0; i < ARRAYSIZE(rows); i++) {
        OBJECT_ATTRIBUTES attributes;
        InitializeObjectAttributes(&attributes, text(rows[i].name), OBJ_KERNEL_HANDLE, places[rows[i].place], NULL);
        both(i, DIRECTORY, &attributes, rows[i].status, rows[i].status);
    }
    tear_down();
}

static void a_name_is_taken_once_or_opened(void)
{
    HANDLE first, second;
    set_up();
    for (enum kind kind = EVENT; kind < KINDS; kind++) {
        OBJECT_ATTRIBUTES attributes;
        InitializeObjectAttributes(&attributes, text(L"taken"), OBJ_KERNEL_HANDLE, places[BASE], NULL);
        succeeds(make(kind, &attributes, &first));
        for (enum kind other = EVENT; other < KINDS; other++) {
            attributes.Attributes = OBJ_KERNEL_HANDLE;
            differ(kind, other, "create", make(other, &attributes, &second), STATUS_OBJECT_NAME_COLLISION);
            if (kind == LINK || other == LINK)
                continue;
            attributes.Attributes = OBJ_KERNEL_HANDLE | OBJ_OPENIF;
            NTSTATUS status = make(other, &attributes, &second);
            differ(kind, other, "open", status, kind == other ? STATUS_OBJECT_NAME_EXISTS : STATUS_OBJECT_TYPE_MISMATCH);
            if (NT_SUCCESS(status))
                succeeds(ZwClose(second));
        }
        succeeds(ZwClose(first));
    }
    OBJECT_ATTRIBUTES top;
    InitializeObjectAttributes(&top, text(L"\\"), OBJ_KERNEL_HANDLE, NULL, NULL);
    differ(10, DIRECTORY, "create", make(DIRECTORY, &top, &first), STATUS_OBJECT_NAME_COLLISION);
    top.Attributes |= OBJ_OPENIF;
    NTSTATUS status = make(DIRECTORY, &top, &first);
    differ(11, DIRECTORY, "open", status, STATUS_OBJECT_NAME_EXISTS);
    if (NT_SUCCESS(status))
        succeeds(ZwClose(first));
    differ(12, EVENT, "open", make(EVENT, &top, &first), STATUS_OBJECT_TYPE_MISMATCH);
    answers(STATUS_INVALID_PARAMETER, ZwCreateEvent(&first, EVENT_ALL_ACCESS, NULL, (EVENT_TYPE)2, FALSE));
    tear_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_name_is_whole_and_not_too_long),
        fltsim_unit_test(what_has_no_name_is_made_but_not_found),
        fltsim_unit_test(a_directory_is_named_without_a_backslash_too_many),
        fltsim_unit_test(a_name_is_taken_once_or_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
