/* settled.c - a person's word on a call of unknown outcome, on its way to the step that it is about.
 *
 *   progress: u8 version | u8 flags with FLAG_SETTLED | u8 how | text step | text result | fault | the rest
 *
 * The word travels in the progress, so it is as durable as the replay that carries it.  The run goes as far as the step
 * (which it reaches at once where progress names it, else by the steps before it, which need nobody) and there, instead
 * of the call:
 *
 *   done      the result is the call's answer; on to the next step
 *   not done  the error's way, as if the call had been refused
 *   retry     the call, whatever `resolve` would say
 */
#include <stdio.h>

#include "base/assert.h"
#include "base/pack.h"
#include "base/planted.h"
#include "flow/run.h"

void settled_pack(struct belay_buf *out, const struct flow_settled *s)
{
    belay_pack_u8(out, (uint8_t)s->how);
    belay_pack_str(out, s->step);
    belay_pack_str(out, s->result);
    belay_fault_pack(out, &s->fault);
}

void settled_unpack(struct belay_unpack *u, struct flow_settled *ret_s)
{
    uint8_t how = belay_unpack_u8(u);
    u->failed |= how < BELAY_FLOW_SETTLE_DONE || how > BELAY_FLOW_SETTLE_RETRY;
    ret_s->how = (enum belay_flow_settle)how;
    ret_s->step = belay_unpack_str(u);
    ret_s->result = belay_unpack_str(u);
    belay_fault_unpack(u, &ret_s->fault);
}

int belay_flow_settle(struct belay_str progress, enum belay_flow_settle how, const struct belay_fault *fault,
                      struct belay_str result, struct belay_buf *out, struct belay_err *err)
{
    struct belay_unpack u = belay_unpack_init(progress);
    uint8_t version = PROGRESS_VERSION, flags = PROGRESS_NOTHING;
    struct flow_settled old;
    if (progress.n) {
        version = belay_unpack_u8(&u);
        flags = belay_unpack_u8(&u);
    }
    if (version != PROGRESS_VERSION || u.failed)
        return belay_fail(err, BELAY_VERSION, "what this message had achieved was written by another version");
    if (flags & PROGRESS_LOST)
        return belay_fail(err, BELAY_CONFLICT, "what this message had achieved was too large to keep: it can only be "
                                               "replayed from the start");
    if (flags & PROGRESS_SETTLED)
        settled_unpack(&u, &old); /* said before, and the run did not come that far */
    if (u.failed)
        return belay_fail(err, BELAY_CORRUPT, "what this message had achieved does not decode");
    struct flow_settled now = { how, belay_str_c(fault->step), result, *fault };
    belay_buf_clear(out);
    belay_pack_u8(out, PROGRESS_VERSION);
    belay_pack_u8(out, (uint8_t)(flags | PROGRESS_SETTLED));
    settled_pack(out, &now);
    belay_buf_put_str(out, belay_unpack_bytes(&u, belay_unpack_left(&u)));
    int status = belay_buf_status(out);
    return status == BELAY_OK ? status : belay_fail(err, status, "the result is too large to be kept");
}

/* { "status": 200, "headers": {}, "body": result }: what `as` names, as if the answer had come. */
static bool result_value(struct belay_flow_run *run, struct belay_str result, struct belay_value *ret_value)
{
    const struct belay_call_outcome outcome = {
        .ok = true, .status = 200, .body = result,
        .headers = (const struct belay_field[]){ { BELAY_STR("content-type"), BELAY_STR("application/json") } },
        .header_count = result.n ? 1 : 0,
    };
    *ret_value = belay_outcome_value(NULL, &outcome, &run->arena);
    return ret_value->type != BELAY_VALUE_UNDEFINED;
}

static enum move refused(struct belay_flow_run *run)
{
    char text[2 * sizeof run->fault.description];
    run->fault = run->m.settled->fault;
    int n = snprintf(text, sizeof text, "a person said that it was not done: %s", run->fault.description);
    belay_fault_set_description(&run->fault, belay_str(text, (size_t)n));
    run->fault.class_ = BELAY_CLASS_PERMANENT;
    run->fault.at = run->m.now;
    return fail_handle(run);
}

bool settled_is_about(const struct belay_flow_run *run, const struct belay_step_def *step)
{
    return run->m.settled && belay_str_eq(step->name, run->m.settled->step);
}

enum move settled_move(struct belay_flow_run *run, const struct belay_step_def *step)
{
    const struct flow_settled *s = run->m.settled;
    struct belay_value v = { .type = BELAY_VALUE_UNDEFINED };
    run->m.at->phase = PHASE_DO;
    run->m.at->unknown = NULL;
    run->m.worth_keeping = true;
    switch (BELAY_PLANTED(113) ? BELAY_FLOW_SETTLE_RETRY : s->how) {
    case BELAY_FLOW_SETTLE_DONE:
        if (step->as.n && !result_value(run, s->result, &v))
            return run_no_memory(run);
        run->m.settled = NULL;
        if (call_result(run, step, v) == MOVE_ON)
            return MOVE_ON;
        run->fault.class_ = BELAY_CLASS_UNKNOWN_OUTCOME; /* no room for the result: not to be done again */
        return MOVE_LETTER;
    case BELAY_FLOW_SETTLE_NOT_DONE: {
        enum move move = refused(run);
        run->m.settled = NULL;
        return move;
    }
    case BELAY_FLOW_SETTLE_RETRY:
        run->m.settled = NULL;
        run->m.interrupted = false;
        return call_begin(run, step);
    }
    BELAY_UNREACHABLE();
}
