/* news.c - what the rooms below found out by themselves, as events. */
#include "engine/news.h"

#include <stdio.h>

#include "broker/by_name.h"
#include "broker/declare.h"
#include "broker/replay.h"
#include "engine/actions.h"
#include "engine/room.h"

#define CRASHED_TOLD_MAX 16u /* events for a crash; who else was in flight a letter's story tells */

void engine_news_crash(struct belay_engine *e, const struct belay_crash *crash)
{
    char messages[16], others[16];
    snprintf(messages, sizeof messages, "%u", crash->count);
    snprintf(others, sizeof others, "%u", crash->others);
    for (uint32_t i = 0; i < crash->count && i < CRASHED_TOLD_MAX; i++) {
        const struct belay_crash_item *item = &crash->items[i];
        struct belay_subscription *sub = belay_broker_find_id(e->broker, item->sub);
        uint32_t attempts = 0;
        enum belay_message_state state = sub ? belay_broker_state_of(e->broker, sub, item->sequence, &attempts)
                                             : BELAY_MESSAGE_DONE;
        if (state == BELAY_MESSAGE_DONE)
            continue;
        const struct belay_field fields[] = {
            { BELAY_STR("state"), belay_str_c(belay_message_state_name(state)) },
            { BELAY_STR("messages"), belay_str_c(messages) },
            { BELAY_STR("others"), belay_str_c(others) },
            { BELAY_STR("in_hand"), item->in_hand ? BELAY_STR("true") : BELAY_STR("false") },
        };
        const struct belay_action_event event = { .level = 3, .name = "message.crashed",
                                                  .owner = belay_subscription_name(sub),
                                                  .sequence = item->sequence, .attempt = attempts,
                                                  .fields = fields, .field_count = 4 };
        engine_hold_event(e, BELAY_ACTION_EVENT, &event, NULL);
    }
}

/* Replay jobs that have ended. */
static void tell_replays(struct belay_engine *e)
{
    struct belay_replay r;
    while (belay_replay_news(e->broker, &r)) {
        char numbers[4][24];
        const uint64_t values[] = { r.id, r.done, r.failed, r.skipped };
        struct belay_field fields[5] = { { BELAY_STR("job"), BELAY_STR_NONE }, { BELAY_STR("done"), BELAY_STR_NONE },
                                         { BELAY_STR("failed"), BELAY_STR_NONE }, { BELAY_STR("skipped"), BELAY_STR_NONE },
                                         { BELAY_STR("who"), r.opt.who } };
        for (size_t i = 0; i < 4; i++) {
            snprintf(numbers[i], sizeof numbers[i], "%llu", (unsigned long long)values[i]);
            fields[i].value = belay_str_c(numbers[i]);
        }
        const struct belay_action_event event = {
            .level = r.failed ? 2 : 1,
            .name = r.state == BELAY_REPLAY_DONE ? "replay.done" : "replay.cancelled",
            .owner = r.opt.flow, .fields = fields, .field_count = 5 };
        engine_hold_event(e, BELAY_ACTION_EVENT, &event, NULL);
    }
}

/* Letters that went by their flow's own policy. */
static void tell_expired(struct belay_engine *e)
{
    struct belay_expired x;
    struct belay_str named;
    if (!belay_broker_expired_news(e->broker, &x, &named))
        return;
    const struct belay_field fields[] = { { BELAY_STR("letters"), named },
                                          { BELAY_STR("why"), x.by_age ? BELAY_STR("expire_after") : BELAY_STR("max_letters") } };
    engine_hold_event(e, BELAY_ACTION_EVENT,
                      &(struct belay_action_event){ .level = 2, .name = "letter.expired", .fields = fields, .field_count = 2,
                                                    .owner = belay_subscription_name(x.sub) }, NULL);
}

/* Rows of the state that make no sense: the disk, or another program, changed them. */
static void tell_unreadable(struct belay_engine *e)
{
    struct belay_str named;
    uint64_t more;
    char count[24];
    if (!belay_broker_unreadable_news(e->broker, &named, &more))
        return;
    snprintf(count, sizeof count, "%llu", (unsigned long long)more);
    const struct belay_field fields[] = { { BELAY_STR("row"), named }, { BELAY_STR("more"), belay_str_c(count) } };
    engine_hold_event(e, BELAY_ACTION_EVENT,
                      &(struct belay_action_event){ .level = 3, .name = "store.unreadable", .fields = fields, .field_count = 2 },
                      NULL);
}

void engine_news_tell(struct belay_engine *e)
{
    tell_replays(e);
    tell_expired(e);
    tell_unreadable(e);
}
