/* The host's files, directories and terminal. */
#ifndef FLTSIM_PLAT_FILE_H
#define FLTSIM_PLAT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whole contents, followed by a zero byte; freed by the caller with free. NULL with errno set. */
char *plat_file_read(const char *path, size_t *size);
bool plat_file_write(const char *path, const void *data, size_t size);
bool plat_file_exists(const char *path);
bool plat_file_is_directory(const char *path);
/* Path of the file that runs, or "" */
const char *plat_file_program(void);

/* Calls visit for every entry below `path`, directories before what is in them, names in order. `name` is relative to
 * `path`. visit answers false to stop, and the walk then does too. False: `path` cannot be read. */
bool plat_file_walk(const char *path,
                    bool (*visit)(const char *name, bool is_directory, uint64_t size, void *context),
                    void *context);

/* Columns of the terminal that stderr or stdout (descriptor 2 or 1) is; 0: not a terminal. */
unsigned plat_terminal_columns(int descriptor);

#endif
