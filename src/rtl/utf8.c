/* Between UTF-16 and UTF-8. What is ill-formed becomes U+FFFD with STATUS_SOME_NOT_MAPPED. */
#include "rtl/rtlp.h"

/* The code point at from[*at]; advances. Lone surrogates give U+FFFD and set *bad. */
static ULONG NextWide(PCWCH from, ULONG chars, ULONG *at, BOOLEAN *bad)
{
    WCHAR c = from[(*at)++];

    if (c < 0xD800 || c > 0xDFFF)
        return c;
    if (c <= 0xDBFF && *at < chars && from[*at] >= 0xDC00 && from[*at] <= 0xDFFF)
        return 0x10000 + ((ULONG)(c - 0xD800) << 10) + (from[(*at)++] - 0xDC00u);
    *bad = TRUE;
    return 0xFFFD;
}

static ULONG EncodeUtf8(ULONG point, UCHAR *to)
{
    if (point < 0x80) {
        to[0] = (UCHAR)point;
        return 1;
    }
    ULONG extra = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const UCHAR lead[] = {0, 0xC0, 0xE0, 0xF0};
    to[0] = (UCHAR)(lead[extra] | point >> (6 * extra));
    for (ULONG i = 1; i <= extra; i++)
        to[i] = (UCHAR)(0x80 | ((point >> (6 * (extra - i))) & 0x3F));
    return extra + 1;
}

NTSTATUS RtlUnicodeToUTF8N(PCHAR UTF8StringDestination, ULONG UTF8StringMaxByteCount,
                           PULONG UTF8StringActualByteCount, PCWCH UnicodeStringSource,
                           ULONG UnicodeStringByteCount)
{
    RTL_IRQL(RtlUnicodeToUTF8N);
    ULONG chars = UnicodeStringByteCount / (ULONG)sizeof(WCHAR), at = 0, used = 0;
    BOOLEAN bad = FALSE;

    if (UnicodeStringSource == NULL)
        return STATUS_INVALID_PARAMETER_4;
    if (UTF8StringDestination == NULL && UTF8StringActualByteCount == NULL)
        return STATUS_INVALID_PARAMETER;
    if (UTF8StringDestination != NULL && UnicodeStringByteCount % sizeof(WCHAR) != 0)
        return STATUS_INVALID_PARAMETER_5;
    while (at < chars) {
        UCHAR bytes[4];
        ULONG count = EncodeUtf8(NextWide(UnicodeStringSource, chars, &at, &bad), bytes);
        if (UTF8StringDestination != NULL) {
            if (used + count > UTF8StringMaxByteCount) {
                if (UTF8StringActualByteCount != NULL)
                    *UTF8StringActualByteCount = used;
                return STATUS_BUFFER_TOO_SMALL;
            }
            memcpy(UTF8StringDestination + used, bytes, count);
        }
        used += count;
    }
    if (UTF8StringActualByteCount != NULL)
        *UTF8StringActualByteCount = used;
    return bad ? STATUS_SOME_NOT_MAPPED : STATUS_SUCCESS;
}

/* Overlong, a surrogate, or past U+10FFFF. */
static BOOLEAN NoSecond(UCHAR lead, UCHAR second)
{
    return (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second >= 0xA0) || (lead == 0xF0 && second < 0x90) ||
           (lead == 0xF4 && second >= 0x90);
}

/* The code point at from[*at]; advances past it, or past the bytes that were no part of one. */
static ULONG NextUtf8(const UCHAR *from, ULONG bytes, ULONG *at, BOOLEAN *bad)
{
    UCHAR c = from[(*at)++];
    ULONG extra = c < 0x80 ? 0 : c >= 0xC2 && c < 0xE0 ? 1 : c >= 0xE0 && c < 0xF0 ? 2 : c >= 0xF0 && c < 0xF5 ? 3 : 9;

    if (extra == 0)
        return c;
    if (extra == 9) {
        *bad = TRUE;
        return 0xFFFD;
    }
    ULONG point = c & (0x3Fu >> extra);
    for (ULONG i = 0; i < extra; i++) {
        if (*at >= bytes || (from[*at] & 0xC0) != 0x80) {
            *bad = TRUE;
            return 0xFFFD;
        }
        point = point << 6 | (from[(*at)++] & 0x3Fu);
        if (i == 0 && NoSecond(c, from[*at - 1])) {
            *bad = TRUE;
            return 0xFFFD; /* the two of them; what follows stands for itself */
        }
    }
    return point;
}

NTSTATUS RtlUTF8ToUnicodeN(PWSTR UnicodeStringDestination, ULONG UnicodeStringMaxByteCount,
                           PULONG UnicodeStringActualByteCount, PCCH UTF8StringSource, ULONG UTF8StringByteCount)
{
    ULONG at = 0, used = 0, room = UnicodeStringMaxByteCount / (ULONG)sizeof(WCHAR);
    BOOLEAN bad = FALSE;

    if (UTF8StringSource == NULL)
        return STATUS_INVALID_PARAMETER_4;
    if (UnicodeStringDestination == NULL && UnicodeStringActualByteCount == NULL)
        return STATUS_INVALID_PARAMETER;
    while (at < UTF8StringByteCount) {
        ULONG point = NextUtf8((const UCHAR *)UTF8StringSource, UTF8StringByteCount, &at, &bad);
        const WCHAR pair[] = {(WCHAR)(0xD7C0 + (point >> 10)), (WCHAR)(0xDC00 + (point & 0x3FF))};
        for (ULONG i = point < 0x10000 ? 1 : 0; i < 2; i++) {
            if (UnicodeStringDestination != NULL) {
                if (used == room) {
                    if (UnicodeStringActualByteCount != NULL)
                        *UnicodeStringActualByteCount = used * (ULONG)sizeof(WCHAR);
                    return STATUS_BUFFER_TOO_SMALL;
                }
                UnicodeStringDestination[used] = point < 0x10000 ? (WCHAR)point : pair[i];
            }
            used++;
        }
    }
    if (UnicodeStringActualByteCount != NULL)
        *UnicodeStringActualByteCount = used * (ULONG)sizeof(WCHAR);
    return bad ? STATUS_SOME_NOT_MAPPED : STATUS_SUCCESS;
}

NTSTATUS RtlUnicodeStringToUTF8String(PUTF8_STRING DestinationString, PCUNICODE_STRING SourceString,
                                      BOOLEAN AllocateDestinationString)
{
    ULONG bytes = 0;
    NTSTATUS status = RtlUnicodeToUTF8N(NULL, 0, &bytes, SourceString->Buffer, SourceString->Length);

    if (!NT_SUCCESS(status))
        return status;
    if (bytes + 1 > MAXUSHORT)
        return STATUS_INVALID_PARAMETER_2;
    if (AllocateDestinationString) {
        DestinationString->Buffer = ExAllocatePoolWithTag(PagedPool, bytes + 1, RTL_STRING_TAG);
        if (DestinationString->Buffer == NULL)
            return STATUS_NO_MEMORY;
        ExpHandOut(DestinationString->Buffer, VERIFY_CALLER);
        DestinationString->MaximumLength = (USHORT)(bytes + 1);
    } else if (bytes + 1 > DestinationString->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    status = RtlUnicodeToUTF8N(DestinationString->Buffer, bytes, &bytes, SourceString->Buffer, SourceString->Length);
    DestinationString->Length = (USHORT)bytes;
    DestinationString->Buffer[bytes] = 0;
    return status;
}

NTSTATUS RtlUTF8StringToUnicodeString(PUNICODE_STRING DestinationString, PCUTF8_STRING SourceString,
                                      BOOLEAN AllocateDestinationString)
{
    ULONG bytes = 0;
    NTSTATUS status = RtlUTF8ToUnicodeN(NULL, 0, &bytes, SourceString->Buffer, SourceString->Length);

    if (!NT_SUCCESS(status))
        return status;
    ULONG whole = bytes + (ULONG)sizeof(WCHAR);
    if (whole > MAXUSHORT)
        return STATUS_INVALID_PARAMETER_2;
    if (AllocateDestinationString) {
        DestinationString->Buffer = ExAllocatePoolWithTag(PagedPool, whole, RTL_STRING_TAG);
        if (DestinationString->Buffer == NULL)
            return STATUS_NO_MEMORY;
        ExpHandOut(DestinationString->Buffer, VERIFY_CALLER);
        DestinationString->MaximumLength = (USHORT)whole;
    } else if (whole > DestinationString->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    status = RtlUTF8ToUnicodeN(DestinationString->Buffer, bytes, &bytes, SourceString->Buffer, SourceString->Length);
    DestinationString->Length = (USHORT)bytes;
    DestinationString->Buffer[bytes / sizeof(WCHAR)] = 0;
    return status;
}
