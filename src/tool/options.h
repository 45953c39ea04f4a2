/* The command line. */
#ifndef FLTSIM_TOOL_OPTIONS_H
#define FLTSIM_TOOL_OPTIONS_H

#include "tool/build.h"

#include <stdint.h>

struct tool_options {
    struct build_options build;
    const char *inf;
    const char *name;
    const char *altitude;
    const char *scenario;
    bool csvfs; /* a third volume, a cluster's, though the driver's source does not speak of one */
    const char *backend; /* "coop", "native"; NULL: coop */
    uint64_t seed;
    const char *choices; /* replay */
    bool trace, dump, no_ledgers, json, help;
    unsigned timeout; /* seconds of processor time without progress */
    uint64_t given;   /* which were given; for options_fit */
};

/* False: the reason was printed, with the option and what it takes. */
bool options_read(struct tool_options *options, int argc, char **argv);
/* Does each option that was given go with the command? False: what was printed says which does not. */
bool options_fit(const struct tool_options *options, const char *command);
void options_free(struct tool_options *options);
/* The list that options_read is driven by, printed. */
void options_print(void);

#endif
