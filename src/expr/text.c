/* Text made in the arena, and characters of UTF-8. */
#include "expr/functions.h"
#include "json/utf8.h"

void text_put(struct text *t, const void *p, size_t n)
{
    struct belay_arena *arena = t->run->arena;
    if (t->failed || n == 0)
        return;
    if (t->n + n > t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 64;
        cap = cap < t->n + n ? t->n + n : cap;
        bool extend = t->p && t->p + t->cap == arena->at
                      && cap - t->cap <= (size_t)(arena->end - arena->at);
        char *to = cap > UINT32_MAX / 2 ? NULL : extend ? t->p : belay_arena_bytes(arena, cap);
        if (!to || !run_charge(t->run, cap / 64)) {
            t->failed = true;
            run_nomem(t->run);
            return;
        }
        if (extend)
            arena->at += cap - t->cap;
        else if (t->n)
            memcpy(to, t->p, t->n);
        t->p = to;
        t->cap = cap;
    }
    memcpy(t->p + t->n, p, n);
    t->n += n;
}

struct belay_value text_value(struct text *t)
{
    if (t->failed)
        return FAILED;
    if (t->p && t->p + t->cap == t->run->arena->at)
        t->run->arena->at = t->p + t->n; /* gives back the rest */
    return belay_value_str(belay_str(t->p, t->n));
}

struct belay_value string_copy(struct run *run, struct belay_str s)
{
    struct belay_str copy = belay_arena_str(run->arena, s);
    return copy.p ? belay_value_str(copy) : run_nomem(run);
}

struct belay_value value_to_string(struct run *run, struct belay_value v, bool pretty)
{
    char room[VALUE_NUMBER_TEXT_MAX];
    if (v.type == BELAY_VALUE_STRING)
        return v;
    if (v.type == BELAY_VALUE_FUNCTION)
        return belay_value_str(BELAY_STR(""));
    if (v.type == BELAY_VALUE_NUMBER && !number_ok(run, v))
        return FAILED;
    if (!value_is_array(v) && !value_is_object(v)) {
        struct belay_str text = value_scalar_text(v, room);
        char *to = belay_arena_bytes(run->arena, text.n);
        if (!to)
            return run_nomem(run);
        memcpy(to, text.p, text.n);
        return belay_value_str(belay_str(to, text.n));
    }
    if (!run->scratch.size_bytes_max)
        belay_buf_init(&run->scratch, run->arena->size_bytes_max);
    belay_buf_clear(&run->scratch);
    value_write(&run->scratch, v, VALUE_FORMAT_STRING | (pretty ? VALUE_FORMAT_PRETTY : 0));
    if (belay_buf_status(&run->scratch) || !run_charge(run, run->scratch.n / 64))
        return run_nomem(run);
    return string_copy(run, belay_buf_view(&run->scratch));
}

/* ---- characters ---- */

size_t char_len(const char *p, const char *end)
{
    size_t n = belay_utf8_len(p, end);
    if (n == 0 && end - p >= 3 && (uint8_t)p[0] == 0xed) /* a surrogate on its own, see lexer.c */
        return 3;
    return n ? n : 1;
}

size_t char_count(struct belay_str s)
{
    size_t count = 0;
    for (const char *p = s.p, *end = s.p + s.n; p < end; count++)
        p += (signed char)*p >= 0 ? 1 : char_len(p, end);
    return count;
}

size_t char_offset(struct belay_str s, size_t index)
{
    const char *p = s.p, *end = s.p + s.n;
    for (; p < end && index > 0; index--)
        p += (signed char)*p >= 0 ? 1 : char_len(p, end);
    return (size_t)(p - s.p);
}
