/* data.h - what the configuration lends to expressions: declared variables of the environment and
 * look-up tables, both objects whose names are found by hash.  Private to expr.
 * Thread: one builds it; then it is immutable. */
#ifndef BELAY_EXPR_DATA_H
#define BELAY_EXPR_DATA_H

#include "expr/value.h"

struct belay_expr_data {
    struct belay_arena *arena;
    struct belay_value env;    /* OBJECT: name -> STRING */
    struct belay_value tables; /* OBJECT: name -> OBJECT */
};

#endif
