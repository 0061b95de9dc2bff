/* show.c - pieces of JSON that several answers show. */
#include "admin/show.h"

void show_time(struct belay_json_out *o, const char *name, belay_time t)
{
    char text[BELAY_TIME_TEXT_BYTES];
    belay_json_key(o, name);
    if (t == BELAY_TIME_NEVER) {
        belay_json_put_null(o);
        return;
    }
    belay_time_text(t, text);
    belay_json_put_c(o, text);
}

void show_uint(struct belay_json_out *o, const char *name, uint64_t value)
{
    belay_json_key(o, name);
    belay_json_put_uint(o, value);
}

void show_text(struct belay_json_out *o, const char *name, struct belay_str text)
{
    belay_json_key(o, name);
    belay_json_put_str(o, text);
}

/* What is not known is left out. */
static void show_known(struct belay_json_out *o, const char *name, struct belay_str text)
{
    if (text.n)
        show_text(o, name, text);
}

void show_body(struct belay_json_out *o, struct belay_str body, struct belay_arena *arena)
{
    struct belay_arena_mark mark = belay_arena_mark(arena);
    const belay_json *root;
    belay_json_key(o, "body");
    if (body.n == 0)
        belay_json_put_null(o);
    else if (belay_json_parse(body, NULL, arena, &root, NULL, NULL) == BELAY_OK)
        belay_json_put(o, root);
    else
        belay_json_put_str(o, body);
    belay_arena_rewind(arena, mark);
}

void show_message(struct belay_json_out *o, const struct belay_message *m, struct belay_arena *arena)
{
    belay_json_begin_object(o);
    show_known(o, "id", m->id);
    show_known(o, "source", m->source);
    show_known(o, "type", m->type);
    show_known(o, "subject", m->subject);
    show_known(o, "key", m->key);
    show_known(o, "correlationid", m->correlationid);
    show_known(o, "causationid", m->causationid);
    show_known(o, "traceparent", m->traceparent);
    show_known(o, "datacontenttype", m->datacontenttype);
    show_time(o, "time", m->time);
    show_time(o, "accepted_at", m->accepted_at);
    if (m->expires_at)
        show_time(o, "expires_at", m->expires_at);
    belay_json_key(o, "headers");
    belay_json_begin_object(o);
    for (uint32_t i = 0; i < m->header_count; i++) {
        belay_json_key_str(o, m->headers[i].name);
        belay_json_put_str(o, m->headers[i].value);
    }
    belay_json_end_object(o);
    show_body(o, m->body, arena);
    belay_json_end_object(o);
}

static void show_known_fault(struct belay_json_out *o, const struct belay_fault *f)
{
    show_time(o, "at", f->at);
    show_known(o, "error", belay_str_c(f->type));
    belay_json_key(o, "class");
    belay_json_put_c(o, belay_class_name(f->class_));
    show_known(o, "step", belay_str_c(f->step));
    show_known(o, "endpoint", belay_str_c(f->endpoint));
    if (f->status) {
        belay_json_key(o, "status");
        belay_json_put_uint(o, f->status);
    }
    belay_json_key(o, "duration_us");
    belay_json_put_uint(o, f->duration_us);
    show_known(o, "description", belay_str_c(f->description));
    show_known(o, "excerpt", belay_str(f->excerpt, f->excerpt_n));
}

void show_fault(struct belay_json_out *o, const struct belay_fault *f)
{
    belay_json_begin_object(o);
    show_known_fault(o, f);
    belay_json_end_object(o);
}

void show_attempt(struct belay_json_out *o, uint32_t attempt, const struct belay_fault *f)
{
    belay_json_begin_object(o);
    belay_json_key(o, "attempt");
    belay_json_put_uint(o, attempt);
    show_time(o, "started_at", f->at - (belay_time)(f->duration_us < (uint64_t)INT64_MAX ? f->duration_us : 0));
    show_known_fault(o, f);
    belay_json_end_object(o);
}

void show_hash(struct belay_json_out *o, const char *name, struct belay_hash128 h)
{
    char hex[33];
    belay_hash128_hex(h, hex);
    belay_json_key(o, name);
    belay_json_put_c(o, hex);
}
