/* pattern.h - regular expressions with the meaning ECMA-262 gives them (flag u), run by PCRE2.
 * Private to json.  Thread: compile on one; a pattern is immutable and may be used by many. */
#ifndef BELAY_JSON_PATTERN_H
#define BELAY_JSON_PATTERN_H

#include "base/buf.h"
#include "base/status.h"
#include "base/str.h"

struct pattern {
    struct pattern *next; /* of whoever owns it */
    void *code, *context; /* PCRE2's: for short texts */
    void *counted;        /* the same, each of its steps counted */
    struct belay_buf text; /* as PCRE2 read it */
};

/* Errors: BELAY_INVALID (err says what and where), BELAY_LIMIT (too long), BELAY_NOMEM. */
int pattern_new(struct belay_str text, struct pattern **ret_pattern, struct belay_err *err) BELAY_MUST_CHECK;
void pattern_free(struct pattern *p);
/* Whether it matches anywhere in s (well-formed UTF-8): BELAY_OK, BELAY_NOTFOUND, or BELAY_LIMIT
 * where that would take too long to find out: a few milliseconds, and tens of them for a megabyte. Takes no heap memory where PCRE2 has its JIT. */
int pattern_match(const struct pattern *p, struct belay_str s);
/* BELAY_OK or as pattern_new: whether text is a regular expression. */
int pattern_check(struct belay_str text);

#endif
