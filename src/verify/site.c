#include "verify/site.h"
#include "verify/verify.h"

#include "plat/symbol.h"
#include "sched/sched.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct module {
    struct module *next; // modules
    uintptr_t base;
    char *path;
};

struct site {
    struct site *next; // table[]
    struct module *module;
    uintptr_t offset;
    uintptr_t distance;
    const char *symbol;
    bool resolved;
    char *file;
    char *text;
};

enum { BUCKETS = 512, BATCH = 64 };
static struct sched_lock table_lock;
static struct site *table[BUCKETS];
static struct module *modules;

static char *duplicate(const char *text)
{
    char *copy = strdup(text);
    if (!copy)
        abort();
    return copy;
}

static void *zeroed(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory)
        abort();
    return memory;
}

static struct module *module_of(const struct plat_symbol *symbol)
{
    struct module *module;
    for (module = modules; module; module = module->next)
        if (module->base == symbol->base && !strcmp(module->path, symbol->module))
            return module;
    module = zeroed(sizeof *module);
    module->base = symbol->base;
    module->path = duplicate(symbol->module);
    module->next = modules;
    modules = module;
    return module;
}

static struct site *intern(const struct plat_symbol *symbol)
{
    struct module *module = module_of(symbol);
    struct site **bucket = &table[(symbol->offset >> 1 ^ symbol->base >> 12) % BUCKETS];
    struct site *site;

    for (site = *bucket; site; site = site->next)
        if (site->module == module && site->offset == symbol->offset)
            return site;
    site = zeroed(sizeof *site);
    site->module = module;
    site->offset = symbol->offset;
    site->distance = symbol->distance;
    site->symbol = duplicate(symbol->name);
    site->next = *bucket;
    *bucket = site;
    return site;
}

struct site *site_of(const void *code_address)
{
    struct plat_symbol symbol;
    struct site *site;

    if (!plat_symbol_find(code_address, &symbol) && !site_find_gone(code_address, &symbol)) {
        memset(&symbol, 0, sizeof symbol);
        symbol.offset = (uintptr_t)code_address;
    }
    sched_lock(&table_lock);
    site = intern(&symbol);
    sched_unlock(&table_lock);
    return site;
}

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void name_from_symbol(struct site *site)
{
    char text[400];
    const char *module = last_component(site->module->path);

    if (site->symbol[0] && site->distance)
        snprintf(text, sizeof text, "%s+0x%llx (%s)", site->symbol, (unsigned long long)site->distance, module);
    else if (site->symbol[0])
        snprintf(text, sizeof text, "%s (%s)", site->symbol, module);
    else if (module[0])
        snprintf(text, sizeof text, "%s+0x%llx", module, (unsigned long long)site->offset);
    else
        snprintf(text, sizeof text, "0x%llx", (unsigned long long)site->offset);
    site->text = duplicate(text);
    site->file = duplicate("");
}

struct batch {
    struct site *sites[BATCH];
    char *text[BATCH];
    char *file[BATCH];
    size_t count;
};

static bool is_inline_routine_of_ours(const char *file, const struct module *module)
{
    size_t length = strlen(file);
    return strstr(file, "/include/wdk/") ||
           (!strncmp(last_component(module->path), "libfltsim", 9) && length > 2 && !strcmp(file + length - 2, ".h"));
}

/* Called for each inlined frame, innermost first: the first that stands in a source of its own is the one to show. */
static void frame_found(size_t index, const char *function, const char *file, unsigned line, void *context)
{
    struct batch *batch = context;
    char text[700];

    if (batch->text[index] && !is_inline_routine_of_ours(batch->file[index], batch->sites[index]->module))
        return;
    free(batch->text[index]);
    free(batch->file[index]);
    if (file[0] && line)
        snprintf(text, sizeof text, "%s (%s:%u)", function, last_component(file), line);
    else
        snprintf(text, sizeof text, "%s (%s)", function, last_component(batch->sites[index]->module->path));
    batch->text[index] = duplicate(text);
    batch->file[index] = duplicate(file);
}

static void ask(struct batch *batch)
{
    const struct module *module = batch->sites[0]->module;
    uintptr_t offsets[BATCH];

    /* A return address is one past its call, unless it is the very start of a function: then it is a callback's. */
    for (size_t i = 0; i < batch->count; i++)
        offsets[i] = batch->sites[i]->offset - (batch->sites[i]->distance || !batch->sites[i]->symbol[0]);
    if (module->path[0])
        plat_symbol_lines(module->path, module->base, offsets, batch->count, frame_found, batch);
    sched_lock(&table_lock);
    for (size_t i = 0; i < batch->count; i++) {
        struct site *site = batch->sites[i];
        if (site->resolved) {
            free(batch->text[i]);
            free(batch->file[i]);
            continue;
        }
        if (batch->text[i]) {
            site->text = batch->text[i];
            site->file = batch->file[i];
        } else {
            name_from_symbol(site);
        }
        __atomic_store_n(&site->resolved, true, __ATOMIC_RELEASE);
    }
    sched_unlock(&table_lock);
}

static bool is_resolved(const struct site *site) { return __atomic_load_n(&site->resolved, __ATOMIC_ACQUIRE); }

void site_resolve(struct site *const *sites, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct batch batch = {.count = 0};
        if (is_resolved(sites[i]))
            continue;
        for (size_t j = i; j < count && batch.count < BATCH; j++) {
            bool seen = is_resolved(sites[j]) || sites[j]->module != sites[i]->module;
            for (size_t k = 0; k < batch.count && !seen; k++)
                seen = batch.sites[k] == sites[j];
            if (!seen)
                batch.sites[batch.count++] = sites[j];
        }
        ask(&batch);
    }
}

const char *site_text(struct site *site)
{
    if (!is_resolved(site))
        site_resolve(&site, 1);
    return site->text;
}

const char *site_file(struct site *site)
{
    if (!is_resolved(site))
        site_resolve(&site, 1);
    return site->file;
}

void verify_symbolize(const void *code_address, char *text, size_t size)
{
    snprintf(text, size, "%s", site_text(site_of(code_address)));
}
