/* Times: 100 ns units since 1 January 1601, as calendar fields and as seconds. */
#include "rtl/rtlp.h"

#define TICKS_PER_MILLISECOND 10000LL
#define TICKS_PER_SECOND (1000 * TICKS_PER_MILLISECOND)
#define TICKS_PER_DAY (86400 * TICKS_PER_SECOND)
#define SECONDS_1601_TO_1970 11644473600LL
#define SECONDS_1601_TO_1980 11960006400LL

/* Days from 1 January 1601 to a date of the Gregorian calendar, by years that begin in March. */
static LONGLONG DaysOf(LONGLONG year, LONGLONG month, LONGLONG day)
{
    LONGLONG y = month <= 2 ? year - 1 : year;
    LONGLONG m = month <= 2 ? month + 9 : month - 3;
    return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 584694;
}

static ULONG MonthLength(LONGLONG year, LONGLONG month)
{
    static const UCHAR lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    BOOLEAN leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return lengths[month - 1] + (month == 2 && leap ? 1u : 0u);
}

VOID RtlTimeToTimeFields(PLARGE_INTEGER Time, PTIME_FIELDS TimeFields)
{
    RTL_IRQL(RtlTimeToTimeFields);
    LONGLONG days = Time->QuadPart / TICKS_PER_DAY;
    LONGLONG rest = Time->QuadPart % TICKS_PER_DAY / TICKS_PER_MILLISECOND;
    LONGLONG year = 1601 + days / 366, month = 1;

    while (DaysOf(year + 1, 1, 1) <= days)
        year++;
    while (month < 12 && DaysOf(year, month + 1, 1) <= days)
        month++;
    TimeFields->Year = (CSHORT)year;
    TimeFields->Month = (CSHORT)month;
    TimeFields->Day = (CSHORT)(days - DaysOf(year, month, 1) + 1);
    TimeFields->Weekday = (CSHORT)((days + 1) % 7);
    TimeFields->Milliseconds = (CSHORT)(rest % 1000);
    TimeFields->Second = (CSHORT)(rest / 1000 % 60);
    TimeFields->Minute = (CSHORT)(rest / 60000 % 60);
    TimeFields->Hour = (CSHORT)(rest / 3600000);
}

static BOOLEAN FieldsAreValid(const TIME_FIELDS *f)
{
    return f->Year >= 1601 && f->Year <= 30827 && f->Month >= 1 && f->Month <= 12 && f->Day >= 1 &&
           f->Day <= (CSHORT)MonthLength(f->Year, f->Month) && f->Hour >= 0 && f->Hour <= 23 && f->Minute >= 0 &&
           f->Minute <= 59 && f->Second >= 0 && f->Second <= 59 && f->Milliseconds >= 0 && f->Milliseconds <= 999;
}

BOOLEAN RtlTimeFieldsToTime(PTIME_FIELDS TimeFields, PLARGE_INTEGER Time)
{
    RTL_IRQL(RtlTimeFieldsToTime);
    const TIME_FIELDS *f = TimeFields;

    if (!FieldsAreValid(f))
        return FALSE;
    LONGLONG seconds = (f->Hour * 60LL + f->Minute) * 60 + f->Second;
    Time->QuadPart = DaysOf(f->Year, f->Month, f->Day) * TICKS_PER_DAY + seconds * TICKS_PER_SECOND +
                     f->Milliseconds * TICKS_PER_MILLISECOND;
    return TRUE;
}

static BOOLEAN ToSeconds(const LARGE_INTEGER *time, LONGLONG epoch, PULONG seconds)
{
    LONGLONG since = time->QuadPart / TICKS_PER_SECOND - epoch;

    if (since < 0 || since > MAXULONG)
        return FALSE;
    *seconds = (ULONG)since;
    return TRUE;
}

BOOLEAN RtlTimeToSecondsSince1970(PLARGE_INTEGER Time, PULONG ElapsedSeconds)
{
    RTL_IRQL(RtlTimeToSecondsSince1970);
    return ToSeconds(Time, SECONDS_1601_TO_1970, ElapsedSeconds);
}

BOOLEAN RtlTimeToSecondsSince1980(PLARGE_INTEGER Time, PULONG ElapsedSeconds)
{
    return ToSeconds(Time, SECONDS_1601_TO_1980, ElapsedSeconds);
}

VOID RtlSecondsSince1970ToTime(ULONG ElapsedSeconds, PLARGE_INTEGER Time)
{
    Time->QuadPart = (ElapsedSeconds + SECONDS_1601_TO_1970) * TICKS_PER_SECOND;
}

VOID RtlSecondsSince1980ToTime(ULONG ElapsedSeconds, PLARGE_INTEGER Time)
{
    Time->QuadPart = (ElapsedSeconds + SECONDS_1601_TO_1980) * TICKS_PER_SECOND;
}

NTSTATUS RtlSystemTimeToLocalTime(PLARGE_INTEGER SystemTime, PLARGE_INTEGER LocalTime)
{
    *LocalTime = *SystemTime;
    return STATUS_SUCCESS;
}
