/* Routines by name: what this library exports is what this Windows has, but for what is no export of the kernel. */
#include "mm/mmp.h"

#include "plat/module.h"
#include "trace/trace.h"

#include <string.h>

/* Exports of fltmgr and cng, and what a driver has in itself from a header or a library of the WDK. */
static const char *const elsewhere[] = {
    "AuxKlib",           "BCrypt",
    "Flt",               "Interlocked",
    "RtlStringC",        "RtlUnicodeStringC",
    "RtlUnicodeStringI", "RtlUnicodeStringPrintf",
    "RtlUnicodeStringV",
};

static const char *const inlined[] = {
    "CcGetFileSizePointer",
    "ExAcquirePushLockExclusive",
    "ExAcquirePushLockShared",
    "ExAllocateFromLookasideListEx",
    "ExAllocateFromNPagedLookasideList",
    "ExAllocatePoolPriorityUninitialized",
    "ExAllocatePoolPriorityZero",
    "ExAllocatePoolQuotaUninitialized",
    "ExAllocatePoolQuotaZero",
    "ExAllocatePoolUninitialized",
    "ExAllocatePoolZero",
    "ExFreeToLookasideListEx",
    "ExFreeToNPagedLookasideList",
    "ExInitializeFastMutex",
    "ExReleasePushLockExclusive",
    "ExReleasePushLockShared",
    "IoCreateDeviceSecure",
    "IoGetRemainingStackSize",
    "KeGetCurrentProcessorNumber",
    "KeQueryTickCount",
    "KeRaiseIrql",
    "MmGetSystemAddressForMdl",
    "MmGetSystemAddressForMdlSafe",
    "ObReferenceObject",
    "RtlSecureZeroMemory",
};

static bool is_kernel_export(const char *name)
{
    if (name[0] < 'A' || name[0] > 'Z') /* the host's C library */
        return false;
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (!strncmp(name, elsewhere[i], strlen(elsewhere[i])))
            return false;
    for (size_t i = 0; i < sizeof inlined / sizeof *inlined; i++)
        if (!strcmp(name, inlined[i]))
            return false;
    return true;
}

static bool narrow(PCUNICODE_STRING from, char *name, size_t room)
{
    size_t length = from->Length / sizeof(WCHAR);
    if (length == 0 || length >= room)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (from->Buffer[i] == 0 || from->Buffer[i] > 0x7f)
            return false;
        name[i] = (char)from->Buffer[i];
    }
    name[length] = 0;
    return true;
}

PVOID MmGetSystemRoutineAddress(PUNICODE_STRING SystemRoutineName)
{
    API_IRQL(MmGetSystemRoutineAddress);
    char name[128];
    if (!narrow(SystemRoutineName, name, sizeof name))
        return NULL;
    PVOID address = is_kernel_export(name) ? plat_module_export(name) : NULL;
    TRACE("mm", "MmGetSystemRoutineAddress %s: %p", name, address);
    return address;
}
