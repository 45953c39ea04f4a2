#include "tool/build.h"
#include "tool/msvc_text.h"

#include "plat/file.h"
#include "plat/folder.h"

#include <stdlib.h>
#include <string.h>

static bool make_parent(const char *path)
{
    char *folder = tool_folder(path);
    bool made = plat_folder_make(folder);
    free(folder);
    return made;
}

static bool write_text(const char *path, const char *text)
{
    return make_parent(path) && plat_file_write(path, text, strlen(text));
}

static bool put_file(const struct tree *tree, const struct tree_file *file, const char *mirror)
{
    char *path = tool_join(mirror, file->path), *original = tool_join(tree->top, file->path);
    bool good = file->converted ? write_text(path, file->text)
                                : make_parent(path) && plat_link_make(original, path);
    if (!good)
        tool_error("%s: cannot be written", path);
    free(original);
    free(path);
    return good;
}

static bool put_forwarding_header(char *path, const char *text)
{
    bool good = plat_file_exists(path) || write_text(path, text);
    if (!good)
        tool_error("%s: cannot be written", path);
    free(path);
    return good;
}

/* What the compiler would look for and not find gets a header of that very spelling, which includes the right one. With
 * backslashes there are two ways to look: gcc takes them as part of the name, clang with Microsoft's extensions as
 * slashes. */
static bool put_forwarder(const struct tree_file *from, const struct tree_include *include, const char *mirror)
{
    char *folder = tool_folder(from->path);
    char *in = tool_join(mirror, folder);
    char *target = tool_join(mirror, include->file->path);
    char *text = tool_format("#include \"%s\"\n", target);
    char *spelling = tool_strdup(include->spelling);
    bool good = true;

    if (strchr(spelling, '\\'))
        good = put_forwarding_header(tool_format("%s/%s", in, spelling), text);
    for (char *p = spelling; *p; p++)
        if (*p == '\\')
            *p = '/';
    good = good && put_forwarding_header(tool_normalize(tool_join(in, spelling)), text);
    free(spelling);
    free(text);
    free(target);
    free(in);
    free(folder);
    return good;
}

/* The header that Windows' trace preprocessor would make: trace calls vanish. */
static bool put_trace_header(const struct tree *tree, const struct tree_file *from, const char *spelling, const char *mirror)
{
    char *folder = tool_folder(from->path);
    char *in = tool_join(mirror, folder), *path = tool_join(in, spelling);
    char *text = tool_strdup("#pragma once\n#include <nt/wpp.h>\n");
    for (size_t i = 0; i < tree->wpp_functions.count; i++) {
        const char *name = tree->wpp_functions.items[i];
        char *more = tool_format("%s#ifndef %s\n#define %s(...) ((void)0)\n#endif\n", text, name, name);
        free(text);
        text = more;
    }
    bool good = write_text(path, text);
    free(text);
    free(path);
    free(in);
    free(folder);
    return good;
}

/* The folder in which the compiler finds <spelling>: where the header stands, less the folders that are spelled. */
static void add_folder(struct tool_list *folders, const struct tree_include *include)
{
    char *folder = tool_folder(include->file->path);
    for (const char *p = include->spelling; (p = strchr(p, '/')) != NULL && *folder; p++) {
        char *up = tool_folder(folder);
        free(folder);
        folder = up;
    }
    if (!tool_list_has(folders, folder))
        tool_list_add(folders, folder);
    free(folder);
}

static bool add_own_folder(struct tool_list *folders, const struct tree_file *file)
{
    char *folder = tool_folder(file->path);
    if (!tool_list_has(folders, folder))
        tool_list_add(folders, folder);
    free(folder);
    return true;
}

/* Whether some folder makes the compiler find it as it is spelled. */
static bool is_findable(const struct tree_include *include)
{
    size_t path = strlen(include->file->path), spelling = strlen(include->spelling);
    return path >= spelling && !strcmp(include->file->path + path - spelling, include->spelling);
}

static bool put_includes(const struct tree *tree, const struct tree_file *file, const char *mirror,
                         struct tool_list *folders)
{
    for (size_t i = 0; i < file->include_count; i++) {
        const struct tree_include *include = &file->includes[i];
        bool good = true;
        if (!include->file && tool_ends_with(include->spelling, ".tmh"))
            good = put_trace_header(tree, file, include->spelling, mirror);
        if (!include->file || include->exact)
            continue;
        if (include->quoted)
            good = put_forwarder(file, include, mirror);
        else if (compile_knows_header(include->spelling))
            continue;
        else if (is_findable(include))
            add_folder(folders, include);
        else
            good = put_forwarder(file, include, mirror) && add_own_folder(folders, file);
        if (!good)
            return false;
    }
    return true;
}

/* Projects may define the trace header's name as a macro, which the sources then include: WPPFILE="%(Filename).tmh". */
static bool put_named_trace_headers(const struct selection *selection, const char *mirror, struct tool_list *folders)
{
    bool good = true;
    for (size_t i = 0; i < selection->count; i++)
        for (size_t k = 0; k < selection->source_defines.count; k++) {
            char *define = selection_define(selection, k, selection->sources[i]), *name = strchr(define, '"');
            if (name && tool_ends_with(define, ".tmh\"")) {
                name[strlen(name) - 1] = 0;
                good &= put_trace_header(&selection->tree, selection->sources[i], name + 1, mirror) &&
                        add_own_folder(folders, selection->sources[i]);
            }
            free(define);
        }
    return good;
}

bool mirror_make(struct selection *selection, const char *mirror, struct tool_list *include_folders)
{
    const struct tree *tree = &selection->tree;

    msvc_enums(&selection->tree);
    for (size_t i = 0; i < selection->folders.count; i++)
        if (!tool_list_has(include_folders, selection->folders.items[i]))
            tool_list_add(include_folders, selection->folders.items[i]);
    /* Every header is there, since macros may include what the scan does not see; sources that are scanned too. */
    for (size_t i = 0; i < tree->count; i++) {
        const struct tree_file *file = tree->files[i];
        if ((file->visited || file->is_header) && !put_file(tree, file, mirror))
            return false;
    }
    for (size_t i = 0; i < tree->count; i++)
        if (tree->files[i]->visited && tree->files[i]->side != TREE_USER &&
            !put_includes(tree, tree->files[i], mirror, include_folders))
            return false;
    return put_named_trace_headers(selection, mirror, include_folders);
}
