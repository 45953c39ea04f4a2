/* Numbers and GUIDs as text. */
#include "rtl/rtlp.h"

static BOOLEAN ValidBase(ULONG base)
{
    return base == 2 || base == 8 || base == 10 || base == 16;
}

NTSTATUS RtlInt64ToUnicodeString(ULONGLONG Value, ULONG Base, PUNICODE_STRING String)
{
    WCHAR digits[64];
    ULONG count = 0;

    if (Base == 0)
        Base = 10;
    if (!ValidBase(Base))
        return STATUS_INVALID_PARAMETER;
    do {
        digits[64 - ++count] = (WCHAR) "0123456789ABCDEF"[Value % Base];
        Value /= Base;
    } while (Value != 0);
    String->Length = (USHORT)(count * sizeof(WCHAR));
    if (String->Length > String->MaximumLength)
        return STATUS_BUFFER_OVERFLOW;
    memcpy(String->Buffer, digits + 64 - count, String->Length);
    if (String->Length < String->MaximumLength)
        String->Buffer[count] = 0;
    return STATUS_SUCCESS;
}

NTSTATUS RtlIntegerToUnicodeString(ULONG Value, ULONG Base, PUNICODE_STRING String)
{
    RTL_IRQL(RtlIntegerToUnicodeString);
    return RtlInt64ToUnicodeString(Value, Base, String);
}

static int DigitOf(WCHAR c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 99;
}

/* Leading blanks, a sign, and with base 0 a prefix. Characters come from `at`, 0 at the end. */
static NTSTATUS ReadInteger(WCHAR (*at)(const void *, SIZE_T), const void *text, ULONG base, ULONGLONG *value,
                            SIZE_T *end)
{
    SIZE_T i = 0;
    BOOLEAN negative = FALSE;
    ULONGLONG sum = 0;

    while (at(text, i) != 0 && at(text, i) <= ' ')
        i++;
    if (at(text, i) == '-' || at(text, i) == '+')
        negative = at(text, i++) == '-';
    if (base == 0) {
        WCHAR mark = at(text, i) == '0' ? at(text, i + 1) : 0;
        base = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
        if (base != 10)
            i += 2;
    } else if (!ValidBase(base)) {
        return STATUS_INVALID_PARAMETER;
    }
    for (; DigitOf(at(text, i)) < (int)base; i++)
        sum = sum * base + (ULONG)DigitOf(at(text, i));
    *value = negative ? 0 - sum : sum;
    *end = i;
    return STATUS_SUCCESS;
}

static WCHAR AtCounted(const void *text, SIZE_T i)
{
    PCUNICODE_STRING string = text;
    return i < string->Length / sizeof(WCHAR) ? string->Buffer[i] : 0;
}

static WCHAR AtNarrow(const void *text, SIZE_T i)
{
    return (UCHAR)((const char *)text)[i];
}

NTSTATUS RtlUnicodeStringToInteger(PCUNICODE_STRING String, ULONG Base, PULONG Value)
{
    RTL_IRQL(RtlUnicodeStringToInteger);
    ULONGLONG value = 0;
    SIZE_T end;
    NTSTATUS status =
        String->Length == 0 ? STATUS_INVALID_PARAMETER : ReadInteger(AtCounted, String, Base, &value, &end);

    if (NT_SUCCESS(status))
        *Value = (ULONG)value;
    return status;
}

NTSTATUS RtlUnicodeStringToInt64(PCUNICODE_STRING String, ULONG Base, PLONG64 Number, PWSTR *EndPointer)
{
    ULONGLONG value = 0;
    SIZE_T end;
    NTSTATUS status = ReadInteger(AtCounted, String, Base, &value, &end);

    if (!NT_SUCCESS(status))
        return status;
    *Number = (LONG64)value;
    if (EndPointer != NULL)
        *EndPointer = String->Buffer + end;
    return STATUS_SUCCESS;
}

NTSTATUS RtlCharToInteger(PCSZ String, ULONG Base, PULONG Value)
{
    RTL_IRQL(RtlCharToInteger);
    ULONGLONG value = 0;
    SIZE_T end;
    NTSTATUS status = ReadInteger(AtNarrow, String, Base, &value, &end);

    if (NT_SUCCESS(status))
        *Value = (ULONG)value;
    return status;
}

/* -- GUIDs: {xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx} -------------------------------------------------- */

#define GUID_CHARS 38
/* Which byte of the GUID each pair of digits is, in the order of the text; 16 is a dash. */
static const UCHAR guid_order[] = {3, 2, 1, 0, 16, 5, 4, 16, 7, 6, 16, 8, 9, 16, 10, 11, 12, 13, 14, 15};

NTSTATUS RtlStringFromGUID(REFGUID Guid, PUNICODE_STRING GuidString)
{
    RTL_IRQL(RtlStringFromGUID);
    const UCHAR *bytes = (const UCHAR *)Guid;
    PWCH buffer = ExAllocatePoolWithTag(PagedPool, (GUID_CHARS + 1) * sizeof(WCHAR), RTL_STRING_TAG);
    PWCH to = buffer;

    if (buffer == NULL)
        return STATUS_NO_MEMORY;
    ExpHandOut(buffer, VERIFY_CALLER);
    *to++ = '{';
    for (ULONG i = 0; i < sizeof guid_order; i++) {
        if (guid_order[i] == 16) {
            *to++ = '-';
            continue;
        }
        *to++ = (WCHAR) "0123456789ABCDEF"[bytes[guid_order[i]] >> 4];
        *to++ = (WCHAR) "0123456789ABCDEF"[bytes[guid_order[i]] & 15];
    }
    *to++ = '}';
    *to = 0;
    GuidString->Buffer = buffer;
    GuidString->Length = GUID_CHARS * sizeof(WCHAR);
    GuidString->MaximumLength = (GUID_CHARS + 1) * sizeof(WCHAR);
    return STATUS_SUCCESS;
}

NTSTATUS RtlGUIDFromString(PCUNICODE_STRING GuidString, GUID *Guid)
{
    RTL_IRQL(RtlGUIDFromString);
    UCHAR bytes[16];
    PCWCH from = GuidString->Buffer;

    if (GuidString->Length < GUID_CHARS * sizeof(WCHAR) || *from++ != '{')
        return STATUS_INVALID_PARAMETER;
    for (ULONG i = 0; i < sizeof guid_order; i++) {
        if (guid_order[i] == 16) {
            if (*from++ != '-')
                return STATUS_INVALID_PARAMETER;
            continue;
        }
        int high = DigitOf(from[0]), low = DigitOf(from[1]);
        if (high > 15 || low > 15)
            return STATUS_INVALID_PARAMETER;
        bytes[guid_order[i]] = (UCHAR)(high << 4 | low);
        from += 2;
    }
    if (*from != '}')
        return STATUS_INVALID_PARAMETER;
    memcpy(Guid, bytes, sizeof bytes);
    return STATUS_SUCCESS;
}
