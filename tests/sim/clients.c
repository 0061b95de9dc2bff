/* Callers of the APIs.  Each wish has its idempotency key; a caller asks until the answer that counts
 * came, and sometimes once more: then the answer must be the same, byte for byte. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/hash.h"
#include "sim/world.h"

static void wish_init(struct sim_wish *wish, const char *operation, const char *key,
                      const char *body)
{
    snprintf(wish->operation, sizeof wish->operation, "%s", operation);
    snprintf(wish->key, sizeof wish->key, "%s", key);
    snprintf(wish->body, sizeof wish->body, "%s", body);
}

static void order_init(struct sim_world *w, uint32_t i)
{
    struct sim_order *o = &w->orders[i];
    char key[40], body[96];
    snprintf(o->id, sizeof o->id, "o%u", i);
    snprintf(key, sizeof key, "key-o%u", i);
    o->declined = sim_chance(w, 150);
    o->unshippable = !o->declined && sim_chance(w, w->kind == SIM_UNDOING ? 700 : 200);
    o->unbookable = sim_chance(w, 100);
    o->stuck = sim_chance(w, 100);
    o->unmailable = sim_chance(w, 100);
    snprintf(body, sizeof body, "{\"order_id\":\"%s\",\"amount\":%u,\"card\":\"" SIM_CANARY "-%u\"}", o->id, 10 + i, i);
    wish_init(&o->wish, "placeOrder", key, body);
}

static void lane_init(struct sim_world *w, uint32_t i)
{
    struct sim_lane *lane = &w->lanes[i];
    snprintf(lane->name, sizeof lane->name, "l%u", i % 100000);
    lane->count = 1 + (uint32_t)sim_below(w, w->request_killer[0] ? 3 : SIM_EVENTS_MAX);
    for (uint32_t n = 0; n < lane->count; n++) {
        char key[40], body[96];
        snprintf(key, sizeof key, "key-%s-%u", lane->name, n);
        snprintf(body, sizeof body, "{\"lane\":\"%s\",\"n\":%u}", lane->name, n);
        wish_init(&lane->events[n].wish, "postEvent", key, body);
        lane->events[n].bad = sim_chance(w, w->kind == SIM_LETTERS || w->kind == SIM_DEATHLESS ? 300 : 100);
    }
}

void sim_clients_init(struct sim_world *w)
{
    w->order_count = 1 + (uint32_t)sim_below(w, SIM_ORDERS_MAX);
    w->lane_count = 1 + (uint32_t)sim_below(w, SIM_LANES_MAX);
    w->quote_count = (uint32_t)sim_below(w, SIM_QUOTES_MAX + 1);
    if (w->request_killer[0]) { /* a quiet world, so that it is alone now and then */
        w->quote_count += !w->quote_count;
        w->order_count = w->lane_count = 1;
    }
    for (uint32_t i = 0; i < w->order_count; i++)
        order_init(w, i);
    for (uint32_t i = 0; i < w->lane_count; i++)
        lane_init(w, i);
    for (uint32_t i = 0; i < w->quote_count; i++) {
        struct sim_quote *q = &w->quotes[i];
        char key[40], body[96];
        snprintf(q->id, sizeof q->id, "q%u", i);
        snprintf(key, sizeof key, "key-q%u", i);
        snprintf(body, sizeof body, "{\"order_id\":\"%s\"}", q->id);
        wish_init(&q->wish, "quote", key, body);
    }
    sim_transfers_init(w);
}

/* ---- asking ---- */

static struct sim_request *request_new(const char *operation, const char *body, const char *key)
{
    struct sim_request *q = belay_calloc(1, sizeof *q);
    BELAY_ASSERT(q);
    belay_arena_init(&q->arena, 1024, BELAY_MESSAGE_BYTES_MAX);
    struct belay_str text = belay_arena_str(&q->arena, belay_str_c(body));
    const belay_json *root;
    struct belay_err err;
    int status = belay_json_parse(text, NULL, &q->arena, &root, NULL, &err);
    BELAY_ASSERT(status == BELAY_OK);
    q->headers[0] = (struct belay_field){ BELAY_STR("content-type"), BELAY_STR("application/json") };
    if (key)
        q->headers[1] = (struct belay_field){ BELAY_STR("idempotency-key"),
                                              belay_arena_printf(&q->arena, "\"%s\"", key) };
    q->request = (struct belay_engine_request){
        .user = q, .api = BELAY_STR("front"),
        .operation = belay_arena_str(&q->arena, belay_str_c(operation)),
        .method = BELAY_STR("POST"), .target = BELAY_STR("/"),
        .headers = q->headers, .header_count = key ? 2 : 1,
        .body = text, .content_type = BELAY_STR("application/json"), .body_json = root,
    };
    return q;
}

static void request_free(struct sim_request *q)
{
    belay_list_unlink(&q->node);
    belay_arena_deinit(&q->arena);
    belay_free(q);
}

static void send(struct sim_world *w, struct sim_request *q)
{
    struct belay_err err = { 0 };
    belay_list_push(&w->requests, &q->node);
    if (q->wish) {
        q->wish->asked++;
        if (q->wish->state == SIM_IDLE)
            q->wish->state = SIM_ASKED;
    }
    int status = belay_engine_request(w->engine, &q->request, sim_clock(w), &err);
    sim_trace(w, "ask %.*s %s%s: %s", BELAY_STR_ARG(q->request.operation),
              q->wish ? q->wish->key : "", q->wish && q->wish->other_payload ? " (other payload)" : "",
              status == BELAY_OK ? "taken" : err.msg);
    if (status == BELAY_OK)
        return;
    if (status != BELAY_BUSY && status != BELAY_NOSPACE && status != BELAY_CANCELLED)
        sim_violation(w, "API", "a request was refused: %s", err.msg);
    if (q->wish && q->wish->state == SIM_ASKED)
        q->wish->state = SIM_IDLE;
    if (q->wish)
        q->wish->other_payload = false;
    request_free(q);
}

static bool waits_for_answer(const struct sim_world *w, const struct sim_wish *wish)
{
    for (const struct belay_list *l = w->requests.next; l != &w->requests; l = l->next)
        if (BELAY_CONTAINER_OF(l, struct sim_request, node)->wish == wish)
            return true;
    return false;
}

static void ask(struct sim_world *w, struct sim_wish *wish)
{
    const char *body = wish->body;
    if (!sim_edge_lets(w, wish))
        return;
    wish->other_payload = wish->state == SIM_ANSWERED && sim_chance(w, 200);
    struct sim_request *q = request_new(wish->operation,
                                        wish->other_payload ? "{\"other\":true}" : body, wish->key);
    q->wish = wish;
    send(w, q);
}

/* Mostly what is still wanted; sometimes again what was answered, or while it is being answered. */
static bool worth_asking(struct sim_world *w, const struct sim_wish *wish)
{
    switch (wish->state) {
    case SIM_IDLE: return true;
    case SIM_ASKED: return false;
    case SIM_ANSWERED: return !w->calm && !waits_for_answer(w, wish) && sim_chance(w, 30);
    }
    return false;
}

/* The next event of a lane is posted when the one before was accepted: so their order is known. */
static struct sim_wish *lane_wish(struct sim_world *w, struct sim_lane *lane)
{
    for (uint32_t n = 0; n < lane->count; n++) {
        struct sim_wish *wish = &lane->events[n].wish;
        if (wish->state != SIM_ANSWERED || worth_asking(w, wish))
            return wish;
    }
    return NULL;
}

static struct sim_wish *pick(struct sim_world *w)
{
    struct sim_wish *transfer = sim_transfers_wish(w);
    if (transfer)
        return transfer;
    if (w->request_killer[0] && sim_chance(w, 300))
        return &w->quotes[0].wish;
    uint64_t n = sim_below(w, 10);
    if (n < 4)
        return &w->orders[sim_below(w, w->order_count)].wish;
    if (n < 9)
        return lane_wish(w, &w->lanes[sim_below(w, w->lane_count)]);
    return w->quote_count ? &w->quotes[sim_below(w, w->quote_count)].wish : NULL;
}

static void ask_peek(struct sim_world *w)
{
    char body[48];
    snprintf(body, sizeof body, "{\"order_id\":\"o%u\"}", (unsigned)sim_below(w, w->order_count));
    send(w, request_new("peek", body, NULL));
}

bool sim_clients_act(struct sim_world *w)
{
    if (!w->calm && sim_chance(w, 50)) {
        ask_peek(w);
        return true;
    }
    for (int tries = 0; tries < 20; tries++) {
        struct sim_wish *wish = pick(w);
        if (wish && worth_asking(w, wish)) {
            ask(w, wish);
            return true;
        }
    }
    return false;
}

/* ---- being answered ---- */

static uint64_t hash_of(const struct belay_action_reply *r)
{
    uint64_t h = belay_hash64(r->body) + r->status;
    for (uint32_t i = 0; i < r->header_count; i++)
        h = (h ^ belay_hash64(r->headers[i].name)) * 31 + belay_hash64(r->headers[i].value);
    return h;
}

static void check_other_payload(struct sim_world *w, const struct sim_wish *wish,
                                const struct belay_action_reply *r)
{
    if (r->status != 422 && r->status != 503)
        sim_violation(w, "API", "%s with another payload was answered %u", wish->key, r->status);
}

static void answered(struct sim_world *w, struct sim_wish *wish, const struct belay_action_reply *r)
{
    uint64_t hash = hash_of(r);
    bool whole = strcmp(wish->operation, "quote") == 0 || strcmp(wish->operation, "transfer") == 0;
    uint32_t good = whole ? 200 : 202;
    if (r->status == good) {
        sim_transfers_told(w, wish);
        if (wish->state == SIM_ANSWERED && wish->answer_hash != hash)
            sim_violation(w, "API", "%s was answered differently the second time", wish->key);
        wish->state = SIM_ANSWERED;
        wish->answer_status = r->status;
        wish->answer_hash = hash;
        return;
    }
    if (r->status == 422 && belay_str_eq(r->type, BELAY_STR("poison"))) {
        sim_crashes_refused(w, r->detail);
        wish->state = wish->state == SIM_ASKED ? SIM_IDLE : wish->state;
        return;
    }
    if (wish->state == SIM_ANSWERED && r->status != 503)
        sim_violation(w, "API", "%s was answered %u before and %u now", wish->key,
                      wish->answer_status, r->status);
    if (good == 202 && r->status != 503 && r->status != 409)
        sim_violation(w, "API", "%s was answered %u (%.*s: %.*s)", wish->key, r->status,
                      BELAY_STR_ARG(r->type), BELAY_STR_ARG(r->detail));
    if (wish->state == SIM_ASKED)
        wish->state = SIM_IDLE;
}

void sim_clients_reply(struct sim_world *w, const struct belay_action_reply *r)
{
    struct sim_request *q = r->user;
    sim_trace(w, "reply %s %u %.*s", q->wish ? q->wish->key : "peek", r->status,
              BELAY_STR_ARG(r->problem ? r->type : r->body));
    if (!q->wish) {
        if (r->status != 200 && r->status != 503)
            sim_violation(w, "API", "peek was answered %u (%.*s)", r->status,
                          BELAY_STR_ARG(r->detail));
    } else if (q->wish->other_payload) {
        check_other_payload(w, q->wish, r);
        q->wish->other_payload = false;
    } else {
        answered(w, q->wish, r);
    }
    request_free(q);
}

void sim_clients_cut_off(struct sim_world *w)
{
    while (!belay_list_empty(&w->requests)) {
        struct sim_request *q = BELAY_CONTAINER_OF(w->requests.next, struct sim_request, node);
        if (q->wish && q->wish->state == SIM_ASKED)
            q->wish->state = SIM_IDLE;
        if (q->wish)
            q->wish->other_payload = false;
        request_free(q);
    }
}

bool sim_clients_content(const struct sim_world *w)
{
    bool content = belay_list_empty(&w->requests) && sim_transfers_content(w);
    for (uint32_t i = 0; i < w->order_count; i++)
        content &= w->orders[i].wish.state == SIM_ANSWERED;
    for (uint32_t i = 0; i < w->lane_count; i++)
        for (uint32_t n = 0; n < w->lanes[i].count; n++)
            content &= w->lanes[i].events[n].wish.state == SIM_ANSWERED;
    for (uint32_t i = 0; i < w->quote_count; i++)
        content &= w->quotes[i].wish.state == SIM_ANSWERED;
    return content;
}
