/* regex.h - regular expressions: JavaScript's syntax as far as PCRE2 shares it, every match
 * bounded.  Private to expr.  Uses: PCRE2.  Thread: a compiled one is immutable. */
#ifndef BELAY_EXPR_REGEX_H
#define BELAY_EXPR_REGEX_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

enum { REGEX_NOCASE = 1, REGEX_MULTILINE = 2 };

struct regex;

/* All its memory comes from arena and goes with it. NULL: *ret_nomem says whether the arena is full
 * or the pattern is wrong. */
struct regex *regex_compile(struct belay_arena *arena, struct belay_str pattern, unsigned flags,
                            bool *ret_nomem);

#define REGEX_GROUPS_MAX 32

struct regex_match {
    size_t start, end;
    uint32_t group_count;                      /* without the whole match */
    struct belay_str groups[REGEX_GROUPS_MAX]; /* p NULL: took no part */
};

/* The first match at or after from; beyond 0 it goes on where a match in the same text ended (that it is UTF-8 was seen
 * then). *work: what the match may cost at most (about one for each item
 * tried and for 16 bytes passed over), less what it did cost afterwards. Errors: BELAY_NOTFOUND,
 * BELAY_LIMIT (work or PCRE2's own limits), BELAY_INVALID (text is not UTF-8), BELAY_NOMEM. */
int regex_match(const struct regex *re, struct belay_arena *arena, struct belay_str text,
                size_t from, uint64_t *work, struct regex_match *ret_match) BELAY_MUST_CHECK;

#endif
