/* $parse and $serialize: which format, and the two short ones, JSON and form data. */
#include <stdarg.h>
#include <stdio.h>

#include "expr/formats.h"
#include "expr/functions.h"
#include "json/utf8.h"

struct belay_value format_fail(struct run *run, const char *code, const char *fmt, ...)
{
    char why[160];
    va_list args;
    if (run->status)
        return FAILED;
    run_fail(run, code, NO_POSITION, BELAY_STR_NONE);
    va_start(args, fmt);
    vsnprintf(why, sizeof why, fmt, args);
    va_end(args);
    size_t n = strlen(run->error.message);
    snprintf(run->error.message + n, sizeof run->error.message - n, ": %s", why);
    return FAILED;
}

bool format_scalar(struct run *run, struct belay_value v, char room[VALUE_NUMBER_TEXT_MAX],
                   struct belay_str *ret_text)
{
    *ret_text = BELAY_STR("");
    if (!value_defined(v) || v.type == BELAY_VALUE_NULL)
        return true;
    if (v.type != BELAY_VALUE_STRING && v.type != BELAY_VALUE_BOOL && !value_is_number(v))
        return false;
    if (v.type == BELAY_VALUE_NUMBER && !number_ok(run, v))
        return false;
    *ret_text = value_scalar_text(v, room);
    return true;
}

/* ---- JSON ---- */

static struct belay_value json_read(struct run *run, struct belay_str text, struct belay_value opt)
{
    const belay_json *root;
    struct belay_err err;
    (void)opt;
    int status = belay_json_parse(text, NULL, run->arena, &root, NULL, &err);
    if (status == BELAY_NOMEM)
        return run_nomem(run);
    if (status) /* which says line and column */
        return format_fail(run, "U3003", "%s", err.msg);
    return value_from_tape(root);
}

/* Exact, unlike $string, which rounds fractions to 15 digits. */
struct belay_value value_json_text(struct run *run, struct belay_value v)
{
    if (!run->scratch.size_bytes_max)
        belay_buf_init(&run->scratch, run->arena->size_bytes_max);
    belay_buf_clear(&run->scratch);
    value_write(&run->scratch, v, VALUE_FORMAT_JSON);
    if (belay_buf_status(&run->scratch) || !run_charge(run, run->scratch.n / 64))
        return run_nomem(run);
    return string_copy(run, belay_buf_view(&run->scratch));
}

static struct belay_value json_write(struct run *run, struct belay_value v, struct belay_value opt)
{
    (void)opt;
    return value_json_text(run, v);
}

/* ---- form data: application/x-www-form-urlencoded ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* As browsers decode: + is a space, a % without two digits is itself. */
static struct belay_value form_decode(struct run *run, struct belay_str s)
{
    struct text t = { .run = run };
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i] == '+' ? ' ' : s.p[i];
        int high = c == '%' && i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(s.p[i + 2]) : -1;
        if (low >= 0) {
            c = (char)(high << 4 | low);
            i += 2;
        }
        text_put(&t, &c, 1);
    }
    struct belay_value v = text_value(&t);
    for (const char *p = v.u.s, *end = p + v.n; !value_failed(v) && p < end;) {
        size_t n = belay_utf8_len(p, end);
        if (n == 0)
            return format_fail(run, "U3003", "'%.*s' is no UTF-8", BELAY_STR_ARG(s));
        p += n;
    }
    return v;
}

bool format_add(struct run *run, struct belay_value_object *o, struct belay_value name,
                struct belay_value v)
{
    uint32_t at = value_object_find(o, value_str(name));
    bool ok;
    if (at == UINT32_MAX) {
        ok = value_object_put(o, run->arena, name, v);
    } else if (o->members[at].value.type == BELAY_VALUE_ARRAY) {
        ok = value_array_push(o->members[at].value.u.array, run->arena, v);
    } else {
        struct belay_value_array *both = value_array_new(run->arena, 4, 0);
        ok = both && value_array_push(both, run->arena, o->members[at].value)
             && value_array_push(both, run->arena, v);
        o->members[at].value = ok ? value_array(both) : o->members[at].value;
    }
    if (!ok)
        run_nomem(run);
    return ok;
}

static struct belay_value form_read(struct run *run, struct belay_str text, struct belay_value opt)
{
    struct belay_value_object *o = value_object_new(run->arena, 8);
    (void)opt;
    if (!o)
        return run_nomem(run);
    while (text.n) {
        struct belay_str value = belay_str_split(&text, '&');
        if (!value.n)
            continue;
        struct belay_str name = belay_str_split(&value, '=');
        struct belay_value key = form_decode(run, name);
        struct belay_value v = value_failed(key) ? key : form_decode(run, value);
        if (value_failed(v) || !run_charge(run, 1) || !format_add(run, o, key, v))
            return FAILED;
    }
    return belay_value_object(o);
}

static void form_encode(struct text *t, struct belay_str s)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = (uint8_t)s.p[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-'
                     || c == '.' || c == '_' || c == '*';
        char escape[3] = { '%', digits[c >> 4], digits[c & 15] };
        if (c == ' ')
            text_put(t, "+", 1);
        else
            text_put(t, plain ? &s.p[i] : escape, plain ? 1 : 3);
    }
}

static struct belay_value form_write(struct run *run, struct belay_value v, struct belay_value opt)
{
    char room[VALUE_NUMBER_TEXT_MAX];
    struct text t = { .run = run };
    struct value_members m = value_members(v);
    struct belay_value name, value, item;
    struct belay_str text;
    (void)opt;
    if (!value_is_object(v))
        return format_fail(run, "U3004", "form data is made of an object");
    while (value_members_next(&m, &name, &value)) {
        struct value_iter it = value_iter(value);
        while (value_iter_next(&it, &item)) {
            if (!format_scalar(run, item, room, &text))
                return format_fail(run, "U3004", "'%.*s' is neither text nor an array of texts",
                                   (int)name.n, name.u.s);
            if (t.n)
                text_put(&t, "&", 1);
            form_encode(&t, value_str(name));
            text_put(&t, "=", 1);
            form_encode(&t, text);
        }
    }
    return text_value(&t);
}

/* ---- all of them ---- */

static const struct format {
    const char *name, *media_types[2];
    struct belay_value (*read)(struct run *run, struct belay_str text, struct belay_value opt);
    struct belay_value (*write)(struct run *run, struct belay_value v, struct belay_value opt);
} formats[] = {
    { "json", { "application/json", "text/json" }, json_read, json_write },
    { "csv", { "text/csv", "application/csv" }, csv_read, csv_write },
    { "form", { "application/x-www-form-urlencoded", "" }, form_read, form_write },
    { "xml", { "application/xml", "text/xml" }, xml_read, xml_write },
};

static bool ends_with(struct belay_str type, const char *suffix, const char *format, const char *is)
{
    struct belay_str end = belay_str_c(suffix);
    return strcmp(format, is) == 0 && type.n > end.n
           && belay_str_eq_nocase(belay_str_sub(type, type.n - end.n, end.n), end);
}

/* By its name, or by a media type, whose parameters do not count. */
static const struct format *find(struct run *run, struct belay_value name)
{
    struct belay_str text = value_defined(name) ? value_str(name) : BELAY_STR("json");
    struct belay_str type = belay_str_trim(belay_str_sub(text, 0, belay_str_find(text, ';')));
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const struct format *f = &formats[i];
        if (belay_str_eq(text, belay_str_c(f->name))
            || belay_str_eq_nocase(type, belay_str_c(f->media_types[0]))
            || (type.n && belay_str_eq_nocase(type, belay_str_c(f->media_types[1])))
            || ends_with(type, "+json", f->name, "json") || ends_with(type, "+xml", f->name, "xml"))
            return f;
    }
    run_fail(run, "U3002", NO_POSITION, text);
    return NULL;
}

struct belay_value f_parse(struct run *run, struct call *call)
{
    if (call->args[0].type != BELAY_VALUE_STRING)
        return UNDEFINED;
    const struct format *f = find(run, call->args[1]);
    struct belay_str text = value_str(call->args[0]);
    if (!f || !run_charge(run, text.n / 16))
        return FAILED;
    struct belay_value v = f->read(run, text, call->args[2]);
    return run->status ? FAILED : v;
}

struct belay_value f_serialize(struct run *run, struct call *call)
{
    if (!value_defined(call->args[0]))
        return UNDEFINED;
    const struct format *f = find(run, call->args[1]);
    return f ? f->write(run, call->args[0], call->args[2]) : FAILED;
}
