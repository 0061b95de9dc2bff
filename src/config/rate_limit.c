/* An API's rate_limit: by name, so that answers, figures and the log can say which it was. */
#include "config/rate_limit.h"

#include "base/limits.h"
#include "config/gate.h"
#include "config/parts.h"

#define CALLERS_DEFAULT "10000"
#define CALLERS_MAX 1000000

struct limit_raw {
    struct belay_limit_def def;
    int by;
    const struct config_node *operations;
};

static const struct config_word by_words[] = { { "all", BELAY_LIMIT_BY_ALL }, { "caller", BELAY_LIMIT_BY_CALLER },
                                               { "address", BELAY_LIMIT_BY_ADDRESS }, { 0 } };

static const struct config_key limit_keys[] = {
    { "per_second", CONFIG_NUMBER, "Requests a second.", .required = true, .min = 0.0001, .max = 1e6,
      CONFIG_FIELD(struct limit_raw, def.rate.per_second) },
    { "burst", CONFIG_INT, "Requests that may come at once. Without it what comes in a second, at least one.", .min = 1,
      .max = 1000000, CONFIG_FIELD(struct limit_raw, def.rate.burst) },
    { "by", CONFIG_WORD,
      "Who shares it: all; each caller by himself (the key's or user's name, the token's subject, the certificate's; of others "
      "the address); each address (of IPv6 the first 64 bits), asked before credentials are looked at.",
      .default_ = "all", .words = by_words, CONFIG_FIELD(struct limit_raw, by) },
    { "operations", CONFIG_TEXTS_NODE, "Operations that it counts, together. Without it all of the API.",
      CONFIG_FIELD(struct limit_raw, operations) },
    { "callers_max", CONFIG_INT, "Callers that are told apart at once; beyond, some share, and none gets more than his share.",
      .default_ = CALLERS_DEFAULT, .min = 1, .max = CALLERS_MAX, CONFIG_FIELD(struct limit_raw, def.callers_max) },
    { 0 },
};

static void finish(struct config *c, const struct config_node *node, void *target)
{
    struct limit_raw *raw = target;
    struct belay_limit_def *def = &raw->def;
    double second = def->rate.per_second;
    def->by = (enum belay_limit_by)raw->by;
    if (!def->rate.burst && second > 0)
        def->rate.burst = (uint32_t)second + ((uint32_t)second < second);
    config_check_rate(c, node, &def->rate);
}

const struct config_kind config_kind_rate_limit = {
    "rate-limit",
    "How many requests a second are taken; those beyond are answered 429 with Retry-After.",
    limit_keys,
    sizeof(struct limit_raw),
    .short_key = "per_second",
    .finish = finish,
};

static void take_operations(struct config *c, const struct config_node *node, const struct belay_api_def *api,
                            struct belay_limit_def *def)
{
    if (!node || !config_texts(c, node, &def->operations, &def->operation_count))
        return;
    const struct config_link *link = node->kind == CONFIG_LIST ? node->first : NULL;
    for (uint32_t i = 0; i < def->operation_count; i++) {
        config_check_operation(c, api, link ? link->value : node, def->operations[i]);
        link = link ? link->next : NULL;
    }
    if (!def->operation_count)
        config_error(c->problems, config_place(node), "type", "no operation is named: leave 'operations' out for all of them");
}

void config_rate_limits(struct config *c, const struct config_node *node, struct belay_api_def *api)
{
    struct belay_limit_def *all = CONFIG_ARRAY(c, struct belay_limit_def, config_count(node) + 1);
    uint32_t count = 0;
    if (!all || node->kind != CONFIG_MAP)
        return;
    for (const struct config_link *m = node->first; m && !c->status; m = m->next) {
        struct limit_raw raw = { 0 };
        if (!config_check_name(c, m->key, "rate limit"))
            continue;
        if (count == BELAY_HTTP_LIMITS_MAX) {
            config_error(c->problems, config_place(m->key), "limit", "an API has at most %d rate limits", BELAY_HTTP_LIMITS_MAX);
            break;
        }
        config_parse(c, &config_kind_rate_limit, m->value, &raw);
        raw.def.name = config_keep(c, m->key->text);
        raw.def.place = config_keep_place(c, m->key);
        take_operations(c, raw.operations, api, &raw.def);
        if (raw.def.rate.per_second > 0)
            all[count++] = raw.def;
    }
    api->limits = all;
    api->limit_count = count;
}

void config_lint_rate_limits(struct config *c, const struct belay_api_def *api)
{
    for (uint32_t i = 0; i < api->limit_count && !api->security_count && !api->tls_client_ca.n; i++) {
        const struct belay_limit_def *def = &api->limits[i];
        if (def->by != BELAY_LIMIT_BY_CALLER)
            continue;
        struct belay_problem *p = config_warning(c->problems, def->place, "callers-unknown",
                                                 "nobody proves to '%.*s' who he is: '%.*s' tells callers apart by their addresses",
                                                 BELAY_STR_ARG(api->name), BELAY_STR_ARG(def->name));
        config_suggest(c->problems, p, "by: address says so; or give the API 'security'");
    }
}
