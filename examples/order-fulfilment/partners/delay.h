/* delay.h - answers that are given later.  Thread: delay_put from any; a thread of its own gives them. */
#ifndef ORDER_PARTNERS_DELAY_H
#define ORDER_PARTNERS_DELAY_H

#include "base/heap.h"
#include "connector/http/server.h"
#include "platform/thread.h"

struct delay {
    struct belay_thread thread;
    struct belay_mutex mutex;
    struct belay_cond cond;
    struct belay_heap heap;
    bool closing;
};

int delay_open(struct delay *d, struct belay_err *err) BELAY_MUST_CHECK;
/* What still waits is answered at once. */
void delay_close(struct delay *d);
/* status 0: the connection is dropped. body is copied. after_ms 0: at once. */
void delay_answer(struct delay *d, struct belay_http_request *request, uint32_t after_ms, uint32_t status,
                  struct belay_str body);

#endif
