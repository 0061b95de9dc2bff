/* answer_poison.c - what failed again and again, and that it is forgotten. */
#include "admin/answers.h"

#include <stdio.h>

#include "admin/answer_trail.h"
#include "admin/question.h"
#include "admin/show.h"
#include "base/assert.h"
#include "broker/poison.h"

#define CLEARED_AT_ONCE 64 /* rows in one turn of the engine, and one commit */
#define ROW_BYTES 512

static const char *kind_name(const struct belay_poison *p)
{
    static const char *const names[] = { [BELAY_POISON_PAYLOAD] = "payload", [BELAY_POISON_SIGNATURE] = "signature",
                                         [BELAY_POISON_REQUEST] = "request" };
    BELAY_ASSERT(p->key.kind >= BELAY_POISON_PAYLOAD && p->key.kind <= BELAY_POISON_REQUEST); /* belay_poison_next knows no other */
    return names[p->key.kind];
}

/* A payload by 32 hex digits, a signature or a request by 16. */
static void name_of(const struct belay_poison *p, char ret_name[33])
{
    char all[33];
    belay_hash128_hex(p->key.hash, all);
    snprintf(ret_name, 33, "%s", p->key.kind == BELAY_POISON_PAYLOAD ? all : all + 16);
}

/* As it is filtered and shown: a request's row knows its flow by a hash only. */
static void name_flow(struct belay_engine *e, struct belay_poison *p)
{
    if (p->key.kind == BELAY_POISON_REQUEST)
        p->flow = belay_engine_request_flow(e, p->key.hash.lo);
}

static void show_poison(struct belay_json_out *o, const struct belay_poison *p)
{
    char name[33];
    name_of(p, name);
    belay_json_begin_object(o);
    show_text(o, "kind", belay_str_c(kind_name(p)));
    show_text(o, "name", belay_str_c(name));
    show_text(o, "flow", p->flow);
    belay_json_key(o, "messages");
    belay_json_put_uint(o, p->count);
    belay_json_key(o, "tripped");
    belay_json_put_bool(o, p->tripped_at != 0);
    belay_json_key(o, "refused");
    belay_json_put_bool(o, p->refused);
    show_time(o, "first_at", p->first_at);
    show_time(o, "last_at", p->last_at);
    show_time(o, "expires_at", p->expires_at);
    belay_json_key(o, "sequence");
    belay_json_put_uint(o, p->sequence);
    show_text(o, "error", p->sample);
    belay_json_end_object(o);
}

/* Filters: flow, hash (of a payload or a request), signature. */
static bool wanted(const struct question *q, const struct belay_poison *p, bool body)
{
    char name[33];
    struct belay_str flow = body ? question_text(q, "flow") : question_param(q, "flow");
    struct belay_str hash = body ? question_text(q, "hash") : question_param(q, "hash");
    struct belay_str signature = body ? question_text(q, "signature") : question_param(q, "signature");
    bool payload = p->key.kind != BELAY_POISON_SIGNATURE;
    name_of(p, name);
    return (!flow.n || belay_str_eq(flow, p->flow)) && (!hash.n || (payload && belay_str_eq(hash, belay_str_c(name))))
           && (!signature.n || (!payload && belay_str_eq(signature, belay_str_c(name))));
}

bool answer_poison(struct question *q, struct belay_engine *e, belay_time now)
{
    struct belay_json_out o = belay_json_out(&q->out);
    struct belay_poison_key key = { 0 };
    struct belay_poison p;
    uint32_t left = question_count(q);
    bool all = belay_str_eq(question_param(q, "all"), BELAY_STR("true"));
    belay_json_begin_object(&o);
    belay_json_key(&o, "poison");
    belay_json_begin_array(&o);
    for (bool more = true; more && left;) {
        struct belay_arena_mark mark = belay_arena_mark(&q->arena);
        more = belay_poison_next(belay_engine_broker(e), &key, now, &q->arena, &p);
        if (more)
            name_flow(e, &p);
        if (more && (all || p.tripped_at) && wanted(q, &p, false)) {
            show_poison(&o, &p);
            left--;
        }
        belay_arena_rewind(&q->arena, mark);
    }
    belay_json_end_array(&o);
    belay_json_end_object(&o);
    return true;
}

struct clearing {
    struct question *q;
    belay_time now;
    uint64_t count;
};

static struct belay_trail_entry entry_of(const struct question *q, const struct belay_poison *p, const char *name)
{
    struct belay_trail_entry entry = question_entry(q, BELAY_TRAIL_FLOW, p->flow, BELAY_STR_NONE, "clear-poison");
    entry.detail = belay_str_c(name);
    return entry;
}

/* A bite; what is cleared is not met again. Each with its entry in the trail: both or neither. */
static void clear_some(void *arg, struct belay_engine *e)
{
    struct clearing *c = arg;
    struct question *q = c->q;
    struct belay_broker *b = belay_engine_broker(e);
    struct belay_poison_key key = { 0 };
    struct belay_poison p;
    uint32_t n = 0;
    int status = BELAY_OK;
    while (status == BELAY_OK && n < CLEARED_AT_ONCE && belay_poison_next(b, &key, c->now, &q->arena, &p)) {
        char name[33];
        name_flow(e, &p);
        if (!wanted(q, &p, true))
            continue;
        name_of(&p, name);
        struct belay_trail_entry entry = entry_of(q, &p, name);
        status = belay_trail_begin(b, &entry, ROW_BYTES, 1, &q->err);
        if (status == BELAY_OK)
            status = belay_poison_clear(b, &key, &q->err);
        if (status == BELAY_OK)
            status = question_did(q, e, &entry, c->now);
        n += status == BELAY_OK;
    }
    c->count += n;
    if (status == BELAY_OK && n == CLEARED_AT_ONCE) {
        question_again(q, clear_some, c);
        return;
    }
    if (status != BELAY_OK) {
        question_failed(q, status);
    } else {
        struct belay_json_out o = belay_json_out(&q->out);
        belay_json_begin_object(&o);
        belay_json_key(&o, "cleared");
        belay_json_put_uint(&o, c->count);
        belay_json_end_object(&o);
    }
    question_end(q);
}

bool answer_poison_clear(struct question *q, struct belay_engine *e, belay_time now)
{
    struct clearing *c = BELAY_ARENA_NEW(&q->kept, struct clearing);
    if (!c)
        return question_fail(q, BELAY_NOMEM, "no memory for the answer");
    *c = (struct clearing){ .q = q, .now = now };
    clear_some(c, e);
    return false;
}
