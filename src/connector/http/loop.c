#include "connector/http/loop.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>

#include "base/assert.h"
#include "base/list.h"

static _Thread_local struct http_loop *here;

/* Posting again from a job is fine: it runs in the next batch. */
static void run_batch(struct http_loop *loop)
{
    struct http_job *newest = atomic_exchange_explicit(&loop->posted, NULL, memory_order_acquire);
    struct http_job *oldest = NULL;
    while (newest) {
        struct http_job *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct http_job *job = oldest;
        oldest = job->next;
        job->run(job);
    }
}

void http_loop_enter(struct http_loop *loop)
{
    loop->depth++;
}

void http_loop_leave(struct http_loop *loop)
{
    BELAY_ASSERT(loop->depth > 0);
    if (loop->depth > 1) {
        loop->depth--;
        return;
    }
    do {
        run_batch(loop);
        if (loop->turned)
            loop->turned(loop);
    } while (atomic_load_explicit(&loop->posted, memory_order_relaxed));
    loop->depth--;
}

static void on_async(uv_async_t *async)
{
    http_loop_enter(async->data);
    http_loop_leave(async->data);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct http_loop *loop = prepare->data;
    if (loop->sleeps)
        loop->sleeps(loop);
}

static void run(void *arg)
{
    struct http_loop *loop = arg;
    here = loop;
    int left = uv_run(&loop->uv, UV_RUN_DEFAULT);
    BELAY_ASSERT(left == 0);
    BELAY_ASSERT(atomic_load(&loop->posted) == NULL);
    int busy = uv_loop_close(&loop->uv);
    BELAY_ASSERT(busy == 0);
    here = NULL;
    if (loop->exited) {
        pthread_detach(pthread_self());
        loop->exited(loop);
    }
}

int http_loop_init(struct http_loop *loop, struct belay_err *err)
{
    atomic_init(&loop->posted, NULL);
    atomic_init(&loop->posters, 0);
    atomic_init(&loop->held, 0);
    loop->depth = 0;
    loop->turned = loop->sleeps = loop->exited = NULL;
    int uv = uv_loop_init(&loop->uv);
    if (uv)
        return belay_fail(err, BELAY_UNAVAILABLE, "event loop: %s", uv_strerror(uv));
    uv = uv_async_init(&loop->uv, &loop->async, on_async);
    if (uv) {
        uv_loop_close(&loop->uv);
        return belay_fail(err, BELAY_UNAVAILABLE, "event loop: %s", uv_strerror(uv));
    }
    loop->async.data = loop;
    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_prepare_start(&loop->prepare, on_prepare);
    loop->prepare.data = loop;
    return BELAY_OK;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    uv_close(handle, NULL);
}

int http_loop_run(struct http_loop *loop, struct belay_err *err)
{
    int uv = uv_thread_create(&loop->thread, run, loop);
    if (!uv)
        return BELAY_OK;
    uv_walk(&loop->uv, close_handle, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    uv_loop_close(&loop->uv);
    return belay_fail(err, BELAY_UNAVAILABLE, "event loop: %s", uv_strerror(uv));
}

void http_loop_post(struct http_loop *loop, struct http_job *job)
{
    bool inside = http_loop_is_here(loop) && loop->depth > 0;
    atomic_fetch_add_explicit(&loop->posters, 1, memory_order_relaxed);
    struct http_job *head = atomic_load_explicit(&loop->posted, memory_order_relaxed);
    do
        job->next = head;
    while (!atomic_compare_exchange_weak_explicit(&loop->posted, &head, job, memory_order_seq_cst,
                                                  memory_order_relaxed));
    if (!head && !inside && !atomic_load(&loop->held))
        uv_async_send(&loop->async);
    atomic_fetch_sub_explicit(&loop->posters, 1, memory_order_release);
}

/* Dekker's again: who posts writes `posted` and reads `held`, who releases does it the other way
 * round, so one of the two wakes the loop. */
void http_loop_hold(struct http_loop *loop)
{
    atomic_fetch_add_explicit(&loop->posters, 1, memory_order_relaxed);
    atomic_fetch_add(&loop->held, 1);
}

void http_loop_release(struct http_loop *loop)
{
    uint32_t others = atomic_fetch_sub(&loop->held, 1) - 1;
    if (!others && atomic_load(&loop->posted))
        uv_async_send(&loop->async);
    atomic_fetch_sub_explicit(&loop->posters, 1, memory_order_release);
}

static void do_stop(struct http_job *job)
{
    struct http_loop *loop = BELAY_CONTAINER_OF(job, struct http_loop, stop);
    while (atomic_load_explicit(&loop->posters, memory_order_acquire))
        sched_yield();
    uv_close((uv_handle_t *)&loop->async, NULL);
    uv_close((uv_handle_t *)&loop->prepare, NULL);
}

void http_loop_stop(struct http_loop *loop)
{
    loop->stop.run = do_stop;
    http_loop_post(loop, &loop->stop);
}

void http_loop_join(struct http_loop *loop)
{
    uv_thread_join(&loop->thread);
}

bool http_loop_is_ready(struct http_loop *loop)
{
    struct pollfd look = { .fd = uv_backend_fd(&loop->uv), .events = POLLIN };
    return poll(&look, 1, 0) > 0;
}

bool http_loop_is_here(struct http_loop *loop)
{
    return here == loop;
}
