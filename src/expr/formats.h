/* formats.h - texts that $parse reads and $serialize writes (functions_parse.c has the table).
 * Private to expr.  Thread: the owner of the run.
 * A reader gets its text whole and makes values in the run's arena; both fail with U3003 (what is
 * read) or U3004 (what is written) and a sentence that says where. */
#ifndef BELAY_EXPR_FORMATS_H
#define BELAY_EXPR_FORMATS_H

#include "expr/eval.h"

struct belay_value csv_read(struct run *run, struct belay_str text, struct belay_value opt);
struct belay_value csv_write(struct run *run, struct belay_value v, struct belay_value opt);
struct belay_value xml_read(struct run *run, struct belay_str text, struct belay_value opt);
struct belay_value xml_write(struct run *run, struct belay_value v, struct belay_value opt);

/* The error's own text, a colon, and why. Returns FAILED. */
struct belay_value format_fail(struct run *run, const char *code, const char *fmt, ...)
    BELAY_PRINTF(3, 4);
/* A scalar's text; that of undefined and null is empty. False: no scalar. */
bool format_scalar(struct run *run, struct belay_value v, char room[VALUE_NUMBER_TEXT_MAX],
                   struct belay_str *ret_text);
/* Puts name into o; a name that is there already gets an array. False: failed. */
bool format_add(struct run *run, struct belay_value_object *o, struct belay_value name,
                struct belay_value v);

#endif
