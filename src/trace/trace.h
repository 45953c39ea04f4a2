/* The event ring and the names of statuses, IRPs and flags. Called by every room; calls back none. */
#ifndef FLTSIM_TRACE_H
#define FLTSIM_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool trace_start(void);
void trace_stop(void);

extern bool trace_on __attribute__((visibility("hidden")));
/* One line of the trace: room, then printf text. Evaluated only when tracing. */
#define TRACE(room, ...)                                                                                               \
    do {                                                                                                               \
        if (__builtin_expect(trace_on, 0))                                                                             \
            trace_event(room, __VA_ARGS__);                                                                            \
    } while (0)
void trace_event(const char *room, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Names from the one list each: "STATUS_OBJECT_NAME_NOT_FOUND", "IRP_MJ_CREATE" / "IRP_MJ_ACQUIRE_FOR_MOD_WRITE",
 * "IRP_MN_NORMAL", "IRP_NOCACHE|IRP_PAGING_IO". Unknown values print as 0x%08x. The text is static, or in `text`. */
const char *trace_status(int32_t status);
bool trace_status_value(const char *name, int32_t *status); /* false: no status has that name */
const char *trace_major(unsigned char major);
const char *trace_minor(unsigned char major, unsigned char minor);
const char *trace_flags(const char *list, uint32_t flags, char *text, size_t size);
/* UTF-16 to UTF-8 for messages; `bytes` as in UNICODE_STRING.Length. Returns `text`. */
const char *trace_utf8(const uint16_t *units, size_t bytes, char *text, size_t size);

#endif
