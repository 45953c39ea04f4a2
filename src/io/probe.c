/* What a program passes to a service, before anything believes it: nt/mm.h says what of it can be wrong here. */
#include "iop.h"

enum { LOWEST = 0x1000, PAGE_BYTES = 0x1000 };

NTSTATUS IopProbeRange(const volatile VOID *address, SIZE_T length, ULONG alignment)
{
    ULONG_PTR at = (ULONG_PTR)address;
    if (at & (alignment - 1))
        return STATUS_DATATYPE_MISALIGNMENT;
    return at < LOWEST || at + length < at ? STATUS_ACCESS_VIOLATION : STATUS_SUCCESS;
}

void IopProbeForRead(const volatile VOID *address, SIZE_T length, ULONG alignment)
{
    ProbeForRead(address, length, alignment);
    if (length == 0)
        return;
    const volatile UCHAR *at = address, *last = at + length - 1; /* of something: no arithmetic on NULL */
    for (;; at = (const volatile UCHAR *)(((ULONG_PTR)at | (PAGE_BYTES - 1)) + 1)) {
        (void)*at;
        if (((ULONG_PTR)at | (PAGE_BYTES - 1)) >= (ULONG_PTR)last)
            return;
    }
}

NTSTATUS IopProbeMemory(const volatile VOID *address, SIZE_T length, ULONG alignment, bool write)
{
    volatile NTSTATUS status = STATUS_SUCCESS;
    __try {
        if (write)
            ProbeForWrite((volatile VOID *)(ULONG_PTR)address, length, alignment);
        else
            IopProbeForRead(address, length, alignment);
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        status = GetExceptionCode();
    }
    return status;
}
