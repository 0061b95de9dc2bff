/* connections, topics, queues, apis: the outside of an application. */
#include "base/limits.h"
#include "config/gate.h"
#include "config/options.h"
#include "config/parts.h"
#include "config/scalar.h"
#include "config/verb.h"
#include "connector/registry.h"

/* ---- connections ---- */

struct connection_raw {
    struct belay_connection_def def;
    struct belay_connection_config config;
    struct {
        struct belay_str header;
    } idempotency;
    const struct config_node *retry, *concurrency;
    uint32_t concurrency_max;
    const struct belay_connector *connector;
    const struct config_node *connector_key;
};

static const struct config_key idempotency_keys[] = {
    { "header", CONFIG_STRING, .required = true,
      .help
      = "Header in which the service takes the idempotency key; naming it says that the service "
        "honours the key, so that a call may be repeated.",
      .offset = 0, .size = sizeof(struct belay_str) },
    { 0 },
};
static const struct config_kind kind_honours = {
    "connection-idempotency", "How a service takes an idempotency key.",
    idempotency_keys,         sizeof(struct belay_str),
    .short_key = NULL,
};

static const struct config_key connection_keys[] = {
    { "idempotency", CONFIG_SUB, "Set where the service honours idempotency keys.",
      CONFIG_FIELD(struct connection_raw, idempotency), .kind = &kind_honours },
    { "timeout", CONFIG_DURATION, "How long one call may take, waiting for a free slot included.",
      .default_ = "30s", .min = 1, CONFIG_FIELD(struct connection_raw, def.timeout_ms) },
    { "concurrency", CONFIG_TEXT_NODE, .shape = "whole number or auto",
      .help = "Calls at the same time (32); auto finds how many by their latency.",
      CONFIG_FIELD(struct connection_raw, concurrency) },
    { "concurrency_max", CONFIG_INT, "Calls at the same time that auto may find.",
      .default_ = "256", .min = 1, .max = 65536, .with = "concurrency",
      CONFIG_FIELD(struct connection_raw, concurrency_max) },
    { "rate", CONFIG_SUB, "Calls a second; without it any number.",
      CONFIG_FIELD(struct connection_raw, def.gate.rate), .kind = &config_kind_rate },
    { "queue_max", CONFIG_INT, "Calls that may wait for a free slot; beyond it the engine waits.",
      .default_ = "1024", .max = 1000000, CONFIG_FIELD(struct connection_raw, config.queue_max) },
    { "retry_budget", CONFIG_SUB, "Bound of its retries.",
      CONFIG_FIELD(struct connection_raw, def.gate.budget), .kind = &config_kind_budget },
    { "breaker", CONFIG_SUB, "When it is not called for a while.",
      CONFIG_FIELD(struct connection_raw, def.gate.breaker), .kind = &config_kind_breaker },
    { "retry", CONFIG_SUB_NODE,
      "How its calls are repeated where neither their step nor their flow or saga says; of no "
      "compensation.",
      CONFIG_FIELD(struct connection_raw, retry), .kind = &config_kind_retry },
    { "response_max", CONFIG_SIZE, "Bytes of an answer's body at most.", .default_ = "1MiB",
      .min = 1, .max = BELAY_MESSAGE_BYTES_MAX,
      CONFIG_FIELD(struct connection_raw, config.response_bytes_max) },
    { 0 },
};

static bool take_connector(struct config *c, const struct config_node *node,
                           const struct config_link *m, void *target)
{
    struct connection_raw *raw = target;
    const struct belay_connector *connector = belay_connector_find(m->key->text);
    (void)node;
    if (!connector)
        return false;
    if (raw->connector)
        config_error(c->problems, config_place(m->key), "one-of",
                     "'%s' and '%s' exclude each other", raw->connector->name, connector->name);
    raw->connector = connector;
    raw->connector_key = m->key;
    config_options(c, connector, m->value, &raw->config.options, &raw->config.option_count);
    return true;
}

static void guess_connector(struct config *c, const struct config_node *node,
                            struct config_guess *g)
{
    (void)c;
    (void)node;
    for (const struct belay_connector *const *at = belay_connector_list(); *at; at++)
        config_guess_name(g, belay_str_c((*at)->name));
}

static void describe_connectors(struct belay_json_out *o)
{
    for (const struct belay_connector *const *at = belay_connector_list(); *at; at++) {
        belay_json_key(o, (*at)->name);
        config_options_describe(o, (*at)->options);
    }
}

static const struct config_extra connectors
    = { "one connector with its options", take_connector, guess_connector, describe_connectors };

static void finish_connection(struct config *c, const struct config_node *node, void *target)
{
    struct connection_raw *raw = target;
    if (!raw->connector) {
        struct belay_problem *p = config_error(c->problems, config_place(node), "one-of",
                                               "a connection needs a connector with its options");
        config_suggest(c->problems, p, "for example http: { base_url: \"https://example.com\" }");
        return;
    }
    struct belay_connection_config *config = CONFIG_NEW(c, struct belay_connection_config);
    if (!config)
        return;
    struct belay_retry_def *retry = raw->retry ? CONFIG_NEW(c, struct belay_retry_def) : NULL;
    if (retry)
        config_retry(c, raw->retry, &BELAY_RETRY_DEFAULT, retry);
    raw->def.retry = retry;
    config_concurrency(c, raw->concurrency, raw->concurrency_max, &raw->def.gate);
    raw->config.concurrency = raw->def.gate.concurrency;
    raw->config.idempotency_header = raw->idempotency.header;
    *config = raw->config;
    raw->def.config = config;
    raw->def.connector = belay_str_c(raw->connector->name);
    raw->def.namespace_ = belay_str_c(raw->connector->namespace_);
    raw->def.honours_key = raw->idempotency.header.n > 0;
    raw->def.idempotent = raw->connector->idempotent;
}

const struct config_kind config_kind_connection = {
    "connection",         "A named outside system.",
    connection_keys,      sizeof(struct connection_raw),
    .extra = &connectors, .finish = finish_connection,
};

void config_connection(struct config *c, const struct config_link *m,
                       struct belay_connection_def *to)
{
    struct connection_raw raw = { .def.gate = config_gate_default };
    config_check_name(c, m->key, "connection");
    config_parse(c, &config_kind_connection, m->value, &raw);
    raw.def.name = config_keep(c, m->key->text);
    raw.def.place = config_keep_place(c, m->key);
    if (raw.def.config)
        ((struct belay_connection_config *)raw.def.config)->name = raw.def.name;
    *to = raw.def;
}

/* ---- topics and queues ---- */

static const struct config_word on_full_words[] = { { "backpressure", BELAY_ON_FULL_BACKPRESSURE },
                                                    { "reject", BELAY_ON_FULL_REJECT },
                                                    { 0 } };

/* What topics and queues have in common: how much they may hold, and for how long. */
#define LIMIT_KEYS                                                                                         \
    { "max_messages", CONFIG_INT,                                                                          \
      "Messages that may wait or be at work (of its slowest reader); what a person has to settle does not count.", \
      .min = 1, .max = 4e9, CONFIG_FIELD(struct belay_topic_def, max_messages) },                          \
    { "max_bytes", CONFIG_SIZE, "Their bytes at most, by the mean size of what is there.", .min = 1,       \
      CONFIG_FIELD(struct belay_topic_def, max_bytes) },                                                   \
    { "max_age", CONFIG_DURATION,                                                                          \
      "Full while the oldest that is not handled has waited longer than this: who comes now would wait as long.", .min = 1, \
      CONFIG_FIELD(struct belay_topic_def, max_age_ms) },                                                  \
    { "on_full", CONFIG_WORD,                                                                              \
      "What publishers meet when a limit is reached: backpressure lets flows wait without using up attempts, and a " \
      "caller of an API up to its max_wait; reject is the error BROKER:QUEUE_FULL, for a caller 503 at once.", \
      .default_ = "backpressure", .words = on_full_words, CONFIG_FIELD(struct belay_topic_def, on_full) }, \
    { "ttl", CONFIG_DURATION,                                                                              \
      "What has not been begun so long after it came becomes a letter (EXPIRED:TTL) that holds up nothing.", .min = 1, \
      CONFIG_FIELD(struct belay_topic_def, ttl_ms) }

static const struct config_key topic_keys[] = {
    { "retain", CONFIG_DURATION,
      "How long messages are kept for replay; without it until every subscription has finished "
      "them.",
      CONFIG_FIELD(struct belay_topic_def, retain_ms) },
    { "retain_bytes", CONFIG_SIZE, "Bytes of messages kept at most, where all have finished them.",
      CONFIG_FIELD(struct belay_topic_def, retain_bytes) },
    LIMIT_KEYS,
    { "discard", CONFIG_SUB, "Why what failed may expire here with nobody reading it.",
      CONFIG_FIELD(struct belay_topic_def, discard_reason), .kind = &config_kind_discard },
    { 0 },
};
static const struct config_key queue_keys[] = { LIMIT_KEYS, { 0 } };

const struct config_kind config_kind_topic = {
    "topic",
    "A named, ordered, durable log of messages; any number of flows and sagas read it.",
    topic_keys,
    sizeof(struct belay_topic_def),
    .short_key = NULL,
};
const struct config_kind config_kind_queue = {
    "queue",           "A topic with one reader, whose messages go once handled.",
    queue_keys,        sizeof(struct belay_topic_def),
    .short_key = NULL,
};

void config_topic(struct config *c, const struct config_link *m, bool queue,
                  struct belay_topic_def *to)
{
    config_check_name(c, m->key, queue ? "queue" : "topic");
    config_parse(c, queue ? &config_kind_queue : &config_kind_topic, m->value, to);
    to->queue = queue;
    to->name = config_keep(c, m->key->text);
    to->place = config_keep_place(c, m->key);
}
