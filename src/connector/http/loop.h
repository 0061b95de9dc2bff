/* loop.h - a thread with a libuv loop, and the way in for work from other threads.  Uses: libuv.
 *
 * http_loop_post may be called from any thread: jobs go on a lock-free stack and the loop is woken
 * only when the stack was empty, so a burst of answers costs one wake-up; who knows that a burst comes
 * holds the wake-up back until it is posted. Jobs posted by one thread run in the order in which it
 * posted them.
 * Invariant: no job is posted after http_loop_stop returned. */
#ifndef BELAY_CONNECTOR_HTTP_LOOP_H
#define BELAY_CONNECTOR_HTTP_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "base/status.h"

/* Embedded in what is to be done; free for use again when run is called. */
struct http_job {
    struct http_job *next;
    void (*run)(struct http_job *job);
};

struct http_loop {
    uv_loop_t uv;
    uv_async_t async;
    uv_prepare_t prepare;
    uv_thread_t thread;
    struct http_job *_Atomic posted; /* newest first */
    _Atomic uint32_t posters;        /* threads inside http_loop_post: the async outlives them */
    _Atomic uint32_t held;           /* threads between hold and release */
    unsigned depth;                  /* of enter without leave; the loop's thread only */
    struct http_job stop;
    void (*turned)(struct http_loop *loop); /* at the end of a turn; NULL: nothing */
    void (*sleeps)(struct http_loop *loop); /* before each look at what is ready; NULL: nothing */
    void (*exited)(struct http_loop *loop); /* the thread's last act, which nobody joins; it may free
                                             * the loop; NULL: http_loop_join is called */
};

/* Makes the loop; handles may be put on it before it runs, `turned`, `sleeps` and `exited` be set.
 * Errors: BELAY_UNAVAILABLE. */
int http_loop_init(struct http_loop *loop, struct belay_err *err) BELAY_MUST_CHECK;
/* Starts the thread; on failure the loop and what is on it are gone. Errors: BELAY_UNAVAILABLE. */
int http_loop_run(struct http_loop *loop, struct belay_err *err) BELAY_MUST_CHECK;
void http_loop_post(struct http_loop *loop, struct http_job *job);
/* Around a burst of posts, from any thread: the loop is woken once, at the release. */
void http_loop_hold(struct http_loop *loop);
void http_loop_release(struct http_loop *loop);
/* Around a callback of libuv on the loop's thread: what it posts meanwhile runs at the end of the
 * outermost leave, without a wake-up. */
void http_loop_enter(struct http_loop *loop);
void http_loop_leave(struct http_loop *loop);
/* From any thread, as the last job. All other handles are closed or closing. */
void http_loop_stop(struct http_loop *loop);
/* After stop, from another thread; not when `exited` is set. */
void http_loop_join(struct http_loop *loop);
/* On the loop's thread: something is ready, so the next turn begins at once. */
bool http_loop_is_ready(struct http_loop *loop);
bool http_loop_is_here(struct http_loop *loop);

#endif
