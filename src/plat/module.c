#define _GNU_SOURCE
#include "plat/module.h"

#include "plat/file.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <link.h>
#endif

struct plat_module {
    struct plat_module *next; /* modules */
    void *handle;
    void *base;
    char *path; /* of the original */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct plat_module *modules;

/* The loader knows files by identity: a copy is another module. The copy needs no name once it is loaded. */
static bool copy_file(const char *path, char *copy, size_t copy_size, char *error, size_t error_size)
{
    const char *folder = getenv("TMPDIR");
    size_t size;
    char *data = plat_file_read(path, &size);

    if (!data) {
        snprintf(error, error_size, "%s: %s", path, strerror(errno));
        return false;
    }
    snprintf(copy, copy_size, "%s/fltsim-XXXXXX", folder && *folder ? folder : "/tmp");
    int file = mkstemp(copy);
    bool done = file >= 0;
    for (size_t at = 0; done && at < size;) {
        ssize_t written = write(file, data + at, size - at);
        if (written > 0)
            at += (size_t)written;
        else if (errno != EINTR)
            done = false;
    }
    if (!done)
        snprintf(error, error_size, "%s: %s", copy, strerror(errno));
    if (file >= 0) {
        close(file);
        if (!done)
            unlink(copy);
    }
    free(data);
    return done;
}

/* The loader names the base of an address: any one inside will do. */
static void *base_of(void *handle)
{
    Dl_info info;
#ifdef __linux__
    struct link_map *map;
    void *inside = dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 ? map->l_ld : NULL;
#else
    void *inside = dlsym(handle, "DriverEntry");
#endif
    return inside && dladdr(inside, &info) ? info.dli_fbase : NULL;
}

struct plat_module *plat_module_open(const char *path, char *error, size_t error_size)
{
    char copy[512];

    if (!copy_file(path, copy, sizeof copy, error, error_size))
        return NULL;
    void *handle = dlopen(copy, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *reason = dlerror();
        const char *said = strstr(reason, copy) == reason ? reason + strlen(copy) : reason;
        snprintf(error, error_size, "%s%s%s", path, *said == ':' ? "" : ": ", said);
    }
    unlink(copy);
    if (!handle)
        return NULL;
    struct plat_module *module = calloc(1, sizeof *module);
    if (!module || !(module->path = strdup(path))) {
        free(module);
        dlclose(handle);
        snprintf(error, error_size, "no memory");
        return NULL;
    }
    module->handle = handle;
    module->base = base_of(handle);
    pthread_mutex_lock(&lock);
    module->next = modules;
    modules = module;
    pthread_mutex_unlock(&lock);
    return module;
}

void plat_module_close(struct plat_module *module)
{
    if (!module)
        return;
    pthread_mutex_lock(&lock);
    for (struct plat_module **at = &modules; *at; at = &(*at)->next) {
        if (*at == module) {
            *at = module->next;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
    dlclose(module->handle);
    free(module->path);
    free(module);
}

void *plat_module_symbol(struct plat_module *module, const char *name) { return dlsym(module->handle, name); }

bool plat_module_contains(const struct plat_module *module, const void *address)
{
    Dl_info info;
    return module->base && dladdr(address, &info) && info.dli_fbase == module->base;
}

const char *plat_module_path(const struct plat_module *module) { return module->path; }

static const char here; /* an address in this library */

void *plat_module_export(const char *name)
{
    Dl_info own, found;
    if (!dladdr(&here, &own))
        return NULL;
    /* A program that the library is linked into cannot be opened, and has nobody before it. */
    void *library = dlopen(own.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    void *symbol = dlsym(library ? library : RTLD_DEFAULT, name);
    if (library)
        dlclose(library);
    return symbol && dladdr(symbol, &found) && found.dli_fbase == own.dli_fbase ? symbol : NULL;
}

const char *plat_module_original(const void *address)
{
    const char *path = NULL;
    pthread_mutex_lock(&lock);
    for (struct plat_module *module = modules; module && !path; module = module->next)
        if (plat_module_contains(module, address))
            path = module->path;
    pthread_mutex_unlock(&lock);
    return path;
}
