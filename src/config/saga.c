/* sagas */
#include "base/limits.h"
#include "config/grammar.h"
#include "config/parts.h"

/* Undoing has more patience than doing: its failure needs a person. */
#define RETRY_COMPENSATE                                                                           \
    ((struct belay_retry_def){ 10, 0, 200, 300000, 2.0, BELAY_JITTER_FULL, true, 0, NULL, 0 })

struct await_raw {
    struct belay_await_def def;
    const struct config_node *topic;
};
static const struct config_key await_keys[] = {
    { "topic", CONFIG_TEXT_NODE, .shape = "name", .help = "Topic on which the event comes.",
      .required = true, CONFIG_FIELD(struct await_raw, topic) },
    { "match", CONFIG_TEMPLATE, "Yields the saga's id from the event.", .required = true,
      .purpose = CONFIG_IDENTITY, CONFIG_FIELD(struct await_raw, def.match) },
    { "timeout", CONFIG_DURATION, "How long to wait; then the step has failed.", .required = true,
      .min = 1, CONFIG_FIELD(struct await_raw, def.timeout_ms) },
    { "fail_when", CONFIG_VALUE, "The step has failed where this is true of the event.",
      .purpose = CONFIG_CONDITION, CONFIG_FIELD(struct await_raw, def.fail_when) },
    { 0 },
};
static const struct config_kind kind_await = {
    "await",           "Waits for an event; one that came before is not lost.",
    await_keys,        sizeof(struct await_raw),
    .short_key = NULL,
};

struct compensate_raw {
    const struct config_node *call, *publish, *retry;
};
static const struct config_key compensate_keys[] = {
    { "call", CONFIG_SUB_NODE, "Call that undoes the step.", .one_of = 1,
      CONFIG_FIELD(struct compensate_raw, call), .kind = &config_kind_call },
    { "publish", CONFIG_SUB_NODE, "Message that undoes the step.", .one_of = 1,
      CONFIG_FIELD(struct compensate_raw, publish), .kind = &config_kind_publish },
    { "retry", CONFIG_SUB_NODE,
      "How undoing is repeated; exhausted, the saga is parked for a person.",
      CONFIG_FIELD(struct compensate_raw, retry), .kind = &config_kind_retry },
    { 0 },
};
static const struct config_kind kind_compensate = {
    "compensate",
    "Undoes a step, also where there is nothing to undo. {} says that nothing has to be done.",
    compensate_keys,
    sizeof(struct compensate_raw),
    .short_key = NULL,
};

struct saga_step_raw {
    struct belay_saga_step_def def;
    const struct config_node *call, *resolve, *publish, *await, *compensate, *retry;
};
static const struct config_key saga_step_keys[] = {
    { "name", CONFIG_NAME, "How the step is called in histories and in $steps.", .required = true,
      CONFIG_FIELD(struct saga_step_raw, def.name) },
    { "status", CONFIG_STRING, "Word for the saga's status while this step runs.",
      CONFIG_FIELD(struct saga_step_raw, def.status) },
    { "when", CONFIG_VALUE, "The step is left out where this is false.",
      .purpose = CONFIG_CONDITION, CONFIG_FIELD(struct saga_step_raw, def.when) },
    { "call", CONFIG_SUB_NODE, "Call an outside system.", .one_of = 1,
      CONFIG_FIELD(struct saga_step_raw, call), .kind = &config_kind_call },
    { "publish", CONFIG_SUB_NODE, "Send a message to a topic or queue.", .one_of = 1,
      CONFIG_FIELD(struct saga_step_raw, publish), .kind = &config_kind_publish },
    { "await", CONFIG_SUB_NODE, "Wait for an event, after the call or message.",
      CONFIG_FIELD(struct saga_step_raw, await), .kind = &kind_await },
    { "resolve", CONFIG_SUB_NODE,
      "Call that tells, where a call's outcome is unknown, whether it was done.", .with = "call",
      CONFIG_FIELD(struct saga_step_raw, resolve), .kind = &config_kind_call },
    { "compensate", CONFIG_SUB_NODE, "How the step is undone.",
      CONFIG_FIELD(struct saga_step_raw, compensate), .kind = &kind_compensate },
    { "retry", CONFIG_SUB_NODE, "How the step is repeated; without it as the saga says.",
      CONFIG_FIELD(struct saga_step_raw, retry), .kind = &config_kind_retry },
    { "timeout", CONFIG_DURATION,
      "How long all of the step may take, from its first attempt: repetitions, their waits and the "
      "event; then it has failed. 0: no bound but the saga's deadline.",
      .default_ = "0", CONFIG_FIELD(struct saga_step_raw, def.timeout_ms) },
    { "pivot", CONFIG_BOOL,
      "The point of no return, one in a saga: once it is done nothing leads back, neither failure "
      "nor deadline; a later step that fails waits for a person.",
      .default_ = "false", CONFIG_FIELD(struct saga_step_raw, def.pivot) },
    { "parallel", CONFIG_RESERVED, .help = "" },
    { "request", CONFIG_RESERVED, .help = "" },
    { "wait", CONFIG_RESERVED, .help = "" },
    { "run", CONFIG_RESERVED, .help = "" },
    { 0 },
};
static const struct config_kind kind_saga_step = {
    "saga-step",       "One step of a saga: a call or a message, perhaps an event to wait for.",
    saga_step_keys,    sizeof(struct saga_step_raw),
    .short_key = NULL,
};

#define WORD(word, text)                                                                           \
    {                                                                                              \
#word, CONFIG_STRING, text, CONFIG_FIELD(struct belay_saga_def, word_##word)               \
    }
static const struct config_key words_keys[] = {
    WORD(started, "It has begun and no step has a word of its own yet."),
    WORD(completed, "Every step is done."),
    WORD(compensating, "A step failed and those before it are being undone."),
    WORD(compensated, "Everything is undone."),
    WORD(failed, "It failed and nothing had to be undone."),
    WORD(parked, "It waits for a person."),
    { 0 },
};
static const struct config_kind kind_words
    = { "words", "What the saga's states are called.", words_keys, sizeof(struct belay_saga_def),
        .short_key = NULL };

struct saga_raw {
    struct belay_saga_def def;
    const struct config_node *from, *words, *steps, *retry;
};
static const struct config_key saga_keys[] = {
    { "from", CONFIG_SUB_NODE, "Topic or queue whose messages start it.", .required = true,
      CONFIG_FIELD(struct saga_raw, from), .kind = &config_kind_source },
    { "id", CONFIG_TEMPLATE, "Its identity: one saga for each value.", .required = true,
      .purpose = CONFIG_IDENTITY, CONFIG_FIELD(struct saga_raw, def.id) },
    { "deadline", CONFIG_DURATION, "It fails, and is undone, when it takes longer; 0: never.",
      .default_ = "0", CONFIG_FIELD(struct saga_raw, def.deadline_ms) },
    { "dead_letters", CONFIG_SUB,
      "When letters go by themselves: messages that could start none, and events that none came for; of each step by itself. "
      "Instances that wait for a person never do.",
      CONFIG_FIELD(struct saga_raw, def.letters), .kind = &config_kind_letters },
    { "words", CONFIG_SUB_NODE, "Names of its states for $saga() and status.",
      CONFIG_FIELD(struct saga_raw, words), .kind = &kind_words },
    { "retry", CONFIG_SUB_NODE, "How its steps are repeated where they do not say.",
      CONFIG_FIELD(struct saga_raw, retry), .kind = &config_kind_retry },
    { "steps", CONFIG_LIST_NODE, "What is done, in this order.", .required = true,
      CONFIG_FIELD(struct saga_raw, steps), .kind = &kind_saga_step },
    { 0 },
};

/* ---- steps ---- */

static const struct belay_publish_def *take_publish(struct config *c,
                                                    const struct config_node *node)
{
    struct belay_publish_def *def = CONFIG_NEW(c, struct belay_publish_def);
    if (def)
        config_publish(c, node, def);
    return def;
}

static const struct belay_await_def *take_await(struct config *c, const struct config_node *node)
{
    struct await_raw raw = { 0 };
    struct belay_await_def *def = CONFIG_NEW(c, struct belay_await_def);
    struct belay_str topic;
    c->sees = config_sees_message;
    config_parse(c, &kind_await, node, &raw);
    c->sees = config_sees_saga;
    if (!def)
        return NULL;
    if (raw.topic && config_text(c, raw.topic, &topic)) {
        raw.def.topic = config_keep(c, topic);
        config_topic_find(c, raw.topic, false);
    }
    *def = raw.def;
    return def;
}

static const struct belay_compensate_def *take_compensate(struct config *c,
                                                          const struct config_node *node)
{
    struct compensate_raw raw = { 0 };
    struct belay_compensate_def *def = CONFIG_NEW(c, struct belay_compensate_def);
    config_parse(c, &kind_compensate, node, &raw);
    if (!def)
        return NULL;
    c->sees = config_sees_undo;
    if (raw.call)
        def->call = config_call(c, raw.call);
    else if (raw.publish)
        def->publish = take_publish(c, raw.publish);
    c->sees = config_sees_saga;
    config_retry(c, raw.retry, &RETRY_COMPENSATE, &def->retry);
    return def;
}

/* retry: as the saga says; NULL: it does not, and the connection may. */
static void take_step(struct config *c, const struct config_node *node,
                      const struct belay_retry_def *retry, struct belay_saga_step_def *to)
{
    struct saga_step_raw raw = { 0 };
    config_parse(c, &kind_saga_step, node, &raw);
    *to = raw.def;
    to->place = config_keep_place(c, node);
    if (raw.call)
        to->call = config_call(c, raw.call);
    if (raw.resolve)
        to->resolve = config_call(c, raw.resolve);
    if (raw.publish)
        to->publish = take_publish(c, raw.publish);
    if (raw.await)
        to->await = take_await(c, raw.await);
    if (raw.compensate)
        to->compensate = take_compensate(c, raw.compensate);
    if (!retry && to->call && to->call->connection)
        retry = to->call->connection->retry;
    config_retry(c, raw.retry, retry ? retry : &BELAY_RETRY_DEFAULT, &to->retry);
    if (node->kind == CONFIG_MAP && !raw.call && !raw.publish && !raw.await)
        config_error(c->problems, config_place(node), "one-of",
                     "a saga-step needs one of: call, publish, await");
}

static void check_twice(struct config *c, const struct config_node *node,
                        const struct belay_saga_step_def *steps, uint32_t count)
{
    for (uint32_t i = 0; steps[count].name.n && i < count; i++)
        if (belay_str_eq(steps[i].name, steps[count].name))
            config_error(c->problems, config_place(node), "duplicate-name",
                         "two steps are called '%.*s'", BELAY_STR_ARG(steps[count].name));
}

static void check_pivots(struct config *c, const struct config_node *node,
                         const struct belay_saga_step_def *steps, uint32_t count)
{
    for (uint32_t i = 0; steps[count].pivot && i < count; i++)
        if (steps[i].pivot)
            config_error(c->problems, config_place(node), "two-pivots",
                         "'%.*s' is the pivot already: there is one point of no return",
                         BELAY_STR_ARG(steps[i].name));
}

static void take_steps(struct config *c, const struct config_node *list,
                       const struct belay_retry_def *retry, struct belay_saga_def *def)
{
    if (!config_is_list(c, list, "steps"))
        return;
    if (list->count > BELAY_SAGA_STEPS_MAX) {
        config_error(c->problems, config_place(list), "limit", "a saga has at most %d steps",
                     BELAY_SAGA_STEPS_MAX);
        return;
    }
    struct belay_saga_step_def *steps = CONFIG_ARRAY(c, struct belay_saga_step_def, list->count);
    if (!steps)
        return;
    for (const struct config_link *link = list->first; link; link = link->next) {
        take_step(c, link->value, retry, &steps[def->step_count]);
        check_twice(c, link->value, steps, def->step_count);
        check_pivots(c, link->value, steps, def->step_count++);
    }
    def->steps = steps;
}

static void finish_saga(struct config *c, const struct config_node *node, void *target)
{
    struct saga_raw *raw = target;
    struct belay_retry_def retry;
    (void)node;
    if (raw->from && config_source(c, raw->from, &raw->def.from)
        && raw->def.from.kind != BELAY_SOURCE_TOPIC && raw->def.from.kind != BELAY_SOURCE_QUEUE)
        config_error(c->problems, config_place(raw->from), "type",
                     "a saga starts from a topic or a queue");
    if (raw->words)
        config_parse(c, &kind_words, raw->words, &raw->def);
    config_retry(c, raw->retry, &BELAY_RETRY_DEFAULT, &retry);
    c->sees = config_sees_saga;
    if (raw->steps)
        take_steps(c, raw->steps, raw->retry ? &retry : NULL, &raw->def);
}

const struct config_kind config_kind_saga = {
    "saga",
    "A long-running process of steps, each with how it is undone.",
    saga_keys,
    sizeof(struct saga_raw),
    .finish = finish_saga,
};

void config_saga(struct config *c, const struct config_link *m, struct belay_saga_def *to)
{
    struct saga_raw raw = { 0 };
    config_check_name(c, m->key, "saga");
    c->sees = config_sees_message;
    c->results = NULL;
    config_parse(c, &config_kind_saga, m->value, &raw);
    c->sees = NULL;
    *to = raw.def;
    to->name = config_keep(c, m->key->text);
    to->place = config_keep_place(c, m->key);
    config_keep_text(c, "saga", m, &to->text, &to->hash);
}
