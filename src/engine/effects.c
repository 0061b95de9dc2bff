/* What a run brought about: publications and logs of its verdict.  All of them are appended in one
 * step with the acknowledgement (one commit), so first all of them are checked. */
#include "engine/effects.h"

#include "base/assert.h"
#include "base/limits.h"
#include "base/planted.h"
#include "broker/declare.h"
#include "broker/publish.h"
#include "engine/actions.h"
#include "engine/room.h"
#include "engine/runs.h"

#define MESSAGE_OVERHEAD_BYTES 1024 /* of a publication's records and rows beside its texts */
#define BESIDE_BYTES BELAY_KIB(32) /* an acknowledgement or letter, a key's answer, with their rows */
#define BESIDE_RECORDS 24

/* At least of its encoding. */
static size_t size_of(const struct belay_message *m)
{
    size_t n = 128 + m->body.n + m->id.n + m->source.n + m->type.n + m->subject.n
               + m->key.n + m->correlationid.n + m->causationid.n + m->traceparent.n
               + m->tracestate.n + m->datacontenttype.n;
    for (uint32_t i = 0; i < m->header_count; i++)
        n += m->headers[i].name.n + m->headers[i].value.n + 16;
    return n;
}

static int never(struct belay_fault *f, const struct belay_str target, const char *type,
                 const char *why)
{
    belay_fault_init(f, type, BELAY_CLASS_PERMANENT, "publish to '%.*s': %s",
                     BELAY_STR_ARG(target), why);
    return BELAY_INVALID;
}

/* A full queue that rejects was the error of its step: who got past it in time is let through. Its own source is
 * no queue that a message could wait for. */
static bool waits_for(struct belay_engine *e, struct engine_run *r, struct belay_str target, size_t bytes)
{
    struct belay_topic_full full;
    if (!belay_broker_topic_full(e->broker, target, bytes, e->now, &full) || full.rejects)
        return false;
    if (BELAY_PLANTED(70) || (r->delivery && belay_str_eq(belay_subscription_topic(r->delivery->sub), target)))
        return false;
    r->found_full = true;
    r->full_after_ms = full.retry_after_ms;
    r->full_topic = target;
    return true;
}

bool engine_effects_admit(void *arg, const struct belay_publication *p, struct belay_fault *ret_fault)
{
    struct belay_engine *e = arg;
    struct belay_topic_full full;
    size_t n = size_of(&p->message);
    if (!belay_broker_topic_full(e->broker, p->target, n, e->now, &full) || !full.rejects || BELAY_PLANTED(71))
        return true;
    belay_fault_init(ret_fault, "BROKER:QUEUE_FULL", BELAY_CLASS_TRANSIENT, "'%.*s' is full (%s): %llu messages wait",
                     BELAY_STR_ARG(p->target), belay_topic_bound_name(full.bound), (unsigned long long)full.length);
    ret_fault->retry_after_ms = full.retry_after_ms;
    ret_fault->at = e->now;
    return false;
}

int engine_effects_check(struct belay_engine *e, struct engine_run *r, size_t extra,
                         struct belay_fault *ret_fault)
{
    const struct belay_flow_effects *fx = belay_flow_effects(r->flow);
    size_t total = extra + BESIDE_BYTES, sent = 0;
    struct belay_err err;
    for (uint32_t i = 0; i < fx->publication_count; i++) {
        const struct belay_publication *p = &fx->publications[i];
        size_t n = size_of(&p->message);
        total += n + MESSAGE_OVERHEAD_BYTES;
        sent += n;
        int room = belay_broker_topic_room(e->broker, p->target, sent, &err);
        if (room == BELAY_NOTFOUND)
            return never(ret_fault, p->target, "TOPIC:NOTFOUND", "there is no such topic or queue");
        if (n > BELAY_MESSAGE_BYTES_MAX || p->message.key.n > BELAY_KEY_BYTES_MAX)
            return never(ret_fault, p->target, "TOPIC:LIMIT", "the message is too large");
        if (total > BELAY_COMMIT_BYTES_MAX / 2)
            return never(ret_fault, p->target, "TOPIC:LIMIT", "one run publishes too much");
        if (room != BELAY_OK)
            return room;
        if (waits_for(e, r, p->target, sent))
            return BELAY_BUSY;
    }
    if (fx->publication_count == 0 && !r->keyed)
        return BELAY_OK; /* one record: it has room or it has not */
    int status = belay_broker_begin(e->broker, total, fx->publication_count + BESIDE_RECORDS, r->delivery,
                                    r->verdict == BELAY_FLOW_LETTER, &err);
    return status == BELAY_OK || engine_no_room(e, status, &err) ? status : BELAY_BUSY;
}

/* Was checked: nothing can fail half way. */
void engine_effects_publish(struct belay_engine *e, struct engine_run *r)
{
    const struct belay_flow_effects *fx = belay_flow_effects(r->flow);
    struct belay_err err;
    for (uint32_t i = 0; i < fx->publication_count; i++) {
        const struct belay_publication *p = &fx->publications[i];
        uint64_t number;
        int status;
        if (p->delay_ms) {
            belay_time due = belay_time_add_ms(e->now, (int64_t)p->delay_ms);
            status = belay_broker_schedule(e->broker, p->target, &p->message, due, &number, &err);
        } else {
            status = belay_broker_publish(e->broker, p->target, &p->message, e->now, NULL, &err);
        }
        if (status != BELAY_OK)
            engine_fail(e, status, &err);
    }
}

void engine_effects_log(struct belay_engine *e, struct engine_run *r)
{
    const struct belay_flow_effects *fx = belay_flow_effects(r->flow);
    const struct belay_message *m = r->kind == RUN_REQUEST ? &r->message : &r->delivery->message;
    for (uint32_t i = 0; i < fx->log_count; i++) {
        const struct belay_flow_log *log = &fx->logs[i];
        struct belay_field fields[33] = { { BELAY_STR("text"), log->message } };
        uint32_t count = log->field_count < 32 ? log->field_count : 32;
        for (uint32_t k = 0; k < count; k++)
            fields[k + 1] = log->fields[k];
        const struct belay_action_event event = { .level = log->level, .name = "flow.log",
                                                  .owner = r->def->name, .fields = fields,
                                                  .field_count = count + 1 };
        engine_hold_event(e, BELAY_ACTION_LOG, &event, m);
    }
}
