/* Directory change notification, for IRPs and for the Filter Manager's callback data alike. */
#ifndef FLTSIM_FSRTL_NOTIFY_H
#define FLTSIM_FSRTL_NOTIFY_H

#include "fsrtlp.h"

/* How a request is waited with. arm and disarm are called under an internal lock; all requests of one watch are of one
 * kind. */
struct notify_kind {
    PLIST_ENTRY (*links)(PVOID operation);           /* where the watch's queue may link it */
    PVOID (*of)(PLIST_ENTRY links);
    bool (*arm)(PVOID sync, PVOID operation);        /* can be cancelled from now on. False: it was, already */
    bool (*disarm)(PVOID operation);                 /* False: it is being cancelled; FsRtlpNotifyCancel follows */
    PVOID (*buffer)(PVOID operation, ULONG *length);
    void (*complete)(PVOID operation, NTSTATUS status, ULONG_PTR information);
};

/* What FsRtlNotifyFilterChangeDirectory is asked; the operation is not NULL. */
struct notify_request {
    PLIST_ENTRY list;
    PVOID context;
    PSTRING directory;
    BOOLEAN tree, ignoreBuffer;
    ULONG filter;
    PCHECK_FOR_TRAVERSE_ACCESS traverse;
    PSECURITY_SUBJECT_CONTEXT subject;
    PFILTER_REPORT_CHANGE report;
    PFILE_OBJECT file;
    const struct notify_kind *kind;
    PVOID operation;
};
void FsRtlpNotifyChange(PNOTIFY_SYNC sync, const struct notify_request *request);
/* From the operation's cancel routine, the cancel spin lock released: takes it out of the queue and completes it. */
void FsRtlpNotifyCancel(PVOID sync, const struct notify_kind *kind, PVOID operation);

#endif
