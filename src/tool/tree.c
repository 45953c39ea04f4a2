#include "tool/tree.h"

#include "plat/file.h"
#include "plat/folder.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static bool is_ignored(const char *path)
{
    /* What Visual Studio and version control leave behind. */
    static const char *const names[] = {"x64", "x86", "arm64", "debug", "release", "packages", "build", "out", "ipch"};

    char *copy = tool_strdup(path), *rest = NULL;
    bool ignored = false, project = tool_ends_with(path, ".vcxproj") || tool_ends_with(path, ".props");
    for (char *part = strtok_r(copy, "/", &rest); part && !ignored; part = strtok_r(NULL, "/", &rest)) {
        bool last = !*rest;
        ignored = *part == '.' && part[1] && part[1] != '.';
        for (size_t i = 0; i < sizeof names / sizeof *names && !last && !project; i++)
            ignored |= !tool_compare(part, names[i]);
    }
    free(copy);
    return ignored;
}

static bool has_extension(const char *path, const char *const *list)
{
    for (; *list; list++)
        if (tool_ends_with(path, *list))
            return true;
    return false;
}

static size_t bucket_of(const char *path)
{
    size_t hash = 0;
    for (const char *p = tool_name(path); *p; p++)
        hash = hash * 31 + (size_t)tolower((unsigned char)*p);
    return hash % TREE_BUCKETS;
}

bool tree_add(struct tree *tree, const char *name)
{
    static const char *const cpp[] = {".cpp", ".cc", ".cxx", NULL};
    static const char *const headers[] = {".h", ".hpp", ".hxx", ".hh", ".inl", ".inc", ".tpp", ".def", ".ipp", NULL};
    struct tree_file *file = tool_alloc(sizeof *file);
    file->path = tool_strdup(name);
    file->is_cpp = has_extension(name, cpp);
    file->is_source = file->is_cpp || tool_ends_with(name, ".c");
    file->is_header = has_extension(name, headers);
    if ((tree->count & (tree->count - 1)) == 0)
        tree->files = realloc(tree->files, (tree->count ? tree->count * 2 : 1) * sizeof *tree->files);
    tree->files[tree->count++] = file;
    struct tree_file **last = &tree->by_name[bucket_of(name)];
    while (*last)
        last = &(*last)->next;
    *last = file;
    return tree->count < 50000;
}

static bool add_file(const char *name, bool is_directory, uint64_t size, void *tree)
{
    return is_directory || is_ignored(name) || size > 8u << 20 || tree_add(tree, name);
}

bool tree_read(struct tree *tree, const char *top)
{
    *tree = (struct tree){.top = plat_path_absolute(top)};
    return tree->top && plat_file_walk(tree->top, add_file, tree);
}

void tree_free(struct tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        struct tree_file *file = tree->files[i];
        for (size_t k = 0; k < file->include_count; k++)
            free(file->includes[k].spelling);
        free(file->includes);
        free(file->text);
        free(file->path);
        free(file);
    }
    free(tree->files);
    free(tree->top);
    tool_list_free(&tree->wpp_functions);
    *tree = (struct tree){0};
}

struct tree_file *tree_find(const struct tree *tree, const char *path, bool any_case)
{
    struct tree_file *file = tree->by_name[bucket_of(path)];
    while (file && (any_case ? tool_compare(file->path, path) : strcmp(file->path, path)))
        file = file->next;
    return file;
}

static size_t common_prefix(const char *a, const char *b)
{
    size_t folders = 0;
    for (; *a && *a == *b; a++, b++)
        folders += *a == '/';
    return folders + (*b == 0 && *a == '/');
}

struct tree_file *tree_find_tail(const struct tree *tree, const char *folder, const char *tail)
{
    struct tree_file *best = NULL;
    size_t nearness = 0;

    while (!strncmp(tail, "../", 3))
        tail += 3;
    size_t size = strlen(tail);
    for (struct tree_file *file = tree->by_name[bucket_of(tail)]; file; file = file->next) {
        size_t length = strlen(file->path);
        if (!tool_ends_with(file->path, tail) || (length > size && file->path[length - size - 1] != '/'))
            continue;
        size_t near = common_prefix(file->path, folder);
        if (!best || near > nearness) {
            best = file;
            nearness = near;
        }
    }
    return best;
}
