#include "fuzz.h"

#include "tool/check.h"
#include "tool/scenario.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    memcpy(text, data, size);
    text[size] = 0;
    struct scenario *scenario = scenario_parse("fuzz.txt", text);
    if (scenario && !scenario->lines)
        abort();
    scenario_free(scenario);
    free(text);
    return 0;
}
