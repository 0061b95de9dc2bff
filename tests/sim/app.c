#include "sim/app.h"

#include <stdio.h>

#include "base/limits.h"
#include "config/config.h"

/*  api placeOrder -> orders -> saga fulfil -> work -> flow ship -> shipments -> saga
 *  api postEvent  -> events -> flow handle (two calls a message, lanes by key; people move what it holds aside)
 *                         `-> flow pipe   -> copies -> flow echo -> echoes, 3 s later
 *                         |   (effects inside the store: exactly once)
 *                         `-> flow read   -> reads, kept for 20 s -> flow count -> counts
 *                             (people make `read` seek, and pause `count` beyond the retention)
 *                         `-> flow hint   -> brief (four at most, three seconds to live, rejects)
 *                             -> flow see -> seen; what is rejected -> turned; what is late, or unseemly: a letter
 *                             (people pause `echo` and `see`, so that copies and brief fill)
 *  orders         -> flow mail -> mailed (two calls that nobody may repeat blindly)
 *  api quote      -> a synchronous call
 *  api transfer   -> two calls that nobody may repeat blindly, synchronous
 *  api peek       -> $saga
 *  timer tick     -> ticks */
static const char app_text[] =
    "belay: 1\n"
    "name: sim\n"
    "poison: { same_payload: 2, same_signature: 3, window: 1h }\n"
    "redact: { paths: [ card ] }\n"
    "policies:\n"
    "  gentle: { max_attempts: 3, initial: 200ms, multiplier: 2, max: 5s,"
    " rules: [ { when: 'HTTP:SERVER_ERROR', max_attempts: 5, initial: 100ms } ] }\n"
    "connections:\n"
    "  post: { http: { base_url: 'http://127.0.0.1:4' }, timeout: 2s, concurrency: 3, retry: gentle }\n"
    "  payments: { http: { base_url: 'http://127.0.0.1:1' }, idempotency: { header: Idempotency-Key },"
    " timeout: 2s, concurrency: 4, rate: { per_second: 8, burst: 2 },"
    " retry_budget: { share: 0.3, floor: 3 },"
    " breaker: { min_calls: 6, window: 5s, open: 1s, open_max: 4s } }\n"
    "  warehouse: { http: { base_url: 'http://127.0.0.1:2' }, timeout: 2s, concurrency: auto,"
    " concurrency_max: 6 }\n"
    "  sink: { http: { base_url: 'http://127.0.0.1:3' }, idempotency: { header: Idempotency-Key },"
    " timeout: 2s, concurrency: 4, retry_budget: { share: 0.2, floor: 2 },"
    " breaker: { min_calls: 5, window: 3s, open: 500ms, open_max: 5s, probes: 1 } }\n"
    "topics:\n"
    "  orders: { retain: 30d }\n"
    "  shipments: {}\n"
    "  events: { retain: 30d, max_messages: 24 }\n"
    "  copies: { retain: 30d, max_messages: 5 }\n"
    "  echoes: { retain: 30d }\n"
    "  aside: { retain: 30d }\n"
    "  reads: { retain: 20s }\n"
    "  counts: { retain: 30d }\n"
    "  seen: { retain: 30d }\n"
    "  mailed: { retain: 30d, discard: { reason: counted at the end } }\n"
    "  turned: { retain: 30d, discard: { reason: counted at the end } }\n"
    "queues:\n"
    "  work: { max_messages: 3 }\n"
    "  brief: { max_messages: 4, on_full: reject, ttl: 3s }\n"
    "  ticks: {}\n"
    "alerts: { to: nobody, channels: { nobody: { log: {} } } }\n"
    "apis:\n"
    "  front: { listen: '127.0.0.1:0', openapi: front.json, max_concurrent: 3, max_wait: 2s }\n"
    "flows:\n"
    "  accept-order:\n"
    "    from: { api: front, operation: placeOrder }\n"
    "    idempotency: { key: \"{% $headers.'idempotency-key' %}\", window: 24h }\n"
    "    steps:\n"
    "      - publish: { topic: orders, key: '{% order_id %}' }\n"
    "    reply: { status: 202, headers: { location: '/orders/{% order_id %}' } }\n"
    "  post-event:\n"
    "    from: { api: front, operation: postEvent }\n"
    "    idempotency: { key: \"{% $headers.'idempotency-key' %}\", window: 24h }\n"
    "    steps:\n"
    "      - publish: { topic: events, key: '{% lane %}' }\n"
    "    reply: { status: 202, body: '{% { \"n\": n } %}' }\n"
    "  quote:\n"
    "    from: { api: front, operation: quote }\n"
    "    idempotency: { key: \"{% $headers.'idempotency-key' %}\", window: 24h, concurrent: wait }\n"
    "    timeout: 20s\n"
    "    retry: { max_attempts: 4, initial: 100ms, max: 2s }\n"
    "    steps:\n"
    "      - call: { connection: payments, method: POST, path: /quotes,"
    " body: '{% { \"order\": order_id } %}' }\n"
    "        as: quote\n"
    "      - map: '{% { \"order_id\": order_id, \"quote\": $quote.body.n } %}'\n"
    "    reply: { status: 200 }\n"
    "  transfer:\n"
    "    from: { api: front, operation: transfer }\n"
    "    idempotency: { key: \"{% $headers.'idempotency-key' %}\", window: 24h, concurrent: wait }\n"
    "    timeout: 10s\n"
    "    retry: { max_attempts: 3, initial: 100ms, max: 1s }\n"
    "    steps:\n"
    "      - call: { connection: post, method: POST, path: /debits,"
    " body: '{% { \"transfer\": transfer } %}' }\n"
    "        resolve: { connection: post, method: GET, path: '/debits/{% transfer %}' }\n"
    "        as: debit\n"
    "      - call: { connection: post, method: POST, path: /credits,"
    " body: '{% { \"transfer\": transfer } %}' }\n"
    "        resolve: { connection: post, method: GET, path: '/credits/{% transfer %}' }\n"
    "        as: credit\n"
    "      - map: '{% { \"debit\": $exists($debit), \"credit\": $exists($credit) } %}'\n"
    "    reply: { status: 200 }\n"
    "  peek:\n"
    "    from: { api: front, operation: peek }\n"
    "    steps:\n"
    "      - map: '{% { \"status\": $string($saga(\"fulfil\", order_id).state) } %}'\n"
    "    reply: { status: 200 }\n"
    "  handle:\n"
    "    from: { topic: events, start: earliest }\n"
    "    lanes: { concurrency: 8, on_exhausted: park_key }\n"
    "    retry: { max_attempts: 4, initial: 200ms, multiplier: 2, max: 10s, jitter: full }\n"
    "    steps:\n"
    "      - call: { connection: sink, method: POST, path: /first,"
    " body: '{% { \"lane\": lane, \"n\": n } %}' }\n"
    "        name: first\n"
    "        as: first\n"
    "      - call: { connection: sink, method: POST, path: /second,"
    " body: '{% { \"lane\": lane, \"n\": n, \"first\": $first.body.n } %}' }\n"
    "        name: second\n"
    "  pipe:\n"
    "    from: { topic: events, start: earliest }\n"
    "    lanes: { concurrency: 16 }\n"
    "    steps:\n"
    "      - filter: { when: '{% n >= 0 %}', reason: negative }\n"
    "      - map: '{% { \"lane\": lane, \"n\": n, \"edition\": EDITION } %}'\n"
    "      - log: { message: 'piped {% n %}' }\n"
    "      - publish: { topic: copies, key: '{% lane %}' }\n"
    "  echo:\n"
    "    from: { topic: copies, start: earliest }\n"
    "    idempotency: { key: '{% lane & \"-\" & $string(n) %}', window: 24h }\n"
    "    lanes: { concurrency: 4 }\n"
    "    steps:\n"
    "      - publish: { topic: echoes, delay: 3s }\n"
    "  read:\n"
    "    from: { topic: events, start: earliest }\n"
    "    lanes: { concurrency: 8 }\n"
    "    steps:\n"
    "      - publish: { topic: reads, key: '{% lane %}' }\n"
    "  count:\n"
    "    from: { topic: reads, start: earliest }\n"
    "    lanes: { concurrency: 8, prefetch: 3 }\n"
    "    steps:\n"
    "      - publish: { topic: counts, key: '{% lane %}' }\n"
    "  hint:\n"
    "    from: { topic: events, start: earliest }\n"
    "    lanes: { concurrency: 4 }\n"
    "    retry: { max_attempts: 2, initial: 100ms, jitter: none }\n"
    "    steps:\n"
    "      - publish: { queue: brief }\n"
    "    on_error:\n"
    "      - when: [ 'BROKER:QUEUE_FULL' ]\n"
    "        steps:\n"
    "          - publish: { topic: turned }\n"
    "  see:\n"
    "    from: { queue: brief }\n"
    "    dead_letters: { expire_after: 2s, max_letters: 2, reason: a hint is worth nothing later }\n"
    "    lanes: { concurrency: 2 }\n"
    "    steps:\n"
    "      - map: '{% n % 4 = 3 ? $error(\"unseemly\") : $ %}'\n"
    "      - publish: { topic: seen }\n"
    "  mail:\n"
    "    from: { topic: orders, start: earliest }\n"
    "    lanes: { concurrency: 4, on_exhausted: skip }\n"
    "    retry: gentle\n"
    "    steps:\n"
    "      - call: { connection: post, method: POST, path: /mails,"
    " body: '{% { \"order\": order_id, \"card\": card } %}' }\n"
    "        name: mail\n"
    "        as: mail\n"
    "      - log: { message: 'mailed {% order_id %} about {% card %}' }\n"
    "      - call: { connection: post, method: POST, path: /texts,"
    " body: '{% { \"order\": order_id, \"card\": card } %}' }\n"
    "        resolve: { connection: post, method: GET, path: '/texts/{% order_id %}' }\n"
    "        name: text\n"
    "        as: text\n"
    "      - publish: { topic: mailed, key: '{% order_id %}', body: '{% { \"order_id\": order_id,"
    " \"mail\": $exists($mail), \"text\": $exists($text) } %}' }\n"
    "    on_error:\n"
    "      - when: [ 'HTTP:*', 'FLOW:INTERRUPTED' ]\n"
    "        steps:\n"
    "          - publish: { topic: mailed, key: '{% order_id %}', body: '{% { \"order_id\": order_id,"
    " \"mail\": $exists($mail), \"text\": $exists($text) } %}' }\n"
    "  ship:\n"
    "    from: { queue: work }\n"
    "    dead_letters: { expire_after: 2s, max_letters: 2, reason: the saga knows }\n"
    "    lanes: { key: '{% order_id %}', concurrency: 8, on_exhausted: park_key }\n"
    "    retry: { max_attempts: 5, initial: 200ms, multiplier: 2, max: 10s }\n"
    "    steps:\n"
    "      - call: { connection: warehouse, method: PUT, path: '/shipments/{% order_id %}',"
    " body: '{% { \"edition\": EDITION } %}' }\n"
    "        as: shipment\n"
    "      - publish: { topic: shipments, key: '{% order_id %}',"
    " body: '{% { \"order_id\": order_id, \"outcome\": \"shipped\" } %}' }\n"
    "    on_error:\n"
    "      - when: [ 'HTTP:CLIENT_ERROR', VALIDATION ]\n"
    "        steps:\n"
    "          - publish: { topic: shipments, key: '{% order_id %}',"
    " body: '{% { \"order_id\": order_id, \"outcome\": \"failed\" } %}' }\n"
    "          - dead_letter: { skip: true }\n"
    "  tick:\n"
    "    from: { timer: 30s }\n"
    "    steps:\n"
    "      - publish: { queue: ticks }\n"
    "  tock:\n"
    "    from: { queue: ticks }\n"
    "    steps:\n"
    "      - log: { message: tock }\n"
    "sagas:\n"
    "  fulfil:\n"
    "    from: { topic: orders, start: earliest }\n"
    "    id: '{% order_id %}'\n"
    "    deadline: 30m\n"
    "    dead_letters: { expire_after: 2s, max_letters: 2, reason: no order comes of it }\n"
    "    retry: { max_attempts: 4, initial: 200ms, multiplier: 2, max: 10s }\n"
    "    steps:\n"
    "      - name: reserve\n"
    "        call: { connection: warehouse, method: PUT, path: '/reservations/{% order_id %}',"
    " body: '{% { \"order\": order_id } %}' }\n"
    "        compensate:\n"
    "          call: { connection: warehouse, method: DELETE, path: '/reservations/{% order_id %}' }\n"
    "          retry: { max_attempts: 2, initial: 200ms, max: 1s }\n"
    "      - name: charge\n"
    "        call: { connection: payments, method: POST, path: /charges,"
    " body: '{% { \"order\": order_id, \"amount\": amount } %}' }\n"
    "        resolve: { connection: payments, method: GET, path: '/charges/{% order_id %}' }\n"
    "        compensate:\n"
    "          call: { connection: payments, method: POST, path: '/charges/{% order_id %}/refund' }\n"
    "          retry: { max_attempts: 2, initial: 200ms, max: 1s }\n"
    "      - name: ship\n"
    "        publish: { queue: work }\n"
    "        await: { topic: shipments, match: '{% order_id %}', timeout: 10m,"
    " fail_when: \"{% outcome = 'failed' %}\" }\n"
    "        compensate:\n"
    "          call: { connection: warehouse, method: DELETE, path: '/shipments/{% order_id %}' }\n"
    "          retry: { max_attempts: 2, initial: 200ms, max: 1s }\n"
    "        pivot: true\n"
    "      - name: book\n"
    "        timeout: 60s\n"
    "        retry: { max_attempts: 1000, initial: 200ms, multiplier: 2, max: 5s, jitter: none }\n"
    "        call: { connection: warehouse, method: PUT, path: '/bookings/{% order_id %}' }\n";

static const char openapi_text[] =
    "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"sim\",\"version\":\"1\"},\"paths\":{"
    "\"/orders\":{\"post\":{\"operationId\":\"placeOrder\"}},"
    "\"/events\":{\"post\":{\"operationId\":\"postEvent\"}},"
    "\"/quotes\":{\"post\":{\"operationId\":\"quote\"}},"
    "\"/transfers\":{\"post\":{\"operationId\":\"transfer\"}},"
    "\"/peek\":{\"post\":{\"operationId\":\"peek\"}}}}";

static int edition_now;

/* The text with EDITION replaced by the edition's number. */
static int read_text(void *arg, const char *path, struct belay_buf *out, struct belay_err *err)
{
    (void)arg;
    (void)err;
    if (strstr(path, "front.json")) {
        belay_buf_put_str(out, belay_str_c(openapi_text));
        return BELAY_OK;
    }
    for (const char *p = app_text; *p;) {
        if (strncmp(p, "EDITION", 7) == 0) {
            belay_buf_put_c(out, (char)('1' + edition_now));
            p += 7;
        } else {
            belay_buf_put_c(out, *p++);
        }
    }
    return BELAY_OK;
}

static const char *no_env(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return NULL;
}

static const char *const paths[] = { "sim.belay.yaml" };
static const struct belay_config_opt config_opt = { .paths = paths, .path_count = 1,
                                                    .env = no_env, .read = read_text };

static void print_problems(const struct belay_problems *problems)
{
    struct belay_buf out;
    belay_buf_init(&out, BELAY_MIB(1));
    for (uint32_t i = 0; i < problems->count; i++)
        if (problems->items[i].level == BELAY_PROBLEM_ERROR)
            belay_problem_write(&out, &problems->items[i]);
    fprintf(stderr, "%.*s", BELAY_STR_ARG(belay_buf_view(&out)));
    belay_buf_deinit(&out);
}

static struct belay_definitions *load(int edition)
{
    struct belay_problems problems;
    struct belay_definitions *d = NULL;
    struct belay_err err = { 0 };
    belay_problems_init(&problems);
    edition_now = edition;
    if (belay_config_load(&config_opt, &d, &problems, &err) != BELAY_OK) {
        fprintf(stderr, "sim: %s\n", err.msg);
        print_problems(&problems);
    }
    belay_problems_deinit(&problems);
    return d;
}

struct belay_definitions *sim_app(int edition)
{
    static struct belay_definitions *editions[2];
    if (!editions[edition])
        editions[edition] = load(edition);
    return editions[edition] ? belay_definitions_ref(editions[edition]) : NULL;
}

int sim_app_recompile(void *arg, const struct belay_definitions *current, const char *kind,
                      struct belay_str text, struct belay_definitions **ret_one,
                      struct belay_err *err)
{
    struct belay_problems problems;
    (void)arg;
    (void)kind;
    belay_problems_init(&problems);
    int status = belay_config_recompile(&config_opt, (struct belay_definitions *)current, text,
                                        ret_one, &problems, err);
    if (status != BELAY_OK)
        print_problems(&problems);
    belay_problems_deinit(&problems);
    return status;
}
