/* settle.c - a letter of unknown outcome and the person who knows: what it achieved, with that word in it, goes on. */
#include "broker/letter.h"
#include "engine/room.h"

#include "base/limits.h"

static int refuse_known(const struct belay_letter *l, struct belay_err *err)
{
    const struct belay_fault *last = l->history_count ? &l->history[l->history_count - 1].fault : NULL;
    return belay_fail(err, BELAY_CONFLICT, "letter %llu of %.*s failed as %s, which is %s: its outcome is known; replay, edit "
                      "or discard it", (unsigned long long)l->sequence, BELAY_STR_ARG(l->subscription),
                      last ? last->type : "nothing", last ? belay_class_name(last->class_) : "unknown");
}

/* Its word would take the flow on, past the place where it looked at the message. */
static int refuse_unseen(struct belay_engine *e, struct belay_subscription *sub, const struct belay_letter *l, struct belay_err *err)
{
    if (!belay_broker_letter_unseen(e->broker, sub, l->sequence))
        return BELAY_OK;
    return belay_fail(err, BELAY_CONFLICT, "after its call the flow goes on with what it had made of another message, from before an edit "
                      "of it: belay dlq replay %.*s %llu --from-start begins anew with the one it has now, its calls too; or edit it "
                      "back to that one (dlq edit, --restore for the first) and settle it", BELAY_STR_ARG(l->subscription), (unsigned long long)l->sequence);
}

static int settle(struct belay_engine *e, struct belay_subscription *sub, const struct belay_letter *l,
                  enum belay_flow_settle how, struct belay_str result, belay_time now, struct belay_err *err)
{
    struct belay_buf progress;
    belay_buf_init(&progress, BELAY_PROGRESS_BYTES_MAX);
    int status = belay_flow_settle(l->progress, how, &l->history[l->history_count - 1].fault, result, &progress, err);
    if (status == BELAY_OK)
        status = belay_broker_letter_resume(e->broker, sub, l->sequence, belay_buf_view(&progress), now, err);
    belay_buf_deinit(&progress);
    return status;
}

int belay_engine_letter_settle(struct belay_engine *e, struct belay_subscription *sub, uint64_t sequence,
                               enum belay_flow_settle how, struct belay_str result, belay_time now, struct belay_err *err)
{
    struct belay_arena arena;
    struct belay_letter letter;
    belay_arena_init(&arena, 0, 2 * BELAY_MESSAGE_BYTES_MAX + BELAY_MIB(4));
    int status = belay_broker_letter_get(e->broker, sub, sequence, &arena, &letter, err);
    bool unknown = status == BELAY_OK && letter.history_count
                   && letter.history[letter.history_count - 1].fault.class_ == BELAY_CLASS_UNKNOWN_OUTCOME;
    if (unknown)
        status = refuse_unseen(e, sub, &letter, err);
    if (status == BELAY_OK)
        status = unknown ? settle(e, sub, &letter, how, result, now, err) : refuse_known(&letter, err);
    belay_arena_deinit(&arena);
    return status;
}
