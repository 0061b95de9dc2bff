/* The process dies inside of a flow: at any message it takes in hand, and at each attempt of one
 * message that kills it.  The linker puts us between the engine and its pages (--wrap): what is
 * noted there stays, and the process is dead when the step returns, whatever that step still did in
 * memory.  Another message kills while it is called out: the process dies when its call leaves.
 *
 * Beside it a ledger of our own: who was in flight at each death, and whether alone.  It is read from the engine's
 * runs and calls, not from the pages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/limits.h"
#include "broker/stats.h"
#include "engine/calls.h"
#include "engine/flight.h"
#include "engine/isolate.h"
#include "engine/requests.h"
#include "engine/room.h"
#include "engine/runs.h"
#include "sim/world.h"

static struct sim_world *world;

void __real_engine_flight_at_work(struct belay_engine *e, uint32_t sub, uint64_t sequence);
void __real_engine_flight_idle(struct belay_engine *e);
void __real_engine_flight_note(struct belay_engine *e, const struct engine_run *r);
void __real_engine_flight_request(struct belay_engine *e, const struct engine_run *r, uint64_t id);
void __wrap_engine_flight_request(struct belay_engine *e, const struct engine_run *r, uint64_t id);
void __real_engine_flight_unnote(struct belay_engine *e, const struct engine_run *r);
void __real_engine_flight_other(struct belay_engine *e, bool begins);
void __real_engine_flight_saga(struct belay_engine *e, const struct engine_call *c, struct belay_str key);
void __real_engine_flight_saga_ended(struct belay_engine *e, const struct engine_call *c);
void __real_engine_flight_saga_at_work(struct belay_engine *e, struct belay_str key);
void __real_engine_flight_clear(struct belay_engine *e);
void __wrap_engine_flight_at_work(struct belay_engine *e, uint32_t sub, uint64_t sequence);
void __wrap_engine_flight_idle(struct belay_engine *e);
void __wrap_engine_flight_note(struct belay_engine *e, const struct engine_run *r);
void __wrap_engine_flight_unnote(struct belay_engine *e, const struct engine_run *r);
void __wrap_engine_flight_other(struct belay_engine *e, bool begins);
void __wrap_engine_flight_saga(struct belay_engine *e, const struct engine_call *c, struct belay_str key);
void __wrap_engine_flight_saga_ended(struct belay_engine *e, const struct engine_call *c);
void __wrap_engine_flight_saga_at_work(struct belay_engine *e, struct belay_str key);
void __wrap_engine_flight_clear(struct belay_engine *e);

/* ---- the ledger ---- */

static struct sim_accused *accused(struct sim_world *w, uint32_t sub, uint64_t sequence)
{
    for (uint32_t i = 0; i < w->accused_count; i++)
        if (w->accused[i].sub == sub && w->accused[i].sequence == sequence)
            return &w->accused[i];
    if (w->accused_count == SIM_ACCUSED_MAX)
        return NULL;
    w->accused[w->accused_count] = (struct sim_accused){ .sub = sub, .sequence = sequence };
    return &w->accused[w->accused_count++];
}

/* Of a saga: under the hash of its id. A key is a byte, the number of its kind, the id. Of a request: under what it asks for. */
#define SAGA_LEDGER UINT32_MAX
#define REQUEST_LEDGER (UINT32_MAX - 1)

static struct sim_accused *accused_saga(struct sim_world *w, struct belay_str id)
{
    return accused(w, SAGA_LEDGER, belay_hash64(id));
}

/* Those whose calls are out are in the ledger from now on; the last of them. */
static struct sim_accused *saga_out(struct sim_world *w)
{
    const struct belay_engine *e = w->engine;
    struct sim_accused *last = NULL;
    for (uint32_t i = 0; i < e->call_count; i++) {
        const struct engine_call *c = e->calls[i];
        struct belay_str key = c->used && c->saga ? belay_sagas_key_of(e->sagas, c->token) : BELAY_STR_NONE;
        if (key.n > 5)
            last = accused_saga(w, belay_str_sub(key, 5, key.n));
    }
    return last;
}

/* Calls of sagas and requests. */
static uint32_t others_out(const struct belay_engine *e)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < e->call_count; i++) {
        const struct engine_call *c = e->calls[i];
        n += c->used && (c->saga || !c->run || c->run->kind == RUN_REQUEST);
    }
    return n;
}

/* Those that have begun; the last of them. */
static uint32_t requests_out(struct sim_world *w, struct sim_accused **ret_last)
{
    const struct belay_engine *e = w->engine;
    uint32_t n = 0;
    for (uint32_t i = 0; i < e->run_count; i++) {
        if (!engine_request_is_open(e->runs[i]))
            continue;
        *ret_last = accused(w, REQUEST_LEDGER, engine_request_id(e->runs[i]));
        n++;
    }
    return n;
}

/* It does so twice alone, until a person lets it in again; what power failures, starts that die and full disks take of the
 * count is excused. */
static void request_killed(struct sim_world *w, const struct sim_accused *a)
{
    enum { FULL_DISKS = 2 };
    uint64_t most = (uint64_t)BELAY_CRASH_AFTER_DEFAULT * (1 + w->request_words) + a->maybe + w->stumbles + FULL_DISKS;
    if (++w->request_alone > most)
        sim_violation(w, "POISON", "%s killed the process %llu times, alone", w->request_killer,
                      (unsigned long long)w->request_alone);
}

/* It dies now, perhaps with this message in hand. */
static void note_death(struct sim_world *w, uint32_t sub, uint64_t sequence)
{
    const struct belay_engine *e = w->engine;
    bool no_message = sub == FLIGHT_OTHER || sub == FLIGHT_REQUEST;
    uint32_t messages = 0, others = others_out(e) + no_message;
    struct sim_accused *last = NULL, *request = NULL;
    bool named = sub == 0 || no_message;
    for (uint32_t i = 0; i < e->run_count; i++) {
        const struct engine_run *r = e->runs[i];
        if (r->state == RUN_FREE || !r->delivery)
            continue;
        messages++;
        sim_trace(w, "in flight: %.*s/%llu, state %u%s", BELAY_STR_ARG(belay_subscription_name(r->delivery->sub)),
                  (unsigned long long)r->delivery->sequence, r->state, e->isolating ? ", one by one" : "");
        last = accused(w, belay_subscription_id(r->delivery->sub), r->delivery->sequence);
        named |= last && last->sub == sub && last->sequence == sequence;
    }
    if (!named) { /* of a saga: it has no run */
        messages++;
        last = accused(w, sub, sequence);
    }
    if (messages == 1 && others == 0 && last)
        last->alone++;
    struct sim_accused *saga = saga_out(w);
    if (saga && messages == 0 && others == 1 && !no_message)
        saga->alone++;
    bool only = requests_out(w, &request) == 1 && messages == 0 && !saga && sub != FLIGHT_OTHER && others <= 1;
    if (only && request)
        request->alone++;
    if (only && request && w->request_dies)
        request_killed(w, request);
    w->request_dies = false;
    w->died_noted = true;
}

/* Pages that lost power may show an earlier death again, or the last one without all who were there. */
void sim_crashes_power(struct sim_world *w)
{
    for (uint32_t i = 0; i < w->accused_count; i++)
        w->accused[i].maybe++;
}

/* Any other death; the one in hand was noted when it came. */
void sim_crashes_died(struct sim_world *w, bool power)
{
    if (!w->died_noted)
        note_death(w, 0, 0);
    w->died_noted = false;
    if (power)
        sim_crashes_power(w);
}

/* Nobody is quarantined but who died alone so often. */
void sim_crashes_quarantined(struct sim_world *w, struct belay_str owner, uint64_t sequence)
{
    struct belay_subscription *sub = belay_broker_find(belay_engine_broker(w->engine), owner);
    const struct sim_accused *a = sub ? accused(w, belay_subscription_id(sub), sequence) : NULL;
    if (a && a->alone + a->maybe < BELAY_CRASH_AFTER_DEFAULT)
        sim_violation(w, "POISON", "%.*s/%llu is quarantined after %u deaths alone, and perhaps %u",
                      BELAY_STR_ARG(owner), (unsigned long long)sequence, a->alone, a->maybe);
}

void sim_crashes_saga_parked(struct sim_world *w, struct belay_str id, struct belay_str why)
{
    const struct sim_accused *a = belay_str_starts(why, BELAY_STR("POISON:CRASH")) ? accused_saga(w, id) : NULL;
    if (a && a->alone + a->maybe < BELAY_CRASH_AFTER_DEFAULT)
        sim_violation(w, "POISON", "saga %.*s is parked after %u deaths alone, and perhaps %u", BELAY_STR_ARG(id), a->alone,
                      a->maybe);
}

/* No request is refused but one that was all that was at work so often; a person lets it in again. */
void sim_crashes_refused(struct sim_world *w, struct belay_str detail)
{
    char body[48], hash[17];
    struct belay_err err;
    BELAY_ASSERT(detail.n > 16);
    snprintf(hash, sizeof hash, "%.16s", detail.p + detail.n - 16);
    const struct sim_accused *a = accused(w, REQUEST_LEDGER, strtoull(hash, NULL, 16));
    if (a && a->alone + a->maybe < BELAY_CRASH_AFTER_DEFAULT)
        sim_violation(w, "POISON", "a request is refused after %u deaths alone, and perhaps %u: %.*s", a->alone, a->maybe,
                      BELAY_STR_ARG(detail));
    if (!w->calm && !sim_chance(w, 100))
        return;
    w->request_words++;
    snprintf(body, sizeof body, "{\"hash\":\"%s\"}", hash);
    int status = sim_ask(w, "poisonClear", "", belay_str_c(body), false, NULL, &err);
    if (!sim_may_fail(w, status))
        sim_violation(w, "POISON", "clear: %s", err.msg);
}

void sim_crashes_word(struct sim_world *w, const char *id)
{
    w->saga_killer_words += w->saga_killer[0] && strstr(w->saga_killer, id) != NULL;
}

/* ---- dying ---- */

static bool kills(struct sim_world *w, const struct belay_engine *e, uint32_t sub,
                  uint64_t sequence)
{
    struct belay_subscription *pipe = belay_broker_find(e->broker, BELAY_STR("pipe"));
    return w->poison_durable && sequence == w->poison && pipe && belay_subscription_id(pipe) == sub;
}

void __wrap_engine_flight_at_work(struct belay_engine *e, uint32_t sub, uint64_t sequence)
{
    struct sim_world *w = world;
    if (w->dying)
        return;
    __real_engine_flight_at_work(e, sub, sequence);
    if (sub == FLIGHT_REQUEST && (engine_is_uncounted(e) || e->crash_position))
        sim_violation(w, "POISON", "a request is begun before it is durable what the last process died of");
    if (!sim_may_die(w))
        return;
    bool poison = kills(w, e, sub, sequence);
    w->poison_deaths += poison;
    w->dying = poison || sim_chance(w, 2);
    if (w->dying) {
        sim_trace(w, "it dies with %u/%llu in hand", sub, (unsigned long long)sequence);
        note_death(w, sub, sequence);
    }
}

void __wrap_engine_flight_idle(struct belay_engine *e)
{
    if (!world->dying)
        __real_engine_flight_idle(e);
}

void __wrap_engine_flight_note(struct belay_engine *e, const struct engine_run *r)
{
    if (!world->dying)
        __real_engine_flight_note(e, r);
}

void __wrap_engine_flight_request(struct belay_engine *e, const struct engine_run *r, uint64_t id)
{
    if (!world->dying)
        __real_engine_flight_request(e, r, id);
}

void __wrap_engine_flight_unnote(struct belay_engine *e, const struct engine_run *r)
{
    if (!world->dying)
        __real_engine_flight_unnote(e, r);
}

void __wrap_engine_flight_other(struct belay_engine *e, bool begins)
{
    if (!world->dying)
        __real_engine_flight_other(e, begins);
}

void __wrap_engine_flight_saga(struct belay_engine *e, const struct engine_call *c, struct belay_str key)
{
    if (!world->dying)
        __real_engine_flight_saga(e, c, key);
}

void __wrap_engine_flight_saga_ended(struct belay_engine *e, const struct engine_call *c)
{
    if (!world->dying)
        __real_engine_flight_saga_ended(e, c);
}

void __wrap_engine_flight_saga_at_work(struct belay_engine *e, struct belay_str key)
{
    if (!world->dying)
        __real_engine_flight_saga_at_work(e, key);
}

void __wrap_engine_flight_clear(struct belay_engine *e)
{
    if (!world->dying)
        __real_engine_flight_clear(e);
}

/* Before it is durable it is nothing that could be counted: its sender will send it again, or not.
 */
void sim_crashes_look(struct sim_world *w)
{
    struct belay_store *s = belay_engine_store(w->engine);
    uint32_t topic = belay_broker_topic_id(belay_engine_broker(w->engine), BELAY_STR("events"));
    if (w->poison && !w->poison_durable && belay_store_next_sequence(s, topic) > w->poison)
        w->poison_durable = belay_store_durable(s) >= belay_store_position(s);
}

static bool has(const struct belay_call_request *request, const char *text)
{
    for (size_t i = 0; text[0] && i + strlen(text) <= request->body.n; i++)
        if (memcmp(request->body.p + i, text, strlen(text)) == 0)
            return true;
    for (uint32_t i = 0; i < request->param_count; i++)
        if (belay_str_eq(request->params[i].value, belay_str_c(text)))
            return true;
    return false;
}

/* A thread of a connector dies of what it is to send. */
bool sim_crashes_call(struct sim_world *w, const struct belay_call_request *request)
{
    if (!w->calm && has(request, w->request_killer)) {
        sim_trace(w, "it dies of %s", w->request_killer);
        w->request_dies = true;
        return true;
    }
    bool message = !w->calm && has(request, w->killer), saga = !w->calm && has(request, w->saga_killer);
    if (message || saga)
        sim_trace(w, "it dies of %s", message ? w->killer : w->saga_killer);
    w->killer_deaths += message;
    w->saga_killer_deaths += saga && !message;
    return message || saga;
}

void sim_crashes_init(struct sim_world *w)
{
    world = w;
    w->poison = sim_chance(w, 300) ? 1 + sim_below(w, 12) : 0;
    if (sim_chance(w, 150)) /* a mail, or a text message */
        snprintf(w->killer, sizeof w->killer, "{\"order\":\"o%u\",\"card\":", (unsigned)sim_below(w, 4));
    else if (sim_chance(w, 300))
        snprintf(w->killer, sizeof w->killer, "\"lane\":\"l%u\",\"n\":%u}", (unsigned)sim_below(w, SIM_LANES_MAX),
                 (unsigned)sim_below(w, 3));
    if (sim_chance(w, 300))
        snprintf(w->saga_killer, sizeof w->saga_killer, sim_chance(w, 500) ? "/bookings/o%u" : "{\"order\":\"o%u\",\"amount\":",
                 (unsigned)sim_below(w, 4));
    w->power_fails = sim_chance(w, 700);
    if (w->kind == SIM_DEATHLESS) {
        w->poison = 0;
        w->killer[0] = w->saga_killer[0] = 0;
    }
    if (w->kind == SIM_KILLING)
        snprintf(w->request_killer, sizeof w->request_killer, "{\"order\":\"q0\"}");
}

/* A crash that is written down counts: the message becomes a letter, and kills nobody until it is replayed. The first
 * one may have had company. What power failures and deaths during a start take with them is not held against it. */
static void check(struct sim_world *w, const char *who, uint64_t deaths, uint64_t replays, uint64_t excused)
{
    if (deaths > (BELAY_CRASH_AFTER_DEFAULT + SIM_COMPANY) * (1 + replays) + excused)
        sim_violation(w, "POISON", "%s killed the process %llu times", who, (unsigned long long)deaths);
}

void sim_crashes_check(struct sim_world *w)
{
    uint64_t excused = w->crashes + w->stumbles - w->poison_deaths - w->killer_deaths - w->saga_killer_deaths - w->request_alone;
    check(w, "the poison of pipe", w->poison_deaths, w->pipe_replays, excused);
    check(w, w->killer, w->killer_deaths, w->killer_words, excused);
    check(w, w->saga_killer, w->saga_killer_deaths, w->saga_killer_words, excused);
}
