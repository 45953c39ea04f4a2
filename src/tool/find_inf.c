/* Which INF is the driver's: by what it names, not by where it happens to stand. */
#include "tool/build.h"

#include "plat/file.h"
#include "sim/encoding.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { LEVELS = 3 };
enum evidence { OTHERS, NONE, NAMED }; /* it names another driver of the folder; nobody that is known; this one */

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_' || c == '-'; }

/* `NAME.sys` or `"NAME"`, in any letter case. */
static bool names(const char *text, const char *name)
{
    size_t length = strlen(name);
    char *low = tool_strdup(text), *what = tool_strdup(name);
    bool found = false;

    for (char *p = low; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    for (char *p = what; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    for (const char *at = length ? strstr(low, what) : NULL; at && !found; at = strstr(at + 1, what)) {
        char before = at > low ? at[-1] : ' ';
        found = !is_word(before) && (!strncmp(at + length, ".sys", 4) || (before == '"' && at[length] == '"'));
    }
    free(what);
    free(low);
    return found;
}

static bool is_selected(const struct selection *selection, const struct tree_file *file)
{
    for (size_t i = 0; i < selection->count; i++)
        if (selection->sources[i] == file)
            return true;
    return false;
}

/* Names that the driver may go by: its sources', the project files' beside its DriverEntry, its folders'. */
static void own_names(const struct selection *selection, const struct tree_file *entry, struct tool_list *list)
{
    char *own = tool_folder(entry->path);

    for (size_t i = 0; i < selection->count; i++)
        tool_list_take(list, tool_stem(selection->sources[i]->path));
    for (size_t i = 0; i < selection->tree.count; i++) {
        char *of = tool_folder(selection->tree.files[i]->path);
        if (tool_ends_with(selection->tree.files[i]->path, ".vcxproj") && !strcmp(of, own))
            tool_list_take(list, tool_stem(selection->tree.files[i]->path));
        free(of);
    }
    char *folder = tool_join(selection->tree.top, own);
    for (int up = 0; up < LEVELS && *tool_name(folder); up++) {
        tool_list_add(list, tool_name(folder));
        char *above = tool_folder(folder);
        free(folder);
        folder = above;
    }
    free(folder);
    free(own);
}

/* Of sources beside the INF that are not this driver's. */
static bool names_another(const struct selection *selection, const char *inf, const char *stem, const char *text)
{
    char *folder = tool_folder(inf);
    bool found = false;

    for (size_t i = 0; i < selection->tree.count && !found; i++) {
        struct tree_file *file = selection->tree.files[i];
        char *of = tool_folder(file->path), *name = tool_stem(file->path);
        found = file->is_source && !strcmp(of, folder) && !is_selected(selection, file) &&
                (!tool_compare(name, stem) || names(text, name));
        free(name);
        free(of);
    }
    free(folder);
    return found;
}

static enum evidence weigh(const struct selection *selection, const struct tool_list *own, const char *inf)
{
    char *path = tool_join(selection->tree.top, inf), *stem = tool_stem(inf);
    size_t size;
    char *bytes = plat_file_read(path, &size), *text = sim_decode_text(bytes ? bytes : "", bytes ? size : 0, NULL);
    enum evidence evidence = NONE;

    for (size_t i = 0; i < own->count && evidence == NONE; i++)
        if (!tool_compare(own->items[i], stem) || names(text, own->items[i]))
            evidence = NAMED;
    if (evidence == NONE && names_another(selection, inf, stem, text))
        evidence = OTHERS;
    free(text);
    free(bytes);
    free(stem);
    free(path);
    return evidence;
}

static bool is_below(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return !length || (!strncmp(path, folder, length) && (path[length] == '/' || !path[length]));
}

/* Beside sources in a folder that the driver's is not in: another driver's. */
static bool is_others_folder(const struct tree *tree, const char *inf, const char *driver)
{
    char *folder = tool_folder(inf);
    bool others = *folder && !is_below(driver, folder), any = false;

    for (size_t i = 0; i < tree->count && others && !any; i++) {
        char *of = tree->files[i]->is_source ? tool_folder(tree->files[i]->path) : NULL;
        any = of && !strcmp(of, folder);
        free(of);
    }
    free(folder);
    return others && any;
}

struct candidates {
    const char *best[3]; /* by evidence: the one with the shortest path */
    size_t count[3];
    struct tool_list neutral;
};

static void look_below(const struct selection *selection, const struct tool_list *own, const char *driver, const char *folder,
                       bool above, struct candidates *found)
{
    for (size_t i = 0; i < selection->tree.count; i++) {
        const char *path = selection->tree.files[i]->path;
        if ((!tool_ends_with(path, ".inf") && !tool_ends_with(path, ".inx")) || !is_below(path, folder) ||
            (above && is_others_folder(&selection->tree, path, driver)))
            continue;
        enum evidence evidence = weigh(selection, own, path);
        if (!found->count[evidence]++ || strlen(path) < strlen(found->best[evidence]))
            found->best[evidence] = path;
        if (evidence == NONE)
            tool_list_add(&found->neutral, path);
    }
}

/* One INF in several folders, for several processors. */
static bool are_one(const struct tool_list *paths)
{
    bool one = paths->count > 0;
    char *first = one ? tool_stem(paths->items[0]) : NULL;
    for (size_t i = 1; i < paths->count && one; i++) {
        char *stem = tool_stem(paths->items[i]);
        one = !tool_compare(stem, first);
        free(stem);
    }
    free(first);
    return one;
}

static char *remark(const struct tool_list *candidates)
{
    char *text = tool_strdup("several INFs may be its own, and none names it; --inf says which:");
    for (size_t i = 0; i < candidates->count; i++) {
        char *more = tool_format("%s\n    %s", text, candidates->items[i]);
        free(text);
        text = more;
    }
    return text;
}

/* Upwards from the DriverEntry: one that names the driver, or the only one that names nobody else. */
void find_inf(const struct selection *selection, const struct tree_file *entry, struct build_result *result)
{
    struct tool_list own = {0};
    struct candidates found = {0};
    char *driver = tool_folder(entry->path), *folder = tool_strdup(driver);
    const char *best = NULL;

    own_names(selection, entry, &own);
    for (int up = 0; up < LEVELS && !best && !found.count[NONE]; up++) {
        look_below(selection, &own, driver, folder, up > 0, &found);
        best = found.count[NAMED] ? found.best[NAMED] : are_one(&found.neutral) ? found.best[NONE] : NULL;
        if (!*folder)
            break;
        char *above = tool_folder(folder);
        free(folder);
        folder = above;
    }
    if (best)
        result->inf = tool_join(selection->tree.top, best);
    else if (found.count[NONE] > 1)
        result->remark = remark(&found.neutral);
    tool_list_free(&found.neutral);
    tool_list_free(&own);
    free(folder);
    free(driver);
}
