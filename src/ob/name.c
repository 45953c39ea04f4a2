#include "ob/state.h"

#include "ke/thread.h"
#include "ob/lookup.h"

#include <string.h>

POBJECT_TYPE ObpDirectoryType, ObpSymbolicLinkType;

/* ---- locks: one of many to read, all of them to change ---- */

unsigned ObpLockNames(void)
{
    unsigned which = HandleToULong(KiCurrentThread()->id) / 4 % OB_NAME_LOCKS; /* neighbours differ */
    sched_lock(&ob()->name_locks[which].lock);
    return which;
}

void ObpUnlockNames(unsigned which) { sched_unlock(&ob()->name_locks[which].lock); }

void ObpLockNamesExclusive(void)
{
    for (unsigned i = 0; i < OB_NAME_LOCKS; i++)
        sched_lock(&ob()->name_locks[i].lock);
}

void ObpUnlockNamesExclusive(void)
{
    for (unsigned i = OB_NAME_LOCKS; i--;)
        sched_unlock(&ob()->name_locks[i].lock);
}

/* ---- directories ---- */

static WCHAR fold(WCHAR c)
{
    if (c >= 'a' && c <= 'z')
        return (WCHAR)(c - 'a' + 'A');
    return c < 128 ? c : RtlUpcaseUnicodeChar(c);
}

static unsigned hash_of(const WCHAR *text, size_t length)
{
    unsigned hash = 0;
    for (size_t i = 0; i < length; i++)
        hash = hash * 37 + fold(text[i]);
    return hash;
}

/* Whatever OBJ_CASE_INSENSITIVE says: Windows folds case in its namespace by default (obcaseinsensitive). */
static bool same(const UNICODE_STRING *a, const WCHAR *text, size_t length)
{
    if (a->Length != length * sizeof(WCHAR))
        return false;
    for (size_t i = 0; i < length; i++)
        if (a->Buffer[i] != text[i] && fold(a->Buffer[i]) != fold(text[i]))
            return false;
    return true;
}

struct ob_name *ObpFindName(PVOID directory, const WCHAR *text, size_t length)
{
    unsigned hash = hash_of(text, length);
    struct ob_name *name = ((struct ob_directory *)directory)->buckets[hash % OB_BUCKETS];
    while (name && (name->hash != hash || !same(&name->text, text, length)))
        name = name->next;
    return name;
}

/* Takes over one pointer to the object; the directory holds one to itself through each name. */
static void enter(PVOID directory, struct ob_name *name, struct ob_header *header)
{
    struct ob_name **bucket = &((struct ob_directory *)directory)->buckets[name->hash % OB_BUCKETS];
    name->object = header;
    name->directory = ObpHeader(directory);
    name->next = *bucket;
    *bucket = name;
    header->name = name;
    ObpReference(directory);
}

static struct ob_name *make_name(const WCHAR *text, size_t length)
{
    struct ob_name *name = sim_alloc(sizeof *name + (length + 1) * sizeof(WCHAR));
    name->text.Buffer = (PWCH)(name + 1);
    name->text.Length = (USHORT)(length * sizeof(WCHAR));
    name->text.MaximumLength = (USHORT)((length + 1) * sizeof(WCHAR));
    memcpy(name->text.Buffer, text, length * sizeof(WCHAR));
    name->hash = hash_of(text, length);
    return name;
}

/* With the namespace locked: unlinks it; the caller drops the pointers afterwards. */
static struct ob_name *detach(struct ob_header *header)
{
    struct ob_name *name = header->name;
    if (!name)
        return NULL;
    struct ob_directory *directory = (struct ob_directory *)name->directory->body;
    struct ob_name **link = &directory->buckets[name->hash % OB_BUCKETS];
    while (*link != name)
        link = &(*link)->next;
    *link = name->next;
    header->name = NULL;
    return name;
}

static void dispose(struct ob_name *name)
{
    if (!name)
        return;
    PVOID object = name->object->body, directory = name->directory->body;
    sim_free(name);
    ObpDereference(object);
    ObpDereference(directory);
}

void ObpRemoveName(PVOID object)
{
    ObpLockNamesExclusive();
    struct ob_name *name = detach(ObpHeader(object));
    ObpUnlockNamesExclusive();
    dispose(name);
}

void ObpDropTemporaryName(struct ob_header *header)
{
    struct ob_name *name = NULL;
    if (!header->name || (atomic_load(&header->flags) & OB_PERMANENT))
        return;
    ObpLockNamesExclusive();
    if (!atomic_load(&header->handle_count) && !(atomic_load(&header->flags) & OB_PERMANENT))
        name = detach(header);
    ObpUnlockNamesExclusive();
    dispose(name);
}

NTSTATUS ObpInsertName(PVOID object, PVOID root, PCUNICODE_STRING path, ULONG attributes)
{
    PVOID directory;
    UNICODE_STRING last;
    NTSTATUS status = ObpLookupParent(root, path, attributes, &directory, &last);

    if (!NT_SUCCESS(status))
        return status;
    size_t length = last.Length / sizeof(WCHAR);
    struct ob_name *name = make_name(last.Buffer, length);
    struct ob_header *header = ObpHeader(object);
    ObpLockNamesExclusive();
    if (ObpFindName(directory, last.Buffer, length)) {
        status = STATUS_OBJECT_NAME_COLLISION;
    } else {
        ObpReference(object);
        enter(directory, name, header);
        if (attributes & OBJ_PERMANENT)
            atomic_fetch_or(&header->flags, OB_PERMANENT);
        name = NULL;
    }
    ObpUnlockNamesExclusive();
    sim_free(name);
    ObpDereference(directory);
    return status;
}

/* ---- links ---- */

void ObpDeleteLinkObject(PVOID object) { sim_free(((struct ob_link *)object)->target.Buffer); }

void ObpSetLinkTarget(PVOID object, PCUNICODE_STRING target)
{
    struct ob_link *link = object;
    link->target.Length = target->Length;
    link->target.MaximumLength = target->MaximumLength > target->Length ? target->MaximumLength : target->Length;
    link->target.Buffer = sim_alloc(link->target.MaximumLength + sizeof(WCHAR));
    memcpy(link->target.Buffer, target->Buffer, target->Length);
    KeQuerySystemTime(&link->created);
}

NTSTATUS ObpCreateLink(PCUNICODE_STRING name, PCUNICODE_STRING target)
{
    PVOID link;
    ObpCreateObject(ObpSymbolicLinkType, sizeof(struct ob_link), &link);
    ObpSetLinkTarget(link, target);
    NTSTATUS status = ObpInsertName(link, NULL, name, OBJ_CASE_INSENSITIVE | OBJ_PERMANENT);
    ObpDereference(link);
    return status;
}

NTSTATUS ObpDeleteLink(PCUNICODE_STRING name)
{
    PVOID link;
    OBJECT_ATTRIBUTES attributes = RTL_INIT_OBJECT_ATTRIBUTES(name, OBJ_CASE_INSENSITIVE | OBJ_OPENLINK);
    NTSTATUS status = ObpLookup(&attributes, ObpSymbolicLinkType, KernelMode, 0, NULL, &link);
    if (!NT_SUCCESS(status))
        return status;
    ObpRemoveName(link);
    ObpDereference(link);
    return STATUS_SUCCESS;
}

void ObpEachDosLink(bool (*visit)(PCUNICODE_STRING, PCUNICODE_STRING, void *), void *context)
{
    struct ob_directory *directory = ob()->dos_devices;
    struct ob_name *found[256];
    size_t count = 0;

    unsigned lock = ObpLockNames();
    for (int i = 0; i < OB_BUCKETS; i++)
        for (struct ob_name *name = directory->buckets[i]; name && count < 256; name = name->next)
            if (name->object->type == ObpSymbolicLinkType) {
                ObpReference(name->object->body);
                found[count++] = name;
            }
    ObpUnlockNames(lock);
    bool more = true;
    for (size_t i = 0; i < count; i++) {
        struct ob_header *header = found[i]->object;
        if (more && header->name)
            more = visit(&header->name->text, &((struct ob_link *)header->body)->target, context);
        ObpDereference(header->body);
    }
}

/* ---- the namespace of a new machine, and its end ---- */

static UNICODE_STRING literal(const WCHAR *text)
{
    size_t length = 0;
    while (text[length])
        length++;
    return (UNICODE_STRING){(USHORT)(length * 2), (USHORT)(length * 2 + 2), (PWCH)text};
}

static PVOID make_directory(const WCHAR *path)
{
    PVOID directory;
    UNICODE_STRING name = literal(path);
    ObpCreateObject(ObpDirectoryType, sizeof(struct ob_directory), &directory);
    ObpInsertName(directory, NULL, &name, OBJ_CASE_INSENSITIVE | OBJ_PERMANENT);
    ObpDereference(directory);
    return directory;
}

static void make_link(const WCHAR *path, const WCHAR *target)
{
    UNICODE_STRING name = literal(path), to = literal(target);
    ObpCreateLink(&name, &to);
}

bool ObpStartNames(void)
{
    static const WCHAR *const directories[] = {
        u"\\Device", u"\\Driver", u"\\FileSystem", u"\\FileSystem\\Filters", u"\\BaseNamedObjects", u"\\Callback",
        u"\\KernelObjects", u"\\ObjectTypes", u"\\RPC Control", u"\\Security", u"\\Sessions",
    };
    ObpDirectoryType = ObpCreateType(&(struct ob_type_info){
        .name = "Directory", .delete = ObpDeleteDirectory, .wait = OB_NO_WAIT, .valid_access = 0xF000F,
        .mapping = {STANDARD_RIGHTS_READ | 3, STANDARD_RIGHTS_WRITE | 0xC, STANDARD_RIGHTS_EXECUTE | 3, 0xF000F}});
    ObpSymbolicLinkType = ObpCreateType(&(struct ob_type_info){
        .name = "SymbolicLink", .delete = ObpDeleteLinkObject, .wait = OB_NO_WAIT, .valid_access = 0xF0001,
        .mapping = {STANDARD_RIGHTS_READ | 1, STANDARD_RIGHTS_WRITE, STANDARD_RIGHTS_EXECUTE | 1, 0xF0001}});
    ObpCreateObject(ObpDirectoryType, sizeof(struct ob_directory), &ob()->root);
    ob()->dos_devices = make_directory(u"\\GLOBAL??");
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
        make_directory(directories[i]);
    make_link(u"\\DosDevices", u"\\??");
    make_link(u"\\SystemRoot", u"\\??\\C:\\Windows");
    make_link(u"\\GLOBAL??\\Global", u"\\GLOBAL??");
    make_link(u"\\GLOBAL??\\GLOBALROOT", u"");
    return true;
}

/* A directory has no names left when it goes: each holds a pointer to it. */
void ObpDeleteDirectory(PVOID object)
{
    struct ob_directory *directory = object;
    for (int i = 0; i < OB_BUCKETS; i++)
        if (directory->buckets[i])
            verify_bugcheck(VERIFY_BUGCHECK, 0x18, (uintptr_t)object, 0, 0, 0,
                            "An object directory was deleted with names in it.");
}

static struct ob_name *any_name(struct ob_directory *directory)
{
    for (int i = 0; i < OB_BUCKETS; i++)
        if (directory->buckets[i])
            return directory->buckets[i];
    return NULL;
}

static void empty_directory(struct ob_directory *directory)
{
    struct ob_name *name;
    while ((name = any_name(directory))) {
        if (name->object->type == ObpDirectoryType)
            empty_directory((struct ob_directory *)name->object->body);
        ObpRemoveName(name->object->body);
    }
}

void ObpStopNames(void)
{
    empty_directory(ob()->root);
    ObpDereference(ob()->root);
    ob()->root = ob()->dos_devices = NULL;
}
