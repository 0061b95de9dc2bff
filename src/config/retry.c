/* retry and policies: how what failed is tried again.
 *
 *   policies: { careful: { max_attempts: 8, rules: [ { when: "HTTP:503", max: 5m } ] } }
 *   retry: careful                                    a named policy
 *   retry: { policy: careful, max_attempts: 3 }       one that is changed
 *   retry: { max_attempts: 3 }                        one of its own
 *
 * Policies are read before connections, and those before flows; a stored definition that is compiled again
 * finds the current ones, as it does connections. */
#include "config/grammar.h"
#include "config/parts.h"
#include "config/scalar.h"

struct retry_raw {
    struct belay_retry_def def; /* first: rules have nothing else */
    const struct config_node *policy, *rules;
};

struct rule_raw {
    struct belay_retry_def def;
    const struct config_node *when;
};

static const struct config_word jitter_words[] = { { "full", BELAY_JITTER_FULL },
                                                   { "equal", BELAY_JITTER_EQUAL },
                                                   { "decorrelated", BELAY_JITTER_DECORRELATED },
                                                   { "none", BELAY_JITTER_NONE },
                                                   { 0 } };

/* No defaults here: they depend on what is retried (BELAY_RETRY_DEFAULT, or the saga's). */
#define SCHEDULE_KEYS                                                                              \
    { "max_attempts", CONFIG_INT,                                                                  \
      "Tries at most, the first one included (5; of a compensation 10).", .min = 1,                \
      .max = 1000000, CONFIG_FIELD(struct belay_retry_def, max_attempts) },                        \
        { "max_elapsed", CONFIG_DURATION,                                                          \
          "Time since the first try at most; 0 (as without it): no bound.",                        \
          CONFIG_FIELD(struct belay_retry_def, max_elapsed_ms) },                                  \
        { "initial", CONFIG_DURATION, "Delay after the first try (200ms).", .min = 1,              \
          CONFIG_FIELD(struct belay_retry_def, initial_ms) },                                      \
        { "multiplier", CONFIG_NUMBER,                                                             \
          "By which each delay is longer than the one before (2).", .min = 1, .max = 100,          \
          CONFIG_FIELD(struct belay_retry_def, multiplier) },                                      \
        { "max", CONFIG_DURATION, "Longest delay (30s; of a compensation 5m).", .min = 1,          \
          CONFIG_FIELD(struct belay_retry_def, max_ms) },                                          \
        { "jitter", CONFIG_WORD,                                                                   \
          "How delays are spread, so that retries do not come in waves (full).",                   \
          CONFIG_FIELD(struct belay_retry_def, jitter), .words = jitter_words },                   \
    {                                                                                              \
        "respect_retry_after", CONFIG_BOOL, "Wait at least as long as a Retry-After says (true).", \
            CONFIG_FIELD(struct belay_retry_def, respect_retry_after)                              \
    }

#define POLICY_KEYS                                                                                \
    SCHEDULE_KEYS,                                                                                 \
        { "immediate", CONFIG_INT,                                                                 \
          "Tries made at once after the first one fails, before the delays begin and besides "     \
          "max_attempts; none after a Retry-After (0).",                                           \
          .max = 10, CONFIG_FIELD(struct belay_retry_def, immediate) },                            \
    {                                                                                              \
        "rules", CONFIG_LIST_NODE, "Schedules of certain errors, the first that fits is taken.",   \
            CONFIG_FIELD(struct retry_raw, rules), .kind = &kind_rule                              \
    }

static void finish_schedule(struct config *c, const struct config_node *node, void *target)
{
    struct belay_retry_def *def = target;
    const struct config_node *max = config_get(node, "max"), *initial = config_get(node, "initial");
    if (def->max_ms >= def->initial_ms)
        return;
    if (max)
        config_error(c->problems, config_place(max), "range",
                     "'max' must not be shorter than 'initial'");
    else if (initial)
        def->max_ms = def->initial_ms;
}

/* ---- rules ---- */

static const struct config_key rule_keys[] = {
    { "when", CONFIG_TEXTS_NODE,
      "Errors it is for, one or a list: HTTP:TIMEOUT, \"HTTP:503\", \"KAFKA:*\", class:transient.",
      .required = true, CONFIG_FIELD(struct rule_raw, when) },
    SCHEDULE_KEYS,
    { 0 },
};
static const struct config_kind kind_rule = {
    "retry-rule",
    "How certain errors are retried. What it does not say is as its policy says.",
    rule_keys,
    sizeof(struct rule_raw),
    .finish = finish_schedule,
};

static void take_rules(struct config *c, const struct config_node *list, struct belay_retry_def *to)
{
    if (!config_is_list(c, list, "rules"))
        return;
    struct belay_retry_rule *rules = CONFIG_ARRAY(c, struct belay_retry_rule, list->count);
    uint32_t count = 0;
    for (const struct config_link *link = list->first; rules && link; link = link->next) {
        struct rule_raw raw = { .def = *to };
        struct belay_retry_rule *rule = &rules[count];
        raw.def.rules = NULL;
        raw.def.rule_count = 0;
        config_parse(c, &kind_rule, link->value, &raw);
        rule->def = raw.def;
        if (!raw.when || !config_texts(c, raw.when, &rule->when, &rule->when_count))
            continue;
        config_check_patterns(c, raw.when, link->next != NULL);
        count++;
    }
    to->rules = rules;
    to->rule_count = count;
}

static void finish_retry(struct config *c, const struct config_node *node, void *target)
{
    struct retry_raw *raw = target;
    finish_schedule(c, node, &raw->def);
    if (raw->rules)
        take_rules(c, raw->rules, &raw->def);
}

/* ---- policies ---- */

static const struct config_key policy_keys[] = { POLICY_KEYS, { 0 } };
const struct config_kind config_kind_policy = {
    "policy",
    "How failed attempts are repeated, by a name that connections, flows and steps use.",
    policy_keys,
    sizeof(struct retry_raw),
    .finish = finish_retry,
};

void config_policy(struct config *c, const struct config_link *m, struct belay_policy_def *to)
{
    struct retry_raw raw = { .def = BELAY_RETRY_DEFAULT };
    config_check_name(c, m->key, "policy");
    config_parse(c, &config_kind_policy, m->value, &raw);
    to->name = config_keep(c, m->key->text);
    to->place = config_keep_place(c, m->key);
    to->retry = raw.def;
}

static const struct belay_policy_def *find_policy(struct config *c, const struct config_node *node)
{
    struct belay_str text;
    if (!config_text(c, node, &text))
        return NULL;
    const struct belay_policy_def *policy = belay_definitions_policy(c->scope, text);
    if (policy || c->incomplete || c->stored) /* stored: as the default, where it is gone */
        return policy;
    struct config_guess g = config_guess(text);
    for (uint32_t i = 0; i < c->scope->policy_count; i++)
        config_guess_name(&g, c->scope->policies[i].name);
    struct belay_problem *p
        = config_error(c->problems, config_place(node), "unknown-policy",
                       "there is no policy '%.*s'", BELAY_STR_ARG(node->text));
    if (g.best.n)
        config_suggest_guess(c->problems, p, &g);
    else
        config_suggest(c->problems, p, "add it: policies: { %.*s: { max_attempts: 8 } }",
                       BELAY_STR_ARG(node->text));
    return NULL;
}

/* ---- retry ---- */

static const struct config_key retry_keys[] = {
    { "policy", CONFIG_TEXT_NODE, .shape = "name",
      .help = "Name of a policy; what is said beside it is instead of what the policy says.",
      CONFIG_FIELD(struct retry_raw, policy) },
    POLICY_KEYS,
    { 0 },
};
const struct config_kind config_kind_retry = {
    "retry",
    "When a failed attempt is made again. Delays grow exponentially.",
    retry_keys,
    sizeof(struct retry_raw),
    .short_key = "policy",
    .finish = finish_retry,
};

bool config_retry(struct config *c, const struct config_node *node,
                  const struct belay_retry_def *default_, struct belay_retry_def *to)
{
    struct retry_raw raw = { .def = *default_ };
    if (node && !config_is_null(node)) {
        const struct config_node *name
            = node->kind == CONFIG_SCALAR ? node : config_get(node, "policy");
        const struct belay_policy_def *policy
            = name && name->kind == CONFIG_SCALAR ? find_policy(c, name) : NULL;
        if (policy)
            raw.def = policy->retry;
        config_parse(c, &config_kind_retry, node, &raw);
    }
    *to = raw.def;
    return node;
}
