/* lexer.h - source text to tokens, one at a time.  Private to expr.  Thread: one owner. */
#ifndef BELAY_EXPR_LEXER_H
#define BELAY_EXPR_LEXER_H

#include "expr/ast.h"

enum token_type {
    TOKEN_END,
    TOKEN_NAME,     /* text */
    TOKEN_VARIABLE, /* text without the $ */
    TOKEN_STRING,   /* value */
    TOKEN_NUMBER,   /* value */
    TOKEN_CONSTANT, /* value: true, false, null */
    TOKEN_REGEX,    /* text: the pattern, value.n: REGEX_ flags */
    TOKEN_OPERATOR  /* op */
};

/* Operators of one character are that character. */
enum token_op {
    T_RANGE = 256,
    T_BIND,
    T_NE,
    T_GE,
    T_LE,
    T_DESCEND,
    T_APPLY,
    T_DEFAULT,
    T_COALESCE,
    T_AND,
    T_OR,
    T_IN
};

struct token {
    enum token_type type;
    int op;
    uint32_t position; /* of its first byte */
    struct belay_str source, text;
    struct belay_value value;
};

struct lexer {
    struct build *build;
    const char *start, *at, *end;
};

/* operand: an operand is wanted, so that a / begins a regex. False: an error is set. */
bool lexer_next(struct lexer *lexer, bool operand, struct token *ret_token);

#endif
