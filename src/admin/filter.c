#include "admin/filter.h"

#include <stdio.h>

#include "admin/question.h"
#include "base/limits.h"
#include "platform/clock.h"

static belay_time monotonic(void)
{
    return belay_clock_monotonic(belay_clock_posix());
}

/* "2h": so long ago; else RFC 3339. Absent: otherwise. */
bool filter_moment(struct question *q, const char *name, struct belay_str text, belay_time now, belay_time otherwise,
                   belay_time *ret_t)
{
    uint64_t ms;
    if (!text.n)
        *ret_t = otherwise;
    else if (belay_config_duration(text, &ms))
        *ret_t = now - (belay_time)(ms < INT64_MAX / 2000 ? ms : INT64_MAX / 2000) * BELAY_US_PER_MS;
    else if (!belay_time_parse(text, ret_t))
        return !question_fail(q, BELAY_INVALID, "%s is a time (2026-07-01T12:00:00Z) or how long ago (2h), not '%.*s'",
                              name, BELAY_STR_ARG(text));
    return true;
}

bool filter_group(struct question *q, struct belay_str text, uint64_t *ret_group)
{
    uint64_t group = 0;
    *ret_group = 0;
    if (!text.n)
        return true;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0 || text.n != 16)
            return !question_fail(q, BELAY_INVALID, "a group is named by 16 hexadecimal digits, as `belay dlq groups` shows them");
        group = group << 4 | (uint64_t)digit;
    }
    *ret_group = group;
    return true;
}

static void filter_forget(void *arg)
{
    struct filter *f = arg;
    belay_expr_free(f->where);
}

bool filter_init(struct filter *f, struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_str where = question_param(q, "where");
    *f = (struct filter){ .q = q, .flow = question_param(q, "flow"), .now = now };
    f->of.error = question_param(q, "error");
    f->of.key = question_param(q, "key");
    if (!filter_group(q, question_param(q, "group"), &f->of.group)
        || !filter_moment(q, "since", question_param(q, "since"), now, 0, &f->of.since)
        || !filter_moment(q, "until", question_param(q, "until"), now, BELAY_TIME_NEVER, &f->of.until))
        return false;
    int status = where.n ? where_compile(where, &f->where, &q->err) : BELAY_OK;
    if (status != BELAY_OK)
        return !question_failed(q, status);
    q->forget = filter_forget;
    q->forget_arg = f;
    return filter_turn(f, e);
}


bool filter_turn(struct filter *f, struct belay_engine *e)
{
    f->turn_began = monotonic();
    f->of.sub = NULL;
    return !f->flow.n || (f->of.sub = question_subscription(f->q, e)) != NULL;
}

bool filter_is_late(const struct filter *f)
{
    return monotonic() - f->turn_began >= BELAY_FILTER_BITE_US;
}

enum belay_letter_found filter_next(struct filter *f, struct belay_engine *e, struct belay_letter_cursor *cursor,
                                    struct belay_letter *ret_letter)
{
    struct belay_arena *arena = &f->q->arena;
    do {
        struct belay_arena_mark mark = belay_arena_mark(arena);
        enum belay_letter_found found = belay_broker_letter_find(belay_engine_broker(e), &f->of, cursor, arena, ret_letter);
        f->looked += found == BELAY_LETTER_FOUND || found == BELAY_LETTER_PASSED;
        if (found == BELAY_LETTER_FOUND && f->where && !where_wants(f, ret_letter, f->now))
            found = BELAY_LETTER_PASSED;
        if (found == BELAY_LETTER_NOMEM)
            question_fail(f->q, BELAY_NOMEM, "no memory for a letter");
        if (f->costly >= BELAY_FILTER_COSTLY_MAX) {
            question_fail(f->q, BELAY_INVALID, "where costs too much, on %u letters: %s", f->costly, f->failure);
            found = BELAY_LETTER_NOMEM;
        }
        if (found != BELAY_LETTER_PASSED)
            return found;
        belay_arena_rewind(arena, mark);
    } while (!filter_is_late(f));
    return BELAY_LETTER_PASSED;
}

/* ---- the place of a page ---- */

void filter_show_place(struct belay_json_out *o, const char *name, const struct belay_letter_cursor *c)
{
    char text[80];
    snprintf(text, sizeof text, "%u-%llu-%llu-%llu-%u", c->sub, (unsigned long long)c->sequence,
             (unsigned long long)c->at, (unsigned long long)c->group, c->began);
    belay_json_key(o, name);
    belay_json_put_c(o, text);
}

bool filter_place(struct belay_str text, struct belay_letter_cursor *ret_cursor)
{
    uint64_t numbers[5];
    for (int i = 0; i < 5; i++)
        if (!belay_str_to_u64(belay_str_split(&text, '-'), &numbers[i]))
            return false;
    if (text.p || numbers[0] > UINT32_MAX || numbers[2] > INT64_MAX || numbers[4] > 1)
        return false;
    *ret_cursor = (struct belay_letter_cursor){ .sub = (uint32_t)numbers[0], .sequence = numbers[1],
                                                .at = (belay_time)numbers[2], .group = numbers[3],
                                                .began = numbers[4] };
    return true;
}
