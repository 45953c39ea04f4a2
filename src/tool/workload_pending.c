/* What programs have under way while an instance is detached: watches of folders. */
#include "tool/workload.h"

#include <stdlib.h>

enum { WATCHES = 4 };

struct workload_pending {
    unsigned count;
    struct pending_watch {
        HANDLE folder, event;
        IO_STATUS_BLOCK iosb;
        NTSTATUS status;
        _Alignas(8) char buffer[256];
    } watches[WATCHES];
};

static void watch(struct workload *w, struct workload_pending *pending, const char *name)
{
    struct fltsim_open open = {.access = FILE_LIST_DIRECTORY, .options = FILE_DIRECTORY_FILE, .asynchronous = true};
    struct pending_watch *watch = &pending->watches[pending->count];

    if (pending->count == WATCHES || !NT_SUCCESS(fltsim_open(workload_path(w, name), &open, &watch->folder)))
        return;
    pending->count++;
    watch->iosb.Status = STATUS_PENDING;
    ZwCreateEvent(&watch->event, EVENT_ALL_ACCESS, NULL, NotificationEvent, FALSE);
    fltsim_previous_mode(UserMode);
    watch->status = NtNotifyChangeDirectoryFile(watch->folder, watch->event, NULL, NULL, &watch->iosb, watch->buffer,
                                                sizeof watch->buffer, FILE_NOTIFY_CHANGE_FILE_NAME, TRUE);
    fltsim_previous_mode(KernelMode);
    w->operations += 2;
}

struct workload_pending *workload_begin_pending(struct workload *w)
{
    struct workload_pending *pending = calloc(1, sizeof *pending);

    watch(w, pending, "\\");
    watch(w, pending, "\\work");
    for (size_t i = w->known->path_count; i-- > 0;)
        if (workload_is_full_folder(w->known->paths[i]))
            watch(w, pending, w->known->paths[i]);
    return pending;
}

void workload_end_pending(struct workload *w, struct workload_pending *pending)
{
    for (unsigned i = 0; i < pending->count; i++) {
        struct pending_watch *watch = &pending->watches[i];
        fltsim_close(watch->folder);
        if (watch->status == STATUS_PENDING)
            ZwWaitForSingleObject(watch->event, FALSE, NULL);
        ZwClose(watch->event);
    }
    w->operations += pending->count + 1;
    free(pending);
}
