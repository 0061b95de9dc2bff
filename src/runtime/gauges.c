/* gauges.c - the figures that are looked up when somebody asks: broker, sagas, store, engine. */
#include "broker/stats.h"
#include "runtime/record.h"

enum label_kind { NO_LABEL, BY_TOPIC, BY_SUBSCRIPTION, BY_CONNECTION, BY_SAGA };

enum gauge {
    G_TOPIC_MESSAGES, G_TOPIC_BYTES, G_TOPIC_FULL, G_TOPIC_TIMES_FULL,
    G_BACKLOG, G_IN_FLIGHT, G_WAITING, G_HELD, G_PARKED, G_DEAD, G_DONE, G_DISCARDED, G_EXPIRED, G_OLDEST,
    G_LANES, G_LANES_BY_HAND, G_STALLED, G_LETTER_AGE,
    G_CONNECTION_IN_FLIGHT, G_CONNECTION_CALLS, G_CONNECTION_FAILED,
    G_CONNECTION_CONCURRENCY, G_CONNECTION_RETRIES, G_CONNECTION_POSTPONED, G_CONNECTION_WAITING, G_BREAKER,
    G_SAGA_RUNNING, G_SAGA_COMPENSATING, G_SAGA_PARKED, G_SAGA_COMPLETED, G_SAGA_COMPENSATED, G_SAGA_FAILED,
    G_STORE_DURABLE, G_STORE_JOURNAL, G_STORE_ARCHIVE, G_STORE_FREE, G_STORE_COMMITS,
    G_RUNS, G_REQUESTS, G_LOST,
    GAUGES
};

_Static_assert(GAUGES <= RECORD_GAUGES_MAX, "room for every gauge");

static const struct {
    const char *name, *help;
    enum label_kind label;
    enum belay_metric_unit unit;
} gauges[GAUGES] = {
    [G_TOPIC_MESSAGES] = { "belay_topic_messages", "Messages a topic keeps.", BY_TOPIC, BELAY_UNIT_ONE },
    [G_TOPIC_BYTES] = { "belay_topic_bytes", "Bytes a topic keeps.", BY_TOPIC, BELAY_UNIT_BYTES },
    [G_TOPIC_FULL] = { "belay_topic_full", "1 while a limit of the topic is reached.", BY_TOPIC, BELAY_UNIT_ONE },
    [G_TOPIC_TIMES_FULL] = { "belay_topic_times_full", "Times that a producer found the topic full, since the start.", BY_TOPIC, BELAY_UNIT_ONE },
    [G_BACKLOG] = { "belay_subscription_queued", "Messages not yet handled.", BY_SUBSCRIPTION, BELAY_UNIT_ONE },
    [G_IN_FLIGHT] = { "belay_subscription_in_flight", "Messages being handled.", BY_SUBSCRIPTION, BELAY_UNIT_ONE },
    [G_WAITING] = { "belay_subscription_waiting", "Messages waiting for a retry.", BY_SUBSCRIPTION, BELAY_UNIT_ONE },
    [G_HELD] = { "belay_subscription_held", "Messages behind their key.", BY_SUBSCRIPTION, BELAY_UNIT_ONE },
    [G_PARKED] = { "belay_subscription_parked", "Letters that block their key.", BY_SUBSCRIPTION, BELAY_UNIT_ONE },
    [G_DEAD] = { "belay_subscription_dead", "Letters that block nothing.", BY_SUBSCRIPTION, BELAY_UNIT_ONE },
    [G_DONE] = { "belay_subscription_done", "Messages handled.", BY_SUBSCRIPTION, BELAY_UNIT_ONE },
    [G_DISCARDED] = { "belay_subscription_discarded", "Messages discarded, with a reason.", BY_SUBSCRIPTION, BELAY_UNIT_ONE },
    [G_EXPIRED] = { "belay_subscription_expired", "Messages that went by an explicit policy.", BY_SUBSCRIPTION, BELAY_UNIT_ONE },
    [G_OLDEST] = { "belay_subscription_oldest_seconds", "Age of the oldest unfinished message.", BY_SUBSCRIPTION, BELAY_UNIT_MICROSECONDS },
    [G_LANES] = { "belay_subscription_lanes_in_trouble", "Keys that wait for a retry or are parked.", BY_SUBSCRIPTION, BELAY_UNIT_ONE },
    [G_LANES_BY_HAND] = { "belay_subscription_lanes_by_hand", "Keys that a person parked.", BY_SUBSCRIPTION, BELAY_UNIT_ONE },
    [G_STALLED] = { "belay_subscription_stalled_seconds", "How long a key that is not parked has had the same head.", BY_SUBSCRIPTION, BELAY_UNIT_MICROSECONDS },
    [G_LETTER_AGE] = { "belay_subscription_oldest_letter_seconds", "Age of the oldest dead letter.", BY_SUBSCRIPTION, BELAY_UNIT_MICROSECONDS },
    [G_CONNECTION_IN_FLIGHT] = { "belay_connection_in_flight", "Calls under way.", BY_CONNECTION, BELAY_UNIT_ONE },
    [G_CONNECTION_CALLS] = { "belay_connection_calls", "Calls made since the start.", BY_CONNECTION, BELAY_UNIT_ONE },
    [G_CONNECTION_FAILED] = { "belay_connection_failed", "Calls that failed since the start.", BY_CONNECTION, BELAY_UNIT_ONE },
    [G_CONNECTION_CONCURRENCY] = { "belay_connection_concurrency", "Calls that may be under way, as found where that is automatic.", BY_CONNECTION, BELAY_UNIT_ONE },
    [G_CONNECTION_RETRIES] = { "belay_connection_retries", "Calls that were repetitions.", BY_CONNECTION, BELAY_UNIT_ONE },
    [G_CONNECTION_POSTPONED] = { "belay_connection_postponed", "Times that a retry was told to come back later.", BY_CONNECTION, BELAY_UNIT_ONE },
    [G_CONNECTION_WAITING] = { "belay_connection_waiting", "Runs that wait for the connection in memory.", BY_CONNECTION, BELAY_UNIT_ONE },
    [G_BREAKER] = { "belay_breaker_open", "0 closed, 1 open, 2 half open.", BY_CONNECTION, BELAY_UNIT_ONE },
    [G_SAGA_RUNNING] = { "belay_saga_running", "Sagas under way.", BY_SAGA, BELAY_UNIT_ONE },
    [G_SAGA_COMPENSATING] = { "belay_saga_compensating", "Sagas being undone.", BY_SAGA, BELAY_UNIT_ONE },
    [G_SAGA_PARKED] = { "belay_saga_parked", "Sagas waiting for a person.", BY_SAGA, BELAY_UNIT_ONE },
    [G_SAGA_COMPLETED] = { "belay_saga_completed", "Sagas that completed.", BY_SAGA, BELAY_UNIT_ONE },
    [G_SAGA_COMPENSATED] = { "belay_saga_compensated", "Sagas that were undone.", BY_SAGA, BELAY_UNIT_ONE },
    [G_SAGA_FAILED] = { "belay_saga_failed", "Sagas that failed with nothing to undo.", BY_SAGA, BELAY_UNIT_ONE },
    [G_STORE_DURABLE] = { "belay_store_durable_position", "Position that is safe on the disk.", NO_LABEL, BELAY_UNIT_ONE },
    [G_STORE_JOURNAL] = { "belay_store_journal_bytes", "Bytes of journal segments.", NO_LABEL, BELAY_UNIT_BYTES },
    [G_STORE_ARCHIVE] = { "belay_store_archive_bytes", "Bytes of archive files.", NO_LABEL, BELAY_UNIT_BYTES },
    [G_STORE_FREE] = { "belay_store_disk_free_bytes", "Free bytes of the disk.", NO_LABEL, BELAY_UNIT_BYTES },
    [G_STORE_COMMITS] = { "belay_store_commits", "Commits since the start.", NO_LABEL, BELAY_UNIT_ONE },
    [G_RUNS] = { "belay_runs_in_flight", "Flow runs in memory.", NO_LABEL, BELAY_UNIT_ONE },
    [G_REQUESTS] = { "belay_api_requests_open", "Requests not yet answered.", NO_LABEL, BELAY_UNIT_ONE },
    [G_LOST] = { "belay_lost", "Messages accepted that are in no state: must be 0.", NO_LABEL, BELAY_UNIT_ONE },
};

int gauges_define(struct record *r, struct belay_err *err)
{
    static const char *const labels[] = { [BY_TOPIC] = "topic", [BY_SUBSCRIPTION] = "subscription",
                                          [BY_CONNECTION] = "connection", [BY_SAGA] = "saga" };
    for (int i = 0; i < GAUGES; i++) {
        struct belay_metric_def def = { gauges[i].name, gauges[i].help, BELAY_METRIC_GAUGE, gauges[i].unit,
                                        { labels[gauges[i].label] }, 0 };
        int status = belay_metrics_define(r->metrics, &def, &r->gauges[i], err);
        if (status != BELAY_OK)
            return status;
    }
    return BELAY_OK;
}

static void set(struct record *r, enum gauge gauge, const struct belay_str *label, uint64_t value)
{
    belay_gauge_set(belay_gauge_of(r->gauges[gauge], label), (int64_t)value);
}

static void sample_topics(struct record *r, struct belay_broker *b)
{
    struct belay_topic_stats t;
    for (uint32_t i = 0; belay_broker_topic_stats(b, i, &t); i++) {
        set(r, G_TOPIC_MESSAGES, &t.name, t.messages);
        set(r, G_TOPIC_BYTES, &t.name, t.bytes);
        if (!t.max_messages && !t.max_bytes && !t.max_age_ms)
            continue;
        set(r, G_TOPIC_FULL, &t.name, t.bound != BELAY_BOUND_NONE);
        set(r, G_TOPIC_TIMES_FULL, &t.name, t.times_full);
    }
}

static void sample_subscriptions(struct record *r, struct belay_broker *b, belay_time now)
{
    struct belay_subscription_stats s;
    uint64_t lost = 0;
    for (uint32_t i = 0; belay_broker_subscription_stats(b, i, &s); i++) {
        set(r, G_BACKLOG, &s.name, s.backlog);
        set(r, G_IN_FLIGHT, &s.name, s.in_flight);
        set(r, G_WAITING, &s.name, s.waiting);
        set(r, G_HELD, &s.name, s.held);
        set(r, G_PARKED, &s.name, s.parked);
        set(r, G_DEAD, &s.name, s.dead);
        set(r, G_DONE, &s.name, s.done);
        set(r, G_DISCARDED, &s.name, s.discarded);
        set(r, G_EXPIRED, &s.name, s.expired);
        bool none = s.oldest_at == BELAY_TIME_NEVER || s.oldest_at > now;
        set(r, G_OLDEST, &s.name, none ? 0 : (uint64_t)(now - s.oldest_at));
        none = s.stalled_since == BELAY_TIME_NEVER || s.stalled_since > now;
        set(r, G_STALLED, &s.name, none ? 0 : (uint64_t)(now - s.stalled_since));
        none = s.oldest_letter_at == BELAY_TIME_NEVER || s.oldest_letter_at > now;
        set(r, G_LETTER_AGE, &s.name, none ? 0 : (uint64_t)(now - s.oldest_letter_at));
        set(r, G_LANES, &s.name, s.lanes_in_trouble);
        set(r, G_LANES_BY_HAND, &s.name, s.lanes_by_hand);
        lost += s.lost;
    }
    set(r, G_LOST, NULL, lost);
}

static void sample_connections(struct record *r, struct belay_engine *e)
{
    struct belay_connection_stats c;
    for (uint32_t i = 0; belay_engine_connection_stats(e, i, &c); i++) {
        bool open = c.open_until != BELAY_TIME_NEVER, half = c.breaker[0] == 'h';
        set(r, G_CONNECTION_IN_FLIGHT, &c.name, c.in_flight);
        set(r, G_CONNECTION_CALLS, &c.name, c.calls);
        set(r, G_CONNECTION_FAILED, &c.name, c.failed);
        set(r, G_CONNECTION_CONCURRENCY, &c.name, c.concurrency);
        set(r, G_CONNECTION_RETRIES, &c.name, c.retries);
        set(r, G_CONNECTION_POSTPONED, &c.name, c.postponed);
        set(r, G_CONNECTION_WAITING, &c.name, c.waiting);
        set(r, G_BREAKER, &c.name, open ? 1 : half ? 2 : 0);
    }
}

static void sample_sagas(struct record *r, struct belay_sagas *sagas)
{
    struct belay_str name;
    struct belay_saga_stats s;
    for (uint32_t i = 0; belay_sagas_stats(sagas, i, &name, &s); i++) {
        set(r, G_SAGA_RUNNING, &name, s.running);
        set(r, G_SAGA_COMPENSATING, &name, s.compensating);
        set(r, G_SAGA_PARKED, &name, s.parked);
        set(r, G_SAGA_COMPLETED, &name, s.completed);
        set(r, G_SAGA_COMPENSATED, &name, s.compensated);
        set(r, G_SAGA_FAILED, &name, s.failed);
    }
}

void record_sample(struct record *r, struct belay_engine *e, belay_time now)
{
    struct belay_store_stats store;
    struct belay_engine_stats engine;
    belay_store_stats(belay_engine_store(e), &store);
    belay_engine_stats(e, &engine);
    sample_topics(r, belay_engine_broker(e));
    sample_subscriptions(r, belay_engine_broker(e), now);
    sample_connections(r, e);
    sample_sagas(r, belay_engine_sagas(e));
    set(r, G_STORE_DURABLE, NULL, store.durable);
    set(r, G_STORE_JOURNAL, NULL, store.journal_bytes);
    set(r, G_STORE_ARCHIVE, NULL, store.archive_bytes);
    set(r, G_STORE_FREE, NULL, store.disk_free_bytes);
    set(r, G_STORE_COMMITS, NULL, store.commits);
    set(r, G_RUNS, NULL, engine.runs_in_flight);
    set(r, G_REQUESTS, NULL, engine.requests_open);
}
