/* What the tests of the file system share: a machine with a volume, and short ways to do what
 * programs do. */
#ifndef FLTSIM_TESTS_MEMFS_UNIT_H
#define FLTSIM_TESTS_MEMFS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <fltsim/fltsim.h>

#include <cmocka.h>

struct unit {
    struct fltsim_volume *volume;
    const char *letter; /* "C:" */
    bool ntfs;
};

static struct unit unit __attribute__((unused));

static inline void unit_start_with(struct fltsim_volume_options options)
{
    assert_true(fltsim_start(NULL));
    assert_int_equal(fltsim_mount(&options, &unit.volume), STATUS_SUCCESS);
    unit.letter = fltsim_volume_dos_name(unit.volume);
    unit.ntfs = options.kind == FLTSIM_NTFS;
}

static inline void unit_start(enum fltsim_volume_kind kind)
{
    unit_start_with((struct fltsim_volume_options){.kind = kind});
}

static inline void unit_stop(void)
{
    assert_int_equal(fltsim_stop(NULL), 0);
}

/* A path of the volume, in a buffer of its own turn. */
static inline const char *at(const char *path)
{
    static char texts[8][512];
    static unsigned turn;
    char *text = texts[turn++ % 8];
    snprintf(text, sizeof texts[0], "%s%s", unit.letter, path);
    return text;
}

static inline NTSTATUS try_open(const char *path, ACCESS_MASK access, ULONG disposition,
                                ULONG options, HANDLE *handle)
{
    return fltsim_open(
        at(path),
        &(struct fltsim_open){.access = access, .disposition = disposition, .options = options},
        handle);
}

static inline HANDLE open_for(const char *path, ACCESS_MASK access, ULONG disposition,
                              ULONG options)
{
    HANDLE handle = NULL;
    assert_int_equal(try_open(path, access, disposition, options, &handle), STATUS_SUCCESS);
    return handle;
}

static inline void close_it(HANDLE handle)
{
    assert_int_equal(fltsim_close(handle), STATUS_SUCCESS);
}

static inline void make_file(const char *path, const char *text)
{
    size_t done = 0, length = strlen(text);
    HANDLE handle = open_for(path, GENERIC_WRITE, FILE_OPEN_IF, FILE_NON_DIRECTORY_FILE);
    if (length) {
        assert_int_equal(fltsim_write(handle, text, length, 0, &done), STATUS_SUCCESS);
        assert_int_equal(done, length);
    }
    close_it(handle);
}

static inline void make_folder(const char *path)
{
    assert_int_equal(fltsim_make_directory(at(path)), STATUS_SUCCESS);
}

static inline NTSTATUS status_of_open(const char *path)
{
    HANDLE handle;
    NTSTATUS status = try_open(path, FILE_READ_ATTRIBUTES, FILE_OPEN, 0, &handle);
    if (NT_SUCCESS(status))
        close_it(handle);
    return status;
}

static inline void expect_text(const char *path, const char *text)
{
    char buffer[4096];
    size_t done = 0;
    HANDLE handle = open_for(path, GENERIC_READ, FILE_OPEN, 0);
    NTSTATUS status = fltsim_read(handle, buffer, sizeof buffer, 0, &done);
    assert_int_equal(status, *text ? STATUS_SUCCESS : STATUS_END_OF_FILE);
    assert_int_equal(done, strlen(text));
    assert_memory_equal(buffer, text, done);
    close_it(handle);
}

#endif
