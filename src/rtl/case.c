/* Upper and lower case, by one table of pairs; no locale. */
#include "rtl/rtlp.h"

struct case_range {
    WCHAR first, last, step, add;
};

#define CASE_RANGE(first, last, step, add) {first, last, step, add},
#define CASE_UP
static const struct case_range upper_ranges[] = {
#include "rtl/case.inc"
};
#undef CASE_UP
static const struct case_range lower_ranges[] = {
#include "rtl/case.inc"
};
#undef CASE_RANGE

static WCHAR MapCase(const struct case_range *ranges, size_t count, WCHAR c)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct case_range *range = &ranges[middle];
        if (c < range->first)
            high = middle;
        else if (c > range->last)
            low = middle + 1;
        else
            return (c - range->first) % range->step == 0 ? (WCHAR)(c + range->add) : c;
    }
    return c;
}

WCHAR RtlpUpcase(WCHAR c)
{
    if (c < 0x80)
        return c >= 'a' && c <= 'z' ? (WCHAR)(c - 32) : c;
    return MapCase(upper_ranges, RTL_NUMBER_OF(upper_ranges), c);
}

WCHAR RtlpDowncase(WCHAR c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? (WCHAR)(c + 32) : c;
    return MapCase(lower_ranges, RTL_NUMBER_OF(lower_ranges), c);
}

WCHAR RtlUpcaseUnicodeChar(WCHAR SourceCharacter)
{
    RTL_IRQL(RtlUpcaseUnicodeChar);
    return RtlpUpcase(SourceCharacter);
}

WCHAR RtlDowncaseUnicodeChar(WCHAR SourceCharacter)
{
    RTL_IRQL(RtlDowncaseUnicodeChar);
    return RtlpDowncase(SourceCharacter);
}

CHAR RtlUpperChar(CHAR Character)
{
    return Character >= 'a' && Character <= 'z' ? (CHAR)(Character - 32) : Character;
}

VOID RtlUpperString(PSTRING DestinationString, const STRING *SourceString)
{
    USHORT length = SourceString->Length < DestinationString->MaximumLength
                        ? SourceString->Length
                        : DestinationString->MaximumLength;

    for (USHORT i = 0; i < length; i++)
        DestinationString->Buffer[i] = RtlUpperChar(SourceString->Buffer[i]);
    DestinationString->Length = length;
}

static NTSTATUS MapString(PUNICODE_STRING to, PCUNICODE_STRING from, BOOLEAN allocate,
                          WCHAR (*map)(WCHAR))
{
    if (allocate) {
        to->MaximumLength = from->Length;
        to->Length = 0;
        to->Buffer = ExAllocatePoolWithTag(PagedPool, from->Length, RTL_STRING_TAG);
        if (to->Buffer == NULL)
            return STATUS_NO_MEMORY;
    } else if (from->Length > to->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    for (USHORT i = 0; i < from->Length / sizeof(WCHAR); i++)
        to->Buffer[i] = map(from->Buffer[i]);
    to->Length = from->Length;
    return STATUS_SUCCESS;
}

NTSTATUS RtlUpcaseUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString,
                                BOOLEAN AllocateDestinationString)
{
    RTL_IRQL(RtlUpcaseUnicodeString);
    return RTL_HANDED_OUT(AllocateDestinationString, DestinationString->Buffer,
                          MapString(DestinationString, SourceString, AllocateDestinationString, RtlpUpcase));
}

NTSTATUS RtlDowncaseUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString,
                                  BOOLEAN AllocateDestinationString)
{
    RTL_IRQL(RtlDowncaseUnicodeString);
    return RTL_HANDED_OUT(AllocateDestinationString, DestinationString->Buffer,
                          MapString(DestinationString, SourceString, AllocateDestinationString, RtlpDowncase));
}
