/* Engine time: never goes back, and is in the journal with every commit, so that it does not go back
 * over a restart either.  It follows the caller's clock; where that was set back, engine time goes on
 * from where it was, a little slower, until the two agree again. */
#include "engine/clock.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/pack.h"
#include "base/planted.h"
#include "engine/actions.h"
#include "engine/record.h"
#include "engine/room.h"

#define JUMP_US (60 * (int64_t)BELAY_US_PER_S)

static const struct belay_str meta_key = BELAY_STR_INIT("clock");

void engine_clock_open(struct belay_engine *e, belay_time wall)
{
    e->wall = wall;
    e->now = wall > e->recorded ? wall : e->recorded;
}

static void tell_jump(struct belay_engine *e, int64_t delta_us)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%lld", (long long)delta_us / BELAY_US_PER_MS);
    const struct belay_field field = { BELAY_STR("jump_ms"), belay_str(text, (size_t)n) };
    engine_hold_event(e, BELAY_ACTION_EVENT,
                      &(struct belay_action_event){ .level = 2, .name = "clock.jumped",
                                                    .fields = &field, .field_count = 1 },
                      NULL);
}

void engine_clock_tick(struct belay_engine *e, belay_time wall)
{
    int64_t delta = wall - e->wall;
    belay_time before = e->now;
    if (delta < -JUMP_US)
        tell_jump(e, delta);
    e->wall = wall;
    if (delta <= 0)
        return;
    if (e->now > wall) {
        delta -= delta / 8; /* ahead since the clock was set back */
        e->now += delta;
    } else {
        e->now = wall;
    }
    BELAY_ASSERT(e->now >= before);
}

belay_time engine_clock_wall(const struct belay_engine *e, belay_time engine_time)
{
    return engine_time == BELAY_TIME_NEVER ? engine_time : engine_time - (e->now - e->wall);
}

/* With whatever was appended since the last one: no message is younger than the clock of its commit. */
void engine_clock_record(struct belay_engine *e)
{
    struct belay_store_stats stats;
    belay_store_stats(e->store, &stats);
    if (BELAY_PLANTED(14) || e->now <= e->recorded || stats.records == e->records_seen)
        return;
    e->records_seen = stats.records + 1;
    struct belay_err err;
    if (belay_store_reserve(e->store, 64, 1, true, &err) != BELAY_OK)
        return; /* the next one will tell */
    char body[8];
    belay_store_u64(body, (uint64_t)e->now);
    belay_store_append(e->store, RECORD_CLOCK, RECORD_VERSION, belay_str(body, sizeof body));
    e->recorded = e->now;
    belay_state_put(e->state, BELAY_TABLE_META, meta_key,
                    belay_str(body, sizeof body));
}

int engine_clock_apply(struct belay_engine *e, struct belay_str body, struct belay_err *err)
{
    if (body.n != 8)
        return belay_fail(err, BELAY_CORRUPT, "clock record of %zu bytes", body.n);
    belay_time t = (belay_time)belay_load_u64(body.p);
    if (t > e->recorded)
        e->recorded = t;
    belay_state_put(e->state, BELAY_TABLE_META, meta_key, body);
    return BELAY_OK;
}

void engine_clock_load(struct belay_engine *e)
{
    struct belay_str value;
    if (belay_state_get(e->state, BELAY_TABLE_META, meta_key, &value) && value.n == 8)
        e->recorded = (belay_time)belay_load_u64(value.p);
}
