/* OS threads, locks and thread-exit hooks. */
#ifndef FLTSIM_PLAT_THREAD_H
#define FLTSIM_PLAT_THREAD_H

#include <stdbool.h>
#include <stddef.h>

struct plat_mutex {
    _Alignas(16) unsigned char opaque[64];
};
struct plat_cond {
    _Alignas(16) unsigned char opaque[64];
};

void plat_mutex_init(struct plat_mutex *mutex);
void plat_mutex_destroy(struct plat_mutex *mutex);
void plat_mutex_lock(struct plat_mutex *mutex);
void plat_mutex_unlock(struct plat_mutex *mutex);

void plat_cond_init(struct plat_cond *cond);
void plat_cond_destroy(struct plat_cond *cond);
void plat_cond_wait(struct plat_cond *cond, struct plat_mutex *mutex);
/* False when `milliseconds` of real time went by. */
bool plat_cond_wait_for(struct plat_cond *cond, struct plat_mutex *mutex, unsigned milliseconds);
void plat_cond_signal(struct plat_cond *cond);
void plat_cond_broadcast(struct plat_cond *cond);

/* Runs body on an OS thread of a pool that outlives machines; the thread has an alternate signal stack
 * (plat_fault_thread). False: the host has no more threads. */
bool plat_thread_create(void (*body)(void *), void *argument);
/* Ends the calling OS thread, one that plat_thread_create did not make. */
_Noreturn void plat_thread_exit(void);
/* OS threads of this process besides the calling one and the pool's. */
unsigned plat_thread_strangers(void);
/* Runs `routine` on this OS thread when it ends. One routine for the process. */
void plat_thread_at_exit(void (*routine)(void));
void plat_thread_yield(void);
unsigned plat_thread_processors(void);
/* The calling OS thread's stack. Slow; false where the host does not say. */
bool plat_thread_stack(char **low, char **high);

static inline void plat_thread_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
