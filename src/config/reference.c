/* docs/language.md from the tables: what the parser knows, for people. */
#include "config/grammar.h"
#include "config/options.h"
#include "config/rules.h"
#include "connector/registry.h"

static const char preamble[]
    = "# The language\n"
      "\n"
      "<!-- Made from the parser's tables (unit.config.schema --write); not edited by hand. -->\n"
      "\n"
      "A configuration is YAML 1.2: one or several files, merged; the order of files and keys does "
      "not\n"
      "matter. A folder stands for its `belay.yaml` and `*.belay.yaml`. `belay lint` tells every "
      "mistake of\n"
      "every file at once; `belay schema print` gives the JSON Schema for an editor.\n"
      "\n"
      "**Expressions.** `{% ... %}` is a JSONata expression; every other string is literal. An "
      "expression\n"
      "alone yields its value; within a longer string it is interpolated (and percent-encoded in a "
      "path).\n"
      "`$` is the body; `$message`, `$headers`, `$params` (of an API), `$vars` (by `set`), "
      "`$error` (in\n"
      "`on_error`), `$request` (of an API: its typed parameters, headers, cookies and who asked;\n"
      "docs/openapi.md) and each step's result under its `as` name are beside it. In a saga `$` stays "
      "the input\n"
      "and `$steps.NAME` is a step's result; in `match` and `fail_when` `$` is the event. "
      "`$saga(name, id)`\n"
      "looks a saga up. Where text is wanted (a key, an id, a path, the name of a topic), "
      "undefined, null, an\n"
      "array or an object is the error EXPRESSION:UNDEFINED. docs/expressions.md has the functions and "
      "limits.\n"
      "\n"
      "**Environment.** In any string, but not within `{% %}`: `${NAME}` and `${NAME:default}` are "
      "the\n"
      "environment's (an empty variable counts as unset where there is a default), `${file:/path}` "
      "is a\n"
      "file's text without its last newline. `$${` is a plain `${`. What they stand for is in no "
      "message, no\n"
      "log and no stored definition.\n"
      "\n"
      "**Scalars.** A *duration* is `200ms`, `2s`, `5m`, `1h`, `7d`, `2w` or several of them "
      "(`1h30m`). A\n"
      "*size* is a number of bytes, or `64KiB`, `1MiB`, `10kB`. A *name* has letters, digits, `-`, "
      "`_` and\n"
      "`.`. *Text* may hold expressions; a *value* too, and where it is a plain number, `true`, "
      "`false` or\n"
      "`null` it is that. Booleans are `true` and `false` only.\n"
      "\n";

static void put(struct belay_buf *out, const char *text)
{
    belay_buf_put_str(out, belay_str_c(text));
}

static void put_words(struct belay_buf *out, const struct config_word *words)
{
    for (const struct config_word *w = words; w->name; w++)
        belay_buf_printf(out, "%s`%s`", w == words ? "" : w[1].name ? ", " : " or ", w->name);
}

static void put_link(struct belay_buf *out, const char *before, const struct config_kind *kind)
{
    belay_buf_printf(out, "%s[%s](#%s)", before, kind->name, kind->name);
}

static void put_type(struct belay_buf *out, const struct config_key *key)
{
    switch (key->type) {
    case CONFIG_STRING: put(out, "string"); break;
    case CONFIG_NAME: put(out, "name"); break;
    case CONFIG_VARIABLE: put(out, "variable"); break;
    case CONFIG_INT: put(out, "whole number"); break;
    case CONFIG_NUMBER: put(out, "number"); break;
    case CONFIG_BOOL: put(out, "true or false"); break;
    case CONFIG_DURATION: put(out, "duration"); break;
    case CONFIG_SIZE: put(out, "size"); break;
    case CONFIG_CHOICE:
    case CONFIG_WORD: put_words(out, key->words); break;
    case CONFIG_PATH: put(out, "path of a file"); break;
    case CONFIG_TEMPLATE: put(out, "text"); break;
    case CONFIG_VALUE_NODE:
    case CONFIG_VALUE: put(out, "value"); break;
    case CONFIG_TEMPLATES: put(out, "names: text"); break;
    case CONFIG_VALUES_NODE:
    case CONFIG_VALUES: put(out, "names: values"); break;
    case CONFIG_SUB:
    case CONFIG_SUB_NEW:
    case CONFIG_SUB_NODE: put_link(out, "", key->kind); break;
    case CONFIG_LIST_NODE: put_link(out, "list of ", key->kind); break;
    case CONFIG_NAMED_NODE: put_link(out, "names: ", key->kind); break;
    case CONFIG_TEXTS_NODE: put(out, "string or list of strings"); break;
    case CONFIG_TEXT_NODE:
    case CONFIG_ANY_NODE: put(out, key->shape); break;
    case CONFIG_EMPTY: put(out, "`{}`"); break;
    case CONFIG_RESERVED: break;
    }
}

static void put_key(struct belay_buf *out, const struct config_key *key)
{
    belay_buf_printf(out, "| `%s`%s | ", key->name, key->required ? " *" : "");
    put_type(out, key);
    belay_buf_printf(out, " | %s%s%s | %s |\n", key->default_ ? "`" : "",
                     key->default_ ? key->default_ : "", key->default_ ? "`" : "", key->help);
}

static void put_notes(struct belay_buf *out, const struct config_kind *kind)
{
    for (unsigned group = 1; group < 8; group++) {
        const char *before = "";
        if (!(kind->groups_needed & 1u << group))
            continue;
        put(out, "\nExactly one of ");
        for (const struct config_key *key = kind->keys; key->name; key++) {
            if (key->one_of != group)
                continue;
            belay_buf_printf(out, "%s`%s`", before, key->name);
            before = ", ";
        }
        put(out, ".\n");
    }
    if (kind->short_key)
        belay_buf_printf(out, "\nA scalar instead of the mapping is its `%s`.\n", kind->short_key);
    if (kind->extra)
        belay_buf_printf(out, "\nBesides: %s.\n", kind->extra->what);
}

static void put_reserved(struct belay_buf *out, const struct config_kind *kind)
{
    const char *before = "\nReserved for later: ";
    bool any = false;
    for (const struct config_key *key = kind->keys; key->name; key++) {
        if (key->type != CONFIG_RESERVED)
            continue;
        belay_buf_printf(out, "%s`%s`", before, key->name);
        before = ", ";
        any = true;
    }
    if (any)
        put(out, ".\n");
}

static void put_kind(struct belay_buf *out, const struct config_kind *kind)
{
    belay_buf_printf(out, "## %s\n\n%s\n", kind->name, kind->help);
    if (kind->keys->name)
        put(out, "\n| key | is | default | |\n|---|---|---|---|\n");
    for (const struct config_key *key = kind->keys; key->name; key++)
        if (key->type != CONFIG_RESERVED)
            put_key(out, key);
    put_notes(out, kind);
    put_reserved(out, kind);
    put(out, "\n");
}

static void put_options(struct belay_buf *out, const struct belay_option *table)
{
    put(out, "\n| key | is | default | |\n|---|---|---|---|\n");
    for (const struct belay_option *o = table; o->name; o++)
        belay_buf_printf(out, "| `%s`%s | %s | %s%s%s | %s |\n", o->name, o->required ? " *" : "",
                         config_option_type(o->type), o->default_ ? "`" : "",
                         o->default_ ? o->default_ : "", o->default_ ? "`" : "", o->help);
}

static void put_connectors(struct belay_buf *out)
{
    put(out, "# Connectors\n\n");
    for (const struct belay_connector *const *at = belay_connector_list(); *at; at++) {
        belay_buf_printf(
            out, "## connector %s\n\n%s Its errors are `%s:...`.\n\nOptions of a connection:\n",
            (*at)->name, (*at)->help, (*at)->namespace_);
        put_options(out, (*at)->options);
        put(out, "\nWhat a call takes:\n");
        put_options(out, (*at)->call_params);
        put(out, "\n");
    }
}

static void put_rules(struct belay_buf *out)
{
    put(out, "# What `belay lint` finds\n\n| rule | | |\n|---|---|---|\n");
    for (const struct config_rule *r = config_rules; r->name; r++)
        belay_buf_printf(out, "| `%s` | %s | %s |\n", r->name, r->warning ? "warning" : "error",
                         r->help);
}

void belay_config_reference_write(struct belay_buf *out)
{
    const struct config_kind *kinds[64];
    size_t count = config_kinds(kinds, 64);
    put(out, preamble);
    put(out, "# Mappings\n\nA star marks what must be there.\n\n");
    for (size_t i = 0; i < count; i++)
        put_kind(out, kinds[i]);
    put_connectors(out);
    put_rules(out);
}
