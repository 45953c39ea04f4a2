// The auxiliary kernel library.
#ifndef FLTSIM_WDK_AUX_KLIB_H
#define FLTSIM_WDK_AUX_KLIB_H

#include <nt/begin.h>
#include <nt/types.h>

FLTSIM_WDK_BEGIN

#define AUX_KLIB_MODULE_PATH_LEN 256

typedef struct _AUX_MODULE_BASIC_INFO {
    PVOID ImageBase;
} AUX_MODULE_BASIC_INFO, *PAUX_MODULE_BASIC_INFO;

typedef struct _AUX_MODULE_EXTENDED_INFO {
    AUX_MODULE_BASIC_INFO BasicInfo;
    ULONG ImageSize;
    USHORT FileNameOffset;
    UCHAR FullPathName[AUX_KLIB_MODULE_PATH_LEN];
} AUX_MODULE_EXTENDED_INFO, *PAUX_MODULE_EXTENDED_INFO;

NTSTATUS AuxKlibInitialize(VOID);
NTSTATUS AuxKlibQueryModuleInformation(_Inout_ PULONG BufferSize, _In_ ULONG ElementSize,
                                       _Out_opt_ PVOID QueryInfo);
struct _IMAGE_EXPORT_DIRECTORY;
struct _IMAGE_EXPORT_DIRECTORY *AuxKlibGetImageExportDirectory(_In_ PVOID ImageBase);

FLTSIM_WDK_END

#endif
