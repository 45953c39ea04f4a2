#include "sim/service.h"

#include "cm/cmp.h"
#include "sim/machine.h"

#include <stdlib.h>
#include <string.h>

#define SERVICES "\\REGISTRY\\MACHINE\\SYSTEM\\CurrentControlSet\\Services\\"

UNICODE_STRING sim_unicode(const char *text)
{
    WCHAR *buffer = sim_alloc((strlen(text) + 1) * sizeof(WCHAR));
    size_t count = sim_utf16(text, buffer);
    if (count > UNICODE_STRING_MAX_CHARS - 1)
        count = UNICODE_STRING_MAX_CHARS - 1;
    return (UNICODE_STRING){(USHORT)(count * sizeof(WCHAR)), (USHORT)((count + 1) * sizeof(WCHAR)), buffer};
}

UNICODE_STRING sim_service_path(const char *name)
{
    size_t size = sizeof SERVICES + strlen(name);
    char *path = sim_alloc(size);
    memcpy(path, SERVICES, sizeof SERVICES - 1);
    strcpy(path + sizeof SERVICES - 1, name);
    UNICODE_STRING result = sim_unicode(path);
    sim_free(path);
    return result;
}

/* Below here the registry's lock is held. */

static struct cm_key *services(void)
{
    static const UNICODE_STRING path = RTL_CONSTANT_STRING(u"MACHINE\\SYSTEM\\CurrentControlSet\\Services");
    UNICODE_STRING left;
    return CmpWalk(machine->cm->root, path, &left);
}

static struct cm_key *make_key(struct cm_key *from, const char *path)
{
    UNICODE_STRING whole = sim_unicode(path), left;
    struct cm_key *key = CmpWalk(from, whole, &left);

    while (left.Length) {
        UNICODE_STRING component = left;
        component.Length = 0;
        while (component.Length < left.Length && left.Buffer[component.Length / sizeof(WCHAR)] != '\\')
            component.Length += sizeof(WCHAR);
        key = CmpAddChild(key, &component);
        key = CmpWalk(from, whole, &left);
    }
    sim_free(whole.Buffer);
    return key;
}

static void set_number(struct cm_key *key, const char *name, ULONG number)
{
    UNICODE_STRING value = sim_unicode(name);
    CmpSetValue(key, &value, REG_DWORD, &number, sizeof number);
    sim_free(value.Buffer);
}

static void set_text(struct cm_key *key, const char *name, ULONG type, const char *text)
{
    UNICODE_STRING value = sim_unicode(name), data = sim_unicode(text);
    ULONG size = data.Length + sizeof(WCHAR);

    if (type == REG_MULTI_SZ) {
        for (USHORT i = 0; i < data.Length / sizeof(WCHAR); i++)
            if (data.Buffer[i] == '\n')
                data.Buffer[i] = 0;
        data.Buffer = sim_realloc(data.Buffer, size + sizeof(WCHAR));
        size += sizeof(WCHAR);
    }
    CmpSetValue(key, &value, type, data.Buffer, size);
    sim_free(data.Buffer);
    sim_free(value.Buffer);
}

static void set_value(struct cm_key *service, const struct sim_inf_value *value)
{
    struct cm_key *key = make_key(service, value->key);

    if (!value->name)
        return;
    if (value->type == REG_DWORD) {
        set_number(key, value->name, value->number);
    } else if (value->type == REG_BINARY) {
        UNICODE_STRING name = sim_unicode(value->name);
        CmpSetValue(key, &name, REG_BINARY, value->binary, (ULONG)value->size);
        sim_free(name.Buffer);
    } else {
        set_text(key, value->name, value->type, value->text);
    }
}

static void fill_service(struct cm_key *service, const char *name, const struct sim_inf *inf)
{
    char image[320];

    snprintf(image, sizeof image, "\\SystemRoot\\System32\\drivers\\%s", inf->binary ? inf->binary : name);
    set_text(service, "ImagePath", REG_EXPAND_SZ, image);
    set_text(service, "DisplayName", REG_SZ, inf->display_name ? inf->display_name : name);
    if (inf->group)
        set_text(service, "Group", REG_SZ, inf->group);
    set_number(service, "Type", inf->type);
    set_number(service, "Start", inf->start);
    set_number(service, "ErrorControl", 1);
    for (size_t i = 0; i < inf->count; i++)
        set_value(service, &inf->values[i]);
}

static struct cm_key *find_service(const char *name)
{
    UNICODE_STRING key = sim_unicode(name);
    struct cm_key *found = CmpFindChild(services(), &key);
    sim_free(key.Buffer);
    return found;
}

bool sim_service_has_instances(const char *name)
{
    static const UNICODE_STRING places[] = {RTL_CONSTANT_STRING(u"Instances"), RTL_CONSTANT_STRING(u"Parameters\\Instances")};
    bool has = false;
    sched_lock(&machine->cm->lock);
    struct cm_key *key = find_service(name);
    for (int i = 0; key && i < 2; i++) {
        UNICODE_STRING left;
        CmpWalk(key, places[i], &left);
        has |= !left.Length;
    }
    sched_unlock(&machine->cm->lock);
    return has;
}

bool sim_service_install(const char *name, const struct sim_inf *inf)
{
    sched_lock(&machine->cm->lock);
    bool is_new = !find_service(name);
    if (is_new)
        fill_service(make_key(services(), name), name, inf);
    sched_unlock(&machine->cm->lock);
    return is_new;
}

static void remove_key(struct cm_key *key)
{
    while (key->children)
        remove_key(key->children);
    CmpUnlinkKey(key);
    if (!key->opens)
        CmpFreeKey(key);
}

void sim_service_remove(const char *name)
{
    sched_lock(&machine->cm->lock);
    struct cm_key *key = find_service(name);
    if (key)
        remove_key(key);
    sched_unlock(&machine->cm->lock);
}

void sim_service_give_instances(const char *name, const char *instance, const char *altitude)
{
    char default_name[320];

    snprintf(default_name, sizeof default_name, "%s Instance", name);
    if (!instance)
        instance = default_name;
    size_t size = strlen(instance) + sizeof "Instances\\";
    char *path = sim_alloc(size);
    snprintf(path, size, "Instances\\%s", instance);
    sched_lock(&machine->cm->lock);
    struct cm_key *service = find_service(name);
    if (service) {
        set_text(make_key(service, "Instances"), "DefaultInstance", REG_SZ, instance);
        struct cm_key *key = make_key(service, path);
        set_text(key, "Altitude", REG_SZ, altitude);
        set_number(key, "Flags", 0);
    }
    sched_unlock(&machine->cm->lock);
    sim_free(path);
}
