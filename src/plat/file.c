#define _GNU_SOURCE
#include "plat/file.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __APPLE__
#include <mach-o/dyld.h>
#endif

char *plat_file_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *data = NULL;
    size_t length = 0, room = 0;

    if (!file)
        return NULL;
    if (plat_file_is_directory(path)) {
        fclose(file);
        errno = EISDIR;
        return NULL;
    }
    do {
        if (room - length < 2) {
            room = room ? room * 2 : 8192;
            char *larger = realloc(data, room);
            if (!larger)
                goto failed;
            data = larger;
        }
        length += fread(data + length, 1, room - length - 1, file);
    } while (!feof(file) && !ferror(file));
    if (ferror(file))
        goto failed;
    fclose(file);
    data[length] = 0;
    if (size)
        *size = length;
    return data;

failed:
    free(data);
    fclose(file);
    return NULL;
}

bool plat_file_write(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (!file)
        return false;
    bool written = fwrite(data, 1, size, file) == size;
    return fclose(file) == 0 && written;
}

bool plat_file_exists(const char *path) { return access(path, F_OK) == 0; }

bool plat_file_is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

const char *plat_file_program(void)
{
    static char path[PATH_MAX];
#ifdef __APPLE__
    uint32_t size = sizeof path;
    if (!path[0] && _NSGetExecutablePath(path, &size) != 0)
        path[0] = 0;
#else
    if (!path[0]) {
        ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
        path[length > 0 ? length : 0] = 0;
    }
#endif
    return path;
}

typedef bool visit_routine(const char *name, bool is_directory, uint64_t size, void *context);

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The names in one directory, in order; ends with NULL. */
static char **list(const char *path)
{
    DIR *directory = opendir(path);
    char **names = NULL;
    size_t count = 0, room = 0;
    struct dirent *entry;

    if (!directory)
        return NULL;
    do {
        entry = readdir(directory);
        if (entry && (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")))
            continue;
        if (count == room) {
            room = room ? room * 2 : 32;
            char **larger = realloc(names, room * sizeof *names);
            if (!larger)
                abort();
            names = larger;
        }
        names[count++] = entry ? strdup(entry->d_name) : NULL;
    } while (entry);
    closedir(directory);
    qsort(names, count - 1, sizeof *names, by_name);
    return names;
}

static bool walk(const char *root, const char *below, visit_routine *visit, void *context, bool *found)
{
    char path[PATH_MAX], name[PATH_MAX];
    bool going = true;
    struct stat info;

    if (snprintf(path, sizeof path, "%s/%s", root, below) >= (int)sizeof path)
        return true;
    char **names = list(path);
    *found = names != NULL;
    for (size_t i = 0; names && names[i]; i++) {
        bool ignored;
        int length = snprintf(name, sizeof name, "%s%s%s", below, *below ? "/" : "", names[i]);
        bool fits = length < (int)sizeof name;
        fits = fits && snprintf(path, sizeof path, "%s/%s", root, name) < (int)sizeof path;
        if (going && fits && stat(path, &info) == 0) {
            bool is_directory = S_ISDIR(info.st_mode);
            going = visit(name, is_directory, (uint64_t)info.st_size, context);
            if (going && is_directory && lstat(path, &info) == 0 && !S_ISLNK(info.st_mode))
                going = walk(root, name, visit, context, &ignored);
        }
        free(names[i]);
    }
    free(names);
    return going;
}

bool plat_file_walk(const char *path, visit_routine *visit, void *context)
{
    bool found;
    walk(path, "", visit, context, &found);
    return found;
}

unsigned plat_terminal_columns(int descriptor)
{
    struct winsize size;
    if (!isatty(descriptor))
        return 0;
    if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col)
        return size.ws_col;
    return 80;
}
