/* The names of ntstrsafe.h for plain text: RtlString{Cb,Cch}{Copy,Cat,Printf,...}{A,W}.
 * Cb counts bytes, Cch characters; nothing else differs. */
#include "rtl/strsafe.h"

#define WHOLE ((size_t)NTSTRSAFE_MAX_CCH)

/* The engine counts characters; a Cb routine hands out bytes. */
static void ToUnits(size_t *remaining, size_t given, size_t unit)
{
    if (remaining != NULL)
        *remaining = *remaining * unit + given % unit;
}

#define COPY_AND_CAT(U, X, OP, T, CT, UNIT)                                                        \
    NTSTATUS RtlString##U##OP##X(T Dest, size_t Size, CT Src)                                      \
    {                                                                                              \
        return RtlpSafe##OP##X(Dest, Size / (UNIT), Src, WHOLE, 0, (struct end##X){NULL, NULL});   \
    }                                                                                              \
    NTSTATUS RtlString##U##OP##Ex##X(T Dest, size_t Size, CT Src, T *DestEnd, size_t *Remaining,   \
                                     ULONG Flags)                                                  \
    {                                                                                              \
        NTSTATUS status = RtlpSafe##OP##X(Dest, Size / (UNIT), Src, WHOLE, Flags,                  \
                                          (struct end##X){DestEnd, Remaining});                    \
        if (status != STATUS_INVALID_PARAMETER)                                                    \
            ToUnits(Remaining, Size, UNIT);                                                        \
        return status;                                                                             \
    }                                                                                              \
    NTSTATUS RtlString##U##OP##N##X(T Dest, size_t Size, CT Src, size_t Count)                     \
    {                                                                                              \
        return RtlpSafe##OP##X(Dest, Size / (UNIT), Src, Count / (UNIT), 0,                        \
                               (struct end##X){NULL, NULL});                                       \
    }                                                                                              \
    NTSTATUS RtlString##U##OP##NEx##X(T Dest, size_t Size, CT Src, size_t Count, T *DestEnd,       \
                                      size_t *Remaining, ULONG Flags)                              \
    {                                                                                              \
        NTSTATUS status = RtlpSafe##OP##X(Dest, Size / (UNIT), Src, Count / (UNIT), Flags,         \
                                          (struct end##X){DestEnd, Remaining});                    \
        if (status != STATUS_INVALID_PARAMETER)                                                    \
            ToUnits(Remaining, Size, UNIT);                                                        \
        return status;                                                                             \
    }

#define PRINT_AND_LENGTH(U, X, T, CT, UNIT)                                                        \
    NTSTATUS RtlString##U##VPrintf##X(T Dest, size_t Size, CT Format, va_list ArgList)             \
    {                                                                                              \
        return RtlpSafePrint##X(Dest, Size / (UNIT), Format, ArgList, 0,                           \
                                (struct end##X){NULL, NULL});                                      \
    }                                                                                              \
    NTSTATUS RtlString##U##VPrintfEx##X(T Dest, size_t Size, T *DestEnd, size_t *Remaining,        \
                                        ULONG Flags, CT Format, va_list ArgList)                   \
    {                                                                                              \
        NTSTATUS status = RtlpSafePrint##X(Dest, Size / (UNIT), Format, ArgList, Flags,            \
                                           (struct end##X){DestEnd, Remaining});                   \
        if (status != STATUS_INVALID_PARAMETER)                                                    \
            ToUnits(Remaining, Size, UNIT);                                                        \
        return status;                                                                             \
    }                                                                                              \
    NTSTATUS RtlString##U##Printf##X(T Dest, size_t Size, CT Format, ...)                          \
    {                                                                                              \
        va_list arguments;                                                                         \
        va_start(arguments, Format);                                                               \
        NTSTATUS status = RtlString##U##VPrintf##X(Dest, Size, Format, arguments);                 \
        va_end(arguments);                                                                         \
        return status;                                                                             \
    }                                                                                              \
    NTSTATUS RtlString##U##PrintfEx##X(T Dest, size_t Size, T *DestEnd, size_t *Remaining,         \
                                       ULONG Flags, CT Format, ...)                                \
    {                                                                                              \
        va_list arguments;                                                                         \
        va_start(arguments, Format);                                                               \
        NTSTATUS status =                                                                          \
            RtlString##U##VPrintfEx##X(Dest, Size, DestEnd, Remaining, Flags, Format, arguments);  \
        va_end(arguments);                                                                         \
        return status;                                                                             \
    }                                                                                              \
    NTSTATUS RtlString##U##Length##X(CT String, size_t Max, size_t *Length)                        \
    {                                                                                              \
        NTSTATUS status = RtlpSafeLength##X(String, Max / (UNIT), Length);                         \
        if (Length != NULL)                                                                        \
            *Length *= (UNIT);                                                                     \
        return status;                                                                             \
    }

COPY_AND_CAT(Cb, A, Copy, PSTR, PCSTR, sizeof(CHAR))
COPY_AND_CAT(Cb, A, Cat, PSTR, PCSTR, sizeof(CHAR))
PRINT_AND_LENGTH(Cb, A, PSTR, PCSTR, sizeof(CHAR))
COPY_AND_CAT(Cch, A, Copy, PSTR, PCSTR, 1)
COPY_AND_CAT(Cch, A, Cat, PSTR, PCSTR, 1)
PRINT_AND_LENGTH(Cch, A, PSTR, PCSTR, 1)
COPY_AND_CAT(Cb, W, Copy, PWSTR, PCWSTR, sizeof(WCHAR))
COPY_AND_CAT(Cb, W, Cat, PWSTR, PCWSTR, sizeof(WCHAR))
PRINT_AND_LENGTH(Cb, W, PWSTR, PCWSTR, sizeof(WCHAR))
COPY_AND_CAT(Cch, W, Copy, PWSTR, PCWSTR, 1)
COPY_AND_CAT(Cch, W, Cat, PWSTR, PCWSTR, 1)
PRINT_AND_LENGTH(Cch, W, PWSTR, PCWSTR, 1)

/* -- from a UNICODE_STRING ------------------------------------------------------------------------- */

NTSTATUS RtlStringCchCopyUnicodeString(PWSTR Dest, size_t Size, PCUNICODE_STRING Src)
{
    return RtlStringCchCopyUnicodeStringEx(Dest, Size, Src, NULL, NULL, 0);
}

NTSTATUS RtlStringCchCopyUnicodeStringEx(PWSTR Dest, size_t Size, PCUNICODE_STRING Src, PWSTR *DestEnd,
                                         size_t *Remaining, ULONG Flags)
{
    if (!NT_SUCCESS(RtlValidateUnicodeString(0, Src)))
        return STATUS_INVALID_PARAMETER;
    return RtlpSafeCopyW(Dest, Size, Src != NULL ? Src->Buffer : NULL,
                         Src != NULL ? Src->Length / sizeof(WCHAR) : 0, Flags, (struct endW){DestEnd, Remaining});
}

NTSTATUS RtlStringCbCopyUnicodeString(PWSTR Dest, size_t Size, PCUNICODE_STRING Src)
{
    return RtlStringCchCopyUnicodeStringEx(Dest, Size / sizeof(WCHAR), Src, NULL, NULL, 0);
}

NTSTATUS RtlStringCbCopyUnicodeStringEx(PWSTR Dest, size_t Size, PCUNICODE_STRING Src, PWSTR *DestEnd,
                                        size_t *Remaining, ULONG Flags)
{
    NTSTATUS status =
        RtlStringCchCopyUnicodeStringEx(Dest, Size / sizeof(WCHAR), Src, DestEnd, Remaining, Flags);
    if (status != STATUS_INVALID_PARAMETER)
        ToUnits(Remaining, Size, sizeof(WCHAR));
    return status;
}
