#include "saga/record.h"

static const char *const event_names[SAGA_EVENT_COUNT] = {
    [SAGA_EVENT_STARTED] = "started",
    [SAGA_EVENT_SKIPPED] = "skipped",
    [SAGA_EVENT_BEGUN] = "begun",
    [SAGA_EVENT_DONE] = "done",
    [SAGA_EVENT_PUBLISHED] = "published",
    [SAGA_EVENT_AWAITING] = "awaiting",
    [SAGA_EVENT_ATTEMPT_FAILED] = "attempt_failed",
    [SAGA_EVENT_OUTCOME_UNKNOWN] = "outcome_unknown",
    [SAGA_EVENT_RESOLVED_DONE] = "resolved_done",
    [SAGA_EVENT_RESOLVED_NOT_DONE] = "resolved_not_done",
    [SAGA_EVENT_RESOLVE_FAILED] = "resolve_failed",
    [SAGA_EVENT_STEP_FAILED] = "step_failed",
    [SAGA_EVENT_ABORT_ASKED] = "abort_asked",
    [SAGA_EVENT_ABORTED] = "aborted",
    [SAGA_EVENT_DEADLINE] = "deadline",
    [SAGA_EVENT_WITHDRAWN] = "message_withdrawn",
    [SAGA_EVENT_UNDO_BEGUN] = "compensation_begun",
    [SAGA_EVENT_UNDO_FAILED] = "compensation_failed",
    [SAGA_EVENT_UNDONE] = "compensated",
    [SAGA_EVENT_COMPLETED] = "completed",
    [SAGA_EVENT_PARKED] = "parked",
    [SAGA_EVENT_SETTLED_RETRY] = "settled_retry",
    [SAGA_EVENT_SETTLED_DONE] = "settled_done",
    [SAGA_EVENT_SETTLED_NOT_DONE] = "settled_not_done",
    [SAGA_EVENT_SETTLED_SKIP] = "settled_skip",
    [SAGA_EVENT_STEP_TIMEOUT] = "step_timeout",
    [SAGA_EVENT_ABORT_TOO_LATE] = "abort_too_late",
    [SAGA_EVENT_CRASHED] = "crashed",
};

const char *saga_event_name(unsigned event)
{
    return event < SAGA_EVENT_COUNT ? event_names[event] : "?";
}

static void pack_time(struct belay_buf *out, belay_time t)
{
    belay_pack_u64(out, (uint64_t)t);
}

static belay_time unpack_time(struct belay_unpack *u)
{
    return (belay_time)belay_unpack_u64(u);
}

/* Most are close, and some are never. */
static void pack_moment(struct belay_buf *out, belay_time now, belay_time t)
{
    belay_pack_u8(out, t == BELAY_TIME_NEVER);
    if (t != BELAY_TIME_NEVER)
        saga_pack_distance(out, now, t);
}

static belay_time unpack_moment(struct belay_unpack *u, belay_time now)
{
    return belay_unpack_u8(u) ? BELAY_TIME_NEVER : saga_unpack_distance(u, now);
}

void saga_start_pack(struct belay_buf *out, const struct saga_start *r)
{
    belay_pack_varint(out, r->kind);
    belay_pack_str(out, r->id);
    pack_time(out, r->at);
    pack_time(out, r->deadline);
    belay_pack_u64(out, r->definition.hi);
    belay_pack_u64(out, r->definition.lo);
    belay_pack_u8(out, r->step_count);
    belay_pack_str(out, r->message);
}

bool saga_start_unpack(struct belay_str body, struct saga_start *ret_r)
{
    struct belay_unpack u = belay_unpack_init(body);
    struct saga_start r = { 0 };
    r.kind = (uint32_t)belay_unpack_varint(&u);
    r.id = belay_unpack_str(&u);
    r.at = unpack_time(&u);
    r.deadline = unpack_time(&u);
    r.definition.hi = belay_unpack_u64(&u);
    r.definition.lo = belay_unpack_u64(&u);
    r.step_count = belay_unpack_u8(&u);
    r.message = belay_unpack_str(&u);
    if (!belay_unpack_done(&u) || r.step_count > BELAY_SAGA_STEPS_MAX)
        return false;
    *ret_r = r;
    return true;
}

void saga_move_pack(struct belay_buf *out, const struct saga_move *r)
{
    belay_pack_varint(out, r->kind);
    belay_pack_str(out, r->id);
    pack_time(out, r->now);
    belay_pack_u8(out, r->event);
    belay_pack_u8(out, r->carries);
    belay_pack_u8(out, r->step);
    belay_pack_u8(out, r->step_state);
    belay_pack_u8(out, r->step_flags);
    belay_pack_varint(out, r->step_attempts);
    belay_pack_u8(out, r->state);
    belay_pack_u8(out, r->parked_from);
    belay_pack_u8(out, r->flags);
    belay_pack_u8(out, r->at);
    belay_pack_varint(out, r->attempt);
    belay_pack_varint(out, r->delay_ms);
    saga_pack_distance(out, r->now, r->first_at);
    pack_moment(out, r->now, r->until);
    pack_moment(out, r->now, r->due);
    if (r->carries & MOVE_RESULT)
        belay_pack_str(out, r->result);
    if (r->carries & MOVE_FAULT)
        belay_pack_str(out, r->fault);
    if (r->carries & MOVE_PUBLISHED) {
        belay_pack_str(out, r->topic);
        belay_pack_varint(out, r->sequence);
        pack_time(out, r->published_due);
    }
    if (r->carries & MOVE_TEXT)
        belay_pack_str(out, r->text);
}

bool saga_move_unpack(struct belay_str body, struct saga_move *ret_r)
{
    struct belay_unpack u = belay_unpack_init(body);
    struct saga_move r = { 0 };
    r.kind = (uint32_t)belay_unpack_varint(&u);
    r.id = belay_unpack_str(&u);
    r.now = unpack_time(&u);
    r.event = belay_unpack_u8(&u);
    r.carries = belay_unpack_u8(&u);
    r.step = belay_unpack_u8(&u);
    r.step_state = belay_unpack_u8(&u);
    r.step_flags = belay_unpack_u8(&u);
    r.step_attempts = (uint32_t)belay_unpack_varint(&u);
    r.state = belay_unpack_u8(&u);
    r.parked_from = belay_unpack_u8(&u);
    r.flags = belay_unpack_u8(&u);
    r.at = belay_unpack_u8(&u);
    r.attempt = (uint32_t)belay_unpack_varint(&u);
    r.delay_ms = belay_unpack_varint(&u);
    r.first_at = saga_unpack_distance(&u, r.now);
    r.until = unpack_moment(&u, r.now);
    r.due = unpack_moment(&u, r.now);
    if (r.carries & MOVE_RESULT)
        r.result = belay_unpack_str(&u);
    if (r.carries & MOVE_FAULT)
        r.fault = belay_unpack_str(&u);
    if (r.carries & MOVE_PUBLISHED) {
        r.topic = belay_unpack_str(&u);
        r.sequence = belay_unpack_varint(&u);
        r.published_due = unpack_time(&u);
    }
    if (r.carries & MOVE_TEXT)
        r.text = belay_unpack_str(&u);
    if (!belay_unpack_done(&u) || r.state >= SAGA_STATES || r.step_state >= STEP_STATES)
        return false;
    *ret_r = r;
    return true;
}

void saga_kept_pack(struct belay_buf *out, const struct saga_kept *r)
{
    belay_pack_varint(out, r->kind);
    belay_pack_str(out, r->id);
    belay_pack_str(out, r->step);
    pack_time(out, r->at);
    pack_time(out, r->expires);
    belay_pack_varint(out, r->subscription);
    belay_pack_varint(out, r->sequence);
    belay_pack_str(out, r->message);
}

bool saga_kept_unpack(struct belay_str body, struct saga_kept *ret_r)
{
    struct belay_unpack u = belay_unpack_init(body);
    struct saga_kept r = { 0 };
    r.kind = (uint32_t)belay_unpack_varint(&u);
    r.id = belay_unpack_str(&u);
    r.step = belay_unpack_str(&u);
    r.at = unpack_time(&u);
    r.expires = unpack_time(&u);
    r.subscription = (uint32_t)belay_unpack_varint(&u);
    r.sequence = belay_unpack_varint(&u);
    r.message = belay_unpack_str(&u);
    if (!belay_unpack_done(&u))
        return false;
    *ret_r = r;
    return true;
}

void saga_entry_pack(struct belay_buf *out, belay_time previous, const struct saga_entry *e)
{
    saga_pack_distance(out, previous, e->at);
    belay_pack_u8(out, e->event);
    belay_pack_u8(out, e->step);
    belay_pack_varint(out, e->attempt);
    belay_pack_str(out, belay_str_sub(e->text, 0, SAGA_TEXT_BYTES_MAX));
}

bool saga_entry_next(struct belay_unpack *u, belay_time *at, struct saga_entry *ret_e)
{
    if (belay_unpack_left(u) == 0)
        return false;
    struct saga_entry e = { 0 };
    e.at = saga_unpack_distance(u, *at);
    e.event = belay_unpack_u8(u);
    e.step = belay_unpack_u8(u);
    e.attempt = (uint32_t)belay_unpack_varint(u);
    e.text = belay_unpack_str(u);
    if (!belay_unpack_ok(u))
        return false;
    *at = e.at;
    *ret_e = e;
    return true;
}
