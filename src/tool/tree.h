/* A driver's source tree as the build sees it: the files, what each includes, and which are the driver's. */
#ifndef FLTSIM_TOOL_TREE_H
#define FLTSIM_TOOL_TREE_H

#include "tool/util.h"

enum tree_side {
    TREE_UNKNOWN, /* includes neither the kernel's headers nor the user side's */
    TREE_KERNEL,
    TREE_USER,
};

struct tree_include {
    char *spelling; /* as written, without quotes: "..\\Inc\\Common.h" */
    bool quoted;
    struct tree_file *file; /* of the tree, or NULL */
    bool exact;             /* the compiler finds it as it is spelled, next to the includer */
};

struct tree_file {
    char *path; /* relative to the top */
    bool is_source, is_header, is_cpp;
    char *text;     /* UTF-8; NULL until read */
    bool converted; /* the text is not the file's bytes: the compiler needs a copy */
    enum tree_side side;
    bool in_scope; /* below one of the paths that were asked for */
    bool visited;
    bool in_library; /* of a static library: only what the driver needs of it is linked */
    bool has_main, has_driver_entry, registers; /* registers: calls FltRegisterFilter */
    bool knows_csvfs;
    struct tree_include *includes;
    size_t include_count;
    struct tree_file *next; /* tree.by_name */
};

enum { TREE_BUCKETS = 1024 };

struct tree {
    char *top; /* absolute */
    struct tree_file **files;
    size_t count;
    struct tree_file *by_name[TREE_BUCKETS]; /* by the last part of the path, whatever its case */
    struct tool_list wpp_functions; /* trace functions that "begin_wpp config" comments define */
};

/* Reads what is below `top` (hidden folders and build outputs left out). False: top cannot be read. */
bool tree_read(struct tree *tree, const char *top);
/* One more file, by its path relative to the top. False: the tree has got larger than any driver's. */
bool tree_add(struct tree *tree, const char *path);
void tree_free(struct tree *tree);

/* A file by its path relative to the top. */
struct tree_file *tree_find(const struct tree *tree, const char *path, bool any_case);
/* The file that the include most likely means when it stands nowhere near: one whose path ends in it, nearest to
 * `folder`. */
struct tree_file *tree_find_tail(const struct tree *tree, const char *folder, const char *tail);

/* Reads a file's text, its includes and the marks above; resolves the includes within the tree, and goes on with
 * what it includes. */
void tree_scan(struct tree *tree, struct tree_file *file);

/* The compiler's own: those of C++ have no extension. */
bool tree_is_standard_header(const char *name);

#endif
