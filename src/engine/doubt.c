/* What of a request outlives its process: the row of its idempotency key, as long as there is no answer.
 *
 *              first call                        error, and nothing was done
 *   (no row) ------------> RUNNING, at that call ----------------------------> (no row)
 *                            ^            |  \
 *                next call   |            |   `-- error, and a call that nobody may repeat was done,
 *                            `------------'       or its outcome is unknown: RUNNING, whoever asks again goes on there
 *
 *   row of a RUNNING key: u8 flags | progress (docs/format/progress.md)
 *
 * Invariant: no call leaves before the row says that the flow stands at it (engine_hold_call waits for that commit). So of
 * a request that is gone one call at most is in question: the one at which it stands, and that only while ROW_OUT says so.
 * Those before it have their answers in the progress, those behind it were never made.
 *
 * The price is a commit for each call but the first of a flow that asks for a key; runs of one step have none. */
#include "engine/doubt.h"

#include "base/assert.h"
#include "base/pack.h"
#include "base/planted.h"
#include "broker/idempotency.h"
#include "engine/room.h"
#include "engine/runs.h"

enum {
    ROW_OUT = 1, /* the call at which it stands may have been made */
    ROW_DONE = 2 /* a call that nobody may repeat was made, and answered */
};

static struct belay_str progress_of(const struct engine_run *r)
{
    return r->flow ? belay_flow_progress(r->flow) : belay_buf_view(&r->progress);
}

static int write_row(struct belay_engine *e, struct engine_run *r, unsigned flags, struct belay_err *err)
{
    belay_buf_clear(&e->buf);
    belay_pack_u8(&e->buf, (uint8_t)flags);
    belay_buf_put_str(&e->buf, progress_of(r));
    int status = belay_buf_status(&e->buf);
    if (status != BELAY_OK)
        return belay_fail(err, status, "what a request had achieved");
    return belay_broker_idempotency_begin(e->broker, r->scope, r->key, r->payload, belay_buf_view(&e->buf),
                                          r->def->idempotency.window_ms, e->now, err);
}

/* Another try of the call at which the row stands already; after a resumption that is the first one. */
static bool stands_at(const struct engine_run *r, struct belay_str step)
{
    if (BELAY_PLANTED(130) && r->begun)
        return true;
    return r->begun && (r->called ? belay_str_eq(step, r->stands_at) : r->in_doubt);
}

int engine_doubt_record(struct belay_engine *e, struct engine_run *r, struct belay_err *err)
{
    struct belay_str step = belay_flow_step_name(r->flow);
    BELAY_ASSERT(r->kind == RUN_REQUEST && r->verdict == BELAY_FLOW_CALL && step.n);
    if (r->keyed && !stands_at(r, step)) {
        int status = write_row(e, r, ROW_OUT | (r->achieved ? ROW_DONE : 0), err);
        if (status != BELAY_OK)
            return status;
        r->begun = true;
    }
    r->stands_at = step;
    r->once = !belay_flow_repeatable(r->flow);
    return BELAY_OK;
}

/* What passes by itself tells of its own call alone, not of one before it. */
void engine_doubt_learn(struct engine_run *r, const struct belay_call_outcome *outcome)
{
    const struct belay_fault *fault = belay_flow_fault(r->flow);
    bool tells = outcome && (outcome->ok || outcome->class_ == BELAY_CLASS_PERMANENT || outcome->class_ == BELAY_CLASS_FATAL);
    bool unknown = outcome && !outcome->ok && outcome->class_ == BELAY_CLASS_UNKNOWN_OUTCOME;
    bool failed = r->verdict == BELAY_FLOW_RETRY || r->verdict == BELAY_FLOW_LETTER;
    r->in_doubt = (r->in_doubt && !tells) || unknown || belay_flow_asks(r->flow)
                  || (failed && fault->class_ == BELAY_CLASS_UNKNOWN_OUTCOME);
    r->achieved |= outcome && outcome->ok && r->once;
}

/* The letter of an on_error rule says where the main path failed, and nothing of what the rule's own calls did: the row
 * stays at the last of those. */
static bool says_all(const struct engine_run *r)
{
    return !r->flow || r->verdict != BELAY_FLOW_LETTER || !belay_flow_in_rule(r->flow);
}

void engine_doubt_let_go(struct belay_engine *e, struct engine_run *r)
{
    struct belay_err err;
    if (!r->begun || (r->in_doubt && !BELAY_PLANTED(129)))
        return;
    int status = BELAY_OK;
    if (!r->achieved || BELAY_PLANTED(123))
        status = belay_broker_idempotency_forget(e->broker, r->scope, r->key, &err);
    else if (says_all(r))
        status = write_row(e, r, ROW_DONE, &err);
    if (status != BELAY_OK)
        engine_no_room(e, status, &err); /* the row stays as it is: who asks again takes its call for one in doubt */
    r->begun = false;
}

bool engine_doubt_resume(struct engine_run *r, const struct belay_idempotency *row)
{
    struct belay_unpack u = belay_unpack_init(row->answer);
    belay_buf_clear(&r->progress);
    if (row->state != BELAY_IDEMPOTENCY_RUNNING)
        return true;
    unsigned flags = belay_unpack_u8(&u);
    r->begun = true;
    r->interrupted = r->in_doubt = !belay_unpack_ok(&u) || (flags & ROW_OUT);
    r->achieved = flags & ROW_DONE;
    belay_buf_put_str(&r->progress, belay_unpack_bytes(&u, belay_unpack_left(&u)));
    return belay_buf_status(&r->progress) == BELAY_OK;
}
