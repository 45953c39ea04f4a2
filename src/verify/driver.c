#include "verify/site.h"
#include "verify/verify.h"

#include "plat/symbol.h"
#include "sched/sched.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Where a signal handler may take a thread for stopped at a place of its own choosing: drivers' modules. */
struct range {
    _Atomic uintptr_t start, end; /* end 0: free */
};
enum { RANGES = 64 };
static struct range ranges[RANGES];

/* Names are interned: violations point at them after the driver went. */
struct name {
    struct name *next; // names
    char text[];
};

struct driver {
    struct driver *next; // drivers
    const char *name;
    const void *base, *entry;
    bool gone; // unloaded: still named where nobody else is in the module
    struct plat_symbol *module; // gone: of entry, for addresses that the host no longer knows
    uintptr_t end;
};

static struct sched_lock lock;
static struct name *names;
static struct driver *drivers;

static const char *intern(const char *text)
{
    struct name *name;
    for (name = names; name; name = name->next)
        if (!strcmp(name->text, text))
            return name->text;
    size_t size = strlen(text) + 1;
    name = malloc(sizeof *name + size);
    if (!name)
        abort();
    memcpy(name->text, text, size);
    name->next = names;
    names = name;
    return name->text;
}

/* Not where the library itself is, nor what it stands on, and what holds a lock as it likes. */
static void open_range(const void *base)
{
    static const void *own, *host;
    if (!own) {
        own = plat_module_base((const void *)verify_register_driver);
        host = plat_module_base((const void *)malloc);
    }
    if (!base || base == own || base == host)
        return;
    uintptr_t start = (uintptr_t)base;
    for (size_t i = 0; i < RANGES; i++) {
        if (ranges[i].end && ranges[i].start == start)
            return;
        if (ranges[i].end)
            continue;
        ranges[i].start = start;
        ranges[i].end = (uintptr_t)plat_module_end(base);
        return;
    }
}

static void close_range(const void *base)
{
    for (size_t i = 0; i < RANGES; i++)
        if (ranges[i].start == (uintptr_t)base)
            ranges[i].end = 0;
}

bool verify_is_interruptible(const void *code_address)
{
    uintptr_t address = (uintptr_t)code_address;
    for (size_t i = 0; i < RANGES; i++) {
        uintptr_t end = ranges[i].end;
        if (address < end && address >= ranges[i].start)
            return true;
    }
    return false;
}

void verify_register_driver(const char *text, const void *entry)
{
    struct driver *driver = calloc(1, sizeof *driver);
    if (!driver)
        abort();
    driver->base = plat_module_base(entry);
    driver->entry = entry;
    sched_lock(&lock);
    open_range(driver->base);
    driver->name = intern(text);
    driver->next = drivers;
    drivers = driver;
    sched_unlock(&lock);
}

/* The module may be closed next. */
static void remember_module(struct driver *driver)
{
    struct plat_symbol *module = malloc(sizeof *module);
    if (module && plat_symbol_find(driver->entry, module)) {
        driver->module = module;
        driver->end = (uintptr_t)plat_module_end(driver->base);
    } else {
        free(module);
    }
}

/* The newest driver that was in a closed module there. Under `lock`. */
static const struct driver *driver_that_was_at(const void *code_address)
{
    uintptr_t address = (uintptr_t)code_address;
    for (struct driver *driver = drivers; driver; driver = driver->next)
        if (driver->module && address >= (uintptr_t)driver->base && address < driver->end)
            return driver;
    return NULL;
}

bool site_find_gone(const void *code_address, struct plat_symbol *symbol)
{
    sched_lock(&lock);
    const struct driver *driver = driver_that_was_at(code_address);
    if (driver) {
        *symbol = *driver->module;
        symbol->name[0] = 0;
        symbol->distance = 0;
        symbol->offset += (uintptr_t)code_address - (uintptr_t)driver->entry;
    }
    sched_unlock(&lock);
    return driver != NULL;
}

/* Under `lock`. */
static void close_unless_used(const void *base)
{
    for (const struct driver *driver = drivers; driver; driver = driver->next)
        if (!driver->gone && driver->base == base)
            return;
    close_range(base);
}

static const void *base_of(const void *code_address)
{
    const void *base = code_address ? plat_module_base(code_address) : NULL;
    if (base || !code_address)
        return base;
    sched_lock(&lock);
    const struct driver *driver = driver_that_was_at(code_address);
    base = driver ? driver->base : NULL;
    sched_unlock(&lock);
    return base;
}

void verify_unregister_driver(const char *text)
{
    sched_lock(&lock);
    for (struct driver *driver = drivers; driver; driver = driver->next)
        if (!driver->gone && !strcmp(driver->name, text)) {
            driver->gone = true;
            remember_module(driver);
            close_unless_used(driver->base);
            break;
        }
    sched_unlock(&lock);
}

void verify_forget_drivers(void)
{
    while (drivers) {
        struct driver *next = drivers->next;
        close_range(drivers->base);
        free(drivers->module);
        free(drivers);
        drivers = next;
    }
}

static bool holds_driver(const void *base, const char *other_than)
{
    bool found = false;
    sched_lock(&lock);
    for (struct driver *driver = drivers; driver && !found; driver = driver->next)
        found = !driver->gone && driver->base == base && !(other_than && !strcmp(driver->name, other_than));
    sched_unlock(&lock);
    return found;
}

static bool held_driver(const void *base)
{
    bool found = false;
    sched_lock(&lock);
    for (struct driver *driver = drivers; driver && !found; driver = driver->next)
        found = driver->base == base;
    sched_unlock(&lock);
    return found;
}

/* Where the library is linked into the very module that holds the driver (our own unit tests), only the source file
 * tells the two apart. */
static bool is_library(const void *code_address, const void *base)
{
    if (base != plat_module_base((const void *)verify_register_driver))
        return false;
    if (!held_driver(base))
        return true;
    const char *file = site_file(site_of(code_address));
    return strstr(file, "/src/") && !strstr(file, "/tests/") && !strstr(file, "/examples/");
}

static void join(const void *base, bool gone, char *text, size_t size)
{
    for (struct driver *driver = drivers; driver; driver = driver->next) {
        if (driver->base != base || driver->gone != gone || strstr(text, driver->name) ||
            strlen(text) + strlen(driver->name) + 5 > size)
            continue;
        if (text[0])
            strcat(text, " or ");
        strcat(text, driver->name);
    }
}

static const char *joined_names(const void *base)
{
    char text[256] = "";
    const char *result;

    sched_lock(&lock);
    join(base, false, text, sizeof text);
    if (!text[0])
        join(base, true, text, sizeof text);
    result = intern(text);
    sched_unlock(&lock);
    return result;
}

const char *verify_driver_of(const void *code_address)
{
    const void *base = base_of(code_address);
    if (!base)
        return "";
    if (is_library(code_address, base))
        return "fltsim";
    return joined_names(base);
}

struct verify_code verify_code_of(const void *code_address)
{
    const void *base = code_address ? plat_module_base(code_address) : NULL;
    const void *end = base ? plat_module_end(base) : NULL;
    return (struct verify_code){(uintptr_t)base, (size_t)((uintptr_t)end - (uintptr_t)base)};
}

const char *verify_other_driver(const void *code_address, const char *name)
{
    const void *base = base_of(code_address);
    bool same = false;

    if (!base || is_library(code_address, base))
        return "";
    sched_lock(&lock);
    for (struct driver *driver = drivers; driver && !same; driver = driver->next)
        same = driver->base == base && !strcmp(driver->name, name);
    sched_unlock(&lock);
    return same ? "" : joined_names(base);
}

bool verify_is_driver_code(const void *code_address, const char *name)
{
    if (!name)
        return true;
    const void *base = code_address ? plat_module_base(code_address) : NULL;
    if (!base)
        return false;
    bool own = false;
    sched_lock(&lock);
    for (struct driver *driver = drivers; driver && !own; driver = driver->next)
        own = !driver->gone && driver->base == base && !strcmp(driver->name, name);
    sched_unlock(&lock);
    return own && !holds_driver(base, name) && !is_library(code_address, base);
}

bool verify_is_library_code(const void *code_address)
{
    static uintptr_t start, end;
    if (!__atomic_load_n(&start, __ATOMIC_ACQUIRE)) {
        const void *base = plat_module_base((const void *)verify_register_driver);
        __atomic_store_n(&end, (uintptr_t)plat_module_end(base), __ATOMIC_RELAXED);
        __atomic_store_n(&start, (uintptr_t)base, __ATOMIC_RELEASE);
    }
    uintptr_t address = (uintptr_t)code_address, from = __atomic_load_n(&start, __ATOMIC_RELAXED);
    return address >= from && address < __atomic_load_n(&end, __ATOMIC_RELAXED) && !held_driver((const void *)from);
}
