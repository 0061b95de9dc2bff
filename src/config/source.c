/* from: where a flow or saga gets its messages. */
#include "config/grammar.h"
#include "config/parts.h"
#include "config/scalar.h"

struct source_raw {
    const struct config_node *api, *operation, *topic, *queue, *start;
    uint64_t every_ms;
};

static const struct config_key source_keys[] = {
    { "api", CONFIG_TEXT_NODE, .shape = "name", .help = "Name of the API.", .one_of = 1,
      CONFIG_FIELD(struct source_raw, api) },
    { "operation", CONFIG_TEXT_NODE, .shape = "operationId",
      .help = "operationId of its OpenAPI document.", .with = "api",
      CONFIG_FIELD(struct source_raw, operation) },
    { "topic", CONFIG_TEXT_NODE, .shape = "name", .help = "Name of the topic.", .one_of = 1,
      CONFIG_FIELD(struct source_raw, topic) },
    { "start", CONFIG_TEXT_NODE, .shape = "`earliest`, `latest` or a time",
      .help = "Where reading begins when it is new to a topic that has messages: earliest, latest "
              "or a time "
              "(2026-07-01T12:00:00Z).",
      .with = "topic", CONFIG_FIELD(struct source_raw, start) },
    { "queue", CONFIG_TEXT_NODE, .shape = "name", .help = "Name of the queue.", .one_of = 1,
      CONFIG_FIELD(struct source_raw, queue) },
    { "timer", CONFIG_DURATION, "A message at each interval (30s), with {time} as the body.",
      .one_of = 1, .min = 1, CONFIG_FIELD(struct source_raw, every_ms) },
    { 0 },
};

static const struct belay_api_def *find_api(struct config *c, const struct config_node *node,
                                            struct belay_str name)
{
    struct config_guess g = config_guess(name);
    for (uint32_t i = 0; i < c->scope->api_count; i++) {
        if (belay_str_eq(c->scope->apis[i].name, name))
            return &c->scope->apis[i];
        config_guess_name(&g, c->scope->apis[i].name);
    }
    if (!c->incomplete && !c->stored) {
        struct belay_problem *p = config_error(c->problems, config_place(node), "unknown-api",
                                               "there is no api '%.*s'", BELAY_STR_ARG(node->text));
        config_suggest_guess(c->problems, p, &g);
    }
    return NULL;
}

static void from_api(struct config *c, const struct config_node *node, const struct source_raw *raw,
                     struct belay_source_def *to)
{
    struct belay_str name, operation;
    if (!config_text(c, raw->api, &name))
        return;
    to->kind = BELAY_SOURCE_API;
    to->name = config_keep(c, name);
    const struct belay_api_def *api = find_api(c, raw->api, name);
    if (!raw->operation) {
        config_error(c->problems, config_place(node), "missing-key",
                     "'api' needs 'operation' beside it");
    } else if (config_text(c, raw->operation, &operation)) {
        to->operation = config_keep(c, operation);
        if (api && !c->stored)
            config_check_operation(c, api, raw->operation, operation);
    }
}

static void take_start(struct config *c, const struct config_node *node,
                       struct belay_source_def *to)
{
    struct belay_str text;
    if (!config_text(c, node, &text))
        return;
    if (belay_str_eq(text, BELAY_STR("earliest")))
        to->start = BELAY_START_EARLIEST;
    else if (belay_str_eq(text, BELAY_STR("latest")))
        to->start = BELAY_START_LATEST;
    else if (config_time(text, &to->start_time))
        to->start = BELAY_START_TIME;
    else
        config_error(
            c->problems, config_place(node), "type",
            "'start' is earliest, latest or a time such as 2026-07-01T12:00:00Z, not '%.*s'",
            BELAY_STR_ARG(node->text));
}

static void from_topic(struct config *c, const struct source_raw *raw, struct belay_source_def *to)
{
    const struct config_node *node = raw->topic ? raw->topic : raw->queue;
    struct belay_str name;
    if (!config_text(c, node, &name))
        return;
    to->kind = raw->topic ? BELAY_SOURCE_TOPIC : BELAY_SOURCE_QUEUE;
    to->name = config_keep(c, name);
    config_topic_find(c, node, !raw->topic);
    if (raw->start)
        take_start(c, raw->start, to);
}

const struct config_kind config_kind_source = {
    "source",
    "Where messages come from.",
    source_keys,
    sizeof(struct source_raw),
    .groups_needed = 1u << 1,
};

bool config_source(struct config *c, const struct config_node *node, struct belay_source_def *to)
{
    struct source_raw raw = { 0 };
    uint32_t errors = c->problems->error_count;
    config_parse(c, &config_kind_source, node, &raw);
    if (raw.api) {
        from_api(c, node, &raw, to);
    } else if (raw.topic || raw.queue) {
        from_topic(c, &raw, to);
    } else {
        to->kind = BELAY_SOURCE_TIMER;
        to->every_ms = raw.every_ms;
    }
    return c->problems->error_count == errors;
}
