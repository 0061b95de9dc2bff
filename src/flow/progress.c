/* progress.c - what a retry, a crash or a replay resumes from (docs/format/progress.md).
 *
 *   u8 version | u8 flags | flag LOST: nothing more | flag SETTLED: settled.c | flag NOTHING: nothing more | main state | publications | logs
 *   | flag HANDLER: the fault handled, counts of the main state's publications and logs, its state
 *
 * A state names its step, since a replayed letter may meet a newer definition of its flow.  Values
 * are JSON texts; an empty one is undefined.  Decoding works on a copy in the run's arena: the
 * caller's bytes may go.
 */
#include "base/assert.h"
#include "base/limits.h"
#include "base/pack.h"
#include "flow/run.h"

enum { BODY_OWN, BODY_MAPPED, BODY_OF_MAIN };

/* ---- writing ---- */

/* By way of scratch, whose length is known before. */
static void put_scratch(struct belay_buf *out, const struct belay_buf *scratch)
{
    if (belay_buf_status(scratch) == BELAY_OK)
        belay_pack_str(out, belay_buf_view(scratch));
    else if (out->status == BELAY_OK)
        out->status = scratch->status;
}

static void put_value(struct belay_flow_run *run, struct belay_buf *out, struct belay_value v)
{
    belay_buf_clear(&run->scratch);
    belay_value_write(&run->scratch, v);
    put_scratch(out, &run->scratch);
}

static void put_bindings(struct belay_flow_run *run, struct belay_buf *out,
                         const struct flow_bindings *b)
{
    belay_pack_varint(out, b->count);
    for (uint32_t i = 0; i < b->count; i++) {
        belay_pack_str(out, b->items[i].name);
        put_value(run, out, b->items[i].value);
    }
}

static void put_fields(struct belay_buf *out, const struct belay_field *fields, uint32_t count)
{
    belay_pack_varint(out, count);
    for (uint32_t i = 0; i < count; i++) {
        belay_pack_str(out, fields[i].name);
        belay_pack_str(out, fields[i].value);
    }
}

static void put_body(struct belay_flow_run *run, struct belay_buf *out,
                     const struct flow_state *state)
{
    const struct flow_body *body = &state->body, *main = &run->m.main.body;
    if (state == &run->m.handler && body->mapped == main->mapped
        && body->value.type == main->value.type && body->value.u.s == main->value.u.s) {
        belay_pack_u8(out, BODY_OF_MAIN);
    } else if (!body->mapped) {
        belay_pack_u8(out, BODY_OWN);
    } else {
        belay_pack_u8(out, BODY_MAPPED);
        if (body->text.p)
            belay_pack_str(out, body->text);
        else
            put_value(run, out, body->value);
    }
}

static void put_reply(struct belay_buf *out, const struct belay_flow_reply *reply)
{
    belay_pack_u8(out, reply->present);
    if (!reply->present)
        return;
    belay_pack_varint(out, reply->status);
    put_fields(out, reply->headers, reply->header_count);
    belay_pack_str(out, reply->body);
    belay_pack_str(out, reply->content_type);
}

/* fresh: the attempts of the step begin anew. */
static void put_state(struct belay_flow_run *run, struct belay_buf *out,
                      const struct flow_state *state, bool fresh)
{
    const struct belay_flow_def *def = run->m.in.def;
    belay_pack_str(out,
                   state->step < def->step_count ? def->steps[state->step].name : BELAY_STR_NONE);
    belay_pack_u8(out, (uint8_t)state->phase);
    if (state->phase == PHASE_RESOLVE)
        belay_fault_pack(out, state->unknown);
    belay_pack_varint(out, fresh ? 0 : state->attempt_base);
    belay_pack_svarint(out, fresh ? 0 : state->began_at);
    belay_pack_varint(out, fresh ? 0 : state->delay_ms);
    put_body(run, out, state);
    put_bindings(run, out, &state->vars);
    put_bindings(run, out, &state->results);
    put_reply(out, &state->reply);
}

static void put_publications(struct belay_flow_run *run, struct belay_buf *out, uint32_t count)
{
    belay_pack_varint(out, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct belay_publication *p = &run->m.publications[i];
        belay_pack_str(out, p->target);
        belay_pack_varint(out, p->delay_ms);
        belay_buf_clear(&run->scratch);
        belay_message_encode(&run->scratch, &p->message);
        put_scratch(out, &run->scratch);
    }
}

static void put_logs(struct belay_flow_run *run, struct belay_buf *out, uint32_t count)
{
    belay_pack_varint(out, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct belay_flow_log *log = &run->m.logs[i];
        belay_pack_u8(out, log->level);
        belay_pack_str(out, log->message);
        put_fields(out, log->fields, log->field_count);
    }
}

/* KEEP_LAST: what was gathered has happened with the letter. */
static void put_main(struct belay_flow_run *run, struct belay_buf *out, enum keep what)
{
    bool last = what == KEEP_LAST;
    uint32_t publications = run->m.publication_count, logs = run->m.log_count;
    if (run->m.at == &run->m.handler && what == KEEP_FAILED) {
        publications = run->m.main_publications;
        logs = run->m.main_logs;
    }
    put_state(run, out, last ? &run->m.mark : &run->m.main, what != KEEP_ALL);
    put_publications(run, out, last ? 0 : publications);
    put_logs(run, out, last ? 0 : logs);
}

int progress_encode(struct belay_flow_run *run, struct belay_buf *out, enum keep what)
{
    bool rule = run->m.at == &run->m.handler && what == KEEP_ALL;
    belay_buf_clear(out);
    belay_pack_u8(out, PROGRESS_VERSION);
    belay_pack_u8(out, (uint8_t)((rule ? PROGRESS_HANDLER : 0) | (run->m.settled ? PROGRESS_SETTLED : 0)));
    if (run->m.settled)
        settled_pack(out, run->m.settled);
    put_main(run, out, what);
    if (rule) {
        belay_fault_pack(out, run->m.error);
        belay_pack_varint(out, run->m.main_publications);
        belay_pack_varint(out, run->m.main_logs);
        put_state(run, out, &run->m.handler, false);
    }
    return belay_buf_status(out);
}

void progress_encode_lost(struct belay_buf *out)
{
    belay_buf_clear(out);
    belay_pack_u8(out, PROGRESS_VERSION);
    belay_pack_u8(out, PROGRESS_LOST);
}

void progress_mark_at_rest(struct belay_buf *progress)
{
    BELAY_ASSERT(progress->n >= 2);
    if (!(progress->p[1] & PROGRESS_LOST))
        progress->p[1] |= PROGRESS_AT_REST;
}

/* ---- reading ---- */

/* A cursor over the arena's copy; memory that ran out is told apart from bytes that make no sense.
 */
struct reader {
    struct belay_flow_run *run;
    struct belay_unpack u;
    bool no_memory;
    bool found; /* every step that was named */
};

static void fail(struct reader *r)
{
    r->u.failed = true;
}

static void *take_memory(struct reader *r, size_t n)
{
    void *p = r->u.failed ? NULL : belay_arena_zalloc(&r->run->arena, n ? n : 1);
    if (!p && !r->u.failed) {
        r->no_memory = true;
        fail(r);
    }
    return p;
}

/* Each item takes at least two bytes, so a count that the bytes cannot hold costs no memory. */
static uint32_t take_count(struct reader *r, uint32_t max)
{
    uint64_t count = belay_unpack_varint(&r->u);
    if (count > max || count > belay_unpack_left(&r->u) / 2) {
        fail(r);
        return 0;
    }
    return (uint32_t)count;
}

static struct belay_value take_value(struct reader *r)
{
    struct belay_str text = belay_unpack_str(&r->u);
    const belay_json *root;
    if (!text.n)
        return belay_value_undefined();
    int status = belay_json_parse(text, NULL, &r->run->arena, &root, NULL, NULL);
    if (status) {
        r->no_memory |= status == BELAY_NOMEM;
        fail(r);
        return belay_value_undefined();
    }
    return belay_value_tape(root);
}

static void take_bindings(struct reader *r, struct flow_bindings *ret)
{
    uint32_t count = take_count(r, UINT32_MAX);
    struct belay_binding *items = count ? take_memory(r, sizeof *items * count) : NULL;
    for (uint32_t i = 0; items && i < count; i++) {
        items[i].name = belay_unpack_str(&r->u);
        items[i].value = take_value(r);
    }
    if (items)
        *ret = (struct flow_bindings){ items, count, count };
}

static const struct belay_field *take_fields(struct reader *r, uint32_t *ret_count)
{
    uint32_t count = take_count(r, UINT32_MAX);
    struct belay_field *fields = count ? take_memory(r, sizeof *fields * count) : NULL;
    for (uint32_t i = 0; fields && i < count; i++) {
        fields[i].name = belay_unpack_str(&r->u);
        fields[i].value = belay_unpack_str(&r->u);
    }
    *ret_count = fields ? count : 0;
    return fields;
}

static uint16_t take_step(struct reader *r)
{
    const struct belay_flow_def *def = r->run->m.in.def;
    struct belay_str name = belay_unpack_str(&r->u);
    for (uint32_t i = 0; i < def->step_count; i++)
        if (belay_str_eq(def->steps[i].name, name))
            return (uint16_t)i;
    r->found &= name.n == 0;
    return BELAY_STEP_END;
}

static const struct belay_fault *take_fault(struct reader *r)
{
    struct belay_fault *f = take_memory(r, sizeof *f);
    if (f)
        belay_fault_unpack(&r->u, f);
    return f;
}

static void take_body(struct reader *r, struct flow_state *state)
{
    switch (belay_unpack_u8(&r->u)) {
    case BODY_OWN: break; /* as begin has set it */
    case BODY_MAPPED:
        state->body = (struct flow_body){ .value = take_value(r), .known = true, .mapped = true };
        break;
    case BODY_OF_MAIN: state->body = r->run->m.main.body; break;
    default: fail(r);
    }
}

static void take_reply(struct reader *r, struct belay_flow_reply *reply)
{
    uint8_t present = belay_unpack_u8(&r->u);
    if (present > 1)
        fail(r);
    if (present != 1)
        return;
    reply->present = true;
    reply->status = (uint32_t)belay_unpack_varint(&r->u);
    reply->headers = take_fields(r, &reply->header_count);
    reply->body = belay_unpack_str(&r->u);
    reply->content_type = belay_unpack_str(&r->u);
}

static void take_state(struct reader *r, struct flow_state *state)
{
    state->step = take_step(r);
    uint8_t phase = belay_unpack_u8(&r->u);
    if (phase > PHASE_RESOLVE)
        fail(r);
    state->phase = (enum phase)phase;
    if (phase == PHASE_RESOLVE)
        state->unknown = take_fault(r);
    state->attempt_base = (uint32_t)belay_unpack_varint(&r->u);
    state->began_at = belay_unpack_svarint(&r->u);
    state->delay_ms = belay_unpack_varint(&r->u);
    take_body(r, state);
    take_bindings(r, &state->vars);
    take_bindings(r, &state->results);
    take_reply(r, &state->reply);
}

static void take_publications(struct reader *r)
{
    uint32_t count = take_count(r, BELAY_PUBLISH_PER_RUN_MAX);
    for (uint32_t i = 0; i < count && !r->u.failed; i++) {
        struct belay_publication p = { .target = belay_unpack_str(&r->u) };
        p.delay_ms = belay_unpack_varint(&r->u);
        struct belay_str bytes = belay_unpack_str(&r->u);
        int status = r->u.failed ? BELAY_CORRUPT
                                 : belay_message_decode(bytes, &r->run->arena, &p.message, NULL);
        if (status == BELAY_OK && !run_add_publication(r->run, &p))
            status = BELAY_NOMEM;
        r->no_memory |= status == BELAY_NOMEM;
        if (status)
            fail(r);
    }
}

static void take_logs(struct reader *r)
{
    uint32_t count = take_count(r, BELAY_LOGS_PER_RUN_MAX);
    for (uint32_t i = 0; i < count && !r->u.failed; i++) {
        struct belay_flow_log log = { .level = belay_unpack_u8(&r->u) };
        log.message = belay_unpack_str(&r->u);
        log.fields = take_fields(r, &log.field_count);
        if (!r->u.failed && !run_add_log(r->run, &log)) {
            r->no_memory = true;
            fail(r);
        }
    }
}

static void take_handler(struct reader *r)
{
    struct belay_flow_run *run = r->run;
    run->m.error = take_fault(r);
    uint64_t publications = belay_unpack_varint(&r->u), logs = belay_unpack_varint(&r->u);
    if (publications > run->m.publication_count || logs > run->m.log_count)
        fail(r);
    run->m.main_publications = (uint32_t)publications;
    run->m.main_logs = (uint32_t)logs;
    run->m.handler = (struct flow_state){ .body = run->m.main.body };
    take_state(r, &run->m.handler);
    run->m.at = &run->m.handler;
}

static void take_settled(struct reader *r)
{
    struct flow_settled *s = take_memory(r, sizeof *s);
    if (!s)
        return;
    settled_unpack(&r->u, s);
    r->run->m.settled = s;
}

int progress_decode(struct belay_flow_run *run, struct belay_str bytes, enum rest *ret_rest,
                    struct belay_err *err)
{
    struct belay_str copy = belay_arena_str(&run->arena, bytes);
    if (!copy.p)
        return belay_fail(err, BELAY_NOMEM, "progress: out of memory");
    run->m.in.progress = copy;
    struct reader r = { .run = run, .u = belay_unpack_init(copy), .found = true };
    uint8_t version = belay_unpack_u8(&r.u), flags = belay_unpack_u8(&r.u);
    if (version != PROGRESS_VERSION)
        return belay_fail(err, BELAY_VERSION, "progress: encoding %u is not known", version);
    if (flags == PROGRESS_LOST && belay_unpack_done(&r.u)) {
        *ret_rest = REST_LOST;
        return BELAY_OK;
    }
    if (flags & ~(unsigned)(PROGRESS_HANDLER | PROGRESS_SETTLED | PROGRESS_NOTHING | PROGRESS_AT_REST)
        || ((flags & PROGRESS_NOTHING) && flags != (PROGRESS_NOTHING | PROGRESS_SETTLED)))
        fail(&r);
    if (flags & PROGRESS_AT_REST)
        run->m.interrupted = run->m.in.interrupted = false;
    if (flags & PROGRESS_SETTLED)
        take_settled(&r);
    if (!(flags & PROGRESS_NOTHING)) {
        take_state(&r, &run->m.main);
        take_publications(&r);
        take_logs(&r);
    }
    if (flags & PROGRESS_HANDLER)
        take_handler(&r);
    if (r.no_memory)
        return belay_fail(err, BELAY_NOMEM, "progress: out of memory");
    if (!belay_unpack_done(&r.u))
        return belay_fail(err, BELAY_CORRUPT, "progress: its %zu bytes do not decode", bytes.n);
    *ret_rest = r.found ? REST_WHOLE : REST_STEP_GONE;
    return BELAY_OK;
}

/* ---- without a definition ---- */

static void skip_pairs(struct belay_unpack *u)
{
    uint64_t count = belay_unpack_varint(u);
    for (uint64_t i = 0; i < count && !u->failed; i++) {
        (void)belay_unpack_str(u);
        (void)belay_unpack_str(u);
    }
}

static void skip_reply(struct belay_unpack *u)
{
    if (belay_unpack_u8(u) != 1)
        return;
    (void)belay_unpack_varint(u);
    skip_pairs(u);
    (void)belay_unpack_str(u);
    (void)belay_unpack_str(u);
}

/* As take_state and take_publications; of the main state, which is what a letter keeps. */
static bool state_carries(struct belay_unpack *u)
{
    struct belay_fault unknown;
    (void)belay_unpack_str(u);
    if (belay_unpack_u8(u) == PHASE_RESOLVE)
        belay_fault_unpack(u, &unknown);
    (void)belay_unpack_varint(u);
    (void)belay_unpack_svarint(u);
    (void)belay_unpack_varint(u);
    if (belay_unpack_u8(u) != BODY_OWN)
        return true;
    struct belay_unpack vars = *u;
    skip_pairs(u);
    if (belay_unpack_varint(&vars))
        return true;
    skip_pairs(u);
    skip_reply(u);
    return belay_unpack_varint(u) > 0;
}

bool belay_flow_carries(struct belay_str progress)
{
    struct belay_unpack u = belay_unpack_init(progress);
    struct flow_settled settled;
    uint8_t version = belay_unpack_u8(&u), flags = belay_unpack_u8(&u);
    if (u.failed || version != PROGRESS_VERSION || flags & PROGRESS_LOST)
        return false; /* its replay says so itself */
    if (flags & PROGRESS_SETTLED)
        settled_unpack(&u, &settled);
    bool carries = !(flags & PROGRESS_NOTHING) && state_carries(&u);
    return carries && !u.failed;
}
