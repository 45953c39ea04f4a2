/* A base block of a page, then one bin of cells. Offsets count from the bin's start. */
#include "cm/hive.h"

#include "sim/machine.h"

#include <string.h>

enum { BASE = 4096, BIN_HEADER = 32, NONE = -1, LIST_MOST = 511 };
enum { NODE_ROOT = 0x0004, NODE_NO_DELETE = 0x0008, NODE_ASCII = 0x0020, VALUE_ASCII = 1 };

struct hive {
    UCHAR *bytes; /* the bin */
    ULONG size, room;
    ULONG security;
};

#pragma pack(push, 1)
struct node {
    char signature[2]; /* "nk" */
    USHORT flags;
    LONGLONG written;
    ULONG access;
    ULONG parent;
    ULONG subkeys, volatile_subkeys;
    ULONG subkey_list, volatile_list;
    ULONG values, value_list;
    ULONG security, class;
    ULONG most_name, most_class, most_value_name, most_value_data;
    ULONG work;
    USHORT name_length, class_length;
};
struct value {
    char signature[2]; /* "vk" */
    USHORT name_length;
    ULONG data_size; /* the highest bit: the data is the offset */
    ULONG data;
    ULONG type;
    USHORT flags, spare;
};
struct list {
    char signature[2]; /* "lh": leaf; "ri": of leaves */
    USHORT count;
    ULONG entries[]; /* a leaf's: offset, hash */
};
struct security {
    char signature[2]; /* "sk" */
    USHORT reserved;
    ULONG next, previous, references, size;
};
struct base {
    char signature[4]; /* "regf" */
    ULONG sequence[2];
    LONGLONG written;
    ULONG major, minor, type, format;
    ULONG root, size, clustering;
};
#pragma pack(pop)

/* ---- cells ---- */

/* The offset of a new cell. Cells move when the next one is made: they are filled in at once. */
static ULONG cell(struct hive *hive, ULONG length)
{
    ULONG at = hive->size, whole = ALIGN_UP_BY(length + sizeof(LONG), 8);

    while (hive->room < hive->size + whole) {
        hive->room = hive->room ? hive->room * 2 : 4096;
        hive->bytes = sim_realloc(hive->bytes, hive->room);
    }
    memset(hive->bytes + at, 0, whole);
    *(LONG *)(hive->bytes + at) = -(LONG)whole;
    hive->size += whole;
    return at;
}

static void *at(struct hive *hive, ULONG offset) { return hive->bytes + offset + sizeof(LONG); }

static bool is_ascii(PCUNICODE_STRING name)
{
    for (USHORT i = 0; i < name->Length / sizeof(WCHAR); i++)
        if (name->Buffer[i] > 0x7f)
            return false;
    return true;
}

static USHORT name_length(PCUNICODE_STRING name)
{
    return is_ascii(name) ? (USHORT)(name->Length / sizeof(WCHAR)) : name->Length;
}

static void put_name(UCHAR *to, PCUNICODE_STRING name)
{
    if (!is_ascii(name)) {
        memcpy(to, name->Buffer, name->Length);
        return;
    }
    for (USHORT i = 0; i < name->Length / sizeof(WCHAR); i++)
        to[i] = (UCHAR)name->Buffer[i];
}

/* ---- values ---- */

static ULONG put_value(struct hive *hive, const struct cm_value *value)
{
    ULONG data = (ULONG)NONE, offset;
    if (value->size > sizeof data) {
        data = cell(hive, value->size);
        memcpy(at(hive, data), value->data, value->size);
    }
    offset = cell(hive, (ULONG)sizeof(struct value) + name_length(&value->name));
    struct value *v = at(hive, offset);
    *v = (struct value){{'v', 'k'}, name_length(&value->name), value->size, data, value->type,
                        is_ascii(&value->name) ? VALUE_ASCII : 0, 0};
    if (value->size <= sizeof v->data) {
        v->data = 0;
        v->data_size |= 0x80000000;
        memcpy(&v->data, value->data, value->size);
    }
    put_name((UCHAR *)(v + 1), &value->name);
    return offset;
}

static ULONG put_values(struct hive *hive, const struct cm_key *key, struct node *node)
{
    for (const struct cm_value *v = key->values; v; v = v->next) {
        node->values++;
        node->most_value_name = CmpLarger(node->most_value_name, v->name.Length);
        node->most_value_data = CmpLarger(node->most_value_data, v->size);
    }
    if (!node->values)
        return (ULONG)NONE;
    ULONG list = cell(hive, node->values * (ULONG)sizeof(ULONG)), i = 0;
    for (const struct cm_value *v = key->values; v; v = v->next, i++) {
        ULONG value = put_value(hive, v);
        ((ULONG *)at(hive, list))[i] = value;
    }
    return list;
}

/* ---- keys ---- */

static ULONG put_key(struct hive *hive, const struct cm_key *key, ULONG parent);

static ULONG hash(PCUNICODE_STRING name)
{
    ULONG value = 0;
    for (USHORT i = 0; i < name->Length / sizeof(WCHAR); i++)
        value = value * 37 + RtlUpcaseUnicodeChar(name->Buffer[i]);
    return value;
}

static ULONG put_leaf(struct hive *hive, const ULONG *subkeys, const ULONG *hashes, ULONG count)
{
    ULONG offset = cell(hive, (ULONG)sizeof(struct list) + count * 8);
    struct list *list = at(hive, offset);
    *list = (struct list){{'l', 'h'}, (USHORT)count};
    for (ULONG i = 0; i < count; i++) {
        list->entries[2 * i] = subkeys[i];
        list->entries[2 * i + 1] = hashes[i];
    }
    return offset;
}

static ULONG put_list(struct hive *hive, const ULONG *subkeys, const ULONG *hashes, ULONG count)
{
    if (count <= LIST_MOST)
        return put_leaf(hive, subkeys, hashes, count);
    ULONG leaves = (count + LIST_MOST - 1) / LIST_MOST;
    ULONG offset = cell(hive, (ULONG)sizeof(struct list) + leaves * (ULONG)sizeof(ULONG));
    *(struct list *)at(hive, offset) = (struct list){{'r', 'i'}, (USHORT)leaves};
    for (ULONG i = 0; i < leaves; i++) {
        ULONG first = i * LIST_MOST;
        ULONG leaf = put_leaf(hive, subkeys + first, hashes + first, CmpSmaller(LIST_MOST, count - first));
        ((struct list *)at(hive, offset))->entries[i] = leaf;
    }
    return offset;
}

static ULONG put_subkeys(struct hive *hive, const struct cm_key *key, ULONG self, struct node *node)
{
    for (const struct cm_key *child = key->children; child; child = child->next) {
        if (child->is_volatile)
            continue;
        node->subkeys++;
        node->most_name = CmpLarger(node->most_name, child->name.Length);
    }
    if (!node->subkeys)
        return (ULONG)NONE;
    ULONG *subkeys = sim_alloc(node->subkeys * 2 * sizeof *subkeys), *hashes = subkeys + node->subkeys, i = 0;
    for (const struct cm_key *child = key->children; child; child = child->next) {
        if (child->is_volatile)
            continue;
        hashes[i] = hash(&child->name);
        subkeys[i++] = put_key(hive, child, self);
    }
    ULONG list = put_list(hive, subkeys, hashes, node->subkeys);
    sim_free(subkeys);
    return list;
}

static ULONG put_key(struct hive *hive, const struct cm_key *key, ULONG parent)
{
    ULONG self = cell(hive, (ULONG)sizeof(struct node) + name_length(&key->name));
    struct node node = {
        .signature = {'n', 'k'},
        .flags = (is_ascii(&key->name) ? NODE_ASCII : 0) | (parent == (ULONG)NONE ? NODE_ROOT | NODE_NO_DELETE : 0),
        .written = key->written.QuadPart,
        .parent = parent,
        .volatile_list = (ULONG)NONE,
        .security = hive->security,
        .class = (ULONG)NONE,
        .name_length = name_length(&key->name),
    };
    node.value_list = put_values(hive, key, &node);
    node.subkey_list = put_subkeys(hive, key, self, &node);
    memcpy(at(hive, self), &node, sizeof node);
    put_name((UCHAR *)at(hive, self) + sizeof node, &key->name);
    ((struct security *)at(hive, hive->security))->references++;
    return self;
}

/* ---- the file ---- */

/* One for all keys: administrators own them, and the system may do everything. */
static void put_security(struct hive *hive)
{
    static const UCHAR descriptor[] = {
        1, 0, 4, 0x80, 20, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0, 48, 0, 0, 0, /* header */
        1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0,              /* owner: S-1-5-32-544 */
        1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0,                             /* group: S-1-5-18 */
        2, 0, 28, 0, 1, 0, 0, 0,                                         /* ACL */
        0, 2, 20, 0, 0x3f, 0, 0xf, 0, 1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0,
    };
    hive->security = cell(hive, sizeof(struct security) + sizeof descriptor);
    struct security *security = at(hive, hive->security);
    *security = (struct security){{'s', 'k'}, 0, hive->security, hive->security, 0, sizeof descriptor};
    memcpy(security + 1, descriptor, sizeof descriptor);
}

static void end_bin(struct hive *hive)
{
    ULONG whole = ALIGN_UP_BY(hive->size, 4096), left = whole - hive->size;

    if (left) {
        ULONG rest = cell(hive, left - (ULONG)sizeof(LONG));
        *(LONG *)(hive->bytes + rest) = (LONG)left; /* free */
    }
    memcpy(hive->bytes, "hbin", 4);
    ((ULONG *)hive->bytes)[2] = hive->size;
}

static ULONG checksum(const ULONG *words)
{
    ULONG sum = 0;
    for (int i = 0; i < 127; i++)
        sum ^= words[i];
    return sum == 0xffffffff ? 0xfffffffe : sum ? sum : 1;
}

UCHAR *CmpMakeHive(struct cm_key *root, ULONG *size)
{
    struct hive hive = {0};
    cell(&hive, BIN_HEADER - (ULONG)sizeof(LONG)); /* where the bin's header goes */
    put_security(&hive);
    ULONG top = put_key(&hive, root, (ULONG)NONE);
    end_bin(&hive);

    UCHAR *file = sim_alloc(BASE + hive.size);
    *(struct base *)file = (struct base){
        {'r', 'e', 'g', 'f'}, {1, 1}, root->written.QuadPart, 1, 3, 0, 1, top, hive.size, 1};
    ((ULONG *)file)[127] = checksum((ULONG *)file);
    memcpy(file + BASE, hive.bytes, hive.size);
    sim_free(hive.bytes);
    *size = BASE + hive.size;
    return file;
}
