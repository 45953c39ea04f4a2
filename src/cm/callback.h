/* Registry callbacks: who is told of an operation before it, highest altitude first, and after it, the other way round.
 *     struct cm_operation operation = CM_OPERATION(SetValueKey, object, info);
 *     if (CmpBegin(&operation, &status))
 *         status = set_value(...);
 *     return CmpEnd(&operation, object, status);
 * No lock is held meanwhile. Where nobody is registered, each costs one branch. */
#ifndef FLTSIM_CM_CALLBACK_H
#define FLTSIM_CM_CALLBACK_H

#include "cm/cmp.h"

struct cm_called;

struct cm_operation {
    REG_NOTIFY_CLASS pre, post;
    PVOID object; // the key object; the root, where one is opened
    PVOID info;   // the REG_..._INFORMATION of the pre-callback
    PVOID *call_context, *object_context; // its members
    struct cm_called *called;             // held until CmpEnd
    size_t count, passed;                 // the first `passed` of them have let it pass: they hear of the end
};
#define CM_OPERATION_AT(name, key, information, context)                                                                \
    {                                                                                                                  \
        .pre = RegNtPre##name, .post = RegNtPost##name, .object = (key), .info = &(information),                       \
        .call_context = &(information).CallContext, .object_context = &(information).context                           \
    }
#define CM_OPERATION(name, key, information) CM_OPERATION_AT(name, key, information, ObjectContext)

/* False: a callback took the operation over; *status is its outcome. */
bool CmpBegin(struct cm_operation *operation, NTSTATUS *status);
/* The status that the caller gets. result: the key object that post-callbacks see, NULL for none. */
NTSTATUS CmpEnd(struct cm_operation *operation, PVOID result, NTSTATUS status);

/* callback-left-registered for what code of the driver registered and left; NULL: for everybody's. */
void CmpReportDriver(const char *driver);

/* ---- private to callback.c and callback_object.c ---- */

struct cm_callback {
    struct cm_callback *next; // cm_state.callbacks
    PEX_CALLBACK_FUNCTION function;
    PVOID context;
    UNICODE_STRING altitude;
    LONGLONG cookie;
    EX_RUNDOWN_REF running;
    const void *site;
};

struct cm_callback *CmpFindCallback(LONGLONG cookie); /* with the lock held */
PVOID CmpFindContext(PVOID object, LONGLONG cookie);
/* The object goes, the callback goes (run down already; call: tell it of each context). */
void CmpForgetObject(PVOID object);
void CmpForgetCallback(struct cm_callback *callback, bool call);

#endif
