/* The commands of the scenario language. */
#ifndef FLTSIM_TOOL_SCENARIO_RUN_H
#define FLTSIM_TOOL_SCENARIO_RUN_H

#include "tool/check.h"
#include "tool/scenario.h"

struct scenario_state;

struct scenario_command {
    const char *name;
    const char *takes; /* see check_words in scenario.c */
    bool has_block;
    NTSTATUS (*run)(struct scenario_state *state, const struct scenario_line *line);
};

const struct scenario_command *scenario_find_command(const char *name);

#endif
