#include "base/alloc.h"
#include "base/limits.h"
#include "config/load.h"
#include "config/scalar.h"

/* ---- memory ---- */

void config_no_memory(struct config *c)
{
    c->status = BELAY_NOMEM;
}

void *config_new(struct config *c, size_t n)
{
    void *p = belay_arena_zalloc(c->arena, n ? n : 1);
    if (!p)
        config_no_memory(c);
    return p;
}

void *config_scratch(struct config *c, size_t n)
{
    void *p = belay_arena_zalloc(&c->scratch, n ? n : 1);
    if (!p)
        config_no_memory(c);
    return p;
}

struct belay_str config_keep(struct config *c, struct belay_str s)
{
    struct belay_str copy = belay_arena_str(c->arena, s);
    if (!copy.p)
        config_no_memory(c);
    return copy;
}

struct belay_place config_keep_place(struct config *c, const struct config_node *node)
{
    struct belay_place place = config_place(node);
    place.file = config_keep(c, place.file);
    return place;
}

/* ---- the set ---- */

static void set_free(struct belay_definitions *d)
{
    struct config_set *set = (struct config_set *)d;
    for (struct config_owned *o = set->owned; o; o = o->next) {
        if (o->template_)
            belay_template_free(o->template_);
        if (o->schema)
            belay_schema_free(o->schema);
    }
    if (set->current)
        belay_definitions_unref(set->current);
    belay_arena_deinit(&set->d.arena);
    belay_free(set);
}

struct config_set *config_set_new(void)
{
    struct config_set *set = belay_calloc(1, sizeof *set);
    if (!set)
        return NULL;
    belay_arena_init(&set->d.arena, 0, BELAY_CONFIG_BYTES_MAX);
    set->d.refs = 1;
    set->d.free = set_free;
    return set;
}

/* ---- texts and templates ---- */

bool config_text(struct config *c, const struct config_node *node, struct belay_str *ret_text)
{
    if (node->kind == CONFIG_SCALAR && !config_is_null(node))
        return config_expand(c, node, ret_text);
    config_error(c->problems, config_place(node), "type", "a string is wanted here, not %s",
                 config_kind_text(node));
    return false;
}

/* Offset in the raw text of offset `at` of the expanded one. Only what is outside of {% %} differs,
 * so the nth opening of one is the nth of the other. */
static size_t raw_offset(struct belay_str raw, struct belay_str text, size_t at)
{
    size_t opening = text.n, number = 0;
    for (size_t i = 0; i + 1 < text.n && i <= at; i++)
        if (text.p[i] == '{' && text.p[i + 1] == '%') {
            opening = i;
            number++;
        }
    for (size_t i = 0; number && i + 1 < raw.n; i++)
        if (raw.p[i] == '{' && raw.p[i + 1] == '%' && --number == 0)
            return i + (at - opening);
    return at < raw.n ? at : raw.n;
}

static void report_expression(struct config *c, const struct config_node *node,
                              struct belay_str text, const struct belay_expr_error *e,
                              const struct belay_err *err)
{
    size_t at = raw_offset(node->text, text, e->position);
    struct belay_problem *p
        = config_error(c->problems, config_place_at(node, at), "expression", "%s%s%s%s%s%s",
                       e->message[0] ? e->message : err->msg, e->token[0] ? ": " : "", e->token,
                       e->code[0] ? " (" : "", e->code, e->code[0] ? ")" : "");
    if (strcmp(e->token, "=") == 0 && e->position && e->position < text.n && text.p[e->position - 1] == '=')
        config_suggest(c->problems, p, "equality is one '='");
}

/* $env('NAME') and $lookupTable('NAME', key) of names that are not declared fail whenever they run. */
static void check_missing(struct config *c, const struct config_node *node, struct belay_str text,
                          const struct belay_template *t)
{
    struct belay_expr_missing m;
    struct belay_str name;
    if (c->stored || c->incomplete)
        return; /* a stored definition: the table may have gone since; the files: it may be in one */
    for (uint32_t i = 0; belay_template_missing(t, i, &m); i++) {
        struct config_guess guess = config_guess(m.name);
        for (uint32_t k = 0; (name = belay_expr_data_name(c->scope->expr_data, m.table, k)).p; k++)
            config_guess_name(&guess, name);
        struct belay_problem *p = config_error(c->problems, config_place_at(node, raw_offset(node->text, text, m.position)),
                                               m.table ? "unknown-table" : "unknown-env", "no %s '%.*s' is declared",
                                               m.table ? "table" : "variable of the environment", BELAY_STR_ARG(m.name));
        if (guess.best.n)
            config_suggest(c->problems, p, "did you mean '%.*s'?", BELAY_STR_ARG(guess.best));
        else
            config_suggest(c->problems, p, "declare it under '%s'", m.table ? "tables" : "env");
    }
}

static bool compile(struct config *c, struct belay_str text, enum config_template_use use,
                    const struct config_node *node, const struct belay_template **ret_template)
{
    struct belay_template_opt opt = { .path = use == CONFIG_USE_PATH, .data = c->scope->expr_data };
    if (!c->stored) { /* a stored definition is written nowhere */
        struct belay_place place = config_keep_place(c, node);
        opt.file = place.file;
        opt.line = place.line;
    }
    struct belay_expr_error error = { .code = "" };
    struct belay_err err = { 0 };
    struct config_owned *owned = CONFIG_NEW(c, struct config_owned);
    if (!owned)
        return false;
    int status = belay_template_compile(text, opt, &owned->template_, &error, &err);
    if (status == BELAY_NOMEM) {
        config_no_memory(c);
        return false;
    }
    if (status) {
        report_expression(c, node, text, &error, &err);
        return false;
    }
    owned->next = c->set->owned;
    c->set->owned = owned;
    *ret_template = owned->template_;
    config_check_variables(c, node, owned->template_);
    check_missing(c, node, text, owned->template_);
    return true;
}

/* A plain 5, true or null of YAML as an expression that yields it. */
static bool typed_text(struct config *c, const struct config_node *node, struct belay_str *ret_text)
{
    char space[CONFIG_NUMBER_TEXT_MAX];
    struct belay_str json = node->text;
    bool boolean;
    if (node->style != CONFIG_PLAIN)
        return false;
    if (config_is_null(node))
        json = BELAY_STR("null");
    else if (!config_bool(node->text, &boolean) && !config_json_number(node->text, space, &json))
        return false;
    *ret_text = belay_arena_printf(&c->scratch, "{%% %.*s %%}", BELAY_STR_ARG(json));
    if (!ret_text->p)
        config_no_memory(c);
    return ret_text->p;
}

bool config_template(struct config *c, const struct config_node *node, enum config_template_use use,
                     const struct belay_template **ret_template)
{
    struct belay_str text;
    if (node->kind != CONFIG_SCALAR) {
        struct belay_problem *p = config_error(c->problems, config_place(node), "type",
                                               "a string or an expression is wanted here, not %s",
                                               config_kind_text(node));
        config_suggest(c->problems, p,
                       "an object is made by an expression: \"{%% { 'name': value } %%}\"");
        return false;
    }
    if (use == CONFIG_USE_VALUE && typed_text(c, node, &text))
        return compile(c, text, use, node, ret_template);
    if (!config_text(c, node, &text) || !compile(c, text, use, node, ret_template))
        return false;
    if (use != CONFIG_USE_VALUE)
        config_check_braces(c, node);
    return true;
}

bool config_template_of(struct config *c, const char *text, const struct config_node *node,
                        const struct belay_template **ret_template)
{
    return compile(c, belay_str_c(text), CONFIG_USE_TEXT, node, ret_template);
}

struct belay_str config_literal(struct config *c, const struct config_node *node)
{
    struct belay_str text = BELAY_STR_NONE;
    if (!node || node->kind != CONFIG_SCALAR || !config_expand(c, node, &text))
        return BELAY_STR_NONE;
    for (size_t i = 0; i + 1 < text.n; i++)
        if (text.p[i] == '{' && text.p[i + 1] == '%')
            return BELAY_STR_NONE;
    return text;
}
