/* Why a load failed. A DriverEntry answers one status, and the routine that gave it may be any of twenty: the driver is
 * built once more with every call of a routine that answers a status noted, and loaded by a process of its own. Where
 * that does not go (a built module; a source that does not take the macros), nothing is said. */
#include "tool/check.h"

#include "plat/file.h"
#include "plat/process.h"
#include "plat/shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAST = 4, MEMORY = 1 << 20, LIMIT_MS = 60000 };

struct explain {
    const struct check *check;
    struct check_run *run;
};

/* ---- the header that is included before anything else -------------------------------------------------------------------- */

/* A macro of the routine's own name does not expand again. */
static void note_routine(FILE *out, const char *prefix, const char *name, int length)
{
    fprintf(out, "#undef %1$s%2$.*3$s\n#define %1$s%2$.*3$s(...) fltsim_noted_status(\"%1$s%2$.*3$s\", %1$s%2$.*3$s(__VA_ARGS__))\n",
            prefix, name, length);
}

/* What no published header declares, drivers declare themselves: it has no macro. */
static bool is_declared_by_drivers(const char *text, const char *at)
{
    static const char begin[] = "\n#ifdef FLTSIM_LIBRARY";
    const char *last = NULL, *end;
    for (const char *p = strstr(text, begin); p && p < at; p = strstr(p + 1, begin))
        last = p;
    end = last ? strstr(last, "\n#endif") : NULL;
    return last && (!end || end > at);
}

/* What a header declares as `NTSTATUS Name(` or, for both Zw and Nt, `FLTSIM_SERVICE(Name,`. */
static void note_routines(FILE *out, const char *text)
{
    static const char routine[] = "\nNTSTATUS ", service[] = "\nFLTSIM_SERVICE(";

    for (const char *at = strstr(text, routine); at; at = strstr(at, routine)) {
        at += sizeof routine - 1;
        int length = (int)strcspn(at, "( \n");
        if (at[length] == '(' && !is_declared_by_drivers(text, at))
            note_routine(out, "", at, length);
    }
    for (const char *at = strstr(text, service); at; at = strstr(at, service)) {
        at += sizeof service - 1;
        note_routine(out, "Zw", at, (int)strcspn(at, ","));
        note_routine(out, "Nt", at, (int)strcspn(at, ","));
    }
}

static char *write_header(const char *folder)
{
    struct tool_list wdk = {0};
    struct tree tree;
    char *path = tool_join(folder, "explain.h");
    FILE *out = fopen(path, "w");

    compile_wdk_folders(&wdk);
    if (out && tree_read(&tree, wdk.items[0])) {
        fprintf(out, "#include <fltKernel.h>\n#ifdef __cplusplus\nextern \"C\"\n#endif\n"
                     "NTSTATUS fltsim_noted_status(const char *routine, NTSTATUS status);\n");
        for (size_t i = 0; i < tree.count; i++) {
            char *header = tool_join(tree.top, tree.files[i]->path);
            size_t size;
            char *text = strncmp(tree.files[i]->path, "nt/", 3) || !strcmp(tree.files[i]->path, "nt/net.h")
                             ? NULL
                             : plat_file_read(header, &size);
            if (text)
                note_routines(out, text);
            free(text);
            free(header);
        }
        tree_free(&tree);
    }
    if (out)
        fclose(out);
    tool_list_free(&wdk);
    return path;
}

/* ---- in a process of its own ------------------------------------------------------------------------------------------------ */

static int load_noted(void *argument)
{
    struct explain *explain = argument;
    struct tool_options options = *explain->check->options;
    struct build_result build;
    struct check check = *explain->check;
    char *header = write_header(explain->check->build->work);

    options.build.flags = (struct tool_list){0};
    for (size_t i = 0; i < explain->check->options->build.flags.count; i++)
        tool_list_add(&options.build.flags, explain->check->options->build.flags.items[i]);
    tool_list_add(&options.build.flags, "-include");
    tool_list_add(&options.build.flags, header);
    options.build.output = NULL;
    options.trace = false;
    check.options = &options;
    check.build = &build;
    check.progress = false;
    if (build_driver(&options.build, &build))
        check_load_body(&check, explain->run);
    build_finish(&build);
    tool_list_free(&options.build.flags);
    free(header);
    return 0;
}

void check_explain_load(const struct check *check, struct check_run *failed)
{
    struct fltsim_violation *v = NULL;
    for (unsigned i = 0; i < failed->violation_count && i < CHECK_VIOLATIONS && !v; i++)
        if (!strcmp(failed->violations[i].rule, "load-failed"))
            v = &failed->violations[i];
    struct check_run *run = v && check->build->sources ? plat_shared_alloc(sizeof *run + MEMORY) : NULL;
    if (!run)
        return;
    run->size = MEMORY;
    struct explain explain = {check, run};
    struct plat_exit end;
    char *output = NULL, *text = tool_strdup("");

    fflush(NULL);
    plat_process_fork(load_noted, &explain, LIMIT_MS, &end, &output);
    for (unsigned i = run->line_count > LAST ? run->line_count - LAST : 0; i < run->line_count; i++) {
        char *more = tool_format("%s%s%s", text, *text ? "\n" : "", run->lines[i]);
        free(text);
        text = more;
    }
    if (*text)
        v->history = check_text(failed, text);
    free(text);
    free(output);
    plat_shared_free(run, sizeof *run + MEMORY);
}
