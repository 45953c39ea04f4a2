/* What the Visual Studio project that lists the driver's DriverEntry says: sources, include folders, definitions. Its
 * macros are looked up in it, in the property sheets that it imports, and in the Directory.Build.props above it. */
#include "tool/build.h"

#include "plat/file.h"

#include <stdlib.h>
#include <string.h>

struct project {
    struct selection *selection;
    char *file, *folder; /* relative to the top of the tree */
    struct tool_list read; /* the project and its property sheets, likewise */
    struct tool_list texts;
};

#define FILE_STEM "%(Filename)"

enum { DEEPEST_MACRO = 16, MOST_SHEETS = 64 };

static void slashes(char *path)
{
    for (; *path; path++)
        if (*path == '\\')
            *path = '/';
}

/* XML's five, in place. */
static char *unescape(char *text)
{
    static const struct {
        const char *entity;
        char is;
    } entities[] = {{"&quot;", '"'}, {"&apos;", '\''}, {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}};
    for (char *p = strchr(text, '&'); p; p = strchr(p + 1, '&'))
        for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
            size_t length = strlen(entities[i].entity);
            if (strncmp(p, entities[i].entity, length))
                continue;
            *p = entities[i].is;
            memmove(p + 1, p + length, strlen(p + length) + 1);
            break;
        }
    return text;
}

/* The text between <element ...> and the next tag, and where that begins; NULL: there is none further on. */
static char *next_element(const char **at, const char *element)
{
    char *open = tool_format("<%s", element);
    char *found = NULL;
    size_t length = strlen(open);

    for (const char *p = strstr(*at, open); p && !found; p = strstr(p + 1, open)) {
        if (!strchr("> \t\r\n", p[length]))
            continue;
        const char *begin = strchr(p, '>'), *end = begin ? strchr(begin, '<') : NULL;
        if (!end || begin[-1] == '/')
            continue;
        found = unescape(tool_format("%.*s", (int)(end - begin - 1), begin + 1));
        *at = end;
    }
    free(open);
    return found;
}

/* ---- macros ---- */

static char *expand(const struct project *project, const char *text, int depth);

static char *solution_folder(const struct project *project)
{
    const struct tree *tree = &project->selection->tree;
    char *best = NULL;
    for (size_t i = 0; i < tree->count; i++) {
        if (!tool_ends_with(tree->files[i]->path, ".sln"))
            continue;
        char *folder = tool_folder(tree->files[i]->path);
        size_t length = strlen(folder);
        bool above = !length || (!strncmp(project->folder, folder, length) && strchr("/", project->folder[length]));
        if (above && (!best || length > strlen(best))) {
            free(best);
            best = folder;
        } else {
            free(folder);
        }
    }
    return best ? best : tool_strdup(project->folder);
}

static char *absolute_folder(const struct project *project, char *folder)
{
    char *path = tool_join(project->selection->tree.top, folder), *absolute = tool_format("%s/", path);
    free(path);
    free(folder);
    return absolute;
}

/* The value of $(name), or NULL. */
static char *macro_value(const struct project *project, const char *name, int depth)
{
    static const char *const own[] = {"ProjectDir", "MSBuildProjectDirectory", "MSBuildThisFileDirectory"};

    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (!tool_compare(name, own[i]))
            return absolute_folder(project, tool_strdup(project->folder));
    if (!tool_compare(name, "SolutionDir"))
        return absolute_folder(project, solution_folder(project));
    for (size_t i = 0; i < project->texts.count; i++) {
        const char *at = project->texts.items[i];
        char *value = next_element(&at, name), *expanded = value ? expand(project, value, depth + 1) : NULL;
        free(value);
        if (expanded)
            return expanded;
    }
    return NULL;
}

/* With every $(macro) replaced; NULL: one is unknown. */
static char *expand(const struct project *project, const char *text, int depth)
{
    char *whole = tool_strdup(text);
    for (char *at = strstr(whole, "$("); at; at = strstr(whole, "$(")) {
        const char *end = strchr(at, ')');
        char *name = tool_format("%.*s", end ? (int)(end - at - 2) : 0, at + 2);
        char *value = end && depth < DEEPEST_MACRO ? macro_value(project, name, depth) : NULL;
        char *more = value ? tool_format("%.*s%s%s", (int)(at - whole), whole, value, end + 1) : NULL;
        free(value);
        free(name);
        free(whole);
        if (!more)
            return NULL;
        whole = more;
    }
    return whole;
}

/* A path as the project writes it, relative to the top of the tree; NULL: one of its macros is unknown. */
static char *project_path(const struct project *project, const char *name)
{
    const char *top = project->selection->tree.top;
    char *path = expand(project, name, 0);
    if (!path)
        return NULL;
    slashes(path);
    char *whole = tool_normalize(tool_join(project->folder, path));
    size_t length = strlen(top);
    if (!strncmp(whole, top, length) && strchr("/", whole[length])) {
        char *below = tool_strdup(whole + length + (whole[length] == '/'));
        free(whole);
        whole = below;
    }
    free(path);
    return whole;
}

/* ---- reading ---- */

/* The paths that <element Include="..."> names. */
static void read_files(const struct project *project, const char *text, const char *mark, struct tool_list *files)
{
    for (const char *p = strstr(text, mark); p; p = strstr(p, mark)) {
        p += strlen(mark);
        const char *end = strchr(p, '"');
        if (!end)
            break;
        char *name = unescape(tool_format("%.*s", (int)(end - p), p)), *path = project_path(project, name);
        if (path)
            tool_list_take(files, path);
        free(name);
    }
}

/* The parts of every <element>a;b;%(element)</element>. Of what stands for something of each source, the name is known. */
static void read_list(const char *text, const char *element, struct tool_list *parts)
{
    char *all;
    while ((all = next_element(&text, element)) != NULL) {
        char *rest = NULL;
        for (char *part = strtok_r(all, ";\r\n\t ", &rest); part; part = strtok_r(NULL, ";\r\n\t ", &rest))
            if ((!strstr(part, "%(") || strstr(part, FILE_STEM)) && !tool_list_has(parts, part))
                tool_list_add(parts, part);
        free(all);
    }
}

static bool read_file(struct project *project, const char *name)
{
    const struct tree_file *file = tree_find(&project->selection->tree, name, true);
    if (!file || tool_list_has(&project->read, file->path) || project->read.count == MOST_SHEETS)
        return false;
    char *path = tool_join(project->selection->tree.top, file->path);
    size_t size;
    char *text = plat_file_read(path, &size);
    free(path);
    if (!text)
        return false;
    tool_list_add(&project->read, file->path);
    tool_list_take(&project->texts, text);
    return true;
}

/* What the text that was read last imports, with what that imports. */
static void read_sheets(struct project *project)
{
    struct tool_list sheets = {0};
    char *in = tool_folder(project->read.items[project->read.count - 1]);

    read_files(project, project->texts.items[project->texts.count - 1], "<Import Project=\"", &sheets);
    for (size_t i = 0; i < sheets.count; i++) {
        char *beside = tool_join(in, tool_name(sheets.items[i])); /* paths in a sheet are relative to the sheet */
        if (read_file(project, sheets.items[i]) || read_file(project, beside))
            read_sheets(project);
        free(beside);
    }
    free(in);
    tool_list_free(&sheets);
}

static void read_common_sheet(struct project *project)
{
    char *folder = tool_strdup(project->folder);
    for (bool more = true, found = false; more && !found;) {
        char *name = tool_join(folder, "Directory.Build.props"), *up = tool_folder(folder);
        found = read_file(project, name);
        if (found)
            read_sheets(project);
        free(name);
        more = *folder != 0;
        free(folder);
        folder = up;
    }
    free(folder);
}

/* False: it cannot be read. */
static bool project_read(struct project *project, struct selection *selection, const char *file)
{
    *project = (struct project){.selection = selection, .file = tool_strdup(file), .folder = tool_folder(file)};
    if (!read_file(project, file))
        return false;
    read_sheets(project);
    read_common_sheet(project);
    return true;
}

static void project_free(struct project *project)
{
    tool_list_free(&project->texts);
    tool_list_free(&project->read);
    free(project->folder);
    free(project->file);
}

/* ---- using it ---- */

static bool is_listed(const struct tool_list *list, const struct tree_file *file)
{
    for (size_t i = 0; i < list->count; i++)
        if (!tool_compare(list->items[i], file->path))
            return true;
    return false;
}

static bool is_builtin_define(const char *define)
{
    static const char *const ours[] = {"DBG", "NDEBUG", "_DEBUG", "_X86_", "_AMD64_", "_WIN64", "_WIN32", "i386",
                                       "AMD64", "_ARM64_", "POOL_NX_OPTIN", "UNICODE", "_UNICODE", NULL};
    size_t length = strcspn(define, "=");
    for (size_t i = 0; ours[i]; i++)
        if (strlen(ours[i]) == length && !strncmp(ours[i], define, length) && strcmp(define, "POOL_NX_OPTIN=1"))
            return true;
    return !strncmp(define, "_M_", 3);
}

static void use_folders(struct project *project)
{
    struct tool_list folders = {0};

    for (size_t i = 0; i < project->texts.count; i++)
        read_list(project->texts.items[i], "AdditionalIncludeDirectories", &folders);
    for (size_t i = 0; i < folders.count; i++) {
        char *path = project_path(project, folders.items[i]);
        if (path)
            tool_list_take(&project->selection->folders, path);
    }
    tool_list_free(&folders);
}

static void use_defines(struct project *project)
{
    struct tool_list defines = {0};

    for (size_t i = 0; i < project->texts.count; i++)
        read_list(project->texts.items[i], "PreprocessorDefinitions", &defines);
    for (size_t i = 0; i < defines.count; i++)
        if (!is_builtin_define(defines.items[i]) && !strstr(defines.items[i], "$("))
            tool_list_add(strstr(defines.items[i], "%(") ? &project->selection->source_defines : &project->selection->defines,
                          defines.items[i]);
    if (strstr(project->texts.items[0], "<CharacterSet>Unicode<")) {
        tool_list_add(&project->selection->defines, "UNICODE");
        tool_list_add(&project->selection->defines, "_UNICODE");
    }
    tool_list_free(&defines);
}

static bool is_selected(const struct selection *selection, const struct tree_file *file)
{
    for (size_t i = 0; i < selection->count; i++)
        if (selection->sources[i] == file)
            return true;
    return false;
}

/* Sources that a project lists: a helper among programs, a folder elsewhere. */
static void add_sources(struct selection *selection, const struct tool_list *sources, bool of_library)
{
    for (size_t i = 0; i < sources->count; i++) {
        struct tree_file *file = tree_find(&selection->tree, sources->items[i], true);
        if (!file || !file->is_source || is_selected(selection, file))
            continue;
        tree_scan(&selection->tree, file);
        file->in_library = of_library;
        if (file->side != TREE_USER && !file->has_driver_entry)
            selection_add(selection, file);
    }
}

/* The sources of the static libraries that are referred to, wherever they stand; and of those that these refer to. */
static void add_libraries(struct selection *selection, const struct tool_list *references, struct tool_list *known)
{
    for (size_t i = 0; i < references->count; i++) {
        const struct tree_file *file = tree_find(&selection->tree, references->items[i], true);
        if (!file || tool_list_has(known, file->path))
            continue;
        tool_list_add(known, file->path);
        struct project library;
        struct tool_list sources = {0}, more = {0};
        if (project_read(&library, selection, file->path) &&
            strstr(library.texts.items[0], "<ConfigurationType>StaticLibrary<")) {
            read_files(&library, library.texts.items[0], "<ClCompile Include=\"", &sources);
            read_files(&library, library.texts.items[0], "<ProjectReference Include=\"", &more);
            use_folders(&library);
            add_libraries(selection, &more, known);
            add_sources(selection, &sources, true);
        }
        tool_list_free(&more);
        tool_list_free(&sources);
        project_free(&library);
    }
}

/* The header that the project's folders have by this spelling, or NULL. */
static struct tree_file *find_in_folders(const struct selection *selection, const char *spelling)
{
    struct tree_file *found = NULL;
    char *name = tool_strdup(spelling);

    slashes(name);
    for (size_t i = 0; i < selection->folders.count && !found; i++) {
        char *path = tool_normalize(tool_join(selection->folders.items[i], name));
        found = tree_find(&selection->tree, path, true);
        free(path);
    }
    free(name);
    return found;
}

/* Includes were resolved by their names alone; the project's folders know better. */
static bool resolve_again(struct selection *selection, const struct tree_file *file)
{
    bool any = false;
    for (size_t i = 0; i < file->include_count; i++) {
        struct tree_include *include = &file->includes[i];
        struct tree_file *found = include->exact ? NULL : find_in_folders(selection, include->spelling);
        if (!found || found == include->file)
            continue;
        any |= !found->visited;
        include->file = found;
        tree_scan(&selection->tree, found);
    }
    return any;
}

static void resolve_all(struct selection *selection)
{
    bool again = selection->folders.count > 0;
    while (again) {
        again = false;
        for (size_t i = 0; i < selection->tree.count; i++)
            if (selection->tree.files[i]->visited)
                again |= resolve_again(selection, selection->tree.files[i]);
    }
}

/* Named as the entry point, DriverEntry is found by the linker under C++'s name as well. */
static void use_entry(struct project *project)
{
    const char *at = project->texts.items[0];
    char *name;
    while ((name = next_element(&at, "EntryPointSymbol")) != NULL) {
        project->selection->entry_by_name |= !strcmp(name, "DriverEntry");
        free(name);
    }
}

/* "TraceEvents(LEVEL, FLAGS, MSG, ...)": what the project tells the trace preprocessor. */
static void use_trace_functions(struct project *project)
{
    const char *at = project->texts.items[0];
    char *function;
    while ((function = next_element(&at, "WppTraceFunction")) != NULL) {
        function[strcspn(function, "({ \t")] = 0;
        if (*function && !tool_list_has(&project->selection->tree.wpp_functions, function))
            tool_list_add(&project->selection->tree.wpp_functions, function);
        free(function);
    }
}

static void use(struct project *project, const struct tool_list *sources)
{
    struct selection *selection = project->selection;
    struct tool_list known = {0}, references = {0};
    const char *text = project->texts.items[0];
    /* Code of another project that this one refers to is linked in: then the whole tree is the driver's. */
    bool whole = strstr(text, "<ProjectReference") || strstr(text, ".vcxitems");
    size_t kept = 0;

    read_files(project, text, "<ProjectReference Include=\"", &references);
    use_folders(project);
    use_defines(project);
    for (size_t i = 0; i < selection->count; i++) {
        struct tree_file *file = selection->sources[i];
        if (whole || is_listed(sources, file))
            selection->sources[kept++] = file;
    }
    selection->count = kept;
    add_sources(selection, sources, false);
    use_entry(project);
    use_trace_functions(project);
    add_libraries(selection, &references, &known);
    resolve_all(selection);
    tool_list_free(&references);
    tool_list_free(&known);
}

/* The source with a DriverEntry that is listed, or NULL. */
static const struct tree_file *listed_entry(const struct selection *selection, const struct tool_list *sources)
{
    for (size_t i = 0; i < selection->count; i++)
        if (selection->sources[i]->has_driver_entry && is_listed(sources, selection->sources[i]))
            return selection->sources[i];
    return NULL;
}

/* The project file that lists the entry, and most sources: the same project for other versions of Visual Studio may have
 * been left behind. "" where there is none, or several have entries of their own. */
static char *find_project(struct selection *selection)
{
    const struct tree_file *entry = NULL;
    char *best = tool_strdup("");
    size_t most = 0;
    bool one = true;

    for (size_t i = 0; i < selection->tree.count; i++) {
        const char *path = selection->tree.files[i]->path;
        struct project project;
        struct tool_list sources = {0};
        if (!tool_ends_with(path, ".vcxproj"))
            continue;
        if (project_read(&project, selection, path))
            read_files(&project, project.texts.items[0], "<ClCompile Include=\"", &sources);
        const struct tree_file *listed = listed_entry(selection, &sources);
        one &= !listed || !entry || listed == entry;
        entry = listed ? listed : entry;
        if (listed && sources.count > most) {
            free(best);
            best = tool_strdup(path);
            most = sources.count;
        }
        tool_list_free(&sources);
        project_free(&project);
    }
    if (!one)
        *best = 0;
    return best;
}

void project_use(struct selection *selection)
{
    char *path = find_project(selection);
    struct project project;
    struct tool_list sources = {0};

    if (*path && project_read(&project, selection, path)) {
        read_files(&project, project.texts.items[0], "<ClCompile Include=\"", &sources);
        use(&project, &sources);
        tool_list_free(&sources);
        project_free(&project);
    }
    free(path);
}
