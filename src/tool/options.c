#include "tool/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { FLAG, TEXT, NUMBER, SECONDS, BACKEND, PASS };

#define AT(field) offsetof(struct tool_options, field)
static const struct option {
    const char *name, *commands, *argument; /* commands: that it goes with; NULL: all */
    enum kind kind;
    size_t at;
    const char *help;
} table[] = {
    {"--inf", "check", "FILE", TEXT, AT(inf), "the driver's INF; by default the one in its folder"},
    {"--name", "check", "NAME", TEXT, AT(name), "service name; by default the INF's, else the folder's"},
    {"--altitude", "check", "NUMBER", TEXT, AT(altitude), "without an INF: altitude of its one instance; default 370000"},
    {"--scenario", "check", "FILE", TEXT, AT(scenario), "run this scenario instead of the built-in workload"},
    {"--csvfs", "check", NULL, FLAG, AT(csvfs), "check on a CSVFS volume, too; by default when the source knows FLT_FSTYPE_CSVFS"},
    {"--seed", "check", "N", NUMBER, AT(seed), "coop: preempt at scheduling points by this seed"},
    {"--backend", "check", "coop|native", BACKEND, AT(backend), "coroutines (default, repeatable) or OS threads"},
    {"--choices", "check", "TEXT", TEXT, AT(choices), "replay the schedule that a report printed"},
    {"--timeout", "check", "SECONDS", SECONDS, AT(timeout), "processor time without progress that is an endless loop; default 20"},
    {"--trace", "check", NULL, FLAG, AT(trace), "print the event trace of each run"},
    {"--dump", "check", NULL, FLAG, AT(dump), "print filters, volumes, instances and contexts as they are before the unload"},
    {"--no-ledgers", "check", NULL, FLAG, AT(no_ledgers), "keep no reference histories: faster, and reports do not say who took what"},
    {"--json", NULL, NULL, FLAG, AT(json), "the report as JSON on stdout; what goes wrong before there is one, too"},
    {"-o", "build", "FILE", TEXT, AT(build.output), "build: where the module goes"},
    {"--cc", "check, fltsim build", "COMPILER", TEXT, AT(build.cc), "C compiler; the C++ one follows from it"},
    {"-std", "check, fltsim build", "=STANDARD", TEXT, AT(build.standard), "language standard, as the compiler spells it"},
    {"-I", "check, fltsim build", "FOLDER", PASS, 0, "passed to the compiler"},
    {"-D", "check, fltsim build", "NAME[=VALUE]", PASS, 0, "passed to the compiler"},
    {"-U", "check, fltsim build", "NAME", PASS, 0, "passed to the compiler"},
    {"--trap-missing", "check, fltsim build", NULL, FLAG, AT(build.trap_missing), "build although routines are missing, the driver's own too; calling one ends the run"},
    {"-v", "check, fltsim build", NULL, FLAG, AT(build.verbose), "print the command lines of the build"},
    {"--help", NULL, NULL, FLAG, AT(help), "this text"},
};

void options_print(void)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct option *o = &table[i];
        char *left = tool_format("%s%s%s", o->name, o->argument && o->kind != PASS && *o->argument != '=' ? " " : "",
                                 o->argument ? o->argument : "");
        printf("  %-24s %s\n", left, o->help);
        free(left);
    }
}

/* The option that the argument begins; *value is what is glued to it (-Ifolder, --seed=1, -std=c11) or NULL. */
static const struct option *find(const char *argument, const char **value)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t length = strlen(table[i].name);
        if (strncmp(argument, table[i].name, length))
            continue;
        *value = argument[length] ? argument + length : NULL;
        if (!*value)
            return &table[i];
        if (table[i].kind == PASS)
            return &table[i];
        if (**value == '=' && table[i].argument) {
            ++*value;
            return &table[i];
        }
    }
    return NULL;
}

static bool wrong(const char *option, const char *rule, const char *value)
{
    tool_error("%s %s, not \"%s\"", option, rule, value);
    return false;
}

static bool read_number(const struct option *option, const char *value, uint64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoull(value, &end, 0);
    return (*value && !*end && !errno && *value != '-') || wrong(option->name, "takes a number", value);
}

static bool set(struct tool_options *options, const struct option *option, const char *value)
{
    void *field = (char *)options + option->at;
    uint64_t number;

    switch (option->kind) {
    case FLAG:
        *(bool *)field = true;
        return true;
    case TEXT:
        *(const char **)field = value;
        return true;
    case NUMBER:
        return read_number(option, value, field);
    case SECONDS:
        if (!read_number(option, value, &number))
            return false;
        if (!number || number > 86400)
            return wrong(option->name, "takes 1 to 86400 seconds", value);
        *(unsigned *)field = (unsigned)number;
        return true;
    case BACKEND:
        *(const char **)field = value;
        return !strcmp(value, "coop") || !strcmp(value, "native") || wrong(option->name, "takes coop or native", value);
    case PASS:
        tool_list_take(&options->build.flags, tool_format("%s%s", option->name, value));
        return true;
    }
    return false;
}

bool options_read(struct tool_options *options, int argc, char **argv)
{
    bool paths_only = false;

    *options = (struct tool_options){.timeout = 20};
    for (int i = 0; i < argc; i++) /* before any of the others is found wrong */
        options->json |= !strcmp(argv[i], "--json");
    for (int i = 0; i < argc; i++) {
        const char *value = NULL;
        if (!paths_only && !strcmp(argv[i], "--")) {
            paths_only = true;
            continue;
        }
        if (paths_only || argv[i][0] != '-' || !argv[i][1]) {
            tool_list_add(&options->build.paths, argv[i]);
            continue;
        }
        const struct option *option = find(argv[i], &value);
        if (!option) {
            tool_error("there is no option %s; fltsim --help lists them", argv[i]);
            return false;
        }
        if (option->argument && !value) {
            if (i + 1 == argc) {
                tool_error("%s needs %s", option->name, option->argument);
                return false;
            }
            value = argv[++i];
        }
        if (!set(options, option, value))
            return false;
        options->given |= (uint64_t)1 << (option - table);
    }
    return true;
}

bool options_fit(const struct tool_options *options, const char *command)
{
    bool fit = true;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!(options->given >> i & 1) || !table[i].commands || strstr(table[i].commands, command))
            continue;
        tool_error("%s goes with: fltsim %s", table[i].name, table[i].commands);
        fit = false;
    }
    return fit;
}

void options_free(struct tool_options *options)
{
    tool_list_free(&options->build.paths);
    tool_list_free(&options->build.flags);
}
