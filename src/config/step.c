/* One step: a mapping with exactly one verb. */
#include "config/scalar.h"
#include "config/steps.h"

struct step_raw {
    struct belay_str name, as;
    const struct config_node *name_node;
    const struct config_node *verbs[BELAY_STEP_DEAD_LETTER + 1];
    const struct config_node *resolve, *retry;
};

/* ---- validate ---- */

struct validate_raw {
    const struct config_node *schema;
};
static const struct config_key validate_keys[] = {
    { "schema", CONFIG_ANY_NODE, .shape = "path of a file, or a schema", .help =
      "The JSON Schema (2020-12): a file's path, or the schema itself as a mapping. What does not match "
      "is the error VALIDATION:SCHEMA.", .required = true, CONFIG_FIELD(struct validate_raw, schema) },
    { 0 },
};
static const struct config_kind kind_validate = { "validate", "Checks the body.", validate_keys,
                                                  sizeof(struct validate_raw), .short_key = NULL };

/* A file's schema becomes part of the definition's text: it must not change under waiting work. */
static void swap_schema(struct config *c, const struct config_node *node, struct belay_str json)
{
    struct config_swap *swap = config_scratch(c, sizeof *swap);
    if (swap) {
        *swap = (struct config_swap){ node, json, c->swaps };
        c->swaps = swap;
    }
}

static const belay_json *schema_tape(struct config *c, const struct config_node *node,
                                     const struct config_node *tree)
{
    struct belay_buf text;
    struct belay_err err = { 0 };
    const belay_json *root = NULL;
    belay_buf_init(&text, BELAY_CONFIG_FILE_BYTES_MAX);
    config_node_write(&text, tree, NULL);
    int status = belay_buf_status(&text);
    struct belay_str kept = status ? BELAY_STR_NONE : config_keep(c, belay_buf_view(&text));
    if (kept.p)
        status = belay_json_parse(kept, NULL, c->arena, &root, NULL, &err);
    belay_buf_deinit(&text);
    if (status == BELAY_NOMEM)
        config_no_memory(c);
    else if (status)
        config_error(c->problems, config_place(node), "schema", "the schema cannot be used: %s",
                     err.msg[0] ? err.msg : belay_status_text(status));
    if (root && tree != node)
        swap_schema(c, node, kept);
    return root;
}

static const struct belay_schema *compile_schema(struct config *c, const struct config_node *node,
                                                 const belay_json *root)
{
    struct belay_schema_opt opt = { .assert_formats = true };
    struct belay_err err = { 0 };
    struct config_owned *owned = CONFIG_NEW(c, struct config_owned);
    if (!owned)
        return NULL;
    int status = belay_schema_compile(root, root, &opt, &owned->schema, &err);
    if (status == BELAY_NOMEM) {
        config_no_memory(c);
        return NULL;
    }
    if (status) {
        config_error(c->problems, config_place(node), "schema", "%s", err.msg);
        return NULL;
    }
    owned->next = c->set->owned;
    c->set->owned = owned;
    return owned->schema;
}

static void take_validate(struct steps *s, const struct config_node *node, struct belay_step_def *to)
{
    struct config *c = s->c;
    struct validate_raw raw = { 0 };
    struct belay_str path;
    config_parse(c, &kind_validate, node, &raw);
    const struct config_node *tree = raw.schema;
    if (tree && tree->kind == CONFIG_SCALAR) {
        if (!config_text(c, tree, &path))
            return;
        path = config_resolve(c, tree->file, path);
        tree = path.p ? config_read_tree(c, path, raw.schema) : NULL;
    }
    const belay_json *root = tree ? schema_tape(c, raw.schema, tree) : NULL;
    if (root)
        to->u.validate.schema = compile_schema(c, raw.schema, root);
}

/* ---- map, filter, set, log, reply, dead_letter ---- */

static void take_map(struct steps *s, const struct config_node *node, struct belay_step_def *to)
{
    config_template(s->c, node, CONFIG_USE_VALUE, &to->u.map.value);
}

static const struct config_key filter_keys[] = {
    { "when", CONFIG_VALUE, "The message goes on where this is true; otherwise it is discarded.",
      .required = true, CONFIG_FIELD(struct belay_step_def, u.filter.when) },
    { "reason", CONFIG_STRING, "Why it is discarded: kept with it, so that no message just vanishes.",
      .required = true, CONFIG_FIELD(struct belay_step_def, u.filter.reason) },
    { 0 },
};
static const struct config_kind kind_filter = { "filter", "Discards messages that are not wanted.",
                                                filter_keys, sizeof(struct belay_step_def),
                                                .short_key = "when" };

static void take_filter(struct steps *s, const struct config_node *node, struct belay_step_def *to)
{
    config_parse(s->c, &kind_filter, node, to);
}

static const struct config_key set_table[] = {
    { "set", CONFIG_VALUES, "", CONFIG_COUNTED(struct belay_step_def, u.set.vars, u.set.count) },
    { 0 },
};

static void take_set(struct steps *s, const struct config_node *node, struct belay_step_def *to)
{
    config_templates(s->c, &set_table[0], node, to);
}

/* obs' levels; config does not use obs. */
static const struct config_word level_words[] = {
    { "debug", 0 }, { "info", 1 }, { "warn", 2 }, { "error", 3 }, { 0 }
};
struct log_raw {
    struct belay_step_def *to;
    const struct belay_template *message;
    const struct belay_named_template *fields;
    uint32_t field_count;
    int level;
};
static const struct config_key log_keys[] = {
    { "message", CONFIG_TEMPLATE, "What the line says.", .required = true,
      CONFIG_FIELD(struct log_raw, message) },
    { "level", CONFIG_WORD, "debug, info, warn or error.", .default_ = "info", .words = level_words,
      CONFIG_FIELD(struct log_raw, level) },
    { "fields", CONFIG_VALUES, "Further members of the line.",
      CONFIG_COUNTED(struct log_raw, fields, field_count) },
    { 0 },
};
static const struct config_kind kind_log = { "log", "Writes a line to the log when the flow completes.",
                                             log_keys, sizeof(struct log_raw), .short_key = "message" };

static void take_log(struct steps *s, const struct config_node *node, struct belay_step_def *to)
{
    struct log_raw raw = { 0 };
    config_parse(s->c, &kind_log, node, &raw);
    to->u.log.level = (uint8_t)raw.level;
    to->u.log.message = raw.message;
    to->u.log.fields = raw.fields;
    to->u.log.field_count = raw.field_count;
}

static const struct config_key reply_keys[] = {
    { "status", CONFIG_TEMPLATE, "HTTP status.", .default_ = "200",
      CONFIG_FIELD(struct belay_step_def, u.reply.status) },
    { "headers", CONFIG_TEMPLATES, "Headers of the answer.",
      CONFIG_COUNTED(struct belay_step_def, u.reply.headers, u.reply.header_count) },
    { "body", CONFIG_VALUE, "The answer's body; without it the body as it is, with null none.",
      CONFIG_FIELD(struct belay_step_def, u.reply.body) },
    { 0 },
};

static void finish_reply(struct config *c, const struct config_node *node, void *target)
{
    struct belay_step_def *to = target;
    const struct config_node *status = config_get(node, "status"), *body = config_get(node, "body");
    struct belay_str text = status ? config_literal(c, status) : BELAY_STR_NONE;
    int64_t number = 0;
    if (text.p && (!config_int(text, &number) || number < 200 || number > 599))
        config_error(c->problems, config_place(status), "type",
                     "an HTTP status from 200 to 599 is wanted here, not '%.*s'", BELAY_STR_ARG(status->text));
    bool none = number == 204 || number == 304 || (body && config_is_null(body));
    to->u.reply.body_none = none;
    if (none)
        to->u.reply.body = NULL;
}

static const struct config_kind kind_reply = { "reply", "Answers the API's caller and ends the flow.",
                                               reply_keys, sizeof(struct belay_step_def),
                                               .finish = finish_reply };

static void take_reply(struct steps *s, const struct config_node *node, struct belay_step_def *to)
{
    config_parse(s->c, &kind_reply, node, to);
    to->next = BELAY_STEP_END;
}

static const struct config_key dead_letter_keys[] = {
    { "reason", CONFIG_TEMPLATE, "Why, for whoever works through the letters.",
      CONFIG_FIELD(struct belay_step_def, u.dead_letter.reason) },
    { "skip", CONFIG_BOOL, "Let the key's later messages pass, whatever on_exhausted says.",
      .default_ = "false", CONFIG_FIELD(struct belay_step_def, u.dead_letter.skip) },
    { 0 },
};
static const struct config_kind kind_dead_letter = {
    "dead_letter", "Makes the message a letter in the dead-letter queue and ends the flow.",
    dead_letter_keys, sizeof(struct belay_step_def), .short_key = "reason",
};

static void take_dead_letter(struct steps *s, const struct config_node *node, struct belay_step_def *to)
{
    config_parse(s->c, &kind_dead_letter, node, to);
    to->next = BELAY_STEP_END;
}

/* ---- publish, call ---- */

static void take_publish(struct steps *s, const struct config_node *node, struct belay_step_def *to)
{
    config_publish(s->c, node, &to->u.publish);
}

static void take_call(struct steps *s, const struct config_node *node, struct belay_step_def *to)
{
    const struct belay_call_def *call = config_call(s->c, node);
    if (call)
        to->u.call.call = *call;
}

static void take_call_policy(struct config *c, const struct step_raw *raw, struct belay_step_def *to)
{
    if (raw->resolve)
        to->u.call.resolve = config_call(c, raw->resolve);
    if (!raw->retry)
        return;
    struct belay_retry_def *retry = CONFIG_NEW(c, struct belay_retry_def);
    if (retry) {
        config_retry(c, raw->retry, &BELAY_RETRY_DEFAULT, retry);
        to->u.call.retry = retry;
    }
}

/* ---- choose ---- */

struct branch_raw {
    const struct belay_template *when;
    const struct config_node *steps, *otherwise;
};
static const struct config_key branch_keys[] = {
    { "when", CONFIG_VALUE, "The branch is taken where this is true and no earlier one was.",
      .with = "steps", CONFIG_FIELD(struct branch_raw, when) },
    { "steps", CONFIG_LIST_NODE, "What the branch does.", .one_of = 1, .with = "when",
      CONFIG_FIELD(struct branch_raw, steps), .kind = &config_kind_step },
    { "otherwise", CONFIG_LIST_NODE, "The steps where no branch was taken; the last of the list.",
      .one_of = 1, CONFIG_FIELD(struct branch_raw, otherwise), .kind = &config_kind_step },
    { 0 },
};
static const struct config_kind kind_branch = {
    "branch", "One way of a choice.", branch_keys, sizeof(struct branch_raw), .groups_needed = 1u << 1,
};

static void take_branch(struct steps *s, const struct config_link *link, struct belay_choice_def *to)
{
    struct branch_raw raw = { 0 };
    config_parse(s->c, &kind_branch, link->value, &raw);
    if (raw.otherwise && link->next)
        config_error(s->c->problems, config_place(link->value), "unreachable",
                     "'otherwise' is the last branch: those after it are never taken");
    to->when = raw.when;
    to->first = steps_list(s, raw.otherwise ? raw.otherwise : raw.steps);
}

static void take_choose(struct steps *s, const struct config_node *node, struct belay_step_def *to)
{
    if (!config_is_list(s->c, node, "branches"))
        return;
    struct belay_choice_def *choices = CONFIG_ARRAY(s->c, struct belay_choice_def, node->count);
    if (!choices)
        return;
    to->u.choose.choices = choices;
    s->choices[to - s->items] = choices;
    for (const struct config_link *link = node->first; link; link = link->next)
        take_branch(s, link, &choices[to->u.choose.count++]);
}

/* ---- the step ---- */

#define VERB(kind_) CONFIG_FIELD(struct step_raw, verbs[kind_]), .one_of = 1

static const struct config_key step_keys[] = {
    { "name", CONFIG_NAME, "How the step is called in histories; without it `as`, else kind and number.",
      CONFIG_FIELD(struct step_raw, name) },
    { "as", CONFIG_VARIABLE, "Variable that holds the step's result for later steps.",
      CONFIG_FIELD(struct step_raw, as) },
    { "validate", CONFIG_SUB_NODE, "Check the body against a JSON Schema.", .kind = &kind_validate,
      VERB(BELAY_STEP_VALIDATE) },
    { "map", CONFIG_VALUE_NODE, "Make a new body: an expression's value. Only map changes the body.",
      VERB(BELAY_STEP_MAP) },
    { "filter", CONFIG_SUB_NODE, "Go on only with messages that are wanted.", .kind = &kind_filter,
      VERB(BELAY_STEP_FILTER) },
    { "choose", CONFIG_LIST_NODE, "Take the first branch that fits.", .kind = &kind_branch,
      VERB(BELAY_STEP_CHOOSE) },
    { "set", CONFIG_VALUES_NODE, "Set variables ($vars.name) from expressions.", VERB(BELAY_STEP_SET) },
    { "publish", CONFIG_SUB_NODE, "Send a new message to a topic or queue.", .kind = &config_kind_publish,
      VERB(BELAY_STEP_PUBLISH) },
    { "call", CONFIG_SUB_NODE, "Call an outside system.", .kind = &config_kind_call, VERB(BELAY_STEP_CALL) },
    { "log", CONFIG_SUB_NODE, "Write a line to the log.", .kind = &kind_log, VERB(BELAY_STEP_LOG) },
    { "reply", CONFIG_SUB_NODE, "Answer the API's caller; ends the flow.", .kind = &kind_reply,
      VERB(BELAY_STEP_REPLY) },
    { "dead_letter", CONFIG_SUB_NODE, "Give the message up to a person; ends the flow.",
      .kind = &kind_dead_letter, VERB(BELAY_STEP_DEAD_LETTER) },
    { "resolve", CONFIG_SUB_NODE, "Call that tells, where a call's outcome is unknown, whether it was done.",
      .with = "call", .kind = &config_kind_call, CONFIG_FIELD(struct step_raw, resolve) },
    { "retry", CONFIG_SUB_NODE, "How this call is retried; without it as the flow says.", .with = "call",
      .kind = &config_kind_retry, CONFIG_FIELD(struct step_raw, retry) },
    { "split", CONFIG_RESERVED, .help = "" },
    { "parallel", CONFIG_RESERVED, .help = "" },
    { "aggregate", CONFIG_RESERVED, .help = "" },
    { "request", CONFIG_RESERVED, .help = "" },
    { "wait", CONFIG_RESERVED, .help = "" },
    { "claim_check", CONFIG_RESERVED, .help = "" },
    { "throttle", CONFIG_RESERVED, .help = "" },
    { "batch", CONFIG_RESERVED, .help = "" },
    { "run", CONFIG_RESERVED, .help = "" },
    { 0 },
};

const struct config_kind config_kind_step = {
    "step", "One step of a flow: exactly one verb.", step_keys, sizeof(struct step_raw),
    .groups_needed = 1u << 1,
};

static void (*const takers[])(struct steps *s, const struct config_node *node, struct belay_step_def *to) = {
    [BELAY_STEP_VALIDATE] = take_validate, [BELAY_STEP_MAP] = take_map,
    [BELAY_STEP_FILTER] = take_filter,     [BELAY_STEP_CHOOSE] = take_choose,
    [BELAY_STEP_SET] = take_set,           [BELAY_STEP_PUBLISH] = take_publish,
    [BELAY_STEP_CALL] = take_call,         [BELAY_STEP_LOG] = take_log,
    [BELAY_STEP_REPLY] = take_reply,       [BELAY_STEP_DEAD_LETTER] = take_dead_letter,
};
static const char *const verb_names[] = {
    [BELAY_STEP_VALIDATE] = "validate", [BELAY_STEP_MAP] = "map",
    [BELAY_STEP_FILTER] = "filter",     [BELAY_STEP_CHOOSE] = "choose",
    [BELAY_STEP_SET] = "set",           [BELAY_STEP_PUBLISH] = "publish",
    [BELAY_STEP_CALL] = "call",         [BELAY_STEP_LOG] = "log",
    [BELAY_STEP_REPLY] = "reply",       [BELAY_STEP_DEAD_LETTER] = "dead_letter",
};

bool steps_init(struct steps *s, struct config *c)
{
    if (!c->steps_room)
        c->steps_room = config_scratch(c, sizeof *c->steps_room);
    if (!c->steps_room)
        return false;
    memset(c->steps_room, 0, sizeof *c->steps_room);
    *s = (struct steps){ .c = c, .items = c->steps_room->items, .choices = c->steps_room->choices,
                         .name_nodes = c->steps_room->name_nodes };
    return true;
}

/* The next free step, or NULL where there are too many. */
static struct belay_step_def *step_new(struct steps *s, const struct config_node *node)
{
    if (s->count == BELAY_FLOW_STEPS_MAX) {
        if (!s->full)
            config_error(s->c->problems, config_place(node), "limit", "a flow has at most %d steps",
                         BELAY_FLOW_STEPS_MAX);
        s->full = true;
        return NULL;
    }
    struct belay_step_def *to = &s->items[s->count++];
    to->next = STEP_PENDING;
    to->place = config_keep_place(s->c, node);
    return to;
}

uint16_t steps_add(struct steps *s, enum belay_step_kind kind, const struct config_node *node)
{
    struct belay_step_def *to = step_new(s, node);
    if (!to)
        return STEP_PENDING;
    to->kind = kind;
    s->per_kind[kind]++;
    takers[kind](s, node, to);
    return (uint16_t)(to - s->items);
}

static uint16_t take_step(struct steps *s, const struct config_node *node)
{
    struct step_raw raw = { 0 };
    config_parse(s->c, &config_kind_step, node, &raw);
    enum belay_step_kind kind = 0;
    while (kind <= BELAY_STEP_DEAD_LETTER && !raw.verbs[kind])
        kind++;
    struct belay_step_def *to = kind <= BELAY_STEP_DEAD_LETTER ? step_new(s, node) : NULL;
    if (!to)
        return STEP_PENDING;
    to->kind = kind;
    to->name = raw.name.n ? raw.name : raw.as;
    to->as = raw.as;
    s->per_kind[kind]++;
    if (!to->name.n) {
        to->name = belay_arena_printf(s->c->arena, "%s-%u", verb_names[kind], s->per_kind[kind]);
        if (!to->name.p)
            config_no_memory(s->c);
    }
    s->name_nodes[to - s->items] = node;
    takers[kind](s, raw.verbs[kind], to);
    if (kind == BELAY_STEP_CALL)
        take_call_policy(s->c, &raw, to);
    if (raw.as.n)
        config_add_result(s->c, raw.as);
    return (uint16_t)(to - s->items);
}

static bool ends(const struct belay_step_def *step)
{
    return step->kind == BELAY_STEP_REPLY || step->kind == BELAY_STEP_DEAD_LETTER;
}

static void warn_unreachable(struct steps *s, const struct belay_step_def *end,
                             const struct config_node *after)
{
    config_warning(s->c->problems, config_place(after), "unreachable",
                   "never reached: '%s' before it ends the flow", verb_names[end->kind]);
}

static void patch_range(struct steps *s, uint32_t from, uint32_t end, uint16_t to)
{
    for (uint32_t i = from; i < end; i++) {
        struct belay_step_def *step = &s->items[i];
        if (step->next == STEP_PENDING)
            step->next = to;
        for (uint32_t n = 0; s->choices[i] && n < step->u.choose.count; n++)
            if (s->choices[i][n].first == STEP_PENDING)
                s->choices[i][n].first = to;
    }
}

uint16_t steps_list(struct steps *s, const struct config_node *list)
{
    uint16_t first = STEP_PENDING;
    uint32_t before = s->count;
    if (!list || !config_is_list(s->c, list, "steps"))
        return first;
    for (const struct config_link *link = list->first; link; link = link->next) {
        uint32_t start = s->count;
        uint16_t index = take_step(s, link->value);
        if (index == STEP_PENDING)
            continue;
        if (first == STEP_PENDING)
            first = index;
        else
            patch_range(s, before, start, index);
        before = start;
        if (link->next && ends(&s->items[index]))
            warn_unreachable(s, &s->items[index], link->next->value);
    }
    return first;
}

void steps_patch(struct steps *s, uint32_t from, uint16_t to)
{
    patch_range(s, from, s->count, to);
}

static void report_twice(struct steps *s, uint32_t i, uint32_t first)
{
    const struct belay_step_def *step = &s->items[i];
    struct belay_place place = s->name_nodes[i] ? config_place(s->name_nodes[i]) : step->place;
    struct belay_problem *p =
        config_error(s->c->problems, place, "duplicate-name", "two steps are called '%.*s'",
                     BELAY_STR_ARG(step->name));
    config_suggest(s->c->problems, p, "the first is in line %u; give this one another name",
                   s->items[first].place.line);
}

void steps_name(struct steps *s)
{
    for (uint32_t i = 0; i < s->count; i++) {
        if (!s->items[i].name.n)
            s->items[i].name = belay_str_c(verb_names[s->items[i].kind]);
        for (uint32_t k = 0; k < i; k++) {
            if (belay_str_eq(s->items[i].name, s->items[k].name)) {
                report_twice(s, i, k);
                break;
            }
        }
    }
}
