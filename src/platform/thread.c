#include "platform/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "platform/sys.h"

/* pthread calls fail here only when misused (a lock not held, freed memory): a bug. */
static void must(int failed)
{
    BELAY_ASSERT(failed == 0);
}

static void *main_of(void *arg)
{
    struct belay_thread *t = arg;
    t->run(t->ctx);
    return NULL;
}

int belay_thread_start(struct belay_thread *t, const char *name, void (*run)(void *ctx), void *ctx,
                       struct belay_err *err)
{
    *t = (struct belay_thread){ .run = run, .ctx = ctx };
    snprintf(t->name, sizeof t->name, "%s", name);
    sigset_t all, before;
    sigfillset(&all);
    must(pthread_sigmask(SIG_SETMASK, &all, &before));
    int failed = pthread_create(&t->handle, NULL, main_of, t);
    must(pthread_sigmask(SIG_SETMASK, &before, NULL));
    if (failed)
        return belay_sys_fail(err, failed, "start thread %s", name);
    t->started = true;
    (void)pthread_setname_np(t->handle, t->name); /* only a label */
    return BELAY_OK;
}

void belay_thread_join(struct belay_thread *t)
{
    if (!t->started)
        return;
    must(pthread_join(t->handle, NULL));
    t->started = false;
}

/* The kernel's struct sched_attr, first version; glibc has none before 2.41. */
struct scheduling {
    uint32_t size_bytes, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t turn_ns, deadline_ns, period_ns;
};

/* Read first, so that nice is written back as it is. */
void belay_thread_wish_turn_us(uint32_t turn_us)
{
    struct scheduling s = { 0 };
    if (syscall(SYS_sched_getattr, 0, &s, sizeof s, 0) != 0 || s.policy != SCHED_OTHER)
        return;
    s.size_bytes = sizeof s;
    s.turn_ns = (uint64_t)turn_us * 1000;
    (void)syscall(SYS_sched_setattr, 0, &s, 0); /* refused: it stays as it was */
}

void belay_mutex_init(struct belay_mutex *m)
{
    must(pthread_mutex_init(&m->m, NULL));
}

void belay_mutex_deinit(struct belay_mutex *m)
{
    must(pthread_mutex_destroy(&m->m));
}

void belay_mutex_lock(struct belay_mutex *m)
{
    must(pthread_mutex_lock(&m->m));
}

void belay_mutex_unlock(struct belay_mutex *m)
{
    must(pthread_mutex_unlock(&m->m));
}

void belay_cond_init(struct belay_cond *c)
{
    pthread_condattr_t attr;
    must(pthread_condattr_init(&attr));
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
    must(pthread_cond_init(&c->c, &attr));
    must(pthread_condattr_destroy(&attr));
}

void belay_cond_deinit(struct belay_cond *c)
{
    must(pthread_cond_destroy(&c->c));
}

void belay_cond_wait(struct belay_cond *c, struct belay_mutex *m)
{
    must(pthread_cond_wait(&c->c, &m->m));
}

bool belay_cond_wait_ms(struct belay_cond *c, struct belay_mutex *m, uint32_t timeout_ms)
{
    struct timespec until;
    must(clock_gettime(CLOCK_MONOTONIC, &until));
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    int status = pthread_cond_timedwait(&c->c, &m->m, &until);
    BELAY_ASSERT(status == 0 || status == ETIMEDOUT);
    return status == 0;
}

void belay_cond_signal(struct belay_cond *c)
{
    must(pthread_cond_signal(&c->c));
}

void belay_cond_broadcast(struct belay_cond *c)
{
    must(pthread_cond_broadcast(&c->c));
}

void belay_thread_sleep_ms(uint32_t ms)
{
    struct belay_mutex mutex;
    struct belay_cond nobody;
    belay_mutex_init(&mutex);
    belay_cond_init(&nobody);
    belay_mutex_lock(&mutex);
    belay_cond_wait_ms(&nobody, &mutex, ms);
    belay_mutex_unlock(&mutex);
    belay_cond_deinit(&nobody);
    belay_mutex_deinit(&mutex);
}

/* A signal ends it early: so it is no wait for anything. */
void belay_thread_sleep_us(uint32_t us)
{
    struct timespec t = { us / 1000000, (long)(us % 1000000) * 1000 };
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

uint64_t belay_thread_cpu_us(void)
{
    struct timespec t;
    must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t));
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}
