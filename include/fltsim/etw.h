/* Event tracing from a test's side: enabling a driver's providers, and what they wrote. */
#ifndef FLTSIM_ETW_H
#define FLTSIM_ETW_H

#include <fltsim/fltsim.h>

#include <evntprov.h>

FLTSIM_WDK_BEGIN

/* As a trace session does: of every provider of that GUID, those that register later, too. The providers' enable callbacks
 * are called in this thread, before the call returns. Once more: with the new level and keywords. */
void fltsim_enable_provider(const GUID *provider, UCHAR level, uint64_t any_keyword, uint64_t all_keywords);
void fltsim_disable_provider(const GUID *provider);
/* EVENT_CONTROL_CODE_CAPTURE_STATE. */
void fltsim_capture_provider_state(const GUID *provider);

/* One event that somebody had enabled. Good during the callback. */
struct fltsim_event {
    GUID provider;
    const char *name;            /* of the provider, by its traits; NULL: it has none */
    EVENT_DESCRIPTOR descriptor; /* EtwWriteString: Level and Keyword */
    GUID activity, related;      /* zeros: none */
    const void *data;            /* the pieces behind each other; EtwWriteString: the text with its end */
    size_t length;
    bool is_string;
};
/* Calls `each` (may be NULL) for every event since the machine started or fltsim_forget_events, oldest first; answers how
 * many. Only the first 4096 are kept. */
size_t fltsim_events(void (*each)(const struct fltsim_event *event, void *context), void *context);
void fltsim_forget_events(void);

FLTSIM_WDK_END

#endif
