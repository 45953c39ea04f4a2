/* Between dispatcher.c and wait.c. */
#ifndef FLTSIM_KE_DISPATCHER_H
#define FLTSIM_KE_DISPATCHER_H

#include "ke/kep.h"

void KiLockAll(void);
void KiUnlockAll(void);
bool KiCanTake(PDISPATCHER_HEADER header, PKTHREAD thread);
int KiTake(PDISPATCHER_HEADER header, PKTHREAD thread);
/* Every lock is held: satisfies the thread's wait for all if it can be now. */
bool KiTryAll(PKTHREAD thread);
/* Reports what is no dispatcher object, and ends the run. */
bool KiCheckObject(const DISPATCHER_HEADER *header, const char *routine, const void *site);

#endif
