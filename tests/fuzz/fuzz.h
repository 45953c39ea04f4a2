/* What every harness has. */
#ifndef FLTSIM_TESTS_FUZZ_H
#define FLTSIM_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Runs body on a machine of its own; ends the process when anything was reported, a leak included. */
void fuzz_on_machine(void (*body)(void *), void *argument);

/* Input taken from the front, zero when it is used up. */
struct fuzz_input {
    const uint8_t *data;
    size_t size;
};
uint8_t fuzz_byte(struct fuzz_input *input);
uint32_t fuzz_number(struct fuzz_input *input); /* 32 bits, little endian */
/* A length up to `most`, small ones and the edges more often. */
size_t fuzz_length(struct fuzz_input *input, size_t most);
/* Fills the buffer as far as the input goes, the rest with zeros. */
void fuzz_fill(struct fuzz_input *input, void *buffer, size_t size);

#endif
