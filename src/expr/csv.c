/* CSV as RFC 4180 has it, read leniently about line ends.  The first row names the columns, each
 * other row is an object of strings; with {"header": false} rows are arrays of strings.
 * {"delimiter": ";"} separates by another character. */
#include "expr/formats.h"

struct csv_opt {
    bool header;
    char delimiter;
};

static bool take_opt(struct run *run, struct belay_value opt, struct csv_opt *ret_opt)
{
    struct belay_value header = value_get(opt, BELAY_STR("header"));
    struct belay_value delimiter = value_get(opt, BELAY_STR("delimiter"));
    *ret_opt = (struct csv_opt){ true, ',' };
    if (header.type == BELAY_VALUE_BOOL)
        ret_opt->header = header.u.b;
    if (!value_defined(delimiter))
        return true;
    if (delimiter.type != BELAY_VALUE_STRING || delimiter.n != 1
        || strchr("\"\r\n", delimiter.u.s[0]) || (signed char)delimiter.u.s[0] < 0) {
        format_fail(run, "U3004", "the delimiter must be one character of ASCII");
        return false;
    }
    ret_opt->delimiter = delimiter.u.s[0];
    return true;
}

/* ---- reading ---- */

struct csv {
    struct run *run;
    struct csv_opt opt;
    const char *p, *end;
    uint32_t line;
};

static struct belay_value quoted(struct csv *c)
{
    struct text t = { .run = c->run };
    uint32_t began = c->line;
    for (c->p++; c->p < c->end; c->p++) {
        if (*c->p == '"') {
            if (c->p + 1 == c->end || c->p[1] != '"') {
                c->p++;
                return text_value(&t);
            }
            c->p++;
        }
        c->line += *c->p == '\n';
        text_put(&t, c->p, 1);
    }
    return format_fail(c->run, "U3003", "line %u: a quoted field has no end", began);
}

/* One field; what follows it is a delimiter, a line's end or nothing. */
static struct belay_value field(struct csv *c)
{
    const char *from = c->p;
    struct belay_value v;
    if (c->p < c->end && *c->p == '"') {
        v = quoted(c);
        if (!value_failed(v) && c->p < c->end && *c->p != c->opt.delimiter && *c->p != '\r'
            && *c->p != '\n')
            return format_fail(c->run, "U3003", "line %u: text after a closing quote", c->line);
        return v;
    }
    while (c->p < c->end && *c->p != c->opt.delimiter && *c->p != '\r' && *c->p != '\n')
        c->p++;
    return belay_value_str(belay_str(from, (size_t)(c->p - from)));
}

static void end_line(struct csv *c)
{
    c->p += c->p < c->end && *c->p == '\r';
    c->p += c->p < c->end && *c->p == '\n';
    c->line++;
}

/* NULL: failed. */
static struct belay_value_array *row(struct csv *c)
{
    struct belay_value_array *a = value_array_new(c->run->arena, 8, 0);
    for (;;) {
        struct belay_value v = a ? field(c) : run_nomem(c->run);
        if (value_failed(v) || !run_charge(c->run, 1))
            return NULL;
        if (!value_array_push(a, c->run->arena, v)) {
            run_nomem(c->run);
            return NULL;
        }
        if (c->p == c->end || *c->p != c->opt.delimiter)
            break;
        c->p++;
    }
    end_line(c);
    return a;
}

static struct belay_value named(struct csv *c, const struct belay_value_array *names,
                                const struct belay_value_array *fields, uint32_t line)
{
    struct belay_value_object *o = value_object_new(c->run->arena, names->n);
    if (fields->n != names->n)
        return format_fail(c->run, "U3003", "line %u: %u fields, but %u columns", line, fields->n,
                           names->n);
    for (uint32_t i = 0; o && i < names->n; i++)
        if (!value_object_add(o, c->run->arena, names->items[i], fields->items[i]))
            return run_nomem(c->run);
    return o ? belay_value_object(o) : run_nomem(c->run);
}

static bool names_differ(struct csv *c, const struct belay_value_array *names)
{
    struct belay_value_object *seen = value_object_new(c->run->arena, names->n);
    for (uint32_t i = 0; seen && i < names->n; i++) {
        if (value_object_find(seen, value_str(names->items[i])) != UINT32_MAX) {
            format_fail(c->run, "U3003", "two columns are called '%.*s'", (int)names->items[i].n,
                        names->items[i].u.s);
            return false;
        }
        if (!value_object_put(seen, c->run->arena, names->items[i], belay_value_null()))
            seen = NULL;
    }
    if (!seen)
        run_nomem(c->run);
    return seen;
}

struct belay_value csv_read(struct run *run, struct belay_str text, struct belay_value opt)
{
    struct csv c = { run, { true, ',' }, text.p, text.p + text.n, 1 };
    struct belay_value_array *rows = value_array_new(run->arena, 8, 0), *names = NULL;
    if (!take_opt(run, opt, &c.opt))
        return FAILED;
    if (belay_str_starts(text, BELAY_STR("\xef\xbb\xbf"))) /* as spreadsheets write it */
        c.p += 3;
    while (rows && c.p < c.end) {
        uint32_t line = c.line;
        if (*c.p == '\r' || *c.p == '\n') { /* an empty line */
            end_line(&c);
            continue;
        }
        struct belay_value_array *fields = row(&c);
        if (!fields)
            return FAILED;
        if (c.opt.header && !names) {
            names = fields;
            if (!names_differ(&c, names))
                return FAILED;
            continue;
        }
        struct belay_value v = names ? named(&c, names, fields, line) : value_array(fields);
        if (value_failed(v))
            return v;
        if (!value_array_push(rows, run->arena, v))
            rows = NULL;
    }
    return rows ? value_array(rows) : run_nomem(run);
}

/* ---- writing ---- */

static bool put_field(struct text *t, struct belay_value v, const struct csv_opt *opt, bool first)
{
    char room[VALUE_NUMBER_TEXT_MAX];
    struct belay_str s;
    if (!format_scalar(t->run, v, room, &s))
        return false;
    if (!first)
        text_put(t, &opt->delimiter, 1);
    /* A row of one empty field would be an empty line; a mark at the very beginning would go. */
    bool quote = first && (s.n == 0 || belay_str_starts(s, BELAY_STR("\xef\xbb\xbf")));
    for (size_t i = 0; i < s.n; i++)
        quote = quote || s.p[i] == opt->delimiter || strchr("\"\r\n", s.p[i]);
    if (!quote) {
        text_put_str(t, s);
        return true;
    }
    text_put(t, "\"", 1);
    for (size_t i = 0; i < s.n; i++)
        text_put(t, s.p[i] == '"' ? "\"\"" : &s.p[i], s.p[i] == '"' ? 2 : 1);
    text_put(t, "\"", 1);
    return true;
}

/* Columns in the order in which the rows name them first. NULL: failed. */
static struct belay_value_object *columns(struct run *run, struct belay_value rows)
{
    struct belay_value_object *names = value_object_new(run->arena, 8);
    struct value_iter it = value_iter(rows);
    struct belay_value item, name, v;
    while (names && value_iter_next(&it, &item)) {
        struct value_members m = value_members(item);
        if (!run_charge(run, 1 + m.left))
            return NULL;
        while (names && value_members_next(&m, &name, &v))
            if (!value_object_put(names, run->arena, name, belay_value_null()))
                names = NULL;
    }
    if (!names)
        run_nomem(run);
    return names;
}

static bool put_row(struct text *t, struct belay_value item, const struct belay_value_object *names,
                    const struct csv_opt *opt, uint32_t number)
{
    struct value_iter it = value_iter(item);
    struct belay_value v;
    uint32_t n = names ? names->n : it.n;
    if (names ? !value_is_object(item) : !value_is_array(item)) {
        format_fail(t->run, "U3004", "row %u is no %s as the first one", number,
                    names ? "object" : "array");
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        if (names)
            v = value_get(item, value_str(names->members[i].name));
        else
            value_iter_next(&it, &v);
        if (!put_field(t, v, opt, i == 0)) {
            format_fail(t->run, "U3004", "field %u of row %u is no text, number or boolean", i + 1,
                        number);
            return false;
        }
    }
    text_put(t, "\r\n", 2);
    return !t->failed;
}

struct belay_value csv_write(struct run *run, struct belay_value v, struct belay_value opt)
{
    struct csv_opt o;
    struct text t = { .run = run };
    struct value_iter it = value_iter(v);
    struct belay_value item = UNDEFINED;
    const struct belay_value_object *names = NULL;
    if (!take_opt(run, opt, &o))
        return FAILED;
    for (uint32_t row_number = 1; value_iter_next(&it, &item); row_number++) {
        if (row_number == 1 && value_is_object(item)) {
            names = columns(run, v);
            if (!names)
                return FAILED;
            for (uint32_t i = 0; o.header && i < names->n; i++)
                put_field(&t, names->members[i].name, &o, i == 0);
            if (o.header)
                text_put(&t, "\r\n", 2);
        }
        if (!put_row(&t, item, names, &o, row_number))
            return FAILED;
    }
    return text_value(&t);
}
