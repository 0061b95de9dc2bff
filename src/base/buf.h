/* buf.h - a growing byte buffer with a limit.  Uses: alloc, str.  Thread: one owner.
 * A buffer that failed (no memory, limit) keeps what it had, ignores what follows, and says so:
 * write everything, then check belay_buf_status once. */
#ifndef BELAY_BASE_BUF_H
#define BELAY_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "base/str.h"

struct belay_buf {
    char *p;
    size_t n;
    size_t cap;
    size_t size_bytes_max;
    int status; /* BELAY_OK, BELAY_NOMEM or BELAY_LIMIT */
};

void belay_buf_init(struct belay_buf *b, size_t size_bytes_max);
void belay_buf_deinit(struct belay_buf *b);
/* Empty again, memory kept, failure forgotten. */
void belay_buf_clear(struct belay_buf *b);
int belay_buf_status(const struct belay_buf *b) BELAY_MUST_CHECK;
/* Makes room for n more bytes; returns where they go, or NULL when failed. */
char *belay_buf_reserve_slow(struct belay_buf *b, size_t n);
void belay_buf_printf(struct belay_buf *b, const char *fmt, ...) BELAY_PRINTF(2, 3);

static inline char *belay_buf_reserve(struct belay_buf *b, size_t n)
{
    if (__builtin_expect(b->status == BELAY_OK && n <= b->cap - b->n, 1))
        return b->p + b->n;
    return belay_buf_reserve_slow(b, n);
}

static inline void belay_buf_put(struct belay_buf *b, const void *p, size_t n)
{
    char *to = n ? belay_buf_reserve(b, n) : NULL;
    if (to) {
        memcpy(to, p, n);
        b->n += n;
    }
}

static inline void belay_buf_put_str(struct belay_buf *b, struct belay_str s)
{
    belay_buf_put(b, s.p, s.n);
}

static inline void belay_buf_put_c(struct belay_buf *b, char c)
{
    char *to = belay_buf_reserve(b, 1);
    if (to) {
        *to = c;
        b->n++;
    }
}

static inline struct belay_str belay_buf_view(const struct belay_buf *b)
{
    return belay_str(b->p, b->n);
}

#endif
