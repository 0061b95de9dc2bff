/* function.h - function values, and the table of built-in functions.  Private to expr. */
#ifndef BELAY_EXPR_FUNCTION_H
#define BELAY_EXPR_FUNCTION_H

#include "expr/ast.h"

struct run;
struct frame;
struct regex;

enum function_kind {
    FUNCTION_BUILTIN,
    FUNCTION_HOST,
    FUNCTION_LAMBDA,
    FUNCTION_PARTIAL,
    FUNCTION_CHAIN,      /* f ~> g */
    FUNCTION_REGEX,      /* a regex applied to a string: its first match */
    FUNCTION_REGEX_NEXT, /* of a match: the one after it */
    FUNCTION_TRANSFORM
};

struct call {
    struct belay_value *args; /* as many as the signature has; absent ones are UNDEFINED */
    uint32_t n;
    struct belay_value input;
    struct frame *frame;
};

struct builtin {
    const char *name;
    const char *signature;
    uint32_t arity; /* parameters a higher-order function passes at most */
    struct belay_value (*call)(struct run *run, struct call *call);
};

struct belay_value_function {
    enum function_kind kind;
    union {
        struct {
            const struct builtin *def;
            const struct signature *signature;
        } builtin;
        const struct belay_host_function *host;
        struct { /* also of a transform */
            const struct node *node;
            struct frame *frame;
            struct belay_value input;
        } lambda;
        struct {
            struct belay_value function;
            struct belay_value *args;
            const struct node *node; /* which args are open */
        } partial;
        struct {
            struct belay_value first, second;
        } chain;
        const struct regex *regex;
        struct {
            const struct regex *regex;
            struct belay_str text;
            size_t from;
        } next;
    } u;
};

/* The name of the indexth; p NULL beyond the last. */
struct belay_str builtin_name(uint32_t index);
/* NULL when there is none of that name. */
const struct builtin *builtin_find(struct belay_str name);

#endif
