/* ast.h - an expression as nodes in an arena: what parser.c makes, resolve.c puts in order (paths,
 * stages, ancestors, tail calls) and the evaluator walks.  Private to expr.
 * Thread: one until resolved, then immutable. */
#ifndef BELAY_EXPR_AST_H
#define BELAY_EXPR_AST_H

#include "base/limits.h"
#include "expr/value.h"

enum node_type {
    NODE_END,      /* the source ends where an operand was wanted */
    NODE_OPERATOR, /* ? as an argument; and, or, in as a name */
    NODE_LITERAL,  /* value */
    NODE_NAME,     /* value: a STRING */
    NODE_VARIABLE, /* name; NULL for $ */
    NODE_WILDCARD,
    NODE_DESCENDANT,
    NODE_PARENT, /* slot */
    NODE_REGEX,  /* value: a FUNCTION */
    NODE_BINARY, /* op, a, b */
    NODE_NEGATE, /* a */
    NODE_ARRAY,  /* items */
    NODE_OBJECT, /* items: name, value, name, value ... */
    NODE_BLOCK,  /* items */
    NODE_CONDITION, /* a ? b : c, c may be NULL */
    NODE_DEFAULT,   /* a ?: b */
    NODE_COALESCE,  /* a ?? b */
    NODE_CALL,      /* a: procedure, items: arguments */
    NODE_PARTIAL,   /* likewise, some items are NODE_OPERATOR */
    NODE_LAMBDA,    /* items: parameters (NODE_VARIABLE), a: body, signature */
    NODE_TRANSFORM, /* a: pattern, b: update, c: deletions or NULL */
    NODE_BIND,      /* name, b */
    NODE_APPLY,     /* a ~> b */
    NODE_PATH,      /* items: steps */
    NODE_SORT,      /* items: terms, DESCENDING on a term */
    NODE_TERM       /* a, of NODE_SORT */
};

enum node_op {
    OP_NONE, OP_DOT, OP_FILTER, OP_GROUP, OP_ORDER, OP_FOCUS, OP_INDEX,
    OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_MOD, OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE,
    OP_CONCAT, OP_RANGE, OP_IN, OP_AND, OP_OR, OP_PARTIAL
};

enum {
    NODE_KEEP_ARRAY = 0x01,     /* [] was said of it */
    NODE_KEEP_SINGLETON = 0x02, /* of a path: one of its steps said [] */
    NODE_CONS = 0x04,           /* an array constructor whose result is not flattened */
    NODE_TUPLE = 0x08,          /* the step binds @, # or % */
    NODE_TAIL = 0x10,           /* a call in tail position of a lambda */
    NODE_DESCENDING = 0x20,
    NODE_CONST_NAMES = 0x40,    /* of an object: all names are literals and differ */
    NODE_FINISH = 0x80          /* it has predicates or a group */
};

struct name { /* one for each name of a variable; compared by address */
    struct belay_str text;
    struct name *next;
    const struct belay_expr *owner;
    uint32_t index;
    bool local;               /* bound somewhere in the expression, not only by the host */
    bool used;                /* read as a variable */
    struct belay_value value; /* the built-in function, or UNDEFINED */
};

struct slot { /* of a %: the step whose input it is */
    struct name *label;
    int level;
};

struct slot_list {
    struct slot *slot;
    struct slot_list *next;
};

struct stage {
    struct stage *next;
    struct node *filter; /* or: */
    struct name *index;
};

struct signature;

/* What few nodes have. */
struct node_extra {
    struct stage *predicates; /* applied to the node's own result */
    struct stage *stages;     /* applied by the path to each result of this step */
    struct node *group;       /* NODE_OBJECT */
    struct name *focus, *index;
    struct slot *slot, *ancestor;
    struct slot_list *seeking; /* ancestors that no step has answered to yet */
    struct signature *signature;
};

/* A cache line. Which member of a union counts is said by the type. */
struct node {
    uint8_t type, op, flags;
    bool has_extra; /* of its own */
    uint32_t position : 20, depth : 12; /* in the source; of the tree below */
    uint32_t id;                        /* of the nodes of one expression, in the order they were made */
    uint32_t n;                         /* of items */
    struct node *a, *b;
    union {
        struct node *c;      /* CONDITION, TRANSFORM */
        struct node **items; /* NULL in all others that have none */
    };
    union {
        struct belay_value value; /* LITERAL, NAME, REGEX */
        struct name *name;        /* VARIABLE, BIND; BINARY with @ or # */
    };
    const struct node_extra *extra; /* never NULL; shared by all that have none of it */
};
_Static_assert(sizeof(struct node) == 64, "a cache line");
_Static_assert(BELAY_EXPR_SOURCE_BYTES_MAX < 1 << 20, "fits in node.position");
_Static_assert(2 * BELAY_EXPR_NESTING_MAX < 1 << 12, "fits in node.depth; a path may add one at each level");

/* A name written out in a call of $env or $lookupTable. */
struct lent {
    struct lent *next;
    const struct name *function;
    const struct node *literal;
};

struct belay_expr {
    struct belay_arena arena;
    struct belay_str source;
    uint32_t offset; /* of source in the text it stands in (a template): errors count from there */
    struct node *root;
    struct name *names; /* newest first */
    uint32_t name_count, node_count;
    struct lent *lent; /* newest first */
    const struct belay_expr_data *data; /* may be NULL */
    const struct belay_expr *parent; /* $eval: whose names are shared */
};

/* What building an expression needs; an error is set once. */
struct build {
    struct belay_expr *expr;
    struct belay_arena *arena; /* its memory */
    struct belay_expr_error *error;
    int status; /* BELAY_OK, BELAY_SYNTAX, BELAY_NOMEM, BELAY_LIMIT */
    uint32_t label_count;
};

/* All return NULL, or false, after setting b's error. */
struct node *build_fail(struct build *b, const char *code, uint32_t position,
                        struct belay_str token);
/* "path", "function" ... as the reference calls them. */
const char *node_kind(const struct node *node);
struct node *build_nomem(struct build *b);
struct node *build_node(struct build *b, enum node_type type, uint32_t position);
/* The node's own, to write to. */
struct node_extra *build_extra(struct build *b, struct node *node);
/* True where the node has a third part (it shares its place with the items). */
static inline bool node_has_third(const struct node *node)
{
    return node->type == NODE_CONDITION || node->type == NODE_TRANSFORM;
}
struct name *build_name(struct build *b, struct belay_str text);

/* As belay_expr_compile, for a source that stands at offset in a longer text. */
int expr_compile_at(struct belay_str source, uint32_t offset, const struct belay_expr_data *data,
                    struct belay_expr **ret_expr,
                    struct belay_expr_error *ret_error, struct belay_err *err) BELAY_MUST_CHECK;

/* NULL when no variable of e is called so. */
const struct name *expr_find_name(const struct belay_expr *e, struct belay_str text);

struct node *parse_expression(struct build *b);
/* Notes what a NODE_CALL wants of the configuration. False: no memory. */
bool build_lent(struct build *b, const struct node *call);
struct node *resolve_expression(struct build *b, struct node *root);

/* Compiles source into the arena of e, which the caller has initialised; the names of parent (may
 * be NULL) are shared. As belay_expr_compile. */
int expr_build(struct belay_expr *e, struct belay_arena *arena, struct belay_str source,
               const struct belay_expr *parent, struct belay_expr_error *error,
               struct belay_err *err) BELAY_MUST_CHECK;

/* The text for an error code; "expression error" for one that has none. */
const char *error_text(const char *code);
void error_set(struct belay_expr_error *error, const char *code, uint32_t position,
               struct belay_str token);

#endif
