/* The executive's state in a machine. Private to ex. */
#ifndef FLTSIM_EX_STATE_H
#define FLTSIM_EX_STATE_H

#include "ex/pool.h"
#include "ex/track.h"
#include "sim/machine.h"

struct track_state;
struct work_state;

struct ex_state {
    struct pool_state pool;
    struct work_state *work;
    struct track_state *track;
    ULONG uuid_sequence;
    POBJECT_TYPE callback_type;
};

static inline struct ex_state *ex(void) { return machine->ex; }

void ExpStartCallbacks(void);
bool ExpWorkStart(void);
void ExpWorkStop(void);

#endif
