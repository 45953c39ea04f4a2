// What network drivers and programs share: the little of it that drivers of other kinds have in their types.
#ifndef FLTSIM_WDK_NTDDNDIS_H
#define FLTSIM_WDK_NTDDNDIS_H

#include <nt/io.h>
#include <nt/types.h>

typedef struct _NDIS_OBJECT_HEADER {
    UCHAR Type, Revision;
    USHORT Size;
} NDIS_OBJECT_HEADER, *PNDIS_OBJECT_HEADER;

#define NDIS_OBJECT_TYPE_DEFAULT 0x80
#define NDIS_GENERIC_OBJECT_REVISION_1 1

typedef ULONG NDIS_OID, *PNDIS_OID;

#define IOCTL_NDIS_QUERY_GLOBAL_STATS CTL_CODE(FILE_DEVICE_PHYSICAL_NETCARD, 0, METHOD_OUT_DIRECT, FILE_ANY_ACCESS)

#endif
