/* One mapping against its table: every kind of mapping of the language is read by config_parse. */
#include <float.h>

#include "base/assert.h"
#include "base/limits.h"
#include "config/grammar.h"
#include "config/scalar.h"

static void wrong(struct config *c, const struct config_node *node, const char *rule,
                  const char *wanted, const char *example)
{
    struct belay_problem *p
        = config_error(c->problems, config_place(node), rule, "%s is wanted here, not '%.*s'",
                       wanted, BELAY_STR_ARG(node->text));
    if (example)
        config_suggest(c->problems, p, "%s", example);
}

static void put_unsigned(const struct config_key *key, void *base, uint64_t value)
{
    char *at = (char *)base + key->offset;
    if (key->size == sizeof(uint32_t)) {
        BELAY_ASSERT(value <= UINT32_MAX);
        memcpy(at, &(uint32_t){ (uint32_t)value }, sizeof(uint32_t));
    } else {
        BELAY_ASSERT(key->size == sizeof(uint64_t));
        memcpy(at, &value, sizeof value);
    }
}

static void put(const struct config_key *key, void *base, const void *value, size_t n)
{
    BELAY_ASSERT(n == key->size);
    memcpy((char *)base + key->offset, value, n);
}

/* The largest value that key and its field allow. */
static double max_of(const struct config_key *key)
{
    double field = key->type == CONFIG_NUMBER      ? DBL_MAX
                   : key->size == sizeof(uint32_t) ? UINT32_MAX
                                                   : 0x1p53;
    return key->max != 0 && key->max < field ? key->max : field;
}

static bool in_range(struct config *c, const struct config_key *key, const struct config_node *node,
                     double value)
{
    if (value >= key->min && value <= max_of(key))
        return true;
    if (value < key->min)
        config_error(c->problems, config_place(node), "range", "'%s' must be at least %.15g%s",
                     key->name, key->min, key->type == CONFIG_DURATION ? "ms" : "");
    else
        config_error(c->problems, config_place(node), "range", "'%s' must be at most %.15g%s",
                     key->name, max_of(key), key->type == CONFIG_DURATION ? "ms" : "");
    return false;
}

static void take_int(struct config *c, const struct config_key *key, const struct config_node *node,
                     struct belay_str text, void *base)
{
    int64_t value;
    if (!config_int(text, &value))
        wrong(c, node, "type", "a whole number", NULL);
    else if (in_range(c, key, node, (double)value))
        put_unsigned(key, base, (uint64_t)value);
}

static void take_quantity(struct config *c, const struct config_key *key,
                          const struct config_node *node, struct belay_str text, void *base)
{
    bool time = key->type == CONFIG_DURATION;
    uint64_t value;
    if (!(time ? config_duration(text, &value) : config_size(text, &value)))
        wrong(c, node, "type", time ? "a duration" : "a size",
              time ? "write 200ms, 2s, 5m, 1h or 7d" : "write 64KiB, 1MiB or a number of bytes");
    else if (in_range(c, key, node, (double)value))
        put_unsigned(key, base, value);
}

static void take_number(struct config *c, const struct config_key *key,
                        const struct config_node *node, struct belay_str text, void *base)
{
    double value;
    if (!config_number(text, &value))
        wrong(c, node, "type", "a number", NULL);
    else if (in_range(c, key, node, value))
        put(key, base, &value, sizeof value);
}

static void take_bool(struct config *c, const struct config_key *key,
                      const struct config_node *node, struct belay_str text, void *base)
{
    static const char *const old[]
        = { "yes", "on",  "y", "Yes", "On",  "YES", "ON",  "True",  "TRUE",
            "no",  "off", "n", "No",  "Off", "NO",  "OFF", "False", "FALSE" };
    bool value;
    if (config_bool(text, &value)) {
        put(key, base, &value, sizeof value);
        return;
    }
    const char *example = NULL;
    for (size_t i = 0; i < sizeof old / sizeof old[0]; i++)
        if (belay_str_eq(text, belay_str_c(old[i])))
            example = i < sizeof old / sizeof old[0] / 2
                          ? "write true (YAML 1.2 knows only true and false)"
                          : "write false (YAML 1.2 knows only true and false)";
    wrong(c, node, "type", "true or false", example);
}

static void take_word(struct config *c, const struct config_key *key,
                      const struct config_node *node, struct belay_str text, void *base)
{
    struct config_guess g = config_guess(text);
    struct belay_buf names;
    belay_buf_init(&names, 1024);
    for (const struct config_word *w = key->words; w->name; w++) {
        if (belay_str_eq(text, belay_str_c(w->name))) {
            if (key->type == CONFIG_CHOICE)
                put(key, base, &(struct belay_str){ w->name, text.n }, sizeof text);
            else
                put(key, base, &w->value, sizeof w->value);
            belay_buf_deinit(&names);
            return;
        }
        config_guess_name(&g, belay_str_c(w->name));
        belay_buf_printf(&names, "%s%s", w == key->words ? "" : w[1].name ? ", " : " or ", w->name);
    }
    struct belay_problem *p
        = config_error(c->problems, config_place(node), "type", "'%s' is %.*s, not '%.*s'",
                       key->name, BELAY_STR_ARG(belay_buf_view(&names)), BELAY_STR_ARG(node->text));
    config_suggest_guess(c->problems, p, &g);
    belay_buf_deinit(&names);
}

static bool is_variable(struct belay_str text)
{
    static const char *const taken[]
        = { "message", "headers", "params", "request", "vars", "error", "steps", "saga" };
    if (!config_name(text) || (text.p[0] >= '0' && text.p[0] <= '9') || memchr(text.p, '-', text.n)
        || memchr(text.p, '.', text.n))
        return false;
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (belay_str_eq(text, belay_str_c(taken[i])))
            return false;
    return true;
}

static void take_string(struct config *c, const struct config_key *key,
                        const struct config_node *node, struct belay_str text, void *base)
{
    if (key->type == CONFIG_NAME && !config_name(text)) {
        wrong(c, node, "name", "a name (letters, digits, '-', '_', '.')", NULL);
        return;
    }
    if (key->type == CONFIG_VARIABLE && !is_variable(text)) {
        wrong(c, node, "name",
              "the name of a variable (letters, digits, '_'; not one that is taken)",
              "message, headers, params, request, vars, error, steps and saga are taken");
        return;
    }
    if (key->type == CONFIG_PATH)
        text = config_resolve(c, node->file, text);
    text = config_keep(c, text);
    put(key, base, &text, sizeof text);
}

static void take_scalar(struct config *c, const struct config_key *key,
                        const struct config_node *node, void *base)
{
    struct belay_str text;
    if (!config_text(c, node, &text))
        return;
    switch (key->type) {
    case CONFIG_INT: take_int(c, key, node, text, base); break;
    case CONFIG_NUMBER: take_number(c, key, node, text, base); break;
    case CONFIG_BOOL: take_bool(c, key, node, text, base); break;
    case CONFIG_DURATION:
    case CONFIG_SIZE: take_quantity(c, key, node, text, base); break;
    case CONFIG_CHOICE:
    case CONFIG_WORD: take_word(c, key, node, text, base); break;
    default: take_string(c, key, node, text, base); break;
    }
}

static bool is_map(struct config *c, const struct config_node *node)
{
    if (node->kind == CONFIG_MAP || config_is_null(node))
        return true;
    config_error(c->problems, config_place(node), "type", "a mapping is wanted here, not %s",
                 config_kind_text(node));
    return false;
}

uint32_t config_count(const struct config_node *node)
{
    return node && node->kind == CONFIG_MAP ? node->count : 0;
}

void config_templates(struct config *c, const struct config_key *key,
                      const struct config_node *node, void *base)
{
    enum config_template_use use = key->type == CONFIG_VALUES ? CONFIG_USE_VALUE : CONFIG_USE_TEXT;
    if (!is_map(c, node))
        return;
    struct belay_named_template *items
        = CONFIG_ARRAY(c, struct belay_named_template, config_count(node));
    uint32_t count = 0;
    for (const struct config_link *m = node->first; items && m; m = m->next) {
        items[count].name = config_keep(c, m->key->text);
        if (!m->key->text.n)
            config_error(c->problems, config_place(m->key), "name", "a name is missing");
        if (config_template(c, m->value, use, &items[count].value))
            count++;
    }
    const struct belay_named_template *view = items;
    put(key, base, &view, sizeof view);
    memcpy((char *)base + key->count_offset, &count, sizeof count);
}

static void take_template(struct config *c, const struct config_key *key,
                          const struct config_node *node, void *base)
{
    const struct belay_template *t;
    if (config_template(c, node, key->type == CONFIG_VALUE ? CONFIG_USE_VALUE : CONFIG_USE_TEXT,
                        &t)) {
        put(key, base, &t, sizeof t);
        config_check_purpose(c, key, node, t);
    }
}

static void take_empty(struct config *c, const struct config_key *key,
                       const struct config_node *node)
{
    if (node->kind != CONFIG_SCALAR ? node->count : !config_is_null(node))
        config_error(c->problems, config_place(node), "not-yet-supported",
                     "'%s' is not yet supported: it may only be empty", key->name);
}

static void take_sub(struct config *c, const struct config_key *key, const struct config_node *node,
                     void *base)
{
    void *target = (char *)base + key->offset;
    if (key->type == CONFIG_SUB_NEW) {
        target = config_new(c, key->kind->size);
        if (!target)
            return;
        put(key, base, &target, sizeof target);
    }
    config_parse(c, key->kind, node, target);
}

static void take(struct config *c, const struct config_key *key, const struct config_node *name,
                 const struct config_node *node, void *base)
{
    switch (key->type) {
    case CONFIG_TEMPLATE:
    case CONFIG_VALUE: take_template(c, key, node, base); break;
    case CONFIG_TEMPLATES:
    case CONFIG_VALUES: config_templates(c, key, node, base); break;
    case CONFIG_SUB:
    case CONFIG_SUB_NEW: take_sub(c, key, node, base); break;
    case CONFIG_SUB_NODE:
    case CONFIG_LIST_NODE:
    case CONFIG_NAMED_NODE:
    case CONFIG_TEXTS_NODE:
    case CONFIG_TEXT_NODE:
    case CONFIG_VALUE_NODE:
    case CONFIG_VALUES_NODE:
    case CONFIG_ANY_NODE: put(key, base, &node, sizeof node); break;
    case CONFIG_EMPTY: take_empty(c, key, node); break;
    case CONFIG_RESERVED:
        config_error(c->problems, config_place(name), "not-yet-supported",
                     "'%s' is not yet supported", key->name);
        break;
    default: take_scalar(c, key, node, base); break;
    }
}

static const struct config_key *find_key(const struct config_kind *kind, struct belay_str name)
{
    for (const struct config_key *key = kind->keys; key->name; key++)
        if (belay_str_eq(belay_str_c(key->name), name))
            return key;
    return NULL;
}

static const char *article(const struct config_kind *kind)
{
    return strchr("aeio", kind->name[0]) ? "an" : "a";
}

/* Keys that are there, in another place. */
static const struct {
    const char *kind, *key, *where;
} elsewhere[] = {
    { "call", "retry", "it stands in the step, beside 'call'" },
    { "call", "resolve", "it stands in the step, beside 'call'" },
    { "call", "as", "it stands in the step, beside 'call'" },
    { "step", "timeout", "a call's stands inside: call: { timeout: 2s, ... }; that of all steps in the flow" },
    { "step", "on_error", "it stands in the flow, beside 'steps'" },
    { "step", "connection", "it stands inside: call: { connection: ... }" },
    { "saga-step", "on_error", "a saga undoes instead: compensate: { ... } beside the step's 'call'" },
};

static void suggest_place(struct config *c, struct belay_problem *p, const struct config_kind *kind,
                          const struct config_guess *g)
{
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
        if (strcmp(kind->name, elsewhere[i].kind) == 0 && belay_str_eq(g->wrong, belay_str_c(elsewhere[i].key))) {
            config_suggest(c->problems, p, "%s", elsewhere[i].where);
            return;
        }
    config_suggest_guess(c->problems, p, g);
}

static void unknown_key(struct config *c, const struct config_kind *kind,
                        const struct config_node *node, const struct config_node *name)
{
    struct config_guess g = config_guess(name->text);
    for (const struct config_key *key = kind->keys; key->name; key++)
        if (key->type != CONFIG_RESERVED)
            config_guess_name(&g, belay_str_c(key->name));
    if (kind->extra)
        kind->extra->guess(c, node, &g);
    struct belay_problem *p
        = config_error(c->problems, config_place(name), "unknown-key", "%s %s has no key '%.*s'",
                       article(kind), kind->name, BELAY_STR_ARG(name->text));
    suggest_place(c, p, kind, &g);
}

static void take_members(struct config *c, const struct config_kind *kind,
                         const struct config_node *node, void *target)
{
    uint64_t seen = 0;
    for (const struct config_link *m = node->first; m; m = m->next) {
        const struct config_key *key = find_key(kind, m->key->text);
        if (key) {
            uint64_t bit = (uint64_t)1 << (key - kind->keys);
            if (!(seen & bit)) /* a duplicate has been reported */
                take(c, key, m->key, m->value, target);
            seen |= bit;
        } else if (!kind->extra || !kind->extra->take(c, node, m, target)) {
            unknown_key(c, kind, node, m->key);
        }
    }
}

static const struct config_node *key_node(const struct config_node *node, const char *name)
{
    for (const struct config_link *m = node->first; node->kind == CONFIG_MAP && m; m = m->next)
        if (belay_str_eq(m->key->text, belay_str_c(name)))
            return m->key;
    return NULL;
}

static void check_groups(struct config *c, const struct config_kind *kind,
                         const struct config_node *node)
{
    const struct config_key *of[8] = { 0 };
    for (const struct config_link *m = node->first; m; m = m->next) {
        const struct config_key *key = find_key(kind, m->key->text);
        unsigned group = key ? key->one_of : 0;
        if (group && of[group] && of[group] != key)
            config_error(c->problems, config_place(m->key), "one-of",
                         "'%s' and '%s' exclude each other", of[group]->name, key->name);
        else if (group)
            of[group] = key;
    }
    for (unsigned group = 1; group < 8; group++) {
        if (!(kind->groups_needed & 1u << group) || of[group])
            continue;
        struct belay_buf names;
        belay_buf_init(&names, 1024);
        for (const struct config_key *key = kind->keys; key->name; key++)
            if (key->one_of == group && key->type != CONFIG_RESERVED)
                belay_buf_printf(&names, "%s%s", names.n ? ", " : "", key->name);
        config_error(c->problems, config_place(node), "one-of", "%s %s needs one of: %.*s",
                     article(kind), kind->name, BELAY_STR_ARG(belay_buf_view(&names)));
        belay_buf_deinit(&names);
    }
}

static void take_default(struct config *c, const struct config_key *key,
                         const struct config_node *node, void *target)
{
    struct config_node written = *node;
    written.kind = CONFIG_SCALAR;
    written.style = CONFIG_PLAIN;
    written.text = belay_str_c(key->default_);
    take(c, key, node, &written, target);
}

static void check_keys(struct config *c, const struct config_kind *kind,
                       const struct config_node *node, void *target)
{
    for (const struct config_key *key = kind->keys; key->name; key++) {
        const struct config_node *at = key_node(node, key->name);
        if (!at && key->required) {
            struct belay_problem *p = config_error(c->problems, config_place(node), "missing-key", "%s %s needs '%s'",
                                                   article(kind), kind->name, key->name);
            if (key->max > 0 && key->min == key->max) /* it has one value */
                config_suggest(c->problems, p, "write '%s: %g'", key->name, (double)key->max);
        } else if (!at && key->default_)
            take_default(c, key, node, target);
        if (at && key->with && !key_node(node, key->with))
            config_error(c->problems, config_place(at), "goes-with", "'%s' goes with '%s'",
                         key->name, key->with);
    }
    check_groups(c, kind, node);
}

/* `log: text` for `log: { message: text }` */
static const struct config_node *long_form(struct config *c, const struct config_kind *kind,
                                           const struct config_node *node)
{
    struct config_node *map = config_scratch(c, sizeof *map), *key = config_scratch(c, sizeof *key);
    struct config_link *link = config_scratch(c, sizeof *link);
    if (!map || !key || !link)
        return NULL;
    *key = *map = *node;
    key->text = belay_str_c(kind->short_key);
    *link = (struct config_link){ key, node, NULL };
    map->kind = CONFIG_MAP;
    map->count = 1;
    map->first = map->last = link;
    return map;
}

/* A scalar, or a list where the key takes one: `command: [/bin/page, --loud]`. */
static bool is_short(const struct config_kind *kind, const struct config_node *node)
{
    if (!kind->short_key || (node->kind == CONFIG_SCALAR && config_is_null(node)))
        return false;
    return node->kind == CONFIG_SCALAR
           || (node->kind == CONFIG_LIST && find_key(kind, belay_str_c(kind->short_key))->type == CONFIG_TEXTS_NODE);
}

void config_parse(struct config *c, const struct config_kind *kind, const struct config_node *node,
                  void *target)
{
    if (is_short(kind, node))
        node = long_form(c, kind, node);
    if (!node || !is_map(c, node))
        return;
    take_members(c, kind, node, target);
    check_keys(c, kind, node, target);
    if (kind->finish)
        kind->finish(c, node, target);
}

/* ---- what finish() uses ---- */

bool config_check_name(struct config *c, const struct config_node *key, const char *what)
{
    if (config_name(key->text))
        return true;
    config_error(c->problems, config_place(key), "name",
                 "'%.*s' is no name for a %s: letters, digits, '-', '_' and '.', at most %d",
                 BELAY_STR_ARG(key->text), what, BELAY_NAME_BYTES_MAX);
    return false;
}

bool config_is_list(struct config *c, const struct config_node *node, const char *what)
{
    if (!node || config_is_null(node))
        return false;
    if (node->kind == CONFIG_LIST)
        return true;
    struct belay_problem *p
        = config_error(c->problems, config_place(node), "type",
                       "a list of %s is wanted here, not %s", what, config_kind_text(node));
    config_suggest(c->problems, p, "begin each of them with '- '");
    return false;
}

bool config_texts(struct config *c, const struct config_node *node,
                  const struct belay_str **ret_texts, uint32_t *ret_count)
{
    bool list = node->kind == CONFIG_LIST;
    uint32_t count = list ? node->count : 1;
    struct belay_str *texts = CONFIG_ARRAY(c, struct belay_str, count), text;
    if (!texts)
        return false;
    const struct config_link *link = node->first;
    for (uint32_t i = 0; i < count; i++) {
        if (!config_text(c, list ? link->value : node, &text))
            return false;
        texts[i] = config_keep(c, text);
        link = list ? link->next : NULL;
    }
    *ret_texts = texts;
    *ret_count = count;
    return true;
}
