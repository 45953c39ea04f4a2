#include "ex/expriv.h"

#include "ex/state.h"

void ExpResetPushLocks(void);

bool ExpStart(void);
void ExpStop(void);

bool ExpStart(void)
{
    machine->ex = sim_alloc(sizeof *machine->ex);
    ExpResetPushLocks();
    ExpStartCallbacks();
    ExpStartTracking();
    KiExplainFault = ExpExplainFault;
    return ExpPoolStart() && ExpWorkStart();
}

void ExpStop(void)
{
    if (!sched_is_dead()) {
        ExpWorkStop();
        ExpPoolStop();
    }
    ExpForgetTracked();
    ExpPoolForget();
    sim_free(ex()->work);
    sim_free(machine->ex);
    machine->ex = NULL;
}

/* ---- small routines ---- */

KPROCESSOR_MODE ExGetPreviousMode(VOID)
{
    API_IRQL(ExGetPreviousMode);
    return KiCurrentThread()->previous_mode;
}

/* The machine lives in UTC. */
VOID ExSystemTimeToLocalTime(PLARGE_INTEGER SystemTime, PLARGE_INTEGER LocalTime)
{
    API_IRQL(ExSystemTimeToLocalTime);
    *LocalTime = *SystemTime;
}

VOID ExLocalTimeToSystemTime(PLARGE_INTEGER LocalTime, PLARGE_INTEGER SystemTime)
{
    API_IRQL(ExLocalTimeToSystemTime);
    *SystemTime = *LocalTime;
}

/* Time-based, from virtual time: the same in every run of a test. */
NTSTATUS ExUuidCreate(UUID *Uuid)
{
    API_IRQL(ExUuidCreate);
    LARGE_INTEGER now;
    KeQuerySystemTime(&now);
    ULONG sequence = __atomic_add_fetch(&ex()->uuid_sequence, 1, __ATOMIC_RELAXED);
    ULONGLONG time = (ULONGLONG)now.QuadPart + 0x01b21dd213814000ull + sequence;
    Uuid->Data1 = (ULONG)time;
    Uuid->Data2 = (USHORT)(time >> 32);
    Uuid->Data3 = (USHORT)(0x1000 | (time >> 48 & 0xfff));
    UCHAR node[8] = {0x80, 0x01, 0x02, 'f', 'l', 't', 's', 'm'};
    RtlCopyMemory(Uuid->Data4, node, sizeof node);
    return STATUS_SUCCESS;
}

/* A plain 64-bit machine: what every one of them has. */
BOOLEAN ExIsProcessorFeaturePresent(ULONG ProcessorFeature)
{
    static const ULONG present[] = {2, 6, 10, 12}; // PF_COMPARE_EXCHANGE_DOUBLE, _XMMI, _XMMI64, _NX_ENABLED
    for (size_t i = 0; i < sizeof present / sizeof *present; i++)
        if (present[i] == ProcessorFeature)
            return TRUE;
    return FALSE;
}

/* In 100 ns units; the clock of the machine is exact, and says what Windows would. */
ULONG ExSetTimerResolution(ULONG DesiredTime, BOOLEAN SetResolution)
{
    API_IRQL(ExSetTimerResolution);
    ULONG coarse = KeQueryTimeIncrement();
    return SetResolution && DesiredTime < coarse ? (DesiredTime < 10000 ? 10000 : DesiredTime) : coarse;
}

NTSTATUS ExGetFirmwareEnvironmentVariable(PUNICODE_STRING VariableName, LPGUID VendorGuid, PVOID Value, PULONG ValueLength,
                                          PULONG Attributes)
{
    API_IRQL(ExGetFirmwareEnvironmentVariable);
    return STATUS_NOT_IMPLEMENTED;
}

BOOLEAN ExVerifySuite(ULONG SuiteType) { return FALSE; }
