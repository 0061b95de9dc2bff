#include "connector/http/style.h"

#include "base/assert.h"
#include "connector/http/text.h"

bool http_style_parse(struct belay_str word, enum http_style *ret_style)
{
    static const struct {
        const char *word;
        enum http_style style;
    } rows[] = { { "simple", HTTP_SIMPLE }, { "label", HTTP_LABEL },          { "matrix", HTTP_MATRIX },
                 { "form", HTTP_FORM },     { "spaceDelimited", HTTP_SPACE }, { "pipeDelimited", HTTP_PIPE },
                 { "deepObject", HTTP_DEEP } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (belay_str_eq(word, belay_str_c(rows[i].word))) {
            *ret_style = rows[i].style;
            return true;
        }
    return false;
}

/* ---- pieces ---- */

static int decode(const struct http_written *w, struct belay_arena *arena, struct belay_str raw,
                  struct belay_str *ret_text)
{
    int status = BELAY_OK;
    if (w->plain) {
        *ret_text = belay_str_trim(raw);
        status = http_is_utf8(raw) ? BELAY_OK : BELAY_INVALID;
    } else {
        status = http_decode(arena, raw, w->plus, ret_text);
    }
    return status == BELAY_INVALID ? BELAY_SYNTAX : status;
}

/* Bytes of the separator that raw begins with at `at`; 0: none. */
static size_t separator_at(struct belay_str raw, size_t at, char separator)
{
    char c = raw.p[at];
    if (c == separator)
        return 1;
    if (separator == ' ' && c == '+')
        return 1;
    if (c != '%' || (separator != ' ' && separator != '|') || at + 2 >= raw.n)
        return 0;
    char hi = raw.p[at + 1], lo = (char)(raw.p[at + 2] | 0x20);
    return (separator == ' ' ? hi == '2' && raw.p[at + 2] == '0' : hi == '7' && lo == 'c') ? 3 : 0;
}

/* Cuts the next piece off; *rest has p NULL after the last. */
static struct belay_str next_piece(struct belay_str *rest, char separator)
{
    for (size_t i = 0; i < rest->n; i++) {
        size_t n = separator_at(*rest, i, separator);
        if (!n)
            continue;
        struct belay_str piece = belay_str_sub(*rest, 0, i);
        *rest = belay_str(rest->p + i + n, rest->n - i - n);
        return piece;
    }
    struct belay_str piece = *rest;
    *rest = BELAY_STR_NONE;
    return piece;
}

static int put_scalar(const struct http_written *w, struct belay_str raw, uint8_t types, struct http_tape *t)
{
    struct belay_str text;
    int status = decode(w, t->arena, raw, &text);
    if (!status)
        http_tape_text(t, text, types);
    return status;
}

static uint8_t types_of(const struct http_shape *s)
{
    return s ? s->types : 0;
}

/* named: each piece is "name=value" (matrix). */
static int put_array(const struct http_written *w, struct belay_str raw, char separator, bool named,
                     struct http_tape *t)
{
    size_t at = http_tape_open(t, BELAY_JSON_ARRAY);
    uint32_t count = 0;
    int status = BELAY_OK;
    for (struct belay_str rest = raw; !status && rest.p && (raw.n || named); count++) {
        struct belay_str piece = next_piece(&rest, separator);
        if (named && !belay_str_eq(belay_str_split(&piece, '='), w->name))
            return BELAY_INVALID;
        status = put_scalar(w, piece, types_of(w->shape->items), t);
    }
    http_tape_close(t, at, count);
    return status;
}

static const struct http_shape *shape_within(const struct http_shape *s, struct belay_str name)
{
    const struct http_shape *member = http_shape_member(s, name);
    return member ? member : s->others;
}

static int put_member(const struct http_written *w, struct belay_str raw_name, struct belay_str raw,
                      struct http_tape *t)
{
    struct belay_str name;
    int status = decode(w, t->arena, raw_name, &name);
    if (status)
        return status;
    http_tape_string(t, name);
    return put_scalar(w, raw, types_of(shape_within(w->shape, name)), t);
}

/* pairs: pieces are "k=v", else names and values in turn. */
static int put_object(const struct http_written *w, struct belay_str raw, char separator, bool pairs,
                      struct http_tape *t)
{
    size_t at = http_tape_open(t, BELAY_JSON_OBJECT);
    uint32_t count = 0;
    int status = BELAY_OK;
    for (struct belay_str rest = raw; !status && rest.p && raw.n; count++) {
        struct belay_str name = next_piece(&rest, separator), value;
        if (pairs) {
            value = name;
            name = belay_str_split(&value, '=');
        } else if (!rest.p) {
            return BELAY_INVALID; /* a name without its value */
        } else {
            value = next_piece(&rest, separator);
        }
        status = put_member(w, name, value, t);
    }
    http_tape_close(t, at, count);
    return status;
}

/* ---- one text ---- */

/* ";name=value", ";name" -> the value. */
static bool cut_matrix(struct belay_str name, struct belay_str *raw)
{
    struct belay_str rest = *raw;
    if (!belay_str_eq(belay_str_split(&rest, '='), name))
        return false;
    *raw = rest.p ? rest : BELAY_STR("");
    return true;
}

static char separator_of(const struct http_written *w)
{
    switch (w->style) {
    case HTTP_LABEL: return w->explode ? '.' : ',';
    case HTTP_MATRIX: return w->explode ? ';' : ',';
    case HTTP_SPACE: return ' ';
    case HTTP_PIPE: return '|';
    default: return ',';
    }
}

int http_written_value(const struct http_written *w, struct belay_str raw, struct http_tape *t)
{
    bool array = w->shape->types & HTTP_TYPE_ARRAY;
    bool object = !array && (w->shape->types & HTTP_TYPE_OBJECT);
    bool matrix = w->style == HTTP_MATRIX;
    if (w->style == HTTP_LABEL || matrix) {
        if (!raw.n || raw.p[0] != (matrix ? ';' : '.'))
            return BELAY_INVALID;
        raw = belay_str(raw.p + 1, raw.n - 1);
    }
    if (!raw.p)
        raw = BELAY_STR("");
    if (matrix && !(w->explode && (array || object)) && !cut_matrix(w->name, &raw))
        return BELAY_INVALID;
    int status;
    if (array)
        status = put_array(w, raw, separator_of(w), matrix && w->explode, t);
    else if (object)
        status = put_object(w, raw, separator_of(w), w->explode, t);
    else
        status = put_scalar(w, raw, w->shape->types, t);
    return status ? status : t->failed ? BELAY_NOMEM : BELAY_OK;
}

/* ---- pairs ---- */

int http_pairs_parse(struct belay_str text, char separator, bool plus, uint32_t max,
                     struct belay_arena *arena, struct http_pairs *ret_pairs)
{
    struct http_pairs pairs = { NULL, 0 };
    uint32_t most = text.n > 0;
    for (size_t i = 0; i < text.n; i++)
        most += text.p[i] == separator && most <= max;
    pairs.items = most ? belay_arena_alloc(arena, sizeof *pairs.items * most) : NULL;
    if (most && !pairs.items)
        return BELAY_NOMEM;
    for (struct belay_str rest = text; rest.p;) {
        struct belay_str raw = belay_str_split(&rest, separator);
        if (separator == ';')
            raw = belay_str_trim(raw);
        if (!raw.n)
            continue;
        if (pairs.count == max)
            return BELAY_LIMIT;
        BELAY_ASSERT(pairs.count < most);
        struct http_pair *pair = &pairs.items[pairs.count++];
        struct belay_str name = belay_str_split(&raw, '=');
        *pair = (struct http_pair){ .raw = raw };
        int status = http_decode(arena, name, plus, &pair->name);
        if (status)
            return status;
    }
    *ret_pairs = pairs;
    return BELAY_OK;
}

/* "name[key]" -> key. */
static bool cut_deep(struct belay_str text, struct belay_str name, struct belay_str *ret_key)
{
    if (text.n < name.n + 3 || !belay_str_starts(text, name) || text.p[name.n] != '['
        || text.p[text.n - 1] != ']')
        return false;
    *ret_key = belay_str_sub(text, name.n + 1, text.n - name.n - 2);
    return belay_str_find(*ret_key, '[') == ret_key->n && belay_str_find(*ret_key, ']') == ret_key->n;
}

/* All pairs called name as an array. *at: the first of them. */
static int put_repeated(const struct http_written *w, struct http_pairs *pairs, uint32_t from,
                        struct belay_str name, uint8_t types, struct http_tape *t)
{
    size_t at = http_tape_open(t, BELAY_JSON_ARRAY);
    uint32_t count = 0;
    int status = BELAY_OK;
    for (uint32_t i = from; !status && i < pairs->count; i++) {
        if (!belay_str_eq(pairs->items[i].name, name))
            continue;
        pairs->items[i].taken = true;
        status = put_scalar(w, pairs->items[i].raw, types, t);
        count++;
    }
    http_tape_close(t, at, count);
    return status;
}

static int put_named(const struct http_written *w, struct http_pairs *pairs, uint32_t i,
                     const struct http_shape *shape, struct belay_str key, struct http_tape *t)
{
    struct http_pair *pair = &pairs->items[i];
    http_tape_string(t, key);
    if (types_of(shape) & HTTP_TYPE_ARRAY)
        return put_repeated(w, pairs, i, pair->name, types_of(shape->items), t);
    pair->taken = true;
    return put_scalar(w, pair->raw, types_of(shape), t);
}

/* deepObject, and an exploded object whose members are pairs of their own. */
static int put_spread(const struct http_written *w, struct http_pairs *pairs,
                      bool (*declared)(const void *arg, struct belay_str name), const void *arg,
                      struct http_tape *t, bool *ret_found)
{
    struct http_tape before = *t;
    size_t at = http_tape_open(t, BELAY_JSON_OBJECT);
    uint32_t count = 0;
    int status = BELAY_OK;
    for (uint32_t i = 0; !status && i < pairs->count; i++) {
        struct http_pair *pair = &pairs->items[i];
        struct belay_str key = pair->name;
        const struct http_shape *shape;
        if (pair->taken)
            continue;
        if (w->style == HTTP_DEEP && !cut_deep(pair->name, w->name, &key))
            continue;
        shape = http_shape_member(w->shape, key);
        if (w->style != HTTP_DEEP && !shape && (!w->shape->open || declared(arg, key)))
            continue;
        status = put_named(w, pairs, i, shape ? shape : w->shape->others, key, t);
        count++;
    }
    http_tape_close(t, at, count);
    *ret_found = count > 0;
    if (!count && !t->failed)
        t->n = before.n;
    return status;
}

int http_written_pairs(const struct http_written *w, struct http_pairs *pairs,
                       bool (*declared)(const void *arg, struct belay_str name), const void *arg,
                       struct http_tape *t, bool *ret_found)
{
    bool array = w->shape->types & HTTP_TYPE_ARRAY;
    bool object = !array && (w->shape->types & HTTP_TYPE_OBJECT);
    int status = BELAY_OK;
    *ret_found = false;
    if (w->style == HTTP_DEEP || (object && w->explode)) {
        status = put_spread(w, pairs, declared, arg, t, ret_found);
    } else {
        for (uint32_t i = 0; i < pairs->count && !*ret_found; i++) {
            if (!belay_str_eq(pairs->items[i].name, w->name))
                continue;
            *ret_found = true;
            pairs->items[i].taken = true;
            status = array && w->explode
                         ? put_repeated(w, pairs, i, w->name, types_of(w->shape->items), t)
                         : http_written_value(w, pairs->items[i].raw, t);
        }
        for (uint32_t i = 0; i < pairs->count && *ret_found; i++)
            if (belay_str_eq(pairs->items[i].name, w->name))
                pairs->items[i].taken = true;
    }
    return status ? status : t->failed ? BELAY_NOMEM : BELAY_OK;
}
