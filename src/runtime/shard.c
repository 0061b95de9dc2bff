/* shard.c - the engine thread: mail in, steps, actions out.
 *
 *   wait -> take what came (bounded) -> step -> perform actions -> finish visits -> wait ...
 *
 * Stop: `stopping` is seen -> engine_stop, visits still served -> engine idle and every outside connection
 * closed -> ended() is told; until the runtime is closed who still comes is turned away: the admin API, which
 * closes only then, waits for each of its answers. */
#include <stdio.h>

#include "base/assert.h"
#include "runtime/impl.h"

#define TOLD_BY_ENGINE_US (60 * (int64_t)BELAY_US_PER_S)
#define WAIT_MS_MAX 1000   /* the log's tick, and a look at the clock */
#define WAIT_MS_STOPPING 5 /* connections close on their own threads, and post nothing then */

int shard_offer(struct belay_runtime *rt, void *item, enum mail_kind kind)
{
    /* Senders on their way may each pass the mark by one: there are far fewer of them than room. */
    if (belay_mailbox_depth(rt->mail) >= BELAY_MAIL_OFFERED_MAX)
        return BELAY_BUSY;
    return belay_mailbox_put(rt->mail, mail_of(item, kind));
}

void shard_post(struct belay_runtime *rt, void *item, enum mail_kind kind)
{
    int status = belay_mailbox_post(rt->mail, mail_of(item, kind));
    BELAY_ASSERT(status == BELAY_OK);
}

static belay_time now_of(struct belay_runtime *rt)
{
    return belay_clock_wall(rt->opt.clock);
}

/* ---- in ---- */

static void take_request(struct belay_runtime *rt, struct api_request *x, belay_time now)
{
    struct belay_err err;
    belay_err_clear(&err);
    int status = belay_engine_request(rt->engine, &x->request, now, &err);
    if (status != BELAY_OK) {
        listeners_refuse(x, status, &err);
        return;
    }
    belay_list_init(&x->node);
    belay_list_push(&rt->requests, &x->node);
}

static void begin_visit(struct belay_runtime *rt, struct belay_visit *v)
{
    v->finished = v->again = false;
    belay_list_init(&v->node);
    belay_list_push(&rt->visits, &v->node);
    if (v->run(v, rt->engine, now_of(rt)))
        belay_visit_finish(rt, v);
}

void belay_visit_again(struct belay_runtime *rt, struct belay_visit *v)
{
    BELAY_ASSERT(!v->again && !v->finished);
    v->again = true;
    rt->again++;
}

static struct belay_visit *take_again(struct belay_runtime *rt)
{
    struct belay_list *node = rt->visits.next;
    struct belay_visit *v = BELAY_CONTAINER_OF(node, struct belay_visit, node);
    while (!v->again) {
        node = node->next;
        BELAY_ASSERT(node != &rt->visits); /* one is there: it was counted */
        v = BELAY_CONTAINER_OF(node, struct belay_visit, node);
    }
    v->again = false;
    rt->again--;
    belay_list_unlink(&v->node);
    return v;
}

/* The one that waited longest; it goes to the end. True: others, or it again, wait. */
static bool go_on_with_a_visit(struct belay_runtime *rt)
{
    if (rt->again) {
        struct belay_visit *v = take_again(rt);
        belay_list_push(&rt->visits, &v->node);
        if (v->run(v, rt->engine, now_of(rt)))
            belay_visit_finish(rt, v);
    }
    return rt->again > 0;
}

/* Nobody will go on with them. */
static void drop_again(struct belay_runtime *rt)
{
    while (rt->again) {
        struct belay_visit *v = take_again(rt);
        v->done(v, true);
    }
}

void belay_visit_finish(struct belay_runtime *rt, struct belay_visit *v)
{
    BELAY_ASSERT(!v->finished && !v->again);
    v->position = belay_store_position(belay_engine_store(rt->engine));
    v->finished = true;
}

static void take(struct belay_runtime *rt, void *mail, belay_time now)
{
    enum mail_kind kind = (uintptr_t)mail & MAIL_KIND_BITS;
    void *item = (void *)((uintptr_t)mail & ~MAIL_KIND_BITS);
    switch (kind) {
    case MAIL_REQUEST:
        take_request(rt, item, now);
        break;
    case MAIL_OUTCOME:
        belay_engine_outcome(rt->engine, item, now_of(rt));
        belay_call_outcome_free(item);
        break;
    case MAIL_JOB:
        ((struct belay_job *)item)->done(item);
        break;
    case MAIL_VISIT:
        begin_visit(rt, item);
        break;
    default:
        BELAY_ASSERT(!"a kind of mail");
    }
}

static bool take_some(struct belay_runtime *rt)
{
    int n = 0;
    void *mail;
    belay_time now = now_of(rt);
    while (n < BELAY_MAIL_BITE && (mail = belay_mailbox_take(rt->mail))) {
        take(rt, mail, now);
        n++;
    }
    return n == BELAY_MAIL_BITE;
}

/* ---- out ---- */

static void call(struct belay_runtime *rt, const struct belay_action *a)
{
    struct belay_str name = a->u.call.connection->name;
    if (a->u.call.cancel) {
        outside_cancel(&rt->outside, name, a->u.call.request->id);
        return;
    }
    struct belay_err err;
    belay_err_clear(&err);
    int status = outside_call(&rt->outside, name, a->u.call.request, &err);
    if (status != BELAY_OK)
        belay_engine_call_refused(rt->engine, a->u.call.request->id, status, &err, now_of(rt));
}

static void reply(struct belay_runtime *rt, const struct belay_action_reply *answer, belay_time now)
{
    struct api_request *x = answer->user;
    BELAY_ASSERT(x && x->http && answer->status);
    belay_time received = x->http->received;
    record_reply(&rt->record, answer->status, now > received ? (uint64_t)(now - received) : 0);
    belay_list_unlink(&x->node);
    listeners_reply(x, answer);
}

static void perform(struct belay_runtime *rt)
{
    struct belay_action a;
    belay_time now = now_of(rt);
    listeners_hold(rt);
    while (belay_engine_action(rt->engine, &a)) {
        switch (a.kind) {
        case BELAY_ACTION_CALL:
            call(rt, &a);
            break;
        case BELAY_ACTION_REPLY:
            reply(rt, &a.u.reply, now);
            break;
        case BELAY_ACTION_LOG:
            record_event(&rt->record, &a.u.log, true, now);
            break;
        case BELAY_ACTION_EVENT:
            record_event(&rt->record, &a.u.event, false, now);
            alerts_event(&rt->alerts, &a.u.event, now);
            break;
        }
    }
    listeners_release(rt);
}

/* Visits that read or changed nothing newer than what is durable are done. */
static void finish_visits(struct belay_runtime *rt)
{
    bool failed = belay_engine_failed(rt->engine, NULL) != BELAY_OK;
    uint64_t durable = belay_store_durable(belay_engine_store(rt->engine));
    struct belay_list *node = rt->visits.next;
    while (node != &rt->visits) {
        struct belay_visit *v = BELAY_CONTAINER_OF(node, struct belay_visit, node);
        node = node->next;
        if (!v->finished || (!failed && v->position > durable))
            continue;
        belay_list_unlink(&v->node);
        v->done(v, failed);
    }
}

/* ---- the loop ---- */

/* Far back the engine has told itself (engine/clock.c). */
static void look_at_clock(struct belay_runtime *rt)
{
    belay_time wall = now_of(rt);
    int64_t jump = clock_watch_jump(&rt->clock_watch, wall, belay_clock_monotonic(rt->opt.clock));
    if (jump == 0 || jump < -TOLD_BY_ENGINE_US)
        return;
    char ms[32];
    int n = snprintf(ms, sizeof ms, "%lld", (long long)(jump / BELAY_US_PER_MS));
    const struct belay_field field = { BELAY_STR("jump_ms"), belay_str(ms, (size_t)n) };
    const struct belay_action_event event = { .level = 2, .name = "clock.jumped", .fields = &field, .field_count = 1 };
    record_event(&rt->record, &event, false, wall);
    alerts_event(&rt->alerts, &event, wall);
}

static bool step(struct belay_runtime *rt)
{
    belay_time began = belay_clock_monotonic(rt->opt.clock);
    bool more = belay_engine_step(rt->engine, now_of(rt));
    uint64_t took = (uint64_t)(belay_clock_monotonic(rt->opt.clock) - began);
    record_step(&rt->record, took);
    if (took > rt->stats.step_us_worst)
        rt->stats.step_us_worst = took;
    perform(rt);
    finish_visits(rt);
    return more;
}

static int wait_ms(struct belay_runtime *rt)
{
    belay_time wake = belay_engine_wake_at(rt->engine), now = now_of(rt);
    int max = rt->stop_seen ? WAIT_MS_STOPPING : WAIT_MS_MAX;
    if (wake <= now)
        return 0;
    if (wake == BELAY_TIME_NEVER || wake - now > (belay_time)max * BELAY_US_PER_MS)
        return max;
    return (int)((wake - now + BELAY_US_PER_MS - 1) / BELAY_US_PER_MS);
}

/* What is left when the drain is over goes on after the next start. */
static bool drain_over(struct belay_runtime *rt)
{
    return atomic_load(&rt->hurry) || now_of(rt) >= rt->stop_by;
}

static void see_stop(struct belay_runtime *rt)
{
    if (rt->stop_seen || !atomic_load(&rt->stopping))
        return;
    rt->stop_seen = true;
    rt->stop_by = belay_time_add_ms(now_of(rt), rt->opt.drain_ms);
    belay_engine_stop(rt->engine);
}

/* The connections are closed once nothing waits for them, or when the drain is over. */
static bool may_end(struct belay_runtime *rt, bool *closing)
{
    if (!rt->stop_seen)
        return false;
    if (drain_over(rt))
        belay_engine_cut(rt->engine);
    bool idle = belay_engine_idle(rt->engine);
    if (!*closing && (idle || drain_over(rt))) {
        outside_close(&rt->outside, 0);
        *closing = true;
    }
    return *closing && idle && outside_closed(&rt->outside) && belay_list_empty(&rt->visits)
           && listeners_closed(rt);
}

/* Nobody knows whether they were accepted, so no status would be true: their connections end. */
static void drop_requests(struct belay_runtime *rt)
{
    while (!belay_list_empty(&rt->requests)) {
        struct api_request *x = BELAY_CONTAINER_OF(rt->requests.next, struct api_request, node);
        belay_list_unlink(&x->node);
        belay_http_drop(x->http);
    }
}

void shard_turn_away(struct belay_runtime *rt)
{
    static const struct belay_err stopped = { .code = BELAY_CANCELLED, .msg = "stopping" };
    void *mail;
    while ((mail = belay_mailbox_take(rt->mail))) {
        void *item = (void *)((uintptr_t)mail & ~MAIL_KIND_BITS);
        switch ((enum mail_kind)((uintptr_t)mail & MAIL_KIND_BITS)) {
        case MAIL_REQUEST:
            listeners_refuse(item, BELAY_CANCELLED, &stopped);
            break;
        case MAIL_OUTCOME:
            belay_call_outcome_free(item);
            break;
        case MAIL_VISIT:
            ((struct belay_visit *)item)->done(item, true);
            break;
        case MAIL_JOB:
            ((struct belay_job *)item)->done(item);
            break;
        }
    }
    drop_again(rt); /* a visit whose fetch has ended */
    if (rt->engine)
        finish_visits(rt);
}

/* Nothing will become durable any more: whoever waits is told, then the thread ends. */
static void fail(struct belay_runtime *rt)
{
    rt->failed = belay_engine_failed(rt->engine, &rt->failure);
    BELAY_LOG(rt->opt.log, BELAY_LOG_ERROR, now_of(rt), "engine.failed", belay_f_err(&rt->failure));
    atomic_store(&rt->ready, false);
    drop_again(rt);
    finish_visits(rt);
    drop_requests(rt);
}

void shard_run(void *runtime)
{
    struct belay_runtime *rt = runtime;
    bool closing = false;
    belay_time ticked = 0;
    for (;;) {
        look_at_clock(rt);
        bool more = take_some(rt);
        see_stop(rt);
        more |= go_on_with_a_visit(rt);
        if (!rt->stop_seen)
            alerts_round(&rt->alerts, rt->engine, now_of(rt));
        keeper_round(&rt->audits, rt->engine, now_of(rt));
        keeper_round(&rt->backups, rt->engine, now_of(rt));
        more |= step(rt);
        rt->stats.loops++;
        if (belay_engine_failed(rt->engine, NULL) != BELAY_OK) {
            fail(rt);
            break;
        }
        if (may_end(rt, &closing))
            break;
        if (more)
            continue;
        belay_time now = now_of(rt);
        if (now - ticked >= BELAY_US_PER_S) {
            belay_log_tick(rt->opt.log, now);
            ticked = now;
        }
        rt->stats.sleeps++;
        belay_mailbox_wait(rt->mail, wait_ms(rt));
    }
    rt->opt.ended(rt->opt.arg);
    while (!atomic_load(&rt->closing)) {
        shard_turn_away(rt);
        belay_mailbox_wait(rt->mail, WAIT_MS_STOPPING);
    }
}

void belay_runtime_stats(struct belay_runtime *rt, struct belay_runtime_stats *ret_stats)
{
    *ret_stats = rt->stats;
    rt->stats.step_us_worst = 0;
}
