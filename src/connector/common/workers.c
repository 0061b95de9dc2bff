#include "connector/common/workers.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "base/list.h"
#include "platform/clock.h"
#include "platform/thread.h"

#define FOR_EVER_MS 3600000

enum why { NOT_OVER, CANCELLED, TOO_LATE };

struct task {
    struct belay_list node; /* of waiting */
    struct belay_call_request request;
    struct belay_arena arena;
    belay_time began, deadline; /* monotonic */
    struct belay_call_outcome *spare; /* for want of memory there is this one */
    _Atomic bool cancelled;
};

struct worker {
    struct belay_workers *owner;
    struct belay_thread thread;
    struct task *task; /* at work; under the mutex */
    int wake_fd;
};

struct belay_workers {
    struct belay_workers_opt opt;
    char *endpoint;
    struct belay_mutex mutex;
    struct belay_cond work_came, keeper_wanted;
    struct belay_list waiting;
    uint32_t pending; /* calls that have not ended */
    uint32_t untold;  /* of which `done` has not returned */
    uint32_t waiting_count, idle, worker_count, worker_max;
    struct worker *workers;
    struct belay_thread keeper;
    bool closing, cut, ending; /* cut: what was in flight when the drain was over is cancelled */
    belay_time drained_at;
    void (*closed)(void *arg);
    void *closed_arg;
};

struct job { /* what work() is shown */
    struct belay_work work;
    const struct task *task;
};

static belay_time now(void)
{
    return belay_clock_monotonic(belay_clock_posix());
}

static const struct task *task_of(const struct belay_work *work)
{
    return BELAY_CONTAINER_OF(work, struct job, work)->task;
}

uint32_t belay_work_left_ms(const struct belay_work *work)
{
    belay_time left = task_of(work)->deadline - now();
    return left <= 0 ? 0 : (uint32_t)(left / BELAY_US_PER_MS) + 1;
}

bool belay_work_cancelled(const struct belay_work *work)
{
    return atomic_load(&task_of(work)->cancelled);
}

/* ---- a task ---- */

static bool keep(struct belay_arena *a, struct belay_str *s)
{
    *s = belay_arena_str(a, *s);
    return s->p;
}

static const struct belay_field *keep_fields(struct belay_arena *a, const struct belay_field *fields, uint32_t count)
{
    struct belay_field *copy = BELAY_ARENA_ARRAY(a, struct belay_field, count + 1);
    for (uint32_t i = 0; copy && i < count; i++) {
        copy[i] = fields[i];
        if (!keep(a, &copy[i].name) || !keep(a, &copy[i].value))
            return NULL;
    }
    return copy;
}

static void task_free(struct task *t)
{
    if (!t)
        return;
    belay_call_outcome_free(t->spare);
    belay_arena_deinit(&t->arena);
    belay_free(t);
}

static struct task *task_new(const struct belay_workers *w, const struct belay_call_request *request)
{
    struct task *t = belay_calloc(1, sizeof *t);
    char type[32];
    if (!t)
        return NULL;
    belay_arena_init(&t->arena, 1024, BELAY_MIB(64));
    struct belay_call_request *r = &t->request;
    *r = *request;
    r->params = keep_fields(&t->arena, r->params, r->param_count);
    r->headers = keep_fields(&t->arena, r->headers, r->header_count);
    bool kept = r->params && r->headers && keep(&t->arena, &r->body) && keep(&t->arena, &r->idempotency_key)
                && keep(&t->arena, &r->correlationid) && keep(&t->arena, &r->traceparent);
    snprintf(type, sizeof type, "%s:MEMORY", w->opt.namespace_);
    const struct belay_call_outcome spare = { .id = r->id, .class_ = BELAY_CLASS_UNKNOWN_OUTCOME, .type = belay_str_c(type),
                                              .description = BELAY_STR("no memory for what came of it"),
                                              .endpoint = w->opt.endpoint };
    if (kept)
        t->spare = belay_call_outcome_copy(&spare);
    if (!t->spare) {
        task_free(t);
        return NULL;
    }
    t->began = now();
    t->deadline = belay_time_add_ms(t->began, (int64_t)r->timeout_ms);
    return t;
}

/* Without the mutex. The task is gone. */
static void finish(struct belay_workers *w, struct task *t, struct belay_call_outcome *o)
{
    o->id = t->request.id;
    o->duration_us = (uint64_t)(now() - t->began);
    o->duration_us += o->duration_us == 0;
    struct belay_call_outcome *copy = belay_call_outcome_copy(o);
    if (!copy) {
        copy = t->spare;
        copy->class_ = o->ok ? BELAY_CLASS_UNKNOWN_OUTCOME : o->class_;
        copy->duration_us = o->duration_us;
        t->spare = NULL;
    }
    task_free(t);
    belay_mutex_lock(&w->mutex);
    BELAY_ASSERT(w->pending > 0);
    w->pending--; /* who is told finds room for the next call */
    belay_mutex_unlock(&w->mutex);
    w->opt.done(w->opt.done_arg, copy);
    belay_mutex_lock(&w->mutex);
    BELAY_ASSERT(w->untold > 0);
    w->untold--;
    belay_cond_signal(&w->keeper_wanted);
    belay_mutex_unlock(&w->mutex);
}

/* It waited, and never happened. */
static void finish_unbegun(struct belay_workers *w, struct task *t, enum why why)
{
    char type[32];
    snprintf(type, sizeof type, "%s:%s", w->opt.namespace_, why == CANCELLED ? "CANCELLED" : "TIMEOUT");
    struct belay_call_outcome o = { .class_ = BELAY_CLASS_TRANSIENT, .type = belay_str_c(type), .endpoint = w->opt.endpoint,
                                    .description = why == CANCELLED ? BELAY_STR("cancelled before it was begun")
                                                                    : BELAY_STR("not begun in time") };
    finish(w, t, &o);
}

/* ---- workers ---- */

static void clear(int fd)
{
    uint64_t n;
    while (read(fd, &n, sizeof n) > 0)
        ;
}

static void wake(int fd)
{
    const uint64_t one = 1;
    ssize_t n = write(fd, &one, sizeof one);
    (void)n; /* full: it is readable */
}

static void do_task(struct belay_workers *w, struct worker *me, struct task *t)
{
    struct job job = { .work = { &t->request, &t->arena, me->wake_fd, w->opt.response_bytes_max }, .task = t };
    struct belay_call_outcome o = { .class_ = BELAY_CLASS_TRANSIENT, .endpoint = w->opt.endpoint };
    w->opt.work(w->opt.arg, &job.work, &o);
    belay_mutex_lock(&w->mutex);
    me->task = NULL; /* nobody cancels it any more */
    belay_mutex_unlock(&w->mutex);
    finish(w, t, &o);
}

static void worker_run(void *ctx)
{
    struct worker *me = ctx;
    struct belay_workers *w = me->owner;
    belay_mutex_lock(&w->mutex);
    while (!w->ending) {
        if (belay_list_empty(&w->waiting)) {
            w->idle++;
            belay_cond_wait(&w->work_came, &w->mutex);
            w->idle--;
            continue;
        }
        struct task *t = BELAY_CONTAINER_OF(w->waiting.next, struct task, node);
        if (atomic_load(&t->cancelled) || t->deadline <= now()) { /* the keeper's */
            belay_cond_signal(&w->keeper_wanted);
            belay_cond_wait_ms(&w->work_came, &w->mutex, 1);
            continue;
        }
        belay_list_unlink(&t->node);
        w->waiting_count--;
        me->task = t;
        clear(me->wake_fd);
        belay_mutex_unlock(&w->mutex);
        do_task(w, me, t);
        belay_mutex_lock(&w->mutex);
    }
    belay_mutex_unlock(&w->mutex);
}

/* Under the mutex: one more, where all are busy. Without one the call waits for those that are there. */
static bool have_worker(struct belay_workers *w, struct belay_err *err)
{
    if (w->idle > w->waiting_count || w->worker_count == w->worker_max)
        return true;
    struct worker *me = &w->workers[w->worker_count];
    me->owner = w;
    me->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (me->wake_fd < 0)
        return w->worker_count > 0;
    if (belay_thread_start(&me->thread, w->opt.name, worker_run, me, err) != BELAY_OK) {
        close(me->wake_fd);
        return w->worker_count > 0;
    }
    w->worker_count++;
    return true;
}

/* ---- the keeper ---- */

static enum why over(const struct task *t, belay_time at)
{
    return atomic_load(&t->cancelled) ? CANCELLED : t->deadline <= at ? TOO_LATE : NOT_OVER;
}

/* Under the mutex, which is let go meanwhile. False: there was none. */
static bool end_one_that_waited(struct belay_workers *w)
{
    belay_time at = now();
    for (struct belay_list *n = w->waiting.next; n != &w->waiting; n = n->next) {
        struct task *t = BELAY_CONTAINER_OF(n, struct task, node);
        enum why why = over(t, at);
        if (why == NOT_OVER)
            continue;
        belay_list_unlink(n);
        w->waiting_count--;
        belay_mutex_unlock(&w->mutex);
        finish_unbegun(w, t, why);
        belay_mutex_lock(&w->mutex);
        return true;
    }
    return false;
}

static void cut_short(struct belay_workers *w)
{
    w->cut = true;
    for (struct belay_list *n = w->waiting.next; n != &w->waiting; n = n->next)
        atomic_store(&BELAY_CONTAINER_OF(n, struct task, node)->cancelled, true);
    for (uint32_t i = 0; i < w->worker_count; i++)
        if (w->workers[i].task) {
            atomic_store(&w->workers[i].task->cancelled, true);
            wake(w->workers[i].wake_fd);
        }
}

static uint32_t sleep_ms(const struct belay_workers *w)
{
    belay_time at = now(), until = belay_time_add_ms(at, FOR_EVER_MS);
    for (const struct belay_list *n = w->waiting.next; n != &w->waiting; n = n->next) {
        belay_time deadline = BELAY_CONTAINER_OF(n, const struct task, node)->deadline;
        until = deadline < until ? deadline : until;
    }
    if (w->closing && !w->cut && w->drained_at < until)
        until = w->drained_at;
    return until <= at ? 1 : (uint32_t)((until - at) / BELAY_US_PER_MS) + 1;
}

static void workers_free(struct belay_workers *w)
{
    belay_cond_deinit(&w->work_came);
    belay_cond_deinit(&w->keeper_wanted);
    belay_mutex_deinit(&w->mutex);
    belay_free(w->workers);
    belay_free(w->endpoint);
    belay_free(w);
}

static void keeper_run(void *ctx)
{
    struct belay_workers *w = ctx;
    pthread_detach(pthread_self()); /* allow: pthread_detach - closed() is what its end is known by */
    belay_mutex_lock(&w->mutex);
    while (!w->closing || w->untold) {
        if (w->closing && !w->cut && now() >= w->drained_at)
            cut_short(w);
        if (!end_one_that_waited(w) && (!w->closing || w->untold))
            belay_cond_wait_ms(&w->keeper_wanted, &w->mutex, sleep_ms(w));
    }
    w->ending = true;
    belay_cond_broadcast(&w->work_came);
    belay_mutex_unlock(&w->mutex);
    for (uint32_t i = 0; i < w->worker_count; i++) {
        belay_thread_join(&w->workers[i].thread);
        close(w->workers[i].wake_fd);
    }
    if (w->opt.release)
        w->opt.release(w->opt.arg);
    void (*closed)(void *arg) = w->closed;
    void *closed_arg = w->closed_arg;
    workers_free(w);
    closed(closed_arg);
}

/* ---- the contract's ---- */

int belay_workers_open(const struct belay_workers_opt *opt, struct belay_workers **ret_workers, struct belay_err *err)
{
    BELAY_ASSERT(opt->concurrency > 0 && opt->done && opt->work);
    struct belay_workers *w = belay_calloc(1, sizeof *w);
    if (!w)
        return belay_fail(err, BELAY_NOMEM, "%s: out of memory", opt->name);
    w->opt = *opt;
    w->worker_max = opt->concurrency < BELAY_WORKERS_MAX ? opt->concurrency : BELAY_WORKERS_MAX;
    w->workers = belay_calloc(w->worker_max, sizeof *w->workers);
    w->endpoint = belay_memdup0(opt->endpoint.n ? opt->endpoint.p : "", opt->endpoint.n);
    w->opt.endpoint = belay_str(w->endpoint, opt->endpoint.n);
    belay_list_init(&w->waiting);
    belay_mutex_init(&w->mutex);
    belay_cond_init(&w->work_came);
    belay_cond_init(&w->keeper_wanted);
    int status = w->workers && w->endpoint ? belay_thread_start(&w->keeper, opt->name, keeper_run, w, err)
                                           : belay_fail(err, BELAY_NOMEM, "%s: out of memory", opt->name);
    if (status == BELAY_OK)
        *ret_workers = w;
    else
        workers_free(w);
    return status;
}

int belay_workers_call(struct belay_workers *w, const struct belay_call_request *request, struct belay_err *err)
{
    BELAY_ASSERT(request->timeout_ms > 0);
    struct task *t = task_new(w, request);
    if (!t)
        return belay_fail(err, BELAY_NOMEM, "%s: out of memory", w->opt.name);
    int status = BELAY_OK;
    uint32_t room = w->opt.concurrency + w->opt.queue_max;
    belay_mutex_lock(&w->mutex);
    if (w->closing)
        status = belay_fail(err, BELAY_CANCELLED, "the connection is closing");
    else if (w->pending >= room)
        status = belay_fail(err, BELAY_BUSY, "%u calls are in flight or waiting", room);
    else if (!have_worker(w, err))
        status = belay_fail(err, BELAY_BUSY, "%s: no thread could be started", w->opt.name);
    if (status == BELAY_OK) {
        w->pending++;
        w->untold++;
        w->waiting_count++;
        belay_list_push(&w->waiting, &t->node);
        belay_cond_signal(&w->work_came);
        belay_cond_signal(&w->keeper_wanted);
    }
    belay_mutex_unlock(&w->mutex);
    if (status != BELAY_OK)
        task_free(t);
    return status;
}

void belay_workers_cancel(struct belay_workers *w, uint64_t id)
{
    belay_mutex_lock(&w->mutex);
    for (struct belay_list *n = w->waiting.next; n != &w->waiting; n = n->next) {
        struct task *t = BELAY_CONTAINER_OF(n, struct task, node);
        if (t->request.id == id)
            atomic_store(&t->cancelled, true);
    }
    for (uint32_t i = 0; i < w->worker_count; i++)
        if (w->workers[i].task && w->workers[i].task->request.id == id) {
            atomic_store(&w->workers[i].task->cancelled, true);
            wake(w->workers[i].wake_fd);
        }
    belay_cond_signal(&w->keeper_wanted);
    belay_mutex_unlock(&w->mutex);
}

void belay_workers_close(struct belay_workers *w, uint32_t drain_ms, void (*closed)(void *arg), void *closed_arg)
{
    belay_mutex_lock(&w->mutex);
    BELAY_ASSERT(!w->closing);
    w->closing = true;
    w->drained_at = belay_time_add_ms(now(), (int64_t)drain_ms);
    w->closed = closed;
    w->closed_arg = closed_arg;
    belay_cond_signal(&w->keeper_wanted);
    belay_mutex_unlock(&w->mutex);
}
