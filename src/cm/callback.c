#include "cm/callback.h"

#include "ex/lock.h"
#include "fault/fault.h"
#include "ob/object.h"
#include "sim/machine.h"
#include "verify/api.h"
#include "verify/verify.h"

#include <string.h>

struct cm_called {
    struct cm_callback *callback;
    PVOID context; // what the pre-callback left for the post-callback
};

/* ---- registering ---- */

struct cm_callback *CmpFindCallback(LONGLONG cookie)
{
    struct cm_callback *callback = machine->cm->callbacks;
    while (callback && callback->cookie != cookie)
        callback = callback->next;
    return callback;
}

static int compare(PCUNICODE_STRING a, PCUNICODE_STRING b)
{
    return ObpCompareAltitudes(a->Buffer, a->Length / sizeof(WCHAR), b->Buffer, b->Length / sizeof(WCHAR));
}

static void free_callback(struct cm_callback *callback)
{
    sim_free(callback->altitude.Buffer);
    sim_free(callback);
}

/* Callbacks without an altitude of their own share one: the newest is the lowest of them. */
static NTSTATUS insert(struct cm_callback *callback, bool shares)
{
    NTSTATUS status = STATUS_SUCCESS;

    sched_lock(&machine->cm->lock);
    struct cm_callback **at = &machine->cm->callbacks;
    while (*at && compare(&(*at)->altitude, &callback->altitude) > 0)
        at = &(*at)->next;
    while (shares && *at && compare(&(*at)->altitude, &callback->altitude) == 0)
        at = &(*at)->next;
    if (*at && compare(&(*at)->altitude, &callback->altitude) == 0)
        status = STATUS_FLT_INSTANCE_ALTITUDE_COLLISION;
    if (NT_SUCCESS(status)) {
        callback->cookie = ++machine->cm->last_cookie;
        callback->next = *at;
        *at = callback;
        __atomic_add_fetch(&machine->cm->callback_count, 1, __ATOMIC_RELEASE);
    }
    sched_unlock(&machine->cm->lock);
    return status;
}

static NTSTATUS add(PEX_CALLBACK_FUNCTION function, PCUNICODE_STRING altitude, bool shares, PVOID context,
                    PLARGE_INTEGER cookie, const void *site)
{
    if (fault_allocation())
        return STATUS_INSUFFICIENT_RESOURCES;
    struct cm_callback *callback = sim_alloc(sizeof *callback);
    callback->function = function;
    callback->context = context;
    callback->site = site;
    callback->altitude = (UNICODE_STRING){altitude->Length, altitude->Length, sim_alloc(altitude->Length)};
    memcpy(callback->altitude.Buffer, altitude->Buffer, altitude->Length);
    ExInitializeRundownProtection(&callback->running);
    NTSTATUS status = insert(callback, shares);
    if (NT_SUCCESS(status))
        cookie->QuadPart = callback->cookie;
    else
        free_callback(callback);
    return status;
}

NTSTATUS CmRegisterCallback(PEX_CALLBACK_FUNCTION Function, PVOID Context, PLARGE_INTEGER Cookie)
{
    static const UNICODE_STRING shared = RTL_CONSTANT_STRING(u"425000");
    API_ENTER(CmRegisterCallback, NULL, SCHED_WRITE);
    return add(Function, &shared, true, Context, Cookie, VERIFY_CALLER);
}

NTSTATUS CmRegisterCallbackEx(PEX_CALLBACK_FUNCTION Function, PCUNICODE_STRING Altitude, PVOID Driver, PVOID Context,
                              PLARGE_INTEGER Cookie, PVOID Reserved)
{
    API_ENTER(CmRegisterCallbackEx, NULL, SCHED_WRITE);
    if (!Altitude || !Altitude->Length || !Driver)
        return STATUS_INVALID_PARAMETER;
    return add(Function, Altitude, false, Context, Cookie, VERIFY_CALLER);
}

static void unlink_callback(struct cm_callback *callback)
{
    struct cm_callback **at = &machine->cm->callbacks;
    while (*at != callback)
        at = &(*at)->next;
    *at = callback->next;
    __atomic_sub_fetch(&machine->cm->callback_count, 1, __ATOMIC_RELEASE);
}

NTSTATUS CmUnRegisterCallback(LARGE_INTEGER Cookie)
{
    API_ENTER(CmUnRegisterCallback, NULL, SCHED_WRITE);
    sched_lock(&machine->cm->lock);
    struct cm_callback *callback = CmpFindCallback(Cookie.QuadPart);
    if (callback)
        unlink_callback(callback);
    sched_unlock(&machine->cm->lock);
    if (!callback)
        return STATUS_INVALID_PARAMETER;

    ExWaitForRundownProtectionRelease(&callback->running);
    CmpForgetCallback(callback, true);
    free_callback(callback);
    return STATUS_SUCCESS;
}

VOID CmGetCallbackVersion(PULONG Major, PULONG Minor)
{
    API_IRQL(CmGetCallbackVersion);
    if (Major)
        *Major = 1;
    if (Minor)
        *Minor = 1;
}

/* ---- around an operation ---- */

static void gather(struct cm_operation *operation)
{
    sched_lock(&machine->cm->lock);
    operation->called = sim_alloc((machine->cm->callback_count + 1) * sizeof *operation->called);
    for (struct cm_callback *callback = machine->cm->callbacks; callback; callback = callback->next)
        if (ExpAcquireRundown(&callback->running))
            operation->called[operation->count++].callback = callback;
    sched_unlock(&machine->cm->lock);
}

static NTSTATUS call(struct cm_callback *callback, REG_NOTIFY_CLASS class, PVOID info)
{
    return callback->function(callback->context, (PVOID)(ULONG_PTR)class, info);
}

bool CmpBegin(struct cm_operation *operation, NTSTATUS *status)
{
    if (!machine->cm || !__atomic_load_n(&machine->cm->callback_count, __ATOMIC_ACQUIRE))
        return true;
    gather(operation);
    for (; operation->passed < operation->count; operation->passed++) {
        struct cm_called *called = &operation->called[operation->passed];
        *operation->call_context = NULL;
        *operation->object_context = CmpFindContext(operation->object, called->callback->cookie);
        *status = call(called->callback, operation->pre, operation->info);
        called->context = *operation->call_context;
        if (!NT_SUCCESS(*status)) {
            if (*status == STATUS_CALLBACK_BYPASS)
                *status = STATUS_SUCCESS;
            return false;
        }
    }
    return true;
}

NTSTATUS CmpEnd(struct cm_operation *operation, PVOID result, NTSTATUS status)
{
    if (!operation->called)
        return status;
    while (operation->passed--) {
        struct cm_called *called = &operation->called[operation->passed];
        PVOID context = CmpFindContext(result, called->callback->cookie);
        REG_POST_OPERATION_INFORMATION info = {.Object = result,
                                               .Status = status,
                                               .PreInformation = operation->info,
                                               .ReturnStatus = status,
                                               .CallContext = called->context,
                                               .ObjectContext = context};
        *operation->call_context = called->context;
        if (call(called->callback, operation->post, &info) == STATUS_CALLBACK_BYPASS)
            status = info.ReturnStatus;
    }
    for (size_t i = 0; i < operation->count; i++)
        ExReleaseRundownProtection(&operation->called[i].callback->running);
    sim_free(operation->called);
    operation->called = NULL;
    return status;
}

/* ---- callbacks left behind ---- */

void CmpReportDriver(const char *driver)
{
    for (;;) {
        sched_lock(&machine->cm->lock);
        struct cm_callback *found = machine->cm->callbacks;
        while (found && driver && !verify_is_driver_code(found->site, driver))
            found = found->next;
        if (found)
            unlink_callback(found);
        sched_unlock(&machine->cm->lock);
        if (!found)
            return;
        struct verify_violation *v =
            verify_begin(VERIFY_CALLBACK_REGISTERED, "A registry callback (CmRegisterCallback) is still registered.");
        verify_routine(v, "routine", (const void *)found->function);
        verify_site(v, "registered by", found->site);
        verify_end(v);
        CmpForgetCallback(found, false);
        free_callback(found);
    }
}
