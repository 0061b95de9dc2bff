/* faults.h - how the partners fail, as they were told.  Which requests fail is drawn by a seeded
 * generator, so that a run can be had again.  Thread: one. */
#ifndef ORDER_PARTNERS_FAULTS_H
#define ORDER_PARTNERS_FAULTS_H

#include "base/buf.h"
#include "base/random.h"
#include "base/status.h"
#include "json/json.h"

/* Shares are of 0..1. Each partner has its own. */
struct faults {
    uint32_t latency_ms;
    double error;    /* 500, nothing was done */
    double unavailable; /* 503 with Retry-After: 1, nothing was done */
    double timeout;  /* no answer, nothing was done */
    double lost;     /* it was done, and the answer is lost */
    double decline;  /* payments: of the orders, by their id: the card is declined */
    double reject;   /* warehouse: of the orders, by their id: 409 for good */
    struct belay_random random;
};

enum mishap { MISHAP_NONE, MISHAP_ERROR, MISHAP_UNAVAILABLE, MISHAP_TIMEOUT, MISHAP_LOST };

/* The mishap of the next request. */
enum mishap faults_draw(struct faults *f);
/* Does an order belong to a share of them? The same answer each time it is asked. */
bool faults_chosen(struct belay_str order, const char *purpose, double share);
/* Members of a JSON object over what is set; unknown ones are refused. Errors: BELAY_INVALID. */
int faults_set(struct faults *f, const belay_json *settings, struct belay_err *err) BELAY_MUST_CHECK;
void faults_write(const struct faults *f, struct belay_buf *out);

#endif
