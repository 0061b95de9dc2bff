#include "config/problem.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "config/rules.h"
#include "json/json.h"

#define TEXT_BYTES_MAX 1024 /* of one message */

void belay_problems_init(struct belay_problems *p)
{
    *p = (struct belay_problems){ 0 };
    belay_arena_init(&p->arena, 0, BELAY_MIB(4));
}

void belay_problems_deinit(struct belay_problems *p)
{
    belay_free(p->items);
    belay_arena_deinit(&p->arena);
    *p = (struct belay_problems){ 0 };
}

static struct belay_problem *room(struct belay_problems *p)
{
    if (p->count >= BELAY_CONFIG_PROBLEMS_MAX)
        return NULL;
    if (p->count == p->cap) {
        uint32_t cap = p->cap ? p->cap * 2 : 16;
        struct belay_problem *items = belay_realloc(p->items, cap * sizeof *items);
        if (!items)
            return NULL;
        p->items = items;
        p->cap = cap;
    }
    return &p->items[p->count];
}

/* vsnprintf, cut at a code point. */
static struct belay_str format(struct belay_problems *p, const char *fmt, va_list args)
{
    char text[TEXT_BYTES_MAX];
    int n = vsnprintf(text, sizeof text, fmt, args);
    size_t length = n < 0 ? 0 : (size_t)n;
    if (length >= sizeof text) {
        length = sizeof text - 1;
        while (length && ((unsigned char)text[length] & 0xc0) == 0x80)
            length--;
    }
    return belay_arena_str(&p->arena, belay_str(text, length));
}

static struct belay_problem *add(struct belay_problems *p, struct belay_place place,
                                 enum belay_problem_level level, const char *rule, const char *fmt,
                                 va_list args)
{
    BELAY_ASSERT(config_rule(rule));
    *(level == BELAY_PROBLEM_ERROR ? &p->error_count : &p->warning_count) += 1;
    struct belay_problem *to = room(p);
    if (!to)
        return NULL;
    place.file = belay_arena_str(&p->arena, place.file);
    struct belay_str message = format(p, fmt, args);
    if (!place.file.p || !message.p)
        return NULL;
    *to = (struct belay_problem){ place, level, rule, message, BELAY_STR_NONE };
    p->count++;
    return to;
}

struct belay_problem *config_error(struct belay_problems *p, struct belay_place place,
                                   const char *rule, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct belay_problem *to = add(p, place, BELAY_PROBLEM_ERROR, rule, fmt, args);
    va_end(args);
    return to;
}

struct belay_problem *config_warning(struct belay_problems *p, struct belay_place place,
                                     const char *rule, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct belay_problem *to = add(p, place, BELAY_PROBLEM_WARNING, rule, fmt, args);
    va_end(args);
    return to;
}

void config_suggest(struct belay_problems *p, struct belay_problem *problem, const char *fmt, ...)
{
    if (!problem)
        return;
    va_list args;
    va_start(args, fmt);
    problem->suggestion = format(p, fmt, args);
    va_end(args);
}

bool config_was_told(const struct belay_problems *p, struct belay_place place, const char *rule, struct belay_str message)
{
    for (uint32_t i = 0; i < p->count; i++) {
        const struct belay_problem *q = &p->items[i];
        if (q->place.line == place.line && q->place.column == place.column && strcmp(q->rule, rule) == 0
            && belay_str_eq(q->place.file, place.file) && (!message.n || belay_str_eq(q->message, message)))
            return true;
    }
    return false;
}

struct config_guess config_guess(struct belay_str wrong)
{
    /* A third of the letters may be wrong, two at least. */
    unsigned allowed = wrong.n > 6 ? (unsigned)(wrong.n < 30 ? wrong.n / 3 : 10) : 2;
    return (struct config_guess){ wrong, BELAY_STR_NONE, allowed + 1 };
}

void config_guess_name(struct config_guess *g, struct belay_str candidate)
{
    if (g->wrong.n > 64 || candidate.n > 64 || g->distance == 0)
        return;
    unsigned distance = belay_str_distance(g->wrong, candidate, g->distance - 1);
    /* "id" for "to" is no typing error: something must remain. */
    if (distance < g->distance && distance < candidate.n && distance < g->wrong.n) {
        g->distance = distance;
        g->best = candidate;
    }
}

void config_suggest_guess(struct belay_problems *p, struct belay_problem *problem,
                          const struct config_guess *g)
{
    if (g->best.n)
        config_suggest(p, problem, "did you mean '%.*s'?", BELAY_STR_ARG(g->best));
}

static int compare(const void *a, const void *b)
{
    const struct belay_problem *x = a, *y = b;
    int c = belay_str_cmp(x->place.file, y->place.file);
    if (c)
        return c;
    if (x->place.line != y->place.line)
        return x->place.line < y->place.line ? -1 : 1;
    if (x->place.column != y->place.column)
        return x->place.column < y->place.column ? -1 : 1;
    return belay_str_cmp(x->message, y->message);
}

void config_problems_sort(struct belay_problems *p)
{
    if (p->count)
        qsort(p->items, p->count, sizeof *p->items, compare);
}

static const char *level_text(const struct belay_problem *p)
{
    return p->level == BELAY_PROBLEM_ERROR ? "error" : "warning";
}

void belay_problem_write(struct belay_buf *out, const struct belay_problem *p)
{
    belay_buf_put_str(out, p->place.file);
    if (p->place.line)
        belay_buf_printf(out, ":%u:%u", p->place.line, p->place.column);
    belay_buf_printf(out, ": %s: ", level_text(p));
    belay_buf_put_str(out, p->message);
    if (p->suggestion.n) {
        belay_buf_put_str(out, BELAY_STR("; "));
        belay_buf_put_str(out, p->suggestion);
    }
    belay_buf_printf(out, " [%s]\n", p->rule);
}

void belay_problems_write_json(struct belay_buf *out, const struct belay_problems *p)
{
    struct belay_json_out o = belay_json_out(out);
    belay_json_begin_array(&o);
    for (uint32_t i = 0; i < p->count; i++) {
        const struct belay_problem *at = &p->items[i];
        belay_json_begin_object(&o);
        belay_json_key(&o, "file");
        belay_json_put_str(&o, at->place.file);
        belay_json_key(&o, "line");
        belay_json_put_uint(&o, at->place.line);
        belay_json_key(&o, "column");
        belay_json_put_uint(&o, at->place.column);
        belay_json_key(&o, "level");
        belay_json_put_c(&o, level_text(at));
        belay_json_key(&o, "rule");
        belay_json_put_c(&o, at->rule);
        belay_json_key(&o, "message");
        belay_json_put_str(&o, at->message);
        belay_json_key(&o, "suggestion");
        belay_json_put_str(&o, at->suggestion);
        belay_json_end_object(&o);
    }
    belay_json_end_array(&o);
}
