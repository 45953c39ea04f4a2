/* Names of the 8.3 form: are they one, and making one. */
#include "rtl/rtlp.h"

/* Printable OEM characters that a short name may not have. */
static BOOLEAN IsIllegal(UCHAR c)
{
    return c < 0x20 || strchr("\"*+,/:;<=>?[\\]|", c) != NULL;
}

static BOOLEAN IsLegal(const UCHAR *name, ULONG length, PBOOLEAN spaces)
{
    ULONG dot = length;

    if (length == 0 || length > 12)
        return FALSE;
    if (length <= 2 && name[0] == '.' && name[length - 1] == '.')
        return TRUE;
    for (ULONG i = 0; i < length; i++) {
        if (name[i] == ' ')
            *spaces = TRUE;
        if (name[i] == '.') {
            if (dot != length || i == 0 || i == length - 1 || name[i - 1] == ' ')
                return FALSE;
            dot = i;
        } else if (IsIllegal(name[i])) {
            return FALSE;
        }
    }
    return name[length - 1] != ' ' && dot <= 8 && (dot == length || length - dot - 1 <= 3);
}

BOOLEAN RtlIsNameLegalDOS8Dot3(PCUNICODE_STRING Name, POEM_STRING OemName, PBOOLEAN NameContainsSpaces)
{
    UCHAR upper[12];
    ULONG length = Name->Length / (ULONG)sizeof(WCHAR);
    BOOLEAN spaces = FALSE;

    if (length > sizeof upper)
        return FALSE;
    for (ULONG i = 0; i < length; i++) {
        WCHAR wide = RtlpUpcase(Name->Buffer[i]);
        upper[i] = RtlpWideToByte(RTLP_OEM, wide);
        if (upper[i] == '?')
            return FALSE;
    }
    if (OemName != NULL) {
        if (OemName->MaximumLength < length)
            return FALSE;
        memcpy(OemName->Buffer, upper, length);
        OemName->Length = (USHORT)length;
    }
    if (!IsLegal(upper, length, &spaces))
        return FALSE;
    if (NameContainsSpaces != NULL)
        *NameContainsSpaces = spaces;
    return TRUE;
}

/* -- generating: NAME~1.EXT, and from the fifth try on two letters, four digits of a checksum, ~1 ---- */

static WCHAR ShortCharacter(WCHAR c, BOOLEAN extended)
{
    UCHAR oem = RtlpWideToByte(RTLP_OEM, c); /* as it is: some code pages have the small letter only */
    if (c == ' ' || c == '.' || (!extended && c >= 0x80))
        return 0;
    return IsIllegal(oem) ? '_' : RtlpUpcase(c);
}

/* As measured on Windows 7 and later; the lowest digit comes first in the name. */
static USHORT Checksum(PCUNICODE_STRING name)
{
    USHORT sum = 0;

    for (USHORT i = 0; i < name->Length / sizeof(WCHAR); i++)
        sum = (USHORT)(sum * 37 + name->Buffer[i]);
    LONG spread = (LONG)(sum * 314159269u);
    return (USHORT)((spread < 0 ? 0u - (ULONG)spread : (ULONG)spread) % 1000000007);
}

/* Base and extension out of the long name; the base keeps six characters. */
static void TakeApart(PCUNICODE_STRING name, BOOLEAN extended, PGENERATE_NAME_CONTEXT context)
{
    ULONG length = name->Length / (ULONG)sizeof(WCHAR), dot = length;

    for (ULONG i = 1; i < length; i++)
        if (name->Buffer[i] == '.')
            dot = i;
    for (ULONG i = 0; i < dot && context->NameLength < 6; i++) {
        WCHAR c = ShortCharacter(name->Buffer[i], extended);
        if (c != 0)
            context->NameBuffer[context->NameLength++] = c;
    }
    for (ULONG i = dot + 1; i < length && context->ExtensionLength < 4; i++) {
        WCHAR c = ShortCharacter(name->Buffer[i], extended);
        if (c == 0)
            continue;
        if (context->ExtensionLength == 0)
            context->ExtensionBuffer[context->ExtensionLength++] = '.';
        if (context->ExtensionLength < 4)
            context->ExtensionBuffer[context->ExtensionLength++] = c;
    }
    context->Checksum = Checksum(name);
}

static void InsertChecksum(PGENERATE_NAME_CONTEXT context)
{
    ULONG keep = context->NameLength > 2 ? 2 : context->NameLength;

    for (int i = 0; i < 4; i++)
        context->NameBuffer[keep + (ULONG)i] = (WCHAR) "0123456789ABCDEF"[context->Checksum >> 4 * i & 15];
    context->NameLength = (UCHAR)(keep + 4);
    context->ChecksumInserted = TRUE;
    context->LastIndexValue = 0;
}

NTSTATUS RtlGenerate8dot3Name(PCUNICODE_STRING Name, BOOLEAN AllowExtendedCharacters,
                              PGENERATE_NAME_CONTEXT Context, PUNICODE_STRING Name8dot3)
{
    WCHAR digits[8];
    ULONG count = 0;

    if (Context->NameLength == 0 && Context->LastIndexValue == 0)
        TakeApart(Name, AllowExtendedCharacters, Context);
    if (!Context->ChecksumInserted && (Context->LastIndexValue >= 4 || Context->NameLength < 2))
        InsertChecksum(Context);
    ULONG index = ++Context->LastIndexValue;
    for (; index != 0 && count < RTL_NUMBER_OF(digits); index /= 10)
        digits[count++] = (WCHAR)('0' + index % 10);
    if (count > 7)
        return STATUS_FILE_SYSTEM_LIMITATION;
    ULONG base = Context->NameLength + count + 1 > 8 ? 7 - count : Context->NameLength;
    PWCH to = Name8dot3->Buffer;
    if ((base + 1 + count + Context->ExtensionLength) * sizeof(WCHAR) > Name8dot3->MaximumLength)
        return STATUS_BUFFER_OVERFLOW;
    memcpy(to, Context->NameBuffer, base * sizeof(WCHAR));
    to += base;
    *to++ = '~';
    while (count != 0)
        *to++ = digits[--count];
    memcpy(to, Context->ExtensionBuffer, Context->ExtensionLength * sizeof(WCHAR));
    to += Context->ExtensionLength;
    Name8dot3->Length = (USHORT)((PUCHAR)to - (PUCHAR)Name8dot3->Buffer);
    return STATUS_SUCCESS;
}
