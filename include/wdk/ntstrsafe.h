/* Counted, always terminated string functions.
 *
 * PASSIVE_LEVEL. `Cb` counts bytes, `Cch` characters; both include the terminator. A destination of
 * size 0 or above the limit is STATUS_INVALID_PARAMETER; what does not fit is cut off and terminated
 * with STATUS_BUFFER_OVERFLOW. The Ex forms return the end and the room left and take STRSAFE_ flags.
 * The formats are Windows'. Pages: nf-ntstrsafe-rtlstringcbprintfw and its neighbours.
 */
#ifndef FLTSIM_WDK_NTSTRSAFE_H
#define FLTSIM_WDK_NTSTRSAFE_H

#include <nt/rtl.h>

FLTSIM_WDK_BEGIN

#define NTSTRSAFE_MAX_CCH 2147483647
#define NTSTRSAFE_MAX_LENGTH (NTSTRSAFE_MAX_CCH - 1)
#define NTSTRSAFE_UNICODE_STRING_MAX_CCH (0xffff / sizeof(WCHAR))
#define STRSAFE_MAX_CCH NTSTRSAFE_MAX_CCH
#define STRSAFE_IGNORE_NULLS 0x00000100
#define STRSAFE_FILL_BEHIND_NULL 0x00000200
#define STRSAFE_FILL_ON_FAILURE 0x00000400
#define STRSAFE_NULL_ON_FAILURE 0x00000800
#define STRSAFE_NO_TRUNCATION 0x00001000
#define STRSAFE_IGNORE_NULL_UNICODE_STRINGS 0x00010000
#define STRSAFE_UNICODE_STRING_DEST_NULL_TERMINATED 0x00020000
#define STRSAFE_FILL_BEHIND STRSAFE_FILL_BEHIND_NULL
#define STRSAFE_ZERO_LENGTH_ON_FAILURE STRSAFE_NULL_ON_FAILURE
#define STRSAFE_FILL_BYTE(x) ((ULONG)(((x)&0x000000FF) | STRSAFE_FILL_BEHIND_NULL))
#define STRSAFE_FAILURE_BYTE(x) ((ULONG)(((x)&0x000000FF) | STRSAFE_FILL_ON_FAILURE))
#define STRSAFE_GET_FILL_PATTERN(dwFlags) ((int)((dwFlags)&0x000000FF))

typedef char *NTSTRSAFE_PSTR, *STRSAFE_LPSTR;
typedef const char *NTSTRSAFE_PCSTR, *STRSAFE_LPCSTR, *STRSAFE_PCNZCH;
typedef WCHAR *NTSTRSAFE_PWSTR, *STRSAFE_LPWSTR;
typedef const WCHAR *NTSTRSAFE_PCWSTR, *STRSAFE_LPCWSTR, *STRSAFE_PCNZWCH;

/* clang-format off */

NTSTATUS RtlStringCbCopyA(NTSTRSAFE_PSTR Dest, size_t cbDest, NTSTRSAFE_PCSTR Src);
NTSTATUS RtlStringCbCopyExA(NTSTRSAFE_PSTR Dest, size_t cbDest, NTSTRSAFE_PCSTR Src, NTSTRSAFE_PSTR *DestEnd, size_t *cbRemaining, ULONG Flags);
NTSTATUS RtlStringCbCopyNA(NTSTRSAFE_PSTR Dest, size_t cbDest, NTSTRSAFE_PCSTR Src, size_t cbToCopy);
NTSTATUS RtlStringCbCopyNExA(NTSTRSAFE_PSTR Dest, size_t cbDest, NTSTRSAFE_PCSTR Src, size_t cbToCopy, NTSTRSAFE_PSTR *DestEnd, size_t *cbRemaining, ULONG Flags);
NTSTATUS RtlStringCbCatA(NTSTRSAFE_PSTR Dest, size_t cbDest, NTSTRSAFE_PCSTR Src);
NTSTATUS RtlStringCbCatExA(NTSTRSAFE_PSTR Dest, size_t cbDest, NTSTRSAFE_PCSTR Src, NTSTRSAFE_PSTR *DestEnd, size_t *cbRemaining, ULONG Flags);
NTSTATUS RtlStringCbCatNA(NTSTRSAFE_PSTR Dest, size_t cbDest, NTSTRSAFE_PCSTR Src, size_t cbToAppend);
NTSTATUS RtlStringCbCatNExA(NTSTRSAFE_PSTR Dest, size_t cbDest, NTSTRSAFE_PCSTR Src, size_t cbToAppend, NTSTRSAFE_PSTR *DestEnd, size_t *cbRemaining, ULONG Flags);
NTSTATUS RtlStringCbPrintfA(NTSTRSAFE_PSTR Dest, size_t cbDest, NTSTRSAFE_PCSTR Format, ...);
NTSTATUS RtlStringCbPrintfExA(NTSTRSAFE_PSTR Dest, size_t cbDest, NTSTRSAFE_PSTR *DestEnd, size_t *cbRemaining, ULONG Flags, NTSTRSAFE_PCSTR Format, ...);
NTSTATUS RtlStringCbVPrintfA(NTSTRSAFE_PSTR Dest, size_t cbDest, NTSTRSAFE_PCSTR Format, va_list ArgList);
NTSTATUS RtlStringCbVPrintfExA(NTSTRSAFE_PSTR Dest, size_t cbDest, NTSTRSAFE_PSTR *DestEnd, size_t *cbRemaining, ULONG Flags, NTSTRSAFE_PCSTR Format, va_list ArgList);
NTSTATUS RtlStringCbLengthA(NTSTRSAFE_PCSTR String, size_t cbMax, size_t *cbLength);

NTSTATUS RtlStringCchCopyA(NTSTRSAFE_PSTR Dest, size_t cchDest, NTSTRSAFE_PCSTR Src);
NTSTATUS RtlStringCchCopyExA(NTSTRSAFE_PSTR Dest, size_t cchDest, NTSTRSAFE_PCSTR Src, NTSTRSAFE_PSTR *DestEnd, size_t *cchRemaining, ULONG Flags);
NTSTATUS RtlStringCchCopyNA(NTSTRSAFE_PSTR Dest, size_t cchDest, NTSTRSAFE_PCSTR Src, size_t cchToCopy);
NTSTATUS RtlStringCchCopyNExA(NTSTRSAFE_PSTR Dest, size_t cchDest, NTSTRSAFE_PCSTR Src, size_t cchToCopy, NTSTRSAFE_PSTR *DestEnd, size_t *cchRemaining, ULONG Flags);
NTSTATUS RtlStringCchCatA(NTSTRSAFE_PSTR Dest, size_t cchDest, NTSTRSAFE_PCSTR Src);
NTSTATUS RtlStringCchCatExA(NTSTRSAFE_PSTR Dest, size_t cchDest, NTSTRSAFE_PCSTR Src, NTSTRSAFE_PSTR *DestEnd, size_t *cchRemaining, ULONG Flags);
NTSTATUS RtlStringCchCatNA(NTSTRSAFE_PSTR Dest, size_t cchDest, NTSTRSAFE_PCSTR Src, size_t cchToAppend);
NTSTATUS RtlStringCchCatNExA(NTSTRSAFE_PSTR Dest, size_t cchDest, NTSTRSAFE_PCSTR Src, size_t cchToAppend, NTSTRSAFE_PSTR *DestEnd, size_t *cchRemaining, ULONG Flags);
NTSTATUS RtlStringCchPrintfA(NTSTRSAFE_PSTR Dest, size_t cchDest, NTSTRSAFE_PCSTR Format, ...);
NTSTATUS RtlStringCchPrintfExA(NTSTRSAFE_PSTR Dest, size_t cchDest, NTSTRSAFE_PSTR *DestEnd, size_t *cchRemaining, ULONG Flags, NTSTRSAFE_PCSTR Format, ...);
NTSTATUS RtlStringCchVPrintfA(NTSTRSAFE_PSTR Dest, size_t cchDest, NTSTRSAFE_PCSTR Format, va_list ArgList);
NTSTATUS RtlStringCchVPrintfExA(NTSTRSAFE_PSTR Dest, size_t cchDest, NTSTRSAFE_PSTR *DestEnd, size_t *cchRemaining, ULONG Flags, NTSTRSAFE_PCSTR Format, va_list ArgList);
NTSTATUS RtlStringCchLengthA(NTSTRSAFE_PCSTR String, size_t cchMax, size_t *cchLength);

NTSTATUS RtlStringCbCopyW(NTSTRSAFE_PWSTR Dest, size_t cbDest, NTSTRSAFE_PCWSTR Src);
NTSTATUS RtlStringCbCopyExW(NTSTRSAFE_PWSTR Dest, size_t cbDest, NTSTRSAFE_PCWSTR Src, NTSTRSAFE_PWSTR *DestEnd, size_t *cbRemaining, ULONG Flags);
NTSTATUS RtlStringCbCopyNW(NTSTRSAFE_PWSTR Dest, size_t cbDest, NTSTRSAFE_PCWSTR Src, size_t cbToCopy);
NTSTATUS RtlStringCbCopyNExW(NTSTRSAFE_PWSTR Dest, size_t cbDest, NTSTRSAFE_PCWSTR Src, size_t cbToCopy, NTSTRSAFE_PWSTR *DestEnd, size_t *cbRemaining, ULONG Flags);
NTSTATUS RtlStringCbCatW(NTSTRSAFE_PWSTR Dest, size_t cbDest, NTSTRSAFE_PCWSTR Src);
NTSTATUS RtlStringCbCatExW(NTSTRSAFE_PWSTR Dest, size_t cbDest, NTSTRSAFE_PCWSTR Src, NTSTRSAFE_PWSTR *DestEnd, size_t *cbRemaining, ULONG Flags);
NTSTATUS RtlStringCbCatNW(NTSTRSAFE_PWSTR Dest, size_t cbDest, NTSTRSAFE_PCWSTR Src, size_t cbToAppend);
NTSTATUS RtlStringCbCatNExW(NTSTRSAFE_PWSTR Dest, size_t cbDest, NTSTRSAFE_PCWSTR Src, size_t cbToAppend, NTSTRSAFE_PWSTR *DestEnd, size_t *cbRemaining, ULONG Flags);
NTSTATUS RtlStringCbPrintfW(NTSTRSAFE_PWSTR Dest, size_t cbDest, NTSTRSAFE_PCWSTR Format, ...);
NTSTATUS RtlStringCbPrintfExW(NTSTRSAFE_PWSTR Dest, size_t cbDest, NTSTRSAFE_PWSTR *DestEnd, size_t *cbRemaining, ULONG Flags, NTSTRSAFE_PCWSTR Format, ...);
NTSTATUS RtlStringCbVPrintfW(NTSTRSAFE_PWSTR Dest, size_t cbDest, NTSTRSAFE_PCWSTR Format, va_list ArgList);
NTSTATUS RtlStringCbVPrintfExW(NTSTRSAFE_PWSTR Dest, size_t cbDest, NTSTRSAFE_PWSTR *DestEnd, size_t *cbRemaining, ULONG Flags, NTSTRSAFE_PCWSTR Format, va_list ArgList);
NTSTATUS RtlStringCbLengthW(NTSTRSAFE_PCWSTR String, size_t cbMax, size_t *cbLength);
NTSTATUS RtlStringCbCopyUnicodeString(NTSTRSAFE_PWSTR Dest, size_t cbDest, PCUNICODE_STRING Src);
NTSTATUS RtlStringCbCopyUnicodeStringEx(NTSTRSAFE_PWSTR Dest, size_t cbDest, PCUNICODE_STRING Src, NTSTRSAFE_PWSTR *DestEnd, size_t *cbRemaining, ULONG Flags);

NTSTATUS RtlStringCchCopyW(NTSTRSAFE_PWSTR Dest, size_t cchDest, NTSTRSAFE_PCWSTR Src);
NTSTATUS RtlStringCchCopyExW(NTSTRSAFE_PWSTR Dest, size_t cchDest, NTSTRSAFE_PCWSTR Src, NTSTRSAFE_PWSTR *DestEnd, size_t *cchRemaining, ULONG Flags);
NTSTATUS RtlStringCchCopyNW(NTSTRSAFE_PWSTR Dest, size_t cchDest, NTSTRSAFE_PCWSTR Src, size_t cchToCopy);
NTSTATUS RtlStringCchCopyNExW(NTSTRSAFE_PWSTR Dest, size_t cchDest, NTSTRSAFE_PCWSTR Src, size_t cchToCopy, NTSTRSAFE_PWSTR *DestEnd, size_t *cchRemaining, ULONG Flags);
NTSTATUS RtlStringCchCatW(NTSTRSAFE_PWSTR Dest, size_t cchDest, NTSTRSAFE_PCWSTR Src);
NTSTATUS RtlStringCchCatExW(NTSTRSAFE_PWSTR Dest, size_t cchDest, NTSTRSAFE_PCWSTR Src, NTSTRSAFE_PWSTR *DestEnd, size_t *cchRemaining, ULONG Flags);
NTSTATUS RtlStringCchCatNW(NTSTRSAFE_PWSTR Dest, size_t cchDest, NTSTRSAFE_PCWSTR Src, size_t cchToAppend);
NTSTATUS RtlStringCchCatNExW(NTSTRSAFE_PWSTR Dest, size_t cchDest, NTSTRSAFE_PCWSTR Src, size_t cchToAppend, NTSTRSAFE_PWSTR *DestEnd, size_t *cchRemaining, ULONG Flags);
NTSTATUS RtlStringCchPrintfW(NTSTRSAFE_PWSTR Dest, size_t cchDest, NTSTRSAFE_PCWSTR Format, ...);
NTSTATUS RtlStringCchPrintfExW(NTSTRSAFE_PWSTR Dest, size_t cchDest, NTSTRSAFE_PWSTR *DestEnd, size_t *cchRemaining, ULONG Flags, NTSTRSAFE_PCWSTR Format, ...);
NTSTATUS RtlStringCchVPrintfW(NTSTRSAFE_PWSTR Dest, size_t cchDest, NTSTRSAFE_PCWSTR Format, va_list ArgList);
NTSTATUS RtlStringCchVPrintfExW(NTSTRSAFE_PWSTR Dest, size_t cchDest, NTSTRSAFE_PWSTR *DestEnd, size_t *cchRemaining, ULONG Flags, NTSTRSAFE_PCWSTR Format, va_list ArgList);
NTSTATUS RtlStringCchLengthW(NTSTRSAFE_PCWSTR String, size_t cchMax, size_t *cchLength);
NTSTATUS RtlStringCchCopyUnicodeString(NTSTRSAFE_PWSTR Dest, size_t cchDest, PCUNICODE_STRING Src);
NTSTATUS RtlStringCchCopyUnicodeStringEx(NTSTRSAFE_PWSTR Dest, size_t cchDest, PCUNICODE_STRING Src, NTSTRSAFE_PWSTR *DestEnd, size_t *cchRemaining, ULONG Flags);

/* UNICODE_STRING destinations: not terminated, the size is MaximumLength. */
NTSTATUS RtlUnicodeStringInit(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src);
NTSTATUS RtlUnicodeStringInitEx(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src, ULONG Flags);
NTSTATUS RtlUnicodeStringValidate(PCUNICODE_STRING SourceString);
NTSTATUS RtlUnicodeStringValidateEx(PCUNICODE_STRING SourceString, ULONG Flags);
NTSTATUS RtlUnicodeStringCopy(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString);
NTSTATUS RtlUnicodeStringCopyEx(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString, PUNICODE_STRING RemainingString, ULONG Flags);
NTSTATUS RtlUnicodeStringCopyString(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src);
NTSTATUS RtlUnicodeStringCopyStringEx(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src, PUNICODE_STRING RemainingString, ULONG Flags);
NTSTATUS RtlUnicodeStringCbCopyN(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString, size_t cbToCopy);
NTSTATUS RtlUnicodeStringCbCopyNEx(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString, size_t cbToCopy, PUNICODE_STRING RemainingString, ULONG Flags);
NTSTATUS RtlUnicodeStringCbCopyStringN(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src, size_t cbToCopy);
NTSTATUS RtlUnicodeStringCbCopyStringNEx(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src, size_t cbToCopy, PUNICODE_STRING RemainingString, ULONG Flags);
NTSTATUS RtlUnicodeStringCchCopyN(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString, size_t cchToCopy);
NTSTATUS RtlUnicodeStringCchCopyNEx(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString, size_t cchToCopy, PUNICODE_STRING RemainingString, ULONG Flags);
NTSTATUS RtlUnicodeStringCchCopyStringN(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src, size_t cchToCopy);
NTSTATUS RtlUnicodeStringCchCopyStringNEx(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src, size_t cchToCopy, PUNICODE_STRING RemainingString, ULONG Flags);
NTSTATUS RtlUnicodeStringCat(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString);
NTSTATUS RtlUnicodeStringCatEx(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString, PUNICODE_STRING RemainingString, ULONG Flags);
NTSTATUS RtlUnicodeStringCatString(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src);
NTSTATUS RtlUnicodeStringCatStringEx(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src, PUNICODE_STRING RemainingString, ULONG Flags);
NTSTATUS RtlUnicodeStringCbCatN(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString, size_t cbToAppend);
NTSTATUS RtlUnicodeStringCbCatNEx(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString, size_t cbToAppend, PUNICODE_STRING RemainingString, ULONG Flags);
NTSTATUS RtlUnicodeStringCbCatStringN(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src, size_t cbToAppend);
NTSTATUS RtlUnicodeStringCbCatStringNEx(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src, size_t cbToAppend, PUNICODE_STRING RemainingString, ULONG Flags);
NTSTATUS RtlUnicodeStringCchCatN(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString, size_t cchToAppend);
NTSTATUS RtlUnicodeStringCchCatNEx(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString, size_t cchToAppend, PUNICODE_STRING RemainingString, ULONG Flags);
NTSTATUS RtlUnicodeStringCchCatStringN(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src, size_t cchToAppend);
NTSTATUS RtlUnicodeStringCchCatStringNEx(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Src, size_t cchToAppend, PUNICODE_STRING RemainingString, ULONG Flags);
NTSTATUS RtlUnicodeStringPrintf(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Format, ...);
NTSTATUS RtlUnicodeStringPrintfEx(PUNICODE_STRING DestinationString, PUNICODE_STRING RemainingString, ULONG Flags, NTSTRSAFE_PCWSTR Format, ...);
NTSTATUS RtlUnicodeStringVPrintf(PUNICODE_STRING DestinationString, NTSTRSAFE_PCWSTR Format, va_list ArgList);
NTSTATUS RtlUnicodeStringVPrintfEx(PUNICODE_STRING DestinationString, PUNICODE_STRING RemainingString, ULONG Flags, NTSTRSAFE_PCWSTR Format, va_list ArgList);
/* clang-format on */

FLTSIM_WDK_END

#endif
