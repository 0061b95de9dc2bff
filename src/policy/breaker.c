#include "policy/breaker.h"

#include <string.h>

#include "base/assert.h"
#include "base/planted.h"
#include "base/sm.h"

static const struct belay_sm_state states[] = {
    [BELAY_BREAKER_CLOSED] = { "closed", BELAY_SM_TO(BELAY_BREAKER_OPEN), true, true },
    [BELAY_BREAKER_OPEN]
    = { "open", BELAY_SM_TO(BELAY_BREAKER_HALF_OPEN) | BELAY_SM_TO(BELAY_BREAKER_CLOSED), false, false },
    [BELAY_BREAKER_HALF_OPEN]
    = { "half open", BELAY_SM_TO(BELAY_BREAKER_OPEN) | BELAY_SM_TO(BELAY_BREAKER_CLOSED), false, false },
};

const char *belay_breaker_state_name(enum belay_breaker_state state)
{
    return states[state].name;
}

static uint32_t probes_wanted(const struct belay_breaker_def *def)
{
    return def->probes ? def->probes : 1;
}

static void move(struct belay_breaker *b, enum belay_breaker_state to, belay_time now)
{
    belay_sm_move(states, &b->state, (uint8_t)to);
    b->changed_at = now;
    b->probes_out = b->probes_ok = 0;
}

static void open_it(struct belay_breaker *b, const struct belay_breaker_def *def, belay_time now)
{
    uint64_t ms = def->open_ms ? def->open_ms : 1;
    for (unsigned i = 0; i < b->reopened && ms < def->open_max_ms; i++)
        ms *= 2;
    if (def->open_max_ms && ms > def->open_max_ms && def->open_max_ms >= def->open_ms)
        ms = def->open_max_ms;
    b->open_until = belay_time_add_ms(now, (int64_t)ms);
    b->reopened += b->reopened < 32;
    b->generation++;
    move(b, BELAY_BREAKER_OPEN, now);
}

static void close_it(struct belay_breaker *b, belay_time now)
{
    memset(b->slots, 0, sizeof b->slots);
    memset(&b->sum, 0, sizeof b->sum);
    b->reopened = 0;
    move(b, BELAY_BREAKER_CLOSED, now);
}

belay_time belay_breaker_at(struct belay_breaker *b, const struct belay_breaker_def *def, belay_time now)
{
    if (!def->enabled) {
        if (b->state != BELAY_BREAKER_CLOSED) /* taken away by a reload */
            close_it(b, now);
        return now;
    }
    if (b->state == BELAY_BREAKER_CLOSED || BELAY_PLANTED(30))
        return now;
    if (b->state == BELAY_BREAKER_OPEN && now < b->open_until)
        return b->open_until;
    if (b->state == BELAY_BREAKER_OPEN)
        move(b, BELAY_BREAKER_HALF_OPEN, now);
    return b->probes_out + b->probes_ok < probes_wanted(def) ? now : BELAY_TIME_NEVER;
}

bool belay_breaker_begin(struct belay_breaker *b, const struct belay_breaker_def *def)
{
    if (!def->enabled || b->state != BELAY_BREAKER_HALF_OPEN)
        return false;
    BELAY_ASSERT(BELAY_PLANTED(30) || b->probes_out + b->probes_ok < probes_wanted(def));
    b->probes_out++;
    return true;
}

/* ---- the window ---- */

static void add(struct belay_breaker_slot *to, const struct belay_breaker_slot *what)
{
    to->calls += what->calls;
    to->failed += what->failed;
    to->slow += what->slow;
}

static void advance(struct belay_breaker *b, const struct belay_breaker_def *def, belay_time now)
{
    uint64_t window_ms = def->window_ms ? def->window_ms : 10000;
    int64_t slot = now / (int64_t)(window_ms * BELAY_US_PER_MS / BELAY_BREAKER_SLOTS);
    if (slot == b->slot)
        return;
    if (slot < b->slot || slot - b->slot >= BELAY_BREAKER_SLOTS) { /* less: a reload brought another width */
        memset(b->slots, 0, sizeof b->slots);
        memset(&b->sum, 0, sizeof b->sum);
        b->slot = slot - 1;
    }
    for (int64_t s = b->slot + 1; s <= slot; s++) {
        struct belay_breaker_slot *old = &b->slots[s % BELAY_BREAKER_SLOTS];
        BELAY_ASSERT(b->sum.calls >= old->calls && b->sum.failed >= old->failed && b->sum.slow >= old->slow);
        b->sum.calls -= old->calls;
        b->sum.failed -= old->failed;
        b->sum.slow -= old->slow;
        *old = (struct belay_breaker_slot){ 0 };
    }
    b->slot = slot;
}

static bool too_many(uint32_t part, uint32_t whole, double share)
{
    return share > 0 && part > 0 && (double)part >= share * (double)whole;
}

static bool is_bad(const struct belay_breaker *b, const struct belay_breaker_def *def)
{
    return b->sum.calls >= def->calls_min && b->sum.calls > 0
           && (too_many(b->sum.failed, b->sum.calls, def->failure_rate)
               || too_many(b->sum.slow, b->sum.calls, def->slow_rate));
}

uint32_t belay_breaker_failed_percent(const struct belay_breaker *b)
{
    return b->sum.calls ? (uint32_t)((uint64_t)b->sum.failed * 100 / b->sum.calls) : 0;
}

/* ---- outcomes ---- */

static bool probe_ended(struct belay_breaker *b, const struct belay_breaker_def *def, bool well,
                        belay_time now)
{
    if (!well) {
        open_it(b, def, now);
        return true;
    }
    if (++b->probes_ok < probes_wanted(def))
        return false;
    close_it(b, now);
    return true;
}

bool belay_breaker_end(struct belay_breaker *b, const struct belay_breaker_def *def, bool probe,
                       uint32_t generation, enum belay_call_end end, uint64_t duration_us,
                       belay_time now)
{
    if (!def->enabled)
        return false;
    bool slow = def->slow_ms && duration_us > (uint64_t)def->slow_ms * BELAY_US_PER_MS;
    if (b->state == BELAY_BREAKER_HALF_OPEN && probe && generation == b->generation) {
        BELAY_ASSERT(b->probes_out > 0);
        b->probes_out--;
        return end != BELAY_CALL_VOID
               && probe_ended(b, def, end != BELAY_CALL_FAILED && !(slow && def->slow_rate > 0), now);
    }
    if (end == BELAY_CALL_VOID || b->state != BELAY_BREAKER_CLOSED)
        return false;
    const struct belay_breaker_slot one = { 1, end == BELAY_CALL_FAILED, slow };
    advance(b, def, now);
    add(&b->slots[b->slot % BELAY_BREAKER_SLOTS], &one);
    add(&b->sum, &one);
    if (!is_bad(b, def))
        return false;
    open_it(b, def, now);
    return true;
}
