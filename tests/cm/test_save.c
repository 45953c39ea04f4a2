/* ZwSaveKey: what stands in the file, read back by the published description of the format. */
#include <ntifs.h>
#include <fltsim/cmocka.h>
#include <fltsim/fault.h>

#include <string.h>

#define KEY u"\\Registry\\Machine\\Software\\Saved"

static UCHAR file[65536];
static size_t file_size;

static HANDLE key_named(HANDLE root, const WCHAR *path, ULONG options)
{
    UNICODE_STRING name;
    OBJECT_ATTRIBUTES attributes;
    HANDLE key;
    RtlInitUnicodeString(&name, (PCWSTR)path);
    InitializeObjectAttributes(&attributes, &name, OBJ_CASE_INSENSITIVE | OBJ_KERNEL_HANDLE, root, NULL);
    assert_int_equal(ZwCreateKey(&key, KEY_ALL_ACCESS, &attributes, 0, NULL, options, NULL), STATUS_SUCCESS);
    return key;
}

static void set(HANDLE key, const WCHAR *name, ULONG type, const void *data, ULONG size)
{
    UNICODE_STRING value;
    RtlInitUnicodeString(&value, (PCWSTR)name);
    assert_int_equal(ZwSetValueKey(key, &value, 0, type, (PVOID)data, size), STATUS_SUCCESS);
}

static void save(HANDLE key)
{
    struct fltsim_volume *volume;
    HANDLE handle;
    assert_int_equal(fltsim_mount(NULL, &volume), STATUS_SUCCESS);
    assert_int_equal(fltsim_open("C:\\hive", &(struct fltsim_open){.access = GENERIC_READ | GENERIC_WRITE,
                                                                  .disposition = FILE_CREATE}, &handle), STATUS_SUCCESS);
    assert_int_equal(ZwSaveKey(key, handle), STATUS_SUCCESS);
    assert_int_equal(fltsim_read(handle, file, sizeof file, 0, &file_size), STATUS_SUCCESS);
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

/* ---- the reader ---- */

static ULONG word(const UCHAR *at)
{
    ULONG value;
    memcpy(&value, at, sizeof value);
    return value;
}
static USHORT half(const UCHAR *at) { return (USHORT)(at[0] | at[1] << 8); }

/* The cell's data; it is allocated, and lies in the bin. */
static const UCHAR *cell(ULONG offset)
{
    assert_true(offset % 8 == 0 && offset + 4096 < file_size);
    assert_true((LONG)word(file + 4096 + offset) < 0);
    return file + 4096 + offset + 4;
}

static void check_base(void)
{
    ULONG sum = 0;
    assert_memory_equal(file, "regf", 4);
    assert_int_equal(word(file + 4), word(file + 8));
    for (int i = 0; i < 508; i += 4)
        sum ^= word(file + i);
    assert_int_equal(word(file + 508), sum);
    assert_int_equal(file_size % 4096, 0);
    assert_int_equal(word(file + 40), file_size - 4096);
    assert_memory_equal(file + 4096, "hbin", 4);
    assert_int_equal(word(file + 4096 + 8), file_size - 4096);
    ULONG at = 32;
    while (at < file_size - 4096) { // the cells fill the bin
        LONG size = (LONG)word(file + 4096 + at);
        assert_true(size != 0);
        at += (ULONG)(size < 0 ? -size : size);
    }
    assert_int_equal(at, file_size - 4096);
}

static const UCHAR *subkey(const UCHAR *key, ULONG index)
{
    const UCHAR *list = cell(word(key + 28));
    if (!memcmp(list, "ri", 2)) {
        ULONG leaf = 0;
        const UCHAR *entries = cell(word(list + 4));
        while (index >= half(entries + 2)) {
            index -= half(entries + 2);
            entries = cell(word(list + 4 + 4 * ++leaf));
        }
        list = entries;
    }
    assert_memory_equal(list, "lh", 2);
    const UCHAR *found = cell(word(list + 4 + 8 * index));
    assert_memory_equal(found, "nk", 2);
    return found;
}

static const UCHAR *value(const UCHAR *key, const char *name)
{
    const UCHAR *list = cell(word(key + 40));
    for (ULONG i = 0; i < word(key + 36); i++) {
        const UCHAR *found = cell(word(list + 4 * i));
        assert_memory_equal(found, "vk", 2);
        if (half(found + 2) == strlen(name) && !memcmp(found + 20, name, strlen(name)))
            return found;
    }
    return NULL;
}

/* ---- */

static void a_key_is_saved_with_its_values_and_keys(void)
{
    static UCHAR big[20000];
    HANDLE key = key_named(NULL, KEY, 0), below = key_named(key, u"Below", 0);
    HANDLE passing = key_named(key, u"Passing", REG_OPTION_VOLATILE);
    ULONG number = 0x11223344;

    set(key, u"Number", REG_DWORD, &number, sizeof number);
    set(key, u"Text", REG_SZ, u"some text", sizeof u"some text");
    set(below, u"", REG_BINARY, "ab", 2);
    memset(big, 0x5a, sizeof big);
    set(below, u"Big", REG_BINARY, big, sizeof big);
    save(key);

    check_base();
    const UCHAR *root = cell(word(file + 36));
    assert_memory_equal(root, "nk", 2);
    assert_true(half(root + 2) & 0x0004);
    assert_int_equal(half(root + 72), strlen("Saved"));
    assert_memory_equal(root + 76, "Saved", 5);
    assert_int_equal(word(root + 20), 1); // the volatile one is not there
    assert_int_equal(word(root + 36), 2);
    assert_int_equal(word(value(root, "Number") + 4), 0x80000004);
    assert_int_equal(word(value(root, "Number") + 8), number);
    assert_int_equal(word(value(root, "Text") + 12), REG_SZ);
    assert_memory_equal(cell(word(value(root, "Text") + 8)), u"some text", sizeof u"some text");
    const UCHAR *security = cell(word(root + 44));
    assert_memory_equal(security, "sk", 2);
    assert_int_equal(word(security + 12), 2); // both keys have it
    assert_true(RtlValidRelativeSecurityDescriptor((PVOID)(security + 20), word(security + 16), 0));

    const UCHAR *child = subkey(root, 0);
    assert_memory_equal(child + 76, "Below", 5);
    assert_int_equal(word(child + 16), word(file + 36));
    assert_int_equal(word(value(child, "") + 4), 0x80000002);
    assert_int_equal(word(value(child, "Big") + 4), sizeof big);
    assert_memory_equal(cell(word(value(child, "Big") + 8)), big, sizeof big);
    ZwClose(passing);
    ZwClose(below);
    ZwClose(key);
}

static void many_keys_take_several_lists(void)
{
    HANDLE key = key_named(NULL, KEY, 0);
    WCHAR name[] = {'k', 0, 0, 0, 0};
    for (int i = 0; i < 600; i++) {
        name[1] = (WCHAR)('0' + i / 100);
        name[2] = (WCHAR)('0' + i / 10 % 10);
        name[3] = (WCHAR)('0' + i % 10);
        ZwClose(key_named(key, name, 0));
    }
    save(key);
    check_base();
    const UCHAR *root = cell(word(file + 36));
    assert_int_equal(word(root + 20), 600);
    assert_memory_equal(subkey(root, 0) + 76, "k000", 4);
    assert_memory_equal(subkey(root, 599) + 76, "k599", 4);
    ZwClose(key);
}

static void a_key_that_is_gone_or_a_file_that_is_none_is_refused(void)
{
    HANDLE key = key_named(NULL, KEY, 0);
    assert_int_equal(ZwSaveKey(key, key), STATUS_OBJECT_TYPE_MISMATCH);
    assert_int_equal(ZwSaveKey((HANDLE)0x7ff4, key), STATUS_INVALID_HANDLE);
    fltsim_fail_allocation(1);
    assert_int_equal(ZwSaveKey(key, key), STATUS_INSUFFICIENT_RESOURCES);
    fltsim_fail_allocation(0);
    assert_int_equal(ZwDeleteKey(key), STATUS_SUCCESS);
    assert_int_equal(ZwSaveKey(key, key), STATUS_KEY_DELETED);
    ZwClose(key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fltsim_unit_test(a_key_is_saved_with_its_values_and_keys),
        fltsim_unit_test(many_keys_take_several_lists),
        fltsim_unit_test(a_key_that_is_gone_or_a_file_that_is_none_is_refused),
    };
    return cmocka_run_group_tests_name("cm/save", tests, NULL, NULL);
}
