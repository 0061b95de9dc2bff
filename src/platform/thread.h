/* thread.h - threads, and the two things they may share: a mutex and a condition.
 * Uses: base.  Locks are for platform, obs and connectors; between the threads of the runtime
 * things change hands through mailboxes (mailbox.h) and need none. */
#ifndef BELAY_PLATFORM_THREAD_H
#define BELAY_PLATFORM_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

struct belay_thread {
    pthread_t handle;
    void (*run)(void *ctx);
    void *ctx;
    char name[16]; /* as top and gdb show it */
    bool started;
};

/* Starts run(ctx); t and ctx stay where they are until joined. name: at most 15 bytes are kept.
 * Signals are blocked in the new thread: the main thread hears them.
 * Errors: BELAY_BUSY, BELAY_NOMEM (no thread was started). */
int belay_thread_start(struct belay_thread *t, const char *name, void (*run)(void *ctx), void *ctx,
                       struct belay_err *err) BELAY_MUST_CHECK;
/* Waits for its end. No-op for one that was never started (zeroed) or was joined. */
void belay_thread_join(struct belay_thread *t);
/* Asks for turns of so long for the thread that calls. Who wakes with a shorter turn than the thread that runs is put in
 * its place at once, so a short one is for who does little and then waits. Only a wish: kernels before 6.12 and sandboxes
 * do not listen, and where an operator chose a policy for the process it stays as it is. */
void belay_thread_wish_turn_us(uint32_t turn_us);
/* Of the thread that calls, never the engine's: it has a clock of its own. */
void belay_thread_sleep_ms(uint32_t ms);
/* The same, for a moment: whoever else waits for the processor gets it. */
void belay_thread_sleep_us(uint32_t us);
/* CPU of the thread that calls, since it began. */
uint64_t belay_thread_cpu_us(void);

struct belay_mutex {
    pthread_mutex_t m;
};

void belay_mutex_init(struct belay_mutex *m);
void belay_mutex_deinit(struct belay_mutex *m);
void belay_mutex_lock(struct belay_mutex *m);
void belay_mutex_unlock(struct belay_mutex *m);

/* Waits are on the monotonic clock: a jump of the wall clock wakes nobody. */
struct belay_cond {
    pthread_cond_t c;
};

void belay_cond_init(struct belay_cond *c);
void belay_cond_deinit(struct belay_cond *c);
/* m is held, and held again on return; wakes may be spurious: wait in a loop. */
void belay_cond_wait(struct belay_cond *c, struct belay_mutex *m);
/* False when timeout_ms passed. */
bool belay_cond_wait_ms(struct belay_cond *c, struct belay_mutex *m, uint32_t timeout_ms);
void belay_cond_signal(struct belay_cond *c);
void belay_cond_broadcast(struct belay_cond *c);

#endif
