/* expr.h - JSONata expressions: compiled once, evaluated in an arena.  Uses: json.
 * Thread: compile on one; a compiled expression is immutable, many threads may evaluate it, each
 * with its own arena.  No clock, no randomness, no I/O: what an expression sees comes with
 * belay_expr_env.  Language: docs.jsonata.org, the JavaScript reference 2.x. */
#ifndef BELAY_EXPR_EXPR_H
#define BELAY_EXPR_EXPR_H

#include <signal.h> /* allow: signal.h - sig_atomic_t, which a handler may set */

#include "base/arena.h"
#include "base/random.h"
#include "base/time.h"
#include "json/json.h"

struct belay_expr;

/* A value during evaluation; 16 bytes, borrowed from arena, tape or expression. */
enum belay_value_type {
    BELAY_VALUE_UNDEFINED,
    BELAY_VALUE_NULL,
    BELAY_VALUE_BOOL,
    BELAY_VALUE_NUMBER, /* u.d */
    BELAY_VALUE_INT, /* u.i: an integer beyond 2^53 or one kept exact; arithmetic yields NUMBER */
    BELAY_VALUE_BIG, /* u.s, n: a number's text that fits neither; exact while only copied */
    BELAY_VALUE_STRING, /* u.s, n */
    BELAY_VALUE_TAPE,   /* u.tape: array or object of a parsed document */
    BELAY_VALUE_ARRAY,  /* u.array: made by the evaluator (expr/value.h) */
    BELAY_VALUE_OBJECT, /* u.object */
    BELAY_VALUE_FUNCTION
};

struct belay_value {
    uint8_t type;
    uint8_t flags; /* of the evaluator */
    uint16_t reserved;
    uint32_t n;
    union {
        bool b;
        double d;
        int64_t i;
        const char *s;
        const belay_json *tape;
        struct belay_value_array *array;
        struct belay_value_object *object;
        struct belay_value_function *function;
        struct belay_value_tuple *tuple; /* of the evaluator */
    } u;
};
_Static_assert(sizeof(struct belay_value) == 16, "passed and returned in two registers");

/* What went wrong, as the reference numbers it. */
struct belay_expr_error {
    char code[8];      /* "T0410", "S0201", "D3030"; our own limits "U1001" (steps, depth), ... */
    uint32_t position; /* byte offset in the source (compile and run time) */
    char token[64];
    char message[256];
    struct belay_str file; /* of a template that was evaluated: as its options say; else unspecified */
    uint32_t line;
};

/* Compiles source (copied). Errors: BELAY_SYNTAX with *ret_error (may be NULL) and err,
 * BELAY_LIMIT, BELAY_NOMEM. */
int belay_expr_compile(struct belay_str source, struct belay_expr **ret_expr,
                       struct belay_expr_error *ret_error, struct belay_err *err) BELAY_MUST_CHECK;
void belay_expr_free(struct belay_expr *e);
struct belay_str belay_expr_source(const struct belay_expr *e);
/* True when the expression reads the variable ("message" for $message) anywhere. */
bool belay_expr_uses(const struct belay_expr *e, struct belay_str variable);
/* Any variable or function at all. */
bool belay_expr_uses_variables(const struct belay_expr *e);
/* The variables, or functions, that the expression reads and neither binds itself nor has built in:
 * the host must know them. By index, in no particular order; false beyond the last. */
bool belay_expr_free_variable(const struct belay_expr *e, uint32_t index,
                              struct belay_str *ret_name);

/* What the configuration lends to expressions: declared variables of the environment ($env) and
 * tables ($lookupTable). Lives in arena; immutable once expressions use it. */
struct belay_expr_data;
/* NULL without memory. */
struct belay_expr_data *belay_expr_data_new(struct belay_arena *arena);
/* Borrows name and text. Error: BELAY_NOMEM. */
int belay_expr_data_env(struct belay_expr_data *d, struct belay_str name,
                        struct belay_str text) BELAY_MUST_CHECK;
/* rows: an object, looked up by its members' names, or an array of objects, looked up by the text
 * of their member `key`. Borrows all. Errors: BELAY_INVALID (err says which row), BELAY_NOMEM. */
int belay_expr_data_table(struct belay_expr_data *d, struct belay_str name, struct belay_value rows,
                          struct belay_str key, struct belay_err *err) BELAY_MUST_CHECK;

/* The names of what there is to read, in no particular order; p NULL beyond the last. */
struct belay_str belay_expr_data_name(const struct belay_expr_data *d, bool table, uint32_t index);

/* A name written out in a call of $env or $lookupTable that the data has not: that call can only fail. */
struct belay_expr_missing {
    bool table; /* else of the environment */
    struct belay_str name;
    uint32_t position; /* of the name, as positions of errors count */
};
/* By index, in no particular order; false beyond the last. */
bool belay_expr_missing(const struct belay_expr *e, uint32_t index, struct belay_expr_missing *ret_missing);

/* The tree as JSON: {"type": "path", "steps": [...]}; failure sticks to out. */
void belay_expr_write_ast(struct belay_buf *out, const struct belay_expr *e);
/* Names of the built-in functions, in no particular order; p NULL beyond the last. */
struct belay_str belay_expr_builtin(uint32_t index);

/* Where an evaluation spends its steps: one for each node, by belay_expr_node_count. */
struct belay_expr_cost {
    uint64_t steps; /* its own, not those of what it evaluates */
    uint64_t times;
    uint32_t position;
    const char *kind; /* "path", "function"; NULL: never evaluated */
};
uint32_t belay_expr_node_count(const struct belay_expr *e);

struct belay_binding {
    struct belay_str name; /* without the $ */
    struct belay_value value;
};

/* A function the host lends to expressions ($saga). Writes its result to *ret (memory from arena).
 * A status other than BELAY_OK ends the evaluation with error D9001 and err's text. */
struct belay_host_function {
    struct belay_str name;
    uint32_t args_min, args_max;
    int (*call)(void *arg, struct belay_arena *arena, const struct belay_value *args,
                uint32_t count, struct belay_value *ret, struct belay_err *err);
    void *arg;
};

struct belay_expr_env {
    const struct belay_binding *bindings;
    size_t binding_count;
    const struct belay_host_function *functions;
    size_t function_count;
    belay_time now;              /* $now(), $millis() */
    struct belay_random *random; /* $random(), $uuid(), $shuffle(); NULL: seeded with 0 */
    const struct belay_expr_data *data; /* NULL: what the expression was compiled with, if any */
    uint64_t steps_max;          /* 0: BELAY_EXPR_STEPS_DEFAULT */
    uint32_t depth_max;          /* 0: BELAY_EXPR_DEPTH_DEFAULT */
    /* For a host with a clock, and for those who want to know: both make it slower. */
    const volatile sig_atomic_t *stop; /* set, it ends the evaluation with U1007; may be NULL */
    struct belay_expr_cost *costs;     /* zeroed, belay_expr_node_count of them; or NULL */
};

/* Evaluates over input ($; UNDEFINED for none). Memory from arena, whose limit bounds the size.
 * Errors: BELAY_INVALID (an expression error, *ret_error set; permanent), BELAY_LIMIT (steps,
 * depth, arena). *ret_value borrows arena, input, bindings and e. */
int belay_expr_eval(const struct belay_expr *e, struct belay_value input,
                    const struct belay_expr_env *env, struct belay_arena *arena,
                    struct belay_value *ret_value, struct belay_expr_error *ret_error,
                    struct belay_err *err) BELAY_MUST_CHECK;

/* ---- values ---- */

struct belay_value belay_value_undefined(void);
struct belay_value belay_value_tape(const belay_json *v); /* any node; scalars are unpacked */
struct belay_value belay_value_str(struct belay_str s);   /* borrowed */
struct belay_value belay_value_number(double d);
struct belay_value belay_value_int(int64_t i);
struct belay_value belay_value_bool(bool b);
struct belay_value belay_value_null(void);

/* JSON of v: UNDEFINED writes nothing and returns false; functions write "". */
bool belay_value_write(struct belay_buf *out, struct belay_value v);
/* The reference's $boolean. */
bool belay_value_truthy(struct belay_value v);
/* A string, a number or a boolean as text (the text of a key, path or header). False for
 * anything else: the caller raises EXPRESSION:UNDEFINED. Text is borrowed or from arena. */
bool belay_value_text(struct belay_value v, struct belay_arena *arena, struct belay_str *ret_text);
/* Arrays (TAPE or ARRAY): length and element; length of anything else is 0. */
size_t belay_value_count(struct belay_value v);
struct belay_value belay_value_at(struct belay_value v, size_t index);
/* Building objects for bindings; NULL without memory. */
struct belay_value_object *belay_value_object_new(struct belay_arena *arena);
int belay_value_object_put(struct belay_value_object *o, struct belay_arena *arena,
                           struct belay_str name, struct belay_value v) BELAY_MUST_CHECK;
struct belay_value belay_value_object(struct belay_value_object *o);

/* ---- templates: a YAML string with {% %} in it ---- */

/* "{% e %}" alone yields e's value; text with expressions inside yields a string, each expression
 * scalar or EXPRESSION:UNDEFINED (and percent-encoded when `path`); text without any is itself. */
struct belay_template;
struct belay_template_opt {
    bool path; /* percent-encode interpolated values (RFC 3986 unreserved stay) */
    const struct belay_expr_data *data; /* for $env and $lookupTable; outlives the template */
    struct belay_str file; /* where it is written, for errors when it is evaluated: outlives the template; empty: nowhere */
    uint32_t line;
};
/* Errors as belay_expr_compile; positions, here and when evaluating, count from the start of text. */
int belay_template_compile(struct belay_str text, struct belay_template_opt opt,
                           struct belay_template **ret_template, struct belay_expr_error *ret_error,
                           struct belay_err *err) BELAY_MUST_CHECK;
void belay_template_free(struct belay_template *t);
/* As its options say. */
struct belay_str belay_template_place(const struct belay_template *t, uint32_t *ret_line);
bool belay_template_is_literal(const struct belay_template *t);
/* It yields a string whatever its expressions do: it is literal, or has text beside them. */
bool belay_template_is_text(const struct belay_template *t);
bool belay_template_uses(const struct belay_template *t, struct belay_str variable);
/* False: it uses none, whatever its name. */
bool belay_template_uses_variables(const struct belay_template *t);
/* As belay_expr_free_variable, over all of its expressions (a name may come more than once). */
bool belay_template_free_variable(const struct belay_template *t, uint32_t index,
                                  struct belay_str *ret_name);
/* As belay_expr_missing, over all of its expressions. */
bool belay_template_missing(const struct belay_template *t, uint32_t index,
                            struct belay_expr_missing *ret_missing);
int belay_template_eval(const struct belay_template *t, struct belay_value input,
                        const struct belay_expr_env *env, struct belay_arena *arena,
                        struct belay_value *ret_value, struct belay_expr_error *ret_error,
                        struct belay_err *err) BELAY_MUST_CHECK;
/* As eval, but a scalar's text is wanted (key, id, path, topic name): anything else is the error
 * EXPRESSION:UNDEFINED (BELAY_INVALID, code "U2001"). */
int belay_template_text(const struct belay_template *t, struct belay_value input,
                        const struct belay_expr_env *env, struct belay_arena *arena,
                        struct belay_str *ret_text, struct belay_expr_error *ret_error,
                        struct belay_err *err) BELAY_MUST_CHECK;

#endif
