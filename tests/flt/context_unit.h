/* A filter, an instance and files made by hand, for tests of the context core that need no driver and no volume. */
#ifndef FLTSIM_TEST_FLT_CONTEXT_UNIT_H
#define FLTSIM_TEST_FLT_CONTEXT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "flt/context.h"
#include "fsrtl/fsrtlp.h"

#define FILES 8

struct unit_file {
    FILE_OBJECT object;
    FSRTL_ADVANCED_FCB_HEADER header;
    FAST_MUTEX mutex;
    PVOID fileContexts;
};

struct unit {
    struct _FLT_FILTER filter;
    struct _FLT_VOLUME volume;
    struct _FLT_INSTANCE instance;
    struct unit_file files[FILES];
    volatile LONG cleanups, allocations, frees;
};

static struct unit storage, *u;
static bool quiet; /* violations are expected: do not print them */

static VOID FLTAPI CountCleanup(PFLT_CONTEXT Context, FLT_CONTEXT_TYPE ContextType)
{
    __atomic_add_fetch(&u->cleanups, 1, __ATOMIC_RELAXED);
}

static PVOID FLTAPI OwnAllocate(POOL_TYPE PoolType, SIZE_T Size, FLT_CONTEXT_TYPE ContextType)
{
    __atomic_add_fetch(&u->allocations, 1, __ATOMIC_RELAXED);
    return ExAllocatePoolWithTag(PoolType, Size, 'nwoM');
}

static VOID FLTAPI OwnFree(PVOID Pool, FLT_CONTEXT_TYPE ContextType)
{
    __atomic_add_fetch(&u->frees, 1, __ATOMIC_RELAXED);
    ExFreePoolWithTag(Pool, 'nwoM');
}

static const FLT_CONTEXT_REGISTRATION unitContexts[] = {
    {FLT_STREAM_CONTEXT, 0, CountCleanup, 64, 'mrtS', NULL, NULL, NULL},
    {FLT_STREAM_CONTEXT, FLTFL_CONTEXT_REGISTRATION_NO_EXACT_SIZE_MATCH, CountCleanup, 128, 'mrtS', NULL, NULL, NULL},
    {FLT_STREAMHANDLE_CONTEXT, 0, CountCleanup, FLT_VARIABLE_SIZED_CONTEXTS, 'dnaH', NULL, NULL, NULL},
    {FLT_INSTANCE_CONTEXT, 0, CountCleanup, 32, 'tsnI', NULL, NULL, NULL},
    {FLT_VOLUME_CONTEXT, 0, CountCleanup, 32, 'emuV', NULL, NULL, NULL},
    {FLT_FILE_CONTEXT, 0, CountCleanup, 0, 0, OwnAllocate, OwnFree, NULL},
    {FLT_CONTEXT_END, 0, NULL, 0, 0, NULL, NULL, NULL},
};

static inline void make_file(struct unit_file *file, bool fileContexts)
{
    ExInitializeFastMutex(&file->mutex);
    if (fileContexts)
        FsRtlSetupAdvancedHeaderEx(&file->header, &file->mutex, &file->fileContexts);
    else
        FsRtlSetupAdvancedHeader(&file->header, &file->mutex);
    file->object.FsContext = &file->header;
}

static inline void end_file(struct unit_file *file)
{
    if (!file->object.FsContext)
        return;
    FltpFileObjectClosed(&u->volume, &file->object);
    FsRtlpDeleteFileObjectContexts(&file->object);
    file->object.FsContext = NULL;
    FsRtlTeardownPerStreamContexts(&file->header);
    FsRtlTeardownPerFileContexts(&file->fileContexts);
}

static inline int start_unit(void **state)
{
    if (!fltsim_start(&(struct fltsim_options){.quiet = quiet}))
        return -1;
    if (!FltGlobals.Names)
        FltpStartNames();
    memset(&storage, 0, sizeof storage);
    u = &storage;
    u->filter.Base.Flags = FLT_OBFL_TYPE_FILTER;
    u->filter.Base.PointerCount = 1000;
    u->filter.Name = (UNICODE_STRING)RTL_CONSTANT_STRING(u"unit");
    u->instance.Base.Flags = FLT_OBFL_TYPE_INSTANCE;
    u->volume.Base.Flags = FLT_OBFL_TYPE_VOLUME;
    u->volume.Base.PointerCount = 1000;
    u->instance.Filter = &u->filter;
    u->instance.Volume = &u->volume;
    u->instance.Base.PointerCount = 1000;
    InitializeListHead(&u->volume.Instances);
    for (int i = 0; i < FILES; i++)
        make_file(&u->files[i], i % 2);
    return FltpRegisterContexts(&u->filter, unitContexts) == STATUS_SUCCESS ? 0 : -1;
}

static inline void end_unit(void)
{
    FltpDeleteInstanceContexts(&u->instance);
    for (int i = 0; i < FILES; i++)
        end_file(&u->files[i]);
    FltpDeleteVolumeContexts(&u->volume, NULL);
    FltpUnregisterContexts(&u->filter);
    FltpFreeObjectContexts(&u->instance.Contexts);
    FltpFreeObjectContexts(&u->volume.VolumeContexts);
}

static inline int stop_unit(void **state)
{
    bool own = machine && FltGlobals.DriverObject == NULL;
    if (u && !sched_is_dead())
        end_unit();
    u = NULL;
    if (own)
        FltpStopNames();
    size_t violations = fltsim_stop(NULL);
    return violations ? -1 : 0;
}

#define unit_test_of(test) cmocka_unit_test_setup_teardown(test, start_unit, stop_unit)

static inline PFLT_CONTEXT allocate(FLT_CONTEXT_TYPE type, SIZE_T size)
{
    PFLT_CONTEXT context;
    assert_int_equal(FltAllocateContext(&u->filter, type, size, NonPagedPool, &context), STATUS_SUCCESS);
    return context;
}

static inline LONG count_of(PFLT_CONTEXT context)
{
    return *(volatile LONG *)((char *)context - 8);
}

#endif
