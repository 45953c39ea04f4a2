/* (f) Contexts: a lookup against what it cannot do without and against what one would write by hand, a whole life against
 * malloc, by threads, by streams alive, with the ledger on and off, and in bytes. */
#include "bench.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

enum { TAG = 'fcnB', SIZE = 64, THREADS = 2, SPREAD = 16, BRIEF = 2000 };

static PFLT_FILTER filter;
static PFLT_INSTANCE instance;

/* -- a filter that registers stream contexts ----------------------------------------------------------------------- */

static NTSTATUS setup(PCFLT_RELATED_OBJECTS FltObjects, FLT_INSTANCE_SETUP_FLAGS Flags, DEVICE_TYPE DeviceType,
                      FLT_FILESYSTEM_TYPE FileSystem)
{
    instance = FltObjects->Instance;
    return STATUS_SUCCESS;
}

static NTSTATUS unload(FLT_FILTER_UNLOAD_FLAGS Flags)
{
    FltUnregisterFilter(filter);
    return STATUS_SUCCESS;
}

static NTSTATUS entry(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath)
{
    static const FLT_CONTEXT_REGISTRATION contexts[] = {
        {.ContextType = FLT_STREAM_CONTEXT, .Size = SIZE, .PoolTag = TAG},
        {.ContextType = FLT_CONTEXT_END},
    };
    static const FLT_REGISTRATION registration = {
        .Size = sizeof registration,
        .Version = FLT_REGISTRATION_VERSION,
        .ContextRegistration = contexts,
        .FilterUnloadCallback = unload,
        .InstanceSetupCallback = setup,
    };
    NTSTATUS status = FltRegisterFilter(DriverObject, &registration, &filter);
    return NT_SUCCESS(status) ? FltStartFiltering(filter) : status;
}

/* -- streams, open ---------------------------------------------------------------------------------------------------- */

static struct stream {
    HANDLE handle;
    PFILE_OBJECT file;
} *streams;

static void boot(enum fltsim_backend backend, bool no_ledgers)
{
    struct fltsim_driver *driver;
    struct fltsim_volume *volume;
    fltsim_start(&(struct fltsim_options){.backend = backend, .no_ledgers = no_ledgers});
    fltsim_mount(NULL, &volume);
    if (!NT_SUCCESS(fltsim_load(&(struct fltsim_driver_options){.name = "bench", .entry = entry, .altitude = "370000"}, &driver)))
        abort();
}

static void open_streams(unsigned count)
{
    streams = calloc(count, sizeof *streams);
    for (unsigned i = 0; i < count; i++) {
        char path[32];
        snprintf(path, sizeof path, "C:\\%u", i);
        if (!NT_SUCCESS(fltsim_open(path, &(struct fltsim_open){.disposition = FILE_CREATE}, &streams[i].handle)) ||
            !NT_SUCCESS(ObReferenceObjectByHandle(streams[i].handle, 0, NULL, KernelMode, (PVOID *)&streams[i].file, NULL)))
            abort();
    }
}

static void attach_context(PFILE_OBJECT file)
{
    PFLT_CONTEXT context;
    if (!NT_SUCCESS(FltAllocateContext(filter, FLT_STREAM_CONTEXT, SIZE, NonPagedPool, &context)) ||
        !NT_SUCCESS(FltSetStreamContext(instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL)))
        abort();
    FltReleaseContext(context);
}

static void close_streams(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        ObDereferenceObject(streams[i].file);
        fltsim_close(streams[i].handle);
    }
    free(streams);
}

/* -- what is measured ------------------------------------------------------------------------------------------------- */

static void get_and_release(void *file, unsigned count)
{
    PFLT_CONTEXT context;
    while (count--) {
        if (!NT_SUCCESS(FltGetStreamContext(instance, file, &context)))
            abort();
        FltReleaseContext(context);
    }
}

static void get_and_release_spread(void *first, unsigned count)
{
    PFLT_CONTEXT context;
    const struct stream *const *some = first;
    for (unsigned i = 0; i < count; i++) {
        if (!NT_SUCCESS(FltGetStreamContext(instance, some[i % SPREAD]->file, &context)))
            abort();
        FltReleaseContext(context);
    }
}

static void whole_life(void *file, unsigned count)
{
    PFLT_CONTEXT context;
    while (count--) {
        if (!NT_SUCCESS(FltAllocateContext(filter, FLT_STREAM_CONTEXT, SIZE, NonPagedPool, &context)))
            abort();
        FltSetStreamContext(instance, file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, context, NULL);
        FltDeleteContext(context);
        FltReleaseContext(context);
    }
}

static void two_atomics(void *number, unsigned count)
{
    while (count--) {
        __atomic_add_fetch((volatile LONG *)number, 1, __ATOMIC_ACQ_REL);
        __atomic_sub_fetch((volatile LONG *)number, 1, __ATOMIC_ACQ_REL);
    }
}

static void malloc_and_free(void *unused, unsigned count)
{
    while (count--) {
        void *volatile block = malloc(SIZE);
        memset(block, 0, SIZE);
        free(block);
    }
}

/* By hand: a table from instance and stream to context behind a mutex, counts in the context. */
struct by_hand {
    struct key {
        void *instance, *stream;
    } key;
    LONG count;
    UT_hash_handle hh;
};
static struct by_hand *table;
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;

static void look_up_by_hand(void *stream, unsigned count)
{
    const struct key key = {&table, stream};
    while (count--) {
        struct by_hand *found;
        pthread_mutex_lock(&table_lock);
        HASH_FIND(hh, table, &key, sizeof key, found);
        found->count++;
        pthread_mutex_unlock(&table_lock);
        pthread_mutex_lock(&table_lock);
        found->count--;
        pthread_mutex_unlock(&table_lock);
    }
}

static double time_by_hand(void)
{
    enum { MANY = 1000 };
    static struct by_hand entries[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        entries[i].key = (struct key){&table, &entries[i]};
        HASH_ADD(hh, table, key, sizeof(struct key), &entries[i]);
    }
    double time = bench_quickest(look_up_by_hand, &entries[MANY / 2], BRIEF);
    HASH_CLEAR(hh, table);
    return time;
}

/* -- one after the other ------------------------------------------------------------------------------------------- */

static void measure_costs(enum fltsim_backend backend, const char *name)
{
    LONG number = 0;
    double get[2], life[2];

    for (int no_ledgers = 0; no_ledgers < 2; no_ledgers++) {
        boot(backend, no_ledgers);
        open_streams(2);
        attach_context(streams[0].file);
        get[no_ledgers] = bench_quickest(get_and_release, streams[0].file, BRIEF);
        life[no_ledgers] = bench_quickest(whole_life, streams[1].file, BRIEF);
        close_streams(2);
        bench_halt();
    }
    double atomics = bench_quickest(two_atomics, &number, BRIEF), by_hand = time_by_hand(),
           block = bench_quickest(malloc_and_free, NULL, BRIEF);
    printf("(f) %-6s FltGetStreamContext + FltReleaseContext %.1f ns: %.2f x two atomic changes, %.2f x uthash behind a mutex;"
           " with the ledger %.1f ns\n"
           "           allocate, set, delete, release %.0f ns: %.1f x malloc + free; with the ledger %.0f ns\n",
           name, get[1], get[1] / atomics, get[1] / by_hand, get[0], life[1], life[1] / block, life[0]);
}

/* -- threads -------------------------------------------------------------------------------------------------------- */

struct job {
    void (*work)(void *, unsigned);
    PFILE_OBJECT file;
    unsigned count;
};

static int run_job(void *argument)
{
    const struct job *job = argument;
    job->work(job->file, job->count);
    return 0;
}

static double run_jobs(struct job *jobs, unsigned threads)
{
    struct fltsim_thread *running[THREADS];
    double begin = bench_now();
    for (unsigned i = 0; i < threads; i++)
        running[i] = fltsim_thread_create(NULL, run_job, &jobs[i]);
    for (unsigned i = 0; i < threads; i++)
        fltsim_thread_join(running[i]);
    return bench_now() - begin;
}

static double scale(void (*work)(void *, unsigned), PFILE_OBJECT one, PFILE_OBJECT two, unsigned count)
{
    struct job jobs[THREADS] = {{work, one, count}, {work, two, count}};
    double alone = 1e18, both = 1e18;
    run_jobs(jobs, THREADS);
    for (int round = 0; round < 40; round++) {
        double one = run_jobs(jobs, 1), all = run_jobs(jobs, THREADS);
        alone = one < alone ? one : alone;
        both = all < both ? all : both;
    }
    return THREADS * alone / both;
}

static void measure_threads(void)
{
    boot(FLTSIM_NATIVE, true);
    open_streams(4);
    attach_context(streams[0].file);
    attach_context(streams[1].file);
    printf("(f) two native threads: get + release on two streams %.2f x one thread, on one stream %.2f x;",
           scale(get_and_release, streams[0].file, streams[1].file, 100000),
           scale(get_and_release, streams[0].file, streams[0].file, 100000));
    printf(" whole life on two streams %.2f x, on one %.2f x\n",
           scale(whole_life, streams[2].file, streams[3].file, 30000),
           scale(whole_life, streams[2].file, streams[2].file, 30000));
    close_streams(4);
    bench_halt();
}

/* -- streams alive ------------------------------------------------------------------------------------------------------ */

static size_t bytes_in_use(void)
{
#ifdef __GLIBC__
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}

enum { MANY = 1000 };

/* What a context takes beside its own bytes, and what its stream takes besides. */
static void measure_bytes(void)
{
    static PFLT_CONTEXT contexts[MANY];
    boot(FLTSIM_COOP, true);
    open_streams(MANY);
    size_t before = bytes_in_use();
    for (unsigned i = 0; i < MANY; i++)
        FltAllocateContext(filter, FLT_STREAM_CONTEXT, SIZE, NonPagedPool, &contexts[i]);
    size_t allocated = bytes_in_use();
    for (unsigned i = 0; i < MANY; i++)
        FltSetStreamContext(instance, streams[i].file, FLT_SET_CONTEXT_KEEP_IF_EXISTS, contexts[i], NULL);
    size_t linked = bytes_in_use();
    for (unsigned i = 0; i < MANY; i++)
        FltReleaseContext(contexts[i]);
    close_streams(MANY);
    bench_halt();
    if (linked)
        printf("(f) a context takes %zu bytes beside its own, a stream with one %zu more\n",
               (allocated - before) / MANY - SIZE, (linked - allocated) / MANY);
}

static void measure_streams(void)
{
    static const unsigned counts[] = {1, 10, 1000, 100000};
    printf("(f) get + release with so many streams alive:");
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        const struct stream *some[SPREAD];
        boot(FLTSIM_COOP, true);
        open_streams(counts[i]);
        for (unsigned k = 0; k < counts[i]; k++)
            attach_context(streams[k].file);
        for (unsigned k = 0; k < SPREAD; k++)
            some[k] = &streams[(size_t)k * counts[i] / SPREAD];
        printf("%s %u %.1f ns", i ? "," : "", counts[i], bench_quickest(get_and_release_spread, some, BRIEF));
        close_streams(counts[i]);
        bench_halt();
    }
    printf("\n");
}

void bench_context(void)
{
    measure_costs(FLTSIM_COOP, "coop");
    measure_costs(FLTSIM_NATIVE, "native");
    measure_threads();
    measure_streams();
    measure_bytes();
}
