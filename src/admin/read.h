/* read.h - reading a topic from a sequence on, from memory or in the background, a bite each turn.
 * Uses: store.  Thread: engine. */
#ifndef BELAY_ADMIN_READ_H
#define BELAY_ADMIN_READ_H

#include "admin/question.h"

struct reader {
    struct question *q;
    struct belay_store *store;
    uint32_t topic;
    uint64_t at, end;       /* [at, end) is still to be read */
    /* For each message, in order; false: enough. Views until it returns. */
    bool (*each)(void *arg, uint64_t sequence, const struct belay_message *m);
    /* The end was reached, or each said enough, or reading failed (q->err set). */
    void (*over)(void *arg);
    void *arg;
    struct belay_fetched items[BELAY_ADMIN_BITE]; /* its own */
};

/* Calls each and over, now or later. r lives until over was called; q->fetch is its own meanwhile. */
void reader_start(struct reader *r);

#endif
