#include "tool/build.h"
#include "tool/api.h"

#include "plat/file.h"
#include "plat/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void name_driver(const struct selection *selection, const struct build_options *options,
                        struct build_result *result)
{
    if (result->inf) {
        result->name = tool_stem(result->inf);
        return;
    }
    char *path = plat_path_absolute(options->paths.items[0]);
    result->name = tool_stem(plat_file_is_directory(path) ? path : selection->sources[0]->path);
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

bool build_is_module(const char *path)
{
    return (tool_ends_with(path, ".so") || tool_ends_with(path, ".dylib") || tool_ends_with(path, ".sys")) &&
           !plat_file_is_directory(path);
}

static bool take_module(const struct build_options *options, struct build_result *result)
{
    const char *path = options->paths.items[0];
    if (!plat_file_exists(path)) {
        tool_error("%s: there is no such file", path);
        return false;
    }
    result->module = plat_path_absolute(path);
    result->name = tool_stem(path);
    return true;
}

bool build_driver(const struct build_options *options, struct build_result *result)
{
    struct selection selection = {0};
    struct tool_list include_folders = {0};

    *result = (struct build_result){0};
    if (options->paths.count == 1 && build_is_module(options->paths.items[0]))
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
        find_inf(&selection, select_entry(&selection), result);
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
    free(result->remark);
    free(result->name);
    *result = (struct build_result){0};
}
