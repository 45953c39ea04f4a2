#include "fuzz.h"

#include "tool/options.h"

#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tool_options options;
    char *argv[ARGUMENTS + 1], *text = malloc(size + 1), *rest = text;
    int argc = 0;

    memcpy(text, data, size);
    text[size] = 0;
    while (*rest && argc < ARGUMENTS) {
        argv[argc++] = rest;
        rest += strcspn(rest, "\n");
        if (*rest)
            *rest++ = 0;
    }
    argv[argc] = NULL;
    if (options_read(&options, argc, argv) && (!options.timeout || options.timeout > 86400))
        abort();
    options_free(&options);
    free(text);
    return 0;
}
