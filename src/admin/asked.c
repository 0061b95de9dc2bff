#include "admin/asked.h"

#include <stdio.h>

#include "base/assert.h"

static const struct admin_member *find(const struct admin_member *table, struct belay_str name)
{
    for (; table && table->name; table++)
        if (belay_str_eq(name, belay_str_c(table->name)))
            return table;
    return NULL;
}

/* "there is no 'flwo' here; what there is: flow, state" */
static bool refuse_unknown(const struct admin_member *table, const char *what, struct belay_str name, char *text,
                           size_t text_bytes)
{
    int n = snprintf(text, text_bytes, "there is no %s '%.*s' here; there %s", what,
                     (int)(name.n < 60 ? name.n : 60), name.p, table && table->name ? "is: " : "is none at all");
    for (; table && table->name && n > 0 && (size_t)n < text_bytes; table++)
        n += snprintf(text + n, text_bytes - (size_t)n, "%s%s", table->name, table[1].name ? ", " : "");
    return false;
}

static const char *wants(enum admin_kind kind)
{
    switch (kind) {
    case ADMIN_TEXT: return "a text";
    case ADMIN_NAME: return "a text that is not empty";
    case ADMIN_NUMBER: return "a whole number, not negative";
    case ADMIN_FLAG: return "true or false";
    case ADMIN_OBJECT: return "an object";
    case ADMIN_ANY: return "JSON";
    }
    BELAY_UNREACHABLE();
}

static bool refuse_kind(const struct admin_member *m, char *text, size_t text_bytes)
{
    snprintf(text, text_bytes, "'%s' has to be %s", m->name, wants(m->kind));
    return false;
}

static bool text_fits(enum admin_kind kind, struct belay_str s)
{
    uint64_t number;
    switch (kind) {
    case ADMIN_NAME: return s.n > 0;
    case ADMIN_NUMBER: return belay_str_to_u64(s, &number);
    case ADMIN_FLAG: return belay_str_eq(s, BELAY_STR("true")) || belay_str_eq(s, BELAY_STR("false"));
    default: return true;
    }
}

static bool value_fits(enum admin_kind kind, const belay_json *v)
{
    switch (kind) {
    case ADMIN_TEXT:
    case ADMIN_NAME: return v->type == BELAY_JSON_STRING && text_fits(kind, belay_json_str(v));
    case ADMIN_NUMBER: return v->type == BELAY_JSON_INT && v->u.i >= 0;
    case ADMIN_FLAG: return v->type == BELAY_JSON_TRUE || v->type == BELAY_JSON_FALSE;
    case ADMIN_OBJECT: return v->type == BELAY_JSON_OBJECT;
    case ADMIN_ANY: return true;
    }
    BELAY_UNREACHABLE();
}

static bool query_is_known(const struct belay_http_request *http, const struct admin_member *table, char *text,
                           size_t text_bytes)
{
    for (uint32_t i = 0; i < http->param_count; i++) {
        const struct belay_http_param *p = &http->params[i];
        if (p->in != BELAY_HTTP_IN_QUERY)
            continue;
        const struct admin_member *m = find(table, p->name);
        if (!m)
            return refuse_unknown(table, "parameter", p->name, text, text_bytes);
        if (!text_fits(m->kind, p->text))
            return refuse_kind(m, text, text_bytes);
    }
    return true;
}

bool asked_is_known(const struct belay_http_request *http, const struct admin_member *query,
                    const struct admin_member *body, char *text, size_t text_bytes)
{
    const belay_json *root = http->body_json;
    if (!query_is_known(http, query, text, text_bytes))
        return false;
    BELAY_ASSERT(!root || root->type == BELAY_JSON_OBJECT); /* else it was refused */
    const belay_json *key = root ? belay_json_first(root) : NULL;
    for (uint32_t i = 0; root && i < root->n; i++, key = belay_json_next(key + 1)) {
        const struct admin_member *m = find(body, belay_json_str(key));
        if (!m)
            return refuse_unknown(body, "member", belay_json_str(key), text, text_bytes);
        if (!value_fits(m->kind, key + 1))
            return refuse_kind(m, text, text_bytes);
    }
    return true;
}
