/* main.c - order-partners: a payment service and a warehouse, in one small program with a ledger on disk.
 *
 * They stand for outside systems: they do what they are asked, remember it, and fail as they are told.
 *
 *   payments 7101                                  warehouse 7102
 *   POST /charges {order, amount}   201            PUT    /shipments/{id}   200
 *   GET  /charges/by-order/{id}     200, 404       DELETE /shipments/{id}   200
 *   POST /charges/by-order/{id}/refund  200, 404   GET    /shipments/{id}   200, 404
 *   both: GET, PUT /control (faults.h)   GET /ledger   GET /ledger/{order}
 *
 * A charge honours Idempotency-Key. A card is declined (402) where faults.decline chose the order or the
 * amount is 13.13; a shipment is rejected for good (409) where faults.reject chose it or its id begins with
 * "unshippable". */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "delay.h"
#include "faults.h"
#include "ledger.h"

#define NEVER_MS 120000 /* longer than anybody waits */
#define BODY_BYTES BELAY_KIB(16)

struct partners;

struct partner {
    struct partners *all;
    const char *name;
    struct faults faults;
    struct belay_http_server *server;
};

struct partners {
    struct ledger ledger;
    struct delay delay;
    struct belay_http_io *io;
    struct partner payments, warehouse;
};

enum { PAYMENTS_PORT = 7101, WAREHOUSE_PORT = 7102 };

static void answer(struct partner *p, struct belay_http_request *r, enum mishap mishap, uint32_t status,
                   const char *body)
{
    uint32_t after_ms = p->faults.latency_ms;
    if (mishap == MISHAP_LOST)
        status = 0;
    delay_answer(&p->all->delay, r, after_ms, status, belay_str_c(body));
}

/* True: the request has its (bad) answer, and nothing was done. */
static bool fails(struct partner *p, struct belay_http_request *r, enum mishap mishap)
{
    switch (mishap) {
    case MISHAP_ERROR:
        answer(p, r, mishap, 500, "{\"error\":\"something broke\"}");
        return true;
    case MISHAP_UNAVAILABLE:
        answer(p, r, mishap, 503, "{\"error\":\"come again later\"}");
        return true;
    case MISHAP_TIMEOUT:
        delay_answer(&p->all->delay, r, NEVER_MS, 0, BELAY_STR_NONE);
        return true;
    default:
        return false;
    }
}

static void answer_account(struct partner *p, struct belay_http_request *r, enum mishap mishap, uint32_t status,
                           const struct account *a)
{
    struct belay_buf body;
    belay_buf_init(&body, BODY_BYTES);
    account_write(a, &body);
    belay_buf_put_c(&body, '\0');
    answer(p, r, mishap, status, body.p);
    belay_buf_deinit(&body);
}

/* ---- payments ---- */

static void charge(struct partner *p, struct belay_http_request *r, enum mishap mishap)
{
    struct ledger *l = &p->all->ledger;
    const belay_json *order = belay_json_get(r->body_json, BELAY_STR("order"));
    const belay_json *amount = belay_json_get(r->body_json, BELAY_STR("amount"));
    struct account *a = ledger_key(l, r->idempotency_key);
    if (!order || order->type != BELAY_JSON_STRING || !amount || !belay_json_is_number(amount)) {
        answer(p, r, MISHAP_NONE, 400, "{\"error\":\"order and amount are wanted\"}");
        return;
    }
    bool again = a != NULL;
    double sum = belay_json_number(amount);
    bool declined = again ? a->done[DEED_CHARGE] == 0
                          : sum == 13.13 || faults_chosen(belay_json_str(order), "decline", p->faults.decline);
    if (!again)
        a = ledger_do(l, declined ? DEED_DECLINE : DEED_CHARGE, belay_json_str(order), r->idempotency_key, sum);
    if (!a)
        answer(p, r, MISHAP_NONE, 500, "{\"error\":\"no memory\"}");
    else if (declined)
        answer(p, r, mishap, 402, "{\"error\":\"the card was declined\"}");
    else
        answer_account(p, r, mishap, 201, a);
}

static void charge_of(struct partner *p, struct belay_http_request *r, enum mishap mishap, struct belay_str order)
{
    struct account *a = ledger_find(&p->all->ledger, order);
    if (!a || a->done[DEED_CHARGE] == 0)
        answer(p, r, mishap, 404, "{\"error\":\"there is no charge for this order\"}");
    else
        answer_account(p, r, mishap, 200, a);
}

static void refund(struct partner *p, struct belay_http_request *r, enum mishap mishap, struct belay_str order)
{
    struct account *a = ledger_find(&p->all->ledger, order);
    if (!a || a->done[DEED_CHARGE] == 0) {
        answer(p, r, mishap, 404, "{\"error\":\"there is no charge for this order\"}");
        return;
    }
    if (a->done[DEED_REFUND] < a->done[DEED_CHARGE])
        a = ledger_do(&p->all->ledger, DEED_REFUND, order, r->idempotency_key, 0);
    answer_account(p, r, mishap, 200, a);
}

/* ---- warehouse ---- */

static void ship(struct partner *p, struct belay_http_request *r, enum mishap mishap, struct belay_str order)
{
    struct account *a = ledger_find(&p->all->ledger, order);
    if (belay_str_starts(order, BELAY_STR("unshippable")) || faults_chosen(order, "reject", p->faults.reject)) {
        answer(p, r, mishap, 409, "{\"error\":\"out of stock for good\"}");
        return;
    }
    if (!a || !a->shipped)
        a = ledger_do(&p->all->ledger, DEED_SHIP, order, r->idempotency_key, 0);
    if (a)
        answer(p, r, mishap, 200, "{\"status\":\"shipped\"}");
    else
        answer(p, r, MISHAP_NONE, 500, "{\"error\":\"no memory\"}");
}

static void cancel(struct partner *p, struct belay_http_request *r, enum mishap mishap, struct belay_str order)
{
    struct account *a = ledger_find(&p->all->ledger, order);
    if (a && a->shipped)
        ledger_do(&p->all->ledger, DEED_CANCEL, order, r->idempotency_key, 0);
    answer(p, r, mishap, 200, "{\"status\":\"cancelled\"}");
}

static void shipment_of(struct partner *p, struct belay_http_request *r, enum mishap mishap, struct belay_str order)
{
    struct account *a = ledger_find(&p->all->ledger, order);
    bool shipped = a && a->shipped;
    answer(p, r, mishap, shipped ? 200 : 404, shipped ? "{\"status\":\"shipped\"}" : "{\"error\":\"not shipped\"}");
}

/* ---- control ---- */

static void control(struct partner *p, struct belay_http_request *r)
{
    struct belay_buf body;
    struct belay_err err;
    belay_buf_init(&body, BODY_BYTES);
    bool ok = belay_str_eq(r->method, BELAY_STR("GET")) || faults_set(&p->faults, r->body_json, &err) == BELAY_OK;
    if (ok) {
        faults_write(&p->faults, &body);
    } else {
        belay_buf_put_str(&body, BELAY_STR("{\"error\":"));
        belay_json_write_str(&body, belay_str_c(err.msg));
        belay_buf_put_c(&body, '}');
    }
    delay_answer(&p->all->delay, r, 0, ok ? 200 : 422, belay_buf_view(&body));
    belay_buf_deinit(&body);
}

static void look(struct partner *p, struct belay_http_request *r, struct belay_str order)
{
    struct belay_buf body;
    struct account *a = order.n ? ledger_find(&p->all->ledger, order) : NULL;
    belay_buf_init(&body, BODY_BYTES);
    if (a)
        account_write(a, &body);
    else if (order.n == 0)
        ledger_write_totals(&p->all->ledger, &body);
    delay_answer(&p->all->delay, r, 0, body.n ? 200 : 404, belay_buf_view(&body));
    belay_buf_deinit(&body);
}

/* ---- servers ---- */

static int on_request(void *arg, struct belay_http_request *r, struct belay_err *err)
{
    struct partner *p = arg;
    const struct belay_http_param *param = belay_http_param(r, BELAY_STR("id"));
    struct belay_str id = param ? param->text : BELAY_STR_NONE;
    (void)err;
    char operation = r->operation_id.p[0]; /* the table below */
    if (operation == 'k') {
        control(p, r);
        return BELAY_OK;
    }
    if (operation == 'l') {
        look(p, r, id);
        return BELAY_OK;
    }
    enum mishap mishap = faults_draw(&p->faults);
    if (fails(p, r, mishap))
        return BELAY_OK;
    switch (operation) {
    case 'c':
        charge(p, r, mishap);
        break;
    case 'g':
        charge_of(p, r, mishap, id);
        break;
    case 'r':
        refund(p, r, mishap, id);
        break;
    case 's':
        ship(p, r, mishap, id);
        break;
    case 'x':
        cancel(p, r, mishap, id);
        break;
    default:
        shipment_of(p, r, mishap, id);
    }
    return BELAY_OK;
}

static const struct belay_http_route payment_routes[] = {
    { "POST", "/charges", "c" },       { "GET", "/charges/by-order/{id}", "g" },
    { "POST", "/charges/by-order/{id}/refund", "r" },
    { "GET", "/control", "k" },        { "PUT", "/control", "k" },
    { "GET", "/ledger", "l" },         { "GET", "/ledger/{id}", "l" },
};
static const struct belay_http_route warehouse_routes[] = {
    { "PUT", "/shipments/{id}", "s" }, { "DELETE", "/shipments/{id}", "x" },
    { "GET", "/shipments/{id}", "t" }, { "GET", "/control", "k" },
    { "PUT", "/control", "k" },        { "GET", "/ledger", "l" },
    { "GET", "/ledger/{id}", "l" },
};

static int open_partner(struct partners *all, struct partner *p, const char *name, unsigned port,
                        const struct belay_http_route *routes, uint32_t count, struct belay_err *err)
{
    char listen[32];
    snprintf(listen, sizeof listen, "127.0.0.1:%u", port);
    *p = (struct partner){ .all = all, .name = name, .faults = { .random = { port } } };
    struct belay_http_server_config config = { .listen = belay_str_c(listen), .api = belay_str_c(name),
                                               .routes = routes, .route_count = count };
    int status = belay_http_server_open(all->io, &config, on_request, p, &p->server, err);
    return status == BELAY_OK ? status : belay_wrap(err, status, "%s on %s", name, listen);
}

static void on_closed(void *flag)
{
    raise(SIGUSR1);
    *(volatile sig_atomic_t *)flag += 1;
}

static void close_partner(struct partner *p, sigset_t *set)
{
    static volatile sig_atomic_t closed;
    int before = closed;
    if (!p->server)
        return;
    belay_http_server_close(p->server, 200, on_closed, (void *)(uintptr_t)&closed);
    while (closed == before) {
        struct timespec moment = { 0, 10000000 };
        sigtimedwait(set, NULL, &moment);
    }
}

static bool parse(int argc, char **argv, const char **ledger, unsigned *payments, unsigned *warehouse)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--ledger") == 0)
            *ledger = argv[i + 1];
        else if (strcmp(argv[i], "--payments-port") == 0)
            *payments = (unsigned)atoi(argv[i + 1]);
        else if (strcmp(argv[i], "--warehouse-port") == 0)
            *warehouse = (unsigned)atoi(argv[i + 1]);
        else
            return false;
    }
    return *ledger && argc % 2 == 1;
}

#define COUNT(table) (uint32_t)(sizeof(table) / sizeof(table)[0])

int main(int argc, char **argv)
{
    static struct partners all;
    const char *ledger = NULL;
    unsigned payments = PAYMENTS_PORT, warehouse = WAREHOUSE_PORT;
    struct belay_err err;
    sigset_t set;
    int signal_number;
    if (!parse(argc, argv, &ledger, &payments, &warehouse)) {
        fprintf(stderr, "usage: order-partners --ledger FILE [--payments-port 7101] [--warehouse-port 7102]\n");
        return 64;
    }
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    int status = ledger_open(&all.ledger, ledger, &err);
    if (status == BELAY_OK)
        status = delay_open(&all.delay, &err);
    if (status == BELAY_OK)
        status = belay_http_io_open(&all.io, &err);
    if (status == BELAY_OK)
        status = open_partner(&all, &all.payments, "payments", payments, payment_routes, COUNT(payment_routes), &err);
    if (status == BELAY_OK)
        status = open_partner(&all, &all.warehouse, "warehouse", warehouse, warehouse_routes,
                              COUNT(warehouse_routes), &err);
    if (status != BELAY_OK) {
        fprintf(stderr, "order-partners: %s\n", err.msg);
        return 1;
    }
    printf("payments on 127.0.0.1:%u, warehouse on 127.0.0.1:%u\n", payments, warehouse);
    fflush(stdout);
    do
        signal_number = sigwaitinfo(&set, NULL);
    while (signal_number == SIGUSR1);
    delay_close(&all.delay);
    close_partner(&all.payments, &set);
    close_partner(&all.warehouse, &set);
    belay_http_io_close(all.io);
    ledger_close(&all.ledger);
    return 0;
}
