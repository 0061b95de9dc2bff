/* door.c - requests that wait before their flow begins, until the store takes more.
 *
 * The next commit holds so much and no more, and on a healthy disk that is over in milliseconds: who comes meanwhile
 * waits as long as its API lets it (max_wait), in the order they came, the newest first once they are late (apis.c).
 * What only reads goes past them.  A full disk is no matter of milliseconds: that is told at once.
 *
 * After a crash nobody goes past before it is written down what the last process died of, as messages wait for that: a
 * request that kills as it is begun would else die before its death counts, at each start anew.
 *
 * Their bodies are the server's, which holds BELAY_HTTP_BODIES_BYTES_DEFAULT at most.  Invariant (engine_door_check):
 * the list holds the runs that are AT_DOOR, each is counted by its API and has an end.
 */
#include "engine/door.h"

#include "base/assert.h"
#include "base/planted.h"
#include "broker/publish.h"
#include "engine/apis.h"
#include "engine/flight.h"
#include "engine/isolate.h"
#include "engine/poison.h"
#include "engine/requests.h"
#include "engine/room.h"
#include "engine/runs.h"

#define RETRY_AFTER_MS 1000
#define LOOK_AGAIN_MS 1 /* a commit may have ended */
#define BESIDE_BYTES BELAY_KIB(4)

static int room(struct belay_engine *e, const struct engine_run *r, struct belay_err *err)
{
    return r->def->writes ? belay_broker_admit(e->broker, r->request->body.n + BESIDE_BYTES, err) : BELAY_OK;
}

/* Is it written down what the last process died of? Steps see to that (engine_flight_is_known). */
static bool knows(const struct belay_engine *e)
{
    return !engine_is_uncounted(e) && !e->crash_position;
}

static void refuse(struct belay_engine *e, struct engine_run *r)
{
    if (r->api)
        r->api->refused++;
    engine_request_refuse(e, r, 503, "overloaded",
                          knows(e) ? BELAY_STR("more is sent than the disk takes in time")
                                   : BELAY_STR("the server has just started again after a crash"),
                          RETRY_AFTER_MS);
}

/* Not a matter of waiting. */
static void refuse_for(struct belay_engine *e, struct engine_run *r, int status, const struct belay_err *err)
{
    if (!engine_no_room(e, status, err))
        return;
    bool memory = status == BELAY_NOMEM;
    engine_request_refuse(e, r, 503, memory ? "no-memory" : "no-space",
                          memory ? BELAY_STR("out of memory") : BELAY_STR("there is no room for it now"), RETRY_AFTER_MS);
}

bool engine_door_lets(struct belay_engine *e, struct engine_run *r)
{
    struct belay_err err;
    int status = knows(e) || BELAY_PLANTED(124) ? room(e, r, &err) : BELAY_BUSY;
    if (status == BELAY_OK && (!e->door_count || !r->def->writes))
        return true;
    if (status != BELAY_OK && status != BELAY_BUSY) {
        refuse_for(e, r, status, &err);
        return false;
    }
    r->api = engine_api_of(e, r->request->api);
    if (!r->api || !r->api->max_wait_ms) { /* those who wait are of other APIs */
        if (status == BELAY_BUSY)
            refuse(e, r);
        return status == BELAY_OK;
    }
    r->waits_since = e->now;
    r->waits_until = belay_time_add_ms(e->now, (int64_t)r->api->max_wait_ms);
    if (!BELAY_PLANTED(77))
        engine_run_timer(e, r, r->waits_until < r->deadline ? r->waits_until : r->deadline);
    engine_run_move(e, r, RUN_AT_DOOR);
    r->api->at_door++;
    e->door_count++;
    return false;
}

void engine_door_leave(struct belay_engine *e, struct engine_run *r)
{
    BELAY_ASSERT(r->state == RUN_AT_DOOR && e->door_count && r->api && r->api->at_door);
    r->api->at_door--;
    e->door_count--;
}

void engine_door_waited(struct belay_engine *e, struct engine_run *r)
{
    refuse(e, r);
}

static struct engine_run *next(const struct belay_engine *e)
{
    BELAY_ASSERT(e->door_count && !belay_list_empty(&e->door));
    struct engine_run *oldest = BELAY_CONTAINER_OF(e->door.next, struct engine_run, node);
    bool late = e->now - oldest->waits_since > (oldest->waits_until - oldest->waits_since) / 2;
    return late ? BELAY_CONTAINER_OF(e->door.prev, struct engine_run, node) : oldest;
}

void engine_door_open(struct belay_engine *e)
{
    struct belay_err err;
    if (!e->door_count || !engine_flight_is_known(e))
        return;
    while (e->door_count && !e->failed) {
        struct engine_run *r = next(e);
        int status = room(e, r, &err);
        if (status == BELAY_BUSY)
            return;
        engine_run_move(e, r, RUN_AT_WORK);
        if (status != BELAY_OK)
            refuse_for(e, r, status, &err);
        else if (!engine_poison_refuses(e, r) && engine_api_admit(e, r)) /* its death may have been counted meanwhile */
            engine_request_begin(e, r);
        if (r->state == RUN_STALLED)
            return; /* it needed more than was thought: so would the others */
    }
}

belay_time engine_door_wake_at(const struct belay_engine *e)
{
    return e->door_count ? belay_time_add_ms(e->now, LOOK_AGAIN_MS) : BELAY_TIME_NEVER;
}

int engine_door_check(const struct belay_engine *e, struct belay_err *err)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < e->run_count; i++) {
        const struct engine_run *r = e->runs[i];
        if (r->state != RUN_AT_DOOR)
            continue;
        count++;
        if (r->timer.key > r->waits_until || r->flow || r->admitted)
            return belay_fail(err, BELAY_CORRUPT, "a request of %s waits at the door without an end", r->api->name);
    }
    if (count != e->door_count)
        return belay_fail(err, BELAY_CORRUPT, "%u requests wait at the door, %u are counted", count, e->door_count);
    return BELAY_OK;
}
