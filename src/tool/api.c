#include "tool/api.h"
#include "tool/config.h"

#include "plat/file.h"

#include <stdlib.h>
#include <string.h>

static char *table;

static void read_table(void)
{
    size_t size;
    table = plat_file_read(TOOL_SOURCE_API, &size);
    if (!table)
        table = plat_file_read(TOOL_INSTALLED_API, &size);
    if (!table)
        table = calloc(1, 1);
}

const char *api_state(const char *routine)
{
    static const char *const states[] = {"absent", "partial", "done"};
    size_t length = strlen(routine);

    if (!table)
        read_table();
    for (const char *row = table; row; row = strchr(row, '\n'), row = row ? row + 1 : NULL) {
        if (strncmp(row, routine, length) || row[length] != '\t')
            continue;
        for (size_t i = 0; i < 3; i++)
            if (!strncmp(row + length + 1, states[i], strlen(states[i])))
                return states[i];
    }
    return "unknown";
}
