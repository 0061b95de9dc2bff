/* What a connection lets through: concurrency, rate, retry_budget, breaker. */
#include "config/gate.h"

#include "config/scalar.h"

#define CONCURRENCY_DEFAULT 32
#define CONCURRENCY_MAX 65536
#define YEAR_S (365.0 * 86400)

void config_check_rate(struct config *c, const struct config_node *node, const struct belay_rate_def *def)
{
    if (def->per_second > 0 && def->burst / def->per_second > YEAR_S)
        config_error(c->problems, config_place(node), "range",
                     "a burst of %u at %g a second is back after more than a year: a smaller burst, or more a second",
                     def->burst, def->per_second);
}

static void finish_rate(struct config *c, const struct config_node *node, void *target)
{
    config_check_rate(c, node, target);
}

static const struct config_key rate_keys[] = {
    { "per_second", CONFIG_NUMBER, "Calls a second.", .required = true, .min = 0.001, .max = 1e6,
      CONFIG_FIELD(struct belay_rate_def, per_second) },
    { "burst", CONFIG_INT, "Calls that may come at once.", .default_ = "1", .min = 1,
      .max = 1000000, CONFIG_FIELD(struct belay_rate_def, burst) },
    { 0 },
};
const struct config_kind config_kind_rate = {
    "rate",    "How many calls a second; those beyond wait.",
    rate_keys, sizeof(struct belay_rate_def),
    .short_key = "per_second",
    .finish = finish_rate,
};

static const struct config_key budget_keys[] = {
    { "share", CONFIG_NUMBER,
      "Retries in proportion to first tries at most (0.2: one to five); 0: no bound.",
      .default_ = "0.2", .max = 1, CONFIG_FIELD(struct belay_budget_def, share) },
    { "floor", CONFIG_NUMBER, "Retries a second that are always allowed.", .default_ = "10",
      .min = 0.01, .max = 1e6, CONFIG_FIELD(struct belay_budget_def, floor) },
    { "window", CONFIG_DURATION, "Over which first tries are counted.", .default_ = "10s",
      .min = 100, .max = 3600000, CONFIG_FIELD(struct belay_budget_def, window_ms) },
    { "concurrency", CONFIG_NUMBER,
      "Share of the connection's slots that retries may hold, one slot at least.",
      .default_ = "0.25", .min = 0.001, .max = 1,
      CONFIG_FIELD(struct belay_budget_def, concurrency) },
    { 0 },
};
const struct config_kind config_kind_budget = {
    "retry-budget",
    "How many retries an outside system is asked to bear; those beyond wait and use up no attempt.",
    budget_keys,
    sizeof(struct belay_budget_def),
    .short_key = "share",
};

static void finish_breaker(struct config *c, const struct config_node *node, void *target)
{
    struct belay_breaker_def *def = target;
    if (def->open_max_ms < def->open_ms && config_get(node, "open_max"))
        config_error(c->problems, config_place(config_get(node, "open_max")), "range",
                     "'open_max' must not be shorter than 'open'");
    else if (def->open_max_ms < def->open_ms)
        def->open_max_ms = def->open_ms;
}

static const struct config_key breaker_keys[] = {
    { "enabled", CONFIG_BOOL, "Whether there is one.", .default_ = "true",
      CONFIG_FIELD(struct belay_breaker_def, enabled) },
    { "failure_rate", CONFIG_NUMBER, "Opens when this share of the calls failed; 0: never.",
      .default_ = "0.5", .max = 1, CONFIG_FIELD(struct belay_breaker_def, failure_rate) },
    { "slow_call", CONFIG_DURATION, "A call that takes longer is slow; 0: none is.",
      .default_ = "0", CONFIG_FIELD(struct belay_breaker_def, slow_ms) },
    { "slow_rate", CONFIG_NUMBER, "Opens when this share of the calls was slow; 0: never.",
      .default_ = "0.8", .max = 1, CONFIG_FIELD(struct belay_breaker_def, slow_rate) },
    { "min_calls", CONFIG_INT, "Calls of the window before it is judged.", .default_ = "20",
      .min = 1, .max = 1000000, CONFIG_FIELD(struct belay_breaker_def, calls_min) },
    { "window", CONFIG_DURATION, "Sliding window of calls that count.", .default_ = "10s",
      .min = 100, .max = 3600000, CONFIG_FIELD(struct belay_breaker_def, window_ms) },
    { "open", CONFIG_DURATION, "How long it is open before it probes.", .default_ = "5s",
      .min = 1, CONFIG_FIELD(struct belay_breaker_def, open_ms) },
    { "open_max", CONFIG_DURATION, "It stays open twice as long after each failed probe, up to this.",
      .default_ = "1m", .min = 1, CONFIG_FIELD(struct belay_breaker_def, open_max_ms) },
    { "probes", CONFIG_INT, "Calls that must succeed before it closes.", .default_ = "2",
      .min = 1, .max = 1000, CONFIG_FIELD(struct belay_breaker_def, probes) },
    { 0 },
};
const struct config_kind config_kind_breaker = {
    "breaker",
    "Stops calling a system that fails; while it is open messages wait and use up no attempt.",
    breaker_keys,
    sizeof(struct belay_breaker_def),
    .short_key = "enabled",
    .finish = finish_breaker,
};

const struct belay_gate_def config_gate_default = {
    .concurrency = CONCURRENCY_DEFAULT,
    .budget = { 0.2, 10, 10000, 0.25 },
    .breaker = { true, 0.5, 0.8, 0, 20, 10000, 5000, 60000, 2 },
};

void config_concurrency(struct config *c, const struct config_node *node, uint32_t max,
                        struct belay_gate_def *to)
{
    struct belay_str text;
    int64_t value;
    if (!node || node->kind != CONFIG_SCALAR || !config_text(c, node, &text)) {
        if (node && node->kind != CONFIG_SCALAR)
            config_error(c->problems, config_place(node), "type",
                         "a whole number or auto is wanted here, not %s", config_kind_text(node));
        return;
    }
    to->concurrency_auto = belay_str_eq(text, BELAY_STR("auto"));
    if (to->concurrency_auto)
        to->concurrency = max;
    else if (!config_int(text, &value))
        config_error(c->problems, config_place(node), "type",
                     "a whole number or auto is wanted here, not '%.*s'",
                     BELAY_STR_ARG(node->text));
    else if (value < 1 || value > CONCURRENCY_MAX)
        config_error(c->problems, config_place(node), "range",
                     "'concurrency' must be at least 1 and at most %d", CONCURRENCY_MAX);
    else
        to->concurrency = (uint32_t)value;
}
