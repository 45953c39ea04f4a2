#include "tool/check.h"
#include "tool/config.h"
#include "tool/options.h"

#include <stdio.h>
#include <string.h>

static int command_build(const struct tool_options *options)
{
    struct build_result result;

    if (options->build.paths.count == 1 && build_is_module(options->build.paths.items[0])) {
        tool_error("%s: is a module already; build takes a driver's sources", options->build.paths.items[0]);
        if (options->json)
            check_print_json_error(NULL);
        return 2;
    }
    bool good = build_driver(&options->build, &result);
    if (options->json)
        (good ? check_print_json_built : check_print_json_error)(&result);
    else if (good)
        printf("%s: %zu source%s of %s\n", result.module, result.sources, result.sources == 1 ? "" : "s", result.name);
    build_finish(&result);
    return good ? 0 : 2;
}

static const struct command {
    const char *name;
    int (*run)(const struct tool_options *options);
    bool needs_path;
    const char *help;
} commands[] = {
    {"check", check_driver, true, "build a driver, run it on a simulated machine, report what it did wrong"},
    {"build", command_build, true, "build a driver into a module that the simulator loads"},
    {"rules", check_print_rules, false, "the rules that a driver is held to"},
};

static int usage(int code)
{
    FILE *out = code ? stderr : stdout;

    fprintf(out, "fltsim " TOOL_VERSION ": builds and runs Windows minifilter drivers, unchanged, on a simulated machine.\n\n"
                 "usage: fltsim COMMAND [options] PATH...\n"
                 "PATH is a driver's folder, its .c and .cpp files, or a module that `fltsim build` made.\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
    if (!code) {
        fprintf(out, "\noptions:\n");
        options_print();
    }
    fprintf(out, "\nexit status: 0 clean, 1 violations, 2 usage, build or INF error%s\n",
            code ? "; fltsim --help lists the options" : "");
    return code;
}

/* Do the options go with the command, and with each other? */
static bool fits(const struct command *command, const struct tool_options *options)
{
    size_t before = strlen(tool_errors());
    bool fit = options_fit(options, command->name);
    bool native = options->backend && !strcmp(options->backend, "native");

    if (command->needs_path && !options->build.paths.count) {
        tool_error("%s needs the path of a driver", command->name);
        usage(2);
    }
    if (!command->needs_path && options->build.paths.count)
        tool_error("%s takes no path", command->name);
    if (command->run == command_build && !options->build.output)
        tool_error("build needs -o FILE, where the module goes");
    if (options->seed && options->choices)
        tool_error("--seed and --choices exclude each other: choices are a whole schedule");
    if (options->choices && native)
        tool_error("--choices replays a schedule of --backend coop; native threads cannot be told when to run");
    if (options->name && (!*options->name || strlen(options->name) > 240 || strchr(options->name, '\\')))
        tool_error("--name takes a service's name, 1 to 240 bytes without a backslash, not \"%.60s\"", options->name);
    return fit && strlen(tool_errors()) == before;
}

int main(int argc, char **argv)
{
    struct tool_options options;
    const struct command *command = NULL;

    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help") || !strcmp(argv[1], "-h")))
        return usage(0);
    if (argc > 1 && !strcmp(argv[1], "--version"))
        return puts("fltsim " TOOL_VERSION) < 0;
    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++)
        if (!strcmp(argv[1], commands[i].name))
            command = &commands[i];
    if (!command) {
        if (argc > 1)
            tool_error("there is no command %s", argv[1]);
        return usage(2);
    }
    bool good = options_read(&options, argc - 2, argv + 2);
    int code = 2;
    if (good && options.help)
        code = usage(0);
    else if (good && fits(command, &options))
        code = command->run(&options);
    else if (options.json)
        check_print_json_error(NULL);
    options_free(&options);
    return code;
}
