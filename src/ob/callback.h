/* Handle callbacks. Private to ob. */
#ifndef FLTSIM_OB_CALLBACK_H
#define FLTSIM_OB_CALLBACK_H

#include "ob/state.h"

struct ob_call {
    struct ob_watch *watch;
    OB_OPERATION_REGISTRATION *operation;
    PVOID context; // from the pre-callback to the post-callback
};

struct ob_handle_calls {
    size_t count;
    struct ob_call calls[32];
};

/* Tells who wants to know that a handle is about to be made (with `access`, from `from`'s to `to`'s); the access that
 * is left. Then that it was made, or why not. */
ACCESS_MASK ObpBeforeHandle(struct ob_handle_calls *calls, PVOID object, OB_OPERATION operation, ACCESS_MASK access,
                            ULONG attributes, PEPROCESS from, PEPROCESS to);
void ObpAfterHandle(struct ob_handle_calls *calls, PVOID object, OB_OPERATION operation, ACCESS_MASK granted,
                    ULONG attributes, NTSTATUS status);
/* ObpCreateHandle between the two. */
NTSTATUS ObpCreateWatchedHandle(PVOID object, OB_OPERATION operation, ACCESS_MASK granted, ULONG attributes,
                                PEPROCESS from, const void *site, PHANDLE handle);
void ObpReportCallbacks(const char *driver);

#endif
