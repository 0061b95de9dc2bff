/* Functions that take a pattern: a string, a regex, or a function that matches. */
#include <math.h>

#include "base/limits.h"
#include "expr/functions.h"
#include "expr/regex.h"

/* A match as the functions below use it, whoever found it. */
struct found {
    struct belay_str text;
    size_t start, end;
    uint32_t group_count;
    const struct belay_str *groups;
    struct belay_value next; /* a function, or UNDEFINED for a regex */
};

static struct belay_value regex_failed(struct run *run, int status)
{
    if (status == BELAY_LIMIT) {
        run_fail(run, "U1005", NO_POSITION, BELAY_STR_NONE);
        run->status = BELAY_LIMIT;
        return FAILED;
    }
    return status == BELAY_NOMEM ? run_nomem(run)
                                 : run_fail(run, "D3140", NO_POSITION, BELAY_STR_NONE);
}

/* That a match may take: what is left of the evaluation's own, and of its steps. */
static uint64_t match_steps(const struct run *run)
{
    uint64_t most = run->match_left < BELAY_EXPR_MATCH_STEPS_MAX ? run->match_left : BELAY_EXPR_MATCH_STEPS_MAX;
    uint64_t of_steps = run->steps_left < BELAY_EXPR_MATCH_STEPS_MAX / BELAY_EXPR_MATCH_STEPS_PER_STEP
                            ? run->steps_left * BELAY_EXPR_MATCH_STEPS_PER_STEP : BELAY_EXPR_MATCH_STEPS_MAX;
    return most < of_steps ? most : of_steps;
}

/* false: no match, or failed (run->status tells). further: a match went before it, up to `from`. As in the reference the
 * first may be empty, and none follows at the end of the text. */
static bool find_match(struct run *run, const struct regex *re, struct belay_str text, size_t from,
                       bool further, struct regex_match *m)
{
    if (further && from >= text.n)
        return false;
    /* The check that the text is UTF-8 reads all of it, once. */
    if (!run_charge(run, 1 + (from ? 0 : text.n / 256)))
        return false;
    if (from == 0)
        run->match_left += BELAY_EXPR_MATCH_STEPS_PER_CALL + text.n;
    uint64_t most = match_steps(run), left = most;
    int status = regex_match(re, run->arena, text, from, &left, m);
    run->match_left -= most - left;
    if (!run_charge(run, (most - left) / BELAY_EXPR_MATCH_STEPS_PER_STEP))
        return false;
    if (status == BELAY_OK && m->start == m->end && further) { /* it would never go on */
        run_fail(run, "D1004", NO_POSITION, BELAY_STR_NONE);
        return false;
    }
    if (status != BELAY_OK && status != BELAY_NOTFOUND)
        regex_failed(run, status);
    return status == BELAY_OK;
}

/* ---- the match object of a regex that is called as a function ---- */

static struct belay_value groups_value(struct run *run, const struct belay_str *groups, uint32_t n)
{
    struct belay_value_array *a = value_array_new(run->arena, n, 0);
    if (!a)
        return run_nomem(run);
    for (uint32_t i = 0; i < n; i++)
        a->items[a->n++] = groups[i].p ? belay_value_str(groups[i]) : UNDEFINED; /* took no part */
    return value_array(a);
}

static bool put(struct run *run, struct belay_value_object *o, struct belay_str name,
                struct belay_value v)
{
    if (value_failed(v))
        return false;
    if (value_object_put(o, run->arena, belay_value_str(name), v))
        return true;
    run_nomem(run);
    return false;
}

/* Offsets are told in characters. */
struct belay_value regex_apply(struct run *run, const struct regex *re, struct belay_str text,
                               size_t from, bool further)
{
    struct regex_match m;
    if (!find_match(run, re, text, from, further, &m))
        return run->status ? FAILED : UNDEFINED;
    struct belay_value_object *o = value_object_new(run->arena, 5);
    struct belay_value_function *next = BELAY_ARENA_NEW(run->arena, struct belay_value_function);
    if (!o || !next)
        return run_nomem(run);
    next->kind = FUNCTION_REGEX_NEXT;
    next->u.next.regex = re;
    next->u.next.text = text;
    next->u.next.from = m.end;
    double start = (double)char_count(belay_str(text.p, m.start));
    double end = start + (double)char_count(belay_str(text.p + m.start, m.end - m.start));
    bool ok = put(run, o, BELAY_STR("match"),
                  belay_value_str(belay_str(text.p + m.start, m.end - m.start)))
              && put(run, o, BELAY_STR("start"), belay_value_number(start))
              && put(run, o, BELAY_STR("end"), belay_value_number(end))
              && put(run, o, BELAY_STR("groups"), groups_value(run, m.groups, m.group_count))
              && put(run, o, BELAY_STR("next"),
                     (struct belay_value){ .type = BELAY_VALUE_FUNCTION, .u.function = next });
    return ok ? belay_value_object(o) : FAILED;
}

/* ---- walking over matches ---- */

struct matches {
    struct run *run;
    const struct call *call;
    struct belay_str text;
    struct belay_value pattern;
    struct belay_value next; /* of a matcher function: what gives the next match */
    size_t from;             /* in the text, for a string or a regex */
    bool further;            /* one was found */
    struct regex_match match;
    struct belay_str groups[REGEX_GROUPS_MAX];
};

static bool not_a_match(struct run *run)
{
    run_fail(run, "T1010", NO_POSITION, BELAY_STR_NONE);
    return false;
}

/* From the object that a user's matcher function gave. */
static bool from_object(struct matches *m, struct belay_value v, struct found *ret)
{
    if (!value_defined(v))
        return false;
    struct belay_value start = value_get(v, BELAY_STR("start")),
                       end = value_get(v, BELAY_STR("end"));
    struct belay_value groups = value_get(v, BELAY_STR("groups")), group;
    m->next = value_get(v, BELAY_STR("next"));
    if (!value_is_number(start) || !value_is_number(end) || !value_is_array(groups)
        || m->next.type != BELAY_VALUE_FUNCTION)
        return not_a_match(m->run);
    struct value_iter it = value_iter(groups);
    double s = value_double(start), e = value_double(end);
    ret->start = s > 0 ? char_offset(m->text, s < 1e9 ? (size_t)s : (size_t)1e9) : 0;
    ret->end = e > 0 ? char_offset(m->text, e < 1e9 ? (size_t)e : (size_t)1e9) : 0;
    if (ret->end < ret->start || (ret->end == ret->start && m->further) || ret->start < m->from)
        return not_a_match(m->run);
    m->from = ret->end;
    ret->group_count = 0;
    while (ret->group_count < REGEX_GROUPS_MAX && value_iter_next(&it, &group))
        m->groups[ret->group_count++]
            = group.type == BELAY_VALUE_STRING ? value_str(group) : BELAY_STR_NONE;
    ret->groups = m->groups;
    return true;
}

static bool from_string(struct matches *m, struct found *ret)
{
    struct belay_str what = value_str(m->pattern);
    if (m->from > m->text.n || !run_charge(m->run, 1))
        return false;
    if (!run_charge(m->run, (m->text.n - m->from) / 4096))
        return false;
    const char *at = memmem(m->text.p + m->from, m->text.n - m->from, what.p, what.n);
    if (!at)
        return false;
    ret->start = (size_t)(at - m->text.p);
    ret->end = m->from = ret->start + what.n;
    ret->group_count = 0;
    return true;
}

static bool from_regex(struct matches *m, struct found *ret)
{
    const struct regex *re = m->pattern.u.function->u.regex;
    if (!find_match(m->run, re, m->text, m->from, m->further, &m->match))
        return false;
    ret->start = m->match.start;
    ret->end = m->from = m->match.end;
    ret->group_count = m->match.group_count;
    ret->groups = m->match.groups;
    return true;
}

static bool find_next(struct matches *m, struct found *ret)
{
    ret->text = m->text;
    if (m->pattern.type == BELAY_VALUE_STRING)
        return from_string(m, ret);
    if (m->pattern.u.function->kind == FUNCTION_REGEX)
        return from_regex(m, ret);
    struct belay_value v
        = value_defined(m->next)
              ? call_hof(m->run, m->call, m->next, UNDEFINED, UNDEFINED, UNDEFINED)
              : call_hof(m->run, m->call, m->pattern, m->call->args[0], UNDEFINED, UNDEFINED);
    return !value_failed(v) && from_object(m, v, ret);
}

/* The next match; false: none, or failed. */
static bool next_match(struct matches *m, struct found *ret)
{
    bool found = find_next(m, ret);
    m->further |= found;
    return found;
}

static struct belay_value piece(struct belay_str text, size_t from, size_t to)
{
    return belay_value_str(belay_str(text.p + from, to - from));
}

static struct matches matches(struct run *run, const struct call *call)
{
    return (struct matches){
        .run = run,
        .call = call,
        .text = value_str(call->args[0]),
        .pattern = call->args[1],
    };
}

/* A limit argument: UINT32_MAX when absent; false after failing with code. */
static bool limit_of(struct run *run, struct belay_value v, const char *code, double *ret_limit)
{
    *ret_limit = INFINITY;
    if (!value_defined(v))
        return true;
    *ret_limit = value_double(v);
    if (*ret_limit >= 0)
        return true;
    run_fail_value(run, code, NO_POSITION, v);
    return false;
}

/* ---- the functions ---- */

struct belay_value f_contains(struct run *run, struct call *call)
{
    struct found found;
    struct matches m = matches(run, call);
    if (!value_defined(call->args[0]) || !value_defined(call->args[1]))
        return UNDEFINED;
    bool any = next_match(&m, &found);
    return run->status ? FAILED : belay_value_bool(any);
}

static struct belay_value match_object(struct run *run, const struct found *f)
{
    struct belay_value_object *o = value_object_new(run->arena, 3);
    if (!o)
        return run_nomem(run);
    double index = (double)char_count(belay_str(f->text.p, f->start));
    bool ok = put(run, o, BELAY_STR("match"), piece(f->text, f->start, f->end))
              && put(run, o, BELAY_STR("index"), belay_value_number(index))
              && put(run, o, BELAY_STR("groups"), groups_value(run, f->groups, f->group_count));
    return ok ? belay_value_object(o) : FAILED;
}

struct belay_value f_match(struct run *run, struct call *call)
{
    struct found found;
    struct matches m = matches(run, call);
    struct belay_value result = sequence_of(run, UNDEFINED);
    double limit;
    if (value_failed(result) || !value_defined(call->args[0]))
        return value_failed(result) ? result : UNDEFINED;
    if (!limit_of(run, call->args[2], "D3040", &limit))
        return FAILED;
    for (double n = 0; n < limit && next_match(&m, &found); n++) {
        struct belay_value o = match_object(run, &found);
        if (value_failed(o) || !value_array_push(result.u.array, run->arena, o))
            return run_nomem(run);
    }
    return run->status ? FAILED : result;
}

struct belay_value f_split(struct run *run, struct call *call)
{
    struct found found;
    struct matches m = matches(run, call);
    struct belay_value_array *a = value_array_new(run->arena, 4, 0);
    double limit;
    size_t at = 0;
    if (!value_defined(call->args[0]))
        return UNDEFINED;
    if (!a || !limit_of(run, call->args[2], "D3020", &limit))
        return a ? FAILED : run_nomem(run);
    limit = floor(limit);
    bool chars = m.pattern.type == BELAY_VALUE_STRING && m.pattern.n == 0;
    while (chars && at < m.text.n && a->n < limit) {
        size_t n = char_len(m.text.p + at, m.text.p + m.text.n);
        if (!run_charge(run, 1) || !value_array_push(a, run->arena, piece(m.text, at, at + n)))
            return run_nomem(run);
        at += n;
    }
    if (chars)
        return value_array(a);
    while (value_defined(m.pattern) && a->n < limit && next_match(&m, &found)) {
        if (!value_array_push(a, run->arena, piece(m.text, at, found.start)))
            return run_nomem(run);
        at = found.end;
    }
    if (run->status)
        return FAILED;
    if (a->n < limit && !value_array_push(a, run->arena, piece(m.text, at, m.text.n)))
        return run_nomem(run);
    return value_array(a);
}

/* $n of a replacement text: the longest number that is a group's, $0 the match, $$ a dollar. */
static size_t put_reference(struct text *t, struct belay_str with, size_t i, const struct found *f)
{
    uint32_t number = 0;
    size_t digits = 0;
    if (i < with.n && with.p[i] == '$') {
        text_put(t, "$", 1);
        return i + 1;
    }
    while (i + digits < with.n && with.p[i + digits] >= '0' && with.p[i + digits] <= '9'
           && digits < 2) {
        uint32_t longer = number * 10 + (uint32_t)(with.p[i + digits] - '0');
        if (digits > 0 && longer > f->group_count)
            break;
        number = longer;
        digits++;
    }
    if (digits == 0)
        text_put(t, "$", 1);
    else if (number == 0)
        text_put(t, f->text.p + f->start, f->end - f->start);
    else if (number <= f->group_count)
        text_put_str(t, f->groups[number - 1]);
    return i + digits;
}

static void put_pattern(struct text *t, struct belay_str with, const struct found *f)
{
    for (size_t i = 0; i < with.n;) {
        size_t n = belay_str_find(belay_str(with.p + i, with.n - i), '$');
        text_put(t, with.p + i, n);
        i += n;
        if (i < with.n)
            i = put_reference(t, with, i + 1, f);
    }
}

static bool put_replacement(struct run *run, const struct call *call, struct text *t,
                            const struct found *f)
{
    struct belay_value with = call->args[2];
    if (with.type == BELAY_VALUE_STRING) {
        if (call->args[1].type == BELAY_VALUE_STRING)
            text_put_str(t, value_str(with));
        else
            put_pattern(t, value_str(with), f);
        return true;
    }
    struct belay_value o = match_object(run, f);
    struct belay_value v = value_failed(o) ? o : call_hof(run, call, with, o, UNDEFINED, UNDEFINED);
    if (value_failed(v))
        return false;
    if (v.type != BELAY_VALUE_STRING) {
        run_fail_value(run, "D3012", NO_POSITION, v);
        return false;
    }
    text_put_str(t, value_str(v));
    return true;
}

struct belay_value f_replace(struct run *run, struct call *call)
{
    struct found found;
    struct matches m = matches(run, call);
    struct text t = { .run = run };
    double limit;
    size_t at = 0;
    if (!value_defined(call->args[0]))
        return UNDEFINED;
    if (m.pattern.type == BELAY_VALUE_STRING && m.pattern.n == 0)
        return run_fail(run, "D3010", NO_POSITION, BELAY_STR_NONE);
    if (!value_defined(m.pattern) || !limit_of(run, call->args[3], "D3011", &limit))
        return run->status ? FAILED : call->args[0];
    for (double n = 0; n < limit && next_match(&m, &found); n++) {
        text_put(&t, m.text.p + at, found.start - at);
        if (!put_replacement(run, call, &t, &found))
            return FAILED;
        at = found.end;
    }
    if (run->status)
        return FAILED;
    text_put(&t, m.text.p + at, m.text.n - at);
    return text_value(&t);
}
