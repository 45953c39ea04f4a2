/* What NtQuerySystemInformation answers. In no published header: drivers bring declarations of their own, of these layouts. */
#ifndef FLTSIM_IO_SYSTEM_INFORMATION_H
#define FLTSIM_IO_SYSTEM_INFORMATION_H

#include <ntifs.h>

FLTSIM_WDK_BEGIN

enum iop_system_class {
    IOP_SYSTEM_BASIC = 0,
    IOP_SYSTEM_TIME_OF_DAY = 3,
    IOP_SYSTEM_PROCESSES = 5,
    IOP_SYSTEM_MODULES = 11,
    IOP_SYSTEM_KERNEL_DEBUGGER = 35,
    IOP_SYSTEM_CODE_INTEGRITY = 103,
};

struct iop_system_basic {
    ULONG Reserved;
    ULONG TimerResolution;
    ULONG PageSize;
    ULONG NumberOfPhysicalPages;
    ULONG LowestPhysicalPageNumber;
    ULONG HighestPhysicalPageNumber;
    ULONG AllocationGranularity;
    ULONG_PTR MinimumUserModeAddress;
    ULONG_PTR MaximumUserModeAddress;
    ULONG_PTR ActiveProcessorsAffinityMask;
    CHAR NumberOfProcessors;
};
C_ASSERT(sizeof(struct iop_system_basic) == 64);

struct iop_system_time_of_day {
    LARGE_INTEGER BootTime;
    LARGE_INTEGER CurrentTime;
    LARGE_INTEGER TimeZoneBias;
    ULONG TimeZoneId;
    ULONG Reserved;
    ULONGLONG BootTimeBias;
    ULONGLONG SleepTimeBias;
};

struct iop_module {
    HANDLE Section;
    PVOID MappedBase;
    PVOID ImageBase;
    ULONG ImageSize;
    ULONG Flags;
    USHORT LoadOrderIndex;
    USHORT InitOrderIndex;
    USHORT LoadCount;
    USHORT OffsetToFileName;
    UCHAR FullPathName[256];
};
struct iop_modules {
    ULONG NumberOfModules;
    struct iop_module Modules[1];
};
C_ASSERT(sizeof(struct iop_module) == 296);

/* PASSIVE_LEVEL. STATUS_INVALID_INFO_CLASS: none of the above; STATUS_INFO_LENGTH_MISMATCH: of a fixed size, and not that; or
 * less than *ReturnLength, which is what it takes. */
NTSTATUS ZwQuerySystemInformation(ULONG SystemInformationClass, PVOID SystemInformation, ULONG SystemInformationLength,
                                  PULONG ReturnLength);
NTSTATUS NtQuerySystemInformation(ULONG SystemInformationClass, PVOID SystemInformation, ULONG SystemInformationLength,
                                  PULONG ReturnLength);

FLTSIM_WDK_END

/* Modules of the kernel, as loaded: the kernel itself, what is built in, then drivers. */
struct iop_module_info {
    PVOID base;
    ULONG size;
    USHORT name_offset;
    char path[256];
};
/* An array of sim_alloc. */
struct iop_module_info *IopListModules(ULONG *count);

#endif
