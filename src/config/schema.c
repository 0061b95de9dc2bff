/* The language's tables as a JSON Schema 2020-12, for editors: each kind is a definition, each row
 * a property. An editor sees YAML's values, so a number may also be a string with ${}. */
#include <stdio.h>

#include "config/grammar.h"
#include "config/options.h"

#define KINDS_MAX 64

struct kinds { /* each one once, in the order in which they are first used */
    const struct config_kind *items[KINDS_MAX];
    size_t count;
};

static const struct config_kind *kind_by_name(const struct kinds *all, const char *name)
{
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->items[i]->name, name) == 0)
            return all->items[i];
    return NULL;
}

static void collect(struct kinds *all, const struct config_kind *kind)
{
    if (!kind->keys || kind_by_name(all, kind->name) || all->count == KINDS_MAX)
        return;
    all->items[all->count++] = kind;
    for (const struct config_key *key = kind->keys; key->name; key++)
        if (key->kind)
            collect(all, key->kind);
}

size_t config_kinds(const struct config_kind **ret_kinds, size_t max)
{
    struct kinds all = { .count = 0 };
    collect(&all, &config_kind_file);
    size_t count = all.count < max ? all.count : max;
    memcpy(ret_kinds, all.items, count * sizeof *ret_kinds);
    return count;
}

static void put_raw(struct belay_json_out *o, const char *json)
{
    belay_json_put_raw(o, belay_str_c(json));
}

static void put_ref(struct belay_json_out *o, const char *name)
{
    char ref[96];
    snprintf(ref, sizeof ref, "#/$defs/%s", name);
    belay_json_key(o, "$ref");
    belay_json_put_c(o, ref);
}

static void put_type(struct belay_json_out *o, const char *type)
{
    belay_json_key(o, "type");
    belay_json_put_c(o, type);
}

static void put_ref_object(struct belay_json_out *o, const char *name)
{
    belay_json_begin_object(o);
    put_ref(o, name);
    belay_json_end_object(o);
}

static void put_words(struct belay_json_out *o, const struct config_word *words)
{
    belay_json_key(o, "enum");
    belay_json_begin_array(o);
    for (; words->name; words++)
        belay_json_put_c(o, words->name);
    belay_json_end_array(o);
}

static void put_container(struct belay_json_out *o, const char *type, const char *member,
                          const char *ref)
{
    put_type(o, type);
    belay_json_key(o, member);
    put_ref_object(o, ref);
}

static void put_reserved(struct belay_json_out *o, const struct config_key *key)
{
    if (key->type == CONFIG_EMPTY) {
        put_type(o, "object");
        belay_json_key(o, "maxProperties");
        belay_json_put_int(o, 0);
    } else {
        belay_json_key(o, "not");
        put_raw(o, "{}");
    }
}

static void put_value(struct belay_json_out *o, const struct config_key *key)
{
    switch (key->type) {
    case CONFIG_STRING:
    case CONFIG_PATH: put_ref(o, "text"); break;
    case CONFIG_NAME:
    case CONFIG_VARIABLE: put_ref(o, "name"); break;
    case CONFIG_INT: put_ref(o, "integer"); break;
    case CONFIG_NUMBER: put_ref(o, "number"); break;
    case CONFIG_BOOL: put_ref(o, "boolean"); break;
    case CONFIG_DURATION: put_ref(o, "duration"); break;
    case CONFIG_SIZE: put_ref(o, "size"); break;
    case CONFIG_CHOICE:
    case CONFIG_WORD: put_words(o, key->words); break;
    case CONFIG_TEMPLATE: put_ref(o, "text"); break;
    case CONFIG_TEXT_NODE: put_ref(o, "text"); break;
    case CONFIG_VALUE_NODE:
    case CONFIG_VALUE: put_ref(o, "value"); break;
    case CONFIG_TEMPLATES: put_container(o, "object", "additionalProperties", "text"); break;
    case CONFIG_VALUES_NODE:
    case CONFIG_VALUES: put_container(o, "object", "additionalProperties", "value"); break;
    case CONFIG_SUB:
    case CONFIG_SUB_NEW:
    case CONFIG_SUB_NODE: put_ref(o, key->kind->name); break;
    case CONFIG_LIST_NODE: put_container(o, "array", "items", key->kind->name); break;
    case CONFIG_NAMED_NODE:
        put_container(o, "object", "additionalProperties", key->kind->name);
        break;
    case CONFIG_TEXTS_NODE: put_ref(o, "texts"); break;
    case CONFIG_ANY_NODE: break;
    case CONFIG_EMPTY:
    case CONFIG_RESERVED: put_reserved(o, key); break;
    }
}

static void put_key(struct belay_json_out *o, const struct config_key *key)
{
    belay_json_key(o, key->name);
    belay_json_begin_object(o);
    put_value(o, key);
    if (key->help[0]) {
        belay_json_key(o, "description");
        belay_json_put_c(o, key->help);
    }
    if (key->default_) {
        belay_json_key(o, "default");
        belay_json_put_c(o, key->default_);
    }
    belay_json_end_object(o);
}

static void put_required(struct belay_json_out *o, const struct config_kind *kind)
{
    bool any = false;
    for (const struct config_key *key = kind->keys; key->name; key++)
        any = any || key->required;
    if (!any)
        return;
    belay_json_key(o, "required");
    belay_json_begin_array(o);
    for (const struct config_key *key = kind->keys; key->name; key++)
        if (key->required)
            belay_json_put_c(o, key->name);
    belay_json_end_array(o);
}

/* Exactly one of a group: of each key, that it alone is there. */
static void put_groups(struct belay_json_out *o, const struct config_kind *kind)
{
    if (!kind->groups_needed)
        return;
    belay_json_key(o, "oneOf");
    belay_json_begin_array(o);
    for (const struct config_key *key = kind->keys; key->name; key++) {
        if (!(kind->groups_needed & 1u << key->one_of) || !key->one_of)
            continue;
        belay_json_begin_object(o);
        belay_json_key(o, "required");
        belay_json_begin_array(o);
        belay_json_put_c(o, key->name);
        belay_json_end_array(o);
        belay_json_end_object(o);
    }
    belay_json_end_array(o);
}

static void put_with(struct belay_json_out *o, const struct config_kind *kind)
{
    bool any = false;
    for (const struct config_key *key = kind->keys; key->name; key++)
        any = any || key->with;
    if (!any)
        return;
    belay_json_key(o, "dependentRequired");
    belay_json_begin_object(o);
    for (const struct config_key *key = kind->keys; key->name; key++) {
        if (!key->with)
            continue;
        belay_json_key(o, key->name);
        belay_json_begin_array(o);
        belay_json_put_c(o, key->with);
        belay_json_end_array(o);
    }
    belay_json_end_object(o);
}

static void put_mapping(struct belay_json_out *o, const struct config_kind *kind)
{
    put_type(o, "object");
    belay_json_key(o, "properties");
    belay_json_begin_object(o);
    for (const struct config_key *key = kind->keys; key->name; key++)
        put_key(o, key);
    if (kind->extra)
        kind->extra->describe(o);
    belay_json_end_object(o);
    put_required(o, kind);
    put_groups(o, kind);
    put_with(o, kind);
    belay_json_key(o, "additionalProperties");
    belay_json_put_bool(o, false);
}

static bool needs_nothing(const struct config_kind *kind)
{
    for (const struct config_key *key = kind->keys; key->name; key++)
        if (key->required)
            return false;
    return !kind->groups_needed;
}

/* As config_parse has it. */
static bool short_takes_list(const struct config_kind *kind)
{
    for (const struct config_key *key = kind->keys; key->name; key++)
        if (strcmp(key->name, kind->short_key) == 0)
            return key->type == CONFIG_TEXTS_NODE;
    return false;
}

/* A kind, with its short form where it has one, and with nothing where that will do. */
static void put_kind(struct belay_json_out *o, const struct config_kind *kind)
{
    bool nothing = needs_nothing(kind), several = kind->short_key || nothing;
    belay_json_key(o, kind->name);
    belay_json_begin_object(o);
    belay_json_key(o, "description");
    belay_json_put_c(o, kind->help);
    if (several) {
        belay_json_key(o, "anyOf");
        belay_json_begin_array(o);
        belay_json_begin_object(o);
    }
    put_mapping(o, kind);
    if (several) {
        belay_json_end_object(o);
        if (kind->short_key)
            put_ref_object(o, short_takes_list(kind) ? "texts" : "value");
        if (nothing)
            put_raw(o, "{\"type\":\"null\"}");
        belay_json_end_array(o);
    }
    belay_json_end_object(o);
}

/* What scalars look like. "\\$\\{" : the environment may stand for anything. */
static const struct {
    const char *name, *json;
} scalars[] = {
    { "text", "{\"type\":[\"string\",\"number\",\"boolean\"]}" },
    { "value", "{\"type\":[\"string\",\"number\",\"boolean\",\"null\"]}" },
    { "name", "{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9][A-Za-z0-9_.-]*$|\\\\$\\\\{\","
              "\"maxLength\":200}" },
    { "texts",
      "{\"anyOf\":[{\"type\":\"string\"},{\"type\":\"array\",\"items\":{\"type\":\"string\"}}]}" },
    { "integer", "{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\",\"pattern\":\"^[0-9]+$|"
                 "\\\\$\\\\{\"}]}" },
    { "number", "{\"anyOf\":[{\"type\":\"number\"},{\"type\":\"string\",\"pattern\":\"^[0-9.]+$|"
                "\\\\$\\\\{\"}]}" },
    { "boolean", "{\"anyOf\":[{\"type\":\"boolean\"},{\"type\":\"string\",\"pattern\":\"^(true|"
                 "false)$|\\\\$\\\\{\"}]}" },
    { "duration", "{\"anyOf\":[{\"const\":0},{\"type\":\"string\",\"pattern\":"
                  "\"^([0-9]+(\\\\.[0-9]+)?(ms|s|m|h|d|w))+$|^0$|\\\\$\\\\{\"}]}" },
    { "size", "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":0},{\"type\":\"string\",\"pattern\":"
              "\"^[0-9]+(\\\\.[0-9]+)?(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)?$|\\\\$\\\\{\"}]}" },
    { "fields", "{\"type\":\"object\",\"additionalProperties\":{\"$ref\":\"#/$defs/text\"}}" },
};

void config_option_describe(struct belay_json_out *o, const struct belay_option *option,
                            bool template_)
{
    static const char *const refs[] = {
        [BELAY_OPTION_STRING] = "text",  [BELAY_OPTION_SECRET] = "text", [BELAY_OPTION_INT] = "integer",
        [BELAY_OPTION_BOOL] = "boolean", [BELAY_OPTION_DURATION] = "duration",
        [BELAY_OPTION_SIZE] = "size",    [BELAY_OPTION_URL] = "text",
        [BELAY_OPTION_PATH] = "text",    [BELAY_OPTION_FIELDS] = "fields",
        [BELAY_OPTION_TEXTS] = "texts",
    };
    belay_json_begin_object(o);
    put_ref(o, template_ ? "text" : refs[option->type]);
    belay_json_key(o, "description");
    belay_json_put_c(o, option->help);
    if (option->default_) {
        belay_json_key(o, "default");
        belay_json_put_c(o, option->default_);
    }
    belay_json_end_object(o);
}

void config_options_describe(struct belay_json_out *o, const struct belay_option *table)
{
    belay_json_begin_object(o);
    put_type(o, "object");
    belay_json_key(o, "properties");
    belay_json_begin_object(o);
    for (const struct belay_option *option = table; option->name; option++) {
        belay_json_key(o, option->name);
        config_option_describe(o, option, false);
    }
    belay_json_end_object(o);
    belay_json_key(o, "required");
    belay_json_begin_array(o);
    for (const struct belay_option *option = table; option->name; option++)
        if (option->required)
            belay_json_put_c(o, option->name);
    belay_json_end_array(o);
    belay_json_key(o, "additionalProperties");
    belay_json_put_bool(o, false);
    belay_json_end_object(o);
}

void belay_config_schema_write(struct belay_buf *out)
{
    const struct config_kind *kinds[KINDS_MAX];
    size_t count = config_kinds(kinds, KINDS_MAX);
    struct belay_json_out o = belay_json_out(out);
    belay_json_begin_object(&o);
    belay_json_key(&o, "$schema");
    belay_json_put_c(&o, "https://json-schema.org/draft/2020-12/schema");
    belay_json_key(&o, "title");
    belay_json_put_c(&o, "Belay configuration");
    put_ref(&o, config_kind_file.name);
    belay_json_key(&o, "$defs");
    belay_json_begin_object(&o);
    for (size_t i = 0; i < count; i++)
        put_kind(&o, kinds[i]);
    for (size_t i = 0; i < sizeof scalars / sizeof scalars[0]; i++) {
        belay_json_key(&o, scalars[i].name);
        put_raw(&o, scalars[i].json);
    }
    belay_json_end_object(&o);
    belay_json_end_object(&o);
}
