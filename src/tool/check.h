/* `fltsim check`: build, then run after run in a process of its own each, then the report. */
#ifndef FLTSIM_TOOL_CHECK_H
#define FLTSIM_TOOL_CHECK_H

#include "tool/options.h"

#include <fltsim/fltsim.h>
#include <stdatomic.h>

int check_driver(const struct tool_options *options);
int check_print_rules(const struct tool_options *options);

enum { CHECK_VIOLATIONS = 200, CHECK_OF_ONE_RULE = 50, CHECK_NOTES = 40, CHECK_OPERATIONS = 64, CHECK_LINES = 80 };

/* What one run found. It stands in memory that the run's process shares with the command's, texts included, so that
 * whatever ends the run, what it found stays. */
struct check_run {
    const char *label;      /* "idle unload" */
    enum check_kind {
        CHECK_IDLE,      /* nobody uses the volumes when the driver unloads */
        CHECK_IN_FLIGHT, /* threads have requests in flight, and its ports are connected */
        CHECK_SHORT,     /* allocations fail */
    } kind;
    bool started;           /* its machine did */
    bool finished;          /* nothing broke it off */
    bool reported;          /* its process came to its end */
    char step[80];          /* what it was doing */
    atomic_uint violation_count, note_count;
    struct fltsim_violation violations[CHECK_VIOLATIONS];
    const char *notes[CHECK_NOTES];
    unsigned long operations, unexpected;
    unsigned operation_count;
    struct {
        char name[48];
        unsigned long pre, post;
    } seen[CHECK_OPERATIONS]; /* by the driver, per major function */
    unsigned line_count;
    const char *lines[CHECK_LINES]; /* what the driver registered */
    const char *choices;            /* the schedule */
    bool own_instances;             /* no INF, but the driver wrote its Instances key itself */
    const char *dump;               /* --dump: the objects before the unload, or when the run broke off */
    atomic_size_t used;
    size_t size;
    char text[];
};

/* A whole check. */
struct check {
    const struct tool_options *options;
    const struct build_result *build;
    const char *inf; /* or NULL */
    const char *name, *altitude; /* without an INF; or, the altitude, for one without instances */
    bool altitude_by_default;
    char *inf_error; /* why the INF that was found is not used, or NULL */
    char *remarks; /* about the INF, a line each, or NULL */
    struct check_run *runs[4];
    size_t run_count;
    bool progress; /* stderr is a terminal */
};

/* run.c: the body of a run's process. */
void check_run_body(const struct check *check, struct check_run *run);
/* The load alone; what fltsim_noted_status was told becomes lines. */
void check_load_body(const struct check *check, struct check_run *run);
/* explain.c: adds to the violation load-failed, if there is one, which routines failed before it. */
void check_explain_load(const struct check *check, struct check_run *run);
/* scenario.c: the same, by a scenario file; parsed before anything runs. False: errors were printed. */
struct scenario;
struct scenario *scenario_read(const char *path);
/* The same on text, which is cut up; `path` is for messages. */
struct scenario *scenario_parse(const char *path, char *text);
void scenario_run(const struct check *check, struct check_run *run, const struct scenario *scenario);
void scenario_free(struct scenario *scenario);

/* For the bodies. */
char *check_text(struct check_run *run, const char *text); /* a copy in the shared memory */
void check_keep_line(const char *text, void *run); /* of what the driver registered */
void check_note(const char *text, void *run);
void check_step(const struct check *check, struct check_run *run, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool check_start(const struct check *check, struct check_run *run);
void check_describe(struct check_run *run, struct fltsim_driver *driver);
/* Keeps the dump of every object that the Filter Manager has, once, if the options want it. */
void check_dump(const struct check *check, struct check_run *run);
NTSTATUS check_load(const struct check *check, struct check_run *run, struct fltsim_driver **driver);

/* print.c. Both give the exit status. */
int check_print(const struct check *check);
int check_print_json(const struct check *check);
/* As JSON: what tool_error was told, and what is missing (build: NULL before there was one); what was built. */
void check_print_json_error(const struct build_result *build);
void check_print_json_built(const struct build_result *build);

#endif
