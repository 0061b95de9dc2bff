/* What each verb of a step says: from its mapping to the step. choose is steps.h's own. */
#include "config/verb.h"

#include "base/limits.h"
#include "config/openapi.h"
#include "config/scalar.h"

/* ---- validate ---- */

struct validate_raw {
    const struct config_node *schema;
};
static const struct config_key validate_keys[] = {
    { "schema", CONFIG_ANY_NODE, .shape = "path of a file, or a schema",
      .help = "The JSON Schema (2020-12): a file's path, or the schema itself as a mapping. What "
              "does not match "
              "is the error VALIDATION:SCHEMA.",
      .required = true, CONFIG_FIELD(struct validate_raw, schema) },
    { 0 },
};
const struct config_kind config_kind_validate = { "validate", "Checks the body.", validate_keys,
                                                  sizeof(struct validate_raw), .short_key = NULL };

/* A file's schema becomes part of the definition's text: it must not change under waiting work. */
static void swap_schema(struct config *c, const struct config_node *node, struct belay_str json)
{
    struct config_swap *swap = config_scratch(c, sizeof *swap);
    if (swap) {
        *swap = (struct config_swap){ node, json, c->swaps };
        c->swaps = swap;
    }
}

static const belay_json *schema_tape(struct config *c, const struct config_node *node,
                                     const struct config_node *tree)
{
    struct belay_str kept;
    const belay_json *root = config_tape(c, tree, node, BELAY_CONFIG_FILE_BYTES_MAX, "schema", "schema", &kept);
    if (root && (tree != node || config_get(tree, "x-files")))
        swap_schema(c, node, kept);
    return root;
}

struct schema_check {
    struct config *c;
    const struct config_node *tree;
};

static void schema_mistake(void *arg, const char *text)
{
    const struct schema_check *check = arg;
    struct belay_str message = belay_str_c(text), pointer = config_take_pointer(&message);
    struct belay_problem *p = config_error(check->c->problems, config_place_of_pointer(check->tree, pointer), "schema", "%.*s",
                                           BELAY_STR_ARG(message));
    if (belay_str_ends(message, BELAY_STR("leads to no known document")))
        config_suggest(check->c->problems, p,
                       "nothing is fetched: put a copy beside it, or into a folder that the configuration names: remotes");
}

/* It would check nothing. */
static void schema_unknown(void *arg, struct belay_str schema, struct belay_str keyword, struct belay_str meant)
{
    const struct schema_check *check = arg;
    config_unknown_keyword(check->c, check->tree, schema, keyword, meant);
}

static const struct belay_schema *compile_schema(struct config *c, const struct config_node *node,
                                                 const belay_json *root)
{
    struct schema_check check = { c, node };
    struct belay_schema_opt opt = { .assert_formats = true, .mistake = schema_mistake, .mistake_arg = &check };
    if (c->unread)
        opt.resolve = belay_schema_anything;
    if (!c->stored) {
        opt.unknown_keyword = schema_unknown;
        opt.unknown_keyword_arg = &check;
    }
    struct belay_err err = { 0 };
    struct config_owned *owned = CONFIG_NEW(c, struct config_owned);
    if (!owned)
        return NULL;
    int status = belay_schema_compile(root, root, &opt, &owned->schema, &err);
    if (status == BELAY_NOMEM) {
        config_no_memory(c);
        return NULL;
    }
    if (status && status != BELAY_INVALID && status != BELAY_UNSUPPORTED)
        schema_mistake(&check, err.msg); /* a limit */
    if (status)
        return NULL;
    owned->next = c->set->owned;
    c->set->owned = owned;
    return owned->schema;
}

void verb_validate(struct config *c, const struct config_node *node, struct belay_step_def *to)
{
    struct validate_raw raw = { 0 };
    struct belay_str path = BELAY_STR_NONE;
    config_parse(c, &config_kind_validate, node, &raw);
    const struct config_node *tree = raw.schema;
    if (tree && tree->kind == CONFIG_SCALAR) {
        if (!config_text(c, tree, &path))
            return;
        path = config_resolve(c, tree->file, path);
        tree = path.p ? tree : NULL;
    }
    if (tree && (path.p || !c->stored)) /* a stored one is whole */
        tree = config_schema_tree(c, path, tree);
    const belay_json *root = tree ? schema_tape(c, raw.schema, tree) : NULL;
    if (root)
        to->u.validate.schema = compile_schema(c, tree, root);
}

/* ---- map, filter, set, log, reply, dead_letter ---- */

void verb_map(struct config *c, const struct config_node *node, struct belay_step_def *to)
{
    config_template(c, node, CONFIG_USE_VALUE, &to->u.map.value);
}

static const struct config_key discard_keys[] = {
    { "reason", CONFIG_STRING, "Why: it is kept with the message, counted and logged.", .required = true,
      CONFIG_FIELD(struct discard_raw, reason) },
    { 0 },
};
const struct config_kind config_kind_discard
    = { "discard", "Ends a message on purpose, with a reason.", discard_keys, sizeof(struct discard_raw),
        .short_key = "reason" };

static const struct config_key filter_keys[] = {
    { "when", CONFIG_VALUE, "The message goes on where this is true.", .required = true,
      .purpose = CONFIG_CONDITION, CONFIG_FIELD(struct filter_raw, when) },
    { "reason", CONFIG_STRING, "Why the others are discarded: short for discard.", .one_of = 1,
      CONFIG_FIELD(struct filter_raw, reason) },
    { "discard", CONFIG_SUB, "The others are discarded, with this reason.", .one_of = 1,
      CONFIG_FIELD(struct filter_raw, discard), .kind = &config_kind_discard },
    { "else", CONFIG_LIST_NODE, "What is done with the others, instead of the rest of the flow.", .one_of = 1,
      CONFIG_FIELD(struct filter_raw, otherwise), .kind = &config_kind_step },
    { 0 },
};
const struct config_kind config_kind_filter
    = { "filter", "Lets some messages go on, and says what becomes of the others: no message just vanishes.",
        filter_keys, sizeof(struct filter_raw), .short_key = "when", .groups_needed = 1u << 1 };

static const struct config_key set_table[] = {
    { "set", CONFIG_VALUES, "", CONFIG_COUNTED(struct belay_step_def, u.set.vars, u.set.count) },
    { 0 },
};

void verb_set(struct config *c, const struct config_node *node, struct belay_step_def *to)
{
    config_templates(c, &set_table[0], node, to);
}

/* obs' levels; config does not use obs. */
static const struct config_word level_words[]
    = { { "debug", 0 }, { "info", 1 }, { "warn", 2 }, { "error", 3 }, { 0 } };
struct log_raw {
    struct belay_step_def *to;
    const struct belay_template *message;
    const struct belay_named_template *fields;
    uint32_t field_count;
    int level;
};
static const struct config_key log_keys[] = {
    { "message", CONFIG_TEMPLATE, "What the line says.", .required = true,
      CONFIG_FIELD(struct log_raw, message) },
    { "level", CONFIG_WORD, "debug, info, warn or error.", .default_ = "info", .words = level_words,
      CONFIG_FIELD(struct log_raw, level) },
    { "fields", CONFIG_VALUES, "Further members of the line.",
      CONFIG_COUNTED(struct log_raw, fields, field_count) },
    { 0 },
};
const struct config_kind config_kind_log
    = { "log", "Writes a line to the log when the flow completes.", log_keys,
        sizeof(struct log_raw), .short_key = "message" };

/* A line's own members come once. */
static void refuse_taken_names(struct config *c, const struct config_node *node, const struct log_raw *raw)
{
    static const char *const taken[] = { "ts", "level", "event", "text", "message", "correlation", "flow",
                                         "trace", "key", "sequence", "attempt", "truncated", "suppressed" };
    for (uint32_t i = 0; i < raw->field_count; i++)
        for (size_t k = 0; k < sizeof taken / sizeof taken[0]; k++)
            if (belay_str_eq(raw->fields[i].name, belay_str_c(taken[k])))
                config_error(c->problems, config_place(node), "taken-name",
                             "a line of the log has a '%s' of its own: call the field otherwise", taken[k]);
}

void verb_log(struct config *c, const struct config_node *node, struct belay_step_def *to)
{
    struct log_raw raw = { 0 };
    config_parse(c, &config_kind_log, node, &raw);
    refuse_taken_names(c, node, &raw);
    to->u.log.level = (uint8_t)raw.level;
    to->u.log.message = raw.message;
    to->u.log.fields = raw.fields;
    to->u.log.field_count = raw.field_count;
}

static const struct config_key reply_keys[] = {
    { "status", CONFIG_TEMPLATE, "HTTP status.", .default_ = "200",
      CONFIG_FIELD(struct belay_step_def, u.reply.status) },
    { "headers", CONFIG_TEMPLATES, "Headers of the answer.",
      CONFIG_COUNTED(struct belay_step_def, u.reply.headers, u.reply.header_count) },
    { "body", CONFIG_VALUE, "The answer's body; without it the body as it is, with null none.",
      CONFIG_FIELD(struct belay_step_def, u.reply.body) },
    { 0 },
};

static void finish_reply(struct config *c, const struct config_node *node, void *target)
{
    struct belay_step_def *to = target;
    const struct config_node *status = config_get(node, "status"), *body = config_get(node, "body");
    struct belay_str text = status ? config_literal(c, status) : BELAY_STR_NONE;
    int64_t number = 0;
    if (text.p && (!config_int(text, &number) || number < 200 || number > 599))
        config_error(c->problems, config_place(status), "type",
                     "an HTTP status from 200 to 599 is wanted here, not '%.*s'",
                     BELAY_STR_ARG(status->text));
    bool none = number == 204 || number == 304 || (body && config_is_null(body));
    to->u.reply.body_none = none;
    if (none)
        to->u.reply.body = NULL;
}

const struct config_kind config_kind_reply
    = { "reply", "Answers the API's caller and ends the flow.", reply_keys,
        sizeof(struct belay_step_def), .finish = finish_reply };

void verb_reply(struct config *c, const struct config_node *node, struct belay_step_def *to)
{
    config_parse(c, &config_kind_reply, node, to);
    to->next = BELAY_STEP_END;
}

static const struct config_key dead_letter_keys[] = {
    { "reason", CONFIG_TEMPLATE, "Why, for whoever works through the letters.",
      CONFIG_FIELD(struct belay_step_def, u.dead_letter.reason) },
    { "skip", CONFIG_BOOL, "Let the key's later messages pass, whatever on_exhausted says.",
      .default_ = "false", CONFIG_FIELD(struct belay_step_def, u.dead_letter.skip) },
    { 0 },
};
const struct config_kind config_kind_dead_letter = {
    "dead_letter",         "Makes the message a letter in the dead-letter queue and ends the flow.",
    dead_letter_keys,      sizeof(struct belay_step_def),
    .short_key = "reason",
};

void verb_dead_letter(struct config *c, const struct config_node *node, struct belay_step_def *to)
{
    config_parse(c, &config_kind_dead_letter, node, to);
    to->next = BELAY_STEP_END;
}

/* ---- publish, call ---- */

void verb_publish(struct config *c, const struct config_node *node, struct belay_step_def *to)
{
    config_publish(c, node, &to->u.publish);
}

void verb_call(struct config *c, const struct config_node *node, struct belay_step_def *to)
{
    const struct belay_call_def *call = config_call(c, node);
    if (call)
        to->u.call.call = *call;
}
