#include "fuzz.h"

#include <fltsim/fltsim.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_on_machine(void (*body)(void *), void *argument)
{
    struct fltsim_report *report;

    if (!fltsim_start(NULL))
        abort();
    bool ended = fltsim_try(body, argument);
    size_t count = fltsim_stop(&report);
    if (count || !ended) {
        fltsim_report_print(report, stderr);
        abort();
    }
    fltsim_report_free(report);
}

uint8_t fuzz_byte(struct fuzz_input *input)
{
    if (!input->size)
        return 0;
    input->size--;
    return *input->data++;
}

uint32_t fuzz_number(struct fuzz_input *input)
{
    uint32_t value = 0;
    fuzz_fill(input, &value, sizeof value);
    return value;
}

size_t fuzz_length(struct fuzz_input *input, size_t most)
{
    uint8_t kind = fuzz_byte(input);
    if (kind < 128)
        return kind < most ? kind : most;
    return kind < 192 ? fuzz_number(input) % (most + 1) : most;
}

void fuzz_fill(struct fuzz_input *input, void *buffer, size_t size)
{
    size_t have = size < input->size ? size : input->size;

    if (have)
        memcpy(buffer, input->data, have);
    memset((char *)buffer + have, 0, size - have);
    input->data += have;
    input->size -= have;
}
