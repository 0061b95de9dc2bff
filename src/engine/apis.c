/* apis.c - how many requests of an API are at work at once (max_concurrent), and those that wait for their turn.
 *
 * The first come first while the wait is short.  Once somebody has waited half of what he may (max_wait), there is more
 * than can be done in time: then the newest goes first, whose caller is the likeliest to be there still, and the oldest
 * run into their 503.  So what is accepted is answered soon, however many come.
 */
#include "engine/apis.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/planted.h"
#include "engine/requests.h"
#include "engine/room.h"
#include "engine/runs.h"
#include "policy/drain.h"

struct engine_api *engine_api_of(const struct belay_engine *e, struct belay_str name)
{
    for (uint32_t i = 0; i < e->api_count; i++)
        if (belay_str_eq(belay_str_c(e->apis[i]->name), name))
            return e->apis[i];
    return NULL;
}

static struct engine_api *add(struct belay_engine *e, struct belay_str name)
{
    struct engine_api **grown = belay_realloc(e->apis, (e->api_count + 1) * sizeof(struct engine_api *));
    if (!grown)
        return NULL;
    e->apis = grown;
    struct engine_api *api = belay_calloc(1, sizeof *api);
    if (!api)
        return NULL;
    BELAY_ASSERT(name.n && name.n < sizeof api->name);
    memcpy(api->name, name.p, name.n);
    api->max = api->allowed = UINT32_MAX;
    belay_list_init(&api->waiting);
    return e->apis[e->api_count++] = api;
}

int engine_apis_make(struct belay_engine *e, const struct belay_definitions *d, struct belay_err *err)
{
    for (uint32_t i = 0; i < d->api_count; i++)
        if (!engine_api_of(e, d->apis[i].name) && !add(e, d->apis[i].name))
            return belay_fail(err, BELAY_NOMEM, "no memory for an api");
    return BELAY_OK;
}

void engine_apis_configure(struct belay_engine *e, const struct belay_definitions *d)
{
    for (uint32_t i = 0; i < d->api_count; i++) {
        const struct belay_api_def *def = &d->apis[i];
        struct engine_api *api = engine_api_of(e, def->name);
        BELAY_ASSERT(api);
        api->max = def->max_concurrent ? def->max_concurrent : UINT32_MAX;
        api->allowed = api->running > api->max ? api->running : api->max; /* those at work may end */
        api->max_wait_ms = def->max_wait_ms;
    }
}

void engine_apis_free(struct belay_engine *e)
{
    for (uint32_t i = 0; i < e->api_count; i++)
        belay_free(e->apis[i]);
    belay_free(e->apis);
}

/* ---- turns ---- */

static uint32_t after_ms(struct belay_engine *e, struct engine_api *api)
{
    belay_drain_see(&api->drain, api->answered, e->now);
    return belay_drain_after_ms(&api->drain, api->waiting_count + 1);
}

static void refuse(struct belay_engine *e, struct engine_run *r)
{
    r->api->refused++;
    engine_request_refuse(e, r, 503, "overloaded", BELAY_STR("more is asked for than can be done in time"),
                          after_ms(e, r->api));
}

bool engine_api_admit(struct belay_engine *e, struct engine_run *r)
{
    struct engine_api *api = r->api = engine_api_of(e, r->request->api);
    if (!api || (api->running < api->max && !api->waiting_count) || BELAY_PLANTED(75)) {
        r->admitted = true;
        if (api)
            api->running++;
        return true;
    }
    if (api->max_wait_ms == 0) {
        refuse(e, r);
        return false;
    }
    r->waits_since = e->now;
    /* Who was at the door has waited already. */
    belay_time until = r->waits_until ? r->waits_until : belay_time_add_ms(e->now, (int64_t)api->max_wait_ms);
    engine_run_timer(e, r, until < r->deadline ? until : r->deadline);
    engine_run_move(e, r, RUN_ADMITTING);
    belay_list_push(&api->waiting, &r->node);
    api->waiting_count++;
    return false;
}

void engine_api_leave(struct engine_run *r)
{
    BELAY_ASSERT(r->state == RUN_ADMITTING && r->api->waiting_count);
    r->api->waiting_count--;
}

void engine_api_waited(struct belay_engine *e, struct engine_run *r)
{
    refuse(e, r);
}

void engine_api_done(struct engine_run *r)
{
    if (r->admitted && r->api) {
        BELAY_ASSERT(r->api->running);
        r->api->running--;
        r->api->answered++;
        if (r->api->allowed > r->api->max)
            r->api->allowed = r->api->running > r->api->max ? r->api->running : r->api->max;
    }
    r->admitted = false;
    r->api = NULL;
}

static struct engine_run *next(const struct belay_engine *e, struct engine_api *api)
{
    BELAY_ASSERT(api->waiting_count && !belay_list_empty(&api->waiting));
    struct engine_run *oldest = BELAY_CONTAINER_OF(api->waiting.next, struct engine_run, node);
    bool late = e->now - oldest->waits_since > (belay_time)api->max_wait_ms * BELAY_US_PER_MS / 2;
    return late ? BELAY_CONTAINER_OF(api->waiting.prev, struct engine_run, node) : oldest;
}

static bool has_turn(const struct engine_api *api)
{
    return api->waiting_count && api->running < api->max;
}

void engine_apis_admit(struct belay_engine *e)
{
    for (uint32_t i = 0; i < e->api_count; i++) {
        struct engine_api *api = e->apis[i];
        belay_drain_see(&api->drain, api->answered, e->now);
        while (has_turn(api) && !e->failed) {
            struct engine_run *r = next(e, api);
            engine_run_move(e, r, RUN_AT_WORK);
            r->admitted = true;
            api->running++;
            engine_request_begin(e, r);
        }
    }
}

belay_time engine_apis_wake_at(const struct belay_engine *e)
{
    for (uint32_t i = 0; i < e->api_count; i++)
        if (has_turn(e->apis[i]))
            return e->now;
    return BELAY_TIME_NEVER;
}

bool belay_engine_api_stats(const struct belay_engine *e, uint32_t index, struct belay_api_stats *ret_stats)
{
    if (index >= e->api_count)
        return false;
    const struct engine_api *api = e->apis[index];
    *ret_stats = (struct belay_api_stats){
        .name = belay_str_c(api->name),
        .running = api->running,
        .max_concurrent = api->max == UINT32_MAX ? 0 : api->max,
        .waiting = api->waiting_count,
        .at_door = api->at_door,
        .refused = api->refused,
        .answered = api->answered,
        .drain_per_second = api->drain.known ? api->drain.per_second : 0,
    };
    return true;
}

/* Each run that was admitted is counted, those that wait are in their list. */
int engine_apis_check(const struct belay_engine *e, struct belay_err *err)
{
    for (uint32_t i = 0; i < e->api_count; i++) {
        const struct engine_api *api = e->apis[i];
        uint32_t running = 0, waiting = 0, at_door = 0;
        for (uint32_t n = 0; n < e->run_count; n++) {
            const struct engine_run *r = e->runs[n];
            running += r->state != RUN_FREE && r->api == api && r->admitted;
            waiting += r->state == RUN_ADMITTING && r->api == api;
            at_door += r->state == RUN_AT_DOOR && r->api == api;
        }
        if (running != api->running || waiting != api->waiting_count)
            return belay_fail(err, BELAY_CORRUPT, "api %s: %u of %u run, %u of %u wait", api->name, running, api->running,
                              waiting, api->waiting_count);
        if (at_door != api->at_door)
            return belay_fail(err, BELAY_CORRUPT, "api %s: %u at the door, of %u", api->name, at_door, api->at_door);
        if (running > api->allowed)
            return belay_fail(err, BELAY_CORRUPT, "api %s: %u run, of %u", api->name, running, api->allowed);
    }
    return BELAY_OK;
}
