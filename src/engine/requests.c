/* Requests of APIs: one message, one answer.
 *
 * Idempotency (IETF httpapi draft): the row of a key goes NONE -> RUNNING (before the first outside
 * call; a flow without calls skips it) -> DONE with the answer, in one commit with what the flow
 * publishes.  Errors do not keep their key, but where it is not known what a call did (r->in_doubt), or where one that
 * nobody may repeat was done (r->achieved): then it stays RUNNING, and whoever asks again goes on from there (doubt.c). */
#include "engine/requests.h"

#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "base/random.h"
#include "broker/idempotency.h"
#include "engine/actions.h"
#include "engine/apis.h"
#include "engine/calls.h"
#include "engine/clock.h"
#include "engine/connections.h"
#include "engine/door.h"
#include "engine/doubt.h"
#include "engine/effects.h"
#include "engine/flight.h"
#include "engine/idempotency.h"
#include "engine/poison.h"
#include "engine/room.h"
#include "engine/runs.h"

#define TIMEOUT_DEFAULT_MS 30000
#define RETRY_AFTER_MS 1000
#define KEY_AGAIN_MS 10
#define KEPT_ANSWER_BYTES 512 /* a larger one stays where it is: no copy */

/* ---- answering ---- */

static void answer(struct belay_engine *e, struct engine_run *r)
{
    BELAY_ASSERT(r->kind == RUN_REQUEST && r->request && r->reply.status);
    if (r->state != RUN_AT_WORK)
        engine_run_move(e, r, RUN_AT_WORK);
    engine_key_release(e, r);
    engine_flight_unnote(e, r);
    engine_run_timer(e, r, BELAY_TIME_NEVER);
    r->reply.user = r->request->user;
    engine_run_move(e, r, RUN_ANSWERED);
    engine_hold_reply(e, r);
}

void engine_request_refuse(struct belay_engine *e, struct engine_run *r, uint32_t status,
                           const char *type, struct belay_str detail, uint32_t retry_after_ms)
{
    BELAY_ASSERT(r->kind == RUN_REQUEST && status >= 400);
    r->reply = (struct belay_action_reply){ .status = status, .problem = true,
                                            .type = belay_str_c(type),
                                            .detail = belay_arena_str(&r->arena, detail),
                                            .retry_after_ms = retry_after_ms };
    answer(e, r);
}

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static uint32_t status_of(const struct belay_fault *f)
{
    if (starts(f->type, "VALIDATION:"))
        return 422;
    if (strstr(f->type, ":INVALID_BODY") || strstr(f->type, ":RESPONSE_TOO_LARGE"))
        return 502; /* a partner answered, and nobody can use it */
    if (strstr(f->type, ":TIMEOUT") || f->class_ == BELAY_CLASS_UNKNOWN_OUTCOME)
        return 504;
    if (f->class_ == BELAY_CLASS_TRANSIENT)
        return 503;
    bool ours = starts(f->type, "EXPRESSION:") || starts(f->type, "FLOW:")
                || starts(f->type, "TOPIC:") || f->class_ == BELAY_CLASS_FATAL;
    return ours ? 500 : 502;
}

static void tell_failed(struct belay_engine *e, struct engine_run *r, const struct belay_fault *f)
{
    const struct belay_action_event event = { .level = 2, .name = "request.failed", .owner = r->def->name,
                                              .attempt = r->attempt };
    engine_tell_fault(e, &event, &r->message, f);
}

static void refuse_fault(struct belay_engine *e, struct engine_run *r, const struct belay_fault *f)
{
    uint32_t status = status_of(f);
    uint32_t after = f->retry_after_ms ? f->retry_after_ms : RETRY_AFTER_MS;
    struct belay_str type = belay_arena_str(&r->arena, belay_str_c(f->type));
    tell_failed(e, r, f);
    BELAY_ASSERT(f->class_ != BELAY_CLASS_UNKNOWN_OUTCOME || r->in_doubt);
    engine_doubt_let_go(e, r);
    engine_request_refuse(e, r, status, type.p ? type.p : "error", belay_str_c(f->description),
                          status == 503 ? after : 0);
}

/* ---- verdicts ---- */

static bool has_header(const struct belay_flow_reply *reply, struct belay_str name)
{
    for (uint32_t i = 0; i < reply->header_count; i++)
        if (belay_str_eq_nocase(reply->headers[i].name, name))
            return true;
    return false;
}

/* False: no memory. */
static bool shape_reply(struct engine_run *r, const struct belay_flow_effects *fx)
{
    const struct belay_flow_reply *from = &fx->reply;
    r->reply = (struct belay_action_reply){ .status = fx->publication_count ? 202 : 204 };
    if (!from->present)
        return true;
    struct belay_field *headers =
        BELAY_ARENA_ARRAY(&r->arena, struct belay_field, from->header_count + 1);
    if (!headers)
        return false;
    uint32_t count = from->header_count;
    if (count)
        memcpy(headers, from->headers, count * sizeof *headers);
    if (from->body.n && !has_header(from, BELAY_STR("content-type")))
        headers[count++] = (struct belay_field){ BELAY_STR("content-type"),
                                                 from->content_type.n
                                                     ? from->content_type
                                                     : BELAY_STR("application/json") };
    r->reply.status = from->status;
    r->reply.headers = headers;
    r->reply.header_count = count;
    r->reply.body = from->body;
    return true;
}

static int keep_answer(struct belay_engine *e, struct engine_run *r, struct belay_err *err)
{
    if (!r->keyed)
        return BELAY_OK;
    return belay_broker_idempotency_done(e->broker, r->scope, r->key, r->payload,
                                         belay_buf_view(&e->buf), r->def->idempotency.window_ms,
                                         e->now, err);
}

/* Publications, the key's answer and the reply: one commit. with_reply: else an error follows. */
static int commit(struct belay_engine *e, struct engine_run *r, bool with_reply,
                  struct belay_fault *ret_fault)
{
    const struct belay_flow_effects *fx = belay_flow_effects(r->flow);
    struct belay_err err;
    belay_buf_clear(&e->buf);
    if (with_reply && r->keyed)
        engine_answer_pack(&e->buf, &r->reply);
    if (belay_buf_status(&e->buf) != BELAY_OK) {
        belay_fault_init(ret_fault, "FLOW:REPLY_TOO_LARGE", BELAY_CLASS_PERMANENT,
                         "the answer does not fit into %zu bytes", BELAY_MESSAGE_BYTES_MAX);
        return BELAY_INVALID;
    }
    int status = engine_effects_check(e, r, 2 * e->buf.n + r->map_key.n, ret_fault);
    if (status != BELAY_OK)
        return status;
    engine_effects_publish(e, r);
    if (with_reply && !e->failed) {
        status = keep_answer(e, r, &err);
        if (status != BELAY_OK && !fx->publication_count && engine_no_room(e, status, &err))
            return status;
        if (status != BELAY_OK)
            engine_fail(e, status, &err);
    }
    if (!e->failed)
        engine_effects_log(e, r);
    return BELAY_OK;
}

/* A full store is told at once; a busy one soon has room. */
static int no_room(struct belay_engine *e, struct engine_run *r, int status)
{
    if (status != BELAY_NOSPACE)
        return status;
    engine_doubt_let_go(e, r);
    engine_request_refuse(e, r, 503, "no-space", BELAY_STR("there is no room for it now"),
                          RETRY_AFTER_MS);
    return BELAY_OK;
}

/* The answer moves to the run, so that its flow serves the next request while this one waits for its commit:
 * it is still in the processor's cache then. Without memory the flow just stays. */
static void let_flow_go(struct engine_run *r)
{
    struct belay_field *headers = (struct belay_field *)r->reply.headers; /* shape_reply's own copy */
    struct belay_str body = belay_arena_str(&r->arena, r->reply.body);
    bool whole = body.p != NULL;
    for (uint32_t i = 0; i < r->reply.header_count && whole; i++) {
        struct belay_field copy = { belay_arena_str(&r->arena, headers[i].name),
                                    belay_arena_str(&r->arena, headers[i].value) };
        whole = copy.name.p && copy.value.p;
        if (whole)
            headers[i] = copy;
    }
    if (!whole)
        return;
    r->reply.body = body;
    belay_flow_free(r->flow);
    r->flow = NULL;
}

static int enact_done(struct belay_engine *e, struct engine_run *r)
{
    struct belay_fault fault;
    if (engine_poison_refuses_effects(e, r)) /* nothing was begun, so its key is as if it had never come */
        return BELAY_OK;
    if (!shape_reply(r, belay_flow_effects(r->flow)))
        return BELAY_BUSY;
    int status = commit(e, r, true, &fault);
    if (status == BELAY_INVALID)
        refuse_fault(e, r, &fault);
    else if (status != BELAY_OK)
        return no_room(e, r, status);
    else if (!e->failed) {
        if (r->reply.status < 400) /* what fails in order has not shown that it does not kill */
            engine_poison_request_succeeded(e, r);
        if (r->reply.body.n <= KEPT_ANSWER_BYTES)
            let_flow_go(r);
        answer(e, r);
    }
    return BELAY_OK;
}

/* The same request is refused again whenever it comes: what it asks for is wrong. All others may go well next time. */
static bool is_final(const struct engine_run *r, const struct belay_fault *f)
{
    return r->keyed && !r->in_doubt && r->verdict == BELAY_FLOW_LETTER && status_of(f) == 422 && f->class_ == BELAY_CLASS_PERMANENT;
}

/* As the connector writes a problem, with the correlation id of this first request: who asks again gets the same bytes.
 * False: no memory. */
static bool shape_refusal(struct belay_engine *e, struct engine_run *r, const struct belay_fault *f)
{
    static const struct belay_field type = { BELAY_STR_INIT("content-type"), BELAY_STR_INIT("application/problem+json") };
    struct belay_json_out o = belay_json_out(&e->buf);
    belay_buf_clear(&e->buf);
    belay_json_begin_object(&o);
    belay_json_key(&o, "title");
    belay_json_put_c(&o, "Unprocessable Content");
    belay_json_key(&o, "status");
    belay_json_put_uint(&o, 422);
    belay_json_key(&o, "detail");
    belay_json_put_c(&o, f->description);
    belay_json_key(&o, "correlationid");
    belay_json_put_str(&o, r->message.correlationid);
    belay_json_key(&o, "error");
    belay_json_put_c(&o, f->type);
    belay_json_end_object(&o);
    struct belay_str body = belay_buf_status(&e->buf) == BELAY_OK ? belay_arena_str(&r->arena, belay_buf_view(&e->buf))
                                                                   : BELAY_STR_NONE;
    r->reply = (struct belay_action_reply){ .status = 422, .headers = &type, .header_count = 1, .body = body };
    return body.p != NULL;
}

static int enact_error(struct belay_engine *e, struct engine_run *r)
{
    struct belay_fault fault = *belay_flow_fault(r->flow), unused;
    bool final = is_final(r, &fault) && shape_refusal(e, r, &fault);
    int status = r->verdict == BELAY_FLOW_LETTER ? commit(e, r, final, &unused) : BELAY_OK;
    if (status != BELAY_OK && status != BELAY_INVALID)
        return no_room(e, r, status);
    if (e->failed)
        return BELAY_OK;
    if (final && status == BELAY_OK) {
        tell_failed(e, r, &fault);
        answer(e, r);
    } else {
        refuse_fault(e, r, &fault);
    }
    return BELAY_OK;
}

/* In memory: nothing was accepted yet. */
static int enact_retry(struct belay_engine *e, struct engine_run *r)
{
    belay_time due = belay_time_add_ms(e->now, (int64_t)belay_flow_delay_ms(r->flow));
    if (due >= r->deadline || e->stopping)
        return enact_error(e, r);
    const struct belay_action_event event = { .level = 2, .name = "request.retry", .owner = r->def->name,
                                              .attempt = r->attempt, .again_at = due };
    engine_tell_fault(e, &event, &r->message, belay_flow_fault(r->flow));
    struct belay_str progress = belay_flow_progress(r->flow);
    belay_buf_clear(&r->progress);
    belay_buf_put_str(&r->progress, progress);
    if (belay_buf_status(&r->progress) != BELAY_OK)
        return enact_error(e, r);
    belay_flow_free(r->flow);
    r->flow = NULL;
    r->attempt++;
    e->stats.retries++;
    engine_run_move(e, r, RUN_WAITING);
    engine_run_timer(e, r, due);
    return BELAY_OK;
}

int engine_request_enact(struct belay_engine *e, struct engine_run *r)
{
    switch ((enum belay_flow_verdict)r->verdict) {
    case BELAY_FLOW_DONE: return enact_done(e, r);
    case BELAY_FLOW_RETRY: return enact_retry(e, r);
    case BELAY_FLOW_LETTER: return enact_error(e, r);
    case BELAY_FLOW_CALL: break;
    }
    BELAY_UNREACHABLE();
}

static void refuse_in_use(struct belay_engine *e, struct engine_run *r)
{
    engine_request_refuse(e, r, 409, "idempotency-key-in-use",
                          BELAY_STR("a request with this Idempotency-Key is being handled"), 0);
}

/* ---- time ---- */

static const struct belay_api_def *api_of(const struct engine_run *r)
{
    for (uint32_t i = 0; i < r->set->api_count; i++)
        if (belay_str_eq(r->set->apis[i].name, r->def->from.name))
            return &r->set->apis[i];
    return NULL;
}

/* What it asks for, and in its upper bits its flow, so that a list can name that. */
#define FLOW_BITS (~UINT64_C(0) << 40)

uint64_t engine_request_id(const struct engine_run *r)
{
    return (r->payload.lo & ~FLOW_BITS) | (belay_hash64(r->def->name) & FLOW_BITS);
}

struct belay_str belay_engine_request_flow(const struct belay_engine *e, uint64_t id)
{
    for (uint32_t i = 0; e->current && i < e->current->flow_count; i++) {
        const struct belay_flow_def *flow = &e->current->flows[i];
        if (flow->from.kind == BELAY_SOURCE_API && ((belay_hash64(flow->name) ^ id) & FLOW_BITS) == 0)
            return flow->name;
    }
    return BELAY_STR_NONE;
}

bool engine_request_is_open(const struct engine_run *r)
{
    return r->kind == RUN_REQUEST && r->flow && r->state != RUN_FREE && r->state != RUN_ANSWERED;
}

void engine_request_begin(struct belay_engine *e, struct engine_run *r)
{
    struct belay_err err;
    engine_flight_request(e, r, engine_request_id(r));
    int status = engine_run_begin(e, r, &err);
    if (status == BELAY_OK) {
        engine_run_go(e, r, NULL);
        if (r->state != RUN_ANSWERED && r->state != RUN_WAITING && r->state != RUN_BLOCKED) /* most are answered at once */
            engine_run_timer(e, r, r->deadline);
    } else {
        bool memory = status == BELAY_NOMEM;
        engine_doubt_let_go(e, r);
        engine_request_refuse(e, r, memory ? 503 : 500, memory ? "no-memory" : "internal",
                              belay_str_c(err.msg), memory ? RETRY_AFTER_MS : 0);
    }
}

void engine_request_block(struct belay_engine *e, struct engine_run *r)
{
    if (!r->waits_until) {
        const struct belay_api_def *api = api_of(r);
        r->waits_until = belay_time_add_ms(e->now, api ? (int64_t)api->max_wait_ms : 0);
    }
    engine_run_timer(e, r, r->waits_until < r->deadline ? r->waits_until : r->deadline);
}

void engine_request_blocked(struct belay_engine *e, struct engine_run *r)
{
    engine_doubt_let_go(e, r);
    engine_request_refuse(e, r, 503, "BROKER:QUEUE_FULL", BELAY_STR("what it is published to is full"), r->full_after_ms);
}

/* Nobody waits for its outcome any more: if it was made, what it did is not known. */
static void give_up_call(struct belay_engine *e, struct engine_run *r)
{
    r->in_doubt |= r->call->out;
    engine_call_cancel(e, r, true);
}

void engine_request_deadline(struct belay_engine *e, struct engine_run *r)
{
    if (r->key_waits) {
        refuse_in_use(e, r);
        return;
    }
    if (r->state == RUN_CALLING)
        give_up_call(e, r);
    engine_doubt_let_go(e, r);
    engine_request_refuse(e, r, 504, "timeout", BELAY_STR("the flow did not end in time"), 0);
}

void engine_request_leave(struct belay_engine *e, struct engine_run *r)
{
    BELAY_ASSERT(e->stopping && r->state != RUN_CALLING);
    engine_doubt_let_go(e, r);
    engine_request_refuse(e, r, 503, "stopping", BELAY_STR("the server is stopping"), RETRY_AFTER_MS);
}

/* The drain is over: where what became of its call is not known its key stays RUNNING, and who asks again with it resumes
 * it. */
void engine_request_cut(struct belay_engine *e, struct engine_run *r)
{
    BELAY_ASSERT(e->stopping && r->state == RUN_CALLING);
    give_up_call(e, r);
    engine_doubt_let_go(e, r);
    engine_request_refuse(e, r, 503, "stopping",
                          r->in_doubt ? BELAY_STR("the server is stopping, and what became of it is not known yet")
                              : BELAY_STR("the server is stopping"),
                          RETRY_AFTER_MS);
}

/* Nothing was asked for. */
void engine_request_breaker_open(struct belay_engine *e, struct engine_run *r, const struct engine_connection *c)
{
    belay_time left = c->gate.breaker.open_until - e->now;
    struct belay_str detail = belay_arena_printf(&r->arena, "%s fails and is not called for a while", c->name);
    engine_doubt_let_go(e, r);
    engine_request_refuse(e, r, 503, "breaker-open", detail.p ? detail : BELAY_STR("breaker open"),
                          left > 0 ? (uint32_t)(left / BELAY_US_PER_MS) + 1 : 1);
}

/* ---- arriving ---- */

/* The Idempotency-Key header is a structured header's string (RFC 9651), so "a1" with its quotes; a1 without them is
 * taken for the same key. Errors: BELAY_SYNTAX (it is neither), BELAY_NOMEM. */
static int header_key(struct belay_str s, struct belay_arena *arena, struct belay_str *ret_key)
{
    s = belay_str_trim(s);
    bool quoted = s.n && s.p[0] == '"';
    char *to = belay_arena_bytes(arena, s.n + 1);
    size_t n = 0, i = quoted;
    if (!to)
        return BELAY_NOMEM;
    for (; i < s.n && !(quoted && s.p[i] == '"'); i++) {
        if (quoted && s.p[i] == '\\' && ++i < s.n && s.p[i] != '"' && s.p[i] != '\\')
            return BELAY_SYNTAX;
        if (i == s.n || s.p[i] < 0x20 || s.p[i] > 0x7e)
            return BELAY_SYNTAX;
        to[n++] = s.p[i];
    }
    /* Behind the quote there may be parameters. */
    if (quoted && (i == s.n || (i + 1 < s.n && s.p[i + 1] != ';')))
        return BELAY_SYNTAX;
    *ret_key = belay_str(to, n);
    return BELAY_OK;
}

static struct belay_str key_header(const struct belay_engine_request *q)
{
    for (uint32_t i = 0; i < q->header_count; i++)
        if (belay_str_eq(q->headers[i].name, BELAY_STR("idempotency-key")))
            return q->headers[i].value;
    return BELAY_STR_NONE;
}

/* The same key and payload give the same id also after a crash: so receivers see a repetition. */
static void name_message(struct belay_engine *e, struct engine_run *r)
{
    struct belay_str parts[] = { r->map_key, belay_str((const char *)&r->payload, 16) };
    struct belay_hash128 h = r->map_key.n ? belay_hash128_parts(parts, 2)
                                          : (struct belay_hash128){ belay_random_next(&e->random),
                                                                    belay_random_next(&e->random) };
    belay_hash128_hex(h, r->id);
    r->message.id = belay_str(r->id, 32);
    if (!r->message.correlationid.n)
        r->message.correlationid = r->message.id;
}

/* CloudEvents in binary mode: what is no time there is none of ours. */
static belay_time expiry_of(const struct belay_engine_request *q)
{
    belay_time at;
    for (uint32_t i = 0; i < q->header_count; i++)
        if (belay_str_eq(q->headers[i].name, BELAY_STR("ce-expirytime")))
            return belay_time_parse(belay_str_trim(q->headers[i].value), &at) && at > 0 ? at : 0;
    return 0;
}

static void shape_message(struct belay_engine *e, struct engine_run *r)
{
    const struct belay_engine_request *q = r->request;
    struct belay_str payload[] = { q->method, q->target, q->body };
    r->payload = belay_hash128_parts(payload, 3);
    r->message = (struct belay_message){
        .source = belay_arena_join(&r->arena, BELAY_STR("/apis/"), q->api, BELAY_STR_NONE),
        .type = q->operation,
        .correlationid = q->correlationid,
        .traceparent = q->traceparent,
        .datacontenttype = q->content_type,
        .time = e->now,
        .accepted_at = e->now,
        .expires_at = expiry_of(q),
        .headers = q->headers,
        .header_count = q->header_count,
        .body = q->body,
    };
}

static void refuse_key(struct belay_engine *e, struct engine_run *r, const char *detail)
{
    engine_request_refuse(e, r, 400, "idempotency-key", belay_str_c(detail), 0);
}

/* Not "it has none": without its key it might be done twice. */
static bool refuse_no_memory(struct belay_engine *e, struct engine_run *r)
{
    engine_request_refuse(e, r, 503, "no-memory", BELAY_STR("out of memory"), RETRY_AFTER_MS);
    return false;
}

/* Finds the request's key. False: it was answered. */
static bool find_key(struct belay_engine *e, struct engine_run *r)
{
    const struct belay_idempotency_def *def = &r->def->idempotency;
    struct belay_fault fault;
    struct belay_str key;
    if (!def->key)
        return true;
    int status = belay_flow_key(def->key, &r->message, r->request->body_json, e->now, &r->arena,
                                &key, &fault);
    if (status == BELAY_NOMEM)
        return refuse_no_memory(e, r);
    bool found = status == BELAY_OK;
    if (!found && strcmp(fault.type, "FLOW:LIMIT") == 0) {
        refuse_key(e, r, fault.description);
        return false;
    }
    key = found ? key : BELAY_STR_NONE;
    if (key.n && belay_str_eq(key, key_header(r->request)))
        status = header_key(key, &r->arena, &key);
    if (status == BELAY_NOMEM)
        return refuse_no_memory(e, r);
    if (found && status != BELAY_OK) {
        refuse_key(e, r, "the Idempotency-Key is no string of printable ASCII, such as \"8e03978e\"");
        return false;
    }
    if (key.n == 0) {
        if (def->required)
            refuse_key(e, r, "this operation requires the header Idempotency-Key");
        return !def->required;
    }
    struct belay_str scope = belay_arena_join(&r->arena, r->request->api, BELAY_STR("/"),
                                              r->request->operation);
    if (key.n > BELAY_KEY_BYTES_MAX) {
        refuse_key(e, r, "the Idempotency-Key is too long");
        return false;
    }
    return (scope.p && engine_key_set(e, r, scope, key)) || refuse_no_memory(e, r);
}

static void refuse_reuse(struct belay_engine *e, struct engine_run *r)
{
    engine_request_refuse(e, r, 422, "idempotency-key-reused",
                          BELAY_STR("this Idempotency-Key came with another payload before"), 0);
}

/* Until its deadline it looks again and again whether the key is free, or has its answer. */
static void wait_for_key(struct belay_engine *e, struct engine_run *r)
{
    belay_time at = belay_time_add_ms(e->now, KEY_AGAIN_MS);
    r->key_waits = true;
    engine_run_move(e, r, RUN_WAITING);
    engine_run_timer(e, r, at < r->deadline ? at : r->deadline);
}

/* The key's own word. False: the request was answered, or waits. */
static bool check_key(struct belay_engine *e, struct engine_run *r)
{
    struct belay_idempotency idem;
    struct engine_run *holder = engine_key_holder(e, r);
    belay_broker_idempotency_get(e->broker, r->scope, r->key, &idem);
    bool known = holder || idem.state != BELAY_IDEMPOTENCY_NONE;
    struct belay_hash128 payload = holder ? holder->payload : idem.request;
    if (known && !belay_hash128_eq(payload, r->payload)) {
        refuse_reuse(e, r);
    } else if (holder && r->def->idempotency.concurrent == BELAY_CONCURRENT_WAIT) {
        wait_for_key(e, r);
    } else if (holder) {
        refuse_in_use(e, r);
    } else if (idem.state == BELAY_IDEMPOTENCY_DONE) {
        struct belay_str bytes = belay_arena_str(&r->arena, idem.answer);
        if (!bytes.p || !engine_answer_unpack(bytes, &r->arena, &r->reply))
            engine_request_refuse(e, r, 500, "internal", BELAY_STR("the stored answer"), 0);
        else
            answer(e, r);
    } else if (engine_key_claim(e, r) != BELAY_OK) {
        engine_request_refuse(e, r, 503, "no-memory", BELAY_STR("out of memory"), RETRY_AFTER_MS);
    } else if (!engine_doubt_resume(r, &idem)) {
        engine_request_refuse(e, r, 503, "no-memory", BELAY_STR("out of memory"), RETRY_AFTER_MS);
    } else {
        return true;
    }
    return false;
}

static void proceed(struct belay_engine *e, struct engine_run *r)
{
    if (r->map_key.n && !check_key(e, r))
        return;
    if (!engine_poison_refuses(e, r) && engine_door_lets(e, r) && engine_api_admit(e, r))
        engine_request_begin(e, r);
}

void engine_request_again(struct belay_engine *e, struct engine_run *r)
{
    engine_run_move(e, r, RUN_AT_WORK);
    if (r->key_waits) {
        r->key_waits = false;
        proceed(e, r);
        return;
    }
    r->interrupted &= !r->called; /* the flow knows by now which call was in doubt */
    engine_request_begin(e, r);
}

/* Whether the store has room for it the door asks: it may wait for that, and an answer that is kept needs none. */
static int admit(const struct belay_engine *e, const struct belay_engine_request *q,
                 const struct belay_flow_def *def, struct belay_err *err)
{
    if (e->stopping || e->failed)
        return belay_fail(err, BELAY_CANCELLED, "the server is stopping");
    if (e->held)
        return belay_fail(err, BELAY_UNAVAILABLE, "the store was restored, and a person looks first");
    if (!def)
        return belay_fail(err, BELAY_NOTFOUND, "no flow answers %.*s of %.*s",
                          BELAY_STR_ARG(q->operation), BELAY_STR_ARG(q->api));
    if (e->requests_open < e->opt.requests_max && !engine_actions_crowded(e))
        return BELAY_OK;
    int status = belay_fail(err, BELAY_BUSY, "too many requests are open");
    if (err)
        err->retry_after_ms = RETRY_AFTER_MS;
    return status;
}

int belay_engine_request(struct belay_engine *e, const struct belay_engine_request *q,
                         belay_time now, struct belay_err *err)
{
    engine_clock_tick(e, now);
    const struct belay_flow_def *def = e->current
        ? belay_definitions_operation(e->current, q->api, q->operation) : NULL;
    int status = admit(e, q, def, err);
    if (status != BELAY_OK)
        return status;
    struct engine_run *r = engine_run_new(e, RUN_REQUEST, def, e->current);
    if (!r)
        return belay_fail(err, BELAY_BUSY, "too many requests are open");
    e->stats.requests++;
    r->request = q;
    r->deadline = belay_time_add_ms(e->now, def->timeout_ms ? def->timeout_ms : TIMEOUT_DEFAULT_MS);
    shape_message(e, r);
    if (!find_key(e, r))
        return BELAY_OK;
    name_message(e, r);
    proceed(e, r);
    return BELAY_OK;
}
