/* apply.c - records change instances, and nothing else does.  Live and at recovery the same code
 * runs: live it is given the record's fields as decided, at recovery as read back. */
#include "saga/apply.h"

#include "base/assert.h"
#include "base/limits.h"
#include "saga/cache.h"
#include "saga/kept.h"
#include "saga/kinds.h"
#include "saga/news.h"
#include "saga/room.h"

/* Fields of a MOVE without its texts. */
#define MOVE_BYTES 160

static size_t move_bytes(const struct saga_move *m)
{
    return MOVE_BYTES + m->id.n + m->result.n + m->fault.n + m->text.n + m->topic.n;
}

void saga_move_init(struct saga_move *m, const struct saga *i, belay_time now,
                    enum saga_event event)
{
    const struct saga_step *step = i->at < i->step_count ? &i->steps[i->at] : NULL;
    *m = (struct saga_move){
        .kind = i->kind->number,
        .id = saga_id(i),
        .now = now,
        .event = (uint8_t)event,
        .step = i->at,
        .step_state = step ? step->state : 0,
        .step_flags = step ? step->flags : 0,
        .step_attempts = step ? step->attempts : 0,
        .state = i->state,
        .parked_from = i->parked_from,
        .flags = i->flags,
        .at = i->at,
        .attempt = i->attempt,
        .delay_ms = i->delay_ms,
        .first_at = i->first_at,
        .until = i->until,
        .due = now,
    };
    if (i->state == SAGA_PARKED && i->until != BELAY_TIME_NEVER)
        m->until += now - i->updated_at; /* waiting for a person does not count */
}

int saga_move_reserve(struct belay_sagas *s, struct saga *i, const struct saga_move *m,
                      size_t extra, struct belay_err *err)
{
    size_t bytes = move_bytes(m), row = saga_row_bytes(i) + bytes + SAGA_ENTRY_BYTES_MAX;
    belay_buf_clear(&s->record);
    belay_buf_clear(&s->row);
    if (!belay_buf_reserve(&s->record, bytes) || !belay_buf_reserve(&s->row, row)
        || saga_reserve(i, m->result.n + m->topic.n, SAGA_ENTRY_BYTES_MAX, m->fault.n)
               != BELAY_OK) {
        belay_buf_clear(&s->record);
        belay_buf_clear(&s->row);
        return belay_fail(err, BELAY_NOMEM, "no memory for the next move of a saga");
    }
    const struct saga_cost cost
        = { bytes + extra, extra ? 6 : 1, row + extra + 3 * KEY_BYTES_MAX, extra ? 12 : 4 };
    return saga_room_reserve(s, &cost, true, err);
}

/* The history stops growing with attempts at its limit; what happened in the end is always there.
 */
static void write_entry(struct saga *i, const struct saga_move *m)
{
    bool attempt = m->event == SAGA_EVENT_BEGUN || m->event == SAGA_EVENT_ATTEMPT_FAILED
                   || m->event == SAGA_EVENT_RESOLVE_FAILED || m->event == SAGA_EVENT_UNDO_BEGUN
                   || m->event == SAGA_EVENT_UNDO_FAILED || m->event == SAGA_EVENT_OUTCOME_UNKNOWN;
    if ((m->carries & MOVE_QUIET) || (attempt && i->log.n > BELAY_SAGA_HISTORY_BYTES_MAX))
        return;
    bool forwards = m->event == SAGA_EVENT_BEGUN || m->event == SAGA_EVENT_ATTEMPT_FAILED;
    struct saga_entry entry = { .at = m->now,
                                .event = m->event,
                                .step = m->step,
                                .attempt = forwards ? m->step_attempts : m->attempt,
                                .text = m->text };
    saga_entry_pack(&i->log, i->log_at, &entry);
    i->log_at = m->now;
}

static void apply_step(struct saga *i, const struct saga_move *m)
{
    struct saga_step *step = &i->steps[m->step];
    BELAY_ASSERT(m->step_state < STEP_STATES);
    if (step->state != m->step_state)
        belay_sm_move(saga_step_states, &step->state, m->step_state);
    step->flags = m->step_flags;
    step->attempts = m->step_attempts;
    if (m->carries & MOVE_RESULT)
        step->result = saga_keep(i, m->result);
    if (m->carries & MOVE_PUBLISHED) {
        step->topic = saga_keep(i, m->topic);
        step->sequence = m->sequence;
        step->due = m->published_due;
    }
}

static void apply_move(struct belay_sagas *s, struct saga *i, const struct saga_move *m)
{
    BELAY_ASSERT(m->at <= i->step_count && m->state < SAGA_STATES);
    if (m->step < i->step_count)
        apply_step(i, m);
    bool parked = i->state == SAGA_PARKED && m->state != SAGA_PARKED;
    if (parked && i->deadline != BELAY_TIME_NEVER) /* waiting for a person does not count */
        i->deadline += m->now - i->updated_at;
    if (i->state != m->state) {
        saga_count(i->kind, i->state, -1);
        belay_sm_move(saga_states, &i->state, m->state);
        saga_count(i->kind, i->state, 1);
        saga_kind_write(s, i->kind);
    }
    i->parked_from = m->parked_from;
    i->flags = m->flags;
    i->at = m->at;
    i->attempt = m->attempt;
    i->delay_ms = m->delay_ms;
    i->first_at = m->first_at;
    i->until = m->until;
    i->due = m->due;
    i->updated_at = m->now;
    if (m->carries & MOVE_FAULT) {
        belay_buf_clear(&i->fault);
        belay_buf_put_str(&i->fault, m->fault);
    }
    write_entry(i, m);
    if (saga_ended(i->state)) {
        saga_drop_input(i);
        if (i->kind->stats.events_waiting)
            saga_kept_apply_end(s, i);
    }
    saga_cache_write(s, i);
}

void saga_move_append(struct belay_sagas *s, struct saga *i, struct saga_move *m)
{
    BELAY_ASSERT(m->kind == i->kind->number && m->step <= i->step_count && m->at <= i->step_count);
    m->id = saga_id(i); /* reserving may have moved it */
    belay_buf_clear(&s->record);
    saga_move_pack(&s->record, m);
    BELAY_ASSERT(belay_buf_status(&s->record) == BELAY_OK); /* reserved */
    belay_store_append(s->opt.store, SAGA_RECORD_MOVE, SAGA_RECORD_VERSION,
                       belay_buf_view(&s->record));
    saga_tell(s, i, m);
    apply_move(s, i, m);
}

int saga_move_commit(struct belay_sagas *s, struct saga *i, struct saga_move *m,
                     struct belay_err *err)
{
    int status = saga_move_reserve(s, i, m, 0, err);
    if (status == BELAY_OK)
        saga_move_append(s, i, m);
    return status;
}

/* ---- start and end ---- */

/* i is fresh, with memory for the message and in the map. */
static void apply_start(struct belay_sagas *s, struct saga *i, const struct saga_start *r)
{
    BELAY_ASSERT(!i->data.n && r->id.n);
    i->state = SAGA_RUNNING;
    i->started_at = i->updated_at = i->first_at = i->log_at = r->at;
    i->deadline = r->deadline;
    i->definition = r->definition;
    i->due = r->at;
    i->id_n = (uint32_t)r->id.n;
    i->input_n = (uint32_t)r->message.n;
    belay_buf_put_str(&i->data, r->id);
    belay_buf_put_str(&i->data, r->message);
    struct saga_entry entry = { .at = r->at, .event = SAGA_EVENT_STARTED, .step = r->step_count };
    saga_entry_pack(&i->log, r->at, &entry);
    saga_count(i->kind, SAGA_RUNNING, 1);
    saga_kind_write(s, i->kind);
    saga_cache_write(s, i);
}

static int new_instance(struct belay_sagas *s, struct saga_kind *kind, const struct saga_start *r,
                        struct saga **ret_saga, struct belay_err *err)
{
    struct saga *i = saga_cache_fresh(s, r->step_count);
    if (!i)
        return belay_fail(err, BELAY_NOMEM, "no memory for a new saga");
    i->kind = kind;
    saga_key_init(&i->key, kind->number, r->id);
    belay_buf_clear(&s->row);
    if (saga_reserve(i, r->id.n + r->message.n, SAGA_ENTRY_BYTES_MAX, 0) != BELAY_OK
        || !belay_buf_reserve(&s->row, r->id.n + r->message.n + 64u * (r->step_count + 4u) + 1024)
        || saga_cache_add(s, i) != BELAY_OK) {
        belay_buf_clear(&s->row);
        saga_free(i);
        return belay_fail(err, BELAY_NOMEM, "no memory for a new saga");
    }
    *ret_saga = i;
    return BELAY_OK;
}

int saga_start_append(struct belay_sagas *s, struct saga_kind *kind, const struct saga_start *r,
                      struct saga **ret_saga, struct belay_err *err)
{
    struct saga *i;
    belay_buf_clear(&s->record);
    saga_start_pack(&s->record, r);
    int status = belay_buf_status(&s->record);
    if (status != BELAY_OK) {
        belay_buf_clear(&s->record);
        return belay_fail(err, status, "no memory for a new saga");
    }
    /* its row is as large as its record */
    const struct saga_cost cost = { s->record.n, 1, s->record.n + 64u * r->step_count + 1024, 2 };
    status = saga_room_reserve(s, &cost, false, err);
    if (status == BELAY_OK)
        status = new_instance(s, kind, r, &i, err);
    if (status != BELAY_OK)
        return status;
    belay_store_append(s->opt.store, SAGA_RECORD_START, SAGA_RECORD_VERSION,
                       belay_buf_view(&s->record));
    apply_start(s, i, r);
    *ret_saga = i;
    return BELAY_OK;
}

static void apply_forget(struct belay_sagas *s, struct saga *i)
{
    BELAY_ASSERT(saga_ended(i->state));
    saga_count(i->kind, i->state, -1);
    saga_kind_write(s, i->kind);
    saga_cache_erase(s, i);
}

/* Reserved by the caller; i is gone. */
void saga_forget_append(struct belay_sagas *s, struct saga *i)
{
    belay_buf_clear(&s->record);
    belay_pack_varint(&s->record, i->kind->number);
    belay_pack_str(&s->record, saga_id(i));
    BELAY_ASSERT(belay_buf_status(&s->record) == BELAY_OK);
    belay_store_append(s->opt.store, SAGA_RECORD_FORGET, SAGA_RECORD_VERSION,
                       belay_buf_view(&s->record));
    apply_forget(s, i);
}

/* ---- recovery ---- */

/* What the store reserves for a commit knows its records, not the rows they rewrite. */
static int room_to_recover(struct belay_sagas *s, size_t row, struct belay_err *err)
{
    belay_buf_clear(&s->row);
    if (row && !belay_buf_reserve(&s->row, row)) {
        belay_buf_clear(&s->row);
        return belay_fail(err, BELAY_NOMEM, "no memory for the row of a saga");
    }
    return belay_state_reserve_save(s->state, row + 4 * KEY_BYTES_MAX + KIND_ROW_BYTES, 5, err);
}

static int find(struct belay_sagas *s, uint32_t kind, struct belay_str id, struct saga **ret_saga,
                struct belay_err *err)
{
    struct saga_key key;
    saga_key_init(&key, kind, id);
    int status = saga_cache_get(s, &key, ret_saga, err);
    if (status == BELAY_NOTFOUND)
        return belay_fail(err, BELAY_CORRUPT, "record of saga %.*s, which there is not",
                          BELAY_STR_ARG(id));
    return status;
}

static int recover_start(struct belay_sagas *s, struct belay_str body, struct belay_err *err)
{
    struct saga_start r;
    struct saga *i;
    struct saga_kind *kind;
    if (!saga_start_unpack(body, &r) || !(kind = saga_kind_at(s, r.kind)))
        return belay_fail(err, BELAY_CORRUPT, "record of a saga's start makes no sense");
    struct saga_key key;
    struct belay_str row;
    saga_key_init(&key, r.kind, r.id);
    if (belay_map_get(&s->sagas, saga_key_str(&key)) || belay_state_get(s->state, BELAY_TABLE_SAGA, saga_key_str(&key), &row))
        return belay_fail(err, BELAY_CORRUPT, "record starts saga %.*s, which there is already", BELAY_STR_ARG(r.id));
    int status = room_to_recover(s, r.id.n + r.message.n + 64u * (r.step_count + 4u) + 1024, err);
    if (status == BELAY_OK)
        status = new_instance(s, kind, &r, &i, err);
    if (status != BELAY_OK)
        return status;
    apply_start(s, i, &r);
    saga_cache_place(s, i, r.at);
    return BELAY_OK;
}

static bool move_fits(const struct saga *i, const struct saga_move *m)
{
    bool step_ok = m->step >= i->step_count || i->steps[m->step].state == m->step_state
                   || belay_sm_may(saga_step_states, i->steps[m->step].state, m->step_state);
    return step_ok && m->at <= i->step_count
           && (i->state == m->state || belay_sm_may(saga_states, i->state, m->state));
}

static int recover_move(struct belay_sagas *s, struct belay_str body, struct belay_err *err)
{
    struct saga_move m;
    struct saga *i;
    if (!saga_move_unpack(body, &m))
        return belay_fail(err, BELAY_CORRUPT, "record of a saga's move makes no sense");
    int status = find(s, m.kind, m.id, &i, err);
    if (status != BELAY_OK)
        return status;
    if (!move_fits(i, &m))
        return belay_fail(err, BELAY_CORRUPT, "record moves saga %.*s where it cannot go",
                          BELAY_STR_ARG(m.id));
    if (saga_reserve(i, m.result.n + m.topic.n, SAGA_ENTRY_BYTES_MAX, m.fault.n) != BELAY_OK)
        return belay_fail(err, BELAY_NOMEM, "no memory for a saga");
    status = room_to_recover(s, saga_row_bytes(i) + move_bytes(&m) + SAGA_ENTRY_BYTES_MAX, err);
    if (status != BELAY_OK)
        return status;
    apply_move(s, i, &m);
    saga_cache_place(s, i, m.now);
    return BELAY_OK;
}

static int recover_forget(struct belay_sagas *s, struct belay_str body, struct belay_err *err)
{
    struct belay_unpack u = belay_unpack_init(body);
    uint32_t kind = (uint32_t)belay_unpack_varint(&u);
    struct belay_str id = belay_unpack_str(&u);
    struct saga *i;
    if (!belay_unpack_done(&u))
        return belay_fail(err, BELAY_CORRUPT, "record of a saga's end makes no sense");
    int status = find(s, kind, id, &i, err);
    if (status == BELAY_OK && !saga_ended(i->state))
        status = belay_fail(err, BELAY_CORRUPT, "record forgets saga %.*s, which has not ended", BELAY_STR_ARG(id));
    if (status == BELAY_OK)
        status = room_to_recover(s, 0, err);
    if (status == BELAY_OK)
        apply_forget(s, i);
    return status;
}

int belay_sagas_apply(struct belay_sagas *s, uint64_t position, const struct belay_record *record,
                      struct belay_err *err)
{
    (void)position;
    int status;
    if (record->version != SAGA_RECORD_VERSION)
        return belay_fail(err, BELAY_VERSION, "record 0x%04x of version %u", record->type,
                          record->version);
    switch (record->type) {
    case SAGA_RECORD_KIND: status = saga_kind_apply(s, record->body, err); break;
    case SAGA_RECORD_START: status = recover_start(s, record->body, err); break;
    case SAGA_RECORD_MOVE: status = recover_move(s, record->body, err); break;
    case SAGA_RECORD_EVENT_KEPT: status = saga_kept_apply(s, record->body, false, err); break;
    case SAGA_RECORD_EVENT_GONE: status = saga_kept_apply(s, record->body, true, err); break;
    case SAGA_RECORD_FORGET: status = recover_forget(s, record->body, err); break;
    default: return belay_fail(err, BELAY_VERSION, "record of unknown type 0x%04x", record->type);
    }
    saga_cache_trim(s);
    return status;
}
