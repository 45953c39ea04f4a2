/* Between ntstrsafe.h's names and what they all come down to. Room and lengths are in characters. */
#ifndef FLTSIM_RTL_STRSAFE_H
#define FLTSIM_RTL_STRSAFE_H

#include "rtl/rtlp.h"

#include <ntstrsafe.h>

/* Where the text ends and how much room there is then, the terminator included; either may be NULL. */
struct endA {
    PSTR *end;
    size_t *remaining;
};
struct endW {
    PWSTR *end;
    size_t *remaining;
};

NTSTATUS RtlpSafeCopyA(PSTR to, size_t room, PCSTR from, size_t count, ULONG flags, struct endA out);
NTSTATUS RtlpSafeCatA(PSTR to, size_t room, PCSTR from, size_t count, ULONG flags, struct endA out);
NTSTATUS RtlpSafePrintA(PSTR to, size_t room, PCSTR format, va_list arguments, ULONG flags, struct endA out);
NTSTATUS RtlpSafeLengthA(PCSTR text, size_t most, size_t *length);
NTSTATUS RtlpSafeCopyW(PWSTR to, size_t room, PCWSTR from, size_t count, ULONG flags, struct endW out);
NTSTATUS RtlpSafeCatW(PWSTR to, size_t room, PCWSTR from, size_t count, ULONG flags, struct endW out);
NTSTATUS RtlpSafePrintW(PWSTR to, size_t room, PCWSTR format, va_list arguments, ULONG flags, struct endW out);
NTSTATUS RtlpSafeLengthW(PCWSTR text, size_t most, size_t *length);

#endif
