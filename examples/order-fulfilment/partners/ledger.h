/* ledger.h - what the partners did, order by order: in memory and, a line a deed, in a file.
 * It is the outside truth: it counts deeds, not answers.  Thread: one (the servers' I/O thread). */
#ifndef ORDER_PARTNERS_LEDGER_H
#define ORDER_PARTNERS_LEDGER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/map.h"
#include "base/status.h"
#include "base/str.h"
#include "json/json.h"

enum deed { DEED_CHARGE, DEED_DECLINE, DEED_REFUND, DEED_SHIP, DEED_CANCEL, DEED_KINDS };

/* What was done for one order. */
struct account {
    struct belay_str order;
    uint32_t done[DEED_KINDS];
    double amount;
    bool shipped; /* now: shipped and not cancelled */
};

struct ledger {
    FILE *file;
    struct belay_map accounts; /* order -> struct account */
    struct belay_map keys;     /* idempotency key -> struct account: answered again, not done again */
    uint64_t repeated;         /* requests that a key recognised */
};

/* Reads what the file holds, and appends to it from then on. Errors: BELAY_IO, BELAY_NOMEM. */
int ledger_open(struct ledger *l, const char *path, struct belay_err *err) BELAY_MUST_CHECK;
void ledger_close(struct ledger *l);
/* NULL where the order is not known. */
struct account *ledger_find(struct ledger *l, struct belay_str order);
/* The account a key was first used for; NULL: a new key. */
struct account *ledger_key(struct ledger *l, struct belay_str key);
/* Writes the deed down; key may be empty. NULL without memory. */
struct account *ledger_do(struct ledger *l, enum deed deed, struct belay_str order, struct belay_str key,
                          double amount);
/* {"orders":n,"charged":n,...,"charged_twice":n,"refunded_and_shipped":n,"repeated":n} */
void ledger_write_totals(const struct ledger *l, struct belay_buf *out);
/* {"order","charges","declines","refunds","shipments","cancellations","shipped"} */
void account_write(const struct account *a, struct belay_buf *out);

#endif
