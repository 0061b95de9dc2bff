/* What is in flight, noted in pages of memory that outlive the process: what is found there when the store is opened
 * is what the process died of, or died with.
 *
 *   at_work   the message whose flow is being stepped; FLIGHT_REQUEST: a request's flow; FLIGHT_OTHER: a saga
 *   notes     every message between its delivery and its outcome, at the place of its run
 *             requests that are not answered: by what they ask for, so that they are known when they come again
 *   others    calls of sagas and requests under way: a message beside them did not run alone
 *   sagas     which of these calls are of which saga, at the place of the call: the first SAGA_NOTES, ids of SAGA_KEY_BYTES
 *   saga_at_work  the one whose turn it is, or that is told an answer
 *
 * A note costs three stores; a run without calls needs no record of its attempt.  The pages keep what they say until
 * the crash is counted and that is durable; nothing is delivered before: or a message that kills the process at once
 * would do so for ever.  After a power failure they may be older than what happened: then somebody is suspected in
 * vain, at most once. */
#include "engine/flight.h"

#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/planted.h"
#include "broker/declare.h"
#include "engine/calls.h"
#include "engine/isolate.h"
#include "engine/requests.h"
#include "engine/room.h"
#include "engine/runs.h"
#include "platform/disk.h"

#define FLIGHT_MAGIC 0x3354474c46594c42u /* "BLYFLGT3" */
#define SAGA_NOTES 1024u
#define SAGA_KEY_BYTES 250 /* the sagas' own keys are shorter */

struct note {
    uint64_t sequence;
    uint32_t sub;   /* 0: none */
    uint32_t check; /* of both, so that a page torn by a power failure says nothing */
};

struct saga_note {
    uint32_t check;
    uint16_t n; /* 0: none */
    char key[SAGA_KEY_BYTES];
};

struct engine_flight {
    uint64_t magic;
    uint64_t crash; /* the number of the crash that they will have been of: none is counted twice */
    struct note at_work;
    uint32_t others;
    struct saga_note saga_at_work; /* at_work says FLIGHT_OTHER */
    struct saga_note sagas[SAGA_NOTES]; /* by the index of their call */
    struct note notes[]; /* by the index of their run */
};

static uint32_t check_of(uint32_t sub, uint64_t sequence)
{
    return (uint32_t)(sequence * 0x9e3779b97f4a7c15u >> 32) ^ sub * 0x85ebca6bu ^ 0x42454c59u;
}

static size_t flight_bytes(const struct belay_engine *e)
{
    return sizeof(struct engine_flight) + e->run_max * sizeof(struct note);
}

static bool says(const struct note *n)
{
    return n->sub && n->check == check_of(n->sub, n->sequence);
}

static void take(struct note *n, uint32_t sub, uint64_t sequence)
{
    n->sequence = sequence;
    n->check = check_of(sub, sequence);
    n->sub = sub;
    atomic_signal_fence(memory_order_seq_cst); /* before what may crash */
}

static void drop(struct note *n)
{
    atomic_signal_fence(memory_order_seq_cst);
    n->sub = 0;
}

/* ---- sagas ---- */

static uint32_t check_of_key(struct belay_str key)
{
    return (uint32_t)belay_hash64(key) ^ 0x42454c59u;
}

static struct belay_str key_of(const struct saga_note *n)
{
    struct belay_str key = belay_str(n->key, n->n);
    return n->n && n->n <= SAGA_KEY_BYTES && n->check == check_of_key(key) ? key : BELAY_STR_NONE;
}

static void take_saga(struct saga_note *n, struct belay_str key)
{
    n->n = 0;
    if (key.n > SAGA_KEY_BYTES)
        return;
    memcpy(n->key, key.p, key.n);
    n->check = check_of_key(key);
    atomic_signal_fence(memory_order_seq_cst);
    n->n = (uint16_t)key.n;
    atomic_signal_fence(memory_order_seq_cst); /* before what may crash */
}

static int add_saga(struct engine_accused *a, struct belay_str key)
{
    struct belay_str copy = belay_str(belay_memdup0(key.p, key.n), key.n);
    if (!copy.p)
        return BELAY_NOMEM;
    a->keys[a->count++] = copy;
    return BELAY_OK;
}

/* The saga in hand first: the likely one. *ret_beside: the one in hand is none of those whose calls are under way. */
static int gather_sagas(struct belay_engine *e, bool in_hand, bool *ret_beside)
{
    const struct engine_flight *h = e->flight;
    struct engine_accused *a = &e->accused;
    struct belay_str hand = in_hand ? key_of(&h->saga_at_work) : BELAY_STR_NONE;
    int status = BELAY_OK;
    *ret_beside = in_hand;
    a->keys = belay_calloc(SAGA_NOTES + 1, sizeof *a->keys);
    if (!a->keys)
        return BELAY_NOMEM;
    if (hand.p)
        status = add_saga(a, hand);
    for (uint32_t i = 0; i < SAGA_NOTES && status == BELAY_OK; i++) {
        struct belay_str key = key_of(&h->sagas[i]);
        bool same = key.p && hand.p && belay_str_eq(key, hand);
        *ret_beside = *ret_beside && !same;
        if (key.p && !same)
            status = add_saga(a, key);
    }
    return status;
}

/* ---- what the last process left ---- */

/* The message in hand has a note of its own too, unless it is a saga's. */
static int gather(struct belay_engine *e, struct belay_crash *ret_crash)
{
    const struct engine_flight *h = e->flight;
    const struct note *hand = says(&h->at_work) ? &h->at_work : NULL;
    struct belay_crash crash = { .number = h->crash, .others = h->others };
    struct belay_crash_item *items = BELAY_ARENA_ARRAY(&e->arena, struct belay_crash_item, e->run_max + 1);
    crash.items = items;
    if (!items)
        return BELAY_NOMEM;
    bool saga = hand && hand->sub == FLIGHT_OTHER, request = hand && hand->sub == FLIGHT_REQUEST, beside;
    bool named = !hand || saga || request;
    if (gather_sagas(e, saga, &beside) != BELAY_OK)
        return BELAY_NOMEM;
    crash.others += beside || request;
    for (uint32_t i = 0; i < e->run_max; i++) {
        const struct note *n = &h->notes[i];
        if (!says(n))
            continue;
        if (n->sub == FLIGHT_REQUEST) {
            e->accused.request = n->sequence;
            e->accused.requests++;
            continue;
        }
        bool in_hand = hand && n->sub == hand->sub && n->sequence == hand->sequence;
        named |= in_hand;
        items[crash.count++] = (struct belay_crash_item){ n->sub, n->sequence, in_hand };
    }
    if (!named)
        items[crash.count++] = (struct belay_crash_item){ hand->sub, hand->sequence, true };
    bool alone = crash.count == 0 && !saga && e->accused.count == 0 && crash.others <= 1;
    e->accused.request_alone = alone ? e->accused.requests == 1 : BELAY_PLANTED(52) && e->accused.requests;
    crash.others_named = e->accused.count > 0 || e->accused.request_alone;
    if (crash.others < e->accused.count) /* pages of different moments, after a power failure */
        crash.others = e->accused.count;
    e->accused.alone = crash.count == 0 && crash.others == 1;
    *ret_crash = crash;
    return BELAY_OK;
}

int engine_flight_open(struct belay_engine *e, struct belay_crash *ret_crash, struct belay_err *err)
{
    void *pages;
    int status = belay_file_open(e->opt.disk, "in_flight", BELAY_FILE_WRITE | BELAY_FILE_CREATE,
                                 &e->flight_file, err);
    if (status == BELAY_OK)
        status = belay_file_map(e->flight_file, flight_bytes(e), &pages, err);
    if (status != BELAY_OK)
        return belay_wrap(err, status, "the pages of what is in flight");
    e->flight = pages;
    if (e->flight->magic == FLIGHT_MAGIC)
        return gather(e, ret_crash) == BELAY_OK ? BELAY_OK : belay_fail(err, BELAY_NOMEM, "what was in flight");
    engine_flight_clear(e);
    return BELAY_OK;
}

void engine_flight_clear(struct belay_engine *e)
{
    memset(e->flight, 0, flight_bytes(e));
    e->flight->magic = FLIGHT_MAGIC;
    e->flight->crash = belay_broker_crash_next(e->broker);
    for (uint32_t i = 0; i < e->call_count; i++) { /* of requests and sagas that began meanwhile */
        const struct engine_call *c = e->calls[i];
        e->flight->others += c->used && c->noted;
        if (c->used && c->noted && c->saga && !e->failed && !e->stopping) /* else it ends in order */
            engine_flight_saga(e, c, belay_sagas_key_of(e->sagas, c->token));
    }
    for (uint32_t i = 0; i < e->run_count && !e->failed && !e->stopping; i++)
        if (engine_request_is_open(e->runs[i]))
            engine_flight_request(e, e->runs[i], engine_request_id(e->runs[i]));
}

void engine_flight_request(struct belay_engine *e, const struct engine_run *r, uint64_t id)
{
    BELAY_ASSERT(!r->delivery && r->index < e->run_max);
    take(&e->flight->notes[r->index], FLIGHT_REQUEST, id);
}

void engine_flight_saga(struct belay_engine *e, const struct engine_call *c, struct belay_str key)
{
    if (c->index < SAGA_NOTES && key.p)
        take_saga(&e->flight->sagas[c->index], key);
}

void engine_flight_saga_ended(struct belay_engine *e, const struct engine_call *c)
{
    if (c->index < SAGA_NOTES)
        e->flight->sagas[c->index].n = 0;
}

void engine_flight_saga_at_work(struct belay_engine *e, struct belay_str key)
{
    take_saga(&e->flight->saga_at_work, key);
}

void engine_flight_at_work(struct belay_engine *e, uint32_t sub, uint64_t sequence)
{
    e->flight->saga_at_work.n = 0; /* it is known when its turn comes */
    take(&e->flight->at_work, sub, sequence);
}

void engine_flight_idle(struct belay_engine *e)
{
    drop(&e->flight->at_work);
}

void engine_flight_note(struct belay_engine *e, const struct engine_run *r)
{
    const struct belay_delivery *d = r->delivery;
    BELAY_ASSERT(d && r->index < e->run_max);
    take(&e->flight->notes[r->index], belay_subscription_id(d->sub), d->sequence);
}

void engine_flight_unnote(struct belay_engine *e, const struct engine_run *r)
{
    BELAY_ASSERT(r->index < e->run_max);
    drop(&e->flight->notes[r->index]);
}

void engine_flight_other(struct belay_engine *e, bool begins)
{
    BELAY_ASSERT(begins || e->flight->others);
    e->flight->others += begins ? 1 : UINT32_MAX;
}

bool engine_flight_is_known(struct belay_engine *e)
{
    if (engine_is_uncounted(e) && !engine_crash_count(e))
        return false;
    if (e->crash_position == 0)
        return true;
    if (belay_store_durable(e->store) < e->crash_position)
        return false;
    engine_flight_clear(e);
    e->crash_position = 0;
    return true;
}

void engine_flight_close(struct belay_engine *e)
{
    belay_file_close(e->flight_file);
    e->flight_file = NULL;
    e->flight = NULL;
}
