#include "config/options.h"

#include "base/limits.h"
#include "config/redact.h"
#include "config/scalar.h"

const struct belay_option *config_option_find(const struct belay_option *table,
                                              struct belay_str name)
{
    for (; table->name; table++)
        if (belay_str_eq(belay_str_c(table->name), name))
            return table;
    return NULL;
}

const char *config_option_type(enum belay_option_type type)
{
    switch (type) {
    case BELAY_OPTION_STRING:
    case BELAY_OPTION_SECRET: return "string";
    case BELAY_OPTION_INT: return "whole number";
    case BELAY_OPTION_BOOL: return "true or false";
    case BELAY_OPTION_DURATION: return "duration";
    case BELAY_OPTION_SIZE: return "size";
    case BELAY_OPTION_URL: return "URL";
    case BELAY_OPTION_PATH: return "path of a file";
    case BELAY_OPTION_FIELDS: return "mapping of strings";
    case BELAY_OPTION_TEXTS: return "string, or list of strings";
    }
    return "?";
}

static bool take_fields(struct config *c, const struct config_node *node,
                        struct belay_option_value *v)
{
    if (node->kind != CONFIG_MAP) {
        config_error(c->problems, config_place(node), "type",
                     "a mapping of strings is wanted here, not %s", config_kind_text(node));
        return false;
    }
    struct belay_field *fields = CONFIG_ARRAY(c, struct belay_field, node->count);
    if (!fields)
        return false;
    for (const struct config_link *m = node->first; m; m = m->next) {
        struct belay_str text;
        if (!config_text(c, m->value, &text))
            return false;
        if (config_is_secret_header(c, m->key->text))
            config_secret(c, text);
        fields[v->field_count++]
            = (struct belay_field){ config_keep(c, m->key->text), config_keep(c, text) };
    }
    v->fields = fields;
    return true;
}

static bool take_texts(struct config *c, const struct config_node *node, struct belay_option_value *v)
{
    const struct belay_str *texts;
    uint32_t count;
    if (node->kind == CONFIG_MAP) {
        config_error(c->problems, config_place(node), "type", "a list of strings is wanted here, not %s",
                     config_kind_text(node));
        return false;
    }
    struct belay_field *fields = config_texts(c, node, &texts, &count) ? CONFIG_ARRAY(c, struct belay_field, count) : NULL;
    if (!fields)
        return false;
    for (uint32_t i = 0; i < count; i++)
        fields[i].value = texts[i];
    v->fields = fields;
    v->field_count = count;
    return true;
}

/* A URL's shape only: the connector knows what it wants of it. */
static bool is_url(struct belay_str text)
{
    size_t colon = belay_str_find(text, ':');
    return colon > 0 && belay_str_starts(belay_str_sub(text, colon, text.n), BELAY_STR("://"))
           && text.n > colon + 3 && !memchr(text.p, ' ', text.n);
}

static bool take_text(struct config *c, const struct config_node *node, struct belay_str text,
                      struct belay_option_value *v)
{
    uint64_t quantity;
    bool flag, good = true;
    switch (v->option->type) {
    case BELAY_OPTION_INT: good = config_int(text, &v->number); break;
    case BELAY_OPTION_BOOL:
        good = config_bool(text, &flag);
        v->number = good && flag;
        break;
    case BELAY_OPTION_DURATION:
    case BELAY_OPTION_SIZE:
        good = v->option->type == BELAY_OPTION_DURATION ? config_duration(text, &quantity)
                                                        : config_size(text, &quantity);
        v->number = good ? (int64_t)quantity : 0;
        break;
    case BELAY_OPTION_URL: good = is_url(text); break;
    case BELAY_OPTION_PATH: text = config_resolve(c, node->file, text); break;
    default: break;
    }
    v->text = config_keep(c, text);
    if (!good) /* as written: what ${} stands for is not for messages */
        config_error(c->problems, config_place(node), "type", "'%s' is a %s, not '%.*s'",
                     v->option->name, config_option_type(v->option->type),
                     BELAY_STR_ARG(node->text));
    return good;
}

static bool take(struct config *c, const struct config_node *node, struct belay_option_value *v)
{
    struct belay_str text;
    enum belay_option_type type = v->option->type;
    /* The rest of a connection is told: where it leads, how fast. */
    c->secret_here = type == BELAY_OPTION_SECRET || type == BELAY_OPTION_STRING || type == BELAY_OPTION_FIELDS
                     || type == BELAY_OPTION_TEXTS;
    bool good = type == BELAY_OPTION_FIELDS  ? take_fields(c, node, v)
                : type == BELAY_OPTION_TEXTS ? take_texts(c, node, v)
                                             : config_text(c, node, &text) && take_text(c, node, text, v);
    c->secret_here = false;
    if (good && type == BELAY_OPTION_SECRET)
        config_secret(c, v->text);
    return good;
}

/* What the connector can tell by a text alone. */
static bool is_good(struct config *c, const struct belay_connector *connector, const char *name, struct belay_str text,
                    const struct config_node *node)
{
    struct belay_option_fault fault;
    if (!connector->check || !connector->check(name, text, true, &fault))
        return true;
    struct belay_problem *p = config_error(c->problems, config_place(node), "type", "'%s' %s: '%.*s'", name, fault.why,
                                           BELAY_STR_ARG(node->text));
    if (fault.meant)
        config_suggest(c->problems, p, "did you mean '%s'?", fault.meant);
    return false;
}

static bool are_good(struct config *c, const struct belay_connector *connector, const struct belay_option_value *v,
                     const struct config_node *node)
{
    bool good = true;
    bool texts = v->option->type == BELAY_OPTION_TEXTS;
    if (v->option->type != BELAY_OPTION_FIELDS && !texts)
        return is_good(c, connector, v->option->name, v->text, node);
    if (texts && node->kind != CONFIG_LIST)
        return is_good(c, connector, v->option->name, v->fields[0].value, node);
    const struct config_link *m = node->first;
    for (uint32_t i = 0; i < v->field_count && m; i++, m = m->next)
        good &= texts ? is_good(c, connector, v->option->name, v->fields[i].value, m->value)
                      : is_good(c, connector, v->option->name, m->key->text, m->key);
    return good;
}

static void check_names(struct config *c, const struct belay_connector *connector,
                        const struct config_node *node)
{
    for (const struct config_link *m = node->first; m; m = m->next) {
        if (config_option_find(connector->options, m->key->text))
            continue;
        struct config_guess g = config_guess(m->key->text);
        for (const struct belay_option *o = connector->options; o->name; o++)
            config_guess_name(&g, belay_str_c(o->name));
        struct belay_problem *p
            = config_error(c->problems, config_place(m->key), "unknown-key",
                           "%s has no option '%.*s'", connector->name, BELAY_STR_ARG(m->key->text));
        config_suggest_guess(c->problems, p, &g);
    }
}

/* What `username` and `password` become on the wire. */
static void secret_pair(struct config *c, const struct belay_option_value *values, uint32_t count)
{
    struct belay_str user = BELAY_STR_NONE, password = BELAY_STR_NONE;
    for (uint32_t i = 0; i < count; i++) {
        struct belay_str name = belay_str_c(values[i].option->name);
        if (belay_str_eq(name, BELAY_STR("username")))
            user = values[i].text;
        else if (belay_str_eq(name, BELAY_STR("password")))
            password = values[i].text;
    }
    if (password.n)
        config_secret_pair(c, user, password);
}

void config_options(struct config *c, const struct belay_connector *connector,
                    const struct config_node *node, const struct belay_option_value **ret_values,
                    uint32_t *ret_count)
{
    uint32_t count = 0;
    for (const struct belay_option *o = connector->options; o->name; o++)
        count++;
    struct belay_option_value *values = CONFIG_ARRAY(c, struct belay_option_value, count);
    if (!values)
        return;
    if (node->kind != CONFIG_MAP && !config_is_null(node)) {
        config_error(c->problems, config_place(node), "type", "a mapping is wanted here, not %s",
                     config_kind_text(node));
        return;
    }
    check_names(c, connector, node);
    uint32_t used = 0;
    for (const struct belay_option *o = connector->options; o->name; o++) {
        struct config_node written = *node;
        const struct config_node *at = config_get(node, o->name);
        written.kind = CONFIG_SCALAR;
        written.style = CONFIG_PLAIN;
        written.text = belay_str_c(o->default_);
        values[used].option = o;
        if (at || o->default_)
            used += take(c, at ? at : &written, &values[used]) && (!at || are_good(c, connector, &values[used], at));
        else if (o->required)
            config_error(c->problems, config_place(node), "missing-key", "%s needs '%s'",
                         connector->name, o->name);
    }
    *ret_values = values;
    *ret_count = used;
    secret_pair(c, values, used);
}
