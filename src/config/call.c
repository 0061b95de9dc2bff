/* call, publish: what flows and sagas say in the same words. */
#include "base/limits.h"
#include "config/options.h"
#include "config/parts.h"
#include "config/scalar.h"
#include "connector/registry.h"

/* ---- call ---- */

struct call_raw {
    const struct config_node *connection;
    struct belay_call_def def;
    struct belay_named_template *params;
    const struct belay_connector *connector;
};

static const struct config_word answer_words[]
    = { { "auto", BELAY_ANSWER_AUTO }, { "text", BELAY_ANSWER_TEXT }, { 0 } };

static const struct config_key call_keys[] = {
    { "connection", CONFIG_TEXT_NODE, .shape = "name", .help = "Name of the connection.",
      .required = true, CONFIG_FIELD(struct call_raw, connection) },
    { "headers", CONFIG_TEMPLATES, "Headers sent with the call.",
      CONFIG_COUNTED(struct call_raw, def.headers, def.header_count) },
    { "body", CONFIG_VALUE,
      "What is sent; without it the body as it is (nothing with GET and DELETE).",
      CONFIG_FIELD(struct call_raw, def.body) },
    { "timeout", CONFIG_DURATION, "How long this call may take; without it the connection's.",
      .min = 1, CONFIG_FIELD(struct call_raw, def.timeout_ms) },
    { "answer", CONFIG_WORD,
      "What the answer's body is: as its content type says (auto; one that says JSON and is none is HTTP:INVALID_BODY, of "
      "unknown outcome, where the result is kept; no bytes at all are no body), or a string whatever it says (text).",
      .default_ = "auto", CONFIG_FIELD(struct call_raw, def.answer), .words = answer_words },
    { 0 },
};

static void unknown_connection(struct config *c, const struct config_node *node,
                               struct belay_str name)
{
    struct config_guess g = config_guess(name);
    for (uint32_t i = 0; i < c->scope->connection_count; i++)
        config_guess_name(&g, c->scope->connections[i].name);
    struct belay_problem *p
        = config_error(c->problems, config_place(node), "unknown-connection",
                       "there is no connection '%.*s'", BELAY_STR_ARG(node->text));
    config_suggest_guess(c->problems, p, &g);
}

/* The connection a call names, before its other keys are read: they depend on its connector. NULL:
 * said by finish_call. */
static const struct belay_connection_def *connection_of(struct config *c,
                                                        const struct config_node *node)
{
    const struct config_node *name = config_get(node, "connection");
    struct belay_str text;
    if (!name || name->kind != CONFIG_SCALAR || config_is_null(name)
        || !config_text(c, name, &text))
        return NULL;
    return belay_definitions_connection(c->scope, text);
}

static const struct belay_connector *connector_of(struct config *c, const struct config_node *node)
{
    const struct belay_connection_def *connection = connection_of(c, node);
    return connection ? belay_connector_find(connection->connector) : NULL;
}

/* Of a connector's calls; connector NULL: of any, since the connection is unknown and the call's other mistakes are
 * told all the same. */
static const struct belay_option *find_param(const struct belay_connector *connector, struct belay_str name)
{
    const struct belay_option *found = NULL;
    for (const struct belay_connector *const *at = belay_connector_list(); *at && !found; at++)
        if (!connector || connector == *at)
            found = config_option_find((*at)->call_params, name);
    return found;
}

/* What can be told of a text before anything is called; of one with expressions by what stands before the first. */
static void check_literal(struct config *c, const struct belay_connector *connector, const char *name,
                          const struct config_node *node)
{
    struct belay_option_fault fault;
    struct belay_str text = BELAY_STR_NONE;
    if (c->stored || !connector || !connector->check || node->kind != CONFIG_SCALAR || !config_expand(c, node, &text))
        return;
    const char *expression = memmem(text.n ? text.p : "", text.n, "{%", 2);
    struct belay_str begin = expression ? belay_str_sub(text, 0, (size_t)(expression - text.p)) : text;
    if (!connector->check(name, begin, !expression, &fault))
        return;
    struct belay_problem *p = config_error(c->problems, config_place(node), "type", "'%s' %s: '%.*s'", name, fault.why,
                                           BELAY_STR_ARG(node->text));
    if (fault.meant)
        config_suggest(c->problems, p, "did you mean '%s'?", fault.meant);
    else if (strcmp(name, "path") == 0 && begin.n && begin.p[0] != '/')
        config_suggest(c->problems, p, "did you mean '/%.*s'?", BELAY_STR_ARG(node->text));
}

static bool take_param(struct config *c, const struct config_node *node,
                       const struct config_link *m, void *target)
{
    struct call_raw *raw = target;
    const struct belay_connector *connector = connector_of(c, node);
    const struct belay_option *option = find_param(connector, m->key->text);
    if (!option)
        return false;
    if (!raw->params)
        raw->params = CONFIG_ARRAY(c, struct belay_named_template, 32);
    if (!raw->params || raw->def.param_count == 32)
        return true;
    enum config_template_use use
        = strcmp(option->name, "path") == 0 ? CONFIG_USE_PATH : CONFIG_USE_TEXT;
    struct belay_named_template *to = &raw->params[raw->def.param_count];
    to->name = belay_str_c(option->name);
    if (config_template(c, m->value, use, &to->value)) {
        raw->def.param_count++;
        check_literal(c, connector, option->name, m->value);
    }
    return true;
}

static void guess_param(struct config *c, const struct config_node *node, struct config_guess *g)
{
    const struct belay_connector *connector = connector_of(c, node);
    for (const struct belay_connector *const *at = belay_connector_list(); *at; at++)
        for (const struct belay_option *p = (*at)->call_params; p->name; p++)
            if (!connector || connector == *at)
                config_guess_name(g, belay_str_c(p->name));
}

static void describe_params(struct belay_json_out *o)
{
    for (const struct belay_connector *const *at = belay_connector_list(); *at; at++) {
        for (const struct belay_option *p = (*at)->call_params; p->name; p++) {
            belay_json_key(o, p->name);
            config_option_describe(o, p, true);
        }
    }
}

static const struct config_extra params
    = { "what the connector's calls take", take_param, guess_param, describe_params };

/* Parameters that were not written: their default, or a complaint. */
static void finish_params(struct config *c, const struct config_node *node, struct call_raw *raw,
                          const struct belay_option *table)
{
    for (const struct belay_option *option = table; option->name; option++) {
        if (config_get(node, option->name))
            continue;
        if (option->required)
            config_error(c->problems, config_place(node), "missing-key", "a call of %s needs '%s'",
                         raw->connector->name, option->name);
        if (!option->default_)
            continue;
        if (!raw->params)
            raw->params = CONFIG_ARRAY(c, struct belay_named_template, 32);
        if (!raw->params || raw->def.param_count == 32)
            return;
        struct belay_named_template *to = &raw->params[raw->def.param_count];
        to->name = belay_str_c(option->name);
        if (config_template_of(c, option->default_, node, &to->value))
            raw->def.param_count++;
    }
}

/* Headers are every call's; their names are the connector's business. */
static void check_headers(struct config *c, const struct config_node *node, const struct belay_connector *connector)
{
    const struct config_node *headers = config_get(node, "headers");
    for (const struct config_link *m = headers && headers->kind == CONFIG_MAP ? headers->first : NULL; m; m = m->next)
        if (m->key->text.n) /* else said already */
            check_literal(c, connector, "headers", m->key);
}

static void finish_call(struct config *c, const struct config_node *node, void *target)
{
    struct call_raw *raw = target;
    struct belay_str name;
    if (!raw->connection || !config_text(c, raw->connection, &name))
        return;
    raw->def.connection = belay_definitions_connection(c->scope, name);
    if (!raw->def.connection && !c->incomplete)
        unknown_connection(c, raw->connection, name);
    raw->connector = connector_of(c, node);
    if (!raw->connector)
        return;
    finish_params(c, node, raw, raw->connector->call_params);
    check_headers(c, node, raw->connector);
    raw->def.params = raw->params;
}

const struct config_kind config_kind_call = {
    "call",           "One call of an outside system, and what its connector needs for it.",
    call_keys,        sizeof(struct call_raw),
    .extra = &params, .finish = finish_call,
};

const struct belay_call_def *config_call(struct config *c, const struct config_node *node)
{
    struct call_raw raw = { 0 };
    struct belay_call_def *def = CONFIG_NEW(c, struct belay_call_def);
    if (!def)
        return NULL;
    config_parse(c, &config_kind_call, node, &raw);
    *def = raw.def;
    return def;
}

/* ---- publish ---- */

struct publish_raw {
    const struct config_node *topic, *queue;
    struct belay_publish_def def;
};

static const struct config_key publish_keys[] = {
    { "topic", CONFIG_TEXT_NODE, .shape = "text",
      .help = "Name of the topic; an expression may choose it.", .one_of = 1,
      CONFIG_FIELD(struct publish_raw, topic) },
    { "queue", CONFIG_TEXT_NODE, .shape = "text",
      .help = "Name of the queue; an expression may choose it.", .one_of = 1,
      CONFIG_FIELD(struct publish_raw, queue) },
    { "key", CONFIG_TEMPLATE, "Key of the new message; without it the one of the message in hand.",
      .purpose = CONFIG_IDENTITY, CONFIG_FIELD(struct publish_raw, def.key) },
    { "body", CONFIG_VALUE, "Body of the new message; without it the body as it is.",
      CONFIG_FIELD(struct publish_raw, def.body) },
    { "type", CONFIG_TEMPLATE, "CloudEvents type of the new message.",
      CONFIG_FIELD(struct publish_raw, def.type) },
    { "delay", CONFIG_VALUE, "How long it waits before anyone sees it: 5m, or milliseconds.",
      CONFIG_FIELD(struct publish_raw, def.delay) },
    { "ttl", CONFIG_VALUE,
      "What has not been begun so long after it appeared becomes a letter (EXPIRED:TTL): 5m, or milliseconds. Without "
      "it the time the message in hand has, or the queue's; the shorter counts.",
      CONFIG_FIELD(struct publish_raw, def.ttl) },
    { "headers", CONFIG_TEMPLATES, "Headers of the new message.",
      CONFIG_COUNTED(struct publish_raw, def.headers, def.header_count) },
    { 0 },
};

const struct belay_topic_def *config_topic_find(struct config *c, const struct config_node *node,
                                                bool queue)
{
    struct belay_str name = config_literal(c, node);
    if (!name.p)
        return NULL;
    const struct belay_topic_def *topic = belay_definitions_topic(c->scope, name);
    if (topic && topic->queue == queue)
        return topic;
    if (c->incomplete || c->stored)
        return NULL;
    struct config_guess g = config_guess(name);
    for (uint32_t i = 0; i < c->scope->topic_count; i++)
        if (c->scope->topics[i].queue == queue)
            config_guess_name(&g, c->scope->topics[i].name);
    struct belay_problem *p = config_error(
        c->problems, config_place(node), queue ? "unknown-queue" : "unknown-topic",
        "there is no %s '%.*s'", queue ? "queue" : "topic", BELAY_STR_ARG(node->text));
    if (topic)
        config_suggest(c->problems, p, "'%.*s' is a %s: write %s: %.*s", BELAY_STR_ARG(node->text),
                       queue ? "topic" : "queue", queue ? "topic" : "queue",
                       BELAY_STR_ARG(node->text));
    else if (g.best.n)
        config_suggest_guess(c->problems, p, &g);
    else
        config_suggest(c->problems, p, "add it: %s: { %.*s: {} }", queue ? "queues" : "topics",
                       BELAY_STR_ARG(node->text));
    return NULL;
}

static void check_delay(struct config *c, const struct config_node *node)
{
    struct belay_str text = config_literal(c, node);
    uint64_t ms;
    if (text.p && !config_duration(text, &ms) && !belay_str_to_u64(text, &ms))
        config_error(c->problems, config_place(node), "type",
                     "a duration is wanted here, not '%.*s'", BELAY_STR_ARG(node->text));
}

static void finish_publish(struct config *c, const struct config_node *node, void *target)
{
    struct publish_raw *raw = target;
    const struct config_node *to = raw->topic ? raw->topic : raw->queue;
    if (to && config_template(c, to, CONFIG_USE_TEXT, &raw->def.target))
        config_topic_find(c, to, to == raw->queue);
    if (config_get(node, "delay"))
        check_delay(c, config_get(node, "delay"));
    if (config_get(node, "ttl"))
        check_delay(c, config_get(node, "ttl"));
}

const struct config_kind config_kind_publish = {
    "publish",
    "A new message for a topic or queue. It appears when the flow completes.",
    publish_keys,
    sizeof(struct publish_raw),
    .groups_needed = 1u << 1,
    .finish = finish_publish,
};

bool config_publish(struct config *c, const struct config_node *node, struct belay_publish_def *to)
{
    struct publish_raw raw = { 0 };
    config_parse(c, &config_kind_publish, node, &raw);
    *to = raw.def;
    return raw.def.target;
}

/* ---- stored text ---- */

void config_keep_text(struct config *c, const char *kind, const struct config_link *m,
                      struct belay_str *ret_text, struct belay_hash128 *ret_hash)
{
    struct belay_buf text;
    belay_buf_init(&text, BELAY_CONFIG_FILE_BYTES_MAX);
    belay_buf_printf(&text, "{\"belay\":1,\"%s\":", kind);
    belay_json_write_str(&text, m->key->text);
    belay_buf_put_str(&text, BELAY_STR(",\"definition\":"));
    config_node_write(&text, m->value, c->swaps);
    belay_buf_put_c(&text, '}');
    if (belay_buf_status(&text) == BELAY_LIMIT)
        config_error(c->problems, config_place(m->key), "limit", "the definition is too large");
    else if (belay_buf_status(&text))
        config_no_memory(c);
    else
        *ret_text = config_keep(c, belay_buf_view(&text));
    *ret_hash = belay_hash128(*ret_text);
    belay_buf_deinit(&text);
}
