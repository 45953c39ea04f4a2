#include "mm/mmp.h"

#include "ex/pool.h"
#include "verify/verify.h"

#include <string.h>

/* -- making and freeing ------------------------------------------------------------------------ */

static SIZE_T pages_spanned(const void *address, SIZE_T length)
{
    return (((ULONG_PTR)address & (MI_PAGE - 1)) + length + MI_PAGE - 1) / MI_PAGE;
}

SIZE_T MmSizeOfMdl(PVOID base, SIZE_T length)
{
    return sizeof(MDL) + pages_spanned(base, length) * sizeof(PFN_NUMBER);
}

PMDL IoAllocateMdl(PVOID address, ULONG length, BOOLEAN secondary, BOOLEAN charge, PIRP irp)
{
    API_IRQL(IoAllocateMdl);
    PMDL mdl = ExAllocatePoolWithTag(NonPagedPool, MmSizeOfMdl(address, length), 'ldM ');
    if (!mdl)
        return NULL;
    ExpHandOut(mdl, VERIFY_CALLER);
    MmInitializeMdl(mdl, address, length);
    if (irp && !secondary) {
        irp->MdlAddress = mdl;
    } else if (irp) {
        PMDL *link = &irp->MdlAddress;
        while (*link)
            link = &(*link)->Next;
        *link = mdl;
    }
    return mdl;
}

PMDL MmCreateMdl(PMDL mdl, PVOID base, SIZE_T length)
{
    API_IRQL(MmCreateMdl);
    if (!mdl)
        mdl = ExAllocatePoolWithTag(NonPagedPool, MmSizeOfMdl(base, length), 'ldM ');
    if (mdl)
        MmInitializeMdl(mdl, base, length);
    return mdl;
}

VOID IoFreeMdl(PMDL mdl)
{
    API_IRQL(IoFreeMdl);
    if (mdl->MdlFlags & MDL_PAGES_LOCKED && !(mdl->MdlFlags & MDL_SOURCE_IS_NONPAGED_POOL))
        mdl->MdlFlags &= ~MDL_PAGES_LOCKED;
    ExFreePoolWithTag(mdl, 'ldM ');
}

/* -- pages ------------------------------------------------------------------------------------- */

void MiFillFrames(PMDL mdl)
{
    PPFN_NUMBER frames = MmGetMdlPfnArray(mdl);
    SIZE_T count = pages_spanned(MmGetMdlVirtualAddress(mdl), mdl->ByteCount);
    for (SIZE_T i = 0; i < count; i++)
        frames[i] = (PFN_NUMBER)((ULONG_PTR)mdl->StartVa / MI_PAGE + i);
}

static bool has_frames(const MDL *mdl)
{
    return mdl->MdlFlags & (MDL_PAGES_LOCKED | MDL_PARTIAL | MDL_SOURCE_IS_NONPAGED_POOL);
}

static PVOID memory_of(PMDL mdl) { return (PVOID)(*MmGetMdlPfnArray(mdl) * MI_PAGE + mdl->ByteOffset); }

VOID IoBuildPartialMdl(PMDL source, PMDL target, PVOID address, ULONG length)
{
    API_IRQL(IoBuildPartialMdl);
    ULONG skipped = (ULONG)((UCHAR *)address - (UCHAR *)MmGetMdlVirtualAddress(source));
    if (length == 0)
        length = source->ByteCount - skipped;
    target->StartVa = (PVOID)((ULONG_PTR)address & ~(ULONG_PTR)(MI_PAGE - 1));
    target->ByteOffset = (ULONG)((ULONG_PTR)address & (MI_PAGE - 1));
    target->ByteCount = length;
    target->Process = source->Process;
    target->MdlFlags &= MDL_ALLOCATED_FIXED_SIZE | MDL_ALLOCATED_MUST_SUCCEED;
    target->MdlFlags |=
        MDL_PARTIAL | (source->MdlFlags &
                       (MDL_SOURCE_IS_NONPAGED_POOL | MDL_MAPPED_TO_SYSTEM_VA | MDL_IO_PAGE_READ));
    if (source->MdlFlags & (MDL_SOURCE_IS_NONPAGED_POOL | MDL_MAPPED_TO_SYSTEM_VA))
        target->MappedSystemVa = (UCHAR *)source->MappedSystemVa + skipped;
    PPFN_NUMBER from = MmGetMdlPfnArray(source), to = MmGetMdlPfnArray(target);
    SIZE_T first = ((source->ByteOffset + skipped) / MI_PAGE);
    if (has_frames(source))
        memcpy(to, from + first, pages_spanned(address, length) * sizeof *to);
    else
        MiFillFrames(target);
}

VOID MmBuildMdlForNonPagedPool(PMDL mdl)
{
    API_IRQL(MmBuildMdlForNonPagedPool);
    MiFillFrames(mdl);
    mdl->MdlFlags |= MDL_SOURCE_IS_NONPAGED_POOL;
    mdl->Process = NULL;
    mdl->MappedSystemVa = MmGetMdlVirtualAddress(mdl);
}

/* Touches every page, so that a bad address raises here, as documented, inside the caller's own
 * __try. */
static void probe(PMDL mdl, LOCK_OPERATION operation)
{
    ULONG_PTR start = (ULONG_PTR)mdl->StartVa + mdl->ByteOffset, end = start + mdl->ByteCount;
    if (end < start)
        ExRaiseStatus(STATUS_ACCESS_VIOLATION);
    for (ULONG_PTR page = start; page < end; page = (page | (MI_PAGE - 1)) + 1) {
        volatile UCHAR *at = (volatile UCHAR *)page;
        UCHAR value = *at;
        if (operation != IoReadAccess)
            __atomic_compare_exchange_n(at, &value, value, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    }
}

VOID MmProbeAndLockPages(PMDL mdl, KPROCESSOR_MODE mode, LOCK_OPERATION operation)
{
    API_IRQL(MmProbeAndLockPages);
    if (mode != KernelMode && (ULONG_PTR)mdl->StartVa == 0)
        ExRaiseAccessViolation();
    probe(mdl, operation);
    MiFillFrames(mdl);
    mdl->Process = IoGetCurrentProcess();
    mdl->MdlFlags |= MDL_PAGES_LOCKED | (operation != IoReadAccess ? MDL_WRITE_OPERATION : 0);
}

VOID MmProbeAndLockProcessPages(PMDL mdl, PEPROCESS process, KPROCESSOR_MODE mode,
                                LOCK_OPERATION operation)
{
    API_IRQL(MmProbeAndLockProcessPages);
    MmProbeAndLockPages(mdl, mode, operation);
    mdl->Process = process;
}

VOID MmUnlockPages(PMDL mdl)
{
    API_IRQL(MmUnlockPages);
    mdl->MdlFlags &= ~(MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA | MDL_WRITE_OPERATION);
}

/* -- mapping: all addresses are one space, so an MDL's pages are mapped where they are --------- */

PVOID MmMapLockedPagesSpecifyCache(PMDL mdl, KPROCESSOR_MODE mode, MEMORY_CACHING_TYPE cache,
                                   PVOID requested, ULONG bugcheck, ULONG priority)
{
    API_IRQL(MmMapLockedPagesSpecifyCache);
    PVOID address = has_frames(mdl) ? memory_of(mdl) : MmGetMdlVirtualAddress(mdl);
    if (mode == KernelMode) {
        mdl->MappedSystemVa = address;
        mdl->MdlFlags |= MDL_MAPPED_TO_SYSTEM_VA;
    }
    return address;
}

PVOID MmMapLockedPages(PMDL mdl, KPROCESSOR_MODE mode)
{
    API_IRQL(MmMapLockedPages);
    return MmMapLockedPagesSpecifyCache(mdl, mode, MmCached, NULL, TRUE, HighPagePriority);
}

PVOID MmGetSystemAddressForMdlSafe(PMDL mdl, ULONG priority)
{
    if (mdl->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL))
        return mdl->MappedSystemVa;
    return MmMapLockedPagesSpecifyCache(mdl, KernelMode, MmCached, NULL, FALSE, priority);
}

PVOID MmGetSystemAddressForMdl(PMDL mdl)
{
    return MmGetSystemAddressForMdlSafe(mdl, HighPagePriority);
}

VOID MmUnmapLockedPages(PVOID address, PMDL mdl)
{
    API_IRQL(MmUnmapLockedPages);
    if (mdl->MappedSystemVa == address)
        mdl->MdlFlags &= ~MDL_MAPPED_TO_SYSTEM_VA;
}

NTSTATUS MmProtectMdlSystemAddress(PMDL mdl, ULONG protect)
{
    API_IRQL(MmProtectMdlSystemAddress);
    switch (protect) {
    case PAGE_NOACCESS:
    case PAGE_READONLY:
    case PAGE_READWRITE:
    case PAGE_EXECUTE:
    case PAGE_EXECUTE_READ:
    case PAGE_EXECUTE_READWRITE:
        break;
    default:
        return STATUS_INVALID_PAGE_PROTECTION;
    }
    return mdl->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA ? STATUS_SUCCESS : STATUS_NOT_MAPPED_VIEW;
}

/* -- pages without an address of the caller's -------------------------------------------------- */

PMDL MmAllocatePagesForMdlEx(PHYSICAL_ADDRESS low, PHYSICAL_ADDRESS high, PHYSICAL_ADDRESS skip,
                             SIZE_T total, MEMORY_CACHING_TYPE cache, ULONG flags)
{
    API_IRQL(MmAllocatePagesForMdlEx);
    if (total == 0 || total > MAXULONG - MI_PAGE)
        return NULL;
    PVOID memory = ExAllocatePoolWithTag(NonPagedPool, total > MI_PAGE ? total : MI_PAGE, 'lPmM');
    if (!memory)
        return NULL;
    memset(memory, 0, total);
    PMDL mdl = IoAllocateMdl(memory, (ULONG)total, FALSE, FALSE, NULL);
    if (!mdl) {
        ExFreePoolWithTag(memory, 'lPmM');
        return NULL;
    }
    MiFillFrames(mdl);
    mdl->StartVa = NULL; /* the caller has none to tell them by; they have one where they are mapped */
    mdl->MdlFlags |= MDL_PAGES_LOCKED;
    return mdl;
}

PMDL MmAllocatePagesForMdl(PHYSICAL_ADDRESS low, PHYSICAL_ADDRESS high, PHYSICAL_ADDRESS skip,
                           SIZE_T total)
{
    API_IRQL(MmAllocatePagesForMdl);
    return MmAllocatePagesForMdlEx(low, high, skip, total, MmCached, 0);
}

/* The caller frees the MDL itself afterwards, with ExFreePool. */
VOID MmFreePagesFromMdl(PMDL mdl)
{
    API_IRQL(MmFreePagesFromMdl);
    ExFreePoolWithTag(memory_of(mdl), 'lPmM');
    mdl->MdlFlags &= ~(MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA);
}
