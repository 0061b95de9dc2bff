/* Values to XML: the mapping of xml_read.c, turned round. */
#include "base/limits.h"
#include "expr/formats.h"
#include "json/utf8.h"

struct writer {
    struct run *run;
    struct text out;
    uint32_t depth;
};

static bool fail(struct writer *w, const char *what, struct belay_str name)
{
    format_fail(w->run, "U3004", "%s '%.*s'", what, BELAY_STR_ARG(name));
    return false;
}

static bool is_name(struct belay_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = (uint8_t)s.p[i];
        bool first = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == ':'
                     || c >= 0x80;
        if (!first && (i == 0 || !((c >= '0' && c <= '9') || c == '-' || c == '.')))
            return false;
    }
    return s.n > 0;
}

/* XML has no way to write most control characters, U+FFFE and U+FFFF. */
static bool is_text(struct belay_str s)
{
    for (const char *p = s.p, *end = s.p + s.n; s.n && p < end;) {
        size_t n = belay_utf8_len(p, end);
        uint32_t c = n ? belay_utf8_get(p, n) : 0;
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0xfffe || c == 0xffff)
            return false;
        p += n;
    }
    return true;
}

static void put_c(struct writer *w, const char *s)
{
    text_put(&w->out, s, strlen(s));
}

static bool put_text(struct writer *w, struct belay_value v, struct belay_str name, bool attribute)
{
    char room[VALUE_NUMBER_TEXT_MAX];
    struct belay_str s;
    if (!format_scalar(w->run, v, room, &s) || !is_text(s))
        return fail(w, "XML cannot hold the text of", name);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        const char *escape = c == '&'                  ? "&amp;"
                             : c == '<'                ? "&lt;"
                             : c == '>'                ? "&gt;"
                             : c == '\r'               ? "&#13;"
                             : !attribute              ? NULL
                             : c == '"'                ? "&quot;"
                             : c == '\n'               ? "&#10;"
                             : c == '\t'               ? "&#9;"
                                                       : NULL;
        if (escape)
            put_c(w, escape);
        else
            text_put(&w->out, &c, 1);
    }
    return !w->out.failed;
}

static bool put_raw(struct writer *w, struct belay_value v, const char *never, struct belay_str name)
{
    struct belay_str end = belay_str_c(never);
    bool good = v.type == BELAY_VALUE_STRING && is_text(value_str(v))
                && !memmem(v.u.s, v.n, end.p, end.n)
                && !(end.p[0] == '-' && v.n && v.u.s[v.n - 1] == '-');
    if (good)
        text_put(&w->out, v.u.s, v.n);
    return good || fail(w, "XML cannot hold the text of", name);
}

static bool put_element(struct writer *w, struct belay_str name, struct belay_value v);

static bool put_node(struct writer *w, struct belay_str name, struct belay_value v)
{
    if (belay_str_eq(name, BELAY_STR("#text")))
        return put_text(w, v, name, false);
    if (belay_str_eq(name, BELAY_STR("#comment"))) {
        put_c(w, "<!--");
        bool ok = put_raw(w, v, "--", name);
        put_c(w, "-->");
        return ok;
    }
    if (name.n && name.p[0] == '?') {
        struct belay_str target = belay_str_sub(name, 1, name.n);
        if (!is_name(target) || belay_str_eq_nocase(target, BELAY_STR("xml")))
            return fail(w, "no name of an instruction:", name);
        put_c(w, "<?");
        text_put_str(&w->out, target);
        if (v.n)
            put_c(w, " ");
        bool ok = put_raw(w, v, "?>", name);
        put_c(w, "?>");
        return ok;
    }
    return put_element(w, name, v);
}

static bool is_child(struct belay_str name)
{
    return name.n && name.p[0] != '@' && !belay_str_eq(name, BELAY_STR("#order"));
}

static struct belay_value nth(struct belay_value v, uint32_t n)
{
    return value_is_array(v) ? belay_value_at(v, n) : n == 0 ? v : UNDEFINED;
}

/* Children as "#order" has them, each name's one after the other. */
static bool put_ordered(struct writer *w, struct belay_value object, struct belay_value order)
{
    struct belay_value_object *taken = value_object_new(w->run->arena, 8);
    struct value_iter it = value_iter(order);
    struct value_members m = value_members(object);
    struct belay_value name, v;
    uint64_t left = 0;
    while (value_members_next(&m, &name, &v))
        left += is_child(value_str(name)) ? value_iter(v).n : 0;
    for (; taken && value_iter_next(&it, &name); left--) {
        bool known = name.type == BELAY_VALUE_STRING && is_child(value_str(name));
        v = known ? value_get(belay_value_object(taken), value_str(name)) : UNDEFINED;
        uint32_t at = value_defined(v) ? (uint32_t)v.u.i : 0;
        v = known ? nth(value_get(object, value_str(name)), at) : UNDEFINED;
        if (!value_defined(v) || !run_charge(w->run, 1 + at / 64))
            return fail(w, "#order names what is not there:",
                        known ? value_str(name) : BELAY_STR_NONE);
        if (!put_node(w, value_str(name), v))
            return false;
        if (!value_object_put(taken, w->run->arena, name, belay_value_int(at + 1)))
            taken = NULL;
    }
    if (!taken)
        return !value_failed(run_nomem(w->run));
    return left == 0 || fail(w, "#order leaves children out", BELAY_STR_NONE);
}

static bool put_children(struct writer *w, struct belay_value object)
{
    struct belay_value order = value_get(object, BELAY_STR("#order")), name, v, item;
    struct value_members m = value_members(object);
    if (value_defined(order))
        return put_ordered(w, object, order);
    while (value_members_next(&m, &name, &v)) {
        struct value_iter it = value_iter(v);
        while (is_child(value_str(name)) && value_iter_next(&it, &item))
            if (!run_charge(w->run, 1) || !put_node(w, value_str(name), item))
                return false;
    }
    return true;
}

static bool put_attributes(struct writer *w, struct belay_value object)
{
    struct value_members m = value_members(object);
    struct belay_value name, v;
    while (value_members_next(&m, &name, &v)) {
        struct belay_str text = value_str(name);
        if (text.n && text.p[0] == '@') {
            text = belay_str_sub(text, 1, text.n);
            if (!is_name(text))
                return fail(w, "no name of an attribute:", text);
            put_c(w, " ");
            text_put_str(&w->out, text);
            put_c(w, "=\"");
            if (!put_text(w, v, text, true))
                return false;
            put_c(w, "\"");
        } else if (!text.n) {
            return fail(w, "no name of an element:", text);
        }
    }
    return true;
}

static bool put_element(struct writer *w, struct belay_str name, struct belay_value v)
{
    bool object = value_is_object(v);
    if (!is_name(name))
        return fail(w, "no name of an element:", name);
    if (++w->depth > BELAY_EXPR_XML_DEPTH_MAX)
        return fail(w, "nested too deeply:", name);
    put_c(w, "<");
    text_put_str(&w->out, name);
    if (object && !put_attributes(w, v))
        return false;
    put_c(w, ">");
    size_t begin = w->out.n;
    if (!(object ? put_children(w, v) : put_text(w, v, name, false)))
        return false;
    if (!w->out.failed && w->out.n == begin) {
        w->out.n--;
        put_c(w, "/>");
    } else {
        put_c(w, "</");
        text_put_str(&w->out, name);
        put_c(w, ">");
    }
    w->depth--;
    return !w->out.failed;
}

/* A document: an object with one element, perhaps with comments and instructions beside it. */
struct belay_value xml_write(struct run *run, struct belay_value v, struct belay_value opt)
{
    struct writer w = { .run = run, .out = { .run = run } };
    struct value_members m = value_members(v);
    struct belay_value name, child;
    uint64_t roots = 0;
    (void)opt;
    while (value_members_next(&m, &name, &child)) {
        char first = name.n ? name.u.s[0] : '@';
        if (first == '@' || belay_str_eq(value_str(name), BELAY_STR("#text")))
            roots = 2;
        else if (first != '#' && first != '?')
            roots += value_iter(child).n;
    }
    if (!value_is_object(v) || roots != 1)
        return format_fail(run, "U3004", "an XML document is made of an object with one element");
    return put_children(&w, v) ? text_value(&w.out) : FAILED;
}
