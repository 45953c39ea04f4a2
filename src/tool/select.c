#include "tool/build.h"

#include "plat/file.h"
#include "plat/folder.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is in scope ---- */

static bool is_below(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return !length || (!strncmp(path, folder, length) && (path[length] == '/' || path[length] == 0));
}

static bool is_folder_scope(const char *path)
{
    return plat_file_is_directory(path);
}

/* Marks and scans the sources that the paths name. `top` is above all of them. *empty: a path that names none. */
static bool scan_scope(struct tree *tree, const struct build_options *options, const char **empty)
{
    for (size_t i = 0; i < options->paths.count; i++) {
        char *path = plat_path_absolute(options->paths.items[i]);
        const char *relative = path + strlen(tree->top);
        relative += *relative == '/';
        bool folder = is_folder_scope(path), any = false;
        if (!folder && plat_file_exists(path) && !tree_find(tree, relative, false))
            tree_add(tree, relative); /* of a folder with more files than are looked at */
        for (size_t k = 0; k < tree->count; k++) {
            struct tree_file *file = tree->files[k];
            if (!file->is_source || !(folder ? is_below(file->path, relative) : !strcmp(file->path, relative)))
                continue;
            file->in_scope = any = true;
            tree_scan(tree, file);
            if (!folder)
                file->side = TREE_KERNEL; /* named by hand */
        }
        free(path);
        *empty = options->paths.items[i];
        if (!any)
            return false;
    }
    return true;
}

static bool is_unresolved(const struct tree_include *include)
{
    return !include->file && !tool_ends_with(include->spelling, ".tmh") &&
           (include->quoted || !tree_is_standard_header(include->spelling)) && !compile_knows_header(include->spelling);
}

/* The driver's own count most: what they include may lead to others that include what nobody has. */
enum { OWN_UNRESOLVED = 1 << 16 };

static size_t count_unresolved(const struct tree *tree, const char *bottom)
{
    size_t count = 0;
    const char *own = bottom + strlen(tree->top);
    own += *own == '/';
    for (size_t i = 0; i < tree->count; i++)
        for (size_t k = 0; k < tree->files[i]->include_count; k++)
            if (tree->files[i]->side != TREE_USER && is_unresolved(&tree->files[i]->includes[k]))
                count += is_below(tree->files[i]->path, own) ? OWN_UNRESOLVED : 1;
    return count;
}

static char *common_folder(const struct build_options *options)
{
    char *top = NULL;
    for (size_t i = 0; i < options->paths.count; i++) {
        char *path = plat_path_absolute(options->paths.items[i]);
        if (!path) {
            tool_error("%s: there is no such file or folder", *options->paths.items[i] ? options->paths.items[i] : "\"\"");
            free(top);
            return NULL;
        }
        char *folder = is_folder_scope(path) ? tool_strdup(path) : tool_folder(path);
        while (top && !is_below(folder, top)) {
            char *up = tool_folder(top);
            free(top);
            top = up;
        }
        if (!top)
            top = tool_strdup(folder);
        free(folder);
        free(path);
    }
    return top;
}

static bool is_repository(const char *folder)
{
    char *git = tool_join(folder, ".git");
    bool is = plat_file_exists(git);
    free(git);
    return is;
}

static bool is_in_repository(const char *folder)
{
    char *at = tool_strdup(folder);
    bool is = false;
    while (*at && !(is = is_repository(at))) {
        char *up = tool_folder(at);
        free(at);
        at = up;
    }
    free(at);
    return is;
}

/* Shared headers may stand beside the driver's folder (../inc): the tree is read from as far up as is needed to find
 * what is included, and not beyond the repository; where there is none, at most three folders up. */
static bool read_tree(struct selection *selection, const struct build_options *options)
{
    char *top = common_folder(options), *bottom = top ? tool_strdup(top) : NULL;
    size_t fewest = SIZE_MAX;

    if (!top)
        return false;
    int levels = is_in_repository(top) ? 12 : 4;
    for (int level = 0; level < levels && top[0] && (!level || strchr(top + 1, '/')); level++) {
        struct tree tree;
        const char *empty;
        if (!tree_read(&tree, top)) {
            if (level == 0)
                tool_error("%s: the folder cannot be read", top);
        } else if (scan_scope(&tree, options, &empty)) {
            size_t unresolved = count_unresolved(&tree, bottom);
            if (unresolved < fewest) {
                fewest = unresolved;
                tree_free(&selection->tree);
                selection->tree = tree;
                tree = (struct tree){0};
            }
        } else if (level == 0) {
            tool_error("%s: no C or C++ sources in it%s", empty,
                       options->paths.count > 1 ? ", as far as the tree is looked at that all PATHs share: name one driver's folder, or its sources"
                                                : "");
            tree_free(&tree);
            break;
        }
        tree_free(&tree);
        char *up = tool_folder(top);
        bool last = !fewest || is_repository(top);
        free(top);
        top = up;
        if (last)
            break;
    }
    free(top);
    free(bottom);
    return fewest != SIZE_MAX;
}

/* ---- which of them are the driver ---- */

static bool folder_has_side(const struct tree *tree, const char *folder, enum tree_side side)
{
    bool has = false;
    for (size_t i = 0; i < tree->count && !has; i++) {
        char *of = tool_folder(tree->files[i]->path);
        has = tree->files[i]->is_source && tree->files[i]->visited && tree->files[i]->side == side &&
              !strcmp(of, folder);
        free(of);
    }
    return has;
}

/* A helper that includes nobody's headers (a hash, a parser) goes with the sources of its folder. */
static bool is_driver_source(const struct tree *tree, const struct tree_file *file)
{
    if (!file->in_scope || file->side == TREE_USER)
        return false;
    if (file->side == TREE_KERNEL)
        return true;
    char *folder = tool_folder(file->path);
    bool helper = !folder_has_side(tree, folder, TREE_USER);
    free(folder);
    return helper;
}

char *selection_define(const struct selection *selection, size_t source_define, const struct tree_file *source)
{
    const char *text = selection->source_defines.items[source_define], *at = strstr(text, "%(");
    char *stem = tool_stem(source->path);
    char *define = tool_format("%.*s%s%s", (int)(at - text), text, stem, strchr(at, ')') ? strchr(at, ')') + 1 : "");
    free(stem);
    return define;
}

void selection_add(struct selection *selection, struct tree_file *file)
{
    if ((selection->count & (selection->count - 1)) == 0)
        selection->sources = realloc(selection->sources, (selection->count ? selection->count * 2 : 1) *
                                                             sizeof *selection->sources);
    selection->sources[selection->count++] = file;
}

/* The folder that was asked for, relative to the top of the tree; NULL: sources were. */
static char *asked_folder(const struct selection *selection, const struct build_options *options)
{
    char *path = plat_path_absolute(options->paths.items[0]), *folder = NULL;
    if (options->paths.count == 1 && is_folder_scope(path))
        folder = tool_strdup(path + strlen(selection->tree.top) + (path[strlen(selection->tree.top)] == '/'));
    free(path);
    return folder;
}

static bool registers_itself(const struct selection *selection, const char *folder)
{
    bool does = false;
    for (size_t i = 0; i < selection->count && !does; i++) {
        char *of = tool_folder(selection->sources[i]->path);
        does = selection->sources[i]->registers && !strcmp(of, folder);
        free(of);
    }
    return does;
}

/* Of several DriverEntry's folders: the one whose sources register a minifilter; of several such, that asked for. */
static bool choose_driver(const struct selection *selection, const struct build_options *options, char **chosen)
{
    struct tool_list folders = {0}, filters = {0};
    char *asked = asked_folder(selection, options);

    for (size_t i = 0; i < selection->count; i++) {
        char *folder = tool_folder(selection->sources[i]->path);
        if (selection->sources[i]->has_driver_entry && !tool_list_has(&folders, folder))
            tool_list_add(&folders, folder);
        free(folder);
    }
    for (size_t i = 0; i < folders.count; i++)
        for (size_t k = 0; k < selection->count; k++)
            if (selection->sources[k]->registers && is_below(selection->sources[k]->path, folders.items[i]) &&
                !tool_list_has(&filters, folders.items[i]))
                tool_list_add(&filters, folders.items[i]);

    *chosen = NULL;
    bool good = folders.count > 0;
    if (!good)
        tool_error(selection->count == 1 ? "no DriverEntry in the only kernel source: is this a driver's folder?"
                                         : "no DriverEntry among the %zu kernel sources: is this a driver's folder?",
                   selection->count);
    if (folders.count > 1) {
        bool own = asked && tool_list_has(&filters, asked) && registers_itself(selection, asked);
        good = filters.count == 1 || own;
        if (good)
            *chosen = tool_strdup(own ? asked : filters.items[0]);
        else
            tool_error("several drivers stand below this folder; give the folder of one:");
        for (size_t i = 0; i < folders.count && !good; i++)
            tool_error("    %s/%s", selection->tree.top, folders.items[i]);
    }
    if (!good && !folders.count && selection->tree.count)
        tool_error("user-mode programs and tests are left out; name the sources to build them all the same");
    tool_list_free(&folders);
    tool_list_free(&filters);
    free(asked);
    return good;
}

static void keep_one_driver(struct selection *selection, const char *chosen)
{
    struct tool_list others = {0};
    for (size_t i = 0; i < selection->count; i++) {
        char *folder = tool_folder(selection->sources[i]->path);
        if (selection->sources[i]->has_driver_entry && strcmp(folder, chosen))
            tool_list_add(&others, folder);
        free(folder);
    }
    size_t kept = 0;
    for (size_t i = 0; i < selection->count; i++) {
        bool others_own = false;
        for (size_t k = 0; k < others.count; k++)
            others_own |= is_below(selection->sources[i]->path, others.items[k]) &&
                          !is_below(chosen, others.items[k]);
        if (!others_own)
            selection->sources[kept++] = selection->sources[i];
    }
    selection->count = kept;
    tool_list_free(&others);
}

const struct tree_file *select_entry(const struct selection *selection)
{
    const struct tree_file *entry = NULL;
    for (size_t i = 0; i < selection->count && !entry; i++)
        if (selection->sources[i]->has_driver_entry)
            entry = selection->sources[i];
    return entry;
}

/* Of what includes nobody's headers: a repository's other libraries. The driver's stand in its folder, beside it, or
 * among kernel sources. */
static void leave_out_strangers(struct selection *selection)
{
    char *folder = tool_folder(select_entry(selection)->path), *above = tool_folder(folder);
    size_t kept = 0;
    for (size_t i = 0; i < selection->count; i++) {
        struct tree_file *file = selection->sources[i];
        char *of = tool_folder(file->path);
        if (file->side == TREE_KERNEL || is_below(file->path, above) || folder_has_side(&selection->tree, of, TREE_KERNEL))
            selection->sources[kept++] = file;
        free(of);
    }
    selection->count = kept;
    free(above);
    free(folder);
}

bool select_sources(const struct build_options *options, struct selection *selection)
{
    char *chosen;

    *selection = (struct selection){0};
    if (!read_tree(selection, options))
        return false;
    for (size_t i = 0; i < selection->tree.count; i++)
        if (is_driver_source(&selection->tree, selection->tree.files[i]))
            selection_add(selection, selection->tree.files[i]);
    if (!choose_driver(selection, options, &chosen))
        return false;
    if (chosen)
        keep_one_driver(selection, chosen);
    free(chosen);
    bool by_hand = options->paths.count > 1 || !is_folder_scope(options->paths.items[0]);
    if (!by_hand) {
        leave_out_strangers(selection);
        project_use(selection);
    }
    return true;
}

void selection_free(struct selection *selection)
{
    tree_free(&selection->tree);
    free(selection->sources);
    tool_list_free(&selection->folders);
    tool_list_free(&selection->defines);
    tool_list_free(&selection->source_defines);
    *selection = (struct selection){0};
}
