/* redact_restore.c - a body that was shown with marks, was edited, and comes back: each mark is what it stands for. */
#include <string.h>

#include "json/redact_impl.h"

struct restore {
    const struct belay_redact *r;
    const belay_json *original;
    struct belay_buf *out;
    struct belay_err *err;
    int status;
};

#define MARK_BEGINS "[redacted"

bool belay_redact_is_marked(struct belay_str text)
{
    const struct belay_str mark = BELAY_STR(MARK_BEGINS);
    for (size_t i = 0; i + mark.n <= text.n; i++)
        if (text.p[i] == '[' && belay_str_eq_nocase(belay_str_sub(text, i, mark.n), mark))
            return true;
    return false;
}

/* "[redacted /card/number]" -> "/card/number" */
static bool place_of(struct belay_str text, struct belay_str *ret_pointer)
{
    const struct belay_str begin = BELAY_STR(MARK_BEGINS " /");
    if (!belay_str_starts(text, begin) || text.p[text.n - 1] != ']')
        return false;
    *ret_pointer = belay_str_sub(text, begin.n - 1, text.n - begin.n);
    return true;
}

/* Does a path name the value, or one that it is within? */
static bool is_named(const struct belay_redact *r, const belay_json *v, struct belay_str pointer)
{
    struct belay_redact_at at, to;
    struct belay_str rest = belay_str_sub(pointer, 1, pointer.n);
    bool named = false;
    belay_redact_root(r, &at);
    while (v && rest.p && !named) {
        struct belay_str token = belay_str_split(&rest, '/');
        uint64_t index;
        const belay_json *next = belay_json_pointer(v, belay_str(token.p - 1, token.n + 1));
        if (next && v->type == BELAY_JSON_OBJECT)
            named = belay_redact_member(r, &at, belay_json_str(next - 1), &to); /* its name stands before it */
        else
            named = next && belay_str_to_u64(token, &index) && belay_redact_element(r, &at, index, &to);
        v = next;
        at = to;
    }
    return named && v;
}

static void refuse(struct restore *t, struct belay_str text, const char *why)
{
    t->status = belay_fail(t->err, BELAY_INVALID, "%.*s: %s", (int)(text.n < 200 ? text.n : 200), text.p, why);
}

static bool is_of_original(const belay_json *v, struct belay_str text)
{
    const belay_json *x = belay_json_first(v);
    if (v->type == BELAY_JSON_STRING)
        return belay_str_eq(belay_json_str(v), text);
    for (uint32_t i = 0; v->type >= BELAY_JSON_ARRAY && i < v->n; i++, x = belay_json_next(x)) {
        x += v->type == BELAY_JSON_OBJECT;
        if (is_of_original(x, text))
            return true;
    }
    return false;
}

static void restore_string(struct restore *t, struct belay_str text, bool hidden)
{
    struct belay_str pointer;
    const belay_json *was;
    if (!belay_redact_is_marked(text) || is_of_original(t->original, text)) {
        belay_json_write_str(t->out, text);
        return;
    }
    if (!place_of(text, &pointer))
        refuse(t, text, "a mark stands for a value only where it is all of a text, as it was shown: use --reveal to see it");
    else if (!(was = belay_json_pointer(t->original, pointer)) || !is_named(t->r, t->original, pointer))
        refuse(t, text, "nothing that is redacted stands there in the message");
    else if (!hidden)
        refuse(t, text, "here its value could be seen by anybody: no `redact` path names this place");
    else
        belay_json_write(t->out, was);
}

static void restore(struct restore *t, const belay_json *v, const struct belay_redact_at *at, bool hidden)
{
    const belay_json *x = belay_json_first(v);
    struct belay_redact_at to;
    if (v->type == BELAY_JSON_STRING) {
        restore_string(t, belay_json_str(v), hidden);
        return;
    }
    if (v->type < BELAY_JSON_ARRAY) {
        belay_json_write(t->out, v);
        return;
    }
    bool object = v->type == BELAY_JSON_OBJECT;
    belay_buf_put_c(t->out, object ? '{' : '[');
    for (uint32_t i = 0; i < v->n && t->status == BELAY_OK; i++, x = belay_json_next(x)) {
        bool named = object ? belay_redact_member(t->r, at, belay_json_str(x), &to) : belay_redact_element(t->r, at, i, &to);
        if (i)
            belay_buf_put_c(t->out, ',');
        if (object) {
            belay_json_write_str(t->out, belay_json_str(x++));
            belay_buf_put_c(t->out, ':');
        }
        restore(t, x, &to, hidden || named);
    }
    belay_buf_put_c(t->out, object ? '}' : ']');
}

int belay_redact_restore(const struct belay_redact *r, const belay_json *original, const belay_json *edited,
                         struct belay_buf *out, struct belay_err *err)
{
    static const struct belay_redact none;
    struct restore t = { .r = r ? r : &none, .original = original, .out = out, .err = err, .status = BELAY_OK };
    struct belay_redact_at at;
    belay_redact_root(r, &at);
    restore(&t, edited, &at, false);
    if (t.status != BELAY_OK)
        return t.status;
    int status = belay_buf_status(out);
    return status == BELAY_OK ? status : belay_fail(err, status, "no memory for the message");
}
