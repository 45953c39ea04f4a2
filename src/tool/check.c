#include "tool/check.h"

#include "plat/file.h"
#include "plat/module.h"
#include "plat/process.h"
#include "plat/shared.h"
#include "sim/inf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUN_MEMORY = 64 << 20 };

char *check_text(struct check_run *run, const char *text)
{
    size_t size = strlen(text) + 1;
    size_t at = atomic_fetch_add(&run->used, size);
    if (at + size > run->size)
        return "";
    return memcpy(run->text + at, text, size);
}

void check_note(const char *text, void *context)
{
    struct check_run *run = context;
    unsigned i = atomic_fetch_add(&run->note_count, 1);
    if (i < CHECK_NOTES)
        run->notes[i] = check_text(run, text);
}

void check_step(const struct check *check, struct check_run *run, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->step, sizeof run->step, format, arguments);
    va_end(arguments);
    fltsim_watchdog(check->options->timeout);
    if (check->progress)
        fprintf(stderr, "\r\033[K%s: %s", run->label, run->step);
}

/* ---- one run in a process of its own ---- */

struct child {
    const struct check *check;
    struct check_run *run;
    const struct scenario *scenario;
    struct plat_child process;
};

static int child_body(void *argument)
{
    struct child *child = argument;
    if (child->scenario)
        scenario_run(child->check, child->run, child->scenario);
    else
        check_run_body(child->check, child->run);
    child->run->reported = true;
    return 0;
}

static void add_violation(struct check_run *run, const char *rule, char *what, const char *why, const char *windows)
{
    unsigned i = atomic_fetch_add(&run->violation_count, 1);
    if (i < CHECK_VIOLATIONS)
        run->violations[i] = (struct fltsim_violation){.rule = rule, .what = check_text(run, what), .history = "",
                                                       .why = why, .windows = windows, .driver = "", .fatal = true};
    free(what);
}

static bool has_rule(const struct check_run *run, const char *rule)
{
    for (unsigned i = 0; i < run->violation_count && i < CHECK_VIOLATIONS; i++)
        if (!strcmp(run->violations[i].rule, rule))
            return true;
    return false;
}

static bool has_fatal(const struct check_run *run)
{
    for (unsigned i = 0; i < run->violation_count && i < CHECK_VIOLATIONS; i++)
        if (run->violations[i].fatal)
            return true;
    return has_rule(run, "endless-loop");
}

/* The process of the run ended in a way that it could not report itself. */
static void explain_end(struct check_run *run, const struct plat_exit *end, const char *output)
{
    if (run->reported || has_fatal(run))
        return;
    if (end->timed_out)
        add_violation(run, "endless-loop", tool_format("The run did not end; it was at: %s.", run->step),
                      "A thread of the driver runs for ever, or two wake each other without getting on.",
                      "A processor is lost to the loop; at DISPATCH_LEVEL bug check 0x133 DPC_WATCHDOG_VIOLATION.");
    else
        add_violation(run, "crash",
                      tool_format("The run's process ended by %s %d%s; it was at: %s.%s%.400s",
                                  end->signal ? "signal" : "exit code", end->signal ? end->signal : end->code,
                                  end->signal ? "" : ", as exit() does, which the kernel has not", run->step,
                                  output && *output ? " It said: " : "", output ? output : ""),
                      "The driver destroyed what the simulated machine stands on.",
                      "A blue screen, at this place or a later one.");
}

/* What a process that came to nothing had to say, line by line; what another one said, too, once. */
static void tell(char *output)
{
    for (char *line = output, *next; line && *line; line = next) {
        next = line + strcspn(line, "\n");
        next += *next ? (*next = 0, 1) : 0;
        line += strncmp(line, "fltsim: ", 8) ? 0 : 8;
        if (!strstr(tool_errors(), line))
            tool_error("%s", line);
    }
}

static bool start_run(struct child *child)
{
    bool show = child->check->progress || child->check->options->trace;

    fflush(NULL);
    if (plat_process_start(child_body, child, !show, &child->process))
        return true;
    tool_error("a process for the run cannot be made");
    return false;
}

static void finish_run(struct child *child)
{
    struct plat_exit end;
    char *output = NULL;

    plat_process_finish(&child->process, child->check->options->timeout * 4000 + 60000, &end, &output);
    if (child->check->progress)
        fprintf(stderr, "\r\033[K");
    explain_end(child->run, &end, output);
    if (!child->run->started && !child->run->violation_count)
        tell(output);
    free(output);
}

static struct check_run *new_run(struct check *check, const char *label, enum check_kind kind)
{
    struct check_run *run = plat_shared_alloc(RUN_MEMORY);
    if (!run) {
        tool_error("no memory for a run's findings");
        exit(2);
    }
    run->size = RUN_MEMORY - sizeof *run;
    run->label = label;
    run->kind = kind;
    check->runs[check->run_count++] = run;
    return run;
}

/* What would not get further is no run. */
static void drop_runs(struct check *check, struct child *children, size_t first, size_t started)
{
    for (size_t i = first; i < started; i++)
        plat_process_drop(&children[i].process);
    while (check->run_count > first)
        plat_shared_free(check->runs[--check->run_count], RUN_MEMORY);
}

/* The first run shows whether there is any use in the others. Those know nothing of each other and have a processor each,
 * where there are so many. A trace is one after the other. */
static bool run_all(struct check *check, const struct scenario *scenario)
{
    static const char *const labels[] = {"idle unload", "unload with requests in flight", "failing allocations"};
    struct child children[CHECK_SHORT + 1];
    size_t count = scenario ? 1 : CHECK_SHORT + 1, started = 0;

    for (size_t i = 0; i < count; i++) {
        struct check_run *run = new_run(check, scenario ? check->options->scenario : labels[i], (enum check_kind)i);
        children[i] = (struct child){.check = check, .run = run, .scenario = scenario};
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t ahead = check->options->trace || !i ? i + 1 : count; started < ahead; started++)
            if (!start_run(&children[started])) {
                drop_runs(check, children, i, started);
                return false;
            }
        finish_run(&children[i]);
        check_explain_load(check, children[i].run);
        if (has_rule(children[i].run, "endless-loop") || has_rule(children[i].run, "load-failed")) {
            drop_runs(check, children, i + 1, started);
            break;
        }
    }
    return true;
}

/* ---- the command ---- */

/* One that was found in the driver's folder and cannot be used is a finding, and the check goes on without it. */
static bool read_inf(struct check *check)
{
    struct sim_inf inf;
    char *error;

    check->inf = check->options->inf ? check->options->inf : check->build->inf;
    if (!check->inf)
        return true;
    if (sim_inf_read(check->inf, &inf, &error)) {
        check->remarks = inf.remarks;
        inf.remarks = NULL;
        sim_inf_free(&inf);
        return true;
    }
    check->inf = NULL;
    check->inf_error = tool_strdup(error);
    sim_inf_free_error(error);
    if (check->options->inf)
        tool_error("%s", check->inf_error);
    return !check->options->inf;
}

static bool find_service(struct check *check)
{
    const struct tool_options *options = check->options;

    check->name = options->name;
    check->altitude = options->altitude;
    if (!read_inf(check))
        return false;
    if (check->inf && options->altitude) {
        tool_error("--altitude is for a driver without an INF; %s gives it", check->inf);
        return false;
    }
    if (!check->inf && !check->name)
        check->name = check->build->name;
    if (!check->inf && check->build->remark)
        check->remarks = tool_strdup(check->build->remark);
    if (!check->altitude) {
        check->altitude = SIM_INF_DEFAULT_ALTITUDE;
        check->altitude_by_default = true;
    }
    if (!sim_altitude_is_valid(check->altitude)) {
        tool_error("--altitude takes a decimal number such as 370020 or 370020.5, not \"%s\"", check->altitude);
        return false;
    }
    return true;
}

/* Is it a module with a DriverEntry that can be loaded here? In a process of its own: code runs when it is loaded. */
static int try_module(void *argument)
{
    const struct build_result *build = argument;
    char error[512] = "";
    size_t before = strlen(tool_errors());
    struct plat_module *module = plat_module_open(build->module, error, sizeof error);

    if (!module)
        tool_error("it cannot be loaded: %s", error);
    else if (!plat_module_symbol(module, "DriverEntry"))
        tool_error(build->sources ? "%s has no DriverEntry that is seen from outside: in C++ it is declared extern \"C\", and it "
                                    "is not static"
                                  : "%s has no DriverEntry: it is not a driver that `fltsim build` made",
                   build->sources ? build->name : build->module);
    return strlen(tool_errors()) > before ? 2 : 0;
}

static bool is_loadable(const struct build_result *build)
{
    struct plat_exit end;
    size_t before = strlen(tool_errors());
    char *output = NULL;

    fflush(NULL);
    if (!plat_process_fork(try_module, (void *)(uintptr_t)build, 60000, &end, &output))
        return true;
    bool good = !end.code && !end.signal && !end.timed_out;
    if (!good)
        tell(output);
    if (!good && strlen(tool_errors()) == before)
        tool_error("%s crashes when it is loaded, before its DriverEntry", build->module);
    free(output);
    return good;
}

static int run_and_print(struct check *check, const struct scenario *scenario)
{
    if (!is_loadable(check->build) || !find_service(check) || !run_all(check, scenario))
        return 2;
    for (size_t i = 0; i < check->run_count; i++)
        if (!check->runs[i]->started && !check->runs[i]->violation_count) {
            tool_error("the simulated machine of %s did not start", check->runs[i]->label);
            return 2;
        }
    return check->options->json ? check_print_json(check) : check_print(check);
}

int check_driver(const struct tool_options *options)
{
    struct build_result build = {0};
    struct check check = {.options = options, .build = &build};
    struct scenario *scenario = NULL;
    int code = 2;

    check.progress = plat_terminal_columns(2) > 0 && !options->trace && !options->build.verbose;
    bool good = !options->scenario || (scenario = scenario_read(options->scenario)) != NULL;
    if (good && check.progress)
        fprintf(stderr, "\r\033[Kbuilding");
    struct build_options build_as = options->build;
    build_as.trap_system = true;
    good = good && build_driver(&build_as, &build);
    if (check.progress)
        fprintf(stderr, "\r\033[K");
    if (good)
        code = run_and_print(&check, scenario);
    if (code == 2 && options->json)
        check_print_json_error(&build);
    for (size_t i = 0; i < check.run_count; i++)
        plat_shared_free(check.runs[i], RUN_MEMORY);
    free(check.remarks);
    free(check.inf_error);
    scenario_free(scenario);
    build_finish(&build);
    return code;
}
