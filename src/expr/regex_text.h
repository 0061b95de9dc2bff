/* regex_text.h - a regular expression of JavaScript, written as PCRE2 reads it.  Private to expr.  Uses: base.
 * Thread: any.
 *
 * Where the two agree the text stays as it is. JavaScript's \s has the spaces of Unicode; a letter after a backslash
 * that means nothing to JavaScript is that letter (\h, \A, \Q); [ within a class is a character; (* is no verb. */
#ifndef BELAY_EXPR_REGEX_TEXT_H
#define BELAY_EXPR_REGEX_TEXT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

/* nocase: also where only a part of the pattern ignores case, (?i). A reference that is repeated becomes a group then,
 * (?:\1)*: PCRE2 reads its turns again with each it takes back, unseen by who counts, and of a group it does not.
 * *ret_text has a NUL behind it; p NULL: no memory. False: JavaScript refuses it. */
bool regex_text(struct belay_arena *arena, struct belay_str pattern, bool nocase, struct belay_str *ret_text) BELAY_MUST_CHECK;

/* Whether there is a group that switches case off: (?i), (?im-s:...). */
bool regex_has_nocase(struct belay_str pattern);

#endif
