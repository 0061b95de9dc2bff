/* schema_eval.h - a value against its nodes; what the files that evaluate share.
 * Private to json.  Thread: any; a run is its caller's. */
#ifndef BELAY_JSON_SCHEMA_EVAL_H
#define BELAY_JSON_SCHEMA_EVAL_H

#include "json/schema_node.h"

/* The way from the root of the instance. */
struct schema_place {
    const struct schema_place *up;
    const belay_json *key; /* NULL: index */
    uint32_t index;
};

/* Resources that were entered on the way, the innermost first. */
struct schema_scope {
    const struct schema_scope *up;
    const struct schema_resource *resource;
};

/* What is left of a validation's bounds; shared by all its runs.  Once it gave up nothing more is asked,
 * and whatever `not` makes of that, the value is not valid.  A pattern that is too costly does not hold;
 * but what is said by its not holding cannot be said. */
struct schema_bounds {
    const char *floor; /* the stack may not grow below */
    uint64_t steps;
    const char *gave_up; /* why; NULL: it did not */
    uint32_t unsure;     /* patterns that were too costly */
};

struct schema_run {
    struct belay_schema_faults *faults; /* NULL: stop at the first */
    struct belay_schema_faults *notes;  /* NULL: nobody asks what is deprecated */
    const struct schema_scope *scope;
    struct schema_bounds *bounds;
    bool dynamic;
};

bool schema_eval(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                 const struct schema_place *at);
/* The same; many a node only names a type. */
static inline bool schema_check(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                                const struct schema_place *at)
{
    return (n->plain && (n->types >> v->type & 1)) || schema_eval(r, n, v, at);
}
/* Only the verdict. */
bool schema_holds_for(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v);
bool schema_eval_number(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                        const struct schema_place *at);
bool schema_eval_string(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                        const struct schema_place *at);
bool schema_eval_array(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                       const struct schema_place *at);
bool schema_eval_object(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                        const struct schema_place *at);
/* How a pattern matches; one that is too costly counts as such. */
int schema_match(struct schema_run *r, const struct pattern *p, struct belay_str text);
/* Takes steps for what no schema counts: a long list of values. */
void schema_charge(struct schema_run *r, uint64_t steps);
/* Whether a number is whole, and whether it is a multiple. */
bool schema_is_integer(const belay_json *v);
bool schema_is_multiple(const belay_json *v, uint64_t digits, int exponent);
/* Where $dynamicRef leads now. */
const struct belay_schema_node *schema_dynamic_target(const struct schema_run *r, const struct schema_general *g);

/* unevaluatedProperties, unevaluatedItems: the node has it. generous: something else is wrong with v. */
bool schema_eval_unevaluated(struct schema_run *r, const struct belay_schema_node *n, const belay_json *v,
                             const struct schema_place *at, bool generous);

/* ---- faults: each returns whether to go on looking for others ---- */

bool schema_fault(struct schema_run *r, const struct belay_schema_node *n, const char *keyword,
                  const struct schema_place *at, const char *fmt, ...) BELAY_PRINTF(5, 6);
/* The member or value at `at` is deprecated. */
void schema_note(struct schema_run *r, const struct belay_schema_node *n, const struct schema_place *at);
/* A short text of a value; views live in the faults' arena. "" when nobody listens. */
struct belay_str schema_text(const struct schema_run *r, const belay_json *v);

#endif
