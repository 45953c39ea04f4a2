#include "ex/expriv.h"

#include "ex/state.h"
#include "ob/object.h"

/* Callback objects: named, with routines that are called in the order of their registration. */
struct registration {
    LIST_ENTRY link; // callback.routines
    struct callback *callback;
    PCALLBACK_FUNCTION routine;
    PVOID context;
    unsigned running; // calls under way
    bool removed;
    PKEVENT idle;     // set when the last call came back; NULL: nobody waits
};

struct callback {
    struct sched_lock lock;
    LIST_ENTRY routines; // registration.link
    bool several;
};

static POBJECT_TYPE callback_type(void) { return ex()->callback_type; }

void ExpStartCallbacks(void)
{
    ex()->callback_type = ObpCreateType(&(struct ob_type_info){
        .name = "Callback", .wait = OB_NO_WAIT, .valid_access = STANDARD_RIGHTS_ALL | 1,
        .mapping = {STANDARD_RIGHTS_READ, STANDARD_RIGHTS_WRITE | 1, STANDARD_RIGHTS_EXECUTE, STANDARD_RIGHTS_ALL | 1}});
}

static NTSTATUS create(POBJECT_ATTRIBUTES attributes, bool several, PVOID *object)
{
    struct callback *callback;
    ObpCreateObject(callback_type(), sizeof *callback, object);
    callback = *object;
    InitializeListHead(&callback->routines);
    callback->several = several;
    NTSTATUS status = ObpInsertName(*object, NULL, attributes->ObjectName, attributes->Attributes);
    if (NT_SUCCESS(status))
        return status;
    ObpDereference(*object);
    return status == STATUS_OBJECT_NAME_COLLISION
               ? ObpLookup(attributes, callback_type(), KernelMode, 0, NULL, object)
               : status;
}

NTSTATUS ExCreateCallback(PCALLBACK_OBJECT *CallbackObject, POBJECT_ATTRIBUTES ObjectAttributes, BOOLEAN Create,
                          BOOLEAN AllowMultipleCallbacks)
{
    PVOID object = NULL;
    API_ENTER(ExCreateCallback, ObjectAttributes, SCHED_WRITE);
    *CallbackObject = NULL;
    if (!ObjectAttributes || !ObjectAttributes->ObjectName || !ObjectAttributes->ObjectName->Length)
        return STATUS_UNSUCCESSFUL;
    NTSTATUS status = ObpLookup(ObjectAttributes, callback_type(), KernelMode, 0, NULL, &object);
    if (!NT_SUCCESS(status) && Create)
        status = create(ObjectAttributes, AllowMultipleCallbacks, &object);
    if (!NT_SUCCESS(status))
        return status;
    ObpHeader(object)->site = VERIFY_CALLER;
    *CallbackObject = object;
    return STATUS_SUCCESS;
}

PVOID ExRegisterCallback(PCALLBACK_OBJECT CallbackObject, PCALLBACK_FUNCTION CallbackFunction, PVOID CallbackContext)
{
    struct callback *callback = (struct callback *)CallbackObject;
    struct registration *fresh = sim_alloc(sizeof *fresh);

    API_ENTER(ExRegisterCallback, CallbackObject, SCHED_WRITE);
    fresh->callback = callback;
    fresh->routine = CallbackFunction;
    fresh->context = CallbackContext;
    ObpReference(callback);
    sched_lock(&callback->lock);
    bool refused = !callback->several && !IsListEmpty(&callback->routines);
    if (!refused)
        InsertTailList(&callback->routines, &fresh->link);
    sched_unlock(&callback->lock);
    if (!refused)
        return fresh;
    ObpDereference(callback);
    sim_free(fresh);
    return NULL;
}

VOID ExUnregisterCallback(PVOID CallbackRegistration)
{
    struct registration *registration = CallbackRegistration;
    struct callback *callback = registration->callback;
    static const struct ki_wait_hint hint = {"a callback routine to return", NULL, NULL, 0};
    KEVENT idle;

    API_ENTER(ExUnregisterCallback, callback, SCHED_WRITE);
    KeInitializeEvent(&idle, SynchronizationEvent, FALSE);
    sched_lock(&callback->lock);
    bool busy = registration->running != 0;
    registration->removed = true;
    if (busy)
        registration->idle = &idle;
    else
        RemoveEntryList(&registration->link);
    sched_unlock(&callback->lock);
    if (busy)
        KiWaitFor(&idle, NULL, &hint, VERIFY_CALLER);
    ObpDereference(callback);
    sim_free(registration);
}

/* The next one to call, marked as running; the one before is let go. */
static struct registration *advance(struct callback *callback, struct registration *previous)
{
    PLIST_ENTRY entry;
    PKEVENT idle = NULL;

    sched_lock(&callback->lock);
    entry = previous ? previous->link.Flink : callback->routines.Flink;
    while (entry != &callback->routines && CONTAINING_RECORD(entry, struct registration, link)->removed)
        entry = entry->Flink;
    struct registration *next =
        entry == &callback->routines ? NULL : CONTAINING_RECORD(entry, struct registration, link);
    if (next)
        next->running++;
    if (previous && !--previous->running && previous->removed) {
        RemoveEntryList(&previous->link);
        idle = previous->idle;
    }
    sched_unlock(&callback->lock);
    if (idle)
        KeSetEvent(idle, IO_NO_INCREMENT, FALSE);
    return next;
}

VOID ExNotifyCallback(PVOID CallbackObject, PVOID Argument1, PVOID Argument2)
{
    struct callback *callback = CallbackObject;
    struct registration *current = NULL;

    API_ENTER(ExNotifyCallback, CallbackObject, SCHED_READ);
    while ((current = advance(callback, current)))
        current->routine(current->context, Argument1, Argument2);
}
