/* expr.h - belay expr: one evaluation, and what the prompt shares with it.  Private to cli.
 * Uses: expr, json.  Thread: main. */
#ifndef BELAY_CLI_EXPR_H
#define BELAY_CLI_EXPR_H

#include "cli/command.h"
#include "expr/expr.h"

struct expr_session {
    struct belay_str input;    /* JSON; empty for none */
    struct belay_str bindings; /* JSON object; empty for none */
    uint64_t timeout_ms;
    uint64_t steps_max;        /* 0: as in a flow */
    bool json, ast, explain;
    bool prompted; /* errors show the source and where in it */
};

/* Evaluates source and prints what comes out. Returns the exit code. With `more` not NULL an error
 * that more text could mend is not printed: *more is set. */
int expr_evaluate(const struct expr_session *s, struct belay_str source, bool *more);
/* Reads and evaluates lines until the end of input. */
int expr_prompt(struct expr_session *s);
/* The whole of a file, or of standard input for NULL; says what is wrong. */
bool expr_read(const char *path, struct belay_buf *out);

#endif
