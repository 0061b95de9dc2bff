/* workers.h - for connectors whose library or program blocks who waits for it: a thread for each call at work, a
 * bounded queue before them.
 *
 *   call -> waiting --a worker is free--> at work --work() returns--> done(outcome)
 *              |                             `-- its time is over, or it was cancelled: work() is to return soon
 *              `-- its time is over, or it was cancelled: it never happened
 *
 * The keeper, a thread too, looks after the time of what waits and ends it all after close. Workers are started when they
 * are needed, as many as the connection has slots, at most BELAY_WORKERS_MAX.
 * Uses: contract, platform's threads and clock.  Thread: open, call, cancel, close as the contract says; work runs on a
 * worker, done on a worker or the keeper, closed on the keeper. */
#ifndef BELAY_CONNECTOR_COMMON_WORKERS_H
#define BELAY_CONNECTOR_COMMON_WORKERS_H

#include "base/arena.h"
#include "belay/connector.h"

struct belay_workers;

/* A call as the one who does it sees it. */
struct belay_work {
    const struct belay_call_request *request;
    struct belay_arena *arena; /* of the call: for what the outcome shows */
    int wake_fd;               /* readable once it is cancelled; not to be read */
    size_t response_bytes_max;
};
/* 0: its time is over. */
uint32_t belay_work_left_ms(const struct belay_work *work);
bool belay_work_cancelled(const struct belay_work *work);

struct belay_workers_opt {
    const char *name;          /* of its threads */
    const char *namespace_;    /* of errors: "SMTP" */
    uint32_t concurrency, queue_max;
    size_t response_bytes_max;
    struct belay_str endpoint; /* shown of what never happened; copied */
    /* One attempt. Fills ok, class_, type, description, status, endpoint, body; the rest is set. Texts live until it
     * returned, or in work->arena. */
    void (*work)(void *arg, const struct belay_work *work, struct belay_call_outcome *outcome);
    void (*release)(void *arg); /* of arg, before closed(); NULL */
    void *arg;
    belay_call_done *done;
    void *done_arg;
};

/* Errors: BELAY_NOMEM, BELAY_BUSY (no thread); arg stays the caller's then. */
int belay_workers_open(const struct belay_workers_opt *opt, struct belay_workers **ret_workers,
                       struct belay_err *err) BELAY_MUST_CHECK;
/* As the contract's. */
int belay_workers_call(struct belay_workers *w, const struct belay_call_request *request,
                       struct belay_err *err) BELAY_MUST_CHECK;
void belay_workers_cancel(struct belay_workers *w, uint64_t id);
void belay_workers_close(struct belay_workers *w, uint32_t drain_ms, void (*closed)(void *arg), void *closed_arg);

#endif
