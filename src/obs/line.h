/* line.h - a JSON line of bounded length, built in place; private to this room.
 * Uses: base.  Thread: one owner.  Invariant: what is in p[0..n) is a prefix of a JSON object whose
 * members are whole; a member that does not fit is left out and sets truncated. */
#ifndef BELAY_OBS_LINE_H
#define BELAY_OBS_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "base/str.h"

struct belay_line {
    size_t n;
    bool truncated, failed; /* failed: the member being written does not fit */
    char p[BELAY_LOG_LINE_BYTES_MAX];
};

void belay_line_begin(struct belay_line *l);
/* Closes the object, with "truncated":true where something is missing, and ends the line. */
void belay_line_end(struct belay_line *l);

/* One member each. Strings over BELAY_LOG_STRING_BYTES_MAX are cut. */
void belay_line_str(struct belay_line *l, const char *name, struct belay_str v);
void belay_line_int(struct belay_line *l, const char *name, int64_t v);
void belay_line_uint(struct belay_line *l, const char *name, uint64_t v);
void belay_line_bool(struct belay_line *l, const char *name, bool v);
void belay_line_double(struct belay_line *l, const char *name, double v);
/* {"code":..,"class":..,"message":..} */
void belay_line_error(struct belay_line *l, const char *name, const char *code, const char *class_,
                      struct belay_str message);

#endif
