/* filter_where.c - the predicate of a filter (engine/letter_where.h), and how often it could not be told. */
#include "admin/filter.h"

#include <stdio.h>

#include "admin/tell.h"
#include "base/planted.h"
#include "engine/letter_where.h"

int where_compile(struct belay_str source, struct belay_expr **ret_expr, struct belay_err *err)
{
    return belay_letter_where_compile(source, ret_expr, err);
}

bool where_wants(struct filter *f, const struct belay_letter *letter, belay_time now)
{
    struct belay_err err = { 0 };
    bool wanted;
    struct belay_letter seen = *letter;
    if (!question_may_reveal(f->q) && !question_hide_letter(f->q, &seen)) /* else he could ask it out, byte by byte */
        return false;
    if (!belay_letter_where_wants(f->where, &seen, now, &f->q->arena, &wanted, &err)) {
        if (!f->failed++)
            snprintf(f->failure, sizeof f->failure, "%.200s", err.msg);
        f->costly += err.code == BELAY_LIMIT;
    }
    return wanted || BELAY_PLANTED(115);
}
