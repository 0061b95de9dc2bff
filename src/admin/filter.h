/* filter.h - which letters a question is about: its parameters as a filter, and a JSONata predicate over each.
 *
 *   flow  group  error  key  since  until    along the broker's indexes
 *   where                                     JSONata over a letter (filter_where.c), evaluated for each that fits the rest
 *
 * since and until are RFC 3339, or how long ago: "2h".  A page is filled in bites of BELAY_FILTER_BITE_US, so that a
 * filter that finds little holds nobody up.  Uses: engine, expr, config.  Thread: engine. */
#ifndef BELAY_ADMIN_FILTER_H
#define BELAY_ADMIN_FILTER_H

#include "admin/question.h"
#include "broker/letter.h"
#include "expr/expr.h"

struct filter {
    struct question *q;
    struct belay_letter_filter of;
    struct belay_str flow;         /* "" any: looked up in each turn, a reload may take it away */
    struct belay_expr *where;      /* NULL: none */
    uint64_t looked, failed;       /* letters looked at; of which `where` could not be told */
    uint32_t costly;               /* of those: because it used up all its steps */
    char failure[256];             /* why not, of the first */
    belay_time now;                /* of $now() */
    belay_time turn_began;         /* monotonic */
};

/* From the question's parameters; f is in q->kept and ends with the question. False: the question has failed. */
bool filter_init(struct filter *f, struct question *q, struct belay_engine *e, belay_time now);

/* What a parameter of a filter says. Absent: otherwise, or 0 (any group). False: it says nothing, and the question has failed. */
bool filter_moment(struct question *q, const char *name, struct belay_str text, belay_time now, belay_time otherwise,
                   belay_time *ret_t);
bool filter_group(struct question *q, struct belay_str text, uint64_t *ret_group);

/* The place of a page: "after". False: it is none. */
bool filter_place(struct belay_str text, struct belay_letter_cursor *ret_cursor);
void filter_show_place(struct belay_json_out *o, const char *name, const struct belay_letter_cursor *cursor);

/* The next letter that is wanted, after *cursor, within this turn's time; memory of q->arena. END: no more;
 * PASSED: the time is over, go on in another turn; NOMEM: no memory, or `where` costs too much: the question has failed. */
enum belay_letter_found filter_next(struct filter *f, struct belay_engine *e, struct belay_letter_cursor *cursor,
                                    struct belay_letter *ret_letter);
/* The turn has had its time. */
bool filter_is_late(const struct filter *f);
/* Begins a turn: the flow is looked up, the time begins. False: the flow is gone, and the question has failed. */
bool filter_turn(struct filter *f, struct belay_engine *e);

/* ---- filter_where.c ---- */

/* Errors: BELAY_SYNTAX and others of belay_expr_compile, BELAY_LIMIT (its length); err says where. */
int where_compile(struct belay_str source, struct belay_expr **ret_expr, struct belay_err *err) BELAY_MUST_CHECK;
/* Is it true of the letter? An error is no, and is counted. */
bool where_wants(struct filter *f, const struct belay_letter *letter, belay_time now);

#endif
