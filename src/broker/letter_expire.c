/* letter_expire.c - letters go by themselves only where their flow's configuration says so (dead_letters:).
 *
 * The oldest go first: those that have been letters for longer than expire_ms, and those beyond count_max. A bite of
 * them is finished as expired in one commit together with an entry of the trail that names them, so that no letter goes
 * without being written down; the engine tells the log. One that is being replayed is none and stays; where it fails
 * again its time begins anew. A subscription whose flow is gone has no policy: its letters stay. */
#include <stdio.h>

#include "base/planted.h"
#include "broker/deliver.h"
#include "broker/letter_impl.h"
#include "broker/outcome.h"
#include "broker/record.h"
#include "broker/rows.h"
#include "broker/subscription.h"
#include "broker/trail.h"

#define BITE 16       /* letters of one commit */
#define LOOKS 256     /* at letters that are being replayed, for the oldest that is not */
#define AGAIN_MS 100  /* between two bites: each is a line of the log */
#define LOOK_MS 1000

struct bite {
    struct belay_subscription *sub;
    uint64_t sequences[BITE];
    uint32_t count;
    bool by_age;
};

bool letter_oldest(struct belay_broker *b, const struct belay_subscription *sub, struct letter_place *place)
{
    struct row_key prefix = key_by_time(sub->id, 0, 0), from = key_by_time(sub->id, place->at, place->sequence);
    struct belay_str key, value;
    prefix.n = KEY_BY_TIME_AT;
    for (uint32_t n = 0; sub->n.parked + sub->n.dead && n < LOOKS; n++) {
        struct exception x;
        if (!rows_seek(b, BELAY_TABLE_LETTER_INDEX, row_key_str(&from), true, row_key_str(&prefix), &key, &value))
            return false;
        place->at = (belay_time)belay_load_be64(key.p + KEY_BY_TIME_AT);
        place->sequence = belay_load_be64(key.p + KEY_BY_TIME_AT + 8);
        from = key_by_time(sub->id, place->at, place->sequence);
        if (exception_get(b, sub->id, place->sequence, &x) && exception_is_letter(&x))
            return true;
    }
    return false;
}

static bool has_policy(const struct belay_subscription *sub)
{
    bool says = sub->opt.letters.expire_ms || sub->opt.letters.count_max;
    return sub->active && !sub->stopped && (says || BELAY_PLANTED(55)); /* letters of whom nobody said so */
}

/* Which go now, oldest first. *ret_next: when the next one is due. */
static void choose(struct belay_broker *b, struct belay_subscription *sub, struct bite *ret_bite, belay_time *ret_next)
{
    const struct belay_letters_opt *p = &sub->opt.letters;
    uint64_t letters = sub->n.parked + sub->n.dead, over = p->count_max && letters > p->count_max ? letters - p->count_max : 0;
    struct letter_place place = { 0 };
    *ret_bite = (struct bite){ .sub = sub };
    *ret_next = BELAY_TIME_NEVER;
    while (ret_bite->count < BITE && letter_oldest(b, sub, &place)) {
        belay_time due = p->expire_ms ? belay_time_add_ms(place.at, (int64_t)p->expire_ms) : BELAY_TIME_NEVER;
        bool late = due <= b->now || BELAY_PLANTED(55);
        if (!late && !over) {
            *ret_next = due;
            return;
        }
        over -= over > 0;
        ret_bite->by_age = ret_bite->by_age || late;
        ret_bite->sequences[ret_bite->count++] = place.sequence;
    }
    if (ret_bite->count == BITE)
        *ret_next = belay_time_add_ms(b->now, AGAIN_MS);
}

/* "3 letters: 4, 7-8" */
static struct belay_str name_them(const struct bite *bite, char *to, size_t size)
{
    int n = snprintf(to, size, "%u letter%s: ", bite->count, bite->count == 1 ? "" : "s");
    for (uint32_t i = 0; i < bite->count; i++)
        n += snprintf(to + n, size - (size_t)n, "%s%llu", i ? ", " : "", (unsigned long long)bite->sequences[i]);
    BELAY_ASSERT((size_t)n < size);
    return belay_str(to, (size_t)n);
}

/* Room for all of it, so that all of it happens or nothing. */
static int begin(struct belay_broker *b, const struct belay_trail_entry *entry, uint32_t count, struct belay_err *err)
{
    struct cost each = EXCEPTION_COST;
    size_t bytes = count * (BELAY_KIB(1) + BELAY_LANE_REASON_BYTES_MAX);
    int status = belay_trail_begin(b, entry, bytes, count, err);
    struct cost all = { b->unit.state_bytes + count * each.state_bytes, b->unit.changes + count * each.changes };
    if (status == BELAY_OK)
        status = belay_state_reserve(b->state, all.state_bytes, all.changes, err);
    b->unit = status == BELAY_OK ? all : (struct cost){ 0 };
    return status;
}

static bool expire(struct belay_broker *b, struct bite *bite)
{
    struct belay_subscription *sub = bite->sub;
    struct belay_err err;
    char named[BELAY_TRAIL_TEXT_BYTES_MAX];
    struct belay_trail_entry entry = { .kind = BELAY_TRAIL_FLOW, .owner = sub->name, .who = BELAY_STR("policy"),
                                             .verb = BELAY_STR("expire"), .reason = belay_str_c(sub->letters_reason),
                                             .detail = name_them(bite, named, sizeof named) };
    if (begin(b, &entry, bite->count, &err) != BELAY_OK)
        return false; /* later */
    uint32_t wanted = bite->count;
    for (bite->count = 0; bite->count < wanted; bite->count++)
        if (finish_commit(b, sub, bite->sequences[bite->count], FINISH_EXPIRED, NULL, entry.reason, entry.who, &err) != BELAY_OK)
            break; /* no memory: those that are left, later */
    if (!bite->count)
        return false;
    entry.detail = name_them(bite, named, sizeof named);
    int status = BELAY_PLANTED(58) ? BELAY_OK : belay_trail_add(b, &entry, b->now, &err); /* gone, and nobody knows */
    BELAY_ASSERT(status == BELAY_OK);
    subscription_kick(b, sub);
    b->expired = (struct belay_expired){ .sub = sub, .count = bite->count, .by_age = bite->by_age };
    snprintf(b->expired_named, sizeof b->expired_named, "%.*s", BELAY_STR_ARG(entry.detail));
    return true;
}

void letters_expire_tick(struct belay_broker *b)
{
    if (!b->expires || b->now < b->expire_at || b->expired.sub)
        return;
    b->expire_at = BELAY_TIME_NEVER;
    for (uint32_t i = 0; i < b->sub_count; i++) {
        struct belay_subscription *sub = b->subs[(b->expire_from + i) % b->sub_count];
        struct bite bite;
        belay_time next;
        if (!has_policy(sub) || sub->n.parked + sub->n.dead == 0)
            continue;
        choose(b, sub, &bite, &next);
        bool told = bite.count && expire(b, &bite);
        if (bite.count && !told)
            next = belay_time_add_ms(b->now, LOOK_MS);
        b->expire_at = next < b->expire_at ? next : b->expire_at;
        if (told) { /* the others after it: one line of the log at a time */
            b->expire_from = (b->expire_from + i + 1) % b->sub_count;
            b->expire_at = belay_time_add_ms(b->now, AGAIN_MS);
            return;
        }
    }
}

void letters_expire_look(struct belay_broker *b)
{
    belay_time soon = belay_time_add_ms(b->now, AGAIN_MS);
    b->expire_at = soon < b->expire_at ? soon : b->expire_at;
}

bool belay_broker_expired_news(struct belay_broker *b, struct belay_expired *ret_expired, struct belay_str *ret_named)
{
    if (!b->expired.sub)
        return false;
    *ret_expired = b->expired;
    *ret_named = belay_str_c(b->expired_named);
    b->expired.sub = NULL;
    return true;
}

/* ---- the invariant ---- */

/* While the trail has lost nothing, it names as many letters of each subscription as have expired. */
int letters_expire_check(struct belay_broker *b, struct belay_err *err)
{
    uint64_t first, next;
    belay_trail_range(b, &first, &next);
    for (uint32_t i = 0; first == 1 && i < b->sub_count; i++) {
        struct belay_arena arena;
        struct belay_trail_entry e;
        uint64_t named = 0, number = 0;
        belay_arena_init(&arena, 0, BELAY_MIB(4));
        while (belay_trail_about(b, BELAY_TRAIL_FLOW, b->subs[i]->name, BELAY_STR_NONE, &number, &arena, &e)) {
            struct belay_str rest = e.detail, count = belay_str_split(&rest, ' ');
            uint64_t n = 0;
            if (belay_str_eq(e.verb, BELAY_STR("expire")) && belay_str_to_u64(count, &n))
                named += n;
            belay_arena_reset(&arena);
        }
        belay_arena_deinit(&arena);
        if (named != b->subs[i]->n.expired)
            return belay_fail(err, BELAY_CORRUPT, "I9: %llu letters of %.*s expired, and the trail names %llu",
                              (unsigned long long)b->subs[i]->n.expired, BELAY_STR_ARG(b->subs[i]->name), (unsigned long long)named);
    }
    return BELAY_OK;
}
