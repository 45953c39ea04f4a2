/* NtQuerySystemInformation. It is here because it tells of drivers, which the executive's room knows nothing of. */
#include "iop.h"

#include "io/system_information.h"
#include "ps/system_information.h"

#include <string.h>

/* An answer, in memory of our own until it is known to fit. */
struct answer {
    ULONG size;
    bool exact; /* the caller says the size, too */
    UCHAR *bytes;
};

static void *Begin(struct answer *answer, ULONG size, bool exact)
{
    answer->size = size;
    answer->exact = exact;
    answer->bytes = sim_alloc(size);
    return answer->bytes;
}

static void GiveBasic(struct answer *answer)
{
    struct iop_system_basic *info = Begin(answer, sizeof *info, true);
    *info = (struct iop_system_basic){
        .TimerResolution = 156250,
        .PageSize = PAGE_SIZE,
        .NumberOfPhysicalPages = 0x100000, /* 4 GB, as pool has */
        .LowestPhysicalPageNumber = 1,
        .HighestPhysicalPageNumber = 0x100000,
        .AllocationGranularity = 0x10000,
        .MinimumUserModeAddress = (ULONG_PTR)MM_LOWEST_USER_ADDRESS,
        .MaximumUserModeAddress = (ULONG_PTR)MmHighestUserAddress,
        .ActiveProcessorsAffinityMask = KeQueryActiveProcessors(),
        .NumberOfProcessors = (CHAR)KeQueryActiveProcessorCount(NULL),
    };
}

static void GiveTime(struct answer *answer)
{
    struct iop_system_time_of_day *info = Begin(answer, sizeof *info, true);
    info->BootTime.QuadPart = KI_BOOT_TIME;
    KeQuerySystemTime(&info->CurrentTime);
}

static void GiveModules(struct answer *answer)
{
    ULONG count;
    struct iop_module_info *modules = IopListModules(&count);
    ULONG size = FIELD_OFFSET(struct iop_modules, Modules) + count * (ULONG)sizeof(struct iop_module);
    struct iop_modules *info = Begin(answer, size, false);

    info->NumberOfModules = count;
    for (ULONG i = 0; i < count; i++) {
        struct iop_module *module = &info->Modules[i];
        *module = (struct iop_module){
            .ImageBase = modules[i].base,
            .ImageSize = modules[i].size,
            .LoadOrderIndex = (USHORT)i,
            .LoadCount = 1,
            .OffsetToFileName = modules[i].name_offset,
        };
        memcpy(module->FullPathName, modules[i].path, sizeof module->FullPathName);
    }
    sim_free(modules);
}

static void GiveDebugger(struct answer *answer)
{
    BOOLEAN *info = Begin(answer, 2, true);
    info[0] = *KdDebuggerEnabled;
    info[1] = *KdDebuggerNotPresent;
}

/* Its own length is the first member, which the caller sets. */
static NTSTATUS GiveCodeIntegrity(PULONG info, ULONG length, PULONG returned)
{
    enum { ENABLED = 1, TEST_SIGNED = 2 };
    if (returned)
        *returned = 2 * sizeof *info;
    if (length != 2 * sizeof *info || info[0] != 2 * sizeof *info)
        return STATUS_INFO_LENGTH_MISMATCH;
    info[1] = ENABLED | TEST_SIGNED;
    return STATUS_SUCCESS;
}

static bool Describe(ULONG what, struct answer *answer)
{
    switch (what) {
    case IOP_SYSTEM_BASIC:
        GiveBasic(answer);
        return true;
    case IOP_SYSTEM_TIME_OF_DAY:
        GiveTime(answer);
        return true;
    case IOP_SYSTEM_PROCESSES:
        answer->bytes = PspDescribeProcesses(&answer->size);
        return true;
    case IOP_SYSTEM_MODULES:
        GiveModules(answer);
        return true;
    case IOP_SYSTEM_KERNEL_DEBUGGER:
        GiveDebugger(answer);
        return true;
    default:
        return false;
    }
}

static NTSTATUS Query(ULONG what, PVOID buffer, ULONG length, PULONG returned)
{
    struct answer answer = {0};
    NTSTATUS status = STATUS_SUCCESS;

    if (what == IOP_SYSTEM_CODE_INTEGRITY)
        return GiveCodeIntegrity(buffer, length, returned);
    if (!Describe(what, &answer))
        return STATUS_INVALID_INFO_CLASS;
    if (answer.exact ? length != answer.size : length < answer.size)
        status = STATUS_INFO_LENGTH_MISMATCH;
    if (NT_SUCCESS(status) && what == IOP_SYSTEM_PROCESSES)
        PspRebaseProcesses(answer.bytes, buffer);
    if (NT_SUCCESS(status))
        memcpy(buffer, answer.bytes, answer.size);
    if (returned)
        *returned = answer.size;
    sim_free(answer.bytes);
    return status;
}

NTSTATUS NtQuerySystemInformation(ULONG SystemInformationClass, PVOID SystemInformation, ULONG SystemInformationLength,
                                  PULONG ReturnLength)
{
    API_ENTER(NtQuerySystemInformation, NULL, SCHED_READ);
    return Query(SystemInformationClass, SystemInformation, SystemInformationLength, ReturnLength);
}

NTSTATUS ZwQuerySystemInformation(ULONG SystemInformationClass, PVOID SystemInformation, ULONG SystemInformationLength,
                                  PULONG ReturnLength)
{
    API_ENTER(ZwQuerySystemInformation, NULL, SCHED_READ);
    return Query(SystemInformationClass, SystemInformation, SystemInformationLength, ReturnLength);
}
