/* answer_status.c - health, metrics, and how everything stands. */
#include "admin/answers.h"

#include "admin/answer_limits.h"
#include "admin/lanes.h"
#include "admin/question.h"
#include "admin/room.h"
#include "admin/show.h"
#include "base/limits.h"
#include "broker/poison.h"
#include "broker/replay.h"
#include "broker/stats.h"

#define ALERTS_SHOWN 20
#define POISON_LOOKS_MAX 2000 /* rows: a few milliseconds */

bool answer_ready(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)now;
    bool ready = belay_runtime_ready(q->admin->runtime) && !belay_engine_held(e) && belay_engine_failed(e, NULL) == BELAY_OK;
    q->status = ready ? 200 : 503;
    belay_buf_put_str(&q->out, ready ? BELAY_STR("{\"ready\":true}") : BELAY_STR("{\"ready\":false}"));
    return true;
}

bool answer_metrics(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)e;
    belay_runtime_sample(q->admin->runtime, now);
    q->content_type = "text/plain; version=0.0.4; charset=utf-8";
    belay_metrics_write(belay_runtime_metrics(q->admin->runtime), &q->out);
    return true;
}

static void put(struct belay_json_out *o, const char *name, uint64_t value)
{
    belay_json_key(o, name);
    belay_json_put_uint(o, value);
}

/* What it may hold, where there is a limit. */
static void topic_limits(struct belay_json_out *o, const struct belay_topic_stats *t)
{
    if (t->max_messages)
        put(o, "max_messages", t->max_messages);
    if (t->max_bytes)
        put(o, "max_bytes", t->max_bytes);
    if (t->max_age_ms)
        put(o, "max_age_ms", t->max_age_ms);
    if (!t->max_messages && !t->max_bytes && !t->max_age_ms)
        return;
    show_text(o, "on_full", t->rejects ? BELAY_STR("reject") : BELAY_STR("backpressure"));
    show_text(o, "full", belay_str_c(belay_topic_bound_name(t->bound)));
    put(o, "times_full", t->times_full);
    belay_json_key(o, "drain_per_second");
    belay_json_put_double(o, t->drain_per_second);
}

static void topics(struct belay_json_out *o, struct belay_broker *b)
{
    struct belay_topic_stats t;
    belay_json_key(o, "topics");
    belay_json_begin_array(o);
    for (uint32_t i = 0; belay_broker_topic_stats(b, i, &t); i++) {
        belay_json_begin_object(o);
        show_text(o, "name", t.name);
        show_text(o, "kind", t.queue ? BELAY_STR("queue") : BELAY_STR("topic"));
        put(o, "first", t.first);
        put(o, "next", t.next);
        put(o, "messages", t.messages);
        put(o, "bytes", t.bytes);
        put(o, "length", t.length);
        topic_limits(o, &t);
        belay_json_end_object(o);
    }
    belay_json_end_array(o);
}

/* The lane that stands longest, where that is long. */
static void longest(struct belay_json_out *o, struct question *q, struct belay_engine *e, uint32_t id, belay_time now)
{
    struct belay_arena_mark mark = belay_arena_mark(&q->arena);
    struct belay_broker *b = belay_engine_broker(e);
    struct belay_lane lane;
    if (belay_broker_lane_longest(b, belay_broker_find_id(b, id), &q->arena, &lane)
        && now - lane.head_since >= (int64_t)BELAY_LANE_STALLED_MS * BELAY_US_PER_MS) {
        belay_json_key(o, "longest_lane");
        show_lane_open(o, e, &lane, now);
        belay_json_end_object(o);
    }
    belay_arena_rewind(&q->arena, mark);
}

static void subscriptions(struct belay_json_out *o, struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_broker *b = belay_engine_broker(e);
    struct belay_subscription_stats s;
    belay_json_key(o, "subscriptions");
    belay_json_begin_array(o);
    for (uint32_t i = 0; belay_broker_subscription_stats(b, i, &s); i++) {
        belay_json_begin_object(o);
        show_text(o, "name", s.name);
        show_text(o, "topic", s.topic);
        show_text(o, "paused", s.paused);
        belay_json_key(o, "stopped");
        belay_json_put_bool(o, s.broken);
        put(o, "cursor", s.cursor);
        put(o, "queued", s.backlog);
        put(o, "in_flight", s.in_flight);
        put(o, "waiting", s.waiting);
        put(o, "held", s.held);
        put(o, "stuck", s.stuck);
        put(o, "parked", s.parked);
        put(o, "dead", s.dead);
        put(o, "done", s.done);
        put(o, "discarded", s.discarded);
        put(o, "expired", s.expired);
        put(o, "lanes_in_trouble", s.lanes_in_trouble);
        put(o, "lanes_by_hand", s.lanes_by_hand);
        put(o, "lost", s.lost);
        bool none = s.oldest_at == BELAY_TIME_NEVER || s.oldest_at > now;
        put(o, "oldest_ms", none ? 0 : (uint64_t)(now - s.oldest_at) / BELAY_US_PER_MS);
        longest(o, q, e, i + 1, now);
        belay_json_end_object(o);
    }
    belay_json_end_array(o);
}

static void connections(struct belay_json_out *o, struct belay_engine *e)
{
    struct belay_connection_stats c;
    belay_json_key(o, "connections");
    belay_json_begin_array(o);
    for (uint32_t i = 0; belay_engine_connection_stats(e, i, &c); i++) {
        belay_json_begin_object(o);
        show_text(o, "name", c.name);
        put(o, "in_flight", c.in_flight);
        put(o, "concurrency", c.concurrency);
        belay_json_key(o, "automatic");
        belay_json_put_bool(o, c.automatic);
        put(o, "calls", c.calls);
        put(o, "failed", c.failed);
        put(o, "retries", c.retries);
        put(o, "retries_in_flight", c.retries_in_flight);
        put(o, "postponed", c.postponed);
        put(o, "waiting", c.waiting);
        show_text(o, "held_by", belay_str_c(c.held_by));
        show_text(o, "breaker", belay_str_c(c.breaker));
        put(o, "failed_percent", c.failed_percent);
        if (c.open_until != BELAY_TIME_NEVER)
            show_time(o, "open_until", c.open_until);
        belay_json_end_object(o);
    }
    belay_json_end_array(o);
}

static void sagas(struct belay_json_out *o, struct belay_sagas *all)
{
    struct belay_str name;
    struct belay_saga_stats s;
    belay_json_key(o, "sagas");
    belay_json_begin_array(o);
    for (uint32_t i = 0; belay_sagas_stats(all, i, &name, &s); i++) {
        belay_json_begin_object(o);
        show_text(o, "name", name);
        put(o, "running", s.running);
        put(o, "compensating", s.compensating);
        put(o, "parked", s.parked);
        put(o, "completed", s.completed);
        put(o, "compensated", s.compensated);
        put(o, "failed", s.failed);
        put(o, "events_waiting", s.events_waiting);
        belay_json_end_object(o);
    }
    belay_json_end_array(o);
}

/* How many payloads and errors have tripped. */
static void poison(struct belay_json_out *o, struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_poison_key key = { 0 };
    struct belay_poison p;
    uint64_t tripped = 0;
    bool more = true;
    for (uint32_t i = 0; more && i < POISON_LOOKS_MAX; i++) {
        struct belay_arena_mark mark = belay_arena_mark(&q->arena);
        more = belay_poison_next(belay_engine_broker(e), &key, now, &q->arena, &p);
        tripped += more && p.tripped_at;
        belay_arena_rewind(&q->arena, mark);
    }
    put(o, "poison", tripped);
}

static void store(struct belay_json_out *o, struct belay_store *s)
{
    struct belay_store_stats t;
    belay_store_stats(s, &t);
    belay_json_key(o, "store");
    belay_json_begin_object(o);
    put(o, "commits", t.commits);
    put(o, "durable", t.durable);
    put(o, "checkpoint", t.checkpoint_position);
    put(o, "segments", t.segments);
    put(o, "segments_free", t.segments_free);
    put(o, "journal_bytes", t.journal_bytes);
    put(o, "archive_files", t.archive_files);
    put(o, "archive_bytes", t.archive_bytes);
    put(o, "disk_free_bytes", t.disk_free_bytes);
    put(o, "commit_us_last", t.commit_us_last);
    belay_json_key(o, "full");
    belay_json_put_bool(o, t.is_full);
    belay_json_end_object(o);
}

static void engine(struct belay_json_out *o, struct question *q, struct belay_engine *e)
{
    struct belay_engine_stats s;
    struct belay_runtime_stats r;
    belay_engine_stats(e, &s);
    belay_runtime_stats(q->admin->runtime, &r);
    show_time(o, "started_at", r.started_at);
    belay_json_key(o, "engine");
    belay_json_begin_object(o);
    show_text(o, "held", belay_engine_held(e) ? belay_runtime_held(q->admin->runtime) : BELAY_STR(""));
    put(o, "requests", s.requests);
    put(o, "replies", s.replies);
    put(o, "runs", s.runs);
    put(o, "runs_done", s.runs_done);
    put(o, "retries", s.retries);
    put(o, "letters", s.letters);
    put(o, "calls", s.calls);
    put(o, "calls_refused", s.calls_refused);
    put(o, "runs_in_flight", s.runs_in_flight);
    put(o, "calls_in_flight", s.calls_in_flight);
    put(o, "requests_open", s.requests_open);
    put(o, "step_us_worst", r.step_us_worst);
    belay_json_end_object(o);
}

/* What fires, and who replays. */
static void alerts(struct belay_json_out *o, struct question *q, belay_time now)
{
    const struct belay_alerts *all = belay_runtime_alerts(q->admin->runtime);
    struct belay_alert x;
    put(o, "alerts_firing", belay_alerts_firing(all));
    belay_json_key(o, "alerts");
    belay_json_begin_array(o);
    for (uint32_t i = 0, shown = 0; shown < ALERTS_SHOWN && belay_alerts_look(all, i, now, &x); i++) {
        if (x.state != BELAY_ALERT_FIRING)
            continue;
        shown++;
        belay_json_begin_object(o);
        show_text(o, "rule", x.def->name);
        show_text(o, "subject", x.subject);
        show_time(o, "since", x.since);
        if (x.silent_until)
            show_time(o, "silent_until", x.silent_until);
        belay_json_end_object(o);
    }
    belay_json_end_array(o);
}

static void replays(struct belay_json_out *o, struct belay_broker *b)
{
    struct belay_replay job;
    belay_json_key(o, "replays");
    belay_json_begin_array(o);
    for (uint32_t i = 0; belay_replay_at(b, i, &job); i++) {
        if (job.state != BELAY_REPLAY_RUNNING && job.state != BELAY_REPLAY_PAUSED)
            continue;
        belay_json_begin_object(o);
        put(o, "job", job.id);
        show_text(o, "state", belay_str_c(belay_replay_state_name(job.state)));
        show_text(o, "flow", job.opt.flow);
        show_text(o, "who", job.opt.who);
        put(o, "total", job.total);
        put(o, "looked", job.looked);
        put(o, "under_way", job.under_way);
        put(o, "failed", job.failed);
        belay_json_end_object(o);
    }
    belay_json_end_array(o);
}

bool answer_status(struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_json_out o = belay_json_out(&q->out);
    belay_json_begin_object(&o);
    show_text(&o, "application", belay_engine_definitions(e)->name);
    show_text(&o, "version", BELAY_STR(BELAY_VERSION_STRING));
    show_text(&o, "state", belay_runtime_ready(q->admin->runtime) ? BELAY_STR("running") : BELAY_STR("stopping"));
    engine(&o, q, e);
    topics(&o, belay_engine_broker(e));
    subscriptions(&o, q, e, now);
    connections(&o, e);
    show_apis(&o, q, e);
    show_limits(&o, e);
    sagas(&o, belay_engine_sagas(e));
    poison(&o, q, e, now);
    alerts(&o, q, now);
    replays(&o, belay_engine_broker(e));
    store(&o, belay_engine_store(e));
    belay_json_end_object(&o);
    return true;
}

bool answer_topics(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)now;
    struct belay_json_out o = belay_json_out(&q->out);
    belay_json_begin_object(&o);
    topics(&o, belay_engine_broker(e));
    belay_json_end_object(&o);
    return true;
}

bool answer_subscriptions(struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_json_out o = belay_json_out(&q->out);
    belay_json_begin_object(&o);
    subscriptions(&o, q, e, now);
    belay_json_end_object(&o);
    return true;
}

bool answer_sagas(struct question *q, struct belay_engine *e, belay_time now)
{
    (void)now;
    struct belay_json_out o = belay_json_out(&q->out);
    belay_json_begin_object(&o);
    sagas(&o, belay_engine_sagas(e));
    belay_json_end_object(&o);
    return true;
}
