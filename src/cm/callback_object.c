/* What registry callbacks keep with key objects, and what they ask about them. */
#include "cm/callback.h"

#include "cm/key_object.h"
#include "ex/lock.h"
#include "ex/pool.h"
#include "sim/machine.h"
#include "verify/api.h"

#include <string.h>

struct cm_context {
    struct cm_context *next; // cm_state.contexts
    PVOID object;            // NULL: gone, while its callback was being unregistered
    LONGLONG cookie;
    PVOID context;
};

/* ---- contexts ---- */

static struct cm_context **find(PVOID object, LONGLONG cookie)
{
    struct cm_context **at = &machine->cm->contexts;
    while (*at && ((*at)->object != object || (*at)->cookie != cookie))
        at = &(*at)->next;
    return at;
}

PVOID CmpFindContext(PVOID object, LONGLONG cookie)
{
    if (!object)
        return NULL;
    sched_lock(&machine->cm->lock);
    struct cm_context *found = *find(object, cookie);
    PVOID context = found ? found->context : NULL;
    sched_unlock(&machine->cm->lock);
    return context;
}

/* Takes it out of the list; NULL takes it out for good. */
static PVOID replace(PVOID object, LONGLONG cookie, PVOID context)
{
    struct cm_context **at = find(object, cookie), *found = *at;
    PVOID old = found ? found->context : NULL;

    if (!found && context) {
        found = *at = sim_alloc(sizeof *found);
        found->object = object;
        found->cookie = cookie;
    }
    if (context) {
        found->context = context;
    } else if (found) {
        *at = found->next;
        sim_free(found);
    }
    return old;
}

NTSTATUS CmSetCallbackObjectContext(PVOID Object, PLARGE_INTEGER Cookie, PVOID NewContext, PVOID *OldContext)
{
    API_ENTER(CmSetCallbackObjectContext, Object, SCHED_WRITE);
    sched_lock(&machine->cm->lock);
    bool known = Object && CmpFindCallback(Cookie->QuadPart);
    PVOID old = known ? replace(Object, Cookie->QuadPart, NewContext) : NULL;
    sched_unlock(&machine->cm->lock);
    if (known && OldContext)
        *OldContext = old;
    return known ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static void clean_up(struct cm_callback *callback, PVOID object, PVOID context)
{
    REG_CALLBACK_CONTEXT_CLEANUP_INFORMATION info = {.Object = object, .ObjectContext = context};
    callback->function(callback->context, (PVOID)(ULONG_PTR)RegNtCallbackObjectContextCleanup, &info);
}

/* One context of the object, and its callback held; false: there is none left. A callback that is being unregistered
 * takes care of its contexts itself. */
static bool take(PVOID object, struct cm_callback **callback, PVOID *context)
{
    bool taken = false;

    sched_lock(&machine->cm->lock);
    for (struct cm_context **at = &machine->cm->contexts, *found; !taken && (found = *at) != NULL;) {
        *callback = found->object == object ? CmpFindCallback(found->cookie) : NULL;
        taken = *callback && ExpAcquireRundown(&(*callback)->running);
        if (taken) {
            *context = found->context;
            *at = found->next;
            sim_free(found);
        } else {
            if (found->object == object)
                found->object = NULL;
            at = &found->next;
        }
    }
    sched_unlock(&machine->cm->lock);
    return taken;
}

void CmpForgetObject(PVOID object)
{
    struct cm_callback *callback;
    PVOID context;

    while (take(object, &callback, &context)) {
        clean_up(callback, object, context);
        ExReleaseRundownProtection(&callback->running);
    }
}

void CmpForgetCallback(struct cm_callback *callback, bool call)
{
    for (;;) {
        sched_lock(&machine->cm->lock);
        struct cm_context **at = &machine->cm->contexts;
        while (*at && (*at)->cookie != callback->cookie)
            at = &(*at)->next;
        struct cm_context *found = *at;
        if (found)
            *at = found->next;
        sched_unlock(&machine->cm->lock);
        if (!found)
            return;
        if (call)
            clean_up(callback, found->object, found->context);
        sim_free(found);
    }
}

/* ---- identity and name ---- */

static NTSTATUS check(PLARGE_INTEGER cookie, PVOID object)
{
    if (!cookie || !object || ObpTypeOf(object) != CmpKeyType)
        return STATUS_INVALID_PARAMETER;
    sched_lock(&machine->cm->lock);
    bool known = CmpFindCallback(cookie->QuadPart) != NULL;
    sched_unlock(&machine->cm->lock);
    return known ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
}

static PUNICODE_STRING keep_name(struct cm_key_object *object)
{
    sched_lock(&machine->cm->lock);
    if (!object->name) {
        object->name = sim_alloc(sizeof *object->name);
        *object->name = CmpKeyPath(object->key);
    }
    sched_unlock(&machine->cm->lock);
    return object->name;
}

NTSTATUS CmCallbackGetKeyObjectID(PLARGE_INTEGER Cookie, PVOID Object, PULONG_PTR ObjectID,
                                  PCUNICODE_STRING *ObjectName)
{
    API_IRQL(CmCallbackGetKeyObjectID);
    NTSTATUS status = check(Cookie, Object);
    if (!NT_SUCCESS(status))
        return status;
    if (ObjectID)
        *ObjectID = (ULONG_PTR)((struct cm_key_object *)Object)->key;
    if (ObjectName)
        *ObjectName = keep_name(Object);
    return STATUS_SUCCESS;
}

/* The structure and its text in one block of pool: who does not release it has a leak. */
static PUNICODE_STRING copy_name(struct cm_key_object *object, const void *site)
{
    sched_lock(&machine->cm->lock);
    UNICODE_STRING path = CmpKeyPath(object->key);
    sched_unlock(&machine->cm->lock);
    PUNICODE_STRING name = ExpAllocate(EXP_PAGED, sizeof *name + path.MaximumLength, 'bNmC', site);
    if (name) {
        *name = (UNICODE_STRING){path.Length, path.MaximumLength, (PWCH)(name + 1)};
        memcpy(name->Buffer, path.Buffer, path.Length);
        name->Buffer[path.Length / sizeof(WCHAR)] = 0;
    }
    sim_free(path.Buffer);
    return name;
}

NTSTATUS CmCallbackGetKeyObjectIDEx(PLARGE_INTEGER Cookie, PVOID Object, PULONG_PTR ObjectID,
                                    PCUNICODE_STRING *ObjectName, ULONG Flags)
{
    API_IRQL(CmCallbackGetKeyObjectIDEx);
    NTSTATUS status = Flags ? STATUS_INVALID_PARAMETER : check(Cookie, Object);
    if (NT_SUCCESS(status) && ObjectName && !(*ObjectName = copy_name(Object, VERIFY_CALLER)))
        status = STATUS_INSUFFICIENT_RESOURCES;
    if (NT_SUCCESS(status) && ObjectID)
        *ObjectID = (ULONG_PTR)((struct cm_key_object *)Object)->key;
    return status;
}

VOID CmCallbackReleaseKeyObjectIDEx(PCUNICODE_STRING ObjectName)
{
    API_IRQL(CmCallbackReleaseKeyObjectIDEx);
    ExpFree((PVOID)ObjectName, 0, "CmCallbackReleaseKeyObjectIDEx", VERIFY_CALLER);
}

PVOID CmGetBoundTransaction(PLARGE_INTEGER Cookie, PVOID Object)
{
    API_IRQL(CmGetBoundTransaction);
    (void)Cookie, (void)Object;
    return NULL; // no transactions in this registry
}
