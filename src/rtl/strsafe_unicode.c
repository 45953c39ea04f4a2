/* ntstrsafe.h for UNICODE_STRING destinations: no terminator, the room is MaximumLength. */
#include "rtl/strsafe.h"

#define WHOLE ((size_t)NTSTRSAFE_MAX_CCH)
#define FLAGS_KNOWN                                                                                \
    (0xFF | STRSAFE_IGNORE_NULLS | STRSAFE_IGNORE_NULL_UNICODE_STRINGS | STRSAFE_FILL_BEHIND |     \
     STRSAFE_FILL_ON_FAILURE | STRSAFE_ZERO_LENGTH_ON_FAILURE | STRSAFE_NO_TRUNCATION)

NTSTATUS RtlUnicodeStringValidateEx(PCUNICODE_STRING SourceString, ULONG Flags)
{
    if (Flags & ~(ULONG)(STRSAFE_IGNORE_NULLS | STRSAFE_IGNORE_NULL_UNICODE_STRINGS))
        return STATUS_INVALID_PARAMETER;
    if (SourceString == NULL)
        return Flags != 0 ? STATUS_SUCCESS : STATUS_INVALID_PARAMETER;
    return RtlValidateUnicodeString(0, SourceString);
}

NTSTATUS RtlUnicodeStringValidate(PCUNICODE_STRING SourceString)
{
    return RtlUnicodeStringValidateEx(SourceString, 0);
}

NTSTATUS RtlUnicodeStringInitEx(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src, ULONG Flags)
{
    if (Flags & ~(ULONG)STRSAFE_IGNORE_NULLS || DestinationString == NULL)
        return STATUS_INVALID_PARAMETER;
    size_t length = Src != NULL ? fltsim_wcsnlen(Src, NTSTRSAFE_UNICODE_STRING_MAX_CCH) : 0;
    if (length == NTSTRSAFE_UNICODE_STRING_MAX_CCH) {
        RtlInitUnicodeString(DestinationString, NULL);
        return STATUS_INVALID_PARAMETER;
    }
    RtlInitUnicodeString(DestinationString, Src);
    return STATUS_SUCCESS;
}

NTSTATUS RtlUnicodeStringInit(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src)
{
    return RtlUnicodeStringInitEx(DestinationString, Src, 0);
}

/* `length` characters of `from` are to stand at to->Buffer[at...]; cuts, fills and answers. */
static NTSTATUS Finish(PUNICODE_STRING to, size_t at, size_t length, PUNICODE_STRING rest, ULONG flags)
{
    size_t room = to->MaximumLength / sizeof(WCHAR);
    BOOLEAN cut = at + length > room;
    size_t end = cut ? room : at + length;

    if (cut && (flags & STRSAFE_NO_TRUNCATION))
        end = at;
    if (cut && (flags & STRSAFE_FILL_ON_FAILURE)) {
        memset(to->Buffer, (int)(flags & 0xFF), room * sizeof(WCHAR));
        end = room;
    }
    if (cut && (flags & STRSAFE_ZERO_LENGTH_ON_FAILURE))
        end = 0;
    if (!cut && (flags & STRSAFE_FILL_BEHIND))
        memset(to->Buffer + end, (int)(flags & 0xFF), (room - end) * sizeof(WCHAR));
    to->Length = (USHORT)(end * sizeof(WCHAR));
    if (rest != NULL) {
        rest->Length = 0;
        rest->MaximumLength = (USHORT)((room - end) * sizeof(WCHAR));
        rest->Buffer = to->Buffer + end;
    }
    return cut ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static NTSTATUS Check(PUNICODE_STRING to, ULONG flags)
{
    if (flags & ~(ULONG)FLAGS_KNOWN || to == NULL)
        return STATUS_INVALID_PARAMETER;
    return RtlValidateUnicodeString(0, to);
}

static NTSTATUS Put(PUNICODE_STRING to, BOOLEAN append, PCWSTR from, size_t length, PUNICODE_STRING rest, ULONG flags)
{
    NTSTATUS status = Check(to, flags);

    if (!NT_SUCCESS(status))
        return status;
    size_t at = append ? to->Length / sizeof(WCHAR) : 0;
    size_t room = to->MaximumLength / sizeof(WCHAR) - at;
    if (room == 0 && length != 0)
        return STATUS_INVALID_PARAMETER; /* full already */
    size_t fits = length < room ? length : room;
    if (fits != 0 && !(fits < length && (flags & STRSAFE_NO_TRUNCATION)))
        memmove(to->Buffer + at, from, fits * sizeof(WCHAR));
    return Finish(to, at, length, rest, flags);
}

static NTSTATUS PutZ(PUNICODE_STRING to, BOOLEAN append, PCWSTR from, size_t count, PUNICODE_STRING rest, ULONG flags)
{
    if (from == NULL && !(flags & STRSAFE_IGNORE_NULLS))
        return STATUS_INVALID_PARAMETER;
    return Put(to, append, from, from != NULL ? fltsim_wcsnlen(from, count) : 0, rest, flags);
}

static NTSTATUS PutU(PUNICODE_STRING to, BOOLEAN append, PCUNICODE_STRING from, size_t count, PUNICODE_STRING rest,
                     ULONG flags)
{
    if (from == NULL && !(flags & STRSAFE_IGNORE_NULLS))
        return STATUS_INVALID_PARAMETER;
    if (!NT_SUCCESS(RtlValidateUnicodeString(0, from)))
        return STATUS_INVALID_PARAMETER;
    size_t length = from != NULL ? from->Length / sizeof(WCHAR) : 0;
    return Put(to, append, from != NULL ? from->Buffer : NULL, length < count ? length : count, rest, flags);
}

NTSTATUS RtlUnicodeStringCopy(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString)
{
    return PutU(DestinationString, FALSE, SourceString, WHOLE, NULL, 0);
}

NTSTATUS RtlUnicodeStringCopyEx(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString,
                                 PUNICODE_STRING RemainingString, ULONG Flags)
{
    return PutU(DestinationString, FALSE, SourceString, WHOLE, RemainingString, Flags);
}

NTSTATUS RtlUnicodeStringCbCopyN(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString, size_t Count)
{
    return PutU(DestinationString, FALSE, SourceString, Count / sizeof(WCHAR), NULL, 0);
}

NTSTATUS RtlUnicodeStringCbCopyNEx(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString, size_t Count,
                                    PUNICODE_STRING RemainingString, ULONG Flags)
{
    return PutU(DestinationString, FALSE, SourceString, Count / sizeof(WCHAR), RemainingString, Flags);
}

NTSTATUS RtlUnicodeStringCchCopyN(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString, size_t Count)
{
    return PutU(DestinationString, FALSE, SourceString, Count, NULL, 0);
}

NTSTATUS RtlUnicodeStringCchCopyNEx(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString, size_t Count,
                                    PUNICODE_STRING RemainingString, ULONG Flags)
{
    return PutU(DestinationString, FALSE, SourceString, Count, RemainingString, Flags);
}

NTSTATUS RtlUnicodeStringCopyString(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src)
{
    return PutZ(DestinationString, FALSE, Src, WHOLE, NULL, 0);
}

NTSTATUS RtlUnicodeStringCopyStringEx(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src,
                                 PUNICODE_STRING RemainingString, ULONG Flags)
{
    return PutZ(DestinationString, FALSE, Src, WHOLE, RemainingString, Flags);
}

NTSTATUS RtlUnicodeStringCbCopyStringN(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src, size_t Count)
{
    return PutZ(DestinationString, FALSE, Src, Count / sizeof(WCHAR), NULL, 0);
}

NTSTATUS RtlUnicodeStringCbCopyStringNEx(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src, size_t Count,
                                    PUNICODE_STRING RemainingString, ULONG Flags)
{
    return PutZ(DestinationString, FALSE, Src, Count / sizeof(WCHAR), RemainingString, Flags);
}

NTSTATUS RtlUnicodeStringCchCopyStringN(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src, size_t Count)
{
    return PutZ(DestinationString, FALSE, Src, Count, NULL, 0);
}

NTSTATUS RtlUnicodeStringCchCopyStringNEx(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src, size_t Count,
                                    PUNICODE_STRING RemainingString, ULONG Flags)
{
    return PutZ(DestinationString, FALSE, Src, Count, RemainingString, Flags);
}

NTSTATUS RtlUnicodeStringCat(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString)
{
    return PutU(DestinationString, TRUE, SourceString, WHOLE, NULL, 0);
}

NTSTATUS RtlUnicodeStringCatEx(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString,
                                 PUNICODE_STRING RemainingString, ULONG Flags)
{
    return PutU(DestinationString, TRUE, SourceString, WHOLE, RemainingString, Flags);
}

NTSTATUS RtlUnicodeStringCbCatN(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString, size_t Count)
{
    return PutU(DestinationString, TRUE, SourceString, Count / sizeof(WCHAR), NULL, 0);
}

NTSTATUS RtlUnicodeStringCbCatNEx(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString, size_t Count,
                                    PUNICODE_STRING RemainingString, ULONG Flags)
{
    return PutU(DestinationString, TRUE, SourceString, Count / sizeof(WCHAR), RemainingString, Flags);
}

NTSTATUS RtlUnicodeStringCchCatN(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString, size_t Count)
{
    return PutU(DestinationString, TRUE, SourceString, Count, NULL, 0);
}

NTSTATUS RtlUnicodeStringCchCatNEx(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString, size_t Count,
                                    PUNICODE_STRING RemainingString, ULONG Flags)
{
    return PutU(DestinationString, TRUE, SourceString, Count, RemainingString, Flags);
}

NTSTATUS RtlUnicodeStringCatString(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src)
{
    return PutZ(DestinationString, TRUE, Src, WHOLE, NULL, 0);
}

NTSTATUS RtlUnicodeStringCatStringEx(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src,
                                 PUNICODE_STRING RemainingString, ULONG Flags)
{
    return PutZ(DestinationString, TRUE, Src, WHOLE, RemainingString, Flags);
}

NTSTATUS RtlUnicodeStringCbCatStringN(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src, size_t Count)
{
    return PutZ(DestinationString, TRUE, Src, Count / sizeof(WCHAR), NULL, 0);
}

NTSTATUS RtlUnicodeStringCbCatStringNEx(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src, size_t Count,
                                    PUNICODE_STRING RemainingString, ULONG Flags)
{
    return PutZ(DestinationString, TRUE, Src, Count / sizeof(WCHAR), RemainingString, Flags);
}

NTSTATUS RtlUnicodeStringCchCatStringN(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src, size_t Count)
{
    return PutZ(DestinationString, TRUE, Src, Count, NULL, 0);
}

NTSTATUS RtlUnicodeStringCchCatStringNEx(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src, size_t Count,
                                    PUNICODE_STRING RemainingString, ULONG Flags)
{
    return PutZ(DestinationString, TRUE, Src, Count, RemainingString, Flags);
}

/* -- printing --------------------------------------------------------------------------------------- */

NTSTATUS RtlUnicodeStringVPrintfEx(PUNICODE_STRING DestinationString, PUNICODE_STRING RemainingString, ULONG Flags,
                                   NTSTRSAFE_PCWSTR Format, va_list ArgList)
{
    NTSTATUS status = Check(DestinationString, Flags);

    if (!NT_SUCCESS(status) || Format == NULL || (DestinationString->MaximumLength == 0 && *Format != 0))
        return STATUS_INVALID_PARAMETER;
    struct rtlp_output text = {.wide = DestinationString->Buffer,
                               .room = DestinationString->MaximumLength / sizeof(WCHAR)};
    RtlpFormatW(&text, Format, ArgList);
    return Finish(DestinationString, 0, text.length, RemainingString, Flags);
}

NTSTATUS RtlUnicodeStringVPrintf(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Format, va_list ArgList)
{
    return RtlUnicodeStringVPrintfEx(DestinationString, NULL, 0, Format, ArgList);
}

NTSTATUS RtlUnicodeStringPrintf(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Format, ...)
{
    va_list arguments;

    va_start(arguments, Format);
    NTSTATUS status = RtlUnicodeStringVPrintfEx(DestinationString, NULL, 0, Format, arguments);
    va_end(arguments);
    return status;
}

NTSTATUS RtlUnicodeStringPrintfEx(PUNICODE_STRING DestinationString, PUNICODE_STRING RemainingString, ULONG Flags,
                                  NTSTRSAFE_PCWSTR Format, ...)
{
    va_list arguments;

    va_start(arguments, Format);
    NTSTATUS status = RtlUnicodeStringVPrintfEx(DestinationString, RemainingString, Flags, Format, arguments);
    va_end(arguments);
    return status;
}
