/* `fltsim build`: a driver's folder or sources in, a module out. The driver's files are never changed: what the
 * compiler cannot take as it is - a header included in another letter case or with backslashes, text that is not UTF-8 -
 * is put right in a mirror of the tree, in a folder of the build's own. */
#ifndef FLTSIM_TOOL_BUILD_H
#define FLTSIM_TOOL_BUILD_H

#include "tool/tree.h"

struct build_options {
    struct tool_list paths;  /* folders, sources, or one built module */
    struct tool_list flags;  /* -I -D -U, passed through */
    const char *standard;    /* c11, c++17 ...; NULL: the compiler's own GNU default for driver code */
    const char *cc;          /* NULL: $CC, else cc */
    const char *output;      /* the module; NULL: in the work folder */
    bool verbose;            /* print the command lines */
    bool trap_missing;       /* routines that the library lacks: build all the same, end the run where one is called */
    bool trap_system;        /* likewise where all of them are the system's own, by their names */
};

struct build_missing {
    char *name;   /* "ZwFoo" */
    char *where;  /* "filter/foo.c:123", the first place that needs it */
};

struct build_result {
    char *work;   /* folder with mirror, objects, module; removed by build_finish */
    char *module; /* NULL: not built */
    char *inf;    /* the INF found in the driver's folder, or NULL */
    char *remark; /* why none was taken of those that are there, or NULL */
    char *name;   /* of the driver: the INF's stem, the folder's or the file's */
    size_t sources;
    bool knows_csvfs; /* its source speaks of FLT_FSTYPE_CSVFS */
    struct build_missing *missing; /* routines that the library lacks */
    size_t missing_count;
    bool trapped; /* the module was built all the same */
};

/* By its name: one that build_driver takes as it is. */
bool build_is_module(const char *path);
/* False: the reason was printed. The result is valid either way and goes to build_finish. */
bool build_driver(const struct build_options *options, struct build_result *result);
void build_finish(struct build_result *result);
void build_forget_missing(struct build_result *result);

/* ---- the steps, each in its own file ---- */

/* select.c: which files are the driver. */
struct selection {
    struct tree tree;
    struct tree_file **sources;
    size_t count;
    struct tool_list folders; /* include folders, relative to the top */
    struct tool_list defines; /* from the project file */
    struct tool_list source_defines; /* likewise, with "%(Filename)" for the stem of each source */
    bool entry_by_name;       /* the project names DriverEntry as the entry point */
};
bool select_sources(const struct build_options *options, struct selection *selection);
const struct tree_file *select_entry(const struct selection *selection); /* with its DriverEntry */
void selection_add(struct selection *selection, struct tree_file *file);
char *selection_define(const struct selection *selection, size_t source_define, const struct tree_file *source); /* malloc */
void selection_free(struct selection *selection);

/* project.c: what the Visual Studio project that lists the driver's DriverEntry says of sources, folders, definitions. */
void project_use(struct selection *selection);

/* find_inf.c */
void find_inf(const struct selection *selection, const struct tree_file *entry, struct build_result *result);

/* mirror.c: the tree as the compiler can take it, below `mirror`. */
bool mirror_make(struct selection *selection, const char *mirror, struct tool_list *include_folders);

/* compile.c: sources to objects to the module. */
bool compile_all(const struct build_options *options, const struct selection *selection, const char *mirror,
                 const struct tool_list *include_folders, struct build_result *result);
/* Folders of the WDK headers: this source tree's, or the installed ones. */
void compile_wdk_folders(struct tool_list *folders);
bool compile_knows_header(const char *name);

#endif
