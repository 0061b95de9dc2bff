/* audit.c - the balance of the whole store, as JSON (engine.h). */
#include "engine/room.h"

#include <stdio.h>

#include "base/limits.h"
#include "broker/audit.h"
#include "broker/stats.h"
#include "json/json.h"

#define FINDINGS_MAX 1000 /* told by name; the rest is counted */

struct audit {
    struct belay_engine *e;
    struct belay_json_out *out;
    struct belay_buf findings; /* objects, with commas */
    uint64_t finding_count, lost, twice;
};

static void put_number(struct belay_json_out *o, const char *name, uint64_t n)
{
    belay_json_key(o, name);
    belay_json_put_uint(o, n);
}

static void put_text(struct belay_json_out *o, const char *name, struct belay_str text)
{
    belay_json_key(o, name);
    belay_json_put_str(o, text);
}

static void on_finding(void *arg, struct belay_str owner, uint64_t sequence, struct belay_str what)
{
    struct audit *a = arg;
    if (a->finding_count++ >= FINDINGS_MAX)
        return;
    struct belay_json_out o = belay_json_out(&a->findings);
    if (a->findings.n)
        belay_buf_put_str(&a->findings, BELAY_STR(","));
    belay_json_begin_object(&o);
    put_text(&o, "flow", owner);
    if (sequence)
        put_number(&o, "sequence", sequence);
    put_text(&o, "what", what);
    belay_json_end_object(&o);
}

/* What the broker's auditor is given: the audit, and whom to ask whether it is to go on. */
struct cancel {
    struct audit *audit;
    bool (*fn)(void *arg);
    void *arg;
};

static bool is_cancelled(void *arg)
{
    const struct cancel *c = arg;
    return c->fn(c->arg);
}

static void on_broker_finding(void *arg, struct belay_str owner, uint64_t sequence, struct belay_str what)
{
    on_finding(((struct cancel *)arg)->audit, owner, sequence, what);
}

static void on_balance(void *arg, const struct belay_audit_balance *b)
{
    struct audit *a = ((struct cancel *)arg)->audit;
    struct belay_json_out *o = a->out;
    a->lost += b->lost;
    a->twice += b->twice;
    belay_json_begin_object(o);
    put_text(o, "flow", b->name);
    put_text(o, "topic", b->topic);
    put_number(o, "published", b->published);
    put_number(o, "queued", b->queued);
    put_number(o, "in_flight", b->in_flight);
    put_number(o, "waiting", b->waiting);
    put_number(o, "held", b->held);
    put_number(o, "parked", b->parked);
    put_number(o, "dead", b->dead);
    put_number(o, "done", b->done);
    put_number(o, "discarded", b->discarded);
    put_number(o, "expired", b->expired);
    put_number(o, "lost", b->lost);
    belay_json_end_object(o);
}

/* Of each topic: what it was given, and that what is kept can be found. */
static void audit_topics(struct audit *a)
{
    struct belay_topic_stats t;
    belay_json_key(a->out, "topics");
    belay_json_begin_array(a->out);
    for (uint32_t i = 0; belay_broker_topic_stats(a->e->broker, i, &t); i++) {
        uint64_t first = 0, last = 0;
        if (a->e->opt.look)
            belay_store_gap(a->e->store, belay_broker_topic_id(a->e->broker, t.name), &first, &last);
        if (first) {
            char text[96];
            int n = snprintf(text, sizeof text, "nothing says where messages %llu to %llu of this topic lie",
                             (unsigned long long)first, (unsigned long long)last);
            on_finding(a, t.name, first, belay_str(text, (size_t)n));
        }
        belay_json_begin_object(a->out);
        put_text(a->out, "topic", t.name);
        belay_json_key(a->out, "queue");
        belay_json_put_bool(a->out, t.queue);
        put_number(a->out, "published", t.next - 1);
        put_number(a->out, "first", t.first);
        belay_json_end_object(a->out);
    }
    belay_json_end_array(a->out);
}

static void audit_sagas(struct audit *a)
{
    struct belay_saga_stats s;
    struct belay_str name;
    struct belay_err err;
    if (belay_sagas_check(a->e->sagas, &err) != BELAY_OK)
        on_finding(a, BELAY_STR("sagas"), 0, belay_str_c(err.msg));
    belay_json_key(a->out, "sagas");
    belay_json_begin_array(a->out);
    for (uint32_t i = 0; belay_sagas_stats(a->e->sagas, i, &name, &s); i++) {
        belay_json_begin_object(a->out);
        put_text(a->out, "name", name);
        put_number(a->out, "running", s.running);
        put_number(a->out, "compensating", s.compensating);
        put_number(a->out, "parked", s.parked);
        put_number(a->out, "completed", s.completed);
        put_number(a->out, "compensated", s.compensated);
        put_number(a->out, "failed", s.failed);
        put_number(a->out, "events_waiting", s.events_waiting);
        belay_json_end_object(a->out);
    }
    belay_json_end_array(a->out);
}

static void put_verdict(struct audit *a)
{
    belay_json_key(a->out, "findings");
    belay_json_begin_array(a->out);
    if (a->findings.n)
        belay_json_put_raw(a->out, belay_buf_view(&a->findings));
    belay_json_end_array(a->out);
    put_number(a->out, "finding_count", a->finding_count);
    put_number(a->out, "lost", a->lost);
    put_number(a->out, "twice", a->twice);
    belay_json_key(a->out, "sound");
    belay_json_put_bool(a->out, a->finding_count == 0);
}

int belay_engine_audit(struct belay_engine *e, bool (*cancelled)(void *arg), void *arg, struct belay_buf *out,
                       uint64_t *ret_findings, struct belay_err *err)
{
    struct belay_json_out json = belay_json_out(out);
    struct audit a = { .e = e, .out = &json };
    struct cancel cancel = { &a, cancelled, arg };
    struct belay_auditor to = { on_balance, on_broker_finding, cancelled ? is_cancelled : NULL, &cancel };
    struct belay_store_stats stats;
    belay_store_stats(e->store, &stats);
    belay_buf_init(&a.findings, BELAY_MIB(4));
    belay_json_begin_object(&json);
    put_number(&json, "position", stats.durable > stats.checkpoint_position ? stats.durable : stats.checkpoint_position);
    audit_topics(&a);
    belay_json_key(&json, "balances");
    belay_json_begin_array(&json);
    int status = belay_broker_audit(e->broker, &to, err);
    belay_json_end_array(&json);
    if (status == BELAY_OK) {
        audit_sagas(&a);
        put_verdict(&a);
        belay_json_end_object(&json);
        status = belay_buf_status(&a.findings) == BELAY_OK ? belay_buf_status(out) : belay_buf_status(&a.findings);
        if (status != BELAY_OK)
            belay_fail(err, status, "the audit's report is too long");
    }
    belay_buf_deinit(&a.findings);
    if (status == BELAY_OK)
        *ret_findings = a.finding_count;
    return status;
}
