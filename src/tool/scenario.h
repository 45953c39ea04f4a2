/* The scenario language, parsed: one command a line. src/tool/README.md documents it. */
#ifndef FLTSIM_TOOL_SCENARIO_H
#define FLTSIM_TOOL_SCENARIO_H

#include <fltsim/fltsim.h>

enum { SCENARIO_WORDS = 12 };

struct scenario_line {
    struct scenario_line *next; /* scenario.lines, or block of the line before */
    struct scenario_line *block; /* of "threads": what each of them does */
    const struct scenario_command *command;
    unsigned number;
    int count;
    char *words[SCENARIO_WORDS + 1];
    bool has_expectation;
    NTSTATUS expected; /* of "... expect STATUS" */
};

struct scenario {
    char *path;
    struct scenario_line *lines;
};

#endif
