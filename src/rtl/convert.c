/* Between wide text and the ANSI (1252) and OEM (437) code pages. */
#include "rtl/rtlp.h"

static const WCHAR upper_halves[2][128] = {
    {
#define CODE_PAGE_ANSI
#include "rtl/code_page.inc"
#undef CODE_PAGE_ANSI
    },
    {
#define CODE_PAGE_OEM
#include "rtl/code_page.inc"
#undef CODE_PAGE_OEM
    },
};

WCHAR RtlpByteToWide(enum rtlp_code_page page, UCHAR c)
{
    return c < 0x80 ? c : upper_halves[page][c - 0x80];
}

UCHAR RtlpWideToByte(enum rtlp_code_page page, WCHAR c)
{
    if (c < 0x80)
        return (UCHAR)c;
    for (ULONG i = 0; i < 128; i++)
        if (upper_halves[page][i] == c)
            return (UCHAR)(i + 0x80);
    return '?';
}

static NTSTATUS ToWide(enum rtlp_code_page page, PWCH to, ULONG max_bytes, PULONG used, const CHAR *from,
                       ULONG bytes)
{
    ULONG room = max_bytes / sizeof(WCHAR);
    ULONG count = bytes < room ? bytes : room;

    for (ULONG i = 0; i < count; i++)
        to[i] = RtlpByteToWide(page, (UCHAR)from[i]);
    if (used != NULL)
        *used = count * sizeof(WCHAR);
    return count < bytes ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

static NTSTATUS ToBytes(enum rtlp_code_page page, PCHAR to, ULONG max_bytes, PULONG used, PCWCH from,
                        ULONG wide_bytes, BOOLEAN upcase)
{
    ULONG chars = wide_bytes / sizeof(WCHAR);
    ULONG count = chars < max_bytes ? chars : max_bytes;

    for (ULONG i = 0; i < count; i++)
        to[i] = (CHAR)RtlpWideToByte(page, upcase ? RtlpUpcase(from[i]) : from[i]);
    if (used != NULL)
        *used = count;
    return count < chars ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}

NTSTATUS RtlMultiByteToUnicodeN(PWCH UnicodeString, ULONG MaxBytesInUnicodeString, PULONG BytesInUnicodeString,
                                const CHAR *MultiByteString, ULONG BytesInMultiByteString)
{
    RTL_IRQL(RtlMultiByteToUnicodeN);
    ToWide(RTLP_ANSI, UnicodeString, MaxBytesInUnicodeString, BytesInUnicodeString, MultiByteString,
           BytesInMultiByteString);
    return STATUS_SUCCESS;
}

NTSTATUS RtlMultiByteToUnicodeSize(PULONG BytesInUnicodeString, const CHAR *MultiByteString,
                                   ULONG BytesInMultiByteString)
{
    (void)MultiByteString;
    *BytesInUnicodeString = BytesInMultiByteString * (ULONG)sizeof(WCHAR);
    return STATUS_SUCCESS;
}

NTSTATUS RtlUnicodeToMultiByteN(PCHAR MultiByteString, ULONG MaxBytesInMultiByteString,
                                PULONG BytesInMultiByteString, PCWCH UnicodeString, ULONG BytesInUnicodeString)
{
    RTL_IRQL(RtlUnicodeToMultiByteN);
    return ToBytes(RTLP_ANSI, MultiByteString, MaxBytesInMultiByteString, BytesInMultiByteString, UnicodeString,
                   BytesInUnicodeString, FALSE);
}

NTSTATUS RtlUpcaseUnicodeToMultiByteN(PCHAR MultiByteString, ULONG MaxBytesInMultiByteString,
                                      PULONG BytesInMultiByteString, PCWCH UnicodeString,
                                      ULONG BytesInUnicodeString)
{
    return ToBytes(RTLP_ANSI, MultiByteString, MaxBytesInMultiByteString, BytesInMultiByteString, UnicodeString,
                   BytesInUnicodeString, TRUE);
}

NTSTATUS RtlUnicodeToMultiByteSize(PULONG BytesInMultiByteString, PCWCH UnicodeString,
                                   ULONG BytesInUnicodeString)
{
    (void)UnicodeString;
    *BytesInMultiByteString = BytesInUnicodeString / (ULONG)sizeof(WCHAR);
    return STATUS_SUCCESS;
}

NTSTATUS RtlOemToUnicodeN(PWCH UnicodeString, ULONG MaxBytesInUnicodeString, PULONG BytesInUnicodeString,
                          PCCH OemString, ULONG BytesInOemString)
{
    return ToWide(RTLP_OEM, UnicodeString, MaxBytesInUnicodeString, BytesInUnicodeString, OemString,
                  BytesInOemString);
}

NTSTATUS RtlUnicodeToOemN(PCHAR OemString, ULONG MaxBytesInOemString, PULONG BytesInOemString,
                          PCWCH UnicodeString, ULONG BytesInUnicodeString)
{
    return ToBytes(RTLP_OEM, OemString, MaxBytesInOemString, BytesInOemString, UnicodeString,
                   BytesInUnicodeString, FALSE);
}

ULONG RtlxUnicodeStringToAnsiSize(PCUNICODE_STRING UnicodeString)
{
    return UnicodeString->Length / (ULONG)sizeof(WCHAR) + 1;
}

ULONG RtlxUnicodeStringToOemSize(PCUNICODE_STRING UnicodeString)
{
    return UnicodeString->Length / (ULONG)sizeof(WCHAR) + 1;
}

ULONG RtlxAnsiStringToUnicodeSize(PCANSI_STRING AnsiString)
{
    return (AnsiString->Length + 1) * (ULONG)sizeof(WCHAR);
}

ULONG RtlxOemStringToUnicodeSize(PCOEM_STRING OemString)
{
    return (OemString->Length + 1) * (ULONG)sizeof(WCHAR);
}

/* -- counted strings ------------------------------------------------------------------------------ */

/* `terminator`: whether the result ends in one, which Length does not count. */
static NTSTATUS StringToWide(enum rtlp_code_page page, PUNICODE_STRING to, const STRING *from, BOOLEAN allocate,
                             BOOLEAN terminator)
{
    ULONG bytes = from->Length * (ULONG)sizeof(WCHAR);
    ULONG whole = bytes + (terminator ? (ULONG)sizeof(WCHAR) : 0);

    if (whole > MAXUSHORT)
        return STATUS_INVALID_PARAMETER_2;
    if (allocate) {
        to->Buffer = ExAllocatePoolWithTag(PagedPool, whole, RTL_STRING_TAG);
        if (to->Buffer == NULL)
            return STATUS_NO_MEMORY;
        to->MaximumLength = (USHORT)whole;
    } else if (whole > to->MaximumLength) {
        return STATUS_BUFFER_OVERFLOW;
    }
    to->Length = (USHORT)bytes;
    ToWide(page, to->Buffer, bytes, NULL, from->Buffer, from->Length);
    if (terminator)
        to->Buffer[from->Length] = 0;
    return STATUS_SUCCESS;
}

/* The length that it needs; of ANSI text what fits, and its terminator. */
static NTSTATUS Cut(enum rtlp_code_page page, PSTRING to, PCUNICODE_STRING from, ULONG chars, BOOLEAN terminator,
                    BOOLEAN upcase)
{
    if (terminator && (page != RTLP_ANSI || upcase))
        return STATUS_BUFFER_OVERFLOW;
    to->Length = (USHORT)chars;
    if (terminator && to->MaximumLength != 0) {
        to->Length = to->MaximumLength - 1;
        ToBytes(page, to->Buffer, to->Length, NULL, from->Buffer, from->Length, FALSE);
        to->Buffer[to->Length] = 0;
    }
    return STATUS_BUFFER_OVERFLOW;
}

static BOOLEAN Maps(enum rtlp_code_page page, PCUNICODE_STRING from, BOOLEAN upcase)
{
    for (USHORT i = 0; i < from->Length / sizeof(WCHAR); i++) {
        WCHAR c = upcase ? RtlpUpcase(from->Buffer[i]) : from->Buffer[i];
        if (c != '?' && RtlpWideToByte(page, c) == '?')
            return FALSE;
    }
    return TRUE;
}

static NTSTATUS StringToBytes(enum rtlp_code_page page, PSTRING to, PCUNICODE_STRING from, BOOLEAN allocate,
                              BOOLEAN terminator, BOOLEAN upcase)
{
    ULONG chars = from->Length / (ULONG)sizeof(WCHAR);
    ULONG whole = chars + (terminator ? 1 : 0);

    if (allocate && !terminator && !Maps(page, from, upcase))
        return STATUS_UNMAPPABLE_CHARACTER;
    if (allocate) {
        to->Buffer = ExAllocatePoolWithTag(PagedPool, whole, RTL_STRING_TAG);
        if (to->Buffer == NULL)
            return STATUS_NO_MEMORY;
        to->MaximumLength = (USHORT)whole;
    } else if (whole > to->MaximumLength) {
        return Cut(page, to, from, chars, terminator, upcase);
    }
    to->Length = (USHORT)chars;
    ToBytes(page, to->Buffer, chars, NULL, from->Buffer, from->Length, upcase);
    if (terminator)
        to->Buffer[chars] = 0;
    return terminator || Maps(page, from, upcase) ? STATUS_SUCCESS : STATUS_UNMAPPABLE_CHARACTER;
}

NTSTATUS RtlAnsiStringToUnicodeString(PUNICODE_STRING DestinationString, PCANSI_STRING SourceString,
                                      BOOLEAN AllocateDestinationString)
{
    RTL_IRQL(RtlAnsiStringToUnicodeString);
    return RTL_HANDED_OUT(AllocateDestinationString, DestinationString->Buffer,
                          StringToWide(RTLP_ANSI, DestinationString, SourceString, AllocateDestinationString, TRUE));
}

NTSTATUS RtlOemStringToUnicodeString(PUNICODE_STRING DestinationString, PCOEM_STRING SourceString,
                                     BOOLEAN AllocateDestinationString)
{
    return RTL_HANDED_OUT(AllocateDestinationString, DestinationString->Buffer,
                          StringToWide(RTLP_OEM, DestinationString, SourceString, AllocateDestinationString, TRUE));
}

NTSTATUS RtlOemStringToCountedUnicodeString(PUNICODE_STRING DestinationString, PCOEM_STRING SourceString,
                                            BOOLEAN AllocateDestinationString)
{
    return RTL_HANDED_OUT(AllocateDestinationString, DestinationString->Buffer,
                          StringToWide(RTLP_OEM, DestinationString, SourceString, AllocateDestinationString, FALSE));
}

NTSTATUS RtlUnicodeStringToAnsiString(PANSI_STRING DestinationString, PCUNICODE_STRING SourceString,
                                      BOOLEAN AllocateDestinationString)
{
    RTL_IRQL(RtlUnicodeStringToAnsiString);
    return RTL_HANDED_OUT(AllocateDestinationString, DestinationString->Buffer,
                          StringToBytes(RTLP_ANSI, DestinationString, SourceString, AllocateDestinationString, TRUE, FALSE));
}

NTSTATUS RtlUpcaseUnicodeStringToAnsiString(PANSI_STRING DestinationString, PCUNICODE_STRING SourceString,
                                            BOOLEAN AllocateDestinationString)
{
    return RTL_HANDED_OUT(AllocateDestinationString, DestinationString->Buffer,
                          StringToBytes(RTLP_ANSI, DestinationString, SourceString, AllocateDestinationString, TRUE, TRUE));
}

NTSTATUS RtlUnicodeStringToOemString(POEM_STRING DestinationString, PCUNICODE_STRING SourceString,
                                     BOOLEAN AllocateDestinationString)
{
    return RTL_HANDED_OUT(AllocateDestinationString, DestinationString->Buffer,
                          StringToBytes(RTLP_OEM, DestinationString, SourceString, AllocateDestinationString, TRUE, FALSE));
}

NTSTATUS RtlUpcaseUnicodeStringToOemString(POEM_STRING DestinationString, PCUNICODE_STRING SourceString,
                                           BOOLEAN AllocateDestinationString)
{
    return RTL_HANDED_OUT(AllocateDestinationString, DestinationString->Buffer,
                          StringToBytes(RTLP_OEM, DestinationString, SourceString, AllocateDestinationString, TRUE, TRUE));
}

NTSTATUS RtlUnicodeStringToCountedOemString(POEM_STRING DestinationString, PCUNICODE_STRING SourceString,
                                            BOOLEAN AllocateDestinationString)
{
    return RTL_HANDED_OUT(AllocateDestinationString, DestinationString->Buffer,
                          StringToBytes(RTLP_OEM, DestinationString, SourceString, AllocateDestinationString, FALSE, FALSE));
}

NTSTATUS RtlUpcaseUnicodeStringToCountedOemString(POEM_STRING DestinationString, PCUNICODE_STRING SourceString,
                                                  BOOLEAN AllocateDestinationString)
{
    return RTL_HANDED_OUT(AllocateDestinationString, DestinationString->Buffer,
                          StringToBytes(RTLP_OEM, DestinationString, SourceString, AllocateDestinationString, FALSE, TRUE));
}

BOOLEAN RtlIsValidOemCharacter(PWCHAR Char)
{
    WCHAR upper = RtlpUpcase(*Char);
    UCHAR byte = RtlpWideToByte(RTLP_OEM, upper);

    if (byte == '?') /* the page's stand-in, which is not told from the character itself */
        return FALSE;
    *Char = RtlpByteToWide(RTLP_OEM, byte);
    return TRUE;
}
