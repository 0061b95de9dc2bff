/* What expressions may read besides their message: `env`, so that the environment is data that
 * somebody declared, and `tables`, files that are read with the configuration and again with each
 * reload; a run looks into the tables it began with. */
#include "base/limits.h"
#include "config/grammar.h"
#include "config/parts.h"
#include "json/utf8.h"

/* ---- env ---- */

struct env_raw {
    struct belay_str value;
};

static const struct config_key env_keys[] = {
    { "value", CONFIG_STRING, "Its text, usually ${NAME} or ${NAME:default}.", .required = true,
      CONFIG_FIELD(struct env_raw, value) },
    { 0 },
};

const struct config_kind config_kind_env = {
    "env",
    "A text that expressions read by $env('NAME'): of the environment they see nothing else.",
    env_keys,
    sizeof(struct env_raw),
    .short_key = "value",
};

void config_env(struct config *c, const struct config_link *m, struct belay_expr_data *to)
{
    struct env_raw raw = { 0 };
    if (!config_check_name(c, m->key, "variable of the environment"))
        return;
    config_parse(c, &config_kind_env, m->value, &raw);
    struct belay_str name = config_keep(c, m->key->text);
    if (!c->status && belay_expr_data_env(to, name, raw.value.p ? raw.value : BELAY_STR("")))
        config_no_memory(c);
}

/* ---- tables ---- */

struct table_raw {
    const struct config_node *file;
    struct belay_str key, delimiter;
};

static const struct config_key table_keys[] = {
    { "file", CONFIG_TEXT_NODE,
      "CSV with a row of column names (.csv), JSON (.json) or YAML: an object, whose members are "
      "looked up by name, or rows.",
      .required = true, CONFIG_FIELD(struct table_raw, file), .shape = "path of a file" },
    { "key", CONFIG_STRING, "Rows are looked up by this member or column.",
      CONFIG_FIELD(struct table_raw, key) },
    { "delimiter", CONFIG_STRING, "What separates the columns of a CSV file.", .default_ = ",",
      CONFIG_FIELD(struct table_raw, delimiter) },
    { 0 },
};

const struct config_kind config_kind_table = {
    "table",
    "A file to look things up in; it is read with the configuration, and again with each reload.",
    table_keys,
    sizeof(struct table_raw),
    .short_key = "file",
};

static bool csv_rows(struct config *c, const struct table_raw *raw, struct belay_str text,
                     struct belay_value *ret_rows, struct belay_err *err)
{
    struct belay_expr *e = NULL;
    struct belay_expr_error error = { .code = "" };
    const struct belay_binding bindings[]
        = { { BELAY_STR("d"), belay_value_str(raw->delimiter) } };
    struct belay_expr_env env
        = { .bindings = bindings, .binding_count = 1, .steps_max = UINT32_MAX };
    int status = belay_expr_compile(BELAY_STR("$parse($, 'csv', {'delimiter': $d})"), &e, NULL, err);
    if (!status)
        status = belay_expr_eval(e, belay_value_str(text), &env, c->arena, ret_rows, &error, err);
    belay_expr_free(e);
    if (status == BELAY_NOMEM)
        config_no_memory(c);
    else if (status)
        (void)!belay_fail(err, status, "%s", error.message);
    return !status;
}

static bool is_utf8(struct belay_str s, size_t *ret_bad)
{
    for (const char *p = s.p, *end = s.p + s.n; p < end;) {
        size_t n = belay_utf8_len(p, end);
        *ret_bad = (size_t)(p - s.p);
        if (!n)
            return false;
        p += n;
    }
    return true;
}

/* False: said, or err has the reason. */
static bool rows_of(struct config *c, const struct table_raw *raw, struct belay_str path,
                    struct belay_value *ret_rows, struct belay_err *err)
{
    if (!belay_str_ends(path, BELAY_STR(".csv"))) {
        const struct config_node *tree = config_read_tree(c, path, raw->file);
        const belay_json *root
            = tree ? config_tape(c, tree, raw->file, BELAY_CONFIG_FILE_BYTES_MAX * 4, "table",
                                 "table", NULL)
                   : NULL;
        if (root)
            *ret_rows = belay_value_tape(root);
        return root;
    }
    struct belay_buf bytes;
    struct belay_str text = BELAY_STR_NONE;
    size_t bad;
    belay_buf_init(&bytes, BELAY_CONFIG_FILE_BYTES_MAX);
    int status = config_read_bytes(c, path.p, &bytes, err);
    if (!status)
        text = config_keep(c, belay_buf_view(&bytes));
    belay_buf_deinit(&bytes);
    if (status == BELAY_NOMEM)
        config_no_memory(c);
    if (text.p && !is_utf8(text, &bad)) {
        (void)!belay_fail(err, BELAY_INVALID, "byte %zu is no UTF-8", bad);
        return false;
    }
    return text.p && csv_rows(c, raw, text, ret_rows, err);
}

void config_table(struct config *c, const struct config_link *m, struct belay_expr_data *to)
{
    struct table_raw raw = { 0 };
    struct belay_err err = { 0 };
    struct belay_str text;
    struct belay_value rows;
    if (!config_check_name(c, m->key, "table"))
        return;
    config_parse(c, &config_kind_table, m->value, &raw);
    if (!raw.file || !config_text(c, raw.file, &text))
        return;
    struct belay_str path = config_resolve(c, raw.file->file, text);
    struct belay_str name = config_keep(c, m->key->text);
    if (c->status)
        return;
    bool ok = rows_of(c, &raw, path, &rows, &err)
              && !belay_expr_data_table(to, name, rows, raw.key, &err);
    struct belay_value_object *none = ok ? NULL : belay_value_object_new(c->arena);
    if (none && belay_expr_data_table(to, name, belay_value_object(none), raw.key, NULL))
        config_no_memory(c); /* its name is declared all the same: one mistake is told once */
    if (!ok && err.code == BELAY_NOMEM)
        config_no_memory(c);
    else if (!ok && err.code)
        config_error(c->problems, config_place(raw.file), "table", "the table cannot be used: %s",
                     err.msg);
}
