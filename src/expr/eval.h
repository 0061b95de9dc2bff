/* eval.h - one evaluation: its limits, its variables, and what the evaluator's files share.
 * Private to expr.  Thread: one owner.
 * A failure is the value VALUE_FAILED, handed up as it is; what failed is in struct run. */
#ifndef BELAY_EXPR_EVAL_H
#define BELAY_EXPR_EVAL_H

#include "expr/ast.h"
#include "expr/function.h"

struct binding {
    const struct name *name;
    struct belay_value value;
    struct binding *next;
};

/* The variables of the host and the functions, by index of name. */
struct root {
    const struct belay_expr *expr;
    struct belay_value *values;
};

struct frame {
    struct binding *bindings; /* newest first; the rest may be shared with a tuple */
    struct frame *parent;
    struct root *root;
};

struct belay_value_tuple {
    struct belay_value at; /* the item itself */
    struct binding *bindings;
};

struct run {
    struct belay_arena *arena;
    const struct belay_expr *expr;
    const struct belay_expr_env *env;
    uint64_t steps_left;
    uint64_t match_left; /* steps that regular expressions may take, of all matches together */
    uint32_t depth, depth_max;
    struct belay_value input; /* $$ */
    struct belay_random *random, own_random;
    const struct belay_expr_data *data; /* may be NULL */
    bool watched; /* env has `stop` or `costs` */
    uint64_t inner; /* watched: steps of what the node in hand evaluated */
    bool bound_by_eval; /* $eval ran: any name may have been bound */
    bool host_called;
    struct { /* the call that a lambda ended with, for apply to make */
        const struct node *node;
        struct belay_value input;
        struct frame *frame;
    } tail;
    struct belay_buf scratch; /* text whose length is not known before */
    int status;
    struct belay_expr_error error;
    char detail[BELAY_ERR_MSG_MAX];
};

#define FAILED ((struct belay_value){ .type = VALUE_FAILED })
#define UNDEFINED ((struct belay_value){ .type = BELAY_VALUE_UNDEFINED })
/* What a call in tail position leaves for apply(): see run.tail. */
enum { VALUE_TAIL = 0xfd };

#define NO_POSITION UINT32_MAX /* until a caller that knows it fills it in */

/* Both return FAILED. The first failure counts. */
struct belay_value run_fail(struct run *run, const char *code, uint32_t position,
                            struct belay_str token);
struct belay_value run_nomem(struct run *run);
/* Fails with a value shown as the token. */
struct belay_value run_fail_value(struct run *run, const char *code, uint32_t position,
                                  struct belay_value value);
/* Fills in where the failure is, if that is not known yet. */
void run_locate(struct run *run, uint32_t position);
/* Counts work that evaluates no node. False: the evaluation failed. */
bool run_charge(struct run *run, uint64_t steps);

struct belay_value eval(struct run *run, const struct node *node, struct belay_value input,
                        struct frame *frame);
struct belay_value lookup(struct run *run, struct frame *frame, const struct name *name);
/* NULL: failed. */
struct frame *frame_new(struct run *run, struct frame *parent, struct binding *bindings);
bool frame_bind(struct run *run, struct frame *frame, const struct name *name,
                struct belay_value v);
/* A root for e's names, its values those of the host. NULL: failed. */
struct root *root_new(struct run *run, const struct belay_expr *e);

/* A fresh sequence, or FAILED; of one item or of none. */
struct belay_value sequence_of(struct run *run, struct belay_value v);
/* A sequence of one is its item, an empty one is nothing. */
struct belay_value sequence_collapse(struct belay_value v);
bool is_sequence(struct belay_value v);

/* A sequence under construction: nothing is allocated for none or one plain item. As a value:
 * UNDEFINED is the empty one, anything but an array is the sequence of itself. */
struct sequence {
    struct belay_value one;
    struct belay_value_array *array;
    uint32_t n;
};
bool sequence_push(struct run *run, struct sequence *s, struct belay_value v);
/* The items of v, or v itself where it is no array. */
bool sequence_push_flat(struct run *run, struct sequence *s, struct belay_value v);
struct belay_value sequence_value(const struct sequence *s);

/* eval_path.c */
struct belay_value eval_path(struct run *run, const struct node *path, struct belay_value input,
                             struct frame *frame);
struct belay_value eval_filter(struct run *run, const struct node *predicate,
                               struct belay_value input, struct frame *frame);
struct belay_value lookup_name(struct run *run, struct belay_value input, struct belay_str name);
struct belay_value eval_wildcard(struct run *run, struct belay_value input);
struct belay_value eval_descendants(struct run *run, struct belay_value input);
struct frame *tuple_frame(struct run *run, struct frame *parent, struct belay_value tuple);
/* eval_tuple.c */
struct belay_value eval_tuple_step(struct run *run, const struct node *step,
                                   struct belay_value input, struct frame *frame);
struct belay_value eval_stages(struct run *run, const struct stage *stages,
                               struct belay_value input, struct frame *frame);
/* eval_sort.c */
struct belay_value eval_sort(struct run *run, const struct node *sort, struct belay_value input,
                             struct frame *frame);
/* Sorts items[n], stably; before(arg, a, b) > 0 puts b first, a value > 1 ends it: failed. */
bool merge_sort(struct run *run, struct belay_value *items, uint32_t n,
                int (*compare)(void *arg, struct belay_value a, struct belay_value b), void *arg);
#define COMPARE_FAILED 2
/* Two strings or two numbers: -1, 0, 1, COMPARE_FAILED. */
int compare_values(struct run *run, struct belay_value a, struct belay_value b);
/* eval_ops.c */
struct belay_value eval_binary(struct run *run, const struct node *node, struct belay_value input,
                               struct frame *frame);
struct belay_value eval_negate(struct run *run, const struct node *node, struct belay_value input,
                               struct frame *frame);
/* What it costs is taken from the steps left; with none left it is false. */
bool truthy(struct run *run, struct belay_value v);
/* A number that can be counted with: false after failing with D1001. */
bool number_ok(struct run *run, struct belay_value v);
/* eval_make.c */
struct belay_value eval_array(struct run *run, const struct node *node, struct belay_value input,
                              struct frame *frame);
struct belay_value eval_object(struct run *run, const struct node *pairs, struct belay_value input,
                               struct frame *frame);
struct belay_value append(struct run *run, struct belay_value a, struct belay_value b);
/* eval_call.c */
struct belay_value eval_call(struct run *run, const struct node *node, struct belay_value input,
                             struct frame *frame);
struct belay_value eval_partial(struct run *run, const struct node *node, struct belay_value input,
                                struct frame *frame);
struct belay_value eval_apply(struct run *run, const struct node *node, struct belay_value input,
                              struct frame *frame);
struct belay_value eval_closure(struct run *run, const struct node *node, struct belay_value input,
                                struct frame *frame, enum function_kind kind);
struct belay_value apply(struct run *run, struct belay_value function, struct belay_value *args,
                         uint32_t n, struct belay_value input, struct frame *frame);
uint32_t function_arity(struct belay_value function);
/* eval_transform.c */
struct belay_value transform_apply(struct run *run, const struct belay_value_function *f,
                                   struct belay_value input);
/* functions_regex.c */
struct belay_value regex_apply(struct run *run, const struct regex *re, struct belay_str text,
                               size_t from, bool further);

/* ---- text in the arena ---- */

struct text {
    struct run *run;
    char *p;
    size_t n, cap;
    bool failed;
};
void text_put(struct text *t, const void *p, size_t n);
static inline void text_put_str(struct text *t, struct belay_str s)
{
    text_put(t, s.p, s.n);
}
struct belay_value text_value(struct text *t);
/* As $string: the text of any value but a function (which fails with D3001). */
struct belay_value value_to_string(struct run *run, struct belay_value v, bool pretty);
struct belay_value string_copy(struct run *run, struct belay_str s);
/* Any value as JSON, as it is written outside. */
struct belay_value value_json_text(struct run *run, struct belay_value v);

#endif
