#include "tool/api.h"
#include "tool/build.h"
#include "tool/config.h"

#include "plat/file.h"
#include "plat/folder.h"
#include "plat/process.h"
#include "plat/symbol.h"

#include <ctype.h>
#include <fltsim/fltsim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* src/tool/driver_flags.txt: the flag, the compiler and the language that it is for ("any": every one). */
static const struct {
    const char *flag, *compiler, *language;
} driver_flags[] = {TOOL_DRIVER_FLAGS};

/* ---- where the headers and the library are ---- */

void compile_wdk_folders(struct tool_list *folders)
{
    bool source = plat_file_is_directory(TOOL_SOURCE_WDK);
    tool_list_add(folders, source ? TOOL_SOURCE_WDK : TOOL_INSTALLED_WDK);
    tool_list_add(folders, source ? TOOL_BUILD_SPELLINGS : TOOL_INSTALLED_SPELLINGS);
    tool_list_add(folders, source ? TOOL_SOURCE_INCLUDE : TOOL_INSTALLED_INCLUDE);
}

bool compile_knows_header(const char *name)
{
    struct tool_list folders = {0};
    bool known = false;

    compile_wdk_folders(&folders);
    for (size_t i = 0; i < folders.count && !known; i++) {
        char *path = tool_join(folders.items[i], name);
        known = plat_file_exists(path);
        free(path);
    }
    tool_list_free(&folders);
    return known;
}

static char *library_folder(void)
{
    struct plat_symbol symbol;
    char *path = plat_symbol_find((const void *)fltsim_start, &symbol) ? plat_path_absolute(symbol.module) : NULL;
    char *folder = path ? tool_folder(path) : tool_strdup(".");
    free(path);
    return folder;
}

/* ---- running the compiler ---- */

static char *replace_all(char *text, const char *what, const char *with)
{
    size_t size = strlen(what);
    for (char *at = size ? strstr(text, what) : NULL; at; at = strstr(text, what)) {
        char *more = tool_format("%.*s%s%s", (int)(at - text), text, with, at + size);
        free(text);
        text = more;
    }
    return text;
}

static void print_command(const struct tool_list *command)
{
    for (size_t i = 0; i < command->count; i++)
        fprintf(stderr, strpbrk(command->items[i], " ;\"$") ? "%s'%s'" : "%s%s", i ? " " : "", command->items[i]);
    fputc('\n', stderr);
}

/* Runs it; *output is what it said, with the mirror's paths as the driver's own. */
static bool run(const struct tool_list *command, const char *mirror, bool verbose, bool needed, char **output)
{
    struct plat_exit result;

    if (verbose)
        print_command(command);
    *output = NULL;
    bool ran = plat_process_run((const char *const *)command->items, 0, &result, output);
    if (!*output)
        *output = tool_strdup("");
    char *prefix = tool_format("%s/", mirror);
    *output = replace_all(*output, prefix, "");
    free(prefix);
    if (!ran || result.code == 127) {
        if (needed)
            tool_error("%s cannot be run; name a compiler with --cc", command->items[0]);
        return false;
    }
    return !result.signal && !result.code;
}

static const char *compiler(const struct build_options *options, bool cpp)
{
    const char *name = options->cc ? options->cc : getenv(cpp ? "CXX" : "CC");
    if (!name || !*name)
        return cpp ? "c++" : "cc";
    return name;
}

/* The C++ compiler that goes with a C compiler given by name. */
static char *cpp_compiler(const struct build_options *options)
{
    const char *name = compiler(options, true);
    if (!options->cc)
        return tool_strdup(name);
    const char *base = tool_name(name);
    if (!strncmp(base, "clang", 5) && strncmp(base, "clang++", 7))
        return tool_format("%.*sclang++%s", (int)(base - name), name, base + 5);
    if (!strncmp(base, "gcc", 3))
        return tool_format("%.*sg++%s", (int)(base - name), name, base + 3);
    if (!strcmp(base, "cc"))
        return tool_format("%.*sc++", (int)(base - name), name);
    return tool_strdup(name);
}

/* Which of the two kinds a compiler is, asked once. */
static bool is_clang(const char *name)
{
    static char *asked;
    static bool answer;
    const char *const command[] = {name, "-dM", "-E", "-xc", "/dev/null", NULL};
    struct plat_exit result;
    char *output = NULL;

    if (asked && !strcmp(asked, name))
        return answer;
    free(asked);
    asked = tool_strdup(name);
    answer = plat_process_run(command, 0, &result, &output) && output && strstr(output, "__clang__") != NULL;
    free(output);
    return answer;
}

/* What another compiler or a newer standard lets pass as MSVC does, tried one after the other until one takes the source:
 * C++20 knows types without `typename`, which clang before 16 does not; clang jumps over initializations and makes
 * functions static that were not. */
struct attempt {
    bool clang, gcc, newest;
};
static const struct attempt attempts[] = {{0},
                                          {.newest = true},
                                          {.clang = true},
                                          {.clang = true, .newest = true},
                                          {.gcc = true},
                                          {.gcc = true, .newest = true}};

static const char *const clang_names[] = {"clang", "clang++"}, *const gcc_names[] = {"gcc", "g++"};

static bool applies(const struct attempt *attempt, const struct build_options *options, bool cpp)
{
    if (attempt->newest && (!cpp || options->standard))
        return false;
    if (attempt->gcc)
        return !options->cc && is_clang(compiler(options, cpp));
    return !attempt->clang || !options->cc || strstr(tool_name(options->cc), "clang");
}

static void add_standard(struct tool_list *command, const struct build_options *options, bool cpp, bool newest)
{
    const char *standard = newest ? "gnu++20" : options->standard;
    if (standard && (strstr(standard, "++") != NULL) != cpp)
        standard = NULL; /* -std names the other language's */
    tool_list_take(command, tool_format("-std=%s", standard ? standard : cpp ? "gnu++17" : "gnu11"));
}

static void add_own_folders(struct tool_list *command, const struct selection *selection, const char *mirror,
                            const struct tool_list *include_folders, bool of_project)
{
    for (size_t i = 0; i < include_folders->count; i++) {
        if (tool_list_has(&selection->folders, include_folders->items[i]) != of_project)
            continue;
        char *folder = tool_join(mirror, include_folders->items[i]);
        tool_list_take(command, tool_format("-I%s", folder));
        free(folder);
    }
}

/* The project's folders, then the WDK's, then those where something that is included was found by its name: what else
 * stands there must not be taken for a header of the WDK. */
static void add_includes(struct tool_list *command, const struct selection *selection, const char *mirror,
                         const struct tool_list *include_folders)
{
    struct tool_list wdk = {0};

    add_own_folders(command, selection, mirror, include_folders, true);
    compile_wdk_folders(&wdk);
    for (size_t i = 0; i < wdk.count; i++)
        tool_list_take(command, tool_format("-I%s", wdk.items[i]));
    tool_list_free(&wdk);
    add_own_folders(command, selection, mirror, include_folders, false);
    for (size_t i = 0; i < selection->defines.count; i++)
        tool_list_take(command, tool_format("-D%s", selection->defines.items[i]));
}

static void add_driver_flags(struct tool_list *command, bool cpp)
{
    const char *kind = is_clang(command->items[0]) ? "clang" : "gcc";
    for (size_t i = 0; i < sizeof driver_flags / sizeof *driver_flags; i++)
        if ((!strcmp(driver_flags[i].compiler, "any") || !strcmp(driver_flags[i].compiler, kind)) &&
            (!strcmp(driver_flags[i].language, "any") || !strcmp(driver_flags[i].language, cpp ? "c++" : "c")))
            tool_list_add(command, driver_flags[i].flag);
}

static void compile_command(struct tool_list *command, const struct build_options *options,
                            const struct selection *selection, const char *mirror,
                            const struct tool_list *include_folders, const struct tree_file *source,
                            const char *object, const struct attempt *attempt)
{
    if ((attempt->clang || attempt->gcc) && !options->cc)
        tool_list_add(command, (attempt->clang ? clang_names : gcc_names)[source->is_cpp]);
    else
        tool_list_take(command, source->is_cpp ? cpp_compiler(options) : tool_strdup(compiler(options, false)));
    add_standard(command, options, source->is_cpp, attempt->newest);
    add_driver_flags(command, source->is_cpp);
    if (attempt->clang)
        tool_list_add(command, "-fms-compatibility");
    tool_list_add(command, "-ffunction-sections");
    tool_list_add(command, "-fdata-sections");
    tool_list_add(command, "-gdwarf-4"); /* with 5, addr2line 2.40 names the wrong file for functions in headers */
    tool_list_add(command, "-O0");
    tool_list_add(command, "-fPIC");
    tool_list_take(command, tool_format("-ffile-prefix-map=%s=%s", mirror, selection->tree.top));
    for (size_t i = 0; i < options->flags.count; i++)
        tool_list_add(command, options->flags.items[i]);
    add_includes(command, selection, mirror, include_folders);
    for (size_t i = 0; i < selection->source_defines.count; i++) {
        char *define = selection_define(selection, i, source);
        tool_list_take(command, tool_format("-D%s", define));
        free(define);
    }
    tool_list_add(command, "-c");
    tool_list_take(command, tool_join(mirror, source->path));
    tool_list_add(command, "-o");
    tool_list_add(command, object);
}

/* Errors only, and at most so many lines: a header that is missing takes everything after it along. */
static void print_errors(const char *output)
{
    int left = 24;
    for (const char *line = output; *line && left;) {
        size_t length = strcspn(line, "\n");
        char *copy = tool_format("%.*s", (int)length, line);
        if (strstr(copy, "error:") || strstr(copy, "fatal error")) {
            fprintf(stderr, "%s\n", copy);
            left--;
        }
        free(copy);
        line += length + (line[length] == '\n');
    }
    if (!left)
        fprintf(stderr, "(more errors follow; -v shows the command lines)\n");
}

/* It is then missing for every compiler. */
static bool is_header_missing(const char *output)
{
    return strstr(output, "No such file") || strstr(output, "file not found");
}

static bool try_compile(const struct build_options *options, const struct selection *selection, const char *mirror,
                        const struct tool_list *include_folders, const struct tree_file *source, const char *object,
                        const struct attempt *attempt, char **output)
{
    struct tool_list command = {0};

    compile_command(&command, options, selection, mirror, include_folders, source, object, attempt);
    bool good = run(&command, mirror, options->verbose, attempt == attempts, output);
    tool_list_free(&command);
    return good;
}

/* Tries what may take the source; *first is what the first compiler said. */
static bool try_all(const struct build_options *options, const struct selection *selection, const char *mirror,
                    const struct tool_list *include_folders, const struct tree_file *source, const char *object,
                    char **first)
{
    bool good = false;

    *first = NULL;
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts && !good; i++) {
        char *output;
        if (!applies(&attempts[i], options, source->is_cpp))
            continue;
        good = try_compile(options, selection, mirror, include_folders, source, object, &attempts[i], &output);
        if (*first)
            free(output);
        else
            *first = output;
        if (is_header_missing(*first))
            break;
    }
    return good;
}

enum compiled { COMPILED, COMPILED_FREE, NOT_COMPILED };

/* Debug messages rot where a driver is only ever built without them. COMPILED_FREE: only so, with DBG=0. */
static enum compiled compile_one(const struct build_options *options, const struct selection *selection,
                                 const struct selection *free_build, const char *mirror,
                                 const struct tool_list *include_folders, const struct tree_file *source,
                                 const char *object)
{
    char *first, *second = NULL;
    bool good = try_all(options, selection, mirror, include_folders, source, object, &first), is_free = false;
    if (!good && !is_header_missing(first))
        is_free = try_all(options, free_build, mirror, include_folders, source, object, &second);
    if (!good && !is_free) {
        print_errors(first);
        tool_error("%s does not compile", source->path);
    }
    free(second);
    free(first);
    return good ? COMPILED : is_free ? COMPILED_FREE : NOT_COMPILED;
}

/* ---- the module ---- */

static bool is_missing(const struct build_result *result, const char *name)
{
    for (size_t i = 0; i < result->missing_count; i++)
        if (!strcmp(result->missing[i].name, name))
            return true;
    return false;
}

static void add_missing(struct build_result *result, const char *name, size_t length, const char *where)
{
    char *text = tool_format("%.*s", (int)length, name);
    if (is_missing(result, text)) {
        free(text);
        return;
    }
    result->missing = realloc(result->missing, (result->missing_count + 1) * sizeof *result->missing);
    result->missing[result->missing_count++] = (struct build_missing){text, tool_strdup(where)};
}

/* "...ld: file.o: in function `F': file.c:12: undefined reference to `X'", or Apple's ""_X", referenced from:". */
static void read_undefined(const char *output, struct build_result *result)
{
    static const char mark[] = "undefined reference to `", apple[] = "\", referenced from:";
    for (const char *line = output; *line;) {
        size_t length = strcspn(line, "\n");
        char *copy = tool_format("%.*s", (int)length, line), *at;
        if ((at = strstr(copy, mark)) != NULL) {
            const char *name = at + sizeof mark - 1;
            char *end = at;
            while (end > copy && (end[-1] == ' ' || end[-1] == ':'))
                *--end = 0;
            char *where = strstr(copy, "': ") ? strstr(copy, "': ") + 3 : copy;
            char *ld = strstr(where, "ld: ");
            bool is_operator = !strncmp(name, "operator ", 9);
            add_missing(result, name, strcspn(name, is_operator ? "'" : "'("), ld ? ld + 4 : where);
        } else if ((at = strstr(copy, apple)) != NULL) {
            const char *name = strchr(copy, '"') + 1;
            name += *name == '_';
            *at = 0;
            add_missing(result, name, strlen(name), "");
        }
        free(copy);
        line += length + (line[length] == '\n');
    }
}

/* Only DriverEntry is seen from outside; what nothing calls goes, with the routines that it would have needed. Inline
 * functions that stand in several sources are one. */
static void add_link_flags(struct tool_list *command, struct build_result *result)
{
#if defined(__APPLE__)
    tool_list_add(command, "-Wl,-dead_strip");
    tool_list_add(command, "-Wl,-exported_symbol,_DriverEntry");
#else
    static const char script[] = "{ global: DriverEntry; local: *; };\n";
    char *path = tool_join(result->work, "exports.map");
    if (plat_file_write(path, script, sizeof script - 1))
        tool_list_take(command, tool_format("-Wl,--version-script=%s", path));
    free(path);
    tool_list_add(command, "-Wl,-z,defs");
    tool_list_add(command, "-Wl,--gc-sections");
    tool_list_add(command, "-Wl,-z,muldefs");
#endif
}

/* The symbol of an object that begins so, or NULL. */
static char *find_symbol(const char *object, const char *beginning)
{
    size_t size, length = strlen(beginning);
    char *bytes = plat_file_read(object, &size), *found = NULL;
    for (size_t i = 1; bytes && i + length < size && !found; i++)
        if (!bytes[i - 1] && !strncmp(bytes + i, beginning, length))
            found = tool_strdup(bytes + i);
    free(bytes);
    return found;
}

/* A DriverEntry under C++'s name, where the project says that it is the entry point. */
static void add_entry_by_name(struct tool_list *command, const struct selection *selection, const struct tool_list *objects)
{
    char *symbol = NULL;
    for (size_t i = 0; i < objects->count && selection->entry_by_name && !symbol; i++)
        symbol = find_symbol(objects->items[i], "_Z11DriverEntryP");
    if (symbol) {
#if defined(__APPLE__)
        tool_list_take(command, tool_format("-Wl,-alias,_%s,_DriverEntry", symbol));
#else
        tool_list_take(command, tool_format("-Wl,-u,%s", symbol));
        tool_list_take(command, tool_format("-Wl,--defsym=DriverEntry=%s", symbol));
#endif
    }
    free(symbol);
}

static bool link_module(const struct build_options *options, const struct selection *selection, const char *mirror,
                        const struct tool_list *objects, struct build_result *result)
{
    struct tool_list command = {0};
    char *output, *library = library_folder();

    tool_list_add(&command, compiler(options, false)); /* C's: no C++ library, as in the kernel */
    tool_list_add(&command, "-shared");
    tool_list_add(&command, "-o");
    tool_list_add(&command, result->module);
    for (size_t i = 0; i < objects->count; i++)
        tool_list_add(&command, objects->items[i]);
    tool_list_take(&command, tool_format("-L%s", library));
    tool_list_add(&command, "-lfltsim");
    tool_list_take(&command, tool_format("-Wl,-rpath,%s", library));
    tool_list_add(&command, "-lm");
    add_link_flags(&command, result);
    add_entry_by_name(&command, selection, objects);
    bool good = run(&command, mirror, options->verbose, true, &output);
    if (!good) {
        size_t known = result->missing_count;
        read_undefined(output, result);
        if (known || !result->missing_count)
            fputs(output, stderr);
        if (!result->missing_count)
            tool_error("%s cannot be linked", result->module);
    }
    free(output);
    free(library);
    tool_list_free(&command);
    return good;
}

/* A second DriverEntry: MSVC's linker refuses it, ours takes the first of what stands in several sources. */
static bool has_one_entry(const struct build_options *options, const struct selection *selection, const char *mirror,
                          const struct tool_list *objects, const struct build_result *result)
{
    struct tool_list entries = {0}, command = {0};
    char *object = tool_join(result->work, "entries.o"), *output = NULL;
    bool twice = false;

    for (size_t i = 0; i < selection->count; i++)
        if (selection->sources[i]->has_driver_entry)
            tool_list_add(&entries, selection->sources[i]->path);
    tool_list_add(&command, compiler(options, false));
    tool_list_add(&command, "-r");
    tool_list_add(&command, "-nostdlib");
    tool_list_add(&command, "-o");
    tool_list_add(&command, object);
    for (size_t i = 0; i < objects->count; i++)
        tool_list_add(&command, objects->items[i]);
    if (entries.count > 1 && !run(&command, mirror, options->verbose, true, &output))
        twice = strstr(output, "multiple definition of `DriverEntry'") || strstr(output, "duplicate symbol: DriverEntry") ||
                strstr(output, "duplicate symbol '_DriverEntry'");
    for (size_t i = 0; i < entries.count && twice; i++)
        tool_error("%s defines DriverEntry", entries.items[i]);
    if (twice)
        tool_error("a driver has one, and Windows' linker refuses a second (LNK2005): name the sources of one driver");
    free(output);
    free(object);
    tool_list_free(&command);
    tool_list_free(&entries);
    return !twice;
}

static bool compile_extra(const struct build_options *options, const char *mirror, struct tool_list *objects,
                          const struct build_result *result, const char *name, const char *text)
{
    struct tool_list command = {0};
    char *source = tool_format("%s/%s.c", result->work, name), *object = tool_format("%s/%s.o", result->work, name);
    char *output = NULL;
    const char *const words[] = {compiler(options, false), "-w", "-fno-builtin", "-fPIC", "-c", source, "-o", object};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        tool_list_add(&command, words[i]);
    bool good = plat_file_write(source, text, strlen(text)) && run(&command, mirror, options->verbose, true, &output);
    if (!good)
        fputs(output ? output : "", stderr);
    tool_list_add(objects, object);
    free(output);
    free(object);
    free(source);
    tool_list_free(&command);
    return good;
}

/* Which form of delete is called, with or without the size, is the compiler's choice: where the driver has only the one
 * that MSVC calls, it serves for the other. */
static const struct {
    const char *name, *other, *text;
} language[] = {
    {"operator delete(void*)", "operator delete(void*, unsigned long)",
     "void _ZdlPvm(void *, unsigned long); void _ZdlPv(void *p) { _ZdlPvm(p, 0); }\n"},
    {"operator delete(void*, unsigned long)", "operator delete(void*)",
     "void _ZdlPv(void *); void _ZdlPvm(void *p, unsigned long n) { _ZdlPv(p); }\n"},
    {"operator delete[](void*)", "operator delete[](void*, unsigned long)",
     "void _ZdaPvm(void *, unsigned long); void _ZdaPv(void *p) { _ZdaPvm(p, 0); }\n"},
    {"operator delete[](void*, unsigned long)", "operator delete[](void*)",
     "void _ZdaPv(void *); void _ZdaPvm(void *p, unsigned long n) { _ZdaPv(p); }\n"},
    {"__cxa_pure_virtual", "", "void __cxa_pure_virtual(void) { __builtin_trap(); }\n"},
};

/* Adds what the C++ language needs besides; false: there is nothing of that kind, or it does not compile. */
static bool add_language(const struct build_options *options, const char *mirror, struct tool_list *objects,
                         struct build_result *result)
{
    char *text = tool_strdup("");
    for (size_t i = 0; i < sizeof language / sizeof *language; i++) {
        if (!is_missing(result, language[i].name) || is_missing(result, language[i].other))
            continue;
        char *more = tool_format("%s%s", text, language[i].text);
        free(text);
        text = more;
    }
    bool good = *text && compile_extra(options, mirror, objects, result, "language", text);
    free(text);
    if (good)
        build_forget_missing(result);
    return good;
}

/* A routine of the kernel or of a library that comes with it, by its prefix; not what only looks like data. */
static bool is_system_routine(const char *name)
{
    static const char *const prefixes[] = {"AuxKlib", "BCrypt", "Cc", "Cm", "Dbg", "Etw", "Ex", "Flt", "Fsp", "FsRtl", "Fwpm",
                                           "Fwps", "Hal", "Inbv", "Io", "Kd", "Ke", "Ks", "Lsa", "Mm", "Ndis", "Net", "Nt",
                                           "Ob", "Pc", "Pf", "Po", "Ps", "Rtl", "Se", "Tdi", "Tm", "USBD_", "Vf", "Wdf", "Whea",
                                           "Wmi", "Wsk", "Zw"};
    if (!strcmp(api_state(name), "absent"))
        return true;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t length = strlen(prefixes[i]);
        char next = strncmp(name, prefixes[i], length) ? 0 : name[length];
        if ((isupper((unsigned char)next) || next == 'f' || next == 'i') && !strpbrk(name, ":( ") && !tool_ends_with(name, "Type"))
            return true;
    }
    return false;
}

static bool may_trap(const struct build_options *options, const struct build_result *result)
{
    bool all = result->missing_count && options->trap_system;
    for (size_t i = 0; i < result->missing_count; i++)
        all &= is_system_routine(result->missing[i].name);
    return all || (result->missing_count && options->trap_missing);
}

/* What a program finds in its C library and a driver nowhere. A definition of the driver's own comes first. */
static const char *const host_routines[] = {
    "_Exit", "__assert_fail", "_exit",  "abort",   "atexit", "calloc", "close",  "execl",   "execlp", "execv",  "execve", "execvp",
    "exit",  "fclose",        "fflush", "fgets",   "fopen",  "fork",   "fprintf", "fputs",   "fread",  "free",   "fseek",  "ftell",
    "fwrite", "getchar",      "getenv", "gets",    "kill",   "malloc", "nanosleep", "open",  "perror", "pipe",   "popen",  "printf",
    "pthread_create", "putchar", "puts", "quick_exit", "raise", "realloc", "remove", "rename", "scanf", "signal", "sleep", "strdup",
    "system", "usleep",       "vfork",  "vfprintf", "vprintf", "wait",  "waitpid"};

static bool compile_host_routines(const struct build_options *options, const char *mirror, struct tool_list *objects,
                                  const struct build_result *result)
{
    char *text = tool_strdup("_Noreturn void fltsim_host_routine(const char *name, const void *caller);\n");
    for (size_t i = 0; i < sizeof host_routines / sizeof *host_routines; i++) {
        const char *name = host_routines[i];
        char *more = tool_format("%s__attribute__((weak, visibility(\"hidden\"))) void %s(void)\n"
                                 "{ fltsim_host_routine(\"%s\", __builtin_return_address(0)); }\n",
                                 text, name, strcmp(name, "__assert_fail") ? name : "assert");
        free(text);
        text = more;
    }
    bool good = compile_extra(options, mirror, objects, result, "host", text);
    free(text);
    return good;
}

/* Stand-ins for what the library lacks. */
static bool compile_traps(const struct build_options *options, const char *mirror, struct tool_list *objects,
                          const struct build_result *result)
{
    char *text = tool_strdup("_Noreturn void fltsim_missing_routine(const char *name, const void *caller);\n");

    for (size_t i = 0; i < result->missing_count; i++) {
        const char *name = result->missing[i].name;
        if (strpbrk(name, ":( "))
            continue; /* C++: of the driver's own */
        char *more = tool_format("%svoid %s(void) { fltsim_missing_routine(\"%s\", __builtin_return_address(0)); }\n", text,
                                 name, name);
        free(text);
        text = more;
    }
    bool good = compile_extra(options, mirror, objects, result, "traps", text);
    free(text);
    return good;
}

enum { MANY_BAD_SOURCES = 8 };

/* The number of sources that do not compile. *is_free: one does with DBG=0 alone, and then all are compiled so. */
static unsigned compile_sources(const struct build_options *options, const struct selection *selection,
                                const struct selection *free_build, const char *mirror,
                                const struct tool_list *include_folders, const struct build_result *result,
                                struct tool_list *objects, bool *is_free)
{
    unsigned bad = 0;

    for (size_t i = 0; i < selection->count && bad < MANY_BAD_SOURCES; i++) {
        struct tree_file *source = selection->sources[i];
        char *object = tool_format("%s/%zu-%s.o", result->work, i, tool_name(source->path));
        enum compiled compiled = compile_one(options, *is_free ? free_build : selection, free_build, mirror,
                                             include_folders, source, object);
        if (compiled == COMPILED) {
            tool_list_add(objects, object);
        } else if (compiled == COMPILED_FREE) {
            tool_error("%s compiles with DBG=0 only: so is the whole driver", source->path);
            tool_list_free(objects);
            *objects = (struct tool_list){0};
            *is_free = true;
            bad = 0;
            i = SIZE_MAX; /* once more, from the first */
        } else if (source->in_library) {
            tool_error("it is left out: a library's source may be one that the driver does not need");
        } else {
            bad++;
        }
        free(object);
    }
    if (bad == MANY_BAD_SOURCES)
        tool_error("the rest was not tried; name the driver's sources if these are not");
    return bad;
}

bool compile_all(const struct build_options *options, const struct selection *selection, const char *mirror,
                 const struct tool_list *include_folders, struct build_result *result)
{
    struct tool_list objects = {0};
    struct selection free_build = *selection;
    bool is_free = false;

    free_build.defines = (struct tool_list){0};
    for (size_t i = 0; i < selection->defines.count; i++)
        tool_list_add(&free_build.defines, selection->defines.items[i]);
    tool_list_add(&free_build.defines, "DBG=0");
    bool good = !compile_sources(options, selection, &free_build, mirror, include_folders, result, &objects, &is_free);
    good = good && has_one_entry(options, selection, mirror, &objects, result);
    if (good && compile_host_routines(options, mirror, &objects, result))
        good = link_module(options, selection, mirror, &objects, result) ||
               (add_language(options, mirror, &objects, result) && link_module(options, selection, mirror, &objects, result)) ||
               (may_trap(options, result) && (result->trapped = compile_traps(options, mirror, &objects, result) &&
                                                                link_module(options, selection, mirror, &objects, result)));
    tool_list_free(&free_build.defines);
    tool_list_free(&objects);
    return good;
}
