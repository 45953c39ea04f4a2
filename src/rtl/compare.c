/* Comparing counted strings: order, equality, prefixes, suffixes, hashes; and plain memory. */
#include "rtl/rtlp.h"

LONG RtlpCompare(PCWCH a, SIZE_T a_chars, PCWCH b, SIZE_T b_chars, BOOLEAN ignore_case)
{
    SIZE_T common = a_chars < b_chars ? a_chars : b_chars;

    for (SIZE_T i = 0; i < common; i++) {
        WCHAR x = a[i], y = b[i];
        if (x != y && ignore_case) {
            x = RtlpUpcase(x);
            y = RtlpUpcase(y);
        }
        if (x != y)
            return (LONG)x - (LONG)y;
    }
    return (LONG)((LONG_PTR)a_chars - (LONG_PTR)b_chars);
}

LONG RtlCompareUnicodeStrings(PCWCH String1, SIZE_T String1Length, PCWCH String2, SIZE_T String2Length,
                              BOOLEAN CaseInSensitive)
{
    return RtlpCompare(String1, String1Length, String2, String2Length, CaseInSensitive);
}

LONG RtlCompareUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive)
{
    RTL_IRQL(RtlCompareUnicodeString);
    return RtlpCompare(String1->Buffer, String1->Length / sizeof(WCHAR), String2->Buffer,
                       String2->Length / sizeof(WCHAR), CaseInSensitive);
}

BOOLEAN RtlEqualUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive)
{
    RTL_IRQL(RtlEqualUnicodeString);
    return String1->Length == String2->Length &&
           RtlpCompare(String1->Buffer, String1->Length / sizeof(WCHAR), String2->Buffer,
                       String2->Length / sizeof(WCHAR), CaseInSensitive) == 0;
}

BOOLEAN RtlPrefixUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive)
{
    RTL_IRQL(RtlPrefixUnicodeString);
    SIZE_T chars = String1->Length / sizeof(WCHAR);
    return String1->Length <= String2->Length &&
           RtlpCompare(String1->Buffer, chars, String2->Buffer, chars, CaseInSensitive) == 0;
}

BOOLEAN RtlSuffixUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive)
{
    SIZE_T chars = String1->Length / sizeof(WCHAR);
    SIZE_T whole = String2->Length / sizeof(WCHAR);
    return chars <= whole && RtlpCompare(String1->Buffer, chars, String2->Buffer + (whole - chars), chars,
                                         CaseInSensitive) == 0;
}

static LONG CompareNarrow(const char *a, USHORT a_length, const char *b, USHORT b_length, BOOLEAN ignore_case)
{
    USHORT common = a_length < b_length ? a_length : b_length;

    for (USHORT i = 0; i < common; i++) {
        UCHAR x = (UCHAR)a[i], y = (UCHAR)b[i];
        if (x != y && ignore_case) {
            x = (UCHAR)RtlUpperChar((CHAR)x);
            y = (UCHAR)RtlUpperChar((CHAR)y);
        }
        if (x != y)
            return (LONG)x - (LONG)y;
    }
    return (LONG)a_length - (LONG)b_length;
}

LONG RtlCompareString(const STRING *String1, const STRING *String2, BOOLEAN CaseInSensitive)
{
    return CompareNarrow(String1->Buffer, String1->Length, String2->Buffer, String2->Length, CaseInSensitive);
}

BOOLEAN RtlEqualString(const STRING *String1, const STRING *String2, BOOLEAN CaseInSensitive)
{
    RTL_IRQL(RtlEqualString);
    return String1->Length == String2->Length && CompareNarrow(String1->Buffer, String1->Length, String2->Buffer,
                                                               String2->Length, CaseInSensitive) == 0;
}

BOOLEAN RtlPrefixString(const STRING *String1, const STRING *String2, BOOLEAN CaseInSensitive)
{
    return String1->Length <= String2->Length && CompareNarrow(String1->Buffer, String1->Length, String2->Buffer,
                                                               String1->Length, CaseInSensitive) == 0;
}

NTSTATUS RtlHashUnicodeString(PCUNICODE_STRING String, BOOLEAN CaseInSensitive, ULONG HashAlgorithm,
                              PULONG HashValue)
{
    ULONG hash = 0;

    if (String == NULL || HashValue == NULL ||
        (HashAlgorithm != HASH_STRING_ALGORITHM_DEFAULT && HashAlgorithm != HASH_STRING_ALGORITHM_X65599))
        return STATUS_INVALID_PARAMETER;
    for (USHORT i = 0; i < String->Length / sizeof(WCHAR); i++)
        hash = hash * 65599 + (CaseInSensitive ? RtlpUpcase(String->Buffer[i]) : String->Buffer[i]);
    *HashValue = hash;
    return STATUS_SUCCESS;
}

SIZE_T RtlCompareMemory(const VOID *Source1, const VOID *Source2, SIZE_T Length)
{
    const UCHAR *a = Source1, *b = Source2;
    SIZE_T i = 0;

    while (i < Length && a[i] == b[i])
        i++;
    return i;
}

SIZE_T RtlCompareMemoryUlong(PVOID Source, SIZE_T Length, ULONG Pattern)
{
    const UCHAR *at = Source;
    SIZE_T i = 0;

    while (i < Length / sizeof(ULONG) && memcmp(at + i * sizeof(ULONG), &Pattern, sizeof(ULONG)) == 0)
        i++;
    return i * sizeof(ULONG);
}

PVOID RtlSecureZeroMemory(PVOID Ptr, SIZE_T Cnt)
{
    volatile UCHAR *byte = Ptr;

    while (Cnt-- != 0)
        *byte++ = 0;
    return Ptr;
}

VOID RtlPrefetchMemoryNonTemporal(PVOID Source, SIZE_T Length)
{
    (void)Source;
    (void)Length;
}
