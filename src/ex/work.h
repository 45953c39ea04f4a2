/* Worker threads, for other rooms. */
#ifndef FLTSIM_EX_WORK_H
#define FLTSIM_EX_WORK_H

/* Runs body on a system worker thread at PASSIVE_LEVEL, at some later time. Any IRQL. The machine's stop waits until
 * all that was queued has run. */
void ExpQueueWork(void (*body)(void *argument), void *argument);
/* Waits until everything queued so far (and what that queued) has run. PASSIVE_LEVEL, not on a worker thread. */
void ExpDrainWork(void);

#endif
