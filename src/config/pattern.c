/* What on_error's `when` may say (belay_fault_matches). */
#include <string.h>

#include "config/parts.h"
#include "connector/registry.h"

static const char *const own_namespaces[]
    = { "VALIDATION", "EXPRESSION", "SAGA", "FLOW", "CONNECTOR", "BROKER", "TOPIC", NULL };
static const char *const class_names[]
    = { "class:transient", "class:permanent", "class:fatal", "class:unknown_outcome", NULL };

static bool one_of(const char *const *names, struct belay_str text, struct config_guess *g)
{
    for (; *names; names++) {
        if (belay_str_eq(belay_str_c(*names), text))
            return true;
        config_guess_name(g, belay_str_c(*names));
    }
    return false;
}

static void guess_error(struct config_guess *g, struct belay_str name)
{
    config_guess_name(g, name);
    if (!g->best.n && belay_str_starts(name, g->wrong)) /* HTTP:SERVER */
        g->best = name;
}

/* A connector's, beside the statuses of its answers; of one that does not list them any will do. */
static bool known_to_connector(const struct belay_connector *connector, struct belay_str name, struct config_guess *g)
{
    uint64_t status;
    bool of_any = belay_str_eq(name, BELAY_STR("*")) || belay_str_eq(name, BELAY_STR("INVALID_BODY")); /* found by the flow */
    if (!connector->errors || !name.p || of_any || belay_str_to_u64(name, &status))
        return true;
    for (const char *const *at = connector->errors; *at; at++)
        if (belay_str_eq(belay_str_c(*at + strlen(connector->namespace_) + 1), name))
            return true;
        else
            guess_error(g, belay_str_c(*at));
    return false;
}

static bool known_namespace(struct belay_str name, struct config_guess *g)
{
    for (const struct belay_connector *const *at = belay_connector_list(); *at; at++) {
        if (belay_str_eq(belay_str_c((*at)->namespace_), name))
            return true;
        config_guess_name(g, belay_str_c((*at)->namespace_));
    }
    return one_of(own_namespaces, name, g);
}

/* Errors of expressions: "D3030" as JSONata numbers them, and ours. Of other namespaces not all names are known here. */
static bool known_name(struct belay_str namespace_, struct belay_str name, struct config_guess *g)
{
    static const char *const expression_names[] = { "EXPRESSION:ERROR", "EXPRESSION:UNDEFINED", "EXPRESSION:LIMIT",
                                                    "EXPRESSION:*", NULL };
    static const char *const flow_names[]
        = { "FLOW:TIMEOUT", "FLOW:MEMORY", "FLOW:INTERRUPTED", "FLOW:LIMIT", "FLOW:PROGRESS_TOO_LARGE", "FLOW:PROGRESS",
            "FLOW:STEP_GONE", "FLOW:DEAD_LETTER", "FLOW:DEFINITION", "FLOW:REPLY_TOO_LARGE", "FLOW:*", NULL };
    uint64_t number;
    for (const struct belay_connector *const *at = belay_connector_list(); *at; at++)
        if (belay_str_eq(belay_str_c((*at)->namespace_), namespace_))
            return known_to_connector(*at, name, g);
    if (belay_str_eq(namespace_, BELAY_STR("FLOW")) && name.p)
        return one_of(flow_names, g->wrong, g);
    if (!belay_str_eq(namespace_, BELAY_STR("EXPRESSION")) || !name.p)
        return true;
    return (name.n == 5 && memchr("STDU", name.p[0], 4) && belay_str_to_u64(belay_str_sub(name, 1, 4), &number))
           || one_of(expression_names, g->wrong, g);
}

static void check_pattern(struct config *c, const struct config_node *node)
{
    struct belay_str rest = node->text, namespace_ = belay_str_split(&rest, ':');
    struct config_guess g = config_guess(namespace_);
    if (belay_str_eq(node->text, BELAY_STR("*")))
        return;
    if (belay_str_eq(namespace_, BELAY_STR("class"))) {
        g = config_guess(node->text);
        if (one_of(class_names, node->text, &g))
            return;
    } else if (known_namespace(namespace_, &g)) {
        g = config_guess(node->text);
        if (known_name(namespace_, rest, &g))
            return;
    }
    struct belay_problem *p
        = config_warning(c->problems, config_place(node), "unknown-error",
                         "no error is called '%.*s'", BELAY_STR_ARG(node->text));
    if (belay_str_eq(namespace_, BELAY_STR("HTTP")) && rest.n && rest.p[0] >= '3' && rest.p[0] <= '5')
        config_suggest(c->problems, p, "HTTP:SERVER_ERROR takes the 5xx, HTTP:CLIENT_ERROR the 4xx, \"HTTP:503\" one status");
    else
        config_suggest_guess(c->problems, p, &g);
}

void config_check_patterns(struct config *c, const struct config_node *node, bool rules_follow)
{
    const struct config_link one = { NULL, node, NULL };
    const struct config_link *link = node->kind == CONFIG_LIST ? node->first : &one;
    for (; link; link = link->next) {
        check_pattern(c, link->value);
        if (rules_follow && belay_str_eq(link->value->text, BELAY_STR("*")))
            config_warning(c->problems, config_place(link->value), "unreachable",
                           "'*' takes every error: the rules after it are never used");
    }
}
