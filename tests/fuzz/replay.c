/* Runs a harness over files, and over every file of a folder, as TAP: the suite's part of tests/fuzz. */
#include "fuzz.h"

#include "plat/file.h"

#include <stdio.h>
#include <stdlib.h>

static unsigned ran;

static bool one(const char *path)
{
    size_t size;
    char *data = plat_file_read(path, &size);

    if (!data) {
        printf("not ok %u - %s cannot be read\n", ++ran, path);
        return false;
    }
    printf("# %s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput((const uint8_t *)data, size);
    printf("ok %u - %s\n", ++ran, path);
    free(data);
    return true;
}

static bool visit(const char *name, bool is_directory, uint64_t size, void *folder)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", (const char *)folder, name);
    if (!is_directory)
        one(path);
    return true;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!plat_file_is_directory(argv[i]))
            one(argv[i]);
        else if (!plat_file_walk(argv[i], visit, argv[i]))
            return fprintf(stderr, "replay: %s cannot be read\n", argv[i]), 2;
    }
    printf("1..%u\n", ran);
    return !ran;
}
