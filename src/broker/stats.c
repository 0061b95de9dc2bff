/* stats.c - what a subscription looks like from outside. */
#include "broker/stats.h"

#include "broker/cursor.h"
#include "broker/exception.h"
#include "broker/lane_impl.h"
#include "broker/letter_impl.h"

#define OLDEST_BITE 64 /* exceptions looked at for the oldest */

struct flight {
    uint64_t fresh, waiting, held; /* exceptions by what their rows say */
};

static struct flight count_flight(const struct belay_subscription *sub)
{
    struct belay_map_slot *slot;
    struct flight n = { 0 };
    for (size_t at = 0; (slot = belay_map_next(&sub->index, &at));) {
        const struct entry *e = slot->value;
        bool by_hand = e->lane && e->lane->hand && !e->loner;
        if (e->where == ENTRY_FLIGHT)
            ++*(!e->exception ? &n.fresh : by_hand ? &n.held : &n.waiting);
    }
    return n;
}

/* *ret_early: of those that wait until somebody comes for them. */
static belay_time oldest(struct belay_broker *b, struct belay_subscription *sub, uint64_t next, belay_time *ret_early)
{
    belay_time at = BELAY_TIME_NEVER, early = BELAY_TIME_NEVER;
    struct exception x;
    struct belay_fetched item;
    uint64_t sequence = sub->pin_low < sub->cursor ? sub->pin_low : 0;
    for (uint32_t n = 0; n < OLDEST_BITE && exception_next(b, sub->id, &sequence, &x); n++, sequence++)
        if (x.state != EXCEPTION_DEAD && x.state != EXCEPTION_OVER && x.accepted_at) {
            belay_time *which = sub->opt.awaits && x.state == EXCEPTION_WAITING ? &early : &at;
            *which = x.accepted_at < *which ? x.accepted_at : *which;
        }
    *ret_early = early;
    if (sub->cursor >= next)
        return at;
    struct entry *e = entry_find(sub, sub->cursor);
    belay_time queued;
    if (e && e->where != ENTRY_LOADING)
        queued = e->d.message.accepted_at;
    else if (belay_store_peek(b->store, sub->topic_id, sub->cursor, 1, READ_BYTES, &item))
        queued = item.accepted_at;
    else /* of a paused one nothing is read */
        queued = belay_store_accepted_near(b->store, sub->topic_id, sub->cursor);
    return queued < at ? queued : at;
}

static belay_time oldest_letter(struct belay_broker *b, const struct belay_subscription *sub)
{
    struct letter_place place = { 0 };
    return letter_oldest(b, sub, &place) ? place.at : BELAY_TIME_NEVER;
}

/* I4 in figures: given and in no state. */
static uint64_t unaccounted(const struct belay_subscription *sub)
{
    const struct counters *n = &sub->n;
    uint64_t given = sub->cursor - sub->start + ranges_size(&sub->covered);
    uint64_t known = n->done + n->discarded + n->expired + n->waiting + n->held + n->parked + n->dead;
    return given > known ? given - known : 0;
}

bool belay_broker_subscription_stats(struct belay_broker *b, uint32_t index,
                                     struct belay_subscription_stats *ret_stats)
{
    if (index >= b->sub_count)
        return false;
    struct belay_subscription *sub = b->subs[index];
    uint64_t next = belay_store_next_sequence(b->store, sub->topic_id);
    gather_flush(b, sub);
    struct flight flight = count_flight(sub);
    struct belay_subscription_stats s = {
        .name = sub->name,
        .topic = sub->topic->name,
        .broken = sub->broken,
        .paused = belay_str_c(sub->broken ? sub->broken_why : sub->paused),
        .cursor = sub->cursor,
        .in_flight = flight.fresh + flight.waiting + flight.held,
        .waiting = sub->n.waiting - flight.waiting,
        .held = sub->n.held - flight.held,
        .stuck = sub->n.stuck,
        .parked = sub->n.parked,
        .dead = sub->n.dead,
        .done = sub->n.done,
        .discarded = sub->n.discarded,
        .expired = sub->n.expired,
        .lanes_in_trouble = sub->n.lanes_in_trouble,
        .lanes_by_hand = sub->n.lanes_by_hand,
    };
    s.backlog = next > sub->cursor ? next - sub->cursor - ranges_size(&sub->covered) - flight.fresh : 0;
    s.oldest_at = oldest(b, sub, next, &s.early_at);
    s.oldest_letter_at = oldest_letter(b, sub);
    s.new_groups = groups_new(b, sub);
    s.letters = sub->opt.letters;
    s.lost = unaccounted(sub);
    s.stalled_since = lane_stands_since(b, sub);
    *ret_stats = s;
    return true;
}

void belay_broker_memory(const struct belay_broker *b, struct belay_broker_memory *ret_memory)
{
    *ret_memory = (struct belay_broker_memory){ .bytes = b->window_bytes };
    for (uint32_t i = 0; i < b->sub_count; i++)
        ret_memory->messages += b->subs[i]->fresh + b->subs[i]->loaded;
}
