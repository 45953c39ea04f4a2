#include "verify/internal.h"

#include <stdlib.h>
#include <string.h>

struct group {
    struct group *next; // verify_leaks.groups
    uint32_t tag;
    const void *site;
    size_t count, bytes;
    const void *address; // the first one's
    char *detail;
    const struct verify_ledger *ledger;
};

struct verify_leaks {
    struct group *groups;
};

const char *verify_tag(uint32_t tag, char text[8])
{
    for (int i = 0; i < 4; i++) {
        unsigned char c = (unsigned char)(tag >> (8 * i));
        text[i] = c >= ' ' && c < 127 ? (char)c : '.';
    }
    text[4] = 0;
    return text;
}

struct verify_leaks *verify_leaks_begin(void) { return verify_zeroed(sizeof(struct verify_leaks)); }

void verify_leaks_add(struct verify_leaks *leaks, uint32_t tag, const void *site, size_t bytes, const void *address,
                      const char *detail, const struct verify_ledger *ledger)
{
    struct group *group = leaks->groups;
    while (group && (group->tag != tag || group->site != site))
        group = group->next;
    if (!group) {
        group = verify_zeroed(sizeof *group);
        *group = (struct group){.next = leaks->groups, .tag = tag, .site = site, .address = address, .ledger = ledger};
        group->detail = detail ? strdup(detail) : NULL;
        leaks->groups = group;
    }
    group->count++;
    group->bytes += bytes;
}

static struct group *take_biggest(struct verify_leaks *leaks)
{
    struct group **best = &leaks->groups;
    for (struct group **link = &leaks->groups; *link; link = &(*link)->next)
        if ((*link)->bytes > (*best)->bytes || ((*link)->bytes == (*best)->bytes && (*link)->count >= (*best)->count))
            best = link;
    struct group *group = *best;
    *best = group->next;
    return group;
}

static void report(const struct group *group, enum verify_rule rule, const char *one, const char *many,
                   const char *label, const char *when)
{
    char tag[8], tagged[32] = "", sized[32] = "", line[128];
    if (group->tag)
        snprintf(tagged, sizeof tagged, " tagged '%s'", verify_tag(group->tag, tag));
    if (group->bytes)
        snprintf(sized, sizeof sized, " (%zu bytes)", group->bytes);
    struct verify_violation *v = verify_begin(rule, "%zu %s%s%s %s left %s.", group->count,
                                              group->count == 1 ? one : many, tagged, sized,
                                              group->count == 1 ? "was" : "were", when);
    snprintf(line, sizeof line, "%s%p %s", group->count > 1 ? "each as " : "", group->address, label);
    verify_site(v, line, group->site);
    if (group->detail)
        verify_history(v, "%s", group->detail);
    if (group->ledger) {
        const char *holder = v && !strcmp(v->shown.driver, "fltsim") ? verify_ledger_holder(group->ledger) : "";
        verify_ledger_print(v, group->ledger);
        if (holder[0])
            verify_blame(v, holder);
    }
    verify_end(v);
}

size_t verify_leaks_end(struct verify_leaks *leaks, enum verify_rule rule, const char *one, const char *many,
                        const char *label, const char *when)
{
    size_t groups = 0;
    while (leaks->groups) {
        struct group *group = take_biggest(leaks);
        report(group, rule, one, many, label, when);
        free(group->detail);
        free(group);
        groups++;
    }
    free(leaks);
    return groups;
}
