#include "delay.h"

#include "base/alloc.h"
#include "base/list.h"
#include "platform/clock.h"

struct later {
    struct belay_heap_node node;
    struct belay_http_request *request;
    uint32_t status;
    size_t n;
    char body[];
};

static belay_time now(void)
{
    return belay_clock_monotonic(belay_clock_posix());
}

static void give(struct belay_http_request *request, uint32_t status, struct belay_str body)
{
    const struct belay_field headers[] = { { BELAY_STR("content-type"), BELAY_STR("application/json") },
                                           { BELAY_STR("retry-after"), BELAY_STR("1") } };
    if (status == 0)
        belay_http_drop(request);
    else
        belay_http_reply(request, status, headers, status == 503 ? 2 : 1, body);
}

static void run(void *ctx)
{
    struct delay *d = ctx;
    belay_mutex_lock(&d->mutex);
    for (;;) {
        struct belay_heap_node *node = belay_heap_min(&d->heap);
        belay_time left = node ? node->key - now() : 0;
        if (!node && d->closing)
            break;
        if (!node) {
            belay_cond_wait(&d->cond, &d->mutex);
        } else if (left > 0 && !d->closing) {
            belay_cond_wait_ms(&d->cond, &d->mutex, (uint32_t)(left / BELAY_US_PER_MS + 1));
        } else {
            struct later *l = BELAY_CONTAINER_OF(node, struct later, node);
            belay_heap_remove(&d->heap, node);
            belay_mutex_unlock(&d->mutex);
            give(l->request, l->status, belay_str(l->body, l->n));
            belay_free(l);
            belay_mutex_lock(&d->mutex);
        }
    }
    belay_mutex_unlock(&d->mutex);
}

int delay_open(struct delay *d, struct belay_err *err)
{
    *d = (struct delay){ 0 };
    belay_mutex_init(&d->mutex);
    belay_cond_init(&d->cond);
    belay_heap_init(&d->heap);
    return belay_thread_start(&d->thread, "delay", run, d, err);
}

void delay_close(struct delay *d)
{
    belay_mutex_lock(&d->mutex);
    d->closing = true;
    belay_cond_signal(&d->cond);
    belay_mutex_unlock(&d->mutex);
    belay_thread_join(&d->thread);
    belay_heap_deinit(&d->heap);
    belay_cond_deinit(&d->cond);
    belay_mutex_deinit(&d->mutex);
}

void delay_answer(struct delay *d, struct belay_http_request *request, uint32_t after_ms, uint32_t status,
                  struct belay_str body)
{
    struct later *l = after_ms ? belay_calloc(1, sizeof *l + body.n) : NULL;
    if (!l) { /* at once, or no memory to wait */
        give(request, status, body);
        return;
    }
    belay_heap_node_init(&l->node);
    l->request = request;
    l->status = status;
    l->n = body.n;
    if (body.n)
        memcpy(l->body, body.p, body.n);
    belay_mutex_lock(&d->mutex);
    bool in = belay_heap_insert(&d->heap, &l->node, now() + (belay_time)after_ms * BELAY_US_PER_MS) == BELAY_OK;
    belay_cond_signal(&d->cond);
    belay_mutex_unlock(&d->mutex);
    if (!in) {
        give(request, status, body);
        belay_free(l);
    }
}
