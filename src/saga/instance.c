#include "saga/instance.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "base/planted.h"

#define ROW_VERSION 1
#define INSTANCE_BYTES_MAX (BELAY_MESSAGE_BYTES_MAX * 2)
#define POOLED_BYTES_MAX BELAY_KIB(16) /* a buffer larger than that is not kept for the next */

void saga_key_init(struct saga_key *key, uint32_t kind, struct belay_str id)
{
    key->bytes[0] = KEY_PART_INSTANCE;
    belay_store_be32(key->bytes + 1, kind);
    if (id.n < KEY_ID_BYTES_MAX) {
        if (id.n) /* the key before all others; its p may be NULL */
            memcpy(key->bytes + 5, id.p, id.n);
        key->n = (uint16_t)(5 + id.n);
        return;
    }
    struct belay_hash128 hash = belay_hash128(id);
    memcpy(key->bytes + 5, id.p, KEY_ID_BYTES_MAX - 16);
    belay_store_be64(key->bytes + 5 + KEY_ID_BYTES_MAX - 16, hash.hi);
    belay_store_be64(key->bytes + 5 + KEY_ID_BYTES_MAX - 8, hash.lo);
    key->n = KEY_BYTES_MAX;
}

struct saga *saga_new(void)
{
    struct saga *s = belay_calloc(1, sizeof *s);
    if (!s)
        return NULL;
    belay_buf_init(&s->data, INSTANCE_BYTES_MAX);
    belay_buf_init(&s->log, INSTANCE_BYTES_MAX);
    belay_buf_init(&s->fault, INSTANCE_BYTES_MAX);
    belay_list_init(&s->node);
    belay_list_init(&s->idle);
    belay_heap_node_init(&s->timer);
    return s;
}

void saga_free(struct saga *s)
{
    if (!s)
        return;
    belay_buf_deinit(&s->data);
    belay_buf_deinit(&s->log);
    belay_buf_deinit(&s->fault);
    belay_free(s->steps);
    belay_free(s);
}

static void clear_buf(struct belay_buf *b)
{
    if (b->cap > POOLED_BYTES_MAX) {
        belay_buf_deinit(b);
        belay_buf_init(b, INSTANCE_BYTES_MAX);
    } else {
        belay_buf_clear(b);
    }
}

int saga_clear(struct saga *s, uint8_t step_count)
{
    if (step_count > s->steps_cap) {
        struct saga_step *steps = belay_realloc(s->steps, step_count * sizeof *steps);
        if (!steps)
            return BELAY_NOMEM;
        s->steps = steps;
        s->steps_cap = step_count;
    }
    struct saga kept = *s;
    *s = (struct saga){ .steps = kept.steps,
                        .steps_cap = kept.steps_cap,
                        .step_count = step_count,
                        .deadline = BELAY_TIME_NEVER,
                        .until = BELAY_TIME_NEVER,
                        .due = BELAY_TIME_NEVER,
                        .entry = BELAY_TIME_NEVER,
                        .data = kept.data,
                        .log = kept.log,
                        .fault = kept.fault };
    clear_buf(&s->data);
    clear_buf(&s->log);
    clear_buf(&s->fault);
    belay_list_init(&s->node);
    belay_list_init(&s->idle);
    belay_heap_node_init(&s->timer);
    if (step_count)
        memset(s->steps, 0, step_count * sizeof *s->steps);
    return BELAY_OK;
}

int saga_reserve(struct saga *s, size_t data, size_t log, size_t fault)
{
    bool ok = (!data || belay_buf_reserve(&s->data, data)) && belay_buf_reserve(&s->log, log)
              && (fault <= s->fault.cap || belay_buf_reserve(&s->fault, fault - s->fault.n));
    if (ok)
        return BELAY_OK;
    s->data.status = s->log.status = s->fault.status = BELAY_OK; /* what they hold is still good */
    return BELAY_NOMEM;
}

size_t saga_bytes(const struct saga *s)
{
    return sizeof *s + s->steps_cap * sizeof *s->steps + s->data.cap + s->log.cap + s->fault.cap;
}

struct belay_str saga_id(const struct saga *s)
{
    return belay_str(s->data.p, s->id_n);
}

struct belay_str saga_input(const struct saga *s)
{
    return belay_str(s->data.p + s->id_n, s->input_n);
}

struct belay_str saga_range(const struct saga *s, struct range r)
{
    BELAY_ASSERT(r.n == 0 || (r.at <= s->data.n && r.n <= s->data.n - r.at));
    return r.n ? belay_str(s->data.p + r.at, r.n) : BELAY_STR_NONE;
}

struct range saga_keep(struct saga *s, struct belay_str bytes)
{
    struct range r = { (uint32_t)s->data.n, (uint32_t)bytes.n };
    BELAY_ASSERT(s->data.cap - s->data.n >= bytes.n); /* reserved: views of data stay */
    belay_buf_put_str(&s->data, bytes);
    return r;
}

void saga_drop_input(struct saga *s)
{
    uint32_t gone = s->input_n;
    if (!gone)
        return;
    BELAY_ASSERT(s->data.n >= s->id_n + gone);
    char *at = s->data.p + s->id_n;
    memmove(at, at + gone, s->data.n - s->id_n - gone);
    s->data.n -= gone;
    s->input_n = 0;
    for (uint32_t i = 0; i < s->step_count; i++) {
        if (s->steps[i].result.n)
            s->steps[i].result.at -= gone;
        if (s->steps[i].topic.n)
            s->steps[i].topic.at -= gone;
    }
}

bool saga_step_counts(const struct saga_step *step)
{
    switch (step->state) {
    case STEP_PENDING:
    case STEP_SKIPPED:
    case STEP_UNDONE:
    case STEP_LEFT: return false;
    case STEP_WAITING:
    case STEP_FAILED: return (step->flags & STEP_MAYBE) && !BELAY_PLANTED(12);
    default: return true;
    }
}

/* ---- the row ---- */

/* Fixed part, in this order; then the steps, then id, data, log and fault (docs/format). */
void saga_row_pack(struct belay_buf *out, const struct saga *s)
{
    belay_pack_u8(out, ROW_VERSION);
    belay_pack_u8(out, s->state);
    belay_pack_u64(out, (uint64_t)s->due);
    belay_pack_varint(out, s->id_n);
    belay_pack_str(out, belay_buf_view(&s->data));
    belay_pack_u8(out, s->parked_from);
    belay_pack_u8(out, s->flags);
    belay_pack_u8(out, s->at);
    belay_pack_u64(out, s->definition.hi);
    belay_pack_u64(out, s->definition.lo);
    belay_pack_u64(out, (uint64_t)s->started_at);
    saga_pack_distance(out, s->started_at, s->updated_at);
    belay_pack_u64(out, (uint64_t)s->deadline);
    saga_pack_distance(out, s->started_at, s->first_at);
    belay_pack_u64(out, (uint64_t)s->until);
    saga_pack_distance(out, s->started_at, s->log_at);
    belay_pack_varint(out, s->attempt);
    belay_pack_varint(out, s->delay_ms);
    belay_pack_varint(out, s->input_n);
    belay_pack_u8(out, s->step_count);
    for (uint32_t i = 0; i < s->step_count; i++) {
        const struct saga_step *step = &s->steps[i];
        belay_pack_u8(out, step->state);
        belay_pack_u8(out, step->flags);
        belay_pack_varint(out, step->attempts);
        belay_pack_varint(out, step->result.at);
        belay_pack_varint(out, step->result.n);
        if (step->flags & STEP_PUBLISHED) {
            belay_pack_varint(out, step->topic.at);
            belay_pack_varint(out, step->topic.n);
            belay_pack_varint(out, step->sequence);
            belay_pack_svarint(out, step->due);
        }
    }
    belay_pack_str(out, belay_buf_view(&s->log));
    belay_pack_str(out, belay_buf_view(&s->fault));
}

static struct belay_str unpack_head(struct belay_unpack *u, struct saga_glance *g)
{
    if (belay_unpack_u8(u) != ROW_VERSION)
        u->failed = true;
    g->state = belay_unpack_u8(u);
    g->due = (belay_time)belay_unpack_u64(u);
    uint64_t id_n = belay_unpack_varint(u);
    struct belay_str data = belay_unpack_str(u);
    if (g->state >= SAGA_STATES || id_n > data.n)
        u->failed = true;
    g->id = belay_str(data.p, (size_t)id_n);
    return data;
}

bool saga_row_glance(struct belay_str row, struct saga_glance *ret_glance)
{
    struct belay_unpack u = belay_unpack_init(row);
    struct saga_glance g;
    unpack_head(&u, &g);
    belay_unpack_bytes(&u, 3 + 16); /* parked_from, flags, at, definition */
    belay_time started_at = (belay_time)belay_unpack_u64(&u);
    g.updated_at = saga_unpack_distance(&u, started_at);
    if (!belay_unpack_ok(&u))
        return false;
    *ret_glance = g;
    return true;
}

/* In data, behind the id and the start message, which goes when the instance ends. */
static bool inside(struct range r, const struct saga *s)
{
    return r.n == 0
           || (r.at >= s->id_n + s->input_n && r.at <= s->data.n && r.n <= s->data.n - r.at);
}

static void unpack_step(struct belay_unpack *u, const struct saga *s, struct saga_step *step)
{
    step->state = belay_unpack_u8(u);
    step->flags = belay_unpack_u8(u);
    step->attempts = (uint32_t)belay_unpack_varint(u);
    step->result.at = (uint32_t)belay_unpack_varint(u);
    step->result.n = (uint32_t)belay_unpack_varint(u);
    if (step->flags & STEP_PUBLISHED) {
        step->topic.at = (uint32_t)belay_unpack_varint(u);
        step->topic.n = (uint32_t)belay_unpack_varint(u);
        step->sequence = belay_unpack_varint(u);
        step->due = belay_unpack_svarint(u);
    }
    if (step->state >= STEP_STATES || !inside(step->result, s) || !inside(step->topic, s))
        u->failed = true;
}

static void unpack_fixed(struct belay_unpack *u, struct saga *s)
{
    s->parked_from = belay_unpack_u8(u);
    s->flags = belay_unpack_u8(u);
    s->at = belay_unpack_u8(u);
    s->definition.hi = belay_unpack_u64(u);
    s->definition.lo = belay_unpack_u64(u);
    s->started_at = (belay_time)belay_unpack_u64(u);
    s->updated_at = saga_unpack_distance(u, s->started_at);
    s->deadline = (belay_time)belay_unpack_u64(u);
    s->first_at = saga_unpack_distance(u, s->started_at);
    s->until = (belay_time)belay_unpack_u64(u);
    s->log_at = saga_unpack_distance(u, s->started_at);
    s->attempt = (uint32_t)belay_unpack_varint(u);
    s->delay_ms = belay_unpack_varint(u);
    s->input_n = (uint32_t)belay_unpack_varint(u);
    if (s->parked_from >= SAGA_STATES || s->input_n > s->data.n - s->id_n)
        u->failed = true;
}

int saga_row_unpack(struct belay_str row, struct saga *s, struct belay_err *err)
{
    struct belay_unpack u = belay_unpack_init(row);
    struct saga_glance g;
    struct belay_str data = unpack_head(&u, &g);
    if (u.failed)
        return belay_fail(err, BELAY_CORRUPT, "row of saga instance: its head makes no sense");
    belay_buf_put_str(&s->data, data);
    s->state = g.state;
    s->due = g.due;
    s->id_n = (uint32_t)g.id.n;
    unpack_fixed(&u, s);
    uint8_t step_count = belay_unpack_u8(&u);
    if (u.failed || step_count > BELAY_SAGA_STEPS_MAX || s->at > step_count)
        return belay_fail(err, BELAY_CORRUPT, "row of saga instance: its fields make no sense");
    if (step_count > s->steps_cap) {
        struct saga_step *steps = belay_realloc(s->steps, step_count * sizeof *steps);
        if (!steps)
            return belay_fail(err, BELAY_NOMEM, "no memory for a saga of %u steps", step_count);
        s->steps = steps;
        s->steps_cap = step_count;
    }
    s->step_count = step_count;
    for (uint32_t i = 0; i < step_count; i++) {
        s->steps[i] = (struct saga_step){ 0 };
        unpack_step(&u, s, &s->steps[i]);
    }
    belay_buf_put_str(&s->log, belay_unpack_str(&u));
    belay_buf_put_str(&s->fault, belay_unpack_str(&u));
    if (!belay_unpack_done(&u))
        return belay_fail(err, BELAY_CORRUPT, "row of saga instance: cut off or too long");
    if (belay_buf_status(&s->data) || belay_buf_status(&s->log) || belay_buf_status(&s->fault))
        return belay_fail(err, BELAY_NOMEM, "no memory for a saga");
    return BELAY_OK;
}
