/* answer_letter_list.c - letters, page by page and by what they are; and their groups. */
#include "admin/answers.h"

#include <stdio.h>

#include "admin/answer_letters.h"
#include "admin/filter.h"
#include "admin/question.h"
#include "admin/show.h"
#include "base/assert.h"
#include "base/limits.h"

/* ---- letters ---- */

struct page {
    struct question *q;
    struct filter filter;
    struct belay_json_out out;
    struct belay_letter_cursor at; /* behind the last one looked at */
    uint32_t left;
    bool whole;                    /* with message and history, as an export wants them */
};

static void end_page(struct page *p, bool more)
{
    belay_json_end_array(&p->out);
    if (more) {
        filter_show_place(&p->out, "next", &p->at);
    } else {
        belay_json_key(&p->out, "next");
        belay_json_put_null(&p->out);
    }
    show_time(&p->out, "now", p->filter.now);
    belay_json_key(&p->out, "looked");
    belay_json_put_uint(&p->out, p->filter.looked);
    if (p->filter.failed) {
        belay_json_key(&p->out, "failed");
        belay_json_put_uint(&p->out, p->filter.failed);
        show_text(&p->out, "failure", belay_str_c(p->filter.failure));
    }
    belay_json_end_object(&p->out);
    question_end(p->q);
}

static bool page_is_full(const struct page *p)
{
    return !p->left || p->filter.looked >= BELAY_FILTER_LOOKS_MAX || p->q->out.n > BELAY_ADMIN_PAGE_BYTES;
}

/* A filter that finds little ends its page after BELAY_FILTER_LOOKS_MAX letters: whoever asks sees that it goes on. */
static void fill_page(void *arg, struct belay_engine *e)
{
    struct page *p = arg;
    enum belay_letter_found found = filter_turn(&p->filter, e) ? BELAY_LETTER_FOUND : BELAY_LETTER_END;
    while (found == BELAY_LETTER_FOUND && !page_is_full(p)) {
        struct belay_arena_mark mark = belay_arena_mark(&p->q->arena);
        struct belay_letter letter;
        found = filter_next(&p->filter, e, &p->at, &letter);
        if (found == BELAY_LETTER_FOUND) {
            show_letter(&p->out, &letter, &p->q->arena, p->whole ? SHOW_WHOLE : SHOW_LINE);
            p->left--;
        }
        belay_arena_rewind(&p->q->arena, mark);
        if (filter_is_late(&p->filter))
            break;
    }
    bool more = found == BELAY_LETTER_FOUND || found == BELAY_LETTER_PASSED;
    if (more && !page_is_full(p))
        question_again(p->q, fill_page, p);
    else
        end_page(p, more);
}

bool answer_letters(struct question *q, struct belay_engine *e, belay_time now)
{
    struct page *p = BELAY_ARENA_NEW(&q->kept, struct page);
    struct belay_str after = question_param(q, "after");
    if (!p)
        return question_fail(q, BELAY_NOMEM, "no memory for the answer");
    *p = (struct page){ .q = q, .out = belay_json_out(&q->out), .left = question_count(q) };
    p->whole = belay_str_eq(question_param(q, "whole"), BELAY_STR("true"));
    if (after.n && !filter_place(after, &p->at))
        return question_fail(q, BELAY_INVALID, "after is what \"next\" of the page before said");
    if (!filter_init(&p->filter, q, e, now))
        return true;
    p->filter.of.last_only = !p->whole;
    belay_json_begin_object(&p->out);
    belay_json_key(&p->out, "letters");
    belay_json_begin_array(&p->out);
    fill_page(p, e);
    return false;
}

/* ---- groups ---- */

enum order { BY_COUNT, BY_LAST, BY_FIRST };

/* The best `count` groups of all are kept, in order; a page is found by walking over all groups. */
struct groups {
    struct question *q;
    struct filter filter;          /* its flow, error; since and until: of when one came last */
    enum order order;
    struct belay_letter_group *best;
    uint32_t count, count_max;
    uint64_t at, walked, letters;  /* at: the last fingerprint */
};

static int64_t rank(const struct groups *g, const struct belay_letter_group *group)
{
    switch (g->order) {
    case BY_COUNT: return (int64_t)group->count;
    case BY_LAST: return group->last_seen;
    case BY_FIRST: return group->first_seen;
    }
    BELAY_UNREACHABLE();
}

static bool keeps(const struct groups *g, const struct belay_letter_group *group)
{
    struct belay_fault like = { .class_ = group->class_, .status = group->status };
    if (!group->count || (g->filter.flow.n && !belay_str_eq(g->filter.flow, group->subscription))
        || group->last_seen < g->filter.of.since || group->last_seen >= g->filter.of.until)
        return false;
    snprintf(like.type, sizeof like.type, "%.*s", BELAY_STR_ARG(group->type));
    return !g->filter.of.error.n || belay_fault_matches(&like, g->filter.of.error);
}

/* Its texts are copied into q->kept when it is among the best so far. */
static bool keep(struct groups *g, const struct belay_letter_group *group)
{
    uint32_t at = g->count;
    while (at && rank(g, &g->best[at - 1]) < rank(g, group))
        at--;
    if (at == g->count_max)
        return true;
    struct belay_letter_group copy = *group;
    copy.type = belay_arena_str(&g->q->kept, group->type);
    copy.step = belay_arena_str(&g->q->kept, group->step);
    copy.message = belay_arena_str(&g->q->kept, group->message);
    copy.subscription = belay_arena_str(&g->q->kept, group->subscription);
    if (!copy.type.p || !copy.step.p || !copy.message.p || !copy.subscription.p)
        return false;
    g->count += g->count < g->count_max;
    for (uint32_t i = g->count - 1; i > at; i--)
        g->best[i] = g->best[i - 1];
    g->best[at] = copy;
    return true;
}

static void show_trend(struct belay_json_out *o, const char *name, const uint32_t *counts, uint32_t n)
{
    belay_json_key(o, name);
    belay_json_begin_array(o);
    for (uint32_t i = 0; i < n; i++)
        belay_json_put_uint(o, counts[i]);
    belay_json_end_array(o);
}

static void show_group(struct belay_json_out *o, const struct belay_letter_group *g)
{
    belay_json_begin_object(o);
    show_fingerprint(o, "group", g->fingerprint);
    show_text(o, "flow", g->subscription);
    show_text(o, "error", g->type);
    show_text(o, "class", belay_str_c(belay_class_name(g->class_)));
    belay_json_key(o, "status");
    belay_json_put_uint(o, g->status);
    show_text(o, "step", g->step);
    show_text(o, "message", g->message);
    belay_json_key(o, "count");
    belay_json_put_uint(o, g->count);
    belay_json_key(o, "ever");
    belay_json_put_uint(o, g->ever);
    show_time(o, "first_seen", g->first_seen);
    show_time(o, "last_seen", g->last_seen);
    show_trend(o, "hours", g->hours, BELAY_GROUP_HOURS);
    show_trend(o, "days", g->days, BELAY_GROUP_DAYS);
}

/* The first letter of the group that there is: one to look at. */
static void show_sample(struct belay_json_out *o, struct question *q, struct belay_engine *e, uint64_t group)
{
    struct belay_letter_filter f = { .group = group, .until = BELAY_TIME_NEVER, .last_only = true };
    struct belay_letter_cursor at = { 0 };
    struct belay_letter letter;
    enum belay_letter_found found = BELAY_LETTER_PASSED;
    for (int i = 0; i < BELAY_ADMIN_BITE && found == BELAY_LETTER_PASSED; i++)
        found = belay_broker_letter_find(belay_engine_broker(e), &f, &at, &q->arena, &letter);
    belay_json_key(o, "sample");
    if (found == BELAY_LETTER_FOUND)
        belay_json_put_uint(o, letter.sequence);
    else
        belay_json_put_null(o);
}

static void end_groups(struct groups *g, struct belay_engine *e)
{
    struct belay_json_out o = belay_json_out(&g->q->out);
    belay_json_begin_object(&o);
    belay_json_key(&o, "groups");
    belay_json_begin_array(&o);
    for (uint32_t i = 0; i < g->count; i++) {
        struct belay_arena_mark mark = belay_arena_mark(&g->q->arena);
        show_group(&o, &g->best[i]);
        show_sample(&o, g->q, e, g->best[i].fingerprint);
        belay_json_end_object(&o);
        belay_arena_rewind(&g->q->arena, mark);
    }
    belay_json_end_array(&o);
    belay_json_key(&o, "total");
    belay_json_put_uint(&o, g->walked);
    belay_json_key(&o, "letters");
    belay_json_put_uint(&o, g->letters);
    belay_json_end_object(&o);
    question_end(g->q);
}

static void walk_groups(void *arg, struct belay_engine *e)
{
    struct groups *g = arg;
    struct belay_letter_group group;
    bool more = filter_turn(&g->filter, e), memory = true;
    while (more && memory) {
        struct belay_arena_mark mark = belay_arena_mark(&g->q->arena);
        more = belay_broker_group_next(belay_engine_broker(e), &g->at, &g->q->arena, &group);
        if (more && keeps(g, &group)) {
            g->walked++;
            g->letters += group.count;
            memory = keep(g, &group);
        }
        belay_arena_rewind(&g->q->arena, mark);
        if (more && filter_is_late(&g->filter)) {
            question_again(g->q, walk_groups, g);
            return;
        }
    }
    if (!memory)
        question_fail(g->q, BELAY_NOMEM, "no memory for a group");
    end_groups(g, e);
}

static bool parse_order(struct question *q, enum order *ret_order)
{
    static const char *const names[] = { [BY_COUNT] = "count", [BY_LAST] = "last", [BY_FIRST] = "first" };
    struct belay_str sort = question_param(q, "sort");
    *ret_order = BY_COUNT;
    for (size_t i = 0; sort.n && i < sizeof names / sizeof names[0]; i++)
        if (belay_str_eq(sort, belay_str_c(names[i]))) {
            *ret_order = (enum order)i;
            return true;
        }
    return !sort.n || !question_fail(q, BELAY_INVALID, "sort is count, last or first");
}

bool answer_groups(struct question *q, struct belay_engine *e, belay_time now)
{
    struct groups *g = BELAY_ARENA_NEW(&q->kept, struct groups);
    if (!g)
        return question_fail(q, BELAY_NOMEM, "no memory for the answer");
    *g = (struct groups){ .q = q, .count_max = question_count(q) };
    g->best = BELAY_ARENA_ARRAY(&q->kept, struct belay_letter_group, g->count_max);
    if (!g->best)
        return question_fail(q, BELAY_NOMEM, "no memory for the answer");
    if (!parse_order(q, &g->order) || !filter_init(&g->filter, q, e, now))
        return true;
    walk_groups(g, e);
    return false;
}
