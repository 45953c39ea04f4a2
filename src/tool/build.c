#include "tool/build.h"
#include "tool/api.h"

#include "plat/file.h"
#include "plat/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *stem(const char *path)
{
    const char *name = tool_name(path);
    const char *dot = strrchr(name, '.');
    return tool_format("%.*s", (int)(dot ? dot - name : (long)strlen(name)), name);
}

/* Beside sources in a folder that the driver's is not in: another driver's. */
static bool is_others_inf(const struct tree *tree, const char *inf, const char *driver)
{
    char *folder = tool_folder(inf);
    size_t length = strlen(folder);
    bool others = length && (strncmp(driver, folder, length) || (driver[length] && driver[length] != '/')), any = false;

    for (size_t i = 0; i < tree->count && others && !any; i++) {
        char *of = tree->files[i]->is_source ? tool_folder(tree->files[i]->path) : NULL;
        any = of && !strcmp(of, folder);
        free(of);
    }
    free(folder);
    return others && any;
}

/* The INF that stands nearest to the DriverEntry. */
static void find_inf(const struct selection *selection, struct build_result *result)
{
    const struct tree *tree = &selection->tree;
    struct tree_file *entry = NULL;

    for (size_t i = 0; i < selection->count && !entry; i++)
        if (selection->sources[i]->has_driver_entry)
            entry = selection->sources[i];
    char *own = tool_folder(entry->path), *folder = tool_strdup(own);
    const char *best = NULL;
    for (int up = 0; up < 3 && !best; up++) {
        for (size_t i = 0; i < tree->count; i++) {
            const char *path = tree->files[i]->path;
            if (!tool_ends_with(path, ".inf") && !tool_ends_with(path, ".inx"))
                continue;
            size_t length = strlen(folder);
            if (length && (strncmp(path, folder, length) || path[length] != '/'))
                continue;
            if (up && is_others_inf(tree, path, own))
                continue;
            if (!best || strlen(path) < strlen(best))
                best = path;
        }
        if (!*folder)
            break;
        char *above = tool_folder(folder);
        free(folder);
        folder = above;
    }
    free(folder);
    free(own);
    if (best)
        result->inf = tool_join(tree->top, best);
}

static void name_driver(const struct selection *selection, const struct build_options *options,
                        struct build_result *result)
{
    if (result->inf) {
        result->name = stem(result->inf);
        return;
    }
    char *path = plat_path_absolute(options->paths.items[0]);
    result->name = stem(plat_file_is_directory(path) ? path : selection->sources[0]->path);
    free(path);
}

static void print_missing(const struct build_result *result)
{
    bool strange = false;

    tool_error("the library lacks %zu routine%s that this driver needs:", result->missing_count,
               result->missing_count == 1 ? "" : "s");
    for (size_t i = 0; i < result->missing_count; i++)
        tool_error("    %-44s %-8s needed by %s", result->missing[i].name, api_state(result->missing[i].name),
                   result->missing[i].where);
    for (size_t i = 0; i < result->missing_count; i++)
        strange |= !strcmp(api_state(result->missing[i].name), "unknown");
    if (strange)
        tool_error("what is unknown may be the driver's own: look for a source or a library that is not in this folder");
    tool_error(result->trapped ? "it is built all the same; a run ends where one of them is called"
                               : "--trap-missing builds it all the same; the run ends where one of them is called");
}

static bool is_module(const char *path)
{
    return tool_ends_with(path, ".so") || tool_ends_with(path, ".dylib") || tool_ends_with(path, ".sys");
}

static bool take_module(const struct build_options *options, struct build_result *result)
{
    const char *path = options->paths.items[0];
    if (!plat_file_exists(path)) {
        tool_error("%s: there is no such file", path);
        return false;
    }
    result->module = plat_path_absolute(path);
    result->name = stem(path);
    return true;
}

bool build_driver(const struct build_options *options, struct build_result *result)
{
    struct selection selection = {0};
    struct tool_list include_folders = {0};

    *result = (struct build_result){0};
    if (options->paths.count == 1 && is_module(options->paths.items[0]))
        return take_module(options, result);
    result->work = plat_folder_temporary("fltsim");
    if (!result->work) {
        tool_error("no temporary folder can be made");
        return false;
    }
    plat_folder_remove_on_interrupt(result->work);
    char *mirror = tool_join(result->work, "source");
    bool good = select_sources(options, &selection);
    if (good) {
        find_inf(&selection, result);
        name_driver(&selection, options, result);
        result->sources = selection.count;
        for (size_t i = 0; i < selection.count; i++)
            result->knows_csvfs |= selection.sources[i]->knows_csvfs;
        result->module = options->output ? tool_strdup(options->output)
                                         : tool_format("%s/%s.so", result->work, result->name);
        good = mirror_make(&selection, mirror, &include_folders) &&
               compile_all(options, &selection, mirror, &include_folders, result);
    }
    if (result->missing_count)
        print_missing(result);
    free(mirror);
    tool_list_free(&include_folders);
    selection_free(&selection);
    return good;
}

void build_forget_missing(struct build_result *result)
{
    for (size_t i = 0; i < result->missing_count; i++) {
        free(result->missing[i].name);
        free(result->missing[i].where);
    }
    free(result->missing);
    result->missing = NULL;
    result->missing_count = 0;
}

void build_finish(struct build_result *result)
{
    if (result->work) {
        plat_folder_remove(result->work);
        plat_folder_remove_on_interrupt(NULL);
    }
    build_forget_missing(result);
    free(result->work);
    free(result->module);
    free(result->inf);
    free(result->name);
    *result = (struct build_result){0};
}
