#include "fuzz.h"

#include "sim/inf.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sim_inf inf;
    char *error = NULL;

    if (sim_inf_parse("fuzz.inf", data, size, &inf, &error)) {
        if (error || !inf.service)
            abort();
        for (size_t i = 0; i < inf.count; i++)
            if (!inf.values[i].key || (!inf.values[i].name && (inf.values[i].text || inf.values[i].binary)))
                abort();
    } else if (!error || strncmp(error, "fuzz.inf", 8)) {
        abort();
    }
    sim_inf_free(&inf);
    sim_inf_free_error(error);
    return 0;
}
