#define _GNU_SOURCE
#include "plat/thread.h"

#include "plat/fault.h"
#include "plat/sanitizer.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef __APPLE__
#include <mach/mach.h>
#endif

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(struct plat_mutex), "plat_mutex is too small");
_Static_assert(sizeof(pthread_cond_t) <= sizeof(struct plat_cond), "plat_cond is too small");

static pthread_mutex_t *native_mutex(struct plat_mutex *mutex)
{
    return (pthread_mutex_t *)(void *)mutex->opaque;
}

static pthread_cond_t *native_cond(struct plat_cond *cond)
{
    return (pthread_cond_t *)(void *)cond->opaque;
}

static void must(int error, const char *what)
{
    if (error == 0)
        return;
    fprintf(stderr, "fltsim: %s: %s\n", what, strerror(error));
    abort();
}

void plat_mutex_init(struct plat_mutex *mutex)
{
    must(pthread_mutex_init(native_mutex(mutex), NULL), "pthread_mutex_init");
}

void plat_mutex_destroy(struct plat_mutex *mutex)
{
    pthread_mutex_destroy(native_mutex(mutex));
}

void plat_mutex_lock(struct plat_mutex *mutex)
{
    must(pthread_mutex_lock(native_mutex(mutex)), "pthread_mutex_lock");
}

void plat_mutex_unlock(struct plat_mutex *mutex)
{
    must(pthread_mutex_unlock(native_mutex(mutex)), "pthread_mutex_unlock");
}

void plat_cond_init(struct plat_cond *cond)
{
    must(pthread_cond_init(native_cond(cond), NULL), "pthread_cond_init");
}

void plat_cond_destroy(struct plat_cond *cond)
{
    pthread_cond_destroy(native_cond(cond));
}

void plat_cond_wait(struct plat_cond *cond, struct plat_mutex *mutex)
{
    must(pthread_cond_wait(native_cond(cond), native_mutex(mutex)), "pthread_cond_wait");
}

bool plat_cond_wait_for(struct plat_cond *cond, struct plat_mutex *mutex, unsigned milliseconds)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += milliseconds / 1000;
    until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    int error = pthread_cond_timedwait(native_cond(cond), native_mutex(mutex), &until);
    if (error != ETIMEDOUT)
        must(error, "pthread_cond_timedwait");
    return error == 0;
}

void plat_cond_signal(struct plat_cond *cond)
{
    pthread_cond_signal(native_cond(cond));
}

void plat_cond_broadcast(struct plat_cond *cond)
{
    pthread_cond_broadcast(native_cond(cond));
}

/* ---- the pool ------------------------------------------------------------------------------------------------------ */

struct worker {
    struct worker *next; /* idle */
    pthread_cond_t wake;
    void (*body)(void *);
    void *argument;
};

enum { STACK_SIZE = 1024 * 1024, IDLE_LIMIT = 64 };
static pthread_mutex_t pool = PTHREAD_MUTEX_INITIALIZER;
static struct worker *idle;
static unsigned idle_count;
static atomic_uint workers;

static bool wait_for_work(struct worker *worker)
{
    pthread_mutex_lock(&pool);
    bool stay = idle_count < IDLE_LIMIT;
    if (stay) {
        worker->body = NULL;
        worker->next = idle;
        idle = worker;
        idle_count++;
        while (!worker->body)
            pthread_cond_wait(&worker->wake, &pool);
    }
    pthread_mutex_unlock(&pool);
    return stay;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    plat_fault_thread();
    do
        worker->body(worker->argument);
    while (wait_for_work(worker));
    pthread_cond_destroy(&worker->wake);
    free(worker);
    atomic_fetch_sub(&workers, 1);
    return NULL;
}

static bool reuse(void (*body)(void *), void *argument)
{
    pthread_mutex_lock(&pool);
    struct worker *worker = idle;
    if (worker) {
        idle = worker->next;
        idle_count--;
        worker->body = body;
        worker->argument = argument;
        pthread_cond_signal(&worker->wake);
    }
    pthread_mutex_unlock(&pool);
    return worker != NULL;
}

/* The threads of a parent are not in its forked child. */
static void forget_pool(void)
{
    pthread_mutex_init(&pool, NULL);
    idle = NULL;
    idle_count = 0;
    atomic_store(&workers, 0);
}

static pthread_once_t pool_once = PTHREAD_ONCE_INIT;
static void watch_forks(void) { pthread_atfork(NULL, NULL, forget_pool); }

bool plat_thread_create(void (*body)(void *), void *argument)
{
    pthread_attr_t attributes;
    pthread_t thread;

    if (reuse(body, argument))
        return true;
    pthread_once(&pool_once, watch_forks);
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return false;
    pthread_cond_init(&worker->wake, NULL);
    worker->body = body;
    worker->argument = argument;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    int error = pthread_create(&thread, &attributes, work, worker);
    pthread_attr_destroy(&attributes);
    if (error)
        free(worker);
    else
        atomic_fetch_add(&workers, 1);
    return error == 0;
}

static unsigned all_threads(void)
{
    unsigned count = 0;
#ifdef __APPLE__
    thread_act_array_t list;
    mach_msg_type_number_t length;
    if (task_threads(mach_task_self(), &list, &length) == KERN_SUCCESS) {
        count = length;
        for (mach_msg_type_number_t i = 0; i < length; i++)
            mach_port_deallocate(mach_task_self(), list[i]);
        vm_deallocate(mach_task_self(), (vm_address_t)list, length * sizeof *list);
    }
#else
    DIR *tasks = opendir("/proc/self/task");
    struct dirent *entry;
    while (tasks && (entry = readdir(tasks)) != NULL)
        count += entry->d_name[0] != '.';
    if (tasks)
        closedir(tasks);
#endif
    return count;
}

unsigned plat_thread_strangers(void)
{
    unsigned known = 1 + atomic_load(&workers), all = all_threads();
#ifdef PLAT_TSAN
    known++; /* its own */
#endif
    return all > known ? all - known : 0;
}

void plat_thread_exit(void) { pthread_exit(NULL); }

static pthread_key_t exit_key;
static pthread_once_t exit_once = PTHREAD_ONCE_INIT;
static void (*_Atomic exit_routine)(void);

static void at_exit(void *value)
{
    void (*routine)(void) = atomic_load(&exit_routine);
    if (routine)
        routine();
}

static void make_exit_key(void)
{
    must(pthread_key_create(&exit_key, at_exit), "pthread_key_create");
}

void plat_thread_at_exit(void (*routine)(void))
{
    pthread_once(&exit_once, make_exit_key);
    atomic_store(&exit_routine, routine);
    pthread_setspecific(exit_key, &exit_key);
}

void plat_thread_yield(void)
{
    sched_yield();
}

unsigned plat_thread_processors(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (unsigned)count : 1;
}

static bool ask_stack(char **low, char **high)
{
#if defined(__APPLE__)
    *high = pthread_get_stackaddr_np(pthread_self());
    *low = *high - pthread_get_stacksize_np(pthread_self());
    return true;
#elif defined(__GLIBC__)
    pthread_attr_t attributes;
    void *base;
    size_t size;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return false;
    bool known = pthread_attr_getstack(&attributes, &base, &size) == 0;
    pthread_attr_destroy(&attributes);
    *low = base;
    *high = *low + size;
    return known;
#else
    return false;
#endif
}

/* Asked once a thread: for a first thread the C library reads the list of all mappings. */
bool plat_thread_stack(char **low, char **high)
{
    static _Thread_local char *from, *to;
    if (!to && !ask_stack(&from, &to))
        return false;
    *low = from;
    *high = to;
    return true;
}
