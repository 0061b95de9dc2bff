/* fault_of.c - what failed, as a fault: a call that was refused or lost, an expression. */
#include <stdio.h>
#include <string.h>

#include "flow/call.h"

#define NAME_SHOWN 60

static void cut_c(char *to, size_t size, struct belay_str s)
{
    size_t n = s.n < size - 1 ? s.n : size - 1;
    if (n)
        memcpy(to, s.p, n);
    to[n] = '\0';
}

void belay_fault_of_outcome(struct belay_fault *f, const struct belay_call_outcome *o,
                            struct belay_str step, belay_time now)
{
    char type[sizeof f->type];
    cut_c(type, sizeof type, o->type.n ? o->type : BELAY_STR("CALL:ERROR"));
    belay_fault_init(f, type, o->class_, "%.*s", BELAY_STR_ARG(o->description));
    f->status = o->status;
    f->retry_after_ms = o->retry_after_ms;
    f->duration_us = o->duration_us;
    f->at = now;
    belay_fault_set_step(f, step);
    belay_fault_set_endpoint(f, o->endpoint);
    belay_fault_set_excerpt(f, o->body);
}

/* A description is short, and may go further than it was meant to: without the folder. */
void belay_fault_place(struct belay_str file, uint32_t line, char ret_text[FAULT_PLACE_BYTES])
{
    const char *slash = file.n ? memrchr(file.p, '/', file.n) : NULL;
    struct belay_str name = slash ? belay_str_sub(file, (size_t)(slash + 1 - file.p), file.n) : file;
    ret_text[0] = '\0';
    if (name.n)
        snprintf(ret_text, FAULT_PLACE_BYTES, " of %.*s:%u", (int)(name.n < NAME_SHOWN ? name.n : NAME_SHOWN), name.p, (unsigned)line);
}

void belay_fault_of_expr(struct belay_fault *f, int status, const struct belay_expr_error *e,
                         struct belay_str step)
{
    char type[sizeof f->type];
    const char *name = e->code[0] ? e->code : "ERROR";
    if (status == BELAY_LIMIT || strcmp(e->code, "U1001") == 0)
        name = "LIMIT";
    else if (strcmp(e->code, "U2001") == 0)
        name = "UNDEFINED";
    snprintf(type, sizeof type, "EXPRESSION:%s", name);
    char place[FAULT_PLACE_BYTES];
    belay_fault_place(e->file, e->line, place);
    if (e->code[0])
        belay_fault_init(f, type, BELAY_CLASS_PERMANENT, "%s (%s, at byte %u%s)", e->message, e->code,
                         e->position, place);
    else
        belay_fault_init(f, type, BELAY_CLASS_PERMANENT, "%s%s", belay_status_text(status), place);
    belay_fault_set_step(f, step);
}
