/* A small file system and its disk, for tests of the I/O manager alone. Drive "S:". */
#ifndef TESTS_IO_STUB_H
#define TESTS_IO_STUB_H

#include <fltsim/fltsim.h>

#include "io/iop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum stub_mode {
    STUB_INLINE,   /* complete in the dispatch routine */
    STUB_PEND,     /* pend; a worker thread completes */
    STUB_DISPATCH, /* pend; a worker thread completes at DISPATCH_LEVEL */
    STUB_HOLD,     /* pend and wait for stub_release */
};

struct stub {
    PDRIVER_OBJECT driver;
    PDEVICE_OBJECT disk, control, volume;
    enum stub_mode mode;
    unsigned char hold_major; /* STUB_HOLD applies to this one only */
    unsigned count[IRP_MJ_MAXIMUM_FUNCTION + 1];
    unsigned mounts, direct;
    IO_STACK_LOCATION last[IRP_MJ_MAXIMUM_FUNCTION + 1]; /* parameters of the newest of each */
    ULONG last_flags[IRP_MJ_MAXIMUM_FUNCTION + 1];
    KPROCESSOR_MODE last_mode[IRP_MJ_MAXIMUM_FUNCTION + 1];
    NTSTATUS answer[IRP_MJ_MAXIMUM_FUNCTION + 1]; /* instead of the plain behaviour; 0: none */
    /* Called first when set; true: the request was handled, *status is the dispatch routine's answer. */
    bool (*hook)(PDEVICE_OBJECT device, PIRP irp, NTSTATUS *status);
    bool fast_io;
    bool quiet; /* several threads send requests: record nothing */
    unsigned fast_reads, fast_queries, fast_opens;
    PIRP held;
    PECP_LIST seen_ecps;
    SHARE_ACCESS share;
    unsigned opens;
    char data[8192];
    ULONG size;
};

extern struct stub stub;

/* A machine with the stub loaded and mounted; every test's setup and teardown. */
int stub_setup(void **state);
int stub_teardown(void **state); /* expects no violation */
/* For tests that ended fatally: the machine is dead. */
int stub_teardown_dead(void **state);
void stub_release(NTSTATUS status);
HANDLE stub_open(const char *path, const struct fltsim_open *open);

/* A function, not the macro: `name` may be a compound literal, which must outlive the call. */
static inline void stub_name(POBJECT_ATTRIBUTES attributes, PUNICODE_STRING name)
{
    InitializeObjectAttributes(attributes, name, OBJ_KERNEL_HANDLE | OBJ_CASE_INSENSITIVE, NULL, NULL);
}

#define U(text)                                                                                                        \
    (&(UNICODE_STRING){sizeof text - sizeof(WCHAR), sizeof text, (PWSTR)(ULONG_PTR)text})

#endif
