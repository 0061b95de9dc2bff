/* Outside systems: payments and sink honour idempotency keys, warehouse's methods are idempotent.
 * A call has its effect when it arrives or just before its answer; the answer may be lost, or a lie is
 * told about nothing: what the engine is told is exactly what connector.h promises. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "sim/world.h"

static void copy(char *to, size_t size, struct belay_str from)
{
    snprintf(to, size, "%.*s", BELAY_STR_ARG(from));
}

static struct belay_str param(const struct belay_call_request *q, const char *name)
{
    for (uint32_t i = 0; i < q->param_count; i++)
        if (belay_str_eq(q->params[i].name, belay_str_c(name)))
            return q->params[i].value;
    return BELAY_STR_NONE;
}

/* ---- what a call does ---- */

static void forward(struct sim_world *w, struct sim_order *o, const char *what)
{
    if (o->undoing)
        sim_violation(w, "G5", "%s of %s after its compensation had begun", what, o->id);
}

static void charge(struct sim_world *w, struct sim_order *o, const char *key)
{
    if (o->charged && strcmp(o->charge_key, key) != 0)
        sim_violation(w, "G3", "%s is charged twice, under different keys", o->id);
    forward(w, o, "charge");
    o->charged = true;
    snprintf(o->charge_key, sizeof o->charge_key, "%s", key);
}

static void refund(struct sim_world *w, struct sim_order *o)
{
    if (o->shipped && !o->unshipped && !o->left_shipped)
        sim_violation(w, "G5", "%s is refunded before its shipment is undone", o->id);
    o->undoing = true;
    if (o->charged)
        o->refunded = true;
}

static void unreserve(struct sim_world *w, struct sim_order *o)
{
    if (o->charged && !o->refunded && !o->left_charged)
        sim_violation(w, "G5", "%s is unreserved before its charge is undone", o->id);
    if (o->shipped && !o->unshipped && !o->left_shipped)
        sim_violation(w, "G5", "%s is unreserved before its shipment is undone", o->id);
    o->undoing = true;
    if (o->reserved)
        o->unreserved = true;
}

static void unship(struct sim_order *o)
{
    o->undoing = true;
    if (o->shipped)
        o->unshipped = true;
}

static void order_effect(struct sim_world *w, struct sim_call *c, struct sim_order *o)
{
    bool deleting = strcmp(c->method, "DELETE") == 0;
    if (sim_mails_effect(w, c->method, c->path, o))
        return;
    if (o->book_asked && (deleting || strstr(c->path, "/refund")))
        sim_violation(w, "G5", "%s goes back over its pivot", o->id);
    if (strncmp(c->path, "/bookings/", 10) == 0)
        o->booked = true;
    if (strncmp(c->path, "/reservations/", 14) == 0) {
        if (deleting) {
            unreserve(w, o);
        } else {
            forward(w, o, "reservation");
            o->reserved = true;
        }
    } else if (strncmp(c->path, "/shipments/", 11) == 0) {
        if (deleting) {
            unship(o);
        } else {
            forward(w, o, "shipment");
            o->shipped = true;
        }
    } else if (strcmp(c->path, "/charges") == 0) {
        charge(w, o, c->key);
    } else if (strstr(c->path, "/refund")) {
        refund(w, o);
    }
}

/* The sink sees the messages of a lane in order, each to its end before the next one begins (G2). */
static void event_effect(struct sim_call *c, struct sim_event *ev)
{
    if (strcmp(c->path, "/first") == 0)
        ev->first = true;
    else
        ev->second = true;
}

static struct belay_str id_in_path(const char *path)
{
    const char *slash = strchr(path + 1, '/');
    const char *end = slash ? strchr(slash + 1, '/') : NULL;
    if (!slash)
        return BELAY_STR_NONE;
    return belay_str(slash + 1, end ? (size_t)(end - slash - 1) : strlen(slash + 1));
}

static struct belay_str text_of(const belay_json *v)
{
    return v && v->type == BELAY_JSON_STRING ? belay_json_str(v) : BELAY_STR_NONE;
}

struct subject { /* what a call is about */
    struct sim_order *order;
    struct sim_event *event;
    struct sim_lane *lane;
    int64_t n;
};

static void find_subject(struct sim_world *w, const struct sim_call *c, struct subject *s)
{
    struct belay_arena arena;
    struct belay_err err;
    const belay_json *root = NULL;
    *s = (struct subject){ 0 };
    belay_arena_init(&arena, 1024, BELAY_MIB(1));
    if (c->body[0]
        && belay_json_parse(belay_str_c(c->body), NULL, &arena, &root, NULL, &err) != BELAY_OK)
        sim_violation(w, "G7", "a call carries what is no JSON: %s", c->body);
    struct belay_str id = text_of(belay_json_get(root, BELAY_STR("order")));
    if (!id.n)
        id = id_in_path(c->path);
    s->order = sim_order_by_id(w, id);
    const belay_json *n = belay_json_get(root, BELAY_STR("n"));
    if (n && n->type == BELAY_JSON_INT) {
        s->n = n->u.i;
        s->event = sim_event_by_n(w, text_of(belay_json_get(root, BELAY_STR("lane"))), s->n, &s->lane);
    }
    belay_arena_deinit(&arena);
}

static void work(struct sim_world *w, struct sim_call *c)
{
    struct subject s;
    if (!c->works || c->worked)
        return;
    c->worked = true;
    find_subject(w, c, &s);
    sim_trace(w, "%s does %s %s (%s)", c->connection, c->method, c->path, c->body);
    if (s.event)
        event_effect(c, s.event);
    else if (!sim_transfers_effect(w, c) && s.order)
        order_effect(w, c, s.order);
}

/* ---- arriving ---- */

/* The order of a lane, as the sink sees it: n may begin only when all before it are over. */
static void check_lane(struct sim_world *w, const struct sim_call *c, struct subject *s)
{
    bool first = strcmp(c->path, "/first") == 0;
    sim_lanes_asked(w, s->lane, s->event, s->n);
    s->event->asked++;
    for (int64_t i = 0; i < s->n; i++)
        if (!s->lane->events[i].second_ok && !s->lane->events[i].left && !s->lane->events[i].passed)
            sim_violation(w, "G2", "%s-%lld is handled before %s-%lld is over", s->lane->name,
                          (long long)s->n, s->lane->name, (long long)i);
    for (uint32_t i = (uint32_t)s->n + 1; i < s->lane->count; i++)
        if (s->lane->events[i].first_asked && !s->event->left)
            sim_violation(w, "G2", "%s-%lld is handled again after %s-%u", s->lane->name,
                          (long long)s->n, s->lane->name, i);
    if (first && s->event->second_asked)
        sim_violation(w, "G3", "%s-%lld forgot that its first call had succeeded", s->lane->name,
                      (long long)s->n);
    if (first)
        s->event->first_asked = true;
    else
        s->event->second_asked = true;
}

/* Past the pivot, as the warehouse sees it; its step has a minute, in which 200 ms doubling up to 5 s are
 * sixteen attempts, a few more where the process dies. */
static void check_booking(struct sim_world *w, const struct sim_call *c, struct sim_order *o)
{
    if (strncmp(c->path, "/bookings/", 10) != 0)
        return;
    forward(w, o, "booking");
    o->book_asked = true;
    if (++o->book_calls > 40 + 2 * w->crashes)
        sim_violation(w, "SAGA", "%s is asked to be booked for longer than its step may take", o->id);
}

static bool refused_for_good(struct sim_world *w, const struct sim_call *c, const struct subject *s)
{
    if (s->event)
        return s->event->bad && !w->calm;
    if (!s->order)
        return false;
    bool put = strcmp(c->method, "PUT") == 0;
    return (s->order->declined && strcmp(c->path, "/charges") == 0)
           || (s->order->unmailable && strcmp(c->path, "/mails") == 0)
           || (s->order->unbookable && strncmp(c->path, "/bookings/", 10) == 0)
           || (s->order->unshippable && put && strncmp(c->path, "/shipments/", 11) == 0);
}

static void set(struct sim_call *c, enum belay_class class_, const char *type, uint32_t status)
{
    c->outcome.ok = false;
    c->outcome.class_ = class_;
    c->outcome.type = belay_str_c(type);
    c->outcome.description = belay_str_c(belay_class_name(class_));
    c->outcome.status = status;
    c->works = false;
}

/* What a `resolve` asks for. */
static bool is_there(const struct sim_call *c, const struct sim_order *o)
{
    return strncmp(c->path, "/texts/", 7) == 0 ? o->texts > 0 : o->charged;
}

static bool is_backwards(const struct sim_call *c)
{
    return strcmp(c->method, "DELETE") == 0 || strstr(c->path, "/refund");
}

/* Decides what will become of the call. */
static void plan(struct sim_world *w, struct sim_call *c, const struct subject *s)
{
    uint64_t n = sim_below(w, 100);
    uint32_t refused = sim_transfers_refuse(w, c);
    c->works = true;
    c->outcome.ok = true;
    c->outcome.status = 200;
    if (refused) {
        set(c, BELAY_CLASS_PERMANENT, "HTTP:CLIENT_ERROR", refused);
    } else if (strcmp(c->method, "GET") == 0 && s->order && !is_there(c, s->order)) {
        set(c, BELAY_CLASS_PERMANENT, "HTTP:CLIENT_ERROR", 404);
    } else if (refused_for_good(w, c, s)) {
        if (s->event)
            s->event->refused = true;
        set(c, BELAY_CLASS_PERMANENT, "HTTP:CLIENT_ERROR", 422);
    } else if (s->order && s->order->stuck && strncmp(c->path, "/bookings/", 10) == 0) {
        set(c, BELAY_CLASS_TRANSIENT, "HTTP:SERVER_ERROR", 503);
    } else if (w->kind == SIM_UNDOING && !w->calm && is_backwards(c) && sim_chance(w, 700)) {
        set(c, BELAY_CLASS_TRANSIENT, "HTTP:SERVER_ERROR", 503); /* until a person is asked */
    } else if (n < w->faults * 4 / 10) {
        bool silent = sim_chance(w, 500);
        set(c, silent ? BELAY_CLASS_UNKNOWN_OUTCOME : BELAY_CLASS_TRANSIENT,
            silent ? "HTTP:TIMEOUT" : "HTTP:CONNECTIVITY", 0);
        c->works = silent && sim_chance(w, 600); /* done, and nobody says so */
    } else if (n < w->faults * 8 / 10) {
        set(c, BELAY_CLASS_TRANSIENT, "HTTP:SERVER_ERROR", sim_chance(w, 500) ? 500 : 503);
        c->outcome.retry_after_ms = sim_chance(w, 300) ? 1000 : 0;
    }
}

static void shape(struct sim_world *w, struct sim_call *c)
{
    c->outcome.id = c->id;
    c->outcome.endpoint = belay_str_c(c->path);
    if (!c->outcome.ok && strstr(c->body, SIM_CANARY)) { /* whoever refuses quotes what he was sent */
        snprintf(c->answer, sizeof c->answer, "refused: %.50s", strstr(c->body, "\"card\""));
        c->outcome.description = c->outcome.body = belay_str_c(c->answer);
    }
    if (!c->outcome.ok)
        return;
    int n = snprintf(c->answer, sizeof c->answer, "{\"n\":%u}", ++w->quotes_made);
    static const struct belay_field json = { BELAY_STR_INIT("content-type"),
                                             BELAY_STR_INIT("application/json") };
    c->outcome.headers = &json;
    c->outcome.header_count = 1;
    c->outcome.body = belay_str(c->answer, (size_t)n);
}

void sim_endpoint_call(struct sim_world *w, const struct belay_connection_def *connection,
                       const struct belay_call_request *q)
{
    if (sim_below(w, 100) < w->faults / 10) {
        struct belay_err err;
        int status = belay_fail(&err, BELAY_BUSY, "the connection's queue is full");
        sim_trace(w, "call refused");
        belay_engine_call_refused(w->engine, q->id, status, &err, sim_clock(w));
        return;
    }
    struct sim_call *c = belay_calloc(1, sizeof *c);
    struct subject s;
    BELAY_ASSERT(c);
    c->id = q->id;
    copy(c->connection, sizeof c->connection, connection->name);
    copy(c->method, sizeof c->method, param(q, "method"));
    copy(c->path, sizeof c->path, param(q, "path"));
    copy(c->key, sizeof c->key, q->idempotency_key);
    copy(c->body, sizeof c->body, q->body);
    find_subject(w, c, &s);
    if (s.event)
        check_lane(w, c, &s);
    if (s.order)
        check_booking(w, c, s.order);
    plan(w, c, &s);
    shape(w, c);
    uint64_t latency = sim_chance(w, 50) || sim_transfers_concern(c->path) ? 1500 * SIM_MS : 20 * SIM_MS;
    c->due = w->now + 1 + (belay_time)sim_below(w, latency);
    sim_trace(w, "call %llx %s %s %s %s: %s", (unsigned long long)c->id, c->connection, c->method,
              c->path, c->body, c->outcome.ok ? "will do" : c->outcome.type.p);
    belay_list_push(&w->calls, &c->node);
    if (sim_chance(w, 500))
        work(w, c);
}

void sim_endpoint_cancel(struct sim_world *w, uint64_t id)
{
    for (struct belay_list *l = w->calls.next; l != &w->calls; l = l->next) {
        struct sim_call *c = BELAY_CONTAINER_OF(l, struct sim_call, node);
        if (c->id != id)
            continue;
        sim_trace(w, "cancel %llx", (unsigned long long)id);
        bool works = c->works;
        set(c, BELAY_CLASS_UNKNOWN_OUTCOME, "HTTP:CANCELLED", 0);
        c->works = works && sim_chance(w, 500);
        if (sim_transfers_concern(c->path))
            work(w, c); /* now or never: who asks what became of it is told the truth */
        c->outcome.body = BELAY_STR_NONE;
        c->outcome.header_count = 0;
        c->due = w->now;
        return;
    }
}

/* ---- answering ---- */

static struct sim_call *first_due(const struct sim_world *w)
{
    struct sim_call *first = NULL;
    for (const struct belay_list *l = w->calls.next; l != &w->calls; l = l->next) {
        struct sim_call *c = BELAY_CONTAINER_OF(l, struct sim_call, node);
        if (!first || c->due < first->due)
            first = c;
    }
    return first;
}

belay_time sim_endpoints_wake_at(const struct sim_world *w)
{
    const struct sim_call *c = first_due(w);
    return c ? c->due : BELAY_TIME_NEVER;
}

static void call_free(struct sim_call *c)
{
    belay_list_unlink(&c->node);
    belay_free(c);
}

bool sim_endpoints_answer(struct sim_world *w)
{
    struct sim_call *c = first_due(w);
    struct subject s;
    if (!c || c->due > w->now)
        return false;
    work(w, c);
    find_subject(w, c, &s);
    if (s.event && c->outcome.ok && strcmp(c->path, "/second") == 0)
        s.event->second_ok = true;
    sim_trace(w, "answer %llx %s %s: %s", (unsigned long long)c->id, c->method, c->path,
              c->outcome.ok ? "ok" : c->outcome.type.p);
    belay_engine_outcome(w->engine, &c->outcome, sim_clock(w));
    call_free(c);
    return true;
}

/* What was sent arrives or not; nobody is there for the answer. */
void sim_endpoints_cut_off(struct sim_world *w)
{
    sim_lanes_cut_off(w);
    while (!belay_list_empty(&w->calls)) {
        struct sim_call *c = BELAY_CONTAINER_OF(w->calls.next, struct sim_call, node);
        if (sim_chance(w, 500))
            work(w, c);
        call_free(c);
    }
}
