/* Counted strings: initialising, copying, appending, freeing. */
#include "rtl/rtlp.h"

#define MAX_UNICODE_BYTES 0xFFFE /* of a UNICODE_STRING's buffer */

VOID RtlInitString(PSTRING DestinationString, PCSZ SourceString)
{
    size_t length = SourceString != NULL ? strlen(SourceString) : 0;

    if (length > 0xFFFE)
        length = 0xFFFE;
    DestinationString->Buffer = (PCHAR)SourceString;
    DestinationString->Length = (USHORT)length;
    DestinationString->MaximumLength = (USHORT)(SourceString != NULL ? length + 1 : 0);
}

VOID RtlInitAnsiString(PANSI_STRING DestinationString, PCSZ SourceString)
{
    RtlInitString(DestinationString, SourceString);
}

VOID RtlInitUTF8String(PUTF8_STRING DestinationString, PCSZ SourceString)
{
    RtlInitString(DestinationString, SourceString);
}

VOID RtlInitUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    size_t bytes = SourceString != NULL ? fltsim_wcslen(SourceString) * sizeof(WCHAR) : 0;

    if (bytes > MAX_UNICODE_BYTES - sizeof(WCHAR))
        bytes = MAX_UNICODE_BYTES - sizeof(WCHAR);
    DestinationString->Buffer = (PWCH)SourceString;
    DestinationString->Length = (USHORT)bytes;
    DestinationString->MaximumLength = (USHORT)(SourceString != NULL ? bytes + sizeof(WCHAR) : 0);
}

NTSTATUS RtlInitStringEx(PSTRING DestinationString, PCSZ SourceString)
{
    if (SourceString != NULL && strlen(SourceString) > 0xFFFE)
        return STATUS_NAME_TOO_LONG;
    RtlInitString(DestinationString, SourceString);
    return STATUS_SUCCESS;
}

NTSTATUS RtlInitAnsiStringEx(PANSI_STRING DestinationString, PCSZ SourceString)
{
    return RtlInitStringEx(DestinationString, SourceString);
}

NTSTATUS RtlInitUnicodeStringEx(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    if (SourceString != NULL &&
        fltsim_wcslen(SourceString) * sizeof(WCHAR) > MAX_UNICODE_BYTES - sizeof(WCHAR))
        return STATUS_NAME_TOO_LONG;
    RtlInitUnicodeString(DestinationString, SourceString);
    return STATUS_SUCCESS;
}

VOID RtlCopyString(PSTRING DestinationString, const STRING *SourceString)
{
    USHORT length = 0;

    if (SourceString != NULL) {
        length = SourceString->Length;
        if (length > DestinationString->MaximumLength)
            length = DestinationString->MaximumLength;
        memmove(DestinationString->Buffer, SourceString->Buffer, length);
    }
    DestinationString->Length = length;
}

VOID RtlCopyUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString)
{
    USHORT length = 0;

    if (SourceString != NULL) {
        length = SourceString->Length;
        if (length > DestinationString->MaximumLength)
            length = DestinationString->MaximumLength;
        if (length != 0)
            memmove(DestinationString->Buffer, SourceString->Buffer, length);
        if (length + sizeof(WCHAR) <= DestinationString->MaximumLength)
            DestinationString->Buffer[length / sizeof(WCHAR)] = 0;
    }
    DestinationString->Length = length;
}

static NTSTATUS AppendWide(PUNICODE_STRING to, PCWCH text, size_t bytes)
{
    if (bytes == 0)
        return STATUS_SUCCESS;
    if (to->Length + bytes > to->MaximumLength)
        return STATUS_BUFFER_TOO_SMALL;
    memmove((PUCHAR)to->Buffer + to->Length, text, bytes);
    to->Length = (USHORT)(to->Length + bytes);
    if (to->Length + sizeof(WCHAR) <= to->MaximumLength)
        to->Buffer[to->Length / sizeof(WCHAR)] = 0;
    return STATUS_SUCCESS;
}

NTSTATUS RtlAppendUnicodeToString(PUNICODE_STRING Destination, PCWSTR Source)
{
    if (Source == NULL)
        return STATUS_SUCCESS;
    return AppendWide(Destination, Source, fltsim_wcslen(Source) * sizeof(WCHAR));
}

NTSTATUS RtlAppendUnicodeStringToString(PUNICODE_STRING Destination, PCUNICODE_STRING Source)
{
    return AppendWide(Destination, Source->Buffer, Source->Length);
}

static NTSTATUS AppendNarrow(PSTRING to, const char *text, size_t bytes)
{
    if (bytes == 0)
        return STATUS_SUCCESS;
    if (to->Length + bytes > to->MaximumLength)
        return STATUS_BUFFER_TOO_SMALL;
    memmove(to->Buffer + to->Length, text, bytes);
    to->Length = (USHORT)(to->Length + bytes);
    return STATUS_SUCCESS;
}

NTSTATUS RtlAppendStringToString(PSTRING Destination, const STRING *Source)
{
    return AppendNarrow(Destination, Source->Buffer, Source->Length);
}

NTSTATUS RtlAppendAsciizToString(PSTRING Destination, PCSZ Source)
{
    return Source == NULL ? STATUS_SUCCESS : AppendNarrow(Destination, Source, strlen(Source));
}

BOOLEAN RtlCreateUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString)
{
    RTL_IRQL(RtlCreateUnicodeString);
    size_t bytes = (fltsim_wcslen(SourceString) + 1) * sizeof(WCHAR);

    if (bytes > MAX_UNICODE_BYTES)
        return FALSE;
    DestinationString->Buffer = ExAllocatePoolWithTag(PagedPool, bytes, RTL_STRING_TAG);
    if (DestinationString->Buffer == NULL)
        return FALSE;
    ExpHandOut(DestinationString->Buffer, VERIFY_CALLER);
    memcpy(DestinationString->Buffer, SourceString, bytes);
    DestinationString->MaximumLength = (USHORT)bytes;
    DestinationString->Length = (USHORT)(bytes - sizeof(WCHAR));
    return TRUE;
}

NTSTATUS RtlDuplicateUnicodeString(ULONG Flags, PCUNICODE_STRING StringIn, PUNICODE_STRING StringOut)
{
    const ULONG terminate = RTL_DUPLICATE_UNICODE_STRING_NULL_TERMINATE;
    const ULONG even_empty = RTL_DUPLICATE_UNICODE_STRING_ALLOCATE_NULL_STRING;
    NTSTATUS status = RtlValidateUnicodeString(0, StringIn);

    if (!NT_SUCCESS(status) || StringOut == NULL || (Flags & ~(terminate | even_empty)) != 0 ||
        ((Flags & even_empty) && !(Flags & terminate)))
        return STATUS_INVALID_PARAMETER;
    USHORT length = StringIn != NULL ? StringIn->Length : 0;
    size_t bytes = length + ((Flags & terminate) ? sizeof(WCHAR) : 0);
    if (bytes > MAX_UNICODE_BYTES)
        return STATUS_NAME_TOO_LONG;
    PWCH buffer = NULL;
    if (length == 0 && !(Flags & even_empty))
        bytes = 0;
    if (bytes != 0) {
        buffer = ExAllocatePoolWithTag(PagedPool, bytes, RTL_STRING_TAG);
        if (buffer == NULL)
            return STATUS_NO_MEMORY;
        ExpHandOut(buffer, VERIFY_CALLER);
        if (length != 0)
            memcpy(buffer, StringIn->Buffer, length);
        if (Flags & terminate)
            buffer[length / sizeof(WCHAR)] = 0;
    }
    StringOut->Buffer = buffer;
    StringOut->Length = length;
    StringOut->MaximumLength = (USHORT)bytes;
    return STATUS_SUCCESS;
}

NTSTATUS RtlValidateUnicodeString(ULONG Flags, PCUNICODE_STRING String)
{
    if (Flags != 0)
        return STATUS_INVALID_PARAMETER;
    if (String == NULL)
        return STATUS_SUCCESS;
    if (String->Length % sizeof(WCHAR) != 0 || String->MaximumLength % sizeof(WCHAR) != 0 ||
        String->Length > String->MaximumLength)
        return STATUS_INVALID_PARAMETER;
    if (String->Buffer == NULL && (String->Length != 0 || String->MaximumLength != 0))
        return STATUS_INVALID_PARAMETER;
    return STATUS_SUCCESS;
}

static void FreeBuffer(void **buffer, USHORT *length, USHORT *maximum)
{
    if (*buffer != NULL)
        ExFreePool(*buffer);
    *buffer = NULL;
    *length = *maximum = 0;
}

VOID RtlFreeUnicodeString(PUNICODE_STRING UnicodeString)
{
    RTL_IRQL(RtlFreeUnicodeString);
    FreeBuffer((void **)&UnicodeString->Buffer, &UnicodeString->Length, &UnicodeString->MaximumLength);
}

VOID RtlFreeAnsiString(PANSI_STRING AnsiString)
{
    RTL_IRQL(RtlFreeAnsiString);
    FreeBuffer((void **)&AnsiString->Buffer, &AnsiString->Length, &AnsiString->MaximumLength);
}

VOID RtlFreeOemString(POEM_STRING OemString)
{
    FreeBuffer((void **)&OemString->Buffer, &OemString->Length, &OemString->MaximumLength);
}

VOID RtlFreeUTF8String(PUTF8_STRING Utf8String)
{
    FreeBuffer((void **)&Utf8String->Buffer, &Utf8String->Length, &Utf8String->MaximumLength);
}
