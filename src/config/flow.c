/* flows */
#include "base/limits.h"
#include "config/grammar.h"
#include "config/parts.h"
#include "config/steps.h"

struct flow_raw {
    struct belay_flow_def def;
    const struct config_node *from, *retry, *steps, *reply, *on_error;
};

static const struct config_word concurrent_words[] = { { "conflict", BELAY_CONCURRENT_CONFLICT },
                                                       { "wait", BELAY_CONCURRENT_WAIT },
                                                       { 0 } };
static const struct config_key flow_idempotency_keys[] = {
    { "key", CONFIG_TEMPLATE, "What makes two messages the same, usually a header.",
      .required = true, .purpose = CONFIG_IDENTITY, CONFIG_FIELD(struct belay_idempotency_def, key) },
    { "window", CONFIG_DURATION, "How long it is remembered.", .default_ = "24h", .min = 1,
      CONFIG_FIELD(struct belay_idempotency_def, window_ms) },
    { "required", CONFIG_BOOL, "Refuse a request without it (400).", .default_ = "true",
      CONFIG_FIELD(struct belay_idempotency_def, required) },
    { "concurrent", CONFIG_WORD,
      "What a request gets whose key is being handled just now: 409 (conflict), or, after that one, its answer (wait).",
      .default_ = "conflict", CONFIG_FIELD(struct belay_idempotency_def, concurrent), .words = concurrent_words },
    { 0 },
};
static const struct config_kind kind_idempotency = {
    "idempotency",
    "A repeated message is recognised by its key and gets the first one's answer.",
    flow_idempotency_keys,
    sizeof(struct belay_idempotency_def),
    .short_key = "key",
};

static const struct config_word exhausted_words[] = { { "park_key", BELAY_EXHAUSTED_PARK_KEY },
                                                      { "skip", BELAY_EXHAUSTED_SKIP },
                                                      { "stop", BELAY_EXHAUSTED_STOP },
                                                      { 0 } };
static const struct config_key lanes_keys[] = {
    { "key", CONFIG_TEMPLATE,
      "Messages of one key are handled in order; without it the message's own key.",
      .purpose = CONFIG_IDENTITY, CONFIG_FIELD(struct belay_lanes_def, key) },
    { "concurrency", CONFIG_INT, "Messages of different keys at the same time.", .default_ = "32",
      .min = 1, .max = 65536, CONFIG_FIELD(struct belay_lanes_def, concurrency) },
    { "prefetch", CONFIG_INT,
      "Messages kept in memory beside those at work, to find other keys behind a busy one; without it as many as are "
      "needed, 1024 at most.",
      .min = 1, .max = BELAY_LANE_READ_AHEAD_MAX, CONFIG_FIELD(struct belay_lanes_def, prefetch) },
    { "on_exhausted", CONFIG_WORD,
      "What a key does when its message became a letter: park_key holds its later messages until the "
      "letter is gone, skip lets them pass, stop stops the flow.",
      .default_ = "park_key", CONFIG_FIELD(struct belay_lanes_def, on_exhausted),
      .words = exhausted_words },
    { 0 },
};
static const struct config_kind kind_lanes = { "lanes", "Order and concurrency.", lanes_keys,
                                               sizeof(struct belay_lanes_def), .short_key = NULL };

static const struct config_key letters_keys[] = {
    { "expire_after", CONFIG_DURATION, "A letter goes when it has been one for so long.", .min = 1,
      CONFIG_FIELD(struct belay_letters_def, expire_ms) },
    { "max_letters", CONFIG_INT, "The oldest go where there are more than these.", .min = 1, .max = 4e9,
      CONFIG_FIELD(struct belay_letters_def, count_max) },
    { "reason", CONFIG_STRING, "Why nobody needs them then; it is written down with each that goes.", .required = true,
      CONFIG_FIELD(struct belay_letters_def, reason) },
    { 0 },
};

static void finish_letters(struct config *c, const struct config_node *node, void *target)
{
    struct belay_letters_def *letters = target;
    if (!letters->expire_ms && !letters->count_max)
        config_error(c->problems, config_place(node), "missing-key", "'dead_letters' needs 'expire_after' or 'max_letters'");
    if (letters->reason.n > BELAY_LANE_REASON_BYTES_MAX)
        config_error(c->problems, config_place(node), "limit", "a reason has at most %d bytes", BELAY_LANE_REASON_BYTES_MAX);
}

const struct config_kind config_kind_letters = {
    "flow-dead-letters", "When letters go by themselves, with nobody looking; without it none does.", letters_keys,
    sizeof(struct belay_letters_def), .short_key = NULL, .finish = finish_letters,
};

struct rule_raw {
    const struct config_node *when, *steps;
};
static const struct config_key rule_keys[] = {
    { "when", CONFIG_TEXTS_NODE,
      "Errors it is for, one or a list: HTTP:TIMEOUT, HTTP:503, HTTP, VALIDATION, class:permanent, "
      "\"*\".",
      .required = true, CONFIG_FIELD(struct rule_raw, when) },
    { "steps", CONFIG_LIST_NODE, "What is done instead; $error tells what happened.",
      .required = true, CONFIG_FIELD(struct rule_raw, steps), .kind = &config_kind_step },
    { 0 },
};
static const struct config_kind kind_rule = {
    "error-rule",      "What to do about a permanent error, or one whose retries are exhausted.",
    rule_keys,         sizeof(struct rule_raw),
    .short_key = NULL,
};

static const struct config_kind kind_reply_ref = { "reply", "", NULL, 0, .short_key = NULL };

static const struct config_key flow_keys[] = {
    { "from", CONFIG_SUB_NODE, "Where its messages come from.", .required = true,
      CONFIG_FIELD(struct flow_raw, from), .kind = &config_kind_source },
    { "idempotency", CONFIG_SUB, "Recognise repeated messages.",
      CONFIG_FIELD(struct flow_raw, def.idempotency), .kind = &kind_idempotency },
    { "lanes", CONFIG_SUB, "Order and concurrency.", CONFIG_FIELD(struct flow_raw, def.lanes),
      .kind = &kind_lanes },
    { "dead_letters", CONFIG_SUB, "When letters go by themselves; without it they wait for a person.",
      CONFIG_FIELD(struct flow_raw, def.letters), .kind = &config_kind_letters },
    { "retry", CONFIG_SUB_NODE, "How failed attempts are repeated.",
      CONFIG_FIELD(struct flow_raw, retry), .kind = &config_kind_retry },
    { "crash_loop", CONFIG_SUB, "When a message that kills the process is quarantined.",
      CONFIG_FIELD(struct flow_raw, def.crash_after), .kind = &config_kind_crash_loop },
    { "poison", CONFIG_SUB, "What is done about messages that fail again and again.",
      CONFIG_FIELD(struct flow_raw, def.poison), .kind = &config_kind_poison },
    { "timeout", CONFIG_DURATION,
      "How long one run may take, waits between attempts not counted, nor a message's wait for a slot "
      "for its first call; without it an API's caller waits 30s, and a message has no bound.",
      CONFIG_FIELD(struct flow_raw, def.timeout_ms) },
    { "steps", CONFIG_LIST_NODE, "What is done with a message.",
      CONFIG_FIELD(struct flow_raw, steps), .kind = &config_kind_step },
    { "reply", CONFIG_SUB_NODE, "The API's answer, after the steps.",
      CONFIG_FIELD(struct flow_raw, reply), .kind = &kind_reply_ref },
    { "on_error", CONFIG_LIST_NODE, "Rules for errors, the first that fits is taken.",
      CONFIG_FIELD(struct flow_raw, on_error), .kind = &kind_rule },
    { "schedule", CONFIG_RESERVED, .help = "" },
    { 0 },
};

/* Without `lanes` its defaults hold as well. */
static void default_lanes(struct config *c, const struct config_node *node,
                          struct belay_lanes_def *to)
{
    struct config_node empty = *node;
    empty.kind = CONFIG_MAP;
    empty.first = empty.last = NULL;
    empty.count = 0;
    config_parse(c, &kind_lanes, &empty, to);
}

static void take_rules(struct steps *s, const struct config_node *list, struct belay_flow_def *def)
{
    struct config *c = s->c;
    if (!list || !config_is_list(c, list, "rules"))
        return;
    struct belay_error_rule *rules = CONFIG_ARRAY(c, struct belay_error_rule, list->count);
    if (!rules)
        return;
    def->on_error = rules;
    c->sees = config_sees_error;
    for (const struct config_link *link = list->first; link; link = link->next) {
        struct rule_raw raw = { 0 };
        struct belay_error_rule *to = &rules[def->on_error_count++];
        uint32_t start = s->count;
        config_parse(c, &kind_rule, link->value, &raw);
        if (raw.when && config_texts(c, raw.when, &to->when, &to->when_count))
            config_check_patterns(c, raw.when, link->next != NULL);
        if (raw.steps && raw.steps->kind == CONFIG_LIST && !raw.steps->count)
            config_suggest(c->problems,
                           config_error(c->problems, config_place(raw.steps), "vanishes",
                                        "a message whose error is taken here would just vanish"),
                           "end with dead_letter, publish what happened, or say why: discard: { reason: ... }");
        uint16_t first = steps_list(s, raw.steps);
        steps_patch(s, start, BELAY_STEP_END);
        to->first = first == STEP_PENDING ? BELAY_STEP_END : first;
    }
}

/* What neither the step nor the flow says, the connection may. */
static void ask_connections(struct belay_step_def *steps, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (steps[i].kind == BELAY_STEP_CALL && !steps[i].u.call.retry
            && steps[i].u.call.call.connection)
            steps[i].u.call.retry = steps[i].u.call.call.connection->retry;
}

static void take_steps(struct config *c, struct flow_raw *raw)
{
    struct steps s;
    if (!steps_init(&s, c))
        return;
    uint16_t first = steps_list(&s, raw->steps);
    if (raw->reply) {
        uint32_t before = s.count;
        uint16_t reply = steps_add(&s, BELAY_STEP_REPLY, raw->reply);
        if (reply != STEP_PENDING) {
            s.count = before; /* the steps before it */
            steps_patch(&s, 0, reply);
            s.count = before + 1;
            first = first == STEP_PENDING ? reply : first;
        }
    }
    steps_patch(&s, 0, BELAY_STEP_END);
    raw->def.first = first == STEP_PENDING ? BELAY_STEP_END : first;
    take_rules(&s, raw->on_error, &raw->def);
    steps_name(&s);
    struct belay_step_def *kept = CONFIG_ARRAY(c, struct belay_step_def, s.count);
    if (!kept)
        return;
    if (s.count)
        memcpy(kept, s.items, s.count * sizeof *kept);
    if (!raw->retry)
        ask_connections(kept, s.count);
    raw->def.steps = kept;
    raw->def.step_count = s.count;
    for (uint32_t i = 0; i < s.count; i++) {
        raw->def.has_calls = raw->def.has_calls || kept[i].kind == BELAY_STEP_CALL;
        raw->def.replies = raw->def.replies || kept[i].kind == BELAY_STEP_REPLY;
        raw->def.writes = raw->def.writes || kept[i].kind == BELAY_STEP_PUBLISH;
    }
}

static void finish_flow(struct config *c, const struct config_node *node, void *target)
{
    struct flow_raw *raw = target;
    if (raw->from)
        config_source(c, raw->from, &raw->def.from);
    config_retry(c, raw->retry, &BELAY_RETRY_DEFAULT, &raw->def.retry);
    if (!config_get(node, "lanes"))
        default_lanes(c, node, &raw->def.lanes);
    c->sees = config_sees_flow;
    raw->def.writes = raw->def.idempotency.key != NULL;
    take_steps(c, raw);
}

const struct config_kind config_kind_flow = {
    "flow",
    "A source, steps, a reply and error rules.",
    flow_keys,
    sizeof(struct flow_raw),
    .finish = finish_flow,
};

void config_flow(struct config *c, const struct config_link *m, struct belay_flow_def *to)
{
    struct flow_raw raw = { 0 };
    config_check_name(c, m->key, "flow");
    c->sees = config_sees_message;
    c->results = NULL;
    config_parse(c, &config_kind_flow, m->value, &raw);
    c->sees = NULL;
    *to = raw.def;
    to->name = config_keep(c, m->key->text);
    to->place = config_keep_place(c, m->key);
    config_keep_text(c, "flow", m, &to->text, &to->hash);
}
