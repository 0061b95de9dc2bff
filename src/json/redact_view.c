/* redact_view.c - JSON with what is named hidden: bodies, answers that hold bodies, and bodies that were cut. */
#include <string.h>

#include "json/redact_impl.h"

/* What a value is, by where it stands. PLAIN: of the answer itself. */
enum part { PART_PLAIN, PART_BODY, PART_HEADERS, PART_EXCERPT, PART_HEX };

struct walk {
    const struct belay_redact *r;
    struct belay_redact_view *view;
    struct belay_arena *scratch;
    struct belay_buf *out;
    struct belay_buf pointer; /* of the value in its body; only where a mark says it */
};

static void write_value(struct walk *w, const belay_json *v, enum part part, const struct belay_redact_at *at);

static void put_text(struct walk *w, struct belay_str text, const struct belay_redact_words *words)
{
    struct belay_arena_mark mark = belay_arena_mark(w->scratch);
    belay_json_write_str(w->out, belay_redact_text(w->r, words, text, w->scratch));
    belay_arena_rewind(w->scratch, mark);
}

static void put_mark(struct walk *w)
{
    struct belay_str pointer = belay_buf_view(&w->pointer);
    struct belay_buf text;
    belay_buf_init(&text, REDACT_MARK_BYTES_MAX);
    belay_buf_put_str(&text, BELAY_STR("[redacted "));
    belay_buf_put_str(&text, pointer);
    belay_buf_put_c(&text, ']');
    bool places = w->view->places && pointer.n && belay_buf_status(&w->pointer) == BELAY_OK
                  && belay_buf_status(&text) == BELAY_OK;
    belay_json_write_str(w->out, places ? belay_buf_view(&text) : BELAY_STR(BELAY_REDACTED));
    belay_buf_deinit(&text);
}

/* A value that is named. */
static void put_named(struct walk *w, const belay_json *v, enum part part)
{
    static const struct belay_redact_at nowhere;
    w->view->hidden++;
    if (w->view->reveal)
        write_value(w, v, part, &nowhere);
    else
        put_mark(w);
}

/* Text that may be JSON in itself: as much of an answer as a fault keeps, or a body that is none. */
static void put_bytes(struct walk *w, struct belay_str text)
{
    struct belay_arena_mark mark = belay_arena_mark(w->scratch);
    text = belay_redact_bytes(w->r, w->view, text, w->scratch);
    belay_json_write_str(w->out, text);
    belay_arena_rewind(w->scratch, mark);
}

static struct belay_str from_hex(struct belay_str hex, struct belay_arena *arena)
{
    char *to = belay_arena_bytes(arena, hex.n / 2 + 1);
    for (size_t i = 0; to && i + 1 < hex.n; i += 2) {
        int digits = 0;
        for (size_t k = 0; k < 2; k++) {
            char c = hex.p[i + k];
            digits = digits << 4 | (c >= 'a' ? c - 'a' + 10 : c >= 'A' ? c - 'A' + 10 : c - '0');
        }
        to[i / 2] = (char)digits;
    }
    return to ? belay_str(to, hex.n / 2) : BELAY_STR_NONE;
}

static bool holds(struct belay_str bytes, struct belay_str name)
{
    for (size_t at = 0; at + name.n <= bytes.n; at++)
        if (belay_str_eq_nocase(belay_str_sub(bytes, at, name.n), name))
            return true;
    return false;
}

/* Bytes of which nobody can say where in them a value stands: all, or nothing. */
static bool may_hold_named(const struct belay_redact *r, struct belay_str bytes)
{
    struct belay_str name;
    bool may = !belay_redact_is_over(&r->root);
    for (uint32_t i = 0; !may && (name = belay_redact_built_in(i)).n; i++)
        may = holds(bytes, name);
    for (uint32_t i = 0; !may && i < r->header_count; i++)
        may = holds(bytes, r->headers[i]);
    return may;
}

static void put_hex(struct walk *w, struct belay_str hex)
{
    struct belay_arena_mark mark = belay_arena_mark(w->scratch);
    struct belay_str bytes = from_hex(hex, w->scratch);
    bool secret = !bytes.p || belay_redact_text(w->r, NULL, bytes, w->scratch).p != bytes.p;
    bool named = w->r && (secret || may_hold_named(w->r, bytes));
    w->view->hidden += named;
    belay_json_write_str(w->out, w->r && (secret || (named && !w->view->reveal)) ? BELAY_STR(BELAY_REDACTED) : hex);
    belay_arena_rewind(w->scratch, mark);
}

static void put_string(struct walk *w, struct belay_str s, enum part part)
{
    if (part == PART_HEX)
        put_hex(w, s);
    else if (part == PART_EXCERPT)
        put_bytes(w, s);
    else
        put_text(w, s, part == PART_PLAIN || w->view->everywhere ? w->view->words : NULL);
}

/* A number is hidden as a whole. */
static void put_scalar(struct walk *w, const belay_json *v)
{
    struct belay_arena_mark mark = belay_arena_mark(w->scratch);
    size_t from = w->out->n;
    belay_json_write(w->out, v);
    if (!w->view->everywhere || !belay_json_is_number(v) || belay_buf_status(w->out) != BELAY_OK)
        return;
    struct belay_str text = belay_str(w->out->p + from, w->out->n - from);
    if (belay_redact_text(w->r, w->view->words, text, w->scratch).p != text.p) {
        w->out->n = from;
        belay_json_write_str(w->out, BELAY_STR(BELAY_REDACTED));
    }
    belay_arena_rewind(w->scratch, mark);
}

static enum part part_of(const struct walk *w, enum part part, struct belay_str name)
{
    if (part != PART_PLAIN || !w->view->answer)
        return part;
    return belay_str_eq(name, BELAY_STR("body"))      ? PART_BODY
           : belay_str_eq(name, BELAY_STR("headers")) ? PART_HEADERS
           : belay_str_eq(name, BELAY_STR("excerpt")) ? PART_EXCERPT
           : belay_str_eq(name, BELAY_STR("progress")) || belay_str_eq(name, BELAY_STR("body_hex")) ? PART_HEX
                                                      : PART_PLAIN;
}

static bool steps_into(const struct walk *w, enum part part, const struct belay_redact_at *at, struct belay_str name,
                       struct belay_redact_at *ret_to)
{
    if (part == PART_HEADERS)
        return belay_redact_header(w->r, name);
    return part == PART_BODY && w->r && belay_redact_member(w->r, at, name, ret_to);
}

static void write_member(struct walk *w, const belay_json *name, enum part part, const struct belay_redact_at *at)
{
    struct belay_redact_at to = { { 0 } };
    const belay_json *v = name + 1;
    size_t n = w->pointer.n;
    enum part inner = part_of(w, part, belay_json_str(name));
    if (part == PART_PLAIN && inner >= PART_EXCERPT && v->type != BELAY_JSON_STRING)
        inner = PART_PLAIN; /* another thing of that name */
    put_text(w, belay_json_str(name), NULL);
    belay_buf_put_c(w->out, ':');
    if (inner != part && inner == PART_BODY) {
        belay_redact_root(w->r, &to);
        if (v->type == BELAY_JSON_STRING)
            inner = PART_EXCERPT; /* no JSON, or cut */
        write_value(w, v, inner, &to);
        return;
    }
    bool named = steps_into(w, part, at, belay_json_str(name), &to);
    if (w->view->places && part == PART_BODY)
        belay_json_pointer_push(&w->pointer, belay_json_str(name));
    if (named)
        put_named(w, v, inner);
    else
        write_value(w, v, inner, &to);
    w->pointer.n = n;
}

static void write_element(struct walk *w, const belay_json *v, uint64_t index, enum part part, const struct belay_redact_at *at)
{
    struct belay_redact_at to = { { 0 } };
    size_t n = w->pointer.n;
    bool named = part == PART_BODY && w->r && belay_redact_element(w->r, at, index, &to);
    if (w->view->places && part == PART_BODY)
        belay_json_pointer_push_index(&w->pointer, index);
    if (named)
        put_named(w, v, part);
    else
        write_value(w, v, part, &to);
    w->pointer.n = n;
}

static void write_value(struct walk *w, const belay_json *v, enum part part, const struct belay_redact_at *at)
{
    const belay_json *x = belay_json_first(v);
    if (v->type == BELAY_JSON_STRING) {
        put_string(w, belay_json_str(v), part);
        return;
    }
    if (v->type < BELAY_JSON_ARRAY) {
        put_scalar(w, v);
        return;
    }
    bool object = v->type == BELAY_JSON_OBJECT;
    belay_buf_put_c(w->out, object ? '{' : '[');
    for (uint32_t i = 0; i < v->n; i++, x = belay_json_next(x)) {
        if (i)
            belay_buf_put_c(w->out, ',');
        if (object)
            write_member(w, x++, part, at);
        else
            write_element(w, x, i, part, at);
    }
    belay_buf_put_c(w->out, object ? '}' : ']');
}

int belay_redact_write(const struct belay_redact *r, struct belay_redact_view *view, const belay_json *v,
                       struct belay_arena *scratch, struct belay_buf *out)
{
    struct walk w = { .r = r, .view = view, .scratch = scratch, .out = out };
    struct belay_redact_at at;
    belay_redact_root(r, &at);
    belay_buf_init(&w.pointer, REDACT_MARK_BYTES_MAX);
    write_value(&w, v, view->answer ? PART_PLAIN : PART_BODY, &at);
    belay_buf_deinit(&w.pointer);
    return belay_buf_status(out);
}

/* ---- bytes ---- */

bool redact_looks_json(struct belay_str text)
{
    text = belay_str_trim(text);
    return text.n && (text.p[0] == '{' || text.p[0] == '[');
}

/* Where the last whole member or element ends, and what is open there. */
struct cut {
    size_t at;
    uint32_t depth;
    char open[BELAY_JSON_DEPTH_MAX];
};

/* False: more is open than may be. */
static bool find_cut(struct belay_str text, struct cut *cut)
{
    bool in_string = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (cut->depth == sizeof cut->open)
                return false;
            cut->open[cut->depth++] = c == '{' ? '}' : ']';
            cut->at = i + 1;
        } else if (c == '}' || c == ']') {
            if (!cut->depth || cut->open[--cut->depth] != c)
                return false;
            cut->at = i + 1;
        } else if (c == ',') {
            cut->at = i;
        }
    }
    return cut->depth > 0;
}

struct belay_str redact_made_whole(struct belay_str text, struct belay_arena *arena)
{
    struct cut cut = { 0 };
    if (!find_cut(text, &cut))
        return BELAY_STR_NONE;
    char *to = belay_arena_bytes(arena, cut.at + cut.depth);
    if (!to)
        return BELAY_STR_NONE;
    memcpy(to, text.p, cut.at);
    for (uint32_t i = 0; i < cut.depth; i++)
        to[cut.at + i] = cut.open[cut.depth - 1 - i];
    return belay_str(to, cut.at + cut.depth);
}

/* As a tape; what was cut without its last member or element, of which nobody can say what it is. NULL: it is none. */
static const belay_json *read_json(struct belay_str body, struct belay_arena *arena, bool *ret_whole)
{
    const belay_json *root;
    int status = belay_json_parse(body, NULL, arena, &root, NULL, NULL);
    *ret_whole = status == BELAY_OK;
    if (status != BELAY_SYNTAX)
        return status == BELAY_OK ? root : NULL;
    body = redact_made_whole(body, arena);
    status = body.n ? belay_json_parse(body, NULL, arena, &root, NULL, NULL) : BELAY_SYNTAX;
    return status == BELAY_OK && root->n ? root : NULL;
}

/* p NULL: nothing can be told. */
static struct belay_str hide_json(const struct belay_redact *r, struct belay_redact_view *view, struct belay_str body,
                                  struct belay_arena *arena)
{
    struct belay_redact_view inner = *view;
    struct belay_buf out;
    struct belay_str text = BELAY_STR_NONE;
    bool whole;
    const belay_json *root = read_json(body, arena, &whole);
    if (!root)
        return BELAY_STR_NONE;
    inner.answer = inner.places = false;
    belay_buf_init(&out, BELAY_MESSAGE_BYTES_MAX + BELAY_MIB(16));
    if (belay_redact_write(r, &inner, root, arena, &out) == BELAY_OK)
        text = whole && inner.hidden == view->hidden && !view->everywhere ? body : belay_arena_str(arena, belay_buf_view(&out));
    belay_buf_deinit(&out);
    view->hidden = inner.hidden + !whole;
    return text;
}

struct belay_str belay_redact_bytes(const struct belay_redact *r, struct belay_redact_view *view, struct belay_str body,
                                    struct belay_arena *arena)
{
    bool paths = r && !belay_redact_is_over(&r->root);
    if (!paths || !redact_looks_json(body))
        return belay_redact_text(r, view->words, body, arena);
    struct belay_str shown = hide_json(r, view, body, arena);
    if (!shown.p) {
        view->hidden++;
        shown = BELAY_STR(BELAY_REDACTED);
    }
    return belay_redact_text(r, view->words, view->reveal ? body : shown, arena);
}

struct belay_str belay_redact_words_in(const struct belay_redact *r, const struct belay_redact_words *words,
                                       struct belay_str bytes, struct belay_arena *arena)
{
    struct belay_redact_view view = { .reveal = true, .everywhere = true, .words = words };
    struct belay_str text = belay_redact_text(r, words, bytes, arena);
    if (text.p == bytes.p || (words && words->lost) || !redact_looks_json(bytes))
        return text;
    bytes = hide_json(r, &view, bytes, arena);
    return bytes.p ? bytes : text;
}
