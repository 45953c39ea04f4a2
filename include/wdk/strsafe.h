/* The user side's string functions, which some drivers include all the same: those of ntstrsafe.h, answering an
 * HRESULT. */
#ifndef FLTSIM_WDK_STRSAFE_H
#define FLTSIM_WDK_STRSAFE_H

#include <ntstrsafe.h>

#define STRSAFE_E_INSUFFICIENT_BUFFER ((HRESULT)0x8007007AL)
#define STRSAFE_E_INVALID_PARAMETER ((HRESULT)0x80070057L)
#define STRSAFE_E_END_OF_FILE ((HRESULT)0x80070026L)

static inline HRESULT fltsim_strsafe(NTSTATUS Status)
{
    if (Status >= 0)
        return S_OK;
    return Status == (NTSTATUS)0x80000005L ? STRSAFE_E_INSUFFICIENT_BUFFER : STRSAFE_E_INVALID_PARAMETER;
}

#define StringCbCopyA(...) fltsim_strsafe(RtlStringCbCopyA(__VA_ARGS__))
#define StringCbCopyExA(...) fltsim_strsafe(RtlStringCbCopyExA(__VA_ARGS__))
#define StringCbCopyNA(...) fltsim_strsafe(RtlStringCbCopyNA(__VA_ARGS__))
#define StringCbCopyNExA(...) fltsim_strsafe(RtlStringCbCopyNExA(__VA_ARGS__))
#define StringCbCatA(...) fltsim_strsafe(RtlStringCbCatA(__VA_ARGS__))
#define StringCbCatExA(...) fltsim_strsafe(RtlStringCbCatExA(__VA_ARGS__))
#define StringCbCatNA(...) fltsim_strsafe(RtlStringCbCatNA(__VA_ARGS__))
#define StringCbCatNExA(...) fltsim_strsafe(RtlStringCbCatNExA(__VA_ARGS__))
#define StringCbPrintfA(...) fltsim_strsafe(RtlStringCbPrintfA(__VA_ARGS__))
#define StringCbPrintfExA(...) fltsim_strsafe(RtlStringCbPrintfExA(__VA_ARGS__))
#define StringCbVPrintfA(...) fltsim_strsafe(RtlStringCbVPrintfA(__VA_ARGS__))
#define StringCbVPrintfExA(...) fltsim_strsafe(RtlStringCbVPrintfExA(__VA_ARGS__))
#define StringCbLengthA(...) fltsim_strsafe(RtlStringCbLengthA(__VA_ARGS__))
#define StringCbCopyW(...) fltsim_strsafe(RtlStringCbCopyW(__VA_ARGS__))
#define StringCbCopyExW(...) fltsim_strsafe(RtlStringCbCopyExW(__VA_ARGS__))
#define StringCbCopyNW(...) fltsim_strsafe(RtlStringCbCopyNW(__VA_ARGS__))
#define StringCbCopyNExW(...) fltsim_strsafe(RtlStringCbCopyNExW(__VA_ARGS__))
#define StringCbCatW(...) fltsim_strsafe(RtlStringCbCatW(__VA_ARGS__))
#define StringCbCatExW(...) fltsim_strsafe(RtlStringCbCatExW(__VA_ARGS__))
#define StringCbCatNW(...) fltsim_strsafe(RtlStringCbCatNW(__VA_ARGS__))
#define StringCbCatNExW(...) fltsim_strsafe(RtlStringCbCatNExW(__VA_ARGS__))
#define StringCbPrintfW(...) fltsim_strsafe(RtlStringCbPrintfW(__VA_ARGS__))
#define StringCbPrintfExW(...) fltsim_strsafe(RtlStringCbPrintfExW(__VA_ARGS__))
#define StringCbVPrintfW(...) fltsim_strsafe(RtlStringCbVPrintfW(__VA_ARGS__))
#define StringCbVPrintfExW(...) fltsim_strsafe(RtlStringCbVPrintfExW(__VA_ARGS__))
#define StringCbLengthW(...) fltsim_strsafe(RtlStringCbLengthW(__VA_ARGS__))
#define StringCchCopyA(...) fltsim_strsafe(RtlStringCchCopyA(__VA_ARGS__))
#define StringCchCopyExA(...) fltsim_strsafe(RtlStringCchCopyExA(__VA_ARGS__))
#define StringCchCopyNA(...) fltsim_strsafe(RtlStringCchCopyNA(__VA_ARGS__))
#define StringCchCopyNExA(...) fltsim_strsafe(RtlStringCchCopyNExA(__VA_ARGS__))
#define StringCchCatA(...) fltsim_strsafe(RtlStringCchCatA(__VA_ARGS__))
#define StringCchCatExA(...) fltsim_strsafe(RtlStringCchCatExA(__VA_ARGS__))
#define StringCchCatNA(...) fltsim_strsafe(RtlStringCchCatNA(__VA_ARGS__))
#define StringCchCatNExA(...) fltsim_strsafe(RtlStringCchCatNExA(__VA_ARGS__))
#define StringCchPrintfA(...) fltsim_strsafe(RtlStringCchPrintfA(__VA_ARGS__))
#define StringCchPrintfExA(...) fltsim_strsafe(RtlStringCchPrintfExA(__VA_ARGS__))
#define StringCchVPrintfA(...) fltsim_strsafe(RtlStringCchVPrintfA(__VA_ARGS__))
#define StringCchVPrintfExA(...) fltsim_strsafe(RtlStringCchVPrintfExA(__VA_ARGS__))
#define StringCchLengthA(...) fltsim_strsafe(RtlStringCchLengthA(__VA_ARGS__))
#define StringCchCopyW(...) fltsim_strsafe(RtlStringCchCopyW(__VA_ARGS__))
#define StringCchCopyExW(...) fltsim_strsafe(RtlStringCchCopyExW(__VA_ARGS__))
#define StringCchCopyNW(...) fltsim_strsafe(RtlStringCchCopyNW(__VA_ARGS__))
#define StringCchCopyNExW(...) fltsim_strsafe(RtlStringCchCopyNExW(__VA_ARGS__))
#define StringCchCatW(...) fltsim_strsafe(RtlStringCchCatW(__VA_ARGS__))
#define StringCchCatExW(...) fltsim_strsafe(RtlStringCchCatExW(__VA_ARGS__))
#define StringCchCatNW(...) fltsim_strsafe(RtlStringCchCatNW(__VA_ARGS__))
#define StringCchCatNExW(...) fltsim_strsafe(RtlStringCchCatNExW(__VA_ARGS__))
#define StringCchPrintfW(...) fltsim_strsafe(RtlStringCchPrintfW(__VA_ARGS__))
#define StringCchPrintfExW(...) fltsim_strsafe(RtlStringCchPrintfExW(__VA_ARGS__))
#define StringCchVPrintfW(...) fltsim_strsafe(RtlStringCchVPrintfW(__VA_ARGS__))
#define StringCchVPrintfExW(...) fltsim_strsafe(RtlStringCchVPrintfExW(__VA_ARGS__))
#define StringCchLengthW(...) fltsim_strsafe(RtlStringCchLengthW(__VA_ARGS__))

#ifdef UNICODE
#define StringCbCopy StringCbCopyW
#define StringCbCopyEx StringCbCopyExW
#define StringCbCopyN StringCbCopyNW
#define StringCbCopyNEx StringCbCopyNExW
#define StringCbCat StringCbCatW
#define StringCbCatEx StringCbCatExW
#define StringCbCatN StringCbCatNW
#define StringCbCatNEx StringCbCatNExW
#define StringCbPrintf StringCbPrintfW
#define StringCbPrintfEx StringCbPrintfExW
#define StringCbVPrintf StringCbVPrintfW
#define StringCbVPrintfEx StringCbVPrintfExW
#define StringCbLength StringCbLengthW
#define StringCchCopy StringCchCopyW
#define StringCchCopyEx StringCchCopyExW
#define StringCchCopyN StringCchCopyNW
#define StringCchCopyNEx StringCchCopyNExW
#define StringCchCat StringCchCatW
#define StringCchCatEx StringCchCatExW
#define StringCchCatN StringCchCatNW
#define StringCchCatNEx StringCchCatNExW
#define StringCchPrintf StringCchPrintfW
#define StringCchPrintfEx StringCchPrintfExW
#define StringCchVPrintf StringCchVPrintfW
#define StringCchVPrintfEx StringCchVPrintfExW
#define StringCchLength StringCchLengthW
#else
#define StringCbCopy StringCbCopyA
#define StringCbCopyEx StringCbCopyExA
#define StringCbCopyN StringCbCopyNA
#define StringCbCopyNEx StringCbCopyNExA
#define StringCbCat StringCbCatA
#define StringCbCatEx StringCbCatExA
#define StringCbCatN StringCbCatNA
#define StringCbCatNEx StringCbCatNExA
#define StringCbPrintf StringCbPrintfA
#define StringCbPrintfEx StringCbPrintfExA
#define StringCbVPrintf StringCbVPrintfA
#define StringCbVPrintfEx StringCbVPrintfExA
#define StringCbLength StringCbLengthA
#define StringCchCopy StringCchCopyA
#define StringCchCopyEx StringCchCopyExA
#define StringCchCopyN StringCchCopyNA
#define StringCchCopyNEx StringCchCopyNExA
#define StringCchCat StringCchCatA
#define StringCchCatEx StringCchCatExA
#define StringCchCatN StringCchCatNA
#define StringCchCatNEx StringCchCatNExA
#define StringCchPrintf StringCchPrintfA
#define StringCchPrintfEx StringCchPrintfExA
#define StringCchVPrintf StringCchVPrintfA
#define StringCchVPrintfEx StringCchVPrintfExA
#define StringCchLength StringCchLengthA
#endif

#endif
