/* signature.h - <s-nn?:s>: which arguments a function takes.  Private to expr. */
#ifndef BELAY_EXPR_SIGNATURE_H
#define BELAY_EXPR_SIGNATURE_H

#include "expr/value.h"

struct signature;
struct run;

/* NULL: *ret_code is the error, or NULL when the arena is full. */
struct signature *signature_parse(struct belay_arena *arena, struct belay_str text,
                                  const char **ret_code, bool *ret_nomem);

/* Checks *args against s: missing ones may come from input (the context), a lone value becomes an
 * array where one is wanted. *args and *n then are as the function expects them. False: the
 * evaluation failed. */
bool signature_apply(const struct signature *s, struct run *run, struct belay_value input,
                     struct belay_value **args, uint32_t *n);

#endif
