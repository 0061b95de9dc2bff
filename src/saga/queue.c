/* queue.c - who is next: timers, due rows, gates of connections, flights. */
#include "saga/queue.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/limits.h"
#include "saga/cache.h"
#include "saga/room.h"

#define SCAN_ROWS 32     /* due rows looked at in one go */
#define GATE_POLL_MS 100 /* evicted while its connection was full: looked at again */

/* ---- due rows ---- */

void saga_queue_due(struct belay_sagas *s, belay_time due)
{
    if (due < s->rows_due)
        s->rows_due = due;
    if (due < s->pass_due)
        s->pass_due = due;
}

void saga_queue_note(struct belay_sagas *s, const struct saga *i)
{
    belay_time due = i->entry;
    if (i->gated) { /* or it would come back at once, to be evicted again */
        belay_time poll = belay_time_add_ms(s->now, GATE_POLL_MS);
        due = due > poll ? due : poll;
        s->gates_overflowed = true;
    }
    saga_queue_due(s, due);
}

static void end_scan(struct belay_sagas *s, belay_time next)
{
    s->scan_key_n = 0;
    s->rows_due = next < s->pass_due ? next : s->pass_due;
}

static bool scan_instance(struct belay_sagas *s, struct belay_str rest)
{
    struct saga_key key;
    struct saga *i;
    if (rest.n > sizeof key.bytes || belay_map_get(&s->sagas, rest))
        return true; /* in memory: its timer counts */
    key.n = (uint16_t)rest.n;
    memcpy(key.bytes, rest.p, rest.n);
    int status = saga_cache_get(s, &key, &i, NULL);
    if (status == BELAY_NOMEM)
        return false;
    if (status == BELAY_OK)
        belay_list_push(&s->ready, &i->node);
    return true;
}

/* The row behind the one that was scanned last. What is no row of ours (the disk's, another program's) is passed over. */
static bool next_row(struct belay_sagas *s, struct belay_str *ret_key)
{
    char from[BELAY_STATE_KEY_BYTES_MAX] = { 0 };
    size_t n = s->scan_key_n ? s->scan_key_n : 1;
    bool after = s->scan_key_n > 0;
    struct belay_str value;
    memcpy(from, s->scan_key, s->scan_key_n);
    while (belay_state_seek(s->state, BELAY_TABLE_SAGA_DUE, belay_str(from, n), after, BELAY_STR_NONE, ret_key, &value)) {
        if (ret_key->n >= DUE_KEY_BYTES_MIN && ret_key->n <= sizeof s->scan_key)
            return true;
        n = ret_key->n;
        memcpy(from, ret_key->p, n);
        after = true;
    }
    return false;
}

void saga_queue_scan(struct belay_sagas *s, belay_time now)
{
    for (int n = 0; n < SCAN_ROWS && s->rows_due <= now; n++) {
        struct belay_str key;
        if (s->scan_key_n == 0)
            s->pass_due = BELAY_TIME_NEVER;
        if (!next_row(s, &key)) {
            end_scan(s, BELAY_TIME_NEVER);
            return;
        }
        belay_time due = (belay_time)belay_load_be64(key.p);
        if (due > now) {
            end_scan(s, due);
            return;
        }
        s->scan_key_n = key.n;
        memcpy(s->scan_key, key.p, key.n);
        if (!scan_instance(s, belay_str(s->scan_key + 8, s->scan_key_n - 8))) {
            /* no room for it now: the next scan comes by again */
            end_scan(s, belay_time_add_ms(now, 10));
            return;
        }
    }
}

static void fire_timers(struct belay_sagas *s, belay_time now)
{
    struct belay_heap_node *node;
    while ((node = belay_heap_min(&s->timers)) && node->key <= now) {
        struct saga *i = BELAY_CONTAINER_OF(node, struct saga, timer);
        saga_cache_take(s, i);
        belay_list_push(&s->ready, &i->node);
    }
}

/* The first of each gate may try its luck: one look a call, not one an instance. */
static void knock_at_gates(struct belay_sagas *s)
{
    for (uint32_t g = 0; g < s->gate_count && s->gated; g++) {
        struct belay_list *waiting = &s->gates[g]->waiting;
        if (belay_list_empty(waiting))
            continue;
        struct saga *i = BELAY_CONTAINER_OF(waiting->next, struct saga, node);
        saga_cache_take(s, i);
        i->knocks = true;
        belay_list_insert_before(s->ready.next, &i->node);
    }
}

void saga_queue_fill(struct belay_sagas *s, belay_time now)
{
    fire_timers(s, now);
    knock_at_gates(s);
    if (s->gates_overflowed && s->gated < BELAY_SAGAS_IN_MEMORY / 4) {
        s->gates_overflowed = false;
        saga_queue_due(s, 0);
    }
    if (belay_list_empty(&s->ready))
        saga_queue_scan(s, now);
}

/* ---- gates ---- */

static struct gate *find_gate(struct belay_sagas *s, struct belay_str connection)
{
    for (uint32_t g = 0; g < s->gate_count; g++)
        if (belay_str_eq(s->gates[g]->connection, connection))
            return s->gates[g];
    return NULL;
}

static void free_gate(struct gate *gate)
{
    if (gate)
        belay_free((void *)gate->connection.p);
    belay_free(gate);
}

static struct gate *new_gate(struct belay_sagas *s, struct belay_str connection)
{
    if (s->gate_count == s->gate_cap) {
        uint32_t cap = s->gate_cap ? s->gate_cap * 2 : 8;
        struct gate **gates = belay_realloc(s->gates, cap * sizeof *gates);
        if (!gates)
            return NULL;
        s->gates = gates;
        s->gate_cap = cap;
    }
    struct gate *gate = belay_calloc(1, sizeof *gate);
    if (!gate)
        return NULL;
    gate->connection = belay_str(belay_memdup0(connection.p, connection.n), connection.n);
    if (!gate->connection.p) {
        free_gate(gate);
        return NULL;
    }
    belay_list_init(&gate->waiting);
    return s->gates[s->gate_count++] = gate;
}

int saga_gate_wait(struct belay_sagas *s, struct belay_str connection, struct saga *i, bool first)
{
    struct gate *gate = find_gate(s, connection);
    if (!gate && !(gate = new_gate(s, connection)))
        return BELAY_NOMEM;
    BELAY_ASSERT(i->flight == FLIGHT_NONE && connection.n);
    saga_cache_take(s, i);
    belay_list_insert_before(first ? gate->waiting.next : &gate->waiting, &i->node);
    i->gated = true;
    s->gated++;
    return BELAY_OK;
}

void saga_gates_free(struct belay_sagas *s)
{
    for (uint32_t g = 0; g < s->gate_count; g++)
        free_gate(s->gates[g]);
    belay_free(s->gates);
}

/* ---- flights: a request's id is slot and generation ---- */

#define NO_SLOT UINT32_MAX

int saga_flight_reserve(struct belay_sagas *s)
{
    if (s->flight_free != NO_SLOT)
        return BELAY_OK;
    uint32_t cap = s->flight_cap ? s->flight_cap * 2 : 64;
    struct flight_slot *flights = belay_realloc(s->flights, cap * sizeof *flights);
    if (!flights)
        return BELAY_NOMEM;
    for (uint32_t n = s->flight_cap; n < cap; n++)
        flights[n]
            = (struct flight_slot){ .generation = 1, .next_free = n + 1 < cap ? n + 1 : NO_SLOT };
    s->flight_free = s->flight_cap;
    s->flights = flights;
    s->flight_cap = cap;
    return BELAY_OK;
}

uint64_t saga_flight_begin(struct belay_sagas *s, struct saga *i, enum flight purpose,
                           bool repeatable)
{
    BELAY_ASSERT(s->flight_free != NO_SLOT && i->flight == FLIGHT_NONE);
    struct flight_slot *slot = &s->flights[s->flight_free];
    i->slot = s->flight_free;
    s->flight_free = slot->next_free;
    slot->saga = i;
    i->flight = (uint8_t)purpose;
    i->repeatable = repeatable;
    i->again = false;
    return (uint64_t)slot->generation << 32 | i->slot;
}

struct saga *saga_flight_of(struct belay_sagas *s, uint64_t id)
{
    uint32_t n = (uint32_t)id;
    if (n >= s->flight_cap || s->flights[n].generation != id >> 32)
        return NULL;
    return s->flights[n].saga;
}

void saga_flight_end(struct belay_sagas *s, struct saga *i)
{
    BELAY_ASSERT(i->flight != FLIGHT_NONE && i->slot < s->flight_cap);
    struct flight_slot *slot = &s->flights[i->slot];
    BELAY_ASSERT(slot->saga == i);
    slot->saga = NULL;
    slot->generation++;
    slot->next_free = s->flight_free;
    s->flight_free = i->slot;
    i->flight = FLIGHT_NONE;
}
