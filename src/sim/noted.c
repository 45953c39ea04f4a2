#include "sim/machine.h"

#include "sched/sched.h"
#include "trace/trace.h"
#include "verify/verify.h"

#include <fltsim/fltsim.h>
#include <stdio.h>

enum { NOTES = 16 };

static struct {
    char routine[64]; /* the text is in the driver, which goes */
    const void *site;
    NTSTATUS status;
} notes[NOTES];
static size_t count;
static struct sched_lock lock;

NTSTATUS fltsim_noted_status(const char *routine, NTSTATUS status)
{
    if (NT_ERROR(status)) {
        sched_lock(&lock);
        size_t at = count++ % NOTES;
        snprintf(notes[at].routine, sizeof notes[at].routine, "%s", routine);
        notes[at].site = VERIFY_CALLER;
        notes[at].status = status;
        sched_unlock(&lock);
    }
    return status;
}

void fltsim_each_noted_status(void (*line)(const char *text, void *context), void *context)
{
    char site[400], text[600];

    for (size_t i = count > NOTES ? count - NOTES : 0; i < count; i++) {
        verify_symbolize(notes[i % NOTES].site, site, sizeof site);
        snprintf(text, sizeof text, "%s answered %s in %s", notes[i % NOTES].routine, trace_status(notes[i % NOTES].status), site);
        line(text, context);
    }
}
