#include "expr/signature.h"

#include <stdio.h>

#include "expr/eval.h"

/* The types an argument can have, as letters: s n b l f a o, and m for a missing one. */
struct parameter {
    char types[10]; /* that it takes */
    char type;      /* as written: a is special */
    char subtype;   /* of an array's items; 0 for any */
    bool optional, many, context;
};

struct signature {
    uint32_t n;
    struct parameter parameters[];
};

#define PARAMETERS_MAX 16

/* ---- parsing ---- */

static const char *types_of(char c)
{
    switch (c) {
    case 's': return "sm";
    case 'n': return "nm";
    case 'b': return "bm";
    case 'l': return "lm";
    case 'o': return "om";
    case 'a': return "asnblfom";
    case 'f': return "f";
    case 'j': return "asnblom";
    case 'x': return "asnblfom";
    default: return NULL;
    }
}

/* The byte after the bracket that closes the one at p. */
static const char *bracket_end(const char *p, const char *end)
{
    char open = *p, close = open == '<' ? '>' : ')';
    int depth = 0;
    for (; p < end; p++) {
        depth += *p == open;
        depth -= *p == close;
        if (depth == 0)
            return p + 1;
    }
    return end;
}

/* (sf): a choice. */
static const char *choice(struct parameter *to, const char *p, const char *end, const char **code)
{
    const char *after = bracket_end(p, end);
    size_t n = 0;
    to->type = '(';
    for (const char *c = p + 1; c < after - 1; c++) {
        if (*c == '<')
            *code = "S0402";
        for (const char *t = types_of(*c); t && *t && *t != 'm'; t++)
            if (n < sizeof to->types - 2 && !memchr(to->types, *t, n))
                to->types[n++] = *t;
    }
    to->types[n] = 'm';
    return after;
}

static void modify(struct parameter *to, char c)
{
    to->context = to->context || c == '-';
    to->optional = to->optional || c == '-' || c == '?';
    to->many = to->many || c == '+';
}

/* One parameter at p, with what follows it. NULL: *code. */
static const char *parameter(struct parameter *to, const char *p, const char *end,
                             const char **code)
{
    const char *types = types_of(*p);
    *to = (struct parameter){ .type = *p };
    if (*p == '(') {
        p = choice(to, p, end, code);
    } else if (types) {
        memcpy(to->types, types, strlen(types));
        p++;
    } else {
        *code = "S0403";
    }
    while (!*code && p < end && strchr("-?+<", *p)) {
        if (*p != '<') {
            modify(to, *p++);
            continue;
        }
        if (to->type != 'a' && to->type != 'f')
            *code = "S0401";
        else if (to->type == 'a' && p + 1 < end)
            to->subtype = p[1] == 'x' || p[1] == '(' ? 0 : p[1];
        p = bracket_end(p, end);
    }
    return *code ? NULL : p;
}

struct signature *signature_parse(struct belay_arena *arena, struct belay_str text,
                                  const char **ret_code, bool *ret_nomem)
{
    struct parameter all[PARAMETERS_MAX];
    const char *p = text.p + 1, *end = text.p + text.n - 1; /* without < and > */
    uint32_t n = 0;
    *ret_code = NULL;
    while (p && p < end && *p != ':') {
        if (n == PARAMETERS_MAX)
            *ret_code = "S0403";
        p = *ret_code ? NULL : parameter(&all[n++], p, end, ret_code);
    }
    *ret_nomem = false;
    if (*ret_code)
        return NULL;
    struct signature *s = belay_arena_alloc(arena, sizeof *s + n * sizeof *all);
    *ret_nomem = !s;
    if (s) {
        s->n = n;
        memcpy(s->parameters, all, n * sizeof *all);
    }
    return s;
}

/* ---- applying ---- */

static char type_of(struct belay_value v)
{
    switch (v.type) {
    case BELAY_VALUE_STRING: return 's';
    case BELAY_VALUE_NUMBER:
    case BELAY_VALUE_INT:
    case BELAY_VALUE_BIG: return 'n';
    case BELAY_VALUE_BOOL: return 'b';
    case BELAY_VALUE_NULL: return 'l';
    case BELAY_VALUE_FUNCTION: return 'f';
    case BELAY_VALUE_UNDEFINED: return 'm';
    default: return value_is_array(v) ? 'a' : 'o';
    }
}

static bool takes(const struct parameter *p, char type)
{
    return strchr(p->types, type);
}

/* Shares the arguments out to the parameters as a regular expression would: each takes as many as
 * it can, and gives back where the rest does not fit. taken[i]: how many parameter i takes.
 * *ret_reach: how many fit at best, for the error. */
static bool share(const struct signature *s, struct run *run, const struct belay_value *args,
                  uint32_t n, uint32_t i, uint32_t at, uint32_t *taken, uint32_t *ret_reach)
{
    if (at > *ret_reach)
        *ret_reach = at;
    if (i == s->n || !run_charge(run, i)) /* charged: many + can be shared in many ways */
        return i == s->n && at == n;
    const struct parameter *p = &s->parameters[i];
    uint32_t most = 0, limit = p->many ? n - at : 1, least = p->optional ? 0 : 1;
    while (most < limit && at + most < n && takes(p, type_of(args[at + most])))
        most++;
    for (uint32_t take = most + 1; take-- > least;) {
        taken[i] = take;
        if (share(s, run, args, n, i + 1, at + take, taken, ret_reach))
            return true;
    }
    return false;
}

static struct belay_value array_of(struct run *run, struct belay_value v)
{
    struct belay_value_array *a = value_array_new(run->arena, 1, 0);
    if (!a)
        return run_nomem(run);
    a->items[a->n++] = v;
    return value_array(a);
}

/* An argument where an array is wanted. */
static struct belay_value as_array(struct run *run, const struct parameter *p, struct belay_value v)
{
    struct value_iter it = value_iter(v);
    struct belay_value item;
    if (!value_defined(v))
        return v;
    if (!run_charge(run, it.n / 16)) /* the function will walk it, too */
        return FAILED;
    while (p->subtype && value_iter_next(&it, &item))
        if (type_of(item) != p->subtype)
            return run_fail_value(run, "T0412", NO_POSITION, v);
    return value_is_array(v) ? v : array_of(run, v);
}

static bool fill(const struct signature *s, struct run *run, struct belay_value input,
                 const struct belay_value *args, const uint32_t *taken, struct belay_value *to)
{
    for (uint32_t i = 0; i < s->n; i++) {
        const struct parameter *p = &s->parameters[i];
        if (taken[i] == 0) {
            *to = p->context ? input : UNDEFINED;
            if (p->context && value_is_array(*to) && is_sequence(*to))
                *to = sequence_collapse(*to);
            if (p->context && !takes(p, type_of(*to))) {
                run_fail_value(run, "T0411", NO_POSITION, *to);
                return false;
            }
            to++;
        }
        for (uint32_t k = 0; k < taken[i]; k++) {
            *to = p->type == 'a' ? as_array(run, p, *args) : *args;
            if (value_failed(*to++))
                return false;
            args++;
        }
    }
    return true;
}

static const char *kind_of(char type)
{
    switch (type) {
    case 's': return "a string";
    case 'n': return "a number";
    case 'b': return "a boolean";
    case 'l': return "null";
    case 'f': return "a function";
    case 'm': return "nothing";
    default: return type == 'a' ? "an array" : "an object";
    }
}

/* at: of the first argument that does not fit; n: one is missing. */
static void refuse(struct run *run, const struct belay_value *args, uint32_t n, uint32_t at)
{
    if (run->status)
        return; /* out of steps */
    run_fail_value(run, "T0410", NO_POSITION, at < n ? args[at] : UNDEFINED);
    if (at < n)
        snprintf(run->error.message, sizeof run->error.message, "argument %u, %s, does not match the function's signature",
                 at + 1, kind_of(type_of(args[at])));
}

bool signature_apply(const struct signature *s, struct run *run, struct belay_value input,
                     struct belay_value **args, uint32_t *n)
{
    uint32_t taken[PARAMETERS_MAX] = { 0 }, reach = 0, count = 0;
    if (!share(s, run, *args, *n, 0, 0, taken, &reach)) {
        refuse(run, *args, *n, reach);
        return false;
    }
    for (uint32_t i = 0; i < s->n; i++)
        count += taken[i] ? taken[i] : 1;
    struct belay_value *to = belay_arena_alloc(run->arena, (count + 1) * sizeof *to);
    if (!to) {
        run_nomem(run);
        return false;
    }
    if (!fill(s, run, input, *args, taken, to))
        return false;
    *args = to;
    *n = count;
    return true;
}
