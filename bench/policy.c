/* policy - what a decision costs, and how retries spread.
 *
 *   policy cost      nanoseconds of one decision each, the best of several rounds
 *   policy spread    10,000 messages fail at once; the system is back after 10 s.  For each jitter: attempts of
 *                    each second, and the most by which a second went over its budget (virtual time)
 *
 * Prints one line of JSON. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buckets.h"
#include "base/heap.h"
#include "base/list.h"
#include "policy/gate.h"
#include "policy/policy.h"

#define ROUNDS 10
#define TIMES 2000000

static const struct belay_gate_def gate_def = {
    .concurrency = 1000000,
    .rate = { 1e6, 1000000 },
    .budget = { .share = 0.2, .floor = 10, .window_ms = 10000, .concurrency = 0.25 },
    .breaker = { true, 0.5, 0.8, 0, 20, 10000, 5000, 60000, 2 },
};

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- cost ---- */

static volatile uint64_t sink;

static void breaker_once(struct belay_gate *g, belay_time now)
{
    sink += (uint64_t)belay_breaker_at(&g->breaker, &gate_def.breaker, now);
    belay_breaker_end(&g->breaker, &gate_def.breaker, false, 0, now % 8 ? BELAY_CALL_WELL : BELAY_CALL_FAILED, 900, now);
}

static void budget_once(struct belay_gate *g, belay_time now)
{
    belay_budget_first(&g->budget, &gate_def.budget, now);
    if (belay_budget_at(&g->budget, &gate_def.budget, now) <= now)
        sink += (uint64_t)belay_budget_retry(&g->budget, &gate_def.budget, now);
}

static void rate_once(struct belay_gate *g, belay_time now)
{
    if (belay_rate_at(&g->rate, &gate_def.rate, now) <= now)
        belay_rate_take(&g->rate, &gate_def.rate, now);
}

/* At the edge: one of a million callers who come in turns, as far apart in memory as they can be. */
static struct belay_buckets *buckets;

static void caller_once(struct belay_gate *g, belay_time now)
{
    static const struct belay_rate_def def = { 10, 20 };
    uint64_t who = (uint64_t)now * 0x9e3779b97f4a7c15u;
    bool shared;
    (void)g;
    struct belay_rate *r = belay_buckets_of(buckets, who, now, &shared);
    if (belay_rate_at(r, &def, now) <= now)
        belay_rate_take(r, &def, now);
    sink += shared;
}

static void limiter_once(struct belay_gate *g, belay_time now)
{
    belay_limiter_sample(&g->limiter, 1000, 900 + (uint64_t)(now % 100), 100, false);
    sink += belay_limiter_limit(&g->limiter, 1000);
}

/* A whole call: ask, begin, end. */
static void gate_once(struct belay_gate *g, belay_time now)
{
    struct belay_gate_ticket ticket;
    belay_time at;
    bool retry = now % 8 == 0;
    if (belay_gate_ask(g, &gate_def, retry, now, &at) != BELAY_GATE_GO)
        return;
    belay_gate_begin(g, &gate_def, retry, now, &ticket);
    belay_gate_end(g, &gate_def, &ticket, BELAY_CALL_WELL, now + 900);
}

static void retry_once(struct belay_gate *g, belay_time now)
{
    static const struct belay_str when[] = { BELAY_STR_INIT("HTTP:TIMEOUT"), BELAY_STR_INIT("HTTP:503") };
    static const struct belay_retry_rule rules[] = { { when, 2, { 9, 0, 100, 10000, 2, BELAY_JITTER_FULL, true, 0, NULL, 0 } } };
    static const struct belay_retry_def def = { 5, 0, 200, 30000, 2, BELAY_JITTER_FULL, true, 0, rules, 1 };
    static struct belay_fault fault = { .class_ = BELAY_CLASS_TRANSIENT, .status = 503, .type = "HTTP:SERVER_ERROR" };
    static struct belay_random random = { 5 };
    const struct belay_retry_question q = { &def, &fault, 1 + (uint32_t)(now % 8), 0, 0, true };
    uint64_t delay = 0;
    (void)g;
    belay_retry_decide(&q, &random, &delay);
    sink += delay;
}

static double best_ns(void (*once)(struct belay_gate *g, belay_time now))
{
    double best = 1e9;
    for (int round = 0; round < ROUNDS; round++) {
        struct belay_gate g = { 0 };
        double began = now_ns();
        for (belay_time n = 0; n < TIMES; n++)
            once(&g, 1000000 + n * 50);
        double ns = (now_ns() - began) / TIMES;
        best = ns < best ? ns : best;
    }
    return best;
}

static void cost(void)
{
    buckets = belay_buckets_new(10000);
    if (!buckets)
        exit(1);
    printf("{\"breaker\":%.1f,\"budget\":%.1f,\"rate\":%.1f,\"limiter\":%.1f,\"gate\":%.1f,\"retry\":%.1f,\"caller\":%.1f}\n",
           best_ns(breaker_once), best_ns(budget_once), best_ns(rate_once), best_ns(limiter_once),
           best_ns(gate_once), best_ns(retry_once), best_ns(caller_once));
    belay_buckets_free(buckets);
}

/* ---- spread ---- */

#define MESSAGES 10000
#define SECONDS 600
#define BACK_AT_S 10
#define FRESH_PER_S 500

struct message {
    struct belay_heap_node node; /* due */
    uint32_t attempt;
    uint64_t delay_ms;
};

struct spread {
    struct belay_heap due;
    struct belay_gate gate;
    struct belay_random random;
    struct belay_retry_def def;
    struct message *messages;
    uint32_t attempts[SECONDS], left;
    double over; /* the most by which a second went over its budget */
};

static void due_at(struct spread *s, struct message *m, belay_time at)
{
    if (belay_heap_insert(&s->due, &m->node, at) != BELAY_OK)
        exit(1);
}

static void failed(struct spread *s, struct message *m, belay_time now)
{
    const struct belay_fault fault = { .class_ = BELAY_CLASS_TRANSIENT, .type = "HTTP:SERVER_ERROR" };
    const struct belay_retry_question q = { &s->def, &fault, m->attempt, 0, m->delay_ms, true };
    if (belay_retry_decide(&q, &s->random, &m->delay_ms) != BELAY_RETRY_AGAIN)
        exit(1);
    due_at(s, m, belay_time_add_ms(now, (int64_t)m->delay_ms));
}

static void try_again(struct spread *s, struct message *m, belay_time now)
{
    belay_time at;
    struct belay_gate_ticket ticket;
    if (belay_gate_ask(&s->gate, &gate_def, true, now, &at) != BELAY_GATE_GO) {
        due_at(s, m, belay_gate_postpone(&s->gate, &gate_def, at, now, &s->random));
        return;
    }
    bool back = now >= BACK_AT_S * (belay_time)BELAY_US_PER_S;
    m->attempt++;
    s->attempts[now / BELAY_US_PER_S]++;
    belay_gate_begin(&s->gate, &gate_def, true, now, &ticket);
    belay_gate_end(&s->gate, &gate_def, &ticket, BELAY_CALL_WELL, now); /* the breaker is not what is looked at */
    if (back)
        s->left--;
    else
        failed(s, m, now);
}

static void fresh(struct spread *s, belay_time now)
{
    struct belay_gate_ticket ticket;
    belay_gate_begin(&s->gate, &gate_def, false, now, &ticket);
    belay_gate_end(&s->gate, &gate_def, &ticket, BELAY_CALL_WELL, now);
}

static void begin(struct spread *s, enum belay_jitter jitter)
{
    *s = (struct spread){ .random = { 11 }, .left = MESSAGES };
    s->def = (struct belay_retry_def){ 1000000, 0, 1000, 30000, 2, jitter, true, 0, NULL, 0 };
    s->messages = calloc(MESSAGES, sizeof *s->messages);
    belay_heap_init(&s->due);
    for (int i = 0; s->messages && i < MESSAGES; i++) {
        belay_heap_node_init(&s->messages[i].node);
        s->messages[i].attempt = 1;
        fresh(s, 0);
        failed(s, &s->messages[i], 0);
    }
}

static void run(struct spread *s)
{
    double most = 0; /* of the second that runs */
    for (belay_time now = 1000; s->left && now < SECONDS * (belay_time)BELAY_US_PER_S; now += 1000) {
        struct belay_heap_node *n;
        if (now % BELAY_US_PER_S == 0) {
            double over = s->attempts[now / BELAY_US_PER_S - 1] - most;
            s->over = over > s->over ? over : s->over;
            most = 0;
        }
        if (now % (BELAY_US_PER_S / FRESH_PER_S) == 0)
            fresh(s, now);
        while ((n = belay_heap_min(&s->due)) && n->key <= now) {
            belay_heap_remove(&s->due, n);
            try_again(s, BELAY_CONTAINER_OF(n, struct message, node), now);
        }
        double budget = belay_budget_per_second(&s->gate.budget, &gate_def.budget, now);
        most = budget > most ? budget : most;
    }
}

static void spread(void)
{
    static const char *const names[] = { "full", "equal", "decorrelated", "none" };
    printf("{");
    for (int jitter = BELAY_JITTER_FULL; jitter <= BELAY_JITTER_NONE; jitter++) {
        struct spread s;
        begin(&s, (enum belay_jitter)jitter);
        run(&s);
        printf("%s\"%s\":{\"left\":%u,\"over\":%.1f,\"attempts\":[", jitter ? "," : "", names[jitter], s.left, s.over);
        uint32_t last = SECONDS;
        while (last && !s.attempts[last - 1])
            last--;
        for (uint32_t i = 0; i < last; i++)
            printf("%s%u", i ? "," : "", s.attempts[i]);
        printf("]}");
        belay_heap_deinit(&s.due);
        free(s.messages);
    }
    printf("}\n");
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "cost") == 0)
        cost();
    else if (argc == 2 && strcmp(argv[1], "spread") == 0)
        spread();
    else
        return fprintf(stderr, "usage: policy cost|spread\n"), 64;
    return 0;
}
