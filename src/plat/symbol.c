#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "plat/symbol.h"

#include "plat/module.h"

#include <dlfcn.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <link.h>
#else
#include <mach-o/loader.h>
#endif

extern char **environ;

enum { MAX_BATCH = 64 };

static void copy(char *to, size_t size, const char *from)
{
    size_t length = from ? strlen(from) : 0;
    if (length >= size)
        length = size - 1;
    memcpy(to, from ? from : "", length);
    to[length] = 0;
}

bool plat_symbol_find(const void *address, struct plat_symbol *symbol)
{
    Dl_info info;
    uintptr_t bias;
#ifdef __linux__
    struct link_map *map = NULL;
    if (!dladdr1(address, &info, (void **)&map, RTLD_DL_LINKMAP) || !map)
        return false;
    bias = map->l_addr;
    if (map->l_name[0]) {
        copy(symbol->module, sizeof symbol->module, map->l_name);
    } else {
        ssize_t length = readlink("/proc/self/exe", symbol->module, sizeof symbol->module - 1);
        symbol->module[length > 0 ? length : 0] = 0;
    }
#else
    if (!dladdr(address, &info))
        return false;
    bias = 0;
    copy(symbol->module, sizeof symbol->module, info.dli_fname);
#endif
    const char *original = plat_module_original(address);
    if (original)
        copy(symbol->module, sizeof symbol->module, original);
    symbol->base = (uintptr_t)info.dli_fbase;
    symbol->offset = (uintptr_t)address - bias;
    copy(symbol->name, sizeof symbol->name, info.dli_sname);
    symbol->distance = info.dli_saddr ? (uintptr_t)address - (uintptr_t)info.dli_saddr : 0;
    return true;
}

static const void *look_up_base(const void *address)
{
    Dl_info info;
    return dladdr(address, &info) ? info.dli_fbase : NULL;
}

/* dladdr goes through all symbols of the module; this one's is asked for most, and it stays where it is. */
const void *plat_module_base(const void *address)
{
    static uintptr_t base, end;
    uintptr_t at = (uintptr_t)address;
    if (!__atomic_load_n(&end, __ATOMIC_ACQUIRE)) {
        const void *own = look_up_base((const void *)plat_module_base);
        __atomic_store_n(&base, (uintptr_t)own, __ATOMIC_RELAXED);
        __atomic_store_n(&end, (uintptr_t)plat_module_end(own), __ATOMIC_RELEASE);
    }
    uintptr_t own = __atomic_load_n(&base, __ATOMIC_RELAXED);
    return at >= own && at < __atomic_load_n(&end, __ATOMIC_RELAXED) ? (const void *)own : look_up_base(address);
}

#ifdef __linux__
struct extent {
    uintptr_t base, end;
};

static int measure(struct dl_phdr_info *info, size_t size, void *context)
{
    struct extent *extent = context;
    uintptr_t first = UINTPTR_MAX, last = 0;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *header = &info->dlpi_phdr[i];
        if (header->p_type != PT_LOAD)
            continue;
        first = header->p_vaddr < first ? header->p_vaddr : first;
        last = header->p_vaddr + header->p_memsz > last ? header->p_vaddr + header->p_memsz : last;
    }
    if (last <= first || extent->base < info->dlpi_addr + first || extent->base >= info->dlpi_addr + last)
        return 0;
    extent->end = info->dlpi_addr + last;
    return 1;
}

const void *plat_module_end(const void *base)
{
    struct extent extent = {.base = (uintptr_t)base, .end = (uintptr_t)base};
    dl_iterate_phdr(measure, &extent);
    return (const void *)extent.end;
}
#else
/* The code's segment is mapped first, with the header at its start. */
const void *plat_module_end(const void *base)
{
    const struct mach_header_64 *header = base;
    const struct load_command *command = (const void *)(header + 1);
    for (uint32_t i = 0; i < header->ncmds; i++) {
        const struct segment_command_64 *segment = (const void *)command;
        if (command->cmd == LC_SEGMENT_64 && !strcmp(segment->segname, SEG_TEXT))
            return (const char *)base + segment->vmsize;
        command = (const void *)((const char *)command + command->cmdsize);
    }
    return base;
}
#endif

/* The process's output as a stream, or NULL when it cannot be run. */
static FILE *run(char *const *arguments, pid_t *child)
{
    int ends[2];
    FILE *stream = NULL;
    posix_spawn_file_actions_t actions;

    if (pipe(ends))
        return NULL;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", 1 /* O_WRONLY */, 0);
    if (!posix_spawnp(child, arguments[0], &actions, NULL, arguments, environ))
        stream = fdopen(ends[0], "r");
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (!stream)
        close(ends[0]);
    return stream;
}

static char *chomp(char *line)
{
    line[strcspn(line, "\r\n")] = 0;
    return line;
}

#ifdef __linux__
/* With -a each answer begins with its address; then come function and place in turn, innermost first. */
static void parse(FILE *stream, size_t count,
                  void (*found)(size_t, const char *, const char *, unsigned, void *), void *context)
{
    char function[512] = "";
    char line[1024];
    size_t index = (size_t)-1;
    unsigned row = 0;

    while (fgets(line, sizeof line, stream)) {
        chomp(line);
        if (!strncmp(line, "0x", 2)) {
            index++;
            row = 0;
            continue;
        }
        if (row % 2 == 0)
            copy(function, sizeof function, line);
        else if (index < count && strcmp(function, "??")) {
            char *colon = strrchr(line, ':');
            unsigned number = colon ? (unsigned)strtoul(colon + 1, NULL, 10) : 0;
            if (colon)
                *colon = 0;
            found(index, function, strcmp(line, "??") ? line : "", number, context);
        }
        row++;
    }
}

static void build(char **arguments, char (*texts)[24], const char *module, const uintptr_t *offsets, size_t count)
{
    size_t n = 0;
    arguments[n++] = (char *)"addr2line";
    arguments[n++] = (char *)"-aCfie";
    arguments[n++] = (char *)module;
    for (size_t i = 0; i < count; i++) {
        snprintf(texts[i], sizeof texts[i], "0x%llx", (unsigned long long)offsets[i]);
        arguments[n++] = texts[i];
    }
    arguments[n] = NULL;
}
#else
/* "function (in module) (file.c:12)", one line an address. */
static void parse(FILE *stream, size_t count,
                  void (*found)(size_t, const char *, const char *, unsigned, void *), void *context)
{
    char line[1024];
    for (size_t i = 0; i < count && fgets(line, sizeof line, stream); i++) {
        char *in = strstr(chomp(line), " (in ");
        char *open = strrchr(line, '(');
        char *colon = strrchr(line, ':');
        if (!in || !open || !colon || colon < open)
            continue;
        *in = *colon = 0;
        found(i, line, open + 1, (unsigned)strtoul(colon + 1, NULL, 10), context);
    }
}

static void build(char **arguments, char (*texts)[24], const char *module, const uintptr_t *offsets, size_t count,
                  char *base)
{
    size_t n = 0;
    arguments[n++] = (char *)"atos";
    arguments[n++] = (char *)"-o";
    arguments[n++] = (char *)module;
    arguments[n++] = (char *)"-l";
    arguments[n++] = base;
    for (size_t i = 0; i < count; i++) {
        snprintf(texts[i], sizeof texts[i], "0x%llx", (unsigned long long)offsets[i]);
        arguments[n++] = texts[i];
    }
    arguments[n] = NULL;
}
#endif

void plat_symbol_lines(const char *module, uintptr_t base, const uintptr_t *offsets, size_t count,
                       void (*found)(size_t, const char *, const char *, unsigned, void *), void *context)
{
    char *arguments[MAX_BATCH + 8];
    char texts[MAX_BATCH][24];
    pid_t child;
    FILE *stream;

    if (count > MAX_BATCH)
        count = MAX_BATCH;
#ifdef __linux__
    build(arguments, texts, module, offsets, count);
#else
    char base_text[24];
    snprintf(base_text, sizeof base_text, "0x%llx", (unsigned long long)base);
    build(arguments, texts, module, offsets, count, base_text);
#endif
    stream = run(arguments, &child);
    if (!stream)
        return;
    parse(stream, count, found, context);
    fclose(stream);
    waitpid(child, NULL, 0);
}
