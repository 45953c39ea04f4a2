/* A reference model of a volume: what a tree of names, files, streams and handles answers, in the plainest way. It
 * shares no code with the file system and knows no caches, locks or control blocks. */
#ifndef FLTSIM_TESTS_MEMFS_MODEL_H
#define FLTSIM_TESTS_MEMFS_MODEL_H

#include <ntifs.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_DEPTH = 4, MODEL_HANDLES = 12, MODEL_NAME = 32 };

struct model_stream {
    struct model_stream *next; // model_node.streams
    char name[MODEL_NAME];     // "": the unnamed one
    bool removed, pending;
    unsigned handles;
    unsigned references; // the node's list, handles
    uint8_t *data;
    size_t size, room;
    uint64_t allocated;
};

struct model_node {
    bool directory;
    ULONG attributes; // without FILE_ATTRIBUTE_DIRECTORY
    unsigned links, references, counted;
    struct model_entry *own; // a directory's only name
    struct model_entry *children;
    struct model_stream *streams;
};

struct model_entry {
    struct model_entry *next; // model_node.children, in the order of their making
    struct model_node *parent, *node;
    char name[MODEL_NAME];
    bool removed, pending;
    unsigned handles, references; // the tree, handles
};

struct model_handle {
    bool used, dead; // dead: its volume was dismounted
    struct model_entry *entry;
    struct model_stream *stream; // NULL: a directory
    ACCESS_MASK access;
    ULONG share;
    bool delete_on_close, posix, modified;
};

struct model {
    bool ntfs;
    struct model_entry *root;
    struct model_handle handles[MODEL_HANDLES];
};

/* "\a\b:s": up to MODEL_DEPTH names, and a stream's. */
struct model_path {
    unsigned depth;
    const char *names[MODEL_DEPTH];
    const char *stream; // NULL: none
};

struct model_open {
    struct model_path path;
    ULONG disposition, options, share, attributes;
    ACCESS_MASK access; // no generic rights
};

struct model_name {
    bool replace, posix;
    bool same_folder; // a plain name: stays in the file's own folder
    struct model_path path;
};

struct model *model_create(bool ntfs);
void model_destroy(struct model *model);

/* *handle: an index of model.handles that was free. */
NTSTATUS model_open(struct model *model, const struct model_open *open, unsigned handle, ULONG_PTR *information);
void model_close(struct model *model, unsigned handle);
NTSTATUS model_read(struct model *model, unsigned handle, void *buffer, size_t length, int64_t offset, size_t *done);
NTSTATUS model_write(struct model *model, unsigned handle, const void *data, size_t length, int64_t offset);
NTSTATUS model_set_size(struct model *model, unsigned handle, uint64_t size);
NTSTATUS model_set_allocation(struct model *model, unsigned handle, uint64_t size);
NTSTATUS model_set_delete(struct model *model, unsigned handle, bool remove, bool extended);
NTSTATUS model_set_attributes(struct model *model, unsigned handle, ULONG attributes);
NTSTATUS model_rename(struct model *model, unsigned handle, const struct model_name *name);
NTSTATUS model_link(struct model *model, unsigned handle, const struct model_name *name);
NTSTATUS model_rename_stream(struct model *model, unsigned handle, const char *name, bool replace);
NTSTATUS model_query(struct model *model, unsigned handle, FILE_STANDARD_INFORMATION *info);
void model_dismount(struct model *model);
/* Bytes in clusters of everything that is there. */
uint64_t model_allocated(const struct model *model);

#endif
