/* ${NAME}, ${NAME:default}, ${file:/path} in a string; $${ is a plain ${.  Not within {% %}: there
 * "${" is JSONata's own (grouping of the context), and what the environment says never becomes a
 * program.  What comes out is secret: messages show the text as written. */
#include <stdlib.h>

#include "base/limits.h"
#include "config/load.h"
#include "config/redact.h"

struct expansion {
    struct config *c;
    const struct config_node *node;
    struct belay_buf out;
    bool failed;
};

static struct belay_problem *fail(struct expansion *x, size_t at, const char *what, struct belay_str name)
{
    x->failed = true;
    return config_error(x->c->problems, config_place_at(x->node, at), "environment", "%s '%.*s'", what,
                        BELAY_STR_ARG(name));
}

static bool is_variable_name(struct belay_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return s.n > 0 && s.n < 256;
}

static const char *variable(struct config *c, struct belay_str name)
{
    char text[256];
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    return c->opt->env ? c->opt->env(c->opt->env_arg, text) : getenv(text);
}

/* A value from outside goes into text that may be a template: it must stay text. */
static void put_value(struct expansion *x, size_t at, struct belay_str name, struct belay_str value)
{
    for (size_t i = 0; i + 1 < value.n; i++) {
        if (value.p[i] == '{' && value.p[i + 1] == '%') {
            fail(x, at, "'{%' may not come from the environment:", name);
            return;
        }
    }
    belay_buf_put_str(&x->out, value);
}

static void put_file(struct expansion *x, size_t at, struct belay_str path)
{
    struct belay_str full = config_resolve(x->c, x->node->file, path);
    struct belay_buf bytes;
    struct belay_err err = { 0 };
    belay_buf_init(&bytes, BELAY_CONFIG_SECRET_BYTES_MAX);
    int status = full.p ? config_read_bytes(x->c, full.p, &bytes, &err) : BELAY_NOMEM;
    if (status == BELAY_NOMEM) {
        config_no_memory(x->c);
        x->failed = true;
    } else if (status) {
        config_error(x->c->problems, config_place_at(x->node, at), "environment",
                     "the secret cannot be read: %s", err.msg);
        x->failed = true;
    } else {
        struct belay_str text = belay_buf_view(&bytes);
        text.n -= text.n && text.p[text.n - 1] == '\n';
        text.n -= text.n && text.p[text.n - 1] == '\r';
        config_secret(x->c, text);
        put_value(x, at, path, text);
    }
    belay_buf_deinit(&bytes);
}

/* inner: what is between ${ and }. */
static void put_reference(struct expansion *x, size_t at, struct belay_str inner)
{
    struct belay_str rest = inner, name = belay_str_split(&rest, ':');
    if (belay_str_eq(name, BELAY_STR("file")) && rest.p) {
        put_file(x, at, rest);
        return;
    }
    if (!is_variable_name(name)) {
        fail(x, at, "not ${NAME}, ${NAME:default} or ${file:/path}:", inner);
        return;
    }
    const char *value = variable(x->c, name);
    if (value && *value && (x->c->secret_here || config_is_secret_name(x->c, name)))
        config_secret(x->c, belay_str_c(value));
    if (value && (*value || !rest.p))
        put_value(x, at, name, belay_str_c(value));
    else if (rest.p)
        put_value(x, at, name, rest);
    else
        config_suggest(x->c->problems, fail(x, at, "the environment has no variable", name),
                       "set it, or give it a default: ${%.*s:value}", BELAY_STR_ARG(name));
}

/* Offset behind the first `end` after at, or text.n. */
static size_t behind(struct belay_str text, size_t at, const char *end)
{
    size_t n = strlen(end);
    for (; at + n <= text.n; at++)
        if (memcmp(text.p + at, end, n) == 0)
            return at + n;
    return text.n;
}

static bool at_text(struct belay_str text, size_t at, const char *what)
{
    return belay_str_starts(belay_str_sub(text, at, text.n), belay_str_c(what));
}

static void run(struct expansion *x)
{
    struct belay_str text = x->node->text;
    for (size_t at = 0; at < text.n && !x->failed;) {
        size_t end = at + 1;
        if (at_text(text, at, "{%")) {
            end = behind(text, at, "%}");
            belay_buf_put(&x->out, text.p + at, end - at);
        } else if (at_text(text, at, "$${")) {
            end = at + 3;
            belay_buf_put_str(&x->out, BELAY_STR("${"));
        } else if (at_text(text, at, "${")) {
            end = behind(text, at, "}");
            if (text.p[end - 1] != '}')
                fail(x, at, "'${' without its '}' in", text);
            else
                put_reference(x, at, belay_str_sub(text, at + 2, end - at - 3));
        } else {
            belay_buf_put_c(&x->out, text.p[at]);
        }
        at = end;
    }
}

bool config_expand(struct config *c, const struct config_node *node, struct belay_str *ret_text)
{
    if (behind(node->text, 0, "${") == node->text.n
        && !belay_str_ends(node->text, BELAY_STR("${"))) {
        *ret_text = node->text;
        return true;
    }
    struct expansion x = { c, node, { 0 }, false };
    belay_buf_init(&x.out, BELAY_CONFIG_FILE_BYTES_MAX);
    run(&x);
    struct belay_str text = BELAY_STR_NONE;
    if (!x.failed && !belay_buf_status(&x.out))
        text = belay_arena_str(&c->scratch, belay_buf_view(&x.out));
    if (!x.failed && !text.p)
        config_no_memory(c);
    belay_buf_deinit(&x.out);
    if (!text.p)
        return false;
    *ret_text = text;
    return true;
}
