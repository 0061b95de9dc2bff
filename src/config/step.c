/* One step: a mapping with exactly one verb. */
#include "config/steps.h"
#include "config/verb.h"

struct step_raw {
    struct belay_str name, as;
    const struct config_node *verbs[BELAY_STEP_DEAD_LETTER + 1];
    const struct config_node *discard; /* a filter that nothing passes */
    const struct config_node *resolve, *retry;
};

static void take_call_policy(struct config *c, const struct step_raw *raw,
                             struct belay_step_def *to)
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
      .with = "steps", .purpose = CONFIG_CONDITION, CONFIG_FIELD(struct branch_raw, when) },
    { "steps", CONFIG_LIST_NODE, "What the branch does.", .one_of = 1, .with = "when",
      CONFIG_FIELD(struct branch_raw, steps), .kind = &config_kind_step },
    { "otherwise", CONFIG_LIST_NODE, "The steps where no branch was taken; the last of the list.",
      .one_of = 1, CONFIG_FIELD(struct branch_raw, otherwise), .kind = &config_kind_step },
    { 0 },
};
static const struct config_kind kind_branch = {
    "branch",
    "One way of a choice.",
    branch_keys,
    sizeof(struct branch_raw),
    .groups_needed = 1u << 1,
};

static void take_branch(struct steps *s, const struct config_link *link,
                        struct belay_choice_def *to)
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

/* ---- filter, discard ---- */

/* With `else` it is a choice: the others take its steps, which end the flow. */
static void take_else(struct steps *s, const struct filter_raw *raw, struct belay_step_def *to)
{
    struct belay_choice_def *choices = CONFIG_ARRAY(s->c, struct belay_choice_def, 2);
    if (!choices)
        return;
    to->kind = BELAY_STEP_CHOOSE;
    to->u.choose.choices = choices;
    to->u.choose.count = 2;
    uint32_t before = s->count;
    uint16_t first = steps_list(s, raw->otherwise);
    steps_patch(s, before, BELAY_STEP_END);
    choices[0] = (struct belay_choice_def){ raw->when, STEP_PENDING };
    choices[1] = (struct belay_choice_def){ NULL, first == STEP_PENDING ? BELAY_STEP_END : first };
    s->choices[to - s->items] = choices;
}

static void take_filter(struct steps *s, const struct config_node *node, struct belay_step_def *to)
{
    struct filter_raw raw = { 0 };
    config_parse(s->c, &config_kind_filter, node, &raw);
    if (raw.otherwise && raw.otherwise->kind == CONFIG_LIST && !raw.otherwise->count)
        config_suggest(s->c->problems,
                       config_error(s->c->problems, config_place(raw.otherwise), "vanishes",
                                    "the messages that do not pass would just vanish"),
                       "say what is done with them, or why they go: discard: { reason: ... }");
    if (raw.otherwise) {
        take_else(s, &raw, to);
        return;
    }
    to->u.filter.when = raw.when;
    to->u.filter.reason = raw.reason.n ? raw.reason : raw.discard.reason;
}

static void take_discard(struct config *c, const struct config_node *node, struct belay_step_def *to)
{
    struct discard_raw raw = { 0 };
    config_parse(c, &config_kind_discard, node, &raw);
    to->u.filter.reason = raw.reason;
    to->next = BELAY_STEP_END;
}

/* ---- the step ---- */

#define VERB(kind_) CONFIG_FIELD(struct step_raw, verbs[kind_]), .one_of = 1

static const struct config_key step_keys[] = {
    { "name", CONFIG_NAME,
      "How the step is called in histories; without it `as`, else kind and number.",
      CONFIG_FIELD(struct step_raw, name) },
    { "as", CONFIG_VARIABLE, "Variable that holds the step's result for later steps.",
      CONFIG_FIELD(struct step_raw, as) },
    { "validate", CONFIG_SUB_NODE, "Check the body against a JSON Schema.",
      .kind = &config_kind_validate, VERB(BELAY_STEP_VALIDATE) },
    { "map", CONFIG_VALUE_NODE,
      "Make a new body: an expression's value. Only map changes the body.", VERB(BELAY_STEP_MAP) },
    { "filter", CONFIG_SUB_NODE, "Go on only with messages that are wanted.",
      .kind = &config_kind_filter, VERB(BELAY_STEP_FILTER) },
    { "choose", CONFIG_LIST_NODE, "Take the first branch that fits.", .kind = &kind_branch,
      VERB(BELAY_STEP_CHOOSE) },
    { "set", CONFIG_VALUES_NODE, "Set variables ($vars.name) from expressions.",
      VERB(BELAY_STEP_SET) },
    { "publish", CONFIG_SUB_NODE, "Send a new message to a topic or queue.",
      .kind = &config_kind_publish, VERB(BELAY_STEP_PUBLISH) },
    { "call", CONFIG_SUB_NODE, "Call an outside system.", .kind = &config_kind_call,
      VERB(BELAY_STEP_CALL) },
    { "log", CONFIG_SUB_NODE, "Write a line to the log.", .kind = &config_kind_log,
      VERB(BELAY_STEP_LOG) },
    { "reply", CONFIG_SUB_NODE, "Answer the API's caller; ends the flow.",
      .kind = &config_kind_reply, VERB(BELAY_STEP_REPLY) },
    { "dead_letter", CONFIG_SUB_NODE, "Give the message up to a person; ends the flow.",
      .kind = &config_kind_dead_letter, VERB(BELAY_STEP_DEAD_LETTER) },
    { "discard", CONFIG_SUB_NODE, "End the message on purpose, with a reason; ends the flow.",
      .kind = &config_kind_discard, CONFIG_FIELD(struct step_raw, discard), .one_of = 1 },
    { "resolve", CONFIG_SUB_NODE,
      "Call that tells, where a call's outcome is unknown, whether it was done.", .with = "call",
      .kind = &config_kind_call, CONFIG_FIELD(struct step_raw, resolve) },
    { "retry", CONFIG_SUB_NODE, "How this call is retried; without it as the flow says.",
      .with = "call", .kind = &config_kind_retry, CONFIG_FIELD(struct step_raw, retry) },
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
    "step",
    "One step of a flow: exactly one verb.",
    step_keys,
    sizeof(struct step_raw),
    .groups_needed = 1u << 1,
};

static void (*const verbs[])(struct config *c, const struct config_node *node,
                             struct belay_step_def *to)
    = {
          [BELAY_STEP_VALIDATE] = verb_validate,
          [BELAY_STEP_MAP] = verb_map,
          [BELAY_STEP_SET] = verb_set,
          [BELAY_STEP_PUBLISH] = verb_publish,
          [BELAY_STEP_CALL] = verb_call,
          [BELAY_STEP_LOG] = verb_log,
          [BELAY_STEP_REPLY] = verb_reply,
          [BELAY_STEP_DEAD_LETTER] = verb_dead_letter,
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
    *s = (struct steps){ .c = c,
                         .items = c->steps_room->items,
                         .choices = c->steps_room->choices,
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

static void take_verb(struct steps *s, const struct config_node *node, struct belay_step_def *to)
{
    if (to->kind == BELAY_STEP_CHOOSE)
        take_choose(s, node, to);
    else if (to->kind == BELAY_STEP_FILTER)
        take_filter(s, node, to);
    else
        verbs[to->kind](s->c, node, to);
}

uint16_t steps_add(struct steps *s, enum belay_step_kind kind, const struct config_node *node)
{
    struct belay_step_def *to = step_new(s, node);
    if (!to)
        return STEP_PENDING;
    to->kind = kind;
    s->per_kind[kind]++;
    take_verb(s, node, to);
    return (uint16_t)(to - s->items);
}

static uint16_t take_step(struct steps *s, const struct config_node *node)
{
    struct step_raw raw = { 0 };
    config_parse(s->c, &config_kind_step, node, &raw);
    enum belay_step_kind kind = 0;
    while (kind <= BELAY_STEP_DEAD_LETTER && !raw.verbs[kind])
        kind++;
    if (raw.discard)
        kind = BELAY_STEP_FILTER;
    struct belay_step_def *to = kind <= BELAY_STEP_DEAD_LETTER ? step_new(s, node) : NULL;
    if (!to)
        return STEP_PENDING;
    to->kind = kind;
    to->name = raw.name.n ? raw.name : raw.as;
    to->as = raw.as;
    s->per_kind[kind]++;
    if (!to->name.n) {
        to->name = belay_arena_printf(s->c->arena, "%s-%u", raw.discard ? "discard" : verb_names[kind],
                                      s->per_kind[kind]);
        if (!to->name.p)
            config_no_memory(s->c);
    }
    s->name_nodes[to - s->items] = node;
    if (raw.discard)
        take_discard(s->c, raw.discard, to);
    else
        take_verb(s, raw.verbs[kind], to);
    if (kind == BELAY_STEP_CALL)
        take_call_policy(s->c, &raw, to);
    if (raw.as.n)
        config_add_result(s->c, raw.as);
    return (uint16_t)(to - s->items);
}

static bool ends(const struct belay_step_def *step)
{
    return step->kind == BELAY_STEP_REPLY || step->kind == BELAY_STEP_DEAD_LETTER
           || (step->kind == BELAY_STEP_FILTER && !step->u.filter.when && step->next == BELAY_STEP_END);
}

static void warn_unreachable(struct steps *s, const struct belay_step_def *end,
                             const struct config_node *after)
{
    config_warning(s->c->problems, config_place(after), "unreachable",
                   "never reached: '%s' before it ends the flow",
                   end->kind == BELAY_STEP_FILTER ? "discard" : verb_names[end->kind]);
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
    struct belay_problem *p
        = config_error(s->c->problems, place, "duplicate-name", "two steps are called '%.*s'",
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
