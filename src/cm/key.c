#include "cm/cmp.h"

#include "sim/machine.h"

#include <string.h>

static UNICODE_STRING copy_name(PCUNICODE_STRING name)
{
    UNICODE_STRING copy = {name->Length, name->Length, NULL};
    copy.Buffer = sim_alloc(name->Length + sizeof(WCHAR));
    memcpy(copy.Buffer, name->Buffer, name->Length);
    return copy;
}

struct cm_key *CmpFindChild(struct cm_key *parent, PCUNICODE_STRING name)
{
    for (struct cm_key *key = parent->children; key; key = key->next)
        if (RtlEqualUnicodeString(&key->name, name, TRUE))
            return key;
    return NULL;
}

static UNICODE_STRING next_component(UNICODE_STRING *path)
{
    UNICODE_STRING component = {0, 0, path->Buffer};

    while (component.Length < path->Length && component.Buffer[component.Length / sizeof(WCHAR)] != '\\')
        component.Length += sizeof(WCHAR);
    USHORT taken = component.Length;
    if (taken < path->Length)
        taken += sizeof(WCHAR);
    path->Buffer += taken / sizeof(WCHAR);
    path->Length -= taken;
    return component;
}

struct cm_key *CmpWalk(struct cm_key *from, UNICODE_STRING path, UNICODE_STRING *left)
{
    while (path.Length) {
        UNICODE_STRING before = path;
        UNICODE_STRING component = next_component(&path);
        if (!component.Length)
            continue;
        struct cm_key *child = CmpFindChild(from, &component);
        if (!child) {
            *left = before;
            return from;
        }
        from = child;
    }
    *left = path;
    return from;
}

struct cm_key *CmpAddChild(struct cm_key *parent, PCUNICODE_STRING name)
{
    struct cm_key *key = sim_alloc(sizeof *key), **at = &parent->children;

    key->name = copy_name(name);
    key->parent = parent;
    while (*at && RtlCompareUnicodeString(&(*at)->name, name, TRUE) < 0)
        at = &(*at)->next;
    key->next = *at;
    *at = key;
    KeQuerySystemTime(&key->written);
    parent->written = key->written;
    return key;
}

void CmpUnlinkKey(struct cm_key *key)
{
    struct cm_key **at = &key->parent->children;

    while (*at != key)
        at = &(*at)->next;
    *at = key->next;
    key->last_path = CmpKeyPath(key);
    key->parent = NULL;
    key->is_deleted = TRUE;
}

static void free_value(struct cm_value *value)
{
    sim_free(value->name.Buffer);
    sim_free(value->data);
    sim_free(value);
}

void CmpFreeKey(struct cm_key *key)
{
    while (key->children) {
        struct cm_key *child = key->children;
        key->children = child->next;
        CmpFreeKey(child);
    }
    while (key->values) {
        struct cm_value *value = key->values;
        key->values = value->next;
        free_value(value);
    }
    sim_free(key->last_path.Buffer);
    sim_free(key->name.Buffer);
    sim_free(key);
}

static struct cm_value **find_slot(struct cm_key *key, PCUNICODE_STRING name)
{
    struct cm_value **at = &key->values;

    while (*at && !RtlEqualUnicodeString(&(*at)->name, name, TRUE))
        at = &(*at)->next;
    return at;
}

struct cm_value *CmpFindValue(struct cm_key *key, PCUNICODE_STRING name) { return *find_slot(key, name); }

NTSTATUS CmpSetValue(struct cm_key *key, PCUNICODE_STRING name, ULONG type, const void *data, ULONG size)
{
    struct cm_value **slot = find_slot(key, name), *value = *slot;

    if (!value) {
        value = *slot = sim_alloc(sizeof *value);
        value->name = copy_name(name);
    }
    sim_free(value->data);
    value->data = sim_alloc(size ? size : 1);
    memcpy(value->data, data ? data : "", size);
    value->size = size;
    value->type = type;
    KeQuerySystemTime(&key->written);
    return STATUS_SUCCESS;
}

BOOLEAN CmpDeleteValue(struct cm_key *key, PCUNICODE_STRING name)
{
    struct cm_value **slot = find_slot(key, name), *value = *slot;

    if (!value)
        return FALSE;
    *slot = value->next;
    free_value(value);
    return TRUE;
}

static void append(UNICODE_STRING *path, PCUNICODE_STRING name)
{
    path->Buffer[path->Length / sizeof(WCHAR)] = '\\';
    memcpy(path->Buffer + path->Length / sizeof(WCHAR) + 1, name->Buffer, name->Length);
    path->Length += sizeof(WCHAR) + name->Length;
}

static void append_path(UNICODE_STRING *path, struct cm_key *key)
{
    if (key->parent)
        append_path(path, key->parent);
    append(path, &key->name);
}

UNICODE_STRING CmpKeyPath(struct cm_key *key)
{
    UNICODE_STRING path = {0, sizeof(WCHAR), NULL};

    if (key->last_path.Length) {
        path = copy_name(&key->last_path);
        path.MaximumLength += sizeof(WCHAR);
        return path;
    }
    for (struct cm_key *k = key; k; k = k->parent)
        path.MaximumLength += sizeof(WCHAR) + k->name.Length;
    path.Buffer = sim_alloc(path.MaximumLength);
    append_path(&path, key);
    return path;
}
