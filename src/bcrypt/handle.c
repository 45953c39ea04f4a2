/* The list of what drivers opened and made. */
#include "bcrypt/bcryptp.h"

#include "fault/fault.h"
#include "sim/machine.h"
#include "verify/api.h"
#include "verify/verify.h"

#include <stdio.h>
#include <string.h>

static struct bcrypt_object **bucket_of(const void *handle)
{
    uintptr_t address = (uintptr_t)handle;
    return &machine->bcrypt->buckets[(address >> 4 ^ address >> 10) % BCRYPT_BUCKETS];
}

/* With the lock held. */
static struct bcrypt_object **link_of(BCRYPT_HANDLE handle, int kinds)
{
    struct bcrypt_object **link = bucket_of(handle);
    while (*link && *link != handle)
        link = &(*link)->next;
    return *link && ((*link)->kind & kinds) ? link : NULL;
}

static void check_irql(const struct bcrypt_object *object, const char *routine, const void *caller)
{
    const struct bcrypt_object *provider = object->provider ? object->provider : object;
    if (KiCurrentIrql() >= DISPATCH_LEVEL && !(provider->flags & BCRYPT_PROV_DISPATCH))
        verify_irql_too_high(routine, APC_LEVEL, caller);
}

struct bcrypt_object *BCryptpFind(BCRYPT_HANDLE handle, int kinds, const char *routine, const void *caller)
{
    struct bcrypt_object *found = kinds & BCRYPT_PROVIDER ? BCryptpPseudo(handle) : NULL;

    if (found)
        return found;
    sched_lock(&machine->bcrypt->lock);
    struct bcrypt_object **link = link_of(handle, kinds);
    found = link ? *link : NULL;
    sched_unlock(&machine->bcrypt->lock);
    if (found)
        check_irql(found, routine, caller);
    return found;
}

struct bcrypt_object *BCryptpCreate(enum bcrypt_kind kind, struct bcrypt_object *provider, const void *site)
{
    if (fault_allocation())
        return NULL;
    struct bcrypt_object *object = sim_alloc(sizeof *object);
    object->kind = kind;
    object->site = site;
    if (provider) {
        object->algorithm = provider->algorithm;
        object->flags = provider->flags;
        object->mode = provider->mode;
        object->feedback = provider->feedback;
        object->provider = provider;
    }
    sched_lock(&machine->bcrypt->lock);
    struct bcrypt_object **bucket = bucket_of(object);
    object->next = *bucket;
    *bucket = object;
    if (provider && provider->site)
        provider->made++;
    sched_unlock(&machine->bcrypt->lock);
    return object;
}

static void free_object(struct bcrypt_object *object)
{
    plat_hash_free(object->hash);
    plat_public_free(object->public);
    while (object->chains) {
        struct bcrypt_chain *chain = object->chains;
        object->chains = chain->next;
        plat_sealed_free(chain->sealed);
        sim_free(chain);
    }
    memset(object->key, 0, sizeof object->key);
    sim_free(object);
}

/* With the lock held. Answers the provider when it was only waiting for this one. */
static struct bcrypt_object *leave_provider(struct bcrypt_object *provider)
{
    if (!provider || !provider->site || --provider->made || !provider->closed)
        return NULL;
    return provider;
}

static void report_early_close(const struct bcrypt_object *provider, ULONG made, const void *site)
{
    char name[16];
    struct verify_violation *v =
        verify_begin(VERIFY_CRYPTO_HANDLE,
                     "BCryptCloseAlgorithmProvider was given the provider %p (%s), opened with BCRYPT_PROV_DISPATCH, while %u "
                     "hash%s or key%s made from it %s still there.", (const void *)provider,
                     BCryptpPrintName(provider->algorithm, name), made, made == 1 ? "" : "es", made == 1 ? "" : "s",
                     made == 1 ? "is" : "are");
    verify_site(v, "closed by", site);
    verify_site(v, "opened by", provider->site);
    verify_end(v);
}

bool BCryptpDestroy(BCRYPT_HANDLE handle, enum bcrypt_kind kind, const char *routine, const void *site)
{
    struct bcrypt_object *object = NULL, *provider = NULL;

    sched_lock(&machine->bcrypt->lock);
    struct bcrypt_object **link = link_of(handle, kind);
    if (link) {
        object = *link;
        *link = object->next;
        object->closed = true;
        provider = leave_provider(object->provider);
    }
    ULONG made = object ? object->made : 0;
    sched_unlock(&machine->bcrypt->lock);
    if (!object)
        return false;

    check_irql(object, routine, site);
    if (made && (object->flags & BCRYPT_PROV_DISPATCH))
        report_early_close(object, made, site);
    if (!made)
        free_object(object);
    if (provider)
        free_object(provider);
    return true;
}

/* ---- what is left ---- */

/* Takes the objects of a kind off the list. */
static struct bcrypt_object *take_all(int kinds, const char *driver)
{
    struct bcrypt_object *taken = NULL;

    sched_lock(&machine->bcrypt->lock);
    for (size_t i = 0; i < BCRYPT_BUCKETS; i++) {
        struct bcrypt_object **link = &machine->bcrypt->buckets[i];
        while (*link) {
            struct bcrypt_object *object = *link;
            if (!(object->kind & kinds) || !verify_is_driver_code(object->site, driver)) {
                link = &object->next;
                continue;
            }
            *link = object->next;
            object->next = taken;
            taken = object;
        }
    }
    sched_unlock(&machine->bcrypt->lock);
    return taken;
}

static void report(enum bcrypt_kind kind, const char *one, const char *many, const char *label, const char *driver)
{
    struct verify_leaks *leaks = verify_leaks_begin();
    char name[16], when[160];

    for (struct bcrypt_object *left = take_all(kind, driver), *next; left; left = next) {
        next = left->next;
        verify_leaks_add(leaks, 0, left->site, 0, left, BCryptpPrintName(left->algorithm, name), NULL);
        sched_lock(&machine->bcrypt->lock);
        struct bcrypt_object *provider = leave_provider(left->provider);
        left->closed = true;
        bool stays = left->made != 0;
        sched_unlock(&machine->bcrypt->lock);
        if (!stays)
            free_object(left);
        if (provider)
            free_object(provider);
    }
    snprintf(when, sizeof when, "open when %s%s", driver ? driver : "the machine stopped", driver ? " unloaded" : "");
    verify_leaks_end(leaks, VERIFY_CRYPTO_HANDLE, one, many, label, when);
}

void BCryptpReportDriver(const char *driver)
{
    report(BCRYPT_HASH, "hash (BCryptDestroyHash)", "hashes (BCryptDestroyHash)", "made by", driver);
    report(BCRYPT_KEY, "key (BCryptDestroyKey)", "keys (BCryptDestroyKey)", "made by", driver);
    report(BCRYPT_PROVIDER, "algorithm provider (BCryptCloseAlgorithmProvider)",
           "algorithm providers (BCryptCloseAlgorithmProvider)", "opened by", driver);
}

bool BCryptpStart(void)
{
    machine->bcrypt = sim_alloc(sizeof *machine->bcrypt);
    machine->bcrypt->random = machine->options.seed;
    return true;
}

/* What only the host's memory holds goes in any case; a machine that died says nothing of it. */
void BCryptpStop(void)
{
    if (!sched_is_dead())
        BCryptpReportDriver(NULL);
    for (size_t i = 0; i < BCRYPT_BUCKETS; i++) {
        while (machine->bcrypt->buckets[i]) {
            struct bcrypt_object *left = machine->bcrypt->buckets[i];
            machine->bcrypt->buckets[i] = left->next;
            free_object(left);
        }
    }
    sim_free(machine->bcrypt);
    machine->bcrypt = NULL;
}
