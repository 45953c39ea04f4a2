/* Which Windows this is: Windows 10, version 22H2. */
#include "rtl/rtlp.h"

#define MAJOR 10
#define MINOR 0
#define BUILD 19045

NTSTATUS RtlGetVersion(PRTL_OSVERSIONINFOW VersionInformation)
{
    RTL_IRQL(RtlGetVersion);
    ULONG size = VersionInformation->dwOSVersionInfoSize;

    VersionInformation->dwMajorVersion = MAJOR;
    VersionInformation->dwMinorVersion = MINOR;
    VersionInformation->dwBuildNumber = BUILD;
    VersionInformation->dwPlatformId = VER_PLATFORM_WIN32_NT;
    VersionInformation->szCSDVersion[0] = 0;
    if (size == sizeof(RTL_OSVERSIONINFOEXW)) {
        PRTL_OSVERSIONINFOEXW extended = (PRTL_OSVERSIONINFOEXW)VersionInformation;
        extended->wServicePackMajor = 0;
        extended->wServicePackMinor = 0;
        extended->wSuiteMask = 0;
        extended->wProductType = VER_NT_WORKSTATION;
        extended->wReserved = 0;
    }
    return STATUS_SUCCESS;
}

#define CONDITION_BITS 3

ULONGLONG VerSetConditionMask(ULONGLONG ConditionMask, ULONG TypeMask, UCHAR Condition)
{
    for (ULONG i = 0; i < 8; i++)
        if (TypeMask & 1u << i)
            ConditionMask |= (ULONGLONG)(Condition & 7) << (i * CONDITION_BITS);
    return ConditionMask;
}

static BOOLEAN Holds(ULONG have, ULONG want, ULONG condition)
{
    switch (condition) {
    case VER_EQUAL:
        return have == want;
    case VER_GREATER:
        return have > want;
    case VER_GREATER_EQUAL:
        return have >= want;
    case VER_LESS:
        return have < want;
    case VER_LESS_EQUAL:
        return have <= want;
    case VER_AND:
        return (have & want) == want;
    case VER_OR:
        return (have & want) != 0;
    default:
        return FALSE;
    }
}

/* Major, minor, service pack: a difference in one decides before the next is looked at. */
NTSTATUS RtlVerifyVersionInfo(PRTL_OSVERSIONINFOEXW VersionInfo, ULONG TypeMask, ULONGLONG ConditionMask)
{
    RTL_IRQL(RtlVerifyVersionInfo);
    const struct {
        ULONG type, have, want;
        BOOLEAN ordered;
    } fields[] = {
        {VER_MAJORVERSION, MAJOR, VersionInfo->dwMajorVersion, TRUE},
        {VER_MINORVERSION, MINOR, VersionInfo->dwMinorVersion, TRUE},
        {VER_SERVICEPACKMAJOR, 0, VersionInfo->wServicePackMajor, TRUE},
        {VER_SERVICEPACKMINOR, 0, VersionInfo->wServicePackMinor, TRUE},
        {VER_BUILDNUMBER, BUILD, VersionInfo->dwBuildNumber, FALSE},
        {VER_PLATFORMID, VER_PLATFORM_WIN32_NT, VersionInfo->dwPlatformId, FALSE},
        {VER_SUITENAME, 0, VersionInfo->wSuiteMask, FALSE},
        {VER_PRODUCT_TYPE, VER_NT_WORKSTATION, VersionInfo->wProductType, FALSE},
    };
    BOOLEAN decided = FALSE, strict = FALSE;

    if (TypeMask == 0 || ConditionMask == 0)
        return STATUS_INVALID_PARAMETER;
    for (size_t i = 0; i < RTL_NUMBER_OF(fields); i++) {
        if (!(TypeMask & fields[i].type) || (fields[i].ordered && decided))
            continue;
        ULONG condition = (ULONG)(ConditionMask >> ((ULONG)__builtin_ctz(fields[i].type) * CONDITION_BITS)) & 7;
        BOOLEAN equal = fields[i].have == fields[i].want;
        BOOLEAN range = condition != VER_EQUAL && condition < VER_AND;
        if (equal && range && fields[i].ordered) {
            strict = condition == VER_GREATER || condition == VER_LESS;
            continue; /* the next field decides */
        }
        if (!Holds(fields[i].have, fields[i].want, condition))
            return STATUS_REVISION_MISMATCH;
        if (fields[i].ordered && range)
            decided = TRUE;
    }
    return strict && !decided ? STATUS_REVISION_MISMATCH : STATUS_SUCCESS;
}

BOOLEAN RtlIsNtDdiVersionAvailable(ULONG Version)
{
    return Version <= NTDDI_WIN10_VB;
}
