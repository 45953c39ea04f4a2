/* What the files of src/rtl share. */
#ifndef FLTSIM_RTL_RTLP_H
#define FLTSIM_RTL_RTLP_H

#include <nt/ex.h>
#include <nt/rtl.h>
#include <nt/se.h>

#include "ex/pool.h"
#include "verify/api.h"
#include "verify/verify.h"

/* Shown as "Strg": the tag of strings that a routine allocated for its caller. */
#define RTL_STRING_TAG 'grtS'

/* The compiler removes a check whose limit no IRQL can exceed. */
#define RTL_IRQL(routine) API_IRQL(routine)


/* Case mapping without an IRQL check. */
WCHAR RtlpUpcase(WCHAR c);
WCHAR RtlpDowncase(WCHAR c);
LONG RtlpCompare(PCWCH a, SIZE_T a_chars, PCWCH b, SIZE_T b_chars, BOOLEAN ignore_case);

/* Code pages: one byte each way; '?' for what has none. */
enum rtlp_code_page { RTLP_ANSI, RTLP_OEM };
WCHAR RtlpByteToWide(enum rtlp_code_page page, UCHAR c);
UCHAR RtlpWideToByte(enum rtlp_code_page page, WCHAR c);

/* The formatter: Windows' printf rules, for narrow and wide output. */
struct rtlp_output {
    CHAR *narrow; /* one of the two, or neither to count only */
    WCHAR *wide;
    SIZE_T room; /* in characters */
    SIZE_T length; /* characters that the whole text has, written or not */
    BOOLEAN wide_text; /* wide text went into narrow output */
};
void RtlpFormatA(struct rtlp_output *out, PCSTR format, va_list arguments);
void RtlpFormatW(struct rtlp_output *out, PCWSTR format, va_list arguments);

/* The end of a routine that allocates the destination if the driver asks for it. */
#define RTL_HANDED_OUT(allocated, buffer, call) RtlpHandOut(call, allocated, (PVOID *)&(buffer), VERIFY_CALLER)
static inline NTSTATUS RtlpHandOut(NTSTATUS status, BOOLEAN allocated, PVOID *buffer, const void *site)
{
    if (allocated && NT_SUCCESS(status))
        ExpHandOut(*buffer, site);
    return status;
}

#endif
