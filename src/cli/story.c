#include "cli/story.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define MOMENT_LINES_MAX 256 /* with one time; more stay as they were added */

struct story_moment {
    struct story_line line;
    struct belay_str text; /* its own memory */
    size_t order;
    bool told; /* while lines of one time are put in order */
};

void story_add(struct story *s, const struct story_line *line, const struct belay_buf *text)
{
    if (s->count == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 64;
        struct story_moment *more = belay_realloc(s->moments, cap * sizeof *more);
        if (!more) {
            s->full = true;
            return;
        }
        s->moments = more;
        s->cap = cap;
    }
    char *copy = belay_memdup0(text->p, text->n);
    s->full = s->full || !copy;
    s->moments[s->count] = (struct story_moment){ .line = *line, .text = { copy, copy ? text->n : 0 }, .order = s->count };
    s->count++;
}

static int earlier(const void *a, const void *b)
{
    const struct story_moment *x = a, *y = b;
    int c = belay_str_cmp(x->line.at, y->line.at);
    return c ? c : (x->order > y->order) - (x->order < y->order);
}

/* Is it the message that the saga's line says it published? */
static bool is_published_by(const struct story_line *message, const struct story_line *saga)
{
    char number[24];
    struct belay_str place = saga->published;
    int n = snprintf(number, sizeof number, " #%llu", (unsigned long long)message->sequence);
    return place.n && message->topic.n && place.n == message->topic.n + (size_t)n && belay_str_starts(place, message->topic)
           && belay_str_ends(place, belay_str(number, (size_t)n));
}

static bool comes_before(const struct story_moment *a, const struct story_moment *b)
{
    if (a->line.list == b->line.list && a->order < b->order)
        return true;
    return (b->line.cause.n && belay_str_eq(a->line.id, b->line.cause)) || is_published_by(&b->line, &a->line);
}

static bool is_free(const struct story_moment *all, size_t n, size_t at)
{
    for (size_t i = 0; i < n; i++)
        if (i != at && !all[i].told && comes_before(&all[i], &all[at]))
            return false;
    return true;
}

/* The first that waits for nobody; where each waits for another (somebody's ids go in a circle) the first of all. */
static size_t next_of(const struct story_moment *all, size_t n)
{
    size_t first = n;
    for (size_t i = 0; i < n; i++) {
        if (all[i].told)
            continue;
        if (is_free(all, n, i))
            return i;
        first = first < n ? first : i;
    }
    return first;
}

static void put_in_order(struct story_moment *all, size_t n)
{
    struct story_moment told[MOMENT_LINES_MAX];
    for (size_t i = 0; i < n; i++) {
        size_t next = next_of(all, n);
        told[i] = all[next];
        all[next].told = true;
    }
    memcpy(all, told, n * sizeof *all);
}

void story_sort(struct story *s)
{
    size_t n;
    if (s->count)
        qsort(s->moments, s->count, sizeof *s->moments, earlier);
    for (size_t i = 0; i < s->count; i += n) {
        for (n = 1; i + n < s->count && belay_str_eq(s->moments[i].line.at, s->moments[i + n].line.at);)
            n++;
        if (n > 1 && n <= MOMENT_LINES_MAX)
            put_in_order(s->moments + i, n);
    }
}

struct belay_str story_at(const struct story *s, size_t index, struct belay_str *ret_text)
{
    *ret_text = s->moments[index].text;
    return s->moments[index].line.at;
}

void story_end(struct story *s)
{
    for (size_t i = 0; i < s->count; i++)
        belay_free((char *)s->moments[i].text.p);
    belay_free(s->moments);
    *s = (struct story){ 0 };
}
