#include "tool/msvc_text.h"
#include "tool/tree.h"

#include "plat/file.h"
#include "sim/encoding.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const kernel_headers[] = {"fltkernel.h", "ntifs.h", "ntddk.h", "wdm.h", NULL};
static const char *const user_headers[] = {"windows.h", "fltuser.h", "afx.h", "afxwin.h", "winsock2.h", "iostream", NULL};

static bool is_one_of(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (!tool_compare(name, *list))
            return true;
    return false;
}

/* Blanks out comments and the contents of literals, so that what is found is code. Same length. */
static char *code_only(const char *text)
{
    char *code = tool_strdup(text);
    char in = 0;

    for (char *p = code; *p; p++) {
        if (in == 0 && p[0] == '/' && (p[1] == '*' || p[1] == '/'))
            in = p[1] == '*' ? '*' : '\n';
        else if (in == 0 && (*p == '"' || *p == '\''))
            in = *p;
        else if (in == '*' && p[0] == '*' && p[1] == '/')
            in = 0, *p++ = ' ', *p = ' ';
        else if (in == '\n' && *p == '\n')
            in = 0;
        else if ((in == '"' || in == '\'') && *p == '\\' && p[1])
            *p++ = ' ', *p = ' ';
        else if ((in == '"' || in == '\'') && (*p == in || *p == '\n'))
            in = 0;
        else if (in && *p != '\n')
            *p = ' ';
        if ((in == '*' || in == '\n') && *p != '\n')
            *p = ' ';
    }
    return code;
}

static bool calls(const char *code, const char *name)
{
    size_t length = strlen(name);
    for (const char *p = strstr(code, name); p; p = strstr(p + 1, name)) {
        const char *after = p + length;
        while (isspace((unsigned char)*after))
            after++;
        bool begins = p == code || !(isalnum((unsigned char)p[-1]) || p[-1] == '_');
        if (begins && *after == '(')
            return true;
    }
    return false;
}

/* A definition: NAME ( ... ) {, with annotations or comments between. */
static bool defines(const char *code, const char *name)
{
    size_t length = strlen(name);
    for (const char *p = strstr(code, name); p; p = strstr(p + 1, name)) {
        const char *q = p + length;
        if (p != code && (isalnum((unsigned char)p[-1]) || p[-1] == '_'))
            continue;
        while (isspace((unsigned char)*q))
            q++;
        if (*q != '(')
            continue;
        int depth = 0;
        do {
            depth += (*q == '(') - (*q == ')');
        } while (*q++ && depth);
        while (isspace((unsigned char)*q))
            q++;
        if (*q == '{')
            return true;
    }
    return false;
}

static void add_include(struct tree_file *file, const char *begin, const char *end, bool quoted)
{
    size_t n = file->include_count;
    if ((n & (n - 1)) == 0)
        file->includes = realloc(file->includes, (n ? n * 2 : 1) * sizeof *file->includes);
    file->includes[n] = (struct tree_include){
        .spelling = tool_format("%.*s", (int)(end - begin), begin), .quoted = quoted};
    file->include_count++;
}

static void read_includes(struct tree_file *file)
{
    for (const char *p = file->text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL) {
        while (*p == ' ' || *p == '\t')
            p++;
        if (*p != '#')
            continue;
        p++;
        while (*p == ' ' || *p == '\t')
            p++;
        if (strncmp(p, "include", 7))
            continue;
        p += 7;
        while (*p == ' ' || *p == '\t')
            p++;
        if (*p != '"' && *p != '<')
            continue;
        const char *end = p + 1;
        while (*end && *end != '\n' && *end != (*p == '"' ? '"' : '>'))
            end++;
        add_include(file, p + 1, end, *p == '"');
    }
}

/* The comments from which the WPP preprocessor learns a driver's trace functions: "FUNC TraceEvents(LEVEL, ...". */
static void read_wpp_functions(struct tree *tree, const char *text)
{
    for (const char *p = strstr(text, "begin_wpp"); p; p = strstr(p + 1, "begin_wpp")) {
        const char *end = strstr(p, "end_wpp");
        for (const char *f = strstr(p, "FUNC "); f && (!end || f < end); f = strstr(f + 1, "FUNC ")) {
            const char *name = f + 5 + strspn(f + 5, " \t");
            size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
            char *function = tool_format("%.*s", (int)length, name);
            if (length && !tool_list_has(&tree->wpp_functions, function))
                tool_list_add(&tree->wpp_functions, function);
            free(function);
        }
    }
}

bool tree_is_standard_header(const char *name)
{
    static const char *const c[] = {"assert.h", "ctype.h",   "errno.h",  "float.h",    "inttypes.h", "iso646.h", "limits.h",
                                    "locale.h", "malloc.h",  "math.h",   "memory.h",   "setjmp.h",   "signal.h", "stdarg.h",
                                    "stdbool.h", "stddef.h", "stdint.h", "stdio.h",    "stdlib.h",   "string.h", "time.h",
                                    "uchar.h",  "wchar.h",   "wctype.h", NULL};
    return is_one_of(name, c) || !strchr(tool_name(name), '.');
}

/* <string.h> is never some file of the tree that happens to have that name. */
static bool is_compilers(const struct tree_include *include)
{
    return !include->quoted && strchr(include->spelling, '.') && tree_is_standard_header(include->spelling);
}

static void resolve(struct tree *tree, struct tree_file *file, struct tree_include *include)
{
    char *folder = tool_folder(file->path);
    char *spelling = tool_strdup(include->spelling);
    for (char *p = spelling; *p; p++)
        if (*p == '\\')
            *p = '/';
    char *path = tool_normalize(tool_join(folder, spelling));

    include->file = tree_find(tree, path, false);
    include->exact = include->file && include->quoted && !strchr(include->spelling, '\\');
    if (!include->file)
        include->file = tree_find(tree, path, true);
    if (!include->file)
        include->file = tree_find_tail(tree, folder, spelling);
    if (include->file == file)
        include->file = NULL;
    free(path);
    free(spelling);
    free(folder);
}

static void note_side(struct tree_file *file, enum tree_side side)
{
    /* Some drivers include <windows.h> beside the kernel's headers: the kernel's decide. */
    if (side == TREE_KERNEL || file->side == TREE_UNKNOWN)
        file->side = side;
}

void tree_scan(struct tree *tree, struct tree_file *file)
{
    if (file->visited)
        return;
    file->visited = true;

    char *path = tool_join(tree->top, file->path);
    size_t size;
    char *bytes = plat_file_read(path, &size);
    free(path);
    file->text = sim_decode_text(bytes ? bytes : "", bytes ? size : 0, &file->converted);
    free(bytes);
    file->text = msvc_text(file->text, &file->converted);

    char *code = code_only(file->text);
    file->has_main = defines(code, "main") || defines(code, "wmain") || defines(code, "_tmain") ||
                     defines(code, "WinMain") || defines(code, "wWinMain") || defines(code, "DllMain");
    file->has_driver_entry = defines(code, "DriverEntry");
    file->registers = calls(code, "FltRegisterFilter");
    file->knows_csvfs = strstr(code, "FLT_FSTYPE_CSVFS") != NULL;
    free(code);
    read_includes(file);
    read_wpp_functions(tree, file->text);

    for (size_t i = 0; i < file->include_count; i++) {
        struct tree_include *include = &file->includes[i];
        const char *slash = strrchr(include->spelling, '\\');
        const char *name = tool_name(slash ? slash + 1 : include->spelling);
        if (is_one_of(name, kernel_headers)) {
            note_side(file, TREE_KERNEL);
            continue;
        }
        if (is_one_of(name, user_headers))
            note_side(file, TREE_USER);
        if (!is_compilers(include))
            resolve(tree, file, include);
        if (!include->file)
            continue;
        tree_scan(tree, include->file);
        if (include->file->side != TREE_UNKNOWN)
            note_side(file, include->file->side);
    }
    if (file->has_main)
        file->side = TREE_USER;
}
