/* Text files as Windows tools write them. */
#ifndef FLTSIM_SIM_ENCODING_H
#define FLTSIM_SIM_ENCODING_H

#include <stdbool.h>
#include <stddef.h>

/* The bytes as UTF-8 without a byte order mark, ending in a zero byte (malloc): UTF-8, UTF-16 with a byte order mark, or
 * else the ANSI code page 1252. *changed (may be NULL): the text is not the bytes as they were. */
char *sim_decode_text(const void *bytes, size_t size, bool *changed);

#endif
