#include "fault/fault.h"
#include "ob/callback.h"

#include "ex/lock.h"
#include "ke/thread.h"
#include "verify/api.h"

#include <string.h>

/* Handle callbacks (ObRegisterCallbacks), for process and thread handles: called from the highest altitude to the
 * lowest before a handle is made, the other way round after. */
struct ob_watch {
    struct ob_watch *next; // ob_state.watches, by falling altitude
    WCHAR altitude[64];
    USHORT altitude_length;
    PVOID context;
    USHORT count;
    OB_OPERATION_REGISTRATION *operations;
    EX_RUNDOWN_REF running;
    const void *site;
};

enum { MAX_CALLS = 32 };

/* As text: whole parts by length first. */
int ObpCompareAltitudes(const WCHAR *a, size_t a_length, const WCHAR *b, size_t b_length)
{
    size_t a_whole = 0, b_whole = 0;
    while (a_length && *a == '0')
        a++, a_length--;
    while (b_length && *b == '0')
        b++, b_length--;
    while (a_whole < a_length && a[a_whole] != '.')
        a_whole++;
    while (b_whole < b_length && b[b_whole] != '.')
        b_whole++;
    if (a_whole != b_whole)
        return a_whole < b_whole ? -1 : 1;
    for (size_t i = 0; i < a_length || i < b_length; i++) {
        WCHAR x = i < a_length ? a[i] : i == a_whole ? '.' : '0', y = i < b_length ? b[i] : i == b_whole ? '.' : '0';
        if (x != y)
            return x < y ? -1 : 1;
    }
    return 0;
}

static bool is_valid(POB_CALLBACK_REGISTRATION registration)
{
    if ((registration->Version & 0xff00) != (OB_FLT_REGISTRATION_VERSION & 0xff00) ||
        !registration->OperationRegistrationCount || registration->Altitude.Length >= 64 * sizeof(WCHAR))
        return false;
    for (USHORT i = 0; i < registration->OperationRegistrationCount; i++) {
        OB_OPERATION_REGISTRATION *operation = &registration->OperationRegistration[i];
        if (!operation->ObjectType || (operation->ObjectType != PsProcessType && operation->ObjectType != PsThreadType) ||
            !operation->Operations ||
            (operation->Operations & ~(ULONG)(OB_OPERATION_HANDLE_CREATE | OB_OPERATION_HANDLE_DUPLICATE)) ||
            (!operation->PreOperation && !operation->PostOperation))
            return false;
    }
    return true;
}

NTSTATUS ObRegisterCallbacks(POB_CALLBACK_REGISTRATION CallbackRegistration, PVOID *RegistrationHandle)
{
    API_ENTER(ObRegisterCallbacks, CallbackRegistration, SCHED_WRITE);
    *RegistrationHandle = NULL;
    if (!is_valid(CallbackRegistration))
        return STATUS_INVALID_PARAMETER;
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    size_t size = CallbackRegistration->OperationRegistrationCount * sizeof(OB_OPERATION_REGISTRATION);
    struct ob_watch *watch = sim_alloc(sizeof *watch + size);
    watch->altitude_length = CallbackRegistration->Altitude.Length / sizeof(WCHAR);
    if (watch->altitude_length) /* drivers live without one */
        memcpy(watch->altitude, CallbackRegistration->Altitude.Buffer, CallbackRegistration->Altitude.Length);
    watch->context = CallbackRegistration->RegistrationContext;
    watch->count = CallbackRegistration->OperationRegistrationCount;
    watch->operations = (OB_OPERATION_REGISTRATION *)(watch + 1);
    memcpy(watch->operations, CallbackRegistration->OperationRegistration, size);
    watch->site = VERIFY_CALLER;
    ExInitializeRundownProtection(&watch->running);

    int order = 1;
    sched_lock(&ob()->watch_lock);
    struct ob_watch **link = &ob()->watches;
    while (*link && (order = ObpCompareAltitudes((*link)->altitude, (*link)->altitude_length, watch->altitude,
                                                 watch->altitude_length)) > 0)
        link = &(*link)->next;
    bool collides = *link && order == 0;
    if (!collides) {
        watch->next = *link;
        *link = watch;
        __atomic_store_n(&ob()->watched, true, __ATOMIC_RELEASE);
    }
    sched_unlock(&ob()->watch_lock);
    if (collides) {
        sim_free(watch);
        return STATUS_FLT_INSTANCE_ALTITUDE_COLLISION;
    }
    *RegistrationHandle = watch;
    return STATUS_SUCCESS;
}

static void unlink_watch(struct ob_watch *watch)
{
    struct ob_watch **link = &ob()->watches;
    while (*link != watch)
        link = &(*link)->next;
    *link = watch->next;
    if (!ob()->watches)
        __atomic_store_n(&ob()->watched, false, __ATOMIC_RELEASE);
}

/* Returns when no callback of it runs any more. */
VOID ObUnRegisterCallbacks(PVOID RegistrationHandle)
{
    struct ob_watch *watch = RegistrationHandle;
    API_ENTER(ObUnRegisterCallbacks, RegistrationHandle, SCHED_WRITE);
    sched_lock(&ob()->watch_lock);
    unlink_watch(watch);
    sched_unlock(&ob()->watch_lock);
    ExWaitForRundownProtectionRelease(&watch->running);
    sim_free(watch);
}

USHORT ObGetFilterVersion(VOID)
{
    API_IRQL(ObGetFilterVersion);
    return OB_FLT_REGISTRATION_VERSION;
}

/* ---- around the making of a handle ---- */

/* Those that want to hear of the operation, held until let_go. */
static size_t gather(POBJECT_TYPE type, OB_OPERATION operation, struct ob_call *calls)
{
    size_t count = 0;
    sched_lock(&ob()->watch_lock);
    for (struct ob_watch *watch = ob()->watches; watch; watch = watch->next)
        for (USHORT i = 0; i < watch->count && count < MAX_CALLS; i++)
            if (*watch->operations[i].ObjectType == type && (watch->operations[i].Operations & operation) &&
                ExpAcquireRundown(&watch->running))
                calls[count++] = (struct ob_call){watch, &watch->operations[i], NULL};
    sched_unlock(&ob()->watch_lock);
    return count;
}

ACCESS_MASK ObpBeforeHandle(struct ob_handle_calls *calls, PVOID object, OB_OPERATION operation, ACCESS_MASK access,
                            ULONG attributes, PEPROCESS from, PEPROCESS to)
{
    OB_PRE_OPERATION_PARAMETERS parameters;
    calls->count = 0;
    if (!__atomic_load_n(&ob()->watched, __ATOMIC_ACQUIRE))
        return access;
    calls->count = gather(ObpTypeOf(object), operation, calls->calls);
    parameters.DuplicateHandleInformation = (OB_PRE_DUPLICATE_HANDLE_INFORMATION){access, access, from, to};
    for (size_t i = 0; i < calls->count; i++) {
        struct ob_call *call = &calls->calls[i];
        OB_PRE_OPERATION_INFORMATION information = {.Operation = operation,
                                                    .KernelHandle = (attributes & OBJ_KERNEL_HANDLE) != 0,
                                                    .Object = object,
                                                    .ObjectType = ObpTypeOf(object),
                                                    .Parameters = &parameters};
        if (call->operation->PreOperation)
            call->operation->PreOperation(call->watch->context, &information);
        call->context = information.CallContext;
    }
    /* Rights can be taken away, not given. */
    return parameters.CreateHandleInformation.DesiredAccess & access;
}

void ObpAfterHandle(struct ob_handle_calls *calls, PVOID object, OB_OPERATION operation, ACCESS_MASK granted,
                    ULONG attributes, NTSTATUS status)
{
    OB_POST_OPERATION_PARAMETERS parameters = {.CreateHandleInformation = {granted}};
    while (calls->count--) {
        struct ob_call *call = &calls->calls[calls->count];
        OB_POST_OPERATION_INFORMATION information = {.Operation = operation,
                                                     .KernelHandle = (attributes & OBJ_KERNEL_HANDLE) != 0,
                                                     .Object = object,
                                                     .ObjectType = ObpTypeOf(object),
                                                     .CallContext = call->context,
                                                     .ReturnStatus = status,
                                                     .Parameters = &parameters};
        if (call->operation->PostOperation)
            call->operation->PostOperation(call->watch->context, &information);
        ExReleaseRundownProtection(&call->watch->running);
    }
}

NTSTATUS ObpCreateWatchedHandle(PVOID object, OB_OPERATION operation, ACCESS_MASK granted, ULONG attributes,
                                PEPROCESS from, const void *site, PHANDLE handle)
{
    struct ob_handle_calls calls;
    granted = ObpBeforeHandle(&calls, object, operation, granted, attributes, from, KiCurrentProcess());
    NTSTATUS status = ObpCreateHandle(object, granted, attributes, site, handle);
    if (calls.count)
        ObpAfterHandle(&calls, object, operation, granted, attributes, status);
    return status;
}

/* ---- callbacks left behind ---- */

void ObpReportCallbacks(const char *driver)
{
    for (;;) {
        struct ob_watch *found = NULL;
        sched_lock(&ob()->watch_lock);
        for (struct ob_watch *watch = ob()->watches; watch && !found; watch = watch->next)
            if (!driver || verify_is_driver_code(watch->site, driver))
                found = watch;
        if (found)
            unlink_watch(found);
        sched_unlock(&ob()->watch_lock);
        if (!found)
            return;
        struct verify_violation *v =
            verify_begin(VERIFY_CALLBACK_REGISTERED, "Callbacks for handles (ObRegisterCallbacks) are still registered.");
        verify_site(v, "registered by", found->site);
        verify_end(v);
        sim_free(found);
    }
}
