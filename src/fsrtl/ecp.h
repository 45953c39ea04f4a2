/* The structures of extra create parameters; private to fsrtl. */
#ifndef FLTSIM_FSRTL_ECP_H
#define FLTSIM_FSRTL_ECP_H

#include "fsrtlp.h"

#define ECP_ACKNOWLEDGED 0x1u
#define ECP_FROM_USER 0x2u
#define ECP_CALLERS 0x4u /* was on the caller's list as the create began */

struct ecp_lookaside;

struct _ECP_LIST {
    ULONG magic;
    ULONG flags;
    LIST_ENTRY parameters; // _ECP_HEADER.link
};

/* Stands before the context; its size keeps the context aligned as pool is. */
struct _ECP_HEADER {
    ULONG magic;
    ULONG flags;
    LIST_ENTRY link; // _ECP_LIST.parameters
    PECP_LIST list;
    struct ecp_lookaside *lookaside;
    PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK cleanup;
    GUID type;
    ULONG size;
    ULONG tag;
    LIST_ENTRY out;   // ecp_lookaside.out
    const void *site; // who took it from the lookaside list
} __attribute__((aligned(16)));

PECP_HEADER FsRtlpAllocateEcp(ULONG size, FSRTL_ALLOCATE_ECP_FLAGS flags, ULONG tag);
void FsRtlpInitializeEcp(PECP_HEADER header, LPCGUID type, ULONG size,
                         PFSRTL_EXTRA_CREATE_PARAMETER_CLEANUP_CALLBACK cleanup, ULONG tag);
void FsRtlpFreeEcpToLookaside(PECP_HEADER header);

#endif
