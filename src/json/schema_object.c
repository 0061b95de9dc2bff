/* Objects.  Members usually come in the order in which the schema names them: the name after the last
 * one found is tried before the hash table.  A member that occurs twice is checked twice. */
#include "json/schema_eval.h"

/* n < 8 bytes. */
static inline uint64_t load_short(const char *p, size_t n)
{
    if (n >= 4) {
        uint32_t first, last;
        memcpy(&first, p, 4);
        memcpy(&last, p + n - 4, 4);
        return first | (uint64_t)last << 32;
    }
    return n == 0 ? 0 : (uint64_t)(uint8_t)p[0] | (uint64_t)(uint8_t)p[n / 2] << 8 | (uint64_t)(uint8_t)p[n - 1] << 16;
}

/* Of the length and both ends: names of one schema rarely agree in all three. */
uint32_t schema_member_hash(struct belay_str name)
{
    uint64_t h = name.n * 0x9e3779b97f4a7c15u;
    if (name.n >= 8) {
        uint64_t first, last;
        memcpy(&first, name.p, 8);
        memcpy(&last, name.p + name.n - 8, 8);
        h ^= first * 0xbf58476d1ce4e5b9u ^ (last << 23 | last >> 41);
    } else if (name.n) {
        h ^= load_short(name.p, name.n) * 0xbf58476d1ce4e5b9u;
    }
    h *= 0x94d049bb133111ebu;
    return (uint32_t)(h >> 32);
}

static inline bool same_words(const char *a, const char *b, size_t n, size_t word)
{
    return memcmp(a, b, word) == 0 && memcmp(a + n - word, b + n - word, word) == 0;
}

/* Most names are short: two overlapping words instead of a call. */
static inline bool same(struct belay_str a, struct belay_str b)
{
    if (a.n != b.n)
        return false;
    if (a.n > 16)
        return memcmp(a.p, b.p, a.n) == 0;
    if (a.n >= 8)
        return same_words(a.p, b.p, a.n, 8);
    if (a.n >= 4)
        return same_words(a.p, b.p, a.n, 4);
    if (a.n >= 2)
        return same_words(a.p, b.p, a.n, 2);
    return a.n == 0 || a.p[0] == b.p[0];
}

uint32_t schema_member_find(const struct schema_object *o, struct belay_str name)
{
    uint32_t slot = schema_member_hash(name) & o->slot_mask;
    for (; o->slots[slot] != SCHEMA_NONE; slot = (slot + 1) & o->slot_mask)
        if (same(o->members[o->slots[slot]].name, name))
            return o->slots[slot];
    return SCHEMA_NONE;
}

static void mark(uint64_t *seen, uint32_t at)
{
    seen[at / 64] |= (uint64_t)1 << at % 64;
}

static bool marked(const uint64_t *seen, uint32_t at)
{
    return seen[at / 64] >> at % 64 & 1;
}

/* ---- faults ---- */

static bool missing(struct schema_run *r, const struct belay_schema_node *n, const char *keyword,
                    const struct schema_member *m, const struct schema_place *at)
{
    return schema_fault(r, n, keyword, at, "the member \"%.*s\" is missing", BELAY_STR_ARG(m->name));
}

static bool eval_required(struct schema_run *r, const struct belay_schema_node *n, const uint64_t *seen,
                          const struct schema_place *at)
{
    const struct schema_object *o = n->object;
    bool ok = true;
    for (uint32_t i = 0; i < o->required_count && (ok || r->faults); i++)
        if (!marked(seen, o->required[i])) {
            ok = false;
            (void)missing(r, n, "required", &o->members[o->required[i]], at);
        }
    return ok;
}

static bool eval_dependents(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                            const uint64_t *seen, const struct schema_place *at)
{
    const struct schema_object *o = n->object;
    bool ok = true;
    for (uint32_t i = 0; i < o->dependent_count && (ok || r->faults); i++) {
        const struct schema_dependent *d = &o->dependents[i];
        if (!marked(seen, d->trigger))
            continue;
        if (d->node)
            ok = schema_eval(r, d->node, v, at) && ok;
        for (uint32_t j = 0; j < d->required_count; j++)
            if (!marked(seen, d->required[j])) {
                ok = false;
                (void)schema_fault(r, n, d->keyword, at, "where there is \"%.*s\" there must be \"%.*s\"",
                                   BELAY_STR_ARG(o->members[d->trigger].name),
                                   BELAY_STR_ARG(o->members[d->required[j]].name));
            }
    }
    return ok;
}

static bool eval_count(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                       const struct schema_place *at)
{
    const struct schema_object *o = n->object;
    if (v->n < o->min)
        (void)schema_fault(r, n, "minProperties", at, "%u member%s, fewer than the minimum %u", v->n,
                           v->n == 1 ? "" : "s", o->min);
    if (v->n > o->max)
        (void)schema_fault(r, n, "maxProperties", at, "%u members, more than the maximum %u", v->n, o->max);
    return v->n >= o->min && v->n <= o->max;
}

/* ---- members ---- */

/* additionalProperties, but for the most common case the sentence names the member. */
static bool eval_additional(struct schema_run *r, const struct belay_schema_node *n, const belay_json *key,
                            const struct schema_place *here)
{
    const struct belay_schema_node *a = n->object->additional;
    if (!a->never)
        return schema_eval(r, a, key + 1, here);
    (void)schema_fault(r, n, "additionalProperties", here, "the member \"%.*s\" is not allowed here",
                       BELAY_STR_ARG(belay_json_str(key)));
    return false;
}

/* What patternProperties, additionalProperties and propertyNames say of a member. */
static bool eval_unnamed(struct schema_run *r, const struct belay_schema_node *n, const belay_json *key,
                         bool known, const struct schema_place *here)
{
    const struct schema_object *o = n->object;
    bool ok = true;
    for (uint32_t i = 0; i < o->pattern_count && (ok || r->faults); i++) {
        int status = schema_match(r, o->patterns[i].pattern, belay_json_str(key));
        known = known || status == BELAY_OK;
        if (status == BELAY_OK)
            ok = schema_eval(r, o->patterns[i].node, key + 1, here) && ok;
        else if (status != BELAY_NOTFOUND)
            ok = schema_fault(r, n, "patternProperties", here, "its name is too costly to match with a pattern") && false;
    }
    if ((ok || r->faults) && !known && o->additional)
        ok = eval_additional(r, n, key, here) && ok;
    if ((ok || r->faults) && o->names)
        ok = schema_eval(r, o->names, key, here) && ok;
    return ok;
}

/* Marks the members that the schema names. */
static bool eval_members(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                         uint64_t *seen, const struct schema_place *at)
{
    const struct schema_object *o = n->object;
    bool unnamed = o->pattern_count || o->additional || o->names, ok = true;
    struct schema_place here = { at, belay_json_first(v), 0 };
    uint32_t guess = 0;
    for (uint32_t i = 0; i < v->n; i++, here.key = belay_json_next(here.key + 1)) {
        struct belay_str name = belay_json_str(here.key);
        bool next = guess < o->member_count && same(o->members[guess].name, name);
        uint32_t found = next ? guess : schema_member_find(o, name);
        const struct belay_schema_node *member = NULL;
        if (found != SCHEMA_NONE) {
            mark(seen, found);
            guess = found + 1;
            member = o->members[found].node;
        }
        if (member)
            ok = schema_check(r, member, here.key + 1, &here) && ok;
        if (unnamed && (ok || r->faults) && (!member || o->pattern_count || o->names))
            ok = eval_unnamed(r, n, here.key, member != NULL, &here) && ok;
        if (!ok && !r->faults)
            return false;
    }
    return ok;
}

static bool eval_object(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                        uint64_t *seen, const struct schema_place *at)
{
    const struct schema_object *o = n->object;
    bool ok = eval_members(r, n, v, seen, at);
    if ((ok || r->faults) && (o->member_count > 64 || (seen[0] & o->required_mask) != o->required_mask))
        ok = eval_required(r, n, seen, at) && ok;
    if ((ok || r->faults) && o->dependent_count)
        ok = eval_dependents(r, n, v, seen, at) && ok;
    if ((ok || r->faults) && (v->n < o->min || v->n > o->max))
        ok = eval_count(r, n, v, at) && ok;
    return ok;
}

static __attribute__((noinline)) bool eval_wide(struct schema_run *r, const struct belay_schema_node *n,
                                                const belay_json *v, const struct schema_place *at)
{
    uint64_t seen[(BELAY_SCHEMA_NAMES_MAX + 63) / 64] = { 0 };
    return eval_object(r, n, v, seen, at);
}

bool schema_eval_object(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                        const struct schema_place *at)
{
    uint64_t seen = 0;
    return n->object->member_count > 64 ? eval_wide(r, n, v, at) : eval_object(r, n, v, &seen, at);
}
