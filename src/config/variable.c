/* Which variables an expression may read: a mistyped one would be undefined only when a message
 * comes, and then look like a message without that field. */
#include "config/load.h"

/* $error is also a function of JSONata: outside of on_error it is not missed here. */
const char *const config_sees_message[] = { "message", "headers", NULL };
const char *const config_sees_flow[] = { "message", "headers", "params", "request", "vars", "saga", NULL };
const char *const config_sees_error[]
    = { "message", "headers", "params", "request", "vars", "saga", "error", NULL };
const char *const config_sees_saga[] = { "message", "headers", "steps", "saga", NULL };
const char *const config_sees_undo[] = { "message", "headers", "steps", "saga", "error", NULL };

void config_add_result(struct config *c, struct belay_str name)
{
    struct config_result *result = config_scratch(c, sizeof *result);
    if (result) {
        *result = (struct config_result){ name, c->results };
        c->results = result;
    }
}

static bool known(const struct config *c, struct belay_str name, struct config_guess *g)
{
    for (const char *const *at = c->sees; *at; at++) {
        if (belay_str_eq(belay_str_c(*at), name))
            return true;
        config_guess_name(g, belay_str_c(*at));
    }
    for (const struct config_result *r = c->results; r; r = r->before) {
        if (belay_str_eq(r->name, name))
            return true;
        config_guess_name(g, r->name);
    }
    return false;
}

static bool continues_name(struct belay_str text, size_t at)
{
    char c = at < text.n ? text.p[at] : ' ';
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Offset of "$name" in text; 0 where an escape hides it. */
static size_t find_variable(struct belay_str text, struct belay_str name)
{
    for (size_t i = 0; i + name.n < text.n; i++)
        if (text.p[i] == '$' && memcmp(text.p + i + 1, name.p, name.n) == 0
            && !continues_name(text, i + 1 + name.n))
            return i;
    return 0;
}

static bool is_saga(const struct config *c)
{
    return c->sees == config_sees_saga || c->sees == config_sees_undo;
}

static bool is_called(struct belay_str text, size_t behind)
{
    while (behind < text.n && text.p[behind] == ' ')
        behind++;
    return behind < text.n && text.p[behind] == '(';
}

static void suggest(struct config *c, struct belay_problem *p, struct belay_str name,
                    const struct config_guess *g, bool called)
{
    if (g->best.n)
        config_suggest(c->problems, p, "did you mean '$%.*s'?", BELAY_STR_ARG(g->best));
    else if (called)
        config_suggest(c->problems, p, "functions are JSONata's and $saga");
    else if (c->sees == config_sees_message)
        config_suggest(c->problems, p, "only the body, $message and $headers are");
    else if (is_saga(c))
        config_suggest(c->problems, p, "a step's result is $steps.%.*s", BELAY_STR_ARG(name));
    else
        config_suggest(c->problems, p,
                       "a step's result has the name that its 'as' says, a variable made "
                       "by 'set' is $vars.%.*s",
                       BELAY_STR_ARG(name));
}

void config_check_variables(struct config *c, const struct config_node *node,
                            const struct belay_template *t)
{
    struct belay_str name;
    /* A stored definition was good when it began; it is not held to rules that came later. */
    for (uint32_t i = 0; c->sees && !c->stored && belay_template_free_variable(t, i, &name); i++) {
        struct config_guess g = config_guess(name);
        if (known(c, name, &g))
            continue;
        size_t at = find_variable(node->text, name);
        bool called = is_called(node->text, at + 1 + name.n);
        for (uint32_t k = 0; called && belay_expr_builtin(k).p; k++)
            config_guess_name(&g, belay_expr_builtin(k));
        struct belay_problem *p = config_error(
            c->problems, config_place_at(node, at), "unknown-variable",
            "no %s '$%.*s' is known here", called ? "function" : "variable", BELAY_STR_ARG(name));
        suggest(c, p, name, &g, called);
    }
}
