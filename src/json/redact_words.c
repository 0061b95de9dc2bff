/* redact_words.c - values that are hidden in texts: gathered out of bodies and headers, and found by their first byte. */
#include <string.h>

#include "json/redact_impl.h"

/* ---- gathering ---- */

void belay_redact_words_init(struct belay_redact_words *w, struct belay_arena *arena)
{
    memset(w, 0, sizeof *w);
    w->arena = arena;
}

static bool is_known(const struct belay_redact_words *w, struct belay_str text)
{
    for (uint32_t i = w->heads[(unsigned char)text.p[0]]; i; i = w->items[i - 1].next)
        if (belay_str_eq(w->items[i - 1].text, text))
            return true;
    return false;
}

static bool grow(struct belay_redact_words *w)
{
    uint32_t cap = w->cap ? 2 * w->cap : 16;
    if (w->count < w->cap)
        return true;
    struct belay_redact_word *items
        = w->count < BELAY_REDACT_WORDS_MAX ? belay_arena_alloc(w->arena, cap * sizeof *items) : NULL;
    if (!items)
        return false;
    if (w->count)
        memcpy(items, w->items, w->count * sizeof *items);
    w->items = items;
    w->cap = cap;
    return true;
}

/* text: in the arena already, or of the caller and copied. */
static void add(struct belay_redact_words *w, struct belay_str text)
{
    if (!text.n || w->lost || is_known(w, text))
        return;
    struct belay_str kept = belay_arena_str(w->arena, text);
    if (!kept.p || !grow(w)) {
        w->lost = true;
        return;
    }
    unsigned char first = (unsigned char)kept.p[0];
    w->items[w->count] = (struct belay_redact_word){ kept, w->heads[first] };
    w->heads[first] = ++w->count;
}

static void put_percent(struct belay_buf *out, struct belay_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.'
                     || c == '_' || c == '~';
        if (plain)
            belay_buf_put_c(out, c);
        else
            belay_buf_printf(out, "%%%02X", (unsigned char)c);
    }
}

/* As JSON is written by those who keep to ASCII; of what is no UTF-8: as JSON. */
static void put_ascii(struct belay_buf *out, struct belay_str s)
{
    size_t from = out->n;
    belay_json_write_str(out, s); /* its escapes are these, too; what is left is UTF-8 */
    struct belay_str json = belay_str(out->p + from, out->n - from);
    for (size_t i = 0; i < json.n;) {
        unsigned char c = (unsigned char)json.p[i];
        uint32_t point = c;
        size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (n == 1) {
            belay_buf_put_c(out, (char)c);
        } else {
            point = c & (0x7fu >> n);
            for (size_t k = 1; k < n; k++)
                point = point << 6 | ((unsigned char)json.p[i + k] & 0x3f);
            if (point >= 0x10000)
                belay_buf_printf(out, "\\u%04x", 0xd800 + ((point - 0x10000) >> 10));
            belay_buf_printf(out, "\\u%04x", point >= 0x10000 ? 0xdc00 + ((point - 0x10000) & 0x3ff) : point);
        }
        i += n;
        json.p = out->p + from; /* it may have moved */
    }
    if (belay_buf_status(out) != BELAY_OK)
        return;
    memmove(out->p + from, out->p + from + json.n, out->n - from - json.n);
    out->n -= json.n;
}

/* As others write it, where that is something else. */
static void add_form(struct belay_redact_words *w, struct belay_str value, struct belay_buf *form, size_t cut)
{
    struct belay_str text = belay_buf_view(form);
    if (belay_buf_status(form) != BELAY_OK)
        w->lost = true;
    else if (!belay_str_eq(belay_str_sub(text, cut, text.n - 2 * cut), value))
        add(w, belay_str_sub(text, cut, text.n - 2 * cut));
}

void belay_redact_words_add(struct belay_redact_words *w, struct belay_str value)
{
    struct belay_buf form;
    if (!value.n)
        return;
    belay_buf_init(&form, 16 * value.n + 64);
    add(w, value);
    belay_json_write_str(&form, value);
    add_form(w, value, &form, 1);
    belay_buf_clear(&form);
    put_ascii(&form, value);
    add_form(w, value, &form, 1);
    belay_buf_clear(&form);
    put_percent(&form, value);
    add_form(w, value, &form, 0);
    belay_buf_deinit(&form);
}

static void add_number(struct belay_redact_words *w, const belay_json *v)
{
    char room[64];
    struct belay_buf text = { .p = room, .cap = sizeof room, .size_bytes_max = sizeof room };
    if (v->type == BELAY_JSON_BIG) {
        add(w, belay_json_str(v));
        return;
    }
    belay_json_write(&text, v);
    if (belay_buf_status(&text) == BELAY_OK)
        add(w, belay_buf_view(&text));
    else
        w->lost = true;
}

static void gather(const struct belay_redact *r, struct belay_redact_words *w, const belay_json *v,
                   const struct belay_redact_at *at, bool all)
{
    const belay_json *x = belay_json_first(v);
    struct belay_redact_at to;
    if (all && v->type == BELAY_JSON_STRING)
        belay_redact_words_add(w, belay_json_str(v));
    else if (all && belay_json_is_number(v))
        add_number(w, v);
    if (v->type < BELAY_JSON_ARRAY || (!all && belay_redact_is_over(at)))
        return;
    for (uint32_t i = 0; i < v->n; i++, x = belay_json_next(x)) {
        bool named = v->type == BELAY_JSON_OBJECT ? belay_redact_member(r, at, belay_json_str(x), &to)
                                                  : belay_redact_element(r, at, i, &to);
        x += v->type == BELAY_JSON_OBJECT;
        gather(r, w, x, &to, all || named);
    }
}

void belay_redact_gather(const struct belay_redact *r, struct belay_redact_words *w, const belay_json *body, bool all)
{
    struct belay_redact_at at;
    belay_redact_root(r, &at);
    if (r)
        gather(r, w, body, &at, all);
}

void belay_redact_gather_bytes(const struct belay_redact *r, struct belay_redact_words *w, struct belay_str body)
{
    struct belay_redact_at at;
    struct belay_arena tape;
    const belay_json *root;
    belay_redact_root(r, &at);
    if (belay_redact_is_over(&at) || !redact_looks_json(body))
        return;
    belay_arena_init(&tape, 0, 64 * BELAY_JSON_BYTES_MAX);
    int status = belay_json_parse(body, NULL, &tape, &root, NULL, NULL);
    if (status == BELAY_SYNTAX) {
        body = redact_made_whole(body, &tape);
        status = body.n ? belay_json_parse(body, NULL, &tape, &root, NULL, NULL) : BELAY_SYNTAX;
    }
    if (status == BELAY_OK)
        gather(r, w, root, &at, false);
    else if (status != BELAY_SYNTAX)
        w->lost = true;
    belay_arena_deinit(&tape);
}

void belay_redact_gather_fields(const struct belay_redact *r, struct belay_redact_words *w, const struct belay_field *fields,
                                uint32_t count)
{
    for (uint32_t i = 0; r && i < count; i++)
        if (belay_redact_header(r, fields[i].name))
            belay_redact_words_add(w, fields[i].value);
}

void belay_redact_gather_answer(const struct belay_redact *r, struct belay_redact_words *w, const belay_json *answer)
{
    const belay_json *body = belay_json_get(answer, BELAY_STR("body")), *headers = belay_json_get(answer, BELAY_STR("headers"));
    if (body)
        belay_redact_gather(r, w, body, false);
    if (!r || !headers || headers->type != BELAY_JSON_OBJECT)
        return;
    const belay_json *x = belay_json_first(headers);
    for (uint32_t i = 0; i < headers->n; i++, x = belay_json_next(x + 1))
        if (belay_redact_header(r, belay_json_str(x)))
            belay_redact_gather(r, w, x + 1, true);
}

void belay_redact_gather_view(const struct belay_redact *r, struct belay_redact_words *w, const belay_json *answer)
{
    const belay_json *x = belay_json_first(answer);
    if (!r || answer->type < BELAY_JSON_ARRAY)
        return;
    belay_redact_gather_answer(r, w, answer);
    for (uint32_t i = 0; i < answer->n; i++, x = belay_json_next(x)) {
        bool object = answer->type == BELAY_JSON_OBJECT;
        bool body = object && belay_str_eq(belay_json_str(x), BELAY_STR("body"));
        x += object;
        if (!body)
            belay_redact_gather_view(r, w, x);
    }
}

/* ---- hiding ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool stands_alone(struct belay_str text, size_t at, size_t n)
{
    return (at == 0 || !is_letter(text.p[at - 1])) && (at + n == text.n || !is_letter(text.p[at + n]));
}

/* So much of a word is enough where the rest was cut off. */
#define CUT_BYTES 4

static bool is_cut(enum belay_redact_cut cut, struct belay_str text, size_t at)
{
    return (cut == BELAY_REDACT_CUT && at == text.n)
           || (cut != BELAY_REDACT_WHOLE && belay_str_starts(belay_str_sub(text, at, text.n), BELAY_STR("...")));
}

/* How much of the word stands at `at`. */
static size_t common(struct belay_str word, struct belay_str text, size_t at)
{
    size_t n = 0, most = word.n < text.n - at ? word.n : text.n - at;
    while (n < most && word.p[n] == text.p[at + n])
        n++;
    return n;
}

/* Length of the longest word that stands at `at`; 0: none. */
static size_t word_at(const struct belay_redact_words *w, enum belay_redact_cut cut, struct belay_str text, size_t at)
{
    size_t longest = 0;
    for (uint32_t i = w ? w->heads[(unsigned char)text.p[at]] : 0; i; i = w->items[i - 1].next) {
        struct belay_str word = w->items[i - 1].text;
        size_t n = common(word, text, at);
        bool whole = n == word.n && (n >= BELAY_REDACT_WORD_MIN || stands_alone(text, at, n));
        if (n > longest && (whole || (n >= CUT_BYTES && word.n >= BELAY_REDACT_WORD_MIN && is_cut(cut, text, at + n))))
            longest = n;
    }
    return longest;
}

struct belay_str belay_redact_text(const struct belay_redact *r, const struct belay_redact_words *words,
                                   struct belay_str text, struct belay_arena *arena)
{
    const struct belay_str mark = BELAY_STR(BELAY_REDACTED);
    enum belay_redact_cut cut = words ? words->cut : BELAY_REDACT_WHOLE;
    struct belay_buf out;
    size_t from = 0;
    if (!r || !text.n || (!r->secrets.count && (!words || (!words->count && !words->lost))))
        return text;
    if (words && words->lost)
        return mark;
    belay_buf_init(&out, 16 * text.n + 64);
    for (size_t at = 0; at < text.n;) {
        size_t n = word_at(&r->secrets, cut, text, at), m = word_at(words, cut, text, at);
        n = m > n ? m : n;
        if (n) {
            belay_buf_put(&out, text.p + from, at - from);
            belay_buf_put_str(&out, mark);
            from = at + n;
        }
        at += n ? n : 1;
    }
    if (from) {
        belay_buf_put(&out, text.p + from, text.n - from);
        text = belay_buf_status(&out) == BELAY_OK ? belay_arena_str(arena, belay_buf_view(&out)) : BELAY_STR_NONE;
    }
    belay_buf_deinit(&out);
    return text.p ? text : mark;
}
