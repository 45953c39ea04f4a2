#include "ob/lookup.h"

#include <string.h>

enum { MAX_REPARSES = 128, INLINE_UNITS = 264, LONGEST = 65532 /* bytes */ };

/* A lookup and the memory of its names: two buffers, because a new name is made of the rest of the old one. */
struct lookup {
    struct ob_parse parse;
    int active; // buffer that parse.complete is in; -1: the caller's string
    WCHAR *heap[2];
    WCHAR inlined[2][INLINE_UNITS];
};

static WCHAR *fresh_buffer(struct lookup *lookup, size_t units)
{
    int other = lookup->active == 0;
    lookup->active = other;
    sim_free(lookup->heap[other]);
    lookup->heap[other] = NULL;
    if (units <= INLINE_UNITS)
        return lookup->inlined[other];
    return lookup->heap[other] = sim_alloc(units * sizeof(WCHAR));
}

static void finish(struct lookup *lookup)
{
    sim_free(lookup->heap[0]);
    sim_free(lookup->heap[1]);
}

/* The name becomes `head` and `tail`. */
static NTSTATUS replace_name(struct lookup *lookup, PCUNICODE_STRING head, PCUNICODE_STRING tail)
{
    size_t bytes = (size_t)head->Length + tail->Length;
    if (bytes > UNICODE_STRING_MAX_BYTES)
        return STATUS_OBJECT_NAME_INVALID;
    if (++lookup->parse.reparses > MAX_REPARSES)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    WCHAR *buffer = fresh_buffer(lookup, bytes / sizeof(WCHAR) + 1);
    memcpy(buffer, head->Buffer, head->Length);
    if (tail->Length)
        memcpy((char *)buffer + head->Length, tail->Buffer, tail->Length);
    buffer[bytes / sizeof(WCHAR)] = 0;
    lookup->parse.complete = (UNICODE_STRING){(USHORT)bytes, (USHORT)bytes, buffer};
    lookup->parse.relative = false;
    return STATUS_REPARSE;
}

NTSTATUS ObpReparse(struct ob_parse *parse, PCUNICODE_STRING name)
{
    return replace_name(CONTAINING_RECORD(parse, struct lookup, parse), name, &(UNICODE_STRING){0});
}

static void advance(UNICODE_STRING *name, size_t units)
{
    name->Buffer += units;
    name->Length = (USHORT)(name->Length - units * sizeof(WCHAR));
    name->MaximumLength = name->Length;
}

static size_t component(const UNICODE_STRING *name)
{
    size_t units = name->Length / sizeof(WCHAR), length = 0;
    while (length < units && name->Buffer[length] != '\\')
        length++;
    return length;
}

/* `\??` at the start of a name stands for the directory of drive letters. */
static PVOID start_of(UNICODE_STRING *rest)
{
    static const WCHAR prefix[] = {'\\', '?', '?'};
    size_t units = rest->Length / sizeof(WCHAR);
    if (units >= 3 && !memcmp(rest->Buffer, prefix, sizeof prefix) && (units == 3 || rest->Buffer[3] == '\\')) {
        advance(rest, 3);
        return ob()->dos_devices;
    }
    return ob()->root;
}

/* One walk from a directory, with `rest` either empty or beginning with a backslash (or, from a root handle, without
 * it). Ends at an object, which is referenced; a link's target is copied before the lock goes. */
static NTSTATUS walk(struct lookup *lookup, PVOID directory, UNICODE_STRING *rest, PVOID *found)
{
    struct ob_parse *parse = &lookup->parse;
    PVOID at = directory;
    NTSTATUS status = STATUS_SUCCESS;
    unsigned lock = ObpLockNames();

    while (rest->Length) {
        if (rest->Buffer[0] == '\\')
            advance(rest, 1);
        size_t length = component(rest);
        bool last = length == rest->Length / sizeof(WCHAR);
        if (!length) {
            status = last && at == ob()->root ? STATUS_SUCCESS : STATUS_OBJECT_NAME_INVALID;
            break;
        }
        struct ob_name *name = ObpFindName(at, rest->Buffer, length);
        if (!name) {
            status = last ? STATUS_OBJECT_NAME_NOT_FOUND : STATUS_OBJECT_PATH_NOT_FOUND;
            break;
        }
        advance(rest, length);
        at = name->object->body;
        POBJECT_TYPE type = name->object->type;
        if (type == ObpSymbolicLinkType && !(last && ((parse->attributes & OBJ_OPENLINK) || parse->type == type))) {
            status = replace_name(lookup, &((struct ob_link *)at)->target, rest);
            break;
        }
        if (type != ObpDirectoryType)
            break;
    }
    if (NT_SUCCESS(status) && status != STATUS_REPARSE) {
        ObpReference(at);
        *found = at;
    }
    ObpUnlockNames(lock);
    return status;
}

/* Hands the rest of the name to the object's parse procedure, if it has one. Takes over the caller's pointer. */
static NTSTATUS go_on(struct lookup *lookup, PVOID object, const UNICODE_STRING *rest, PVOID *found)
{
    struct ob_parse *parse = &lookup->parse;
    POBJECT_TYPE type = ObpTypeOf(object);
    NTSTATUS status;

    if (type->info.parse) {
        parse->remaining = *rest;
        status = type->info.parse(object, parse, found);
        ObpDereference(object);
        return status;
    }
    if (rest->Length)
        status = STATUS_OBJECT_PATH_NOT_FOUND;
    else if (parse->type && parse->type != type)
        status = STATUS_OBJECT_TYPE_MISMATCH;
    else
        status = STATUS_SUCCESS;
    if (NT_SUCCESS(status))
        *found = object;
    else
        ObpDereference(object);
    return status;
}

static NTSTATUS from_root(struct lookup *lookup, PVOID *found)
{
    UNICODE_STRING rest = lookup->parse.complete;
    PVOID object;

    if (!rest.Length)
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    if (rest.Buffer[0] != '\\')
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    NTSTATUS status = walk(lookup, start_of(&rest), &rest, &object);
    return !NT_SUCCESS(status) || status == STATUS_REPARSE ? status : go_on(lookup, object, &rest, found);
}

static NTSTATUS from_object(struct lookup *lookup, PVOID root, PVOID *found)
{
    UNICODE_STRING rest = lookup->parse.complete;
    PVOID object;

    if (!rest.Length && ObpTypeOf(root) == ObpSymbolicLinkType && lookup->parse.type == ObpSymbolicLinkType) {
        ObpReference(root);
        *found = root;
        return STATUS_SUCCESS;
    }
    if (ObpTypeOf(root) != ObpDirectoryType) {
        if (!ObpTypeOf(root)->info.parse)
            return STATUS_OBJECT_TYPE_MISMATCH;
        lookup->parse.relative = true;
        ObpReference(root);
        return go_on(lookup, root, &rest, found);
    }
    if (rest.Length && rest.Buffer[0] == '\\')
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    NTSTATUS status = walk(lookup, root, &rest, &object);
    return !NT_SUCCESS(status) || status == STATUS_REPARSE ? status : go_on(lookup, object, &rest, found);
}

static NTSTATUS run(struct lookup *lookup, PVOID root, PVOID *found)
{
    *found = NULL;
    if (lookup->parse.complete.Length % sizeof(WCHAR))
        return STATUS_OBJECT_NAME_INVALID;
    NTSTATUS status = root ? from_object(lookup, root, found) : from_root(lookup, found);
    while (status == STATUS_REPARSE) {
        if (lookup->parse.attributes & OBJ_DONT_REPARSE)
            return STATUS_REPARSE_POINT_ENCOUNTERED;
        /* A link to the root itself (GLOBALROOT) leaves a name that begins with what followed. */
        status = lookup->parse.complete.Length ? from_root(lookup, found) : STATUS_OBJECT_NAME_NOT_FOUND;
    }
    return status;
}

NTSTATUS ObpCheckAttributes(PCOBJECT_ATTRIBUTES attributes)
{
    if (!attributes || attributes->Length != sizeof *attributes)
        return STATUS_INVALID_PARAMETER;
    PCUNICODE_STRING name = attributes->ObjectName;
    if (name ? name->Length % sizeof(WCHAR) || name->Length > LONGEST : attributes->RootDirectory != NULL)
        return STATUS_OBJECT_NAME_INVALID;
    return STATUS_SUCCESS;
}

NTSTATUS ObpLookup(PCOBJECT_ATTRIBUTES attributes, POBJECT_TYPE type, CCHAR mode, ACCESS_MASK access, PVOID context,
                   PVOID *object)
{
    struct lookup lookup;
    PVOID root = NULL;
    NTSTATUS status;

    *object = NULL;
    status = ObpCheckAttributes(attributes);
    if (!NT_SUCCESS(status))
        return status;
    lookup.parse = (struct ob_parse){.type = type,
                                     .mode = mode,
                                     .access = access,
                                     .attributes = attributes->Attributes,
                                     .context = context,
                                     .object_attributes = attributes};
    lookup.active = -1;
    lookup.heap[0] = lookup.heap[1] = NULL;
    if (attributes->ObjectName)
        lookup.parse.complete = *attributes->ObjectName;
    if (attributes->RootDirectory) {
        status = ObpReferenceHandle(attributes->RootDirectory, 0, NULL, mode, &root, NULL);
        if (!NT_SUCCESS(status))
            return status;
    }
    status = run(&lookup, root, object);
    finish(&lookup);
    if (root)
        ObpDereference(root);
    return status;
}

NTSTATUS ObpLookupParent(PVOID root, PCUNICODE_STRING path, ULONG attributes, PVOID *directory, UNICODE_STRING *last)
{
    UNICODE_STRING parent = *path;
    size_t units = path->Length / sizeof(WCHAR), start = units;
    struct lookup lookup;
    NTSTATUS status;

    if (!units || path->Length % sizeof(WCHAR) || (path->Buffer[0] == '\\') == (root != NULL))
        return STATUS_OBJECT_PATH_SYNTAX_BAD;
    if (!root && units == 1)
        return STATUS_OBJECT_NAME_COLLISION; /* with the root */
    while (start && path->Buffer[start - 1] != '\\')
        start--;
    if (start > 1 && path->Buffer[start - 2] == '\\')
        return STATUS_OBJECT_NAME_INVALID;
    bool ends = start == units; /* in a backslash: behind a directory, or behind nothing */
    last->Buffer = path->Buffer + start;
    last->Length = last->MaximumLength = (USHORT)((units - start) * sizeof(WCHAR));
    parent.Length = (USHORT)((start > 1 ? start - 1 : start) * sizeof(WCHAR));
    lookup.parse = (struct ob_parse){.type = ObpDirectoryType,
                                     .mode = KernelMode,
                                     .attributes = attributes & ~(ULONG)OBJ_OPENLINK,
                                     .complete = parent};
    lookup.active = -1;
    lookup.heap[0] = lookup.heap[1] = NULL;
    status = run(&lookup, root, directory);
    finish(&lookup);
    if (status == STATUS_OBJECT_NAME_NOT_FOUND || status == STATUS_OBJECT_TYPE_MISMATCH)
        status = STATUS_OBJECT_PATH_NOT_FOUND;
    if (NT_SUCCESS(status) && ends) {
        ObpDereference(*directory);
        status = STATUS_OBJECT_NAME_INVALID;
    }
    return status;
}
