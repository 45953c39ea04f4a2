/* (e) Extra create parameters: one from a lookaside list against one from pool, and what a create pays for those that it
 * carries. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

static const GUID type = {0xBE, 0xEC, 0x0B, {1}};
static NPAGED_LOOKASIDE_LIST lookaside;
static const unsigned counts[] = {0, 1, 4, 16};
enum { POINTS = sizeof counts / sizeof *counts, MOST = 16, SIZE = 32 };

static void from_pool(void *unused, unsigned count)
{
    PVOID context;
    while (count--) {
        FsRtlAllocateExtraCreateParameter(&type, SIZE, FSRTL_ALLOCATE_ECP_FLAG_NONPAGED_POOL, NULL, 'hcnB', &context);
        FsRtlFreeExtraCreateParameter(context);
    }
}

static void from_lookaside(void *unused, unsigned count)
{
    PVOID context;
    while (count--) {
        FsRtlAllocateExtraCreateParameterFromLookasideList(&type, SIZE, 0, NULL, &lookaside, &context);
        FsRtlFreeExtraCreateParameter(context);
    }
}

/* A create with a list of its own: allocated, filled, carried, freed. */
static void create(unsigned carried)
{
    static const WCHAR path[] = {'\\', '?', '?', '\\', 'C', ':', '\\', 'f', 0};
    UNICODE_STRING name = {sizeof path - sizeof(WCHAR), sizeof path, (PWSTR)(ULONG_PTR)path};
    IO_DRIVER_CREATE_CONTEXT context;
    OBJECT_ATTRIBUTES attributes;
    IO_STATUS_BLOCK iosb;
    PECP_LIST list = NULL;
    HANDLE handle;

    InitializeObjectAttributes(&attributes, &name, OBJ_KERNEL_HANDLE, NULL, NULL);
    IoInitializeDriverCreateContext(&context);
    if (carried)
        FsRtlAllocateExtraCreateParameterList(0, &list);
    for (unsigned i = 0; i < carried; i++) {
        GUID own = type;
        PVOID parameter;
        own.Data1 = i;
        FsRtlAllocateExtraCreateParameterFromLookasideList(&own, SIZE, 0, NULL, &lookaside, &parameter);
        FsRtlInsertExtraCreateParameter(list, parameter);
    }
    context.ExtraCreateParameter = list;
    if (!NT_SUCCESS(IoCreateFileEx(&handle, GENERIC_READ | SYNCHRONIZE, &attributes, &iosb, NULL, 0, FILE_SHARE_READ, FILE_OPEN,
                                   FILE_SYNCHRONOUS_IO_NONALERT, NULL, 0, CreateFileTypeNone, NULL, 0, &context)))
        abort();
    ZwClose(handle);
    if (list)
        FsRtlFreeExtraCreateParameterList(list);
}

static void create_many(void *carried, unsigned count)
{
    while (count--)
        create(*(const unsigned *)carried);
}

static void measure(enum fltsim_backend backend, const char *name)
{
    struct bench_machine m;
    HANDLE file;
    double opens[POINTS];

    bench_boot(&m, backend, 1);
    FsRtlInitExtraCreateParameterLookasideList(&lookaside, FSRTL_ECP_LOOKASIDE_FLAG_NONPAGED_POOL, SIZE, 'hcnB');
    fltsim_open("C:\\f", &(struct fltsim_open){.access = GENERIC_WRITE, .disposition = FILE_CREATE}, &file);
    fltsim_close(file);
    double one[2];
    bench_pair((void (*const[])(void *, unsigned)){from_pool, from_lookaside}, NULL, 10000, one);
    for (int i = 0; i < POINTS; i++)
        opens[i] = bench_time(create_many, (void *)(ULONG_PTR)&counts[i], 2000);
    FsRtlDeleteExtraCreateParameterLookasideList(&lookaside, FSRTL_ECP_LOOKASIDE_FLAG_NONPAGED_POOL);
    bench_halt();
    printf("(e) %-6s extra create parameter: pool %.1f ns, lookaside list %.1f ns; pool / lookaside list: %.1f\n"
           "           create+close with 0, 1, 4, 16 of them: %.0f ns, x %.2f, x %.2f, x %.2f\n",
           name, one[0], one[1], one[0] / one[1], opens[0], opens[1] / opens[0], opens[2] / opens[0], opens[3] / opens[0]);
}

void bench_ecp(void)
{
    measure(FLTSIM_COOP, "coop");
    measure(FLTSIM_NATIVE, "native");
}
